"""Whether a rep's share won changed, and what became of last year's best: neither reacts to luck.

A change is a step in one rep's log-odds, against the rep's own months before and against all others
in the same months. How large a step luck makes is found by drawing the whole company again without
any change, year and all, so that one limit holds for all reps and twelve monthly reports together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.models.reps import compare_reps
from salesops_kit.models.within import design_of, logistic, within_logit

Array = npt.NDArray[np.float64]

# chance of a false change a year, all reps together; half of the 0.06 promised, since every report
# finds its own limit, and the months' noise, from what it has
LEVEL = 0.03
LOOKS = 12  # monthly reports that share the limit
RECENT = 12  # months back to which a change is looked for: older ones are no news
LEAST_BEFORE, LEAST_AFTER = 6, 3  # months on each side of a change
LEAST_DECIDED = 20  # deals on each side; fewer say nothing
DRAWS, FEWER, MANY = 399, 99, 500  # companies drawn; for more reps than many, fewer
_CELLS = 2_000_000  # reps × months × draws held at once
_LEVEL_SPREAD = 3.0  # weak prior sd of a level's log-odds: all won or all lost has no finite one
_Z = 1.645  # of a 90 % interval
_QUARTER, _FEWEST = 0.25, 8  # reps: below, a quarter is one person


@dataclass(frozen=True)
class Panel:
    """Reps × months, oldest first: deals decided and won, and what they say if nothing changed.

    `chance`: share won of these very deals, given the rep's level, the month and the strata;
    `weight`: their information about the level (sum of p (1 - p)).
    """

    reps: tuple[str, ...]
    n: Array
    won: Array
    chance: Array
    weight: Array

    @property
    def odds(self) -> Array:
        """Log-odds of `chance`."""
        chance = np.clip(self.chance, 1e-9, 1 - 1e-9)
        return np.asarray(np.log(chance / (1 - chance)))

    @property
    def rest(self) -> Array:
        """Deals won beyond what was to be expected, what all others did that month taken out."""
        return _without_month(self.won - self.n * self.chance, self.weight)


@dataclass(frozen=True)
class Changes:
    """Steps in the reps' share won, as of the last month.

    `table`: per rep with enough deals `rep`, `since` (number of the first month after the step),
    `n_before`, `n_after`, `won_before`, `won_after` (raw), `won_expected` (share won of the
    later deals at the earlier level), `change` with `lower`, `upper` (log-odds, 90 %; of those
    named it is overstated, since they are the largest), `z`, `p` (how often a year without change
    shows one so large at any rep), `named`. `noise`: sd of a rep's month beyond luck, in log-odds.
    """

    table: pd.DataFrame
    noise: float


def panel_of(counts: pd.DataFrame, strata: Sequence[str], months: int) -> Panel:
    """Return what each rep's months say if nobody changed.

    Parameters
    ----------
    counts
        One row per rep, month (0 … months - 1) and combination of strata: `rep`, `month`, the
        strata, `n`, `hits`.
    strata
        What a deal was before the rep had it; the month is always taken out.
    months
        How many.
    """
    design = design_of(counts, [*strata, "month"])
    hits, n = counts["hits"].to_numpy("float64"), design.n
    offset = within_logit(design, hits).offset
    middle = float(np.log((hits.sum() + 0.5) / (n.sum() - hits.sum() + 0.5)))
    centre = middle - float((n * offset).sum() / max(n.sum(), 1))
    level = np.full(len(design.reps), centre)
    prior = 1 / _LEVEL_SPREAD**2
    for _ in range(30):
        chance = logistic(level[design.rep] + offset)
        pull = design.by_rep(hits - n * chance) - prior * (level - centre)
        level = level + np.clip(
            pull / (design.by_rep(n * chance * (1 - chance)) + prior), -2, 2
        )  # fmt: skip
    chance = logistic(level[design.rep] + offset)
    place = design.rep * months + counts["month"].to_numpy("int64")

    def summed(values: Array) -> Array:
        flat = np.bincount(place, values, len(design.reps) * months)
        return np.asarray(flat.reshape(len(design.reps), months), dtype=np.float64)

    cases, usual = summed(n), summed(n * chance)
    share = np.divide(usual, cases, out=np.zeros_like(usual), where=cases > 0)
    return Panel(design.reps, cases, summed(hits), share, summed(n * chance * (1 - chance)))


def find_changes(panel: Panel, *, fewest: int = 30, draws: int = 0, seed: int = 0) -> Changes:
    """Find steps in the share won that are more than luck among all reps and reports of a year.

    Score test of a step at every month of the last twelve, the largest counts; its height is judged
    by the largest of any rep in any of the year's monthly reports, in companies drawn without a
    change but with the months' own noise (parametric bootstrap, Westfall & Young 1993).

    Parameters
    ----------
    panel
        Of at least `LEAST_BEFORE + LEAST_AFTER` months.
    fewest
        Deals decided from which on a rep is judged.
    draws
        Companies drawn; 0 takes 399, or 99 for more than 500 reps.
    seed
        Equal seeds give equal answers.

    Raises
    ------
    ParameterError
        When there are too few months.
    """
    months = panel.n.shape[1]
    if months < LEAST_BEFORE + LEAST_AFTER:
        raise ParameterError(
            f"there are {months} months; a change takes {LEAST_BEFORE} before and "
            f"{LEAST_AFTER} after it"
        )
    draws = draws or (DRAWS if len(panel.reps) <= MANY else FEWER)
    noise = _noise(panel)
    enough = panel.n.sum(axis=1) >= fewest
    heights = _drawn_heights(panel, enough, noise, draws, np.random.default_rng(seed))
    z, since = _largest(panel, noise)
    table = _described(panel, z, since, noise)[enough & (since >= 0)]
    beaten = (heights[None, :] >= np.abs(table["z"].to_numpy())[:, None]).sum(axis=1)
    p = (1 + beaten) / (1 + draws)
    table = table.assign(p=p, named=p <= LEVEL)
    order = table["z"].abs().sort_values(ascending=False).index
    return Changes(table.loc[order].reset_index(drop=True), noise**0.5)


def _without_month(rest: Array, weight: Array) -> Array:
    total = np.maximum(weight.sum(axis=-2, keepdims=True), 1e-12)
    return np.asarray(rest - weight * rest.sum(axis=-2, keepdims=True) / total)


def _noise(panel: Panel) -> float:
    """Variance of a rep's month beyond luck, from neighbouring months (a step touches one pair)."""
    known = panel.weight > 1e-9
    rate = np.divide(panel.rest, panel.weight, out=np.zeros_like(panel.rest), where=known)
    luck = np.divide(1.0, panel.weight, out=np.zeros_like(panel.rest), where=known)
    both = known[:, 1:] & known[:, :-1]
    gap, chance = (rate[:, 1:] - rate[:, :-1])[both] ** 2, (luck[:, 1:] + luck[:, :-1])[both]
    if not len(gap):
        return 0.0
    ours = 1 / chance**2
    return max(float((ours * (gap - chance)).sum() / (2 * ours.sum())), 0.0)


@dataclass(frozen=True)
class _Split:
    """A step at `month` as seen after `upto` months: its score test, per rep; scale 0: too few."""

    month: int
    upto: int
    share: Array  # of the information that lies after the step
    scale: Array  # 1 / sd of the score

    def z(self, sums: Array) -> Array:
        """Return the test of rests summed over months; may have draws in front of reps."""
        score = (1 - self.share) * sums[..., self.upto - 1] - sums[..., self.month - 1]
        return np.asarray(score * self.scale)


def _splits(panel: Panel, noise: float, upto: int) -> list[_Split]:
    n, weight, squares = (
        np.cumsum(part, axis=1)[:, :upto] for part in (panel.n, panel.weight, panel.weight**2)
    )
    found, whole = [], weight[:, -1]
    for month in range(max(LEAST_BEFORE, upto - RECENT), upto - LEAST_AFTER + 1):
        before, noisy = weight[:, month - 1], noise * squares[:, month - 1]
        share = np.divide(whole - before, whole, out=np.zeros_like(whole), where=whole > 0)
        own = (1 - share) ** 2 * (whole - before + noise * squares[:, -1] - noisy)
        own += share**2 * (before + noisy)
        counts = np.minimum(n[:, month - 1], n[:, -1] - n[:, month - 1])
        usable = (counts >= LEAST_DECIDED) & (own > 1e-9)
        scale = np.where(usable, 1 / np.sqrt(np.where(usable, own, 1.0)), 0.0)
        found.append(_Split(month, upto, share, scale))
    return found


def _largest(panel: Panel, noise: float) -> tuple[Array, npt.NDArray[np.int64]]:
    """Return each rep's largest step as of the last month: its z and month; -1 without any."""
    best, sums = np.zeros(len(panel.reps)), np.cumsum(panel.rest, axis=1)
    since = np.full(len(panel.reps), -1, dtype=np.int64)
    for split in _splits(panel, noise, panel.n.shape[1]):
        z = split.z(sums)
        larger = (split.scale > 0) & ((np.abs(z) > np.abs(best)) | (since < 0))
        best, since = np.where(larger, z, best), np.where(larger, split.month, since)
    return best, since


def _drawn_heights(
    panel: Panel,
    enough: npt.NDArray[np.bool_],
    noise: float,
    draws: int,
    rng: np.random.Generator,
) -> Array:
    """Return the largest |z| of any rep in any report of a year without change, per draw."""
    months = panel.n.shape[1]
    looks = range(max(months - LOOKS, LEAST_BEFORE + LEAST_AFTER - 1) + 1, months + 1)
    splits = [split for look in looks for split in _splits(panel, noise, look)]
    size = max(_CELLS // panel.n.size, 1)
    cases, usual = panel.n.astype("int64"), panel.n * panel.chance
    heights: list[Array] = []
    for begin in range(0, draws, size):
        shape = (min(size, draws - begin), *panel.n.shape)
        chance = logistic(panel.odds + noise**0.5 * rng.standard_normal(shape))
        rest = _without_month(rng.binomial(cases, chance) - usual, panel.weight)
        sums, top = np.cumsum(rest, axis=-1), np.zeros(shape[0])
        for split in splits:
            z = np.where(enough, split.z(sums), 0.0)
            top = np.maximum(top, np.maximum(z.max(axis=1), -z.min(axis=1)))
        heights.append(top)
    return np.concatenate(heights)


def _described(panel: Panel, z: Array, since: npt.NDArray[np.int64], noise: float) -> pd.DataFrame:
    later = np.arange(panel.n.shape[1])[None, :] >= since[:, None]
    table = pd.DataFrame({"rep": panel.reps, "since": since, "z": z})
    # the month as all others had it: a rep's own change is no part of what is compared to
    others = np.maximum(panel.weight.sum(axis=0) - panel.weight, 1e-9)
    odds = panel.odds - np.clip(panel.rest / others, -1, 1)
    wider = np.sqrt(1 + (panel.weight**2 / others).sum(axis=1) / panel.weight.sum(axis=1))
    levels, errors = [], []
    for name, mask in (("before", ~later), ("after", later)):
        n, won = np.where(mask, panel.n, 0.0), np.where(mask, panel.won, 0.0)
        table[f"n_{name}"] = n.sum(axis=1).astype("int64")
        table[f"won_{name}"] = won.sum(axis=1) / np.maximum(n.sum(axis=1), 1)
        level, error = _level(n, won.sum(axis=1), odds, noise)
        levels.append(level)
        errors.append(error)
    cases = np.where(later, panel.n, 0.0)
    usual = (cases * logistic(odds + levels[0][:, None])).sum(axis=1)
    change, reach = levels[1] - levels[0], _Z * wider * np.hypot(*errors)
    return table.assign(
        won_expected=usual / np.maximum(cases.sum(axis=1), 1),
        change=change, lower=change - reach, upper=change + reach,
    )  # fmt: skip


def _level(n: Array, won: Array, odds: Array, noise: float) -> tuple[Array, Array]:
    """Return how far each rep's log-odds lie above the expected ones, and the standard error."""
    level, prior = np.zeros(len(n)), 1 / _LEVEL_SPREAD**2
    for _ in range(30):
        chance = logistic(odds + level[:, None])
        weight = n * chance * (1 - chance)
        pull = won - (n * chance).sum(axis=1) - prior * level
        level = level + np.clip(pull / (weight.sum(axis=1) + prior), -2, 2)
    known = weight.sum(axis=1) + prior
    return level, np.sqrt((known + noise * (weight**2).sum(axis=1)) / known**2)


def returns(counts: pd.DataFrame, *, fewest: int = 30, seed: int = 0) -> pd.DataFrame:
    """Return where last year's top and bottom quarter by raw rate stand this year.

    Parameters
    ----------
    counts
        One row per rep: `rep`, `n`, `hits` of last year, `n_now`, `hits_now` of this one.
    fewest
        Deals decided in each of the years from which on a rep counts.
    seed
        Of the draws.

    Returns
    -------
    DataFrame
        `group` (top, bottom), `reps`, `won_then`, `won_now` (of their deals together), `usual`
        (all reps this year), `expected`, `lower`, `upper` (rate this year if nobody changed: last
        year's levels as shrunk by empirical Bayes, the year's common move, and luck; 90 %).
        Empty with fewer than eight reps.
    """
    names = ["group", "reps", "won_then", "won_now", "usual", "expected", "lower", "upper"]
    table = counts[(counts["n"] >= fewest) & (counts["n_now"] >= fewest)]
    if len(table) < _FEWEST:
        return pd.DataFrame(columns=names)
    found = compare_reps(table[["rep", "n", "hits"]], strata=[], seed=seed)
    table = table.set_index("rep").loc[found.table["rep"]]
    n, hits = table["n_now"].to_numpy("int64"), table["hits_now"].to_numpy("float64")
    rng = np.random.default_rng(seed)
    chance = logistic(found.draws + _common_move(found.draws.mean(axis=1), n, hits))
    drawn = rng.binomial(n[:, None], chance)
    raw = (table["hits"] / table["n"]).to_numpy()
    order, size = np.argsort(raw, kind="stable"), round(_QUARTER * len(table))
    rows = []
    for quarter, who in (("top", order[-size:]), ("bottom", order[:size])):
        would = drawn[who].sum(axis=0) / n[who].sum()
        then = table["hits"].to_numpy()[who].sum() / table["n"].to_numpy()[who].sum()
        rows.append((quarter, size, then, hits[who].sum() / n[who].sum(), hits.sum() / n.sum(),
                     would.mean(), *np.quantile(would, [0.05, 0.95])))  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def _common_move(levels: Array, n: npt.NDArray[np.int64], hits: Array) -> float:
    """Return by how much all log-odds moved, so that all reps together won what they did."""
    low, high = -6.0, 6.0
    for _ in range(60):
        middle = (low + high) / 2
        over = (n * logistic(levels + middle)).sum() > hits.sum()
        low, high = (low, middle) if over else (middle, high)
    return (low + high) / 2
