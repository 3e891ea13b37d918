"""Curves from counts by age: how long things last, and what share ends one way within h days.

Input is one row per age in whole days with the number that ended and the number still there at
that age when last seen. Those still there are censored: they count as at risk up to their age,
never as failures and never as missing. Independent censoring is assumed: if dead deals are left
open, the curves flatter.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]
CONFIDENCE = 0.9
AGE = "age_days"
_NOBODY = 1e-12  # share below which, but for rounding, nobody is left


class Interval(NamedTuple):
    """An estimate with its bounds; missing (NaN) where the data cannot tell."""

    value: float
    lower: float
    upper: float


MISSING = Interval(float("nan"), float("nan"), float("nan"))


class Curve(NamedTuple):
    """A curve as arrays by `ages`, ascending: for many curves at once, where frames cost more.

    `value` with its bounds is the share still there (`staying_curve`) or the share that ended by
    the event (`ending_curve`); `remaining`: share to which nothing has happened.
    """

    ages: npt.NDArray[np.int64]
    at_risk: Array
    ended: Array
    value: Array
    lower: Array
    upper: Array
    remaining: Array

    def at(self, age: float) -> Interval:
        """Read the curve at its last step up to an age, missing where there is none."""
        seen = int(np.searchsorted(self.ages, age, side="right"))
        if not seen:
            return MISSING
        return Interval(*(float(part[seen - 1]) for part in (self.value, self.lower, self.upper)))

    def within(self, days: int) -> Interval:
        """Read the share that ended within so many days: see `share_within`."""
        seen = int(np.searchsorted(self.ages, days, side="right"))
        if not seen:
            return Interval(0.0, float("nan"), float("nan")) if len(self.ages) else MISSING
        over = seen < len(self.ages) or self.ages[-1] == days or self.remaining[-1] < _NOBODY
        return self.at(days) if over else MISSING


def kaplan_meier(
    counts: pd.DataFrame, *, ended: str, waiting: str, confidence: float = CONFIDENCE
) -> pd.DataFrame:
    """Return the share still there by age (Kaplan & Meier 1958).

    staying(t) = product over ages a <= t of (1 - ended(a) / at_risk(a)).

    Parameters
    ----------
    counts
        Counts by `age_days`, in any order; several rows of one age are added up.
    ended
        Column with the number that ended at that age.
    waiting
        Column with the number last seen at that age, not ended.
    confidence
        Of the pointwise log-log Greenwood interval.

    Returns
    -------
    DataFrame
        One row per age: `age_days`, `at_risk`, `ended`, `staying` (0-1), `lower`, `upper`
        (missing where staying is 1 or 0). Empty for no counts.
    """
    ages, (d, w) = sums_by_age(counts, [ended, waiting])
    curve = staying_curve(ages, d, w, confidence)
    return pd.DataFrame(
        {AGE: ages, "at_risk": curve.at_risk.astype("int64"), "ended": d.astype("int64"),
         "staying": curve.value, "lower": curve.lower, "upper": curve.upper}
    )  # fmt: skip


def staying_curve(
    ages: npt.NDArray[np.int64], ended: Array, waiting: Array, confidence: float = CONFIDENCE
) -> Curve:
    """Return what `kaplan_meier` returns, from sums by age (`sums_by_age`)."""
    n = _at_risk(ended + waiting)
    staying = _falling(_over(ended, n))
    spread = np.cumsum(_over(ended, n * (n - ended)))
    lower, upper = _log_log(staying, np.sqrt(spread) * staying, confidence)
    return Curve(ages, n, ended, staying, lower, upper, staying)


def aalen_johansen(
    counts: pd.DataFrame,
    *,
    event: str,
    competing: Sequence[str] = (),
    waiting: str,
    confidence: float = CONFIDENCE,
) -> pd.DataFrame:
    """Return the share that ended by one event, by age, others competing (Aalen & Johansen 1978).

    share(t) = sum over ages a <= t of S(a-) * event(a) / at_risk(a), with S the share to which
    nothing has happened yet.

    Parameters
    ----------
    counts
        Counts by `age_days`, in any order; several rows of one age are added up.
    event
        Column with the number that ended this way at that age.
    competing
        Columns with the numbers that ended otherwise.
    waiting
        Column with the number last seen at that age, not ended.
    confidence
        Of the pointwise interval: delta method on the log-log scale (Collett, Modelling Survival
        Data in Medical Research, 3rd ed., ch. 12).

    Returns
    -------
    DataFrame
        One row per age: `age_days`, `at_risk`, `events`, `share` (0-1), `lower`, `upper` (missing
        where share is 0 or 1), `remaining` (share to which nothing has happened). Empty for no
        counts.

    Notes
    -----
    One minus a Kaplan-Meier curve that censors the competing ends would be too high.
    """
    ages, (d, w, *others) = sums_by_age(counts, [event, waiting, *competing])
    curve = ending_curve(ages, d, d + np.sum(others, axis=0) if others else d, w, confidence)
    return pd.DataFrame(
        {AGE: ages, "at_risk": curve.at_risk.astype("int64"), "events": d.astype("int64"),
         "share": curve.value, "lower": curve.lower, "upper": curve.upper,
         "remaining": curve.remaining}
    )  # fmt: skip


def ending_curve(
    ages: npt.NDArray[np.int64],
    event: Array,
    every: Array,
    waiting: Array,
    confidence: float = CONFIDENCE,
) -> Curve:
    """Return what `aalen_johansen` returns, from sums by age (`sums_by_age`).

    `every`: ends of all kinds, those by the event too.
    """
    n = _at_risk(every + waiting)
    remaining = _falling(_over(every, n))
    before = np.concatenate([[1.0], remaining])[:-1]
    share = np.cumsum(before * _over(event, n))
    a = _over(every, n * (n - every))
    b = before**2 * _over(event * (n - event), n**3)
    c = before * _over(event, n**2)
    variance = (
        share**2 * np.cumsum(a) - 2 * share * np.cumsum(a * share) + np.cumsum(a * share**2)
        + np.cumsum(b) - 2 * (share * np.cumsum(c) - np.cumsum(c * share))
    )  # fmt: skip
    lower, upper = _log_log(share, np.sqrt(np.clip(variance, 0, None)), confidence)
    return Curve(ages, n, event, share, lower, upper, remaining)


def share_within(curve: pd.DataFrame, days: int) -> Interval:
    """Read an Aalen-Johansen curve at an age.

    Missing when nobody was followed that long, unless everybody ended before.
    """
    parts = (curve[name].to_numpy("float64") for name in
             ("at_risk", "events", "share", "lower", "upper", "remaining"))  # fmt: skip
    return Curve(curve[AGE].to_numpy("int64"), *parts).within(days)


def staying_quantile(curve: pd.DataFrame, share: float) -> Interval:
    """Return the age by which `share` have ended, from a Kaplan-Meier curve; 0.5 is the median.

    The interval inverts the pointwise band (Brookmeyer & Crowley 1982). Missing where the curve,
    or its band, does not come down so far: too many are still there.

    Raises
    ------
    ParameterError
        When `share` does not lie between 0 and 1.
    """
    if not 0 < share < 1:
        raise ParameterError(f"share is {share!r}; it must lie between 0 and 1")

    def first(column: str) -> float:
        # rounding must not miss a curve that comes down to exactly this share
        down = curve.loc[curve[column] <= 1 - share + 1e-12, AGE]
        return float(down.iloc[0]) if len(down) else float("nan")

    return Interval(first("staying"), first("lower"), first("upper"))


def sums_by_age(
    counts: pd.DataFrame, columns: Sequence[str]
) -> tuple[npt.NDArray[np.int64], list[Array]]:
    """Return the ages that occur, ascending, and the sums of columns at each.

    Raises
    ------
    ParameterError
        When a column does not exist or an age is negative.
    """
    if absent := [name for name in (AGE, *columns) if name not in counts]:
        raise ParameterError(
            f"counts have no column {', '.join(map(repr, absent))}; "
            f"they have {', '.join(map(str, counts.columns))}"
        )
    if (counts[AGE] < 0).any():
        raise ParameterError(f"ages must not be negative; the least is {counts[AGE].min()}")
    # with arrays, since reports draw thousands of curves: pandas takes ten times as long
    ages, place = np.unique(counts[AGE].to_numpy("int64"), return_inverse=True)
    sums = [
        np.bincount(place, counts[c].to_numpy("float64"), len(ages)).astype("float64")
        for c in columns
    ]
    return ages, sums


def _at_risk(leaving: Array) -> Array:
    total: Array = np.cumsum(leaving[::-1])[::-1]
    return total


def _falling(hazard: Array) -> Array:
    return np.asarray(np.cumprod(1 - hazard), dtype=np.float64)


def _over(numerator: Array, denominator: Array) -> Array:
    """Divide; 0 by 0 and the end of a curve, where nobody is left, add nothing."""
    result: Array = np.divide(
        numerator, denominator, out=np.zeros_like(numerator), where=denominator > 0
    )
    return result


def _log_log(share: Array, error: Array, confidence: float) -> tuple[Array, Array]:
    inside = (share > 1e-15) & (share < 1 - 1e-15)
    safe = np.where(inside, share, 0.5)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    reach = z * error / (safe * np.abs(np.log(safe)))
    lower = np.exp(-np.exp(np.log(-np.log(safe)) + reach))
    upper = np.exp(-np.exp(np.log(-np.log(safe)) - reach))
    return np.where(inside, lower, np.nan), np.where(inside, upper, np.nan)
