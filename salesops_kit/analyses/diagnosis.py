"""Diagnosis: what got worse in the funnel, where, since when, how sure, and what it costs.

Scans every stage and every slice of one and two dimensions (and every rep) for a drop of quality
(of those who leave a stage, how many go on) or of speed (how soon they leave), with one error
rate for all of it. "Nothing changed" and "everything fell" are answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from salesops_kit.findings import Estimate
from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.exits import FOLLOWED, RISK_AGES, stage_exits, stage_risk
from salesops_kit.models.rootcause import (
    LEVEL,
    Cause,
    Counted,
    Scan,
    StageCounts,
    scan,
)
from salesops_kit.periods import Period, periods_until
from salesops_kit.schema import LIFE
from salesops_kit.workspace import Workspace

MONTHS = 24  # scanned: the period's month and those before; a longer past is a firmer baseline
FEWEST_EXITS = 300  # below that nothing but a collapse could be found
CLEAR = 0.5  # certainty from which on a place is named
SUREST = 0.99  # no statement is surer than simulated companies could show
_OTHER = "–"
_MISSED = 10  # entries that a stage would have had: none by chance once in 20,000
_FILLING = 3  # months after the first entry until deals have come to every stage
_FEW = 30  # a dimension with more values is looked at alone, its rare values together
_MOST_VALUES = 500

Kind = Literal["quality", "speed"]


@dataclass(frozen=True)
class Leak:
    """One confirmed change for the worse.

    `rate_before`, `rate_after`: share that goes on (quality), exits per 100 days (speed), as
    counted in the slice; `exits_after`: exits since the change; `missing` (deals that would have
    gone on, or days of delay per deal) with its 90 % interval. `stay`, `stay_before`: mean days in
    the stage since and without the change (speed). `money`: bookings missing (quality) or held up
    at any time (speed), see `_Facts`; None where no amount is known. `monthly`: `month`, `slice`,
    `others` (the same rate elsewhere), `exits`.
    """

    kind: Kind
    cause: Cause
    since: Period
    earliest: Period
    latest: Period
    rate_before: float
    rate_after: float
    exits_after: int
    missing: Estimate
    slower: Estimate | None
    money: Estimate | None
    monthly: pd.DataFrame
    stay: float = float("nan")

    @property
    def stay_before(self) -> float:
        """Mean days in the stage as they would be without the change (speed)."""
        return self.stay - (self.missing.value or 0.0)

    @property
    def span(self) -> tuple[int, int]:
        """Positions of the first and the last month in which it may have begun."""
        return self.cause.months[0], self.cause.months[-1]

    @property
    def certainty(self) -> float:
        """Chance that the statement holds exactly: that something changed, and that it is there."""
        return min(round(self.cause.posterior * self.cause.changed, 3), SUREST)

    @property
    def is_clear(self) -> bool:
        """Tell whether the place is rather right than wrong; else only that something fell is."""
        return self.certainty >= CLEAR


@dataclass(frozen=True)
class Diagnosis:
    """What the scans found.

    `exits`: in the window; below `FEWEST_EXITS` nothing was scanned. `breaks`: stages that came
    or went within the window (stage, month); levels may jump there. `whole`: deals were followed
    from creation to close, as no stays in stages are known.
    """

    months: tuple[Period, ...]
    dimensions: tuple[str, ...]
    exits: int
    leaks: tuple[Leak, ...]
    quality: Scan
    speed: Scan
    breaks: pd.DataFrame
    whole: bool = False

    @property
    def named(self) -> tuple[Leak, ...]:
        """Leaks whose place is clear: all that a page shows as such."""
        return tuple(leak for leak in self.leaks if leak.is_clear)


def diagnose(
    workspace: Workspace, stays: Frame, *, period: Period, seed: int = 0, months: int = MONTHS
) -> Diagnosis:
    """Scan the stays of a workspace for leaks.

    Parameters
    ----------
    stays
        Visits (or `lives`, where no stays in stages are known) with the dimensions of the
        settings and `owner_id` carried along.
    period
        The scan covers the `months` up to its end.
    seed
        Of the drawn worlds that the evidence is compared with: equal seeds, equal results.
    """
    window = tuple(_months(period, months))
    there = set(stays.collect_schema().names())
    dims = [d for d in workspace.settings.dimensions if d in there]
    alone = ["owner_id"] if "owner_id" in there else []
    names = [*dims, *alone]
    exits = _coded(stage_exits(stays, months=window, by=names), names)
    risk = _coded(stage_risk(stays, months=window, as_of=workspace.as_of, by=names), names)
    dims = _distinct(exits, dims)
    alone = [name for name in alone if _spread(exits, name)]
    total, whole = int(exits["exits"].sum()), set(exits["stage"]) == {LIFE}
    breaks = _breaks(risk[:0] if whole else risk, len(window))
    nothing = Scan((), 1.0)
    if total < FEWEST_EXITS:
        return Diagnosis(window, (*dims, *alone), total, (), nothing, nothing, breaks, whole)
    counted = {
        "quality": _counted(exits, (dims, alone), ("onward", "exits"), breaks, len(window)),
        "speed": _counted(risk, (dims, alone), ("exits", "days"), breaks, len(window)),
    }
    quality, speed = _both(counted, seed)
    facts = _Facts(window, exits, workspace.settings.company.currency)
    leaks = [
        *(_leak("quality", cause, counted["quality"], facts) for cause in quality.causes),
        *(_leak("speed", cause, counted["speed"], facts) for cause in speed.causes),
    ]
    return Diagnosis(window, (*dims, *alone), total, tuple(leaks), quality, speed, breaks, whole)


def _months(period: Period, months: int) -> list[Period]:
    last = period.end
    begin = pd.Timestamp(last) - pd.DateOffset(months=1)
    month = Period(f"{begin:%Y-%m}", begin.date(), last, "month", period.calendar)
    return list(periods_until(month, months))


def _both(counted: dict[str, Counted], seed: int) -> tuple[Scan, Scan]:
    """Scan quality and speed with one error rate for both (Holm)."""
    streams = np.random.SeedSequence(seed).spawn(4)
    half = [
        scan(counted[kind], np.random.default_rng(stream), level=LEVEL / 2)
        for kind, stream in zip(("quality", "speed"), streams[:2], strict=True)
    ]
    again = [
        scan(counted[kind], np.random.default_rng(stream), level=LEVEL)
        if half[1 - i].causes and not half[i].causes and half[i].next_p <= LEVEL
        else half[i]
        for i, (kind, stream) in enumerate(zip(("quality", "speed"), streams[2:], strict=True))
    ]
    return again[0], again[1]


def _coded(table: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Make texts categories, a missing value one of its own: millions of rows compare as codes."""

    def category(values: "pd.Series[Any]") -> Any:
        codes, known = pd.factorize(values, sort=True)
        texts = [*map(str, known), *([_OTHER] if (codes < 0).any() else [])]
        places = np.where(codes < 0, len(known), codes)
        return pd.Categorical.from_codes(places, categories=pd.Index(texts))

    return table.assign(**{name: category(table[name]) for name in (*names, "stage")})


def _distinct(exits: pd.DataFrame, dims: Sequence[str]) -> list[str]:
    """Dimensions that tell deals apart; of two that split them alike, the first."""
    kept: list[str] = []
    seen = set()
    for name in dims:
        if not _spread(exits, name):
            continue
        sizes = tuple(sorted(exits.groupby(name, observed=True)["exits"].sum()))
        if sizes not in seen:
            seen.add(sizes)
            kept.append(name)
    return kept


def _spread(exits: pd.DataFrame, name: str) -> bool:
    return 2 <= exits[name].nunique() <= _MOST_VALUES


def _counted(
    table: pd.DataFrame,
    dimensions: tuple[Sequence[str], Sequence[str]],
    columns: tuple[str, str],
    breaks: pd.DataFrame,
    months: int,
) -> Counted:
    """Turn a metric's rows into cells and counts per stage."""
    dims, alone = dimensions
    names = [*dims, *alone]
    code, cells = _cells(table, names)
    wide = [name for name in dims if cells[name].nunique() > _FEW]
    stages = []
    order = table[["stage", "stage_rank"]].drop_duplicates().sort_values("stage_rank")
    for stage in order["stage"]:
        mine = (table["stage"] == stage).to_numpy()
        jumps = breaks.loc[breaks["touches"] == stage, "month"]
        stages.append(
            _summed(str(stage), table[mine], code[mine], columns, sorted({*map(int, jumps)}))
        )
    family: Any = "binomial" if columns[1] == "exits" else "poisson"
    return Counted(tuple(stages), cells, family, months, tuple({*alone, *wide}))


def _cells(table: pd.DataFrame, names: Sequence[str]) -> tuple[Any, pd.DataFrame]:
    """Return the number of each row's combination of dimensions, and what the combinations are."""
    place = np.zeros(len(table), dtype="int64")
    for name in names:
        place = place * len(table[name].cat.categories) + table[name].cat.codes.to_numpy("int64")
    _, first, code = np.unique(place, return_index=True, return_inverse=True)
    cells = table[list(names)].iloc[first].astype("object").reset_index(drop=True)
    return code, cells


def _summed(
    stage: str, part: pd.DataFrame, code: Any, columns: tuple[str, str], breaks: Sequence[int]
) -> StageCounts:
    """Sum hits and trials of a stage per cell, month and age."""
    ages, months = int(part["age"].max()) + 1, int(part["month"].max()) + 1
    place = (code * months + part["month"].to_numpy()) * ages + part["age"].to_numpy()
    kept, row = np.unique(place, return_inverse=True)
    hits, trials = (
        np.bincount(row, part[name].to_numpy("float64"), len(kept)).astype("float64")
        for name in columns
    )
    return StageCounts(stage, kept // (ages * months), kept // ages % months, kept % ages,
                       hits, trials, tuple(breaks))  # fmt: skip


def _breaks(risk: pd.DataFrame, months: int) -> pd.DataFrame:
    """Stages that nobody enters from some month on, or that begin: the process was changed.

    One row per (`stage`, `month`, `touches`): the neighbours' levels may jump there too, in the
    month before (when it changed within the month) and in that month. Months in which so few deals
    moved that the stage may be empty by chance tell nothing, nor the first of a history, in which
    no deal has yet come so far.
    """
    table = risk[risk["age"] == 0].pivot_table(
        index=["stage_rank", "stage"],
        columns="month",
        values="days",
        aggfunc="sum",
        fill_value=0,
        observed=True,
    )
    table = table.reindex(columns=range(months), fill_value=0).sort_index()
    names = [str(name) for name in table.index.get_level_values("stage")]
    entries = (
        table.to_numpy("float64") / RISK_AGES[1]
    )  # nearly all stays last through the first age
    rows = []
    for place, name in enumerate(names):
        for change in _changes(entries[place], entries.sum(axis=0)):
            for touched in names[max(place - 1, 0) : place + 2]:
                rows += [(name, month, touched) for month in (change - 1, change) if month > 0]
    return pd.DataFrame(rows, columns=["stage", "month", "touches"])


def _changes(stage: Any, everything: Any) -> list[int]:
    """Return the months in which a stage began to be used or was used no more."""
    used = np.flatnonzero(stage > 0)
    if not len(used):
        return []
    first, end = int(used[0]), int(used[-1]) + 1
    filled = int(np.flatnonzero(everything > 0)[0]) + _FILLING
    share = stage[first:end].sum() / everything[first:end].sum()
    missed = {first: everything[filled:first].sum(), end: everything[end:].sum()}
    return [month for month, others in missed.items() if share * others >= _MISSED]


def _leak(kind: Kind, cause: Cause, counted: Counted, facts: "_Facts") -> Leak:
    """Describe a found cause in what was counted: rates before and since, and what is missing."""
    (counts,) = [s for s in counted.stages if s.stage == cause.stage]
    inside = np.ones(len(counted.cells), dtype=bool)
    for name, value in cause.slice.where:
        inside &= (counted.cells[name] == value).to_numpy()
    mine = inside[counts.cell]
    after = mine & (counts.month >= cause.month)
    before = mine & (counts.month < cause.month)
    rates = [_ratio(counts.hits[part].sum(), counts.trials[part].sum()) for part in (before, after)]
    scale = 1.0 if kind == "quality" else 100.0
    missing, slower, stay = (
        (_not_gone_on(counts, after, cause), None, float("nan"))
        if kind == "quality"
        else _delayed(counts, (before, after), cause)
    )
    exits_after = counts.trials[after] if kind == "quality" else counts.hits[after]
    window = facts.window
    return Leak(
        kind, cause, window[cause.month], window[cause.months[0]], window[cause.months[-1]],
        scale * rates[0], scale * rates[1], int(exits_after.sum()), missing, slower,
        facts.missing(cause, missing) if kind == "quality" else facts.held_up(cause, missing),
        _monthly(counts, mine, window, scale), stay,
    )  # fmt: skip


def _monthly(
    counts: StageCounts, mine: Any, window: Sequence[Period], scale: float
) -> pd.DataFrame:
    """Rate per month in the slice and elsewhere."""
    size = len(window)
    rows: dict[str, Any] = {"month": [month.label for month in window]}
    for name, part in (("slice", mine), ("others", ~mine)):
        hits = np.bincount(counts.month[part], counts.hits[part], size)
        trials = np.bincount(counts.month[part], counts.trials[part], size)
        rows[name] = scale * hits / np.where(trials > 0, trials, np.nan)
        if name == "slice":
            rows["exits"] = trials.astype("int64")
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class _Facts:
    """What money needs beside the scan: the exits with their amounts."""

    window: Sequence[Period]
    exits: pd.DataFrame
    currency: str

    def missing(self, cause: Cause, deals: Estimate) -> Estimate | None:
        """Return missing deals × chance to be won from the next stage on × mean amount."""
        known = self._since(cause)
        return self._money(known, deals, self._won_later(cause.stage))

    def held_up(self, cause: Cause, delay: Estimate) -> Estimate | None:
        """Return deals that leave per day × days of delay × chance to be won × mean amount.

        So much of what will be booked waits here at any time, more than before (Little's law).
        """
        known = self._since(cause)
        days = self.window[-1].end_day - self.window[cause.month].start_day
        won = _ratio(known["onward"].sum(), known["exits"].sum()) * self._won_later(cause.stage)
        return self._money(known, delay, known["exits"].sum() / days * won)

    def _since(self, cause: Cause) -> pd.DataFrame:
        """Return the exits from the place since the change began."""
        mine = self.exits["stage"] == cause.stage
        for name, value in cause.slice.where:
            mine &= self.exits[name] == value
        return self.exits[mine & (self.exits["month"] >= cause.month)]

    def _money(self, known: pd.DataFrame, much: Estimate, won: float) -> Estimate | None:
        if not known["amounts"].sum():
            return None
        each = float(known["amount"].sum() / known["amounts"].sum()) * won
        best, low, high = (
            None if x is None else x * each for x in (much.value, much.lower, much.upper)
        )
        return Estimate(best, low, high, self.currency)

    def _won_later(self, stage: str) -> float:
        """Chance to pass all later stages, as the exits of the window did."""
        by_stage = self.exits.groupby(["stage_rank", "stage"], observed=True)
        sums = by_stage[["onward", "exits"]].sum().reset_index()
        rank = sums.loc[sums["stage"] == stage, "stage_rank"].iloc[0]
        later = sums[sums["stage_rank"] > rank]
        return float((later["onward"] / later["exits"]).prod())


def _not_gone_on(counts: StageCounts, after: Any, cause: Cause) -> Estimate:
    """Return the deals that would have gone on without the change."""
    trials, hits = float(counts.trials[after].sum()), float(counts.hits[after].sum())
    rate = float(np.clip(_ratio(hits, trials), 1e-6, 1 - 1e-6))

    def missing(change: float) -> float:
        score = np.log(rate / (1 - rate)) - change
        return float(trials * (1 / (1 + np.exp(-score)) - rate))

    return Estimate(missing(cause.change), missing(cause.upper), missing(cause.lower), "count")


def _delayed(
    counts: StageCounts, parts: tuple[Any, Any], cause: Cause
) -> tuple[Estimate, Estimate, float]:
    """Return the delay per deal in days, how many times as long deals stay, and their stay now.

    The slice's own stays before the change give the shape of the usual stay, the change found
    (adjusted for mix and month) how far it lies from the stays since.
    """
    usual, now = (_hazards(counts, part) for part in parts)
    days = _at_ages(counts.trials, counts, parts[1])
    exits = float(_at_ages(counts.hits, counts, parts[1]).sum())
    level = max(exits, 1.0) / max(float(days @ usual), 1e-9)
    changes = (cause.change, cause.upper, cause.lower)
    since = _mean_stay(now)
    best, low, high = (_mean_stay(np.minimum(usual * level / np.exp(c), 1.0)) for c in changes)
    return (
        Estimate(since - best, since - low, since - high, "days"),
        Estimate(_times(since, best), _times(since, low), _times(since, high), "times"),
        since,
    )


def _at_ages(values: Any, counts: StageCounts, part: Any) -> Any:
    """Sum hits or trials of some cells and months per class of age."""
    return np.bincount(counts.age[part], values[part], len(RISK_AGES))


def _hazards(counts: StageCounts, part: Any) -> Any:
    """Return daily hazards by class of age; one exit at the usual rate more: none is no rate."""
    exits, days = (_at_ages(values, counts, part) for values in (counts.hits, counts.trials))
    usual = max(_ratio(exits.sum(), days.sum()), 1e-6)
    return (exits + 1) / (days + 1 / usual)


def _times(now: float, then: float) -> float:
    return now / max(then, 0.1)


def _mean_stay(hazard: Any) -> float:
    """Return the mean stay in days up to `FOLLOWED`, from daily hazards by class of age."""
    widths = np.diff([*RISK_AGES, FOLLOWED])
    daily = np.repeat(hazard, widths)
    return float(np.cumprod(1 - daily).sum())


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
