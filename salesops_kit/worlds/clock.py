"""When a company works: days off, office hours; times as seconds since 1970, local."""

from datetime import date

import numpy as np
import pandas as pd

DAY = 86_400
HOUR = 3_600
# first day and length of the public holidays that close offices for a week
LUNAR_NEW_YEAR = (date(2022, 2, 1), date(2023, 1, 22), date(2024, 2, 10), date(2025, 1, 29),
                  date(2026, 2, 17), date(2027, 2, 6), date(2028, 1, 26))  # fmt: skip
_NEW_YEAR_DAYS = 8
_OPENS, _OPEN_HOURS = 8 * HOUR + HOUR // 2, 10


def second(day: date) -> int:
    """Return the first second of a day."""
    return int(pd.Timestamp(day).timestamp())


def is_weekend(day: np.ndarray) -> np.ndarray:
    """Mark the day numbers that fall on Saturday or Sunday."""
    return np.asarray((day + 3) % 7 >= 5)


def is_holiday(day: np.ndarray) -> np.ndarray:
    """Mark the day numbers of lunar new year and of the week from 1 October."""
    off = np.zeros(len(day), dtype=bool)
    for first in LUNAR_NEW_YEAR:
        begin = second(first) // DAY - 1
        off |= (day >= begin) & (day < begin + _NEW_YEAR_DAYS)
    calendar = pd.DatetimeIndex(pd.to_datetime(day, unit="D"))
    return np.asarray(off | ((calendar.month == 10) & (calendar.day <= 7)))


def working_day(when: np.ndarray, *, within: int = 2) -> np.ndarray:
    """Move times on days off to the `within` working days that follow; one in thirteen stays."""
    day, left = when // DAY, when % DAY
    devoted = when % 13 == 0
    day = np.where(devoted, day, _after_weekend(day, when // 60 % within))
    day = np.where(is_holiday(day) & ~devoted, day + _NEW_YEAR_DAYS, day)
    day = np.where(devoted, day, _after_weekend(day, when // 60 % within))
    return np.asarray(day * DAY + left, dtype="int64")


def _after_weekend(day: np.ndarray, later: np.ndarray) -> np.ndarray:
    return np.where(is_weekend(day), day + 7 - (day + 3) % 7 + later, day)


def in_office(when: np.ndarray) -> np.ndarray:
    """Squeeze times of the day into office hours, and days off into the week that follows."""
    when = working_day(when, within=5)
    return np.asarray(when // DAY * DAY + _OPENS + when % DAY * _OPEN_HOURS // 24, dtype="int64")


def when_open(when: np.ndarray) -> np.ndarray:
    """Move times at night to the next morning, and times on days off to working days."""
    closes = _OPENS + _OPEN_HOURS * HOUR
    left = when % DAY
    night = np.where(left < _OPENS, left + DAY - closes, left - closes)
    morning = when // DAY * DAY + np.where(left < _OPENS, 0, DAY) + _OPENS + night // 4
    is_open = (left >= _OPENS) & (left < closes)
    return working_day(np.where(is_open, when, morning))
