"""Broken files: the right rows, the right rejects or one clear reason each; nothing is lost."""

import tempfile
import time
from pathlib import Path

import duckdb
import pytest
from hostile_corpus import CASES, HEAD, SOUND, Case
from hypothesis import given, settings
from hypothesis import strategies as st

from salesops_kit.errors import DataError
from salesops_kit.sources.importer import ImportResult, import_exports

SOUND_FXIAOKE = "数据ID,商机名称,商机阶段,商机金额,创建时间\nsound1,好,商务谈判,1,2025-09-01\n"


def lay_out(case: Case, folder: Path) -> Path:
    """Write the case's files beside a sound export of one deal."""
    folder.mkdir(parents=True)
    fxiaoke = case.source == "fxiaoke"
    sound = folder / ("商机2.0.csv" if fxiaoke else "Deals.csv")
    sound.write_text(SOUND_FXIAOKE if fxiaoke else SOUND, encoding="utf-8")
    for name, content in case.files.items():
        if isinstance(content, bytes):
            (folder / name).write_bytes(content)
        else:
            content(folder / name)
    return folder


def imported(case: Case, tmp_path: Path) -> ImportResult:
    folder = lay_out(case, tmp_path / "root" / "exports")
    return import_exports(case.source, folder, into=tmp_path / "workspace")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_file_gives_the_right_rows_and_reasons(case, tmp_path):
    started = time.perf_counter()
    result = imported(case, tmp_path)
    assert time.perf_counter() - started < 20

    for entry in result.files:
        assert entry["rows_read"] == entry["accepted"] + entry["rejected"]
    table = duckdb.sql(f"FROM '{tmp_path}/workspace/tables/deals.parquet'").df()
    assert set(table["deal_id"]) == {"sound1", *case.accepted}
    assert len(table) == 1 + len(case.accepted)
    found = [row["reason"] for row in rejects(tmp_path / "workspace")]
    assert len(found) == len(case.rejected), found
    for reason, expected in zip(found, case.rejected, strict=True):
        assert expected in reason
    column, values = case.values
    known = table.set_index("deal_id")[column]
    for key, value in values.items():
        shown = known[key]
        if value is None:
            assert shown is None or shown != shown
        else:
            assert (str(shown)[:10] if column.endswith("_on") else shown) == value
    if case.skipped:
        said = " ".join(f"{s['file']} {s['reason']}" for s in result.skipped_files)
        assert case.skipped in said


def rejects(workspace: Path) -> list[dict[str, str]]:
    import csv as reader

    found = []
    reader.field_size_limit(100_000_000)
    for file in sorted((workspace / "rejects").glob("*.csv")):
        with file.open(encoding="utf-8-sig", newline="") as lines:
            found += list(reader.DictReader(lines))
    return found


def test_there_are_enough_cases():
    assert len(CASES) >= 70
    assert len({case.name for case in CASES}) == len(CASES)


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=400), suffix=st.sampled_from((".csv", ".xlsx", ".xls", ".txt")),
       head=st.booleans())  # fmt: skip
def test_no_bytes_whatever_break_an_import(content, suffix, head):
    with tempfile.TemporaryDirectory() as folder:
        exports = Path(folder) / "exports"
        exports.mkdir()
        (exports / "Deals.csv").write_text(SOUND, encoding="utf-8")
        (exports / f"Deals_x{suffix}").write_bytes((HEAD.encode() if head else b"") + content)
        try:
            result = import_exports("zoho", exports, into=Path(folder) / "workspace")
        except DataError:
            return
        for entry in result.files:
            assert entry["rows_read"] == entry["accepted"] + entry["rejected"]


def test_rejects_are_safe_to_open_in_a_spreadsheet(tmp_path):
    (case,) = (c for c in CASES if c.name == "formula injection")
    imported(case, tmp_path)

    for row in rejects(tmp_path / "workspace"):
        assert not any(cell.startswith(("=", "+", "@")) for cell in row.values())
