"""What an event did to those who took part: difference in differences, staggered starts.

Units are observed in steps of time. Who took part is compared with who had not taken part yet, each
with its own past (staggered starts: Callaway & Sant'Anna 2021, not-yet-treated controls). Steps
just before an event are left out on both sides: who is chosen for having had a bad quarter would
get better without the event too (regression to the mean, Ashenfelter's dip).

Inference is by units: the same estimate is drawn again with the units' schedules exchanged
(randomisation test, studentised), so that few units and noise beyond chance are allowed for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Steps = npt.NDArray[np.int64]

NEVER = 1_000_000  # the step of units that never took part
LEVEL = 0.05  # of the test; intervals hold 1 - LEVEL
POWER = 0.8  # with which the smallest detectable effect would be seen
DRAWS, TREND_DRAWS = 399, 99
BIN = 3  # steps per bin of an event study
FEWEST = 4  # units that took part, and as many that did not, from which on anything is estimated
_LEAST_BEFORE = 3.0  # cases a unit must have had before


@dataclass(frozen=True)
class Windows:
    """Steps around an event: `before` of them compared, `skip` left out, `after` counted.

    The step of the event itself counts on neither side.
    """

    before: int = 12
    skip: int = 3
    after: int = 6

    def __post_init__(self) -> None:
        if self.before < 1 or self.skip < 0 or self.after < 1:
            raise ParameterError(f"windows need before and after above 0, skip not below: {self}")

    @property
    def base(self) -> tuple[int, int]:
        """First and last step before the event that are compared, relative to it."""
        return -self.skip - self.before, -self.skip - 1

    @property
    def counted(self) -> tuple[int, int]:
        """First and last step after the event."""
        return 1, self.after


@dataclass(frozen=True)
class Panel:
    """Units × steps: sums of the outcome and the cases behind them; 0 cases is no observation."""

    total: Array
    n: Array

    def __post_init__(self) -> None:
        if self.total.shape != self.n.shape or self.n.ndim != 2:
            raise ParameterError("total and n must be units × steps of the same shape")
        if (self.n < 0).any():
            raise ParameterError("n must not be negative")


@dataclass(frozen=True)
class Schedule:
    """Per unit the step of its first event, `NEVER` if none, and steps of events of other kinds.

    Who had another event from the beginning of the comparison on is no control.
    """

    first: Steps
    other: Mask | None = None

    def exchanged(self, order: npt.NDArray[np.intp]) -> "Schedule":
        """Return the schedule with units exchanged."""
        return Schedule(self.first[order], None if self.other is None else self.other[order])


class Effect(NamedTuple):
    """An effect with its interval, the test's p and the smallest effect it would have seen."""

    value: float
    lower: float
    upper: float
    p: float
    detectable: float
    error: float
    treated: int
    controls: int


@dataclass(frozen=True)
class EventStudy:
    """What an event did.

    `effect`: mean over the counted steps after. `bins`: (first, last, value, lower, upper) per span
    of steps relative to the event. `trend_p`: chance that the largest departure before the event,
    outside the window left out, is luck; `departure`: its size.
    """

    effect: Effect
    bins: list[tuple[int, int, float, float, float]] = field(default_factory=list)
    trend_p: float = float("nan")
    departure: float = float("nan")


_NAN = float("nan")
MISSING = Effect(_NAN, _NAN, _NAN, _NAN, _NAN, _NAN, 0, 0)


class _Found(NamedTuple):
    value: float
    error: float
    treated: int
    controls: int

    @property
    def ratio(self) -> float:
        return self.value / self.error if self.error > 0 else 0.0


def event_study(
    panel: Panel, schedule: Schedule, windows: Windows, *, seed: int = 0, draws: int = DRAWS
) -> EventStudy:
    """Estimate what an event did, and look for departures before it.

    Parameters
    ----------
    panel
        Outcomes; an adjusted rate is a sum of (hit - expected).
    schedule
        Who took part when.
    windows
        Steps compared, left out and counted.
    seed, draws
        Of the randomisation test.

    Returns
    -------
    EventStudy
        Missing where fewer than four units on either side can be compared. Reported intervals hold
        95 %; those of bins use the main effect's ratio and speak of one bin at a time.
    """
    effect = event_effect(panel, schedule, windows, seed=seed, draws=draws)
    if not effect.error > 0:
        return EventStudy(effect)
    usable = left_out(panel, schedule, windows)
    early = list(_bins(*windows.base))
    others = _exchanged(usable, schedule, (seed, TREND_DRAWS))
    largest = np.array([_largest(usable, other, windows, early) for other in others])
    seen = _largest(usable, schedule, windows, early)
    trend_p = (1 + int((largest >= seen - 1e-12).sum())) / (len(largest) + 1)
    bins = _shown(panel, schedule, windows, (effect.upper - effect.value) / effect.error)
    before = [abs(one[2]) for one in bins if one[1] < -windows.skip and np.isfinite(one[2])]
    return EventStudy(effect, bins, trend_p, max(before, default=0.0))


def event_effect(
    panel: Panel, schedule: Schedule, windows: Windows, *, seed: int = 0, draws: int = DRAWS
) -> Effect:
    """Estimate what an event did, mean over the counted steps after; as `event_study` does."""
    usable = left_out(panel, schedule, windows)
    main = _found(usable, schedule, windows, windows.counted)
    if min(main.treated, main.controls) < FEWEST or not main.error > 0:
        return MISSING._replace(treated=main.treated, controls=main.controls)
    ratios = np.nan_to_num([_found(usable, other, windows, windows.counted).ratio
                            for other in _exchanged(usable, schedule, (seed, draws))])  # fmt: skip
    limit = float(np.quantile(np.abs(ratios), 1 - LEVEL))
    more = float(np.quantile(np.abs(ratios), 2 * POWER - 1))
    p = (1 + int((np.abs(ratios) >= abs(main.ratio) - 1e-12).sum())) / (len(ratios) + 1)
    return Effect(
        main.value, main.value - limit * main.error, main.value + limit * main.error, p,
        (limit + more) * main.error, main.error, main.treated, main.controls,
    )  # fmt: skip


def left_out(panel: Panel, schedule: Schedule, windows: Windows) -> Panel:
    """Return the panel without each unit's window before its event and the event's own step."""
    steps = np.arange(panel.n.shape[1])
    away = steps[None, :] - schedule.first[:, None]
    hidden = (away >= -windows.skip) & (away <= 0)
    return Panel(np.where(hidden, 0.0, panel.total), np.where(hidden, 0.0, panel.n))


def plain_change(
    panel: Panel, schedule: Schedule, before: tuple[int, int], after: tuple[int, int]
) -> tuple[float, float, float]:
    """Return how those who took part changed, with 95 % bounds: what is usually called the effect.

    No comparison with anybody: what everybody gained and what a bad start gave back are part of it.
    """
    then, now = (_sums(panel, schedule, span) for span in (before, after))
    both = (then[1] > 0) & (now[1] > 0)
    if both.sum() < FEWEST:
        return float("nan"), float("nan"), float("nan")
    change = now[0][both] / now[1][both] - then[0][both] / then[1][both]
    weight = now[1][both] * then[1][both] / (now[1][both] + then[1][both])
    mean = float((weight * change).sum() / weight.sum())
    pull = weight / weight.sum() * (change - mean)
    half = 1.96 * float(np.sqrt((pull**2).sum() * both.sum() / (both.sum() - 1)))
    return mean, mean - half, mean + half


def compared_change(
    panel: Panel, schedule: Schedule, windows: Windows
) -> tuple[float, float, float]:
    """Return the plain difference in differences with normal 95 % bounds, no window left out.

    For comparison with `event_study` only.
    """
    found = _found(panel, schedule, windows, windows.counted)
    if min(found.treated, found.controls) < FEWEST:
        return float("nan"), float("nan"), float("nan")
    return found.value, found.value - 1.96 * found.error, found.value + 1.96 * found.error


def _sums(panel: Panel, schedule: Schedule, span: tuple[int, int]) -> tuple[Array, Array]:
    """Sum each treated unit's outcome and cases over steps relative to its event."""
    steps = np.arange(panel.n.shape[1])
    away = steps[None, :] - schedule.first[:, None]
    inside = (away >= span[0]) & (away <= span[1])
    return (panel.total * inside).sum(axis=1), (panel.n * inside).sum(axis=1)


def _found(panel: Panel, schedule: Schedule, windows: Windows, span: tuple[int, int]) -> _Found:
    """Estimate one span of steps after or before the events, over all starts."""
    units, length = panel.n.shape
    pull, value, weight_sum = np.zeros(units), 0.0, 0.0
    took, stayed = np.zeros(units, dtype=bool), np.zeros(units, dtype=bool)
    for start in np.unique(schedule.first[schedule.first < length]):
        base = _clipped(start, windows.base, length)
        steps = _clipped(start, span, length)
        if len(base) < 1 or len(steps) < 1:
            continue
        change, weight = _changes(panel, base, steps)
        mine = schedule.first == start
        clean = _clean(schedule, windows, steps, base)
        weights = weight * mine[:, None], weight * clean
        sums = [w.sum(axis=0) for w in weights]
        use = (sums[0] > 0) & (sums[1] > 0)
        if not use.any():
            continue
        means = [(w * change).sum(axis=0)[use] / s[use] for w, s in zip(weights, sums, strict=True)]
        size = sums[0][use]
        value += float((size * (means[0] - means[1])).sum())
        weight_sum += float(size.sum())
        for sign, w, mean, s in zip((1, -1), weights, means, sums, strict=True):
            part = w[:, use] * (change[:, use] - mean) * (size / s[use])
            pull += sign * part.sum(axis=1)
        took |= (weights[0][:, use] > 0).any(axis=1)
        stayed |= (weights[1][:, use] > 0).any(axis=1)
    if weight_sum == 0:
        return _Found(float("nan"), float("nan"), 0, 0)
    pull /= weight_sum
    error = float(np.sqrt(_spread(pull, took & ~stayed) + _spread(pull, stayed)))
    return _Found(value / weight_sum, error, int(took.sum()), int(stayed.sum()))


def _spread(pull: Array, of: Mask) -> float:
    n = int(of.sum())
    return float((pull[of] ** 2).sum()) * n / (n - 1) if n > 1 else 0.0


def _changes(panel: Panel, base: Steps, steps: Steps) -> tuple[Array, Array]:
    """Return each unit's change against its own past per step, and the weight it deserves.

    Over all steps a unit weighs n_before n_after / (n_before + n_after): one over the variance.
    """
    before = panel.n[:, base].sum(axis=1)
    past = panel.total[:, base].sum(axis=1) / np.maximum(before, 1e-300)
    n = panel.n[:, steps]
    after = n.sum(axis=1)
    weight = n * (before / np.maximum(before + after, 1e-300))[:, None]
    weight[before < _LEAST_BEFORE] = 0.0
    change = np.where(n > 0, panel.total[:, steps] / np.maximum(n, 1e-300) - past[:, None], 0.0)
    return change, weight


def _clean(schedule: Schedule, windows: Windows, steps: Steps, base: Steps) -> Mask:
    """Mark units × steps of who has not taken part yet, nor is about to, nor in anything else."""
    clean = schedule.first[:, None] > steps[None, :] + windows.skip
    if schedule.other is not None:
        counted = np.cumsum(schedule.other, axis=1)
        until = np.minimum(steps + windows.skip, counted.shape[1] - 1)
        begun = counted[:, base[0] - 1] if base[0] > 0 else np.zeros(len(counted), dtype="int64")
        clean &= counted[:, until] == begun[:, None]
    return np.asarray(clean)


def _clipped(start: int, span: tuple[int, int], length: int) -> Steps:
    return np.arange(max(start + span[0], 0), min(start + span[1] + 1, length))


def _bins(first: int, last: int) -> Sequence[tuple[int, int]]:
    """Cut a span of steps into bins that end at `last`."""
    ends = range(last, first - 1, -BIN)
    return [(max(end - BIN + 1, first), end) for end in ends][::-1]


def _largest(
    panel: Panel, schedule: Schedule, windows: Windows, spans: Sequence[tuple[int, int]]
) -> float:
    found = [_found(panel, schedule, windows, span).ratio for span in spans]
    return float(np.nanmax(np.abs(np.nan_to_num(found)))) if len(found) > 1 else 0.0


def _exchanged(panel: Panel, schedule: Schedule, luck: tuple[int, int]) -> Iterator[Schedule]:
    """Draw schedules with the units exchanged that have any cases; `luck`: seed and draws."""
    rng = np.random.default_rng(luck[0])
    there = np.flatnonzero(panel.n.sum(axis=1) >= _LEAST_BEFORE)
    for _ in range(luck[1]):
        order = np.arange(len(schedule.first))
        order[there] = rng.permutation(there)
        yield schedule.exchanged(order)


def _shown(
    panel: Panel, schedule: Schedule, windows: Windows, limit: float
) -> list[tuple[int, int, float, float, float]]:
    """Return the bins of the plot, the window left out shown as it was."""
    last = windows.after
    after = [(step, min(step + BIN - 1, last)) for step in range(1, last + 1, BIN)]
    rows = []
    for span in [*_bins(*windows.base), *_bins(-windows.skip, -1), *after]:
        found = _found(panel, schedule, windows, span)
        half = limit * found.error
        rows.append((*span, found.value, found.value - half, found.value + half))
    return rows
