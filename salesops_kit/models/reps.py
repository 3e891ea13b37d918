"""How good reps are, given what they were dealt: shrunk, adjusted for mix, and with what is unsure.

    hits_jk ~ Binomial(n_jk, logit^-1(stratum_k + level_j)),   level_j ~ Normal(mu, sigma^2)

Strata are estimated within reps (`models.within`), levels by empirical Bayes: each rep's level is
drawn towards the others' as far as the data leave it open. Neither sigma nor mu is taken as known:
both are integrated over, and the strata's own uncertainty is passed on to the reps whose mix it
touches. A level is an association: it holds for the deals that were had, not for causes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.models.curves import LevelCurves, curves_of
from salesops_kit.models.ranking import ranked, told_apart
from salesops_kit.models.within import Design, Strata, design_of, logistic, passed_on, within_logit

Array = npt.NDArray[np.float64]

DRAWS = 4_000
_MANY = 500  # reps from which on half the draws are enough for ranks
_SIGMAS, _MUS, _NODES = 13, 7, 49  # points of the integrals over sigma, mu and each level
_REACH, _MU_REACH = 7.0, 2.7  # standard deviations those points reach
_SIGMA_SCALE = 1.0  # half-normal prior of sigma: between reps, log-odds rarely differ by more
_TAIL = 1e-4  # of sigma's posterior that may lie beyond its points
_FINE = 400
_FEWEST = 2


@dataclass(frozen=True)
class Comparison:
    """Reps compared on the deals they had.

    `table`: one row per rep: `rep`, `n`, `hits`, `rate` (raw), `expected` (hits that an average rep
    had had of the same deals), the columns of `models.ranking.ranked` in log-odds, and `adjusted`,
    `adjusted_lower`, `adjusted_upper`: the rate if everybody had had the same mix of deals.
    `strata`: `factor`, `level`, `effect`, `sd` in log-odds. `sigma`, `sigma_lower`, `sigma_upper`:
    sd of the levels between reps. `draws`: reps × draws of the levels.
    """

    table: pd.DataFrame
    strata: pd.DataFrame
    sigma: float
    sigma_lower: float
    sigma_upper: float
    draws: Array

    @property
    def told_apart(self) -> float:
        """Share of all pairs of reps that can be told apart with 95 % certainty."""
        return told_apart(self.draws)


@dataclass(frozen=True)
class _Shape:
    """Points of the hyperparameters with their weights, which sum to 1."""

    sigma: Array
    mu: Array
    weight: Array


def compare_reps(
    counts: pd.DataFrame,
    *,
    strata: Sequence[str],
    confidence: float = 0.9,
    draws: int = 0,
    seed: int = 0,
) -> Comparison:
    """Compare reps by their share of hits, adjusted for strata within reps and shrunk.

    Parameters
    ----------
    counts
        One row per rep and combination of strata (or more rows, which add up): `rep`, the strata,
        `n` cases, `hits`.
    strata
        Columns that say what a case was before the rep had it; their effects add up. What does not
        vary within reps, such as their region, cannot be told from the reps themselves.
    confidence
        Of the intervals.
    draws
        Of the levels; 0 takes 4,000, or half of it for more than 500 reps.
    seed
        Equal seeds give equal draws.

    Raises
    ------
    ParameterError
        When there are fewer than two reps, or hits are not within 0 and n.
    """
    design = design_of(counts, strata)
    if len(design.reps) < _FEWEST:
        raise ParameterError("comparing needs at least two reps")
    hits = counts["hits"].to_numpy("float64")
    fitted = within_logit(design, hits)
    curves = curves_of(design, fitted.offset, hits)
    shape, points = _hyper(curves)
    rng = np.random.default_rng(seed)
    number = draws or (DRAWS if len(design.reps) <= _MANY else DRAWS // 2)
    levels = _drawn(curves, shape, rng, number)
    sigma = float((shape.sigma * shape.weight).sum())
    luck = rng.normal(size=(len(fitted.effects), number))
    levels = levels + passed_on(design, fitted, curves.weight, sigma, luck)
    low, high = points
    return Comparison(
        _table(design, fitted, hits, levels, confidence),
        _strata_table(design, fitted), sigma, low, high, levels,
    )  # fmt: skip


def _hyper(curves: LevelCurves) -> tuple[_Shape, tuple[float, float]]:
    """Integrate over sigma and mu: points, weights, and the 90 % interval of sigma."""
    sigmas, mean, error = _rough(curves)
    steps = np.linspace(-_MU_REACH, _MU_REACH, _MUS)
    sigma = np.repeat(sigmas, _MUS)
    mu = (mean[:, None] + error[:, None] * steps).ravel()
    logs = np.array([
        _evidence(curves, s, m).sum() for s, m in zip(sigma, mu, strict=True)
    ])  # fmt: skip
    logs = logs + np.repeat(np.log(error), _MUS) - 0.5 * (sigma / _SIGMA_SCALE) ** 2
    weight = np.exp(logs - logs.max())
    weight /= weight.sum()
    below = np.cumsum(weight.reshape(len(sigmas), _MUS).sum(axis=1))
    edges = np.interp([0.05, 0.95], below, sigmas)
    return _Shape(sigma, mu, weight), (float(edges[0]), float(edges[1]))


def _rough(curves: LevelCurves) -> tuple[Array, Array, Array]:
    """Find where sigma lies, each rep's likelihood taken as normal; and mu for each sigma."""
    variance = 1 / np.maximum(curves.information, 1e-9)
    sigmas = np.linspace(0.005, 2.5, _FINE)
    total = variance[:, None] + sigmas[None, :] ** 2
    precision = (1 / total).sum(axis=0)
    mean = (curves.mode[:, None] / total).sum(axis=0) / precision
    gap = curves.mode[:, None] - mean
    logs = -0.5 * (np.log(total) + gap**2 / total).sum(axis=0) - 0.5 * np.log(precision)
    logs -= 0.5 * (sigmas / _SIGMA_SCALE) ** 2
    below = np.cumsum(np.exp(logs - logs.max()))
    low, high = np.interp([_TAIL, 1 - _TAIL], below / below[-1], sigmas)
    chosen = np.linspace(max(0.8 * low, 0.005), 1.15 * high + 0.01, _SIGMAS)
    at = np.interp(chosen, sigmas, mean), np.interp(chosen, sigmas, 1 / np.sqrt(precision))
    return chosen, at[0], at[1]


def _levels(curves: LevelCurves, sigma: float, mu: float) -> tuple[Array, Array]:
    """Return points of each level where its posterior lies, and the log of the posterior there."""
    precision = curves.information + 1 / sigma**2
    centre = (curves.information * curves.mode + mu / sigma**2) / precision
    steps = np.linspace(-_REACH, _REACH, _NODES)
    points = centre[:, None] + steps / np.sqrt(precision)[:, None]
    prior = -0.5 * ((points - mu) / sigma) ** 2 - np.log(sigma)
    return points, curves.at(points) + prior


def _evidence(curves: LevelCurves, sigma: float, mu: float) -> Array:
    """Return the log of the likelihood of each rep's cases under a sigma and mu."""
    points, logs = _levels(curves, sigma, mu)
    top = logs.max(axis=1)
    step = points[:, 1] - points[:, 0]
    evidence: Array = top + np.log(np.exp(logs - top[:, None]).sum(axis=1) * step)
    return evidence


def _drawn(curves: LevelCurves, shape: _Shape, rng: np.random.Generator, number: int) -> Array:
    """Draw levels, reps × draws: a sigma and mu for all, then each rep's level given them."""
    shares = number * shape.weight
    counts = np.floor(shares).astype(int)
    left = number - counts.sum()
    rest = shares - counts
    counts += rng.multinomial(left, rest / rest.sum()) if left else 0
    parts = [
        _given(curves, shape.sigma[i], shape.mu[i], rng.random((len(curves.mode), counts[i])))
        for i in np.flatnonzero(counts)
    ]
    return np.concatenate(parts, axis=1)


def _given(curves: LevelCurves, sigma: float, mu: float, luck: Array) -> Array:
    """Invert the distribution of each level, straight lines between its points."""
    points, logs = _levels(curves, sigma, mu)
    density = np.exp(logs - logs.max(axis=1, keepdims=True))
    below = np.zeros_like(density)
    below[:, 1:] = np.cumsum(0.5 * (density[:, 1:] + density[:, :-1]), axis=1)
    below /= below[:, -1:]
    # one search over all reps: rep j's curve runs from j to j + 1
    flat = (below + np.arange(len(below))[:, None]).ravel()
    wanted = luck + np.arange(len(below))[:, None]
    right = np.clip(np.searchsorted(flat, wanted), 1, flat.size - 1)
    nodes = points.ravel()
    share = (wanted - flat[right - 1]) / np.maximum(flat[right] - flat[right - 1], 1e-300)
    drawn: Array = nodes[right - 1] + np.clip(share, 0, 1) * (nodes[right] - nodes[right - 1])
    return drawn


def _table(
    design: Design, fitted: Strata, hits: Array, levels: Array, confidence: float
) -> pd.DataFrame:
    cases, won = design.by_rep(design.n), design.by_rep(hits)
    middle = float(levels.mean())
    usual = design.n * logistic(middle + fitted.offset)
    summary = ranked(levels, confidence=confidence)
    table = pd.DataFrame({
        "rep": design.reps, "n": cases.astype("int64"), "hits": won.astype("int64"),
        "rate": np.divide(won, cases, out=np.full(len(cases), np.nan), where=cases > 0),
        "expected": design.by_rep(usual),
    })  # fmt: skip
    for name, part in (("", "effect"), ("_lower", "lower"), ("_upper", "upper")):
        table[f"adjusted{name}"] = _standardized(
            design, fitted.offset, middle + summary[part].to_numpy()
        )
    return pd.concat([table, summary], axis=1)


def _standardized(design: Design, offset: Array, level: Array) -> Array:
    """Return the share of hits that levels would have had of everybody's cases."""
    offsets, place = np.unique(np.round(offset, 6), return_inverse=True)
    share = np.bincount(place, design.n)
    rate: Array = logistic(level[:, None] + offsets) @ (share / share.sum())
    return rate


def _strata_table(design: Design, fitted: Strata) -> pd.DataFrame:
    """Name each stratum's effect, against the mean of its factor over the cases."""
    cases = np.asarray(design.columns.T @ design.n)
    table = pd.DataFrame(design.levels, columns=["factor", "level"])
    table = table.assign(n=cases, effect=fitted.effects, sd=np.sqrt(np.diag(fitted.covariance)))
    weighted = (table["effect"] * table["n"]).groupby(table["factor"]).transform("sum")
    total = table.groupby("factor")["n"].transform("sum").clip(lower=1e-12)
    return table.assign(effect=table["effect"] - weighted / total, n=cases.astype("int64"))
