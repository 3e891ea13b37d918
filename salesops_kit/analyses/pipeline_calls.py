"""What reps said themselves: deals committed, best cases, the rest, as called on each day.

Calls are read off dated exports, never off the deals of today: a category is set to closed with
the deal, so that today's would have been right about every former period.
"""

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.analyses.pipeline_states import NEAR_DAYS
from salesops_kit.metrics.engine import collect
from salesops_kit.workspace import Workspace

CALLS = ("commit", "best_case", "pipeline_call", "omitted")
COLUMN = "forecast_category"
TABLE = ["call", "deals", "amount", "prospect", "former", "came"]
_WORDS = {
    "commit": ("commit", "committed", "确定", "承诺", "已承诺", "必成"),
    "best_case": ("bestcase", "mostlikely", "upside", "最佳情况", "最佳方案", "最好情况", "乐观"),
    "omitted": ("omit", "omitted", "忽略", "已忽略", "不预测", "排除"),
}
_OF_WORD = {word: call for call, words in _WORDS.items() for word in words}


def call_of(label: str) -> str:
    """Return what a CRM's category means: one of `CALLS`; unknown ones are pipeline."""
    folded = "".join(c for c in label.lower() if c.isalnum())
    return _OF_WORD.get(folded, "pipeline_call")


def calls_on(workspace: Workspace, days: Sequence[int]) -> pd.DataFrame:
    """Return what was called on former days, from the export at most a week before each.

    Parameters
    ----------
    days
        Day numbers. Of the as-of day the deals themselves tell, when they are as new as that.

    Returns
    -------
    DataFrame
        `origin` (day number), `deal_id`, `call`; nothing for days without an export.
    """
    parts = []
    exports = _exports(workspace)
    for day in days:
        near = [seen for seen in exports if day - NEAR_DAYS <= seen <= day]
        if near:
            rows = exports[max(near)]
        elif day == workspace.as_of_day and _fresh(workspace):
            rows = _labels(workspace, "deals")
        else:
            continue
        parts.append(rows.assign(origin=day, call=rows[COLUMN].map(call_of)).drop(columns=COLUMN))
    if not parts:
        nothing = pd.DataFrame(columns=["origin", "deal_id", "call"], dtype="object")
        return nothing.astype({"origin": "int64"})
    return pd.concat(parts, ignore_index=True)


def call_table(deals: pd.DataFrame, former: pd.DataFrame, days: int) -> pd.DataFrame:
    """Sum the open deals that are due by how they are called, beside what became of such before.

    Parameters
    ----------
    deals
        Open deals now: `call`, `due_in`, `amount`, `chance`, `worth`, `weight`.
    former
        Those of former days, due as soon: `call`, `won` (0 or 1) within as many days, `weight`.

    Returns
    -------
    DataFrame
        `call`, `deals`, `amount`, `prospect` (expected of them), `former` deals called so, and
        the share of these that `came`.
    """
    due = deals[deals["due_in"].le(days).fillna(value=False) & deals["call"].notna()]
    rows = []
    for call in CALLS:
        mine, then = due[due["call"] == call], former[former["call"] == call]
        if len(mine) or len(then):
            heavy = float(then["weight"].sum())
            came = float((then["won"] * then["weight"]).sum()) / heavy if heavy else float("nan")
            prospect = float((mine["chance"] * mine["worth"]).sum())
            amount = float(mine["amount"].fillna(0.0).sum())
            rows.append((call, len(mine), amount, prospect, len(then), came))
    return pd.DataFrame(rows, columns=TABLE)


def _exports(workspace: Workspace) -> dict[int, pd.DataFrame]:
    """Return the calls of each dated export that tells any."""
    if not workspace.has("snapshots"):
        return {}
    table = _labels(workspace, "snapshots", "snapshot_day")
    days = table["snapshot_day"].astype("int64")
    return {int(day): table[days == day].drop(columns="snapshot_day") for day in days.unique()}


def _labels(workspace: Workspace, name: str, *more: str) -> pd.DataFrame:
    table = workspace.table(name)
    if COLUMN not in table.collect_schema().names():
        return pd.DataFrame(columns=["deal_id", *more, COLUMN])
    return collect(table.filter(~nw.col(COLUMN).is_null()).select("deal_id", *more, COLUMN))


def _fresh(workspace: Workspace) -> bool:
    taken: Any = workspace.data_until
    return taken is not None and workspace.as_of >= taken
