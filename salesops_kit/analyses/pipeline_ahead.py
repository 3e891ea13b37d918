"""When open deals are won, day by day, and what a gap to the target needs."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.pipeline_record import Made
from salesops_kit.models.levers import needed
from salesops_kit.models.outlook import HORIZON, Sample, chances
from salesops_kit.models.sum_distribution import Draws
from salesops_kit.periods import from_day_number

Array = npt.NDArray[np.float64]

EVEN, SURE = 0.5, 0.2  # share of the outcomes below the sum that is to reach the target
LEVER_COLUMNS = ["lever", "now", "even", "sure", "unit"]
_LATER = (7, 14, 28, 56)  # days after the end by which deals may be won that close sooner


def booking_curve(made: Made, sample: Sample | None, *, won: float) -> pd.DataFrame:
    """Return the money booked by each week's end, beginning with what was won.

    Each deal's chance at the end is that of the classifier; hazards by stage and age say which
    part of it falls on which day.
    """
    window, fresh = made.window, made.outlook.new.money
    steps = sorted({*range(7, window.days, 7), window.days})
    shares = _shares(made, sample, steps)
    money = made.outlook.weight * made.outlook.chance * made.outlook.worth
    rows = [(from_day_number(window.origin), won)]
    for day in steps:
        # what is begun later is won later: its part grows with the square of the days
        booked = won + float((money * shares[day]).sum()) + fresh * (day / window.days) ** 2
        rows.append((from_day_number(window.origin + day), booked))
    return pd.DataFrame(rows, columns=["day", "booked"])


def lever_table(made: Made, sample: Sample | None, draws: Draws, *, left: float) -> pd.DataFrame:
    """Return where each lever stands, and where for an even and for a sure chance of the target.

    Parameters
    ----------
    left
        Money that is still to be booked to reach the target.

    Returns
    -------
    DataFrame
        One row per lever (`models.levers.needed`): `lever`, `now`, `even`, `sure` (at 4 of 5
        outcomes), `unit`. Empty where the target is reached surely as it is.
    """
    middle, safe = np.quantile(draws.total, [EVEN, SURE])
    if left <= safe:
        return pd.DataFrame(columns=LEVER_COLUMNS)
    later = _later(made, sample)
    tables = [needed(made.outlook, max(left - reached, 0.0), later)
              for reached in (middle, safe)]  # fmt: skip
    return tables[0].rename(columns={"needed": "even"}).assign(
        lever=[f"{name}_lever" for name in tables[0]["lever"]], sure=tables[1]["needed"]
    )[LEVER_COLUMNS]  # fmt: skip


def _later(made: Made, sample: Sample | None) -> dict[int, float]:
    """Return the money that open deals bring within so many days after the end."""
    days = [day for day in _LATER if made.window.days + day <= HORIZON]
    if sample is None or not days:
        return {}
    shares = _shares(made, sample, [made.window.days + day for day in days])
    outlook = made.outlook
    found = {}
    for day in days:
        chance = np.minimum(outlook.chance * shares[made.window.days + day], 1.0)
        more = outlook.weight * (chance - outlook.chance) * outlook.worth
        found[day] = float(np.maximum(more, 0.0).sum())
    return found


def _shares(made: Made, sample: Sample | None, steps: Sequence[int]) -> dict[int, Array]:
    """Return per deal its chance within so many days over that at the end.

    As straight as time where its stage was passed too seldom to tell.
    """
    end, deals = made.window.days, made.deals
    shares = {day: np.full(len(deals), day / end) for day in steps}
    if sample is None:
        return shares
    aged = deals[["stage"]].assign(age_days=deals["age_days"].astype("int64"))
    reached = [min(day, sample.horizon) for day in (*steps, end)]
    found = chances(sample, aged, reached)
    whole = found[reached[-1]].to_numpy("float64")
    for day in steps:
        with np.errstate(divide="ignore", invalid="ignore"):
            part = found[min(day, sample.horizon)].to_numpy("float64") / whole
        shares[day] = np.where(np.isfinite(part), part, np.minimum(shares[day], 1.0))
    return shares
