"""Several periods drawn together: exact where it can be counted, and deals are won only once."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from salesops_kit.models.create_and_close import NewDeals
from salesops_kit.models.period_draws import (
    apart,
    decisive,
    multiple_needed,
    period_draws,
    tie_of,
)
from salesops_kit.models.sum_distribution import Outlook, Shock

NOTHING_NEW = NewDeals(0.0, 0.0, 0.0, 0.0)
NONE, LARGE = Shock(np.array([0.0]), np.array([1.0])), Shock(np.array([1.0]), np.array([1.0]))


def outlook(chance, worth=100.0, new=NOTHING_NEW, weight=1.0):
    chance = np.asarray(chance, dtype="float64")
    return Outlook(chance, np.full(len(chance), worth), np.zeros(len(chance)),
                   np.full(len(chance), weight), new)  # fmt: skip


def drawn(parts, gone=0.0, shock=NONE, tie=0.0):
    lost = np.full((len(parts[0].chance), len(parts)), gone)
    return period_draws(parts, lost, [shock] * len(parts), np.random.default_rng(1), tie=tie)


def test_what_a_period_alone_brings_is_what_is_gained_from_end_to_end():
    first = outlook([0.2, 0.5], new=NewDeals(10, 1, 50.0, 3000.0))
    second = outlook([0.5, 0.4], new=NewDeals(20, 3, 60.0, 4000.0))

    one, two = apart([first, second])

    assert one is first
    assert two.chance.tolist() == [pytest.approx(0.3), 0.0]
    assert (two.new.created, two.new.wins) == (10, 2)
    assert two.new.money == pytest.approx(3 * 60 - 50)


@pytest.mark.parametrize("gone", [0.0, 0.1])
def test_chances_per_period_are_kept_whatever_is_lost_meanwhile(gone):
    parts = [outlook([0.3] * 20), outlook([0.25] * 20)]

    won = drawn(parts, gone).money / 100

    assert won.mean(axis=0) == pytest.approx([6.0, 5.0], rel=0.02)


def test_a_deal_is_won_once_so_that_a_good_period_leaves_less_to_the_next():
    parts = [outlook([0.5] * 40), outlook([0.5] * 40)]

    money = drawn(parts).money

    assert money.sum(axis=1) == pytest.approx(4000)
    assert np.corrcoef(money.T)[0, 1] == pytest.approx(-1)


def test_many_deals_and_deals_that_stand_for_others_sum_like_few():
    parts = [outlook([0.1] * 900), outlook([0.1] * 900)]
    thinned = [outlook([0.1] * 90, weight=10.0), outlook([0.1] * 90, weight=10.0)]

    for found in (drawn(parts, shock=LARGE), drawn(thinned, shock=LARGE)):
        assert np.median(found.money, axis=0) == pytest.approx([9000, 9000], rel=0.1)
        assert np.quantile(found.money[:, 0], 0.84) > 15_000


def test_shocks_of_periods_go_together_as_far_as_told():
    new = NewDeals(100, 200.0, 10.0, 100.0)
    parts = [outlook([], new=new), outlook([], new=new)]

    free, tied = (drawn(parts, shock=LARGE, tie=tie).money for tie in (0.0, 0.9))

    assert abs(np.corrcoef(np.log(free).T)[0, 1]) < 0.1
    assert np.corrcoef(np.log(tied).T)[0, 1] > 0.8


def errors(values):
    return pd.DataFrame({"origin": range(len(values)), "mean": 100.0, "variance": 1.0,
                         "actual": 100 + np.asarray(values)})  # fmt: skip


def test_the_tie_is_that_of_former_errors_drawn_to_the_usual_one():
    draw = np.random.default_rng(3)
    same = draw.normal(0, 10, 400)

    assert tie_of([errors(same), errors(same)]) == pytest.approx(0.95)
    assert tie_of([errors(same), errors(draw.normal(0, 10, 400))]) < 0.15
    assert tie_of([errors([]), errors([])]) == tie_of([errors(same)]) == pytest.approx(0.3)


def test_the_multiple_needed_grows_with_the_certainty_and_nothing_is_needed_of_a_reached_target():
    now = outlook([0.2] * 100)

    even, sure = (multiple_needed(now, NONE, 3000.0, chance) for chance in (0.5, 0.8))

    assert even == pytest.approx(1.5, rel=0.03)
    assert sure > even
    assert multiple_needed(now, NONE, -1.0, 0.8) == 0.0
    assert np.isnan(multiple_needed(now, NONE, 1e9, 0.8))
    assert multiple_needed(outlook([], new=NewDeals(9, 9.0, 1e4, 1e8)), NONE, 5.0, 0.8) != 0.0


def test_a_deal_without_which_the_target_is_out_of_reach_is_decisive():
    parts = [replace(outlook([0.5, 0.5]), worth=np.array([100.0, 10.0]))]

    table = decisive(drawn(parts), 100.0).set_index("place")

    assert table.loc[0, ["with_it", "without_it", "needed_share"]].tolist() == [1.0, 0.0, 1.0]
    assert table.loc[1, "with_it"] == pytest.approx(table.loc[1, "without_it"], abs=0.05)
    assert table["won_share"].tolist() == pytest.approx([0.5, 0.5], abs=0.03)
