"""A change of level is found where it is large, and noise is called one as seldom as stated."""

import numpy as np
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.models.level_change import FALSE_YEARS, LOOKS, level_change

MONTHS, SURVEYS = 12, 3
SPREAD = np.sqrt(0.8 - 0.2**2)  # of a vote that counts -1, 0 or 1 with chances 0.3, 0.2, 0.5


def score(rng, votes, lower=0.0):
    found = rng.multinomial(votes, [0.3 + lower / 2, 0.2, 0.5 - lower / 2])
    return (found[2] - found[0]) / votes


@pytest.mark.parametrize("extra", [0.0, 0.1])
def test_a_year_of_reports_on_three_surveys_seldom_calls_noise_a_change(extra):
    """Also where months differ by more than their votes: then intervals of votes are too short."""
    rng, years, votes = np.random.default_rng(7), 80, (40, 15, 120)
    rang = 0
    for _ in range(years):
        found = False
        for n in votes:
            months = [score(rng, n, rng.normal(0, extra)) for _ in range(MONTHS + LOOKS - 1)]
            for look in range(LOOKS):
                part = months[look : look + MONTHS]
                moved = level_change(part, [n] * MONTHS, SPREAD, false_years=FALSE_YEARS / SURVEYS)
                found = found or moved.place is not None
        rang += found

    assert rang <= 14  # binomial(80, 0.1) is above that once in a hundred


def test_a_large_change_is_found_and_dated():
    rng = np.random.default_rng(2)
    places = [
        level_change(
            [score(rng, 80, 0.4 if month >= 8 else 0.0) for month in range(MONTHS)],
            [80] * MONTHS, SPREAD,
        ).place
        for _ in range(20)
    ]  # fmt: skip

    assert sum(place is not None for place in places) >= 16
    assert np.median([place for place in places if place is not None]) == 8


def test_levels_by_hand():
    moved = level_change([0.5] * 6 + [0.1] * 6, [30] * MONTHS, 0.5)

    assert moved.place == 6
    assert (moved.before, moved.since) == pytest.approx((0.5, 0.1))
    assert moved.height == pytest.approx(-0.4 / (0.5 * np.sqrt(2 / 180)))


@pytest.mark.parametrize("votes", [[], [0] * 12, [3] + [0] * 11, [1] * 12])
def test_few_votes_tell_no_change(votes):
    values = [float("nan") if n == 0 else float(i % 2) for i, n in enumerate(votes)]

    assert level_change(values, votes, 0.5).place is None


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ParameterError, match="one value per count"):
        level_change([0.5], [1, 2], 0.5)
