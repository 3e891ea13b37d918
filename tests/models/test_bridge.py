"""The split of a change of bookings: exact, additive, and as another rule would split it."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesops_kit.errors import ParameterError
from salesops_kit.models.decomposition import (
    BRIDGE_FACTORS,
    MANY_WINS,
    Outcomes,
    bookings_bridge,
    bridge_draws,
    log_change,
)

VOLUME, MIX, SPEED, WIN_RATE, SIZE = range(5)


@st.composite
def segments(draw):
    """One segment of a period: each count at most the one before, often zero."""
    number = draw(st.integers(0, 500))
    resolved = draw(st.integers(0, number))
    won = draw(st.integers(0, resolved))
    size = draw(st.floats(-1e5, 1e7, allow_subnormal=False)) if won else 0.0
    return [number, resolved, won, won * size]


@st.composite
def changes(draw):
    count = draw(st.integers(1, 6))
    period = st.lists(segments(), min_size=count, max_size=count)
    return np.array(draw(period)), np.array(draw(period))


@settings(max_examples=300)
@given(changes())
def test_the_parts_add_up_to_the_change_of_each_segment_exactly(change):
    before, after = change
    parts = bookings_bridge(before, after)

    scale = np.abs(before[:, 3]) + np.abs(after[:, 3])
    difference = parts.sum(axis=1) - (after[:, 3] - before[:, 3])
    assert np.isfinite(parts).all()
    assert (np.abs(difference) <= 1e-9 * scale).all()


@settings(max_examples=200)
@given(changes())
def test_back_and_forth_is_no_change_and_order_of_segments_does_not_matter(change):
    before, after = change
    there, back = bookings_bridge(before, after), bookings_bridge(after, before)

    near = 1e-9 * (np.abs(before[:, 3]) + np.abs(after[:, 3])).max()
    assert there == pytest.approx(-back, abs=near)
    turned = bookings_bridge(before[::-1], after[::-1])
    assert turned[::-1] == pytest.approx(there, abs=near)


@settings(max_examples=100)
@given(changes(), st.floats(0.01, 100))
def test_it_scales_with_the_currency(change, rate):
    before, after = change
    money = np.array([1, 1, 1, rate])

    scaled = bookings_bridge(before * money, after * money)
    near = 1e-9 * rate * (np.abs(before[:, 3]) + np.abs(after[:, 3])).max()
    assert scaled == pytest.approx(bookings_bridge(before, after) * rate, abs=near)


def shapley(before, after):
    """Average over every order in which the five factors could have changed, one after another."""

    def factors(period):
        total = period[:, 0].sum()
        n, k, w, b = period.T
        return np.array([np.full(len(n), total), n / total, k / n, w / k, b / w])

    old, new = factors(before), factors(after)
    parts = np.zeros((len(before), 5))
    orders = list(permutations(range(5)))
    for order in orders:
        now = old.copy()
        for factor in order:
            start = now.prod(axis=0)
            now[factor] = new[factor]
            parts[:, factor] += now.prod(axis=0) - start
    return parts / len(orders)


def test_it_splits_as_shapley_does_within_a_few_hundredths():
    before = np.array([[120, 60, 20, 2000.0], [80, 50, 10, 4000.0], [40, 20, 5, 900.0]])
    after = np.array([[150, 66, 19, 2100.0], [70, 48, 12, 4500.0], [50, 30, 6, 1000.0]])

    ours, theirs = bookings_bridge(before, after), shapley(before, after)

    assert ours.sum() == pytest.approx(theirs.sum())
    assert ours == pytest.approx(theirs, abs=0.02 * before[:, 3].max())
    big = np.abs(theirs) > 50
    assert (np.sign(ours[big]) == np.sign(theirs[big])).all()


def test_two_factors_that_change_share_as_the_older_split_does():
    before, after = [[100, 50, 10, 1000.0]], [[100, 50, 20, 3000.0]]

    [parts] = bookings_bridge(before, after)

    known = log_change({"w": 0.2, "a": 100.0}, {"w": 0.4, "a": 150.0}, {"w": 1, "a": 1})
    scaled = known["contribution"] * 50
    assert parts[[WIN_RATE, SIZE]] == pytest.approx(scaled.to_numpy())
    assert parts[[VOLUME, MIX, SPEED]] == pytest.approx([0, 0, 0])


@pytest.mark.parametrize(
    ("before", "after", "factor"),
    [
        ([10, 5, 2, 100.0], [20, 10, 4, 200.0], VOLUME),
        ([10, 4, 2, 100.0], [10, 8, 4, 200.0], SPEED),
        ([10, 4, 2, 100.0], [10, 4, 4, 200.0], WIN_RATE),
        ([10, 4, 2, 100.0], [10, 4, 2, 200.0], SIZE),
        # nothing to divide by, or nothing sold, in one of the periods
        ([0, 0, 0, 0.0], [10, 4, 2, 100.0], VOLUME),
        ([10, 0, 0, 0.0], [20, 4, 2, 100.0], SPEED),
        ([10, 4, 0, 0.0], [20, 4, 2, 100.0], WIN_RATE),
        ([10, 4, 2, 0.0], [20, 4, 2, 100.0], SIZE),
        ([10, 4, 2, -30.0], [20, 4, 2, 100.0], SIZE),
    ],
)
def test_what_alone_changed_or_was_zero_takes_the_whole_change(before, after, factor):
    for old, new in ((before, after), (after, before)):
        [parts] = bookings_bridge([old], [new])

        assert parts[factor] == pytest.approx(new[3] - old[3])
        assert np.delete(parts, factor) == pytest.approx([0, 0, 0, 0])


def test_deals_that_turn_to_richer_segments_are_mix():
    before = np.array([[50, 20, 10, 1000.0], [50, 20, 10, 9000.0]])
    after = np.array([[20, 8, 4, 400.0], [80, 32, 16, 14400.0]])

    parts = bookings_bridge(before, after).sum(axis=0)

    assert dict(zip(BRIDGE_FACTORS, parts, strict=True)) == pytest.approx(
        {"volume": 0, "mix": 4800, "speed": 0, "win_rate": 0, "size": 0}
    )


def test_a_segment_that_appears_is_mix():
    before = np.array([[50, 20, 10, 1000.0], [0, 0, 0, 0.0]])
    after = np.array([[50, 20, 10, 1000.0], [50, 10, 5, 700.0]])

    parts = bookings_bridge(before, after)

    assert parts[1] == pytest.approx([0, 700, 0, 0, 0])
    # the first has the same deals as ever: half the share of twice as many
    assert parts[0, [SPEED, WIN_RATE, SIZE]] == pytest.approx([0, 0, 0])
    assert parts[0].sum() == pytest.approx(0)


def test_a_zero_is_the_limit_of_a_small_number():
    zero, after = [[100, 50, 0, 0.0]], [[150, 60, 10, 1000.0]]
    tiny = [[100, 50, 50e-14, 50e-12]]

    exact, near = bookings_bridge(zero, after), bookings_bridge(tiny, after)

    assert exact == pytest.approx(near, abs=60)


@pytest.mark.parametrize(
    "wrong",
    [[[1, 2, 0, 0.0]], [[2, 1, 2, 5.0]], [[2, 1, -1, 0.0]], [[2, 1, 0, 5.0]],
     [[2, 1, 1, np.inf]], [[np.nan, 0, 0, 0.0]]],
)  # fmt: skip
def test_counts_that_cannot_be_are_refused(wrong):
    with pytest.raises(ParameterError, match="must fall from one to the next"):
        bookings_bridge(wrong, [[2, 1, 1, 5.0]])


def test_periods_of_other_shape_are_refused():
    with pytest.raises(ParameterError, match="differ in shape"):
        bookings_bridge([[1, 1, 1, 1.0]], [[1, 1, 1, 1.0]] * 2)
    with pytest.raises(ParameterError, match="must be"):
        bookings_bridge([1, 1, 1, 1.0], [1, 1, 1, 1.0])


def outcomes(rng, number, *, resolved=0.5, won=0.4, size=100.0):
    """Draw the outcome of deals of two segments, the second twice as large in amount."""
    closed = rng.binomial(number, resolved)
    wins = rng.binomial(closed, won)
    amounts = tuple(rng.lognormal(np.log(size * (1 + s)), 0.6, w) for s, w in enumerate(wins))
    return Outcomes(np.asarray(number), closed, amounts)


def test_draws_vary_around_what_was_counted_and_leave_its_numbers_as_they_are():
    rng = np.random.default_rng(5)
    before, after = outcomes(rng, [300, 200]), outcomes(rng, [320, 260], won=0.3)
    draws = before.resampled(np.random.default_rng(1), 4000)

    assert (draws[:, :, 0] == [300, 200]).all()
    assert draws.mean(axis=0) == pytest.approx(before.counts, rel=0.02)
    # a sum of won deals has the variance of its number and of its amounts: n p E[a²] - n (p E[a])²
    amounts, n = before.amounts[0], 300
    variance = (amounts**2).sum() - amounts.sum() ** 2 / n
    assert draws[:, 0, 3].std() == pytest.approx(np.sqrt(variance), rel=0.05)
    parts = bridge_draws(before, after, draws=500, seed=3)
    assert parts.shape == (500, 2, 5)
    assert parts == pytest.approx(bridge_draws(before, after, draws=500, seed=3))


def test_many_wins_are_summed_as_a_normal_number_of_the_same_spread():
    rng = np.random.default_rng(6)
    amounts = rng.lognormal(4, 0.7, MANY_WINS + 500)
    large = Outcomes(np.array([9000]), np.array([5000]), (amounts,))

    sums = large.resampled(np.random.default_rng(2), 4000)[:, 0, 3]

    variance = (amounts**2).sum() - amounts.sum() ** 2 / 9000
    assert sums.mean() == pytest.approx(amounts.sum(), rel=0.005)
    assert sums.std() == pytest.approx(np.sqrt(variance), rel=0.05)


def test_an_empty_segment_and_one_without_wins_can_be_drawn():
    nothing = Outcomes(np.array([0, 30]), np.array([0, 10]), (np.array([]), np.array([])))

    draws = nothing.resampled(np.random.default_rng(1), 50)

    assert (draws[:, 0] == 0).all()
    assert (draws[:, 1, 2:] == 0).all()
    assert draws[:, 1, 1].std() > 0


def test_intervals_cover_the_part_that_the_rates_themselves_would_give():
    """The truth: the same opportunities, resolved, won and sized exactly at their rates."""
    number = [250, 150]
    after_n = [280, 190]
    sizes = np.array([1, 2]) * 100 * np.exp(0.6**2 / 2)

    def expected(n, won):
        n = np.asarray(n, dtype=float)
        return np.column_stack([n, n * 0.5, n * 0.5 * won, n * 0.5 * won * sizes])

    truth = bookings_bridge(expected(number, 0.4), expected(after_n, 0.3)).sum(axis=0)
    rng, inside, runs = np.random.default_rng(11), np.zeros(5), 300
    for seed in range(runs):
        before, after = outcomes(rng, number), outcomes(rng, after_n, won=0.3)
        parts = bridge_draws(before, after, draws=200, seed=seed).sum(axis=1)
        low, high = np.quantile(parts, [0.05, 0.95], axis=0)
        inside += (low <= truth) & (truth <= high)

    covered = dict(zip(BRIDGE_FACTORS, inside / runs, strict=True))
    assert min(covered[f] for f in ("speed", "win_rate", "size")) >= 0.85
    assert max(covered[f] for f in ("speed", "win_rate", "size")) <= 0.95
