"""Customers who buy when they like: who still buys, and how much more they will order.

BG/NBD (Fader, Hardie & Lee 2005, "Counting Your Customers" the Easy Way): while active a customer
orders at a rate of its own, and after each order gives up with a chance of its own; rates are
gamma, chances beta distributed. Nobody says that he gave up, so both are inferred from silence.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]

FEWEST = 30  # customers who ordered again, below which nothing can be told of silence
_STARTS = ((0.0, 0.0, 0.0, 0.0), (0.0, 2.0, 0.0, 1.0), (-1.0, 1.0, -0.5, 1.0))  # logs
_CLOSE_TO_ONE = 1e-6  # the expectation has a removable pole at a = 1


@dataclass(frozen=True)
class Buying:
    """Parameters of the model: rates are gamma(r, alpha), chances to give up beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = float("nan")
    customers: int = 0

    def alive(self, customers: pd.DataFrame) -> Array:
        """Return the chance that each customer still buys.

        `customers`: `frequency` (orders after the first), `recency` (time of the last one since
        the first), `age` (time since the first).
        """
        x, last, age = _columns(customers)
        odds = (
            self.a
            / (self.b + np.maximum(x, 1) - 1)
            * np.exp((self.r + x) * np.log((self.alpha + age) / (self.alpha + last)))
        )
        alive: Array = 1 / (1 + np.where(x > 0, odds, 0.0))
        return alive

    def expected(self, customers: pd.DataFrame, ahead: float) -> Array:
        """Return how many orders of each customer are expected within the time `ahead`."""
        x, _, age = _columns(customers)
        a = self.a if abs(self.a - 1) > _CLOSE_TO_ONE else 1 + _CLOSE_TO_ONE
        until = self.alpha + age
        stays = np.exp((self.r + x) * np.log(until / (until + ahead)))
        reach = hyp2f1(self.r + x, self.b + x, a + self.b + x - 1, ahead / (until + ahead))
        found: Array = (a + self.b + x - 1) / (a - 1) * (1 - stays * reach)
        return np.maximum(found, 0.0) * self.alive(customers)


def fit_buying(customers: pd.DataFrame) -> Buying | None:
    """Fit the four parameters by maximum likelihood.

    Parameters
    ----------
    customers
        One row per customer: `frequency`, `recency`, `age` in one unit of time; optional `weight`,
        the number of customers who share the row.

    Returns
    -------
    Buying
        None when fewer than 30 customers ordered again.

    Raises
    ------
    ParameterError
        When a column is absent, negative, or a last order lies after today.
    """
    x, last, age = _columns(customers)
    weight = (customers["weight"] if "weight" in customers else pd.Series(1.0, customers.index)
              ).to_numpy("float64")  # fmt: skip
    if weight[x > 0].sum() < FEWEST:
        return None
    scale = float(np.average(age, weights=weight)) or 1.0  # parameters near 1 whatever the unit
    data = (x, last / scale, age / scale, weight)
    best = min(
        (minimize(_lack, start, args=data, method="L-BFGS-B", bounds=[(-12, 9)] * 4,
                  options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9}) for start in _STARTS),
        key=lambda found: float(found.fun),
    )  # fmt: skip
    r, alpha, a, b = (float(value) for value in np.exp(best.x))
    fit = -float(best.fun) * float(weight.sum()) - float((weight * x).sum()) * float(np.log(scale))
    return Buying(r, alpha * scale, a, b, fit, round(float(weight.sum())))


def _columns(customers: pd.DataFrame) -> tuple[Array, Array, Array]:
    needed = ("frequency", "recency", "age")
    if absent := [name for name in needed if name not in customers]:
        raise ParameterError(f"customers have no column {absent[0]!r}; give {', '.join(needed)}")
    x, last, age = (customers[name].to_numpy("float64") for name in needed)
    if len(x) and (min(x.min(), last.min()) < 0 or (last > age).any()):
        raise ParameterError("customers have a last order before their first, or after today")
    return x, last, age


def _lack(logs: Array, x: Array, last: Array, age: Array, weight: Array) -> float:
    """Return minus the mean log likelihood (equation 6 of the paper)."""
    r, alpha, a, b = np.exp(logs)
    common = (gammaln(r + x) - gammaln(r) + r * np.log(alpha)
              + betaln(a, b + x) - betaln(a, b))  # fmt: skip
    active = -(r + x) * np.log(alpha + age)
    again = np.maximum(x, 1)
    over = np.log(a) - np.log(b + again - 1) - (r + x) * np.log(alpha + last)
    both = np.where(x > 0, np.logaddexp(active, over), active)
    return -float(np.average(common + both, weights=weight))
