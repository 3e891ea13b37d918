"""Where a metric runs: the one place that knows engines.

Two executors, DuckDB and Spark. A pandas or Polars frame is handed to DuckDB (a millisecond, no
copy), a Parquet path is read by it, a DuckDB relation stays on its connection, a Spark frame on
its cluster. Metrics see only `nw.LazyFrame`, and end with `collect`.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.errors import ParameterError

Frame = nw.LazyFrame[Any]
# what a metric accepts: DataFrame of pandas, Polars or Spark, DuckDB relation, Parquet path
Source = Any

_DTYPES: dict[schema.ColumnType, Any] = {
    "id": nw.String,
    "text": nw.String,
    "integer": nw.Int64,
    "number": nw.Float64,
    "money": nw.Float64,
    "share": nw.Float64,
    "date": nw.Date,
    "datetime": nw.Datetime,
    "boolean": nw.Boolean,
    "day": nw.Int64,
    "seconds": nw.Int64,
}


def lazy(source: Source) -> Frame:
    """Return `source` as a lazy frame on DuckDB or Spark, unread.

    Raises
    ------
    ParameterError
        When it is nothing a metric can read.
    """
    if isinstance(source, str | Path):
        return nw.from_native(duckdb.read_parquet(str(source)))
    frame: Any = nw.from_native(source, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        runs = frame.implementation.is_duckdb() or frame.implementation.is_spark_like()
        return frame if runs else frame.collect().lazy("duckdb")
    if isinstance(frame, nw.DataFrame):
        return frame.lazy("duckdb")
    raise ParameterError(
        f"a table is given as {type(source).__name__}; give a pandas, Polars or Spark DataFrame, "
        "a DuckDB relation or the path of a Parquet file"
    )


def together(first: Source, *others: Source) -> tuple[Frame, ...]:
    """Return the sources as lazy frames that can be joined: one engine, one connection.

    What lies on Spark stays there and draws the rest to it; else the first DuckDB relation
    draws pandas frames and Parquet files to its own connection without copying them. Only a
    relation of another connection is copied.
    """
    sources = (first, *others)
    hosts = [lazy(source) for source in sources if not _is_movable(source)]
    if not hosts:
        return tuple(lazy(source) for source in sources)
    host = next((frame for frame in hosts if frame.implementation.is_spark_like()), hosts[0])
    move = _to_spark if host.implementation.is_spark_like() else _to_connection
    return tuple(move(source, host) for source in sources)


def conformed(
    source: Frame, table: schema.Table, needed: Sequence[str], keep: Sequence[str] = ()
) -> Frame:
    """Return the `needed` columns of a table in their declared types, and those to `keep`.

    A needed column that the export lacks is there and empty, so that a metric counts what is
    missing instead of failing.

    Raises
    ------
    ParameterError
        When a column to keep, such as a dimension, does not exist.
    """
    there = source.collect_schema()
    if unknown := [name for name in keep if name not in there]:
        raise ParameterError(
            f"{table.name} has no column {', '.join(map(repr, unknown))}; "
            f"it has {', '.join(there.names())}"
        )
    columns = []
    for name in dict.fromkeys((*needed, *keep)):
        if name in there and name not in table.column_names:
            columns.append(nw.col(name))
        else:
            given = nw.col(name) if name in there else nw.lit(None)
            columns.append(given.cast(_DTYPES[table.column(name).type]).alias(name))
    return source.select(*columns)


def collect(frame: Frame, keys: Sequence[str] = ()) -> pd.DataFrame:
    """Compute a small result and return it as pandas, sorted by `keys`, missing keys last.

    Whole numbers are int64 (Int64 where some are missing), missing texts are None: DuckDB's
    128-bit sums and Spark's and pandas' own ideas of missing do not show.
    """
    types = frame.collect_schema()
    whole = [name for name, dtype in types.items() if dtype.is_integer()]
    plain = frame.with_columns(*[nw.col(n).cast(nw.Int64) for n in whole]) if whole else frame
    native: Any = plain.to_native()
    rows: pd.DataFrame = native.df() if hasattr(native, "df") else native.toPandas()
    # most columns are as they should be, and every one put in anew costs more than the query's rows
    changed = {n: column for n in rows.columns if (column := _plain(rows[n], types[n])) is not None}
    rows = rows.assign(**changed) if changed else rows
    if not keys:
        return rows
    return rows.sort_values(list(keys), na_position="last", kind="stable", ignore_index=True)


def _plain(column: "pd.Series[Any]", dtype: Any) -> "pd.Series[Any] | None":
    """Return a column in the type that the kit uses; None when it has it."""
    if dtype.is_integer():
        return _as(column, "Int64" if column.hasnans else "int64")
    if dtype.is_float() or dtype.is_decimal():
        return _as(column, "float64")
    if dtype == nw.String and (column.dtype != object or column.hasnans):
        return column.astype(object).where(column.notna(), None)
    return None


def _as(column: "pd.Series[Any]", name: Any) -> "pd.Series[Any] | None":
    return None if column.dtype == name else column.astype(name)


def _is_movable(source: Source) -> bool:
    if isinstance(source, str | Path):
        return True
    frame: Any = nw.from_native(source, pass_through=True)
    return isinstance(frame, nw.DataFrame)


def _frame(native: Any) -> Frame:
    frame: Frame = nw.from_native(native)
    return frame


def _to_connection(source: Source, host: Frame) -> Frame:
    anchor: Any = host.to_native()
    if isinstance(source, str | Path):
        path = str(source).replace("'", "''")
        return _frame(anchor.query("host", f"SELECT * FROM read_parquet('{path}')"))
    if not _is_movable(source):
        frame = lazy(source)
        if _joinable(anchor, frame.to_native()):
            return frame
        rows = frame.to_native().df()
    else:
        rows = nw.to_native(nw.from_native(source, pass_through=True))
    # DuckDB finds `rows` by its name, which linters cannot see
    moved: Any = anchor.query("host", "SELECT * FROM rows")
    del rows
    return _frame(moved)


def _joinable(left: Any, right: Any) -> bool:
    try:
        left.set_alias("left_side").cross(right.set_alias("right_side"))
    except duckdb.InvalidInputException:
        return False
    return True


def _to_spark(source: Source, host: Frame) -> Frame:
    session = host.to_native().sparkSession
    if isinstance(source, str | Path):
        return _frame(session.read.parquet(str(source)))
    frame = lazy(source)
    if frame.implementation.is_spark_like():
        return frame
    rows = frame.to_native().df()
    # Spark reads NaN in a text column as the text 'nan'
    plain = rows.astype(object).where(rows.notna(), None)
    return _frame(session.createDataFrame(plain, schema=_spark_types(frame)))


def _spark_types(frame: Frame) -> str:
    def spark_type(dtype: Any) -> str:
        for matches, name in ((dtype.is_integer(), "BIGINT"), (dtype.is_numeric(), "DOUBLE"),
                              (dtype == nw.Boolean, "BOOLEAN"), (dtype == nw.Date, "DATE"),
                              (dtype.is_temporal(), "TIMESTAMP_NTZ")):  # fmt: skip
            if matches:
                return name
        return "STRING"

    return ", ".join(f"`{name}` {spark_type(t)}" for name, t in frame.collect_schema().items())
