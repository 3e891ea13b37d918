"""Comparing 2,000 reps by 160,000 deals of twelve kinds, ranks and chances included.

    python bench/reps_speed.py [reps …]

Wall and CPU seconds of `models.reps.compare_reps`, the best of three, beside a fit of one level per
rep by maximum likelihood, which has neither shrinkage nor chances.
"""

import sys
import time

import numpy as np
import pandas as pd

from salesops_kit.models.reps import compare_reps
from salesops_kit.models.within import design_of, within_logit

SIZES = (60, 500, 2_000)
KINDS, SKILL, MEAN = 12, 0.3, 80
SEED = 5


def main(*sizes: int) -> None:
    """Measure every size."""
    for reps in sizes or SIZES:
        counts = drawn(reps)
        hits = counts["hits"].to_numpy("float64")
        ours = best(lambda counts=counts: compare_reps(counts, strata=["kind"]))
        plain = best(lambda c=counts, h=hits: within_logit(design_of(c, ["kind"]), h))
        print(
            f"{reps:>5,} reps  {counts['n'].sum():>8,} deals  {ours[0]:6.2f} s wall  "
            f"{ours[1]:6.2f} s CPU  (levels alone {plain[1]:5.2f} s CPU)",
            flush=True,
        )


def drawn(reps: int) -> pd.DataFrame:
    """Return counts by rep and kind of deal."""
    rng = np.random.default_rng(SEED)
    ease, skill = rng.normal(-1, 0.6, KINDS), rng.normal(0, SKILL, reps)
    mix = rng.dirichlet(np.full(KINDS, 2.0), reps)
    n = rng.multinomial(rng.integers(MEAN - 65, MEAN + 66, reps), mix)
    hits = rng.binomial(n, 1 / (1 + np.exp(-(ease + skill[:, None]))))
    rep, kind = np.nonzero(n)
    return pd.DataFrame({"rep": rep.astype(str), "kind": kind.astype(str), "n": n[rep, kind],
                         "hits": hits[rep, kind]})  # fmt: skip


def best(work) -> tuple[float, float]:
    """Return wall and CPU seconds of the fastest of three runs."""
    found = []
    for _ in range(3):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        found.append((time.perf_counter() - wall, time.process_time() - cpu))
    return min(w for w, _ in found), min(c for _, c in found)


if __name__ == "__main__":
    main(*(int(size) for size in sys.argv[1:]))
