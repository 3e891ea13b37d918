"""Charts of the pipeline forecast. Each draws one frame, and computes nothing new."""

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from salesops_kit.charts.funnel import ROW, WIDTH, Words
from salesops_kit.charts.theme import BAD, GOOD, INK, MAIN, MUTED, PALE
from salesops_kit.language import Day, Money, Share

_HEIGHT = 2.7  # inches
_RANGE = (0.1, 0.9)  # chances between which the shaded range lies


def outcome_curve(
    outcomes: pd.DataFrame, read: Words, *, target: float | None, chance: float | None
) -> Figure:
    """Draw the chance to reach each amount, the range of 8 of 10 outcomes, and the target.

    `outcomes`: `money`, rising, and `chance` to book at least so much. `chance`: of the target.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, _HEIGHT), layout="constrained")
    money, share = outcomes["money"], outcomes["chance"]
    inside = share.between(*_RANGE)
    axes.fill_between(money[inside], share[inside], color=PALE, linewidth=0)
    axes.plot(money, share, color=MAIN, linewidth=2)
    if target is not None:
        axes.axvline(target, color=GOOD if (chance or 0) >= 0.5 else BAD, linewidth=1.5)
        right = target < money.iloc[len(money) // 2]
        axes.annotate(
            read.say("pipeline_forecast.target_line", chance=Share(chance)),
            (target, 1.0), xytext=(-4 if right else 4, -2), textcoords="offset points",
            ha="right" if right else "left", va="top", fontsize=9,
        )  # fmt: skip
    axes.set_ylim(0, 1.02)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel(read.say("pipeline_forecast.axis_chance"))
    _money_axis(axes, read)
    return figure


def booking_curve(curve: pd.DataFrame, read: Words, *, ends: tuple[float, float]) -> Figure:
    """Draw expected bookings adding up to the end, with the range at it.

    `curve`: `day`, `booked`. `ends`: the range of the last day.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, _HEIGHT), layout="constrained")
    places = list(range(len(curve)))
    axes.plot(places, curve["booked"], color=MAIN, linewidth=2, marker="o", markersize=4)
    axes.vlines(places[-1], *ends, color=INK, linewidth=1.5)
    step = max(1, (len(curve) - 1) // 4)
    shown = places[::-1][::step][::-1]
    axes.set_xticks(shown, [Day(curve["day"].iloc[p]).written("en")[5:] for p in shown])
    axes.set_ylim(0, max(ends[1], float(curve["booked"].max())) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda amount, _: Money(amount, read.currency).written(read.language))
    )
    return figure


def past_ranges(past: pd.DataFrame, read: Words) -> Figure:
    """Draw former forecasts as ranges, with what came as a dot: filled inside, hollow outside.

    `past`: `until`, `low`, `expected`, `high`, `booked`, `inside`, from top to bottom.
    """
    height = 0.7 + 0.55 * ROW * len(past)
    figure, axes = plt.subplots(figsize=(WIDTH, height), layout="constrained")
    rows = list(range(len(past)))
    axes.hlines(rows, past["low"], past["high"], color=PALE, linewidth=6)
    axes.plot(past["expected"], rows, "|", color=MAIN, markersize=9, markeredgewidth=2)
    for inside, color in ((True, INK), (False, BAD)):
        chosen = past["inside"].astype(bool) == inside
        places = [row for row, here in zip(rows, chosen, strict=True) if here]
        axes.plot(past["booked"][chosen], places, "o", color=color, markersize=5)
    axes.set_yticks(rows, [Day(day).written(read.language) for day in past["until"]], fontsize=9)
    axes.set_ylim(len(past) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_color(MUTED)
    _money_axis(axes, read)
    return figure


def _money_axis(axes: Axes, read: Words) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda amount, _: Money(amount, read.currency).written(read.language))
    )
    axes.set_xlabel(read.say("pipeline_forecast.axis_money"))
