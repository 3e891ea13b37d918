"""What is worth saying about how the open pipeline moved."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from salesops_kit.findings import Estimate, Finding, Severity, in_order
from salesops_kit.language import Count, Day, Days, Money, Named, Share, Word, both
from salesops_kit.models.intervals import wilson
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.pipeline_waterfall import PipelineWaterfall

OFTEN = 3  # moves to a later month from which on a date is no plan
_SAME = 0.005  # a change that would be written as 0 %


def waterfall_findings(waterfall: "PipelineWaterfall", settings: Settings) -> list[Finding]:
    """Return the findings in order of severity and money."""
    found = [
        *_due(waterfall, settings),
        *_pushed(waterfall, settings),
        *_overdue(waterfall, settings),
        *_whole(waterfall, settings),
        *_repeated(waterfall, settings),
        *_unseen(waterfall),
    ]
    return in_order(found)


def _finding(kind: str, severity: Severity, values: Mapping[str, Any], **more: Any) -> Finding:
    return Finding(
        analysis="bookings", kind=kind, severity=severity,
        headline=both(f"pipeline_waterfall.{more.pop('headline', kind)}", **values),
        detail=both(f"pipeline_waterfall.{more.pop('detail', kind)}_detail", **values),
        action=both(f"pipeline_waterfall.{more.pop('action', kind)}_action", **values),
        definition="pipeline",
        **more,
    )  # fmt: skip


def _amounts(waterfall: "PipelineWaterfall", view: str, settings: Settings) -> dict[str, Any]:
    """Return the size of every step of a view as money, and its days."""
    rows = waterfall.steps[waterfall.steps["view"] == view]
    pairs = zip(rows["step"], rows["amount"], strict=True)
    money = {step: Money(abs(amount), settings.company.currency) for step, amount in pairs}
    return money | {
        "period": waterfall.period.label, "first": Day(waterfall.first), "last": Day(waterfall.last)
    }  # fmt: skip


def _due(waterfall: "PipelineWaterfall", settings: Settings) -> list[Finding]:
    if not waterfall.known.dates:
        return []
    currency = settings.company.currency

    def size(*steps: str, column: str = "amount") -> float:
        return sum(abs(waterfall.value("due", step, column)) for step in steps)

    came, away = ("new", "moved_in", "reopened", "reassigned"), ("lost", "invalid")
    resized = size("increased") - size("decreased")
    groups = {"start": ("start",), "came": came, "won": ("won",), "away": away,
              "out": ("moved_out",), "end": ("end",)}  # fmt: skip
    values = _amounts(waterfall, "due", settings) | {
        "came": Money(size(*came), currency),
        "away": Money(size(*away), currency),
        "resized": _signed(resized, currency),
        **{f"{name}_deals": Count(size(*steps, column="deals")) for name, steps in groups.items()},
    }
    return [
        _finding(
            "due", "note", values, headline="due_at_end", section="due",
            n=int(size("start", column="deals")),
        )
    ]  # fmt: skip


def _signed(number: float, currency: str) -> Named:
    sign = "+" if number > 0 else ""
    money = Money(number, currency)
    return Named(sign + money.written("en"), sign + money.written("zh"))


def _pushed(waterfall: "PipelineWaterfall", settings: Settings) -> list[Finding]:
    """Compare the share pushed with that of the periods before, as far as intervals allow."""
    rows = waterfall.pushes[waterfall.pushes["group"] == "due"].to_dict("records")
    if not rows or rows[0]["deals"] < settings.thresholds.min_n:
        return []
    [row], currency = rows, settings.company.currency
    earlier = waterfall.trend.iloc[:-1]
    pushed, deals = int(earlier["pushed"].sum()), int(earlier["deals"].sum())
    lower, upper = wilson(pushed, deals)
    verdict = "pushed"
    if row["lower"] > upper:
        verdict = "pushed_more"
    elif row["upper"] < lower:
        verdict = "pushed_less"
    severity: dict[str, Severity] = {"pushed_more": "warning", "pushed_less": "good"}
    values = {
        "period": waterfall.period.label, "rate": Share(row["push_rate"]),
        "lower": Share(row["lower"]), "upper": Share(row["upper"]), "n": Count(row["deals"]),
        "pushed": Count(row["pushed"]), "amount": Money(row["pushed_amount"], currency),
        "before": Share(pushed / deals if deals else None), "before_n": Count(deals),
        "periods": Count(len(earlier)), "days": Days(row["push_days"]),
        "late": Count(row["late"]), "late_amount": Money(row["late_amount"], currency),
        "slip": Share(row["slip_rate"]),
    }  # fmt: skip
    return [
        _finding(
            "pushed", severity.get(verdict, "note"), values, headline=verdict, section="pushes",
            n=int(row["deals"]),
            money=Estimate(-row["pushed_amount"], unit=currency) if verdict != "pushed" else None,
            effect=Estimate(row["push_rate"], row["lower"], row["upper"], "share"),
        )
    ]  # fmt: skip


def _overdue(waterfall: "PipelineWaterfall", settings: Settings) -> list[Finding]:
    rows = waterfall.pushes[waterfall.pushes["group"] == "overdue"].to_dict("records")
    if not rows:
        return []
    [row], currency = rows, settings.company.currency
    values = {
        "period": waterfall.period.label, "n": Count(row["deals"]),
        "amount": Money(row["amount"], currency), "won": Count(row["won"]),
        "lost": Count(row["lost"]), "pushed": Count(row["pushed"]), "late": Count(row["late"]),
        "late_amount": Money(row["late_amount"], currency),
    }  # fmt: skip
    return [
        _finding(
            "overdue", "note", values, headline="overdue_start", section="pushes",
            n=int(row["deals"]),
        )
    ]  # fmt: skip


def _whole(waterfall: "PipelineWaterfall", settings: Settings) -> list[Finding]:
    values = _amounts(waterfall, "all", settings)
    start, end = (waterfall.value("all", step) for step in ("start", "end"))
    deals = {f"{step}_deals": Count(abs(waterfall.value("all", step, "deals")))
             for step in ("start", "new", "won", "lost", "invalid", "end")}  # fmt: skip
    if not end and waterfall.value("all", "end", "deals"):  # no open deal has an amount
        return [_finding("whole", "note", values | deals, headline="counted", detail="counted",
                         section="whole")]  # fmt: skip
    change = end / start - 1 if start else float("nan")
    way = "same" if abs(change) < _SAME else "grew" if end > start else "shrank"
    return [_finding("whole", "note", values | deals | {"change": Share(abs(change))},
                     headline=way, section="whole")]  # fmt: skip


def _repeated(waterfall: "PipelineWaterfall", settings: Settings) -> list[Finding]:
    table = waterfall.repeated
    often, whole = table[table["pushes"] >= OFTEN], table["deals"].sum()
    if often["deals"].sum() < settings.thresholds.min_n:
        return []
    currency = settings.company.currency
    amount = float(often["amount"].sum())
    values = {"n": Count(often["deals"].sum()), "amount": Money(amount, currency),
              "often": Count(OFTEN), "whole": Count(whole)}  # fmt: skip
    return [_finding("repeated", "note", values, section="pushes", n=int(often["deals"].sum()))]


def _unseen(waterfall: "PipelineWaterfall") -> list[Finding]:
    """Say what of the movements cannot be known from the data there is."""
    known = waterfall.known
    whats = [what for what in ("amounts", "dates", "owners", "deletions")
             if known.told(what) == "unknown"]  # fmt: skip
    names = [Word(f"pipeline_waterfall.{what}") for what in whats]
    listed: Named | Word = Word("pipeline_waterfall.nothing")
    if names:
        listed = Named(", ".join(n.written("en") for n in names),
                       "、".join(n.written("zh") for n in names))  # fmt: skip
    if known.snapshots and not whats:
        return []
    values = {"names": listed, "n": Count(waterfall.open_both), "unmoved": Count(waterfall.unmoved)}
    detail = "unseen" if waterfall.open_both else "unseen_none"
    return [_finding("unseen", "note", values, section="known", detail=detail)]
