"""CSV and workbooks → clean UTF-8 text that DuckDB reads with a pinned dialect.

A well-formed UTF-8 CSV is read as it lies. Anything else (GB18030, UTF-16, workbooks, titles above
the header, ragged rows, unclosed quotes, NUL bytes) is first rewritten, streaming, as a clean CSV
whose first column is the row number a spreadsheet program would show; rows that have no readable
shape are set aside. A file is what its content says, whatever its name ends in.
"""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from salesops_kit.errors import DataError
from salesops_kit.sources import texts, workbooks
from salesops_kit.sources.reasons import no_record

SUFFIXES = (".csv", ".txt", ".tsv", *workbooks.SUFFIXES)
ROW_COLUMN = "__row"
_ARCHIVES = (".zip", ".gz", ".7z", ".rar", ".tar", ".tgz")
_OWN_FILES = ("mapping.toml", "salesops.toml")
_CHUNK = 1 << 20
_MAX_FIELD = 20_000_000
_ZIP, _OLD_OFFICE = b"PK\x03\x04", bytes.fromhex("d0cf11e0a1b11ae1")


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
    layout: texts.Layout | None = None

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
    for found in sorted(p for p in path.rglob("*") if p.is_symlink() or not p.is_dir()):
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
    return _unusable(file, root)


def _unusable(file: Path, root: Path) -> str:
    suffix = file.suffix.lower()
    reasons = (
        (file.is_symlink() and not file.exists(), "link that leads nowhere"),
        (not file.resolve().is_relative_to(root), "link that leads out of the folder"),
        (not file.is_file(), "no regular file (a pipe, a device or a linked folder)"),
        (suffix in _ARCHIVES, "an archive; unpack it and import the folder"),
        (suffix not in SUFFIXES, "neither CSV nor a workbook"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def open_sheets(path: Path, name: str, scratch: Path) -> list[Sheet]:
    """Open a file as sheets of text; `scratch` takes rewritten copies.

    Raises
    ------
    DataError
        When the file is no CSV or workbook that can be read; the message says what to do.
    """
    digest, has_nul = _fingerprint(path)
    with path.open("rb") as file:
        head = file.read(512)
    if head.startswith((_ZIP, _OLD_OFFICE)):
        return _workbook(path, name, digest, scratch)
    if b"<html" in head.lower() or b"<table" in head.lower():
        raise DataError(
            f"{name} is a web page under another name; open it and save it as .xlsx or .csv"
        )
    if path.suffix.lower() in workbooks.SUFFIXES and has_nul:
        return _workbook(path, name, digest, scratch)
    shape = texts.layout(path, name, has_nul=has_nul)
    sheet = Sheet(name, "", path, path, "csv", shape.encoding, shape.delimiter, shape.header,
                  digest, notes=shape.notes, layout=shape)  # fmt: skip
    return [sheet if shape.plain else rewritten(sheet, scratch)]


def _workbook(path: Path, name: str, digest: str, scratch: Path) -> list[Sheet]:
    found = workbooks.pages(path, name, scratch / digest[:16], ROW_COLUMN)
    form = path.suffix.lower().lstrip(".") if path.suffix.lower() in workbooks.SUFFIXES else "xlsx"
    return [
        Sheet(name, page.title, page.path, path, form, "utf-8", ",", page.header, digest,
              numbered=True, notes=page.notes)
        for page in found
    ]  # fmt: skip


def rewritten(sheet: Sheet, scratch: Path) -> Sheet:
    """Return the sheet as a clean, numbered copy; rows without a readable shape set aside."""
    if sheet.layout is None:
        return sheet
    target = scratch / f"{sheet.sha256[:16]}.csv"
    odd: list[tuple[int, Sequence[str], str]] = []
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow([ROW_COLUMN, *sheet.header])
        for number, record in texts.records(sheet.source, sheet.layout, odd):
            writer.writerow([number, *record])
    broken = tuple(_broken(sheet, *row) for row in odd)
    return replace(sheet, path=target, numbered=True, delimiter=",", broken=broken)


def _broken(sheet: Sheet, number: int, record: Sequence[str], why: str) -> RejectedRow:
    shown = tuple(cell[:1000] for cell in record[:200])
    if why == "ragged" and (said := no_record(record, len(sheet.header))):
        return RejectedRow(number, "", "", *said, shown)
    if why != "ragged":
        remedy = "save the file as UTF-8 and look at this row"
        return RejectedRow(
            number, "", "", f"the row {why}: neither UTF-8 nor GB18030", remedy, shown
        )
    reason = f"the row has {len(record)} cells, the header {len(sheet.header)}"
    if lines := sum(cell.count("\n") for cell in record):
        reason += f"; a quotation mark left open may have swallowed {lines} line breaks"
    return RejectedRow(number, "", "", reason, "mend separators and quotation marks", shown)


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
