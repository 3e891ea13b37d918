"""What people do today, for comparison: both are told the month in which the leak began."""

from dataclasses import dataclass
from datetime import date
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from salesops_kit.metrics.engine import Frame, collect
from salesops_kit.periods import day_number

_DIMENSIONS = ("region", "product", "source")
_LEAST_ENTRIES = 20  # of each side


@dataclass(frozen=True)
class Rival:
    """What a rival names: (stage, ((dimension, value),)), and whether it raises an alarm."""

    stage: str
    where: tuple[tuple[str, str], ...]
    alarm: bool


def cohort_test(stays: Frame, first: date, since: date) -> Rival:
    """Compare advanced-so-far / entered before and after by a z-test in every slice (BH, 5 %)."""
    table = _slices(_stays(stays, "entered_day", first), "entered_day", since)
    n0, n1 = table["n_before"], table["n_after"]
    p0, p1 = table["hits_before"] / n0, table["hits_after"] / n1
    pooled = (table["hits_before"] + table["hits_after"]) / (n0 + n1)
    error = np.sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1))
    z = ((p1 - p0) / error.where(error > 0)).where((n0 >= _LEAST_ENTRIES) & (n1 >= _LEAST_ENTRIES))
    p = stats.false_discovery_control(stats.norm.cdf(z.fillna(0)))
    return _named(table, z.fillna(0), alarm=bool((p <= 0.05).any()))


def largest_contribution(stays: Frame, first: date, since: date) -> Rival:
    """Name the slice of one dimension to which most of the fall among exits is due.

    Contribution: exits after × (rate after - rate before). It always has an answer.
    """
    left = _stays(stays, "exited_day", first)
    table = _slices(left[left["exit_type"] != "open"], "exited_day", since)
    table = table[table["where"].map(len) == 1]
    before = table["hits_before"] / table["n_before"].clip(lower=1)
    after = table["hits_after"] / table["n_after"].clip(lower=1)
    return _named(table, table["n_after"] * (after - before), alarm=True)


def _stays(stays: Frame, day: str, first: date) -> pd.DataFrame:
    table = collect(stays.select("stage", "stage_category", "exit_type", day, *_DIMENSIONS))
    return table[(table["stage_category"] == "open") & (table[day] >= day_number(first))]


def _slices(table: pd.DataFrame, day: str, since: date) -> pd.DataFrame:
    """Count hits and trials before and after, per stage and slice of none to two dimensions."""
    marked = table.assign(
        after=table[day] >= day_number(since),
        hit=table["exit_type"].isin(["advanced", "skipped_to", "won"]),
    )
    shapes = [(), *((d,) for d in _DIMENSIONS), *combinations(_DIMENSIONS, 2)]
    return pd.concat([_counted(marked, list(shape)) for shape in shapes], ignore_index=True)


def _counted(marked: pd.DataFrame, dims: list[str]) -> pd.DataFrame:
    sides = marked.assign(
        hits_before=marked["hit"] & ~marked["after"], hits_after=marked["hit"] & marked["after"],
        n_before=~marked["after"], n_after=marked["after"],
    )  # fmt: skip
    names = ["hits_before", "hits_after", "n_before", "n_after"]
    sums = sides.groupby(["stage", *dims])[names].sum()
    keys = [key if isinstance(key, tuple) else (key,) for key in sums.index]
    return pd.DataFrame({
        "stage": [key[0] for key in keys],
        "where": [tuple(zip(dims, key[1:], strict=True)) for key in keys],
        **{name: sums[name].to_numpy() for name in names},
    })  # fmt: skip


def _named(table: pd.DataFrame, score: "pd.Series[float]", *, alarm: bool) -> Rival:
    worst = table.loc[score.idxmin()]
    return Rival(worst["stage"], worst["where"], alarm)
