"""How likely a measured series lies beyond a threshold at its next step, and what it will be.

A local level: the next value is the smoothed last one, off by as much as such forecasts were off
before. Nothing is assumed of trend or season; a short or unsteady series gives a wide answer.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

Array = npt.NDArray[np.float64]

FEWEST = 6  # former values, below which nothing is foreseen
_SMOOTHING = np.linspace(0.1, 1.0, 10)  # weights of the newest value that are tried
_FIRST = 2  # values that only begin the level


@dataclass(frozen=True)
class Foreseen:
    """The next value's median and likely range, and the chance that it lies beyond."""

    value: float
    low: float
    high: float
    chance: float


def foreseen(values: Array, *, threshold: float, worse: int = 1) -> Foreseen | None:
    """Foresee the next value of a series, and the chance that it lies beyond a threshold.

    Parameters
    ----------
    values
        Former values, oldest first, evenly spaced; missing ones are passed over.
    threshold
        Value from which on it is said to be beyond.
    worse
        1 when above the threshold is beyond, -1 when below.

    Returns
    -------
    Foreseen
        None below six known values. The range holds 80 % if errors stay as they were (Student's
        t); a series that never moved stays where it is.
    """
    known = values[~np.isnan(values)]
    if len(known) < FEWEST:
        return None
    weight = min(_SMOOTHING, key=lambda one: float((_errors(known, one)[0] ** 2).sum()))
    errors, level = _errors(known, float(weight))
    freedom = len(errors) - 1
    spread = float(np.sqrt((errors**2).sum() / freedom))
    if spread == 0:
        return Foreseen(level, level, level, float((threshold - level) * worse <= 0))
    far = float(student.cdf((level - threshold) * worse / spread, freedom))
    reach = float(student.ppf(0.9, freedom)) * spread
    return Foreseen(level, level - reach, level + reach, far)


def brier(stated: Array, came: Array) -> tuple[float, float]:
    """Return the mean squared distance of stated chances from what came, and the same of the mean.

    The second figure is what one gets by always stating the share that came: the yardstick.
    """
    if not len(stated):
        return float("nan"), float("nan")
    usual = float(came.mean())
    return float(((stated - came) ** 2).mean()), usual * (1 - usual)


def _errors(values: Array, weight: float) -> tuple[Array, float]:
    """Return the one-step errors of exponential smoothing, and the last level."""
    level = float(values[:_FIRST].mean())
    errors = []
    for value in values[_FIRST:]:
        errors.append(value - level)
        level += weight * (value - level)
    return np.array(errors), level
