"""One simulated company judged by the risk analyses: its deals, its customers, its register."""

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.customer_contracts import SIGNALS, contract_terms, ended_by, with_signals
from salesops_kit.analyses.customer_risk import buying_table, fit_customers
from salesops_kit.analyses.deal_risk import judged
from salesops_kit.analyses.pipeline_record import Window, record_of
from salesops_kit.analyses.risk import analyse_risk, measured
from salesops_kit.analyses.risk_record import KEPT, looked_back
from salesops_kit.models.deal_forecast import labelled
from salesops_kit.models.renewal import fit_renewal
from salesops_kit.periods import day_number, period
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.company import REGIONS
from salesops_kit.worlds.nulls import sized
from salesops_kit.worlds.rivals import market
from truth.pipelines import DEALS, KINDS, LAST, WORLD
from truth.tables import workspace_of

Array = npt.NDArray[np.float64]

LEADS = (28, 91)  # days ahead
STEP = 28  # days between the days on which deals are judged, as in a report per month
BINS = 20
AHEAD = 182  # days of customers' orders and renewals that are foreseen
MONTHS = ("2025-05", "2025-07")  # of each a register is made, and judged one month later
_FIRST = 365  # days that are learned from before the first judgement
_GROUPS = ("region", "product", "source", "type", "segment", "industry")


def world(seed: int) -> World:
    """Return a company: calm, noisy, full of forgotten deals or seasonal, each in turn."""
    return sized(replace(WORLD, seed=seed, **KINDS[seed % len(KINDS)]), DEALS)


# -- deals --------------------------------------------------------------------------------------


def deals_judged(seed: int) -> pd.DataFrame:
    """Return per lead and method the squared errors of chances, and classes of them.

    Returns
    -------
    DataFrame
        `days`, `method` (with `slip`: still open), `place` (class of chance), `deals`, `stated`,
        `came` and `squares`, each summed.
    """
    made = canonical.tables(simulate(world(seed)))
    workspace = workspace_of({name: made[name] for name in ("deals", "stage_history")}, LAST)
    last = day_number(LAST)
    origins = range(last, day_number(WORLD.start) + 60, -STEP)
    record = record_of(workspace, [Window(origin, origin) for origin in origins])
    parts = []
    for days in LEADS:
        windows = [Window(origin, origin + days) for origin in origins]
        ends = {window.origin: window.end for window in windows}
        found = judged(record, windows, newest=len(windows))
        found = found[(found["known"] == 1) & (found["origin"] >= record.begins + _FIRST)]
        rival = np.concatenate([
            naive_bayes(labelled(record.snapshots[record.snapshots["origin"] < origin], ends=ends,
                                 known_day=origin), part)
            for origin, part in found.groupby("origin")
        ])  # fmt: skip
        won = found["won"].to_numpy("float64")
        for method, stated, came in (
            ("own", found["chance"].to_numpy(), won),
            ("stage_rates", found["rate"].to_numpy(), won),
            ("naive_bayes", rival, won),
            ("crm_chance", found["probability"].fillna(0.0).to_numpy("float64"), won),
            ("slip", 1 - found["closes"].to_numpy(), 1 - found["closed"].to_numpy("float64")),
        ):
            parts.append(_classes(stated, came).assign(days=days, method=method))
    return pd.concat(parts, ignore_index=True)


def naive_bayes(known: pd.DataFrame, deals: pd.DataFrame) -> Array:
    """Judge deals as Odoo's predictive lead scoring does: naive Bayes of stage and names.

    Prior of all times P(value | won) / P(value | not won) per column, 0.1 added to each count,
    clipped to 0.01 - 99.99 %. Unlike Odoo's own it is told the same outcome as ours: won in time.
    """
    won = known["won"].to_numpy("float64")
    hits, misses = won.sum(), len(won) - won.sum()
    logit = np.full(len(deals), np.log(max(hits, 0.1) / max(misses, 0.1)))
    for name in ("stage", *[group for group in _GROUPS if group in known]):
        values = known[name].astype(str)
        counts = pd.DataFrame({"won": won, "not": 1 - won}).groupby(values.to_numpy()).sum() + 0.1
        ratio = np.log(counts["won"] / (hits + 0.1)) - np.log(counts["not"] / (misses + 0.1))
        logit += deals[name].astype(str).map(ratio).fillna(0.0).to_numpy("float64")
    return np.clip(1 / (1 + np.exp(-logit)), 1e-4, 1 - 1e-4)


def _classes(stated: Array, came: Array) -> pd.DataFrame:
    place = np.minimum((stated * BINS).astype("int64"), BINS - 1)
    rows = pd.DataFrame({"place": place, "deals": 1.0, "stated": stated, "came": came,
                         "squares": (stated - came) ** 2})  # fmt: skip
    return rows.groupby("place").sum().reset_index()


# -- customers ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Customers:
    """Orders and contract ends foreseen half a year ahead, beside those that came."""

    orders: float
    orders_came: float
    lost: float
    lost_came: float
    due: int


def customers_judged(seed: int) -> Customers:
    """Foresee half a year of repeat orders and contract ends, and count what came."""
    made = canonical.tables(simulate(world(seed)))
    tables = {name: made[name] for name in ("deals", "orders")}
    then, now = LAST - timedelta(days=AHEAD), LAST
    before, after = (workspace_of(tables, day) for day in (then, now))
    first = buying_table(before.table("orders"), day_number(then))
    second = buying_table(after.table("orders"), day_number(now))
    buying = fit_customers(first)
    later = first[["account_id"]].merge(second, on="account_id", how="left")["frequency"]
    contracts = contract_terms(after.table("orders"))
    known = with_signals(before, ended_by(contract_terms(before.table("orders")),
                                          day_number(then)))  # fmt: skip
    renewal = fit_renewal(known, SIGNALS)
    came = ended_by(contracts, day_number(now))
    came = came[came["ends_day"] >= day_number(then)].assign(last_day=day_number(then))
    # contracts that began after the day are none of its forecast
    came = with_signals(before, came[came["starts_day"] <= day_number(then)])
    assert buying is not None
    assert renewal is not None
    return Customers(
        float(buying.expected(first, AHEAD).sum()), float((later - first["frequency"]).sum()),
        float(renewal.chance(came).sum()), float(came["ended"].sum()), len(came),
    )  # fmt: skip


# -- register -----------------------------------------------------------------------------------


def register_judged(seed: int) -> pd.DataFrame:
    """Make registers and judge them one month later (`risk_record.looked_back`)."""
    tables = company_tables(seed)
    parts = []
    for label in MONTHS:
        month = period(label)
        found = analyse_risk(workspace_of(tables, month.last), period=month)
        kept = found.register[KEPT].assign(
            made_on=f"{month.last:%Y-%m-%d}", period=found.ahead,
            until=f"{found.next_period.last:%Y-%m-%d}",
        )  # fmt: skip
        later = workspace_of(tables, found.next_period.last)
        seen = measured(analyse_risk(later, period=found.next_period))
        parts.append(looked_back(later, kept, seen))
    return pd.concat(parts, ignore_index=True)


def company_tables(seed: int, deals: int = 2_500) -> dict[str, pd.DataFrame]:
    """Return all tables of a company, those from outside its CRM among them."""
    made = simulate(sized(world(seed), deals))
    outside = market(made)
    names = [region.en for region in REGIONS]
    return canonical.tables(made) | {"market": pd.DataFrame({
        "month_on": outside["month"], "region": [names[i] for i in outside["region"]],
        "segment": "", "metric": outside["metric"], "value": outside["value"],
    })}  # fmt: skip
