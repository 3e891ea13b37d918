"""Small workspaces for tests: canonical tables given as rows, written as an import writes them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from salesops_kit import schema


def canonical_frame(name: str, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a frame with every column of the table, days computed from dates."""
    table = schema.TABLES[name]
    connection = duckdb.connect()
    columns = ", ".join(f'"{c.name}" {schema.SQL_TYPES[c.type]}' for c in table.columns)
    connection.execute(f"CREATE TABLE t ({columns})")
    names = [c.name for c in table.columns if not c.derived_from]
    for row in rows:
        unknown = set(row) - set(names)
        assert not unknown, f"{name} has no column {unknown}"
    given = [n for n in names if any(row.get(n) is not None for row in rows)]
    if rows:
        # in one piece and as text: a statement per row takes a second per thousand
        texts = pd.DataFrame({n: [_text(row.get(n)) for row in rows] for n in given},
                             index=range(len(rows)), dtype=object)  # fmt: skip
        connection.register("texts", texts.assign(_place=range(len(rows))))
        wanted = ", ".join(f'"{n}"' for n in given)
        connection.execute(f"INSERT INTO t ({wanted}) SELECT {wanted} FROM texts ORDER BY _place")
    for column in table.columns:
        if column.derived_from and column.type == "day":
            connection.execute(
                f"UPDATE t SET {column.name} = date_diff('day', DATE '1970-01-01', "
                f"{column.derived_from}::DATE)"
            )
        elif column.derived_from:
            connection.execute(f"UPDATE t SET {column.name} = epoch({column.derived_from})::BIGINT")
    return connection.sql("SELECT * FROM t").df()


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def write_workspace(
    folder: Path,
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    history_quality: str = "full",
    extracted_at: str = "2025-10-01T00:00:00",
    settings: str = "",
) -> Path:
    """Write a workspace folder that `open_workspace` reads."""
    (folder / "tables").mkdir(parents=True)
    for name, rows in tables.items():
        frame = canonical_frame(name, rows)  # noqa: F841 - DuckDB finds it by name
        declared = schema.TABLES[name].columns
        casts = ", ".join(f'"{c.name}"::{schema.SQL_TYPES[c.type]} AS "{c.name}"' for c in declared)
        duckdb.sql(f"COPY (SELECT {casts} FROM frame) TO '{folder}/tables/{name}.parquet'")
    record = {"history_quality": history_quality, "extracted_at": extracted_at}
    (folder / "import.json").write_text(json.dumps(record), encoding="utf-8")
    if settings:
        (folder / "salesops.toml").write_text(settings, encoding="utf-8")
    return folder
