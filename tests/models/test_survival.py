import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lifelines import AalenJohansenFitter, KaplanMeierFitter
from lifelines.utils import median_survival_times

from salesops_kit.errors import ParameterError
from salesops_kit.models.survival import (
    aalen_johansen,
    kaplan_meier,
    share_within,
    staying_quantile,
)

SMALL = pd.DataFrame(
    {
        "age_days": [1, 2, 2, 5, 9],
        "won": [1, 0, 2, 1, 0],
        "lost": [0, 1, 1, 0, 1],
        "open": [1, 0, 0, 1, 1],
    }
)


def counts(ages, ends):
    frame = pd.DataFrame({"age_days": ages, "won": ends == 1, "lost": ends == 2})
    frame["ended"] = frame["won"] | frame["lost"]
    frame["open"] = ~frame["ended"]
    return frame.astype("int64")


def test_a_small_curve_by_hand():
    curve = aalen_johansen(SMALL, event="won", competing=["lost"], waiting="open")

    # at risk 10, 8, 4, 2; nothing happened yet: 1, .9, .45, .3375, .16875
    assert curve["at_risk"].tolist() == [10, 8, 4, 2]
    assert curve["share"].tolist() == pytest.approx([0.1, 0.325, 0.4375, 0.4375])
    assert curve["remaining"].tolist() == pytest.approx([0.9, 0.45, 0.3375, 0.16875])


def test_staying_by_hand():
    ended = SMALL.assign(ended=SMALL["won"] + SMALL["lost"])

    curve = kaplan_meier(ended, ended="ended", waiting="open")

    assert curve["ended"].tolist() == [1, 4, 1, 1]
    assert curve["staying"].tolist() == pytest.approx([0.9, 0.45, 0.3375, 0.16875])
    assert staying_quantile(curve, 0.5).value == 2
    assert np.isnan(staying_quantile(curve, 0.9).value)


def test_ends_of_another_kind_compete_and_are_no_censoring():
    naive = kaplan_meier(SMALL.assign(gone=SMALL["open"] + SMALL["lost"]), ended="won",
                         waiting="gone")  # fmt: skip
    right = aalen_johansen(SMALL, event="won", competing=["lost"], waiting="open")

    assert 1 - naive["staying"].iloc[-1] > right["share"].iloc[-1] + 0.05


@settings(max_examples=40, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), n=st.integers(2, 120))
def test_staying_equals_lifelines(seed, n):
    draw = np.random.default_rng(seed)
    ages, ends = draw.integers(0, 40, n), draw.integers(0, 3, n)
    fitted = KaplanMeierFitter(alpha=0.1).fit(ages, event_observed=ends > 0)

    curve = kaplan_meier(counts(ages, ends), ended="ended", waiting="open")

    at = curve["age_days"]
    assert curve["staying"].to_numpy() == pytest.approx(
        fitted.survival_function_at_times(at).to_numpy(), abs=1e-9
    )
    inside = curve["lower"].notna().to_numpy()
    bounds = fitted.confidence_interval_survival_function_.loc[at[inside]].to_numpy()
    assert curve.loc[inside, ["lower", "upper"]].to_numpy() == pytest.approx(bounds, abs=1e-9)
    if (ends > 0).any():
        median = staying_quantile(curve, 0.5)
        expected = fitted.median_survival_time_
        assert np.isnan(median.value) if np.isinf(expected) else median.value == expected
        low, high = median_survival_times(
            fitted.confidence_interval_survival_function_).to_numpy()[0]  # fmt: skip
        # where nobody is left lifelines bounds the curve by 0, we say that nothing is known
        known = at[inside].max() if inside.any() else -1
        assert np.isnan(median.upper) if high > known else median.upper == high
        assert np.isnan(median.lower) if low > known else median.lower == low


@settings(max_examples=30, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), n=st.integers(5, 120))
def test_share_equals_lifelines_where_lifelines_can(seed, n):
    """It cannot take ties between kinds of ends, so every age is another."""
    draw = np.random.default_rng(seed)
    ages, ends = draw.permutation(3 * n)[:n] + 1, draw.integers(0, 3, n)
    ends[np.argmax(ages)] = 0  # lifelines divides by zero when the last one ends
    fitted = AalenJohansenFitter(alpha=0.1).fit(ages, ends, event_of_interest=1)

    curve = aalen_johansen(counts(ages, ends), event="won", competing=["lost"], waiting="open")

    expected = fitted.cumulative_density_.loc[curve["age_days"]].to_numpy().ravel()
    assert curve["share"].to_numpy() == pytest.approx(expected, abs=1e-9)
    inside = curve["lower"].notna().to_numpy()
    bounds = fitted.confidence_interval_.loc[curve["age_days"][inside]].to_numpy()
    assert curve.loc[inside, ["lower", "upper"]].to_numpy() == pytest.approx(bounds, abs=1e-9)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 200))
def test_shares_of_all_ends_and_what_remains_make_one(seed, n):
    draw = np.random.default_rng(seed)
    frame = counts(draw.integers(0, 20, n), draw.integers(0, 3, n))

    won = aalen_johansen(frame, event="won", competing=["lost"], waiting="open")
    lost = aalen_johansen(frame, event="lost", competing=["won"], waiting="open")

    total = won["share"] + lost["share"] + won["remaining"]
    assert total.to_numpy() == pytest.approx(np.ones(len(won)))
    assert won["share"].is_monotonic_increasing
    inside = won["lower"].notna()
    assert (won["lower"][inside] <= won["share"][inside]).all()
    assert (won["share"][inside] <= won["upper"][inside]).all()


def test_the_interval_holds_the_truth_as_often_as_it_says():
    draw = np.random.default_rng(5)
    hits, worlds = 0, 300
    for _ in range(worlds):
        to_win, to_loss = draw.geometric(0.02, 200), draw.geometric(0.03, 200)
        last = draw.integers(10, 120, 200)
        ages = np.minimum(np.minimum(to_win, to_loss), last)
        ends = np.where(ages == last, 0, np.where(to_win <= to_loss, 1, 2))
        curve = aalen_johansen(counts(ages, ends), event="won", competing=["lost"], waiting="open")
        estimate = share_within(curve, 60)
        # ties go to the win; deals at their last day are censored
        leave = 0.02 + 0.98 * 0.03
        truth = 0.02 / leave * (1 - (1 - leave) ** 60)
        hits += estimate.lower <= truth <= estimate.upper

    assert 0.86 <= hits / worlds <= 0.94


def test_a_horizon_beyond_what_was_followed_is_missing():
    curve = aalen_johansen(SMALL, event="won", competing=["lost"], waiting="open")

    assert share_within(curve, 4).value == pytest.approx(0.325)
    assert share_within(curve, 9).value == pytest.approx(0.4375)
    assert np.isnan(share_within(curve, 10).value)
    assert share_within(curve, 0).value == 0
    assert np.isnan(share_within(curve, 0).upper)


def test_when_everybody_ended_any_horizon_is_known():
    ended = SMALL.assign(open=0)
    curve = aalen_johansen(ended, event="won", competing=["lost"], waiting="open")

    assert share_within(curve, 999).value == pytest.approx(4 / 7)


def test_no_counts_give_an_empty_curve():
    nothing = SMALL.iloc[:0]

    assert kaplan_meier(nothing, ended="won", waiting="open").empty
    curve = aalen_johansen(nothing, event="won", waiting="open")
    assert curve.empty
    assert np.isnan(share_within(curve, 5).value)


def test_wrong_input_is_refused():
    with pytest.raises(ParameterError, match=r"counts have no column 'gone'; they have age_days"):
        kaplan_meier(SMALL, ended="gone", waiting="open")
    with pytest.raises(ParameterError, match="ages must not be negative; the least is -1"):
        kaplan_meier(SMALL.assign(age_days=-1), ended="won", waiting="open")
    with pytest.raises(ParameterError, match="share is 1; it must lie between 0 and 1"):
        staying_quantile(kaplan_meier(SMALL, ended="won", waiting="open"), 1)
