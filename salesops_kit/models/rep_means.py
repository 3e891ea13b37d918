"""How large reps' deals are, given what they were dealt: the normal counterpart of `models.reps`.

    value_ijk = stratum_k + level_j + error,   level_j ~ Normal(mu, tau^2),   error ~ Normal(0, s^2)

Strata and s within reps; tau and mu integrated. With normal errors all but the integral over tau is
in closed form.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.models.ranking import ranked
from salesops_kit.models.within import design_of, passed_on, within_linear

Array = npt.NDArray[np.float64]

DRAWS = 4_000
_POINTS = 200  # of the integral over tau
_FEWEST = 2


@dataclass(frozen=True)
class MeansComparison:
    """Reps compared by a mean.

    `table`: `rep`, `n`, `mean` (raw), and the columns of `models.ranking.ranked` in units of the
    value. `tau`: sd of the levels between reps; `spread`: sd of a case around its level.
    """

    table: pd.DataFrame
    tau: float
    spread: float
    draws: Array


def compare_means(
    sums: pd.DataFrame,
    *,
    strata: Sequence[str],
    confidence: float = 0.9,
    draws: int = DRAWS,
    seed: int = 0,
) -> MeansComparison:
    """Compare reps by the mean of a value, such as the log of the amount of a deal won.

    Parameters
    ----------
    sums
        One row per rep and combination of strata: `rep`, the strata, `n` cases with a value,
        `total` and `squares`, the sums of the values and of their squares.
    strata, confidence, draws, seed
        As in `models.reps.compare_reps`.

    Raises
    ------
    ParameterError
        When there are fewer than two reps, or no more cases than reps and strata.
    """
    design = design_of(sums, strata)
    if len(design.reps) < _FEWEST:
        raise ParameterError("comparing needs at least two reps")
    total = sums["total"].to_numpy("float64")
    fitted, variance = within_linear(design, total, sums["squares"].to_numpy("float64"))
    if not np.isfinite(variance):
        raise ParameterError("there are no more cases than reps and strata to be estimated")
    cases = design.by_rep(design.n)
    mean = np.divide(design.by_rep(total - design.n * fitted.offset), cases,
                     out=np.zeros(len(cases)), where=cases > 0)  # fmt: skip
    known = cases / variance
    tau, weight = _taus(mean, known)
    rng = np.random.default_rng(seed)
    levels = _drawn(mean, known, rng.choice(tau, draws, p=weight), rng)
    typical = float((tau * weight).sum())
    luck = rng.normal(size=(len(fitted.effects), draws))
    levels = levels + passed_on(design, fitted, design.n / variance, typical, luck)
    raw = np.divide(design.by_rep(total), cases, out=np.full(len(cases), np.nan), where=cases > 0)
    table = pd.DataFrame({"rep": design.reps, "n": cases.astype("int64"), "mean": raw})
    table = pd.concat([table, ranked(levels, confidence=confidence)], axis=1)
    return MeansComparison(table, typical, float(np.sqrt(variance)), levels)


def _taus(mean: Array, known: Array) -> tuple[Array, Array]:
    """Return points of tau and their posterior weights; mu integrated, prior of tau half-normal.

    The prior's scale is the spread of the reps' own means, with all its noise: wide, never tight.
    """
    there = known > 0
    mean, variance = mean[there], 1 / known[there]
    scale = max(float(mean.std()), 1e-6)
    tau = np.linspace(1e-3, 4, _POINTS) * scale
    total = variance[:, None] + tau[None, :] ** 2
    precision = (1 / total).sum(axis=0)
    middle = (mean[:, None] / total).sum(axis=0) / precision
    gap = mean[:, None] - middle
    logs = -0.5 * (np.log(total) + gap**2 / total).sum(axis=0) - 0.5 * np.log(precision)
    logs -= 0.5 * (tau / (2 * scale)) ** 2
    weight = np.exp(logs - logs.max())
    return tau, weight / weight.sum()


def _drawn(mean: Array, known: Array, tau: Array, rng: np.random.Generator) -> Array:
    """Draw levels, reps × draws: mu given tau, then each level given both."""
    prior = 1 / tau**2
    precise = 1 / (np.divide(1, known, out=np.full_like(known, np.inf), where=known > 0)[:, None]
                   + tau**2)  # fmt: skip
    total = precise.sum(axis=0)
    mu = (precise * mean[:, None]).sum(axis=0) / total
    mu = mu + rng.normal(size=len(tau)) / np.sqrt(total)
    precision = known[:, None] + prior
    centre = (known[:, None] * mean[:, None] + prior * mu) / precision
    levels: Array = centre + rng.normal(size=centre.shape) / np.sqrt(precision)
    return levels
