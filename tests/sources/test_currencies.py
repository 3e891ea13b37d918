"""Amounts in other currencies: the right rate of the right day, or none and a warning."""

from datetime import date, timedelta

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesops_kit.settings import settings_from
from salesops_kit.sources import currencies

RATES = """currency,rate_on,rate
USD,2025-01-01,7.0
USD,2025-01-11,8.0
USD,2025-03-01,9.0
欧元,2025-02-01,10.0
"""
DEALS = """deal_id,stage,amount,currency,created_at,closed_at
D00001,Closed Won,100,USD,2025-01-05,2025-01-11
D00002,Closed Won,100,US$,2025-01-20,2025-02-28
D00003,Qualification,100,美元,2025-01-02,
D00004,Closed Lost,100,EUR,2025-01-31,2025-02-01
D00005,Closed Won,100,,2025-01-05,2025-01-11
D00006,Closed Won,100,人民币,2025-01-05,2025-01-11
D00007,Closed Won,100,USD,2024-12-01,2024-12-31
D00008,Closed Won,,EUR,2024-12-01,2024-12-31
"""


def imported(run, policy, **more):
    files = {"deals_2025_03_05.csv": DEALS, "fx_rates.csv": RATES}
    return run("tables", {**files, **more}, {"fx": {"policy": policy}})


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        # D00003 is open: the rate of the export's day, 9; D00007 closed before the first rate
        ("at_close", [800, 800, 900, 1000, 100, 100, None, None]),
        # the euro has no rate yet on 31 January
        ("at_create", [700, 800, 700, None, 100, 100, None, None]),
        # January: 10 days of 7, 21 of 8; December has none
        ("monthly", [100 * (70 + 168) / 31, 800, 900, 1000, 100, 100, None, None]),
        ("refuse", [None, None, None, None, 100, 100, None, None]),
        ("constant", [None, None, None, None, 100, 100, None, None]),
    ],
)
def test_each_policy_takes_the_rate_of_its_day(run, policy, expected):
    done = imported(run, policy)
    amounts = list(done.by_id("deals", "amount").values())
    assert amounts == pytest.approx(expected)
    codes = ["USD", "USD", "USD", "EUR", None, "CNY", "USD", "EUR"]
    assert list(done.by_id("deals", "currency").values()) == codes
    assert list(done.by_id("deals", "amount_source").values()) == [*[100] * 7, None]


def test_missing_rates_are_told_with_currency_count_and_remedy(run):
    assert imported(run, "at_create").record["warnings"] == [
        "1 deal in EUR has no amount in CNY: "
        "add a EUR rate of that day or before to the table fx_rates",
        "1 deal in USD has no amount in CNY: "
        "add a USD rate of that day or before to the table fx_rates",
    ]
    told = imported(run, "refuse").record["warnings"]
    assert told[0].startswith("fx_rates is not used: fx.policy is 'refuse'; choose one of at_close")
    assert told[2] == (
        "4 deals in USD have no amount in CNY: "
        "fx.policy is 'refuse'; choose another in salesops.toml"
    )


def test_orders_payments_and_lines_take_their_day(run):
    more = {
        "orders.csv": "order_id,ordered_at,amount,currency\nO00001,2025-01-12,10,USD\n"
        "O00002,2024-01-12,10,USD\n",
        "payments.csv": "payment_id,order_id,paid_on,amount,currency\n"
        "P00001,O00001,2025-01-02,10,$\n",
        "deal_lines.csv": "line_id,deal_id,amount,currency\nL00001,D00001,10,USD\n",
    }
    done = imported(run, "at_close", **more)
    assert done.rows("orders", "order_id, amount") == [("O00001", 80.0), ("O00002", None)]
    assert done.rows("payments", "payment_id, amount") == [("P00001", 70.0)]
    assert done.rows("deal_lines", "line_id, amount") == [("L00001", 80.0)]
    assert any(w.startswith("1 order in USD has no amount") for w in done.record["warnings"])


def test_amounts_of_a_history_are_converted_too(run):
    history = "deal_id,stage,entered_at,amount\nD00001,Qualification,2025-01-05,50\n"
    history += "D00001,Closed Won,2025-01-11,100\n"
    done = imported(run, "at_close", **{"stage_history.csv": history})
    assert done.rows("stage_history", "seq, amount") == [(1, 350.0), (2, 800.0)]


@pytest.mark.parametrize(
    ("base", "word", "code"),
    [
        ("CNY", "¥", "CNY"),
        ("CNY", "￥", "CNY"),
        ("CNY", " 元 ", "CNY"),
        ("CNY", "rmb", "CNY"),
        ("JPY", "¥", "JPY"),
        ("USD", "¥", "¥"),
        ("CNY", "$", "USD"),
        ("HKD", "$", "HKD"),
        ("CNY", "us $", "USD"),
        ("CNY", "HK$", "HKD"),
        ("CNY", "usd", "USD"),
        ("CNY", "", None),
        ("CNY", None, None),
        ("CNY", "积分", "积分"),
        ("CNY", "US$ 1,200.50", "USD"),
        ("CNY", "(€5)", "EUR"),
        ("CNY", "1.2万元", "CNY"),
        ("CNY", "１，２００", None),
        ("CNY", "-1.5e+3", None),
    ],
)
def test_words_and_signs_mean_what_the_company_means(base, word, code):
    chosen = settings_from({"company": {"currency": base}})
    sql = currencies.code_of("$w::VARCHAR", chosen)
    assert duckdb.execute(f"SELECT {sql}", {"w": word}).fetchall() == [(code,)]


def test_own_words_win_and_unknown_ones_are_asked_for(run):
    text = "deal_id,stage,amount,currency\nD00001,Closed Won,5,¥\nD00002,Closed Won,5,JPY\n"
    base = {"company": {"currency": "USD"}, "fx": {"rates": {"JPY": 0.01}}}
    done = run("tables", {"deals.csv": text}, base)
    assert list(done.by_id("deals", "amount").values()) == [None, 0.05]
    assert done.record["warnings"] == [
        "1 deal in ¥ has no amount in USD: "
        "say which currency it is in salesops.toml, [fx.words] '¥' = 'USD'"
    ]
    told = {**base, "fx": {"rates": {"JPY": 0.01}, "words": {"￥": "JPY"}}}
    done = run("tables", {"deals.csv": text}, told)
    assert list(done.by_id("deals", "amount").values()) == [0.05, 0.05]


DAY = st.integers(0, 120).map(lambda n: date(2025, 1, 1) + timedelta(days=n))
CODE = st.sampled_from(["USD", "EUR"])


def oracle(rates, code, day, monthly):
    """The plainest loop: the last rate on or before the day, or the mean of a month's days."""

    def of(when):
        past = [(on, rate) for c, on, rate in rates if c == code and on <= when]
        return max(past)[1] if past else None

    if not monthly:
        return of(day)
    first = day.replace(day=1)
    days = pd.date_range(first, first + pd.offsets.MonthEnd(1)).date
    known = [rate for d in days if (rate := of(d)) is not None]
    return sum(known) / len(known) if known else None


@settings(max_examples=40)
@given(
    rates=st.dictionaries(st.tuples(CODE, DAY), st.floats(0.1, 20), max_size=8),
    asked=st.lists(st.tuples(CODE, DAY), min_size=1, max_size=8),
    monthly=st.booleans(),
)
def test_rates_equal_the_plainest_loop(rates, asked, monthly):
    listed = [(code, on, rate) for (code, on), rate in rates.items()]
    chosen = settings_from({"fx": {"policy": "monthly" if monthly else "at_close"}})
    with duckdb.connect() as db:
        db.execute("CREATE TABLE r (currency VARCHAR, rate_on DATE, rate DOUBLE)")
        for row in listed:
            db.execute("INSERT INTO r VALUES (?, ?, ?)", row)
        currencies.prepare(db, chosen, "r")
        db.execute("CREATE TABLE q (i INTEGER, code VARCHAR, on_day DATE)")
        for i, (code, day) in enumerate(asked):
            db.execute("INSERT INTO q VALUES (?, ?, ?)", [i, code, day])
        money = currencies.reporting_money("1.0", "code", "on_day", chosen)
        found = [m for _, m in db.execute(f"SELECT i, {money} FROM q ORDER BY i").fetchall()]
    assert found == pytest.approx([oracle(listed, c, d, monthly) for c, d in asked])


def test_a_company_of_one_foreign_currency_is_told_to_name_it_not_to_give_a_rate(run):
    text = "deal_id,stage,amount,currency\nD00001,Closed Won,100,EUR\nD00002,Closed Won,,\n"

    assert run("tables", {"deals.csv": text}).record["warnings"] == [
        "1 deal in EUR has no amount in CNY: no amount is in another: "
        'write in salesops.toml, [company] currency = "EUR"'
    ]
    chosen = run("tables", {"deals.csv": text}, {"company": {"currency": "CNY"}})
    assert chosen.record["warnings"] == [
        "1 deal in EUR has no amount in CNY: give a rate in salesops.toml, [fx.rates] EUR = …"
    ]


def test_amounts_that_name_no_currency_are_said_to_be_taken_for_the_usual_one(run):
    text = "deal_id,stage,amount\nD00001,Closed Won,100\n"

    assert run("tables", {"deals.csv": text}).record["warnings"] == [
        "no amount names its currency: all are taken as CNY; "
        'if they are not, write in salesops.toml, [company] currency = "USD"'
    ]
    assert run("tables", {"deals.csv": text}, {"company": {"currency": "GBP"}}).record[
        "warnings"
    ] == []  # fmt: skip
