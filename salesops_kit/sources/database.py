"""A database → sheets of text, streamed row by row, then imported as files are.

    salesops import database postgresql://reader@host/crm --into workspaces/acme

Tables and views named after canonical tables are read as they are. Anything else is named in the
mapping file, by `table_in_database` or `query` in place of `path`. A password belongs into an
environment variable (`env:NAME` for the URL) or a file of the driver's own; it never reaches the
record or an error.
"""

import csv
import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isnan
from pathlib import Path
from typing import Any

from salesops_kit import schema
from salesops_kit.errors import DataError
from salesops_kit.settings import FILE_NAME, Settings, load_settings
from salesops_kit.sources import kept, publish
from salesops_kit.sources.connections import Reader, Result, opened, url_of
from salesops_kit.sources.importer import Import, ImportResult, publish_import
from salesops_kit.sources.loading import Loader
from salesops_kit.sources.mapping import Dialect, Plan, recognise
from salesops_kit.sources.tables import Entry, mapped_queries, plan_of
from salesops_kit.sources.tabular import ROW_COLUMN, Sheet

DATABASE = Dialect(name="database")
_NO_DATE = ("0000-00-00", "0000-00-00 00:00:00")  # MySQL's word for none


@dataclass(frozen=True)
class _Source:
    """One query: the table it fills, and the entry of the mapping that says so."""

    label: str
    table: str
    sql: str
    entry: Entry | None = None


def import_database(
    url: str,
    *,
    into: Path | str,
    settings: Settings | Path | None = None,
    mapping: Path | str | None = None,
    since: str = "",
) -> ImportResult:
    """Read tables of a database into a workspace, as `import_exports` reads files.

    Parameters
    ----------
    url
        An SQLAlchemy URL (PostgreSQL, MySQL, MariaDB, SQLite …), duckdb:///FILE, or env:NAME.
    settings
        Settings or their file; None takes WORKSPACE/salesops.toml, else the defaults.
    mapping
        The mapping file; None reads the tables and views that have canonical names.
    since
        Column of a row's last change, such as "updated_at". The first import reads everything;
        later ones read what changed since and add it. Tables without it are read whole. The
        newest value seen stands in import.json.

    Raises
    ------
    DataError
        When the database cannot be read, or as `import_exports`.
    """
    address, workspace = url_of(url), Path(into)
    entries = mapped_queries(mapping)
    chosen, file = _settings(settings, workspace)
    with publish.locked(workspace):
        fresh, previous = publish.new_version(workspace), publish.current(workspace)
        job = Import(DATABASE, chosen, fresh, previous)
        seen = _seen(previous, since)
        if since:
            job.update = "add" if seen else "begin"
        work = _Reading(job, entries, since, seen)
        result = publish_import(job, workspace, lambda: work.stage(address), "the database")
        if file and file.resolve() != (workspace / FILE_NAME).resolve():
            shutil.copyfile(file, workspace / FILE_NAME)
        publish.switch(workspace, fresh, result.as_json())
    return result


def _settings(given: Settings | Path | None, workspace: Path) -> tuple[Settings, Path | None]:
    if isinstance(given, Settings):
        return given, None
    own = workspace / FILE_NAME
    file = given or (own if own.is_file() else None)
    return load_settings(file), file


def _seen(previous: Path | None, since: str) -> dict[str, Any]:
    """Return the newest value seen per query, as the last import recorded it."""
    if previous is None or not kept.has_kept(previous, DATABASE.name):
        return {}
    record = json.loads((previous / "import.json").read_text("utf-8")).get("since", {})
    found: dict[str, Any] = record.get("seen", {}) if record.get("column") == since else {}
    return found


class _Reading:
    """Reads the queries of one import, one after another on one connection."""

    def __init__(
        self, job: Import, entries: Sequence[Entry], since: str, seen: dict[str, Any]
    ) -> None:
        self._job, self._entries, self._since, self._seen = job, entries, since, dict(seen)

    def stage(self, url: str) -> None:
        with opened(url) as reader:
            for number, source in enumerate(self._sources(reader)):
                self._stage(reader, source, number)
        if self._since:
            self._job.since = {"column": self._since, "seen": self._seen}

    def _sources(self, reader: Reader) -> list[_Source]:
        if self._entries:
            return [_mapped(reader, e, i, self._entries) for i, e in enumerate(self._entries)]
        tables = reader.tables()
        found = [
            _Source(name, name.casefold(), reader.table_sql(name))
            for name in tables
            if name.casefold() in schema.TABLES
        ]
        if "deals" not in {source.table for source in found}:
            listed = ", ".join(tables[:20]) + (" …" if len(tables) > 20 else "")
            raise DataError(
                f"the database has no table or view named deals; it has {listed or 'none'}; "
                "name the tables or queries in a mapping file (--mapping)"
            )
        return found

    def _stage(self, reader: Reader, source: _Source, number: int) -> None:
        sheet = self._sheet(reader, source, number)
        plan = _plan(sheet, source, self._job.settings)
        if plan is None:
            self._job.skipped.append(
                {"file": sheet.label, "reason": "its columns are not those of the table"}
            )
            return
        loader = Loader(self._job.db.cursor(), self._job.settings, DATABASE, prefix=f"d{number}")
        staged = loader.load(sheet, plan, self._job.scratch)
        self._job.staged.setdefault(plan.table, []).append(staged)

    def _sheet(self, reader: Reader, source: _Source, number: int) -> Sheet:
        """Write a query's rows as a numbered sheet; the row is that of the result, from 1."""
        header, rows = self._result(reader, source)
        target = self._job.scratch / f"database-{number}.csv"
        newest = header.index(self._since) if self._since in header else None
        with target.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow([ROW_COLUMN, *header])
            for position, row in enumerate(rows, start=1):
                writer.writerow([position, *map(as_text, row)])
                if newest is not None:
                    self._remember(source.label, row[newest])
        return Sheet(
            file=f"database:{source.label}", sheet="", path=target, source=target,
            format="database", encoding="utf-8", delimiter=",", header=header,
            sha256=_digest(target), numbered=True,
        )  # fmt: skip

    def _result(self, reader: Reader, source: _Source) -> Result:
        last = self._seen.get(source.label)
        if last is None:
            return reader.rows(source.sql)
        return reader.since(source.sql, self._since, _value(last))

    def _remember(self, label: str, value: Any) -> None:
        last = self._seen.get(label)
        if value is not None and (last is None or value > _value(last)):
            self._seen[label] = _recorded(value)


def _mapped(reader: Reader, entry: Entry, place: int, entries: Sequence[Entry]) -> _Source:
    before = [e for e in entries[:place] if e.table == entry.table]
    label = f"{entry.table}#{len(before) + 1}" if before else entry.table
    sql = entry.query.strip().rstrip(";") or reader.table_sql(entry.table_in_database)
    return _Source(label, entry.table, sql, entry)


def _plan(sheet: Sheet, source: _Source, settings: Settings) -> Plan | None:
    if source.entry is not None:
        return plan_of(sheet, source.entry, DATABASE)
    return recognise(source.table, sheet.header, DATABASE, settings.fields)


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as text:
        while chunk := text.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def as_text(value: Any) -> str:
    """Write a value of a database as a cell of a file; NULL and NaN are empty.

    Times without a zone are in the company's; those with one keep their offset. Bytes are read
    as UTF-8, else written as hexadecimal digits; lists and objects become JSON.
    """
    if value is None or (isinstance(value, float) and isnan(value)):
        return ""
    if isinstance(value, str):
        return "" if value in _NO_DATE else value.replace("\0", "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=as_text)
    return _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return "" if value.is_nan() else f"{value:f}"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return str(value.total_seconds())
    return str(value)


def _bytes(value: bytes) -> str:
    try:
        return value.decode("utf-8").replace("\0", "")
    except UnicodeDecodeError:
        return value.hex()


def _recorded(value: Any) -> dict[str, Any]:
    """Write a value for import.json so that the same comparison can be asked again."""
    if isinstance(value, datetime | date):
        kind = "datetime" if isinstance(value, datetime) else "date"
        return {"type": kind, "value": value.isoformat()}
    if isinstance(value, int):
        return {"type": "integer", "value": value}
    return {"type": "text", "value": str(value)}


def _value(recorded: dict[str, Any]) -> Any:
    kind, value = recorded["type"], recorded["value"]
    if kind == "datetime":
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if kind == "date" else value
