"""Which part of a moving holiday falls into each period.

Lunar new year lies in January or February; of a monthly series it explains part of both. A
regressor per stretch of days around it (the week before, the week itself, two weeks after) holds
the share of the stretch that falls into the period, so that every method can use it.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from salesops_kit.models.series_panel import Array

# days from the first one: before, during and after; factories close early and open late
STRETCHES = ((-7, -1), (0, 6), (7, 20))
# countries whose lunar new year moves trade; the library names it in its calendars
LUNAR = ("CN", "HK", "MO", "TW", "SG", "MY", "KR", "VN")


def day_shares(
    events: Sequence[date], starts: Sequence[date], stretches: Sequence[tuple[int, int]]
) -> Array:
    """Return per period and stretch the share of its days that fall into it.

    Parameters
    ----------
    events
        First days of the holiday, of all years.
    starts
        First days of the periods, and of the one after the last.
    stretches
        Pairs of days counted from the event's first, both inclusive.
    """
    edges = np.array([day.toordinal() for day in starts])
    table = np.zeros((len(starts) - 1, len(stretches)))
    for column, (low, high) in enumerate(stretches):
        for event in events:
            days = event.toordinal() + np.arange(low, high + 1)
            place = np.searchsorted(edges, days, side="right") - 1
            inside = place[(place >= 0) & (place < len(table))]
            np.add.at(table[:, column], inside, 1 / (high - low + 1))
    return table


def lunar_new_years(country: str, first: date, last: date) -> tuple[date, ...]:
    """Return the first days of lunar new year near a span; none where it is no holiday."""
    if country not in LUNAR:
        return ()
    import holidays

    # the date is astronomy, the same everywhere; China's calendar names it most plainly
    years = range((first - timedelta(days=60)).year, (last + timedelta(days=60)).year + 1)
    found = holidays.country_holidays("CN", years=years, language="en_US", observed=False)
    named = sorted(day for day, name in found.items() if name.startswith("Chinese New Year (S"))
    return tuple({day.year: day for day in reversed(named)}[year] for year in years)


def working_days(country: str, starts: Sequence[date]) -> Array:
    """Return per period its days from Monday to Friday that are no public holiday.

    `starts`: first days of the periods, and of the one after the last. Of a country that the
    library does not know, no day is a holiday.
    """
    import holidays

    days = np.arange(np.datetime64(starts[0]), np.datetime64(starts[-1]))
    free: list[date] = []
    if country in holidays.list_supported_countries():
        years = range(starts[0].year, starts[-1].year + 1)
        free = sorted(holidays.country_holidays(country, years=years, observed=True))
    work = np.is_busday(days, holidays=np.array(free, dtype="datetime64[D]"))
    edges = np.array(starts, dtype="datetime64[D]")
    place = np.searchsorted(edges, days, side="right") - 1
    return np.bincount(place[work], minlength=len(starts) - 1).astype("float64")
