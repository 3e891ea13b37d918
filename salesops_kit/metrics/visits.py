"""Visits, the heart: one row per stay of a deal in a stage, from the history of stage entries.

Funnel, dwell, conversion, movement and diagnosis all count visits. They stay lazy on the
engine; nothing here reads rows in Python.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.errors import ParameterError
from salesops_kit.metrics.engine import Frame, Source, collect, conformed, lazy, together
from salesops_kit.metrics.grouping import counted, finished, mark
from salesops_kit.periods import day_number

MINUTE = 60
DAY = 86_400

_EVENT = (
    "deal_id",
    "seq",
    "stage",
    "stage_rank",
    "stage_category",
    "entered_day",
    "entered_s",
    "amount",
    "owner_id",
    "changed_by",
)
COLUMNS = (
    "deal_id",
    "seq",
    "visit_no",
    "stage",
    "stage_rank",
    "stage_category",
    "entered_day",
    "entered_s",
    "exited_day",
    "exited_s",
    "exit_type",
    "next_stage",
    "next_rank",
    "skipped",
    "amount",
    "is_bulk",
    "exit_is_bulk",
    "is_passing",
)

_LIFE_COLUMNS = ("deal_id", "stage", "stage_rank", "stage_category", "entered_day", "exited_day",
                 "exit_type", "amount", "exit_is_bulk", "is_passing")  # fmt: skip


@dataclass(frozen=True)
class VisitRules:
    """What the company decides about its history.

    `open_ranks`: ranks of the open stages a deal should pass, as a list, or per pipeline when
    the company has several; empty takes the ranks of open stages seen in the data.
    `bulk_edit_deals`: so many stage changes by one user within one minute are a bulk edit.
    """

    open_ranks: Sequence[int] | Mapping[str, Sequence[int]] = ()
    bulk_edit_deals: int = 25


def visits(
    stage_history: Source,
    deals: Source = None,
    *,
    as_of: date,
    dimensions: Sequence[str] = (),
    rules: VisitRules | None = None,
) -> Frame:
    """Return one row per deal and stay in a stage, as known on `as_of`, not yet computed.

    Entries follow each other by time, `seq` deciding ties; an entry into the stage where the
    deal already is starts no new visit. Entries without time or after `as_of` are left out.

    Parameters
    ----------
    stage_history
        Entries into stages (`schema.STAGE_HISTORY`).
    deals
        Deals (`schema.DEALS`): the only ones whose visits are wanted, with their dimensions and
        their amount and owner where the history has none. None: every deal of the history.
    as_of
        Last day known; who has not left by then is still there.
    dimensions
        Columns of deals to carry along; `owner_id` is the owner at entry.
    rules
        Ranks a deal should pass, and what counts as a bulk edit.

    Returns
    -------
    LazyFrame
        `deal_id`, `seq` (1, 2 … within the deal), `visit_no` (1, 2 … of this stage by this
        deal), `stage`, `stage_rank`, `stage_category`, `entered_day`, `entered_s`, `exited_day`,
        `exited_s`, `next_stage`, `next_rank` (missing while still there), `amount` at entry,
        `is_bulk` (entered by a bulk edit), `exit_is_bulk` (left by one),
        `is_passing` (left within a minute: no dwell, but an
        advance), the dimensions, and
        `exit_type`: won, lost, invalid by the category of the next stage; back to an open stage
        of the same or lower rank, or out of a closed one; advanced to the next higher stage;
        skipped_to a later one; open while still there.
        `skipped`: ranks passed over by an advance or a win; 0 otherwise.

    Raises
    ------
    ParameterError
        When a dimension does not exist, or several pipelines are given without deals.
    """
    rules = rules or VisitRules()
    events, known = _sources(stage_history, deals, dimensions, rules)
    timed = _on_time(events, as_of)
    ranks = _ranks(timed, rules)
    stays = _with_next(_changes(_with_bulk(timed, rules.bulk_edit_deals)))
    return _described(stays, known, ranks).select(*dict.fromkeys((*COLUMNS, *dimensions)))


def lives(deals: Source, *, as_of: date, dimensions: Sequence[str] = ()) -> Frame:
    """Return one row per deal from creation to close, as if it were one stay, not yet computed.

    What can be known of how deals end where no history of stages is known.

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`) as known on `as_of`; one still open on that day is still there.
        Left out: deals without a day of creation, closed ones without a day of closing or with
        one before their creation.
    as_of
        Last day known.
    dimensions
        Columns of deals to carry along.

    Returns
    -------
    LazyFrame
        `deal_id`, `stage` (`schema.LIFE`), `stage_rank` (0), `stage_category` ("open"),
        `entered_day` (created), `exited_day` (closed; missing while open), `exit_type` (won, lost,
        invalid or open), `amount`, `exit_is_bulk` and `is_passing` (both False: not known), the
        dimensions.

    Raises
    ------
    ParameterError
        When a dimension does not exist.
    """
    needed = ("deal_id", "status", "created_day", "closed_day", "amount")
    known = conformed(lazy(deals), schema.DEALS, needed, dimensions)
    last_day = day_number(as_of)
    known = known.filter(nw.col("created_day") <= last_day)
    is_open = (nw.col("status") == "open") | (nw.col("closed_day") > last_day)
    dated = is_open | (nw.col("closed_day") >= nw.col("created_day"))
    whole = known.filter(dated).with_columns(
        stage=nw.lit(schema.LIFE),
        stage_rank=nw.lit(0),
        stage_category=nw.lit("open"),
        entered_day=nw.col("created_day"),
        exited_day=nw.when(~is_open).then(nw.col("closed_day")),
        exit_type=nw.when(is_open).then(nw.lit("open")).otherwise(nw.col("status")),
        exit_is_bulk=nw.lit(1) == 0,
        is_passing=nw.lit(1) == 0,
    )
    return whole.select(*dict.fromkeys((*_LIFE_COLUMNS, *dimensions)))


def visit_counts(
    stage_history: Source, deals: Source = None, *, as_of: date, rules: VisitRules | None = None
) -> pd.DataFrame:
    """Count what `visits` had to handle, one row per kind.

    Returns
    -------
    DataFrame
        `kind` and `count`: `entries` (rows of the history), `untimed` (no time; left out),
        `later` (after `as_of`; left out), `unknown_deal` (deal not in deals; left out),
        `repeated` (stage it was in already; collapsed), `out_of_order` (`seq` against time; time
        decides), `visits`, `skipping`, `back`, `reopened` (out of a closed stage), `bulk`,
        `passing` (visits of each kind).
    """
    rules = rules or VisitRules()
    events, known = _sources(stage_history, deals, (), rules)
    last_day = day_number(as_of)
    counts = counted(
        events,
        entries=nw.lit(1) == 1,
        untimed=_untimed(),
        later=~_untimed() & (nw.col("entered_day") > last_day),
    )
    timed = _on_time(events, as_of)
    if known is not None:
        orphans = timed.join(known.select("deal_id"), on="deal_id", how="anti")
        counts |= counted(orphans, unknown_deal=nw.lit(1) == 1)
        timed = timed.join(known.select("deal_id"), on="deal_id", how="semi")
    counts |= counted(_with_previous(timed), repeated=_repeated(), out_of_order=_out_of_order())
    reopened = (nw.col("stage_category") != "open") & (nw.col("exit_type") == "back")
    counts |= counted(
        visits(stage_history, deals, as_of=as_of, rules=rules),
        visits=nw.lit(1) == 1,
        skipping=nw.col("skipped") > 0,
        back=nw.col("exit_type") == "back",
        reopened=reopened,
        bulk=nw.col("is_bulk"),
        passing=nw.col("is_passing"),
    )
    kinds = ["entries", "untimed", "later", "unknown_deal", *list(counts)[3:]]
    rows = [{"kind": kind, "count": counts.get(kind, 0)} for kind in dict.fromkeys(kinds)]
    return finished(pd.DataFrame(rows, columns=["kind", "count"]), "visits", as_of)


def _sources(
    stage_history: Source, deals: Source, dimensions: Sequence[str], rules: VisitRules
) -> tuple[Frame, Frame | None]:
    several = isinstance(rules.open_ranks, Mapping)
    if deals is None:
        if several:
            raise ParameterError("open_ranks per pipeline need deals, which name the pipeline")
        (history,) = together(stage_history)
        return conformed(history, schema.STAGE_HISTORY, _EVENT, dimensions), None
    history, known = together(stage_history, deals)
    carried = [name for name in dimensions if name != "owner_id"]
    needed = ["deal_id", "amount", "owner_id", *(["pipeline"] if several else [])]
    return (
        conformed(history, schema.STAGE_HISTORY, _EVENT),
        conformed(known, schema.DEALS, needed, carried),
    )


def _untimed() -> nw.Expr:
    return nw.col("entered_day").is_null() | nw.col("entered_s").is_null()


def _on_time(events: Frame, as_of: date) -> Frame:
    return events.filter(~_untimed() & (nw.col("entered_day") <= day_number(as_of)))


def _with_bulk(events: Frame, least: int) -> Frame:
    """Mark entries of a bulk edit; those at midnight sharp carry a date only, and no minute."""
    events = events.with_columns(minute=nw.col("entered_s") // MINUTE)
    edits = events.filter(~nw.col("changed_by").is_null() & (nw.col("entered_s") % DAY != 0))
    sizes = edits.group_by("changed_by", "minute").agg(edits=nw.col("seq").len())
    bulks = sizes.filter(nw.col("edits") >= least)
    marked = events.join(bulks, on=["changed_by", "minute"], how="left")
    timed = nw.col("entered_s") % DAY != 0
    return marked.with_columns(is_bulk=mark(~nw.col("edits").is_null() & timed) == 1)


def _in_order(expression: nw.Expr, *partition: str) -> nw.Expr:
    return expression.over(*partition, order_by=["entered_s", "seq"])


def _with_previous(events: Frame) -> Frame:
    return events.with_columns(
        previous_stage=_in_order(nw.col("stage").shift(1), "deal_id"),
        previous_seq=_in_order(nw.col("seq").shift(1), "deal_id"),
    )


def _repeated() -> nw.Expr:
    return nw.col("previous_stage") == nw.col("stage")


def _out_of_order() -> nw.Expr:
    return nw.col("previous_seq") > nw.col("seq")


def _changes(events: Frame) -> Frame:
    """Leave out entries into the stage where the deal already was."""
    previous = _in_order(nw.col("stage").shift(1), "deal_id")
    marked = events.with_columns(previous_stage=previous)
    return marked.filter(nw.col("previous_stage").is_null() | ~_repeated())


def _with_next(events: Frame) -> Frame:
    return events.with_columns(
        visit_no=_in_order(nw.col("seq").cum_count(), "deal_id", "stage"),
        position=_in_order(nw.col("seq").cum_count(), "deal_id"),
        next_stage=_in_order(nw.col("stage").shift(-1), "deal_id"),
        next_rank=_in_order(nw.col("stage_rank").shift(-1), "deal_id"),
        next_category=_in_order(nw.col("stage_category").shift(-1), "deal_id"),
        exited_day=_in_order(nw.col("entered_day").shift(-1), "deal_id"),
        exited_s=_in_order(nw.col("entered_s").shift(-1), "deal_id"),
        bulk_exit=_in_order(nw.col("is_bulk").shift(-1), "deal_id"),
    ).with_columns(seq=nw.col("position"))


def _described(stays: Frame, known: Frame | None, ranks: Mapping[str, Sequence[int]]) -> Frame:
    if known is not None:
        renamed = known.rename({"amount": "deal_amount", "owner_id": "deal_owner_id"})
        stays = stays.join(renamed, on="deal_id", how="inner").with_columns(
            amount=_first_known("amount", "deal_amount"),
            owner_id=_first_known("owner_id", "deal_owner_id"),
        )
    stays = stays.with_columns(skipped=_skipped(ranks))
    return stays.with_columns(
        exit_type=_exit_type(),
        exit_is_bulk=mark(nw.col("bulk_exit")) == 1,
        is_passing=mark(nw.col("exited_s") - nw.col("entered_s") < MINUTE) == 1,
    )


def _first_known(name: str, other: str) -> nw.Expr:
    return nw.when(nw.col(name).is_null()).then(nw.col(other)).otherwise(nw.col(name))


def _exit_type() -> nw.Expr:
    category = nw.col("next_category")
    backward = (nw.col("stage_category") != "open") | (nw.col("next_rank") <= nw.col("stage_rank"))
    return (
        nw.when(nw.col("next_stage").is_null())
        .then(nw.lit("open"))
        .when(category != "open")
        .then(category)
        .when(backward)
        .then(nw.lit("back"))
        .when(nw.col("skipped") > 0)
        .then(nw.lit("skipped_to"))
        .otherwise(nw.lit("advanced"))
    )


def _ranks(events: Frame, rules: VisitRules) -> Mapping[str, Sequence[int]]:
    """Ranks a deal should pass, by pipeline; the name "" stands for any."""
    if isinstance(rules.open_ranks, Mapping):
        return rules.open_ranks
    if rules.open_ranks:
        return {"": rules.open_ranks}
    seen = events.filter(nw.col("stage_category") == "open").select("stage_rank").unique()
    return {"": [int(rank) for rank in collect(seen)["stage_rank"].dropna()]}


def _skipped(ranks: Mapping[str, Sequence[int]]) -> nw.Expr:
    """Count the ranks between this stage and the next; a win passes all that were left."""
    rank, following = nw.col("stage_rank"), nw.col("next_rank")
    won = nw.col("next_category") == "won"
    forward = (nw.col("stage_category") == "open") & (
        won | ((nw.col("next_category") == "open") & (following > rank))
    )
    passed = [
        mark(forward & (rank < step) & (won | (following > step)) & _runs_through(pipeline))
        for pipeline, steps in ranks.items()
        for step in sorted(set(steps))
    ]
    return nw.sum_horizontal(*passed).cast(nw.Int64) if passed else nw.lit(0).cast(nw.Int64)


def _runs_through(pipeline: str) -> nw.Expr:
    return nw.col("pipeline") == pipeline if pipeline else nw.lit(1) == 1
