"""Forecasts of panels: routes, bands, breaks, holidays, bad input; against plain arithmetic."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.tsa.seasonal import STL

from salesops_kit.errors import ParameterError
from salesops_kit.models.day_shares import STRETCHES, day_shares, lunar_new_years, working_days
from salesops_kit.models.series import forecast, reach
from salesops_kit.models.series_candidates import combined, naive_points, past_points, points
from salesops_kit.models.series_intervals import (
    RECENCY,
    calibrated,
    cuts,
    expected_errors,
    seasons_cost,
)
from salesops_kit.models.series_panel import REFUSED, Panel, read_panel, scale_of
from salesops_kit.models.series_parts import forecast_frame, forecast_in_parts
from salesops_kit.models.series_prepare import break_in, prepared
from salesops_kit.models.series_season import season_of
from salesops_kit.models.series_spikes import despiked


def rows(name, values, first=0):
    return pd.DataFrame(
        {"series": name, "step": range(first, first + len(values)), "value": values}
    )


def seasonal(n=60, level=100.0, growth=0.5, noise=2.0, seed=1):
    rng = np.random.default_rng(seed)
    steps = np.arange(n)
    return level + growth * steps + 20 * np.sin(2 * np.pi * steps / 12) + rng.normal(0, noise, n)


def panel_of(*values, season=12):
    return Panel(tuple(f"s{i}" for i in range(len(values))), tuple(map(np.asarray, values)), season)


# -- what is read, and what is said of it ---------------------------------------------------------

GOOD = rows("good", seasonal(30))


@pytest.mark.parametrize(
    ("values", "first", "problem", "count"),
    [
        ([5.0] * 20, 0, "ended", 10),
        ([5.0, 6.0, 7.0], 27, "few", 3),
        ([np.nan] * 30, 0, "no_values", 30),
        ([1.0, *[np.nan] * 20, *[2.0] * 9], 0, "gaps", 20),
        ([*seasonal(22), *[0.0] * 8], 0, "ended", 8),
    ],
)
def test_what_cannot_be_forecast_is_left_out_and_said(values, first, problem, count):
    panel, said = read_panel(pd.concat([GOOD, rows("bad", values, first)]), season=12)

    assert panel.ids == ("good",)
    assert said.to_dict("records") == [{"series": "bad", "problem": problem, "count": count}]


def test_a_series_begins_where_something_happens_and_a_short_silence_does_not_end_it():
    late, quiet = [*[0.0] * 18, *seasonal(12)], [*seasonal(25), *[0.0] * 5]
    some = [0.0, 0.0, 3.0, 0.0, 2.0, 0.0, 0.0, 4.0, 0.0, 5.0, *[0.0, 1.0] * 10]
    frame = pd.concat([rows("late", late), rows("quiet", quiet), rows("some", some)])
    panel, said = read_panel(frame, season=12)

    known = dict(zip(panel.ids, panel.known, strict=True))
    assert [len(known[name]) for name in ("late", "quiet", "some")] == [12, 30, 30]
    assert {(row["series"], row["problem"]) for row in said.to_dict("records")} == {
        ("late", "begins"), ("quiet", "zeros"), ("some", "zeros")
    }  # fmt: skip


def test_the_same_step_twice_is_refused_not_summed():
    twice = pd.concat([GOOD, rows("twice", seasonal(30)), rows("twice", [1.0], 7)])
    panel, said = read_panel(twice, season=12)

    assert panel.ids == ("good",)
    assert said.to_dict("records") == [{"series": "twice", "problem": "duplicated", "count": 1}]


def test_what_can_be_forecast_all_the_same_is_said_too():
    values = [4.0, -1.0, 0.0, np.nan, 2.0, np.inf, *seasonal(24)]
    panel, said = read_panel(rows("odd", values), season=12)

    assert dict(zip(said["problem"], said["count"], strict=True)) == {
        "infinite": 1, "filled": 2, "negative": 1, "zeros": 1
    }  # fmt: skip
    assert panel.known[0][3] == 1.0  # between its neighbours


def test_a_value_far_from_all_others_is_said():
    values = seasonal(30)
    values[11] = 9e6

    said = read_panel(rows("spiked", values), season=12)[1]
    assert said.to_dict("records") == [{"series": "spiked", "problem": "spikes", "count": 1}]


def test_text_and_half_steps_are_refused_by_name():
    with pytest.raises(ParameterError, match="series 'good' has value 'n/a'"):
        read_panel(GOOD.astype({"value": object}).replace({"value": {GOOD["value"][3]: "n/a"}}),
                   season=12)  # fmt: skip
    with pytest.raises(ParameterError, match=r"series 'good' has step '0.5'; it must be a whole"):
        read_panel(GOOD.assign(step=GOOD["step"] + 0.5), season=12)


odd = st.one_of(st.none(), st.sampled_from([0.0, -3.0, 7.0, np.inf, 1e12]), st.floats(-1e3, 1e3))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 25), odd), max_size=60))
def test_any_rows_give_whole_series_or_a_reason(table):
    frame = pd.DataFrame(table, columns=["series", "step", "value"]).astype({"value": "float64"})
    panel, said = read_panel(frame, season=12)

    out = set(said.loc[said["problem"].isin(REFUSED), "series"])
    assert set(panel.ids) | out == set(frame["series"])
    assert not set(panel.ids) & out
    for name, value in zip(panel.ids, panel.known, strict=True):
        mine = frame[frame["series"] == name].dropna()
        mine = mine[np.isfinite(mine["value"])]
        assert np.isfinite(value).all()
        assert len(value) == frame["step"].max() - mine["step"].min() + 1
        assert value[(mine["step"] - mine["step"].min()).to_numpy()].tolist() == list(mine["value"])


def test_the_order_of_rows_does_not_matter():
    shuffled = GOOD.sample(frac=1, random_state=3)

    assert read_panel(shuffled, season=12)[0].known[0].tolist() == GOOD["value"].tolist()


def test_a_missing_column_and_a_season_of_none_are_refused():
    with pytest.raises(ParameterError, match="series need a column 'value'"):
        read_panel(GOOD.drop(columns="value"), season=12)
    with pytest.raises(ParameterError, match="season is 0"):
        read_panel(GOOD, season=0)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30), st.floats(0.1, 1e6))
def test_the_scale_goes_there_and_back(values, size):
    panel = panel_of(np.array(values) + size)
    scale = scale_of(panel)
    again = scale.back(np.array([scale.onto(panel).known[0]]))[0]

    assert again == pytest.approx(
        panel.known[0], rel=1e-6, abs=1e-6 * (np.abs(panel.known[0]).max())
    )


# -- what is forecast -----------------------------------------------------------------------------


def test_a_clean_season_and_trend_are_carried_on():
    found = forecast(panel_of(*(seasonal(72, seed=s) for s in range(4))), 6, "fast")
    truth = 100 + 0.5 * np.arange(72, 78) + 20 * np.sin(2 * np.pi * np.arange(72, 78) / 12)

    assert np.abs(found.value - truth).mean() < 3
    assert set(found.routes) == {"regular"}
    assert set(found.members) == {"theta", "stl", "boosted", "boosted_median"}


def test_each_series_goes_the_way_it_allows():
    empty = np.zeros(40)
    empty[[3, 17, 30]] = 5.0
    found = forecast(panel_of(seasonal(40), seasonal(20), empty, np.full(40, 7.0)), 3, "fast")

    assert found.routes == ("regular", "short", "sparse", "constant")
    assert found.value[3].tolist() == [7.0] * 3
    assert found.value[2] == pytest.approx([found.value[2][0]] * 3)
    assert 0 < found.value[2][0] < 1


def test_bands_lie_around_the_forecast_in_order_and_not_below_zero():
    found = forecast(panel_of(seasonal(40, noise=30), seasonal(20, level=10, noise=8)), 6, "fast")

    for inner, outer in ((0, 1), (1, 2)):
        assert (found.lower[:, :, outer] <= found.lower[:, :, inner]).all()
        assert (found.upper[:, :, outer] >= found.upper[:, :, inner]).all()
    assert (found.lower[:, :, 0] <= found.value).all()
    assert (found.lower >= 0).all() == (found.panel.known[1].min() >= 0)


def test_returns_and_zeros_are_forecast_without_a_warning_or_a_crash():
    values = seasonal(40, level=5, noise=10)
    values[7] = 0.0
    found = forecast(panel_of(values), 3, "fast")

    assert np.isfinite(found.value).all()
    assert (found.lower < found.value[:, :, None]).all()


@settings(deadline=None, max_examples=12)
@given(st.lists(st.sampled_from([0.0, -5.0, 1.0, 1e9, 3.3]), min_size=4, max_size=40))
def test_any_series_gets_finite_numbers(values):
    found = forecast(panel_of(np.array(values)), 3, "fast")

    assert np.isfinite(found.value).all()
    assert np.isfinite(found.lower).all()
    assert np.isfinite(found.upper).all()


def test_past_origins_know_nothing_of_what_came_later():
    panel = panel_of(*(seasonal(60, seed=s, noise=5) for s in range(20)))
    later = Panel(panel.ids, tuple(np.append(v[:-6], v[-6:] * 9) for v in panel.known), 12)
    pasts = [one.before(cut) for one in (panel, later) for cut in (6, 12)]

    known = past_points(pasts[:2], 6, ["theta", "boosted"])
    changed = past_points(pasts[2:], 6, ["theta", "boosted"])
    alone = points(pasts[1], 6, ["theta", "boosted"])

    np.testing.assert_array_equal(known, changed)
    # where the trees learned they say what they always say
    np.testing.assert_allclose(known[1], np.mean(list(alone.values()), axis=0))
    assert not np.allclose(known[0], known[1])


def test_the_same_panel_gets_the_same_forecast():
    panel = panel_of(seasonal(40), seasonal(40, seed=2))

    first, again = forecast(panel, 4, "best"), forecast(panel, 4, "best")

    assert first.value.tolist() == again.value.tolist()
    assert first.upper.tolist() == again.upper.tolist()


def test_an_unknown_mode_is_refused():
    with pytest.raises(ParameterError, match="mode is 'quick'"):
        forecast(panel_of(seasonal()), 3, "quick")


def test_a_member_that_says_nothing_leaves_the_others():
    tables = {"a": np.array([[1.0, np.nan]]), "b": np.array([[3.0, np.nan]])}

    assert combined(tables)[0, 0] == 2
    assert np.isnan(combined(tables)[0, 1])


def test_seasonal_naive_repeats_the_last_year_or_the_last_value():
    table = naive_points(panel_of(np.arange(24.0), np.array([5.0, 6.0])), 3)

    assert table.tolist() == [[12, 13, 14], [6, 6, 6]]


# -- breaks and holidays --------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.5, 1.8])
def test_a_lasting_step_is_found_where_it_was_and_taken_out(factor):
    values = seasonal(60, noise=3)
    values[48:] *= factor
    clean = prepared(panel_of(values), 3)

    assert clean.broke == (12,)
    assert clean.panel.known[0][:48].mean() / values[:48].mean() == pytest.approx(factor, rel=0.1)
    assert clean.panel.known[0][48:] == pytest.approx(values[48:])


def test_a_trend_a_season_and_one_odd_month_are_no_break():
    odd = seasonal(60)
    odd[50] *= 1.6

    for values in (seasonal(60), seasonal(60, growth=3), odd):
        assert break_in(np.log(values), 12) == (0, 0.0)


def months(first, count):
    return [date(first + m // 12, m % 12 + 1, 1) for m in range(count + 1)]


def test_days_of_a_holiday_are_shared_between_the_months():
    starts = [date(2025, 1, 1), date(2025, 2, 1), date(2025, 3, 1)]
    table = day_shares([date(2025, 1, 29)], starts, STRETCHES)

    assert table == pytest.approx(np.array([[1, 3 / 7, 0], [0, 4 / 7, 1]]))


def test_lunar_new_year_is_known_where_it_moves_trade():
    days = lunar_new_years("CN", date(2024, 1, 1), date(2025, 6, 1))

    assert {date(2024, 2, 10), date(2025, 1, 29)} <= set(days)
    assert lunar_new_years("DE", date(2024, 1, 1), date(2025, 6, 1)) == ()


def test_a_moving_holiday_is_taken_out_and_put_back_where_it_comes():
    starts = months(2015, 126)
    shares = day_shares(lunar_new_years("CN", starts[0], starts[-1]), starts, STRETCHES)
    names = tuple("abcdef")
    moved = np.exp(-0.5 * shares[:, 1])
    trade = np.array([moved * seasonal(126, growth=0, noise=1, seed=k) for k in range(len(names))])
    known = Panel(names, tuple(trade[:, :120]), 12, shares, ahead=6)
    plain = Panel(names, tuple(trade[:, :120]), 12)

    wrong = np.abs(forecast(plain, 6, "fast").value - trade[:, 120:])
    right = np.abs(forecast(known, 6, "fast").value - trade[:, 120:])
    assert right[:, :3].mean() < 0.5 * wrong[:, :3].mean()


def test_two_years_do_not_tell_a_holiday_from_chance():
    shares = np.random.default_rng(1).uniform(size=(30, 1))
    known = Panel(("trade",), (seasonal(24),), 12, shares, ahead=6)

    assert not prepared(known, 6).effect.any()


# -- bands learned from the past ------------------------------------------------------------------


def test_expected_errors_stay_for_noise_and_grow_for_a_random_walk():
    rng = np.random.default_rng(5)
    noise = expected_errors(100 + rng.normal(0, 4, 400), 1, 9)
    walk = expected_errors(100 + np.cumsum(rng.normal(0, 4, 400)), 1, 9)

    assert noise == pytest.approx([4] * 9, rel=0.15)
    assert walk == pytest.approx(4 * np.sqrt(np.arange(1, 10)), rel=0.15)


def test_bands_hold_new_errors_of_the_same_kind_and_follow_wild_series():
    rng = np.random.default_rng(7)
    wild = np.exp(rng.normal(0, 0.5, 300))[:, None, None]
    errors = wild * rng.standard_t(5, (300, 5, 6)) * np.sqrt(np.arange(1, 7))
    learned = calibrated(errors[:, :4], np.array(RECENCY))
    half = learned.half_widths(np.ones((300, 6)))

    held = [(np.abs(errors[:, 4]) <= half[:, :, place]).mean() for place in range(3)]
    assert held == pytest.approx([0.5, 0.8, 0.95], abs=0.03)
    assert np.corrcoef(learned.factor, wild[:, 0, 0])[0, 1] > 0.7


def test_without_any_past_error_a_normal_band_a_quarter_wider_is_assumed():
    learned = calibrated(np.full((1, 4, 3), np.nan), np.array(RECENCY))

    assert learned.seen == 0
    assert learned.half_widths(np.ones((1, 3)))[0, 0, 1] == pytest.approx(1.6, rel=0.2)


def test_the_chance_to_reach_a_goal_is_the_share_of_draws_above_it():
    draws = np.arange(100.0)

    assert reach(draws, 49.5) == pytest.approx(0.5)
    assert reach(draws, 79.5) == pytest.approx(0.2)
    assert 0 < reach(draws, 1e9) < 0.01 < 0.99 < reach(draws, -1e9) < 1


def test_sums_over_steps_spread_more_than_independent_errors_would():
    rng = np.random.default_rng(3)
    walks = [200 + np.cumsum(rng.normal(0, 4, 40)) for _ in range(12)]
    found = forecast(panel_of(*walks, season=1), 6, "fast")
    middle, draws = found.total("s0", 6)
    single = (found.upper[0, :, 1] - found.lower[0, :, 1]) / 2

    assert middle == pytest.approx(found.value[0].sum())
    assert np.quantile(draws, 0.9) - middle > np.sqrt((single**2).sum())


def test_a_regressor_per_day_of_february_has_as_many_rows_as_steps():
    starts = [date(2024, 1, 1) + timedelta(weeks=w) for w in range(10)]

    assert day_shares([date(2024, 2, 10)], starts, STRETCHES).sum(axis=0) == pytest.approx(
        [1, 1, 1]
    )


def test_parts_are_forecast_alike_in_one_process_and_in_two():
    # below two seasons, so that no process has to load the boosted trees
    panel = panel_of(*(seasonal(20, seed=s) for s in range(4)))

    alone = forecast_in_parts(panel, 2, part=2)
    shared = forecast_in_parts(panel, 2, part=2, workers=2)

    pd.testing.assert_frame_equal(alone, shared)
    assert alone["series"].tolist() == ["s0"] * 2 + ["s1"] * 2 + ["s2"] * 2 + ["s3"] * 2
    first = forecast(panel.only([0, 1]), 2, "fast").table
    pd.testing.assert_frame_equal(alone.head(4), first)


def long_frame():
    parts = [rows(f"s{k}", seasonal(20, seed=k)) for k in range(5)]
    return pd.concat([*parts, rows("gone", [1.0] * 9)], ignore_index=True)


def test_a_frame_is_forecast_part_by_part_and_says_what_it_leaves_out():
    frame = long_frame()
    found = forecast_frame(frame, 2, season=12, part=3)
    shuffled = forecast_frame(frame.sample(frac=1, random_state=1), 2, season=12, part=3)

    assert found["series"].value_counts().to_dict() == {f"s{k}": 2 for k in range(5)} | {"gone": 1}
    assert found.loc[found["series"] == "gone", "problem"].tolist() == ["ended"]
    assert found.loc[found["problem"].isna(), "value"].notna().all()
    keys = ["series", "ahead"]
    pd.testing.assert_frame_equal(
        found.sort_values(keys, ignore_index=True), shuffled.sort_values(keys, ignore_index=True)
    )
    with pytest.raises(ParameterError, match="series need a column 'step'"):
        forecast_frame(frame.drop(columns="step"), 2, season=12)


def test_each_country_has_its_own_working_days():
    starts = [date(2024, 4, 1), date(2024, 5, 1), date(2024, 6, 1)]

    assert working_days("DE", starts).tolist() == [
        21,
        20,
    ]  # Easter Monday; four in May, one Saturday
    assert working_days("ZZ", starts).tolist() == [22, 23]


def test_a_campaign_that_explains_nothing_stays_out_and_one_that_does_comes_in():
    rng = np.random.default_rng(2)
    campaign = rng.integers(0, 2, 60).astype(float)
    chance = rng.normal(size=60)
    flat = np.exp(0.4 * campaign) * (100 + rng.normal(0, 2, 60))
    table = np.stack([chance, campaign], axis=1)
    known = Panel(("a",), (flat[:54],), 4, table, ahead=6, blocks=(("x", 1), ("campaign", 1)))

    effect = prepared(known, 6).effect[0]
    assert np.corrcoef(effect, campaign[54:])[0, 1] > 0.97
    plain = np.abs(forecast(Panel(("a",), (flat[:54],), 4), 6, "fast").value[0] - flat[54:])
    better = np.abs(forecast(known, 6, "fast").value[0] - flat[54:])
    assert better.mean() < 0.5 * plain.mean()


@pytest.mark.parametrize(("season", "count"), [(7, 70), (52, 130)])
def test_days_and_weeks_are_forecast_with_their_seasons(season, count):
    rng = np.random.default_rng(4)
    pattern = np.resize(rng.normal(0, 20, season), count + 14)
    values = 200 + pattern + rng.normal(0, 2, count + 14)
    found = forecast(panel_of(values[:count], season=season), 14, "fast")

    assert found.routes == ({7: "regular", 52: "long_season"}[season],)
    assert np.abs(found.value[0] - values[count:]).mean() < 4
    assert (found.lower[0, :, 2] < found.upper[0, :, 2]).all()


def test_seasons_estimated_in_a_short_past_widen_what_is_expected():
    rng = np.random.default_rng(8)
    short, long = (
        np.mean([expected_errors(rng.normal(100, 4, n), 12, 1)[0] for _ in range(30)])
        for n in (28, 120)
    )

    assert seasons_cost(24, 12, 1) == 1  # no season is taken out of two years
    assert seasons_cost(30, 12, 1) == pytest.approx(np.sqrt(41 / 19))
    assert seasons_cost(30, 12, 0) == 1  # nor where there was none to see
    assert short == pytest.approx(4, rel=0.35)
    assert long == pytest.approx(4, rel=0.15)


def test_a_season_is_trusted_as_far_as_it_stands_out_of_the_noise():
    rng = np.random.default_rng(4)
    steps = np.arange(48)
    wave = 10 * np.sin(2 * np.pi * steps / 12)

    def trust(size: float) -> float:
        drawn = [season_of(100 + size * wave + rng.normal(0, 4, 48), 12) for _ in range(40)]
        return float(np.mean([found.trust for found in drawn]))

    assert season_of(100 + wave, 12).trust > 0.99
    assert trust(1) > 0.9
    assert trust(0) < 0.35
    walks = [season_of(np.cumsum(rng.normal(size=156)), 52).trust for _ in range(20)]
    assert np.mean(walks) < 0.6


def test_a_shrunk_season_misses_the_true_one_less_than_the_plain_decomposition():
    rng = np.random.default_rng(5)
    true = 3 * np.sin(2 * np.pi * np.arange(36) / 12)
    misses = []
    for _ in range(60):
        value = 100 + true + rng.normal(0, 4, 36)
        plain = STL(value, period=12, seasonal=11, seasonal_deg=0).fit().seasonal
        misses.append([((part - true) ** 2).mean()
                       for part in (season_of(value, 12).part, plain)])  # fmt: skip
    shrunk, plain = np.mean(misses, axis=0)

    assert shrunk < 0.9 * plain


@given(
    place=st.integers(0, 47), size=st.floats(8, 500), seed=st.integers(0, 1000),
    drivers=st.booleans(),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_one_deal_of_a_lifetime_hardly_moves_the_forecast(place, size, seed, drivers):
    """Wherever it stands, beside a holiday or not."""
    value = seasonal(48, growth=0, noise=4, seed=seed)
    spiked = value.copy()
    spiked[place] *= size
    starts = months(2021, 54)
    shares = day_shares(lunar_new_years("CN", starts[0], starts[-1]), starts, STRETCHES)
    more = (shares, 6) if drivers else ()
    panel = Panel(("plain", "spiked"), (value, spiked), 12, *more)

    found = forecast(panel, 6, "fast")

    assert np.abs(found.value[1] / found.value[0] - 1).max() < 0.35
    assert (found.lower >= 0).all()
    assert (found.lower <= found.value[:, :, None]).all()
    assert (found.value[:, :, None] <= found.upper).all()
    assert found.upper.max() < 3 * value.max()


def test_what_comes_back_every_year_lasts_or_is_frequent_is_no_spike():
    rng = np.random.default_rng(2)
    calm = rng.lognormal(3, 0.1, 60)
    yearly, step, often, short = calm.copy(), calm.copy(), calm.copy(), calm[:26].copy()
    yearly[10::12] *= 8
    step[40:] *= 8
    often[rng.choice(60, 12, replace=False)] = 0
    short[[10, 22]] *= 8  # two years cannot tell a season, but it came back
    once = calm.copy()
    once[33] *= 8

    for value in (calm, yearly, step, often, short):
        drawn, far = despiked(value, 12)
        assert not far.any()
        assert (drawn == value).all()
    drawn, far = despiked(once, 12)
    assert np.flatnonzero(far).tolist() == [33]
    assert drawn[33] == pytest.approx(calm[33], rel=0.5)
    assert (drawn[~far] == once[~far]).all()


def test_late_origins_weigh_more_than_an_old_shock():
    rng = np.random.default_rng(9)
    errors = rng.normal(size=(200, 4, 6))
    old, late = errors.copy(), errors.copy()
    old[:, 3] *= 5
    late[:, 0] *= 5
    weight, usual = np.array(RECENCY), np.ones((200, 6))
    widths = [calibrated(e, weight).half_widths(usual)[:, :, 1].mean() for e in (old, late)]

    assert widths[0] < 0.8 * widths[1]


def test_bands_of_weeks_know_the_whole_year_not_its_last_weeks_alone():
    rng = np.random.default_rng(3)
    weeks = np.arange(213)
    spread = np.where((weeks - 200) % 52 < 26, 0.2, 0.02)  # half a year is wild, from week 200 on
    values = 100 * np.exp(spread * rng.normal(size=(4, 213)))
    found = forecast(panel_of(*values[:, :200], season=52), 13)

    came = values[:, 200:]
    assert ((came >= found.lower[:, :, 1]) & (came <= found.upper[:, :, 1])).mean() > 0.6
    assert list(cuts(13, 52)) == [13, 26, 39, 52]
    assert list(cuts(18)) == [6, 12, 18, 24]


def test_a_large_panel_keeps_no_draws_until_they_are_asked_for():
    found = forecast(panel_of(*(seasonal(20, seed=s) for s in range(3))), 2, "fast")

    assert all(callable(draws) for draws in found._paths)
    assert found.total("s1", 2)[1].shape == found.total("s2", 2)[1].shape
