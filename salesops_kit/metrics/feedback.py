"""What customers answer: scores per kind of survey, and how many answer at all."""

from collections.abc import Sequence

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit import schema
from salesops_kit.metrics.engine import Frame, Source, conformed, lazy
from salesops_kit.metrics.grouping import (
    counted,
    finished,
    mark,
    ratio,
    totals,
    wilson,
    with_rate,
    within,
    z_value,
)
from salesops_kit.periods import Period

SURVEYS = ("NPS", "CSAT", "CES")
_NEEDED = ("feedback_id", "account_id", "type", "score", "scale_min", "scale_max", "asked_day",
           "answered_day")  # fmt: skip
_SCALE = ("type", "scale_min", "scale_max")


def survey_scores(feedback: Source, *, period: Period, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return NPS, CSAT and CES of the answers given in the period (survey_scores).

    NPS = share of 9-10 - share of 0-6, on 0-10; CSAT = share of the two best answers, the best one
    on scales of two or three; CES = share in the upper third of the scale (5 or more of 1-7). One
    vote per account, kind and scale: its last answer; an answer without account is a vote.

    Parameters
    ----------
    feedback
        Answers (`schema.FEEDBACK`).
    period
        Holds the day of the answer.
    by
        Columns of feedback to group by, such as `channel`; an account votes once, in the group of
        its last answer.

    Returns
    -------
    DataFrame
        One row per group, `type`, `scale_min` and `scale_max`, never mixed: `votes`, `good`
        (promoters, satisfied, easy), `poor` (NPS alone: detractors), `survey_score` (-1 to 1 for
        NPS, else 0-1), `lower`, `upper` (90 %). Excluded: `without_score`, `off_scale`,
        `voted_again`.

    Notes
    -----
    The variance of NPS is p + q - (p - q)^2 over n; with less than ten votes its interval is
    missing. An NPS on another scale than 0-10 is none and is off scale.
    """
    every = conformed(lazy(feedback), schema.FEEDBACK, _NEEDED, by)
    inside = within("answered_day", period.start_day, period.end_day)
    asked = every.filter(inside & nw.col("type").is_in(SURVEYS))
    scored = ~nw.col("score").is_null()
    fits = _fits()
    valid = asked.filter(scored & fits)
    votes = _judged(_one_vote(valid))
    table = totals(votes, by=[*by, *_SCALE], counts=["votes", "good", "poor"])
    excluded = counted(
        asked, without_score=~scored, off_scale=scored & ~(mark(fits) == 1), valid=scored & fits
    )
    again = excluded.pop("valid") - int(table["votes"].sum())
    return finished(
        _with_score(table), "survey_scores", period.last, excluded | {"voted_again": again}
    )


def response_rate(feedback: Source, *, period: Period, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return how many of those asked in the period have answered (response_rate).

    response_rate = answered / asked, over questions asked inside the period.

    Parameters
    ----------
    feedback
        Questions and answers (`schema.FEEDBACK`), as known on the as-of day.
    period
        Holds the day of the question.
    by
        Columns of feedback to group by, such as `channel` or `type`.

    Returns
    -------
    DataFrame
        One row per group: `asked`, `answered`, `response_rate` (0-1), `lower`, `upper` (Wilson,
        90 %). Excluded: `never_asked` (tickets, posts: nobody was asked).

    Notes
    -----
    Those asked in the last days may still answer. Who does not answer may think otherwise: a score
    at a low response rate is a score of those who answered.
    """
    every = conformed(lazy(feedback), schema.FEEDBACK, _NEEDED, by)
    frame = every.filter(within("asked_day", period.start_day, period.end_day)).with_columns(
        asked=nw.lit(1), answered=mark(~nw.col("answered_day").is_null())
    )
    table = totals(frame, by=by, counts=["asked", "answered"])
    heard = within("answered_day", period.start_day, period.end_day)
    excluded = counted(every, never_asked=nw.col("asked_day").is_null() & heard)
    table = with_rate(table, "answered", "asked", "response_rate")
    return finished(table, "response_rate", period.last, excluded)


def _fits() -> nw.Expr:
    """Tell whether a score lies on a scale that its kind of survey knows."""
    low, high, score = nw.col("scale_min"), nw.col("scale_max"), nw.col("score")
    on_scale = (low < high) & (score >= low) & (score <= high)
    return on_scale & ((nw.col("type") != "NPS") | ((low == 0) & (high == 10)))


def _one_vote(valid: Frame) -> Frame:
    """Keep the last answer per account, kind and scale; of one day, that with the highest id."""
    voter = nw.when(nw.col("account_id").is_null()).then(nw.col("feedback_id"))
    own = [*_SCALE, "voter"]
    frame = valid.with_columns(voter=voter.otherwise(nw.col("account_id"))).with_columns(
        last=nw.col("answered_day").max().over(*own)
    )
    frame = frame.filter(nw.col("answered_day") == nw.col("last")).with_columns(
        chosen=nw.col("feedback_id").max().over(*own)
    )
    return frame.filter(nw.col("feedback_id") == nw.col("chosen"))


def _judged(votes: Frame) -> Frame:
    low, high, score = nw.col("scale_min"), nw.col("scale_max"), nw.col("score")
    nps, csat = nw.col("type") == "NPS", nw.col("type") == "CSAT"
    boxes = nw.when(high - low >= 3).then(nw.lit(1)).otherwise(nw.lit(0))
    best = (
        nw.when(nps)
        .then(nw.lit(9.0))
        .when(csat)
        .then(high - boxes)
        .otherwise(low + (high - low) * 2 / 3)
    )
    return votes.with_columns(
        votes=nw.lit(1), good=mark(score >= best - 1e-9), poor=mark(nps & (score <= 6))
    )


def _with_score(table: pd.DataFrame) -> pd.DataFrame:
    n, good = table["votes"].to_numpy("float64"), table["good"].to_numpy("float64")
    poor = table["poor"].to_numpy("float64")
    nps = table["type"].to_numpy() == "NPS"
    score = ratio(good - poor, n)
    variance = np.clip(ratio(good + poor, n) - score**2, 0, None)
    # votes that are all alike leave open how many others there are, by Wilson's bound at worst
    # of the other kind
    others = 1 - wilson(n, n)[0]
    alike = variance < 1e-12
    spread = np.where(alike, others * (1 + np.abs(score)), z_value() * np.sqrt(ratio(variance, n)))
    spread = np.where(n < 10, np.nan, spread)
    low, high = wilson(good, n)
    return table.assign(
        survey_score=score,
        lower=np.where(nps, np.maximum(score - spread, -1), low),
        upper=np.where(nps, np.minimum(score + spread, 1), high),
    )
