"""What the diagnosis says of a leak, against counts made by hand from the same history."""

from dataclasses import replace
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pytest

from salesops_kit.analyses.diagnosis import FEWEST_EXITS, _changes, diagnose
from salesops_kit.analyses.diagnosis_findings import diagnosis_findings, leak_table
from salesops_kit.metrics.exits import FOLLOWED
from salesops_kit.metrics.visits import lives
from salesops_kit.periods import day_number, period
from salesops_kit.schema import LIFE
from salesops_kit.settings import Settings
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.causes import quality_drop, slowdown
from salesops_kit.worlds.effects import Span, Where
from salesops_kit.worlds.nulls import sized
from truth.diagnoses import stays_of
from truth.tables import workspace_of

PERIOD = period("2025-09")
SINCE = date(2025, 5, 1)
EAST = Where(region="East")
WORLD = sized(World(seed=11, export_on=PERIOD.end, shock=0.0, growth_per_month=0.0), 6_000)
DROP = quality_drop(Span(SINCE), "proposal", 0.5, EAST)
SLOW = slowdown(Span(SINCE), "needs", 2.5, Where(product="Balance B1"))


def simulated(company):
    tables = {name: getattr(canonical, name)(company) for name in ("deals", "stage_history")}
    return workspace_of(tables, PERIOD.last)


@pytest.fixture(scope="module")
def dropped():
    workspace = simulated(simulate(replace(WORLD, causes=(DROP,))))
    return workspace, diagnose(workspace, stays_of(workspace), period=PERIOD)


@pytest.fixture(scope="module")
def leak(dropped):
    [leak] = dropped[1].leaks
    return leak


@pytest.fixture(scope="module")
def sql(dropped):
    """The exits of the planted place, straight from the history."""
    workspace, _ = dropped
    connection = duckdb.connect()
    history = workspace.table("stage_history").collect(backend="pandas").to_native()
    deals = workspace.table("deals").collect(backend="pandas").to_native()
    connection.register("history", history)
    connection.register("deals", deals)
    connection.execute(
        "CREATE TABLE exits AS WITH ordered AS (SELECT deal_id, stage, stage_rank AS rank, "
        "stage_category AS category, entered_s, amount, "
        "lead(stage_rank) OVER w AS next_rank, lead(stage_category) OVER w AS next_category, "
        "lead(entered_s) OVER w AS exited_s "
        "FROM history WINDOW w AS (PARTITION BY deal_id ORDER BY entered_s, seq)) "
        "SELECT ordered.*, region, exited_s // 86400 AS day, "
        "next_category = 'won' OR (next_category = 'open' AND next_rank > rank) AS onward "
        "FROM ordered JOIN deals USING (deal_id) "
        "WHERE category = 'open' AND exited_s - entered_s >= 60 "
        "AND day >= date_diff('day', DATE '1970-01-01', DATE '2023-10-01') "
        "AND day < date_diff('day', DATE '1970-01-01', DATE '2025-10-01')"
    )
    return connection


def day(text):
    return f"date_diff('day', DATE '1970-01-01', DATE '{text}')"


def test_the_planted_stage_group_and_month_are_named(leak):
    assert (leak.kind, leak.cause.stage) == ("quality", "proposal")
    assert leak.cause.slice.where == (("region", "East"),)
    assert leak.earliest.start <= SINCE <= leak.latest.start
    assert leak.certainty > 0.8


def test_its_rates_are_those_of_the_history(leak, sql):
    cut = day(leak.since.start)
    before, after, exits = sql.execute(
        f"SELECT avg(onward::INT) FILTER (day < {cut}), avg(onward::INT) FILTER (day >= {cut}), "
        f"count(*) FILTER (day >= {cut}) FROM exits WHERE stage = 'proposal' AND region = 'East'"
    ).fetchone()

    assert (leak.rate_before, leak.rate_after) == (pytest.approx(before), pytest.approx(after))
    assert leak.exits_after == exits


def test_missing_deals_are_what_undoing_the_change_would_give(leak):
    odds = leak.rate_after / (1 - leak.rate_after) * np.exp(-leak.cause.change)
    more = leak.exits_after * (odds / (1 + odds) - leak.rate_after)

    assert leak.missing.value == pytest.approx(more)
    assert leak.missing.lower < leak.missing.value < leak.missing.upper


def test_money_is_missing_deals_times_chance_to_win_times_mean_amount(leak, sql):
    cut = day(leak.since.start)
    [amount] = sql.execute(
        f"SELECT avg(amount) FROM exits WHERE stage = 'proposal' AND region = 'East' "
        f"AND day >= {cut}"
    ).fetchone()
    shares = sql.execute(
        "SELECT avg(onward::INT) FROM exits WHERE rank > "
        "(SELECT max(rank) FROM exits WHERE stage = 'proposal') GROUP BY stage"
    ).fetchall()
    chance = np.prod([share for (share,) in shares])

    assert leak.money.value == pytest.approx(leak.missing.value * chance * amount, rel=1e-6)
    assert leak.money.lower < leak.money.value < leak.money.upper


def test_a_slower_stage_is_told_in_days_and_times_as_long():
    workspace = simulated(simulate(replace(WORLD, causes=(SLOW,))))
    stays = stays_of(workspace)
    [leak] = diagnose(workspace, stays, period=PERIOD).leaks
    all_stays = stays.collect(backend="pandas").to_native()
    table = all_stays[(all_stays["stage"] == "needs") & (all_stays["product"] == "Balance B1")]

    assert (leak.kind, leak.cause.stage) == ("speed", "needs")
    assert leak.cause.slice.where == (("product", "Balance B1"),)
    assert 0 < leak.missing.lower < leak.missing.value < leak.missing.upper
    usual = table[table["entered_day"] < day_number(SINCE) - FOLLOWED]
    stays = (usual["exited_day"] - usual["entered_day"]).astype("float64").fillna(FOLLOWED)
    longer = (2.5 * stays).clip(upper=FOLLOWED).mean() / stays.clip(upper=FOLLOWED).mean()
    assert leak.slower.value == pytest.approx(longer, rel=0.2)
    assert leak.slower.lower < leak.slower.value < leak.slower.upper
    assert leak.stay == pytest.approx(leak.stay_before + leak.missing.value)
    # what waits there more than before: per day × delay × chance to win × amount
    since = day_number(leak.since.start)
    gone = table[(table["exited_day"] >= since) & ~table["exit_is_bulk"]]
    onward = ["advanced", "skipped_to", "won"]
    everything = all_stays[
        (all_stays["exited_day"] >= day_number(date(2023, 10, 1)))
        & (all_stays["stage_category"] == "open")
        & ~all_stays["exit_is_bulk"]
    ]
    shares = everything["exit_type"].isin(onward).groupby(everything["stage_rank"]).mean()
    rank = gone["stage_rank"].iloc[0]
    won = gone["exit_type"].isin(onward).mean() * shares[shares.index > rank].prod()
    each = len(gone) / (day_number(PERIOD.end) - since) * won * gone["amount"].mean()
    assert leak.money.value == pytest.approx(leak.missing.value * each, rel=0.02)
    assert leak.money.lower < leak.money.value < leak.money.upper


def test_the_same_seed_gives_the_same_figures():
    workspace = simulated(simulate(sized(WORLD, 1_500)))
    stays = stays_of(workspace)
    one, other = (diagnose(workspace, stays, period=PERIOD, seed=4) for _ in range(2))

    assert one.exits >= FEWEST_EXITS
    assert (one.quality, one.speed) == (other.quality, other.speed)


def test_too_few_exits_are_not_scanned():
    workspace = simulated(simulate(sized(WORLD, 40)))
    found = diagnose(workspace, stays_of(workspace), period=PERIOD)

    assert found.exits < FEWEST_EXITS
    assert [f.kind for f in diagnosis_findings(found, Settings(), {})] == ["too_few"]


def test_without_stages_whole_deals_are_diagnosed_from_creation_to_close():
    strong = quality_drop(Span(date(2025, 1, 1)), "proposal", 0.7, EAST)
    workspace = simulated(simulate(replace(WORLD, causes=(strong,))))
    dims = (*workspace.settings.dimensions, "owner_id")
    whole = lives(workspace.table("deals"), as_of=PERIOD.last, dimensions=dims)
    found = diagnose(workspace, whole, period=PERIOD)

    [leak] = found.leaks
    [finding] = diagnosis_findings(found, Settings(), {})
    assert found.whole
    assert found.breaks.empty
    assert (leak.cause.stage, leak.cause.slice.where) == (LIFE, (("region", "East"),))
    assert finding.headline["en"].startswith("Since 2025-")
    assert "fewer deals are won in East" in finding.headline["en"]
    assert "赢单率下降" in finding.headline["zh"]


def test_lives_leave_out_what_cannot_have_happened():
    rows = [
        ("open", "2025-01-01", None, "open", None),
        ("won", "2025-01-01", "2025-02-01", "won", 31),
        ("later", "2025-01-01", "2025-12-01", "open", None),
        ("backwards", "2025-02-01", "2025-01-01", None, None),
        ("unborn", "2025-12-01", None, None, None),
        ("undated", "2025-01-01", None, None, None),
    ]
    base = date(1970, 1, 1)

    def number(text):
        return None if text is None else (date.fromisoformat(text) - base).days

    status = {"open": "open", "later": "won", "unborn": "open"}
    deals = pd.DataFrame(
        {"deal_id": [r[0] for r in rows], "status": [status.get(r[0], "won") for r in rows],
         "created_day": pd.array([number(r[1]) for r in rows], "Int64"),
         "closed_day": pd.array([number(r[2]) for r in rows], "Int64"), "amount": 1.0}
    )  # fmt: skip
    told = lives(deals, as_of=PERIOD.last).collect(backend="pandas").to_native()
    told = told.set_index("deal_id")

    assert told["exit_type"].to_dict() == {r[0]: r[3] for r in rows if r[3]}
    assert told.loc["won", "exited_day"] - told.loc["won", "entered_day"] == 31
    assert told.loc[["open", "later"], "exited_day"].isna().all()


def test_a_stage_that_comes_or_goes_is_a_change_of_the_process_but_a_filling_pipe_is_not():
    others = np.full(24, 100.0)
    begun = np.where(np.arange(24) >= 12, 20.0, 0.0)
    late = np.where(np.arange(24) >= 2, 20.0, 0.0)  # nobody had come so far before
    rare = np.where(np.arange(24) % 8 == 5, 1.0, 0.0)

    changes = [_changes(stage, others + stage) for stage in (begun, begun[::-1], late, rare)]
    assert changes == [[12], [12], [], []]
    # a company whose first deals came in the second year
    assert _changes(np.where(np.arange(24) >= 14, 20.0, 0.0), 100.0 * (np.arange(24) >= 12)) == []


def test_a_place_that_is_rather_wrong_than_right_is_not_named(dropped, leak):
    _, found = dropped
    doubtful = replace(leak, cause=replace(leak.cause, posterior=0.4))
    unsure = replace(found, leaks=(doubtful, doubtful))
    told = diagnosis_findings(unsure, Settings(), {})

    assert unsure.named == ()
    assert leak_table(unsure, {}).empty
    assert [finding.kind for finding in told] == ["leak_unclear_quality"]
    assert told[0].where == {}
    assert "where cannot be told" in told[0].headline["en"]
    assert "无法确定在哪里" in told[0].headline["zh"]
