"""Open deals on former days: by eye, against the plainest loop, and blind for what came later."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from metrics.checks import given
from metrics.tables import (
    FIRST_DAY,
    as_frame,
    as_rows,
    entry,
    history_frame,
    random_histories,
)

from salesops_kit.metrics.deal_snapshots import OUTCOME, STATE, deal_snapshots
from salesops_kit.periods import from_day_number

DAY = 86_400
TYPES = {"created_day": "Int64", "is_deleted": "boolean", "amount": "float64"}
DAYS = [FIRST_DAY + number for number in (2, 9, 20, 45)]


def moves(deal, *steps):
    """Entries of a deal: (stage, day, amount, expected close)."""
    return [
        entry(deal, seq, stage, day * DAY + 3600, amount=amount) | {"expected_close_day": due}
        for seq, (stage, day, amount, due) in enumerate(steps, start=1)
    ]


def frames(entries, known):
    history = history_frame(entries).assign(
        expected_close_day=pd.array([row.get("expected_close_day") for row in entries], "Int64")
    )
    rows = [{"created_day": None, "is_deleted": None, "status": "open", "amount": None} | row
            for row in known]  # fmt: skip
    return history, as_frame(rows, **TYPES)


def snapshots(entries, known, days, **how):
    history, deals = frames(entries, known)
    return deal_snapshots(history, deals, origins=[from_day_number(d) for d in days], **how)


def row_of(table, deal="D1", day=None):
    chosen = table[(table["deal_id"] == deal) & (table["origin"] == (day or table["origin"].max()))]
    [row] = as_rows(chosen)
    return row


PATH = moves(
    "D1", ("needs", 100, 50.0, 130), ("proposal", 110, 60.0, 140), ("needs", 120, 60.0, 125),
    ("contract", 126, 80.0, 150), ("won", 140, 75.0, None),
)  # fmt: skip


def test_a_deal_is_described_as_it_stood_on_the_day():
    row = row_of(snapshots(PATH, [{"deal_id": "D1", "created_day": 95}], [128]))

    assert {name: row[name] for name in (*STATE[:10], *OUTCOME)} == {
        "stage": "contract", "stage_rank": 70, "age_days": 2, "deal_days": 33, "moves": 4,
        "backs": 1, "pushes": 2, "due_in": 22, "amount": 80.0, "amount_before": 60.0,
        "won_in": 12, "won_amount": 75.0, "closed_in": 12,
    }  # fmt: skip


@pytest.mark.parametrize(("day", "stage"), [(100, "needs"), (110, "proposal"), (139, "contract")])
def test_what_happened_during_the_day_is_known_in_its_evening(day, stage):
    assert row_of(snapshots(PATH, [{"deal_id": "D1"}], [day]))["stage"] == stage


@pytest.mark.parametrize("day", [99, 140, 500])
def test_a_deal_not_begun_or_closed_is_not_open(day):
    assert snapshots(PATH, [{"deal_id": "D1"}], [day]).empty


def test_days_in_a_stage_go_on_over_entries_that_repeat_it():
    again = moves("D1", ("needs", 100, None, None), ("needs", 105, 9.0, 130))

    row = row_of(snapshots(again, [{"deal_id": "D1"}], [110]))

    assert (row["age_days"], row["moves"], row["amount"], row["due_in"]) == (10, 1, 9.0, 20)


def test_a_reopened_deal_is_open_again_and_its_second_end_lies_ahead():
    twice = moves("D1", ("needs", 100, 1.0, None), ("lost", 110, 1.0, None),
                  ("needs", 120, 1.0, None), ("won", 130, 2.0, None))  # fmt: skip
    found = snapshots(twice, [{"deal_id": "D1"}], [105, 115, 125])

    assert found["origin"].tolist() == [105, 125]
    assert found["closed_in"].tolist() == [5, 5]
    assert found["won_in"].tolist() == [25, 5]


def test_deleted_and_unknown_deals_are_left_out():
    other = moves("D2", ("needs", 100, 1.0, None)) + moves("D3", ("needs", 100, 1.0, None))

    found = snapshots([*PATH, *other], [{"deal_id": "D1"}, {"deal_id": "D2", "is_deleted": True}],
                      [105])  # fmt: skip

    assert found["deal_id"].tolist() == ["D1"]


def test_of_many_deals_of_a_former_day_evenly_spaced_ones_stand_for_all():
    many = [row for n in range(10) for row in moves(f"D{n}", ("needs", 100, 1.0, None))]
    known = [{"deal_id": f"D{n}"} for n in range(10)]

    found = snapshots(many, known, [100, 101], most=4)
    few, last = found[found["origin"] == 100], found[found["origin"] == 101]

    assert few["deal_id"].tolist() == ["D2", "D4", "D7", "D9"]
    assert few["weight"].tolist() == [2.5] * 4
    assert (len(last), set(last["weight"])) == (10, {1.0})
    assert snapshots(many, known, [100, 101], most=10)["weight"].eq(1.0).all()


def test_the_price_of_a_win_without_history_is_that_of_the_deal():
    silent = moves("D1", ("needs", 100, None, None), ("won", 110, None, None))
    known = [{"deal_id": "D1", "status": "won", "amount": 70.0}]

    assert row_of(snapshots(silent, known, [105]))["won_amount"] == 70.0


def with_dates(seed, deals=60):
    """Histories with every nastiness, expected closes and days of creation."""
    draw = np.random.default_rng(seed)
    entries, known = random_histories(seed, deals=deals)
    entries = [row | {"expected_close_day": None if draw.random() < 0.2 else
                      FIRST_DAY + int(draw.integers(0, 90))} for row in entries]  # fmt: skip
    known = [row | {"created_day": None if draw.random() < 0.2 else FIRST_DAY - 3,
                    "status": "open", "is_deleted": bool(draw.random() < 0.05)}
             for row in known]  # fmt: skip
    return entries, known


def plain_loop(entries, known, days):
    """Walk through each deal's entries up to the day; look ahead only for the outcome."""
    rows = {}
    for deal in known:
        path = sorted(
            (e for e in entries if e["deal_id"] == deal["deal_id"] and e["entered_s"] is not None),
            key=lambda e: (e["entered_s"], e["seq"]),
        )
        for day in days:
            past = [e for e in path if e["entered_day"] <= day]
            if deal["is_deleted"] or not past or past[-1]["stage_category"] != "open":
                continue
            rows[day, deal["deal_id"]] = state(past, day, deal) | outcome(path, day)
    return rows


def state(past, day, deal):
    since, found = None, {"moves": 0, "backs": 0, "pushes": 0}
    for place, step in enumerate(past):
        before = past[place - 1] if place else None
        if before is None or before["stage"] != step["stage"]:
            since, found["moves"] = step["entered_day"], found["moves"] + 1
        if before is not None and step["stage_category"] == "open":
            found["backs"] += step["stage_rank"] < before["stage_rank"]
            dues = step["expected_close_day"], before["expected_close_day"]
            found["pushes"] += None not in dues and dues[0] > dues[1]
    last = past[-1]
    due, born = last["expected_close_day"], deal["created_day"]
    return found | {
        "stage": last["stage"], "stage_rank": last["stage_rank"], "age_days": day - since,
        "deal_days": day - (past[0]["entered_day"] if born is None else born),
        "due_in": None if due is None else due - day, "amount": last["amount"],
    }  # fmt: skip


def outcome(path, day):
    def ahead(*categories):
        days = [e["entered_day"] for e in path if e["stage_category"] in categories]
        later = [d - day for d in (min(days), max(days)) if d > day] if days else []
        return later[0] if later else None

    return {"won_in": ahead("won"), "closed_in": ahead("won", "lost", "invalid")}


@pytest.mark.parametrize("kind", ["pandas", "parquet", "relation"])
def test_snapshots_equal_the_plain_loop(kind, tmp_path):
    for seed in (21, 22):
        check(*with_dates(seed), kind, tmp_path)


@pytest.mark.spark
def test_snapshots_on_spark_equal_those_of_duckdb_to_the_last_type(spark, tmp_path):
    history, deals = frames(*with_dates(23))
    how = {"origins": [from_day_number(day) for day in DAYS], "dimensions": ["region"], "most": 20}
    (tmp_path / "deals").mkdir()
    here = deal_snapshots(history, deals, **how)

    there = deal_snapshots(
        given("spark", history, tmp_path, spark), given("spark", deals, tmp_path / "deals", spark),
        **how,
    )  # fmt: skip

    pd.testing.assert_frame_equal(there, here)
    assert there.attrs == here.attrs
    # former days are thinned out, the last one is whole
    assert (here.loc[here["origin"] < DAYS[3], "weight"] > 1).any()
    assert (here.loc[here["origin"] == DAYS[3], "weight"] == 1).all()


def check(entries, known, kind, folder, *session):
    history, deals = frames(entries, known)
    (folder / "deals").mkdir(exist_ok=True)
    found = deal_snapshots(
        given(kind, history, folder, *session), given(kind, deals, folder / "deals", *session),
        origins=[from_day_number(day) for day in DAYS], dimensions=["region"],
    )  # fmt: skip
    expected = plain_loop(entries, known, DAYS)

    rows = {(row["origin"], row["deal_id"]): row for row in as_rows(found)}
    assert len(found) == len(rows)
    assert len(expected) > 50
    assert {key: {n: rows[key][n] for n in wanted} for key, wanted in expected.items()} == expected
    assert set(rows) == set(expected)


def test_nothing_dated_after_a_day_changes_how_deals_stood():
    entries, known = with_dates(24)
    early = [row for row in entries if row["entered_day"] is None or row["entered_day"] <= DAYS[1]]
    columns = ["origin", "deal_id", *STATE]

    later = snapshots(entries, known, DAYS[:2])[columns]
    then = snapshots(early, known, DAYS[:2])[columns]

    pd.testing.assert_frame_equal(later, then)


def test_no_days_or_no_deals_give_the_same_columns():
    entries, known = with_dates(25)
    full = snapshots(entries, known, DAYS, dimensions=["region"])

    none = snapshots(entries, known, [], dimensions=["region"])
    nobody = snapshots(entries, known, [FIRST_DAY - 99], dimensions=["region"])

    assert list(none) == list(nobody) == list(full)
    assert len(none) == len(nobody) == 0
    assert none.attrs["definition"] == "deal_snapshots"


def test_the_day_of_knowledge_is_the_last_one():
    entries, known = with_dates(26)

    assert snapshots(entries, known, DAYS).attrs["as_of"] == from_day_number(0) + timedelta(DAYS[3])
