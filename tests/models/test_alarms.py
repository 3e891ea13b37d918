"""Alarms on many series: ranks, sums, and limits for all of them together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from salesops_kit.errors import ParameterError
from salesops_kit.models import alarms
from salesops_kit.models.alarms import FAST, Family, cusum, limits, normal_scores, watch


@pytest.fixture(autouse=True)
def _fewer_simulated_years(monkeypatch):
    monkeypatch.setattr(alarms, "_WORLDS", (60, 60))


def family(values, reference=60, **more):
    return Family(
        values, reference, np.zeros(len(values), dtype="int64"), [1.0],
        np.full(len(values), FAST), **more,
    )  # fmt: skip


def normal(series, weeks, seed=1):
    return np.random.default_rng(seed).standard_normal((series, weeks))


def test_a_week_is_placed_among_the_reference_weeks():
    values = np.array([[*range(30), 100.0, -5.0, 14.5, 7.0, np.nan]], dtype="float64")
    scores = normal_scores(values, 30)[0]

    assert scores[30:] == pytest.approx(
        [ndtri(30.5 / 31), ndtri(0.5 / 31), ndtri(15.5 / 31), ndtri(8 / 31), 0.0]
    )
    assert scores[:30].mean() == pytest.approx(0, abs=1e-12)


@given(st.integers(0, 1000))
def test_only_the_order_of_values_matters(seed):
    values = normal(2, 50, seed)

    assert np.array_equal(normal_scores(values, 30), normal_scores(np.exp(3 * values) - 9, 30))


def test_sums_are_those_of_the_plainest_loop_and_know_where_they_began():
    scores, allowance = normal(3, 40, 5), np.array([0.5, 0.25, 0.0])
    sums, since = cusum(scores, allowance)

    for row in range(3):
        total, start = 0.0, -1
        for week in range(40):
            total = max(total + scores[row, week] - allowance[row], 0.0)
            start = -1 if total == 0 else week if start < 0 else start
            assert sums[row, week] == pytest.approx(total)
            assert since[row, week] == start


def test_the_more_series_are_watched_the_higher_each_must_rise():
    few, many = (limits(family(values), normal_scores(values, 60), budget=0.5)[0]
                 for values in (normal(2, 70), normal(40, 70)))  # fmt: skip

    assert many > few + 1.0
    assert limits(family(normal(2, 70)), normal(2, 70), budget=2.0)[0] < few - 0.5


def test_copies_of_one_series_need_no_higher_limit_than_one():
    one = normal(1, 110)
    copies = np.repeat(one, 20, axis=0)
    alone, together, apart = (
        limits(family(v, 104), normal_scores(v, 104), budget=0.5)[0]
        for v in (one, copies, normal(20, 110))
    )

    assert alone - 0.5 < together < apart - 0.3


def test_a_lasting_fall_rings_and_says_since_when():
    values = normal(6, 80, 3)
    values[2, 68:] += 2.5
    found = watch(family(values), budget=0.5)

    assert found.ringing[:, -1].tolist() == [False, False, True, False, False, False]
    assert found.began[2].sum() == 1
    assert abs(int(found.since[2, -1]) + 60 - 68) <= 2


def test_an_alarm_lasts_until_its_sum_is_zero():
    sums = np.array([[0.0, 3.0, 1.0, 3.0, 0.0, 4.0]])
    found = alarms.Alarms(sums, sums, np.zeros((1, 6), dtype="int64"), np.array([2.0]))

    assert found.began[0].tolist() == [False, True, False, False, False, True]
    assert found.ringing[0].tolist() == [False, True, False, True, False, True]


def test_what_the_calendar_explains_does_not_ring():
    weeks = 60 + alarms.WARM + alarms.YEAR
    wave = np.sin(np.arange(weeks) / 4)[:, None]
    values = normal(3, 90, 8) * 0.3 + 3 * wave[:90, 0]
    design = wave - wave[:60].mean()

    assert watch(family(values, design=design), budget=0.5).scores.std() < 1.4
    found = watch(family(values, design=design), budget=0.5)
    assert not found.ringing.any()


def test_missing_weeks_neither_add_nor_take():
    values = normal(1, 80, 2)
    values[0, 65:70] = np.nan
    found = watch(family(values), budget=1.0)

    assert (found.scores[0, 5:10] == 0).all()


def test_impossible_families_are_refused():
    with pytest.raises(ParameterError, match="reference is 5 of 80 weeks"):
        family(normal(1, 80), 5)
    with pytest.raises(ParameterError, match="may add up to 1"):
        Family(normal(1, 80), 60, np.zeros(1, dtype="int64"), [1.5], np.ones(1))
    with pytest.raises(ParameterError, match="design must reach"):
        family(normal(1, 80), design=np.zeros((80, 1)))
    with pytest.raises(ParameterError, match="budget is 0"):
        watch(family(normal(1, 80)), budget=0)
