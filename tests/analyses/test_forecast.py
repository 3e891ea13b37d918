"""The forecast of a workspace: against plain sums, its own parts, and word by word."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from demo_report import demo_workspace
from support import write_workspace

from salesops_kit.analyses.forecast import analyse_forecast
from salesops_kit.analyses.forecast_history import REP, history_of
from salesops_kit.analyses.forecast_total import TOTAL
from salesops_kit.metrics.bookings import bookings
from salesops_kit.metrics.leads import leads_created
from salesops_kit.metrics.targets import attainment
from salesops_kit.periods import period
from salesops_kit.workspace import open_period, open_workspace


@pytest.fixture(scope="module")
def demo():
    return open_period(demo_workspace(), "2025-09")


@pytest.fixture(scope="module")
def found(demo):
    return analyse_forecast(demo[0], period=demo[1], mode="fast")


@pytest.fixture(scope="module")
def august(demo):
    before = open_workspace(demo[0].path, as_of=date(2025, 8, 31))
    return analyse_forecast(before, period=period("2025-08"), mode="fast")


# -- the series -----------------------------------------------------------------------------------


def test_every_step_holds_what_the_metrics_say(demo):
    workspace, september = demo
    history = history_of(workspace, september)
    deals = workspace.table("deals")

    for place in (0, 7, len(history.steps) - 1):
        step = history.steps[place]
        sold = bookings(deals, period=step).iloc[0]
        by_region = bookings(deals, period=step, by=["region"]).set_index("region")["bookings"]
        assert history.values("bookings")[place] == sold["bookings"]
        assert history.values("wins")[place] == sold["won"]
        assert history.values("bookings", "region", "North")[place] == by_region["North"]
        came = leads_created(workspace.table("leads"), period=step)
        assert history.values("leads")[place] == came["leads"].iloc[0]


def test_the_first_months_in_which_old_deals_are_missing_are_left_out(demo):
    history = history_of(*demo)
    first = date.fromordinal(date(2023, 10, 10).toordinal() + history.limit)

    assert history.skipped == 4
    assert history.steps[0].start >= first
    assert history.steps[0].previous().start < first


def test_a_running_month_is_ahead_and_what_it_booked_is_a_floor():
    workspace, september = open_period(demo_workspace(), "2025-09", as_of="2025-09-20")
    history = history_of(workspace, september)
    sold = bookings(workspace.table("deals"), period=september, as_of=date(2025, 9, 20))

    assert history.steps[-1].label == "2025-08"
    assert history.ahead[0].label == "2025-09"
    assert history.so_far == sold["bookings"].iloc[0]


@pytest.mark.parametrize(
    ("label", "first", "count"), [("2025-W36", "2025-W37", 13), ("2025-Q2", "2025-07", 6),
                                  ("2024", "2025-01", 12)],
)  # fmt: skip
def test_weeks_are_forecast_by_week_and_months_to_the_end_of_the_year(label, first, count):
    history = history_of(*open_period(demo_workspace(), label))

    assert (history.ahead[0].label, len(history.ahead)) == (first, count)


# -- what is forecast -----------------------------------------------------------------------------


def test_the_year_is_what_was_booked_and_what_is_to_come(demo, found):
    workspace, _ = demo
    booked = bookings(workspace.table("deals"), period=period("2025"), as_of=date(2025, 9, 30))
    year = found.aims.iloc[-1]
    ahead = found.ahead.iloc[:3]

    assert year["span"] == "2025"
    assert year["booked"] == booked["bookings"].iloc[0]
    assert year["forecast"] == pytest.approx(year["booked"] + ahead["forecast"].sum())
    assert year["low80"] < year["forecast"] < year["high80"]
    goal = attainment(workspace.table("deals"), workspace.table("targets"), period=period("2025"))
    assert year["target"] == goal["target"].iloc[0]
    assert year["gap"] == pytest.approx(year["forecast"] - year["target"])


def test_what_moved_leads_from_the_forecast_of_then_to_the_one_of_now(found):
    parts = found.moved.set_index("part")["value"]
    september = found.history.values("bookings").iloc[-1]

    # the back-test made the same forecast from the same moment
    assert parts["last_period"] == pytest.approx(september - found.last["value"], rel=1e-3)
    assert parts["now"] == found.aims["forecast"].iloc[-1]
    assert parts[["before", "last_period", "to_come"]].sum() == pytest.approx(parts["now"])
    assert found.findings[1].kind == "moved"


def test_the_chance_goes_with_the_gap(found):
    aims = found.aims

    assert ((aims["reach_chance"] > 0.5) == (aims["gap"] > 0)).all()


def test_groups_of_every_dimension_add_up_to_everybody_and_reps_to_their_team(demo, found):
    year = found.aims["forecast"].iloc[-1]
    sums = found.groups.groupby("split")["forecast"].sum()

    assert sorted(sums.index) == ["owner_id", "product", "region", "source", "team"]
    assert sums.to_numpy() == pytest.approx([year] * 5, rel=1e-4)
    deals = demo[0].table("deals").collect(backend="pandas").to_native()
    teams = deals.drop_duplicates("owner_name").set_index("owner_name")["team"]
    reps = found.reps.assign(team=found.reps["group"].map(teams))
    groups = found.groups[found.groups["split"] == "team"].set_index("group")["forecast"]
    pd.testing.assert_series_equal(
        reps.groupby("team")["forecast"].sum().sort_index(), groups.sort_index(),
        check_names=False, rtol=1e-9,
    )  # fmt: skip


def test_past_moments_are_forecast_from_what_was_known_then(found, august):
    said = found.past.set_index("span").loc["2025-09"]

    # the first months left out depend on how long deals take, so that series may begin alike
    assert august.history.steps[0] == found.history.steps[0]
    assert set(found.tested["series"]) <= set(august.forecast.panel.ids)
    assert said["actual"] == found.history.values("bookings").iloc[-1]
    assert said["lower"] < said["value"] < said["upper"]


def test_accuracy_stands_beside_seasonal_naive_and_prophet(found):
    table = found.accuracy.set_index("method")

    assert {"combined", "naive", "prophet", "theta", "stl"} <= set(table.index)
    assert table.loc["naive", "added"] == 0
    rows = found.tested
    mine = rows[(rows["method"] == "combined") & (rows["series"] == "bookings|all|")]
    wape = (mine["value"] - mine["actual"]).abs().sum() / mine["actual"].sum()
    assert table.loc["combined", "wape"] == pytest.approx(wape)


def test_a_narrowed_view_forecasts_its_own_and_asks_its_own_target():
    workspace, september = open_period(demo_workspace(), "2025-09", scope="team=East Team")
    found = analyse_forecast(workspace, period=september, mode="fast")
    sold = bookings(workspace.table("deals"), period=period("2025"), as_of=date(2025, 9, 30))

    assert found.aims["booked"].iloc[-1] == sold["bookings"].iloc[0]
    assert found.aims["target"].iloc[-1] < 60e6
    assert "team" not in set(found.groups["split"])


def test_the_first_finding_answers_the_question(found):
    first = found.findings[0]

    assert first.kind in ("at_risk", "off_target", "on_target")
    assert first.definition == "attainment"
    assert first.headline["en"].startswith("2025 will ")
    assert "2025 " in first.headline["zh"]
    assert {f.analysis for f in found.findings} == {"forecast"}
    assert {"accurate", "inaccurate"} & {f.kind for f in found.findings}


# -- little and odd data --------------------------------------------------------------------------


def deal(name, created, closed=None, amount=100.0, **more):
    status = "won" if closed else "open"
    row = {"deal_id": name, "stage": status, "status": status, "amount": amount,
           "created_at": created, "closed_at": closed, "owner_id": "r1", "team": "N"}  # fmt: skip
    return row | more


def opened(tmp_path, rows):
    path = write_workspace(tmp_path / "w", {"deals": rows}, settings='[forecast]\ncountry = "CN"\n')
    return open_workspace(path, as_of=date(2025, 9, 30))


SEPTEMBER = period("2025-09")


@pytest.mark.parametrize(
    "rows", [[], [deal("a", "2025-09-02")], [deal("a", "2025-08-02", "2025-09-03")]]
)
def test_too_little_data_says_so_and_does_not_fail(tmp_path, rows):
    found = analyse_forecast(opened(tmp_path, rows), period=SEPTEMBER)

    assert found.findings[0].kind == "nothing"
    assert found.aims.empty
    assert found.remarks is not None


def test_a_group_that_sells_no_more_is_forecast_near_nothing(tmp_path):
    rng = np.random.default_rng(3)
    rows = [
        deal(f"{region}{month}-{k}", f"{on:%Y-%m}-01", f"{on:%Y-%m-%d}",
             float(rng.integers(50, 150)), region=region)
        for month, on in enumerate(pd.date_range("2023-01-05", periods=33, freq="31D"))
        for k in range(4)
        for region in ("N", "S")
        if region == "N" or month < 12
    ]  # fmt: skip
    rows.append(deal("gone", "2025-09-01", "2025-09-20", -80.0, region="N"))
    found = analyse_forecast(opened(tmp_path, rows), period=SEPTEMBER, mode="fast")

    assert np.isfinite(found.aims["forecast"]).all()
    south = found.groups[found.groups["group"] == "S"].iloc[0]
    assert south["forecast"] < 0.1 * found.aims["forecast"].iloc[-1]
    assert south["booked"] == 0
    assert found.aims["target"].isna().all()
    assert found.findings[0].kind == "no_target"


def test_a_lasting_step_and_an_odd_month_are_said(tmp_path):
    rows = []
    for month in range(33):
        size = 100.0 if month < 20 else 220.0
        size = 20.0 if month == 32 else size + month % 3
        for k in range(5):
            on = pd.Timestamp("2023-01-05") + pd.DateOffset(months=month)
            rows.append(deal(f"d{month}-{k}", f"{on:%Y-%m}-01", f"{on:%Y-%m-%d}", size))
    found = analyse_forecast(opened(tmp_path, rows), period=SEPTEMBER, mode="fast")
    kinds = {f.kind: f for f in found.findings}

    assert kinds["last_below"].severity == "warning"
    assert "2025-09" in kinds["last_below"].headline["en"]


def test_the_same_question_gets_the_same_answer(demo, found):
    again = analyse_forecast(demo[0], period=demo[1], mode="fast")

    pd.testing.assert_frame_equal(again.path, found.path)
    pd.testing.assert_frame_equal(again.groups, found.groups)
    assert [f.as_json() for f in again.findings] == [f.as_json() for f in found.findings]


def test_reps_are_called_by_name(found):
    assert not found.reps["group"].str.startswith("zcrm_").any()
    assert set(found.reps["split"]) == {REP}


def test_one_deal_a_hundred_times_the_others_is_named_and_not_expected_again(tmp_path):
    rng = np.random.default_rng(1)
    deals = []
    for month in pd.date_range("2022-07-01", "2025-09-01", freq="MS"):
        huge = [600_000.0] if str(month.date()) == "2025-01-01" else []
        for amount in [*(1000 * rng.lognormal(0, 0.3, 8)), *huge]:
            closed = month + pd.Timedelta(days=int(rng.integers(0, 27)))
            deals.append({"deal_id": f"D{len(deals)}", "stage": "won", "status": "won",
                          "amount": round(amount, 2), "created_at": str(month.date()),
                          "closed_at": str(closed.date())})  # fmt: skip
    folder = write_workspace(tmp_path / "w", {"deals": deals})
    workspace, september = open_period(folder, "2025-09")

    found = analyse_forecast(workspace, period=september, mode="fast")

    table = found.forecast.table
    ahead = table[table["series"] == TOTAL]
    assert ahead["value"].between(4_000, 16_000).all()
    assert (ahead["low95"] >= 0).all()
    named = next(f for f in found.findings if f.kind == "spike")
    assert "2025-01" in named.headline["en"]
    assert "2025-01" in named.headline["zh"]


def lost(name, created, closed, **more):
    return deal(name, created, **more) | {"status": "lost", "stage": "lost", "closed_at": closed}


def test_of_a_company_that_never_won_nothing_is_forecast(tmp_path):
    """A forecast of nothing with a range of nothing would be certainty out of no knowledge."""
    months = pd.date_range("2024-01-01", "2025-09-01", freq="MS")
    rows = [lost(f"d{m:%y%m}{k}", f"{m:%Y-%m-%d}", f"{m:%Y-%m}-20", region="NS"[k % 2])
            for m in months for k in range(4)]  # fmt: skip
    found = analyse_forecast(opened(tmp_path, rows), period=SEPTEMBER)

    [said] = found.findings
    assert said.kind == "nothing"
    assert "nothing was booked in the" in said.headline["en"]
    assert found.groups.empty


def test_the_band_of_every_group_holds_its_forecast(tmp_path):
    """One group with a single huge deal: its mean lies beyond nine of ten of its own draws."""
    rng = np.random.default_rng(5)
    rows = [
        deal(f"{m:%y%m}{k}", f"{m:%Y-%m}-01", f"{m:%Y-%m}-{10 + k}",
             float(rng.integers(50, 150)) if (f"{m:%Y-%m}", k) != ("2025-07", 0) else 100_000.0,
             owner_id=f"r{k}", region="NS"[k % 2])
        for m in pd.date_range("2023-06-01", "2025-09-01", freq="MS") for k in range(4)
        if rng.random() < 0.6
    ]  # fmt: skip
    groups = analyse_forecast(opened(tmp_path, rows), period=SEPTEMBER, mode="fast").groups

    assert len(groups) >= 6
    assert (groups["low80"] <= groups["forecast"] + 1e-6).all()
    assert (groups["forecast"] <= groups["high80"] + 1e-6).all()


def test_what_is_to_be_known_of_a_reps_series_is_said_under_the_reps_name(tmp_path):
    late = [
        deal(f"late{k}", "2025-09-01", "2025-09-10", owner_id="r2", owner_name="Bo Lin")
        for k in range(3)
    ]
    months = pd.date_range("2023-01-05", periods=33, freq="MS")
    rows = [deal(f"d{on:%Y%m}{k}", f"{on:%Y-%m-%d}", f"{on:%Y-%m}-20", owner_name="Ann Lee")
            for on in months for k in range(3) if f"{on:%Y-%m}" <= "2025-09"]  # fmt: skip
    found = analyse_forecast(opened(tmp_path, [*rows, *late]), period=SEPTEMBER)
    reps = found.problems[found.problems["split"] == "owner_id"]

    assert set(reps["group"]) == {"Ann Lee", "Bo Lin"}
