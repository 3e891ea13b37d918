"""How long deals take: won ones, all closed ones, and how old the open ones are."""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.metrics.engine import Source
from salesops_kit.metrics.grouping import (
    day_quantiles,
    finished,
    joined,
    known_deals,
    mark,
    open_on,
    totals,
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
    is_closed, is_open = (nw.col("status") != "open") & ended, open_on(day)
    last = nw.when(is_open).then(nw.lit(today)).otherwise(nw.col("closed_day"))
    frame = frame.with_columns(
        open=mark(is_open),
        won=mark(is_closed & (nw.col("status") == "won")),
        closed=mark(is_closed),
        undated=mark((nw.col("status") != "open") & nw.col("closed_day").is_null()),
        days=last - nw.col("created_day"),
    )
    # one pass by days; every spread is taken from these counts
    parts = ["won", "closed", "open"]
    aged = totals(frame, by=[*by, "days"], counts=[*parts, "undated"])
    unaged, backward = aged["days"].isna(), aged["days"].lt(0).fillna(value=False)
    excluded = {
        "closed_before_created": int(aged["closed"][backward].sum()),
        "without_created_date": int(aged["closed"][unaged].sum()),
        "closed_without_date": int(aged["undated"].sum()),
    }
    won, every, waiting = (_spread(aged[~unaged & ~backward], by, name) for name in parts)
    every = every.drop(columns=["closed_lower", "closed_upper"])
    waiting = waiting.drop(columns=["open_lower", "open_upper", "open_mean"])
    table = joined(joined(won.drop(columns="won_mean"), every, by), waiting, by)
    table = table.fillna(dict.fromkeys(parts, 0)).astype(dict.fromkeys(parts, "int64"))
    return finished(table, "sales_cycle", day, excluded)


def _spread(aged: pd.DataFrame, by: Sequence[str], name: str) -> pd.DataFrame:
    counts = aged[aged[name] > 0][[*by, "days", name]].rename(columns={name: "n"})
    spread = day_quantiles(counts, by=by, days="days", quantiles=_QUANTILES)
    renamed = {c: f"{name}_{c}" for c in ("mean", "median", "p90", "lower", "upper")}
    return spread.rename(columns=renamed | {"n": name})
