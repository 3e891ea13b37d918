"""Charts of the pipeline forecast say what their frames say."""

from datetime import date

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from salesops_kit.charts.pipeline_forecast import booking_curve, outcome_curve, past_ranges
from salesops_kit.charts.theme import BAD, GOOD

SHARES = np.linspace(0.005, 0.995, 100)
OUTCOMES = pd.DataFrame({"money": 1e6 * (1 + SHARES), "chance": 1 - SHARES})
PAST = pd.DataFrame(
    {"until": [date(2025, 8, 31), date(2025, 9, 30)], "low": [80.0, 90.0],
     "expected": [100.0, 110.0], "high": [120.0, 130.0], "booked": [115.0, 140.0],
     "inside": [True, False]}
)  # fmt: skip


def test_the_target_stands_at_its_amount_with_its_chance(read):
    likely = outcome_curve(OUTCOMES, read, target=1.2e6, chance=0.8).axes[0]
    unlikely = outcome_curve(OUTCOMES, read, target=1.9e6, chance=0.1).axes[0]

    assert likely.lines[0].get_xdata().tolist() == OUTCOMES["money"].tolist()
    assert likely.lines[1].get_xdata() == [1.2e6, 1.2e6]
    assert "80%" in likely.texts[0].get_text()
    assert [to_hex(axes.lines[1].get_color()) for axes in (likely, unlikely)] == [
        GOOD.lower(), BAD.lower(),
    ]  # fmt: skip


def test_without_a_target_only_the_outcomes_are_drawn(read):
    axes = outcome_curve(OUTCOMES, read, target=None, chance=None).axes[0]

    assert (len(axes.lines), len(axes.texts)) == (1, 0)


def test_the_shaded_range_holds_eight_of_ten_outcomes(read):
    axes = outcome_curve(OUTCOMES, read, target=None, chance=None).axes[0]
    [shade] = axes.collections
    xs = shade.get_paths()[0].vertices[:, 0]

    assert abs(xs.min() - 1.1e6) < 1e4
    assert abs(xs.max() - 1.9e6) < 1e4


def test_bookings_add_up_to_the_end_with_its_range(read):
    curve = pd.DataFrame(
        {"day": [date(2025, 10, d) for d in (7, 14, 21)], "booked": [1e6, 2e6, 3e6]}
    )
    axes = booking_curve(curve, read, ends=(2.5e6, 3.6e6)).axes[0]

    assert axes.lines[0].get_ydata().tolist() == [1e6, 2e6, 3e6]
    assert axes.collections[0].get_segments()[0][:, 1].tolist() == [2.5e6, 3.6e6]
    assert axes.get_xticklabels()[-1].get_text() == "10-21"


def test_what_came_outside_of_its_range_has_another_colour(read):
    axes = past_ranges(PAST, read).axes[0]
    expected, inside, outside = axes.lines

    assert expected.get_xdata().tolist() == [100.0, 110.0]
    assert (inside.get_xdata().tolist(), outside.get_xdata().tolist()) == ([115.0], [140.0])
    assert to_hex(outside.get_color()) == BAD.lower()
    assert [s[:, 0].tolist() for s in axes.collections[0].get_segments()] == [[80, 120], [90, 130]]
