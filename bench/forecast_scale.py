"""Time and memory of forecasting thousands of series: 20,000 of 36 months, with bands.

python bench/forecast_scale.py [series]      # 20000; also a half and a quarter of them
python bench/forecast_scale.py --one 5000    # one size in this process
"""

import resource
import subprocess
import sys
import time

import numpy as np

from salesops_kit.models.series_panel import Panel
from salesops_kit.models.series_parts import forecast_in_parts

STEPS, HORIZON, SEED = 36, 6, 42


def panel(count: int) -> Panel:
    """Draw series with a level, a trend, a season and noise."""
    rng = np.random.default_rng(SEED)
    steps = np.arange(STEPS)
    level = rng.lognormal(3, 1, (count, 1))
    trend = 1 + rng.normal(0, 0.005, (count, 1)) * steps
    season = 1 + 0.2 * np.sin(2 * np.pi * (steps + rng.integers(0, 12, (count, 1))) / 12)
    values = level * trend * season * rng.lognormal(0, 0.15, (count, STEPS))
    return Panel(tuple(f"s{number}" for number in range(count)), tuple(values), 12)


def one(count: int) -> None:
    """Forecast one panel; print wall and CPU seconds of this process and its helpers, memory."""
    drawn = panel(count)
    wall = time.perf_counter()
    table = forecast_in_parts(drawn, HORIZON, "fast", workers=2)
    wall = time.perf_counter() - wall
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu = sum(use.ru_utime + use.ru_stime for use in uses)
    memory = [use.ru_maxrss / 2**20 for use in uses]
    print(f"{count:7,} series  {wall:6.1f} s wall  {cpu:6.1f} CPU s  peak {memory[0]:.2f} GB here, "
          f"{memory[1]:.2f} GB in the largest helper  {len(table):,} rows")  # fmt: skip


def main(size: str = "20000") -> None:
    for count in (int(size) // 4, int(size) // 2, int(size)):
        subprocess.run([sys.executable, __file__, "--one", str(count)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(int(sys.argv[2]))
    else:
        main(*sys.argv[1:])
