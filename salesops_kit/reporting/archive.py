"""The archive of a workspace: all its reports with their state, key figures over the periods.

One page per language, `index.html` in the company's own. It is made anew from the manifests of
what is published, and written in one step; nothing else depends on it.
"""

import fcntl
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salesops_kit.errors import SalesopsError
from salesops_kit.language import LANGUAGES, Language, say
from salesops_kit.periods import FiscalCalendar, Period, period
from salesops_kit.reporting import digest, state
from salesops_kit.reporting.emit import safe
from salesops_kit.reporting.fonts import font_faces
from salesops_kit.reporting.page import Page, html_page
from salesops_kit.reporting.sanitize import clean
from salesops_kit.reporting.spark import spark
from salesops_kit.settings import workspace_settings

_SHOWN = 6  # periods with their figures written out; the line shows all
_MOST_SCOPES = 60  # with figures of their own; more would make a page no phone opens
_MARKS = {state.PUBLISHED: "●", state.STALE: "◐", state.FAILED: "✕"}
_CADENCES = ("month", "quarter", "year", "week")
_TWO = 2


@dataclass(frozen=True)
class Report:
    """One published folder: where, of which period, about whom, in which language, its state."""

    folder: str
    label: str
    series: str
    span: Period
    scope: str
    language: str
    status: str
    figures: Sequence[Mapping[str, Any]]
    headline: Mapping[str, str]


def write_archive(into: Path, workspace: Path) -> list[Path]:
    """Write the archive pages of a workspace's reports into `into/<workspace>/`; return them.

    Folders that are no report, or whose files cannot be read, are left out.
    """
    place = into / workspace.resolve().name
    if not place.is_dir():
        return []
    with _only_writer(place):
        return _written(place, workspace)


def _written(place: Path, workspace: Path) -> list[Path]:
    settings = workspace_settings(workspace)
    reports = list(_reports(place, settings.calendar))
    own = settings.company.language
    company = settings.company.name or workspace.resolve().name
    written = []
    for language in LANGUAGES:
        mine = [r for r in reports if r.language == language]
        if not mine and language != own:
            continue
        others = {r.language for r in reports} - {language}
        page = archive_page(
            company, mine, language, {o: archive_name(o, own) for o in sorted(others)}
        )
        file = place / archive_name(language, own)
        fonts = font_faces({"": html_page(page, language, footer="")})
        _write_whole(file, html_page(page, language, footer="", fonts=fonts[""]))
        written.append(file)
    return written


@contextmanager
def _only_writer(place: Path) -> Iterator[None]:
    """Wait until nobody else writes the archive, then clear what a killed writer left.

    The lock ends with whoever holds it, so half a page found under it is nobody's. And who waited
    reads what is published after the one before: the last page written knows every report.
    """
    with (place / ".archive.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for left in place.glob(".index*.html.*"):
            left.unlink()
        yield


def archive_name(language: str, own: str) -> str:
    """Return the file of the archive page in a language; `own` is the company's.

    >>> archive_name("zh", "zh"), archive_name("en", "zh")
    ('index.html', 'index-en.html')
    """
    return "index.html" if language == own else f"index-{language}.html"


def archive_page(
    company: str, reports: Sequence[Report], language: Language, others: Mapping[str, str]
) -> Page:
    """Return the archive of the reports of one language; `others` are pages in other ones."""
    title = f"{safe(company)} · {safe(say('archive.title', language))}"
    links = "".join(
        f' · <a href="{safe(file)}">{safe(say(f"archive.in_{other}", language))}</a>'
        for other, file in others.items()
    )
    legend = safe(say("archive.legend", language))
    scopes = sorted({r.scope for r in reports}, key=lambda s: (s != "", s))
    parts = [
        _scope(scope, [r for r in reports if r.scope == scope], language)
        for scope in scopes
        if not scope.startswith("rep=")
    ]
    reps = [r for r in reports if r.scope.startswith("rep=")]
    body = (
        f'<h1>{title}</h1><p class="sub">{legend}{links}</p>{_latest(reports, language)}'
        f"{''.join(parts[:_MOST_SCOPES])}{_reps(reps, language)}"
    )
    return Page(title, clean(body))


def _reports(place: Path, calendar: FiscalCalendar) -> Iterable[Report]:
    for folder in sorted(place.iterdir()):
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        told = state.read_manifest(folder)
        asked = told.get("parameters", {})
        if told.get("status") not in _MARKS or not asked.get("period"):
            continue
        try:
            span = period(asked["period"], calendar)
            content = _content(folder)
        except (OSError, ValueError, LookupError, TypeError, SalesopsError):
            continue
        label, series = _label(folder.name, asked)
        yield Report(folder.name, label, series, span, asked.get("scope", ""),
                     asked.get("language", "en"), told["status"], content.get("key_figures", []),
                     _headline(content))  # fmt: skip


def _label(name: str, asked: Mapping[str, Any]) -> tuple[str, str]:
    """Return the period or day a folder is of, and what stands before it (an entry's folder)."""
    for label in (asked.get("as_of", ""), asked["period"]):
        before, found, _ = name.partition(label) if label else ("", "", "")
        if found:
            return label, before.rstrip("-")
    return asked["period"], name


def _content(folder: Path) -> dict[str, Any]:
    file = folder / "findings.json"
    content: dict[str, Any] = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    return content


def _headline(content: Mapping[str, Any]) -> dict[str, str]:
    first = digest.lead(digest.ranked(content.get("findings", [])))
    return {lang: " ".join(f["headline"][lang] for f in first) for lang in LANGUAGES}


def _latest(reports: Sequence[Report], language: Language) -> str:
    """Lead to the newest good report about the whole company."""
    good = [r for r in reports if r.status == state.PUBLISHED and not r.scope and not r.series]
    if not good:
        return ""
    last = max(good, key=lambda r: (r.span.end, -r.span.days))
    link = f'<a href="{safe(last.folder)}/index.html">{safe(last.label)}</a>'
    return f'<p class="lead">{link}: {safe(last.headline[language])}</p>'


def _scope(scope: str, reports: Sequence[Report], language: Language) -> str:
    name = safe(scope or say("archive.company", language))
    parts = [f"<h2>{name}</h2>"]
    kinds = sorted({(r.series, r.span.cadence) for r in reports},
                   key=lambda k: (k[0], _CADENCES.index(k[1])))  # fmt: skip
    for series, cadence in kinds:
        chosen = [r for r in reports if (r.series, r.span.cadence) == (series, cadence)]
        grid = _grid(chosen, cadence, series, language)
        parts.append(grid + _figures(chosen, language))
    body = "".join(parts)
    if not scope:
        return body
    return f"<details><summary>{name}</summary>{body}</details>"


def _grid(reports: Sequence[Report], cadence: str, series: str, language: Language) -> str:
    """Return a calendar: one row a year (days: a month), a mark for every report that is there."""
    daily = any(re.fullmatch(r"\d{4}-\d\d-\d\d", r.label) for r in reports)
    cut = 7 if daily else 4
    rows: dict[str, dict[str, Report]] = {}
    for report in reports:
        rows.setdefault(report.label[:cut], {})[report.label[cut:].lstrip("-")] = report
    columns = _columns(rows, "day" if daily else cadence)
    what = say(f"archive.cadence_{'day' if daily else cadence}", language)
    caption = safe(f"{series} · {what}" if series else what)
    label = safe(f"{reports[0].scope} · {what} {series}".strip(" ·"))
    heads = "".join(f'<th scope="col">{safe(c)}</th>' for c in columns)
    lines = "".join(
        f'<tr><th scope="row">{safe(year)}</th>'
        + "".join(f"<td>{_cell(found.get(c), language)}</td>" for c in columns)
        + "</tr>"
        for year, found in sorted(rows.items(), reverse=True)
    )
    start = f'<th scope="col">{safe(say("archive.year", language))}</th>'
    return (
        f'<div class="scroll calendar" role="region" aria-label="{label}" tabindex="0"><table>'
        f"<caption>{caption}</caption><thead><tr>{start}{heads}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def _columns(rows: Mapping[str, Mapping[str, Report]], cadence: str) -> list[str]:
    fixed = {"month": [f"{m:02d}" for m in range(1, 13)], "quarter": ["Q1", "Q2", "Q3", "Q4"]}
    return fixed.get(cadence) or sorted({column for found in rows.values() for column in found})


def _cell(report: Report | None, language: Language) -> str:
    if report is None:
        return "·"
    label = safe(f"{report.label}: {say(f'archive.is_{report.status}', language)}")
    mark = f'<span aria-hidden="true">{_MARKS[report.status]}</span>'
    return f'<a href="{safe(report.folder)}/index.html" aria-label="{label}">{mark}</a>'


def _figures(reports: Sequence[Report], language: Language) -> str:
    """Return each key figure over the periods: a line of all, numbers of the newest."""
    cadence = say(f"archive.cadence_{reports[0].span.cadence}", language)
    ordered = sorted((r for r in reports if r.status != state.FAILED), key=lambda r: r.label)
    if len(ordered) < _TWO:
        return ""
    by_period = {r.label: {f["name"]: f for f in r.figures} for r in ordered}
    newest = {f["name"]: f for r in ordered for f in r.figures}
    labels = [r.label for r in ordered][-_SHOWN:]
    heads = "".join(f'<th scope="col" class="num">{safe(label)}</th>' for label in labels)
    rows = []
    for figure in digest.in_order(list(newest.values())):
        name = figure["name"]
        known = [found.get(name) for found in by_period.values()]
        line = spark([f["value"] if f else None for f in known])
        cells = "".join(
            f'<td class="num">{_value(by_period[label].get(name), language)}</td>'
            for label in labels
        )
        label = safe(figure["label"][language])
        rows.append(f'<tr><th scope="row">{label}</th><td class="spark">{line}</td>{cells}</tr>')
    caption = safe(say("archive.figures", language))
    about = safe(" · ".join(x for x in (ordered[0].scope, ordered[0].series, cadence) if x))
    first, course = (safe(say(f"archive.{k}", language)) for k in ("figure", "course"))
    return (
        f'<div class="scroll" role="region" aria-label="{caption}: {about}" tabindex="0"><table>'
        f'<caption>{caption}</caption><thead><tr><th scope="col">{first}</th>'
        f'<th scope="col">{course}</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _value(figure: Mapping[str, Any] | None, language: Language) -> str:
    return safe(digest.written(figure["value"], figure, language)) if figure else "–"


def _reps(reports: Sequence[Report], language: Language) -> str:
    """List reports of single reps by period; they are folded away, figures stay in them."""
    if not reports:
        return ""
    items = "".join(
        f'<li><a href="{safe(r.folder)}/index.html">{safe(r.scope)} · {safe(r.label)}</a> '
        f"{_MARKS[r.status]}</li>"
        for r in sorted(reports, key=lambda r: (r.label, r.scope), reverse=True)
    )
    title = safe(say("archive.reps", language, count=len(reports)))
    return f"<details><summary>{title}</summary><ul>{items}</ul></details>"


def _write_whole(file: Path, text: str) -> None:
    fresh = file.with_name(f".{file.name}.new")
    try:
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(file)
    finally:  # a full disk leaves half a file
        fresh.unlink(missing_ok=True)
