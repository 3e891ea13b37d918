"""Concentration: figures to check by hand, and intervals that hold the truth."""

import numpy as np
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.models.concentration import concentration


def measured(amounts, groups, seed=0):
    return concentration(
        np.array(amounts, dtype=float), np.array(groups), np.random.default_rng(seed)
    )


def test_figures_by_hand():
    found = measured([50, 30, 20], [7, 2, 9])

    assert found.hhi[0] == pytest.approx(0.38)
    assert found.effective[0] == pytest.approx(1 / 0.38)
    assert [found.tops[top][0] for top in (1, 3, 5)] == pytest.approx([0.5, 1.0, 1.0])
    assert (found.n, found.groups) == (3, 3)


def test_equal_groups_are_as_many_as_there_are():
    found = measured([1.0] * 40, list(range(8)) * 5)

    assert found.effective[0] == pytest.approx(8)
    assert found.effective[1] <= 8 <= found.effective[2]


def test_intervals_hold_the_spread_that_deals_were_drawn_from():
    """Deals fall to groups by known shares: the index of the shares lies inside."""
    shares = np.array([0.35, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05])
    held = 0
    for seed in range(60):
        draw = np.random.default_rng(seed)
        groups = draw.choice(len(shares), 150, p=shares)
        low, high = concentration(draw.lognormal(0, 0.6, 150), groups, draw).hhi[1:]
        held += low <= (shares**2).sum() <= high

    assert 0.80 <= held / 60 <= 1.0


def test_nothing_sold_is_no_concentration_and_negative_money_is_refused():
    assert np.isnan(measured([0.0, 0.0], [1, 2]).hhi[0])
    with pytest.raises(ParameterError, match="0 or more"):
        measured([1.0, -1.0], [1, 2])
