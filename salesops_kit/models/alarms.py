"""Alarms on many series at once, with so many false ones a year for all of them together.

Each series is judged by its own past: what season and calendar explain is taken out, a week's value
is placed among the reference weeks, its rank turned into a normal score (so that neither outliers
nor the kind of number matter), and summed up as long as it points to the bad side (CUSUM, Page
1954; by ranks within a reference sample, Hawkins & Deng 2010). How high a sum must be is found by
simulating past and year of the whole family, the series' own correlation and the reference's own
error included: a limit for one series alone would ring for a family of many all the time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

YEAR = 52  # weeks
WARM = 26  # weeks a sum has run before a simulated year is counted
FAST, SLOW = 0.5, 0.25  # allowance per week in standard deviations: for steps, for slow drifts
LEAST_REFERENCE = 26  # weeks
_SAFE = 0.8  # part of the budget that limits aim at, as they are found by simulation
_WORLDS = (150, 800)  # simulated years, fewest and most
_MOST_LAG = 0.6  # correlation from week to week that is still believed
_SHOWN = 2.0  # standard errors from which on a correlation counts
_FAR = 40.0  # lifts series apart in one sorted row; no simulated value is so large


@dataclass(frozen=True)
class Family:
    """Series × weeks, oldest first, such that higher is worse; weeks not to be judged are NaN.

    `reference`: so many of the first weeks a series is judged by. `groups`: group of each series,
    numbered from 0; `shares`: what part of the budget each group has. `allowance`: per series, in
    standard deviations. `design`: weeks × columns of what the calendar explains (centred), with
    `WARM + YEAR` weeks after the reference or more; None: nothing.
    """

    values: Array
    reference: int
    groups: Codes
    shares: Sequence[float]
    allowance: Array
    design: Array | None = None

    def __post_init__(self) -> None:
        series, weeks = self.values.shape
        if not LEAST_REFERENCE <= self.reference < weeks:
            raise ParameterError(
                f"reference is {self.reference} of {weeks} weeks; it takes {LEAST_REFERENCE}, "
                "and a week after them"
            )
        if len(self.groups) != series or len(self.allowance) != series:
            raise ParameterError("groups and allowance need one entry per series")
        if sum(self.shares) > 1 + 1e-9 or len(self.shares) <= int(self.groups.max(initial=0)):
            raise ParameterError("shares need one entry per group and may add up to 1 at most")
        if self.design is not None and len(self.design) < max(weeks, self.reference + WARM + YEAR):
            raise ParameterError("design must reach a warm-up and a year beyond the reference")


@dataclass(frozen=True)
class Alarms:
    """What was watched: series × watched weeks, the weeks after the reference.

    `scores`: normal scores, positive is worse. `sums`: what they add up to. `since`: watched week
    in which the run behind a sum began, -1 where the sum is 0. `limits`: per series.
    """

    scores: Array
    sums: Array
    since: Codes
    limits: Array

    @property
    def ringing(self) -> Mask:
        """Series × weeks in which the sum is above its limit."""
        return np.asarray(self.sums > self.limits[:, None])

    @property
    def began(self) -> Mask:
        """Series × weeks in which an alarm begins; it lasts until the sum is 0 again."""
        return _onsets(self.sums, self.limits[:, None])

    def begun(self, groups: Codes) -> Codes:
        """Return how many alarms begin per week; those of one group of series count as one."""
        began = self.began
        each = [began[groups == group].any(axis=0) for group in np.unique(groups)]
        return np.asarray(np.sum(each, axis=0), dtype=np.int64)


def watch(family: Family, *, budget: float, seed: int = 0) -> Alarms:
    """Judge every week after the reference.

    Parameters
    ----------
    family
        The series.
    budget
        False alarms a year for the whole family, in the mean; alarms that begin in the same week
        of the same group are one.
    seed
        Of the simulation that finds the limits.
    """
    scores = normal_scores(_explained(family), family.reference)
    later = scores[:, family.reference :]
    sums, since = cusum(later, family.allowance)
    return Alarms(later, sums, since, limits(family, scores, budget=budget, seed=seed))


def normal_scores(values: Array, reference: int) -> Array:
    """Return each value's place among the reference weeks as a normal score; missing is 0.

    Of m reference values of which k are smaller (ties count half) the score is the normal quantile
    of (k + 1/2) / (m + 1); a reference value is not counted among its own.
    """
    scores = np.zeros_like(values)
    inside = np.arange(values.shape[1]) < reference
    for row, own in enumerate(values):
        past = np.sort(own[:reference][np.isfinite(own[:reference])])
        if len(past) < LEAST_REFERENCE // 2:
            continue
        known = np.isfinite(own)
        below = np.searchsorted(past, own[known], side="left")
        upto = np.searchsorted(past, own[known], side="right")
        place = (below + upto) / 2
        share = (place + 0.5) / (len(past) + 1)
        share[inside[known]] = place[inside[known]] / len(past)
        scores[row, known] = ndtri(share)
    return scores


def cusum(scores: Array, allowance: Array) -> tuple[Array, Codes]:
    """Return the sums max(0, S + score - allowance) per week, and the week where each one began."""
    series, weeks = scores.shape
    sums, since = np.zeros((series, weeks)), np.full((series, weeks), -1, dtype=np.int64)
    now, start = np.zeros(series), np.full(series, -1, dtype=np.int64)
    for week in range(weeks):
        now = np.maximum(now + scores[:, week] - allowance, 0.0)
        start = np.where(now > 0, np.where(start >= 0, start, week), -1)
        sums[:, week], since[:, week] = now, start
    return sums, since


def limits(family: Family, scores: Array, *, budget: float, seed: int = 0) -> Array:
    """Return the height that each series' sum exceeds so rarely as its group's budget says.

    Pasts and years are drawn with the correlation between series and from week to week that the
    reference shows, placed in the drawn past, and summed; the height of a group is that at which
    alarms begin so often in a year, in the mean, as its part of the budget allows.
    """
    if not budget > 0:
        raise ParameterError(f"budget is {budget!r}; it must be above 0 false alarms a year")
    past = scores[:, : family.reference]
    mix, lag = _correlation(past), _lag(past)
    rng = np.random.default_rng(seed)
    years = int(np.clip(15_000 // max(len(scores), 1), *_WORLDS))
    drawn = np.stack([_year(family, mix, lag, rng) for _ in range(years)])
    heights = [
        _height(drawn[:, family.groups == group], budget * share * _SAFE)
        for group, share in enumerate(family.shares)
    ]
    return np.array(heights)[family.groups]


def _height(sums: Array, budget: float) -> float:
    """Return the lowest limit at which alarms begin at most `budget` times a year in the mean."""
    if not sums.shape[1]:
        return float("inf")
    low, high = 0.0, float(sums.max()) + 1.0
    while high - low > 0.01:
        middle = (low + high) / 2
        begun = _onsets(sums, middle)[..., WARM:].any(axis=1).sum(axis=1).mean()
        low, high = (middle, high) if begun > budget else (low, middle)
    return high


def _onsets(sums: Array, limit: Array | float) -> Mask:
    """Mark the week in which each run of positive sums first exceeds the limit; weeks are last."""
    rings, began = sums > limit, np.zeros(sums.shape, dtype=bool)
    rung = np.zeros(sums.shape[:-1], dtype=bool)
    for week in range(sums.shape[-1]):
        rung &= sums[..., week] > 0
        began[..., week] = rings[..., week] & ~rung
        rung |= rings[..., week]
    return began


def _explained(family: Family) -> Array:
    """Return the values less what the calendar explains, by least squares over the reference."""
    if family.design is None:
        return family.values
    values, columns = family.values, family.design[: family.values.shape[1]]
    past = values[:, : family.reference]
    known = np.isfinite(past)
    mean = np.where(known, past, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    filled = np.where(known, past, mean[:, None]) - mean[:, None]
    return np.asarray(values - (filled @ _hat(family)) @ columns.T)


def _hat(family: Family) -> Array:
    """Return what turns the reference weeks into coefficients: weeks × columns."""
    assert family.design is not None
    past = family.design[: family.reference]
    return np.asarray(past @ np.linalg.pinv(past.T @ past))


def _year(family: Family, mix: Array, lag: Array, rng: np.random.Generator) -> Array:
    """Draw one past, warm-up and year, and return each series' sums after the past."""
    series, weeks = len(lag), family.reference + WARM + YEAR
    own = np.sqrt(np.maximum(1 - (mix**2).sum(axis=1), 0))[:, None]
    noise = mix @ rng.standard_normal((mix.shape[1], weeks))
    noise += own * rng.standard_normal((series, weeks))
    fresh = np.sqrt(1 - lag**2)
    if lag.any():
        for week in range(1, weeks):
            noise[:, week] = lag * noise[:, week - 1] + fresh * noise[:, week]
    if family.design is not None:
        noise -= (noise[:, : family.reference] @ _hat(family)) @ family.design[:weeks].T
    sums, _ = cusum(_placed(noise, family.reference), family.allowance)
    return sums


def _placed(noise: Array, reference: int) -> Array:
    """Return the later weeks' normal scores as `normal_scores` does, for values without ties."""
    apart = _FAR * np.arange(len(noise))[:, None]
    flat = (np.sort(noise[:, :reference], axis=1) + apart).ravel()
    later = np.clip(noise[:, reference:], -_FAR / 3, _FAR / 3) + apart
    place = np.searchsorted(flat, later.ravel()).reshape(later.shape)
    place -= reference * np.arange(len(noise))[:, None]
    return np.asarray(ndtri((place + 0.5) / (reference + 1)))


def _correlation(past: Array) -> Array:
    """Return series × factors whose products are the correlation, shrunk towards none.

    Every factor is a reference week. The weight is 1 - 1 / sqrt(weeks): what so few weeks show by
    chance is not believed.
    """
    weeks = past.shape[1]
    spread = past.std(axis=1)
    centred = past - past.mean(axis=1, keepdims=True)
    standard = centred / np.where(spread > 0, spread, 1.0)[:, None]
    return np.asarray(standard / np.sqrt(weeks) * np.sqrt(1 - 1 / np.sqrt(weeks)))


def _lag(past: Array) -> Array:
    """Return the correlation from week to week, shrunk towards the median of the family."""
    weeks = past.shape[1]
    centred = past - past.mean(axis=1, keepdims=True)
    total = np.maximum((centred**2).sum(axis=1), 1e-12)
    own = (centred[:, 1:] * centred[:, :-1]).sum(axis=1) / total
    own = own + (1 + 3 * own) / weeks  # short series show too little of it (Kendall 1954)
    # what chance alone would show is not believed: neither of the family nor of how series differ
    common = float(np.median(own))
    common = common if common * np.sqrt(weeks * len(own)) > _SHOWN else 0.0
    excess = float(own.var()) - 1 / weeks
    excess = excess if excess * weeks > _SHOWN * np.sqrt(2 / len(own)) else 0.0
    kept = excess / (excess + 1 / weeks)
    return np.asarray(np.clip(common + kept * (own - common), 0.0, _MOST_LAG))
