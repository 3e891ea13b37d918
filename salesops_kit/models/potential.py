"""What a territory could bring: what others book of the same kinds of deals."""

from collections.abc import Sequence

import pandas as pd

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
