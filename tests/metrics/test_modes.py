"""Four ways to count how deals pass a stage, and that the steps between them add up."""

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from metrics.cases import STAY_TYPES
from metrics.tables import as_frame, random_histories
from metrics.visit_oracle import visits_of

from salesops_kit.metrics.modes import stage_modes
from salesops_kit.periods import Period, day_number, period


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 40), st.integers(1, 60))
def test_the_steps_between_the_modes_add_up(seed, begin, days):
    history, deals = random_histories(seed, deals=30)
    start = period("2024-10").start + timedelta(days=begin)
    span = Period("", start, start + timedelta(days=days), "month", "CN")
    as_of = day_number(start + timedelta(days=90))
    found = visits_of(history, deals, as_of_day=as_of, dimensions=("region",))

    table = stage_modes(as_frame(found, **STAY_TYPES, amount="float64"), period=span)
    if not len(table):
        return
    c = table.set_index("stage")
    assert (c["entries"] - c["again"] - c["again_reopened"] == c["first_entries"]).all()
    begun_here = c["first_entries"] - c["begun_earlier"] + c["entered_later"]
    assert (begun_here == c["visited"]).all()
    assert (c["visited"] + c["passed_over"] == c["reached"]).all()
    off = c["off_skipped"] + c["off_back"] + c["off_reopened"]
    assert (c["visited"] - off == c["strict"]).all()
    assert (c >= 0).to_numpy().all()
    assert (c["stands_now"] <= c["visited"]).all()
