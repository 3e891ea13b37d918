"""Gates of the diagnosis: worlds with planted leaks and worlds with none, and what it says."""

from dataclasses import dataclass, replace
from datetime import date
from math import log

import narwhals.stable.v2 as nw
import numpy as np
from scipy.special import expit, logit

from salesops_kit.analyses.diagnosis import CLEAR, Diagnosis, Kind, Leak, diagnose
from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.exits import FOLLOWED
from salesops_kit.metrics.visits import VisitRules, visits
from salesops_kit.models.rootcause import Cause as Found
from salesops_kit.models.rootcause import Scan
from salesops_kit.periods import day_number, period
from salesops_kit.workspace import Workspace
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.causes import Cause, quality_drop, slowdown
from salesops_kit.worlds.clock import second
from salesops_kit.worlds.company import STAGES
from salesops_kit.worlds.effects import DIMENSIONS, Shift, Span, Where
from salesops_kit.worlds.nulls import null_world, sized
from salesops_kit.worlds.signal import strength
from salesops_kit.worlds.simulate import Company
from truth.rivals import Rival, cohort_test, largest_contribution
from truth.tables import workspace_of

PERIOD = period("2025-09")
FIRST_MONTH = date(2023, 10, 1)  # of those scanned
WORLD = World(export_on=PERIOD.end, shock=0.0, growth_per_month=0.0)
SIZES = (6_000, 12_000, 25_000)
LARGE = 25_000
_FIRST, _LAST = 17, 21  # months (from 0) in which a planted cause may begin
_YEAR = date(2024, 10, 1)  # begin of the twelve months in which a signal is measured
# the rep of a slice is not among them: forty reps share what one region has
_SHAPES = (("region",), ("product",), ("source",), ("region", "product"))
_SHAPE_ODDS = (0.35, 0.2, 0.3, 0.15)


@dataclass(frozen=True)
class Place:
    """A stage and a slice: (dimension, value) pairs, ordered."""

    stage: str
    where: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Planted:
    """A planted leak: `change` of the log-odds of the group's share, or of the log stay, negated.

    The deals of a group differ by more than anybody records, so its share changes by a little
    less than each deal's own log-odds. The mean stay is that up to `FOLLOWED` days, so it grows by
    a little less than each stay.

    `signal`: its z* in the last twelve months; `longer`: in all months scanned.
    """

    kind: Kind
    place: Place
    month: int
    change: float
    signal: float
    longer: float


@dataclass(frozen=True)
class Named:
    """A leak the report names."""

    kind: Kind
    place: Place
    month: int
    change: float
    lower: float
    upper: float
    certainty: float

    @property
    def is_clear(self) -> bool:
        """Tell whether the report names the place, not only that something got worse."""
        return self.certainty >= CLEAR


@dataclass(frozen=True)
class Told:
    """What was planted in one world and what was said of it; `suspects`: likeliest per kind."""

    planted: tuple[Planted, ...]
    named: tuple[Named, ...]
    suspects: dict[str, tuple[Place, ...]]
    rivals: dict[str, Rival]

    def named_exactly(self, one: Planted) -> list[Named]:
        return [n for n in self.clear if (n.kind, n.place) == (one.kind, one.place)]

    @property
    def clear(self) -> list[Named]:
        return [n for n in self.named if n.is_clear]


def told_of_nothing(case: tuple[str, int, int]) -> Told:
    """Diagnose a null world: (name, deals, seed)."""
    name, deals, seed = case
    world = null_world(name, sized(replace(WORLD, seed=seed), deals))
    return _told(world, rivals=name == "pure")


def told_of_quality(seed: int) -> Told:
    """Diagnose a clean world in which fewer deals go on, somewhere, by 20 to 50 %."""
    return _told(_planted(seed, "quality"))


def told_of_speed(seed: int) -> Told:
    """Diagnose a clean world in which deals stay longer, somewhere."""
    return _told(_planted(seed, "speed"), rivals=False)


def told_of_noisy_region(seed: int) -> Told:
    """Diagnose a large, noisy world in which one region loses 30 % at one stage."""
    rng = np.random.default_rng([seed, 3])
    stage = _pick(rng, [s.name for s in STAGES[:-1]])
    where = Where(region=_pick(rng, DIMENSIONS["region"]))
    cause = quality_drop(Span(_month(rng)), stage, 0.3, where)
    return _told(
        replace(sized(replace(WORLD, seed=seed), LARGE), shock=0.15, causes=(cause,)), rivals=False
    )


def told_of_several(seed: int) -> Told:
    """Diagnose a large world with none to three leaks of 40 % in different stages."""
    rng = np.random.default_rng([seed, 4])
    number = int(rng.integers(0, 4))
    stages = rng.permutation([s.name for s in STAGES[:-1]])[:number]
    causes = tuple(
        quality_drop(Span(_month(rng)), str(stage), 0.4, _somewhere(rng)) for stage in stages
    )
    return _told(replace(sized(replace(WORLD, seed=seed), LARGE), causes=causes), rivals=False)


def _planted(seed: int, kind: Kind) -> World:
    rng = np.random.default_rng([seed, 1 if kind == "quality" else 2])
    deals = SIZES[int(rng.integers(len(SIZES)))]
    span, where = Span(_month(rng)), _somewhere(rng)
    stage = _pick(rng, [s.name for s in STAGES[:-1]])
    if kind == "quality":
        cause = quality_drop(span, stage, float(rng.uniform(0.2, 0.5)), where)
    else:
        cause = slowdown(span, stage, float(rng.uniform(1.2, 2.0)), where)
    return replace(sized(replace(WORLD, seed=seed), deals), causes=(cause,))


def _somewhere(rng: np.random.Generator) -> Where:
    dims = _SHAPES[int(rng.choice(len(_SHAPES), p=_SHAPE_ODDS))]
    return Where(**{d: _pick(rng, DIMENSIONS[d]) for d in dims})


def _pick(rng: np.random.Generator, among: "tuple[str, ...] | list[str]") -> str:
    return str(among[int(rng.integers(len(among)))])


def _month(rng: np.random.Generator) -> date:
    return _first_day(int(rng.integers(_FIRST, _LAST + 1)))


def _first_day(position: int) -> date:
    number = FIRST_MONTH.month - 1 + position
    return date(FIRST_MONTH.year + number // 12, number % 12 + 1, 1)


def _told(world: World, *, rivals: bool = True) -> Told:
    company = simulate(world)
    tables = {"deals": canonical.deals(company), "stage_history": canonical.stage_history(company)}
    workspace = workspace_of(tables, PERIOD.last)
    stays = stays_of(workspace)
    said = diagnose(workspace, stays, period=PERIOD)
    planted = tuple(
        _truth(company, stays, cause, shift)
        for cause in world.causes
        for shift in cause.effects
        if not cause.artefact and isinstance(shift, Shift)
    )
    beside = _rivals(stays, planted[0].month if planted else _FIRST) if rivals else {}
    suspects = {"quality": _ranked(said.quality), "speed": _ranked(said.speed)}
    return Told(planted, _named(said), suspects, beside)


def _rivals(stays: Frame, month: int) -> dict[str, Rival]:
    since = _first_day(month)
    return {"cohort": cohort_test(stays, _YEAR, since),
            "contribution": largest_contribution(stays, _YEAR, since)}  # fmt: skip


def stays_of(workspace: Workspace) -> Frame:
    """Return visits with all that the diagnosis looks at, computed once."""
    deals = workspace.table("deals")
    there = deals.collect_schema().names()
    dims = [d for d in workspace.settings.dimensions if d in there]
    stays = visits(
        workspace.table("stage_history"), deals, as_of=workspace.as_of,
        dimensions=[*dims, "owner_id"], rules=VisitRules(open_ranks=canonical.OPEN_RANKS),
    )  # fmt: skip
    return workspace.keep("_visits", stays)


def _truth(company: Company, stays: Frame, cause: Cause, shift: Shift) -> Planted:
    kind: Kind = "quality" if shift.odds else "speed"
    where = tuple(shift.where.named.items())
    since = shift.span.since
    month = (since.year - FIRST_MONTH.year) * 12 + since.month - FIRST_MONTH.month
    return Planted(
        kind, Place(shift.stage, where), month,
        _of_share(company, shift) if kind == "quality" else -_of_stay(stays, shift),
        _signal(company, cause, _YEAR), _signal(company, cause, FIRST_MONTH),
    )  # fmt: skip


def _of_share(company: Company, shift: Shift) -> float:
    """Return the change of the log-odds of the share that goes on, in the group, since it began."""
    exits, deals = company.exits, company.deals
    touched = shift.where.touches(deals.assign(rep=deals["first_rep"]), company.accounts)
    mine = exits[
        touched[exits["deal"].to_numpy()]
        & (exits["stage"] == [s.name for s in STAGES].index(shift.stage)).to_numpy()
        & (exits["at"] >= second(shift.span.since)).to_numpy()
    ]
    now = mine["chance"].to_numpy("float64").clip(1e-6, 1 - 1e-6)
    without = expit(logit(now) - shift.odds)
    return float(logit(now.mean()) - logit(without.mean()))


def _of_stay(stays: Frame, shift: Shift) -> float:
    """Return the log of how much longer the mean stay up to `FOLLOWED` days becomes."""
    mine = nw.col("stage") == shift.stage
    for name, value in shift.where.named.items():
        mine = mine & (nw.col(name) == value)
    before = mine & (nw.col("entered_day") < day_number(shift.span.since) - FOLLOWED)
    seen = stays.filter(before).select("entered_day", "exited_day").collect(backend="pandas")
    table = seen.to_native().astype("float64")
    days = (table["exited_day"] - table["entered_day"]).fillna(FOLLOWED)
    longer = (days * shift.slower).clip(upper=FOLLOWED)
    return log(longer.mean() / days.clip(upper=FOLLOWED).mean())


def _signal(company: Company, cause: Cause, first: date) -> float:
    """Return z* of a cause within the exits from a day on."""
    seen = company.exits["at"] >= second(first)
    known = replace(company, exits=company.exits[seen].reset_index(drop=True))
    return strength(known, cause) or 0.0


def _ranked(scan: Scan) -> tuple[Place, ...]:
    """Return the likeliest places, best first: of the first cause found, else of the suspect."""
    first = scan.causes[0] if scan.causes else scan.suspect
    if first is None:
        return ()
    return (_place(first), *(Place(s, where.where) for s, where, _ in first.runners_up))


def _place(found: Found) -> Place:
    return Place(found.stage, found.slice.where)


def _named(said: Diagnosis) -> tuple[Named, ...]:
    return tuple(
        Named(leak.kind, _place(leak.cause), leak.cause.month, *_effect(leak), leak.certainty)
        for leak in said.leaks
    )


def _effect(leak: Leak) -> tuple[float, float, float]:
    """Return the change with its bounds: log-odds, or minus the log of how much longer."""
    if leak.slower is None:
        return leak.cause.change, leak.cause.lower, leak.cause.upper
    times = leak.slower
    return -log(times.value or 1), -log(times.upper or 1), -log(times.lower or 1)
