import json
from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses.bridge import analyse_bridge
from salesops_kit.analyses.forecast import analyse_forecast
from salesops_kit.analyses.funnel import analyse_funnel
from salesops_kit.analyses.readiness import _import_findings, analyse_readiness
from salesops_kit.analyses.reps import analyse_reps
from salesops_kit.analyses.target_scale import odd_targets
from salesops_kit.periods import period
from salesops_kit.workspace import open_workspace


def deal(deal_id, **more):
    usual = {"name": deal_id, "stage": "needs", "status": "open", "owner_id": "r1"}
    return {"deal_id": deal_id, "created_at": "2025-01-05", "account_id": "k1", "amount": 5.0,
            **usual, **more}  # fmt: skip


CLOSED = {"status": "won", "stage": "won", "closed_at": "2025-02-04"}
LOST = {"status": "lost", "stage": "lost", "closed_at": "2025-02-04"}
HISTORY = {"stage_rank": 30, "stage_category": "open", "stage": "needs"}


@pytest.fixture
def workspace(tmp_path):
    bulk = [
        {"deal_id": f"b{i}", "seq": 1, "entered_at": "2025-06-01 10:00:07", "changed_by": "admin",
         **HISTORY}
        for i in range(3)
    ]  # fmt: skip
    folder = write_workspace(
        tmp_path / "acme",
        {
            "deals": [
                deal("backwards", **CLOSED | {"closed_at": "2025-01-01"}),
                deal("future", **CLOSED | {"closed_at": "2026-01-01"}),
                deal("undated", status="lost", stage="lost"),
                deal("no_amount", **CLOSED | {"amount": None}),
                deal("zero", **CLOSED | {"amount": 0.0}),
                deal("good", **CLOSED),
                deal("stranger", owner_id="r9"),
                deal("ownerless", owner_id=None),
                deal("orphan", account_id="k9"),
                deal("overdue", expected_close_on="2025-09-30"),
                deal("fresh", created_at="2025-09-20", expected_close_on="2025-10-30"),
                *[deal(f"b{i}") for i in range(3)],
            ],
            "stage_history": bulk,
            "reps": [{"rep_id": "r1", "team": "East"}],
            "accounts": [{"account_id": "k1", "name": "Ko"}, {"account_id": "k2", "name": " KO "}],
        },
        settings="[thresholds]\nbulk_edit_deals = 3\n",
    )
    record = json.loads((folder / "import.json").read_text())
    record["files"] = [
        {"file": "deals.csv", "table": "deals", "rows_read": 16, "accepted": 14, "rejected": 2,
         "superseded": 0}
    ]  # fmt: skip
    (folder / "import.json").write_text(json.dumps(record))
    return open_workspace(folder)


def test_each_kind_of_defect_is_counted_among_the_rows_that_can_have_it(workspace):
    defects = analyse_readiness(workspace).defects.set_index("defect")

    found = defects.loc[defects["count"] > 0, ["count", "of", "examples"]]
    assert found.T.to_dict("list") == {
        "closed_before_created": [1, 6, "backwards"],
        "closed_in_future": [1, 6, "future"],
        "closed_without_date": [1, 6, "undated"],
        "won_without_amount": [1, 5, "no_amount"],
        "won_with_zero": [1, 5, "zero"],
        "overdue_open": [1, 8, "overdue"],
        "no_owner": [1, 14, "ownerless"],
        "closed_without_history": [6, 6, "backwards, future, good"],
        "bulk_edit": [3, 3, "b0, b1, b2"],
        "unmatched_owner": [1, 13, "stranger"],
        "orphan_account": [1, 14, "orphan"],
        "twin_accounts": [1, 2, "k2"],
        "no_expected_close": [6, 8, "b0, b1, b2"],
    }


def test_an_open_deal_is_stale_when_older_than_nearly_all_closed_ones(tmp_path):
    closed = [deal(f"c{i}", **CLOSED) for i in range(20)]
    old, young = deal("old"), deal("young", created_at="2025-09-10")
    workspace = open_workspace(write_workspace(tmp_path / "w", {"deals": [*closed, old, young]}))

    defects = analyse_readiness(workspace).defects.set_index("defect")

    assert defects.loc["stale_open", ["count", "of", "examples"]].tolist() == [1, 2, "old"]


def test_rejected_rows_are_said_with_their_number(workspace):
    findings = {f.kind: f for f in analyse_readiness(workspace).findings}

    rejected = findings["rows_rejected"]
    assert rejected.headline["en"] == "2 of 16 exported rows could not be used (12.50%)."
    assert rejected.severity == "critical"


def test_a_few_rejected_rows_of_very_many_are_a_note_and_no_zero():
    files = pd.DataFrame({"rejected": [4], "rows_read": [82_101]})
    (found,) = _import_findings(SimpleNamespace(import_record={}), files)

    assert found.severity == "note"
    assert found.headline["en"] == "4 of 82,101 exported rows could not be used (0.0049%)."


def test_questions_that_lack_a_table_or_a_history_are_answered_with_no_and_why(workspace):
    questions = analyse_readiness(workspace).questions.set_index("question")

    assert questions.loc["bookings", "answer"] == "yes"
    assert questions.loc["feedback", "answer"] == "no"
    assert questions.loc["feedback", "why"]["en"] == "the workspace has no table feedback"
    assert questions.loc["attainment", "why"]["zh"] == "工作区没有目标（targets）表"


def test_without_history_questions_about_stages_cannot_be_answered(tmp_path):
    workspace = open_workspace(
        write_workspace(tmp_path / "w", {"deals": [deal("a", **CLOSED), deal("b", **LOST)]})
    )

    questions = analyse_readiness(workspace).questions.set_index("question")

    assert questions.loc["stage_dwell", "answer"] == "no"
    assert questions.loc["sales_cycle", "answer"] == "yes"
    assert (
        questions.loc["stage_dwell", "why"]["en"]
        == "the export holds only today's stage of each deal"
    )


def test_two_deals_are_too_few_for_a_win_rate_and_a_forecast(tmp_path):
    workspace = open_workspace(
        write_workspace(tmp_path / "w", {"deals": [deal("a", **CLOSED), deal("b", **LOST)]})
    )

    asked = analyse_readiness(workspace).questions.set_index("question")

    assert asked.loc["win_rate", "answer"] == "partly"
    assert asked.loc["win_rate", "why"]["en"] == (
        "only 2 rows of deals; 30 are needed for a statement"
    )
    assert asked.loc["forecast", "why"]["zh"].endswith("至少需要 24 个月")
    assert asked.loc["forecast", "remedy"]["en"] == "export a longer span"


def test_each_unanswered_question_says_what_helps(workspace):
    asked = analyse_readiness(workspace).questions

    short = asked[asked["answer"] != "yes"]
    assert len(short)
    for language in ("en", "zh"):
        assert all(text[language] for text in short["remedy"])
    helped = asked.set_index("question")["remedy"]
    assert helped["feedback"]["en"] == "export feedback from the CRM and import it too"
    assert helped["compliance"]["en"].startswith("write the table sop_rules")


def test_completeness_asks_only_rows_that_can_have_a_value(workspace):
    complete = analyse_readiness(workspace).completeness.set_index(["table", "column"])

    assert complete.loc[("deals", "closed_at"), ["filled", "rows"]].tolist() == [5, 6]
    assert complete.loc[("deals", "amount"), ["filled", "rows"]].tolist() == [13, 14]


def test_sound_data_gives_no_defect(tmp_path):
    folder = write_workspace(
        tmp_path / "w",
        {"deals": [deal("a", **CLOSED), deal("b", amount=6.0, created_at="2025-09-20",
                                             expected_close_on="2025-12-01")]},
    )  # fmt: skip

    defects = analyse_readiness(open_workspace(folder)).defects

    assert defects["count"].sum() == 0


def test_an_amount_far_beyond_all_others_is_named(tmp_path):
    usual = [deal(f"d{n}", amount=float(100 + n)) for n in range(40)]
    for name, amount, count in (("wide", 3_000.0, 0), ("typo", 140_000.0, 1)):
        path = write_workspace(tmp_path / name, {"deals": [*usual, deal("huge", amount=amount)]})
        table = analyse_readiness(open_workspace(path)).defects.set_index("defect")

        assert table.loc["amount_beyond_all", "count"] == count


def planned(tmp_path, target, **more):
    """A company that won 1,000 every tenth day of a year, with a target of the last month."""
    wins = [
        deal(f"w{n}", amount=1_000.0, **CLOSED | {"closed_at": str(day.date())})
        for n, day in enumerate(pd.date_range("2024-10-05", "2025-09-30", freq="10D"))
    ]
    month = {"period_start_on": "2025-09-01", "period_end_on": "2025-09-30", "level": "company",
             "metric": "bookings", "target": target}  # fmt: skip
    tables = {"deals": wins, "targets": [month | more], "reps": [{"rep_id": "r1", "team": "East"}]}
    return open_workspace(write_workspace(tmp_path / "w", tables), as_of=date(2025, 9, 30))


@pytest.mark.parametrize(("target", "en", "zh"), [
    (3_000_000.0, "about 1,000 times", "1,000 倍"), (3.0, "one 1,000th of", "1/1,000"),
    (30_000.0, "", ""), (300.0, "", ""),
])  # fmt: skip
def test_a_target_far_from_what_the_same_time_brings_is_said_to_be_in_another_unit(
    tmp_path, target, en, zh
):
    found = analyse_readiness(planned(tmp_path, target)).findings

    told = [f for f in found if f.kind == "target_scale"]
    assert len(told) == bool(en)
    for finding in told:
        assert en in finding.headline["en"]
        assert zh in finding.headline["zh"]
        assert "Check the unit of targets.csv" in finding.action["en"]
        assert "请核对 targets.csv 的单位" in finding.action["zh"]


def test_wins_entered_all_at_once_tell_nothing_of_what_is_usual(tmp_path):
    """A company begins to use its CRM: six deals of a day are not two thousand a year."""
    wins = [deal(f"w{n}", amount=1_000.0, **CLOSED | {"closed_at": "2025-09-30"})
            for n in range(6)]  # fmt: skip
    month = {"period_start_on": "2025-09-01", "period_end_on": "2025-09-30", "level": "company",
             "metric": "bookings", "target": 8_000.0}  # fmt: skip
    path = write_workspace(tmp_path / "w", {"deals": wins, "targets": [month]})

    assert odd_targets(open_workspace(path, as_of=date(2025, 9, 30))).empty


def test_one_rep_of_many_with_a_quota_is_held_against_what_that_rep_books(tmp_path):
    mine = planned(tmp_path / "a", 3_000.0, level="rep", level_id="r1")
    odd = planned(tmp_path / "b", 3_000_000.0, level="rep", level_id="r1")

    assert odd_targets(mine).empty
    assert odd_targets(odd)["times"].tolist() == pytest.approx([1000], rel=0.1)


def test_no_page_praises_or_blames_by_a_target_in_another_unit(tmp_path):
    workspace = planned(tmp_path, 3_000_000.0)
    september = period("2025-09")

    [booked] = [f for f in analyse_funnel(workspace, period=september).findings
                if f.kind == "bookings"]  # fmt: skip
    assert booked.severity == "warning"
    assert "probably in another unit" in booked.headline["en"]
    assert "1,000 times" in booked.detail["en"]
    [missing] = [f for f in analyse_bridge(workspace, period=september).findings
                 if f.section == "target"]  # fmt: skip
    assert (missing.kind, missing.severity, missing.money) == ("odd_target", "warning", None)
    assert "1,000 times" in missing.detail["en"]
    assert "单位很可能有误" in missing.headline["zh"]
    figures = {f.name: f for f in analyse_funnel(workspace, period=september).key_figures}
    assert figures["bookings"].target is None
    quotas = planned(tmp_path / "reps", 3_000_000.0, level="rep", level_id="r1")
    [judged] = [f for f in analyse_reps(quotas, period=september).findings
                if f.section == "attainment"]  # fmt: skip
    assert judged.kind == "odd_quota"
    assert "about 1,000 times" in judged.headline["en"]
    assert "单位很可能有误" in judged.headline["zh"]
    october = planned(tmp_path / "ahead", 3_000_000.0, period_start_on="2025-10-01",
                      period_end_on="2025-10-31")  # fmt: skip
    [ahead] = [f for f in analyse_forecast(october, period=september, mode="fast").findings
               if f.kind == "odd_target"]  # fmt: skip
    assert ahead.severity == "warning"
    assert "unit is probably wrong" in ahead.headline["en"]
    assert "单位很可能有误" in ahead.headline["zh"]
    assert ahead.money is None


def test_a_table_without_a_row_answers_no_question(tmp_path):
    tables = {"deals": [deal("a", **CLOSED)], "feedback": []}
    workspace = open_workspace(write_workspace(tmp_path / "w", tables))
    questions = analyse_readiness(workspace).questions.set_index("question")

    assert questions.loc["feedback", "answer"] == "no"
    assert questions.loc["feedback", "why"]["en"] == "the table feedback holds no row"
    assert questions.loc["feedback", "why"]["zh"] == "客户反馈（feedback）表中没有数据"


def test_who_lacks_amounts_is_told_of_currencies_without_a_rate(tmp_path):
    """Amounts in a currency without a rate are missing in the reporting one: filling helps not."""
    rows = [deal("usd", **CLOSED | {"amount": None, "amount_source": 9.0, "currency": "USD"}),
            deal("open", amount=None, amount_source=9.0, currency="USD")]  # fmt: skip
    found = analyse_readiness(open_workspace(write_workspace(tmp_path / "w", {"deals": rows})))

    told = [f for f in found.findings if f.kind in ("won_without_amount", "open_without_amount")]
    assert len(told) == 2
    for finding in told:
        assert "[fx.rates]" in finding.action["en"]
        assert "[fx.rates] 中提供汇率" in finding.action["zh"]
