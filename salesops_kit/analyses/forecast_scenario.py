"""What if: the forecast of bookings with levers pulled, against the same target."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.forecast_history import REP
from salesops_kit.errors import ParameterError
from salesops_kit.models.scenario import Levers, pulled
from salesops_kit.models.series import reach
from salesops_kit.workspace import Workspace

if TYPE_CHECKING:
    from salesops_kit.analyses.forecast import SalesForecast

_DAYS = {"week": 7.0, "month": 365.25 / 12}
_LATEST = 365  # days back in which wins tell how long deals take and what a rep books


@dataclass(frozen=True)
class Scenario:
    """The forecast beside itself with levers pulled.

    `path`: `span`, `as_forecast`, `with_levers`. `span`, `steps`: what the sums are over. `base`,
    `total`: booked and to come, without and with. `low80`, `high80`: of `total`. `target`,
    `base_chance`, `chance`: to reach it.
    """

    path: pd.DataFrame
    span: str
    base: float
    total: float
    low80: float
    high80: float
    target: float
    base_chance: float
    chance: float


def analyse_scenario(workspace: Workspace, result: "SalesForecast", levers: Levers) -> Scenario:
    """Pull levers on a forecast.

    Raises
    ------
    ParameterError
        When there is no forecast to begin with.
    """
    if result.total is None or result.aim is None:
        raise ParameterError("there is no forecast to change; too few periods are known")
    aim = result.aim
    steps = int(aim["steps"])
    lags, per_rep = _of_the_past(workspace, result)
    middle = result.ahead["forecast"].to_numpy("float64")
    changed = pulled(middle, levers, lags, per_rep)
    _, draws = result.total.sum(steps)
    before = float(middle[:steps].sum())
    ratio = float(changed[:steps].sum()) / before if before else 1.0
    known = float(aim["forecast"]) - before
    outcomes = known + draws * ratio
    low, high = np.quantile(outcomes, [0.1, 0.9])
    chance = reach(outcomes, aim["target"]) if aim["target"] == aim["target"] else float("nan")
    return Scenario(
        pd.DataFrame({"span": result.ahead["span"], "as_forecast": middle,
                      "with_levers": changed}),
        str(aim["span"]), float(aim["forecast"]), known + before * ratio, float(low), float(high),
        float(aim["target"]), float(aim["reach_chance"]), chance,
    )  # fmt: skip


def _of_the_past(workspace: Workspace, result: "SalesForecast") -> tuple[list[float], float]:
    """Return steps from beginning to winning of last year's wins, and bookings per rep and step."""
    won = workspace.table("deals").filter(
        (nw.col("status") == "won") & (nw.col("closed_day") > workspace.as_of_day - _LATEST)
    )
    rows = won.select(
        "amount", REP, days=nw.col("closed_day") - nw.col("created_day")
    ).collect(backend="pandas").to_native()  # fmt: skip
    length = _DAYS[result.history.cadence]
    reps, steps = rows[REP].nunique(), _LATEST / length
    per_rep = float(rows["amount"].sum()) / reps / steps if reps else 0.0
    days = rows["days"].dropna().clip(lower=0).astype("float64")
    return [float(day) / length for day in days], per_rep
