"""What a territory could bring: what others book of the same kinds of deals."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

Array = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

DRAWS = 400
STEADY = 20.0  # deals of the overall mean that a stratum's mean starts from


def peer_potential(
    received: pd.DataFrame, strata: Sequence[str], *, steady: float = STEADY
) -> pd.DataFrame:
    """Return what peers would have booked of the deals each rep received; own results left out.

    potential_j = sum over strata of  received_jk x rate_k,   rate_k = (B_k + steady x r) / (N_k +
    steady) over the other reps, r their rate over all strata: a stratum that peers hardly had is
    taken at the usual rate.

    Parameters
    ----------
    received
        One row per rep and stratum: `rep`, the strata, `received` (deals), `bookings` (money).
    strata
        Columns that together name a stratum.
    steady
        Deals of the usual rate that every stratum starts from.

    Returns
    -------
    DataFrame
        One row per rep: `rep`, `received`, `bookings`, `potential` (money, missing for a rep
        without peers), `productivity` (bookings / potential).

    Examples
    --------
    >>> rows = pd.DataFrame({"rep": ["A", "B"], "s": "x", "received": [10, 20],
    ...                      "bookings": [5.0, 40.0]})
    >>> peer_potential(rows, ["s"])["potential"].tolist()
    [20.0, 10.0]
    """
    keys = [received[name].fillna("").astype(str) for name in strata]
    cells = received.assign(_s=pd.MultiIndex.from_arrays(keys).to_flat_index() if keys else "")
    names = ["received", "bookings"]
    own = cells.groupby(["rep", "_s"], as_index=False)[names].sum()
    of_stratum = own.groupby("_s")[names].transform("sum") - own[names]
    of_rep = own.groupby("rep")[names].transform("sum")
    others = own[names].sum() - of_rep
    usual = others["bookings"] / others["received"].where(others["received"] > 0)
    rate = (of_stratum["bookings"] + steady * usual) / (of_stratum["received"] + steady)
    own = own.assign(potential=own["received"] * rate)
    table = own.groupby("rep", as_index=False)[[*names, "potential"]].sum(min_count=1)
    return table.assign(
        productivity=table["bookings"] / table["potential"].where(table["potential"] > 0)
    )


def potential_spread(received: pd.DataFrame, strata: Sequence[str]) -> "pd.Series[float]":
    """Return per rep how far chance moves the logarithm of its share of all potential (sd).

    As `peer_potential` with all counts drawn anew: deals received are Poisson, and what was booked
    of them is a Poisson number of wins, their amounts as spread as an exponential.

    Missing where a rep, or all but one, has no potential.

    Parameters
    ----------
    received
        As for `peer_potential`, with `won`: deals won with an amount.
    """
    rep, reps = pd.factorize(received["rep"], sort=True)
    kind: Codes = np.zeros(len(received), dtype=np.intp)
    if strata:
        kind = received.groupby(list(strata), dropna=False).ngroup().to_numpy().astype(np.intp)
    rng, shape = np.random.default_rng(0), (len(received), DRAWS)
    deals = rng.poisson(received["received"].to_numpy("float64")[:, None], shape).astype("float64")
    won = received["won"].to_numpy("float64")[:, None]
    # wins and amounts each have a relative variance of one over the wins
    noise = rng.gamma(np.maximum(won / 2, 1e-9), 2 / np.maximum(won, 1e-9), shape)
    booked = received["bookings"].to_numpy("float64")[:, None] * np.where(won > 0, noise, 1.0)
    potential = _potential(deals, booked, rep, kind)
    share = potential / np.maximum(np.nansum(potential, axis=0), 1e-12)
    logs = np.log(np.where(share > 0, share, np.nan))
    known = (~np.isnan(logs)).any(axis=1)  # a rep without peers has no potential
    spread = np.full(len(reps), np.nan)
    if known.sum() > 1:  # of one alone the share is all, whatever chance does
        spread[known] = np.nanstd(logs[known], axis=1)
    return pd.Series(spread, reps)


def _potential(deals: Array, booked: Array, rep: Codes, stratum: Codes) -> Array:
    """Return reps × draws: what `peer_potential` says of each draw."""
    by_rep, by_stratum = (_summed(deals, rep), _summed(booked, rep)), (
        _summed(deals, stratum), _summed(booked, stratum))  # fmt: skip
    cells, cell = np.unique(np.stack([rep, stratum]), axis=1, return_inverse=True)
    own, mine = (_summed(table, cell.ravel()) for table in (deals, booked))
    whose, kind = cells
    others = [whole.sum(axis=0)[None, :] - part[whose] for whole, part in
              ((deals, by_rep[0]), (booked, by_rep[1]))]  # fmt: skip
    usual = np.divide(others[1], others[0], out=np.full_like(own, np.nan), where=others[0] > 0)
    rate = (by_stratum[1][kind] - mine + STEADY * usual) / (by_stratum[0][kind] - own + STEADY)
    return _summed(own * rate, whose)


def _summed(table: Array, code: Codes) -> Array:
    sums = np.zeros((int(code.max()) + 1 if len(code) else 0, table.shape[1]))
    np.add.at(sums, code, table)
    return sums
