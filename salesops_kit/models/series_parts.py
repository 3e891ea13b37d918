"""Thousands of series: part by part, in processes of their own or on a cluster, in bounded memory.

Every part is a panel for itself: its own boosted model, its own pool of errors. Parts of two
thousand series are large enough for both. On one machine plain processes do it; a frame on Spark
or Dask stays there and goes through fugue, which is what statsforecast's own distributed back ends
are made of.
"""

import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from math import ceil
from multiprocessing import get_context
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.models.series import Mode, forecast
from salesops_kit.models.series_intervals import LEVELS
from salesops_kit.models.series_panel import REFUSED, Panel, read_panel

PART = 2000  # series
_BANDS = tuple(f"{side}{level * 100:.0f}" for level in LEVELS for side in ("low", "high"))
_COLUMNS = ("series", "ahead", "value", *_BANDS, "problem")


def forecast_in_parts(
    panel: Panel, horizon: int, mode: Mode = "fast", *, part: int = PART, workers: int = 1
) -> pd.DataFrame:
    """Forecast a large panel; the same whatever the number of workers.

    Parameters
    ----------
    panel, horizon, mode
        As for `series.forecast`.
    part
        Series forecast together.
    workers
        Processes beside this one; 1 works in this one.

    Returns
    -------
    DataFrame
        `series`, `ahead`, `value`, `low50` … `high95`, in the panel's order.
    """
    work = partial(_table, horizon=horizon, mode=mode)
    parts = _parts(panel, part)
    if workers == 1:
        return pd.concat(map(work, parts), ignore_index=True)
    # spawned: a forked copy of a process with running threads may hang
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return pd.concat(pool.map(work, parts), ignore_index=True)


def forecast_frame(
    frame: Any, horizon: int, *, season: int, mode: Mode = "fast", part: int = PART
) -> Any:
    """Forecast the series of a frame where it lies: pandas, Dask or Spark, by the same call.

    Parameters
    ----------
    frame
        `series` (text), `step` (whole number), `value`; one row per series and step. All series
        should end at the latest step of all.
    horizon, mode
        As for `series.forecast`.
    season
        Steps per year: 12 for months, 52 for weeks; 7 for days of a week.
    part
        Series forecast together, about; which ones depends on their names alone, so that every
        engine and any order of rows gives the same forecast.

    Returns
    -------
    frame of the same kind
        `series`, `ahead`, `value`, `low50`, `high50` … `high95`, `problem`: of a series that
        cannot be forecast one row without numbers, and why (`series_panel.REFUSED`).

    Raises
    ------
    ParameterError
        When a column is absent.
    """
    import fugue.api as fa

    known = nw.from_native(frame)
    if absent := {"series", "step", "value"} - set(known.collect_schema().names()):
        raise ParameterError(f"series need a column {sorted(absent)[0]!r}")
    found = known.lazy().select(nw.col("series").n_unique(), nw.col("step").max()).collect()
    count, last = (int(value or 0) for value in found.row(0))
    numbered = fa.transform(
        frame, _numbered, schema="series:str,step:long,value:double,part:int",
        params={"parts": max(ceil(count / part), 1)},
    )  # fmt: skip
    numbers = ",".join(f"{name}:double" for name in ("value", *_BANDS))
    return fa.transform(
        numbered, _of_part, schema=f"series:str,ahead:long,{numbers},problem:str",
        partition={"by": "part"},
        params={"horizon": horizon, "season": season, "mode": mode, "last": last},
    )  # fmt: skip


def _numbered(rows: pd.DataFrame, parts: int) -> pd.DataFrame:
    """Add the number of the part; by name, for row order and engine must not matter."""
    names = rows["series"].drop_duplicates()
    number = {name: zlib.crc32(str(name).encode()) % parts for name in names}
    return rows.assign(part=rows["series"].map(number))[["series", "step", "value", "part"]]


def _of_part(rows: pd.DataFrame, horizon: int, season: int, mode: Mode, last: int) -> pd.DataFrame:
    ordered = rows.sort_values(["series", "step"], kind="stable")
    panel, said = read_panel(ordered, season=season, last=last)
    out = said[said["problem"].isin(REFUSED)][["series", "problem"]]
    table = forecast(panel, horizon, mode).table
    found = pd.concat([part for part in (table, out) if len(part)], ignore_index=True)
    return found.reindex(columns=list(_COLUMNS)).astype({"problem": object})


def _parts(panel: Panel, size: int) -> Iterator[Panel]:
    for start in range(0, len(panel), size):
        yield panel.only(range(start, min(start + size, len(panel))))


def _table(panel: Panel, *, horizon: int, mode: Mode) -> pd.DataFrame:
    return forecast(panel, horizon, mode).table
