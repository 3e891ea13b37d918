"""Workbooks (XLSX, XLSM, XLSB, XLS, ODS) → clean, numbered CSV, one file per sheet."""

import csv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from salesops_kit.errors import DataError
from salesops_kit.sources.headers import LOOK, header_place

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
_EXACT_FLOAT = 2**53
# a workbook packs ten times, rarely fifty; what goes far beyond is built to fill the disk
_MOST_BYTES = 4_000_000_000
_SUSPICIOUS_BYTES, _SUSPICIOUS_RATIO = 100_000_000, 100


@dataclass(frozen=True)
class Page:
    """One sheet written as text: header, how many rows lie above it, errors of formulas."""

    title: str
    path: Path
    header: tuple[str, ...]
    above: int
    errors: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the reading."""
        notes = []
        if self.above:
            notes.append(f"{self.above} lines above the header are passed over")
        if self.errors:
            notes.append(
                f"{self.errors} cells hold an error of a formula (#REF!, #N/A …): read as missing"
            )
        return tuple(notes)


def pages(path: Path, name: str, target: Path, row_column: str) -> list[Page]:
    """Write every sheet that holds a table below `target`; several when there are several.

    Raises
    ------
    DataError
        When it cannot be read, would unpack to more than is sound, or holds no table.
    """
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    errors = _checked_archive(path, name) if zipfile.is_zipfile(path) else 0
    try:
        book = CalamineWorkbook.from_path(str(path))
        found = [
            page
            for number, title in enumerate(book.sheet_names)
            if (page := _page(book, number, target.with_name(f"{target.name}-{number}.csv"),
                              row_column, errors))
        ]  # fmt: skip
        many = len(book.sheet_names) > 1
    except PasswordError as error:
        raise DataError(
            f"{name} cannot be read: it is protected by a password; save it without one"
        ) from error
    except (CalamineError, OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{name} cannot be read as a workbook ({error}); is it password-protected or cut off? "
            "save it again as .xlsx or .csv"
        ) from error
    if not found:
        raise DataError(f"{name} holds no table: no sheet has a filled row")
    return [Page(p.title if many else "", p.path, p.header, p.above, p.errors) for p in found]


def _checked_archive(path: Path, name: str) -> int:
    """Refuse an archive that unpacks out of proportion; return the number of formula errors."""
    errors = 0
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                ratio = member.file_size / max(member.compress_size, 1)
                grown = member.file_size > _SUSPICIOUS_BYTES and ratio > _SUSPICIOUS_RATIO
                if grown or member.file_size > _MOST_BYTES:
                    raise DataError(
                        f"{name} unpacks to {member.file_size / 1e6:,.0f} MB, {ratio:,.0f} times "
                        "its size; it is not read: save it again, or as .csv"
                    )
                if member.filename.startswith("xl/worksheets/sheet"):
                    errors += _error_cells(archive, member)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{name} cannot be read as a workbook ({error}); save it again as .xlsx or .csv"
        ) from error
    return errors


def _error_cells(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> int:
    found, tail = 0, b""
    with archive.open(member) as content:
        while chunk := content.read(1 << 20):
            found += (tail + chunk).count(b' t="e"')
            tail = chunk[-5:]
    return found


def _page(book: Any, number: int, target: Path, row_column: str, errors: int) -> Page | None:
    rows = _texts(book.get_sheet_by_index(number))
    first = []
    for row in rows:
        first.append(row)
        if len(first) >= LOOK:
            break
    place = header_place([texts for _, texts in first])
    if place < 0:
        return None
    header = tuple(text.strip() for text in first[place][1])
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([row_column, *header])
        for position, texts in (*first[place + 1 :], *rows):
            writer.writerow([position, *texts])
    return Page(book.sheet_names[number], target, header, place, errors)


def _texts(sheet: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield row number and cells of every filled row, from the sheet's first on."""
    for position, cells in enumerate(sheet.iter_rows(), start=1):
        texts = [_cell_text(cell) for cell in cells]
        if any(texts):
            yield position, texts


def _cell_text(cell: Any) -> str:
    """Write a typed cell as text; a number too long for a spreadsheet stays visibly ruined."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if cell.is_integer():
            return str(int(cell)) if abs(cell) < _EXACT_FLOAT else f"{cell:.14E}"
        return repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell.total_seconds())
    return str(cell).replace("\0", "")
