"""History from dated exports, and how good the history of each kind of export is."""

# ruff: noqa: DTZ001 - times of the workspace carry no zone

from datetime import date, datetime

import pytest

HEAD = "数据ID,商机名称,商机金额,创建时间,商机阶段,阶段变更时间"


def snapshot(*rows):
    return "\n".join([HEAD, *rows]) + "\n"


# A moves on, B is won then re-opened, C vanishes after the first export
FIRST = snapshot(
    "100000A,甲,100,2025-01-05 09:00:00,商机确认,2025-01-05 09:00:00",
    "100000B,乙,200,2025-01-06 09:00:00,商务谈判,2025-01-20 08:00:00",
    "100000C,丙,300,2025-01-07 09:00:00,需求确认,2025-01-08 08:00:00",
)
SECOND = snapshot(
    "100000A,甲,110,2025-01-05 09:00:00,需求确认,2025-02-10 15:30:00",
    "100000B,乙,200,2025-01-06 09:00:00,赢单,2025-02-20 11:00:00",
)
THIRD = snapshot(
    "100000A,甲,110,2025-01-05 09:00:00,需求确认,2025-02-10 15:30:00",
    "100000B,乙,250,2025-01-06 09:00:00,商务谈判,",
)
FOURTH = snapshot(
    "100000A,甲,120,2025-01-05 09:00:00,输单,2025-04-15 10:00:00",
    "100000B,乙,250,2025-01-06 09:00:00,商务谈判,",
)
THREE = {"商机2.0_20250131.csv": FIRST, "商机2.0_20250228.csv": SECOND,
         "商机2.0_20250331.csv": THIRD}  # fmt: skip
LATER = {"商机2.0_20250430.csv": FOURTH}

HISTORY = [
    ("100000A", 1, "qualification", datetime(2025, 1, 5, 9), 100.0),
    ("100000A", 2, "needs", datetime(2025, 2, 10, 15, 30), 110.0),
    ("100000B", 1, "negotiation", datetime(2025, 1, 20, 8), 200.0),
    ("100000B", 2, "won", datetime(2025, 2, 20, 11), 200.0),
    # the CRM gave no time for the re-opening: the day of the export that shows it
    ("100000B", 3, "negotiation", datetime(2025, 3, 31), 250.0),
    ("100000C", 1, "needs", datetime(2025, 1, 8, 8), 300.0),
]
COLUMNS = "deal_id, seq, stage, entered_at, amount"


def test_three_dated_exports_make_a_history(run):
    imported = run("fxiaoke", THREE)
    assert imported.record["history_quality"] == "snapshot_diff"
    assert imported.rows("stage_history", COLUMNS) == HISTORY
    assert imported.rows("snapshots", "deal_id, snapshot_on, stage") == [
        ("100000A", date(2025, 1, 31), "qualification"),
        ("100000A", date(2025, 2, 28), "needs"),
        ("100000A", date(2025, 3, 31), "needs"),
        ("100000B", date(2025, 1, 31), "negotiation"),
        ("100000B", date(2025, 2, 28), "won"),
        ("100000B", date(2025, 3, 31), "negotiation"),
        ("100000C", date(2025, 1, 31), "needs"),
    ]


def test_what_reps_called_a_deal_stays_as_it_was_on_each_day(run):
    head, *rows = FIRST.splitlines()
    first = "\n".join([head + ",预测类型", *(f"{row},承诺" for row in rows)])
    head, *rows = SECOND.splitlines()
    second = "\n".join([head + ",预测类型", *(f"{row},已结束" for row in rows)])
    imported = run("fxiaoke", {"商机2.0_20250131.csv": first, "商机2.0_20250228.csv": second})

    assert imported.rows("snapshots", "deal_id, snapshot_on, forecast_category")[:2] == [
        ("100000A", date(2025, 1, 31), "承诺"), ("100000A", date(2025, 2, 28), "已结束"),
    ]  # fmt: skip


def test_of_each_deal_the_newest_export_counts_and_a_vanished_one_stays(run):
    imported = run("fxiaoke", THREE)
    assert imported.rows("deals", "deal_id, stage, status, amount") == [
        ("100000A", "needs", "open", 110.0),
        ("100000B", "negotiation", "open", 250.0),
        ("100000C", "needs", "open", 300.0),
    ]
    assert [imported.file(name)["superseded"] for name in sorted(THREE)] == [2, 2, 0]
    assert imported.record["extracted_at"] == "2025-03-31T00:00:00"


def test_the_same_folder_again_doubles_nothing(run):
    once = run("fxiaoke", THREE)
    tables = ("stage_history", "snapshots", "deals")
    before = [once.rows(table) for table in tables]
    again = run("fxiaoke", THREE)
    assert [again.rows(table) for table in tables] == before


def test_a_later_export_on_its_own_goes_on_from_the_archive(run):
    run("fxiaoke", THREE)
    apart = run("fxiaoke", LATER, folder="april")
    apart_history = apart.rows("stage_history", COLUMNS)
    assert apart.record["history_quality"] == "snapshot_diff"
    assert ("100000A", 3, "lost", datetime(2025, 4, 15, 10), 120.0) in apart_history
    assert len(apart_history) == len(HISTORY) + 1
    together = run("fxiaoke", {**THREE, **LATER}, folder="all", into="together")
    of_april = [row for row in together.rows("stage_history", COLUMNS) if row[0] != "100000C"]
    assert [row for row in apart_history if row[0] != "100000C"] == of_april
    assert apart.by_id("deals", "closed_at")["100000A"] == datetime(2025, 4, 15, 10)


def test_a_change_time_is_used_only_between_the_exports_that_show_the_change(run):
    stale = snapshot("100000A,甲,1,2025-01-05 09:00:00,商机确认,2025-01-05 09:00:00")
    # the time lies before the earlier export, which still showed the old stage
    impossible = snapshot("100000A,甲,1,2025-01-05 09:00:00,需求确认,2025-01-10 09:00:00")
    imported = run("fxiaoke", {"商机_20250131.csv": stale, "商机_20250228.csv": impossible})
    assert imported.rows("stage_history", "stage, entered_at", order="2") == [
        ("qualification", datetime(2025, 1, 5, 9)),
        ("needs", datetime(2025, 2, 28)),
    ]


def test_without_a_change_time_the_first_stage_began_with_the_deal(run):
    head = "数据ID,商机名称,创建时间,商机阶段\n"
    imported = run(
        "fxiaoke",
        {
            "商机_20250131.csv": head + "100000A,甲,2025-01-05 09:00:00,商机确认\n",
            "商机_20250228.csv": head + "100000A,甲,2025-01-05 09:00:00,商务谈判\n",
        },
    )
    assert imported.rows("stage_history", "stage, entered_at", order="2") == [
        ("qualification", datetime(2025, 1, 5, 9)),
        ("negotiation", datetime(2025, 2, 28)),
    ]


def test_a_single_export_has_no_history_but_starts_the_archive(run):
    imported = run("fxiaoke", {"商机2.0_20250131.csv": FIRST})
    assert imported.record["history_quality"] == "none"
    assert not (imported.workspace / "tables/stage_history.parquet").exists()
    assert len(imported.rows("snapshots")) == 3


ZOHO_DEALS = (
    "Record Id,Deal Name,Created Time,Stage\n"
    "554023000001,Alpha,2025-01-05 09:00:00,Needs Analysis\n"
    "554023000002,Beta,2025-01-06 09:00:00,Closed Won\n"
)


def test_a_history_export_is_full_history(run):
    history = (
        "Deal Id,Stage,Modified Time,Modified By\n"
        "554023000002,Closed Won,2025-02-01 10:00:00,Li\n"  # out of order
        "554023000001,Qualification,2025-01-05 09:00:00,Li\n"
        "554023000001,Needs Analysis,2025-01-09 09:00:00,Li\n"
        "554023000002,Qualification,2025-01-06 09:00:00,Wang\n"
    )
    imported = run("zoho", {"Deals.csv": ZOHO_DEALS, "Stage_History.csv": history})
    assert imported.record["history_quality"] == "full"
    assert imported.rows("stage_history", "deal_id, seq, stage, entered_at, changed_by") == [
        ("554023000001", 1, "qualification", datetime(2025, 1, 5, 9), "Li"),
        ("554023000001", 2, "needs", datetime(2025, 1, 9, 9), "Li"),
        ("554023000002", 1, "qualification", datetime(2025, 1, 6, 9), "Wang"),
        ("554023000002", 2, "won", datetime(2025, 2, 1, 10), "Li"),
    ]
    assert imported.by_id("deals", "closed_at") == {
        "554023000001": None,
        "554023000002": datetime(2025, 2, 1, 10),
    }


def test_a_history_without_a_usable_row_is_none(run):
    history = "Deal Id,Stage,Modified Time\n554023000001,Needs Analysis,some day\n"
    imported = run("zoho", {"Deals.csv": ZOHO_DEALS, "Stage_History.csv": history})

    assert imported.record["history_quality"] == "none"
    assert "stage_history: no row of it can be used" in imported.record["warnings"]
    assert len(imported.rejects()) == 1


def test_two_history_exports_that_overlap_do_not_double(run):
    head = "Deal Id,Stage,Modified Time\n"
    one = "554023000001,Qualification,2025-01-05 09:00:00\n"
    two = "554023000001,Needs Analysis,2025-01-09 09:00:00\n"
    imported = run(
        "zoho",
        {"Deals.csv": ZOHO_DEALS, "Stage_History_1.csv": head + one,
         "Stage_History_2.csv": head + one + two},
    )  # fmt: skip
    assert imported.rows("stage_history", "seq, stage") == [(1, "qualification"), (2, "needs")]


def test_a_history_that_names_deals_finds_their_ids(run):
    history = "Deal Name,Stage,Modified Time\nAlpha,Qualification,2025-01-05 09:00:00\n"
    imported = run("zoho", {"Deals.csv": ZOHO_DEALS, "Stage_History.csv": history})
    assert imported.rows("stage_history", "deal_id, stage") == [("554023000001", "qualification")]


def test_dates_per_stage_are_changes_only(run):
    mapping = """
[[files]]
path = "pipeline.csv"
table = "deals"
[files.columns]
deal_id = "key"
stage = "phase"
closed_at = "done"
[[files.stage_dates]]
stage = "qualification"
column = "started"
[[files.stage_dates]]
stage = "needs"
column = "needs on"
"""
    rows = (
        "key,phase,started,needs on,done\n"
        "100001,Closed Won,2025-01-05,2025-01-20,2025-02-01\n"
        "100002,Needs Analysis,2025-01-06,2025-01-21,\n"
        "100003,Qualification,2025-01-07,,\n"
    )
    imported = run("tables", {"mapping.toml": mapping, "pipeline.csv": rows})
    assert imported.record["history_quality"] == "changes_only"
    assert imported.rows("stage_history", "deal_id, seq, stage, entered_at") == [
        ("100001", 1, "qualification", datetime(2025, 1, 5)),
        ("100001", 2, "needs", datetime(2025, 1, 20)),
        ("100001", 3, "won", datetime(2025, 2, 1)),
        ("100002", 1, "qualification", datetime(2025, 1, 6)),
        ("100002", 2, "needs", datetime(2025, 1, 21)),
        ("100003", 1, "qualification", datetime(2025, 1, 7)),
    ]


def test_deals_alone_have_no_history(run):
    imported = run("zoho", {"Deals.csv": ZOHO_DEALS})
    assert imported.record["history_quality"] == "none"
    assert not (imported.workspace / "tables/stage_history.parquet").exists()


@pytest.mark.parametrize("stage_field", ["Stage", "StageName"])
def test_a_field_history_gives_the_stage_changes_and_nothing_else(run, stage_field):
    files = {
        "deals.csv": "deal_id,name,created_at,stage\n"
        "100001,Alpha,2025-01-05 09:00:00,Needs Analysis\n",
        "mapping.toml": """
[[files]]
path = "deals.csv"
table = "deals"
[[files]]
path = "field_history.csv"
table = "stage_history"
[files.columns]
deal_id = "Opportunity ID"
field = "Field"
moved_from = "Old Value"
stage = "New Value"
entered_at = "Created Date"
""",
        "field_history.csv": "Opportunity ID,Field,Old Value,New Value,Created Date\n"
        f"100001,{stage_field},,Qualification,2025-01-05 09:00:00\n"
        "100001,Amount,100,200,2025-01-06 09:00:00\n"
        f"100001,{stage_field},Qualification,Needs Analysis,2025-01-09 09:00:00\n",
    }
    imported = run("tables", files)
    assert imported.rows("stage_history", "seq, stage, entered_at") == [
        (1, "qualification", datetime(2025, 1, 5, 9)),
        (2, "needs", datetime(2025, 1, 9, 9)),
    ]
    entry = imported.file("field_history.csv")
    assert (entry["rows_read"], entry["accepted"], entry["rejected"]) == (3, 3, 0)
    assert imported.record["unmapped_stages"] == {}


def test_later_deals_alone_do_not_replace_a_full_history(run):
    history = (
        "Deal Id,Stage,Modified Time\n"
        "554023000001,Qualification,2025-01-05 09:00:00\n"
        "554023000001,Needs Analysis,2025-01-09 09:00:00\n"
    )
    full = run("zoho", {"Deals_2025_01_31.csv": ZOHO_DEALS, "Stage_History.csv": history})
    rows = full.rows("stage_history")
    run("zoho", {"Deals_2025_02_28.csv": ZOHO_DEALS}, folder="february")
    later = run("zoho", {"Deals_2025_03_31.csv": ZOHO_DEALS}, folder="march")
    assert later.record["history_quality"] == "full"
    assert later.rows("stage_history") == rows
