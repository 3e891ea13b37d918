"""What draws of many levels say of each: mean, interval, chance to be among the best, rank.

A rank is a joint statement about all; it is counted draw by draw, never read off a list of means
(Goldstein & Spiegelhalter 1996; Lin, Louis et al. 2006).
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]

CONFIDENCE = 0.9
FEWEST_FOR_QUARTERS = 8  # below, a quarter is one person and its name says nothing
COLUMNS = ("effect", "sd", "lower", "upper", "p_above", "p_top", "p_bottom", "expected_rank")


def ranked(draws: Array, *, confidence: float = CONFIDENCE) -> pd.DataFrame:
    """Summarize draws of levels, reps × draws, each against the mean of all reps in its draw.

    Returns
    -------
    DataFrame
        One row per rep: `effect` (mean, against the mean of all), `sd`, `lower`, `upper`,
        `p_above` (chance to be above the mean of all), `p_top`, `p_bottom` (chance to be in the
        top or bottom quarter; missing below eight reps), `expected_rank` (1 is best).

    Examples
    --------
    >>> ranked(np.array([[1.0, 1.2], [-1.0, -1.2]]))["expected_rank"].tolist()
    [1.0, 2.0]
    """
    number = len(draws)
    against = draws - draws.mean(axis=0)
    order = np.ascontiguousarray(against.T).argsort(axis=1).argsort(axis=1)
    place = (number - order).T  # 1 is the highest
    tail = (1 - confidence) / 2
    lower, upper = np.quantile(against, [tail, 1 - tail], axis=1)
    quarter = max(round(number / 4), 1)
    known = number >= FEWEST_FOR_QUARTERS
    nothing = np.full(number, np.nan)
    return pd.DataFrame({
        "effect": against.mean(axis=1), "sd": against.std(axis=1),
        "lower": lower, "upper": upper, "p_above": (against > 0).mean(axis=1),
        "p_top": (place <= quarter).mean(axis=1) if known else nothing,
        "p_bottom": (place > number - quarter).mean(axis=1) if known else nothing,
        "expected_rank": place.mean(axis=1),
    })  # fmt: skip


def told_apart(draws: Array, *, sure: float = 0.95) -> float:
    """Return the share of all pairs of reps of which one is above the other with this chance.

    Missing when there is one rep only. From means and covariances of the draws, taken as normal.
    """
    number = len(draws)
    if number < 2:
        return float("nan")
    from scipy.stats import norm

    mean, spread = draws.mean(axis=1), np.atleast_2d(np.cov(draws))
    variance = np.diag(spread)[:, None] + np.diag(spread)[None, :] - 2 * spread
    upper = np.triu_indices(number, 1)
    gap = np.abs(mean[:, None] - mean[None, :])[upper]
    z = gap / np.sqrt(np.maximum(variance[upper], 1e-300))
    return float((z > norm.ppf(sure)).mean())
