"""How much a single amount far beyond all others counts for what is usual."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_FURTHEST = 3.0  # times the largest of the others that a single deal counts
_FOLLOWED = 50  # deals of a sum that are drawn one by one
FEWEST_PRICED = 3  # deals from which on one can be told to be unlike the others


def believed(amount: Array, deals: Array) -> Array:
    """Return amounts in which no single deal is more than three times the largest of the others.

    One deal a thousand times the usual size, mistyped or once in a lifetime, would else be in the
    mean of every deal to come: it is told where it stands, and not expected again.
    """
    if deals.sum() < FEWEST_PRICED:
        return amount
    order = np.argsort(amount, kind="stable")
    top = order[-1]
    second = amount[top] if deals[top] > 1 else amount[order[-2]]
    result: Array = np.minimum(amount, _FURTHEST * max(second, 0.0))
    return result


def drawn_sums(money: Array, draws: int, rng: np.random.Generator) -> Array:
    """Return what a sum might have been with other deals of the same kind (Poisson bootstrap).

    Every deal may come any number of times, once on average: a sum that rests on one deal is
    nothing in more than a third of the draws. Beyond the largest deals the rest is normal.
    """
    order = np.argsort(-np.abs(money), kind="stable")
    large, rest = money[order[:_FOLLOWED]], money[order[_FOLLOWED:]]
    sums = large @ rng.poisson(1.0, (len(large), draws))
    spread = float(np.sqrt((rest**2).sum()))
    found: Array = sums + rest.sum() + spread * rng.standard_normal(draws)
    return found


def outweighing(money: Array) -> int | None:
    """Return the place of the amount that outweighs all others together; None without one.

    It is more than three times the next one besides: of few amounts one is always most of them.

    >>> outweighing(np.array([1.0, 9.0, 2.0])), outweighing(np.array([1.0, 9.0, 4.0]))
    (1, None)
    """
    money = np.nan_to_num(np.maximum(money, 0.0))
    if len(money) < FEWEST_PRICED:
        return None
    order = np.argsort(money, kind="stable")
    top, second = money[order[-1]], money[order[-2]]
    return int(order[-1]) if outweighs(top, second, float(money.sum())) else None


def outweighs(top: float, second: float, whole: float) -> bool:
    """Tell whether the largest amount of a sum is most of it, and unlike the next one."""
    return top > max(whole - top, 0.0) and top > _FURTHEST * max(second, 0.0)
