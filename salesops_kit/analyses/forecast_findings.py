"""What is worth saying about what will be booked."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from salesops_kit.analyses.forecast_history import REP, History
from salesops_kit.analyses.forecast_total import ALONE, delivered
from salesops_kit.analyses.pipeline_forecast_findings import single_words
from salesops_kit.analyses.target_scale import odd_times, scale_words
from salesops_kit.findings import Estimate, Finding, Severity, in_order
from salesops_kit.language import Count, Days, Money, Named, Share, Word, both
from salesops_kit.models.series_backtest import COMBINED
from salesops_kit.models.series_panel import FEWEST, REFUSED
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.forecast import SalesForecast

SURE, UNLIKELY = 0.8, 0.2  # chances above and below which a target counts as safe or out of reach
MOST_GROUPS = 5  # groups behind their target that are named
_NAMES = 6  # left-out groups that are named


def forecast_findings(result: "SalesForecast", settings: Settings) -> list[Finding]:
    """Return the answer to the page's question, then the others by severity and money."""
    if result.forecast is None:
        return [_nothing(result)]
    others = [
        *_accuracy(result),
        *_last(result, settings),
        *_broke(result),
        *_spikes(result, settings),
        *_single(result, settings),
        *_short(result),
        *_left_out(result),
        *_behind(result, settings),
    ]
    # the question comes first, then what changed in its answer
    return [_outlook(result, settings), *_moved(result, settings), *in_order(others)]


def _finding(kind: str, severity: Severity, values: Mapping[str, Any], **more: Any) -> Finding:
    words = more.pop("words", kind)
    return Finding(
        analysis="forecast", kind=kind, severity=severity,
        headline=both(f"forecast.{more.pop('headline', kind)}", **values),
        detail=both(f"forecast.{words}_detail", **values),
        action=both(f"forecast.{more.pop('action', kind)}_action", **values),
        definition=more.pop("definition", "bookings"),
        **more,
    )  # fmt: skip


def steps_named(count: int, cadence: str) -> Named:
    """Return a number of steps in words."""
    name = f"{cadence}s" if count != 1 else f"one_{cadence}"
    words = both(f"forecast.{name}", n=Count(count))
    return Named(words["en"], words["zh"])


def _band(lower: float, upper: float, currency: str) -> Named:
    words = both("forecast.band", lower=Money(lower, currency), upper=Money(upper, currency))
    return Named(words["en"], words["zh"])


def _outlook(result: "SalesForecast", settings: Settings) -> Finding:
    """Say what the year, or what has a target, will end at, and how likely the target is."""
    aim, money = result.aim or {}, settings.company.currency
    # one deal beyond all others may draw the mean out of the range: then the middle is told
    inside = aim["low80"] <= aim["forecast"] <= aim["high80"]
    value = float(aim["forecast"] if inside else aim["middle"])
    chance, gap = float(aim["reach_chance"]), value - float(aim["target"])
    kind, severity = _judged(chance)
    times = odd_times(float(aim["target"]), float(aim["usual"]))
    if times is not None:  # what is said about such a target would be absurd
        kind, severity, gap = "odd_target", "warning", float("nan")
    needed, size = float(aim["safe"]), _usual_size(result.history)
    first = result.aims.iloc[0]
    values = {
        "aim": aim["span"], "value": Money(value, money), "chance": Share(chance),
        "band": _band(aim["low80"], aim["high80"], money), "target": Money(aim["target"], money),
        "gap": Money(abs(gap), money), "side": Word(f"forecast.{'below' if gap < 0 else 'above'}"),
        "known": Money(aim["booked"], money), "half": Money(aim["lacking"], money),
        "ahead": Money(value - aim["booked"], money), "needed": Money(needed, money),
        "steps": steps_named(aim["steps"], result.history.cadence),
        "next": first["span"], "next_value": Money(first["forecast"], money),
        "next_band": _band(first["low80"], first["high80"], money),
        "origins": Count(max(result.forecast.origins) if result.forecast else 0),
        "size": Money(size, money), "deals": Count(np.ceil(needed / size) if size else np.nan),
        "alone": Money(aim["alone"], money), "next_alone": Money(first["alone"], money),
        "until": result.told[-1] if result.told else "",
        "usual": Money(aim["usual"], money), "how": scale_words(times or 1.0),
    }  # fmt: skip
    certainty = (
        1.0 if np.isnan(chance) or kind in ("at_risk", "odd_target") else max(chance, 1 - chance)
    )
    estimate = Estimate(value, aim["low80"], aim["high80"], money)
    return _finding(
        kind, severity, values, section="range", effect=estimate,
        words="target_deals" if result.told else "target",
        money=Estimate(gap, aim["low80"] - aim["target"], aim["high80"] - aim["target"], money)
        if gap == gap else None,
        certainty=certainty, n=len(result.history.steps),
        definition="bookings" if np.isnan(chance) else "attainment",
    )  # fmt: skip


def _moved(result: "SalesForecast", settings: Settings) -> list[Finding]:
    """Say how the forecast changed since one step ago, and through what."""
    if result.moved.empty or result.aim is None:
        return []
    money = settings.company.currency
    parts = {str(row["part"]): float(row["value"]) for row in result.moved.to_dict("records")}
    change = parts["now"] - parts["before"]
    values = {
        "aim": result.aim["span"], "step": result.history.steps[-1].label,
        "side": Word(f"forecast.{'lower' if change < 0 else 'higher'}"),
        "change": Money(abs(change), money), "before": Money(parts["before"], money),
        "now": Money(parts["now"], money),
        "last": Named(*_signed(parts["last_period"], money)),
        "to_come": Named(*_signed(parts["to_come"], money)),
    }  # fmt: skip
    return [_finding("moved", "note", values, section="moved", effect=Estimate(change, unit=money))]


def _signed(value: float, currency: str) -> tuple[str, str]:
    """Return an amount with its sign, in both languages."""
    sign = "−" if value < 0 else "+"
    amount = Money(abs(value), currency)
    return f"{sign}{amount.written('en')}", f"{sign}{amount.written('zh')}"


def _judged(chance: float) -> tuple[str, Severity]:
    if np.isnan(chance):
        return "no_target", "note"
    if chance >= SURE:
        return "on_target", "good"
    return ("off_target", "critical") if chance <= UNLIKELY else ("at_risk", "warning")


def _usual_size(history: History) -> float:
    """Return the mean amount of the deals won in the last twelve steps."""
    won = history.values("wins").tail(12).sum()
    return float(history.values("bookings").tail(12).sum() / won) if won else float("nan")


def _accuracy(result: "SalesForecast") -> list[Finding]:
    """Say how far such forecasts missed, beside last year's values and Prophet."""
    table = result.accuracy
    if table.empty:
        return []
    rows = {str(row["method"]): row for row in table.to_dict("records")}
    given = delivered(table)
    mine, both_known = rows[given], given == COMBINED and ALONE in rows
    wape = {name: rows.get(name, {}).get("wape", np.nan) for name in ("naive", "prophet", ALONE)}
    better = "none" if np.isnan(wape["prophet"]) else (
        "better" if wape["prophet"] < mine["wape"] else "worse"
    )  # fmt: skip
    # less than a point is no difference, and would be printed as two equal numbers
    kind = "inaccurate" if round(wape["naive"], 2) < round(mine["wape"], 2) else "accurate"
    tested = result.tested[result.tested["method"] == given]
    values = {
        "wape": Share(mine["wape"]), "n": Count(mine["checks"]), "naive": Share(wape["naive"]),
        "prophet": Share(wape["prophet"]), "alone": Share(wape[ALONE]),
        "bias": Share(abs(mine["bias"])),
        "side": Word(f"forecast.{'high' if mine['bias'] > 0 else 'low'}"),
        "coverage": Share(mine["coverage"]), "origins": Count(tested["cut"].nunique()),
        "ahead": Count(tested["ahead"].max()), "prophet_word": Word(f"forecast.prophet_{better}"),
    }  # fmt: skip
    return [_finding(kind, "warning" if kind == "inaccurate" else "note", values,
                     headline=f"{kind}_deals" if both_known else kind, words="accuracy",
                     section="accuracy", n=int(mine["checks"]))]  # fmt: skip


def _last(result: "SalesForecast", settings: Settings) -> list[Finding]:
    """Say whether the last step lies inside what was expected of it."""
    row, money = result.last, settings.company.currency
    if row is None or not result.history.steps:
        return []
    side = "below" if row["actual"] < row["lower"] else (
        "above" if row["actual"] > row["upper"] else "inside"
    )  # fmt: skip
    severity: Severity = {"below": "warning", "above": "good"}.get(side, "note")  # type: ignore[assignment]
    values = {
        "step": result.history.steps[-1].label, "actual": Money(row["actual"], money),
        "value": Money(row["value"], money), "band": _band(row["lower"], row["upper"], money),
    }  # fmt: skip
    estimate = Estimate(row["actual"] - row["value"], unit=money)
    words = "last_alone" if row["method"] == ALONE else "last"
    return [_finding(f"last_{side}", severity, values, words=words, section="past",
                     effect=estimate)]  # fmt: skip


def _broke(result: "SalesForecast") -> list[Finding]:
    if result.broke is None:
        return []
    return [_finding("broke", "note", {"step": result.broke.label}, section="range")]


def _spikes(result: "SalesForecast", settings: Settings) -> list[Finding]:
    """Name the latest step in which bookings were far from all others."""
    if not result.spikes:
        return []
    step, value = result.spikes[-1]
    values = {"step": step.label, "value": Money(value, settings.company.currency),
              "n": Count(len(result.spikes))}  # fmt: skip
    return [_finding("spike", "note", values, section="range", n=len(result.history.steps))]


def _single(result: "SalesForecast", settings: Settings) -> list[Finding]:
    """Name the open deal that would bring more than all that open deals tell of."""
    if result.single is None or result.total is None:
        return []
    expected = float(result.total.ahead.value.sum())
    values = single_words(result.single, expected, settings.company.currency)
    return [_finding("single", "warning", values | {"until": result.told[-1]}, section="range", n=1,
                     where={"deal": str(result.single["deal_id"])})]  # fmt: skip


def _short(result: "SalesForecast") -> list[Finding]:
    history: History = result.history
    if len(history.steps) > 2 * history.season:
        return []
    cadence = history.cadence
    values = {
        "n": steps_named(len(history.steps), cadence), "limit": Days(history.limit),
        "skipped": steps_named(history.skipped, cadence),
    }  # fmt: skip
    words = "short" if history.skipped else "short_whole"
    return [_finding("short", "note", values, section="range", n=len(history.steps), words=words)]


def _left_out(result: "SalesForecast") -> list[Finding]:
    """Name the groups of which nothing can be forecast; reps are too many to be named."""
    table = result.problems
    if table.empty:
        return []
    out = table[table["problem"].isin(REFUSED) & (table["split"] != REP)]
    names = [str(name) for name in out["group"] if name][:_NAMES]
    if not names:
        return []
    said = Named(", ".join(names), "、".join(names))
    values = {"n": Count(len(out)), "names": said}
    return [_finding("left_out", "note", values, section="remarks", n=len(out))]


def _behind(result: "SalesForecast", settings: Settings) -> list[Finding]:
    """Name the groups, reps aside, whose whole band lies below their target."""
    table, money = result.groups, settings.company.currency
    if table.empty:
        return []
    odd = table["split"].isin(result.odd_levels)
    out = table[(table["high80"] < table["target"]) & (table["split"] != REP) & ~odd]
    out = out.sort_values("gap").head(MOST_GROUPS)
    aim = result.aims["span"].iloc[-1]
    return [
        _finding(
            "group_behind", "warning",
            {"dimension": Word(f"columns.{row['split']}"), "group": row["group"], "aim": aim,
             "value": Money(row["forecast"], money), "target": Money(row["target"], money),
             "band": _band(row["low80"], row["high80"], money),
             "gap": Money(-row["gap"], money), "known": Money(row["booked"], money)},
            section="groups", where={row["split"]: row["group"]}, certainty=0.9,
            money=Estimate(row["gap"], row["low80"] - row["target"],
                           row["high80"] - row["target"], money), definition="attainment",
        )
        for row in out.to_dict("records")
    ]  # fmt: skip


def _nothing(result: "SalesForecast") -> Finding:
    n = len(result.history.steps)
    # nothing was ever booked: a forecast of zero with a range of zero would be no knowledge
    unsold = n >= FEWEST and not result.history.values("bookings").any()
    words = "unsold" if unsold else "nothing"
    return _finding("nothing", "warning", {"n": Count(n)}, section="range", n=n, words=words,
                    headline=words, action=words)  # fmt: skip
