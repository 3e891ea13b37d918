"""What the funnel analysis found worth saying, and its key figures."""

from datetime import date
from math import isnan, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesops_kit.analyses.diagnosis import FEWEST_EXITS
from salesops_kit.findings import Estimate, Finding, KeyFigure, Severity, in_order
from salesops_kit.language import (
    LANGUAGES,
    Count,
    Day,
    Days,
    Money,
    Named,
    Points,
    Share,
    Word,
    both,
)
from salesops_kit.schema import LIFE
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.funnel import Funnel

ALARM = 0.05  # family-wise chance of a false statement about groups
FAR_BELOW_TARGET = 0.75
OVERDUE_SHARE = 0.25
OVER_GOAL_SHARE = 0.25


def funnel_findings(funnel: "Funnel", settings: Settings, data_until: date | None) -> list[Finding]:
    """Return the findings in order of severity and money."""
    found = [
        *_bookings(funnel, settings),
        *_win_rate(funnel, settings),
        *_winning_changed(funnel, settings),
        *_groups(funnel, settings),
        *_leak(funnel, settings),
        *_dwell(funnel, settings),
        *_pipeline(funnel, settings),
        *_outlook(funnel, settings),
        *_velocity(funnel, settings),
        *_coverage(funnel, data_until),
    ]
    return in_order(found)


def funnel_key_figures(funnel: "Funnel", settings: Settings) -> list[KeyFigure]:
    """Return the figures of the index page."""
    currency = settings.company.currency
    trend, now = funnel.trend, _last(funnel.trend)
    target = None if funnel.target_note else _known(now["target"])
    pipeline = funnel.pipeline
    shared: dict[str, dict[str, Any]] = {
        "bookings": {"unit": "money", "currency": currency, "target": target,
                     "n": int(now["won"])},
        "win_rate": {"unit": "share", "lower": _known(now["win_rate_lower"]),
                     "upper": _known(now["win_rate_upper"]), "n": int(now["closed"])},
        "won": {"unit": "count", "n": int(now["closed"])},
        "average_deal_size": {"unit": "money", "currency": currency,
                              "lower": _known(now["size_lower"]),
                              "upper": _known(now["size_upper"]), "n": int(now["priced"])},
        "cycle_median": {"unit": "days", "lower": _known(now["cycle_lower"]),
                         "upper": _known(now["cycle_upper"]), "n": int(now["won"]),
                         "good_direction": -1},
    }  # fmt: skip
    definitions = {"win_rate": "wr_close_n", "won": "volume", "cycle_median": "sales_cycle"}
    figures = [
        KeyFigure(
            name=name,
            label=both(f"funnel.figure_{name}"),
            value=_known(now[name]),
            definition=definitions.get(name, name),
            previous=_known(trend[name].iloc[-2]),
            year_ago=_known(trend[name].iloc[0]) if len(trend) == 13 else None,
            trend=tuple(_known(v) for v in trend[name]),
            **options,
        )
        for name, options in shared.items()
    ]
    figures.append(
        KeyFigure(
            name="open_pipeline",
            label=both("funnel.figure_open_pipeline"),
            value=_known(pipeline["amount"].sum(min_count=1)),
            unit="money",
            currency=currency,
            definition="pipeline",
            n=int(pipeline["deals"].sum()),
        )
    )
    return figures


def _finding(kind: str, severity: Severity, section: str, **options: Any) -> Finding:
    """Build a finding whose words stand in the catalogue under its kind, or under `words`."""
    values, words = options.pop("values"), options.pop("words", kind)
    return Finding(
        analysis="funnel",
        kind=kind,
        severity=severity,
        headline=both(f"funnel.{options.pop('headline', kind)}", **values),
        detail=both(f"funnel.{words}_detail", **values),
        action=both(f"funnel.{options.pop('action', words)}_action", **values),
        section=section,
        **options,
    )


def _bookings(funnel: "Funnel", settings: Settings) -> list[Finding]:
    currency, now = settings.company.currency, _last(funnel.trend)
    sold, target = now["bookings"], now["target"]
    if isnan(sold):
        return []
    before = funnel.trend["bookings"].iloc[-2]
    # against nothing, or where returns outweigh sales, only the amount says something
    change = _signed(sold / before - 1) if before > 0 and sold >= 0 else ""
    against = {"before": Money(before, currency), "previous": funnel.trend["period"].iloc[-2]}
    values: dict[str, Any] = {
        "bookings": Money(sold, currency),
        "won": Count(now["won"]),
        "period": now["period"],
        "against": both_named("funnel.bookings_change", change=change, **against)
        if change
        else both_named("funnel.bookings_before", **against)
        if before == before
        else "",
    }
    one, rest = funnel.single, sold
    if one is not None:
        rest = sold - one[1]
        note = both_named("funnel.bookings_single", deal=one[0], part=Money(one[1], currency),
                          rest=Money(rest, currency))  # fmt: skip
        values["against"] = joined(values["against"], note)
    if isnan(target):
        return [_finding("bookings", "note", "bookings", values=values, definition="bookings",
                         headline="bookings_untargeted", n=int(now["won"]),
                         money=Estimate(sold - before, unit=currency))]  # fmt: skip
    attainment = sold / target
    severity: Severity = (
        "critical" if attainment < FAR_BELOW_TARGET else "warning" if attainment < 1 else "good"
    )
    if severity == "good" and rest < target:  # one deal is no proof of a good period
        severity = "note"
    values |= {"target": Money(target, currency), "attainment": Share(attainment),
               "gap": Money(abs(sold - target), currency)}  # fmt: skip
    if funnel.target_note is not None:  # neither good nor bad: the target says nothing
        note = Named(funnel.target_note["en"], funnel.target_note["zh"])
        values["against"] = joined(values["against"], note)
        return [_finding("bookings", "warning", "bookings", values=values, definition="attainment",
                         headline="bookings_odd_target", n=int(now["won"]))]  # fmt: skip
    side = "below" if attainment < 1 else "above"
    return [_finding("bookings", severity, "bookings", values=values, definition="attainment",
                     headline=f"bookings_{side}", n=int(now["won"]),
                     effect=Estimate(attainment, unit="share"),
                     money=Estimate(sold - target, unit=currency))]  # fmt: skip


def _win_rate(funnel: "Funnel", settings: Settings) -> list[Finding]:
    """Tell the period's win rate; whether winning changed is told from cohorts alone."""
    now, earlier = _last(funnel.trend), funnel.trend.iloc[:-1]
    before_n = int(earlier["closed"].sum())
    if min(now["closed"], before_n) < settings.thresholds.min_n or isnan(now["win_rate"]):
        return []
    before = float((earlier["win_rate"].fillna(0) * earlier["closed"]).sum() / before_n)
    values = {
        "rate": Share(now["win_rate"]),
        "lower": Share(now["win_rate_lower"]),
        "upper": Share(now["win_rate_upper"]),
        "closed": Count(now["closed"]),
        "before": Share(before),
        "before_n": Count(before_n),
    }
    rate = Estimate(now["win_rate"], now["win_rate_lower"], now["win_rate_upper"], "share")
    return [_finding("win_rate", "note", "win-rate", values=values, definition="wr_close_n",
                     n=int(now["closed"]), effect=rate)]  # fmt: skip


def _winning_changed(funnel: "Funnel", settings: Settings) -> list[Finding]:
    """Tell whether the youngest cohorts that can tell were won more or less than earlier ones."""
    change = funnel.change
    few = min(change.recent_n, change.before_n) < settings.thresholds.min_n
    if few or not change.p < ALARM:
        return []
    fell = change.recent.value < change.before.value
    values = {
        "rate": Share(change.recent.value),
        "lower": Share(change.recent.lower),
        "upper": Share(change.recent.upper),
        "n": Count(change.recent_n),
        "before": Share(change.before.value),
        "before_n": Count(change.before_n),
        "first": change.first,
        "last": change.last,
        "horizon": Days(funnel.horizon),
        "change": Points(change.recent.value - change.before.value),
        "alone": both_named("funnel.win_rate_alone") if (alone := _nothing_else(funnel)) else "",
    }
    severity: Severity = "good" if not fell else "note" if alone else "warning"
    rate = Estimate(change.recent.value, change.recent.lower, change.recent.upper, "share")
    return [_finding("win_rate_changed", severity, "win-rate", values=values,
                     definition="wr_cohort_h", n=change.recent_n, since=change.first,
                     certainty=round(1 - change.p, 3), effect=rate)]  # fmt: skip


def _nothing_else(funnel: "Funnel") -> bool:
    """Tell whether the scan of stages, groups and reps saw enough, and nothing got worse."""
    scanned = funnel.diagnosis
    return scanned is not None and scanned.exits >= FEWEST_EXITS and not scanned.leaks


def _groups(funnel: "Funnel", settings: Settings) -> list[Finding]:
    """Name groups that win less, or more, than all others; the tests share one alarm budget."""
    tests = [
        (dimension, row, rest)
        for dimension, rates in funnel.groups.items()
        for row in rates.to_dict("records")
        if row["closed"] >= settings.thresholds.min_n
        and (rest := _rest(rates, row))["closed"] >= settings.thresholds.min_n
    ]
    found = []
    for dimension, row, rest in tests:
        p = _two_rates(row["win_rate"], row["closed"], rest["rate"], rest["closed"])
        adjusted = min(p * len(tests), 1.0)
        if adjusted >= ALARM:
            continue
        low = row["win_rate"] < rest["rate"]
        values = {
            "group": str(row["group"]),
            "dimension": Word(f"columns.{dimension}")
            if not dimension.startswith("x_")
            else dimension,
            "rate": Share(row["win_rate"]),
            "lower": Share(row["lower"]),
            "upper": Share(row["upper"]),
            "closed": Count(row["closed"]),
            "rest": Share(rest["rate"]),
            "tests": Count(len(tests)),
        }
        found.append(
            _finding("group_low" if low else "group_high", "warning" if low else "good", "groups",
                     values=values, definition="wr_close_n", n=int(row["closed"]),
                     where={dimension: str(row["group"])}, certainty=round(1 - adjusted, 3),
                     effect=Estimate(row["win_rate"], row["lower"], row["upper"], "share"))
        )  # fmt: skip
    return found


def _rest(rates: pd.DataFrame, row: dict[Any, Any]) -> dict[str, float]:
    closed = rates["closed"].sum() - row["closed"]
    won = rates["won"].sum() - row["won"]
    return {"closed": closed, "rate": won / closed if closed else float("nan")}


def _leak(funnel: "Funnel", settings: Settings) -> list[Finding]:
    """Name the stage from which most deals leave the funnel for good."""
    flow = funnel.flow
    if flow.empty or not flow["lost"].sum():
        return []
    row = flow.iloc[int(flow["lost"].to_numpy().argmax())]
    if flow["lost"].sum() < settings.thresholds.min_n:
        return []
    values = {
        "stage": stage_name(settings, row["stage"]),
        "lost": Count(row["lost"]),
        "share": Share(row["lost"] / flow["lost"].sum()),
        "entered": Count(row["entered"]),
        "open": Count(row["open"]),
        "stage_share": Share(row["lost_share"]),
    }
    return [_finding("leak", "note", "flow", values=values, definition="stage_flow",
                     where={"stage": str(row["stage"])}, n=int(row["entered"]),
                     effect=Estimate(float(row["lost_share"]), unit="share"))]  # fmt: skip


def _dwell(funnel: "Funnel", settings: Settings) -> list[Finding]:
    found = []
    for row in funnel.dwell.to_dict("records"):
        over = row["over_goal"]
        if isnan(over) or over < OVER_GOAL_SHARE or row["visits"] < settings.thresholds.min_n:
            continue
        values = {
            "stage": stage_name(settings, row["stage"]),
            "share": Share(over),
            "goal": Days(row["goal"]),
            "median": Days(row["median"]),
            "lower": Days(row["lower"]),
            "upper": Days(row["upper"]),
            "visits": Count(row["visits"]),
            "waiting": Count(row["waiting"]),
        }
        found.append(
            _finding("dwell_over_goal", "warning", "dwell", values=values,
                     definition="stage_dwell", where={"stage": str(row["stage"])},
                     n=int(row["visits"]), effect=Estimate(over, unit="share"))
        )  # fmt: skip
    return found


def _pipeline(funnel: "Funnel", settings: Settings) -> list[Finding]:
    pipeline, currency = funnel.pipeline, settings.company.currency
    total, overdue = pipeline["amount"].sum(), pipeline["overdue_amount"].sum()
    if not total or overdue / total < OVERDUE_SHARE:
        return []
    values = {
        "overdue": Money(overdue, currency),
        "total": Money(total, currency),
        "share": Share(overdue / total),
        "deals": Count(pipeline["overdue"].sum()),
        "without": Count(pipeline["without_amount"].sum()),
    }
    return [_finding("pipeline_overdue", "warning", "pipeline", values=values,
                     definition="pipeline", n=int(pipeline["deals"].sum()),
                     effect=Estimate(float(overdue / total), unit="share"),
                     money=Estimate(float(overdue), unit=currency))]  # fmt: skip


def _outlook(funnel: "Funnel", settings: Settings) -> list[Finding]:
    """Say what the open deals hold, where the stages of most are known well enough."""
    stages, currency = funnel.paths.stages, settings.company.currency
    wins, deals = stages["wins"].sum(), stages["deals"].sum()
    if not wins or stages["unknown"].sum() > deals / 2:
        return []
    visits, unknown = int(funnel.dwell["visits"].sum()), stages["unknown"].sum()
    (fewest, most), (least, greatest) = funnel.paths.by_chance
    values: dict[str, Any] = {
        "deals": Count(deals), "wins": Count(round(wins)), "fewest": Count(round(fewest)),
        "most": Count(round(most)), "least": Money(least, currency),
        "greatest": Money(greatest, currency), "money": Money(funnel.paths.prospect, currency),
        "visits": Count(visits),
    }  # fmt: skip
    detail = both("paths.outlook_detail", **values)
    more = [both("paths.outlook_unknown", unknown=Count(unknown))] if unknown else []
    headline, one = "outlook", funnel.paths.carrier
    if one is not None:
        headline = "outlook_single"
        values |= {
            "deal": str(one["deal"]), "part": Money(one["prospect"], currency),
            "rest": Money(funnel.paths.prospect - one["prospect"], currency),
        }  # fmt: skip
        more.append(both("paths.outlook_all_or_nothing", deal=str(one["deal"]),
                         amount=Money(one["amount"], currency),
                         chance=Share(one["chance"])))  # fmt: skip
    for words in more:
        detail = {language: detail[language] + words[language] for language in LANGUAGES}
    money = Estimate(funnel.paths.prospect, least, greatest, unit=currency)
    return [Finding(
        analysis="funnel", kind="outlook", severity="note", section="open-deals",
        headline=both(f"paths.{headline}", **values), detail=detail,
        action=both(f"paths.{headline}_action", **values), definition="stage_dwell", n=visits,
        effect=Estimate(float(wins), fewest, most, unit="count"), money=money,
    )]  # fmt: skip


def _velocity(funnel: "Funnel", settings: Settings) -> list[Finding]:
    split, currency = funnel.velocity, settings.company.currency
    if split["log_change"].isna().any():
        return []
    before, after = split["velocity_before"].iloc[0], split["velocity_after"].iloc[0]
    biggest = split.iloc[int(split["log_change"].abs().to_numpy().argmax())]
    values = {
        "before": Money(before, currency),
        "after": Money(after, currency),
        "change": _signed(after / before - 1),
        "factor": Word(f"funnel.factor_{biggest['factor']}"),
        "part": Money(biggest["contribution"], currency),
    }
    worst = split.iloc[int(split["contribution"].to_numpy().argmin())]
    fell = bool(worst["contribution"] < 0)
    if fell:
        values["worst"] = Word(f"funnel.factor_{worst['factor']}")
        values["lost"] = Money(-worst["contribution"], currency)
    one = split.iloc[0]
    words = headline = "velocity_single" if one["single"] else "velocity"
    if one["single"]:
        plain, plain_before = one["plain_after"], one["plain_before"]
        if not plain_before > 0:  # all others were worth nothing
            headline = "velocity_single_new"
        values |= {
            "deal": str(one["single"]), "plain": Money(plain, currency),
            "plain_before": Money(plain_before, currency),
            "plain_change": _signed(plain / plain_before - 1) if plain_before > 0 else "",
        }  # fmt: skip
    return [_finding("velocity", "note", "velocity", values=values, definition="sales_velocity",
                     headline=headline, words=words,
                     action=words if one["single"] or fell else "velocity_up",
                     effect=Estimate(after / before - 1, unit="share"))]  # fmt: skip


def _coverage(funnel: "Funnel", data_until: date | None) -> list[Finding]:
    if data_until is None or data_until >= funnel.period.last:
        return []
    values = {"until": Day(data_until), "last": Day(funnel.period.last)}
    return [_finding("period_incomplete", "critical", "covers", values=values,
                     definition="bookings")]  # fmt: skip


def stage_name(settings: Settings, stage: str) -> Named:
    """Return how readers call a stage; one the settings do not know keeps its own name."""
    known = settings.stage(str(stage))
    if known is None and stage == LIFE:
        life = Word("diagnosis.life")
        return Named(life.written("en"), life.written("zh"))
    return Named(known.display("en"), known.display("zh")) if known else Named(stage, stage)


def dimension_name(dimension: str) -> Word | str:
    """Return how readers call a dimension; a company's own field keeps its name."""
    return dimension if dimension.startswith("x_") else Word(f"columns.{dimension}")


def _two_rates(first: float, first_n: float, second: float, second_n: float) -> float:
    """Two-sided p value of the difference of two shares (pooled normal approximation)."""
    pooled = (first * first_n + second * second_n) / (first_n + second_n)
    error = sqrt(pooled * (1 - pooled) * (1 / first_n + 1 / second_n))
    return 1.0 if error == 0 else 2 * (1 - NormalDist().cdf(abs(first - second) / error))


def both_named(key: str, **values: Any) -> Named:
    """Return a sentence of the catalogue as a part of another."""
    words = both(key, **values)
    return Named(words["en"], words["zh"])


def joined(first: Named | str, second: Named) -> Named:
    """Return two parts of a sentence as one."""
    if isinstance(first, str):
        return Named(first + second.en, first + second.zh)
    return Named(first.en + second.en, first.zh + second.zh)


def _signed(change: float) -> str:
    return "–" if isnan(change) else f"{change:+.0%}"


def _known(value: float) -> float | None:
    return None if value is None or isnan(value) else float(value)


def _last(frame: pd.DataFrame) -> dict[str, Any]:
    return {str(name): value for name, value in frame.iloc[-1].items()}
