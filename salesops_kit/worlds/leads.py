"""Leads: when they come in, from whom, who gets them and which become deals."""

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import (
    DAY,
    HOUR,
    LUNAR_NEW_YEAR,
    in_office,
    is_holiday,
    is_weekend,
    second,
    when_open,
)
from salesops_kit.worlds.company import pick
from salesops_kit.worlds.effects import DIMENSIONS, Favour, Flow, Mix
from salesops_kit.worlds.people import People, assign
from salesops_kit.worlds.world import World

CONVERTS = np.array([0.50, 0.55, 0.72, 0.44])  # share of leads that become deals, by source
_WORTH = np.array([-0.05, 0.0, 0.50, -0.35])  # what a source is worth to the rep who gets the lead


def make_leads(world: World, people: People) -> pd.DataFrame:
    """Draw leads, who gets them, when they are answered and which become deals."""
    rng = world.stream("leads")
    created = _arrivals(world, rng)
    n = len(created)
    who = _who(world, rng, created, people.accounts)
    source = who["source"].to_numpy()
    favour = _favour(world, created, who, people.accounts)
    rep = assign(rng, who["region"].to_numpy(), created, people.reps, favour)
    assigned = when_open(created + np.round(rng.exponential(3 * HOUR, n)).astype("int64"))
    assigned = np.maximum(assigned, created)
    answered = when_open(assigned + np.round(rng.lognormal(9.3, 1.3, n)).astype("int64"))
    answered = np.maximum(answered, assigned)
    converts = rng.random(n) < CONVERTS[source]
    converted = in_office(answered + np.round(rng.lognormal(11.6, 1.0, n)).astype("int64"))
    converted = np.maximum(converted, answered + 60)
    end = second(world.export_on)
    every = pd.DataFrame(
        {"created": created, "account": who["account"], "region": who["region"], "source": source,
         "rep": rep, "assigned": np.where(assigned < end, assigned, -1),
         "answered": np.where(answered < end, answered, -1),
         "converted": converted, "converts": converts & (converted < end)}
    )  # fmt: skip
    kept = every[_came(world, every, people.accounts)]
    frame = kept.sort_values(["created", "account", "converted"], ignore_index=True)
    frame.insert(0, "lead", np.arange(len(frame)))
    frame["deal"] = np.where(frame["converts"], frame["converts"].cumsum() - 1, -1)
    return frame


def _arrivals(world: World, rng: np.random.Generator) -> np.ndarray:
    """Draw when leads come in: Poisson per day with trend, season, weekends and holidays."""
    days = pd.date_range(world.start, world.export_on, inclusive="left")
    number = np.arange(len(days)) + second(world.start) // DAY
    rate = (
        world.leads_per_month / 21.0 * (1 + world.growth_per_month) ** (np.arange(len(days)) / 30.4)
    )
    rate *= 1 + world.season * np.cos(2 * np.pi * (days.month.to_numpy() - 4) / 12)
    rate[is_weekend(number)] *= 0.08
    rate[is_holiday(number)] *= 0.30
    for holiday in LUNAR_NEW_YEAR:
        rate[np.abs(number - second(holiday) // DAY) <= 10] *= 0.50
    counts = rng.poisson(np.round(rate * _most(world), 6))
    opening = np.repeat(number * DAY + 8 * HOUR, counts)
    return np.asarray(opening + rng.integers(0, 10 * HOUR, len(opening)))


def _who(
    world: World, rng: np.random.Generator, created: np.ndarray, accounts: pd.DataFrame
) -> pd.DataFrame:
    """Draw account, region and source of each lead; then let the mix shift."""
    n = len(created)
    chance = np.round(accounts["rank"].to_numpy() ** 2 + 0.05, 6)
    account = rng.choice(len(accounts), size=n, p=chance / chance.sum())
    region = accounts["region"].to_numpy()[account]
    who = pd.DataFrame({"account": account, "region": region, "source": pick(rng, c.SOURCES, n)})
    for number, mix in enumerate(world.effects(Mix)):
        if mix.dimension == "product":
            continue
        luck = world.stream(f"mix {number}")
        moved = luck.random(n) < mix.share * mix.span.strength(created)
        moved &= mix.where.touches(who, accounts)
        to = DIMENSIONS[mix.dimension].index(mix.to)
        if mix.dimension == "region":
            there = np.flatnonzero(accounts["region"].to_numpy() == to)
            who["account"] = np.where(moved, luck.choice(there, n), who["account"])
        who[mix.dimension] = np.where(moved, to, who[mix.dimension])
    return who


def _favour(
    world: World, created: np.ndarray, who: pd.DataFrame, accounts: pd.DataFrame
) -> np.ndarray | None:
    """How much each lead is kept for skilled reps; None where leads are handed out evenly."""
    favours = world.effects(Favour)
    if not favours:
        return None
    total = np.zeros(len(who))
    for favour in favours:
        there = favour.span.strength(created) * favour.where.touches(who, accounts)
        total += favour.power * there * 3 * _WORTH[who["source"].to_numpy()]
    return np.round(total, 6)


def _most(world: World) -> float:
    """How many times the usual number of leads there can be at most."""
    return float(np.prod([max(flow.factor, 1.0) for flow in world.effects(Flow)]))


def _came(world: World, leads: pd.DataFrame, accounts: pd.DataFrame) -> np.ndarray:
    """Mark the leads that really come in: more were drawn than come where a flow changes."""
    flows = world.effects(Flow)
    if not flows:
        return np.ones(len(leads), dtype=bool)
    chance = np.full(len(leads), 1 / _most(world))
    for flow in flows:
        strength = flow.span.strength(leads["created"].to_numpy())
        chance *= 1 + (flow.factor - 1) * strength * flow.where.touches(leads, accounts)
    return np.asarray(world.stream("flow").random(len(leads)) < np.round(chance, 9))
