"""Every table of a page as files to work with: one CSV each, one workbook for the page."""

import csv
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from salesops_kit.cells import formula_safe, plain

FOLDER = "tables"
MOST_ROWS = 20_000  # of one table; more would make the executed notebook heavy
CELL_LETTERS = 32_767  # what a cell of a workbook can hold
_SHEET_LETTERS = 31
_FORBIDDEN = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
_CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - a fixed moment keeps the bytes the same


def file_name(number: int, name: str) -> str:
    """Return how a page's n-th table is called as a file.

    >>> file_name(3, "funnel.dwell")
    '03-dwell.csv'
    """
    return f"{number:02d}-{name.rpartition('.')[2]}.csv"


def exact(value: Any) -> Any:
    """Return a cell as JSON holds it: numbers as numbers, days as ISO text, nothing as None."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    if hasattr(value, "isoformat"):
        return value.isoformat()[:10]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, int | float | bool) else plain(str(value))


def write_tables(folder: Path, notebook: str, tables: Sequence[Mapping[str, Any]]) -> None:
    """Write `tables/<notebook>/<nn>-<name>.csv` and `tables/<notebook>.xlsx` below `folder`.

    Numbers are exact, not as displayed; text that a spreadsheet program would take for a formula
    is disarmed.
    """
    if not tables:
        return
    place = folder / FOLDER / notebook
    place.mkdir(parents=True, exist_ok=True)
    for number, table in enumerate(tables, start=1):
        _write_csv(place / file_name(number, table["name"]), table)
    _write_workbook(place.with_suffix(".xlsx"), tables)


def _write_csv(file: Path, table: Mapping[str, Any]) -> None:
    with file.open("w", encoding="utf-8-sig", newline="") as target:
        writer = csv.writer(target)
        writer.writerow([formula_safe(name) for name in table["columns"]])
        for row in table["rows"]:
            writer.writerow([formula_safe(c) if isinstance(c, str) else c for c in row])


def _write_workbook(file: Path, tables: Sequence[Mapping[str, Any]]) -> None:
    import xlsxwriter

    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    book = xlsxwriter.Workbook(str(file), options)
    book.set_properties({"created": _CREATED})
    bold = book.add_format({"bold": True})
    for number, table in enumerate(tables, start=1):
        title = f"{number} {table['caption'].translate(_FORBIDDEN)}"
        page = book.add_worksheet(title[:_SHEET_LETTERS].strip())
        page.freeze_panes(1, 0)
        for column, name in enumerate(table["columns"]):
            page.write_string(0, column, name, bold)
            page.set_column(column, column, 18)
        for line, row in enumerate(table["rows"], start=1):
            for column, cell in enumerate(row):
                _write_cell(page, line, column, cell)
    book.close()


def _write_cell(page: Any, line: int, column: int, cell: Any) -> None:
    if cell is None:
        return
    if isinstance(cell, str):
        page.write_string(line, column, cell[:CELL_LETTERS])
    else:
        page.write(line, column, cell)
