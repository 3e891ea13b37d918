"""Forecasts of the same sum combined by what their errors at the same lead were.

Two forecasts that err for different reasons, such as one of the series and one of the pipeline,
are together closer than either. Weights follow from the covariance of former errors (Bates &
Granger 1969), drawn towards equal weights since few former errors are known.
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

_PRIOR_SIZE = 2.0  # former forecasts as many as which equal errors weigh
_PRIOR_TIES = 4.0  # former forecasts as many as which the usual correlation weighs
_PRIOR_ERROR = 0.2  # relative error expected of any forecast before it was seen
_PRIOR_TIE = 0.5  # correlation expected between the errors of two
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


def combine(past: pd.DataFrame, now: Mapping[str, float], *, confidence: float = 0.8) -> Combined:
    """Combine forecasts by the errors that the same methods made at the same lead.

    weights = those on the simplex that minimize the variance of the combined relative error.

    Parameters
    ----------
    past
        One row per former forecast that is over: a column per method, and `actual`. Rows that
        lack a method's forecast are left out.
    now
        Forecast per method; at least one.
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
    spread = _covariance(errors)
    weights = _least_spread(spread)
    value = float(sum(w * now[name] for w, name in zip(weights, names, strict=True)))
    error = float(np.sqrt(weights @ spread @ weights))
    reach = float(np.exp(NormalDist().inv_cdf((1 + confidence) / 2) * error))
    shares = {name: float(w) for name, w in zip(names, weights, strict=True)}
    return Combined(value, value / reach, value * reach, shares, error, len(errors))


def combined_past(
    past: pd.DataFrame, methods: Sequence[str], *, confidence: float = 0.8
) -> pd.DataFrame:
    """Return what the combination would have said on each former day, knowing no later error.

    Parameters
    ----------
    past
        One row per former forecast: `origin` and `end` (day numbers), a column per method,
        `actual` (missing while the window is not over).

    Returns
    -------
    DataFrame
        `past` with `combined`, `lower`, `upper`, and `n`, the former forecasts it was based on.
    """
    rows = []
    for row in past.to_dict("records"):
        known = past[(past["end"] <= row["origin"]) & past["actual"].notna()]
        found = combine(known, {name: row[name] for name in methods}, confidence=confidence)
        rows.append((found.value, found.lower, found.upper, found.n))
    table = pd.DataFrame(rows, columns=["combined", "lower", "upper", "n"], index=past.index)
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


def _covariance(errors: Array) -> Array:
    """Return the mean products of errors, bias included, drawn towards equal and tied ones."""
    n, size = errors.shape
    level = ((errors**2).sum() / size + _PRIOR_ERROR**2) / (n + 1)
    squares = ((errors**2).sum(axis=0) + _PRIOR_SIZE * level) / (n + _PRIOR_SIZE)
    own = np.sqrt(np.maximum((errors**2).sum(axis=0), 1e-300))
    tie = (n * (errors.T @ errors) / np.outer(own, own) + _PRIOR_TIES * _PRIOR_TIE) / (
        n + _PRIOR_TIES
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
