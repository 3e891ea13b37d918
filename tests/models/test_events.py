"""Difference in differences around events: exact where it can be, honest where it cannot."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.models.events import (
    NEVER,
    Panel,
    Schedule,
    Windows,
    compared_change,
    event_study,
    left_out,
    plain_change,
)

WINDOWS = Windows(before=6, skip=2, after=4)
LENGTH, HELD = 16, 10


def panel_of(rates, n=10.0):
    rates = np.asarray(rates)
    cases = np.broadcast_to(np.asarray(n, dtype="float64"), rates.shape).copy()
    return Panel(rates * cases, cases)


def scene(seed=1, units=20, treated=8, lift=0.1, noise=0.02):
    """Rates of units with levels of their own and common ups and downs; `lift` after HELD."""
    rng = np.random.default_rng(seed)
    first = np.where(np.arange(units) < treated, HELD, NEVER)
    rates = 0.3 + rng.normal(0, 0.1, units)[:, None] + rng.normal(0, 0.1, LENGTH)
    rates = rates + rng.normal(0, noise, (units, LENGTH))
    rates[:treated, HELD + 1 :] += lift
    return panel_of(rates), Schedule(first)


def test_of_equal_units_it_is_the_two_way_fixed_effects_estimate():
    import statsmodels.formula.api as smf

    panel, schedule = scene()
    unit, step = np.indices(panel.n.shape)
    away = step - HELD
    before = (away >= -8) & (away <= -3)
    after = (away >= 1) & (away <= 4)
    frame = pd.DataFrame({
        "y": (panel.total / panel.n).ravel(), "unit": unit.ravel(), "step": step.ravel(),
        "treated": (after & (schedule.first == HELD)[:, None]).ravel().astype(int),
    })[(before | after).ravel()]  # fmt: skip
    fit = smf.ols("y ~ C(unit) + C(step) + treated", frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame["unit"]}
    )

    effect = event_study(panel, schedule, WINDOWS).effect

    assert effect.value == pytest.approx(fit.params["treated"], abs=1e-12)
    assert effect.error == pytest.approx(fit.bse["treated"], rel=0.1)
    assert effect.lower < 0.1 < effect.upper
    assert (effect.treated, effect.controls) == (8, 12)
    assert effect.p <= 0.01


def test_what_happens_while_participants_are_chosen_counts_nowhere():
    panel, schedule = scene()
    dip = panel.total.copy()
    dip[:8, HELD - 2 : HELD + 1] -= 3.0

    moved = event_study(replace(panel, total=dip), schedule, WINDOWS)

    assert moved.effect == event_study(panel, schedule, WINDOWS).effect
    hollow = [one for one in moved.bins if one[:2] == (-2, -1)]
    assert hollow[0][2] < -0.2
    naive = plain_change(replace(panel, total=dip), schedule, (-2, -1), (1, 4))
    assert naive[0] > 0.3


def test_staggered_starts_are_compared_with_who_had_not_begun():
    """Effects that grow: two-way fixed effects would subtract the early group's from the late."""
    rng = np.random.default_rng(3)
    first = np.array([8] * 6 + [14] * 6 + [NEVER] * 6)
    steps = np.arange(24)
    rates = 0.3 + rng.normal(0, 0.05, 24) + rng.normal(0, 1e-6, (18, 24))
    gain = 0.02 * np.clip(steps - first[:, None], 0, None)
    windows = Windows(before=4, skip=1, after=4)

    effect = event_study(panel_of(rates + gain), Schedule(first), windows).effect

    assert effect.value == pytest.approx(0.02 * np.mean([1, 2, 3, 4]), abs=1e-5)


def test_who_is_about_to_begin_or_in_another_event_is_no_control():
    panel, schedule = scene(units=14, treated=5, noise=0.01)
    broken = panel.total.copy()
    broken[5:9, HELD + 1 :] += 4.0  # these would spoil the comparison

    soon = schedule.first.copy()
    soon[5:9] = HELD + 2
    other = np.zeros(panel.n.shape, dtype=bool)
    other[5:9, HELD + 1] = True
    clean = event_study(panel, schedule, WINDOWS).effect
    by_mask = event_study(replace(panel, total=broken), Schedule(schedule.first, other), WINDOWS)
    spoilt = event_study(replace(panel, total=broken), schedule, WINDOWS).effect
    masked = left_out(panel, Schedule(soon), WINDOWS)

    assert by_mask.effect.controls == 5
    assert by_mask.effect.value == pytest.approx(clean.value, abs=0.02)
    assert abs(spoilt.value - clean.value) > 0.1
    assert (masked.n[5:9, HELD : HELD + 3] == 0).all()


def test_too_few_on_either_side_is_said_and_not_estimated():
    panel, schedule = scene(units=20, treated=3)

    study = event_study(panel, schedule, WINDOWS)

    assert np.isnan(study.effect.value)
    assert (study.effect.treated, study.effect.controls) == (3, 17)
    assert study.bins == []
    assert np.isnan(compared_change(panel, schedule, WINDOWS)[0])


def test_a_departure_before_the_event_is_seen():
    panel, schedule = scene(lift=0.0)
    steps = np.arange(LENGTH)
    rising = panel.total + np.where(np.arange(20)[:, None] < 8, 0.5 * steps, 0.0)

    assert event_study(panel, schedule, WINDOWS).trend_p > 0.05
    assert event_study(replace(panel, total=rising), schedule, WINDOWS).trend_p <= 0.05


def test_it_does_not_depend_on_the_order_of_units_but_for_luck_of_draws():
    panel, schedule = scene()
    turned = np.arange(20)[::-1]
    other = event_study(
        Panel(panel.total[turned], panel.n[turned]), schedule.exchanged(turned), WINDOWS
    ).effect
    effect = event_study(panel, schedule, WINDOWS).effect

    assert (other.value, other.error) == pytest.approx((effect.value, effect.error))
    assert other.lower == pytest.approx(effect.lower, abs=0.02)


def test_impossible_windows_and_counts_are_refused():
    with pytest.raises(ParameterError, match="windows need before and after above 0"):
        Windows(before=0)
    with pytest.raises(ParameterError, match="same shape"):
        Panel(np.zeros((2, 3)), np.zeros((3, 2)))
    with pytest.raises(ParameterError, match="must not be negative"):
        Panel(np.zeros((2, 3)), -np.ones((2, 3)))
