"""The gates of revenue at risk: does the 90 % range hold what came, where deals share a shock?"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit
from scipy.stats import t as student

from salesops_kit.analyses.periods_ahead import steps_of
from salesops_kit.analyses.pipeline_forecast import shock_of
from salesops_kit.analyses.pipeline_record import (
    LEARNED,
    Window,
    over_by,
    record_of,
    windows_before,
)
from salesops_kit.analyses.revenue_at_risk import range_held
from salesops_kit.models.create_and_close import NewDeals
from salesops_kit.models.sum_distribution import Outlook, Shock, common_shock, drawn_under
from salesops_kit.periods import day_number
from salesops_kit.worlds import canonical, simulate
from truth.gates import Gate
from truth.pipelines import world_of
from truth.tables import workspace_of

Array = npt.NDArray[np.float64]
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
LOW, HIGH = 0.86, 0.94  # of a range that promises 0.90
LAST = date(2025, 9, 30)
SIGMA, DEALS, QUARTERS = 0.3, 150, 12  # of the worlds whose shock is known
AHEAD = 3  # months
_KNOWN = 8  # former forecasts of the same lead that are over
_FIRST = 365  # days that are learned from before the first forecast that counts
_ALONE = Shock(np.array([0.0]), np.array([1.0]))
_DRAWS = 1000


@dataclass(frozen=True)
class RevenueSizes:
    """How many worlds the gates of revenue at risk see."""

    quarters: int = 600
    companies: int = 16


@dataclass(frozen=True)
class Held:
    """How many former forecasts were made, and how many ranges held what came."""

    forecasts: int
    together: int
    alone: int


def revenue_gates(spread: Spread, first: int, sizes: RevenueSizes) -> list[Gate]:
    """Measure how often the ranges hold."""
    known = spread(quarter_held, range(first + 150_000, first + 150_000 + sizes.quarters))
    found = spread(company_held, range(first + 155_000, first + 155_000 + sizes.companies))
    return [*quarter_gates(known), *company_gates(found)]


def quarter_gates(known: Sequence[tuple[bool, bool, bool]]) -> list[Gate]:
    """Return the gates of quarters whose shock was planted."""
    if not known:
        return []
    text = f"{DEALS} deals with lognormal amounts and a shock of standard deviation {SIGMA:g} on "
    text += f"the log-odds of all of them in each quarter; {QUARTERS} quarters are known."
    counts = np.sum(known, axis=0)
    return [
        Gate("revenue at risk, planted shock: 90 % range", text, int(counts[0]), len(known),
             LOW, HIGH),
        Gate("… of deals drawn independently", "The same quarters, no common shock.",
             int(counts[1]), len(known)),
        Gate("… with one size of the shock, by moments", "The same, Student's t with as many "
             "degrees of freedom as quarters but one.", int(counts[2]), len(known)),
    ]  # fmt: skip


def company_gates(found: Sequence[Sequence[Held]]) -> list[Gate]:
    """Return the gates of whole companies, per month ahead."""
    gates = []
    for place in range(AHEAD if found else 0):
        rows = [one[place] for one in found if len(one) > place]
        n = sum(row.forecasts for row in rows)
        name = f"bookings of the {('first', 'second', 'third')[place]} month ahead: 90 % range"
        gates.append(Gate(
            name, "Companies that are calm, noisy, full of forgotten deals, or seasonal, each in "
            f"turn, forecast at the end of every month; {_KNOWN} to {LEARNED} former forecasts "
            "are known, as in a company some years old. With fewer, ranges are wider.",
            sum(r.together for r in rows), n, LOW, HIGH,
        ))  # fmt: skip
        gates.append(Gate("… of deals drawn independently", "The same months, no common shock.",
                          sum(row.alone for row in rows), n))  # fmt: skip
    return gates


def quarter_held(seed: int) -> tuple[bool, bool, bool]:
    """Tell whether the ranges of one quarter hold: common shock, independent, by moments."""
    rng = np.random.default_rng(seed)
    past = []
    for quarter in range(QUARTERS):
        outlook = _quarter(rng)
        past.append({"origin": quarter, "end": quarter + 1, "mean": outlook.mean,
                     "variance": outlook.variance, "sway": outlook.sway,
                     "actual": _came(outlook, rng)})  # fmt: skip
    table, now = pd.DataFrame(past), _quarter(rng)
    actual = _came(now, rng)
    return (range_held(now, common_shock(table), actual), range_held(now, _ALONE, actual),
            _by_moments(table, now, actual))  # fmt: skip


def _quarter(rng: np.random.Generator) -> Outlook:
    chance = rng.beta(1.2, 3.0, DEALS)
    worth = rng.lognormal(11, 0.8, DEALS)
    return Outlook(chance, worth, np.zeros(DEALS), np.ones(DEALS), NewDeals(0, 0, 0, 0))


def _came(outlook: Outlook, rng: np.random.Generator) -> float:
    odds = np.log(outlook.chance / (1 - outlook.chance))
    won = rng.random(DEALS) < expit(odds + SIGMA * rng.standard_normal())
    return float(outlook.worth[won].sum())


def _by_moments(past: pd.DataFrame, now: Outlook, actual: float) -> bool:
    excess = (past["actual"] - past["mean"]) ** 2 - past["variance"]
    size = float(np.sqrt(max((excess / past["sway"] ** 2).mean(), 0.0)))
    rng = np.random.default_rng(0)
    pushed = size * student.rvs(QUARTERS - 1, size=_DRAWS, random_state=rng)
    low, high = np.quantile(drawn_under(now, pushed, rng).total, [0.05, 0.95])
    return bool(low <= actual <= high)


def company_held(seed: int) -> list[Held]:
    """Forecast one company at the end of every month, three months ahead."""
    tables = canonical.tables(simulate(world_of(seed)))
    workspace = workspace_of({name: tables[name] for name in ("deals", "stage_history")}, LAST)
    today = day_number(LAST)
    ends = [day_number(day) for day in (date(2025, 10, 31), date(2025, 11, 30), date(2025, 12, 31))]
    windows = [windows_before(Window(today, end), months=True) for end in ends]
    record = record_of(workspace, windows[0])
    found = []
    # as far back as deals are known, so that former days know as much as a report does today
    made = [{one.window.origin: one for one in record.forecasts(each)} for each in windows]
    for step in steps_of(record, made):
        past = step.past
        judged = past[past["origin"] >= record.begins + _FIRST]
        pairs = []
        for day, actual in zip(judged["origin"], judged["actual"], strict=True):
            known = over_by(past, day).nlargest(LEARNED, "end")
            if len(known) >= _KNOWN:
                pairs.append((range_held(step.outlooks[day], shock_of(known, step.days), actual),
                              range_held(step.outlooks[day], _ALONE, actual)))  # fmt: skip
        together, alone = np.sum(pairs, axis=0) if pairs else (0, 0)
        found.append(Held(len(pairs), int(together), int(alone)))
    return found
