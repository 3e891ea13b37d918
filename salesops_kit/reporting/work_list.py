"""Write a work list where people open it: one workbook, and one CSV per owner."""

import csv
import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from salesops_kit.cells import formula_safe
from salesops_kit.language import Count, Language, say

FILE_NAME = "work_list"
# nobody works through more rows in a workbook, and writing them takes a second per 10,000
MOST_ROWS = 50_000
_WEIGHT = {"critical": 0, "warning": 1, "note": 2, "good": 3}
CELL_LETTERS = 32_767  # what a cell can hold


def write_work_list(rows: pd.DataFrame, folder: Path, language: Language) -> Path:
    """Write work_list.xlsx and work_list/<owner>.csv into `folder`; return the workbook.

    The CSV files hold every row; the workbook the gravest `MOST_ROWS`, and then how many it lacks.
    Each is written beside and renamed: a reader never opens half a list.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shown = _shown(rows, language)
    fresh = folder / f".{FILE_NAME}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    taken: set[str] = set()
    for owner, part in shown.groupby(shown.columns[0], sort=True):
        _csv(part, fresh / f"{_file_name(str(owner), taken)}.csv")
    book = folder / f".{FILE_NAME}.xlsx.new"
    more = len(shown) - MOST_ROWS
    rest = say("readiness.list_in_files", language, n=Count(more)) if more > 0 else ""
    gravest = rows["severity"].map(_WEIGHT).sort_values(kind="stable").index[:MOST_ROWS]
    _workbook(shown.loc[gravest.sort_values()], book, say("readiness.list_title", language), rest)
    shutil.rmtree(folder / FILE_NAME, ignore_errors=True)
    fresh.rename(folder / FILE_NAME)
    return book.rename(folder / f"{FILE_NAME}.xlsx")


def _shown(rows: pd.DataFrame, language: Language) -> pd.DataFrame:
    words = {s: say(f"reporting.severity_{s}", language) for s in rows["severity"].unique()}
    named = rows.assign(severity=rows["severity"].map(words))
    return named.rename(columns={c: say(f"readiness.list_{c}", language) for c in rows.columns})


def _csv(part: pd.DataFrame, path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(part.columns)
        for row in part.itertuples(index=False, name=None):
            writer.writerow([formula_safe(str(cell)) for cell in row])


def _workbook(shown: pd.DataFrame, path: Path, title: str, rest: str) -> None:
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False,
               "strings_to_numbers": False, "in_memory": False}  # fmt: skip
    book = xlsxwriter.Workbook(str(path), options)
    page = _sheet(book, title[:31], shown)
    if rest:
        page.write_string(len(shown) + 1, 0, rest)
    book.close()


def _sheet(book: Any, name: str, part: pd.DataFrame) -> Any:
    page = book.add_worksheet(name)
    page.freeze_panes(1, 0)
    for number, width in enumerate((18, 10, 12, 24, 36, 36, 48)):
        page.set_column(number, number, width)
    page.write_row(0, 0, list(part.columns), book.add_format({"bold": True}))
    for number, row in enumerate(part.itertuples(index=False, name=None), start=1):
        for column, cell in enumerate(row):
            page.write_string(number, column, str(cell)[:CELL_LETTERS])
    if len(part):
        page.autofilter(0, 0, len(part), len(part.columns) - 1)
    return page


def _file_name(owner: str, taken: set[str]) -> str:
    """Return a name for the owner's file that no other owner has, whatever the case."""
    name = re.sub(r"[^\w.-]+", "_", owner, flags=re.UNICODE).strip("._")[:60] or "_"
    tries = (name, *(f"{name}_{number}" for number in range(2, len(taken) + 3)))
    free = next(t for t in tries if t.casefold() not in taken)
    taken.add(free.casefold())
    return free
