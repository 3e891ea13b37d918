"""Targets in another unit than bookings: typed in thousands, in cents, or for another company.

A target that lies far from all that the same days usually bring says nothing about the future; its
unit is to be looked at before anybody is told that it will be missed.
"""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.recall import recalled
from salesops_kit.findings import Words
from salesops_kit.language import Count, Money, Named, both
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.targets import LEVELS
from salesops_kit.models.single_amounts import believed
from salesops_kit.workspace import Workspace

# Companies plan growth of some tens of percent and miss by no more than most of it, while a wrong
# unit is off by a hundred (cents), a thousand or ten thousand: twenty lies between, on both sides.
FACTOR = 20.0
YEAR = 365
FEWEST_WON = 5  # deals won in that year; fewer tell no usual bookings
FEWEST_DAYS = 28  # from the first of them on; wins entered all at once are no usual week
COLUMNS = ["level", "times", "target", "usual"]


def odd_times(target: float, usual: float) -> float | None:
    """Return how many times the usual bookings a target is, if its unit is probably wrong.

    None where it lies within a twentieth and twenty times them, or one of them is not above 0.

    >>> odd_times(2e6, 2e3), odd_times(3e3, 2e3)
    (1000.0, None)
    """
    if not (target > 0 and usual > 0):
        return None
    times = target / usual
    return times if times > FACTOR or times < 1 / FACTOR else None


@recalled
def usual_per_day(workspace: Workspace) -> float:
    """Return the bookings of everybody in view per day, over the year up to the as-of day."""
    return float(_per_day(workspace, "")["usual"].sum())


@recalled
def odd_targets(workspace: Workspace) -> pd.DataFrame:
    """Return the levels whose targets of bookings are probably in another unit.

    Returns
    -------
    DataFrame
        One row per level (company, team, …): `times`, `target` and `usual` (money: the targets, and
        what their holders usually book in as many days).
    """
    found = []
    if workspace.has("targets"):
        rows = _plans(workspace)
        for level, part in rows.groupby("level"):
            if level in LEVELS:
                found += _odd(str(level), part, _per_day(workspace, LEVELS[str(level)]))
    return pd.DataFrame(found, columns=COLUMNS)


def odd_note(workspace: Workspace, target: float | None, days: int) -> Words | None:
    """Return a sentence that the target of so many days is probably in another unit, if it is."""
    times = odd_times(target or 0.0, usual_per_day(workspace) * days)
    return None if times is None else both("forecast.scale_note", how=scale_words(times))


def odd_quotas(workspace: Workspace) -> dict[str, Any] | None:
    """Return what is said of quotas of reps in another unit: `quota` and `how`; else None."""
    odd = odd_targets(workspace).set_index("level")
    if "rep" not in odd.index:
        return None
    asked = Money(float(odd.loc["rep", "target"]), workspace.settings.company.currency)  # type: ignore[arg-type]
    return {"quota": asked, "how": scale_words(float(odd.loc["rep", "times"]))}  # type: ignore[arg-type]


def scale_words(times: float) -> Named:
    """Say how a target stands to what is usual: so many times it, or so small a part."""
    many = times >= 1
    number = Count(_rounded(times if many else 1 / times))
    words = both(f"forecast.scale_{'many' if many else 'part'}", times=number)
    return Named(words["en"], words["zh"])


def _rounded(times: float) -> float:
    """Keep one digit: the factor is a hint, not a measurement."""
    return float(f"{times:.1g}")


def _odd(level: str, plan: pd.DataFrame, each: pd.DataFrame) -> list[tuple[Any, ...]]:
    usual = plan["level_id"].map(each.set_index("holder")["usual"]) if level != "company" else (
        pd.Series(float(each["usual"].sum()), plan.index)
    )  # fmt: skip
    days = plan["period_end_day"] - plan["period_start_day"] + 1
    target, booked = float(plan["target"].sum()), float((usual.fillna(0.0) * days).sum())
    times = odd_times(target, booked)
    return [] if times is None else [(level, times, target, booked)]


def _plans(workspace: Workspace) -> pd.DataFrame:
    """Return the targets of bookings that end in the last year or later."""
    targets = workspace.table("targets")
    wanted = ["level", "level_id", "metric", "target", "period_start_day", "period_end_day"]
    there = set(targets.collect_schema().names())
    recent = targets.filter(nw.col("period_end_day") > workspace.as_of_day - YEAR)
    rows = collect(recent.select(*[name for name in wanted if name in there]))
    rows = rows.reindex(columns=wanted)
    return rows[rows["metric"].isna() | (rows["metric"] == "bookings")].dropna(subset=["target"])


def _per_day(workspace: Workspace, holder: str) -> pd.DataFrame:
    """Return `holder` and `usual`: bookings per day of the year up to the as-of day."""
    deals, last = workspace.table("deals"), workspace.as_of_day
    there = set(deals.collect_schema().names())
    day = nw.col("closed_day")
    won = deals.filter((nw.col("status") == "won") & (day > last - YEAR) & (day <= last))
    owner = nw.col(holder) if holder in there else nw.lit(None).cast(nw.String)
    rows = collect(won.select("amount", "closed_day", holder=owner)).dropna(subset=["amount"])
    days = float(last - rows["closed_day"].min() + 1)  # at most a year; nothing won: no number
    if len(rows) < FEWEST_WON or not days >= FEWEST_DAYS:
        return pd.DataFrame({"holder": [], "usual": []})
    amount = rows["amount"].to_numpy("float64")
    rows = rows.assign(usual=believed(amount, np.ones(len(amount))) / days)
    return rows.groupby("holder", dropna=False, as_index=False)[["usual"]].sum()
