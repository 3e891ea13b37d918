"""Recognise what a sheet holds: file name and headers → table, header → canonical column."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from salesops_kit import schema

# Columns an export may have instead of an id; resolved after all tables are read, then dropped.
HELPERS: dict[str, tuple[schema.Column, ...]] = {
    table: tuple(schema.Column(name, "text", "name to look an id up by") for name in names)
    for table, names in {
        "deals": ("account_name", "department"),
        "stage_history": ("deal_name", "moved_from", "field", "pipeline"),
        "snapshots": (),
        "contacts": ("account_name", "owner_name", "first_name", "last_name"),
        "leads": ("first_name", "last_name"),
        "reps": ("first_name", "last_name"),
        "accounts": ("owner_name",),
        "activities": ("account_name", "deal_name", "owner_name"),
        "orders": ("account_name", "deal_name", "owner_name", "currency"),
        "payments": ("order_number", "account_name", "currency"),
        "deal_lines": ("deal_name", "currency"),
        "feedback": ("account_name",),
    }.items()
}
# Never read from a file: the importer computes them.
_COMPUTED = {"source_system", "extracted_at"}
_STAGED = {
    "deals": ("stage", "stage_rank", "status", "amount"),
    "stage_history": ("stage", "stage_rank", "stage_category", "seq"),
    "snapshots": ("stage", "stage_rank", "stage_category"),
}
# What a header of a computed column's name really holds.
_READ_AS = {
    "deals": {"stage": "stage_label", "amount": "amount_source"},
    "stage_history": {"stage": "stage_label"},
    "snapshots": {"stage": "stage_label"},
}
STATUS_HEADERS = ("status",)
# a unit in brackets after a header, and what it multiplies by
_UNITS = {"千元": 1e3, "千": 1e3, "万元": 1e4, "万": 1e4, "百万元": 1e6, "百万": 1e6, "亿元": 1e8,
          "亿": 1e8, "人民币万元": 1e4, "k": 1e3, "thousands": 1e3,
          "inthousands": 1e3, "m": 1e6, "millions": 1e6, "inmillions": 1e6}  # fmt: skip
_UNIT = re.compile(
    rf"\(({'|'.join(_UNITS)}|元|人民币|人民币元|人民币万元|rmb|cny|usd|eur|¥|￥|\$|€)\)$"
)


@dataclass(frozen=True)
class Dialect:
    """How one system writes its exports.

    `files`: (pattern of the folded file name, table), first match wins. `columns`: per table, per
    canonical column, the headers that mean it, best first. `ignored`: headers that carry nothing
    of ours. `status_words`: terminal states by a status column, where labels are the tenant's;
    `won_headers`, `closed_headers`: yes/no columns that say the same. `prefixes`: what loaders put
    before a field's name. `stage_dates`: patterns of headers that hold the day a stage was entered,
    with the stage's label in the first group. `stage_files`: pattern of the folded name of a file
    that defines pipelines' stages (`sources.pipelines`). `long_ids`: ids of 15 characters are
    completed to 18. `history_repeats`: the history has rows in which the stage did not change.
    `deal_prefix`: what the id of a deal begins with, where activities may name other records.
    """

    name: str
    files: tuple[tuple[str, str], ...] = ()
    columns: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    status_words: Mapping[str, str] = field(default_factory=dict)
    won_headers: tuple[str, ...] = ()
    closed_headers: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    stage_dates: tuple[str, ...] = ()
    stage_files: str = ""
    long_ids: bool = False
    history_repeats: bool = False
    deal_prefix: str = ""
    status_headers: tuple[str, ...] = ()
    history_from_snapshots: bool = False


@dataclass(frozen=True)
class Plan:
    """What to read from one sheet: for each canonical column, the position of its header."""

    table: str
    columns: Mapping[str, int]
    unknown: tuple[str, ...] = ()
    constants: Mapping[str, str] = field(default_factory=dict)
    stage_dates: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    status_column: int | None = None
    scales: Mapping[str, float] = field(default_factory=dict)
    won_column: int | None = None
    closed_column: int | None = None

    @property
    def has_status(self) -> bool:
        """Tell whether something beside the stage says that a deal is closed."""
        return self.status_column is not None or self.won_column is not None


def fold_header(header: str) -> str:
    """Fold a header: width, case, spaces, underscores and marks of mandatory fields do not count.

    >>> fold_header("商机名称（必填）"), fold_header("Deal_Owner.id")
    ('商机名称', 'dealowner.id')
    """
    folded = unicodedata.normalize("NFKC", header).casefold()
    folded = re.sub(r"\((必填|required)\)|\*", "", folded)
    return re.sub(r"[\s_﻿'\"]+", "", folded)


def all_columns(table: str) -> dict[str, schema.Column]:
    """Return the columns of a table that are read, by name: its own and the helpers."""
    computed = _COMPUTED | set(_STAGED.get(table, ()))
    own = [c for c in schema.TABLES[table].columns if not c.derived_from and c.name not in computed]
    return {c.name: c for c in (*own, *HELPERS.get(table, ()))}


def recognise(
    name: str, header: Sequence[str], dialect: Dialect, fields: Mapping[str, Mapping[str, str]]
) -> Plan | None:
    """Find the table a sheet holds and map its headers; None when it is nothing of ours.

    `fields` are the settings' own mappings, per table header → column; they win.
    """
    table = _table_by_name(name, dialect)
    if table == "":
        return None  # the dialect knows the file, and that it holds nothing of ours
    candidates = [table] if table else list(schema.TABLES)
    plans = [plan_for(t, header, dialect, fields.get(t, {})) for t in candidates]
    usable = [p for p in map(_named_by_name, plans) if not lacking(p)]
    if not usable:
        return None
    best = max(usable, key=lambda p: len(p.columns))
    enough = table is not None or len(best.columns) >= max(3, len(header) // 3)
    return best if enough else None


def why_not(
    name: str, header: Sequence[str], dialect: Dialect, fields: Mapping[str, Mapping[str, str]]
) -> str:
    """Return why a sheet that `recognise` passes over holds nothing of ours."""
    table = _table_by_name(name, dialect)
    if not table:
        return "its name and columns are those of no table"
    missing = lacking(_named_by_name(plan_for(table, header, dialect, fields.get(table, {}))))
    return f"it should hold {table}, but no column tells {' and '.join(missing)}"


def _named_by_name(plan: Plan) -> Plan:
    """Let the name stand for the id of deals and accounts that were exported without one."""
    key = {"deals": "deal_id", "accounts": "account_id"}.get(plan.table)
    if key is None or key in plan.columns or "name" not in plan.columns:
        return plan
    columns = {key: plan.columns["name"], **plan.columns}
    note = f"{plan.table}: exported without ids, so the name stands for the id; export the id too"
    return replace(plan, columns=columns, notes=(*plan.notes, note))


def plan_for(table: str, header: Sequence[str], dialect: Dialect, own: Mapping[str, str]) -> Plan:
    """Map the headers of a sheet to the columns of `table`."""
    folded: dict[str, int] = {}
    for position, title in enumerate(header):
        bare = _bare(fold_header(title), dialect)
        folded.setdefault(bare, position)
        folded.setdefault(_UNIT.sub("", bare), position)
    renamed = _READ_AS.get(table, {})
    columns = {renamed.get(column, column): folded[fold_header(h)] for h, column in own.items()
               if fold_header(h) in folded}  # fmt: skip
    aliases = dialect.columns.get(table, {})
    canonical = {target: name for name, target in renamed.items()}
    for column in all_columns(table):
        if column in columns:
            continue
        own_names = (column, canonical[column]) if column in canonical else (column,)
        for alias in (*aliases.get(column, ()), *own_names):
            place = folded.get(fold_header(alias))
            if place is not None and place not in columns.values():
                columns[column] = place
                break
    known = {fold_header(h) for h in dialect.ignored}
    known |= {fold_header(a) for names in aliases.values() for a in names}
    status = _status_column(table, folded, dialect)
    status = None if status in columns.values() else status
    flags = _flags(table, folded, dialect)
    dates = _stage_dates(table, header, dialect)
    used = {*columns.values(), *flags, *(position for _, position in dates)}
    unknown = tuple(
        title
        for position, title in enumerate(header)
        if position not in used
        and (
            _bare(fold_header(title), dialect) not in known
            or folded[_bare(fold_header(title), dialect)] != position
        )
        and position != status
        and title.strip()
    )
    won, closed = (*flags, None, None)[:2] if len(flags) == 2 else (None, None)
    money = {c.name for c in all_columns(table).values() if c.type == "money"}
    scales = {
        column: scale
        for column, place in columns.items()
        if column in money and (scale := _scale(fold_header(header[place]))) != 1
    }
    return Plan(table, columns, unknown, stage_dates=dates, status_column=status, scales=scales,
                won_column=won, closed_column=closed)  # fmt: skip


def _scale(folded: str) -> float:
    """Return by how much a header's unit multiplies: 金额(万元) is in tens of thousands."""
    found = _UNIT.search(folded)
    return _UNITS.get(found[1], 1.0) if found else 1.0


def _bare(folded: str, dialect: Dialect) -> str:
    """Take away what a loader put before the field's name."""
    for prefix in dialect.prefixes:
        if folded.startswith(prefix) and len(folded) > len(prefix):
            return folded.removeprefix(prefix)
    return folded


def _flags(table: str, folded: Mapping[str, int], dialect: Dialect) -> tuple[int, ...]:
    """Positions of the columns that say whether a deal is won and whether it is closed."""
    if table != "deals":
        return ()
    found = [
        next((folded[fold_header(h)] for h in headers if fold_header(h) in folded), None)
        for headers in (dialect.won_headers, dialect.closed_headers)
    ]
    return tuple(f for f in found if f is not None) if None not in found else ()


def _stage_dates(
    table: str, header: Sequence[str], dialect: Dialect
) -> tuple[tuple[str, int], ...]:
    if table != "deals":
        return ()
    return tuple(
        (match[1], position)
        for position, title in enumerate(header)
        for pattern in dialect.stage_dates
        if (match := re.fullmatch(pattern, title.strip(), flags=re.I))
    )


def _status_column(table: str, folded: Mapping[str, int], dialect: Dialect) -> int | None:
    """Position of the column that says whether a deal is open, won, lost or invalid."""
    for header in (*dialect.status_headers, *STATUS_HEADERS) if table == "deals" else ():
        if fold_header(header) in folded:
            return folded[fold_header(header)]
    return None


def _table_by_name(name: str, dialect: Dialect) -> str | None:
    stem = fold_header(
        re.sub(r"\.(csv|txt|tsv|xlsx|xlsm)$", "", name.rsplit("/", 1)[-1], flags=re.I)
    )
    bare = re.sub(r"[-.]?\d{4,}[-.\d]*$", "", stem).rstrip("-.")
    for table in schema.TABLES:
        if bare == fold_header(table):
            return table
    for pattern, table in dialect.files:
        if re.search(pattern, stem):
            return table
    return None


def lacking(plan: Plan) -> list[str]:
    """Return the columns without which no row of the table can be used, by their own names."""
    needed = {c.name for c in all_columns(plan.table).values() if c.required}
    needed -= set(_FILLED_LATER.get(plan.table, ()))
    needed |= {"stage_label"} if plan.table in _STAGED and plan.table != "snapshots" else set()
    instead = _INSTEAD.get(plan.table, {})
    have = set(plan.columns) | set(plan.constants)
    if "field" in have:
        needed.discard("stage_label")
    absent = sorted(name for name in needed if name not in have and instead.get(name) not in have)
    return ["stage" if name == "stage_label" else name for name in absent]


# Required columns that the importer can number itself, and names that may stand for an id.
_FILLED_LATER = {"activities": ("activity_id",), "deal_lines": ("line_id",)}
_INSTEAD = {
    "stage_history": {"deal_id": "deal_name"},
    "deal_lines": {"deal_id": "deal_name"},
}
