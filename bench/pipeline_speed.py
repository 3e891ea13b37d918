"""The whole pipeline forecast from Parquet: 0.1 and 1 million deals.

    python bench/pipeline_speed.py [deals …]

One simulated company of a million deals is thinned out or repeated to the sizes asked for. Each
size runs in a fresh process; wall and CPU seconds of reading the tables, rebuilding the open deals
of former days, all former forecasts and this one, and the peak memory of the process.
"""

import resource
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.diagnosis_speed import resized, simulated

AS_OF = date(2025, 9, 14)
SIZES = (100_000, 1_000_000)


def main(*sizes: int) -> None:
    """Simulate once, then measure every size."""
    with TemporaryDirectory() as folder:
        base = Path(folder) / "base"
        simulated(base)
        for deals in sizes or SIZES:
            place = Path(folder) / str(deals)
            resized(base, place, deals)
            done = subprocess.run(
                [sys.executable, "-m", "bench.pipeline_speed", "--one", str(place)],
                check=True, capture_output=True, text=True,
            )  # fmt: skip
            wall, cpu, peak, still = (float(x) for x in done.stdout.split())
            print(
                f"{deals:>9,} deals  {still:>8,.0f} open  {wall:6.1f} s wall  {cpu:6.1f} s CPU  "
                f"{peak:5.2f} GB peak",
                flush=True,
            )


def measured(place: Path) -> None:
    """Forecast once and print wall and CPU seconds, peak memory and open deals."""
    from salesops_kit.analyses.pipeline_forecast import analyse_pipeline_forecast
    from salesops_kit.periods import period
    from salesops_kit.settings import Settings
    from salesops_kit.store import ParquetStore
    from salesops_kit.workspace import Workspace

    wall, cpu = time.perf_counter(), time.process_time()
    workspace = Workspace(place, Settings(), ParquetStore(place), AS_OF)
    found = analyse_pipeline_forecast(workspace, period=period("2025-09"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        time.perf_counter() - wall, time.process_time() - cpu, peak,
        found.stages["deals"].sum(),
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measured(Path(sys.argv[2]))
    else:
        main(*map(int, sys.argv[1:]))
