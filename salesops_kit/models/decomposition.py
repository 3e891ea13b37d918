"""Why a product or a sum changed: contributions of its parts that add up to the whole."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from salesops_kit.errors import ParameterError


def log_change(
    before: Mapping[str, float], after: Mapping[str, float], factors: Mapping[str, int]
) -> pd.DataFrame:
    """Split the change of a product into the parts of its factors, exactly (LMDI, Ang 2005).

    With V = product of factor ** exponent, the log change of V is the sum over factors of
    exponent * ln(after / before), and V1 - V0 is the same split times L(V1, V0), where
    L(a, b) = (a - b) / ln(a / b) is the logarithmic mean.

    Parameters
    ----------
    before, after
        The factors' values in the two periods; other names are ignored.
    factors
        Names of the factors with their exponents, such as 1 and -1.

    Returns
    -------
    DataFrame
        One row per factor: `factor`, `before`, `after`, `log_change`, `contribution` (part of
        V1 - V0, in V's unit), `share` (of the log change; missing when V did not change). All
        missing when a value is missing, zero or negative: such a change has no logarithm.

    Raises
    ------
    ParameterError
        When a factor is not among the values.

    Examples
    --------
    >>> split = log_change({"n": 10, "days": 5}, {"n": 20, "days": 5}, {"n": 1, "days": -1})
    >>> split["contribution"].round(9).tolist()
    [2.0, 0.0]
    """
    if absent := [name for name in factors if name not in before or name not in after]:
        raise ParameterError(f"values lack the factor {', '.join(map(repr, absent))}")
    names = list(factors)
    old = np.array([before[name] for name in names], dtype=np.float64)
    new = np.array([after[name] for name in names], dtype=np.float64)
    if not ((old > 0) & (new > 0)).all():
        old_log, new_log = np.full(len(names), np.nan), np.full(len(names), np.nan)
    else:
        exponents = np.array([factors[name] for name in names], dtype=np.float64)
        old_log, new_log = exponents * np.log(old), exponents * np.log(new)
    change = new_log - old_log
    total = change.sum()
    mean = logarithmic_mean(float(np.exp(new_log.sum())), float(np.exp(old_log.sum())))
    return pd.DataFrame(
        {
            "factor": names,
            "before": old,
            "after": new,
            "log_change": change,
            "contribution": mean * change,
            "share": change / total if total else np.full(len(names), np.nan),
        }
    )


def logarithmic_mean(first: float, second: float) -> float:
    """Return (a - b) / ln(a / b), which is a where both are equal; lies between them."""
    if np.isnan(first) or np.isnan(second):
        return float("nan")
    if first == second:
        return first
    # near 1 the logarithm of the quotient loses its digits, far from it that of the change
    quotient = first / second
    near = 0.5 < quotient < 2
    change = np.log1p((first - second) / second) if near else np.log(quotient)
    return float((first - second) / change)
