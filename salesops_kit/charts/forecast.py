"""Charts of what will be booked. Each draws one frame, and computes nothing new."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from salesops_kit.charts.funnel import LABELS, WIDTH, Words
from salesops_kit.charts.theme import BAD, INK, MAIN, MUTED
from salesops_kit.language import Money

_BANDS = (("95", 0.14), ("80", 0.2), ("50", 0.3))


def range_fan(path: pd.DataFrame, read: Words) -> Figure:
    """Draw what is known as a line and what may come as bands of 50, 80 and 95 %.

    `path`: `span`, `kind` (known, ahead), `forecast`, `low50` … `high95`, `alone` (dashed where
    the forecast is another), `target` (may be missing), oldest first.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.1), layout="constrained")
    place = np.arange(len(path))
    known, ahead = (path["kind"] == kind for kind in ("known", "ahead"))
    axes.plot(place[known], path["forecast"][known], color=INK, linewidth=1.6,
              label=read.say("forecast.known"))  # fmt: skip
    for level, alpha in _BANDS:
        axes.fill_between(
            place[ahead], path[f"low{level}"][ahead], path[f"high{level}"][ahead],
            color=MAIN, alpha=alpha, linewidth=0,
            label=read.say("forecast.bands") if level == "50" else None,
        )  # fmt: skip
    axes.plot(place[ahead], path["forecast"][ahead], color=MAIN, linewidth=1.8, marker="o",
              markersize=3.5, label=read.say("forecast.ahead"))  # fmt: skip
    other = ahead & (path["alone"] != path["forecast"])
    if other.any():
        axes.plot(place[other], path["alone"][other], color=MUTED, linewidth=1.4, linestyle="--",
                  marker=".", label=read.say("forecast.alone_line"))  # fmt: skip
    aims = path["target"]
    if aims.notna().any():
        axes.hlines(aims, place - 0.4, place + 0.4, color=BAD, linewidth=1.4,
                    label=read.say("forecast.target"))  # fmt: skip
    axes.set_ylim(bottom=min(0.0, float(path["low95"].min())) if ahead.any() else 0.0)
    _finish(axes, path["span"].tolist(), read)
    axes.legend(frameon=False, fontsize=8.5, ncols=2, loc="upper left")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.18 * (high - low))  # the legend hides nothing
    return figure


def past_forecasts(rows: pd.DataFrame, read: Words) -> Figure:
    """Draw what was forecast one step before, with its band, beside what came.

    `rows`: `span`, `value`, `lower`, `upper`, `actual`, oldest first.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 2.6), layout="constrained")
    place = np.arange(len(rows))
    axes.vlines(place, rows["lower"], rows["upper"], color=MAIN, alpha=0.35, linewidth=7)
    axes.plot(place, rows["value"], "_", color=MAIN, markersize=9, markeredgewidth=2,
              label=read.say("forecast.said"))  # fmt: skip
    axes.plot(place, rows["actual"], "o", color=INK, markersize=5,
              label=read.say("forecast.came"))  # fmt: skip
    axes.set_ylim(bottom=min(0.0, float(rows["lower"].min())))
    _finish(axes, rows["span"].tolist(), read)
    axes.legend(frameon=False, fontsize=8.5, ncols=2, loc="lower left")
    return figure


def prophet_parts(parts: pd.DataFrame, changes: pd.DataFrame, read: Words) -> Figure:
    """Draw trend and season as Prophet sees them; a dotted line where the trend bends.

    `parts`: `on`, `trend`, perhaps `yearly` and `holidays`. `changes`: `on`.
    """
    names = [name for name in ("trend", "yearly", "holidays") if name in parts]
    figure, panels = plt.subplots(
        len(names), 1, figsize=(WIDTH, 0.6 + 1.7 * len(names)), layout="constrained",
        squeeze=False,
    )  # fmt: skip
    for name, axes in zip(names, panels[:, 0], strict=True):
        axes.plot(parts["on"], parts[name], color=MAIN, linewidth=1.6)
        axes.yaxis.set_major_locator(MaxNLocator(4))
        axes.yaxis.set_major_formatter(_money(read))
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_title(read.say(f"forecast.{name}"), fontsize=10, loc="left")
        for number, day in enumerate(changes["on"]):
            label = read.say("forecast.bend") if number == 0 and name == "trend" else None
            axes.axvline(day, color=MUTED, linestyle=":", linewidth=1.2, label=label)
    if len(changes):
        panels[0, 0].legend(frameon=False, fontsize=8.5)
    return figure


def scenario_lines(path: pd.DataFrame, read: Words) -> Figure:
    """Draw bookings as forecast and with levers pulled.

    `path`: `span`, `as_forecast`, `with_levers`.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 2.6), layout="constrained")
    for name, color in (("as_forecast", MUTED), ("with_levers", MAIN)):
        axes.plot(range(len(path)), path[name], color=color, marker="o", markersize=3.5,
                  label=read.say(f"scenario.{name}"))  # fmt: skip
    axes.set_ylim(bottom=min(0.0, float(path[["as_forecast", "with_levers"]].min().min())))
    _finish(axes, path["span"].tolist(), read)
    axes.legend(frameon=False, fontsize=8.5, loc="lower left")
    return figure


def _finish(axes: Axes, names: Sequence[str], read: Words) -> None:
    """Name at most so many steps below the axis, the last one always; money beside it."""
    gap = max(1, -(-len(names) // LABELS))
    shown = list(range(len(names) - 1, -1, -gap))
    axes.set_xticks(shown, [names[place] for place in shown], fontsize=8.5)
    axes.yaxis.set_major_formatter(_money(read))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_ylabel(read.say("forecast.money_axis"))


def _money(read: Words) -> FuncFormatter:
    return FuncFormatter(lambda value, _: Money(value, read.currency).written(read.language))
