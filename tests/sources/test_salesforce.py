"""What Salesforce exports: Data Loader files, field history, reports with labels."""

import pytest

OPPORTUNITY = (
    "Id,Name,StageName,Amount,Probability,CloseDate,CreatedDate,IsClosed,IsWon,OwnerId\n"
    "0065g00000XyZabAAF,Alpha,Negotiation/Review,1000,90,2025-10-31,2025-09-01T02:00:00.000Z,"
    "false,false,0055g000001AbCdAAK\n"
    "0065g00000XyZacAAF,Beta,Closed Won,2000,100,2025-09-20,2025-08-01T02:00:00.000Z,"
    "true,true,0055g000001AbCdAAK\n"
)


def test_times_in_utc_become_times_of_the_company(run):
    made = run("salesforce", {"Opportunity.csv": OPPORTUNITY}).rows(
        "deals", "created_at::VARCHAR", "1"
    )

    assert made == [("2025-08-01 10:00:00",), ("2025-09-01 10:00:00",)]


def test_ids_of_fifteen_characters_are_completed_and_case_counts(run):
    history = (
        "Opportunity ID,Stage,Last Modified\n"
        "0065g00000XyZab,Qualification,2025-09-01 10:00\n"
        "0065g00000XyZAB,Qualification,2025-09-02 10:00\n"
    )
    files = {"Opportunity.csv": OPPORTUNITY, "OpportunityHistory.csv": history}
    entries = run("salesforce", files).rows("stage_history", "deal_id", "1")

    # capitals of the last five are bits: X, Z = 1 + 4 = 5 = F; X, Z, A, B = 29 = 3 (after A-Z, 0-2)
    assert entries == [("0065g00000XyZABAA3",), ("0065g00000XyZabAAF",)]


@pytest.mark.parametrize(
    ("stage", "closed", "won", "status"),
    [
        ("Signed and celebrated", "true", "true", "won"),
        ("Gone", "true", "false", "lost"),
        ("Negotiation/Review", "true", "true", "won"),
        ("Negotiation/Review", "false", "false", "open"),
        ("Closed Lost", "true", "false", "lost"),
    ],
)
def test_closed_and_won_flags_beat_labels_nobody_knows(run, stage, closed, won, status):
    line = (
        f"0065g00000XyZabAAF,Alpha,{stage},1,,2025-10-31,2025-09-01T02:00:00.000Z,{closed},{won},"
    )
    header = OPPORTUNITY.split("\n")[0]
    imported = run("salesforce", {"Opportunity.csv": f"{header}\n{line}\n"})

    assert imported.rows("deals", "status", "1") == [(status,)]


def test_an_open_deal_in_a_stage_nobody_knows_is_refused(run):
    header = OPPORTUNITY.split("\n")[0]
    line = "0065g00000XyZadAAF,Gamma,Dreaming,1,,2025-10-31,2025-09-01T02:00:00.000Z,false,false,"
    imported = run("salesforce", {"Opportunity.csv": OPPORTUNITY + line + "\n"})

    assert header.startswith("Id,")
    assert [r["reason"] for r in imported.rejects()] == ["stage 'Dreaming' is not mapped"]


def test_rows_in_which_the_stage_did_not_change_are_no_entries(run):
    history = (
        "OpportunityId,StageName,Amount,CreatedDate\n"
        "0065g00000XyZacAAF,Qualification,100,2025-08-01T02:00:00.000Z\n"
        "0065g00000XyZacAAF,Qualification,200,2025-08-02T02:00:00.000Z\n"
        "0065g00000XyZacAAF,Closed Won,200,2025-09-20T02:00:00.000Z\n"
        "0065g00000XyZacAAF,Closed Won,250,2025-09-25T02:00:00.000Z\n"
    )
    imported = run(
        "salesforce", {"Opportunity.csv": OPPORTUNITY, "OpportunityHistory.csv": history}
    )

    assert imported.rows("stage_history", "stage, amount, entered_at::VARCHAR", "3") == [
        ("qualification", 100.0, "2025-08-01 10:00:00"),
        ("won", 200.0, "2025-09-20 10:00:00"),
    ]
    won = imported.rows("deals", "closed_at::VARCHAR, status", "2")
    assert won[-1] == ("2025-09-20 10:00:00", "won")


def test_field_history_tells_the_first_stage_by_what_it_changed_from(run):
    history = (
        "OpportunityId,Field,OldValue,NewValue,CreatedDate\n"
        "0065g00000XyZacAAF,Amount,5,6,2025-08-03T02:00:00.000Z\n"
        "0065g00000XyZacAAF,StageName,Qualification,Needs Analysis,2025-08-05T02:00:00.000Z\n"
        "0065g00000XyZacAAF,StageName,Needs Analysis,Closed Won,2025-09-20T02:00:00.000Z\n"
    )
    files = {"Opportunity.csv": OPPORTUNITY, "OpportunityFieldHistory.csv": history}
    imported = run("salesforce", files)

    assert imported.rows("stage_history", "seq, stage, entered_at::VARCHAR") == [
        (1, "qualification", "2025-08-01 10:00:00"),
        (2, "needs", "2025-08-05 10:00:00"),
        (3, "won", "2025-09-20 10:00:00"),
    ]


def test_a_report_with_chinese_labels_is_read(run):
    report = (
        "业务机会标识,业务机会名称,客户名,阶段,金额,可能性 (%),结束日期,创建日期,业务机会所有人\n"
        '0065g00000XyZab,甲项目,甲公司,商务谈判,"CNY 12,000.00",60,2025/10/31,2025/9/1,王伟\n'
    )
    imported = run("salesforce", {"业务机会报表.csv": report})

    assert imported.rows("deals", "stage, amount, probability, owner_name") == [
        ("negotiation", 12000.0, 0.6, "王伟")
    ]


def test_a_report_without_ids_takes_the_name_and_says_so(run):
    report = "Opportunity Name,Stage,Amount,Close Date\nAlpha,Closed Won,5,2025-09-03\n"
    imported = run("salesforce", {"Opportunity report.csv": report})

    assert imported.rows("deals", "deal_id, name") == [("Alpha", "Alpha")]
    assert imported.file("Opportunity report.csv")["notes"] == [
        "deals: exported without ids, so the name stands for the id; export the id too"
    ]


def test_stages_of_the_org_are_read_from_its_own_table(run):
    stages = (
        "ApiName,MasterLabel,SortOrder,IsClosed,IsWon,DefaultProbability,IsActive\n"
        "S1,Discover,1,false,false,10,true\nS2,Prove,2,false,false,50,true\n"
        "S3,Hooray,3,true,true,100,true\nS4,Oh no,4,true,false,0,true\n"
    )
    deals = (
        "Id,Name,StageName,CloseDate,CreatedDate\n"
        "0065g00000XyZabAAF,A,Prove,2025-10-31,2025-09-01\n"
        "0065g00000XyZacAAF,B,Hooray,2025-09-30,2025-09-01\n"
    )
    imported = run("salesforce", {"Opportunity.csv": deals, "OpportunityStage.csv": stages})

    assert imported.rows("deals", "stage, stage_rank, status") == [
        ("stage_2_prove", 20, "open"),
        ("stage_3_hooray", 902, "won"),
    ]
    assert not imported.rejects()


def test_what_an_activity_names_is_a_deal_only_when_its_id_is_one(run):
    tasks = (
        "Id,Subject,WhatId,ActivityDate\n"
        "00T5g000000001AAA,Call,0065g00000XyZabAAF,2025-09-03\n"
        "00T5g000000002AAA,Call,0015g00000XyZabAAF,2025-09-03\n"
    )
    imported = run("salesforce", {"Opportunity.csv": OPPORTUNITY, "Task.csv": tasks})

    assert imported.rows("activities", "activity_id, deal_id") == [
        ("00T5g000000001AAA", "0065g00000XyZabAAF"),
        ("00T5g000000002AAA", None),
    ]


def test_files_that_hold_nothing_of_ours_are_named_as_passed_over(run):
    roles = "Id,Name,ParentRoleId\n00E1,Boss,\n"
    imported = run("salesforce", {"Opportunity.csv": OPPORTUNITY, "UserRole.csv": roles})

    assert [s["file"] for s in imported.record["skipped_files"]] == ["UserRole.csv"]
