"""Leads become deals, deals move through stages, some are won: the truth behind the exports.

All frames refer to each other by position (rep 3, account 17); a dialect turns positions into
its own ids and names. Times are whole seconds and chances are rounded before use, so that no
machine's last bit can change an order of events.
"""

from dataclasses import dataclass

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
from salesops_kit.worlds.company import World, pick
from salesops_kit.worlds.moves import histories
from salesops_kit.worlds.people import assign, left_at, make_accounts, make_contacts, make_reps
from salesops_kit.worlds.settle import settle

STALE = 0.04


@dataclass
class Company:
    """A simulated company: one frame per kind of record."""

    world: World
    reps: pd.DataFrame
    accounts: pd.DataFrame
    contacts: pd.DataFrame
    leads: pd.DataFrame
    deals: pd.DataFrame
    history: pd.DataFrame


def simulate(world: World) -> Company:
    """Simulate leads, deals and stage histories up to the export."""
    reps, accounts = make_reps(world), make_accounts(world)
    leads = _leads(world, reps, accounts)
    accounts = _known_before_first_lead(accounts, leads)
    deals = _new_deals(world, leads, accounts, reps)
    deals, history = settle(world, deals, histories(world, deals, reps), reps)
    return Company(world, reps, accounts, make_contacts(world, accounts), leads, deals, history)


def _leads(world: World, reps: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Draw leads, who gets them, when they are answered and which become deals."""
    rng = world.stream("leads")
    created = _arrivals(world, rng)
    n = len(created)
    chance = np.round(accounts["rank"].to_numpy() ** 2 + 0.05, 6)
    account = rng.choice(len(accounts), size=n, p=chance / chance.sum())
    region = accounts["region"].to_numpy()[account]
    source = pick(rng, c.SOURCES, n)
    rep = assign(rng, region, created, reps)
    assigned = when_open(created + np.round(rng.exponential(3 * HOUR, n)).astype("int64"))
    assigned = np.maximum(assigned, created)
    answered = when_open(assigned + np.round(rng.lognormal(9.3, 1.3, n)).astype("int64"))
    answered = np.maximum(answered, assigned)
    converts = rng.random(n) < np.array([0.50, 0.55, 0.72, 0.44])[source]
    converted = in_office(answered + np.round(rng.lognormal(11.6, 1.0, n)).astype("int64"))
    converted = np.maximum(converted, answered + 60)
    end = second(world.export_on)
    frame = pd.DataFrame(
        {"created": created, "account": account, "region": region, "source": source, "rep": rep,
         "assigned": np.where(assigned < end, assigned, -1),
         "answered": np.where(answered < end, answered, -1),
         "converted": converted, "converts": converts & (converted < end)}
    ).sort_values(["created", "account", "converted"], ignore_index=True)  # fmt: skip
    frame.insert(0, "lead", np.arange(n))
    frame["deal"] = np.where(frame["converts"], frame["converts"].cumsum() - 1, -1)
    return frame


def _arrivals(world: World, rng: np.random.Generator) -> np.ndarray:
    """Draw when leads come in: Poisson per day with trend, season, weekends and holidays."""
    days = pd.date_range(world.start, world.export_on, inclusive="left")
    number = np.arange(len(days)) + second(world.start) // DAY
    rate = (
        world.leads_per_month / 21.0 * (1 + world.growth_per_month) ** (np.arange(len(days)) / 30.4)
    )
    rate *= 1 + 0.12 * np.cos(2 * np.pi * (days.month.to_numpy() - 4) / 12)
    rate[is_weekend(number)] *= 0.08
    rate[is_holiday(number)] *= 0.30
    for holiday in LUNAR_NEW_YEAR:
        rate[np.abs(number - second(holiday) // DAY) <= 10] *= 0.50
    counts = rng.poisson(np.round(rate, 6))
    opening = np.repeat(number * DAY + 8 * HOUR, counts)
    return np.asarray(opening + rng.integers(0, 10 * HOUR, len(opening)))


def _known_before_first_lead(accounts: pd.DataFrame, leads: pd.DataFrame) -> pd.DataFrame:
    """Make accounts no younger than the first lead that names them."""
    first = pd.to_datetime(leads.groupby("account")["created"].min(), unit="s")
    known = accounts["created_at"].where(
        ~(accounts["created_at"] > accounts["account"].map(first)),
        accounts["account"].map(first),
    )
    return accounts.assign(created_at=known)


def _new_deals(
    world: World, leads: pd.DataFrame, accounts: pd.DataFrame, reps: pd.DataFrame
) -> pd.DataFrame:
    """Return the deals as they were created: product, size and who owns them."""
    rng = world.stream("deals")
    born = leads[leads["converts"]].reset_index(drop=True)
    n = len(born)
    product = pick(rng, tuple(p[0] for p in c.PRODUCTS), n)
    segment = accounts["segment"].to_numpy()[born["account"]]
    price = np.array([p[2] for p in c.PRODUCTS])[product]
    units = 1 + rng.poisson(0.6 + 0.9 * segment)
    size = np.round(price * units * np.exp(rng.normal(0, 0.25, n)), -2)
    return pd.DataFrame(
        {
            "deal": np.arange(n),
            "lead": born["lead"],
            "account": born["account"],
            "rep": _first_owner(world, born, reps),
            "region": born["region"],
            "source": born["source"],
            "product": product,
            "units": units,
            "size": size,
            "created": born["converted"],
            "estimate": np.round(size * np.exp(rng.normal(0.05, 0.3, n)), -3),
            "stale": rng.random(n) < STALE,
            "late_amount": rng.random(n) < 0.12,
            "no_amount": rng.random(n) < 0.006,
            "existing": rng.random(n) < 0.35,
            "discount": np.round(rng.beta(1.5, 14, n), 3),
        }
    )


def _first_owner(world: World, born: pd.DataFrame, reps: pd.DataFrame) -> np.ndarray:
    """Return the lead's rep, or a colleague where the rep left before the lead became a deal."""
    rep, when = born["rep"].to_numpy(), born["converted"].to_numpy()
    other = assign(world.stream("owners"), born["region"].to_numpy(), when, reps)
    return np.where(when < left_at(reps)[rep], rep, other)
