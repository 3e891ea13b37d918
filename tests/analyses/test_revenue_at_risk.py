"""Revenue at risk: one number with the pipeline forecast, adds up, says what it cannot tell."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses import periods_ahead as pa
from salesops_kit.analyses import revenue_at_risk as rr
from salesops_kit.analyses.forecast import analyse_forecast
from salesops_kit.analyses.periods_ahead import periods_ahead
from salesops_kit.analyses.pipeline_forecast import analyse_pipeline_forecast
from salesops_kit.analyses.revenue_at_risk import analyse_revenue_at_risk
from salesops_kit.periods import period
from salesops_kit.tables import Reader
from salesops_kit.workspace import open_workspace
from salesops_kit.worlds import World, canonical, simulate
from truth.tables import workspace_of

TODAY, JULY = date(2025, 6, 30), period("2025-07")
WORLD = World(seed=32, start=date(2024, 1, 1), export_on=date(2025, 9, 1), leads_per_month=150,
              shock=0.15, stale=0.06)  # fmt: skip
GOALS = [("2025-07-01", "2025-07-31", 7.8e6), ("2025-08-01", "2025-08-31", 6e6),
         ("2025-09-01", "2025-09-30", 5e7)]  # fmt: skip


@pytest.fixture(scope="module")
def opened():
    made = canonical.tables(simulate(WORLD))
    goals = [{"period_start_on": start, "period_end_on": end, "level": "company",
              "metric": "bookings", "target": target} for start, end, target in GOALS]  # fmt: skip
    return workspace_of({name: made[name] for name in ("deals", "stage_history")}
                        | {"targets": pd.DataFrame(goals)}, TODAY)  # fmt: skip


@pytest.fixture(scope="module")
def shared():
    """What both pages ask the one function; made once per question."""
    kept = {}

    def once(workspace, spans):
        key = (workspace.as_of, tuple(spans))
        if key not in kept:
            kept[key] = periods_ahead(workspace, spans)
        return kept[key]

    return once


@pytest.fixture(scope="module")
def found(opened, shared):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rr, "periods_ahead", shared)
        return analyse_revenue_at_risk(opened, period=JULY)


def test_the_first_period_is_the_one_of_the_pipeline_forecast(opened, found):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("salesops_kit.analyses.pipeline_forecast.LEADS", (4,))
        other = analyse_pipeline_forecast(opened, period=JULY)
    row = found.row("2025-07")

    assert [row[name] for name in ("low80", "middle", "high80")] == pytest.approx(
        [other.part("total", name) for name in ("low", "middle", "high")]
    )
    assert row["reach_chance"] == pytest.approx(other.chance)
    assert row["forecast"] == pytest.approx(other.part("total"))


def test_a_quarter_is_what_its_months_add_up_to(opened, found):
    [quarter] = periods_ahead(opened, [period("2025-Q3")]).value

    assert quarter == pytest.approx(found.periods["forecast"].iloc[-1], rel=1e-6)


def test_the_page_forecast_says_the_same_of_the_same_periods(opened, found, shared):
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("salesops_kit.analyses.forecast_total.periods_ahead", shared)
        patched.setattr("salesops_kit.analyses.forecast._prophet", lambda *_: None)
        patched.setattr("salesops_kit.analyses.forecast.backtest_prophet", lambda *_: ())
        series = analyse_forecast(opened, period=period("2025-06"), mode="fast")
    months, quarter = found.periods.iloc[:-1], found.periods.iloc[-1]
    names = ["forecast", "low80", "high80"]
    ahead, aims = series.ahead.iloc[:3], series.aims.set_index("span")
    parts = series.parts[series.parts["span"] == "2025-07"].set_index("method")

    np.testing.assert_allclose(ahead[names].to_numpy("float64"), months[names].to_numpy("float64"))
    np.testing.assert_allclose(aims.loc["2025-Q3", names].to_numpy("float64"),
                               quarter[names].to_numpy("float64"))  # fmt: skip
    assert aims.loc["2025-07", "reach_chance"] == pytest.approx(
        months["reach_chance"].iloc[0], abs=1e-3
    )
    year = aims.loc["2025"]
    assert year["forecast"] == pytest.approx(year["booked"] + series.ahead["forecast"].sum())
    # the parts stand beside it, each with its own past error
    assert parts.loc["combined", "said"] == months["forecast"].iloc[0]
    assert parts.loc[["pipeline", "series"], "weight"].sum() == pytest.approx(1)
    assert parts.loc[["combined", "pipeline", "series"], "wape"].notna().all()
    assert parts.loc["alone", "said"] == series.ahead["alone"].iloc[0] != ahead["forecast"].iloc[0]
    # groups still add up to it
    sums = series.groups.groupby("split")["forecast"].sum()
    assert sums.to_numpy() == pytest.approx([year["forecast"]] * len(sums), rel=1e-4)


def test_periods_add_up_and_ranges_are_in_order(found):
    table = found.periods
    parts, whole = table.iloc[:-1], table.iloc[-1]

    assert table["span"].tolist() == ["2025-07", "2025-08", "2025-09", "2025-07 – 2025-09"]
    assert whole["forecast"] == pytest.approx(parts["forecast"].sum())
    assert whole["target"] == pytest.approx(6.38e7)
    ordered = table[["low90", "low80", "middle", "high80", "high90"]].to_numpy()
    assert (np.diff(ordered, axis=1) > 0).all()
    assert whole["high90"] - whole["low90"] < (parts["high90"] - parts["low90"]).sum()
    assert whole["middle"] == pytest.approx(parts["middle"].sum(), rel=0.05)
    assert found.outcomes.groupby("span")["money"].is_monotonic_increasing.all()


def test_coverage_is_what_is_open_over_what_is_left_until_each_end(found):
    table = found.coverage.set_index("span")

    assert table["left_money"].tolist() == pytest.approx([7.8e6, 1.38e7, 6.38e7])
    assert len(set(table["open_money"])) == 1
    assert table["coverage_now"].tolist() == pytest.approx(
        (table["open_money"] / table["left_money"]).tolist()
    )
    assert (table["coverage_needed"].dropna() > table["coverage_even"].dropna()).all()
    # the usual multiple of open pipeline brings the target about evenly
    july = table.loc["2025-07"]
    assert july["coverage_even"] == pytest.approx(1 / july["conversion"], rel=0.3)
    assert np.isnan(table.loc["2025-09", "more_per_week"])


def test_deals_that_decide_are_those_that_move_the_chance_and_may_well_be_won(found):
    table = found.decisive

    assert len(table) == rr.SHOWN_DEALS
    assert (table["with_it"] > table["without_it"]).all()
    assert (table["chance"] > 0.03).all()


def test_the_record_compares_common_and_independent_shocks(found):
    record = found.record

    assert record["periods_ahead"].tolist() == [1, 2, 3]
    assert record["held"].between(0.6, 1).all()
    assert (record["held"] >= record["alone_held"]).all()


def test_the_first_sentence_says_how_sure_the_target_is(found):
    first, *rest = found.findings

    assert first.kind == "risk"
    assert "2025-07 reaches its target of ¥7.80M with a chance of" in first.headline["en"]
    assert "2025-07 达成目标 ¥780万 的概率" in first.headline["zh"]
    assert {finding.kind for finding in rest} == {"coverage", "decisive"}
    [cover] = [finding for finding in rest if finding.kind == "coverage"]
    assert cover.money is not None


@pytest.mark.parametrize("name", ["periods", "coverage", "decisive", "record"])
def test_every_frame_is_shown_in_both_languages(opened, found, name):
    for language in ("en", "zh"):
        shown = Reader(opened.settings, language).table(
            getattr(found, name), f"revenue_at_risk.{name}", period="2025-07"
        )

        assert len(shown) == len(getattr(found, name))


def test_without_targets_the_middle_is_told_and_nothing_about_reaching(opened):
    bare = workspace_of({name: opened.table(name).collect(backend="pandas").to_native()
                         for name in ("deals", "stage_history")}, TODAY)  # fmt: skip
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pa, "AHEAD", {"month": 1})
        found = analyse_revenue_at_risk(bare, period=JULY)

    assert [finding.kind for finding in found.findings] == ["risk"]
    assert "will bring about" in found.findings[0].headline["en"]
    assert "targets added up" not in found.findings[0].detail["en"]
    assert "全部目标" not in found.findings[0].detail["zh"]
    assert (len(found.periods), len(found.coverage), len(found.decisive)) == (1, 0, 0)


def test_a_workspace_without_history_gives_a_clear_statement(tmp_path):
    deals = [{"deal_id": "D1", "stage": "needs", "status": "open", "created_at": "2025-01-01"}]
    bare = open_workspace(write_workspace(tmp_path, {"deals": deals}), as_of="2025-06-30")

    found = analyse_revenue_at_risk(bare, period=JULY)

    assert not found.known
    assert [finding.kind for finding in found.findings] == ["unknown"]
    assert all(list(getattr(found, name)) == columns for name, columns in rr.COLUMNS.items())
