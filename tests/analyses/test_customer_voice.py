"""Customers who complained, beside what they take away and whether such customers stopped."""

from datetime import date, timedelta

import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses.competition import analyse_competition
from salesops_kit.analyses.customer_risk import CustomerRisk
from salesops_kit.analyses.customer_voice import CustomerVoice, customer_voice, read_lately
from salesops_kit.analyses.feedback_texts import Texts
from salesops_kit.models.buying import Buying
from salesops_kit.periods import day_number, period
from salesops_kit.tables import Reader
from salesops_kit.workspace import open_workspace

TODAY, MAY = date(2025, 5, 31), period("2025-05")
ENDED = date(2025, 3, 31)
DEALS = [{"deal_id": "D", "stage": "won", "status": "won", "created_at": "2024-01-01",
          "closed_at": "2025-02-01", "competitor": "Voltra"}]  # fmt: skip


def said(*rows):
    """Texts as read: account, day, theme complained of (None: none), what it says."""
    table = pd.DataFrame(rows, columns=["account_id", "day", "theme", "plain"])
    missing = float("nan")
    texts = table.assign(day=[day_number(d) for d in table["day"]], counts=True, score=missing,
                         scale_min=missing, scale_max=missing, mood="negative")  # fmt: skip
    found = [(place, theme, -1.0, True) for place, theme in enumerate(table["theme"])
             if isinstance(theme, str)]  # fmt: skip
    mentions = pd.DataFrame(found, columns=["text", "theme", "score", "complaint"])
    return Texts(texts, mentions, plain=tuple(table["plain"]))


def contract(account, *, renewed, ends=ENDED):
    return {"order_id": f"C{account}", "account_id": account, "ordered_at": "2024-04-01",
            "amount": 100.0, "starts_on": "2024-04-01", "ends_on": str(ends),
            "is_renewed": renewed}  # fmt: skip


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Sixty contracts: 24 of customers who complained, of whom 12 left; 36 others, 6 left."""
    orders = [contract(f"A{n}", renewed=n % 2 == 0) for n in range(24)]
    orders += [contract(f"B{n}", renewed=n % 6 != 0) for n in range(36)]
    answers = [{"feedback_id": "F1", "account_id": "A0", "type": "NPS", "score": 3.0,
                "scale_min": 0.0, "scale_max": 10.0, "answered_at": "2025-05-01"},
               {"feedback_id": "F2", "account_id": "A0", "type": "NPS", "score": 9.0,
                "scale_min": 0.0, "scale_max": 10.0, "answered_at": "2025-01-01"},
               {"feedback_id": "F3", "account_id": "B1", "type": "NPS", "score": 10.0,
                "scale_min": 0.0, "scale_max": 10.0, "answered_at": "2025-05-01"}]  # fmt: skip
    folder = write_workspace(
        tmp_path_factory.mktemp("voice") / "w",
        {"deals": DEALS, "orders": orders, "feedback": answers},
    )
    return open_workspace(folder, as_of=TODAY)


def customer(accounts):
    table = pd.DataFrame({"account_id": accounts, "at_stake": range(len(accounts), 0, -1)})
    ends = pd.DataFrame({"account_id": ["A1"], "ends_on": [date(2026, 1, 31)]})
    buyers = pd.DataFrame({"account_id": ["A1"], "alive": [0.5]})
    return CustomerRisk(MAY, accounts=table, calendar=ends, buyers=buyers,
                        buying=Buying(1.0, 1.0, 1.0, 1.0))  # fmt: skip


def test_complaints_before_the_end_are_held_against_contracts_not_renewed(opened):
    """A complaint after the end, or long before it, is none that went before."""
    near = ENDED - timedelta(days=30)
    before = [(f"A{n}", near, "delivery", "late") for n in range(24)]
    others = [(f"B{n}", near, None, "fine") for n in range(30)]  # six say nothing
    outside = [("B1", ENDED + timedelta(days=5), "price", "dear"),
               ("B2", ENDED - timedelta(days=300), "price", "dear")]  # fmt: skip

    found = customer_voice(opened, customer(["A0"]), said(*before, *others, *outside)).stopped
    row = found[found["signal"] == "complained"].iloc[0]

    assert row["stopping"] == "not_renewed"
    assert (row["n"], row["stopped"], row["other_n"]) == (24, 12, 30)
    assert (row["share"], row["other_share"]) == (0.5, pytest.approx(5 / 30))
    assert row["stop_gap"] == pytest.approx(0.5 - 5 / 30)
    assert 0 < row["stop_gap_low"] < row["stop_gap"] < row["stop_gap_high"]
    assert row["verdict"] == "more_often"


def test_those_at_risk_who_complained_or_score_low_are_listed_most_money_first(opened):
    texts = said(("A1", TODAY - timedelta(days=10), "delivery", "late"),
                 ("A1", TODAY - timedelta(days=9), "price", "dear"),
                 ("A9", TODAY - timedelta(days=9), "price", "not at risk"))  # fmt: skip

    table = customer_voice(opened, customer(["B1", "A1", "A0"]), texts).accounts

    assert table["account_id"].tolist() == ["A1", "A0"]  # B1 gave the best score
    first, second = table.to_dict("records")
    assert (first["complaints"], first["last_complaint_on"]) == (2, TODAY - timedelta(days=9))
    assert set(first["about"]["en"].split("; ")) == {"delivery", "price"}
    assert (second["complaints"], second["last_score"]) == (0, "3 / 10")  # the newest counts
    assert second["last_answer_on"] == date(2025, 5, 1)
    shown = Reader(opened.settings, "zh").table(table, "risk.voices")
    assert shown["到期日"].tolist() == ["2026年1月31日", "–"]


def test_few_cases_say_nothing(opened):
    near = ENDED - timedelta(days=30)
    texts = said(("A1", near, "delivery", "late"), ("A2", near, None, "fine"),
                 ("B0", near, None, "fine"), ("B6", near, "price", "dear"))  # fmt: skip

    found = customer_voice(opened, customer(["A0"]), texts).stopped

    assert set(found["verdict"]) == {"few"}


def test_without_customers_or_feedback_nothing_is_said(tmp_path, opened):
    folder = write_workspace(tmp_path / "w", {"deals": DEALS})

    assert read_lately(open_workspace(folder, as_of=TODAY)) is None
    nobody = customer_voice(opened, CustomerRisk(MAY), said(("A1", TODAY, "price", "dear")))
    assert nobody.accounts.equals(CustomerVoice().accounts)
    assert nobody.complained.empty


def test_rivals_in_texts_stand_beside_the_picklist_of_the_same_quarter(opened):
    texts = said(("A1", date(2025, 1, 5), None, "voltra is cheaper"),
                 ("A2", date(2025, 2, 5), None, "all is well"),
                 ("A3", date(2025, 5, 5), None, "all is well"))  # fmt: skip

    heard = analyse_competition(opened, period=MAY, texts=texts).heard

    first = heard[heard["quarter"] == "2025-Q1"].to_dict("records")
    assert [(row["rival"], row["listed_share"], row["text_share"]) for row in first] == [
        ("Voltra", 1.0, 0.5)
    ]
    assert analyse_competition(opened, period=MAY).heard.empty
