"""How deals move from stage to stage until they close or the export is taken.

In every step random numbers are drawn for all deals, moving or not: what happens to one deal
never changes the luck of another, so two worlds that differ in one cause differ in nothing else.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, in_office, second
from salesops_kit.worlds.company import LOST, VOID, WON
from salesops_kit.worlds.effects import Pull, Shift, StageDropped
from salesops_kit.worlds.people import People
from salesops_kit.worlds.world import World

# how stages are left other than by advancing or losing
BACK, SKIP, INVALID, REOPEN = 0.03, 0.04, 0.07, 0.03
_MAX_MOVES = 24
_SHOCK_MONTHS = 48
_NAMES = np.array([s.name for s in c.STAGES])
_PLACE = {s.name: i for i, s in enumerate(c.STAGES)}
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


@dataclass(frozen=True)
class Moves:
    """`entries`: deal, stage, entered. `exits`: deal, stage, at, and the true chance to advance."""

    entries: pd.DataFrame
    exits: pd.DataFrame


def histories(world: World, deals: pd.DataFrame, people: People) -> Moves:
    """Return every entry of a deal into a stage, and every exit with its true chance."""
    return _Walk(world, deals, people).run()


class _Walk:
    """All deals on their way: where each is, since when, and whether it still moves."""

    def __init__(self, world: World, deals: pd.DataFrame, people: People) -> None:
        reps, accounts = people.reps, people.accounts
        self.world, self.deals = world, deals
        self.rng = world.stream("moves")
        self.end = second(world.export_on)
        self.first_month = 12 * world.start.year + world.start.month - 1
        self.at = np.zeros(len(deals), dtype="int64")
        self.now = deals["created"].to_numpy(dtype="int64").copy()
        self.live = self.now < self.end
        self.reopened = np.zeros(len(deals), dtype=bool)
        self.pull = _steady_pull(deals, reps)
        self.hired = np.array([second(d) for d in reps["hire_on"]])[deals["rep"].to_numpy()]
        self.shifts = [(s, s.where.touches(deals, accounts)) for s in world.effects(Shift)]
        self.pulls = [(p, p.where.touches(deals, accounts)) for p in world.effects(Pull)]
        self.dropped = [(d.span, _PLACE[d.stage]) for d in world.effects(StageDropped)]
        spread = self.rng.normal(0, 1, (len(c.REGIONS), _SHOCK_MONTHS))
        self.shocks = np.round(world.shock * spread, 4)
        self.rows: list[pd.DataFrame] = []
        self.exits: list[pd.DataFrame] = []

    def run(self) -> Moves:
        self._enter(np.flatnonzero(self.live))
        for _ in range(_MAX_MOVES):
            self._step(_Luck.draw(self.rng, len(self.deals)))
        entries = pd.concat(self.rows, ignore_index=True)
        entries = entries.sort_values(["deal", "entered"], kind="stable", ignore_index=True)
        return Moves(entries, pd.concat(self.exits, ignore_index=True))

    def _step(self, luck: _Luck) -> None:
        ids = np.flatnonzero(self.live)
        leaving = self._leaving(ids, luck)
        self.live[ids[leaving >= self.end]] = False
        ids, leaving = ids[leaving < self.end], leaving[leaving < self.end]
        chance = self._chance(ids, leaving)
        wins = luck.advance[ids] < chance
        self.exits.append(pd.DataFrame({"deal": ids.astype("int32"),
                                        "stage": self.at[ids].astype("int8"), "at": leaving,
                                        "chance": chance.astype("float32")}))  # fmt: skip
        self.now[ids] = leaving
        target, goes_on = self._target(ids, wins, luck)
        target = self._around_dropped(ids, target)
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
        for strength, shift in self._active(ids, at, self.now[ids]):
            days = days * (1 + (shift.slower - 1) * strength)
        stuck = deals["stale"].to_numpy()[ids] & (at >= 1)
        stay = np.round(np.where(stuck, 5_000, days * luck.stay[ids]) * DAY).astype("int64")
        leaving = np.asarray(np.maximum(in_office(self.now[ids] + stay), self.now[ids] + 60))
        return self._pulled(ids, leaving, luck)

    def _pulled(self, ids: np.ndarray, leaving: np.ndarray, luck: _Luck) -> np.ndarray:
        """Let deals close inside a promotion that were due in the weeks after it."""
        for pull, inside in self.pulls:
            begin, end = second(pull.span.since), second(pull.span.until or pull.span.since)
            due = (leaving >= end) & (leaving < end + pull.days * DAY) & (self.at[ids] >= _LAST - 1)
            chosen = due & inside[ids] & (luck.again[ids] < pull.share) & (self.now[ids] < end)
            first = np.maximum(self.now[ids] + 60, begin)
            early = first + np.round(luck.pause[ids] * (end - 1 - first)).astype("int64")
            leaving = np.where(chosen, np.maximum(early, self.now[ids] + 60), leaving)
        return leaving

    def _around_dropped(self, ids: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Let nobody enter a stage that the process no longer has."""
        for span, stage in self.dropped:
            gone = (target == stage) & (span.strength(self.now[ids]) > 0)
            target = np.where(gone, np.where(self.at[ids] > stage, stage - 1, stage + 1), target)
        return target

    def _chance(self, ids: np.ndarray, when: np.ndarray) -> np.ndarray:
        """Chance to advance; before a dropped stage, to pass what that stage would have asked."""
        at = self.at[ids]
        chance = self._chance_in(at, ids, when)
        for span, stage in self.dropped:
            next_one = self._chance_in(np.full(len(ids), stage), ids, when)
            before = (at == stage - 1) & (span.strength(when) > 0)
            chance = np.where(before, chance * next_one, chance)
        return np.asarray(np.round(chance, 9))

    def _chance_in(self, at: np.ndarray, ids: np.ndarray, when: np.ndarray) -> np.ndarray:
        """Chance to advance: a logit of stage, deal, rep's ramp, region's month and shifts."""
        base = np.array([s.advance for s in c.STAGES])[at]
        ramp = np.clip((when - self.hired[ids]) / (150 * DAY), 0, 1)
        month = np.clip(_calendar_month(when) - self.first_month, 0, _SHOCK_MONTHS - 1)
        score = np.log(base / (1 - base)) + self.pull[ids] - 0.5 * (1 - ramp)
        score += self.shocks[self.deals["region"].to_numpy()[ids], month]
        if self.world.season_odds:
            year = 2 * np.pi * (when / DAY - 100) / 365.25
            score += self.world.season_odds * np.round(np.cos(year), 6)
        for strength, shift in self._active(ids, at, when):
            score = score + shift.odds * strength
        return np.asarray(np.round(1 / (1 + np.exp(-score)), 9))

    def _active(
        self, ids: np.ndarray, at: np.ndarray, when: np.ndarray
    ) -> list[tuple[np.ndarray, Shift]]:
        """How strongly each shift works on deals in stages `at` at the time `when`."""
        return [
            (shift.span.strength(when) * (inside[ids] & _in_stage(shift, at)), shift)
            for shift, inside in self.shifts
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
        self.now[again] = wake
        self.at[again] = self._around_dropped(again, np.ones(len(again), dtype="int64"))
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


def _calendar_month(when: np.ndarray) -> np.ndarray:
    months = when.astype("datetime64[s]").astype("datetime64[M]").astype("int64")
    return np.asarray(12 * 1970 + months)


def _in_stage(shift: Shift, at: np.ndarray) -> np.ndarray:
    return at == _PLACE[shift.stage] if shift.stage else np.ones(len(at), dtype=bool)
