"""Methods that forecast a panel of series, behind one small interface.

Each takes a panel and a number of steps and returns a table, series x steps ahead; a row is
missing where the method cannot be fitted, so that a combination goes on with the others.
Measured on public series, the mean of several beats each of them and beats choosing per series;
all but exponential smoothing work on the scale of `series_panel.Scale`, which is what made the
largest difference (STL with a theta trend: relative error .78 to .69 on Australian retail).
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from salesops_kit.models.series_panel import Array, Panel, scale_of
from salesops_kit.models.series_season import season_of

# CES was left out again: on series beside the samples it made each combination worse
BEST = ("theta", "stl", "boosted", "boosted_median", "ets")
FAST = ("theta", "stl", "boosted", "boosted_median")
# a season of weeks is too long for the state-space methods, two years too short for boosting
SIMPLE = ("theta", "stl")
SPARSE = ("imapa", "adida")

_TREES: dict[str, Any] = {"n_estimators": 200, "learning_rate": 0.05, "num_leaves": 31}
_FEWEST_ROWS = 300  # a boosted model of less learns nothing that the others do not know


class _Nothing:
    """What statsforecast falls back to when a series cannot be fitted: no forecast."""

    alias = "nothing"

    def new(self) -> "_Nothing":
        return self

    def forecast(self, y: Array, h: int, **_: Any) -> dict[str, Array]:  # noqa: ARG002
        return {"mean": np.full(h, np.nan)}


def points(panel: Panel, horizon: int, names: Sequence[str]) -> dict[str, Array]:
    """Forecast with several methods: per name a table, series x steps ahead.

    Parameters
    ----------
    panel
        Series without breaks and moving holidays (`series_prepare`).
    horizon
        Steps ahead.
    names
        Methods of `METHODS`.
    """
    return {name: METHODS[name](panel, horizon) for name in names}


def past_points(pasts: Sequence[Panel], horizon: int, names: Sequence[str]) -> list[Array]:
    """Return the combination of methods at several past origins, series x steps each.

    Boosted trees learn at the earliest origin alone, where it has enough to learn from, and are
    asked at all: no origin is told of its future, and most of their time goes into learning.

    Parameters
    ----------
    pasts
        The panel as known at each origin, the latest first.
    """
    tables: list[dict[str, Array]] = [{} for _ in pasts]
    for name in names:
        loss = _LOSSES.get(name)
        found = (
            _trees(pasts, horizon, loss) if loss is not None and _teaches(pasts[-1])
            else [METHODS[name](past, horizon) for past in pasts]
        )  # fmt: skip
        for table, values in zip(tables, found, strict=True):
            table[name] = values
    return [combined(table) for table in tables]


def combined(tables: Mapping[str, Array]) -> Array:
    """Return the mean of the methods' tables, of those that say something.

    Measured: equal weights are not beaten by weights of past errors, nor by choosing per series.
    """
    stack = np.stack(list(tables.values()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a mean of nothing is missing
        result: Array = np.nanmean(stack, axis=0)
    return result


def naive_points(panel: Panel, horizon: int) -> Array:
    """Repeat the last season, or the last value where there is less than one (seasonal naive)."""
    table = np.full((len(panel), horizon), np.nan)
    for row, value in enumerate(panel.known):
        if len(value):
            cycle = value[-panel.season :] if len(value) >= panel.season else value[-1:]
            table[row] = np.resize(cycle, horizon)
    return table


def _theta(panel: Panel, horizon: int) -> Array:
    from statsforecast.models import DynamicOptimizedTheta

    model = DynamicOptimizedTheta(season_length=panel.season, decomposition_type="additive")
    return _on_scale(model, panel, horizon)


def _stl(panel: Panel, horizon: int) -> Array:
    """Seasonal-trend decomposition, the rest carried on by theta, the last season repeated.

    What statsforecast's MSTL does with one season, a fifth of its time: that goes into a frame
    per series.
    """
    from statsforecast.models import DynamicOptimizedTheta

    scale = scale_of(panel)
    there = scale.onto(panel)
    parts = [season_of(value, panel.season).part for value in there.known]
    flat = [value - part for value, part in zip(there.known, parts, strict=True)]
    trend = DynamicOptimizedTheta(season_length=1)
    table = _fitted(trend, replace(there, known=tuple(flat)), horizon)
    for row, part in enumerate(parts):
        if len(part):
            table[row] += np.resize(part[-panel.season :], horizon)
    return scale.back(table)


def _ces(panel: Panel, horizon: int) -> Array:
    from statsforecast.models import AutoCES

    return _on_scale(AutoCES(season_length=panel.season), panel, horizon)


def _ets(panel: Panel, horizon: int) -> Array:
    from statsforecast.models import AutoETS

    # chooses itself between additive and multiplicative, so it takes the series as they are
    return _fitted(AutoETS(season_length=panel.season), panel, horizon)


def _imapa(panel: Panel, horizon: int) -> Array:
    from statsforecast.models import IMAPA

    return _fitted(IMAPA(), panel, horizon)


def _adida(panel: Panel, horizon: int) -> Array:
    from statsforecast.models import ADIDA

    return _fitted(ADIDA(), panel, horizon)


def _tsb(panel: Panel, horizon: int) -> Array:
    from statsforecast.models import TSB

    return _fitted(TSB(alpha_d=0.2, alpha_p=0.2), panel, horizon)


def _on_scale(model: Any, panel: Panel, horizon: int) -> Array:
    scale = scale_of(panel)
    return scale.back(_fitted(model, scale.onto(panel), horizon))


def _fitted(model: Any, panel: Panel, horizon: int) -> Array:
    """Run one model of statsforecast over the panel, in this process."""
    from statsforecast import StatsForecast

    table = np.full((len(panel), horizon), np.nan)
    there = [row for row, value in enumerate(panel.known) if len(value)]
    if not there:
        return table
    runner = StatsForecast(models=[model], freq=1, n_jobs=1, fallback_model=_Nothing())
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # a degenerate series warns from inside the libraries; its row is missing or finite
        warnings.simplefilter("ignore")
        found = runner.forecast(df=panel.only(there).long(), h=horizon)
    wide = found.iloc[:, -1].to_numpy("float64").reshape(-1, horizon)
    table[np.array(there)] = wide
    return table


def _boosted(panel: Panel, horizon: int) -> Array:
    """One boosted model over all series: how they change, from what changed before."""
    return _trees([panel], horizon, _LOSSES["boosted"])[0]


def _boosted_median(panel: Panel, horizon: int) -> Array:
    """Return the same with absolute errors: the middle of what may come, not its mean."""
    return _trees([panel], horizon, _LOSSES["boosted_median"])[0]


def _trees(panels: Sequence[Panel], horizon: int, loss: str) -> list[Array]:
    """Learn differences on the panel's scale from lags, moving and seasonal means.

    One model over all series, so that short and long, small and large ones teach each other. It
    learns from the last panel and forecasts each of them; nothing where there is too little.
    """
    tables = [np.full((len(panel), horizon), np.nan) for panel in panels]
    there = [_enough(panel) for panel in panels]
    last = panels[-1]
    if not _teaches(last):
        return tables
    model = _booster(last.season, loss)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = last.only(there[-1])
        model.fit(scale_of(part).onto(part).long(), static_features=[])
        for panel, rows, table in zip(panels, there, tables, strict=True):
            part = panel.only(rows)
            scale = scale_of(part)
            # what it learned from it knows, unless it was asked of others meanwhile
            new = None if len(panels) == 1 else scale.onto(part).long()
            found = model.predict(horizon, new_df=new)
            said = found["boosted"].to_numpy("float64").reshape(-1, horizon)
            table[np.array(rows)] = scale.back(said)
    return tables


def _teaches(panel: Panel) -> bool:
    """Tell whether there is enough to learn from."""
    return sum(len(panel.known[row]) - panel.season for row in _enough(panel)) >= _FEWEST_ROWS


def _enough(panel: Panel) -> list[int]:
    """Return the places of the series that are long enough to learn from."""
    return [row for row, value in enumerate(panel.known) if len(value) >= 2 * panel.season + 2]


def _booster(season: int, loss: str) -> Any:
    from lightgbm import LGBMRegressor
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import (
        ExponentiallyWeightedMean,
        RollingMean,
        SeasonalRollingMean,
    )
    from mlforecast.target_transforms import Differences

    recent: list[Any] = [RollingMean(3, min_samples=1), RollingMean(season, min_samples=1),
              ExponentiallyWeightedMean(0.3), ExponentiallyWeightedMean(0.1)]  # fmt: skip
    yearly: list[Any] = [SeasonalRollingMean(season_length=season, window_size=years, min_samples=1)
              for years in (2, 4)]  # fmt: skip
    trees = LGBMRegressor(
        **_TREES, objective=loss, n_jobs=1, random_state=0, deterministic=True, verbosity=-1
    )
    return MLForecast(
        models={"boosted": trees}, freq=1, lags=list(range(1, season + 2)), num_threads=1,
        lag_transforms={1: recent, season: yearly} if season > 1 else {1: recent},
        target_transforms=[Differences([1])],
    )  # fmt: skip


_LOSSES = {"boosted": "l2", "boosted_median": "l1"}
METHODS: Mapping[str, Callable[[Panel, int], Array]] = {
    "theta": _theta,
    "stl": _stl,
    "boosted": _boosted,
    "boosted_median": _boosted_median,
    "ces": _ces,
    "ets": _ets,
    "naive": naive_points,
    "imapa": _imapa,
    "adida": _adida,
    "tsb": _tsb,
}
