"""Changes of reps against planted ones and plain sums; returns against what luck alone does."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from salesops_kit.errors import ParameterError
from salesops_kit.models import trajectories
from salesops_kit.models.trajectories import find_changes, panel_of, returns

MONTHS = 24


def drawn(seed, *, reps=8, deals=20, drop=0.0, dip=0.0):
    """Deals by rep, month and source; R0 drops for the last nine months, all dip in the last."""
    rng = np.random.default_rng(seed)
    rep, month, easy = (part.ravel() for part in np.indices((reps, MONTHS, 2)))
    level = rng.normal(-0.9, 0.3, reps)[rep] + easy + dip * (month >= MONTHS - 3)
    level = level - drop * ((rep == 0) & (month >= 15))
    n = rng.poisson(deals / 2, len(rep))
    return pd.DataFrame({
        "rep": [f"R{i}" for i in rep], "month": month, "source": easy, "n": n,
        "hits": rng.binomial(n, expit(level)),
    })  # fmt: skip


def test_what_is_expected_adds_up_to_what_was_won():
    counts = drawn(1)
    panel = panel_of(counts, ["source"], MONTHS)

    won = counts.groupby("rep")["hits"].sum()
    assert panel.won.sum(axis=1) == pytest.approx(won.to_numpy())
    assert (panel.n * panel.chance).sum(axis=1) == pytest.approx(won.to_numpy(), rel=0.01)
    by_month = counts.groupby("month")["hits"].sum().to_numpy()
    assert (panel.n * panel.chance).sum(axis=0) == pytest.approx(by_month, rel=0.05)
    assert np.abs(panel.rest.sum(axis=0)).max() < 1e-9


def test_a_clear_drop_is_named_with_its_month_and_size():
    found = find_changes(panel_of(drawn(2, drop=1.6), ["source"], MONTHS), draws=199)

    [named] = found.table[found.table["named"]].to_dict("records")
    assert named["rep"] == "R0"
    assert abs(named["since"] - 15) <= 1
    assert named["upper"] < -0.4
    assert named["won_after"] < named["won_expected"] - 0.1
    assert named["p"] <= trajectories.LEVEL


def test_the_size_of_a_change_is_not_shared_out_to_colleagues():
    rows = [
        find_changes(panel_of(drawn(seed, drop=1.6), ["source"], MONTHS), draws=1)
        .table.set_index("rep").loc["R0"] for seed in range(20)
    ]  # fmt: skip

    assert np.mean([row["change"] for row in rows]) == pytest.approx(-1.6, abs=0.25)
    assert sum(row["lower"] < -1.6 < row["upper"] for row in rows) >= 14


def test_what_happens_to_all_in_the_same_months_is_no_change_of_a_rep():
    found = find_changes(panel_of(drawn(3, dip=-1.5), ["source"], MONTHS), draws=199)

    assert not found.table["named"].any()
    assert len(found.table) == 8


def test_a_change_long_ago_is_no_news_and_few_deals_are_not_judged():
    counts = drawn(4)
    early = counts["hits"].where((counts["rep"] != "R0") | (counts["month"] > 5), counts["n"])
    few = counts["rep"].isin(["R7"]) & (counts["month"] != 3)
    found = find_changes(panel_of(counts.assign(hits=early)[~few], [], MONTHS), draws=99)

    assert found.table["since"].min() >= MONTHS - trajectories.RECENT
    assert "R7" not in set(found.table["rep"])


def test_months_that_scatter_by_themselves_raise_the_noise():
    rng = np.random.default_rng(5)
    counts = drawn(5, reps=40, deals=80)
    shock = dict(zip(pd.MultiIndex.from_product([range(40), range(MONTHS)]),
                     rng.normal(0, 0.4, 40 * MONTHS), strict=True))  # fmt: skip
    moved = [shock[int(r[1:]), m] for r, m in zip(counts["rep"], counts["month"], strict=True)]
    noisy = counts.assign(hits=rng.binomial(counts["n"], expit(-0.9 + np.array(moved))))

    calm = find_changes(panel_of(counts, ["source"], MONTHS), draws=1).noise
    assert calm < 0.12
    assert find_changes(panel_of(noisy, [], MONTHS), draws=1).noise == pytest.approx(0.4, abs=0.06)


def test_too_few_months_are_refused():
    counts = drawn(6)
    with pytest.raises(ParameterError, match="there are 5 months"):
        find_changes(panel_of(counts[counts["month"] < 5], [], 5))


def equal(seed):
    rng = np.random.default_rng(seed)
    counts = pd.DataFrame({"rep": [f"R{i:02}" for i in range(40)], "n": 80, "n_now": 80})
    return counts.assign(hits=rng.binomial(80, 0.3, 40), hits_now=rng.binomial(80, 0.4, 40))


def test_the_best_of_equal_reps_come_back_to_the_middle():
    counts = equal(7)

    top, bottom = returns(counts).to_dict("records")

    rate = (counts["hits"] / counts["n"]).sort_values()
    assert (top["group"], top["reps"]) == ("top", 10)
    assert top["won_then"] == pytest.approx(rate.tail(10).mean())
    assert bottom["won_then"] == pytest.approx(rate.head(10).mean())
    usual = counts["hits_now"].sum() / counts["n_now"].sum()
    assert [top["expected"], bottom["expected"]] == pytest.approx([usual] * 2, abs=0.03)


def test_luck_alone_stays_within_its_interval_nine_times_in_ten():
    rows = pd.concat([returns(equal(seed)) for seed in range(8)])
    inside = (rows["lower"] <= rows["won_now"]) & (rows["won_now"] <= rows["upper"])

    assert inside.sum() >= 12  # of 16


def test_reps_who_differ_stay_apart_and_seven_are_too_few():
    skills = np.linspace(-1.5, 1.5, 20)
    rate = expit(logit(0.3) + skills)
    hits = np.round(300 * rate).astype(int)
    counts = pd.DataFrame({"rep": [f"R{i:02}" for i in range(20)], "n": 300, "hits": hits,
                           "n_now": 300, "hits_now": hits})  # fmt: skip

    top = returns(counts).iloc[0]
    assert top["expected"] == pytest.approx(top["won_then"], abs=0.03)
    assert returns(counts.head(7)).empty
    assert returns(counts.assign(n_now=10)).empty
