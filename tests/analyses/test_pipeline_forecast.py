"""The pipeline forecast: adds up, knows nothing of the future, and says what it cannot tell."""

from dataclasses import fields
from datetime import date

import numpy as np
import pandas as pd
import pytest
from demo_report import demo_workspace
from support import write_workspace

from salesops_kit.analyses import pipeline_forecast as pf
from salesops_kit.analyses.forecast import analyse_forecast
from salesops_kit.analyses.pipeline_forecast import analyse_pipeline_forecast
from salesops_kit.analyses.pipeline_record import Window, windows_before
from salesops_kit.analyses.target_scale import usual_per_day
from salesops_kit.metrics.bookings import bookings
from salesops_kit.periods import day_number, from_day_number, period
from salesops_kit.workspace import open_period, open_workspace
from salesops_kit.worlds import World, canonical, simulate
from truth.pipelines import distorted
from truth.tables import workspace_of

TODAY = date(2025, 6, 14)
JUNE, MAY = period("2025-06"), period("2025-05")
WORLD = World(seed=31, start=date(2024, 1, 1), export_on=date(2025, 9, 1), leads_per_month=150,
              shock=0.15, stale=0.06)  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _few_leads():
    """One lead beside the forecast's own is enough to see that leads are compared."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pf, "LEADS", (4,))
        yield


@pytest.fixture(scope="module")
def tables():
    made = canonical.tables(simulate(WORLD))
    return {name: made[name] for name in ("deals", "stage_history")}


@pytest.fixture(scope="module")
def forecast(tables):
    return analyse_pipeline_forecast(workspace_of(tables, TODAY), period=JUNE)


@pytest.fixture(scope="module")
def demo():
    opened, september = open_period(demo_workspace(), "2025-09")
    return opened, analyse_pipeline_forecast(opened, period=september)


def said(forecast, kind):
    [finding] = [f for f in forecast.findings if f.kind == kind]
    return finding


def test_one_open_deal_beyond_the_whole_forecast_is_named_on_all_pages(tables, forecast):
    bent = {name: frame.copy() for name, frame in tables.items()}
    young = forecast.scored.sort_values("chance")["deal_id"].iloc[0]
    for frame in bent.values():
        if "amount" in frame:
            frame.loc[frame["deal_id"] == young, "amount"] = 1e10
    workspace = workspace_of(bent, TODAY)
    found = analyse_pipeline_forecast(workspace, period=JUNE)
    ahead = analyse_forecast(workspace, period=JUNE, mode="fast")

    for one in (said(found, "single"), said(ahead, "single")):
        name = found.scored.set_index("deal_id").loc[young, "deal"]
        assert name in one.headline["en"]
        assert name in one.headline["zh"]
        assert "The page Funnel" in one.detail["en"]
        assert "“销售漏斗”页" in one.detail["zh"]
        assert one.where == {"deal": young}
    assert not [f for f in forecast.findings if f.kind == "single"]
    told = ahead.findings[0].effect  # the mean holds a part of the deal, and lies beyond the range
    assert ahead.aims["forecast"].iloc[-1] > told.upper
    assert told.lower <= told.value <= told.upper


def test_of_won_deals_alone_no_pipeline_is_forecast(tables):
    """Nothing seems open then: the sum of nothing is no forecast, and no reason for an alarm."""
    kept = tables["deals"].loc[tables["deals"]["status"] == "won", "deal_id"]
    won = {name: frame[frame["deal_id"].isin(kept)] for name, frame in tables.items()}
    workspace = workspace_of(won, date(2025, 8, 31))
    found = analyse_pipeline_forecast(workspace, period=period("2025-09"))
    ahead = analyse_forecast(workspace, period=period("2025-09"), mode="fast")

    assert not found.known
    assert "open and lost ones too" in said(found, "unknown").detail["en"]
    assert "含进行中与输单" in said(found, "unknown").detail["zh"]
    assert ahead.told == []
    assert ahead.aims["forecast"].iloc[0] > 0  # former sums tell it


def test_the_whole_is_what_was_won_plus_its_parts(forecast, tables):
    parts = forecast.parts.set_index("comes_from")["expected"]
    booked = bookings(tables_as_of(tables), period=JUNE, as_of=TODAY)["bookings"].iloc[0]

    assert forecast.won == booked > 0
    assert parts["total"] == pytest.approx(parts["won"] + parts["open"] + parts["new"])
    assert parts["open"] == pytest.approx(forecast.scored["prospect"].sum())
    assert parts["open"] == pytest.approx(forecast.stages["prospect"].sum())
    assert forecast.curve["booked"].iloc[-1] == pytest.approx(parts["total"])
    assert forecast.curve["booked"].iloc[0] == parts["won"]
    assert forecast.curve["booked"].is_monotonic_increasing


def tables_as_of(tables):
    return workspace_of(tables, TODAY).table("deals")


def test_every_open_deal_is_scored_once_most_money_first(forecast, tables):
    deals = tables_as_of(tables)
    still = deals.filter(deals_open()).select("deal_id").collect(backend="pandas").to_native()

    assert sorted(forecast.scored["deal_id"]) == sorted(still["deal_id"])
    assert forecast.scored["prospect"].is_monotonic_decreasing
    assert forecast.scored["chance"].between(0, 1).all()


def deals_open():
    import narwhals.stable.v2 as nw

    return nw.col("status") == "open"


def test_the_chance_of_the_target_is_read_off_the_outcomes(demo):
    _, found = demo
    at = np.interp(found.target, found.outcomes["money"], found.outcomes["chance"])

    assert found.chance == pytest.approx(at, abs=0.01)
    assert found.outcomes["money"].is_monotonic_increasing
    assert found.gap == pytest.approx(found.target - found.part("total"))


def test_a_period_that_is_over_is_followed_by_the_next(demo):
    _, found = demo

    assert (found.period.label, found.days) == ("2025-10", 31)
    assert found.won == 0.0


def test_a_running_period_keeps_what_was_won(forecast):
    assert (forecast.period.label, forecast.days) == ("2025-06", 16)


def test_former_forecasts_keep_their_place_in_the_month():
    origin, end = day_number(date(2025, 9, 30)), day_number(date(2025, 10, 31))
    windows = windows_before(Window(origin, end), months=True)

    days = [(str(from_day_number(w.origin)), str(from_day_number(w.end))) for w in windows[1:4]]
    assert days == [("2025-08-31", "2025-09-30"), ("2025-07-31", "2025-08-31"),
                    ("2025-06-30", "2025-07-31")]  # fmt: skip
    assert windows_before(Window(100, 107), months=False)[1] == Window(72, 79)


def test_what_came_in_former_periods_is_what_was_booked(demo):
    opened, found = demo
    last = found.past.iloc[-1]
    september = bookings(opened.table("deals"), period=period("2025-09"))

    assert str(last["until"]) == "2025-09-30"
    assert last["booked"] == september["bookings"].iloc[0]
    assert found.judged()["forecasts"] == len(found.past)


def test_the_forecast_is_closer_than_what_is_in_use(demo):
    _, found = demo
    ours = found.judged()["wape"]

    assert ours < 0.12
    assert ours < found.judged("stage_rates")["wape"] < found.judged("crm_chance")["wape"]
    assert found.calibration_error < 0.02


def frames(forecast):
    return {f.name: getattr(forecast, f.name) for f in fields(forecast)}


def test_nothing_dated_after_the_day_changes_any_number(forecast, tables):
    later = analyse_pipeline_forecast(workspace_of(distorted(tables), TODAY), period=JUNE)

    for name, value in frames(forecast).items():
        other = frames(later)[name]
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(value, other, check_exact=True, obj=name)
        else:
            assert value == other or value != value, name


def test_there_is_one_answer_between_its_parts_and_every_figure_of_the_page_is_of_it(demo):
    _, found = demo
    deals, sums = found.says("pipeline"), found.says("series")

    assert found.says("combined") == found.part("total")
    mean = found.part("total", "expected")
    assert min(deals, sums) < mean < max(deals, sums)
    share = found.says("series", "weight")
    assert 0 < share < 0.2
    assert mean == pytest.approx((1 - share) * deals + share * sums, rel=1e-6)
    assert found.scored["prospect"].sum() == pytest.approx(found.part("open", "expected"))
    assert found.says("combined", "wape") == found.judged()["wape"]
    assert found.says("crm_chance") == pytest.approx(found.won + found.stages["by_crm"].sum())
    assert found.says("crm_chance") > 1.5 * found.says("combined")


def test_what_the_gap_needs_is_said_one_lever_at_a_time(demo):
    _, found = demo
    levers = found.levers.set_index("lever")

    assert (levers["sure"].dropna() >= levers.loc[levers["sure"].notna(), "now"]).all()
    assert np.isnan(levers.loc["deals_lever", "sure"])  # deals begun now are won too late
    assert "4 of 5 need one of: winning" in said(found, "levers").headline["en"]
    assert "new deals" not in said(found, "levers").headline["en"]


def test_a_target_that_is_surely_reached_needs_no_lever(tables):
    start, end = date(2025, 6, 1), date(2025, 6, 30)
    goal = {"period_start_on": start, "period_end_on": end, "level": "company",
            "metric": "bookings"}  # fmt: skip
    usual = usual_per_day(workspace_of(tables, TODAY)) * 30
    low, high = (
        analyse_pipeline_forecast(
            workspace_of(tables | {"targets": pd.DataFrame([goal | {"target": target}])}, TODAY),
            period=JUNE,
        )
        for target in (0.06 * usual, 15 * usual)  # beyond, the unit would be doubted
    )

    assert (low.chance, len(low.levers), low.findings[0].severity) == (1.0, 0, "good")
    assert (high.chance, high.findings[0].severity) == (0.0, "critical")
    assert high.levers["even"].isna().all()


def test_the_first_sentence_answers_what_how_sure_and_on_target(demo):
    _, found = demo
    first = found.findings[0]

    assert first.kind == "outlook"
    assert first.headline["en"].startswith("2025-10 will bring about ¥14.5M, with 80 % certainty")
    assert "the target of ¥13.7M is reached with a chance of 62%" in first.headline["en"]
    assert "达成目标 ¥1,370万 的概率为 62%" in first.headline["zh"]
    assert first.severity == "note"


@pytest.mark.parametrize(("chance", "severity", "action"), [
    (None, "note", "outlook"), (0.9, "good", "ahead"), (0.6, "note", "close"),
    (0.3, "warning", "behind"), (0.1, "critical", "behind"),
])  # fmt: skip
def test_how_likely_the_target_is_decides_how_loud_it_is_said(demo, chance, severity, action):
    from dataclasses import replace

    from salesops_kit.analyses.pipeline_forecast_findings import _verdict

    assert _verdict(replace(demo[1], chance=chance)) == (severity, action)


def test_few_deals_that_hold_half_of_the_money_are_named(demo):
    _, found = demo
    prospect = found.scored["prospect"]
    n = said(found, "deals").n

    assert prospect.head(n).sum() >= prospect.sum() / 2 > prospect.head(n - 1).sum()


def test_a_column_that_knows_the_future_is_left_out_and_named(tables):
    deals = tables["deals"].assign(product=np.where(tables["deals"]["status"] == "won", "A", "B"))
    found = analyse_pipeline_forecast(workspace_of(tables | {"deals": deals}, TODAY), period=JUNE)

    assert found.alarms == ("product",)
    assert said(found, "leak").headline["en"] == ("Left out because they tell too much: product.")


def test_without_amounts_in_the_history_todays_stand_in(tables):
    history = tables["stage_history"].assign(amount=np.nan)
    blank = workspace_of(tables | {"stage_history": history}, TODAY)
    found = analyse_pipeline_forecast(blank, period=JUNE)

    assert not found.dated_amounts
    assert found.part("total", "expected") > 0
    assert said(found, "undated")


@pytest.mark.parametrize("as_of", [date(2024, 2, 20), date(2023, 12, 1)])
def test_too_short_a_past_gives_a_clear_statement(tables, as_of):
    early = workspace_of(tables, as_of)
    found = analyse_pipeline_forecast(early, period=period(f"{as_of:%Y-%m}"))

    assert not found.known
    assert (found.judged(), found.gap) == (None, None)
    assert [f.kind for f in found.findings] == ["unknown"]


UNPRICED = {
    "no amounts": {"amount": np.nan},
    "only zeros": {"amount": 0.0},
    "no closing days": {"closed_at": pd.NaT},
}


@pytest.mark.parametrize("odd", UNPRICED)
def test_bookings_that_cannot_be_counted_are_not_forecast_as_nothing(tables, odd):
    history = tables["stage_history"]
    if "amount" in UNPRICED[odd]:
        history = history.assign(**UNPRICED[odd])
    bare = {"deals": tables["deals"].assign(**UNPRICED[odd]), "stage_history": history}
    found = analyse_pipeline_forecast(workspace_of(bare, TODAY), period=JUNE)

    assert not found.known
    assert said(found, "no_money").headline["en"] == (
        "What 2025-06 will bring cannot be told: no deal won has both a day and an amount."
    )


def test_wins_that_count_as_nothing_are_told(forecast):
    from dataclasses import replace

    from salesops_kit.analyses.pipeline_forecast_findings import pipeline_findings
    from salesops_kit.settings import Settings

    found = replace(forecast, unpriced=0.4)
    kinds = {finding.kind for finding in pipeline_findings(found, Settings())}

    assert "unpriced" in kinds
    assert 0 < forecast.unpriced < 0.05
    assert "unpriced" not in {finding.kind for finding in forecast.findings}


def test_a_company_of_a_few_deals_is_told_that_it_has_too_few(tables):
    few = set(tables["deals"]["deal_id"].head(40))
    small = {name: table[table["deal_id"].isin(few)] for name, table in tables.items()}
    found = analyse_pipeline_forecast(workspace_of(small, TODAY), period=JUNE)

    assert [finding.kind for finding in found.findings] == ["unknown"]


def test_without_close_dates_chances_and_losses_there_is_still_one_answer(tables):
    history, deals = tables["stage_history"], tables["deals"]
    lost = set(history.loc[history["stage_category"].isin(["lost", "invalid"]), "deal_id"])
    bare = {"expected_close_on": pd.NaT, "probability": np.nan, "owner_id": None}
    odd = {name: table[~table["deal_id"].isin(lost)].assign(**bare)
           for name, table in (("deals", deals), ("stage_history", history))}  # fmt: skip
    found = analyse_pipeline_forecast(workspace_of(odd, TODAY), period=JUNE)

    assert found.part("total", "low") < found.part("total") < found.part("total", "high")
    assert found.says("crm_chance") == found.won
    assert found.scored["due"].isna().all()


def test_a_workspace_without_history_gives_the_same_statement(tmp_path):
    deals = [{"deal_id": "D1", "stage": "needs", "status": "open", "created_at": "2025-01-01"}]
    opened = open_workspace(write_workspace(tmp_path, {"deals": deals}), as_of="2025-06-14")

    found = analyse_pipeline_forecast(opened, period=JUNE)

    assert said(found, "unknown").headline["en"] == (
        "What the pipeline will bring in 2025-06 cannot be told yet."
    )


def test_a_period_that_has_not_begun_is_not_forecast(tables):
    found = analyse_pipeline_forecast(workspace_of(tables, TODAY), period=period("2025-08"))

    assert not found.known


def test_the_frames_of_nothing_have_their_columns():
    nothing = pf.PipelineForecast(MAY, 31)

    assert all(list(getattr(nothing, name)) == columns for name, columns in pf.COLUMNS.items())
