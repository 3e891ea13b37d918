"""Sales velocity: what the open deals earn per day if they go on as closed ones did."""

from collections.abc import Mapping, Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.metrics.engine import Source
from salesops_kit.metrics.grouping import (
    finished,
    known_deals,
    mark,
    open_on,
    ratio,
    totals_without,
    within,
)
from salesops_kit.periods import Period, day_number

# how each factor of the velocity enters the product: for models.decomposition.log_change
VELOCITY_FACTORS: Mapping[str, int] = {
    "open_deals": 1,
    "win_rate": 1,
    "average_deal_size": 1,
    "cycle_days": -1,
}

_NEEDED = ("deal_id", "status", "amount", "created_day", "closed_day")


def sales_velocity(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return sales velocity, money per day (sales_velocity).

    sales_velocity = open_deals * win_rate * average_deal_size / cycle_days, with
    open_deals = deals open on `as_of`; win_rate = won / closed, average_deal_size = mean amount
    of the deals won, cycle_days = mean days from creation to closing of all deals closed, each
    over deals closed (won, lost or invalid) inside the period.

    Parameters
    ----------
    deals
        Deals of one population (`schema.DEALS`).
    period
        Holds the day of closing.
    as_of
        Day on which open deals are counted; None takes the period's last day.
    by
        Columns of deals to group by.

    Returns
    -------
    DataFrame
        One row per group: `open_deals`, `won`, `closed`, `with_amount`, `timed` (deals),
        `win_rate` (0-1), `average_deal_size` (money), `cycle_days`, `sales_velocity` (money per
        day). Missing where a factor has nothing to divide by.
        Excluded: `won_without_amount`, `without_cycle` (no creation date, or closed before it),
        `closed_without_date`.

    Notes
    -----
    By Little's law deals leave at open_deals / cycle_days per day only if the cycle is that of
    all deals, lost and invalid ones too; and the win rate must have the same ones below the
    line. With the cycle of won deals the figure would be too high. What changed is told exactly
    by `models.decomposition.log_change` with `VELOCITY_FACTORS`.
    """
    day = as_of or period.last
    today = day_number(day)
    frame = known_deals(deals, _NEEDED, by, day)
    ended = (nw.col("status") != "open") & within(
        "closed_day", period.start_day, min(period.end_day, today + 1)
    )
    won = ended & (nw.col("status") == "won")
    priced = won & ~nw.col("amount").is_null()
    days = nw.col("closed_day") - nw.col("created_day")
    timed = ended & (days >= 0)
    frame = frame.with_columns(
        open_deals=mark(open_on(day)),
        won=mark(won),
        closed=mark(ended),
        with_amount=mark(priced),
        timed=mark(timed),
        won_amount=nw.when(priced).then(nw.col("amount")),
        days=nw.when(timed).then(days),
    )
    counts = ["open_deals", "won", "closed", "with_amount", "timed"]
    reasons = {
        "won_without_amount": (nw.col("won") == 1) & (nw.col("with_amount") == 0),
        "without_cycle": (nw.col("closed") == 1) & (nw.col("timed") == 0),
        "closed_without_date": (nw.col("status") != "open") & nw.col("closed_day").is_null(),
    }
    sums = ["won_amount", "days"]
    table, excluded = totals_without(frame, reasons, by=by, counts=counts, sums=sums)
    table = table.assign(
        win_rate=ratio(table["won"], table["closed"]),
        average_deal_size=ratio(table["won_amount"], table["with_amount"]),
        cycle_days=ratio(table["days"], table["timed"]),
    )
    wins = table["open_deals"] * table["win_rate"] * table["average_deal_size"]
    table = table.assign(sales_velocity=ratio(wins, table["cycle_days"]))
    return finished(table.drop(columns=sums), "sales_velocity", day, excluded)
