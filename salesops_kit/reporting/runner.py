"""Run a report: every notebook of a period, then all pages, then one switch."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from salesops_kit.errors import ReportError
from salesops_kit.reporting import pdf, publish, state
from salesops_kit.reporting.archive import write_archive
from salesops_kit.reporting.failure import keep_failed
from salesops_kit.reporting.job import NOTEBOOKS, Job, ReportSpec, prepared
from salesops_kit.reporting.period_pages import foot_of_sheets, write_pages
from salesops_kit.reporting.progress import Step, Tell
from salesops_kit.reporting.run_one import RunResult
from salesops_kit.reporting.workers import LocalWorkers, Workers, imports_of

__all__ = ["NOTEBOOKS", "ReportResult", "ReportSpec", "run_report"]


@dataclass(frozen=True)
class ReportResult:
    """How it went: `status` published, unchanged (nothing to do) or failed, one error a line.

    `seconds` are those of the notebooks that ran.
    """

    path: Path
    status: str
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {**asdict(self), "path": str(self.path)}


def run_report(
    spec: ReportSpec, tell: Tell | None = None, workers: Workers | None = None
) -> ReportResult:
    """Run the notebooks of a period and publish their pages, all or nothing.

    The published folder `<into>/<workspace>/<period>/` holds index.html, one page per notebook,
    findings.json, manifest.json and the executed notebooks. When nothing changed since it was
    published, nothing runs (`force` runs all the same). When a notebook fails, the published pages
    stay, marked as stale, and the failed run is kept under `.failed/<period>/`; notebooks that
    went well are not run again by the next try. `workers` are who runs the notebooks; without
    them processes of this machine, ended afterwards.

    Raises
    ------
    ParameterError
        When period, language, a notebook or a parameter does not exist, or what prints a PDF.
    DataError
        When the workspace is none.
    ReportError
        When a page cannot be printed, another run of the same period is under way, or the folder
        cannot be written.
    """
    job = prepared(spec)
    if spec.pdf:
        pdf.browser()  # told before anything runs
    with _told_as_errors(job), publish.period_lock(job.target):
        if not spec.force and state.is_current(job):
            _print_published(job)
            # a run that was killed right after it published has not told the archive
            return ReportResult(job.target, "unchanged", errors=_archived(job))
        finished = state.Finished(job)
        if spec.force:
            finished.forget()
        with _workers(job, workers) as running:
            runs = _run_all(job, finished, running, tell or (lambda _: None))
        seconds = {run.name: round(run.seconds, 3) for run in runs}
        if any(run.status != "ok" for run in runs):
            errors = [*keep_failed(job, runs), *_archived(job)]
            return ReportResult(job.failed_folder, "failed", seconds, errors)
        _publish(job, runs)
        finished.forget()
    return ReportResult(job.target, "published", seconds, _archived(job))


def _archived(job: Job) -> list[str]:
    """Make the archive anew; a report that is out does not fail with it."""
    if not job.spec.archive:
        return []
    try:
        write_archive(job.spec.into, job.spec.workspace)
    except OSError as error:
        return [f"the archive could not be written: {error.strerror or error}"]
    return []


def _publish(job: Job, runs: list[RunResult]) -> None:
    fresh = publish.staging(job.target)
    write_pages(job, fresh, runs)
    if job.spec.pdf:
        pdf.write_pdfs(fresh, foot_of_sheets(job))
    state.write_json(fresh / "manifest.json", state.manifest(job, runs, fresh))
    publish.swap_in(fresh, job.target)
    publish.remove(job.failed_folder)


def _print_published(job: Job) -> None:
    """Put PDFs beside pages that are out and stay as they are, if any is asked for and missing."""
    if not job.spec.pdf or pdf.are_printed(job.target):
        return
    fresh = publish.staging(job.target)
    shutil.copytree(job.target, fresh, dirs_exist_ok=True)
    publish.remove(fresh / pdf.FOLDER)
    pdf.write_pdfs(fresh, foot_of_sheets(job))
    publish.swap_in(fresh, job.target)


@contextmanager
def _workers(job: Job, given: Workers | None) -> Iterator[Workers]:
    if given is not None:
        yield given
        return
    own = LocalWorkers(job.spec.jobs, job.spec.kernels, imports_of(job.notebooks))
    try:
        yield own
    finally:
        own.close()


def _run_all(job: Job, finished: state.Finished, workers: Workers, tell: Tell) -> list[RunResult]:
    """Run what is not finished yet, the longest of last time first; return all in order."""
    names = [notebook.stem for notebook in job.notebooks]
    runs = {name: kept for name in names if (kept := finished.load(name))}
    told = _told(job, tell, len(names))
    for run in runs.values():
        told(replace(run, status="kept"))
    before = state.read_manifest(job.target).get("notebooks", {})
    waiting = [n for n in job.notebooks if n.stem not in runs]
    waiting.sort(key=lambda n: -before.get(n.stem, {}).get("seconds", float("inf")))
    futures = [workers.submit(job.run_spec(n), job.spec.retries) for n in waiting]
    for future in futures:
        run = future.result()
        finished.keep(run)
        runs[run.name] = run
        told(run)
    return [runs[name] for name in names]


def _told(job: Job, tell: Tell, total: int) -> Callable[[RunResult], None]:
    count = iter(range(1, total + 1))

    def told(run: RunResult) -> None:
        tell(Step(job.target.name, run.name, run.status, run.seconds, next(count), total))

    return told


@contextmanager
def _told_as_errors(job: Job) -> Iterator[None]:
    """Turn what the disk refuses into an error that names the folder."""
    try:
        yield
    except OSError as error:
        where = error.filename or job.target.parent
        raise ReportError(
            f"{where} cannot be written: {error.strerror or error}; "
            "what was published there is as it was; free space or permit writing, then run again"
        ) from error
