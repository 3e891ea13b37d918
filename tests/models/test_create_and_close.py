"""Deals that do not exist yet: by hand, and blind to what was not known."""

import pandas as pd
import pytest

from salesops_kit.models.create_and_close import CURVE_DAYS, new_deals

DAY = 1000


def courses(rows):
    table = pd.DataFrame(rows, columns=["created_day", "age_days", "won", "lost", "still_open"])
    return table.assign(invalid=0)


def sold(rows):
    return pd.DataFrame(rows, columns=["won_day", "age_days", "amount", "deals"])


# two deals a day for a hundred days; of each day's, one is lost at 5 days and one won at 10
STEADY = courses([
    row for day in range(DAY - 99, DAY + 1)
    for row in ([(day, 5, 0, 1, 0)] if day + 5 <= DAY else [(day, DAY - day, 0, 0, 1)])
    + ([(day, 10, 1, 0, 0)] if day + 10 <= DAY else [(day, DAY - day, 0, 0, 1)])
])  # fmt: skip
SALES = sold([(day, 10, amount, 1) for day in range(DAY - 60, DAY) for amount in (100.0, 300.0)])


def test_deals_to_come_are_the_rate_times_what_is_won_in_the_days_left():
    found = new_deals(STEADY, SALES, day=DAY, end=DAY + 30)

    assert found.created == pytest.approx(60)
    # those created on the first twenty of the thirty days are won in time: half of two a day
    assert found.wins == pytest.approx(20)
    assert (found.worth, found.squared) == (200.0, 50_000.0)
    assert found.money == pytest.approx(4000)
    assert found.variance == pytest.approx(1_000_000)


def test_nothing_begun_later_is_won_before_deals_can_be():
    assert new_deals(STEADY, SALES, day=DAY, end=DAY + 9).wins == 0


def test_what_happened_after_the_day_is_put_back():
    back = DAY - 20
    known = courses([
        row for day in range(DAY - 99, back + 1)
        for row in ([(day, 5, 0, 1, 0)] if day + 5 <= back else [(day, back - day, 0, 0, 1)])
        + ([(day, 10, 1, 0, 0)] if day + 10 <= back else [(day, back - day, 0, 0, 1)])
    ])  # fmt: skip
    early = SALES[SALES["won_day"] <= back]

    assert new_deals(STEADY, SALES, day=back, end=DAY) == new_deals(known, early, day=back, end=DAY)


def test_deals_won_young_are_not_as_large_as_others():
    mixed = pd.concat([SALES, sold([(DAY - 5, 90, 9000.0, 50)])])

    assert new_deals(STEADY, mixed, day=DAY, end=DAY + 30).worth == 200.0
    assert new_deals(STEADY, mixed, day=DAY, end=DAY + 90).worth > 200.0


def test_a_missing_amount_is_not_zero():
    unpriced = pd.concat([SALES, sold([(DAY - 5, 10, None, 500)]).astype({"amount": "float64"})])

    assert new_deals(STEADY, unpriced, day=DAY, end=DAY + 30).worth == 200.0


def test_without_any_deals_nothing_comes():
    found = new_deals(courses([]), sold([]), day=DAY, end=DAY + 30)
    old = new_deals(courses([(DAY - CURVE_DAYS, 3, 1, 0, 0)]), sold([]), day=DAY, end=DAY + 30)

    assert (found.created, found.wins, found.money) == (0, 0, 0)
    assert (old.wins, old.money) == (0, 0)


def test_one_deal_far_beyond_all_others_does_not_price_those_to_come():
    whale = pd.concat([SALES, sold([(DAY - 5, 10, 300_000.0, 1)])])

    assert new_deals(STEADY, SALES, day=DAY, end=DAY + 30).worth == 200.0
    # of 121 deals one counts 900, three times the largest of the others
    assert new_deals(STEADY, whale, day=DAY, end=DAY + 30).worth == pytest.approx(24_900 / 121)
