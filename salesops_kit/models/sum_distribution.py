"""Distribution of a period's bookings: deals won one by one, moved together by a common shock.

Deals share a market, a team and a season: drawn independently, their sum varies far too little.
A shock common to all deals of a period is added to their log-odds; how large it usually is comes
from the errors of former forecasts, beyond what independent chance explains.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, logit

from salesops_kit.models.create_and_close import NewDeals

Array = npt.NDArray[np.float64]

DRAWS = 4000
_LARGEST = 150  # deals drawn one by one; the sum of the others is normal
_GRID = np.linspace(0.0, 1.5, 76)  # standard deviations of the shock considered
_PRIOR = 0.3  # scale of the half-Cauchy prior: what such shocks may be
_NODES = np.linspace(-4.0, 4.0, 41)  # shocks at which the sum of the smaller deals is computed
_TINY = 1e-6


@dataclass(frozen=True)
class Outlook:
    """All that is expected to be won until a day, before chance has its say.

    `chance`, `worth`, `unsure`, `weight`: of each open deal its chance, money if won, relative
    standard deviation of that money, and deals it stands for. `new`: deals still to come.
    """

    chance: Array
    worth: Array
    unsure: Array
    weight: Array
    new: NewDeals

    @property
    def open_money(self) -> float:
        """Bookings expected from deals open now."""
        return float((self.weight * self.chance * self.worth).sum())

    @property
    def mean(self) -> float:
        """Bookings expected from deals open now and from those still to come."""
        return self.open_money + self.new.money

    @property
    def variance(self) -> float:
        """Variance of these bookings if deals had nothing in common."""
        chance, squared = self.chance, self.worth**2
        single = chance * (1 - chance) * squared + chance * squared * self.unsure**2
        return float((self.weight * single).sum()) + self.new.variance

    @property
    def sway(self) -> float:
        """Money by which the mean moves per unit of a common shock to the log-odds."""
        moved = self.weight * self.chance * (1 - self.chance) * self.worth
        return float(moved.sum()) + self.new.money


@dataclass(frozen=True)
class Shock:
    """What is known of the common shock: standard deviations and how likely each is."""

    sizes: Array
    odds: Array

    @property
    def typical(self) -> float:
        """Mean standard deviation, on the log-odds."""
        return float((self.sizes * self.odds).sum())


def common_shock(past: pd.DataFrame, *, apart: float = 1.0) -> Shock:
    """Learn the size of the common shock from the errors of former forecasts.

    error ~ normal(0, variance + size² × sway²), with a half-Cauchy prior on the size; the whole
    posterior is kept, so that few former forecasts give wide intervals.

    Parameters
    ----------
    past
        One row per former forecast whose end has passed: `mean`, `variance`, `sway`
        (`Outlook`), `actual`.
    apart
        Share of a window that is new in the next one: overlapping windows tell the same again.
    """
    error = (past["actual"] - past["mean"]).to_numpy("float64")
    noise, sway = past["variance"].to_numpy("float64"), past["sway"].to_numpy("float64")
    spread = np.maximum(noise + _GRID[:, None] ** 2 * sway**2, _TINY)
    fit = -0.5 * (np.log(spread) + error**2 / spread).sum(axis=1) * min(apart, 1.0)
    score = fit - np.log1p((_GRID / _PRIOR) ** 2)
    odds = np.exp(score - score.max())
    return Shock(_GRID, odds / odds.sum())


@dataclass(frozen=True)
class Draws:
    """Bookings drawn many times, from deals open now and from those still to come."""

    open: Array
    new: Array

    @property
    def total(self) -> Array:
        """All bookings of each draw."""
        return self.open + self.new


def booked_draws(
    outlook: Outlook, shock: Shock, rng: np.random.Generator, *, draws: int = DRAWS
) -> Draws:
    """Draw the bookings until the end many times; each time one shock moves all deals."""
    size = rng.choice(shock.sizes, size=draws, p=shock.odds)
    return drawn_under(outlook, size * rng.standard_normal(draws), rng)


def drawn_under(outlook: Outlook, pushed: Array, rng: np.random.Generator) -> Draws:
    """Draw the bookings once under each of the given shocks (on the log-odds)."""
    return Draws(_open_draws(outlook, pushed, rng), _new_draws(outlook.new, pushed, rng))


def _open_draws(outlook: Outlook, pushed: Array, rng: np.random.Generator) -> Array:
    chance = np.clip(outlook.chance, _TINY, 1 - _TINY)
    single = outlook.weight * chance * (1 - chance) * outlook.worth**2
    # deals that stand for others, or for a part, are never drawn as if they were one
    order = np.argsort(-single, kind="stable")
    large = order[: _LARGEST if bool((outlook.weight == 1).all()) else 0]
    total = np.zeros(len(pushed))
    against = np.exp(-pushed)  # the odds not to be won, times this
    for place in large:
        won = rng.random(len(pushed)) * (1 + (1 / chance[place] - 1) * against) < 1
        money = outlook.worth[place] * np.exp(
            outlook.unsure[place] * rng.standard_normal(len(pushed))
            - outlook.unsure[place] ** 2 / 2
        )
        total += won * money
    rest = np.setdiff1d(np.arange(len(chance)), large)
    return total + _rest_draws(outlook, rest, pushed, rng) if len(rest) else total


def _rest_draws(
    outlook: Outlook, rest: npt.NDArray[np.int64], pushed: Array, rng: np.random.Generator
) -> Array:
    """Return draws of the sum of many small deals: normal around what the shock makes of it."""
    score = logit(np.clip(outlook.chance[rest], _TINY, 1 - _TINY))
    worth, weight, unsure = (getattr(outlook, n)[rest] for n in ("worth", "weight", "unsure"))
    mean, spread = np.zeros(len(_NODES)), np.zeros(len(_NODES))
    for place, node in enumerate(_NODES):
        chance = expit(score + node)
        mean[place] = (weight * chance * worth).sum()
        single = chance * (1 - chance) * worth**2 + chance * (worth * unsure) ** 2
        spread[place] = np.sqrt((weight * single).sum())
    around = np.interp(pushed, _NODES, spread) * rng.standard_normal(len(pushed))
    return np.interp(pushed, _NODES, mean) + around


def _new_draws(new: NewDeals, pushed: Array, rng: np.random.Generator) -> Array:
    """Draw a Poisson number of wins, each with a gamma amount of the right mean and spread."""
    wins = rng.poisson(new.wins * np.exp(np.minimum(pushed, 3.0)))
    if new.worth <= 0:
        return np.zeros(len(pushed))
    shape = 1 / max(new.squared / new.worth**2 - 1, 0.01)
    money: Array = rng.gamma(np.maximum(wins * shape, _TINY), new.worth / shape)
    return np.where(wins > 0, money, 0.0)
