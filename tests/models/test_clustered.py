"""Cases within customers: as Mantel and Haenszel where each stands alone, never surer than that."""

import numpy as np
import pandas as pd
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.models.clustered import beside, shrunk_share
from salesops_kit.models.stratified import mantel_haenszel


def cases(seed, n=200, strata=12):
    rng = np.random.default_rng(seed)
    stratum = rng.integers(0, strata, n)
    marked = rng.random(n) < 0.3
    return marked, rng.random(n) < 0.3 + 0.3 * marked + 0.02 * stratum, stratum


def test_the_difference_is_that_of_mantel_and_haenszel():
    marked, hit, stratum = cases(1)
    found = beside(marked, hit, stratum, np.arange(len(hit)))
    table = pd.DataFrame({"stratum": stratum, "hits": marked & hit, "n": marked,
                          "other_hits": ~marked & hit, "other_n": ~marked})  # fmt: skip
    plain = mantel_haenszel(table.groupby("stratum").sum())

    assert found.difference == pytest.approx(plain.difference)
    assert (found.n, found.other_n) == (plain.n, plain.other_n)
    assert found.p == pytest.approx(plain.p, abs=0.01)
    assert found.difference_lower == pytest.approx(plain.lower, abs=0.03)


def test_the_same_cases_said_twice_by_the_same_customers_are_no_surer():
    marked, hit, stratum = cases(2)
    once = beside(marked, hit, stratum, np.arange(len(hit)))
    twice = beside(*(np.tile(part, 2) for part in (marked, hit, stratum, np.arange(len(hit)))))

    assert twice.difference == pytest.approx(once.difference)
    assert np.log(twice.p) == pytest.approx(np.log(once.p), rel=0.05)
    assert twice.customers == once.customers
    assert twice.upper - twice.lower == pytest.approx(once.upper - once.lower, rel=0.05)


def test_false_alarms_stay_below_what_is_said_with_customers_of_unequal_luck():
    rng, ps = np.random.default_rng(3), []
    for _ in range(600):
        customer = np.repeat(np.arange(100), 4)
        luck, complains = rng.normal(0, 1.5, 100), rng.random(100) < 0.15
        hit = rng.random(400) < 1 / (1 + np.exp(-luck[customer]))
        found = beside(complains[customer], hit, rng.integers(0, 20, 400), customer)
        ps.append(found.p if found else 1.0)

    assert np.mean(np.array(ps) < 0.05) < 0.07  # 600 draws: 0.05 and two standard errors
    assert np.mean(np.array(ps) < 0.01) < 0.02


def test_strata_that_hold_one_kind_only_tell_nothing():
    marked, hit = np.array([True, True, False, False]), np.array([True, False, True, False])

    assert beside(marked, hit, np.array([0, 0, 1, 1]), np.arange(4)) is None
    assert beside(marked[:0], hit[:0], np.zeros(0, int), np.zeros(0, int)) is None
    with pytest.raises(ParameterError, match="one entry per case"):
        beside(marked, hit, np.zeros(3, int), np.arange(4))


def test_a_share_of_few_cases_stays_near_the_usual_one():
    assert shrunk_share(0, 0, 0.4)[0] == pytest.approx(0.4)
    assert shrunk_share(2, 2, 0.4)[0] == pytest.approx(6 / 12)
    assert shrunk_share(200, 200, 0.4)[1] > 0.9
    assert shrunk_share(3, 4, 0.0) == pytest.approx((3 / 14, *shrunk_share(3, 4, 0.0)[1:]))
