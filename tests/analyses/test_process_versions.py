"""Versions of the process: changes found on their day, and both spans side by side."""

import math
from datetime import date, timedelta

import pytest
from support import write_workspace

from salesops_kit.analyses.process_versions import Change, process_changes, process_versions
from salesops_kit.metrics.visits import visits
from salesops_kit.periods import EPOCH, Period, day_number
from salesops_kit.workspace import open_workspace
from salesops_kit.worlds import World, canonical, causes, simulate
from truth.tables import workspace_of

YEAR = Period("", date(2024, 10, 1), date(2025, 10, 1), "month")
SPRING = Period("", date(2025, 1, 1), date(2025, 7, 1), "month")


def world(seed, *planted):
    tables = canonical.tables(simulate(World(seed=seed, export_on=YEAR.end, causes=planted)))
    given = {name: tables[name] for name in ("deals", "stage_history")}
    return followed(workspace_of(given, YEAR.last))


def followed(workspace):
    stays = visits(workspace.table("stage_history"), workspace.table("deals"),
                   as_of=workspace.as_of)  # fmt: skip
    return workspace, workspace.keep("_stays", stays)


def small(folder, tables):
    """A history of two deals a day: begun in needs, half of them on to a proposal after 5 days."""
    rows = []
    for number in range(362):
        day = SPRING.start + timedelta(days=number // 2)
        steps = [("needs", 30, "open", day), ("proposal", 60, "open", day + timedelta(days=5)),
                 ("lost", 91, "lost", day + timedelta(days=9))]  # fmt: skip
        if number % 2:
            steps = [steps[0], steps[2]]
        rows += [
            {"deal_id": f"D{number}", "seq": seq, "stage": stage, "stage_rank": rank,
             "stage_category": category, "entered_at": when.isoformat(), "stage_label": stage}
            for seq, (stage, rank, category, when) in enumerate(steps, start=1)
        ]  # fmt: skip
    deals = [{"deal_id": f"D{n}", "stage": "needs", "status": "open"} for n in range(362)]
    written = write_workspace(folder / "w", {"deals": deals, "stage_history": rows} | tables)
    return followed(open_workspace(written, as_of=SPRING.last))


def test_a_dropped_stage_is_found_on_its_day_and_moves_its_neighbours():
    on = date(2025, 4, 1)
    workspace, stays = world(3, causes.process_change(on, "needs"))

    changes = process_changes(workspace, stays, window=YEAR)
    table = process_versions(workspace, stays, changes, window=YEAR)

    [change] = changes
    assert (change.kind, change.stage) == ("stage_ended", "needs")
    assert abs(change.day - day_number(on)) <= 2
    assert table["stage"].tolist() == ["qualification"] * 2 + ["solution"] * 2
    assert table["version"].tolist() == ["before", "after"] * 2
    # the selection of the dropped stage moved to the one before it, and to no other
    assert table["differs"].tolist() == [True, True, False, False]
    assert table["onward_share"].iloc[1] < table["onward_share"].iloc[0] - 0.1


def test_a_new_label_is_a_change_of_its_own_stage_that_moves_nothing():
    on = date(2025, 3, 10)
    workspace, stays = world(4, causes.label_rename(on, "proposal", "Offer", "报盘"))

    [change] = process_changes(workspace, stays, window=YEAR)
    table = process_versions(workspace, stays, [change], window=YEAR)

    assert (change.kind, change.stage) == ("renamed", "proposal")
    assert change.detail == "Proposal and quote → Offer"
    assert abs(change.day - day_number(on)) <= 3
    assert table["stage"].tolist() == ["proposal", "proposal"]
    assert not table["differs"].any()


@pytest.mark.parametrize("seed", range(3))
def test_a_process_that_stayed_as_it_was_has_no_versions(seed):
    workspace, stays = world(seed)

    assert process_changes(workspace, stays, window=YEAR) == []
    assert process_versions(workspace, stays, [], window=YEAR).empty


def test_rules_and_recorded_versions_count_and_are_told_once(tmp_path):
    tables = {
        "sop_rules": [
            {"rule_id": "S1", "kind": "order", "stage": "needs", "valid_from_on": "2025-03-01"},
            {"rule_id": "S2", "kind": "order", "stage": "needs", "valid_from_on": "2024-01-01",
             "valid_to_on": "2025-05-31"},
        ],
        "process_versions": [
            {"version": 1, "valid_from_on": "2025-02-01", "change": "new forms", "stage": None},
            {"version": 2, "valid_from_on": "2025-03-03", "change": "rule", "stage": "needs"},
        ],
    }  # fmt: skip

    changes = process_changes(*small(tmp_path, tables), window=SPRING)

    named = [(str(EPOCH + timedelta(days=c.day)), *c[1:]) for c in changes]
    assert named == [
        ("2025-02-01", "recorded", "", "new forms"), ("2025-03-01", "rule_began", "needs", "S1"),
        ("2025-06-01", "rule_ended", "needs", "S2"),
    ]  # fmt: skip


def test_each_version_is_followed_until_the_next_and_no_longer(tmp_path):
    workspace, stays = small(tmp_path, {})
    on = date(2025, 3, 2)  # 60 days, two deals each, begun before
    changes = [Change(day_number(on), "rule_began", "needs", "S1")]

    before, after = process_versions(workspace, stays, changes, window=SPRING).to_dict("records")

    assert (before["first"], before["last"]) == (date(2025, 1, 1), date(2025, 3, 1))
    assert (after["first"], after["last"]) == (on, date(2025, 6, 30))
    assert (before["n"], after["n"]) == (120, 242)
    # of deals begun in the last days of a span nothing is known yet, which changes nothing
    assert before["onward_share"] == pytest.approx(0.5)
    assert after["onward_share"] == pytest.approx(0.5)
    assert before["median"] == after["median"] == 5
    assert not before["differs"]


def test_a_version_of_a_few_days_is_not_judged(tmp_path):
    workspace, stays = small(tmp_path, {})
    changes = [Change(day_number(date(2025, 6, 26)), "rule_began", "needs", "S1")]

    _, after = process_versions(workspace, stays, changes, window=SPRING).to_dict("records")

    assert after["n"] == 10
    assert math.isnan(after["onward_share"])
    assert not after["differs"]
