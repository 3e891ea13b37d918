"""Charts of the funnel analysis. Each draws one frame, names its n, and computes nothing."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from salesops_kit.charts.theme import BAD, GOOD, INK, MAIN, MUTED, PALE
from salesops_kit.language import Language, Money, Value

WIDTH = 5.2  # inches: the width of a phone at the same size of letters
ROW = 0.38
LABELS = 7  # periods named under an axis; more would run into each other
# how a visit ended, in the order the bars are stacked, with its colour
ENDINGS = (
    ("advanced", MAIN),
    ("won", GOOD),
    ("open", PALE),
    ("back", MUTED),
    ("invalid", INK),
    ("lost", BAD),
)


class Words(Protocol):
    """What charts ask of a reader (`tables.Reader`)."""

    @property
    def language(self) -> Language:
        """Language of the words."""

    @property
    def currency(self) -> str:
        """Reporting currency."""

    @property
    def min_n(self) -> int:
        """Cases from which on a group is judged."""

    def say(self, key: str, **values: Value | str | int) -> str:
        """Return an entry of the catalogue, filled."""

    def stage(self, name: str) -> str:
        """Return how readers call a stage."""


def bookings_bars(bookings: pd.DataFrame, read: Words) -> Figure:
    """Draw bookings per period as bars, the last one strong, targets as ticks.

    `bookings`: `period`, `bookings`, `target` (may be missing), oldest first.
    """
    figure, axes = _canvas(2.7)
    positions = range(len(bookings))
    colors = [PALE] * (len(bookings) - 1) + [MAIN]
    axes.bar(positions, bookings["bookings"], color=colors, width=0.72)
    aims = bookings["target"]
    if aims.notna().any():
        axes.hlines(aims, [p - 0.42 for p in positions], [p + 0.42 for p in positions], color=INK,
                    linewidth=1.6, label=read.say("funnel.target"))  # fmt: skip
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", frameon=False)
    _name_periods(axes, bookings["period"].tolist())
    axes.yaxis.set_major_formatter(_money_axis(read))
    axes.set_ylabel(read.say("funnel.bookings"))
    return figure


def stage_flow_bars(flow: pd.DataFrame, read: Words) -> Figure:
    """Draw per stage how its visits ended, as shares of all visits that began in the window.

    `flow`: `stage`, `entered`, and one share column per ending (`advanced_share` …), in order of
    rank.
    """
    figure, axes = _canvas(1.2 + ROW * 1.2 * len(flow))
    rows = list(range(len(flow)))
    left = pd.Series(0.0, index=flow.index)
    for ending, color in ENDINGS:
        width = flow[f"{ending}_share"].fillna(0.0)
        bars = axes.barh(rows, width, left=left, color=color, height=0.68,
                         label=read.say(f"funnel.ending_{ending}"))  # fmt: skip
        written = [f"{w:.0%}" if w >= 0.07 else "" for w in width]
        axes.bar_label(bars, written, label_type="center", fontsize=9,
                       color=INK if color in (PALE, MUTED) else "white")  # fmt: skip
        left = left + width
    _name_stages(axes, flow["stage"], flow["entered"], read)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(visible=False)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3,
                  frameon=False, fontsize=9, columnspacing=1.0, handlelength=1.0)  # fmt: skip
    return figure


def dwell_ranges(dwell: pd.DataFrame, read: Words) -> Figure:
    """Draw per stage the median stay with its interval, the 90th percentile, and the goal.

    `dwell`: `stage`, `median`, `lower`, `upper`, `p90`, `goal` in days, `visits`; missing where
    too few visits ended.
    """
    figure, axes = _canvas(1.2 + ROW * 1.1 * len(dwell))
    rows = list(range(len(dwell)))
    axes.hlines(rows, dwell["median"], dwell["p90"], color=PALE, linewidth=5)
    axes.hlines(rows, dwell["lower"], dwell["upper"], color=MAIN, linewidth=5)
    median = read.say("funnel.median_interval")
    axes.plot(dwell["median"], rows, "o", color="white", markeredgecolor=MAIN, markersize=7,
              markeredgewidth=2, linestyle="none", label=median)  # fmt: skip
    axes.plot(dwell["p90"], rows, "|", color=INK, markersize=11, linestyle="none",
              label=read.say("funnel.p90"))  # fmt: skip
    if dwell["goal"].notna().any():
        axes.plot(dwell["goal"], rows, "D", color=BAD, markersize=6, linestyle="none",
                  label=read.say("funnel.dwell_goal"))  # fmt: skip
    _name_stages(axes, dwell["stage"], dwell["visits"], read)
    axes.set_xlim(left=0)
    axes.set_xlabel(read.say("funnel.days_in_stage"))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3,
                  frameon=False, fontsize=9)  # fmt: skip
    return figure


def win_rate_ranges(rates: pd.DataFrame, read: Words, *, company: float | None) -> Figure:
    """Draw win rates with intervals, groups as given; hollow where fewer than `min_n` closed.

    `rates`: `group`, `closed`, `win_rate`, `lower`, `upper`. `company` is the rate of all, drawn
    as a line. Groups with nothing closed are left out.
    """
    rates = rates[rates["closed"] > 0].reset_index(drop=True)
    figure, axes = _canvas(0.9 + ROW * len(rates))
    rows = list(range(len(rates)))
    axes.hlines(rows, rates["lower"], rates["upper"], color=MUTED, linewidth=2.5)
    for row, rate, closed in zip(rows, rates["win_rate"], rates["closed"], strict=True):
        enough = closed >= read.min_n
        axes.plot(rate, row, "o", markersize=8, markeredgecolor=MAIN, markeredgewidth=1.8,
                  color=MAIN if enough else "white")  # fmt: skip
    if company is not None:
        axes.axvline(company, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.annotate(read.say("funnel.company_line"), (company, 1), ha="center", va="bottom",
                      xycoords=("data", "axes fraction"), fontsize=9)  # fmt: skip
    _name_rows(axes, rates["group"], rates["closed"])
    axes.set_xlim(0, min(1.0, max(0.2, rates["upper"].max() * 1.1 if len(rates) else 1)))
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel(read.say("funnel.win_rate_axis"))
    return figure


def cohort_line(cohorts: pd.DataFrame, read: Words, *, horizon: int) -> Figure:
    """Draw per month of creation the share won within the horizon, with its interval.

    `cohorts`: `period`, `won_share`, `lower`, `upper`, `mature` (every deal could reach the
    horizon). Cohorts still maturing are hollow.
    """
    figure, axes = _canvas(2.7)
    positions = pd.Series(range(len(cohorts)))
    axes.fill_between(positions, cohorts["lower"], cohorts["upper"], color=PALE, alpha=0.6,
                      linewidth=0)  # fmt: skip
    axes.plot(positions, cohorts["won_share"], color=MAIN, linewidth=2)
    mature = cohorts["mature"].to_numpy(dtype=bool)
    axes.plot(positions[mature], cohorts["won_share"][mature], "o", color=MAIN, linestyle="none")
    axes.plot(positions[~mature], cohorts["won_share"][~mature], "o", color="white",
              markeredgecolor=MAIN, linestyle="none")  # fmt: skip
    _name_periods(axes, cohorts["period"].tolist())
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel(read.say("funnel.cohort_axis", horizon=horizon))
    axes.set_xlabel(read.say("funnel.created_in"))
    return figure


def leak_line(monthly: pd.DataFrame, read: Words, *, kind: str, span: tuple[int, int]) -> Figure:
    """Draw a rate per month in the group of a leak and elsewhere, with the months of its begin.

    `monthly`: `month`, `slice`, `others`, `exits`. `span`: positions of the first and the last
    month in which the change may have begun. `kind`: "quality" (a share) or "speed".
    """
    figure, axes = _canvas(2.7)
    positions = range(len(monthly))
    axes.axvspan(span[0] - 0.5, span[1] + 0.5, color=PALE, alpha=0.5, linewidth=0)
    axes.plot(positions, monthly["others"], color=MUTED, linewidth=2)
    axes.plot(positions, monthly["slice"], color=BAD, linewidth=2.4, marker="o", markersize=5)
    _name_periods(axes, monthly["month"].tolist())
    axes.set_ylim(bottom=0)
    if kind == "quality":
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel(read.say(f"diagnosis.axis_{kind}"))
    return figure


def pipeline_bars(pipeline: pd.DataFrame, read: Words) -> Figure:
    """Draw the open amount per stage, with the part whose expected close has passed.

    `pipeline`: `stage`, `deals`, `amount`, `overdue_amount`.
    """
    figure, axes = _canvas(0.9 + ROW * len(pipeline))
    rows = list(range(len(pipeline)))
    current = pipeline["amount"] - pipeline["overdue_amount"]
    axes.barh(rows, current, color=MAIN, height=0.62, label=read.say("funnel.on_time"))
    axes.barh(rows, pipeline["overdue_amount"], left=current, color=BAD, height=0.62,
              label=read.say("funnel.overdue"))  # fmt: skip
    _name_stages(axes, pipeline["stage"], pipeline["deals"], read)
    axes.xaxis.set_major_formatter(_money_axis(read))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2,
                  frameon=False, fontsize=9)  # fmt: skip
    return figure


def _canvas(height: float) -> tuple[Figure, Axes]:
    return plt.subplots(figsize=(WIDTH, max(height, 1.8)), layout="constrained")


def _name_stages(axes: Axes, stages: Iterable[str], counts: Iterable[int], read: Words) -> None:
    _name_rows(axes, map(read.stage, stages), counts)


def _name_rows(axes: Axes, names: Iterable[str], counts: Iterable[int]) -> None:
    """Name the rows with their n, the first on top; by place, since two may share a name."""
    labels = [f"{name}  (n = {n:,})" for name, n in zip(names, counts, strict=True)]
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.45, -0.55)


def _money_axis(read: Words) -> FuncFormatter:
    return FuncFormatter(lambda value, _: Money(value, read.currency).written(read.language))


def _name_periods(axes: Axes, periods: Sequence[str]) -> None:
    """Name the last period, and as many before it as fit."""
    step = -(-len(periods) // LABELS)
    shown = list(range(len(periods) - 1, -1, -step))[::-1]
    axes.set_xticks(shown, [periods[position] for position in shown], fontsize=9)
