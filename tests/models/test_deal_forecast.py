"""Chances of deals: learned only from what was over, calibrated, and blind to leaking columns."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from salesops_kit.errors import ParameterError
from salesops_kit.models.deal_forecast import (
    FEWEST_WON,
    blended,
    calibration,
    calibration_error,
    fit_win_model,
    labelled,
    leak_alarms,
    stage_rates,
    worth_if_won,
)

NA = pd.NA
STAGES = (("needs", 30), ("proposal", 60), ("contract", 70))


def snapshots(seed=1, n=4000):
    """Deals whose chance is a known function of stage, days in it and region."""
    draw = np.random.default_rng(seed)
    place = draw.integers(0, 3, n)
    age, region = draw.integers(0, 90, n), draw.choice(["E", "N", "W"], n)
    score = np.array([-3.0, -1.0, 1.5])[place] - 0.4 * np.log1p(age) + 0.9 * (region == "W")
    chance, amount = expit(score), np.exp(draw.normal(11, 1, n))
    won = draw.random(n) < chance
    return pd.DataFrame({
        "origin": 100 + 10 * draw.integers(0, 5, n), "deal_id": [f"D{i}" for i in range(n)],
        "stage": np.array([name for name, _ in STAGES])[place],
        "stage_rank": np.array([rank for _, rank in STAGES])[place], "age_days": age,
        "deal_days": age + 20, "backs": 0, "pushes": draw.integers(0, 3, n),
        "due_in": pd.array(draw.integers(-20, 60, n), dtype="Int64"), "amount": amount,
        "region": region, "won_in": pd.array(np.where(won, 5, 999), dtype="Int64"),
        "won_amount": np.where(won, amount * 0.9, np.nan), "weight": 1.0, "true": chance,
    })  # fmt: skip


ENDS = {origin: origin + 30 for origin in range(100, 150, 10)}
DEALS = snapshots()
KNOWN = labelled(DEALS, ends=ENDS, known_day=999)


def test_a_label_counts_once_the_end_of_its_period_has_passed():
    rows = pd.DataFrame(
        {"origin": [10, 10, 10, 20], "won_in": pd.array([30, 31, NA, 1], dtype="Int64"),
         "won_amount": [5.0, 6.0, np.nan, 7.0]}
    )  # fmt: skip
    found = labelled(rows, ends={10: 40, 20: 50}, known_day=49)

    assert found["origin"].tolist() == [10, 10, 10]
    assert found["won"].tolist() == [1, 0, 0]
    assert found["won_amount"].isna().tolist() == [False, True, True]


def test_chances_are_close_to_the_true_ones_on_deals_never_seen():
    model = fit_win_model(KNOWN, groups=["region"])
    fresh = snapshots(seed=2)

    chance = model.chance(fresh)

    assert float(np.abs(chance - fresh["true"]).mean()) < 0.03
    assert calibration_error(calibration(chance, (fresh["won_in"] == 5).to_numpy())) < 0.02


def test_what_groups_did_by_chance_is_hardly_believed_and_what_they_do_is():
    """Twelve names drawn at random scatter by their luck; the region wins 0.9 log-odds more."""
    name = np.random.default_rng(4).integers(0, 12, len(KNOWN)).astype(str)
    model = fit_win_model(KNOWN.assign(name=name), groups=["region", "name"])
    one = DEALS.head(1).assign(stage="proposal", age_days=10, region="E", name="0")

    by_name = [float(model.chance(one.assign(name=str(n)))[0]) for n in range(12)]
    by_region = [float(model.chance(one.assign(region=r))[0]) for r in ("E", "W")]

    lucky = KNOWN.groupby(name)["won"].mean()
    assert np.std(by_name) < 0.7 * lucky.std()
    assert np.diff(logit(by_region))[0] == pytest.approx(0.9, abs=0.25)


def test_a_group_never_seen_and_missing_values_do_not_break_a_chance():
    model = fit_win_model(KNOWN, groups=["region"])
    odd = DEALS.head(3).assign(
        region=["X", None, "W"], stage=["elsewhere", "needs", "needs"],
        due_in=pd.array([NA, NA, 3], dtype="Int64"), amount=[np.nan, -5.0, 0.0],
    )  # fmt: skip

    chance = model.chance(odd)

    assert ((chance > 0) & (chance < 1)).all()
    assert model.chance(DEALS.head(0)).shape == (0,)


def test_few_wins_are_too_few_to_learn_from():
    few = pd.concat([KNOWN[KNOWN["won"] == 1].head(FEWEST_WON - 1), KNOWN[KNOWN["won"] == 0]])

    assert fit_win_model(few) is None
    assert fit_win_model(KNOWN[KNOWN["won"] == 1]) is None


def test_the_order_of_rows_does_not_matter():
    again = fit_win_model(KNOWN.sample(frac=1.0, random_state=3), groups=["region"])
    model = fit_win_model(KNOWN, groups=["region"])

    np.testing.assert_allclose(again.chance(DEALS), model.chance(DEALS), atol=1e-6)


def test_a_row_that_stands_for_many_weighs_as_many():
    twice = pd.concat([KNOWN, KNOWN[KNOWN["stage"] == "needs"]])
    heavy = KNOWN.assign(weight=np.where(KNOWN["stage"] == "needs", 2.0, 1.0))

    assert stage_rates(twice, DEALS) == pytest.approx(stage_rates(heavy, DEALS))


def test_the_rate_of_a_stage_is_the_share_won_from_it():
    expected = KNOWN.groupby("stage")["won"].mean()

    assert stage_rates(KNOWN, DEALS.head(5)) == pytest.approx(
        DEALS.head(5)["stage"].map(expected).to_numpy()
    )
    assert stage_rates(KNOWN, DEALS.head(1).assign(stage="elsewhere")).tolist() == [0.0]


def test_a_deal_is_worth_its_amount_times_what_others_brought_of_theirs():
    worth, unsure = worth_if_won(KNOWN, DEALS)

    np.testing.assert_allclose(worth, DEALS["amount"] * 0.9)
    np.testing.assert_allclose(unsure, 0.0, atol=1e-9)


def test_a_deal_without_amount_is_worth_the_mean_of_those_won():
    blank = DEALS.head(2).assign(amount=[np.nan, 0.0])
    worth, unsure = worth_if_won(KNOWN, blank)

    assert worth == pytest.approx([KNOWN["won_amount"].mean()] * 2)
    assert (unsure > 0.5).all()


def test_calibration_is_counted_by_hand():
    table = calibration(np.array([0.05, 0.07, 0.55, 1.0]), np.array([0, 1, 1, 1]))

    assert table.to_dict("list") == {
        "from_share": [0.0, 0.5, 0.9], "to_share": [0.1, 0.6, 1.0], "deals": [2, 1, 1],
        "stated": [pytest.approx(0.06), 0.55, 1.0], "came": [0.5, 1.0, 1.0],
    }  # fmt: skip
    assert calibration_error(table) == pytest.approx((2 * 0.44 + 0.45 + 0) / 4)


def test_a_column_filled_in_at_closing_raises_an_alarm():
    marked = KNOWN.assign(
        reason=np.where(KNOWN["won"] == 1, None, "price"),
        signed=np.where(KNOWN["won"] == 1, "yes", "no"),
    )

    assert leak_alarms(marked, ["region", "reason", "signed", "stage"]) == ["reason", "signed"]
    assert leak_alarms(marked.head(0), ["region"]) == []
    with pytest.raises(ParameterError, match="no column 'colour'"):
        leak_alarms(marked, ["colour"])


def told(chance, rate, won):
    return pd.DataFrame({"chance": chance, "rate": rate, "won": won})


def test_chances_go_to_the_rate_of_their_stage_as_far_as_that_paid_off():
    rng = np.random.default_rng(3)
    truth = rng.choice([0.1, 0.5], 4000)
    won = (rng.random(4000) < truth).astype(float)
    noisy = np.clip(truth + rng.normal(0, 0.1, 4000), 0.01, 0.99)
    now = told([0.3], [0.1], [np.nan])

    drawn = blended(now, told(noisy, truth, won))[0]
    kept = blended(now, told(truth, np.full(4000, 0.3), won))[0]

    assert drawn == pytest.approx(0.1, abs=0.02)
    assert kept == pytest.approx(0.3, abs=0.02)


def test_before_anything_is_known_chances_go_a_fifth_of_the_way():
    nothing = told([], [], []).astype("float64")

    assert blended(told([0.5, 0.2], [0.0, 0.2], [np.nan] * 2), nothing) == pytest.approx([0.4, 0.2])
    assert blended(told([0.5], [0.5], [np.nan]), nothing) == pytest.approx([0.5])
