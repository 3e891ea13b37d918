"""How deals move from stage to stage until they close or the export is taken.

In every step random numbers are drawn for all deals, moving or not: what happens to one deal
never changes the luck of another, so two worlds that differ in one cause differ in nothing else.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, in_office, second
from salesops_kit.worlds.company import LOST, VOID, WON, World

# how stages are left other than by advancing or losing
BACK, SKIP, INVALID, REOPEN = 0.03, 0.04, 0.07, 0.03
_MAX_MOVES = 24
_SHOCK_MONTHS = 48
_NAMES = np.array([s.name for s in c.STAGES])
_LAST = len(c.STAGES) - 1


@dataclass
class _Luck:
    """What is drawn for every deal in one step."""

    stay: np.ndarray
    advance: np.ndarray
    kind: np.ndarray
    ending: np.ndarray
    again: np.ndarray
    pause: np.ndarray

    @classmethod
    def draw(cls, rng: np.random.Generator, n: int) -> "_Luck":
        return cls(rng.gamma(1.7, 1 / 1.7, n), *(rng.random(n) for _ in range(5)))


def histories(world: World, deals: pd.DataFrame, reps: pd.DataFrame) -> pd.DataFrame:
    """Return every entry of a deal into a stage: deal, stage, entered."""
    return _Walk(world, deals, reps).run()


class _Walk:
    """All deals on their way: where each is, since when, and whether it still moves."""

    def __init__(self, world: World, deals: pd.DataFrame, reps: pd.DataFrame) -> None:
        self.world, self.deals = world, deals
        self.rng = world.stream("moves")
        self.end = second(world.export_on)
        self.at = np.zeros(len(deals), dtype="int64")
        self.now = deals["created"].to_numpy(dtype="int64").copy()
        self.live = self.now < self.end
        self.reopened = np.zeros(len(deals), dtype=bool)
        self.pull = _steady_pull(deals, reps)
        self.hired = np.array([second(d) for d in reps["hire_on"]])[deals["rep"].to_numpy()]
        self.hits = [(shift, _slice(shift, deals)) for shift in world.shifts]
        spread = self.rng.normal(0, 1, (len(c.REGIONS), _SHOCK_MONTHS))
        self.shocks = np.round(world.shock * spread, 4)
        self.rows: list[pd.DataFrame] = []

    def run(self) -> pd.DataFrame:
        self._enter(np.flatnonzero(self.live))
        for _ in range(_MAX_MOVES):
            self._step(_Luck.draw(self.rng, len(self.deals)))
        table = pd.concat(self.rows, ignore_index=True)
        return table.sort_values(["deal", "entered"], kind="stable", ignore_index=True)

    def _step(self, luck: _Luck) -> None:
        ids = np.flatnonzero(self.live)
        leaving = self._leaving(ids, luck)
        self.live[ids[leaving >= self.end]] = False
        ids, leaving = ids[leaving < self.end], leaving[leaving < self.end]
        wins = luck.advance[ids] < self._chance(ids, leaving)
        self.now[ids] = leaving
        target, goes_on = self._target(ids, wins, luck)
        stays_open = goes_on & (target <= _LAST)
        self.at[ids[stays_open]] = target[stays_open]
        self._enter(ids[stays_open])
        self._close(ids[~stays_open], goes_on[~stays_open], luck)

    def _target(
        self, ids: np.ndarray, wins: np.ndarray, luck: _Luck
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the next stage's position, and who goes on at all."""
        at, kind = self.at[ids], luck.kind[ids]
        back = (kind < BACK) & (at > 0)
        skip = wins & ~back & (kind > 1 - SKIP) & (at < _LAST - 1)
        return at + np.where(back, -1, np.where(skip, 2, 1)), back | wins

    def _leaving(self, ids: np.ndarray, luck: _Luck) -> np.ndarray:
        """Draw when deals leave their stage: gamma around the stage's typical days."""
        at, deals = self.at[ids], self.deals
        size = np.minimum(deals["units"].to_numpy()[ids] // 2, 2)
        days = np.array([s.days for s in c.STAGES])[at] * np.array([0.9, 1.0, 1.25])[size]
        for hit, shift in self._active(ids, self.now[ids]):
            days = np.where(hit, days * shift.slower, days)
        stuck = deals["stale"].to_numpy()[ids] & (at >= 1)
        stay = np.round(np.where(stuck, 5_000, days * luck.stay[ids]) * DAY).astype("int64")
        return np.asarray(np.maximum(in_office(self.now[ids] + stay), self.now[ids] + 60))

    def _chance(self, ids: np.ndarray, when: np.ndarray) -> np.ndarray:
        """Chance to advance: a logit of stage, deal, rep's ramp, region's month and shifts."""
        base = np.array([s.advance for s in c.STAGES])[self.at[ids]]
        ramp = np.clip((when - self.hired[ids]) / (150 * DAY), 0, 1)
        month = np.clip((when - second(self.world.start)) // (30 * DAY), 0, _SHOCK_MONTHS - 1)
        score = np.log(base / (1 - base)) + self.pull[ids] - 0.5 * (1 - ramp)
        score += self.shocks[self.deals["region"].to_numpy()[ids], month]
        for hit, shift in self._active(ids, when):
            score = np.where(hit, score + shift.advance, score)
        return np.asarray(np.round(1 / (1 + np.exp(-score)), 9))

    def _active(self, ids: np.ndarray, when: np.ndarray) -> list[tuple[np.ndarray, c.Shift]]:
        """Which deals each shift touches, in the stage where they are, at the time `when`."""
        stage = _NAMES[self.at[ids]]
        return [
            (inside[ids] & (stage == shift.stage) & (when >= second(shift.since)), shift)
            for shift, inside in self.hits
        ]

    def _enter(self, ids: np.ndarray) -> None:
        self._note(ids, _NAMES[self.at[ids]])

    def _close(self, ids: np.ndarray, won: np.ndarray, luck: _Luck) -> None:
        """Close deals; a few lost ones are opened again after a while."""
        ended = np.where(won, WON, np.where(luck.ending[ids] < INVALID, VOID, LOST))
        self._note(ids, ended)
        self.live[ids] = False
        again = ids[(ended == LOST) & ~self.reopened[ids] & (luck.again[ids] < REOPEN)]
        pause = np.round((10 + 40 * luck.pause[again]) * DAY).astype("int64")
        wake = in_office(self.now[again] + pause)
        again, wake = again[wake < self.end], wake[wake < self.end]
        self.reopened[again], self.live[again] = True, True
        self.at[again], self.now[again] = 1, wake
        self._enter(again)

    def _note(self, ids: np.ndarray, stage: np.ndarray) -> None:
        self.rows.append(pd.DataFrame({"deal": ids, "stage": stage, "entered": self.now[ids]}))


def _steady_pull(deals: pd.DataFrame, reps: pd.DataFrame) -> np.ndarray:
    """Log-odds a deal brings along: region, source, product, size and its rep's skill."""
    pull = np.array([0.10, 0.05, 0.0, -0.05, -0.10])[deals["region"].to_numpy()]
    pull += np.array([-0.05, 0.0, 0.50, -0.35])[deals["source"].to_numpy()]
    pull += np.array([0.10, -0.10, 0.15, 0.0, 0.0, -0.10])[deals["product"].to_numpy()]
    pull -= 0.08 * (np.log(deals["size"].to_numpy()) - 11.8)
    return np.asarray(pull + reps["skill"].to_numpy()[deals["rep"].to_numpy()])


def _slice(shift: c.Shift, deals: pd.DataFrame) -> np.ndarray:
    """Mark the deals of the shift's region and product line."""
    region = [i for i, r in enumerate(c.REGIONS) if shift.region in ("", r.en)]
    product = [i for i, p in enumerate(c.PRODUCTS) if shift.line in ("", p[1].en)]
    return np.asarray(deals["region"].isin(region) & deals["product"].isin(product))
