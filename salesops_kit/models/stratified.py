"""Two groups compared within strata, so that what the strata differ in explains nothing.

Mantel & Haenszel's estimates stay right with many small strata. They adjust for what the strata
hold and for nothing else: a difference is an association, not an effect.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]
CONFIDENCE = 0.9
_COLUMNS = ("hits", "n", "other_hits", "other_n")


@dataclass(frozen=True)
class Compared:
    """One group against the other, over the strata that hold both.

    `difference`: of the shares (-1 to 1); `log_odds`: of the odds; both with bounds, missing where
    the strata cannot tell. `p`: two-sided (Cochran 1954, without continuity correction). `n`,
    `other_n`: cases in the strata that count.
    """

    difference: float
    lower: float
    upper: float
    log_odds: float
    log_odds_lower: float
    log_odds_upper: float
    p: float
    n: int
    other_n: int


def mantel_haenszel(strata: pd.DataFrame, *, confidence: float = CONFIDENCE) -> Compared:
    """Return how the share of hits differs between two groups within strata.

    difference = sum(w (hits/n - other_hits/other_n)) / sum(w), w = n other_n / (n + other_n), with
    Sato's variance; odds ratio = sum(hits other_misses / N) / sum(misses other_hits / N), with the
    variance of Robins, Breslow & Greenland (1986). Both hold for few large strata and for many
    small ones.

    Parameters
    ----------
    strata
        One row per stratum: `hits` of `n` in the group, `other_hits` of `other_n` elsewhere.
    confidence
        Of the intervals.

    Raises
    ------
    ParameterError
        When hits are negative or more than cases.

    Examples
    --------
    >>> strata = pd.DataFrame({"hits": [8, 2], "n": [10, 10],
    ...                        "other_hits": [6, 1], "other_n": [10, 10]})
    >>> round(mantel_haenszel(strata).difference, 3)
    0.15
    """
    a, n1, c, n0 = (strata[name].to_numpy("float64") for name in _COLUMNS)
    if ((a < 0) | (a > n1) | (c < 0) | (c > n0)).any():
        raise ParameterError("hits must lie between 0 and n in every stratum")
    both = (n1 > 0) & (n0 > 0)
    a, n1, c, n0 = a[both], n1[both], c[both], n0[both]
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    difference, error = _difference(a, n1, c, n0)
    odds, odds_error = _log_odds(a, n1, c, n0)
    return Compared(
        difference, difference - z * error, difference + z * error,
        odds, odds - z * odds_error, odds + z * odds_error,
        _p(a, n1, c, n0), int(n1.sum()), int(n0.sum()),
    )  # fmt: skip


def _difference(a: Array, n1: Array, c: Array, n0: Array) -> tuple[float, float]:
    total = n1 + n0
    weight = float((n1 * n0 / total).sum())
    if not weight:
        return float("nan"), float("nan")
    value = float(((a * n0 - c * n1) / total).sum()) / weight
    p = (n1**2 * c - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / total**2
    q = (a * (n0 - c) + c * (n1 - a)) / (2 * total)
    variance = (value * float(p.sum()) + float(q.sum())) / weight**2
    return value, float(np.sqrt(max(variance, 0.0))) if variance > 0 else float("nan")


def _log_odds(a: Array, n1: Array, c: Array, n0: Array) -> tuple[float, float]:
    total = n1 + n0
    b, d = n1 - a, n0 - c
    r, s = a * d / total, b * c / total
    if not r.sum() or not s.sum():
        return float("nan"), float("nan")
    p, q = (a + d) / total, (b + c) / total
    variance = (
        (p * r).sum() / (2 * r.sum() ** 2)
        + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
        + (q * s).sum() / (2 * s.sum() ** 2)
    )
    return float(np.log(r.sum() / s.sum())), float(np.sqrt(variance))


def _p(a: Array, n1: Array, c: Array, n0: Array) -> float:
    total, hits = n1 + n0, a + c
    wide = total > 1
    spread = np.divide(
        n1 * n0 * hits * (total - hits),
        total**2 * (total - 1),
        out=np.zeros_like(total),
        where=wide,
    )
    if not spread.sum():
        return float("nan")
    distance = abs(float((a - n1 * hits / total).sum())) / float(np.sqrt(spread.sum()))
    return 2 * (1 - NormalDist().cdf(distance))
