"""The sum of what deals bring: against exact enumeration, normal theory and planted shocks."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from salesops_kit.models.create_and_close import NewDeals
from salesops_kit.models.sum_distribution import Outlook, Shock, booked_draws, common_shock

NOTHING_NEW = NewDeals(0.0, 0.0, 0.0, 0.0)
NONE = Shock(np.array([0.0]), np.array([1.0]))


def outlook(chance, worth, new=NOTHING_NEW, unsure=0.0, weight=1.0):
    chance = np.asarray(chance, dtype="float64")
    return Outlook(chance, np.broadcast_to(np.asarray(worth, "float64"), chance.shape).copy(),
                   np.full(len(chance), unsure), np.full(len(chance), weight), new)  # fmt: skip


def drawn(of, shock=NONE, draws=40_000):
    return booked_draws(of, shock, np.random.default_rng(1), draws=draws)


def test_three_deals_add_up_as_all_eight_outcomes_say():
    chance, worth = np.array([0.2, 0.5, 0.9]), np.array([100.0, 10.0, 1.0])
    sums = drawn(outlook(chance, worth)).total
    for won in product([0, 1], repeat=3):
        odds = float(np.prod(np.where(won, chance, 1 - chance)))

        assert (np.abs(sums - np.dot(won, worth)) < 1e-6).mean() == pytest.approx(odds, abs=0.01)


def test_mean_and_variance_are_those_of_independent_deals():
    draw = np.random.default_rng(2)
    many = outlook(draw.random(600) * 0.5, np.exp(draw.normal(10, 1, 600)), unsure=0.2)
    sums = drawn(many).total

    assert sums.mean() == pytest.approx(many.mean, rel=0.01)
    assert sums.var() == pytest.approx(many.variance, rel=0.05)


def test_a_row_that_stands_for_many_deals_varies_like_many_not_like_one():
    few = outlook([0.3] * 50, 100.0, weight=20.0)
    each = outlook([0.3] * 1000, 100.0)

    assert few.mean == pytest.approx(each.mean)
    assert drawn(few).total.std() == pytest.approx(drawn(each).total.std(), rel=0.03)


def test_deals_to_come_are_a_compound_poisson_sum():
    new = NewDeals(created=40.0, wins=6.0, worth=50.0, squared=4000.0)
    money = drawn(outlook([], [], new)).new

    assert money.mean() == pytest.approx(300, rel=0.02)
    assert money.var() == pytest.approx(new.variance, rel=0.05)
    assert (money == 0).mean() == pytest.approx(np.exp(-6), abs=0.002)


def test_a_common_shock_moves_all_deals_at_once():
    many = outlook([0.3] * 2000, 1.0)
    shocked = drawn(many, Shock(np.array([0.4]), np.array([1.0]))).total
    quantiles = expit(logit(0.3) + 0.4 * np.array([-1.2816, 1.2816])) * 2000

    np.testing.assert_allclose(np.quantile(shocked, [0.1, 0.9]), quantiles, rtol=0.03)
    assert shocked.std() > 5 * drawn(many).total.std()


def test_the_sway_is_how_far_a_small_shock_moves_the_mean():
    deals = outlook([0.1, 0.5, 0.8], [100.0, 200.0, 50.0])
    moved = outlook(expit(logit(deals.chance) + 1e-4), deals.worth)

    assert (moved.mean - deals.mean) / 1e-4 == pytest.approx(deals.sway, rel=1e-3)


def former(sigma, n, seed=3):
    """Forecasts of which each missed by chance and by a shock of this size."""
    draw = np.random.default_rng(seed)
    noise, sway = np.full(n, 50.0**2), np.full(n, 500.0)
    error = draw.normal(0, 50.0, n) + 500.0 * draw.normal(0, sigma, n)
    return pd.DataFrame({"mean": 2000.0, "variance": noise, "sway": sway, "actual": 2000 + error})


@pytest.mark.parametrize("sigma", [0.1, 0.3, 0.6])
def test_the_size_of_the_shock_is_learned_from_former_errors(sigma):
    assert common_shock(former(sigma, 400)).typical == pytest.approx(sigma, abs=0.04)


def test_without_former_forecasts_only_the_prior_speaks_and_overlap_counts_less():
    prior = common_shock(former(0.0, 0))
    calm, overlapping = common_shock(former(0.0, 20)), common_shock(former(0.0, 20), apart=0.2)

    assert calm.typical < overlapping.typical < prior.typical
    assert calm.typical < 0.1
    assert prior.odds.sum() == pytest.approx(1)


def test_equal_seeds_give_equal_draws_and_a_certain_deal_is_certain():
    sure = outlook([1.0, 0.0], [7.0, 9.0])

    assert (drawn(sure).total == 7.0).mean() > 0.999
    assert (drawn(sure).total == drawn(replace(sure)).total).all()
