"""What is taken out of series before they are forecast: spikes, breaks, and holidays.

A lasting step (a price list, a merged team) is taken out of the past, so that every method and
every calibration sees the level of today. Holidays that move between periods, such as lunar new
year, are known beforehand: their share of each period's days explains part of the past and is
put back into the forecast, whatever the method.
"""

from dataclasses import dataclass, replace

import numpy as np

from salesops_kit.models.series_panel import Array, Panel, Scale, scale_of
from salesops_kit.models.series_spikes import despiked

_SIDE = 6  # steps on each side of a break that must agree
_CLEAR = 3.0  # robust standard deviations of such differences elsewhere in the series
_LEAST = 0.18  # of the level: smaller steps are within what every method follows
FEWEST_SEASONS = 3  # a holiday seen twice cannot be told from chance
_BEYOND = np.log(4)  # by which a forecast may leave what its past has seen
_GAIN = 2.0  # a regressor must lower the Schwarz criterion by more than this


@dataclass(frozen=True)
class Prepared:
    """A panel without spikes, breaks and holiday effects.

    `least`: per series the least value that can be, 0 where none was ever negative. `broke`: per
    series, steps from the break to the end; 0 where there is none. `effect`: series x steps
    ahead, of the holidays, on `scale`.
    """

    panel: Panel
    scale: Scale
    least: tuple[float, ...]
    broke: tuple[int, ...]
    effect: Array

    def back(self, table: Array) -> Array:
        """Put the holidays of the steps ahead into a forecast."""
        effect = self.effect[:, : table.shape[1]]
        if not effect.any():
            return table
        return self.scale.back(self.scale.there(table) + effect)

    def possible(self, table: Array) -> Array:
        """Return a forecast in the units of the series, holidays put in, none that cannot be.

        What was never negative does not become so, and nothing is more than four times what the
        past has seen: a trend of five values, or an effect that ran away, tells nothing of that.
        """
        known = self.scale.onto(self.panel).known
        low = np.array([there.min(initial=0.0) for there in known])[:, None] - _BEYOND
        high = np.array([there.max(initial=0.0) for there in known])[:, None] + _BEYOND
        result = self.scale.back(np.clip(self.scale.there(self.back(table)), low, high))
        possible: Array = np.maximum(result, np.array(self.least)[:, None])
        return possible


def prepared(panel: Panel, horizon: int) -> Prepared:
    """Take spikes, lasting steps and the effect of moving holidays out of every series."""
    calm = tuple(despiked(value, panel.season)[0] for value in panel.known)
    panel = replace(panel, known=calm)
    scale = scale_of(panel)
    clean, ahead, broke = [], [], []
    for value in scale.onto(panel).known:
        past, effect = _holidays(value, panel, horizon)
        flat = value - past
        since, step = break_in(flat, panel.season)
        if since:
            flat = flat.copy()
            flat[: len(flat) - since] += step
        clean.append(flat)
        ahead.append(effect)
        broke.append(since)
    changed = [2 * c * np.sinh(z) for z, c in zip(clean, scale.bend, strict=True)]
    effects = np.array(ahead).reshape(len(panel), horizon)
    least = tuple(0.0 if (value >= 0).all() else -np.inf for value in panel.known)
    return Prepared(replace(panel, known=tuple(changed)), scale, least, tuple(broke), effects)


def break_in(value: Array, season: int) -> tuple[int, float]:
    """Find a lasting step of the last two seasons: steps since it, and its height.

    Changes from step to step, less the usual change of that part of the year, are summed to a
    level; the level before and after each moment are compared, six steps a side. A break stands
    out from all such differences of the series by three robust standard deviations, is worth 18 %
    and happens within one step. (0, 0.0) where there is none. Measured on 300 series of M3: found
    in 81 % with a planted step of 30-100 %, in 8 % of the same series without.
    """
    n = len(value)
    if n < max(3 * season, 4 * _SIDE):
        return 0, 0.0
    change = np.diff(value)
    place = np.arange(n - 1) % season
    usual = np.array([np.median(change[place == p]) for p in range(season)])
    left = change - usual[place]
    level = np.concatenate([[0.0], np.cumsum(left)])
    sums = np.concatenate([[0.0], np.cumsum(level)])
    start = np.arange(_SIDE, n - _SIDE + 1)
    moved = (sums[start + _SIDE] - 2 * sums[start] + sums[start - _SIDE]) / _SIDE
    spread = 1.4826 * float(np.median(np.abs(moved - np.median(moved))))
    recent = np.where(start >= n - 2 * season, np.abs(moved), 0.0)
    best = int(recent.argmax())
    height = float(moved[best])
    if abs(height) < max(_CLEAR * spread, _LEAST):
        return 0, 0.0
    near = np.arange(max(int(start[best]) - 2, 1), min(int(start[best]) + 3, n))
    sharp = np.sign(height) * left[near - 1]
    at = int(near[sharp.argmax()])
    if sharp.max() < abs(height) / 2:  # a slope, not a step
        return 0, 0.0
    before, after = level[max(at - season, 0) : at], level[at : at + season]
    return n - at, float(np.median(after) - np.median(before))


def _holidays(value: Array, panel: Panel, horizon: int) -> tuple[Array, Array]:
    """Return the effect of the drivers on one series: in the past, and ahead.

    Least squares of the changes on the changes of the drivers, both less the mean of that part
    of the year; block by block, the one that explains most first, as long as the Schwarz
    criterion says that it explains something.
    """
    n, nothing = len(value), (np.zeros(len(value)), np.zeros(horizon))
    if panel.drivers is None or n < FEWEST_SEASONS * panel.season + 1:
        return nothing
    end = len(panel.drivers) - panel.ahead
    around = _without_season(panel.drivers, panel.season)[end - n : end + horizon]
    y = _without_season(np.diff(value)[:, None], panel.season)[:, 0]
    x = _without_season(np.diff(around[:n], axis=0), panel.season)
    moving = np.ptp(x, axis=0) > 1e-9
    blocks = [[c for c in columns if moving[c]] for columns in panel.columns()]
    chosen = _explaining(y, x, [block for block in blocks if block])
    if not chosen:
        return nothing
    effect = around[:, chosen] @ np.linalg.lstsq(x[:, chosen], y, rcond=None)[0]
    past = effect[:n]
    # what no year has shown is not expected of the next
    return past, np.clip(effect[n : n + horizon], past.min(), past.max())


def _explaining(y: Array, x: Array, blocks: list[list[int]]) -> list[int]:
    """Return the columns of the blocks that lower the Schwarz criterion, chosen one by one."""
    chosen: list[int] = []
    left, now = list(blocks), _criterion(y, x[:, []])
    while left:
        scores = [_criterion(y, x[:, chosen + block]) for block in left]
        best = int(np.argmin(scores))
        if scores[best] > now - _GAIN:
            break
        chosen, now = chosen + left.pop(best), scores[best]
    return chosen


def _criterion(y: Array, x: Array) -> float:
    """Return the Schwarz criterion of a regression, up to a constant."""
    left = y - x @ np.linalg.lstsq(x, y, rcond=None)[0] if x.shape[1] else y
    whole = float(y @ y)
    if whole <= 0:
        return 0.0
    share = max(float(left @ left) / whole, 1e-12)
    return float(len(y) * np.log(share) + x.shape[1] * np.log(len(y)))


def _without_season(table: Array, season: int) -> Array:
    """Subtract from each row the mean of its part of the year."""
    place = np.arange(len(table)) % season
    count = np.bincount(place, minlength=season)[:, None]
    total = np.stack([np.bincount(place, column, season) for column in table.T], axis=1)
    result: Array = table - (total / np.maximum(count, 1))[place]
    return result
