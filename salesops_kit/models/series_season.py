"""The part of a series that repeats every season."""

import numpy as np

from salesops_kit.models.series_panel import Array

_SMOOTH = 11  # seasons a place in the season is smoothed over, as in R's mstl


def seasonal_part(value: Array, season: int) -> Array:
    """Return the seasonal part by seasonal-trend decomposition (Cleveland et al. 1990).

    Zeros without a season, or in less than one and a step: nothing repeats there.
    """
    if season < 2 or len(value) <= season:
        return np.zeros(len(value))
    from statsmodels.tsa.seasonal import STL

    found = STL(value, period=season, seasonal=_SMOOTH, seasonal_deg=0).fit()
    return np.asarray(found.seasonal, dtype="float64")
