"""What was sold: bookings, volume and deal size."""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit import schema
from salesops_kit.metrics.engine import Frame, Source, conformed, together
from salesops_kit.metrics.grouping import (
    FEWEST_FOR_NORMAL,
    counted,
    finished,
    living,
    mark,
    ratio,
    totals_without,
    within,
    z_value,
)
from salesops_kit.periods import Period, day_number

_NEEDED = ("deal_id", "status", "amount", "closed_day")


def bookings(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the amount won in the period (bookings).

    bookings = sum of the amounts of the deals won inside the period, known on `as_of`.

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`).
    period
        Holds the day of closing.
    as_of
        Last day known; None takes the period's last day.
    by
        Columns of deals to group by.

    Returns
    -------
    DataFrame
        One row per group: `won` (deals), `with_amount` (deals), `bookings` (money; 0 when
        nothing was won, missing when no deal won has an amount).
        Excluded: `won_without_amount` (counted as won), `won_without_date`.
    """
    day = as_of or period.last
    frame = _deals(deals, by)
    table, excluded = _sold(_marked(frame, period, day), by, ["bookings"])
    unknown = (table["won"] > 0) & (table["with_amount"] == 0)
    table["bookings"] = table["bookings"].mask(unknown)
    return finished(table, "bookings", day, excluded)


def volume(
    deals: Source,
    deal_lines: Source = None,
    *,
    period: Period,
    as_of: date | None = None,
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """Return how many deals were won in the period, and how many units they hold (volume).

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`).
    deal_lines
        Products in deals (`schema.DEAL_LINES`); None: units are missing.
    period
        Holds the day of closing.
    as_of
        Last day known; None takes the period's last day.
    by
        Columns of deals to group by.

    Returns
    -------
    DataFrame
        One row per group: `won` (deals), `with_units` (deals with a quantity in a line), `units`
        (0 when nothing was won, missing when no deal won has a quantity).
        Excluded: `won_without_units` (counted as won), `won_without_date`.

    Notes
    -----
    Lines are summed per deal first: a deal with three lines is one deal.
    """
    day = as_of or period.last
    frame, units = _with_units(deals, deal_lines, by)
    won = _marked(frame, period, day).filter(nw.col("won") == 1)
    won = won.with_columns(with_units=mark(~nw.col("units").is_null()))
    without = {"won_without_units": nw.col("with_units") == 0}
    counts = ["won", "with_units"]
    table, excluded = totals_without(won, without, by=by, counts=counts, sums=["units"])
    unknown = (table["with_units"] == 0) & ((table["won"] > 0) | (not units))
    table["units"] = table["units"].mask(unknown)
    undated = counted(frame, won_without_date=nw.col("closed_day").is_null())
    return finished(table, "volume", day, excluded | undated)


def average_deal_size(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the mean amount of a deal won in the period (average_deal_size).

    average_deal_size = bookings / deals won with an amount. Parameters as in `bookings`.

    Returns
    -------
    DataFrame
        One row per group: `won` (deals), `with_amount` (deals), `bookings` (money),
        `average_deal_size` (money, missing when no deal has an amount), `lower`, `upper` (90 %
        normal interval of the mean, not below 0; missing below ten deals).
        Excluded: `won_without_amount`, `won_without_date`.

    Notes
    -----
    A few large deals carry the mean: compare periods of similar n only.
    """
    day = as_of or period.last
    frame = _deals(deals, by)
    frame = _marked(frame, period, day)
    frame = frame.with_columns(squares=nw.col("bookings") * nw.col("bookings"))
    table, excluded = _sold(frame, by, ["bookings", "squares"])
    n = table["with_amount"].to_numpy("float64")
    mean = ratio(table["bookings"], n)
    variance = ratio(table["squares"] - n * mean**2, n - 1)
    half = z_value() * np.sqrt(np.clip(ratio(variance, n), 0, None))
    half = np.where(n >= FEWEST_FOR_NORMAL, half, np.nan)
    table = table.assign(
        bookings=table["bookings"].mask((table["won"] > 0) & (n == 0)),
        average_deal_size=mean,
        lower=np.clip(mean - half, 0, None),
        upper=mean + half,
    ).drop(columns="squares")
    return finished(table, "average_deal_size", day, excluded)


def _deals(deals: Source, by: Sequence[str]) -> Frame:
    return living(deals, _NEEDED, by).filter(nw.col("status") == "won")


def _marked(frame: Frame, period: Period, as_of: date) -> Frame:
    """Mark the deals that were won inside the period; what others amount to is left out."""
    end = min(period.end_day, day_number(as_of) + 1)
    frame = frame.with_columns(won=mark(within("closed_day", period.start_day, end)))
    return frame.with_columns(
        with_amount=mark((nw.col("won") == 1) & ~nw.col("amount").is_null()),
        bookings=nw.when(nw.col("won") == 1).then(nw.col("amount")),
    )


def _sold(
    frame: Frame, by: Sequence[str], sums: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Sum per group in which something was won; count what lacks amount or date."""
    reasons = {
        "won_without_amount": (nw.col("won") == 1) & (nw.col("with_amount") == 0),
        "won_without_date": nw.col("closed_day").is_null(),
    }
    counts = ["won", "with_amount"]
    table, excluded = totals_without(frame, reasons, by=by, counts=counts, sums=sums)
    return (table[table["won"] > 0].reset_index(drop=True) if by else table), excluded


def _with_units(deals: Source, deal_lines: Source, by: Sequence[str]) -> tuple[Frame, bool]:
    if deal_lines is None:
        return _deals(deals, by).with_columns(units=nw.lit(None).cast(nw.Float64)), False
    known, lines = together(deals, deal_lines)
    lines = conformed(lines, schema.DEAL_LINES, ("deal_id", "quantity"))
    lines = lines.filter(~nw.col("quantity").is_null())
    per_deal = lines.group_by("deal_id").agg(units=nw.col("quantity").sum())
    return _deals(known, by).join(per_deal, on="deal_id", how="left"), True
