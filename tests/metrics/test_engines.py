"""Every metric equal to a plain loop, whatever kind of table is handed over."""

import inspect
from importlib import import_module

import duckdb
import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from metrics.cases import (
    ACTIVITIES,
    ANSWERS,
    AS_OF,
    CASES,
    DEALS,
    IDS,
    LEADS,
    LINES,
    QUARTER,
    STAY_TYPES,
)
from metrics.checks import assert_same, check, check_volume, given, keyed
from metrics.tables import (
    as_frame,
    as_rows,
    parquet,
    random_activities,
    random_deals,
    random_feedback,
    random_histories,
    random_leads,
)
from metrics.visit_oracle import visits_of

from salesops_kit.errors import ParameterError
from salesops_kit.metrics import bookings as sold
from salesops_kit.metrics.engine import collect, lazy, together
from salesops_kit.periods import day_number

ROSTER = ("roster", "credited", "customer_scores")  # proven in test_roster


@pytest.mark.parametrize("kind", ["pandas", "parquet", "relation"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_metric_equals_the_plain_loop(case, kind, tmp_path):
    for by in ((), case[3]):
        check(case, given(kind, case[2], tmp_path), by)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_metric_of_a_few_rows_equals_the_plain_loop(size):
    history, known = random_histories(100 + size, size)
    found = visits_of(history, known, as_of_day=day_number(AS_OF), dimensions=("region",))
    stays = as_frame(found, **STAY_TYPES, amount="float64", region=object, next_stage=object)
    few = {id(DEALS): random_deals(size, size), id(LEADS): random_leads(size, size),
           id(ACTIVITIES): random_activities(size, size),
           id(ANSWERS): random_feedback(size, size)}  # fmt: skip
    for metric, oracle, table, by, more, when in CASES:
        frame = few.get(id(table), stays)
        today = day_number(when.get("as_of", AS_OF))
        expected = oracle(as_rows(frame), when.get("period", when.get("months")), today, by)

        result = metric(frame, **when, by=by)

        columns = next(iter(expected.values()), {})
        assert_same(keyed(result, (*by, *more), columns), expected)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_metric_leaves_its_input_alone_and_says_what_it_is(case):
    before = case[2].copy()

    found = case[0](case[2], **case[5], by=())

    assert before.equals(case[2])
    assert set(found.attrs) == {"definition", "as_of", "excluded"}
    assert all(isinstance(n, int) for n in found.attrs["excluded"].values())


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_metric_of_nothing_has_the_same_columns(case):
    metric, _, frame, by, _, when = case

    for dimensions in ((), by):
        empty, full = (metric(f, **when, by=dimensions) for f in (frame.iloc[:0], frame))

        assert list(empty) == list(full)
        assert len(empty) == (0 if dimensions or len(full) != 1 else 1)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_groups_add_up_to_the_whole(case):
    metric, _, frame, by, more, when = case
    whole, parts = metric(frame, **when), metric(frame, **when, by=by)

    for name in whole.columns.difference(["stage_rank", "next_rank", "age_days"]):
        # distinct deals may change group between visits; the rest is additive
        additive = whole[name].dtype == np.int64 and name not in ("deals", "visited", *more)
        if additive:
            assert parts[name].sum() == whole[name].sum(), name


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_dimension_nobody_filled_is_one_group_without_a_name(case):
    metric, _, frame, _, _, when = case
    unfilled = frame.assign(segment=pd.Series([None] * len(frame), dtype=object))

    found, whole = metric(unfilled, **when, by=["segment"]), metric(unfilled, **when)

    assert found["segment"].tolist() == [None] * len(whole)
    pd.testing.assert_frame_equal(found.drop(columns="segment"), whole, check_dtype=False)


@pytest.mark.parametrize("kind", ["pandas", "parquet", "relation"])
def test_units_equal_the_plain_loop(kind, tmp_path):
    (tmp_path / "lines").mkdir()
    tables = given(kind, DEALS, tmp_path), given(kind, LINES, tmp_path / "lines")
    check_volume(tables)


def test_tables_of_different_homes_can_be_joined(tmp_path):
    path = parquet(LINES, tmp_path, "lines")
    own, other = duckdb.connect().from_df(DEALS), duckdb.connect().from_df(LINES)
    expected = sold.volume(DEALS, LINES, period=QUARTER)

    for pair in ((own, LINES), (DEALS, other), (own, other), (own, path), (DEALS, path),
                 (nw.from_native(DEALS), nw.from_native(other))):  # fmt: skip
        assert sold.volume(*pair, period=QUARTER).equals(expected)


def test_other_frames_narwhals_knows_are_read_too(tmp_path):
    check(CASES[0], given("arrow", DEALS, tmp_path), ("region",))
    check_volume((given("arrow", DEALS, tmp_path), given("arrow", LINES, tmp_path)))


def test_what_is_no_table_is_refused():
    with pytest.raises(ParameterError, match="a table is given as int; give a pandas, Polars"):
        lazy(7)
    with pytest.raises(ParameterError, match="a table is given as list"):
        together(DEALS, [1])


def test_whole_numbers_and_missing_texts_come_back_plain():
    relation = duckdb.sql(
        "SELECT * FROM (VALUES (2, NULL, NULL), (1, 'b', 5), (1, 'a', 6)) t(n, word, gap)"
    )
    frame = lazy(relation).group_by("word").agg(nw.col("n").sum(), nw.col("gap").sum())

    found = collect(frame, ["word"])

    assert found["word"].tolist() == ["a", "b", None]
    assert found.dtypes.astype(str).to_dict() == {"word": "object", "n": "int64", "gap": "int64"}
    assert collect(lazy(relation), ["n"])["gap"].dtype == "Int64"


@pytest.mark.parametrize("module", ["bookings", "cycle", "exits", "funnel", "leads", "pipeline",
                                    "reps", "roster", "targets", "velocity", "wins"])  # fmt: skip
def test_every_public_metric_is_proven_here(module):
    home = import_module(f"salesops_kit.metrics.{module}")
    public = {
        name for name, thing in inspect.getmembers(home, inspect.isfunction)
        if thing.__module__ == home.__name__ and not name.startswith("_")
    }  # fmt: skip

    assert (
        public
        - {*IDS, "volume", "attainment", "planned", "planned_each", "planned_totals", *ROSTER}
        == set()
    )
