"""Bookings against targets, for the company or per team, region, rep or product."""

from collections.abc import Mapping, Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.errors import ParameterError
from salesops_kit.metrics.engine import Source, collect, conformed, lazy
from salesops_kit.metrics.grouping import (
    counted,
    finished,
    living,
    mark,
    missing_as_none,
    ratio,
    totals,
    within,
)
from salesops_kit.periods import Period, day_number

# level of a target → the column of deals that names whose it is
LEVELS: Mapping[str, str] = {
    "company": "",
    "team": "team",
    "region": "region",
    "rep": "owner_id",
    "product": "product",
}

_DEALS = ("deal_id", "status", "amount", "closed_day")
_TARGETS = (
    "period_start_day",
    "period_end_day",
    "level",
    "level_id",
    "metric",
    "target",
    "version",
)


def attainment(
    deals: Source,
    targets: Source,
    *,
    period: Period,
    as_of: date | None = None,
    level: str = "company",
) -> pd.DataFrame:
    """Return bookings against target (attainment).

    attainment = bookings of the period / target of the period.

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`).
    targets
        Targets (`schema.TARGETS`) of the metric bookings; of several versions the last counts.
    period
        Holds the day of closing. Its target is the one set for exactly these days, else the sum
        of those set for parts of it, if they cover every day once.
    as_of
        Last day known; None takes the period's last day.
    level
        company, team, region, rep or product.

    Returns
    -------
    DataFrame
        One row per holder of a target or of bookings (`level_id`, missing for the company):
        `target` (money above zero, missing when none covers the period), `won`, `with_amount`
        (deals), `bookings` (money; 0 when nothing was won), `attainment` (ratio, 1 = on target;
        missing without target), `gap` (bookings - target).
        Excluded: `won_without_amount`, `targets_not_covering` (holders whose targets cover only
        a part of the period).

    Raises
    ------
    ParameterError
        When there is no such level.

    Notes
    -----
    Holders who won nothing stay: dropping leavers' targets would flatter the team.
    """
    if level not in LEVELS:
        raise ParameterError(f"level is {level!r}; it must be one of {', '.join(LEVELS)}")
    day = as_of or period.last
    sold, unpriced = _bookings(deals, period, day, LEVELS[level])
    plan = planned(targets, period=period, level=level)
    table = plan.merge(sold, on="level_id", how="outer", validate="one_to_one")
    counts = dict.fromkeys(("won", "with_amount"), 0)
    table = table.fillna(counts | {"bookings": 0.0}).astype(dict.fromkeys(counts, "int64"))
    unknown = (table["won"] > 0) & (table["with_amount"] == 0)
    table["bookings"] = table["bookings"].mask(unknown)
    partly = int((table["covered"] == 0).sum())
    table = table.drop(columns="covered").assign(
        attainment=ratio(table["bookings"], table["target"]),
        gap=table["bookings"] - table["target"],
    )
    table = missing_as_none(table, ["level_id"]).sort_values(
        "level_id", na_position="last", kind="stable", ignore_index=True
    )
    excluded = {"won_without_amount": unpriced, "targets_not_covering": partly}
    return finished(table, "attainment", day, excluded)


def _bookings(deals: Source, period: Period, as_of: date, holder: str) -> tuple[pd.DataFrame, int]:
    end = min(period.end_day, day_number(as_of) + 1)
    frame = living(deals, _DEALS, [holder] if holder else [])
    won = frame.filter(
        (nw.col("status") == "won") & within("closed_day", period.start_day, end)
    ).with_columns(
        won=nw.lit(1), with_amount=mark(~nw.col("amount").is_null()), bookings=nw.col("amount")
    )
    by = [holder] if holder else []
    table = totals(won, by=by, counts=["won", "with_amount"], sums=["bookings"])
    table = table.rename(columns={holder: "level_id"}) if holder else table.assign(level_id=None)
    unpriced = counted(won, unpriced=nw.col("with_amount") == 0)["unpriced"]
    return table.astype({"level_id": object}), unpriced


def planned(targets: Source, *, period: Period, level: str = "company") -> pd.DataFrame:
    """Return the bookings targets of a period, without the bookings (attainment).

    Parameters as in `attainment`, which chooses them this way.

    Returns
    -------
    DataFrame
        One row per holder: `level_id`, `target` (money, missing when not the whole period is
        planned, or nothing or less), `covered` (1 when the whole period is planned).
    """
    return planned_each(targets, periods=[period], level=level)[0]


def planned_each(
    targets: Source, *, periods: Sequence[Period], level: str = "company"
) -> list[pd.DataFrame]:
    """Return the bookings targets of each of several periods, as `planned`, read in one pass."""
    if not periods:
        return []
    first, end = min(p.start_day for p in periods), max(p.end_day for p in periods)
    rows = _plans(targets, level, first, end)
    return [
        finished(_plan(rows[_inside(rows, one)], one), "attainment", one.last) for one in periods
    ]


def planned_totals(
    targets: Source, *, periods: Sequence[Period], level: str = "company"
) -> list[float]:
    """Return the target of the only holder for each of several periods, read in one pass.

    As `planned` for each; missing where a period is not wholly planned, or for several holders.
    """
    plans = [plan["target"] for plan in planned_each(targets, periods=periods, level=level)]
    return [float(plan.iloc[0]) if len(plan) == 1 else float("nan") for plan in plans]


def _plans(targets: Source, level: str, start: int, end: int) -> pd.DataFrame:
    """Return the targets of bookings of one level within a span, the newest version last."""
    frame = conformed(lazy(targets), schema.TARGETS, _TARGETS)
    inside = (nw.col("period_start_day") >= start) & (nw.col("period_end_day") < end)
    about = nw.col("metric").is_null() | (nw.col("metric") == "bookings")
    rows = collect(frame.filter(inside & about & (nw.col("level") == level)))
    if level == "company":
        rows["level_id"] = None
    return rows.assign(version=rows["version"].fillna("")).sort_values("version", kind="stable")


def _inside(rows: pd.DataFrame, period: Period) -> "pd.Series[bool]":
    mine = rows["period_start_day"] >= period.start_day
    return mine & (rows["period_end_day"] < period.end_day)


def _plan(rows: pd.DataFrame, period: Period) -> pd.DataFrame:
    """Return the target per holder, newest versions: of the whole period, else its parts."""
    span = ["period_start_day", "period_end_day"]
    rows = rows.drop_duplicates(["level_id", *span], keep="last")
    days = rows["period_end_day"] - rows["period_start_day"] + 1
    rows = rows.assign(days=days, whole=days == period.days)
    has_whole = rows.groupby("level_id", dropna=False)["whole"].transform("any")
    rows = rows[rows["whole"] | ~has_whole.astype(bool)]
    plan = rows.groupby("level_id", dropna=False, as_index=False)[["target", "days"]].sum()
    covered = plan["days"] == period.days
    # nothing or less is no goal: a share of it would praise bookings that are negative
    told = covered & (plan["target"] > 0)
    plan = plan.assign(
        level_id=plan["level_id"].astype(object), target=plan["target"].where(told),
        covered=covered.astype("int64"),
    )  # fmt: skip
    return missing_as_none(plan.drop(columns="days"), ["level_id"])
