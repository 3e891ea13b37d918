"""The gates of alarms: false ones in years in which nothing happens, and a fall that must be found.

A company's nine series and ninety-six groups, judged by two years; win rate is drawn from 30 deals
a week, the rest is normal, and a series resembles its own last week (0.15) in a second kind of
world. Every week of a year is judged as of that week. Then the win rate falls from 0.30 to 0.20.

Beside these, whole companies whose deals the monitor reads itself (`truth.monitor_worlds`): is one
cause one alert, at the right place, and do season, lunar new year and month ends stay silent?
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from salesops_kit.models.alarms import FAST, SLOW, YEAR, Family, watch
from truth.gates import Gate, MeanGate
from truth.monitor_worlds import FALLEN as COMPANY_FALLEN
from truth.monitor_worlds import KINDS, SINCE, Told, told
from truth.monitor_worlds import USUAL as COMPANY_USUAL

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]

KEY, GROUPS, REFERENCE = 9, 96, 104
DEALS, USUAL, FALLEN = 30, 0.30, 0.20
BUDGET, FOUND, WITHIN = 1.0, 0.85, 12
ONE_ALERT, RIGHT_PLACE = 0.9, 0.9  # of the falls that ring
SHARES = (0.5, 0.4, 0.1)
LAG = 0.15


@dataclass(frozen=True)
class MonitorSizes:
    """How many worlds each gate sees."""

    years: int = 200
    falls: int = 200
    companies: int = 100  # of each kind


@dataclass(frozen=True)
class Heard:
    """Alarms of a year without cause, and whether the fall after it rang in time."""

    false: int
    found: bool


def monitor_gates(spread: Spread, first: int, sizes: MonitorSizes) -> list[Gate | MeanGate]:
    """Measure false and missed alarms."""
    return [*_series_gates(spread, first, sizes), *_company_gates(spread, first, sizes)]


def _series_gates(spread: Spread, first: int, sizes: MonitorSizes) -> list[Gate | MeanGate]:
    if not sizes.years:
        return []
    calm = spread(heard, [(0.0, first + i) for i in range(sizes.years)])
    sticky = spread(heard, [(LAG, first + 2_000 + i) for i in range(sizes.years)])
    return [
        alarm_gate("", [one.false for one in calm]),
        alarm_gate(f", weeks resemble each other ({LAG:g})", [one.false for one in sticky]),
        found_gate(calm[: sizes.falls]),
    ]


def _company_gates(spread: Spread, first: int, sizes: MonitorSizes) -> list[Gate | MeanGate]:
    n = sizes.companies
    if not n:
        return []
    calm, seasonal, region, everywhere = (
        spread(told, [(kind, first + 4_000 + 1_000 * place + i) for i in range(n)])
        for place, kind in enumerate(KINDS)
    )
    whole = "Companies of 60 deals a week (150 where one of five regions falls), 5 series of the "
    whole += "company and 15 groups of each"
    return [
        alarm_gate(", deals of a calm company", [one.begun for one in calm], whole),
        alarm_gate(", season, lunar new year, rush at month ends",
                   [one.begun for one in seasonal], whole),
        *fall_gates("in one of five regions", region),
        *fall_gates("everywhere", everywhere),
    ]  # fmt: skip


def fall_gates(where: str, found: list[Told]) -> list[Gate]:
    """Return whether a fall rings, is one alert, and stands at the right place."""
    rung = [one for one in found if one.alerts]
    fall = (f"The win rate falls from {COMPANY_USUAL:g} to {COMPANY_FALLEN:g} {where}, "
            f"{SINCE} weeks before the last")  # fmt: skip
    gates = [Gate(f"monitor: fall {where} rings", f"{fall}.", len(rung), len(found),
                  lowest=FOUND)]  # fmt: skip
    if rung:
        gates += [
            Gate("… as one alert", "Of those that ring, how many have one alert in all: neither a "
                 "second of what the fall causes nor a false one beside it.",
                 sum(one.alerts == 1 for one in rung), len(rung), lowest=ONE_ALERT),
            Gate("… at the right place", "Of those that ring, how many name it.",
                 sum(one.right for one in rung), len(rung), lowest=RIGHT_PLACE),
        ]  # fmt: skip
    return gates


def alarm_gate(
    kind: str, false: list[int],
    watched: str = f"{KEY} series of the company and {GROUPS} groups",
) -> MeanGate:  # fmt: skip
    """Share of the budget that is left: its lower bound must not be below 0."""
    left = tuple(BUDGET - one for one in false)
    return MeanGate(
        f"monitor: budget of {BUDGET:g} false alarm a year less alarms{kind}",
        f"Mean over years without a cause, {watched} watched together; {sum(false)} alarms in "
        f"{len(false)} years. The whole interval should lie above 0.", left, lowest=0.0,
    )  # fmt: skip


def found_gate(worlds: list[Heard]) -> Gate:
    return Gate(
        f"monitor: win rate from {USUAL:.2f} to {FALLEN:.2f} at {DEALS} deals a week found",
        f"How often it rings within {WITHIN} weeks, while all other series are watched too.",
        sum(one.found for one in worlds), len(worlds), lowest=FOUND,
    )  # fmt: skip


def heard(asked: tuple[float, int]) -> Heard:
    """Draw one world; the limits belong to its own reference."""
    lag, seed = asked
    values = drawn(lag, seed)
    order = np.concatenate([np.arange(KEY + GROUPS), np.arange(KEY)])
    slow = np.arange(len(order)) >= KEY + GROUPS
    groups = np.where(slow, 2, np.where(order < KEY, 0, 1)).astype("int64")
    family = Family(values[order], REFERENCE, groups, SHARES, np.where(slow, SLOW, FAST))
    alarms = watch(family, budget=BUDGET, seed=seed)
    false = int(alarms.begun(groups)[:YEAR].sum())
    first = np.flatnonzero(order == 0)
    return Heard(false, bool(alarms.ringing[first, YEAR:].any()))


def drawn(lag: float, seed: int) -> Any:
    """Return series × weeks, higher is worse: two years, one without and weeks with the fall."""
    rng = np.random.default_rng(seed)
    weeks = REFERENCE + YEAR + WITHIN
    values = rng.standard_normal((KEY + GROUPS, weeks))
    for week in range(1, weeks):
        values[:, week] = lag * values[:, week - 1] + (1 - lag**2) ** 0.5 * values[:, week]
    chance = np.full(weeks, USUAL)
    chance[-WITHIN:] = FALLEN
    values[0] = -rng.binomial(DEALS, chance) / DEALS
    return values
