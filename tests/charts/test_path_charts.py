"""The chart of stage cohorts says what its frames say."""

import io

import pandas as pd
import pytest

from salesops_kit.charts.paths import stage_cohort_lines

MONTHS = [f"2025-{month:02}" for month in range(1, 7)]
NEEDS = pd.DataFrame(
    {"period": MONTHS, "entered": [100] * 6, "share": [0.5, 0.6, 0.55, 0.4, 0.5, float("nan")]}
)
NEEDS = NEEDS.assign(lower=NEEDS["share"] - 0.1, upper=NEEDS["share"] + 0.1)
COHORTS = {"needs": (60, NEEDS), "proposal": (14, NEEDS.assign(share=0.7))}


@pytest.fixture
def figure(read):
    return stage_cohort_lines(COHORTS, read)


def test_each_stage_has_a_panel_with_its_days_its_n_and_its_shares(figure, read):
    needs, proposal = figure.axes

    assert list(needs.lines[0].get_ydata())[:5] == [0.5, 0.6, 0.55, 0.4, 0.5]
    assert list(proposal.lines[0].get_ydata()) == [0.7] * 6
    assert read.stage("needs") in needs.get_title(loc="left")
    assert "60" in needs.get_title(loc="left")
    assert "n = 600" in needs.get_title(loc="left")
    # one scale for both: from 0.3, the lowest bound, to 0.7
    assert {axes.get_ylim() for axes in figure.axes} == {(0.3, 0.7)}


def test_no_letter_is_missing_and_nothing_is_drawn_outside_the_picture(figure):
    # a missing glyph is a warning, and warnings are errors here
    figure.savefig(io.BytesIO(), format="svg")
    figure.canvas.draw()

    for axes in figure.axes:
        for text in [axes.title, axes._left_title, axes.xaxis.label]:
            if text.get_text():
                box = text.get_window_extent()
                assert text.get_fontsize() >= 8
                assert -1 <= box.x0 <= box.x1 <= figure.bbox.width + 1
                assert -1 <= box.y0 <= box.y1 <= figure.bbox.height + 1
