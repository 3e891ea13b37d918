"""What the next periods bring: the one forecast that every page shows of them.

Chances to the end of each period are those of the pipeline forecast, combined with former sums;
what a period brings alone is the difference between two ends, so that periods add up. Drawn
together, every deal is won, lost or left open in each, moved by a shock common to all deals.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.pipeline_forecast import shock_of, won_in
from salesops_kit.analyses.pipeline_record import (
    LEARNED,
    Made,
    Record,
    Window,
    learned,
    windows_before,
)
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.recent_stays import recent_stays
from salesops_kit.models.levers import toward
from salesops_kit.models.outlook import Sample, chances, closings
from salesops_kit.models.period_draws import Draws, apart, period_draws, tie_of
from salesops_kit.models.sum_distribution import Outlook, Shock, booked_draws
from salesops_kit.periods import Cadence, Period
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

# periods looked at together
AHEAD: dict[Cadence, int] = {"week": 4, "month": 3, "quarter": 2, "year": 1}


@dataclass(frozen=True)
class PeriodsAhead:
    """The forecast of the next periods from their deals.

    `won`: booked in the first so far. `made`: per end the forecasts by their first day; `steps`:
    what each period brings alone. `gone`: deals × periods, the chance to be lost in each.
    `draws`: outcomes of what is still to come; `tie`: how far the shocks of two periods go
    together. `looked_at`: former days from which the next period was forecast, if enough was known
    then. `has_money`: False where no deal won has day and amount;
    then, and where the data cannot tell, `spans` is empty.
    """

    spans: tuple[Period, ...]
    won: float = 0.0
    made: tuple[dict[int, Made], ...] = ()
    steps: tuple["Step", ...] = ()
    gone: Array = field(default_factory=lambda: np.zeros((0, 0)))
    draws: Draws | None = None
    tie: float = float("nan")
    looked_at: tuple[int, ...] = ()
    has_money: bool = True

    @cached_property
    def now(self) -> list[Made]:
        """Return the forecasts of today, to the end of each period."""
        return [one[max(one)] for one in self.made]

    @cached_property
    def parts(self) -> list[Outlook]:
        """Return what each period alone brings from now on."""
        return [step.outlooks[max(step.outlooks)] for step in self.steps]

    @cached_property
    def value(self) -> Array:
        """Return the forecast of each period, with what was booked; they add up."""
        left = np.array([part.mean for part in self.parts])
        left[:1] += self.won
        return left

    @cached_property
    def outcomes(self) -> Array:
        """Return draws × periods of their bookings, with what was booked."""
        if self.draws is None:
            return np.zeros((0, len(self.spans)))
        money = self.draws.money.copy()
        money[:, 0] += self.won
        return money


@dataclass(frozen=True)
class Step:
    """One period: forecasts made for it alone, on former days and, last, now.

    `past`: those that are over, one row each (`origin`, `mean`, `variance`, `sway`, `actual`);
    `days`: how long it is.
    """

    outlooks: dict[int, Outlook]
    past: pd.DataFrame
    days: int
    shock: Shock


def spans_ahead(first: Period) -> tuple[Period, ...]:
    """Return the periods that are looked at together, from the first one on."""
    spans = [first]
    while len(spans) < AHEAD[first.cadence]:
        spans.append(spans[-1].next())
    return tuple(spans)


@recalled
def periods_ahead(workspace: Workspace, spans: Sequence[Period]) -> PeriodsAhead:
    """Forecast periods that follow each other; the first holds the day after the as-of day.

    Returns those from the first on that can be forecast today.
    """
    if not workspace.has("stage_history") or workspace.as_of_day < spans[0].start_day - 1:
        return PeriodsAhead(())
    months = spans[0].cadence != "week"
    windows = [windows_before(Window(workspace.as_of_day, span.end_day - 1), months=months)
               for span in spans]  # fmt: skip
    known = learned(workspace, end_day=spans[0].end_day - 1, months=months)
    record = known.record
    if not record.has_money:
        return PeriodsAhead((), has_money=False)
    made = made_per_end(record, windows, known.made)
    if not made:
        return PeriodsAhead(())
    steps = steps_of(record, made)
    found = PeriodsAhead(
        tuple(spans[: len(made)]), won_in(workspace, spans[0]), tuple(made), tuple(steps),
        tie=tie_of([step.past for step in steps]),
        looked_at=tuple(window.origin for window in windows[0]),
    )  # fmt: skip
    gone = _gone(found.now, recent_stays(workspace).courses)
    shocks = [step.shock for step in steps]
    drawn = _like(
        period_draws(found.parts, gone, shocks, np.random.default_rng(1), tie=found.tie),
        booked_draws(found.now[0].outlook, shocks[0], np.random.default_rng(0)).total,
    )
    return replace(found, gone=gone, draws=drawn)


def made_per_end(
    record: Record, windows: Sequence[Sequence[Window]], first: Sequence[Made] | None = None
) -> list[dict[int, Made]]:
    """Return per end the forecasts by their first day; of ends that can be forecast today.

    `first`: those to the first end, where they are known already.
    """
    found: list[dict[int, Made]] = []
    for place, wanted in enumerate(windows):
        if place:
            made: Sequence[Made] = record.forecasts(wanted, newest=LEARNED + 1)
        else:
            made = record.forecasts(wanted) if first is None else first
        by_day = {one.window.origin: one for one in made}
        if record.as_of not in by_day:
            break
        found.append(by_day)
    return found


def steps_of(record: Record, made: Sequence[dict[int, Made]]) -> list[Step]:
    """Tell the periods apart: what each brings alone, and how wrong that was in the past."""
    steps = []
    for place, by_day in enumerate(made):
        before = made[place - 1] if place else None
        outlooks, rows = {}, []
        for day, one in by_day.items():
            if before is not None and day not in before:
                continue
            begin = before[day].window.end if before is not None else day
            part = one.outlook
            if before is not None:  # a chance never falls, but their sum must be the later end's
                gained = part.mean - before[day].outlook.mean
                part = toward(apart([before[day].outlook, part])[-1], gained)
            outlooks[day] = part
            actual = record.booked(Window(begin, one.window.end))
            rows.append((day, one.window.end, part.mean, part.variance, part.sway, actual))
        names = ["origin", "end", "mean", "variance", "sway", "actual"]
        past = pd.DataFrame(rows, columns=names).dropna(subset=["actual"])
        days = by_day[record.as_of].window.days
        if before is not None:
            days -= before[record.as_of].window.days
        steps.append(Step(outlooks, past, days, shock_of(past, days)))
    return steps


def _gone(now: Sequence[Made], courses: Sample | None) -> Array:
    """Return the chance of each open deal to be lost in each period, by its stage and age."""
    deals = now[0].deals
    table = np.zeros((len(deals), len(now)))
    if courses is None or deals.empty:
        return table
    aged = deals[["stage"]].assign(age_days=deals["age_days"].astype("int64"))
    days = [min(one.window.days, courses.horizon) for one in now]
    won, closed = chances(courses, aged, days), closings(courses, aged, days)
    lost = [np.nan_to_num((closed[day] - won[day]).to_numpy("float64")) for day in days]
    for place, (one, share) in enumerate(zip(now, lost, strict=True)):
        # the classifier says who is won; of the others at most all are lost
        table[:, place] = np.minimum(share, 1 - one.outlook.chance)
    return np.maximum(np.diff(table, axis=1, prepend=0.0), 0.0)


def _like(draws: Draws, first: Array) -> Draws:
    """Give the first period the distribution that the pipeline forecast shows."""
    money = draws.money.copy()
    order = np.argsort(np.argsort(money[:, 0], kind="stable"), kind="stable")
    money[:, 0] = np.sort(first)[order]
    return replace(draws, money=money)
