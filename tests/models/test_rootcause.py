"""The root-cause scan on drawn counts: finds what was planted, keeps quiet otherwise."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from salesops_kit.models.maineffects import fit
from salesops_kit.models.rootcause import Counted, StageCounts, scan, templates
from salesops_kit.models.slices import Slice

MONTHS = 12
CELLS = pd.DataFrame(
    list(itertools.product(["East", "West", "South"], ["A", "B"])), columns=["region", "product"]
)


def drawn(rng, *, exits=60, change=None, noise=0.0, family="binomial", season=0.0):
    """Counts of two stages; `change` = (stage, mask of cells, first month, log-odds).

    `season`: what everybody has more in the third to fifth month.
    """
    stages = []
    for number, name in enumerate(("needs", "proposal")):
        cell, month = (x.ravel() for x in np.meshgrid(range(len(CELLS)), range(MONTHS)))
        score = np.array([0.8, 0.9, 0.4, 0.6, 1.0, 0.7])[cell] - 0.3 * number
        score = score + noise * rng.normal(size=(3, MONTHS))[cell // 2, month]
        score = score + season * ((month >= 2) & (month <= 4))
        if change and change[0] == name:
            score = score + change[3] * (change[1][cell] & (month >= change[2]))
        trials = rng.poisson(exits, len(cell)).astype(float)
        if family == "binomial":
            hits = rng.binomial(trials.astype(int), 1 / (1 + np.exp(-score))).astype(float)
        else:
            trials = trials * 10
            hits = rng.poisson(trials * 0.08 * np.exp(score)).astype(float)
        stages.append(StageCounts(name, cell, month, np.zeros(len(cell), "int64"), hits, trials))
    return Counted(tuple(stages), CELLS, family, MONTHS)


EAST = (CELLS["region"] == "East").to_numpy()


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_a_strong_drop_is_found_with_stage_slice_month_and_size(family):
    rng = np.random.default_rng(1)
    found = scan(drawn(rng, change=("proposal", EAST, 7, -0.8), family=family), rng)
    (cause,) = found.causes

    assert (cause.stage, cause.slice) == ("proposal", Slice((("region", "East"),)))
    assert cause.posterior > 0.9
    assert cause.changed > 0.99
    assert cause.p == pytest.approx(1 / 200)
    assert 7 in cause.months
    assert cause.change == pytest.approx(-0.8, abs=0.2)
    assert cause.lower < cause.change < cause.upper
    assert found.next_p > 0.05


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_a_season_of_the_whole_company_is_no_part_of_a_groups_change(family):
    """Before and after alone would make it -1.0: the season lies in the months before."""
    rng = np.random.default_rng(5)
    change = ("proposal", EAST, 7, -0.8)
    found = scan(drawn(rng, exits=600, change=change, family=family, season=0.5), rng)
    place = ("proposal", Slice((("region", "East"),)))
    [cause] = [c for c in found.causes if (c.stage, c.slice) == place]

    assert cause.change == pytest.approx(-0.8, abs=0.06)
    assert cause.lower < -0.8 < cause.upper


def test_where_nothing_changed_it_is_rather_likely_that_nothing_did():
    suspects = []
    for seed in range(8):
        rng = np.random.default_rng(2000 + seed)
        suspects.append(scan(drawn(rng), rng, draws=40).suspect.changed)

    assert np.median(suspects) < 0.5
    assert max(suspects) < 0.95


def test_when_everything_falls_no_segment_is_blamed():
    rng = np.random.default_rng(2)
    everybody = np.ones(len(CELLS), dtype=bool)
    found = scan(drawn(rng, change=("needs", everybody, 6, -0.7)), rng)

    assert [c.slice for c in found.causes] == [Slice(())]


def test_two_causes_are_found_one_after_the_other():
    rng = np.random.default_rng(3)
    first = drawn(rng, change=("proposal", EAST, 7, -1.0))
    west = (CELLS["region"] == "West").to_numpy() & (CELLS["product"] == "B").to_numpy()
    second = drawn(rng, change=("needs", west, 5, -1.4))
    both = Counted((second.stages[0], first.stages[1]), CELLS, "binomial", MONTHS)
    found = scan(both, rng)

    assert {(c.stage, c.slice.where) for c in found.causes} == {
        ("proposal", (("region", "East"),)),
        ("needs", (("region", "West"), ("product", "B"))),
    }


def test_a_rise_is_no_leak():
    rng = np.random.default_rng(4)

    assert scan(drawn(rng, change=("proposal", EAST, 7, 0.9)), rng).causes == ()


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_false_alarms_keep_below_what_is_allowed(noise):
    """At 5 % of 40 worlds more than six alarms have a chance of one in two hundred."""
    alarms = 0
    for seed in range(40):
        rng = np.random.default_rng(1000 + seed)
        alarms += bool(scan(drawn(rng, exits=30, noise=noise), rng, draws=99).causes)

    assert alarms <= 6


def test_a_break_of_the_process_is_not_a_leak():
    rng = np.random.default_rng(6)
    fallen = drawn(rng, change=("needs", np.ones(6, dtype=bool), 6, -1.5))
    told = [StageCounts(s.stage, s.cell, s.month, s.age, s.hits, s.trials,
                        (6,) if s.stage == "needs" else ()) for s in fallen.stages]  # fmt: skip

    assert scan(fallen, rng).causes
    assert not scan(Counted(tuple(told), CELLS, "binomial", MONTHS), rng).causes


def test_equal_seeds_give_equal_answers():
    counted = drawn(np.random.default_rng(7), change=("proposal", EAST, 7, -0.6))
    one, other = (scan(counted, np.random.default_rng(8)) for _ in range(2))

    assert one == other


def test_nothing_to_scan_is_an_answer():
    empty = StageCounts("needs", *(np.zeros(0, "int64"),) * 3, *(np.zeros(0),) * 2)

    assert scan(Counted((empty,), CELLS, "binomial", MONTHS), np.random.default_rng(1)).next_p == 1


def test_ramps_grow_over_three_months():
    shape, firsts, ramps = templates(8)
    ramp = shape[:, np.flatnonzero(ramps & (firsts == 3))[0]]

    assert ramp.tolist() == pytest.approx([0, 0, 0, 1 / 3, 2 / 3, 1, 1, 1])


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_main_effects_have_the_highest_likelihood(family):
    """An oracle without any structure: minimise the negative log-likelihood numerically."""
    rng = np.random.default_rng(9)
    first, second = rng.integers(0, 4, 300), rng.integers(0, 3, 300)
    trials = rng.integers(50, 90, 300).astype(float)
    score = np.array([-0.5, 0, 0.4, 1.0])[first] + np.array([0, 0.3, -0.6])[second]
    if family == "binomial":
        hits = rng.binomial(trials.astype(int), 1 / (1 + np.exp(-score))).astype(float)
    else:
        hits = rng.poisson(trials * np.exp(score)).astype(float)
    dummies = pd.get_dummies(pd.DataFrame({"a": first, "b": second}).astype(str), drop_first=True)
    design = np.column_stack([np.ones(300), dummies.to_numpy(dtype=float)])

    def loss(beta):
        eta = design @ beta
        total = trials * (np.logaddexp(0, eta) if family == "binomial" else np.exp(eta))
        return float((total - hits * eta).sum())

    eta = design @ minimize(loss, np.zeros(design.shape[1]), method="BFGS").x
    mean = 1 / (1 + np.exp(-eta)) if family == "binomial" else np.exp(eta)
    found = fit(hits, trials, [first, second], family)

    assert found.expected == pytest.approx(trials * mean, rel=2e-3)
