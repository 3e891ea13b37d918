"""Cases beside which a complaint may stand: how deals, contracts and buyers of the year ended.

A case is dated by the day it was decided; only what a customer said before that day stands beside
it. What is not decided yet is no case: an open deal is not one that was not lost, a contract that
runs is not one that was renewed, and a buyer's silence is judged after a whole half year.
"""

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit import schema
from salesops_kit.analyses.customer_contracts import contract_terms, ended_by
from salesops_kit.analyses.customer_risk import buying_table, fit_customers
from salesops_kit.analyses.feedback_texts import Texts, feedback_of
from salesops_kit.analyses.recall import recalled
from salesops_kit.metrics.engine import Frame, collect, conformed
from salesops_kit.metrics.grouping import mark, within
from salesops_kit.metrics.visits import visits
from salesops_kit.workspace import Workspace

YEAR = 365  # days of outcomes
HALF = 182  # days: the pace of strata, and the silence after which a buyer has fallen silent
CASES = ["account_id", "day", "hit", "outcome", "where", "stratum"]
_SEGMENTS = ("region", "product")
_ONWARD = ("advanced", "skipped_to", "won")
_ORDERS = (0.25, 0.5, 1.0, 2.0)  # orders expected of a buyer in half a year: edges of strata


@recalled
def outcome_cases(workspace: Workspace, *, end_day: int) -> pd.DataFrame:
    """Return what was decided in the year before a day, of customers who said anything.

    Returns
    -------
    DataFrame
        `account_id`, `day`, `hit`, `outcome`, `where`, `stratum` (cases of one stratum are
        compared): deals that closed (`lost`), stays in a stage that ended (`lost_in`; `where` is
        the stage), contracts that came to their end (`not_renewed`), customers who ordered in the
        year before a day (`silent`: no order in the half year after it).
    """
    if not workspace.has("feedback"):
        return pd.DataFrame(columns=CASES)
    end_day = min(end_day, workspace.as_of_day + 1)
    deals = _deals(workspace)
    parts = [_closed(deals, end_day), _stays(workspace, deals, end_day)]
    if workspace.has("orders"):
        orders = workspace.table("orders")
        parts += [_contracts(orders, end_day), *_buyers(orders, end_day)]
    cases = pd.concat([part for part in parts if len(part)] or [pd.DataFrame(columns=CASES)])
    return cases.dropna(subset="account_id").reset_index(drop=True)[CASES]


def complaint_sources(workspace: Workspace, texts: Texts) -> pd.DataFrame:
    """Return per text that counts the `product` and the `rep` it is about, as known that day.

    Those of its deal (owner on the day of the text), else of its order; missing where it names
    neither. Columns: `text` (position in rows), `account_id`, `day`, `product`, `rep`, `stratum`.
    """
    rows = texts.rows
    rows = rows.assign(text=np.arange(len(rows)))[rows["counts"] & rows["account_id"].notna()]
    deals = _looked_up(workspace, "deals", "deal_id", rows)
    orders = _looked_up(workspace, "orders", "order_id", rows)
    owner = _owners(workspace, rows).fillna(deals["owner_id"])
    channel = rows["channel"].fillna("–").astype(str)
    return pd.DataFrame({
        "text": rows["text"], "account_id": rows["account_id"], "day": rows["day"],
        "product": deals["product"].fillna(orders["product"]),
        "rep": owner.fillna(orders["owner_id"]),
        "stratum": _half(rows["day"], int(rows["day"].max() + 1) if len(rows) else 0) + channel,
    }).reset_index(drop=True)  # fmt: skip


def _deals(workspace: Workspace) -> Frame:
    """Return the deals of customers who said anything."""
    needed = ("deal_id", "account_id", "status", "closed_day", *_SEGMENTS)
    deals = conformed(workspace.table("deals"), schema.DEALS, needed)
    heard = conformed(feedback_of(workspace), schema.FEEDBACK, ("account_id", "text"))
    spoke = heard.filter(~nw.col("text").is_null()).select("account_id").unique()
    return deals.join(spoke, on="account_id", how="inner")


def _closed(deals: Frame, end_day: int) -> pd.DataFrame:
    decided = deals.filter(
        nw.col("status").is_in(["won", "lost"]) & within("closed_day", end_day - YEAR, end_day)
    )
    rows = collect(decided.with_columns(hit=mark(nw.col("status") == "lost")), ["deal_id"])
    day = rows["closed_day"]
    return rows.assign(day=day, outcome="lost", where="", stratum=_segment(rows, day, end_day))


def _stays(workspace: Workspace, deals: Frame, end_day: int) -> pd.DataFrame:
    """Return stays that went on or were lost; who was moved by a bulk edit tells nothing."""
    if workspace.history_quality == "none":
        return pd.DataFrame(columns=CASES)
    every = visits(workspace.table("stage_history"), deals, as_of=workspace.as_of,
                   dimensions=("account_id", *_SEGMENTS))  # fmt: skip
    ended = every.filter(
        nw.col("exit_type").is_in([*_ONWARD, "lost"])
        & (nw.col("stage_category") == "open")
        & within("exited_day", end_day - YEAR, end_day)
        & ~nw.col("exit_is_bulk")
    ).with_columns(hit=mark(nw.col("exit_type") == "lost"))
    rows = collect(ended, ["deal_id", "seq"])
    day = rows["exited_day"]
    stratum = rows["stage"] + _segment(rows, day, end_day)
    return rows.assign(day=day, outcome="lost_in", where=rows["stage"], stratum=stratum)


def _contracts(orders: Frame, end_day: int) -> pd.DataFrame:
    ended = ended_by(contract_terms(orders), end_day)
    ended = ended[ended["ends_day"] >= end_day - YEAR]
    day = ended["ends_day"].astype("int64")
    later = ended["term"].gt(1).map({True: "2", False: "1"})
    return ended.assign(
        day=day, hit=ended["ended"], outcome="not_renewed", where="",
        stratum=_half(day, end_day) + later,
    )  # fmt: skip


def _buyers(orders: Frame, end_day: int) -> list[pd.DataFrame]:
    """Return who ordered nothing in the half year after a day, of those who were to be expected.

    Strata are what buying alone foretells (`models.buying`, as known on that day).
    """
    found = []
    there = orders.collect_schema().names()
    plain = orders.filter(nw.col("ends_day").is_null()) if "ends_day" in there else orders
    for day in (end_day - HALF, end_day - 2 * HALF):
        table = buying_table(orders, day - 1)
        buying = fit_customers(table)
        table = table[(table["frequency"] > 0) & (table["last_day"] >= day - YEAR)]
        if buying is None or table.empty:
            continue
        after = collect(plain.filter(within("ordered_day", day, day + HALF))
                        .select("account_id").unique())  # fmt: skip
        foreseen = np.digitize(buying.expected(table, HALF), _ORDERS).astype(str)
        found.append(pd.DataFrame({
            "account_id": table["account_id"], "day": day, "outcome": "silent", "where": "",
            "hit": (~table["account_id"].isin(after["account_id"])).astype("int64"),
            "stratum": [f"{day} {part}" for part in foreseen],
        }))  # fmt: skip
    return found


def _segment(rows: pd.DataFrame, day: "pd.Series[Any]", end_day: int) -> "pd.Series[str]":
    segment = _half(day, end_day)
    for name in _SEGMENTS:
        segment = segment + "|" + rows[name].fillna("–").astype(str)
    return segment


def _half(day: "pd.Series[Any]", end_day: int) -> "pd.Series[str]":
    """Return half years back from the last day: what changes with time is compared within them."""
    return ((end_day - 1 - day.astype("int64")) // HALF).astype(str) + "|"


def _looked_up(workspace: Workspace, name: str, key: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Return `product` and `owner_id` of each text's deal or order; missing without one."""
    wanted = [key, "product", "owner_id"]
    known = pd.DataFrame(columns=wanted)
    if workspace.has(name) and len(rows):
        table = conformed(workspace.table(name), schema.TABLES[name], wanted)
        said = conformed(feedback_of(workspace), schema.FEEDBACK, (key,)).unique()
        known = collect(table.join(said, on=key, how="inner"), [key]).drop_duplicates(key)
    found = known.set_index(key).reindex(rows[key].to_numpy(object)).set_axis(rows.index)
    return found.astype(object).where(found.notna(), None)


def _owners(workspace: Workspace, rows: pd.DataFrame) -> "pd.Series[Any]":
    """Return who owned each text's deal on the day of the text, as its history tells."""
    nobody = pd.Series(None, rows.index, dtype=object)
    if workspace.history_quality == "none" or rows["deal_id"].isna().all():
        return nobody
    needed = ("deal_id", "seq", "entered_day", "owner_id")
    history = conformed(workspace.table("stage_history"), schema.STAGE_HISTORY, needed)
    said = conformed(feedback_of(workspace), schema.FEEDBACK, ("deal_id",)).unique()
    entries = collect(history.join(said, on="deal_id", how="inner"), ["deal_id", "seq"])
    places = rows[["deal_id", "day", "text"]].reset_index().merge(entries, on="deal_id")
    before = places[places["entered_day"] <= places["day"]].dropna(subset="owner_id")
    last = before.sort_values("seq").groupby("index")["owner_id"].last()
    return last.reindex(rows.index).astype(object)


def rep_names(workspace: Workspace) -> dict[str, str]:
    """Return the names of reps by id, where the tables tell them."""
    if not workspace.has("reps"):
        return {}
    reps = conformed(workspace.table("reps"), schema.REPS, ("rep_id", "name"))
    known = collect(reps.unique(), ["rep_id", "name"]).dropna()
    return dict(zip(known["rep_id"], known["name"], strict=True))
