"""How long new hires take until they book like the others.

Ramped is who, in three whole months on end, booked at least 80 % of what tenured peers booked in
the same months (their median). Who is not there yet is censored and not forgotten, who left before
is a competing end: a mean over those who made it would flatter.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.models.survival import AGE, MISSING, Interval, aalen_johansen, share_within

Array = npt.NDArray[np.float64]

SHARE = 0.8  # of the tenured peers' median
RUN = 3  # whole months on end
TENURED = 365  # days in the job before the months compared
FEWEST_PEERS = 3  # a median of fewer is somebody's figure
MOST_WEIGHT = 2.0  # reps one may stand for
ENDS = ("ramped", "left", "waiting")


@dataclass(frozen=True)
class Staff:
    """Reps × whole months, oldest first.

    `booked`: money; `hired`, `left`: day numbers (missing: unknown, or still there); `edges`: day
    numbers on which the months begin, and the day after the last.
    """

    booked: Array
    hired: Array
    left: Array
    edges: npt.NDArray[np.int64]


def benchmark(staff: Staff) -> Array:
    """Return what ramped means in the run of months that ends with each month; missing if unknown.

    80 % of the median of what peers booked in these months who were hired a year before them and
    were there to their end.
    """
    runs = _runs(staff.booked)
    marks = np.full(runs.shape[1], np.nan)
    for month in range(RUN - 1, runs.shape[1]):
        old = staff.hired <= staff.edges[month - RUN + 1] - TENURED
        peers = old & _there(staff, month)
        if peers.sum() >= FEWEST_PEERS:
            marks[month] = SHARE * np.median(runs[peers, month])
    return marks


def ramp_ends(staff: Staff) -> pd.DataFrame:
    """Return what became of each rep hired within the months.

    Returns
    -------
    DataFrame
        `row` (of the staff), `age_days` since hiring, `end`: ramped, left or waiting. Empty where
        no month has peers to compare with.
    """
    marks, runs = benchmark(staff), _runs(staff.booked)
    first, last = int(staff.edges[0]), int(staff.edges[-1])
    rows = []
    new = (staff.hired >= first) & (staff.hired < last)
    for row in np.flatnonzero(new) if np.isfinite(marks).any() else []:
        begun = int(np.searchsorted(staff.edges, staff.hired[row]))
        months = np.arange(len(marks))
        own = (months >= begun + RUN - 1) & (runs[row] >= marks) & (marks > 0)
        left = staff.left[row]
        if np.isfinite(left):
            own &= staff.edges[1:] <= left + 1
        if own.any():
            rows.append((row, staff.edges[int(np.argmax(own)) + 1] - staff.hired[row], "ramped"))
        elif left < last:
            rows.append((row, max(left + 1 - staff.hired[row], 0), "left"))
        else:
            rows.append((row, last - staff.hired[row], "waiting"))
    table = pd.DataFrame(rows, columns=["row", AGE, "end"])
    return table.astype({"row": "int64", AGE: "int64"})


def ramp_curve(ends: pd.DataFrame) -> pd.DataFrame:
    """Return the share ramped by days since hiring, leavers competing (Aalen-Johansen).

    `ends`: `age_days`, `end`. Returns the columns of `survival.aalen_johansen` and `left` (share
    that left before). It ends where so many are censored that one rep stands for more than two:
    what so few do later says nothing about all.
    """
    counts = ends[[AGE]].assign(**{name: (ends["end"] == name).astype("int64") for name in ENDS})
    curve = aalen_johansen(counts, event="ramped", competing=["left"], waiting="waiting")
    left = (1 - curve["share"] - curve["remaining"]).round(12).clip(lower=0) + 0.0
    stands_for = curve["remaining"].shift(fill_value=1.0) / curve["at_risk"].clip(lower=1)
    known = (stands_for <= MOST_WEIGHT / max(len(ends), 1) + 1e-12).cummin()
    return curve.assign(left=left)[known]


def ramped_within(curve: pd.DataFrame, horizons: Sequence[int]) -> pd.DataFrame:
    """Read the curve at fixed days since hiring; missing where the curve does not reach.

    Returns `horizon`, `ramped`, `lower`, `upper` (90 %), `gone` (left before), `in_view` (reps
    still followed, neither ramped nor gone).
    """
    rows = []
    for days in horizons:
        found = share_within(curve, days)
        seen, later = curve[curve[AGE] <= days], curve[curve[AGE] > days]
        gone = float(seen["left"].iloc[-1]) if len(seen) and found.value == found.value else np.nan
        gone = 0.0 if seen.empty and len(curve) else gone
        followed = int(later["at_risk"].iloc[0]) if len(later) else 0
        rows.append((days, *found, gone, followed))
    names = ["horizon", "ramped", "lower", "upper", "gone", "in_view"]
    return pd.DataFrame(rows, columns=names)


def median_ramp(curve: pd.DataFrame) -> Interval:
    """Return the days within which half of all hires ramped, with the inverted 90 % band.

    Missing where the curve, or its band, does not reach a half: too many left or wait.
    """
    if curve.empty:
        return MISSING

    def first(column: str) -> float:
        up = curve.loc[curve[column] >= 0.5 - 1e-12, AGE]
        return float(up.iloc[0]) if len(up) else float("nan")

    return Interval(first("share"), first("upper"), first("lower"))


def _runs(booked: Array) -> Array:
    """Sum each month with the ones before it in its run; missing before there are enough."""
    sums = np.cumsum(booked, axis=1)
    earlier = np.concatenate([np.zeros((len(booked), RUN)), sums[:, :-RUN]], axis=1)
    runs = sums - earlier[:, : booked.shape[1]]
    runs[:, : RUN - 1] = np.nan
    return np.asarray(runs)


def _there(staff: Staff, month: int) -> npt.NDArray[np.bool_]:
    """Tell who was there to the end of a month."""
    return np.asarray(~(staff.left < staff.edges[month + 1] - 1))
