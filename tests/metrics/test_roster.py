"""Who worked when, whom a deal is credited to, and customers' answers by rep."""

from datetime import date

import pandas as pd
import pytest
from metrics.tables import as_frame, as_rows, history_frame, parquet

from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.pay import credited_sales
from salesops_kit.metrics.reps import customer_scores
from salesops_kit.metrics.roster import credited, roster
from salesops_kit.periods import day_number, period

QUARTER = period("2025-Q1")


def day(text):
    return None if text is None else day_number(date.fromisoformat(text))


def rep(name, hired=None, left=None, valid=(None, None), **more):
    row = {
        "rep_id": name,
        "hire_day": day(hired),
        "leave_day": day(left),
        "team": "T",
        "role": "Sales",
        "valid_from_day": day(valid[0]),
        "valid_to_day": day(valid[1]),
    }
    return row | more  # fmt: skip


DAYS = dict.fromkeys(("hire_day", "leave_day", "valid_from_day", "valid_to_day"), "Int64")
REPS = as_frame(
    [
        rep("always", "2020-01-01"),
        rep("moved", "2020-01-01", valid=("2020-01-01", "2025-02-14")),
        rep("moved", "2020-01-01", valid=("2025-02-15", None), team="U"),
        rep("new", "2025-03-30"),
        rep("gone", "2020-01-01", "2025-01-10"),
        rep("before", "2020-01-01", "2024-12-31"),
        rep("after", "2025-04-01"),
        rep("unknown"),
        rep("office", "2020-01-01", role="Admin"),
    ],
    **DAYS,
)


@pytest.mark.parametrize("kind", ["pandas", "parquet"])
def test_days_are_those_between_hiring_and_leaving_inside_the_period_and_span(kind, tmp_path):
    reps = REPS if kind == "pandas" else parquet(REPS, tmp_path, "reps")

    found = roster(reps, period=QUARTER, roles=["Sales"])

    days = found[["rep_id", "team", "active_days"]].to_numpy().tolist()
    assert days == [
        ["always", "T", 90], ["gone", "T", 10], ["moved", "T", 45], ["moved", "U", 45],
        ["new", "T", 2], ["unknown", "T", 90],
    ]  # fmt: skip
    assert found.attrs["excluded"] == {"other_roles": 1}


def test_who_leaves_after_the_day_asked_is_still_there():
    known = roster(REPS, period=QUARTER, as_of=date(2025, 1, 5)).set_index("rep_id")

    assert known.loc["gone", "active_days"] == 90
    assert pd.isna(known.loc["gone", "leave_day"])


def deal(number, status="won", owner="now"):
    return {"deal_id": f"D{number}", "status": status, "owner_id": owner, "amount": 100.0}


def entry(number, seq, category, owner):
    return {"deal_id": f"D{number}", "seq": seq, "stage": category, "stage_rank": seq,
            "stage_category": category, "entered_day": 20_000 + seq, "entered_s": None,
            "owner_id": owner}  # fmt: skip


DEALS = pd.DataFrame([deal(1), deal(2), deal(3, "open"), deal(4), deal(5, owner=None)])
HISTORY = history_frame([
    entry(1, 1, "open", "first"), entry(1, 2, "won", "closer"),
    entry(2, 1, "lost", "other"), entry(2, 2, "open", "first"), entry(2, 3, "won", "second"),
    entry(3, 1, "lost", "first"), entry(3, 2, "open", "first"), entry(4, 1, "won", None),
])  # fmt: skip


def owners(frame):
    rows = as_rows(collect(frame, ["deal_id", "owner_id"]))
    return [(r["deal_id"], r["owner_id"], r["credit_share"]) for r in rows]


@pytest.mark.parametrize("kind", ["pandas", "parquet"])
def test_a_deal_is_credited_to_who_owned_it_when_it_closed_for_the_last_time(kind, tmp_path):
    tables = (DEALS, HISTORY)
    if kind == "parquet":
        tables = [parquet(t, tmp_path, n) for t, n in zip(tables, "dh", strict=True)]

    assert owners(credited(*tables)) == [
        ("D1", "closer", 1), ("D2", "second", 1), ("D3", "now", 1), ("D4", "now", 1),
        ("D5", None, 1),
    ]  # fmt: skip
    assert {owner for _, owner, _ in owners(credited(*tables, credit="now"))} == {"now", None}
    assert owners(credited(DEALS)) == owners(credited(*tables, credit="now"))


def test_shares_that_add_up_split_the_credit_and_others_leave_it_with_the_owner():
    splits = pd.DataFrame([
        ("D1", "a", 0.7), ("D1", "b", 0.3), ("D2", "a", 0.7), ("D2", "b", 0.7), ("D4", "a", 0.5),
    ], columns=["deal_id", "rep_id", "share"])  # fmt: skip

    found = owners(credited(DEALS, HISTORY, splits))

    assert found == [
        ("D1", "a", 0.7), ("D1", "b", 0.3), ("D2", "second", 1), ("D3", "now", 1),
        ("D4", "now", 1), ("D5", None, 1),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", ["pandas", "parquet"])
def test_bookings_are_credited_by_shares_and_on_the_day_of_closing(kind, tmp_path):
    splits = pd.DataFrame([("D1", "a", 0.7), ("D1", "b", 0.3)],
                          columns=["deal_id", "rep_id", "share"])  # fmt: skip
    closed = [day("2025-01-05"), day("2025-03-31"), None, day("2025-04-01"), day("2025-02-01")]
    deals = DEALS.assign(closed_day=pd.array(closed, "Int64"))
    deals["amount"] = [100.0, 50.0, 9.0, 9.0, None]
    if kind == "parquet":
        deals, splits = parquet(deals, tmp_path, "d"), parquet(splits, tmp_path, "s")

    found = credited_sales(credited(deals, None, splits), period=QUARTER)

    rows = {r["owner_id"]: (r["won"], r["deals"], r["bookings"]) for r in as_rows(found)}
    assert rows == {"a": (1, 0.7, 70.0), "b": (1, 0.3, 30.0), "now": (1, 1.0, 50.0),
                    None: (1, 1.0, 0.0)}  # fmt: skip
    assert found.attrs["excluded"] == {"won_without_amount": 1}
    total = credited_sales(deals, period=QUARTER, as_of=date(2025, 1, 31), by=[])
    assert as_rows(total) == [{"won": 1, "deals": 1.0, "bookings": 100.0}]


def answer(number, score, low, high, of="D1", when="2025-02-01"):
    return {"feedback_id": f"F{number}", "deal_id": of, "type": "NPS", "score": score,
            "scale_min": low, "scale_max": high, "answered_day": day(when)}  # fmt: skip


SCORES = as_frame(
    [
        answer(1, 10.0, 0.0, 10.0), answer(2, 5.0, 0.0, 10.0), answer(3, 3.0, 1.0, 5.0, of="D4"),
        answer(4, 9.0, 0.0, 10.0, of="gone"), answer(5, 9.0, None, 10.0),
        answer(6, None, 0.0, 10.0), answer(7, 1.0, 0.0, 10.0, when="2025-04-01"),
    ],
    answered_day="Int64",
)  # fmt: skip


def test_answers_belong_to_the_owner_of_the_deal_and_every_scale_becomes_a_share():
    deals = DEALS.assign(owner_id=["a", "b", "b", "b", "b"])

    found = customer_scores(SCORES, deals, period=QUARTER, by=["owner_id"])

    rows = found[["owner_id", "answers", "total", "squares", "score"]].to_numpy().tolist()
    assert rows == [["a", 2, 1.5, 1.25, 0.75], ["b", 1, 0.5, 0.25, 0.5]]
    assert found.attrs["excluded"] == {"without_deal": 1, "without_scale": 1}
    by_type = customer_scores(SCORES, deals, period=QUARTER, by=["type"])
    assert by_type["answers"].tolist() == [3]
