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

from salesops_kit.analyses.periods_ahead import PeriodsAhead, Step, periods_ahead, spans_ahead
from salesops_kit.analyses.pipeline_forecast import (
    next_open,
    scored_deals,
    shock_of,
    target_of,
)
from salesops_kit.analyses.pipeline_record import Made, over_by
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.revenue_at_risk_findings import revenue_findings
from salesops_kit.analyses.target_scale import odd_note
from salesops_kit.findings import Finding, Words
from salesops_kit.models.period_draws import Draws, decisive, multiple_needed, period_draws
from salesops_kit.models.sum_distribution import Outlook, Shock, booked_draws
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

SURE, EVEN = 0.8, 0.5  # chances of the target for which the coverage needed is told
BAND = (0.05, 0.95)
SHOWN_DEALS = 10
_PAST_DRAWS = 1000
_OUTCOMES = np.linspace(0.005, 0.995, 100)
_SELDOM = 0.05  # of the outcomes; a deal won in fewer is no hope to build on
_ALONE = Shock(np.array([0.0]), np.array([1.0]))
_MOST_TIMES = 3.0  # times today's new deals a week; what needs more is out of reach
COLUMNS = {
    "periods": ["span", "booked", "forecast", "low80", "middle", "high80", "low90", "high90",
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
    the `forecast`, the money below which 10, 50 and 90 % of the outcomes lie, the range of 90 %,
    the same if deals had nothing in common (`alone_…`), `target`, `gap` (forecast less target) and
    `reach_chance`. `outcomes`: `money` and the `chance` to reach it, of the first period and of
    all. `coverage`: until the end of each period, open pipeline over what is left to the target
    (`coverage_now`), the multiple that reaches it with even chance and with 4 of 5, by the
    company's own conversion of open pipeline (`conversion` and its range in the past), the
    pipeline that is lacking, new deals a week now and the further ones that would do instead.
    `decisive`: the deals that move the chance of the first period's target most. `record`: how
    former forecasts so far ahead did. `shocks`: typical size of the common shock per period.
    `target_note`: that the first target is probably in another unit, if it is.
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
    target_note: Words | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def known(self) -> bool:
        """Tell whether there is a distribution."""
        return len(self.periods) > 0

    def row(self, span: str) -> dict[str, Any]:
        """Return a row of `periods`."""
        found = self.periods[self.periods["span"] == span].to_dict("records")
        return {str(name): value for name, value in found[0].items()}


@recalled
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
    spans = spans_ahead(first)
    ahead = periods_ahead(workspace, spans)
    found = RevenueAtRisk(first, spans, has_money=ahead.has_money)
    if ahead.draws is not None:
        found = _simulated(workspace, found, ahead, ahead.draws)
    return replace(found, findings=revenue_findings(found, workspace.settings))


def _simulated(
    workspace: Workspace, found: RevenueAtRisk, ahead: PeriodsAhead, together: Draws
) -> RevenueAtRisk:
    spans, parts, now = ahead.spans, ahead.parts, ahead.now
    alone = period_draws(parts, ahead.gone, [_ALONE] * len(parts), np.random.default_rng(1))
    goals = [target_of(workspace, span) for span in spans]
    return replace(
        found,
        spans=spans,
        periods=_periods(ahead, alone.money, goals),
        outcomes=_outcomes(ahead),
        coverage=_coverage(spans, ahead.made, goals, ahead.won),
        decisive=_decisive(workspace, now[0], together, goals[0], ahead.won),
        record=_record(ahead.steps),
        shocks=tuple(step.shock.typical for step in ahead.steps),
        tie=ahead.tie,
        open_deals=len(now[0].deals),
        target_note=odd_note(workspace, goals[0], spans[0].days),
    )


def _periods(ahead: PeriodsAhead, alone: Array, goals: Sequence[float | None]) -> pd.DataFrame:
    rows, spans = [], ahead.spans
    begun = np.eye(1, len(spans))[0] * ahead.won  # what is booked counts in the first alone
    money = (ahead.outcomes, alone + begun)
    for place, span in enumerate(spans):
        columns = [drawn[:, place] for drawn in money]
        rows.append(_row(span.label, begun[place], ahead.value[place], columns, goals[place]))
    if len(spans) > 1:
        known = [goal for goal in goals if goal is not None]
        whole = sum(known) if len(known) == len(goals) else None
        columns = [drawn.sum(axis=1) for drawn in money]
        rows.append(_row(_all(spans), ahead.won, float(ahead.value.sum()), columns, whole))
    return pd.DataFrame(rows, columns=COLUMNS["periods"])


def _all(spans: Sequence[Period]) -> str:
    return f"{spans[0].label} – {spans[-1].label}"


def _row(
    span: str, booked: float, value: float, drawn: Sequence[Array], goal: float | None
) -> dict[str, Any]:
    together, alone = drawn
    p10, p50, p90, low, high = np.quantile(together, [0.1, 0.5, 0.9, *BAND])
    alone_low, alone_high = np.quantile(alone, BAND)
    return {
        "span": span, "booked": booked, "forecast": value, "low80": p10, "middle": p50,
        "high80": p90, "low90": low, "high90": high, "alone_low": alone_low,
        "alone_high": alone_high, "target": np.nan if goal is None else goal,
        "gap": np.nan if goal is None else value - goal,
        "reach_chance": np.nan if goal is None else float((together >= goal).mean()),
    }  # fmt: skip


def _outcomes(ahead: PeriodsAhead) -> pd.DataFrame:
    tables = [(ahead.spans[0].label, ahead.outcomes[:, 0])]
    if len(ahead.spans) > 1:
        tables.append((_all(ahead.spans), ahead.outcomes.sum(axis=1)))
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
