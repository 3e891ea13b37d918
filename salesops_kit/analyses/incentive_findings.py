"""What is worth saying about pay: its cost, its edges, games, and what another plan changes."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salesops_kit.findings import Estimate, Finding, Severity
from salesops_kit.language import Count, Money, Named, Number, Share, Word, both
from salesops_kit.models.pay import plans_equal
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.incentives import Incentives

_STRONG = 1.2  # attainment of all at which the cost is told beside that at target
_MANY = 0.05  # of the pay periods of reps: so often the cap is worth a warning
_STEEP = 0.5  # of the pay at target, gained at one point: a cliff worth a warning


def incentive_findings(result: "Incentives", settings: Settings, why: str = "") -> list[Finding]:
    """Return the findings in the order of the story; `why` nothing can be said, if so."""
    if why:
        return [_finding(why, "note", {}, section="short")]
    money = settings.company.currency
    found = [*_paid(result, money), *_edges(result, money), *_games(result)]
    return [*found, *_ahead(result, money), *_other(result, money)]


def odd_quota(said: dict[str, Any]) -> Finding:
    """Say that no pay is computed, since quotas are probably in another unit (`odd_quotas`)."""
    return _finding("odd_quota", "warning", said, section="short")


def _finding(kind: str, severity: Severity, values: dict[str, Any], **more: Any) -> Finding:
    words = more.pop("words", kind)
    return Finding(
        analysis="incentives", kind=kind, severity=severity,
        headline=both(f"incentives.{words}", **values),
        detail=both(f"incentives.{words}_detail", **values),
        action=both(f"incentives.{more.pop('action', words)}_action", **values),
        definition="payout", **more,
    )  # fmt: skip


def _paid(result: "Incentives", currency: str) -> list[Finding]:
    known = result.paid.dropna(subset=["pay"])
    if known.empty:
        return [_finding("nothing_paid", "note", {"period": result.covers}, section="paid")]
    pay, booked = float(known["pay"].sum()), float(known["bookings"].sum())
    nothing, capped = int((known["payout"] == 0).sum()), int((known["capped"] > 0).sum())
    values = {
        "period": result.covers, "pay": Money(pay, currency), "bookings": Money(booked, currency),
        "cost": Share(pay / booked if booked else np.nan, 1), "reps": Count(len(known)),
        "bonus": Money(known["bonus"].sum(), currency),
        "nothing": Count(nothing), "capped": Count(capped),
        "without": Count(len(result.paid) - len(known)),
        "plan": result.plan.name if result.plan else "",
        "so_far": Word(f"incentives.pending_{str(result.pending).lower()}"),
    }  # fmt: skip
    return [_finding("paid", "note", values, section="paid", n=len(known),
                     money=Estimate(pay, unit=currency))]  # fmt: skip


def _edges(result: "Incentives", currency: str) -> list[Finding]:
    """Say where the plan jumps, falls or stops paying, and how many of the past stood there."""
    past = result.past.dropna(subset=["payout"])
    if result.shape.empty or past.empty or result.plan is None:
        return []
    kinds = result.shape.set_index("kind")
    nothing, capped = float((past["payout"] == 0).mean()), float(past["capped"].mean())
    at_target = float(np.interp(1.0, result.own["attainment"], result.own["pay"]))
    jumps = result.shape.loc[result.shape["kind"].isin(["cliff", "drop"]), "jump"]
    steep = len(jumps) and at_target > 0 and float(jumps.abs().max()) > _STEEP * at_target
    drops = "drop" in kinds.index
    severity: Severity = "warning" if drops or steep or capped > _MANY else "note"
    values = {
        "edges": _listed(result.shape, currency), "quota": Money(result.quota, currency),
        "nothing": Share(nothing), "capped": Share(capped), "n": Count(len(past)),
        "history": result.history, "plan": result.plan.name,
    }  # fmt: skip
    words = "edges_drop" if drops else "edges_cliff" if len(jumps) else "edges"
    return [_finding("edges", severity, values, words=words, section="shape", n=len(past))]


def _listed(shape: pd.DataFrame, currency: str) -> Named:
    said = []
    for row in shape.to_dict("records"):
        words = both(
            f"incentives.edge_{row['kind']}", at=Share(row["attainment"]),
            jump=Money(abs(row["jump"]), currency), after=Share(row["after"], 1),
        )  # fmt: skip
        said.append(words)
    return Named("; ".join(w["en"] for w in said), "；".join(w["zh"] for w in said))


def _games(result: "Incentives") -> list[Finding]:
    tests = result.tests
    known = tests[tests["verdict"] != "few"]
    values: dict[str, Any] = {"history": result.history, "tests": Count(len(known))}
    if known.empty:
        return [_finding("games_unknown", "note", values, section="games")]
    speaks = known[known["verdict"] == "shift"]
    if speaks.empty:
        return [_finding("games_none", "good", values, section="games", n=int(known["n"].sum()))]
    said = [
        both(f"incentives.seen_{row['test']}", seen=Count(row["seen"]),
             expected=Number(row["expected"], 1), at=Share(row["at"]), n=Count(row["n"]))
        for row in speaks.to_dict("records")
    ]  # fmt: skip
    values["seen"] = Named(" ".join(w["en"] for w in said), "".join(w["zh"] for w in said))
    first = speaks.sort_values("p").iloc[0]
    return [_finding(
        "games", "warning", values, section="games", n=int(first["n"]), certainty=0.95,
        effect=Estimate(first["excess"], first["lower"], first["upper"], "count"),
    )]  # fmt: skip


def _ahead(result: "Incentives", currency: str) -> list[Finding]:
    if result.ahead is None or result.curve.empty or result.plan is None:
        return [_finding("no_outlook", "note", {}, section="cost")]
    pay = result.ahead.pay(result.plan).sum(axis=0)
    low, high = np.quantile(pay, (0.1, 0.9))
    at = result.curve.set_index("total")["cost"]
    values = {
        "period": result.next_period, "pay": Money(pay.mean(), currency),
        "low": Money(low, currency), "high": Money(high, currency),
        "at_target": Share(at.loc[1.0], 1), "at_strong": Share(at.loc[_STRONG], 1),
        "strong": Share(_STRONG), "reps": Count(len(result.ahead.reps)),
        "history": result.history,
    }  # fmt: skip
    money = Estimate(float(pay.mean()), float(low), float(high), currency)
    reps = len(result.ahead.reps)
    return [_finding("ahead", "note", values, section="cost", n=reps, money=money)]


def _other(result: "Incentives", currency: str) -> list[Finding]:
    if result.other is None or result.plan is None or result.compared.empty:
        return []
    if plans_equal(result.plan, result.other):
        names = {"plan": result.plan.name, "other": result.other.name}
        return [_finding("same_plan", "note", names, section="other")]
    change, low, high = result.change
    table, lines = result.compared, result.summary.set_index("plan")
    assumed = "response_none" if not result.response else "response_some"
    values = {
        "plan": result.plan.name, "other": result.other.name, "period": result.next_period,
        "change": Money(abs(change), currency), "low": _signed(low, currency),
        "high": _signed(high, currency), "dearer": Share(result.dearer),
        "more": Count((table["pay_change"] > 0).sum()),
        "less": Count((table["pay_change"] < 0).sum()),
        "reps": Count(len(table)), "cost": Share(lines["cost_share"].iloc[0], 1),
        "other_cost": Share(lines["cost_share"].iloc[1], 1),
        "assumed": _words(assumed, Number(result.response, 2)),
    }  # fmt: skip
    words = "other_dearer" if change > 0 else "other_cheaper"
    sure = max(result.dearer, 1 - result.dearer)
    return [_finding(
        "other", "note", values, words=words, action="other", section="other", n=len(table),
        certainty=round(sure, 3), money=Estimate(change, low, high, currency),
    )]  # fmt: skip


def _signed(value: float, currency: str) -> Named:
    sign = "+" if value > 0 else ""
    money = Money(value, currency)
    return Named(f"{sign}{money.written('en')}", f"{sign}{money.written('zh')}")


def _words(key: str, response: Number) -> Named:
    words = both(f"incentives.{key}", response=response)
    return Named(words["en"], words["zh"])
