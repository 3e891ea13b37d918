"""What stands beside complaints: counted by hand, found where planted, and only there."""

from datetime import date

import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses.feedback_link_findings import link_findings, link_table, link_words
from salesops_kit.analyses.feedback_links import (
    LOOKBACK,
    complaints_by_account,
    links,
    standing_out,
)
from salesops_kit.analyses.feedback_outcomes import complaint_sources, outcome_cases
from salesops_kit.analyses.feedback_rivals import rivals_by_quarter
from salesops_kit.analyses.feedback_texts import read_texts
from salesops_kit.models.intervals import wilson
from salesops_kit.periods import Period, day_number, period
from salesops_kit.settings import Settings
from salesops_kit.workspace import open_workspace
from truth.complaint_worlds import NOTHING, decided, world, written

END = day_number(date(2025, 10, 1))
YEARS = Period("", date(2024, 1, 1), date(2025, 10, 1), "year")
SEPTEMBER = period("2025-09")
LATE, FINE, DEAR = "交货太慢了，催了好几次", "价格合理，服务周到", "价格太贵了，不划算"


def said(name, text, day, account, **more):
    return {"feedback_id": name, "text": text, "answered_at": day, "account_id": account} | more


def opened(folder, texts, **tables):
    deals = [{"deal_id": "d0", "account_id": "a0", "stage": "lost", "status": "lost",
              "competitor": "Lanqi", "created_at": "2025-01-01",
              "closed_at": "2025-02-01"}]  # fmt: skip
    path = write_workspace(folder / "w", {"deals": deals, "feedback": texts} | tables)
    return open_workspace(path, as_of=date(2025, 9, 30))


def test_what_each_customer_complained_of_and_how_satisfied_it_is(tmp_path):
    scale = {"scale_min": 0, "scale_max": 10}
    texts = [
        said("1", LATE, "2025-07-01", "a1", score=2, **scale),
        said("2", DEAR, "2025-08-01", "a1", score=6, **scale),
        said("3", LATE, "2025-09-01", "a1"),
        said("4", FINE, "2025-09-02", "a2", score=10, **scale),
        said("5", LATE, "2025-03-01", "a2"),  # longer ago than the lookback
        said("6", LATE, "2025-10-01", "a2"),  # not known yet
        said("7", LATE, "2025-09-03", None),
    ]
    table = complaints_by_account(opened(tmp_path, texts)).set_index("account_id")

    assert list(table.index) == ["a1", "a2"]
    assert table.loc["a1", ["texts", "complaints", "answers"]].tolist() == [3, 3, 2]
    assert table.loc["a1", "themes"] == ("delivery", "price")
    assert table.loc["a1", "satisfaction"] == pytest.approx(0.4)
    assert date.fromordinal(719163 + table.loc["a1", "last_complaint_day"]) == date(2025, 9, 1)
    assert table.loc["a2", ["texts", "complaints", "satisfaction"]].tolist() == [1, 0, 1.0]
    assert table.loc["a2", "themes"] == ()


def test_rivals_are_counted_per_quarter_among_all_texts(tmp_path):
    texts = [said(f"f{i}", FINE, "2025-02-01", f"b{i}") for i in range(9)]
    texts += [said("r", "比 Lanqi 差太多了，服务糟糕，非常失望", "2025-02-03", "a1"),
              said("s", FINE, "2025-09-01", "a2")]  # fmt: skip
    table = rivals_by_quarter(opened(tmp_path, texts), period=SEPTEMBER).set_index("quarter")

    assert table["texts"].to_dict() == {"2025-Q1": 10, "2025-Q3": 1}
    assert table["named"].to_dict() == {"2025-Q1": 1, "2025-Q3": 0}
    assert tuple(table.loc["2025-Q1", ["lower", "upper"]]) == pytest.approx(wilson(1, 10))
    assert table.loc["2025-Q1", "unkind_texts"] == 1
    assert rivals_by_quarter(opened(tmp_path / "none", []), period=SEPTEMBER).empty


# -- cases ---------------------------------------------------------------------------------------


def deal(name, account, status, closed=None, **more):
    return {"deal_id": name, "account_id": account, "stage": status, "status": status,
            "created_at": "2025-01-01", "closed_at": closed, "region": "East",
            "product": "P"} | more  # fmt: skip


def entry(name, seq, stage, category, day, owner):
    ranks = {"needs": 30, "proposal": 60, "won": 90, "lost": 91}
    return {"deal_id": name, "seq": seq, "stage": stage, "stage_rank": ranks[stage],
            "stage_category": category, "entered_at": day, "owner_id": owner}  # fmt: skip


DEALS = [
    deal("w", "a1", "won", "2025-06-01"), deal("l", "a1", "lost", "2025-08-01"),
    deal("o", "a1", "open"), deal("old", "a1", "lost", "2024-06-01"),
    deal("n", "silent", "lost", "2025-08-01"),  # nobody said anything: no case
]  # fmt: skip
HISTORY = [
    entry("l", 1, "needs", "open", "2025-05-01", "r1"),
    entry("l", 2, "proposal", "open", "2025-07-01", "r2"),
    entry("l", 3, "lost", "lost", "2025-08-01", "r2"),
    entry("o", 1, "proposal", "open", "2025-07-01", "r1"),
]
TERM = {"starts_on": "2024-09-01", "ordered_at": "2024-09-01", "kind": "contract", "product": "C"}
ORDERS = [
    {"order_id": "c1", "account_id": "a1", "ends_on": "2025-08-31", "is_renewed": False} | TERM,
    {"order_id": "c2", "account_id": "a1", "ends_on": "2025-12-31", "is_renewed": False} | TERM,
]


def test_only_what_is_decided_is_a_case(tmp_path):
    texts = [said("1", FINE, "2025-05-20", "a1")]
    workspace = opened(tmp_path, texts, deals=DEALS, stage_history=HISTORY, orders=ORDERS)
    cases = outcome_cases(workspace, end_day=END)
    found = cases.assign(day=pd.to_datetime(cases["day"], unit="D").dt.strftime("%m-%d"))

    assert found[["outcome", "where", "day", "hit"]].to_numpy().tolist() == [
        ["lost", "", "08-01", 1], ["lost", "", "06-01", 0],
        ["lost_in", "needs", "07-01", 0], ["lost_in", "proposal", "08-01", 1],
        ["not_renewed", "", "08-31", 1],
    ]  # fmt: skip


def test_a_text_belongs_to_who_owned_its_deal_that_day(tmp_path):
    texts = [said("1", LATE, "2025-06-20", "a1", deal_id="l"),
             said("2", DEAR, "2025-07-20", "a1", deal_id="l"),
             said("3", FINE, "2025-07-21", "a1", order_id="c1"),
             said("4", LATE, "2025-08-22", "a1")]  # fmt: skip
    workspace = opened(tmp_path, texts, deals=DEALS, stage_history=HISTORY, orders=ORDERS)
    found = complaint_sources(workspace, read_texts(workspace, span=YEARS))

    assert found["product"].tolist() == ["P", "P", "C", None]
    assert found["rep"].tolist() == ["r1", "r2", None, None]


# -- comparisons ---------------------------------------------------------------------------------


def test_shares_by_hand_and_only_what_was_said_before_counts():
    said_on = [("a1", 100, "price"), ("a2", 100, "price"), ("a3", 100, "price"),
               ("b1", 100, None), ("b2", 100, None), ("b3", 100, None),
               ("b1", 200, "price"),  # on the day itself: too late
               ("late", 100 - LOOKBACK, "price")]  # fmt: skip
    ended = [("a1", 200, 1), ("a2", 200, 1), ("a3", 200, 0), ("b1", 200, 1), ("b2", 200, 0),
             ("b3", 200, 0), ("late", 201, 1), ("mute", 200, 1)]  # fmt: skip
    [row] = links(written(said_on), decided(ended), NOTHING, fewest=3).to_dict("records")

    assert (row["theme"], row["customers"], row["n"]) == ("price", 3, 3)
    assert row["usual"] == pytest.approx(1 / 3)
    assert row["difference"] == pytest.approx(2 / 3 - 1 / 3)
    assert row["share"] == pytest.approx((2 + 10 / 3) / 13)  # drawn to a third by ten cases
    assert row["lower"] < row["share"] < row["upper"]
    assert row["verdict"] == "no_difference"
    assert links(written(said_on), decided(ended), NOTHING, fewest=4).empty


def test_a_planted_association_is_found_and_worded_as_one():
    settings = Settings()
    found = [links(*world(seed, odds=5.0), fewest=10) for seed in range(3)]
    named = [set(zip(t["theme"], t["outcome"], strict=True)) for t in map(standing_out, found)]

    assert all(("price", "lost") in pairs for pairs in named)
    table = found[0].assign(open_amount=1000.0)
    [finding, *_] = link_findings(table, settings, {})
    assert finding.id == "feedback:link_lost:theme=price"
    assert finding.headline["en"].startswith("Customers who complained about price lost us more")
    assert "does not show that the complaint is the cause" in finding.detail["en"]
    assert "这只是关联" in link_words(table, settings, {})["zh"]


def test_a_rep_is_named_only_where_complaints_stand_out():
    table = links(*world(1), fewest=10)
    quiet, loud = (table.assign(verdict=verdict) for verdict in ("no_difference", "more"))

    assert "rep" in set(table["outcome"])
    assert "rep" not in set(link_table(quiet, Settings(), {})["outcome"])
    assert "rep" in set(link_table(loud.tail(5), Settings(), {})["outcome"])


def test_nothing_is_claimed_where_nothing_is():
    """Two families of comparisons at 5 % each; `truth` counts over more worlds."""
    claims = [links(*world(seed), fewest=10)["verdict"].ne("no_difference").any()
              for seed in range(1_000, 1_008)]  # fmt: skip

    assert sum(claims) <= 2


@pytest.mark.parametrize("reps", [{}, {"r1": "Wei"}])
def test_few_texts_give_no_table_and_say_so(reps):
    empty = links(written([]), decided([]), NOTHING, fewest=10)

    assert empty.empty
    assert link_table(empty, Settings(), reps).empty
    assert link_words(empty, Settings(), reps)["en"].startswith("Too few customers complained")
