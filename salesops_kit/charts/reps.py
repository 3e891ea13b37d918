"""Charts of the evaluation of reps. Each draws one frame, and computes nothing."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator, PercentFormatter

from salesops_kit.charts.funnel import WIDTH, Words
from salesops_kit.charts.theme import BAD, GOOD, INK, MAIN, MUTED

COLORS = {"ahead": GOOD, "behind": BAD, "few": MUTED}
_LOW = 0.8
_MONTH = 30.44  # days
_ROW, _LABELLED = 0.24, 6  # height of a rep in inches; names written into the funnel plot


def caterpillar(performance: pd.DataFrame, read: Words) -> Figure:
    """Draw every rep's adjusted rate with its interval, best first, and the raw rate.

    `performance`: `person`, `n`, `rate`, `adjusted`, `adjusted_lower`, `adjusted_upper`, `verdict`,
    `effect`, `usual`.
    """
    table = performance.sort_values("effect", ascending=False)
    height = max(1.1 + _ROW * len(table), 2.0)
    figure, axes = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    rows = list(range(len(table)))
    colors = [COLORS.get(verdict, MAIN) for verdict in table["verdict"]]
    axes.axvline(float(table["usual"].iloc[0]), color=INK, linewidth=0.8, linestyle=":")
    axes.hlines(rows, table["adjusted_lower"], table["adjusted_upper"], color=colors, linewidth=2)
    axes.scatter(table["rate"], rows, s=18, facecolors="white", edgecolors=MUTED, zorder=2)
    axes.scatter(table["adjusted"], rows, s=26, color=colors, zorder=3)
    named = zip(table["person"], table["n"], strict=True)
    axes.set_yticks(rows, [f"{person}  ({n:,})" for person, n in named], fontsize=8.5)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(read.say("reps.effect_axis"))
    return figure


def funnel_plot(performance: pd.DataFrame, limits: pd.DataFrame, read: Words) -> Figure:
    """Draw raw rates against the number of deals, inside the limits of chance.

    `performance`: `person`, `n`, `rate`, `verdict`; `limits`: `n`, `rate`, `lower`, `upper`,
    `far_lower`, `far_upper`.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.4), layout="constrained")
    axes.plot(limits["n"], limits["rate"], color=INK, linewidth=0.8, linestyle=":")
    for names, style in ((("lower", "upper"), "-"), (("far_lower", "far_upper"), "--")):
        for name in names:
            axes.plot(limits["n"], limits[name], color=MUTED, linewidth=1, linestyle=style)
    colors = [COLORS.get(verdict, MAIN) for verdict in performance["verdict"]]
    axes.scatter(performance["n"], performance["rate"], s=26, color=colors, zorder=3)
    sure = performance[performance["verdict"].isin(["ahead", "behind"])]
    shown = sure.reindex(sure["effect"].abs().sort_values(ascending=False).index).head(_LABELLED)
    for row in shown.to_dict("records"):
        axes.annotate(row["person"], (row["n"], row["rate"]), xytext=(5, 3), fontsize=8,
                      textcoords="offset points")  # fmt: skip
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlabel=read.say("reps.n_axis"), ylabel=read.say("reps.raw_axis"), ylim=(0, None))
    return figure


def attainment_spread(year: pd.DataFrame, read: Words) -> Figure:
    """Draw every rep's attainment from the lowest to the highest, beside 80 % and 100 %.

    `year`: `attainment` (missing without a quota).
    """
    shares = year["attainment"].dropna().sort_values()
    figure, axes = plt.subplots(figsize=(WIDTH, 2.6), layout="constrained")
    colors = [GOOD if share >= 1 else MAIN if share >= _LOW else MUTED for share in shares]
    axes.bar(range(1, len(shares) + 1), shares, color=colors, width=0.8)
    for line, style in ((1.0, "-"), (_LOW, ":")):
        axes.axhline(line, color=INK, linewidth=0.8, linestyle=style)
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlabel=read.say("reps.reps_axis"), ylabel=read.say("reps.spread_axis"))
    return figure


def ramp_steps(curve: pd.DataFrame, read: Words) -> Figure:
    """Draw the share of new reps who book like the others, its interval, and who left before.

    `curve`: `age_days`, `share`, `lower`, `upper`, `left`.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 2.9), layout="constrained")
    months = curve["age_days"] / _MONTH
    axes.fill_between(months, curve["lower"], curve["upper"], step="post", color=MAIN, alpha=0.15,
                      linewidth=0)  # fmt: skip
    axes.step([0, *months], [0, *curve["share"]], where="post", color=MAIN, linewidth=2,
              label=read.say("trajectories.line_ramped"))  # fmt: skip
    axes.step([0, *months], [0, *curve["left"]], where="post", color=MUTED, linewidth=1.5,
              linestyle="--", label=read.say("trajectories.line_left"))  # fmt: skip
    axes.xaxis.set_major_locator(MultipleLocator(3))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set(xlabel=read.say("trajectories.axis_months"), xlim=(0, None), ylim=(0, 1),
             ylabel=read.say("trajectories.axis_share"))  # fmt: skip
    axes.legend(loc="upper left", frameon=False)
    return figure
