"""The part of a series that repeats every season."""

from functools import lru_cache

import numpy as np

from salesops_kit.models.series_panel import Array

_SMOOTH = 11  # seasons a place in the season is smoothed over, as in R's mstl
_KEPT = 4096  # series whose part is remembered: methods, bands and origins ask for the same


def seasonal_part(value: Array, season: int) -> Array:
    """Return the seasonal part by seasonal-trend decomposition (Cleveland et al. 1990).

    Zeros without a season, or in less than one and a step: nothing repeats there.
    """
    if season < 2 or len(value) <= season:
        return np.zeros(len(value))
    return _decomposed(np.asarray(value, dtype="float64").tobytes(), season)


@lru_cache(maxsize=_KEPT)
def _decomposed(value: bytes, season: int) -> Array:
    from statsmodels.tsa.seasonal import STL

    found = STL(np.frombuffer(value), period=season, seasonal=_SMOOTH, seasonal_deg=0).fit()
    part = np.asarray(found.seasonal, dtype="float64")
    part.flags.writeable = False
    return part
