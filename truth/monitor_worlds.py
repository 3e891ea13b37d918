"""Invented companies whose deals the whole monitor watches: calm, seasonal, or with a planted fall.

Sixty deals are decided a week, by five regions, four products and six teams drawn on their own;
a hundred and fifty where one region falls, so that thirty a week are decided in it.
A seasonal company sells a third more in its best months than in its worst, wins a little more
then, closes little around lunar new year and much after it, and rushes at the ends of months.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.monitor import analyse_monitor
from salesops_kit.analyses.monitor_series import COMPANY
from salesops_kit.models.day_shares import lunar_new_years
from salesops_kit.periods import period
from truth.tables import workspace_of

Days = npt.NDArray[np.int64]

LAST = date(2025, 9, 28)  # a Sunday
WEEKS, DECIDED, DECIDED_BY_REGIONS = 182, 60, 150
_AFTER = 9  # weeks after the last day in which deals open on it are decided
USUAL, FALLEN = 0.30, 0.18
SINCE = 16  # weeks before the end in which a fall begins
REGIONS = ("East", "South", "North", "Central", "West")
KINDS = ("calm", "seasonal", "one region", "everywhere")
_SEASON, _SEASON_WINS, _RUSH, _HOLIDAY = 0.17, 0.02, 0.35, 0.7


@dataclass(frozen=True)
class Told:
    """What the monitor told: its alerts in the last week, and the alarms begun in the year."""

    alerts: int
    right: bool
    begun: int


def told(asked: tuple[str, int]) -> Told:
    """Watch one company; right is the region that fell, or the company where all fell."""
    kind, seed = asked
    found = analyse_monitor(
        workspace_of({"deals": deals(kind, seed)}, LAST), period=period("2025-09")
    )
    wanted = (COMPANY, "") if kind == "everywhere" else ("region", REGIONS[0])
    places = set(zip(found.alerts["dimension"], found.alerts["group"], strict=True))
    return Told(len(found.alerts), wanted in places, found.begun)


def deals(kind: str, seed: int) -> pd.DataFrame:
    """Return all deals of a company of a kind."""
    rng = np.random.default_rng(seed)
    weeks = WEEKS + _AFTER
    n = weeks * (DECIDED_BY_REGIONS if kind == "one region" else DECIDED)
    end = pd.Timestamp(LAST) + pd.Timedelta("1D")
    first = end - pd.Timedelta(weeks=WEEKS)
    seasonal = kind == "seasonal"
    closed = _closings(rng, n, first) if seasonal else rng.integers(0, 7 * weeks, n)
    day = first + pd.to_timedelta(closed, unit="D")
    region = rng.integers(0, len(REGIONS), n)
    chance = np.full(n, USUAL)
    if seasonal:
        chance += _SEASON_WINS * np.cos(2 * np.pi * (day.day_of_year.to_numpy() - 300) / 365.25)
    fell = closed >= 7 * (WEEKS - SINCE)
    if kind == "one region":
        fell &= region == 0
    if kind in ("one region", "everywhere"):
        chance[fell] = FALLEN
    status = np.where(rng.random(n) < chance, "won", "lost")
    status = np.where(closed < 7 * WEEKS, status, "open")
    created = day - pd.to_timedelta(rng.integers(15, 60, n), unit="D")
    return pd.DataFrame({
        "deal_id": [f"D{i}" for i in range(n)], "owner_id": "R1", "stage": status,
        "status": status, "region": np.array(REGIONS)[region],
        "product": rng.integers(0, 4, n).astype(str), "team": rng.integers(0, 6, n).astype(str),
        "amount": np.exp(rng.normal(10, 0.7, n)).round(), "created_at": created,
        "closed_at": day.to_series(index=range(n)).where(closed < 7 * WEEKS), "is_deleted": False,
    })[created < end]  # fmt: skip


def _closings(rng: np.random.Generator, n: int, first: pd.Timestamp) -> Days:
    """Return days of closing by season, with little at lunar new year and a rush at month ends."""
    days = np.arange(7 * (WEEKS + _AFTER))
    when = first + pd.to_timedelta(days, unit="D")
    weight = 1 + _SEASON * np.cos(2 * np.pi * (when.day_of_year.to_numpy() - 300) / 365.25)
    shut = np.zeros(len(days), dtype=bool)
    for new_year in _new_years(first.date()):
        from_it = (when - pd.Timestamp(new_year)).days.to_numpy()
        shut |= (from_it >= -4) & (from_it < 10)
        weight = np.where((from_it >= 10) & (from_it < 14), weight * 2, weight)
    weight = np.where(shut, weight * (1 - _HOLIDAY), weight)
    chosen = rng.choice(days, n, p=weight / weight.sum())
    left = (when.days_in_month - when.day).to_numpy()[chosen]
    rushed = (rng.random(n) < _RUSH) & (left > 0) & (chosen + left < len(days))
    late = rng.integers(0, 4, n)
    moved = chosen + np.maximum(left - late, 0)
    return np.where(rushed & ~shut[np.minimum(moved, len(days) - 1)], moved, chosen)


@cache
def _new_years(first: date) -> tuple[date, ...]:
    return lunar_new_years("CN", first, LAST + timedelta(weeks=_AFTER))
