"""Contracts: hazard by term, signals, and contracts that have not ended."""

import numpy as np
import pandas as pd
import pytest

from salesops_kit.models.renewal import fit_renewal, hazard_by_term


def contracts(n=4000, seed=2):
    draw = np.random.default_rng(seed)
    term, trouble = draw.integers(1, 5, n), draw.integers(0, 2, n)
    chance = np.where(term == 1, 0.3, 0.15) * np.where(trouble == 1, 1.8, 1.0)
    return pd.DataFrame(
        {"term": term, "trouble": trouble, "ended": (draw.random(n) < chance).astype(int),
         "chance": chance}
    )  # fmt: skip


def test_chances_are_those_contracts_were_drawn_with():
    known = contracts()
    model = fit_renewal(known, ["trouble"])

    off = np.abs(model.chance(known) - known["chance"])
    assert off.max() < 0.05
    assert model.chance(known).sum() == pytest.approx(known["ended"].sum(), rel=0.02)
    assert (model.n, model.ended) == (4000, int(known["ended"].sum()))


def test_draws_spread_more_than_chance_alone_for_few_contracts():
    few, due = contracts(40), contracts(300, seed=8)
    model = fit_renewal(few, ["trouble"])

    lost = model.drawn(due, np.random.default_rng(0), 2000).sum(axis=1)
    chance = model.chance(due)

    assert lost.mean() == pytest.approx(chance.sum(), rel=0.12)
    assert lost.std() > 1.5 * np.sqrt((chance * (1 - chance)).sum())


def test_hazard_and_survival_by_term():
    rows = pd.DataFrame({"term": [1] * 10 + [2] * 5, "ended": [1] * 2 + [0] * 8 + [1] + [0] * 4})

    table = hazard_by_term(rows)

    assert table.to_dict("list") == {
        "term": [1, 2], "reached": [10, 5], "ended": [2, 1],
        "hazard": [0.2, 0.2], "survival": [0.8, pytest.approx(0.64)],
    }  # fmt: skip


@pytest.mark.parametrize("ended", [[1, 0] * 9, [0] * 30])
def test_too_few_or_all_alike_teach_nothing(ended):
    assert fit_renewal(pd.DataFrame({"term": 1, "ended": ended})) is None
