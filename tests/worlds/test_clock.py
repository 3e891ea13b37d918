"""Office hours: everything moved lands on a working day, and nothing moves back a day."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesops_kit.worlds.clock import (
    DAY,
    in_office,
    is_holiday,
    is_weekend,
    second,
    when_open,
    working_day,
)

MOMENTS = st.lists(
    st.integers(second(date(2023, 1, 1)), second(date(2027, 12, 31))), min_size=1, max_size=50
).map(lambda x: np.array(x, dtype="int64"))


def moved(text: str, way) -> str:
    return str(pd.Timestamp(int(way(np.array([int(pd.Timestamp(text).timestamp())]))[0]), unit="s"))


def test_saturday_and_sunday_are_weekend():
    week = np.arange(second(date(2025, 9, 1)), second(date(2025, 9, 8)), DAY) // DAY

    assert is_weekend(week).tolist() == [False] * 5 + [True] * 2


def test_lunar_new_year_and_the_week_from_october_are_holidays():
    days = pd.to_datetime(["2025-01-27", "2025-01-28", "2025-02-04", "2025-02-05", "2025-09-30",
                           "2025-10-01", "2025-10-07", "2025-10-08"])  # fmt: skip
    number = (days - pd.Timestamp(0)).days.to_numpy()

    assert is_holiday(number).tolist() == [False, True, True, False, False, True, True, False]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("2025-09-03 11:00:00", "2025-09-03 11:00:00"),
        ("2025-09-03 08:29:59", "2025-09-03 11:59:59"),  # 14 hours of night fill 3½ of morning
        ("2025-09-03 18:30:04", "2025-09-04 08:30:01"),
        ("2025-09-05 20:00:00", "2025-09-08 08:52:30"),  # Friday evening: Monday
    ],
)
def test_what_comes_at_night_is_seen_the_next_working_morning(raw, expected):
    assert moved(raw, when_open) == expected


def test_hours_of_the_day_are_squeezed_between_half_past_eight_and_half_past_six():
    assert moved("2025-09-03 00:00:00", in_office) == "2025-09-03 08:30:00"
    assert moved("2025-09-03 12:00:00", in_office) == "2025-09-03 13:30:00"
    assert moved("2025-09-03 23:59:59", in_office) == "2025-09-03 18:29:59"


@given(MOMENTS)
def test_all_but_one_in_thirteen_land_on_a_working_day(when):
    day = working_day(when) // DAY
    off = is_weekend(day) | is_holiday(day)

    assert not off[when % 13 != 0].any()
    assert ((working_day(when) - when) % DAY == 0).all()
    assert ((working_day(when) - when) >= 0).all()


@given(MOMENTS)
def test_office_times_are_office_times_of_the_same_day_or_later(when):
    moved_to = in_office(when)

    assert ((moved_to % DAY >= 8.5 * 3600) & (moved_to % DAY < 18.5 * 3600)).all()
    assert (moved_to // DAY >= when // DAY).all()
    assert (moved_to // DAY - when // DAY <= 21).all()


@given(MOMENTS)
def test_waiting_for_opening_never_goes_back_in_time(when):
    assert (when_open(when) >= when).all()
