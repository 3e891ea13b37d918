"""Plain tables: canonical headers, or any headers with a mapping file.

    [[files]]
    path = "sales_pipeline.csv"
    table = "deals"
    [files.columns]               # canonical column = header of the file
    deal_id = "opportunity_id"
    stage = "deal_stage"
    [files.constants]             # the same value in every row
    currency = "USD"
    [[files.stage_dates]]         # a column that tells when a stage was entered
    stage = "needs"
    column = "engage_date"

A file may be listed several times, once per table it feeds. For a database, an entry has
`table_in_database = "crm.opportunities"` or `query = "SELECT …"` in place of `path`.
"""

import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from salesops_kit import schema
from salesops_kit.errors import DataError
from salesops_kit.sources.mapping import Dialect, Plan, all_columns, lacking, plan_for
from salesops_kit.sources.tabular import Sheet

MAPPING_FILE = "mapping.toml"
TABLES_DIALECT = Dialect(name="tables")


class _StageDate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    stage: str
    column: str


class Entry(BaseModel):
    """One entry of the mapping: where rows come from, and the table and columns they fill."""

    model_config = ConfigDict(extra="forbid")
    path: str = ""
    sheet: str = ""
    table_in_database: str = ""
    query: str = ""
    table: str
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    stage_dates: list[_StageDate] = []

    @model_validator(mode="after")
    def _one_origin(self) -> "Entry":
        if bool(self.path) + bool(self.table_in_database) + bool(self.query) != 1:
            raise ValueError("needs one of path, table_in_database and query")
        return self


class _Mapping(BaseModel):
    model_config = ConfigDict(extra="forbid")
    files: list[Entry]


Planner = Callable[[Sheet], list[Plan]]


def mapped_plans(root: Path, mapping: Path | str | None, dialect: Dialect) -> Mapping[str, Planner]:
    """Return, per file name of the mapping, what to read from it; nothing when there is none.

    Raises
    ------
    DataError
        When the mapping is no TOML, names a file, table, column or header that does not exist.
    """
    file = Path(mapping) if mapping else root / MAPPING_FILE
    if not file.is_file():
        if mapping:
            raise DataError(f"{file} does not exist; give the mapping file")
        return {}
    listed: dict[str, list[Entry]] = {}
    for entry in _read(file).files:
        if not entry.path:
            raise DataError(
                f"{file.name}: table_in_database and query are read from a database only; give path"
            )
        if not (root / entry.path).is_file():
            raise DataError(f"{file.name}: files.path {entry.path!r} does not exist in the folder")
        _check(entry, file.name)
        listed.setdefault(entry.path, []).append(entry)
    return {
        path: lambda sheet, entries=entries: [  # type: ignore[misc]
            plan_of(sheet, entry, dialect) for entry in entries if entry.sheet in ("", sheet.sheet)
        ]
        for path, entries in listed.items()
    }


def mapped_queries(mapping: Path | str | None) -> list[Entry]:
    """Return the entries of a mapping for a database; nothing when there is no mapping.

    Raises
    ------
    DataError
        As `mapped_plans`, and when an entry names a file.
    """
    if mapping is None:
        return []
    file = Path(mapping)
    if not file.is_file():
        raise DataError(f"{file} does not exist; give the mapping file")
    entries = _read(file).files
    for entry in entries:
        if entry.path:
            raise DataError(
                f"{file.name}: files.path {entry.path!r} is no place in a database; "
                "give table_in_database or query"
            )
        _check(entry, file.name)
    return entries


def _read(file: Path) -> _Mapping:
    try:
        return _Mapping.model_validate(tomllib.loads(file.read_text("utf-8-sig")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{file.name} is not TOML in UTF-8: {error}") from error
    except ValidationError as error:
        first: Any = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise DataError(f"{file.name}: {key}: {first['msg'].lower()}") from error


def _check(entry: Entry, name: str) -> None:
    if entry.table not in schema.TABLES:
        raise DataError(f"{name}: there is no table {entry.table!r}; see data/README.md")
    known = {*all_columns(entry.table), *schema.TABLES[entry.table].column_names}
    for column in [*entry.columns, *entry.constants]:
        if column not in known and not column.startswith("x_"):
            raise DataError(
                f"{name}: {entry.table} has no column {column!r}; see data/README.md, "
                "or use a name of your own that starts with 'x_'"
            )


def plan_of(sheet: Sheet, entry: Entry, dialect: Dialect) -> Plan:
    """Return what an entry reads from a sheet.

    Raises
    ------
    DataError
        When it names a header the sheet lacks, or names none for a column that must be there.
    """
    headers = set(sheet.header)
    wanted = [*entry.columns.values(), *(s.column for s in entry.stage_dates)]
    for header in wanted:
        if header not in headers:
            raise DataError(
                f"{sheet.file} has no column {header!r}; it has {', '.join(sheet.header)}"
            )
    own = {header: column for column, header in entry.columns.items()}
    plan = plan_for(entry.table, sheet.header, dialect, own)
    twice = {c: sheet.header.index(h) for c, h in entry.columns.items()}
    renamed = {"stage": "stage_label", "amount": "amount_source"} if entry.table == "deals" else {}
    columns = {**plan.columns, **{renamed.get(c, c): p for c, p in twice.items()}}
    constants = {renamed.get(c, c): v for c, v in entry.constants.items()}
    dates = tuple((s.stage, sheet.header.index(s.column)) for s in entry.stage_dates)
    used = {*columns.values(), *(position for _, position in dates)}
    unknown = tuple(h for i, h in enumerate(sheet.header) if i not in used and h)
    columns = {c: p for c, p in columns.items() if c not in constants}
    made = Plan(entry.table, columns, unknown, constants, dates,
                status_column=plan.status_column if "status" in headers else None)  # fmt: skip
    if missing := lacking(made):
        raise DataError(
            f"{entry.table} needs {' and '.join(missing)}: name the header in the mapping under "
            "[files.columns], or give every row the same under [files.constants]"
        )
    return made
