"""The page on the process: what it says of a small company, word by word, in both languages."""

import pytest
from support import write_workspace

from salesops_kit.analyses.process import analyse_process
from salesops_kit.periods import period
from salesops_kit.tables import Reader
from salesops_kit.workspace import open_workspace

JUNE = period("2025-06")
TABLES = ("goals.company", "goals.groups", "sop.rules", "sop.stages", "sop.reps", "sop.winning",
          "versions.spans")  # fmt: skip
RANKS = {"needs": (30, "open"), "proposal": (60, "open"), "won": (90, "won"), "lost": (91, "lost")}


def path(deal, *stops):
    return [
        {"deal_id": deal, "seq": seq, "stage": stage, "stage_rank": RANKS[stage][0],
         "stage_category": RANKS[stage][1], "entered_at": day}
        for seq, (stage, day) in enumerate(stops, start=1)
    ]  # fmt: skip


def analysed(folder, paths, *, quality="full", **tables):
    deals = [
        {"deal_id": rows[0]["deal_id"], "stage": "needs", "status": "open", "pipeline": "new",
         "created_at": "2025-01-01", "owner_id": rows[0]["deal_id"][:2]}
        for rows in paths
    ]  # fmt: skip
    given = {"deals": deals, "stage_history": [row for rows in paths for row in rows]}
    written = write_workspace(folder / "w", given | tables, history_quality=quality)
    return analyse_process(open_workspace(written, as_of=JUNE.last), period=JUNE)


# R1 sells, R2 does not and takes three weeks
QUICK = [path(f"R1-{n}", ("needs", "2025-03-01"), ("won", "2025-03-06")) for n in range(10)]
SLOW = [path(f"R2-{n}", ("needs", "2025-03-01"), ("lost", "2025-03-21")) for n in range(30)]
GOAL = {"stage": "needs", "conversion": 0.75, "max_dwell_days": 14.0}
REPS = [{"rep_id": "R1", "name": "Ana", "team": "East"},
        {"rep_id": "R2", "name": "Bo", "team": "West"}]  # fmt: skip
RULES = [
    {"rule_id": "S1", "kind": "max_dwell", "stage": "needs", "max_dwell_days": 14.0,
     "meaning": "Needs within two weeks."},
    {"rule_id": "S2", "kind": "approval", "stage": "needs", "requires": "manager",
     "meaning": "The manager approves."},
]  # fmt: skip


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    return analysed(tmp_path_factory.mktemp("p"), QUICK + SLOW, stage_goals=[GOAL], reps=REPS,
                    sop_rules=RULES)  # fmt: skip


def test_it_says_which_goals_are_missed_and_which_rules_are_broken(process):
    said = {finding.kind: finding for finding in process.findings}

    assert said["conversion_missed"].headline == {
        "en": "Fewer deals than planned get past Needs analysis: 25%, the goal is 75%.",
        "zh": "“需求确认”的推进率 25%，低于目标 75%。",
    }
    assert said["days_missed"].headline["en"] == (
        "75% of stays in Needs analysis last longer than the goal of 14 days; at most 25% may."
    )
    assert said["kept"].headline["en"] == (
        "25% of the rules that applied were kept; least kept: Needs within two weeks (25%)."
    )
    assert said["unchecked"].headline == {
        "en": "1 of 2 rules cannot be checked with this data: The manager approves.",
        "zh": "2 条规则中有 1 条无法用现有数据检查：The manager approves。",
    }
    assert said["rep_below"].headline["en"] == (
        "Bo keeps 0% of the rules; others keep 100% of the same ones."
    )
    assert {finding.analysis for finding in process.findings} == {"process"}
    assert len({finding.id for finding in process.findings}) == len(process.findings)


def test_a_team_is_named_where_the_company_as_a_whole_does_not_miss(tmp_path):
    best = [path(f"R1-{n}", ("needs", "2025-03-01"), ("won", "2025-03-06")) for n in range(40)]
    worst = [path(f"R2-{n}", ("needs", "2025-03-01"), ("lost", "2025-03-06")) for n in range(12)]
    goal = GOAL | {"conversion": 0.7, "max_dwell_days": None}

    found = analysed(tmp_path, best + worst, stage_goals=[goal], reps=REPS).findings

    assert [finding.headline["en"] for finding in found] == [
        "West misses the goal for Needs analysis: 0% (≥ 70% go on)."
    ]
    assert found[0].where == {"team": "West", "stage": "needs"}


def test_goals_that_are_met_are_said_to_be(tmp_path):
    goal = GOAL | {"conversion": 0.5}

    [finding] = analysed(tmp_path, QUICK, stage_goals=[goal], reps=REPS).findings

    assert finding.headline["en"] == (
        "No stage clearly misses its goal: 2 of 2 goals are reached, for the others the data "
        "cannot tell yet."
    )


def test_where_no_goal_can_be_judged_nothing_is_called_good(tmp_path):
    """Ten stays of which six went on: neither above a goal of half nor below it."""
    rows = [path(f"R1-{n}", ("needs", "2025-03-01"), ("won" if n < 6 else "lost", "2025-03-06"))
            for n in range(10)]  # fmt: skip
    goal = GOAL | {"conversion": 0.5, "max_dwell_days": None}

    [finding] = analysed(tmp_path, rows, stage_goals=[goal], reps=REPS).findings

    assert "0 of 1 goal" in finding.headline["en"]
    assert finding.severity == "note"


def test_a_change_of_the_process_is_told_as_such_and_not_as_a_leak(tmp_path):
    begun = {"rule_id": "S9", "kind": "order", "stage": "needs", "valid_from_on": "2025-03-01"}
    early = [path(f"R1-{n}", ("needs", "2025-02-01"), ("won", "2025-02-21")) for n in range(40)]

    process = analysed(tmp_path, early + SLOW, sop_rules=[begun])
    told = next(finding for finding in process.findings if finding.kind == "changed")

    assert told.headline == {
        "en": "The process changed on 2025-03-01: rule began, Needs analysis.",
        "zh": "流程于 2025年3月1日 变更：规则生效，需求确认。",
    }
    assert told.detail["en"] == (
        "Of the stages it touches Needs analysis moved most: 100% went on before (n = 40), 0% "
        "after (n = 30). Whether that is chance: hardly."
    )
    assert told.where == {"change": "rule_began", "stage": "needs", "rule": "S9"}
    assert told.since == "2025-03"
    shown = Reader(process.settings, "en").table(process.versions, "versions.spans")
    assert shown.iloc[:, :6].to_numpy().tolist() == [
        ["2025-03-01", "rule began", "Needs analysis", "before", "40", "100.0%"],
        ["2025-03-01", "rule began", "Needs analysis", "after", "30", "0.0%"],
    ]


def test_its_tables_are_written_out_for_readers(process):
    read = Reader(process.settings, "en")

    company = read.table(process.company_goals, "goals.company")
    groups = read.table(process.group_goals, "goals.groups")
    reps = read.table(process.far_reps, "sop.reps")

    assert company.iloc[:, :4].to_numpy().tolist() == [
        ["Needs analysis", "≥ 75% go on", "40", "25.0%"],
        ["Needs analysis", "≤ 25% over 14 days", "40", "75.0%"],
    ]
    assert ["owner", "Bo", "Needs analysis", "≥ 75% go on", "30", "0.0%"] in (
        groups.iloc[:, :6].to_numpy().tolist()
    )
    assert reps["verdict"].tolist() == ["below", "above"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_without_a_history_of_stays_nothing_is_said_and_every_table_explains_itself(
    tmp_path, language
):
    found = analysed(tmp_path, QUICK, quality="changes_only", stage_goals=[GOAL])
    read = Reader(found.settings, language)
    frames = (found.company_goals, found.group_goals, found.sop.rules, found.sop.stages,
              found.far_reps, found.winning, found.versions)  # fmt: skip

    assert found.findings == []
    for name, frame in zip(TABLES, frames, strict=True):
        assert read.table(frame, name).attrs["instead"]
