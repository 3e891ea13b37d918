"""What was sold under whose name: the bookings that quotas are held against and pay is made of."""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.metrics.engine import Source, lazy
from salesops_kit.metrics.grouping import finished, living, mark, totals_without, within
from salesops_kit.periods import Period, day_number

_NEEDED = ("deal_id", "status", "amount", "closed_day")


def credited_sales(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ("owner_id",)
) -> pd.DataFrame:
    """Sum what was booked in the period, shared deals by their shares (payout).

    bookings = sum of amount * credit_share over deals won in the period.

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`), or what `roster.credited` makes of them; without `credit_share` all
        of a deal is its owner's.
    period
        Holds the day of closing.
    as_of
        Last day known; None takes the period's last day.
    by
        Columns to group by, such as `closed_day`.

    Returns
    -------
    DataFrame
        One row per group that won anything: `won` (deals with any share), `deals` (sum of shares),
        `bookings` (money). Excluded: `won_without_amount` (counted in deals, worth nothing).
    """
    day = as_of or period.last
    end = min(period.end_day, day_number(day) + 1)
    frame = lazy(deals)
    if "credit_share" not in frame.collect_schema().names():
        frame = frame.with_columns(credit_share=nw.lit(1.0))
    frame = living(frame, _NEEDED, [*by, "credit_share"])
    won = (nw.col("status") == "won") & within("closed_day", period.start_day, end)
    frame = frame.with_columns(
        won=mark(won),
        deals=nw.when(won).then(nw.col("credit_share")).otherwise(nw.lit(0.0)),
        bookings=nw.when(won).then(nw.col("amount") * nw.col("credit_share")),
    )
    reasons = {"won_without_amount": won & nw.col("amount").is_null()}
    table, excluded = totals_without(
        frame, reasons, by=by, counts=["won"], sums=["deals", "bookings"]
    )
    table = table[table["won"] > 0].reset_index(drop=True) if by else table
    return finished(table, "payout", day, excluded)
