"""The gates of the comparison of reps: intervals, chances, claims and ranks against planted skill.

Sixty reps with 15 to 250 deals of twelve kinds, skill with sd 0.3 in log-odds. The best reps get
the worst kinds of deals, or the best ones, or skill and mix are unrelated: the user cannot know.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import spearmanr

from salesops_kit.models.reps import compare_reps
from truth.gates import Gate, MeanGate

Array = npt.NDArray[np.float64]
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]

MIXES = (-0.6, 0.0, 0.6)  # correlation of skill with the ease of a rep's deals
REPS, STRATA, SKILL = 60, 12, 0.3
CASES = (15, 250)
COVER = (0.87, 0.93)  # of an interval that promises 0.90
CLAIM, RIGHT = 0.8, 0.88  # claims made at this chance are right at least so often
RANKED = 0.70  # mean rank correlation with true skill
OFF = 0.07  # that a stated chance may be off
_STATED = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.01)
_EASE, _SPREAD_OF_EASE = -1.0, 0.6


@dataclass(frozen=True)
class RepSizes:
    """How many worlds each gate sees."""

    worlds: int = 100


@dataclass(frozen=True)
class Ranked:
    """What the comparison said of one world, and what was true."""

    covered: int
    reps: int
    stated: Array  # chance to be in the top quarter
    top: npt.NDArray[np.bool_]
    claims: int  # top or bottom quarter, at CLAIM
    right: int
    ours: float  # rank correlations with true skill
    raw: float
    shrunk: float
    pooled: float


def rep_gates(spread: Spread, first: int, sizes: RepSizes) -> list[Gate | MeanGate]:
    """Measure the comparison of reps at every mix."""
    worlds = {
        mix: spread(ranked_world, [(mix, first + 1_000 * place + i) for i in range(sizes.worlds)])
        for place, mix in enumerate(MIXES)
    }
    every = [one for part in worlds.values() for one in part]
    if not every:
        return []
    return [
        *[cover_gate(mix, part) for mix, part in worlds.items()],
        *chance_gates(every), claim_gate(every),
        *[gate for mix, part in worlds.items() for gate in rank_gates(mix, part)],
    ]  # fmt: skip


def cover_gate(mix: float, worlds: Sequence[Ranked]) -> Gate:
    return Gate(
        f"reps, skill and mix correlated {mix:+g}: 90 % interval",
        "How often the interval of a rep's level, against the mean of all, holds the true one; "
        "reps over all worlds.",
        sum(one.covered for one in worlds), sum(one.reps for one in worlds), *COVER,
    )  # fmt: skip


def chance_gates(worlds: Sequence[Ranked]) -> list[Gate]:
    """Of reps given a chance to be in the top quarter, so many must be."""
    stated = np.concatenate([one.stated for one in worlds])
    top = np.concatenate([one.top for one in worlds])
    gates = []
    for low, high in pairwise(_STATED):
        inside = (stated >= low) & (stated < high)
        if not inside.any():
            continue
        mean = float(stated[inside].mean())
        gates.append(Gate(
            f"reps: top quarter, stated {low:.0%} – {min(high, 1):.0%} (mean {mean:.2f})",
            "Of the reps given such a chance to belong to the best quarter, the share that does.",
            int(top[inside].sum()), int(inside.sum()), max(mean - OFF, 0.0), min(mean + OFF, 1.0),
        ))  # fmt: skip
    return gates


def claim_gate(worlds: Sequence[Ranked]) -> Gate:
    claims = sum(one.claims for one in worlds)
    return Gate(
        f"reps: claims at a chance above {CLAIM:g} are right",
        "Of the reps named as belonging to the top or bottom quarter, the share that does. Only "
        f"{claims / max(len(worlds), 1):.1f} of {REPS} reps are named in a world.",
        sum(one.right for one in worlds), max(claims, 1), lowest=RIGHT,
    )  # fmt: skip


def rank_gates(mix: float, worlds: Sequence[Ranked]) -> list[MeanGate]:
    meaning = (
        "Mean rank correlation (Spearman) with true skill. The raw rate rewards who gets easy "
        "deals; shrinking it alone changes nothing; a fit over all reps takes skill for ease."
    )
    name = f"reps, skill and mix correlated {mix:+g}: rank correlation with true skill"
    rivals = (("… raw win rate", "raw"), ("… shrunk, not adjusted (beta-binomial)", "shrunk"),
              ("… won / expected, strata fitted over all reps", "pooled"))  # fmt: skip
    ours = MeanGate(name, meaning, tuple(one.ours for one in worlds), lowest=RANKED)
    return [ours, *[MeanGate(title, meaning, tuple(getattr(one, way) for one in worlds))
                    for title, way in rivals]]  # fmt: skip


def ranked_world(asked: tuple[float, int]) -> Ranked:
    """Draw one world, compare its reps, and hold what was said against the truth."""
    mix, seed = asked
    counts, skill = drawn(mix, seed)
    table = compare_reps(counts, strata=["kind"], seed=seed).table
    against = skill - skill.mean()
    place = np.argsort(np.argsort(-skill))
    quarter = round(REPS / 4)
    top, bottom = place < quarter, place >= REPS - quarter
    said_top, said_bottom = table["p_top"] > CLAIM, table["p_bottom"] > CLAIM
    inside = (table["lower"] < against) & (against < table["upper"])
    return Ranked(
        covered=int(inside.sum()), reps=REPS, stated=table["p_top"].to_numpy(), top=top,
        claims=int(said_top.sum() + said_bottom.sum()),
        right=int(top[said_top].sum() + bottom[said_bottom].sum()),
        ours=_rho(table["effect"], skill), raw=_rho(table["rate"], skill),
        shrunk=_rho(_beta_binomial(table), skill), pooled=_rho(_observed(counts, table), skill),
    )  # fmt: skip


def drawn(mix: float, seed: int) -> tuple[pd.DataFrame, Array]:
    """Return counts by rep and kind of deal, and the true skill of each rep."""
    rng = np.random.default_rng(seed)
    skill = rng.normal(0, SKILL, REPS)
    ease = rng.normal(_EASE, _SPREAD_OF_EASE, STRATA)
    slant = mix * skill / SKILL + np.sqrt(1 - mix**2) * rng.normal(size=REPS)
    usual = rng.dirichlet(np.full(STRATA, 5.0))
    weight = usual * np.exp(slant[:, None] * (ease - ease.mean()) / ease.std())
    weight *= rng.gamma(4, 0.25, (REPS, STRATA))
    weight /= weight.sum(axis=1, keepdims=True)
    n = rng.multinomial(rng.integers(*CASES, REPS), weight)
    hits = rng.binomial(n, 1 / (1 + np.exp(-(ease + skill[:, None]))))
    rep, kind = np.nonzero(n)
    counts = pd.DataFrame({"rep": [f"R{r:02}" for r in rep], "kind": [f"k{k}" for k in kind],
                           "n": n[rep, kind], "hits": hits[rep, kind]})  # fmt: skip
    return counts, skill


def _beta_binomial(table: pd.DataFrame) -> "pd.Series[float]":
    """Shrink raw rates towards their mean by moments, as leaderboards do at best."""
    n, rate = table["n"], table["rate"]
    mean = table["hits"].sum() / n.sum()
    excess = float(((rate - mean) ** 2 - mean * (1 - mean) / n).mean())
    strength = max(mean * (1 - mean) / max(excess, 1e-6) - 1, 1.0)
    return (table["hits"] + strength * mean) / (n + strength)


def _observed(counts: pd.DataFrame, table: pd.DataFrame) -> "pd.Series[float]":
    """Won over expected, the chance of each kind taken over all reps."""
    usual = counts.groupby("kind")[["hits", "n"]].transform("sum")
    expected = (counts["n"] * usual["hits"] / usual["n"]).groupby(counts["rep"]).sum()
    return table["hits"] / table["rep"].map(expected)


def _rho(said: "pd.Series[float]", skill: Array) -> float:
    return float(spearmanr(said, skill).statistic)
