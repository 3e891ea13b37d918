"""The pipeline between two days: every step by hand, and against the plainest loop over deals."""

from collections import defaultdict
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from demo_report import demo_workspace
from support import write_workspace

from salesops_kit.analyses.pipeline_states import Past
from salesops_kit.analyses.pipeline_waterfall import STEPS, analyse_pipeline_waterfall
from salesops_kit.errors import DataError
from salesops_kit.metrics.bookings import bookings
from salesops_kit.metrics.pipeline import pipeline_by_stage
from salesops_kit.periods import day_number, period
from salesops_kit.workspace import open_period, open_workspace
from salesops_kit.worlds import World, canonical, simulate
from truth.tables import workspace_of

JUNE = period("2025-06")
STAGES = {"needs": (30, "open"), "proposal": (60, "open"), "won": (90, "won"),
          "lost": (91, "lost"), "invalid": (92, "invalid")}  # fmt: skip


def moves(deal, *entries):
    """Rows of history: (stage, day, amount, expected close[, owner])."""
    return [
        {"deal_id": deal, "seq": seq, "stage": stage, "stage_rank": STAGES[stage][0],
         "stage_category": STAGES[stage][1], "entered_at": on, "amount": amount,
         "expected_close_on": due, "owner_id": owner[0] if owner else None}
        for seq, (stage, on, amount, due, *owner) in enumerate(entries, start=1)
    ]  # fmt: skip


def deal_of(rows, owner="R1"):
    """The deal as its last change of stage left it."""
    last = rows[-1]
    closed = last["stage_category"] != "open"
    return {"deal_id": last["deal_id"], "stage": last["stage"], "status": last["stage_category"],
            "amount": last["amount"], "expected_close_on": last["expected_close_on"],
            "created_at": rows[0]["entered_at"], "owner_id": owner,
            "closed_at": last["entered_at"] if closed else None}  # fmt: skip


EACH = {
    # due in June and open on both days; the amount rises
    "stays": [("needs", "2025-05-02", 100.0, "2025-06-20"),
              ("proposal", "2025-06-05", 130.0, "2025-06-28")],
    "shrinks": [("needs", "2025-05-02", 200.0, "2025-06-20"),
                ("proposal", "2025-06-05", 150.0, "2025-06-28")],
    "pushed": [("needs", "2025-05-02", 300.0, "2025-06-20"),
               ("proposal", "2025-06-05", 310.0, "2025-08-01")],
    "pulled in": [("needs", "2025-05-02", 400.0, "2025-09-20"),
                  ("proposal", "2025-06-05", 400.0, "2025-06-28")],
    "won early": [("needs", "2025-05-02", 500.0, "2025-09-20"),
                  ("won", "2025-06-05", 450.0, "2025-06-05")],
    "lost": [("needs", "2025-05-02", 60.0, "2025-05-20"), ("lost", "2025-06-30", 60.0, None)],
    "void": [("needs", "2025-05-02", 70.0, "2025-06-20"), ("invalid", "2025-06-01", 70.0, None)],
    "new": [("needs", "2025-06-01", 800.0, "2025-06-29")],
    "new, due later": [("needs", "2025-06-01", 900.0, "2025-07-29")],
    "new and won": [("needs", "2025-06-01", None, "2025-07-29"),
                    ("won", "2025-06-20", 1000.0, "2025-06-20")],
    "again": [("needs", "2025-04-01", 11.0, "2025-05-10"), ("lost", "2025-05-20", 11.0, None),
              ("proposal", "2025-06-10", 12.0, "2025-06-25")],
    "again and won": [("needs", "2025-04-01", 13.0, "2025-05-10"),
                      ("lost", "2025-05-20", 13.0, None),
                      ("won", "2025-06-10", 14.0, "2025-06-10")],
    "no date": [("needs", "2025-05-02", 15.0, None)],
    "long won": [("needs", "2025-04-02", 16.0, "2025-05-20"), ("won", "2025-05-31", 16.0, None)],
    "after": [("needs", "2025-05-02", 17.0, "2025-06-10"), ("won", "2025-07-01", 99.0, None)],
}  # fmt: skip
NO_STEP = dict.fromkeys(STEPS, (0, 0.0))
DUE = NO_STEP | {
    "start": (6, 100.0 + 200 + 300 + 60 + 70 + 17), "new": (2, 1800.0), "moved_in": (2, 900.0),
    "reopened": (2, 26.0), "increased": (0, 40.0), "decreased": (0, -100.0),
    "moved_out": (-1, -310.0), "won": (-3, -1464.0), "lost": (-1, -60.0), "invalid": (-1, -70.0),
    "end": (6, 130.0 + 150 + 400 + 800 + 12 + 17),
}  # fmt: skip
ALL = NO_STEP | {
    "start": (9, 1647.0 + 15), "new": (3, 2700.0), "reopened": (2, 26.0),
    "increased": (0, 40.0), "decreased": (0, -100.0), "won": (-3, -1464.0), "lost": (-1, -60.0),
    "invalid": (-1, -70.0), "end": (9, 2734.0),
}  # fmt: skip


def told(waterfall, view):
    rows = waterfall.steps[waterfall.steps["view"] == view]
    return {s: (d, a) for s, d, a in rows[["step", "deals", "amount"]].itertuples(index=False)}


def assert_steps(waterfall, view, expected):
    found = told(waterfall, view)
    wrong = [step for step in STEPS if found[step] != pytest.approx(expected[step])]
    assert {step: found[step] for step in wrong} == {step: expected[step] for step in wrong}


def written(folder, paths, *, quality="full", **tables):
    history = [row for rows in paths.values() for row in rows]
    given = {"deals": [deal_of(rows) for rows in paths.values()], "stage_history": history}
    return write_workspace(folder / "w", given | tables, history_quality=quality)


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory):
    paths = {name: moves(name, *entries) for name, entries in EACH.items()}
    folder = written(tmp_path_factory.mktemp("waterfall"), paths)
    return open_workspace(folder, as_of=JUNE.last)


@pytest.fixture(scope="module")
def waterfall(by_hand):
    return analyse_pipeline_waterfall(by_hand, period=JUNE)


def test_every_deal_takes_the_steps_that_it_took(waterfall):
    assert_steps(waterfall, "due", DUE)
    assert_steps(waterfall, "all", ALL)


def test_touched_counts_the_deals_whose_amount_changed(waterfall):
    rows = waterfall.steps.set_index(["view", "step"])["touched"]

    assert rows["due", "increased"] == 2
    assert rows["due", "decreased"] == 2
    assert np.isnan(rows["due", "won"])


def test_a_view_leaves_out_what_did_not_happen_and_its_path_leads_from_start_to_end(waterfall):
    path = waterfall.path("all")

    assert path["step"].tolist() == [
        "start", "new", "reopened", "increased", "decreased", "won", "lost", "invalid", "end"
    ]  # fmt: skip
    assert path["kind"].tolist() == ["level", *["change"] * 7, "level"]
    assert path["value"].iloc[:-1].sum() == pytest.approx(path["value"].iloc[-1])


def test_of_the_deals_due_it_is_known_what_became_of_them(waterfall):
    rows = waterfall.pushes.set_index("group")
    due = rows.loc["due"]

    counts = ["deals", "won", "lost", "pushed", "late", "deleted"]
    assert due[counts].tolist() == [5, 0, 1, 1, 3, 0]
    assert (due["pushed_amount"], due["late_amount"]) == (300.0, 317.0)
    assert (due["push_rate"], due["slip_rate"]) == (0.2, 0.8)
    assert due["push_days"] == (date(2025, 8, 1) - date(2025, 6, 20)).days
    assert rows.loc["overdue", counts].tolist() == [1, 0, 1, 0, 0, 0]


def test_moves_to_a_later_month_are_counted_for_each_open_deal(waterfall):
    assert dict(waterfall.repeated[["pushes", "deals"]].itertuples(index=False)) == {0: 7, 1: 2}


def test_it_says_what_it_cannot_see(waterfall):
    [said] = [f for f in waterfall.findings if f.kind == "unseen"]

    assert said.headline == {
        "en": "Not every movement can be seen. Not known: former owners, deleted deals.",
        "zh": "并非所有变动都可见。未知：以往负责人、已删除的商机。",
    }
    assert said.detail["en"].startswith("2 of 6 deals open on both days did not change stage")


def test_the_sentences_hold_the_numbers(waterfall):
    said = {f.kind: f for f in waterfall.findings}

    assert said["due"].headline["en"] == (
        "Of the pipeline due by the end of 2025-06, ¥747 at its start and ¥2.73K that came in, "
        "¥1.46K was won, ¥130 lost, ¥310 moved to later; ¥1.51K is still open."
    )
    assert said["overdue"].headline == {
        "en": "1 deal worth ¥60 was past its close date when 2025-06 began.",
        "zh": "2025-06 开始时已有 1 笔商机（¥60）超过预计成交日期。",
    }
    assert said["whole"].headline["en"] == "The open pipeline grew by 65%, from ¥1.66K to ¥2.73K."
    assert "pushed" not in said  # five deals due are too few to speak of a rate


def test_wins_are_the_bookings_and_the_end_is_the_pipeline_of_the_other_pages(by_hand, waterfall):
    deals = by_hand.table("deals")

    assert -told(waterfall, "due")["won"][1] == bookings(deals, period=JUNE)["bookings"].iloc[0]
    stages = pipeline_by_stage(deals, as_of=JUNE.last)
    assert told(waterfall, "all")["end"] == (stages["deals"].sum(), stages["amount"].sum())


# -- against the plainest loop --------------------------------------------------------------------


def state(deal, entries, day):
    """How a deal stood: (status, amount, due), None before it was created."""
    if deal["created_day"] > day:
        return None
    past = [e for e in entries if e["entered_day"] <= day]
    if past and len(past) < len(entries):
        last = past[-1]
        return last["stage_category"], last["amount"], last["expected_close_day"]
    closed_later = deal["closed_day"] == deal["closed_day"] and deal["closed_day"] > day
    return "open" if closed_later else deal["status"], deal["amount"], deal["expected_close_day"]


def plain_steps(deals, history, span, view):
    """Walk through the deals one by one and book every step."""
    first, last = span.start_day - 1, span.end_day - 1
    by_deal = defaultdict(list)
    for entry in history.sort_values(["deal_id", "seq"]).to_dict("records"):
        by_deal[entry["deal_id"]].append(entry)
    steps = {name: [0, 0.0] for name in STEPS}

    for deal in deals.to_dict("records"):
        entries = by_deal[deal["deal_id"]]
        then, now = state(deal, entries, first), state(deal, entries, last)
        if now is None:
            continue
        closed_on = deal_closed(deal, entries, last)
        was_open = then is not None and then[0] == "open"
        closes = now[0] != "open" and (was_open or first < closed_on <= last)
        for name, count, amount in walk(then, now, closes, None if view == "all" else last):
            steps[name][0] += count
            steps[name][1] += amount
    return {name: tuple(value) for name, value in steps.items()}


def walk(then, now, closes, last):
    """Yield the steps of one deal, given how it stood on both days."""
    inside = [s is not None and s[0] == "open" and (last is None or s[2] <= last)
              for s in (then, now)]  # fmt: skip
    old = 0.0 if then is None or then[1] != then[1] else then[1]
    new = 0.0 if now[1] != now[1] else now[1]
    if not inside[0] and not inside[1] and not closes:
        return
    if then is None or then[0] != "open":
        yield "new" if then is None else "reopened", 1, new
    else:
        yield "start" if inside[0] else "moved_in", 1, old
        yield "increased" if new > old else "decreased", 0, new - old
    if inside[1]:
        yield "end", 1, new
    else:
        yield now[0] if now[0] != "open" else "moved_out", -1, -new


def deal_closed(deal, entries, day):
    past = [e for e in entries if e["entered_day"] <= day]
    return past[-1]["entered_day"] if 0 < len(past) < len(entries) else deal["closed_day"]


def plain(workspace, name):
    frame = workspace.store.read(name).collect(backend="pandas").to_native()
    return frame.astype({c: "float64" for c in frame if c.endswith("_day")})


@pytest.fixture(scope="module")
def world():
    """A year of a company with pushes, back moves, re-openings and missing amounts."""
    company = simulate(World(export_on=date(2025, 6, 10), leads_per_month=120, seed=4))
    frames = canonical.tables(company)
    chosen = {name: frames[name] for name in ("deals", "stage_history")}
    return workspace_of(chosen, date(2025, 6, 10))


@pytest.fixture(scope="module")
def demo():
    return open_workspace(demo_workspace())


@pytest.mark.parametrize("label", ["2025-Q1", "2025-W20"])
def test_it_equals_a_loop_over_the_deals_of_a_simulated_company(world, label):
    span = period(label)
    found = analyse_pipeline_waterfall(world, period=span)

    deals, history = plain(world, "deals"), plain(world, "stage_history")
    for view in ("due", "all"):
        assert_steps(found, view, plain_steps(deals, history, span, view))


@pytest.mark.parametrize("label", ["2025-09"])
def test_it_equals_a_loop_over_the_deals_of_the_demo(demo, label):
    span = period(label)
    found = analyse_pipeline_waterfall(demo, period=span)

    deals, history = plain(demo, "deals"), plain(demo, "stage_history")
    assert_steps(found, "due", plain_steps(deals, history, span, "due"))
    assert_steps(found, "all", plain_steps(deals, history, span, "all"))


@pytest.mark.parametrize("seed", range(3))
def test_it_equals_the_loop_on_histories_that_no_company_would_have(seed):
    rng = np.random.default_rng(seed)
    paths = {}
    for number in range(150):
        day = date(2025, 4, 1) + timedelta(days=int(rng.integers(0, 90)))
        entries = []
        for _ in range(rng.integers(1, 7)):
            amount = None if rng.random() < 0.2 else float(rng.integers(-5, 100))
            due = None if rng.random() < 0.2 else day + timedelta(days=int(rng.integers(-30, 60)))
            entries.append((str(rng.choice(list(STAGES))), str(day), amount, due and str(due)))
            day += timedelta(days=int(rng.integers(0, 25)))
        paths[f"D{number}"] = moves(f"D{number}", *entries)
    frames = {
        "deals": pd.DataFrame([deal_of(rows) for rows in paths.values()]),
        "stage_history": pd.DataFrame([row for rows in paths.values() for row in rows]),
    }
    workspace = workspace_of(frames, date(2025, 9, 30))  # fmt: skip

    found = analyse_pipeline_waterfall(workspace, period=JUNE)

    deals, history = plain(workspace, "deals"), plain(workspace, "stage_history")
    for view in ("due", "all"):
        assert_steps(found, view, plain_steps(deals, history, JUNE, view))


def test_one_period_ends_where_the_next_begins(demo):
    august = analyse_pipeline_waterfall(demo, period=period("2025-08"))
    september = analyse_pipeline_waterfall(demo, period=period("2025-09"))

    assert told(august, "all")["end"] == pytest.approx(told(september, "all")["start"])
    assert september.trend.iloc[-2][["deals", "pushed"]].tolist() == (
        august.pushes.set_index("group").loc["due", ["deals", "pushed"]].tolist()
    )


# -- dated exports --------------------------------------------------------------------------------


def export(day, *deals):
    return [
        {"snapshot_on": day, "deal_id": name, "stage": "needs", "stage_category": status,
         "amount": amount, "expected_close_on": due, "owner_id": owner}
        for name, status, amount, due, owner in deals
    ]  # fmt: skip


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Two exports of open deals; none of the changes moved a stage."""
    snapshots = [
        *export("2025-05-29",
                ("handed over", "open", 100.0, "2025-06-20", "R2"),
                ("resized", "open", 200.0, "2025-06-20", "R1"),
                ("moved", "open", 300.0, "2025-06-20", "R1"),
                ("vanished", "open", 400.0, "2025-06-20", "R1"),
                ("sold", "open", 500.0, "2025-06-20", "R1")),
        *export("2025-06-30",
                ("handed over", "open", 100.0, "2025-06-20", "R1"),
                ("resized", "open", 250.0, "2025-06-20", "R1"),
                ("moved", "open", 300.0, "2025-07-01", "R1")),
    ]  # fmt: skip
    now = {"handed over": 100.0, "resized": 250.0, "moved": 300.0}
    deals = [
        {
            "deal_id": name,
            "stage": "needs",
            "status": "open",
            "amount": amount,
            "created_at": "2025-01-01",
            "owner_id": "R1",
        }
        for name, amount in now.items()
    ]
    deals.append(
        {
            "deal_id": "sold",
            "stage": "won",
            "status": "won",
            "amount": 480.0,
            "created_at": "2025-01-01",
            "closed_at": "2025-06-15",
            "owner_id": "R1",
        }
    )
    folder, tables = tmp_path_factory.mktemp("s") / "w", {"deals": deals, "snapshots": snapshots}
    return write_workspace(folder, tables, history_quality="none")


def test_dated_exports_show_changes_without_a_change_of_stage(exported):
    found = analyse_pipeline_waterfall(open_workspace(exported, as_of=JUNE.last), period=JUNE)

    assert (found.first, found.last) == (date(2025, 5, 29), JUNE.last)
    assert_steps(
        found,
        "due",
        NO_STEP
        | {"start": (5, 1500.0), "increased": (0, 50.0), "decreased": (0, -20.0),
           "moved_out": (-1, -300.0), "won": (-1, -480.0), "deleted": (-1, -400.0),
           "end": (2, 350.0)},
    )  # fmt: skip
    assert [f for f in found.findings if f.kind == "unseen"] == []


def test_a_rep_takes_over_what_another_owned_when_the_period_began(exported):
    mine = open_workspace(exported, as_of=JUNE.last, scope="rep=R1")

    found = analyse_pipeline_waterfall(mine, period=JUNE)

    assert told(found, "due")["reassigned"] == (1, 100.0)
    # what vanished is in nobody's deals any more, so that one rep's view does not hold it
    assert told(found, "due")["start"] == (3, 1000.0)
    assert told(found, "due")["end"] == (2, 350.0)


def test_exports_too_old_for_the_day_are_not_taken_for_it(exported):
    july = period("2025-08")
    late = open_workspace(exported, as_of=date(2025, 9, 1))

    assert not analyse_pipeline_waterfall(late, period=july).known.snapshots


@pytest.mark.parametrize("on", ["1970-01-01", "1999-12-31", "2000-02-29", "2024-12-31",
                                "2025-03-01", "2100-03-01"])  # fmt: skip
def test_days_of_an_export_are_counted_as_everywhere(tmp_path, on):
    snapshots = export("2025-05-31", ("a", "open", 1.0, on, "R1"))
    snapshots += export("2025-06-30", ("a", "open", 1.0, on, "R1"))
    deals = [{"deal_id": "a", "stage": "needs", "status": "open", "created_at": "2025-01-01"}]
    folder = write_workspace(tmp_path / "w", {"deals": deals, "snapshots": snapshots})
    opened = open_workspace(folder, as_of=JUNE.last)

    states = Past(opened).between(date(2025, 5, 31), JUNE.last)

    rows = states.frame.collect(backend="pandas").to_native()
    assert rows[["due_0", "due_1"]].iloc[0].tolist() == [day_number(date.fromisoformat(on))] * 2


# -- what is missing ------------------------------------------------------------------------------


def test_without_history_openings_and_closings_are_told_and_pushes_are_not(tmp_path):
    deals = [
        {"deal_id": "a", "stage": "needs", "status": "open", "amount": 10.0,
         "created_at": "2025-05-01", "expected_close_on": "2025-08-01"},
        {"deal_id": "b", "stage": "won", "status": "won", "amount": 20.0,
         "created_at": "2025-05-01", "closed_at": "2025-06-05"},
        {"deal_id": "c", "stage": "needs", "status": "open", "amount": 30.0,
         "created_at": "2025-06-05"},
    ]  # fmt: skip
    folder = write_workspace(tmp_path / "w", {"deals": deals}, history_quality="none")
    found = analyse_pipeline_waterfall(open_workspace(folder, as_of=JUNE.last), period=JUNE)

    expected = {"start": (2, 30.0), "new": (1, 30.0), "won": (-1, -20.0), "end": (2, 40.0)}
    assert_steps(found, "all", NO_STEP | expected)
    assert found.pushes.empty
    assert {f.kind for f in found.findings} == {"whole", "unseen"}
    [unseen] = [f for f in found.findings if f.kind == "unseen"]
    assert "former amounts, former close dates, former owners" in unseen.headline["en"]


def test_a_history_without_amounts_takes_the_later_ones(tmp_path):
    rows = moves("a", ("needs", "2025-05-02", None, "2025-06-20"),
                 ("proposal", "2025-06-05", None, "2025-07-20"))  # fmt: skip
    deal = deal_of(rows) | {"amount": 50.0}
    tables = {"deals": [deal], "stage_history": rows}
    folder = write_workspace(tmp_path / "w", tables)
    found = analyse_pipeline_waterfall(open_workspace(folder, as_of=JUNE.last), period=JUNE)

    assert told(found, "due")["start"] == (1, 50.0)
    assert told(found, "due")["moved_out"] == (-1, -50.0)


def test_before_the_data_begins_there_is_nothing_to_follow(by_hand):
    found = analyse_pipeline_waterfall(by_hand, period=period("2025-03"))

    assert found.steps.empty
    assert found.findings == []
    assert analyse_pipeline_waterfall(by_hand, period=period("2025-07")).steps.empty


def test_a_status_that_is_none_is_refused(tmp_path):
    deals = [{"deal_id": "a", "stage": "needs", "status": "paused", "amount": 5.0,
              "created_at": "2025-05-01", "closed_at": "2025-06-05"}]  # fmt: skip
    folder = write_workspace(tmp_path / "w", {"deals": deals}, history_quality="none")

    with pytest.raises(DataError, match=r"miss its end by 1 deals and 5\.00: a deal's status is"):
        analyse_pipeline_waterfall(open_workspace(folder, as_of=JUNE.last), period=JUNE)


def test_while_a_period_runs_it_is_followed_to_the_day_that_is_known():
    opened, september = open_period(demo_workspace(), "2025-09", as_of="2025-09-15")

    found = analyse_pipeline_waterfall(opened, period=september)

    assert found.last == date(2025, 9, 15)
    end = pipeline_by_stage(opened.table("deals"), as_of=found.last)
    assert told(found, "all")["end"] == (end["deals"].sum(), pytest.approx(end["amount"].sum()))


def test_open_deals_without_amounts_are_counted_and_not_called_a_shrinking_pipeline(tmp_path):
    """Some CRMs hold an amount from the closing on: what is open now is worth nobody knows what."""
    deals = [
        {"deal_id": f"w{n}", "stage": "won", "status": "won", "amount": 100.0,
         "created_at": "2025-05-01", "closed_at": "2025-06-10"}
        for n in range(3)
    ] + [
        {"deal_id": f"o{n}", "stage": "needs", "status": "open", "created_at": "2025-05-01"}
        for n in range(4)
    ]  # fmt: skip
    path = write_workspace(tmp_path / "w", {"deals": deals}, history_quality="none")
    opened, june = open_period(path, "2025-06")
    (whole,) = (
        f for f in analyse_pipeline_waterfall(opened, period=june).findings if f.kind == "whole"
    )

    assert whole.headline["en"] == (
        "7 deals were open, now 4; what they are worth is not known: no open deal has an amount."
    )
    assert whole.headline["zh"].startswith("进行中的商机由 7 笔变为 4 笔")
