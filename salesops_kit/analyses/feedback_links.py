"""Which outcomes stand beside complaints, and what each customer complained of.

Customers who complained of a theme are compared with customers who said something in the same days
and did not: within strata of time, region and product and of how much they said, several cases of
one customer counted as what they are (`models.clustered`), all comparisons judged together. What
is found is an association: who complains may differ in more than the strata hold.
"""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.analyses.feedback_texts import Texts, read_texts
from salesops_kit.models.clustered import Beside, beside
from salesops_kit.models.keyness import FALSE_ALARMS, adjusted
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

LOOKBACK = 180  # days before an outcome in which a complaint stands beside it
FEWEST_NAMED = 5  # customers who complained of a theme about one product or rep, to show it
ADVERSE = ("lost", "lost_in", "not_renewed", "silent")
SOURCES = ("product", "rep")
COLUMNS = {
    "accounts": ["account_id", "texts", "complaints", "themes", "last_complaint_day",
                 "satisfaction", "answers"],
    "links": ["theme", "outcome", "where", "customers", "n", "share", "lower", "upper", "usual",
              "difference", "difference_lower", "difference_upper", "p", "q", "verdict"],
}  # fmt: skip


def links(texts: Texts, cases: pd.DataFrame, sources: pd.DataFrame, *, fewest: int) -> pd.DataFrame:
    """Return what stands beside complaints more or less often than beside other texts.

    Parameters
    ----------
    texts
        Of the year of outcomes and the `LOOKBACK` before it.
    cases
        What was decided (`feedback_outcomes.outcome_cases`); those beside which nothing was said
        in the `LOOKBACK` before their day do not count.
    sources
        What texts are about (`feedback_outcomes.complaint_sources`).
    fewest
        Customers on either side below which a comparison is not made.

    Returns
    -------
    DataFrame
        One row per comparison, surest first: of the `customers` who complained of the `theme`, the
        `share` of `n` cases that ended like `outcome` (of complaints that are about the product or
        rep in `where`), drawn towards the `usual` share of the others, with bounds (90 %); the
        `difference` within strata with bounds; `q`: false discoveries among all comparisons as
        sure, outcomes and sources apart; `verdict`: more, fewer,
        no_difference.
    """
    found = [
        _judged(_outcome_rows(texts, cases, fewest)),
        _judged(_source_rows(texts, sources, fewest)),
    ]
    every = pd.concat([part for part in found if len(part)] or [found[0]])
    order = ["p", "theme", "outcome", "where"]
    return every.sort_values(order, ignore_index=True)[COLUMNS["links"]]


def standing_out(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of `links` worth a word: worse than usual, or about one product or rep."""
    return table[table["verdict"] == "more"]


def _outcome_rows(texts: Texts, cases: pd.DataFrame, fewest: int) -> list[dict[str, Any]]:
    heard, complained = _said_before(texts, cases)
    known = heard > 0
    rows = []
    several = pd.Series(np.where(heard > 1, "|2", "|1"), cases.index)
    for (outcome, where), part in cases[known].groupby(["outcome", "where"]):
        stratum = pd.factorize(part["stratum"] + several[part.index])[0]
        hit, customer = part["hit"].to_numpy() == 1, pd.factorize(part["account_id"])[0]
        for theme, places in complained.items():
            marked = part.index.isin(places)
            compared = beside(marked, hit, stratum, customer)
            rows += _row(compared, fewest, theme=theme, outcome=outcome, where=where)
    return rows


def _source_rows(texts: Texts, sources: pd.DataFrame, fewest: int) -> list[dict[str, Any]]:
    """Compare complaints of a theme with all other texts: which products and reps they are about.

    A rep is compared with others of the same time and channel; so is a product.
    """
    bad = texts.complaints
    rows = []
    for kind in SOURCES:
        part = sources.dropna(subset=kind)
        stratum, customer = (pd.factorize(part[c])[0] for c in ("stratum", "account_id"))
        for theme in sorted(bad["theme"].unique()):
            marked = part["text"].isin(bad.loc[bad["theme"] == theme, "text"]).to_numpy()
            named = part[marked].groupby(kind)["account_id"].nunique()
            for where in named.index[named >= FEWEST_NAMED]:
                hit = (part[kind] == where).to_numpy()
                compared = beside(marked, hit, stratum, customer)
                rows += _row(compared, fewest, theme=theme, outcome=kind, where=where)
    return rows


def _said_before(texts: Texts, cases: pd.DataFrame) -> tuple[Any, Mapping[str, Any]]:
    """Return how many texts stand before each case, and per theme the cases with a complaint."""
    rows = texts.rows
    said = pd.DataFrame({"account_id": rows["account_id"], "said_day": rows["day"],
                         "text": range(len(rows))})[rows["counts"].astype(bool)]  # fmt: skip
    pairs = cases[["account_id", "day"]].assign(case=range(len(cases)))
    pairs = pairs.merge(said.dropna(subset="account_id"), on="account_id")
    gap = pairs["day"].astype("int64") - pairs["said_day"].astype("int64")
    pairs = pairs[(gap > 0) & (gap <= LOOKBACK)]
    heard = np.bincount(pairs["case"].to_numpy("int64"), minlength=len(cases))
    bad = pairs.merge(texts.complaints, on="text")
    return heard, {str(theme): part["case"].unique() for theme, part in bad.groupby("theme")}


def _row(compared: Beside | None, fewest: int, **names: str) -> list[dict[str, Any]]:
    if compared is None or min(compared.customers, compared.other_customers) < fewest:
        return []
    return [names | asdict(compared)]


def _judged(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Judge comparisons together, so that of all that is said one in twenty is false at most."""
    if not rows:
        return pd.DataFrame(columns=COLUMNS["links"])
    table = pd.DataFrame(rows)
    q = adjusted(table["p"].to_numpy("float64"))
    way = np.where(table["difference"] > 0, "more", "fewer")
    return table.assign(q=q, verdict=np.where(q <= FALSE_ALARMS, way, "no_difference"))


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
    place = np.where((place >= 0) & (place <= 1), place, np.nan)  # off its scale it says nothing
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
