"""The gates of the effect of trainings: reps chosen for a bad quarter, with and without an effect.

Sixty reps with skill of sd 0.3 in log-odds decide about twelve deals a month each (between a third
and two thirds more), all months move together by sd 0.1. The fifteen who won least of the last
quarter are trained. In a harder world each rep's skill drifts from quarter to quarter as well, in
another the trainings begin in three rounds, and a small company trains five of twenty-four.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from salesops_kit.models.events import (
    LEVEL,
    NEVER,
    Panel,
    Schedule,
    Windows,
    compared_change,
    event_effect,
    plain_change,
)
from truth.gates import Gate

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]

FALSE, POWER, LIFT = 0.07, 0.85, 0.35  # highest rate of false effects; least found of this log-odds
MONTHS, HELD, DEALS, SKILL, COMMON = 24, 16, 12, 0.3, 0.1
DRIFT = 0.2  # sd of a rep's quarterly ups and downs in the harder world, half of it stays
DRAWS = 199


@dataclass(frozen=True)
class Company:
    """A kind of world: how many reps, how many of them trained, in how many rounds, how noisy."""

    name: str
    reps: int = 60
    trained: int = 15
    rounds: int = 1
    drift: float = 0.0


USUAL = Company("worst of a quarter trained")
OTHERS = (
    Company("the same in three rounds", rounds=3),
    Company("the same, skill drifting", drift=DRIFT),
    Company("five of 24 reps", reps=24, trained=5),
)


@dataclass(frozen=True)
class TrainingSizes:
    """How many worlds each gate sees."""

    worlds: int = 300
    others: int = 40


@dataclass(frozen=True)
class Claims:
    """Who claims an effect in one world."""

    ours: bool
    before_after: bool
    with_selection: bool


def training_gates(spread: Spread, first: int, sizes: TrainingSizes) -> list[Gate]:
    """Measure false and missed effects of trainings."""
    if not sizes.worlds:
        return []
    asked = [(USUAL, sizes.worlds), *[(one, sizes.others) for one in OTHERS if sizes.others]]
    gates = []
    for place, (company, worlds) in enumerate(asked):
        for lift in (0.0, LIFT):
            start = first + 2_000 * place + (1_000 if lift else 0)
            found = spread(claims, [(company, lift, start + i) for i in range(worlds)])
            gates += effect_gates(company, lift, found)
    return gates


def effect_gates(company: Company, lift: float, found: Sequence[Claims]) -> list[Gate]:
    """Return the gates of one kind of world; what the usual figures claim stands beside."""
    told = f"training, {company.name}"
    rates = [
        (name, sum(getattr(one, way) for one in found))
        for name, way in (("before and after", "before_after"),
                          ("compared, choice included", "with_selection"))
    ]  # fmt: skip
    ours, n = sum(one.ours for one in found), len(found)
    if lift:
        return [Gate(f"{told}: effect of {lift:+g} in log-odds found",
                     "How often a true effect is told from chance at 5 %.", ours, n,
                     lowest=POWER if company == USUAL else None)]  # fmt: skip
    gate = Gate(f"{told}: effect claimed where there is none",
                "How often an effect is claimed although the training did nothing; those chosen "
                "for a bad quarter get better anyway.", ours, n,
                highest=FALSE if company == USUAL else None)  # fmt: skip
    return [gate, *[Gate(f"… {name}", "What is usually reckoned, in the same worlds.", hits, n)
                    for name, hits in rates]]  # fmt: skip


def claims(asked: tuple[Company, float, int]) -> Claims:
    """Draw one world and ask every way of reckoning for an effect."""
    company, lift, seed = asked
    panel, schedule = drawn(company, lift, seed)
    windows = Windows()
    effect = event_effect(panel, schedule, windows, seed=seed, draws=DRAWS)
    quarter = Windows(before=windows.skip, skip=0, after=windows.after)
    plain = plain_change(panel, schedule, quarter.base, (1, 3))
    beside = compared_change(panel, schedule, quarter)
    return Claims(bool(effect.p <= LEVEL), _claims(plain), _claims(beside))


def _claims(of: tuple[float, float, float]) -> bool:
    return of[1] > 0 or of[2] < 0


def drawn(company: Company, lift: float, seed: int) -> tuple[Panel, Schedule]:
    """Return deals decided and won per rep and month, and who was trained when."""
    rng = np.random.default_rng(seed)
    reps = company.reps
    busy = rng.uniform(1 / 3, 5 / 3, reps)[:, None] * DEALS
    n = rng.poisson(busy, (reps, MONTHS))
    level = rng.normal(-0.9, SKILL, reps)[:, None] + rng.normal(0, COMMON, MONTHS)
    level = level + np.repeat(_drift(rng, company), 3, axis=1)[:, :MONTHS]
    won = rng.binomial(n, 1 / (1 + np.exp(-level)))
    first = np.full(reps, NEVER, dtype="int64")
    share = company.trained // company.rounds
    for held in range(HELD - 3 * (company.rounds - 1) // 2, MONTHS, 3)[: company.rounds]:
        rate = won[:, held - 3 : held].sum(axis=1) / np.maximum(
            n[:, held - 3 : held].sum(axis=1), 1
        )
        rate[first != NEVER] = np.inf
        worst = np.argsort(rate, kind="stable")[:share]
        first[worst] = held
        grown = lift * np.clip((np.arange(held, MONTHS) - held + 0.5) / 2, 0, 1)
        odds = level[worst, held:] + grown
        won[worst, held:] = rng.binomial(n[worst, held:], 1 / (1 + np.exp(-odds)))
    return Panel(won.astype("float64"), n.astype("float64")), Schedule(first)


def _drift(rng: np.random.Generator, company: Company) -> Any:
    quarters = -(-MONTHS // 3)
    noise = rng.normal(0, company.drift, (company.reps, quarters)) if company.drift else None
    walk = np.zeros((company.reps, quarters))
    if noise is None:
        return walk
    walk[:, 0] = noise[:, 0]
    for quarter in range(1, quarters):
        walk[:, quarter] = 0.5 * walk[:, quarter - 1] + 0.75**0.5 * noise[:, quarter]
    return walk
