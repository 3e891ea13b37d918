"""Why bookings changed: against the period before, a year ago and the target, in money.

Bookings are opportunities x share resolved in the period x share won of these x amount of a deal
won, per segment; the change is split over these factors exactly (`models.decomposition`). An
opportunity of a period is a deal begun in it, or open at its start and not stale; one that is
resolved in the period counts in any case, so that the parts add up to all that was booked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.bridge_findings import bridge_findings
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.target_scale import odd_note
from salesops_kit.errors import ParameterError
from salesops_kit.findings import Estimate, Finding, Words
from salesops_kit.language import both
from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.grouping import CONFIDENCE, mark, totals, within
from salesops_kit.metrics.targets import attainment
from salesops_kit.models.decomposition import (
    BRIDGE_FACTORS,
    Array,
    Outcomes,
    bookings_bridge,
    bridge_draws,
)
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

DRAWS = 500
COMPARED = ("previous", "year_ago")
FEWEST, MOST = 2, 30  # values of a dimension by which deals are told apart
UNKNOWN = "–"
_UNITS = {"volume": "count", "mix": "money", "speed": "share1", "win_rate": "share1",
          "size": "money"}  # fmt: skip


@dataclass(frozen=True)
class Comparison:
    """The change of bookings from another period to this one, and its parts.

    `factors`: `factor`, `before`, `after` (of everybody in view), `unit` of these,
    `part` (of the change, money), `lower`, `upper`. `segments`: `group`, `before`, `after`, `moved`
    and one column per factor, in money. `dimensions`: the same split by every dimension, one
    row each; one that splits the deals as an earlier one does is left out. `won`: deals won in
    both periods.
    """

    name: str
    period: Period
    before: float
    after: float
    change: Estimate
    factors: pd.DataFrame
    segments: pd.DataFrame
    dimensions: pd.DataFrame
    won: int

    def part(self, factor: str) -> Estimate:
        """Return one factor's part of the change with its interval."""
        [row] = self.factors[self.factors["factor"] == factor].to_dict("records")
        return Estimate(row["part"], row["lower"], row["upper"])

    @property
    def steps(self) -> pd.DataFrame:
        """Return the way from the bookings then to those now, for a chart."""
        ends = {"lower": float("nan"), "upper": float("nan")}
        parts = self.factors.rename(columns={"part": "value"}).assign(kind="change")
        first = {"factor": "start", "value": self.before, "kind": "level"} | ends
        last = {"factor": "end", "value": self.after, "kind": "level"} | ends
        rows = [first, *parts.to_dict("records"), last]
        columns = ["factor", "value", "kind", "lower", "upper"]
        return pd.DataFrame(rows)[columns].rename(columns={"factor": "step"})


@dataclass(frozen=True)
class Bridge:
    """Why the bookings of a period differ from others'.

    `days`: days compared, fewer than the period's while it is not over. `segment`: dimension of
    the split, empty where none tells deals apart. `limit`: age in days from which on an open deal
    is stale and no opportunity. `goals`: `group`, `target`, `bookings`, `gap`, the company first;
    empty without a target for the whole period. `unpriced`: deals won without an amount.
    `target_note`: that the target is probably in another unit, if it is.
    `begins`: day number of the first deal known, None where there is none.
    """

    period: Period
    days: int
    segment: str
    limit: int
    comparisons: dict[str, Comparison] = field(default_factory=dict)
    goals: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["group", "target", "bookings", "gap"])
    )
    unpriced: int = 0
    target_note: Words | None = None
    begins: int | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def partial(self) -> bool:
        """Tell whether the period was not over yet."""
        return self.days < self.period.days

    @property
    def factors(self) -> pd.DataFrame:
        """Return the factors of all comparisons, for a table."""
        return self._below("factors")

    @property
    def segments(self) -> pd.DataFrame:
        """Return the segments of all comparisons, for a table."""
        return self._below("segments")

    @property
    def dimensions(self) -> pd.DataFrame:
        """Return the splits by other dimensions of all comparisons, for a table."""
        return self._below("dimensions")

    def _below(self, name: str) -> pd.DataFrame:
        parts = [getattr(c, name).assign(against=c.period.label) for c in self.comparisons.values()]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    @property
    def named_goals(self) -> pd.DataFrame:
        """Return the targets with everybody in view named in words, for a table."""
        everybody = dict(both("bridge.everybody"))
        groups = [everybody if pd.isna(g) else {"en": g, "zh": g} for g in self.goals["group"]]
        return self.goals.assign(group=pd.Series(groups, index=self.goals.index, dtype=object))

    @property
    def base(self) -> Comparison | None:
        """Return what the target is compared by: the year before, else the period before."""
        return self.comparisons.get("year_ago") or self.comparisons.get("previous")

    @property
    def short(self) -> list[Comparison]:
        """Return the comparisons with a period whose open deals the data does not hold all."""
        if self.begins is None:
            return []
        needed = self.begins + self.limit
        return [c for c in self.comparisons.values() if c.period.start_day < needed]


@recalled
def analyse_bridge(workspace: Workspace, *, period: Period, segment: str = "") -> Bridge:
    """Split the change of bookings into volume, mix, speed, win rate and size.

    Parameters
    ----------
    workspace
        Of deals, and of targets if there are any.
    period
        Compared with the period before and the same one a year ago; while it is not over, with
        as many of their first days.
    segment
        Column of deals over which the mix is taken; empty takes the first dimension of the
        settings that tells deals apart.

    Raises
    ------
    ParameterError
        When the column does not tell deals apart.
    """
    deals = _dated(workspace.table("deals"))
    days = min(period.days, (workspace.as_of - period.start).days + 1)
    known = _dimensions(workspace, deals)
    if segment and segment not in known:
        raise ParameterError(
            f"segment is {segment!r}, by which deals are not told apart; "
            f"use one of {', '.join(known) or 'none: no dimension has 2 to 30 values'}"
        )
    chosen = segment or (known[0] if known else "")
    begins = _first_day(deals)
    bridge = Bridge(period, days, chosen, _limit(workspace, deals), begins=begins)
    if days < 1 or begins is None:
        return bridge
    counted = _Counted(deals, bridge.limit, days, tuple(known))
    others = {"previous": period.previous(), "year_ago": period.year_ago()}
    bridge = replace(
        bridge,
        comparisons={
            name: _compared(counted, (name, other, period), [chosen, *known])
            for name, other in others.items()
            if begins <= other.start_day
        },
        goals=_goals(workspace, period, days),
        unpriced=counted.unpriced(period),
    )
    if len(bridge.goals):
        asked = float(bridge.goals["target"].iloc[0])
        bridge = replace(bridge, target_note=odd_note(workspace, asked, days))
    return replace(bridge, findings=bridge_findings(bridge, workspace.settings))


def _dated(deals: Frame) -> Frame:
    """Leave out closed deals of which nobody knows when: they belong to no period."""
    return deals.filter((nw.col("status") == "open") | ~nw.col("closed_day").is_null())


def _first_day(deals: Frame) -> int | None:
    first = deals.select(nw.col("created_day").min()).collect(backend="pandas").to_native()
    value = first.iloc[0, 0]
    return None if pd.isna(value) else int(value)


def _limit(workspace: Workspace, deals: Frame) -> int:
    """Age from which on hardly a deal is still resolved: the set quantile of all closed deals."""
    quantile = workspace.settings.thresholds.stale_quantile
    days = (
        deals.filter(nw.col("status") != "open")
        .select(days=nw.col("closed_day") - nw.col("created_day"))
        .filter(nw.col("days") >= 0)
    )
    age = days.select(nw.col("days").quantile(quantile, "linear")).collect(backend="pandas")
    value = age.to_native().iloc[0, 0]
    return 365 if pd.isna(value) else int(np.ceil(value))


def _dimensions(workspace: Workspace, deals: Frame) -> list[str]:
    """Dimensions of the settings, each with neither one value nor hundreds."""
    there = set(deals.collect_schema().names())
    found = []
    for name in workspace.settings.dimensions:
        if name in there:
            values = deals.select(name).unique().collect(backend="pandas").to_native()[name]
            if FEWEST <= values.dropna().nunique() <= MOST:
                found.append(name)
    return found


@dataclass(frozen=True)
class _Counted:
    """The opportunities of periods, counted by the engine once, by all segments."""

    deals: Frame
    limit: int
    days: int
    segments: tuple[str, ...]
    kept: dict[date, pd.DataFrame] = field(default_factory=dict, repr=False)

    def rows(self, period: Period, segment: str) -> pd.DataFrame:
        """Return per segment and amount won: `resolved`, `won` (marks), `worth`, `n`."""
        if period.start not in self.kept:
            self.kept[period.start] = self._rows(period)
        every = self.kept[period.start]
        every = every.assign(segment=every[segment] if segment else UNKNOWN)
        by = ["segment", "resolved", "won", "worth"]
        return every.groupby(by, dropna=False, as_index=False)[["n"]].sum()

    def _rows(self, period: Period) -> pd.DataFrame:
        start, end = period.start_day, period.start_day + min(self.days, period.days)
        closed = (nw.col("status") != "open") & (nw.col("closed_day") < end)
        resolved = closed & (nw.col("closed_day") >= start)
        # a missing day of creation makes the conditions unknown, which `mark` takes as no
        living = within("created_day", start - self.limit, end) & (mark(closed) == 0)
        marked = self.deals.with_columns(resolved=mark(resolved), living=mark(living))
        marked = marked.filter((nw.col("resolved") == 1) | (nw.col("living") == 1))
        won = (nw.col("resolved") == 1) & (nw.col("status") == "won")
        marked = marked.with_columns(won=mark(won)).with_columns(
            worth=nw.when(nw.col("won") == 1).then(nw.col("amount")), n=nw.lit(1)
        )
        return totals(marked, by=[*self.segments, "resolved", "won", "worth"], counts=["n"])

    def unpriced(self, period: Period) -> int:
        """Count the deals won in the period without an amount."""
        rows = self.rows(period, "")
        return int(rows.loc[(rows["won"] == 1) & rows["worth"].isna(), "n"].sum())


def _outcomes(rows: pd.DataFrame, segments: Sequence[str]) -> Outcomes:
    chosen = [rows[rows["segment"] == name] for name in segments]
    won = [part[part["won"] == 1] for part in chosen]
    return Outcomes(
        np.array([part["n"].sum() for part in chosen], dtype=np.int64),
        np.array([part.loc[part["resolved"] == 1, "n"].sum() for part in chosen], dtype=np.int64),
        tuple(
            np.repeat(part["worth"].fillna(0.0).to_numpy("float64"), part["n"].to_numpy("int64"))
            for part in won
        ),
    )


def _both(
    counted: _Counted, periods: tuple[Period, Period], segment: str
) -> tuple[list[str], Outcomes, Outcomes]:
    rows = [
        r.assign(segment=r["segment"].fillna(UNKNOWN))
        for r in (counted.rows(period, segment) for period in periods)
    ]
    segments = sorted(set(rows[0]["segment"]) | set(rows[1]["segment"])) or [UNKNOWN]
    return segments, _outcomes(rows[0], segments), _outcomes(rows[1], segments)


def _compared(
    counted: _Counted, asked: tuple[str, Period, Period], by: Sequence[str]
) -> Comparison:
    name, other, period = asked
    segments, then, now = _both(counted, (other, period), by[0])
    before, after = then.counts, now.counts
    parts = bookings_bridge(before, after)
    draws = bridge_draws(then, now, draws=DRAWS)
    sums = draws.sum(axis=1)
    low, high = _bounds(sums)
    all_low, all_high = _bounds(sums.sum(axis=-1))
    change = float(after[:, 3].sum() - before[:, 3].sum())
    return Comparison(
        name=name,
        period=other,
        before=float(before[:, 3].sum()),
        after=float(after[:, 3].sum()),
        change=Estimate(change, float(all_low), float(all_high)),
        factors=pd.DataFrame(
            {
                "factor": BRIDGE_FACTORS,
                "before": _levels(before.sum(axis=0)),
                "after": _levels(after.sum(axis=0)),
                "unit": [_UNITS[factor] for factor in BRIDGE_FACTORS],
                "part": parts.sum(axis=0),
                "lower": low,
                "upper": high,
            }
        ),
        segments=_segment_table(segments, before, after, parts),
        dimensions=_dimension_table(counted, (other, period), by),
        won=int(before[:, 2].sum() + after[:, 2].sum()),
    )


def _dimension_table(
    counted: _Counted, periods: tuple[Period, Period], by: Sequence[str]
) -> pd.DataFrame:
    """Return the parts when the mix is taken over each dimension."""
    rows = []
    for dimension in dict.fromkeys(by):
        _, then, now = _both(counted, periods, dimension)
        parts = bookings_bridge(then.counts, now.counts).sum(axis=0)
        rows.append([dimension, *parts])
    table = pd.DataFrame(rows, columns=["dimension", *BRIDGE_FACTORS])
    repeated = table[list(BRIDGE_FACTORS)].round(2).duplicated()
    return table[~repeated].reset_index(drop=True)


def _bounds(draws: Array) -> tuple[Any, Any]:
    low, high = np.quantile(draws, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    return low, high


def _levels(totals_of: Array) -> list[float]:
    """Return opportunities, nothing for the mix, share resolved, win rate and size."""
    number, resolved, won, booked = (float(value) for value in totals_of)
    return [number, float("nan"), *(_ratio(*pair) for pair in
            ((resolved, number), (won, resolved), (booked, won)))]  # fmt: skip


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")


def _segment_table(
    segments: Sequence[str], before: Array, after: Array, parts: Array
) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "group": segments,
            "before": before[:, 3],
            "after": after[:, 3],
            "moved": after[:, 3] - before[:, 3],
            **{factor: parts[:, place] for place, factor in enumerate(BRIDGE_FACTORS)},
        }
    )
    order = table["moved"].abs().sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _goals(workspace: Workspace, period: Period, days: int) -> pd.DataFrame:
    """Targets of the whole period beside the bookings: of all in view, then per team or region."""
    columns = ["group", "target", "bookings", "gap"]
    parts = []
    if workspace.has("targets") and days == period.days:
        for level in _levels_of(workspace):
            table = attainment(
                workspace.table("deals"), workspace.table("targets"), period=period,
                as_of=workspace.as_of, level=level,
            )  # fmt: skip
            parts.append(table[table["target"].notna()].rename(columns={"level_id": "group"}))
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)
    return rows[columns]


def _levels_of(workspace: Workspace) -> tuple[str, ...]:
    """Levels of targets the scope may see; the first one is that of the whole view."""
    if not workspace.scope.dimension:
        return ("company", "team", "region", "product")
    return (workspace.scope.dimension,)
