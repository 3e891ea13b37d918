"""Charts of what events did. Each draws one frame, and computes nothing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from salesops_kit.charts.funnel import WIDTH, Words
from salesops_kit.charts.theme import INK, MAIN, MUTED
from salesops_kit.language import Language


def event_study(study: pd.DataFrame, read: Words) -> Figure:
    """Draw the difference from colleagues by months around an event, with intervals.

    `study`: `first`, `last` (months relative to the event), `effect`, `lower`, `upper`, `left_out`.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 3.0), layout="constrained")
    rows = study.to_dict("records")
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.axvline(0, color=INK, linewidth=1.0, linestyle=":")
    for row in rows:
        middle, hidden = (row["first"] + row["last"]) / 2, bool(row["left_out"])
        color = MUTED if hidden else MAIN
        axes.vlines(middle, row["lower"], row["upper"], color=color, linewidth=2)
        axes.scatter([middle], [row["effect"]], s=34, zorder=3, edgecolors=color,
                     facecolors="white" if hidden else color)  # fmt: skip
    places = [(row["first"] + row["last"]) / 2 for row in rows]
    axes.set_xticks(places, [_span(row) for row in rows], fontsize=8.5)
    axes.set_xlabel(read.say("training.axis_months"))
    axes.set_ylabel(read.say("training.axis_effect"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:+.0f}"))
    return figure


def event_studies(
    drawn: Iterable[tuple[Mapping[Language, str], pd.DataFrame]], read: Any
) -> Iterator[tuple[Figure, dict[str, str]]]:
    """Draw every study with its texts, for `show_figures`."""
    for event, study in drawn:
        said = event["zh" if read.language == "zh" else "en"]
        yield event_study(study, read), read.figure("training.study", event=said)


def _span(row: Mapping[Any, Any]) -> str:
    first, last = int(row["first"]), int(row["last"])
    return f"{first:+d}" if first == last else f"{first:+d}\u2013{last:+d}"
