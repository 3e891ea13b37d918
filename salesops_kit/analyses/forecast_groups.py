"""Forecasts by region, product, team and rep that add up to everybody in view."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.analyses.forecast_history import ALL, REP, History, name_of
from salesops_kit.metrics.targets import LEVELS, planned
from salesops_kit.models.series import Forecast
from salesops_kit.models.series_hierarchy import past_errors, reconciled, summing
from salesops_kit.models.series_panel import Array
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

COLUMNS = ("split", "group", "booked", "forecast", "low80", "high80", "target", "gap")


def group_table(
    found: Forecast, history: History, workspace: Workspace, whole: Array
) -> pd.DataFrame:
    """Return bookings of the fiscal year by group: booked, to come, and the target.

    Parameters
    ----------
    whole
        Forecast of everybody in view by step, to which the groups are made to add up: what open
        deals tell beyond the series of the groups is spread over them by how unsure each is.

    Returns
    -------
    DataFrame
        `split` (dimension), `group`, `booked` (in the year so far), `forecast` (of the whole
        year), `low80`, `high80`, `target`, `gap`; per dimension the largest first.
    """
    span = history.reach
    steps = sum(span.contains(step.start) for step in history.ahead)
    rows = [
        _row(found, history, of, ahead[:steps], span)
        for dimensions, leaves in trees(history)
        for of, ahead in coherent(found, dimensions, leaves, whole).items()
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS[:6]))
    table = table.sort_values(["split", "forecast"], ascending=[True, False], kind="stable")
    return _with_targets(table.reset_index(drop=True), workspace, span)


def trees(history: History) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """Return what adds up to what: dimensions from the top, and the names of every leaf.

    No tree where nobody booked anything: a company that won nothing yet has no groups of bookings.

    Reps stand below their teams where each sold for one team only; else beside them.
    """
    of_rep = {rep: team for team, rep in history.leaves}
    reps = _groups(history, REP)
    nested = "team" in history.dimensions and len(of_rep) == len(history.leaves)
    nested = nested and set(reps) <= set(of_rep)
    found: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = []
    for dimension in history.dimensions:
        if dimension == REP and nested:
            found.append((("team", REP), [(of_rep[rep], rep) for rep in reps]))
        elif dimension != "team" or not nested or not reps:
            found.append(((dimension,), [(group,) for group in _groups(history, dimension)]))
    return [(dimensions, leaves) for dimensions, leaves in found if leaves]


def coherent(
    found: Forecast, dimensions: Sequence[str], leaves: Sequence[tuple[str, ...]], whole: Array
) -> dict[tuple[str, str], Array]:
    """Return the forecast of every dimension and group of a tree; they add up to everybody's.

    A group without a forecast of its own (too few values, ended) gets none and takes none.
    """
    nodes, matrix = summing(leaves)
    names = [(dimensions[len(node) - 1], node[-1]) if node else ("", "") for node in nodes]
    places = [_place(found, *name) for name in names]
    there = [row for row in places if row is not None]
    known = np.array([row is not None for row in places])
    errors = past_errors(found.panel.only(there))
    points = np.zeros((len(nodes), found.value.shape[1]))
    misses = np.zeros((len(nodes), errors.shape[1]))
    points[known], misses[known] = np.nan_to_num(found.value[there]), errors
    points[0] = whole
    table = reconciled(points, matrix, misses)
    return dict(zip(names[1:], table[1:], strict=True))


def _place(found: Forecast, dimension: str, group: str) -> int | None:
    name = name_of("bookings", dimension or ALL, group)
    return found.panel.ids.index(name) if name in found.panel.ids else None


def _groups(history: History, dimension: str) -> list[str]:
    mine = history.rows[history.rows["dimension"] == dimension]
    return [str(group) for group in mine["group"].unique()]


def _row(
    found: Forecast, history: History, of: tuple[str, str], ahead: Array, span: Period
) -> dict[str, Any]:
    dimension, group = of
    values = history.values("bookings", dimension, group).to_numpy("float64")
    known, steps = float(values[history.within(span)].sum()), len(ahead)
    total = float(ahead.sum())
    low, high = np.nan, np.nan
    if _place(found, dimension, group) is not None:
        middle, draws = found.total(name_of("bookings", dimension, group), steps)
        low, high = np.quantile(draws, [0.1, 0.9]) + (total - middle)
        # a forecast is a mean, which single great draws may carry beyond nine of ten outcomes; of
        # small groups a table says so by a band that reaches it, never by one that misses it
        low, high = min(low, total), max(high, total)
    return {
        "split": dimension, "group": group, "booked": known, "forecast": known + total,
        "low80": known + max(float(low), 0.0) if low == low else np.nan,
        "high80": known + float(high),
    }  # fmt: skip


def _with_targets(table: pd.DataFrame, workspace: Workspace, span: Period) -> pd.DataFrame:
    """Put the year's targets beside the groups that have one."""
    by_column = {column: level for level, column in LEVELS.items() if column}
    parts = []
    for dimension, part in table.groupby("split", sort=False):
        plan = pd.Series(dtype="float64")
        level = by_column.get(str(dimension))
        if level and workspace.has("targets"):
            goals = planned(workspace.table("targets"), period=span, level=level)
            plan = goals.set_index("level_id")["target"]
        parts.append(part.assign(target=part["group"].map(plan).astype("float64")))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    result = pd.concat(parts, ignore_index=True)
    result = result.assign(gap=result["forecast"] - result["target"])[list(COLUMNS)]
    return result.assign(group=rep_names(result, workspace))


def rep_names(table: pd.DataFrame, workspace: Workspace) -> "pd.Series[str]":
    """Return the groups as readers call them: reps by name."""
    deals = workspace.table("deals").select(REP, "owner_name").unique()
    known = deals.collect(backend="pandas").to_native().dropna().drop_duplicates(REP)
    names = known.set_index(REP)["owner_name"]
    named = table["group"].map(names)
    return table["group"].where((table["split"] != REP) | named.isna(), named)
