"""Levers on a forecast: against a company simulated deal by deal, and at their limits."""

import numpy as np
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.models.scenario import Levers, pulled

BASE = np.full(12, 100.0)
LAGS = [0.5, 1.5, 2.5, 3.5]


def simulated(levers, steps=12, flow=4000, seed=5):
    """Begin deals evenly, win each after its lag; count wins per step with the levers pulled."""
    rng = np.random.default_rng(seed)
    begun = rng.uniform(-8, steps, flow * (steps + 8))
    weight = np.where(begun >= 0, levers.new_deals, 1.0)
    lag = rng.choice(LAGS, len(begun))
    old = begun < 0
    left = begun + lag  # when an open deal would have been won
    won = np.where(old, np.where(left > 0, left * levers.cycle, left), begun + lag * levers.cycle)
    counted, _ = np.histogram(won, np.arange(steps + 1), weights=weight)
    return counted / flow * 100 * levers.win_rate * levers.size


@pytest.mark.parametrize(
    "levers",
    [Levers(), Levers(win_rate=1.2), Levers(size=0.8), Levers(new_deals=1.5), Levers(cycle=0.5),
     Levers(cycle=1.5), Levers(win_rate=0.9, new_deals=1.3, cycle=0.8)],
)  # fmt: skip
def test_levers_do_what_a_simulated_company_does(levers):
    assert pulled(BASE, levers, LAGS, 0.0) == pytest.approx(simulated(levers), rel=0.2)
    total = pulled(BASE, levers, LAGS, 0.0).sum()
    assert total == pytest.approx(simulated(levers).sum(), rel=0.03)


def test_new_deals_work_as_late_as_deals_take():
    found = pulled(BASE, Levers(new_deals=2.0), LAGS, 0.0)

    assert found[0] == pytest.approx(125)
    assert found[4:].tolist() == [200.0] * 8


def test_a_faster_cycle_leaves_the_flow_as_it_was():
    assert pulled(BASE, Levers(cycle=0.5), LAGS, 0.0)[-4:].tolist() == [100.0] * 4


def test_hired_reps_ramp_up_and_then_book_what_a_rep_books():
    found = pulled(BASE, Levers(hires=2, ramp_steps=4), LAGS, 10.0) - BASE

    assert (np.diff(found) >= 0).all()
    assert found[0] == pytest.approx(2 * 10 * 0.25 * 0.25)
    assert found[-1] == pytest.approx(20)


def test_draws_are_changed_like_the_path():
    draws = np.stack([BASE, 2 * BASE])
    levers = Levers(win_rate=1.1, new_deals=1.2)

    assert pulled(draws, levers, LAGS, 0.0)[1] == pytest.approx(2 * pulled(BASE, levers, LAGS, 0.0))


@pytest.mark.parametrize("wrong", [{"win_rate": -0.1}, {"cycle": 0}, {"hires": -1}])
def test_impossible_levers_are_refused(wrong):
    with pytest.raises(ParameterError):
        Levers(**wrong)
