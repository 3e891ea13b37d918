"""Week by week: which of the key series turned for the worse, where, since when, and who answers.

Series of the company are judged by their own past, groups against the company in the same week, so
that one cause is one alert and not one per group. All of them share one budget of false alarms.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from salesops_kit.analyses.monitor_findings import monitor_findings, named
from salesops_kit.analyses.monitor_series import CAUSES, COMPANY, SERIES, grids, weekly
from salesops_kit.analyses.recall import recalled
from salesops_kit.findings import Finding
from salesops_kit.models.alarms import (
    FAST,
    SLOW,
    WARM,
    YEAR,
    Alarms,
    Family,
    watch,
)
from salesops_kit.models.day_shares import lunar_new_years
from salesops_kit.models.intervals import wilson
from salesops_kit.periods import Period, from_day_number, period_containing
from salesops_kit.settings import MonitorSettings
from salesops_kit.workspace import Workspace

MOST = 156  # weeks looked back
BEGIN = 13  # weeks after the first deal that do not count: what begins cannot have closed yet
LEAST = 52  # weeks a series is judged by
FEWEST_WATCHED = 4  # weeks
RECENT = 13  # weeks a goal is held against
SHARES = (0.5, 0.4, 0.1)  # of the budget: steps of the company, groups, slow drifts of the company
TOGETHER = 26  # weeks within which alarms may have one cause: a sum may rise by chance before it
_CHANCE = 0.05  # that a group is named for what the whole company did alike
REST = (7, 14)  # days before and after lunar new year that are not judged
COLUMNS = {
    "alerts": ["series", "alert", "dimension", "group", "since", "before", "now", "cases",
               "strength", "also", "owner", "muted"],
    "series": ["series", "before", "now", "cases", "owner"],
    "trend": ["series", "dimension", "group", "day", "value"],
}  # fmt: skip


@dataclass(frozen=True)
class Monitor:
    """What rings in the last whole week.

    `alerts`: one row per cause: series, `alert` (step, drift, peer, goal), where, first day of the
    run, value before and since, `also` (other series and groups of the same cause), owner, muted.
    `series`: the company's, in the last 13 weeks and before. `trend`: `series`, `dimension`,
    `group`, `day`, `value` (mean of four weeks) of what is drawn. `watched`: number of series.
    `judged`: weeks that were judged, the last one among them; `begun`: alarms that began in them.
    """

    period: Period
    week: Period
    budget: float
    watched: int
    reference: int
    alerts: pd.DataFrame
    series: pd.DataFrame
    trend: pd.DataFrame
    judged: int = 0
    begun: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def drawn(self) -> list[tuple[dict[Any, Any], pd.DataFrame]]:
        """Return each alert that is not muted with the weeks of its series."""
        keys = ["series", "dimension", "group"]
        return [
            (row, self.trend[(self.trend[keys] == pd.Series(row)[keys]).all(axis=1)])
            for row in self.alerts[~self.alerts["muted"].astype(bool)].to_dict("records")
        ]


@recalled
def analyse_monitor(workspace: Workspace, *, period: Period) -> Monitor:
    """Judge every series up to the last whole week of the period."""
    rules = workspace.settings.monitor
    week = _last_week(workspace, period)
    span = Period("", week.start - timedelta(weeks=MOST - 1), week.end, "week")
    dimensions = rules.dimensions or workspace.settings.dimensions
    table = weekly(workspace, span, dimensions)
    empty = {name: named(pd.DataFrame(columns=columns)) for name, columns in COLUMNS.items()}
    result = Monitor(
        period, week, rules.budget, 0, 0, empty["alerts"], empty["series"], empty["trend"]
    )
    table, span = _begun(table, span)
    weeks = span.days // 7
    if weeks >= LEAST + FEWEST_WATCHED and len(table):
        result = _judged(result, _Grid.of(table, span, weeks), workspace)
    return replace(result, findings=monitor_findings(result, workspace.settings))


def _last_week(workspace: Workspace, period: Period) -> Period:
    day = min(period.last, workspace.as_of)
    week = period_containing(day, "week", workspace.settings.calendar)
    return week if week.last <= day else week.previous()


def _begun(table: pd.DataFrame, span: Period) -> tuple[pd.DataFrame, Period]:
    """Cut off the weeks before and just after the company's first deal."""
    new = table[(table["series"] == "new_deals") & (table["dimension"] == COMPANY)]
    first = int(new["week"].min()) if len(new) else 0
    skip = first + BEGIN if first else 0
    later = table[table["week"] >= skip]
    start = span.start + timedelta(weeks=skip)
    return later.assign(week=later["week"] - skip), replace(span, start=start)


@dataclass(frozen=True)
class _Grid:
    """Series × weeks: names, sums, cases, the kinds of numbers, and the weeks."""

    names: pd.DataFrame
    total: Any
    n: Any
    span: Period
    reference: int

    @classmethod
    def of(cls, table: pd.DataFrame, span: Period, weeks: int) -> "_Grid":
        names, total, n = grids(table, weeks)
        return cls(names, total, n, span, weeks - int(np.clip(weeks - LEAST, 0, YEAR)))

    def some(self, rows: Any) -> "_Grid":
        """Return chosen series."""
        names = self.names[rows].reset_index(drop=True)
        return replace(self, names=names, total=self.total[rows], n=self.n[rows])

    def value(self, row: int, weeks: slice) -> tuple[float, float]:
        """Return what a series is over some weeks, per week for sums and counts, and the cases."""
        total, n = self.total[row, weeks].sum(), self.n[row, weeks].sum()
        kind = SERIES[self.names["series"].iloc[row]].kind
        if kind in ("count", "sum"):
            return float(total / max(self.total[row, weeks].size, 1)), float(n)
        mean = float(total / n) if n else float("nan")
        if self.names["series"].iloc[row] == "cycle":
            mean = float(np.exp(mean) - 1)
        return mean, float(n)


def _judged(result: Monitor, grid: _Grid, workspace: Workspace) -> Monitor:
    rules = workspace.settings.monitor
    grid = grid.some(_worth(grid, rules))
    if grid.names.empty:
        return result
    whole = (grid.names["dimension"] == COMPANY).to_numpy()
    values = _values(grid)
    values[:, _rest(grid.span, workspace.settings.forecast.country)] = np.nan
    order = np.concatenate([np.arange(len(values)), np.flatnonzero(whole)])
    slow = np.arange(len(order)) >= len(values)
    family = Family(
        values[order], grid.reference,
        groups=np.where(slow, 2, np.where(whole[order], 0, 1)).astype("int64"), shares=SHARES,
        allowance=np.where(slow, SLOW, FAST), design=_calendar(grid),
    )  # fmt: skip
    alarms = watch(family, budget=rules.budget)
    ringing = _ringing(grid, alarms, order, slow)
    rows = [*_causes(grid, ringing), *_goals(grid, rules)]
    alerts = pd.DataFrame(rows, columns=COLUMNS["alerts"])
    alerts = named(_answered(alerts, rules, result.week))
    return replace(
        result, watched=len(values), reference=grid.reference, alerts=alerts,
        series=named(_now(grid, rules)), trend=_trend(grid, alerts),
        judged=grid.total.shape[1] - grid.reference, begun=int(alarms.begun(family.groups).sum()),
    )  # fmt: skip


def _worth(grid: _Grid, rules: MonitorSettings) -> Any:
    """Mark the series to watch: of rules that are active, and of groups with cases enough."""
    enough = grid.n[:, : grid.reference].mean(axis=1) >= rules.fewest
    chosen = []
    for row in grid.names.to_dict("records"):
        rule = rules.rule(row["series"])
        by = rule.by is None or row["dimension"] in (COMPANY, *rule.by)
        chosen.append(rule.active and by)
    return enough & np.array(chosen)


def _values(grid: _Grid) -> Any:
    """Return series × weeks such that higher is worse and every week has the same spread."""
    rows = []
    whole = {row["series"]: place for place, row in enumerate(grid.names.to_dict("records"))
             if row["dimension"] == COMPANY}  # fmt: skip
    for place, row in enumerate(grid.names.to_dict("records")):
        about = SERIES[row["series"]]
        sign = 1.0 if about.more_is_worse else -1.0
        one = (grid.total[place], grid.n[place])
        above = whole.get(row["series"]) if row["dimension"] != COMPANY else None
        if row["dimension"] != COMPANY and above is None:
            rows.append(np.full(len(one[0]), np.nan))
        elif above is None:
            rows.append(sign * _own(about.kind, one, grid.reference))
        else:
            beside = (grid.total[above], grid.n[above])
            rows.append(sign * _against(about.kind, one, beside, grid.reference))
    return np.array(rows)


def _own(kind: str, of: tuple[Any, Any], reference: int) -> Any:
    total, n = of
    if kind in ("count", "sum"):
        return np.sqrt(np.maximum(total, 0))
    usual = total[:reference].sum() / max(n[:reference].sum(), 1e-12)
    return np.where(n > 0, (total - n * usual) / np.sqrt(np.maximum(n, 1e-12)), np.nan)


def _against(kind: str, of: tuple[Any, Any], company: tuple[Any, Any], reference: int) -> Any:
    """Return a group's departure from what the company did in the same week."""
    (total, n), (every, cases) = of, company
    if kind in ("count", "sum"):
        share = total[:reference].sum() / max(every[:reference].sum(), 1e-12)
        return np.where(every > 0, (total - every * share) / np.sqrt(np.maximum(every, 1e-12)),
                        np.nan)  # fmt: skip
    usual = every / np.maximum(cases, 1e-12)
    fixed = (total - n * usual)[:reference].sum() / max(n[:reference].sum(), 1e-12)
    return np.where(n > 0, (total - n * (usual + fixed)) / np.sqrt(np.maximum(n, 1e-12)), np.nan)


def _calendar(grid: _Grid) -> Any:
    """Return what the calendar explains of a week: ends of months and quarters, and the season."""
    weeks = max(grid.reference + WARM + YEAR, grid.total.shape[1])
    days = pd.date_range(grid.span.start, periods=7 * weeks, freq="D")
    late = days.days_in_month - days.day < 5
    quarter = late & (days.month % 3 == 0)
    columns = [mark.reshape(weeks, 7).mean(axis=1) for mark in (np.asarray(late), quarter)]
    if grid.reference >= 2 * YEAR - WARM:
        angle = 2 * np.pi * np.asarray(days.day_of_year)[::7] / 365.25
        columns += [np.cos(angle), np.sin(angle)]
    design = np.stack(columns, axis=1)
    return design - design[: grid.reference].mean(axis=0)


def _rest(span: Period, country: str) -> Any:
    """Mark the weeks around lunar new year, in which nothing is judged."""
    starts = np.arange(span.start_day, span.end_day, 7)
    marked = np.zeros(len(starts), dtype=bool)
    for day in lunar_new_years(country, span.start, span.end):
        number = (pd.Timestamp(day) - pd.Timestamp(1970, 1, 1)).days
        marked |= (starts + 7 > number - REST[0]) & (starts <= number + REST[1])
    return marked


def _ringing(grid: _Grid, alarms: Alarms, order: Any, slow: Any) -> pd.DataFrame:
    """Return what rings in the last week: row, alert, week of its beginning, strength."""
    rows = []
    for place in np.flatnonzero(alarms.ringing[:, -1]):
        row = int(order[place])
        company = grid.names["dimension"].iloc[row] == COMPANY
        alert = "drift" if slow[place] else "step" if company else "peer"
        rows.append((row, alert, int(alarms.since[place, -1]) + grid.reference,
                     float(alarms.sums[place, -1] / alarms.limits[place])))  # fmt: skip
    rows += [found for row in rows if (found := _behind(grid, alarms, row)) is not None]
    table = pd.DataFrame(rows, columns=["row", "alert", "begin", "strength"])
    table = table.sort_values(["strength", "row"], ascending=[False, True])
    return table.drop_duplicates("row", ignore_index=True)  # a drift that is a step too


def _behind(
    grid: _Grid, alarms: Alarms, ringing: tuple[int, str, int, float]
) -> tuple[int, str, int, float] | None:
    """Return the group in which a series of the company fell, where one stands out.

    A group may be too small to ring by itself and yet be clearly worse than the company since the
    week in which the company's alarm begins: the mean of its scores, less the mean of its reference
    weeks, at 5 % for all groups of all series.
    """
    row, alert, begin, strength = ringing
    names, since = grid.names, begin - grid.reference
    if alert == "peer":
        return None
    apart = (names["dimension"] != COMPANY).to_numpy()
    groups = np.flatnonzero(apart & (names["series"] == names["series"].iloc[row]).to_numpy())
    if not len(groups):
        return None
    scores = alarms.scores[groups, since:]
    weeks = scores.shape[1]
    worst = scores.sum(axis=1) / np.sqrt(weeks * (1 + weeks / grid.reference))
    place = int(worst.argmax())
    if worst[place] < ndtri(1 - _CHANCE / apart.sum()):
        return None
    return int(groups[place]), "peer", begin, strength


def _causes(grid: _Grid, ringing: pd.DataFrame) -> list[list[Any]]:
    """Join what has one cause: the strongest group names the place, the rest stands beside it.

    Alarms belong together when they began within half a year, are of one series or of one made of
    the other, and are not of two groups of the same dimension.
    """
    place = ringing["alert"].eq("peer")
    ordered = pd.concat([ringing[place], ringing[~place]]).to_dict("records")
    rows: list[list[Any]] = []
    heads: list[tuple[dict[Any, Any], list[int]]] = []
    for one in ordered:
        mine = [members for head, members in heads if _together(grid, head, one)]
        if mine:
            mine[0].append(one["row"])
        else:
            heads.append((one, []))
    for head, members in heads:
        row, begin = int(head["row"]), int(head["begin"])
        before, _ = grid.value(row, slice(max(begin - YEAR, 0), begin))
        now, cases = grid.value(row, slice(begin, None))
        name = grid.names.iloc[row]
        since = from_day_number(grid.span.start_day + 7 * begin)
        also = [(grid.names["series"].iloc[m], grid.names["group"].iloc[m]) for m in members]
        rows.append([name["series"], head["alert"], name["dimension"], name["group"], since, before,
                     now, cases, head["strength"], also, "", False])  # fmt: skip
    return rows


def _together(grid: _Grid, one: dict[Any, Any], other: dict[Any, Any]) -> bool:
    a, b = grid.names.iloc[int(one["row"])], grid.names.iloc[int(other["row"])]
    kin = (
        a["series"] == b["series"]
        or b["series"] in CAUSES.get(a["series"], ())
        or a["series"] in CAUSES.get(b["series"], ())
    )
    apart = a["dimension"] == b["dimension"] and a["group"] != b["group"]
    return kin and not apart and abs(int(one["begin"]) - int(other["begin"])) <= TOGETHER


def _goals(grid: _Grid, rules: MonitorSettings) -> list[list[Any]]:
    """Return the goals that the last weeks surely miss (nine times in ten)."""
    rows = []
    recent = slice(grid.total.shape[1] - RECENT, None)
    for place, name in enumerate(grid.names.to_dict("records")):
        goal = rules.rule(name["series"]).goal
        if goal is None or name["dimension"] != COMPANY:
            continue
        now, cases = grid.value(place, recent)
        about = SERIES[name["series"]]
        low, high = _bounds(about.kind, grid.total[place, recent], grid.n[place, recent], now)
        if (low > goal) if about.more_is_worse else (high < goal):
            begin = from_day_number(grid.span.end_day - 7 * RECENT)
            rows.append([name["series"], "goal", COMPANY, "", begin, goal, now, cases, 1.0, [], "",
                         False])  # fmt: skip
    return rows


def _bounds(kind: str, total: Any, n: Any, value: float) -> tuple[float, float]:
    if kind == "rate":
        return wilson(total.sum(), n.sum(), 0.9)
    weekly_values = total if kind in ("count", "sum") else total / np.maximum(n, 1)
    half = 1.64 * float(weekly_values.std(ddof=1)) / len(weekly_values) ** 0.5
    return value - half, value + half


def _answered(alerts: pd.DataFrame, rules: MonitorSettings, week: Period) -> pd.DataFrame:
    owners = [rules.rule(name).owner for name in alerts["series"]]
    until = [rules.rule(name).mute_until for name in alerts["series"]]
    muted = [day is not None and week.last <= day for day in until]
    return alerts.assign(
        owner=owners, muted=np.array(muted, dtype=bool), since_day=alerts["since"],
        alerted="alert_" + alerts["alert"].astype(str),
        loudness=["muted" if quiet else "loud" for quiet in muted],
    )  # fmt: skip


def _now(grid: _Grid, rules: MonitorSettings) -> pd.DataFrame:
    """Return the company's series in the last 13 weeks beside the year before."""
    rows = []
    last = grid.total.shape[1]
    for place, name in enumerate(grid.names.to_dict("records")):
        if name["dimension"] != COMPANY:
            continue
        now, cases = grid.value(place, slice(last - RECENT, None))
        before, _ = grid.value(place, slice(max(last - RECENT - YEAR, 0), last - RECENT))
        owner = rules.rule(name["series"]).owner or "–"
        rows.append((name["series"], before, now, cases, owner))
    return pd.DataFrame(rows, columns=COLUMNS["series"])


def _trend(grid: _Grid, alerts: pd.DataFrame) -> pd.DataFrame:
    """Return the drawn series as means of four weeks."""
    parts = []
    wanted = set(zip(alerts["series"], alerts["dimension"], alerts["group"], strict=True))
    for place, name in enumerate(grid.names.to_dict("records")):
        key = (name["series"], name["dimension"], name["group"])
        if key not in wanted:
            continue
        for end in range(4, grid.total.shape[1] + 1):
            value, _ = grid.value(place, slice(end - 4, end))
            parts.append((*key, from_day_number(grid.span.start_day + 7 * end - 1), value))
    return pd.DataFrame(parts, columns=COLUMNS["trend"])
