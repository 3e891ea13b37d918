"""Ramp: who counts as ramped by hand, and the curve against lifelines."""

import numpy as np
import pandas as pd
import pytest
from lifelines import AalenJohansenFitter

from salesops_kit.models.ramp import (
    Staff,
    benchmark,
    median_ramp,
    ramp_curve,
    ramp_ends,
    ramped_within,
)

EDGES = np.arange(0, 390, 30)  # twelve months of thirty days
NAN = np.nan
NEVER = -1000.0  # hired long before


def staff(*new):
    """Four tenured peers who book 80, 100, 100 and 300 a month, and new ones: (booked, hired,
    left)."""
    peers = [([amount] * 12, NEVER, NAN) for amount in (80.0, 100.0, 100.0, 300.0)]
    booked, hired, left = zip(*peers, *new, strict=True)
    return Staff(np.array(booked, dtype=float), np.array(hired), np.array(left), EDGES)


def test_the_mark_is_four_fifths_of_the_peers_median_and_new_ones_are_no_peers():
    marks = benchmark(staff(([1e6] * 12, 0.0, NAN)))

    assert np.isnan(marks[:2]).all()
    assert marks[2:] == pytest.approx([240.0] * 10)


def test_each_end_is_found_by_hand():
    ends = ramp_ends(staff(
        ([0, 50, 80, 80, 80, *[0] * 7], 10.0, NAN),  # months 2-4 bring 240: day 150
        ([0, *[79] * 11], 10.0, NAN),  # never quite
        ([*[0] * 12], 40.0, 200.0),  # left
        ([1e6, *[0] * 11], 0.0, NAN),  # one large deal in the first month lasts to its third
        ([*[0] * 6, 100, 100, 100, *[0] * 3], 0.0, 260.0),  # gone before that month ended
    )).set_index("row")  # fmt: skip

    assert ends["end"].tolist() == ["ramped", "waiting", "left", "ramped", "left"]
    assert ends["age_days"].tolist() == [140, 350, 161, 90, 261]


def test_nobody_is_judged_without_peers_or_days_of_hiring():
    alone = Staff(np.ones((2, 12)), np.array([0.0, NEVER]), np.array([NAN, NAN]), EDGES)
    assert ramp_ends(alone).empty
    assert ramp_ends(staff(([1e6] * 12, NAN, NAN))).empty


def test_the_curve_is_that_of_lifelines_and_leavers_are_not_censored():
    rng = np.random.default_rng(1)
    age = np.arange(200) * 3 + rng.integers(30, 32, 200)  # no ties: lifelines would move them
    end = rng.choice(["ramped", "left", "waiting"], 200, p=[0.5, 0.2, 0.3])
    ends = pd.DataFrame({"age_days": age, "end": end})
    codes = ends["end"].map({"ramped": 1, "left": 2, "waiting": 0})
    oracle = AalenJohansenFitter(calculate_variance=False).fit(age, codes, event_of_interest=1)
    theirs = oracle.cumulative_density_.iloc[:, 0]

    curve = ramp_curve(ends)

    ours = curve.set_index("age_days")["share"]
    assert ours.to_numpy() == pytest.approx(theirs.loc[ours.index].to_numpy(), abs=1e-12)
    assert (curve["share"] + curve["left"] + curve["remaining"]).to_numpy() == pytest.approx(1.0)
    table = ramped_within(curve, [1, 180, 5000]).set_index("horizon")
    assert table.loc[1, "ramped"] == 0
    assert table.loc[180, "ramped"] == pytest.approx(theirs.loc[:180].iloc[-1])
    assert table.loc[180, "in_view"] == (age > 180).sum()
    assert np.isnan(table.loc[5000, "ramped"]) or curve["remaining"].iloc[-1] < 1e-12
    median = median_ramp(curve)
    assert theirs.loc[: median.value - 1].iloc[-1] < 0.5 <= theirs.loc[: median.value].iloc[-1]
    assert median.lower <= median.value
    assert not median.upper <= median.value


def test_the_curve_ends_where_one_rep_would_stand_for_many():
    end = ["ramped", "ramped", *["waiting"] * 7, "ramped"]
    ends = pd.DataFrame({"age_days": [10, 20, *[30] * 7, 40], "end": end})

    curve = ramp_curve(ends)  # the last one would lift it from 0.2 to 1

    assert curve["age_days"].tolist() == [10, 20, 30]
    assert curve["share"].iloc[-1] == pytest.approx(0.2)
    assert ramped_within(curve, [30, 45])["ramped"].isna().tolist() == [False, True]


def test_the_median_is_missing_where_half_never_ramp():
    ends = pd.DataFrame({"age_days": [100, 120, 200, 300], "end": ["ramped", *["left"] * 3]})

    assert np.isnan(median_ramp(ramp_curve(ends)).value)
