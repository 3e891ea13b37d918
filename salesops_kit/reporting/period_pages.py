"""Everything a published period holds: index, pages, findings.json, executed notebooks."""

from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

from salesops_kit.language import Day, say
from salesops_kit.reporting.emit import safe
from salesops_kit.reporting.exports import write_tables
from salesops_kit.reporting.fonts import font_face
from salesops_kit.reporting.job import Job
from salesops_kit.reporting.page import Page, html_page
from salesops_kit.reporting.run_one import RunResult
from salesops_kit.reporting.site import Index, index_page
from salesops_kit.reporting.state import write_json

_FINDINGS_VERSION = 1


def write_pages(job: Job, folder: Path, runs: Sequence[RunResult]) -> None:
    """Write all files of a period but its manifest."""
    emitted = [item for run in runs for item in run.emitted]
    findings = [i for kind, items in emitted if kind == "findings" for i in items]
    figures = [i for kind, items in emitted if kind == "key_figures" for i in items]
    pages = {run.name: run.page for run in runs if run.page}
    titles = [(name, page.title) for name, page in pages.items()]
    index = index_page(
        Index(job.company, job.period, job.as_of, job.language, findings, figures, titles,
              job.spec.scope)
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
    }
    write_json(folder / "findings.json", content)


def write_html(job: Job, folder: Path, pages: dict[str, Page]) -> None:
    """Write pages with one font for all of them; all but the index lead back to it."""
    footer = _footer(job)

    def rendered(fonts: str) -> dict[str, str]:
        return {
            name: html_page(page, job.language, footer=footer, fonts=fonts,
                            home="" if name == "index" else "index.html")
            for name, page in pages.items()
        }  # fmt: skip

    for name, text in rendered(font_face(rendered("").values())).items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")


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
