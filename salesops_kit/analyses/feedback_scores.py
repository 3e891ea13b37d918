"""Scores of surveys now, before, and month by month, with changes told from chance.

The score of the recent days stands beside that of as many days before. Whether it has changed is
judged by the months of a year, all surveys and a year of reports together (`models.level_change`):
the intervals of two neighbouring spans alone would call chance a change several times a year.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.metrics.feedback import survey_scores
from salesops_kit.models.intervals import share_difference
from salesops_kit.models.level_change import FALSE_YEARS, LevelChange, level_change
from salesops_kit.periods import Period, period_containing, periods_until

TREND = 12  # months
_KEYS = ["type", "scale_min", "scale_max"]
_UNITS = {"NPS": "score"}
COLUMNS = {
    "scores": ["survey", "scale", "votes", "survey_score", "lower", "upper", "previous_score",
               "score_change", "change_lower", "change_upper", "way", "since"],
    "trend": ["period", "survey", "votes", "survey_score", "lower", "upper", "level"],
}  # fmt: skip


@dataclass(frozen=True)
class Scores:
    """`now`: per kind of survey and scale; `trend`: the one with most votes, per month."""

    now: pd.DataFrame
    trend: pd.DataFrame


def scores_of(feedback: Any, recent: Period, before: Period, period: Period) -> Scores:
    """Return scores of the recent days and their months.

    Parameters
    ----------
    feedback
        Answers, as known on the as-of day.
    recent, before
        The days judged by, and as many days before them.
    period
        The months end with that of its last day.

    Returns
    -------
    Scores
        `way`: fell, rose or same; `since`: label of the first month of the new level, else empty;
        `level`: mean of the months before or since the change, of all where there is none.
    """
    now = survey_scores(feedback, period=recent)
    then = survey_scores(feedback, period=before)
    table = now.merge(then, on=_KEYS, how="left", suffixes=("", "_then"))
    months = _months(feedback, period)
    rows, trends = [], []
    for row in table.to_dict("records"):
        trend = _trend(months, [row[key] for key in _KEYS])
        moved = _moved(trend, len(table))
        scale = f"{row['scale_min']:g}–{row['scale_max']:g}"
        since = "" if moved.place is None else str(trend["period"].iloc[moved.place])
        way = "same" if not since else "fell" if moved.since < moved.before else "rose"
        rows.append((
            row["type"], scale, row["votes"], row["survey_score"], row["lower"], row["upper"],
            row["survey_score_then"], *_change(row), way, since,
        ))  # fmt: skip
        trends.append(_levelled(trend, moved))
    found = pd.DataFrame(rows, columns=COLUMNS["scores"])
    found = found.assign(unit=found["survey"].map(lambda name: _UNITS.get(name, "share1")))
    if found.empty:
        return Scores(found, pd.DataFrame(columns=COLUMNS["trend"]))
    return Scores(found, trends[int(found["votes"].to_numpy().argmax())])


def _change(row: Mapping[Any, Any]) -> tuple[float, float, float]:
    """Return the change of a score; of NPS from the widths of both intervals, else Newcombe's."""
    if pd.isna(row["votes_then"]):  # a survey that is new
        return np.nan, np.nan, np.nan
    if row["type"] != "NPS":
        return share_difference(row["good"], row["votes"], row["good_then"], row["votes_then"])
    change = row["survey_score"] - row["survey_score_then"]
    half = np.hypot((row["upper"] - row["lower"]) / 2, (row["upper_then"] - row["lower_then"]) / 2)
    return float(change), float(change - half), float(change + half)


def _months(feedback: Any, period: Period) -> pd.DataFrame:
    last = period_containing(period.last, "month", period.calendar)
    tables = [survey_scores(feedback, period=month).assign(period=month.label)
              for month in periods_until(last, TREND)]  # fmt: skip
    labels = pd.DataFrame({"period": [month.label for month in periods_until(last, TREND)]})
    return labels.merge(pd.concat(tables), on="period", how="left")


def _trend(months: pd.DataFrame, key: list[Any]) -> pd.DataFrame:
    """Return the months of one survey; a month without votes is there and empty."""
    own = months[(months[_KEYS] == key).all(axis=1)]
    trend = months[["period"]].drop_duplicates().merge(own, on="period", how="left")
    return trend.assign(survey=key[0]).fillna({"votes": 0, "good": 0, "poor": 0})


def _moved(trend: pd.DataFrame, surveys: int) -> LevelChange:
    """Judge the months of one of so many surveys, by the spread of a vote over all of them."""
    votes = trend["votes"].astype("int64").tolist()
    n = max(sum(votes), 1)
    good, poor = trend["good"].sum() / n, trend["poor"].sum() / n
    spread = float(np.sqrt(max(good + poor - (good - poor) ** 2, 0.0)))
    return level_change(
        trend["survey_score"].tolist(), votes, spread, false_years=FALSE_YEARS / surveys
    )  # fmt: skip


def _levelled(trend: pd.DataFrame, moved: LevelChange) -> pd.DataFrame:
    place = len(trend) if moved.place is None else moved.place
    level = np.where(np.arange(len(trend)) < place, moved.before, moved.since)
    return trend.assign(votes=trend["votes"].astype("int64"), level=level)[COLUMNS["trend"]]
