"""Reps over time: planted hires and a planted drop come out, and nothing else does."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from analyses.rep_worlds import company, people
from scipy.special import expit

from salesops_kit.analyses.rep_trajectories import rep_trajectories
from salesops_kit.charts.reps import ramp_steps
from salesops_kit.language import both
from salesops_kit.periods import period
from salesops_kit.settings import settings_from
from salesops_kit.tables import Reader

SEPTEMBER = period("2025-09")
BEGIN = date(2023, 10, 1)
HIRED = {f"R{i:02}": date(2024, 1 + i - 10, 15) for i in range(10, 16)}  # January to June


def deals_of(seed, *, drop=0.0, hires=HIRED):
    """Ten old reps and some hired in 2024, twelve deals a month each; new ones win from month 7."""
    rng = np.random.default_rng(seed)
    names = [f"R{i:02}" for i in range(10)] + list(hires)
    rep = np.repeat(names, 24 * 12)
    day = np.tile(rng.integers(0, 730, 24 * 12), len(names))
    closed = pd.Timestamp(BEGIN) + pd.to_timedelta(day, unit="D")
    level = np.where((rep == "R00") & (closed >= pd.Timestamp("2025-01-01")), -drop, 0.0)
    since = np.array([
        (c.date() - hires.get(r, date(2020, 1, 1))).days
        for r, c in zip(rep, closed, strict=True)
    ])  # fmt: skip
    won = rng.random(len(rep)) < np.where(since > 200, expit(level), 0.0)
    frame = pd.DataFrame({
        "deal_id": [f"D{i}" for i in range(len(rep))], "owner_id": rep,
        "status": np.where(won, "won", "lost"), "stage": np.where(won, "won", "lost"),
        "source": "cold", "created_at": closed - timedelta(days=20), "closed_at": closed,
        "amount": 1000.0, "is_deleted": False,
    })  # fmt: skip
    return frame[since > 0]


def roster(hires=HIRED):
    return people(16, **{name: {"hire_on": day} for name, day in hires.items()})


@pytest.fixture(scope="module")
def planted():
    table = roster()
    table["leave_on"] = np.where(table["rep_id"] == "R15", date(2024, 9, 1), None)
    return rep_trajectories(
        company(deals=deals_of(1, drop=2.5), reps=table), period=SEPTEMBER
    )  # fmt: skip


def said(result, section):
    [finding] = [f for f in result.findings if f.section == section]
    return finding


def test_new_reps_are_followed_to_their_end(planted):
    ends = planted.hires.set_index("rep")["end"]

    assert ends.to_dict() == {**{f"R{i}": "ramped" for i in range(10, 15)}, "R15": "left"}
    ramped = planted.ramped.set_index("horizon")
    assert ramped.loc[183, "ramped"] == 0
    assert ramped.loc[365, "ramped"] == pytest.approx(5 / 6)
    assert ramped.loc[365, "gone"] == pytest.approx(1 / 6)
    finding = said(planted, "ramp")
    assert "Of 6 hired in 2023-10 – 2025-09, 5 are there, 1 left before" in finding.detail["en"]
    assert "1 人达标前离职" in finding.detail["zh"]
    assert 200 < planted.median.value < 365


def test_the_rep_who_fell_is_named_and_nobody_else(planted):
    [named] = planted.named.to_dict("records")

    assert (named["rep"], named["since"]) == ("R00", "2025-01")
    [alarm] = planted.alarms
    assert alarm.headline["en"].startswith("Rep 00 wins less since 2025-01: ")
    assert (alarm.severity, alarm.where) == ("warning", {"rep": "R00"})
    assert alarm.certainty >= 0.97


def test_last_years_best_are_set_beside_luck(planted):
    assert planted.returns["group"].tolist() == ["top", "bottom"]
    assert said(planted, "returns").kind in ("as_luck", "not_as_luck")


def test_tables_and_chart_are_written_in_both_languages(planted):
    for language in ("en", "zh"):
        read = Reader(settings_from({}), language)
        assert len(read.table(planted.ramped, "trajectories.ramped")) == 4
        assert len(read.table(planted.named, "trajectories.changes")) == 1
        assert len(read.table(planted.returns, "trajectories.returns")) == 2
        axes = ramp_steps(planted.curve, read).axes[0]
        assert axes.get_xlabel() == both("trajectories.axis_months")[language]
        assert axes.get_lines()[0].get_ydata()[-1] == pytest.approx(5 / 6)


def test_without_days_of_hiring_or_change_nothing_is_claimed():
    deals = deals_of(2, hires={})
    result = rep_trajectories(
        company(deals=deals, reps=people(10).drop(columns="hire_on")), period=SEPTEMBER
    )

    assert result.hires.empty
    assert result.curve.empty
    assert said(result, "ramp").kind == "no_ramp"
    assert said(result, "changes").kind == "no_change"
    assert result.alarms == []


def test_one_rep_alone_or_no_deal_is_told_so():
    alone = deals_of(3, hires={}).query("owner_id == 'R00'")
    for deals in (alone, alone[alone["closed_at"] < "2020"]):
        result = rep_trajectories(company(deals=deals, reps=people(1)), period=SEPTEMBER)
        assert [f.kind for f in result.findings] == ["no_ramp", "no_trend", "no_returns"]
