"""Measures of forecasts: by hand, and against the figures published with the competitions."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from salesops_kit.models import series_scores as scores
from salesops_kit.models.series_backtest import accuracy, backtest, backtest_prophet, origins
from salesops_kit.models.series_panel import Panel
from salesops_kit.models.series_prophet import prophet_view

ACTUAL = np.array([[10.0, 20.0], [0.0, 4.0]])
FORECAST = np.array([[12.0, 16.0], [0.0, 5.0]])


def panel_of(*values, season=12):
    return Panel(tuple(f"s{i}" for i in range(len(values))), tuple(map(np.asarray, values)), season)


def test_each_measure_is_what_its_formula_says():
    assert scores.smape(ACTUAL, FORECAST) == pytest.approx(
        [100 * (2 / 22 + 4 / 36), 100 * (0 + 1 / 9)]
    )
    assert scores.wape(ACTUAL, FORECAST) == pytest.approx(7 / 34)
    assert scores.bias(ACTUAL, FORECAST) == pytest.approx(-1 / 34)
    assert scores.mase(ACTUAL, FORECAST, np.array([2.0, 0.5])) == pytest.approx([1.5, 1.0])
    assert scores.coverage(ACTUAL, FORECAST - 2, FORECAST + 2) == 0.75
    inside = scores.msis(ACTUAL, ACTUAL - 1, ACTUAL + 1, np.array([1.0, 2.0]))
    assert inside == pytest.approx([2.0, 1.0])
    outside = scores.msis(ACTUAL, ACTUAL + 1, ACTUAL + 2, np.ones(2))
    assert outside == pytest.approx([1 + 40, 1 + 40])


def test_pinball_of_the_median_is_the_absolute_error():
    table = FORECAST[:, :, None]

    loss = scores.pinball(ACTUAL, table, [0.5], np.ones(2))
    assert loss == pytest.approx(np.abs(ACTUAL - FORECAST).mean(axis=1))


def test_missing_pairs_are_left_out_and_nothing_to_divide_by_is_missing():
    holed = np.array([[10.0, np.nan]])

    assert scores.wape(holed, FORECAST[:1]) == pytest.approx(0.2)
    assert np.isnan(scores.wape(np.zeros((1, 2)), FORECAST[:1]))
    assert np.isnan(scores.coverage(np.full((1, 1), np.nan), np.zeros((1, 1)), np.zeros((1, 1))))
    assert np.isnan(scores.scales(panel_of([5.0] * 30))).all()


def test_naive_2_repeats_the_last_value_in_its_season():
    season = np.array([0.5, 1.5, 1.0, 1.0])
    values = np.tile(season, 8) * 100

    assert scores.naive2(panel_of(values, season=4), 4)[0] == pytest.approx(season * 100, rel=0.01)
    flat = np.random.default_rng(1).normal(100, 5, 40)
    assert scores.naive2(panel_of(flat, season=4), 2)[0].tolist() == [flat[-1]] * 2


def test_naive_2_against_itself_is_one():
    rng = np.random.default_rng(4)
    panel = panel_of(*(rng.uniform(50, 90, 60) for _ in range(3)))

    assert scores.owa(rng.uniform(50, 90, (3, 6)), scores.naive2(panel, 6), panel) > 0
    came = rng.uniform(50, 90, (3, 6))
    assert scores.owa(came, scores.naive2(panel, 6), panel) == pytest.approx(1)


# -- back-tests -----------------------------------------------------------------------------------

RNG = np.random.default_rng(8)
PANEL = panel_of(*(100 + 10 * np.sin(np.arange(30) / 2) + RNG.normal(0, 3, 30) for _ in range(3)))


def test_a_past_forecast_does_not_change_with_what_came_after():
    later = panel_of(*(np.concatenate([value, [900.0]]) for value in PANEL.known))
    now = backtest(PANEL, 3, (3,)).drop(columns="actual")
    then = backtest(later, 3, (4,)).drop(columns="actual")

    pd.testing.assert_frame_equal(now, then[then["ahead"] <= 3].assign(cut=3))


def test_accuracy_is_the_sum_of_errors_over_the_sum_of_what_came():
    rows = backtest(PANEL, 3, origins(PANEL, 4))
    table = accuracy(rows).set_index("method")
    naive = rows[rows["method"] == "naive"]
    wape = (naive["value"] - naive["actual"]).abs().sum() / naive["actual"].sum()

    assert table.loc["naive", "wape"] == pytest.approx(wape)
    assert table.loc["naive", "checks"] == 3 * (1 + 2 + 3 + 3)
    gain = table.loc["naive", "wape"] - table.loc["combined", "wape"]
    assert table.loc["combined", "added"] == pytest.approx(gain)
    assert table.loc["combined", "coverage"] <= 1
    assert table["coverage"].drop("combined").isna().all()


def test_no_origin_is_taken_with_less_than_a_year_behind_it():
    assert origins(panel_of(np.arange(14.0)), 9) == (1, 2)
    assert origins(panel_of(np.arange(9.0)), 9) == ()
    assert backtest(panel_of(np.arange(9.0)), 3, ()).empty


def test_prophet_is_tested_on_the_same_moments():
    days = [date(2022 + m // 12, m % 12 + 1, 1) for m in range(30)]
    rows = backtest_prophet(PANEL.only([0]), days, 2, (1, 2))

    assert set(rows["method"]) == {"prophet"}
    assert rows[["cut", "ahead"]].to_numpy().tolist() == [[1, 1], [2, 1], [2, 2]]
    assert rows["actual"].tolist() == [PANEL.known[0][-1], *PANEL.known[0][-2:]]
    assert (rows["value"] - 100).abs().max() < 40


def test_prophet_draws_its_band_the_same_every_time_and_moves_no_other_draws():
    days = [date(2022 + m // 12, m % 12 + 1, 1) for m in range(30)]
    value = PANEL.known[0][:24]
    before = np.random.get_state()[1].copy()
    first, second = (prophet_view(value, days, 20) for _ in range(2))

    pd.testing.assert_frame_equal(first.ahead, second.ahead)
    assert (np.random.get_state()[1] == before).all()
