"""Charts of watched series. Each draws one frame, and computes nothing."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from salesops_kit.charts.funnel import WIDTH, Words
from salesops_kit.charts.theme import BAD, MAIN, MUTED
from salesops_kit.language import Money, Number, Share


def alert_trend(alert: Mapping[Any, Any], trend: pd.DataFrame, read: Words) -> Figure:
    """Draw one series with the day since when it is worse.

    `alert`: `unit`, `since`, `before`; `trend`: `day`, `value`, oldest first.
    """
    figure, axes = plt.subplots(figsize=(WIDTH, 2.4), layout="constrained")
    axes.plot(trend["day"], trend["value"], color=MAIN, linewidth=1.8)
    axes.axhline(alert["before"], color=MUTED, linewidth=1)
    axes.axvline(alert["since"], color=BAD, linewidth=1.2, linestyle=":")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda day, _: str(np.datetime64(int(day), "D"))[:7])
    )
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: _written(alert["unit"], value, read))
    )
    return figure


def alert_trends(
    drawn: Iterable[tuple[Mapping[Any, Any], pd.DataFrame]], read: Any
) -> Iterator[tuple[Figure, dict[str, str]]]:
    """Draw every alert with its texts, for `show_figures`."""
    for alert, trend in drawn:
        said = {"series": read.say(f"monitor.{alert['measure']}"),
                "place": alert["place"][read.language]}  # fmt: skip
        yield alert_trend(alert, trend, read), read.figure("monitor.trend", **said)


def _written(unit: str, value: float, read: Words) -> str:
    if unit == "money":
        return Money(value).written(read.language)
    return (Share(value) if unit == "share1" else Number(value, 0)).written(read.language)
