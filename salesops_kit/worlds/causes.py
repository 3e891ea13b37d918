"""The catalogue of causes that can be planted in a company, each with where, when and how big.

Every function returns a `Cause`: give several to `World(causes=…)`. Sizes are what a manager would
say (a drop of 0.3 is 30 % fewer of those who went on before), the effects what the simulator does.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from salesops_kit.errors import ParameterError
from salesops_kit.worlds import company as c
from salesops_kit.worlds import effects as e
from salesops_kit.worlds.effects import EVERYWHERE, Span, Where


@dataclass(frozen=True)
class Cause:
    """A planted cause: its kind in the catalogue, its size and its effects.

    `artefact`: nothing happened to the business, only to its records.
    """

    kind: str
    size: float
    effects: tuple[e.Effect, ...]
    artefact: bool = False

    @property
    def span(self) -> Span:
        """When it works."""
        return self.effects[0].span

    @property
    def where(self) -> Where:
        """Whom it touches."""
        return self.effects[0].where

    @property
    def stage(self) -> str:
        """The stage it works in; empty: none in particular."""
        return str(getattr(self.effects[0], "stage", ""))


def quality_drop(
    span: Span, stage: str = "", drop: float = 0.3, where: Where = EVERYWHERE
) -> Cause:
    """Make `drop` (0-1) of the deals that went on from a stage stop there; below 0: more go on.

    The drop is that of a deal with the stage's usual chance; all change by the same log-odds.
    """
    shift = e.Shift(span, where, stage, odds=_odds_of(drop, stage))
    return Cause("quality_drop", drop, (shift,))


def slowdown(span: Span, stage: str = "", slower: float = 1.5, where: Where = EVERYWHERE) -> Cause:
    """Let deals stay `slower` times as long in a stage."""
    return Cause("slowdown", slower, (e.Shift(span, where, _known(stage), slower=slower),))


def global_shock(span: Span, drop: float = 0.2) -> Cause:
    """Let everything fall everywhere: from each stage `drop` fewer deals go on."""
    return Cause("global_shock", drop, (e.Shift(span, odds=_odds_of(drop, "")),))


def volume_loss(span: Span, drop: float = 0.3, where: Where = EVERYWHERE) -> Cause:
    """Take away `drop` of the leads."""
    return Cause("volume_loss", drop, (e.Flow(span, where, factor=1 - drop),))


def mix_shift(
    span: Span, to: str, share: float = 0.3, where: Where = EVERYWHERE, dimension: str = "source"
) -> Cause:
    """Let a `share` of the leads (of deals, by product) come from `to` instead of elsewhere."""
    return Cause("mix_shift", share, (e.Mix(span, where, dimension, to, share),))


def size_erosion(
    span: Span, drop: float = 0.25, where: Where = EVERYWHERE, discount: float = 0.0
) -> Cause:
    """Make new deals smaller by `drop`; `discount` (0-1) more is given away."""
    return Cause("size_erosion", drop, (e.Sizes(span, where, factor=1 - drop, discount=discount),))


def rep_leaves(on: date, rep: int) -> Cause:
    """Let one rep leave; what is open goes to colleagues of the region."""
    return Cause("rep_leaves", 1, (e.Leaves(Span(on), Where(reps=(rep,)), rep),))


def reps_ramping(on: date, reps: tuple[int, ...]) -> Cause:
    """Let these reps begin on that day: they need 150 days to reach their level."""
    return Cause("reps_ramping", len(reps), (e.Joins(Span(on), Where(reps=reps), reps),))


def assignment_bias(span: Span, power: float = 1.0, where: Where = EVERYWHERE) -> Cause:
    """Hand out leads unevenly: good ones go to skilled reps (below 0: to weak ones)."""
    return Cause("assignment_bias", power, (e.Favour(span, where, power),))


def competitor_entry(
    span: Span, rival: str = "Voltra", drop: float = 0.25, where: Where = EVERYWHERE
) -> Cause:
    """Let a rival win deals late in the process, and be named where deals are lost."""
    shift = e.Shift(span, where, "negotiation", odds=_odds_of(drop, "negotiation"))
    _among(rival, "rival", [r.en for r in c.COMPETITORS])
    return Cause("competitor_entry", drop, (shift, e.Blamed(span, where, 0.5, "Competitor", rival)))


def price_rise(
    span: Span, rise: float = 0.1, drop: float = 0.2, where: Where = EVERYWHERE
) -> Cause:
    """Raise prices by `rise`; of the proposals that went on, `drop` no longer do."""
    shift = e.Shift(span, where, "proposal", odds=_odds_of(drop, "proposal"))
    sizes = e.Sizes(span, where, factor=1 + rise)
    return Cause("price_rise", drop, (shift, sizes, e.Blamed(span, where, 0.4, "Price")))


def churn_wave(span: Span, factor: float = 3.0, where: Where = EVERYWHERE) -> Cause:
    """Let customers give up ordering `factor` times as often."""
    return Cause("churn_wave", factor, (e.Churn(span, where, factor),))


def training_effect(on: date, reps: tuple[int, ...], lift: float = 0.35) -> Cause:
    """Train these reps: their log-odds of advancing rise by `lift` within 60 days."""
    span = Span(on, ramp_days=60)
    return Cause("training_effect", lift, (e.Shift(span, Where(reps=reps), odds=lift),))


def promotion(since: date, until: date, share: float = 0.5, days: int = 30) -> Cause:
    """Let deals due in the `days` after a promotion close inside it: a peak, then a hole."""
    return Cause("promotion", share, (e.Pull(Span(since, until), share=share, days=days),))


def process_change(on: date, stage: str = "needs") -> Cause:
    """Drop a stage from the process; as many deals are won as before."""
    middle = [s.name for s in c.STAGES[1:-1]]
    _among(stage, "stage", middle)
    return Cause("process_change", 1, (e.StageDropped(Span(on), stage=stage),), artefact=True)


def label_rename(on: date, stage: str, en: str, zh: str) -> Cause:
    """Give a stage another label from a day on."""
    renamed = e.Renamed(Span(on), stage=_known(stage), label=c.Named(en, zh))
    return Cause("label_rename", 1, (renamed,), artefact=True)


def bulk_close(on: date, deals: int = 60, older_days: int = 90) -> Cause:
    """Close forgotten deals all at once, one evening, from the office."""
    closing = e.BulkClose(Span(on, on + timedelta(days=1)), deals=deals, older_days=older_days)
    return Cause("bulk_close", deals, (closing,), artefact=True)


def theme_emerging(
    span: Span, theme: str = "delivery", share: float = 0.3, where: Where = EVERYWHERE
) -> Cause:
    """Let a `share` of the customers complain about one theme."""
    return Cause("theme_emerging", share, (e.Talk(span, where, theme, share, mood=-2.0),))


CATALOGUE: Mapping[str, Callable[..., Cause]] = {
    made.__name__: made
    for made in (
        quality_drop, slowdown, global_shock, volume_loss, mix_shift, size_erosion, rep_leaves,
        reps_ramping, assignment_bias, competitor_entry, price_rise, churn_wave, training_effect,
        promotion, process_change, label_rename, bulk_close, theme_emerging,
    )
}  # fmt: skip


def _odds_of(drop: float, stage: str) -> float:
    """Log-odds that turn a stage's usual chance p to p(1 - drop); the mean of stages if none."""
    usual = {s.name: s.advance for s in c.STAGES}
    p = usual[_known(stage)] if stage else sum(usual.values()) / len(usual)
    after = p * (1 - drop)
    if not 0 < after < 1:
        raise ParameterError(f"drop is {drop:g}; of a chance of {p:.0%} that leaves {after:.0%}")
    return round(math.log(after / (1 - after)) - math.log(p / (1 - p)), 6)


def _known(stage: str) -> str:
    if stage:
        _among(stage, "stage", [s.name for s in c.STAGES])
    return stage


def _among(name: str, what: str, known: list[str]) -> None:
    if name not in known:
        raise ParameterError(f"{what} is {name!r}; it must be one of {', '.join(known)}")
