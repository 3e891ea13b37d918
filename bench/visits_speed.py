"""Visits from 4 million stage entries: the kit against hand-written SQL and plain pandas.

    python bench/visits_speed.py [deals]

Runs alternate, each the minimum of three; every way must give the same visits. CPU seconds are
compared, since wall time depends on what else the machine does.
"""

import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import numpy as np
import pandas as pd

from salesops_kit.metrics.visits import VisitRules, visits
from salesops_kit.periods import day_number

AS_OF = date(2025, 6, 30)
RULES = VisitRules(open_ranks=(10, 20, 30, 40, 60, 65, 70))
DIMENSIONS = ("region", "product")
ROUNDS = 3
STAGES = pd.DataFrame(
    {
        "stage": ["prospecting", "qualification", "needs", "solution", "proposal", "negotiation",
                  "contract", "won", "lost"],
        "stage_rank": [10, 20, 30, 40, 60, 65, 70, 90, 91],
        "stage_category": ["open"] * 7 + ["won", "lost"],
    }
)  # fmt: skip

SQL = """
WITH timed AS (
    SELECT deal_id, seq, stage, stage_rank, stage_category, entered_day, entered_s, amount,
           changed_by, entered_s // 60 AS minute
    FROM read_parquet('{history}')
    WHERE entered_day <= {as_of} AND entered_s IS NOT NULL
),
bulks AS (
    SELECT changed_by, minute FROM timed
    WHERE changed_by IS NOT NULL AND entered_s % 86400 <> 0
    GROUP BY changed_by, minute HAVING count(*) >= 25
),
changes AS (
    SELECT t.*, b.minute IS NOT NULL AND entered_s % 86400 <> 0 AS is_bulk
    FROM timed t LEFT JOIN bulks b USING (changed_by, minute)
    WINDOW in_order AS (PARTITION BY deal_id ORDER BY entered_s, seq)
    QUALIFY lag(stage) OVER in_order IS DISTINCT FROM stage
),
stays AS (
    SELECT deal_id, stage, stage_rank, stage_category, entered_day, entered_s, amount, is_bulk,
           row_number() OVER in_order AS seq,
           row_number() OVER (PARTITION BY deal_id, stage ORDER BY entered_s, seq) AS visit_no,
           lead(stage) OVER in_order AS next_stage,
           lead(stage_rank) OVER in_order AS next_rank,
           lead(stage_category) OVER in_order AS next_category,
           lead(entered_day) OVER in_order AS exited_day,
           lead(entered_s) OVER in_order AS exited_s
    FROM changes
    WINDOW in_order AS (PARTITION BY deal_id ORDER BY entered_s, seq)
),
ranks AS (SELECT unnest([10, 20, 30, 40, 60, 65, 70]) AS r),
pairs AS (
    SELECT a.r AS stage_rank, n.r AS next_rank, n.category AS next_category,
           count(p.r) FILTER (p.r > a.r AND (n.category = 'won' OR p.r < n.r)) AS skipped
    FROM ranks a, (SELECT r, 'open' AS category FROM ranks UNION ALL SELECT 90, 'won') n, ranks p
    WHERE n.r > a.r
    GROUP BY ALL
)
SELECT s.deal_id, s.seq, visit_no, stage, s.stage_rank, stage_category, entered_day, entered_s,
       exited_day, exited_s,
       CASE WHEN next_stage IS NULL THEN 'open'
            WHEN s.next_category <> 'open' THEN s.next_category
            WHEN stage_category <> 'open' OR s.next_rank <= s.stage_rank THEN 'back'
            WHEN p.skipped > 0 THEN 'skipped_to'
            ELSE 'advanced' END AS exit_type,
       next_stage, s.next_rank, coalesce(p.skipped, 0) AS skipped,
       coalesce(s.amount, d.amount) AS amount, is_bulk,
       coalesce(exited_s - entered_s < 60, false) AS is_passing, d.region, d.product
FROM stays s
JOIN read_parquet('{deals}') d USING (deal_id)
LEFT JOIN pairs p USING (stage_rank, next_rank, next_category)
"""


def main(deals: int = 1_000_000) -> None:
    """Make the data (four entries a deal), run the three ways in turn, print times and ratios."""
    with TemporaryDirectory() as folder:
        entries = _write(Path(folder), deals)
        ways = {
            "kit": lambda c: _by_kit(c, Path(folder)),
            "sql": lambda c: _by_sql(c, Path(folder)),
            "pandas": lambda c: _by_pandas(c, Path(folder)),
        }
        best, sums = _raced(ways)
    print(f"{entries:,} entries of {deals:,} deals -> {sums['kit'][0]:,} visits")
    for name, (cpu, wall) in best.items():
        print(
            f"{name:7} {cpu:6.2f} s CPU  {wall:6.2f} s wall  {best['kit'][0] / cpu:5.2f} kit/this"
        )
    assert sums["kit"] == sums["sql"] == sums["pandas"], sums


def _raced(
    ways: dict[str, Callable[[duckdb.DuckDBPyConnection], None]],
) -> tuple[dict[str, tuple[float, float]], dict[str, tuple[int, ...]]]:
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    sums = {}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            with duckdb.connect() as connection:
                cpu, wall = time.process_time(), time.perf_counter()
                way(connection)
                times[name].append((time.process_time() - cpu, time.perf_counter() - wall))
                sums[name] = connection.sql(
                    "SELECT count(*), sum(skipped), sum(visit_no), sum(seq), sum(exited_s), "
                    "sum(is_passing::INT), sum(is_bulk::INT), sum(hash(deal_id, seq, exit_type, "
                    "next_stage, round(amount * 100)::BIGINT, region)::HUGEINT % 1000003) FROM v"
                ).fetchall()[0]
    return {name: min(measured) for name, measured in times.items()}, sums


def _by_kit(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    history = connection.read_parquet(str(folder / "history.parquet"))
    deals = connection.read_parquet(str(folder / "deals.parquet"))
    found = visits(history, deals, as_of=AS_OF, dimensions=DIMENSIONS, rules=RULES)
    found.to_native().create("v")


def _by_sql(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    query = SQL.format(
        history=folder / "history.parquet", deals=folder / "deals.parquet",
        as_of=day_number(AS_OF),
    )  # fmt: skip
    connection.execute(f"CREATE TABLE v AS {query}")


def _by_pandas(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    history = connection.read_parquet(str(folder / "history.parquet")).df()
    deals = connection.read_parquet(str(folder / "deals.parquet")).df()
    stays = history[history["entered_day"] <= day_number(AS_OF)].sort_values(
        ["deal_id", "entered_s", "seq"]
    )
    same = stays.groupby(["changed_by", stays["entered_s"] // 60])["seq"].transform("size")
    stays["is_bulk"] = same.ge(25) & stays["entered_s"].mod(86400).ne(0)
    stays = stays[stays["stage"] != stays.groupby("deal_id")["stage"].shift(1)]
    of_deal = stays.groupby("deal_id")
    stays["seq"] = of_deal.cumcount() + 1
    stays["visit_no"] = stays.groupby(["deal_id", "stage"]).cumcount() + 1
    for new, old in (("next_stage", "stage"), ("next_rank", "stage_rank"),
                     ("next_category", "stage_category"), ("exited_s", "entered_s"),
                     ("exited_day", "entered_day")):  # fmt: skip
        stays[new] = of_deal[old].shift(-1)
    stays = stays.merge(deals.drop(columns=["amount", "owner_id"]), on="deal_id")
    _describe(stays)
    connection.register("stays", stays)
    connection.execute("CREATE TABLE v AS SELECT * FROM stays")


def _describe(stays: pd.DataFrame) -> None:
    forward = stays["next_category"].eq("won") | stays["next_rank"].gt(stays["stage_rank"])
    forward &= stays["next_category"].isin(["open", "won"]) & stays["stage_category"].eq("open")
    ranks = np.array(RULES.open_ranks)
    before = np.searchsorted(ranks, stays["stage_rank"], side="right")
    after = np.searchsorted(ranks, stays["next_rank"].fillna(0), side="left")
    stays["skipped"] = np.where(forward, after - before, 0)
    stays["exit_type"] = np.select(
        [stays["next_stage"].isna(), stays["next_category"].ne("open"), ~forward,
         stays["skipped"] > 0],
        ["open", stays["next_category"], "back", "skipped_to"], "advanced",
    )  # fmt: skip
    stays["is_passing"] = (stays["exited_s"] - stays["entered_s"]).lt(60)


def _write(folder: Path, deals: int) -> int:
    draw = np.random.default_rng(7)
    ids = pd.Series(np.arange(deals)).map("4500000{:011d}".format)
    lengths = draw.integers(1, 8, deals)
    row = np.repeat(np.arange(deals), lengths)
    step = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    at = np.repeat(draw.integers(1_600_000_000, 1_750_000_000, deals), lengths)
    at = at + step * draw.integers(0, 900_000, len(row))
    place = np.clip(step + draw.integers(-1, 2, len(row)), 0, 8)
    history = STAGES.iloc[place].reset_index(drop=True).assign(
        deal_id=ids.to_numpy()[row], seq=step + 1, entered_s=at, entered_day=at // 86_400,
        amount=draw.uniform(1e3, 1e6, len(row)).round(2),
        owner_id=draw.choice(["R1", "R2", "R3"], len(row)),
        changed_by=draw.choice(["U1", "U2", "U3", "U4"], len(row)),
    )  # fmt: skip
    known = pd.DataFrame(
        {"deal_id": ids, "amount": 1.0, "owner_id": "R1",
         "region": draw.choice(["East", "West", "North"], deals),
         "product": draw.choice(["A", "B", "C", "D"], deals)}
    )  # fmt: skip
    for name, frame in (("history", history), ("deals", known)):
        duckdb.from_df(frame).write_parquet(str(folder / f"{name}.parquet"))
    return len(history)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
