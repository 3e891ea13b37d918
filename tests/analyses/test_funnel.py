from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses.funnel import analyse_funnel
from salesops_kit.workspace import open_period

RANKS = {"needs": (30, "open"), "proposal": (60, "open"), "won": (90, "won"), "lost": (91, "lost")}


def deal(number, status, closed="2025-09-15", **more):
    """A deal that began 40 days before it closed; open ones began on 20 August."""
    day = date.fromisoformat(closed)
    begun = date(2025, 8, 20) if status == "open" else day - timedelta(days=40)
    stage = "needs" if status == "open" else status
    return {"deal_id": f"d{number}", "status": status, "stage": stage, "created_at": str(begun),
            "stage_rank": RANKS[stage][0], "closed_at": None if status == "open" else closed,
            "amount": 100.0, "region": "East", **more}  # fmt: skip


def entries(number, *stages):
    return [
        {"deal_id": f"d{number}", "seq": seq, "stage": stage, "stage_rank": RANKS[stage][0],
         "stage_category": RANKS[stage][1], "entered_at": day}
        for seq, (stage, day) in enumerate(stages, start=1)
    ]  # fmt: skip


def many(first, status, count, **more):
    return [deal(first + i, status, **more) for i in range(count)]


def analysed(folder, deals, period="2025-09", **tables):
    quality = tables.pop("history_quality", "full")
    settings = tables.pop("settings", "")
    path = write_workspace(folder / "w", {"deals": deals, **tables}, history_quality=quality,
                           settings=settings)  # fmt: skip
    opened, chosen = open_period(path, period)
    return analyse_funnel(opened, period=chosen)


def kinds(funnel):
    return {finding.kind for finding in funnel.findings}


def test_bookings_are_told_against_their_target(tmp_path):
    plan = {"period_start_on": "2025-09-01", "period_end_on": "2025-09-30", "level": "company",
            "metric": "bookings", "target": 400.0}  # fmt: skip

    funnel = analysed(tmp_path, many(0, "won", 3), targets=[plan])

    assert funnel.trend.iloc[-1][["bookings", "won", "target"]].tolist() == [300.0, 3, 400.0]
    told = next(f for f in funnel.findings if f.kind == "bookings")
    assert told.headline["en"] == "Bookings in 2025-09 were ¥300, 75% of target: ¥100 short."
    assert told.headline["zh"] == "2025-09 销售额 ¥300，达成目标的 75%，差 ¥100。"
    assert told.severity == "warning"


def test_without_a_target_none_is_claimed(tmp_path):
    told = analysed(tmp_path, many(0, "won", 3)).findings[0]

    assert told.headline["en"] == "Bookings in 2025-09 were ¥300; there is no target for it."


def test_a_group_is_named_only_when_its_difference_survives_all_comparisons(tmp_path):
    deals = [
        *many(0, "won", 10, region="East"), *many(100, "lost", 90, region="East"),
        *many(200, "won", 50, region="West"), *many(300, "lost", 50, region="West"),
        *many(400, "won", 2, region="North"), *many(500, "lost", 1, region="North"),
    ]  # fmt: skip

    funnel = analysed(tmp_path, deals)

    found = {f.kind: f.where for f in funnel.findings if f.kind.startswith("group")}
    assert found == {"group_low": {"region": "East"}, "group_high": {"region": "West"}}
    assert funnel.groups["region"]["closed"].sum() == 203


def test_equal_groups_are_not_named(tmp_path):
    deals = [
        *many(0, "won", 25, region="East"), *many(100, "lost", 75, region="East"),
        *many(200, "won", 27, region="West"), *many(300, "lost", 73, region="West"),
    ]  # fmt: skip

    assert {k for k in kinds(analysed(tmp_path, deals)) if k.startswith("group")} == set()


def test_a_dimension_that_splits_deals_as_another_does_is_shown_once(tmp_path):
    deals = [
        *many(0, "won", 5, region="East", team="A"), *many(100, "lost", 9, region="West", team="B"),
    ]  # fmt: skip

    assert list(analysed(tmp_path, deals).groups) == ["region"]


def test_stays_longer_than_the_goal_are_told_with_those_still_waiting(tmp_path):
    deals = many(0, "open", 12)
    history = [e for i in range(12) for e in entries(i, ("needs", "2025-08-20"))]
    goals = [{"stage": "needs", "max_dwell_days": 14.0}]

    funnel = analysed(tmp_path, deals, stage_history=history, stage_goals=goals)

    told = next(f for f in funnel.findings if f.kind == "dwell_over_goal")
    assert told.headline["en"] == (
        "100% of deals stay in Needs analysis longer than the goal of 14 days."
    )
    assert funnel.dwell.iloc[0][["visits", "waiting"]].tolist() == [12, 12]


def lost_in_proposal(tmp_path, each):
    """Of three times as many lost deals one third leaves from needs, two from the proposal."""
    deals, early = many(0, "lost", 3 * each), [("needs", "2025-08-06")]
    history = []
    for number in range(3 * each):
        way = early if number < each else [*early, ("proposal", "2025-08-20")]
        history += entries(number, *way, ("lost", "2025-09-15"))
    return analysed(tmp_path, deals, stage_history=history)


def test_most_lost_deals_leave_from_the_stage_named(tmp_path):
    told = lost_in_proposal(tmp_path, 4)

    leak = next(f for f in told.findings if f.kind == "leak")
    assert leak.where == {"stage": "proposal"}
    assert leak.headline["en"].startswith("Most lost deals leave from Proposal and quote: 8")


def test_of_a_handful_of_lost_deals_no_stage_is_named(tmp_path):
    told = lost_in_proposal(tmp_path, 1)

    assert not [f for f in told.findings if f.kind == "leak"]


def test_overdue_pipeline_is_told_in_money(tmp_path):
    deals = [
        deal(1, "open", expected_close_on="2025-09-01"),
        deal(2, "open", expected_close_on="2025-12-01"),
    ]

    told = next(f for f in analysed(tmp_path, deals).findings if f.kind == "pipeline_overdue")

    assert told.headline["en"] == (
        "¥100 of the ¥200 open pipeline should have closed already (50%)."
    )


def test_a_period_that_the_export_does_not_cover_is_critical(tmp_path):
    funnel = analysed(tmp_path, many(0, "won", 1), period="2025-12")

    assert funnel.findings[0].kind == "period_incomplete"
    assert funnel.findings[0].severity == "critical"


def test_without_history_no_stage_is_described(tmp_path):
    funnel = analysed(tmp_path, many(0, "won", 3))

    assert funnel.flow.empty
    assert funnel.dwell.empty
    assert funnel.entries.empty
    assert funnel.reached.empty


def test_monthly_snapshots_tell_how_far_deals_got_but_not_how_long_they_stayed(tmp_path):
    history = entries(0, ("needs", "2025-08-06"), ("won", "2025-09-15"))
    snapshots = [
        {"deal_id": "d0", "snapshot_on": f"2025-{month:02d}-01", "stage": "needs"}
        for month in (7, 8, 9)
    ]

    funnel = analysed(tmp_path, many(0, "won", 1), stage_history=history, snapshots=snapshots,
                      history_quality="snapshot_diff")  # fmt: skip

    assert funnel.dwell.empty
    assert funnel.flow.empty
    assert funnel.reached["reached"].tolist() == [1]


@pytest.mark.parametrize("name", ["@home", "{x}", "<script>alert(1)</script>", "funnel.won"])
def test_names_from_data_stay_text(tmp_path, name):
    deals = [
        *many(0, "won", 2, region=name), *many(100, "lost", 98, region=name),
        *many(200, "won", 60, region="West"), *many(300, "lost", 40, region="West"),
    ]  # fmt: skip

    told = next(f for f in analysed(tmp_path, deals).findings if f.kind == "group_low")

    assert told.headline["en"].startswith(f"{name} (region) wins 2% of 100 deals")


def test_one_open_deal_is_no_reason_to_fail(tmp_path):
    funnel = analysed(tmp_path, [deal(1, "open")])

    assert funnel.trend["won"].sum() == 0
    assert funnel.coverage["open"] == 1
    assert kinds(funnel) == {"bookings"}


def test_key_figures_carry_what_they_are_compared_to(tmp_path):
    deals = [*many(0, "won", 4), *many(50, "lost", 6), *many(100, "won", 2, closed="2025-08-10"),
             *many(200, "won", 1, closed="2024-09-10")]  # fmt: skip

    figures = {f.name: f for f in analysed(tmp_path, deals).key_figures}

    bookings = figures["bookings"]
    assert (bookings.value, bookings.previous, bookings.year_ago) == (400.0, 200.0, 100.0)
    assert (figures["win_rate"].value, figures["win_rate"].n) == (0.4, 10)


def half_won_and_open(tmp_path, amounts):
    rows, history = [], []
    for number in range(240):
        status = "won" if number % 2 else "lost"
        rows.append(deal(number, status, closed="2025-08-20"))
        history += [*entries(number, ("needs", "2025-07-11"), (status, "2025-08-20"))]
    for number, amount in enumerate(amounts, start=240):
        rows.append(deal(number, "open", amount=float(amount)))
        history += entries(number, ("needs", "2025-08-20"))
    return analysed(tmp_path, rows, stage_history=history)


def test_the_one_deal_that_makes_what_open_deals_bring_is_named(tmp_path):
    """Of 60 deals one is a thousand times the others: half of it is no forecast of anything."""
    funnel = half_won_and_open(tmp_path, [100.0] * 59 + [100_000.0])

    [told] = [f for f in funnel.findings if f.kind == "outlook"]
    assert "One of them, d299, makes ¥50.0K of the ¥52.9K expected" in told.headline["en"]
    assert "all others together ¥2.95K" in told.headline["en"]
    assert "d299 一个商机就占 ¥5.00万" in told.headline["zh"]
    assert "d299 brings ¥100K with a chance of 50%, or nothing." in told.detail["en"]
    assert "stands on the page Pipeline forecast" in told.detail["en"]
    assert "见“商机预测”页" in told.detail["zh"]


def test_what_open_deals_bring_is_told_with_the_range_that_chance_leaves(tmp_path):
    funnel = half_won_and_open(tmp_path, range(240, 300))

    [told] = [f for f in funnel.findings if f.kind == "outlook"]
    chance = funnel.paths.stages["wins"].sum() / 60
    rng = np.random.default_rng(0)
    wins = rng.random((20_000, 60)) < chance
    for estimate, worth in ((told.effect, np.ones(60)), (told.money, np.arange(240.0, 300.0))):
        low, high = np.quantile(wins @ worth, [0.05, 0.95])
        assert estimate.lower == pytest.approx(low, rel=0.03)
        assert estimate.upper == pytest.approx(high, rel=0.03)
    assert "too few left" not in told.detail["en"]
    assert "One of them" not in told.headline["en"]


def target(number):
    return {"period_start_on": "2025-09-01", "period_end_on": "2025-09-30", "level": "company",
            "metric": "bookings", "target": number}  # fmt: skip


@pytest.mark.parametrize("number", [0.0, -50.0])
def test_a_target_of_nothing_or_less_praises_nobody(tmp_path, number):
    """Returns of 200 against a target of -50 are no 400 % of it."""
    returns = [deal(1, "won", amount=-200.0), *many(2, "lost", 3)]
    funnel = analysed(tmp_path, returns, targets=[target(number)])

    [said] = [f for f in funnel.findings if f.kind == "bookings"]
    assert (said.severity, said.effect) == ("note", None)
    assert "no target" in said.headline["en"]


def test_against_nothing_or_returns_no_percentage_is_told(tmp_path):
    sold = [deal(1, "won", amount=100.0), deal(2, "won", closed="2025-08-15", amount=-50.0)]
    funnel = analysed(tmp_path, sold)

    [said] = [f for f in funnel.findings if f.kind == "bookings"]
    assert said.detail["en"] == "Deals won: 1. In 2025-08 bookings were -¥50."


def test_the_mean_deal_size_counts_deals_with_an_amount_alone(tmp_path):
    sold = [deal(1, "won"), deal(2, "won"), deal(3, "won", amount=None), *many(4, "lost", 3)]
    figures = {figure.name: figure for figure in analysed(tmp_path, sold).key_figures}

    assert figures["average_deal_size"].n == 2
    assert figures["bookings"].n == 3


def test_the_range_of_wins_stays_within_what_is_open(tmp_path):
    """Of few open deals, one a thousand times the others, a normal range would go beyond all."""
    closed = [deal(n, "won" if n % 5 else "lost") for n in range(60)]
    still = [deal(90, "open", amount=100_000.0), deal(91, "open"), deal(92, "open")]
    history = [
        row
        for one in closed
        for row in entries(
            one["deal_id"][1:], ("needs", one["created_at"]), (one["status"], one["closed_at"])
        )
    ]
    history += [row for n in (90, 91, 92) for row in entries(n, ("needs", "2025-08-20"))]
    paths = analysed(tmp_path, [*closed, *still], stage_history=history).paths
    (fewest, most), (least, greatest) = paths.by_chance

    assert 0 <= fewest < most <= 3
    assert 0 <= least < greatest <= 100_200


def test_one_deal_that_makes_the_change_of_velocity_is_named(tmp_path):
    rows = []
    for number, closed in enumerate(pd.date_range("2025-04-01", "2025-09-30", freq="6D")):
        huge = {"amount": 70_000.0} if str(closed.date()) == "2025-09-28" else {"amount": 100.0}
        rows.append(deal(2 * number, "won", closed=str(closed.date()), **huge))
        rows.append(deal(2 * number + 1, "lost", closed=str(closed.date())))
    rows += [deal(900 + n, "open") for n in range(9)]
    plain = [row | {"amount": 100.0} for row in rows]

    [told] = [f for f in analysed(tmp_path / "a", rows).findings if f.kind == "velocity"]
    [usual] = [f for f in analysed(tmp_path / "b", plain).findings if f.kind == "velocity"]

    [name] = [row["deal_id"] for row in rows if row["amount"] == 70_000.0]
    for language in ("en", "zh"):
        assert name in told.headline[language]
        assert name not in usual.headline[language]
    assert "%" in told.headline["en"]
    assert abs(int(told.headline["en"].split("%")[0].split()[-1])) < 50
    assert "With that deal the change would be +" in told.detail["en"]


def test_a_target_reached_by_one_deal_alone_names_it_and_is_not_called_good(tmp_path):
    rows = [deal(n, "won", closed="2025-09-10", amount=100.0) for n in range(5)]
    rows.append(deal(9, "won", closed="2025-09-11", amount=70_000.0))
    targets = [target(1_000.0)]

    [told] = [f for f in analysed(tmp_path / "a", rows, targets=targets).findings
              if f.kind == "bookings"]  # fmt: skip
    assert told.severity == "note"
    assert "One deal, d9, makes ¥70.0K of it; without it ¥500 are left" in told.detail["en"]
    assert "其中 d9 一个商机就占 ¥7.00万，剔除后为 ¥500" in told.detail["zh"]

    many = [deal(n, "won", closed="2025-09-10", amount=300.0) for n in range(6)]
    [usual] = [f for f in analysed(tmp_path / "b", many, targets=targets).findings
               if f.kind == "bookings"]  # fmt: skip
    assert usual.severity == "good"
    assert "One deal" not in usual.detail["en"]


def test_velocity_is_compared_where_all_but_one_deal_were_worth_nothing(tmp_path):
    """Without that deal there was no velocity before, and no share of it can be told."""
    rows = [row for day in ("2025-05-10", "2025-07-20")
            for row in (*many(0, "won", 6, closed=day, amount=0.0),
                        *many(6, "lost", 6, closed=day))]  # fmt: skip
    rows = [row | {"deal_id": f"n{n}"} for n, row in enumerate(rows)]
    rows += [deal("one", "won", closed="2025-05-12", amount=5_000.0), deal("two", "won"),
             *many(900, "open", 5)]  # fmt: skip
    [told] = [f for f in analysed(tmp_path, rows).findings if f.kind == "velocity"]

    assert "inf" not in told.headline["en"]
    assert "with the three months before it cannot be compared" in told.headline["en"]
    assert "无法与前三个月相比" in told.headline["zh"]


def test_where_no_lost_deal_has_an_amount_nothing_is_won_by_amount_at_a_hundred_percent(tmp_path):
    funnel = analysed(tmp_path, [*many(0, "won", 12), *many(12, "lost", 12, amount=0.0)])
    rates = funnel.variants.set_index("variant")["win_rate"]

    assert rates["wr_close_n"] == 0.5
    assert np.isnan(rates["wr_close_v"])
