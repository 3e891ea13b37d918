"""Trainings, conferences and exhibitions: what is claimed, and what is not."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from analyses.rep_worlds import company, people

from salesops_kit.analyses.training import analyse_training
from salesops_kit.charts.training import event_studies
from salesops_kit.periods import period
from salesops_kit.tables import Reader
from salesops_kit.workspace import Scope

SEPTEMBER = period("2025-09")
HELD = date(2025, 2, 10)
TRAINED = range(10)


def sold(lift=0.0, reps=24, deals=10, seed=4):
    """Deals closed from October 2023 on; those of TRAINED win more often by `lift` after HELD."""
    rng = np.random.default_rng(seed)
    rows = reps * 24 * deals
    rep = np.tile(np.arange(reps), 24 * deals)
    closed = pd.Timestamp(2023, 10, 1) + pd.to_timedelta(rng.integers(0, 730, rows), unit="D")
    skill = rng.normal(-0.8, 0.3, reps)
    taught = np.isin(rep, TRAINED) & (closed > pd.Timestamp(HELD))
    won = rng.random(rows) < 1 / (1 + np.exp(-(skill[rep] + lift * taught)))
    status = np.where(won, "won", "lost")
    return pd.DataFrame({
        "deal_id": [f"D{i}" for i in range(rows)], "owner_id": [f"R{r:02}" for r in rep],
        "status": status, "stage": status, "closed_at": closed, "amount": 1_000.0,
        "created_at": closed - pd.Timedelta(days=40), "is_deleted": False,
    })  # fmt: skip


def held(reps=TRAINED, day=HELD, name="T1", **more):
    return pd.DataFrame([
        {"training_id": name, "rep_id": f"R{r:02}", "topic": "Quotes", "held_on": day} | more
        for r in reps
    ])  # fmt: skip


@pytest.fixture(scope="module")
def helped():
    events = pd.concat([held(), held(range(10, 14), date(2025, 8, 5), "C1", kind="conference")])
    workspace = company(deals=sold(1.2), reps=people(24), trainings=events)
    return workspace, analyse_training(workspace, period=SEPTEMBER)


def test_a_training_that_helps_is_said_to_help_with_its_worth(helped):
    _, training = helped
    [row] = training.effects.to_dict("records")
    [found] = [f for f in training.findings if f.kind == "helped"]

    assert row["verdict"] == "helped"
    assert row["lower"] < 0.28 < row["upper"]
    assert row["took_part"] == 10
    assert row["extra_wins"] == pytest.approx(row["effect"] * row["decided"])
    assert found.money.value == pytest.approx(row["extra_wins"] * 1_000)
    assert "“Quotes”" in found.headline["en"]
    assert "培训" in found.headline["zh"]
    assert found.id == "training:helped:event=training Quotes"


def test_an_event_of_the_last_weeks_is_too_early_and_its_guests_are_no_controls(helped):
    _, training = helped

    assert training.events["event_state"].tolist() == ["state_counted", "state_early"]
    assert training.events["event"].iloc[1]["zh"] == "Quotes（会议）"
    assert [f.kind for f in training.findings if f.section == "events"] == ["early"]
    assert training.effects["controls"].tolist() == [14]


def test_every_way_of_reckoning_stands_beside_and_the_study_is_drawn(helped):
    _, training = helped
    read = Reader(company(deals=sold(deals=1)).settings, "zh")

    assert training.methods["way"].tolist() == ["fair", "with_selection", "before_after"]
    [(figure, texts)] = event_studies(training.drawn, read)
    heights = [path.get_offsets()[0][1] for path in figure.axes[0].collections[1::2]]
    assert heights == pytest.approx(training.study["effect"].tolist())
    assert "Quotes（培训）" in texts["caption"]
    assert len(read.table(training.effects, "training.effects")) == 1


def test_under_a_scope_the_company_is_measured_and_nobody_is_named(helped):
    workspace, training = helped
    workspace.scope = Scope("rep", "R00")
    try:
        seen = analyse_training(workspace, period=SEPTEMBER)
    finally:
        workspace.scope = Scope()

    assert seen.effects["effect"].tolist() == training.effects["effect"].tolist()
    assert not any("Rep 0" in f"{f.headline}{f.detail}" for f in seen.findings)


def test_no_effect_is_not_claimed_and_the_smallest_visible_one_is_named():
    workspace = company(deals=sold(), reps=people(24), trainings=held())
    training = analyse_training(workspace, period=SEPTEMBER)

    [finding] = [f for f in training.findings if f.section == "effects"]
    assert finding.kind == "unclear"
    assert finding.severity == "note"
    assert training.effects["detectable"].between(0.03, 0.4).all()


def test_a_training_of_one_team_says_that_the_team_cannot_be_told_from_it():
    roster = people(24)
    roster["team"] = np.where(roster.index < 12, "East", "West")
    workspace = company(deals=sold(), reps=roster, trainings=held())
    [finding] = [f for f in analyse_training(workspace, period=SEPTEMBER).findings
                 if f.section == "effects"]  # fmt: skip

    assert "are of one team" in finding.detail["en"]


def test_a_company_without_trainings_is_told_how_to_record_them():
    workspace = company(deals=sold(deals=1), reps=people(24))
    training = analyse_training(workspace, period=SEPTEMBER)

    assert [f.kind for f in training.findings] == ["nothing"]
    assert training.drawn == []


def test_an_event_held_before_the_data_begin_or_of_strangers_is_listed_as_such():
    events = pd.concat([held(day=date(2023, 11, 1)), held([77, 78], name="T2", topic="Law")])
    workspace = company(deals=sold(deals=2), reps=people(24), trainings=events)
    training = analyse_training(workspace, period=SEPTEMBER)

    states = dict(zip(training.events["training_id"], training.events["event_state"], strict=True))
    assert states == {"T1": "state_no_past", "T2": "state_nobody"}
    assert training.effects.empty


@pytest.mark.parametrize("status", ["won", "lost"])
def test_where_everything_or_nothing_was_won_a_training_is_measured_without_failing(status):
    deals = sold().assign(status=status, stage=status)
    found = analyse_training(company(deals=deals, reps=people(24), trainings=held()),
                             period=SEPTEMBER)  # fmt: skip

    assert found.findings
    assert not [f for f in found.findings if f.kind in ("helped", "hurt")]
