"""Many reports in one go: what is due, or a range of periods to fill in."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from salesops_kit.errors import DataError, ParameterError, SalesopsError
from salesops_kit.reporting import state
from salesops_kit.reporting.archive import write_archive
from salesops_kit.reporting.catalogue import Catalogue, Entry, Occasion, Task
from salesops_kit.reporting.job import chosen_notebooks, prepared
from salesops_kit.reporting.progress import Step, Tell, telling
from salesops_kit.reporting.runner import ReportResult, run_report
from salesops_kit.reporting.workers import LocalWorkers, Workers, imports_of

ONLY = ("missing", "failed")
REFUSED = "refused"
_MOMENT = timedelta(seconds=1)
_CATCH_UP = 3  # occasions before the last due one that are made when they are missing


@dataclass(frozen=True)
class Done:
    """One report of a batch and how it went; `refused`: it could not even begin."""

    entry: str
    label: str
    scope: str
    language: str
    receivers: tuple[str, ...]
    result: ReportResult

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "entry": self.entry,
            "label": self.label,
            "scope": self.scope,
            "language": self.language,
            "receivers": list(self.receivers),
            **self.result.as_json(),
        }


@dataclass(frozen=True)
class BatchResult:
    """How all went; `exit_code` is 0 when every report is out, 3 if only data was refused."""

    reports: tuple[Done, ...]
    data_refused: bool = False

    @property
    def exit_code(self) -> int:
        """Return the code that the command line ends with."""
        bad = [d for d in self.reports if d.result.status in (state.FAILED, REFUSED)]
        if not bad:
            return 0
        all_refused = all(d.result.status == REFUSED for d in bad)
        return 3 if self.data_refused and all_refused else 1

    def counts(self) -> dict[str, int]:
        """Return how many reports had each status."""
        found: dict[str, int] = {}
        for done in self.reports:
            found[done.result.status] = found.get(done.result.status, 0) + 1
        return dict(sorted(found.items()))


def due_tasks(catalogue: Catalogue, now: datetime, name: str = "") -> list[Task]:
    """Return the reports that are due and not made yet, of one entry or of all.

    That is the latest due occasion of every entry, unless what is published was made of the same
    inputs; and of the three before it those that are missing or failed.
    """
    found = []
    for entry in [catalogue.entry(name)] if name else catalogue.entries:
        last = catalogue.last_due(entry, now)
        for occasion in _before(catalogue, entry, last, _CATCH_UP):
            found += [t for t in catalogue.tasks(entry, occasion) if state_of(t) in ONLY]
        found += list(catalogue.tasks(entry, last))
    return found


def range_tasks(
    catalogue: Catalogue, name: str, first: str, last: str, only: Iterable[str] = ()
) -> list[Task]:
    """Return an entry's reports from one period to another; `only` missing and/or failed ones.

    Raises
    ------
    ParameterError
        When the entry, a period or a word in `only` does not exist.
    """
    wanted = tuple(only)
    for word in wanted:
        if word not in ONLY:
            raise ParameterError(f"only is {word!r}; it must be 'missing', 'failed' or both")
    entry = catalogue.entry(name)
    tasks = [
        task
        for occasion in catalogue.occasions(entry, first, last)
        for task in catalogue.tasks(entry, occasion)
    ]
    return [task for task in tasks if not wanted or state_of(task) in wanted]


def state_of(task: Task) -> str:
    """Return missing, failed (also: stale) or published, as the manifest tells."""
    status = state.read_manifest(prepared(task.spec).target).get("status", "missing")
    return state.FAILED if status == state.STALE else str(status)


def overview(catalogue: Catalogue, now: datetime) -> list[dict[str, Any]]:
    """Return, per entry, what it is made of, what is due next, and the state of what was due."""
    rows = []
    for entry in catalogue.entries:
        last, following = catalogue.last_due(entry, now), catalogue.next_due(entry, now)
        states = [state_of(task) for task in catalogue.tasks(entry, last)]
        rows.append({
            "name": entry.name,
            "cadence": entry.cadence,
            "notebooks": list(entry.notebooks) or ["all"],
            "scopes": list(entry.scopes),
            "languages": list(entry.languages) or [catalogue.settings.company.language],
            "receivers": list(entry.receivers),
            "last": last.label,
            "states": {s: states.count(s) for s in sorted(set(states))},
            "next": following.label,
            "next_due": following.due.isoformat(timespec="minutes"),
        })  # fmt: skip
    return rows


def run_tasks(
    tasks: Sequence[Task],
    workers: Workers | None = None,
    *,
    jobs: int = 2,
    kernels: str = "auto",
    tell: Tell | None = None,
) -> BatchResult:
    """Run reports side by side; one that fails leaves the others alone.

    `workers` are who runs the notebooks: without them `jobs` processes of this machine. Several
    reports are under way at once, so that nobody waits while one is being written.
    """
    if not tasks:
        return BatchResult(())
    notebooks = {n: None for task in tasks for n in chosen_notebooks(task.spec)}
    own = None if workers else LocalWorkers(jobs, kernels, imports_of(list(notebooks)))
    running: Any = workers or own
    try:
        with telling(_runs_in(tasks)) as usual, ThreadPoolExecutor(jobs + 1) as threads:
            said = tell or usual
            done = list(threads.map(lambda task: _run(task, running, said), tasks))
    finally:
        if own:
            own.close()
    for into, workspace in {(task.spec.into, task.spec.workspace) for task in tasks}:
        with suppress(OSError):  # what is published stands without it
            write_archive(into, workspace)
    reports = tuple(d for d, _ in done)
    return BatchResult(reports, any(isinstance(error, DataError) for _, error in done))


def forced(tasks: Sequence[Task], now: datetime, *, force: bool) -> list[Task]:
    """Return the tasks with the time of the run, and whether to run what has not changed."""
    return [replace(t, spec=replace(t.spec, now=now, force=force)) for t in tasks]


def _run(task: Task, workers: Workers, tell: Tell) -> tuple[Done, Exception | None]:
    error: Exception | None = None
    try:
        result = run_report(task.spec, tell, workers)
    except SalesopsError as refusal:
        error, where = refusal, task.spec.into / task.spec.workspace.name / task.spec.name
        result = ReportResult(where, REFUSED, errors=[str(refusal)])
        tell(Step(task.spec.name, "", REFUSED, 0.0, 0, 0))
    spec, entry = task.spec, task.entry
    label = task.occasion.label
    return Done(entry.name, label, spec.scope, spec.language, entry.receivers, result), error


def _runs_in(tasks: Sequence[Task]) -> int:
    return sum(len(chosen_notebooks(task.spec)) for task in tasks)


def _before(catalogue: Catalogue, entry: Entry, last: Occasion, count: int) -> list[Occasion]:
    """Return up to `count` occasions before the last, oldest first, none before `since`."""
    found: list[Occasion] = []
    earliest = catalogue.occasions(entry, entry.since, entry.since)[0] if entry.since else last
    while len(found) < count and last.as_of > earliest.as_of:
        last = catalogue.last_due(entry, last.due - _MOMENT)
        found.insert(0, last)
    return found
