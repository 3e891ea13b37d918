"""What reps did: deals decided, activities, leads answered, customers' scores. Sums for models.

Group by `owner_id` and by what a deal was before the rep had it; the models compare.
"""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.metrics.engine import Source, conformed, lazy, together
from salesops_kit.metrics.grouping import (
    counted,
    finished,
    living,
    mark,
    ratio,
    totals,
    totals_without,
    with_rate,
    within,
)
from salesops_kit.periods import Period, day_number

KINDS = ("call", "meeting", "visit", "email")
_NEEDED = ("deal_id", "status", "amount", "closed_day")


def decided_deals(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Count the deals decided in the period, and sum what those won were worth (decided_deals).

    win_rate = won / decided, decided = won + lost + invalid: who decides what is called invalid
    must not gain by it.

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`).
    period
        Holds the day of closing.
    as_of
        Last day known; None takes the period's last day.
    by
        Columns of deals to group by.

    Returns
    -------
    DataFrame
        One row per group in which anything was decided: `won`, `lost`, `invalid`, `decided`,
        `win_rate` (0-1), `lower`, `upper` (Wilson, 90 %), `priced` (won with an amount above 0),
        `bookings` (money; sum of the amounts), `log_total`, `log_squares` (sums of the natural
        logarithm of these amounts and of its square). Excluded: `closed_without_date`.
    """
    day = as_of or period.last
    end = min(period.end_day, day_number(day) + 1)
    frame = living(deals, _NEEDED, by).filter(nw.col("status") != "open")
    inside = within("closed_day", period.start_day, end)
    outcomes = ("won", "lost", "invalid")
    frame = frame.with_columns(
        decided=mark(inside & nw.col("status").is_in(list(outcomes))),
        **{name: mark(inside & (nw.col("status") == name)) for name in outcomes},
    )
    priced = (nw.col("won") == 1) & (nw.col("amount") > 0)
    frame = frame.with_columns(
        priced=mark(priced),
        bookings=nw.when(nw.col("won") == 1).then(nw.col("amount")),
        log_total=nw.when(priced).then(nw.col("amount")).otherwise(nw.lit(1.0)).log(),
    ).with_columns(log_squares=nw.col("log_total") * nw.col("log_total"))
    reasons = {"closed_without_date": nw.col("closed_day").is_null()}
    table, excluded = totals_without(
        frame, reasons, by=by, counts=[*outcomes, "decided", "priced"],
        sums=["bookings", "log_total", "log_squares"],
    )  # fmt: skip
    table = table[table["decided"] > 0].reset_index(drop=True) if by else table
    return finished(with_rate(table, "won", "decided", "win_rate"), "decided_deals", day, excluded)


def activity_counts(
    activities: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Count calls, meetings, visits and e-mails in the period (activity_counts).

    Parameters
    ----------
    activities
        Activities (`schema.ACTIVITIES`).
    period
        Holds the day on which it happened.
    as_of
        Last day known: what is planned for later did not happen.
    by
        Columns of activities to group by.

    Returns
    -------
    DataFrame
        One row per group: `call`, `meeting`, `visit`, `email`, `contacts` (their sum).
        Excluded: `other_kinds` (tasks, notes and others), `without_day`.
    """
    day = as_of or period.last
    end = min(period.end_day, day_number(day) + 1)
    frame = conformed(lazy(activities), schema.ACTIVITIES, ("type", "happened_day"), by)
    inside = within("happened_day", period.start_day, end)
    frame = frame.with_columns(
        inside=mark(inside), **{k: mark(inside & (nw.col("type") == k)) for k in KINDS}
    ).with_columns(contacts=nw.sum_horizontal(*KINDS))
    reasons = {
        "other_kinds": (nw.col("inside") == 1) & (nw.col("contacts") == 0),
        "without_day": nw.col("happened_day").is_null(),
    }
    table, excluded = totals_without(frame, reasons, by=by, counts=[*KINDS, "contacts"])
    table = table[table["contacts"] > 0].reset_index(drop=True) if by else table
    return finished(table, "activity_counts", day, excluded)


def lead_response(
    leads: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the share of leads answered by the day after they were given out (lead_response).

    prompt_rate = leads answered on the day they were given to a rep or the day after / leads given.

    Parameters
    ----------
    leads
        Leads (`schema.LEADS`).
    period
        Holds the day on which the lead was given to the rep, else that of its creation.
    as_of
        Last day known; a lead given on it had no time and is left out.
    by
        Columns of leads to group by.

    Returns
    -------
    DataFrame
        One row per group: `given`, `answered` (so far), `prompt`, `prompt_rate` (0-1), `lower`,
        `upper` (Wilson, 90 %). Excluded: `too_young`, `answered_before_given`.
    """
    day = as_of or period.last
    today = day_number(day)
    needed = ("created_day", "assigned_day", "first_response_day")
    frame = conformed(lazy(leads), schema.LEADS, needed, by)
    assigned = nw.when(~nw.col("assigned_day").is_null()).then(nw.col("assigned_day"))
    frame = frame.with_columns(given_day=assigned.otherwise(nw.col("created_day")))
    frame = frame.filter(
        within("given_day", period.start_day, min(period.end_day, today + 1))
    ).with_columns(wait=nw.col("first_response_day") - nw.col("given_day"))
    young, before = nw.col("given_day") >= today, nw.col("wait") < 0
    frame = frame.with_columns(use=mark(~young) - mark(~young & before)).with_columns(
        given=nw.col("use"),
        answered=nw.col("use") * mark(nw.col("first_response_day") <= today),
        prompt=nw.col("use") * mark(nw.col("wait") <= 1),
    )
    reasons = {"too_young": young, "answered_before_given": ~young & before}
    table, excluded = totals_without(frame, reasons, by=by, counts=["given", "answered", "prompt"])
    table = table[table["given"] > 0].reset_index(drop=True) if by else table
    return finished(with_rate(table, "prompt", "given", "prompt_rate"), "lead_response", day,
                    excluded)  # fmt: skip


def customer_scores(
    feedback: Source, deals: Source, *, period: Period, as_of: date | None = None,
    by: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Sum what customers answered about deals, every scale brought to 0-1 (customer_scores).

    score = (answer - scale_min) / (scale_max - scale_min).

    Parameters
    ----------
    feedback
        Answers (`schema.FEEDBACK`).
    deals
        Deals (`schema.DEALS`): an answer belongs to the owner of the deal it is about.
    period
        Holds the day of the answer.
    as_of
        Last day known.
    by
        Columns of deals or of feedback (such as `type`) to group by.

    Returns
    -------
    DataFrame
        One row per group: `answers`, `total`, `squares` (sums of the scores and their squares),
        `score` (mean, 0-1). Excluded: `without_deal`, `without_scale`.

    Notes
    -----
    Scales differ in what people use of them: compare within `type` only.
    """
    day = as_of or period.last
    end = min(period.end_day, day_number(day) + 1)
    answers, known = together(feedback, deals)
    needed = ("deal_id", "score", "scale_min", "scale_max", "answered_day")
    own = [name for name in by if name in schema.FEEDBACK.column_names]
    answers = conformed(answers, schema.FEEDBACK, needed, own)
    answers = answers.filter(
        within("answered_day", period.start_day, end) & ~nw.col("score").is_null()
    )
    of_deals = [name for name in by if name not in own]
    known = conformed(known, schema.DEALS, ("deal_id",), of_deals).with_columns(found=nw.lit(1))
    frame = answers.join(known, on="deal_id", how="left")
    scaled = nw.col("scale_max") > nw.col("scale_min")
    use = (nw.col("found") == 1) & scaled
    share = (nw.col("score") - nw.col("scale_min")) / (nw.col("scale_max") - nw.col("scale_min"))
    reasons = {"without_deal": nw.col("found").is_null(),
               "without_scale": (nw.col("found") == 1) & (mark(scaled) == 0)}  # fmt: skip
    excluded = counted(frame, **reasons)
    frame = frame.with_columns(answers=mark(use), total=nw.when(use).then(share))
    frame = frame.with_columns(squares=nw.col("total") * nw.col("total"))
    table = totals(frame, by=by, counts=["answers"], sums=["total", "squares"])
    table = table[table["answers"] > 0].reset_index(drop=True) if by else table
    table = table.assign(score=ratio(table["total"], table["answers"]))
    return finished(table, "customer_scores", day, excluded)
