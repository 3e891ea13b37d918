"""Figures against what they are compared with, in words that cannot mislead."""

import pytest

from salesops_kit.reporting.digest import compared, written


def figure(unit, value, then, name="previous"):
    return {"unit": unit, "value": value, name: then, "currency": "CNY"}


@pytest.mark.parametrize(
    ("unit", "value", "then", "said"),
    [
        ("money", 150.0, 100.0, "+50% on the period before"),
        ("money", 0.0, 100.0, "-100% on the period before"),
        ("money", -115.0, -353.0, ""),  # more than before, though -67 %
        ("money", -115.0, 10.0, ""),
        ("money", 10.0, 0.0, ""),
        ("share", 0.30, 0.0, "+30.0 pts on the period before"),
        ("score", -50.0, 11.0, "-61 on the period before"),
        ("score", -100.0, -60.0, "-40 on the period before"),
    ],
)
def test_a_change_is_a_percentage_of_what_is_above_nothing_alone(unit, value, then, said):
    assert compared(figure(unit, value, then), "previous", "en") == said


@pytest.mark.parametrize(("value", "goal"), [(-115.0, -5.0), (10.0, 0.0), (-10.0, 100.0)])
def test_no_share_of_a_target_below_nothing_is_told(value, goal):
    assert compared(figure("money", value, goal, "target"), "target", "en") == ""


def test_a_net_score_has_its_sign():
    assert written(-50.0, figure("score", -50.0, None), "en") == "-50"
    assert written(31.4, figure("score", 31.4, None), "en") == "+31"
    assert written(None, figure("score", None, None), "en") == "–"
