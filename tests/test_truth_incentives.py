"""The gates of pay count what they say, and can fail."""

import pytest

from truth import incentives
from truth.incentives import PaySizes


def one_by_one(work, items):
    return [work(item) for item in items]


def test_what_is_planted_lies_before_the_end_and_nothing_else_changes():
    still, played = incentives.around(4), incentives.around(4, moved=0.5)

    assert (still["before"] + still["after"]).equals(played["before"] + played["after"])
    shifted = played["before"] > still["before"]
    assert shifted.any()
    assert played.loc[shifted, "near"].all()


def test_a_gate_fails_when_worlds_say_otherwise(monkeypatch):
    sizes = PaySizes(nothing=200, moved=20, costs=20)
    for name, answer in (("said_of_nothing", False), ("said_of_moved", True),
                         ("cost_covered", True)):  # fmt: skip
        monkeypatch.setattr(incentives, name, lambda _, answer=answer: answer)

    silent, found, cost = incentives.pay_gates(one_by_one, 0, sizes)
    assert (silent.verdict, found.verdict, cost.verdict) == ("PASS", "PASS", "FAIL")
    assert (silent.measured, found.measured) == (0, 1)
    monkeypatch.setattr(incentives, "said_of_nothing", lambda seed: seed % 5 == 0)
    assert incentives.pay_gates(one_by_one, 0, sizes)[0].verdict == "FAIL"


def test_some_worlds_on_the_development_seeds():
    said = [incentives.said_of_nothing(310_000 + seed) for seed in range(8)]
    seen = [incentives.said_of_moved(320_000 + seed) for seed in range(6)]
    covered = [incentives.cost_covered(330_000 + seed) for seed in range(10)]

    assert sum(said) <= 2
    assert sum(seen) >= 5
    assert sum(covered) >= 5


def test_without_worlds_there_is_no_gate():
    assert incentives.pay_gates(one_by_one, 0, PaySizes(0, 0, 0)) == []


def test_the_cost_is_that_of_reps_who_differ():
    rows = incentives.attained(2, 13)

    means = rows.groupby("rep")["attainment"].mean()
    assert means.std() > 0.15
    assert rows["attainment"].mean() == pytest.approx(1.0, abs=0.3)
