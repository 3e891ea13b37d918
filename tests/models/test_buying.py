"""BG/NBD: the published parameters on the published data, and what silence means."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import dblquad

from salesops_kit.errors import ParameterError
from salesops_kit.models.buying import Buying, fit_buying

# Fader, Hardie & Lee (2005), table 2 and section 4, CDNOW sample, weeks
PUBLISHED = Buying(0.243, 4.414, 0.793, 2.426)
ONE = pd.DataFrame({"frequency": [2.0], "recency": [30.43], "age": [38.86]})


def test_a_customer_of_the_paper_is_expected_to_order_as_it_says():
    assert PUBLISHED.expected(ONE, 39.0)[0] == pytest.approx(1.226, abs=1e-3)


def test_parameters_on_the_published_data_are_the_published_ones(real_data):
    summary = pd.read_csv(real_data / "cdnow" / "cdnow_customers_summary.csv")

    model = fit_buying(summary.rename(columns={"T": "age"}))

    found = [round(value, 3) for value in (model.r, model.alpha, model.a, model.b)]
    assert found == [0.243, 4.414, 0.793, 2.426]
    assert model.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    assert model.customers == 2357


def test_forecast_and_unit_of_time_do_not_depend_on_each_other():
    weeks = simulated(600, seed=3)
    days = weeks.assign(recency=weeks["recency"] * 7, age=weeks["age"] * 7)

    one, other = fit_buying(weeks), fit_buying(days)

    assert other.alpha == pytest.approx(7 * one.alpha, rel=2e-3)
    assert other.expected(days, 182).sum() == pytest.approx(one.expected(weeks, 26).sum(), rel=1e-3)


def test_chance_to_be_alive_is_the_integral_over_rates_and_chances():
    """Bayes' rule integrated numerically, without any closed form of ours."""
    r, alpha, a, b = 1.3, 6.0, 1.5, 4.0
    x, last, age = 3, 10.0, 25.0

    def weighed(p, rate, *, active):
        prior = rate ** (r - 1) * np.exp(-alpha * rate) * p ** (a - 1) * (1 - p) ** (b - 1)
        bought = rate**x * (1 - p) ** (x - 1)
        ends = (1 - p) * np.exp(-rate * age) if active else p * np.exp(-rate * last)
        return prior * bought * ends

    alive, gone = (
        dblquad(lambda p, rate, active=active: weighed(p, rate, active=active), 0, 6, 0, 1)[0]
        for active in (True, False)
    )
    row = pd.DataFrame({"frequency": [x], "recency": [last], "age": [age]})
    assert Buying(r, alpha, a, b).alive(row)[0] == pytest.approx(alive / (alive + gone), rel=1e-4)


def test_forecast_of_simulated_customers_is_close_to_what_they_ordered():
    seen = simulated(3000, seed=11, ahead=26.0)

    model = fit_buying(seen)

    assert model.expected(seen, 26.0).sum() == pytest.approx(seen["later"].sum(), rel=0.05)
    assert model.alive(seen).mean() == pytest.approx(seen["still"].mean(), abs=0.03)


def test_long_silence_lowers_the_chance_and_a_single_order_tells_nothing():
    rows = pd.DataFrame(
        {"frequency": [4, 4, 0], "recency": [30, 8, 0], "age": [32, 32, 32]}, dtype=float
    )

    fresh, silent, once = PUBLISHED.alive(rows)

    assert silent < 0.1 < 0.8 < fresh
    assert once == 1.0


def test_few_repeat_customers_teach_nothing_and_impossible_ones_are_refused():
    assert fit_buying(simulated(40, seed=1).head(20)) is None
    with pytest.raises(ParameterError, match="no column 'age'"):
        fit_buying(ONE.drop(columns="age"))
    with pytest.raises(ParameterError, match="after today"):
        fit_buying(ONE.assign(recency=40.0))


def simulated(customers, *, seed, ahead=0.0):
    """Customers who order at their own rate until they give up, seen for 20 to 60 weeks."""
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(customers):
        rate, quits = draw.gamma(0.9, 1 / 8.0), draw.beta(0.9, 2.5)
        age, day, gone = draw.uniform(20, 60), 0.0, False
        seen, later, last, still = 0, 0, 0.0, True
        while not gone:
            day += draw.exponential(1 / rate)
            if day > age + ahead:
                break
            gone = draw.random() < quits
            if day <= age:
                seen, last, still = seen + 1, day, not gone
            else:
                later += 1
        rows.append((seen, last, age, later, still))
    return pd.DataFrame(rows, columns=["frequency", "recency", "age", "later", "still"])
