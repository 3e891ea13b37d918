"""Charts of risks. Each draws one frame, and computes nothing new."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from salesops_kit.charts.funnel import WIDTH, Words
from salesops_kit.charts.theme import BAD, GOOD, INK, MAIN, MUTED

_HEIGHT = 2.8  # inches
_LINES = (MAIN, BAD, GOOD, INK, MUTED)
_WARM = ("#FFFFFF", "#F6E3D3", "#EFC9A9", "#E2A271", "#D07B3F")


def heat_map(
    grid: pd.DataFrame, read: Words, *, likely: Sequence[float], impact: Sequence[float]
) -> Figure:
    """Draw how many risks lie in each class of chance (upwards) and of money (to the right).

    `grid`: `likely_class`, `money_class` (1-5), `entries`. `likely`, `impact`: the upper ends of
    the classes but the last.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, _HEIGHT), layout="constrained")
    for y, x, n in grid[["likely_class", "money_class", "entries"]].to_numpy("int64").tolist():
        shade = _WARM[min((x + y - 2) // 2, 4)]
        axes.add_patch(Rectangle((x - 1, y - 1), 1, 1, facecolor=shade, edgecolor="white"))
        if n:
            axes.text(x - 0.5, y - 0.5, str(n), ha="center", va="center", fontsize=13,
                      fontweight="bold", color=INK)  # fmt: skip
    axes.set_xlim(0, 5)
    axes.set_ylim(0, 5)
    axes.set_xticks(range(1, 5), [f"{end:.1%}".replace(".0%", "%") for end in impact])
    axes.set_yticks(range(1, 5), [f"{end:.0%}" for end in likely])
    axes.set_xlabel(read.say("risk.axis_money"))
    axes.set_ylabel(read.say("risk.axis_chance"))
    axes.grid(visible=False)
    return figure


def market_lines(trend: pd.DataFrame, read: Words) -> Figure:
    """Draw own bookings and the market as indices.

    `trend`: `month_on`, `own_index`, `market_index`.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, _HEIGHT), layout="constrained")
    places = list(range(len(trend)))
    axes.axhline(100, color=MUTED, linewidth=0.8)
    axes.plot(places, trend["own_index"], color=MAIN, linewidth=2, label=read.say("risk.line_own"))
    axes.plot(places, trend["market_index"], color=INK, linewidth=2, linestyle="--",
              label=read.say("risk.line_market"))  # fmt: skip
    step = max(1, (len(trend) - 1) // 4)
    shown = places[::-1][::step][::-1]
    axes.set_xticks(shown, [f"{trend['month_on'].iloc[place]:%Y-%m}" for place in shown])
    axes.set_ylabel(read.say("risk.axis_index"))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2,
                  frameon=False)  # fmt: skip
    return figure


def lost_lines(series: pd.DataFrame, read: Words) -> Figure:
    """Draw the share of closed deals lost to each rival by period, the five first by name.

    `series`: `period`, `rival`, `lost_share`.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, _HEIGHT), layout="constrained")
    periods = list(dict.fromkeys(series["period"]))
    for color, (rival, part) in zip(_LINES, series.groupby("rival"), strict=False):
        places = [periods.index(label) for label in part["period"]]
        axes.plot(places, part["lost_share"], color=color, linewidth=2, label=str(rival))
    step = max(1, (len(periods) - 1) // 4)
    shown = list(range(len(periods)))[::-1][::step][::-1]
    axes.set_xticks(shown, [periods[place] for place in shown])
    axes.set_ylim(0, None)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel(read.say("risk.axis_lost"))
    axes.legend(frameon=False, loc="upper left", ncols=3, fontsize=9)
    return figure
