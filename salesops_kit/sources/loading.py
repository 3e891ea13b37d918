"""One sheet → a staging table of parsed values, with every unusable row set aside.

Optimistic: the first reading assumes clean columns. Only when values fail are decisions made
over whole columns (day/month order, percentages) and the sheet read again.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import duckdb

from salesops_kit import schema
from salesops_kit.errors import DataError
from salesops_kit.settings import Settings
from salesops_kit.sources import values
from salesops_kit.sources.mapping import Dialect, Plan, all_columns
from salesops_kit.sources.reasons import SUBTOTAL, SUBTOTALS, no_record, repeated
from salesops_kit.sources.stages import StageMap, remedy
from salesops_kit.sources.tabular import RejectedRow, Sheet, raw_records, relation, rewritten

STAGED_TABLES = ("deals", "stage_history", "snapshots")
_SUBTOTAL_BIT = 62
_STAGE_FIELDS = ("stage", "stagename", "stage_name", "dealstage", "sales_stage", "阶段", "商机阶段")
_MAX_SHOWN = 1000


@dataclass
class Staged:
    """A sheet in staging: `name` is a DuckDB table or view of its usable rows."""

    sheet: Sheet
    plan: Plan
    name: str
    read: int
    rejects: list[RejectedRow]
    extracted_at: datetime | None
    notes: list[str] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)
    superseded: int = 0

    @property
    def accepted(self) -> int:
        """Rows that were used or superseded by a newer export."""
        return self.read - len(self.rejects)

    @property
    def columns(self) -> list[str]:
        """Columns the staging table holds beside the bookkeeping ones."""
        return [*self.plan.columns, *self.plan.constants]


class Loader:
    """Loads sheets into one DuckDB connection."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        settings: Settings,
        dialect: Dialect,
        *,
        prefix: str,
    ) -> None:
        self._db = connection
        self._prefix = prefix
        self._settings = settings
        self._stages = StageMap(settings, dialect.status_words)
        self._long_ids = dialect.long_ids
        self._count = 0

    def load(self, sheet: Sheet, plan: Plan, scratch: Any) -> Staged:
        """Read a sheet by its plan.

        Raises
        ------
        DataError
            When the sheet cannot be read even after rewriting.
        """
        self._count += 1
        name = f"{self._prefix}_{self._count}_{plan.table}"
        sheet, readings = self._read(sheet, plan, name, scratch)
        if (signed := _with_signs(plan, readings)) is not plan:
            plan = signed
            sheet, readings = self._read(sheet, plan, name, scratch)
        staged = Staged(sheet, plan, name, 0, list(sheet.broken), extracted_at(sheet.file))
        staged.read = self._one(f"SELECT count(*) FROM {name}") + len(sheet.broken)
        percent = self._percentages(staged, readings)
        readings |= {c: replace(readings[c], percent=True) for c in percent}
        staged.notes = [*sheet.notes, *_notes(readings), *plan.notes]
        staged.notes += [f"{c}: written in units of {s:,.0f}" for c, s in plan.scales.items()]
        bad = self._bad_rows(staged)
        bad.update(self._repeated(staged, bad))
        mapped = self._map_stages(staged, bad) if plan.table in STAGED_TABLES else ""
        self._set_aside(staged, bad)
        self._publish(staged, bad, mapped, percent)
        return staged

    def _one(self, sql: str) -> Any:
        row = self._db.execute(sql).fetchone()
        return row[0] if row else None

    def _read(
        self, sheet: Sheet, plan: Plan, name: str, scratch: Any
    ) -> tuple[Sheet, dict[str, values.Reading]]:
        kinds = _kinds(plan)
        long_ids = {c for c, kind in kinds.items() if kind == "id" and self._long_ids}
        readings = {
            c: values.Reading(zone=self._settings.company.time_zone, thorough=c in long_ids,
                              long_ids=c in long_ids)
            for c in plan.columns
        }  # fmt: skip
        try:
            self._stage(sheet, plan, name, readings)
        except duckdb.InvalidInputException:
            sheet = rewritten(sheet, scratch)
            try:
                self._stage(sheet, plan, name, readings)
            except duckdb.Error as error:
                raise DataError(f"{sheet.label} cannot be read: {_first_line(error)}") from error
        decided = self._decide(sheet, plan, name, readings)
        if decided != readings:
            self._stage(sheet, plan, name, decided)
        return sheet, decided

    def _stage(
        self, sheet: Sheet, plan: Plan, name: str, readings: Mapping[str, values.Reading]
    ) -> None:
        """Read the values, and mark per row which of its columns cannot be read."""
        kinds, required = _kinds(plan), _required(plan)
        inner, bits = [], []
        for bit, (column, position) in enumerate(plan.columns.items()):
            text, kind, reading = f"c{position}", kinds[column], readings[column]
            value = f'"{column}"'
            if reading.thorough:
                inner.append(f"{values.parsed(text, kind, reading)} AS {value}")
                wrong = f"({value} IS NULL AND NOT {values.is_missing(text)})"
            else:
                inner.append(f"{values.quick(text, kind)} AS {value}")
                wrong = values.doubtful(value, text, kind)
            conditions = [] if kind == "text" else [wrong]
            conditions += [f"{value} IS NULL"] if column in required else []
            if conditions:
                failed = " OR ".join(conditions)
                bits.append(f"CASE WHEN {failed} THEN {1 << bit}::BIGINT ELSE 0 END")
        key = plan.columns.get(schema.TABLES[plan.table].key[0])
        if key is not None:
            again = sheet.header[key].replace("'", "''")
            words = ", ".join([*(f"'{word}'" for word in SUBTOTALS), f"'{again}'"])
            bits.append(
                f"CASE WHEN c{key} IN ({words}) THEN {1 << _SUBTOTAL_BIT}::BIGINT ELSE 0 END"
            )
        inner += self._extras(plan)
        raw = ", ".join(f"c{i}" for i in range(len(sheet.header)))
        quoted = [f'"{column}"' for column, reading in readings.items() if reading.long_ids]
        whole = [f"{values.completed(column)} AS {column}" for column in quoted]
        replaced = f" REPLACE ({', '.join(whole)})" if whole else ""
        self._db.execute(
            f"CREATE OR REPLACE TABLE {name} AS "
            f"SELECT * EXCLUDE ({raw}){replaced}, {' + '.join(bits) or '0::BIGINT'} AS __bad "
            f"FROM (SELECT {', '.join([*inner, raw])} FROM {relation(sheet)})"
        )

    def _extras(self, plan: Plan) -> list[str]:
        """Constants of a mapping, the status column, and per-stage dates."""
        parts = [f"'{_quoted(value)}' AS \"{c}\"" for c, value in plan.constants.items()]
        if plan.won_column is not None:
            won, closed = (
                f"coalesce({values.parsed(f'c{place}', 'boolean', values.Reading())}, false)"
                for place in (plan.won_column, plan.closed_column)
            )
            parts.append(
                f"CASE WHEN {won} THEN 'won' WHEN {closed} THEN 'lost' ELSE '' END AS __status"
            )
        elif plan.status_column is not None:
            parts.append(f"coalesce(trim(c{plan.status_column}), '') AS __status")
        zone = values.Reading(zone=self._settings.company.time_zone)
        parts += [
            f"{values.moment(f'c{position}', zone)} AS __stage_date_{number}"
            for number, (_, position) in enumerate(plan.stage_dates)
        ]
        return parts

    def _decide(
        self, sheet: Sheet, plan: Plan, name: str, readings: Mapping[str, values.Reading]
    ) -> dict[str, values.Reading]:
        """Columns with doubtful values are read thoroughly, with decisions over the column."""
        decided = dict(readings)
        failing = self._one(f"SELECT bit_or(__bad) FROM {name}") or 0
        for bit, (column, kind) in enumerate(_kinds(plan).items()):
            if not failing & (1 << bit):
                continue
            text = f"c{plan.columns[column]}"
            change: dict[str, Any] = {"thorough": True}
            if kind == "share":
                change["percent"] = bool(self._one(
                    f"SELECT coalesce(max({values.number(text)}) > 1, false) "
                    f"FROM {relation(sheet)} WHERE NOT contains({text}, '%') "
                    f"AND NOT contains({text}, '％')"
                ))  # fmt: skip
            elif kind in ("date", "datetime"):
                change["date_order"] = self._date_order(sheet, text)
            decided[column] = replace(readings[column], **change)
        return decided

    def _percentages(self, staged: Staged, readings: Mapping[str, values.Reading]) -> list[str]:
        """Share columns, read quickly, whose numbers are percentages."""
        found = []
        for column, kind in _kinds(staged.plan).items():
            if kind == "share" and not readings[column].thorough:
                top = self._one(f'SELECT max("{column}") FROM {staged.name}')
                if top is not None and top > 1:
                    found.append(column)
        return found

    def _date_order(self, sheet: Sheet, text: str) -> values.DateOrder:
        first, second = values.date_parts(text)
        row = self._db.execute(
            f"SELECT max({first}), max({second}) FROM {relation(sheet)} "
            f"WHERE {values.has_unordered_date(text)}"
        ).fetchone()
        if row is None or row[0] is None:
            return "unknown"
        day_first, month_first = row[0] > 12, (row[1] or 0) > 12
        if day_first and month_first:
            return "mixed"
        return "day_first" if day_first else "month_first" if month_first else "unknown"

    def _bad_rows(self, staged: Staged) -> dict[int, str]:
        """Positions (1 is the first after the header) of rows with unreadable or missing values."""
        rows = self._db.execute(
            f"SELECT rowid + 1, __bad FROM {staged.name} WHERE __bad <> 0"
        ).fetchall()
        columns = list(staged.plan.columns)
        bad = {}
        for position, mask in rows:
            if mask & (1 << _SUBTOTAL_BIT):
                bad[position] = "__subtotal"
            else:
                bad[position] = ",".join(c for bit, c in enumerate(columns) if mask & (1 << bit))
        return bad

    def _repeated(self, staged: Staged, bad: Mapping[int, str]) -> dict[int, str]:
        """Positions of rows whose key stands in an earlier row of the same sheet."""
        key = _sheet_key(staged.plan)
        if not key:
            return {}
        names = ", ".join(f'"{column}"' for column in key)
        some = self._one(
            f"SELECT count(*) - count(DISTINCT hash({names})) FROM {staged.name} WHERE __bad = 0"
        )
        if not some:
            return {}
        rows = self._db.execute(
            f"SELECT position, first FROM (SELECT rowid + 1 AS position, "
            f"min(rowid + 1) OVER (PARTITION BY {names}) AS first "
            f"FROM {staged.name} WHERE __bad = 0) WHERE position > first"
        ).fetchall()
        return {position: f"__repeats:{first}" for position, first in rows if position not in bad}

    def _map_stages(self, staged: Staged, bad: dict[int, str]) -> str:
        """Map labels; rows whose label nobody knows go to `bad`. Returns the map's table name."""
        if "stage_label" not in staged.columns:
            return ""
        keys = _label_keys(staged)
        listed = ", ".join(f'coalesce("{k}", \'\') AS "{k}"' for k in keys)
        used = _used_rows(staged)
        found = self._db.execute(
            f"SELECT {listed}, count(*) FROM {staged.name} WHERE {used} GROUP BY ALL"
        ).fetchall()
        table = f"{staged.name}_map"
        columns = ", ".join(f'"{k}" VARCHAR' for k in keys)
        self._db.execute(
            f"CREATE OR REPLACE TABLE {table} ({columns}, to_pipeline VARCHAR, "
            "to_stage VARCHAR, to_rank BIGINT, to_category VARCHAR)"
        )
        missing = False
        for *labels, rows in found:
            given = dict(zip(keys, labels, strict=True))
            stage = self._stages.find(
                given.get("pipeline", ""), given["stage_label"], given.get("__status", "")
            )
            if stage is None:
                missing = True
                if given["stage_label"]:
                    staged.unmapped[given["stage_label"]] += rows
                continue
            marks = ", ".join("?" for _ in range(len(keys) + 4))
            self._db.execute(
                f"INSERT INTO {table} VALUES ({marks})",
                [*labels, stage.pipeline, stage.stage, stage.rank, stage.category],
            )
        if missing:
            join = _join_condition(keys)
            rows = self._db.execute(
                f"SELECT s.rowid + 1 FROM {staged.name} s ANTI JOIN {table} m ON {join} "
                f"WHERE {used}"
            ).fetchall()
            bad.update({position: "__stage" for (position,) in rows if position not in bad})
        return table

    def _set_aside(self, staged: Staged, bad: Mapping[int, str]) -> None:
        if not bad:
            return
        firsts = {int(m.removeprefix("__repeats:")) for m in bad.values() if "__repeats" in m}
        raw = raw_records(staged.sheet, firsts | set(bad))
        header = staged.sheet.header
        for position in sorted(bad):
            number, record = raw.get(position, (position + 1, ()))
            reason = _reason(bad[position], staged, record, raw)
            staged.rejects.append(replace(reason, row=number, record=record[: len(header)]))
        staged.rejects.sort(key=lambda reject: reject.row)

    def _publish(
        self, staged: Staged, bad: Mapping[int, str], mapped: str, percent: list[str]
    ) -> None:
        """Turn the staging table into a view of usable rows with their stages."""
        source, where = staged.name, "TRUE"
        if bad:
            self._db.execute(f"CREATE OR REPLACE TABLE {source}_bad (position BIGINT)")
            self._db.execute(f"INSERT INTO {source}_bad SELECT unnest(?::BIGINT[])", [list(bad)])
            where = f"(s.rowid + 1) NOT IN (SELECT position FROM {source}_bad)"
        changes = [f'"{c}" / 100 AS "{c}"' for c in percent]
        changes += [f'"{c}" * {scale!r} AS "{c}"' for c, scale in staged.plan.scales.items()]
        scaled = ", ".join(changes)
        row = f"s.*{f' REPLACE ({scaled})' if scaled else ''}, s.rowid AS __order"
        origin = f"{source} s"
        if mapped:
            row += ", m.to_pipeline, m.to_stage, m.to_rank, m.to_category"
            origin += f" JOIN {mapped} m ON {_join_condition(_label_keys(staged))}"
            where += f" AND {_used_rows(staged)}"
        self._db.execute(
            f"CREATE OR REPLACE VIEW {source}_ok AS SELECT {row} FROM {origin} WHERE {where}"
        )
        staged.name = f"{source}_ok"


def extracted_at(name: str) -> datetime | None:
    """Return the day a file name carries, as in Deals_2025_10_05.csv or 结果_20251005.xlsx."""
    import re

    for match in re.finditer(r"(?<!\d)(20\d{2})[-_.]?(\d{2})[-_.]?(\d{2})", name):
        try:
            day = date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            continue
        return datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a day in the export's zone
    return None


def _with_signs(plan: Plan, readings: Mapping[str, values.Reading]) -> Plan:
    """Take the currency from amounts that are written with one, where no column tells it."""
    money = "amount_source" if plan.table == "deals" else "amount"
    told = {*plan.columns, *plan.constants}
    if "currency" in told or "currency" not in all_columns(plan.table) or money not in readings:
        return plan
    if not readings[money].thorough:
        return plan  # bare numbers throughout
    return replace(plan, columns={"currency": plan.columns[money], **plan.columns})


def _kinds(plan: Plan) -> dict[str, schema.ColumnType]:
    known = all_columns(plan.table)
    return {name: known[name].type if name in known else "text" for name in plan.columns}


def _required(plan: Plan) -> frozenset[str]:
    needed = {c.name for c in all_columns(plan.table).values() if c.required}
    if plan.table in ("deals", "stage_history") and not plan.has_status:
        needed.add("stage_label")
    if "field" in plan.columns:
        needed.discard("stage_label")
    return frozenset(needed)


def _sheet_key(plan: Plan) -> tuple[str, ...]:
    if plan.table == "stage_history":
        deal = "deal_id" if "deal_id" in plan.columns else "deal_name"
        names: tuple[str, ...] = (deal, "entered_at", "stage_label", "field")
    elif plan.table == "snapshots":
        return ()
    else:
        names = schema.TABLES[plan.table].key
        if not set(names[:1]) <= {*plan.columns, *plan.constants}:
            return ()
    return tuple(n for n in names if n in plan.columns)


def _used_rows(staged: Staged) -> str:
    """Return the SQL condition of readable rows; of a field history, those about the stage."""
    if "field" not in staged.plan.columns:
        return "__bad = 0"
    fields = ", ".join(f"'{name}'" for name in _STAGE_FIELDS)
    return f"__bad = 0 AND lower(replace(\"field\", ' ', '')) IN ({fields})"


def _label_keys(staged: Staged) -> list[str]:
    keys = [c for c in ("pipeline", "stage_label") if c in staged.columns]
    return keys + (["__status"] if staged.plan.has_status else [])


def _join_condition(keys: list[str]) -> str:
    return " AND ".join(f'coalesce(s."{k}", \'\') = m."{k}"' for k in keys)


def _reason(
    mark: str,
    staged: Staged,
    record: tuple[str, ...],
    raw: Mapping[int, tuple[int, tuple[str, ...]]],
) -> RejectedRow:
    header, plan = staged.sheet.header, staged.plan
    if mark == "__subtotal" and tuple(cell.strip() for cell in record) == header:
        return RejectedRow(0, "", "", "the header again, not a record", "remove the repetition")
    if mark == "__subtotal" or any(cell.strip() in SUBTOTALS for cell in record[:3]):
        return RejectedRow(0, "", "", *SUBTOTAL)
    if mark.startswith("__repeats:"):
        first = int(mark.removeprefix("__repeats:"))
        key = _sheet_key(plan)[0]
        number, before = raw.get(first, (first + 1, ()))
        said = repeated(_title(plan, header, key), number, before, record, header)
        return RejectedRow(0, _title(plan, header, key), _cell(plan, record, key), *said)
    if mark == "__stage":
        label = _cell(plan, record, "stage_label")
        title = _title(plan, header, "stage_label")
        return RejectedRow(
            0, title, label, f"stage {label!r} is not mapped", remedy([label or "?"])
        )
    if aside := no_record(record, len(header)):
        return RejectedRow(0, "", "", *aside)
    columns = mark.split(",")
    kinds = _kinds(plan)
    column = columns[0]
    value = _cell(plan, record, column)
    if value.strip() in values.MISSING_WORDS:
        reason, cure = "the value is missing", "fill it in the CRM and export again"
    else:
        reason, cure = values.problem(kinds[column])
    if len(columns) > 1:
        others = ", ".join(_title(plan, header, c) for c in columns[1:])
        reason += f"; also wrong: {others}"
    return RejectedRow(0, _title(plan, header, column), value[:_MAX_SHOWN], reason, cure)


def _title(plan: Plan, header: tuple[str, ...], column: str) -> str:
    return header[plan.columns[column]] if column in plan.columns else column


def _cell(plan: Plan, record: tuple[str, ...], column: str) -> str:
    position = plan.columns.get(column, -1)
    return record[position] if 0 <= position < len(record) else ""


def _notes(readings: Mapping[str, values.Reading]) -> list[str]:
    words = {
        "day_first": "dates are read day first (some day is above 12)",
        "month_first": "dates are read month first (some day is above 12)",
        "mixed": "some dates only make sense day first, others month first: all refused",
        "unknown": "",
    }
    notes = []
    for column, reading in readings.items():
        if reading.percent:
            notes.append(f"{column}: numbers above 1 occur, so bare numbers are percentages")
        if words[reading.date_order]:
            notes.append(f"{column}: {words[reading.date_order]}")
    return notes


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _quoted(text: str) -> str:
    return text.replace("'", "''")
