"""Kinds of defects in the tables as imported: how often, which records, whose.

Rows that contradict themselves, each other, or the export; `hygiene` adds what makes records of
customers and contacts hard to use.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.analyses.hygiene import numbered, record_conditions, twins
from salesops_kit.findings import Severity
from salesops_kit.periods import day_number
from salesops_kit.workspace import Workspace

Frame = nw.LazyFrame[Any]
EXAMPLES = 3
MOST_LISTED = 200_000  # records of one kind in a work list
_TIMES, _FEWEST_PRICED = 30.0, 20  # see _unheard_of
# name, table, wrong, among, severity, columns needed
_Row = tuple[str, str, nw.Expr, nw.Expr, Severity, tuple[str, ...]]


@dataclass(frozen=True)
class Check:
    """One kind of defect: rows of `table` on which `wrong` holds, out of `among`."""

    name: str
    table: str
    among: Frame
    wrong: nw.Expr
    severity: Severity
    key: str

    def counted(self) -> dict[str, Any]:
        """Return how many rows are wrong, of how many, with examples."""
        of, count = counted(self.among, self.wrong)
        examples = self.records(EXAMPLES)[self.key].tolist() if count else []
        return {"defect": self.name, "table": self.table, "count": count, "of": of,
                "severity": self.severity, "examples": ", ".join(map(str, examples))}  # fmt: skip

    def records(self, most: int = MOST_LISTED) -> pd.DataFrame:
        """Return the records that are wrong: key, name, owner and last change where known."""
        there = set(self.among.collect_schema().names())
        shown = [self.key, *(c for c in ("name", "owner_id", "owner_name") if c in there)]
        head = self.among.filter(self.wrong).select(*dict.fromkeys(shown)).sort(self.key).head(most)
        table: pd.DataFrame = head.collect(backend="pandas").to_native()
        return table


def counted(frame: Frame, condition: nw.Expr) -> tuple[int, int]:
    """Count the rows, and those on which a condition holds."""
    marked = frame.select(one=nw.lit(1), hit=condition.cast(nw.Int64).fill_null(0))
    row = marked.select(nw.col("one").sum(), nw.col("hit").sum()).collect(backend="pandas")
    values = row.to_native().iloc[0].fillna(0)
    return int(values["one"]), int(values["hit"])


def defect_checks(workspace: Workspace) -> list[Check]:
    """Return every check that the workspace's tables allow."""
    checks = _row_checks(workspace)
    checks += [check for find in _JOIN_CHECKS if (check := find(workspace))]
    return checks + _record_checks(workspace)


def _record_checks(workspace: Workspace) -> list[Check]:
    last_day = day_number(workspace.data_until or workspace.as_of)
    return [
        Check(name, table, among, wrong, severity, schema.TABLES[table].key[0])
        for name, table, among, wrong, severity in record_conditions(workspace, last_day)
    ]


def _row_checks(workspace: Workspace) -> list[Check]:
    last_day = day_number(workspace.data_until or workspace.as_of)
    col, everything = nw.col, ~nw.col("deal_id").is_null()
    closed, still_open = col("status") != "open", col("status") == "open"
    won = col("status") == "won"
    stale = _stale_age(workspace)
    # a deal that somebody still works on is old, not forgotten
    quiet = last_day - col("last_activity_day") > workspace.settings.thresholds.quiet_deal_days
    silent = col("last_activity_day").is_null() | quiet
    rows: list[_Row] = [
        ("closed_before_created", "deals", col("closed_day") < col("created_day"), closed,
               "warning", ("closed_day", "created_day")),
        ("closed_in_future", "deals", col("closed_day") > last_day, closed,
               "warning", ("closed_day",)),
        ("created_in_future", "deals", col("created_day") > last_day, everything,
               "warning", ("created_day",)),
        ("closed_without_date", "deals", col("closed_day").is_null(), closed,
               "warning", ("closed_day",)),
        ("won_without_amount", "deals", col("amount").is_null(), won,
               "critical", ("amount",)),
        ("won_with_zero", "deals", col("amount") == 0, won, "warning", ("amount",)),
        ("negative_amount", "deals", col("amount") < 0, everything, "warning", ("amount",)),
        ("amount_beyond_all", "deals", col("amount") > _unheard_of(workspace), everything,
               "warning", ("amount",)),
        ("open_without_amount", "deals", col("amount").is_null(), still_open,
               "note", ("amount",)),
        ("overdue_open", "deals", col("expected_close_day") < last_day, still_open,
               "warning", ("expected_close_day",)),
        ("stale_open", "deals", (last_day - col("created_day") > stale) & silent, still_open,
               "warning", ("created_day", "last_activity_day")),
        ("lost_without_amount", "deals", col("amount").is_null(), col("status") == "lost",
               "note", ("amount",)),
        ("no_expected_close", "deals", col("expected_close_day").is_null(), still_open,
               "note", ("expected_close_day",)),
        ("no_owner", "deals", col("owner_id").is_null(), everything,
               "warning", ("owner_id",)),
        ("converted_before_created", "leads", col("converted_day") < col("created_day"),
               ~col("converted_day").is_null(), "note", ("converted_day", "created_day")),
    ]  # fmt: skip
    found = [_on_rows(workspace, row) for row in rows]
    return [check for check in found if check]


def _stale_age(workspace: Workspace) -> float:
    """Age in days above which an open deal is stale: the set quantile of closed deals' cycles."""
    quantile = workspace.settings.thresholds.stale_quantile
    cycles = (
        workspace.raw("deals")
        .filter(nw.col("status") != "open")
        .select(days=nw.col("closed_day") - nw.col("created_day"))
        .filter(nw.col("days") >= 0)
    )
    age = cycles.select(nw.col("days").quantile(quantile, "linear")).collect(backend="pandas")
    value = age.to_native().iloc[0, 0]
    return float(value) if value == value and value is not None else float("inf")


def _unheard_of(workspace: Workspace) -> float:
    """Amount from which on a deal is unlike all others: 30 times what 95 of 100 stay below.

    Amounts of one business spread widely; even where one deal in twenty is fifteen times the usual,
    one of ten thousand does not go that far.
    """
    deals = workspace.raw("deals")
    if "amount" not in deals.collect_schema().names():
        return float("inf")
    priced = deals.filter(nw.col("amount") > 0).select(nw.col("amount"))
    row = priced.select(
        n=nw.col("amount").count(), high=nw.col("amount").quantile(0.95, "linear")
    ).collect(backend="pandas").to_native().iloc[0]  # fmt: skip
    return float(row["high"]) * _TIMES if row["n"] >= _FEWEST_PRICED else float("inf")


def _on_rows(workspace: Workspace, row: _Row) -> Check | None:
    name, table, wrong, among, severity, needs = row
    if not workspace.has(table):
        return None
    frame = workspace.raw(table)
    if not set(needs) <= set(frame.collect_schema().names()):
        return None
    return Check(name, table, frame.filter(among), wrong, severity, schema.TABLES[table].key[0])


def _closed_without_history(workspace: Workspace) -> Check | None:
    if not workspace.has("stage_history"):
        return None
    known = workspace.raw("stage_history").select("deal_id").unique().with_columns(seen=nw.lit(1))
    deals = workspace.raw("deals").filter(nw.col("status") != "open")
    joined = deals.join(known, on="deal_id", how="left")
    return Check(
        "closed_without_history", "deals", joined, nw.col("seen").is_null(), "warning", "deal_id"
    )


def _history_without_deal(workspace: Workspace) -> Check | None:
    if not workspace.has("stage_history"):
        return None
    deals = workspace.raw("deals").select("deal_id").with_columns(seen=nw.lit(1))
    entries = workspace.raw("stage_history").select("deal_id").unique()
    joined = entries.join(deals, on="deal_id", how="left")
    return Check(
        "history_without_deal",
        "stage_history",
        joined,
        nw.col("seen").is_null(),
        "warning",
        "deal_id",
    )


def _bulk_edits(workspace: Workspace) -> Check | None:
    if not workspace.has("stage_history"):
        return None
    history = workspace.raw("stage_history").with_columns(
        minute=nw.col("entered_s") // 60, one=nw.lit(1)
    )
    # a history of days alone puts everything at midnight
    known = history.filter(~nw.col("changed_by").is_null() & (nw.col("entered_s") % 86_400 != 0))
    sizes = known.with_columns(together=nw.col("one").sum().over("changed_by", "minute"))
    limit = workspace.settings.thresholds.bulk_edit_deals
    return Check(
        "bulk_edit", "stage_history", sizes, nw.col("together") >= limit, "warning", "deal_id"
    )


def _unmatched_owner(workspace: Workspace) -> Check | None:
    if not workspace.has("reps"):
        return None
    reps = workspace.raw("reps").select("rep_id").unique().with_columns(seen=nw.lit(1))
    deals = workspace.raw("deals").filter(~nw.col("owner_id").is_null())
    joined = deals.join(reps, left_on="owner_id", right_on="rep_id", how="left")
    return Check("unmatched_owner", "deals", joined, nw.col("seen").is_null(), "warning", "deal_id")


def _orphan_account(workspace: Workspace) -> Check | None:
    if not workspace.has("accounts"):
        return None
    accounts = workspace.raw("accounts").select("account_id").with_columns(seen=nw.lit(1))
    deals = workspace.raw("deals").filter(~nw.col("account_id").is_null())
    joined = deals.join(accounts, on="account_id", how="left")
    return Check("orphan_account", "deals", joined, nw.col("seen").is_null(), "note", "deal_id")


def _twin_deals(workspace: Workspace) -> Check | None:
    """Deals entered twice (`hygiene.twins`)."""
    deals = workspace.raw("deals")
    if not {"name", "account_id", "amount", "created_day"} <= set(deals.collect_schema().names()):
        return None
    alike, is_twin = twins(deals)
    return Check("twin_deals", "deals", alike, is_twin, "note", "deal_id")


def _twin_accounts(workspace: Workspace) -> Check | None:
    """Accounts that share their name, without case and outer spaces, with an older account."""
    if not workspace.has("accounts"):
        return None
    folded = nw.col("name").str.strip_chars().str.to_lowercase()
    accounts = workspace.raw("accounts").filter(~nw.col("name").is_null())
    alike = numbered(accounts.with_columns(folded=folded), "account_id", "folded")
    return Check("twin_accounts", "accounts", alike, nw.col("number") > 1, "note", "account_id")


_JOIN_CHECKS: Sequence[Callable[[Workspace], Check | None]] = (
    _closed_without_history,
    _history_without_deal,
    _bulk_edits,
    _unmatched_owner,
    _orphan_account,
    _twin_deals,
    _twin_accounts,
)
