"""Where canonical tables lie, and the engine that reads them; no day and no scope is known here."""

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, Protocol

import duckdb
import narwhals.stable.v2 as nw

from salesops_kit import schema
from salesops_kit.errors import DataError

Frame = nw.LazyFrame[Any]
_LEAST_MEMORY, _MEMORY_PER_ROW = 1_000_000_000, 200  # of DuckDB; a million deals fit
_ROWS_OF_A_THREAD = 122_880  # what DuckDB gives to one; on smaller tables the others only wait


class TableStore(Protocol):
    """Where canonical tables lie: a folder of Parquet files, a database, a Spark session."""

    def names(self) -> frozenset[str]:
        """Return the names of the tables that are there."""

    def read(self, name: str) -> Frame:
        """Return one table, unread, on the store's engine."""

    def keep(self, name: str, frame: Frame) -> Frame:
        """Compute a frame once and return it for cheap re-reading."""


class ParquetStore:
    """Canonical tables as Parquet files in one folder, read by an embedded DuckDB."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, Frame] = {}
        self._connection = duckdb.connect()
        # in a notebook a slow query would draw a bar into the report
        self._connection.execute("SET enable_progress_bar = false")
        # what does not fit in memory goes into a private folder, never beside the notebook
        spill = tempfile.mkdtemp(prefix="salesops")
        weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)
        self._connection.execute("SET temp_directory = '" + spill.replace("'", "''") + "'")
        self._fit_to_tables()

    def _fit_to_tables(self) -> None:
        """Let memory and threads grow with the tables.

        A fixed limit of memory spills the windows over large ones, a second thread costs small
        ones more than it does.
        """
        files = str(self.folder / "*.parquet")
        try:
            counted = self._connection.execute(
                "SELECT coalesce(sum(num_rows), 0)::BIGINT, coalesce(max(num_rows), 0)::BIGINT, "
                "current_setting('memory_limit'), current_setting('threads') "
                "FROM parquet_file_metadata(?)", [files]
            ).fetchone()  # fmt: skip
        except duckdb.Error:  # no table, or a broken one, which `read` names
            return
        rows, largest, memory, threads = counted or (0, 0, "0 bytes", 1)
        wanted = max(_LEAST_MEMORY, _MEMORY_PER_ROW * rows)
        if wanted < _bytes(memory):
            self._connection.execute(f"SET memory_limit = '{wanted}B'")
        busy = largest // _ROWS_OF_A_THREAD + 1
        if busy < threads:
            self._connection.execute(f"SET threads = {busy}")

    def names(self) -> frozenset[str]:
        """Return the names of the tables in the folder."""
        return frozenset(p.stem for p in self.folder.glob("*.parquet") if p.stem in schema.TABLES)

    def read(self, name: str) -> Frame:
        """Return the Parquet file as a lazy frame on the store's connection."""
        path = self.folder / f"{name}.parquet"
        if name not in self._read:
            try:
                self._read[name] = nw.from_native(self._connection.read_parquet(str(path)))
            except duckdb.Error as error:
                raise DataError(
                    f"{path} cannot be read as Parquet: {error}; import again"
                ) from error
        return self._read[name]

    def keep(self, name: str, frame: Frame) -> Frame:
        """Compute a frame into a temporary table of the connection."""
        self._connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        frame.to_native().create(name)
        return nw.from_native(self._connection.table(name))


def _bytes(text: str) -> float:
    """Read a size as DuckDB writes it: 18.8 GiB."""
    number, unit = text.split()
    return float(number) * 1024.0 ** ("bytes", "KiB", "MiB", "GiB", "TiB").index(unit)
