"""Rules of the process: what can be checked, who keeps them, and whether it goes with winning."""

from datetime import date
from functools import partial

import numpy as np
import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses.sop import analyse_sop
from salesops_kit.analyses.sop_winning import goes_with_winning
from salesops_kit.metrics.compliance import Rule
from salesops_kit.metrics.engine import lazy
from salesops_kit.metrics.visits import VisitRules
from salesops_kit.periods import Period
from salesops_kit.workspace import open_workspace
from salesops_kit.worlds import World, business, canonical, simulate, staff
from truth.tables import workspace_of

YEAR = Period("", date(2024, 10, 1), date(2025, 10, 1), "month")
RANKS = VisitRules(open_ranks=(30, 60))
HALF = Period("", date(2025, 1, 1), date(2025, 7, 1), "month")


def path(deal, owner, *stops):
    ranks = {"needs": (30, "open"), "proposal": (60, "open"), "won": (90, "won"),
             "lost": (91, "lost")}  # fmt: skip
    return [
        {"deal_id": deal, "seq": seq, "stage": stage, "stage_rank": ranks[stage][0],
         "stage_category": ranks[stage][1], "entered_at": day, "owner_id": owner}
        for seq, (stage, day) in enumerate(stops, start=1)
    ]  # fmt: skip


def sop(folder, paths, rules, *, activities=None, reps=None, **fields):
    deals = [
        {"deal_id": rows[0]["deal_id"], "stage": "needs", "status": "open", "pipeline": "new",
         "created_at": "2025-01-01", "owner_id": rows[0]["owner_id"]} | fields
        for rows in paths
    ]  # fmt: skip
    tables = {"deals": deals, "stage_history": [row for rows in paths for row in rows],
              "sop_rules": rules}  # fmt: skip
    tables |= {} if activities is None else {"activities": activities}
    tables |= {} if reps is None else {"reps": reps}
    workspace = open_workspace(write_workspace(folder / "w", tables), as_of="2025-06-30")
    return analyse_sop(workspace, window=HALF, ranks=RANKS)


LOST = [("needs", "2025-02-01"), ("lost", "2025-02-11")]


def test_what_the_data_cannot_check_is_said_and_never_counted_as_kept(tmp_path):
    rules = [
        {"rule_id": "A1", "kind": "activity", "stage": "needs", "requires": "visit"},
        {"rule_id": "A2", "kind": "activity", "stage": "needs", "requires": "call"},
        {"rule_id": "F1", "kind": "field", "stage": "needs", "requires": "next_step"},
        {"rule_id": "F2", "kind": "field", "stage": "needs", "requires": "competitor"},
        {"rule_id": "F3", "kind": "field", "stage": "needs", "requires": "budget"},
        {"rule_id": "M1", "kind": "max_dwell", "stage": "needs", "max_dwell_days": 5.0},
        {"rule_id": "M2", "kind": "max_dwell", "stage": "needs"},
        {"rule_id": "P1", "kind": "approval", "stage": "needs", "requires": "manager"},
    ]
    call = {"activity_id": "1", "type": "Call", "deal_id": "D1", "happened_at": "2025-02-03"}

    found = sop(tmp_path, [path("D1", "R1", *LOST), path("D2", "R1", *LOST)], rules,
                activities=[call], next_step="call")  # fmt: skip

    table = found.rules[["rule_id", "state", "checked", "kept"]]
    assert table.to_numpy().tolist() == [
        ["A1", "type_unseen", 0, 0], ["A2", "checked", 2, 1], ["F1", "late", 2, 2],
        ["F2", "field_empty", 0, 0], ["F3", "no_field", 0, 0], ["M1", "checked", 2, 0],
        ["M2", "no_days", 0, 0], ["P1", "no_approvals", 0, 0],
    ]  # fmt: skip
    assert found.stages[["stage", "checked", "kept"]].to_numpy().tolist() == [["needs", 6, 3]]


def test_a_type_of_activity_has_words_in_both_languages(tmp_path):
    rule = {"rule_id": "A", "kind": "activity", "stage": "needs", "requires": "Visit"}
    visit = {"activity_id": "1", "type": "拜访", "deal_id": "D1", "happened_at": "2025-02-03"}

    found = sop(tmp_path, [path("D1", "R1", *LOST)], [rule], activities=[visit]).rules

    assert found[["state", "kept"]].to_numpy().tolist() == [["checked", 1]]


def test_an_approval_counts_when_its_owner_had_the_role_on_that_day(tmp_path):
    reps = [
        {"rep_id": "M1", "role": "manager", "valid_from_on": "2025-01-01"},
        {"rep_id": "M2", "role": "rep", "valid_from_on": "2025-01-01", "valid_to_on": "2025-02-05"},
        {"rep_id": "M2", "role": "manager", "valid_from_on": "2025-02-06"},
    ]
    approvals = [
        {"activity_id": deal, "type": "Approval", "deal_id": deal, "owner_id": who,
         "happened_at": day}
        for deal, who, day in (("D1", "M1", "2025-02-03"), ("D2", "M2", "2025-02-03"),
                               ("D3", "M2", "2025-02-09"))
    ]  # fmt: skip
    rules = [
        {"rule_id": "P1", "kind": "approval", "stage": "needs", "requires": "manager"},
        {"rule_id": "P2", "kind": "approval", "stage": "needs", "requires": "director"},
        {"rule_id": "P3", "kind": "approval", "stage": "needs",
         "valid_from_on": "2025-03-01"},
    ]  # fmt: skip
    paths = [path(deal, "R1", *LOST) for deal in ("D1", "D2", "D3")]

    found = sop(tmp_path, paths, rules, activities=approvals, reps=reps).rules

    assert found[["rule_id", "state", "checked", "kept"]].to_numpy().tolist() == [
        ["P1", "checked", 3, 2], ["P2", "no_approver", 0, 0], ["P3", "checked", 0, 0],
    ]  # fmt: skip


def test_without_activities_a_rule_on_them_cannot_be_checked(tmp_path):
    rule = {"rule_id": "A", "kind": "activity", "stage": "needs", "requires": "visit"}

    found = sop(tmp_path, [path("D1", "R1", *LOST)], [rule])

    assert found.rules["state"].tolist() == ["no_activities"]
    assert found.stages.empty
    assert found.winning.empty


def test_a_rep_is_compared_with_what_others_keep_of_the_same_rules(tmp_path):
    def stays(owner, count, days):
        return [path(f"{owner}-{n}", owner, ("needs", "2025-02-01"), ("lost", f"2025-02-{days}"))
                for n in range(count)]  # fmt: skip

    paths = [*stays("R1", 20, 20), *stays("R2", 20, 10), *stays("R3", 20, 10), *stays("R4", 3, 20)]
    rule = {"rule_id": "M", "kind": "max_dwell", "stage": "needs", "max_dwell_days": 14.0}

    reps = sop(tmp_path, paths, [rule]).reps.set_index("owner_id")

    assert reps.loc["R1", "expected_rate"] == pytest.approx(40 / 43)
    assert reps.loc["R2", "expected_rate"] == pytest.approx(20 / 43)
    assert reps["compliance_rate"].to_dict() == {"R1": 0.0, "R2": 1.0, "R3": 1.0, "R4": 0.0}
    assert reps["verdict"].to_dict() == {"R1": "below", "R2": "above", "R3": "above", "R4": "few"}


def test_no_table_of_rules_gives_nothing(tmp_path):
    folder = write_workspace(tmp_path / "w", {"deals": [], "stage_history": []})

    found = analyse_sop(open_workspace(folder), window=HALF, ranks=RANKS)

    assert found.rules.empty
    assert found.winning.empty


def test_winners_are_compared_by_what_they_kept_before_the_landmark_alone(tmp_path):
    quick = [path(f"Q{n}", "R1", ("needs", "2025-01-01"), ("proposal", "2025-01-10"),
                  ("won", "2025-01-30")) for n in range(15)]  # fmt: skip
    slow = [path(f"S{n}", "R1", ("needs", "2025-01-01"), ("proposal", "2025-02-10"),
                 ("won" if n < 3 else "lost", "2025-02-20")) for n in range(15)]  # fmt: skip
    never = [path(f"N{n}", "R1", ("needs", "2025-01-01"), ("lost", "2025-01-05"))
             for n in range(15)]  # fmt: skip
    young = [path(f"Y{n}", "R1", ("needs", "2025-06-01"), ("proposal", "2025-06-10"))
             for n in range(15)]  # fmt: skip
    rules = [
        {"rule_id": "M1", "kind": "max_dwell", "stage": "needs", "max_dwell_days": 14.0},
        {"rule_id": "M2", "kind": "max_dwell", "stage": "proposal", "max_dwell_days": 5.0},
    ]

    [row] = sop(tmp_path, [*quick, *slow, *never, *young], rules).winning.to_dict("records")

    # M2 is broken by everybody, after the landmark; who was lost before, or came late, is left out
    assert (row["outcome"], row["stage"], row["days"]) == ("won", "proposal", 30)
    assert (row["kept_n"], row["kept_share"]) == (15, 1.0)
    assert (row["broken_n"], row["broken_share"]) == (15, 0.2)
    assert row["difference"] == row["same_rep"] == pytest.approx(0.8)


RULES = staff.sop_rules().rename(
    columns={"rule": "rule_id", "max_dwell": "max_dwell_days", "en": "meaning"}
)


def judged(monkeypatch, seed, *, real, skilled):
    """Simulate a company whose rule S2 works (`real`) or is kept by the skilled (`skilled`)."""
    rule = partial(staff.visit_rule, real=real, skilled=skilled)
    monkeypatch.setattr(business, "visit_rule", rule)
    company = simulate(World(seed=seed, export_on=date(2025, 10, 1)))
    tables = canonical.tables(company)
    given = {name: tables[name] for name in ("deals", "stage_history", "activities")}
    rules = RULES[["rule_id", "stage", "kind", "requires", "max_dwell_days", "meaning"]]
    workspace = workspace_of(given | {"sop_rules": rules}, date(2025, 9, 30))
    return company, analyse_sop(workspace, window=YEAR, ranks=VisitRules())


def test_breaches_found_are_those_that_were_planted(monkeypatch):
    company, found = judged(monkeypatch, 3, real=0.4, skilled=0.8)
    truth = staff.visit_rule(company)
    entered = pd.to_datetime(company.history["entered"].to_numpy()[truth["entry"]], unit="s")
    ended = truth["went_on"] != 0.5
    mine = truth[ended.to_numpy() & (entered >= "2024-10-01") & (entered < "2025-10-01")]

    [row] = found.rules[found.rules["rule_id"] == "S2"].to_dict("records")

    assert row["compliance_rate"] == pytest.approx(mine["kept"].mean(), abs=0.02)
    assert row["checked"] == pytest.approx(len(mine), rel=0.03)  # but for bulk edits


@pytest.mark.parametrize("seed", range(3))
def test_a_rule_that_works_is_found_to_go_with_winning(monkeypatch, seed):
    _, found = judged(monkeypatch, seed, real=0.4, skilled=0.8)

    row = found.winning.iloc[0]
    assert (row["rule_id"], row["outcome"]) == ("S2", "onward")
    assert row["verdict"] in ("association", "same_rep")
    assert row["same_rep"] > 0


def test_a_rule_that_does_nothing_is_seldom_named(monkeypatch):
    rows = [
        row
        for seed in range(4)
        for row in judged(monkeypatch, seed, real=0.0, skilled=0.0)[1].winning.to_dict("records")
    ]

    assert sum(row["verdict"] != "none" for row in rows) <= 2
    for outcome in ("onward", "won"):
        differences = [row["same_rep"] for row in rows if row["outcome"] == outcome]
        assert abs(np.mean(differences)) < 0.02


def test_who_keeps_rules_may_sell_better_and_within_reps_nothing_is_left(monkeypatch):
    rows = [judged(monkeypatch, seed, real=0.0, skilled=1.6)[1].winning.iloc[0]
            for seed in range(3)]  # fmt: skip

    within_segments = np.mean([row["difference"] for row in rows])
    assert within_segments > 0.03
    assert abs(np.mean([row["same_rep"] for row in rows])) < within_segments / 2
    assert [row["verdict"] for row in rows].count("same_rep") <= 1


def test_longer_stays_leave_more_time_to_keep_a_rule_which_is_not_taken_for_its_merit():
    # of longer stays more go on and more see a visit; of stays of one length as many either way
    draw = np.random.default_rng(9)
    days = draw.integers(1, 41, 6000)
    checks = pd.DataFrame(
        {"rule_id": "S2", "deal_id": [f"D{n}" for n in range(6000)], "seq": 1, "visit_no": 1,
         "stage": "needs", "stage_rank": 30, "entered_day": 20_000, "exited_day": 20_000 + days,
         "owner_id": draw.choice(["R1", "R2"], 6000), "region": "East", "product": None,
         "kept": (draw.random(6000) < days / 40).astype("int64"),
         "exit_type": np.where(draw.random(6000) < 0.2 + days / 60, "advanced", "lost")}
    )  # fmt: skip
    history = pd.DataFrame([{"deal_id": "D0", "seq": 1, "stage": "needs", "stage_rank": 30,
                             "stage_category": "open", "entered_at": "2025-01-01"}])  # fmt: skip
    workspace = workspace_of({"stage_history": history}, date(2025, 9, 30))
    rule = Rule("S2", "activity", "needs", requires="visit")

    [row] = goes_with_winning(workspace, lazy(checks), [rule]).to_dict("records")

    assert row["kept_share"] - row["broken_share"] > 0.2
    assert row["lower"] < 0 < row["upper"]
    assert row["verdict"] == "none"
