"""Pay plans against a plain loop, and the laws a plan must keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesops_kit.errors import ParameterError
from salesops_kit.models.pay import (
    BACKS,
    PayPlan,
    capped_from,
    credit,
    marginal,
    paid,
    payout,
    responded,
    shape,
    simple_plan,
)

FEW = settings(max_examples=25, deadline=None, derandomize=True)
ATTAINMENT = st.floats(0, 4, allow_nan=False)


@st.composite
def plans(draw, backs=BACKS, capped=True, team=True):
    starts = sorted(draw(st.sets(st.sampled_from([0.0, 0.3, 0.5, 0.8, 1.0, 1.2, 2.0]), min_size=1)))
    steps = tuple((start, draw(st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0]))) for start in starts)
    cap = draw(st.sampled_from([500.0, 3_000.0, np.inf])) if capped else np.inf
    share = draw(st.sampled_from([0.0, 0.25, 1.0])) if team else 0.0
    return PayPlan("p", 0.02, steps, draw(st.sampled_from(backs)), cap, share)


def one_by_one(plan, bookings, quota, team):
    """Pay of one rep, the plainest way: walk along the steps."""

    def walked(at):
        starts = [start for start, _ in plan.steps]
        if at < starts[0]:
            return 0.0
        if plan.back == "all":
            reached = [factor for start, factor in plan.steps if at >= start][-1]
            return at * reached
        total = starts[0] * plan.steps[0][1] if plan.back == "first" else 0.0
        for (start, factor), end in zip(plan.steps, [*starts[1:], float("inf")], strict=True):
            if at > start:
                total += (min(at, end) - start) * factor
        return total

    own = walked(bookings / quota) * (1 - plan.team_share) + walked(team) * plan.team_share
    return min(quota * plan.rate * own, plan.cap)


@FEW
@given(plans(), st.lists(ATTAINMENT, min_size=1, max_size=8), ATTAINMENT)
def test_pay_is_what_a_walk_along_the_steps_gives(plan, reached, team):
    quota = np.array([100_000.0 + 10_000 * i for i in range(len(reached))])
    bookings = quota * np.array(reached)

    found = payout(plan, bookings, quota, team)

    expected = [one_by_one(plan, b, q, team) for b, q in zip(bookings, quota, strict=True)]
    assert found["payout"].tolist() == pytest.approx(expected, rel=1e-9, abs=1e-6)
    assert (found["payout"] <= plan.cap).all()
    assert (found["capped"] == (found["uncapped"] > plan.cap)).all()


@FEW
@given(plans(backs=("none", "first")), ATTAINMENT, ATTAINMENT)
def test_more_never_pays_less_unless_every_step_pays_back(plan, one, other):
    low, high = sorted((one, other))

    pay = paid(plan, np.array([low, high]), np.array(1e5), np.array([0.7, 0.7]))

    assert pay[0] <= pay[1] + 1e-9


@FEW
@given(plans(team=False), ATTAINMENT)
def test_pay_jumps_at_declared_cliffs_only(plan, at):
    cliffs = shape(plan, 1e5)
    jumps = cliffs[cliffs["kind"].isin(["cliff", "drop"])]["attainment"]
    near = jumps.sub(at).abs().min() if len(jumps) else np.inf
    below, above = paid(plan, np.array([at - 1e-7, at + 1e-7]), np.array(1e5))

    if near > 1e-6:
        assert abs(above - below) < 0.01
    assert (abs(above - below) < 0.01) or near < 1e-6


@FEW
@given(plans(team=False), st.floats(0.01, 3.9))
def test_the_marginal_rate_is_the_slope_of_pay(plan, at):
    edges = [*shape(plan, 1e5)["attainment"], capped_from(plan, 1e5)]
    if min(abs(at - edge) for edge in edges) < 1e-3:
        return
    width = 1e-5
    low, high = paid(plan, np.array([at - width, at + width]), np.array(1e5))

    assert float(marginal(plan, at, 1e5)) == pytest.approx((high - low) / (2 * width * 1e5),
                                                           abs=1e-9)  # fmt: skip


@FEW
@given(plans(backs=("none", "first")))
def test_the_cap_cuts_from_where_it_is_said_to(plan):
    at = capped_from(plan, 1e5)
    if not np.isfinite(at):
        return
    team = np.array([at - 1e-6, at + 1e-6])
    below, above = payout(plan, 1e5 * team, np.full(2, 1e5), team)["uncapped"]

    assert below <= plan.cap + 1e-3
    assert above >= plan.cap - 1e-3


def test_a_plan_by_hand():
    plan = simple_plan("P", rate=0.02, threshold=0.5, accelerator=1.5, cap=3_000.0)

    found = payout(plan, np.array([40, 50, 100, 120, 300.0]) * 1e3, np.full(5, 1e5))

    assert found["payout"].tolist() == pytest.approx([0, 0, 1_000, 1_600, 3_000])
    assert found["capped"].tolist() == [False] * 4 + [True]
    table = shape(plan, 1e5)
    assert table["kind"].tolist() == ["start", "faster", "cap"]
    assert table["attainment"].tolist() == pytest.approx([0.5, 1.0, 1 + 2 / 3])


def test_reaching_the_first_step_may_pay_back_and_every_step_may():
    steps = ((0.5, 1.0), (1.0, 2.0), (2.0, 1.0))
    first, every = (PayPlan("P", 0.02, steps, back) for back in ("first", "all"))

    assert credit(first, np.array([0.49, 0.5, 1.5])).tolist() == pytest.approx([0, 0.5, 2.0])
    assert credit(every, np.array([0.5, 1.0, 1.9, 2.0])).tolist() == [0.5, 2.0, 3.8, 2.0]
    assert shape(first, 1e5)["kind"].tolist() == ["cliff", "faster", "slower"]
    assert shape(every, 1e5)["kind"].tolist() == ["cliff", "cliff", "drop"]
    assert shape(every, 1e5)["jump"].tolist() == pytest.approx([1_000, 2_000, -4_000])


def test_without_a_quota_or_the_teams_attainment_nothing_is_said():
    plan = PayPlan("P", 0.02, team_share=0.5)

    found = payout(plan, np.array([1e5, 1e5, 1e5]), np.array([0, np.nan, 1e5]), np.nan)

    assert found["payout"].isna().all()
    assert not found["capped"].any()


def test_nobody_sells_more_for_more_pay_unless_that_is_said():
    old, new = PayPlan("a", 0.02), PayPlan("b", 0.04)
    drawn = np.random.default_rng(0).gamma(3, 0.3, (3, 50))

    assert responded(old, new, drawn, np.full(3, 1e5), 0.0).tolist() == [1, 1, 1]
    assert responded(old, new, drawn, np.full(3, 1e5), 0.5) == pytest.approx(2**0.5)
    assert responded(old, new, drawn, np.full(3, 1e5), 9.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"rate": -0.1}, "rate is -0.1; it must not be negative"),
        ({"steps": ((0.5, 1.0), (0.5, 2.0))}, "each must begin after the one before"),
        ({"steps": ((0.5, -1.0),)}, "a multiplier must not be negative"),
        ({"cap": 0.0}, "cap is 0.0; it must be above 0"),
        ({"team_share": 1.5}, "team_share is 1.5; it must lie between 0 and 1"),
        ({"back": "some"}, "back is 'some'; use none, first, all"),
    ],
)
def test_an_impossible_plan_is_refused_with_its_name(wrong, said):
    with pytest.raises(ParameterError, match=r"plan 'P': ") as error:
        PayPlan(**({"name": "P", "rate": 0.02} | wrong))
    assert said in str(error.value)
