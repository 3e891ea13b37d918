"""The gates of the pipeline forecast: how far off, how honest, how blind to the future."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from truth.gates import CONFIDENCE, Figure, Gate
from truth.pipelines import LEADS, Measured, blind, measured

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
QUARTER = LEADS[-1]
WAPE, OF_STAGE_RATES = 0.16, 0.60  # of 13 weeks' bookings; and as a share of that of stage rates
COVER = (0.76, 0.86)  # of a range that promises 0.80
CALIBRATION = 0.02
BELOW_BOTH = 1.0  # of the error of the better part
_MEAN_OF_NORMAL = 0.798  # mean distance from the mean, in standard deviations
_DRAWS = 200  # of companies, for the interval of an error
_WORDS = {"stage_rates": "win rate per stage + usual new bookings",
          "crm_chance": "chance in the CRM × close date in time",
          "naive": "as much as in the days before"}  # fmt: skip
Statistic = Callable[[pd.DataFrame], float]


@dataclass(frozen=True)
class PipelineSizes:
    """How many companies the gates of the pipeline forecast see."""

    companies: int = 24
    blind: int = 8


def pipeline_gates(spread: Spread, first: int, sizes: PipelineSizes) -> list[Gate | Figure]:
    """Measure the pipeline forecast."""
    found = spread(measured, range(first + 140_000, first + 140_000 + sizes.companies))
    same = spread(blind, range(first + 145_000, first + 145_000 + sizes.blind))
    gates: list[Gate | Figure] = []
    if found:
        gates += [*error_figures(found), *range_gates(found), *chance_figures(found),
                  *combined_figures(found)]  # fmt: skip
    return [*gates, *blind_gates(same)]


def error_figures(found: Sequence[Measured]) -> list[Figure]:
    """Return the mean errors of all methods, at a quarter and at shorter leads."""
    ours = "Mean absolute error as a share of the bookings (WAPE), forecasts every four weeks in "
    ours += "companies that are calm, noisy, full of forgotten deals, or seasonal, each in turn."
    figures = [
        _figure(f"pipeline, {QUARTER} days ahead: WAPE", ours, found,
                lambda rows: wape(rows, "pipeline"), QUARTER, WAPE),
        _figure("… over that of the win rate per stage", "The same, divided by the error of the "
                "share won of deals that once stood in the same stage, on the same days.", found,
                lambda rows: wape(rows, "pipeline") / wape(rows, "stage_rates"), QUARTER,
                OF_STAGE_RATES),
    ]  # fmt: skip
    for name, words in _WORDS.items():
        figures.append(_figure(f"… in use today: {words}", "The same companies and days.", found,
                               lambda rows, name=name: wape(rows, name), QUARTER))  # fmt: skip
    for days in LEADS[:-1]:
        figures.append(_figure(f"pipeline, {days} days ahead: WAPE", "The same at a shorter lead.",
                               found, lambda rows: wape(rows, "pipeline"), days))  # fmt: skip
    return figures


def range_gates(found: Sequence[Measured]) -> list[Gate]:
    """Return how often the 80 % range held what came, over all leads."""
    rows = pd.concat([one.rows for one in found])
    text = "How often what came lies in the range between the 10 % and the 90 % quantile. "
    return [
        Gate("pipeline: 80 % range", text + "Windows overlap, so the interval is too narrow.",
             int(rows["inside"].sum()), len(rows), *COVER),
        Gate("… of deals drawn independently", text + "Without the common shock.",
             int(rows["alone"].sum()), len(rows)),
    ]  # fmt: skip


def chance_figures(found: Sequence[Measured]) -> list[Figure]:
    """Return how far stated chances of deals are from what came of them, per lead."""
    text = ("Mean distance between stated and real shares in 20 classes of chance, weighted by "
            "their deals.")  # fmt: skip
    return [
        _figure(f"chance of a deal, {days} days ahead: calibration error", text,
                [Measured(one.classes, one.classes) for one in found], calibration_error, days,
                CALIBRATION)
        for days in LEADS
    ]  # fmt: skip


def combined_figures(found: Sequence[Measured]) -> list[Figure]:
    """Return the error of the combination over that of the better of its two parts."""
    text = ("Pipeline and a smoothed seasonal series, combined by former errors at the same lead: "
            "WAPE divided by that of the better part; below 1 it is closer than both.")  # fmt: skip
    floor = ("What chance alone leaves of the pipeline's error: if the chance of every deal were "
             "known exactly, and no common shock came.")  # fmt: skip
    figures = []
    for days in LEADS[:-1]:
        name = f"combined with a series, {days // 7} weeks ahead: error over the better part"
        figures += [_figure(name, text, found, over_best, days, BELOW_BOTH),
                    _figure("… share of the pipeline's error that is chance alone", floor, found,
                            chance_alone, days)]  # fmt: skip
    return figures


def blind_gates(same: Sequence[bool]) -> list[Gate]:
    return [Gate(
        "pipeline forecast blind to the future",
        "In how many companies every number and word of a forecast stays the same to the last bit "
        "when all that is dated after its day is removed, shuffled or changed.",
        sum(same), len(same), lowest=1.0,
    )] if same else []  # fmt: skip


def wape(rows: pd.DataFrame, method: str) -> float:
    """Return the mean absolute error as a share of what came."""
    return float((rows[method] - rows["actual"]).abs().sum() / rows["actual"].sum())


def over_best(rows: pd.DataFrame) -> float:
    return wape(rows, "combined") / min(wape(rows, "pipeline"), wape(rows, "series"))


def chance_alone(rows: pd.DataFrame) -> float:
    off = _MEAN_OF_NORMAL * np.sqrt(rows["variance"])
    return float(off.sum() / (rows["pipeline"] - rows["actual"]).abs().sum())


def calibration_error(classes: pd.DataFrame) -> float:
    table = classes.groupby("place")[["deals", "stated", "came"]].sum()
    return float((table["stated"] - table["came"]).abs().sum() / table["deals"].sum())


def _figure(
    name: str, meaning: str, found: Sequence[Measured], statistic: Statistic, *limits: Any
) -> Figure:
    """Measure at a lead, with an interval over companies drawn anew."""
    days, highest = (*limits, None)[:2]
    rows = [one.rows[one.rows["days"] == days] for one in found]
    draw = np.random.default_rng(0)
    drawn = [
        statistic(pd.concat([rows[i] for i in draw.integers(0, len(rows), len(rows))]))
        for _ in range(_DRAWS)
    ]
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    value = statistic(pd.concat(rows))
    return Figure(name, meaning, value, (float(low), float(high)), len(rows), highest)
