"""How long deals take: won ones, all closed ones, and how old the open ones are."""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.metrics.engine import Frame, Source
from salesops_kit.metrics.grouping import (
    counted,
    day_counts,
    day_quantiles,
    finished,
    joined,
    known_deals,
    open_on,
    within,
)
from salesops_kit.periods import Period, day_number

_NEEDED = ("deal_id", "status", "created_day", "closed_day")
_QUANTILES = {"median": 0.5, "p90": 0.9}


def sales_cycle(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return how many days deals took, and how old the open ones are (sales_cycle).

    cycle = day closed - day created, over deals closed inside the period;
    open age = as_of - day created, over deals open on `as_of`.

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`).
    period
        Holds the day of closing.
    as_of
        Day on which the age of open deals is taken; None takes the period's last day.
    by
        Columns of deals to group by.

    Returns
    -------
    DataFrame
        One row per group, in days: `won` (deals), `won_median`, `won_lower`, `won_upper` (90 %
        interval of the median by order statistics; missing below five deals), `won_p90`,
        `closed`, `closed_median`, `closed_p90`, `closed_mean` (won, lost and invalid), `open`,
        `open_median`, `open_p90`. Missing where there is no deal.
        Excluded: `closed_before_created`, `without_created_date`, `closed_without_date`.

    Notes
    -----
    The cycle of won deals alone understates the time consumed: lost deals and those still open
    take longer.
    """
    day = as_of or period.last
    today = day_number(day)
    frame = known_deals(deals, _NEEDED, by, day)
    ended = within("closed_day", period.start_day, min(period.end_day, today + 1))
    closed = frame.filter((nw.col("status") != "open") & ended).with_columns(
        days=nw.col("closed_day") - nw.col("created_day")
    )
    waiting = frame.filter(open_on(day))
    waiting = waiting.with_columns(days=nw.lit(today) - nw.col("created_day"))
    excluded = counted(
        closed,
        closed_before_created=nw.col("days") < 0,
        without_created_date=nw.col("days").is_null(),
    ) | counted(
        frame,
        closed_without_date=(nw.col("status") != "open") & nw.col("closed_day").is_null(),
    )
    sound = closed.filter(nw.col("days") >= 0)
    won = _spread(sound.filter(nw.col("status") == "won"), by, "won")
    every = _spread(sound, by, "closed").drop(columns=["closed_lower", "closed_upper"])
    aged = _spread(waiting, by, "open").drop(columns=["open_lower", "open_upper", "open_mean"])
    table = joined(joined(won.drop(columns="won_mean"), every, by), aged, by)
    counts = ["won", "closed", "open"]
    table = table.fillna(dict.fromkeys(counts, 0)).astype(dict.fromkeys(counts, "int64"))
    return finished(table, "sales_cycle", day, excluded)


def _spread(frame: Frame, by: Sequence[str], name: str) -> pd.DataFrame:
    counts = day_counts(frame, by=by, days="days")
    spread = day_quantiles(counts, by=by, days="days", quantiles=_QUANTILES)
    renamed = {c: f"{name}_{c}" for c in ("mean", "median", "p90", "lower", "upper")}
    return spread.rename(columns=renamed | {"n": name})
