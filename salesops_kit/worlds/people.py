"""The company's accounts, contacts, products and reps."""

from datetime import timedelta

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.company import World, pick

LEAVERS = (7, 15, 22, 31, 38)


def make_reps(world: World) -> pd.DataFrame:
    """Reps: index is the position; skill and ramp are the truth, not exported."""
    rng = world.stream("reps")
    number = np.arange(world.reps)
    region = number % len(c.REGIONS)
    hired_before = number < world.reps * 7 // 10
    lead = rng.integers(200, 1800, world.reps)
    later = rng.integers(30, 600, world.reps)
    hire = [
        world.start - timedelta(days=int(a)) if old else world.start + timedelta(days=int(b))
        for a, b, old in zip(lead, later, hired_before, strict=True)
    ]
    stay = rng.integers(330, 640, world.reps)
    leave = [
        world.start + timedelta(days=int(stay[i])) if i in LEAVERS and hired_before[i] else None
        for i in number
    ]
    names = [(c.SURNAMES[i * 5 % 16], c.GIVEN[(i * 3 + i // 10) % 10]) for i in number]
    return pd.DataFrame(
        {
            "rep": number,
            "name_en": [f"{given[0]} {surname[0]}" for surname, given in names],
            "name_zh": [f"{surname[1]}{given[1]}" for surname, given in names],
            "region": region,
            "hire_on": hire,
            "leave_on": leave,
            "skill": np.round(rng.normal(0, 0.30, world.reps), 3),
        }
    )


def make_accounts(world: World) -> pd.DataFrame:
    """Accounts with region, industry, size and city."""
    rng = world.stream("accounts")
    n = world.accounts
    region, industry = pick(rng, c.REGIONS, n), pick(rng, c.INDUSTRIES, n)
    first, second = (rng.integers(0, len(x), n) for x in (c.FIRM_FIRST, c.FIRM_SECOND))
    city = [c.CITIES[c.REGIONS[r].en][int(k) % len(c.CITIES[c.REGIONS[r].en])]
            for r, k in zip(region, rng.integers(0, 6, n), strict=True)]  # fmt: skip
    seen: dict[str, int] = {}
    names_en, names_zh = [], []
    for i in range(n):
        base = f"{c.FIRM_FIRST[first[i]][0]}{c.FIRM_SECOND[second[i]][0]}"
        zh = f"{c.FIRM_FIRST[first[i]][1]}{c.FIRM_SECOND[second[i]][1]}"
        en_name = f"{city[i][0]} {base} {c.FIRM_KIND[industry[i]][0]}"
        seen[en_name] = seen.get(en_name, 0) + 1
        again = seen[en_name]
        names_en.append(en_name + (f" {again}" if again > 1 else ""))
        suffix = f"（{again}厂）" if again > 1 else ""
        names_zh.append(f"{city[i][1][:-1]}{zh}{c.FIRM_KIND[industry[i]][1]}有限公司{suffix}")
    segment = pick(rng, c.SEGMENTS, n)
    born = rng.integers(-900, 600, n)
    return pd.DataFrame(
        {
            "account": np.arange(n),
            "name_en": names_en,
            "name_zh": names_zh,
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
            "email": [f"contact{i}@example.com" for i in range(n)],
            "created_at": accounts["created_at"],
        }
    )
