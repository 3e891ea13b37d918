"""Combining forecasts: closed forms, no look ahead, and better than the parts where it can be."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesops_kit.errors import ParameterError
from salesops_kit.models.combine import combine, combined_past


def past(seed=1, n=4000, sizes=(0.1, 0.2), tie=0.0):
    """Former forecasts of 100 whose errors have these sizes and this correlation."""
    draw = np.random.default_rng(seed)
    spread = np.outer(sizes, sizes) * (np.eye(2) * (1 - tie) + tie)
    errors = draw.multivariate_normal([0, 0], spread, n)
    table = pd.DataFrame(100 * (1 + errors), columns=["pipeline", "series"])
    return table.assign(actual=100.0, origin=np.arange(n) * 28, end=np.arange(n) * 28 + 84)


NOW = {"pipeline": 90.0, "series": 120.0}


@pytest.mark.parametrize("tie", [0.0, 0.3])
def test_weights_are_those_of_bates_and_granger(tie):
    a, b, c = 0.1**2, 0.2**2, tie * 0.1 * 0.2

    weights = combine(past(tie=tie), NOW).weights

    assert weights["pipeline"] == pytest.approx((b - c) / (a + b - 2 * c), abs=0.03)


def test_the_forecast_is_the_weighted_mean_and_its_range_as_wide_as_its_error():
    found = combine(past(), NOW)

    assert found.value == pytest.approx(
        found.weights["pipeline"] * 90 + found.weights["series"] * 120
    )
    assert found.error == pytest.approx(0.1 * 0.2 / np.hypot(0.1, 0.2), abs=0.01)
    assert np.log(found.upper / found.value) == pytest.approx(1.2816 * found.error, rel=1e-3)
    assert found.n == 4000


def test_without_former_forecasts_weights_are_equal_and_the_range_wide():
    found = combine(past(n=0), NOW)

    assert found.weights == {"pipeline": pytest.approx(0.5), "series": pytest.approx(0.5)}
    assert found.value == pytest.approx(105)
    assert found.upper > 1.2 * found.value


def test_a_method_that_adds_nothing_gets_no_weight():
    table = past(sizes=(0.05, 0.4), tie=0.9)

    assert combine(table, NOW).weights["series"] == pytest.approx(0, abs=1e-3)


def test_one_forecast_alone_is_taken_as_it_is():
    found = combine(past(n=50)[["pipeline", "actual"]], {"pipeline": 90.0})

    assert (found.value, found.weights) == (90.0, {"pipeline": 1.0})


def test_each_former_combination_knows_only_what_was_over():
    table = past(n=12)
    early = combined_past(table.head(6), ["pipeline", "series"])
    late = combined_past(table.assign(actual=np.where(np.arange(12) < 6, 100.0, 1e9)),
                         ["pipeline", "series"])  # fmt: skip

    pd.testing.assert_frame_equal(early, late.head(6))
    assert late["n"].tolist()[:5] == [0, 0, 0, 1, 2]


def test_only_the_newest_former_forecasts_are_learned_from_if_so_asked():
    table = past(n=40).assign(origin=range(40), end=range(1, 41))
    newest = combined_past(table, ["pipeline", "series"], newest=18).iloc[-1]
    alone = combine(table.iloc[21:39], dict(table.iloc[-1][["pipeline", "series"]]))

    assert newest["n"] == 18
    assert newest["weight_series"] == pytest.approx(alone.weights["series"])


def test_a_forecast_that_is_not_over_yet_teaches_nothing():
    table = past(n=8)
    running = table.assign(actual=table["actual"].where(table.index < 7))

    assert combine(running, NOW).n == 7


def test_the_combination_is_closer_than_both_parts_when_errors_differ():
    table = combined_past(past(n=300, sizes=(0.12, 0.15)), ["pipeline", "series"])
    error = {m: (table[m] - table["actual"]).abs().mean()
             for m in ("pipeline", "series", "combined")}  # fmt: skip

    assert error["combined"] < 0.9 * min(error["pipeline"], error["series"])


@given(st.lists(st.tuples(*[st.floats(0.1, 1e9)] * 3), max_size=12),
       st.tuples(*[st.floats(0.1, 1e9)] * 2))  # fmt: skip
def test_it_always_lies_between_its_members(rows, both):
    table = pd.DataFrame(rows, columns=["pipeline", "series", "actual"], dtype="float64")
    found = combine(table, dict(zip(("pipeline", "series"), both, strict=True)))

    assert min(both) * (1 - 1e-9) <= found.value <= max(both) * (1 + 1e-9)
    assert found.lower <= found.value <= found.upper
    assert sum(found.weights.values()) == pytest.approx(1)


def test_nothing_to_combine_is_refused():
    with pytest.raises(ParameterError, match="nothing to combine"):
        combine(past(n=3), {})
    with pytest.raises(ParameterError, match="no column 'reps'"):
        combine(past(n=3), {"reps": 1.0})
