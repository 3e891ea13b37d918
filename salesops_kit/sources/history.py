"""Everything that tells when deals changed stage → one staging table of entries.

Best first: a history export (`full`), per-stage date columns (`changes_only`), dated exports of
the deals compared with each other (`snapshot_diff`).
"""

import re
from collections.abc import Callable, Sequence

import duckdb

from salesops_kit import schema
from salesops_kit.settings import Settings, StageSettings, fold_label
from salesops_kit.sources.loading import Staged
from salesops_kit.sources.stages import MappedStage

ENTRIES = "entries"
# what every source of history fills; entries are later numbered by time, then order
COLUMNS = ("deal_id", "stage", "stage_label", "stage_rank", "stage_category", "entered_at",
            "amount", "probability", "expected_close_on", "owner_id", "changed_by")  # fmt: skip


def from_exports(db: duckdb.DuckDBPyConnection, staged: Sequence[Staged], deal_of: str) -> None:
    """Gather history exports; `deal_of` is SQL that finds the deal of a row `s` (and its join)."""
    parts = []
    for number, one in enumerate(staged):
        have = set(one.columns)
        deal, join = ("s.deal_id", "") if "deal_id" in have else deal_of.split("|", 1)
        fields = {
            "deal_id": deal,
            "stage": "s.to_stage",
            "stage_label": "s.stage_label",
            "stage_rank": "s.to_rank",
            "stage_category": "s.to_category",
        }
        chosen = [
            f"{fields.get(c) or (f's.{c}' if c in have else _null(c))} AS {c}" for c in COLUMNS
        ]
        parts.append(
            f"SELECT {', '.join(chosen)}, {number}::BIGINT * 1000000000000 + s.__order AS __order "
            f"FROM {one.name} s {join}"
        )
    sql = " UNION ALL ".join(parts)
    if len(parts) > 1:
        sql = (
            f"SELECT * FROM ({sql}) QUALIFY row_number() OVER "
            "(PARTITION BY deal_id, entered_at, stage ORDER BY __order) = 1"
        )
    db.execute(f"CREATE OR REPLACE VIEW {ENTRIES} AS {sql}")


def from_stage_dates(
    db: duckdb.DuckDBPyConnection, staged: Sequence[Staged], settings: Settings
) -> bool:
    """Gather per-stage date columns, with the closing as last entry; False when there are none."""
    parts = []
    for one in staged:
        dated = [
            (number, stage)
            for number, (name, _) in enumerate(one.plan.stage_dates)
            if (stage := settings.stage(name) or _by_label(settings, name)) is not None
        ]
        parts += [
            f"SELECT s.deal_id, '{stage.name}' AS stage, '{stage.name}' AS stage_label, "
            f"{stage.rank}::BIGINT AS stage_rank, '{stage.category}' AS stage_category, "
            f"s.__stage_date_{number} AS entered_at, {stage.rank} AS __order "
            f"FROM {one.name} s WHERE s.__stage_date_{number} IS NOT NULL"
            for number, stage in dated
        ]
        parts += _closings(one, dated)
    if not parts:
        return False
    rest = ", ".join(f"{_null(c)} AS {c}" for c in COLUMNS[6:])
    db.execute(
        f"CREATE OR REPLACE VIEW {ENTRIES} AS "
        f"SELECT e.* EXCLUDE (__order), {rest}, __order FROM ({' UNION ALL '.join(parts)}) e "
        # two generations of the same property (hs_date_entered, hs_v2_date_entered) are one entry
        "QUALIFY row_number() OVER (PARTITION BY deal_id, stage, entered_at ORDER BY __order) = 1"
    )
    return True


def _closings(one: Staged, dated: Sequence[tuple[int, StageSettings]]) -> list[str]:
    """Return SQL of the closings by close date, for deals whose end has no date column filled."""
    closing = next((c for c in ("closed_at", "expected_close_on") if c in one.columns), "")
    if not one.plan.stage_dates or not closing:
        return []
    known = "".join(
        f" AND NOT (s.to_stage = '{stage.name}' AND s.__stage_date_{number} IS NOT NULL)"
        for number, stage in dated
        if stage.category != "open"
    )
    return [
        "SELECT s.deal_id, s.to_stage, s.stage_label, s.to_rank, s.to_category, "
        f"s.{closing}::TIMESTAMP, s.to_rank FROM {one.name} s "
        f"WHERE s.to_category <> 'open' AND s.{closing} IS NOT NULL{known}"
    ]


def _by_label(settings: Settings, label: str) -> StageSettings | None:
    """Return the stage of a label or id, as headers of date columns name it."""
    bare = re.sub(r"\s*\([^()]*\)$", "", label)  # HubSpot adds the pipeline in brackets
    for pipeline in settings.all_pipelines.values():
        for name in (label, bare):
            if (found := pipeline.by_label.get(fold_label(name))) is not None:
                return found
    return None


def from_snapshots(db: duckdb.DuckDBPyConnection, snapshots: str, deals: str) -> bool:
    """Compare dated exports of the deals; False when there are fewer than two dates.

    A change is dated by the CRM's own "stage changed" time where it falls between the two
    exports, else by the later export. A deal's first stage began when the deal was created,
    unless the CRM says that it changed since. A closed deal whose change time moved was re-opened
    and closed again unseen: the new closing counts.
    """
    dates = db.execute(f"SELECT count(DISTINCT snapshot_on) FROM {snapshots}").fetchone()
    if not dates or dates[0] < 2:
        return False
    have = {row[0] for row in db.execute(f"DESCRIBE SELECT * FROM {deals}").fetchall()}
    created = "d.created_at" if "created_at" in have else "NULL"
    db.execute(
        f"""CREATE OR REPLACE VIEW {ENTRIES} AS
        WITH seen AS (
            SELECT *, lag(stage) OVER w AS before, lag(snapshot_on) OVER w AS before_on,
                lag(stage_changed_at) OVER w AS before_changed
            FROM {snapshots} WINDOW w AS (PARTITION BY deal_id ORDER BY snapshot_on)
        )
        SELECT s.deal_id, s.stage, s.stage_label, s.stage_rank, s.stage_category,
            CASE WHEN s.stage_changed_at IS NOT NULL
                    AND s.stage_changed_at < s.snapshot_on + INTERVAL 1 DAY
                    AND (s.before_on IS NULL OR s.stage_changed_at >= s.before_on)
                 THEN s.stage_changed_at
                 WHEN s.before_on IS NULL THEN coalesce({created}, s.snapshot_on::TIMESTAMP)
                 ELSE s.snapshot_on::TIMESTAMP END AS entered_at,
            s.amount, s.probability, s.expected_close_on, s.owner_id,
            NULL::VARCHAR AS changed_by, s.snapshot_day::BIGINT AS __order
        FROM seen s LEFT JOIN {deals} d ON d.deal_id = s.deal_id
        WHERE s.before IS DISTINCT FROM s.stage
            OR (s.stage_category <> 'open' AND s.stage_changed_at > s.before_changed)"""
    )
    return True


def add_first_stages(
    db: duckdb.DuckDBPyConnection,
    told: Sequence[Staged],
    deals: str,
    find: Callable[[str], MappedStage | None],
) -> None:
    """Add an entry at the deal's creation into the stage that its first change left.

    A history of changes alone (OpportunityFieldHistory) never names the first stage otherwise.
    """
    parts = " UNION ALL ".join(
        f"SELECT deal_id, entered_at, moved_from FROM {t.name}" for t in told
    )
    db.execute(
        f"CREATE OR REPLACE TABLE first_changes AS SELECT deal_id, arg_min(moved_from, entered_at) "
        f"AS label, min(entered_at) AS left_at FROM ({parts}) "
        "WHERE moved_from IS NOT NULL GROUP BY 1"
    )
    labels = db.execute("SELECT DISTINCT label FROM first_changes").fetchall()
    known = [(label, s.stage, s.rank, s.category) for (label,) in labels if (s := find(label))]
    db.execute(
        "CREATE OR REPLACE TABLE first_stages (label VARCHAR, stage VARCHAR, rank BIGINT, "
        "category VARCHAR)"
    )
    if known:
        db.executemany("INSERT INTO first_stages VALUES (?, ?, ?, ?)", known)
    rest = ", ".join(f"{_null(c)} AS {c}" for c in COLUMNS[6:])
    db.execute(f"CREATE OR REPLACE TABLE {ENTRIES}_told AS SELECT * FROM {ENTRIES}")
    db.execute(
        f"CREATE OR REPLACE VIEW {ENTRIES} AS SELECT * FROM {ENTRIES}_told UNION ALL BY NAME "
        "SELECT f.deal_id, s.stage, f.label AS stage_label, s.rank AS stage_rank, "
        f"s.category AS stage_category, d.created_at AS entered_at, {rest}, -1::BIGINT AS __order "
        f"FROM first_changes f JOIN first_stages s ON s.label = f.label JOIN {deals} d "
        "ON d.deal_id = f.deal_id WHERE d.created_at < f.left_at AND NOT EXISTS "
        f"(SELECT 1 FROM {ENTRIES}_told t WHERE t.deal_id = f.deal_id "
        "AND t.entered_at < f.left_at)"
    )


def drop_repeats(db: duckdb.DuckDBPyConnection) -> None:
    """Leave out rows in which the deal stayed where it was: some other field had changed."""
    db.execute(f"CREATE OR REPLACE TABLE {ENTRIES}_all AS SELECT * FROM {ENTRIES}")
    db.execute(
        f"CREATE OR REPLACE VIEW {ENTRIES} AS SELECT * FROM {ENTRIES}_all QUALIFY stage "
        "IS DISTINCT FROM lag(stage) OVER (PARTITION BY deal_id ORDER BY entered_at, __order)"
    )


def numbered() -> str:
    """Return the SQL of the stage_history table from the gathered entries."""
    return (
        f"SELECT *, row_number() OVER (PARTITION BY deal_id ORDER BY entered_at, __order) AS seq "
        f"FROM {ENTRIES}"
    )


def _null(column: str) -> str:
    return f"NULL::{schema.SQL_TYPES[schema.STAGE_HISTORY.column(column).type]}"
