"""Chances of open deals against closed forms, and against walking many deals through."""

import numpy as np
import pandas as pd
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.models.outlook import chances, outlook, sample_of
from salesops_kit.models.survival import aalen_johansen

ENDS = ["onward", "back", "lost", "invalid", "still_open"]
FORWARD, BACK = 0.6, 0.1  # of those who leave a stage of the walk; the rest is lost


def counted(stays):
    """Count (stage, age, end) rows as `dwell_counts` does."""
    table = pd.DataFrame(stays, columns=["stage", "age_days", "end"]).assign(n=1)
    wide = table.pivot_table(
        index=["stage", "age_days"], columns="end", values="n", aggfunc="sum", fill_value=0
    )
    return wide.reindex(columns=ENDS, fill_value=0).reset_index()


def moved(*rows):
    return pd.DataFrame(rows, columns=["stage", "next_stage", "exit_type", "moves"])


def steady(stage, hazard, share, n=100_000, days=200):
    """Stays that end with the same hazard every day from the first on, as exact counts."""
    left = n * (1 - hazard) ** np.arange(days)
    ends = left * hazard
    return pd.DataFrame({
        "stage": stage, "age_days": np.arange(1, days + 1), "onward": ends * share, "back": 0.0,
        "lost": ends * (1 - share), "invalid": 0.0,
        "still_open": np.r_[np.zeros(days - 1), left[-1] - ends[-1]],
    })  # fmt: skip


def test_one_stage_with_a_steady_hazard_has_the_geometric_chances():
    sample = sample_of(steady("offer", 0.05, 0.4), moved(("offer", "won", "won", 1)))
    deals = pd.DataFrame({"stage": "offer", "age_days": [0, 3, 40]})

    found = chances(sample, deals, [1, 10, 500])

    for days in (1, 10, 500):
        assert found[days].tolist() == pytest.approx([0.4 * (1 - 0.95**days)] * 3, abs=1e-4)
    table = outlook(sample, deals, np.random.default_rng(0), draws=20)
    assert table["days_left"].tolist() == [14, 14, 14]  # 0.95 ** 13 > 0.5 > 0.95 ** 14
    assert (table["lower"] < 0.4).all()
    assert (table["upper"] > 0.4).all()


def test_two_stages_multiply_and_their_days_add_up():
    counts = pd.concat([steady("offer", 0.2, 0.5), steady("contract", 0.2, 0.8)])
    moves = moved(("offer", "contract", "advanced", 9), ("contract", "won", "won", 9))
    found = chances(sample_of(counts, moves), pd.DataFrame({"stage": ["offer"], "age_days": [4]}),
                    [2, 300])  # fmt: skip

    assert found[300].iloc[0] == pytest.approx(0.4, abs=1e-4)
    # won on the second day: leave today (0.2 × 0.5) and the next (0.2 × 0.8)
    assert found[2].iloc[0] == pytest.approx(0.1 * 0.16, abs=1e-6)


def test_single_ages_give_the_aalen_johansen_curve():
    rng = np.random.default_rng(3)
    counts = pd.DataFrame({
        "stage": "offer", "age_days": range(30), "onward": rng.integers(30, 90, 30), "back": 0,
        "lost": rng.integers(30, 90, 30), "invalid": 0, "still_open": rng.integers(0, 30, 30),
    })  # fmt: skip
    sample = sample_of(counts, moved(("offer", "won", "won", 1)), horizon=60)
    curve = aalen_johansen(counts, event="onward", competing=["lost"], waiting="still_open")

    assert sample.course(None).won[0][:30] == pytest.approx(curve["share"].to_numpy(), abs=1e-12)


def walked(rng, stage, n):
    """Walk deals from the entry into a stage: (day of closing, won)."""
    result = []
    for _ in range(n):
        at, day = stage, 0
        while True:
            day += rng.geometric((0.1, 0.2, 0.3)[at])
            dice = rng.random()
            if dice < FORWARD:
                at += 1
            elif at and dice < FORWARD + BACK:
                at -= 1
            else:
                result.append((day, False))
                break
            if at == 3:
                result.append((day, True))
                break
    return np.array(result)


def test_a_way_with_steps_back_equals_walking_it_many_times():
    parts, names = [], ("needs", "offer", "contract")
    for place, (name, hazard) in enumerate(zip(names, (0.1, 0.2, 0.3), strict=True)):
        part = steady(name, hazard, FORWARD)
        ends = part["onward"] + part["lost"]
        back = BACK if place else 0.0
        parts.append(part.assign(back=ends * back, lost=ends * (1 - FORWARD - back)))
    moves = moved(
        ("needs", "offer", "advanced", 5), ("offer", "contract", "advanced", 5),
        ("contract", "won", "won", 5), ("offer", "needs", "back", 5),
        ("contract", "offer", "back", 5),
    )  # fmt: skip
    sample = sample_of(pd.concat(parts), moves)
    course = sample.course(None)
    n = 20_000
    end, won = walked(np.random.default_rng(1), 0, n).T

    for day in (5, 15, 30, 100):
        error = 4 * (0.25 / n) ** 0.5
        assert course.won[0, day] == pytest.approx((won * (end <= day)).mean(), abs=error)
        assert course.closed[0, day] == pytest.approx((end <= day).mean(), abs=error)


def test_nothing_is_said_of_deals_that_must_pass_a_stage_hardly_anybody_left():
    counts = pd.concat([steady("offer", 0.2, 0.5), steady("contract", 0.2, 0.5, n=20)])
    moves = moved(("offer", "contract", "advanced", 9), ("contract", "won", "won", 9))
    deals = pd.DataFrame({"stage": ["offer", "contract", "old stage"], "age_days": [1, 1, 1]})
    sample = sample_of(counts, moves)

    assert outlook(sample, deals, np.random.default_rng(0), draws=3).isna().to_numpy().all()
    assert chances(sample, deals, [30])[30].isna().all()


def test_a_deal_older_than_any_seen_keeps_the_last_hazard():
    sample = sample_of(steady("offer", 0.05, 0.4, days=50), moved(("offer", "won", "won", 1)))
    found = chances(sample, pd.DataFrame({"stage": ["offer"], "age_days": [300]}), [10])

    assert found[10].iloc[0] == pytest.approx(0.4 * (1 - 0.95**10), abs=0.01)


def test_no_stay_at_all_is_an_error():
    with pytest.raises(ParameterError, match="no stay in any stage was counted"):
        sample_of(counted([]), moved())
