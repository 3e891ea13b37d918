"""What will be booked, how sure that is, and whether it reaches the target.

Series of bookings and of what leads to them are forecast together (`models.series`); groups are
made to add up to everybody in view; the same methods, forecasting from past moments, say how much
to trust them, beside seasonal naive and Prophet.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.analyses.forecast_findings import forecast_findings
from salesops_kit.analyses.forecast_groups import group_table, rep_names
from salesops_kit.analyses.forecast_history import MEASURES, REP, History, history_of, name_of
from salesops_kit.analyses.forecast_total import (
    TOTAL,
    Total,
    before,
    compared,
    delivered,
    parts_table,
    total_of,
    with_deals_tested,
)
from salesops_kit.analyses.pipeline_forecast import scored_deals
from salesops_kit.analyses.pipeline_forecast_findings import larger_deal
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.target_scale import odd_targets, usual_per_day
from salesops_kit.findings import Finding
from salesops_kit.metrics.targets import planned_totals
from salesops_kit.models.day_shares import (
    STRETCHES,
    day_shares,
    lunar_new_years,
    working_days,
)
from salesops_kit.models.series import Forecast, Mode, centre, forecast, reach
from salesops_kit.models.series_backtest import (
    accuracy,
    backtest,
    backtest_prophet,
    origins,
    prophet_drivers,
)
from salesops_kit.models.series_intervals import LEVELS
from salesops_kit.models.series_panel import FEWEST, NOTED, Panel, read_panel
from salesops_kit.models.series_prophet import ProphetView, prophet_view
from salesops_kit.models.series_spikes import despiked
from salesops_kit.periods import Period, period_containing
from salesops_kit.settings import Settings
from salesops_kit.workspace import Workspace

BAND = 0.8  # of the intervals shown
_ORIGINS = 9  # past moments that are forecast from


@dataclass(frozen=True)
class SalesForecast:
    """Forecasts of a workspace.

    `total`: the forecast of everybody in view, by open deals as far as they tell, then by the
    series alone. `path`: it by step: `span`, `kind` (known, ahead), `forecast` (what
    was booked, where known), `low50` … `high95`, `alone` (the series by itself), `target`. `aims`:
    the next step, its quarter and its fiscal year (weeks: all of them): `span`, `booked` so far,
    `steps` to come, `forecast`, `low80`, `high80`, `middle` (median), `alone`, `target`, `gap`,
    `reach_chance`, `lacking` and `safe` (money on top for a chance of 50 and of 80 %), `usual`
    (what as many days of the last year brought).
    `moved`: from the forecast of that aim as the same methods made it one step before to the one of
    now: `part` (before, last_period, to_come, now), `value`; the two in the middle are changes.
    `groups`: the same of the fiscal year by dimension and group. `measures`: what
    leads to bookings. `parts`: of the next step and of all that open deals tell, the forecast, its
    parts and the series alone, each with its past error (`parts_table`). `tested`: forecasts from
    past moments with what came; `accuracy`: how far each method missed, of everybody in view.
    `last`: the last step as forecast one step before.
    `problems`: what is wrong with series. `prophet`: its view, None where it cannot be had.
    `single`: the open deal that would bring more than all that open deals tell of, if there is one.
    `odd_levels`: levels whose targets are probably in another unit (`target_scale`).
    """

    period: Period
    history: History
    forecast: Forecast | None = None
    total: Total | None = None
    path: pd.DataFrame = field(default_factory=pd.DataFrame)
    aims: pd.DataFrame = field(default_factory=pd.DataFrame)
    moved: pd.DataFrame = field(default_factory=pd.DataFrame)
    groups: pd.DataFrame = field(default_factory=pd.DataFrame)
    measures: pd.DataFrame = field(default_factory=pd.DataFrame)
    parts: pd.DataFrame = field(default_factory=pd.DataFrame)
    tested: pd.DataFrame = field(default_factory=pd.DataFrame)
    accuracy: pd.DataFrame = field(default_factory=pd.DataFrame)
    problems: pd.DataFrame = field(default_factory=pd.DataFrame)
    prophet: ProphetView | None = None
    single: dict[Any, Any] | None = None
    odd_levels: tuple[str, ...] = ()
    findings: list[Finding] = field(default_factory=list)

    @property
    def aim(self) -> dict[str, Any] | None:
        """Return the widest aim that has a target, else the widest."""
        if self.aims.empty:
            return None
        rows = self.aims.to_dict("records")
        aimed = [row for row in rows if row["target"] == row["target"]]
        return {str(name): value for name, value in (aimed or rows)[-1].items()}

    @property
    def last(self) -> dict[str, Any] | None:
        """Return the last complete step: what was expected one step before, and what came."""
        if self.tested.empty:
            return None
        rows = self.tested[(self.tested["cut"] == 1) & (self.tested["series"] == TOTAL)]
        rows = rows[rows["method"] == delivered(rows)]
        return dict(rows.iloc[0]) if len(rows) else None

    @property
    def made_of(self) -> list[pd.DataFrame]:
        """Return `parts` of the next step and of all that open deals tell, for two tables."""
        return [rows for _, rows in self.parts.groupby("span", sort=False)] if self.told else []

    @property
    def told(self) -> list[str]:
        """Return the steps ahead of which open deals tell."""
        return [span.label for span in self.total.ahead.spans] if self.total else []

    @property
    def ahead(self) -> pd.DataFrame:
        """Return the steps ahead, for a table."""
        return self.path[self.path["kind"] == "ahead"] if len(self.path) else self.path

    @property
    def year(self) -> str:
        """Return the widest span that is forecast."""
        return str(self.aims["span"].iloc[-1]) if len(self.aims) else ""

    @property
    def teams(self) -> pd.DataFrame:
        """Return the groups but the reps, for a table."""
        return self.groups[self.groups["split"] != REP] if len(self.groups) else self.groups

    @property
    def reps(self) -> pd.DataFrame:
        """Return the reps, for a table."""
        return self.groups[self.groups["split"] == REP] if len(self.groups) else self.groups

    @property
    def remarks(self) -> pd.DataFrame:
        """Return what is to be said of series, reps' empty periods aside, for a table."""
        table = self.problems
        if table.empty:
            return table
        usual = (table["split"] == REP) & table["problem"].isin(NOTED)
        kept: pd.DataFrame = table[~usual]
        return kept.sort_values("split", kind="stable")

    @property
    def past(self) -> pd.DataFrame:
        """Return what was forecast one step before, and what came, oldest first, for a chart."""
        if self.tested.empty:
            return self.tested
        rows = self.tested[(self.tested["ahead"] == 1) & (self.tested["series"] == TOTAL)]
        rows = rows[rows["method"] == delivered(rows)].sort_values("cut", ascending=False)
        return rows.assign(span=[self.history.steps[-cut].label for cut in rows["cut"]])

    @property
    def broke(self) -> Period | None:
        """Return the step in which bookings took a lasting step, if they did lately."""
        if self.forecast is None or TOTAL not in self.forecast.panel.ids:
            return None
        since = self.forecast.broke[self.forecast.panel.ids.index(TOTAL)]
        return self.history.steps[-since] if since else None

    @property
    def spikes(self) -> tuple[tuple[Period, float], ...]:
        """Return the steps in which bookings were far from all others, and how large they were."""
        if self.forecast is None or TOTAL not in self.forecast.panel.ids:
            return ()
        value = self.forecast.panel.known[self.forecast.panel.ids.index(TOTAL)]
        far = np.flatnonzero(despiked(value, self.history.season)[1])
        return tuple((self.history.steps[at - len(value)], float(value[at])) for at in far)


@recalled
def analyse_forecast(workspace: Workspace, *, period: Period, mode: Mode = "best") -> SalesForecast:
    """Forecast bookings and what leads to them.

    Parameters
    ----------
    workspace
        Of deals; leads and targets if there are any.
    period
        Weekly ones are forecast by week, all others by month, from the as-of day on.
    mode
        `best` or `fast` (`models.series.forecast`).
    """
    history = history_of(workspace, period)
    panel, problems = read_panel(history.rows, season=history.season, last=len(history.steps) - 1)
    panel = replace(panel, **_drivers(history, workspace.settings))
    result = SalesForecast(period, history, problems=_named(problems, history, workspace))
    if TOTAL in panel.ids and history.values("bookings").any():
        result = _forecast(result, workspace, panel, mode)
    return replace(result, findings=forecast_findings(result, workspace.settings))


def _forecast(
    result: SalesForecast, workspace: Workspace, panel: Panel, mode: Mode
) -> SalesForecast:
    history, horizon = result.history, len(result.history.ahead)
    found = forecast(panel, horizon, mode)
    total = total_of(found, history, workspace)
    tested = with_deals_tested(_tested(panel, history, mode), total, history)
    result = replace(result, total=total, aims=_aims(total, history, workspace))
    return replace(
        result,
        forecast=found,
        path=_path(total, history, workspace),
        moved=_moved(result, total, panel, mode),
        groups=group_table(found, history, workspace, total.value),
        measures=_measures(found, history, total),
        parts=parts_table(total, tested),
        tested=tested,
        accuracy=accuracy(compared(tested)) if len(tested) else pd.DataFrame(),
        prophet=_prophet(panel, history),
        single=_single(total, workspace),
        odd_levels=tuple(odd_targets(workspace)["level"]),
    )


def _single(total: Total, workspace: Workspace) -> dict[Any, Any] | None:
    if not total.ahead.spans:
        return None
    deals = scored_deals(workspace, total.ahead.now[-1])
    return larger_deal(deals, float(total.ahead.value.sum()))


def _drivers(history: History, settings: Settings) -> dict[str, Any]:
    """Return what is known of every step beforehand, known and ahead.

    Shares of the days around lunar new year and of each event, and the working days of the
    country; each a block that enters a series only where it explains it.
    """
    spans, said = [*history.steps, *history.ahead], settings.forecast
    starts = [span.start for span in spans] + [spans[-1].end]
    first, last = starts[0], starts[-1]
    lunar = lunar_new_years(said.country, first, last)
    parts = {
        "lunar_new_year": day_shares(lunar, starts, STRETCHES),
        "working_days": working_days(said.country, starts)[:, None],
    }
    for name in said.events:
        parts[name] = day_shares(said.event_days(name, first, last), starts, [(0, 6)])
    table = np.concatenate(list(parts.values()), axis=1)
    blocks = tuple((name, part.shape[1]) for name, part in parts.items())
    return {"drivers": table, "ahead": len(history.ahead), "blocks": blocks}


def _everybody(panel: Panel) -> list[int]:
    """Return the places of the series of everybody in view."""
    return [row for row, name in enumerate(panel.ids) if name.split("|")[2] == ""]


def _tested(panel: Panel, history: History, mode: Mode) -> pd.DataFrame:
    """Forecast from past moments; Prophet only for everybody in view, it takes its time."""
    horizon = min(len(history.ahead), 6)
    cuts = origins(panel, _ORIGINS)
    shown = panel.only(_everybody(panel))
    tested = backtest(shown, horizon, cuts, mode)
    total = panel.only([panel.ids.index(TOTAL)])
    beside = backtest_prophet(total, [step.start for step in history.steps], horizon, cuts)
    parts = [part for part in (tested, beside) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _path(total: Total, history: History, workspace: Workspace) -> pd.DataFrame:
    known = history.values("bookings").to_numpy("float64")
    past = pd.DataFrame(
        {"span": [s.label for s in history.steps], "kind": "known", "forecast": known}
    )
    ahead = pd.DataFrame(
        {"span": [s.label for s in history.ahead], "kind": "ahead", "forecast": total.value,
         "alone": total.alone}
    )  # fmt: skip
    for place, level in enumerate(LEVELS):
        for side, edge in (("low", total.low), ("high", total.high)):
            ahead[f"{side}{level * 100:.0f}"] = edge[:, place]
    table = pd.concat([past, ahead], ignore_index=True)
    spans = [*history.steps, *history.ahead]
    return table.assign(target=_targets(workspace, spans))


def _targets(workspace: Workspace, spans: Sequence[Period]) -> list[float]:
    """Return the bookings targets of everybody in view for spans; missing without one."""
    if not workspace.has("targets"):
        return [float("nan")] * len(spans)
    level = workspace.scope.dimension or "company"
    return planned_totals(workspace.table("targets"), periods=spans, level=level)


def _spans(history: History) -> list[Period]:
    """Return the next step, its quarter and all that is reached."""
    first = history.ahead[0]
    spans = [first, history.reach]
    if first.cadence == "month":
        spans.insert(1, period_containing(first.start, "quarter", first.calendar))
    return spans


def _span_of(history: History, label: str) -> Period:
    return next(span for span in _spans(history) if span.label == label)


def _aims(total: Total, history: History, workspace: Workspace) -> pd.DataFrame:
    """Return the next step, its quarter and all that is reached: booked, to come, the target."""
    spans = _spans(history)
    goals = _targets(workspace, spans)
    rows = [_aim(total, history, *of) for of in zip(spans, goals, strict=True)]
    usual = usual_per_day(workspace)
    return pd.DataFrame(rows).assign(usual=[usual * span.days for span in spans])


def _aim(total: Total, history: History, span: Period, target: float) -> dict[str, Any]:
    values = history.values("bookings").to_numpy("float64")
    known = float(values[history.within(span)].sum())
    complete = history.steps[0].start <= span.start
    steps = sum(span.contains(step.start) for step in history.ahead)
    value, draws = total.sum(steps)
    value, draws = known + value, known + draws
    low, high = np.quantile(draws, [(1 - BAND) / 2, (1 + BAND) / 2])
    if steps == 1:  # the same band as in the table of steps
        low, high = (known + table[0, LEVELS.index(BAND)] for table in (total.low, total.high))
    # of a year whose first months are not in the data nothing can be said as a whole
    whole = target if complete or known == 0 else float("nan")
    return {
        "span": span.label, "booked": known + (history.so_far or 0.0), "steps": steps,
        "forecast": value, "low80": float(low), "high80": float(high),
        "middle": float(np.median(draws)),
        "alone": known + float(total.alone[:steps].sum()), "target": whole, "gap": value - whole,
        "reach_chance": reach(draws, whole) if whole == whole else float("nan"),
        "lacking": max(whole - float(np.median(draws)), 0.0),
        "safe": max(whole - float(np.quantile(draws, 1 - BAND)), 0.0),
    }  # fmt: skip


def _moved(result: SalesForecast, total: Total, panel: Panel, mode: Mode) -> pd.DataFrame:
    """Split the change of the forecast since one step ago: what came, and what is seen anew.

    Empty where the forecast of then cannot be made as the one of now is.
    """
    history, aim = result.history, result.aim
    shown = panel.only(_everybody(panel)).before(1)
    enough = [row for row, value in enumerate(shown.known) if len(value) >= FEWEST]
    past = shown.only(enough)
    told = before(total, history)
    if aim is None or TOTAL not in past.ids or (told is None and total.seen):
        return pd.DataFrame(columns=["part", "value"])
    steps = int(aim["steps"])
    said = centre(past, max(steps + 1, total.seen), mode)[past.ids.index(TOTAL)].copy()
    if told is not None:
        said[: len(told)] = told
    said = said[: steps + 1]
    inside = history.within(_span_of(history, str(aim["span"])))
    values = history.values("bookings").to_numpy("float64")
    missed = float(values[-1] - said[0]) if inside[-1] else 0.0
    then = float(values[:-1][inside[:-1]].sum() + said[0 if inside[-1] else 1 :].sum())
    now = float(aim["forecast"])
    return pd.DataFrame(
        {"part": ["before", "last_period", "to_come", "now"],
         "value": [then, missed, now - then - missed, now]}
    )  # fmt: skip


def _measures(found: Forecast, history: History, total: Total) -> pd.DataFrame:
    """Return what leads to bookings: the last step, and the next as its series says."""
    rows = []
    table = found.table
    for measure in MEASURES:
        name = name_of(measure)
        if name in found.panel.ids:
            mine: dict[Any, Any] = dict(table[table["series"] == name].iloc[0])
            if name == TOTAL:  # bookings as everywhere
                band = LEVELS.index(BAND)
                mine = {"value": total.value[0], "low80": total.low[0, band],
                        "high80": total.high[0, band]}  # fmt: skip
            rows.append(
                {"measure": measure, "last_value": float(history.values(measure).iloc[-1]),
                 "next_value": mine["value"], "low80": mine["low80"], "high80": mine["high80"],
                 "unit": "money" if measure in ("bookings", "new_pipeline") else "count"}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _prophet(panel: Panel, history: History) -> ProphetView | None:
    value = panel.known[panel.ids.index(TOTAL)]
    days: Sequence[date] = [s.start for s in history.steps[-len(value) :]]
    drivers = prophet_drivers(panel, value, len(history.ahead))
    return prophet_view(value, [*days, *(s.start for s in history.ahead)], drivers=drivers)


def _named(problems: pd.DataFrame, history: History, workspace: Workspace) -> pd.DataFrame:
    """Say of which measure and group each series is, reps by name."""
    keys = history.rows.drop_duplicates("series").set_index("series")
    known = keys[["measure", "dimension", "group"]]
    found = problems.join(known, on="series")
    found = found.rename(columns={"dimension": "split", "count": "periods_n"})
    return found.assign(group=rep_names(found, workspace))
