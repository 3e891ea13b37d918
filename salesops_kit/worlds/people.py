"""The company's accounts, contacts, products and reps."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import second
from salesops_kit.worlds.company import pick
from salesops_kit.worlds.effects import Joins, Leaves
from salesops_kit.worlds.world import World

LEAVERS = (7, 15, 22)
_NEVER = 2**40


@dataclass(frozen=True)
class People:
    """Who works for the company, and who might buy."""

    reps: pd.DataFrame
    accounts: pd.DataFrame


def make_reps(world: World) -> pd.DataFrame:
    """Reps: index is the position; skill and ramp are the truth, not exported."""
    rng = world.stream("reps")
    number = np.arange(world.reps)
    region = number % len(c.REGIONS)
    hired_before = number < world.reps * 7 // 10
    lead = rng.integers(200, 1800, world.reps)
    days = (world.export_on - world.start).days
    later = rng.integers(min(30, days - 1), min(600, days), world.reps)
    hire = [
        world.start - timedelta(days=int(a)) if old else world.start + timedelta(days=int(b))
        for a, b, old in zip(lead, later, hired_before, strict=True)
    ]
    stay = rng.integers(330, 640, world.reps)
    leave = [
        world.start + timedelta(days=int(stay[i]))
        if i in LEAVERS and hired_before[i] and stay[i] < days
        else None
        for i in number
    ]
    for joins in world.effects(Joins):
        hire = [joins.span.since if i in joins.reps else day for i, day in enumerate(hire)]
    for leaves in world.effects(Leaves):
        leave[leaves.rep] = leaves.span.since
    names = [_name(i) for i in range(world.reps)]
    return pd.DataFrame(
        {
            "rep": number,
            "name_en": [name.en for name in names],
            "name_zh": [name.zh for name in names],
            "region": region,
            "hire_on": hire,
            "leave_on": leave,
            "skill": np.round(rng.normal(0, world.skill, world.reps), 3),
        }
    )


def _name(number: int) -> c.Named:
    """Return the rep's name: no two alike, or exports without ids could not tell them apart."""
    surname, given = c.SURNAMES[number * 5 % 16], c.GIVEN[(number * 3 + number // 16) % 10]
    more = ["", ""] if number < 160 else c.GIVEN[number // 160 % 10]
    rest = str(number // 1600 + 1) if number >= 1600 else ""
    return c.Named(
        f"{given[0]}{more[0].lower()} {surname[0]}{rest}", f"{surname[1]}{given[1]}{more[1]}{rest}"
    )


def left_at(reps: pd.DataFrame) -> np.ndarray:
    """Return the second from which each rep is gone; far away for those who stay."""
    return np.array([_NEVER if d is None else second(d) for d in reps["leave_on"]])


def assign(
    rng: np.random.Generator,
    region: np.ndarray,
    when: np.ndarray,
    reps: pd.DataFrame,
    favour: np.ndarray | None = None,
) -> np.ndarray:
    """Give each record to a rep of its region who is there at that time.

    Drawn evenly, unless `favour` is given: above 0 the record rather goes to a skilled rep.
    """
    hire, leave = np.array([second(d) for d in reps["hire_on"]]), left_at(reps)
    chosen = np.zeros(len(region), dtype="int64")
    draw = rng.random(len(region))
    order = np.arange(len(reps))
    if favour is not None:
        draw = np.round(draw ** np.exp(favour), 12)
        order = np.argsort(-reps["skill"].to_numpy(), kind="stable")
    home = reps["region"].to_numpy()[order]
    for r in range(len(c.REGIONS)):
        here, rows = order[home == r], np.flatnonzero(region == r)
        at = when[rows, None]
        there = (hire[here][None, :] <= at) & (at < leave[here][None, :])
        count = there.sum(axis=1)
        place = np.minimum((draw[rows] * count).astype("int64"), count - 1)
        rank = np.cumsum(there, axis=1) - 1
        chosen[rows] = here[np.argmax(there & (rank == place[:, None]), axis=1)]
    return chosen


def make_accounts(world: World) -> pd.DataFrame:
    """Accounts with region, industry, size and city."""
    rng = world.stream("accounts")
    n = world.accounts
    region, industry = pick(rng, c.REGIONS, n), pick(rng, c.INDUSTRIES, n)
    first, second_part = (rng.integers(0, len(x), n) for x in (c.FIRM_FIRST, c.FIRM_SECOND))
    city = [c.CITIES[c.REGIONS[r].en][int(k) % len(c.CITIES[c.REGIONS[r].en])]
            for r, k in zip(region, rng.integers(0, 6, n), strict=True)]  # fmt: skip
    names = _firm_names(zip(city, first, second_part, industry, strict=True))
    segment = pick(rng, c.SEGMENTS, n)
    born = rng.integers(-900, min(600, (world.export_on - world.start).days), n)
    return pd.DataFrame(
        {
            "account": np.arange(n),
            "name_en": [name.en for name in names],
            "name_zh": [name.zh for name in names],
            "region": region,
            "industry": industry,
            "segment": segment,
            "city_en": [x[0] for x in city],
            "city_zh": [x[1] for x in city],
            "employees": np.round(np.exp(rng.normal(4 + 1.1 * segment, 0.5))).astype(int),
            "created_at": pd.Timestamp(world.start) + pd.to_timedelta(born, unit="D"),
            "rank": rng.random(n),
        }
    )


def _firm_names(parts: Iterable[tuple[tuple[str, str], int, int, int]]) -> list[c.Named]:
    """Return names of firms; a second firm of the same name is its second works."""
    seen: Counter[str] = Counter()
    names = []
    for city, first, second_part, industry in parts:
        words = (c.FIRM_FIRST[first], c.FIRM_SECOND[second_part], c.FIRM_KIND[industry])
        en = f"{city[0]} {words[0][0]}{words[1][0]} {words[2][0]}"
        zh = f"{city[1].removesuffix('市')}{''.join(word[1] for word in words)}有限公司"
        seen[en] += 1
        again = seen[en]
        number = "零一二三四五六七八九"[again] if again < 10 else str(again)
        names.append(
            c.Named(f"{en} {again}", f"{zh}（{number}厂）") if again > 1 else c.Named(en, zh)
        )
    return names


def make_contacts(world: World, accounts: pd.DataFrame) -> pd.DataFrame:
    """One contact per account."""
    rng = world.stream("contacts")
    n = len(accounts)
    surname, given = rng.integers(0, 16, n), rng.integers(0, 10, n)
    title = rng.integers(0, 3, n)
    titles = (("Purchasing Manager", "采购经理"), ("Laboratory Head", "实验室主任"),
              ("Plant Manager", "厂长"))  # fmt: skip
    return pd.DataFrame(
        {
            "contact": np.arange(n),
            "account": accounts["account"],
            "name_en": [
                f"{c.GIVEN[g][0]} {c.SURNAMES[s][0]}" for s, g in zip(surname, given, strict=True)
            ],
            "name_zh": [
                f"{c.SURNAMES[s][1]}{c.GIVEN[g][1]}" for s, g in zip(surname, given, strict=True)
            ],
            "title_en": [titles[t][0] for t in title],
            "title_zh": [titles[t][1] for t in title],
            "email": [
                f"{c.GIVEN[g][0]}.{c.SURNAMES[s][0]}.{i}@example.com".lower()
                for i, (s, g) in enumerate(zip(surname, given, strict=True))
            ],
            "created_at": accounts["created_at"],
        }
    )
