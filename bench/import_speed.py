"""Import of 1 million deals and 4 million history rows against DuckDB copying the same files.

    python bench/import_speed.py [--deals N] [--rounds N]

The copy reads each CSV and writes it as Parquet, with no checks at all. Both run alternately,
each time in a fresh process; the minimum of the rounds counts, with the peak memory of each.
CPU seconds are printed too, since wall time depends on what else the machine does.
"""

import argparse
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

FILES = ("Deals_2026_01_01.csv", "Stage_History.csv")

DEALS = """
SELECT 'zcrm_' || (5000000000000000000 + i) AS "Record Id",
    'Deal ' || i AS "Deal Name",
    'zcrm_' || (6000000 + i % 200) AS "Deal Owner.id",
    'Rep ' || (i % 200) AS "Deal Owner",
    (hash(i) % 10000000) / 100 AS "Amount",
    'CNY' AS "Currency",
    strftime(TIMESTAMP '2024-01-01' + to_seconds((hash(i, 1) % 60000000)::BIGINT),
             '%Y-%m-%d %H:%M:%S') AS "Created Time",
    strftime(DATE '2024-03-01' + (hash(i, 2) % 700)::INTEGER, '%Y-%m-%d') AS "Closing Date",
    ['Qualification', 'Needs Analysis', 'Closed Won', 'Closed Lost', 'Negotiation/Review']
        [1 + i % 5] AS "Stage",
    'Standard' AS "Pipeline",
    'zcrm_' || (7000000 + i % 30000) AS "Account Name.id",
    'Web' AS "Lead Source",
    10 * (i % 10) AS "Probability"
FROM range({deals}) t(i)
"""
HISTORY = """
SELECT 'zcrm_' || (5000000000000000000 + i // 4) AS "Deal Id",
    ['Qualification', 'Needs Analysis', 'Negotiation/Review', 'Closed Won'][1 + i % 4] AS "Stage",
    strftime(TIMESTAMP '2024-01-01' + to_seconds(
        ((i % 4) * 800000 + hash(i) % 700000)::BIGINT), '%Y-%m-%d %H:%M:%S') AS "Modified Time",
    (hash(i, 1) % 10000000) / 100 AS "Amount",
    10 * (i % 10) AS "Probability",
    'Rep ' || (i % 200) AS "Modified By"
FROM range(4 * {deals}) t(i)
"""


def main(deals: int = 1_000_000, rounds: int = 3) -> None:
    """Write the exports, run both ways in turn, print seconds, ratio and peak memory."""
    with TemporaryDirectory() as folder:
        exports = Path(folder) / "exports"
        exports.mkdir()
        for name, sql in zip(FILES, (DEALS, HISTORY), strict=True):
            duckdb.execute(f"COPY ({sql.format(deals=deals)}) TO '{exports / name}' (HEADER)")
        size = sum((exports / name).stat().st_size for name in FILES)
        measured: dict[str, list[tuple[float, ...]]] = {"copy": [], "import": []}
        for number in range(rounds):
            for way, runs in measured.items():
                runs.append(_in_fresh_process(way, exports, Path(folder) / f"{way}-{number}"))
    print(f"{deals:,} deals, {4 * deals:,} history rows, {size / 1e6:,.0f} MB of CSV")
    wall_of_copy, cpu_of_copy = (min(run[i] for run in measured["copy"]) for i in (0, 1))
    for way, runs in measured.items():
        wall, cpu = (min(run[i] for run in runs) for i in (0, 1))
        print(
            f"{way:7} {wall:6.2f} s wall ({wall / wall_of_copy:.2f}x) {cpu:6.2f} s CPU "
            f"({cpu / cpu_of_copy:.2f}x)  peak {max(run[2] for run in runs):6,.0f} MB"
        )


def _in_fresh_process(way: str, exports: Path, target: Path) -> tuple[float, ...]:
    """Return wall and CPU seconds without the start of Python, and peak memory in MB."""
    command = [sys.executable, __file__, "--way", way, str(exports), str(target)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return tuple(map(float, done.stdout.split()))


def _run(way: str, exports: Path, target: Path) -> None:
    if way == "copy":
        target.mkdir()
        start, used = time.perf_counter(), time.process_time()
        for name in FILES:
            duckdb.execute(
                f"COPY (SELECT * FROM read_csv('{exports / name}')) "
                f"TO '{target / name}.parquet' (FORMAT parquet)"
            )
    else:
        from salesops_kit.sources.importer import import_exports

        start, used = time.perf_counter(), time.process_time()
        import_exports("zoho", exports, into=target)
    wall, cpu = time.perf_counter() - start, time.process_time() - used
    print(wall, cpu, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deals", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--way", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        _run(given.way[0], Path(given.way[1]), Path(given.way[2]))
    else:
        main(given.deals, given.rounds)
