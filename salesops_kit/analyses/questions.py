"""Which of the kit's questions a workspace can answer, and why not."""

from collections.abc import Mapping
from dataclasses import dataclass

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit import schema
from salesops_kit.findings import Words
from salesops_kit.language import Days, Share, Word, both, say
from salesops_kit.workspace import Workspace

# Below this share of filled rows a column answers only part of a question.
PARTLY_BELOW = 0.8
NO_BELOW = 0.2
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
    """

    name: str
    columns: Mapping[str, tuple[str, ...]]
    partly_history: schema.HistoryQuality = "none"
    full_history: schema.HistoryQuality = "none"
    needs_stays: bool = False
    needs_losses: bool = False


QUESTIONS = (
    Question("win_rate", {"deals": ("closed_at",)}, needs_losses=True),
    Question("sales_cycle", {"deals": ("created_at", "closed_at")}),
    Question("bookings", {"deals": ("closed_at", "amount")}),
    Question("stage_reached", {"deals": ()}, "snapshot_diff", "full"),
    Question("stage_entries", {"deals": ()}, "snapshot_diff", "full", needs_stays=True),
    Question("stage_conversion", {"deals": ()}, "snapshot_diff", "full", needs_stays=True),
    Question("stage_dwell", {"deals": ()}, "snapshot_diff", "full", needs_stays=True),
    Question("past_pipeline", {"deals": ("expected_close_on",)}, "snapshot_diff", "full"),
    Question("lead_conversion", {"leads": ("created_at", "converted_at")}),
    Question("attainment", {"deals": ("amount",), "targets": ()}),
    Question("rep_comparison", {"deals": ("owner_id", "closed_at"), "reps": ()}),
    Question("ramp", {"reps": ("hire_on",)}),
    Question("activity", {"activities": ("deal_id",)}),
    Question("loss_reasons", {"deals": ("loss_reason",)}),
    Question("collection", {"orders": (), "payments": ()}),
    Question("feedback", {"feedback": ("text",)}),
    Question("satisfaction", {"feedback": ("score",)}),
)


def answerable(workspace: Workspace, completeness: pd.DataFrame) -> pd.DataFrame:
    """Return one row per question: `answer` (yes, partly, no), `why` ({en, zh}).

    `completeness` is `Readiness.completeness`: columns `table`, `column`, `share`.
    """
    filled = {
        (str(row["table"]), str(row["column"])): float(row["share"])
        for row in completeness.to_dict("records")
    }
    rows = []
    for question in QUESTIONS:
        worst, reasons = _judged(question, workspace, filled)
        why = {
            language: say("questions.and", language).join(r[language] for r in reasons)
            for language in ("en", "zh")
        }
        rows.append({"question": question.name, "answer": worst, "why": why})
    return pd.DataFrame(rows, columns=["question", "answer", "why"])


def _judged(
    question: Question, workspace: Workspace, filled: Mapping[tuple[str, str], float]
) -> tuple[str, list[Words]]:
    verdicts = [
        *_tables(question, workspace, filled),
        *_history(question, workspace),
        *_losses(question, workspace),
    ]
    if not verdicts:
        return "yes", []
    worst = "no" if any(verdict == "no" for verdict, _ in verdicts) else "partly"
    return worst, [reason for _, reason in verdicts]


def _tables(
    question: Question, workspace: Workspace, filled: Mapping[tuple[str, str], float]
) -> list[tuple[str, Words]]:
    found: list[tuple[str, Words]] = []
    for table, columns in question.columns.items():
        if not workspace.has(table):
            found.append(("no", both("questions.no_table", table=table)))
            continue
        for column in columns:
            share = filled.get((table, column), 0.0)
            if share == share and share < PARTLY_BELOW:
                verdict = "no" if share < NO_BELOW else "partly"
                reason = both("questions.sparse", table=table, column=column, share=Share(share))
                found.append((verdict, reason))
    return found


def _losses(question: Question, workspace: Workspace) -> list[tuple[str, Words]]:
    """Refuse a win rate where the export holds only won deals."""
    if not question.needs_losses:
        return []
    lost = workspace.raw("deals").filter(nw.col("status") == "lost")
    known = lost.select(nw.col("deal_id").count()).collect(backend="pandas").to_native().iloc[0, 0]
    return [] if known else [("no", both("questions.no_losses"))]


def _history(question: Question, workspace: Workspace) -> list[tuple[str, Words]]:
    quality = workspace.history_quality
    if _RANKED[quality] < _RANKED[question.partly_history]:
        return [("no", both("questions.no_history", quality=Word(f"questions.history_{quality}")))]
    gap = workspace.snapshot_gap_days
    if question.needs_stays and gap is not None and not workspace.knows_stays:
        return [("no", both("questions.sparse_snapshots", gap=Days(gap)))]
    if _RANKED[quality] < _RANKED[question.full_history]:
        reason = both("questions.coarse_history", quality=Word(f"questions.history_{quality}"))
        return [("partly", reason)]
    return []
