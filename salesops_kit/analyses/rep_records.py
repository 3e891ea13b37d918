"""How well each rep's own deals are kept: apart from the scorecard, since it is not selling."""

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.metrics.grouping import mark, totals, with_rate

COLUMNS = ("rep", "person", "open_deals", "past_date", "no_date", "silent", "no_amount",
           "with_defect", "defect_rate", "lower", "upper")  # fmt: skip


def records(source: RepSource) -> pd.DataFrame:
    """Return what is wrong with the open deals of each rep now there.

    Returns
    -------
    DataFrame
        One row per rep with open deals, worst first: `open_deals`; of these `past_date` (expected
        close before the as-of day), `no_date`, `silent` (no contact for the set number of days),
        `no_amount`, `with_defect` (any of these), `defect_rate` with its 90 % interval (Wilson).
    """
    workspace = source.workspace
    today = workspace.as_of_day
    frame = workspace.table("deals").filter(nw.col("status") == "open")
    heard = nw.lit(0)
    if workspace.has("activities"):
        last = (
            workspace.table("activities")
            .filter(nw.col("happened_day") <= today)
            .group_by("deal_id")
            .agg(heard_day=nw.col("happened_day").max())
        )
        frame = frame.join(last, on="deal_id", how="left")
        since = nw.when(nw.col("heard_day").is_null()).then(nw.col("created_day"))
        quiet = workspace.settings.thresholds.quiet_deal_days
        heard = mark(since.otherwise(nw.col("heard_day")) < today - quiet)
    frame = frame.with_columns(
        open_deals=nw.lit(1),
        past_date=mark(nw.col("expected_close_day") < today),
        no_date=mark(nw.col("expected_close_day").is_null()),
        silent=heard,
        no_amount=mark(nw.col("amount").is_null() | (nw.col("amount") <= 0)),
    ).with_columns(
        with_defect=mark(nw.sum_horizontal("past_date", "no_date", "silent", "no_amount") > 0)
    )
    counts = ["open_deals", "past_date", "no_date", "silent", "no_amount", "with_defect"]
    table = totals(frame, by=["owner_id"], counts=counts).rename(columns={"owner_id": "rep"})
    here = source.members[source.members["leave_day"].isna()][["rep", "person"]]
    table = table.merge(here, on="rep")
    table = with_rate(table, "with_defect", "open_deals", "defect_rate")
    rank = np.lexsort((table["person"].to_numpy(str), -table["defect_rate"].to_numpy("float64")))
    return table.iloc[rank].reset_index(drop=True)[list(COLUMNS)]
