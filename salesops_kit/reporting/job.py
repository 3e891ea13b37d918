"""What a report is asked to be, and what it is made of once everything is checked."""

import hashlib
import json
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

from salesops_kit.errors import DataError, ParameterError
from salesops_kit.language import Language, known_language
from salesops_kit.periods import Period, period
from salesops_kit.reporting.parameters import checked
from salesops_kit.reporting.run_one import RunSpec
from salesops_kit.settings import Settings, workspace_settings
from salesops_kit.workspace import open_workspace

KIT = Path(__file__).resolve().parents[1]
NOTEBOOKS = KIT.parent / "notebooks"
PACKAGES = ("salesops_kit", "duckdb", "narwhals", "pandas", "matplotlib", "papermill")
RECALLED = ".recall"  # folder below a workspace: what analyses worked out
_PERSONAL = "one_to_one"  # for one rep and who leads them; never in a report for more
_WHOLE = "readiness"  # about the export, which no scope may see; only in a report for everybody
_EXPLORE = "explore"  # notebooks for the analyst's hands, not for a schedule
_KIT_FILES = ("*.py", "*.toml", "*.css")


@dataclass(frozen=True)
class ReportSpec:
    """What to run.

    Empty `notebooks`: all of them; empty `language`: the workspace's; empty `as_of`: the period's
    last day; `scope` as in `workspace.Scope`; `parameters`: a notebook's own ones; `name`: folder
    to publish instead of the period's. `timeout_s` and `memory_mb` (0: no bound) are for each
    notebook; one that dies, stands still or runs out of memory is tried `retries` times more;
    `archive`: make the archive anew afterwards;
    `force`: run and work out everything although nothing changed; `recall`: take what an analysis
    worked out before for exactly the same; `pdf`: print the pages too; `now`: when the run takes
    place, for the manifest.
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
    memory_mb: int = 4096
    retries: int = 1
    folder: Path = NOTEBOOKS
    name: str = ""
    force: bool = False
    recall: bool = True
    pdf: bool = False
    archive: bool = True
    kernels: str = "auto"
    now: datetime | None = None


@dataclass(frozen=True)
class Job:
    """A checked report: everything that `ReportSpec` only names."""

    spec: ReportSpec
    settings: Settings
    period: Period
    language: Language
    as_of: date
    notebooks: tuple[Path, ...]
    record: Mapping[str, Any]

    @property
    def target(self) -> Path:
        """Folder that is published."""
        return self._folder(self.spec.name or self.period.label)

    @property
    def target_before(self) -> Path | None:
        """Folder of the same report one period (or day) earlier; None if its name tells none."""
        name, day = self.spec.name or self.period.label, self.as_of.isoformat()
        if name.endswith(self.period.label):
            return self._folder(name.removesuffix(self.period.label) + self.period.previous().label)
        if name.endswith(day):
            earlier = (self.as_of - timedelta(days=1)).isoformat()
            return self._folder(name.removesuffix(day) + earlier)
        return None

    def _folder(self, label: str) -> Path:
        name = self.spec.workspace.resolve().name
        parts = [label]
        if self.language != self.settings.company.language:
            parts.append(self.language)
        if self.spec.scope:
            parts.append(_slug(self.spec.scope))
        return self.spec.into / name / "-".join(parts)

    @property
    def failed_folder(self) -> Path:
        """Folder that keeps what a failed run left, for analysts."""
        return self.target.parent / ".failed" / self.target.name

    @cached_property
    def now(self) -> datetime:
        """When the run takes place, in the company's time zone."""
        return (self.spec.now or datetime.now(UTC)).astimezone(self.settings.zone)

    @property
    def company(self) -> str:
        """Name of the company, or of its workspace."""
        return self.settings.company.name or self.spec.workspace.resolve().name

    def parameters(self) -> dict[str, Any]:
        """Return what every notebook is given."""
        return {
            "workspace": str(self.spec.workspace.resolve()),
            "period": self.period.label,
            "as_of": self.as_of.isoformat(),
            "language": self.language,
            "scope": self.spec.scope,
            **self.spec.parameters,
        }

    def run_spec(self, notebook: Path) -> RunSpec:
        """Return the run of one notebook."""
        return RunSpec(
            notebook.stem,
            notebook.read_text("utf-8"),
            self.parameters(),
            self.language,
            self.spec.timeout_s,
            self.spec.memory_mb,
            self.recall,
        )

    @cached_property
    def recall(self) -> str:
        """What kernels may recall: digest of all code, this run if forced, folder of answers."""
        if not self.spec.recall:
            return ""
        run = secrets.token_hex(8) if self.spec.force else ""
        return f"{code_fingerprint()}:{run}:{self.spec.workspace.resolve() / RECALLED}"

    @cached_property
    def ids(self) -> dict[str, str]:
        """Run id per notebook: the same inputs give the same id, and the same page."""
        versions = {name: version(name) for name in PACKAGES}
        common = [versions, kit_fingerprint(), self.parameters(), self.data_fingerprint]
        return {n.stem: _digest([*common, n.read_text("utf-8")]) for n in self.notebooks}

    @property
    def run_id(self) -> str:
        """Run id of the whole report."""
        return _digest(self.ids)

    @cached_property
    def data_fingerprint(self) -> str:
        """Digest of the import's record, of tables and labels as they lie there, and settings."""
        lying = [
            [file.name, (stat := file.stat()).st_size, stat.st_mtime_ns]
            for folder in ("tables", "labels")
            for file in sorted((self.spec.workspace / folder).glob("*"))
        ]
        settings = self.spec.workspace / "salesops.toml"
        text = settings.read_text("utf-8") if settings.is_file() else ""
        return _digest([self.record, lying, text])


def prepared(spec: ReportSpec) -> Job:
    """Return the checked report.

    Raises
    ------
    ParameterError
        When period, language, a notebook or a parameter does not exist, or the scope names nobody.
    DataError
        When the workspace is none.
    """
    if not (spec.workspace / "tables" / "deals.parquet").is_file():
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
    if spec.scope:  # refused here, not by a notebook half a minute later
        open_workspace(spec.workspace, as_of=as_of, scope=spec.scope)
    job = Job(spec, settings, chosen, words, as_of, chosen_notebooks(spec), record)
    for notebook in job.notebooks:
        checked(notebook, job.parameters())
    return job


def chosen_notebooks(spec: ReportSpec) -> tuple[Path, ...]:
    """Return the notebooks a report is made of.

    Raises
    ------
    ParameterError
        When there is no notebook of a name.
    """
    found = {p.stem: p for p in sorted(spec.folder.glob("*.ipynb")) if _EXPLORE not in p.stem}
    if not spec.notebooks:
        left_out = [] if spec.scope.startswith("rep=") else [_PERSONAL]
        left_out += [_WHOLE] if spec.scope else []
        return tuple(p for stem, p in found.items() if not stem.endswith(tuple(left_out)))
    chosen = []
    for wanted in spec.notebooks:
        match = [p for stem, p in found.items() if wanted in (stem, stem.split("_", 1)[-1])]
        if not match:
            names = ", ".join(stem.split("_", 1)[-1] for stem in found)
            raise ParameterError(f"there is no notebook {wanted!r}; there are {names}")
        chosen += match
    return tuple(dict.fromkeys(chosen))


def _as_of(text: str, chosen: Period) -> date:
    if not text:
        return chosen.last
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ParameterError(f"as_of is {text!r}; write it like '2025-09-30'") from error


def kit_fingerprint() -> str:
    """Digest of the kit's own files: code that changed runs again, whatever its version."""
    files = sorted(file for pattern in _KIT_FILES for file in KIT.rglob(pattern))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def code_fingerprint() -> str:
    """Digest of all code that a figure depends on: our own, Python, every installed package."""
    installed = sorted({f"{d.name} {d.version}" for d in distributions()})
    return _digest([kit_fingerprint(), sys.version, installed])


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _slug(text: str) -> str:
    readable = "".join(c if c.isalnum() or c in "=-_" else "_" for c in text)
    return f"{readable}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"
