"""Which words set texts apart, which come up and which fade, with alarms under control."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.errors import ParameterError

FALSE_ALARMS = 0.05  # of all that is tested in a period (Benjamini & Hochberg 1995)
FEWEST = 5  # texts with a word from which on it is looked at
_PRIOR = 100.0  # words of pseudo-texts, spread as in all texts together

Array = npt.NDArray[np.float64]


def text_counts(words: Sequence[Sequence[str]]) -> pd.Series:
    """Return in how many texts every word stands; one text counts a word once."""
    flat = [word for text in words for word in set(text)]
    return pd.Series(flat, dtype=object).value_counts().sort_index()


def keyness(these: pd.Series, others: pd.Series) -> pd.DataFrame:
    """Return how much more often words stand in some texts than in others.

    z = (log odds here - log odds there) / standard error, with a Dirichlet prior from all texts
    together (Monroe, Colaresi & Quinn 2008): rare words do not shout.

    Parameters
    ----------
    these, others
        In how many texts every word stands (`text_counts`).

    Returns
    -------
    DataFrame
        Per word, most telling first: `word`, `here`, `there`, `z`.
    """
    table = pd.DataFrame({"here": these, "there": others}).fillna(0.0)
    here, there = table["here"].to_numpy("float64"), table["there"].to_numpy("float64")
    if not len(table):
        return pd.DataFrame(columns=["word", "here", "there", "z"])
    pooled = here + there
    prior = np.maximum(_PRIOR * pooled / pooled.sum(), 0.01)
    total = prior.sum()

    def log_odds(counts: Array) -> Array:
        mine, rest = counts + prior, counts.sum() + total - counts - prior
        return np.asarray(np.log(mine / rest), dtype=np.float64)

    error = np.sqrt(1 / (here + prior) + 1 / (there + prior))
    table = table.assign(z=(log_odds(here) - log_odds(there)) / error)
    table = table.rename_axis("word").reset_index()
    return table.sort_values(["z", "word"], ascending=[False, True], ignore_index=True)


@dataclass(frozen=True)
class Watch:
    """Counts of one period against those of the periods before.

    `now`, `before`: in how many texts every word or theme stands; `texts_now`, `texts_before`: how
    many texts there are. Copies and repeated authors are to be taken out before.
    """

    now: pd.Series
    before: pd.Series
    texts_now: int
    texts_before: int


def changed(watch: Watch, *, false_alarms: float = FALSE_ALARMS) -> pd.DataFrame:
    """Return what comes up or fades against the periods before, alarms controlled together.

    Before, a share has a Gamma posterior with one half of a count as prior; now its count is then
    negative binomial. p is the chance of so many or more (fewer, when it fades); all words' p are
    adjusted together (Benjamini & Hochberg). Words in fewer than `FEWEST` texts of either side's
    expectation are not looked at.

    Returns
    -------
    DataFrame
        One row per word looked at, surest first: `word`, `now`, `before`, `share`, `share_before`,
        `ratio`, `p`, `q` (adjusted), `rises`, `alarm`.

    Raises
    ------
    ParameterError
        When the numbers of texts are negative.

    Examples
    --------
    >>> now, before = pd.Series({"leak": 14, "late": 20}), pd.Series({"leak": 8, "late": 160})
    >>> changed(Watch(now, before, 500, 4_000))[["word", "alarm"]].to_numpy().tolist()
    [['leak', True], ['late', False]]
    """
    if min(watch.texts_now, watch.texts_before) < 0:
        raise ParameterError("there cannot be fewer than no texts")
    table = pd.DataFrame({"now": watch.now, "before": watch.before}).fillna(0.0)
    expected = table["before"] * watch.texts_now / max(watch.texts_before, 1)
    table = table[(table["now"] >= FEWEST) | (expected >= FEWEST)]
    if table.empty or not watch.texts_before or not watch.texts_now:
        columns = ["word", "now", "before", "share", "share_before", "ratio", "p", "q", "rises",
                   "alarm"]  # fmt: skip
        return pd.DataFrame(columns=columns)
    now, before = table["now"].to_numpy("float64"), table["before"].to_numpy("float64")
    share, earlier = now / watch.texts_now, before / watch.texts_before
    p = _tail(now, before, watch.texts_now / watch.texts_before, rises=share >= earlier)
    found = table.rename_axis("word").reset_index().assign(
        share=share, share_before=earlier,
        ratio=share / np.maximum(earlier, 0.5 / watch.texts_before),
        p=p, q=adjusted(p), rises=share >= earlier,
    )  # fmt: skip
    found["alarm"] = found["q"] <= false_alarms
    return found.sort_values(["p", "word"], ignore_index=True)


def adjusted(p: Array) -> Array:
    """Return Benjamini & Hochberg's adjusted p: the error rate at which each is still found."""
    order = np.argsort(p, kind="stable")[::-1]
    ranks = np.arange(len(p), 0, -1)
    found = np.empty(len(p))
    found[order] = np.minimum.accumulate(p[order] * len(p) / ranks)
    return np.minimum(found, 1.0)


def _tail(now: Array, before: Array, exposure: float, *, rises: npt.NDArray[np.bool_]) -> Array:
    """Return the chance of the count now or a further one, given the counts before."""
    from scipy.stats import nbinom

    chance = 1 / (1 + exposure)
    above = nbinom.sf(now - 1, before + 0.5, chance)
    below = nbinom.cdf(now, before + 0.5, chance)
    return np.asarray(np.where(rises, above, below), dtype=np.float64)
