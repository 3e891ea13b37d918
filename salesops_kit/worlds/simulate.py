"""Leads become deals, deals move through stages, some are won: the truth behind the exports.

All frames refer to each other by position (rep 3, account 17); a dialect turns positions into
its own ids and names. Times are whole seconds and chances are rounded before use, so that no
machine's last bit can change an order of events.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.company import pick
from salesops_kit.worlds.effects import DIMENSIONS, Mix, Sizes
from salesops_kit.worlds.leads import make_leads
from salesops_kit.worlds.moves import histories
from salesops_kit.worlds.people import (
    People,
    assign,
    left_at,
    make_accounts,
    make_contacts,
    make_reps,
)
from salesops_kit.worlds.settle import settle
from salesops_kit.worlds.world import World


@dataclass
class Company:
    """A simulated company: one frame per kind of record.

    `exits` holds what no CRM knows: every end of a stay in a stage with its true chance to advance.
    """

    world: World
    reps: pd.DataFrame
    accounts: pd.DataFrame
    contacts: pd.DataFrame
    leads: pd.DataFrame
    deals: pd.DataFrame
    history: pd.DataFrame
    exits: pd.DataFrame


def simulate(world: World) -> Company:
    """Simulate leads, deals and stage histories up to the export."""
    reps, accounts = make_reps(world), make_accounts(world)
    leads = make_leads(world, People(reps, accounts))
    people = People(reps, _known_before_first_lead(accounts, leads))
    deals = _new_deals(world, leads, people)
    moves = histories(world, deals, people)
    deals, history = settle(world, deals, moves.entries, people)
    contacts = make_contacts(world, people.accounts)
    return Company(world, reps, people.accounts, contacts, leads, deals, history, moves.exits)


def _known_before_first_lead(accounts: pd.DataFrame, leads: pd.DataFrame) -> pd.DataFrame:
    """Make accounts no younger than the first lead that names them."""
    first = pd.to_datetime(leads.groupby("account")["created"].min(), unit="s")
    known = accounts["created_at"].where(
        ~(accounts["created_at"] > accounts["account"].map(first)),
        accounts["account"].map(first),
    )
    return accounts.assign(created_at=known)


def _new_deals(world: World, leads: pd.DataFrame, people: People) -> pd.DataFrame:
    """Return the deals as they were created: product, size and who owns them."""
    rng = world.stream("deals")
    born = leads[leads["converts"]].reset_index(drop=True)
    n = len(born)
    product = _products(world, born, pick(rng, tuple(p[0] for p in c.PRODUCTS), n))
    segment = people.accounts["segment"].to_numpy()[born["account"]]
    price = np.array([p[2] for p in c.PRODUCTS])[product]
    units = 1 + rng.poisson(0.6 + 0.9 * segment)
    size = np.round(price * units * np.exp(rng.normal(0, 0.25, n)), -2)
    deals = pd.DataFrame(
        {
            "deal": np.arange(n),
            "lead": born["lead"],
            "account": born["account"],
            "rep": _first_owner(world, born, people.reps),
            "region": born["region"],
            "source": born["source"],
            "product": product,
            "units": units,
            "size": size,
            "created": born["converted"],
            "estimate": np.round(size * np.exp(rng.normal(0.05, 0.3, n)), -3),
            "stale": rng.random(n) < world.stale,
            "late_amount": rng.random(n) < 0.12,
            "no_amount": rng.random(n) < 0.006,
            "existing": rng.random(n) < 0.35,
            "discount": np.round(rng.beta(1.5, 14, n), 3),
        }
    )
    return _resized(world, deals, people.accounts)


def _products(world: World, born: pd.DataFrame, product: np.ndarray) -> np.ndarray:
    """Let the mix of products shift where a cause says so."""
    for number, mix in enumerate(world.effects(Mix)):
        if mix.dimension != "product":
            continue
        luck = world.stream(f"mix {number}").random(len(born))
        moved = luck < mix.share * mix.span.strength(born["converted"].to_numpy())
        product = np.where(moved, DIMENSIONS["product"].index(mix.to), product)
    return product


def _resized(world: World, deals: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Let deals be smaller or larger, and more be given away, where a cause says so."""
    for sizes in world.effects(Sizes):
        strength = sizes.span.strength(deals["created"].to_numpy())
        strength = strength * sizes.where.touches(deals, accounts)
        times = 1 + (sizes.factor - 1) * strength
        discount = deals["discount"] + sizes.discount * strength
        deals = deals.assign(
            size=np.round(deals["size"] * times, -2),
            estimate=np.round(deals["estimate"] * times, -3),
            discount=np.round(np.clip(discount, 0, 0.9), 3),
        )
    return deals


def _first_owner(world: World, born: pd.DataFrame, reps: pd.DataFrame) -> np.ndarray:
    """Return the lead's rep, or a colleague where the rep left before the lead became a deal."""
    rep, when = born["rep"].to_numpy(), born["converted"].to_numpy()
    other = assign(world.stream("owners"), born["region"].to_numpy(), when, reps)
    return np.where(when < left_at(reps)[rep], rep, other)
