"""Risks as they were entered: kept in the workspace once, asked about when their time has come.

What a register said is worth what came of it. Entries are kept beside the forecasts, one file per
as-of day and view, never written again; a later report measures each indicator anew, scores the
chances (Brier), and tells whether the steps that were taken helped.
"""

import json
from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.forecast_record import FOLDER, view_of, written_once
from salesops_kit.analyses.risk_register import risk_actions
from salesops_kit.metrics.engine import collect
from salesops_kit.models.exceedance import brier
from salesops_kit.periods import day_number
from salesops_kit.workspace import Workspace

if TYPE_CHECKING:
    from salesops_kit.analyses.risk import Risk

KEPT = ["risk_id", "kind", "indicator", "where", "value", "threshold", "worse", "probability",
        "expected", "low", "high", "money"]  # fmt: skip
COLUMNS = {
    "kept": ["made_on", "period", "until", *KEPT],
    "past": ["made_on", "period", "risk_id", "kind", "probability", "then", "now", "threshold",
             "came_true", "steps_done", "outcome"],
    "scores": ["risk_kind", "entries", "came_true", "stated", "brier", "usual_brier"],
}  # fmt: skip

Measured = Mapping[tuple[str, str, str], float]  # indicator, where, period → value


def keep_risks(workspace: Workspace, risk: "Risk") -> bool:
    """Keep the register; False when one is kept already, or the export knows what came of it."""
    taken, ahead = workspace.data_until, risk.next_period
    if taken is None or taken >= ahead.end or risk.register.empty:
        return False
    folder = workspace.path / FOLDER
    folder.mkdir(exist_ok=True)
    name = f"{workspace.as_of:%Y-%m-%d}{view_of(workspace)}-{ahead.cadence}-risks.json"
    rows = risk.register[KEPT].astype(object)
    rows = rows.where(rows.notna(), None)
    text = json.dumps(
        {"made_on": f"{workspace.as_of:%Y-%m-%d}", "data_until": f"{taken:%Y-%m-%d}",
         "period": ahead.label, "until": f"{ahead.last:%Y-%m-%d}",
         "rows": rows.to_dict("records")}, indent=1, ensure_ascii=False,
    )  # fmt: skip
    return written_once(folder / name, text)


def kept_risks(workspace: Workspace, cadence: str) -> pd.DataFrame:
    """Return the entries kept before the as-of day, of this view and cadence."""
    found: list[dict[str, Any]] = []
    pattern = f"????-??-??{view_of(workspace)}-{cadence}-risks.json"
    for file in sorted((workspace.path / FOLDER).glob(pattern)):
        kept = json.loads(file.read_text("utf-8"))
        if kept["made_on"] < f"{workspace.as_of:%Y-%m-%d}":
            head = {name: kept[name] for name in ("made_on", "period", "until")}
            found += [head | row for row in kept["rows"]]
    return pd.DataFrame(found, columns=COLUMNS["kept"])


def looked_back(workspace: Workspace, kept: pd.DataFrame, measured: Measured) -> pd.DataFrame:
    """Tell of kept entries whose time has come if it happened, and if the steps helped.

    Returns
    -------
    DataFrame
        One row per entry that can be measured: its `probability`, the indicator `then` and `now`,
        whether it `came_true` (1, 0), `steps_done` in between, and the `outcome`: helped (better
        than foreseen, with steps done), better, as_foreseen, worse; came, stayed_away for deals.
    """
    over = kept[kept["until"] <= f"{workspace.as_of:%Y-%m-%d}"]
    actions, won = risk_actions(workspace), _won_days(workspace, over)
    rows = []
    for row in over.to_dict("records"):
        now = _now(row, measured, won)
        if now is None or row["threshold"] is None or row["probability"] is None:
            continue
        came = int(row["worse"] * (now - row["threshold"]) > 0)
        first, last = (_day(str(row[name])) for name in ("made_on", "until"))
        done = actions[actions["finding_id"] == row["risk_id"]]["done_day"].astype("float64")
        steps = int(done.between(first, last).sum())
        rows.append((row["made_on"], row["period"], row["risk_id"], row["kind"],
                     row["probability"], row["value"], now, row["threshold"], came, steps,
                     _outcome(row, now, steps)))  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS["past"])


def _now(row: Mapping[Any, Any], measured: Measured, won: Mapping[str, int]) -> float | None:
    if row["indicator"] == "deal_missed":
        day = won.get(str(row["where"]))
        return float(day is None or day > _day(str(row["until"])))
    value = measured.get((str(row["indicator"]), str(row["where"] or ""), str(row["period"])))
    return None if value is None or np.isnan(value) else value


def _outcome(row: Mapping[Any, Any], now: float, steps: int) -> str:
    """Compare what came with the range that was foreseen."""
    if row["low"] is None or row["indicator"] == "deal_missed":
        return "came" if row["worse"] * (now - row["threshold"]) > 0 else "stayed_away"
    good, bad = (row["low"], row["high"]) if row["worse"] > 0 else (row["high"], row["low"])
    if row["worse"] * (now - good) < 0:
        return "helped" if steps else "better"
    return "worse" if row["worse"] * (now - bad) > 0 else "as_foreseen"


def scores(past: pd.DataFrame) -> pd.DataFrame:
    """Return Brier scores of the chances that were stated, per kind and of all.

    `usual_brier`: the score of always stating the share that came, known only afterwards.
    """
    parts = [("all", past), *past.groupby("kind")]
    rows = []
    for kind, part in parts:
        if part.empty:
            continue
        stated, came = (part[name].to_numpy("float64") for name in ("probability", "came_true"))
        rows.append((kind, len(part), int(came.sum()), float(stated.sum()), *brier(stated, came)))
    return pd.DataFrame(rows, columns=COLUMNS["scores"])


def changed_since(register: pd.DataFrame, kept: pd.DataFrame) -> tuple[str, "pd.Series[Any]"]:
    """Return the day of the last register, and how each entry changed since: new, up, down, same.

    Up and down are by five points of chance at least; empty where there is no former register.
    """
    if kept.empty:
        return "", pd.Series("", register.index, dtype=object)
    last = str(kept["made_on"].max())
    before = kept[kept["made_on"] == last].set_index("risk_id")["probability"]
    before = before[~before.index.duplicated()].astype("float64")
    moved = register["probability"].astype("float64") - register["risk_id"].map(before)
    words = np.select(
        [moved.isna(), moved >= 0.05, moved <= -0.05], ["new", "up", "down"], default="same"
    )
    return last, pd.Series(words, register.index, dtype=object)


def _won_days(workspace: Workspace, over: pd.DataFrame) -> dict[str, int]:
    ids = over.loc[over["indicator"] == "deal_missed", "where"].dropna().unique().tolist()
    if not ids:
        return {}
    won = workspace.table("deals").filter(
        (nw.col("status") == "won") & nw.col("deal_id").is_in([str(one) for one in ids])
    )
    rows = collect(won.select("deal_id", "closed_day")).dropna()
    return {str(deal): int(day) for deal, day in rows.itertuples(index=False)}


def _day(text: str) -> int:
    return day_number(date.fromisoformat(text))
