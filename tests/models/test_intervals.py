import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from salesops_kit.errors import ParameterError
from salesops_kit.metrics import grouping
from salesops_kit.models.intervals import median_interval, wilson


@settings(max_examples=200, deadline=None, derandomize=True)
@given(n=st.integers(1, 10**6), share=st.floats(0, 1), confidence=st.floats(0.6, 0.99))
def test_wilson_equals_scipy(n, share, confidence):
    hits = round(share * n)
    expected = stats.binomtest(hits, n).proportion_ci(confidence, method="wilson")

    assert wilson(hits, n, confidence) == pytest.approx((expected.low, expected.high), abs=1e-9)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 50), min_size=2, max_size=2))
def test_metrics_and_models_agree_on_wilson(pair):
    hits, n = sorted(pair)
    lower, upper = grouping.wilson(np.array([float(hits)]), np.array([float(n)]))

    assert (lower[0], upper[0]) == pytest.approx(wilson(hits, n), abs=1e-12, nan_ok=True)


def test_nothing_divided_by_has_no_interval():
    assert all(math.isnan(bound) for bound in wilson(0, 0))
    with pytest.raises(ParameterError, match="hits are 3 of 2; they must lie between 0 and n"):
        wilson(3, 2)


@pytest.mark.parametrize("n", [1, 4, 5, 6, 17, 50, 333, 5_000, 100_001])
def test_median_ranks_are_those_of_the_binomial(n):
    rank = int(stats.binom.ppf(0.05, n, 0.5))
    while rank and stats.binom.cdf(rank - 1, n, 0.5) > 0.05:
        rank -= 1
    while stats.binom.cdf(rank, n, 0.5) <= 0.05:
        rank += 1
    values = np.arange(1.0, n + 1)

    lower, upper = median_interval(values)

    if rank == 0:
        assert math.isnan(lower)
        assert grouping.median_ranks(n) is None
    else:
        assert (lower, upper) == (rank, n + 1 - rank)
        assert grouping.median_ranks(n) == (rank, n + 1 - rank)


def test_missing_values_do_not_count():
    assert median_interval([5, np.nan, 1, 2, 3, 4]) == (1, 5)
    assert math.isnan(median_interval([])[0])
