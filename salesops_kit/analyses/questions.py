"""Which of the kit's questions a workspace can answer, and why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.findings import Words
from salesops_kit.language import LANGUAGES, Count, Days, Named, Share, Word, both, say
from salesops_kit.metrics.engine import Frame
from salesops_kit.workspace import Workspace

# Below this share of filled rows a column answers only part of a question.
PARTLY_BELOW = 0.8
NO_BELOW = 0.2
DAYS_PER_MONTH = 30.4
# sources whose way to export a history is known by name
_HISTORY_EXPORTS = ("zoho", "fxiaoke", "salesforce", "hubspot")
_RANKED: dict[schema.HistoryQuality, int] = {
    "none": 0,
    "changes_only": 1,
    "snapshot_diff": 2,
    "full": 3,
}


@dataclass(frozen=True)
class Question:
    """A question with what it needs: tables, filled columns, history for a partial and full answer.

    `partly_history` is the least quality for an answer at all, `full_history` for a whole one;
    `needs_stays`: exports taken weeks apart miss the short stays, so they give no answer.
    `least` rows of the first table, and `months` between the first closing and the last, are what a
    statement needs; with fewer the answer is "partly".
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    partly_history: schema.HistoryQuality = "none"
    full_history: schema.HistoryQuality = "none"
    needs_stays: bool = False
    needs_losses: bool = False
    least: int = 0
    months: int = 0


QUESTIONS = (
    Question("win_rate", {"deals": ("closed_at",)}, needs_losses=True, least=30),
    Question("sales_cycle", {"deals": ("created_at", "closed_at")}),
    Question("bookings", {"deals": ("closed_at", "amount")}),
    Question("stage_reached", {"deals": ()}, "snapshot_diff", "full"),
    Question("stage_entries", {"deals": ()}, "snapshot_diff", "full", needs_stays=True),
    Question("stage_conversion", {"deals": ()}, "snapshot_diff", "full", needs_stays=True),
    Question("stage_dwell", {"deals": ()}, "snapshot_diff", "full", needs_stays=True),
    Question(
        "leaks", {"deals": ("owner_id",)}, "full", "full", needs_stays=True, least=300, months=12
    ),
    Question("past_pipeline", {"deals": ("expected_close_on",)}, "snapshot_diff", "full"),
    Question("lead_conversion", {"leads": ("created_at", "converted_at")}),
    Question("attainment", {"deals": ("amount",), "targets": ()}),
    Question("rep_comparison", {"deals": ("owner_id", "closed_at")}),
    Question("ramp", {"reps": ("hire_on",)}),
    Question("forecast", {"deals": ("closed_at", "amount")}, least=100, months=24),
    Question(
        "deal_risk",
        {"deals": ("expected_close_on", "amount")},
        "snapshot_diff",
        "full",
        least=100,
        months=12,
    ),
    Question(
        "compliance",
        {"sop_rules": (), "activities": ("deal_id",)},
        "snapshot_diff",
        "full",
    ),
    Question("concentration", {"deals": ("account_id", "amount")}, least=30),
    Question("competition", {"deals": ("competitor",)}, needs_losses=True, least=100),
    Question("churn", {"orders": ("account_id", "ordered_at")}, least=200, months=12),
    Question("trainings", {"trainings": (), "deals": ("owner_id",)}, least=1, months=12),
    Question("activity", {"activities": ("deal_id",)}),
    Question("loss_reasons", {"deals": ("loss_reason",)}),
    Question("collection", {"orders": (), "payments": ()}),
    Question("feedback", {"feedback": ("text",)}),
    Question("satisfaction", {"feedback": ("score",)}),
)


def answerable(workspace: Workspace, completeness: pd.DataFrame) -> pd.DataFrame:
    """Return one row per question: `answer` (yes, partly, no), `why` and `remedy` ({en, zh}).

    `completeness` is `Readiness.completeness`: columns `table`, `column`, `share`.
    """
    filled = {
        (str(row["table"]), str(row["column"])): float(row["share"])
        for row in completeness.to_dict("records")
    }
    sizes = _Sizes.of(workspace)
    rows = []
    for question in QUESTIONS:
        lacks = [
            *_tables(question, workspace, filled),
            *_history(question, workspace),
            *_losses(question, workspace),
            *_too_little(question, sizes),
        ]
        answer = "no" if any(lack.no for lack in lacks) else "partly" if lacks else "yes"
        why, remedy = (_joined([words(lack) for lack in lacks]) for words in (_why, _remedy))
        rows.append({"question": question.name, "answer": answer, "why": why, "remedy": remedy})
    return pd.DataFrame(rows, columns=["question", "answer", "why", "remedy"])


@dataclass(frozen=True)
class _Lack:
    """Something a question needs and the data does not have, with what helps."""

    no: bool
    why: Words
    remedy: Words


def _why(lack: _Lack) -> Words:
    return lack.why


def _remedy(lack: _Lack) -> Words:
    return lack.remedy


def _joined(words: list[Words]) -> Words:
    """Join sentences, each said once."""
    return {
        language: say("questions.and", language).join(dict.fromkeys(w[language] for w in words))
        for language in LANGUAGES
    }


@dataclass(frozen=True)
class _Sizes:
    """Rows per table, and months between the first closing and the last."""

    rows: Mapping[str, int]
    months: float

    @classmethod
    def of(cls, workspace: Workspace) -> "_Sizes":
        needed = {table for q in QUESTIONS if q.least for table in list(q.columns)[:1]}
        rows = {
            table: int(_single(workspace.raw(table).select(nw.len()))[0])
            for table in sorted(needed)
            if workspace.has(table)
        }
        day = nw.col("closed_day")
        first, last = _single(
            workspace.raw("deals").select(day.min().alias("first"), day.max().alias("last"))
        )
        return cls(rows, 0.0 if pd.isna(first) else (last - first + 1) / DAYS_PER_MONTH)


def _single(frame: Frame) -> tuple[Any, ...]:
    """Return the only row of a query."""
    return tuple(frame.collect(backend="pandas").to_native().iloc[0])


def _too_little(question: Question, sizes: _Sizes) -> list[_Lack]:
    """Tell where so few rows or months are known that little can be said."""
    found = []
    table = next(iter(question.columns))
    rows = sizes.rows.get(table, question.least)
    if rows < question.least:
        why = both("questions.few_rows", n=Count(rows), table=_called(table),
                   least=Count(question.least))  # fmt: skip
        found.append(_Lack(no=False, why=why, remedy=both("questions.longer_export")))
    if round(sizes.months) < question.months:
        why = both("questions.few_months", n=Count(round(sizes.months)),
                   least=Count(question.months))  # fmt: skip
        found.append(_Lack(no=False, why=why, remedy=both("questions.longer_export")))
    return found


def _tables(
    question: Question, workspace: Workspace, filled: Mapping[tuple[str, str], float]
) -> list[_Lack]:
    found: list[_Lack] = []
    for table, columns in question.columns.items():
        there, called = workspace.has(table), _called(table)
        if not there or not _single(workspace.raw(table).select(nw.len()))[0]:
            kind = "write_table" if schema.TABLES[table].kit_owned else "export_table"
            remedy = both(f"questions.{kind}", table=called)
            why = both(f"questions.{'empty' if there else 'no'}_table", table=called)
            found.append(_Lack(no=True, why=why, remedy=remedy))
            continue
        for column in columns:
            share = filled.get((table, column), 0.0)
            if share == share and share < PARTLY_BELOW:
                why = both("questions.sparse", table=table, column=column, share=Share(share))
                remedy = both("questions.fill_column", table=table, column=column)
                found.append(_Lack(no=share < NO_BELOW, why=why, remedy=remedy))
    return found


def _called(table: str) -> Named:
    """Return a table as its readers call it; its file name beside it where that is another word."""
    return Named(table, f"{say(f'readiness_tables.{table}', 'zh')}（{table}）")


def _losses(question: Question, workspace: Workspace) -> list[_Lack]:
    """Refuse a win rate where the export holds only won deals."""
    if not question.needs_losses:
        return []
    lost = workspace.raw("deals").filter(nw.col("status") == "lost")
    known = lost.select(nw.col("deal_id").count()).collect(backend="pandas").to_native().iloc[0, 0]
    if known:
        return []
    return [_Lack(no=True, why=both("questions.no_losses"), remedy=both("questions.export_losses"))]


def _history(question: Question, workspace: Workspace) -> list[_Lack]:
    quality = workspace.history_quality
    source = str(workspace.import_record.get("source", ""))
    way = source if source in _HISTORY_EXPORTS else "other"
    remedy = both(f"questions.history_of_{way}")
    why = both("questions.coarse_history", quality=Word(f"questions.history_{quality}"))
    if _RANKED[quality] < _RANKED[question.partly_history]:
        return [_Lack(no=True, why=why, remedy=remedy)]
    gap = workspace.snapshot_gap_days
    if question.needs_stays and gap is not None and not workspace.knows_stays:
        sparse = both("questions.sparse_snapshots", gap=Days(gap))
        return [_Lack(no=True, why=sparse, remedy=remedy)]
    if _RANKED[quality] < _RANKED[question.full_history]:
        return [_Lack(no=False, why=why, remedy=remedy)]
    return []
