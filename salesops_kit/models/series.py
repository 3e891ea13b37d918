"""Forecast many series at once: a combination of methods, with bands that hold what they say.

The delivered forecast is a mean of several methods with equal weights. Which ones depends on what
a series allows, measured on public series (docs/benchmarks.md): all of them on two seasons and
more, two simple ones on shorter series and on long seasons such as weeks, methods of intermittent
demand where most periods are empty. Bands come from rolling origins (`series_intervals`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.models import series_candidates as candidates
from salesops_kit.models.series_intervals import (
    LEVELS,
    calibrated,
    cuts,
    expected_errors,
)
from salesops_kit.models.series_panel import Array, Panel, as_rows
from salesops_kit.models.series_prepare import Prepared, prepared
from salesops_kit.models.series_sparse import sparse_bands, sparse_totals

Mode = Literal["fast", "best"]
Draws = Callable[[], Array]  # made when asked for: of thousands of series they would fill memory
Route = Literal["regular", "short", "long_season", "sparse", "constant"]
ROUTES: tuple[Route, ...] = ("regular", "short", "long_season", "sparse", "constant")

_MODES: Mapping[str, tuple[str, ...]] = {"fast": candidates.FAST, "best": candidates.BEST}
_LONG = 26  # steps per season from which on it is called long
_EMPTY = 0.5  # of the steps without anything: intermittent
_FEWEST_TO_LEARN = 6  # values before an origin, or it teaches nothing


@dataclass(frozen=True)
class Forecast:
    """Forecasts of a panel.

    `value`: series x steps ahead. `lower`, `upper`: series x steps x `LEVELS`. `routes`: how each
    series was forecast. `broke`: steps since a break that was taken out, 0 without. `members`:
    what each method alone says. `origins`: error paths the bands were learned from, per series;
    0 where none was.
    """

    panel: Panel
    value: Array
    lower: Array
    upper: Array
    routes: tuple[Route, ...]
    broke: tuple[int, ...]
    members: Mapping[str, Array]
    origins: tuple[int, ...]
    _paths: tuple["Draws", ...]

    @property
    def table(self) -> pd.DataFrame:
        """Return rows `series`, `ahead`, `value`, `low50`, `high50` … `high95`."""
        rows = as_rows(self.panel, self.value, "value")
        for place, level in enumerate(LEVELS):
            rows[f"low{level * 100:.0f}"] = self.lower[:, :, place].ravel()
            rows[f"high{level * 100:.0f}"] = self.upper[:, :, place].ravel()
        return rows

    def total(self, series: str, steps: int) -> tuple[float, Array]:
        """Return the forecast of the sum of the first steps, and draws of it.

        Draws are the sums of whole error paths as they were seen, so that what one month misses
        the next one misses too.
        """
        row = self.panel.ids.index(series)
        draws = self.outcomes(series)[:, :steps].sum(axis=1)
        if not (self.panel.known[row] < 0).any():
            draws = np.maximum(draws, 0.0)
        return float(self.value[row, :steps].sum()), np.sort(draws)

    def outcomes(self, series: str) -> Array:
        """Return draws x steps of a series: the forecast with error paths as they were seen."""
        row = self.panel.ids.index(series)
        drawn: Array = self.value[row] + self._paths[row]()
        return drawn


def reach(draws: Array, goal: float) -> float:
    """Return the chance that a sum reaches a goal, from draws; never 0 or 1.

    Between two draws it goes straight, beyond the outermost half a draw is left.
    """
    ordered = np.sort(draws)
    places = (np.arange(len(ordered)) + 0.5) / len(ordered)
    edge = 0.5 / len(ordered)
    below = float(np.interp(goal, ordered, places, left=edge, right=1 - edge))
    return 1 - below


def forecast(panel: Panel, horizon: int, mode: Mode = "best") -> Forecast:
    """Forecast every series of a panel.

    Parameters
    ----------
    panel
        Checked series (`series_panel.read_panel`).
    horizon
        Steps ahead, 1 or more.
    mode
        `best`: all methods. `fast`: without exponential smoothing, which takes most of the time
        and wins about 1 %.

    Raises
    ------
    ParameterError
        When there is no such mode, or nothing to look ahead to.
    """
    if mode not in _MODES or horizon < 1:
        raise ParameterError(f"mode is {mode!r}, horizon {horizon!r}; use fast or best, 1 or more")
    routes = tuple(_route(value, panel.season) for value in panel.known)
    whole = _Parts.empty(len(panel), horizon)
    for route in ROUTES:
        rows = [row for row, name in enumerate(routes) if name == route]
        if rows:
            part = panel.only(rows)
            found = (
                _intermittent(part, horizon)
                if route in ("sparse", "constant")
                else _modelled(part, horizon, _methods(route, mode))
            )
            whole.put(rows, found)
    return Forecast(
        panel, whole.value, whole.lower, whole.upper, routes, tuple(whole.broke),
        whole.members,
        tuple(whole.origins), tuple(whole.paths),
    )  # fmt: skip


def centre(panel: Panel, horizon: int, mode: Mode = "best") -> Array:
    """Return the forecasts alone, series x steps, without bands: what back-tests compare."""
    routes = [_route(value, panel.season) for value in panel.known]
    table = np.full((len(panel), horizon), np.nan)
    for route in ROUTES:
        rows = [row for row, name in enumerate(routes) if name == route]
        if rows:
            names = _methods(route, mode)
            clean = prepared(panel.only(rows), horizon)
            found = candidates.points(clean.panel, horizon, names)
            table[rows] = clean.possible(candidates.combined(found))
    return table


def _route(value: Array, season: int) -> Route:
    """Tell how a series is forecast; one without values counts as short and gets nothing."""
    if len(value) and np.ptp(value) == 0:
        return "constant"
    if len(value) and (value == 0).mean() > _EMPTY:
        return "sparse"
    if season >= _LONG:
        return "long_season"
    return "short" if len(value) <= 2 * season else "regular"


def _methods(route: Route, mode: Mode) -> tuple[str, ...]:
    if route == "regular":
        return _MODES[mode]
    return {"sparse": candidates.SPARSE, "constant": ("naive",)}.get(route, candidates.SIMPLE)


@dataclass
class _Parts:
    """Tables of all series, filled route by route."""

    value: Array
    lower: Array
    upper: Array
    members: dict[str, Array]
    broke: list[int]
    origins: list[int]
    paths: list[Draws]

    @classmethod
    def empty(cls, count: int, horizon: int) -> "_Parts":
        shape = (count, horizon, len(LEVELS))
        nothing = partial(np.zeros, (0, horizon))
        return cls(
            np.full((count, horizon), np.nan), np.full(shape, np.nan), np.full(shape, np.nan), {},
            [0] * count, [0] * count, [nothing] * count,
        )  # fmt: skip

    def put(self, rows: Sequence[int], found: "_Parts") -> None:
        self.value[rows], self.lower[rows], self.upper[rows] = (
            found.value, found.lower, found.upper,
        )  # fmt: skip
        for name, table in found.members.items():
            self.members.setdefault(name, np.full_like(self.value, np.nan))[rows] = table
        for place, row in enumerate(rows):
            self.broke[row], self.origins[row] = found.broke[place], found.origins[place]
            self.paths[row] = found.paths[place]


def _intermittent(panel: Panel, horizon: int) -> _Parts:
    parts = _Parts.empty(len(panel), horizon)
    found = candidates.points(panel, horizon, candidates.SPARSE)
    parts.members = found
    parts.value = candidates.combined(found)
    for row, value in enumerate(panel.known):
        parts.lower[row], parts.upper[row] = sparse_bands(value, parts.value[row], LEVELS)
        parts.paths[row] = partial(sparse_totals, value, horizon)
    return parts


def _modelled(panel: Panel, horizon: int, names: Sequence[str]) -> _Parts:
    clean = prepared(panel, horizon)
    found = candidates.points(clean.panel, horizon, names)
    parts = _Parts.empty(len(panel), horizon)
    parts.members = {name: clean.back(table) for name, table in found.items()}
    middle = candidates.combined(found)
    parts.value, parts.broke = clean.possible(middle), list(clean.broke)
    # at past origins without ETS: ten times the time of the others, and errors as large
    back = cuts(horizon, _known_year(clean.panel))
    quick = [name for name in names if name != "ets"]
    errors, usual = _past_errors(clean, horizon, quick, tuple(back))
    learned = calibrated(errors / usual, np.array(list(back.values())))
    expected = _expected(clean.panel, horizon)
    half = learned.half_widths(expected)
    for place in range(len(LEVELS)):
        parts.lower[:, :, place] = clean.possible(middle - half[:, :, place])
        parts.upper[:, :, place] = clean.possible(middle + half[:, :, place])
    sizes = expected * learned.factor[:, None]
    parts.paths = [partial(learned.draws, row, horizon) for row in sizes]
    parts.origins = [learned.seen] * len(panel)
    return parts


def _known_year(panel: Panel) -> int:
    """Return a long season where most series had two before it, else 0.

    Bands of weeks are then learned over a whole year: the last seventeen weeks know but one part
    of it. Where the season was not known a year ago, errors of that time would tell of nothing.
    """
    lengths = [len(value) for value in panel.known]
    return panel.season if panel.season >= _LONG and np.median(lengths) > 3 * panel.season else 0


def _past_errors(
    clean: Prepared, horizon: int, names: Sequence[str], back: Sequence[int]
) -> tuple[Array, Array]:
    """Forecast from past origins: errors (series x origins x steps), and what was expected."""
    errors = np.full((len(clean.panel), len(back), horizon), np.nan)
    usual = np.ones_like(errors)
    pasts = [clean.panel.before(cut) for cut in back]
    rows = [[row for row, value in enumerate(past.known) if len(value) >= _FEWEST_TO_LEARN]
            for past in pasts]  # fmt: skip
    used = [place for place in range(len(back)) if rows[place]]
    parts = [pasts[place].only(rows[place]) for place in used]
    guesses = candidates.past_points(parts, horizon, names) if parts else []
    for place, part, guess in zip(used, parts, guesses, strict=True):
        seen = min(back[place], horizon)
        came = clean.panel.only(rows[place]).last(back[place])[:, :seen]
        errors[rows[place], place, :seen] = came - guess[:, :seen]
        usual[rows[place], place] = _expected(part, horizon)
    return errors, usual


def _expected(panel: Panel, horizon: int) -> Array:
    return np.array([expected_errors(v, panel.season, horizon) for v in panel.known])
