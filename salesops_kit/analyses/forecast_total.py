"""Bookings of everybody in view as every page shows them: open deals first, then the series alone.

As far as open deals tell what comes, the forecast is the one of the pages Pipeline forecast and
Risks (`periods_ahead`); behind it the series goes on alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from salesops_kit.analyses.forecast_history import History, name_of
from salesops_kit.analyses.periods_ahead import AHEAD, PeriodsAhead, Step, periods_ahead
from salesops_kit.analyses.pipeline_forecast import (
    FEWEST_JUDGED,
    answer_table,
    error_table,
    range_given,
)
from salesops_kit.analyses.pipeline_record import MEMBERS, past_table
from salesops_kit.models.series import Forecast
from salesops_kit.models.series_backtest import COMBINED
from salesops_kit.models.series_intervals import LEVELS
from salesops_kit.models.series_panel import Array
from salesops_kit.workspace import Workspace

TOTAL = name_of("bookings")
ALONE = "alone"  # the series without the pipeline, in tables of methods
PART_COLUMNS = ["span", "method", "said", "weight", "wape", "bias"]


@dataclass(frozen=True)
class Total:
    """The forecast of everybody in view, step by step, booked parts of the running step included.

    `value`, `low`, `high` (steps x `LEVELS`): the forecast. `alone`: what the series says by
    itself. `draws`: outcomes x steps; `seen`: first steps that the open deals tell; `ahead`: what
    they tell.
    """

    value: Array
    low: Array
    high: Array
    alone: Array
    draws: Array
    ahead: PeriodsAhead
    floor: float
    positive: bool

    @property
    def seen(self) -> int:
        """Steps from the first on that the open deals tell."""
        return len(self.ahead.spans)

    def sum(self, steps: int) -> tuple[float, Array]:
        """Return the forecast of the sum of the first steps, and its outcomes, rising."""
        if 0 < steps <= self.seen:
            drawn = self.ahead.outcomes[:, :steps].sum(axis=1)
        else:
            drawn = self.draws[:, :steps].sum(axis=1)
            drawn = np.maximum(drawn, self.floor if self.positive else -np.inf)
        return float(self.value[:steps].sum()), np.sort(drawn)


def total_of(found: Forecast, history: History, workspace: Workspace) -> Total:
    """Return the forecast of everybody in view."""
    ahead = periods_ahead(workspace, history.ahead[: AHEAD[history.cadence]])
    row, floor = found.panel.ids.index(TOTAL), history.so_far or 0.0
    alone = found.value[row].copy()
    low, high = found.lower[row].copy(), found.upper[row].copy()
    positive = not bool((found.panel.known[row] < 0).any())
    if positive:
        for table in (alone, low, high):
            table[0] = np.maximum(table[0], floor)
    total = Total(alone, low, high, alone, found.outcomes(TOTAL), ahead, floor, positive)
    return _with_deals(total) if ahead.spans else total


def _with_deals(total: Total) -> Total:
    """Put what open deals tell in place of the first steps."""
    seen, drawn = total.seen, total.ahead.outcomes
    value, low, high = total.value.copy(), total.low.copy(), total.high.copy()
    value[:seen] = total.ahead.value
    for place, level in enumerate(LEVELS):
        edges = [(1 - level) / 2, (1 + level) / 2]
        low[:seen, place], high[:seen, place] = np.quantile(drawn, edges, axis=0)
    return replace(total, value=value, low=low, high=high, draws=joined(drawn, total.draws))


def joined(first: Array, paths: Array) -> Array:
    """Return outcomes of the first steps, each gone on by a path that stood where it stands.

    What a series misses in its first steps it tends to miss later, too: outcomes and paths are
    matched by the rank of their sums over the first steps (Schaake shuffle; Clark et al. 2004).

    Parameters
    ----------
    first
        Outcomes x first steps.
    paths
        Paths x all steps; as many times as needed to meet every outcome.
    """
    seen = first.shape[1]
    place = np.arange(len(first)) % len(paths)
    order = np.argsort(paths[place, :seen].sum(axis=1), kind="stable")
    later = paths[place[order], seen:]
    rising = first[np.argsort(first.sum(axis=1), kind="stable")]
    return np.concatenate([rising, later], axis=1)


# -- how wrong it was ------------------------------------------------------------------------------


def with_deals_tested(tested: pd.DataFrame, total: Total, history: History) -> pd.DataFrame:
    """Add what this page would have said on former days; the series by itself becomes `alone`.

    Days on which the pipeline was not looked at, such as three weeks of four, are not added. Where
    it was looked at and could not tell yet, the page would have shown the series.
    """
    if tested.empty or not total.seen:
        return tested
    mine = (tested["series"] == TOTAL) & (tested["method"] == COMBINED)
    cuts = {step.start_day - 1: len(history.steps) - place
            for place, step in enumerate(history.steps)}  # fmt: skip
    looked = {cuts[day] for day in total.ahead.looked_at if day in cuts}
    shown = tested[mine & tested["cut"].isin(looked)]
    days = [day for day, cut in cuts.items() if cut in set(shown["cut"])]
    said = {(cuts[day], ahead): values for day, ahead, values in _said(total, days)}
    names = ("value", "lower", "upper")
    rows = [
        row | dict(zip(names, said.get((row["cut"], row["ahead"]), map(row.get, names)),
                       strict=True))
        for row in shown.to_dict("records")
    ]  # fmt: skip
    alone = tested.assign(method=tested["method"].where(~mine, ALONE))
    if not rows:
        return alone.reset_index(drop=True)
    return pd.concat([pd.DataFrame(rows, columns=tested.columns), alone], ignore_index=True)


def _said(total: Total, days: Sequence[int]) -> list[tuple[int, int, tuple[float, float, float]]]:
    """Return day, steps ahead, and what open deals told then, with its range."""
    found = []
    for ahead, step in enumerate(total.ahead.steps, start=1):
        for day in set(days) & set(step.past["origin"]):
            ends = range_given(step.outlooks[day], step.past, day, step.days)
            found.append((day, ahead, (step.outlooks[day].mean, *ends)))
    return found


def compared(tested: pd.DataFrame) -> pd.DataFrame:
    """Return the checks of all methods that the delivered forecast was put to, too."""
    mine = tested[tested["series"] == TOTAL]
    own = mine[mine["method"] == delivered(mine)]
    keys = pd.MultiIndex.from_frame(own[["cut", "ahead"]])
    there = pd.MultiIndex.from_frame(mine[["cut", "ahead"]]).isin(keys)
    return mine[there]


def delivered(tested: pd.DataFrame) -> str:
    """Return the method that stands for the forecast as given; the series where none is known."""
    return COMBINED if (tested["method"] == COMBINED).any() else ALONE


def before(total: Total, history: History) -> Array | None:
    """Return what open deals told one step ago of the last known step and those after it.

    None where they were not looked at then.
    """
    day = history.steps[-1].start_day - 1
    steps: tuple[Step, ...] = total.ahead.steps
    if not steps or any(day not in step.outlooks for step in steps):
        return None
    return np.array([step.outlooks[day].mean for step in steps])


def parts_table(total: Total, tested: pd.DataFrame) -> pd.DataFrame:
    """Return the forecast, what it is made of and the series alone, with their past errors.

    Of the next step, and of all steps together that open deals tell. Columns: `span`, `method`,
    `said`, `weight` (in the forecast), `wape` and `bias` of as many days ahead.
    """
    ahead, parts = total.ahead, []
    for steps in sorted({1, total.seen} if total.seen else set()):
        made = ahead.made[steps - 1]
        now, past = ahead.now[steps - 1], past_table(list(made.values()))
        table = answer_table(now, error_table(now.window.days, past), ahead.won)
        table = table[table["method"].isin([COMBINED, *MEMBERS])]
        own = (ALONE, float(total.alone[:steps].sum()), np.nan, *_missed(tested, steps))
        table.loc[len(table)] = own
        parts.append(table.assign(span=_named(ahead, steps))[PART_COLUMNS])
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=PART_COLUMNS)


def _named(ahead: PeriodsAhead, steps: int) -> str:
    first, last = ahead.spans[0].label, ahead.spans[steps - 1].label
    return first if steps == 1 else f"{first} – {last}"


def _missed(tested: pd.DataFrame, steps: int) -> tuple[float, float]:
    """Return WAPE and bias of the series alone for the sum of so many steps."""
    nothing = float("nan"), float("nan")
    if tested.empty:
        return nothing
    mine = tested[(tested["series"] == TOTAL) & (tested["method"] == ALONE)]
    by_cut = mine[mine["ahead"] <= steps].groupby("cut")
    sums = by_cut.agg({"ahead": "count", "value": "sum", "actual": "sum"})
    sums = sums[sums["ahead"] == steps]
    if len(sums) < FEWEST_JUDGED or not sums["actual"].sum():
        return nothing
    error, size = sums["value"] - sums["actual"], float(sums["actual"].abs().sum())
    return float(error.abs().sum()) / size, float(error.sum()) / size
