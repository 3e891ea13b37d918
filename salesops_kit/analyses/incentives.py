"""Pay: what the plan paid, what it may cost, where it invites games, and what another would do.

Payouts are exact. What may come is drawn from past attainments, of all reps jointly. Nobody is
assumed to sell more or less because of a plan, unless the reader says by how much.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.incentive_findings import incentive_findings, odd_quota
from salesops_kit.analyses.incentive_plans import (
    Dated,
    PlanBook,
    ledger,
    plan_book,
    spans_back,
)
from salesops_kit.analyses.incentive_timing import timing
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.rep_quota import ramped
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.analyses.target_scale import odd_quotas
from salesops_kit.errors import ParameterError
from salesops_kit.findings import Finding, KeyFigure
from salesops_kit.language import Money, both
from salesops_kit.metrics.targets import planned
from salesops_kit.models.pay import PayPlan, paid, responded, shape
from salesops_kit.models.pay_outlook import draw_attainment
from salesops_kit.periods import Period, from_day_number
from salesops_kit.settings import Settings
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

HISTORY = 24  # months of pay periods to learn from
TOTALS = np.round(np.arange(0.5, 1.51, 0.05), 2)  # attainments of all for the curve of cost
OWN = np.round(np.arange(0, 2.01, 0.02), 2)
_RANGE = (0.1, 0.9)
_HUNDRED = 1.0
_NOTHING = 1e-9  # money: a draw in which nothing is sold costs nothing
_FARTHEST = 5.0  # attainment beyond which a cap is none


@dataclass(frozen=True)
class Ahead:
    """Next pay period as drawn: reps, quotas and teams, and attainments (reps × draws)."""

    period: str
    reps: pd.DataFrame  # rep, person, team, quota
    attainment: Array

    def team(self, attainment: Array) -> Array:
        """Return the attainment of each rep's team, reps × draws."""
        quota = self.reps["quota"].to_numpy("float64")
        code, _ = pd.factorize(self.reps["team"].fillna(""))
        sold = np.zeros((code.max() + 1, attainment.shape[1]))
        np.add.at(sold, code, attainment * quota[:, None])
        result: Array = (sold / np.bincount(code, quota)[:, None])[code]
        return result

    def pay(self, plan: PayPlan, attainment: Array | None = None) -> Array:
        """Return each rep's pay under a plan, reps × draws."""
        drawn = self.attainment if attainment is None else attainment
        quota = self.reps["quota"].to_numpy("float64")[:, None]
        return paid(plan, drawn, quota, self.team(drawn))

    def booked(self, attainment: Array | None = None) -> Array:
        """Return the bookings of all, per draw."""
        drawn = self.attainment if attainment is None else attainment
        total: Array = self.reps["quota"].to_numpy("float64") @ drawn
        return total


@dataclass(frozen=True)
class Incentives:
    """Pay in a period, what may come, and how another plan compares.

    `past`: `incentive_plans.ledger` over the last months; `paid`: the same summed per rep over the
    pay periods of the report, with `cost` (pay / bookings); `spans`: per pay period `bookings`,
    `pay`, `cost`, `reps`, `nothing`, `capped`. `shape`: `models.pay.shape` at the median quota;
    `own`: `attainment`, `pay`, `other` of such a rep. `curve`: `total` (attainment of all),
    `bookings`, `pay`, `low`, `high` (80 %), `cost`, `other_cost`. `tests`: `incentive_timing`.
    `compared`: per rep `pay_before`, `pay_after`, `pay_change`; `summary`: per plan `pay`,
    `low80`, `high80`, `cost_share`, `gini`, `beyond` (share of pay for attainment above 100 %);
    `change`, with 80 % bounds, of the total; `dearer`: share of draws in which the other costs
    more.
    """

    period: Period
    plan: PayPlan | None = None
    other: PayPlan | None = None
    response: float = 0.0
    covers: str = ""
    pending: bool = False
    history: str = ""
    past: pd.DataFrame = field(default_factory=pd.DataFrame)
    paid: pd.DataFrame = field(default_factory=pd.DataFrame)
    spans: pd.DataFrame = field(default_factory=pd.DataFrame)
    shape: pd.DataFrame = field(default_factory=pd.DataFrame)
    own: pd.DataFrame = field(default_factory=pd.DataFrame)
    curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    tests: pd.DataFrame = field(default_factory=pd.DataFrame)
    compared: pd.DataFrame = field(default_factory=pd.DataFrame)
    summary: pd.DataFrame = field(default_factory=pd.DataFrame)
    change: tuple[float, float, float] = (float("nan"),) * 3
    dearer: float = float("nan")
    next_period: str = ""
    quota: float = float("nan")
    ahead: Ahead | None = None
    findings: list[Finding] = field(default_factory=list)
    currency: str = ""

    @property
    def edges(self) -> pd.DataFrame:
        """Return the shape of the plan, for a table."""
        names = {"attainment": "at_attainment", "kind": "edge", "before": "rate_before",
                 "after": "rate_after"}  # fmt: skip
        return self.shape.rename(columns=names)

    @property
    def moves(self) -> pd.DataFrame:
        """Return the tests whether deals moved, for a table."""
        return self.tests.rename(columns={"at": "at_attainment"})

    @property
    def words(self) -> dict[str, Money | str]:
        """Return what captions say: spans, the median quota and the other plan."""
        return {
            "period": self.covers, "history": self.history, "next": self.next_period,
            "quota": Money(self.quota, self.currency),
            "other": self.other.name if self.other is not None else "–",
        }  # fmt: skip

    @property
    def figures(self) -> list[KeyFigure]:
        """Return the cost of pay for the index page."""
        known = self.paid.dropna(subset=["pay"]) if len(self.paid) else self.paid
        if known.empty or not known["bookings"].sum() > 0:
            return []
        share = float(known["pay"].sum() / known["bookings"].sum())
        return [KeyFigure("pay_cost", both("incentives.key_cost"), share, "share", "payout",
                          n=len(known), good_direction=0)]  # fmt: skip


@recalled
def analyse_incentives(
    workspace: Workspace, *, period: Period, other: str = "", response: float = 0.0
) -> Incentives:
    """Say what pay cost, what it may cost, where it invites games, and what another plan would do.

    Parameters
    ----------
    workspace
        With pay plans (`comp_plans`), targets of reps and deals; open to everybody or to a team.
    period
        Whose pay periods are shown; a longer pay period that holds its end is shown so far.
    other
        Plan to compare with, by its identifier; empty takes the next one declared.
    response
        Assumed change of bookings in per cent for one per cent more pay at the margin. 0: none.

    Raises
    ------
    DataError
        When a declared plan cannot be.
    ParameterError
        When there is no plan called `other`.
    """
    book = plan_book(workspace)
    blank = Incentives(period, response=response, currency=workspace.settings.company.currency)
    if workspace.scope.dimension == "rep":
        return _told(blank, workspace.settings, "one_rep")
    source = RepSource(workspace, period, reach=HISTORY)
    dated = _in_force(source, book)
    if dated is None:
        return _told(blank, workspace.settings, "no_plan")
    if not workspace.has("targets") or source.targets.empty:
        return _told(blank, workspace.settings, "no_quota")
    if (odd := odd_quotas(workspace)) is not None:  # pay by such quotas would be absurd
        return replace(blank, findings=[odd_quota(odd)])
    first = max(source.window.start, from_day_number(int(source.targets["period_start_day"].min())))
    spans = spans_back(dated.paid_per, period, first)
    past = ledger(source, book, spans)
    shown = [s for s in spans if s.end > period.start]
    result = replace(
        blank, past=past, paid=_summed(past[past["period"].isin([s.label for s in shown])]),
        plan=dated.plan, covers=_label(shown), spans=_by_span(past, spans),
        pending=shown[-1].last > workspace.as_of, tests=timing(source, book, past, spans),
        history=_label(spans),
    )  # fmt: skip
    chosen = book.named(other, dated.role) if other else book.next_after(dated)
    result = _ahead(result, source, spans[-1].next(), chosen)
    return replace(result, findings=incentive_findings(result, workspace.settings))


def _told(result: Incentives, settings: Settings, why: str) -> Incentives:
    return replace(result, findings=incentive_findings(result, settings, why))


def _in_force(source: RepSource, book: PlanBook) -> Dated | None:
    """Return the plan by which most reps are paid at the period's end."""
    found = [book.of(role, source.period.end_day - 1) for role in source.members["role"]]
    known = [dated for dated in found if dated is not None]
    return max(known, key=lambda d: sum(o is d for o in known), default=None)


def _label(spans: list[Period]) -> str:
    return spans[0].label if len(spans) == 1 else f"{spans[0].label} – {spans[-1].label}"


def _summed(rows: pd.DataFrame) -> pd.DataFrame:
    """Sum the ledger per rep; a rep without pay in any span has none."""
    keys = rows.groupby("rep", as_index=False)
    sums = keys[["quota", "bookings", "bonus"]].sum()
    first = keys[["person", "team"]].last()
    pay = keys["payout"].sum(min_count=1)
    caps = keys["capped"].sum()
    table = sums.merge(first, on="rep").merge(pay, on="rep").merge(caps, on="rep")
    table["attainment"] = table["bookings"] / table["quota"].where(table["quota"] > 0)
    table["pay"] = table["payout"] + table["bonus"]
    table["cost"] = table["pay"] / table["bookings"].where(table["bookings"] > 0)
    return table.sort_values("pay", ascending=False, na_position="last", ignore_index=True)


def _by_span(past: pd.DataFrame, spans: list[Period]) -> pd.DataFrame:
    rows = []
    for span in spans:
        part = past[(past["period"] == span.label) & past["pay"].notna()]
        if len(part):
            booked, pay = float(part["bookings"].sum()), float(part["pay"].sum())
            rows.append((span.label, len(part), booked, pay, pay / booked if booked else np.nan,
                         int((part["payout"] == 0).sum()), int(part["capped"].sum())))  # fmt: skip
    names = ["span", "reps", "bookings", "pay", "cost", "nothing", "capped"]
    return pd.DataFrame(rows, columns=names)


# -- what may come ------------------------------------------------------------------------------


def _ahead(result: Incentives, source: RepSource, span: Period, chosen: Dated | None) -> Incentives:
    reps = _next_reps(source, result.past, span)
    other = chosen.plan if chosen is not None else None
    quota = float(reps["quota"].median()) if len(reps) else float("nan")
    plan = result.plan
    assert plan is not None
    course = shape(plan, quota)
    course = course[course["attainment"] <= _FARTHEST].reset_index(drop=True)
    result = replace(result, quota=quota, other=other, shape=course,
                     own=_own(plan, other, quota))  # fmt: skip
    try:
        drawn = draw_attainment(result.past, reps["rep"].tolist())
    except ParameterError:  # too few periods to say how attainments spread
        return result
    ahead = Ahead(span.label, reps, drawn.attainment)
    result = replace(result, next_period=span.label, ahead=ahead, curve=_curve(ahead, plan, other))
    return compared(result, other) if other is not None else result


def _next_reps(source: RepSource, past: pd.DataFrame, span: Period) -> pd.DataFrame:
    """Return who is there, with the quota planned for the next pay period, else the last one."""
    here = source.members[source.members["leave_day"].isna()]
    plan = planned(source.targets, period=span, level="rep").set_index("level_id")["target"]
    last = past[past["quota"] > 0].groupby("rep")["quota"].last()
    wanted = here["rep"].map(plan)
    wanted = wanted.astype("float64") * ramped(source, pd.to_numeric(here["hire_day"]), span)
    quota = wanted.where(wanted.notna(), here["rep"].map(last))
    table = here[["rep", "person", "team"]].assign(quota=quota)
    return table[table["quota"] > 0].reset_index(drop=True)


def _own(plan: PayPlan, other: PayPlan | None, quota: float) -> pd.DataFrame:
    """Return the pay of a rep with the median quota, the team reaching the same."""
    table = pd.DataFrame({"attainment": OWN, "pay": paid(plan, OWN, np.asarray(quota), OWN)})
    table["other"] = paid(other, OWN, np.asarray(quota), OWN) if other is not None else np.nan
    return table


def _curve(ahead: Ahead, plan: PayPlan, other: PayPlan | None) -> pd.DataFrame:
    """Return what pay costs at each attainment of all, single reps scattering as they do."""
    booked = ahead.booked()
    usual = float(booked.mean() / ahead.reps["quota"].sum())
    rows = []
    for total in TOTALS:
        # draws scaled together: a better period for all, each rep as lucky as before
        drawn = ahead.attainment * (total / usual)
        sold, cost = ahead.booked(drawn), ahead.pay(plan, drawn).sum(axis=0)
        sold = np.maximum(sold, _NOTHING)
        low, high = np.quantile(cost / sold, _RANGE)
        row = (total, sold.mean(), cost.mean(), cost.sum() / sold.sum(), low, high)
        second = ahead.pay(other, drawn).sum() / sold.sum() if other is not None else np.nan
        rows.append((*row, second))
    names = ["total", "bookings", "pay", "cost", "low", "high", "other_cost"]
    return pd.DataFrame(rows, columns=names)


def compared(result: Incentives, other: PayPlan) -> Incentives:
    """Return a result with another plan compared on the same draws of the next pay period.

    Parameters
    ----------
    result
        With draws of what may come (`ahead`); without, nothing is compared.
    other
        Any plan, declared or not.
    """
    ahead, plan = result.ahead, result.plan
    if ahead is None or plan is None:
        return replace(result, other=other)
    quota = ahead.reps["quota"].to_numpy("float64")
    factor = responded(plan, other, ahead.attainment, quota, result.response)
    drawn = ahead.attainment * factor[:, None]
    before, after = ahead.pay(plan), ahead.pay(other, drawn)
    difference = after.sum(axis=0) - before.sum(axis=0)
    table = ahead.reps.assign(
        attainment=ahead.attainment.mean(axis=1),
        pay_before=before.mean(axis=1),
        pay_after=after.mean(axis=1),
    )
    table = table.assign(pay_change=table["pay_after"] - table["pay_before"])
    low, high = np.quantile(difference, _RANGE)
    return replace(
        result, other=other, own=_own(plan, other, result.quota),
        curve=_curve(ahead, plan, other),
        compared=table.sort_values("pay_change", ascending=False, ignore_index=True),
        summary=pd.DataFrame([_line(ahead, plan, ahead.attainment),
                              _line(ahead, other, drawn)]),
        change=(float(difference.mean()), float(low), float(high)),
        dearer=float((difference > 0).mean()),
    )  # fmt: skip


def _line(ahead: Ahead, plan: PayPlan, drawn: Array) -> dict[str, object]:
    pay, sold = ahead.pay(plan, drawn), ahead.booked(drawn)
    quota = ahead.reps["quota"].to_numpy("float64")[:, None]
    team = ahead.team(drawn)
    upto = paid(plan, np.minimum(drawn, _HUNDRED), quota, np.minimum(team, _HUNDRED))
    total = pay.sum(axis=0)
    low, high = np.quantile(total, _RANGE)
    return {
        "plan": plan.name, "bookings": float(sold.mean()), "pay": float(total.mean()),
        "low80": float(low), "high80": float(high),
        "cost_share": float(total.sum() / sold.sum()),
        "gini": float(np.mean([_gini(column) for column in pay.T[:400]])),
        "beyond": float((pay - upto).sum() / max(float(pay.sum()), 1e-12)),
        "nothing": float((pay == 0).mean()),
    }  # fmt: skip


def _gini(values: Array) -> float:
    ordered = np.sort(values)
    total = ordered.sum()
    if not total > 0:
        return 0.0
    n = len(ordered)
    return float(2 * (np.arange(1, n + 1) @ ordered) / (n * total) - (n + 1) / n)
