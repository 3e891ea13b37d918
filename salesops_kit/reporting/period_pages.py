"""Everything a published period holds: index, pages, findings.json, executed notebooks."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

from salesops_kit.language import Day, say
from salesops_kit.reporting.actions import Action, actions_on
from salesops_kit.reporting.archive import archive_name
from salesops_kit.reporting.emit import safe
from salesops_kit.reporting.exports import write_tables
from salesops_kit.reporting.fonts import font_faces
from salesops_kit.reporting.job import Job
from salesops_kit.reporting.ledger import Ledger, ledger
from salesops_kit.reporting.page import Page, html_page
from salesops_kit.reporting.run_one import RunResult
from salesops_kit.reporting.site import Index, index_page
from salesops_kit.reporting.state import PUBLISHED, STALE, read_manifest, write_json
from salesops_kit.workspace import open_workspace

_FINDINGS_VERSION = 1


def write_pages(job: Job, folder: Path, runs: Sequence[RunResult]) -> None:
    """Write all files of a period but its manifest."""
    emitted = [item for run in runs for item in run.emitted]
    findings = [i for kind, items in emitted if kind == "findings" for i in items]
    figures = [i for kind, items in emitted if kind == "key_figures" for i in items]
    pages = {run.name: run.page for run in runs if run.page}
    titles = [(name, page.title) for name, page in pages.items()]
    before, analyses = _before(job), _analyses(runs)
    compared = ledger(findings, before, job.period.label, _shared(analyses, before))
    index = index_page(
        Index(job.company, job.period, job.as_of, job.language, findings, figures, titles,
              job.spec.scope, compared, _decided(job, findings, compared),
              {name: page.body for name, page in pages.items()},
              f"../{archive_name(job.language, job.settings.company.language)}")
    )  # fmt: skip
    write_html(job, folder, {"index": index, **pages})
    write_notebooks(folder, runs)
    for run in runs:
        write_tables(
            folder, run.name, [i for k, items in run.emitted if k == "table" for i in items]
        )
    content = {
        "schema_version": _FINDINGS_VERSION,
        "company": job.company,
        "workspace": job.spec.workspace.resolve().name,
        "period": job.period.label,
        "as_of": job.as_of.isoformat(),
        "findings": findings,
        "key_figures": figures,
        "analyses": analyses,
        "ledger": compared.as_json(),
    }
    write_json(folder / "findings.json", content)


def _before(job: Job) -> dict[str, Any] | None:
    """Return findings.json of the same report one period earlier, None where there is none."""
    if job.target_before is None or read_manifest(job.target_before).get("status") not in (
        PUBLISHED, STALE,
    ):  # fmt: skip
        return None
    content: dict[str, Any] = json.loads((job.target_before / "findings.json").read_text("utf-8"))
    return content


def _shared(looked_at: Mapping[str, str], before: Mapping[str, Any] | None) -> list[str]:
    """Return the analyses that notebooks of this report and of the one before both made."""
    then = before.get("analyses", {}) if before else {}
    both = set(looked_at.values()) & set(then.values())
    return sorted(a for a, name in {**then, **looked_at}.items() if name in both)


def _analyses(runs: Sequence[RunResult]) -> dict[str, str]:
    """Return which notebook speaks for which analysis, also when it has found nothing."""
    found = {run.name.split("_", 1)[-1]: run.name for run in runs}
    for run in runs:
        for kind, items in run.emitted:
            if kind == "findings":
                found |= {str(item["analysis"]): run.name for item in items}
    return dict(sorted(found.items()))


def _decided(job: Job, findings: Sequence[Mapping[str, Any]], compared: Ledger) -> list[Action]:
    opened = open_workspace(job.spec.workspace, as_of=job.as_of, scope=job.spec.scope)
    ids = {str(f["id"]) for f in [*findings, *compared.resolved]}
    return actions_on(opened, ids, job.period.start)


def write_html(job: Job, folder: Path, pages: dict[str, Page]) -> None:
    """Write pages, each with the Chinese letters it shows; all but the index lead back to it."""
    footer = _footer(job)

    def rendered(name: str, fonts: str = "") -> str:
        home = "" if name == "index" else "index.html"
        return html_page(pages[name], job.language, footer=footer, fonts=fonts, home=home)

    # the banner that may be put on later must find its letters in the page
    stale = say("reporting.stale", job.language, since=Day(job.as_of), made=Day(job.as_of))
    for name, fonts in font_faces({name: rendered(name) + stale for name in pages}).items():
        (folder / f"{name}.html").write_text(rendered(name, fonts), encoding="utf-8")


def foot_of_sheets(job: Job) -> str:
    """Return what stands at the foot of every printed sheet, beside the page numbers."""
    known = say("reporting.as_of", job.language, day=Day(job.as_of))
    return " · ".join(
        part for part in (job.company, job.period.label, job.spec.scope, known) if part
    )


def write_notebooks(folder: Path, runs: Sequence[RunResult]) -> None:
    """Write the executed notebooks."""
    for run in runs:
        (folder / "notebooks" / f"{run.name}.ipynb").write_text(run.notebook, encoding="utf-8")


def _footer(job: Job) -> str:
    fingerprint = str(job.record.get("fingerprint", ""))[:12] or "–"
    until = job.record.get("extracted_at", "")[:10]
    text = say(
        "reporting.footer",
        job.language,
        period=job.period.label,
        as_of=Day(job.as_of),
        until=Day(date.fromisoformat(until)) if until else "–",
        version=version("salesops_kit"),
        fingerprint=fingerprint,
    )
    return f"<p>{safe(text)}</p>"
