"""Series side by side: read, checked, told what is wrong with each, put on one scale.

A panel holds series of one step length (month, week, day) that all end at the same step; what
cannot be forecast is left out and said, never guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.models.series_spikes import despiked

Array = npt.NDArray[np.float64]

FEWEST = 4  # values below which nothing is forecast
_CHANCE = 0.01  # below it a run of zeros at either end is no chance
_LEAST_SILENCE = 6  # zeros at the end, half a year of months, from which on a series has ended
_WEEK, _MONTH = 7, 28  # of daily series: more than a holiday
MOST_GAPS = 0.2  # of the steps may be missing and are then filled in
_BEND = 0.1  # of a series' mean size: below it the scale is linear, far above it logarithmic

# why a series has no forecast, and what else the reader must know of one
REFUSED = ("duplicated", "no_values", "few", "ended", "gaps")
NOTED = ("begins", "filled", "negative", "zeros", "constant", "infinite", "spikes")


@dataclass(frozen=True)
class Panel:
    """Series that end at the same step.

    `known`: one array per series, oldest first. `season`: steps per year (1: no season).
    `drivers`: steps x regressors known beforehand, such as days of a holiday in each step; the
    last `ahead` rows lie after the last value. Without regressors, None. `blocks`: names of the
    regressors and how many columns each takes, from the left; a block explains a series as a
    whole or not at all. Without blocks all columns are one.
    """

    ids: tuple[str, ...]
    known: tuple[Array, ...]
    season: int
    drivers: Array | None = None
    ahead: int = 0
    blocks: tuple[tuple[str, int], ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def before(self, cut: int) -> "Panel":
        """Return the panel as it was `cut` steps ago; of shorter series nothing is left."""
        values = tuple(value[: max(len(value) - cut, 0)] for value in self.known)
        return replace(self, known=values, ahead=self.ahead + cut)

    def only(self, places: Sequence[int]) -> "Panel":
        """Return some of the series, by position."""
        return replace(
            self,
            ids=tuple(self.ids[place] for place in places),
            known=tuple(self.known[place] for place in places),
        )

    def last(self, steps: int) -> Array:
        """Return the last values of all series (series x steps), missing where there are none."""
        table = np.full((len(self), steps), np.nan)
        for row, value in enumerate(self.known):
            part = value[-steps:] if steps else value[:0]
            table[row, steps - len(part) :] = part
        return table

    def columns(self) -> tuple[tuple[int, ...], ...]:
        """Return the columns of the drivers, block by block."""
        if self.drivers is None:
            return ()
        widths = [width for _, width in self.blocks] or [self.drivers.shape[1]]
        ends = np.cumsum(widths)
        return tuple(
            tuple(range(end - width, end)) for end, width in zip(ends, widths, strict=True)
        )

    def long(self) -> pd.DataFrame:
        """Return the series as the forecasting libraries want them: `unique_id`, `ds`, `y`."""
        sizes = [len(value) for value in self.known]
        return pd.DataFrame(
            {
                "unique_id": np.repeat(np.arange(len(self)), sizes),
                "ds": np.concatenate([np.arange(n) for n in sizes] or [np.array([], "int64")]),
                "y": np.concatenate([*self.known, np.array([])]),
            }
        )


def read_panel(
    frame: pd.DataFrame, *, season: int, last: int | None = None
) -> tuple[Panel, pd.DataFrame]:
    """Put series side by side and say what is wrong with each.

    Parameters
    ----------
    frame
        `series` (text), `step` (whole number), `value`; in any order.
    season
        Steps per year: 12 for months, 52 for weeks; 1 for none.
    last
        Step at which all series should end; None takes the latest of all.

    Returns
    -------
    Panel
        The series that can be forecast, in order of first appearance.
    DataFrame
        `series`, `problem` (of `REFUSED`: it is left out; of `NOTED`: it stays), `count` (steps
        concerned; for `ended` the steps since).

    Raises
    ------
    ParameterError
        When a column is absent, a value is no number or the season no positive one.
    """
    if absent := {"series", "step", "value"} - set(frame.columns):
        raise ParameterError(f"series need a column {sorted(absent)[0]!r}")
    if season < 1:
        raise ParameterError(f"season is {season!r}; it must be 1 or more steps")
    frame = _numbers(frame)
    newest = frame["step"].max()
    end = last if last is not None else 0 if pd.isna(newest) else int(newest)
    kept: dict[str, Array] = {}
    said: list[tuple[str, str, int]] = []
    for name, part in frame.groupby("series", sort=False):
        values, problems = _checked(part, end, season)
        said += [(str(name), problem, count) for problem, count in problems]
        if not any(problem in REFUSED for problem, _ in problems):
            kept[str(name)] = values
    panel = Panel(tuple(kept), tuple(kept.values()), season)
    return panel, pd.DataFrame(said, columns=["series", "problem", "count"])


def _numbers(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with steps and values as numbers; text that is none is refused by name."""
    for name in ("step", "value"):
        numbers = pd.to_numeric(frame[name], errors="coerce").astype("float64")
        wrong = numbers.isna() & frame[name].notna()
        if name == "step":
            wrong |= (numbers % 1 != 0) & numbers.notna()
        if wrong.any():
            row = frame[wrong].iloc[0]
            kind = "whole number" if name == "step" else "number"
            raise ParameterError(
                f"series {str(row['series'])!r} has {name} {str(row[name])!r}; it must be a {kind}"
            )
        frame = frame.assign(**{name: numbers})
    return frame


def _checked(part: pd.DataFrame, end: int, season: int) -> tuple[Array, list[tuple[str, int]]]:
    """Return one series step by step up to `end`, and what is to be said of it."""
    empty = np.array([], dtype="float64")
    known = part.dropna(subset=["step", "value"])
    infinite = int(np.isinf(known["value"]).sum())
    known = known[np.isfinite(known["value"]) & (known["step"] <= end)]
    notes = [("infinite", infinite)] if infinite else []
    if known.empty:
        return empty, [("no_values", len(part))]
    if twice := int(known["step"].duplicated().sum()):
        return empty, [("duplicated", twice)]
    first, newest = int(known["step"].min()), int(known["step"].max())
    if newest < end:
        return empty, [("ended", end - newest)]
    if len(known) < FEWEST:
        return empty, [("few", len(known))]
    steps = known.set_index("step")["value"].reindex(range(first, end + 1))
    missing = int(steps.isna().sum())
    if missing > MOST_GAPS * len(steps):
        return empty, [("gaps", missing)]
    values: Array = np.asarray(steps.interpolate(), dtype="float64")
    values, silences = _without_silence(values, season)
    if not len(values):
        return empty, silences
    return values, [*notes, *silences, *_notes(values, missing, season)]


def _without_silence(values: Array, season: int) -> tuple[Array, list[tuple[str, int]]]:
    """Return a series from where it begins; nothing of one that has ended or only just begun."""
    before, after = _silence(values), _silence(values[::-1])
    if after >= (_MONTH if season == _WEEK else max(season / 2, _LEAST_SILENCE)):
        return values[:0], [("ended", after)]
    begun = values[before:]
    if len(begun) < FEWEST:
        return values[:0], [("few", len(begun))]
    return begun, [("begins", before)] if before else []


def _silence(values: Array) -> int:
    """Count the zeros at the beginning that are no chance: the series had not begun.

    Were zeros there as common as among the other values, so many in a row would come in less
    than one case of a hundred.
    """
    sold = np.flatnonzero(values)
    if not len(sold):
        return 0
    rest = values[sold[0] + 1 :]
    usual = ((rest == 0).sum() + 1) / (len(rest) + 2)
    return int(sold[0]) if usual ** sold[0] < _CHANCE else 0


def _notes(values: Array, missing: int, season: int) -> list[tuple[str, int]]:
    found = {
        "filled": missing,
        "negative": int((values < 0).sum()),
        "zeros": int((values == 0).sum()),
        "constant": len(values) if np.ptp(values) == 0 else 0,
        "spikes": int(despiked(values, season)[1].sum()),
    }
    return [(problem, count) for problem, count in found.items() if count]


@dataclass(frozen=True)
class Scale:
    """The scale on which series are modelled: logarithmic for sizes, linear around zero.

    z = asinh(y / 2c) with c a tenth of the series' mean size. For values well above c it is the
    logarithm, so that seasons and errors are percentages; zeros and returns need no exception.
    """

    bend: Array

    def onto(self, panel: Panel) -> Panel:
        """Return the panel on this scale."""
        pairs = zip(panel.known, self.bend, strict=True)
        return replace(panel, known=tuple(np.arcsinh(y / (2 * c)) for y, c in pairs))

    def there(self, table: Array) -> Array:
        """Return a table (series x steps) on this scale."""
        result: Array = np.arcsinh(table / (2 * self.bend[:, None]))
        return result

    def back(self, table: Array) -> Array:
        """Return a table (series x steps) in the units of the series."""
        # a runaway member must not overflow: e^50 times the mean is absurd already
        result: Array = 2 * self.bend[:, None] * np.sinh(np.clip(table, -50, 50))
        return result


def scale_of(panel: Panel) -> Scale:
    """Return each series' own scale."""
    size = np.array([np.mean(np.abs(value)) if len(value) else 1.0 for value in panel.known])
    return Scale(np.where(size > 0, _BEND * size, 1.0))


def as_rows(panel: Panel, table: Array, name: str) -> pd.DataFrame:
    """Return a table (series x steps ahead) as rows `series`, `ahead`, `name`."""
    horizon = table.shape[1]
    columns: dict[str, Any] = {
        "series": np.repeat(np.array(panel.ids, dtype=object), horizon),
        "ahead": np.tile(np.arange(1, horizon + 1), len(panel)),
        name: table.ravel(),
    }
    return pd.DataFrame(columns)
