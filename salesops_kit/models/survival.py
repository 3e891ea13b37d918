"""Curves from counts by age: how long things last, and what share ends one way within h days.

Input is one row per age in whole days with the number that ended and the number still there at
that age when last seen. Those still there are censored: they count as at risk up to their age,
never as failures and never as missing. Independent censoring is assumed: if dead deals are left
open, the curves flatter.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]
CONFIDENCE = 0.9
AGE = "age_days"


class Interval(NamedTuple):
    """An estimate with its bounds; missing (NaN) where the data cannot tell."""

    value: float
    lower: float
    upper: float


MISSING = Interval(float("nan"), float("nan"), float("nan"))


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
    ages, (d, w) = _by_age(counts, [ended, waiting])
    n = _at_risk(d + w)
    staying = _falling(_over(d, n))
    spread = np.cumsum(_over(d, n * (n - d)))
    lower, upper = _log_log(staying, np.sqrt(spread) * staying, confidence)
    return pd.DataFrame(
        {AGE: ages, "at_risk": n.astype("int64"), "ended": d.astype("int64"),
         "staying": staying, "lower": lower, "upper": upper}
    )  # fmt: skip


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
    ages, (d, w, *others) = _by_age(counts, [event, waiting, *competing])
    every = d + np.sum(others, axis=0) if others else d
    n = _at_risk(every + w)
    remaining = _falling(_over(every, n))
    before = np.concatenate([[1.0], remaining])[:-1]
    share = np.cumsum(before * _over(d, n))
    a = _over(every, n * (n - every))
    b = before**2 * _over(d * (n - d), n**3)
    c = before * _over(d, n**2)
    variance = (
        share**2 * np.cumsum(a) - 2 * share * np.cumsum(a * share) + np.cumsum(a * share**2)
        + np.cumsum(b) - 2 * (share * np.cumsum(c) - np.cumsum(c * share))
    )  # fmt: skip
    lower, upper = _log_log(share, np.sqrt(np.clip(variance, 0, None)), confidence)
    return pd.DataFrame(
        {AGE: ages, "at_risk": n.astype("int64"), "events": d.astype("int64"), "share": share,
         "lower": lower, "upper": upper, "remaining": remaining}
    )  # fmt: skip


def share_within(curve: pd.DataFrame, days: int) -> Interval:
    """Read an Aalen-Johansen curve at an age.

    Missing when nobody was followed that long, unless everybody ended before.
    """
    seen = curve[curve[AGE] <= days]
    if seen.empty:
        return Interval(0.0, float("nan"), float("nan")) if len(curve) else MISSING
    last = seen.iloc[-1]
    followed = len(seen) < len(curve) or last[AGE] == days or last["remaining"] < 1e-12
    return Interval(last["share"], last["lower"], last["upper"]) if followed else MISSING


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


def _by_age(counts: pd.DataFrame, columns: list[str]) -> tuple[npt.NDArray[Any], list[Array]]:
    if absent := [name for name in (AGE, *columns) if name not in counts]:
        raise ParameterError(
            f"counts have no column {', '.join(map(repr, absent))}; "
            f"they have {', '.join(map(str, counts.columns))}"
        )
    if (counts[AGE] < 0).any():
        raise ParameterError(f"ages must not be negative; the least is {counts[AGE].min()}")
    summed = counts.groupby(AGE)[columns].sum()
    return summed.index.to_numpy("int64"), [summed[c].to_numpy("float64") for c in columns]


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
