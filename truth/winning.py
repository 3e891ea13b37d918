"""The gates of what the funnel says of stays and win rates."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from salesops_kit.models.survival import Interval
from truth import censoring, histories, statements
from truth.gates import Comparison, Gate

COVER_LOW, COVER_HIGH = 0.86, 0.94  # of an interval that promises 0.90
ALARM_BOUND = 0.09  # of a test that promises 0.05
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


@dataclass(frozen=True)
class StaySizes:
    """How many companies, and histories of each, the gates of stays and cohorts see."""

    histories: int = 60
    firms: int = 4
    per_firm: int = 100


@dataclass(frozen=True)
class StatementSizes:
    """How many worlds the gates of statements see."""

    nothing: int = 600
    holiday: int = 150
    noise: int = 200
    drop: int = 100


def stay_gates(spread: Spread, first: int, sizes: StaySizes) -> tuple[list[Gate], list[Comparison]]:
    """Measure stays, cohorts and their intervals; put the usual ways beside them."""
    pairs = [(first + firm, first + 1_000 * (firm + 1) + i)
             for firm in range(sizes.firms) for i in range(sizes.per_firm)]  # fmt: skip
    equal = spread(histories.visits_equal, range(first, first + sizes.histories))
    rows = spread(censoring.seen, pairs)
    return [visits_gate(equal), *coverage_gates(rows)], comparisons(rows)


def statement_gates(spread: Spread, first: int, sizes: StatementSizes) -> list[Gate]:
    """Measure what is said of the win rate and of groups."""
    nothing, holiday, noise, drop = (
        spread(work, range(first + begin, first + begin + n))
        for begin, work, n in (
            (20_000, statements.said_of_nothing, sizes.nothing),
            (30_000, statements.said_after_holiday, sizes.holiday),
            (40_000, statements.said_of_noise, sizes.noise),
            (50_000, statements.said_of_drop, sizes.drop),
        )
    )
    return [*alarm_gates(nothing, holiday, noise), *detection_gates(drop)]


def visits_gate(equal: list[bool]) -> Gate:
    return Gate(
        "visits are the histories",
        "In how many companies every stay in a stage, how it ended and what it skipped is exactly "
        "what was simulated, on a day in the middle and at the end; with bulk edits, re-opened "
        "deals and steps back.",
        sum(equal), len(equal), lowest=1.0,
    )  # fmt: skip


def win_rate_gate(
    rows: list[censoring.Seen], estimate: Callable[[censoring.Seen], Interval]
) -> Gate:
    """How often the interval of an estimate holds the share its firm wins within the horizon."""
    truth = censoring.truths(rows)
    hits = [censoring.covers(estimate(row), truth[row.firm].share) for row in rows]
    return Gate(
        "cohort win rate: 90 % interval",
        f"How often the interval around the share won within {censoring.HORIZON} days "
        "(Aalen–Johansen, open deals censored) holds the true share, although many deals of the "
        "cohort are still open.",
        sum(hits), len(hits), COVER_LOW, COVER_HIGH,
    )  # fmt: skip


def coverage_gates(rows: list[censoring.Seen]) -> list[Gate]:
    truth = censoring.truths(rows)
    curve = [
        censoring.covers(
            censoring.staying_at(row.curve, truth[row.firm].median),
            float(truth[row.firm].staying[truth[row.firm].median]),
        )
        for row in rows
    ]
    median = [censoring.covers(row.median, truth[row.firm].median) for row in rows]
    return [
        win_rate_gate(rows, lambda row: row.share),
        Gate(
            "stay in a stage: 90 % band of the curve",
            "How often the Kaplan–Meier band holds the true share of deals that are still in the "
            "stage on the day that is the true median.",
            sum(curve), len(curve), COVER_LOW, COVER_HIGH,
        ),
        Gate(
            "median stay: 90 % interval",
            "How often the interval of the median stay holds the true median. Stays are whole "
            "days, so the interval is rounded outwards and may hold it more often than it says; "
            "only less often is an error.",
            sum(median), len(median), lowest=COVER_LOW,
        ),
    ]  # fmt: skip


def alarm_gates(
    nothing: list[statements.Said], holiday: list[statements.Said], noise: list[statements.Said]
) -> list[Gate]:
    return [
        Gate(
            "false alarm: win rate changed",
            "How often a report says that the month's win rate changed in a company where no "
            "cause was planted; the test allows 0.05. Deals begun at the "
            "same time are compared at the same age: a rate of deals closed in a month would move "
            "with the number of deals begun before it.",
            sum(said.changed for said in nothing), len(nothing), bound_at_most=ALARM_BOUND,
        ),
        Gate(
            f"… in the report of {statements.AFTER_HOLIDAY.label}",
            "The same some weeks after lunar new year, when many young deals are lost and few old "
            "ones are there to be won: the month that misleads a rate of deals closed.",
            sum(said.changed for said in holiday), len(holiday),
        ),
        Gate(
            f"… with monthly noise in every region (sd {statements.SHOCK:g})",
            "The same where regions have better and worse months for no lasting cause. The "
            "statement does not allow for such noise: it counts deals as if they were independent.",
            sum(said.changed for said in noise), len(noise),
        ),
        Gate(
            "false statement about any group",
            "How often a report names at least one group that wins less or more, where the deals "
            "carry each other's region, product, source and team; all tests together allow 0.05.",
            sum(bool(said.groups) for said in nothing), len(nothing), bound_at_most=ALARM_BOUND,
        ),
    ]  # fmt: skip


def detection_gates(drop: list[statements.Said]) -> list[Gate]:
    strength = (
        f"from {statements.PLANTED_SINCE:%Y-%m} on, log-odds {statements.PLANTED:+g} of going on "
        f"from {statements.PLANTED_STAGE}; report of {statements.PERIOD.label}"
    )
    return [
        Gate(
            "found: the region that began to lose",
            f"How often the region where a strong cause was planted is named ({strength}).",
            sum(said.found for said in drop), len(drop),
        ),
        Gate(
            "… another region named as winning less",
            "In the same companies. Regions differ a little by themselves and so do their reps, "
            "so such a statement need not be false.",
            sum(said.misled for said in drop), len(drop),
        ),
    ]  # fmt: skip


def comparisons(rows: list[censoring.Seen]) -> list[Comparison]:
    """Put the usual ways to measure beside ours, each as the mean over all worlds."""
    truth = censoring.truths(rows)
    share = _mean(truth[row.firm].share for row in rows)
    median = _mean(truth[row.firm].median for row in rows)
    waiting = _mean(row.waiting for row in rows)
    return [
        Comparison(
            f"share won within {censoring.HORIZON} days; {waiting:.0%} of the cohort still open",
            "share", share,
            [
                ("cohort win rate (Aalen–Johansen)", _mean(row.share.value for row in rows)),
                ("won / created", _mean(row.won_of_created.value for row in rows)),
                ("won / (won + lost)", _mean(row.won_of_closed for row in rows)),
            ],
        ),
        Comparison(
            f"median stay in {censoring.STAGE}", "days", median,
            [
                ("Kaplan–Meier median", _mean(row.median.value for row in rows)),
                ("median of finished stays alone", _mean(row.finished_median for row in rows)),
                ("mean of finished stays alone", _mean(row.finished_mean for row in rows)),
            ],
        ),
    ]  # fmt: skip


def _mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values)))
