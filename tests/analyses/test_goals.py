"""Goals per stage: plan and actual by hand, censored, by the team of that time."""

import numpy as np
import pandas as pd
import pytest
from support import write_workspace

from salesops_kit.analyses.goals import stage_goals, with_rep_team
from salesops_kit.metrics.visits import visits
from salesops_kit.periods import Period, period
from salesops_kit.settings import settings_from
from salesops_kit.workspace import open_workspace
from truth.tables import workspace_of

YEAR = period("2025")
HALF = Period("half", YEAR.start, period("2025-06").end, "month")
FEW = "[thresholds]\nmin_n = 5\n"


def stay(deal, entered, left=None, into="lost", stage="needs"):
    """One stay in a stage, and the entry into the next one."""
    ranks = {"needs": (30, "open"), "proposal": (60, "open"), "won": (90, "won"),
             "lost": (91, "lost")}  # fmt: skip
    rows = [(stage, entered), *([(into, left)] if left else [])]
    return [
        {"deal_id": deal, "seq": seq, "stage": name, "stage_rank": ranks[name][0],
         "stage_category": ranks[name][1], "entered_at": day}
        for seq, (name, day) in enumerate(rows, start=1)
    ]  # fmt: skip


def compared(folder, stays, tables=None, settings=FEW, window=HALF):
    """Compare; every deal belongs to the rep in its id, D1 of R1 being `R1-1`."""
    deals = [
        {"deal_id": rows[0]["deal_id"], "stage": "needs", "status": "open", "team": "Home",
         "created_at": "2025-01-01", "pipeline": "new", "owner_id": rows[0]["deal_id"][:2]}
        for rows in stays
    ]  # fmt: skip
    given = {"deals": deals, "stage_history": [row for rows in stays for row in rows]}
    workspace = open_workspace(
        write_workspace(folder / "w", given | (tables or {}), settings=settings),
        as_of=window.last,
    )
    frame = visits(
        workspace.table("stage_history"), workspace.table("deals"), as_of=workspace.as_of,
        dimensions=["pipeline", "team", "owner_id"],
    )  # fmt: skip
    reps = workspace.table("reps") if workspace.has("reps") else None
    return stage_goals(workspace, with_rep_team(frame, reps), window=window)


def goal(**more):
    return {"stage": "needs", "conversion": 0.75, "max_dwell_days": 14.0} | more


def of(table, level, group=""):
    [row] = table[(table["level"] == level) & (table["group"] == group)].to_dict("records")
    return row


QUICK = [stay(f"R1-{n}", "2025-03-01", "2025-03-06", "won") for n in range(10)]
SLOW = [stay(f"R2-{n}", "2025-03-01", "2025-03-21") for n in range(30)]


def test_plan_and_actual_stand_side_by_side(tmp_path):
    table = compared(tmp_path, QUICK + SLOW, {"stage_goals": [goal()]})

    row = of(table, "company")
    assert (row["n"], row["waiting"], row["conversion_goal"], row["days_goal"]) == (40, 0, 0.75, 14)
    assert [row["onward_share"], row["in_time"], row["over_share"]] == pytest.approx(
        [0.25, 0.25, 0.75]
    )
    assert (row["conversion_verdict"], row["days_verdict"]) == ("missed", "missed")


def test_owners_are_judged_one_by_one(tmp_path):
    table = compared(tmp_path, QUICK + SLOW, {"stage_goals": [goal(conversion=0.6)]})

    quick, slow = of(table, "owner", "R1"), of(table, "owner", "R2")
    assert (quick["conversion_verdict"], quick["days_verdict"]) == ("reached", "open")
    assert quick["over_upper"] == pytest.approx(0.2775, abs=1e-3)  # Wilson, 0 of 10, at 95 %
    assert (slow["conversion_verdict"], slow["days_verdict"]) == ("missed", "missed")
    assert slow["onward_share"] == 0


def test_deals_still_open_count_neither_way(tmp_path):
    waiting = [stay(f"R3-{n}", "2025-06-27") for n in range(50)]
    plain = of(compared(tmp_path, QUICK + SLOW, {"stage_goals": [goal()]}), "company")

    row = of(compared(tmp_path / "b", QUICK + SLOW + waiting, {"stage_goals": [goal()]}), "company")

    assert (row["n"], row["waiting"]) == (90, 50)
    for name in ("onward_share", "over_share"):
        assert row[name] == pytest.approx(plain[name])


def test_too_few_stays_or_too_wide_an_interval_give_no_verdict(tmp_path):
    mixed = [stay(f"R1-{n}", "2025-03-01", "2025-03-06", "won" if n % 4 else "lost")
             for n in range(8)]  # fmt: skip
    few = [stay(f"R2-{n}", "2025-03-01", "2025-03-21") for n in range(4)]
    table = compared(tmp_path, mixed + few, {"stage_goals": [goal()]})

    assert of(table, "owner", "R1")["conversion_verdict"] == "open"
    assert of(table, "owner", "R2")["conversion_verdict"] == "few"


def test_a_stay_belongs_to_the_team_its_owner_was_in_when_it_began(tmp_path):
    reps = [
        {"rep_id": "R1", "name": "Ana", "team": "East", "valid_to_on": "2025-03-31"},
        {"rep_id": "R1", "name": "Ana", "team": "West", "valid_from_on": "2025-04-01"},
    ]
    later = [stay(f"R1-late{n}", "2025-04-01", "2025-04-06", "won") for n in range(3)]
    table = compared(tmp_path, QUICK + later + SLOW, {"stage_goals": [goal()], "reps": reps})

    sizes = {row["group"]: row["n"] for row in table.to_dict("records") if row["level"] == "team"}
    assert sizes == {"East": 10, "West": 3, "Home": 30}  # R2 is no known rep: the deal's own team


def test_a_team_with_a_goal_of_its_own_is_judged_by_that(tmp_path):
    reps = [{"rep_id": "R1", "team": "East"}, {"rep_id": "R2", "team": "West"}]
    goals = [goal(), goal(team="West", conversion=0.1)]
    table = compared(tmp_path, QUICK + SLOW, {"stage_goals": goals, "reps": reps})

    wanted = {(row["level"], row["group"]): row["conversion_goal"]
              for row in table.to_dict("records")}  # fmt: skip
    assert wanted == {("company", ""): 0.75, ("team", "East"): 0.75, ("team", "West"): 0.1,
                      ("owner", "R1"): 0.75, ("owner", "R2"): 0.1}  # fmt: skip
    assert of(table, "company")["n"] == 10


def test_a_goal_that_changed_is_compared_span_by_span(tmp_path):
    goals = [goal(), goal(conversion=0.2, valid_from_on="2025-04-01")]
    later = [stay(f"R1-late{n}", "2025-04-01", "2025-04-06", "won") for n in range(6)]
    table = compared(tmp_path, QUICK + later, {"stage_goals": goals})

    company = table[table["level"] == "company"]
    assert company["since"].astype(str).tolist() == ["2025-01-01", "2025-04-01"]
    assert company["n"].tolist() == [10, 6]
    assert company["conversion_goal"].tolist() == [0.75, 0.2]


def test_a_goal_of_another_pipeline_does_not_apply(tmp_path):
    table = compared(tmp_path, QUICK, {"stage_goals": [goal(pipeline="renewal")]})

    assert table.empty


def test_goals_stand_in_the_settings_where_there_is_no_table(tmp_path):
    stages = [
        '{name = "needs", rank = 30, category = "open", conversion_goal = 0.5}',
        '{name = "won", rank = 90, category = "won"}',
        '{name = "lost", rank = 91, category = "lost"}',
    ]
    text = f"{FEW}[pipelines.new]\nstages = [{', '.join(stages)}]\n"
    row = of(compared(tmp_path, QUICK + SLOW, settings=text), "company")

    assert (row["conversion_goal"], row["conversion_verdict"]) == (0.5, "missed")
    assert row["days_verdict"] == "none"


def test_a_share_may_last_longer_as_the_settings_say(tmp_path):
    text = FEW + "late_share = 0.9\n"
    row = of(compared(tmp_path, QUICK + SLOW, {"stage_goals": [goal()]}, text), "company")

    assert row["days_verdict"] == "reached"


def test_no_goal_gives_no_row(tmp_path):
    assert compared(tmp_path, QUICK).empty


@pytest.mark.parametrize("seed", range(3))
def test_who_is_on_goal_is_seldom_named_however_many_are_compared(seed):
    # 100 owners whose deals go on with a chance of 0.6, the goal; a third are not followed to
    # their end; 40 % last longer than 14 days, as many as may
    draw = np.random.default_rng(seed)
    n = 6000
    entered = draw.integers(0, 170, n)
    left = entered + np.where(draw.random(n) < 0.6, draw.integers(1, 15, n), 30)
    into = np.where(draw.random(n) < 0.6, "won", "lost")
    start = pd.Timestamp(HALF.start)
    ids = pd.Series([f"{number % 100:02}-{number}" for number in range(n)])
    first = pd.DataFrame({"deal_id": ids, "seq": 1, "stage": "needs", "stage_rank": 30,
                          "stage_category": "open",
                          "entered_at": start + pd.to_timedelta(entered, "D")})  # fmt: skip
    second = pd.DataFrame(
        {
            "deal_id": ids,
            "seq": 2,
            "stage": into,
            "stage_category": into,
            "stage_rank": 90,
            "entered_at": start + pd.to_timedelta(left, "D"),
        }
    )
    deals = pd.DataFrame({"deal_id": ids, "status": "open", "owner_id": ids.str[:2],
                          "team": "Home", "pipeline": "new"})  # fmt: skip
    goals = pd.DataFrame([goal(conversion=0.6)])
    workspace = workspace_of(
        {"deals": deals, "stage_history": pd.concat([first, second]), "stage_goals": goals},
        HALF.last,
    )
    workspace.settings = settings_from({"thresholds": {"late_share": 0.4}})
    frame = visits(
        workspace.table("stage_history"), workspace.table("deals"), as_of=HALF.last,
        dimensions=["pipeline", "team", "owner_id"],
    )  # fmt: skip

    table = stage_goals(workspace, with_rep_team(frame, None), window=HALF)

    owners = table[table["level"] == "owner"]
    assert len(owners) == 100
    for what in ("conversion", "days"):
        assert owners[f"{what}_verdict"].isin(["missed", "reached"]).sum() <= 1
