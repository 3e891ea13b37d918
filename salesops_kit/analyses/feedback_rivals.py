"""Rivals that customers name: how often, how kindly, and quarter by quarter.

A rival is a name that stands in a deal or in the settings; a text names it when it holds one of its
spellings. Texts say what customers weigh; the picklist of lost deals what reps write down.
"""

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.feedback_texts import Texts, read_texts
from salesops_kit.metrics.engine import collect
from salesops_kit.models.intervals import wilson
from salesops_kit.periods import Period, period_containing, periods_until
from salesops_kit.workspace import Workspace

QUARTERS = 6
COLUMNS = {
    "rivals": ["rival", "texts", "kind_texts", "unkind_texts", "texts_before"],
    "quarters": ["quarter", "rival", "texts", "named", "share", "lower", "upper", "kind_texts",
                 "unkind_texts"],
}  # fmt: skip


def rival_names(workspace: Workspace) -> dict[str, tuple[str, ...]]:
    """Return rivals and how they are spelt, from lost deals and the settings."""
    own = workspace.settings.feedback.rivals
    frame = workspace.table("deals")
    found: list[str] = []
    if "competitor" in frame.collect_schema().names():
        values = collect(frame.select("competitor").unique(), ["competitor"])["competitor"]
        found = [str(value) for value in values.dropna() if len(str(value)) > 2]
    return {name: (name, *own.get(name, ())) for name in sorted({*found, *own})}


def rivals_named(workspace: Workspace, texts: Texts, recent: Period) -> pd.DataFrame:
    """Return how often rivals are named in the recent days, kindly and not, and before them.

    Returns
    -------
    DataFrame
        Per rival named at all, most often first: `texts`, of these `kind_texts` and
        `unkind_texts`; `texts_before`.
    """
    now = _inside(texts, recent)
    then = texts.rows["counts"].to_numpy("bool") & ~now
    rows = []
    for rival, named in _named(workspace, texts).items():
        rows.append((rival, *_moods(texts, named & now), int((named & then).sum())))
    table = pd.DataFrame(rows, columns=COLUMNS["rivals"])
    table = table[(table["texts"] > 0) | (table["texts_before"] > 0)]
    return table.sort_values(["texts", "rival"], ascending=[False, True], ignore_index=True)


def rivals_by_quarter(
    workspace: Workspace, *, period: Period, texts: Texts | None = None
) -> pd.DataFrame:
    """Return in what share of each quarter's texts every rival is named.

    Parameters
    ----------
    period
        The last quarter is that of its last day; of a quarter under way, the days until then.
    texts
        Texts of these `QUARTERS` (`read_texts`); None reads them.

    Returns
    -------
    DataFrame
        One row per quarter with texts and rival named in any of them, oldest first: `texts` (all
        that count), `named`, `share` with `lower` and `upper` (Wilson, 90 %), `kind_texts`,
        `unkind_texts`.
    """
    quarters = periods_until(period_containing(period.last, "quarter", period.calendar), QUARTERS)
    end = period.last + timedelta(days=1)
    if texts is None:
        texts = read_texts(workspace, span=Period("", quarters[0].start, end, "year"))
    every = {rival: named for rival, named in _named(workspace, texts).items() if named.any()}
    rows = []
    for quarter in quarters:
        inside = _inside(texts, Period("", quarter.start, min(quarter.end, end), "quarter"))
        n = int(inside.sum())
        for rival, named in every.items() if n else ():
            hits, kind, unkind = _moods(texts, named & inside)
            rows.append(
                (quarter.label, rival, n, hits, hits / n, *wilson(hits, n), kind, unkind)
            )  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS["quarters"])


def _named(workspace: Workspace, texts: Texts) -> dict[str, npt.NDArray[np.bool_]]:
    """Mark per rival the texts that name it."""
    return {
        rival: np.array([any(s.lower() in text for s in spellings) for text in texts.plain], bool)
        for rival, spellings in rival_names(workspace).items()
    }


def _inside(texts: Texts, span: Period) -> npt.NDArray[np.bool_]:
    rows = texts.rows
    inside = rows["counts"] & rows["day"].between(span.start_day, span.end_day - 1)
    return np.asarray(inside, dtype=bool)


def _moods(texts: Texts, chosen: npt.NDArray[np.bool_]) -> tuple[int, int, int]:
    mood = texts.rows["mood"].to_numpy(object)[chosen]
    return len(mood), int((mood == "positive").sum()), int((mood == "negative").sum())
