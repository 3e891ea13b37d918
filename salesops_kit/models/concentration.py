"""How much hangs on few: Herfindahl-Hirschman index, effective number, share of the largest."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]

TOPS = (1, 3, 5)
DRAWS = 400
_RANGE = (0.05, 0.95)


@dataclass(frozen=True)
class Concentration:
    """`hhi` = sum of squared shares (0-1), `effective` = 1 / hhi, `tops`: share of the top 1, 3, 5.

    Each with the 90 % interval of a bootstrap over deals; `n` deals, `groups` that hold them.
    """

    n: int
    groups: int
    hhi: tuple[float, float, float]
    effective: tuple[float, float, float]
    tops: dict[int, tuple[float, float, float]]


def concentration(
    amounts: Array, groups: npt.NDArray[np.int64], rng: np.random.Generator
) -> Concentration:
    """Measure how money is spread over groups.

    The interval answers: had chance dealt other orders of the same kind, how else could the
    spread have come out? A drawn sample is more concentrated than what it was drawn from, which
    is corrected (basic bootstrap), so that the interval lies around the figure.

    Parameters
    ----------
    amounts
        Money of each deal or order, 0 or more.
    groups
        Number of the group that each belongs to, from 0.

    Raises
    ------
    ParameterError
        When the arrays differ in length or an amount is negative.
    """
    if len(amounts) != len(groups) or (len(amounts) and float(np.min(amounts)) < 0):
        raise ParameterError("concentration needs one amount of 0 or more and one group per deal")
    names, place = np.unique(groups, return_inverse=True)
    sums: Array = np.bincount(place, weights=amounts, minlength=len(names)).astype("float64")
    if not sums.sum() > 0:
        none = (float("nan"),) * 3
        return Concentration(0, 0, none, none, dict.fromkeys(TOPS, none))
    even = np.full(len(amounts), 1 / len(amounts))
    times = (rng.multinomial(len(amounts), even) for _ in range(DRAWS))
    again = [np.bincount(place, weights=amounts * n, minlength=len(names)) for n in times]
    drawn: Array = np.stack(again).astype("float64")
    drawn = drawn[drawn.sum(axis=1) > 0]
    hhi = _around(_hhi(sums[None, :])[0], _hhi(drawn))
    return Concentration(
        len(amounts), int((sums > 0).sum()), hhi,
        (1 / hhi[0], 1 / hhi[2], 1 / hhi[1]),
        {top: _around(_top(sums[None, :], top)[0], _top(drawn, top)) for top in TOPS},
    )  # fmt: skip


def _hhi(sums: Array) -> Array:
    shares = sums / sums.sum(axis=1, keepdims=True)
    found: Array = (shares**2).sum(axis=1)
    return found


def _top(sums: Array, top: int) -> Array:
    largest = -np.sort(-sums, axis=1)[:, :top]
    found: Array = largest.sum(axis=1) / sums.sum(axis=1)
    return found


def _around(value: float, drawn: Array) -> tuple[float, float, float]:
    """Return the value with its interval; on the log scale, where draws are about symmetric."""
    low, high = np.quantile(np.log(drawn), _RANGE)
    center = np.log(value)
    return (float(value), min(float(np.exp(2 * center - high)), float(value)),
            min(max(float(np.exp(2 * center - low)), float(value)), 1.0))  # fmt: skip
