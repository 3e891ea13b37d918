"""The forecast of everybody in view: open deals first, then the series."""

import numpy as np
import pytest

from salesops_kit.analyses.forecast_total import joined


def test_outcomes_go_on_by_the_paths_that_stood_where_they_stand():
    rng = np.random.default_rng(5)
    first = rng.gamma(4.0, 25.0, (400, 2))
    walk = rng.normal(100.0, 30.0, (90, 5)).cumsum(axis=1) / np.arange(1, 6)

    whole = joined(first, walk)

    assert sorted(whole[:, :2].sum(axis=1)) == pytest.approx(sorted(first.sum(axis=1)))
    # what is high in the first steps stays high, as far as the paths do
    tie = np.corrcoef(walk[:, :2].sum(axis=1), walk[:, 2:].sum(axis=1))[0, 1]
    ranks = whole[:, :2].sum(axis=1).argsort().argsort(), whole[:, 2:].sum(axis=1)
    assert np.corrcoef(*ranks)[0, 1] == pytest.approx(tie, abs=0.1)
    assert set(np.round(whole[:, 2], 6)) <= set(np.round(walk[:, 2], 6))
