"""One company over a span of time: everything a simulation depends on."""

import zlib
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

import numpy as np

from salesops_kit.errors import ParameterError
from salesops_kit.worlds import company as c
from salesops_kit.worlds.causes import Cause
from salesops_kit.worlds.effects import Effect

E = TypeVar("E", bound=Effect)


_NOTHING = c.Named("", "")


@dataclass(frozen=True)
class Answer:
    """What management decided on a finding of a report, and by when.

    `finding`: its id as the report shows it, {region} in it is the first region by its own name;
    `rep`: who does it. Nothing in the world changes by it.
    """

    finding: str
    what: c.Named
    rep: int
    opened: date
    due: date
    done: date | None = None
    result: c.Named = _NOTHING


@dataclass(frozen=True)
class World:
    """One company over a span of time. Equal settings give equal worlds on every machine.

    `leads_per_month` is the mean in the first month and grows by `growth_per_month`; `season` is
    the yearly wave of leads (0.12: 12 % more in spring than on average), `season_odds` that of
    the log-odds of advancing. `shock` is the standard deviation of the region × month noise on
    the log-odds, `skill` that of the reps' skill, `stale` the share of deals that reps forget.
    `answers`: what was decided on findings.

    Raises
    ------
    ParameterError
        When there are too few reps for the regions, no accounts, or no days.
    """

    seed: int = 20251005
    start: date = date(2023, 10, 1)
    export_on: date = date(2025, 10, 5)
    leads_per_month: float = 420.0
    growth_per_month: float = 0.008
    season: float = 0.12
    season_odds: float = 0.0
    reps: int = 40
    skill: float = 0.30
    accounts: int = 1500
    shock: float = 0.10
    stale: float = 0.04
    causes: tuple[Cause, ...] = ()
    answers: tuple[Answer, ...] = ()

    def __post_init__(self) -> None:
        few = 2 * len(c.REGIONS)
        if self.reps < few:
            raise ParameterError(f"reps is {self.reps}; give at least {few}, two per region")
        if self.accounts < 1:
            raise ParameterError(f"accounts is {self.accounts}; give at least 1")
        if self.export_on <= self.start:
            raise ParameterError(
                f"export_on is {self.export_on}; give a day after start, {self.start}"
            )

    def effects(self, kind: type[E]) -> list[E]:
        """Return the effects of one kind, in the order of the causes."""
        return [part for cause in self.causes for part in cause.effects if isinstance(part, kind)]

    def stream(self, part: str) -> np.random.Generator:
        """Return the random stream of one part: adding a part does not shift the others."""
        return np.random.Generator(
            np.random.PCG64(np.random.SeedSequence([self.seed, zlib.crc32(part.encode())]))
        )
