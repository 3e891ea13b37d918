"""Contracts that end: the chance that each is not renewed, by its term and what is known of it.

A discrete hazard: of the contracts that reached the end of a term, the share that ended there,
as a logistic regression on the term and on signals known before that day. Contracts that have
not ended yet are censored: they say nothing of their own end.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize
from scipy.special import expit

Array = npt.NDArray[np.float64]

FEWEST_ENDED = 20  # contracts that came to their end, below which nothing is said
LATEST_TERM = 3  # this term and later ones are one
_PULL = 2.0  # inverse variance of effects: a signal seen a few times moves little


@dataclass(frozen=True)
class Renewal:
    """A fitted hazard: `names` of its columns, their `effects` (log-odds), their covariance."""

    names: tuple[str, ...]
    effects: Array
    covariance: Array
    n: int
    ended: int

    def chance(self, contracts: pd.DataFrame) -> Array:
        """Return the chance of each contract not to be renewed at the end of its term."""
        return np.asarray(expit(_design(contracts, self.names) @ self.effects), dtype=np.float64)

    def drawn(self, contracts: pd.DataFrame, rng: np.random.Generator, draws: int) -> Array:
        """Return draws × contracts of 1 (not renewed) and 0; the effects are drawn too."""
        effects = rng.multivariate_normal(self.effects, self.covariance, draws, method="eigh")
        chance = expit(effects @ _design(contracts, self.names).T)
        return np.asarray(rng.random(chance.shape) < chance, dtype=np.float64)


def fit_renewal(contracts: pd.DataFrame, signals: Sequence[str] = ()) -> Renewal | None:
    """Fit the hazard by penalized likelihood.

    Parameters
    ----------
    contracts
        Terms that came to their end: `term` (1, 2, …), `ended` (1 not renewed, 0 renewed), and
        the `signals`, columns of 0 and 1 known before the end.

    Returns
    -------
    Renewal
        None when fewer than 20 terms came to their end, or all of them went the same way.
    """
    ended = contracts["ended"].to_numpy("float64")
    if len(ended) < FEWEST_ENDED or ended.min() == ended.max():
        return None
    names = ("all", *[f"term_{n}" for n in range(2, LATEST_TERM + 1)], *signals)
    rows = _design(contracts, names)
    pull = np.array([0.0, *[_PULL] * (len(names) - 1)])

    def lack(effects: Array) -> tuple[float, Array]:
        logit = rows @ effects
        value = np.logaddexp(0, logit).sum() - ended @ logit + (pull * effects**2).sum() / 2
        return float(value), rows.T @ (expit(logit) - ended) + pull * effects

    effects = np.asarray(minimize(lack, np.zeros(len(names)), jac=True, method="BFGS").x)
    chance = expit(rows @ effects)
    curvature = rows.T @ (rows * (chance * (1 - chance))[:, None]) + np.diag(pull)
    return Renewal(names, effects, np.linalg.inv(curvature), len(ended), int(ended.sum()))


def hazard_by_term(contracts: pd.DataFrame) -> pd.DataFrame:
    """Return per term how many contracts reached its end, ended there, and stay on.

    Returns
    -------
    DataFrame
        `term`, `reached`, `ended`, `hazard` (ended / reached) and `survival`, the share of all
        contracts begun that is still there after the term.
    """
    table = contracts.groupby("term")["ended"].agg(["size", "sum"]).reset_index()
    table.columns = pd.Index(["term", "reached", "ended"])
    hazard = table["ended"] / table["reached"]
    return table.assign(hazard=hazard, survival=(1 - hazard).cumprod())


def _design(contracts: pd.DataFrame, names: Sequence[str]) -> Array:
    term = np.minimum(contracts["term"].to_numpy("float64"), LATEST_TERM)
    columns = []
    for name in names:
        if name == "all":
            columns.append(np.ones(len(term)))
        elif name.startswith("term_"):
            columns.append((term == float(name.removeprefix("term_"))).astype("float64"))
        else:
            columns.append(contracts[name].to_numpy("float64"))
    return np.column_stack(columns)
