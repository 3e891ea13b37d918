"""Charts of pay plans. Each draws one frame, and computes nothing."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from salesops_kit.charts.funnel import WIDTH, Words
from salesops_kit.charts.theme import INK, MAIN, MUTED, PALE
from salesops_kit.language import Money

_HEIGHT = 2.9


def pay_by_attainment(own: pd.DataFrame, read: Words) -> Figure:
    """Draw what a rep with the median quota is paid; dashed the other plan.

    `own`: `attainment`, `pay`, `other` (missing without one).
    """
    figure, axes = plt.subplots(figsize=(WIDTH, _HEIGHT), layout="constrained")
    axes.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    axes.plot(own["attainment"], own["other"], color=MUTED, linewidth=1.6, linestyle="--")
    axes.plot(own["attainment"], own["pay"], color=MAIN, linewidth=2)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: Money(value, read.currency).written(read.language))
    )
    axes.set(xlabel=read.say("incentives.own_axis"), ylabel=read.say("incentives.pay_axis"))
    return _percent(figure, axes)


def cost_by_total(curve: pd.DataFrame, read: Words) -> Figure:
    """Draw pay as a share of bookings against what all reach together; dashed the other plan.

    `curve`: `total`, `cost`, `low`, `high`, `other_cost` (missing without one).
    """
    figure, axes = plt.subplots(figsize=(WIDTH, _HEIGHT), layout="constrained")
    axes.fill_between(curve["total"], curve["low"], curve["high"], color=PALE, linewidth=0)
    axes.axvline(1, color=INK, linewidth=0.8, linestyle=":")
    axes.plot(curve["total"], curve["other_cost"], color=MUTED, linewidth=1.6, linestyle="--")
    axes.plot(curve["total"], curve["cost"], color=MAIN, linewidth=2)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=1))
    axes.set(xlabel=read.say("incentives.total_axis"), ylabel=read.say("incentives.cost_axis"))
    return _percent(figure, axes)


def _percent(figure: Figure, axes: Axes) -> Figure:
    axes.set_ylim(0, None)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return figure
