"""Penalized logistic regression: what scikit-learn finds, to the last digits that count."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from salesops_kit.models.logistic import fit_logistic


def cases(seed, n=3000):
    """Columns of odd size, one of them constant, hits by some of them, and weights."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(3, [1, 50, 0.01, 1, 2], (n, 5))
    rows[:, 3] = 0.1
    hit = draw.random(n) < expit(0.8 * (rows[:, 0] - 3) - 0.02 * rows[:, 1] - 2)
    return rows, hit.astype("float64"), draw.choice([1.0, 1.0, 2.5], n)


@pytest.mark.parametrize("seed", range(4))
def test_chances_are_those_of_scikit_learn(seed):
    rows, hit, weight = cases(seed)
    freedom = np.array([1.0, 0.3, 0.3, 1.0, 0.1])
    theirs = make_pipeline(
        StandardScaler(), FunctionTransformer(lambda there: there * freedom),
        LogisticRegression(C=0.3, solver="newton-cholesky"),
    ).fit(rows, hit, logisticregression__sample_weight=weight)  # fmt: skip

    ours = fit_logistic(rows, hit, weight, freedom=freedom, strength=0.3)

    assert np.abs(ours.chance(rows) - theirs.predict_proba(rows)[:, 1]).max() < 1e-10


def test_a_rare_hit_told_by_a_huge_column_is_fitted_without_overflow():
    """Full steps from the start would go far beyond: the loss must fall with each."""
    rows = np.zeros((2000, 2))
    rows[:3, 0], rows[:, 1] = 1e6, np.arange(2000)
    hit = np.zeros(2000)
    hit[:3] = 1

    model = fit_logistic(rows, hit, np.ones(2000), freedom=np.full(2, 100.0), strength=1e6)

    assert model.chance(rows)[:3].min() > 0.9
    assert model.chance(rows)[3:].max() < 0.1


def test_a_column_without_spread_has_no_effect():
    rows, hit, weight = cases(1)

    model = fit_logistic(rows, hit, weight, freedom=np.ones(5), strength=0.3)

    assert model.effects[3] == pytest.approx(0.0, abs=1e-9)
