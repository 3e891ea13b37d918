"""What is worth saying: a statement with its evidence, its money and what to do.

A finding is a full sentence with the number in it, in both languages; its `id` stays the same
from period to period (what kind, where), so that it can be followed as new, persisting, worse,
better or resolved.
"""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from salesops_kit.errors import ParameterError
from salesops_kit.language import Language

Severity = Literal["critical", "warning", "note", "good"]
SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "note", "good")
SCHEMA_VERSION = 1

Words = dict[Language, str]


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; bounds are missing where none can be given."""

    value: float | None
    lower: float | None = None
    upper: float | None = None
    unit: str = ""


@dataclass(frozen=True)
class Finding:
    """One thing a leader should know.

    `certainty` is the calibrated probability (0-1) that the statement holds; statements that
    are plain counts have 1. `money` is what is at stake, in `money.unit` currency, or None.
    `section` is the anchor of the notebook section that shows the evidence.
    """

    analysis: str
    kind: str
    severity: Severity
    headline: Words
    detail: Words
    action: Words
    definition: str
    section: str
    where: dict[str, str] = field(default_factory=dict)
    since: str = ""
    effect: Estimate | None = None
    money: Estimate | None = None
    n: int | None = None
    certainty: float = 1.0

    def __post_init__(self) -> None:
        if self.severity not in SEVERITIES:
            raise ParameterError(f"severity is {self.severity!r}; it must be one of {SEVERITIES}")
        if not 0 <= self.certainty <= 1:
            raise ParameterError(f"certainty is {self.certainty!r}; it must lie in 0-1")

    @property
    def id(self) -> str:
        """Stable name: analysis, kind and where, without period and numbers."""
        place = ",".join(f"{name}={value}" for name, value in sorted(self.where.items()))
        return ":".join(part for part in (self.analysis, self.kind, place) if part)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as findings.json holds it."""
        return {"id": self.id, **asdict(self)}


@dataclass(frozen=True)
class KeyFigure:
    """One number of the index page, with what it is compared to.

    `unit` is money, share, days, count or score (net, in hundredths); `trend` holds the same
    figure over past periods, oldest first, the last one being `value`; `good_direction` is +1, -1
    or 0 (neither).
    """

    name: str
    label: Words
    value: float | None
    unit: Literal["money", "share", "days", "count", "score"]
    definition: str
    lower: float | None = None
    upper: float | None = None
    n: int | None = None
    previous: float | None = None
    year_ago: float | None = None
    target: float | None = None
    currency: str = ""
    trend: tuple[float | None, ...] = ()
    good_direction: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return the figure as findings.json holds it."""
        return asdict(self)


def in_order(findings: list[Finding]) -> list[Finding]:
    """Sort by severity, then money times certainty, largest first; ties by id."""

    def rank(finding: Finding) -> tuple[int, float, str]:
        money = abs(finding.money.value or 0) if finding.money else 0.0
        return (SEVERITIES.index(finding.severity), -money * finding.certainty, finding.id)

    return sorted(findings, key=rank)
