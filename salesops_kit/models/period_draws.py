"""Bookings of several periods drawn together: every deal is won, lost or left open in each.

Competing risks: a deal won or lost in one period cannot be won in the next. A shock common to all
deals moves the log-odds of winning in each period; how large it usually is comes from the errors
of former forecasts of such a period (`sum_distribution.common_shock`), and how far the shocks of
one forecast go together from the products of such errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from salesops_kit.models.create_and_close import NewDeals
from salesops_kit.models.sum_distribution import (
    DRAWS,
    Outlook,
    Shock,
    booked_draws,
    drawn_under,
)

Array = npt.NDArray[np.float64]

LARGEST = 400  # deals followed one by one; of the others the sum per period is normal
_TINY = 1e-6
_USUAL_TIE = 0.3  # correlation of the shocks of two periods before any was seen
_TIE_WEIGHT = 6.0  # pairs that it is worth
_MOST_TIMES = 50.0  # times today's open deals; a target beyond is out of reach
_NOTHING = NewDeals(0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Draws:
    """Outcomes of several periods.

    `money`: draws × periods, from deals open now and from those to come. `won`: draws × followed
    deals, whether won in the first period; `followed`: their places.
    """

    money: Array
    won: npt.NDArray[np.bool_]
    followed: npt.NDArray[np.int64]


def apart(outlooks: Sequence[Outlook]) -> list[Outlook]:
    """Return what each period alone brings, of outlooks that reach to the end of each.

    A deal's chance in a period is what it gains from one end to the next, never below nothing.
    """
    parts, before = [], None
    for whole in outlooks:
        parts.append(whole if before is None else _gained(before, whole))
        before = whole
    return parts


def _gained(before: Outlook, whole: Outlook) -> Outlook:
    new, old = whole.new, before.new
    wins = max(new.wins - old.wins, 0.0)
    worth = max(new.money - old.money, 0.0) / wins if wins > _TINY else 0.0
    spread = new.squared / new.worth**2 if new.worth > 0 else 1.0
    fresh = (
        NewDeals(new.created - old.created, wins, worth, spread * worth**2) if wins else _NOTHING
    )
    chance = np.maximum(whole.chance - before.chance, 0.0)
    return Outlook(chance, whole.worth, whole.unsure, whole.weight, fresh)


def tie_of(shocks: Sequence[pd.DataFrame]) -> float:
    """Return the correlation of the errors of two periods forecast on the same day.

    `shocks`: per period `origin`, `mean`, `variance`, `actual`. Drawn towards 0.3 while few are
    known, and never negative: what is missed once may be missed again, rarely made good.
    """
    sizes = [(table["actual"] - table["mean"]).set_axis(table["origin"])
             / np.maximum(np.sqrt(((table["actual"] - table["mean"]) ** 2).mean()), _TINY)
             for table in shocks]  # fmt: skip
    pairs = [one * two for one, two in pairwise(sizes)]
    products = pd.concat(pairs).dropna() if pairs else pd.Series(dtype="float64")
    total = float(products.sum()) + _TIE_WEIGHT * _USUAL_TIE
    return float(np.clip(total / (len(products) + _TIE_WEIGHT), 0.0, 0.95))


def period_draws(
    parts: Sequence[Outlook],
    gone: Array,
    shocks: Sequence[Shock],
    rng: np.random.Generator,
    *,
    tie: float = _USUAL_TIE,
) -> Draws:
    """Draw the bookings of several periods.

    Parameters
    ----------
    parts
        What each period alone brings (`apart`), all of the same open deals.
    gone
        Deals × periods: chance to be lost in the period.
    shocks
        Of each period.
    tie
        Correlation of the shocks of two periods.
    """
    pushed = _pushes(shocks, tie, rng)
    whole = Outlook(
        np.minimum(sum(part.chance for part in parts), 1 - _TINY),
        parts[0].worth, parts[0].unsure, parts[0].weight, _NOTHING,
    )  # fmt: skip
    size = whole.weight * whole.chance * (1 - whole.chance) * whole.worth**2
    order = np.argsort(-size, kind="stable")
    followed = np.sort(order[: LARGEST if bool((whole.weight == 1).all()) else 0])
    money, won = _followed(parts, gone, pushed, followed, rng)
    rest = np.setdiff1d(np.arange(len(whole.chance)), followed)
    for place, part in enumerate(parts):
        others = Outlook(
            part.chance[rest], part.worth[rest], part.unsure[rest], part.weight[rest], part.new
        )
        money[:, place] += drawn_under(others, pushed[:, place], rng).total
    return Draws(money, won, followed)


def _pushes(shocks: Sequence[Shock], tie: float, rng: np.random.Generator) -> Array:
    common = rng.standard_normal(DRAWS)
    columns = [
        rng.choice(shock.sizes, size=DRAWS, p=shock.odds)
        * (np.sqrt(tie) * common + np.sqrt(1 - tie) * rng.standard_normal(DRAWS))
        for shock in shocks
    ]
    return np.stack(columns, axis=1)


def _followed(
    parts: Sequence[Outlook], gone: Array, pushed: Array, followed: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> tuple[Array, npt.NDArray[np.bool_]]:  # fmt: skip
    """Follow the largest deals through the periods: open until won or lost."""
    money, first = np.zeros(pushed.shape), np.zeros((len(pushed), len(followed)), dtype=bool)
    for column, deal in enumerate(followed):
        still, left = np.ones(len(pushed), dtype=bool), 1.0
        for period, part in enumerate(parts):
            chance = float(np.clip(part.chance[deal] / max(left, _TINY), _TINY, 1 - _TINY))
            draw = rng.random(len(pushed))
            share = expit(logit(chance) + pushed[:, period])
            won = still & (draw < share)
            lost = min(float(gone[deal, period]) / max(left, _TINY) / (1 - chance), 1.0)
            unsure = part.unsure[deal]
            noise = np.exp(unsure * rng.standard_normal(int(won.sum())) - unsure**2 / 2)
            money[won, period] += part.worth[deal] * noise
            if period == 0:
                first[:, column] = won
            still &= ~won & ~(draw >= share + (1 - share) * (1 - lost))
            left = max(left - part.chance[deal] - gone[deal, period], 0.0)
    return money, first


def multiple_needed(outlook: Outlook, shock: Shock, left: float, sure: float) -> float:
    """Return how many times as many open deals of the same kind bring `left` with a chance `sure`.

    Deals to come stay as they are. Missing where fifty times as many would not do it.
    """

    def short(times: float) -> float:
        more = Outlook(outlook.chance, outlook.worth, outlook.unsure, outlook.weight * times,
                       outlook.new)  # fmt: skip
        drawn = booked_draws(more, shock, np.random.default_rng(0), draws=2000).total
        return float(np.quantile(drawn, 1 - sure)) - left

    if left <= 0:
        return 0.0
    if outlook.open_money <= 0 or short(_MOST_TIMES) < 0:
        return float("nan")
    if short(_TINY) >= 0:
        return 0.0
    return float(brentq(short, _TINY, _MOST_TIMES, xtol=1e-3))


def decisive(draws: Draws, left: float) -> pd.DataFrame:
    """Return what winning each followed deal does to the chance that the first period brings `left`.

    Returns
    -------
    DataFrame
        `place` of the deal, `won_share` of the outcomes, `with_it`, `without_it`: chance to reach `left` in the outcomes where
        it is won, and in those where it is not; `needed_share`: of the outcomes that reach it,
        the share in which the deal is won.
    """  # noqa: E501
    reached = draws.money[:, 0] >= left
    won = draws.won
    times, hits = won.sum(axis=0), (won & reached[:, None]).sum(axis=0)
    others, total = len(reached) - times, int(reached.sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        return pd.DataFrame({
            "place": draws.followed,
            "won_share": times / len(reached),
            "with_it": np.where(times > 0, hits / times, np.nan),
            "without_it": np.where(others > 0, (total - hits) / others, np.nan),
            "needed_share": np.where(total > 0, hits / max(total, 1), np.nan),
        })  # fmt: skip
