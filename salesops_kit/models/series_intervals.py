"""How far forecasts miss, learned from their own past, in one currency for all series.

Errors of rolling origins are divided by what exponential smoothing expects for that series and
step at that origin (its one-step error, growing with the smoothing weight); pooled over the panel
they give the profile by step and the shape of the distribution, and each series a factor of its
own, shrunk to the panel's. A series of two years alone could never say what 95 % is; the panel
can. Late origins weigh more than early ones, or an old step would widen the band for years; of
weeks they lie in all parts of a year. Libraries' own bands of the same models cover .64-.91 where
they say 95 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from salesops_kit.models.series_panel import Array
from salesops_kit.models.series_season import Season, season_of

LEVELS = (0.5, 0.8, 0.95)
CUTS = (1 / 3, 2 / 3, 1.0, 4 / 3)  # origins, in horizons before the end; the first see less ahead
RECENCY = (1.0, 0.75, 0.5, 0.25)  # weights of the origins, the latest first
_WEIGHTS = np.array([0.02, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0])
_SHRINK = 1.25  # full origins that the panel's mean is worth against a series' own errors
_CAP = 3.0  # of the usual error: larger ones count as this in a series' own factor
_PRIOR = 10  # error paths assumed before any was seen; of little weight in a panel of size
_TAIL = 1.25  # they are this much wider than normal ones


def cuts(horizon: int, year: int = 0) -> dict[int, float]:
    """Return how many steps before the end the rolling origins lie, and what each weighs.

    `year`: steps over which they are spread instead, all of one weight, where a horizon is less.
    """
    if year > CUTS[-1] * horizon:
        return {round(year * quarter / 4): 1.0 for quarter in range(1, 5)}
    places = sorted({max(1, round(horizon * share)) for share in CUTS})
    return dict(zip(places, RECENCY, strict=False))


def expected_errors(value: Array, season: int, horizon: int) -> Array:
    """Return how far exponential smoothing would miss a series 1, 2 … steps ahead.

    The standard deviation of its errors one step ahead, growing as sqrt(1 + (h - 1) weight^2).
    """
    errors, weight = smoothing_errors(value, season)
    # no error at all in the past is a matter of digits, not of certainty
    least = 1e-4 * float(np.abs(value).mean()) or 1e-9
    size = max(float(np.abs(errors).mean()) * np.sqrt(np.pi / 2), least)
    size *= seasons_cost(len(value), season, _season(value, season).trust)
    result: Array = size * np.sqrt(1 + np.arange(horizon) * weight**2)
    return result


def seasons_cost(count: int, season: int, trust: float) -> float:
    """Return by what estimating a season widens the error expected of a series.

    Seasons taken out of a short past take noise with them: the errors left have n - t (m - 1)
    degrees of freedom, and the estimated season misses by its own share t (m - 1) / n of the
    noise: sqrt((1 + t (m - 1) / n) n / (n - t (m - 1))), where t is by how much the season was
    trusted. With t = 1, 1.5 in two and a half years of months, 1.1 in ten.
    """
    taken = trust * (season - 1) if _has_seasons(count, season) else 0.0
    return float(np.sqrt((count + taken) / (count - taken))) if count else 1.0


def smoothing_errors(value: Array, season: int) -> tuple[Array, float]:
    """Return the errors of exponential smoothing one step ahead, and its weight.

    The weight is the one with the smallest mean error. Seasons are taken out first where there
    are two of them; the first steps, at most a season, only warm it up.
    """
    flat = value - _season(value, season).part
    level = np.full(len(_WEIGHTS), flat[: min(4, len(flat))].mean())
    errors = np.empty((len(flat), len(_WEIGHTS)))
    for step, now in enumerate(flat):
        errors[step] = now - level
        level = level + _WEIGHTS * errors[step]
    warm = max(2, min(len(flat) // 4, 12))
    errors = errors[min(warm, len(flat) - 1) :]
    best = int(np.abs(errors).mean(axis=0).argmin())
    return errors[:, best], float(_WEIGHTS[best])


def _season(value: Array, season: int) -> Season:
    """Return what repeats, where there are two seasons to tell it from."""
    return season_of(value, season if _has_seasons(len(value), season) else 1)


def _has_seasons(count: int, season: int) -> bool:
    return season > 1 and count > 2 * season


@dataclass(frozen=True)
class Calibration:
    """Error paths of all series and origins in units of what was expected.

    `paths`: paths x steps, missing beyond what the origin could see. `weights`: of each path.
    `profile`: mean size by step. `factor`: per series, its own size against the panel's.
    """

    paths: Array
    weights: Array
    profile: Array
    factor: Array
    seen: int

    def half_widths(self, expected: Array, levels: Sequence[float] = LEVELS) -> Array:
        """Return series x steps x levels: half the width of each band."""
        known = ~np.isnan(self.paths)
        pooled = np.abs(self.paths[known])
        weight = np.broadcast_to(self.weights[:, None], self.paths.shape)[known]
        order = np.argsort(pooled)
        passed = np.cumsum(weight[order]) - weight[order] / 2
        reach = np.interp(levels, passed / weight.sum(), pooled[order])
        sizes = expected * self.factor[:, None] * self.profile
        result: Array = sizes[:, :, None] * reach
        return result

    def draws(self, expected: Array, steps: int) -> Array:
        """Return error paths over the first `steps` in units of one series: draws x steps.

        `expected`: row of that series, already times its factor. Every path that was followed
        so far is a draw as often as it weighs, and its mirror image another: errors of
        neighbouring steps go together as they did, and the median stays the forecast.
        """
        whole = ~np.isnan(self.paths[:, :steps]).any(axis=1)
        often = np.maximum(np.round(self.weights[whole] / RECENCY[-1]), 1).astype("int64")
        scaled = self.paths[whole, :steps] * (expected * self.profile)[:steps]
        scaled = np.repeat(scaled, often, axis=0)
        return np.concatenate([scaled, -scaled])


def calibrated(errors: Array, weight: Array) -> Calibration:
    """Learn profile, factors and paths from standardised errors, series x origins x steps.

    `weight`: of each origin (`cuts`).
    """
    count, _, horizon = errors.shape
    sizes = np.abs(errors)
    profile = _profile(sizes.reshape(-1, horizon))
    relative = np.minimum(sizes / profile, _CAP)
    total = np.nansum(relative, axis=2) * weight
    known = (~np.isnan(relative)).sum(axis=2) * weight
    prior = _SHRINK * horizon
    all_total, all_known = total.sum(axis=1, keepdims=True), known.sum(axis=1, keepdims=True)
    factor = (prior + all_total) / (prior + all_known)
    # a path is judged by the factor that the other origins give, or it would flatter itself
    others = (prior + all_total - total) / (prior + all_known - known)
    paths = (errors / profile / others[:, :, None]).reshape(-1, horizon)
    seen = ~np.isnan(paths).all(axis=1)
    return Calibration(
        np.concatenate([paths[seen], _assumed(horizon)]),
        np.concatenate([np.tile(weight, count)[seen], np.ones(_PRIOR)]),
        profile, factor.reshape(count), int(seen.sum()),
    )  # fmt: skip


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
