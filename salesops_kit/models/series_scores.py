"""How good forecasts were: the measures of the literature, each in one line of arithmetic.

All take tables of series x steps (actual, forecast) and return one number per series; missing
pairs are left out. Sources: Hyndman & Koehler 2006 (MASE); Makridakis et al. 2020 (sMAPE, OWA,
MSIS in the M4 competition).
"""

from collections.abc import Sequence

import numpy as np

from salesops_kit.models.series_panel import Array, Panel

_SEASONAL = 1.645  # of the autocorrelation's standard error: above it a series is seasonal


def smape(actual: Array, forecast: Array) -> Array:
    """Return the symmetric mean absolute percentage error, 0-200; 0 where both are 0."""
    size = np.abs(actual) + np.abs(forecast)
    miss = 200 * np.abs(actual - forecast) / np.where(size == 0, 1.0, size)
    result: Array = np.nanmean(miss, axis=1)
    return result


def scales(panel: Panel) -> Array:
    """Return what MASE divides by: the mean change from the season before, per series.

    With less than a season and one step, the mean change from step to step; missing where
    nothing ever changed.
    """
    found = []
    for value in panel.known:
        lag = panel.season if len(value) > panel.season else 1
        change = np.abs(value[lag:] - value[:-lag])
        found.append(change.mean() if len(change) and change.any() else np.nan)
    return np.array(found)


def mase(actual: Array, forecast: Array, scale: Array) -> Array:
    """Return the mean absolute error against the seasonal naive method's in the past."""
    result: Array = np.nanmean(np.abs(actual - forecast), axis=1) / scale
    return result


def wape(actual: Array, forecast: Array) -> float:
    """Return the sum of absolute errors over the sum of absolute values, of all series."""
    known = ~np.isnan(actual - forecast)
    total = np.abs(actual[known]).sum()
    return float(np.abs(actual - forecast)[known].sum() / total) if total else float("nan")


def bias(actual: Array, forecast: Array) -> float:
    """Return the sum of (forecast - actual) over the sum of actual values: + is too high."""
    known = ~np.isnan(actual - forecast)
    total = actual[known].sum()
    return float((forecast - actual)[known].sum() / total) if total else float("nan")


def pinball(actual: Array, quantiles: Array, shares: Sequence[float], scale: Array) -> Array:
    """Return twice the mean pinball loss over the quantiles (series x steps x shares), scaled."""
    miss = actual[:, :, None] - quantiles
    loss = np.maximum(np.array(shares) * miss, (np.array(shares) - 1) * miss)
    result: Array = 2 * np.nanmean(loss, axis=(1, 2)) / scale
    return result


def coverage(actual: Array, lower: Array, upper: Array) -> float:
    """Return the share of values inside their band."""
    known = ~np.isnan(actual + lower + upper)
    inside = (actual >= lower) & (actual <= upper)
    return float(inside[known].mean()) if known.any() else float("nan")


def msis(actual: Array, lower: Array, upper: Array, scale: Array, level: float = 0.95) -> Array:
    """Return the mean scaled interval score: width, and a fine for every value outside."""
    fine = 2 / (1 - level)
    score = (upper - lower) + fine * np.maximum(lower - actual, 0)
    score = score + fine * np.maximum(actual - upper, 0)
    result: Array = np.nanmean(score, axis=1) / scale
    return result


def owa(actual: Array, forecast: Array, panel: Panel) -> float:
    """Return the mean of sMAPE and MASE, each against the method Naive 2, over all series.

    `panel`: what was known when the forecasts were made.
    """
    scale, naive = scales(panel), naive2(panel, actual.shape[1])
    ratios = [
        np.nanmean(smape(actual, forecast)) / np.nanmean(smape(actual, naive)),
        np.nanmean(mase(actual, forecast, scale)) / np.nanmean(mase(actual, naive, scale)),
    ]
    return float(np.mean(ratios))


def naive2(panel: Panel, horizon: int) -> Array:
    """Return the last value, seasonally adjusted where the series is seasonal (M competitions)."""
    rows = []
    for value in panel.known:
        index = _seasonal_index(value, panel.season)
        last = len(value) - 1
        ahead = index[(last + 1 + np.arange(horizon)) % panel.season]
        rows.append(value[-1] / index[last % panel.season] * ahead)
    return np.array(rows)


def _seasonal_index(value: Array, season: int) -> Array:
    """Return the multiplicative index by place in the season; ones where it is not seasonal."""
    flat = np.ones(season)
    if season < 2 or len(value) < 3 * season or not _is_seasonal(value, season):
        return flat
    weight = np.ones(season) / season
    if season % 2 == 0:
        weight = np.concatenate([[0.5], np.ones(season - 1), [0.5]]) / season
    trend = np.convolve(value, weight, "valid")
    skipped = (len(value) - len(trend)) // 2
    ratio = value[skipped : skipped + len(trend)] / trend
    place = (np.arange(len(trend)) + skipped) % season
    index = np.array([ratio[place == p].mean() for p in range(season)])
    return index / index.mean() if np.isfinite(index).all() and (index > 0).all() else flat


def _is_seasonal(value: Array, season: int) -> bool:
    centred = value - value.mean()
    power = float(centred @ centred)
    if power == 0:
        return False
    lags = [float(centred[lag:] @ centred[: len(value) - lag]) / power for lag in range(season + 1)]
    error = np.sqrt((1 + 2 * sum(r**2 for r in lags[1:season])) / len(value))
    return bool(abs(lags[season]) > _SEASONAL * error)
