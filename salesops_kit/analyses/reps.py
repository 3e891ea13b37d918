"""Reps: who can honestly be told apart, what the quota asks of them, and where they need help.

Everybody is compared on the deals they had: adjusted for what a deal was before the rep had it,
within reps, and shrunk. What cannot be told is said, and is the usual answer.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from salesops_kit.analyses.rep_findings import rep_findings
from salesops_kit.analyses.rep_quota import attained, potential, quotas, year_to_date
from salesops_kit.analyses.rep_records import records
from salesops_kit.analyses.rep_scorecard import deal_sizes, scorecard
from salesops_kit.analyses.rep_skills import skills
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.findings import Finding, KeyFigure
from salesops_kit.language import both
from salesops_kit.models.intervals import wilson
from salesops_kit.models.reps import Comparison, compare_reps
from salesops_kit.periods import Period
from salesops_kit.settings import Evaluation
from salesops_kit.workspace import Workspace

FEWEST_REPS = 2
FEWEST_RANKED = 4  # reps that are in some order always
_ASKED = ("received", "potential", "productivity", "demand", "demand_lower", "demand_upper")
LIMITS = (0.90, 0.998)  # of the funnel plot: nine tenths, and all but one in five hundred


@dataclass(frozen=True)
class Slant:
    """`rho`: rank correlation (Spearman) of the ease of reps' deals with the reps' own level.

    `luck`: how often chance alone gives one so far from 0; always, among four reps or fewer.
    """

    rho: float = float("nan")
    luck: float = 1.0


@dataclass(frozen=True)
class Reps:
    """The evaluation of reps.

    `attainment`: per rep (`rep_quota.quotas`) in the period; `year`: the same in the fiscal year
    so far; `company`, `teams`, `regions`: sums and spread of both (`rep_quota.attained`, with
    `span`). `performance`: per rep the comparison of win rates with `verdict` (ahead, behind, open,
    few), `raw_above`, `flipped`, and `size_level`, `size_lower`, `size_upper` (amount of a deal
    won, of that of all on equal deals); `limits`: `n`, `rate`, bounds of the funnel plot.
    `potential`: `rep_quota.potential`; `skills`: `rep_skills.skills`; `scorecard`, `criteria`:
    `rep_scorecard.scorecard`; `records`: `rep_records.records`. `told_apart`: share of pairs;
    `sigma`: sd of levels in log-odds. `assignment`: how far the ease of reps' deals follows
    their own level.
    """

    period: Period
    window: Period
    source: RepSource
    attainment: pd.DataFrame
    year: pd.DataFrame
    company: pd.DataFrame
    teams: pd.DataFrame
    performance: pd.DataFrame
    limits: pd.DataFrame
    potential: pd.DataFrame
    skills: pd.DataFrame
    scorecard: pd.DataFrame
    criteria: pd.DataFrame
    regions: pd.DataFrame = field(default_factory=pd.DataFrame)
    records: pd.DataFrame = field(default_factory=pd.DataFrame)
    told_apart: float = float("nan")
    sigma: float = float("nan")
    assignment: Slant = field(default_factory=Slant)
    findings: list[Finding] = field(default_factory=list)

    @property
    def named(self) -> dict[str, str]:
        """Return the name of each rep."""
        return self.source.names

    def of(self, *verdicts: str) -> list[str]:
        """Return the names of reps with a verdict, surest first."""
        if self.performance.empty:
            return []
        table = self.performance[self.performance["verdict"].isin(verdicts)]
        return table.sort_values("effect", ascending=False)["person"].tolist()

    @property
    def flips(self) -> pd.DataFrame:
        """Return the reps whose raw rate says one thing and the adjusted one surely the other."""
        table = self.performance
        return table if table.empty else table[table["flipped"]]

    @property
    def asked(self) -> pd.DataFrame:
        """Return attainment in the period beside the potential of the territory, for a table."""
        if self.potential.empty:
            nothing = dict.fromkeys(_ASKED, np.nan)
            return self.attainment.assign(**nothing)
        names = ["rep", *_ASKED]
        return self.attainment.merge(self.potential[names], on="rep", how="left")

    @property
    def gaps(self) -> pd.DataFrame:
        """Return the stages in which a rep surely does better or worse than others would."""
        found = self.skills[self.skills["verdict"].isin(["gap", "strength"])]
        topic = "topic_" + found.get("topic", pd.Series(dtype=object)).astype(str)
        return found.assign(person=found["rep"].map(self.named), topic=topic).sort_values(
            ["verdict", "effect"], ignore_index=True
        )  # fmt: skip

    @property
    def scores(self) -> pd.DataFrame:
        """Return the scorecard with names and ranges of ranks in words, for a table."""
        card = self.scorecard
        if card.empty:
            return card
        spans = {
            name: [f"{low:.0f}–{high:.0f}" for low, high in
                   zip(card[f"{part}_low"], card[f"{part}_high"], strict=True)]
            for name, part in (("rank_span", "rank"), ("moved_span", "moved"))
        }  # fmt: skip
        return card.assign(person=card["rep"].map(self.named), **spans)

    @property
    def with_quotas(self) -> pd.DataFrame:
        """Return quotas and bookings of all reps, for a table; no row of a span without quotas."""
        return self.company[self.company["quota"] > 0] if len(self.company) else self.company

    @property
    def figures(self) -> list[KeyFigure]:
        """Return the attainment of all reps for the index page."""
        if self.company.empty:
            return []
        row = self.company.iloc[0]
        if not row["quota"]:
            return []
        share, number = float(row["attainment"]), int(row["reps"])
        label = both("reps.key_attainment")
        return [KeyFigure("rep_attainment", label, share, "share", "attainment", n=number)]


def analyse_reps(workspace: Workspace, *, period: Period) -> Reps:
    """Evaluate the reps of a workspace.

    Parameters
    ----------
    workspace
        Of deals; with reps, targets, stage history, feedback, leads, activities and reviews as far
        as there are any.
    period
        Whose quotas are looked at; win rates are compared over the months up to its end
        (`settings.evaluation.months`).
    """
    source = RepSource(workspace, period)
    quota, year = quotas(source, period), quotas(source, year_to_date(period))
    spans = {"period": quota, "year": year}
    result = Reps(
        period, source.window, source, quota, year,
        company=_attained(spans, ""), teams=_attained(spans, "team"),
        regions=_attained(spans, "region"), records=records(source),
        performance=pd.DataFrame(), limits=pd.DataFrame(), potential=pd.DataFrame(),
        skills=pd.DataFrame(columns=["rep", "verdict", "effect"]), scorecard=pd.DataFrame(),
        criteria=pd.DataFrame(),
    )  # fmt: skip
    if source.decided["rep"].nunique() >= FEWEST_REPS:
        result = _compared(result)
    return replace(result, findings=rep_findings(result, workspace.settings))


def win_comparison(source: RepSource) -> Comparison:
    """Compare the reps of a workspace by the share of decided deals that was won."""
    rows = source.decided.rename(columns={"decided": "n", "won": "hits"})
    return compare_reps(rows, strata=source.adjusted_for)


def _compared(result: Reps) -> Reps:
    source = result.source
    found = win_comparison(source)
    performance = judged(found, source.workspace.settings.evaluation)
    performance = performance.merge(
        source.members[["rep", "person", "team", "region", "leave_day"]], on="rep", how="left"
    ).merge(deal_sizes(source), on="rep", how="left")
    performance = performance.sort_values("effect", ascending=False, ignore_index=True)
    card, criteria = scorecard(source, found)
    return replace(
        result, performance=performance, limits=_limits(performance), potential=potential(source),
        skills=skills(source), scorecard=card, criteria=criteria, told_apart=found.told_apart,
        sigma=found.sigma, assignment=slant(performance),
    )  # fmt: skip


def judged(found: Comparison, rules: Evaluation) -> pd.DataFrame:
    """Add to a comparison of win rates who may be named, and where raw and adjusted disagree.

    `verdict`: few (fewer decided deals than the set number, or too wide an interval), ahead or
    behind (in the top or bottom quarter with the set certainty), else open. `flipped`: the raw rate
    is on one side of everybody's, the adjusted level on the other with that certainty.
    """
    table = found.table
    few = (table["n"] < rules.fewest) | (table["upper"] - table["lower"] > rules.widest)
    verdict = np.where(
        few, "few",
        np.where(table["p_top"] > rules.sure, "ahead",
                 np.where(table["p_bottom"] > rules.sure, "behind", "open")),
    )  # fmt: skip
    usual = table["hits"].sum() / table["n"].sum()
    above = table["rate"] > usual
    sure_above, sure_below = table["p_above"] > rules.sure, table["p_above"] < 1 - rules.sure
    flipped = (above & sure_below) | (~above & sure_above)
    return table.assign(
        verdict=verdict, raw_above=above, flipped=flipped & (table["n"] >= rules.fewest),
        usual=usual, ease=table["expected"] / table["n"].where(table["n"] > 0),
    )  # fmt: skip


def _attained(spans: dict[str, pd.DataFrame], column: str) -> pd.DataFrame:
    parts = [attained(table, column).assign(span=f"span_{name}") for name, table in spans.items()]
    return pd.concat(parts, ignore_index=True)


def _limits(performance: pd.DataFrame) -> pd.DataFrame:
    """Bounds within which the rate of an average rep falls, by number of deals decided."""
    largest, usual = int(performance["n"].max()), float(performance["usual"].iloc[0])
    sizes = np.unique(np.linspace(5, max(largest * 1.05, 10), 60).round().astype(int))
    rows = [(n, usual, *wilson(usual * n, n, LIMITS[0]), *wilson(usual * n, n, LIMITS[1]))
            for n in sizes]  # fmt: skip
    names = ["n", "rate", "lower", "upper", "far_lower", "far_upper"]
    return pd.DataFrame(rows, columns=names)


def slant(performance: pd.DataFrame) -> Slant:
    """Return how far the expected share won of reps' deals (`ease`) follows their `effect`."""
    if len(performance) < FEWEST_REPS + 1 or performance["ease"].nunique() < FEWEST_REPS:
        return Slant()
    found = spearmanr(performance["ease"], performance["effect"])
    few = len(performance) <= FEWEST_RANKED
    return Slant(float(found.statistic), 1.0 if few else float(found.pvalue))
