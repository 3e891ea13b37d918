"""Why a product or a sum changed: contributions of its parts that add up to the whole."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]

BRIDGE_FACTORS = ("volume", "mix", "speed", "win_rate", "size")
MANY_WINS = 2000  # from which on their sum is drawn as a normal number


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
    return float(_logarithmic_means(np.float64(first), np.float64(second)))


def _logarithmic_means(first: Any, second: Any) -> Array:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # near 1 the logarithm of the quotient loses its digits, far from it that of the change
        quotient = first / second
        near = (quotient > 0.5) & (quotient < 2)
        beside = np.where(near, (first - second) / second, 1.0)
        change = np.where(near, np.log1p(beside), _log(first) - _log(second))
        means: Array = np.where(first == second, first, (first - second) / change)
    return means


def _log(number: Any) -> Array:
    """Return the logarithm of the size of a number; the sign of a quotient is seen elsewhere."""
    logs: Array = np.log(np.abs(number))
    return logs


def bookings_bridge(before: npt.ArrayLike, after: npt.ArrayLike) -> Array:
    """Split a change of bookings into volume, mix, speed, win rate and size, per segment.

    Bookings are the sum over segments s of N * m_s * r_s * w_s * a_s: N opportunities in all
    (volume), m_s the segment's share of them (mix), r_s the share of these resolved in the period
    (speed), w_s the share of the resolved that were won (win rate), a_s the amount of a deal won
    (size). The parts are those of LMDI-I (Ang 2005): L(B1, B0) * ln(x1 / x0) per segment and
    factor, L the logarithmic mean. They add up over factors and over segments.

    Parameters
    ----------
    before, after
        Of shape (..., segments, 4): opportunities, resolved, won, bookings (money). What is zero
        in a column is zero in all columns after it.

    Returns
    -------
    Array
        Of shape (..., segments, 5), in the order of `BRIDGE_FACTORS`; the unit of bookings.

    Raises
    ------
    ParameterError
        When the shapes differ, or won exceeds resolved, or resolved the opportunities.

    Notes
    -----
    Where a segment has no bookings in one of the periods, the first factor that is zero takes the
    whole change, since the logarithms of the others vanish beside its own (the limit of Ang & Liu
    2007): nothing won is the win rate's, nothing resolved is speed's, a segment that was not there
    is the mix's. Bookings that change sign go through zero by their size.

    Examples
    --------
    >>> one = bookings_bridge([[10, 4, 2, 100.0]], [[20, 8, 4, 200.0]])
    >>> one.round(9).tolist()
    [[100.0, 0.0, 0.0, 0.0, 0.0]]
    """
    old, new = _checked(before), _checked(after)
    if old.shape != new.shape:
        raise ParameterError(f"the periods differ in shape: {old.shape} and {new.shape}")
    old_factors, new_factors = _factors(old), _factors(new)
    # what has no value in one period, such as the size of deals where none was won, cannot change
    old_factors, new_factors = (
        np.where(np.isnan(old_factors), new_factors, old_factors),
        np.where(np.isnan(new_factors), old_factors, new_factors),
    )
    booked, books = old[..., 3], new[..., 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = _log(new_factors) - _log(old_factors)
        means = _logarithmic_means(books, booked)
        parts = means[..., np.newaxis] * logs
    smooth = np.sign(booked) * np.sign(books) > 0
    jumps = _jumps(old_factors, new_factors, books - booked)
    result: Array = np.where(smooth[..., np.newaxis], parts, jumps)
    return result


def _checked(counts: npt.ArrayLike) -> Array:
    table = np.asarray(counts, dtype=np.float64)
    if table.ndim < 2 or table.shape[-1] != 4:
        raise ParameterError(f"a period has the shape {table.shape}; it must be (…, segments, 4)")
    number, resolved, won, booked = np.moveaxis(table, -1, 0)
    fine = (won >= 0) & (won <= resolved) & (resolved <= number) & np.isfinite(booked)
    if not (fine & ((won > 0) | (booked == 0))).all():
        raise ParameterError(
            "opportunities, resolved and won must fall from one to the next, not below 0, "
            "and bookings be finite, 0 where nothing was won"
        )
    return table


def _factors(counts: Array) -> Array:
    """Return N, m, r, w, a; missing where nothing is divided by."""
    number = counts[..., 0]
    whole = np.broadcast_to(number.sum(axis=-1, keepdims=True), number.shape)
    chain = np.concatenate([whole[..., np.newaxis], counts], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        quotients = np.where(chain[..., :-1] == 0, np.nan, chain[..., 1:] / chain[..., :-1])
    return np.concatenate([whole[..., np.newaxis], quotients], axis=-1)


def _jumps(old: Array, new: Array, change: Array) -> Array:
    """Give the whole change to the first factor that is zero in a period; else to the size."""
    zero = (old == 0) ^ (new == 0)
    first = np.where(zero.any(axis=-1), zero.argmax(axis=-1), len(BRIDGE_FACTORS) - 1)
    chosen = np.arange(len(BRIDGE_FACTORS)) == first[..., np.newaxis]
    return np.where(chosen, change[..., np.newaxis], 0.0)


@dataclass(frozen=True)
class Outcomes:
    """What became of a period's opportunities, per segment; `amounts` of the deals won.

    A deal won without an amount counts as one of amount 0, so that all who won are in `amounts`.
    """

    opportunities: npt.NDArray[np.int64]
    resolved: npt.NDArray[np.int64]
    amounts: tuple[Array, ...]

    @property
    def counts(self) -> Array:
        """Return segments x 4: opportunities, resolved, won, bookings."""
        won = [len(amounts) for amounts in self.amounts]
        booked = [amounts.sum() for amounts in self.amounts]
        table = np.column_stack([self.opportunities, self.resolved, won, booked])
        return np.asarray(table, dtype=np.float64).reshape(len(self.amounts), 4)

    def resampled(self, rng: np.random.Generator, draws: int) -> Array:
        """Return draws x segments x 4: deals drawn anew within each segment, with replacement."""
        return np.stack(
            [self._segment(rng, draws, number) for number in range(len(self.amounts))], axis=1
        )

    def _segment(self, rng: np.random.Generator, draws: int, number: int) -> Array:
        amounts, whole = self.amounts[number], int(self.opportunities[number])
        won, resolved = len(amounts), int(self.resolved[number])
        kinds = np.array([won, resolved - won, whole - resolved]) / max(whole, 1)
        drawn = rng.multinomial(whole, kinds if whole else [0.0, 0.0, 1.0], size=draws)
        wins = drawn[:, 0]
        booked = _sums(rng, amounts, wins) if won else np.zeros(draws)
        table = np.column_stack([np.full(draws, whole), drawn[:, :2].sum(axis=1), wins, booked])
        return np.asarray(table, dtype=np.float64)


def _sums(rng: np.random.Generator, amounts: Array, wins: npt.NDArray[np.int64]) -> Array:
    """Sum as many amounts, drawn with replacement, as each draw has wins."""
    if len(amounts) > MANY_WINS:  # the sum of so many is normal, and a draw of each is not needed
        spread = amounts.std() * np.sqrt(wins)
        sums: Array = wins * amounts.mean() + spread * rng.standard_normal(len(wins))
        return sums
    chosen = amounts[rng.integers(0, len(amounts), int(wins.sum()))]
    draw = np.repeat(np.arange(len(wins)), wins)
    return np.asarray(np.bincount(draw, chosen, len(wins)), dtype=np.float64)


def bridge_draws(before: Outcomes, after: Outcomes, *, draws: int, seed: int = 0) -> Array:
    """Return draws x segments x 5 of `bookings_bridge`, deals resampled within segments.

    The number of opportunities stays as counted: the draws tell how much the rest could have
    differed by chance, had the same opportunities been worked once more.
    """
    rng = np.random.default_rng(seed)
    return bookings_bridge(before.resampled(rng, draws), after.resampled(rng, draws))
