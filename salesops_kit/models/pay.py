"""What a pay plan pays: exact, for any attainment, with its cliffs, kinks and dead zones.

    pay = quota * rate * [(1 - team_share) * S(own attainment) + team_share * S(team attainment)]

S adds up attainment, each part times the multiplier of its step; below the first step nothing is
paid. The sum is cut at the plan's cap. Pay knows no behaviour: who would sell more for more money
is an assumption of whoever asks (`responded`), and by default there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]
Back = Literal["none", "first", "all"]

BACKS: tuple[Back, ...] = ("none", "first", "all")
LARGEST_CHANGE = 2.0  # a response changes bookings at most by this factor, up or down
_TINY = 1e-12


@dataclass(frozen=True)
class PayPlan:
    """A pay plan as data.

    `steps`: (attainment from which it counts, multiplier of the rate), in order; 0.8 is a
    decelerator, 1.5 an accelerator. `back`: what reaching a step pays for the attainment below it:
    "none" (each part at its own step: no cliff), "first" (the first step pays back to zero: a cliff
    there), "all" (every step pays everything at its multiplier: a cliff at each). `cap`: highest
    pay of a period, before bonuses. `team_share`: part that follows the team's attainment.

    Raises
    ------
    ParameterError
        When rate, steps, cap or team_share are not possible.
    """

    name: str
    rate: float
    steps: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    back: Back = "none"
    cap: float = float("inf")
    team_share: float = 0.0

    def __post_init__(self) -> None:
        starts = [start for start, _ in self.steps]
        problems = {
            f"rate is {self.rate}; it must not be negative": not self.rate >= 0,
            "steps need at least one (attainment, multiplier)": not self.steps,
            f"steps begin at {starts}; each must begin after the one before, at 0 or later":
                starts != sorted(set(starts)) or min(starts, default=0) < 0,
            "a multiplier must not be negative": any(not m >= 0 for _, m in self.steps),
            f"back is {self.back!r}; use {', '.join(BACKS)}": self.back not in BACKS,
            f"cap is {self.cap}; it must be above 0": not self.cap > 0,
            f"team_share is {self.team_share}; it must lie between 0 and 1":
                not 0 <= self.team_share <= 1,
        }  # fmt: skip
        if found := [text for text, wrong in problems.items() if wrong]:
            raise ParameterError(f"plan {self.name!r}: {'; '.join(found)}")


def simple_plan(
    name: str, *, rate: float, threshold: float = 0.0, accelerator: float = 1.0, **more: object
) -> PayPlan:
    """Return a plan that pays from a threshold on, and times `accelerator` above target."""
    steps: tuple[tuple[float, float], ...] = ((threshold, 1.0),)
    if accelerator != 1:
        steps = (*[s for s in steps if s[0] < 1], (max(threshold, 1.0), accelerator))
    return PayPlan(name, rate, steps, **more)  # type: ignore[arg-type]  # checked by PayPlan


def credit(plan: PayPlan, attainment: Array | float) -> Array:
    """Return S: attainment times the multipliers of its steps; negative attainment counts as 0."""
    reached = np.maximum(np.asarray(attainment, dtype=np.float64), 0.0)
    starts = np.array([start for start, _ in plan.steps])
    factors = np.array([factor for _, factor in plan.steps])
    if plan.back == "all":
        step = np.searchsorted(starts, reached, side="right") - 1
        paid: Array = reached * np.where(step >= 0, factors[step], 0.0)
        return np.where(np.isnan(reached), np.nan, paid)
    ends = np.append(starts[1:], np.inf)
    inside = np.clip(reached[..., None], starts, ends) - starts
    total: Array = inside @ factors
    if plan.back == "first":
        total = total + np.where(reached >= starts[0], starts[0] * factors[0], 0.0)
    return np.where(np.isnan(reached), np.nan, total)


def payout(
    plan: PayPlan, bookings: Array, quota: Array, team_attainment: Array | float = np.nan
) -> pd.DataFrame:
    """Return the pay of each rep in one period.

    Parameters
    ----------
    plan
        The plan.
    bookings, quota
        Of each rep, money; quotas prorated. Without a quota above 0 nothing can be said.
    team_attainment
        Of each rep's team; needed when the plan has a team part.

    Returns
    -------
    DataFrame
        `attainment`, `uncapped`, `payout` (money; missing without a quota, or without the team's
        attainment where it counts), `capped` (the cap took something).
    """
    sold, asked = np.broadcast_arrays(np.asarray(bookings, float), np.asarray(quota, float))
    attainment = np.divide(sold, asked, out=np.full(sold.shape, np.nan), where=asked > 0)
    uncapped = _uncapped(plan, attainment, asked, team_attainment)
    return pd.DataFrame({
        "attainment": attainment, "uncapped": uncapped, "payout": np.minimum(uncapped, plan.cap),
        "capped": uncapped > plan.cap,
    })  # fmt: skip


def paid(
    plan: PayPlan, attainment: Array, quota: Array, team_attainment: Array | float = np.nan
) -> Array:
    """Return the pay at given attainments of any shape, as `payout` does for one period."""
    return np.minimum(_uncapped(plan, attainment, quota, team_attainment), plan.cap)


def _uncapped(
    plan: PayPlan, attainment: Array, quota: Array, team_attainment: Array | float
) -> Array:
    own = (1 - plan.team_share) * credit(plan, attainment)
    if plan.team_share:
        own = own + plan.team_share * credit(plan, team_attainment)
    pay: Array = quota * plan.rate * own
    return pay


def marginal(plan: PayPlan, attainment: Array | float, quota: Array | float) -> Array:
    """Return what the next unit of a rep's own bookings pays, between cliffs; 0 beyond the cap."""
    reached = np.asarray(attainment, dtype=np.float64)
    starts = np.array([start for start, _ in plan.steps])
    factors = np.array([factor for _, factor in plan.steps])
    step = np.searchsorted(starts, reached, side="right") - 1
    rate = plan.rate * (1 - plan.team_share) * np.where(step >= 0, factors[step], 0.0)
    beyond = _uncapped(plan, reached, np.asarray(quota, float), reached) >= plan.cap
    slope: Array = np.where(beyond, 0.0, rate)
    return slope


def shape(plan: PayPlan, quota: float) -> pd.DataFrame:
    """Return the points where the pay of a rep with this quota changes its course.

    Returns
    -------
    DataFrame
        `attainment`, `kind` (start, cliff, drop: more bookings pay less, faster, slower, cap),
        `jump` (money gained or lost by reaching it), `before`, `after` (share paid of the next
        unit of bookings; team and rep taken to reach the same).
    """
    rows = []
    for number, (start, factor) in enumerate(plan.steps):
        before = plan.steps[number - 1][1] if number else 0.0
        jump = _jump(plan, number) * plan.rate * quota
        rows.append((start, _kind(number, jump, before, factor), jump, plan.rate * before,
                     plan.rate * factor))  # fmt: skip
    ceiling = capped_from(plan, quota)
    rows = [row for row in rows if row[0] < ceiling]
    if np.isfinite(ceiling):
        rows.append((ceiling, "cap", 0.0, float(marginal(plan, ceiling - 1e-9, quota)), 0.0))
    return pd.DataFrame(rows, columns=["attainment", "kind", "jump", "before", "after"])


def _jump(plan: PayPlan, number: int) -> float:
    """Credit gained at once by reaching a step."""
    start, factor = plan.steps[number]
    if plan.back == "all":
        before = plan.steps[number - 1][1] if number else 0.0
        return start * (factor - before)
    return start * factor if plan.back == "first" and number == 0 else 0.0


def _kind(number: int, jump: float, before: float, factor: float) -> str:
    if abs(jump) > _TINY:
        return "cliff" if jump > 0 else "drop"
    if number == 0:
        return "start"
    return "faster" if factor > before else "slower"


def capped_from(plan: PayPlan, quota: float) -> float:
    """Return the attainment, of rep and team alike, from which the cap cuts; inf without one."""
    if not np.isfinite(plan.cap) or not quota > 0 or not plan.rate:
        return float("inf")
    wanted = plan.cap / (plan.rate * quota)
    ends = [start for start, _ in plan.steps[1:]] + [float("inf")]
    for (start, factor), end in zip(plan.steps, ends, strict=True):
        reached = float(credit(plan, start))
        if reached >= wanted:
            return start
        own = start + (wanted - reached) / factor if factor > 0 else float("inf")
        if own < end:
            return own
    return float("inf")


def responded(
    old: PayPlan, new: PayPlan, attainment: Array, quota: Array, response: float
) -> Array:
    """Return the factor by which bookings change under an assumed response to another plan.

    factor = (mean of the new marginal rate / mean of the old) ^ response per rep, within a half
    and double. `response` 0: nobody sells more or less because of the plan; that is not measured
    here, and not claimed.

    Parameters
    ----------
    attainment
        Reps × draws under the old plan.
    quota
        Of each rep.
    """
    if not response:
        return np.ones(len(quota))
    base = max(old.rate, _TINY) * 0.05
    rates = [np.maximum(marginal(p, attainment, quota[:, None]).mean(axis=1), base)
             for p in (old, new)]  # fmt: skip
    factor: Array = np.clip((rates[1] / rates[0]) ** response, 1 / LARGEST_CHANGE, LARGEST_CHANGE)
    return factor


def plans_equal(one: PayPlan, other: PayPlan) -> bool:
    """Say whether two plans pay the same, whatever they are called."""
    parts: Mapping[str, object] = {k: v for k, v in one.__dict__.items() if k != "name"}
    return all(other.__dict__[name] == value for name, value in parts.items())
