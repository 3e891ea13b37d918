"""What stands beside complaints: counted by hand, found where planted, and only there."""

from datetime import date

import pytest
from support import write_workspace

from salesops_kit.analyses.feedback_links import complaints_by_account
from salesops_kit.analyses.feedback_rivals import rivals_by_quarter
from salesops_kit.models.intervals import wilson
from salesops_kit.periods import period
from salesops_kit.workspace import open_workspace

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
