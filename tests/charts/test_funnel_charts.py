"""Charts say what their frame says: lengths, places, labels, markers."""

import inspect
import io

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from salesops_kit.charts import funnel as charts
from salesops_kit.charts.theme import BAD, INK, MAIN, PALE

NAN = float("nan")
STAGES = ["needs", "proposal"]
BOOKINGS = pd.DataFrame(
    {"period": [f"2025-{m:02d}" for m in range(1, 10)], "bookings": np.arange(1.0, 10) * 1e5,
     "target": [NAN] * 3 + [4e5] * 6}
)  # fmt: skip
FLOW = pd.DataFrame(
    {"stage": STAGES, "entered": [1200, 40], "advanced_share": [0.5, 0.0], "won_share": [0.0, 0.4],
     "open_share": [0.1, 0.5], "back_share": [0.05, 0.0], "invalid_share": [0.05, 0.0],
     "lost_share": [0.3, 0.1]}
)  # fmt: skip
DWELL = pd.DataFrame(
    {"stage": STAGES, "visits": [1200, 40], "median": [12.0, 30.0], "lower": [11.0, 25.0],
     "upper": [13.0, NAN], "p90": [40.0, NAN], "goal": [14.0, NAN]}
)  # fmt: skip
RATES = pd.DataFrame(
    {"group": ["East", "华东", "Nobody"], "closed": [120, 9, 0], "win_rate": [0.3, 0.2, NAN],
     "lower": [0.25, 0.05, NAN], "upper": [0.36, 0.5, NAN]}
)  # fmt: skip
COHORTS = pd.DataFrame(
    {"period": ["2025-06", "2025-07", "2025-08"], "won_share": [0.2, 0.25, 0.1],
     "lower": [0.15, 0.2, 0.05], "upper": [0.25, 0.3, 0.2], "mature": [True, True, False]}
)  # fmt: skip
PIPELINE = pd.DataFrame(
    {"stage": STAGES, "deals": [1500, 3], "amount": [2e6, 5e5], "overdue_amount": [5e5, 0.0]}
)
MONTHLY = pd.DataFrame(
    {"month": [f"2025-0{i}" for i in range(1, 7)], "slice": [0.8, 0.78, 0.79, 0.6, 0.55, 0.58],
     "others": [0.75, 0.76, 0.75, 0.77, 0.74, 0.76], "exits": [40, 42, 39, 41, 44, 40]}
)  # fmt: skip
DRAWN = {
    "bookings_bars": lambda read: charts.bookings_bars(BOOKINGS, read),
    "stage_flow_bars": lambda read: charts.stage_flow_bars(FLOW, read),
    "dwell_ranges": lambda read: charts.dwell_ranges(DWELL, read),
    "win_rate_ranges": lambda read: charts.win_rate_ranges(RATES, read, company=0.28),
    "leak_line": lambda read: charts.leak_line(MONTHLY, read, kind="quality", span=(2, 3)),
    "cohort_line": lambda read: charts.cohort_line(COHORTS, read, horizon=180),
    "pipeline_bars": lambda read: charts.pipeline_bars(PIPELINE, read),
}


def names(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def widths(container):
    return [round(bar.get_width(), 6) for bar in container]


def lefts(container):
    return [round(bar.get_x(), 6) for bar in container]


def colors(container):
    return [to_hex(bar.get_facecolor()).upper() for bar in container]


def test_every_chart_of_the_module_is_drawn_here():
    public = [
        name
        for name, item in inspect.getmembers(charts, inspect.isfunction)
        if item.__module__ == charts.__name__ and not name.startswith("_")
    ]

    assert sorted(DRAWN) == public


@pytest.mark.parametrize("chart", DRAWN)
def test_no_letter_is_missing_in_either_language(chart, read):
    figure = DRAWN[chart](read)

    # a missing glyph is a warning, and warnings are errors here
    figure.savefig(io.BytesIO(), format="svg")


@pytest.mark.parametrize("chart", DRAWN)
def test_nothing_is_drawn_outside_the_picture_or_smaller_than_eight_points(chart, read):
    figure = DRAWN[chart](read)
    figure.canvas.draw()

    [axes] = figure.axes
    ticks = [*axes.xaxis.get_ticklabels(), *axes.yaxis.get_ticklabels()]
    texts = [*axes.texts, axes.xaxis.label, axes.yaxis.label]
    texts += [text for legend in figure.legends for text in legend.get_texts()]
    for text in [*texts, *(tick for tick in ticks if _is_in_view(axes, tick))]:
        if text.get_text():
            box = text.get_window_extent()
            assert text.get_fontsize() >= 8
            assert -1 <= box.x0 <= box.x1 <= figure.bbox.width + 1, text.get_text()
            assert -1 <= box.y0 <= box.y1 <= figure.bbox.height + 1, text.get_text()


def _is_in_view(axes, tick):
    (x, y), tolerance = tick.get_position(), 1e-9
    of_x = tick in axes.xaxis.get_ticklabels()
    low, high = sorted(axes.get_xlim() if of_x else axes.get_ylim())
    return low - tolerance <= (x if of_x else y) <= high + tolerance


@pytest.mark.parametrize("chart", DRAWN)
def test_charts_leave_their_frame_as_it_was(chart, read):
    frames = [BOOKINGS, FLOW, DWELL, RATES, COHORTS, PIPELINE]
    before = [frame.copy() for frame in frames]

    DRAWN[chart](read)

    for frame, copy in zip(frames, before, strict=True):
        pd.testing.assert_frame_equal(frame, copy)


def test_bookings_are_bars_with_the_last_one_strong_and_targets_as_ticks(read):
    [axes] = charts.bookings_bars(BOOKINGS, read).axes

    [bars] = axes.containers
    assert [bar.get_height() for bar in bars] == BOOKINGS["bookings"].tolist()
    assert colors(bars) == [PALE] * 8 + [MAIN]
    assert axes.get_legend() is None  # it would lie over the bars
    assert len(axes.figure.legends) == 1
    [ticks] = axes.collections
    drawn = [s[:, 1].tolist() for s in ticks.get_segments() if len(s) and not np.isnan(s).any()]
    assert drawn == [[4e5, 4e5]] * 6
    assert names(axes.xaxis) == ["2025-01", "2025-03", "2025-05", "2025-07", "2025-09"]


def test_bookings_without_targets_have_no_legend(read):
    [axes] = charts.bookings_bars(BOOKINGS.assign(target=NAN), read).axes

    assert axes.figure.legends == []
    assert len(axes.collections) == 0


def test_amounts_on_an_axis_are_written_the_readers_way(read):
    [axes] = charts.bookings_bars(BOOKINGS, read).axes

    written = axes.yaxis.get_major_formatter()(800_000, None)
    assert written == {"en": "¥800K", "zh": "¥80.0万"}[read.language]


def test_how_visits_ended_is_stacked_to_the_whole_in_a_fixed_order(read):
    figure = charts.stage_flow_bars(FLOW, read)
    [axes] = figure.axes

    bars = [c for c in axes.containers if len(c)]
    assert [widths(c)[0] for c in bars] == [0.5, 0.0, 0.1, 0.05, 0.05, 0.3]
    assert [lefts(c)[0] for c in bars] == [0.0, 0.5, 0.5, 0.6, 0.65, 0.7]
    assert colors(bars[-1])[0] == BAD
    assert [bar.get_x() + bar.get_width() for bar in bars[-1]] == pytest.approx([1.0, 1.0])
    assert [c.get_label() for c in bars] == [read.say(f"funnel.ending_{e}") for e, _ in
                                             charts.ENDINGS]  # fmt: skip


def test_small_shares_carry_no_label_and_stages_carry_their_count(read):
    [axes] = charts.stage_flow_bars(FLOW, read).axes

    assert [t.get_text() for t in axes.texts if t.get_text()] == [
        "50%", "40%", "10%", "50%", "30%", "10%"
    ]  # fmt: skip
    assert names(axes.yaxis) == [
        f"{read.stage('needs')}  (n = 1,200)", f"{read.stage('proposal')}  (n = 40)"
    ]  # fmt: skip


def test_first_rows_stand_on_top(read):
    for chart in ("stage_flow_bars", "dwell_ranges", "win_rate_ranges", "pipeline_bars"):
        [axes] = DRAWN[chart](read).axes
        low, high = axes.get_ylim()
        assert low > high, chart


def test_stays_show_median_ninetieth_percentile_and_goal(read):
    [axes] = charts.dwell_ranges(DWELL, read).axes

    drawn = {line.get_label(): line.get_xdata() for line in axes.lines}
    assert list(drawn[read.say("funnel.median_interval")]) == [12.0, 30.0]
    np.testing.assert_array_equal(drawn[read.say("funnel.p90")], [40.0, NAN])
    np.testing.assert_array_equal(drawn[read.say("funnel.dwell_goal")], [14.0, NAN])
    interval = axes.collections[1].get_segments()[0]
    assert interval[:, 0].tolist() == [11.0, 13.0]
    assert axes.get_xlim()[0] == 0


def test_without_goals_none_is_named(read):
    [axes] = charts.dwell_ranges(DWELL.assign(goal=NAN), read).axes

    assert read.say("funnel.dwell_goal") not in [line.get_label() for line in axes.lines]


def test_groups_with_few_cases_are_hollow_and_empty_ones_left_out(read):
    [axes] = charts.win_rate_ranges(RATES, read, company=0.28).axes

    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [float(np.ravel(line.get_xdata())[0]) for line in points] == [0.3, 0.2]
    assert [to_hex(line.get_markerfacecolor()).upper() for line in points] == [MAIN, "#FFFFFF"]
    assert names(axes.yaxis) == ["East  (n = 120)", "华东  (n = 9)"]
    [company] = [line for line in axes.lines if line.get_color() == INK]
    assert list(company.get_xdata()) == [0.28, 0.28]


def test_a_group_with_exactly_enough_cases_is_filled(read):
    rates = RATES.head(1).assign(closed=read.min_n)
    [axes] = charts.win_rate_ranges(rates, read, company=None).axes

    [point] = axes.lines
    assert to_hex(point.get_markerfacecolor()).upper() == MAIN


def test_win_rates_of_nobody_draw_an_empty_chart(read):
    [axes] = charts.win_rate_ranges(RATES.tail(1), read, company=None).axes

    assert len(axes.lines) == 0
    assert axes.get_xlim() == (0, 1)


def test_cohorts_that_still_ripen_are_hollow(read):
    [axes] = charts.cohort_line(COHORTS, read, horizon=180).axes

    line, ripe, young = axes.lines
    assert list(line.get_ydata()) == [0.2, 0.25, 0.1]
    assert list(ripe.get_xdata()) == [0, 1]
    assert list(young.get_xdata()) == [2]
    assert to_hex(young.get_markerfacecolor()).upper() == "#FFFFFF"
    assert "180" in axes.get_ylabel()


def test_the_overdue_part_of_the_pipeline_ends_each_bar(read):
    [axes] = charts.pipeline_bars(PIPELINE, read).axes

    on_time, overdue = axes.containers
    assert (widths(on_time), lefts(on_time)) == ([1.5e6, 5e5], [0.0, 0.0])
    assert (widths(overdue), lefts(overdue)) == ([5e5, 0.0], [1.5e6, 5e5])
    assert names(axes.yaxis)[0] == f"{read.stage('needs')}  (n = 1,500)"


def test_two_stages_that_readers_call_the_same_stay_two_rows(read):
    twins = PIPELINE.assign(stage=["mystery", "mystery"], deals=[3, 3])
    [axes] = charts.pipeline_bars(twins, read).axes

    assert len({bar.get_y() for bar in axes.containers[0]}) == 2


def test_the_months_in_which_a_leak_may_have_begun_are_marked(read):
    [axes] = charts.leak_line(MONTHLY, read, kind="quality", span=(2, 3)).axes
    [band] = axes.patches

    assert (band.get_x(), band.get_x() + band.get_width()) == (1.5, 3.5)
    assert [list(line.get_ydata()) for line in axes.lines] == [
        MONTHLY["others"].tolist(), MONTHLY["slice"].tolist()
    ]  # fmt: skip
