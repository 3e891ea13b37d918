"""Who is not heard: silent told apart from never asked, with the money behind them."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses.feedback_coverage import coverage_of
from salesops_kit.periods import period
from salesops_kit.workspace import open_workspace

Q3 = period("2025-Q3")
NO_DEALS = [{"deal_id": "d", "stage": "needs", "status": "open", "created_at": "2025-01-01"}]


def order(account, amount, rep="r1", day="2025-05-01"):
    return {"order_id": f"{account}-{rep}-{day}", "account_id": account, "amount": amount,
            "owner_id": rep, "ordered_at": day}  # fmt: skip


def asked(account, channel, day="2025-06-01", answered=None):
    return {"feedback_id": f"{account}-{channel}-{day}", "account_id": account, "channel": channel,
            "asked_at": day, "answered_at": answered}  # fmt: skip


def covered(folder, orders, feedback, accounts=()):
    tables = {"deals": NO_DEALS, "orders": orders, "feedback": feedback, "accounts": accounts}
    path = write_workspace(folder / "w", tables)
    workspace = open_workspace(path, as_of=date(2025, 9, 30))
    return coverage_of(workspace, Q3, {"r1": "Wei"})


ORDERS = [order("heard", 100.0), order("silent", 200.0), order("never", 300.0),
          order("never", 50.0, "r2", "2025-08-01"), order("ticket", 10.0, "r2"),
          order("old", 999.0, day="2024-09-01")]  # fmt: skip
SAID = [
    asked("heard", "survey", answered="2025-06-02"),
    asked("silent", "survey"), asked("silent", "call_back"),
    asked("never", "survey", day="2024-05-01", answered="2024-05-02"),  # longer ago
    asked("ticket", "ticket", day=None, answered="2025-07-01"),
    asked("stranger", "survey", answered="2025-07-01"),  # has not ordered
]  # fmt: skip
REGIONS = {"heard": "East", "silent": "East", "never": "West"}
ACCOUNTS = [{"account_id": name, "name": name.title(), "region": region, "segment": "Small"}
            for name, region in REGIONS.items()]  # fmt: skip


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return covered(tmp_path_factory.mktemp("c"), ORDERS, SAID, ACCOUNTS)


def row(coverage, by, group):
    table = coverage.groups
    [found] = table[(table["by"] == by) & (table["group"] == group)].to_dict("records")
    return found


def test_heard_silent_and_never_asked_by_hand(small):
    every = row(small, "all", "")

    assert [every[k] for k in ("customers", "heard", "never_asked", "never_answered")] == [
        4, 2, 1, 1]  # fmt: skip
    assert every["silent_money"] == 550.0
    assert every["silent_share"] == pytest.approx(550 / 660)


@pytest.mark.parametrize(
    ("by", "group", "counts", "money"),
    [("channel", "survey", [4, 1, 2, 1], 560.0), ("channel", "call_back", [4, 0, 3, 1], 660.0),
     ("channel", "ticket", [4, 1, 3, 0], 650.0), ("region", "East", [2, 1, 0, 1], 200.0),
     ("region", "West", [1, 0, 1, 0], 350.0), ("segment", "Small", [3, 1, 1, 1], 550.0),
     ("rep", "Wei", [2, 1, 0, 1], 200.0), ("rep", "r2", [2, 1, 1, 0], 350.0)],
)  # fmt: skip
def test_each_channel_group_and_rep_by_hand(small, by, group, counts, money):
    found = row(small, by, group)

    names = ("customers", "heard", "never_asked", "never_answered")
    assert [found[name] for name in names] == counts
    assert found["silent_money"] == money


def test_the_largest_silent_customers_are_named(small):
    table = small.customers

    assert table["customer"].tolist() == ["Never", "Silent"]
    assert table["ordered"].tolist() == [350.0, 200.0]
    assert table["rep"].tolist() == ["r2", "Wei"]
    assert [words["en"] for words in table["silence"]] == ["never asked", "asked, never answered"]
    assert table["last_order_on"].iloc[0] == date(2025, 8, 1)


def test_a_group_is_called_quiet_only_beyond_chance(tmp_path):
    """Of forty customers per region half are heard, in the last one a tenth."""
    names = [f"{region}{i}" for region in "ABCD" for i in range(40)]
    heard = [n for n in names if int(n[1:]) < (4 if n[0] == "D" else 20)]
    accounts = [{"account_id": n, "region": n[0]} for n in names]
    said = [asked(n, "survey", answered="2025-06-02") for n in heard]
    table = covered(tmp_path, [order(n, 1.0) for n in names], said, accounts).groups

    assert table.loc[table["quiet"], "group"].tolist() == ["D"]
    assert np.isclose(table.loc[table["quiet"], "heard_share"], 0.1).all()


def test_without_orders_nothing_is_told(tmp_path):
    path = write_workspace(tmp_path / "w", {"deals": NO_DEALS, "feedback": SAID})
    found = coverage_of(open_workspace(path, as_of=date(2025, 9, 30)), Q3, {})

    assert found.groups.empty
    assert isinstance(found.customers, pd.DataFrame)


def test_nobody_is_said_to_be_never_asked_where_no_feedback_is_exported(tmp_path):
    path = write_workspace(tmp_path / "w", {"deals": NO_DEALS, "orders": [order("a", 1.0)]})
    found = coverage_of(open_workspace(path, as_of=date(2025, 9, 30)), Q3, {})

    assert found.groups.empty


def test_where_feedback_is_an_empty_table_nobody_is_called_unheard(tmp_path):
    coverage = covered(tmp_path, ORDERS, [], ACCOUNTS)

    assert coverage.groups.empty
    assert coverage.customers.empty
