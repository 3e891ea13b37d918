"""What is worth saying about why bookings changed."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from salesops_kit.findings import Estimate, Finding, Severity, in_order
from salesops_kit.language import Count, Day, Days, Money, Named, Share, Word, both
from salesops_kit.models.decomposition import BRIDGE_FACTORS
from salesops_kit.periods import from_day_number
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.bridge import Bridge, Comparison

WORTH_SHARE = 0.005  # of the bookings: a smaller change is called none
COUNTED = ("volume", "mix")  # known, not estimated: no chance is in them


def bridge_findings(bridge: "Bridge", settings: Settings) -> list[Finding]:
    """Return the findings in order of severity and money."""
    # where nothing was booked in either period there is no change to take apart
    found = [_change(bridge, one, settings) for one in bridge.comparisons.values()
             if one.before or one.after]  # fmt: skip
    found += _target(bridge, settings) + _unpriced(bridge) + _short(bridge)
    return in_order(found)


def factor_name(factor: str) -> Word:
    """Return how readers call a factor."""
    return Word(f"bridge.{factor}")


def main_factor(comparison: "Comparison") -> str:
    """Return the factor with the largest part in the direction of the change."""
    table = comparison.factors
    sign = -1 if (comparison.change.value or 0) < 0 else 1
    return str(table["factor"].iloc[int((sign * table["part"].to_numpy()).argmax())])


def _finding(kind: str, severity: Severity, values: Mapping[str, Any], **more: Any) -> Finding:
    words = more.pop("words", kind)
    return Finding(
        analysis="bookings", kind=kind, severity=severity,
        headline=both(f"bridge.{more.pop('headline', words)}", **values),
        detail=both(f"bridge.{more.pop('detail', words)}_detail", **values),
        action=both(f"bridge.{more.pop('action', words)}_action", **values),
        definition=more.pop("definition", "bookings"),
        **more,
    )  # fmt: skip


def _change(bridge: "Bridge", comparison: "Comparison", settings: Settings) -> Finding:
    currency, change = settings.company.currency, comparison.change
    moved, main = change.value or 0.0, main_factor(comparison)
    known = max(abs(comparison.before), abs(comparison.after))
    same = abs(moved) <= WORTH_SHARE * known
    way = "same" if same else "fell" if moved < 0 else "rose"
    sure = {"fell": (change.upper or 0) < 0, "rose": (change.lower or 0) > 0}.get(way, False)
    severity: Severity = "note"
    if sure and comparison not in bridge.short:
        severity = "warning" if way == "fell" else "good"
    percent: Named | str = ""
    if comparison.before > 0 and comparison.after >= 0:
        part = Share(abs(moved) / comparison.before).written("en")
        percent = Named(f" ({part})", f"（{part}）")
    clear = main in (*COUNTED, *_clear(comparison))
    values = {
        "period": _label(bridge), "other": comparison.period.label,
        "clear": Word("bridge.clear" if clear else "bridge.chance"),
        "after": Money(comparison.after, currency), "before": Money(comparison.before, currency),
        "by": Money(abs(moved), currency), "percent": percent,
        "main": factor_name(main), "part": _signed(comparison.part(main).value, currency),
        "lower": _signed(change.lower, currency), "upper": _signed(change.upper, currency),
        "parts": _parts(comparison, currency), "sure": _sure(comparison),
        "span": Word("bridge.whole") if not bridge.partial else _first_days(bridge.days),
        "segment": Word(f"columns.{bridge.segment}") if bridge.segment else Word("bridge.nothing"),
        "where": _where(comparison, currency),
    }  # fmt: skip
    return _finding(
        f"change_{comparison.name}", severity, values, words="change", headline=way,
        action="same" if same else main if clear or sure else "chance", section="bridge",
        n=comparison.won,
        effect=Estimate(moved, change.lower, change.upper, currency),
        money=Estimate(moved, change.lower, change.upper, currency),
    )  # fmt: skip


def _signed(number: float | None, currency: str) -> Named:
    """Return money with its sign."""
    sign = "+" if number is not None and number > 0 else ""
    money = Money(number, currency)
    return Named(sign + money.written("en"), sign + money.written("zh"))


def _first_days(days: int) -> Named:
    words = both("bridge.first_days", days=Days(days))
    return Named(words["en"], words["zh"])


def _label(bridge: "Bridge") -> Named | str:
    """Return the period's name; while it is not over, with the days it has had."""
    if not bridge.partial:
        return bridge.period.label
    words = both("bridge.so_far", period=bridge.period.label, days=Days(bridge.days))
    return Named(words["en"], words["zh"])


def _listed(names: list[Named]) -> Named:
    return Named(", ".join(n.en for n in names), "，".join(n.zh for n in names))


def _parts(comparison: "Comparison", currency: str) -> Named:
    said = []
    for factor in BRIDGE_FACTORS:
        name = factor_name(factor)
        money = _signed(comparison.part(factor).value, currency)
        said.append(Named(f"{name.written('en')} {money.en}", f"{name.written('zh')} {money.zh}"))
    return _listed(said)


def _clear(comparison: "Comparison") -> list[str]:
    """Return the factors, of those that chance moves, whose interval leaves out zero."""
    parts = {factor: comparison.part(factor) for factor in ("speed", "win_rate", "size")}
    return [f for f, part in parts.items() if (part.lower or 0.0) > 0 or (part.upper or 0.0) < 0]


def _sure(comparison: "Comparison") -> Named | Word:
    names = [factor_name(factor) for factor in _clear(comparison)]
    said = [Named(name.written("en"), name.written("zh")) for name in names]
    return _listed(said) if said else Word("bridge.none")


def _where(comparison: "Comparison", currency: str) -> Named | Word:
    """Name the segment that changed most in the direction of the whole."""
    table = comparison.segments
    if len(table) < 2:
        return Word("bridge.everywhere")
    sign = -1 if (comparison.change.value or 0) < 0 else 1
    row = table.iloc[int((sign * table["moved"].to_numpy()).argmax())]
    main = max(BRIDGE_FACTORS, key=lambda factor: sign * float(row[factor]))
    money, part = _signed(float(row["moved"]), currency), _signed(float(row[main]), currency)
    words = both("bridge.where", group=str(row["group"]), change=money, main=factor_name(main),
                 part=part)  # fmt: skip
    return Named(words["en"], words["zh"])


def _target(bridge: "Bridge", settings: Settings) -> list[Finding]:
    """Compare with the target: what it asked beyond a year ago, and what came of it."""
    base = bridge.base
    if bridge.goals.empty or base is None:
        return []
    goal, currency = bridge.goals.iloc[0], settings.company.currency
    if bridge.target_note is not None:  # such a target says nothing
        note = Named(bridge.target_note["en"], bridge.target_note["zh"])
        said = {"period": bridge.period.label, "unit": note,
                "target": Money(float(goal["target"]), currency)}  # fmt: skip
        return [_finding("odd_target", "warning", said, section="target", definition="attainment")]
    gap, asked = float(goal["gap"]), float(goal["target"]) - base.before
    values = {
        "period": bridge.period.label, "other": base.period.label,
        "target": Money(float(goal["target"]), currency), "gap": Money(abs(gap), currency),
        "after": Money(base.after, currency), "before": Money(base.before, currency),
        "asked": _signed(asked, currency), "came": _signed(base.change.value, currency),
        "parts": _parts(base, currency), "main": factor_name(main_factor(base)),
    }  # fmt: skip
    kind = "target_missed" if gap < 0 else "target_reached"
    return [_finding(kind, "note" if gap < 0 else "good", values, words="target", headline=kind,
                     action=kind, section="target", definition="attainment",
                     money=Estimate(gap, unit=currency))]  # fmt: skip


def _unpriced(bridge: "Bridge") -> list[Finding]:
    if not bridge.unpriced:
        return []
    values = {"n": Count(bridge.unpriced), "period": bridge.period.label}
    return [_finding("unpriced", "note", values, section="bridge", n=bridge.unpriced)]


def _short(bridge: "Bridge") -> list[Finding]:
    if not bridge.short or bridge.begins is None:
        return []
    names = ", ".join(one.period.label for one in bridge.short)
    values = {"names": names, "begins": Day(from_day_number(bridge.begins)),
              "limit": Days(bridge.limit)}  # fmt: skip
    return [_finding("short", "note", values, section="bridge")]
