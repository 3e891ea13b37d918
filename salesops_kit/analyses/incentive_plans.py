"""Pay plans of a workspace: which plan pays whom, per which span, and what it paid."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.rep_quota import quotas, read_quotas, shared_deals
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.errors import DataError, ParameterError
from salesops_kit.metrics.pay import credited_sales
from salesops_kit.models.pay import PayPlan, payout, simple_plan
from salesops_kit.periods import Cadence, Period, from_day_number, period_containing
from salesops_kit.workspace import Workspace

_ALWAYS = 10_000_000
_PERCENT = 10.0  # an attainment beyond is one in per cent
_PAID = {"plan": None, "uncapped": np.nan, "payout": np.nan, "capped": False}
_LEDGER = ("rep", "person", "team", "role", "period", "end_day", "quota", "bookings", "attainment",
           "team_attainment", *_PAID)  # fmt: skip
_PAID_PER: dict[str, Cadence] = {"month": "month", "quarter": "quarter", "year": "year"}


@dataclass(frozen=True)
class Dated:
    """A plan, the role it pays (empty: all), the days it holds, and the span it pays by."""

    plan: PayPlan
    role: str
    first_day: int
    last_day: int
    paid_per: Cadence

    def holds(self, role: str | None, day: int) -> bool:
        """Tell whether the plan pays a role on a day."""
        return self.first_day <= day <= self.last_day and self.role in ("", role or "")


@dataclass(frozen=True)
class PlanBook:
    """All declared plans, and the bonuses beside them (`schema.SPIFS`)."""

    plans: tuple[Dated, ...]
    bonuses: pd.DataFrame

    def of(self, role: str | None, day: int) -> Dated | None:
        """Return the plan of a role on a day: that of the role before one for all, newest first."""
        found = [plan for plan in self.plans if plan.holds(role, day)]
        return max(found, key=lambda p: (bool(p.role), p.first_day), default=None)

    def named(self, name: str, role: str | None) -> Dated:
        """Return a plan by its identifier, for a role where it has several.

        Raises
        ------
        ParameterError
            When there is no such plan.
        """
        found = [plan for plan in self.plans if plan.plan.name == name]
        if not found:
            known = ", ".join(sorted({p.plan.name for p in self.plans})) or "none"
            raise ParameterError(f"there is no plan {name!r} in comp_plans; there are: {known}")
        fits = [plan for plan in found if plan.role in ("", role or "")]
        return max(fits or found, key=lambda p: p.first_day)

    def next_after(self, one: Dated) -> Dated | None:
        """Return the plan of the same role that begins next, if one is declared."""
        later = [p for p in self.plans if p.first_day > one.first_day and p.role == one.role]
        return min(later, key=lambda p: p.first_day, default=None)


def plan_book(workspace: Workspace) -> PlanBook:
    """Read the plans of a workspace; none gives an empty book.

    Raises
    ------
    DataError
        When a plan cannot be: no rate, a cap of 0, steps out of order; with plan and remedy.
    """
    bonuses = _rows(workspace, "spifs")
    if not workspace.has("comp_plans"):
        return PlanBook((), bonuses)
    tiers = _rows(workspace, "comp_tiers")
    return PlanBook(tuple(
        _dated(row, tiers[tiers["plan_id"] == row["plan_id"]])
        for row in _rows(workspace, "comp_plans").to_dict("records")
    ), bonuses)  # fmt: skip


def _rows(workspace: Workspace, table: str) -> pd.DataFrame:
    if not workspace.has(table):
        return pd.DataFrame(columns=["plan_id"])
    frame: pd.DataFrame = workspace.table(table).collect(backend="pandas").to_native()
    return frame.astype(object).where(frame.notna(), None)


def _dated(row: Mapping[Hashable, Any], tiers: pd.DataFrame) -> Dated:
    name = str(row["plan_id"])

    def given(column: str, default: float) -> float:
        value = row.get(column)
        return default if value is None else float(value)

    more: dict[str, Any] = {"cap": given("cap", np.inf), "team_share": given("team_share", 0.0),
            "back": row.get("pays_back") or "none"}  # fmt: skip
    try:
        if row["rate"] is None:
            raise ParameterError(f"plan {name!r} has no rate")
        if len(tiers):
            pairs = sorted(zip(tiers["from_attainment"], tiers["multiplier"], strict=True))
            steps = tuple((float(start), float(factor)) for start, factor in pairs)
            plan = PayPlan(name, given("rate", 0), steps, **more)
        else:
            plan = simple_plan(
                name, rate=given("rate", 0), threshold=given("threshold", 0.0),
                accelerator=given("accelerator", 1.0), **more,
            )  # fmt: skip
    except ParameterError as error:
        raise DataError(f"comp_plans: {error}; correct comp_plans.csv or comp_tiers.csv and "
                        "import again") from error  # fmt: skip
    if plan.steps[-1][0] > _PERCENT:
        raise DataError(f"comp_tiers: plan {name!r} has a step from {plan.steps[-1][0]:g}; "
                        "write 1.2 for 120 % of target and import again")  # fmt: skip
    first, last = (int(given(f"valid_{end}_day", day))
                   for end, day in (("from", -_ALWAYS), ("to", _ALWAYS)))  # fmt: skip
    return Dated(plan, str(row["role"] or ""), first, last,
                 _PAID_PER[str(row.get("paid_per") or "month")])  # fmt: skip


# -- what was paid ------------------------------------------------------------------------------


def spans_back(cadence: Cadence, last: Period, since: date) -> list[Period]:
    """Return the pay periods that lie wholly since a day, up to one that holds `last`'s end."""
    found = [period_containing(last.last, cadence, last.calendar)]
    while (earlier := found[-1].previous()).start >= since:
        found.append(earlier)
    return found[::-1]


def ledger(source: RepSource, book: PlanBook, spans: Sequence[Period]) -> pd.DataFrame:
    """Return what each rep earned in each pay period, exactly as the plan in force says.

    Returns
    -------
    DataFrame
        One row per rep and span: `rep`, `person`, `team`, `role`, `period` (label), `end_day`,
        `quota` (prorated), `bookings`, `attainment`, `team_attainment`, `plan` (missing: none),
        `uncapped`, `payout`, `capped`, `bonus`, `pay` (payout and bonus). Who had no quota and sold
        nothing has no row.
    """
    roles = dict(zip(source.members["rep"], source.members["role"], strict=True))
    read_quotas(source, spans)
    parts = [_span(source, book, span, roles) for span in spans]
    return pd.concat(parts, ignore_index=True)


def _span(
    source: RepSource, book: PlanBook, span: Period, roles: dict[str, str | None]
) -> pd.DataFrame:
    table = quotas(source, span)
    table = table[(table["prorated"] > 0) | (table["bookings"] > 0)].reset_index(drop=True)
    table = table.assign(role=table["rep"].map(roles).fillna(""), quota=table["prorated"],
                         period=span.label, end_day=span.end_day)  # fmt: skip
    table = table.assign(team_attainment=_team_attainment(table), **_PAID)
    table = table.astype({"plan": object})
    for role in table["role"].unique():
        dated = book.of(role, span.start_day)
        if dated is not None and dated.paid_per == span.cadence:
            there = table["role"] == role
            table.loc[there, list(_PAID)] = _payouts(dated.plan, table[there]).to_numpy()
    table = table.astype({"uncapped": float, "payout": float, "capped": bool})
    bonus = table["rep"].map(bonuses(source, book, span)).fillna(0.0).astype(float)
    return table[list(_LEDGER)].assign(bonus=bonus, pay=table["payout"] + bonus)


def _payouts(plan: PayPlan, rows: pd.DataFrame) -> pd.DataFrame:
    columns = (rows[name].to_numpy("float64") for name in ("bookings", "quota", "team_attainment"))
    paid = payout(plan, *columns)
    return paid.assign(plan=plan.name)[list(_PAID)]


def _team_attainment(table: pd.DataFrame) -> "pd.Series[float]":
    team = table["team"].fillna("")
    sums = table.groupby(team)[["bookings", "quota"]].sum()
    return team.map(sums["bookings"] / sums["quota"].where(sums["quota"] > 0))


def bonuses(source: RepSource, book: PlanBook, span: Period) -> dict[str, float]:
    """Return each rep's bonuses for deals won in a span while a bonus ran."""
    total: dict[str, float] = {}
    roles = dict(zip(source.members["rep"], source.members["role"], strict=True))
    for row in book.bonuses.to_dict("records"):
        first = max(int(row["start_day"]), span.start_day)
        last = min(int(row["end_day"]), span.end_day - 1)
        if first > last:
            continue
        for rep, deals, booked in _sold(source, first, last, row["product"]):
            if rep in roles and row["role"] in (None, roles[rep]):
                earned = booked * float(row["rate"] or 0) + deals * float(row["per_deal"] or 0)
                total[rep] = total.get(rep, 0.0) + earned
    return total


def _sold(
    source: RepSource, first: int, last: int, product: str | None
) -> list[tuple[str, float, float]]:
    deals = shared_deals(source)
    if product is not None:
        deals = deals.filter(nw.col("product") == product)
    span = Period("", from_day_number(first), from_day_number(last + 1), "month")
    table = credited_sales(deals, period=span, as_of=source.workspace.as_of)
    return list(zip(table["owner_id"], table["deals"], table["bookings"], strict=True))
