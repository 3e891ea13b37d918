"""Gates 4 and 5: how often the funnel's statements are wrong where nothing happened."""

from dataclasses import dataclass, replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd

from salesops_kit.analyses import funnel, funnel_findings
from salesops_kit.findings import Finding
from salesops_kit.periods import Period, period
from salesops_kit.settings import Settings
from salesops_kit.workspace import Workspace
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.causes import Cause
from salesops_kit.worlds.company import REGIONS
from salesops_kit.worlds.effects import Shift, Span, Where
from truth.tables import workspace_of

PERIOD = period("2025-09")
# deals lost soon and won late: few leads around lunar new year disturb a rate of deals closed
AFTER_HOLIDAY = period("2025-04")
WORLD = World(export_on=PERIOD.end, shock=0.0)
SHOCK = 0.10
LABELS = ["region", "product", "source", "team"]
# strong: of a hundred proposals that went on, thirty-odd still do
PLANTED_SINCE, PLANTED_STAGE, PLANTED = date(2025, 5, 1), "proposal", -1.5


@dataclass(frozen=True)
class Said:
    """What the funnel said about one world."""

    changed: bool
    groups: tuple[tuple[str, str, str], ...]  # kind, dimension, group
    planted: str = ""

    @property
    def found(self) -> bool:
        return ("group_low", "region", self.planted) in self.groups

    @property
    def misled(self) -> bool:
        """Tell whether a region is said to win less that was left alone."""
        low = {group for kind, dimension, group in self.groups
               if (kind, dimension) == ("group_low", "region")}  # fmt: skip
        return bool(low - {self.planted})


def said_of_nothing(seed: int) -> Said:
    """A company where no cause was planted, and whose deals carry each other's labels."""
    deals = canonical.deals(simulate(replace(WORLD, seed=seed)))
    order = np.random.default_rng([seed, 5]).permutation(len(deals))
    shuffled = deals.assign(**{name: deals[name].to_numpy()[order] for name in LABELS})
    return _said(statements(_workspace(shuffled, PERIOD)))


def said_after_holiday(seed: int) -> Said:
    """The same kind of company, some weeks after its slowest time of the year."""
    company = simulate(replace(WORLD, seed=seed, export_on=AFTER_HOLIDAY.end))
    return _said(of_change(_workspace(canonical.deals(company), AFTER_HOLIDAY), AFTER_HOLIDAY))


def said_of_noise(seed: int) -> Said:
    """A company where every region has better and worse months, for no lasting cause."""
    company = simulate(replace(WORLD, seed=seed, shock=SHOCK))
    return _said(of_change(_workspace(canonical.deals(company), PERIOD), PERIOD))


def said_of_drop(seed: int) -> Said:
    """A company where one region, each in its turn, begins to lose at one stage."""
    region = REGIONS[seed % len(REGIONS)].en
    shift = Shift(Span(PLANTED_SINCE), Where(region=region), PLANTED_STAGE, odds=PLANTED)
    cause = Cause("quality_drop", PLANTED, (shift,))
    company = simulate(replace(WORLD, seed=seed, causes=(cause,)))
    said = _said(of_groups(_workspace(canonical.deals(company), PERIOD), PERIOD))
    return replace(said, planted=region)


def statements(workspace: Workspace) -> list[Finding]:
    """Return what `analyse_funnel` says of win rates, without the rest: half the time.

    A test holds it to be the same.
    """
    return [*of_change(workspace, PERIOD), *of_groups(workspace, PERIOD)]


def of_change(workspace: Workspace, month: Period) -> list[Finding]:
    deals = workspace.table("deals")
    window = funnel.trailing(month, funnel.WINDOW_MONTHS)
    horizon = funnel._horizon(workspace, deals, window)
    _, change = funnel._cohorts(workspace, deals, month, horizon)
    told = SimpleNamespace(change=change, horizon=horizon, diagnosis=None)
    return funnel_findings._winning_changed(told, Settings())


def of_groups(workspace: Workspace, month: Period) -> list[Finding]:
    recent = funnel.trailing(month, funnel.RECENT_MONTHS)
    groups = funnel._groups(workspace, workspace.table("deals"), recent)
    return funnel_findings._groups(SimpleNamespace(groups=groups), Settings())


def _workspace(deals: pd.DataFrame, month: Period) -> Workspace:
    return workspace_of({"deals": deals}, month.last)


def _said(found: list[Finding]) -> Said:
    groups = tuple(
        (f.kind, *next(iter(f.where.items()))) for f in found if f.kind.startswith("group_")
    )
    return Said(any(f.kind == "win_rate_changed" for f in found), groups)
