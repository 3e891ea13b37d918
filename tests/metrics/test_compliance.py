"""Rules of the process: every kind by hand, and a plain loop over random histories."""

from datetime import date, timedelta

import duckdb
import numpy as np
import pandas as pd
import pytest
from metrics.tables import (
    FIRST_DAY,
    as_frame,
    entry,
    history_frame,
    parquet,
    random_histories,
)
from metrics.visit_oracle import visits_of

from salesops_kit.errors import ParameterError
from salesops_kit.metrics.compliance import Rule, fields_to_carry, rule_checks, rule_compliance
from salesops_kit.metrics.visits import VisitRules, visits
from salesops_kit.periods import EPOCH, Period

DAY = 86_400
FROM = EPOCH + timedelta(days=FIRST_DAY)
TODAY = FROM + timedelta(days=60)
ALWAYS = Period("all", FROM - timedelta(days=99), TODAY, "month")
RANKS = VisitRules(open_ranks=(10, 20, 30, 60, 70))
PATH = ("needs", "proposal", "contract", "won")


def history(*paths):
    """Deals D0, D1 …, each as (stage, day of entry) pairs."""
    return history_frame(
        [
            entry(f"D{deal}", seq, stage, (FIRST_DAY + day) * DAY + 3600)
            for deal, path in enumerate(paths)
            for seq, (stage, day) in enumerate(path, start=1)
        ]
    )


def deals(count, **columns):
    known = pd.DataFrame({"deal_id": [f"D{n}" for n in range(count)]})
    return known.assign(amount=np.nan, owner_id="R1", **columns)


def activity(deal, kind, day):
    return {"deal_id": deal, "type": kind, "happened_day": FIRST_DAY + day}


def checked(entries, known, rule, activities=None, today=TODAY):
    stays = visits(
        entries, known, as_of=today, dimensions=fields_to_carry([rule]), rules=RANKS
    )  # fmt: skip
    done = None if activities is None else pd.DataFrame(activities)
    found = rule_checks(stays, done, rules=[rule], as_of=today)
    table = found.collect(backend="pandas").to_native().sort_values(["deal_id", "seq"])
    return list(zip(table["deal_id"], table["stage"], table["kept"], strict=True))


def test_an_activity_must_happen_during_the_stay_and_on_the_deal():
    entries = history(
        *[[("needs", 0), ("proposal", 10), ("lost", 20)] for _ in range(4)], [("proposal", 0)]
    )
    done = [activity("D0", "Visit", 10), activity("D1", "visit", 9), activity("D1", "call", 12),
            activity("D2", "visit", 20), activity(None, "visit", 15)]  # fmt: skip

    found = checked(entries, deals(5), Rule("S", "activity", "proposal", requires="visit"), done)

    # D4 still stands there: not judged yet
    assert found == [
        ("D0", "proposal", 1), ("D1", "proposal", 0), ("D2", "proposal", 1), ("D3", "proposal", 0)
    ]  # fmt: skip


def test_an_approval_is_one_of_the_role_or_person_asked_for_during_the_stay():
    entries = history(*[[("contract", day), ("won", day + 5)] for day in (0, 0, 0, 0, 30)])
    by = (("D0", "R9", "Manager", 4), ("D1", "R1", "rep", 4), ("D2", "R9", "manager", 6),
          ("D3", "M7", None, 1), ("D4", "R1", "rep", 31))  # fmt: skip
    done = [activity(deal, "审批", day) | {"owner_id": who, "owner_role": role}
            for deal, who, role, day in by]  # fmt: skip
    words = ("approval", "审批")

    def kept(**more):
        rule = Rule("S", "approval", "contract", same_as=words, **more)
        return [row[2] for row in checked(entries, deals(5), rule, done)]

    assert kept(requires="manager") == [1, 0, 0, 0, 0]
    assert kept(requires="M7") == [0, 0, 0, 1, 0]
    # in force from the tenth day on: only the last deal came under it
    assert kept(first_day=FIRST_DAY + 10) == [1]
    assert kept(last_day=FIRST_DAY + 10) == [1, 1, 0, 1]


def test_a_field_must_be_filled_and_an_empty_text_is_not():
    entries = history(*[[("needs", 0), ("lost", 20)] for _ in range(3)])

    found = checked(entries, deals(3, next_step=["call", "", None]),
                    Rule("S", "field", "needs", requires="next_step"))  # fmt: skip

    assert [kept for _, _, kept in found] == [1, 0, 0]


def test_no_stage_may_be_skipped_by_who_goes_on():
    entries = history(
        [("needs", 0), ("contract", 5), ("won", 9)], [("needs", 0), ("proposal", 5)],
        [("needs", 0), ("lost", 5)], [("needs", 0), ("qualification", 5)],
    )  # fmt: skip

    found = checked(entries, deals(4), Rule("S", "order"))

    assert found == [("D0", "needs", 0), ("D0", "contract", 1), ("D1", "needs", 1)]


def test_a_stage_may_have_to_come_before_another():
    entries = history(
        [("needs", 0), ("proposal", 5), ("lost", 9)], [("proposal", 5), ("needs", 6), ("lost", 9)]
    )

    found = checked(entries, deals(2), Rule("S", "order", "proposal", requires="needs"))

    assert found == [("D0", "proposal", 1), ("D1", "proposal", 0)]


def test_a_longest_stay_is_judged_when_the_time_is_over_not_before():
    entries = history(
        [("proposal", 0), ("lost", 28)], [("proposal", 0), ("lost", 29)], [("proposal", 0)],
        [("proposal", 40), ("lost", 41)], [("proposal", 31), ("lost", 33)],
    )  # fmt: skip

    found = checked(entries, deals(5), Rule("S", "max_dwell", "proposal", max_dwell_days=28.0))

    # D3, begun 20 days ago, was quick, but slow ones of its age cannot be told yet
    assert found == [
        ("D0", "proposal", 1), ("D1", "proposal", 0), ("D2", "proposal", 0), ("D4", "proposal", 1)
    ]  # fmt: skip


def test_a_rule_applies_only_in_force_and_in_its_pipeline():
    entries = history(*[[("needs", day), ("lost", day + 1)] for day in (0, 5, 6, 7)])
    known = deals(4, pipeline=["new", "new", "old", "new"])
    rule = Rule("S", "order", "needs", "new", "proposal", first_day=FIRST_DAY + 5,
                last_day=FIRST_DAY + 6)  # fmt: skip

    assert checked(entries, known, rule) == [("D1", "needs", 0)]


def test_nobody_is_judged_by_a_bulk_edit():
    frame = history(*[[("needs", 0), ("lost", 5)] for _ in range(25)])
    frame["changed_by"] = "office"

    assert checked(frame, deals(25), Rule("S", "order", "needs", requires="proposal")) == []


def test_a_compliance_counts_kept_rules_of_stays_begun_in_the_period():
    entries = history(
        [("needs", 0), ("contract", 5), ("won", 9)], [("needs", 20), ("proposal", 25)]
    )
    stays = visits(entries, deals(2), as_of=TODAY, rules=RANKS)
    rules = [Rule("S1", "order"), Rule("S2", "max_dwell", "needs", max_dwell_days=5.0)]
    checks = rule_checks(stays, rules=rules, as_of=TODAY)

    whole = rule_compliance(checks, period=ALWAYS)
    rows = rule_compliance(checks, period=ALWAYS, by=["rule_id"])
    early = rule_compliance(checks, period=Period("", FROM, FROM + timedelta(days=6), "week"))

    assert whole[["checked", "kept"]].to_numpy().tolist() == [[5, 4]]
    assert rows[["rule_id", "checked", "kept"]].to_numpy().tolist() == [["S1", 3, 2], ["S2", 2, 2]]
    assert early["compliance_rate"].tolist() == [pytest.approx(2 / 3)]
    assert whole.attrs["definition"] == "rule_compliance"


def test_rules_that_cannot_be_checked_are_refused():
    stays = visits(history([("needs", 0)]), deals(1), as_of=TODAY, rules=RANKS)
    for rule, message in (
        (Rule("S5", "mood", requires="good"),
         "rule 'S5' is of kind 'mood', which no data can check; "
         "give rules of kind field, activity, order, max_dwell, approval"),
        (Rule("S2", "activity", requires="visit"),
         "rule 'S2' needs activities; give that table too"),
        (Rule("S1", "field", requires="next_step"),
         "rule 'S1' needs a column 'next_step' of visits; name it among their dimensions"),
    ):  # fmt: skip
        with pytest.raises(ParameterError) as refused:
            rule_checks(stays, rules=[rule], as_of=TODAY)
        assert str(refused.value) == message
    with pytest.raises(ParameterError, match="no rule is given"):
        rule_checks(stays, rules=[], as_of=TODAY)


RULES = (
    Rule("A", "activity", "needs", requires="visit"),
    Rule("F", "field", "", requires="region"),
    Rule("O", "order"),
    Rule("P", "order", "proposal", requires="needs"),
    Rule("M", "max_dwell", "", max_dwell_days=2.0, first_day=FIRST_DAY + 3),
    Rule("N", "activity", "", "new", "CALL", last_day=FIRST_DAY + 20),
)


def plain(stays, activities, rule, today):
    """Judge one rule the obvious way."""
    found = []
    for stay in stays:
        ended = stay["exited_day"] is not None
        onward = stay["exit_type"] in ("advanced", "skipped_to", "won")
        applies = (
            stay["stage_category"] == "open" and not stay["exit_is_bulk"]
            and rule.stage in ("", stay["stage"]) and rule.pipeline in ("", stay["pipeline"])
            and (rule.first_day is None or stay["entered_day"] >= rule.first_day)
            and (rule.last_day is None or stay["entered_day"] <= rule.last_day)
        )  # fmt: skip
        if rule.kind == "max_dwell":
            applies &= today - stay["entered_day"] > rule.max_dwell_days
            kept = ended and stay["exited_day"] - stay["entered_day"] <= rule.max_dwell_days
        elif rule.kind == "activity":
            applies &= ended
            kept = ended and any(
                a["deal_id"] == stay["deal_id"] and a["type"].lower() == rule.requires.lower()
                and stay["entered_day"] <= a["happened_day"] <= stay["exited_day"]
                for a in activities
            )  # fmt: skip
        elif rule.kind == "field":
            applies &= ended
            kept = bool(stay[rule.requires])
        elif rule.requires:
            applies &= ended
            kept = any(
                s["deal_id"] == stay["deal_id"] and s["stage"] == rule.requires
                and s["seq"] < stay["seq"] for s in stays
            )  # fmt: skip
        else:
            applies &= onward
            kept = stay["skipped"] == 0
        if applies:
            found.append((stay["deal_id"], stay["seq"], rule.rule_id, int(kept)))
    return found


@pytest.mark.parametrize("kind", ["pandas", "parquet", "relation"])
def test_checks_equal_a_plain_loop(kind, tmp_path):
    entries, known = random_histories(11, deals=80)
    draw = np.random.default_rng(5)
    done = [activity(f"D{draw.integers(0, 80)}", draw.choice(["Visit", "call"]),
                     int(draw.integers(0, 30))) for _ in range(400)]  # fmt: skip
    as_of = date(2024, 11, 1)
    dims = ("region", "pipeline")
    today = (as_of - EPOCH).days
    stays = visits_of(entries, known, as_of_day=today, dimensions=dims)
    expected = sorted(row for rule in RULES for row in plain(stays, done, rule, today))
    table = pd.DataFrame(done)
    given = {"pandas": table, "parquet": parquet(table, tmp_path, "done"),
             "relation": duckdb.connect().from_df(table)}[kind]  # fmt: skip

    frame = visits(history_frame(entries), as_frame(known), as_of=as_of, dimensions=dims)
    checks = rule_checks(frame, given, rules=RULES, as_of=as_of).collect(backend="pandas")

    rows = checks.to_native()[["deal_id", "seq", "rule_id", "kept"]]
    assert sorted(rows.itertuples(index=False, name=None)) == expected
    assert {row[2] for row in expected} == {rule.rule_id for rule in RULES}
