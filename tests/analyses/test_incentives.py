"""Pay of a company whose plans and sales are known: against a plain loop, and in words."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from analyses.rep_worlds import company, monthly, people

from salesops_kit.analyses.incentives import analyse_incentives
from salesops_kit.errors import DataError, ParameterError
from salesops_kit.periods import period
from salesops_kit.settings import Settings
from salesops_kit.tables import Reader
from salesops_kit.workspace import Scope

SEPTEMBER = period("2025-09")
QUOTA, REPS = 100_000.0, 12
PLANS = pd.DataFrame([
    {"plan_id": "P25", "role": "Sales", "threshold": 0.5, "rate": 0.02, "accelerator": 1.5,
     "cap": 2_800.0, "valid_from_on": date(2025, 1, 1), "valid_to_on": date(2025, 12, 31)},
    {"plan_id": "P26", "role": "Sales", "rate": 0.03, "team_share": 0.5, "pays_back": "first",
     "valid_from_on": date(2026, 1, 1)},
])  # fmt: skip
TIERS = pd.DataFrame(
    [("P26", 0.8, 1.0), ("P26", 1.2, 0.5)], columns=["plan_id", "from_attainment", "multiplier"]
)
BONUS = pd.DataFrame([
    {"spif_id": "B", "product": "A", "rate": 0.01, "per_deal": 100.0,
     "start_on": date(2025, 9, 10), "end_on": date(2025, 9, 20)},
])  # fmt: skip


def won(rep, day, amount, number, product="A"):
    return {"deal_id": f"D{number}", "owner_id": rep, "status": "won", "stage": "won",
            "created_at": day - timedelta(days=30), "closed_at": day, "amount": amount,
            "product": product, "is_deleted": False}  # fmt: skip


def sales(seed=0, *, moved=0.0, months=range(1, 10)):
    """Deals of twelve reps over months; where a step is in reach some wins come forward."""
    rng = np.random.default_rng(seed)
    rows = []
    for month in months:
        end = date(2025, month + 1, 1)
        for rep in range(REPS):
            days = sorted(rng.integers(1, 28, rng.poisson(5 + rep % 4)))
            rows += [(f"R{rep:02}", date(2025, month, int(day)), 15_000.0) for day in days]
            late = [r for r in rows if r[0] == f"R{rep:02}" and r[1].month == month]
            near = 0.75 <= len(late) * 0.15 < 1
            for _ in range(rng.poisson(2)):
                after = rng.random() < 0.5 and not (near and rng.random() < moved)
                rows.append((f"R{rep:02}", end + timedelta(days=1) if after
                             else end - timedelta(days=2), 15_000.0))  # fmt: skip
    return pd.DataFrame([won(*row, i) for i, row in enumerate(rows)])


def firm(deals=None, **tables):
    return company(
        deals=sales() if deals is None else deals, reps=people(REPS),
        targets=monthly(REPS, QUOTA), comp_plans=PLANS, comp_tiers=TIERS, **tables,
    )  # fmt: skip


@pytest.fixture(scope="module")
def deals():
    return sales()


@pytest.fixture(scope="module")
def paid(deals):
    return analyse_incentives(firm(deals, spifs=BONUS), period=SEPTEMBER)


def of_september(deals):
    day = pd.to_datetime(deals["closed_at"])
    return deals[(day >= "2025-09-01") & (day < "2025-10-01")]


def said(result):
    return {finding.kind: finding for finding in result.findings}


def test_every_rep_is_paid_what_the_plan_says_of_their_deals(paid, deals):
    rows = of_september(deals)

    for row in paid.paid.itertuples():
        own = rows[rows["owner_id"] == row.rep]
        reached = own["amount"].sum() / QUOTA
        base = max(min(reached, 1) - 0.5, 0) + 1.5 * max(reached - 1, 0)
        inside = own[own["closed_at"].between(date(2025, 9, 10), date(2025, 9, 20))]
        bonus = inside["amount"].sum() * 0.01 + 100 * len(inside)
        assert row.payout == pytest.approx(min(QUOTA * 0.02 * base, 2_800))
        assert (row.bonus, row.pay) == pytest.approx((bonus, row.payout + bonus))
    total = paid.paid["pay"].sum()
    assert said(paid)["paid"].money.value == pytest.approx(total)
    assert paid.figures[0].value == pytest.approx(total / rows["amount"].sum())
    assert paid.spans["span"].tolist()[-1] == "2025-09"


def test_shared_deals_pay_each_rep_their_share():
    deals = pd.DataFrame([won("R00", date(2025, 9, 5), 100_000.0, 1)])
    splits = pd.DataFrame([("D1", "R00", 0.75), ("D1", "R01", 0.25)],
                          columns=["deal_id", "rep_id", "share"])  # fmt: skip

    found = analyse_incentives(firm(deals, deal_splits=splits), period=SEPTEMBER)

    table = found.paid.set_index("rep")
    assert table.loc["R00", "payout"] == pytest.approx(QUOTA * 0.02 * 0.25)
    assert table.loc["R01", "attainment"] == 0.25


def test_the_next_plan_is_compared_on_the_same_draws(paid):
    assert (paid.plan.name, paid.other.name) == ("P25", "P26")
    table = paid.compared
    assert table["pay_change"].tolist() == pytest.approx(
        (table["pay_after"] - table["pay_before"]).tolist()
    )
    assert paid.change[0] == pytest.approx(table["pay_change"].sum())
    assert paid.change[1] < paid.change[0] < paid.change[2]
    assert (paid.curve["low"] <= paid.curve["high"]).all()
    finding = said(paid)["other"]
    assert "Nobody is assumed to sell more or less" in finding.detail["en"]
    assert "不假设任何人因方案" in finding.detail["zh"]


def test_a_response_is_an_assumption_that_is_said(deals):
    found = analyse_incentives(firm(deals), period=SEPTEMBER, other="P26", response=0.5)

    assert "Assumed, not measured: 0.50 % more bookings" in said(found)["other"].detail["en"]
    assert found.summary["bookings"].iloc[1] != pytest.approx(found.summary["bookings"].iloc[0])


def test_cap_and_cliff_are_named():
    plans = PLANS.assign(pays_back=["first", "first"])
    found = analyse_incentives(
        company(deals=sales(), reps=people(REPS), targets=monthly(REPS, QUOTA), comp_plans=plans),
        period=SEPTEMBER,
    )

    assert found.shape["kind"].tolist() == ["cliff", "faster", "cap"]
    finding = said(found)["edges"]
    assert "reaching 50% pays ¥1.00K at once" in finding.detail["en"]
    assert "达到 50% 时一次性增加 ¥1,000" in finding.detail["zh"]
    assert found.tests["test"].tolist() == ["pull_forward", "held_back", "bunching"]


def test_games_are_seen_where_planted_and_not_where_nothing_moves(paid):
    played = analyse_incentives(firm(sales(3, moved=0.9)), period=SEPTEMBER)

    assert said(played)["games"].severity == "warning"
    assert "won" in said(played)["games"].detail["en"]
    assert "games" not in said(paid)
    assert {"games_none", "games_unknown"} & set(said(paid))


def test_a_quarters_plan_is_shown_so_far(deals):
    plans = PLANS.assign(paid_per="quarter").head(1)
    opened = company(deals=deals, reps=people(REPS), targets=monthly(REPS, QUOTA),
                     comp_plans=plans, as_of=date(2025, 8, 31))  # fmt: skip

    found = analyse_incentives(opened, period=period("2025-08"))

    assert (found.covers, found.pending) == ("2025-Q3", True)
    assert said(found)["paid"].detail["en"].endswith("so far.")
    assert "no_outlook" in said(found)
    assert found.paid["quota"].tolist() == pytest.approx([3 * QUOTA] * len(found.paid))


@pytest.mark.parametrize(
    ("change", "kind"),
    [({"comp_plans": PLANS.assign(role="Admin")}, "no_plan"), ({"targets": None}, "no_quota")],
)
def test_what_is_missing_is_said(change, kind, deals):
    tables = {"deals": deals, "reps": people(REPS), "targets": monthly(REPS), "comp_plans": PLANS}
    tables = {name: table for name, table in (tables | change).items() if table is not None}

    assert [f.kind for f in analyse_incentives(company(**tables), period=SEPTEMBER).findings] == [
        kind
    ]


@pytest.mark.parametrize(("quota", "how"), [(QUOTA / 10_000, "about one 10,000th of"),
                                            (QUOTA * 100, "about 80 times")])  # fmt: skip
def test_no_pay_is_computed_by_quotas_in_another_unit(quota, how, deals):
    opened = company(deals=deals, reps=people(REPS), targets=monthly(REPS, quota),
                     comp_plans=PLANS)  # fmt: skip
    found = analyse_incentives(opened, period=SEPTEMBER)

    [told] = found.findings
    assert (told.kind, told.severity) == ("odd_quota", "warning")
    assert how in told.headline["en"]
    assert "单位很可能有误" in told.headline["zh"]
    assert not found.figures


def test_one_reps_scope_holds_nobodys_pay(deals):
    opened = firm(deals)
    object.__setattr__(opened, "scope", Scope("rep", "R01"))

    found = analyse_incentives(opened, period=SEPTEMBER)

    assert [f.kind for f in found.findings] == ["one_rep"]
    assert found.paid.empty


def test_a_plan_that_cannot_be_and_one_that_is_not_there_are_refused(deals):
    broken = company(deals=deals, reps=people(REPS), targets=monthly(REPS),
                     comp_plans=PLANS.assign(cap=-1.0))  # fmt: skip

    with pytest.raises(DataError, match=r"plan 'P25': cap is -1.0; .* correct comp_plans\.csv"):
        analyse_incentives(broken, period=SEPTEMBER)
    with pytest.raises(ParameterError, match=r"there is no plan 'P99'.*there are: P25, P26"):
        analyse_incentives(firm(deals), period=SEPTEMBER, other="P99")
    percent = TIERS.assign(from_attainment=[80, 120])
    with pytest.raises(DataError, match=r"write 1\.2 for 120 %"):
        analyse_incentives(company(deals=deals, reps=people(REPS), comp_plans=PLANS,
                                   comp_tiers=percent), period=SEPTEMBER)  # fmt: skip


@pytest.mark.parametrize("language", ["en", "zh"])
def test_tables_and_charts_read_in_both_languages(paid, language):
    from salesops_kit.charts import incentives as charts

    read = Reader(Settings(), language)
    frames = {"paid": paid.paid, "spans": paid.spans, "shape": paid.edges, "tests": paid.moves,
              "summary": paid.summary, "compared": paid.compared}  # fmt: skip
    for name, frame in frames.items():
        assert len(read.table(frame, f"incentives.{name}", **paid.words)) == len(frame)
    own, curve = charts.pay_by_attainment(paid.own, read), charts.cost_by_total(paid.curve, read)
    assert own.axes[0].lines[-1].get_ydata().tolist() == paid.own["pay"].tolist()
    assert curve.axes[0].lines[-1].get_ydata().tolist() == paid.curve["cost"].tolist()
    assert "P26" in read.figure("incentives.own", **paid.words)["caption"]
