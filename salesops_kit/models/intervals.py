"""Intervals of shares and medians from plain numbers, exact where a formula exists."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from salesops_kit.errors import ParameterError

CONFIDENCE = 0.9


def wilson(hits: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return Wilson's score interval of a share `hits / n`; missing (NaN) when n is 0.

    Raises
    ------
    ParameterError
        When hits are negative or more than n.

    Examples
    --------
    >>> [round(bound, 3) for bound in wilson(8, 20)]
    [0.242, 0.581]
    """
    if not 0 <= hits <= n:
        raise ParameterError(f"hits are {hits!r} of {n!r}; they must lie between 0 and n")
    if n == 0:
        return float("nan"), float("nan")
    z, share = NormalDist().inv_cdf((1 + confidence) / 2), hits / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    lower = 0.0 if hits == 0 else middle - half
    upper = 1.0 if hits == n else middle + half
    return lower, upper


def share_difference(
    hits: float, n: float, other_hits: float, other_n: float
) -> tuple[float, float, float]:
    """Return hits / n - other_hits / other_n with Newcombe's interval (1998, method 10).

    Missing (NaN) when either n is 0.

    Examples
    --------
    >>> [round(bound, 2) for bound in share_difference(56, 70, 48, 80)]
    [0.2, 0.08, 0.31]
    """
    if not n or not other_n:
        return float("nan"), float("nan"), float("nan")
    share, other = hits / n, other_hits / other_n
    (low, high), (other_low, other_high) = wilson(hits, n), wilson(other_hits, other_n)
    gap = share - other
    below = math.hypot(share - low, other_high - other)
    above = math.hypot(high - share, other - other_low)
    return gap, gap - below, gap + above


def median_interval(
    values: Sequence[float] | npt.NDArray[np.float64], confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Return the interval of the median between two of the values, whatever their distribution.

    The l-th smallest and l-th largest, l as large as P(l <= B(n, 1/2) <= n - l) >= confidence
    allows. Missing (NaN) when there are too few values: below five for 90 %.

    Examples
    --------
    >>> median_interval([1, 2, 3, 4, 100])
    (1.0, 100.0)
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    ordered = ordered[~np.isnan(ordered)]
    rank = _rank(len(ordered), (1 - confidence) / 2)
    if rank == 0:
        return float("nan"), float("nan")
    return float(ordered[rank - 1]), float(ordered[len(ordered) - rank])


def _rank(n: int, tail: float) -> int:
    """Return how many of the lowest values may lie below the median with chance <= `tail`."""
    # below this the binomial holds less than 1e-20
    start = max(0, n // 2 - 5 * math.isqrt(n) - 5)
    k = np.arange(start, n // 2 + 1)
    log_chance = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in k]
    chance = np.cumsum(np.exp(np.array(log_chance) - n * math.log(2)))
    below = int((chance <= tail).sum())
    return start + below if below else 0
