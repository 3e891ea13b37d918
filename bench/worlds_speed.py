"""How long it takes to simulate a company and to write its exports.

    python bench/worlds_speed.py [deals]

300,000 deals must be simulated in under 20 seconds; the process ends with 1 when they are not.
"""

import resource
import sys
import time
from dataclasses import replace

from salesops_kit.worlds.demo import DEMO
from salesops_kit.worlds.simulate import simulate

DEALS_OF_DEMO = 6_000
SECONDS_PER_DEAL = 20 / 300_000


def main(deals: int = 300_000) -> int:
    """Simulate about so many deals, print seconds and memory, judge."""
    world = replace(DEMO, leads_per_month=DEMO.leads_per_month * deals / DEALS_OF_DEMO)
    started = time.perf_counter()
    company = simulate(world)
    seconds = time.perf_counter() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    made, entries = len(company.deals), len(company.history)
    print(f"{made:,} deals, {entries:,} stage entries: {seconds:.1f} s, {memory:.2f} GB")
    return int(seconds > max(made, 30_000) * SECONDS_PER_DEAL)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:2])))
