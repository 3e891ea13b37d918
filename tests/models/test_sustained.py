"""Levels and rises over months: against planted truth, and silent about noise."""

import numpy as np
import pandas as pd
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.models.sustained import lasting


def months(seed, *, reps=30, spread=0.3, rise=0.0, noise=0.6, number=12):
    rng = np.random.default_rng(seed)
    level, rises = 1 + rng.normal(0, spread, reps), rng.normal(0, rise, reps) if rise else 0.0
    half = np.where(np.arange(number) >= number // 2, 0.5, -0.5)
    market = rng.normal(0, 0.2, number)
    value = (level[:, None] + np.outer(np.broadcast_to(rises, reps), half) + market
             + rng.normal(0, noise, (reps, number)))  # fmt: skip
    rep, month = np.indices(value.shape).reshape(2, -1)
    names = [f"R{r:02}" for r in rep]
    frame = pd.DataFrame({"rep": names, "month": month, "value": value.ravel()})
    return frame, level, np.broadcast_to(rises, reps)


def test_intervals_hold_the_planted_levels_and_rises():
    inside, risen = [], []
    for seed in range(25):
        frame, level, rises = months(seed, rise=0.4)
        table = lasting(frame, seed=seed).table
        # of all reps together the level is known only with the months' luck: compare against it
        centre = table["level"].mean() - level.mean()
        inside += list((table["level_lower"] - centre < level)
                       & (level < table["level_upper"] - centre))  # fmt: skip
        against = rises - rises.mean()
        risen += list((table["rise_lower"] < against) & (against < table["rise_upper"]))

    assert 0.84 <= np.mean(inside) <= 0.96
    assert 0.85 <= np.mean(risen) <= 0.95


def test_nobody_is_most_improved_where_nobody_is():
    claims = sum(int((lasting(months(seed)[0]).table["p_most"] > 0.8).sum()) for seed in range(20))

    assert claims <= 20 * 30 * 0.01


def test_one_good_month_is_drawn_towards_all():
    frame, *_ = months(1, spread=0.0)
    lucky = frame.assign(value=frame["value"].where(
        ~((frame["rep"] == "R03") & (frame["month"] == 11)), 6.0))  # fmt: skip

    row = lasting(lucky).table.set_index("rep").loc["R03"]

    raw = lucky[lucky["rep"] == "R03"].groupby(lucky["month"] > 5)["value"].mean()
    assert row["rise"] < 0.7 * (raw[True] - raw[False])


def test_who_has_no_first_half_has_no_rise_of_their_own():
    frame, *_ = months(2, rise=0.5)
    new = frame[(frame["rep"] != "R05") | (frame["month"] > 5)]

    table = lasting(new).table.set_index("rep")

    assert table.loc["R05", "months"] == 6
    assert abs(table.loc["R05", "rise"]) < 0.15
    assert not table.loc["R05", "p_most"] > 0.8


def test_too_few_are_refused():
    frame, *_ = months(3, reps=2)
    with pytest.raises(ParameterError, match="three reps, and three months of each"):
        lasting(frame)
