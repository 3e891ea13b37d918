"""What a gap needs: how far each factor of the sales velocity would have to move to close it.

Bookings per day = deals x win rate x deal size / cycle. Each lever is moved alone, on the deals
themselves: more deals count only as far as they can still be won in time, a higher win rate adds
the same to the log-odds of every deal, a shorter cycle wins now what would have been won later.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from salesops_kit.models.sum_distribution import Outlook

Array = npt.NDArray[np.float64]

LEVERS = ("deals", "win_rate", "size", "speed")
COLUMNS = ["lever", "now", "needed", "unit"]
_UNITS = {"deals": "count", "win_rate": "share1", "size": "money", "speed": "days"}
_FURTHEST = 12.0  # log-odds: beyond, every deal is won
_MOST_TIMES = 3.0  # a lever that would have to be larger by more is out of reach
_TINY = 1e-9


@dataclass(frozen=True)
class Change:
    """A scenario: times as many deals to come, log-odds added to every deal, times the size."""

    deals: float = 1.0
    odds: float = 0.0
    size: float = 1.0


def pulled(outlook: Outlook, change: Change) -> Outlook:
    """Return what would be expected after a change of levers."""
    chance = expit(logit(np.clip(outlook.chance, _TINY, 1 - _TINY)) + change.odds)
    new = outlook.new
    share = expit(logit(_clipped(new.wins, new.created)) + change.odds)
    fresh = replace(
        new,
        created=new.created * change.deals,
        wins=new.created * change.deals * float(share) if new.created else 0.0,
        worth=new.worth * change.size,
        squared=new.squared * change.size**2,
    )
    return replace(outlook, chance=chance, worth=outlook.worth * change.size, new=fresh)


def toward(outlook: Outlook, money: float) -> Outlook:
    """Return the outlook with the same log-odds added to every deal, so that it expects `money`.

    As it is where no such change reaches it: nothing is open, or it is more than all there is.
    """

    def over(odds: float) -> float:
        return pulled(outlook, Change(odds=odds)).mean - money

    if over(-_FURTHEST) >= 0 or over(_FURTHEST) <= 0:
        return outlook
    return pulled(outlook, Change(odds=float(brentq(over, -_FURTHEST, _FURTHEST, xtol=1e-9))))


def _clipped(part: float, whole: float) -> float:
    return min(max(part / whole if whole else 0.0, _TINY), 1 - _TINY)


def needed(outlook: Outlook, gap: float, later: Mapping[int, float]) -> pd.DataFrame:
    """Return where each lever stands and where it would have to stand to bring `gap` more.

    Parameters
    ----------
    outlook
        What is expected by the end.
    gap
        Money to be brought beyond it.
    later
        Money that the open deals bring within so many days after the end, if nothing is changed:
        what closing so many days sooner would add.

    Returns
    -------
    DataFrame
        One row per lever: `now`, `needed` (missing where it cannot close the gap alone), `unit`.
        `deals`: created by the end. `win_rate`: share won of the money that open deals are worth.
        `size`: mean amount per deal won. `speed`: days by which all deals close sooner.
    """
    new, worth = outlook.new, float((outlook.weight * outlook.worth).sum())
    wins = float((outlook.weight * outlook.chance).sum()) + new.wins
    money = outlook.mean
    each = new.money / new.created if new.created else 0.0
    rows = {
        "deals": (new.created, new.created + gap / each if each > 0 else np.nan),
        "win_rate": (_over(outlook.open_money, worth), _over(_won_with(outlook, gap), worth)),
        "size": (_over(money, wins), _over(money + gap, wins)),
        "speed": (0.0, _sooner(later, gap)),
    }
    table = [(name, now, _within_reach(now, then), _UNITS[name])
             for name, (now, then) in ((name, rows[name]) for name in LEVERS)]  # fmt: skip
    return pd.DataFrame(table, columns=COLUMNS)


def _within_reach(now: float, then: float) -> float:
    """Return what is needed of a lever; missing where that is many times what there is."""
    return then if now <= 0 or then <= _MOST_TIMES * now else float("nan")


def _over(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _won_with(outlook: Outlook, gap: float) -> float:
    """Return the money of open deals once their log-odds, and those of new ones, close the gap."""

    def short(odds: float) -> float:
        return pulled(outlook, Change(odds=odds)).mean - outlook.mean - gap

    if short(_FURTHEST) < 0:
        return float("nan")
    return pulled(outlook, Change(odds=float(brentq(short, -_FURTHEST, _FURTHEST)))).open_money


def _sooner(later: Mapping[int, float], gap: float) -> float:
    """Return the days after the end by which the open deals bring the gap, between those given."""
    days = np.array([0, *sorted(later)], dtype="float64")
    money = np.array([0.0, *(later[day] for day in sorted(later))])
    if not len(later) or money[-1] < gap:
        return float("nan")
    return float(np.interp(gap, np.maximum.accumulate(money), days))
