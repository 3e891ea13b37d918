"""CSV in any encoding and shape → records with their row numbers.

A file may hold lines of two encodings, titles above the header, old line ends, NUL bytes, and
quotes that never close; each costs its own row at most.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salesops_kit.errors import DataError
from salesops_kit.sources.headers import LOOK, header_place

MIXED = "UTF-8 and GB18030"  # lines of both
_CHUNK = 1 << 20
_SNIFF = 1 << 16
_MAX_FIELD = 20_000_000
_MOST_LINES = 1000  # that a quotation mark may swallow
# lines that are UTF-8 by chance in a GB18030 file; lines that must be readable in a text
_FEW_LINES, _MOST_READABLE = 0.3, 0.5
_UNREADABLE = "\ue123"  # private use: marks a line that no encoding reads
_SEPARATOR_LINE = re.compile(r"^\"?sep=(.)\"?\s*$", re.I)
_DELIMITERS = (",", "\t", ";", "|")


@dataclass(frozen=True)
class Layout:
    """How a text file is written: encoding, separator, header, and records above the header."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    above: int
    plain: bool  # can be read as it lies

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about the reading."""
        notes = []
        if self.above:
            notes.append(f"{self.above} lines above the header are passed over")
        if self.encoding == MIXED:
            notes.append("some lines are UTF-8, others GB18030: each is read as what it is")
        return tuple(notes)


def layout(path: Path, name: str, *, has_nul: bool) -> Layout:
    """Find out how a text file is written.

    Raises
    ------
    DataError
        When it is empty, no text, or has no header.
    """
    with path.open("rb") as file:
        head = file.read(_SNIFF)
    if not head.strip():
        raise DataError(f"{name} is empty; export it again")
    encoding = _encoding(path, head, name)
    text = _beginning(path, encoding)
    if not text.replace("\0", "").strip():
        raise DataError(f"{name} is empty; export it again")
    told = _SEPARATOR_LINE.match(text.split("\n", 1)[0].rstrip("\r"))
    delimiter = told[1] if told else _delimiter(text)
    records = _first_records(text, delimiter)
    first = 1 if told else 0
    place = header_place(records[first:])
    if place < 0:
        raise DataError(f"{name} has no header row; export it again with column names")
    header = tuple(cell.strip() for cell in records[first + place])
    above = first + place
    plain = encoding in ("utf-8", "utf-8-sig") and not has_nul and not above
    # DuckDB would take an empty first line for the header, and does not know old Mac line ends
    plain = plain and bool(text.split("\n", 1)[0].strip()) and "\n" in text
    return Layout(encoding, delimiter, header, above, plain)


def records(
    path: Path, shape: Layout, broken: list[tuple[int, Sequence[str], str]]
) -> Iterator[tuple[int, Sequence[str]]]:
    """Yield (row number, cells) of each record as wide as the header; others go to `broken`."""
    width = len(shape.header)
    with _Lines(path, shape.encoding) as lines:
        feed = _Feed(lines)
        number, header_seen, above = 0, False, shape.above
        while (record := feed.record(shape.delimiter, width)) is not None:
            number += 1
            if not any(map(str.strip, record)):
                continue
            if above:
                above -= 1
            elif not header_seen:
                header_seen = True
            elif any(_UNREADABLE in cell for cell in record):
                cells = [cell.replace(_UNREADABLE, "") for cell in record]
                broken.append((number, cells, "cannot be read as text"))
            elif len(record) == width:
                yield number, record
            else:
                broken.append((number, record, "ragged"))


def _encoding(path: Path, head: bytes, name: str) -> str:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig" if _decodes(path, "utf-8-sig") else MIXED
    marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    wide = "utf-16" if marked else _wide(head)
    found = (wide if _decodes(path, wide) else "") if wide else _narrow(path)
    if found:
        return found
    raise DataError(
        f"{name} is neither UTF-8 nor GB18030 text throughout; "
        "export it again as UTF-8, or save it so in an editor"
    )


def _narrow(path: Path) -> str:
    """Return UTF-8, GB18030 or both by lines; "" when it is no text."""
    if _decodes(path, "utf-8"):
        return "utf-8"
    own, other, readable = _line_votes(path)
    if own < _FEW_LINES and _decodes(path, "gb18030"):
        return "gb18030"
    return MIXED if readable >= _MOST_READABLE and own + other > 0 else ""


def _wide(head: bytes) -> str:
    """Tell UTF-16 without its mark by where the zero bytes stand."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if max(even, odd) < len(head) / 8 or min(even, odd) > max(even, odd) / 8:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _line_votes(path: Path) -> tuple[float, float, float]:
    """Share of the lines beyond ASCII that are UTF-8, that are GB18030 only; share readable."""
    own = other = lines = unreadable = 0
    with path.open("rb") as file:
        for line in file:
            if line.isascii():
                continue
            lines += 1
            if _reads(line, "utf-8"):
                own += 1
            elif _reads(line, "gb18030"):
                other += 1
            else:
                unreadable += 1
            if lines >= 20_000:
                break
    total = max(lines, 1)
    return own / total, other / total, 1 - unreadable / total


def _reads(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


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


class _Lines:
    """The lines of a file as text; in a file of two encodings each by its own."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._file: Any = (
            path.open("rb") if encoding == MIXED else path.open(encoding=encoding, newline="")
        )
        self._mixed = encoding == MIXED

    def __enter__(self) -> "_Lines":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def readline(self) -> str:
        """Return the next line, "" at the end."""
        line = self._file.readline()
        if not self._mixed:
            return str(line)
        for encoding in ("utf-8", "gb18030"):
            if _reads(line, encoding):
                return str(line.decode(encoding))
        return _UNREADABLE + str(line.decode("utf-8", errors="replace"))


def _beginning(path: Path, encoding: str) -> str:
    with _Lines(path, encoding) as lines:
        if encoding == MIXED:
            text = "".join(lines.readline() for _ in range(LOOK * 5))
        else:
            text = lines._file.read(_SNIFF)
    return text.lstrip("\ufeff")


def _delimiter(text: str) -> str:
    """Return the sign that separates the most cells in the first lines, outside quotes."""
    lines = [line for line in text.splitlines()[:LOOK] if line.strip()]
    bare = re.sub(r'"[^"]*"', "", "\n".join(lines)).split("\n")
    return max(_DELIMITERS, key=lambda sign: max((b.count(sign) for b in bare), default=0))


def _first_records(text: str, delimiter: str) -> list[list[str]]:
    """Return the first records, empty ones left out, as lenient as possible."""
    previous = csv.field_size_limit(_MAX_FIELD)
    found: list[list[str]] = []
    try:
        for record in csv.reader(
            io.StringIO(text.replace("\0", ""), newline=""), delimiter=delimiter
        ):
            if any(cell.strip() for cell in record):
                found.append(record)
            if len(found) > LOOK:
                break
    except csv.Error:
        pass
    finally:
        csv.field_size_limit(previous)
    return found


class _Feed:
    """Records of a CSV, one at a time; an unclosed quote costs its own line, not the rest."""

    def __init__(self, lines: _Lines) -> None:
        self._lines = lines
        self._waiting: list[str] = []
        self._first = True

    def _line(self) -> str:
        line = self._waiting.pop(0) if self._waiting else self._lines.readline()
        if self._first:
            line, self._first = line.lstrip("\ufeff"), False
        return line.replace("\0", "")

    def record(self, delimiter: str, width: int) -> list[str] | None:
        """Return the next record, or None at the end."""
        line = self._line()
        if not line:
            return None
        taken, quotes = [line], line.count('"')
        while quotes % 2 and len(taken) < _MOST_LINES:
            more = self._line()
            if not more:
                break
            taken.append(more)
            quotes += more.count('"')
        record = _split("".join(taken), delimiter)
        if len(taken) > 1 and (len(record) != width or quotes % 2):
            # the quote never closed in a sensible place: give back what it swallowed
            self._waiting[:0] = taken[1:]
            return [taken[0].rstrip("\r\n")]
        return record


def _split(text: str, delimiter: str) -> list[str]:
    previous = csv.field_size_limit(_MAX_FIELD)
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    except csv.Error:
        return [text[:1000]]
    finally:
        csv.field_size_limit(previous)
