"""Single values far from all others: a deal of a lifetime, a month of a closed office.

One such value would pull every method, and a holiday that happens to stand beside it would be
taken for its cause. It is drawn to the edge of what the series usually does, and said.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]

_FEWEST = 12  # values from which on a spike is told
_AROUND = 7  # steps whose median is what a value is held against
_FAR, _EDGE = 10.0, 3.0  # robust standard deviations: a spike, and where it is drawn to
_LEAST = np.log(3)  # on the logarithmic scale: less than threefold is no spike
_RARE = 0.05  # of the steps; what happens more often is no exception


def despiked(value: Array, season: int) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Return the series with its spikes drawn in, and where they stand.

    A value is a spike when it lies more than ten robust standard deviations, and threefold, from
    the median of the steps around it (each less what is usual for its part of the year, where
    three years tell), when the steps beside it do not, nor the same step a year before or after,
    and when there are few of them. So a season, a lasting step and a series with many empty
    steps stay as they are.
    """
    none = np.zeros(len(value), dtype=bool)
    size = float(np.median(np.abs(value))) if len(value) >= _FEWEST else 0.0
    if not size:
        return value, none
    bend = 0.2 * size
    there = np.arcsinh(value / bend)
    usual = _usual(there, season)  # first, or where the window ends amid a season it would mislead
    usual = usual + _running_median(there - usual)
    away = np.abs(there - usual)
    # small counts are mostly alike, so that half of them are no distance away
    spread = 1.4826 * float(np.median(away)) or 1.2533 * float(away.mean())
    far = away > max(_FAR * spread, _LEAST)
    beside = np.maximum(_shifted(away, 1), _shifted(away, -1))
    far &= beside < away / 2
    if season > 1:
        yearly = _shifted(far.astype("float64"), season) + _shifted(far.astype("float64"), -season)
        far &= yearly == 0
    if not far.any() or far.sum() > np.ceil(_RARE * len(value)):
        return value, none
    edge = usual + np.sign(there - usual) * _EDGE * spread
    inside = np.clip(bend * np.sinh(edge), value.min(), value.max())  # never across zero
    drawn: Array = np.where(far, inside, value)
    return drawn, far


def _running_median(value: Array) -> Array:
    rolling = pd.Series(value).rolling(_AROUND, center=True, min_periods=1)
    return rolling.median().to_numpy("float64")


def _usual(value: Array, season: int) -> Array:
    """Return what is usual for each part of the year; nothing where three years cannot tell."""
    if season < 2 or len(value) < 3 * season:
        return np.zeros(len(value))
    place = np.arange(len(value)) % season
    found: Array = np.array([np.median(value[place == p]) for p in range(season)])[place]
    return found


def _shifted(value: Array, steps: int) -> Array:
    """Return the values so many steps later or, below 0, earlier; 0 beyond the ends."""
    result = np.zeros(len(value))
    if steps > 0:
        result[steps:] = value[:-steps]
    else:
        result[:steps] = value[-steps:]
    return result
