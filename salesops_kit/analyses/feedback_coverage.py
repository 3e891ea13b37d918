"""Who is not heard: customers who ordered and were never asked, or were asked and never answered.

Satisfaction is that of those who answer. Beside it stands who does not: by channel, by group of
customers and by rep, with the orders behind them, and the largest customers by name.
"""

from dataclasses import dataclass
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from scipy.stats import hypergeom

from salesops_kit import schema
from salesops_kit.analyses.feedback_findings import channel_words
from salesops_kit.analyses.feedback_texts import feedback_of
from salesops_kit.language import both
from salesops_kit.metrics.engine import collect, conformed
from salesops_kit.metrics.grouping import within
from salesops_kit.models.intervals import wilson
from salesops_kit.models.keyness import FALSE_ALARMS, adjusted
from salesops_kit.periods import Period, from_day_number
from salesops_kit.workspace import Workspace

YEAR = 365  # days in which a customer ordered, was asked and was heard
REPS = 5  # of those whose silent customers hold most money
CUSTOMERS = 10  # named
GROUPS = ("region", "segment", "industry")
COLUMNS = {
    "groups": ["by", "group", "customers", "heard", "heard_share", "lower", "upper",
               "never_asked", "never_answered", "silent_money", "silent_share", "quiet"],
    "customers": ["customer", "rep", "silence", "ordered", "last_order_on"],
}  # fmt: skip


@dataclass(frozen=True)
class Coverage:
    """`groups`: all who ordered, then per channel, group and rep; `customers`: the largest silent.

    Of `customers` the `heard` said anything (in the channel) within the year, `never_asked` were
    neither asked nor heard, `never_answered` were asked alone; `silent_money`: orders of the year
    of those not heard, `silent_share` of the group's orders. `quiet`: heard less than the others,
    all groups tested together (5 %). `group_name` and `silence` (never asked, or never answered)
    are for readers, in both languages.
    """

    groups: pd.DataFrame
    customers: pd.DataFrame


def coverage_of(workspace: Workspace, recent: Period, reps: dict[str, str]) -> Coverage:
    """Follow the customers who ordered in the year to the end of the recent days.

    `reps`: names of reps by id; a customer is in the care of who had its last order.
    """
    # who was never asked is only known where answers are exported at all
    if not (_any(workspace, "orders") and _any(workspace, "feedback")):
        return Coverage(*(pd.DataFrame(columns=columns) for columns in COLUMNS.values()))
    buyers = _buyers(workspace, recent)
    contacts = _contacts(workspace, recent)
    every = _states(buyers, contacts)
    rows = [_row("all", "", every)]
    for channel in sorted(contacts["channel"].dropna().unique()):
        part = contacts[contacts["channel"] == channel]
        rows.append(_row("channel", channel, _states(buyers, part)))
    groups = every.merge(customer_groups(workspace), on="account_id", how="left")
    for name in (*GROUPS, "rep"):
        parts = groups.groupby(name) if name in groups else ()
        found = [_row(name, group, part) for group, part in parts]
        found.sort(key=lambda row: -float(row[9]) if name == "rep" else 0.0)
        rows += found[: REPS if name == "rep" else None]
    table = pd.DataFrame(rows, columns=COLUMNS["groups"][:-1])
    named = table["group"].map(lambda one: reps.get(one, one)).where(table["by"] == "rep")
    table = table.assign(group=named.fillna(table["group"]), quiet=_quiet(table, workspace))
    words: Any = [channel_words(group) if by == "channel" else {"en": group, "zh": group}
                  for by, group in table[["by", "group"]].itertuples(index=False)]  # fmt: skip
    return Coverage(table.assign(group_name=words), _largest(workspace, every, reps))


def _any(workspace: Workspace, table: str) -> bool:
    """Tell whether there is a table with a row."""
    return workspace.has(table) and not collect(workspace.table(table).head(1)).empty


def customer_groups(workspace: Workspace) -> pd.DataFrame:
    """Return per account the groups it belongs to, as far as the accounts tell them."""
    if not workspace.has("accounts"):
        return pd.DataFrame({"account_id": pd.Series(dtype=object)})
    frame = workspace.table("accounts")
    names = [n for n in GROUPS if n in frame.collect_schema().names()]
    return collect(frame.select("account_id", *names), ["account_id"])


def _buyers(workspace: Workspace, recent: Period) -> pd.DataFrame:
    """Return per customer what it ordered in the year, when last, and from whom."""
    needed = ("order_id", "account_id", "owner_id", "ordered_day", "amount")
    orders = conformed(workspace.table("orders"), schema.ORDERS, needed)
    inside = within("ordered_day", recent.end_day - YEAR, recent.end_day)
    rows = collect(orders.filter(inside & ~nw.col("account_id").is_null()),
                   ["ordered_day", "order_id"])  # fmt: skip
    found = rows.groupby("account_id").agg(
        ordered=("amount", "sum"), last_day=("ordered_day", "max"), rep=("owner_id", "last")
    )
    return found.reset_index()


def _contacts(workspace: Workspace, recent: Period) -> pd.DataFrame:
    """Return per customer and channel whether it was asked and whether it was heard."""
    needed = ("account_id", "channel", "asked_day", "answered_day")
    feedback = conformed(feedback_of(workspace), schema.FEEDBACK, needed)
    asked, heard = (
        within(day, recent.end_day - YEAR, recent.end_day) for day in ("asked_day", "answered_day")
    )
    marks = {"asked": asked, "heard": heard}
    marked = feedback.filter(~nw.col("account_id").is_null()).with_columns(
        **{name: nw.when(inside).then(nw.lit(1)).otherwise(nw.lit(0))
           for name, inside in marks.items()}
    )  # fmt: skip
    counts = marked.group_by("account_id", "channel").agg(*(nw.col(n).max() for n in marks))
    return collect(counts.filter((nw.col("asked") == 1) | (nw.col("heard") == 1)),
                   ["account_id", "channel"])  # fmt: skip


def _states(buyers: pd.DataFrame, contacts: pd.DataFrame) -> pd.DataFrame:
    most = contacts.groupby("account_id")[["asked", "heard"]].max()
    found = buyers.merge(most, on="account_id", how="left").fillna({"asked": 0, "heard": 0})
    heard, asked = found["heard"] == 1, found["asked"] == 1
    state = np.select([heard, asked], ["heard", "never_answered"], "never_asked")
    return found.assign(state=state)


def _row(by: str, group: Any, part: pd.DataFrame) -> tuple[Any, ...]:
    n, counts = len(part), part["state"].value_counts()
    heard = int(counts.get("heard", 0))
    money = float(part["ordered"].sum())
    silent = float(part.loc[part["state"] != "heard", "ordered"].sum())
    return (
        by, group, n, heard, heard / n if n else np.nan, *wilson(heard, n),
        int(counts.get("never_asked", 0)), int(counts.get("never_answered", 0)),
        silent, silent / money if money else np.nan,
    )  # fmt: skip


def _quiet(table: pd.DataFrame, workspace: Workspace) -> "pd.Series[bool]":
    """Mark groups heard less than all others by more than chance (Fisher, one-sided), together."""
    every = table.iloc[0]
    judged = ~table["by"].isin(["all", "channel"])
    judged &= table["customers"] >= workspace.settings.thresholds.min_n
    chance = hypergeom.cdf(table["heard"], every["customers"], every["heard"], table["customers"])
    quiet = pd.Series(data=False, index=table.index)
    if judged.any():
        quiet[judged] = adjusted(np.asarray(chance)[judged]) <= FALSE_ALARMS
    return quiet


def _largest(workspace: Workspace, every: pd.DataFrame, reps: dict[str, str]) -> pd.DataFrame:
    silent = every[every["state"] != "heard"]
    first = silent.sort_values(["ordered", "account_id"], ascending=[False, True]).head(CUSTOMERS)
    names: dict[Any, Any] = {}
    if workspace.has("accounts"):
        accounts = conformed(workspace.table("accounts"), schema.ACCOUNTS, ("account_id", "name"))
        known = collect(accounts.filter(nw.col("account_id").is_in(first["account_id"].tolist())))
        names = dict(zip(known["account_id"], known["name"], strict=True))
    rows = [
        (names.get(row["account_id"]) or row["account_id"], reps.get(row["rep"], row["rep"]),
         both(f"feedback.{row['state']}"), row["ordered"], from_day_number(int(row["last_day"])))
        for row in first.to_dict("records")
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS["customers"])
