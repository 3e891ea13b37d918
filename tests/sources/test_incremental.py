"""Partial exports, added one after another, come to what one full export would have given."""

from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from salesops_kit.errors import DataError, ParameterError
from salesops_kit.sources.importer import import_exports

STAGES = ("Qualification", "Needs Analysis", "Closed Won")
HEADS = {
    "deals": "deal_id,name,stage,amount,account_id,created_at,is_deleted",
    "accounts": "account_id,name,region",
    "stage_history": "deal_id,stage,entered_at",
}


def company(day):
    """Return all rows of a small company as they stand on a day: 0, 1 or 2."""
    deals, history = {}, {}
    for n in range(12 + 3 * day):
        born = date(2025, 1, 1 + n)
        step = min((n * 7 + day * (n % 3)) % 4, 2)
        gone = "true" if day == 2 and n == 4 else "false"
        deals[f"D{n:05}"] = (
            f"D{n:05},deal {n},{STAGES[step]},{100 + n + day * (n % 2)},A{n % 4:05},{born},{gone}"
        )
        for i, label in enumerate(STAGES[: step + 1]):
            history[f"D{n:05}-{i}"] = f"D{n:05},{label},{born + timedelta(days=i)} 09:00:00"
    regions = ["East", "West" if day else "East", "North", "South"]
    accounts = {f"A{n:05}": f"A{n:05},firm {n},{r}" for n, r in enumerate(regions)}
    return {"deals": deals, "accounts": accounts, "stage_history": history}


def write(folder, tables):
    folder.mkdir(parents=True)
    for name, rows in tables.items():
        text = "\n".join([HEADS[name], *rows.values()])
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def changed(old, new):
    """Return the rows that a later export of changes alone would hold."""
    found = {t: {k: r for k, r in rows.items() if old[t].get(k) != r} for t, rows in new.items()}
    return {table: rows for table, rows in found.items() if rows}


def contents(workspace):
    """Return rows of every table but the archive, without the day of the export."""
    found = {}
    for name in HEADS:
        file = workspace / "tables" / f"{name}.parquet"
        rows = duckdb.sql(f"SELECT * EXCLUDE (extracted_at) FROM '{file}' ORDER BY ALL")
        found[name] = rows.fetchall()
    return found


def add(folder, workspace, update="add"):
    return import_exports("tables", folder, into=workspace, update=update)


def test_three_exports_of_changes_equal_the_last_full_export(tmp_path):
    days = [company(day) for day in range(3)]
    add(write(tmp_path / "0", days[0]), tmp_path / "w", "begin")
    add(write(tmp_path / "1", changed(days[0], days[1])), tmp_path / "w")
    add(write(tmp_path / "2", changed(days[1], days[2])), tmp_path / "w")
    full = import_exports("tables", write(tmp_path / "all", days[2]), into=tmp_path / "f")
    got = contents(tmp_path / "w")
    assert got["deals"] == contents(tmp_path / "f")["deals"]
    # a history only ever grows: steps a deal took back since are still there, none twice
    keys = [row[:2] for row in got["stage_history"]]
    assert len(keys) == len(set(keys))
    assert full.tables["deals"]["rows"] == 18


@pytest.mark.slow
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_rows_split_over_any_exports_come_to_the_same(tmp_path_factory, data):
    root = tmp_path_factory.mktemp("split")
    whole = company(1)
    import_exports("tables", write(root / "all", whole), into=root / "full")
    parts = [{table: {} for table in HEADS} for _ in range(3)]
    for table, rows in whole.items():
        for key, row in rows.items():
            for part in data.draw(st.sets(st.integers(0, 2), min_size=1), label=key):
                parts[part][table][key] = row
    for number, part in enumerate(parts):
        part["deals"] = part["deals"] or dict([next(iter(whole["deals"].items()))])
        add(write(root / str(number), {t: r for t, r in part.items() if r}), root / "w")
    assert contents(root / "w") == contents(root / "full")


def test_dated_exports_may_come_in_any_order(tmp_path):
    head = "deal_id,stage,amount\n"
    for day, amount in (("2025_02_28", 2), ("2025_01_31", 1), ("2025_03_31", 3)):
        (tmp_path / day).mkdir()
        text = f"{head}D00001,Qualification,{amount}\n"
        (tmp_path / day / f"deals_{day}.csv").write_text(text)
    for day in ("2025_02_28", "2025_01_31"):
        add(tmp_path / day, tmp_path / "w")
    amounts = f"SELECT amount FROM '{tmp_path}/w/tables/deals.parquet'"
    assert duckdb.sql(amounts).fetchall() == [(2.0,)]
    add(tmp_path / "2025_03_31", tmp_path / "w")
    assert duckdb.sql(amounts).fetchall() == [(3.0,)]
    seen = f"SELECT snapshot_on::VARCHAR, amount FROM '{tmp_path}/w/tables/snapshots.parquet'"
    assert duckdb.sql(f"{seen} ORDER BY 1").fetchall() == [
        ("2025-01-31", 1.0), ("2025-02-28", 2.0), ("2025-03-31", 3.0),
    ]  # fmt: skip


def test_adding_again_changes_nothing_and_says_so(tmp_path):
    days = [company(0), company(1)]
    add(write(tmp_path / "0", days[0]), tmp_path / "w")
    delta = write(tmp_path / "1", changed(*days))
    add(delta, tmp_path / "w")
    before = contents(tmp_path / "w")
    again = add(delta, tmp_path / "w")
    assert contents(tmp_path / "w") == before
    assert "deals.csv was imported before: nothing new in it" in again.warnings


def test_a_row_goes_only_when_flagged(tmp_path):
    days = [company(1), company(2)]
    add(write(tmp_path / "0", days[0]), tmp_path / "w")
    add(write(tmp_path / "1", changed(*days)), tmp_path / "w")
    file = tmp_path / "w/tables/deals.parquet"
    assert duckdb.sql(f"SELECT deal_id FROM '{file}' WHERE is_deleted").fetchall() == [("D00004",)]
    assert duckdb.sql(f"SELECT count(*) FROM '{file}'").fetchall() == [(18,)]


def test_rejects_and_counts_of_every_export_stay(tmp_path):
    for number, amount in enumerate(("cheap", "dear")):
        text = f"deal_id,stage,amount\nD0000{number},Closed Won,1\nD00009,Closed Won,{amount}\n"
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "deals.csv").write_text(text)
        result = add(tmp_path / str(number), tmp_path / "w")
    counts = [(f["rows_read"], f["accepted"], f["rejected"]) for f in result.files]
    assert counts == [(2, 1, 1), (2, 1, 1)]
    rejects = sorted((tmp_path / "w/rejects").glob("*.csv"))
    assert [file.name for file in rejects] == ["deals.csv-2.csv", "deals.csv.csv"]
    assert "dear" in rejects[0].read_text("utf-8-sig")
    assert "cheap" in rejects[1].read_text("utf-8-sig")


def test_a_full_import_afterwards_replaces_and_can_be_added_to(tmp_path):
    add(write(tmp_path / "0", company(2)), tmp_path / "w")
    full = write(tmp_path / "1", company(0))
    import_exports("tables", full, into=tmp_path / "w")
    import_exports("tables", full, into=tmp_path / "f")
    assert contents(tmp_path / "w")["deals"] == contents(tmp_path / "f")["deals"]
    add(write(tmp_path / "2", changed(company(0), company(1))), tmp_path / "w")
    assert len(contents(tmp_path / "w")["deals"]) == 15


def test_nothing_to_add_to_is_refused_with_the_remedy(tmp_path):
    folder = write(tmp_path / "0", company(0))
    import_exports("tables", folder, into=tmp_path / "w")
    with pytest.raises(DataError) as error:
        add(folder, tmp_path / "w")
    assert str(error.value) == (
        "the workspace keeps no tables rows to add to; import the full export once "
        "with --update begin, later ones with --update add"
    )
    with pytest.raises(ParameterError, match="update is 'more'; it must be one of replace, begin"):
        add(folder, tmp_path / "w", "more")
