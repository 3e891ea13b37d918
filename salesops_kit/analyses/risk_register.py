"""The risk register: the kit's own entries and the company's, side by side, most money first.

Likelihood is a probability and impact a range of money. Classes from 1 to 5 exist only to draw a
heat map: they are never multiplied, since products of classes rank wrongly (Cox 2008).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.risk_seeds import KINDS, Seed
from salesops_kit.findings import Words
from salesops_kit.language import LANGUAGES
from salesops_kit.metrics.engine import collect
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

COLUMNS = ["risk_id", "kind", "indicator", "where", "statement", "value", "threshold", "worse",
           "probability", "expected", "low", "high", "money_low", "money", "money_high", "loss",
           "owner", "response", "status", "residual_probability", "residual_money", "step", "steps",
           "steps_open", "due_on", "n", "by", "likely_class", "money_class"]  # fmt: skip
LIKELY = (0.05, 0.20, 0.40, 0.70)  # upper ends of the classes of chance but the last
IMPACT = (0.01, 0.025, 0.05, 0.10)  # … of money, as a share of the bookings of a period
DRAWS = 10_000
_NINE_OF_TEN = 1.2816  # standard deviations above the middle below which 90 % lie
_WIDEST = 1.5  # of a spread: a bound far off is not believed
# what the kit's entries hit, where several hit the same: entries of one part add up (each deal,
# region or rival is another), of several parts the costliest holds the others
_HITS = {"overdue": ("late deals", "overdue"), "stalled": ("late deals", "stalled"),
         "market_gap": ("market", "regions"), "market_falls": ("market", "whole")}  # fmt: skip
HANGS = ("top_customer", "top_rep")  # tell how much hangs on one, not that it will be lost
_OWN = ("risk_id", "kind", "statement", "indicator", "threshold", "probability", "impact",
        "impact_low", "impact_high", "owner_id", "response", "status", "residual_probability",
        "residual_impact", "due_on")  # fmt: skip


def register(workspace: Workspace, found: Sequence[Seed], *, booked: float) -> pd.DataFrame:
    """Return all entries that are not closed, by expected loss.

    Parameters
    ----------
    found
        The kit's entries. One that the company answers, by its `risk_id`, keeps the kit's measured
        value and chance, and takes owner, response, status, residual and steps from the company.
    booked
        Bookings of a usual period, by which money is put into classes.

    Returns
    -------
    DataFrame
        One row per entry: see `COLUMNS`; `loss` is probability × mean money, missing where the
        money only hangs on one customer or rep; `by` is kit or company; `steps` how many actions
        answer it, `steps_open` how many of them are not done.
    """
    own, steps = _own(workspace), _steps(workspace)
    rows = [_of_seed(seed, own.get(seed.risk_id)) for seed in found]
    measured = {seed.risk_id for seed in found}
    rows += [_of_company(row) for name, row in own.items() if name not in measured]
    rows = [row | steps.get(row["risk_id"], {"steps": 0, "steps_open": 0}) for row in rows
            if row["status"] != "closed"]  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS)
    money = table["money"].astype("float64")
    chance = table["probability"].astype("float64")
    hangs = table["indicator"].isin(HANGS) & (table["by"] == "kit")
    table = table.assign(
        loss=(chance * money * np.exp(_spread(table) ** 2 / 2)).mask(hangs),
        likely_class=_classes(chance, LIKELY),
        money_class=_classes(money / booked if booked > 0 else money * np.nan, IMPACT),
    )  # fmt: skip
    order = np.lexsort((table["risk_id"].to_numpy(dtype=str), -chance.fillna(0).to_numpy(),
                        -table["loss"].fillna(0).to_numpy("float64")))  # fmt: skip
    return table.iloc[order].reset_index(drop=True)


def loss_range(table: pd.DataFrame, *, coming: float, due: float) -> tuple[float, float]:
    """Return what all entries cost together on average, and what 1 of 20 outcomes exceeds.

    Entries are drawn on their own, each with its money spread between its bounds (log-normal where
    they differ), and money is counted once: of entries about the same money (`_HITS`) the costliest
    counts, and each other one hits its share of what the others leave. Risks that come together are
    worse than that. What hangs on one customer or rep is in no sum: it is lost only if they go.

    Parameters
    ----------
    coming
        Bookings that are there to lose; the kit's entries cost no more than this together.
    due
        Contract money that is there to lose beside them. The company's own entries have no bound.
    """
    known = table[table["loss"].notna()].reset_index(drop=True)
    if known.empty:
        return 0.0, 0.0
    rng = np.random.default_rng(0)
    money, spread = np.maximum(known["money"].to_numpy("float64"), 0.0), _spread(known)
    happens = rng.random((DRAWS, len(known))) < known["probability"].to_numpy("float64")
    drawn = happens * money * np.exp(spread * rng.standard_normal((DRAWS, len(known))))
    own = (known["by"] != "kit").to_numpy("bool")
    contracts = ((known["indicator"] == "contracts_lost") & ~own).to_numpy("bool")
    rest = ~own & ~contracts
    total = drawn[:, own].sum(axis=1) + np.minimum(drawn[:, contracts].sum(axis=1), max(due, 0.0))
    if coming > 0:
        total = total + _once(known["indicator"][rest], drawn[:, rest], coming)
    # against the sum of the same draws: by chance alone no total differs from what is in the list
    taken = drawn.sum(axis=1).mean()
    mean = float(known["loss"].sum()) * (total.mean() / taken if taken > 0 else 1.0)
    return min(mean, float(total.max())), float(np.quantile(total, 0.95))


def _once(indicators: "pd.Series[Any]", drawn: Array, coming: float) -> Array:
    """Return per outcome the money lost of `coming`, each part of it counted once."""
    hits: dict[str, dict[str, Array]] = {}
    for place, name in enumerate(indicators):
        what, part = _HITS.get(str(name), (str(name), ""))
        parts = hits.setdefault(what, {})
        parts[part] = parts.get(part, np.zeros(len(drawn))) + drawn[:, place]
    left = np.ones(len(drawn))
    for parts in hits.values():
        costliest = np.max(list(parts.values()), axis=0)
        left = left * (1 - np.minimum(costliest / coming, 1.0))
    return coming * (1 - left)


def _spread(table: pd.DataFrame) -> Array:
    """Return how far the logarithm of each entry's money scatters, by its middle and 90 %."""
    money = np.maximum(table["money"].to_numpy("float64"), 0.0)
    high = np.fmax(table["money_high"].to_numpy("float64"), money)
    spread = np.log(np.maximum(high, 1e-9) / np.maximum(money, 1e-9)) / _NINE_OF_TEN
    return np.where(money > 0, np.minimum(spread, _WIDEST), 0.0)


def heat(table: pd.DataFrame) -> pd.DataFrame:
    """Count entries per class of chance and of money; entries without money are left out."""
    known = table[(table["money_class"] > 0) & (table["likely_class"] > 0)]
    counts = known.groupby(["likely_class", "money_class"]).size()
    grid = pd.MultiIndex.from_product([range(1, 6), range(1, 6)],
                                      names=["likely_class", "money_class"])  # fmt: skip
    return counts.reindex(grid, fill_value=0).rename("entries").reset_index()


def _classes(values: "pd.Series[float]", ends: Sequence[float]) -> "pd.Series[int]":
    """Return classes 1-5 for display; 0 where nothing is known."""
    place = np.digitize(values.fillna(-1.0).to_numpy("float64"), ends) + 1
    return pd.Series(np.where(values.isna(), 0, place), values.index, dtype="int64")


def _of_seed(seed: Seed, own: Mapping[str, Any] | None) -> dict[str, Any]:
    given = own or {}
    return {
        "risk_id": seed.risk_id, "kind": seed.kind, "indicator": seed.indicator,
        "where": seed.where, "statement": seed.statement, "value": seed.value,
        "threshold": seed.threshold, "worse": seed.worse, "probability": seed.probability,
        "expected": seed.expected[0], "low": seed.expected[1], "high": seed.expected[2],
        "money_low": seed.money[0], "money": seed.money[1], "money_high": seed.money[2],
        "owner": given.get("owner_id"), "response": given.get("response") or seed.response,
        "status": given.get("status") or "open", "due_on": given.get("due_on"),
        "residual_probability": given.get("residual_probability"),
        "residual_money": given.get("residual_impact"), "step": seed.step, "n": seed.n, "by": "kit",
    }  # fmt: skip


def _of_company(row: Mapping[str, Any]) -> dict[str, Any]:
    text = str(row["statement"] or row["risk_id"])
    indicator, _, where = str(row["indicator"] or "").partition(":")
    kind = row["kind"] if row["kind"] in KINDS else "internal"
    return {
        "risk_id": row["risk_id"], "kind": kind, "indicator": indicator, "where": where,
        "statement": _same(text), "value": np.nan, "threshold": row["threshold"], "worse": 1,
        "probability": row["probability"], "expected": np.nan, "low": np.nan, "high": np.nan,
        "money_low": row["impact_low"], "money": row["impact"], "money_high": row["impact_high"],
        "owner": row["owner_id"], "response": row["response"] or "reduce",
        "status": row["status"] or "open", "due_on": row["due_on"],
        "residual_probability": row["residual_probability"],
        "residual_money": row["residual_impact"], "step": _same("–"), "n": 0, "by": "company",
    }  # fmt: skip


def _same(text: str) -> Words:
    return dict.fromkeys(LANGUAGES, text)


def _own(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Return the company's own entries by id, missing values as None."""
    if not workspace.has("risks"):
        return {}
    risks = workspace.table("risks")
    there = set(risks.collect_schema().names())
    wanted = [nw.col(c) if c in there else nw.lit(None).alias(c) for c in _OWN]
    table = collect(risks.select(*wanted), ["risk_id"])
    plain = table.astype(object).where(table.notna(), None)
    return {str(row["risk_id"]): {str(k): v for k, v in row.items()}
            for row in plain.to_dict("records")}  # fmt: skip


def _steps(workspace: Workspace) -> dict[str, dict[str, int]]:
    """Count the actions that answer each risk, by their `finding_id`."""
    rows = risk_actions(workspace)
    return {str(name): {"steps": len(part), "steps_open": int(part["done_day"].isna().sum())}
            for name, part in rows.groupby("finding_id")}  # fmt: skip


def risk_actions(workspace: Workspace) -> pd.DataFrame:
    """Return actions with what they answer, and when they were decided, due and done."""
    columns = ["finding_id", "what", "opened_day", "due_day", "done_day"]
    if not workspace.has("actions"):
        return pd.DataFrame(columns=columns)
    actions = workspace.table("actions")
    if not set(columns) <= set(actions.collect_schema().names()):
        return pd.DataFrame(columns=columns)
    return collect(actions.filter(~nw.col("finding_id").is_null()).select(*columns))
