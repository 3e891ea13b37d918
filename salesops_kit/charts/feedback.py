"""Charts of what customers say. Each draws one frame, names its n, and computes nothing."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from salesops_kit.charts.funnel import LABELS, ROW, WIDTH, Words
from salesops_kit.charts.theme import BAD, INK, MAIN, MUTED, PALE
from salesops_kit.language import Score

_SURE = 10  # votes from which on a score has an interval
_MOST = 12  # themes shown


def complaint_ranges(themes: pd.DataFrame, read: Words) -> Figure:
    """Draw per theme the share of texts that complain, with its interval and what was before.

    `themes`: `theme_name` (in both languages), `complaints`, `share`, `lower`, `upper`,
    `share_before`, `alarm`, most complaints first.
    """
    shown = themes.head(_MOST)
    figure, axes = plt.subplots(figsize=(WIDTH, 0.9 + ROW * len(shown)), layout="constrained")
    rows = list(range(len(shown)))
    colors = [BAD if alarm else MAIN for alarm in shown["alarm"]]
    axes.barh(rows, shown["share"], color=colors, height=0.6)
    axes.hlines(rows, shown["lower"], shown["upper"], color=INK, linewidth=1.2)
    axes.vlines(shown["share_before"], [r - 0.4 for r in rows], [r + 0.4 for r in rows],
                color=MUTED, linewidth=2.4, label=read.say("feedback.before_mark"))  # fmt: skip
    names = [
        f"{name[read.language]}  (n = {n:,})"
        for name, n in zip(shown["theme_name"], shown["complaints"], strict=True)
    ]
    axes.set_yticks(rows, names)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(read.say("feedback.axis_complaints"))
    axes.legend(loc="lower right", frameon=False, fontsize=9)
    return figure


def score_line(trend: pd.DataFrame, read: Words) -> Figure:
    """Draw a survey's score per month with its interval and level; hollow where votes are too few.

    `trend`: `period`, `survey`, `votes`, `survey_score`, `lower`, `upper`, `level`, oldest first.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 2.6), layout="constrained")
    places = list(range(len(trend)))
    axes.fill_between(places, trend["lower"], trend["upper"], color=PALE, linewidth=0)
    axes.plot(places, trend["survey_score"], color=MAIN, linewidth=2)
    axes.step(places, trend["level"], where="mid", color=MUTED, linewidth=1.4, linestyle="--")
    sure = trend["votes"] >= _SURE
    fills = [MAIN if enough else "white" for enough in sure]
    axes.scatter(places, trend["survey_score"], color=fills, edgecolors=MAIN, zorder=3, s=28)
    step = max(1, -(-len(trend) // LABELS))
    shown = places[::-1][::step][::-1]
    labels = [f"{trend['period'].iloc[p]}\nn = {trend['votes'].iloc[p]}" for p in shown]
    axes.set_xticks(shown, labels, fontsize=8.5)
    if (trend["survey"] == "NPS").all():
        axes.yaxis.set_major_formatter(
            FuncFormatter(lambda value, _: Score(value).written(read.language))
        )
    else:
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel(str(trend["survey"].iloc[-1]))
    return figure
