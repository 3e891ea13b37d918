"""Levers: each closes the gap alone, exactly, or is said not to be able to."""

import numpy as np
import pytest

from salesops_kit.models.create_and_close import NewDeals
from salesops_kit.models.levers import LEVERS, Change, needed, pulled
from salesops_kit.models.sum_distribution import Outlook

NEW = NewDeals(created=100.0, wins=10.0, worth=50.0, squared=4000.0)
OUTLOOK = Outlook(np.array([0.2, 0.5, 0.9]), np.array([1000.0, 400.0, 100.0]), np.zeros(3),
                  np.ones(3), NEW)  # fmt: skip
LATER = {7: 100.0, 14: 300.0}


def lever(name, gap=200.0, outlook=OUTLOOK, later=LATER):
    table = needed(outlook, gap, later).set_index("lever")
    return tuple(table.loc[name, ["now", "needed"]])


def test_nothing_changed_is_nothing_changed():
    same = pulled(OUTLOOK, Change())

    assert same.mean == pytest.approx(OUTLOOK.mean)
    assert same.variance == pytest.approx(OUTLOOK.variance)


def test_more_deals_close_the_gap_by_what_each_of_them_brings_in_time():
    now, then = lever("deals")

    assert (now, then) == (100.0, pytest.approx(140.0))  # each brings 5 in time
    assert pulled(OUTLOOK, Change(deals=then / now)).mean == pytest.approx(OUTLOOK.mean + 200)


def test_larger_deals_close_the_gap_in_proportion():
    now, then = lever("size")

    assert now == pytest.approx((200 + 200 + 90 + 500) / (1.6 + 10))
    assert pulled(OUTLOOK, Change(size=then / now)).mean == pytest.approx(OUTLOOK.mean + 200)


def test_a_higher_win_rate_closes_the_gap_with_odds_that_grow_alike():
    now, then = lever("win_rate")

    assert now == pytest.approx(490 / 1500)
    odds = np.linspace(0, 3, 3001)
    means = np.array([pulled(OUTLOOK, Change(odds=u)).mean for u in odds])
    at = pulled(OUTLOOK, Change(odds=float(np.interp(OUTLOOK.mean + 200, means, odds))))
    assert then == pytest.approx(at.open_money / 1500, abs=1e-4)


@pytest.mark.parametrize(("gap", "days"), [(50.0, 3.5), (100.0, 7.0), (200.0, 10.5)])
def test_closing_sooner_wins_now_what_is_won_later(gap, days):
    assert lever("speed", gap=gap) == (0.0, pytest.approx(days))


def test_a_lever_that_cannot_close_the_gap_alone_is_missing():
    none = Outlook(OUTLOOK.chance, OUTLOOK.worth, OUTLOOK.unsure, OUTLOOK.weight,
                   NewDeals(100.0, 0.0, 0.0, 0.0))  # fmt: skip
    table = needed(none, 1e5, LATER).set_index("lever")

    assert table.index.tolist() == list(LEVERS)
    assert table["needed"].isna().to_dict() == {
        "deals": True, "win_rate": True, "size": True, "speed": True,
    }  # fmt: skip
    assert np.isnan(lever("speed", later={})[1])


@pytest.mark.parametrize(("gap", "missing"), [(999.0, False), (1001.0, True)])
def test_three_times_as_many_deals_are_the_most_that_can_be_asked(gap, missing):
    assert np.isnan(lever("deals", gap=gap)[1]) == missing


def test_without_any_deal_nothing_stands_anywhere():
    nothing = Outlook(*(np.zeros(0),) * 4, NewDeals(0.0, 0.0, 0.0, 0.0))
    table = needed(nothing, 100.0, {})

    assert table["needed"].isna().all()
    assert pulled(nothing, Change(deals=2.0, odds=1.0)).mean == 0
