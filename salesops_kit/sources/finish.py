"""Staging tables → canonical tables: names become ids, gaps are filled from related tables.

Every function returns SQL that selects one canonical table in the schema's column order.
"""

from collections.abc import Mapping, Sequence

import duckdb

from salesops_kit import schema
from salesops_kit.sources.loading import Staged

# marks of staff who left: Fxiaoke's own, those that people add, and what other systems write
_LEFT = (
    r"\s*[(（\[【](?i:已?停用|已?离职|已?禁用|離職|inactive|deactivated( user)?)"
    r"[)）\]】]\s*$"
)
LINKS = {"account_name": ("account_id", "accounts"), "deal_name": ("deal_id", "deals"),
          "owner_name": ("owner_id", "reps"), "order_number": ("order_id", "orders")}  # fmt: skip
_NAME_COLUMN = {"accounts": "name", "deals": "name", "reps": "name", "orders": "number"}


def combined(db: duckdb.DuckDBPyConnection, table: str, staged: Sequence[Staged]) -> str:
    """Return a view over all sheets of a table, the later export winning per key."""
    view = f"all_{table}"
    columns = {c for one in staged for c in one.columns}
    key = [k for k in schema.TABLES[table].key if k in columns]
    ranked = newest_last(staged)
    parts = [
        f"SELECT s.*, {rank} AS __rank, {stamp(one)} AS __extracted FROM {one.name} s"
        for rank, one in enumerate(ranked)
    ]
    sql = " UNION ALL BY NAME ".join(parts)
    if len(parts) > 1 and key:
        names = ", ".join(f'"{k}"' for k in key)
        db.execute(f"CREATE OR REPLACE TABLE {view}_rows AS {sql}")
        db.execute(
            f"CREATE OR REPLACE TABLE {view} AS SELECT * FROM {view}_rows "
            f"QUALIFY row_number() OVER (PARTITION BY {names} ORDER BY __rank DESC, __order) = 1"
        )
        kept = dict(db.execute(f"SELECT __rank, count(*) FROM {view} GROUP BY 1").fetchall())
        for rank, one in enumerate(ranked):
            one.superseded = one.accepted - kept.get(rank, 0)
        db.execute(f"DROP TABLE {view}_rows")
    else:
        db.execute(f"CREATE OR REPLACE VIEW {view} AS {sql}")
    return view


def newest_last(staged: Sequence[Staged]) -> list[Staged]:
    """Sort sheets of a table by the day of their export, then as found; the last one wins."""
    order = sorted(enumerate(staged), key=lambda item: (str(item[1].extracted_at), item[0]))
    return [one for _, one in order]


def hr_wins(db: duckdb.DuckDBPyConnection, view: str, canonical_ranks: Sequence[int]) -> str:
    """Of a rep whom a `reps` file and the CRM's user list both hold, keep the file's rows."""
    if not canonical_ranks:
        return view
    ranks = ", ".join(map(str, canonical_ranks))
    db.execute(
        f"CREATE OR REPLACE VIEW {view}_hr AS SELECT * FROM {view} r "
        f"WHERE __rank IN ({ranks}) OR rep_id NOT IN "
        f"(SELECT rep_id FROM {view} WHERE __rank IN ({ranks}))"
    )
    return f"{view}_hr"


def make_lookup(db: duckdb.DuckDBPyConnection, table: str, source: str) -> None:
    """Make `lookup_<table>` (name → id, unique names only) and `ids_<table>`."""
    key, name = schema.TABLES[table].key[0], _NAME_COLUMN[table]
    columns = {row[0] for row in db.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    label = _called(name, table) if name in columns else "NULL::VARCHAR"
    db.execute(
        f"CREATE OR REPLACE TABLE lookup_{table} AS "
        f"SELECT {label} AS name, min({key}) AS id FROM {source} "
        f"WHERE {label} IS NOT NULL GROUP BY 1 HAVING count(DISTINCT {key}) = 1"
    )


def canonical(
    table: str, view: str, have: set[str], *, system: str, given: Mapping[str, str] | None = None
) -> str:
    """Return the SQL of a table in schema order; `given` are expressions of computed columns."""
    given = dict(given or {})
    given.setdefault("source_system", f"'{system}'")
    given.setdefault("extracted_at", "__extracted")
    own = schema.TABLES[table]
    parts = []
    for column in own.columns:
        kind = schema.SQL_TYPES[column.type]
        if column.derived_from:
            base = given.get(column.derived_from) or (
                column.derived_from if column.derived_from in have else ""
            )
            value = _derived(base, column.type) if base else "NULL"
        else:
            own_value = f'"{column.name}"' if column.name in have else "NULL"
            value = given.get(column.name) or own_value
        parts.append(f'CAST({value} AS {kind}) AS "{column.name}"')
    parts += [f'"{name}"' for name in sorted(have) if name.startswith("x_")]
    return f"SELECT {', '.join(parts)} FROM {view}"


def linked(view: str, have: set[str], lookups: set[str]) -> tuple[str, set[str]]:
    """Resolve names to ids where an export has no ids; an unknown name stays as the id."""
    selects, joins, excluded = [], [], []
    for helper, (key, target) in LINKS.items():
        if helper not in have:
            continue
        bare = _called(f"v.{helper}", target)
        found = "NULL"
        if target in lookups:
            joins.append(f"LEFT JOIN lookup_{target} l_{target} ON l_{target}.name = {bare}")
            found = f"l_{target}.id"
        known = f"v.{key}, " if key in have else ""
        fallback = "" if target in ("deals", "orders") else f", {bare}"
        selects.append(f"coalesce({known}{found}{fallback}) AS {key}")
        if key in have:
            excluded.append(key)
        if helper == "owner_name":
            selects.append(f"{bare} AS owner_name")
            excluded.append("owner_name")
    if not selects:
        return view, have
    star = f"v.* EXCLUDE ({', '.join(excluded)})" if excluded else "v.*"
    sql = f"(SELECT {star}, {', '.join(selects)} FROM {view} v {' '.join(joins)})"
    return sql, have | {LINKS[h][0] for h in have if h in LINKS}


def stamp(one: Staged) -> str:
    """Return the SQL of the day a sheet was exported."""
    if one.extracted_at is None:
        return "NULL::TIMESTAMP"
    return f"TIMESTAMP '{one.extracted_at:%Y-%m-%d %H:%M:%S}'"


def bare_name(column: str) -> str:
    """Return the SQL of a person's name without the mark of staff who left."""
    return f"trim(regexp_replace({column}, '{_LEFT}', ''))"


def _called(column: str, table: str) -> str:
    """Return the SQL of a name by which rows are linked; a mark behind it is a person's alone."""
    return bare_name(column) if table == "reps" else f"trim({column})"


def names(table: str, have: set[str]) -> dict[str, str]:
    """Return the expression of a person's name, where it is not taken as exported."""
    if "name" not in have and have & {"first_name", "last_name"}:
        return {"name": _full_name(have)}
    return {"name": bare_name("name")} if table == "reps" and "name" in have else {}


def _full_name(have: set[str]) -> str:
    """Return the SQL of a name from its parts; a Chinese surname comes first, without a space."""
    first, last = (name if name in have else "NULL" for name in ("first_name", "last_name"))
    chinese = f"regexp_matches(concat({first}, {last}), '[\\x{{4E00}}-\\x{{9FFF}}]')"
    joined = (
        f"CASE WHEN {chinese} THEN concat({last}, {first}) ELSE concat_ws(' ', {first}, {last}) END"
    )
    return f"nullif({joined}, '')"


def _derived(base: str, kind: schema.ColumnType) -> str:
    if kind == "seconds":
        return f"epoch(CAST({base} AS TIMESTAMP))"
    return f"(CAST({base} AS DATE) - DATE '1970-01-01')"
