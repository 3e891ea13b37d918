"""Where and since when something got worse: a scan over stages, slices and months.

A baseline without months says what each cell should show; what is left over is compared before
and after every month, in every slice of one and two dimensions, with a score test whose variance
holds both chance and the month-to-month noise of the business. The evidence of all hypotheses
together is judged once, against worlds drawn from the baseline with that noise: one family-wise
error, however many slices are looked at.

Formulas and measured accuracy: docs/accuracy.md, docs/methods.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit, log_ndtr, logsumexp

from salesops_kit.models.maineffects import Family, fit
from salesops_kit.models.month_noise import month_noise, passed_on, without_common
from salesops_kit.models.slices import Lattice, Slice

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

PRIOR_VARIANCE = 0.36  # of a true change on the link scale: a typical change is ±0.6
# of a change that was found: what stands out is no typical change, and the narrow prior would
# call it too small
FOUND_VARIANCE = 1.0
ORDER_PRIOR = {0: 0.1, 1: 0.5, 2: 0.4}  # everything, one dimension, two dimensions
RAMP_PRIOR = 0.25
RAMP_MONTHS = 3
LEVEL = 0.05
DRAWS = 199
_BATCH = 40  # worlds drawn at once: bounds the memory
_ENOUGH = 10  # drawn worlds with more evidence: p is above 0.05, whatever else is drawn
MOST_CAUSES = 6
_STEPS = 8
_STEP_ENOUGH = 0.005
_NOTHING = 1e-9
LEAST_MONTHS = 2  # of each side of a change
_LEAST_INFORMATION = 8.0  # of each side: about 40 exits at an even chance


@dataclass(frozen=True)
class StageCounts:
    """Sufficient statistics of one stage: one row per cell, month and age.

    `hits` of `trials`: advanced of exits (quality), exits of days at risk (speed).
    `breaks`: months from which the process was another one; the level may jump there.
    """

    stage: str
    cell: Codes
    month: Codes
    age: Codes
    hits: Array
    trials: Array
    breaks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Cause:
    """One confirmed change for the worse.

    `posterior`: chance that it is exactly this stage and slice, given that something changed.
    `changed`: chance that something did, at even odds before the data were seen.
    `month`: likeliest first month (position); `months`: the 90 % set. `change` (link scale:
    log-odds or log rate) with its 90 % interval, shrunk. `p`: family-wise. `runners_up`: the next
    likely (stage, slice, posterior).
    """

    stage: str
    slice: Slice
    posterior: float
    changed: float
    p: float
    month: int
    months: tuple[int, ...]
    ramp: bool
    change: float
    lower: float
    upper: float
    runners_up: tuple[tuple[str, Slice, float], ...]


@dataclass(frozen=True)
class Scan:
    """What a scan found: causes in the order found, and the p-value of the next, refused, one.

    `suspect`: the likeliest of what was refused; not a finding, a place to look.
    """

    causes: tuple[Cause, ...]
    next_p: float
    noise: dict[str, float] = field(default_factory=dict)
    suspect: Cause | None = None


@dataclass(frozen=True)
class Counted:
    """What is scanned: counts per stage over `cells`, month 0 to `months` - 1.

    `cells`: one row per cell, one text column per dimension. `family`: "binomial" for quality,
    "poisson" for speed. `alone`: dimensions not crossed with others (reps).
    """

    stages: Sequence[StageCounts]
    cells: pd.DataFrame
    family: Family
    months: int
    alone: tuple[str, ...] = ()


def scan(
    counted: Counted, rng: np.random.Generator, *, level: float = LEVEL, draws: int = DRAWS
) -> Scan:
    """Look for changes for the worse until nothing significant is left.

    `level` is the family-wise error allowed at each step, over all stages, slices and months.
    """
    lattice = Lattice.of(counted.cells, counted.alone)
    found: list[Cause] = []
    while True:
        views = [
            _View.of(stage, lattice, counted, found)
            for stage in counted.stages
            if stage.trials.sum() > 0
        ]
        if not views:
            return Scan(tuple(found), 1.0)
        weighed = _Evidence.of(views, lattice, counted.months)
        judged = _judged(weighed, rng, draws)
        if judged.p > level or len(found) == MOST_CAUSES:
            return Scan(tuple(found), judged.p, weighed.noise_found(), weighed.likeliest(judged))
        found.append(_measured(weighed, judged, counted, found))


def templates(months: int) -> tuple[Array, Codes, npt.NDArray[np.bool_]]:
    """Return the shapes a change can have (months × shapes), their first month, and if they ramp.

    >>> templates(4)[0][:, 0].tolist()
    [0.0, 0.0, 1.0, 1.0]
    """
    at = np.arange(months)
    firsts = range(LEAST_MONTHS, months - LEAST_MONTHS + 1)
    steps = [(first, False, (at >= first).astype(float)) for first in firsts]
    ramps = [
        (first, True, np.clip((at - first + 1) / RAMP_MONTHS, 0, 1))
        for first in firsts
        if first + RAMP_MONTHS <= months
    ]
    every = steps + ramps
    shape = np.array([s for _, _, s in every]).reshape(len(every), months).T
    return shape, np.array([f for f, _, _ in every]), np.array([r for _, r, _ in every], dtype=bool)


@dataclass(frozen=True)
class _View:
    """One stage as the scan sees it: residual and variance per slice and month."""

    stage: str
    residual: Array
    variance: Array
    cell_variance: Array

    @classmethod
    def of(
        cls,
        counts: StageCounts,
        lattice: Lattice,
        counted: Counted,
        found: Sequence[Cause],
    ) -> "_View":
        factors = _factors(counts, lattice, found)
        fitted = fit(counts.hits, counts.trials, factors, counted.family)
        months = counted.months
        place = counts.cell * months + counts.month
        size = lattice.matrix.shape[1] * months
        left = np.bincount(place, counts.hits - fitted.expected, size).reshape(-1, months)
        variance = np.bincount(place, fitted.variance, size).reshape(-1, months)
        spread = variance.astype("float64")
        return cls(counts.stage, lattice.matrix @ left, lattice.matrix @ spread, spread)


def _factors(counts: StageCounts, lattice: Lattice, found: Sequence[Cause]) -> list[Codes]:
    """Return what the baseline adjusts for: dimensions, age, another process, causes found."""
    factors = [codes[counts.cell] for codes in lattice.codes] + [counts.age]
    factors += [(counts.month >= b).astype("int64") for b in counts.breaks]
    return factors + [_column(c, counts, lattice) for c in found if c.stage == counts.stage]


def _column(cause: Cause, counts: StageCounts, lattice: Lattice) -> Codes:
    """Which rows a cause found earlier touches: as a factor, with one level per step of a ramp."""
    reached = np.clip(counts.month - cause.month + 1, 0, RAMP_MONTHS if cause.ramp else 1)
    return np.where(lattice.inside(cause.slice)[counts.cell], reached, 0).astype("int64")


@dataclass(frozen=True)
class _Geometry:
    """What of the evidence depends on variances alone, and so is the same in every drawn world."""

    shape: Array  # months × shapes
    mean: Array  # slices × shapes: the shape's mean, weighted
    information: Array  # slices × shapes
    noise_factor: Array  # slices × shapes: how month noise enters the variance of a change
    allowed: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, variance: Array, shape: Array) -> "_Geometry":
        total = variance.sum(axis=1, keepdims=True)
        safe = np.where(total > 0, total, 1.0)
        mean = variance @ shape / safe
        information = np.maximum(variance @ shape**2 - total * mean**2, 0.0)
        squared = variance**2
        factor = (
            squared @ shape**2
            - 2 * mean * (squared @ shape)
            + mean**2 * squared.sum(axis=1, keepdims=True)
        )
        after = variance @ shape
        enough = (after >= _LEAST_INFORMATION) & (total - after >= _LEAST_INFORMATION)
        return cls(shape, mean, information, np.maximum(factor, 0.0), enough)

    def evidence(self, residual: Array, noise: Array) -> tuple[Array, Array, Array]:
        """Return log Bayes factor, change and its precision.

        `residual`: slices × months × worlds, `noise`: slices × worlds; results slices × shapes ×
        worlds.
        """
        slope = self.shape.T @ residual
        slope -= self.mean[:, :, None] * residual.sum(axis=1)[:, None, :]
        information = np.where(self.allowed, self.information, 1.0)[:, :, None]
        change = slope / information
        variance = 1 / information + noise[:, None, :] * (
            self.noise_factor[:, :, None] / information**2
        )
        precision = 1 / variance
        return _log_bayes(change, precision, self.allowed), change, precision


def _log_bayes(change: Array, precision: Array, allowed: npt.NDArray[np.bool_]) -> Array:
    """Log Bayes factor of a change for the worse, prior N(0, PRIOR_VARIANCE) on its lower half."""
    ratio = precision[allowed] * PRIOR_VARIANCE
    z = change[allowed] * np.sqrt(precision[allowed])
    shrink = ratio / (1 + ratio)
    value = np.full(change.shape, -np.inf)
    value[allowed] = (
        -0.5 * np.log1p(ratio) + 0.5 * z**2 * shrink + np.log(2) + log_ndtr(-z * np.sqrt(shrink))
    )
    return value


@dataclass(frozen=True)
class _Judged:
    """How sure it is that anything changed: family-wise `p`, and the chance that it did."""

    p: float
    changed: float


@dataclass(frozen=True)
class _Evidence:
    """The evidence of every hypothesis in the observed world."""

    views: Sequence[_View]
    lattice: Lattice
    geometry: Sequence[_Geometry]
    log_prior: Array  # slices × shapes
    weight: Sequence[Array]  # per stage: slices × shapes, log prior + log Bayes factor
    change: Sequence[Array]
    precision: Sequence[Array]
    noise: Array  # per slice, as found among those of its kind
    passed: Array  # per slice, with what its dimensions pass on
    shares: Array  # slices × dimensions, see `Lattice.shares`
    firsts: Codes
    ramps: npt.NDArray[np.bool_]
    total: float

    @classmethod
    def of(cls, views: Sequence[_View], lattice: Lattice, months: int) -> "_Evidence":
        shape, firsts, ramps = templates(months)
        prior = _log_prior(lattice, firsts, ramps, len(views))
        geometry, weight, change, precision = [], [], [], []
        residuals = [view.residual[:, :, None] for view in views]
        noise = month_noise(residuals, [view.variance for view in views], lattice)
        shares = lattice.shares(np.sum([view.cell_variance.sum(axis=1) for view in views], axis=0))
        passed = passed_on(noise, shares, lattice)
        for view, residual in zip(views, residuals, strict=True):
            measured = _Geometry.of(view.variance, shape)
            left = without_common(residual, view.variance, passed)
            bayes, moved, sure = measured.evidence(left, passed)
            geometry.append(measured)
            weight.append(prior + bayes[:, :, 0])
            change.append(moved[:, :, 0])
            precision.append(sure[:, :, 0])
        total = float(logsumexp(np.concatenate([w.ravel() for w in weight])))
        return cls(views, lattice, geometry, prior, weight, change, precision, noise[:, 0],
                   passed[:, 0], shares, firsts, ramps, total)  # fmt: skip

    def noise_found(self) -> dict[str, float]:
        """Return the month noise found: dimension → standard deviation on the link scale."""
        return {
            " × ".join(dims): float(np.sqrt(self.noise[np.flatnonzero(self.lattice.group == n)[0]]))
            for n, dims in enumerate(self.lattice.groups)
        }

    def likeliest(self, judged: _Judged, sharper: tuple[float, float] = (1.0, 1.0)) -> Cause:
        """Describe the likeliest cause.

        `sharper`: what a full fit makes of the change and of its precision, as ratios.
        """
        posterior, stage, number = self._ranked()[0]
        shapes = self._shapes(stage, number)
        top = int(np.argmax(shapes))
        change, lower, upper = _shrunk(
            self.change[stage][number] * sharper[0], self.precision[stage][number] * sharper[1],
            shapes,
        )  # fmt: skip
        others = tuple(
            (self.views[s].stage, self.lattice.slices[n], q) for q, s, n in self._ranked()[1:4]
        )
        return Cause(
            self.views[stage].stage, self.lattice.slices[number], posterior,
            judged.changed, judged.p, int(self.firsts[top]),
            _credible(self.firsts, shapes), bool(self.ramps[top]), change, lower, upper, others,
        )  # fmt: skip

    def _ranked(self) -> list[tuple[float, int, int]]:
        """Return posterior, stage and slice of every place, best first."""
        flat = [
            (float(value), stage, number)
            for stage, weight in enumerate(self.weight)
            for number, value in enumerate(np.exp(logsumexp(weight, axis=1) - self.total))
        ]
        return sorted(flat, key=lambda item: -item[0])

    def _shapes(self, stage: int, number: int) -> Array:
        """Return the posterior of the shapes, given the place."""
        weight = self.weight[stage][number]
        return np.asarray(np.exp(weight - logsumexp(weight)))


def _measured(
    weighed: _Evidence, judged: _Judged, counted: Counted, found: Sequence[Cause]
) -> Cause:
    """Describe the likeliest cause, its change measured by a fit instead of a single step.

    A score test's step is too short for large changes. Newton steps on the change alone, all else
    fitted anew each time, end at the maximum of the likelihood. A part of the business is held
    against the rest in the same months: holidays and seasons are no change of its own.
    """
    lattice = weighed.lattice
    _, place, number = weighed._ranked()[0]
    shape_at = int(np.argmax(weighed._shapes(place, number)))
    shape = templates(counted.months)[0][:, [shape_at]]
    (counts,) = [s for s in counted.stages if s.stage == weighed.views[place].stage]
    mine = lattice.inside(lattice.slices[number])[counts.cell]
    reached = np.where(mine, shape[counts.month, 0], 0.0)
    noise = weighed.passed[[number]][:, None]
    within = bool(lattice.slices[number].order)
    factors = _factors(counts, lattice, found) + ([counts.month] if within else [])
    change, precision = 0.0, 1.0
    for _ in range(_STEPS):
        fitted = fit(counts.hits, counts.trials, factors, counted.family, change * reached)
        left = _by_month(counts, counted.months, counts.hits - fitted.expected, mine)
        spread = _by_month(counts, counted.months, fitted.variance, mine)
        if within:  # what the rest does not tell of the month
            whole = _by_month(counts, counted.months, fitted.variance, mine | True)
            spread = spread * (1 - spread / np.maximum(whole, _NOTHING))
        _, step, sure = _Geometry.of(spread, shape).evidence(left[:, :, None], noise)
        change, precision = change + float(step[0, 0, 0]), float(sure[0, 0, 0])
        if abs(step[0, 0, 0]) < _STEP_ENOUGH:
            break
    first, of_first = weighed.change[place], weighed.precision[place]
    return weighed.likeliest(
        judged,
        (change / float(first[number, shape_at]), precision / float(of_first[number, shape_at])),
    )


def _by_month(
    counts: StageCounts, months: int, values: Array, part: npt.NDArray[np.bool_]
) -> Array:
    """Sum the values of some rows per month; one row, as of one slice."""
    return np.bincount(counts.month[part], values[part], months).astype("float64")[None, :]


def _log_prior(lattice: Lattice, firsts: Codes, ramps: npt.NDArray[np.bool_], stages: int) -> Array:
    sizes = np.bincount(lattice.group)
    orders = [len(dims) for dims in lattice.groups]
    alike = np.array([orders.count(order) for order in orders])
    # alike for all dimensions: forty reps are no likelier a cause than five regions
    per_group = np.array([ORDER_PRIOR[order] for order in orders]) / alike
    per_slice = (per_group / per_group.sum() / sizes)[lattice.group]
    share = np.where(ramps, RAMP_PRIOR, 1 - RAMP_PRIOR) if ramps.any() else np.ones(len(firsts))
    numbers = np.where(ramps, max(int(ramps.sum()), 1), max(int((~ramps).sum()), 1))
    prior: Array = np.log(per_slice)[:, None] + np.log(share / numbers)[None, :] - np.log(stages)
    return prior


def _credible(firsts: Codes, shapes: Array, mass: float = 0.9) -> tuple[int, ...]:
    """Return the smallest set of first months that holds `mass`."""
    months = np.unique(firsts)
    share = np.array([shapes[firsts == m].sum() for m in months])
    order = np.argsort(-share, kind="stable")
    needed = int(np.searchsorted(np.cumsum(share[order]), mass * share.sum()) + 1)
    return tuple(sorted(int(m) for m in months[order[:needed]]))


def _shrunk(change: Array, precision: Array, shapes: Array) -> tuple[float, float, float]:
    """Posterior mean and 90 % interval of the change, over all shapes."""
    shrink = precision * FOUND_VARIANCE / (1 + precision * FOUND_VARIANCE)
    mean = change * shrink
    variance = FOUND_VARIANCE / (1 + precision * FOUND_VARIANCE)
    used = shapes > 1e-4
    mean, variance, weight = mean[used], variance[used], shapes[used] / shapes[used].sum()
    grid = np.linspace(-4, 1, 2001)
    density = np.exp(-0.5 * (grid[:, None] - mean) ** 2 / variance) / np.sqrt(variance)
    mixed = np.where(grid <= 0, density @ weight, 0.0)
    mass = np.cumsum(mixed) / mixed.sum()
    lower, upper = (float(grid[np.searchsorted(mass, q)]) for q in (0.05, 0.95))
    return float((grid * mixed).sum() / mixed.sum()), lower, upper


def _judged(weighed: _Evidence, rng: np.random.Generator, draws: int) -> _Judged:
    """Hold the evidence against that of worlds drawn from the baseline, with its month noise.

    Draws stop when enough of them show more evidence (Besag & Clifford 1991): no decision at
    `LEVEL` depends on those left out. A Bayes factor is one on average where nothing changed; ours
    assumes more noise than there mostly is and is less, so it is divided by its mean there.
    """
    above, totals = 0, np.zeros(0)
    while len(totals) < draws:
        drawn = _drawn_totals(weighed, rng, min(_BATCH, draws - len(totals)))
        reached = above + np.cumsum(drawn >= weighed.total)
        enough = np.flatnonzero(reached >= _ENOUGH)
        if len(enough):
            p = float(_ENOUGH / (len(totals) + enough[0] + 1))
            return _Judged(p, _chance(weighed.total, np.append(totals, drawn)))
        above, totals = int(reached[-1]), np.append(totals, drawn)
    return _Judged((1 + above) / (draws + 1), _chance(weighed.total, totals))


def _chance(total: float, drawn: Array) -> float:
    """Chance that something changed, at even odds before."""
    usual = logsumexp(drawn) - np.log(len(drawn)) if len(drawn) else 0.0
    return float(expit(total - usual))


def _drawn_totals(weighed: _Evidence, rng: np.random.Generator, draws: int) -> Array:
    """Total evidence in each of so many drawn worlds."""
    lattice, views = weighed.lattice, weighed.views
    residuals = [_drawn(view, lattice, weighed.noise, rng, draws) for view in views]
    noise = month_noise(residuals, [view.variance for view in views], lattice)
    noise = passed_on(noise, weighed.shares, lattice)
    parts = []
    for view, geometry, residual in zip(views, weighed.geometry, residuals, strict=True):
        bayes, _, _ = geometry.evidence(without_common(residual, view.variance, noise), noise)
        parts.append(logsumexp(bayes + weighed.log_prior[:, :, None], axis=(0, 1)))
    total: Array = logsumexp(np.array(parts), axis=0)
    return total


def _drawn(
    view: _View, lattice: Lattice, variance: Array, rng: np.random.Generator, draws: int
) -> Array:
    """Residuals of worlds without any cause: chance, and a shock per month and level."""
    cells, months = view.cell_variance.shape
    shock = np.zeros((cells, months, draws), dtype=np.float32)
    for number, dims in enumerate(lattice.groups):
        spread = float(variance[np.flatnonzero(lattice.group == number)[0]])
        if len(dims) > 1 or spread <= 0:
            continue
        codes = lattice.codes[lattice.dimensions.index(dims[0])] if dims else np.zeros(cells, int)
        size = (int(codes.max()) + 1, months, draws)
        shock += (_normal(rng, size) * np.float32(np.sqrt(spread)))[codes]
    weight = view.cell_variance.astype(np.float32)[:, :, None]
    left = _normal(rng, (cells, months, draws)) * np.sqrt(weight) + shock * weight
    drawn = lattice.matrix.astype(np.float32) @ left.reshape(cells, -1)
    return np.asarray(drawn.reshape(-1, months, draws), dtype=np.float64)


def _normal(rng: np.random.Generator, size: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Draw in single precision: twice as fast, and chance is not known to seven digits."""
    return rng.standard_normal(size, dtype=np.float32)
