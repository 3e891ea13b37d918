"""Chance of open deals to be won by the end of a period, learned from how former ones stood.

A direct classifier: deals as they stood on former days, labelled by whether they were won by the
end of the period that followed. A label counts only once that end has passed: a forecast made on
a day knows nothing of what came later.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]

FEWEST_WON = 30  # deals won from which on the classifier speaks; below, only rates per stage
_CURVE = 3  # columns of each stage: its level, and its curve over the days in it
BINS = 10  # classes of chance that are compared with what came of them
ALARM = 0.9  # a single column that ranks deals so well must know the future (area under the curve)
_FEWEST = 25  # deals of a group from which on it has an effect of its own
_STRENGTH = 0.3  # inverse of the penalty on effects, in standard deviations of their column
_STATE = 0.3  # how far effects of a deal's state may go beside those of stage and age
# log-odds by which groups differ beforehand: the same deals stand on many former days, so that
# there are fewer cases than rows, and what a group did by chance must not be believed
_GROUPS_DIFFER = 0.3
_TO_RATE = 0.2  # how far chances go to the rate of their stage before former forecasts are known
_MOST_LEVELS = 60  # of a group's values, the largest
_STEADY = 20.0  # deals won at a stage that weigh as much as those won at all stages


def labelled(snapshots: pd.DataFrame, *, ends: Mapping[int, int], known_day: int) -> pd.DataFrame:
    """Return the snapshots whose outcome is known, with `won` (0, 1) and `won_amount`.

    Parameters
    ----------
    snapshots
        Open deals on former days (`metrics.deal_snapshots`).
    ends
        Per `origin` the last day of the period that was forecast then.
    known_day
        Last day known: a period that ends later teaches nothing yet, not even by the deals that
        are closed already, which are the quick ones.
    """
    end = snapshots["origin"].map(ends)
    known = snapshots[(end <= known_day).to_numpy()]
    left = (end - snapshots["origin"]).reindex(known.index)
    won = known["won_in"].le(left).fillna(value=False).astype(bool)
    return known.assign(won=won.astype("int64"), won_amount=known["won_amount"].where(won))


@dataclass(frozen=True)
class WinModel:
    """A fitted classifier; `chance` asks it."""

    stages: tuple[str, ...]
    groups: Mapping[str, tuple[str, ...]]
    middle: float  # log of the usual amount
    n: int
    won: int
    fitted: Any

    def chance(self, snapshots: pd.DataFrame) -> Array:
        """Return the chance of each deal to be won by the end of the period."""
        if snapshots.empty:
            return np.zeros(0)
        rows = _design(snapshots, self)
        chance: Array = self.fitted.predict_proba(rows)[:, 1]
        return chance


def fit_win_model(known: pd.DataFrame, *, groups: Sequence[str] = ()) -> WinModel | None:
    """Fit the classifier: a penalized logistic regression.

    Stage, with a curve of its own over the days in it; days since creation, steps back, pushes,
    days to the expected close, amount; and `groups`, columns of names.

    Parameters
    ----------
    known
        Snapshots with outcome (`labelled`).

    Returns
    -------
    WinModel
        None when fewer than 30 were won: too few to learn from.
    """
    if int(known["won"].sum()) < FEWEST_WON or known["won"].all():
        return None
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    stages = known.groupby("stage")["stage_rank"].min().sort_values(kind="stable").index
    amounts = known["amount"].where(known["amount"] > 0)
    shell = WinModel(
        tuple(str(stage) for stage in stages),
        {name: _levels(known[name]) for name in groups},
        float(np.log(amounts).median()) if amounts.notna().any() else 0.0,
        len(known), int(known["won"].sum()), None,
    )  # fmt: skip
    rows = _design(known, shell)
    steps = make_pipeline(
        StandardScaler(), FunctionTransformer(partial(np.multiply, _freedom(shell, rows))),
        LogisticRegression(C=_STRENGTH, solver="newton-cholesky"),
    )  # fmt: skip
    steps.fit(
        rows,
        known["won"].to_numpy(),
        logisticregression__sample_weight=known["weight"].to_numpy(),
    )
    return WinModel(shell.stages, shell.groups, shell.middle, shell.n, shell.won, steps)


def _levels(names: "pd.Series[Any]") -> tuple[str, ...]:
    """Return the groups with an effect of their own: those large enough, but for the largest."""
    codes, values = pd.factorize(names)
    sizes = np.bincount(codes[codes >= 0], minlength=len(values))
    largest = np.argsort(-sizes, kind="stable")[1 : _MOST_LEVELS + 1]
    kept = [place for place in largest if sizes[place] >= _FEWEST]
    return tuple(sorted(str(values[place]) for place in kept))


def _freedom(model: WinModel, rows: Array) -> Array:
    """Return how far the effect of each column may go, 1 for those of stage and age."""
    groups = sum(len(levels) for levels in model.groups.values())
    freedom = np.full(rows.shape[1], _STATE)
    freedom[: _CURVE * len(model.stages)] = 1.0
    if groups:  # effects in log-odds, not in standard deviations of their columns
        freedom[-groups:] = rows[:, -groups:].std(axis=0) * _GROUPS_DIFFER / np.sqrt(_STRENGTH)
    return freedom


def _design(snapshots: pd.DataFrame, model: WinModel) -> Array:
    """Return the columns of the regression."""
    number = {
        name: snapshots[name].astype("float64").to_numpy()
        for name in ("age_days", "deal_days", "backs", "pushes", "due_in", "amount")
    }
    age, life = (np.log1p(np.maximum(number[name], 0)) for name in ("age_days", "deal_days"))
    due, amount = number["due_in"], number["amount"]
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(amount > 0, np.log(amount) - model.middle, 0.0)
    stage = snapshots["stage"].to_numpy()
    columns = [
        np.where(there, part, 0.0)
        for there in (stage == name for name in model.stages)
        for part in (np.ones_like(age), age, age**2)
    ]
    columns += [
        life, life**2, np.minimum(number["backs"], 3), np.minimum(number["pushes"], 6),
        np.nan_to_num(np.clip(due, -90, 120)) / 60, np.nan_to_num(due) < 0, np.isnan(due),
        size, ~(amount > 0),
    ]  # fmt: skip
    for name, levels in model.groups.items():
        values = snapshots[name].to_numpy()
        columns += [values == level for level in levels]
    # one column after the other, as they are read
    return np.array([np.asarray(column, dtype="float64") for column in columns]).T


def stage_rates(known: pd.DataFrame, snapshots: pd.DataFrame) -> Array:
    """Return the share won of the deals that once stood in the same stage: the usual forecast."""
    weight = known["weight"].to_numpy("float64")
    rows = pd.DataFrame({"won": known["won"].to_numpy("float64") * weight, "weight": weight})
    sums = rows.groupby(known["stage"].to_numpy()).sum()
    rates = sums["won"] / sums["weight"]
    return snapshots["stage"].map(rates).fillna(0.0).to_numpy("float64")


def blended(said: pd.DataFrame, former: pd.DataFrame) -> Array:
    """Return chances drawn towards the share won from the same stage, as far as that paid off.

    c + w (r - c), with the w in 0 to 1 that would have made the mean squared error of former
    forecasts least, drawn towards 0.2: where a window is short and few deals are won in it, what
    tells deals of one stage apart is partly chance.

    Parameters
    ----------
    said
        `chance` of the classifier and `rate` of the stage (`stage_rates`), per deal.
    former
        The same of former forecasts, made before their outcome was known, with `won` (0, 1).
    """
    apart = (former["chance"] - former["rate"]).to_numpy("float64")
    off = (former["chance"] - former["won"]).to_numpy("float64")
    own = said["chance"].to_numpy("float64")
    usual = float(((said["rate"].to_numpy("float64") - own) ** 2).sum())
    # the prior weighs as much as the forecast to be made
    total = float((apart**2).sum()) + usual
    if total == 0:
        return own
    weight = float(np.clip(((apart * off).sum() + _TO_RATE * usual) / total, 0, 1))
    result: Array = own + weight * (said["rate"].to_numpy("float64") - own)
    return result


def worth_if_won(known: pd.DataFrame, snapshots: pd.DataFrame) -> tuple[Array, Array]:
    """Return what deals bring if they are won, and its relative standard deviation.

    Offers shrink before they are signed: the amount that stands in the CRM times what deals won
    from the same stage brought of theirs, sum over sum, drawn towards that of all stages; where
    no amount stands there, the mean of deals won that had none, else of all. A mean of ratios
    would be too high: what was overestimated shrinks most, and holds most of the money.
    """
    chosen = (known["won"] == 1) & known["won_amount"].notna()
    won = known.loc[chosen, ["stage", "amount", "won_amount"]]
    priced = won[won["amount"] > 0]
    # one amount mistyped by a factor of a thousand must not price all others
    brought = priced["won_amount"].clip(priced["amount"] * 0.1, priced["amount"] * 3.0)
    sums = pd.DataFrame({"amount": priced["amount"], "brought": brought, "won": 1})
    overall = float(sums["brought"].sum() / sums["amount"].sum()) if len(sums) else 1.0
    count = sums.groupby(priced["stage"]).sum()
    shrunk = (count["brought"] / count["amount"] * count["won"] + _STEADY * overall) / (
        count["won"] + _STEADY
    )
    off = brought / (priced["amount"] * priced["stage"].map(shrunk)) - 1
    spread = float(np.sqrt((off**2).mean())) if len(off) else 0.0
    blank = won.loc[~(won["amount"] > 0), "won_amount"]
    usual = blank if len(blank) >= _FEWEST else won["won_amount"]
    amount = snapshots["amount"].to_numpy("float64")
    factor = snapshots["stage"].map(shrunk).fillna(overall).to_numpy("float64")
    given = amount > 0
    worth = np.where(given, amount * factor, usual.mean() if len(usual) else 0.0)
    unsure = float(usual.std() / usual.mean()) if len(usual) > 1 and usual.mean() > 0 else 0.0
    return worth, np.where(given, spread, unsure)


def calibration(chance: Array, won: Array, *, bins: int = BINS) -> pd.DataFrame:
    """Compare stated chances with what came of them, in classes of equal width.

    Returns
    -------
    DataFrame
        One row per class that holds deals: `from_share`, `to_share`, `deals`, `stated` (mean
        chance), `came` (share won).
    """
    place = np.minimum((np.asarray(chance) * bins).astype("int64"), bins - 1)
    frame = pd.DataFrame({"place": place, "deals": 1, "stated": chance, "came": won})
    table = frame.groupby("place").agg({"deals": "sum", "stated": "mean", "came": "mean"})
    table = table.reset_index()
    table.insert(0, "from_share", table["place"] / bins)
    table.insert(1, "to_share", (table["place"] + 1) / bins)
    return table.drop(columns="place")


def calibration_error(table: pd.DataFrame) -> float:
    """Return the mean distance of stated and real shares, classes weighted by their deals (ECE)."""
    off = (table["stated"] - table["came"]).abs() * table["deals"]
    return float(off.sum() / table["deals"].sum()) if len(table) else float("nan")


def leak_alarms(known: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Return the columns that alone tell the future too well to be known beforehand.

    A column whose values, each standing for its share won, rank deals with an area under the ROC
    curve above 0.9 on the other half of the deals, was most likely filled in at closing.

    Raises
    ------
    ParameterError
        When a column does not exist.
    """
    if absent := [name for name in columns if name not in known]:
        raise ParameterError(f"there is no column {absent[0]!r} among those of the snapshots")
    from sklearn.metrics import roc_auc_score

    # halves by deal: the same deal on two days would vouch for itself
    first = pd.Series(pd.factorize(known["deal_id"])[0] % 2 == 0, index=known.index)
    learned, tested = known[first], known[~first]
    if learned.empty or tested["won"].nunique() < 2:
        return []
    found = []
    for name in columns:
        shares = learned.groupby(learned[name].astype(object).fillna("–"))["won"].mean()
        told = tested[name].astype(object).fillna("–").map(shares).fillna(learned["won"].mean())
        if roc_auc_score(tested["won"], told.astype("float64")) > ALARM:
            found.append(name)
    return found
