"""Where deals enter, move, wait and end: all counted from visits, by the day it happened."""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.metrics.engine import Frame, Source, collect, lazy
from salesops_kit.metrics.grouping import (
    finished,
    mark,
    missing_as_none,
    ratio,
    totals,
    with_rate,
    within,
)
from salesops_kit.periods import Period, day_number
from salesops_kit.schema import EXIT_TYPES

_STAGE = ("stage", "stage_rank")
_WON = 1_000_000  # a rank beyond every open stage


def stage_entries(visits: Source, *, period: Period, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return how often each stage was entered in the period (stage_entries).

    Parameters
    ----------
    visits
        Stays in stages (`metrics.visits`).
    period
        Holds the day of entry; when the deal was created does not matter.
    by
        Columns of visits to group by.

    Returns
    -------
    DataFrame
        One row per group and stage, by rank: `entries` (visits), `deals` (distinct),
        `returns` (entries of deals that had been there before, ever), `passing` (left within a
        minute). Excluded: nothing.

    Notes
    -----
    Deals created in the period that stand in the stage now are another, much smaller number.
    """
    frame = _entered(visits, period).with_columns(
        entries=nw.lit(1), returns=mark(nw.col("visit_no") > 1), passing=mark(nw.col("is_passing"))
    )
    keys = [*by, *_STAGE]
    table = _with_deals(frame, keys, ["entries", "returns", "passing"])
    table = table[[*keys, "entries", "deals", "returns", "passing"]]
    return finished(_by_rank(table, by), "stage_entries", period.last)


def stage_flow(visits: Source, *, period: Period, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return what became of the visits of open stages that began in the period (stage_flow).

    onward_rate = (advanced + skipped_to + won) / left, over visits begun in the period and left.

    Parameters
    ----------
    visits
        Stays in stages (`metrics.visits`), as known on its `as_of`.
    period
        Holds the day of entry.
    by
        Columns of visits to group by.

    Returns
    -------
    DataFrame
        One row per group and stage, by rank: `entered`, then visits by how they ended:
        `advanced`, `skipped_to`, `back`, `won`, `lost`, `invalid`, `open` (together `entered`);
        `left` (entered - open), `onward`, `onward_rate` (0-1), `lower`, `upper` (Wilson, 90 %),
        `skipped` (stages passed over). Excluded: `still_open`, visits the rate leaves out.

    Notes
    -----
    Visits still open are left out of the rate, not counted as failures; where advancing takes
    longer than losing, it is too low for young periods. Use `dwell_counts` with
    `models.survival.aalen_johansen` for a rate at a fixed age.
    """
    frame = _entered(visits, period).filter(nw.col("stage_category") == "open")
    frame = frame.with_columns(
        entered=nw.lit(1),
        **{name: mark(nw.col("exit_type") == name) for name in EXIT_TYPES},
    )
    keys = [*by, *_STAGE]
    table = totals(frame, by=keys, counts=["entered", *EXIT_TYPES, "skipped"])
    table = table.assign(
        left=table["entered"] - table["open"],
        onward=table["advanced"] + table["skipped_to"] + table["won"],
    )
    table = with_rate(table, "onward", "left", "onward_rate")
    excluded = {"still_open": int(table["open"].sum())}
    return finished(_by_rank(table, by), "stage_flow", period.last, excluded)


def reached_or_passed(visits: Source, *, period: Period, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return how far the deals went that entered the funnel in the period (reached_or_passed).

    reached_rate = deals that ever reached rank >= r, or were won / deals whose first visit began
    in the period.

    Parameters
    ----------
    visits
        Stays in stages (`metrics.visits`).
    period
        Holds the day of the deal's first entry into any stage.
    by
        Columns of visits to group by, as they were at the first entry.

    Returns
    -------
    DataFrame
        One row per group and open stage, by rank: `cohort` (deals), `reached` (deals that
        reached this stage or passed it), `visited` (deals that really were there),
        `reached_rate` (0-1), `lower`, `upper` (Wilson, 90 %), `skipped_rate` (share of the
        deals that reached it without being there), `still_open` (deals of the cohort that may
        still go on). Excluded: nothing.

    Notes
    -----
    A deal that was created in a later stage counts as having passed the earlier ones. While
    `still_open` is not 0 the rates can only rise.
    """
    ways = _ways(lazy(visits), period, by)
    frame = ways.filter(nw.col("stage_category") == "open")
    stages = collect(frame.select(*_STAGE).unique(), ["stage_rank", "stage"])
    deals = ways.filter(nw.col("seq") == 1).with_columns(cohort=nw.lit(1))
    furthest = totals(deals, by=[*by, "furthest"], counts=["cohort", "is_open_deal"])
    present = _with_deals(frame, [*by, *_STAGE], []).rename(columns={"deals": "visited"})
    table = _cumulated(furthest, stages, by).merge(
        present[[*by, *_STAGE, "visited"]], on=[*by, *_STAGE], how="left"
    )
    table = missing_as_none(table, by).fillna({"visited": 0}).astype({"visited": "int64"})
    table = with_rate(table, "reached", "cohort", "reached_rate")
    table["skipped_rate"] = ratio(table["reached"] - table["visited"], table["reached"])
    names = ["cohort", "reached", "visited", "reached_rate", "lower", "upper", "skipped_rate",
             "still_open"]  # fmt: skip
    return finished(_by_rank(table[[*by, *_STAGE, *names]], by), "reached_or_passed", period.last)


def dwell_counts(
    visits: Source, *, period: Period, as_of: date, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Count how visits begun in the period ended, by days of stay (stage_dwell).

    All that `models.survival` needs: `kaplan_meier` for the length of stay, `aalen_johansen` for
    the share that advanced within h days.

    Parameters
    ----------
    visits
        Stays in stages (`metrics.visits`), made with the same `as_of`.
    period
        Holds the day of entry.
    as_of
        Last day known; visits still open have lasted until then.
    by
        Columns of visits to group by.

    Returns
    -------
    DataFrame
        One row per group, open stage and `age_days`: `onward` (advanced, skipped_to or won),
        `back`, `lost`, `invalid`, `ended` (their sum), `still_open`.
        Excluded: `passing`, visits left within a minute.

    Notes
    -----
    The mean of finished visits alone is too short: those still waiting are the long ones.
    """
    today = day_number(as_of)
    frame = _entered(visits, period).filter(
        (nw.col("stage_category") == "open") & (nw.col("entered_day") <= today)
    )
    last = nw.when(nw.col("exited_day").is_null()).then(nw.lit(today))
    onward = nw.col("exit_type").is_in(["advanced", "skipped_to", "won"])
    ends = ("back", "lost", "invalid")
    frame = frame.with_columns(
        age_days=last.otherwise(nw.col("exited_day")) - nw.col("entered_day"),
        passing=mark(nw.col("is_passing")),
        onward=mark(onward),
        ended=mark(nw.col("exit_type") != "open"),
        still_open=mark(nw.col("exit_type") == "open"),
        **{name: mark(nw.col("exit_type") == name) for name in ends},
    )
    counts = ["onward", *ends, "ended", "still_open"]
    every = totals(frame, by=[*by, *_STAGE, "age_days", "passing"], counts=counts)
    passed = every["passing"] == 1
    passing = int(every[passed][["ended", "still_open"]].to_numpy().sum())
    table = every[~passed].drop(columns="passing").astype({"age_days": "int64"})
    return finished(_by_rank(table, by, "age_days"), "stage_dwell", as_of, {"passing": passing})


def transitions(visits: Source, *, period: Period, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return how often deals moved from stage to stage in the period (transitions).

    Parameters
    ----------
    visits
        Stays in stages (`metrics.visits`).
    period
        Holds the day of the move.
    by
        Columns of visits to group by, as they were on entering the stage left.

    Returns
    -------
    DataFrame
        One row per group and pair: `stage`, `stage_rank`, `next_stage`, `next_rank`,
        `exit_type`, `moves`, `deals` (distinct). Excluded: nothing.
    """
    frame = lazy(visits).filter(within("exited_day", period.start_day, period.end_day))
    keys = [*by, *_STAGE, "next_stage", "next_rank", "exit_type"]
    table = _with_deals(frame.with_columns(moves=nw.lit(1)), keys, ["moves"])
    return finished(_by_rank(table, by, "next_rank", "next_stage"), "transitions", period.last)


def _entered(visits: Source, period: Period) -> Frame:
    return lazy(visits).filter(within("entered_day", period.start_day, period.end_day))


def _with_deals(frame: Frame, keys: Sequence[str], counts: Sequence[str]) -> pd.DataFrame:
    """Sum counts per group, and the number of distinct deals, in one pass."""
    sums = [nw.col(name).sum() for name in counts]
    per_deal = frame.group_by(*keys, "deal_id").agg(*sums).with_columns(deals=nw.lit(1))
    return totals(per_deal, by=keys, counts=[*counts, "deals"])


def _by_rank(table: pd.DataFrame, by: Sequence[str], *then: str) -> pd.DataFrame:
    order = [*by, "stage_rank", "stage", *then]
    return table.sort_values(order, na_position="last", kind="stable", ignore_index=True)


def _ways(visits: Frame, period: Period, by: Sequence[str]) -> Frame:
    """Visits of the deals whose first visit began in the period, with what the deal reached.

    The group is the deal's at its first entry, so that a change of owner splits no deal.
    """
    is_open = nw.col("stage_category") == "open"
    first = nw.col("seq") == 1
    frame = visits.with_columns(
        open_rank=nw.when(is_open).then(nw.col("stage_rank")),
        first_day=nw.when(first).then(nw.col("entered_day")),
        won_visit=mark(nw.col("stage_category") == "won"),
        waiting=mark(is_open & (nw.col("exit_type") == "open")),
        **{f"first_{name}": nw.when(first).then(nw.col(name)) for name in by},
    )
    frame = frame.with_columns(
        furthest_rank=nw.col("open_rank").max().over("deal_id"),
        first_day=nw.col("first_day").min().over("deal_id"),
        won_deal=nw.col("won_visit").max().over("deal_id"),
        is_open_deal=nw.col("waiting").max().over("deal_id"),
        **{name: nw.col(f"first_{name}").max().over("deal_id") for name in by},
    )
    beyond = nw.when(nw.col("won_deal") == 1).then(nw.lit(_WON)).otherwise(nw.col("furthest_rank"))
    inside = within("first_day", period.start_day, period.end_day)
    return frame.filter(inside).with_columns(furthest=beyond.cast(nw.Int64))


def _cumulated(furthest: pd.DataFrame, stages: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Deals per group and stage that got at least so far."""
    groups = furthest[list(by)].drop_duplicates() if by else pd.DataFrame(index=[0])
    pairs = groups.merge(stages, how="cross")
    keys = [*by, *_STAGE]
    crossed = (
        pairs.merge(furthest, on=list(by), how="left") if by else pairs.merge(furthest, how="cross")
    )
    reached = crossed["cohort"].where(crossed["furthest"] >= crossed["stage_rank"], 0)
    crossed = crossed.assign(reached=reached.astype("int64"), still_open=crossed["is_open_deal"])
    summed = crossed.groupby(keys, dropna=False, as_index=False, sort=False)
    table: pd.DataFrame = summed[["cohort", "reached", "still_open"]].sum()
    return missing_as_none(table, by)
