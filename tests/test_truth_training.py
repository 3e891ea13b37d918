"""The gates of trainings count what is claimed, and can fail."""

from itertools import pairwise

from truth import training
from truth.training import USUAL, Claims, TrainingSizes

OURS, NAIVE = Claims(True, True, True), Claims(False, True, True)


def one_by_one(work, items):
    return [work(item) for item in items]


def test_the_worst_of_the_last_quarter_are_trained_and_only_then_better():
    panel, schedule = training.drawn(USUAL, 2.0, 220_001)
    rate = panel.total / panel.n.clip(1)
    chosen = schedule.first == training.HELD

    assert chosen.sum() == USUAL.trained
    quarter = rate[:, training.HELD - 3 : training.HELD].mean(axis=1)
    assert quarter[chosen].mean() < quarter[~chosen].mean() - 0.1
    assert rate[chosen, -5:].mean() > rate[~chosen, -5:].mean() + 0.2


def test_rounds_and_drift_are_drawn():
    _, staggered = training.drawn(training.OTHERS[0], 0.0, 220_002)
    starts = sorted({int(step) for step in staggered.first if step < training.MONTHS})

    assert [b - a for a, b in pairwise(starts)] == [3, 3]


def test_a_false_claim_fails_a_gate_and_the_usual_figures_are_information():
    ours, naive, _ = training.effect_gates(USUAL, 0.0, [NAIVE] * 19 + [OURS])

    assert (ours.measured, ours.target, ours.verdict) == (0.05, "≤ 0.07", "PASS")
    assert (naive.measured, naive.verdict) == (1.0, "–")
    assert training.effect_gates(USUAL, 0.0, [OURS, NAIVE])[0].verdict == "FAIL"


def test_missed_effects_fail_a_gate():
    assert training.effect_gates(USUAL, 0.35, [OURS] * 9 + [NAIVE])[0].verdict == "PASS"
    assert training.effect_gates(USUAL, 0.35, [OURS, NAIVE])[0].verdict == "FAIL"


def test_a_small_run_asks_every_kind_of_world():
    gates = training.training_gates(lambda _, asked: [NAIVE for _ in asked], 1, TrainingSizes(2, 1))

    assert len(gates) == 4 * 4
    assert training.training_gates(one_by_one, 1, TrainingSizes(worlds=0)) == []


def test_one_world_is_asked_in_every_way():
    found = training.claims((training.OTHERS[2], 0.0, 225_003))

    assert found.before_after in (True, False)
    assert found.ours in (True, False)
