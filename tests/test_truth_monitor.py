"""The gates of alarms count them, and can fail."""

from truth import monitor
from truth.monitor import Heard, MonitorSizes


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


def test_a_run_without_worlds_has_no_gate():
    def silent(_work, asked):
        return [Heard(0, found=True) for _ in asked]

    assert monitor.monitor_gates(silent, 1, MonitorSizes(0, 0)) == []
    assert len(monitor.monitor_gates(silent, 1, MonitorSizes(3, 3))) == 3
