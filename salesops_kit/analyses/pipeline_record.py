"""What the pipeline forecast learns from, and the forecasts it would have made on former days."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.pipeline_calls import calls_on
from salesops_kit.analyses.recall import recalled
from salesops_kit.metrics.deal_snapshots import deal_snapshots
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.grouping import totals
from salesops_kit.metrics.wins import cohort_exits
from salesops_kit.models.combine import combined_past
from salesops_kit.models.create_and_close import new_deals
from salesops_kit.models.deal_forecast import (
    WinModel,
    blended,
    fit_win_model,
    labelled,
    leak_alarms,
    stage_rates,
    worth_if_won,
)
from salesops_kit.models.levers import toward
from salesops_kit.models.single_amounts import believed
from salesops_kit.models.sum_distribution import Outlook
from salesops_kit.periods import Period, day_number, from_day_number
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

MOST_DEALS = 1_000  # of a former day from which is learned; beyond, evenly chosen ones
MOST_PAST = 26  # former days
LEARNED = 18  # former forecasts from which weights are learned: as many for every page
FEWEST_PAST = 4  # former days with a known outcome from which on a forecast is made
METHODS = ("combined", "pipeline", "series", "stage_rates", "crm_chance", "commit", "best_case",
           "naive")  # fmt: skip
MEMBERS = ("pipeline", "series")  # of the combined forecast
EXPECTED = {"pipeline": 0.11, "series": 0.2}  # relative errors while few are known, as measured
_BLOCK = 28  # days of the sums that the series is made of
_FADES = 0.75  # weight of a sum over that of the next newer one
_SEASON = 0.5  # share of last year's season that is taken to come again
_GROUPS = ("type", "segment", "industry")  # told apart beside the dimensions of the settings
_SELLER = "owner_id"  # as the history tells it
_FEWEST, _MOST = 2, 30  # values of a column that tells deals apart


@dataclass(frozen=True)
class Window:
    """From the evening of `origin` to the evening of `end` (day numbers)."""

    origin: int
    end: int

    @property
    def days(self) -> int:
        """Days ahead."""
        return self.end - self.origin


@dataclass(frozen=True)
class Made:
    """A forecast of the bookings of a window, as it was or would have been made on its first day.

    `deals`: the open deals with their `chance`, `worth` (money if won), `rate` (share won from the
    same stage). `outlook`: what is expected of them and of deals to come, moved in common so that
    it adds up to the combined forecast. `pipeline`, `series`: what its members expected, deal by
    deal and from former sums alone; `weight`: that of the series. `stage_rates`, `crm_chance`,
    `commit`, `best_case`, `naive`: the money other methods expected; what reps committed, and that
    with best cases, is missing where no dated export tells it. `actual`: what was booked, missing
    while it is not over.
    """

    window: Window
    deals: pd.DataFrame
    outlook: Outlook
    model: WinModel
    pipeline: float
    series: float
    stage_rates: float
    crm_chance: float
    commit: float
    best_case: float
    naive: float
    actual: float
    weight: float = 0.0

    @property
    def row(self) -> dict[str, float]:
        """Return the forecast in one row: what `models.sum_distribution` learns from."""
        o = self.outlook
        return {
            "origin": self.window.origin, "end": self.window.end, "mean": o.mean,
            "variance": o.variance, "sway": o.sway, "actual": self.actual, "combined": o.mean,
            "pipeline": self.pipeline, "series": self.series, "stage_rates": self.stage_rates,
            "crm_chance": self.crm_chance, "commit": self.commit, "best_case": self.best_case,
            "naive": self.naive,
        }  # fmt: skip


@dataclass(frozen=True)
class Record:
    """Open deals of former days, how deals went since their creation, and what was won when.

    `groups`: columns by which deals are told apart; `alarms`: those left out since they knew the
    future. `dated_amounts`: the history tells former amounts; else today's stand for them.
    """

    as_of: int
    snapshots: pd.DataFrame
    courses: pd.DataFrame
    amounts: pd.DataFrame
    groups: tuple[str, ...]
    alarms: tuple[str, ...] = ()
    dated_amounts: bool = True

    @cached_property
    def begins(self) -> int:
        """Day number of the first deal known."""
        return int(self.courses["created_day"].min()) if len(self.courses) else self.as_of

    @property
    def has_money(self) -> bool:
        """Tell whether, of the deals won, any has both a day and an amount."""
        return bool(self._wins[2].sum() > 0) or not self.snapshots["won_in"].notna().any()

    @property
    def winners_only(self) -> bool:
        """Tell whether the data hold won deals alone: then nothing seems open, and all was won."""
        return (
            len(self.courses) > 0
            and not self.courses[["lost", "invalid", "still_open"]].to_numpy().any()
        )

    @property
    def unpriced(self) -> float:
        """Share of the deals won that have no amount."""
        every = float(self.amounts["deals"].sum())
        blank = float(self.amounts.loc[self.amounts["amount"].isna(), "deals"].sum())
        return blank / every if every else 0.0

    def booked(self, window: Window) -> float:
        """Return what was booked in a window; missing while it is not over."""
        if window.end > self.as_of:
            return float("nan")
        return self._sum(window)

    def from_sums(self, window: Window) -> float:
        """Forecast the bookings of a window from former sums alone, as known on its first day.

        A level smoothed over sums of four weeks, and half of last year's season.
        """
        ends = np.arange(window.origin, self.begins + _BLOCK - 1, -_BLOCK)
        if not len(ends):
            return 0.0
        sums = np.array([self._sum(Window(int(end) - _BLOCK, int(end))) for end in ends])
        sums = believed(sums, np.ones(len(sums)))
        weights = _FADES ** np.arange(len(sums))
        level = float((weights * sums).sum() / weights.sum()) * window.days / _BLOCK
        year = sums[: 364 // _BLOCK]
        if len(sums) < len(year) or len(year) < 364 // _BLOCK or not year.sum():
            return level
        then = self._sum(Window(window.origin - 364, window.end - 364))
        usual = float(year.mean()) * window.days / _BLOCK
        return level * (1 + _SEASON * (then / usual - 1))

    def _sum(self, window: Window) -> float:
        days, money = self._booked
        first, last = np.searchsorted(days, [window.origin, window.end], side="right")
        return float(money[last] - money[first])

    @cached_property
    def _booked(self) -> tuple[npt.NDArray[np.int64], Array]:
        """Days on which something was won, and all that was booked before each of them."""
        day, _, money = self._wins
        days, place = np.unique(day, return_inverse=True)
        daily = np.bincount(place, money, len(days))
        return days, np.concatenate([[0.0], np.cumsum(daily)])

    @cached_property
    def _wins(self) -> tuple[npt.NDArray[np.int64], Array, Array]:
        """Day of each win, day of its creation (missing: long ago), money."""
        won = self.amounts[self.amounts["amount"].notna()]
        day = won["won_day"].to_numpy("int64")
        age = won["age_days"].astype("float64").fillna(np.inf).to_numpy()
        return day, day - age, (won["amount"] * won["deals"]).to_numpy("float64")

    def forecasts(self, windows: Sequence[Window], *, newest: int = MOST_PAST) -> list[Made]:
        """Return the newest forecasts of windows of about equal length, with what was known then.

        Windows on whose first day too few others were over are left out. None are made of winners
        alone: who is open now, and who is lost, is not known then.
        """
        if self.winners_only:
            return []
        ends = {window.origin: window.end for window in windows}
        rows = self.snapshots[self.snapshots["origin"].isin(list(ends))]
        labels = labelled(rows, ends=ends, known_day=self.as_of)
        over = labels["origin"].map(ends).to_numpy("int64")
        made: list[Made] = []
        told = [pd.DataFrame(columns=["chance", "rate", "end"], dtype="float64")]
        for window in sorted(windows, key=lambda one: one.origin)[-newest:]:
            known = labels[over <= window.origin]
            if known["origin"].nunique() < FEWEST_PAST:
                continue
            model = fit_win_model(known, groups=self.groups)
            if model is None:
                continue
            deals = self.snapshots[self.snapshots["origin"] == window.origin]
            said = pd.DataFrame({"chance": model.chance(deals), "rate": stage_rates(known, deals)},
                                deals.index)  # fmt: skip
            former = pd.concat(told)
            former = former[former["end"] <= window.origin]
            chance = blended(said, former.assign(won=known["won"].reindex(former.index)))
            made.append(self._made(window, known, model, said.assign(chance=chance)))
            told.append(said.assign(end=float(window.end)))
        return _combined(made)

    def _made(
        self, window: Window, known: pd.DataFrame, model: WinModel, said: pd.DataFrame
    ) -> Made:
        deals = self.snapshots[self.snapshots["origin"] == window.origin]
        worth, unsure = worth_if_won(known, deals)
        chance, rate = said["chance"].to_numpy(), said["rate"].to_numpy()
        weight = deals["weight"].to_numpy()
        pipeline = Outlook(
            chance,
            worth,
            unsure,
            weight,
            new_deals(self.courses, self.amounts, day=window.origin, end=window.end),
        )
        amount = deals["amount"].fillna(deals["amount"].mean()).fillna(0.0).to_numpy("float64")
        due = deals["due_in"].le(window.days).fillna(value=False).to_numpy("bool")
        listed = deals["probability"].fillna(0.0).to_numpy("float64") * due
        return Made(
            window,
            deals.assign(chance=chance, worth=worth, rate=rate),
            pipeline,
            model,
            pipeline.mean,
            self.from_sums(window),
            float((weight * rate * amount).sum()) + self._usual_new(window),
            float((weight * listed * amount).sum()),
            *_called(deals, weight * due * amount),
            self.booked(Window(window.origin - window.days, window.origin)),
            self.booked(window),
        )

    def _usual_new(self, window: Window) -> float:
        """Return what deals created after the first day brought in the last windows, on average."""
        day, born, money = self._wins
        found = []
        for back in range(1, 7):
            end = window.origin - (back - 1) * 28
            start = end - window.days
            if start > self.begins:
                found.append(float(money[(born > start) & (day > start) & (day <= end)].sum()))
        return float(np.mean(found)) if found else 0.0


def _called(deals: pd.DataFrame, due: Array) -> tuple[float, float]:
    """Return the money of deals that are committed and due, and with best cases besides.

    Missing where nobody called any deal on that day.
    """
    if deals["call"].isna().all():
        return float("nan"), float("nan")
    committed = deals["call"].eq("commit").to_numpy("bool")
    hoped = committed | deals["call"].eq("best_case").to_numpy("bool")
    return float(due[committed].sum()), float(due[hoped].sum())


def _combined(made: Sequence[Made]) -> list[Made]:
    """Move each forecast to what it and that of former sums say together.

    Their weights come from the errors of both that were known on its day. The same log-odds are
    added to all deals, so that they still add up to the one forecast.
    """
    table = pd.DataFrame([one.row for one in made], columns=["origin", "end", "actual", *MEMBERS])
    said = combined_past(table, MEMBERS, expected=EXPECTED, newest=LEARNED)
    found = []
    for one, value, weight in zip(made, said["combined"], said["weight_series"], strict=True):
        moved = toward(one.outlook, float(value))
        deals = one.deals.assign(chance=moved.chance)
        found.append(replace(one, outlook=moved, deals=deals, weight=float(weight)))
    return found


def windows_before(window: Window, *, months: bool) -> list[Window]:
    """Return a window and its like before it, the newest first.

    Months apart each keeps its place in the month, so that month ends weigh as much in all of
    them; else four weeks apart.
    """
    if not months:
        return [Window(window.origin - 28 * n, window.end - 28 * n) for n in range(MOST_PAST + 1)]
    first, after = (from_day_number(day + 1) for day in (window.origin, window.end))
    return [Window(_months_before(first, n) - 1, _months_before(after, n) - 1)
            for n in range(MOST_PAST + 1)]  # fmt: skip


def _months_before(day: date, months: int) -> int:
    moved = pd.Timestamp(day) - pd.DateOffset(months=months)
    return day_number(moved.date())


def record_of(workspace: Workspace, windows: Sequence[Window]) -> Record:
    """Return what can be learned for windows, from the history of the workspace.

    `windows`: the first one begins on the as-of day.
    """
    deals, today = workspace.table("deals"), workspace.as_of_day
    groups = _groups(workspace)
    days = sorted({window.origin for window in windows})
    snapshots = deal_snapshots(
        workspace.table("stage_history"), deals,
        origins=[from_day_number(day) for day in days], dimensions=groups, most=MOST_DEALS,
    )  # fmt: skip
    calls = calls_on(workspace, days)
    snapshots = snapshots.merge(calls, on=["origin", "deal_id"], how="left")
    snapshots.attrs = {}  # pandas copies them, deeply, with every column that is taken
    whole = Period("", date(1970, 1, 1), from_day_number(today) + timedelta(days=1), "month")
    courses = cohort_exits(deals, period=whole, as_of=workspace.as_of, by=["created_day"])
    won = deals.filter((nw.col("status") == "won") & ~nw.col("closed_day").is_null())
    aged = won.with_columns(
        deals=nw.lit(1),
        won_day=nw.col("closed_day"),
        age_days=nw.col("closed_day") - nw.col("created_day"),
    )
    amounts = totals(aged, by=["won_day", "age_days", "amount"], counts=["deals"])
    record = Record(today, snapshots, courses, amounts, (*groups, _SELLER))
    return _without_alarms(_with_amounts(record, workspace))


@dataclass(frozen=True)
class Learned:
    """A record, `windows` (the newest first), and their forecasts `made` (the newest last)."""

    windows: tuple[Window, ...]
    record: Record
    made: tuple[Made, ...]


@recalled
def learned(workspace: Workspace, *, end_day: int, months: bool) -> Learned:
    """Return the forecasts until the evening of a day, today's and former ones, and their record.

    Shared by the pages, since each of the forecasts fits a classifier; without money there are
    none. `months`: former windows are months apart (`windows_before`). The days four weeks apart
    are in the record in any case.
    """
    today = workspace.as_of_day
    windows = windows_before(Window(today, end_day), months=months)
    weekly = windows_before(Window(today, today + 28), months=False)
    record = record_of(workspace, [*windows, *weekly])
    made = record.forecasts(windows) if record.has_money else []
    return Learned(tuple(windows), record, tuple(made))


def _groups(workspace: Workspace) -> list[str]:
    """Return the columns of deals with neither one value nor hundreds."""
    deals = workspace.table("deals")
    there = set(deals.collect_schema().names())
    names = [n for n in dict.fromkeys((*workspace.settings.dimensions, *_GROUPS)) if n in there]
    if not names:
        return []
    counted = collect(deals.select(*[nw.col(name).n_unique() for name in names]))
    values = counted.fillna(0).iloc[0]
    return [name for name in names if _FEWEST <= int(values[name]) <= _MOST]


def _with_amounts(record: Record, workspace: Workspace) -> Record:
    """Take today's amounts for today's deals, and for all where the history has none.

    An export younger than the as-of day may hold amounts that were edited since, without a date.
    """
    snapshots, deals = record.snapshots, workspace.table("deals")
    dated = bool(snapshots["amount"].notna().any())
    fresh = workspace.data_until is not None and workspace.as_of >= workspace.data_until
    if dated and not fresh:
        return record
    wanted = deals.filter(nw.col("status") == "open") if dated else deals
    now = collect(wanted.select("deal_id", "amount", "created_day"))
    latest = now[now["amount"].notna()].set_index("deal_id")["amount"]
    given = snapshots["deal_id"].map(latest).astype("float64")
    newer = given.notna() & ((snapshots["origin"] == record.as_of) | (not dated))
    amount = snapshots["amount"].where(~newer, given)
    return replace(record, snapshots=snapshots.assign(amount=amount), dated_amounts=dated)


def _without_alarms(record: Record) -> Record:
    """Leave out the columns that must have been filled in at closing."""
    ended = record.snapshots[record.snapshots["closed_in"].notna()]
    known = ended.assign(won=ended["won_in"].notna().astype("int64"))
    alarms = leak_alarms(known, record.groups) if len(known) else []
    kept = tuple(name for name in record.groups if name not in alarms)
    return replace(record, groups=kept, alarms=tuple(alarms))


def past_table(made: Sequence[Made]) -> pd.DataFrame:
    """Return forecasts whose windows are over, one row each."""
    rows = [one.row for one in made if not np.isnan(one.actual)]
    columns = ["origin", "end", "mean", "variance", "sway", "actual", *METHODS]
    return pd.DataFrame(rows, columns=columns)


def over_by(past: pd.DataFrame, day: int) -> pd.DataFrame:
    """Return the forecasts whose windows were over on a day."""
    return past[past["end"] <= day]
