"""Open deals as they stood on former days, and what became of them: what deal forecasts learn from.

Everything is read off the dated history of stages, so that a snapshot holds nothing that was
written down after its day; only what happened next, which is what there is to learn, looks ahead.
"""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.metrics.engine import Frame, Source, collect, conformed, together
from salesops_kit.metrics.grouping import finished, living, mark
from salesops_kit.periods import day_number

_EVENT = ("deal_id", "seq", "stage", "stage_rank", "stage_category", "entered_day", "entered_s",
          "amount", "probability", "expected_close_day", "owner_id")  # fmt: skip
STATE = ("stage", "stage_rank", "age_days", "deal_days", "moves", "backs", "pushes", "due_in",
         "amount", "amount_before", "probability", "owner_id")  # fmt: skip
OUTCOME = ("won_in", "won_amount", "closed_in")
_NEVER = -1_000_000  # a day number before every other
_WHOLE = ("stage_rank", "age_days", "deal_days", "moves", "backs", "pushes", "due_in", "won_in",
          "closed_in")  # fmt: skip


def deal_snapshots(
    stage_history: Source,
    deals: Source,
    *,
    origins: Sequence[date],
    dimensions: Sequence[str] = (),
    most: int | None = None,
) -> pd.DataFrame:
    """Return the deals that were open at the end of each day, as they stood then (deal_snapshots).

    Parameters
    ----------
    stage_history
        Entries into stages (`schema.STAGE_HISTORY`), as far as they are known.
    deals
        Deals (`schema.DEALS`): which ones, when they were created, and their dimensions.
    origins
        The days.
    dimensions
        Columns of deals to carry along. They are those of today: take only what is filled in when
        a deal is created.
    most
        So many deals of each day but the last at most, evenly spaced by id; None takes all.

    Returns
    -------
    DataFrame
        One row per `origin` (day number) and `deal_id`. State: `stage`, `stage_rank`, `age_days`
        (in the stage), `deal_days` (since creation), `moves` (stages entered so far), `backs` (of
        these, to a lower one), `pushes` (times the expected close was moved to later), `due_in`
        (days to the expected close, negative when overdue), `amount`, `amount_before` (that of
        the entry before), `probability` (as written), `owner_id`, and the dimensions.
        Outcome: `won_in`, `closed_in` (days until the deal was won, or closed in any way, missing
        when it was not), `won_amount`. `weight`: deals that the row stands for.
        Excluded: none; deleted deals and entries without time are not in it.

    Notes
    -----
    Values are those written down at the last change on or before the day: what was edited between
    two changes of stage is not seen. Outcomes of windows that end after the day on which a
    forecast is made must not be used by it (`models.deal_forecast` holds to that).
    """
    days = pd.DataFrame({"origin": [day_number(day) for day in origins]}, dtype="int64")
    history, known, days_there = together(stage_history, deals, days)
    path = _path(conformed(history, schema.STAGE_HISTORY, _EVENT))
    carried = [name for name in dimensions if name not in STATE]
    alive = living(known, ["deal_id", "created_day", "amount", "status"], carried).drop(
        "is_deleted"
    )
    alive = alive.rename({"amount": "deal_amount"})
    stood = path.join(days_there, how="cross").filter(
        (nw.col("stage_category") == "open")
        & (nw.col("entered_day") <= nw.col("origin"))
        & (nw.col("next_day").is_null() | (nw.col("next_day") > nw.col("origin")))
    )
    described = _described(stood.join(alive, on="deal_id", how="inner"))
    columns = ["origin", "deal_id", *STATE, *carried, *OUTCOME, "weight"]
    table = collect(
        _thinned(described, most, int(days["origin"].max()) if len(days) else 0).select(columns),
        ["origin", "deal_id"],
    )
    table = table.astype(dict.fromkeys(_WHOLE, "Int64") | {"weight": "float64"})
    return finished(table, "deal_snapshots", max(origins, default=date(1970, 1, 1)))


def _path(events: Frame) -> Frame:
    """Entries in order, each with what the deal had been through by then, and what closed it."""
    timed = events.filter(~nw.col("entered_day").is_null() & ~nw.col("entered_s").is_null())
    category = nw.col("stage_category")
    path = timed.with_columns(
        before=_in_order(nw.col("stage").shift(1)),
        rank_before=_in_order(nw.col("stage_rank").shift(1)),
        due_before=_in_order(nw.col("expected_close_day").shift(1)),
        amount_before=_in_order(nw.col("amount").shift(1)),
        next_day=_in_order(nw.col("entered_day").shift(-1)),
        won_day=nw.when(category == "won").then(nw.col("entered_day")),
        closed_day=nw.when(category != "open").then(nw.col("entered_day")),
        price=nw.when(category == "won").then(nw.col("amount")),
    )
    moved = nw.col("before").is_null() | (nw.col("before") != nw.col("stage"))
    lower = (category == "open") & (nw.col("stage_rank") < nw.col("rank_before"))
    later = (category == "open") & (nw.col("expected_close_day") > nw.col("due_before"))
    path = path.with_columns(move=mark(moved), back=mark(lower), push=mark(later))
    # a running maximum forgets what it knew at a missing value
    since = nw.when(nw.col("move") == 1).then(nw.col("entered_day")).otherwise(nw.lit(_NEVER))
    path = path.with_columns(since=since).with_columns(
        since=_in_order(nw.col("since").cum_max()),
        moves=_in_order(nw.col("move").cum_sum()),
        backs=_in_order(nw.col("back").cum_sum()),
        pushes=_in_order(nw.col("push").cum_sum()),
        begun=nw.col("entered_day").min().over("deal_id"),
        won_amount=nw.col("price").max().over("deal_id"),
    )
    return path.with_columns(
        **{
            f"{which}_{name}": getattr(nw.col(name), pick)().over("deal_id")
            for name in ("won_day", "closed_day")
            for which, pick in (("first", "min"), ("last", "max"))
        }
    )


def _in_order(expression: nw.Expr) -> nw.Expr:
    return expression.over("deal_id", order_by=["entered_s", "seq"])


def _described(stood: Frame) -> Frame:
    """Count days from each snapshot's own day."""
    origin = nw.col("origin")
    born = nw.when(nw.col("created_day").is_null()).then(nw.col("begun"))
    return stood.with_columns(
        age_days=origin - nw.col("since"),
        deal_days=origin - born.otherwise(nw.col("created_day")),
        due_in=nw.col("expected_close_day") - origin,
        won_in=_ahead("won_day"),
        closed_in=_ahead("closed_day"),
    ).with_columns(won_amount=nw.when(~nw.col("won_in").is_null()).then(_price()))


def _price() -> nw.Expr:
    """Amount at the win; where the history keeps none, that of the deal if it is won."""
    kept = nw.when(nw.col("status") == "won").then(nw.col("deal_amount"))
    return nw.when(nw.col("won_amount").is_null()).then(kept).otherwise(nw.col("won_amount"))


def _ahead(name: str) -> nw.Expr:
    """Days until the deal's first such day, or its last, whichever lies ahead."""
    first, last, origin = nw.col(f"first_{name}"), nw.col(f"last_{name}"), nw.col("origin")
    return nw.when(first > origin).then(first - origin).when(last > origin).then(last - origin)


def _thinned(stood: Frame, most: int | None, last: int) -> Frame:
    """Keep at most so many deals of a former day, and say how many each of them stands for."""
    if most is None:
        return stood.with_columns(weight=nw.lit(1.0))
    counted = stood.with_columns(
        place=nw.col("moves").cum_count().over("origin", order_by="deal_id"),
        there=nw.col("deal_id").len().over("origin"),
    )
    here, before = nw.col("place") * most, (nw.col("place") - 1) * most
    few = (nw.col("there") <= most) | (nw.col("origin") == last)
    kept = counted.filter(few | (here // nw.col("there") > before // nw.col("there")))
    many = nw.col("there").cast(nw.Float64) / most
    return kept.with_columns(weight=nw.when(few).then(nw.lit(1.0)).otherwise(many))
