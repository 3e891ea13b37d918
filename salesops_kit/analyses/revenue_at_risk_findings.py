"""What is worth saying about how far bookings may fall short, and what must go right."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from salesops_kit.analyses.pipeline_forecast_findings import note_words
from salesops_kit.findings import Estimate, Finding, Severity, in_order
from salesops_kit.language import Count, Money, Named, Number, Share, both
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.revenue_at_risk import RevenueAtRisk

ANALYSIS = "risk"  # the page that shows them
_SURE, _UNSURE, _UNLIKELY = 0.8, 0.5, 0.2  # chances of the target that change how loud it is said
_MOVES = 0.05  # by which one deal must move the chance of the target to be named


def revenue_findings(found: "RevenueAtRisk", settings: Settings) -> list[Finding]:
    """Return the findings: first how sure the target is, then the rest by severity and money."""
    if not found.known:
        kind = "unknown" if found.has_money else "no_money"
        severity: Severity = "note" if found.has_money else "warning"
        return [_finding(kind, severity, {"period": found.period.label}, section="risk")]
    rest = [] if found.target_note else [*_coverage(found, settings), *_decisive(found)]
    return [_outlook(found, settings), *in_order(rest)]


def _finding(kind: str, severity: Severity, values: Mapping[str, Any], **more: Any) -> Finding:
    headline = more.pop("headline", kind)
    return Finding(
        analysis=ANALYSIS, kind=kind, severity=severity,
        headline=both(f"revenue_at_risk.{headline}", **values),
        detail=both(f"revenue_at_risk.{kind}_detail", **values),
        action=both(f"revenue_at_risk.{more.pop('action', headline)}_action", **values),
        definition="deal_snapshots",
        **more,
    )  # fmt: skip


def _outlook(found: "RevenueAtRisk", settings: Settings) -> Finding:
    """Say how sure the first target is, and what one bad outcome in ten would bring."""
    currency, row = settings.company.currency, found.row(found.period.label)
    planned, chance = row["target"] == row["target"], row["reach_chance"]
    whole = found.periods.iloc[-1]
    values = {
        "period": row["span"], "until": found.spans[-1].label,
        "p10": Money(row["low80"], currency), "value": Money(row["forecast"], currency),
        "p90": Money(row["high80"], currency), "target": Money(row["target"], currency),
        "chance": Share(chance), "short": Money(max(row["target"] - row["low80"], 0.0), currency),
        "gap": Money(max(row["target"] - row["middle"], 0.0), currency),
        "low": Money(row["low90"], currency), "high": Money(row["high90"], currency),
        "alone_low": Money(row["alone_low"], currency),
        "alone_high": Money(row["alone_high"], currency),
        "all": Money(whole["forecast"], currency), "all_low": Money(whole["low90"], currency),
        "all_high": Money(whole["high90"], currency), "all_chance": Share(whole["reach_chance"]),
        "unit": note_words(found.target_note),
        "together": _together(whole["reach_chance"]),
    }  # fmt: skip
    severity, headline = _verdict(chance) if planned else ("note", "no_target")
    if found.target_note:  # such a target says nothing
        severity, headline, planned = "warning", "odd_target", False
    return _finding(
        "risk", severity, values, headline=headline, section="risk", n=found.open_deals,
        effect=Estimate(row["forecast"], row["low80"], row["high80"], currency),
        money=Estimate(row["gap"], row["low80"] - row["target"], row["high80"] - row["target"],
                       currency) if planned else None,
    )  # fmt: skip


def _together(chance: float) -> Named:
    """Say how likely all targets added up are, where there are any."""
    if chance != chance:
        return Named("", "")
    said = both("revenue_at_risk.risk_together", all_chance=Share(chance))
    return Named(said["en"], said["zh"])


def _verdict(chance: float) -> tuple[Severity, str]:
    if chance >= _SURE:
        return "good", "safe"
    if chance >= _UNSURE:
        return "note", "even"
    return ("warning", "unlikely") if chance >= _UNLIKELY else ("critical", "unlikely")


def _coverage(found: "RevenueAtRisk", settings: Settings) -> list[Finding]:
    """Say whether the open pipeline is enough, by what such pipeline brought in the past."""
    table = found.coverage[found.coverage["coverage_needed"].notna()]
    if table.empty:
        return []
    row, currency = table.iloc[-1], settings.company.currency
    enough = row["coverage_now"] >= row["coverage_needed"]
    values = {
        "until": row["span"], "now": Number(row["coverage_now"]),
        "needed": Number(row["coverage_needed"]), "even": Number(row["coverage_even"]),
        "left": Money(row["left_money"], currency), "open": Money(row["open_money"], currency),
        "conversion": Share(row["conversion"], 1), "low": Share(row["conversion_low"], 1),
        "high": Share(row["conversion_high"], 1), "gap": Money(row["pipeline_gap"], currency),
        "more": Number(row["more_per_week"]), "weekly": Number(row["new_per_week"]),
    }  # fmt: skip
    past = "coverage_past" if row["conversion"] == row["conversion"] else "coverage_no_past"
    said = both(f"revenue_at_risk.{past}", **values)
    values["past"] = Named(said["en"], said["zh"])
    reach = row["more_per_week"] == row["more_per_week"]
    headline = "covered" if enough else ("uncovered" if reach else "uncovered_far")
    return [_finding("coverage", "good" if enough else "warning", values, headline=headline,
                     section="coverage",
                     money=Estimate(row["pipeline_gap"], unit=currency))]  # fmt: skip


def _decisive(found: "RevenueAtRisk") -> list[Finding]:
    """Name the deal that moves the chance of the target most."""
    table = found.decisive
    moved = table["with_it"] - table["without_it"]
    few = int((moved >= _MOVES).sum())
    if not few:
        return []
    first = table.iloc[0]
    values = {
        "few": Count(few), "period": found.period.label, "deal": str(first["deal"]),
        "rep": str(first["rep"] or "–"), "chance": Share(first["chance"]),
        "with": Share(first["with_it"]), "without": Share(first["without_it"]),
    }  # fmt: skip
    return [_finding("decisive", "note", values, section="decisive", n=few)]
