"""Readiness: how complete and sound the data is, and which questions it can answer.

Looks at the tables as imported (`Workspace.raw`), since a defect that the as-of date hides is
a defect all the same. Every defect is a plain count with example ids; nothing is corrected.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.analyses import questions as asked
from salesops_kit.analyses.defects import Check, counted, defect_checks
from salesops_kit.analyses.hygiene import RECORD_KINDS
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.target_scale import FACTOR, odd_targets, scale_words
from salesops_kit.analyses.waterfall import REPORTED, cleaning_waterfall
from salesops_kit.findings import Estimate, Finding, KeyFigure, Severity, in_order
from salesops_kit.language import Count, Money, Named, Points, Share, Word, both
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

MINOR_SHARE = 0.01  # defects rarer than this are notes
GRAVE_SHARE = 0.05  # and none rarer than this is critical
# cleaning is worth a word when it moves bookings or the win rate by so much
MOVES_BOOKINGS, MOVES_WIN_RATE = 0.05, 0.02

# Columns whose absence changes an answer, by table.
WATCHED = {
    "deals": ("amount", "owner_id", "account_id", "created_at", "closed_at", "expected_close_on",
              "source", "region", "product", "loss_reason", "competitor"),
    "leads": ("created_at", "source", "owner_id", "converted_at"),
    "accounts": ("industry", "region", "owner_id"),
    "reps": ("team", "hire_on"),
    "activities": ("deal_id", "owner_id"),
    "orders": ("deal_id", "account_id", "amount", "ordered_at"),
    "feedback": ("score", "text", "account_id", "answered_at"),
}  # fmt: skip
# Columns that only some rows can have: closed deals have a closing date, lost ones a reason.
_ONLY_FOR = {
    ("deals", "closed_at"): nw.col("status") != "open",
    ("deals", "loss_reason"): nw.col("status") == "lost",
    ("deals", "competitor"): nw.col("status") == "lost",
    ("deals", "expected_close_on"): nw.col("status") == "open",
    ("leads", "converted_at"): nw.col("is_converted"),
}


@dataclass(frozen=True)
class Readiness:
    """What the data is like.

    `files`: one row per file read, accepted + rejected = read. `completeness`: filled, rows and
    share per watched column. `defects`: one row per kind with count, of, share, examples.
    `questions`: what can be answered (yes, partly, no) and why not. `waterfall`: what cleaning
    would change (`analyses.waterfall`).
    """

    files: pd.DataFrame
    completeness: pd.DataFrame
    defects: pd.DataFrame
    questions: pd.DataFrame
    waterfall: pd.DataFrame
    findings: list[Finding] = field(default_factory=list)
    key_figures: list[KeyFigure] = field(default_factory=list)


@recalled
def analyse_readiness(workspace: Workspace, *, period: Period | None = None) -> Readiness:
    """Check the workspace's tables as imported; the waterfall is that of `period`.

    Without a period the waterfall covers the twelve months up to the as-of day.

    Returns
    -------
    Readiness
        Frames as described there, and one finding per kind of defect that occurs and per
        question that cannot be answered.
    """
    files = _files(workspace)
    completeness = _completeness(workspace)
    defects = _defects(defect_checks(workspace))
    questions = asked.answerable(workspace, completeness)
    waterfall = cleaning_waterfall(workspace, period=period or _last_year(workspace))
    findings = [
        *_import_findings(workspace, files),
        *_cleaning_findings(waterfall),
        *_target_findings(workspace),
        *_defect_findings(defects),
        *_question_findings(questions),
    ]
    return Readiness(
        files, completeness, defects, questions, waterfall, in_order(findings), _key_figures(files)
    )


def _last_year(workspace: Workspace) -> Period:
    end = workspace.as_of + timedelta(days=1)
    start = (pd.Timestamp(end) - pd.DateOffset(months=12)).date()
    label = f"{start:%Y-%m} – {workspace.as_of:%Y-%m}"
    return Period(label, start, end, "month", workspace.settings.calendar)


def _cleaning_findings(waterfall: pd.DataFrame) -> list[Finding]:
    """Tell the suspicion on which most of the period's bookings or win rate hang."""
    reported = waterfall[waterfall["step"] == REPORTED].iloc[0]
    cleaned, steps = waterfall.iloc[-1], waterfall[waterfall["step"].str.startswith("without")]
    share = (cleaned["bookings"] / reported["bookings"] - 1) if reported["bookings"] else 0.0
    points = cleaned["win_rate"] - reported["win_rate"]
    if not (abs(share) >= MOVES_BOOKINGS or abs(points) >= MOVES_WIN_RATE):
        return []
    relative = (steps["bookings_change"] / max(reported["bookings"], 1.0)).abs()
    weight = relative.fillna(0) + steps["win_rate_change"].abs().fillna(0)
    largest = steps.loc[weight.idxmax(), "step"]
    return [
        _finding(
            "cleaning_moves", "warning", n=int(reported["deals"]),
            bookings=f"{share:+.0%}", rate=Points(points),
            step=Word(f"cleaning.{largest}"),
        )
    ]  # fmt: skip


def _target_findings(workspace: Workspace) -> list[Finding]:
    """Tell targets that are probably in another unit than bookings."""
    currency = workspace.settings.company.currency
    return [
        _finding(
            "target_scale", "critical", where={"level": str(row["level"])},
            level=Word(f"readiness_tables.level_{row['level']}"), how=scale_words(row["times"]),
            target=Money(row["target"], currency), usual=Money(row["usual"], currency),
            factor=Count(FACTOR),
        )
        for row in _records(odd_targets(workspace))
    ]  # fmt: skip


def _files(workspace: Workspace) -> pd.DataFrame:
    columns = ["file", "table", "rows_read", "accepted", "rejected", "superseded"]
    files = workspace.import_record.get("files", [])
    return pd.DataFrame([{name: f.get(name) for name in columns} for f in files], columns=columns)


def _completeness(workspace: Workspace) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for table, columns in WATCHED.items():
        if not workspace.has(table):
            continue
        frame = workspace.raw(table)
        there = set(frame.collect_schema().names())
        for column in columns:
            if column not in there:
                continue
            part = frame.filter(_ONLY_FOR[table, column]) if (table, column) in _ONLY_FOR else frame
            total, filled = counted(part, ~nw.col(column).is_null())
            rows.append({"table": table, "column": column, "filled": filled, "rows": total})
    result = pd.DataFrame(rows, columns=["table", "column", "filled", "rows"])
    return result.assign(share=result["filled"] / result["rows"].where(result["rows"] > 0))


def _defects(checks: Sequence[Check]) -> pd.DataFrame:
    columns = ["defect", "table", "count", "of", "severity", "examples"]
    found = pd.DataFrame([check.counted() for check in checks], columns=columns)
    share = found["count"] / found["of"].where(found["of"] > 0)
    return found.assign(share=share, of_table=found["table"])


def _import_findings(workspace: Workspace, files: pd.DataFrame) -> list[Finding]:
    rejected, read = int(files["rejected"].sum()), int(files["rows_read"].sum())
    found = []
    if rejected:
        share = rejected / read
        severity: Severity = (
            "critical" if share > GRAVE_SHARE else "note" if share < MINOR_SHARE else "warning"
        )
        digits = 2 if share >= 0.0001 else 4  # four rows of a hundred thousand are not 0.00%
        found.append(
            _finding("rows_rejected", severity, n=rejected, count=Count(rejected),
                     read=Count(read), share=Share(share, digits))
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
                table=Word(f"readiness_tables.{row['table']}"),
                defect=Word(f"defects.{row['defect']}"),
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
    words = "record" if kind in RECORD_KINDS else kind  # many kinds are told in the same sentence
    return Finding(
        analysis="readiness",
        kind=kind,
        severity=severity,
        headline=both(f"readiness.{words}", **values),
        detail=both(f"readiness.{words}_detail", **values),
        action=both(f"readiness.{kind}_action", **values),
        definition=f"readiness.{kind}",
        section=kind if kind in ("cannot_answer", "rows_rejected", "cleaning_moves") else "defects",
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
