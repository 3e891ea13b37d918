"""Why bookings changed: against plain arithmetic over the deals, and word by word."""

import math
from datetime import date

import numpy as np
import pandas as pd
import pytest
from demo_report import demo_workspace
from support import write_workspace

from salesops_kit.analyses.bridge import analyse_bridge
from salesops_kit.errors import ParameterError
from salesops_kit.metrics.bookings import bookings
from salesops_kit.models.decomposition import BRIDGE_FACTORS
from salesops_kit.periods import period
from salesops_kit.workspace import open_period, open_workspace
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.causes import (
    mix_shift,
    quality_drop,
    size_erosion,
    slowdown,
    volume_loss,
)
from salesops_kit.worlds.effects import Span
from truth.tables import workspace_of

MAY, JUNE = period("2025-05"), period("2025-06")
TABLES = ("factors", "segments", "dimensions")


def deal(name, created, region="N", closed=None, status="open", amount=None):
    return {"deal_id": name, "stage": status, "status": status, "region": region,
            "amount": amount, "created_at": created, "closed_at": closed}  # fmt: skip


def many(prefix, count, **of):
    return [deal(f"{prefix}{number}", **of) for number in range(count)]


# the oldest deal closes at 60 days, so that from 60 days on a deal is stale
OLD = [deal("old", "2025-01-10", closed="2025-03-11", status="lost")]
FORGOTTEN = [deal("forgotten", "2025-02-01", region="S")]
BEGUN_IN_MAY = [
    *many("m1", 10, created="2025-05-03", closed="2025-05-20", status="won", amount=100.0),
    *many("m2", 10, created="2025-05-03", closed="2025-05-20", status="lost"),
    *many("m3", 10, created="2025-05-03", region="S", closed="2025-05-20", status="won",
          amount=50.0),
    *many("m4", 10, created="2025-05-03", region="S", closed="2025-05-20", status="invalid"),
]  # fmt: skip
# in June as many are begun, but of those in the North only half as many are won
BEGUN_IN_JUNE = [
    *many("j1", 5, created="2025-06-03", closed="2025-06-20", status="won", amount=100.0),
    *many("j2", 15, created="2025-06-03", closed="2025-06-20", status="lost"),
    *many("j3", 10, created="2025-06-03", region="S", closed="2025-06-20", status="won",
          amount=50.0),
    *many("j4", 10, created="2025-06-03", region="S", closed="2025-06-20", status="lost"),
]  # fmt: skip
TARGETS = [
    {"period_start_on": "2025-06-01", "period_end_on": "2025-06-30", "level": "company",
     "metric": "bookings", "target": 1600.0},
    {"period_start_on": "2025-06-01", "period_end_on": "2025-06-30", "level": "region",
     "level_id": "N", "metric": "bookings", "target": 900.0},
]  # fmt: skip


def opened(folder, deals, *, as_of=JUNE.last, **tables):
    written = write_workspace(folder / "w", {"deals": deals} | tables, history_quality="none")
    return open_workspace(written, as_of=as_of)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    rows = [*OLD, *FORGOTTEN, *BEGUN_IN_MAY, *BEGUN_IN_JUNE]
    return opened(tmp_path_factory.mktemp("b"), rows, targets=TARGETS)


@pytest.fixture(scope="module")
def bridge(small):
    return analyse_bridge(small, period=JUNE)


def test_what_alone_changed_is_named_where_it_changed(bridge):
    change = bridge.comparisons["previous"]

    parts = dict(change.factors[["factor", "part"]].itertuples(index=False))
    assert parts == pytest.approx(
        {"volume": 0, "mix": 0, "speed": 0, "win_rate": -500, "size": 0}, abs=1e-9
    )
    assert (change.before, change.after, change.change.value) == (1500.0, 1000.0, -500.0)
    north = change.segments.set_index("group").loc["N"]
    assert north[["before", "after", "moved"]].tolist() == [1000.0, 500.0, -500.0]
    assert north["win_rate"] == pytest.approx(-500)
    assert change.segments["group"].tolist() == ["N", "S"]


def test_an_opportunity_is_begun_in_the_period_or_open_and_not_stale(bridge):
    levels = bridge.comparisons["previous"].factors.set_index("factor")

    assert bridge.limit == math.ceil(np.quantile([60, *[17] * 80], 0.95))
    # the deal forgotten since February is none; that it stands still is no change of speed
    assert levels.loc["volume", ["before", "after"]].tolist() == [40, 40]
    assert levels.loc["speed", ["before", "after"]].tolist() == [1.0, 1.0]
    assert levels.loc["win_rate", ["before", "after"]].tolist() == [0.5, 0.375]
    assert levels.loc["size", ["before", "after"]].tolist() == [75.0, pytest.approx(1000 / 15)]


def test_the_steps_lead_from_one_sum_to_the_other(bridge):
    steps = bridge.comparisons["previous"].steps

    assert steps["step"].tolist() == ["start", *BRIDGE_FACTORS, "end"]
    assert steps["value"].iloc[:-1].sum() == pytest.approx(steps["value"].iloc[-1])


def test_a_year_ago_is_compared_only_where_the_data_reaches_back(bridge):
    assert list(bridge.comparisons) == ["previous"]


def test_it_says_how_much_which_part_and_what_to_do(bridge):
    said = {finding.kind: finding for finding in bridge.findings}
    change = said["change_previous"]

    assert change.headline == {
        "en": "Bookings of 2025-06 were ¥1.00K, ¥500 (33%) less than in 2025-05; the largest part "
        "is win rate: -¥500 (within chance).",
        "zh": "2025-06 销售额 ¥1,000，比 2025-05 减少 ¥500（33%）；最大的因素是赢单率：-¥500"
        "（在偶然波动范围内）。",
    }
    assert "N moved most: -¥500, of this win rate -¥500." in change.detail["en"]
    assert change.money.value == -500
    assert change.n == 35
    assert said["target_missed"].headline["en"] == (
        "2025-06 fell short of its target of ¥1.60K by ¥600."
    )
    assert (
        said["target_missed"]
        .detail["en"]
        .startswith("Against 2025-05 (¥1.50K) the target asked for +¥100; the change was -¥500:")
    )


def test_targets_stand_beside_bookings_everybody_first(bridge):
    goals = bridge.goals[["target", "bookings", "gap"]].to_numpy().tolist()

    assert goals == [[1600.0, 1000.0, -600.0], [900.0, 500.0, -400.0]]
    assert bridge.goals["group"].tolist()[1] == "N"


def test_with_more_deals_the_same_change_is_clear_of_chance(tmp_path):
    rows = [dict(row, deal_id=f"{row['deal_id']}-{copy}")
            for row in [*OLD, *BEGUN_IN_MAY, *BEGUN_IN_JUNE] for copy in range(8)]  # fmt: skip
    bridge = analyse_bridge(opened(tmp_path, rows), period=JUNE)

    [change] = [f for f in bridge.findings if f.kind == "change_previous"]
    part = bridge.comparisons["previous"].part("win_rate")
    assert change.severity == "warning"
    assert "(clear of chance)" in change.headline["en"]
    assert "at which stage" in change.action["en"]
    assert part.lower < -4000 < part.upper < 0


def test_a_running_period_is_compared_with_as_many_days(tmp_path):
    rows = [
        *OLD,
        deal("a", "2025-05-01", closed="2025-05-09", status="won", amount=10.0),
        deal("b", "2025-05-01", closed="2025-05-11", status="won", amount=1000.0),
        deal("c", "2025-06-01", closed="2025-06-10", status="won", amount=30.0),
    ]
    bridge = analyse_bridge(opened(tmp_path, rows, as_of=date(2025, 6, 10)), period=JUNE)

    change = bridge.comparisons["previous"]
    assert (bridge.days, bridge.partial) == (10, True)
    assert (change.before, change.after) == (10.0, 30.0)
    [said] = [f for f in bridge.findings if f.kind == "change_previous"]
    assert said.headline["en"].startswith("Bookings of 2025-06 (first 10 days) were ¥30, ¥20")
    assert bridge.goals.empty


def test_wins_without_amount_and_a_short_memory_are_said(tmp_path):
    rows = [
        deal("a", "2025-05-01", closed="2025-05-09", status="won", amount=10.0),
        deal("b", "2025-05-01", closed="2025-06-09", status="won"),
        deal("c", "2025-04-01", closed="2025-05-20", status="won", amount=20.0),
        deal("d", "2025-05-03", closed="2025-06-20", status="won", amount=30.0),
    ]
    bridge = analyse_bridge(opened(tmp_path, rows), period=JUNE)

    said = {finding.kind: finding for finding in bridge.findings}
    assert said["unpriced"].headline["en"] == (
        "Deals won in 2025-06 without an amount: 1; they add nothing."
    )
    assert "2025-05" in said["short"].headline["en"]
    assert {f.severity for f in bridge.findings} == {"note"}


def test_an_unchanged_sum_is_called_unchanged(tmp_path):
    rows = [
        *OLD,
        deal("a", "2025-05-01", closed="2025-05-09", status="won", amount=10.0),
        deal("b", "2025-06-01", closed="2025-06-09", status="won", amount=10.0),
    ]
    bridge = analyse_bridge(opened(tmp_path, rows), period=JUNE)

    [said] = [f for f in bridge.findings if f.kind == "change_previous"]
    assert said.headline["zh"] == "2025-06 销售额 ¥10，与 2025-05 持平。"


def test_of_nothing_in_both_periods_no_part_is_called_the_largest(tmp_path):
    rows = [deal(name, f"2025-0{month}-01", closed=f"2025-0{month}-20", status="lost", amount=10.0)
            for month in (3, 4, 5, 6) for name in (f"a{month}", f"b{month}")]  # fmt: skip
    bridge = analyse_bridge(opened(tmp_path, rows), period=JUNE)

    assert bridge.comparisons["previous"].after == 0
    assert not [f.kind for f in bridge.findings if f.kind.startswith("change_")]


@pytest.mark.parametrize("rows", [[], [deal("a", "2025-06-10")], [deal("a", "2025-05-10")]])
def test_little_data_gives_little_and_no_error(tmp_path, rows):
    bridge = analyse_bridge(opened(tmp_path, rows), period=JUNE)

    assert all(c.change.value == 0 for c in bridge.comparisons.values())


def test_a_dimension_that_does_not_tell_deals_apart_is_refused(small):
    with pytest.raises(ParameterError, match="segment is 'product', by which deals are not told"):
        analyse_bridge(small, period=JUNE, segment="product")


# -- against plain arithmetic on the demo ---------------------------------------------------------


@pytest.fixture(scope="module")
def demo():
    return open_period(demo_workspace(), "2025-09")


@pytest.fixture(scope="module")
def demo_bridge(demo):
    return analyse_bridge(demo[0], period=demo[1])


def plain_split(deals, spans, segment, limit):
    """Count the deals one by one; split segment by segment with the logarithms written out."""
    counted = []
    for span in spans:
        start, end = span.start_day, span.end_day
        cells = {}
        for row in deals.to_dict("records"):
            closed = row["status"] != "open" and row["closed_day"] < end
            resolved = closed and row["closed_day"] >= start
            fresh = start - limit <= row["created_day"] < end
            if not resolved and (closed or not fresh):
                continue
            cell = cells.setdefault(row[segment], [0, 0, 0, 0.0])
            won = resolved and row["status"] == "won"
            amount = row["amount"] if won and row["amount"] == row["amount"] else 0.0
            cell[:] = cell[0] + 1, cell[1] + resolved, cell[2] + won, cell[3] + amount
        counted.append(cells)
    totals = [sum(cell[0] for cell in cells.values()) for cells in counted]
    parts = dict.fromkeys(BRIDGE_FACTORS, 0.0)
    for group in counted[0]:
        chains = [[total, *cells[group]] for total, cells in zip(totals, counted, strict=True)]
        sold, sells = chains[0][4], chains[1][4]
        mean = (sells - sold) / math.log(sells / sold)
        for place, factor in enumerate(BRIDGE_FACTORS):
            levels = [c[0] if place == 0 else c[place] / c[place - 1] for c in chains]
            parts[factor] += mean * math.log(levels[1] / levels[0])
    return parts


@pytest.mark.parametrize("name", ["previous", "year_ago"])
def test_the_demo_is_split_as_plain_arithmetic_splits_it(demo, demo_bridge, name):
    workspace, september = demo
    deals = workspace.table("deals").collect(backend="pandas").to_native()
    deals = deals.astype({"closed_day": "float64", "created_day": "float64"})
    other = september.previous() if name == "previous" else september.year_ago()

    for row in demo_bridge.comparisons[name].dimensions.to_dict("records"):
        spans = (other, september)
        expected = plain_split(deals, spans, row["dimension"], demo_bridge.limit)
        assert {factor: row[factor] for factor in BRIDGE_FACTORS} == pytest.approx(expected)


@pytest.mark.parametrize("label", ["2025-Q2", "2025-W30"])
def test_the_sums_are_the_bookings_of_the_other_pages(demo, label):
    workspace, span = demo[0], period(label)
    for change in analyse_bridge(workspace, period=span).comparisons.values():
        sold = [bookings(workspace.table("deals"), period=p)["bookings"].iloc[0]
                for p in (change.period, span)]  # fmt: skip

        assert [change.before, change.after] == pytest.approx(sold)
        total = change.factors["part"].sum()
        assert total == pytest.approx(sold[1] - sold[0], abs=1e-9 * sum(sold))
        segments = change.segments
        assert segments["moved"].sum() == pytest.approx(total)
        wide = segments[list(BRIDGE_FACTORS)]
        assert wide.sum(axis=1).to_numpy() == pytest.approx(segments["moved"].to_numpy())
        assert wide.sum().to_numpy() == pytest.approx(change.factors["part"].to_numpy())
        assert change.change.lower <= total <= change.change.upper


def test_the_same_question_gets_the_same_answer(demo, demo_bridge):
    again = analyse_bridge(demo[0], period=demo[1])

    for name, change in demo_bridge.comparisons.items():
        for table in TABLES:
            pd.testing.assert_frame_equal(
                getattr(change, table), getattr(again.comparisons[name], table)
            )


def test_a_narrowed_view_sees_its_own_deals_and_target():
    workspace, september = open_period(demo_workspace(), "2025-09", scope="team=East Team")
    bridge = analyse_bridge(workspace, period=september)

    sold = bookings(workspace.table("deals"), period=september)["bookings"].iloc[0]
    assert bridge.comparisons["previous"].after == sold
    assert bridge.goals["group"].tolist() == ["East Team"]
    assert bridge.segment == "product"  # of one team, all deals are of one region


# -- against what was planted ---------------------------------------------------------------------

SINCE = Span(date(2025, 1, 1))
PLANTED = {
    "volume": volume_loss(SINCE, 0.3),
    "mix": mix_shift(SINCE, "Balance B1", 0.4, dimension="product"),
    "speed": slowdown(Span(date(2025, 4, 1)), slower=1.8),
    "win_rate": quality_drop(SINCE, "proposal", 0.4),
    "size": size_erosion(SINCE, 0.25),
}


def parts_of(*causes):
    """Split the second quarter of a large company against the year before."""
    world = World(export_on=date(2025, 7, 1), leads_per_month=1200, shock=0, season=0,
                  growth_per_month=0, seed=8, causes=causes)  # fmt: skip
    frames = canonical.tables(simulate(world))
    chosen = {name: frames[name] for name in ("deals", "stage_history")}
    workspace = workspace_of(chosen, world.export_on)
    bridge = analyse_bridge(workspace, period=period("2025-Q2"), segment="product")
    return bridge.comparisons["year_ago"].factors.set_index("factor")["part"]


@pytest.fixture(scope="module")
def undisturbed():
    return parts_of()


@pytest.mark.parametrize("factor", PLANTED)
def test_a_planted_cause_falls_to_its_own_factor(undisturbed, factor):
    lost = parts_of(PLANTED[factor]) - undisturbed

    assert lost.idxmin() == factor
    # when all becomes slower, wins, which take longest, stay out longer than losses do
    others = lost.drop([factor, "win_rate"], errors="ignore")
    assert others.abs().max() < 0.35 * -lost[factor]
