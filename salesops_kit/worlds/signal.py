"""How strong a planted cause is: the z-value that the best possible test could expect.

z* = |true change| · √information, on the scale where the change is additive. The information is
that of a comparison inside the touched slice, Σ w (s - s̄)², where s is how much of the cause was
there (0 before, 1 after; between on a ramp) and w one record's weight:

- quality: log-odds of advancing; p(1-p) per exit from the stage, p the true chance;
- speed: log of the stay; 1 per exit;
- volume: log of the number of leads; 1 per lead;
- size: log of the amount; 1 / variance per deal;
- mix: log-odds of the share; p(1-p) per lead or deal.

For a step this is before · after / (before + after). A cause of 5 is hard to miss, one of 2 is not
to be found by anybody.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from salesops_kit.worlds.causes import Cause
from salesops_kit.worlds.company import STAGES
from salesops_kit.worlds.effects import DIMENSIONS, Effect, Flow, Mix, Shift, Sizes
from salesops_kit.worlds.simulate import Company

_PLACE = {s.name: i for i, s in enumerate(STAGES)}


def strength(company: Company, cause: Cause) -> float | None:
    """Return z* of a planted cause; None where none is defined (artefacts, leavers, churn …).

    A cause of several effects is as strong as the strongest of them.
    """
    known = [e for e in cause.effects if type(e) in _SIGNALS and not cause.artefact]
    return max((_SIGNALS[type(e)](company, e) for e in known), default=None)


def _of_shift(company: Company, shift: Shift) -> float:
    exits, deals = company.exits, company.deals
    inside = shift.where.touches(deals.assign(rep=deals["first_rep"]), company.accounts)
    mine = inside[exits["deal"].to_numpy()]
    if shift.stage:
        mine &= exits["stage"].to_numpy() == _PLACE[shift.stage]
    there = shift.span.strength(exits["at"].to_numpy()[mine])
    chance = exits["chance"].to_numpy(dtype="float64")[mine]
    quality = abs(shift.odds) * _root_information(chance * (1 - chance), there)
    speed = abs(np.log(shift.slower)) * _root_information(np.ones(len(there)), there)
    return float(max(quality, speed))


def _of_flow(company: Company, flow: Flow) -> float:
    mine = flow.where.touches(company.leads, company.accounts)
    there = flow.span.strength(company.leads["created"].to_numpy()[mine])
    return float(abs(np.log(max(flow.factor, 1e-3))) * _root_information(1.0 + 0 * there, there))


def _of_sizes(company: Company, sizes: Sizes) -> float:
    deals = company.deals[sizes.where.touches(company.deals, company.accounts)]
    there = sizes.span.strength(deals["created"].to_numpy())
    spread = np.log(deals["size"].to_numpy()).var() if len(deals) else 1.0
    return float(abs(np.log(sizes.factor)) * _root_information(1 / spread + 0 * there, there))


def _of_mix(company: Company, mix: Mix) -> float:
    records = company.deals if mix.dimension == "product" else company.leads
    restricted = mix.where.touches(records, company.accounts)
    if mix.dimension in mix.where.named:
        restricted[:] = True
    mine = records[restricted]
    there = mix.span.strength(mine["created"].to_numpy())
    is_to = mine[mix.dimension].to_numpy() == DIMENSIONS[mix.dimension].index(mix.to)
    before = float(np.clip(is_to[there == 0].mean() if (there == 0).any() else 0.5, 1e-3, 1 - 1e-3))
    after = before + (1 - before) * min(mix.share, 1 - 1e-3)
    change = np.log(after / (1 - after)) - np.log(before / (1 - before))
    p = before + (after - before) * there
    return float(abs(change) * _root_information(p * (1 - p), there))


def _root_information(weight: np.ndarray, there: np.ndarray) -> float:
    total = weight.sum()
    if total <= 0:
        return 0.0
    mean = (weight * there).sum() / total
    return float(np.sqrt((weight * (there - mean) ** 2).sum()))


_SIGNALS: Mapping[type[Effect], Callable[[Company, Any], float]] = {
    Shift: _of_shift,
    Flow: _of_flow,
    Sizes: _of_sizes,
    Mix: _of_mix,
}
