"""The gates of the diagnosis count what they say, and can fail."""

from dataclasses import replace

import pytest

from truth import leaks
from truth.diagnoses import Named, Place, Planted, Told
from truth.rivals import Rival

EAST = Place("proposal", (("region", "East"),))
WEST = Place("proposal", (("region", "West"),))
ALL = Place("proposal", ())
CAUSE = Planted("quality", EAST, month=18, change=-1.0, signal=4.5, longer=5.5)
LEAK = Named("quality", EAST, month=19, change=-0.9, lower=-1.2, upper=-0.5, certainty=0.9)
SURE = Rival("proposal", EAST.where, alarm=True)
RIVALS = {"cohort": SURE, "contribution": Rival("needs", (), alarm=True)}
FOUND = Told((CAUSE,), (LEAK,), {"quality": (EAST, WEST), "speed": ()}, RIVALS)
MISSED = Told((CAUSE,), (), {"quality": (WEST, EAST), "speed": ()}, RIVALS)
CALM = Told((), (), {"quality": (), "speed": ()}, RIVALS)


def wrong(place=WEST, **changes):
    return replace(CALM, named=(replace(LEAK, place=place, **changes),))


def test_power_counts_worlds_of_a_signal_in_which_the_exact_place_comes_first():
    stronger = replace(FOUND, planted=(replace(CAUSE, signal=8.0),))
    first, named, strong, _ = leaks.power_gates("x", [FOUND, MISSED, stronger], "quality")

    assert (first.hits, first.worlds, first.lowest, first.verdict) == (1, 2, 0.8, "FAIL")
    assert (named.hits, named.worlds, named.verdict) == (1, 2, "–")
    assert (strong.hits, strong.worlds, strong.verdict) == (1, 1, "PASS")


def test_rivals_are_judged_by_the_exact_place_too():
    cohort, contribution = leaks.rival_gates([FOUND, MISSED])

    assert (cohort.hits, contribution.hits) == (2, 0)
    assert not cohort.judges


def test_a_named_place_that_was_not_planted_is_a_false_discovery():
    right, found = leaks.several_gates([FOUND, MISSED, wrong()])

    assert (right.hits, right.worlds, right.verdict) == (1, 2, "FAIL")
    assert (found.hits, found.worlds) == (1, 2)


@pytest.mark.parametrize(("month", "hits"), [(17, 1), (19, 1), (20, 0)])
def test_the_month_may_be_off_by_one(month, hits):
    told = replace(FOUND, named=(replace(LEAK, month=month),))

    assert leaks.month_gate([told, MISSED]).hits == hits
    assert leaks.month_gate([told, MISSED]).worlds == 1


def test_an_interval_must_hold_the_planted_change():
    missed = replace(FOUND, named=(replace(LEAK, lower=-0.95),))
    gate, slow = leaks.effect_gates([FOUND, missed], [])

    assert (gate.hits, gate.worlds, gate.verdict) == (1, 2, "FAIL")
    assert slow.worlds == 0


def test_a_certainty_that_is_off_by_more_than_it_may_fails():
    right, unsure = [FOUND] * 12, [wrong(certainty=0.9)] * 6

    [good] = leaks.certainty_gates(right)
    [bad] = leaks.certainty_gates([*right, *unsure])
    assert (good.hits, good.worlds, good.passed) == (12, 12, True)
    assert (bad.hits, bad.worlds, bad.passed) == (12, 18, False)
    assert leaks.certainty_gates([FOUND] * 3) == []


def test_a_false_leak_is_any_name_but_in_a_season_everything_may_fall():
    calm = {("pure", 6_000): [wrong(ALL), CALM], ("season", 6_000): [wrong(ALL), wrong(), CALM]}
    pure, season, rivals = leaks.false_alarm_gates(calm)

    assert (pure.hits, pure.worlds, pure.verdict) == (1, 2, "FAIL")
    assert (season.hits, season.worlds) == (1, 3)
    assert (rivals.hits, rivals.worlds) == (5, 5)


def test_all_gates_of_the_diagnosis_run_and_those_without_worlds_are_left_out():
    def canned(work, items):
        world = CALM if work is leaks.told_of_nothing else FOUND
        return [world for _ in items]

    gates = leaks.leak_gates(canned, 10_000, leaks.LeakSizes(2, speed=0, noisy=2, several=1))
    calm = leaks.false_leak_gates(canned, 10_000, leaks.FalseLeakSizes(nothing=3))

    assert all(gate.worlds for gate in [*gates, *calm])
    assert sum(gate.name.startswith("false leak") for gate in calm) == 12
