"""The gates of the comparison of reps count what they say, and can fail."""

from dataclasses import replace

import numpy as np
import pytest

from truth import reps
from truth.gates import MeanGate
from truth.reps import Ranked, RepSizes

TOP = np.array([True, False, False, False])
SEEN = Ranked(
    covered=9, reps=10, stated=np.array([0.95, 0.05, 0.2, 0.05]), top=TOP, claims=2, right=2,
    ours=0.8, raw=0.1, shrunk=0.1, pooled=0.6,
)  # fmt: skip


def one_by_one(work, items):
    return [work(item) for item in items]


def test_a_world_is_compared_with_its_own_truth():
    one = reps.ranked_world((-0.6, 210_001))

    assert one.reps == reps.REPS
    assert 0.6 < one.covered / one.reps <= 1
    assert one.top.sum() == 15
    assert one.stated.sum() == pytest.approx(15, abs=1e-9)
    assert one.ours > one.raw + 0.2


def test_the_mix_follows_skill_as_asked():
    def slant(mix):
        found = []
        for seed in range(8):
            counts, skill = reps.drawn(mix, 210_500 + seed)
            ease = (counts["hits"] / counts["n"]).groupby(counts["kind"]).mean()
            own = (counts["kind"].map(ease) * counts["n"]).groupby(counts["rep"]).sum()
            share = own / counts.groupby("rep")["n"].sum()
            found.append(np.corrcoef(share, skill)[0, 1])
        return np.mean(found)

    assert slant(-0.6) < -0.3
    assert abs(slant(0.0)) < 0.2
    assert slant(0.6) > 0.3


def test_coverage_and_claims_are_shares_that_can_fail():
    assert reps.cover_gate(0.0, [SEEN, SEEN]).verdict == "PASS"
    assert reps.cover_gate(0.0, [replace(SEEN, covered=8)]).verdict == "FAIL"
    assert reps.claim_gate([SEEN]).verdict == "PASS"
    assert reps.claim_gate([SEEN, replace(SEEN, right=1)]).verdict == "FAIL"


def test_a_stated_chance_that_is_off_fails():
    by_name = {gate.name: gate for gate in reps.chance_gates([SEEN] * 3)}

    assert [gate.verdict for gate in by_name.values()] == ["PASS", "FAIL", "PASS"]
    assert [(gate.hits, gate.worlds) for gate in by_name.values()] == [(0, 6), (0, 3), (3, 3)]


def test_a_mean_correlation_below_its_target_fails_and_rivals_cannot():
    ours, raw, *_ = reps.rank_gates(0.0, [SEEN, replace(SEEN, ours=0.58)])

    assert isinstance(ours, MeanGate)
    assert (ours.measured, ours.verdict) == (pytest.approx(0.69), "FAIL")
    assert ours.interval[0] < 0.69 < ours.interval[1]
    assert (raw.measured, raw.verdict, raw.target) == (pytest.approx(0.1), "–", "information")


def test_without_worlds_there_is_no_gate():
    assert reps.rep_gates(one_by_one, 210_000, RepSizes(worlds=0)) == []
