"""The evaluation of reps: sums against plain pandas, verdicts against planted skill, words."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from analyses.rep_worlds import AS_OF, company, decided, monthly, people
from demo_report import demo_workspace

from salesops_kit.analyses.recognition import recognition
from salesops_kit.analyses.rep_findings import EASY, HARD
from salesops_kit.analyses.rep_quota import attained, potential, quotas, year_to_date
from salesops_kit.analyses.rep_records import records
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.analyses.reps import analyse_reps, slant
from salesops_kit.errors import SettingsError
from salesops_kit.models.potential import peer_potential, potential_spread
from salesops_kit.periods import period
from salesops_kit.settings import settings_from
from salesops_kit.tables import Reader
from salesops_kit.workspace import open_period

SEPTEMBER = period("2025-09")
# two far ahead, two far behind, eight alike
SKILLS = np.array([1.2, 1.0, *[0.0] * 8, -1.0, -1.2])


@pytest.fixture(scope="module")
def planted():
    """The best reps mostly get cold leads, the weakest mostly referrals: raw rates mislead."""
    share = np.array([0.0, 0.1, *[0.5] * 8, 0.9, 1.0])
    deals = decided(1, SKILLS, share=share, deals=250, ease=(-2.2, 0.4))
    return analyse_reps(
        company(deals=deals, reps=people(12), targets=monthly(12)), period=SEPTEMBER
    )


@pytest.fixture(scope="module")
def demo():
    opened, chosen = open_period(demo_workspace(), "2025-09")
    return analyse_reps(opened, period=chosen)


def said(reps):
    return {finding.kind: finding for finding in reps.findings}


def test_reps_are_named_by_skill_where_raw_rates_are_alike(planted):
    table = planted.performance.set_index("rep")

    assert set(planted.of("ahead")) == {"Rep 00", "Rep 01"}
    assert set(planted.of("behind")) == {"Rep 10", "Rep 11"}
    assert abs(table.loc["R00", "rate"] - table.loc["R11", "rate"]) < 0.05
    assert table.loc["R00", "adjusted"] - table.loc["R11", "adjusted"] > 0.25
    finding = said(planted)["told_apart"]
    assert finding.headline["en"].startswith(
        "Of 12 reps, 4 can honestly be told apart from the others: 2 ahead (Rep 00, Rep 01), "
    )
    assert "2 人落后" in finding.headline["zh"]
    assert "adjusted for source, quarter" in finding.detail["en"]


def test_a_raw_rate_that_says_the_opposite_is_named(planted):
    flips = planted.flips

    assert len(flips)
    usual = flips["usual"].iloc[0]
    assert (((flips["rate"] > usual) & (flips["p_above"] < 0.2))
            | ((flips["rate"] <= usual) & (flips["p_above"] > 0.8))).all()  # fmt: skip
    assert said(planted)["flips"].severity == "warning"


def test_deals_that_follow_skill_are_said_to(planted):
    assert planted.assignment.rho < -0.4
    assert (
        said(planted)["assignment"]
        .headline["en"]
        .startswith("The better reps get the harder deals")
    )


def test_equal_reps_are_told_to_be_indistinguishable():
    reps = analyse_reps(
        company(deals=decided(2, np.zeros(12), deals=60), reps=people(12)), period=SEPTEMBER
    )

    assert reps.of("ahead", "behind") == []
    assert said(reps)["told_apart"].headline["en"] == (
        "None of the 12 reps can honestly be told apart from the others by the deals won."
    )
    assert said(reps)["no_quota"].headline["zh"] == "2025-09 没有销售人员指标。"
    assert reps.with_quotas.empty  # no table of quotas of ¥0


def test_nobody_with_few_deals_is_named():
    few = decided(3, np.array([3.0]), deals=20).assign(
        owner_id="R12", deal_id=[f"F{i}" for i in range(20)]
    )
    deals = pd.concat([decided(3, SKILLS), few])
    reps = analyse_reps(company(deals=deals, reps=people(13)), period=SEPTEMBER)

    row = reps.performance.set_index("rep").loc["R12"]
    assert (row["n"], row["verdict"]) == (20, "few")


def test_quotas_are_prorated_for_days_and_ramp_and_leavers_stay_in_the_sum():
    deals = decided(4, np.zeros(3))
    roster = people(3, R1={"leave_on": date(2025, 9, 10)}, R2={"hire_on": date(2025, 8, 1)})
    settings = {"evaluation": {"quota_ramp": [0.0, 0.5]}}
    opened = company(settings, deals=deals, reps=roster, targets=monthly(3))

    table = quotas(RepSource(opened, SEPTEMBER), SEPTEMBER).set_index("rep")

    assert table["quota"].tolist() == [100_000] * 3
    assert table["prorated"].tolist() == pytest.approx([100_000, 100_000 * 10 / 30, 50_000])
    sold = deals[(deals["status"] == "won") & (deals["closed_at"] >= "2025-09-01")]
    booked = sold.groupby("owner_id")["amount"].sum().reindex(["R00", "R01", "R02"]).fillna(0)
    assert table["bookings"].tolist() == booked.tolist()
    row = attained(table.reset_index(), "").iloc[0]
    assert row["attainment"] == pytest.approx(booked.sum() / table["prorated"].sum())
    assert row["reps"] == 3


def test_the_year_so_far_is_the_sum_of_its_months_and_a_running_month_counts_its_days():
    opened = company(deals=decided(5, np.zeros(2)), reps=people(2), targets=monthly(2),
                     as_of=date(2025, 9, 15))  # fmt: skip
    source = RepSource(opened, SEPTEMBER)

    year, month = quotas(source, year_to_date(SEPTEMBER)), quotas(source, SEPTEMBER)

    assert year["quota"].tolist() == [900_000, 900_000]
    assert month["expected_now"].tolist() == [0.5, 0.5]


def test_split_deals_book_their_share():
    deals = decided(6, np.full(2, 9.0), deals=5).assign(amount=100.0, closed_at="2025-09-02")
    splits = pd.DataFrame(
        {"deal_id": ["D0", "D0"], "rep_id": ["R00", "R01"], "share": [0.25, 0.75]}
    )
    opened = company(deals=deals, reps=people(2), deal_splits=splits)

    table = quotas(RepSource(opened, SEPTEMBER), SEPTEMBER).set_index("rep")

    assert table["bookings"].to_dict() == {"R00": 425.0, "R01": 575.0}


def test_people_who_never_sold_are_in_no_denominator():
    roster = people(4, R3={"role": "Admin"})
    deals = decided(7, np.zeros(3))
    everybody = RepSource(company(deals=deals, reps=roster), SEPTEMBER)
    chosen = RepSource(
        company({"evaluation": {"roles": ["Admin"]}}, deals=deals, reps=roster), SEPTEMBER
    )

    assert everybody.members["rep"].tolist() == ["R00", "R01", "R02"]
    assert chosen.members["rep"].tolist() == ["R03"]


def test_without_a_roster_owners_are_the_reps():
    deals = decided(8, np.zeros(3)).assign(owner_name="same")
    reps = analyse_reps(company(deals=deals), period=SEPTEMBER)

    assert reps.performance["person"].tolist() != []
    assert set(reps.performance["person"]) == {"same (R00)", "same (R01)", "same (R02)"}


def test_one_rep_alone_cannot_be_compared_and_it_is_said():
    reps = analyse_reps(company(deals=decided(9, np.zeros(1)), reps=people(1)), period=SEPTEMBER)

    assert reps.performance.empty
    assert "no_comparison" in said(reps)
    assert reps.scores.empty


def test_reps_who_own_no_deal_have_no_potential_and_fail_no_page():
    """The list of reps and the owners of deals may name people in two ways."""
    owners = {
        "owner_id": [f"X{i % 3}" for i in range(30)],
        "source": ["ab"[i % 2] for i in range(30)],
    }
    deals = pd.DataFrame(owners).assign(
        deal_id=[f"D{i}" for i in range(30)], status="won", stage="won", amount=100.0,
        created_at=date(2025, 1, 3), closed_at=date(2025, 8, 3), is_deleted=False,
    )  # fmt: skip
    opened = company(deals=deals, reps=people(4), targets=monthly(4))

    assert potential(RepSource(opened, SEPTEMBER)).empty
    assert recognition(opened, period=SEPTEMBER).findings


def test_the_only_rep_with_a_potential_is_not_told_surely_easy():
    """Of two, one won nothing: nothing tells what chance would make of the other."""
    rows = pd.DataFrame({"rep": ["A", "B"], "s": "x", "received": [60, 60], "won": [20, 0],
                         "bookings": [2000.0, 0.0]})  # fmt: skip

    assert potential_spread(rows, ["s"]).isna().all()
    assert (potential_spread(rows.assign(won=20, bookings=2000.0), ["s"]) > 0).all()


def test_potential_is_what_the_others_book_of_the_same_deals():
    rows = pd.DataFrame(
        [("A", "x", 10, 0.0), ("A", "y", 30, 90.0), ("B", "x", 40, 400.0), ("B", "y", 40, 80.0),
         ("C", "x", 10, 50.0)],
        columns=["rep", "s", "received", "bookings"],
    )  # fmt: skip

    table = peer_potential(rows, ["s"], steady=0).set_index("rep")

    # A: x at the others' 450 / 50, y at B's 80 / 40
    assert table.loc["A", "potential"] == pytest.approx(10 * 9 + 30 * 2)
    assert table.loc["C", "potential"] == pytest.approx(10 * 400 / 50)
    assert table.loc["A", "productivity"] == pytest.approx(90 / 150)


def test_an_easy_quota_is_named():
    targets = monthly(12)
    targets.loc[targets["level_id"] == "R05", "target"] = 20_000.0
    reps = analyse_reps(
        company(deals=decided(10, np.zeros(12)), reps=people(12), targets=targets),
        period=SEPTEMBER,
    )

    row = reps.potential.set_index("rep").loc["R05"]
    assert row["demand_lower"] < row["demand"] < row["demand_upper"] < 0.5
    told = said(reps)["unequal_quotas"].detail["en"]
    shares = [f"{row[name]:.0%}" for name in ("demand", "demand_lower", "demand_upper")]
    assert (
        "Easy (quota below 70% of the usual share of potential): Rep 05 ({}, {} to {}).".format(
            *shares
        )
        in told
    )


@pytest.mark.parametrize("seed", range(5))
def test_no_quota_is_named_from_a_handful_of_deals(seed):
    """Equal quotas, equal territories: twelve deals a rep fall as far apart as 50 and 170 %."""
    deals = decided(seed, np.zeros(12), deals=12)
    few = np.random.default_rng(seed).random(len(deals)) < 0.8
    reps = analyse_reps(company(deals=deals[few], reps=people(12), targets=monthly(12)),
                        period=SEPTEMBER)  # fmt: skip

    asked = reps.potential["demand"]
    assert (asked < EASY).any() or (asked > HARD).any()
    assert "unequal_quotas" not in said(reps)
    assert not reps.potential["demand_clear"].any()


def test_intervals_of_quotas_hold_what_other_deals_would_have_asked():
    """Of companies drawn anew from the same territories, nine of ten lie in the interval."""
    sizes = np.r_[np.full(6, 40), np.full(6, 20)]
    truth = sizes.sum() / len(sizes) / sizes  # equal quotas: half the deals, twice the demand
    held = []
    for seed in range(12):
        came = np.random.default_rng(seed).poisson(sizes)
        deals = decided(seed, np.zeros(12), deals=90)
        place = deals.groupby("owner_id").cumcount()
        mine = deals[place < came[deals["owner_id"].str[1:].astype(int)]]
        table = potential(RepSource(
            company(deals=mine, reps=people(12), targets=monthly(12)), SEPTEMBER
        )).set_index("rep").sort_index()  # fmt: skip
        low, high = table["demand_lower"].to_numpy(), table["demand_upper"].to_numpy()
        held.append((low <= truth) & (truth <= high))

    assert 0.84 < np.mean(held) < 0.96


def test_the_order_of_the_scorecard_moves_with_weights_and_says_so(demo):
    card = demo.scorecard

    assert card["rank"].tolist() == list(range(1, len(card) + 1))
    assert (card["rank_low"] <= card["moved_low"]).mean() > 0.8
    assert (card["rank_high"] - card["rank_low"]).median() > (
        card["moved_high"] - card["moved_low"]
    ).median()
    weights = demo.criteria.set_index("criterion")["weight"]
    assert weights.sum() == pytest.approx(1)
    assert "order" in said(demo)


def test_a_rank_that_rests_on_one_deal_is_as_uncertain_as_it_is():
    """The worst of twelve wins one deal a thousand times the usual: first today, or last."""
    deals = decided(11, SKILLS, deals=60)
    won = deals.index[(deals["status"] == "won") & (deals["owner_id"] == "R11")]
    deals.loc[won[0], "amount"] *= 1000
    reps = analyse_reps(company(deals=deals, reps=people(12), targets=monthly(12)),
                        period=SEPTEMBER)  # fmt: skip

    card = reps.scorecard.set_index("rep")
    assert reps.attainment.set_index("rep")["attainment"].idxmax() == "R11" or (
        quotas(reps.source, reps.window).set_index("rep")["attainment"].idxmax() == "R11"
    )
    assert card.loc["R11", "rank_high"] - card.loc["R11", "rank_low"] >= 6
    assert card.loc["R11", "rank_high"] >= 9
    others = card.drop(index="R11")
    assert others["attainment"].max() - others["attainment"].min() > 0.5  # not all alike


def test_weights_decide_the_order():
    deals = decided(11, SKILLS)
    one = company({"evaluation": {"weights": {"winning": 1.0}}}, deals=deals, reps=people(12))

    card = analyse_reps(one, period=SEPTEMBER).scorecard

    assert set(card["rep"][:2]) == {"R00", "R01"}
    assert (card["moved_low"] == card["moved_high"]).all()
    with pytest.raises(SettingsError, match="no criterion 'charm'"):
        settings_from({"evaluation": {"weights": {"charm": 1}}})


def test_gaps_are_few_and_have_a_topic(demo):
    gaps = demo.gaps

    assert set(demo.skills["verdict"]) >= {"open", "few"}
    assert 0 < len(gaps) < 0.1 * len(demo.skills)
    gap = gaps[gaps["verdict"] == "gap"]
    assert set(gap["topic"]) <= {"topic_market", "topic_product", "topic_skills"}
    assert (gap["adjusted"] < gap["usual"]).all()


def test_figures_of_the_demo_equal_plain_sums(demo):
    opened, chosen = open_period(demo_workspace(), "2025-09")
    deals = opened.table("deals").collect(backend="pandas").to_native()
    first, end = demo.window.start_day, demo.window.end_day
    inside = deals[deals["status"].ne("open") & deals["closed_day"].between(first, end - 1)]
    won = inside.groupby("owner_id")["status"].agg(n="size", hits=lambda s: (s == "won").sum())

    told = demo.performance.set_index("rep")[["n", "hits"]].sort_index()
    assert told["n"].to_dict() == won["n"].to_dict()
    assert told["hits"].to_dict() == won["hits"].to_dict()
    assert demo.window.last == AS_OF
    assert chosen.last == AS_OF


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_table_of_the_page_can_be_shown(demo, language):
    opened, chosen = open_period(demo_workspace(), "2025-09")
    read, label = Reader(opened.settings, language), chosen.label
    shown = {
        "reps.company": demo.company, "reps.teams": demo.teams, "reps.attainment": demo.asked,
        "reps.performance": demo.performance, "reps.flips": demo.flips, "reps.skills": demo.gaps,
        "reps.scorecard": demo.scores, "reps.criteria": demo.criteria,
    }  # fmt: skip

    for name, frame in shown.items():
        table = read.table(frame, name, period=label, window=label)
        assert len(table) == len(frame)


def test_records_are_counted_per_rep_and_stand_apart_from_the_scorecard():
    def still(number, rep, **more):
        return {"deal_id": f"O{number}", "owner_id": rep, "status": "open", "stage": "needs",
                "amount": 1.0, "created_at": "2025-09-20", "is_deleted": False,
                "expected_close_on": date(2025, 12, 1)} | more  # fmt: skip

    deals = pd.DataFrame([
        still(1, "R00"), still(2, "R00", expected_close_on=date(2025, 9, 1)),
        still(3, "R00", amount=None, expected_close_on=None), still(4, "R01"),
        still(5, "R01", created_at="2025-06-01"), still(6, "R02", created_at="2025-06-01"),
    ])  # fmt: skip
    calls = pd.DataFrame([{"activity_id": "A", "deal_id": "O5", "type": "call", "owner_id": "R01",
                           "happened_at": "2025-09-15"}])  # fmt: skip
    opened = company(deals=deals, reps=people(3), activities=calls)

    found = records(RepSource(opened, SEPTEMBER)).set_index("rep")

    columns = ["open_deals", "past_date", "no_date", "silent", "no_amount", "with_defect"]
    assert found[columns].loc[["R00", "R01", "R02"]].to_numpy().tolist() == [
        [3, 1, 1, 0, 1, 2], [2, 0, 0, 0, 0, 0], [1, 0, 0, 1, 0, 1],
    ]  # fmt: skip
    assert found.index.tolist() == ["R02", "R00", "R01"]
    assert found.loc["R00", "defect_rate"] == pytest.approx(2 / 3)


def test_larger_deals_on_equal_deals_are_seen_and_shrunk():
    deals = decided(9, np.zeros(10), deals=200)
    large = deals["owner_id"] == "R03"
    deals["amount"] = deals["amount"].where(~large, deals["amount"] * 1.5)

    table = analyse_reps(company(deals=deals, reps=people(10)), period=SEPTEMBER).performance

    sizes = table.set_index("rep")[["size_level", "size_lower", "size_upper"]]
    # against the mean of all, of which R03 is one: 1.5 ** 0.9
    assert sizes.loc["R03", "size_lower"] < 1.5**0.9 < sizes.loc["R03", "size_upper"]
    assert sizes.drop("R03")["size_level"].between(0.85, 1.05).all()


def test_attainment_is_summed_by_region_and_drawn_in_order():
    from salesops_kit.charts.reps import attainment_spread

    deals = decided(4, np.zeros(4))
    roster = people(4).assign(region=["North", "North", "South", None])
    reps = analyse_reps(company(deals=deals, reps=roster, targets=monthly(4)), period=SEPTEMBER)

    period_rows = reps.regions[reps.regions["span"] == "span_period"].set_index("group")
    assert period_rows["quota"].to_dict() == {"North": 200_000, "South": 100_000}
    axes = attainment_spread(reps.year, Reader(settings_from({}), "zh")).axes[0]
    heights = [bar.get_height() for bar in axes.patches]
    assert heights == sorted(reps.year["attainment"].tolist())


def test_one_deal_beyond_all_others_makes_no_quota_easy_or_hard():
    """Else the territory of everybody but its owner would be worth a hundred times the quota."""
    deals = decided(10, np.zeros(12))
    won = deals.index[deals["status"] == "won"]
    deals.loc[won[0], "amount"] = deals["amount"].max() * 1000
    reps = analyse_reps(company(deals=deals, reps=people(12), targets=monthly(12)),
                        period=SEPTEMBER)  # fmt: skip

    assert "unequal_quotas" not in said(reps)
    table = reps.potential
    assert table["bookings"].max() > 40 * table["potential"].max()  # what was booked stays told


@pytest.mark.parametrize("n", [8, 12, 40])
def test_luck_is_the_share_of_shuffles_that_follow_as_much(n):
    rng = np.random.default_rng(n)
    ease = rng.permutation(n) + 0.0
    level = ease + rng.normal(0, n / 2, n)
    found = slant(pd.DataFrame({"ease": ease, "effect": level}))
    ranks = level.argsort().argsort()
    shuffled = [np.corrcoef(ease, rng.permutation(ranks))[0, 1] for _ in range(4_000)]

    assert found.rho == pytest.approx(np.corrcoef(ease, ranks)[0, 1])
    share = np.mean(np.abs(shuffled) >= abs(found.rho) - 1e-9)
    assert found.luck == pytest.approx(share, abs=0.03)


def test_three_reps_in_any_order_are_luck():
    assert slant(pd.DataFrame({"ease": [1.0, 2, 3], "effect": [1.0, 2, 3]})).luck == 1
