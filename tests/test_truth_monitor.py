"""The gates of alarms count them, and can fail."""

import pandas as pd
import pytest

from salesops_kit.models import alarms
from salesops_kit.models.day_shares import lunar_new_years
from truth import monitor, monitor_worlds
from truth.monitor import Heard, MonitorSizes
from truth.monitor_worlds import Told, told


def test_a_world_falls_at_its_end_and_not_before():
    rate = -monitor.drawn(0.0, 250_001)[0]

    assert abs(rate[: monitor.REFERENCE].mean() - monitor.USUAL) < 0.03
    assert abs(rate[-monitor.WITHIN :].mean() - monitor.FALLEN) < 0.06


def test_more_alarms_than_the_budget_fail_and_fewer_pass():
    assert monitor.alarm_gate("", [0, 1, 1, 0]).verdict == "PASS"
    assert monitor.alarm_gate("", [2, 1, 1, 1]).verdict == "FAIL"
    assert monitor.found_gate([Heard(0, found=True)] * 9 + [Heard(0, found=False)]).passed
    assert not monitor.found_gate([Heard(0, found=False), Heard(0, found=True)]).passed


def test_one_world_is_heard():
    one = monitor.heard((0.0, 250_004))

    assert one.false in range(12)
    assert isinstance(one.found, bool)


def test_falls_are_counted_as_rung_as_one_alert_and_at_the_right_place():
    found = [Told(1, right=True, begun=1)] * 9 + [Told(2, right=True, begun=2),
                                                  Told(0, right=False, begun=0)]  # fmt: skip

    rings, one, place = monitor.fall_gates("here", found)

    assert (rings.hits, rings.worlds) == (10, 11)
    assert (one.hits, one.worlds, place.hits) == (9, 10, 10)
    assert [gate.name for gate in monitor.fall_gates("here", found[-1:])] == [rings.name]


def test_a_seasonal_company_closes_little_around_lunar_new_year_and_much_at_month_ends():
    made = monitor_worlds.deals("seasonal", 250_001)
    closed = made["closed_at"].dropna()
    new_year = pd.Timestamp(lunar_new_years("CN", *[pd.Timestamp("2025-01-15").date()] * 2)[0])

    away = (closed - new_year).dt.days
    assert away.between(0, 9).sum() < 0.6 * away.between(-30, -21).sum()
    late = (closed.dt.days_in_month - closed.dt.day < 4).mean()
    assert late > 0.35
    assert (made["status"] == "open").any()


@pytest.fixture
def _few_years(monkeypatch):
    monkeypatch.setattr(alarms, "_WORLDS", (60, 60))


@pytest.mark.usefixtures("_few_years")
def test_one_company_of_each_kind_tells_one_cause_or_nothing():
    found = {kind: told((kind, 250_002)) for kind in ("seasonal", "everywhere")}

    assert found["everywhere"].right
    assert found["everywhere"].alerts == 1
    assert found["seasonal"].alerts <= 1


def test_a_run_without_worlds_has_no_gate():
    def silent(work, asked):
        return [Told(1, right=True, begun=0) if work is told else Heard(0, found=True)
                for _ in asked]  # fmt: skip

    assert monitor.monitor_gates(silent, 1, MonitorSizes(0, 0, 0)) == []
    assert len(monitor.monitor_gates(silent, 1, MonitorSizes(3, 3, 0))) == 3
    assert len(monitor.monitor_gates(silent, 1, MonitorSizes(0, 0, 2))) == 2 + 2 * 3
