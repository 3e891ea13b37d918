"""What the next value of a series will be, and how likely it lies beyond a threshold."""

import numpy as np
import pytest

from salesops_kit.models.exceedance import brier, foreseen


def walks(n, length, seed=4):
    draw = np.random.default_rng(seed)
    return np.cumsum(draw.normal(0, 0.02, (n, length)), axis=1) + draw.normal(0, 0.03, (n, length))


def test_ranges_hold_as_many_as_they_say_and_chances_come_as_often():
    inside, stated, came = [], [], []
    for series in walks(600, 14):
        ahead = foreseen(series[:-1], threshold=0.05)
        inside.append(ahead.low <= series[-1] <= ahead.high)
        stated.append(ahead.chance)
        came.append(series[-1] > 0.05)

    assert np.mean(inside) == pytest.approx(0.8, abs=0.05)
    assert np.mean(stated) == pytest.approx(np.mean(came), abs=0.05)
    ours, usual = brier(np.array(stated), np.array(came, dtype=float))
    assert ours < 0.8 * usual


def test_below_is_the_mirror_of_above():
    [series] = walks(1, 12)
    above = foreseen(series, threshold=0.02)
    below = foreseen(-series, threshold=-0.02, worse=-1)

    assert below.chance == pytest.approx(above.chance)
    assert (below.low, below.high) == pytest.approx((-above.high, -above.low))


def test_a_series_that_never_moved_stays_and_short_ones_say_nothing():
    still = foreseen(np.full(8, 0.3), threshold=0.25)

    assert (still.value, still.chance) == (pytest.approx(0.3), 1.0)
    assert foreseen(np.full(8, 0.3), threshold=0.35).chance == 0.0
    assert foreseen(np.array([0.1, np.nan, 0.2, 0.1, 0.3, np.nan, 0.2]), threshold=0.1) is None


def test_brier_by_hand():
    assert brier(np.array([0.5, 1.0]), np.array([0.0, 1.0])) == (0.125, 0.25)
    assert np.isnan(brier(np.zeros(0), np.zeros(0))[0])
