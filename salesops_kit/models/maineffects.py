"""Main-effects models on counts: what each cell should show if nothing changed.

Binomial with logit link (hits of trials) or Poisson with log link (events of exposure). Fitted by
cyclic Newton steps, one factor at a time: factors with hundreds of levels (reps) cost no more than
factors with three, and no design matrix is built.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Family = Literal["binomial", "poisson"]
Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
_RIDGE = 0.25  # prior precision of each level on the link scale: tames levels with no or all hits
_SWEEPS = 60
_CLOSE = 1e-4
_STEP = 2.0  # longest Newton step on the link scale


@dataclass(frozen=True)
class Fitted:
    """Expected hits and their variance, per row."""

    expected: Array
    variance: Array


def fit(
    hits: Array,
    trials: Array,
    factors: Sequence[Codes],
    family: Family,
    offset: Array | float = 0.0,
) -> Fitted:
    """Fit main effects of the factors and return what each row should show.

    Parameters
    ----------
    hits, trials
        Per row: hits of trials (binomial) or events of exposure (poisson).
    factors
        Per factor, the level of each row as 0, 1 …
    family
        "binomial" (logit link) or "poisson" (log link).
    offset
        Known part of each row's score, on the link scale.

    Returns
    -------
    Fitted
        `expected` = trials · p (trials · rate), `variance` = trials · p(1-p) (trials · rate).

    Notes
    -----
    Each level has a normal prior around 0 of precision 0.25, so that a level without any hit
    stays finite; with tens of hits it does not matter.
    """
    level = _start(float(hits.sum()), float(trials.sum()), family)
    score = level + np.zeros(len(hits)) + offset
    effects = [np.zeros(int(codes.max(initial=0)) + 1) for codes in factors]
    came = [np.bincount(c, hits, len(e)) for c, e in zip(factors, effects, strict=True)]
    for _ in range(_SWEEPS):
        largest = _common_step(score, hits, trials, family)
        for codes, effect, hit in zip(factors, effects, came, strict=True):
            mean, variance = _by_level(codes, len(effect), *_moments(score, trials, family))
            slope, curve = hit - mean - _RIDGE * effect, variance + _RIDGE
            step: Array = np.clip(slope / curve, -_STEP, _STEP)
            effect += step
            score += step[codes]
            largest = max(largest, float(np.abs(step).max(initial=0.0)))
        if largest < _CLOSE:
            break
    return Fitted(*_moments(score, trials, family))


def _start(hits: float, trials: float, family: Family) -> float:
    share = (hits + 0.5) / (trials + 1)
    return float(np.log(share / (1 - share)) if family == "binomial" else np.log(share))


def _moments(score: Array, trials: Array, family: Family) -> tuple[Array, Array]:
    if family == "poisson":
        mean = trials * np.exp(score)
        return mean, mean
    p = 1 / (1 + np.exp(-score))
    return trials * p, trials * p * (1 - p)


def _common_step(score: Array, hits: Array, trials: Array, family: Family) -> float:
    mean, variance = _moments(score, trials, family)
    total = variance.sum()
    step = float(np.clip((hits - mean).sum() / total, -_STEP, _STEP)) if total > 0 else 0.0
    score += step
    return abs(step)


def _by_level(codes: Codes, levels: int, mean: Array, variance: Array) -> tuple[Array, Array]:
    """Sum mean and variance per level; of Poisson counts both are one array, summed once."""
    summed = np.bincount(codes, mean, levels).astype("float64")
    if variance is mean:
        return summed, summed
    return summed, np.bincount(codes, variance, levels).astype("float64")
