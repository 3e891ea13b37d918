"""Ways through the stages: four ways to count, cohorts by stage, and what open deals will become.

Everything is counted from stays with their dates; deals still open are censored.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.metrics.engine import Frame, collect
from salesops_kit.metrics.funnel import dwell_counts, transitions
from salesops_kit.metrics.modes import stage_modes
from salesops_kit.models.outlook import Sample, chances, outlook, sample_of
from salesops_kit.models.single_amounts import outweighs
from salesops_kit.models.survival import (
    AGE,
    Interval,
    aalen_johansen,
    kaplan_meier,
    share_within,
    staying_quantile,
)
from salesops_kit.periods import Period, day_number, periods_until
from salesops_kit.workspace import Workspace

HORIZONS = (7, 14, 30, 60, 90, 180, 365)  # days at which stages are compared
SHOWN_DEALS = 15
_NORMAL_90 = 1.645
Range = tuple[float, float]
_COHORTS = 12  # months
_ENDS = ("onward", "back", "lost", "invalid")
_MODES = ("entries", "first", "reached", "strict")
_COUNTS = {"entries": "entries", "first": "first_entries", "reached": "reached",
           "strict": "strict"}  # fmt: skip
_LESS = ("again", "again_reopened", "begun_earlier", "off_skipped", "off_back", "off_reopened")
_STAGE_NUMBER = "x_month_number"
COLUMNS = {
    "steps": ["stage", "every_entry", "again", "again_reopened", "first_entries", "begun_earlier",
              "entered_later", "visited", "passed_over", "reached", "off_skipped", "off_back",
              "off_reopened", "strict", "stands_now"],
    "modes": ["stage", "mode", "n", "went_on", "still_open", "so_far", "at_most"],
    "ends": ["stage", "horizon", "visits", "onward", "lower", "upper", "lost", "invalid", "back",
             "remaining", "followed"],
    "deals": ["deal", "rep", "stage", "age_days", "amount", "chance", "lower", "upper",
              "days_left"],
    "stages": ["stage", "deals", "amount", "wins", "won_amount", "without_amount",
               "unknown"],
}  # fmt: skip


@dataclass(frozen=True)
class StagePaths:
    """How deals pass the stages and what becomes of those still open; empty without stays.

    `steps`: per stage the four counts of the period and every step between them, what is taken
    off negative. `modes`: per stage and mode those who went on, so far and at most, over the
    window. `ends`: per stage and horizon the share that ended each way (Aalen-Johansen), what
    still waits, and `followed`, the share of visits whose end by the horizon is known.
    `cohorts`: per stage and month of entry the share that went on within the stage's horizon.
    `deals`: the open deals with most money in prospect; `stages`: all of them, summed.
    `by_chance`: 90 % ranges of the wins and of their money where every deal is won or lost on its
    own and the chances are exact, so that nothing else can make them narrower.
    """

    steps: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["steps"]))
    modes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["modes"]))
    ends: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["ends"]))
    cohorts: dict[str, tuple[int, pd.DataFrame]] = field(default_factory=dict)
    deals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["deals"]))
    stages: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["stages"]))
    by_chance: tuple[Range, Range] = ((np.nan, np.nan), (np.nan, np.nan))

    @property
    def prospect(self) -> float:
        """Money in prospect: amount × chance to be won, over all open deals."""
        return float(self.stages["won_amount"].sum())

    @property
    def carrier(self) -> dict[str, Any] | None:
        """Return the deal that holds more of the money in prospect than all others together."""
        money = (self.deals["amount"] * self.deals["chance"]).to_numpy("float64")
        amount = self.deals["amount"].to_numpy("float64")
        if len(money) < 2 or not outweighs(amount[0], amount[1:].max(), amount[0]):
            return None
        if not 2 * money[0] > self.prospect:
            return None
        first = {str(name): value for name, value in self.deals.iloc[0].items()}
        return {"prospect": float(money[0]), **first}


def stage_paths(
    workspace: Workspace,
    stays: Frame,
    *,
    period: Period,
    window: Period,
    names: Mapping[str, str],
) -> StagePaths:
    """Return the ways through the stages.

    Parameters
    ----------
    stays
        Visits known on the workspace's as-of day.
    period
        Whose entries are reconciled.
    window
        Months that end with the period: stays begun in them tell conversion and chances.
    names
        Of reps, by their id.
    """
    known = workspace.as_of
    counts = dwell_counts(stays, period=window, as_of=known)
    if counts.empty:
        return StagePaths()
    sample = sample_of(counts, transitions(stays, period=window))
    still = _open_deals(workspace, stays)
    still["rep"] = still["owner_id"].map(lambda owner: names.get(owner, owner))
    still["chance"] = chances(sample, still, [sample.horizon])[sample.horizon]
    return StagePaths(
        steps=_steps(stage_modes(stays, period=period)),
        modes=_modes(stage_modes(stays, period=window)),
        ends=_ends(counts),
        cohorts=_cohorts(stays, counts, period, known),
        deals=_foremost(still, sample, np.random.default_rng(0)),
        stages=_summed(still, sample),
        by_chance=_by_chance(still),
    )


def _steps(counted: pd.DataFrame) -> pd.DataFrame:
    """Write what is taken off as negative, so that a row can be added up."""
    signed = counted.assign(**{name: -counted[name] for name in _LESS})
    return signed.rename(columns={"entries": "every_entry"})[COLUMNS["steps"]]


def _modes(counted: pd.DataFrame) -> pd.DataFrame:
    """One row per stage and mode: who went on, and who still may."""
    rows = []
    for row in counted.to_dict("records"):
        for mode in _MODES:
            n, on, may = row[_COUNTS[mode]], row[f"{mode}_onward"], row[f"{mode}_open"]
            shares = (on / n, (on + may) / n) if n else (np.nan, np.nan)
            rows.append((row["stage"], f"mode_{mode}", n, on, may, *shares))
    return pd.DataFrame(rows, columns=COLUMNS["modes"])


def _ends(counts: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for stage, part in counts.groupby("stage", sort=False):
        visits = int(part[["ended", "still_open"]].to_numpy().sum())
        for horizon in _horizons(part):
            curves = {
                end: aalen_johansen(
                    part, event=end, competing=[e for e in _ENDS if e != end], waiting="still_open"
                )
                for end in _ENDS
            }
            shares = {end: share_within(curve, horizon) for end, curve in curves.items()}
            rows.append(_end_row(str(stage), horizon, visits, shares, part))
    return pd.DataFrame(rows, columns=COLUMNS["ends"])


def _end_row(
    stage: str, horizon: int, visits: int, shares: dict[str, Interval], part: pd.DataFrame
) -> dict[str, object]:
    """Describe one stage at one horizon; shares add up to 1 with what remains."""
    known = part["ended"] + part["still_open"].where(part[AGE] >= horizon, 0)
    return {
        "stage": stage, "horizon": horizon, "visits": visits,
        "onward": shares["onward"].value, "lower": shares["onward"].lower,
        "upper": shares["onward"].upper,
        **{end: shares[end].value for end in ("lost", "invalid", "back")},
        "remaining": 1 - sum(share.value for share in shares.values()),
        "followed": float(known.sum() / visits),
    }  # fmt: skip


def _horizons(part: pd.DataFrame) -> list[int]:
    """Return the days at which a stage is judged: beyond half, and beyond nine tenths, of stays."""
    curve = kaplan_meier(part, ended="ended", waiting="still_open")
    found = []
    for share in (0.5, 0.9):
        days = staying_quantile(curve, share).value
        if not np.isnan(days):
            found.append(next((h for h in HORIZONS if h >= days), HORIZONS[-1]))
    return sorted(set(found))


def _cohorts(
    stays: Frame, counts: pd.DataFrame, period: Period, known: date
) -> dict[str, tuple[int, pd.DataFrame]]:
    """Per stage its longer horizon, and per month of entry the share that went on by then."""
    months = _months(period)
    begun = [(nw.col("entered_day") >= one.start_day).cast(nw.Int64) for one in months]
    span = Period("", months[0].start, months[-1].end, "month", period.calendar)
    numbered = stays.with_columns(nw.sum_horizontal(*begun).alias(_STAGE_NUMBER))
    every = dwell_counts(numbered, period=span, as_of=known, by=[_STAGE_NUMBER])
    found = {}
    for stage, part in counts.groupby("stage", sort=False):
        horizons = _horizons(part)
        if horizons:
            mine = every[every["stage"] == stage]
            table = _by_month(mine, months, horizons[-1], known)
            found[str(stage)] = (horizons[-1], table)
    return found


def _months(period: Period) -> Sequence[Period]:
    last = pd.Timestamp(period.end) - pd.DateOffset(months=1)
    month = Period(f"{last:%Y-%m}", last.date(), period.end, "month", period.calendar)
    return list(periods_until(month, _COHORTS))


def _by_month(
    counts: pd.DataFrame, months: Sequence[Period], horizon: int, known: date
) -> pd.DataFrame:
    rows = []
    for number, month in enumerate(months, start=1):
        part = counts[counts[_STAGE_NUMBER] == number]
        curve = aalen_johansen(
            part, event="onward", competing=_ENDS[1:], waiting="still_open"
        )  # fmt: skip
        mature = (known - month.last).days >= horizon
        n = int(part[["ended", "still_open"]].to_numpy().sum())
        rows.append((month.label, n, *share_within(curve, horizon), mature))
    return pd.DataFrame(rows, columns=["period", "entered", "share", "lower", "upper", "mature"])


def _open_deals(workspace: Workspace, stays: Frame) -> pd.DataFrame:
    """Deals now in an open stage, with the days they have been there."""
    deals = workspace.table("deals")
    there = set(deals.collect_schema().names())
    names = [name for name in ("name", "owner_id") if name in there]
    still = stays.filter(
        (nw.col("exit_type") == "open") & (nw.col("stage_category") == "open")
    ).select("deal_id", "stage", "entered_day")
    table = collect(
        still.join(deals.select("deal_id", "amount", *names), on="deal_id"), ["deal_id"]
    )
    last = day_number(workspace.as_of)
    owner = table["owner_id"] if "owner_id" in table else pd.Series(None, table.index, dtype=object)
    return table.assign(
        age_days=(last - table["entered_day"]).astype("int64"),
        deal=table["name"].fillna(table["deal_id"]) if "name" in table else table["deal_id"],
        owner_id=owner, amount=table["amount"].astype("float64"),
    )  # fmt: skip


def _foremost(still: pd.DataFrame, sample: Sample, rng: np.random.Generator) -> pd.DataFrame:
    """Return the deals with most money in prospect, amount × chance."""
    prospect = (still["amount"] * still["chance"]).fillna(0.0)
    order = prospect.sort_values(ascending=False, kind="stable").index[:SHOWN_DEALS]
    shown = still.loc[order[prospect[order] > 0]]
    shown = shown.drop(columns="chance").join(outlook(sample, shown, rng))
    return shown[COLUMNS["deals"]].reset_index(drop=True)


def _summed(still: pd.DataFrame, sample: Sample) -> pd.DataFrame:
    """Sum open deals per stage: how many and how much of it will be won, on average."""
    table = still.assign(
        deals=1, wins=still["chance"].fillna(0.0), without_amount=still["amount"].isna(),
        won_amount=(still["amount"] * still["chance"]).fillna(0.0),
        unknown=still["chance"].isna(), amount=still["amount"].fillna(0.0),
    )  # fmt: skip
    order = {stage: place for place, stage in enumerate(sample.stages)}
    summed = table.groupby("stage")[COLUMNS["stages"][1:]].sum().reset_index()
    place = summed["stage"].map(order).fillna(len(order))
    return summed.iloc[np.argsort(place, kind="stable")].reset_index(drop=True)


def _by_chance(still: pd.DataFrame) -> tuple[Range, Range]:
    """Return 90 % ranges of wins and money of independent deals (normal, variance p (1 - p) a²).

    Within what is possible at all: of few deals, or of one that outweighs all others, the normal
    range would reach beyond everything that is open.
    """
    chance = still["chance"].fillna(0.0).to_numpy()
    ranges = []
    for worth in (np.ones(len(still)), still["amount"].fillna(0.0).to_numpy()):
        mean = float(chance @ worth)
        half = _NORMAL_90 * float(np.sqrt(chance * (1 - chance) @ worth**2))
        possible = worth[chance > 0]
        least, most = possible[possible < 0].sum(), possible[possible > 0].sum()
        ranges.append((float(max(mean - half, least)), float(min(mean + half, most))))
    return ranges[0], ranges[1]
