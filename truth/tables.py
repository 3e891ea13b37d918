"""A simulated company as a workspace, without exports between."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.settings import Settings
from salesops_kit.workspace import Workspace


@dataclass
class FrameStore:
    """Canonical tables in memory, on one DuckDB connection, typed as `schema` declares them."""

    connection: duckdb.DuckDBPyConnection
    held: frozenset[str]

    @classmethod
    def of(cls, frames: dict[str, pd.DataFrame]) -> "FrameStore":
        connection = duckdb.connect()
        connection.execute("SET threads = 1")  # worlds run side by side, one per core
        for name, frame in frames.items():
            connection.register("given", frame)
            columns = ", ".join(_typed(column, frame) for column in schema.TABLES[name].columns)
            connection.execute(f'CREATE TABLE "{name}" AS SELECT {columns} FROM given')
            connection.unregister("given")
        return cls(connection, frozenset(frames))

    def names(self) -> frozenset[str]:
        return self.held

    def read(self, name: str) -> nw.LazyFrame[Any]:
        return nw.from_native(self.connection.table(name))

    def keep(self, name: str, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        self.connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        frame.to_native().create(name)
        return self.read(name)


def workspace_of(frames: dict[str, pd.DataFrame], as_of: date) -> Workspace:
    """Return a workspace over frames, as known on a day."""
    return Workspace(Path("world"), Settings(), FrameStore.of(frames), as_of)


def _typed(column: schema.Column, frame: pd.DataFrame) -> str:
    given = f'"{column.name}"' if column.name in frame else "NULL"
    if column.derived_from and column.derived_from in frame:
        moment = f"CAST({column.derived_from} AS TIMESTAMP)"
        given = (
            f"epoch({moment})"
            if column.type == "seconds"
            else f"(CAST({moment} AS DATE) - DATE '1970-01-01')"
        )
    return f'CAST({given} AS {schema.SQL_TYPES[column.type]}) AS "{column.name}"'
