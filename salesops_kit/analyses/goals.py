"""Goals per stage: what was planned, what happened, for the company, its teams and its owners.

Stays still open are censored, never counted as failures; a verdict is given only where the
interval, widened for all groups judged at once, excludes the goal.
"""

from collections.abc import Hashable, Sequence
from datetime import date
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.funnel import dwell_counts
from salesops_kit.models.intervals import wilson
from salesops_kit.models.survival import (
    MISSING,
    Curve,
    Interval,
    ending_curve,
    staying_curve,
    sums_by_age,
)
from salesops_kit.periods import Period, from_day_number
from salesops_kit.settings import Thresholds
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

FOLLOWED = 0.99  # conversion is read at the age by which so many stays have ended
LEVELS = ("company", "team", "owner")
_OTHERWISE = ("back", "lost", "invalid")
_NAMES = ("pipeline", "stage", "team", "conversion", "max_dwell_days", "valid_from_day",
          "valid_to_day")  # fmt: skip
COLUMNS = ("level", "group", "stage", "stage_rank", "team", "since", "n", "waiting",
           "conversion_goal", "onward_share", "onward_lower", "onward_upper", "conversion_verdict",
           "days_goal", "in_time", "over_share", "over_lower", "over_upper",
           "days_verdict")  # fmt: skip


class Goal(NamedTuple):
    """What is wanted of a stage in a span of days; team and pipeline empty: of all."""

    stage: str
    pipeline: str
    team: str
    conversion: float
    days: float
    first_day: int
    end_day: int


def stage_goals(workspace: Workspace, stays: Frame, *, window: Period) -> pd.DataFrame:
    """Compare every goal in force with what became of the stays begun under it.

    Parameters
    ----------
    stays
        Visits (`metrics.visits`) with `pipeline`, `owner_id` and `rep_team` (`with_rep_team`).
    window
        Holds the day of entry; a goal that changed within it is compared span by span.

    Returns
    -------
    DataFrame
        One row per level (company, team, owner), group, stage and goal: `n` stays, `waiting`,
        `conversion_goal` beside `onward_share` (Aalen-Johansen at the age by which 99 % of the
        stage's stays have ended) with its bounds, the upper one leaving room for all who are still
        there; `days_goal` beside `in_time` (share that went
        on within it) and `over_share` (Kaplan-Meier share that stays longer) with its bounds;
        `conversion_verdict`, `days_verdict`: missed, reached, open (the interval holds the goal)
        or few (fewer stays than the threshold).
    """
    goals = goals_in_force(workspace, window)
    parts = [
        part
        for first, end in sorted({(goal.first_day, goal.end_day) for goal in goals})
        for part in _span(
            workspace, stays, [g for g in goals if (g.first_day, g.end_day) == (first, end)]
        )
    ]
    rows = _judged(parts, workspace.settings.thresholds)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = table["level"].map({level: place for place, level in enumerate(LEVELS)})
    table = table.assign(_order=order).sort_values(["_order", "stage_rank", "group", "since"])
    return table.drop(columns="_order").reset_index(drop=True)


def with_rep_team(stays: Frame, reps: Frame | None) -> Frame:
    """Add the team the owner was in when the stay began (`rep_team`).

    Without a table of reps, or where it does not know the owner on that day, the deal's own team.
    """
    if reps is None:
        return stays.with_columns(rep_team=nw.col("team"))
    known = reps.select("rep_id", nw.col("team").alias("team_then"), "valid_from_day",
                        "valid_to_day")  # fmt: skip
    keys = stays.select("deal_id", "seq", "owner_id", "entered_day")
    pairs = keys.join(known, left_on="owner_id", right_on="rep_id", how="inner")
    day = nw.col("entered_day")
    begun = nw.col("valid_from_day").is_null() | (nw.col("valid_from_day") <= day)
    ended = ~nw.col("valid_to_day").is_null() & (nw.col("valid_to_day") < day)
    then = pairs.filter(begun & ~ended).group_by("deal_id", "seq").agg(nw.col("team_then").max())
    joined = stays.join(then, on=["deal_id", "seq"], how="left")
    own = nw.when(nw.col("team_then").is_null()).then(nw.col("team"))
    return joined.with_columns(rep_team=own.otherwise(nw.col("team_then"))).drop("team_then")


def goals_in_force(workspace: Workspace, window: Period) -> list[Goal]:
    """Return the goals of the table `stage_goals`, else of the settings, cut to the window.

    A goal that another one replaces without an end of its own ends there.
    """
    if workspace.has("stage_goals"):
        table = workspace.table("stage_goals").select(*_NAMES).collect(backend="pandas")
        rows = table.to_native().to_dict("records")
    else:
        rows = _of_settings(workspace)
    found = [_goal(row, window) for row in _ended(rows)]
    return [g for g in found if g.first_day < g.end_day]


def _of_settings(workspace: Workspace) -> list[dict[Hashable, Any]]:
    several = len(workspace.settings.all_pipelines) > 1
    return [
        {"stage": stage.name, "pipeline": name if several else None, "team": None,
         "conversion": stage.conversion_goal, "max_dwell_days": stage.max_dwell_days,
         "valid_from_day": None, "valid_to_day": None}
        for name, pipeline in workspace.settings.all_pipelines.items()
        for stage in pipeline.open_stages
        if stage.conversion_goal is not None or stage.max_dwell_days is not None
    ]  # fmt: skip


def _ended(rows: Sequence[dict[Hashable, Any]]) -> list[dict[Hashable, Any]]:
    """Let a goal without a last day end when the next one for the same stage and team begins."""
    table = pd.DataFrame(list(rows), columns=list(_NAMES))
    table = table.assign(begins=pd.to_numeric(table["valid_from_day"]).fillna(-1e9))
    table = table.sort_values(["stage", "begins"], kind="stable")
    names = ["pipeline", "stage", "team"]
    keys = [table[name].fillna("") for name in names]
    following = table.groupby(keys, sort=False)["begins"].shift(-1) - 1
    ends = pd.to_numeric(table["valid_to_day"]).fillna(following)
    return table.assign(valid_to_day=ends).drop(columns="begins").to_dict("records")


def _goal(row: dict[Hashable, Any], window: Period) -> Goal:
    def text(name: str) -> str:
        return row[name] if isinstance(row[name], str) else ""

    def number(name: str, instead: float) -> float:
        missing = row[name] is None or row[name] != row[name]
        return instead if missing else float(row[name])

    nan = float("nan")
    return Goal(
        text("stage"), text("pipeline"), text("team"), number("conversion", nan),
        number("max_dwell_days", nan),
        int(max(number("valid_from_day", window.start_day), window.start_day)),
        int(min(number("valid_to_day", window.end_day) + 1, window.end_day)),
    )  # fmt: skip


def _span(workspace: Workspace, stays: Frame, goals: Sequence[Goal]) -> list[dict[str, Any]]:
    """Compare the goals of one span: counted once, then added up per group."""
    first, end = from_day_number(goals[0].first_day), from_day_number(goals[0].end_day)
    counts = dwell_counts(
        stays, period=Period("", first, end, "month"), as_of=workspace.as_of,
        by=["pipeline", "rep_team", "owner_id"],
    )  # fmt: skip
    counts.attrs = {}  # pandas copies them, deeply, with every part that is taken
    return [row for goal in goals for row in _compared(goal, goals, counts, first)]


def _compared(
    goal: Goal, goals: Sequence[Goal], counts: pd.DataFrame, since: date
) -> list[dict[str, Any]]:
    stage = counts[counts["stage"] == goal.stage]
    stage = stage[stage["pipeline"].eq(goal.pipeline) | (goal.pipeline == "")]
    if stage.empty:
        return []
    horizon = _horizon(stage)
    own = {g.team for g in goals if g.stage == goal.stage and g.pipeline == goal.pipeline}
    if goal.team:
        mine = stage[stage["rep_team"] == goal.team]
    else:  # teams with a goal of their own are not judged by everybody's
        mine = stage[~stage["rep_team"].isin(own - {""})]
    groups = [("company", "", mine)] if not goal.team else []
    groups += [("team", str(name), part) for name, part in mine.groupby("rep_team", sort=True)]
    groups += [("owner", str(name), part) for name, part in mine.groupby("owner_id", sort=True)]
    return [
        {"level": level, "group": name, "stage": goal.stage,
         "stage_rank": int(stage["stage_rank"].iloc[0]), "team": goal.team, "since": since,
         "conversion_goal": goal.conversion, "days_goal": goal.days, "counts": part,
         "horizon": horizon}
        for level, name, part in groups if len(part)
    ]  # fmt: skip


def _horizon(counts: pd.DataFrame) -> int:
    """Age by which nearly all stays have ended, else the longest seen."""
    ages, (ended, waiting) = sums_by_age(counts, ["ended", "still_open"])
    down = ages[staying_curve(ages, ended, waiting).value <= 1 - FOLLOWED]
    return int(down[0] if len(down) else ages[-1])


def _judged(rows: Sequence[dict[str, Any]], thresholds: Thresholds) -> list[dict[str, Any]]:
    """Give each comparison its interval and verdict; those of a level share one error rate."""
    stays = [_Stays.of(row["counts"]) for row in rows]
    sizes = [int(one.n) for one in stays]
    judged = [row["level"] for row, n in zip(rows, sizes, strict=True) if n >= thresholds.min_n]
    error = {level: (1 - thresholds.confidence) / max(judged.count(level), 1) for level in LEVELS}
    return [
        row | {"n": n, "waiting": int(one.waiting.sum())}
        | _conversion(row, one, 1 - error[row["level"]], few=n < thresholds.min_n)
        | _days(row, one, 1 - error[row["level"]], thresholds)
        for row, one, n in zip(rows, stays, sizes, strict=True)
    ]  # fmt: skip


class _Stays(NamedTuple):
    """Stays of a group, summed by age: how they ended."""

    ages: npt.NDArray[np.int64]
    onward: Array
    otherwise: Array
    ended: Array
    waiting: Array

    @classmethod
    def of(cls, counts: pd.DataFrame) -> "_Stays":
        ages, (onward, back, lost, invalid, ended, waiting) = sums_by_age(
            counts, ["onward", *_OTHERWISE, "ended", "still_open"]
        )
        return cls(ages, onward, back + lost + invalid, ended, waiting)

    @property
    def n(self) -> float:
        return float(self.ended.sum() + self.waiting.sum())

    def ending(self, event: Array, confidence: float) -> Curve:
        """Return the share that ended by the event, by age."""
        return ending_curve(self.ages, event, self.ended, self.waiting, confidence)


def _conversion(
    row: dict[str, Any], stays: _Stays, confidence: float, *, few: bool
) -> dict[str, Any]:
    """Compare the share that goes on; what has not left yet counts neither way."""
    goal, horizon = row["conversion_goal"], row["horizon"]
    onward = stays.ending(stays.onward, confidence)
    on = bounded(onward.within(horizon), stays.n, confidence)
    otherwise = stays.ending(stays.otherwise, confidence)
    off = bounded(otherwise.within(horizon), stays.n, confidence)
    known = not np.isnan(row["days_goal"])
    in_time = onward.within(int(row["days_goal"])).value if known else float("nan")
    verdict = "open"
    if np.isnan(goal) or np.isnan(on.value):
        verdict = "none"
    elif few:
        verdict = "few"
    elif on.lower > goal:
        verdict = "reached"
    elif off.lower > 1 - goal:  # so many left otherwise that the goal is out of reach
        verdict = "missed"
    return {"onward_share": on.value, "onward_lower": on.lower, "onward_upper": 1 - off.lower,
            "in_time": in_time, "conversion_verdict": verdict}  # fmt: skip


def _days(
    row: dict[str, Any], stays: _Stays, confidence: float, thresholds: Thresholds
) -> dict[str, Any]:
    """Compare the share that stays longer than wanted with the share that may."""
    goal = row["days_goal"]
    over = MISSING if np.isnan(goal) else _staying(stays, goal, confidence)
    few = stays.n < thresholds.min_n
    verdict = "open"
    if np.isnan(over.value):
        verdict = "none"
    elif few:
        verdict = "few"
    elif over.lower > thresholds.late_share:
        verdict = "missed"
    elif over.upper <= thresholds.late_share:
        verdict = "reached"
    return {"over_share": over.value, "over_lower": over.lower,
            "over_upper": over.upper, "days_verdict": verdict}  # fmt: skip


def _staying(stays: _Stays, days: float, confidence: float) -> Interval:
    """Return the share still there after `days`; missing when nobody was followed that long."""
    curve = staying_curve(stays.ages, stays.ended, stays.waiting, confidence)
    if stays.ages[-1] <= days and curve.value[-1] > 0:
        return MISSING
    found = Interval(1.0, float("nan"), float("nan")) if days < stays.ages[0] else curve.at(days)
    return bounded(found, stays.n, confidence)


def bounded(found: Interval, n: float, confidence: float) -> Interval:
    """Give a share of none or all of `n` the bounds of a plain share: a curve has none there."""
    if found.value not in (0.0, 1.0):
        return found
    return Interval(found.value, *wilson(found.value * n, n, confidence))
