"""The catalogue of reports: `reports/catalogue.toml` → which, how often, about whom, for whom.

A report is notebooks × cadence × scopes × languages × receivers. Everything is checked when the
file is read, all problems at once, each with its key, its value and what to write instead.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import combinations
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from salesops_kit.errors import ParameterError, SettingsError
from salesops_kit.periods import FiscalCalendar, Period, period, period_containing
from salesops_kit.reporting.delivery.receivers import Email, Folder, Webhook, receivers_from
from salesops_kit.reporting.job import NOTEBOOKS, ReportSpec, chosen_notebooks
from salesops_kit.settings import Settings, workspace_settings
from salesops_kit.workspace import Scope, open_workspace

FILE = Path("reports/catalogue.toml")
CADENCES = {"daily": "day", "weekly": "week", "monthly": "month", "quarterly": "quarter"}
EACH = {"each team": "team", "each rep": "rep"}
COMPANY = "company"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _is_name(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", text):
        raise ValueError("is no name; use small letters, digits, - and _, at most 40")
    return text


def _is_scope(text: str) -> str:
    if text != COMPANY and text not in EACH:
        try:
            Scope.parse(text)
        except ParameterError as error:
            raise ValueError(
                "is no scope; write 'company', 'each team', 'each rep', or one like 'team=East'"
            ) from error
    return text


def _is_time(text: str) -> str:
    if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", text):
        raise ValueError("is no time of day; write it like '06:00'")
    return text


Name = Annotated[str, AfterValidator(_is_name)]


class Entry(_Strict):
    """One report of the catalogue."""

    name: Name
    cadence: Literal["daily", "weekly", "monthly", "quarterly"]
    notebooks: tuple[str, ...] = ()
    scopes: tuple[Annotated[str, AfterValidator(_is_scope)], ...] = (COMPANY,)
    languages: tuple[Literal["en", "zh"], ...] = ()
    receivers: tuple[str, ...] = ()
    since: str = ""
    due_days: Annotated[int, Field(ge=0, le=60)] = 1
    due_at: Annotated[str, AfterValidator(_is_time)] = "06:00"
    folder: Annotated[str, AfterValidator(lambda text: text and _is_name(text))] = ""
    parameters: dict[str, str | int | float | bool] = Field(default_factory=dict)
    timeout_s: Annotated[float, Field(gt=0)] = 600
    memory_mb: Annotated[int, Field(ge=0)] = 4096
    retries: Annotated[int, Field(ge=0, le=5)] = 1


class _File(_Strict):
    workspace: str
    into: str = "."
    notebook_folder: str = ""
    report: tuple[Entry, ...] = Field(min_length=1)
    receivers: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Occasion:
    """One time a report is made: the folder's label, the period, its as-of day, when it is due."""

    label: str
    period: str
    as_of: date
    due: datetime


@dataclass(frozen=True)
class Task:
    """One report to make: entry, occasion, and everything the runner needs."""

    entry: Entry
    occasion: Occasion
    spec: ReportSpec


@dataclass(frozen=True)
class Catalogue:
    """The checked catalogue; paths are those of the file's folder."""

    path: Path
    workspace: Path
    into: Path
    entries: tuple[Entry, ...]
    receivers: dict[str, Email | Webhook | Folder]
    settings: Settings
    notebooks: Path = NOTEBOOKS

    @property
    def project(self) -> Path:
        """The checkout the catalogue lies in, else its folder: no place for secrets."""
        folder = self.path.resolve().parent
        return next((p for p in (folder, *folder.parents) if (p / ".git").exists()), folder)

    def entry(self, name: str) -> Entry:
        """Return the entry of a name.

        Raises
        ------
        ParameterError
            When there is none.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        names = ", ".join(repr(entry.name) for entry in self.entries)
        raise ParameterError(f"{self.path} has no report {name!r}; it has {names}")

    def next_due(self, entry: Entry, now: datetime) -> Occasion:
        """Return the occasion that is due next, after `now`."""
        found = self.last_due(entry, now)
        return self._occasion(entry, _after(found, entry, self.settings.calendar))

    def last_due(self, entry: Entry, now: datetime) -> Occasion:
        """Return the latest occasion that is due at `now`."""
        local = now.astimezone(self.settings.zone)
        day = local.date() - timedelta(days=entry.due_days)
        while True:
            found = self._occasion(entry, day)
            if found.due <= local and found.as_of <= day:
                return found
            day -= timedelta(days=1)

    def occasions(self, entry: Entry, first: str, last: str) -> list[Occasion]:
        """Return all occasions from one to another, by label (2025-01, 2025-W03, 2025-01-31).

        Raises
        ------
        ParameterError
            When a label is none of the entry's cadence, or the last lies before the first.
        """
        start, end = (self._labelled(entry, label) for label in (first, last))
        if end < start:
            raise ParameterError(f"'{last}' lies before '{first}'; give the earlier one first")
        found = []
        while start <= end:
            occasion = self._occasion(entry, start)
            found.append(occasion)
            start = _after(occasion, entry, self.settings.calendar)
        return found

    def tasks(self, entry: Entry, occasion: Occasion) -> Iterator[Task]:
        """Give the reports of an entry at one occasion: scopes × languages."""
        label = f"{entry.folder}-{occasion.label}" if entry.folder else occasion.label
        for scope in self.scopes(entry, occasion.as_of):
            for language in entry.languages or (self.settings.company.language,):
                spec = ReportSpec(
                    self.workspace, occasion.period, language=language, scope=scope,
                    notebooks=entry.notebooks, as_of=occasion.as_of.isoformat(), name=label,
                    into=self.into, parameters=entry.parameters, timeout_s=entry.timeout_s,
                    memory_mb=entry.memory_mb, retries=entry.retries, folder=self.notebooks,
                    archive=False,
                )  # fmt: skip
                yield Task(entry, occasion, spec)

    def scopes(self, entry: Entry, as_of: date) -> list[str]:
        """Return the entry's scopes, with every team and rep there was on the day."""
        scopes: list[str] = []
        for scope in entry.scopes:
            if scope == COMPANY:
                scopes.append("")
            elif scope in EACH:
                people = _people(self.workspace, EACH[scope], as_of)
                scopes += [f"{EACH[scope]}={value}" for value in people]
            else:
                scopes.append(scope)
        return list(dict.fromkeys(scopes))

    def _occasion(self, entry: Entry, day: date) -> Occasion:
        """Return the occasion whose span holds the day."""
        calendar = self.settings.calendar
        if entry.cadence == "daily":
            label, span, as_of = day.isoformat(), period_containing(day, "month", calendar), day
        else:
            span = period_containing(day, CADENCES[entry.cadence], calendar)  # type: ignore[arg-type]
            label, as_of = span.label, span.last
        at = time.fromisoformat(entry.due_at)
        due = datetime.combine(as_of + timedelta(days=entry.due_days), at, self.settings.zone)
        return Occasion(label, span.label, as_of, due)

    def _labelled(self, entry: Entry, label: str) -> date:
        """Return a day of the occasion that a label names."""
        if entry.cadence == "daily":
            try:
                return date.fromisoformat(label)
            except ValueError as error:
                raise ParameterError(
                    f"{label!r} is no day; '{entry.name}' is daily, write it like '2025-09-30'"
                ) from error
        named: Period = period(label, self.settings.calendar)
        if named.cadence != CADENCES[entry.cadence]:
            raise ParameterError(
                f"{label!r} is a {named.cadence}, but '{entry.name}' is {entry.cadence}"
            )
        return named.start


def load_catalogue(path: Path | str = FILE) -> Catalogue:
    """Read and check a catalogue.

    Raises
    ------
    SettingsError
        When the file is absent or no TOML, or anything in it is unknown or wrong; all problems at
        once, each naming key and value and what to write.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
        file = _File.model_validate(raw)
    except FileNotFoundError as error:
        raise SettingsError(
            f"{path} does not exist; write one as docs/reliability.md shows, or name it with "
            "--catalogue"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} is not TOML in UTF-8: {error}") from error
    except ValidationError as error:
        raise _invalid(path, [_problem(item) for item in error.errors()]) from error
    workspace = (path.parent / file.workspace).resolve()
    settings = workspace_settings(workspace)
    own = file.notebook_folder
    notebooks = (path.parent / own).resolve() if own else NOTEBOOKS
    if problems := [*_wrong_names(file, notebooks), *_wrong_starts(file, settings.calendar)]:
        raise _invalid(path, problems)
    receivers = receivers_from(file.receivers, origin=str(path))
    into = path.parent / file.into
    return Catalogue(path, workspace, into, file.report, receivers, settings, notebooks)


def _people(workspace: Path, dimension: str, as_of: date) -> list[str]:
    """Return the teams, or reps, there were on a day, in order."""
    opened = open_workspace(workspace, as_of=as_of)
    if not opened.has("reps"):
        return []
    columns = ("rep_id", "team", "valid_from_on", "valid_to_on", "leave_on")
    rows = opened.table("reps").select(*columns).to_native().fetchall()
    wanted = 0 if dimension == "rep" else 1
    found = {
        row[wanted]
        for row in rows
        if row[wanted] and (row[2] or as_of) <= as_of and as_of <= min(row[3] or as_of,
                                                                       row[4] or as_of)
    }  # fmt: skip
    return sorted(found)


def _after(occasion: Occasion, entry: Entry, calendar: FiscalCalendar) -> date:
    """Return the first day after an occasion's span."""
    if entry.cadence == "daily":
        return occasion.as_of + timedelta(days=1)
    return period(occasion.period, calendar).end


def _wrong_names(file: _File, notebooks: Path) -> Iterator[str]:
    """Tell what points nowhere, and what would be written into one place by two reports."""
    known = sorted(file.receivers)
    for number, entry in enumerate(file.report):
        key = f"report.{number} ({entry.name})"
        for name in entry.receivers:
            if name not in file.receivers:
                listed = ", ".join(known) or "none"
                yield f"{key}.receivers is {name!r}: there is no such receiver; there are {listed}"
        try:
            chosen_notebooks(ReportSpec(Path(), "", notebooks=entry.notebooks, folder=notebooks))
        except ParameterError as error:
            yield f"{key}.notebooks: {error}"
    for first, second in combinations(file.report, 2):
        if first.name == second.name:
            yield f"report.name is {first.name!r} twice; every report needs a name of its own"
        elif (first.cadence, first.folder) == (second.cadence, second.folder):
            yield (
                f"report.folder of '{second.name}' is {second.folder!r}: '{first.name}' is "
                f"{first.cadence} too and is written there; give one of them another folder"
            )


def _wrong_starts(file: _File, calendar: FiscalCalendar) -> Iterator[str]:
    for number, entry in enumerate(file.report):
        if not entry.since:
            continue
        try:
            if entry.cadence == "daily":
                date.fromisoformat(entry.since)
            elif period(entry.since, calendar).cadence != CADENCES[entry.cadence]:
                raise ValueError
        except (ValueError, ParameterError):
            yield (
                f"report.{number} ({entry.name}).since is {entry.since!r}: it is no period of a "
                f"{entry.cadence} report"
            )


def _problem(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "extra_forbidden":
        word = str(item["loc"][-1])
        known = [*Entry.model_fields, *_File.model_fields]
        near = difflib.get_close_matches(word, known, 1)
        return f"{key} is not known{f'; did you mean {near[0]!r}?' if near else ''}"
    if item["type"] == "missing":
        return f"{key} is missing"
    value = item["input"]
    shown = f" is {value!r}" if isinstance(value, str | int | float | bool) else ""
    return f"{key}{shown}: {message[0].lower()}{message[1:]}"


def _invalid(path: Path, problems: list[str]) -> SettingsError:
    return SettingsError("\n".join([f"{path} is not valid:", *(f"  - {p}" for p in problems)]))
