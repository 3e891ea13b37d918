"""Forecasts of the same sum combined by what their errors at the same lead were.

Two forecasts that err for different reasons, such as one of the series and one of the pipeline,
are together closer than either. Weights follow from the covariance of former errors (Bates &
Granger 1969), drawn towards what is expected beforehand since few former errors are known:
that the errors of the worse one contain nearly all that the better one misses too. Until shown
otherwise it therefore gets nearly no weight (forecast encompassing, Chong & Hendry 1986).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import nnls

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]

_PRIOR_SIZE = 12.0  # former forecasts that weigh as much as what is expected beforehand
_PRIOR_ERROR = 0.2  # relative error expected of a forecast of which nothing is known
_TIE_SIZE = 100.0  # the same for correlations, which few forecasts tell far less well than sizes
_PRIOR_TIE = 0.95  # of the smaller to the larger error, beforehand: the better one knows the other
_TINY = 1e-300
_SUM = 1e4  # weight of the condition that weights add up to 1


@dataclass(frozen=True)
class Combined:
    """A combined forecast with its range, and the weight of each of its members.

    `error`: relative standard deviation expected of it; `n`: former forecasts that say so.
    """

    value: float
    lower: float
    upper: float
    weights: Mapping[str, float]
    error: float
    n: int


def combine(
    past: pd.DataFrame,
    now: Mapping[str, float],
    *,
    expected: Mapping[str, float] | None = None,
    confidence: float = 0.8,
) -> Combined:
    """Combine forecasts by the errors that the same methods made at the same lead.

    weights = those on the simplex that minimize the variance of the combined relative error.

    Parameters
    ----------
    past
        One row per former forecast that is over: a column per method, and `actual`. Rows that
        lack a method's forecast are left out.
    now
        Forecast per method; at least one.
    expected
        Relative error per method, as measured elsewhere, that stands for former errors while few
        are known; 0.2 where none is given.
    confidence
        Of the range, lognormal around the combined forecast.

    Raises
    ------
    ParameterError
        When no forecast is given, or `past` lacks a method.
    """
    names = list(now)
    if not names:
        raise ParameterError("there is nothing to combine; give at least one forecast")
    if absent := [name for name in names if name not in past]:
        raise ParameterError(f"past has no column {absent[0]!r}; it has {list(past.columns)}")
    errors = _relative_errors(past, names)
    before = np.array([(expected or {}).get(name, _PRIOR_ERROR) for name in names])
    spread = _covariance(errors, before)
    weights = _least_spread(spread)
    value = float(sum(w * now[name] for w, name in zip(weights, names, strict=True)))
    error = float(np.sqrt(weights @ spread @ weights))
    reach = float(np.exp(NormalDist().inv_cdf((1 + confidence) / 2) * error))
    shares = {name: float(w) for name, w in zip(names, weights, strict=True)}
    return Combined(value, value / reach, value * reach, shares, error, len(errors))


def combined_past(
    past: pd.DataFrame,
    methods: Sequence[str],
    *,
    expected: Mapping[str, float] | None = None,
    confidence: float = 0.8,
    newest: int | None = None,
) -> pd.DataFrame:
    """Return what the combination would have said on each former day, knowing no later error.

    Parameters
    ----------
    past
        One row per former forecast: `origin` and `end` (day numbers), a column per method,
        `actual` (missing while the window is not over).
    expected, confidence
        As for `combine`.
    newest
        So many former forecasts at most are learned from, those that ended last; None: all.

    Returns
    -------
    DataFrame
        `past` with `combined`, `lower`, `upper`, `n`, the former forecasts it was based on, and
        `weight_…` of each method.
    """
    rows = []
    for row in past.to_dict("records"):
        known = past[(past["end"] <= row["origin"]) & past["actual"].notna()]
        if newest is not None:
            known = known.nlargest(newest, "end")
        said = {name: row[name] for name in methods}
        found = combine(known, said, expected=expected, confidence=confidence)
        rows.append((found.value, found.lower, found.upper, found.n, *found.weights.values()))
    names = ["combined", "lower", "upper", "n", *(f"weight_{name}" for name in methods)]
    table = pd.DataFrame(rows, columns=names, index=past.index)
    return past.join(table)


def _relative_errors(past: pd.DataFrame, names: Sequence[str]) -> Array:
    """Return errors as a share of what was expected and what came, on average.

    So growth does not weigh them, and a forecast of nearly nothing cannot be off without bound.
    """
    rows = past[[*names, "actual"]].dropna()
    said = rows[list(names)].to_numpy("float64")
    came = rows["actual"].to_numpy("float64")
    scale = (np.abs(said).mean(axis=1) + np.abs(came)) / 2
    kept = scale > 0
    errors: Array = (said - came[:, None])[kept] / scale[kept][:, None]
    return errors


def _covariance(errors: Array, before: Array) -> Array:
    """Return the mean products of errors, bias included, drawn towards expected and tied ones."""
    n = len(errors)
    sums = (errors**2).sum(axis=0)
    squares = (sums + _PRIOR_SIZE * before**2) / (n + _PRIOR_SIZE)
    own = np.sqrt(np.maximum(sums, _TINY))
    ratio = np.sqrt(np.minimum.outer(squares, squares) / np.maximum.outer(squares, squares))
    tie = (n * (errors.T @ errors) / np.outer(own, own) + _TIE_SIZE * _PRIOR_TIE * ratio) / (
        n + _TIE_SIZE
    )
    np.fill_diagonal(tie, 1.0)
    spread: Array = tie * np.sqrt(np.outer(squares, squares))
    return spread


def _least_spread(spread: Array) -> Array:
    """Return the weights, none negative, adding up to 1, with the least variance."""
    root = np.linalg.cholesky(spread).T
    scale = float(np.sqrt(np.trace(spread) / len(spread)))
    rows = np.vstack([root / scale, np.full((1, len(spread)), _SUM)])
    weights, _ = nnls(rows, np.append(np.zeros(len(spread)), _SUM))
    share: Array = weights / weights.sum()
    return share
