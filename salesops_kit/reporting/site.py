"""The index page of a period: one screen for the leader."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from salesops_kit.cells import plain
from salesops_kit.language import Count, Day, Language, say
from salesops_kit.periods import Period
from salesops_kit.reporting.actions import Action
from salesops_kit.reporting.digest import (
    compared,
    grave_defects,
    in_order,
    lead,
    ranked,
    written,
)
from salesops_kit.reporting.emit import finding_card, safe
from salesops_kit.reporting.ledger import Ledger
from salesops_kit.reporting.page import Page
from salesops_kit.reporting.sanitize import clean
from salesops_kit.reporting.spark import spark

SHOWN = 8  # findings on the first screen; the rest is one tap away
MOST_ACTIONS = 12
EVIDENCE_BYTES = 250_000  # of charts on the index; the pages have them all


@dataclass(frozen=True)
class Index:
    """What the index is made of.

    `pages` are (notebook name, title), `bodies` their HTML; `archive` leads to all periods.
    """

    company: str
    period: Period
    as_of: Any
    language: Language
    findings: Sequence[Mapping[str, Any]]
    figures: Sequence[Mapping[str, Any]]
    pages: Sequence[tuple[str, str]]
    scope: str = ""
    ledger: Ledger = field(default_factory=Ledger)
    actions: Sequence[Action] = ()
    bodies: Mapping[str, str] = field(default_factory=dict)
    archive: str = ""


def index_page(index: Index) -> Page:
    """Return the index: headline, key figures, findings in order, list of pages."""
    words, company = index.language, safe(index.company)
    title = f"{company} · {safe(index.period.label)}"
    scope = f" · {safe(index.scope)}" if index.scope else ""
    as_of = say("reporting.as_of", words, day=Day(index.as_of))
    tiles = "".join(_tile(figure, words) for figure in in_order(index.figures))
    findings = ranked(index.findings)
    cards = _cards(findings, index)
    rest = ""
    if len(cards) > SHOWN:
        more = safe(say("reporting.more_findings", words, count=Count(len(cards) - SHOWN)))
        rest = f"<details><summary>{more}</summary>{''.join(cards[SHOWN:])}</details>"
    links = "".join(f'<li><a href="{safe(n)}.html">{t}</a></li>' for n, t in index.pages)
    if index.archive:
        all_periods = safe(say("reporting.all_periods", words))
        links += f'<li><a href="{safe(index.archive)}">{all_periods}</a></li>'
    headline = safe(" ".join(f["headline"][words] for f in lead(findings)))
    nothing = f"<p>{safe(say('reporting.no_findings', words))}</p>"
    body = (
        f'<h1>{title}</h1><p class="sub">{safe(as_of)}{scope}</p>{_stamp(findings, words)}'
        f'<p class="lead">{headline}</p><div class="tiles">{tiles}</div>'
        f"<h2>{safe(say('reporting.findings', words))}</h2>"
        f"{''.join(cards[:SHOWN]) or nothing}{rest}{_resolved(index)}{_actions(index)}"
        f"<h2>{safe(say('reporting.pages', words))}</h2><ul>{links}</ul>"
    )
    return Page(title, clean(body))


def _cards(findings: Sequence[Mapping[str, Any]], index: Index) -> list[str]:
    """Return the findings as cards; the first ones with the chart that shows their evidence."""
    seen: set[str] = set()
    room, cards = EVIDENCE_BYTES, []
    for number, finding in enumerate(findings):
        link, chart = _link(finding, index), ""
        if number < SHOWN and link not in seen and (chart := _evidence(link, index)):
            room -= len(chart)
            chart = chart if room > 0 else ""
        seen.add(link)
        standing = _standing(finding, index)
        cards.append(
            finding_card(dict(finding), index.language, link, standing=standing, evidence=chart)
        )
    return cards


def _evidence(link: str, index: Index) -> str:
    """Return the first chart of the section a link leads to, folded away."""
    page, _, section = link.partition(".html#")
    body = index.bodies.get(page, "")
    part = re.search(rf'<h2 id="{re.escape(section)}">.*?(?=<h2|\Z)', body, re.S)
    chart = re.search(r"<figure>.*?</figure>", part[0], re.S) if part else None
    if chart is None:
        return ""
    label = safe(say("reporting.evidence", index.language))
    return f"<details><summary>{label}</summary>{chart[0]}</details>"


def _standing(finding: Mapping[str, Any], index: Index) -> str:
    entry = index.ledger.entries.get(str(finding["id"]))
    if entry is None:
        return ""
    return say(f"reporting.standing_{entry.status}", index.language, since=entry.since)


def _resolved(index: Index) -> str:
    """List the problems of the period before that are no longer found."""
    if not index.ledger.resolved:
        return ""
    items = "".join(
        f"<li>{safe(f['headline'][index.language])}</li>" for f in ranked(index.ledger.resolved)
    )
    title = safe(say("reporting.resolved", index.language, before=index.ledger.before))
    return f"<h2>{title}</h2><ul>{items}</ul>"


def _actions(index: Index) -> str:
    """Show what was decided on findings and how it stands."""
    if not index.actions:
        return ""
    words = index.language
    heads = "".join(
        f'<th scope="col">{safe(say(f"reporting.action_{c}", words))}</th>'
        for c in ("what", "owner", "due", "state")
    )
    rows = "".join(
        f"<tr><td>{safe(plain(a.what))}</td><td>{safe(plain(a.owner))}</td>"
        f"<td>{safe(Day(a.due).written(words))}</td><td>{safe(_state(a, words))}</td></tr>"
        for a in index.actions[:MOST_ACTIONS]
    )
    more = len(index.actions) - MOST_ACTIONS
    rest = safe(say("reporting.more_rows", words, count=more)) if more > 0 else ""
    title = safe(say("reporting.actions", words))
    caption = safe(say("reporting.caption_actions", words))
    return (
        f'<h2>{title}</h2><div class="scroll" role="region" aria-label="{title}" tabindex="0">'
        f"<table><caption>{caption}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div><p>{rest}</p>"
    )


def _state(action: Action, words: Language) -> str:
    state = say(f"reporting.action_{action.state}", words, day=Day(action.done))
    return f"{state}: {plain(action.result)}" if action.result else state


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
    body = f"<span>{label}</span><b>{safe(value)}</b>{''.join(lines)}{spark(figure['trend'])}"
    return f'<div class="tile">{body}</div>'


def _direction(figure: Mapping[str, Any], name: str) -> str:
    change = (figure["value"] - figure[name]) * figure["good_direction"]
    return "up" if change > 0 else "down" if change < 0 else ""
