"""What a report says in a few lines: the headline, the order of findings, figures in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from salesops_kit.findings import SEVERITIES
from salesops_kit.language import Count, Days, Language, Money, Points, Score, Share, Value, say

DATA = "readiness"  # the analysis that speaks of the data, not of the business


def ranked(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort: business first, then the data behind it; within, by severity and money × certainty."""

    def rank(finding: Mapping[str, Any]) -> tuple[bool, int, float, str]:
        money = finding["money"]
        stake = abs(money["value"] or 0) * finding["certainty"] if money else 0.0
        about_data = finding["analysis"] == DATA
        return about_data, SEVERITIES.index(finding["severity"]), -stake, str(finding["id"])

    return sorted(findings, key=rank)


def lead(in_order: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choose the headline: how the period went, and what needs attention first."""
    result = [f for f in in_order if f["kind"] == "bookings"][:1]
    alarms = [f for f in in_order if f["severity"] in SEVERITIES[:2] and f not in result][:1]
    return result + alarms or list(in_order[:1])


def grave_defects(findings: Sequence[Mapping[str, Any]]) -> int:
    """Count the findings that put the data themselves in doubt."""
    return sum(
        f["severity"] == "critical" and (f["analysis"] == DATA or f["kind"] == "period_incomplete")
        for f in findings
    )


def in_order(figures: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Sort key figures: those of the business first."""
    return sorted(figures, key=lambda f: str(f["definition"]).startswith(DATA))


def written(number: float | None, figure: Mapping[str, Any], words: Language) -> str:
    """Write a number in the figure's unit."""
    makers: dict[str, Value] = {
        "money": Money(number, figure["currency"]),
        "share": Share(number),
        "days": Days(number),
        "count": Count(number),
        "score": Score(None if number is None else number / 100),
    }
    return makers[figure["unit"]].written(words)


def compared(figure: Mapping[str, Any], name: str, words: Language) -> str:
    """Say how a figure stands against `previous`, `year_ago` or `target`; empty if it cannot."""
    now, then, unit = figure["value"], figure[name], figure["unit"]
    if now is None or then is None:
        return ""
    if unit in ("share", "score") and name != "target":
        change = Points(now - then).written(words) if unit == "share" else f"{now - then:+.0f}"
        return say(f"reporting.against_{name}", words, change=change)
    if then <= 0 or now < 0:  # a part of nothing, or of returns, is no share
        return ""
    if name == "target":
        return say("reporting.of_target", words, share=Share(now / then).written(words))
    return say(f"reporting.against_{name}", words, change=f"{now / then - 1:+.0%}")
