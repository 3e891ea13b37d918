"""What the history of stages tells: who enters, moves on, waits, and how long, beside the goals."""

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.funnel import (
    dwell_counts,
    reached_or_passed,
    stage_entries,
    stage_flow,
)
from salesops_kit.metrics.visits import VisitRules, visit_counts, visits
from salesops_kit.models.survival import (
    aalen_johansen,
    kaplan_meier,
    share_within,
    staying_quantile,
)
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

_COUNTED = ("advanced", "won", "open", "back", "invalid", "lost")
_NO_STAGES = {
    "entries": ["stage", "entries", "previous", "year_ago"],
    "flow": ["stage", "entered", *(f"{name}_share" for name in _COUNTED)],
    "reached": ["stage", "cohort", "reached", "visited", "reached_rate"],
    "dwell": ["stage", "visits", "median", "lower", "upper", "p90", "goal", "over_goal"],
    "history": ["kind", "visits"],
}


def stages_of(
    workspace: Workspace, deals: Frame, period: Period, window: Period
) -> tuple[dict[str, pd.DataFrame], Frame | None]:
    """All that needs a stage history, empty where there is none; the stays, if known."""
    if workspace.history_quality in ("none", "changes_only"):
        return _nothing(), None
    pipelines = workspace.settings.all_pipelines
    seen = _seen_ranks(workspace, window)
    ranks = {name: [s.rank for s in p.open_stages if s.rank in seen]
             for name, p in pipelines.items()}  # fmt: skip
    single = next(iter(ranks.values())) if len(ranks) == 1 else ranks
    rules = VisitRules(
        open_ranks=single, bulk_edit_deals=workspace.settings.thresholds.bulk_edit_deals
    )
    history = workspace.table("stage_history")
    dimensions = [*carried(workspace, deals), "owner_id"]
    stays = workspace.keep(
        "_visits", visits(history, deals, as_of=workspace.as_of, dimensions=dimensions, rules=rules)
    )
    found = {
        "reached": reached_or_passed(stays, period=window),
        "history": visit_counts(history, deals, as_of=workspace.as_of, rules=rules),
    }
    if workspace.knows_stays:
        found["entries"] = _entries(stays, period)
        found["flow"] = _flow(stays, window)
        found["dwell"] = _dwell(workspace, stays, window)
    return _nothing() | found, stays if workspace.knows_stays else None


def carried(workspace: Workspace, deals: Frame) -> list[str]:
    """Dimensions of the settings that the deals have."""
    there = set(deals.collect_schema().names())
    return [name for name in workspace.settings.dimensions if name in there]


def _nothing() -> dict[str, pd.DataFrame]:
    return {name: pd.DataFrame(columns=columns) for name, columns in _NO_STAGES.items()}


def _seen_ranks(workspace: Workspace, window: Period) -> set[int]:
    """Ranks of stages that deals entered in the window: a standard stage nobody uses is none."""
    history = workspace.table("stage_history").select("stage_rank", "entered_day")
    day = nw.col("entered_day")
    inside = (day >= window.start_day) & (day < window.end_day)
    recent = history.filter(inside).select("stage_rank").unique()
    return set(recent.collect(backend="pandas").to_native()["stage_rank"].dropna().astype(int))


def _entries(stays: Frame, period: Period) -> pd.DataFrame:
    now = stage_entries(stays, period=period)
    for name, other in (("previous", period.previous()), ("year_ago", period.year_ago())):
        then = stage_entries(stays, period=other)[["stage", "entries"]]
        now = now.merge(then.rename(columns={"entries": name}), on="stage", how="left")
    return now.fillna({"previous": 0, "year_ago": 0}).astype({"previous": int, "year_ago": int})


def _flow(stays: Frame, window: Period) -> pd.DataFrame:
    flow = stage_flow(stays, period=window)
    onward = flow.assign(advanced=flow["advanced"] + flow["skipped_to"])
    shares = {f"{name}_share": onward[name] / onward["entered"] for name in _COUNTED}
    return onward.assign(**shares)


def _dwell(workspace: Workspace, stays: Frame, window: Period) -> pd.DataFrame:
    """Days in stage by Kaplan-Meier, with those still waiting, beside the goals."""
    counts = dwell_counts(stays, period=window, as_of=workspace.as_of)
    goals = _goals(workspace, window)
    rows = []
    for stage, part in counts.groupby("stage", sort=False):
        curve = kaplan_meier(part, ended="ended", waiting="still_open")
        onward = aalen_johansen(
            part, event="onward", competing=("back", "lost", "invalid"), waiting="still_open"
        )
        median, p90 = staying_quantile(curve, 0.5), staying_quantile(curve, 0.9)
        dwell_goal, conversion_goal = goals.get(str(stage), (float("nan"), float("nan")))
        longest = share_within(onward, int(part["age_days"].max()))
        rows.append(
            {
                "stage": stage,
                "visits": int(part[["ended", "still_open"]].to_numpy().sum()),
                "waiting": int(part["still_open"].sum()),
                "median": median.value,
                "lower": median.lower,
                "upper": median.upper,
                "p90": p90.value,
                "goal": dwell_goal,
                "over_goal": _staying(curve, dwell_goal),
                "onward_share": longest.value,
                "onward_lower": longest.lower,
                "onward_upper": longest.upper,
                "conversion_goal": conversion_goal,
            }
        )
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=_NO_STAGES["dwell"])


def _staying(curve: pd.DataFrame, days: float) -> float:
    """Share still there after `days`."""
    if np.isnan(days):
        return float("nan")
    seen = curve[curve["age_days"] <= days]
    return float(seen["staying"].iloc[-1]) if len(seen) else 1.0


def _goals(workspace: Workspace, window: Period) -> dict[str, tuple[float, float]]:
    """Stage → (days, conversion) from the stage_goals table, else from the settings."""
    goals = {
        s.name: (_number(s.max_dwell_days), _number(s.conversion_goal))
        for p in workspace.settings.all_pipelines.values()
        for s in p.stages
    }
    if workspace.has("stage_goals"):
        table = workspace.table("stage_goals").collect(backend="pandas").to_native()
        last = window.end_day - 1
        begun = table["valid_from_day"].isna() | (table["valid_from_day"] <= last)
        ended = table["valid_to_day"].notna() & (table["valid_to_day"] < last)
        whole = table["team"].isna() | (table["team"] == "")
        for row in table[begun & ~ended & whole].to_dict("records"):
            goals[row["stage"]] = (_number(row["max_dwell_days"]), _number(row["conversion"]))
    return goals


def _number(value: float | None) -> float:
    return float("nan") if value is None else float(value)
