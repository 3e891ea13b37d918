from datetime import date

import numpy as np
import pandas as pd
import pytest
from metrics.tables import as_rows, parquet, random_deals

from salesops_kit.errors import ParameterError
from salesops_kit.metrics.targets import attainment, planned, planned_each, planned_totals
from salesops_kit.periods import day_number, period

QUARTER = period("2025-Q1")
DEALS = random_deals(1)


def target(first, last, value, holder=None, version=None, metric="bookings"):
    return {
        "period_start_day": day_number(date(*first)), "period_end_day": day_number(date(*last)),
        "level": "team" if holder else "company", "level_id": holder, "metric": metric,
        "target": value, "version": version,
    }  # fmt: skip


MONTHS = [((2025, 1, 1), (2025, 1, 31)), ((2025, 2, 1), (2025, 2, 28)), ((2025, 3, 1),
          (2025, 3, 31))]  # fmt: skip


def sold(deals):
    won = deals[deals["status"].eq("won") & ~deals["is_deleted"]]
    day = won["closed_day"].fillna(0)
    return won[(day >= QUARTER.start_day) & (day < QUARTER.end_day)]


@pytest.mark.parametrize("kind", ["pandas", "parquet"])
def test_months_add_up_to_the_quarters_target(kind, tmp_path):
    targets = pd.DataFrame([target(a, b, 1000.0) for a, b in MONTHS])
    if kind == "parquet":
        targets = parquet(targets, tmp_path, "targets")

    found = attainment(DEALS, targets, period=QUARTER).iloc[0]

    expected = sold(DEALS)["amount"].sum()
    assert (found["target"], found["bookings"]) == (3000, expected)
    assert found["attainment"] == pytest.approx(expected / 3000)
    assert found["gap"] == expected - 3000


def test_the_target_of_the_whole_period_comes_before_its_parts_and_the_last_version_counts():
    whole = [target((2025, 1, 1), (2025, 3, 31), value, version=v)
             for value, v in ((5000.0, "v1"), (6000.0, "v2"))]  # fmt: skip
    other = target((2025, 1, 1), (2025, 3, 31), 9.0, metric="volume")

    found = attainment(
        DEALS, pd.DataFrame([*whole, other, target(*MONTHS[0], 1.0)]), period=QUARTER
    )

    assert found["target"].tolist() == [6000]


def test_a_target_for_two_of_three_months_is_no_target_for_the_quarter():
    targets = pd.DataFrame([target(a, b, 1000.0) for a, b in MONTHS[:2]])

    found = attainment(DEALS, targets, period=QUARTER)

    assert np.isnan(found["target"].iloc[0])
    assert np.isnan(found["attainment"].iloc[0])
    assert found.attrs["excluded"]["targets_not_covering"] == 1


def test_who_won_nothing_keeps_the_target_and_who_has_none_keeps_the_bookings():
    deals = DEALS.assign(team=np.where(DEALS["owner_id"] == "R1", "East", None))
    targets = pd.DataFrame(
        [target((2025, 1, 1), (2025, 3, 31), 100.0, team) for team in ("East", "Gone")]
    )

    found = attainment(deals, targets, period=QUARTER, level="team")

    east = sold(deals)[sold(deals)["team"] == "East"]["amount"].sum()
    rest = sold(deals)["amount"].sum() - east
    columns = ["level_id", "target", "bookings", "attainment"]
    assert as_rows(found[columns]) == [
        {"level_id": "East", "target": 100, "bookings": east, "attainment": east / 100},
        {"level_id": "Gone", "target": 100, "bookings": 0, "attainment": 0},
        {"level_id": None, "target": None, "bookings": rest, "attainment": None},
    ]
    assert attainment(deals, targets, period=QUARTER)["target"].isna().all()


def test_without_deals_or_without_targets_the_columns_are_the_same():
    targets = pd.DataFrame([target((2025, 1, 1), (2025, 3, 31), 100.0, "East")])
    deals = DEALS.assign(team="East")
    full = attainment(deals, targets, period=QUARTER, level="team")

    unsold = attainment(deals.iloc[:0], targets, period=QUARTER, level="team")
    unplanned = attainment(deals, targets.iloc[:0], period=QUARTER, level="team")
    nothing = attainment(deals.iloc[:0], targets.iloc[:0], period=QUARTER, level="team")

    assert (unsold["bookings"].iloc[0], unsold["attainment"].iloc[0]) == (0, 0)
    assert unplanned["bookings"].equals(full["bookings"])
    assert unplanned["attainment"].isna().all()
    assert len(nothing) == 0
    for table in (unsold, unplanned, nothing):
        assert table.dtypes.to_dict() == full.dtypes.to_dict()


def test_a_level_that_does_not_exist_is_refused():
    with pytest.raises(ParameterError) as error:
        attainment(DEALS, pd.DataFrame([target(*MONTHS[0], 1.0)]), period=QUARTER, level="planet")

    assert str(error.value) == (
        "level is 'planet'; it must be one of company, team, region, rep, product"
    )


def test_totals_of_several_periods_are_the_plan_of_each():
    targets = pd.DataFrame(
        [target(*month, 100.0 + n, "East") for n, month in enumerate(MONTHS)]
        + [target(*MONTHS[0], 5.0, "West")]
    )
    periods = [QUARTER.previous(), QUARTER]
    totals = planned_totals(targets[targets["level_id"] == "East"], periods=periods, level="team")

    assert [None if t != t else t for t in totals] == [None, 303.0]
    assert planned_totals(targets, periods=[], level="team") == []
    several = planned_totals(targets, periods=[period("2025-07")], level="team")
    assert several[0] != several[0]


def test_the_plan_alone_is_the_one_bookings_are_held_against():
    targets = pd.DataFrame([target(*month, 100.0, "East") for month in MONTHS])

    plan = planned(targets, period=QUARTER, level="team")

    assert as_rows(plan) == [{"level_id": "East", "target": 300.0, "covered": 1}]
    assert (
        plan["target"].tolist()
        == (
            attainment(DEALS.assign(team="East"), targets, period=QUARTER, level="team")["target"]
        ).tolist()
    )


def test_plans_read_in_one_pass_are_those_of_each_period():
    teams = [target(*month, value, holder=team, version=version)
             for month in MONTHS for team in ("N", "S")
             for value, version in ((100.0, "v1"), (200.0, "v2"))]  # fmt: skip
    targets = pd.DataFrame([*teams, target(*MONTHS[0], 1000.0)])
    periods = [period("2025-02"), QUARTER, period("2025-04")]

    found = planned_each(targets, periods=periods, level="team")

    for one, whole in zip(periods, found, strict=True):
        pd.testing.assert_frame_equal(whole, planned(targets, period=one, level="team"))
    assert [table["target"].tolist() for table in found] == [[200.0] * 2, [600.0] * 2, []]
    assert planned_each(targets, periods=[]) == []
