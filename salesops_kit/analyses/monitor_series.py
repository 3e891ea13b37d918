"""The series that are watched: week by week, of the company and of its groups, from one pass each.

Every series is a sum and the cases behind it. `bookings`: money won; `volume`: deals won;
`win_rate`: won of decided; `cycle`: days from creation to winning (logarithm); `new_deals`,
`leads`: created; `lead_response`: leads answered by the day after (`metrics.reps.lead_response`);
`satisfaction`: answers of the commonest survey on a scale from 0 to 1; `complaints`: of these, at
most two fifths of the scale.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.grouping import mark, totals
from salesops_kit.metrics.reps import lead_response
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

COMPANY = "company"
LOW_ANSWER = 0.4  # share of the scale up to which an answer is a complaint
Kind = Literal["count", "sum", "rate", "mean"]


@dataclass(frozen=True)
class Watched:
    """What kind of number a series is, and whether more of it is worse."""

    kind: Kind
    more_is_worse: bool = False


SERIES: dict[str, Watched] = {
    "bookings": Watched("sum"),
    "volume": Watched("count"),
    "win_rate": Watched("rate"),
    "cycle": Watched("mean", more_is_worse=True),
    "new_deals": Watched("count"),
    "leads": Watched("count"),
    "lead_response": Watched("rate"),
    "satisfaction": Watched("mean"),
    "complaints": Watched("rate", more_is_worse=True),
}  # fmt: skip
# what a series is made of: one cause shows in both
CAUSES = {
    "bookings": ("volume", "win_rate", "new_deals", "leads"),
    "volume": ("win_rate", "new_deals", "leads"),
    "new_deals": ("leads",),
    "complaints": ("satisfaction",),
}  # fmt: skip
COLUMNS = ["series", "dimension", "group", "week", "total", "n"]


def weekly(workspace: Workspace, span: Period, dimensions: Sequence[str]) -> pd.DataFrame:
    """Return `series`, `dimension` (company or a dimension), `group`, `week`, `total`, `n`.

    `week` counts whole weeks from the span's first day. Weeks without a case have no row.
    """
    parts = [*_deals(workspace, span, dimensions), *_leads(workspace, span, dimensions)]
    parts += _answers(workspace, span)
    found = [part for part in parts if len(part)]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)


def _splits(frame: Frame, dimensions: Sequence[str]) -> list[str]:
    known = frame.collect_schema().names()
    return [COMPANY, *[name for name in dimensions if name in known]]


def _week(day: str, span: Period) -> Any:
    return ((nw.col(day) - span.start_day) / 7).floor().cast(nw.Int64)


def _inside(frame: Frame, day: str, span: Period) -> Frame:
    return frame.filter(
        (nw.col(day) >= span.start_day) & (nw.col(day) < span.end_day)
    ).with_columns(week=_week(day, span))  # fmt: skip


def _rows(table: pd.DataFrame, series: str, split: str, of: tuple[str, str]) -> pd.DataFrame:
    group = table[split] if split != COMPANY else ""
    rows = pd.DataFrame({
        "series": series, "dimension": split, "group": group, "week": table["week"].astype("int64"),
        "total": table[of[0]].astype("float64"), "n": table[of[1]].astype("float64"),
    })  # fmt: skip
    return rows[(rows["n"] > 0) & rows["group"].notna()]


def _deals(workspace: Workspace, span: Period, dims: Sequence[str]) -> Iterator[pd.DataFrame]:
    deals = workspace.table("deals")
    splits = _splits(deals, dims)
    wanted = ["status", "amount", "created_day", "closed_day", *splits[1:]]
    deals = deals.select(*wanted)
    won = nw.col("status") == "won"
    closed = _inside(deals.filter(nw.col("status") != "open"), "closed_day", span)
    days = nw.col("closed_day") - nw.col("created_day")
    timed = won & (days >= 0)
    closed = closed.with_columns(
        won=mark(won), decided=nw.lit(1), timed=mark(timed),
        money=nw.when(won).then(nw.col("amount")),
        cycle=nw.when(timed).then(days + 1).otherwise(nw.lit(1)).log(),
    )  # fmt: skip
    born = _inside(deals, "created_day", span).with_columns(created=nw.lit(1))
    for split in splits:
        by = ["week", *([split] if split != COMPANY else [])]
        ended = totals(closed, by=by, counts=["won", "decided", "timed"], sums=["money", "cycle"])
        begun = totals(born, by=by, counts=["created"])
        yield _rows(ended, "bookings", split, ("money", "won"))
        yield _rows(ended, "volume", split, ("won", "won"))
        yield _rows(ended, "win_rate", split, ("won", "decided"))
        yield _rows(ended, "cycle", split, ("cycle", "timed"))
        yield _rows(begun, "new_deals", split, ("created", "created"))


def _leads(workspace: Workspace, span: Period, dims: Sequence[str]) -> Iterator[pd.DataFrame]:
    if not workspace.has("leads"):
        return
    leads = workspace.table("leads")
    given = nw.when(~nw.col("assigned_day").is_null()).then(nw.col("assigned_day"))
    leads = leads.with_columns(given_day=given.otherwise(nw.col("created_day")))
    answered = leads.with_columns(week=_week("given_day", span))
    born = _inside(leads, "created_day", span).with_columns(created=nw.lit(1))
    for split in _splits(leads, dims):
        by = ["week", *([split] if split != COMPANY else [])]
        yield _rows(totals(born, by=by, counts=["created"]), "leads", split, ("created",) * 2)
        table = lead_response(answered, period=span, as_of=workspace.as_of, by=by)
        yield _rows(table, "lead_response", split, ("prompt", "given"))


def _answers(workspace: Workspace, span: Period) -> Iterator[pd.DataFrame]:
    if not workspace.has("feedback"):
        return
    answers = _inside(workspace.table("feedback"), "answered_day", span)
    answers = answers.filter(
        ~nw.col("score").is_null() & (nw.col("scale_max") > nw.col("scale_min"))
    )
    share = (nw.col("score") - nw.col("scale_min")) / (nw.col("scale_max") - nw.col("scale_min"))
    answers = answers.with_columns(share=share, answers=nw.lit(1)).with_columns(
        low=mark(nw.col("share") <= LOW_ANSWER)
    )
    table = totals(answers, by=["type", "week"], counts=["answers", "low"], sums=["share"])
    if table.empty:
        return
    commonest = table.groupby("type")["answers"].sum().idxmax()
    table = table[table["type"] == commonest]
    yield _rows(table, "satisfaction", COMPANY, ("share", "answers"))
    yield _rows(table, "complaints", COMPANY, ("low", "answers"))


def grids(table: pd.DataFrame, weeks: int) -> tuple[pd.DataFrame, Any, Any]:
    """Return the series' names in order and their sums and cases as series × weeks."""
    keys = ["series", "dimension", "group"]
    names = table[keys].drop_duplicates().reset_index(drop=True)
    place = table.merge(names.reset_index(names="place"), on=keys, how="left")["place"]
    total, n = np.zeros((len(names), weeks)), np.zeros((len(names), weeks))
    at = (place.to_numpy("int64"), table["week"].to_numpy("int64"))
    np.add.at(total, at, table["total"].to_numpy("float64"))
    np.add.at(n, at, table["n"].to_numpy("float64"))
    return names, total, n
