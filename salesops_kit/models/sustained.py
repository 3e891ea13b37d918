"""Whether a level lasted, and whether it rose: shrunk, so that one good month is neither."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.models.ranking import ranked

Array = npt.NDArray[np.float64]

DRAWS = 4_000
_POINTS = 200  # of the integral over the spread between reps
_FEWEST = 3


@dataclass(frozen=True)
class Lasting:
    """Levels and rises of reps over months.

    `table`: `rep`, `months`, `level` with `level_lower`, `level_upper` (90 %), `rise` with bounds
    (later months against earlier ones, over that of all), and of the rise the columns `p_rise`
    (chance to be above that of all), `p_most` (chance to be in the top quarter; missing below
    eight reps). `levels`, `rises`: reps × draws.
    """

    table: pd.DataFrame
    levels: Array
    rises: Array


def lasting(values: pd.DataFrame, *, seed: int = 0) -> Lasting:
    """Estimate each rep's level over months, and its rise from the first half to the second.

        value_jm = month_m + level_j + rise_j * half_m + error,   half_m = -1/2 or +1/2

    Levels and rises are drawn towards everybody's by normal empirical Bayes; the spread between
    reps is integrated over, since nobody knows it.

    Parameters
    ----------
    values
        One row per rep and month: `rep`, `month` (a number), `value`; missing values are left out.
        Months up to the middle are the first half.

    Raises
    ------
    ParameterError
        With fewer than three reps, or no more values than reps: nothing can be told.
    """
    known = values.dropna(subset=["value"])
    if known["rep"].nunique() < _FEWEST or len(known) <= 2 * known["rep"].nunique():
        raise ParameterError("levels over months need three reps, and three months of each")
    reps, n, means, error = _halves(known)
    total = n.sum(axis=1)
    level = (n * means).sum(axis=1) / total
    both = (n > 0).all(axis=1)
    gap = np.where(both, means[:, 1] - means[:, 0], 0.0)
    noise = np.where(both, error * (1 / np.maximum(n, 1)).sum(axis=1), np.inf)
    rng = np.random.default_rng(seed)
    levels = float(known["value"].mean()) + _shrunk(level, error / total, rng)
    rises = _shrunk(gap, noise, rng)
    return Lasting(_table(reps, total, levels, rises), levels, rises)


def _halves(known: pd.DataFrame) -> tuple[pd.Index, Array, Array, float]:
    """Return reps, and per rep and half: values, their mean against all; and the error variance."""
    months = np.sort(known["month"].unique())
    half = (known["month"] > months[(len(months) - 1) // 2]).astype(int)
    rest = known["value"] - known.groupby("month")["value"].transform("mean")
    rows = pd.DataFrame({"rep": known["rep"], "half": half, "rest": rest})
    own = rows["rest"] - rows.groupby(["rep", "half"])["rest"].transform("mean")
    reps = pd.Index(sorted(rows["rep"].unique()))
    parts = [rows[rows["half"] == which].groupby("rep")["rest"] for which in (0, 1)]
    n: Array = np.zeros((len(reps), 2))
    means: Array = np.zeros((len(reps), 2))
    for which, part in enumerate(parts):
        n[:, which] = part.size().reindex(reps).fillna(0).to_numpy("float64")
        means[:, which] = part.mean().reindex(reps).fillna(0).to_numpy("float64")
    error = float((own**2).sum()) / max(len(rows) - int((n > 0).sum()), 1)
    return reps, n, means, error


def _shrunk(value: Array, variance: Array, rng: np.random.Generator) -> Array:
    """Draw true values, reps × draws, given observed ones with known error variance."""
    seen = np.isfinite(variance)
    reach = 3 * float(np.sqrt(max(float((value[seen] ** 2).mean()), 1e-12)))
    spreads = np.linspace(reach / _POINTS, reach, _POINTS)
    total = variance[seen, None] + spreads**2
    precision = (1 / total).sum(axis=0)
    mean = (value[seen, None] / total).sum(axis=0) / precision
    logs = -0.5 * (np.log(total) + (value[seen, None] - mean) ** 2 / total).sum(axis=0)
    logs -= 0.5 * np.log(precision)
    weight = np.exp(logs - logs.max())
    chosen = rng.choice(_POINTS, DRAWS, p=weight / weight.sum())
    between = spreads[chosen] ** 2
    middle = mean[chosen] + rng.normal(size=DRAWS) / np.sqrt(precision[chosen])
    known = np.where(seen, variance, 1.0)[:, None]
    share = np.where(seen[:, None], between / (between + known), 0.0)
    drawn: Array = middle + share * (value[:, None] - middle) + np.sqrt(
        np.where(seen[:, None], share * known, between)
    ) * rng.normal(size=(len(value), DRAWS))  # fmt: skip
    return drawn


def _table(reps: pd.Index, n: Array, levels: Array, rises: Array) -> pd.DataFrame:
    low, high = np.quantile(levels, [0.05, 0.95], axis=1)
    rise = ranked(rises)
    return pd.DataFrame({
        "rep": reps.astype(str), "months": n.astype(int), "level": levels.mean(axis=1),
        "level_lower": low, "level_upper": high, "rise": rise["effect"],
        "rise_lower": rise["lower"], "rise_upper": rise["upper"], "p_rise": rise["p_above"],
        "p_most": rise["p_top"],
    })  # fmt: skip
