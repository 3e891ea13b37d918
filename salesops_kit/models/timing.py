"""Whether deals move across the end of a pay period, and attainments gather where pay jumps.

Two questions, asked so that a rush at month's end or a good rep alone cannot answer them:

1. Of the wins just before and just after a period's end, is the share before it higher for reps
   who had a step of their plan in reach, or lower for reps to whom more pays nothing, than for
   the others at the same end? Rates of reps and the calendar act on both sides alike and cancel.
2. Are there more attainments just above a cliff than just below, beyond what the slope of their
   distribution there explains?

All tests together keep the level (Holm).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import norm, t

Array = npt.NDArray[np.float64]

FEWEST_WINS, FEWEST_CLUSTERS, FEWEST_NEAR = 10, 8, 25


@dataclass(frozen=True)
class Shift:
    """A test of one kind: what was seen, expected, how unlikely; `p` missing: too few to tell.

    `kind`: pull_forward, held_back or bunching; `at`: attainment of the cliff, for bunching; `n`:
    wins of the reps concerned (or attainments near); `seen`, `expected`: of these before the end
    (or just above); `excess` = seen - expected, with 90 % bounds.
    """

    kind: str
    n: int
    seen: float = float("nan")
    expected: float = float("nan")
    lower: float = float("nan")
    upper: float = float("nan")
    p: float = float("nan")
    at: float = float("nan")

    @property
    def excess(self) -> float:
        """Wins (or attainments) more than without a shift."""
        return self.seen - self.expected


def moved(rows: pd.DataFrame, concerned: str, kind: str, *, more_before: bool) -> Shift:
    """Test whether the wins of the reps concerned lie more (or less) before a period's end.

    score = sum over the reps concerned of before - (before + after) * the others' share at that end

    Parameters
    ----------
    rows
        One row per rep and end of a period: `rep`, `end`, `before`, `after` (wins within the same
        number of days), and a boolean column `concerned`.
    concerned
        Name of that column.
    kind
        Of the result.
    more_before
        The direction asked for.

    Notes
    -----
    The variance is taken from the score's own scatter between reps, so that deals that come in
    bunches do not pass for shifts; few reps make the reference a t distribution.
    """
    known = rows[rows["before"] + rows["after"] > 0]
    n = known["before"] + known["after"]
    inside = known[concerned].astype(bool)
    others = known[~inside].groupby("end")[["before", "after"]].sum()
    share = others["before"] / (others["before"] + others["after"])
    use = known["end"].isin(share.index) & known["end"].isin(known.loc[inside, "end"])
    known, n, inside = known[use], n[use], inside[use]
    wins = int(n[inside].sum())
    clusters = known["rep"].nunique()
    if wins < FEWEST_WINS or clusters < FEWEST_CLUSTERS or known.loc[inside, "rep"].nunique() < 3:
        return Shift(kind, wins)
    expected = n * known["end"].map(share)
    # what the others' share is uncertain by belongs to the score: they enter with their weight
    weight = _weight(known, n, inside)
    score = ((known["before"] - expected) * weight).groupby(known["rep"]).sum()
    total = float(score.sum())
    spread = float(np.sqrt((score**2).sum() * clusters / (clusters - 1)))
    seen, middle = float(known.loc[inside, "before"].sum()), float(expected[inside].sum())
    if not spread > 0:  # every rep times exactly as the others do
        return Shift(kind, wins, seen, middle, total, total, 1.0)
    signed = total if more_before else -total
    reach = float(t.ppf(0.95, clusters - 1)) * spread
    return Shift(kind, wins, seen, middle, total - reach, total + reach,
                 float(t.sf(signed / spread, clusters - 1)))  # fmt: skip


def _weight(known: pd.DataFrame, n: pd.Series, inside: pd.Series) -> pd.Series:
    """1 for the reps concerned; for the others what they stand for in the comparison, negative."""
    asked = n.where(inside, 0).groupby(known["end"]).transform("sum")
    rest = n.where(~inside, 0).groupby(known["end"]).transform("sum")
    return pd.Series(np.where(inside, 1.0, -asked / rest), index=known.index)


def bunched(attainment: Array, at: float, width: float) -> Shift:
    """Test whether more attainments lie just above a point than just below.

    excess = just above - just below - (further above - further below) / 3, in four bins of equal
    width around the point: 0 on average wherever the distribution is a straight line there.
    """
    edges = at + width * np.arange(-2, 3)
    far_below, below, above, far_above = (
        float(((attainment >= low) & (attainment < high)).sum()) for low, high in pairwise(edges)
    )
    near = int(below + above)
    spread = np.sqrt(below + above + (far_below + far_above) / 9)
    if near < FEWEST_NEAR or not spread > 0:
        return Shift("bunching", near, at=at)
    excess = above - below - (far_above - far_below) / 3
    reach = float(norm.ppf(0.95)) * spread
    return Shift("bunching", near, above, above - excess, excess - reach, excess + reach,
                 float(norm.sf((excess - 0.5) / spread)), at)  # fmt: skip


def alarms(shifts: Sequence[Shift], level: float = 0.05) -> list[bool]:
    """Say which tests speak, all together at the level (Holm's step-down)."""
    p = np.array([shift.p for shift in shifts], dtype=np.float64)
    known = np.flatnonzero(~np.isnan(p))
    speaks = np.zeros(len(p), dtype=bool)
    for place, index in enumerate(known[np.argsort(p[known], kind="stable")]):
        if p[index] > level / (len(known) - place):
            break
        speaks[index] = True
    return [bool(one) for one in speaks]
