"""What the pipeline will bring by the end of a period, how sure that is, and which deals decide it.

Bookings = won so far + open deals × their chance × what they bring if won + deals still to come.
Every forecast is also made for former periods with what was known then: those errors say how wide
the range must be and how the method compares with others.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.pipeline_ahead import (
    LEVER_COLUMNS,
    booking_curve,
    lever_table,
)
from salesops_kit.analyses.pipeline_calls import TABLE, call_table
from salesops_kit.analyses.pipeline_forecast_findings import pipeline_findings
from salesops_kit.analyses.pipeline_record import (
    METHODS,
    Made,
    Record,
    Window,
    learned,
    over_by,
    past_table,
    windows_before,
)
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.recent_stays import recent_stays
from salesops_kit.analyses.target_scale import odd_note
from salesops_kit.findings import Finding, Words
from salesops_kit.language import LANGUAGES, Language, both
from salesops_kit.metrics.bookings import bookings
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.targets import planned
from salesops_kit.models.deal_forecast import calibration, calibration_error, labelled
from salesops_kit.models.outlook import Sample
from salesops_kit.models.sum_distribution import (
    Draws,
    Outlook,
    Shock,
    booked_draws,
    common_shock,
)
from salesops_kit.periods import Period, from_day_number
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

LEADS = (4, 8, 12)  # weeks ahead at which the methods are compared
SHOWN_DEALS = 15
LIKELY = (0.1, 0.5, 0.9)  # shares of the outcomes below the figures shown
FEWEST_JUDGED = 5  # former forecasts from which on their error is told
_SAME = 0.15  # leads that differ less from that of this forecast are not compared once more
_SIDE = 9  # former forecasts made per lead for the comparison alone, but for windows that run
_OUTCOMES = np.linspace(0.005, 0.995, 100)
_NOTES = ("overdue", "pushed", "slow", "unpriced")
COLUMNS = {
    "parts": ["comes_from", "wins", "expected", "low", "middle", "high"],
    "answer": ["method", "said", "weight", "wape", "bias"],
    "outcomes": ["money", "chance"],
    "curve": ["day", "booked"],
    "levers": LEVER_COLUMNS,
    "deals": ["deal", "rep", "stage", "due", "amount", "chance", "crm_chance", "notes"],
    "stages": ["stage", "deals", "amount", "wins", "prospect", "by_rates", "by_crm"],
    "past": ["until", "origin", "low", "expected", "high", "booked", "inside"],
    "errors": ["days_ahead", "method", "forecasts", "wape", "bias", "coverage"],
    "calibration": ["from_share", "to_share", "deals", "stated", "came"],
}  # fmt: skip


@dataclass(frozen=True)
class PipelineForecast:
    """The forecast of a period from its deals; frames are empty where the data cannot tell.

    `parts`: won so far, from open deals, from deals to come, total: `wins` and money `expected`,
    and the money below which 10, 50 and 90 % of the outcomes lie. `answer`: the one forecast (what
    is expected, so that parts and periods add up), its two members (deal by deal; former sums
    alone) with their weight in it, and what other methods say: bookings `said`, and WAPE and bias
    so far ahead in the past. `outcomes`:
    `money` and the `chance` to reach it. `curve`: money booked by each day. `deals`: the open
    deals with most money in prospect, of `scored`, all of them. `calls`: open deals that are due
    by what reps say of them, with what came of deals called so before; empty without categories.
    `past`: forecasts of former periods at the same distance, with what came. `levers`: what the gap
    to the target needs. `errors`: per days ahead and method WAPE and bias over former forecasts.
    `calibration`: stated chances of deals and what came of them; `calibration_error`: their mean
    distance.
    `shock`: typical size of the common shock. `chance`: of reaching the `target`. `gap`: what
    the forecast lacks of `target`, negative where it is above; `lacking`: what the median outcome
    does. `unpriced`: share of deals
    won that have no amount; without `has_money` none has both a day and an amount. `target_note`:
    that the target is probably in another unit, if it is.
    """

    period: Period
    days: int
    won: float = 0.0
    target: float | None = None
    chance: float | None = None
    parts: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["parts"]))
    answer: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["answer"]))
    outcomes: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["outcomes"])
    )
    curve: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["curve"]))
    levers: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["levers"]))
    deals: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["deals"]))
    scored: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["deals"]))
    stages: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["stages"]))
    calls: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=TABLE))
    past: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["past"]))
    errors: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["errors"]))
    calibration: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["calibration"])
    )
    calibration_error: float = float("nan")
    shock: float = float("nan")
    alarms: tuple[str, ...] = ()
    dated_amounts: bool = True
    unpriced: float = 0.0
    has_money: bool = True
    target_note: Words | None = None
    findings: list[Finding] = field(default_factory=list)

    @property
    def known(self) -> bool:
        """Tell whether there is a forecast."""
        return len(self.parts) > 0

    def part(self, name: str, column: str = "expected") -> float:
        """Return one figure of a part."""
        return float(self.parts.loc[self.parts["comes_from"] == name, column].iloc[0])

    def says(self, method: str, column: str = "said") -> float:
        """Return what a method says, or another column of its row in `answer`."""
        return float(self.answer.loc[self.answer["method"] == method, column].iloc[0])

    @property
    def gap(self) -> float | None:
        """Money that the forecast lacks of the target."""
        return None if self.target is None or not self.known else self.target - self.part("total")

    @property
    def lacking(self) -> float:
        """Money that the median outcome lacks of the target; 0 where it lacks none."""
        if self.target is None or not self.known:
            return 0.0
        return max(self.target - self.part("total", "middle"), 0.0)

    def judged(self, method: str = "combined") -> dict[str, float] | None:
        """Return the row of errors of a method at the lead of this forecast."""
        rows = self.errors[
            (self.errors["days_ahead"] == self.days) & (self.errors["method"] == method)
        ]
        return None if rows.empty else dict(rows.iloc[0])


@recalled
def analyse_pipeline_forecast(workspace: Workspace, *, period: Period) -> PipelineForecast:
    """Forecast the bookings of a period from its deals.

    Parameters
    ----------
    workspace
        With a history of stages, as known on its as-of day.
    period
        Forecast when it is not over on the as-of day; else the next one of its kind that is not.
    """
    ahead = next_open(workspace, period)
    window = Window(workspace.as_of_day, ahead.end_day - 1)
    target = target_of(workspace, ahead)
    note = odd_note(workspace, target, ahead.days)
    found = PipelineForecast(ahead, window.days, target=target, target_note=note)
    if workspace.has("stage_history") and window.origin >= ahead.start_day - 1:
        found = _forecast(workspace, found, window)
    return replace(found, findings=pipeline_findings(found, workspace.settings))


def _forecast(workspace: Workspace, found: PipelineForecast, window: Window) -> PipelineForecast:
    known = learned(workspace, end_day=window.end, months=found.period.cadence != "week")
    record, windows, made = known.record, known.windows, known.made
    begins = {lead: windows_before(Window(window.origin, window.origin + 7 * lead), months=False)
              for lead in LEADS}  # fmt: skip
    if not record.has_money:
        return replace(found, has_money=False)
    if not made or made[-1].window != window:
        return found
    now, past = made[-1], past_table(made)
    shock = shock_of(past, window.days)
    draws = booked_draws(now.outlook, shock, np.random.default_rng(0))
    won, courses = won_in(workspace, found.period), recent_stays(workspace).courses
    scored = scored_deals(workspace, now)
    said = _judged(record, windows, made)
    table = calibration(*said)
    judged = _with_ranges(made)
    errors = _errors(record, (window.days, judged), begins)
    return replace(
        found,
        won=won,
        chance=None if found.target is None else float((draws.total + won >= found.target).mean()),
        parts=_parts(now, draws, won),
        answer=answer_table(now, errors[errors["days_ahead"] == window.days], won),
        outcomes=_outcomes(draws.total + won),
        curve=booking_curve(now, courses, won=won),
        levers=_levers(now, courses, draws, found.target, won),
        deals=scored.head(SHOWN_DEALS),
        scored=scored,
        stages=_stages(now),
        calls=_calls(record, windows, made),
        past=judged,
        errors=errors,
        calibration=table,
        calibration_error=calibration_error(table),
        shock=shock.typical,
        alarms=record.alarms,
        dated_amounts=record.dated_amounts,
        unpriced=record.unpriced,
    )


def next_open(workspace: Workspace, period: Period) -> Period:
    """Return the period, or the next one of its kind that is not over on the as-of day."""
    while period.last <= workspace.as_of:
        period = period.next()
    return period


def shock_of(past: pd.DataFrame, days: int) -> Shock:
    """Learn the common shock from former forecasts of so many days, a month or less apart."""
    return common_shock(past, apart=28 / max(days, 28))


def target_of(workspace: Workspace, period: Period) -> float | None:
    """Return the bookings target of everybody in view; None where none covers the whole period."""
    if not workspace.has("targets"):
        return None
    level = workspace.scope.dimension or "company"
    plan = planned(workspace.table("targets"), period=period, level=level)
    total = plan["target"].sum(min_count=1)
    return None if pd.isna(total) else float(total)


def won_in(workspace: Workspace, period: Period) -> float:
    """Return what was booked in a period until the as-of day."""
    table = bookings(workspace.table("deals"), period=period, as_of=workspace.as_of)
    return float(table["bookings"].fillna(0.0).iloc[0])


def _parts(now: Made, draws: Draws, won: float) -> pd.DataFrame:
    """Money per part; parts are drawn together, so their quantiles need not add up."""
    outlook = now.outlook
    wins = float((outlook.weight * outlook.chance).sum())
    rows: list[tuple[Any, ...]] = [("won", np.nan, won, won, won, won)]
    for name, count, mean, drawn in (
        ("open", wins, outlook.open_money, draws.open),
        ("new", outlook.new.wins, outlook.new.money, draws.new),
        ("total", np.nan, won + outlook.mean, won + draws.total),
    ):
        rows.append((name, count, mean, *np.quantile(drawn, LIKELY)))
    return pd.DataFrame(rows, columns=COLUMNS["parts"])


def answer_table(now: Made, errors: pd.DataFrame, won: float) -> pd.DataFrame:
    """Put the forecast, what it is made of and what others say side by side.

    `errors`: `method`, `wape`, `bias` of former forecasts so far ahead.
    """
    said = now.row
    weights = {"pipeline": 1 - now.weight, "series": now.weight}
    table = pd.DataFrame([
        {"method": method, "said": won + said[method], "weight": weights.get(method, np.nan)}
        for method in METHODS if method != "naive" and not np.isnan(said[method])
    ])  # fmt: skip
    known = errors[["method", "wape", "bias"]]
    return table.merge(known, on="method", how="left")[COLUMNS["answer"]]


def _levers(
    now: Made, courses: Sample | None, draws: Draws, target: float | None, won: float
) -> pd.DataFrame:
    if target is None:
        return pd.DataFrame(columns=LEVER_COLUMNS)
    return lever_table(now, courses, draws, left=target - won)


def _outcomes(totals: Array) -> pd.DataFrame:
    return pd.DataFrame({"money": np.quantile(totals, _OUTCOMES), "chance": 1 - _OUTCOMES})


def scored_deals(workspace: Workspace, now: Made) -> pd.DataFrame:
    """Return all open deals with their chance, most money in prospect first."""
    rows = now.deals
    table = workspace.table("deals")
    there = set(table.collect_schema().names())
    wanted = [n for n in ("name", "owner_id", "owner_name", "probability") if n in there]
    named = collect(table.select("deal_id", "created_day", *wanted)).set_index("deal_id")
    own = {name: rows["deal_id"].map(named[name]) if name in named else pd.Series(
        None, rows.index, dtype=object) for name in ("name", "owner_id", "owner_name")}  # fmt: skip
    due = [
        None if pd.isna(d) else from_day_number(now.window.origin + int(d)) for d in rows["due_in"]
    ]
    scored = rows.assign(
        deal=own["name"].fillna(rows["deal_id"]),
        rep=own["owner_name"].fillna(own["owner_id"]),
        due=pd.Series(due, index=rows.index, dtype=object),
        crm_chance=rows["probability"],
        prospect=rows["chance"] * rows["worth"],
        notes=_notes(rows),
    )
    order = np.lexsort((scored["deal_id"].to_numpy(dtype=str), -scored["prospect"].to_numpy()))
    return scored.iloc[order].reset_index(drop=True)


def _notes(rows: pd.DataFrame) -> "pd.Series[Any]":
    """Return what a reader should know of each deal, in both languages."""
    often = {}
    for name in ("pushes", "age_days"):
        number = rows[name].astype("float64")
        often[name] = number > number.groupby(rows["stage"]).transform("quantile", 0.9)
    marks = {
        "overdue": rows["due_in"].lt(0).fillna(value=False),
        "pushed": often["pushes"],
        "slow": often["age_days"],
        "unpriced": ~rows["amount"].gt(0),
    }
    table = pd.DataFrame({name: hit.astype(bool) for name, hit in marks.items()})
    said = [_words(tuple(row)) for row in table.itertuples(index=False, name=None)]
    return pd.Series(said, index=rows.index, dtype=object)


@cache
def _words(hits: tuple[bool, ...]) -> dict[Language, str]:
    """Write the notes that apply in both languages."""
    names = [name for name, hit in zip(_NOTES, hits, strict=True) if hit] or ["none"]
    notes = [both(f"pipeline_forecast.note_{name}") for name in names]
    joins = both("pipeline_forecast.note_join")
    return {language: joins[language].join(note[language] for note in notes)
            for language in LANGUAGES}  # fmt: skip


def _stages(now: Made) -> pd.DataFrame:
    """Sum the open deals per stage: what they hold, and what each method expects of it."""
    deals, days = now.deals, now.window.days
    due = deals["due_in"].le(days).fillna(value=False).to_numpy("bool")
    amount = deals["amount"].fillna(0.0)
    usual = deals["amount"].fillna(deals["amount"].mean()).fillna(0.0)
    table = pd.DataFrame({
        "stage": deals["stage"], "stage_rank": deals["stage_rank"].astype("int64"), "deals": 1,
        "amount": amount, "wins": deals["chance"], "prospect": deals["chance"] * deals["worth"],
        "by_rates": deals["rate"] * usual,
        "by_crm": deals["probability"].fillna(0.0) * usual * due,
    })  # fmt: skip
    summed = table.groupby(["stage_rank", "stage"], sort=True).sum().reset_index()
    return summed[COLUMNS["stages"]]


def _calls(record: Record, windows: Sequence[Window], made: Sequence[Made]) -> pd.DataFrame:
    """Put what reps call their deals beside what became of deals that they called so."""
    ends = {window.origin: window.end for window in windows}
    known = labelled(record.snapshots[record.snapshots["origin"].isin(list(ends))], ends=ends,
                     known_day=record.as_of)  # fmt: skip
    last = known["origin"].map(ends) - known["origin"]
    due = known["due_in"].le(last).fillna(value=False)
    return call_table(made[-1].deals, known[due], made[-1].window.days)


def _judged(record: Record, windows: Sequence[Window], made: Sequence[Made]) -> tuple[Array, Array]:
    """Return the chances stated on former days and whether the deals were won."""
    ends = {window.origin: window.end for window in windows}
    every = pd.concat([one.deals for one in made])
    known = labelled(every, ends=ends, known_day=record.as_of)
    return known["chance"].to_numpy("float64"), known["won"].to_numpy("float64")


def _with_ranges(made: Sequence[Made]) -> pd.DataFrame:
    """Return former forecasts, each with the range that was given then, and what came."""
    past = past_table(made)
    rows = []
    for one in made:
        if np.isnan(one.actual):
            continue
        low, high = range_given(one.outlook, past, one.window.origin, one.window.days)
        rows.append((low, high, low <= one.actual <= high))
    ranges = pd.DataFrame(rows, columns=["low", "high", "inside"], index=past.index)
    return past.join(ranges).assign(
        until=[from_day_number(day) for day in past["end"]],
        expected=past["mean"],
        booked=past["actual"],
    )


def range_given(outlook: Outlook, past: pd.DataFrame, day: int, days: int) -> tuple[float, float]:
    """Return the range of 8 of 10 outcomes as it was given on a former day.

    `past`: forecasts of so many days (`past_table`); those over on the day tell the shock.
    """
    shock = shock_of(over_by(past, day), days)
    drawn = booked_draws(outlook, shock, np.random.default_rng(0)).total
    low, high = np.quantile(drawn, [LIKELY[0], LIKELY[-1]])
    return float(low), float(high)


def _errors(
    record: Record, own: tuple[int, pd.DataFrame], leads: dict[int, list[Window]]
) -> pd.DataFrame:
    """Return the errors of all methods at this forecast's lead and at fixed ones."""
    days, judged = own
    parts = [error_table(days, judged)]
    for lead, windows in leads.items():
        if abs(7 * lead / days - 1) > _SAME:
            made = record.forecasts(windows, newest=_SIDE + lead // 4)
            parts.append(error_table(7 * lead, past_table(made)))
    told = [part for part in parts if len(part)]
    return pd.concat(told, ignore_index=True) if told else parts[0]


def error_table(days: int, past: pd.DataFrame) -> pd.DataFrame:
    """Return the errors of all methods over forecasts of so many days; empty where few are over."""
    rows: list[tuple[Any, ...]] = []
    for method in METHODS:
        told = past[method].notna()  # what reps called is known for some days only
        if told.sum() < FEWEST_JUDGED or not past.loc[told, "actual"].sum():
            continue
        error, actual = (past[method] - past["actual"])[told], past.loc[told, "actual"]
        inside = past["inside"].mean() if "inside" in past and method == "combined" else np.nan
        rows.append((days, method, len(error), error.abs().sum() / actual.sum(),
                     error.sum() / actual.sum(), inside))  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS["errors"])
