"""Sufficient statistics of the diagnosis: exits from stages and days at risk, per group and month.

Everything the root-cause scan needs of millions of visits, in one group-by each.
"""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.metrics.engine import Source, lazy
from salesops_kit.metrics.grouping import finished, mark, totals
from salesops_kit.periods import Period, day_number

# first day of each class of age: half of all stays end within two weeks, few last over two months
AGES = (0, 4, 8, 15, 31, 61)
RISK_AGES = (0, 3, 6, 10, 15, 21, 31, 46)
FOLLOWED = 120  # days: a stay beyond is forgotten rather than slow, and its days would hide others
_STAGE = ("stage", "stage_rank")


def stage_exits(
    visits: Source, *, months: Sequence[Period], by: Sequence[str] = ()
) -> pd.DataFrame:
    """Count how stays in open stages ended, by month of the exit and age at exit (stage_exits).

    Conversion among exits of the same age does not depend on how many deals are still open.

    Parameters
    ----------
    visits
        Stays in stages (`metrics.visits`).
    months
        Periods that follow each other without a gap; they hold the day of the exit.
    by
        Columns of visits to group by.

    Returns
    -------
    DataFrame
        One row per group, stage, `month` (position in `months`) and `age` (position in `AGES`):
        `exits` and `onward` (advanced, skipped_to or won among them), `amount` (sum at entry) and
        `amounts` (how many exits have one).
        Excluded: `bulk` (left by a bulk edit: when and why is not known), `passing` (left within
        a minute).
    """
    start, end = months[0].start_day, months[-1].end_day
    left = lazy(visits).filter(
        (nw.col("stage_category") == "open")
        & (nw.col("exited_day") >= start)
        & (nw.col("exited_day") < end)
    )
    marked = left.with_columns(
        month=_place("exited_day", [m.start_day for m in months]),
        stay=nw.col("exited_day") - nw.col("entered_day"),
        **_set_aside(),
    )
    excluded = totals(marked, by=(), counts=["bulk", "passing"])
    kept = marked.filter((nw.col("bulk") == 0) & (nw.col("passing") == 0)).with_columns(
        age=_place("stay", AGES),
        exits=nw.lit(1),
        onward=mark(nw.col("exit_type").is_in(["advanced", "skipped_to", "won"])),
        amounts=mark(~nw.col("amount").is_null()),
    )
    keys = [*by, *_STAGE, "month", "age"]
    table = totals(kept, by=keys, counts=["exits", "onward", "amounts"], sums=["amount"])
    table = _sorted(table.astype({"month": "int64", "age": "int64"}), keys)
    reasons = {name: int(excluded[name].iloc[0]) for name in ("bulk", "passing")}
    return finished(table, "stage_exits", months[-1].last, reasons)


def stage_risk(
    visits: Source, *, months: Sequence[Period], as_of: date, by: Sequence[str] = ()
) -> pd.DataFrame:
    """Count days at risk and exits of stays in open stages, by month of entry and age (stage_risk).

    exits / days is the hazard of leaving at that age; stays still open add their days. A stay is
    followed for `FOLLOWED` days.

    Parameters
    ----------
    visits
        Stays in stages (`metrics.visits`), made with the same `as_of`.
    months
        Periods that follow each other without a gap; they hold the day of the entry.
    as_of
        Last day known.
    by
        Columns of visits to group by.

    Returns
    -------
    DataFrame
        One row per group, stage, `month` of entry and `age` (position in `RISK_AGES`): `days`
        spent in the stage at that age (the day of the exit counts), `exits` at that age.
        Excluded: `passing`. A stay left by a bulk edit counts until then, without an exit.
    """
    start, end = months[0].start_day, months[-1].end_day
    entered = lazy(visits).filter(
        (nw.col("stage_category") == "open")
        & (nw.col("entered_day") >= start)
        & (nw.col("entered_day") < end)
    )
    today = nw.when(nw.col("exited_day").is_null()).then(nw.lit(day_number(as_of)))
    marked = entered.with_columns(
        month=_place("entered_day", [m.start_day for m in months]),
        stay=today.otherwise(nw.col("exited_day")) - nw.col("entered_day"),
        gone=mark((nw.col("exit_type") != "open") & ~nw.col("exit_is_bulk")),
        **_set_aside(),
    )
    excluded = totals(marked, by=(), counts=["passing"])
    counted = marked.filter(nw.col("passing") == 0).with_columns(**_at_each_age())
    names = [f"{what}_{i}" for i in range(len(RISK_AGES)) for what in ("days", "exits")]
    table = totals(counted, by=[*by, *_STAGE, "month"], counts=names)
    return finished(
        _one_row_per_age(table, by),
        "stage_risk",
        as_of,
        {"passing": int(excluded["passing"].iloc[0])},
    )


def _set_aside() -> dict[str, nw.Expr]:
    return {"bulk": mark(nw.col("exit_is_bulk")), "passing": mark(nw.col("is_passing"))}


def _place(column: str, firsts: Sequence[int]) -> nw.Expr:
    """Return the position of the span that holds a number, given each span's first."""
    begun = [(nw.col(column) >= first).cast(nw.Int64) for first in firsts]
    return nw.sum_horizontal(*begun) - 1


def _at_each_age() -> dict[str, nw.Expr]:
    """Days spent and exits made at each age: all of an age that was outlived, else a part."""
    marks = {}
    for number, first in enumerate(RISK_AGES):
        last = RISK_AGES[number + 1] - 1 if number + 1 < len(RISK_AGES) else FOLLOWED - 1
        stay, begun = nw.col("stay"), nw.col("stay") >= first
        ends = begun & (stay <= last)
        spent = nw.when(ends).then(stay - first + 1).when(begun).then(nw.lit(last - first + 1))
        marks[f"days_{number}"] = spent.otherwise(nw.lit(0))
        marks[f"exits_{number}"] = nw.when(ends).then(nw.col("gone")).otherwise(nw.lit(0))
    return marks


def _one_row_per_age(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    keys = [*by, *_STAGE, "month"]
    parts = [
        table[keys].assign(age=i, days=table[f"days_{i}"], exits=table[f"exits_{i}"])
        for i in range(len(RISK_AGES))
    ]
    long = pd.concat(parts, ignore_index=True)
    return _sorted(long[long["days"] > 0].astype({"month": "int64"}), [*keys, "age"])


def _sorted(table: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    return table.sort_values(list(keys), na_position="last", kind="stable", ignore_index=True)
