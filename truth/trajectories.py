"""The gates of reps' trends: years of monthly reports in which nobody changes, and clear drops.

Thirty reps with levels of sd 0.3 in log-odds decide about twelve deals a month each (between a
third and two thirds more); all months move together by sd 0.1. Every month of a year is judged as
of its end from the two years before it. In a harder world each rep's months scatter by sd 0.15
beyond luck. In the worlds with a drop one rep with twenty deals a month loses it at once.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.models.trajectories import find_changes, panel_of
from truth.gates import Gate

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]

HIGHEST = 0.06  # companies a year with any false change
REPS, DEALS, WINDOW, YEAR = 30, 12, 24, 12
NOISE, DROPS, WITHIN, BUSY = 0.15, (0.8, 1.2), 6, 20


@dataclass(frozen=True)
class TrajectorySizes:
    """How many companies each gate sees."""

    calm: int = 200
    noisy: int = 200
    drops: int = 100


@dataclass(frozen=True)
class Asked:
    """One company: noise of a rep's months and drop of one rep in log-odds, and its seed."""

    noise: float
    drop: float
    seed: int


def trajectory_gates(spread: Spread, first: int, sizes: TrajectorySizes) -> list[Gate]:
    """Measure false and missed changes."""
    gates = []
    for place, (noise, worlds, kind) in enumerate(
        [(0.0, sizes.calm, ""), (NOISE, sizes.noisy, f", months scatter by {NOISE:g}")]
    ):
        if worlds:
            start = first + 1_000 * place
            found = spread(false_alarm, [Asked(noise, 0.0, start + i) for i in range(worlds)])
            gates.append(false_gate(kind, found))
    for place, drop in enumerate(DROPS if sizes.drops else ()):
        start = first + 2_000 + 1_000 * place
        found = spread(drop_found, [Asked(NOISE, drop, start + i) for i in range(sizes.drops)])
        gates.append(drop_gate(drop, found))
    return gates


def false_gate(kind: str, found: list[bool]) -> Gate:
    return Gate(
        f"trend of reps: a change named where nobody changed{kind}",
        f"Companies in which any of {REPS} reps is named in any of {YEAR} monthly reports.",
        sum(found), len(found), highest=HIGHEST,
    )  # fmt: skip


def drop_gate(drop: float, found: list[bool]) -> Gate:
    return Gate(
        f"trend of reps: drop of {drop:g} in log-odds named {WITHIN} months later",
        f"One of {REPS} reps, {BUSY} deals a month, months scatter by {NOISE:g}; what the limit "
        "for all reps and reports together costs.", sum(found), len(found),
    )  # fmt: skip


def false_alarm(asked: Asked) -> bool:
    """Tell whether any report of a year without change names anybody."""
    n, won = drawn(asked, WINDOW + YEAR - 1)
    return any(len(_named(n, won, look, asked.seed)) for look in range(YEAR))


def drop_found(asked: Asked) -> bool:
    """Tell whether the report at the end of the months of the drop names the right rep as lower."""
    named = _named(*drawn(asked, WINDOW), 0, asked.seed)
    return bool(((named["rep"] == "R00") & (named["change"] < 0)).any())


def drawn(asked: Asked, months: int) -> tuple[Any, Any]:
    """Return deals decided and won per rep and month; a drop lasts from `WITHIN` months ago."""
    rng = np.random.default_rng(asked.seed)
    busy = rng.uniform(1 / 3, 5 / 3, REPS)[:, None] * DEALS
    level = rng.normal(-0.9, 0.3, REPS)[:, None] + rng.normal(0, 0.1, months)
    level = level + asked.noise * rng.standard_normal((REPS, months))
    if asked.drop:
        busy[0], level[0, -WITHIN:] = BUSY, level[0, -WITHIN:] - asked.drop
    n = rng.poisson(busy, (REPS, months))
    return n, rng.binomial(n, 1 / (1 + np.exp(-level)))


def _named(n: Any, won: Any, look: int, seed: int) -> pd.DataFrame:
    window = slice(look, look + WINDOW)
    rep, month = np.indices((REPS, WINDOW))
    counts = pd.DataFrame({
        "rep": [f"R{i:02}" for i in rep.ravel()], "month": month.ravel(),
        "n": n[:, window].ravel(), "hits": won[:, window].ravel(),
    })  # fmt: skip
    found = find_changes(panel_of(counts, [], WINDOW), seed=seed)
    return found.table[found.table["named"]]
