"""What HubSpot exports: labels, internal names, property history, tables of stages."""

import pytest

from salesops_kit.errors import DataError

DEALS = (
    "Record ID,Deal Name,Deal Stage,Amount,Deal owner,Pipeline,Close Date,Create Date,"
    "Associated Company IDs\n"
    "901,Alpha,appointmentscheduled,1000,Tom Becker,Sales Pipeline,2025-10-31,2025-09-01,11;12\n"
    "902,Beta,Closed Won,2000,Mei Tan,Sales Pipeline,2025-09-20,2025-08-01,13\n"
)


def test_an_export_with_labels_needs_no_settings(run):
    imported = run("hubspot", {"hubspot-crm-exports-all-deals-2025-10-05.csv": DEALS})

    assert imported.rows("deals", "deal_id, stage, status, amount, owner_name") == [
        ("901", "qualification", "open", 1000.0, "Tom Becker"),
        ("902", "won", "won", 2000.0, "Mei Tan"),
    ]
    assert imported.record["unknown_columns"] == []
    assert imported.record["extracted_at"] == "2025-10-05T00:00:00"


def test_of_several_associated_companies_the_first_counts(run):
    imported = run("hubspot", {"deals.csv": DEALS})

    assert imported.by_id("deals", "account_id") == {"901": "11", "902": "13"}


def test_the_close_date_is_expected_while_open_and_the_end_once_closed(run):
    imported = run("hubspot", {"deals.csv": DEALS})
    rows = imported.rows("deals", "deal_id, expected_close_on::VARCHAR, closed_at::VARCHAR")

    assert rows == [("901", "2025-10-31", None), ("902", "2025-09-20", "2025-09-20 00:00:00")]


STAGES = (
    "stage_id,label,pipeline_id,display_order,closed_won,is_closed,probability\n"
    "103771,Discover,7,0,false,false,0.1\n103772,Prove,7,1,false,false,0.5\n"
    "103773,Hooray,7,2,true,true,1.0\n103774,Oh no,7,3,false,true,0.0\n"
    "205,First talk,8,0,false,false,0.3\n206,Signed,8,1,true,true,1.0\n"
    "207,Dead,8,2,false,true,0.0\n"
)
NUMBERED = (
    "hs_object_id,dealname,dealstage,pipeline,amount,createdate,closedate\n"
    "1,A,103772,7,10,2025-09-01T02:00:00Z,2025-10-31T02:00:00Z\n"
    "2,B,103773,7,20,1756692000000,2025-09-30T02:00:00Z\n"
    "3,C,205,8,30,2025-09-01T02:00:00Z,2025-10-31T02:00:00Z\n"
)


def test_numeric_stage_ids_are_explained_by_the_tables_beside_the_deals(run):
    imported = run("hubspot", {"deals.csv": NUMBERED, "deal_pipeline_stage.csv": STAGES})

    assert imported.rows("deals", "deal_id, stage, stage_rank, status, pipeline") == [
        ("1", "stage_2_prove", 20, "open", "7"),
        ("2", "stage_3_hooray", 902, "won", "7"),
        ("3", "stage_1_first_talk", 10, "open", "8"),
    ]
    assert not imported.rejects()


def test_without_those_tables_every_numeric_id_is_named_as_not_mapped(run, write):
    deals = NUMBERED + "4,D,closedwon,7,1,2025-09-01T02:00:00Z,2025-09-02T02:00:00Z\n"
    imported = run("hubspot", {"deals.csv": deals})

    assert imported.record["unmapped_stages"] == {"103772": 1, "103773": 1, "205": 1}
    assert len(imported.rejects()) == 3


def test_settings_of_the_company_win_over_the_tables(run):
    own = {
        "pipelines": {
            "own": {
                "stages": [
                    {"name": "talk", "rank": 10, "category": "open", "labels": ["103772", "205"]},
                    {"name": "won", "rank": 90, "category": "won", "labels": ["103773"]},
                    {"name": "lost", "rank": 91, "category": "lost"},
                ]
            }
        }
    }
    files = {"deals.csv": NUMBERED, "deal_pipeline_stage.csv": STAGES}
    imported = run("hubspot", files, own)

    assert imported.by_id("deals", "stage") == {"1": "talk", "2": "won", "3": "talk"}


def test_property_history_gives_the_entries_and_other_properties_are_left(run):
    history = (
        "Object ID,Property name,Property value,Change date,Source\n"
        "902,Deal Stage,appointmentscheduled,2025-08-01 09:00,CRM_UI\n"
        "902,Amount,2000,2025-08-02 09:00,CRM_UI\n"
        "902,Deal Stage,closedwon,2025-09-20 09:00,CRM_UI\n"
    )
    files = {"deals.csv": DEALS, "deal-property-history.csv": history}
    imported = run("hubspot", files)

    assert imported.rows("stage_history", "deal_id, stage, entered_at::VARCHAR", "3") == [
        ("902", "qualification", "2025-08-01 09:00:00"),
        ("902", "won", "2025-09-20 09:00:00"),
    ]
    assert imported.record["history_quality"] == "full"
    assert imported.by_id("deals", "closed_at")["902"].isoformat() == "2025-09-20T09:00:00"


def test_dates_of_entry_per_stage_are_history_too_but_say_that_returns_are_lost(run):
    deals = (
        "Record ID,Deal Name,Deal Stage,Amount,Create Date,Close Date,"
        '"Date entered ""Appointment Scheduled (Sales Pipeline)""",'
        "hs_v2_date_entered_contractsent\n"
        "902,Beta,Closed Won,2000,2025-08-01,2025-09-20,2025-08-01 09:00,2025-09-10 09:00\n"
    )
    imported = run("hubspot", {"deals.csv": deals})

    assert imported.record["history_quality"] == "changes_only"
    assert imported.rows("stage_history", "stage, entered_at::VARCHAR", "2") == [
        ("qualification", "2025-08-01 09:00:00"),
        ("contract", "2025-09-10 09:00:00"),
        ("won", "2025-09-20 00:00:00"),
    ]


def test_a_closing_with_a_date_of_its_own_is_entered_once_at_that_time(run):
    deals = (
        "Record ID,Deal Name,Deal Stage,Amount,Create Date,Close Date,"
        "hs_v2_date_entered_contractsent,hs_v2_date_entered_closedwon,hs_date_entered_closedwon\n"
        "902,Beta,Closed Won,2000,2025-08-01,2025-09-20,"
        "2025-09-20 09:00,2025-09-20 15:30,2025-09-20 15:30\n"
        "903,Gamma,Closed Won,3000,2025-08-01,2025-09-21,2025-09-10 09:00,,\n"
    )
    imported = run("hubspot", {"deals.csv": deals})

    assert imported.rows("stage_history", "deal_id, stage, entered_at::VARCHAR", "1, 3") == [
        ("902", "contract", "2025-09-20 09:00:00"),
        ("902", "won", "2025-09-20 15:30:00"),
        ("903", "contract", "2025-09-10 09:00:00"),
        ("903", "won", "2025-09-21 00:00:00"),
    ]


def test_a_loaders_list_of_properties_is_no_table_of_companies(run):
    properties = "_fivetran_id,name,label,type,hubspot_object\nx,amount,Amount,number,deal\n"
    imported = run("hubspot", {"deals.csv": DEALS, "property_data.csv": properties})

    assert [f["file"] for f in imported.record["files"]] == ["deals.csv"]
    assert not (imported.workspace / "tables" / "accounts.parquet").exists()


def test_first_and_last_names_make_a_name_in_either_order(run):
    contacts = (
        "Record ID,First Name,Last Name,Email,Lifecycle Stage,Country/Region,Lead Status\n"
        "1,Omar,Rossi,o@example.com,lead,Italy,NEW\n2,伟,王,w@example.com,customer,中国,\n"
    )
    imported = run("hubspot", {"deals.csv": DEALS, "contacts.csv": contacts})

    assert imported.rows("contacts", "name, lifecycle, country, status", "contact_id") == [
        ("Omar Rossi", "lead", "Italy", "NEW"),
        ("王伟", "customer", "中国", None),
    ]


def test_names_that_a_loader_puts_a_word_before_are_known(run):
    deals = (
        "deal_id,property_dealname,deal_pipeline_stage_id,property_amount,property_createdate\n"
        "1,A,closedwon,10,2025-09-01 02:00:00\n"
    )
    imported = run("hubspot", {"deal.csv": deals})

    assert imported.rows("deals", "name, amount") == [("A", 10.0)]
    assert imported.record["unknown_columns"] == []


def test_deals_without_a_stage_are_passed_over_and_the_missing_column_is_named(run):
    owners = "owner_id,first_name\n1,Ann\n"
    dated = "Record ID,Deal Name,Date entered current stage,hs_date_entered_closedwon\n1,A,,\n"
    with pytest.raises(DataError) as refused:
        run("hubspot", {"deals.csv": dated, "owners.csv": owners})

    assert "deals.csv (it should hold deals, but no column tells stage)" in str(refused.value)
