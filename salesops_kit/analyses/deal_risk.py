"""Open deals that may not come as planned: how likely, when instead, why, and for how much.

The chances to be won are those of the pipeline forecast, so that a deal has one chance on every
page; its classifier (`models.deal_forecast`) is asked once more who is closed at all. The reasons
are read off the deal as it stands; they say what is unusual about it, not what the classifier
computed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.deal_reasons import reason_table, reason_words
from salesops_kit.analyses.pipeline_record import (
    MOST_PAST,
    Made,
    Record,
    Window,
    learned,
)
from salesops_kit.analyses.recent_stays import recent_stays
from salesops_kit.metrics.engine import collect
from salesops_kit.models.deal_forecast import (
    calibration,
    calibration_error,
    fit_win_model,
    labelled,
    leak_alarms,
)
from salesops_kit.models.outlook import outlook
from salesops_kit.periods import Period, from_day_number
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

SHOWN_DEALS = 15
NEWEST = 12  # former days on which stated chances are compared with what came
HARDLY = 0.05  # chance below which an overdue and stalled deal is most likely dead
_WATCHED = ("age_days", "deal_days", "moves", "backs", "pushes", "due_in", "amount")
_CLASSES = 10
_OWN = ("name", "account_id", "owner_name", "competitor")
_DUE = "expected_close_day"
COLUMNS = {
    "deals": ["deal", "rep", "stage", "due", "amount", "at_stake", "chance", "slip", "expected_on",
              "reasons"],
    "calibration": ["from_share", "to_share", "deals", "stated", "came"],
    "slips": ["from_share", "to_share", "deals", "stated", "came_true"],
    "scores": ["method", "deals", "brier", "off"],
}  # fmt: skip


@dataclass(frozen=True)
class DealRisk:
    """The open deals of a forecast period, most money at stake first; empty where too few closed.

    `scored`: every open deal: `chance` to be won by the end of the period, `slip` (chance to be
    still open then, for deals due by then), `expected_on` (day by which half of such deals are
    closed), `worth` (money if won), `at_stake` (worth × chance not to be won in time, of deals due
    by then), `reasons` in words, one column of 0 and 1 per reason, and `dead`: overdue, longer in
    its stage than nine of ten, and hardly to be won in time; nothing is at stake in these, and they
    stand last. `deals`: the first of them.
    `calibration`: chances stated on former days and what came; `calibration_error` their mean
    distance; `slips`, `slips_error` the same of closing. `scores`: Brier scores beside rivals.
    """

    period: Period
    days: int
    scored: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["deals"]))
    calibration: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["calibration"])
    )
    slips: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["slips"]))
    scores: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["scores"]))
    calibration_error: float = float("nan")
    slips_error: float = float("nan")
    alarms: tuple[str, ...] = ()

    @property
    def known(self) -> bool:
        """Tell whether chances could be learned."""
        return len(self.scored) > 0

    @property
    def deals(self) -> pd.DataFrame:
        """Return the deals due by the end of the period with most money at stake."""
        return self.due.head(SHOWN_DEALS)

    @property
    def due(self) -> pd.DataFrame:
        """Return the deals that should close by the end of the period."""
        return self.scored[self.scored["slip"].notna()]


def analyse_deal_risk(workspace: Workspace, *, period: Period) -> DealRisk:
    """Judge every open deal by the end of a period that is not over on the as-of day.

    Parameters
    ----------
    workspace
        With a history of stages, as known on its as-of day.
    period
        When it is over, the next one of its kind that is not.
    """
    ahead = period
    while ahead.last <= workspace.as_of:
        ahead = ahead.next()
    window = Window(workspace.as_of_day, ahead.end_day - 1)
    nothing = DealRisk(ahead, window.days)
    if not workspace.has("stage_history") or window.origin < ahead.start_day - 1:
        return nothing
    known = learned(workspace, end_day=window.end, months=ahead.cadence != "week")
    record, windows = known.record, known.windows
    made = judged(record, windows, newest=NEWEST, forecasts=known.made or None)
    now = made[made["origin"] == window.origin]
    if now.empty:
        return nothing
    past = made[made["known"] == 1]
    chance = calibration(past["chance"].to_numpy(), past["won"].to_numpy("float64"))
    slips = calibration(1 - past["closes"].to_numpy(), 1 - past["closed"].to_numpy("float64"))
    return DealRisk(
        ahead, window.days, _scored(workspace, now, window), chance,
        slips.rename(columns={"came": "came_true"}), _scores(past),
        calibration_error(chance), calibration_error(slips), _alarms(record, windows),
    )  # fmt: skip


def judged(
    record: Record,
    windows: Sequence[Window],
    *,
    newest: int,
    forecasts: Sequence[Made] | None = None,
) -> pd.DataFrame:
    """Return the open deals on the newest days with the chances the forecast gave them then.

    `forecasts`: those of the windows, the newest last, where they were made already.

    Returns
    -------
    DataFrame
        The snapshots with `chance` (won by the end), `closes` (won or lost by then), `rate` (share
        won from the same stage), `worth`; where the end is over (`known` = 1) `won` and `closed`.
    """
    ends = {window.origin: window.end for window in windows}
    parts = []
    if forecasts is None:
        forecasts = record.forecasts(windows, newest=max(newest + 1, MOST_PAST))
    for made in forecasts[-newest - 1 :]:
        window, former = made.window, record.snapshots["origin"] < made.window.origin
        known = labelled(
            record.snapshots[former & record.snapshots["origin"].isin(list(ends))], ends=ends,
            known_day=window.origin,
        )  # fmt: skip
        closes = fit_win_model(known.assign(won=_closed(known, ends)), groups=record.groups)
        if closes is None:
            continue
        parts.append(made.deals.assign(
            closes=np.maximum(closes.chance(made.deals), made.deals["chance"].to_numpy()),
            known=int(window.end <= record.as_of),
        ))  # fmt: skip
    if not parts:
        return record.snapshots.head(0)
    table = pd.concat(parts, ignore_index=True)
    over = labelled(table, ends=ends, known_day=record.as_of)
    return table.assign(won=over["won"], closed=_closed(over, ends).astype("float64"))


def _closed(snapshots: pd.DataFrame, ends: dict[int, int]) -> "pd.Series[int]":
    left = snapshots["origin"].map(ends) - snapshots["origin"]
    return snapshots["closed_in"].le(left).fillna(value=False).astype("int64")


def _alarms(record: Record, windows: Sequence[Window]) -> tuple[str, ...]:
    """Return columns left out, and features that alone tell winners from losers too well.

    Judged on deals that are closed by now: who is won within the period at all is told by the
    stage alone, and rightly so.
    """
    looked_at = record.snapshots["origin"].isin([window.origin for window in windows])
    ended = record.snapshots[looked_at & record.snapshots["closed_in"].notna()]
    classes = {name: _classes(ended[name].astype("float64")) for name in _WATCHED}
    known = ended.assign(won=ended["won_in"].notna().astype("int64"), **classes)
    return (*record.alarms, *leak_alarms(known, ["stage", *_WATCHED]))


def _classes(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return tenths of a number by name, missing values as a class of their own."""
    tenth = (values.rank(pct=True) * _CLASSES).round()
    return tenth.map(str).astype(object)


def _scores(past: pd.DataFrame) -> pd.DataFrame:
    """Compare Brier scores: of our chances, the win rate per stage, and the chance in the CRM."""
    came = past["won"].to_numpy("float64")
    rows = []
    for method, name in (("own", "chance"), ("stage_rates", "rate"), ("crm_chance", "probability")):
        stated = past[name].to_numpy("float64")
        there = ~np.isnan(stated)
        if there.sum():
            error = calibration_error(calibration(stated[there], came[there]))
            brier = float(((stated - came)[there] ** 2).mean())
            rows.append((method, int(there.sum()), brier, error))
    return pd.DataFrame(rows, columns=COLUMNS["scores"])


def _scored(workspace: Workspace, now: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Return the open deals with their reasons, most money at stake first."""
    deals = workspace.table("deals")
    there = set(deals.collect_schema().names())
    wanted = [name for name in (*_OWN, _DUE) if name in there]
    own = collect(deals.filter(nw.col("status") == "open").select("deal_id", *wanted))
    own = own.set_index("deal_id").reindex(now["deal_id"]).reset_index()
    own.index = now.index
    named = now.assign(**{name: own.get(name) for name in _OWN})
    if _DUE in own:  # a history without close dates does not hide those of today
        named["due_in"] = named["due_in"].fillna(own[_DUE].astype("float64") - window.origin)
    marks = reason_table(workspace, named)
    due = named["due_in"].le(window.days).fillna(value=False).to_numpy("bool")
    dead = ((marks["overdue"] == 1) & (marks["stalled"] == 1) & (named["chance"] < HARDLY)
            ).to_numpy("bool")  # fmt: skip
    stake = np.where(due & ~dead, (1 - named["chance"]) * named["worth"], 0.0)
    scored = named.assign(
        deal=named["name"].fillna(named["deal_id"]),
        rep=named["owner_name"].fillna(named["owner_id"]),
        due=_days(window.origin + named["due_in"].astype("float64")),
        slip=np.where(due, 1 - named["closes"], np.nan),
        expected_on=_days(window.origin + _days_left(workspace, named)),
        at_stake=stake,
        dead=dead.astype("int64"),
        **marks,
        reasons=reason_words(named, marks),
    )
    order = np.lexsort((scored["deal_id"].to_numpy(dtype=str), -named["worth"].to_numpy(), dead,
                        -stake))  # fmt: skip
    return scored.iloc[order].reset_index(drop=True)


def _days_left(workspace: Workspace, deals: pd.DataFrame) -> "pd.Series[float]":
    sample = recent_stays(workspace).courses
    if sample is None:
        return pd.Series(np.nan, deals.index)
    rows = deals[["stage"]].assign(age_days=deals["age_days"].astype("int64"))
    return outlook(sample, rows, np.random.default_rng(0), draws=0)["days_left"]


def _days(numbers: "pd.Series[float]") -> "pd.Series[Any]":
    days = [None if pd.isna(day) else from_day_number(int(day)) for day in numbers]
    return pd.Series(days, numbers.index, dtype=object)
