"""What is open on a day, stage by stage."""

from collections.abc import Sequence
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.metrics.engine import Source, collect
from salesops_kit.metrics.grouping import finished, known_deals, mark, open_on
from salesops_kit.periods import day_number

_NEEDED = (
    "deal_id",
    "status",
    "stage",
    "stage_rank",
    "amount",
    "probability",
    "created_day",
    "closed_day",
    "expected_close_day",
)


def pipeline_by_stage(deals: Source, *, as_of: date, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return the deals open on `as_of` per stage: number, amount, chance, overdue, age (pipeline).

    Parameters
    ----------
    deals
        Deals as they stood on `as_of` (`schema.DEALS`).
    as_of
        The day: deals created later are not there yet, deals closed later still open.
    by
        Columns of deals to group by, before the stage.

    Returns
    -------
    DataFrame
        One row per group and stage, by rank: `stage` (missing where nobody knows it),
        `stage_rank`, `deals`, `amount` (missing when no deal has one), `without_amount` (deals),
        `weighted` (amount times the chance given, money), `weighted_deals` (deals that have
        both), `overdue` (deals whose expected close has passed), `overdue_amount`,
        `median_age` (days since creation).
        Excluded: `open_without_amount` (counted as deals, absent from amounts),
        `without_created_date` (no age).

    Notes
    -----
    The chance is what CRM or rep wrote, not what history bears out. A missing amount is not 0:
    the pipeline is larger than its sum.
    """
    today = day_number(as_of)
    deals_open = known_deals(deals, _NEEDED, by, as_of).filter(open_on(as_of))
    worth = nw.col("amount") * nw.col("probability")
    # the stage in which a deal closed later tells nothing about that day
    still = nw.col("status") == "open"
    frame = deals_open.with_columns(
        stage=nw.when(still).then(nw.col("stage")),
        stage_rank=nw.when(still).then(nw.col("stage_rank")),
        deals=nw.lit(1),
        without_amount=mark(nw.col("amount").is_null()),
        weighted=worth,
        weighted_deals=mark(~worth.is_null()),
        overdue=mark(nw.col("expected_close_day") < today),
        age=nw.lit(today) - nw.col("created_day"),
        unaged=mark(nw.col("created_day").is_null()),
    ).with_columns(overdue_amount=nw.when(nw.col("overdue") == 1).then(nw.col("amount")))
    keys, counts = [*by, "stage"], ["deals", "without_amount", "weighted_deals", "overdue"]
    sums = ["amount", "weighted", "overdue_amount"]
    wanted = [nw.col(name).sum() for name in (*counts, "unaged", *sums)]
    spread = [nw.col("stage_rank").min(), nw.col("age").median()]
    table = collect(frame.group_by(*keys).agg(*wanted, *spread), keys)
    table = table.rename(columns={"age": "median_age"}).fillna(dict.fromkeys(sums, 0.0))
    table = table.sort_values([*by, "stage_rank", "stage"], na_position="last", ignore_index=True)
    table["amount"] = table["amount"].where(table["deals"] > table["without_amount"])
    excluded = {
        "open_without_amount": int(table["without_amount"].sum()),
        "without_created_date": int(table["unaged"].sum()),
    }
    return finished(table[_columns(by)], "pipeline", as_of, excluded)


def _columns(by: Sequence[str]) -> list[str]:
    return [*by, "stage", "stage_rank", "deals", "amount", "without_amount", "weighted",
            "weighted_deals", "overdue", "overdue_amount", "median_age"]  # fmt: skip
