"""How far the bookings of this and the next periods may fall short, and what must go right.

Every open deal is won, lost or left open in each period, moved by a shock common to all deals of
the period; deals to come are added. Chances to the end of each period are those of the pipeline
forecast; hazards by stage and age say who is lost meanwhile. The first period has exactly the
distribution that the pipeline forecast shows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.pipeline_ahead import stage_courses
from salesops_kit.analyses.pipeline_forecast import (
    next_open,
    scored_deals,
    shock_of,
    target_of,
    won_in,
)
from salesops_kit.analyses.pipeline_record import (
    Made,
    Record,
    Window,
    over_by,
    record_of,
    windows_before,
)
from salesops_kit.analyses.revenue_at_risk_findings import revenue_findings
from salesops_kit.findings import Finding
from salesops_kit.models.outlook import Sample, chances, closings
from salesops_kit.models.period_draws import (
    Draws,
    apart,
    decisive,
    multiple_needed,
    period_draws,
    tie_of,
)
from salesops_kit.models.sum_distribution import Outlook, Shock, booked_draws
from salesops_kit.periods import Cadence, Period
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

AHEAD: dict[Cadence, int] = {"week": 4, "month": 3, "quarter": 2, "year": 1}  # periods looked at
SURE, EVEN = 0.8, 0.5  # chances of the target for which the coverage needed is told
BAND = (0.05, 0.95)
SHOWN_DEALS = 10
_PAST = 18  # former forecasts per later period
_PAST_DRAWS = 1000
_OUTCOMES = np.linspace(0.005, 0.995, 100)
_SELDOM = 0.05  # of the outcomes; a deal won in fewer is no hope to build on
_ALONE = Shock(np.array([0.0]), np.array([1.0]))
_MOST_TIMES = 3.0  # times today's new deals a week; what needs more is out of reach
COLUMNS = {
    "periods": ["span", "booked", "expected", "low80", "middle", "high80", "low90", "high90",
                "alone_low", "alone_high", "target", "gap", "reach_chance"],
    "outcomes": ["span", "money", "chance"],
    "coverage": ["span", "open_money", "left_money", "coverage_now", "coverage_even",
                 "coverage_needed", "conversion", "conversion_low", "conversion_high",
                 "pipeline_gap", "new_per_week", "more_per_week"],
    "decisive": ["deal", "rep", "stage", "amount", "chance", "with_it", "without_it",
                 "needed_share"],
    "record": ["periods_ahead", "forecasts", "wape", "bias", "held", "alone_held"],
}  # fmt: skip


@dataclass(frozen=True)
class RevenueAtRisk:
    """The distribution of the bookings of several periods; frames are empty where unknown.

    `periods`: one row per period and, last, one of all together: `booked` so far,
    `expected`, the money below which 10, 50 and 90 % of the outcomes lie, the range of 90 %, the
    same if deals had nothing in common (`alone_…`), `target`, `gap` (median less target) and
    `reach_chance`. `outcomes`: `money` and the `chance` to reach it, of the first period and of
    all. `coverage`: until the end of each period, open pipeline over what is left to the target
    (`coverage_now`), the multiple that reaches it with even chance and with 4 of 5, by the
    company's own conversion of open pipeline (`conversion` and its range in the past), the
    pipeline that is lacking, new deals a week now and the further ones that would do instead.
    `decisive`: the deals that move the chance of the first period's target most. `record`: how
    former forecasts so far ahead did. `shocks`: typical size of the common shock per period.
    """

    period: Period
    spans: tuple[Period, ...]
    periods: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["periods"]))
    outcomes: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["outcomes"])
    )
    coverage: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["coverage"])
    )
    decisive: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["decisive"])
    )
    record: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["record"]))
    shocks: tuple[float, ...] = ()
    tie: float = float("nan")
    open_deals: int = 0
    has_money: bool = True
    findings: list[Finding] = field(default_factory=list)

    @property
    def known(self) -> bool:
        """Tell whether there is a distribution."""
        return len(self.periods) > 0

    def row(self, span: str) -> dict[str, Any]:
        """Return a row of `periods`."""
        found = self.periods[self.periods["span"] == span].to_dict("records")
        return {str(name): value for name, value in found[0].items()}


@dataclass(frozen=True)
class Step:
    """One period: forecasts made for it alone, on former days and, last, now.

    `past`: those that are over, one row each (`origin`, `mean`, `variance`, `sway`, `actual`);
    `days`: how long it is.
    """

    outlooks: dict[int, Outlook]
    past: pd.DataFrame
    days: int
    shock: Shock


def analyse_revenue_at_risk(workspace: Workspace, *, period: Period) -> RevenueAtRisk:
    """Return what this and the next periods may bring, and what stands between that and the target.

    Parameters
    ----------
    workspace
        With a history of stages, as known on its as-of day.
    period
        The first one when it is not over on the as-of day; else the next of its kind that is not.
    """
    first = next_open(workspace, period)
    spans = [first]
    while len(spans) < AHEAD[first.cadence]:
        spans.append(spans[-1].next())
    found = RevenueAtRisk(first, tuple(spans))
    if workspace.has("stage_history") and workspace.as_of_day >= first.start_day - 1:
        found = _simulated(workspace, found)
    return replace(found, findings=revenue_findings(found, workspace.settings))


def _simulated(workspace: Workspace, found: RevenueAtRisk) -> RevenueAtRisk:
    months = found.period.cadence != "week"
    windows = [windows_before(Window(workspace.as_of_day, span.end_day - 1), months=months)
               for span in found.spans]  # fmt: skip
    record = record_of(workspace, windows[0])
    if not record.has_money:
        return replace(found, has_money=False)
    made = made_per_end(record, windows)
    if not made:
        return found
    steps = steps_of(record, made)
    parts = [step.outlooks[workspace.as_of_day] for step in steps]
    now = [one[workspace.as_of_day] for one in made]
    gone = _gone(now, stage_courses(workspace))
    tie = tie_of([step.past for step in steps])
    shocks = [step.shock for step in steps]
    together = _like(
        period_draws(parts, gone, shocks, np.random.default_rng(1), tie=tie),
        booked_draws(now[0].outlook, shocks[0], np.random.default_rng(0)).total,
    )
    alone = period_draws(parts, gone, [_ALONE] * len(parts), np.random.default_rng(1))
    spans = found.spans[: len(parts)]
    won = won_in(workspace, spans[0])
    goals = [target_of(workspace, span) for span in spans]
    table = _periods(spans, parts, (together.money, alone.money), goals, won)
    return replace(
        found,
        spans=spans,
        periods=table,
        outcomes=_outcomes(spans, together.money, won),
        coverage=_coverage(spans, made, goals, won),
        decisive=_decisive(workspace, now[0], together, goals[0], won),
        record=_record(steps),
        shocks=tuple(shock.typical for shock in shocks),
        tie=tie,
        open_deals=len(now[0].deals),
    )


def made_per_end(record: Record, windows: Sequence[Sequence[Window]]) -> list[dict[int, Made]]:
    """Return per end the forecasts by their first day; of ends that can be forecast today."""
    found: list[dict[int, Made]] = []
    for place, wanted in enumerate(windows):
        made = record.forecasts(wanted) if place == 0 else record.forecasts(wanted, newest=_PAST)
        by_day = {one.window.origin: one for one in made}
        if record.as_of not in by_day:
            break
        found.append(by_day)
    return found


def steps_of(record: Record, made: Sequence[dict[int, Made]]) -> list[Step]:
    """Tell the periods apart: what each brings alone, and how wrong that was in the past."""
    steps = []
    for place, by_day in enumerate(made):
        before = made[place - 1] if place else None
        outlooks, rows = {}, []
        for day, one in by_day.items():
            if before is not None and day not in before:
                continue
            begin = before[day].window.end if before is not None else day
            known = [before[day].outlook] if before is not None else []
            part = apart([*known, one.outlook])[-1]
            outlooks[day] = part
            actual = record.booked(Window(begin, one.window.end))
            rows.append((day, one.window.end, part.mean, part.variance, part.sway, actual))
        names = ["origin", "end", "mean", "variance", "sway", "actual"]
        past = pd.DataFrame(rows, columns=names).dropna(subset=["actual"])
        days = by_day[record.as_of].window.days
        if before is not None:
            days -= before[record.as_of].window.days
        steps.append(Step(outlooks, past, days, shock_of(past, days)))
    return steps


def _gone(now: Sequence[Made], courses: Sample | None) -> Array:
    """Return the chance of each open deal to be lost in each period, by its stage and age."""
    deals = now[0].deals
    table = np.zeros((len(deals), len(now)))
    if courses is None or deals.empty:
        return table
    aged = deals[["stage"]].assign(age_days=deals["age_days"].astype("int64"))
    days = [min(one.window.days, courses.horizon) for one in now]
    won, closed = chances(courses, aged, days), closings(courses, aged, days)
    lost = [np.nan_to_num((closed[day] - won[day]).to_numpy("float64")) for day in days]
    for place, (one, share) in enumerate(zip(now, lost, strict=True)):
        # the classifier says who is won; of the others at most all are lost
        table[:, place] = np.minimum(share, 1 - one.outlook.chance)
    return np.maximum(np.diff(table, axis=1, prepend=0.0), 0.0)


def _like(draws: Draws, first: Array) -> Draws:
    """Give the first period the distribution that the pipeline forecast shows."""
    money = draws.money.copy()
    order = np.argsort(np.argsort(money[:, 0], kind="stable"), kind="stable")
    money[:, 0] = np.sort(first)[order]
    return replace(draws, money=money)


def _periods(
    spans: Sequence[Period], parts: Sequence[Outlook], money: tuple[Array, Array],
    goals: Sequence[float | None], won: float,
) -> pd.DataFrame:  # fmt: skip
    rows = []
    for place, span in enumerate(spans):
        booked = won if place == 0 else 0.0
        columns = [booked + drawn[:, place] for drawn in money]
        rows.append(_row(span.label, booked, parts[place].mean, columns, goals[place]))
    if len(spans) > 1:
        known = [goal for goal in goals if goal is not None]
        whole = sum(known) if len(known) == len(goals) else None
        columns = [won + drawn.sum(axis=1) for drawn in money]
        mean = sum(part.mean for part in parts)
        rows.append(_row(_all(spans), won, mean, columns, whole))
    return pd.DataFrame(rows, columns=COLUMNS["periods"])


def _all(spans: Sequence[Period]) -> str:
    return f"{spans[0].label} – {spans[-1].label}"


def _row(
    span: str, booked: float, mean: float, drawn: Sequence[Array], goal: float | None
) -> dict[str, Any]:
    together, alone = drawn
    p10, p50, p90, low, high = np.quantile(together, [0.1, 0.5, 0.9, *BAND])
    alone_low, alone_high = np.quantile(alone, BAND)
    return {
        "span": span, "booked": booked, "expected": booked + mean, "low80": p10, "middle": p50,
        "high80": p90, "low90": low, "high90": high, "alone_low": alone_low,
        "alone_high": alone_high, "target": np.nan if goal is None else goal,
        "gap": np.nan if goal is None else p50 - goal,
        "reach_chance": np.nan if goal is None else float((together >= goal).mean()),
    }  # fmt: skip


def _outcomes(spans: Sequence[Period], money: Array, won: float) -> pd.DataFrame:
    tables = [(spans[0].label, won + money[:, 0])]
    if len(spans) > 1:
        tables.append((_all(spans), won + money.sum(axis=1)))
    return pd.concat([
        pd.DataFrame({"span": span, "money": np.quantile(drawn, _OUTCOMES),
                      "chance": 1 - _OUTCOMES})
        for span, drawn in tables
    ], ignore_index=True)  # fmt: skip


def _coverage(
    spans: Sequence[Period], made: Sequence[dict[int, Made]], goals: Sequence[float | None],
    won: float,
) -> pd.DataFrame:  # fmt: skip
    """Say until the end of each period what is open, what is needed, and what is lacking."""
    rows, left = [], -won
    for span, by_day, goal in zip(spans, made, goals, strict=True):
        if goal is None:
            break
        left += goal
        rows.append({"span": span.label, **_covered(by_day, left)})
    return pd.DataFrame(rows, columns=COLUMNS["coverage"])


def _covered(by_day: dict[int, Made], left: float) -> dict[str, float]:
    now = by_day[max(by_day)]
    past = pd.DataFrame([one.row for one in by_day.values()])
    shock = shock_of(past.dropna(subset=["actual"]), now.window.days)
    open_amount = _open_amount(now)
    rates = [one.actual / _open_amount(one) for one in by_day.values()
             if not np.isnan(one.actual) and _open_amount(one) > 0]  # fmt: skip
    low, middle, high = np.quantile(rates, [0.1, 0.5, 0.9]) if rates else (np.nan,) * 3
    even, sure = (multiple_needed(now.outlook, shock, left, chance) for chance in (EVEN, SURE))
    over = open_amount / left if left > 0 else np.nan
    weekly = now.outlook.new.created / max(now.window.days / 7, 1e-9)
    return {
        "open_money": open_amount, "left_money": max(left, 0.0), "coverage_now": over,
        "coverage_even": even * over, "coverage_needed": sure * over,
        "conversion": middle, "conversion_low": low, "conversion_high": high,
        "pipeline_gap": max(sure - 1, 0.0) * open_amount if sure == sure else np.nan,
        "new_per_week": weekly, "more_per_week": _more_per_week(now, shock, left),
    }  # fmt: skip


def _open_amount(made: Made) -> float:
    amount = made.deals["amount"].fillna(0.0) * made.deals["weight"]
    return float(amount.sum())


def _more_per_week(now: Made, shock: Shock, left: float) -> float:
    """Return the further new deals a week that bring the target with 4 of 5 outcomes.

    Missing where three times as many as now would not do it: then no new deal helps in time.
    """
    drawn = booked_draws(now.outlook, shock, np.random.default_rng(0), draws=2000).total
    short = max(left - float(np.quantile(drawn, 1 - SURE)), 0.0)
    new = now.outlook.new
    each = new.money / new.created if new.created else 0.0
    weeks = max(now.window.days / 7, 1e-9)
    more = short / each / weeks if each > 0 else np.inf
    return more if more <= (_MOST_TIMES - 1) * new.created / weeks else float("nan")


def _decisive(
    workspace: Workspace, now: Made, draws: Draws, goal: float | None, won: float
) -> pd.DataFrame:
    """Return the deals that move the chance of the first target most; none where it is sure."""
    if goal is None or now.deals.empty:
        return pd.DataFrame(columns=COLUMNS["decisive"])
    table = decisive(draws, goal - won).dropna(subset=["with_it", "without_it"])
    table = table[(table["with_it"] > table["without_it"]) & (table["won_share"] >= _SELDOM)]
    ids = now.deals["deal_id"].to_numpy()[table["place"]]
    named = scored_deals(workspace, now).set_index("deal_id").loc[ids].reset_index()
    found = pd.concat([named, table.drop(columns="place").reset_index(drop=True)], axis=1)
    # what is won once in a hundred outcomes decides little, however large it is
    share = found["won_share"]
    moved = (found["with_it"] - found["without_it"]) * share * (1 - share)
    order = np.lexsort((found["deal_id"].to_numpy(dtype=str), -moved.to_numpy()))
    return found.iloc[order].head(SHOWN_DEALS).reset_index(drop=True)[COLUMNS["decisive"]]


def _record(steps: Sequence[Step]) -> pd.DataFrame:
    """Return per period ahead how far former forecasts missed and how often the range held."""
    rows = []
    for place, step in enumerate(steps, start=1):
        past = step.past
        if past.empty or not past["actual"].sum():
            continue
        held = [_holds(step, past, day, actual) for day, actual in
                zip(past["origin"], past["actual"], strict=True)]  # fmt: skip
        error = past["mean"] - past["actual"]
        rows.append((place, len(past), error.abs().sum() / past["actual"].sum(),
                     error.sum() / past["actual"].sum(), *np.mean(held, axis=0)))  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS["record"])


def _holds(step: Step, past: pd.DataFrame, day: int, actual: float) -> tuple[bool, bool]:
    """Tell whether what came lay in the range given then, and in that of independent deals."""
    return range_held(
        step.outlooks[day], shock_of(over_by(past, day), step.days), actual
    ), range_held(step.outlooks[day], _ALONE, actual)


def range_held(outlook: Outlook, shock: Shock, actual: float) -> bool:
    """Tell whether what came lies in the 90 % range."""
    drawn = booked_draws(outlook, shock, np.random.default_rng(0), draws=_PAST_DRAWS).total
    low, high = np.quantile(drawn, BAND)
    return bool(low <= actual <= high)
