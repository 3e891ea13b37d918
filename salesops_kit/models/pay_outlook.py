"""What attainments may come next, for all reps together: draws for the cost of a pay plan."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError

Array = npt.NDArray[np.float64]

FEWEST_PERIODS = 4
_FEWEST_REPS = 2


@dataclass(frozen=True)
class Outlook:
    """Draws of next period's attainment: `reps` (names), `attainment` (reps × draws)."""

    reps: tuple[str, ...]
    attainment: Array


def draw_attainment(
    past: pd.DataFrame, reps: list[str], *, draws: int = 2_000, seed: int = 0
) -> Outlook:
    """Draw the attainments of the next period from those of the last ones.

    attainment = level of the rep * the period's common factor * the rep's luck

    Levels are each rep's mean, drawn towards everybody's as far as few periods leave it open
    (normal, empirical Bayes) and uncertain; common factors are those of past periods; luck is the
    ratio that is left, of any rep in any period, zero included. Who has no past has everybody's
    level, with the spread between reps.

    Parameters
    ----------
    past
        One row per rep and period: `rep`, `period`, `attainment`, `quota` above 0.
    reps
        Whom to draw for.

    Raises
    ------
    ParameterError
        With fewer than four periods or two reps: there is nothing to learn a spread from.
    """
    known = past[(past["quota"] > 0) & past["attainment"].notna()]
    known = known.assign(attainment=known["attainment"].clip(lower=0))
    if known["period"].nunique() < FEWEST_PERIODS or known["rep"].nunique() < _FEWEST_REPS:
        raise ParameterError(
            f"a plan's cost needs attainments of {FEWEST_PERIODS} periods and {_FEWEST_REPS} reps; "
            f"there are {known['period'].nunique()} and {known['rep'].nunique()}"
        )
    mean = float(np.average(known["attainment"], weights=known["quota"]))
    if not mean > 0:
        raise ParameterError("a plan's cost needs a past in which something was sold")
    common = _common(known, mean)
    level, unsure, between = _levels(known, common, mean)
    luck = _luck(known, common, level)
    rng = np.random.default_rng(seed)
    size = (len(reps), draws)
    middle = np.array([level.get(rep, mean) for rep in reps])
    spread = np.array([unsure.get(rep, between) for rep in reps])
    levels = np.maximum(middle[:, None] + spread[:, None] * rng.normal(size=size), 0.05 * mean)
    factor = rng.choice(common.to_numpy(), draws)
    drawn: Array = levels * factor * rng.choice(luck, size)
    return Outlook(tuple(reps), drawn)


def _common(known: pd.DataFrame, mean: float) -> "pd.Series[float]":
    """Return each period's attainment of all against the mean, shrunk by what luck explains."""
    weighted = known["attainment"] * known["quota"]
    total = weighted.groupby(known["period"]).sum() / known.groupby("period")["quota"].sum()
    residual = known["attainment"] - known["period"].map(total)
    share = known["quota"] / known.groupby("period")["quota"].transform("sum")
    chance = (residual**2 * share**2).groupby(known["period"]).sum()
    seen = float(((total - mean) ** 2).mean())
    real = max(seen - float(chance.mean()), 0.0) / seen if seen > 0 else 0.0
    # shrunk towards the mean so that the factors spread as the market does, not as luck does; and
    # widened, since the mean and spread of a few periods are themselves uncertain
    unsure = (len(total) + 1) / (len(total) - 1)
    factor = (1 + np.sqrt(real * unsure) * (total / mean - 1)).clip(lower=0.05)
    scaled: pd.Series[float] = factor / factor.mean()
    return scaled


def _levels(
    known: pd.DataFrame, common: "pd.Series[float]", mean: float
) -> tuple[dict[str, float], dict[str, float], float]:
    """Return each rep's level and its uncertainty, and the spread between reps."""
    value = known["attainment"] / known["period"].map(common)
    groups = value.groupby(known["rep"])
    n, own = groups.size(), groups.mean()
    within = float(((value - known["rep"].map(own)) ** 2).sum() / max(len(value) - len(own), 1))
    noise = within / n
    between = max(float((own - mean).var(ddof=1)) - float(noise.mean()), 0.0)
    weight = between / (between + noise) if within > 0 else pd.Series(1.0, index=n.index)
    middle, unsure = mean + weight * (own - mean), (weight * noise) ** 0.5
    return _named(middle), _named(unsure), float(np.sqrt(between))


def _named(values: "pd.Series[float]") -> dict[str, float]:
    return {str(name): float(value) for name, value in values.items()}


def _luck(known: pd.DataFrame, common: "pd.Series[float]", level: dict[str, float]) -> Array:
    expected = known["rep"].map(level) * known["period"].map(common)
    ratio = (known["attainment"] / expected.where(expected > 0)).dropna().to_numpy("float64")
    scaled: Array = ratio / ratio.mean()
    return scaled
