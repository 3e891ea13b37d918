"""Leads: how many came in, and how many became deals, counted by age."""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.metrics.engine import Frame, Source, conformed, lazy
from salesops_kit.metrics.grouping import (
    counted,
    finished,
    mark,
    totals,
    totals_without,
    with_rate,
    within,
)
from salesops_kit.periods import Period, day_number

_NEEDED = ("lead_id", "created_day", "converted_day", "is_converted", "assigned_day")


def leads_created(
    leads: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return how many leads came in during the period (leads_created).

    Parameters
    ----------
    leads
        Leads (`schema.LEADS`).
    period
        Holds the day of creation.
    as_of
        Last day known; None takes the period's last day.
    by
        Columns of leads to group by.

    Returns
    -------
    DataFrame
        One row per group: `leads`, `unassigned` (given to nobody by `as_of`).
        Excluded: `without_created_date`.
    """
    day = as_of or period.last
    every = conformed(lazy(leads), schema.LEADS, _NEEDED, by)
    given = nw.col("assigned_day") <= day_number(day)
    frame = _cohort(every, period, day).with_columns(
        leads=nw.lit(1), unassigned=nw.lit(1) - mark(given)
    )
    table = totals(frame, by=by, counts=["leads", "unassigned"])
    excluded = counted(every, without_created_date=nw.col("created_day").is_null())
    return finished(table, "leads_created", day, excluded)


def lead_conversion(
    leads: Source, *, period: Period, as_of: date, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the share of the leads created in the period that became deals (lead_conversion).

    conversion_rate = converted on or before `as_of` / leads created inside the period.

    Parameters
    ----------
    leads
        Leads (`schema.LEADS`).
    period
        Holds the day of creation.
    as_of
        Last day known.
    by
        Columns of leads to group by, such as `source`.

    Returns
    -------
    DataFrame
        One row per group: `leads`, `converted`, `conversion_rate` (0-1), `lower`, `upper`
        (Wilson, 90 %), `waiting` (not converted yet). Excluded: `without_created_date`.

    Notes
    -----
    Young leads had no time to convert, so the rate of a recent period is too low; for a trend
    use `lead_conversion_counts` with `models.survival.aalen_johansen`.
    """
    every = conformed(lazy(leads), schema.LEADS, _NEEDED, by)
    end = min(period.end_day, day_number(as_of) + 1)
    inside = mark(within("created_day", period.start_day, end))
    frame = _with_outcome(every, as_of).with_columns(leads=inside)
    frame = frame.with_columns(
        converted=nw.col("converted") * nw.col("leads"),
        waiting=nw.col("waiting") * nw.col("leads"),
    )
    undated = {"without_created_date": nw.col("created_day").is_null()}
    counts = ["leads", "converted", "waiting"]
    table, excluded = totals_without(frame, undated, by=by, counts=counts)
    table = table[table["leads"] > 0].reset_index(drop=True) if by else table
    table = with_rate(table, "converted", "leads", "conversion_rate")
    return finished(table, "lead_conversion", as_of, excluded)


def lead_conversion_counts(
    leads: Source, *, period: Period, as_of: date, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Count leads created in the period by the age at which they converted (lead_conversion_h).

    All that `models.survival.aalen_johansen` needs for the share converted within h days.
    Parameters as in `lead_conversion`.

    Returns
    -------
    DataFrame
        One row per group and `age_days`: `converted`, `waiting` (leads of that age on `as_of`
        that have not converted, disqualified ones among them: they stay unconverted).
        Excluded: `converted_without_date`, `converted_before_created`.
    """
    every = conformed(lazy(leads), schema.LEADS, _NEEDED, by)
    frame = _with_outcome(_cohort(every, period, as_of), as_of)
    last = nw.when(nw.col("converted") == 1).then(nw.col("converted_day"))
    frame = frame.with_columns(
        age_days=last.otherwise(nw.lit(day_number(as_of))) - nw.col("created_day")
    )
    known = frame.filter(nw.col("age_days") >= 0)
    table = totals(known, by=[*by, "age_days"], counts=["converted", "waiting"])
    excluded = counted(
        frame,
        converted_without_date=nw.col("age_days").is_null(),
        converted_before_created=nw.col("age_days") < 0,
    )
    return finished(table.astype({"age_days": "int64"}), "lead_conversion_h", as_of, excluded)


def _cohort(leads: Frame, period: Period, as_of: date) -> Frame:
    end = min(period.end_day, day_number(as_of) + 1)
    return leads.filter(within("created_day", period.start_day, end))


def _with_outcome(leads: Frame, as_of: date) -> Frame:
    """Mark leads converted by `as_of`; those marked converted without a date count as such."""
    undated = nw.col("converted_day").is_null() & (mark(nw.col("is_converted")) == 1)
    converted = (nw.col("converted_day") <= day_number(as_of)) | undated
    return leads.with_columns(converted=mark(converted)).with_columns(
        waiting=nw.lit(1) - nw.col("converted")
    )
