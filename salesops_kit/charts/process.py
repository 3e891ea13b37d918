"""Charts of the process analysis. Each draws one frame, names its n, and computes nothing."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from salesops_kit.charts.funnel import ROW, WIDTH, Words
from salesops_kit.charts.theme import BAD, GOOD, INK, MAIN, MUTED

COLORS = {"missed": BAD, "reached": GOOD}


def goal_ranges(goals: pd.DataFrame, read: Words) -> Figure:
    """Draw per stage the share that goes on with its interval, and the goal; colour: the verdict.

    `goals`: `stage`, `n`, `conversion_goal`, `onward_share`, `onward_lower`, `onward_upper`,
    `conversion_verdict`.
    """
    height = max(1.2 + ROW * len(goals), 1.8)
    figure, axes = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    rows = list(range(len(goals)))
    axes.hlines(rows, goals["onward_lower"], goals["onward_upper"], color=MUTED, linewidth=2.5)
    for row, share, verdict in zip(
        rows, goals["onward_share"], goals["conversion_verdict"], strict=True
    ):
        axes.plot(share, row, "o", markersize=8, color=COLORS.get(verdict, MAIN))
    axes.plot(goals["conversion_goal"], rows, "|", color=INK, markersize=15, markeredgewidth=2,
              linestyle="none", label=read.say("goals.goal_tick"))  # fmt: skip
    named = zip(goals["stage"], goals["n"], strict=True)
    axes.set_yticks(rows, [f"{read.stage(stage)}  (n = {n:,})" for stage, n in named])
    axes.set_ylim(len(goals) - 0.45, -0.55)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(read.say("goals.onward_axis"))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", frameon=False,
                  fontsize=9)  # fmt: skip
    return figure
