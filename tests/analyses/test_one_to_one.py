"""The one-to-one sheet: own figures, pooled peers, and nobody else in what is published."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest
from analyses.rep_worlds import decided, monthly, people
from demo_report import demo_workspace, report_of
from support import write_workspace

from salesops_kit.analyses.one_to_one import FEWEST_PEERS, one_to_one, pool_of
from salesops_kit.errors import ParameterError
from salesops_kit.language import Money
from salesops_kit.periods import period
from salesops_kit.reporting.runner import ReportSpec
from salesops_kit.workspace import open_period, open_workspace

SEPTEMBER = period("2025-09")
SKILLS = np.linspace(-0.6, 0.6, 8)


def rows(frame):
    """Rows as dicts; reps get ids that cannot stand in a picture or font by chance."""
    named = {
        name: frame[name].str.replace("R", "rep_", regex=False)
        for name in ("owner_id", "rep_id", "level_id")
        if name in frame
    }
    plain = frame.assign(**named).astype(object)
    return plain.where(frame.notna(), None).to_dict("records")


def still_open(number):
    """Open deals whose amounts tell the rep: 1.07M, 1.14M … for R01, R02 …; all past their date."""
    return [
        {"deal_id": f"O{rep}-{i}", "owner_id": f"rep_{rep:02}", "status": "open", "stage": "needs",
         "name": f"Open {rep:02}-{i}", "amount": 1_000_000.0 + 70_000 * rep + i,
         "created_at": "2025-08-01", "expected_close_on": "2025-09-01"}
        for rep in range(number) for i in range(2)
    ]  # fmt: skip


def agreed(number):
    return [
        {"action_id": f"A{rep}-{i}", "owner_id": f"rep_{rep:02}", "what": f"Secret {rep:02}-{i}",
         "opened_on": f"2025-0{7 + i}-01", "due_on": "2025-09-15",
         "done_on": date(2025, 9, 5) if i else None, "result": "fine" if i else None}
        for rep in range(number) for i in range(2)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    deals = rows(decided(3, SKILLS, deals=45))
    roster = [r | {"name": f"Person{i:02}"} for i, r in enumerate(rows(people(8)))]
    return write_workspace(
        tmp_path_factory.mktemp("one") / "w",
        {"deals": deals + still_open(8), "reps": roster, "targets": rows(monthly(8)),
         "actions": agreed(8)},
        history_quality="none",
    )  # fmt: skip


def sheet_of(folder, scope, **more):
    opened, chosen = open_period(folder, "2025-09", scope=scope)
    return one_to_one(opened, period=chosen, **more)


def test_it_holds_the_reps_own_figures_deals_and_actions(folder):
    sheet = sheet_of(folder, "rep=rep_03")

    facts = sheet.facts.set_index("fact")
    assert (sheet.person, sheet.team, sheet.peers) == ("Person03", "East", 7)
    assert facts.loc["same_deals", "n"] == 45
    assert sheet.deals["deal"].tolist() == ["Open 03-1", "Open 03-0"]
    assert set(sheet.deals["help"]) == {"overdue"}
    assert sheet.actions["agreed"].tolist() == ["Secret 03-1", "Secret 03-0"]
    assert sheet.actions["done_on"].tolist() == [date(2025, 9, 5), None]
    assert len(sheet.lines) == 4


def test_peers_are_pooled_without_the_rep(folder):
    opened = open_workspace(folder, as_of=SEPTEMBER.last)
    deals = opened.table("deals").collect(backend="pandas").to_native()
    year = deals[deals["status"].eq("won") & (deals["closed_day"] >= period("2025").start_day)]
    others = year[year["owner_id"] != "rep_03"]["amount"].sum() / (7 * 900_000)

    facts = sheet_of(folder, "rep=rep_03").facts.set_index("fact")

    assert facts.loc["attainment_year", "peers"] == pytest.approx(others)


def test_strengths_and_gaps_are_at_most_three_each_and_say_how_sure(folder):
    best, worst = (sheet_of(folder, f"rep={rep}").profile for rep in ("rep_07", "rep_00"))

    assert "strength" in best["standing"].tolist()
    assert "gap" in worst["standing"].tolist()
    for profile in (best, worst):
        assert profile["standing"].value_counts().max() <= 3
        assert set(profile["surety"]) <= {"sure", "hint", "counted"}


def test_too_few_peers_are_not_pooled(tmp_path):
    number = FEWEST_PEERS  # one of them is the rep
    tables = {
        "deals": rows(decided(4, np.zeros(number), deals=12)),
        "reps": rows(people(number)),
        "targets": rows(monthly(number)),
    }
    folder = write_workspace(tmp_path / "w", tables, history_quality="none")

    sheet = sheet_of(folder, "rep=rep_01")

    assert sheet.facts["peers"].isna().all()
    assert sheet.facts["mine"].notna().all()
    assert sheet.profile.empty


def test_a_manager_chooses_a_rep_of_the_own_team_alone(folder):
    assert sheet_of(folder, "team=East", rep="Person03").person == "Person03"
    with pytest.raises(ParameterError, match="rep is 'rep_02', who is not the one rep meant"):
        sheet_of(folder, "team=East", rep="rep_02")
    with pytest.raises(ParameterError, match="rep is ''"):
        sheet_of(folder, "team=East")


def test_a_workspace_open_to_everybody_shows_nobody(folder):
    sheet = sheet_of(folder, "")

    assert sheet.person == ""
    assert all(getattr(sheet, name).empty for name in ("facts", "profile", "deals", "actions"))


def published(result):
    files = [p for p in result.path.rglob("*") if p.is_file()]
    assert {p.suffix for p in files} >= {".html", ".json", ".ipynb"}
    return b"\n".join(p.read_bytes() for p in files)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_nothing_of_other_reps_is_in_the_published_bytes(folder, tmp_path, language):
    spec = ReportSpec(folder, "2025-09", scope="rep=rep_03", notebooks=("one_to_one", "reps"),
                      language=language, into=tmp_path)  # fmt: skip

    found = published(report_of(spec))

    assert b"Person03" in found
    assert Money(1_210_001, "CNY").written(language).encode() in found
    for rep in range(8):
        if rep == 3:
            continue
        worth = 1_000_000 + 70_000 * rep
        secrets = [f"Person{rep:02}", f"rep_{rep:02}", f"Secret {rep:02}", f"Open {rep:02}",
                   str(worth), str(worth + 1), Money(worth, "CNY").written("en"),
                   Money(worth, "CNY").written("zh")]  # fmt: skip
        assert [s for s in secrets if s.encode() in found] == []


def test_no_sheet_of_the_demo_names_another_rep():
    opened, chosen = open_period(demo_workspace(), "2025-09")
    pool = pool_of(opened, period=chosen)
    people_there = pool.source.members[["rep", "name"]].to_numpy().tolist()

    for rep, name in people_there[::8]:
        scoped, _ = open_period(demo_workspace(), "2025-09", scope=f"rep={rep}")
        sheet = one_to_one(scoped, period=chosen, pool=pool)
        told = [sheet.facts, sheet.profile, sheet.deals, sheet.actions]
        text = json.dumps([t.astype(str).to_dict("records") for t in told], ensure_ascii=False)
        text += json.dumps([f.as_json() for f in sheet.findings], ensure_ascii=False)
        others = [x for r, n in people_there for x in (r, n) if r != rep and n != name]
        assert sheet.person == name
        assert [x for x in others if x in text] == []


def test_a_report_holds_what_its_readers_may_see(folder, tmp_path):
    from salesops_kit.reporting.job import chosen_notebooks

    specs = (
        ReportSpec(folder, "2025-09", scope=scope, into=tmp_path)
        for scope in ("", "team=East", "rep=rep_03")
    )
    everybody, team, own = ([p.stem for p in chosen_notebooks(spec)] for spec in specs)

    sheet, export = ("31_one_to_one" in team, "31_one_to_one" in own), "00_readiness"
    assert "31_one_to_one" not in everybody
    assert sheet == (False, True)
    assert [export in names for names in (everybody, team, own)] == [True, False, False]


def test_peers_can_be_read_beside_the_scope_without_mixing(folder):
    opened, _ = open_period(folder, "2025-09", scope="rep=rep_03")
    before = opened.table("deals")

    everybody = opened.with_peers().table("deals").collect(backend="pandas").to_native()

    mine = before.collect(backend="pandas").to_native()
    assert set(mine["owner_id"]) == {"rep_03"}
    assert everybody["owner_id"].nunique() == 8
    assert pd.Series(mine["deal_id"]).is_unique
