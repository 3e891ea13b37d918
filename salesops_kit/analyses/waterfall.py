"""What cleaning would change: bookings and win rate of a period, one step after the other.

The kit leaves out what the CRM deleted and never guesses; everything else that looks wrong is
reported as it stands. Here each suspicion is taken out in turn, to see how much hangs on it.
"""

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.analyses.hygiene import twins
from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.grouping import mark, totals
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

REPORTED = "as_reported"
# in this order: what the kit does itself, then what only a person should decide
STEPS = ("deleted", "doubled", "backwards", "worthless", "bulk")
COLUMNS = ("step", "deals", "won", "lost", "bookings", "win_rate", "bookings_change",
           "win_rate_change")  # fmt: skip


def cleaning_waterfall(workspace: Workspace, *, period: Period) -> pd.DataFrame:
    """Return closed deals, bookings and win rate of a period after each cleaning step.

    Returns
    -------
    DataFrame
        One row per step: `as_exported`, `as_reported` (without what the CRM deleted, merged or
        voided: the figures of every other page), `without_doubled` (entered twice,
        `hygiene.twins`), `without_backwards` (closed before created), `without_worthless` (won
        without an amount above 0), `without_bulk` (closed by a bulk edit); with `deals` closed,
        `won`, `lost`, `bookings`, `win_rate` = won / (won + lost), and the change against the row
        above. Changes add up to the whole.
    """
    deals = _flagged(workspace, period)
    counts = totals(
        deals.with_columns(
            deals=nw.lit(1), won=mark(nw.col("status") == "won"),
            lost=mark(nw.col("status") == "lost"),
            booked=nw.when(nw.col("status") == "won").then(nw.col("amount")).otherwise(nw.lit(0.0)),
        ),
        by=list(STEPS), counts=["deals", "won", "lost"], sums=["booked"],
    )  # fmt: skip
    rows, gone = [_row("as_exported", counts)], pd.Series(data=False, index=counts.index)
    for step in STEPS:
        gone = gone | (counts[step] == 1)
        name = REPORTED if step == "deleted" else f"without_{step}"
        rows.append(_row(name, counts[~gone]))
    table = pd.DataFrame(rows)
    changes = table[["bookings", "win_rate"]].diff()
    return table.assign(
        bookings_change=changes["bookings"], win_rate_change=changes["win_rate"]
    )[list(COLUMNS)]  # fmt: skip


def _row(step: str, part: pd.DataFrame) -> dict[str, object]:
    won, lost = int(part["won"].sum()), int(part["lost"].sum())
    rate = won / (won + lost) if won + lost else float("nan")
    return {"step": step, "deals": int(part["deals"].sum()), "won": won, "lost": lost,
            "bookings": float(part["booked"].sum()), "win_rate": rate}  # fmt: skip


def _flagged(workspace: Workspace, period: Period) -> Frame:
    """Deals closed in the period, as imported, each with a mark per suspicion."""
    deals = workspace.raw("deals").with_columns(deleted=mark(nw.col("is_deleted")))
    alike, is_twin = twins(deals.filter(nw.col("deleted") == 0))
    doubled = alike.filter(is_twin).select("deal_id").with_columns(twin=nw.lit(1))
    flagged = deals.join(doubled, on="deal_id", how="left").join(
        _bulk_closed(workspace), on="deal_id", how="left"
    )
    inside = (nw.col("closed_day") >= period.start_day) & (nw.col("closed_day") < period.end_day)
    return flagged.filter((nw.col("status") != "open") & inside).with_columns(
        doubled=mark(~nw.col("twin").is_null()),
        backwards=mark(nw.col("closed_day") < nw.col("created_day")),
        worthless=mark(
            (nw.col("status") == "won") & (nw.col("amount").is_null() | (nw.col("amount") <= 0))
        ),
        bulk=mark(~nw.col("in_bulk").is_null()),
    )


def _bulk_closed(workspace: Workspace) -> Frame:
    """Deals whose last closing was part of a bulk edit."""
    if not workspace.has("stage_history"):
        nobody = workspace.raw("deals").select("deal_id").filter(nw.col("deal_id").is_null())
        return nobody.with_columns(in_bulk=nw.lit(1))
    history = workspace.raw("stage_history").filter(
        ~nw.col("changed_by").is_null() & (nw.col("entered_s") % 86_400 != 0)
    )
    counted = history.with_columns(minute=nw.col("entered_s") // 60, one=nw.lit(1)).with_columns(
        together=nw.col("one").sum().over("changed_by", "minute")
    )
    limit = workspace.settings.thresholds.bulk_edit_deals
    bulk = (nw.col("together") >= limit) & (nw.col("stage_category") != "open")
    return counted.filter(bulk).select("deal_id").unique().with_columns(in_bulk=nw.lit(1))
