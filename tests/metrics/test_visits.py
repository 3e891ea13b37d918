from datetime import date

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics.tables import (
    FIRST_DAY,
    STAGES,
    as_frame,
    as_rows,
    entry,
    history_frame,
    parquet,
    random_histories,
)
from metrics.visit_oracle import visits_of

from salesops_kit.errors import ParameterError
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.visits import VisitRules, visit_counts, visits
from salesops_kit.periods import from_day_number

DAY = 86_400
START = FIRST_DAY * DAY
AS_OF = from_day_number(FIRST_DAY + 6)
DIMENSIONS = ("region", "owner_id")


def table(entries, deals=None, *, as_of=AS_OF, dimensions=(), rules=None):
    history = history_frame(entries)
    known = None if deals is None else as_frame(deals, deal_id=object, amount="float64")
    return collect(
        visits(history, known, as_of=as_of, dimensions=dimensions, rules=rules),
        ["deal_id", "seq"],
    )


def rows(frame, *columns):
    return [tuple(row[c] for c in columns) for row in as_rows(frame)]


def way(*stages, deal="D1", step=DAY):
    return [entry(deal, n + 1, stage, START + n * step) for n, stage in enumerate(stages)]


def test_a_straight_way_to_a_win_is_advance_after_advance():
    found = table(way("prospecting", "qualification", "won"), rules=VisitRules((10, 20)))

    assert rows(found, "seq", "stage", "exit_type", "next_stage", "skipped") == [
        (1, "prospecting", "advanced", "qualification", 0),
        (2, "qualification", "won", "won", 0),
        (3, "won", "open", None, 0),
    ]
    assert rows(found, "entered_day", "exited_day") == [
        (FIRST_DAY, FIRST_DAY + 1), (FIRST_DAY + 1, FIRST_DAY + 2), (FIRST_DAY + 2, None),
    ]  # fmt: skip


def test_stages_passed_over_are_counted_when_skipping_and_when_winning():
    found = table(
        way("prospecting", "needs", "won"), rules=VisitRules(open_ranks=(10, 20, 30, 60, 70))
    )

    assert rows(found, "exit_type", "skipped") == [("skipped_to", 1), ("won", 2), ("open", 0)]


def test_without_ranks_the_stages_seen_in_the_data_are_the_funnel():
    entries = way("prospecting", "needs") + way("qualification", deal="D2")

    assert rows(table(entries), "exit_type", "skipped")[0] == ("skipped_to", 1)
    assert rows(table(entries[:2]), "exit_type", "skipped")[0] == ("advanced", 0)


def test_each_pipeline_has_its_own_ranks():
    entries = way("prospecting", "needs", deal="D1") + way("prospecting", "needs", deal="D2")
    deals = [{"deal_id": "D1", "pipeline": "new"}, {"deal_id": "D2", "pipeline": "renewal"}]
    rules = VisitRules(open_ranks={"new": (10, 20, 30), "renewal": (10, 30)})

    found = table(entries, deals, rules=rules)

    assert rows(found[found["seq"] == 1], "deal_id", "exit_type") == [
        ("D1", "skipped_to"), ("D2", "advanced"),
    ]  # fmt: skip


def test_a_step_back_and_a_reopened_deal_are_both_back_and_visits_are_numbered():
    found = table(way("needs", "qualification", "needs", "lost", "needs"))

    assert rows(found, "stage", "visit_no", "exit_type") == [
        ("needs", 1, "back"),
        ("qualification", 1, "advanced"),
        ("needs", 2, "lost"),
        ("lost", 1, "back"),
        ("needs", 3, "open"),
    ]


def test_entering_the_stage_again_starts_no_visit():
    entries = way("needs", "needs", "proposal")

    found = table(entries)

    assert rows(found, "stage", "entered_day", "exited_day") == [
        ("needs", FIRST_DAY, FIRST_DAY + 2), ("proposal", FIRST_DAY + 2, None),
    ]  # fmt: skip


def test_time_decides_the_order_and_seq_only_ties():
    entries = [
        entry("D1", 1, "proposal", START + DAY),
        entry("D1", 2, "needs", START),
        entry("D1", 4, "lost", START + 2 * DAY),
        entry("D1", 3, "contract", START + 2 * DAY),
    ]

    assert rows(table(entries), "stage") == [("needs",), ("proposal",), ("contract",), ("lost",)]


def test_what_happened_after_the_day_is_unknown():
    found = table(way("prospecting", "qualification", "won"), as_of=from_day_number(FIRST_DAY + 1))

    assert rows(found, "stage", "exit_type", "exited_s") == [
        ("prospecting", "advanced", START + DAY), ("qualification", "open", None),
    ]  # fmt: skip


def test_a_stay_of_less_than_a_minute_is_passing():
    entries = [entry("D1", n + 1, s, START + t) for n, (s, t) in enumerate(
        [("prospecting", 0), ("qualification", 59), ("needs", 119)])]  # fmt: skip

    assert rows(table(entries), "is_passing") == [(True,), (False,), (False,)]


def test_bulk_edits_are_many_changes_by_one_user_in_one_minute_but_never_at_midnight_sharp():
    at_noon = [entry(f"D{n}", 1, "needs", START + 43_200 + n, changed_by="U") for n in range(3)]
    dates_only = [entry(f"E{n}", 1, "needs", START, changed_by="U") for n in range(3)]
    nobody = [entry(f"F{n}", 1, "needs", START + 43_200) for n in range(3)]
    found = table(at_noon + dates_only + nobody, rules=VisitRules(bulk_edit_deals=3))

    assert sorted(found.loc[found["is_bulk"], "deal_id"]) == ["D0", "D1", "D2"]
    assert not table(at_noon, rules=VisitRules(bulk_edit_deals=4))["is_bulk"].any()


def test_amount_and_owner_are_those_at_entry_and_the_deals_where_the_history_has_none():
    entries = [
        entry("D1", 1, "needs", START, amount=5.0, owner_id="R1"),
        entry("D1", 2, "proposal", START + DAY),
    ]
    deals = [{"deal_id": "D1", "amount": 9.0, "owner_id": "R2", "region": "East"}]

    found = table(entries, deals, dimensions=DIMENSIONS)

    assert rows(found, "amount", "owner_id", "region") == [
        (5.0, "R1", "East"), (9.0, "R2", "East"),
    ]  # fmt: skip


def test_deals_that_are_not_among_the_deals_have_no_visits():
    deals = [{"deal_id": "D2", "amount": 1.0}]

    assert table(way("needs", deal="D1") + way("needs", deal="D2"), deals)["deal_id"].tolist() == [
        "D2"
    ]


def test_everything_handled_is_counted():
    entries = [
        entry("D1", 1, "needs", START),
        entry("D1", 2, "needs", START + 10),
        entry("D1", 4, "won", START + 2 * DAY),
        entry("D1", 3, "proposal", START + 3 * DAY),
        entry("D1", 5, "lost", None),
        entry("D2", 1, "needs", START),
        entry("D1", 6, "lost", START + 40 * DAY),
    ]
    deals = as_frame([{"deal_id": "D1", "amount": 1.0}], deal_id=object)

    counts = visit_counts(history_frame(entries), deals, as_of=AS_OF)

    assert dict(zip(counts["kind"], counts["count"], strict=True)) == {
        "entries": 7, "untimed": 1, "later": 1, "unknown_deal": 1, "repeated": 1,
        "out_of_order": 1, "visits": 3, "skipping": 1, "back": 1, "reopened": 1, "bulk": 0,
        "passing": 0,
    }  # fmt: skip
    assert counts.attrs["definition"] == "visits"


def test_no_history_gives_no_visits_with_the_same_columns():
    found = table(way("needs"), as_of=date(2000, 1, 1))

    assert len(found) == 0
    assert list(found) == list(table(way("needs")))


def test_an_unknown_dimension_and_pipelines_without_deals_are_refused():
    with pytest.raises(
        ParameterError, match="deals has no column 'planet'; it has deal_id, amount"
    ):
        table(way("needs"), [{"deal_id": "D1", "amount": 1.0}], dimensions=["planet"])
    with pytest.raises(ParameterError, match="open_ranks per pipeline need deals"):
        table(way("needs"), rules=VisitRules(open_ranks={"new": (1,)}))


def given_as(kind, history, deals, folder):
    if kind == "parquet":
        return parquet(history, folder, "history"), parquet(deals, folder, "deals")
    if kind == "relation":
        connection = duckdb.connect()
        return connection.from_df(history), connection.from_df(deals)
    if kind == "mixed":
        return duckdb.connect().from_df(history), deals
    return history, deals


@pytest.mark.parametrize("kind", ["pandas", "parquet", "relation", "mixed"])
@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), bulk=st.integers(2, 4))
def test_visits_equal_the_obvious_implementation(kind, tmp_path_factory, seed, bulk):
    entries, deals = random_histories(seed, deals=60)
    pipelines = {"new": (10, 20, 30, 60, 70), "renewal": (10, 60)}
    ranks = [None, (10, 20, 30, 60, 70), pipelines][seed % 3]
    rules = VisitRules(open_ranks=ranks or (), bulk_edit_deals=bulk)
    history, known = given_as(
        kind, history_frame(entries), as_frame(deals, amount="float64"),
        tmp_path_factory.mktemp("given"),
    )  # fmt: skip

    found = collect(
        visits(history, known, as_of=AS_OF, dimensions=DIMENSIONS, rules=rules),
        ["deal_id", "seq"],
    )

    expected = visits_of(entries, deals, as_of_day=FIRST_DAY + 6, dimensions=DIMENSIONS,
                         open_ranks=ranks, bulk=bulk)  # fmt: skip
    assert as_rows(found) == sorted(expected, key=lambda v: (v["deal_id"], v["seq"]))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    steps=st.lists(
        st.tuples(
            st.integers(0, 4), st.integers(1, 9), st.sampled_from(STAGES),
            st.one_of(st.none(), st.integers(START, START + 8 * DAY)), st.sampled_from(["U", None]),
        ),
        max_size=60, unique_by=lambda step: step[:2],
    )
)  # fmt: skip
def test_visits_of_whatever_history_equal_the_obvious_implementation(steps):
    entries = [
        entry(f"D{deal}", seq, stage[0], at, changed_by=user)
        for deal, seq, stage, at, user in steps
    ]
    if not entries:
        return

    found = table(entries, rules=VisitRules(bulk_edit_deals=2))

    expected = visits_of(entries, None, as_of_day=FIRST_DAY + 6, bulk=2)
    assert as_rows(found) == sorted(expected, key=lambda v: (v["deal_id"], v["seq"]))
