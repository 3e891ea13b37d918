"""A workspace: canonical tables opened lazily, with as-of date and scope applied once, here.

A reader of `Workspace.table` gets only what was known on the as-of day, and only what the scope
may see; nothing above this module filters by either again.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw

from salesops_kit import schema
from salesops_kit.errors import DataError, ParameterError
from salesops_kit.periods import Period, day_number
from salesops_kit.periods import period as named_period
from salesops_kit.settings import Settings, workspace_settings
from salesops_kit.store import Frame, ParquetStore, TableStore

_NEAR = 5  # names offered for one that is not known
DENSE_SNAPSHOTS = 2  # days between exports up to which hardly a stay is missed

# A row exists from this day on; later rows are unknown on the as-of day.
_BORN = {
    "deals": "created_day",
    "accounts": "created_day",
    "contacts": "created_day",
    "leads": "created_day",
    "stage_history": "entered_day",
    "activities": "happened_day",
    "orders": "ordered_day",
    "payments": "paid_day",
    "feedback": "asked_day",
    "snapshots": "snapshot_day",
    "reps": "hire_day",
    "trainings": "held_day",
    "reviews": "reviewed_day",
    "culture_pulse": "surveyed_day",
    "market": "month_day",
    "actions": "opened_day",
    "risks": "opened_day",
    "handoffs": "handed_day",
}
# What an event after the as-of day would tell: (day of the event, columns it fills).
_LATER = {
    "leads": (
        ("converted_day", ("converted_at", "account_id", "contact_id", "deal_id")),
        ("assigned_day", ("assigned_at",)),
        ("first_response_day", ("first_response_at",)),
    ),
    "accounts": (("last_activity_day", ("last_activity_at",)),),
    "reps": (("leave_day", ("leave_on",)),),
    "feedback": (("answered_day", ("answered_at", "score", "text", "action_id")),),
    "actions": (("done_day", ("done_on", "result")),),
    "orders": (("delivered_day", ("delivered_on",)),),
    "handoffs": (("accepted_day", ("accepted_on",)),),
}


@dataclass(frozen=True)
class Scope:
    """Who may be seen: everybody (dimension ""), one team, one region or one rep."""

    dimension: str = ""
    value: str = ""

    def __str__(self) -> str:
        return f"{self.dimension}={self.value}" if self.dimension else ""

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """Read "", "team=East", "region=East" or "rep=R001".

        Raises
        ------
        ParameterError
            When the text is none of these.
        """
        if not text:
            return cls()
        dimension, equals, value = text.partition("=")
        if dimension not in ("team", "region", "rep") or not equals or not value.strip():
            raise ParameterError(
                f"scope is {text!r}; write it like 'team=East', 'region=East' or 'rep=R001'"
            )
        return cls(dimension, value.strip())


@dataclass
class Workspace:
    """Canonical tables as known on `as_of` and as far as `scope` may see.

    `import_record` is what the importer wrote (`import.json`): files, counts, rejects.
    """

    path: Path
    settings: Settings
    store: TableStore
    as_of: date
    scope: Scope = Scope()
    import_record: Mapping[str, Any] = field(default_factory=dict)
    _ready: dict[str, Frame] = field(default_factory=dict, repr=False)

    @property
    def name(self) -> str:
        """Name of the workspace: its folder's."""
        return self.path.resolve().name

    @property
    def as_of_day(self) -> int:
        """Day number of `as_of`."""
        return day_number(self.as_of)

    @property
    def history_quality(self) -> schema.HistoryQuality:
        """How well the history of stages is known; see `schema.HISTORY_QUALITIES`."""
        if not self.has("stage_history"):
            return "none"
        quality: schema.HistoryQuality = self.import_record.get("history_quality") or "full"
        return quality

    @property
    def snapshot_gap_days(self) -> float | None:
        """Median days between the dated exports the history was diffed from; None for others."""
        if self.history_quality != "snapshot_diff" or not self.has("snapshots"):
            return None
        days = self.store.read("snapshots").select("snapshot_day").unique()
        seen = days.collect(backend="pandas").to_native()["snapshot_day"].sort_values()
        return float(seen.diff().median()) if len(seen) > 1 else None

    @property
    def knows_stays(self) -> bool:
        """Tell whether short stays in a stage are seen: monthly exports show only the long ones."""
        gap = self.snapshot_gap_days
        return self.history_quality == "full" or (gap is not None and gap <= DENSE_SNAPSHOTS)

    @property
    def missing(self) -> tuple[str, ...]:
        """Names of the CRM tables that the workspace lacks."""
        return tuple(t for t in schema.TABLES if not schema.TABLES[t].kit_owned and not self.has(t))

    @property
    def data_until(self) -> date | None:
        """Day the newest export was taken, when known."""
        stamp = self.import_record.get("extracted_at")
        return date.fromisoformat(stamp[:10]) if stamp else None

    def has(self, name: str) -> bool:
        """Tell whether the workspace holds the table."""
        return name in self.store.names()

    def table(self, name: str) -> Frame:
        """Return a table as known on `as_of`, reduced to the scope, not yet computed.

        Raises
        ------
        DataError
            When the workspace has no such table.
        """
        if name not in self._ready:
            if not self.has(name):
                raise DataError(
                    f"workspace {self.name!r} has no table {name!r}; import an export that holds "
                    f"it (it has {', '.join(sorted(self.store.names()))})"
                )
            known = self._deals_as_of() if name == "deals" else self._as_of(name)
            seen = self._in_scope(name, known)
            corrected = name == "deals" or self.scope.dimension
            self._ready[name] = self.keep(f"_{name}", seen) if corrected else seen
        return self._ready[name]

    def with_peers(self) -> "Workspace":
        """Return the same workspace without its scope, to pool peers' figures.

        For analyses only, which may hand on sums over many peers and the scoped reader's own rows;
        never a peer's name, record or figure.
        """
        return replace(self, scope=Scope(), _ready={}) if self.scope.dimension else self

    def raw(self, name: str) -> Frame:
        """Return a table as imported: no as-of date, no scope. For readiness checks only."""
        if self.scope.dimension:
            raise ParameterError("the raw table is not open to a scoped reader")
        return self.store.read(name)

    def keep(self, name: str, frame: Frame) -> Frame:
        """Compute a frame once for cheap re-reading, such as visits."""
        # beside `with_peers`, what is kept for a scope must not be what is kept for everybody
        return self.store.keep(f"{name}_scoped" if self.scope.dimension else name, frame)

    def _as_of(self, name: str) -> Frame:
        frame = self.store.read(name)
        columns = set(frame.collect_schema().names())
        today = self.as_of_day
        if (born := _BORN.get(name)) in columns:
            known = nw.col(born).is_null() | (nw.col(born) <= today)
            if name == "payments":
                known = known | (nw.col("kind") == "plan")
            frame = frame.filter(known)
        if name == "leads":
            later = (nw.col("converted_day") > today).fill_null(False)  # noqa: FBT003
            frame = frame.with_columns(is_converted=nw.col("is_converted") & ~later)
        for day, filled in _LATER.get(name, ()):
            if day in columns:
                frame = _forget(frame, nw.col(day) > today, (*filled, day))
        if name == "orders" and {"ends_day", "is_renewed"} <= columns:
            # a contract's last day is agreed beforehand; whether it goes on is told after it
            frame = _forget(frame, nw.col("ends_day") >= today, ("is_renewed",))
        return frame

    def _deals_as_of(self) -> Frame:
        """Deals as they stood on the as-of day.

        Where the history shows a later change, stage, status, amount, chance and expected close
        go back to the last entry on or before that day. Without history a deal that closed later
        is open, at a stage nobody knows.
        """
        today = self.as_of_day
        deals = self.store.read("deals")
        deals = deals.filter(
            (nw.col("created_day").is_null() | (nw.col("created_day") <= today))
            & ~nw.col("is_deleted").fill_null(False)  # noqa: FBT003 - Narwhals takes the value
        )
        if self.has("stage_history"):
            deals = self._rewound(deals)
        later = nw.col("closed_day") > today
        there = set(deals.collect_schema().names())
        # in one step: each goes over all columns of the widest table
        return deals.with_columns(
            status=nw.when(later).then(nw.lit("open")).otherwise(nw.col("status")),
            **_forgotten(there, later, (
                "stage", "stage_label", "stage_rank", "loss_reason", "competitor", "closed_at",
                "closed_day",
            )),
            **_forgotten(there, nw.col("last_activity_day") > today,
                         ("last_activity_at", "last_activity_day")),
            **_forgotten(there, nw.col("stage_changed_day") > today,
                         ("stage_changed_at", "stage_changed_day")),
        )  # fmt: skip

    def _rewound(self, deals: Frame) -> Frame:
        today = self.as_of_day
        history = self.store.read("stage_history").with_columns(
            later=(nw.col("entered_day") > today).cast(nw.Int64),
            past_seq=nw.when(nw.col("entered_day") <= today).then(nw.col("seq")),
        )
        history = history.with_columns(
            any_later=nw.col("later").max().over("deal_id"),
            last_seq=nw.col("past_seq").max().over("deal_id"),
        )
        state = ("stage", "stage_label", "stage_rank", "amount", "probability",
                 "expected_close_on", "expected_close_day")  # fmt: skip
        then = history.filter(
            (nw.col("any_later") == 1) & (nw.col("seq") == nw.col("last_seq"))
        ).select(
            "deal_id",
            nw.col("stage_category").alias("then_status"),
            nw.col("entered_at").alias("then_closed_at"),
            nw.col("entered_day").alias("then_closed_day"),
            *[nw.col(name).alias(f"then_{name}") for name in state],
        )
        joined = deals.join(then, on="deal_id", how="left")
        rewound = ~nw.col("then_status").is_null()
        closed_then = rewound & (nw.col("then_status") != "open")
        names = deals.collect_schema().names()
        changed = {
            "status": nw.when(rewound).then(nw.col("then_status")).otherwise(nw.col("status")),
            **{
                name: nw.when(rewound).then(nw.col(f"then_{name}")).otherwise(nw.col(name))
                for name in state
            },
            **{
                name: nw.when(closed_then)
                .then(nw.col(f"then_{name}"))
                .when(~rewound)
                .then(nw.col(name))
                for name in ("closed_at", "closed_day")
            },
            # written at closing: of a deal that was opened again since, the last ones stand there
            **_forgotten(set(names), rewound, ("loss_reason", "competitor")),
        }
        return joined.select(
            *[changed[name].alias(name) if name in changed else nw.col(name) for name in names]
        )

    def _in_scope(self, name: str, frame: Frame) -> Frame:
        if not self.scope.dimension:
            return frame
        rule = _SCOPE_RULES.get(name)
        return frame if rule is None else rule(self, frame)

    def _members(self) -> Frame:
        """Ids of the reps in scope, one column `rep_id`."""
        dimension, value = self.scope.dimension, self.scope.value
        if self.has("reps"):
            reps = self.store.read("reps")
            wanted = (
                (nw.col("rep_id") == value) | (nw.col("name") == value)
                if dimension == "rep"
                else nw.col(dimension) == value
            )
            return reps.filter(wanted).select("rep_id").unique()
        column = "owner_id" if dimension == "rep" else dimension
        deals = self.store.read("deals").filter(nw.col(column) == value)
        return deals.select(nw.col("owner_id").alias("rep_id")).unique()

    def require_scope(self) -> None:
        """Refuse a scope that names nobody the tables know, such as a misspelt team.

        Raises
        ------
        ParameterError
            Naming the values that come closest.
        """
        dimension, value = self.scope.dimension, self.scope.value
        if not dimension:
            return
        places = [("reps", dimension), ("deals", dimension)]
        if dimension == "rep":
            places = [("reps", "rep_id"), ("reps", "name"), ("deals", "owner_id")]
        known = set[str]().union(*(self._values(*place) for place in places))
        if value not in known:
            near = get_close_matches(value, sorted(known), _NEAR, 0.0)
            raise ParameterError(
                f"scope is {self.scope!s}, but {self.name!r} knows no such {dimension}; "
                f"{'closest: ' + ', '.join(near) if near else f'it names no {dimension} at all'}"
            )

    def _values(self, table: str, column: str) -> set[str]:
        if not self.has(table) or column not in self.store.read(table).collect_schema().names():
            return set()
        seen = self.store.read(table).select(column).unique().collect(backend="pandas")
        return set(seen.to_native()[column].dropna().astype(str))

    def _owned(self, frame: Frame, column: str = "owner_id") -> Frame:
        return frame.join(self._members(), left_on=column, right_on="rep_id", how="semi")

    def _linked(self, frame: Frame, table: str, key: str) -> Frame:
        return frame.join(self.table(table).select(key).unique(), on=key, how="semi")

    def _scoped_deals(self, deals: Frame) -> Frame:
        if self.scope.dimension == "rep":
            return self._owned(deals)
        return deals.filter(nw.col(self.scope.dimension) == self.scope.value)

    def _scoped_leads(self, leads: Frame) -> Frame:
        if self.scope.dimension == "region":
            return leads.filter(nw.col("region") == self.scope.value)
        return self._owned(leads)

    def _scoped_targets(self, targets: Frame) -> Frame:
        level = {"rep": "rep", "team": "team", "region": "region"}[self.scope.dimension]
        own = targets.filter((nw.col("level") == level) & (nw.col("level_id") == self.scope.value))
        if level == "rep":
            return self._owned(targets.filter(nw.col("level") == "rep"), "level_id")
        reps = self._owned(targets.filter(nw.col("level") == "rep"), "level_id")
        return nw.concat([own, reps])

    def _scoped_accounts(self, accounts: Frame) -> Frame:
        return self._linked(accounts, "deals", "account_id")


def _forget(frame: Frame, where: nw.Expr, columns: tuple[str, ...]) -> Frame:
    return frame.with_columns(**_forgotten(set(frame.collect_schema().names()), where, columns))


def _forgotten(there: set[str], where: nw.Expr, columns: tuple[str, ...]) -> dict[str, nw.Expr]:
    """Return columns, as far as they are there, without what holds where a condition does."""
    return {
        name: nw.when(~where | where.is_null()).then(nw.col(name))
        for name in columns
        if name in there
    }


_SCOPE_RULES: dict[str, Any] = {
    "deals": Workspace._scoped_deals,
    "leads": Workspace._scoped_leads,
    "targets": Workspace._scoped_targets,
    "accounts": Workspace._scoped_accounts,
    "reps": lambda ws, frame: ws._owned(frame, "rep_id"),
    "trainings": lambda ws, frame: ws._owned(frame, "rep_id"),
    "reviews": lambda ws, frame: ws._owned(frame, "rep_id"),
    "deal_splits": lambda ws, frame: ws._owned(frame, "rep_id"),
    "activities": lambda ws, frame: ws._owned(frame),
    "orders": lambda ws, frame: ws._owned(frame),
    "actions": lambda ws, frame: ws._owned(frame),
    "risks": lambda ws, frame: ws._owned(frame),
    "stage_history": lambda ws, frame: ws._linked(frame, "deals", "deal_id"),
    "snapshots": lambda ws, frame: ws._linked(frame, "deals", "deal_id"),
    "deal_lines": lambda ws, frame: ws._linked(frame, "deals", "deal_id"),
    "contacts": lambda ws, frame: ws._linked(frame, "accounts", "account_id"),
    "feedback": lambda ws, frame: ws._linked(frame, "accounts", "account_id"),
    "payments": lambda ws, frame: ws._linked(frame, "orders", "order_id"),
}


def open_workspace(
    path: Path | str, *, as_of: date | str | None = None, scope: str = ""
) -> Workspace:
    """Open a workspace folder as known on a day.

    Parameters
    ----------
    path
        Folder written by `salesops import`.
    as_of
        Day the questions are asked about; None or "" takes the day of the newest export.
    scope
        "" for everything, or "team=…", "region=…", "rep=…".

    Raises
    ------
    DataError
        When the folder is no workspace, or its export date is unknown and `as_of` not given.
    ParameterError
        When the scope is written wrongly or names nobody.
    """
    seen = Scope.parse(scope)
    path = Path(path)
    tables = path / "tables"
    if not (tables / "deals.parquet").is_file():
        raise DataError(
            f"{path} is not a workspace (it holds no tables/deals.parquet); "
            f"make one with: salesops import zoho|fxiaoke|tables EXPORTS --into {path}"
        )
    record_file = path / "import.json"
    record = json.loads(record_file.read_text("utf-8")) if record_file.is_file() else {}
    settings = workspace_settings(path)
    # a running report keeps reading this version while another import switches to a new one
    store = ParquetStore(tables.resolve())
    day = date.fromisoformat(as_of) if isinstance(as_of, str) and as_of else as_of or None
    if day is None and record.get("extracted_at"):
        day = date.fromisoformat(record["extracted_at"][:10])
    if not isinstance(day, date):
        raise DataError(f"{path} does not tell when its export was taken; give as_of")
    opened = Workspace(path, settings, store, day, seen, record)
    opened.require_scope()
    return opened


def open_period(
    path: Path | str, period: str, *, as_of: str = "", scope: str = ""
) -> tuple[Workspace, Period]:
    """Open a workspace for a period of its own fiscal calendar; as of its last day unless told.

    Raises
    ------
    ParameterError
        When the period is none, or `as_of` is no date.
    """
    chosen = named_period(period, workspace_settings(path).calendar)
    try:
        day = date.fromisoformat(as_of) if as_of else chosen.last
    except ValueError as error:
        raise ParameterError(f"as_of is {as_of!r}; write it like '2025-09-30'") from error
    return open_workspace(path, as_of=day, scope=scope), chosen
