"""What people typed along the way: amounts, expected dates, reasons, owners; the bulk edit."""

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, HOUR, second
from salesops_kit.worlds.company import LOST, VOID, WON, pick
from salesops_kit.worlds.effects import Blamed, BulkClose
from salesops_kit.worlds.people import People, assign, left_at
from salesops_kit.worlds.world import World

_RANK = {s.name: i for i, s in enumerate(c.STAGES)}
_CLOSED = len(c.STAGES)


def settle(
    world: World, deals: pd.DataFrame, history: pd.DataFrame, people: People
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return deals as they stand at the export, and their history, with everything typed in."""
    rng = world.stream("settle")
    history = _bulk_edited(world, history)
    history["amount"] = _amounts(deals, history)
    chance = {s.name: s.probability for s in c.STAGES} | {WON: 1.0, LOST: 0.0, VOID: 0.0}
    history["probability"] = history["stage"].map(chance)
    history["expected_day"] = _expected(rng.random((len(deals), _CLOSED)), history)
    deals = _with_reasons(rng, _as_they_stand(deals, history))
    deals = _blamed(world, deals, people.accounts)
    return _handed_over(world, deals, history, people.reps)


def _bulk_edited(world: World, history: pd.DataFrame) -> pd.DataFrame:
    edited = history.assign(by_office=False)
    for closing in world.effects(BulkClose):
        edited = _bulk_edit(closing, edited)
    return edited


def _bulk_edit(closing: BulkClose, history: pd.DataFrame) -> pd.DataFrame:
    """One evening, somebody in the office closes forgotten deals all at once."""
    moment = second(closing.span.since) + 18 * HOUR + 12 * 60
    after = history.loc[history["entered"] >= moment, "deal"]
    newest = history[~history["deal"].isin(after)].groupby("deal").tail(1)
    old = newest[
        newest["stage"].isin(_RANK) & (newest["entered"] < moment - closing.older_days * DAY)
    ]
    chosen = old["deal"].to_numpy()[: closing.deals]
    closed = pd.DataFrame(
        {"deal": chosen, "stage": LOST, "entered": moment + np.arange(len(chosen)) % 50,
         "by_office": True}
    )  # fmt: skip
    table = pd.concat([history, closed], ignore_index=True)
    return table.sort_values(["deal", "entered"], kind="stable", ignore_index=True)


def _rank(history: pd.DataFrame) -> np.ndarray:
    return history["stage"].map(_RANK).fillna(_CLOSED).to_numpy(dtype="int64")


def _amounts(deals: pd.DataFrame, history: pd.DataFrame) -> np.ndarray:
    """First a guess, from the proposal on the offer, later the discounted price."""
    own, rank = deals.iloc[history["deal"].to_numpy()], _rank(history)
    size = own["size"].to_numpy()
    final = np.round(size * (1 - own["discount"].to_numpy()), -2)
    amount = np.where(rank < 3, own["estimate"], np.where(rank < 4, size, final))
    late = own["late_amount"].to_numpy() & (rank < 2)
    return np.where(late | own["no_amount"].to_numpy(), np.nan, amount)


def _expected(draw: np.ndarray, history: pd.DataFrame) -> np.ndarray:
    """Return the day the rep expects the close: what is still ahead, guessed with an error."""
    days, rank = np.array([s.days for s in c.STAGES]), _rank(history)
    ahead = np.append(days[::-1].cumsum()[::-1], 0)[rank]
    luck = draw[history["deal"].to_numpy(), np.minimum(rank, _CLOSED - 1)]
    guess = np.maximum(np.round(ahead * (0.7 + 0.6 * luck)).astype("int64"), 3)
    return np.asarray(history["entered"] // DAY + np.where(rank == _CLOSED, 0, guess))


def _as_they_stand(deals: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    newest = history.groupby("deal").tail(1).set_index("deal")
    names = {"stage": "stage", "entered": "stage_at", "amount": "amount",
             "probability": "probability", "expected_day": "expected_day"}  # fmt: skip
    return deals.join(newest.rename(columns=names)[list(names.values())], on="deal")


def _with_reasons(rng: np.random.Generator, deals: pd.DataFrame) -> pd.DataFrame:
    """Add loss reason and rival as positions; -1 where nobody named one."""
    reason = pick(rng, c.LOSS_REASONS, len(deals))
    rival = pick(rng, c.COMPETITORS, len(deals))
    named = rng.random(len(deals))
    lost = (deals["stage"] == LOST).to_numpy()
    reason = np.where(lost & (named < 0.82), reason, -1)
    named_rival = (reason == 1) | (named > 0.93)
    return deals.assign(reason=reason, rival=np.where(named_rival, rival, -1))


def _blamed(world: World, deals: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Let lost deals name the reason or the rival that a cause brought."""
    reasons, rivals = [r.en for r in c.LOSS_REASONS], [r.en for r in c.COMPETITORS]
    for number, blamed in enumerate(world.effects(Blamed)):
        luck = world.stream(f"blamed {number}").random(len(deals))
        when = deals["stage_at"].to_numpy()
        hit = blamed.where.touches(deals, accounts) & (deals["stage"] == LOST).to_numpy()
        hit &= luck < blamed.share * blamed.span.strength(when)
        if blamed.reason:
            deals["reason"] = np.where(hit, reasons.index(blamed.reason), deals["reason"])
        if blamed.rival:
            deals["rival"] = np.where(hit, rivals.index(blamed.rival), deals["rival"])
    return deals


def _handed_over(
    world: World, deals: pd.DataFrame, history: pd.DataFrame, reps: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Give what a leaver left open to a colleague; history keeps who owned the deal then."""
    first = deals["rep"].to_numpy()
    left = left_at(reps)[first]
    heir = assign(world.stream("handover"), deals["region"].to_numpy(), left, reps)
    is_open = deals["stage"].isin(_RANK).to_numpy()
    handed = (left < second(world.export_on)) & (is_open | (deals["stage_at"].to_numpy() >= left))
    owner = np.where(handed, heir, first)
    at = history["deal"].to_numpy()
    then = np.where(history["entered"].to_numpy() < left[at], first[at], owner[at])
    return deals.assign(first_rep=first, rep=owner), history.assign(rep=then)
