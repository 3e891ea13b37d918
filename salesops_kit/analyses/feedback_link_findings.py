"""What is worth saying about outcomes beside complaints: associations, never causes."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from salesops_kit.analyses.feedback_findings import theme_name, theme_words
from salesops_kit.analyses.feedback_links import ADVERSE, LOOKBACK, standing_out
from salesops_kit.findings import Estimate, Finding, Words
from salesops_kit.language import Count, Days, Money, Named, Points, Share, both
from salesops_kit.models.keyness import FALSE_ALARMS
from salesops_kit.settings import Settings

SHOWN = 12  # comparisons in the table
FOUND = 4  # of which so many at most become findings
_PLACES = {"lost_in": "stage", "product": "product", "rep": "rep"}


def link_table(table: pd.DataFrame, settings: Settings, reps: Mapping[str, str]) -> pd.DataFrame:
    """Return the rows to show: what stands out, then what came nearest to it, named for readers.

    A rep is named only where the complaints stand out.
    """
    first = standing_out(table).index
    rest = table.drop(first)
    shown = pd.concat([table.loc[first], rest[rest["outcome"] != "rep"]]).head(SHOWN)
    records = shown.to_dict("records")
    return shown.assign(
        theme_name=pd.Series([theme_words(row["theme"]) for row in records], shown.index, object),
        beside=pd.Series([_beside(row, settings, reps) for row in records], shown.index, object),
        others_share=shown["usual"],
    ).reset_index(drop=True)


def link_findings(
    table: pd.DataFrame, settings: Settings, reps: Mapping[str, str]
) -> list[Finding]:
    """Return the surest of what stands out, outcomes before products and reps."""
    found = standing_out(table)
    ordered = pd.concat([found[found["outcome"].isin(ADVERSE)],
                         found[~found["outcome"].isin(ADVERSE)]])  # fmt: skip
    return [_finding(row, settings, reps) for row in ordered.head(FOUND).to_dict("records")]


def link_words(table: pd.DataFrame, settings: Settings, reps: Mapping[str, str]) -> Words:
    """Return in one sentence how much was compared and what stands out."""
    found = standing_out(table)
    if table.empty:
        return both("feedback.links_few", days=Days(LOOKBACK))
    named = [_pair(row, settings, reps) for row in found.head(FOUND).to_dict("records")]
    which = Named("; ".join(one["en"] for one in named), "；".join(one["zh"] for one in named))
    values = {
        "n": Count(len(table)), "themes": Count(table["theme"].nunique()),
        "found": Count(len(found)), "which": which,
    }  # fmt: skip
    return both("feedback.links_found" if named else "feedback.links_none", **values)


def _finding(row: Mapping[Any, Any], settings: Settings, reps: Mapping[str, str]) -> Finding:
    outcome, currency = str(row["outcome"]), settings.company.currency
    place = {_PLACES[outcome]: str(row["where"])} if outcome in _PLACES else {}
    open_amount = float(row.get("open_amount", 0.0))
    values = {
        "theme": theme_name(row["theme"]), "where": _where(row, settings, reps),
        "share": Share(row["share"]), "lower": Share(row["lower"]), "upper": Share(row["upper"]),
        "usual": Share(row["usual"]), "n": Count(row["n"]), "customers": Count(row["customers"]),
        "difference": Points(row["difference"]), "low": Points(row["difference_lower"]),
        "high": Points(row["difference_upper"]), "days": Days(LOOKBACK),
        "open": Money(open_amount, currency),
    }  # fmt: skip
    kind = "outcome" if outcome in ADVERSE else "source"
    return Finding(
        analysis="feedback", kind=f"link_{outcome}", section="links", definition="feedback",
        severity="warning" if outcome in ADVERSE else "note",
        headline=both(f"feedback.link_{outcome}", **values),
        detail=both(f"feedback.link_{kind}_detail", **values),
        action=both(f"feedback.link_{kind}_action", **values),
        where={"theme": str(row["theme"])} | place,
        effect=Estimate(float(row["difference"]), float(row["difference_lower"]),
                        float(row["difference_upper"]), "share"),
        money=Estimate(open_amount, unit=currency) if outcome in ADVERSE else None,
        n=int(row["n"]), certainty=1 - FALSE_ALARMS,
    )  # fmt: skip


def _pair(row: Mapping[Any, Any], settings: Settings, reps: Mapping[str, str]) -> Words:
    """Name a comparison with its shares: the theme, what stands beside it."""
    beside = _beside(row, settings, reps)
    return both("feedback.link_pair", theme=theme_name(row["theme"]), share=Share(row["share"]),
                usual=Share(row["usual"]),
                beside=Named(beside["en"], beside["zh"]))  # fmt: skip


def _beside(row: Mapping[Any, Any], settings: Settings, reps: Mapping[str, str]) -> Words:
    return both(f"feedback.beside_{row['outcome']}", where=_where(row, settings, reps))


def _where(row: Mapping[Any, Any], settings: Settings, reps: Mapping[str, str]) -> Named:
    where = str(row["where"])
    stage = settings.stage(where) if row["outcome"] == "lost_in" else None
    if stage is not None:
        return Named(stage.display("en"), stage.display("zh"))
    name = reps.get(where, where) if row["outcome"] == "rep" else where
    return Named(name, name)
