"""The chance of every open deal beside the one its CRM holds."""

import pandas as pd

from salesops_kit.analyses.pipeline_forecast import analyse_pipeline_forecast
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace


def deal_scores(workspace: Workspace, *, period: Period) -> pd.DataFrame:
    """Return the open deals with the chance to be won by the period's end, in whole percent.

    One row per deal: `deal_id`, `before` (the CRM's own, missing where it holds none), `after`.
    Percent, since that is what CRM fields hold; empty where no chances can be told.
    """
    scored = analyse_pipeline_forecast(workspace, period=period).scored
    if scored.empty:
        return pd.DataFrame(columns=["deal_id", "before", "after"])
    return pd.DataFrame({
        "deal_id": scored["deal_id"],
        "before": (scored["crm_chance"].astype("float64") * 100).round(),
        "after": (scored["chance"] * 100).round(),
    })  # fmt: skip
