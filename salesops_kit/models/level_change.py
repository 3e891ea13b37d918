"""Whether a score followed month by month has moved to another level, or only as chance moves it.

Every split of the months into before and after is tried, so the largest difference among them is
judged by what the largest one is by chance: over all splits, over a year of monthly reports that
look at months they have seen before, and with months that differ by more than their votes explain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]

FALSE_YEARS = 0.1  # years of monthly reports with a change named where none is
FEWEST = 20  # votes before and after
LOOKS = 12  # reports a year
_TINY = 1e-9
_YEARS = 4_000  # simulated


@dataclass(frozen=True)
class LevelChange:
    """The largest difference between the months before and since one of them.

    `place`: the first month of the new level, None where chance may explain it; `before`, `since`:
    levels (both the mean of all where nothing changed); `height`: the difference in standard
    errors; `limit`: above which it is named.
    """

    place: int | None
    before: float
    since: float
    height: float
    limit: float


def level_change(
    values: Sequence[float], votes: Sequence[int], spread: float, *,
    false_years: float = FALSE_YEARS,
) -> LevelChange:  # fmt: skip
    """Look for one change of level.

    Parameters
    ----------
    values
        Mean per month, oldest first; ignored where there are no votes.
    votes
        Votes per month.
    spread
        Standard deviation of one vote.
    false_years
        Chance of any change named in a year of monthly reports where none is (0-1).

    Raises
    ------
    ParameterError
        When values and votes differ in number, or the spread or chance is out of range.

    Examples
    --------
    >>> found = level_change([0.5] * 8 + [-0.2] * 4, [40] * 12, 0.8)
    >>> found.place, round(found.before, 2), round(found.since, 2)
    (8, 0.5, -0.2)
    """
    n = np.asarray(votes, dtype=np.float64)
    if len(values) != len(n) or spread < 0 or not 0 < false_years < 1:
        raise ParameterError("give one value per count of votes, a spread, and a chance in 0-1")
    if not n.sum():
        return LevelChange(None, float("nan"), float("nan"), 0.0, float("inf"))
    mean = np.where(n > 0, np.asarray(values, dtype=np.float64), 0.0)
    level = float(n @ mean / n.sum())
    limit = _limit(tuple(int(count) for count in votes), false_years)
    heights = _heights(mean[None] / (spread or 1.0), n)[0]
    place = int(np.abs(heights).argmax())
    height = float(heights[place])
    if not abs(height) > limit:
        return LevelChange(None, level, level, height, limit)
    parts = (slice(None, place), slice(place, None))
    before, since = (float(n[part] @ mean[part] / n[part].sum()) for part in parts)
    return LevelChange(place, before, since, height, limit)


def _heights(values: Array, n: Array, floor: float = 1.0) -> Array:
    """Return per series and first month of the new level the difference in standard errors.

    Values are in standard deviations of a vote. 0 where a side has fewer votes than `FEWEST`.
    Months may scatter by more than their votes explain: the spread from month to month, which a
    single step hardly touches, widens the error; below `floor` it does not narrow it.
    """
    total, weighted = np.cumsum(n), np.cumsum(values * n, axis=-1)
    left, right = total[:-1], total[-1] - total[:-1]
    enough = (left >= FEWEST) & (right >= FEWEST)
    safe_left, safe_right = np.where(enough, left, 1.0), np.where(enough, right, 1.0)
    gap = (weighted[:, -1:] - weighted[:, :-1]) / safe_right - weighted[:, :-1] / safe_left
    heights = np.where(enough, gap / np.sqrt(1 / safe_left + 1 / safe_right), 0.0)
    heights = np.pad(heights, ((0, 0), (1, 0)))
    known = np.flatnonzero(n > 0)
    steps = np.diff(values[:, known], axis=-1) ** 2 / (1 / n[known][1:] + 1 / n[known][:-1])
    scatter = steps.mean(axis=-1, keepdims=True) if len(known) > 1 else np.ones((len(values), 1))
    return np.asarray(heights / np.sqrt(np.maximum(scatter, floor)), dtype=np.float64)


@cache
def _limit(votes: tuple[int, ...], false_years: float) -> float:
    """Return the height that the reports of a year exceed by chance in so few years.

    As if the spread were never known but from the months: right however much they scatter.
    """
    n, months = np.asarray(votes, dtype=np.float64), len(votes)
    every = np.concatenate([n[1:], n])[-(months + LOOKS - 1) :]
    every = np.resize(every[::-1], months + LOOKS - 1)[::-1]
    noise = np.random.default_rng(0).standard_normal((_YEARS, len(every)))
    drawn = np.where(every > 0, noise / np.sqrt(np.maximum(every, 1.0)), 0.0)
    highest = np.zeros(_YEARS)
    for first in range(LOOKS):
        part = slice(first, first + months)
        heights = np.abs(_heights(drawn[:, part], every[part], _TINY)).max(axis=-1)
        highest = np.maximum(highest, heights)
    return float(np.quantile(highest, 1 - false_years))
