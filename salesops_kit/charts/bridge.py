"""Charts of the way from one sum to another. Each draws one frame, and computes nothing new."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from salesops_kit.charts.funnel import ROW, WIDTH, Words
from salesops_kit.charts.theme import BAD, GOOD, INK, MAIN, MUTED
from salesops_kit.language import Money


def step_bars(steps: pd.DataFrame, read: Words, *, area: str) -> Figure:
    """Draw levels as bars from zero and the changes between them, each from where the last ended.

    `steps`: `step` (a word of the catalogue's `area`), `value` (money), `kind` (level or change),
    `lower`, `upper` (interval of the value, may be missing), from top to bottom.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + ROW * len(steps)), layout="constrained")
    rows = list(range(len(steps)))
    is_level = steps["kind"] == "level"
    reached = steps["value"].where(~is_level, 0.0).cumsum() + steps["value"].iloc[0]
    ends = reached.where(~is_level, steps["value"])
    starts = (ends - steps["value"]).where(~is_level, 0.0)
    colors = [
        MAIN if level else GOOD if value > 0 else BAD
        for level, value in zip(is_level, steps["value"], strict=True)
    ]
    axes.barh(rows, ends - starts, left=starts, color=colors, height=0.62)
    axes.vlines(ends.iloc[:-1], rows[:-1], rows[1:], color=MUTED, linewidth=0.8)
    axes.hlines(rows, starts + steps["lower"], starts + steps["upper"], color=INK, linewidth=1.2)
    axes.set_yticks(rows, _labels(steps, read, area))
    axes.set_ylim(len(steps) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda amount, _: Money(amount, read.currency).written(read.language))
    )
    axes.set_xlabel(read.say(f"{area}.money_axis"))
    return figure


def _labels(steps: pd.DataFrame, read: Words, area: str) -> list[str]:
    """Name each step and its value: beside the bars there is no room on a telephone."""
    named = []
    for step, value, kind in zip(steps["step"], steps["value"], steps["kind"], strict=True):
        sign = "+" if kind == "change" and value > 0 else ""
        money = Money(value, read.currency).written(read.language)
        named.append(f"{read.say(f'{area}.{step}')}  {sign}{money}")
    return named
