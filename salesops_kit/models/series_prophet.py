"""Prophet beside the combination: its forecast, its components and its change points.

What an analyst looks at, not what is delivered: measured with its defaults, Prophet misses by a
quarter to a half more than the combination, and its band of 80 % holds 44-64 %.
"""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.models.series_panel import Array

_MOST_CHANGES = 25  # Prophet's default
_SHORT = 36  # values below which so many bends lead to minutes of fitting
_DRIVER = "driver"  # names of regressors in the library's frames
_CLEAR_CHANGE = 0.01  # of the trend's size per step: smaller bends are none


@dataclass(frozen=True)
class ProphetView:
    """What Prophet makes of one series.

    `ahead`: `on`, `value`, `lower`, `upper` (its own 80 % band). `parts`: `on`, `trend`,
    `yearly` where there are two years, `holidays` where regressors were given. `changes`: `on`,
    `before`, `after` (trend per step).
    """

    ahead: pd.DataFrame
    parts: pd.DataFrame
    changes: pd.DataFrame


def prophet_view(
    value: Array, days: Sequence[date], draws: int = 300, drivers: Array | None = None
) -> ProphetView:
    """Fit Prophet with its defaults.

    Parameters
    ----------
    value
        The series, oldest first.
    days
        First day of each step, of those to forecast too.
    draws
        Draws of its own band; 0 gives none and is faster.
    drivers
        Steps x regressors known beforehand (shares of holidays and campaigns in each step), of
        the steps to forecast too. Prophet's own `holidays` cannot see a day inside a month.
    """
    frame = pd.DataFrame({"ds": pd.to_datetime(list(days))})
    if drivers is not None:
        moved = np.flatnonzero(np.ptp(drivers[: len(value)], axis=0) > 0)
        frame = frame.assign(**{f"{_DRIVER}{column}": drivers[:, column] for column in moved})
    with np.errstate(all="ignore"), _seeded():
        model = _fit(value, frame, draws)
        found = model.predict(frame)
    found["on"] = [pd.Timestamp(day).date() for day in found["ds"]]
    ahead = found.iloc[len(value) :].rename(columns={"yhat": "value"})
    for name in ("lower", "upper"):
        ahead[name] = ahead[f"yhat_{name}"] if draws else np.nan
    found = found.rename(columns={"extra_regressors_additive": "holidays"})
    parts = [name for name in ("on", "trend", "yearly", "holidays") if name in found]
    return ProphetView(
        ahead[["on", "value", "lower", "upper"]].reset_index(drop=True),
        found[parts],
        _changes(model, found, len(value)),
    )


def prophet_points(value: Array, days: Sequence[date], drivers: Array | None = None) -> Array:
    """Return Prophet's forecast of the days beyond the series."""
    return prophet_view(value, days, 0, drivers).ahead["value"].to_numpy("float64")


@contextmanager
def _seeded() -> Iterator[None]:
    """Let Prophet, which draws its band from numpy's common generator, draw the same every time.

    What it uses of pandas that is to go away is its own affair.
    """
    before = np.random.get_state()
    np.random.seed(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        np.random.set_state(before)


def _fit(value: Array, frame: pd.DataFrame, draws: int) -> Any:
    logging.getLogger("prophet.plot").setLevel(logging.CRITICAL)  # plotly is not wanted
    from prophet import Prophet

    logging.getLogger("prophet").setLevel(logging.WARNING)
    logging.getLogger("cmdstanpy").disabled = True  # tells of every fit
    changes = _MOST_CHANGES if len(value) >= _SHORT else len(value) // 4
    model = Prophet(
        n_changepoints=changes, uncertainty_samples=draws, weekly_seasonality=False,
        daily_seasonality=False,
    )  # fmt: skip
    for name in frame.columns[1:]:
        model.add_regressor(name)
    return model.fit(frame.head(len(value)).assign(y=value), seed=1)


def _changes(model: Any, found: pd.DataFrame, known: int) -> pd.DataFrame:
    """Return the moments at which the trend bends by more than a hundredth of its size."""
    places = [int(p) for p in found.index[found["ds"].isin(model.changepoints)] if 0 < p < known]
    trend = found["trend"].to_numpy("float64")
    size = float(np.abs(trend[:known]).mean()) or 1.0
    rows = [
        (found["on"].iloc[p], trend[p] - trend[p - 1], trend[p + 1] - trend[p])
        for p in places
        if p + 1 < len(trend)
        and abs(trend[p + 1] - 2 * trend[p] + trend[p - 1]) > _CLEAR_CHANGE * size
    ]
    return pd.DataFrame(rows, columns=["on", "before", "after"])
