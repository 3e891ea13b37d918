"""The series a forecast is made from: what was booked, won, begun and came in, step by step.

One value per step (fiscal month; week in weekly reports), for everybody in view and by group. A
step without deals is zero, not missing. The first steps are left out where the data begins: deals
begun before it are not in it, so that too little was booked then.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.grouping import totals
from salesops_kit.periods import Cadence, Period, from_day_number, period_containing
from salesops_kit.workspace import Workspace

ALL = "all"  # the dimension of everybody in view
REP = "owner_id"
MEASURES = ("bookings", "wins", "new_pipeline", "new_deals", "leads")
MONEY = ("bookings", "new_pipeline")
FEWEST, MOST = 2, 30  # values of a dimension that is forecast by
MOST_REPS = 120
_KEPT = 12  # steps that stay when the first ones are left out, whatever the limit
_SEASON = {"week": 52, "month": 12}
_WEEKS_AHEAD, _MONTHS_AHEAD = 13, 6


@dataclass(frozen=True)
class History:
    """Series of steps.

    `steps`: complete ones, oldest first. `ahead`: those to forecast; the first may be running.
    `rows`: `series`, `measure`, `dimension`, `group`, `step` (place in `steps`), `value`.
    `so_far`: what everybody in view booked in the first step ahead until the as-of day; None
    where that step has not begun.
    `skipped`: steps at the beginning of the data that are left out, `limit` days after it.
    `leaves`: team and rep of each pair seen, for adding up.
    """

    steps: tuple[Period, ...]
    ahead: tuple[Period, ...]
    rows: pd.DataFrame
    so_far: float | None
    skipped: int
    limit: int
    leaves: tuple[tuple[str, str], ...]
    dimensions: tuple[str, ...]

    @property
    def season(self) -> int:
        """Steps per year."""
        return _SEASON[self.cadence]

    @property
    def cadence(self) -> Cadence:
        """What a step is: week or month."""
        return self.ahead[0].cadence

    @property
    def reach(self) -> Period:
        """Return the widest span that is forecast: the fiscal year, of weeks all those ahead."""
        first, last = self.ahead[0], self.ahead[-1]
        if self.cadence == "month":
            return period_containing(first.start, "year", first.calendar)
        return Period(f"{first.label} – {last.label}", first.start, last.end, "week")

    def within(self, span: Period) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Tell which known steps begin within a span."""
        return np.array([span.contains(step.start) for step in self.steps], dtype=bool)

    @property
    def running(self) -> bool:
        """Tell whether the first step ahead had begun on the as-of day."""
        return self.so_far is not None

    def values(self, measure: str, dimension: str = ALL, group: str = "") -> "pd.Series[float]":
        """Return one series, oldest first."""
        mine = self.rows[self.rows["series"] == name_of(measure, dimension, group)]
        return mine.set_index("step")["value"].sort_index()


def name_of(measure: str, dimension: str = ALL, group: str = "") -> str:
    """Return the name a series has in the models."""
    return "|".join((measure, dimension, group))


def history_of(workspace: Workspace, period: Period) -> History:
    """Read the series of a workspace up to the as-of day.

    A weekly report sees weeks, every other one months. Ahead lie 13 weeks, or the rest of the
    fiscal year, at least six months.
    """
    cadence: Cadence = "week" if period.cadence == "week" else "month"
    known = workspace.as_of_day + 1
    deals = workspace.table("deals")
    begins, limit = _began(deals), _limit(workspace, deals)
    first_ahead = period_containing(from_day_number(known), cadence, period.calendar)
    steps = _steps(first_ahead, begins)
    skipped = min(_unfilled(steps, begins + limit), max(len(steps) - _KEPT, 0))
    steps = steps[skipped:]
    dimensions = _dimensions(workspace, deals)
    edges = np.array([step.start_day for step in steps] + [first_ahead.start_day, known])
    counted = _Counted(deals, edges)
    rows = [part for dimension in (ALL, *dimensions) for part in counted.of_deals(dimension)]
    if workspace.has("leads"):
        rows.append(counted.of_leads(workspace.table("leads")))
    so_far = counted.so_far() if known > first_ahead.start_day else None
    return History(
        tuple(steps), tuple(_ahead(first_ahead)), pd.concat(rows, ignore_index=True), so_far,
        skipped, limit, counted.leaves(), dimensions,
    )  # fmt: skip


def _began(deals: Frame) -> int:
    first = deals.select(nw.col("created_day").min()).collect(backend="pandas").to_native()
    value = first.iloc[0, 0]
    return 0 if pd.isna(value) else int(value)


def _limit(workspace: Workspace, deals: Frame) -> int:
    """Days by which nearly all deals won were won: before, wins of older deals are missing."""
    won = deals.filter(nw.col("status") == "won")
    days = won.select(days=nw.col("closed_day") - nw.col("created_day"))
    quantile = workspace.settings.thresholds.stale_quantile
    age = days.select(nw.col("days").quantile(quantile, "linear")).collect(backend="pandas")
    value = age.to_native().iloc[0, 0]
    return 0 if pd.isna(value) else int(np.ceil(value))


def _steps(first_ahead: Period, begins: int) -> list[Period]:
    """Return the steps from the first that lies wholly in the data to the last complete one."""
    steps: list[Period] = []
    step = first_ahead.previous()
    while step.start_day >= begins > 0:
        steps.insert(0, step)
        step = step.previous()
    return steps


def _unfilled(steps: Sequence[Period], day: int) -> int:
    return sum(step.start_day < day for step in steps)


def _ahead(first: Period) -> list[Period]:
    year = period_containing(first.start, "year", first.calendar)
    ahead = [first]
    least = _WEEKS_AHEAD if first.cadence == "week" else _MONTHS_AHEAD
    while len(ahead) < least or (first.cadence == "month" and ahead[-1].end < year.end):
        ahead.append(ahead[-1].next())
    return ahead


def _dimensions(workspace: Workspace, deals: Frame) -> tuple[str, ...]:
    """Dimensions of the settings that tell deals apart, and the reps."""
    there, found = set(deals.collect_schema().names()), []
    for name in dict.fromkeys((*workspace.settings.dimensions, REP)):
        if name in there:
            values = deals.select(name).unique().collect(backend="pandas").to_native()[name]
            most = MOST_REPS if name == REP else MOST
            if FEWEST <= values.dropna().nunique() <= most:
                found.append(name)
    return tuple(found)


@dataclass(frozen=True)
class _Counted:
    """Deals and leads summed per day by the engine, and put into steps here.

    `edges`: first days of the steps, of the first one ahead, and the first day not known.
    """

    deals: Frame
    edges: "np.ndarray[tuple[int], np.dtype[np.int64]]"

    def of_deals(self, dimension: str) -> list[pd.DataFrame]:
        """Return the series of deals by one dimension; by reps and groups only bookings."""
        won = self._days("closed_day", nw.col("status") == "won", dimension)
        parts = [self._series(won, "bookings", dimension, "amount")]
        if dimension == ALL:
            begun = self._days("created_day", ~nw.col("created_day").is_null(), dimension)
            parts += [
                self._series(won, "wins", dimension, "n"),
                self._series(begun, "new_pipeline", dimension, "amount"),
                self._series(begun, "new_deals", dimension, "n"),
            ]
        return parts

    def of_leads(self, leads: Frame) -> pd.DataFrame:
        """Return the leads that came in."""
        marked = leads.filter(~nw.col("created_day").is_null()).with_columns(n=nw.lit(1))
        days = totals(marked, by=["created_day"], counts=["n"])
        return self._series(days.rename(columns={"created_day": "day"}), "leads", ALL, "n")

    def so_far(self) -> float:
        """Return what was booked in the running step."""
        won = self._days("closed_day", nw.col("status") == "won", ALL)
        start, end = self.edges[-2:]
        return float(won.loc[(won["day"] >= start) & (won["day"] < end), "amount"].sum())

    def leaves(self) -> tuple[tuple[str, str], ...]:
        """Return team and rep of the deals won in the steps."""
        won = self.deals.filter(nw.col("status") == "won").select("team", REP).unique()
        pairs = won.collect(backend="pandas").to_native().dropna()
        return tuple(sorted(pairs.itertuples(index=False, name=None)))

    def _days(self, day: str, condition: nw.Expr, dimension: str) -> pd.DataFrame:
        by = [] if dimension == ALL else [dimension]
        marked = self.deals.filter(condition).with_columns(n=nw.lit(1))
        table = totals(marked, by=[*by, day], counts=["n"], sums=["amount"])
        return table.rename(columns={day: "day"}).dropna(subset=["day", *by])

    def _series(self, days: pd.DataFrame, measure: str, dimension: str, value: str) -> pd.DataFrame:
        """Sum days into steps; a step without any is zero."""
        place = np.searchsorted(self.edges[:-1], days["day"].to_numpy("int64"), side="right") - 1
        count = len(self.edges) - 2
        known = days[(place >= 0) & (place < count)]
        groups = [""] if dimension == ALL else sorted(set(known[dimension].astype(str)))
        code = np.zeros(len(known), dtype="int64")
        if dimension != ALL:
            code = np.searchsorted(groups, known[dimension].astype(str).to_numpy())
        table = np.zeros((len(groups), count))
        np.add.at(table, (code, place[(place >= 0) & (place < count)]), known[value].to_numpy())
        return pd.DataFrame(
            {
                "series": np.repeat(
                    np.array([name_of(measure, dimension, g) for g in groups], dtype=object), count
                ),
                "measure": measure,
                "dimension": dimension,
                "group": np.repeat(np.array(groups, dtype=object), count),
                "step": np.tile(np.arange(count), len(groups)),
                "value": table.ravel(),
            }
        )
