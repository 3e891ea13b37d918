"""The index page of a period: one screen for the leader."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from salesops_kit.language import Count, Day, Language, say
from salesops_kit.periods import Period
from salesops_kit.reporting.digest import (
    compared,
    grave_defects,
    in_order,
    lead,
    ranked,
    written,
)
from salesops_kit.reporting.emit import finding_card, safe
from salesops_kit.reporting.page import Page
from salesops_kit.reporting.sanitize import clean

SHOWN = 8  # findings on the first screen; the rest is one tap away
_ENOUGH = 2


@dataclass(frozen=True)
class Index:
    """What the index is made of; `pages` are (notebook name, title)."""

    company: str
    period: Period
    as_of: Any
    language: Language
    findings: Sequence[Mapping[str, Any]]
    figures: Sequence[Mapping[str, Any]]
    pages: Sequence[tuple[str, str]]
    scope: str = ""


def index_page(index: Index) -> Page:
    """Return the index: headline, key figures, findings in order, list of pages."""
    words, company = index.language, safe(index.company)
    title = f"{company} · {safe(index.period.label)}"
    scope = f" · {safe(index.scope)}" if index.scope else ""
    as_of = say("reporting.as_of", words, day=Day(index.as_of))
    tiles = "".join(_tile(figure, words) for figure in in_order(index.figures))
    findings = ranked(index.findings)
    cards = [finding_card(dict(f), words, _link(f, index)) for f in findings]
    rest = ""
    if len(cards) > SHOWN:
        more = safe(say("reporting.more_findings", words, count=Count(len(cards) - SHOWN)))
        rest = f"<details><summary>{more}</summary>{''.join(cards[SHOWN:])}</details>"
    links = "".join(f'<li><a href="{safe(n)}.html">{t}</a></li>' for n, t in index.pages)
    headline = safe(" ".join(f["headline"][words] for f in lead(findings)))
    nothing = f"<p>{safe(say('reporting.no_findings', words))}</p>"
    body = (
        f'<h1>{title}</h1><p class="sub">{safe(as_of)}{scope}</p>{_stamp(findings, words)}'
        f'<p class="lead">{headline}</p><div class="tiles">{tiles}</div>'
        f"<h2>{safe(say('reporting.findings', words))}</h2>"
        f"{''.join(cards[:SHOWN]) or nothing}{rest}"
        f"<h2>{safe(say('reporting.pages', words))}</h2><ul>{links}</ul>"
    )
    return Page(title, clean(body))


def _link(finding: Mapping[str, Any], index: Index) -> str:
    for name, _ in index.pages:
        if name.split("_", 1)[-1] == finding["analysis"]:
            return f"{name}.html#{finding['section']}"
    return ""


def _stamp(findings: Sequence[Mapping[str, Any]], words: Language) -> str:
    """Warn when the data itself is in doubt."""
    grave = grave_defects(findings)
    if not grave:
        return ""
    text = say("reporting.data_in_doubt", words, count=Count(grave))
    return f'<div class="finding critical"><p class="head">{safe(text)}</p></div>'


def _tile(figure: Mapping[str, Any], words: Language) -> str:
    label, value = safe(figure["label"][words]), written(figure["value"], figure, words)
    lines = []
    if figure["lower"] is not None:
        low, high = (written(figure[side], figure, words) for side in ("lower", "upper"))
        lines.append(f"<span>{safe(say('reporting.interval', words, low=low, high=high))}</span>")
    if figure["n"] is not None:
        lines.append(f"<span>n = {figure['n']:,}</span>")
    for name in ("previous", "year_ago", "target"):
        if said := compared(figure, name, words):
            kind = "" if name == "target" else f' class="{_direction(figure, name)}"'
            lines.append(f"<span{kind}>{safe(said)}</span>")
    body = f"<span>{label}</span><b>{safe(value)}</b>{''.join(lines)}{_spark(figure)}"
    return f'<div class="tile">{body}</div>'


def _direction(figure: Mapping[str, Any], name: str) -> str:
    change = (figure["value"] - figure[name]) * figure["good_direction"]
    return "up" if change > 0 else "down" if change < 0 else ""


def _spark(figure: Mapping[str, Any]) -> str:
    """Draw past periods as a line, the last one dotted; a picture, since pages hold no SVG."""
    known = [(i, v) for i, v in enumerate(figure["trend"]) if v is not None]
    if len(known) < _ENOUGH:
        return ""
    low, high = min(v for _, v in known), max(v for _, v in known)
    span, steps = (high - low) or 1.0, max(len(figure["trend"]) - 1, 1)
    points = [(2 + 116 * i / steps, 22 - 20 * (v - low) / span) for i, v in known]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 24" preserveAspectRatio="none">'
        f'<polyline points="{line}" fill="none" stroke="#3d8fc6" stroke-width="1.5"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="#3d8fc6"/></svg>'
    )
    return f'<img alt="" src="data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}">'
