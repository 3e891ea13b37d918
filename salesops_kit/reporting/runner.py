"""Run a report: every notebook of a period, then all pages, then one switch."""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from salesops_kit.errors import DataError, ParameterError
from salesops_kit.language import Day, Language, known_language, say
from salesops_kit.periods import Period, period
from salesops_kit.reporting import publish
from salesops_kit.reporting.emit import MIME, safe
from salesops_kit.reporting.execute import NotebookRun, close_loop, execute, kernel_environment
from salesops_kit.reporting.fonts import font_face
from salesops_kit.reporting.page import Page, html_page, notebook_page
from salesops_kit.reporting.parameters import checked
from salesops_kit.reporting.site import Index, index_page
from salesops_kit.settings import Settings, workspace_settings

SCHEMA_VERSION = 1
NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
_PERSONAL = "one_to_one"  # for one rep and who leads them; never in a report for more
_EXPLORE = "explore"  # notebooks for the analyst's hands, not for a schedule
_PACKAGES = ("salesops_kit", "duckdb", "narwhals", "pandas", "matplotlib", "papermill")


@dataclass(frozen=True)
class ReportSpec:
    """What to run.

    Empty `notebooks`: all of them; empty `language`: the workspace's; empty `as_of`: the period's
    last day; `scope` as in `workspace.Scope`; `parameters`: a notebook's own ones; `name`: folder
    to publish instead of the period's.
    """

    workspace: Path
    period: str
    language: str = ""
    notebooks: tuple[str, ...] = ()
    scope: str = ""
    as_of: str = ""
    into: Path = Path("reports")
    parameters: Mapping[str, Any] = field(default_factory=dict)
    jobs: int = 2
    timeout_s: float = 600
    folder: Path = NOTEBOOKS
    name: str = ""


@dataclass(frozen=True)
class ReportResult:
    """How it went: `status` published or failed; errors, one line per failed notebook."""

    path: Path
    status: str
    seconds: dict[str, float]
    errors: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {**asdict(self), "path": str(self.path)}


@dataclass(frozen=True)
class _Job:
    spec: ReportSpec
    settings: Settings
    period: Period
    language: Language
    as_of: date
    notebooks: tuple[Path, ...]
    record: Mapping[str, Any]

    @property
    def target(self) -> Path:
        name = self.spec.workspace.resolve().name
        parts = [self.spec.name or self.period.label]
        if self.language != self.settings.company.language:
            parts.append(self.language)
        if self.spec.scope:
            parts.append(_slug(self.spec.scope))
        return self.spec.into / name / "-".join(parts)

    def parameters(self) -> dict[str, Any]:
        return {
            "workspace": str(self.spec.workspace.resolve()),
            "period": self.period.label,
            "as_of": self.as_of.isoformat(),
            "language": self.language,
            "scope": self.spec.scope,
            **self.spec.parameters,
        }


def run_report(spec: ReportSpec, progress: Callable[[str], None] | None = None) -> ReportResult:
    """Run the notebooks of a period and publish their pages, all or nothing.

    The published folder `<into>/<workspace>/<period>/` holds index.html, one page per notebook,
    findings.json, manifest.json and the executed notebooks. When a notebook fails, nothing is
    published, what was there stays, and the failed run is kept under `.failed/<period>/`.

    Raises
    ------
    ParameterError
        When period, language, a notebook or a parameter does not exist.
    DataError
        When the workspace is none.
    ReportError
        When another run of the same period is under way.
    """
    job = _prepared(spec)
    with publish.period_lock(job.target):
        fresh = publish.staging(job.target)
        runs = _run_all(job, fresh, progress or (lambda _: None))
        failed = [run for run in runs if run.status != "ok"]
        seconds = {run.name: round(run.seconds, 3) for run in runs}
        if failed:
            return _keep_failed(job, fresh, runs, seconds)
        _write_pages(job, fresh, runs)
        publish.swap_in(fresh, job.target)
        _forget_failed(job)
    return ReportResult(job.target, "published", seconds)


def _prepared(spec: ReportSpec) -> _Job:
    tables = spec.workspace / "tables"
    if not (tables / "deals.parquet").is_file():
        raise DataError(
            f"{spec.workspace} is not a workspace; make one with: "
            f"salesops import zoho|fxiaoke|tables EXPORTS --into {spec.workspace}"
        )
    settings = workspace_settings(spec.workspace)
    chosen = period(spec.period, settings.calendar)
    words = known_language(spec.language or settings.company.language)
    record_file = spec.workspace / "import.json"
    record = json.loads(record_file.read_text("utf-8")) if record_file.is_file() else {}
    as_of = _as_of(spec.as_of, chosen)
    job = _Job(spec, settings, chosen, words, as_of, _notebooks(spec), record)
    for notebook in job.notebooks:
        checked(notebook, job.parameters())
    return job


def _as_of(text: str, chosen: Period) -> date:
    if not text:
        return chosen.last
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ParameterError(f"as_of is {text!r}; write it like '2025-09-30'") from error


def _notebooks(spec: ReportSpec) -> tuple[Path, ...]:
    found = {p.stem: p for p in sorted(spec.folder.glob("*.ipynb")) if _EXPLORE not in p.stem}
    if not spec.notebooks:
        alone = spec.scope.startswith("rep=")
        return tuple(p for stem, p in found.items() if alone or not stem.endswith(_PERSONAL))
    chosen = []
    for wanted in spec.notebooks:
        match = [p for stem, p in found.items() if wanted in (stem, stem.split("_", 1)[-1])]
        if not match:
            names = ", ".join(stem.split("_", 1)[-1] for stem in found)
            raise ParameterError(f"there is no notebook {wanted!r}; there are {names}")
        chosen += match
    return tuple(dict.fromkeys(chosen))


def _slug(text: str) -> str:
    readable = "".join(c if c.isalnum() or c in "=-_" else "_" for c in text)
    return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


def _run_all(job: _Job, fresh: Path, progress: Callable[[str], None]) -> list[NotebookRun]:
    def one(notebook: Path) -> NotebookRun:
        output = fresh / "notebooks" / notebook.name
        try:
            run = execute(notebook, output, job.parameters(), timeout_s=job.spec.timeout_s)
        finally:
            close_loop()
        progress(f"{run.name}: {run.status} in {run.seconds:.1f} s")
        return run

    with kernel_environment(), ThreadPoolExecutor(max_workers=max(job.spec.jobs, 1)) as pool:
        return list(pool.map(one, job.notebooks))


def _write_pages(job: _Job, fresh: Path, runs: Sequence[NotebookRun]) -> None:
    emitted = [item for run in runs for item in _emitted(run.notebook)]
    findings = [i for kind, items in emitted if kind == "findings" for i in items]
    figures = [i for kind, items in emitted if kind == "key_figures" for i in items]
    pages: dict[str, Page] = {r.name: notebook_page(r.notebook, job.language) for r in runs}
    company = job.settings.company.name or job.spec.workspace.resolve().name
    titles = [(name, page.title) for name, page in pages.items()]
    index = index_page(
        Index(company, job.period, job.as_of, job.language, findings, figures, titles,
              job.spec.scope)
    )  # fmt: skip
    footer = _footer(job)
    pages = {"index": index, **pages}

    def rendered(fonts: str) -> dict[str, str]:
        return {
            name: html_page(page, job.language, footer=footer, fonts=fonts,
                            home="" if name == "index" else "index.html")
            for name, page in pages.items()
        }  # fmt: skip

    fonts = font_face(rendered("").values())
    for name, text in rendered(fonts).items():
        (fresh / f"{name}.html").write_text(text, encoding="utf-8")
    content = {
        "schema_version": SCHEMA_VERSION,
        "workspace": job.spec.workspace.resolve().name,
        "period": job.period.label,
        "as_of": job.as_of.isoformat(),
        "findings": findings,
        "key_figures": figures,
    }
    _write_json(fresh / "findings.json", content)
    _write_json(fresh / "manifest.json", _manifest(job, runs, "published", fresh))


def _emitted(notebook: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    bundles = [
        output["data"][MIME]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
        for output in cell["outputs"]
        if MIME in output.get("data", {})
    ]
    return [(bundle["kind"], bundle["items"]) for bundle in bundles]


def _footer(job: _Job) -> str:
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


def _manifest(job: _Job, runs: Sequence[NotebookRun], status: str, folder: Path) -> dict[str, Any]:
    """State of the run, written by the runner; the only place that knows the clock."""
    return {
        "schema_version": SCHEMA_VERSION,
        "status": status,
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "parameters": {**job.parameters(), "workspace": job.spec.workspace.resolve().name},
        "inputs": {"fingerprint": job.record.get("fingerprint", ""),
                   "extracted_at": job.record.get("extracted_at", "")},
        "versions": {name: version(name) for name in _PACKAGES},
        "notebooks": {
            run.name: {"status": run.status, "seconds": round(run.seconds, 3), "error": run.error,
                       "html_sha256": _sha256(folder / f"{run.name}.html")}
            for run in runs
        },
    }  # fmt: skip


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _write_json(file: Path, content: Mapping[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")


def _failed_folder(job: _Job) -> Path:
    return job.target.parent / ".failed" / job.target.name


def _keep_failed(
    job: _Job, fresh: Path, runs: Sequence[NotebookRun], seconds: dict[str, float]
) -> ReportResult:
    _write_json(fresh / "manifest.json", _manifest(job, runs, "failed", fresh))
    kept = _failed_folder(job)
    shutil.rmtree(kept, ignore_errors=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    fresh.rename(kept)
    errors = [
        f"{run.name} {run.status}: {run.error}; see {kept / 'notebooks' / run.name}.ipynb"
        for run in runs
        if run.status != "ok"
    ]
    return ReportResult(kept, "failed", seconds, errors)


def _forget_failed(job: _Job) -> None:
    shutil.rmtree(_failed_folder(job), ignore_errors=True)
