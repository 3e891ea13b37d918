"""A simulated company as canonical tables and as a workspace, without exports between."""

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
from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY
from salesops_kit.worlds.simulate import Company

STAGES = {stage.name: stage for stage in schema.DEFAULT_STAGES}
OPEN_RANKS = tuple(STAGES[plan.name].rank for plan in c.STAGES)
_SQL_TYPES = {
    "id": "VARCHAR",
    "text": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "money": "DOUBLE",
    "share": "DOUBLE",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "boolean": "BOOLEAN",
    "day": "BIGINT",
    "seconds": "BIGINT",
}


def deals_of(company: Company) -> pd.DataFrame:
    """Return the deals as they stand when the world ends, in the columns of `schema.DEALS`."""
    deals = company.deals
    stage = deals["stage"]
    status = stage.map({name: s.category for name, s in STAGES.items()})
    closed = deals["stage_at"].where(status != "open")
    return pd.DataFrame(
        {
            "deal_id": _ids(deals["deal"]),
            "owner_id": "R" + deals["rep"].astype(str),
            "team": _words(deals["region"], c.REGIONS) + " Team",
            "pipeline": "standard",
            "stage": stage,
            "stage_rank": stage.map({name: s.rank for name, s in STAGES.items()}),
            "status": status,
            "amount": deals["amount"],
            "created_at": _moment(deals["created"]),
            "created_day": deals["created"] // DAY,
            "closed_at": _moment(closed),
            "closed_day": (closed // DAY).astype("Int64"),
            "expected_close_day": deals["expected_day"],
            "stage_changed_at": _moment(deals["stage_at"]),
            "stage_changed_day": deals["stage_at"] // DAY,
            "source": _words(deals["source"], c.SOURCES),
            "region": _words(deals["region"], c.REGIONS),
            "product": _words(deals["product"], tuple(p[0] for p in c.PRODUCTS)),
            "is_deleted": False,
        }
    )


def history_of(company: Company) -> pd.DataFrame:
    """Return every entry into a stage, in the columns of `schema.STAGE_HISTORY`."""
    history = company.history
    stage = history["stage"]
    rep = "R" + history["rep"].astype(str)
    return pd.DataFrame(
        {
            "deal_id": _ids(history["deal"]),
            "seq": history.groupby("deal").cumcount() + 1,
            "stage": stage,
            "stage_rank": stage.map({name: s.rank for name, s in STAGES.items()}),
            "stage_category": stage.map({name: s.category for name, s in STAGES.items()}),
            "entered_at": _moment(history["entered"]),
            "entered_day": history["entered"] // DAY,
            "entered_s": history["entered"],
            "amount": history["amount"],
            "expected_close_day": history["expected_day"],
            "owner_id": rep,
            "changed_by": rep.mask(history["by_office"], "office"),
        }
    )


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
    return f'CAST({given} AS {_SQL_TYPES[column.type]}) AS "{column.name}"'


def _ids(numbers: pd.Series) -> pd.Series:
    return "D" + numbers.astype(str)


def _moment(seconds: pd.Series) -> pd.Series:
    return pd.to_datetime(seconds, unit="s")


def _words(positions: pd.Series, among: tuple[c.Named, ...]) -> pd.Series:
    return positions.map({i: word.en for i, word in enumerate(among)})
