"""The world outside: the market of each region by month, and what rivals ask."""

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import second
from salesops_kit.worlds.effects import DIMENSIONS, Blamed, Effect, Flow, Sizes
from salesops_kit.worlds.simulate import Company

_SIZE = 260e6  # CNY a month: the whole market in the first month
_CHEAPER = 0.12  # by which a rival undercuts where it enters
_USUAL = {"Lanqi": 0.97, "Voltra": 1.02, "Keming": 0.92}


def market(company: Company) -> pd.DataFrame:
    """Return index, growth, size and prices by region and month, up to the export.

    The index is 100 in the first month; price and rivals' prices are relative to the company's
    own list price of the first month (1.0). A loss of leads everywhere in a region is half the
    market's, half the company's own.
    """
    world = company.world
    months = pd.date_range(world.start.replace(day=1), world.export_on, freq="MS", inclusive="left")
    rng = world.stream("market")
    shape = (len(months), len(c.REGIONS))
    steps = world.growth_per_month + rng.normal(0, 0.012, shape)
    level = np.exp(np.cumsum(np.vstack([np.zeros(shape[1]), steps[1:]]), axis=0))
    when = np.array([second(month.date()) for month in months])
    level = level * _weather(company, when)
    weight = np.array([r.weight for r in c.REGIONS])
    growth = np.vstack([np.full(shape[1], np.nan), level[1:] / level[:-1] - 1])
    tables = {
        "index": 100 * level,
        "growth": growth,
        "size": np.round(_SIZE * weight * level, -3),
        "price": _prices(company, when),
        **{f"price {name}": table for name, table in _rivals(company, when).items()},
    }
    return pd.concat([_long(months, name, table) for name, table in tables.items()],
                     ignore_index=True)  # fmt: skip


def _long(months: pd.DatetimeIndex, metric: str, table: np.ndarray) -> pd.DataFrame:
    regions = np.arange(table.shape[1])
    frame = pd.DataFrame(
        {"month": np.repeat(months, len(regions)), "region": np.tile(regions, len(months)),
         "metric": metric, "value": np.round(table.ravel(), 4)}
    )  # fmt: skip
    return frame.dropna(subset="value")


def _strength(effect: Effect, when: np.ndarray) -> np.ndarray:
    """How much of an effect each month and region has; only a region restricts the market."""
    named = effect.where.region
    inside = np.array(
        [not named or DIMENSIONS["region"][r] == named for r in range(len(c.REGIONS))]
    )
    return np.outer(effect.span.strength(when), inside)


def _weather(company: Company, when: np.ndarray) -> np.ndarray:
    level = np.ones((len(when), len(c.REGIONS)))
    for flow in company.world.effects(Flow):
        if set(flow.where.named) <= {"region"}:
            level *= 1 + 0.5 * (flow.factor - 1) * _strength(flow, when)
    return level


def _prices(company: Company, when: np.ndarray) -> np.ndarray:
    """Return the company's list price: only a rise for whole regions shows in it."""
    price = np.ones((len(when), len(c.REGIONS)))
    for sizes in company.world.effects(Sizes):
        if sizes.factor > 1 and set(sizes.where.named) <= {"region"}:
            price *= 1 + (sizes.factor - 1) * _strength(sizes, when)
    return price


def _rivals(company: Company, when: np.ndarray) -> dict[str, np.ndarray]:
    """Return what each rival asks; cheaper where and when it enters."""
    rng = company.world.stream("rivals")
    found = {}
    for rival in c.COMPETITORS:
        price = _USUAL[rival.en] * np.exp(rng.normal(0, 0.01, (len(when), len(c.REGIONS))))
        for blamed in company.world.effects(Blamed):
            if blamed.rival == rival.en:
                price = price * (1 - _CHEAPER * _strength(blamed, when))
        found[rival.en] = price
    return found
