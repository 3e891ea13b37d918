"""Worlds in which nothing went wrong, each with something that fools a naive diagnosis.

A diagnosis that names a segment as the cause in one of these cries wolf.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta

from salesops_kit.errors import ParameterError
from salesops_kit.worlds.causes import bulk_close, label_rename, mix_shift, process_change
from salesops_kit.worlds.effects import Span, Where
from salesops_kit.worlds.world import World

_DEALS_PER_LEAD = 0.50  # leads of the last weeks have not yet become deals


def sized(world: World, deals: int) -> World:
    """Return the world with about so many deals, other things equal."""
    months = (world.export_on - world.start).days / 30.4
    growth = 1 + world.growth_per_month
    mean = (growth**months - 1) / (months * (growth - 1)) if growth != 1 else 1.0
    leads = deals / (_DEALS_PER_LEAD * months * mean)
    return replace(world, leads_per_month=leads, accounts=max(300, deals // 4))


def null_world(name: str, world: World) -> World:
    """Return `world` as the null world of that name.

    `world` gives seed, dates and size; its shocks, growth and causes are replaced.

    Raises
    ------
    ParameterError
        When there is no null world of that name.
    """
    if name not in NULLS:
        raise ParameterError(f"null world is {name!r}; it must be one of {', '.join(NULLS)}")
    bare = replace(world, shock=0.0, growth_per_month=0.0, causes=())
    return NULLS[name](bare)


def _middle(world: World) -> date:
    return world.start + timedelta(days=(world.export_on - world.start).days * 2 // 3)


def _mix(world: World) -> World:
    """Let a region that always won less take up more and more of the business."""
    span = Span(_middle(world), ramp_days=60)
    return replace(world, causes=(mix_shift(span, "West", 0.35, dimension="region"),))


def _simpson(world: World) -> World:
    """Let one region get poorer leads while the business grows: the region itself is as good."""
    span = Span(_middle(world), ramp_days=60)
    cause = mix_shift(span, "Outbound", 0.5, Where(region="South"))
    return replace(world, growth_per_month=0.03, causes=(cause,))


def _process(world: World) -> World:
    return replace(world, causes=(process_change(_middle(world)),))


def _rename(world: World) -> World:
    renamed = label_rename(_middle(world), "proposal", "Quote Sent", "已报价")
    return replace(world, causes=(renamed,))


def _bulk(world: World) -> World:
    return replace(world, stale=0.08, causes=(bulk_close(_middle(world), deals=400),))


NULLS: Mapping[str, Callable[[World], World]] = {
    "pure": lambda world: world,
    "mix": _mix,
    "simpson": _simpson,
    "growth": lambda world: replace(world, growth_per_month=0.05),
    "season": lambda world: replace(world, season=0.35, season_odds=0.25),
    "noise_15": lambda world: replace(world, shock=0.15),
    "noise_30": lambda world: replace(world, shock=0.30),
    "stale": lambda world: replace(world, stale=0.15),
    "rename": _rename,
    "process": _process,
    "bulk": _bulk,
}
