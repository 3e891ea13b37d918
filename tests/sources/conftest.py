"""Write a few files, import them, and look at what lies on disk."""

import csv
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from salesops_kit.settings import Settings, settings_from
from salesops_kit.sources.importer import import_exports

Files = Mapping[str, str | bytes]


@dataclass
class Imported:
    """A workspace as a reader finds it."""

    workspace: Path

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.workspace / "import.json").read_text("utf-8"))
        return found

    def rows(self, table: str, columns: str = "*", order: str = "1, 2") -> list[tuple[Any, ...]]:
        file = self.workspace / "tables" / f"{table}.parquet"
        return duckdb.sql(f"SELECT {columns} FROM '{file}' ORDER BY {order}").fetchall()

    def by_id(self, table: str, column: str) -> dict[str, Any]:
        """Return one column of a table by its key."""
        key = {"deals": "deal_id", "accounts": "account_id", "reps": "rep_id"}[table]
        return dict(self.rows(table, f'{key}, "{column}"'))

    def rejects(self) -> list[dict[str, str]]:
        found = []
        for file in sorted((self.workspace / "rejects").glob("*.csv")):
            with file.open(encoding="utf-8-sig", newline="") as lines:
                found += list(csv.DictReader(lines))
        return found

    def file(self, name: str) -> dict[str, Any]:
        (entry,) = (f for f in self.record["files"] if f["file"] == name)
        return dict(entry)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write files into a folder of exports; text as UTF-8."""

    def writing(files: Files, folder: str = "exports") -> Path:
        root = tmp_path / folder
        for name, content in files.items():
            target = root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return writing


@pytest.fixture
def run(tmp_path: Path, write: Callable[..., Path]) -> Callable[..., Imported]:
    """Import files into a workspace; settings as a dictionary."""

    def running(
        source: str,
        files: Files,
        settings: Mapping[str, Any] | None = None,
        *,
        folder: str = "exports",
        into: str = "workspace",
    ) -> Imported:
        chosen: Settings | None = settings_from(dict(settings)) if settings else None
        import_exports(source, write(files, folder), into=tmp_path / into, settings=chosen)
        return Imported(tmp_path / into)

    return running
