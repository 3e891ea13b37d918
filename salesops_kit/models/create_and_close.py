"""Bookings of a period from deals that do not exist yet: new pipeline times what closes in time."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.models.single_amounts import believed
from salesops_kit.models.survival import AGE, aalen_johansen

Array = npt.NDArray[np.float64]

RECENT_DAYS = 56  # whose new deals tell how many will come: whole weeks
CURVE_DAYS = 540  # of creation whose deals tell how fast deals are won
_ENDS = ("won", "lost", "invalid")


@dataclass(frozen=True)
class NewDeals:
    """What deals created after a day bring until an end.

    `created`: deals expected to be created by then; `wins`: won by then; `worth`: mean amount of
    a deal won; `squared`: mean squared amount. `money` is their product.
    """

    created: float
    wins: float
    worth: float
    squared: float

    @property
    def money(self) -> float:
        """Bookings expected from them."""
        return self.wins * self.worth

    @property
    def variance(self) -> float:
        """Variance of these bookings by chance alone: a compound Poisson number of wins."""
        return self.wins * self.squared


def new_deals(courses: pd.DataFrame, amounts: pd.DataFrame, *, day: int, end: int) -> NewDeals:
    """Return what deals created after `day` bring by `end`, as known on `day`.

    Expected wins = sum over the days to come of deals created a day × share won within the days
    left, with the rate of the last eight weeks and the share by age of the last eighteen months
    (Aalen-Johansen: deals still open are censored).

    Parameters
    ----------
    courses
        One row per `created_day` and `age_days`: `won`, `lost`, `invalid` (deals that ended so at
        that age), `still_open` (`metrics.wins.cohort_exits`). What happened after `day` is put
        back here.
    amounts
        `won_day`, `age_days`, `amount`, `deals`: what was won, when, and how old the deals were.
    day, end
        Day numbers.
    """
    known = _as_of(courses, day)
    recent = known[known["created_day"] > day - RECENT_DAYS]
    begun = int(known["created_day"].min()) if len(known) else day
    rate = float(recent["deals"].sum()) / max(min(RECENT_DAYS, day - begun + 1), 1)
    share = _won_within(known, end - day)
    priced = amounts[amounts["amount"].notna()]
    young = priced[(priced["won_day"] <= day) & (priced["won_day"] > day - CURVE_DAYS)]
    # deals won young are smaller than those that take long: only their like counts
    quick = young[young["age_days"] <= max(end - day, 1)]
    chosen = quick if quick["deals"].sum() >= 20 else young
    n = chosen["deals"].to_numpy("float64")
    worth = believed(chosen["amount"].to_numpy("float64"), n)
    mean = float((n * worth).sum() / n.sum()) if n.sum() else 0.0
    squared = float((n * worth**2).sum() / n.sum()) if n.sum() else 0.0
    return NewDeals(rate * (end - day), rate * float(share.sum()), mean, squared)


def _as_of(courses: pd.DataFrame, day: int) -> pd.DataFrame:
    """Put ends after the day back: those deals were still open, as old as they were."""
    born = courses[(courses["created_day"] <= day) & (courses["created_day"] > day - CURVE_DAYS)]
    created, age = born["created_day"].to_numpy("int64"), born["age_days"].to_numpy("int64")
    later = created + age > day
    ends = {name: born[name].to_numpy("int64") for name in _ENDS}
    waiting = born["still_open"].to_numpy("int64")
    every = waiting + sum(ends.values())
    table = {"created_day": created, "age_days": np.where(later, day - created, age)}
    table |= {name: np.where(later, 0, number) for name, number in ends.items()}
    still = np.where(later, every, waiting)
    return pd.DataFrame(table | {"still_open": still, "deals": every})


def _won_within(known: pd.DataFrame, days: int) -> Array:
    """Return the share won within 0, 1, … days - 1 of creation; the last known value goes on."""
    if known.empty:
        return np.zeros(days)
    curve = aalen_johansen(known, event="won", competing=["lost", "invalid"], waiting="still_open")
    place = np.searchsorted(curve[AGE].to_numpy(), np.arange(days), side="right") - 1
    share = curve["share"].to_numpy()[np.maximum(place, 0)]
    return np.where(place >= 0, share, 0.0)
