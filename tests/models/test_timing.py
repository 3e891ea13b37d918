"""Tests for moved deals: silent where nothing moves, whatever reps and the calendar do."""

import numpy as np
import pandas as pd
import pytest

from salesops_kit.models.timing import Shift, alarms, bunched, moved
from truth.incentives import around


def rows(*cells):
    return pd.DataFrame(cells, columns=["rep", "end", "before", "after", "near"])


def test_the_score_compares_with_the_others_at_the_same_end():
    table = rows(*[(f"R{i}", "a", 7 - i % 2, 1 + i % 2, True) for i in range(10)],
                 *[(f"R{i}", "a", 2 + i % 2, 2 - i % 2, False) for i in range(10, 22)])  # fmt: skip

    found = moved(table, "near", "pull_forward", more_before=True)

    assert (found.n, found.seen) == (80, 65)
    assert found.expected == pytest.approx(80 * 30 / 48)
    assert found.p < 0.01
    assert found.lower < found.excess < found.upper


def test_a_rush_at_the_end_that_everybody_has_is_no_shift():
    table = rows(*[(f"R{i}", "a", 9, 1, i % 2 == 0) for i in range(12)])

    found = moved(table, "near", "pull_forward", more_before=True)

    assert found.excess == 0
    assert not found.p < 0.4


@pytest.mark.parametrize(
    "table",
    [rows(), rows(("R0", "a", 3, 1, True)), rows(*[(f"R{i}", "a", 1, 1, True) for i in range(20)])],
)
def test_too_few_or_nobody_to_compare_with_is_said(table):
    assert np.isnan(moved(table, "near", "pull_forward", more_before=True).p)


def test_null_worlds_stay_silent_and_planted_shifts_are_found():
    def p_values(share):
        worlds = [around(seed, moved=share) for seed in range(25)]
        return np.array([moved(w, "near", "x", more_before=True).p for w in worlds])

    assert (p_values(0.0) < 0.05).mean() <= 0.12
    assert (p_values(0.5) < 0.05).mean() >= 0.9


def test_attainments_that_gather_above_a_cliff_are_found_on_a_slope():
    rng = np.random.default_rng(3)
    spread = rng.gamma(3, 0.33, 800)
    lifted = np.where((spread > 0.9) & (spread < 1) & (rng.random(800) < 0.6), 1.02, spread)

    assert bunched(spread, 1.0, 0.1).p > 0.05
    found = bunched(lifted, 1.0, 0.1)
    assert found.p < 0.001
    assert found.excess > 20
    assert np.isnan(bunched(spread[:30], 1.0, 0.1).p)


def test_all_tests_together_keep_the_level():
    shifts = [Shift("a", 1, p=p) for p in (0.03, np.nan, 0.012, 0.2)]

    assert alarms(shifts) == [False, False, True, False]
    assert alarms([Shift("a", 1)]) == [False]
