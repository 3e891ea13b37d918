"""What customers say: counted by hand on a small company, hostile texts, and the demo."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from demo_report import demo_workspace
from support import write_workspace

from salesops_kit.analyses.feedback import analyse_feedback
from salesops_kit.analyses.feedback_scores import scores_of
from salesops_kit.periods import period
from salesops_kit.settings import settings_from
from salesops_kit.tables import Reader
from salesops_kit.workspace import open_period, open_workspace

Q3 = period("2025-Q3")
DEALS = [
    {"deal_id": "d1", "account_id": "a1", "stage": "needs", "status": "open", "amount": 500.0,
     "created_at": "2025-06-01"},
    {"deal_id": "d2", "account_id": "a2", "stage": "lost", "status": "lost", "amount": 70.0,
     "competitor": "Lanqi", "created_at": "2025-06-01", "closed_at": "2025-07-01"},
]  # fmt: skip
ORDERS = [
    {"order_id": "o1", "account_id": "a1", "amount": 40.0, "ordered_at": "2025-05-01"},
    {"order_id": "o2", "account_id": "x9", "amount": 60.0, "ordered_at": "2025-05-01"},
]
LATE, FINE = "交货太慢了，催了好几次", "价格合理，服务周到"
SCORED = [(9, "a1"), (10, "a2"), (3, "a3"), (9, "a1")]


def said(name, text, day, account=None, **more):
    return {"feedback_id": name, "text": text, "answered_at": day, "account_id": account,
            "channel": "survey"} | more  # fmt: skip


def surveys():
    return [
        said(f"s{i}", None, "2025-08-01" if i < 3 else "2025-08-09", account, type="NPS",
             score=score, scale_min=0, scale_max=10, asked_at="2025-07-30")
        for i, (score, account) in enumerate(SCORED)
    ]  # fmt: skip


def texts():
    """Twelve complaints of one customer each about delivery before the action, two after it."""
    rows = [said(f"b{i}", LATE, "2025-02-15", f"a{i}") for i in range(12)]
    rows += [said(f"p{i}", FINE, "2025-02-15", f"b{i}") for i in range(12)]
    rows += [said(f"c{i}", LATE, "2025-08-20", f"a{i}", action_id="x") for i in range(1, 3)]
    rows += [said(f"q{i}", FINE, "2025-08-20", f"b{i}") for i in range(28)]
    # pasted five times by nobody known: one text
    return rows + [said(f"z{i}", "Lanqi offers the same for less", "2025-08-21") for i in range(5)]


ACTIONS = [
    {"action_id": "x", "finding_id": "feedback:complaint:theme=delivery", "what": "new carrier",
     "owner_id": "r1",
     "opened_on": "2025-03-01", "due_on": "2025-04-01", "done_on": "2025-03-20"},
    {"action_id": "y", "finding_id": "feedback:complaint:theme=price", "what": "price list",
     "owner_id": "r9",
     "opened_on": "2025-08-01", "due_on": "2025-08-15"},
    {"action_id": "z", "finding_id": "funnel:leak", "what": "other", "opened_on": "2025-08-01"},
]  # fmt: skip


def opened(folder, rows, **tables):
    path = write_workspace(folder / "w", {"deals": DEALS, "feedback": rows} | tables)
    return open_workspace(path, as_of=date(2025, 9, 30))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    workspace = opened(tmp_path_factory.mktemp("f"), [*surveys(), *texts()], orders=ORDERS,
                       actions=ACTIONS, reps=[{"rep_id": "r1", "name": "Ann Lee"}])  # fmt: skip
    return analyse_feedback(workspace, period=Q3)


def test_each_customer_votes_once(small):
    [row] = small.scores.to_dict("records")

    assert (row["survey"], row["scale"], row["votes"]) == ("NPS", "0–10", 3)
    assert row["survey_score"] == pytest.approx((2 - 1) / 3)
    assert np.isnan(row["lower"])  # three votes have no interval


def votes_by_month(scores_of_month):
    """Forty NPS answers a month of 2025 by customers who answer once."""
    rows = [
        (f"f{month}-{i}", f"a{month}-{i}", int(score), pd.Timestamp(2025, month, 9))
        for month in range(1, 10)
        for i, score in enumerate(scores_of_month(month))
    ]
    table = pd.DataFrame(rows, columns=["feedback_id", "account_id", "score", "answered_at"])
    day = (table.pop("answered_at") - pd.Timestamp(0)).dt.days
    return table.assign(type="NPS", scale_min=0.0, scale_max=10.0, answered_day=day, asked_day=day)


@pytest.mark.parametrize(("worse", "way", "since"), [(0.45, "fell", "2025-07"), (0.0, "same", "")])
def test_a_score_falls_only_where_the_months_say_so(worse, way, since):
    rng = np.random.default_rng(3)
    chances = {True: [0.2 + worse, 0.2, 0.6 - worse], False: [0.2, 0.2, 0.6]}
    table = votes_by_month(lambda month: rng.choice([3, 7, 9], 40, p=chances[month >= 7]))
    found = scores_of(table, Q3, period("2025-Q2"), Q3)
    [row] = found.now.to_dict("records")

    assert (row["way"], row["since"]) == (way, since)
    assert found.trend["votes"].tolist() == [0] * 3 + [40] * 9
    assert found.trend["level"].round(6).nunique() == (2 if since else 1)
    assert row["survey_score"] == pytest.approx(found.trend["survey_score"].tail(3).mean())


def test_a_net_score_changes_by_points_and_a_share_by_points_of_percent(tmp_path):
    """NPS is no percentage; the share of satisfied customers is one."""
    rows = [
        said(f"{survey}{month}{n}", None, f"2025-{month}-09", f"{survey}{month}{n}", type=survey,
             score=best if n < kind else 1.0, scale_min=0.0, scale_max=best)
        for survey, best in (("NPS", 10.0), ("CSAT", 5.0))
        for month, kind in (("05", 30), ("08", 20)) for n in range(40)
    ]  # fmt: skip
    found = analyse_feedback(opened(tmp_path, rows), period=Q3)
    shown = Reader(settings_from({}), "zh").table(found.scores, "feedback.scores", period="2025")
    told = {f.kind.split("_")[1]: f for f in found.findings if f.kind.startswith("score_")}

    assert shown.set_index("问卷")["变化"].to_dict() == {
        "NPS": "-50.0 分", "CSAT": "-25.0 个百分点"}  # fmt: skip
    assert "较上一同长时段 -50.0 分" in told["nps"].headline["zh"]
    assert "较上一同长时段 -25.0 个百分点" in told["csat"].headline["zh"]
    assert "-50.0 pts" in told["nps"].headline["en"]


def test_a_survey_that_is_new_has_no_change(tmp_path):
    row = said("n", None, "2025-08-01", "a1", type="CSAT", score=5, scale_min=1, scale_max=5)
    found = analyse_feedback(opened(tmp_path, [row]), period=Q3)

    assert found.scores[["survey_score", "way"]].to_numpy().tolist() == [[1.0, "same"]]
    assert found.scores["score_change"].isna().all()
    assert any("CSAT" in finding.headline["en"] for finding in found.findings)


def test_complaints_are_counted_with_the_money_of_who_complained(small):
    row = small.themes.set_index("theme").loc["delivery"]

    assert small.counted == 2 + 28 + 1
    assert (row["texts"], row["complaints"], row["accounts"]) == (2, 2, 2)
    assert row["share"] == pytest.approx(2 / 31)
    assert row["share_before"] == pytest.approx(12 / 24)
    assert (row["open_amount"], row["ordered"]) == (500.0, 40.0)


def test_copies_of_nobody_known_count_once_and_those_of_customers_each(small):
    assert small.texts.copied == 4
    assert small.rivals.to_dict("records") == [
        {"rival": "Lanqi", "texts": 1, "kind_texts": 0, "unkind_texts": 0, "texts_before": 0}
    ]


def test_an_action_is_followed_to_its_effect(small):
    table = small.actions.set_index("what")

    assert table["owner_name"].tolist() == ["Ann Lee", "r9"]  # who is on no list keeps the id
    assert list(table.index) == ["new carrier", "price list"]
    assert table.loc["new carrier", "result"] == "fell"
    assert table.loc["new carrier", "share_before"] == pytest.approx(12 / 24)
    assert table.loc["new carrier", "change_upper"] < 0
    assert table.loc["price list", "result"] == "late"
    assert small.closure["closed"] == 2
    said = {finding.kind: finding.headline["en"] for finding in small.findings}
    assert said["action_fell"].startswith("After “new carrier”, complaints about delivery fell")
    assert said["action_late"] == "The action “price list” on price is overdue."


def test_the_first_sentence_says_satisfaction_now_and_what_got_better(small):
    assert small.first_words["en"].startswith("NPS +33 (")
    assert small.first_words["en"].endswith("fewer complaints since an action about delivery")
    assert small.first_words["zh"].endswith("行动后抱怨减少：交付")


def test_who_ordered_and_was_not_heard_is_told(small):
    assert small.coverage.groups.iloc[0][["customers", "heard"]].tolist() == [2, 1]


def test_every_finding_is_a_sentence_in_both_languages(small):
    for finding in small.findings:
        for words in (finding.headline, finding.detail, finding.action):
            assert all(words[language].strip() for language in ("en", "zh"))
            assert "{" not in words["en"]
        assert finding.analysis == "feedback"


HOSTILE = [
    "<script>alert('x')</script> 交货太慢", "\u202eevil\u202c 交货太慢", "好" * 2**20, "😡" * 99,
    "\u200b\u200b", "{theme} %s {0}", "=cmd|' /C calc'!A0", "äº¤è´§å¤ªæ…¢", "\x00\x07",
]  # fmt: skip


def test_hostile_texts_break_nothing_and_leave_the_figures_of_others(tmp_path, small):
    bad = [said(f"h{i}", text, "2025-08-22", f"h{i}") for i, text in enumerate(HOSTILE)]
    workspace = opened(tmp_path, [*surveys(), *texts(), *bad], orders=ORDERS, actions=ACTIONS)
    found = analyse_feedback(workspace, period=Q3)

    pd.testing.assert_frame_equal(found.scores, small.scores)
    shown = json.dumps([f.as_json() for f in found.findings], ensure_ascii=False)
    assert not set("\u202e\u200b\x00") & set(shown + "".join(found.texts.rows["text"]))
    assert found.texts.rows["text"].str.len().max() <= 4_000
    assert (found.themes.set_index("theme").loc["delivery", "complaints"]) >= 2


@pytest.mark.parametrize("rows", [[], [said("a", "很好", "2025-08-01")], surveys()[:1]])
def test_little_data_gives_little_and_no_error(tmp_path, rows):
    found = analyse_feedback(opened(tmp_path, rows), period=Q3)

    assert found.quotes.empty or len(found.quotes) == 1


def test_no_feedback_table_gives_no_error_and_says_so(tmp_path):
    path = write_workspace(tmp_path / "w", {"deals": DEALS, "orders": ORDERS})
    found = analyse_feedback(open_workspace(path, as_of=date(2025, 9, 30)), period=Q3)

    assert found.links.empty
    assert found.link_words["en"].startswith("Too few")
    assert "nothing" in {finding.kind for finding in found.findings}


@pytest.fixture(scope="module")
def demo():
    workspace, september = open_period(demo_workspace(), "2025-09")
    return analyse_feedback(workspace, period=september)


def test_the_demos_late_deliveries_come_first(demo):
    assert demo.themes["theme"].iloc[0] == "delivery"
    assert demo.costly["theme"].iloc[0] == "delivery"
    assert demo.recent.label == "2025-07 – 2025-09"
    assert len(demo.quotes) == 5


def test_no_personal_data_are_shown(demo):
    text = "".join([*demo.texts.rows["text"], *demo.texts.plain])

    assert "1990000" not in text
    assert demo.texts.private > 10
    assert "text" in demo.texts.rows


def test_what_few_answers_leave_open_is_not_put_into_words(tmp_path):
    few = [said(f"f{n}", "ok", "2025-09-05", f"a{n}", type="NPS", score=float(9 - 4 * n),
                scale_min=0.0, scale_max=10.0) for n in range(2)]  # fmt: skip
    found = analyse_feedback(opened(tmp_path, few), period=period("2025-09"))

    [finding] = [f for f in found.findings if f.kind.startswith("score_")]
    assert finding.headline["en"].endswith("(2 customers); too few answers to tell a change.")
    for text in (*finding.headline.values(), *finding.detail.values(), *found.first_words.values()):
        assert "–" not in text.replace("0–10", "").replace("2025-07 – 2025-09", "")


@pytest.mark.parametrize(("score", "low", "high"), [(10.0, 0.84, 1.0), (7.0, -0.08, 0.08),
                                                    (0.0, -1.0, -0.84)])  # fmt: skip
def test_votes_all_alike_do_not_make_a_score_certain(tmp_path, score, low, high):
    """Of thirty others the next may vote otherwise: an interval of no width would deny it."""
    alike = [said(f"f{n}", "ok", "2025-09-05", f"a{n}", type="NPS", score=score, scale_min=0.0,
                  scale_max=10.0) for n in range(30)]  # fmt: skip
    found = analyse_feedback(opened(tmp_path, alike), period=period("2025-09")).scores.iloc[0]

    assert (found["lower"], found["upper"]) == (pytest.approx(low, abs=0.01),
                                                pytest.approx(high, abs=0.01))  # fmt: skip
