"""How far forecasts miss, learned from their own past, in one currency for all series.

Errors of rolling origins are divided by what exponential smoothing expects for that series and
step at that origin (its one-step error, growing with the smoothing weight); pooled over the panel
they give the profile by step and the shape of the distribution, and each series a factor of its
own, shrunk to the panel's. A series of two years alone could never say what 95 % is; the panel
can. Libraries' own bands of the same models cover .64-.91 where they say 95 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from salesops_kit.models.series_panel import Array

LEVELS = (0.5, 0.8, 0.95)
CUTS = (1 / 3, 2 / 3, 1.0, 4 / 3)  # origins, in horizons before the end; the first see less ahead
_WEIGHTS = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0])
_SHRINK = 2.0  # full origins that the panel's mean is worth against a series' own errors
_CAP = 6.0  # of the usual error: larger ones count as this in a series' own factor
_PRIOR = 10  # error paths assumed before any was seen; of little weight in a panel of size
_TAIL = 1.25  # they are this much wider than normal ones


def cuts(horizon: int) -> tuple[int, ...]:
    """Return how many steps before the end the rolling origins lie."""
    return tuple(sorted({max(1, round(horizon * share)) for share in CUTS}))


def expected_errors(value: Array, season: int, horizon: int) -> Array:
    """Return how far exponential smoothing would miss a series 1, 2 … steps ahead.

    The standard deviation of its errors one step ahead, growing as sqrt(1 + (h - 1) weight^2).
    """
    errors, weight = smoothing_errors(value, season)
    # no error at all in the past is a matter of digits, not of certainty
    least = 1e-4 * float(np.abs(value).mean()) or 1e-9
    size = max(float(np.abs(errors).mean()) * np.sqrt(np.pi / 2), least)
    result: Array = size * np.sqrt(1 + np.arange(horizon) * weight**2)
    return result


def smoothing_errors(value: Array, season: int) -> tuple[Array, float]:
    """Return the errors of exponential smoothing one step ahead, and its weight.

    The weight is the one with the smallest mean error. Seasons are taken out first where there
    are two of them; the first steps, at most a season, only warm it up.
    """
    flat = _deseasoned(value, season)
    level = np.full(len(_WEIGHTS), flat[: min(4, len(flat))].mean())
    errors = np.empty((len(flat), len(_WEIGHTS)))
    for step, now in enumerate(flat):
        errors[step] = now - level
        level = level + _WEIGHTS * errors[step]
    warm = max(2, min(len(flat) // 4, 12))
    errors = errors[min(warm, len(flat) - 1) :]
    best = int(np.abs(errors).mean(axis=0).argmin())
    return errors[:, best], float(_WEIGHTS[best])


def _deseasoned(value: Array, season: int) -> Array:
    if season < 2 or len(value) <= 2 * season:
        return value
    from statsforecast.mstl import mstl

    result: Array = value - mstl(value, season)["seasonal"].to_numpy("float64")
    return result


@dataclass(frozen=True)
class Calibration:
    """Error paths of all series and origins in units of what was expected.

    `paths`: paths x steps, missing beyond what the origin could see. `profile`: mean size by
    step. `factor`: per series, its own size against the panel's.
    """

    paths: Array
    profile: Array
    factor: Array
    seen: int

    def half_widths(self, expected: Array, levels: Sequence[float] = LEVELS) -> Array:
        """Return series x steps x levels: half the width of each band."""
        pooled = np.abs(self.paths[~np.isnan(self.paths)])
        reach = np.quantile(pooled, levels)
        sizes = expected * self.factor[:, None] * self.profile
        result: Array = sizes[:, :, None] * reach
        return result

    def draws(self, expected: Array, steps: int) -> Array:
        """Return error paths over the first `steps` in units of one series: draws x steps.

        `expected`: row of that series, already times its factor. Every path that was followed
        so far is one draw, and its mirror image another: errors of neighbouring steps go
        together as they did, and the median stays the forecast.
        """
        whole = self.paths[~np.isnan(self.paths[:, :steps]).any(axis=1), :steps]
        scaled = whole * (expected * self.profile)[:steps]
        return np.concatenate([scaled, -scaled])


def calibrated(errors: Array) -> Calibration:
    """Learn profile, factors and paths from standardised errors, series x origins x steps."""
    count, _, horizon = errors.shape
    sizes = np.abs(errors)
    profile = _profile(sizes.reshape(-1, horizon))
    relative = np.minimum(sizes / profile, _CAP)
    total, known = np.nansum(relative, axis=2), (~np.isnan(relative)).sum(axis=2)
    prior = _SHRINK * horizon
    all_total, all_known = total.sum(axis=1, keepdims=True), known.sum(axis=1, keepdims=True)
    factor = (prior + all_total) / (prior + all_known)
    # a path is judged by the factor that the other origins give, or it would flatter itself
    others = (prior + all_total - total) / (prior + all_known - known)
    paths = (errors / profile / others[:, :, None]).reshape(-1, horizon)
    paths = paths[~np.isnan(paths).all(axis=1)]
    return Calibration(
        np.concatenate([paths, _assumed(horizon)]), profile, factor.reshape(count), len(paths)
    )


def _profile(sizes: Array) -> Array:
    """Return the mean size by step as a power of the step; 1 where nothing was seen."""
    known = (~np.isnan(sizes)).sum(axis=0)
    if sizes.shape[0] == 0 or not known.any():
        return np.ones(sizes.shape[1])
    seen = np.flatnonzero(known)
    bound = np.nanquantile(sizes[:, seen], 0.99, axis=0)
    means = np.nanmean(np.minimum(sizes[:, seen], bound), axis=0)
    slope, start = 0.0, float(np.log(means[0]))
    if len(seen) > 1:
        slope, start = np.polyfit(np.log(seen + 1.0), np.log(means), 1, w=np.sqrt(known[seen]))
    result: Array = np.exp(start + slope * np.log(np.arange(1, sizes.shape[1] + 1)))
    return result


def _assumed(horizon: int) -> Array:
    """Return error paths assumed before any was seen: normal, one size over all steps."""
    normal = NormalDist()
    ranks = (np.arange(_PRIOR) + 0.5) / _PRIOR
    values = [_TAIL * normal.inv_cdf(rank) for rank in ranks]
    return np.repeat(np.array(values)[:, None], horizon, axis=1)
