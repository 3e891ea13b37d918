"""The traps of sales figures, each with the naive figure that falls into it."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from metrics.tables import entry, history_frame

from salesops_kit.errors import ParameterError
from salesops_kit.metrics import bookings as sold
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.funnel import (
    dwell_counts,
    reached_or_passed,
    stage_entries,
    stage_flow,
    transitions,
)
from salesops_kit.metrics.leads import lead_conversion, lead_conversion_counts
from salesops_kit.metrics.modes import stage_modes
from salesops_kit.metrics.pipeline import pipeline_by_stage
from salesops_kit.metrics.velocity import sales_velocity
from salesops_kit.metrics.visits import visits
from salesops_kit.metrics.wins import (
    cohort_exits,
    win_rate,
    win_rate_by_amount,
    win_rate_created,
    win_rate_stale_adjusted,
)
from salesops_kit.models.survival import aalen_johansen, kaplan_meier, share_within
from salesops_kit.periods import FiscalCalendar, day_number, period, period_containing

AUGUST = period("2025-08")
START = day_number(date(2025, 8, 1))
DAY = 86_400
COLUMNS = {
    "deal_id": object, "status": object, "amount": "float64", "probability": "float64",
    "created_day": "Int64", "closed_day": "Int64", "expected_close_day": "Int64",
    "owner_id": object, "stage": object, "stage_rank": "Int64", "is_deleted": bool,
}  # fmt: skip


def deals(*rows):
    given = [
        {"deal_id": f"D{n}", "amount": 100.0, "probability": None, "created_day": START - 30,
         "closed_day": None if row.get("status", "open") == "open" else START,
         "expected_close_day": None, "owner_id": "R1", "stage": "needs", "stage_rank": 30,
         "status": "open", "is_deleted": False} | row
        for n, row in enumerate(rows)
    ]  # fmt: skip
    return pd.DataFrame(given).astype(COLUMNS)


def way(deal, *steps):
    return [entry(deal, n + 1, stage, (START + day) * DAY + 36_000)
            for n, (stage, day) in enumerate(steps)]  # fmt: skip


def stays(*ways, as_of=date(2025, 8, 31), known=None):
    history = history_frame([step for one in ways for step in one])
    return visits(history, known, as_of=as_of)


def one(table, column):
    assert len(table) == 1
    return table[column].iloc[0]


# 1 survivorship
def test_deals_left_open_flatter_the_closed_win_rate_and_the_figure_beside_it_says_so():
    old = {"status": "open", "created_day": START - 400}
    table = deals({"status": "won"}, {"status": "lost"}, *[old] * 8)

    plain = win_rate(table, period=AUGUST)
    adjusted = win_rate_stale_adjusted(table, period=AUGUST)

    assert one(plain, "win_rate") == 0.5
    assert one(plain, "old_open") == 8
    assert one(adjusted, "win_rate") == 1 / 10


# 1 and 15: censoring
def test_the_share_won_of_a_young_cohort_does_not_count_open_deals_as_failures():
    won = [{"status": "won", "created_day": START, "closed_day": START + 10}] * 2
    lost = [{"status": "lost", "created_day": START, "closed_day": START + 10}] * 2
    young = [{"status": "open", "created_day": START + 25}] * 6
    table = deals(*won, *lost, *young)

    naive = win_rate_created(table, period=AUGUST)
    counts = cohort_exits(table, period=AUGUST, as_of=AUGUST.last)
    curve = aalen_johansen(counts, event="won", competing=["lost", "invalid"], waiting="still_open")

    assert one(naive, "win_rate") == 0.2
    assert one(naive, "still_open") == 6
    assert share_within(curve, 10).value == 0.5


# 2 cohort against snapshot
def test_a_stage_is_counted_by_entries_in_the_period_not_by_who_stands_there_now():
    history = [way("D1", ("prospecting", -60), ("needs", 3), ("proposal", 20)),
               way("D2", ("prospecting", 2), ("needs", 5), ("lost", 9))]  # fmt: skip
    table = stage_entries(stays(*history), period=AUGUST).set_index("stage")

    now = collect(stays(*history))
    created = now[(now["seq"] == 1) & now["entered_day"].ge(START)]["deal_id"]
    naive = now[now["deal_id"].isin(created) & now["exit_type"].eq("open")]["stage"]
    assert table.loc["needs", "entries"] == 2
    assert naive.eq("needs").sum() == 0


# 3 reopened deals
def test_a_reopened_deal_keeps_its_first_loss_in_history_and_closes_in_the_later_period():
    history = way("D1", ("needs", -40), ("lost", -20), ("needs", 2), ("won", 12))
    moves = transitions(stays(history), period=period("2025-07"))

    assert moves[["stage", "next_stage", "exit_type"]].to_numpy().tolist() == [
        ["needs", "lost", "lost"]
    ]
    again = transitions(stays(history), period=AUGUST)
    assert again["exit_type"].tolist() == ["won", "back"]
    # once, in August: a count of every closing would have it lost and won
    final = deals({"status": "won", "closed_day": START + 12})
    assert one(win_rate(final, period=AUGUST), "closed") == 1
    assert one(win_rate(final, period=period("2025-07")), "closed") == 0


# 4 skips and back moves
def test_skipped_stages_are_passed_and_back_moves_count_once_per_deal():
    history = [way("D1", ("prospecting", 0), ("proposal", 1)),
               way("D2", ("prospecting", 0), ("needs", 1), ("prospecting", 2), ("needs", 3)),
               way("D3", ("prospecting", 0), ("needs", 1))]  # fmt: skip
    reached = reached_or_passed(stays(*history), period=AUGUST).set_index("stage")
    entries = stage_entries(stays(*history), period=AUGUST).set_index("stage")

    assert reached.loc["needs", ["cohort", "reached", "visited"]].tolist() == [3, 3, 2]
    assert reached.loc["needs", "skipped_rate"] == 1 / 3
    assert entries.loc["needs", ["entries", "deals", "returns"]].tolist() == [3, 2, 1]


def test_four_ways_to_count_differ_by_what_the_steps_between_them_say():
    history = [way("D1", ("prospecting", 0), ("needs", 1), ("prospecting", 2), ("needs", 3)),
               way("D2", ("prospecting", 0), ("proposal", 1)),
               way("D3", ("prospecting", 0), ("needs", 1), ("lost", 2), ("needs", 5)),
               way("D4", ("prospecting", -40), ("needs", 4), ("proposal", 6)),
               way("D5", ("prospecting", 0), ("needs", 1), ("proposal", 40))]  # fmt: skip
    found = stage_modes(stays(*history, as_of=date(2025, 9, 30)), period=AUGUST)
    needs, proposal = (found.set_index("stage").loc[stage] for stage in ("needs", "proposal"))

    # every entry: D1 twice, D3 twice, D4, D5; first entries: one each
    assert needs[["entries", "again", "again_reopened", "first_entries"]].tolist() == [6, 1, 1, 4]
    # D4 began in June; D2 passed the stage over
    assert needs[["begun_earlier", "visited", "passed_over", "reached"]].tolist() == [1, 3, 1, 4]
    assert needs[["off_skipped", "off_back", "off_reopened", "strict"]].tolist() == [0, 0, 0, 3]
    # D2 came by a skip, D5 step by step but in September
    assert proposal[["entries", "entered_later", "visited"]].tolist() == [2, 1, 2]
    assert proposal[["off_skipped", "strict"]].tolist() == [1, 1]
    # "whose stage is needs today" forgets D5, which moved on
    assert needs["stands_now"] == 2


# 5 merged and deleted deals
def test_deleted_deals_are_in_no_figure():
    table = deals({"status": "won"}, {"status": "won", "is_deleted": True},
                  {"status": "open", "is_deleted": True})  # fmt: skip

    assert table["status"].eq("won").sum() == 2
    assert one(win_rate(table, period=AUGUST), "won") == 1
    assert one(win_rate(table, period=AUGUST), "open") == 0
    assert one(sold.bookings(table, period=AUGUST), "bookings") == 100


def test_visits_of_deals_that_are_gone_are_in_no_figure():
    history = [way("D1", ("needs", 1)), way("GONE", ("needs", 1))]
    known = deals({"deal_id": "D1"})

    kept = stage_entries(stays(*history, known=known), period=AUGUST)

    assert one(kept, "entries") == 1
    assert one(stage_entries(stays(*history), period=AUGUST), "entries") == 2


# 6 labels against categories
def test_what_is_won_is_told_by_the_category_not_by_the_name_of_the_stage():
    table = deals({"status": "won", "stage": "contractsent"}, {"status": "lost", "stage": "won"})

    assert table["stage"].eq("won").sum() == 1
    assert one(win_rate(table, period=AUGUST), "win_rate") == 0.5
    won = history_frame(way("D1", ("needs", 1), ("won", 2))).replace({"won": "contractsent"})
    won.loc[1, "stage_category"] = "won"
    found = collect(visits(won, as_of=AUGUST.last), ["seq"])
    assert found["exit_type"].tolist() == ["won", "open"]


# 8 currency, one policy: missing amounts
def test_an_amount_that_could_not_be_converted_is_missing_not_zero():
    table = deals({"status": "won"}, {"status": "won", "amount": None}, {"status": "open",
                  "amount": None})  # fmt: skip
    found = sold.average_deal_size(table, period=AUGUST)

    assert table["amount"].fillna(0)[table["status"] == "won"].mean() == 50
    assert one(found, "average_deal_size") == 100
    assert found.attrs["excluded"]["won_without_amount"] == 1
    assert np.isnan(one(pipeline_by_stage(table, as_of=AUGUST.last), "amount"))


def test_bookings_are_missing_when_no_deal_won_has_an_amount_and_zero_when_none_was_won():
    unknown = deals({"status": "won", "amount": None})

    assert np.isnan(one(sold.bookings(unknown, period=AUGUST), "bookings"))
    assert one(sold.bookings(unknown, period=period("2024-08")), "bookings") == 0


# 9 edges of periods
def test_the_day_after_the_period_is_outside_it_and_weeks_start_where_the_company_says():
    table = deals({"status": "won", "closed_day": AUGUST.end_day},
                  {"status": "won", "closed_day": AUGUST.end_day - 1})  # fmt: skip
    assert one(sold.bookings(table, period=AUGUST), "won") == 1

    sunday = deals({"status": "won", "closed_day": day_number(date(2025, 8, 10))})
    later, day = date(2025, 8, 20), date(2025, 8, 11)
    monday_week = period_containing(day, "week")
    sunday_week = period_containing(day, "week", FiscalCalendar(week_start=6))
    assert one(sold.bookings(sunday, period=monday_week, as_of=later), "won") == 0
    assert one(sold.bookings(sunday, period=sunday_week, as_of=later), "won") == 1


# 12 null is not "not equal"
def test_groups_without_a_name_stay_and_empty_is_not_missing():
    table = deals({"status": "won", "owner_id": None}, {"status": "won", "owner_id": ""},
                  {"status": "lost"})  # fmt: skip

    found = win_rate(table, period=AUGUST, by=["owner_id"])

    assert found["owner_id"].tolist() == ["", "R1", None]
    assert found["closed"].sum() == 3
    assert table.groupby("owner_id")["status"].size().sum() == 2  # what pandas does by default


def test_an_unknown_flag_is_no_deletion():
    table = deals({"status": "won"}, {"status": "won"}).astype({"is_deleted": object})
    table.loc[0, "is_deleted"] = None

    assert one(win_rate(table, period=AUGUST), "won") == 2


# 13 junk in picklists
def test_an_unmapped_value_is_a_group_of_its_own():
    table = deals({"owner_id": "R1"}, {"owner_id": "r1 "}, {"owner_id": None})

    found = pipeline_by_stage(table, as_of=AUGUST.last, by=["owner_id"])

    assert found["owner_id"].tolist() == ["R1", "r1 ", None]


# 14 bulk updates
def test_a_bulk_update_is_marked_and_one_of_the_same_size_spread_over_the_day_is_not():
    at_once = [entry(f"D{n}", 1, "needs", START * DAY + 36_000 + n, changed_by="U")
               for n in range(30)]  # fmt: skip
    spread = [entry(f"E{n}", 1, "needs", START * DAY + 60 * n + 1, changed_by="U")
              for n in range(30)]  # fmt: skip
    found = collect(visits(history_frame(at_once + spread), as_of=AUGUST.last), ["deal_id"])

    assert found.groupby("is_bulk")["deal_id"].min().to_dict() == {False: "E0", True: "D0"}
    assert found["is_bulk"].sum() == 30


# 15 right-censored recent weeks
def test_the_stay_of_those_still_waiting_counts():
    gone = [way(f"D{n}", ("needs", 0), ("proposal", 2)) for n in range(5)]
    waiting = [way(f"W{n}", ("needs", 0)) for n in range(5)]
    found = stays(*gone, *waiting)

    counts = dwell_counts(found, period=AUGUST, as_of=AUGUST.last)
    needs = counts[counts["stage"] == "needs"]
    curve = kaplan_meier(needs, ended="ended", waiting="still_open")

    finished = collect(found).query("stage == 'needs'").dropna(subset="exited_day")
    assert (finished["exited_day"] - finished["entered_day"]).mean() == 2
    assert curve["staying"].tolist() == [0.5, 0.5]
    assert needs["age_days"].tolist() == [2, 30]


def test_leads_of_last_week_do_not_spoil_the_conversion():
    rows = [{"lead_id": f"L{n}", "created_day": START, "converted_day": START + 5,
             "is_converted": True, "assigned_day": START} for n in range(5)]  # fmt: skip
    rows += [{"lead_id": f"Y{n}", "created_day": START + 29, "converted_day": None,
              "is_converted": False, "assigned_day": None} for n in range(5)]  # fmt: skip
    table = pd.DataFrame(rows).astype({"converted_day": "Int64", "assigned_day": "Int64"})

    counts = lead_conversion_counts(table, period=AUGUST, as_of=AUGUST.last)
    curve = aalen_johansen(counts, event="converted", waiting="waiting")

    naive = lead_conversion(table, period=AUGUST, as_of=AUGUST.last)
    assert one(naive, "conversion_rate") == 0.5
    assert share_within(curve, 5).value == 1


# 15 and the future
def test_what_was_closed_after_the_day_was_still_open_on_it():
    table = deals({"status": "won", "closed_day": START + 40}, {"status": "won"})

    found = win_rate(table, period=period("2025"), as_of=AUGUST.last)

    assert table["status"].eq("won").sum() == 2
    assert (one(found, "won"), one(found, "open")) == (1, 1)
    assert one(pipeline_by_stage(table, as_of=AUGUST.last), "deals") == 1
    assert pipeline_by_stage(table, as_of=AUGUST.last)["stage"].tolist() == [None]


# 16 backfilled steps
def test_steps_filled_in_within_a_minute_are_advances_but_no_stays():
    filled = [entry("D1", n + 1, stage, START * DAY + 36_000 + n)
              for n, stage in enumerate(["prospecting", "qualification", "needs"])]  # fmt: skip
    real = way("D2", ("prospecting", 0), ("qualification", 10))
    found = stays(filled, real)

    counts = dwell_counts(found, period=AUGUST, as_of=AUGUST.last)
    flow = stage_flow(found, period=AUGUST).set_index("stage")

    assert flow.loc["prospecting", "advanced"] == 2
    prospecting = counts[counts["stage"] == "prospecting"]
    assert prospecting["age_days"].tolist() == [10]
    assert counts.attrs["excluded"] == {"passing": 2}


# 18 lost is not inactive
def test_a_rate_with_no_losses_in_sight_shows_how_little_it_rests_on():
    found = win_rate(deals({"status": "won"}, {"status": "won"}), period=AUGUST)

    assert one(found, "win_rate") == 1
    assert one(found, "closed") == 2
    assert one(found, "lower") < 0.5


# 19 auto-filled close dates
def test_an_open_deal_past_its_expected_close_is_overdue_not_closed():
    table = deals({"status": "open", "expected_close_day": START})

    found = pipeline_by_stage(table, as_of=AUGUST.last)

    assert one(found, "overdue") == 1
    assert one(win_rate(table, period=AUGUST), "closed") == 0
    assert one(found, "overdue_amount") == 100


# 20 small samples
def test_two_wins_out_of_two_say_less_than_thirty_out_of_forty():
    star = [{"status": "won", "owner_id": "star"}] * 2
    solid = [{"status": "won", "owner_id": "solid"}] * 30 + [
        {"status": "lost", "owner_id": "solid"}] * 10  # fmt: skip
    found = win_rate(deals(*star, *solid), period=AUGUST, by=["owner_id"]).set_index("owner_id")

    assert found["win_rate"].idxmax() == "star"
    assert found["lower"].idxmax() == "solid"


# 22 changes of owner
def test_a_visit_belongs_to_the_owner_at_entry_not_to_todays():
    history = [entry("D1", 1, "needs", START * DAY + 1, owner_id="LEFT"),
               entry("D1", 2, "proposal", (START + 9) * DAY, owner_id="NEW")]  # fmt: skip
    known = deals({"deal_id": "D1", "owner_id": "NEW"})
    found = visits(history_frame(history), known, as_of=AUGUST.last, dimensions=["owner_id"])

    flow = stage_flow(found, period=AUGUST, by=["owner_id"])

    assert flow[["owner_id", "stage"]].to_numpy().tolist() == [
        ["LEFT", "needs"], ["NEW", "proposal"],
    ]  # fmt: skip
    assert reached_or_passed(found, period=AUGUST, by=["owner_id"])["owner_id"].unique() == ["LEFT"]


# 23 joins across grain
def test_a_deal_with_three_lines_is_one_deal():
    table = deals({"status": "won"}, {"status": "won"})
    lines = pd.DataFrame({"deal_id": ["D0", "D0", "D0"], "quantity": [1.0, 2.0, None]})

    found = sold.volume(table, lines, period=AUGUST)

    assert len(table.merge(lines, on="deal_id", how="left")) == 4
    assert (one(found, "won"), one(found, "units")) == (2, 3)
    assert found.attrs["excluded"]["won_without_units"] == 1


# 24 who is in the denominator
def test_groups_that_closed_nothing_have_no_rate_and_do_not_pull_the_whole_down():
    table = deals({"status": "won", "owner_id": "seller"}, {"status": "open", "owner_id": "admin"})

    found = win_rate(table, period=AUGUST, by=["owner_id"]).set_index("owner_id")

    assert np.isnan(found.loc["admin", "win_rate"])
    assert found["win_rate"].mean() == 1
    assert found["win_rate"].fillna(0).mean() == 0.5  # what a zero would do


# amounts of lost deals are rarely filled
def test_a_missing_amount_lost_does_not_make_the_rate_by_amount_nothing():
    table = deals({"status": "won"}, {"status": "lost", "amount": None}, {"status": "won"})

    found = win_rate_by_amount(table, period=AUGUST)

    assert one(found, "win_rate") == 1
    assert found.attrs["excluded"]["without_amount"] == 1


# whose cycle
def test_velocity_takes_the_cycle_of_all_closed_deals_not_of_the_quick_wins():
    won = {"status": "won", "created_day": START - 10}
    lost = {"status": "lost", "created_day": START - 90}
    found = sales_velocity(deals(won, lost, {"status": "open"}), period=AUGUST)

    assert one(found, "cycle_days") == 50
    assert one(found, "sales_velocity") == pytest.approx(1 * 0.5 * 100 / 50)


# negative durations
def test_a_deal_closed_before_it_was_created_has_no_cycle_and_is_counted():
    table = deals({"status": "won", "created_day": START + 9, "closed_day": START},
                  {"status": "won", "created_day": START, "closed_day": START + 4})  # fmt: skip
    found = sales_velocity(table, period=AUGUST)

    assert (table["closed_day"] - table["created_day"]).mean() < 0
    assert one(found, "cycle_days") == 4
    assert found.attrs["excluded"]["without_cycle"] == 1


def test_a_dimension_that_does_not_exist_is_refused_not_ignored():
    with pytest.raises(ParameterError, match="deals has no column 'planet'; it has deal_id"):
        win_rate(deals({}), period=AUGUST, by=["planet"])
