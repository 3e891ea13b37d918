"""The charts of the forecast: what they show, where they lie, both languages."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from salesops_kit.charts import forecast as charts

NAN = float("nan")


def path(ahead=3):
    known = pd.DataFrame(
        {"span": [f"2025-{m:02d}" for m in range(1, 10)], "kind": "known",
         "forecast": np.arange(9.0) + 10}
    )  # fmt: skip
    wide = {f"{side}{level}": 20.0 + sign * level / 10 for level in (50, 80, 95)
            for side, sign in (("low", -1), ("high", 1))}  # fmt: skip
    spans = [f"2026-{m:02d}" for m in range(1, ahead + 1)]
    later = pd.DataFrame({"span": spans, "kind": "ahead", "forecast": 20.0, **wide})
    later["alone"] = [18.0, *[20.0] * (ahead - 1)]
    return pd.concat([known, later], ignore_index=True).assign(target=[15.0, *[NAN] * (8 + ahead)])


def test_the_range_shows_what_is_known_what_may_come_and_the_target(read):
    figure = charts.range_fan(path(), read)
    [axes] = figure.axes
    known, ahead, alone = axes.lines[:3]

    assert (alone.get_xdata().tolist(), alone.get_ydata().tolist()) == ([9], [18])
    assert known.get_ydata().tolist() == list(np.arange(9.0) + 10)
    assert ahead.get_xdata().tolist() == [9, 10, 11]
    bands = [c.get_paths()[0].get_extents() for c in axes.collections[:3]]
    edges = np.array([(b.ymin, b.ymax) for b in bands])
    assert edges == pytest.approx(np.array([(10.5, 29.5), (12, 28), (15, 25)]))
    words = [text.get_text() for text in axes.get_legend().get_texts()]
    assert read.say("forecast.target") in words
    assert axes.get_xticklabels()[0].get_text() == "2026-03"


def test_past_forecasts_stand_beside_what_came(read):
    rows = pd.DataFrame({"span": ["a", "b"], "value": [5.0, 6.0], "lower": [3.0, 4.0],
                         "upper": [7.0, 8.0], "actual": [5.5, 9.0]})  # fmt: skip
    [axes] = charts.past_forecasts(rows, read).axes

    assert [line.get_ydata().tolist() for line in axes.lines] == [[5, 6], [5.5, 9]]


@pytest.mark.parametrize("parts", [["trend"], ["trend", "yearly"]])
def test_prophet_shows_the_parts_it_has_and_where_the_trend_bends(read, parts):
    days = [date(2025, m, 1) for m in range(1, 7)]
    frame = pd.DataFrame({"on": days} | {name: np.arange(6.0) for name in parts})
    figure = charts.prophet_parts(frame, pd.DataFrame({"on": [days[2]]}), read)

    assert len(figure.axes) == len(parts)
    assert figure.axes[0].get_title(loc="left") == read.say("forecast.trend")
    assert len(figure.axes[0].lines) == 2
