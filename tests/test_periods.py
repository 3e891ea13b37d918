from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesops_kit.errors import ParameterError
from salesops_kit.periods import (
    FiscalCalendar,
    day_number,
    from_day_number,
    period,
    period_containing,
    periods_until,
)

calendars = st.builds(
    FiscalCalendar,
    st.integers(1, 12),
    st.sampled_from(["start", "end"]),
    st.sampled_from([0, 6]),
)
days = st.dates(date(1990, 1, 1), date(2050, 12, 31))
cadences = st.sampled_from(["week", "month", "quarter", "year"])


@given(days, cadences, calendars)
def test_a_label_leads_back_to_its_period_which_holds_the_day(day, cadence, calendar):
    found = period_containing(day, cadence, calendar)

    assert found.contains(day)
    assert period(found.label, calendar) == found


@given(days, cadences, calendars)
def test_periods_follow_each_other_without_gap(day, cadence, calendar):
    found = period_containing(day, cadence, calendar)

    assert found.next().start == found.end
    assert found.next().previous() == found
    assert found.previous().end == found.start


@given(days)
def test_weeks_that_start_on_monday_are_iso_weeks(day):
    year, week, _ = day.isocalendar()

    assert period_containing(day, "week").label == f"{year}-W{week:02d}"


@given(days)
def test_day_numbers_go_both_ways(day):
    assert from_day_number(day_number(day)) == day
    assert day_number(day + timedelta(days=1)) == day_number(day) + 1


def test_a_fiscal_year_may_be_named_by_its_start_or_its_end():
    by_start = FiscalCalendar(4, "start")
    by_end = FiscalCalendar(4, "end")

    assert period("2025", by_start).start == date(2025, 4, 1)
    assert period("2025", by_end).start == date(2024, 4, 1)
    assert period("2025-Q4", by_end).start == date(2025, 1, 1)


def test_year_ago_of_a_week_is_52_weeks_earlier():
    assert period("2025-W36").year_ago().start == period("2025-W36").start - timedelta(weeks=52)


def test_year_ago_of_a_quarter_is_the_same_quarter():
    assert period("2025-Q3").year_ago().label == "2024-Q3"


def test_the_periods_until_one_are_oldest_first_and_end_with_it():
    assert [p.label for p in periods_until(period("2025-02"), 3)] == ["2024-12", "2025-01",
                                                                     "2025-02"]  # fmt: skip


@pytest.mark.parametrize("text", ["2025-13", "2025-Q5", "2025-W54", "Q2/26", "", "0000", "2025-9"])
def test_what_is_no_period_is_refused_with_examples(text):
    with pytest.raises(ParameterError) as error:
        period(text)

    assert str(error.value) == (
        f"period is {text!r}, which is not a period; "
        "write it like '2025-09', '2025-Q3', '2025-W36' or '2025'"
    )
