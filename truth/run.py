"""The groups of gates, each with its own worlds, and how one is run: side by side, resumable."""

import multiprocessing
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from truth.gates import Outcome
from truth.incentives import PaySizes, pay_gates
from truth.leaks import FalseLeakSizes, LeakSizes, false_leak_gates, leak_gates
from truth.monitor import MonitorSizes, monitor_gates
from truth.pipeline import PipelineSizes, pipeline_gates
from truth.reps import RepSizes, rep_gates
from truth.revenue import RevenueSizes, revenue_gates
from truth.risk import RiskSizes, risk_gates
from truth.store import Kept
from truth.texts import TextSizes, text_gates
from truth.training import TrainingSizes, training_gates
from truth.trajectories import TrajectorySizes, trajectory_gates
from truth.winning import StatementSizes, StaySizes, statement_gates, stay_gates

# far apart, so that what was watched while building says nothing about the release figures
FIRST_SEED = {"development": 10_000, "release": 700_000}
WORKERS = 2
Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
Sizes = TypeVar("Sizes")


@dataclass(frozen=True)
class Group:
    """Gates that are run together: `measure(spread, first seed, sizes)`, and how many worlds."""

    title: str
    sizes: Any
    measure: Callable[[Spread, int, Any], Outcome]

    def sized(self, share: float) -> Any:
        """Return the sizes at a share of the worlds; at least one world where there is any."""
        return replace(self.sizes, **{
            name: max(round(n * share), 1) if n else 0 for name, n in asdict(self.sizes).items()
        })  # fmt: skip


GROUPS = {
    "stays": Group("Stays in stages and shares won", StaySizes(),
                   lambda spread, first, sizes: Outcome(*stay_gates(spread, first, sizes))),
    "statements": Group("Statements about the win rate and about groups", StatementSizes(),
                        lambda *asked: Outcome(statement_gates(*asked))),
    "leaks": Group("Diagnosis: leaks that were planted", LeakSizes(),
                   lambda *asked: Outcome(leak_gates(*asked))),
    "false-leaks": Group("Diagnosis: companies without a leak", FalseLeakSizes(),
                         lambda *asked: Outcome(false_leak_gates(*asked))),
    "pipeline": Group("Pipeline forecast", PipelineSizes(),
                      lambda *asked: Outcome(pipeline_gates(*asked))),
    "revenue": Group("Revenue at risk", RevenueSizes(),
                     lambda *asked: Outcome(revenue_gates(*asked))),
    "reps": Group("Comparison of reps", RepSizes(),
                  lambda spread, first, sizes: Outcome(rep_gates(spread, first + 200_000, sizes))),
    "pay": Group("Pay: games, and the cost to come", PaySizes(),
                 lambda spread, first, sizes: Outcome(pay_gates(spread, first + 300_000, sizes))),
    "training": Group("Effect of trainings", TrainingSizes(), lambda spread, first, sizes:
                      Outcome(training_gates(spread, first + 220_000, sizes))),
    "trajectories": Group("Trends of reps", TrajectorySizes(), lambda spread, first, sizes:
                          Outcome(trajectory_gates(spread, first + 260_000, sizes))),
    "risk": Group("Risks, and reports blind to the future", RiskSizes(),
                  lambda *asked: Outcome(risk_gates(*asked))),
    "monitor": Group("Alarms on many series", MonitorSizes(), lambda spread, first, sizes:
                     Outcome(monitor_gates(spread, first + 240_000, sizes))),
    "texts": Group("Reading texts", TextSizes(), lambda *asked: Outcome(text_gates(*asked))),
}  # fmt: skip


def run(name: str, seeds: str, share: float = 1.0, workers: int = WORKERS) -> Outcome:
    """Run one group on the `development` or the `release` seeds; worlds already judged are kept."""
    group = GROUPS[name]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:

        def spread(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
            return list(pool.map(Kept.of(work), items))

        return group.measure(spread, FIRST_SEED[seeds], group.sized(share))
