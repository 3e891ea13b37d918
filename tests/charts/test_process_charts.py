"""The chart of goals says what its frame says."""

import io

import pandas as pd
from matplotlib.colors import to_hex

from salesops_kit.charts.process import goal_ranges
from salesops_kit.charts.theme import BAD, GOOD, MAIN

GOALS = pd.DataFrame(
    {"stage": ["needs", "proposal", "contract"], "n": [1200, 40, 15],
     "conversion_goal": [0.75, 0.5, 0.9], "onward_share": [0.6, 0.7, 0.85],
     "onward_lower": [0.55, 0.6, float("nan")], "onward_upper": [0.65, 0.8, float("nan")],
     "conversion_verdict": ["missed", "reached", "open"]}
)  # fmt: skip


def test_each_stage_shows_its_share_its_interval_its_goal_and_its_verdict(read):
    figure = goal_ranges(GOALS, read)
    [axes] = figure.axes
    *shares, goals = axes.lines

    assert [line.get_xdata()[0] for line in shares] == [0.6, 0.7, 0.85]
    assert [to_hex(line.get_color()).upper() for line in shares] == [BAD, GOOD, MAIN]
    assert list(goals.get_xdata()) == [0.75, 0.5, 0.9]
    [intervals] = axes.collections
    assert [tuple(part[:, 0]) for part in intervals.get_segments()[:2]] == [
        (0.55, 0.65), (0.6, 0.8)
    ]  # fmt: skip
    names = [label.get_text() for label in axes.yaxis.get_ticklabels()]
    assert names[0] == f"{read.stage('needs')}  (n = 1,200)"
    assert axes.yaxis_inverted()


def test_no_letter_is_missing_and_nothing_is_drawn_outside_the_picture(read):
    figure = goal_ranges(GOALS, read)
    # a missing glyph is a warning, and warnings are errors here
    figure.savefig(io.BytesIO(), format="svg")
    figure.canvas.draw()
    [axes] = figure.axes

    for text in [axes.xaxis.label, *axes.yaxis.get_ticklabels(), *figure.legends[0].get_texts()]:
        box = text.get_window_extent()
        assert text.get_text()
        assert text.get_fontsize() >= 8
        assert -1 <= box.x0 <= box.x1 <= figure.bbox.width + 1
        assert -1 <= box.y0 <= box.y1 <= figure.bbox.height + 1
