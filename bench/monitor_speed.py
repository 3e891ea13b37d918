"""The daily monitor over a million deals of a hundred and more groups.

    python bench/monitor_speed.py [deals]

Wall and CPU seconds of `analyses.monitor.analyse_monitor`, the workspace being opened anew: the
weekly sums of every series and group, the simulation that finds the limits, and the alerts.
"""

import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import duckdb

from salesops_kit.analyses.monitor import analyse_monitor
from salesops_kit.periods import period
from salesops_kit.workspace import open_workspace

DEALS = 1_000_000
AS_OF = date(2025, 9, 30)


def main(deals: int = DEALS) -> None:
    """Write deals, then watch them."""
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), deals)
        wall, cpu = time.perf_counter(), time.process_time()
        workspace = open_workspace(folder, as_of=AS_OF)
        monitor = analyse_monitor(workspace, period=period("2025-09"))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{deals:>9,} deals  {monitor.watched:>4} series  {wall:6.2f} s wall  {cpu:6.2f} s CPU")


def write(folder: Path, deals: int) -> None:
    """Write deals over three years and a half by region, product, source and team."""
    (folder / "tables").mkdir(parents=True)
    (folder / "import.json").write_text('{"extracted_at": "2025-10-01T00:00:00"}', "utf-8")
    duckdb.sql("SELECT setseed(0.5)")
    duckdb.sql(f"""
        COPY (
            SELECT *, CASE WHEN closed_day > 20361 THEN 'open' WHEN luck < 0.3 THEN 'won'
                   ELSE 'lost' END AS status,
                   CASE WHEN closed_day > 20361 THEN 'proposal' WHEN luck < 0.3 THEN 'won'
                   ELSE 'lost' END AS stage
            FROM (SELECT 'D' || i AS deal_id, 'R' || (i % 60) AS owner_id,
                'region ' || CAST(floor(random() * 10) AS INT) AS region,
                'product ' || CAST(floor(random() * 16) AS INT) AS product,
                'source ' || CAST(floor(random() * 6) AS INT) AS source,
                'team ' || CAST(floor(random() * 10) AS INT) AS team,
                created_day, created_day + CAST(20 + random() * 60 AS INT) AS closed_day,
                random() AS luck, exp(10 + random()) AS amount, false AS is_deleted,
                NULL::TIMESTAMP AS closed_at, NULL::TIMESTAMP AS stage_changed_at,
                NULL::INT AS stage_changed_day, NULL::TIMESTAMP AS last_activity_at,
                NULL::INT AS last_activity_day, NULL AS stage_label, NULL::INT AS stage_rank,
                NULL AS loss_reason, NULL AS competitor
              FROM (SELECT i, 19080 + CAST(random() * 1280 AS INT) AS created_day
                    FROM range({deals}) t(i)))
        ) TO '{folder}/tables/deals.parquet'
    """)


if __name__ == "__main__":
    main(*(int(size) for size in sys.argv[1:]))
