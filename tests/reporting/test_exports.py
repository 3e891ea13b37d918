"""Tables as files: exact numbers, all rows, no formula, the same bytes each time."""

import csv
import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from salesops_kit.cells import plain
from salesops_kit.reporting import emit
from salesops_kit.reporting.exports import exact, write_tables
from salesops_kit.settings import Settings
from salesops_kit.tables import Reader

HOSTILE = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "a\u202eb", "</table>"]


@pytest.fixture
def velocity(shown):
    """A real table of the kit: factors in three units, handed over by `show_table`."""
    frame = pd.DataFrame({"factor": ["win_rate", "cycle_days"], "before": [0.25, 90.5],
                          "after": [0.2, float("nan")], "contribution": [-1234567.891, 2.0],
                          "unit": ["share1", "days"]})  # fmt: skip
    emit.show_table(Reader(Settings(), "zh").table(frame, "funnel.velocity"))
    return shown[0][emit.MIME]["items"][0]


def read(file):
    with file.open(encoding="utf-8-sig", newline="") as source:
        return list(csv.reader(source))


def test_files_hold_exact_numbers_where_the_page_rounds(velocity, tmp_path):
    write_tables(tmp_path, "10_funnel", [velocity])
    rows = read(tmp_path / "tables" / "10_funnel" / "01-velocity.csv")
    sheet = CalamineWorkbook.from_path(str(tmp_path / "tables" / "10_funnel.xlsx"))

    assert [row[1:] for row in rows[1:]] == [["0.25", "0.2", "-1234567.891"], ["90.5", "", "2.0"]]
    assert sheet.get_sheet_by_index(0).to_python()[1][1:] == [0.25, 0.2, -1234567.891]


def test_all_rows_are_in_the_file_when_the_page_shows_sixty(shown, tmp_path):
    frame = pd.DataFrame({"n": [str(i) for i in range(200)]})
    frame.attrs |= {"caption": "Many", "name": "x.many"}
    emit.show_table(frame)
    write_tables(tmp_path, "p", shown[0][emit.MIME]["items"])

    assert len(read(tmp_path / "tables" / "p" / "01-many.csv")) == 201


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_a_formula(text, tmp_path):
    item = {"name": "x.y", "caption": text, "columns": [plain(text)], "rows": [[exact(text)]]}
    write_tables(tmp_path, "p", [item, item])
    cells = [c for row in read(tmp_path / "tables" / "p" / "01-y.csv") for c in row]
    book = CalamineWorkbook.from_path(str(tmp_path / "tables" / "p.xlsx"))

    assert not any(c.startswith(("=", "+", "-", "@", "\t", "\r")) for c in cells)
    assert not any("\u202e" in c for c in cells)
    assert len(book.sheet_names) == 2
    assert book.get_sheet_by_index(0).to_python()[1] == [plain(text)]


def test_the_same_tables_give_the_same_bytes(velocity, tmp_path):
    for name in ("a", "b"):
        write_tables(tmp_path / name, "p", [velocity])

    for file in ("tables/p.xlsx", "tables/p/01-velocity.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@given(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(),
                 st.just(pd.NaT), st.just(pd.NA)))  # fmt: skip
def test_any_cell_becomes_json(value):
    cell = exact(value)

    assert cell is None or isinstance(cell, str | int | float | bool)
    assert not (isinstance(cell, float) and not math.isfinite(cell))
