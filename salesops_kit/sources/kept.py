"""Rows kept from one import to the next, so that a later, partial export adds to them.

Every sheet is kept as it was staged, before anything was looked up or computed. Adding an export
is therefore the import of all exports so far, the newer row winning per key: the tables come out
as if everything had been exported at once.
"""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
from pydantic import TypeAdapter

from salesops_kit.errors import DataError
from salesops_kit.sources.loading import Staged
from salesops_kit.sources.mapping import Plan
from salesops_kit.sources.tabular import RejectedRow, Sheet, sql_path

FOLDER = "kept"
UPDATES = ("replace", "begin", "add")

_PLAN = TypeAdapter(Plan)
_REJECTS = TypeAdapter(list[RejectedRow])


@dataclass
class Kept(Staged):
    """A sheet of an earlier import."""


def has_kept(version: Path | None, system: str) -> bool:
    """Tell whether a version keeps the rows of a source."""
    return version is not None and (version / FOLDER / system / "index.json").is_file()


def reopen(
    db: duckdb.DuckDBPyConnection, previous: Path | None, system: str
) -> dict[str, list[Staged]]:
    """Return what earlier imports staged, per table.

    Raises
    ------
    DataError
        When the workspace has rows of this source but did not keep how they were exported.
    """
    if previous is None or not has_kept(previous, system):
        if previous is not None and _delivered(db, previous, system):
            raise DataError(
                f"the workspace keeps no {system} rows to add to; import the full export once "
                "with --update begin, later ones with --update add"
            )
        return {}
    folder = previous / FOLDER / system
    staged: dict[str, list[Staged]] = {}
    for number, entry in enumerate(json.loads((folder / "index.json").read_text("utf-8"))):
        one = _reopened(db, entry, folder / f"{number}.parquet", f"kept_{number}")
        staged.setdefault(one.plan.table, []).append(one)
    return staged


def _delivered(db: duckdb.DuckDBPyConnection, previous: Path, system: str) -> bool:
    file = previous / "tables" / "deals.parquet"
    if not file.is_file():
        return False
    rows = f"SELECT 1 FROM read_parquet('{sql_path(file)}') WHERE source_system = ? LIMIT 1"
    return bool(db.execute(rows, [system]).fetchall())


def _reopened(db: duckdb.DuckDBPyConnection, entry: dict[str, Any], file: Path, name: str) -> Kept:
    db.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{sql_path(file)}')")
    sheet = Sheet(
        **{key: entry[key] for key in ("file", "sheet", "format", "encoding", "sha256")},
        path=file,
        source=file,
        delimiter=",",
        header=tuple(entry["header"]),
    )
    return Kept(
        sheet,
        _PLAN.validate_python(entry["plan"]),
        name,
        entry["read"],
        _REJECTS.validate_python(entry["rejects"]),
        datetime.fromisoformat(entry["extracted_at"]),
        entry["notes"],
        Counter(entry["unmapped"]),
    )


def added(
    kept: Mapping[str, list[Staged]], new: Mapping[str, list[Staged]]
) -> tuple[dict[str, list[Staged]], list[str]]:
    """Return kept and new sheets together, and a note on each that had been imported before."""
    known = {_identity(one) for staged in kept.values() for one in staged}
    together = {table: list(staged) for table, staged in kept.items()}
    notes = []
    for table, staged in new.items():
        for one in staged:
            if _identity(one) in known:
                notes.append(f"{one.sheet.label} was imported before: nothing new in it")
            else:
                together.setdefault(table, []).append(one)
    return together, notes


def _identity(one: Staged) -> tuple[str, str, str]:
    return one.sheet.label, one.plan.table, one.sheet.sha256


def keep(
    db: duckdb.DuckDBPyConnection, staged: Mapping[str, Sequence[Staged]], folder: Path
) -> None:
    """Write every staged sheet, with what an import needs to use it again, into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    every = [one for many in staged.values() for one in many]
    for number, one in enumerate(every):
        target = sql_path(folder / f"{number}.parquet")
        db.execute(f"COPY (SELECT * FROM {one.name}) TO '{target}' (FORMAT parquet)")
    index = [_entry(one) for one in every]
    (folder / "index.json").write_text(json.dumps(index, ensure_ascii=False), encoding="utf-8")


def _entry(one: Staged) -> dict[str, Any]:
    return {
        **{key: getattr(one.sheet, key) for key in ("file", "sheet", "format", "encoding")},
        "sha256": one.sheet.sha256,
        "header": one.sheet.header,
        "plan": _PLAN.dump_python(one.plan, mode="json"),
        "read": one.read,
        "rejects": [asdict(reject) for reject in one.rejects],
        "extracted_at": one.extracted_at.isoformat() if one.extracted_at else "",
        "notes": one.notes,
        "unmapped": dict(one.unmapped),
    }


def carry_over(previous: Path | None, fresh: Path, system: str) -> None:
    """Take along what is kept of other sources."""
    folder = previous / FOLDER if previous else None
    for other in sorted(folder.iterdir()) if folder and folder.is_dir() else ():
        if other.name != system:
            shutil.copytree(other, fresh / FOLDER / other.name)
