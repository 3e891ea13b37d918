"""The month-to-month noise of a business: how large it is, whom it is passed on to, taking it out.

Method of moments on first differences; formulas and measured figures: docs/accuracy.md.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from salesops_kit.models.slices import Lattice

Array = npt.NDArray[np.float64]

_TRIMMED = 0.02
_LEAST_SPREAD = 0.05  # a slice that is nearly the whole says nothing about its own noise
_LEAST_DIFFERENCES = 3
_NOTHING = 1e-9


def month_noise(residuals: Sequence[Array], variances: Sequence[Array], lattice: Lattice) -> Array:
    """Variance of the month-to-month noise, per slice and world, on the link scale.

    By the method of moments on first differences of residual / variance within each group of
    slices, the common month removed; the largest squares are trimmed, so that one step does not
    pass for noise, and both steps are corrected for what they take away. All stages together: a
    single stage holds too few months to tell noise from chance.
    `residuals`: per stage, slices × months × worlds.
    """
    worlds = residuals[0].shape[2]
    noise = np.zeros((len(lattice.slices), worlds))
    for number, dims in enumerate(lattice.groups):
        rows = np.flatnonzero(lattice.group == number)
        above, below = np.zeros(worlds), 0.0
        for residual, variance in zip(residuals, variances, strict=True):
            moment, weight = _group_moment(residual[rows], variance[rows], common=bool(dims))
            above, below = above + moment * weight, below + weight
        noise[rows] = np.maximum(above / below, 0.0) if below else 0.0
    return noise


def passed_on(noise: Array, shares: Array, lattice: Lattice) -> Array:
    """Raise the noise of slices to what dimensions pass on to them.

    A bad month of a region is a bad month of its reps: what was found among reps must not be
    less, or a region's cause would be told as several of its reps.
    """
    raised = noise.copy()
    for number, name in enumerate(lattice.dimensions):
        group = lattice.groups.index((name,))
        own = noise[np.flatnonzero(lattice.group == group)[0]]
        raised[1:] = np.maximum(raised[1:], shares[1:, [number]] * own)
    return np.asarray(raised)


def without_common(residual: Array, variance: Array, noise: Array) -> Array:
    """Take out of every slice what the whole business did in the month, as far as it is noise.

    The common month effect is estimated by its best linear predictor: nothing is taken out where
    the whole has no month noise, nearly all where it has much (holidays, quarter ends). The whole
    itself, the first slice, stays as it is.
    """
    whole = np.maximum(variance[0], 1e-12)[:, None]
    common = residual[0] / whole * (noise[0] / (noise[0] + 1 / whole))
    left = residual - variance[:, :, None] * common[None]
    left[0] = residual[0]
    return np.asarray(left)


def _group_moment(residual: Array, variance: Array, *, common: bool) -> tuple[Array, float]:
    """Return the moment estimate of the noise of one group of slices (may be below 0), weight."""
    known = variance > 0
    safe = np.where(known, variance, 1.0)
    level = np.where(known[:, :, None], residual / safe[:, :, None], 0.0)
    chance = np.where(known, 1 / safe, 0.0)
    factor = np.ones(len(variance))
    if common:
        total = variance.sum(axis=0)
        whole = np.where(total > 0, total, 1.0)
        share = np.where(total > 0, variance / whole, 0.0)
        level = level - np.einsum("gm,gmb->mb", share, level)[None]
        chance = np.maximum(chance - np.where(total > 0, 1 / whole, 0.0), 0.0)
        mean_share = share.mean(axis=1)
        factor = 1 - 2 * mean_share + (mean_share**2).sum()
    doubled = chance[:, 1:] + chance[:, :-1]
    # a slice that was all there was in two months says nothing about itself
    both = known[:, 1:] & known[:, :-1] & (factor > _LEAST_SPREAD)[:, None] & (doubled > _NOTHING)
    expected = doubled[both]
    if len(expected) < _LEAST_DIFFERENCES:
        return np.zeros(residual.shape[2]), 0.0
    squares = (np.diff(level, axis=1) ** 2)[both]  # differences × worlds
    spread = np.broadcast_to(factor[:, None], both.shape)[both]
    return _trimmed_moment(squares, expected, spread)


def _trimmed_moment(squares: Array, expected: Array, spread: Array) -> tuple[Array, float]:
    cut = max(1, int(np.ceil(_TRIMMED * len(expected))))
    kept = 1 - cut / len(expected)
    limit = stats.chi2.ppf(kept, 1)
    correction = stats.chi2.cdf(limit, 3) / kept
    weight = spread / expected**2
    order = np.argsort(squares / expected[:, None], axis=0)[: len(expected) - cut]
    value = (squares / correction - expected[:, None]) / (2 * spread[:, None])
    chosen = np.take_along_axis(value, order, axis=0)
    weights = weight[order]
    moment: Array = (chosen * weights).sum(axis=0) / weights.sum(axis=0)
    return moment, float(weight.sum())
