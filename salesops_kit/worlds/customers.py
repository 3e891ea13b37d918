"""What customers do after their first order: order again, renew a service contract, or give up."""

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, in_office, second, working_day
from salesops_kit.worlds.effects import Churn
from salesops_kit.worlds.people import assign
from salesops_kit.worlds.simulate import Company
from salesops_kit.worlds.world import World

FROM_DEAL, REPEAT, CONTRACT = range(3)
KINDS = (c.Named("order", "订单"), c.Named("repeat", "复购"), c.Named("contract", "服务合同"))
LATE_DAYS = 42
# share of orders with a product fault, by product line
FAULTS = {"Analyzers": 0.04, "Laboratory": 0.03, "Process": 0.10}
_FAULT = np.array([FAULTS[p[1].en] for p in c.PRODUCTS])
_PRICE = np.array([p[2] for p in c.PRODUCTS])
_YEARLY, _SHAPE = 1.6, 1.5  # repeat orders of a customer per year: mean and gamma shape
_GIVES_UP, _SPREAD = 0.12, 10.0  # chance to give up after an order: mean and beta a + b
_TROUBLE = 2.0  # a late or faulty order multiplies that chance
_HAS_CONTRACT, _RENEWS = 0.3, 0.8
_YEAR = 365


def faulty(world: World, product: np.ndarray) -> np.ndarray:
    """Mark which orders from deals had a product fault."""
    return np.asarray(world.stream("faults").random(len(product)) < _FAULT[product])


def after_first(company: Company, first: pd.DataFrame) -> pd.DataFrame:
    """Return repeat orders and service contracts of the customers in `first`, by time.

    Repeat orders come as a Poisson process at the account's own gamma rate until the account
    gives up: after each, with its own beta chance (BG/NBD), doubled by late delivery or a fault.
    """
    return pd.concat([lives(company, first)[0], _contracts(company, first)], ignore_index=True)


def gave_up(company: Company, first: pd.DataFrame) -> pd.DataFrame:
    """Return the truth: each customer's yearly rate, and the second it gave up (-1: never)."""
    return lives(company, first)[1]


def lives(company: Company, first: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the repeat orders, and what no CRM knows: account, rate, gave_up_at."""
    world, n = company.world, len(company.accounts)
    rng = world.stream("customers")
    end = second(world.export_on)
    segment = company.accounts["segment"].to_numpy()
    rate = np.round(rng.gamma(_SHAPE, _YEARLY / _SHAPE, n) * (0.7 + 0.5 * segment), 6)
    gives_up = np.round(rng.beta(_GIVES_UP * _SPREAD, (1 - _GIVES_UP) * _SPREAD, n), 6)
    now, product = _begin(first, n, end)
    over = np.full(n, -1, dtype="int64")
    made: list[pd.DataFrame] = []
    while ((now < end) & (over < 0)).any():
        wait_for_it = rng.exponential(1.0, n) * _YEAR * DAY / np.maximum(rate, 1e-3)
        drawn = _draw(rng, n, product)
        gap = DAY + np.round(np.minimum(wait_for_it, 1e10)).astype("int64")
        now = in_office(np.minimum(now + gap, end))
        order = drawn.assign(account=np.arange(n), at=now)
        order = order.assign(region=company.accounts["region"].to_numpy())
        alive = (now < end) & (over < 0)
        made.append(order[alive])
        chance = gives_up * np.where(order["fault"] | (order["wait"] > LATE_DAYS), _TROUBLE, 1.0)
        chance *= churn(company, order)
        over = np.where(alive & (order["luck"] < chance), now, over)
    truth = pd.DataFrame({"account": np.arange(n), "rate": rate, "gave_up_at": over})
    bought = np.isin(truth["account"], first["account"])
    return _dated(company, made), truth[bought].reset_index(drop=True)


def churn(company: Company, orders: pd.DataFrame) -> np.ndarray:
    """Return how many times as often than usual customers give up after each order."""
    times = np.ones(len(orders))
    for effect in company.world.effects(Churn):
        strength = effect.span.strength(orders["at"].to_numpy())
        strength = strength * effect.where.touches(orders, company.accounts)
        times *= 1 + (effect.factor - 1) * strength
    return times


def _begin(first: pd.DataFrame, accounts: int, end: int) -> tuple[np.ndarray, np.ndarray]:
    """Return when each account's first order came (the end where none did), and of what."""
    began, product = np.full(accounts, end, dtype="int64"), np.zeros(accounts, dtype="int64")
    earliest = first.sort_values("at", kind="stable").drop_duplicates("account")
    began[earliest["account"]] = earliest["at"]
    product[earliest["account"]] = earliest["product"]
    return began, product


def _draw(rng: np.random.Generator, n: int, product: np.ndarray) -> pd.DataFrame:
    """Draw one more order for every account: whether it is placed at all is seen later."""
    usual = 20 + rng.poisson(12, n)
    return pd.DataFrame(
        {
            "wait": usual + np.where(rng.random(n) < 0.15, 25, 0),
            "fault": rng.random(n) < _FAULT[product],
            "amount": np.round(_PRICE[product] * np.exp(rng.normal(-2.2, 0.5, n)), -2),
            "units": 1 + rng.poisson(0.5, n),
            "luck": np.round(rng.random(n), 6),
            "product": product,
        }
    )


def _dated(company: Company, made: list[pd.DataFrame]) -> pd.DataFrame:
    """Put the orders into the order of time, and give each to a rep of the region there then."""
    columns = ["account", "product", "units", "amount", "wait", "fault", "at", "region"]
    table = pd.concat(made) if made else _draw(np.random.default_rng(0), 0, np.zeros(0, dtype=int))
    table = table.reindex(columns=columns).sort_values(["at", "account"], ignore_index=True)
    region, at = (table[x].to_numpy(dtype="int64") for x in ("region", "at"))
    return table.assign(rep=_rep(company, region, at, "repeat owners"), kind=REPEAT)


def _rep(company: Company, region: np.ndarray, at: np.ndarray, stream: str) -> np.ndarray:
    return assign(company.world.stream(stream), region, at, company.reps)


def _contracts(company: Company, first: pd.DataFrame) -> pd.DataFrame:
    """Return service contracts of a year: some buyers take one at delivery, and renew or not."""
    world = company.world
    rng, end = world.stream("contracts"), second(world.export_on) // DAY
    n = len(first)
    trouble = (first["fault"] | (first["wait"] > LATE_DAYS)).to_numpy()
    amount = np.round(first["amount"].to_numpy() * 0.06, -1)
    start = working_day((first["at"] + first["wait"] * DAY).to_numpy()) // DAY
    region = company.accounts["region"].to_numpy()[first["account"]]
    going = (rng.random(n) < _HAS_CONTRACT) & (start < end)
    rows = []
    while going.any():
        luck, moment = rng.random(n), start * DAY + 10 * 3600
        term = first[["account", "product"]].assign(at=moment, region=region)
        stops = (1 - _RENEWS) * np.where(trouble, _TROUBLE, 1.0)
        stops = stops * churn(company, term.assign(at=moment + _YEAR * DAY))
        due = start + _YEAR < end
        renewed = np.where(due, np.where(luck < stops, 0, 1), -1)
        term = term.assign(units=1, amount=amount, starts_day=start, ends_day=start + _YEAR - 1,
                           renewed=renewed, wait=0, fault=False, kind=CONTRACT)  # fmt: skip
        rows.append(term[going])
        going = going & (renewed == 1)
        start = start + _YEAR
    if not rows:
        return pd.DataFrame()
    table = pd.concat(rows).sort_values(["at", "account"], ignore_index=True)
    rep = _rep(company, table["region"].to_numpy(), table["at"].to_numpy(), "contract owners")
    return table.assign(rep=rep)
