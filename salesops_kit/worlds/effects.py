"""What can be changed in a company from a day on: the mechanisms that causes are made of.

An effect says when (`Span`), for whom (`Where`) and how much. It is an instruction to one part of
the simulator; what an analyst would call the cause (a competitor enters) may need several.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, second

DIMENSIONS: Mapping[str, tuple[str, ...]] = {
    "region": tuple(r.en for r in c.REGIONS),
    "source": tuple(s.en for s in c.SOURCES),
    "line": tuple(dict.fromkeys(p[1].en for p in c.PRODUCTS)),
    "product": tuple(p[0].en for p in c.PRODUCTS),
    "segment": tuple(s.en for s in c.SEGMENTS),
    "industry": tuple(i.en for i in c.INDUSTRIES),
}
_LINE_OF_PRODUCT = np.array([DIMENSIONS["line"].index(p[1].en) for p in c.PRODUCTS])


@dataclass(frozen=True)
class Span:
    """From a day on: at once, or growing over `ramp_days`; for good, or until a day."""

    since: date
    until: date | None = None
    ramp_days: int = 0

    def strength(self, when: np.ndarray) -> np.ndarray:
        """Return how much of an effect is there at each time (seconds): 0 before, 1 in full."""
        begun = when - second(self.since)
        grown = np.where(begun >= 0, 1.0, 0.0)
        if self.ramp_days:
            grown = np.clip(np.round(begun / (self.ramp_days * DAY), 6), 0.0, 1.0)
        if self.until is not None:
            grown = np.where(when < second(self.until), grown, 0.0)
        return np.asarray(grown)


@dataclass(frozen=True)
class Where:
    """The leads, deals or customers an effect touches: each named dimension must match.

    Raises
    ------
    ParameterError
        When a name is none of the company's.
    """

    region: str = ""
    source: str = ""
    line: str = ""
    product: str = ""
    segment: str = ""
    industry: str = ""
    reps: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        for dimension, name in self.named.items():
            if name not in DIMENSIONS[dimension]:
                raise ParameterError(
                    f"{dimension} is {name!r}; it must be one of {', '.join(DIMENSIONS[dimension])}"
                )

    @property
    def named(self) -> dict[str, str]:
        """The dimensions that are restricted, with the value of each."""
        return {d: getattr(self, d) for d in DIMENSIONS if getattr(self, d)}

    def touches(self, records: pd.DataFrame, accounts: pd.DataFrame) -> np.ndarray:
        """Mark the leads or deals inside; a dimension that they do not have yet is no limit."""
        inside = np.ones(len(records), dtype=bool)
        for dimension, name in self.named.items():
            values = _positions(dimension, records, accounts)
            if values is not None:
                inside &= values == DIMENSIONS[dimension].index(name)
        if self.reps and "rep" in records:
            inside &= np.isin(records["rep"].to_numpy(), self.reps)
        return inside


def _positions(dimension: str, records: pd.DataFrame, accounts: pd.DataFrame) -> np.ndarray | None:
    if dimension in ("segment", "industry"):
        return np.asarray(accounts[dimension].to_numpy()[records["account"].to_numpy()])
    if dimension == "line":
        return _LINE_OF_PRODUCT[records["product"].to_numpy()] if "product" in records else None
    return records[dimension].to_numpy() if dimension in records else None


EVERYWHERE = Where()


@dataclass(frozen=True)
class Effect:
    """What every effect has: its span and the slice it touches."""

    span: Span
    where: Where = EVERYWHERE


@dataclass(frozen=True)
class Shift(Effect):
    """Deals in a stage (empty: in all) advance at other odds, or stay longer.

    `odds` is added to the log-odds of advancing, `slower` multiplies the stay.
    """

    stage: str = ""
    odds: float = 0.0
    slower: float = 1.0


@dataclass(frozen=True)
class Flow(Effect):
    """`factor` times as many leads come in."""

    factor: float = 1.0


@dataclass(frozen=True)
class Mix(Effect):
    """A `share` of the leads comes from `to` instead of where they came from.

    `dimension` is "source" or "region" of the leads, or "product" of the deals.
    """

    dimension: str = "source"
    to: str = ""
    share: float = 0.0

    def __post_init__(self) -> None:
        if self.dimension not in ("source", "region", "product"):
            raise ParameterError(
                f"dimension is {self.dimension!r}; a mix can shift by source, region or product"
            )
        if self.to not in DIMENSIONS[self.dimension]:
            raise ParameterError(
                f"to is {self.to!r}; it must be one of {', '.join(DIMENSIONS[self.dimension])}"
            )


@dataclass(frozen=True)
class Sizes(Effect):
    """Deals are `factor` times as large; `discount` is added to what is given away."""

    factor: float = 1.0
    discount: float = 0.0


@dataclass(frozen=True)
class Blamed(Effect):
    """A `share` of the lost deals gives this reason, or names this rival."""

    share: float = 0.0
    reason: str = ""
    rival: str = ""


@dataclass(frozen=True)
class Favour(Effect):
    """Good leads go to skilled reps: 0 is chance, 1 strong, below 0 they go to the weak."""

    power: float = 0.0


@dataclass(frozen=True)
class Leaves(Effect):
    """A rep leaves on the day the span begins; colleagues take over."""

    rep: int = 0


@dataclass(frozen=True)
class Joins(Effect):
    """Reps of a region begin on that day: who is `rep` was not there before."""

    reps: tuple[int, ...] = ()


@dataclass(frozen=True)
class Pull(Effect):
    """A `share` of the deals due in the `days` after the span closes inside it instead."""

    share: float = 0.0
    days: int = 30


@dataclass(frozen=True)
class BulkClose(Effect):
    """One evening the office closes up to `deals` open deals older than `older_days`."""

    deals: int = 60
    older_days: int = 90


@dataclass(frozen=True)
class StageDropped(Effect):
    """The process loses a stage: who advances into it goes on to the next one.

    The stage's own selection moves to the stage before, so that as many are won as ever.
    """

    stage: str = ""


@dataclass(frozen=True)
class Renamed(Effect):
    """A stage bears another label in the CRM."""

    stage: str = ""
    label: c.Named = field(default_factory=lambda: c.Named("", ""))


@dataclass(frozen=True)
class Churn(Effect):
    """Customers give up ordering `factor` times as often."""

    factor: float = 1.0


@dataclass(frozen=True)
class Talk(Effect):
    """A `share` of the feedback speaks of one theme, with a mood of `mood` points."""

    theme: str = ""
    share: float = 0.0
    mood: float = 0.0
