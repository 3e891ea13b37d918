"""Customers who may leave: contracts that may not be renewed, buyers who have fallen silent.

What the data is decides the method. A contract says when it ends and whether it was renewed: a
hazard per term (`models.renewal`). Other orders say nothing of an end: it is inferred from silence
(`models.buying`). Money at risk is what a customer brings in a year times the chance to lose it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.customer_contracts import (
    SIGNALS,
    contract_terms,
    ended_by,
    signal_words,
    with_signals,
)
from salesops_kit.metrics.engine import Frame, collect
from salesops_kit.models.buying import Buying, fit_buying
from salesops_kit.models.renewal import Renewal, fit_renewal, hazard_by_term
from salesops_kit.periods import Period, from_day_number, periods_until
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

SHOWN = 15
YEAR = 365
PERIODS = 13
CHECKED = 182  # days: the forecast of so long ago is compared with what came
FEWEST_CHECKED = 10  # contracts that ended since then, or orders, from which on it is told
DRAWS = 4_000
RANGE = (0.1, 0.5, 0.9)
COLUMNS = {
    "calendar": ["customer", "product", "ends_on", "amount", "term", "loss_chance", "at_stake",
                 "reasons"],
    "hazard": ["term", "reached", "ended", "hazard", "survival"],
    "buyers": ["customer", "orders", "last_order_on", "usual_gap", "alive", "expected_orders",
               "yearly", "at_stake", "reasons"],
    "losses": ["within", "contracts", "due_amount", "low", "middle", "high"],
    "accounts": ["customer", "yearly", "at_stake", "reasons"],
    "checks": ["measure", "n", "foreseen", "came_true", "off"],
    "past": ["period", "due_amount", "lost_amount"],
}  # fmt: skip


@dataclass(frozen=True)
class CustomerRisk:
    """Who may leave and what that costs; frames are empty where the data cannot tell.

    `calendar`: contracts that end within a year: `loss_chance` not to be renewed, `at_stake`
    (amount × chance), `reasons`. `losses`: contract money lost within the period ahead and
    within a year, 10, 50 and 90 % of the outcomes; `drawn`: the outcomes of the period ahead.
    `buyers`: customers who ordered before: chance to be `alive`, `expected_orders` and `yearly`
    money if active. `accounts`: both together, most money at risk first. `past`: contract money
    that ended per period, and what of it was lost. `checks`: a forecast of half a year ago, and
    what came.
    """

    period: Period
    calendar: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["calendar"])
    )
    hazard: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["hazard"]))
    losses: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["losses"]))
    buyers: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["buyers"]))
    accounts: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["accounts"])
    )
    past: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["past"]))
    checks: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["checks"]))
    drawn: tuple[float, ...] = field(default=(), repr=False)
    renewal: Renewal | None = None
    buying: Buying | None = None

    @property
    def known(self) -> bool:
        """Tell whether anything could be learned."""
        return self.renewal is not None or self.buying is not None

    @property
    def due_ahead(self) -> float:
        """Contract money that comes due within the period ahead."""
        return float(self.losses["due_amount"].iloc[0]) if len(self.losses) else 0.0


def analyse_customer_risk(workspace: Workspace, *, period: Period) -> CustomerRisk:
    """Judge customers by what is known on the workspace's as-of day.

    `period`: when it is over, the next one of its kind that is not.
    """
    ahead = period
    while ahead.last <= workspace.as_of:
        ahead = ahead.next()
    if not workspace.has("orders"):
        return CustomerRisk(ahead)
    orders, today = workspace.table("orders"), workspace.as_of_day
    names = customer_names(workspace)
    contracts = contract_terms(orders)
    renewal, calendar = _renewals(workspace, contracts, today)
    buying, buyers = _buyers(orders, today)
    buyers = with_signals(workspace, buyers.assign(first_day=today - YEAR, last_day=today))
    checks = [_contract_check(workspace, contracts), _order_check(orders, today)]
    calendar, buyers = (_named(table, names) for table in (calendar, buyers))
    losses, drawn = _losses(renewal, calendar, ahead, today)
    return CustomerRisk(
        ahead,
        calendar.sort_values(["ends_day", "at_stake"], ascending=[True, False],
                             ignore_index=True),
        hazard_by_term(ended_by(contracts, today)) if renewal else pd.DataFrame(
            columns=COLUMNS["hazard"]),
        losses,
        buyers.sort_values(["at_stake", "account_id"], ascending=[False, True], ignore_index=True),
        _together(calendar, buyers),
        _past(contracts, period, today),
        pd.DataFrame([row for row in checks if row], columns=COLUMNS["checks"]),
        tuple(drawn), renewal, buying,
    )  # fmt: skip


def _renewals(
    workspace: Workspace, contracts: pd.DataFrame, today: int
) -> tuple[Renewal | None, pd.DataFrame]:
    """Fit on contracts that came to their end; judge those that end within a year."""
    known = with_signals(workspace, ended_by(contracts, today))
    renewal = fit_renewal(known, SIGNALS)
    running = contracts[(contracts["ends_day"] >= today) & (contracts["starts_day"] <= today)]
    due = with_signals(workspace, running[running["ends_day"] < today + YEAR].assign(
        first_day=running["starts_day"], last_day=today))  # fmt: skip
    if renewal is None:
        return None, due.head(0).assign(loss_chance=0.0, at_stake=0.0, ends_on=None)
    chance = renewal.chance(due)
    ends = [from_day_number(int(day)) for day in due["ends_day"]]
    return renewal, due.assign(
        loss_chance=chance, at_stake=chance * due["amount"],
        ends_on=pd.Series(ends, due.index, dtype=object),
    )  # fmt: skip


def _losses(
    renewal: Renewal | None, calendar: pd.DataFrame, ahead: Period, today: int
) -> tuple[pd.DataFrame, Array]:
    """Draw which contracts end: the money lost within the period ahead and within a year."""
    if renewal is None or calendar.empty:
        return pd.DataFrame(columns=COLUMNS["losses"]), np.zeros(0)
    gone = renewal.drawn(calendar, np.random.default_rng(0), DRAWS)
    amount = calendar["amount"].fillna(0.0).to_numpy("float64")
    rows, first = [], np.zeros(0)
    for name, end in (("ahead", ahead.end_day), ("year", today + YEAR)):
        inside = (calendar["ends_day"] < end).to_numpy()
        lost = gone[:, inside] @ amount[inside]
        first = lost if name == "ahead" else first
        rows.append((name, int(inside.sum()), amount[inside].sum(), *np.quantile(lost, RANGE)))
    return pd.DataFrame(rows, columns=COLUMNS["losses"]), first


def _past(contracts: pd.DataFrame, period: Period, today: int) -> pd.DataFrame:
    ended = ended_by(contracts, today)
    rows = []
    for span in periods_until(period, PERIODS):
        part = ended[ended["ends_day"].between(span.start_day, span.end_day - 1)]
        if part["amount"].sum() > 0:
            lost = float(part.loc[part["ended"] == 1, "amount"].sum())
            rows.append((span.label, float(part["amount"].sum()), lost))
    return pd.DataFrame(rows, columns=COLUMNS["past"])


def buying_table(orders: Frame, until: int) -> pd.DataFrame:
    """Return per customer what `models.buying` needs, of orders up to a day.

    Contracts are none of them. Where orders are placed without a deal by at least thirty
    customers, these are the repeats, since deals have a forecast of their own; else all are.

    Returns
    -------
    DataFrame
        `account_id`, `frequency`, `recency`, `age` (days), `spent` (on repeat orders, money),
        `last_day`.
    """
    there = set(orders.collect_schema().names())
    plain = orders.filter(
        (nw.col("ordered_day") <= until) & ~nw.col("account_id").is_null()
    )  # fmt: skip
    plain = plain.filter(nw.col("ends_day").is_null()) if "ends_day" in there else plain
    first = plain.group_by("account_id").agg(nw.col("ordered_day").min().alias("first_day"))
    later = plain.join(first, on="account_id", how="left").filter(
        nw.col("ordered_day") > nw.col("first_day")
    )
    free = later.filter(nw.col("deal_id").is_null()) if "deal_id" in there else later
    repeats = _repeats(free)
    if len(repeats) < 30:
        repeats = _repeats(later)
    table = collect(first, ["account_id"]).merge(repeats, on="account_id", how="left")
    table = table.fillna({"frequency": 0, "spent": 0.0})
    last = table["last_day"].fillna(table["first_day"]).astype("int64")
    return table.assign(
        frequency=table["frequency"].astype("int64"), recency=last - table["first_day"],
        age=until - table["first_day"], last_day=last,
    )  # fmt: skip


def _repeats(later: Frame) -> pd.DataFrame:
    """Return orders per customer; several on one day are one."""
    daily = later.group_by("account_id", "ordered_day").agg(nw.col("amount").sum())
    counted = daily.with_columns(frequency=nw.lit(1), last_day=nw.col("ordered_day"))
    summed = counted.group_by("account_id").agg(
        nw.col("frequency").sum(), nw.col("last_day").max(), nw.col("amount").sum()
    )
    return collect(summed.rename({"amount": "spent"}), ["account_id"])


def fit_customers(table: pd.DataFrame) -> Buying | None:
    """Fit the buying model; customers who are alike share a row."""
    keys = ["frequency", "recency", "age"]
    alike = table.groupby(keys, as_index=False).size().rename(columns={"size": "weight"})
    return fit_buying(alike)


def _buyers(orders: Frame, today: int) -> tuple[Buying | None, pd.DataFrame]:
    """Judge customers who ordered again: one order alone says nothing of giving up."""
    table = buying_table(orders, today)
    buying = fit_customers(table)
    table = table[table["frequency"] > 0].reset_index(drop=True)
    if buying is None:
        return None, table.head(0).assign(
            orders=0, alive=0.0, expected_orders=0.0, yearly=0.0, at_stake=0.0, usual_gap=0.0,
            last_order_on=None)  # fmt: skip
    alive, expected = buying.alive(table), buying.expected(table, YEAR)
    worth = _shrunk(table["spent"].to_numpy("float64"), table["frequency"].to_numpy("float64"))
    yearly = expected / np.maximum(alive, 1e-9) * worth
    last = [from_day_number(int(day)) for day in table["last_day"]]
    return buying, table.assign(
        orders=table["frequency"] + 1, alive=alive, expected_orders=expected, yearly=yearly,
        at_stake=(1 - alive) * yearly, usual_gap=table["recency"] / table["frequency"],
        last_order_on=pd.Series(last, dtype=object),
    )  # fmt: skip


def _shrunk(spent: Array, orders: Array) -> Array:
    """Return each customer's mean order, drawn towards everybody's the fewer orders it has."""
    overall, mean = float(spent.sum() / orders.sum()), spent / orders
    many = orders >= 2
    if many.sum() < 10:
        return np.full(len(mean), overall)
    # between and within by the spread of means of few and of many orders (moments)
    inverse, squares = 1 / orders[many], (mean[many] - overall) ** 2
    slope, level = np.polyfit(inverse, squares, 1)
    within, between = max(float(slope), 0.0), max(float(level), 1e-9)
    weight = orders / (orders + within / between)
    return np.asarray(overall + weight * (mean - overall), dtype=np.float64)


def _contract_check(workspace: Workspace, contracts: pd.DataFrame) -> tuple[Any, ...] | None:
    """Compare the losses foreseen half a year ago with those that came."""
    then, today = workspace.as_of_day - CHECKED, workspace.as_of_day
    known = with_signals(workspace, ended_by(contracts, then))
    renewal = fit_renewal(known, SIGNALS)
    came = ended_by(contracts, today)
    came = came[came["ends_day"] >= then]
    if renewal is None or len(came) < FEWEST_CHECKED:
        return None
    came = with_signals(workspace, came.assign(last_day=then))
    return _check("contracts_lost", len(came), renewal.chance(came).sum(), came["ended"].sum())


def _order_check(orders: Frame, today: int) -> tuple[Any, ...] | None:
    before, after = buying_table(orders, today - CHECKED), buying_table(orders, today)
    buying = fit_customers(before)
    if buying is None:
        return None
    now = before[["account_id"]].merge(after, on="account_id", how="left")["frequency"]
    came = float((now - before["frequency"]).sum())
    expected = float(buying.expected(before, CHECKED).sum())
    return _check("orders", len(before), expected, came) if came >= FEWEST_CHECKED else None


def _check(measure: str, n: int, expected: float, came: float) -> tuple[Any, ...]:
    return measure, n, float(expected), float(came), float(expected / came - 1) if came else np.nan


def customer_names(workspace: Workspace) -> Mapping[str, str]:
    """Return the accounts' names by id."""
    if not workspace.has("accounts"):
        return {}
    table = collect(workspace.table("accounts").select("account_id", "name"))
    return dict(zip(table["account_id"], table["name"], strict=True))


def _named(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    known = table["account_id"].map(names).astype(object)
    return table.assign(customer=known.where(known.notna(), table["account_id"]),
                        reasons=signal_words(table))  # fmt: skip


def _together(calendar: pd.DataFrame, buyers: pd.DataFrame) -> pd.DataFrame:
    """Add up per customer what contracts and orders bring in a year, and what of it is at risk."""
    parts = [calendar.assign(yearly=calendar["amount"]), buyers]
    columns = ["account_id", "customer", "yearly", "at_stake", *SIGNALS]
    rows = pd.concat([part[columns] for part in parts if len(part)] or [buyers[columns]])
    summed = rows.groupby(["account_id", "customer"], as_index=False).agg(
        {"yearly": "sum", "at_stake": "sum", **dict.fromkeys(SIGNALS, "max")}
    )
    summed = summed.assign(reasons=signal_words(summed))
    return summed.sort_values(
        ["at_stake", "account_id"], ascending=[False, True], ignore_index=True
    )
