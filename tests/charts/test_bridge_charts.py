"""The chart of steps says what its frame says."""

import io

import pandas as pd
import pytest
from matplotlib.colors import to_hex

from salesops_kit.charts.bridge import step_bars
from salesops_kit.charts.theme import BAD, GOOD, MAIN

NAN = float("nan")
STEPS = pd.DataFrame(
    {"step": ["start", "volume", "win_rate", "end"], "value": [1000.0, 300.0, -500.0, 800.0],
     "kind": ["level", "change", "change", "level"], "lower": [NAN, 250.0, -900.0, NAN],
     "upper": [NAN, 350.0, -100.0, NAN]}
)  # fmt: skip


def test_each_change_begins_where_the_last_one_ended(read):
    [axes] = step_bars(STEPS, read, area="bridge").axes

    spans = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in axes.patches]
    assert spans == [(0, 1000), (1000, 1300), (1300, 800), (0, 800)]
    colors = [to_hex(bar.get_facecolor()).upper() for bar in axes.patches]
    assert colors == [MAIN, GOOD, BAD, MAIN]


def test_intervals_lie_around_the_end_of_their_change(read):
    [axes] = step_bars(STEPS, read, area="bridge").axes
    _, intervals = axes.collections

    drawn = [tuple(part[:, 0]) for part in intervals.get_segments() if len(part)]
    assert (1250, 1350) in drawn
    assert (400, 1200) in drawn


def test_rows_are_named_with_their_value_from_top_to_bottom(read):
    [axes] = step_bars(STEPS, read, area="bridge").axes
    names = [label.get_text() for label in axes.yaxis.get_ticklabels()]

    assert axes.yaxis_inverted()
    assert names[1] == f"{read.say('bridge.volume')}  +¥300"
    assert names[2] == f"{read.say('bridge.win_rate')}  -¥500"
    assert axes.get_xlabel() == read.say("bridge.money_axis")


@pytest.mark.parametrize("area", ["bridge", "pipeline_waterfall"])
def test_no_letter_is_missing_and_nothing_is_drawn_outside_the_picture(read, area):
    steps = STEPS if area == "bridge" else STEPS.assign(step=["start", "new", "lost", "end"])
    figure = step_bars(steps.assign(value=steps["value"] * 31_234), read, area=area)
    # a missing glyph is a warning, and warnings are errors here
    figure.savefig(io.BytesIO(), format="svg")
    figure.canvas.draw()
    [axes] = figure.axes

    low, high = axes.get_xlim()
    ticks = [t for t in axes.xaxis.get_ticklabels() if low <= t.get_position()[0] <= high]
    for text in [axes.xaxis.label, *axes.yaxis.get_ticklabels(), *ticks]:
        box = text.get_window_extent()
        assert text.get_text()
        assert text.get_fontsize() >= 8
        assert -1 <= box.x0 <= box.x1 <= figure.bbox.width + 1
        assert -1 <= box.y0 <= box.y1 <= figure.bbox.height + 1
