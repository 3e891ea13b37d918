"""The whole diagnosis from Parquet: 0.1, 1 and 5 million deals, three dimensions and reps.

    python bench/diagnosis_speed.py [deals …]

One simulated company of a million deals is thinned out or repeated to the sizes asked for. Each
size runs in a fresh process, on two threads, with the memory that a workspace takes; wall and CPU
seconds of reading the tables, making visits and scanning them, and the peak memory of the process.
"""

import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

AS_OF = date(2025, 9, 30)
SIZES = (100_000, 1_000_000, 5_000_000)


def main(*sizes: int) -> None:
    """Simulate once, then measure every size."""
    with TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        child("--simulate", base)
        rows = []
        for deals in sizes or SIZES:
            place = Path(folder) / str(deals)
            child("--resize", base, place, deals)
            rows.append((deals, *(float(x) for x in child("--one", place).split())))
            deals_n, wall, cpu, peak, leaks = rows[-1]
            print(
                f"{deals_n:>9,} deals  {wall:6.1f} s wall  {cpu:6.1f} s CPU  {peak:5.2f} GB peak  "
                f"{leaks:.0f} leaks  {wall / rows[0][1]:5.1f} × the first",
                flush=True,
            )


def child(*arguments: object) -> str:
    """Run a step in a process of its own; it would start with the peak memory of a large parent."""
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def simulated(folder: Path) -> None:
    """Write the tables of one company with one planted leak."""
    from dataclasses import replace

    from salesops_kit.worlds import World, canonical, simulate
    from salesops_kit.worlds.causes import quality_drop
    from salesops_kit.worlds.effects import Span, Where
    from salesops_kit.worlds.nulls import sized
    from truth.tables import FrameStore

    leak = quality_drop(Span(date(2025, 5, 1)), "proposal", 0.2, Where(region="South"))
    world = sized(World(seed=1, growth_per_month=0.0), 1_000_000)
    company = simulate(replace(world, causes=(leak,)))
    tables = {"deals": canonical.deals(company), "stage_history": canonical.stage_history(company)}
    folder.mkdir()
    store = FrameStore.of(tables)
    for name in tables:
        store.connection.execute(f"COPY {name} TO '{folder / name}.parquet'")


def resized(base: Path, folder: Path, deals: int) -> None:
    """Keep every n-th deal, or repeat all of them under other names."""
    folder.mkdir()
    for name in ("deals", "stage_history"):
        source = f"read_parquet('{base / name}.parquet')"
        if deals < 1_000_000:
            kept = f"SELECT * FROM {source} WHERE hash(deal_id) % 1000000 < {deals}"
        else:
            times = deals // 1_000_000
            kept = (
                f"SELECT * REPLACE (deal_id || '-' || copy AS deal_id) "
                f"FROM {source}, range({times}) AS copies(copy)"
            )
            kept = kept.replace("SELECT *", "SELECT * EXCLUDE (copy)")
        duckdb.execute(f"COPY ({kept}) TO '{folder / name}.parquet'")


def one(folder: Path) -> None:
    """Diagnose one workspace; print wall and CPU seconds, gigabytes and number of leaks."""
    from salesops_kit.analyses.diagnosis import diagnose
    from salesops_kit.periods import period
    from salesops_kit.settings import Settings
    from salesops_kit.store import ParquetStore
    from salesops_kit.workspace import Workspace
    from truth.diagnoses import stays_of

    wall, cpu = time.perf_counter(), time.process_time()
    store = ParquetStore(folder)
    store._connection.execute("SET threads = 2")
    workspace = Workspace(folder, Settings(), store, AS_OF)
    found = diagnose(workspace, stays_of(workspace), period=period("2025-09"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(time.perf_counter() - wall, time.process_time() - cpu, peak, len(found.leaks))


if __name__ == "__main__":
    step, *rest = sys.argv[1:] or [""]
    if step == "--one":
        one(Path(rest[0]))
    elif step == "--simulate":
        simulated(Path(rest[0]))
    elif step == "--resize":
        resized(Path(rest[0]), Path(rest[1]), int(rest[2]))
    else:
        main(*(int(size) for size in sys.argv[1:]))
