"""The gates of risks: chances that come as often as they say, and nothing known of the future."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from truth.blindness import reports_blind
from truth.gates import CONFIDENCE, Figure, Gate
from truth.risks import LEADS, Customers, customers_judged, deals_judged, register_judged

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
CALIBRATION, CHURN = 0.03, 0.05
_DRAWS = 200  # of companies, for the interval of a figure
_RIVALS = {"crm_chance": "stage's probability in the CRM",
           "naive_bayes": "naive Bayes as in Odoo",
           "stage_rates": "share won in time from the same stage"}  # fmt: skip


@dataclass(frozen=True)
class RiskSizes:
    """How many companies the gates of risks see."""

    deals: int = 12
    customers: int = 40
    registers: int = 8
    blind: int = 4


def risk_gates(spread: Spread, first: int, sizes: RiskSizes) -> list[Gate | Figure]:
    """Measure deal chances, churn, the register, and blindness to the future."""
    begins = (150_000, 152_000, 154_000, 156_000)
    deals, customers, registers, blind = (
        spread(work, range(first + begin, first + begin + n))
        for begin, work, n in zip(
            begins, (deals_judged, customers_judged, register_judged, reports_blind),
            (sizes.deals, sizes.customers, sizes.registers, sizes.blind), strict=True,
        )
    )  # fmt: skip
    gates: list[Gate | Figure] = []
    if deals:
        gates += deal_figures(deals)
    if customers:
        gates += churn_figures(customers)
    if registers:
        gates += register_figures(registers)
    return [*gates, *blind_gates(blind)]


def deal_figures(found: Sequence[pd.DataFrame]) -> list[Figure]:
    """Return calibration errors, and Brier scores over those of rivals, per lead."""
    figures = []
    for days in LEADS:
        rows = [one[one["days"] == days] for one in found]
        for method, words in (("own", "won"), ("slip", "still open")):
            figures.append(_figure(
                f"deal {words} {days} days on: calibration error",
                "Mean distance between stated and real shares in 20 classes of chance, weighted "
                "by their deals; learned only from what was known on the day.",
                [one[one["method"] == method] for one in rows], calibration, CALIBRATION,
            ))  # fmt: skip
        for rival, words in _RIVALS.items():
            figures.append(_figure(
                f"deal won {days} days on: Brier score over that of the {words}",
                "Mean squared error of the chances divided by the rival's on the same deals and "
                "days; below 1 ours are better.",
                rows, lambda part, rival=rival: brier(part, "own") / brier(part, rival), 0.999,
            ))  # fmt: skip
    return figures


def churn_figures(found: Sequence[Customers]) -> list[Figure]:
    """Return how far off half a year of orders and of lost contracts was, all companies added."""
    table = pd.DataFrame([vars(one) for one in found])
    rows = [table.iloc[[place]] for place in range(len(table))]
    text = ("Foreseen half a year ahead from what was known then, over what came, less 1, without "
            "its sign; all companies added up.")  # fmt: skip
    each = (table["orders"] / table["orders_came"] - 1).abs()
    return [
        _figure("repeat orders in half a year: error of the sum", text, rows,
                lambda part: _off(part, "orders"), CHURN),
        _figure("contracts lost in half a year: error of the sum", text, rows,
                lambda part: _off(part, "lost"), CHURN),
        _figure("… repeat orders: mean error of one company", "The same per company.",
                [pd.DataFrame({"off": [value]}) for value in each],
                lambda part: float(part["off"].mean())),
    ]  # fmt: skip


def register_figures(found: Sequence[pd.DataFrame]) -> list[Figure]:
    """Return how good the chances of register entries were, one month later."""
    rows = [one for one in found if len(one)]
    text = "Entries of the risk register, measured again one month later. "
    return [
        _figure("register: Brier score over that of the share that came",
                text + "The yardstick knows only afterwards how many came.", rows,
                lambda part: _squares(part) / max(_usual(part), 1e-9), 0.999),
        _figure("… came, less what was stated, as a share of the entries",
                text + "Without its sign.", rows,
                lambda part: abs(float(part["came_true"].mean() - part["probability"].mean()))),
    ]  # fmt: skip


def blind_gates(same: Sequence[bool]) -> list[Gate]:
    return [Gate(
        "reports blind to the future",
        "In how many companies every number and word of every analysis stays the same to the last "
        "bit when all that is dated after its day is removed, shuffled or changed (funnel, "
        "process, bookings, forecasts, reps, feedback, risks; the readiness check reads the whole "
        "export on purpose).",
        sum(same), len(same), lowest=1.0,
    )] if same else []  # fmt: skip


def calibration(part: pd.DataFrame) -> float:
    table = part.groupby("place")[["deals", "stated", "came"]].sum()
    return float((table["stated"] - table["came"]).abs().sum() / table["deals"].sum())


def brier(part: pd.DataFrame, method: str) -> float:
    rows = part[part["method"] == method]
    return float(rows["squares"].sum() / rows["deals"].sum())


def _off(part: pd.DataFrame, name: str) -> float:
    return abs(float(part[name].sum() / part[f"{name}_came"].sum()) - 1)


def _squares(part: pd.DataFrame) -> float:
    return float(((part["probability"] - part["came_true"]) ** 2).mean())


def _usual(part: pd.DataFrame) -> float:
    share = float(part["came_true"].mean())
    return share * (1 - share)


def _figure(
    name: str, meaning: str, rows: Sequence[pd.DataFrame],
    statistic: Callable[[pd.DataFrame], float], highest: float | None = None,
) -> Figure:  # fmt: skip
    """Measure over all companies, with an interval over companies drawn anew."""
    draw = np.random.default_rng(0)
    drawn = [statistic(pd.concat([rows[i] for i in draw.integers(0, len(rows), len(rows))]))
             for _ in range(_DRAWS)]  # fmt: skip
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    value = statistic(pd.concat(rows))
    return Figure(name, meaning, value, (float(low), float(high)), len(rows), highest)
