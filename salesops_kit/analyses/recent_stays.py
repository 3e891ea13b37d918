"""How deals went on from each stage in the last twelve months: worked out once for all pages."""

from dataclasses import dataclass
from datetime import timedelta

import pandas as pd

from salesops_kit.analyses.recall import recalled
from salesops_kit.metrics.funnel import dwell_counts, transitions
from salesops_kit.metrics.visits import visits
from salesops_kit.models.outlook import Sample, sample_of
from salesops_kit.models.survival import kaplan_meier, staying_quantile
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

_LONG = 0.9  # of the stays in a stage are shorter than one that is called stalled


@dataclass(frozen=True)
class RecentStays:
    """Stays of the year before the as-of day: `counts` per stage and age, and `moves`.

    As `metrics.funnel.dwell_counts` and `transitions` give them.
    """

    counts: pd.DataFrame
    moves: pd.DataFrame

    @property
    def courses(self) -> Sample | None:
        """Return how deals went on from each stage; None without any stay."""
        return None if self.counts.empty else sample_of(self.counts, self.moves)

    @property
    def usual_days(self) -> dict[str, float]:
        """Return per stage the days within which nine of ten stays ended."""
        return {
            str(stage): staying_quantile(
                kaplan_meier(part, ended="ended", waiting="still_open"), _LONG
            ).value
            for stage, part in self.counts.groupby("stage")
        }


@recalled
def recent_stays(workspace: Workspace) -> RecentStays:
    """Return the stays of the last twelve months."""
    end = workspace.as_of + timedelta(days=1)
    year = Period("", end - timedelta(days=365), end, "year")
    stays = workspace.keep(
        "_recent_stays", visits(workspace.table("stage_history"), as_of=workspace.as_of)
    )
    counts = dwell_counts(stays, period=year, as_of=workspace.as_of)
    return RecentStays(counts, transitions(stays, period=year))
