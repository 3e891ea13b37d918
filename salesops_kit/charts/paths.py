"""Charts of ways through the stages. Each draws one frame, names its n, and computes nothing."""

from collections.abc import Mapping
from math import ceil, floor, isnan

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from salesops_kit.charts.funnel import WIDTH, Words
from salesops_kit.charts.theme import MAIN, PALE
from salesops_kit.language import Days

_PANEL = 1.05  # inches


def stage_cohort_lines(cohorts: Mapping[str, tuple[int, pd.DataFrame]], read: Words) -> Figure:
    """Draw per stage and month of entry the share that went on, with its interval.

    `cohorts`: per stage the days after which it is judged, and a frame with `period`, `entered`,
    `share`, `lower`, `upper`; missing where too young.
    """
    figure, panels = plt.subplots(
        len(cohorts), 1, figsize=(WIDTH, 0.5 + _PANEL * len(cohorts)), sharex=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    every = pd.concat([frame for _, frame in cohorts.values()])
    limits = _limits(every["lower"].min()), _limits(every["upper"].max(), up=True)
    for axes, (stage, (horizon, frame)) in zip(panels[:, 0], cohorts.items(), strict=True):
        places = range(len(frame))
        axes.fill_between(places, frame["lower"], frame["upper"], color=PALE, linewidth=0)
        axes.plot(places, frame["share"], color=MAIN, linewidth=2, marker="o", markersize=4)
        axes.set_ylim(*limits)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        title = f"{read.stage(stage)} · {Days(horizon).written(read.language)}"
        axes.set_title(f"{title}  (n = {frame['entered'].sum():,})", fontsize=9, loc="left")
    months = frame["period"].tolist()
    shown = list(range(len(months) - 1, -1, -3))[::-1]
    axes.set_xticks(shown, [months[place] for place in shown], fontsize=9)
    axes.set_xlabel(read.say("paths.entered_in"))
    return figure


def _limits(share: float, *, up: bool = False) -> float:
    """Round outwards to a tenth: one scale for all panels, wide enough to see a change."""
    if isnan(share):
        return float(up)
    return ceil(share * 10) / 10 if up else floor(share * 10) / 10
