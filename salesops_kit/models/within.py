"""Effects of strata estimated within reps, so that who gets which deals cannot leak into them.

Every rep has a level of their own here, and only differences between deals of the same rep tell
what a stratum does. If the best reps get the worst leads, a fit over all reps would take their
skill for the leads' ease; this one does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

_STRATUM_SPREAD = 1.0  # weak prior sd of a stratum's log-odds: keeps empty and tiny strata finite
_REP_SPREAD = 3.0  # the same of a rep's level: all won or all lost has no finite one
_ROUNDS, _SMALL, _LARGEST_STEP = 60, 1e-9, 2.0


@dataclass(frozen=True)
class Design:
    """Rows of counts by rep and stratum, sorted by rep.

    `reps`: names, one per code; `rep`: code of each row; `columns`: rows × levels of all factors,
    one 1 per factor; `levels`: (factor, level) of each column; `n`: cases of each row.
    """

    reps: tuple[str, ...]
    rep: Codes
    columns: sparse.csr_matrix
    levels: tuple[tuple[str, str], ...]
    n: Array

    def by_rep(self, values: Array) -> Array:
        """Sum values of rows per rep."""
        summed: Array = np.bincount(self.rep, values, len(self.reps)).astype(np.float64)
        return summed

    def mix(self, weight: Array) -> Array:
        """Return reps × columns: the weighted sum of each column per rep."""
        owner = sparse.csr_matrix(
            (weight, (self.rep, np.arange(len(self.rep)))), shape=(len(self.reps), len(self.rep))
        )
        mixed: Array = (owner @ self.columns).toarray()
        return mixed


@dataclass(frozen=True)
class Strata:
    """Effects of the design's columns, their covariance, and each row's sum of effects."""

    effects: Array
    covariance: Array
    offset: Array


def design_of(counts: pd.DataFrame, strata: Sequence[str], *, n: str = "n") -> Design:
    """Return the design of counts by rep and strata; a missing stratum is a level of its own.

    Parameters
    ----------
    counts
        One row per rep and combination of strata, or per case: `rep`, the strata, `n`.
    strata
        Columns whose levels have an effect each, added up; a crossing of several is one column.
    n
        Name of the column of cases.

    Raises
    ------
    ParameterError
        When there is no row, a rep has no name, or cases are negative.
    """
    if counts.empty or counts["rep"].isna().any():
        raise ParameterError("counts needs at least one row, and a rep in every row")
    cases = counts[n].to_numpy("float64")
    if (cases < 0).any():
        raise ParameterError(f"{n} must not be negative")
    rep, names = pd.factorize(counts["rep"], sort=True)
    places: list[Codes] = []
    levels: list[tuple[str, str]] = []
    for factor in strata:
        code, values = pd.factorize(counts[factor].fillna("").astype(str), sort=True)
        places.append(code + len(levels))
        levels += [(factor, str(value)) for value in values]
    rows, width = len(counts), len(places)
    where = np.stack(places, axis=1).ravel() if width else np.empty(0, dtype=np.intp)
    ends = np.arange(0, rows * width + 1, width) if width else np.zeros(rows + 1, dtype=np.intp)
    columns = sparse.csr_matrix((np.ones(rows * width), where, ends), shape=(rows, len(levels)))
    return Design(tuple(str(x) for x in names), rep.astype(np.intp), columns, tuple(levels), cases)


def within_logit(design: Design, hits: Array) -> Strata:
    """Return what each stratum adds to the log-odds of a hit, between deals of the same rep.

    Logistic regression with a level per rep, levels profiled out; weak normal priors (sd 1 of a
    stratum's effect, 3 of a rep's level) keep it finite. Between strata of large reps it equals
    the conditional likelihood.

    Raises
    ------
    ParameterError
        When hits are negative or more than cases.
    """
    n = design.n
    if ((hits < 0) | (hits > n)).any():
        raise ParameterError("hits must lie between 0 and n in every row")
    middle = float(np.log((hits.sum() + 0.5) / (n.sum() - hits.sum() + 0.5)))
    level, effects = np.full(len(design.reps), middle), np.zeros(len(design.levels))
    prior, level_prior = 1 / _STRATUM_SPREAD**2, 1 / _REP_SPREAD**2
    schur = np.eye(len(effects))
    for _ in range(_ROUNDS):
        chance = logistic(level[design.rep] + design.columns @ effects)
        weight, rest = n * chance * (1 - chance), hits - n * chance
        score = design.by_rep(rest) - level_prior * (level - middle)
        pull = design.columns.T @ rest - prior * effects
        within = design.by_rep(weight) + level_prior
        mixed = design.mix(weight)
        schur = _crossed(design, weight) + prior * np.eye(len(effects))
        schur -= (mixed / within[:, None]).T @ mixed
        step = np.linalg.solve(schur, pull - mixed.T @ (score / within))
        level_step = (score - mixed @ step) / within
        largest = max(np.abs(step).max(initial=0.0), np.abs(level_step).max())
        damped = min(1.0, _LARGEST_STEP / max(largest, 1e-300))
        effects, level = effects + damped * step, level + damped * level_step
        if largest < _SMALL:
            break
    return Strata(effects, _inverse(schur), design.columns @ effects)


def within_linear(design: Design, total: Array, squares: Array) -> tuple[Strata, float]:
    """Return what each stratum adds to a mean, between cases of the same rep, and the variance.

    Least squares with a level per rep; `total` and `squares` are the sums of the values and their
    squares in each row. The variance is that of a case around its rep's level and stratum.
    """
    n = design.n
    within = np.maximum(design.by_rep(n), 1e-12)
    mixed = design.mix(n)
    mean = design.by_rep(total) / within
    schur = _crossed(design, n) - (mixed / within[:, None]).T @ mixed
    pull = design.columns.T @ (total - n * mean[design.rep])
    rank = int(np.linalg.matrix_rank(schur)) if len(pull) else 0
    variance = 1.0
    ridge = 1e-9 * np.eye(len(pull))
    for _ in range(2):  # the prior's weight is known once the variance is
        effects = np.linalg.solve(schur + ridge, pull)
        offset = design.columns @ effects
        level = design.by_rep(total - n * offset) / within
        fitted = level[design.rep] + offset
        left = float((squares - 2 * fitted * total + n * fitted**2).sum())
        free = n.sum() - len(design.reps) - rank
        variance = max(left / free, 1e-12) if free > 0 else float("nan")
        ridge = (variance if free > 0 else 1.0) / _STRATUM_SPREAD**2 * np.eye(len(pull))
    return Strata(effects, _inverse(schur + ridge) * variance, offset), variance


def passed_on(design: Design, strata: Strata, weight: Array, spread: float, luck: Array) -> Array:
    """Return how levels move with what is unsure of the strata, reps × draws.

    Were the leads easier of which a rep had many, the rep is less good: a shrunk level moves by
    the part that its own cases give it, and all levels together do not move.

    Parameters
    ----------
    weight
        Information of each row of the design about its rep's level.
    spread
        Standard deviation of levels between reps.
    luck
        Columns × draws of standard normal numbers.
    """
    if not len(strata.effects):
        return np.zeros((1, luck.shape[1]))
    information = design.by_rep(weight)
    own = design.mix(weight) / np.maximum(information, 1e-12)[:, None]
    kept = information / (information + 1 / spread**2)
    common = (kept[:, None] * own).sum(axis=0) / max(kept.sum(), 1e-300)
    root = np.linalg.cholesky(strata.covariance)
    moved: Array = -kept[:, None] * ((own - common) @ root @ luck)
    return moved


def logistic(value: Array) -> Array:
    """Return the chance that belongs to log-odds."""
    chance: Array = 0.5 * (1 + np.tanh(0.5 * value))
    return chance


def _crossed(design: Design, weight: Array) -> Array:
    weighted = sparse.diags(weight) @ design.columns
    crossed: Array = (design.columns.T @ weighted).toarray()
    return crossed


def _inverse(matrix: Array) -> Array:
    inverse: Array = np.linalg.inv(matrix).astype(np.float64)
    return inverse
