"""CSV and XLSX → clean UTF-8 text that DuckDB reads with a pinned dialect.

A well-formed UTF-8 CSV is read as it lies. Anything else (GB18030, UTF-16, XLSX, ragged rows,
unclosed quotes, NUL bytes) is first rewritten, streaming, as a clean CSV whose first column is
the row number a spreadsheet program would show; rows that have no readable shape are set aside.
"""

import codecs
import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from salesops_kit.errors import DataError

SUFFIXES = (".csv", ".txt", ".tsv", ".xlsx", ".xlsm")
ROW_COLUMN = "__row"
_OWN_FILES = ("mapping.toml", "salesops.toml")
_CHUNK = 1 << 20
_SNIFF = 1 << 16
_MAX_FIELD = 10_000_000
_EXACT_FLOAT = 2**53


@dataclass(frozen=True)
class RejectedRow:
    """A row of a file that cannot be used, and why."""

    row: int
    column: str
    value: str
    reason: str
    remedy: str
    record: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sheet:
    """One table of text: a CSV file or one sheet of a workbook.

    `path` is what DuckDB reads; when `numbered`, its first column is the row number.
    """

    file: str
    sheet: str
    path: Path
    source: Path
    format: str
    encoding: str
    delimiter: str
    header: tuple[str, ...]
    sha256: str
    numbered: bool = False
    broken: tuple[RejectedRow, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def label(self) -> str:
        """File name, with the sheet's when there are several."""
        return f"{self.file}[{self.sheet}]" if self.sheet else self.file

    def is_file_of(self, table: str) -> bool:
        """Tell whether the file is named after a canonical table."""
        return self.file.rsplit("/", 1)[-1].lower().startswith(f"{table}.")


def discover(path: Path) -> tuple[list[Path], list[tuple[str, str]]]:
    """Return the readable files under `path` and the ones passed over, with the reason.

    Raises
    ------
    DataError
        When the path does not exist.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist; give the folder or file of the export")
    if path.is_file():
        return [path], []
    root = path.resolve()
    files, skipped = [], []
    for found in sorted(p for p in path.rglob("*") if p.is_file() or p.is_symlink()):
        name = found.relative_to(path).as_posix()
        if reason := _passed_over(found, name, root):
            skipped.append((name, reason))
        elif found.name not in _OWN_FILES:
            files.append(found)
    return files, skipped


def _passed_over(file: Path, name: str, root: Path) -> str:
    """Return why a file is not read; "" when it is, or is one of our own."""
    if file.name in _OWN_FILES:
        return ""
    if file.name.startswith("~$"):
        return "lock file of an open workbook"
    if any(part.startswith(".") for part in name.split("/")):
        return "hidden file"
    if not file.resolve().is_relative_to(root):
        return "link that leads out of the folder"
    if file.suffix.lower() == ".xls":
        return "old .xls workbook; save it as .xlsx or .csv"
    return "" if file.suffix.lower() in SUFFIXES else "neither CSV nor XLSX"


def open_sheets(path: Path, name: str, scratch: Path) -> list[Sheet]:
    """Open a file as sheets of text; `scratch` takes rewritten copies.

    Raises
    ------
    DataError
        When the file is no CSV or workbook that can be read; the message says what to do.
    """
    digest, has_nul = _fingerprint(path)
    if path.suffix.lower() in (".xlsx", ".xlsm"):
        return _workbook(path, name, digest, scratch)
    with path.open("rb") as file:
        head = file.read(_SNIFF)
    if not head.strip():
        raise DataError(f"{name} is empty; export it again")
    if head[:2] == b"PK":
        raise DataError(f"{name} is a workbook under the name of a CSV; rename it to .xlsx")
    encoding = _encoding(path, head, name)
    text = head.decode(encoding, errors="ignore").lstrip("\ufeff")
    delimiter = _delimiter(text)
    header = _first_record(text, delimiter, name)
    sheet = Sheet(name, "", path, path, "csv", encoding, delimiter, header, digest)
    plain = encoding in ("utf-8", "utf-8-sig") and not has_nul
    # DuckDB would take an empty first line for the header, and does not know old Mac line ends
    plain = plain and bool(text.split("\n", 1)[0].strip()) and "\n" in text
    return [sheet if plain else rewritten(sheet, scratch)]


def rewritten(sheet: Sheet, scratch: Path) -> Sheet:
    """Return the sheet as a clean, numbered copy; rows without a readable shape set aside."""
    target = scratch / f"{sheet.sha256[:16]}.csv"
    broken: list[RejectedRow] = []
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([ROW_COLUMN, *sheet.header])
        for number, record in _records(sheet, broken):
            writer.writerow([number, *record])
    return replace(sheet, path=target, numbered=True, delimiter=",", broken=tuple(broken))


def relation(sheet: Sheet) -> str:
    """Return the SQL that reads the sheet: every column text, named c0, c1 …, nothing sniffed.

    A numbered sheet has its row number in `__row`.
    """
    names = [f"c{i}" for i in range(len(sheet.header))]
    names = [ROW_COLUMN, *names] if sheet.numbered else names
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    # room for very long lines makes reading slow: only what was rewritten gets it
    room = f", max_line_size={_MAX_FIELD * 2}" if sheet.numbered else ""
    return (
        f"read_csv('{sql_path(sheet.path)}', auto_detect=false, header=true, "
        f"delim='{sheet.delimiter}', quote='\"', escape='\"', strict_mode=true, "
        f"columns={{{columns}}}{room})"
    )


def sql_path(path: Path) -> str:
    """Return a path for use between single quotes in SQL."""
    return str(path).replace("'", "''")


def raw_records(sheet: Sheet, rows: Iterable[int]) -> dict[int, tuple[int, tuple[str, ...]]]:
    """Return records by their position (1 is the first after the header): row number, cells."""
    wanted = set(rows)
    last = max(wanted, default=0)
    found: dict[int, tuple[int, tuple[str, ...]]] = {}
    with sheet.path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter=sheet.delimiter)
        next(reader)
        position = 0
        for number, record in enumerate(reader, start=2):
            if not record:
                continue
            position += 1
            if position in wanted:
                found[position] = (
                    (int(record[0]), tuple(record[1:]))
                    if sheet.numbered
                    else (number, tuple(record))
                )
            if position >= last:
                break
    return found


def _fingerprint(path: Path) -> tuple[str, bool]:
    digest, has_nul = hashlib.sha256(), False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            has_nul = has_nul or b"\0" in chunk
    return digest.hexdigest(), has_nul


def _encoding(path: Path, head: bytes, name: str) -> str:
    if head.startswith(codecs.BOM_UTF8):
        candidates: tuple[str, ...] = ("utf-8-sig",)
    elif head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        candidates = ("utf-16",)
    else:
        candidates = ("utf-8", "gb18030")
    for encoding in candidates:
        if _decodes(path, encoding):
            return encoding
    raise DataError(
        f"{name} is neither UTF-8 nor GB18030 text throughout; "
        "export it again as UTF-8, or save it so in an editor"
    )


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(text: str) -> str:
    line = re.sub(r'"[^"]*"', "", text.split("\n", 1)[0])
    return max((",", "\t", ";", "|"), key=line.count) if line.strip() else ","


def _first_record(text: str, delimiter: str, name: str) -> tuple[str, ...]:
    for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter):
        if any(cell.strip() for cell in record):
            return tuple(cell.strip() for cell in record)
    raise DataError(f"{name} has no header row; export it again with column names")


def _records(sheet: Sheet, broken: list[RejectedRow]) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield (row number, cells) of each record that has as many cells as the header."""
    width = len(sheet.header)
    with sheet.source.open(encoding=sheet.encoding, newline="") as file:
        lines = _LineFeed(file)
        header_seen = False
        number = 0
        while (record := lines.record(sheet.delimiter, width)) is not None:
            number += 1
            if not any(map(str.strip, record)):
                continue
            if not header_seen:
                header_seen = True
            elif len(record) == width:
                yield number, record
            else:
                broken.append(_ragged(number, record, width))


def _ragged(number: int, record: Sequence[str], width: int) -> RejectedRow:
    reason = f"the row has {len(record)} cells, the header {width}"
    if lines := sum(cell.count("\n") for cell in record):
        reason += f"; a quotation mark left open may have swallowed {lines} line breaks"
    shown = tuple(cell[:1000] for cell in record[:200])
    return RejectedRow(number, "", "", reason, "mend separators and quotation marks", shown)


class _LineFeed:
    """Records of a CSV, one at a time; an unclosed quote costs its own line, not the rest."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._waiting: list[str] = []

    def _line(self) -> str:
        line: str = self._waiting.pop(0) if self._waiting else self._file.readline()
        return line.replace("\0", "")

    def record(self, delimiter: str, width: int) -> list[str] | None:
        """Return the next record, or None at the end."""
        line = self._line()
        if not line:
            return None
        taken = [line]
        while _open_quote("".join(taken)) and len(taken) < 1000:
            more = self._line()
            if not more:
                break
            taken.append(more)
        record = self._split("".join(taken), delimiter)
        if len(taken) > 1 and (len(record) != width or _open_quote("".join(taken))):
            # the quote never closed in a sensible place: give back what it swallowed
            self._waiting[:0] = taken[1:]
            return [taken[0].rstrip("\r\n")]
        return record

    @staticmethod
    def _split(text: str, delimiter: str) -> list[str]:
        previous = csv.field_size_limit(_MAX_FIELD)
        try:
            return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
        except csv.Error:
            return [text[:1000]]
        finally:
            csv.field_size_limit(previous)


def _open_quote(text: str) -> bool:
    return text.count('"') % 2 == 1


def _workbook(path: Path, name: str, digest: str, scratch: Path) -> list[Sheet]:
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_path(str(path))
        return [
            sheet
            for number, title in enumerate(book.sheet_names)
            if (sheet := _worksheet(book, number, title, (path, name, digest, scratch)))
        ]
    except (CalamineError, OSError, ValueError) as error:
        raise DataError(
            f"{name} cannot be read as a workbook ({error}); is it password-protected or cut off? "
            "save it again as .xlsx or .csv"
        ) from error


def _worksheet(
    book: Any, number: int, title: str, origin: tuple[Path, str, str, Path]
) -> Sheet | None:
    path, name, digest, scratch = origin
    sheet = book.get_sheet_by_index(number)
    rows = sheet.iter_rows()  # from the sheet's first row on, also when that is empty
    header: tuple[str, ...] = ()
    target = scratch / f"{digest[:16]}-{number}.csv"
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        for position, cells in enumerate(rows, start=1):
            texts = [_cell_text(cell) for cell in cells]
            if not any(texts):
                continue
            if not header:
                header = tuple(text.strip() for text in texts)
                writer.writerow([ROW_COLUMN, *header])
            else:
                writer.writerow([position, *texts])
    if not header:
        return None
    label = title if len(book.sheet_names) > 1 else ""
    return Sheet(name, label, target, path, "xlsx", "utf-8", ",", header, digest, numbered=True)


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
