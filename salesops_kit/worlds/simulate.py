"""Leads become deals, deals move through stages, some are won: the truth behind the exports.

All frames refer to each other by position (rep 3, account 17); a dialect turns positions into
its own ids and names. Times are rounded to the second before use, so that no machine's last bit
can change an order of events.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.company import World, pick
from salesops_kit.worlds.people import make_accounts, make_contacts, make_reps

DAY = 86_400
# how stages are left other than by advancing or losing
BACK, SKIP, INVALID, STALE, REOPEN = 0.03, 0.04, 0.07, 0.035, 0.03
LUNAR_NEW_YEAR = (date(2024, 2, 10), date(2025, 1, 29), date(2026, 2, 17))
WON, LOST, VOID = "won", "lost", "invalid"
_MAX_MOVES = 24


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
    contacts = make_contacts(world, accounts)
    leads = _leads(world, reps, accounts)
    deals = _new_deals(world, leads, accounts)
    history = _histories(world, deals, reps)
    deals, history = _settle(world, deals, history)
    return Company(world, reps, accounts, contacts, leads, deals, history)


def _second(day: date) -> int:
    return int(pd.Timestamp(day).timestamp())


def _times(seconds: np.ndarray) -> pd.Series:
    return pd.Series(pd.to_datetime(np.asarray(seconds, dtype="int64"), unit="s"))


def _leads(world: World, reps: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
    """Draw leads per day by Poisson with trend, season, weekend and lunar new year."""
    rng = world.stream("leads")
    days = pd.date_range(world.start, world.export_on, inclusive="left")
    elapsed = np.arange(len(days)) / 30.4
    rate = world.leads_per_month / 21.0 * (1 + world.growth_per_month) ** elapsed
    rate *= 1 + 0.12 * np.cos(2 * np.pi * (days.month.to_numpy() - 4) / 12)
    rate[days.dayofweek >= 5] *= 0.08
    for holiday in LUNAR_NEW_YEAR:
        away = np.abs((days - pd.Timestamp(holiday)).days.to_numpy())
        rate[away <= 8] *= 0.25
    counts = rng.poisson(rate)
    n = int(counts.sum())
    start = np.repeat([int(d.timestamp()) for d in days], counts)
    created = start + 8 * 3600 + rng.integers(0, 10 * 3600, n)
    chance = np.round(accounts["rank"].to_numpy() ** 2 + 0.05, 6)
    account = rng.choice(len(accounts), size=n, p=chance / chance.sum())
    region = accounts["region"].to_numpy()[account]
    source = pick(rng, c.SOURCES, n)
    rep = _assign(rng, region, created, reps)
    assigned = created + np.round(rng.exponential(3 * 3600, n)).astype("int64")
    answered = assigned + np.round(rng.lognormal(9.3, 1.3, n)).astype("int64")
    converts = rng.random(n) < np.array([0.50, 0.55, 0.72, 0.44])[source]
    converted = answered + np.round(rng.lognormal(11.6, 1.0, n)).astype("int64")
    end = _second(world.export_on)
    converts &= converted < end
    frame = pd.DataFrame(
        {"created": created, "account": account, "region": region, "source": source, "rep": rep,
         "assigned": np.minimum(assigned, end - 1), "answered": answered,
         "converted": converted, "converts": converts}
    ).sort_values(["created", "account", "converted"], ignore_index=True)  # fmt: skip
    frame.insert(0, "lead", np.arange(n))
    frame["deal"] = np.where(frame["converts"], frame["converts"].cumsum() - 1, -1)
    return frame


def _assign(
    rng: np.random.Generator, region: np.ndarray, when: np.ndarray, reps: pd.DataFrame
) -> np.ndarray:
    """Give each record to a rep of its region who is there on that day."""
    hire = np.array([_second(d) for d in reps["hire_on"]])
    leave = np.array([_second(d) if d is not None else 2**40 for d in reps["leave_on"]])
    chosen = np.zeros(len(region), dtype="int64")
    draw = rng.random(len(region))
    home = reps["region"].to_numpy()
    for r in range(len(c.REGIONS)):
        here = np.flatnonzero(home == r)
        rows = np.flatnonzero(region == r)
        there = (hire[here][None, :] <= when[rows, None]) & (
            when[rows, None] < leave[here][None, :]
        )
        place = np.minimum((draw[rows] * there.sum(axis=1)).astype(int), there.sum(axis=1) - 1)
        rank = np.cumsum(there, axis=1) - 1
        chosen[rows] = here[np.argmax(there & (rank == place[:, None]), axis=1)]
    return chosen


def _new_deals(world: World, leads: pd.DataFrame, accounts: pd.DataFrame) -> pd.DataFrame:
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
            "rep": born["rep"],
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


def _histories(world: World, deals: pd.DataFrame, reps: pd.DataFrame) -> pd.DataFrame:
    """Move every deal from stage to stage until it closes or the export is taken."""
    rng = world.stream("moves")
    end = _second(world.export_on)
    n, last = len(deals), len(c.STAGES) - 1
    shocks = np.round(rng.normal(0, world.shock, (len(c.REGIONS), 48)), 4)
    at = np.zeros(n, dtype=int)
    now = deals["created"].to_numpy(dtype="int64").copy()
    live = now < end
    reopened = np.zeros(n, dtype=bool)
    rows = [_entries(np.flatnonzero(live), at[live], now[live])]
    for _ in range(_MAX_MOVES):
        ids = np.flatnonzero(live)
        if not len(ids):
            break
        leaving = now[ids] + _stay(world, rng, deals.iloc[ids], at[ids], now[ids])
        live[ids[leaving >= end]] = False
        keep = leaving < end
        ids, leaving = ids[keep], leaving[keep]
        wins = rng.random(len(ids)) < _chance(
            world, deals.iloc[ids], reps, at[ids], leaving, shocks
        )
        kind = rng.random(len(ids))
        back = (kind < BACK) & (at[ids] > 0)
        skip = wins & ~back & (kind > 1 - SKIP) & (at[ids] < last - 1)
        moves = np.where(back, -1, np.where(skip, 2, 1))
        goes_on = back | wins
        target = at[ids] + moves
        closes = ~goes_on | (target > last)
        won = goes_on & (target > last)
        at[ids] = np.where(closes, at[ids], target)
        now[ids] = leaving
        rows.append(_entries(ids[~closes], at[ids[~closes]], leaving[~closes]))
        ended = np.where(won, WON, np.where(rng.random(len(ids)) < INVALID, VOID, LOST))
        rows.append(_closings(ids[closes], ended[closes], leaving[closes]))
        live[ids[closes]] = False
        again = ids[closes & (ended == LOST) & ~reopened[ids] & (rng.random(len(ids)) < REOPEN)]
        wake = now[again] + np.round((10 + 40 * rng.random(len(again))) * DAY).astype("int64")
        again, wake = again[wake < end], wake[wake < end]
        reopened[again], live[again] = True, True
        at[again], now[again] = 1, wake
        rows.append(_entries(again, at[again], wake))
    table = pd.concat(rows, ignore_index=True)
    return table.sort_values(["deal", "entered"], kind="stable", ignore_index=True)


def _entries(ids: np.ndarray, at: np.ndarray, when: np.ndarray) -> pd.DataFrame:
    names = np.array([s.name for s in c.STAGES])
    return pd.DataFrame({"deal": ids, "stage": names[at], "entered": when})


def _closings(ids: np.ndarray, ended: np.ndarray, when: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame({"deal": ids, "stage": ended, "entered": when})


def _stay(
    world: World, rng: np.random.Generator, deals: pd.DataFrame, at: np.ndarray, now: np.ndarray
) -> np.ndarray:
    """Draw how long deals stay, in seconds: gamma around the stage's typical days."""
    days = (
        np.array([s.days for s in c.STAGES])[at]
        * np.array([0.9, 1.0, 1.25])[np.minimum(deals["units"].to_numpy() // 2, 2)]
    )
    draw = rng.gamma(1.7, 1 / 1.7, len(at))
    for shift in world.shifts:
        days = np.where(_hit(shift, deals, at, now), days * shift.slower, days)
    stuck = deals["stale"].to_numpy() & (at >= 2)
    seconds = np.round(np.where(stuck, 5_000, days * draw) * DAY)
    return np.maximum(seconds, 60).astype("int64")


def _chance(
    world: World,
    deals: pd.DataFrame,
    reps: pd.DataFrame,
    at: np.ndarray,
    when: np.ndarray,
    shocks: np.ndarray,
) -> np.ndarray:
    """Chance to advance: a logit of stage, region, product, source, size, rep, month and shifts."""
    base = np.array([s.advance for s in c.STAGES])[at]
    score = np.log(base / (1 - base))
    region = deals["region"].to_numpy()
    score = score + np.array([0.10, 0.05, 0.0, -0.05, -0.10])[region]
    score += np.array([-0.05, 0.0, 0.50, -0.35])[deals["source"].to_numpy()]
    score += np.array([0.10, -0.10, 0.15, 0.0, 0.0, -0.10])[deals["product"].to_numpy()]
    score -= 0.08 * (np.log(deals["size"].to_numpy()) - 11.8)
    rep = deals["rep"].to_numpy()
    hire = np.array([_second(d) for d in reps["hire_on"]])[rep]
    ramp = np.clip((when - hire) / (150 * DAY), 0, 1)
    score += reps["skill"].to_numpy()[rep] - 0.5 * (1 - ramp)
    month = np.clip((when - _second(world.start)) // (30 * DAY), 0, shocks.shape[1] - 1)
    score += shocks[region, month]
    for shift in world.shifts:
        score = np.where(_hit(shift, deals, at, when), score + shift.advance, score)
    return np.round(1 / (1 + np.exp(-score)), 9)


def _hit(shift: c.Shift, deals: pd.DataFrame, at: np.ndarray, when: np.ndarray) -> np.ndarray:
    names = np.array([s.name for s in c.STAGES])
    hit = (names[at] == shift.stage) & (when >= _second(shift.since))
    if shift.region:
        regions = np.array([r.en for r in c.REGIONS])
        hit &= regions[deals["region"].to_numpy()] == shift.region
    if shift.line:
        lines = np.array([p[1].en for p in c.PRODUCTS])
        hit &= lines[deals["product"].to_numpy()] == shift.line
    return hit


def _settle(
    world: World, deals: pd.DataFrame, history: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fill what the rep would have typed: amount, expected close, reasons; and the bulk edit."""
    rng = world.stream("settle")
    history = _bulk_edit(world, deals, history)
    history["rank"] = history["stage"].map({s.name: i for i, s in enumerate(c.STAGES)}).fillna(9)
    joined = history.merge(deals, on="deal", how="left")
    final = np.round(joined["size"] * (1 - joined["discount"]), -2)
    early = joined["rank"] < 3
    amount = np.where(
        early, joined["estimate"], np.where(joined["rank"] < 4, joined["size"], final)
    )
    unknown = (joined["late_amount"] & (joined["rank"] < 2)) | joined["no_amount"]
    history["amount"] = np.where(unknown, np.nan, amount)
    chance = {s.name: s.probability for s in c.STAGES} | {WON: 1.0, LOST: 0.0, VOID: 0.0}
    history["probability"] = history["stage"].map(chance)
    left = sum(s.days for s in c.STAGES) - np.cumsum([0, *(s.days for s in c.STAGES)])
    ahead = left[np.minimum(history["rank"].to_numpy().astype(int), len(c.STAGES))]
    guess = np.round(ahead * (0.7 + 0.6 * rng.random(len(history)))).astype(int)
    closing = history["rank"] == 9
    day = history["entered"] // DAY + np.where(closing, 0, np.maximum(guess, 3))
    history["expected_day"] = day
    newest = history.groupby("deal").tail(1).set_index("deal")
    deals = deals[deals["deal"].isin(newest.index)].set_index("deal", drop=False)
    deals = deals.assign(
        stage=newest["stage"], stage_at=newest["entered"], amount=newest["amount"],
        probability=newest["probability"], expected_day=newest["expected_day"],
    )  # fmt: skip
    reason = pick(rng, c.LOSS_REASONS, len(deals))
    rival = pick(rng, c.COMPETITORS, len(deals))
    named = rng.random(len(deals))
    lost = (deals["stage"] == LOST).to_numpy()
    deals["reason"] = np.where(lost & (named < 0.82), reason, -1)
    deals["rival"] = np.where((reason == 1) & lost | (named > 0.93), rival, -1)
    return deals.reset_index(drop=True), history.drop(columns="rank")


def _bulk_edit(world: World, deals: pd.DataFrame, history: pd.DataFrame) -> pd.DataFrame:
    """One evening, somebody in the office closes forgotten deals all at once."""
    history = history.assign(by_office=False)
    if world.bulk_edit_on is None:
        return history
    moment = _second(world.bulk_edit_on) + 18 * 3600 + 12 * 60
    newest = history.groupby("deal").tail(1)
    names = [s.name for s in c.STAGES]
    old = newest[newest["stage"].isin(names) & (newest["entered"] < moment - 90 * DAY)]
    chosen = old["deal"].head(60).to_numpy()
    closing = _closings(chosen, np.repeat(LOST, len(chosen)), moment + np.arange(len(chosen)) % 50)
    table = pd.concat([history, closing.assign(by_office=True)], ignore_index=True)
    return table.sort_values(["deal", "entered"], kind="stable", ignore_index=True)
