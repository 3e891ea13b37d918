"""The likelihood of each rep's level as a smooth curve, cheap to read anywhere.

A curve is known exactly, with its slope, at points an eighth of a log-odds apart; between them it
is a cubic with these values and slopes (error below 1e-6 per hundred cases).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from salesops_kit.models.within import Design, logistic

Array = npt.NDArray[np.float64]

_STEP, _REACH = 0.125, 9.0
_WIDE = 2.0  # sd of the prior that keeps the top of a curve finite
_ROUNDS = 25


@dataclass(frozen=True)
class LevelCurves:
    """Log-likelihoods of levels, one curve per rep.

    `mode`: where each is highest, under a wide prior; `information`: its curvature there (without
    the prior); `weight`: each row's part of it.
    """

    first: float
    value: Array
    slope: Array
    mode: Array
    information: Array
    weight: Array

    def at(self, level: Array) -> Array:
        """Return the log-likelihood of levels, reps × any number."""
        last = self.value.shape[1] - 1
        place = np.clip((level - self.first) / _STEP, 0, last - 1e-9)
        left = place.astype(np.intp)
        t = place - left
        row = np.arange(len(level))[:, None]
        low, high = self.value[row, left], self.value[row, left + 1]
        low_slope, high_slope = (self.slope[row, left + i] * _STEP for i in (0, 1))
        bend = t * t * (3 - 2 * t)
        curve: Array = (
            low + bend * (high - low) + t * (1 - t) * ((1 - t) * low_slope - t * high_slope)
        )
        return curve


def curves_of(design: Design, offset: Array, hits: Array) -> LevelCurves:
    """Return the curves of hits among the design's cases, each with its stratum's offset."""
    n = design.n
    middle = float(np.log((hits.sum() + 0.5) / (n.sum() - hits.sum() + 0.5)))
    points = middle + np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
    value, slope = (np.empty((len(design.reps), len(points))) for _ in range(2))
    for place, point in enumerate(points):
        odds = offset + point
        value[:, place] = design.by_rep(hits * odds - n * np.logaddexp(0, odds))
        slope[:, place] = design.by_rep(hits - n * logistic(odds))
    mode, weight = _modes(design, offset, hits, middle)
    return LevelCurves(float(points[0]), value, slope, mode, design.by_rep(weight), weight)


def _modes(design: Design, offset: Array, hits: Array, middle: float) -> tuple[Array, Array]:
    level, weight = np.full(len(design.reps), middle), design.n
    for _ in range(_ROUNDS):
        chance = logistic(level[design.rep] + offset)
        weight = design.n * chance * (1 - chance)
        score = design.by_rep(hits - design.n * chance) - (level - middle) / _WIDE**2
        step = score / (design.by_rep(weight) + 1 / _WIDE**2)
        level = level + np.clip(step, -1, 1)
    return level, weight
