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

_STATE = ("deal_id", "status", "amount", "due", "closed_day", "owner")

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


ALL_KNOWN = Known(snapshots=True, closings=True, amounts=True, dates=True, owners=True)


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


class Past:
    """How deals stood on former days, each day computed once."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.told = _told(workspace)
        self._days: dict[date, Frame] = {}

    def between(self, first: date, last: date) -> States:
        """Return how the deals stood at the end of two days.

        Dated exports at most a week older than both days are taken as they are, and the days
        become theirs. Else what the history says: values of the last change of stage on or
        before the day; where no change followed, those of the as-of day. Where no history ever
        tells an amount or a date, it is taken to be the later one.
        """
        exports = _exports(self.workspace, first, last)
        known = ALL_KNOWN if exports else self.told
        first, last = exports or (first, last)
        day = self._exported if exports else self._on
        joined = _side_by_side(day(first), day(last))
        for value, is_told in (("amount", known.amounts), ("due", known.dates)):
            if not is_told:
                joined = joined.with_columns(**{f"{value}_0": nw.col(f"{value}_1")})
        dated = self._on(last).select("deal_id", "closed_day")
        joined = joined.join(dated, on="deal_id", how="left")
        return States(first, last, known, _within_scope(joined, self.workspace))

    def _on(self, day: date) -> Frame:
        """Deals as they stood: `deal_id`, `status`, `amount`, `due`, `closed_day`, `owner`."""
        if day not in self._days:
            name = f"_stood_{day:%Y%m%d}"
            self._days[day] = self.workspace.keep(name, _stood(self.workspace, day))
        return self._days[day]

    def _exported(self, day: date) -> Frame:
        """Return the deals of one export; those it leaves out as closed, by what is known else.

        Many an export holds open deals only. A deal that is known to have closed did not vanish.
        """
        rows = self.workspace.table("snapshots")
        told = rows.filter(nw.col("snapshot_day") == day_number(day)).select(
            "deal_id",
            nw.col("stage_category").alias("status"),
            "amount",
            _day(nw.col("expected_close_on")).cast(nw.Int64).alias("due"),
            nw.col("owner_id").alias("owner"),
        )
        closed = self._on(day).filter(nw.col("status") != "open").drop("closed_day")
        return nw.concat([told, closed.join(told, on="deal_id", how="anti")])


def _told(workspace: Workspace) -> Known:
    """Return what the history of stages ever tells."""
    if not workspace.has("stage_history"):
        return Known()
    history = workspace.table("stage_history")
    columns = {"amounts": "amount", "dates": "expected_close_day", "owners": "owner_id"}
    filled = {name: mark(~nw.col(column).is_null()) for name, column in columns.items()}
    row = totals(history.with_columns(**filled), by=(), counts=list(filled)).iloc[0]
    return Known(closings=True, **{name: bool(row[name]) for name in filled})


def _stood(workspace: Workspace, day: date) -> Frame:
    """Go back to the last change of stage on or before the day, where another one followed."""
    today, born = day_number(day), nw.col("created_day")
    deals = workspace.table("deals").filter(born.is_null() | (born <= today))
    later = (nw.col("closed_day") > today) & (nw.col("status") != "open")
    now = deals.select(
        "deal_id",
        "amount",
        status=nw.when(later).then(nw.lit("open")).otherwise(nw.col("status")),
        due=nw.col("expected_close_day").cast(nw.Int64),
        closed_day=nw.when(~later).then(nw.col("closed_day")).cast(nw.Int64),
    )
    if not workspace.has("stage_history"):
        return now.select(*_STATE[:-1], owner=nw.lit(None).cast(nw.String))
    back = ~nw.col("then_status").is_null()
    went = {
        name: nw.when(back).then(nw.col(f"then_{name}")).otherwise(nw.col(name))
        for name in ("status", "amount", "due", "closed_day")
    }
    joined = now.join(_then(workspace, today), on="deal_id", how="left").with_columns(**went)
    return joined.select(*_STATE)


def _then(workspace: Workspace, today: int) -> Frame:
    """Return the last entry up to a day of the deals that have another one after it."""
    history, entered = workspace.table("stage_history"), nw.col("entered_day")
    closed = nw.col("stage_category") != "open"
    moves = history.select(
        "deal_id",
        later=mark(entered > today),
        then_seq=nw.when(entered <= today).then(nw.col("seq")),
    )
    last = moves.group_by("deal_id").agg(nw.col("later").max(), nw.col("then_seq").max())
    then = history.select(
        "deal_id",
        then_seq=nw.col("seq"),
        then_status=nw.col("stage_category"),
        then_amount=nw.col("amount"),
        then_due=nw.col("expected_close_day").cast(nw.Int64),
        then_closed_day=nw.when(closed).then(entered.cast(nw.Int64)),
        owner=nw.col("owner_id"),
    )
    moved = last.filter(nw.col("later") == 1)
    return moved.join(then, on=["deal_id", "then_seq"], how="inner").drop("later", "then_seq")


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


def _day(on: nw.Expr) -> nw.Expr:
    """Return the day number of a date, in arithmetic that every engine has."""
    year, before = on.dt.year(), on.dt.year() - 1
    leaps = before // 4 - before // 100 + before // 400 - (1969 // 4 - 1969 // 100 + 1969 // 400)
    return (year - 1970) * 365 + leaps + on.dt.ordinal_day() - 1


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
