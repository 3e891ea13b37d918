"""Win rates, each under the name of its variant: never a bare "win rate".

The variants and what each hides are in `WIN_RATE_VARIANTS` and in docs/metrics.md.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.metrics.engine import Frame, Source
from salesops_kit.metrics.grouping import (
    FEWEST_FOR_NORMAL,
    day_counts,
    day_quantiles,
    finished,
    known_deals,
    mark,
    open_on,
    ratio,
    totals,
    totals_without,
    with_rate,
    within,
    z_value,
)
from salesops_kit.periods import Period, day_number

OLD_QUANTILE = 0.9  # an open deal older than this share of closed ones ever got is old

_NEEDED = (
    "deal_id",
    "status",
    "amount",
    "created_day",
    "closed_day",
    "expected_close_day",
)
OUTCOMES = ("won", "lost", "invalid")


@dataclass(frozen=True)
class WinRateVariant:
    """One way to measure winning: formula, which date counts, and what the figure hides."""

    formula: str
    date_basis: str
    bias: str


WIN_RATE_VARIANTS: Mapping[str, WinRateVariant] = {
    "wr_close_n": WinRateVariant(
        "won / (won + lost), by count",
        "closed in the period",
        "ignores open and invalid deals: rises while reps leave dead deals open",
    ),
    "wr_close_v": WinRateVariant(
        "amount won / (amount won + amount lost)",
        "closed in the period",
        "a few large deals decide it; amounts of lost deals are rarely kept up to date; the funnel "
        "page shows none where no lost deal has an amount",
    ),
    "wr_broad": WinRateVariant(
        "won / (won + lost + invalid), by count",
        "closed in the period",
        "differs from the narrow rate by how freely deals are declared invalid",
    ),
    "wr_created_naive": WinRateVariant(
        "won / all created, by count",
        "created in the period",
        "young cohorts always look bad: their deals had no time to be won",
    ),
    "wr_stale_adj": WinRateVariant(
        "won / (won + lost + stale open), by count",
        "closed in the period; stale on the as-of day",
        "depends on the rule that declares a deal stale: overdue, or older than the P90 cycle",
    ),
    "wr_cohort_h": WinRateVariant(
        "share won within h days of creation; open deals censored, lost and invalid competing",
        "created in the period",
        "needs cohorts older than h days; else it is estimated from the older deals in it",
    ),
}


def win_rate(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the share of closed deals that were won, by count (wr_close_n).

    win_rate = won / (won + lost), over deals closed inside the period.

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`).
    period
        Holds the day of closing.
    as_of
        Day on which open deals are looked at; None takes the period's last day.
    by
        Columns of deals to group by.

    Returns
    -------
    DataFrame
        One row per group: `won`, `lost`, `closed` (won + lost), `win_rate` (0-1, missing when
        nothing closed), `lower`, `upper` (Wilson, 90 %), `old_open` (open deals older than
        `old_days`, the 90th percentile of the cycle of all closed deals), `open`.
        Excluded: `invalid` in the period, `closed_without_date`.

    Notes
    -----
    Says nothing about deals that nobody closes: read it beside `old_open`.
    """
    day = as_of or period.last
    known = _known(deals, period, day, by)
    counts = ["won", "lost", "closed", "open", "old_open"]
    frame = known.frame.with_columns(closed=nw.col("decided"))
    table, excluded = totals_without(frame, _reasons("invalid"), by=by, counts=counts)
    table = with_rate(table, "won", "closed", "win_rate").assign(old_days=known.old_days)
    return finished(table, "wr_close_n", day, excluded)


def win_rate_by_amount(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the share of the closed amount that was won (wr_close_v).

    win_rate = amount won / (amount won + amount lost), over deals closed inside the period.
    Parameters as in `win_rate`.

    Returns
    -------
    DataFrame
        One row per group: `won`, `closed` (deals with an amount), `won_amount`,
        `closed_amount`, `win_rate`, `lower`, `upper`, `open`, `old_open`, `old_days`.
        Excluded: `without_amount`, `invalid`, `closed_without_date`.

    Notes
    -----
    The interval is the normal one of a ratio estimator (Cochran, Sampling Techniques, 6.4), cut
    at 0 and 1; missing below ten deals or when all or none of the amount was won.
    """
    day = as_of or period.last
    known = _known(deals, period, day, by)
    priced = (nw.col("decided") == 1) & ~nw.col("amount").is_null()
    worth = nw.when(priced).then(nw.col("amount")).otherwise(nw.lit(0.0))
    frame = known.frame.with_columns(
        closed=mark(priced),
        won=mark(priced & (nw.col("won") == 1)),
        without_amount=nw.col("decided") - mark(priced),
        closed_amount=worth,
    )
    frame = frame.with_columns(
        won_amount=nw.col("closed_amount") * nw.col("won"),
        closed_squares=nw.col("closed_amount") * nw.col("closed_amount"),
        won_squares=nw.col("closed_amount") * nw.col("closed_amount") * nw.col("won"),
    )
    sums = ["won_amount", "closed_amount", "closed_squares", "won_squares"]
    counts = ["won", "closed", "open", "old_open"]
    reasons = _reasons("invalid", "without_amount")
    table, excluded = totals_without(frame, reasons, by=by, counts=counts, sums=sums)
    table = _with_ratio_interval(table).assign(old_days=known.old_days)
    return finished(table.drop(columns=sums[2:]), "wr_close_v", day, excluded)


def win_rate_broad(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the share of all ended deals that were won, by count (wr_broad).

    win_rate = won / (won + lost + invalid), over deals closed inside the period. Parameters,
    columns and notes as in `win_rate`, and `invalid`. Excluded: `closed_without_date`.
    """
    day = as_of or period.last
    known = _known(deals, period, day, by)
    frame = known.frame.with_columns(closed=nw.col("decided") + nw.col("invalid"))
    counts = ["won", "lost", "invalid", "closed", "open", "old_open"]
    table, excluded = totals_without(frame, _reasons(), by=by, counts=counts)
    table = with_rate(table, "won", "closed", "win_rate").assign(old_days=known.old_days)
    return finished(table, "wr_broad", day, excluded)


def win_rate_stale_adjusted(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the win rate if stale open deals were lost (wr_stale_adj).

    win_rate = won / (won + lost + stale), over deals closed inside the period and deals open on
    `as_of` that are stale: past their expected close, or older than `old_days`. Parameters as in
    `win_rate`.

    Returns
    -------
    DataFrame
        One row per group: `won`, `lost`, `stale` (each deal once), `overdue`, `old_open`,
        `closed` (won + lost + stale), `win_rate`, `lower`, `upper`, `old_days`.
        Excluded: `invalid`, `closed_without_date`.
    """
    day = as_of or period.last
    known = _known(deals, period, day, by)
    frame = known.frame.with_columns(
        stale=mark((nw.col("overdue") == 1) | (nw.col("old_open") == 1))
    )
    frame = frame.with_columns(closed=nw.col("decided") + nw.col("stale"))
    counts = ["won", "lost", "stale", "overdue", "old_open", "closed"]
    table, excluded = totals_without(frame, _reasons("invalid"), by=by, counts=counts)
    table = with_rate(table, "won", "closed", "win_rate").assign(old_days=known.old_days)
    return finished(table, "wr_stale_adj", day, excluded)


def win_rate_created(
    deals: Source, *, period: Period, as_of: date | None = None, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Return the share of the deals created in the period that were won (wr_created_naive).

    win_rate = won / created, over deals created inside the period, won on or before `as_of`.
    Parameters as in `win_rate`.

    Returns
    -------
    DataFrame
        One row per group: `won`, `created`, `win_rate`, `lower`, `upper`, `still_open`.
        Excluded: `created_without_date`.

    Notes
    -----
    For comparison with other systems only: while `still_open` is not 0, the rate is too low.
    Use `cohort_exits` for a trend.
    """
    day = as_of or period.last
    created = mark(within("created_day", *_span(period, day)))
    frame = _ended(deals, day, by).with_columns(created=created)
    frame = frame.with_columns(
        won=nw.col("ever_won") * nw.col("created"), still_open=nw.col("open") * nw.col("created")
    )
    reasons = {"created_without_date": nw.col("created_day").is_null()}
    counts = ["won", "created", "still_open"]
    table, excluded = totals_without(frame, reasons, by=by, counts=counts)
    table = table[table["created"] > 0].reset_index(drop=True) if by else table
    table = with_rate(table, "won", "created", "win_rate")
    return finished(table, "wr_created_naive", day, excluded)


def cohort_exits(
    deals: Source, *, period: Period, as_of: date, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Count how deals created in the period ended, by age in days (wr_cohort_h).

    All that `models.survival.aalen_johansen` needs for the share won within h days.

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`).
    period
        Holds the day of creation.
    as_of
        Last day known; deals open then are as old as they are, and counted as still open.
    by
        Columns of deals to group by.

    Returns
    -------
    DataFrame
        One row per group and age: `age_days`, `won`, `lost`, `invalid`, `still_open` (deals).
        Excluded: `closed_before_created`, `closed_without_date`.
    """
    cohort = _ended(deals, as_of, by).filter(within("created_day", *_span(period, as_of)))
    cohort = cohort.with_columns(
        deals=nw.lit(1),
        still_open=nw.col("open"),
        **{name: nw.col(f"ever_{name}") for name in OUTCOMES},
    )
    aged = totals(cohort, by=[*by, "age_days"], counts=[*OUTCOMES, "still_open", "deals"])
    undated, backward = aged["age_days"].isna(), aged["age_days"].lt(0).fillna(value=False)
    excluded = {
        "closed_before_created": int(aged["deals"][backward].sum()),
        "closed_without_date": int(aged["deals"][undated].sum()),
    }
    table = aged[~undated & ~backward].drop(columns="deals").reset_index(drop=True)
    return finished(table.astype({"age_days": "int64"}), "wr_cohort_h", as_of, excluded)


def _span(period: Period, as_of: date) -> tuple[int, int]:
    return period.start_day, min(period.end_day, day_number(as_of) + 1)


@dataclass(frozen=True)
class _Known:
    """Deals as known on a day, with 0/1 columns for what became of them, and the P90 cycle."""

    frame: Frame
    old_days: float


def _reasons(*marks: str) -> dict[str, nw.Expr]:
    """Return why deals are left out: what is marked, and closed ones that lack the day."""
    undated = (nw.col("status") != "open") & nw.col("closed_day").is_null()
    return {name: nw.col(name) == 1 for name in marks} | {"closed_without_date": undated}


def _known(deals: Source, period: Period, as_of: date, by: Sequence[str]) -> _Known:
    frame = _ended(deals, as_of, by)
    in_period = within("closed_day", period.start_day, period.end_day)
    old_days = _old_days(frame)
    old = (nw.col("open") == 1) & (
        nw.col("age_days") > (math.inf if math.isnan(old_days) else old_days)
    )
    frame = frame.with_columns(
        old_open=mark(old),
        **{name: mark((nw.col(f"ever_{name}") == 1) & in_period) for name in OUTCOMES},
    )
    return _Known(frame.with_columns(decided=nw.col("won") + nw.col("lost")), old_days)


def _ended(deals: Source, as_of: date, by: Sequence[str]) -> Frame:
    """Return deals as known on a day, with 0/1 columns for open, overdue and how they ended."""
    today = day_number(as_of)
    ended = (nw.col("status") != "open") & (nw.col("closed_day") <= today)
    still_open = open_on(as_of)
    last = nw.when(still_open).then(nw.lit(today)).otherwise(nw.col("closed_day"))
    return known_deals(deals, _NEEDED, by, as_of).with_columns(
        open=mark(still_open),
        ended=mark(ended),
        age_days=last - nw.col("created_day"),
        overdue=mark(still_open & (nw.col("expected_close_day") < today)),
        **{f"ever_{name}": mark((nw.col("status") == name) & ended) for name in OUTCOMES},
    )


def _old_days(frame: Frame) -> float:
    cycles = frame.filter((nw.col("ended") == 1) & (nw.col("age_days") >= 0))
    counts = day_counts(cycles, by=(), days="age_days")
    found = day_quantiles(counts, by=(), days="age_days", quantiles={"old": OLD_QUANTILE})
    return float(found["old"].iloc[0])


def _with_ratio_interval(table: pd.DataFrame) -> pd.DataFrame:
    """Add the rate by amount and its normal interval from sums of amounts and their squares."""
    won, all_, squares, won_squares = (
        table[name].to_numpy("float64")
        for name in ("won_amount", "closed_amount", "closed_squares", "won_squares")
    )
    rate = ratio(won, all_)
    spread = won_squares * (1 - rate) ** 2 + (squares - won_squares) * rate**2
    half = ratio(z_value() * np.sqrt(spread), all_)
    half = np.where((table["closed"] >= FEWEST_FOR_NORMAL) & (spread > 0), half, np.nan)
    return table.assign(
        win_rate=rate, lower=np.clip(rate - half, 0, 1), upper=np.clip(rate + half, 0, 1)
    )
