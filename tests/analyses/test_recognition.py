"""Promotion and recognition: thresholds counted by hand, luck kept apart from lasting."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from analyses.rep_worlds import company, people

from salesops_kit.analyses.recognition import recognition
from salesops_kit.errors import SettingsError
from salesops_kit.periods import period
from salesops_kit.settings import Settings, settings_from
from salesops_kit.tables import Reader

SEPTEMBER = period("2025-09")
REPS = 12
MONTHS = [date(2024 + (m > 2), (m + 9) % 12 + 1, 1) for m in range(12)]  # October to September


def quotas(number=REPS, target=100_000.0):
    return pd.DataFrame([
        {"period_start_on": first, "level": "rep", "level_id": f"R{i:02}", "metric": "bookings",
         "period_end_on": (first + timedelta(days=32)).replace(day=1) - timedelta(days=1),
         "target": target}
        for first in MONTHS for i in range(number)
    ])  # fmt: skip


def deals(levels, seed=0, *, late=None, noise=0.25):
    """Five won and five lost deals a month per rep, worth the rep's level of the quota."""
    rng = np.random.default_rng(seed)
    rows = []
    for month, first in enumerate(MONTHS):
        for rep, level in enumerate(levels):
            at = level if late is None or month < 6 else late[rep]
            worth = 100_000 * max(at + rng.normal(0, noise), 0) / 5
            rows += [{"owner_id": f"R{rep:02}", "status": status, "stage": status,
                      "amount": worth, "created_at": first - timedelta(days=20),
                      "closed_at": first + timedelta(days=int(day)), "is_deleted": False}
                     for status in ("won", "lost") for day in rng.integers(0, 28, 5)]  # fmt: skip
    return pd.DataFrame(rows).assign(deal_id=[f"D{i}" for i in range(len(rows))])


def sheet(levels, settings=None, **more):
    tables = {"deals": deals(levels, late=more.pop("late", None)), "reps": people(REPS, **more),
              "targets": quotas()}  # fmt: skip
    return recognition(company(settings, **tables), period=SEPTEMBER)


def standing(found):
    return found.table.set_index("rep")["standing"].to_dict()


@pytest.fixture(scope="module")
def found():
    levels = [1.6, 1.5, *[0.9] * 7, 0.6, 0.5, 1.5]
    return sheet(levels, R11={"hire_on": date(2025, 3, 1)})


def test_who_lasts_above_the_threshold_is_sustained_and_who_is_new_is_not_judged(found):
    by_rep = standing(found)

    assert [by_rep[f"R{i:02}"] for i in (0, 1, 9, 10, 11)] == [
        "sustained", "sustained", "short", "short", "new"
    ]  # fmt: skip
    assert set(found.shown["met"]) <= {"sustained", "counted"}
    headline = {f.kind: f for f in found.findings}["met"].headline
    assert headline["en"].endswith("hardly luck: Rep 01, Rep 00.")
    assert "Rep 01、Rep 00" in headline["zh"]


def test_quarters_are_counted_as_a_plain_sum_does(found):
    world = deals([1.6, 1.5, *[0.9] * 7, 0.6, 0.5, 1.5])
    won = world[world["status"] == "won"]
    quarter = pd.to_datetime(won["closed_at"]).dt.to_period("Q")
    booked = won.groupby(["owner_id", quarter])["amount"].sum()
    table = found.table.set_index("rep")

    for rep in ("R00", "R05", "R09"):
        assert table.loc[rep, "reached"] == int((booked[rep] >= 300_000).sum())
        assert table.loc[rep, "asked"] == 4
        assert table.loc[rep, "attainment"] == pytest.approx(booked[rep].sum() / 1_200_000)


def test_equal_reps_near_the_threshold_are_at_most_counted():
    found = sheet([1.0] * REPS)

    assert set(standing(found).values()) <= {"short", "counted"}
    assert [f.kind for f in found.findings] == ["met_nobody", "risen_nobody"]


@pytest.mark.parametrize("target", [100.0, 1e8])
def test_nobody_is_praised_by_quotas_in_another_unit(target):
    tables = {"deals": deals([1.6] * REPS), "reps": people(REPS), "targets": quotas(target=target)}
    found = recognition(company(None, **tables), period=SEPTEMBER)

    [told] = found.findings
    assert (told.kind, told.severity) == ("odd_quota", "warning")
    assert "单位很可能有误" in told.headline["zh"]
    assert found.shown.empty


def test_only_a_sure_rise_is_named():
    late = [1.0] * REPS
    late[4] = 2.4
    found = sheet([1.0] * REPS, late=late)

    assert found.risen["person"].tolist() == ["Rep 04"]
    assert {f.kind for f in found.findings} >= {"risen"}


def test_thresholds_are_the_companys_own():
    strict = {"recognition": {"attainment": 1.4, "reached": 4, "tenure_months": 0}}
    found = sheet([1.9, 1.2, *[0.9] * 10], strict)

    assert [rep for rep, how in standing(found).items() if how == "sustained"] == ["R00"]
    with pytest.raises(SettingsError, match="reached must not be more than quarters"):
        settings_from({"recognition": {"quarters": 2, "reached": 3}})


def test_what_is_missing_is_said():
    alone = company(deals=deals([1.0, 1.0]), reps=people(2), targets=quotas(2))
    bare = company(deals=deals([1.0] * 3), reps=people(3))

    assert [f.kind for f in recognition(alone, period=SEPTEMBER).findings] == ["too_few"]
    assert [f.kind for f in recognition(bare, period=SEPTEMBER).findings] == ["no_quota"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_tables_read_in_both_languages(found, language):
    read = Reader(Settings(), language)

    assert len(read.table(found.shown, "recognition.met", span=found.span)) == len(found.shown)
    assert len(read.table(found.risen, "recognition.risen")) == len(found.risen)
