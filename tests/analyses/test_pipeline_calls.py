"""What reps committed: read off the exports of the day, and judged as every other method is."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from salesops_kit.analyses.pipeline_calls import CALLS, call_of, call_table, calls_on
from salesops_kit.analyses.pipeline_forecast import answer_table, error_table
from salesops_kit.analyses.pipeline_record import Window, past_table, record_of, windows_before
from salesops_kit.periods import day_number, from_day_number
from salesops_kit.worlds import World, canonical, simulate
from truth.tables import workspace_of

TODAY = date(2025, 6, 30)
NOW = Window(day_number(TODAY), day_number(date(2025, 7, 31)))
WORLD = World(seed=33, start=date(2024, 1, 1), export_on=date(2025, 9, 1), leads_per_month=60)


@pytest.fixture(scope="module")
def opened():
    """A company that exports its deals four days before each month's end, until June."""
    made = canonical.tables(simulate(WORLD))
    plain = workspace_of({"deals": made["deals"]}, WORLD.export_on)
    deals = plain.table("deals").collect(backend="pandas").to_native()
    windows = windows_before(NOW, months=True)
    exports = [_export(deals, window.origin - 4) for window in windows[:10] if window.origin > 0]
    # what the deals of today say was written at closing: it must not be read for the past
    tables = {"deals": deals.assign(forecast_category="Closed"),
              "stage_history": made["stage_history"],
              "snapshots": pd.concat(exports, ignore_index=True)}  # fmt: skip
    return workspace_of(tables, TODAY), deals, windows


def _export(deals, day):
    """Every third open deal is committed, every second of the others a best case."""
    there = deals[(deals["created_day"] <= day) & ~(deals["closed_day"] <= day)]
    rank = there["deal_id"].rank().astype(int)
    label = np.select([rank % 3 == 0, rank % 2 == 0], ["Committed", "最佳情况"], "Pipeline")
    return pd.DataFrame({
        "deal_id": there["deal_id"], "snapshot_on": from_day_number(day), "snapshot_day": day,
        "stage_category": "open", "forecast_category": label,
    })  # fmt: skip


@pytest.mark.parametrize(
    ("label", "call"),
    [("COMMIT", "commit"), ("Committed", "commit"), ("承诺", "commit"), ("Best Case", "best_case"),
     ("BEST_CASE", "best_case"), ("最佳情况", "best_case"), ("Omitted", "omitted"),
     ("Pipeline", "pipeline_call"), ("whatever", "pipeline_call")],
)  # fmt: skip
def test_the_words_of_every_crm_mean_one_call(label, call):
    assert call_of(label) == call


def test_calls_come_from_the_export_before_the_day_and_never_from_later(opened):
    workspace, deals, windows = opened
    day, long_ago = windows[3].origin, windows[12].origin
    calls = calls_on(workspace, [day, long_ago])

    assert set(calls["origin"]) == {day}
    expected = _export(deals, day - 4).set_index("deal_id")["forecast_category"].map(call_of)
    assert dict(zip(calls["deal_id"], calls["call"], strict=True)) == expected.to_dict()


def test_what_was_committed_stands_beside_the_forecast_with_its_own_past_error(opened):
    workspace, _, windows = opened
    record = record_of(workspace, windows)
    made = record.forecasts(windows, newest=6)
    now, past = made[-1], past_table(made)
    due = now.deals[now.deals["due_in"].le(NOW.days).fillna(value=False).astype(bool)]
    plain = sum(row["amount"] for row in due.dropna(subset=["amount"]).to_dict("records")
                if row["call"] == "commit")  # fmt: skip

    errors = error_table(NOW.days, past).set_index("method")
    answer = answer_table(now, errors.reset_index(), won=1000.0).set_index("method")

    assert now.commit == pytest.approx(plain, rel=0.2)  # deals without amount count as usual
    assert now.best_case > now.commit > 0
    assert answer.loc["commit", "said"] == pytest.approx(1000.0 + now.commit)
    missed = (past["commit"] - past["actual"]).abs().sum() / past["actual"].sum()
    assert answer.loc["commit", "wape"] == pytest.approx(missed)


def test_calls_are_summed_beside_what_became_of_such_deals():
    deals = pd.DataFrame({
        "call": ["commit", "commit", "omitted", None], "due_in": [3, 40, 5, 2],
        "amount": [100.0, 900.0, 50.0, 7.0], "chance": [0.5, 0.5, 0.1, 0.2],
        "worth": [90.0, 900.0, 50.0, 7.0], "weight": 1.0,
    }).astype({"due_in": "Int64"})  # fmt: skip
    former = pd.DataFrame({"call": ["commit"] * 4, "won": [1, 1, 0, 1], "weight": 1.0})

    table = call_table(deals, former, 31).set_index("call")

    assert table.loc["commit"].tolist() == [1, 100.0, 45.0, 4, 0.75]
    assert table.loc["omitted", ["deals", "amount"]].tolist() == [1, 50.0]
    assert set(table.index) <= set(CALLS)


def test_without_categories_nothing_is_said_of_them(opened):
    workspace, deals, windows = opened
    bare = workspace_of({"deals": deals, "stage_history": workspace.table("stage_history")
                         .collect(backend="pandas").to_native()}, TODAY)  # fmt: skip

    assert calls_on(bare, [window.origin for window in windows]).empty
    [*_, now] = record_of(bare, windows).forecasts(windows, newest=1)
    assert np.isnan(now.commit)
    assert "commit" not in set(answer_table(now, error_table(31, past_table([])), 0.0)["method"])
