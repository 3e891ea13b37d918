"""A gate: a promise, how often it was kept over many worlds, and what counts as kept."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from scipy.stats import beta

CONFIDENCE = 0.95  # of the interval around every measured share


@dataclass(frozen=True)
class Gate:
    """A share counted over worlds, and the span where it, or its upper bound, must lie.

    Without `lowest`, `highest` or `bound_at_most` it is shown as information and cannot fail.
    """

    name: str
    meaning: str
    hits: int
    worlds: int
    lowest: float | None = None
    highest: float | None = None
    bound_at_most: float | None = None

    @property
    def measured(self) -> float:
        return self.hits / self.worlds

    @property
    def interval(self) -> tuple[float, float]:
        return clopper_pearson(self.hits, self.worlds)

    @property
    def judges(self) -> bool:
        return any(x is not None for x in (self.lowest, self.highest, self.bound_at_most))

    @property
    def passed(self) -> bool:
        """Tell whether the share keeps its target; exact, without forgiveness for luck."""
        return (
            (self.lowest is None or self.measured >= self.lowest)
            and (self.highest is None or self.measured <= self.highest)
            and (self.bound_at_most is None or self.interval[1] <= self.bound_at_most)
        )

    @property
    def target(self) -> str:
        if self.bound_at_most is not None:
            return f"upper bound ≤ {self.bound_at_most:g}"
        if self.lowest is not None and self.highest is not None:
            return f"{self.lowest:.3g} – {self.highest:.3g}"
        if self.lowest is not None:
            return f"≥ {self.lowest:.3g}"
        return "information" if self.highest is None else f"≤ {self.highest:.3g}"

    @property
    def verdict(self) -> str:
        return ("PASS" if self.passed else "FAIL") if self.judges else "–"


@dataclass(frozen=True)
class Figure:
    """An error or a ratio measured over worlds, with its interval, and the highest it may be.

    Without `highest` it is shown as information and cannot fail.
    """

    name: str
    meaning: str
    measured: float
    interval: tuple[float, float]
    worlds: int
    highest: float | None = None

    @property
    def judges(self) -> bool:
        return self.highest is not None

    @property
    def passed(self) -> bool:
        return self.highest is None or self.measured <= self.highest

    @property
    def target(self) -> str:
        return "information" if self.highest is None else f"≤ {self.highest:g}"

    @property
    def verdict(self) -> str:
        return ("PASS" if self.passed else "FAIL") if self.judges else "–"


@dataclass(frozen=True)
class MeanGate:
    """A mean over worlds that must not be below `lowest`; its interval is the normal one."""

    name: str
    meaning: str
    values: tuple[float, ...]
    lowest: float | None = None

    @property
    def worlds(self) -> int:
        return len(self.values)

    @property
    def measured(self) -> float:
        return sum(self.values) / len(self.values)

    @property
    def interval(self) -> tuple[float, float]:
        mean, n = self.measured, len(self.values)
        spread = (sum((v - mean) ** 2 for v in self.values) / max(n - 1, 1)) ** 0.5
        half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * spread / n**0.5
        return mean - half, mean + half

    @property
    def judges(self) -> bool:
        return self.lowest is not None

    @property
    def passed(self) -> bool:
        """Tell whether the mean keeps its target; exact, without forgiveness for luck."""
        return self.lowest is None or self.measured >= self.lowest

    @property
    def target(self) -> str:
        return "information" if self.lowest is None else f"≥ {self.lowest:g}"

    @property
    def verdict(self) -> str:
        return ("PASS" if self.passed else "FAIL") if self.judges else "–"


@dataclass(frozen=True)
class Comparison:
    """Estimates beside the truth: (how it was measured, what it says, what it is off by)."""

    name: str
    unit: str
    truth: float
    rows: Sequence[tuple[str, float]]


@dataclass(frozen=True)
class Outcome:
    """All gates of one group and the comparisons beside them."""

    gates: Sequence[Gate | Figure | MeanGate]
    comparisons: Sequence[Comparison] = ()

    @property
    def failed(self) -> list[Gate | Figure | MeanGate]:
        return [gate for gate in self.gates if not gate.passed]


def clopper_pearson(hits: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the exact binomial interval of `hits / n` (Clopper & Pearson 1934)."""
    tail = (1 - confidence) / 2
    lower = 0.0 if hits == 0 else float(beta.ppf(tail, hits, n - hits + 1))
    upper = 1.0 if hits == n else float(beta.ppf(1 - tail, hits + 1, n - hits))
    return lower, upper
