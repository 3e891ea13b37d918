"""Staged sheets → the canonical tables of a new version of the workspace."""

import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from salesops_kit import schema
from salesops_kit.errors import DataError
from salesops_kit.settings import Settings
from salesops_kit.sources import currencies, finish, history
from salesops_kit.sources.kept import Kept
from salesops_kit.sources.loading import Staged
from salesops_kit.sources.mapping import Dialect
from salesops_kit.sources.stages import StageMap
from salesops_kit.sources.tabular import sql_path

_ACTIVITY_WORDS = {"call": "call", "meet": "meeting", "event": "meeting", "task": "task",
                   "note": "note"}  # fmt: skip
# the day whose rate an amount takes
_RATE_DAYS = {"orders": "ordered_at", "payments": "paid_on", "deal_lines": "__rate_day"}
_SPOKEN = {"orders": "orders", "payments": "payments", "deal_lines": "deal lines"}
_QUALITIES: tuple[schema.HistoryQuality, ...] = ("none", "changes_only", "snapshot_diff", "full")
_DATED = ("created_at", "closed_at", "stage_changed_at", "last_activity_at")


@dataclass
class Builder:
    """Builds every table from what was staged; `previous` is the version it replaces."""

    db: duckdb.DuckDBPyConnection
    settings: Settings
    dialect: Dialect
    staged: Mapping[str, list[Staged]]
    tables: Path
    previous: Path | None
    warnings: list[str] = field(default_factory=list)
    quality: schema.HistoryQuality = "none"
    stamp: datetime = datetime(1970, 1, 1)  # noqa: DTZ001 - a time in the workspace's zone
    lookups: set[str] = field(default_factory=set)

    @property
    def system(self) -> str:
        """Name of the system the rows come from."""
        return self.dialect.name

    def build(self) -> None:
        """Write all tables of the new version."""
        every = [one for staged in self.staged.values() for one in staged]
        self.stamp = self._newest_export(every)
        for one in every:
            one.extracted_at = one.extracted_at or self.stamp
        views = {t: finish.combined(self.db, t, s) for t, s in self.staged.items()}
        if "reps" in views:
            ranked = finish.newest_last(self.staged["reps"])
            hr = [rank for rank, one in enumerate(ranked) if one.sheet.is_file_of("reps")]
            views["reps"] = finish.hr_wins(self.db, views["reps"], hr)
        self._lookups(views)
        self._rates(views)
        large = {"stage_history": self._history(views)}
        later = ("stage_history", "deals", "deal_lines")
        for table, view in views.items():
            if table not in later:
                self._write(table, self._plain(table, view))
        if "deals" in views:
            large["deals"] = self._deals(views["deals"])
        # the two large tables are written side by side
        with ThreadPoolExecutor(2) as pool:
            writing = [pool.submit(self._write, table, sql) for table, sql in large.items() if sql]
            for one_table in writing:
                one_table.result()
        if "deal_lines" in views:  # after the deals, whose day decides the rate
            self._write("deal_lines", self._plain("deal_lines", views["deal_lines"]))
        self._carry_over()

    def _newest_export(self, every: Sequence[Staged]) -> datetime:
        """Day of the newest export; new files without a date are newer than all kept ones."""
        dates = [one.extracted_at for one in every if one.extracted_at]
        if not any(one.extracted_at for one in every if not isinstance(one, Kept)):
            dates.append(self._newest_record())
        return max(dates)

    def _rates(self, views: Mapping[str, str]) -> None:
        source = views.get("fx_rates") or self._old("fx_rates")
        currencies.prepare(self.db, self.settings, source)
        if "fx_rates" in views and self.settings.fx.policy not in currencies.DATED:
            self.warnings.append(
                f"fx_rates is not used: fx.policy is {self.settings.fx.policy!r}; "
                f"choose one of {', '.join(currencies.DATED)}"
            )

    def _newest_record(self) -> datetime:
        """Newest time among the deals; the file's own time only when there is none."""
        newest: list[datetime] = []
        for one in self.staged.get("deals", []):
            for column in _DATED:
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
        """Make name → id tables for the names that exports carry without an id."""
        needed = set()
        for staged in self.staged.values():
            for one in staged:
                have = set(one.columns)
                for helper, (key, target) in finish.LINKS.items():
                    if helper in have and (key not in have or target != "deals"):
                        needed.add(target)
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
        if table == "activities" and self.dialect.deal_prefix and "deal_id" in have:
            prefix = self.dialect.deal_prefix
            given["deal_id"] = f"CASE WHEN starts_with(deal_id, '{prefix}') THEN deal_id END"
        if table == "activities" and "type" not in have:
            given["type"] = self._activity_type()
        if "currency" in have and "amount" in have and table in _RATE_DAYS:
            source = self._with_deal_days(source) if table == "deal_lines" else source
            day = _RATE_DAYS[table] if table == "deal_lines" or _RATE_DAYS[table] in have else ""
            given["amount"] = currencies.reporting_money(
                "amount", "currency", day or "NULL::DATE", self.settings
            )
            code = currencies.code_of("currency", self.settings)
            self._warn_of_rates(_SPOKEN[table], source, code, "amount", given["amount"])
        if table == "leads":
            source, have = self._converted_leads(source, have)
            if "is_converted" not in have and "converted_at" in have:
                given["is_converted"] = "converted_at IS NOT NULL"
        given |= finish.names(table, have)
        return finish.canonical(table, source, have, system=self.system, given=given)

    def _converted_leads(self, source: str, have: set[str]) -> tuple[str, set[str]]:
        """Tell from the deals which leads were converted, where the leads do not say it."""
        if "deals" not in self.staged or have & {"converted_at", "deal_id", "is_converted"}:
            return source, have
        deals = self._columns("deals")
        when = next((c for c in ("created_at", "closed_at") if c in deals), "")
        if "lead_id" not in deals or not when:
            return source, have
        first = (
            f"SELECT lead_id, min({when}) AS converted_at, min(deal_id) AS deal_id "
            "FROM all_deals WHERE lead_id IS NOT NULL GROUP BY 1"
        )
        self.warnings.append(f"leads: conversion is taken from the deals that name them ({when})")
        joined = f"{source} l LEFT JOIN ({first}) f USING (lead_id)"
        return f"(SELECT l.*, f.converted_at, f.deal_id FROM {joined})", have | {
            "converted_at",
            "deal_id",
        }

    def _from_leads(self, have: set[str], joins: list[str]) -> dict[str, str]:
        """Fill what a deal lacks from the lead it came from."""
        leads = self._related("leads")
        if not leads or "lead_id" not in have:
            return {}
        joins.append(f"LEFT JOIN {leads} ld ON ld.lead_id = d.lead_id")
        given = {}
        for column in ("created_at", "source", "channel"):
            if column not in have:
                given[column] = f"ld.{column}"
                self.warnings.append(f"deals: {column} is that of the lead a deal came from")
        return given

    def _activity_type(self) -> str:
        """Tell calls, meetings and tasks apart by the file: Zoho exports each as its own."""
        cases = "".join(
            f" WHEN {rank} THEN '{kind}'"
            for rank, one in enumerate(finish.newest_last(self.staged["activities"]))
            for word, kind in _ACTIVITY_WORDS.items()
            if word in one.sheet.file.lower()
        )
        return f"CASE __rank{cases} END" if cases else "NULL"

    def _history(self, views: dict[str, str]) -> str:
        """Gather the best history there is; return the SQL of its table, "" without any."""
        if self._tells_history():
            deal_of = "l.id|LEFT JOIN lookup_deals l ON l.name = trim(s.deal_name)"
            history.from_exports(self.db, self.staged["stage_history"], deal_of)
            self._first_stages(views)
            if self.dialect.history_repeats:
                history.drop_repeats(self.db)
            self.quality = "full"
        elif "deals" in self.staged:
            if history.from_stage_dates(self.db, self.staged["deals"], self.settings):
                self.quality = "changes_only"
            elif self._archive_snapshots(views) and not self._keeps_full_history():
                self.quality = "snapshot_diff"
        if self.quality == "none":
            return ""
        have = {*history.COLUMNS, "seq"}
        given = {"extracted_at": f"TIMESTAMP '{self.stamp}'"}
        source = f"({history.numbered()})"
        if self.quality == "full" and "deals" in self.staged:
            source = self._history_in_deal_currency(source, views["deals"], given)
        return finish.canonical("stage_history", source, have, system=self.system, given=given)

    def _tells_history(self) -> bool:
        """Tell whether a history was exported and any row of it can be used."""
        told = self.staged.get("stage_history", [])
        if not told:
            return False
        if any(self.db.execute(f"SELECT 1 FROM {one.name} LIMIT 1").fetchall() for one in told):
            return True
        self.warnings.append("stage_history: no row of it can be used")
        return False

    def _history_in_deal_currency(self, source: str, deals: str, given: dict[str, str]) -> str:
        """Convert the amounts a history tells, which are in the currency of their deal."""
        told = any("amount" in one.columns for one in self.staged["stage_history"])
        have = self._columns("deals")
        if not told or "currency" not in have:
            return source
        codes = currencies.codes_of(self.db, "currency", deals, self.settings)
        if currencies.all_reported(codes, self.settings):
            return source
        created = "created_at" if "created_at" in have else "NULL::TIMESTAMP"
        day = "__created" if self.settings.fx.policy == "at_create" else "entered_at"
        code = currencies.looked_up("__currency", codes, self.settings)
        given["amount"] = currencies.coded_money("amount", code, day, self.settings)
        known = (
            f"SELECT deal_id, any_value(currency) AS __currency, any_value({created}) AS __created "
            f"FROM {deals} GROUP BY 1"
        )
        joined = f"{source} h LEFT JOIN ({known}) k USING (deal_id)"
        return f"(SELECT h.*, k.* EXCLUDE (deal_id) FROM {joined})"

    def _first_stages(self, views: Mapping[str, str]) -> None:
        """Add the stage a deal was created in, where a history tells it by its first change."""
        told = [one for one in self.staged["stage_history"] if "moved_from" in one.columns]
        deals = views.get("deals") or self._old("deals")
        if not told or not deals or "created_at" not in {
            row[0] for row in self.db.execute(f"DESCRIBE SELECT * FROM {deals}").fetchall()
        }:  # fmt: skip
            return
        stages = StageMap(self.settings, self.dialect.status_words)
        history.add_first_stages(self.db, told, deals, lambda label: stages.find("", label))

    def _keeps_full_history(self) -> bool:
        """Tell whether this system's history was exported in full before: no diff is better."""
        old = self._old("stage_history")
        if not old or self.previous is None or _old_quality(self.previous) != "full":
            return False
        own = f"SELECT 1 FROM {old} WHERE source_system = '{self.system}' LIMIT 1"
        return bool(self.db.execute(own).fetchall())

    def _archive_snapshots(self, views: dict[str, str]) -> bool:
        """Add every dated deals export to `snapshots`; compare them when there are several."""
        columns = ("deal_id", "stage_label", "stage_changed_at", "amount_source", "probability",
                   "expected_close_on", "forecast_category", "owner_id", "owner_name",
                   "currency")  # fmt: skip
        parts = []
        for one in self.staged["deals"]:
            have = set(one.columns)
            chosen = ", ".join(f"s.{c}" for c in columns if c in have)
            made, ended = (
                f"s.{c}" if c in have else "NULL::TIMESTAMP" for c in ("created_at", "closed_at")
            )
            day = (one.extracted_at or self.stamp).date()
            parts.append(
                f"SELECT {chosen}, s.to_stage, s.to_rank, s.to_category, "
                f"{made} AS __created, {ended} AS __closed, DATE '{day}' "
                f"AS snapshot_on, {finish.stamp(one)} AS __extracted FROM {one.name} s"
            )
        have = {c for one in self.staged["deals"] for c in one.columns} | {"snapshot_on"}
        self.db.execute(
            f"CREATE OR REPLACE TABLE new_snapshots AS {' UNION ALL BY NAME '.join(parts)}"
        )
        source, have = finish.linked("new_snapshots", have & {*columns, "snapshot_on"},
                                     self.lookups)  # fmt: skip
        dated = self.settings.fx.policy == "at_create"
        seen = "CASE WHEN to_category <> 'open' AND __closed < snapshot_on THEN __closed "
        money = currencies.reporting_money(
            "amount_source",
            "currency" if "currency" in have else "NULL",
            "__created" if dated else f"{seen} ELSE snapshot_on END",
            self.settings,
        )
        sql = finish.canonical(
            "snapshots", source, have, system=self.system,
            given={"stage": "to_stage", "stage_rank": "to_rank", "stage_category": "to_category",
                   "amount": money if "amount_source" in have else "NULL"},
        )  # fmt: skip
        old = self._old("snapshots")
        self.db.execute(f"CREATE OR REPLACE TABLE snaps AS {sql}")
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
        joins: list[str] = []
        if "account_id" in have and (account := self._related("accounts")):
            joins.append(f"LEFT JOIN {account} a ON a.account_id = d.account_id")
            for column in ("region", "industry", "segment"):
                own = f"d.{column}, " if column in have else ""
                given[column] = f"coalesce({own}a.{column})" if own else f"a.{column}"
        given.update(self._from_leads(have, joins))
        given.update(self._closing(have, joins))
        given["team"] = self._team(have, joins)
        if "stage_label" in have:
            given["stage_label"] = "d.stage_label"
        self.db.execute(f"CREATE OR REPLACE VIEW deal_rows AS SELECT d.* FROM {source} d")
        if "amount_source" in have:
            own = "d.created_at" if "created_at" in have else "NULL::TIMESTAMP"
            day = self._rate_day(
                given.get("created_at", own),
                given.get("closed_at", "NULL::TIMESTAMP"),
                "d.to_category = 'open'",
            )
            given["amount"] = "d.amount_source"
            self.warnings += currencies.untold(self.settings, named=currency != "NULL")
            if currency != "NULL":
                codes = currencies.codes_of(self.db, currency, "deal_rows d", self.settings)
                code = currencies.looked_up(currency, codes, self.settings)
                given["currency"] = code
                if not currencies.all_reported(codes, self.settings):
                    money = currencies.coded_money("d.amount_source", code, day, self.settings)
                    given["amount"] = money
                    rows = f"deal_rows d {' '.join(joins)}"
                    self._warn_of_rates("deals", rows, code, "d.amount_source", money)
        prefixed = {c: f'd."{c}"' for c in have if c not in given}
        missing_stage_pass = {k: v for k, v in {**prefixed, **given}.items() if v}
        body = finish.canonical("deals", f"deal_rows d {' '.join(joins)}", have,
                                system=self.system, given=missing_stage_pass)  # fmt: skip
        return body.replace("__extracted", "d.__extracted")

    def _closing(self, have: set[str], joins: list[str]) -> dict[str, str]:
        """When a closed deal closed: as exported, else from history, else the best there is."""
        order = ["d.closed_at"] if "closed_at" in have else []
        if self.quality != "none":
            self.db.execute(
                f"CREATE OR REPLACE TABLE closings AS SELECT deal_id, max(entered_at) AS at "
                f"FROM {history.ENTRIES} WHERE stage_category <> 'open' GROUP BY 1"
            )
            joins.append("LEFT JOIN closings c ON c.deal_id = d.deal_id")
            order.append("c.at")
        for column in ("stage_changed_at", "expected_close_on"):
            if column in have:
                order.append(f"d.{column}::TIMESTAMP")
        if not order:
            return {}
        best = f"coalesce({', '.join(order)})"
        return {"closed_at": f"CASE WHEN d.to_category <> 'open' THEN {best} END"}

    def _team(self, have: set[str], joins: list[str]) -> str:
        """Team of the owner when the deal was created, else the department exported."""
        own = [f"d.{c}" for c in ("team", "department") if c in have]
        reps = self._related("reps")
        if reps and have & {"owner_id", "owner_name"}:
            born = "d.created_at" if "created_at" in have else "NULL::TIMESTAMP"
            self.db.execute(
                "CREATE OR REPLACE TABLE rep_teams AS SELECT rep_id, team, "
                "coalesce(valid_from_on, DATE '1900-01-01')::TIMESTAMP AS since "
                f"FROM {reps} WHERE team IS NOT NULL "
                "QUALIFY row_number() OVER (PARTITION BY rep_id, since ORDER BY team) = 1"
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

    def _warn_of_rates(self, what: str, source: str, code: str, given: str, amount: str) -> None:
        rows = self.db.execute(
            f"SELECT code, count(*) FROM (SELECT {code} AS code, {given} AS given, "
            f"{amount} AS amount FROM {source}) WHERE given IS NOT NULL AND amount IS NULL "
            "AND code IS NOT NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
        alone = len(rows) == 1 and currencies.is_only(self.db, source, code, given, rows[0][0])
        for name, count in rows:
            self.warnings.append(
                currencies.missing_rate(what, count, name, self.settings, alone=alone)
            )

    def _with_deal_days(self, source: str) -> str:
        """Add to rows the day whose rate their deal takes."""
        deals = self._related("deals")
        if not deals or self.settings.fx.policy not in currencies.DATED:
            return f"(SELECT v.*, NULL::DATE AS __rate_day FROM {source} v)"
        day = self._rate_day("q.created_at", "q.closed_at", "q.status = 'open'")
        days = f"(SELECT q.deal_id, any_value({day}) AS __rate_day FROM {deals} q GROUP BY 1)"
        return f"(SELECT v.*, q.__rate_day FROM {source} v LEFT JOIN {days} q USING (deal_id))"

    def _rate_day(self, created: str, closed: str, is_open: str) -> str:
        """Return the SQL of the day whose rate a deal takes."""
        if self.settings.fx.policy == "at_create":
            return created
        return currencies.closing_day(closed, is_open, f"TIMESTAMP '{self.stamp}'")

    def _related(self, table: str) -> str:
        """Return the finished table of this import, else the previous version's."""
        new = self.tables / f"{table}.parquet"
        return f"read_parquet('{sql_path(new)}')" if new.is_file() else self._old(table)

    def _old(self, table: str) -> str:
        if self.previous is None:
            return ""
        file = self.previous / "tables" / f"{table}.parquet"
        return f"read_parquet('{sql_path(file)}')" if file.is_file() else ""

    def _write(self, table: str, sql: str) -> None:
        """Write a table; rows that other sources delivered earlier stay."""
        old = self._old(table)
        if old and not schema.TABLES[table].kit_owned and table != "snapshots":
            others = f"SELECT * FROM {old} WHERE source_system <> '{self.system}'"
            # a cursor of its own: two tables are written side by side
            row = self.db.cursor().execute(f"SELECT count(*) FROM ({others})").fetchone()
            if row and row[0]:
                sql = self._beside(table, sql, others)
        target = sql_path(self.tables / f"{table}.parquet")
        self.db.cursor().execute(f"COPY ({sql}) TO '{target}' (FORMAT parquet)")

    def _beside(self, table: str, sql: str, others: str) -> str:
        """Put the rows of other systems beside the new ones; equal ids would mix up records.

        Raises
        ------
        DataError
            When both systems use the same ids.
        """
        key = schema.TABLES[table].key[0]
        if table == "reps":  # one person in two systems: the newer import knows more
            kept = f"SELECT o.* FROM ({others}) o ANTI JOIN ({sql}) n USING (rep_id)"
            return f"{sql} UNION ALL BY NAME {kept}"
        if table == "stage_history" and self.previous is not None:
            self.quality = min(self.quality, _old_quality(self.previous), key=_QUALITIES.index)
        elif key.endswith("_id"):
            shared = f"FROM ({others}) o SEMI JOIN ({sql}) n USING ({key})"
            cursor = self.db.cursor().execute(f"SELECT count(*), min(o.{key}) {shared}")
            same = cursor.fetchone()
            if same and same[0]:
                raise DataError(
                    f"{same[0]:,} ids of {table} (such as {same[1]!r}) are those of rows that "
                    "another system delivered; import the two systems into workspaces of their own"
                )
        return f"{sql} UNION ALL BY NAME {others}"

    def _carry_over(self) -> None:
        """Tables that this export does not hold stay as they were."""
        if self.previous is None:
            return
        for file in (self.previous / "tables").glob("*.parquet"):
            if not (self.tables / file.name).exists():
                shutil.copyfile(file, self.tables / file.name)
                if file.stem == "stage_history":
                    self.quality = _old_quality(self.previous)


def _old_quality(previous: Path) -> schema.HistoryQuality:
    record = json.loads((previous / "import.json").read_text("utf-8"))
    quality: schema.HistoryQuality = record["history_quality"]
    return quality
