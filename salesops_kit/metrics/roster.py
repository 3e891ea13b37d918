"""Who sells, for whom and when: reps by span of days, and whom a deal is credited to."""

from collections.abc import Sequence
from datetime import date
from typing import Literal

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.metrics.engine import Frame, Source, collect, conformed, lazy, together
from salesops_kit.metrics.grouping import finished, mark
from salesops_kit.periods import Period, day_number

Credit = Literal["close", "now"]

_PLACES = ("name", "team", "role", "region", "territory", "segment", "manager_id")
_DAYS = ("hire_day", "leave_day", "valid_from_day", "valid_to_day")
_FOREVER = 10_000_000
_WHOLE = 1e-6  # a sum of shares may be off by


def roster(
    reps: Source, *, period: Period, as_of: date | None = None, roles: Sequence[str] = ()
) -> pd.DataFrame:
    """Return who worked in the period, where, and for how many days (roster).

    active_days = days of the period from the later of hiring and the row's first day to the earlier
    of leaving and the row's last day.

    Parameters
    ----------
    reps
        Reps by span of validity (`schema.REPS`).
    period
        Whose days count.
    as_of
        Last day known; None takes the period's last day. Who left later is still there.
    roles
        Roles that sell; empty takes everybody.

    Returns
    -------
    DataFrame
        One row per rep and span: `rep_id`, `name`, `team`, `role`, `region`, `territory`,
        `segment`, `manager_id`, `hire_day`, `leave_day`, `first_day`, `last_day` (day numbers
        inside the period), `active_days`. Who was not there in the period has no row.
        Excluded: `other_roles` (spans of people who do not sell).
    """
    today = day_number(as_of or period.last)
    frame = conformed(lazy(reps), schema.REPS, ("rep_id", *_PLACES, *_DAYS))
    rows = collect(frame, ["rep_id", "valid_from_day"])
    left = rows["leave_day"].where(rows["leave_day"] <= today)
    begin = rows[["hire_day", "valid_from_day"]].astype("Float64").max(axis=1)
    end = pd.concat([left, rows["valid_to_day"]], axis=1).astype("Float64").min(axis=1)
    first = begin.fillna(-_FOREVER).clip(lower=period.start_day).astype("int64")
    last = end.fillna(_FOREVER).clip(upper=period.end_day - 1).astype("int64")
    rows = rows.assign(leave_day=left, first_day=first, last_day=last, active_days=last - first + 1)
    rows = rows[rows["active_days"] > 0]
    sells = rows["role"].isin(roles) | (not roles)
    names = ["rep_id", *_PLACES, "hire_day", "leave_day", "first_day", "last_day", "active_days"]
    table = rows.loc[sells, names].reset_index(drop=True)
    return finished(table, "roster", as_of or period.last, {"other_roles": int((~sells).sum())})


def credited(
    deals: Source, stage_history: Source = None, splits: Source = None, *, credit: Credit = "close"
) -> Frame:
    """Return deals with `owner_id` being who is credited, and `credit_share` of each (credit).

    Parameters
    ----------
    deals
        Deals (`schema.DEALS`).
    stage_history
        Entries into stages: who owned the deal when it closed. None: who owns it now.
    splits
        Shares of credit (`schema.DEAL_SPLITS`); None: one rep has all of it.
    credit
        "close": the owner at the last closing, else the one now; "now": the acting owner.

    Returns
    -------
    LazyFrame
        The deals, one row per deal and rep credited; `owner_id` of open deals is the one now.
        Shares that do not add up to 1 are not used: the owner has all.
    """
    sources = [s for s in (stage_history, splits) if s is not None]
    known, *others = together(deals, *sources)
    if stage_history is not None and credit == "close":
        known = _owner_at_close(known, others[0])
    known = known.with_columns(credit_share=nw.lit(1.0))
    return known if splits is None else _split(known, others[-1])


def _owner_at_close(deals: Frame, stage_history: Frame) -> Frame:
    needed = ("deal_id", "stage_category", "entered_day", "seq", "owner_id")
    history = conformed(stage_history, schema.STAGE_HISTORY, needed)
    closing = history.filter((nw.col("stage_category") != "open") & ~nw.col("owner_id").is_null())
    closing = closing.with_columns(last=nw.col("seq").max().over("deal_id"))
    owners = closing.filter(nw.col("seq") == nw.col("last")).group_by("deal_id").agg(
        owner_then=nw.col("owner_id").max()
    )  # fmt: skip
    names = deals.collect_schema().names()
    joined = deals.join(owners, on="deal_id", how="left")
    closed = (nw.col("status") != "open") & ~nw.col("owner_then").is_null()
    then = nw.when(closed).then(nw.col("owner_then")).otherwise(nw.col("owner_id"))
    return joined.with_columns(owner_id=then).select(*names)


def _split(deals: Frame, splits: Frame) -> Frame:
    shares = conformed(splits, schema.DEAL_SPLITS, ("deal_id", "rep_id", "share"))
    shares = shares.with_columns(whole=nw.col("share").sum().over("deal_id"))
    fine = (nw.col("whole") > 1 - _WHOLE) & (nw.col("whole") < 1 + _WHOLE)
    shares = shares.filter(fine & (nw.col("share") > 0)).select("deal_id", "rep_id", "share")
    names = deals.collect_schema().names()
    joined = deals.join(shares, on="deal_id", how="left")
    is_split = mark(~nw.col("rep_id").is_null()) == 1
    return joined.with_columns(
        owner_id=nw.when(is_split).then(nw.col("rep_id")).otherwise(nw.col("owner_id")),
        credit_share=nw.when(is_split).then(nw.col("share")).otherwise(nw.col("credit_share")),
    ).select(*names)
