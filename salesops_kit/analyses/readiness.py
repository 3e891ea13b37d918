"""Readiness: how complete and sound the data is, and which questions it can answer.

Looks at the tables as imported (`Workspace.raw`), since a defect that the as-of date hides is
a defect all the same. Every defect is a plain count with example ids; nothing is corrected.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.analyses import questions as asked
from salesops_kit.findings import Estimate, Finding, KeyFigure, Severity, in_order
from salesops_kit.language import Count, Named, Share, Word, both
from salesops_kit.periods import day_number
from salesops_kit.workspace import Workspace

Frame = nw.LazyFrame[Any]
EXAMPLES = 3
MINOR_SHARE = 0.01  # defects rarer than this are notes
GRAVE_SHARE = 0.05  # and none rarer than this is critical

# Columns whose absence changes an answer, by table.
WATCHED = {
    "deals": ("amount", "owner_id", "account_id", "created_at", "closed_at", "expected_close_on",
              "source", "region", "product", "loss_reason"),
    "leads": ("created_at", "source", "owner_id", "converted_at"),
    "accounts": ("industry", "region", "owner_id"),
    "reps": ("team", "hire_on"),
    "activities": ("deal_id", "owner_id"),
    "orders": ("deal_id", "amount", "ordered_at"),
    "feedback": ("score", "text", "account_id", "answered_at"),
}  # fmt: skip
# Columns that only some rows can have: closed deals have a closing date, lost ones a reason.
_ONLY_FOR = {
    ("deals", "closed_at"): nw.col("status") != "open",
    ("deals", "loss_reason"): nw.col("status") == "lost",
    ("deals", "expected_close_on"): nw.col("status") == "open",
    ("leads", "converted_at"): nw.col("is_converted"),
}


@dataclass(frozen=True)
class Readiness:
    """What the data is like.

    `files`: one row per file read, accepted + rejected = read. `completeness`: filled, rows and
    share per watched column. `defects`: one row per kind with count, of, share, examples.
    `questions`: what can be answered (yes, partly, no) and why not.
    """

    files: pd.DataFrame
    completeness: pd.DataFrame
    defects: pd.DataFrame
    questions: pd.DataFrame
    findings: list[Finding] = field(default_factory=list)
    key_figures: list[KeyFigure] = field(default_factory=list)


@dataclass(frozen=True)
class _Check:
    """One kind of defect: rows of `table` on which `wrong` holds, out of those where `among`."""

    name: str
    table: str
    wrong: nw.Expr
    among: nw.Expr
    severity: Severity
    needs: tuple[str, ...]


def analyse_readiness(workspace: Workspace) -> Readiness:
    """Check the workspace's tables as imported.

    Returns
    -------
    Readiness
        Frames as described there, and one finding per kind of defect that occurs and per
        question that cannot be answered.
    """
    files = _files(workspace)
    completeness = _completeness(workspace)
    defects = _defects(workspace)
    questions = asked.answerable(workspace, completeness)
    findings = [
        *_import_findings(workspace, files),
        *_defect_findings(defects),
        *_question_findings(questions),
    ]
    return Readiness(
        files, completeness, defects, questions, in_order(findings), _key_figures(files)
    )


def _files(workspace: Workspace) -> pd.DataFrame:
    columns = ["file", "table", "rows_read", "accepted", "rejected", "superseded"]
    files = workspace.import_record.get("files", [])
    return pd.DataFrame([{name: f.get(name) for name in columns} for f in files], columns=columns)


def _completeness(workspace: Workspace) -> pd.DataFrame:
    rows = []
    for table, columns in WATCHED.items():
        if not workspace.has(table):
            continue
        frame = workspace.raw(table)
        there = set(frame.collect_schema().names())
        for column in columns:
            if column not in there:
                continue
            part = frame.filter(_ONLY_FOR[table, column]) if (table, column) in _ONLY_FOR else frame
            total, filled = _counts(part, ~nw.col(column).is_null())
            rows.append({"table": table, "column": column, "filled": filled, "rows": total})
    result = pd.DataFrame(rows, columns=["table", "column", "filled", "rows"])
    return result.assign(share=result["filled"] / result["rows"].where(result["rows"] > 0))


def _counts(frame: Frame, condition: nw.Expr) -> tuple[int, int]:
    marked = frame.select(one=nw.lit(1), hit=condition.cast(nw.Int64).fill_null(0))
    row = marked.select(nw.col("one").sum(), nw.col("hit").sum()).collect(backend="pandas")
    values = row.to_native().iloc[0].fillna(0)
    return int(values["one"]), int(values["hit"])


def _defects(workspace: Workspace) -> pd.DataFrame:
    rows = [row for check in _row_checks(workspace) if (row := _run(workspace, check))]
    rows += [row for find in _JOIN_CHECKS if (row := find(workspace))]
    columns = ["defect", "table", "count", "of", "severity", "examples"]
    found = pd.DataFrame(rows, columns=columns)
    return found.assign(share=found["count"] / found["of"].where(found["of"] > 0))


def _row_checks(workspace: Workspace) -> list[_Check]:
    last_day = day_number(workspace.data_until or workspace.as_of)
    col, everything = nw.col, ~nw.col("deal_id").is_null()
    closed, still_open = col("status") != "open", col("status") == "open"
    won = col("status") == "won"
    stale = _stale_age(workspace)
    return [
        _Check("closed_before_created", "deals", col("closed_day") < col("created_day"), closed,
               "warning", ("closed_day", "created_day")),
        _Check("closed_in_future", "deals", col("closed_day") > last_day, closed,
               "warning", ("closed_day",)),
        _Check("created_in_future", "deals", col("created_day") > last_day, everything,
               "warning", ("created_day",)),
        _Check("closed_without_date", "deals", col("closed_day").is_null(), closed,
               "warning", ("closed_day",)),
        _Check("won_without_amount", "deals", col("amount").is_null(), won,
               "critical", ("amount",)),
        _Check("won_with_zero", "deals", col("amount") == 0, won, "warning", ("amount",)),
        _Check("negative_amount", "deals", col("amount") < 0, everything, "warning", ("amount",)),
        _Check("open_without_amount", "deals", col("amount").is_null(), still_open,
               "note", ("amount",)),
        _Check("overdue_open", "deals", col("expected_close_day") < last_day, still_open,
               "warning", ("expected_close_day",)),
        _Check("stale_open", "deals", last_day - col("created_day") > stale, still_open,
               "warning", ("created_day",)),
        _Check("no_owner", "deals", col("owner_id").is_null(), everything,
               "warning", ("owner_id",)),
        _Check("converted_before_created", "leads", col("converted_day") < col("created_day"),
               ~col("converted_day").is_null(), "note", ("converted_day", "created_day")),
    ]  # fmt: skip


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


def _run(workspace: Workspace, check: _Check) -> dict[str, Any] | None:
    if not workspace.has(check.table):
        return None
    frame = workspace.raw(check.table)
    if not set(check.needs) <= set(frame.collect_schema().names()):
        return None
    among = frame.filter(check.among)
    key = schema.TABLES[check.table].key[0]
    return _defect(check.name, check.table, among, check.wrong, (key, check.severity))


def _defect(
    name: str, table: str, among: Frame, wrong: nw.Expr, key_and_severity: tuple[str, Severity]
) -> dict[str, Any]:
    key, severity = key_and_severity
    of, count = _counts(among, wrong)
    examples: list[str] = []
    if count:
        head = among.filter(wrong).select(key).sort(key).head(EXAMPLES)
        examples = head.collect(backend="pandas").to_native()[key].tolist()
    return {"defect": name, "table": table, "count": count, "of": of, "severity": severity,
            "examples": ", ".join(map(str, examples))}  # fmt: skip


def _closed_without_history(workspace: Workspace) -> dict[str, Any] | None:
    if not workspace.has("stage_history"):
        return None
    known = workspace.raw("stage_history").select("deal_id").unique().with_columns(seen=nw.lit(1))
    deals = workspace.raw("deals").filter(nw.col("status") != "open")
    joined = deals.join(known, on="deal_id", how="left")
    return _defect("closed_without_history", "deals", joined, nw.col("seen").is_null(),
                   ("deal_id", "warning"))  # fmt: skip


def _history_without_deal(workspace: Workspace) -> dict[str, Any] | None:
    if not workspace.has("stage_history"):
        return None
    deals = workspace.raw("deals").select("deal_id").with_columns(seen=nw.lit(1))
    entries = workspace.raw("stage_history").select("deal_id").unique()
    joined = entries.join(deals, on="deal_id", how="left")
    return _defect("history_without_deal", "stage_history", joined, nw.col("seen").is_null(),
                   ("deal_id", "warning"))  # fmt: skip


def _bulk_edits(workspace: Workspace) -> dict[str, Any] | None:
    if not workspace.has("stage_history"):
        return None
    history = workspace.raw("stage_history").with_columns(
        minute=nw.col("entered_s") // 60, one=nw.lit(1)
    )
    known = history.filter(~nw.col("changed_by").is_null())
    sizes = known.with_columns(together=nw.col("one").sum().over("changed_by", "minute"))
    limit = workspace.settings.thresholds.bulk_edit_deals
    return _defect("bulk_edit", "stage_history", sizes, nw.col("together") >= limit,
                   ("deal_id", "warning"))  # fmt: skip


def _unmatched_owner(workspace: Workspace) -> dict[str, Any] | None:
    if not workspace.has("reps"):
        return None
    reps = workspace.raw("reps").select("rep_id").unique().with_columns(seen=nw.lit(1))
    deals = workspace.raw("deals").filter(~nw.col("owner_id").is_null())
    joined = deals.join(reps, left_on="owner_id", right_on="rep_id", how="left")
    return _defect("unmatched_owner", "deals", joined, nw.col("seen").is_null(),
                   ("deal_id", "warning"))  # fmt: skip


def _orphan_account(workspace: Workspace) -> dict[str, Any] | None:
    if not workspace.has("accounts"):
        return None
    accounts = workspace.raw("accounts").select("account_id").with_columns(seen=nw.lit(1))
    deals = workspace.raw("deals").filter(~nw.col("account_id").is_null())
    joined = deals.join(accounts, on="account_id", how="left")
    return _defect("orphan_account", "deals", joined, nw.col("seen").is_null(),
                   ("deal_id", "note"))  # fmt: skip


def _twin_deals(workspace: Workspace) -> dict[str, Any] | None:
    """Deals that share name, account and amount with another deal."""
    keys = ("name", "account_id", "amount")
    deals = workspace.raw("deals").with_columns(one=nw.lit(1))
    if not set(keys) <= set(deals.collect_schema().names()):
        return None
    named = deals.filter(~nw.any_horizontal(*[nw.col(k).is_null() for k in keys],
                                            ignore_nulls=False))  # fmt: skip
    counted = named.with_columns(alike=nw.col("one").sum().over(*keys))
    return _defect("twin_deals", "deals", counted, nw.col("alike") > 1, ("deal_id", "note"))


def _twin_accounts(workspace: Workspace) -> dict[str, Any] | None:
    """Accounts that share their name, without case and outer spaces, with another account."""
    if not workspace.has("accounts"):
        return None
    folded = nw.col("name").str.strip_chars().str.to_lowercase()
    accounts = workspace.raw("accounts").filter(~nw.col("name").is_null())
    counted = accounts.with_columns(folded=folded, one=nw.lit(1)).with_columns(
        alike=nw.col("one").sum().over("folded")
    )
    return _defect("twin_accounts", "accounts", counted, nw.col("alike") > 1,
                   ("account_id", "note"))  # fmt: skip


_JOIN_CHECKS: Sequence[Callable[[Workspace], dict[str, Any] | None]] = (
    _closed_without_history,
    _history_without_deal,
    _bulk_edits,
    _unmatched_owner,
    _orphan_account,
    _twin_deals,
    _twin_accounts,
)


def _import_findings(workspace: Workspace, files: pd.DataFrame) -> list[Finding]:
    rejected, read = int(files["rejected"].sum()), int(files["rows_read"].sum())
    found = []
    if rejected:
        share = rejected / read
        found.append(
            _finding("rows_rejected", "critical" if share > 0.05 else "warning",
                     count=Count(rejected), read=Count(read), share=Share(share, 2), n=rejected)
        )  # fmt: skip
    noticed: tuple[tuple[str, Severity], ...] = (
        ("unmapped_stages", "warning"),
        ("unknown_columns", "note"),
    )
    for name, severity in noticed:
        items = list(workspace.import_record.get(name) or {})
        if items:
            listed = ", ".join(map(str, items[:5]))
            count = Count(len(items))
            found.append(_finding(name, severity, n=len(items), count=count, listed=listed))
    return found


def _defect_findings(defects: pd.DataFrame) -> list[Finding]:
    found = []
    for row in _records(defects[defects["count"] > 0]):
        severity = row["severity"]
        if row["share"] < MINOR_SHARE:
            severity = "note"
        elif severity == "critical" and row["share"] < GRAVE_SHARE:
            severity = "warning"
        found.append(
            _finding(
                row["defect"],
                severity,
                n=row["of"],
                effect=Estimate(row["share"], unit="share"),
                count=Count(row["count"]),
                of=Count(row["of"]),
                share=Share(row["share"], 1),
                examples=row["examples"],
            )
        )
    return found


def _question_findings(questions: pd.DataFrame) -> list[Finding]:
    return [
        _finding(
            "cannot_answer",
            "note",
            where={"question": row["question"]},
            question=Word(f"questions.{row['question']}"),
            why=Named(row["why"]["en"], row["why"]["zh"]),
        )
        for row in _records(questions[questions["answer"] == "no"])
    ]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def _finding(
    kind: str,
    severity: Severity,
    *,
    n: int | None = None,
    effect: Estimate | None = None,
    where: dict[str, str] | None = None,
    **values: Any,
) -> Finding:
    return Finding(
        analysis="readiness",
        kind=kind,
        severity=severity,
        headline=both(f"readiness.{kind}", **values),
        detail=both(f"readiness.{kind}_detail", **values),
        action=both(f"readiness.{kind}_action", **values),
        definition=f"readiness.{kind}",
        section="defects" if kind not in ("cannot_answer", "rows_rejected") else kind,
        where=where or {},
        n=n,
        effect=effect,
    )


def _key_figures(files: pd.DataFrame) -> list[KeyFigure]:
    read, accepted = files["rows_read"].sum(), files["accepted"].sum()
    return [
        KeyFigure(
            name="rows_accepted_share",
            label=both("readiness.rows_accepted_share"),
            value=float(accepted / read) if read else None,
            unit="share",
            definition="readiness.rows_accepted_share",
            n=int(read),
        )
    ]
