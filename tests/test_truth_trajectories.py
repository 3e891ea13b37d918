"""The gates of reps' trends count who is named, and can fail."""

import numpy as np

from truth import trajectories
from truth.trajectories import Asked, TrajectorySizes


def test_a_drop_is_drawn_for_one_rep_and_lasts():
    n, won = trajectories.drawn(Asked(0.0, 3.0, 270_001), 240)
    rate = won[0] / np.maximum(n[0], 1)

    assert rate[: -trajectories.WITHIN].mean() > rate[-trajectories.WITHIN :].mean() + 0.1
    assert n[0].mean() > 17


def test_a_false_alarm_too_many_fails_and_missed_drops_are_information():
    assert trajectories.false_gate("", [True, *[False] * 19]).verdict == "PASS"
    assert trajectories.false_gate("", [True, *[False] * 9]).verdict == "FAIL"
    assert trajectories.drop_gate(0.8, [False]).verdict == "–"


def test_companies_are_asked_in_every_way():
    assert trajectories.drop_found(Asked(0.0, 4.0, 270_002)) is True
    assert trajectories.drop_found(Asked(0.0, 0.0, 270_003)) is False
    gates = trajectories.trajectory_gates(
        lambda _, asked: [False for _ in asked], 1, TrajectorySizes(2, 2, 2)
    )
    assert len(gates) == 4
    assert trajectories.trajectory_gates(None, 1, TrajectorySizes(0, 0, 0)) == []


def test_a_year_of_reports_is_read_one_by_one(monkeypatch):
    looks = []
    monkeypatch.setattr(trajectories, "_named", lambda *asked: looks.append(asked[2]) or [])

    assert trajectories.false_alarm(Asked(0.0, 0.0, 270_004)) is False
    assert looks == list(range(12))
