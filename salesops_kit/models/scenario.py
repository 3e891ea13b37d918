"""What pulling a lever does to bookings, step by step: rates and prices at once, new deals late.

Bookings of a steady flow come from deals that are open already and from those still to begin. With
G(t) the share of wins within t steps of a deal's beginning, the open deals win at F (1 - G(t)) and
new ones at F G(t), which add up to the flow F. Then, with multipliers of win rate w, size s, new
deals p and cycle c,

    F' = F w s [p G(t / c) + (1 - G(t / c)) / c],

since a deal that takes c times as long is won at t when it would have been won at t / c: a faster
cycle brings the open deals forward once, and leaves the flow as it was (Little's law).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from salesops_kit.errors import ParameterError
from salesops_kit.models.series_panel import Array


@dataclass(frozen=True)
class Levers:
    """What is changed from now on: multipliers, 1 is as before; `hires` reps, ramped evenly."""

    win_rate: float = 1.0
    size: float = 1.0
    new_deals: float = 1.0
    cycle: float = 1.0
    hires: int = 0
    ramp_steps: int = 6

    def __post_init__(self) -> None:
        for name in ("win_rate", "size", "new_deals"):
            if not 0 <= getattr(self, name) <= 10:
                raise ParameterError(f"{name} is {getattr(self, name)!r}; use 0 to 10, 1 is as now")
        if not 0.1 <= self.cycle <= 10 or self.hires < 0 or self.ramp_steps < 1:
            raise ParameterError("cycle must be 0.1 to 10, hires 0 or more, ramp_steps 1 or more")


def pulled(base: Array, levers: Levers, lags: Sequence[float], per_rep: float) -> Array:
    """Return bookings with the levers pulled.

    Parameters
    ----------
    base
        What is forecast, by step, in the last axis: one path or draws of it.
    levers
        What is changed from the first step on.
    lags
        Steps from beginning to winning of the deals won lately.
    per_rep
        Bookings of a full rep per step; one hired now reaches it after `ramp_steps`, in equal
        parts, and the first wins no earlier than deals take.
    """
    middle: Array = np.arange(base.shape[-1], dtype="float64") + 0.5
    flow = base * _factor(middle, levers, np.asarray(lags, dtype="float64"))
    if not levers.hires:
        return flow
    full = np.minimum((middle + 0.5) / levers.ramp_steps, 1.0)
    began = _won_by(np.asarray(middle / levers.cycle), np.asarray(lags, dtype="float64"))
    added = levers.hires * per_rep * full * began * levers.win_rate * levers.size
    result: Array = flow + added
    return result


def _factor(steps: Array, levers: Levers, lags: Array) -> Array:
    new = _won_by(np.asarray(steps / levers.cycle), lags)
    return levers.win_rate * levers.size * (levers.new_deals * new + (1 - new) / levers.cycle)


def _won_by(steps: Array, lags: Array) -> Array:
    """Return the share of wins within so many steps of the beginning; all, where none is known."""
    if not len(lags):
        return np.ones_like(steps)
    result: Array = np.searchsorted(np.sort(lags), steps, side="right") / len(lags)
    return result
