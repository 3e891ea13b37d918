"""The monitor: what rings, that one cause is one alert, and what rules change."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from analyses.rep_worlds import company

from salesops_kit.analyses.monitor import analyse_monitor
from salesops_kit.charts.monitor import alert_trends
from salesops_kit.models import alarms
from salesops_kit.periods import period
from salesops_kit.settings import settings_from
from salesops_kit.tables import Reader

SEPTEMBER = period("2025-09")
FALL = pd.Timestamp(2025, 6, 2)
REGIONS = np.array(["East", "West", "North"])


def sold(everywhere=0.0, east=0.0, weeks=130, seed=3):
    """Deals of three regions, 40 a week; from FALL on the chance to win is lower by so much."""
    rng = np.random.default_rng(seed)
    rows = weeks * 40
    end = pd.Timestamp(2025, 9, 29)
    day = rng.integers(0, weeks * 7, rows)
    created = end - pd.Timedelta(weeks=weeks) + pd.to_timedelta(day, unit="D")
    closed = pd.Series(created + pd.to_timedelta(rng.integers(20, 40, rows), unit="D"))
    region = REGIONS[rng.integers(0, 3, rows)]
    chance = 0.35 - (closed >= FALL) * (everywhere + east * (region == "East"))
    status = np.where(rng.random(rows) < chance, "won", "lost")
    status = np.where(closed >= end, "open", status)
    return pd.DataFrame({
        "deal_id": [f"D{i}" for i in range(rows)], "owner_id": "R00", "status": status,
        "stage": status, "closed_at": closed.where(closed < end), "region": region,
        "amount": 1_000.0, "created_at": created, "is_deleted": False,
    })  # fmt: skip


RULES = {"dimensions": ["region"]}


@pytest.fixture(scope="module", autouse=True)
def _fewer_simulated_years():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alarms, "_WORLDS", (60, 60))
        yield


@pytest.fixture(scope="module")
def fallen():
    return analyse_monitor(company(RULES, deals=sold(everywhere=0.2)), period=SEPTEMBER)


def test_nothing_rings_where_nothing_happened_and_that_is_said():
    monitor = analyse_monitor(company(RULES, deals=sold()), period=SEPTEMBER)

    assert monitor.alerts.empty
    assert monitor.week.label == "2025-W39"
    assert monitor.watched == 5 * 4
    [finding] = monitor.findings
    assert (finding.kind, finding.severity) == ("quiet", "good")


def test_a_fall_everywhere_is_one_alert_of_the_company(fallen):
    [alert] = fallen.alerts.to_dict("records")

    assert (alert["alert"], alert["dimension"]) == ("step", "company")
    assert alert["series"] in ("win_rate", "volume", "bookings")
    assert len({alert["series"], *[name for name, _ in alert["also"]]}) >= 3
    assert abs((alert["since"] - date(2025, 6, 2)).days) <= 21


def test_a_fall_in_one_region_is_one_alert_that_names_it():
    monitor = analyse_monitor(company(RULES, deals=sold(east=0.25)), period=SEPTEMBER)
    [alert] = monitor.alerts.to_dict("records")
    warning = monitor.findings[0]

    assert (alert["dimension"], alert["group"], alert["alert"]) == ("region", "East", "peer")
    assert "East" in warning.headline["en"]
    assert "East" in warning.headline["zh"]
    assert warning.where == {"series": alert["series"], "region": "East"}


def test_the_alert_is_drawn_and_written_in_its_unit(fallen):
    read = Reader(settings_from({}), "zh")

    [(figure, texts)] = alert_trends(fallen.drawn, read)
    assert figure.axes[0].lines[0].get_ydata()[-1] == pytest.approx(fallen.trend["value"].iloc[-1])
    assert "四周均值" in texts["caption"]
    assert len(read.table(fallen.alerts, "monitor.alerts", week="W")) == 1
    assert len(read.table(fallen.series, "monitor.series")) == 5


def test_a_muted_series_is_listed_and_not_announced_and_an_owner_is_named(fallen):
    name = fallen.alerts["series"].iloc[0]
    rule = {"series": name, "mute_until": date(2025, 12, 31), "owner": "Li Wei"}
    settings = RULES | {"monitor": {"rules": [rule]}}
    monitor = analyse_monitor(company(settings, deals=sold(everywhere=0.2)), period=SEPTEMBER)

    assert monitor.alerts[["muted", "owner"]].to_dict("split")["data"] == [[True, "Li Wei"]]
    assert [f.severity for f in monitor.findings] == ["good"]
    assert monitor.drawn == []


def test_a_goal_rings_when_it_is_surely_missed_and_inactive_series_are_left_out():
    rules = [{"series": "win_rate", "goal": 0.5}, {"series": "cycle", "goal": 60},
             {"series": "bookings", "active": False}, {"series": "volume", "by": []}]  # fmt: skip
    settings = RULES | {"monitor": {"rules": rules}}
    monitor = analyse_monitor(company(settings, deals=sold()), period=SEPTEMBER)

    assert monitor.alerts[["series", "alert"]].to_dict("split")["data"] == [["win_rate", "goal"]]
    assert monitor.watched == 3 * 4 + 1


def test_a_short_history_is_said_to_be_too_short():
    monitor = analyse_monitor(company(RULES, deals=sold(weeks=40)), period=SEPTEMBER)

    read = Reader(settings_from({}), "zh")

    assert [f.kind for f in monitor.findings] == ["short"]
    assert list(alert_trends(monitor.drawn, read)) == []
    assert read.table(monitor.alerts, "monitor.alerts", week="W").empty
    assert read.table(monitor.series, "monitor.series").empty
