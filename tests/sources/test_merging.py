"""Several systems, several exports and several pipelines in one workspace."""

import pytest

from salesops_kit.errors import DataError

ZOHO = (
    "Record Id,Deal Name,Stage,Amount,Created Time,Closing Date\n"
    "z1,A,Closed Won,10,2025-08-01,2025-09-10\nz2,B,Qualification,20,2025-09-01,2025-12-01\n"
)
SALESFORCE = (
    "Id,Name,StageName,Amount,CloseDate,CreatedDate,IsClosed,IsWon\n"
    "0065g00000XyZabAAF,C,Closed Won,30,2025-09-12,2025-08-01T02:00:00Z,true,true\n"
)
ZOHO_HISTORY = (
    "Deal Id,Stage,Modified Time\nz1,Qualification,2025-08-01\nz1,Closed Won,2025-09-10\n"
)


def test_two_systems_stand_side_by_side_and_each_import_replaces_its_own(run):
    run("zoho", {"Deals.csv": ZOHO}, folder="east")
    run("salesforce", {"Opportunity.csv": SALESFORCE}, folder="west")
    again = run("zoho", {"Deals.csv": ZOHO.replace(",10,", ",11,")}, folder="east2")

    assert again.rows("deals", "deal_id, amount, source_system") == [
        ("0065g00000XyZabAAF", 30.0, "salesforce"), ("z1", 11.0, "zoho"), ("z2", 20.0, "zoho")
    ]  # fmt: skip


def test_equal_ids_of_two_systems_are_refused_and_the_workspace_stays_whole(run):
    first = run("zoho", {"Deals.csv": ZOHO}, folder="east")
    with pytest.raises(DataError) as refused:
        run("hubspot", {"deals.csv": "Record ID,Deal Name,Deal Stage,Amount,Create Date\n"
                                     "z1,X,closedwon,5,2025-09-01\n"}, folder="west")  # fmt: skip

    assert str(refused.value) == (
        "1 ids of deals (such as 'z1') are those of rows that another system delivered; "
        "import the two systems into workspaces of their own"
    )
    assert first.rows("deals", "deal_id", "1") == [("z1",), ("z2",)]


def test_the_history_of_one_system_stays_when_another_has_none(run):
    run("zoho", {"Deals.csv": ZOHO, "Stage_History.csv": ZOHO_HISTORY}, folder="east")
    mixed = run("salesforce", {"Opportunity.csv": SALESFORCE}, folder="west")

    assert mixed.rows("stage_history", "deal_id, stage") == [("z1", "qualification"), ("z1", "won")]


def test_two_exports_of_one_system_in_one_folder_are_merged_the_later_one_winning(run):
    files = {
        "east/Deals_2025_09_01.csv": ZOHO,
        "west/Deals_2025_09_30.csv": ZOHO.replace("z2", "z3").replace(",10,", ",12,"),
    }
    imported = run("zoho", files)

    assert imported.rows("deals", "deal_id, amount") == [("z1", 12.0), ("z2", 20.0), ("z3", 20.0)]


def test_one_label_means_another_stage_in_another_pipeline(run):
    settings = {
        "pipelines": {
            "new": {"labels": ["New business"], "stages": [
                {"name": "first", "rank": 10, "category": "open", "labels": ["Open"]},
                {"name": "won", "rank": 90, "category": "won", "labels": ["Done"]},
                {"name": "lost", "rank": 91, "category": "lost", "labels": ["Gone"]}]},
            "renewal": {"labels": ["Renewals"], "stages": [
                {"name": "due", "rank": 10, "category": "open", "labels": ["Open"]},
                {"name": "renewed", "rank": 90, "category": "won", "labels": ["Kept"]},
                {"name": "churned", "rank": 91, "category": "lost", "labels": ["Done"]}]},
        }
    }  # fmt: skip
    deals = (
        "Record Id,Deal Name,Stage,Pipeline,Amount,Created Time,Closing Date\n"
        "p1,A,Open,New business,1,2025-09-01,\np2,B,Done,New business,1,2025-09-01,2025-09-09\n"
        "p3,C,Open,Renewals,1,2025-09-01,\np4,D,Done,Renewals,1,2025-09-01,2025-09-09\n"
    )
    imported = run("zoho", {"Deals.csv": deals}, settings)

    assert imported.rows("deals", "deal_id, pipeline, stage, status") == [
        ("p1", "new", "first", "open"), ("p2", "new", "won", "won"),
        ("p3", "renewal", "due", "open"), ("p4", "renewal", "churned", "lost"),
    ]  # fmt: skip
