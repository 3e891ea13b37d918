"""Intervals of metrics against scipy and the plain formulas, on the rows they stand for."""

import numpy as np
import pandas as pd
import pytest
from metrics.cases import DEALS, QUARTER, TODAY
from scipy import stats

from salesops_kit.metrics.bookings import average_deal_size
from salesops_kit.metrics.cycle import sales_cycle
from salesops_kit.metrics.wins import win_rate, win_rate_by_amount
from salesops_kit.models.intervals import median_interval

Z = stats.norm.ppf(0.95)


def closed(*outcomes):
    rows = DEALS[DEALS["status"].isin(outcomes) & ~DEALS["is_deleted"]]
    rows = rows[rows["created_day"].isna() | (rows["created_day"] <= QUARTER.end_day + 19)]
    day = rows["closed_day"].fillna(0)
    return rows[(day >= QUARTER.start_day) & (day < QUARTER.end_day)]


def test_win_rates_have_wilsons_interval():
    found = win_rate(DEALS, period=QUARTER, as_of=TODAY).iloc[0]

    expected = stats.binomtest(int(found["won"]), int(found["closed"])).proportion_ci(0.9, "wilson")
    assert (found["lower"], found["upper"]) == pytest.approx((expected.low, expected.high))


def test_the_median_cycle_lies_between_two_of_the_cycles():
    won = closed("won")
    days = (won["closed_day"] - won["created_day"]).dropna().astype(float)

    found = sales_cycle(DEALS, period=QUARTER, as_of=TODAY).iloc[0]

    assert (found["won_lower"], found["won_upper"]) == median_interval(days[days >= 0].tolist())


def test_average_deal_size_has_the_interval_of_a_mean():
    amounts = closed("won")["amount"].dropna()
    half = Z * amounts.std() / np.sqrt(len(amounts))

    found = average_deal_size(DEALS, period=QUARTER, as_of=TODAY).iloc[0]

    assert found["lower"] == pytest.approx(amounts.mean() - half)
    assert found["upper"] == pytest.approx(amounts.mean() + half)


def test_the_rate_by_amount_has_the_interval_of_a_ratio():
    rows = closed("won", "lost").dropna(subset="amount")
    amount, won = rows["amount"].to_numpy(), rows["status"].eq("won").to_numpy(dtype=float)
    rate = (amount * won).sum() / amount.sum()
    error = np.sqrt((amount**2 * (won - rate) ** 2).sum()) / amount.sum()

    found = win_rate_by_amount(DEALS, period=QUARTER, as_of=TODAY).iloc[0]

    assert found["win_rate"] == pytest.approx(rate)
    assert (found["lower"], found["upper"]) == pytest.approx((rate - Z * error, rate + Z * error))


def test_the_interval_of_the_rate_by_amount_holds_the_truth_about_as_often_as_it_says():
    draw = np.random.default_rng(3)
    worlds, size = 400, 150
    frame = pd.DataFrame(
        {
            "deal_id": np.arange(worlds * size).astype(str),
            "region": np.repeat(np.arange(worlds).astype(str), size),
            "amount": draw.lognormal(3, 1, worlds * size),
            "status": draw.choice(["won", "lost"], worlds * size, p=[0.3, 0.7]),
            "created_day": QUARTER.start_day,
            "closed_day": QUARTER.start_day + 5,
        }
    )

    found = win_rate_by_amount(frame, period=QUARTER, by=["region"])

    assert 0.84 <= ((found["lower"] <= 0.3) & (found["upper"] >= 0.3)).mean() <= 0.94


def test_below_ten_deals_there_is_no_normal_interval():
    few = closed("won").dropna(subset="amount").head(9)

    for metric in (average_deal_size, win_rate_by_amount):
        found = metric(few, period=QUARTER, as_of=TODAY)
        assert found[["lower", "upper"]].isna().all(axis=None)
