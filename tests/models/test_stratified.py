"""Mantel-Haenszel: textbook figures, hand-made strata, and how often the intervals hold."""

from math import exp, log, sqrt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesops_kit.errors import ParameterError
from salesops_kit.models.stratified import mantel_haenszel

NAMES = ["hits", "n", "other_hits", "other_n"]


def strata(*rows):
    return pd.DataFrame(rows, columns=NAMES)


def test_one_stratum_is_the_plain_two_by_two_table():
    found = mantel_haenszel(strata((30, 50, 20, 50)))

    assert found.difference == pytest.approx(0.2)
    error = sqrt(1 / 30 + 1 / 20 + 1 / 20 + 1 / 30)  # Woolf's, which Robins' is for one stratum
    assert found.log_odds == pytest.approx(log(30 / 20 * 30 / 20))
    assert found.log_odds_upper == pytest.approx(found.log_odds + 1.6449 * error, abs=1e-3)
    plain = sqrt(0.6 * 0.4 / 50 + 0.4 * 0.6 / 50)
    assert found.upper - found.difference == pytest.approx(1.6449 * plain, rel=0.02)
    # a difference of 0.2 over the pooled error 0.1, times 100/99 for the finite table
    assert found.p == pytest.approx(0.0466, abs=2e-4)


def test_berkeley_admissions_lose_their_bias_within_departments():
    # Bickel, Hammel & O'Connell (1975): men admitted of men, women admitted of women, A to F
    berkeley = strata(
        (512, 825, 89, 108), (353, 560, 17, 25), (120, 325, 202, 593), (138, 417, 131, 375),
        (53, 191, 94, 393), (22, 373, 24, 341),
    )  # fmt: skip
    found = mantel_haenszel(berkeley, confidence=0.95)
    raw = mantel_haenszel(strata(tuple(berkeley.sum())))

    assert exp(raw.log_odds) == pytest.approx(1.841, abs=1e-3)
    # as R gives them for its UCBAdmissions, without continuity correction
    assert exp(found.log_odds) == pytest.approx(0.9047, abs=1e-4)
    assert exp(found.log_odds_lower) == pytest.approx(0.7720, abs=2e-4)
    assert exp(found.log_odds_upper) == pytest.approx(1.0603, abs=2e-4)
    assert found.p == pytest.approx(0.2174, abs=2e-3)


def test_a_stratum_with_one_group_alone_tells_nothing():
    found = mantel_haenszel(strata((8, 10, 4, 10), (5, 5, 0, 0), (0, 0, 3, 9)))

    assert (found.n, found.other_n) == (10, 10)
    assert found.difference == pytest.approx(0.4)


def test_nothing_to_compare_is_missing():
    found = mantel_haenszel(strata((5, 5, 0, 0)))

    assert np.isnan([found.difference, found.lower, found.log_odds, found.p]).all()


def test_impossible_counts_are_refused():
    with pytest.raises(ParameterError, match="hits must lie between 0 and n"):
        mantel_haenszel(strata((6, 5, 0, 5)))


@pytest.mark.parametrize(("size", "count"), [(60, 8), (3, 300)])
def test_intervals_hold_for_few_large_and_many_small_strata(size, count):
    draw = np.random.default_rng(7)
    inside = []
    for _ in range(400):
        level = draw.uniform(0.2, 0.7, count)
        n, other = draw.integers(1, size + 1, count), draw.integers(1, size + 1, count)
        table = pd.DataFrame(
            {"hits": draw.binomial(n, level + 0.1), "n": n,
             "other_hits": draw.binomial(other, level), "other_n": other}
        )  # fmt: skip
        found = mantel_haenszel(table)
        inside.append(found.lower <= 0.1 <= found.upper)

    assert 0.86 <= np.mean(inside) <= 0.94


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9)),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_to_exchange_the_groups_changes_the_sign_and_nothing_else(rows):
    table = strata(*((a, a + b, c, c + d) for a, b, c, d in rows))
    there = mantel_haenszel(table)
    back = mantel_haenszel(table[["other_hits", "other_n", "hits", "n"]].set_axis(NAMES, axis=1))

    assert back.difference == pytest.approx(-there.difference, nan_ok=True)
    assert back.lower == pytest.approx(-there.upper, nan_ok=True)
    assert back.log_odds == pytest.approx(-there.log_odds, nan_ok=True)
    assert back.p == pytest.approx(there.p, nan_ok=True)
