"""Strengths and gaps of each rep stage by stage, shrunk, and a training only where one is sure."""

import numpy as np
import pandas as pd

from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.metrics.exits import stage_exits
from salesops_kit.metrics.visits import VisitRules, visits
from salesops_kit.models.reps import compare_reps

# what a gap in a third of the process calls for: knowing the market, the product, or negotiating
TOPICS = ("market", "product", "skills")
COLUMNS = ("rep", "stage", "stage_rank", "n", "rate", "adjusted", "adjusted_lower",
           "adjusted_upper", "usual", "effect", "lower", "upper", "p_above", "verdict",
           "topic")  # fmt: skip
_FEWEST_REPS = 4


def skills(source: RepSource) -> pd.DataFrame:
    """Return per rep and open stage the share that goes on, adjusted and shrunk.

    Returns
    -------
    DataFrame
        One row per rep and stage: `n` exits, `rate` (raw), `adjusted` (with everybody's mix) with
        bounds, `usual` (that of everybody together), `effect` in log-odds with bounds, `p_above`,
        `verdict`: strength or gap where the effect is credible at the set certainty and its size
        is worth it, else open; few below the set number of exits. `topic` of a training where there
        is a gap. Empty without a history of stages.
    """
    workspace = source.workspace
    if not workspace.has("stage_history") or not workspace.knows_stays:
        return pd.DataFrame(columns=list(COLUMNS))
    strata = list(source.strata)
    stays = visits(
        workspace.table("stage_history"), source.deals, as_of=workspace.as_of,
        dimensions=[*strata, "owner_id"], rules=_rules(source),
    )  # fmt: skip
    exits = stage_exits(stays, months=source.months, by=["owner_id", *strata])
    exits = exits[exits["owner_id"].isin(source.members["rep"])]
    exits = exits.rename(columns={"owner_id": "rep", "exits": "n", "onward": "hits"})
    parts = []
    for _, part in exits.groupby(["stage_rank", "stage"], sort=True):
        if part["rep"].nunique() >= _FEWEST_REPS:
            table = compare_reps(part, strata=[*strata, "age"]).table
            usual = float(part["hits"].sum() / part["n"].sum())
            rank, stage = int(part["stage_rank"].iloc[0]), str(part["stage"].iloc[0])
            parts.append(table.assign(stage=stage, stage_rank=rank, usual=usual))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return _judged(source, pd.concat(parts, ignore_index=True))[list(COLUMNS)]


def _rules(source: RepSource) -> VisitRules:
    settings = source.workspace.settings
    ranks = {name: tuple(s.rank for s in p.open_stages)
             for name, p in settings.all_pipelines.items()}  # fmt: skip
    open_ranks = ranks if len(ranks) > 1 else next(iter(ranks.values()))
    return VisitRules(open_ranks, settings.thresholds.bulk_edit_deals)


def _judged(source: RepSource, table: pd.DataFrame) -> pd.DataFrame:
    """Name strengths and gaps: of stages, as sure as for any one statement of a rep's profile."""
    rules = source.workspace.settings.evaluation
    stages = sorted(table["stage_rank"].unique())
    # one of several stages is always the best: each must be surer than one statement alone
    sure = 1 - (1 - rules.sure) / max(len(stages), 1)
    verdict = np.where(
        table["n"] < rules.fewest, "few",
        np.where(table["p_above"] > sure, "strength",
                 np.where(table["p_above"] < 1 - sure, "gap", "open")),
    )  # fmt: skip
    third = {rank: TOPICS[min(3 * place // len(stages), 2)] for place, rank in enumerate(stages)}
    topic = table["stage_rank"].map(third).where(verdict == "gap", "none")
    return table.assign(verdict=verdict, topic=topic).sort_values(
        ["rep", "stage_rank"], ignore_index=True
    )  # fmt: skip
