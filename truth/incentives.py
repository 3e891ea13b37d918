"""The gates of pay: games that are none, games that are planted, and the cost to come.

Reps differ in how much they sell, everybody rushes at the end of a month, wins come in bunches.
Where a step is in reach some wins are brought forward across the end, or none are.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.models.pay import paid, payout, simple_plan
from salesops_kit.models.pay_outlook import draw_attainment
from salesops_kit.models.timing import Shift, alarms, bunched, moved
from truth.gates import Gate

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]

REPS, PERIODS = 36, 21
MOVED = 0.4  # share of the wins after the end that are brought forward where a step is in reach
PLAN = simple_plan("P", rate=0.02, threshold=0.5, accelerator=1.5, cap=40_000.0)
ALARM, POWER = 0.07, 0.85
COVER = (0.75, 0.86)  # of an interval that promises 0.80
_BUNCHES, _RUSH = 2.0, 1.8


@dataclass(frozen=True)
class PaySizes:
    """How many worlds each gate sees."""

    nothing: int = 800
    moved: int = 200
    costs: int = 400


def pay_gates(spread: Spread, first: int, sizes: PaySizes) -> list[Gate]:
    """Measure false alarms, power and the interval of the cost."""
    if not sizes.nothing:
        return []
    nothing = spread(said_of_nothing, range(first, first + sizes.nothing))
    found = spread(said_of_moved, range(first + 10_000, first + 10_000 + sizes.moved))
    costs = spread(cost_covered, range(first + 20_000, first + 20_000 + sizes.costs))
    return [
        Gate(
            "pay: false alarm that deals are moved",
            "How often a company in which no deal is moved hears that some are. Reps differ, all "
            "rush at the end of a month, wins come in bunches; all tests together allow 0.05.",
            sum(nothing), len(nothing), bound_at_most=ALARM,
        ),
        Gate(
            f"pay: found, {MOVED:.0%} of the wins brought forward",
            f"How often it is found that reps with a step in reach bring that share of the wins of "
            f"the first days of the next period forward; {REPS} reps, {PERIODS} pay periods.",
            sum(found), len(found), lowest=POWER,
        ),
        Gate(
            "pay: 80 % interval of the next period's cost",
            "How often the interval drawn from a year of attainments holds what the next month's "
            "pay turns out to cost.",
            sum(costs), len(costs), *COVER,
        ),
    ]  # fmt: skip


def said_of_nothing(seed: int) -> bool:
    """Say whether any test alarms where nothing moves."""
    return any(alarms(shifts(around(seed), attained(seed)["attainment"].to_numpy())))


def said_of_moved(seed: int) -> bool:
    """Say whether the shift that was planted is found."""
    found = shifts(around(seed, moved=MOVED), attained(seed)["attainment"].to_numpy())
    return alarms(found)[0]


def shifts(rows: pd.DataFrame, attainment: "np.typing.NDArray[np.float64]") -> list[Shift]:
    """Run the tests of a report with a plan that has one cliff."""
    near, dead = rows["near"], rows["dead"]
    return [
        moved(rows[~dead], "near", "pull_forward", more_before=True),
        moved(rows[~near], "dead", "held_back", more_before=False),
        bunched(attainment, 0.5, 0.1),
    ]


def around(seed: int, *, moved: float = 0.0) -> pd.DataFrame:
    """Draw wins just before and after the ends of pay periods: `near` and `dead` reps among them.

    Whether a step is in reach goes with how much a rep sells, as it does in life.
    """
    rng = np.random.default_rng(seed)
    pace = rng.gamma(4, 0.2, REPS)[:, None] * np.ones(PERIODS)
    chance = 0.15 + 0.35 * (pace > 0.8)
    near = rng.random(pace.shape) < chance
    dead = ~near & (rng.random(pace.shape) < np.where(pace > 0.8, 0.1, 0.4))
    bunch = rng.gamma(_BUNCHES, 1 / _BUNCHES, (2, *pace.shape))
    rush = _RUSH * rng.gamma(20, 1 / 20, PERIODS)
    before, after = rng.poisson(pace * rush * bunch[0]), rng.poisson(pace * bunch[1])
    brought = np.where(near, rng.binomial(after, moved), 0)
    rep, end = np.indices(pace.shape).reshape(2, -1)
    return pd.DataFrame({
        "rep": rep.astype(str), "end": end, "before": (before + brought).ravel(),
        "after": (after - brought).ravel(), "near": near.ravel(), "dead": dead.ravel(),
    })  # fmt: skip


def attained(seed: int, periods: int = PERIODS) -> pd.DataFrame:
    """Draw attainments of reps by period: levels differ, periods differ, deals are few and large.

    `rep`, `period`, `quota`, `bookings`, `attainment`.
    """
    rng = np.random.default_rng(seed + 1)
    level = rng.lognormal(-0.1, 0.3, REPS)
    market = rng.lognormal(0, 0.15, periods)
    deals = rng.poisson(np.outer(level, market) * 4)
    size = np.where(deals > 0, rng.gamma(np.maximum(deals, 1) * 1.2), 0.0) / (1.2 * 4)
    rep, period = np.indices(size.shape).reshape(2, -1)
    quota = rng.choice([200_000.0, 400_000.0, 550_000.0], REPS)[rep]
    table = pd.DataFrame({"rep": rep.astype(str), "period": period, "quota": quota,
                          "attainment": size.ravel()})  # fmt: skip
    return table.assign(bookings=table["attainment"] * table["quota"])


def cost_covered(seed: int) -> bool:
    """Say whether the interval of the thirteenth month's cost holds it."""
    rows = attained(seed, 13)
    past, after = rows[rows["period"] < 12], rows[rows["period"] == 12]
    drawn = draw_attainment(past, after["rep"].tolist(), draws=1_000, seed=seed)
    quota = after["quota"].to_numpy()
    pays = paid(PLAN, drawn.attainment, quota[:, None]).sum(axis=0)
    low, high = np.quantile(pays, (0.1, 0.9))
    came = payout(PLAN, after["bookings"].to_numpy(), quota)["payout"].sum()
    return bool(low <= came <= high)
