"""What a forecast made at past moments would have said, beside what came.

Every origin is forecast anew from what was known then; nothing later enters, neither breaks nor
seasons nor the errors the bands are learned from.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from salesops_kit.models.series import Mode, forecast
from salesops_kit.models.series_candidates import naive_points
from salesops_kit.models.series_intervals import LEVELS
from salesops_kit.models.series_panel import Array, Panel
from salesops_kit.models.series_prepare import FEWEST_SEASONS
from salesops_kit.models.series_prophet import prophet_points
from salesops_kit.models.series_scores import scales

COMBINED, NAIVE, PROPHET = "combined", "naive", "prophet"
_COLUMNS = ["series", "cut", "ahead", "method", "value", "lower", "upper", "actual", "scale"]
_FEWEST = 12  # values known at an origin
_BAND = LEVELS.index(0.8)


def origins(panel: Panel, most: int) -> tuple[int, ...]:
    """Return how many steps ago to forecast from: the latest first, at most so many.

    At the earliest the longest series still has a year of steps (twelve) behind it.
    """
    longest = max((len(value) for value in panel.known), default=0)
    return tuple(range(1, min(most, max(longest - _FEWEST, 0)) + 1))


def backtest(panel: Panel, horizon: int, cuts: Sequence[int], mode: Mode = "fast") -> pd.DataFrame:
    """Forecast from past origins: the combination, its methods, and seasonal naive.

    Returns
    -------
    DataFrame
        Rows `series`, `cut` (steps from the origin to the end), `ahead`, `method`, `value`,
        `lower`, `upper` (80 % band, of the combination only), `actual`, `scale` (what MASE
        divides by at that origin).
    """
    parts = [_from(panel, horizon, cut, mode) for cut in cuts]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_COLUMNS)


def backtest_prophet(
    panel: Panel, days: Sequence[date], horizon: int, cuts: Sequence[int]
) -> pd.DataFrame:
    """Forecast the same past with Prophet; `days`: first day of each step of the longest series."""
    parts = []
    for cut in cuts:
        past, seen = panel.before(cut), min(cut, horizon)
        table = np.full((len(panel), horizon), np.nan)
        for row, value in enumerate(past.known):
            if len(value) >= _FEWEST:
                first = len(days) - len(panel.known[row])
                table[row, :seen] = prophet_points(
                    value, days[first : len(days) - cut + seen], prophet_drivers(past, value, seen)
                )
        parts.append(_rows(panel, (cut, horizon), {PROPHET: table}, past))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_COLUMNS)


def prophet_drivers(panel: Panel, value: Array, steps: int) -> Array | None:
    """Return the regressors of one series and of so many steps ahead, where it can learn them."""
    if panel.drivers is None or len(value) <= FEWEST_SEASONS * panel.season:
        return None
    end = len(panel.drivers) - panel.ahead
    return panel.drivers[end - len(value) : end + steps]


def _from(panel: Panel, horizon: int, cut: int, mode: Mode) -> pd.DataFrame:
    past = panel.before(cut)
    rows = [row for row, value in enumerate(past.known) if len(value) >= _FEWEST]
    past, now = past.only(rows), panel.only(rows)
    found = forecast(past, horizon, mode)
    tables = {COMBINED: found.value, NAIVE: naive_points(past, horizon), **found.members}
    frame = _rows(now, (cut, horizon), tables, past)
    mine = frame["method"] == COMBINED
    seen = min(cut, horizon)
    for name, bounds in (("lower", found.lower), ("upper", found.upper)):
        frame.loc[mine, name] = bounds[:, :seen, _BAND].ravel()
    return frame


def _rows(panel: Panel, at: tuple[int, int], tables: dict[str, Array], past: Panel) -> pd.DataFrame:
    """Put tables of several methods below each other, beside what came."""
    cut, horizon = at
    seen = min(cut, horizon)
    actual, scale = panel.last(cut)[:, :seen], scales(past)
    parts = [
        pd.DataFrame(
            {
                "series": np.repeat(np.array(panel.ids, dtype=object), seen),
                "cut": cut,
                "ahead": np.tile(np.arange(1, seen + 1), len(panel)),
                "method": method,
                "value": table[:, :seen].ravel(),
                "lower": np.nan,
                "upper": np.nan,
                "actual": actual.ravel(),
                "scale": np.repeat(scale, seen),
            }
        )
        for method, table in tables.items()
    ]
    return pd.concat(parts, ignore_index=True)


def accuracy(rows: pd.DataFrame) -> pd.DataFrame:
    """Return per method how far it missed, over all rows of a back-test.

    Returns
    -------
    DataFrame
        `method`, `checks` (forecasts), `wape`, `bias` (share of what came, + is too high), `mase`
        (below 1: better than seasonal naive was in the past), `coverage` (of the 80 % band),
        `added` (WAPE of seasonal naive on the same forecasts, less the method's); best first.
    """
    known = rows.dropna(subset=["value", "actual"])
    keys = ["series", "cut", "ahead"]
    naive = known.loc[known["method"] == NAIVE, [*keys, "value"]]
    known = known.merge(naive.rename(columns={"value": "naive"}), on=keys, how="left")
    found = [_measured(str(method), part) for method, part in known.groupby("method", sort=False)]
    names = ["method", "checks", "wape", "bias", "mase", "coverage", "added"]
    table = pd.DataFrame(found, columns=names)
    return table.sort_values("wape", kind="stable", ignore_index=True)


def _measured(
    method: str, rows: pd.DataFrame
) -> tuple[str, int, float, float, float, float, float]:
    miss, size = (rows["value"] - rows["actual"]), float(rows["actual"].abs().sum()) or np.nan
    banded = rows.dropna(subset=["lower", "upper"])
    inside = (banded["actual"] >= banded["lower"]) & (banded["actual"] <= banded["upper"])
    wape = float(miss.abs().sum()) / size
    usual = float((rows["naive"] - rows["actual"]).abs().sum()) / size
    return (
        method, len(rows), wape, float(miss.sum()) / size,
        float((miss.abs() / rows["scale"]).mean()),
        float(inside.mean()) if len(banded) else np.nan, usual - wape,
    )  # fmt: skip
