"""One atomic import: a folder of exports → canonical tables, rejects and a record of both."""

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from salesops_kit import schema
from salesops_kit.errors import DataError, ParameterError
from salesops_kit.settings import FILE_NAME, Settings, load_settings, settings_from
from salesops_kit.sources import kept, publish
from salesops_kit.sources.build import Builder
from salesops_kit.sources.fxiaoke import FXIAOKE
from salesops_kit.sources.hubspot import HUBSPOT
from salesops_kit.sources.loading import Loader, Staged
from salesops_kit.sources.mapping import Dialect, recognise, why_not
from salesops_kit.sources.pipelines import with_defined_pipelines
from salesops_kit.sources.rejects import write_rejects
from salesops_kit.sources.salesforce import SALESFORCE
from salesops_kit.sources.tables import TABLES_DIALECT, Planner, mapped_plans
from salesops_kit.sources.tabular import Sheet, discover, open_sheets, sql_path
from salesops_kit.sources.zoho import ZOHO

DIALECTS: Mapping[str, Dialect] = {
    d.name: d for d in (ZOHO, FXIAOKE, SALESFORCE, HUBSPOT, TABLES_DIALECT)
}
RECORD_VERSION = 1
MEMORY = "2GB"  # an import needs no more, however large the files; the rest spills to disk


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
    settings: dict[str, Any] = field(default_factory=dict)
    since: dict[str, Any] = field(default_factory=dict)

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


def import_exports(  # noqa: PLR0913 - each is a choice of the caller
    source: str,
    path: Path | str,
    *,
    into: Path | str,
    settings: Settings | Path | None = None,
    mapping: Path | str | None = None,
    update: str = "replace",
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
        Settings or their file, kept in the workspace. None takes WORKSPACE/salesops.toml, else
        PATH/salesops.toml, else the defaults.
    mapping
        For "tables": the mapping file; None takes PATH/mapping.toml if there is one.
    update
        "replace", as above. "add": a partial export; its rows replace those of the same key, all
        others of the source stay, rejected ones too. A row goes only when it is flagged as
        deleted. "begin": as "replace", and keeps the rows so that later exports can be added.

    Raises
    ------
    DataError
        When nothing usable is found, or no deal was accepted and none is there.
    """
    if source not in DIALECTS:
        raise ParameterError(f"source is {source!r}; it must be one of {', '.join(DIALECTS)}")
    if update not in kept.UPDATES:
        raise ParameterError(f"update is {update!r}; it must be one of {', '.join(kept.UPDATES)}")
    path, workspace = Path(path), Path(into)
    given_file = settings if isinstance(settings, Path) else None
    settings_file = given_file or (None if settings else _settings_file(path, workspace))
    chosen = settings if isinstance(settings, Settings) else load_settings(settings_file)
    with publish.locked(workspace):
        fresh = publish.new_version(workspace)
        job = Import(DIALECTS[source], chosen, fresh, publish.current(workspace))
        job.update = update
        result = publish_import(job, workspace, lambda: job.stage_files(path, mapping), str(path))
        if settings_file and settings_file.resolve() != (workspace / FILE_NAME).resolve():
            shutil.copyfile(settings_file, workspace / FILE_NAME)
        publish.switch(workspace, fresh, result.as_json())
    return result


def publish_import(
    job: "Import", workspace: Path, stage: Callable[[], None], origin: str
) -> ImportResult:
    """Run an import into its fresh folder; nothing of it stays when it fails.

    `stage` reads what there is to read, `origin` names it in an error.
    """
    try:
        return job.run(stage, origin, workspace.resolve().name)
    except BaseException:
        shutil.rmtree(job.fresh, ignore_errors=True)
        raise
    finally:
        job.close()


def _settings_file(path: Path, workspace: Path) -> Path | None:
    for folder in (workspace, path):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


@dataclass
class _FileRead:
    """What one file gave: staged tables, and sheets passed over with the reason."""

    staged: list[Staged] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)


class Import:
    """The state of one import: a DuckDB connection, the new version's folder, what was staged."""

    def __init__(
        self, dialect: Dialect, settings: Settings, fresh: Path, previous: Path | None
    ) -> None:
        self.dialect, self.settings, self.previous = dialect, settings, previous
        self.fresh, self.tables, self.rejects = fresh, fresh / "tables", fresh / "rejects"
        self.update = "replace"
        self.since: dict[str, Any] = {}
        self.notes: list[str] = []
        self.scratch = fresh / "scratch"
        self.staged: dict[str, list[Staged]] = {}
        self.skipped: list[dict[str, str]] = []
        self.db = duckdb.connect(config={"memory_limit": MEMORY})
        self.db.execute(f"SET temp_directory = '{sql_path(self.scratch / 'spill')}'")
        # rows are named by their place in the file: a long IN must not become a join, which mixes
        # up the order of what several threads read
        self.db.execute("SET disabled_optimizers = 'in_clause'")

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    def run(self, stage: Callable[[], None], origin: str, name: str) -> ImportResult:
        """Read by `stage`, build the tables, and return the record."""
        earlier = self._earlier()
        stage()
        if self.update == "add":
            self.staged, self.notes = kept.added(earlier, self.staged)
        there = self.previous is not None and (self.previous / "tables/deals.parquet").is_file()
        if "deals" not in self.staged and not there:
            found = [*self.staged, *(f"{s['file']} ({s['reason']})" for s in self.skipped)]
            raise DataError(
                f"{origin} holds no table of deals; found: {', '.join(found) or 'nothing usable'}; "
                "every page is about deals (opportunities): export them too"
            )
        builder = Builder(
            self.db, self.settings, self.dialect, self.staged, self.tables, self.previous
        )
        builder.build()
        for one in (one for staged in self.staged.values() for one in staged):
            write_rejects(self.rejects, one.sheet, one.rejects)
        self._keep()
        return self._record(name, builder)

    def _earlier(self) -> dict[str, list[Staged]]:
        """Return the kept rows to add to, with the pipelines they were read by."""
        if self.update != "add":
            return {}
        earlier = kept.reopen(self.db, self.previous, self.dialect.name)
        if earlier and self.previous is not None and not self.settings.pipelines:
            record = json.loads((self.previous / "import.json").read_text("utf-8"))
            pipelines = settings_from(record["settings"]).pipelines
            self.settings = self.settings.model_copy(update={"pipelines": pipelines})
        return earlier

    def _keep(self) -> None:
        """Keep the rows where this workspace is added to."""
        name = self.dialect.name
        if self.update != "replace" or kept.has_kept(self.previous, name):
            kept.keep(self.db, self.staged, self.fresh / kept.FOLDER / name)
        kept.carry_over(self.previous, self.fresh, name)

    def stage_files(self, path: Path, mapping: Path | str | None) -> None:
        """Read a folder of exports."""
        files, skipped = discover(path)
        self.skipped = [{"file": name, "reason": reason} for name, reason in skipped]
        root = path if path.is_dir() else path.parent
        self.settings, defining = with_defined_pipelines(
            self.settings, self.dialect, files, self.scratch
        )
        files = [file for file in files if file not in defining]
        plans = mapped_plans(root, mapping, self.dialect) if self.dialect is TABLES_DIALECT else {}

        def read(numbered: tuple[int, Path]) -> _FileRead:
            number, file = numbered
            name = file.relative_to(root).as_posix()
            return self._read(file, name, number, plans.get(name))

        # hashing and parsing of one file fill the gaps of another's
        with ThreadPoolExecutor(2) as pool:
            for result in pool.map(read, enumerate(files)):
                self.skipped += result.skipped
                for staged in result.staged:
                    self.staged.setdefault(staged.plan.table, []).append(staged)

    def _read(self, file: Path, name: str, number: int, planned: Planner | None) -> _FileRead:
        result = _FileRead()
        loader = Loader(self.db.cursor(), self.settings, self.dialect, prefix=f"f{number}")
        try:
            for sheet in open_sheets(file, name, self.scratch):
                self._read_sheet(sheet, planned, loader, result)
        except DataError as error:
            result.skipped.append({"file": name, "reason": str(error)})
        return result

    def _read_sheet(
        self, sheet: Sheet, planned: Planner | None, loader: Loader, result: _FileRead
    ) -> None:
        if planned is not None:
            plans = planned(sheet)
        else:
            plan = recognise(sheet.label, sheet.header, self.dialect, self.settings.fields)
            plans = [plan] if plan else []
        if not plans:
            reason = why_not(sheet.label, sheet.header, self.dialect, self.settings.fields)
            result.skipped.append({"file": sheet.label, "reason": reason})
        for plan in plans:
            staged = loader.load(sheet, plan, self.scratch)
            result.staged.append(staged)

    def _record(self, name: str, builder: Builder) -> ImportResult:
        every = [one for staged in self.staged.values() for one in staged]
        unmapped: Counter[str] = Counter()
        for one in every:
            unmapped.update(one.unmapped)
        result = ImportResult(
            source=self.dialect.name,
            workspace=name,
            extracted_at=f"{builder.stamp:%Y-%m-%dT%H:%M:%S}",
            history_quality=builder.quality,
            files=[_file_record(one) for one in every],
            skipped_files=self.skipped,
            tables={t.stem: {"rows": self._rows(t)} for t in sorted(self.tables.glob("*.parquet"))},
            unmapped_stages=dict(sorted(unmapped.items())),
            unknown_columns=[f"{o.sheet.label}: {c}" for o in every for c in o.plan.unknown],
            warnings=[*self.notes, *builder.warnings],
            since=self.since,
            currency=self.settings.company.currency,
            time_zone=self.settings.company.time_zone,
            fingerprint=self._fingerprint(every),
            settings=self.settings.model_dump(mode="json", exclude_defaults=True),
        )
        self._check(result)
        return result

    def _check(self, result: ImportResult) -> None:
        """Refuse an import that leaves no deal, or loses more rows than the settings allow."""
        if not result.tables.get("deals", {}).get("rows", 0):
            raise DataError("\n".join(["no deal could be used", *result.summary_lines()]))
        limit = self.settings.thresholds.max_reject_share
        for entry in result.files:
            if entry["rows_read"] != entry["accepted"] + entry["rejected"]:
                raise DataError(f"{entry['file']}: rows were lost; this is a defect of the kit")
            if entry["rows_read"] and entry["rejected"] / entry["rows_read"] > limit:
                raise DataError(
                    f"{entry['file']}: {entry['rejected']} of {entry['rows_read']} rows rejected, "
                    f"more than thresholds.max_reject_share = {limit}"
                )

    def _rows(self, file: Path) -> int:
        row = self.db.execute(f"SELECT count(*) FROM read_parquet('{sql_path(file)}')").fetchone()
        return int(row[0]) if row else 0

    def _fingerprint(self, every: list[Staged]) -> str:
        digest = hashlib.sha256(self.settings.model_dump_json().encode())
        for one in sorted(every, key=lambda s: (s.sheet.label, s.plan.table)):
            digest.update(f"{one.sheet.label}{one.plan.table}{one.sheet.sha256}".encode())
        snapshots = self.tables / "snapshots.parquet"
        if snapshots.is_file():
            digest.update(str(self._rows(snapshots)).encode())
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
