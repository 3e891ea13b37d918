"""Chance to be won, and time until closed, of a deal that has been in a stage for some days.

A semi-Markov process: how long a deal stays and where it goes next depend on the stage and the
days spent in it, estimated with open stays censored; the whole way to the end follows by adding
up all paths (renewal equations). Nothing else about the deal is used: two deals of equal stage and
age have equal chances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.fft import irfft, next_fast_len, rfft

from salesops_kit.errors import ParameterError
from salesops_kit.models.survival import AGE

Array = npt.NDArray[np.float64]

HORIZON = 540  # days that a deal is followed; who is open then is neither won nor lost
DRAWS = 60
_FEWEST = 30  # exits of a stage from which on anything is said of deals that pass it
_PASSED = 0.05  # of those who leave a stage: so many go on to one that must be known too
_BAND = 25  # exits that share one hazard: single days hold too few
_ROUNDS = 60
_EXACT = 1e-7
_ENDS = ("onward", "back", "gone")  # gone: lost or invalid


@dataclass(frozen=True)
class _Stage:
    """Exits of one stage in bands of age: band of each age, exits by end, days at risk."""

    band: npt.NDArray[np.int64]
    exits: Array  # bands × ends
    risk: Array  # bands

    @property
    def known(self) -> bool:
        """Tell whether enough stays ended to say how stays end."""
        return bool(self.exits.sum() >= _FEWEST)


@dataclass(frozen=True)
class Course:
    """How deals go on from each stage, day by day.

    `leaves`: stages × days × ends, share of those who enter that leave at this age by this end.
    `stays`: stages × days, share still there after that age. `onward`, `back`: stages × (stages
    and, last, won): where those go. `won`, `closed`: stages × days, share won or closed within so
    many days of entering the stage.
    """

    stages: tuple[str, ...]
    leaves: Array
    stays: Array
    onward: Array
    back: Array
    won: Array
    closed: Array

    def ahead(self, stage: str, age: int) -> tuple[Array, Array]:
        """Return the shares won and closed within 0, 1, 2 … days from now.

        `age`: days the deal has been in the stage; it is still there. Missing where no such stay
        was ever followed by anything.
        """
        return self.won_ahead(stage, age), self.closed_ahead(stage, age)

    def won_ahead(self, stage: str, age: int) -> Array:
        """Return the shares won alone, as in `ahead`."""
        return self._reached(stage, age, self._spectra[0], gone=0.0)

    def closed_ahead(self, stage: str, age: int) -> Array:
        """Return the shares closed alone, as in `ahead`."""
        return self._reached(stage, age, self._spectra[1], gone=1.0)

    @cached_property
    def _spectra(self) -> tuple[Array, Array]:
        """Fourier transforms of `won` and `closed`, the same for every deal."""
        size = next_fast_len(2 * self.won.shape[1])
        return rfft(self.won, size), rfft(self.closed, size)

    def _reached(self, stage: str, age: int, later: Array, *, gone: float) -> Array:
        place, days = self.stages.index(stage), self.won.shape[1]
        age = min(age, days - 2)
        left = self.stays[place, age]
        if left <= 0:
            return np.full(days, np.nan)
        leaves = np.zeros((days, len(_ENDS)))
        leaves[1 : days - age] = self.leaves[place, age + 1 :] / left
        direct = np.cumsum(leaves[:, 0] * self.onward[place, -1] + leaves[:, 2] * gone)
        moves = np.outer(self.onward[place, :-1], leaves[:, 0])
        moves += np.outer(self.back[place, :-1], leaves[:, 1])
        size = next_fast_len(2 * days)
        after = irfft((rfft(moves, size) * later).sum(axis=0), size)[:days]
        reached: Array = direct + after
        return reached


def sample_of(counts: pd.DataFrame, moves: pd.DataFrame, *, horizon: int = HORIZON) -> "Sample":
    """Put exits by stage and age and the moves between stages together.

    Parameters
    ----------
    counts
        One row per `stage` and `age_days`: `onward`, `back`, `lost`, `invalid`, `still_open`
        (`metrics.funnel.dwell_counts`), stages in order of rank.
    moves
        `stage`, `next_stage`, `exit_type`, `moves` (`metrics.funnel.transitions`).
    horizon
        Days that a deal is followed.

    Raises
    ------
    ParameterError
        When there is no stay at all.
    """
    if counts.empty:
        raise ParameterError("no stay in any stage was counted; the period may be too early")
    names = tuple(str(name) for name in counts["stage"].unique())
    stages = [_banded(counts[counts["stage"] == name], horizon) for name in names]
    onward = _targets(moves, names, ("advanced", "skipped_to", "won"))
    return Sample(names, tuple(stages), onward, _targets(moves, names, ("back",)), horizon)


@dataclass(frozen=True)
class Sample:
    """Exits by stage and age and moves between stages, from which a course is estimated."""

    stages: tuple[str, ...]
    banded: tuple[_Stage, ...]
    onward: Array  # stages × (stages, won): moves
    back: Array
    horizon: int

    @property
    def known(self) -> frozenset[str]:
        """Stages from which the whole way is known: no stage ahead has too few exits."""
        there = np.array([stage.known for stage in self.banded])
        ways = _shares(self.onward + self.back)[:, :-1] > _PASSED
        for _ in self.stages:
            there = there & ~(ways & ~there[None, :]).any(axis=1)
        return frozenset(name for name, fine in zip(self.stages, there, strict=True) if fine)

    def course(self, rng: np.random.Generator | None) -> Course:
        """Return the estimate, or with `rng` one from counts drawn anew (Poisson bootstrap)."""
        parts = [_leaving(stage, rng) for stage in self.banded]
        leaves = np.array([leave for leave, _ in parts])
        stays = np.array([stay for _, stay in parts])
        onward, back = (_shares(_drawn(table, rng)) for table in (self.onward, self.back))
        kernel = np.einsum("sj,sd->sjd", onward[:, :-1], leaves[:, :, 0])
        kernel += np.einsum("sj,sd->sjd", back[:, :-1], leaves[:, :, 1])
        wins = np.cumsum(leaves[:, :, 0] * onward[:, -1:], axis=1)
        lost = np.cumsum(leaves[:, :, 2], axis=1)
        won, closed = _renewed(kernel, np.array([wins, wins + lost]))
        return Course(self.stages, leaves, stays, onward, back, won, closed)


def outlook(
    sample: Sample, deals: pd.DataFrame, rng: np.random.Generator, *, draws: int = DRAWS
) -> pd.DataFrame:
    """Return chance to win and time to closing, with the chance's 90 % interval, per deal.

    Parameters
    ----------
    sample
        What the course was estimated from.
    deals
        `stage`, `age_days` (days in the stage so far).

    Returns
    -------
    DataFrame
        One row per deal: `chance` to be won within the sample's horizon, `lower`, `upper`;
        `days_left`, by which half of such deals are closed, won or lost; missing when fewer are
        within the horizon. All are missing where a stage ahead has too few exits.
    """
    pairs = deals[["stage", AGE]].drop_duplicates().reset_index(drop=True)
    best, other = sample.course(None), [sample.course(rng) for _ in range(draws)]
    rows = []
    known = sample.known
    for stage, age in pairs.itertuples(index=False):
        if stage not in known:
            rows.append((float("nan"),) * 4)
            continue
        won, closed = best.ahead(stage, int(age))
        drawn = [one.won_ahead(stage, int(age))[-1] for one in other]
        rows.append((won[-1], *_spread(drawn), first_day(closed, 0.5)))
    found = pd.DataFrame(rows, columns=["chance", "lower", "upper", "days_left"])
    keyed = pd.concat([pairs, found], axis=1)
    return deals[["stage", AGE]].merge(keyed, how="left")[found.columns].set_axis(deals.index)


def chances(
    sample: Sample, deals: pd.DataFrame, within: Sequence[int]
) -> Mapping[int, "pd.Series[float]"]:
    """Return per number of days the chance of each deal to be won within them.

    `deals`: `stage`, `age_days`. Missing where a stage ahead has too few exits.
    """
    return _within(sample, deals, within)[0]


def closings(
    sample: Sample, deals: pd.DataFrame, within: Sequence[int]
) -> Mapping[int, "pd.Series[float]"]:
    """Return per number of days the chance of each deal to be closed, won or not, within them.

    `deals`: `stage`, `age_days`. Missing where a stage ahead has too few exits.
    """
    return _within(sample, deals, within)[1]


def _within(
    sample: Sample, deals: pd.DataFrame, within: Sequence[int]
) -> tuple[dict[int, "pd.Series[float]"], dict[int, "pd.Series[float]"]]:
    pairs = deals[["stage", AGE]].drop_duplicates()
    course, known = sample.course(None), sample.known
    nothing = np.full(sample.horizon + 1, np.nan)
    ahead = {key: course.ahead(key[0], int(key[1])) if key[0] in known else (nothing, nothing)
             for key in pairs.itertuples(index=False, name=None)}  # fmt: skip
    keys = list(zip(deals["stage"], deals[AGE], strict=True))
    won, closed = (
        {days: pd.Series([ahead[key][end][days] for key in keys], deals.index, dtype="float64")
         for days in within}
        for end in (0, 1)
    )  # fmt: skip
    return won, closed


def first_day(curve: Array, share: float) -> float:
    """Return the first day on which a rising curve reaches a share; missing when it never does."""
    down = np.flatnonzero(curve >= share)
    return float(down[0]) if len(down) else float("nan")


def _spread(drawn: Sequence[float]) -> tuple[float, float]:
    known = np.asarray([value for value in drawn if not np.isnan(value)])
    if not len(known):
        return float("nan"), float("nan")
    lower, upper = np.quantile(known, [0.05, 0.95])
    return float(lower), float(upper)


def _banded(counts: pd.DataFrame, horizon: int) -> _Stage:
    """Share one hazard between ages until enough exits lie in it; the last lasts for ever."""
    summed = counts.groupby(AGE)[["onward", "back", "lost", "invalid", "still_open"]].sum()
    summed = summed.reindex(range(max(horizon, int(summed.index.max())) + 1), fill_value=0)
    ends = summed[["onward", "back"]].assign(gone=summed["lost"] + summed["invalid"])
    exits = ends.to_numpy("float64")
    leaving = exits.sum(axis=1) + summed["still_open"].to_numpy("float64")
    risk = np.cumsum(leaving[::-1])[::-1]
    band = _bands(exits.sum(axis=1))
    size = int(band.max()) + 1
    by_band = np.array([np.bincount(band, exits[:, end], size) for end in range(len(_ENDS))]).T
    at_risk = np.bincount(band, risk, size).astype("float64")
    return _Stage(band[: horizon + 1], by_band, at_risk)


def _bands(exits: Array) -> npt.NDArray[np.int64]:
    """Give every age the number of its band; one begins once the last one holds enough exits."""
    band = np.zeros(len(exits), dtype="int64")
    number, held, left = 0, 0.0, float(exits.sum())
    for age, here in enumerate(exits):
        # the day of entry is unlike all others, and everybody is at risk on it
        if (held >= _BAND or age == 1) and left >= _BAND:
            number, held = number + 1, 0.0
        band[age] = number
        held, left = held + here, left - here
    return band


def _leaving(stage: _Stage, rng: np.random.Generator | None) -> tuple[Array, Array]:
    """Return who leaves at each age by each end, and who is still there after it."""
    exits = _drawn(stage.exits, rng)
    hazard = np.divide(exits, stage.risk[:, None], out=np.zeros_like(exits),
                       where=stage.risk[:, None] > 0)[stage.band]  # fmt: skip
    whole = hazard.sum(axis=1)
    hazard = hazard / np.maximum(whole, 1.0)[:, None]  # a drawn hazard may pass 1
    stays = np.cumprod(1 - np.minimum(whole, 1.0))
    before = np.concatenate([[1.0], stays])[:-1]
    return hazard * before[:, None], stays


def _drawn(counts: Array, rng: np.random.Generator | None) -> Array:
    return counts if rng is None else rng.poisson(counts).astype("float64")


def _targets(moves: pd.DataFrame, names: Sequence[str], kinds: Sequence[str]) -> Array:
    """Count moves of some kinds: stages × (stages, won)."""
    place = {name: position for position, name in enumerate(names)}
    table = np.zeros((len(names), len(names) + 1))
    for row in moves[moves["exit_type"].isin(kinds)].to_dict("records"):
        target = len(names) if row["exit_type"] == "won" else place.get(row["next_stage"])
        if row["stage"] in place and target is not None:
            table[place[row["stage"]], target] += row["moves"]
    return table


def _shares(table: Array) -> Array:
    total = table.sum(axis=1, keepdims=True)
    shares: Array = np.divide(table, total, out=np.zeros_like(table), where=total > 0)
    return shares


def _renewed(kernel: Array, direct: Array) -> Array:
    """Solve F = direct + kernel * F by repeated convolution; back moves make it implicit."""
    days, reached = direct.shape[2], direct
    size = next_fast_len(2 * days)
    onto = rfft(kernel, size).transpose(2, 0, 1)  # one matrix per frequency
    for _ in range(_ROUNDS):
        spectrum = onto @ rfft(reached, size).transpose(2, 1, 0)
        again = direct + irfft(spectrum.transpose(2, 1, 0), size)[:, :, :days]
        change = float(np.abs(again - reached).max())
        reached = again
        if change < _EXACT:
            break
    return np.asarray(reached)
