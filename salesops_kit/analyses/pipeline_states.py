"""How every deal stood on two days: from dated exports where there are any, else from history."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import narwhals.stable.v2 as nw

from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.grouping import mark, totals
from salesops_kit.periods import day_number
from salesops_kit.workspace import Workspace

NEAR_DAYS = 7  # a dated export at most so many days before a day tells how that day was

Told = Literal["known", "stages", "unknown"]


@dataclass(frozen=True)
class Known:
    """What the data tells of changes: dated exports (`snapshots`), or the history of stages.

    `amounts`, `dates`, `owners`: a former amount, close date or owner is known at least at each
    change of stage. `closings`: former stages are known; else only closing days. `deletions`:
    deals that vanished are seen.
    """

    snapshots: bool = False
    closings: bool = False
    amounts: bool = False
    dates: bool = False
    owners: bool = False

    @property
    def deletions(self) -> bool:
        """Only an older export still holds a deal that was deleted since."""
        return self.snapshots

    def told(self, what: str) -> Told:
        """Say how well former values are known: on both days, at changes of stage, or not."""
        if not getattr(self, what):
            return "unknown"
        return "known" if self.snapshots or what == "closings" else "stages"


@dataclass(frozen=True)
class States:
    """One row per deal that stood in the data on either day.

    `frame`: `deal_id`, `status_0`, `amount_0`, `due_0` (day number of the expected close) on
    `first`, the same with _1 on `last`, missing where the deal was not there; `closed_day`;
    `mine_0`: 1 unless its owner on `first` was out of the scope.
    """

    first: date
    last: date
    known: Known
    frame: Frame

    @property
    def first_day(self) -> int:
        """Day number of `first`."""
        return day_number(self.first)

    @property
    def last_day(self) -> int:
        """Day number of `last`."""
        return day_number(self.last)


def known_changes(workspace: Workspace, first: date, last: date) -> Known:
    """Return what can be known of changes between two days."""
    if _exports(workspace, first, last):
        return Known(snapshots=True, closings=True, amounts=True, dates=True, owners=True)
    if not workspace.has("stage_history"):
        return Known()
    history = workspace.table("stage_history")
    filled = {
        name: mark(~nw.col(column).is_null())
        for name, column in (
            ("amounts", "amount"),
            ("dates", "expected_close_day"),
            ("owners", "owner_id"),
        )
    }
    row = totals(history.with_columns(**filled), by=(), counts=list(filled)).iloc[0]
    return Known(closings=True, **{name: bool(row[name]) for name in filled})


def states_between(workspace: Workspace, first: date, last: date) -> States:
    """Return how the deals stood at the end of two days.

    Dated exports at most a week older than both days are taken as they are, and the days become
    theirs. Else the deals as known on each day: with history, values go back to the last change
    of stage. Where no history ever tells an amount or a date, it is taken to be the later one.
    """
    known = known_changes(workspace, first, last)
    exports = _exports(workspace, first, last)
    if exports:
        first, last = exports
    late = workspace.earlier(last)
    dated = late.table("deals").select("deal_id", "closed_day")
    if exports:
        then, now = (_exported(late, day) for day in exports)
    else:
        then = _as_known(workspace.earlier(first), owners=known.owners)
        now = _as_known(late, owners=False)
    joined = _side_by_side(then, now).join(dated, on="deal_id", how="left")
    for value, told in (("amount", known.amounts), ("due", known.dates)):
        if not told:
            joined = joined.with_columns(**{f"{value}_0": nw.col(f"{value}_1")})
    return States(first, last, known, _within_scope(joined, late))


def _exports(workspace: Workspace, first: date, last: date) -> tuple[date, date] | None:
    """Return the days of the exports that tell of both days, None without two such."""
    if not workspace.has("snapshots"):
        return None
    days = workspace.table("snapshots").select("snapshot_on", "snapshot_day").unique()
    seen = days.collect(backend="pandas").to_native()["snapshot_day"].astype(int)
    near = []
    for day in (first, last):
        ages = [day_number(day) - number for number in seen if number <= day_number(day)]
        if not ages or min(ages) > NEAR_DAYS:
            return None
        near.append(day - timedelta(days=min(ages)))
    return (near[0], near[1]) if near[0] < near[1] else None


def _exported(workspace: Workspace, day: date) -> Frame:
    """Return the deals of one export; those it leaves out as closed, by what is known else.

    Many an export holds open deals only. A deal that is known to have closed did not vanish.
    """
    rows = workspace.table("snapshots").filter(nw.col("snapshot_day") == day_number(day))
    told = rows.select(
        "deal_id",
        nw.col("stage_category").alias("status"),
        "amount",
        _day(nw.col("expected_close_on")).cast(nw.Int64).alias("due"),
        nw.col("owner_id").alias("owner"),
    )
    known = _as_known(workspace.earlier(day), owners=False)
    known = known.filter(nw.col("status") != "open").join(told, on="deal_id", how="anti")
    return nw.concat([told, known.with_columns(due=nw.col("due").cast(nw.Int64))])


def _day(on: nw.Expr) -> nw.Expr:
    """Return the day number of a date, in arithmetic that every engine has."""
    year, before = on.dt.year(), on.dt.year() - 1
    leaps = before // 4 - before // 100 + before // 400 - (1969 // 4 - 1969 // 100 + 1969 // 400)
    return (year - 1970) * 365 + leaps + on.dt.ordinal_day() - 1


def _as_known(workspace: Workspace, *, owners: bool) -> Frame:
    deals = workspace.table("deals").select(
        "deal_id", "status", "amount", nw.col("expected_close_day").alias("due"),
        nw.col("owner_id").alias("owner_now"),
    )  # fmt: skip
    if not owners:
        return deals.with_columns(owner=nw.lit(None).cast(nw.String)).drop("owner_now")
    history = workspace.table("stage_history").filter(~nw.col("owner_id").is_null())
    newest = history.group_by("deal_id").agg(seq=nw.col("seq").max())
    then = history.select("deal_id", "seq", nw.col("owner_id").alias("owner"))
    then = then.join(newest, on=["deal_id", "seq"], how="inner").drop("seq")
    return deals.drop("owner_now").join(then, on="deal_id", how="left")


def _side_by_side(then: Frame, now: Frame) -> Frame:
    """Join the two days; deals that are on one of them alone stay, without values of the other."""
    old = then.select("deal_id", *[nw.col(c).alias(f"{c}_0") for c in ("status", "amount", "due",
                                                                      "owner")])  # fmt: skip
    new = now.select("deal_id", *[nw.col(c).alias(f"{c}_1") for c in ("status", "amount", "due")])
    both = new.join(old, on="deal_id", how="left")
    nothing: dict[str, Any] = {"status_1": nw.String, "amount_1": nw.Float64, "due_1": nw.Int64}
    gone = old.join(new, on="deal_id", how="anti").with_columns(
        **{name: nw.lit(None).cast(dtype) for name, dtype in nothing.items()}
    )
    columns = ["deal_id", "status_0", "amount_0", "due_0", "owner_0", *nothing]
    types = {"due_0": nw.Int64, "due_1": nw.Int64}
    parts = [part.select(columns).with_columns(**{n: nw.col(n).cast(t) for n, t in types.items()})
             for part in (both, gone)]  # fmt: skip
    return nw.concat(parts)


def _within_scope(joined: Frame, workspace: Workspace) -> Frame:
    """Mark the deals that a rep, to whom the report is narrowed, did not own on the first day."""
    if workspace.scope.dimension != "rep":
        return joined.with_columns(mine_0=nw.lit(1))
    owners = workspace.table("deals").select("owner_id").unique().collect(backend="pandas")
    names = owners.to_native()["owner_id"].dropna().tolist()
    owner = nw.col("owner_0")
    return joined.with_columns(mine_0=mark(owner.is_null() | owner.is_in(names)))
