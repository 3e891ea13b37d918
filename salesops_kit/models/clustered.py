"""Cases of the same customer compared within strata, and shares drawn towards the usual one.

Several cases of one customer are not so many independent ones: what they say is added up per
customer, and the spread of these sums is the error (a cluster-robust Cochran–Mantel–Haenszel test,
never surer than if every case stood alone). A difference is an association, not an effect.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, t

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

CONFIDENCE = 0.9
STRENGTH = 10.0  # cases that pull a share towards the usual one


@dataclass(frozen=True)
class Beside:
    """Marked cases against the others of their strata; strata that hold only one kind do not count.

    `n`, `customers`: marked cases and whose they are; `hits` of them; `other_n`,
    `other_customers`. `usual`: the share of hits among the others, strata weighted as the marked
    cases are. `share` with bounds: that of the marked, drawn towards the usual one by ten cases
    (beta). `difference` of the shares within strata (Mantel–Haenszel) with bounds; `p` two-sided.
    """

    n: int
    customers: int
    hits: int
    other_n: int
    other_customers: int
    usual: float
    share: float
    lower: float
    upper: float
    difference: float
    difference_lower: float
    difference_upper: float
    p: float


def beside(marked: Mask, hit: Mask, stratum: Codes, customer: Codes) -> Beside | None:
    """Compare the share of hits of marked cases with that of the others in their strata.

    Parameters
    ----------
    marked, hit
        One entry per case.
    stratum, customer
        Codes from 0 on; a customer may have cases in several strata, marked and not.

    Returns
    -------
    Beside
        None when no stratum holds both kinds of cases, or both hits and misses in one that does.

    Raises
    ------
    ParameterError
        When the columns are not of one length.

    Examples
    --------
    >>> marked = np.array([True] * 4 + [False] * 6)
    >>> hit = np.array([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], dtype=bool)
    >>> found = beside(marked, hit, np.zeros(10, dtype=int), np.arange(10))
    >>> round(found.difference, 3), round(found.usual, 3), round(found.share, 3)
    (0.417, 0.333, 0.452)
    """
    if not len(marked) == len(hit) == len(stratum) == len(customer):
        raise ParameterError("marked, hit, stratum and customer need one entry per case each")
    strata = int(stratum.max(initial=-1)) + 1
    n1, n = np.bincount(stratum[marked], minlength=strata), np.bincount(stratum, minlength=strata)
    kept = ((n1 > 0) & (n1 < n))[stratum]
    marked, hit, stratum, customer = marked[kept], hit[kept], stratum[kept], customer[kept]
    x, y = marked.astype("float64"), hit.astype("float64")
    n1, n = n1.astype("float64"), n.astype("float64")
    n0 = n - n1
    hits = np.bincount(stratum, y, strata)
    usual_hits = hits - np.bincount(stratum, x * y, strata)
    both = (n1 > 0) & (n0 > 0)
    weight = float((n1[both] * n0[both] / n[both]).sum())
    spread = n1 * n0 * hits * (n - hits) / np.maximum(n**2 * (n - 1), 1.0)
    alone = float(spread[both].sum())
    if not weight or not alone:
        return None
    centred = (x - n1[stratum] / n[stratum]) * (y - hits[stratum] / n[stratum])
    wide = np.sqrt(n / np.maximum(n - 1, 1.0))
    sums = np.bincount(customer, centred * wide[stratum])
    together = max(float((sums**2).sum()), alone)
    score, error = float(centred.sum()), float(np.sqrt(together))
    customers = len(np.unique(customer[marked]))
    others = len(np.unique(customer[~marked]))
    freedom = max(min(customers, others) - 1, 1)
    reach = float(t.ppf((1 + CONFIDENCE) / 2, freedom)) * error / weight
    usual = float((n1[both] * usual_hits[both] / n0[both]).sum() / n1[both].sum())
    cases, found = int(marked.sum()), int((marked & hit).sum())
    share = shrunk_share(found, cases, usual, design=together / alone)
    gap = score / weight
    return Beside(
        cases, customers, found, int((~marked).sum()), others, usual, *share,
        gap, max(gap - reach, -1.0), min(gap + reach, 1.0),
        float(2 * t.sf(abs(score) / error, freedom)),
    )  # fmt: skip


def shrunk_share(
    hits: float, n: float, usual: float, *, strength: float = STRENGTH, design: float = 1.0
) -> tuple[float, float, float]:
    """Return a share drawn towards the usual one by `strength` cases, with its 90 % interval.

    `design`: how many cases say as much as one that stands alone; cases are divided by it.

    Examples
    --------
    >>> [round(value, 2) for value in shrunk_share(9, 10, 0.5)]
    [0.7, 0.52, 0.85]
    """
    a = hits / design + strength * usual
    b = (n - hits) / design + strength * (1 - usual)
    tail = (1 - CONFIDENCE) / 2
    low, high = beta.ppf([tail, 1 - tail], a, b) if min(a, b) > 0 else (0.0, 1.0)
    return float(a / (a + b)), float(low), float(high)
