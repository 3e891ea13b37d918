"""Contracts as chains of terms, and the signals customers gave before a day."""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.language import LANGUAGES, both
from salesops_kit.metrics.engine import Frame, collect
from salesops_kit.workspace import Workspace

SIGNALS = ("unhappy", "late")
GRACE = 60  # days after its end in which a contract may still be renewed
UNHAPPY = 0.5  # of the scale, up to which an answer is a complaint
LATE = 1.5  # times the median delivery, above which one was late
_COLUMNS = ["order_id", "account_id", "product", "amount", "starts_day", "ends_day", "is_renewed"]


def contract_terms(orders: Frame) -> pd.DataFrame:
    """Return contracts, one row per term; empty where orders have no last day.

    Returns
    -------
    DataFrame
        `account_id`, `product`, `amount`, `starts_day`, `ends_day`, `term` (1 for the first of a
        chain: the next begins within sixty days of the end), `followed` (another term follows),
        `is_renewed` as written down.
    """
    there = set(orders.collect_schema().names())
    needed = ("account_id", "ends_day")
    if not {*needed, "starts_day"} <= there:
        return pd.DataFrame(columns=[*_COLUMNS, "term", "followed"])
    wanted = [nw.col(c) if c in there else nw.lit(None).alias(c) for c in _COLUMNS]
    dated = orders.filter(~nw.col("ends_day").is_null() & ~nw.col("account_id").is_null())
    rows = collect(dated.select(*wanted), ["account_id", "product", "starts_day", "order_id"])
    rows = rows.astype({"starts_day": "float64", "ends_day": "float64", "amount": "float64"})
    chain = rows.groupby(["account_id", "product"], dropna=False)
    gap = rows["starts_day"] - chain["ends_day"].shift(1)
    begins = ~(gap.abs() <= GRACE)
    number = begins.groupby([rows["account_id"], rows["product"]], dropna=False).cumsum()
    keys = [rows["account_id"], rows["product"].fillna(""), number]
    follows = chain["starts_day"].shift(-1) - rows["ends_day"]
    return rows.assign(
        term=rows.groupby(keys).cumcount() + 1, followed=(follows.abs() <= GRACE).astype("int64")
    )


def ended_by(contracts: pd.DataFrame, day: int) -> pd.DataFrame:
    """Return the terms that were over on a day and whose fate was known, with `ended` 0 or 1.

    What was written down counts; where nothing was, a following term means renewed, and none
    within sixty days of the end means not.
    """
    over = contracts[contracts["ends_day"] < day]
    told = over["is_renewed"].map({True: 0.0, False: 1.0}).astype("float64")
    quiet = (over["followed"] == 0) & (over["ends_day"] + GRACE < day)
    silent = pd.Series(np.where(over["followed"] == 1, 0.0, np.where(quiet, 1.0, np.nan)),
                       over.index)  # fmt: skip
    ended = told.fillna(silent)
    known = over[ended.notna()].assign(ended=ended.dropna().astype("int64"))
    return known.assign(first_day=known["starts_day"], last_day=known["ends_day"])


def with_signals(workspace: Workspace, rows: pd.DataFrame) -> pd.DataFrame:
    """Add the `SIGNALS`, 0 or 1: what the customer gave to know from `first_day` to `last_day`.

    `unhappy`: an answer in the lower half of its scale. `late`: a delivery that took more than
    half again as long as the usual one, in the year before `first_day` or later.
    """
    events = {"unhappy": _unhappy(workspace), "late": _late(workspace)}
    marks = {}
    for name, days in events.items():
        back = 365 if name == "late" else 0
        joined = rows[["account_id", "first_day", "last_day"]].assign(row=range(len(rows)))
        joined = joined.merge(days, on="account_id")
        inside = joined["day"].between(joined["first_day"] - back, joined["last_day"])
        hit = np.zeros(len(rows), dtype="int64")
        hit[joined.loc[inside, "row"].to_numpy("int64")] = 1
        marks[name] = hit
    return rows.assign(**marks)


def signal_words(rows: pd.DataFrame) -> "pd.Series[Any]":
    """Return the signals of each row in both languages; a dash where there are none."""
    joins, nothing = both("risk.join"), both("risk.reason_none")
    said = {name: both(f"risk.signal_{name}") for name in SIGNALS}
    found = []
    for marks in rows[list(SIGNALS)].itertuples(index=False):
        words = [said[name] for name, mark in zip(SIGNALS, marks, strict=True) if mark]
        found.append({language: joins[language].join(word[language] for word in words)
                      for language in LANGUAGES} if words else nothing)  # fmt: skip
    return pd.Series(found, index=rows.index, dtype=object)


def _unhappy(workspace: Workspace) -> pd.DataFrame:
    """Return `account_id`, `day` of every answer in the lower half of its scale."""
    nothing = pd.DataFrame({"account_id": pd.Series(dtype=object), "day": pd.Series(dtype=float)})
    if not workspace.has("feedback"):
        return nothing
    feedback = workspace.table("feedback")
    if not {"account_id", "score", "scale_min", "scale_max"} <= set(
        feedback.collect_schema().names()
    ):
        return nothing
    place = (nw.col("score") - nw.col("scale_min")) / (nw.col("scale_max") - nw.col("scale_min"))
    low = feedback.with_columns(place=place).filter(
        (nw.col("scale_max") > nw.col("scale_min")) & (nw.col("place") <= UNHAPPY)
        & ~nw.col("account_id").is_null()
    )  # fmt: skip
    return collect(low.select("account_id", nw.col("answered_day").alias("day")))


def _late(workspace: Workspace) -> pd.DataFrame:
    """Return `account_id`, `day` of every delivery that took half again as long as usual."""
    orders = workspace.table("orders")
    there = set(orders.collect_schema().names())
    if not {"delivered_day", "ordered_day"} <= there:
        return pd.DataFrame({"account_id": pd.Series(dtype=object), "day": pd.Series(dtype=float)})
    delivered = orders.filter(~nw.col("delivered_day").is_null())
    if "ends_day" in there:  # contracts are not delivered
        delivered = delivered.filter(nw.col("ends_day").is_null())
    took = nw.col("delivered_day") - nw.col("ordered_day")
    rows = collect(delivered.select("account_id", day=nw.col("delivered_day"), took=took))
    return rows.loc[rows["took"] > LATE * rows["took"].median(), ["account_id", "day"]]
