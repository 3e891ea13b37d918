"""The statistical gates on a few worlds: that they run, and that they can fail."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from salesops_kit import schema
from salesops_kit.analyses.funnel import analyse_funnel
from salesops_kit.metrics.engine import lazy
from salesops_kit.models.survival import Interval
from salesops_kit.periods import day_number
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.causes import quality_drop
from salesops_kit.worlds.effects import Span, Where
from salesops_kit.worlds.nulls import sized
from truth import censoring, diagnoses, histories, run, statements, winning
from truth.gates import Gate, clopper_pearson
from truth.rivals import cohort_test
from truth.tables import workspace_of
from truth.winning import StatementSizes, StaySizes

FIRM, WORLDS = 1, range(100, 108)
GATE = Gate("named", "what it means", hits=9, worlds=10, lowest=0.86, highest=0.94)


@pytest.fixture(scope="module")
def rows():
    return [censoring.seen((FIRM, seed)) for seed in WORLDS]


@pytest.fixture(scope="module")
def company():
    return simulate(replace(histories.WORLD, seed=3))


def one_by_one(work, items):
    return [work(item) for item in items]


# -- the gates' arithmetic ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hits", "n", "expected"),
    [
        (0, 10, (0.0, 0.3084971)),  # 1 - 0.025 ** (1 / 10)
        (10, 10, (0.6915029, 1.0)),
        (5, 10, (0.1870860, 0.8129140)),
    ],
)
def test_the_interval_of_a_share_is_the_exact_binomial_one(hits, n, expected):
    assert clopper_pearson(hits, n) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("changed", "passed"),
    [
        ({"hits": 90, "worlds": 100}, True),
        ({"hits": 85, "worlds": 100}, False),
        ({"hits": 95, "worlds": 100}, False),
        ({"hits": 95, "worlds": 100, "highest": None}, True),
    ],
)
def test_a_share_must_lie_within_its_target(changed, passed):
    gate = replace(GATE, **changed)

    assert gate.passed is passed
    assert gate.verdict == ("PASS" if passed else "FAIL")


@pytest.mark.parametrize(("hits", "passed"), [(25, True), (45, False)])
def test_a_rate_of_false_alarms_is_judged_by_its_upper_bound(hits, passed):
    gate = Gate("alarm", "", hits, 500, bound_at_most=0.09)

    assert gate.passed is passed


def test_information_has_no_verdict_and_never_fails():
    gate = Gate("power", "", 0, 10)

    assert (gate.verdict, gate.passed, gate.target) == ("–", True, "information")


# -- simulated companies as tables --------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame_of", "table"),
    [(canonical.deals, schema.DEALS), (canonical.stage_history, schema.STAGE_HISTORY)],
)
def test_simulated_tables_have_canonical_columns_and_all_required_ones(company, frame_of, table):
    columns = set(frame_of(company).columns)

    assert columns <= set(table.column_names)
    assert columns >= {column.name for column in table.columns if column.required}


def test_a_workspace_of_frames_shows_what_was_known_on_its_day(company):
    tables = {"deals": canonical.deals(company), "stage_history": canonical.stage_history(company)}
    known = workspace_of(tables, histories.MIDDLE).table("deals").collect("pandas").to_native()
    moves = company.history[company.history["entered"] < 1_735_689_600]  # 2025-01-01
    newest = moves.groupby("deal")["stage"].last()

    stages = known.set_index("deal_id")["stage"]
    assert stages.to_dict() == {f"D{deal}": stage for deal, stage in newest.items()}


# -- gate 1 -------------------------------------------------------------------------------------


def test_visits_equal_the_simulated_histories():
    assert histories.visits_equal(5)


@pytest.mark.parametrize("as_of", [histories.MIDDLE, histories.END])
def test_the_histories_compared_hold_every_kind_of_exit(company, as_of):
    exits = {stay[6] for stay in histories.true_visits(company, as_of)}

    assert exits == set(schema.EXIT_TYPES)


def test_a_single_wrong_move_is_caught(company):
    truth = histories.true_visits(company, histories.END)
    moves = company.history.copy()
    row = int(np.flatnonzero(moves["stage"] == "solution")[7])
    moves.loc[row, "stage"] = "proposal"

    found = histories.found_visits(replace(company, history=moves), histories.END)
    assert found != truth


def test_the_gate_of_visits_fails_when_one_world_differs():
    assert winning.visits_gate([True] * 8).passed
    assert not winning.visits_gate([True] * 7 + [False]).passed


# -- gates 2 and 3 ------------------------------------------------------------------------------


def test_histories_of_one_firm_share_its_reps_and_accounts_only():
    one, other = (simulate(replace(censoring.WORLD, firm=FIRM, seed=seed)) for seed in (1, 2))

    assert one.reps.equals(other.reps)
    assert one.accounts["region"].equals(other.accounts["region"])
    assert len(one.deals) != len(other.deals)


def test_every_deal_of_the_cohort_is_followed_to_the_horizon():
    followed = (censoring.WORLD.export_on - censoring.COHORT.last).days

    assert followed >= censoring.HORIZON
    assert date(2024, 12, 31) == censoring.AS_OF == censoring.COHORT.last


def test_an_estimator_that_ignores_open_deals_is_caught(rows):
    gate = winning.win_rate_gate(rows, lambda row: row.won_of_created)

    assert gate.hits == 0
    assert not gate.passed


def test_an_interval_that_is_too_narrow_is_caught(rows):
    def narrow(row):
        value, lower, upper = row.share
        return Interval(value, value - (value - lower) / 100, value + (upper - value) / 100)

    assert not winning.win_rate_gate(rows, narrow).passed


def test_a_missing_interval_covers_nothing():
    assert not censoring.covers(Interval(0.5, float("nan"), float("nan")), 0.5)


def test_the_cohort_win_rate_is_nearer_to_the_truth_than_the_usual_rates(rows):
    table = winning.comparisons(rows)[0]
    ours, created, _closed = (abs(value - table.truth) for _, value in table.rows)

    assert ours < 0.02
    assert created > 0.05


# -- gates 4 and 5 ------------------------------------------------------------------------------


def test_the_statements_judged_are_those_of_the_analysis():
    deals = canonical.deals(simulate(replace(statements.WORLD, seed=8)))
    whole = analyse_funnel(
        workspace_of({"deals": deals}, statements.PERIOD.last), period=statements.PERIOD
    ).findings

    found = statements.statements(workspace_of({"deals": deals}, statements.PERIOD.last))
    kinds = ("win_rate_", "group_")
    assert {f.id: f for f in found} == {f.id: f for f in whole if f.kind.startswith(kinds)}
    assert any(f.kind.startswith("group_") for f in found)


def test_statements_about_groups_that_never_were_fail_their_gate():
    wrong = statements.Said(changed=True, groups=(("group_low", "region", "East"),))
    gates = winning.alarm_gates([wrong] * 8, [wrong] * 8, [wrong] * 8)

    assert [gate.verdict for gate in gates] == ["FAIL", "–", "–", "FAIL"]


def test_a_planted_region_counts_as_found_only_under_its_own_name():
    said = statements.Said(
        changed=False, groups=(("group_low", "region", "West"),), planted="South"
    )

    assert (said.found, said.misled) == (False, True)
    assert replace(said, planted="West").found


# -- the whole ----------------------------------------------------------------------------------


def test_all_gates_run():
    stays, compared = winning.stay_gates(one_by_one, 50, StaySizes(1, firms=1, per_firm=1))
    said = winning.statement_gates(one_by_one, 50, StatementSizes(1, holiday=1, noise=1, drop=1))

    assert [gate.worlds for gate in [*stays, *said]] == [1] * 10
    assert len(compared) == 2


def test_a_world_is_judged_the_same_every_time():
    assert statements.said_of_drop(51) == statements.said_of_drop(51)


def test_development_and_release_use_different_worlds():
    assert run.FIRST_SEED["development"] + 300_000 < run.FIRST_SEED["release"]


def test_a_world_without_shocks_and_shifts_is_the_one_of_gate_four():
    assert replace(World(export_on=statements.PERIOD.end), shock=0.0) == statements.WORLD


# -- the diagnosis ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def told():
    leak = quality_drop(Span(date(2025, 4, 1)), "proposal", 0.5, Where(region="South"))
    return diagnoses._told(replace(sized(replace(diagnoses.WORLD, seed=1), 12_000), causes=(leak,)))


def test_a_strong_planted_leak_is_named_with_its_month_and_effect(told):
    (planted,) = told.planted
    (named,) = told.named_exactly(planted)

    assert planted.place == diagnoses.Place("proposal", (("region", "South"),))
    assert planted.signal > 5
    assert abs(named.month - planted.month) <= 1
    assert named.lower <= planted.change <= named.upper
    assert told.suspects["quality"][0] == planted.place


def test_the_largest_contribution_is_told_the_month_and_finds_a_strong_leak_too(told):
    rival = told.rivals["contribution"]

    assert (rival.stage, rival.where) == ("proposal", (("region", "South"),))


@pytest.mark.parametrize("name", ["pure", "season"])
def test_nothing_is_named_where_nothing_was_planted(name):
    assert diagnoses.told_of_nothing((name, 6_000, 10_001)).named == ()


def test_a_cohort_test_takes_young_deals_for_a_leak():
    day = day_number(date(2025, 5, 1))
    stays = pd.DataFrame({
        "stage": "needs", "stage_category": "open", "region": "East", "product": "A",
        "source": "Web", "entered_day": [day - 60] * 50 + [day + 10] * 50,
        "exit_type": ["advanced"] * 30 + ["lost"] * 20 + ["advanced"] * 12 + ["open"] * 38,
    })  # fmt: skip

    rival = cohort_test(lazy(stays), date(2025, 1, 1), date(2025, 5, 1))

    assert rival.alarm  # 30 of 50 against 12 of 50 so far, of which none was lost
    assert rival.stage == "needs"
