"""Fiscal weeks, months, quarters and years as half-open spans of days.

A period knows its first day and the first day after it, as dates and as the integer day
numbers that tables carry. Nothing here looks at the clock.
"""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from salesops_kit.errors import ParameterError

Cadence = Literal["week", "month", "quarter", "year"]

EPOCH = date(1970, 1, 1)
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def day_number(day: date) -> int:
    """Return days since 1970-01-01.

    >>> day_number(date(1970, 1, 2))
    1
    """
    return (date(day.year, day.month, day.day) - EPOCH).days


def from_day_number(number: int) -> date:
    """Return the date of a day number.

    >>> from_day_number(1)
    datetime.date(1970, 1, 2)
    """
    return EPOCH + timedelta(days=int(number))


@dataclass(frozen=True)
class FiscalCalendar:
    """When the fiscal year starts, whether it is named by its first or last day, and weeks.

    `year_start_month` 1-12; `named_by` "start" or "end": with April as first month, the year
    from April 2025 is 2025 by its start and 2026 by its end. `week_start` 0 is Monday, 6 Sunday.
    """

    year_start_month: int = 1
    named_by: Literal["start", "end"] = "start"
    week_start: int = 0

    def first_day_of_year(self, fiscal_year: int) -> date:
        """Return the first day of the fiscal year called `fiscal_year`."""
        shift = self.named_by == "end" and self.year_start_month > 1
        return date(fiscal_year - shift, self.year_start_month, 1)

    def fiscal_year_of(self, day: date) -> int:
        """Return the name of the fiscal year that holds `day`."""
        started = day.year if day.month >= self.year_start_month else day.year - 1
        return started + (self.named_by == "end" and self.year_start_month > 1)


@dataclass(frozen=True)
class Period:
    """The days from `start` up to, not including, `end`."""

    label: str
    start: date
    end: date
    cadence: Cadence
    calendar: FiscalCalendar = FiscalCalendar()

    @property
    def start_day(self) -> int:
        """Day number of the first day."""
        return day_number(self.start)

    @property
    def end_day(self) -> int:
        """Day number of the first day after the period."""
        return day_number(self.end)

    @property
    def last(self) -> date:
        """Last day of the period."""
        return self.end - timedelta(days=1)

    @property
    def days(self) -> int:
        """Number of days."""
        return (self.end - self.start).days

    def contains(self, day: date) -> bool:
        """Tell whether `day` falls inside."""
        return self.start <= day < self.end

    def previous(self, count: int = 1) -> "Period":
        """Return the period `count` steps earlier, of the same cadence."""
        if self.cadence == "week":
            return period_containing(
                self.start - timedelta(weeks=count), self.cadence, self.calendar
            )
        start = _add_months(self.start, -_MONTHS[self.cadence] * count)
        return period_containing(start, self.cadence, self.calendar)

    def next(self) -> "Period":
        """Return the period that follows."""
        return period_containing(self.end, self.cadence, self.calendar)

    def year_ago(self) -> "Period":
        """Return the same period of the year before; for weeks, 52 weeks earlier."""
        if self.cadence == "week":
            return self.previous(52)
        return period_containing(_add_months(self.start, -12), self.cadence, self.calendar)


def period(label: str, calendar: FiscalCalendar | None = None) -> Period:
    """Return the period a label names: 2025-09, 2025-Q3, 2025-W36 or 2025.

    Months are calendar months. Quarters and years are fiscal. Weeks are ISO weeks when weeks
    start on Monday; else week 1 is the week that holds 4 January.

    Raises
    ------
    ParameterError
        When the label is none of these.

    Examples
    --------
    >>> period("2025-Q3").start
    datetime.date(2025, 7, 1)
    >>> period("2025-W01").start
    datetime.date(2024, 12, 30)
    """
    calendar = calendar or FiscalCalendar()
    text = str(label).strip()
    try:
        if match := re.fullmatch(r"(\d{4})-(0[1-9]|1[0-2])", text):
            return period_containing(date(int(match[1]), int(match[2]), 1), "month", calendar)
        if match := re.fullmatch(r"(\d{4})-Q([1-4])", text):
            start = calendar.first_day_of_year(int(match[1]))
            return period_containing(
                _add_months(start, 3 * (int(match[2]) - 1)), "quarter", calendar
            )
        if match := re.fullmatch(r"(\d{4})-W(\d{2})", text):
            first = _first_week(int(match[1]), calendar)
            found = period_containing(first + timedelta(weeks=int(match[2]) - 1), "week", calendar)
            if found.label == text:
                return found
        if match := re.fullmatch(r"(\d{4})", text):
            return period_containing(calendar.first_day_of_year(int(match[1])), "year", calendar)
    except (ValueError, OverflowError):
        pass
    raise ParameterError(
        f"period is {text!r}, which is not a period; "
        "write it like '2025-09', '2025-Q3', '2025-W36' or '2025'"
    )


def period_containing(
    day: date, cadence: Cadence, calendar: FiscalCalendar | None = None
) -> Period:
    """Return the week, month, quarter or year that holds `day`.

    >>> period_containing(date(2025, 9, 17), "quarter").label
    '2025-Q3'
    """
    calendar = calendar or FiscalCalendar()
    if cadence == "week":
        start = day - timedelta(days=(day.weekday() - calendar.week_start) % 7)
        year = (start + timedelta(days=3)).year
        number = (start - _first_week(year, calendar)).days // 7 + 1
        return Period(f"{year}-W{number:02d}", start, start + timedelta(weeks=1), cadence, calendar)
    if cadence == "month":
        start = day.replace(day=1)
        return Period(f"{start:%Y-%m}", start, _add_months(start, 1), cadence, calendar)
    year = calendar.fiscal_year_of(day)
    first = calendar.first_day_of_year(year)
    if cadence == "year":
        return Period(str(year), first, _add_months(first, 12), cadence, calendar)
    quarter = ((day.year - first.year) * 12 + day.month - first.month) // 3
    start = _add_months(first, 3 * quarter)
    return Period(f"{year}-Q{quarter + 1}", start, _add_months(start, 3), cadence, calendar)


def periods_until(last: Period, count: int) -> list[Period]:
    """Return the `count` periods that end with `last`, oldest first."""
    return [last.previous(step) for step in range(count - 1, 0, -1)] + [last]


def _first_week(year: int, calendar: FiscalCalendar) -> date:
    fourth = date(year, 1, 4)
    return fourth - timedelta(days=(fourth.weekday() - calendar.week_start) % 7)


def _add_months(day: date, months: int) -> date:
    total = day.year * 12 + day.month - 1 + months
    return date(total // 12, total % 12 + 1, 1)
