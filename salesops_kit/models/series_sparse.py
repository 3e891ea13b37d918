"""Series in which most periods are empty: what may come, from what came.

A forecast of such a series is a mean rate; single periods are nothing or something. Bands are
therefore quantiles of the periods seen, scaled to the rate forecast, not a band around it.
"""

from collections.abc import Sequence

import numpy as np

from salesops_kit.models.series_panel import Array

_LATEST = 36  # periods looked back on at most


def sparse_bands(value: Array, ahead: Array, levels: Sequence[float]) -> tuple[Array, Array]:
    """Return lower and upper bounds of single periods, steps x levels.

    `value`: the series. `ahead`: its forecast rate. A constant series has bands of no width: its
    past says nothing about when it will change.
    """
    recent = _scaled(value, ahead)
    sides = [((1 - level) / 2, (1 + level) / 2) for level in levels]
    lower = np.quantile(recent, [low for low, _ in sides], axis=1).T
    upper = np.quantile(recent, [high for _, high in sides], axis=1).T
    return lower, upper


def sparse_totals(value: Array, horizon: int) -> Array:
    """Return deviations from the mean over stretches of the past: draws x steps."""
    recent = value[-max(_LATEST, horizon) :]
    if len(recent) < horizon:
        recent = np.resize(recent, horizon)
    stretches = np.lib.stride_tricks.sliding_window_view(recent, horizon)
    result: Array = stretches - recent.mean()
    return result


def _scaled(value: Array, ahead: Array) -> Array:
    """Return steps x periods: the recent periods, scaled to each step's rate."""
    recent = value[-_LATEST:]
    mean = float(recent.mean())
    rate = ahead / mean if mean > 0 else np.ones_like(ahead)
    result: Array = np.outer(np.where(np.isfinite(rate), rate, 1.0), recent)
    return result
