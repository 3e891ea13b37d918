"""Forecasts as they were given: kept in the workspace, scored when their time has come.

A forecast is kept once per as-of day and view, and never written again. Only one made before its
first period was over in the data is kept: a report on the past, run today, proves nothing.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salesops_kit.models.series_panel import Array, Panel
from salesops_kit.models.series_scores import pinball, scales
from salesops_kit.workspace import Workspace

if TYPE_CHECKING:
    from salesops_kit.analyses.forecast import SalesForecast

FOLDER = "forecasts"
_COLUMNS = ["made_on", "span", "lead", "value", "low80", "high80", "naive", "scale"]
_SHARES = (0.1, 0.5, 0.9)
_TABLE = ("lead", "checks", "wape", "bias", "mase", "coverage", "pinball_loss", "added")


def keep_forecast(workspace: Workspace, result: "SalesForecast") -> bool:
    """Keep a forecast of bookings; False when there is one already, or none may be kept.

    The file appears whole or not at all, and an existing one is never replaced.
    """
    history = result.history
    taken = workspace.data_until
    if result.forecast is None or taken is None or taken >= history.ahead[0].end:
        return False
    folder = workspace.path / FOLDER
    target = folder / f"{workspace.as_of:%Y-%m-%d}{view_of(workspace)}-{history.cadence}.json"
    folder.mkdir(exist_ok=True)
    rows = result.ahead.assign(
        made_on=f"{workspace.as_of:%Y-%m-%d}",
        lead=range(1, len(history.ahead) + 1),
        value=result.ahead["forecast"],
        naive=_naive(result),
        scale=_scale(result),
    )
    text = json.dumps(
        {"made_on": f"{workspace.as_of:%Y-%m-%d}", "data_until": f"{taken:%Y-%m-%d}",
         "measure": "bookings", "rows": rows[_COLUMNS[1:]].to_dict("records")}, indent=1,
    )  # fmt: skip
    return written_once(target, text)


def kept_forecasts(workspace: Workspace, cadence: str) -> pd.DataFrame:
    """Return the forecasts kept on or before the as-of day, of this view and cadence.

    Returns
    -------
    DataFrame
        `made_on`, `span`, `lead` (steps ahead), `value`, `low80`, `high80`, `naive` (last year's
        value), `scale` (mean change from last year's value, known then; None if none was).
    """
    found: list[dict[str, Any]] = []
    pattern = f"????-??-??{view_of(workspace)}-{cadence}.json"
    for file in sorted((workspace.path / FOLDER).glob(pattern)):
        kept = json.loads(file.read_text("utf-8"))
        if kept["made_on"] <= f"{workspace.as_of:%Y-%m-%d}":
            found += [{"made_on": kept["made_on"], **row} for row in kept["rows"]]
    return pd.DataFrame(found, columns=_COLUMNS)


def kept_accuracy(workspace: Workspace, result: "SalesForecast") -> pd.DataFrame:
    """Return how far the kept forecasts missed, by lead; only spans that are over.

    Returns
    -------
    DataFrame
        `lead`, `checks`, `wape`, `bias` (+ is too high), `mase`, `coverage` (of the 80 % band),
        `pinball_loss` (of 10, 50 and 90 %, as a share of what came), `added` (WAPE of last year's
        values less the forecast's).
    """
    history = result.history
    kept = kept_forecasts(workspace, history.cadence)
    values = history.values("bookings")
    came = {step.label: float(v) for step, v in zip(history.steps, values, strict=True)}
    known = kept.assign(actual=kept["span"].map(came).astype("float64")).dropna(subset=["actual"])
    rows = [_scored(part) for _, part in known.groupby("lead")]
    return pd.DataFrame(rows, columns=list(_TABLE))


def _scored(rows: pd.DataFrame) -> tuple[float, ...]:
    actual, value = rows["actual"].to_numpy("float64"), rows["value"].to_numpy("float64")
    size = float(np.abs(actual).sum()) or np.nan
    low, high = rows["low80"].to_numpy("float64"), rows["high80"].to_numpy("float64")
    quantiles = np.stack([low, value, high], axis=1)[:, None, :]
    loss = pinball(actual[:, None], quantiles, _SHARES, np.ones(len(actual))).sum() / size
    wape = float(np.abs(value - actual).sum()) / size
    usual = float(np.abs(rows["naive"].to_numpy("float64") - actual).sum()) / size
    held = float(((actual >= low) & (actual <= high)).mean())
    miss = float((value - actual).sum()) / size
    scaled = np.abs(value - actual) / rows["scale"].to_numpy("float64")
    mase = float(np.nanmean(scaled)) if np.isfinite(scaled).any() else np.nan
    return int(rows["lead"].iloc[0]), len(rows), wape, miss, mase, held, float(loss), usual - wape


def _naive(result: "SalesForecast") -> list[float]:
    """Return what last year's values would have said."""
    history = result.history
    values = history.values("bookings").to_numpy("float64")
    cycle = values[-history.season :] if len(values) >= history.season else values[-1:]
    return [float(value) for value in np.resize(cycle, len(history.ahead))]


def view_of(workspace: Workspace) -> str:
    """Return the part of a file's name that tells whose forecast it is."""
    scope = str(workspace.scope)
    return f"-{scope.encode().hex()}" if scope else ""


def written_once(target: Path, text: str) -> bool:
    """Write a file whole or not at all; False when there is one already, which stays."""
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".tmp")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        os.link(name, target)  # fails where there is one: the past is not rewritten
    except FileExistsError:
        return False
    finally:
        Path(name).unlink()
    return True


def _scale(result: "SalesForecast") -> float | None:
    """Return what MASE divides by, from what was known then."""
    history = result.history
    values: Array = np.asarray(history.values("bookings"), dtype="float64")
    found = float(scales(Panel(("",), (values,), history.season))[0])
    return found if np.isfinite(found) else None
