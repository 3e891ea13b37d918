"""Versions of the sales process: when stages or rules changed, and the rates before and after.

A rate that jumps because the process was changed is no leak: this table says so, with both spans
side by side. Stays are followed only until the change, so that no version is judged by the next.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import exp, hypot
from typing import Any, NamedTuple

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.analyses.goals import bounded
from salesops_kit.metrics.engine import Frame, collect
from salesops_kit.metrics.funnel import dwell_counts
from salesops_kit.metrics.grouping import z_value
from salesops_kit.models.survival import (
    CONFIDENCE,
    MISSING,
    Interval,
    aalen_johansen,
    kaplan_meier,
    share_within,
    staying_quantile,
)
from salesops_kit.periods import Period, from_day_number
from salesops_kit.workspace import Workspace

SILENT = 1e-4  # so unlikely must a silence be before a stage counts as come or gone
LONGEST = 60  # days within which conversion is compared
FEWEST_DAYS = 14  # a span in which a stage was used less tells nothing
OVERLAP = 7  # days in which an old label may still be seen after the new one
CHANGE_COLUMNS = ("day", "kind", "stage", "detail")
COLUMNS = ("changed_on", "change", "changed_stage", "detail", "stage", "version", "first", "last",
           "n", "days", "onward_share", "lower", "upper", "median", "median_lower",
           "median_upper", "differs")  # fmt: skip


class Change(NamedTuple):
    """The process changed on a day; `stage` empty: for every stage. `detail`: rule or labels."""

    day: int
    kind: str
    stage: str = ""
    detail: str = ""


def process_changes(workspace: Workspace, stays: Frame, *, window: Period) -> list[Change]:
    """Return what changed within the window, by day.

    `stage_began`, `stage_ended`: a stage first or last entered, with so long a silence before or
    after as its usual traffic leaves no room for; `renamed`: another label from that day on;
    `rule_began`, `rule_ended`: a rule came into or went out of force; `recorded`: what the company
    itself wrote down, unless one of these says it too.
    """
    first, last = _known_days(stays)
    span = (max(first, window.start_day), min(last, window.end_day - 1))
    found = [
        *_stages(stays, (first, last)),
        *_renamed(workspace.table("stage_history")),
        *_rules(workspace),
    ]
    seen = {
        (change.stage, day) for change in found for day in range(change.day - 7, change.day + 8)
    }
    found += [c for c in _recorded(workspace) if (c.stage, c.day) not in seen]
    return sorted({change for change in found if span[0] < change.day <= span[1]})


def process_versions(
    workspace: Workspace, stays: Frame, changes: Sequence[Change], *, window: Period
) -> pd.DataFrame:
    """Compare the stages each change touched, before and after it.

    Parameters
    ----------
    stays
        Visits (`metrics.visits`).
    changes
        From `process_changes`.
    window
        Spans reach from the previous change of the stage, or the window's first day, to the next.

    Returns
    -------
    DataFrame
        Two rows per change and touched stage, `version` before and after: its first and last day,
        `n` stays begun in it, `onward_share` within `days` (Aalen-Johansen) with its bounds,
        `median` days of stay (Kaplan-Meier) with its bounds; `differs`: whether conversion
        differs by more than chance, over all rows at once (5 %).
    """
    order = _order(stays)
    pairs = [
        (change, stage) for change in changes for stage in _touched(change, order)
    ]  # fmt: skip
    rows = [
        row
        for change, stage in pairs
        for row in _before_and_after(
            workspace, stays, (change, stage), _edges(pairs, stage, window)
        )
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS[:-1]))
    return table.assign(differs=_differs(table))


def _known_days(stays: Frame) -> tuple[int, int]:
    days = stays.select(first=nw.col("entered_day").min(), last=nw.col("entered_day").max())
    row = collect(days).iloc[0]
    return (0, -1) if pd.isna(row["first"]) else (int(row["first"]), int(row["last"]))


def _order(stays: Frame) -> list[str]:
    opened = stays.filter(nw.col("stage_category") == "open")
    table = collect(opened.select("stage", "stage_rank").unique(), ["stage_rank", "stage"])
    return [str(name) for name in table["stage"]]


def _stages(stays: Frame, known: tuple[int, int]) -> list[Change]:
    opened = stays.filter(nw.col("stage_category") == "open").with_columns(one=nw.lit(1))
    days = opened.group_by("stage").agg(
        nw.col("one").sum(),
        first=nw.col("entered_day").min(),
        last=nw.col("entered_day").max(),
    )
    found = []
    for row in collect(days, ["stage"]).to_dict("records"):
        rate = row["one"] / max(row["last"] - row["first"], 1)
        if exp(-rate * (row["first"] - known[0])) < SILENT:
            found.append(Change(int(row["first"]), "stage_began", str(row["stage"])))
        if exp(-rate * (known[1] - row["last"])) < SILENT:
            found.append(Change(int(row["last"]) + 1, "stage_ended", str(row["stage"])))
    return found


def _renamed(history: Frame) -> list[Change]:
    """Find labels that end where another label of the same stage begins."""
    known = history.filter(~nw.col("stage_label").is_null() & ~nw.col("entered_day").is_null())
    spans = known.group_by("stage", "stage_label").agg(
        first=nw.col("entered_day").min(), last=nw.col("entered_day").max()
    )
    found = []
    for stage, part in collect(spans, ["stage", "first"]).groupby("stage", sort=True):
        rows = part.to_dict("records")
        for old, new in pairwise(rows):
            if old["last"] <= new["first"] + OVERLAP:
                detail = f"{old['stage_label']} → {new['stage_label']}"
                found.append(Change(int(new["first"]), "renamed", str(stage), detail))
    return found


def _rules(workspace: Workspace) -> list[Change]:
    if not workspace.has("sop_rules"):
        return []
    rules = workspace.table("sop_rules").select("rule_id", "stage", "valid_from_day",
                                                "valid_to_day")  # fmt: skip
    found = []
    for row in collect(rules, ["rule_id"]).to_dict("records"):
        stage = row["stage"] or ""
        if not pd.isna(row["valid_from_day"]):
            found.append(Change(int(row["valid_from_day"]), "rule_began", stage, row["rule_id"]))
        if not pd.isna(row["valid_to_day"]):
            day = int(row["valid_to_day"]) + 1
            found.append(Change(day, "rule_ended", stage, row["rule_id"]))
    return found


def _recorded(workspace: Workspace) -> list[Change]:
    if not workspace.has("process_versions"):
        return []
    written = workspace.table("process_versions").select("valid_from_day", "change", "stage")
    rows = collect(written, ["valid_from_day"]).to_dict("records")
    return [
        Change(int(row["valid_from_day"]), "recorded", row["stage"] or "", row["change"] or "")
        for row in rows
        if not pd.isna(row["valid_from_day"])
    ]


def _touched(change: Change, order: Sequence[str]) -> list[str]:
    """Name the stages whose levels may jump: a stage that comes or goes moves its neighbours'."""
    if not change.stage:
        return list(order)
    if change.stage not in order:
        return []
    place = order.index(change.stage)
    if change.kind in ("stage_began", "stage_ended"):
        return [name for name in order[max(place - 1, 0) : place + 2] if name != change.stage]
    return [change.stage]


def _edges(pairs: Sequence[tuple[Change, str]], stage: str, window: Period) -> list[int]:
    """Return the days on which a version of a stage begins or ends, window included."""
    days = {change.day for change, touched in pairs if touched == stage}
    return sorted({window.start_day, *days, window.end_day})


def _before_and_after(
    workspace: Workspace, stays: Frame, what: tuple[Change, str], edges: Sequence[int]
) -> list[dict[str, Any]]:
    change, stage = what
    place = edges.index(change.day)
    end = min(edges[place + 1], workspace.as_of_day + 1)
    spans = {"before": (edges[place - 1], change.day), "after": (change.day, end)}
    mine = stays.filter(nw.col("stage") == stage)
    counts = {name: _counts(mine, *span) for name, span in spans.items()}
    days = min(LONGEST, *(_followed(table) for table in counts.values()))
    named = {"changed_on": from_day_number(change.day), "change": change.kind,
             "changed_stage": change.stage or None, "detail": change.detail,
             "stage": stage, "days": days}  # fmt: skip
    return [
        named
        | {"version": name, "first": from_day_number(first), "last": from_day_number(end - 1)}
        | _rates(counts[name], days)
        for name, (first, end) in spans.items()
    ]


def _counts(stays: Frame, first: int, end: int) -> pd.DataFrame:
    """Count stays begun in a span by age, followed until the span's last day and no longer."""
    later = nw.col("exited_day") >= end
    cut = stays.with_columns(
        exit_type=nw.when(later).then(nw.lit("open")).otherwise(nw.col("exit_type")),
        exited_day=nw.when(~later).then(nw.col("exited_day")),
    )
    span = Period("", from_day_number(first), from_day_number(end), "month")
    return dwell_counts(cut, period=span, as_of=from_day_number(end - 1))


def _followed(counts: pd.DataFrame) -> int:
    """Return the age up to which a span tells what became of stays: all of it once all ended."""
    if counts.empty:
        return 0
    oldest = counts[counts["age_days"] == counts["age_days"].max()]
    waiting = oldest["still_open"].sum() > 0
    return int(oldest["age_days"].iloc[0]) if waiting else LONGEST


def _rates(counts: pd.DataFrame, days: int) -> dict[str, Any]:
    n = int(counts[["ended", "still_open"]].to_numpy().sum())
    share = median = MISSING
    if n and days >= FEWEST_DAYS:
        onward = aalen_johansen(
            counts, event="onward", competing=("back", "lost", "invalid"), waiting="still_open"
        )
        share = bounded(share_within(onward, days), n, CONFIDENCE)
        curve = kaplan_meier(counts, ended="ended", waiting="still_open")
        median = staying_quantile(curve, 0.5)
    return {"n": n, **_named(share, ("onward_share", "lower", "upper")),
            **_named(median, ("median", "median_lower", "median_upper"))}  # fmt: skip


def _named(found: Interval, names: Sequence[str]) -> dict[str, float]:
    return dict(zip(names, found, strict=True))


def _differs(table: pd.DataFrame) -> list[bool]:
    """Tell for each pair of rows whether conversion differs, with one error rate for all pairs."""
    rows = table.to_dict("records")
    pairs = list(zip(rows[::2], rows[1::2], strict=True))
    far = z_value(1 - 0.05 / max(len(pairs), 1))
    verdicts = []
    for before, after in pairs:
        errors = [(row["upper"] - row["lower"]) / (2 * z_value()) for row in (before, after)]
        distance = abs(after["onward_share"] - before["onward_share"])
        differs = bool(distance > far * hypot(*errors))
        verdicts += [differs, differs]
    return verdicts
