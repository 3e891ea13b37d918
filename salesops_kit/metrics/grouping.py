"""Sums per group, rates with their intervals, days as counts: what all metrics share."""

import math
from collections.abc import Mapping, Sequence
from datetime import date
from statistics import NormalDist
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit import schema
from salesops_kit.metrics.engine import Frame, Source, collect, conformed, lazy
from salesops_kit.periods import day_number

CONFIDENCE = 0.9  # of every interval a metric gives
FEWEST_FOR_NORMAL = 10  # amounts are skewed: below so many deals a normal interval is a fiction

Array = npt.NDArray[np.float64]


def mark(condition: nw.Expr) -> nw.Expr:
    """Return 1 where the condition holds, else 0; unknown counts as not holding."""
    return nw.when(condition).then(nw.lit(1)).otherwise(nw.lit(0))


def within(day: str, start_day: int, end_day: int) -> nw.Expr:
    """Tell whether a day column falls into the half-open span."""
    return (nw.col(day) >= start_day) & (nw.col(day) < end_day)


def living(deals: Source, needed: Sequence[str], by: Sequence[str]) -> Frame:
    """Return the needed columns of deals, without what was deleted, merged or voided."""
    frame = conformed(lazy(deals), schema.DEALS, (*needed, "is_deleted"), by)
    return frame.filter(mark(nw.col("is_deleted")) == 0)


def known_deals(deals: Source, needed: Sequence[str], by: Sequence[str], as_of: date) -> Frame:
    """Return the needed columns of living deals that existed on a day."""
    born = nw.col("created_day").is_null() | (nw.col("created_day") <= day_number(as_of))
    return living(deals, needed, by).filter(born)


def open_on(as_of: date) -> nw.Expr:
    """Tell whether a deal was open on a day; one that closed later was."""
    return (nw.col("status") == "open") | (nw.col("closed_day") > day_number(as_of))


def totals(
    frame: Frame, *, by: Sequence[str], counts: Sequence[str], sums: Sequence[str] = ()
) -> pd.DataFrame:
    """Sum columns per group; without `by`, one row over everything.

    `counts` are columns of 0 and 1 or whole numbers, returned as int64; `sums` as float64.
    Groups whose key is missing stay, as one group with the key None, last.
    """
    wanted = [nw.col(name).sum() for name in (*counts, *sums)]
    grouped = frame.group_by(*by).agg(*wanted) if by else frame.select(*wanted)
    table = collect(grouped, by)[[*by, *counts, *sums]]
    types: dict[str, Any] = {**dict.fromkeys(counts, "int64"), **dict.fromkeys(sums, "float64")}
    off = [n for n, kind in types.items() if table[n].dtype != kind or table[n].hasnans]
    filled = {name: table[name].fillna(0).astype(types[name]) for name in off}
    return table.assign(**filled)


def totals_without(
    frame: Frame,
    reasons: Mapping[str, nw.Expr],
    *,
    by: Sequence[str],
    counts: Sequence[str],
    sums: Sequence[str] = (),
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return `totals`, and the rows to which each reason applies, from one pass over the rows."""
    marks = {f"__{name}": mark(reason) for name, reason in reasons.items()}
    table = totals(frame.with_columns(**marks), by=by, counts=[*counts, *marks], sums=sums)
    excluded = {name: int(table[f"__{name}"].sum()) for name in reasons}
    return table.drop(columns=list(marks)), excluded


def counted(frame: Frame, **reasons: nw.Expr) -> dict[str, int]:
    """Count the rows to which each reason applies, in one pass."""
    # with_columns, since Spark makes one row of a selection of literals
    marked = frame.with_columns(**{name: mark(reason) for name, reason in reasons.items()})
    table = totals(marked, by=(), counts=list(reasons))
    return {name: int(table[name].iloc[0]) for name in reasons}


def with_rate(
    table: pd.DataFrame, numerator: str, denominator: str, rate: str, *, prefix: str = ""
) -> pd.DataFrame:
    """Add `rate` with its Wilson interval `lower`, `upper`; missing where nothing is divided by.

    `prefix` goes before lower and upper when a table holds more than one rate.
    """
    hits, n = table[numerator].to_numpy("float64"), table[denominator].to_numpy("float64")
    lower, upper = wilson(hits, n)
    return table.assign(**{rate: ratio(hits, n), f"{prefix}lower": lower, f"{prefix}upper": upper})


def ratio(numerator: Any, denominator: Any) -> Array:
    """Divide, giving missing where the denominator is zero or missing."""
    below = np.asarray(denominator, dtype=np.float64)
    above = np.asarray(numerator, dtype=np.float64)
    safe = np.where(below == 0, np.nan, below)
    result: Array = above / safe
    return result


def wilson(hits: Array, n: Array, confidence: float = CONFIDENCE) -> tuple[Array, Array]:
    """Return Wilson's score interval of `hits / n` (Wilson 1927); missing where n is 0."""
    z = z_value(confidence)
    share = ratio(hits, n)
    n = np.where(n == 0, np.nan, n)
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # the exact bound at the ends, which rounding would miss by 1e-17
    lower = np.where(hits == 0, 0.0, np.clip(middle - half, 0, 1))
    upper = np.where(hits == n, 1.0, np.clip(middle + half, 0, 1))
    return np.where(np.isnan(n), np.nan, lower), np.where(np.isnan(n), np.nan, upper)


def z_value(confidence: float = CONFIDENCE) -> float:
    """Return how many standard errors a two-sided normal interval reaches."""
    return NormalDist().inv_cdf((1 + confidence) / 2)


def day_counts(frame: Frame, *, by: Sequence[str], days: str) -> pd.DataFrame:
    """Count rows per group and whole number of days: all that quantiles need, and small."""
    present = frame.filter(~nw.col(days).is_null()).with_columns(n=nw.lit(1))
    return totals(present, by=[*by, days], counts=["n"])


def day_quantiles(
    counts: pd.DataFrame, *, by: Sequence[str], days: str, quantiles: Mapping[str, float]
) -> pd.DataFrame:
    """Return per group `n`, `mean` and the named quantiles of day counts.

    Quantiles interpolate linearly between neighbours, as pandas and spreadsheets do. With the
    quantile 0.5 among them, its interval by order statistics: `lower`, `upper`.
    """
    names = ["n", "mean", *quantiles, "lower", "upper"]
    types = {"n": "int64"} | dict.fromkeys(names[1:], "float64")
    if not by:
        return pd.DataFrame([_summary(counts, days, quantiles)], columns=names).astype(types)
    rows = [
        dict(zip(by, key, strict=True)) | _summary(part, days, quantiles)
        for key, part in counts.groupby(list(by), dropna=False, sort=False)
    ]
    table = pd.DataFrame(rows, columns=[*by, *names])
    # a key that is missing in every group would otherwise turn into numbers
    return missing_as_none(table.astype(types | {name: counts[name].dtype for name in by}), by)


def _summary(counts: pd.DataFrame, days: str, quantiles: Mapping[str, float]) -> dict[str, Any]:
    ordered = counts.sort_values(days)
    values, n = ordered[days].to_numpy("float64"), ordered["n"].to_numpy("int64")
    total = int(n.sum())
    if total == 0:
        return {"n": 0}
    below = np.cumsum(n)

    def at(position: float) -> float:
        """Value of the position-th smallest (from 0), between neighbours when it is no integer."""
        low, high = (float(values[np.searchsorted(below, edge, side="right")])
                     for edge in (math.floor(position), math.ceil(position)))  # fmt: skip
        return low + (high - low) * (position - math.floor(position))

    found = {name: at((total - 1) * share) for name, share in quantiles.items()}
    edges = median_ranks(total)
    interval = {} if edges is None else {"lower": at(edges[0] - 1), "upper": at(edges[1] - 1)}
    return {"n": total, "mean": float((values * n).sum() / total)} | found | interval


def median_ranks(n: int, confidence: float = CONFIDENCE) -> tuple[int, int] | None:
    """Return which smallest values of `n` bound the median, from 1; None when n is too small.

    The narrowest symmetric pair (l, n + 1 - l) with P(l <= B(n, 1/2) <= n - l) >= confidence,
    exact, whatever the distribution (David & Nagaraja, Order Statistics, 7.1).
    """
    tail, rank = 0.0, 0
    # below this the binomial holds less than 1e-20
    start = max(0, n // 2 - int(5 * math.sqrt(n)) - 5)
    for k in range(start, n // 2 + 1):
        tail += math.exp(
            math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)
        )
        if tail > (1 - confidence) / 2:
            break
        rank = k + 1
    return (rank, n + 1 - rank) if rank else None


def finished(
    table: pd.DataFrame, definition: str, as_of: date, excluded: Mapping[str, int] | None = None
) -> pd.DataFrame:
    """Attach what a reader must know: definition id, day of knowledge, rows left out by reason."""
    table.attrs.update(definition=definition, as_of=as_of, excluded=dict(excluded or {}))
    return table


def joined(left: pd.DataFrame, right: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Put two tables of groups side by side; groups of either stay; sorted by group."""
    if not by:
        return pd.concat([left, right], axis=1)
    table = left.merge(right, on=list(by), how="outer", validate="one_to_one")
    table = missing_as_none(table, by)
    return table.sort_values(list(by), na_position="last", kind="stable", ignore_index=True)


def missing_as_none(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the table with None for missing texts, which pandas' joins turn into NaN.

    A column where every text is missing is one of numbers to pandas 3 then.
    """
    texts = [
        t for t in columns if table[t].dtype == object or (len(table) and table[t].isna().all())
    ]
    return table.assign(**{t: table[t].astype(object).where(table[t].notna(), None) for t in texts})
