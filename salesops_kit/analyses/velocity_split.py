"""What changed sales velocity, factor by factor, and whether a single deal did it."""

from datetime import timedelta
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.metrics.engine import Frame, collect
from salesops_kit.metrics.velocity import VELOCITY_FACTORS, sales_velocity
from salesops_kit.models.decomposition import log_change
from salesops_kit.models.single_amounts import FEWEST_PRICED, outweighs
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

_VELOCITY_UNITS = {"open_deals": "count", "win_rate": "share1", "average_deal_size": "money",
                   "cycle_days": "days"}  # fmt: skip


def velocity_split(workspace: Workspace, deals: Frame, recent: Period) -> pd.DataFrame:
    """Return the factors of sales velocity over the recent months and the same span before.

    `single`: the deal of the span (before, after) that brought more than all others together, with
    `plain_before`, `plain_after`: velocities without it.
    """
    length = timedelta(days=recent.days)
    before = Period("before", recent.start - length, recent.start, "month", recent.calendar)
    then = sales_velocity(deals, period=before, as_of=before.last).iloc[0]
    now = sales_velocity(deals, period=recent, as_of=min(workspace.as_of, recent.last)).iloc[0]
    split = log_change(_factors(then), _factors(now), VELOCITY_FACTORS)
    (old, plain_then), (new, plain_now) = (
        _without_largest(deals, span, row) for span, row in ((before, then), (recent, now))
    )
    return split.assign(
        unit=split["factor"].map(_VELOCITY_UNITS),
        velocity_before=then["sales_velocity"],
        velocity_after=now["sales_velocity"],
        single=" · ".join(dict.fromkeys(name for name in (old, new) if name)),
        plain_before=plain_then,
        plain_after=plain_now,
    )


def _without_largest(deals: Frame, span: Period, row: "pd.Series[Any]") -> tuple[str, float]:
    """Name a deal that outweighs all others of the span; velocity if it had not been won."""
    velocity = float(row["sales_velocity"])
    total, n = float(row["average_deal_size"]) * row["with_amount"], int(row["with_amount"])
    one = outweighing_sale(deals, span, total=total, n=n)
    # one win less, of the same number that was closed
    return ("", velocity) if one is None else (one[0], velocity * (total - one[1]) / total)


def outweighing_sale(
    deals: Frame, span: Period, *, total: float, n: int
) -> tuple[str, float] | None:
    """Return name and amount of the won deal that outweighs all others of a span; None without.

    `total`, `n`: bookings of the span and the deals won with an amount.
    """
    if n < FEWEST_PRICED or not total > 0:
        return None
    there = set(deals.collect_schema().names())
    day, name = nw.col("closed_day"), "name" if "name" in there else "deal_id"
    won = deals.filter(
        (nw.col("status") == "won") & (day >= span.start_day) & (day < span.end_day)
        & ~nw.col("amount").is_null()
    ).select("deal_id", "amount", called=nw.col(name))  # fmt: skip
    first = collect(won.sort("amount", "deal_id", descending=[True, False]).head(2))
    top, second = (float(amount) for amount in first["amount"])
    if not outweighs(top, second, total):
        return None
    return str(first["called"].fillna(first["deal_id"]).iloc[0]), top


def _factors(row: "pd.Series[Any]") -> dict[str, float]:
    return {name: float(row[name]) for name in VELOCITY_FACTORS}
