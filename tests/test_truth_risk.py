"""The gates of risks count what they say, and can fail; reports know nothing of the future."""

from functools import cache

import narwhals.stable.v2 as nw
import pandas as pd
import pytest

from truth import blindness, risk
from truth.risks import Customers, company_tables, customers_judged, deals_judged, naive_bayes


def classes(squares=1.0, came=5.0):
    rows = [{"days": days, "method": method, "place": 10, "deals": 10.0, "stated": 5.0,
             "came": came, "squares": squares if method == "own" else 2.0}
            for days in risk.LEADS
            for method in ("own", "slip", "stage_rates", "naive_bayes", "crm_chance")]  # fmt: skip
    return pd.DataFrame(rows)


def unskilled(rows):
    """Brier score of always stating the share that was won."""
    own = rows[rows["method"] == "own"]
    share = own["came"].sum() / own["deals"].sum()
    return share * (1 - share)


@pytest.fixture(autouse=True)
def _few_draws(monkeypatch):
    monkeypatch.setattr(risk, "_DRAWS", 5)


def named(figures, part):
    return next(figure for figure in figures if part in figure.name)


@pytest.mark.parametrize(("came", "verdict"), [(5.2, "PASS"), (5.4, "FAIL")])
def test_chances_may_be_off_by_three_hundredths(came, verdict):
    figures = risk.deal_figures([classes(came=came)])

    off = [figure for figure in figures if "calibration" in figure.name]
    assert [figure.verdict for figure in off] == [verdict] * 4


def test_a_rival_that_is_as_good_fails_the_gate():
    better, equal = (risk.deal_figures([classes(squares)]) for squares in (1.0, 2.0))

    assert named(better, "Odoo").measured == pytest.approx(0.5)
    assert named(better, "same stage").verdict == "PASS"
    assert named(equal, "Odoo").verdict == "FAIL"


def test_churn_is_judged_by_the_sum_over_companies():
    found = [Customers(110, 100, 10, 10, 30), Customers(94, 100, 20, 10, 30)]

    orders, lost, each = risk.churn_figures(found)

    assert (orders.measured, orders.verdict) == (pytest.approx(0.02), "PASS")
    assert (lost.measured, lost.verdict) == (pytest.approx(0.5), "FAIL")
    assert each.measured == pytest.approx(0.08)


def test_a_register_is_compared_with_always_stating_the_share_that_came():
    rows = pd.DataFrame({"probability": [0.9, 0.1], "came_true": [1, 0]})

    ours, gap = risk.register_figures([rows])

    assert (ours.measured, ours.verdict) == (pytest.approx(0.04), "PASS")
    assert gap.measured == 0.0
    assert risk.register_figures([rows.assign(came_true=[0, 1])])[0].verdict == "FAIL"


def test_one_company_that_knows_the_future_is_one_too_many():
    assert risk.blind_gates([True, True])[0].verdict == "PASS"
    assert risk.blind_gates([True, False])[0].verdict == "FAIL"


def test_all_gates_run_and_none_without_companies():
    answers = {"deals_judged": classes(), "customers_judged": Customers(1, 1, 1, 1, 1),
               "register_judged": pd.DataFrame({"probability": [0.5], "came_true": [1]}),
               "reports_blind": True}  # fmt: skip

    def canned(work, items):
        return [answers[work.__name__] for _ in items]

    gates = risk.risk_gates(canned, 10_000, risk.RiskSizes(2, 2, 2, 1))

    assert all(gate.worlds for gate in gates)
    assert risk.risk_gates(canned, 10_000, risk.RiskSizes(0, 0, 0, 0)) == []


def test_naive_bayes_by_hand():
    known = pd.DataFrame({"stage": ["late"] * 4 + ["early"] * 4, "won": [1, 1, 1, 0, 0, 0, 0, 1]})
    deals = pd.DataFrame({"stage": ["late", "early", "unseen"]})

    late, early, unseen = naive_bayes(known, deals)

    assert unseen == pytest.approx(0.5)  # the prior: four of eight
    assert late == pytest.approx(3.1 / (3.1 + 1.1))
    assert late + early == pytest.approx(1)


def test_one_company_is_judged_and_the_same_every_time(monkeypatch):
    monkeypatch.setattr("truth.risks.DEALS", 1_500)
    monkeypatch.setattr("truth.risks.LEADS", (28,))
    monkeypatch.setattr("truth.risks.STEP", 112)

    once, again = deals_judged(10_001), deals_judged(10_001)
    customers = customers_judged(10_001)

    pd.testing.assert_frame_equal(once, again)
    assert risk.brier(once, "own") < 0.8 * unskilled(once)
    assert customers.orders_came > 0
    assert customers.due >= customers.lost_came


@cache
def tables():
    return company_tables(10_001, deals=700)


def test_another_future_changes_what_is_later_and_nothing_before():
    given = tables()
    other = blindness.another_future(given, 1)
    end = pd.Timestamp(blindness.DAY) + pd.Timedelta("1D")

    for name, moment in blindness.RECORDED.items():
        if name not in given or name in ("accounts", "leads", "contacts"):
            continue
        before, after = (
            table[pd.to_datetime(table[moment]) < end] for table in (given[name], other[name])
        )
        assert len(before) == len(after), name
        later = given[name][pd.to_datetime(given[name][moment]) >= end]
        if len(later) > 10:
            assert not later.reset_index(drop=True).equals(
                other[name][pd.to_datetime(other[name][moment]) >= end].reset_index(drop=True)
            ), name


def test_a_report_on_risks_does_not_change_with_the_future():
    assert blindness.changed_reports(tables(), 1, ("risk",)) == []


def test_a_report_that_reads_the_future_is_found(monkeypatch):
    def peeking(workspace, *, period):
        orders = workspace.raw("orders").select(nw.col("amount").sum())
        return float(orders.collect(backend="pandas").to_native().iloc[0, 0])

    monkeypatch.setattr(blindness, "REPORTS", {"peeking": peeking})

    assert blindness.changed_reports(tables(), 1, ("peeking",)) == ["peeking"]
