"""Gates 2 and 3: win rate and length of stay from data where many deals are still open."""

from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import pandas as pd

from salesops_kit.metrics.funnel import dwell_counts
from salesops_kit.metrics.visits import VisitRules, visits
from salesops_kit.metrics.wins import cohort_exits, win_rate_created
from salesops_kit.models.survival import (
    Interval,
    aalen_johansen,
    kaplan_meier,
    share_within,
    staying_quantile,
)
from salesops_kit.periods import Period
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.clock import DAY
from salesops_kit.worlds.simulate import Company
from truth.tables import workspace_of

AS_OF = date(2024, 12, 31)
COHORT = Period("2024-07 – 2024-12", date(2024, 7, 1), date(2025, 1, 1), "month")
HORIZON = 120  # days; the youngest deal of the cohort has them before the export
STAGE = "solution"  # the longest one
LONGEST = 400
_OF_THE_FIRM = ("reps", "accounts")


@dataclass(frozen=True)
class Firm(World):
    """A world whose reps and accounts are those of `firm`; `seed` decides all that happens.

    Deals of one history share reps, so the truth an estimate is held to is that of this firm.
    """

    firm: int = field(default=0)

    def stream(self, part: str) -> np.random.Generator:
        seed = self.firm if part in _OF_THE_FIRM else self.seed
        return World(seed=seed).stream(part)


WORLD = Firm(shock=0.0)


@dataclass(frozen=True)
class Seen:
    """What one history shows on a day in its middle, and what became of it."""

    firm: int
    cohort: int
    won_in_time: int
    share: Interval
    won_of_created: Interval
    won_of_closed: float
    waiting: float
    curve: pd.DataFrame
    median: Interval
    finished_median: float
    finished_mean: float
    true_stays: np.ndarray


def seen(firm_and_seed: tuple[int, int]) -> Seen:
    """Simulate a history, estimate from what is known on the day, and count the truth."""
    firm, seed = firm_and_seed
    company = simulate(replace(WORLD, firm=firm, seed=seed))
    tables = {"deals": canonical.deals(company), "stage_history": canonical.stage_history(company)}
    workspace = workspace_of(tables, AS_OF)
    deals = workspace.table("deals")
    exits = cohort_exits(deals, period=COHORT, as_of=AS_OF)
    ends = exits[["won", "lost", "invalid", "still_open"]].sum()
    naive = win_rate_created(deals, period=COHORT, as_of=AS_OF).iloc[0]
    curve = aalen_johansen(exits, event="won", competing=("lost", "invalid"), waiting="still_open")
    stays = visits(
        workspace.table("stage_history"), deals, as_of=AS_OF,
        rules=VisitRules(open_ranks=canonical.OPEN_RANKS),
    )  # fmt: skip
    counts = dwell_counts(stays, period=COHORT, as_of=AS_OF)
    counts = counts[counts["stage"] == STAGE]
    staying = kaplan_meier(counts, ended="ended", waiting="still_open")
    finished = np.repeat(counts["age_days"].to_numpy(), counts["ended"].to_numpy())
    return Seen(
        firm,
        *_true_wins(company),
        share=share_within(curve, HORIZON),
        won_of_created=Interval(naive["win_rate"], naive["lower"], naive["upper"]),
        won_of_closed=float(ends["won"] / (ends["won"] + ends["lost"])),
        waiting=float(ends["still_open"] / ends.sum()),
        curve=staying,
        median=staying_quantile(staying, 0.5),
        finished_median=float(np.median(finished)),
        finished_mean=float(finished.mean()),
        true_stays=_true_stays(company),
    )


def _true_wins(company: Company) -> tuple[int, int]:
    """Return the deals of the cohort and how many were won within the horizon, from the moves."""
    created = company.deals["created"] // DAY
    inside = (created >= COHORT.start_day) & (created < COHORT.end_day)
    moves = company.history[company.history["stage"] == "won"]
    won_on = moves.groupby("deal")["entered"].min() // DAY
    age = company.deals["deal"].map(won_on) - created
    return int(inside.sum()), int((inside & (age <= HORIZON)).sum())


def _true_stays(company: Company) -> np.ndarray:
    """Count the stays begun in the cohort's months by whole days, followed to the export.

    The last place holds those that lasted longer than anybody looks, or for ever.
    """
    moves = company.history
    left = moves.groupby("deal")["entered"].shift(-1)
    days = left // DAY - moves["entered"] // DAY
    begun = moves["entered"] // DAY
    here = (moves["stage"] == STAGE) & (begun >= COHORT.start_day) & (begun < COHORT.end_day)
    # a change within a minute is no stay
    lasting = here & ~(left - moves["entered"] < 60)
    whole = days[lasting].fillna(LONGEST).clip(upper=LONGEST).astype(int)
    return np.bincount(whole, minlength=LONGEST + 1)


@dataclass(frozen=True)
class FirmTruth:
    """The truth of one firm, pooled over all its histories."""

    share: float
    staying: np.ndarray

    @property
    def median(self) -> int:
        return int(np.argmax(self.staying <= 0.5))


def truths(rows: list[Seen]) -> dict[int, FirmTruth]:
    """Pool the histories of each firm."""
    found = {}
    for firm in dict.fromkeys(row.firm for row in rows):
        mine = [row for row in rows if row.firm == firm]
        stays = np.sum([row.true_stays for row in mine], axis=0)
        won, cohort = sum(r.won_in_time for r in mine), sum(r.cohort for r in mine)
        found[firm] = FirmTruth(won / cohort, 1 - np.cumsum(stays) / stays.sum())
    return found


def covers(interval: Interval, value: float) -> bool:
    """Tell whether the value lies inside; an interval that is missing covers nothing."""
    return bool(interval.lower <= value <= interval.upper)


def staying_at(curve: pd.DataFrame, days: int) -> Interval:
    """Read a Kaplan-Meier curve and its band at an age."""
    row = curve[curve["age_days"] <= days].iloc[-1]
    return Interval(row["staying"], row["lower"], row["upper"])
