"""A metric's frame held against what its oracle found, whatever kind of table was handed over."""

import duckdb
import pytest
from metrics import oracles
from metrics.cases import AS_OF, DEALS, LINES, QUARTER, TODAY
from metrics.tables import as_rows, parquet

from salesops_kit.metrics import bookings as sold
from salesops_kit.periods import day_number


def given(kind, frame, folder, session=None):
    if kind == "parquet":
        return parquet(frame, folder, "table")
    if kind == "relation":
        return duckdb.connect().from_df(frame)
    if kind == "arrow":
        return duckdb.from_df(frame).to_arrow_table()
    if kind == "spark":
        return session.read.parquet(str(parquet(frame, folder, "table")))
    return frame


def keyed(table, keys, columns):
    return {
        tuple(row[key] for key in keys): {column: row[column] for column in columns}
        for row in as_rows(table)
    }


def assert_same(found, expected):
    assert set(found) == set(expected)
    for key, row in expected.items():
        for column, value in row.items():
            if value is None:
                assert found[key][column] is None, (key, column)
            else:
                assert found[key][column] == pytest.approx(value, rel=1e-9), (key, column)


def check(case, table, by):
    metric, oracle, frame, _, more, when = case
    today = day_number(when.get("as_of", AS_OF))
    expected = oracle(as_rows(frame), when.get("period", when.get("months")), today, by)

    found = metric(table, **when, by=by)

    columns = next(iter(expected.values()))
    assert_same(keyed(found, (*by, *more), columns), expected)
    return found


def check_volume(tables):
    found = sold.volume(*tables, period=QUARTER, as_of=TODAY, by=("region",))

    expected = oracles.volume(as_rows(DEALS), as_rows(LINES), QUARTER, day_number(TODAY),
                              ("region",))  # fmt: skip
    assert_same(keyed(found, ("region",), ("won", "with_units", "units")), expected)
