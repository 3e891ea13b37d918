"""The part of a series that repeats every season, as far as it can be told from noise."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from salesops_kit.models.series_panel import Array

_SMOOTH = 11  # seasons a place in the season is smoothed over, as in R's mstl
_COUNTED = 7  # seasons the last one then rests on: (sum of weights)^2 / sum of their squares
_KEPT = 4096  # series whose part is remembered: methods, bands and origins ask for the same


@dataclass(frozen=True)
class Season:
    """`part`: what repeats, per step. `trust`: by what it was drawn towards nothing, 0-1."""

    part: Array
    trust: float


def season_of(value: Array, season: int) -> Season:
    """Return the seasonal part by seasonal-trend decomposition (Cleveland et al. 1990), shrunk.

    A season estimated from k years carries the noise of k values: what is left over has the
    variance s^2 (k - 1) / k, so the part holds s^2 / k = left / (k - 1) of noise, and its share
    of the part's variance is taken off (James and Stein). Little of a clear season, nearly all
    of a season that 52 weeks of a random walk seem to have. Nothing without a season, or in less
    than one and a step: nothing repeats there.
    """
    if season < 2 or len(value) <= season:
        return Season(np.zeros(len(value)), 0.0)
    return _decomposed(np.asarray(value, dtype="float64").tobytes(), season)


@lru_cache(maxsize=_KEPT)
def _decomposed(value: bytes, season: int) -> Season:
    from statsmodels.tsa.seasonal import STL

    series = np.frombuffer(value)
    found = STL(series, period=season, seasonal=_SMOOTH, seasonal_deg=0).fit()
    part = np.asarray(found.seasonal, dtype="float64")
    years = min(len(series) / season, _COUNTED)
    noise, size = float(np.var(found.resid)) / (years - 1), float(part.var())
    trust = max(0.0, 1 - noise / size) if size > 0 else 0.0
    part = trust * part
    part.flags.writeable = False
    return Season(part, trust)
