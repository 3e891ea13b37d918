"""What hangs on few: customers, products, regions, channels and reps; and what if they leave.

Money is that of deals won in the twelve months before the as-of day. Subsidiaries count as their
parent company. Nothing here says that few are bad, only what it would cost to lose them.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.grouping import mark
from salesops_kit.models.concentration import TOPS, concentration
from salesops_kit.models.single_amounts import believed
from salesops_kit.periods import Period, day_number
from salesops_kit.workspace import Workspace

MONTHS = 12
DIMENSIONS = ("customer", "product", "region", "channel", "rep")
SHOWN = 5
SOLE = 0.8  # of a customer's money with one rep, from which on it hangs on that person
_COLUMN = {"product": "product", "region": "region", "channel": "channel", "rep": "owner_id"}
_OTHER = "source"  # stands for the channel where none is exported
COLUMNS = {
    "spread": ["dimension", "n", "groups", "hhi", "effective", "lower", "upper", "top1", "top3",
               "top5", "largest"],
    "stress": ["dimension", "lost_groups", "who", "lost_amount", "share"],
    "people": ["rep", "bookings", "share", "customers", "sole_customers", "sole_amount",
               "open_amount", "open_share"],
    "options": ["dimension", "group", "bookings", "share", "win_rate", "closed", "open_amount"],
    "trend": ["period", "until", "dimension", "top1", "effective"],
}  # fmt: skip


@dataclass(frozen=True)
class Concentration:
    """How won money is spread, per dimension.

    `spread`: `hhi`, `effective` number of groups with its 90 % interval, shares of the top 1, 3, 5.
    `stress`: bookings lost without the top 1, 3, 5. `people`: what hangs on each rep: `sole_amount`
    from customers who bought nearly all from him, `open_amount` in hand. `options`: groups beside
    the largest that win no worse, by open money: where to spread to. `trend`: the largest's share
    over the twelve months before the end of each former period. `money`: the sum of bookings;
    `usual`: the same without what a single deal far beyond all others added
    (`models.single_amounts.believed`), by which the next year is judged.
    """

    window: Period
    money: float = 0.0
    spread: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["spread"]))
    stress: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["stress"]))
    people: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["people"]))
    options: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["options"]))
    trend: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["trend"]))
    usual: float = 0.0

    def of(self, dimension: str) -> dict[Any, Any] | None:
        """Return the spread of one dimension; None where it is not known."""
        rows = self.spread[self.spread["dimension"] == dimension]
        return None if rows.empty else dict(rows.iloc[0])


def analyse_concentration(workspace: Workspace, *, period: Period) -> Concentration:
    """Measure what hangs on few in the twelve months up to the as-of day."""
    rows = _rows(workspace)
    end = workspace.as_of + timedelta(days=1)
    window = _before(end)
    won = _won(rows, end)
    if not won["amount"].sum() > 0:
        return Concentration(window)
    amount = won["amount"].dropna().to_numpy("float64")
    spread, stress = [], []
    for dimension in _there(won):
        spread.append(_spread(won, dimension))
        stress += _stress(won, dimension)
    table = pd.DataFrame(spread, columns=COLUMNS["spread"])
    return Concentration(
        window, float(won["amount"].sum()), table,
        pd.DataFrame(stress, columns=COLUMNS["stress"]),
        _people(won, rows),
        _options(rows, won, window),
        _trend(rows, period, end),
        float(believed(amount, np.ones(len(amount))).sum()),
    )  # fmt: skip


def _rows(workspace: Workspace) -> pd.DataFrame:
    """Return deals with status, closing day, amount and the group each belongs to."""
    deals = workspace.table("deals")
    there = set(deals.collect_schema().names())
    wanted = {"product": "product", "region": "region", "channel": "channel", "source": _OTHER,
              "owner": "owner_id", "account_id": "account_id",
              "owner_name": "owner_name"}  # fmt: skip
    columns = {name: nw.col(column) if column in there else nw.lit(None).cast(nw.String)
               for name, column in wanted.items()}  # fmt: skip
    living = deals.with_columns(
        is_won=mark(nw.col("status") == "won"), is_open=mark(nw.col("status") == "open")
    )
    rows = collect(
        living.filter(nw.col("status").is_in(["won", "lost", "open"])).select(
            "deal_id", "status", "closed_day", "amount", "is_won", "is_open", **columns
        ),
        ["deal_id"],
    )
    channel = rows["channel"] if rows["channel"].notna().any() else rows["source"]
    return rows.assign(
        channel=channel, customer=_customers(workspace, rows),
        rep=rows["owner_name"].where(rows["owner_name"].notna(), rows["owner"]),
        amount=rows["amount"].astype("float64").clip(lower=0), closed_day=rows["closed_day"]
        .astype("float64"),
    )  # fmt: skip


def _customers(workspace: Workspace, rows: pd.DataFrame) -> "pd.Series[Any]":
    """Return the name of each deal's customer; a subsidiary's is that of its topmost parent."""
    if not workspace.has("accounts"):
        return rows["account_id"]
    accounts = workspace.table("accounts")
    there = set(accounts.collect_schema().names())
    wanted = [name for name in ("account_id", "name", "parent_id") if name in there]
    table = collect(accounts.select(*wanted)).drop_duplicates("account_id").set_index("account_id")
    top = pd.Series(table.index, table.index, dtype=object)
    if "parent_id" in table:
        parents = table["parent_id"].dropna().to_dict()
        top = pd.Series([_topmost(one, parents) for one in table.index], table.index, dtype=object)
    group = rows["account_id"].map(top).where(rows["account_id"].isin(table.index),
                                              rows["account_id"])  # fmt: skip
    group = group.astype(object)  # nobody's names would pass for numbers
    named = group.map(table["name"]).astype(object) if "name" in table else group
    # two companies of one name stay two
    twice = table["name"].duplicated(keep=False) if "name" in table else pd.Series(dtype=bool)
    same = group.map(twice).eq(True)  # noqa: FBT003
    full = named + " (" + group + ")"
    return full.where(same, named.where(named.notna(), group)).astype(object)


def _topmost(account: str, parents: dict[Any, Any]) -> str:
    seen = {account}
    while (above := parents.get(account)) and above not in seen:
        account = above
        seen.add(above)
    return account


def _before(end: date) -> Period:
    start = (pd.Timestamp(end) - pd.DateOffset(months=MONTHS)).date()
    last = end - timedelta(days=1)
    return Period(f"{start:%Y-%m-%d} – {last:%Y-%m-%d}", start, end, "year")


def _won(rows: pd.DataFrame, end: date) -> pd.DataFrame:
    window = _before(end)
    inside = rows["closed_day"].ge(window.start_day) & rows["closed_day"].lt(window.end_day)
    return rows[inside & (rows["is_won"] == 1) & rows["amount"].notna()]


def _there(won: pd.DataFrame) -> list[str]:
    return [name for name in DIMENSIONS if won[name].notna().any()]


def _sums(won: pd.DataFrame, dimension: str) -> "pd.Series[float]":
    """Return money per group, the largest first; what has no group is left out."""
    sums = won.groupby(dimension)["amount"].sum()
    return sums.sort_values(ascending=False, kind="stable")


def _spread(won: pd.DataFrame, dimension: str) -> tuple[Any, ...]:
    known = won[won[dimension].notna()]
    codes = pd.factorize(known[dimension], sort=True)[0].astype("int64")
    found = concentration(known["amount"].to_numpy("float64"), codes, np.random.default_rng(0))
    effective = found.effective
    largest = str(_sums(known, dimension).index[0])
    return (dimension, found.n, found.groups, found.hhi[0], *effective,
            *[found.tops[top][0] for top in TOPS], largest)  # fmt: skip


def _stress(won: pd.DataFrame, dimension: str) -> list[tuple[Any, ...]]:
    """Return the money that goes with the largest 1, 3 and 5; only where others would be left."""
    sums = _sums(won, dimension)
    return [
        (dimension, top, ", ".join(str(name) for name in sums.index[:top]),
         float(sums.iloc[:top].sum()), float(sums.iloc[:top].sum() / won["amount"].sum()))
        for top in TOPS if top < len(sums)
    ]  # fmt: skip


def _people(won: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what hangs on each rep, the most first."""
    if won["rep"].isna().all():
        return pd.DataFrame(columns=COLUMNS["people"])
    pairs = won.groupby(["customer", "rep"], as_index=False)["amount"].sum()
    whole = pairs.groupby("customer")["amount"].transform("sum")
    pairs = pairs.assign(
        sole=(pairs["amount"] >= SOLE * whole) & (pairs["amount"] > 0), customers=1
    )
    sole = (
        pairs[pairs["sole"]]
        .groupby("rep")
        .agg(sole_customers=("customers", "sum"), sole_amount=("amount", "sum"))
    )
    table = pairs.groupby("rep").agg(bookings=("amount", "sum"), customers=("customers", "sum"))
    opened = rows[rows["is_open"] == 1].groupby("rep")["amount"].sum()
    table = table.join(sole).join(opened.rename("open_amount"))
    table = table.fillna({"sole_customers": 0, "sole_amount": 0.0, "open_amount": 0.0})
    table = table.assign(
        share=table["bookings"] / won["amount"].sum(),
        open_share=table["open_amount"] / opened.sum() if opened.sum() else np.nan,
    ).reset_index()
    table = table.astype({"sole_customers": "int64"})
    shown: pd.DataFrame = table[COLUMNS["people"]]
    return shown.sort_values(["bookings", "rep"], ascending=[False, True], ignore_index=True)


def _options(rows: pd.DataFrame, won: pd.DataFrame, window: Period) -> pd.DataFrame:
    """Return groups beside the largest that win no worse than all, most open money first."""
    inside = rows["closed_day"].ge(window.start_day) & rows["closed_day"].lt(window.end_day)
    closed, opened = rows[inside & (rows["is_open"] == 0)], rows[rows["is_open"] == 1]
    usual, total = closed["is_won"].mean(), won["amount"].sum()
    found = []
    for dimension in ("product", "region", "channel"):
        if won[dimension].isna().all():
            continue
        sums = _sums(won, dimension)
        rates = closed.groupby(dimension)["is_won"].agg(["mean", "size"])
        open_amount = opened.groupby(dimension)["amount"].sum()
        for group in sums.index[1:]:
            rate, n = float(rates.loc[group, "mean"]), int(rates.loc[group, "size"])
            if rate >= usual and n >= 30:
                found.append((dimension, str(group), float(sums[group]), sums[group] / total, rate,
                              n, float(open_amount.get(group, 0.0))))  # fmt: skip
    table = pd.DataFrame(found, columns=COLUMNS["options"])
    return table.sort_values(["open_amount", "group"], ascending=[False, True], ignore_index=True)


def _trend(rows: pd.DataFrame, period: Period, end: date) -> pd.DataFrame:
    """Follow the largest group's share over the twelve months before the end of former periods."""
    begins = rows.loc[rows["is_won"] == 1, "closed_day"].min()
    found = []
    for back in range(MONTHS, -1, -1):
        span = period.previous(back) if back else period
        until = min(span.end, end)
        if day_number(until) - 365 < begins:
            continue
        won = _won(rows, until)
        for dimension in _there(won):
            sums = _sums(won, dimension)
            share = (sums / sums.sum()).to_numpy("float64")
            found.append((span.label, until - timedelta(days=1), dimension, float(share[0]),
                          1 / float((share**2).sum())))  # fmt: skip
    return pd.DataFrame(found, columns=COLUMNS["trend"])
