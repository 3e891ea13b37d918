"""What is worth saying about what the pipeline will bring."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesops_kit.findings import Estimate, Finding, Severity, Words, in_order
from salesops_kit.language import Count, Days, Money, Named, Points, Share, Value, Word, both
from salesops_kit.models.single_amounts import outweighing
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.pipeline_forecast import PipelineForecast

ANALYSIS = "pipeline_forecast"
_SURE, _UNSURE, _UNLIKELY = 0.8, 0.5, 0.2  # chances of the target that change what is said
_UNPRICED = 0.05  # of the deals won; more without amount than this is said
_HALF = 0.5  # of the money in prospect: the deals that hold it are named
_DOUBLE = 1.5  # times our forecast from which on the CRM's own is called too high


def pipeline_findings(forecast: "PipelineForecast", settings: Settings) -> list[Finding]:
    """Return the findings: first what will be booked, then the rest by severity and money."""
    if not forecast.known:
        kind = "unknown" if forecast.has_money else "no_money"
        severity: Severity = "note" if forecast.has_money else "warning"
        return [_finding(kind, severity, {"period": forecast.period.label}, section="outlook")]
    rest = [*_method(forecast), *_deals(forecast, settings), *_single(forecast, settings)]
    rest += _levers(forecast, settings) + _overstated(forecast, settings) + _alarms(forecast)
    return [_outlook(forecast, settings), *in_order(rest)]


def _finding(kind: str, severity: Severity, values: Mapping[str, Any], **more: Any) -> Finding:
    headline = more.pop("headline", kind)
    return Finding(
        analysis=ANALYSIS, kind=kind, severity=severity,
        headline=both(f"pipeline_forecast.{headline}", **values),
        detail=both(f"pipeline_forecast.{kind}_detail", **values),
        action=both(f"pipeline_forecast.{more.pop('action', kind)}_action", **values),
        definition=more.pop("definition", "deal_snapshots"),
        **more,
    )  # fmt: skip


def _outlook(forecast: "PipelineForecast", settings: Settings) -> Finding:
    """Say what will be booked, how sure, and whether the target is reached."""
    currency = settings.company.currency
    low, value, high = (forecast.part("total", name) for name in ("low", "expected", "high"))
    severity, action = _verdict(forecast)
    values = {
        "period": forecast.period.label, "days": Days(forecast.days),
        "value": Money(value, currency), "low": Money(low, currency),
        "high": Money(high, currency), "target": Money(forecast.target, currency),
        "chance": Share(forecast.chance), "won": Money(forecast.won, currency),
        "open": Money(forecast.part("open", "expected"), currency),
        "new": Money(forecast.part("new", "expected"), currency),
        "deal_by_deal": Money(forecast.says("pipeline"), currency),
        "by_sums": Money(forecast.says("series"), currency),
        "weight": Share(forecast.says("series", "weight")),
        "deals": Count(len(forecast.scored)), "gap": Money(forecast.lacking, currency),
        "unit": note_words(forecast.target_note),
    }  # fmt: skip
    headline = "outlook" if forecast.target is None else "on_target"
    if forecast.target_note is not None:
        headline = "odd_target"
    return _finding(
        "outlook", severity, values, headline=headline,
        action=action, section="outlook", n=len(forecast.scored),
        effect=Estimate(value, low, high, currency),
        money=Estimate(value, low, high, currency),
    )  # fmt: skip


def _verdict(forecast: "PipelineForecast") -> tuple[Severity, str]:
    if forecast.chance is None:
        return "note", "outlook"
    if forecast.target_note is not None:  # such a target says nothing
        return "warning", "odd_target"
    if forecast.chance >= _SURE:
        return "good", "ahead"
    if forecast.chance >= _UNSURE:
        return "note", "close"
    return ("warning" if forecast.chance >= _UNLIKELY else "critical"), "behind"


def _method(forecast: "PipelineForecast") -> list[Finding]:
    """Say how far off former forecasts at the same distance were."""
    own = forecast.judged()
    if own is None:
        return []
    others = {name: forecast.judged(name) or own for name in ("stage_rates", "crm_chance", "naive")}
    held = int(forecast.past["inside"].sum())
    values = {
        "n": Count(own["forecasts"]), "days": Days(forecast.days), "wape": Share(own["wape"]),
        "bias": Points(own["bias"]), "held": Count(held),
        "stage": Share(others["stage_rates"]["wape"]), "crm": Share(others["crm_chance"]["wape"]),
        "naive": Share(others["naive"]["wape"]), "ece": Share(forecast.calibration_error, 1),
    }  # fmt: skip
    worse = own["wape"] > min(one["wape"] for one in others.values())
    return [_finding("method", "warning" if worse else "note", values, section="trust",
                     action="method_worse" if worse else "method", n=int(own["forecasts"]),
                     effect=Estimate(own["wape"], unit="share"))]  # fmt: skip


def _deals(forecast: "PipelineForecast", settings: Settings) -> list[Finding]:
    """Name the few deals that hold half of the money in prospect."""
    currency = settings.company.currency
    prospect = forecast.scored["prospect"]
    if not prospect.sum() > 0:
        return []
    few = int((prospect.cumsum() < _HALF * prospect.sum()).sum()) + 1
    first = forecast.scored.iloc[0]
    values = {
        "few": Count(few), "deals": Count(len(prospect)), "money": Money(prospect.sum(), currency),
        "deal": str(first["deal"]), "worth": Money(first["worth"], currency),
        "chance": Share(first["chance"]), "rep": str(first["rep"] or "–"),
    }  # fmt: skip
    half = float(prospect.head(few).sum())
    return [_finding("deals", "note", values, section="deals", n=few,
                     money=Estimate(half, unit=currency))]  # fmt: skip


def _single(forecast: "PipelineForecast", settings: Settings) -> list[Finding]:
    """Name the open deal that would bring more than all that the period is expected to."""
    one = larger_deal(forecast.scored, forecast.part("total"))
    if one is None:
        return []
    values = single_words(one, forecast.part("total"), settings.company.currency)
    values |= {"period": forecast.period.label, "rep": str(one["rep"] or "–")}
    return [_finding("single", "warning", values, section="deals", n=1,
                     where={"deal": str(one["deal_id"])})]  # fmt: skip


def note_words(note: Words | None) -> Named:
    """Return a note about the target as part of a sentence; nothing where there is none."""
    return Named(note["en"], note["zh"]) if note else Named("", "")


def larger_deal(scored: pd.DataFrame, expected: float) -> dict[Any, Any] | None:
    """Return the open deal that is worth more than all others and than what is expected of all.

    `scored`: open deals with `worth` (money if won), as `pipeline_forecast.scored_deals` gives.
    """
    worth = scored["worth"].to_numpy("float64")
    place = outweighing(worth)
    return None if place is None or not worth[place] > expected else dict(scored.iloc[place])


def single_words(deal: Mapping[Any, Any], expected: float, currency: str) -> dict[str, Any]:
    """Return the values of a sentence about such a deal."""
    return {
        "deal": str(deal["deal"]), "worth": Money(deal["worth"], currency),
        "value": Money(expected, currency), "counted": Money(deal["prospect"], currency),
        "chance": Share(deal["chance"], 1),
    }  # fmt: skip


def _levers(forecast: "PipelineForecast", settings: Settings) -> list[Finding]:
    """Say what would close the gap, one lever at a time."""
    if forecast.target_note is not None:
        return []
    short = forecast.lacking > 0
    wanted = "even" if short else "sure"
    rows = forecast.levers[forecast.levers[wanted].notna()].to_dict("records")
    ways = [way for row in rows if (way := _way(row, wanted, settings.company.currency))]
    if not ways:
        return []
    values = {
        "period": forecast.period.label, "days": Days(forecast.days),
        "ways": Named("; ".join(way["en"] for way in ways), "；".join(way["zh"] for way in ways)),
    }  # fmt: skip
    return [_finding("levers", "note", values, headline="levers" if short else "levers_sure",
                     section="levers", n=len(forecast.scored))]  # fmt: skip


def _way(row: Mapping[Any, Any], wanted: str, currency: str) -> Words | None:
    """Write one lever with its figures; None where it would read the same as now."""
    name = str(row["lever"]).removesuffix("_lever")
    write: dict[str, Callable[[float], Value]] = {
        "count": Count, "days": Days, "share1": lambda share: Share(share, 1),
        "money": lambda money: Money(money, currency),
    }  # fmt: skip
    form = write[row["unit"]]
    if form(row["now"]).written("en") == form(row[wanted]).written("en"):
        return None
    return both(f"pipeline_forecast.way_{name}", now=form(row["now"]), needed=form(row[wanted]))


def _overstated(forecast: "PipelineForecast", settings: Settings) -> list[Finding]:
    """Say so when the CRM's own chances promise much more than will come."""
    currency, stages = settings.company.currency, forecast.stages
    listed, ours = float(stages["by_crm"].sum()), float(stages["prospect"].sum())
    if listed <= _DOUBLE * ours:
        return []
    late = forecast.scored["due_in"].lt(0).fillna(value=False)
    values = {
        "period": forecast.period.label, "listed": Money(listed, currency),
        "ours": Money(ours, currency), "late": Count(int(late.sum())),
        "late_amount": Money(float(forecast.scored.loc[late, "amount"].sum()), currency),
    }  # fmt: skip
    return [_finding("overstated", "note", values, section="stages", n=len(forecast.scored),
                     money=Estimate(listed - ours, unit=currency))]  # fmt: skip


def _alarms(forecast: "PipelineForecast") -> list[Finding]:
    """Say which columns were left out because they know the future, and what is not dated."""
    found = []
    if forecast.alarms:
        names = {language: ", ".join(_column(name, language) for name in forecast.alarms)
                 for language in ("en", "zh")}  # fmt: skip
        values = {"columns": Named(names["en"], names["zh"])}
        found.append(_finding("leak", "note", values, section="trust", n=len(forecast.alarms)))
    if forecast.unpriced > _UNPRICED:
        found.append(_finding("unpriced", "warning", {"share": Share(forecast.unpriced)},
                              section="trust"))  # fmt: skip
    if not forecast.dated_amounts:
        found.append(_finding("undated", "note", {}, section="trust"))
    return found


def _column(name: str, language: str) -> str:
    return name if name.startswith("x_") else Word(f"columns.{name}").written(language)
