"""Which outcomes stand beside complaints: what each customer complained of, and when."""

from datetime import timedelta

import numpy as np
import pandas as pd

from salesops_kit.analyses.feedback_texts import Texts, read_texts
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

LOOKBACK = 180  # days before an outcome in which a complaint stands beside it
COLUMNS = {
    "accounts": ["account_id", "texts", "complaints", "themes", "last_complaint_day",
                 "satisfaction", "answers"],
}  # fmt: skip


def complaints_by_account(
    workspace: Workspace, *, days: int = LOOKBACK, texts: Texts | None = None
) -> pd.DataFrame:
    """Return what each customer said in the days up to the as-of day.

    Parameters
    ----------
    days
        How many days back.
    texts
        Texts that cover these days (`read_texts`); None reads them.

    Returns
    -------
    DataFrame
        One row per account that said anything, by `account_id`: `texts` that count, `complaints`
        among them, `themes` complained of (a tuple, most often first), `last_complaint_day`
        (missing without one), `satisfaction`: mean place of the scores beside its texts on their
        scales (0 worst, 1 best; missing without any) over `answers`.
    """
    end = workspace.as_of + timedelta(days=1)
    span = Period("", end - timedelta(days=days), end, "year")
    texts = (read_texts(workspace, span=span) if texts is None else texts).within(span)
    rows = texts.rows[texts.rows["counts"] & texts.rows["account_id"].notna()]
    low, high = rows["scale_min"].to_numpy("float64"), rows["scale_max"].to_numpy("float64")
    place = (rows["score"].to_numpy("float64") - low) / np.where(high > low, high - low, np.nan)
    complaints = texts.complaints
    bad = complaints.assign(
        account_id=texts.rows["account_id"].to_numpy(object)[complaints["text"]],
        day=texts.rows["day"].to_numpy()[complaints["text"]],
    ).dropna(subset="account_id")
    themes = {account: _most_first(part["theme"]) for account, part in bad.groupby("account_id")}
    said = rows.assign(place=place).groupby("account_id")["place"].agg(["size", "mean", "count"])
    said.columns = pd.Index(["texts", "satisfaction", "answers"])
    complained = bad.groupby("account_id").agg({"text": "nunique", "day": "max"})
    said = said.assign(
        complaints=complained["text"].reindex(said.index).fillna(0).astype("int64"),
        themes=pd.Series([themes.get(a, ()) for a in said.index], said.index, dtype=object),
        last_complaint_day=complained["day"].reindex(said.index).astype("Int64"),
    )
    return said.reset_index()[COLUMNS["accounts"]]


def _most_first(names: "pd.Series[str]") -> tuple[str, ...]:
    counts = names.value_counts()
    return tuple(sorted(counts.index, key=lambda name: (-counts[name], name)))
