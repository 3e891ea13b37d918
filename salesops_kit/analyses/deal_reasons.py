"""What is unusual about an open deal, in words: each reason a rule that anybody can check.

A rule speaks only where the data can tell: a company that logs one contact per customer learns
nothing from "a single contact", and one that logs no activities nothing from their absence.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.analyses.recent_stays import recent_stays
from salesops_kit.findings import Words
from salesops_kit.language import LANGUAGES, Count, Days, Share, both
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.grouping import totals
from salesops_kit.workspace import Workspace

REASONS = ("overdue", "stalled", "pushed", "quiet", "cut", "went_back", "rival", "single_contact",
           "unpriced")  # fmt: skip
PUSHES = 2  # from which on a deal was pushed often
CUT = 0.9  # of the amount before, below which it was cut
_USED = 0.1  # of customers with several contacts, or of deals with an activity, to tell by them


def reason_table(workspace: Workspace, deals: pd.DataFrame) -> pd.DataFrame:
    """Return one column of 0 and 1 per reason, and the figures that their words need.

    Parameters
    ----------
    deals
        Open deals (`metrics.deal_snapshots`) with `account_id` and `competitor`.

    Returns
    -------
    DataFrame
        The `REASONS`; `usual_days` (90 % of stays in the stage are shorter, open stays censored),
        `quiet_days` (since the last activity, else since creation; missing where none are logged),
        `cut_share`.
    """
    number = {name: deals[name].astype("float64") for name in ("age_days", "due_in", "pushes",
              "backs", "amount", "amount_before", "deal_days")}  # fmt: skip
    usual = deals["stage"].map(recent_stays(workspace).usual_days).astype("float64")
    quiet = _quiet_days(workspace, deals)
    single = _single_contact(workspace, deals)
    # an amount that is gone, or negative, is "no amount" and not one that was cut by 200 %
    told = (number["amount"] > 0) & (number["amount_before"] > 0)
    share = number["amount"] / number["amount_before"].where(told)
    limit = workspace.settings.thresholds.quiet_deal_days
    hits = {
        "overdue": number["due_in"] < 0,
        "stalled": number["age_days"] > usual,
        "pushed": number["pushes"] >= PUSHES,
        "quiet": quiet > limit,
        "cut": share < CUT,
        "went_back": number["backs"] > 0,
        "rival": deals["competitor"].notna(),
        "single_contact": single,
        "unpriced": ~(number["amount"] > 0),
    }
    marks = {name: hit.fillna(value=False).astype("int64") for name, hit in hits.items()}
    return pd.DataFrame(marks).assign(usual_days=usual, quiet_days=quiet, cut_share=1 - share)


def reason_words(deals: pd.DataFrame, marks: pd.DataFrame) -> "pd.Series[Any]":
    """Return the reasons of each deal in both languages; a dash where nothing is unusual."""
    rows = pd.concat([deals[["age_days", "due_in", "pushes", "competitor"]], marks], axis=1)
    said = [_said(row) for row in rows.to_dict("records")]
    return pd.Series(said, index=deals.index, dtype=object)


def _said(row: dict[Any, Any]) -> Words:
    values: dict[str, dict[str, Any]] = {
        "overdue": {"days": Days(-float(row["due_in"])) if row["overdue"] else Days(None)},
        "stalled": {"days": Days(row["age_days"]), "usual": Days(row["usual_days"])},
        "pushed": {"count": Count(row["pushes"])},
        "quiet": {"days": Days(row["quiet_days"])},
        "cut": {"share": Share(row["cut_share"])},
        "rival": {"rival": str(row["competitor"])},
    }
    parts = [both(f"risk.reason_{name}", **values.get(name, {})) for name in REASONS if row[name]]
    return _joined(parts) if parts else _nothing()


def _joined(parts: Sequence[Words]) -> Words:
    joins = both("risk.join")
    return {language: joins[language].join(part[language] for part in parts)
            for language in LANGUAGES}  # fmt: skip


@cache
def _nothing() -> Words:
    return both("risk.reason_none")


def _quiet_days(workspace: Workspace, deals: pd.DataFrame) -> "pd.Series[float]":
    """Return days since the last activity on the deal that happened by the as-of day."""
    nothing = pd.Series(float("nan"), deals.index)
    if not workspace.has("activities"):
        return nothing
    done = workspace.table("activities").filter(~nw.col("deal_id").is_null())
    last = collect(done.group_by("deal_id").agg(nw.col("happened_day").max()))
    seen = deals["deal_id"].map(last.set_index("deal_id")["happened_day"]).astype("float64")
    if not len(deals) or seen.notna().mean() < _USED:
        return nothing
    return (workspace.as_of_day - seen).fillna(deals["deal_days"].astype("float64"))


def _single_contact(workspace: Workspace, deals: pd.DataFrame) -> "pd.Series[bool]":
    """Mark deals of customers with one contact, where a fair share of customers has several."""
    nobody = pd.Series(data=False, index=deals.index)
    if not workspace.has("contacts"):
        return nobody
    people = workspace.table("contacts").filter(~nw.col("account_id").is_null())
    counts = totals(people.with_columns(people=nw.lit(1)), by=["account_id"], counts=["people"])
    if counts.empty or (counts["people"] > 1).mean() < _USED:
        return nobody
    known = deals["account_id"].map(counts.set_index("account_id")["people"])
    return known.eq(1)
