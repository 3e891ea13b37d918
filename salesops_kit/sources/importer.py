"""One atomic import: a folder of exports → canonical tables, rejects and a record of both."""

import hashlib
import shutil
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from salesops_kit import schema
from salesops_kit.errors import DataError, ParameterError
from salesops_kit.settings import FILE_NAME, Settings, load_settings
from salesops_kit.sources import finish, history, publish
from salesops_kit.sources.fxiaoke import FXIAOKE
from salesops_kit.sources.loading import Loader, Staged
from salesops_kit.sources.mapping import Dialect, recognise
from salesops_kit.sources.rejects import write_rejects
from salesops_kit.sources.tables import TABLES_DIALECT, mapped_plans
from salesops_kit.sources.tabular import Sheet, discover, open_sheets
from salesops_kit.sources.zoho import ZOHO

DIALECTS: Mapping[str, Dialect] = {d.name: d for d in (ZOHO, FXIAOKE, TABLES_DIALECT)}
RECORD_VERSION = 1
MEMORY = "1GB"


@dataclass
class ImportResult:
    """What an import did; the same as the workspace's import.json.

    `files`: one entry per sheet with rows_read, accepted, rejected, superseded, mapped and unknown
    columns. accepted + rejected = rows_read, for every file.
    """

    source: str
    workspace: str
    extracted_at: str
    history_quality: schema.HistoryQuality
    files: list[dict[str, Any]] = field(default_factory=list)
    skipped_files: list[dict[str, str]] = field(default_factory=list)
    tables: dict[str, dict[str, int]] = field(default_factory=dict)
    unmapped_stages: dict[str, int] = field(default_factory=dict)
    unknown_columns: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    currency: str = ""
    time_zone: str = ""
    fingerprint: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the record as import.json holds it."""
        return {
            "schema_version": RECORD_VERSION,
            "kit_version": version("salesops_kit"),
            **asdict(self),
        }

    def summary_lines(self) -> list[str]:
        """Return what a person should read after an import."""
        lines = [
            f"{f['file']}: {f['rows_read']:,} rows read into {f['table']}, "
            f"{f['accepted']:,} accepted, {f['rejected']:,} rejected"
            for f in self.files
        ]
        lines += [f"skipped {s['file']}: {s['reason']}" for s in self.skipped_files]
        if self.unmapped_stages:
            listed = ", ".join(f"{k!r} ({n:,} rows)" for k, n in self.unmapped_stages.items())
            lines.append(f"NOT MAPPED stages: {listed}; add them to [stage_labels] in {FILE_NAME}")
        if self.unknown_columns:
            lines.append(f"NOT USED columns: {', '.join(self.unknown_columns)}")
        lines += [f"note: {warning}" for warning in self.warnings]
        tables = ", ".join(f"{name} {t['rows']:,}" for name, t in self.tables.items())
        return [*lines, f"workspace {self.workspace}: {tables}; history {self.history_quality}"]


def import_exports(
    source: str,
    path: Path | str,
    *,
    into: Path | str,
    settings: Settings | None = None,
    mapping: Path | str | None = None,
) -> ImportResult:
    """Read a folder (or file) of exports into a workspace.

    Tables that the export holds replace those of the same source; other tables stay; dated
    exports of the deals accumulate in `snapshots`. The workspace is switched in one rename: an
    interrupted import leaves the old one whole.

    Parameters
    ----------
    source
        "zoho", "fxiaoke", or "tables" (canonical headers, or a mapping file).
    settings
        None takes WORKSPACE/salesops.toml, else PATH/salesops.toml, else the defaults.
    mapping
        For "tables": the mapping file; None takes PATH/mapping.toml if there is one.

    Raises
    ------
    DataError
        When nothing usable is found, or no deal was accepted and none is there.
    """
    if source not in DIALECTS:
        raise ParameterError(f"source is {source!r}; it must be one of {', '.join(DIALECTS)}")
    path, workspace = Path(path), Path(into)
    settings_file = _settings_file(path, workspace)
    chosen = settings or load_settings(settings_file)
    with publish.locked(workspace):
        fresh = publish.new_version(workspace)
        job = _Import(DIALECTS[source], chosen, fresh, publish.current(workspace))
        try:
            result = job.run(path, workspace.resolve().name, mapping)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        finally:
            job.close()
        if settings_file is not None and not (workspace / FILE_NAME).is_file():
            shutil.copyfile(settings_file, workspace / FILE_NAME)
        publish.switch(workspace, fresh, result.as_json())
    return result


def _settings_file(path: Path, workspace: Path) -> Path | None:
    for folder in (workspace, path):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


class _Import:
    """The state of one import: a DuckDB connection, the new version's folder, what was staged."""

    def __init__(
        self, dialect: Dialect, settings: Settings, fresh: Path, previous: Path | None
    ) -> None:
        self.dialect, self.settings = dialect, settings
        self.tables, self.rejects, self.scratch = (
            fresh / "tables", fresh / "rejects", fresh / "scratch",
        )  # fmt: skip
        self.previous = previous
        self.staged: dict[str, list[Staged]] = {}
        self.warnings: list[str] = []
        self.skipped: list[dict[str, str]] = []
        self.quality: schema.HistoryQuality = "none"
        self.stamp: datetime | None = None
        self.db = duckdb.connect(config={"memory_limit": MEMORY})
        self.db.execute(f"SET temp_directory = '{_sql_path(self.scratch / 'spill')}'")
        self.db.execute("SET preserve_insertion_order = true")

    def close(self) -> None:
        self.db.close()

    def run(self, path: Path, name: str, mapping: Path | str | None) -> ImportResult:
        self._stage_all(path, mapping)
        if "deals" not in self.staged and not self._old("deals"):
            raise DataError(
                f"{path} holds no table of deals; found: {self._found() or 'nothing usable'}"
            )
        self._finish()
        return self._record(name)

    # -- staging ---------------------------------------------------------------------------

    def _stage_all(self, path: Path, mapping: Path | str | None) -> None:
        files, skipped = discover(path)
        self.skipped = [{"file": name, "reason": reason} for name, reason in skipped]
        root = path if path.is_dir() else path.parent
        plans = mapped_plans(root, mapping, self.dialect) if self.dialect is TABLES_DIALECT else {}
        loader = Loader(self.db, self.settings, self.dialect)
        for file in files:
            name = file.relative_to(root).as_posix()
            for sheet in self._sheets(file, name):
                self._stage(loader, sheet, plans.get(name))

    def _sheets(self, file: Path, name: str) -> list[Sheet]:
        try:
            return open_sheets(file, name, self.scratch)
        except DataError as error:
            self.skipped.append({"file": name, "reason": str(error)})
            return []

    def _stage(self, loader: Loader, sheet: Sheet, planned: Any) -> None:
        plans = planned(sheet) if planned else None
        if plans is None:
            plan = recognise(sheet.label, sheet.header, self.dialect, self.settings.fields)
            plans = [plan] if plan else []
        if not plans:
            reason = "its name and columns are those of no table"
            self.skipped.append({"file": sheet.label, "reason": reason})
        for plan in plans:
            staged = loader.load(sheet, plan, self.scratch)
            write_rejects(self.rejects, staged.sheet, staged.rejects)
            if staged.read != staged.accepted + len(staged.rejects):
                raise DataError(f"{sheet.label}: rows were lost; this is a defect of the kit")
            self.staged.setdefault(plan.table, []).append(staged)

    def _found(self) -> str:
        return ", ".join([*self.staged, *(s["file"] for s in self.skipped)])

    # -- finishing -------------------------------------------------------------------------

    def _finish(self) -> None:
        every = [one for staged in self.staged.values() for one in staged]
        self.stamp = max((s.extracted_at for s in every if s.extracted_at), default=None)
        if self.stamp is None:
            self.stamp = self._newest_record()
        for one in every:
            one.extracted_at = one.extracted_at or self.stamp
        views = {t: finish.combined(self.db, t, s) for t, s in self.staged.items()}
        if "reps" in views:
            newest = sorted(enumerate(self.staged["reps"]),
                            key=lambda item: (str(item[1].extracted_at), item[0]))  # fmt: skip
            hr = [rank for rank, (_, one) in enumerate(newest)
                  if one.sheet.file.rsplit("/", 1)[-1].lower().startswith("reps.")]  # fmt: skip
            views["reps"] = finish.hr_wins(self.db, views["reps"], hr)
        self._lookups(views)
        self._history(views)
        for table, view in views.items():
            if table not in ("stage_history", "deals"):
                self._write(table, self._plain(table, view))
        if "deals" in views:
            self._write("deals", self._deals(views["deals"]))
        self._carry_over()

    def _newest_record(self) -> datetime:
        """Newest time among the deals; the file's own time only when there is none."""
        newest: list[datetime] = []
        for one in self.staged.get("deals", []):
            for column in ("created_at", "closed_at", "stage_changed_at", "last_activity_at"):
                if column in one.columns:
                    row = self.db.execute(f"SELECT max({column}) FROM {one.name}").fetchone()
                    newest += [row[0]] if row and row[0] else []
        for one in self.staged.get("stage_history", []):
            if "entered_at" in one.columns:
                row = self.db.execute(f"SELECT max(entered_at) FROM {one.name}").fetchone()
                newest += [row[0]] if row and row[0] else []
        if newest:
            return max(newest)
        times = [s.sheet.source.stat().st_mtime for many in self.staged.values() for s in many]
        return datetime.fromtimestamp(max(times), UTC).replace(tzinfo=None, microsecond=0)

    def _lookups(self, views: Mapping[str, str]) -> None:
        """Name → id tables, for the names that exports carry without an id."""
        needed = set()
        for staged in self.staged.values():
            for one in staged:
                have = set(one.columns)
                needed |= {target for helper, (key, target) in finish.LINKS.items()
                           if helper in have and (key not in have or target != "deals")}  # fmt: skip
        self.lookups: set[str] = set()
        for table in sorted(needed):
            source = views.get(table) or self._old(table)
            if source:
                finish.make_lookup(self.db, table, source)
                self.lookups.add(table)

    def _columns(self, table: str) -> set[str]:
        return {c for one in self.staged[table] for c in one.columns}

    def _plain(self, table: str, view: str) -> str:
        source, have = finish.linked(view, self._columns(table), self.lookups)
        given: dict[str, str] = {}
        if table == "snapshots":
            given = {"stage": "to_stage", "stage_rank": "to_rank", "stage_category": "to_category"}
        key = schema.TABLES[table].key[0]
        if key not in have and table in ("activities", "deal_lines"):
            given[key] = "'row-' || __rank || '-' || (__order + 1)"
        if table == "activities" and "type" not in have:
            given["type"] = self._activity_type()
        if "currency" in have and table in ("orders", "deal_lines", "payments"):
            given["amount"] = finish.reporting_money("amount", "currency", self.settings)
        if table == "leads" and "is_converted" not in have and "converted_at" in have:
            given["is_converted"] = "converted_at IS NOT NULL"
        if table == "reps" and "name" in have:
            given["name"] = finish._bare("name")
        return finish.canonical(table, source, have, system=self.dialect.name, given=given)

    def _activity_type(self) -> str:
        """Zoho exports calls, meetings and tasks as files of their own."""
        newest = sorted(enumerate(self.staged["activities"]),
                        key=lambda item: (str(item[1].extracted_at), item[0]))  # fmt: skip
        kinds = {"call": "call", "meet": "meeting", "event": "meeting", "task": "task",
                 "note": "note"}  # fmt: skip
        cases = "".join(
            f" WHEN {rank} THEN '{kind}'"
            for rank, (_, one) in enumerate(newest)
            for word, kind in kinds.items()
            if word in one.sheet.file.lower()
        )
        return f"CASE __rank{cases} END" if cases else "NULL"

    def _history(self, views: dict[str, str]) -> None:
        if "stage_history" in self.staged:
            deal_of = "l.id|LEFT JOIN lookup_deals l ON l.name = trim(s.deal_name)"
            history.from_exports(self.db, self.staged["stage_history"], deal_of)
            self.quality = "full"
        elif "deals" in self.staged:
            if history.from_stage_dates(self.db, self.staged["deals"], self.settings):
                self.quality = "changes_only"
            elif self._archive_snapshots(views):
                self.quality = "snapshot_diff"
        if self.quality != "none":
            have = {*history._COLUMNS, "seq"}
            rate = "amount"
            entries = f"({history.numbered()})"
            self._write(
                "stage_history",
                finish.canonical(
                    "stage_history", entries, have, system=self.dialect.name,
                    given={"extracted_at": f"TIMESTAMP '{self.stamp}'", "amount": rate},
                ),
            )  # fmt: skip

    def _archive_snapshots(self, views: dict[str, str]) -> bool:
        """Add every dated deals export to `snapshots`; compare them when there are several."""
        columns = ("deal_id", "stage_label", "stage_changed_at", "amount_source", "probability",
                   "expected_close_on", "owner_id", "owner_name", "currency")  # fmt: skip
        parts = []
        for one in self.staged["deals"]:
            have = set(one.columns)
            chosen = ", ".join(f"s.{c}" for c in columns if c in have)
            day = (one.extracted_at or self.stamp or datetime.min).date()
            parts.append(
                f"SELECT {chosen}, s.to_stage, s.to_rank, s.to_category, "
                f"DATE '{day}' AS snapshot_on, {finish._stamp(one)} AS __extracted FROM {one.name} s"
            )
        have = {c for one in self.staged["deals"] for c in one.columns} | {"snapshot_on"}
        self.db.execute(
            f"CREATE OR REPLACE TEMP TABLE new_snapshots AS {' UNION ALL BY NAME '.join(parts)}"
        )
        source, have = finish.linked("new_snapshots", have & {*columns, "snapshot_on"},
                                     self.lookups)  # fmt: skip
        money = finish.reporting_money(
            "amount_source", "currency" if "currency" in have else "NULL", self.settings
        )
        sql = finish.canonical(
            "snapshots", source, have, system=self.dialect.name,
            given={"stage": "to_stage", "stage_rank": "to_rank", "stage_category": "to_category",
                   "amount": money if "amount_source" in have else "NULL"},
        )  # fmt: skip
        old = self._old("snapshots")
        self.db.execute(f"CREATE OR REPLACE TEMP TABLE snaps AS {sql}")
        if old:
            self.db.execute(
                f"INSERT INTO snaps BY NAME SELECT o.* FROM {old} o ANTI JOIN snaps n "
                "ON o.deal_id = n.deal_id AND o.snapshot_on = n.snapshot_on"
            )
        self._write("snapshots", "SELECT * FROM snaps ORDER BY snapshot_on, deal_id")
        return history.from_snapshots(self.db, "snaps", views["deals"])

    def _deals(self, view: str) -> str:
        have = self._columns("deals")
        source, have = finish.linked(view, have, self.lookups)
        given = {"stage": "d.to_stage", "stage_rank": "d.to_rank", "status": "d.to_category"}
        if "to_pipeline" in {r[0] for r in self.db.execute(f"DESCRIBE {view}").fetchall()}:
            given["pipeline"] = "nullif(d.to_pipeline, '')"
        currency = "d.currency" if "currency" in have else "NULL"
        if "amount_source" in have:
            given["amount"] = finish.reporting_money("d.amount_source", currency, self.settings)
            self._warn_of_rates(view, currency.replace("d.", ""), given["amount"])
        joins = []
        if account := self._related("accounts"):
            joins.append(f"LEFT JOIN {account} a ON a.account_id = d.account_id")
            for column in ("region", "industry", "segment"):
                own = f"d.{column}, " if column in have else ""
                given[column] = f"coalesce({own}a.{column})" if own else f"a.{column}"
        given.update(self._closing(have, joins))
        given["team"] = self._team(have, joins)
        if "stage_label" in have:
            given["stage_label"] = "d.stage_label"
        self.db.execute(f"CREATE OR REPLACE TEMP VIEW deal_rows AS SELECT d.* FROM {source} d")
        prefixed = {c: f'd."{c}"' for c in have if c not in given}
        missing_stage_pass = {k: v for k, v in {**prefixed, **given}.items() if v}
        body = finish.canonical("deals", f"deal_rows d {' '.join(joins)}", have,
                                system=self.dialect.name, given=missing_stage_pass)  # fmt: skip
        return body.replace("__extracted", "d.__extracted")

    def _closing(self, have: set[str], joins: list[str]) -> dict[str, str]:
        """When a closed deal closed: as exported, else from history, else the best there is."""
        order = ["d.closed_at"] if "closed_at" in have else []
        if self.quality in ("full", "snapshot_diff"):
            self.db.execute(
                f"CREATE OR REPLACE TEMP TABLE closings AS SELECT deal_id, max(entered_at) AS at "
                f"FROM {history.ENTRIES} WHERE stage_category <> 'open' GROUP BY 1"
            )
            joins.append("LEFT JOIN closings c ON c.deal_id = d.deal_id")
            order.append("c.at")
        for column in ("stage_changed_at", "expected_close_on"):
            if column in have:
                order.append(f"d.{column}::TIMESTAMP")
        if not order:
            return {}
        return {
            "closed_at": f"CASE WHEN d.to_category <> 'open' THEN coalesce({', '.join(order)}) END"
        }

    def _team(self, have: set[str], joins: list[str]) -> str:
        """Team of the owner when the deal was created, else the department exported."""
        own = [f"d.{c}" for c in ("team", "department") if c in have]
        reps = self._related("reps")
        if (
            reps
            and "owner_id" in have | {"owner_id"}
            and ("owner_id" in have or "owner_name" in have)
        ):
            born = "d.created_at" if "created_at" in have else "NULL::TIMESTAMP"
            self.db.execute(
                f"CREATE OR REPLACE TEMP TABLE rep_teams AS SELECT rep_id, team, "
                f"coalesce(valid_from_on, DATE '1900-01-01')::TIMESTAMP AS since FROM {reps} "
                "WHERE team IS NOT NULL QUALIFY row_number() OVER "
                "(PARTITION BY rep_id, coalesce(valid_from_on, DATE '1900-01-01') ORDER BY team) = 1"
            )
            spans = self.db.execute(
                "SELECT count(*) - count(DISTINCT rep_id) FROM rep_teams"
            ).fetchone()
            if spans and spans[0] == 0:
                joins.append("LEFT JOIN rep_teams t ON t.rep_id = d.owner_id")
            else:
                joins.append(
                    "ASOF LEFT JOIN rep_teams t ON t.rep_id = d.owner_id "
                    f"AND coalesce({born}, TIMESTAMP '2999-01-01') >= t.since"
                )
            own.insert(1 if "team" in have else 0, "t.team")
        return f"coalesce({', '.join(own)})" if own else ""

    def _warn_of_rates(self, view: str, currency: str, amount: str) -> None:
        if currency == "NULL":
            return
        sql = amount.replace("d.", "")
        rows = self.db.execute(
            f"SELECT currency, count(*) FROM {view} WHERE amount_source IS NOT NULL "
            f"AND ({sql}) IS NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        for code, count in rows:
            self.warnings.append(
                f"{count:,} deals in {code} have no amount in {self.settings.company.currency}: "
                f"give a rate in {FILE_NAME}, [fx.rates] {code} = …"
            )

    def _related(self, table: str) -> str:
        """The finished table of this import, else the previous version's."""
        new = self.tables / f"{table}.parquet"
        return f"read_parquet('{_sql_path(new)}')" if new.is_file() else self._old(table)

    def _old(self, table: str) -> str:
        if self.previous is None:
            return ""
        file = self.previous / "tables" / f"{table}.parquet"
        return f"read_parquet('{_sql_path(file)}')" if file.is_file() else ""

    def _write(self, table: str, sql: str) -> None:
        """Write a table; rows that other sources delivered earlier stay."""
        old = self._old(table)
        if old and not schema.TABLES[table].kit_owned and table != "snapshots":
            others = f"SELECT * FROM {old} WHERE source_system <> '{self.dialect.name}'"
            row = self.db.execute(f"SELECT count(*) FROM ({others})").fetchone()
            if row and row[0]:
                sql = f"{sql} UNION ALL BY NAME {others}"
        target = _sql_path(self.tables / f"{table}.parquet")
        self.db.execute(f"COPY ({sql}) TO '{target}' (FORMAT parquet)")

    def _carry_over(self) -> None:
        """Tables that this export does not hold stay as they were."""
        if self.previous is None:
            return
        for file in (self.previous / "tables").glob("*.parquet"):
            if not (self.tables / file.name).exists():
                shutil.copyfile(file, self.tables / file.name)
                if file.stem == "stage_history":
                    self.quality = _old_quality(self.previous)

    # -- the record ------------------------------------------------------------------------

    def _record(self, name: str) -> ImportResult:
        every = [one for staged in self.staged.values() for one in staged]
        unmapped: Counter[str] = Counter()
        for one in every:
            unmapped.update(one.unmapped)
        result = ImportResult(
            source=self.dialect.name,
            workspace=name,
            extracted_at=f"{self.stamp:%Y-%m-%dT%H:%M:%S}" if self.stamp else "",
            history_quality=self.quality,
            files=[_file_record(one) for one in every],
            skipped_files=self.skipped,
            tables={t.stem: {"rows": self._rows(t)} for t in sorted(self.tables.glob("*.parquet"))},
            unmapped_stages=dict(sorted(unmapped.items())),
            unknown_columns=[f"{o.sheet.label}: {c}" for o in every for c in o.plan.unknown],
            warnings=self.warnings,
            currency=self.settings.company.currency,
            time_zone=self.settings.company.time_zone,
            fingerprint=self._fingerprint(every),
        )
        deals = result.tables.get("deals", {}).get("rows", 0)
        if deals == 0:
            raise DataError("\n".join(["no deal could be used", *result.summary_lines()]))
        limit = self.settings.thresholds.max_reject_share
        for entry in result.files:
            if entry["rows_read"] and entry["rejected"] / entry["rows_read"] > limit:
                raise DataError(
                    f"{entry['file']}: {entry['rejected']} of {entry['rows_read']} rows rejected, "
                    f"more than thresholds.max_reject_share = {limit}"
                )
        return result

    def _rows(self, file: Path) -> int:
        row = self.db.execute(f"SELECT count(*) FROM read_parquet('{_sql_path(file)}')").fetchone()
        return int(row[0]) if row else 0

    def _fingerprint(self, every: list[Staged]) -> str:
        digest = hashlib.sha256(self.settings.model_dump_json().encode())
        for one in sorted(every, key=lambda s: (s.sheet.label, s.plan.table)):
            digest.update(f"{one.sheet.label}{one.plan.table}{one.sheet.sha256}".encode())
        if self.previous is not None and (self.previous / "tables" / "snapshots.parquet").is_file():
            digest.update(str(self._rows(self.tables / "snapshots.parquet")).encode())
        return digest.hexdigest()


def _file_record(one: Staged) -> dict[str, Any]:
    return {
        "file": one.sheet.label,
        "table": one.plan.table,
        "format": one.sheet.format,
        "encoding": one.sheet.encoding,
        "sha256": one.sheet.sha256,
        "extracted_at": f"{one.extracted_at:%Y-%m-%dT%H:%M:%S}" if one.extracted_at else "",
        "rows_read": one.read,
        "accepted": one.accepted,
        "rejected": len(one.rejects),
        "superseded": one.superseded,
        "mapped": {one.sheet.header[p]: column for column, p in one.plan.columns.items()},
        "unknown_columns": list(one.plan.unknown),
        "notes": one.notes,
    }


def _old_quality(previous: Path) -> schema.HistoryQuality:
    import json

    record = json.loads((previous / "import.json").read_text("utf-8"))
    quality: schema.HistoryQuality = record["history_quality"]
    return quality


def _sql_path(path: Path) -> str:
    return str(path).replace("'", "''")
