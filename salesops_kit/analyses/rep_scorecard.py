"""Several criteria side by side, their weighted sum, and what the order owes to the weights.

Every criterion is a shrunk estimate in standard deviations between reps, with the draws behind it,
so that a rep of whom little is known stands near the middle and not at an end.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.rep_quota import deal_sales, quotas
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.errors import ParameterError
from salesops_kit.metrics.reps import activity_counts, customer_scores, lead_response
from salesops_kit.models.rep_means import compare_means
from salesops_kit.models.reps import Comparison, compare_reps
from salesops_kit.models.single_amounts import believed, drawn_sums

Array = npt.NDArray[np.float64]

DRAWS = 1_000
_FIRM = 20.0  # of the weights moved about: each keeps within about a third of itself
_CAP = 3.0  # one criterion beyond three standard deviations counts as three
_FEWEST = 3
_ODDS = (0.05, 0.95)


@dataclass(frozen=True)
class Criterion:
    """One criterion: `table` (`rep`, `n`, `value` as readers know it), draws in units of its own.

    `draws`: reps of the table × draws.
    """

    name: str
    unit: str
    table: pd.DataFrame
    draws: Array

    def standard(self, reps: pd.Index) -> Array:
        """Return draws in standard deviations between reps; who has no value stands at 0."""
        against = self.draws - self.draws.mean(axis=0)
        # how far reps really are from each other, not how far their means are: where little is
        # known of anybody, everybody stands near the middle
        spread = float(np.sqrt((against**2).mean())) or 1.0
        scaled = np.clip(against / spread, -_CAP, _CAP)
        full = np.zeros((len(reps), scaled.shape[1]))
        place = reps.get_indexer(pd.Index(self.table["rep"]))
        full[place[place >= 0]] = scaled[place >= 0]
        return full


def scorecard(source: RepSource, winning: Comparison) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return each rep's criteria with the total, and every criterion's weight and coverage.

    Returns
    -------
    DataFrame
        One row per rep now there: `rep`, one column per criterion (standard deviations from the
        mean of all, shrunk), `total` (their weighted mean), `rank`, `rank_low`, `rank_high`
        (90 % when the measurements are drawn anew), `moved_low`, `moved_high` (90 % when the
        weights are moved about at random around those declared).
    DataFrame
        `criterion`, `weight` (of those there are; sums to 1), `reps` with a value, `cases`.
    """
    found = criteria(source, winning)
    here = source.members.loc[source.members["leave_day"].isna(), "rep"]
    reps = pd.Index(sorted(here))
    if not found or len(reps) < _FEWEST:
        return pd.DataFrame(columns=["rep"]), pd.DataFrame(columns=["criterion"])
    declared = source.workspace.settings.evaluation.weights
    weight = np.array([declared[c.name] for c in found])
    weight = weight / weight.sum()
    standard = np.stack([c.standard(reps) for c in found])  # criteria × reps × draws
    middle = standard.mean(axis=2)
    total = weight @ middle
    rng = np.random.default_rng(0)
    moved = rng.dirichlet(np.maximum(weight * _FIRM * len(found), 1e-3), DRAWS) @ middle
    noisy = np.einsum("c,crd->dr", weight, standard)
    low, high = np.quantile(_ranks(noisy), _ODDS, axis=0)
    moved_low, moved_high = np.quantile(_ranks(moved), _ODDS, axis=0)
    table = pd.DataFrame({"rep": reps, **{c.name: m for c, m in zip(found, middle, strict=True)}})
    table = table.assign(total=total, rank=_ranks(total[None])[0], rank_low=low, rank_high=high,
                         moved_low=moved_low, moved_high=moved_high)  # fmt: skip
    return table.sort_values("rank", ignore_index=True), _coverage(found, weight, reps)


def _coverage(found: list[Criterion], weight: Array, reps: pd.Index) -> pd.DataFrame:
    rows = [
        {"criterion": c.name, "weight": w, "reps": int(c.table["rep"].isin(reps).sum()),
         "cases": int(c.table["n"].sum())}
        for c, w in zip(found, weight, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _ranks(totals: Array) -> Array:
    order = totals.argsort(axis=1).argsort(axis=1)
    ranks: Array = totals.shape[1] - order.astype(np.float64)
    return ranks


def criteria(source: RepSource, winning: Comparison) -> list[Criterion]:
    """Measure every criterion that weighs something and has data for three reps or more."""
    won = winning.table[["rep", "n"]].assign(
        value=winning.table["adjusted"], lower=winning.table["adjusted_lower"],
        upper=winning.table["adjusted_upper"],
    )  # fmt: skip
    makers: Mapping[str, Callable[[], Criterion | None]] = {
        "attainment": lambda: _attainment(source),
        "winning": lambda: Criterion("winning", "share1", won, winning.draws[:, :DRAWS]),
        "deal_size": lambda: _deal_size(source),
        "satisfaction": lambda: _satisfaction(source),
        "attitude": lambda: _attitude(source),
        "response": lambda: _response(source),
        "contacts": lambda: _contacts(source),
    }
    weights = source.workspace.settings.evaluation.weights
    found = [makers[name]() for name, weight in weights.items() if weight > 0]
    return [c for c in found if c is not None and len(c.table) >= _FEWEST]


def _attainment(source: RepSource) -> Criterion | None:
    """Attainment over the window, deals drawn anew: one that rests on a single deal is unsure.

    A single deal far beyond all others counts three times the largest of these here, or the reps
    but its owner would all look alike.
    """
    table = quotas(source, source.window).dropna(subset=["attainment"])
    sold = deal_sales(source, source.window)
    money = believed(sold["bookings"].to_numpy("float64"), np.ones(len(sold)))
    owner = sold["rep"].to_numpy(dtype=str)
    each = {rep: money[owner == rep] for rep in np.unique(owner)}
    rng = np.random.default_rng(0)
    booked = [drawn_sums(each.get(str(rep), np.zeros(0)), DRAWS, rng) for rep in table["rep"]]
    share = np.array(booked).reshape(len(table), DRAWS) / table["prorated"].to_numpy()[:, None]
    known = table[["rep"]].assign(n=[len(each.get(str(rep), ())) for rep in table["rep"]],
                                  value=table["attainment"])  # fmt: skip
    # twice is not double
    return Criterion("attainment", "share", known, np.sqrt(np.maximum(share, 0.0)))


def _deal_size(source: RepSource) -> Criterion | None:
    return _of_means("deal_size", _amounts(source), source.adjusted_for)


def _amounts(source: RepSource) -> pd.DataFrame:
    """Return sums of the logarithm of the amounts of deals won."""
    names = {"log_total": "total", "log_squares": "squares", "priced": "n"}
    sums = source.decided.rename(columns=names)
    return sums[sums["n"] > 0]


def deal_sizes(source: RepSource) -> pd.DataFrame:
    """Return per rep `size_level`, `size_lower`, `size_upper`: amount won, of all's on equal deals.

    The geometric mean of the amounts of deals won, adjusted within reps and shrunk, against that of
    all reps: 1.1 is a tenth more. Nobody, where too few deals have an amount.
    """
    sums = _amounts(source)
    parts = {"size_level": "effect", "size_lower": "lower", "size_upper": "upper"}
    nothing = pd.DataFrame(columns=["rep", *parts])
    if sums["rep"].nunique() < _FEWEST:
        return nothing
    try:
        table = compare_means(sums, strata=source.adjusted_for, draws=DRAWS).table
    except ParameterError:  # no more amounts than reps and strata
        return nothing
    return table[["rep"]].assign(**{name: np.exp(table[part]) for name, part in parts.items()})


def _satisfaction(source: RepSource) -> Criterion | None:
    workspace = source.workspace
    if not workspace.has("feedback"):
        return None
    table = customer_scores(
        workspace.table("feedback"), source.deals, period=source.window, as_of=workspace.as_of,
        by=["owner_id", "type"],
    )  # fmt: skip
    return _of_means("satisfaction", _known(source, table.rename(columns={"answers": "n"})),
                     ["type"])  # fmt: skip


def _attitude(source: RepSource) -> Criterion | None:
    workspace = source.workspace
    if not workspace.has("reviews"):
        return None
    reviews = workspace.table("reviews").collect(backend="pandas").to_native()
    day, window = reviews["reviewed_day"], source.window
    reviews = reviews[(day >= window.start_day) & (day < window.end_day)]
    span = reviews["scale_max"] - reviews["scale_min"]
    score = ((reviews["score"] - reviews["scale_min"]) / span.where(span > 0)).astype("float64")
    rows = reviews.assign(n=1, total=score, squares=score**2, owner_id=reviews["rep_id"])
    return _of_means("attitude", _known(source, rows.dropna(subset=["total"])), ["criterion"])


def _response(source: RepSource) -> Criterion | None:
    workspace = source.workspace
    if not workspace.has("leads"):
        return None
    table = lead_response(
        workspace.table("leads"), period=source.window, as_of=workspace.as_of, by=["owner_id"]
    )
    rows = _known(source, table.rename(columns={"given": "n", "prompt": "hits"}))
    if rows["rep"].nunique() < _FEWEST or not rows["answered"].sum():
        return None
    found = compare_reps(rows, strata=[], draws=DRAWS)
    value = found.table[["rep", "n"]].assign(value=found.table["adjusted"])
    return Criterion("response", "share1", value, found.draws)


def _contacts(source: RepSource) -> Criterion | None:
    """Contacts logged per thirty days of work: a fact about the records, drawn the same."""
    workspace = source.workspace
    if not workspace.has("activities"):
        return None
    table = activity_counts(
        workspace.table("activities"), period=source.window, as_of=workspace.as_of, by=["owner_id"]
    )
    rows = _known(source, table.rename(columns={"contacts": "n"}))
    days = dict(zip(source.members["rep"], source.members["active_days"], strict=True))
    pace = rows["n"] / rows["rep"].map(days) * 30
    value = np.log1p(pace.to_numpy("float64"))
    return Criterion("contacts", "number", rows[["rep", "n"]].assign(value=pace),
                     np.repeat(value[:, None], DRAWS, axis=1))  # fmt: skip


def _of_means(name: str, sums: pd.DataFrame, strata: list[str]) -> Criterion | None:
    if sums["rep"].nunique() < _FEWEST:
        return None
    try:
        found = compare_means(sums, strata=strata, draws=DRAWS)
    except ParameterError:  # no more cases than reps: nothing can be said of any
        return None
    value = found.table[["rep", "n"]].assign(value=found.table["mean"])
    return Criterion(name, "number", value, found.draws)


def _known(source: RepSource, table: pd.DataFrame) -> pd.DataFrame:
    table = table.rename(columns={"owner_id": "rep"}).reset_index(drop=True)
    return table[table["rep"].isin(source.members["rep"])].reset_index(drop=True)
