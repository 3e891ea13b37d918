"""Free themes: what texts speak of beyond any list, named by their telling words.

Non-negative matrix factorisation of the words of texts, several times on other parts of the texts:
a theme is kept when the parts agree on its words.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.models.keyness import keyness, text_counts

FEWEST = 100  # texts below which no themes are sought
STABLE = 0.5  # from which on a theme is one
_RARE, _TOP, _PARTS = 3, 8, 4

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Topics:
    """Themes found in texts.

    `table`: `topic`, `texts`, `topic_words`, `stability`; `place`: per text the topic it speaks of
    most, -1 for none.
    """

    table: pd.DataFrame
    place: npt.NDArray[np.int64]


def topics_of(words: Sequence[Sequence[str]], count: int) -> Topics:
    """Find so many themes in texts given as lists of words, the most frequent first.

    Parameters
    ----------
    words
        Per text its words (`themes.words_of`).
    count
        Themes to look for.

    Notes
    -----
    Words in fewer than `_RARE` texts are left out. Deterministic: the factorisation begins from a
    singular value decomposition (Boutsidis & Gallopoulos 2008). Names are log-odds of the theme's
    texts against all others. `stability` is the share of a theme's words that the nearest theme
    found in three quarters of the texts has too, on average over the quarters left out.
    """
    columns = ["topic", "texts", "topic_words", "stability"]
    counts = text_counts(words)
    known = {word: place for place, word in enumerate(counts.index[counts >= _RARE])}
    if len(words) < FEWEST or len(known) < 2 * count:
        return Topics(pd.DataFrame(columns=columns), np.full(len(words), -1))
    matrix = _matrix(words, known)
    shares, parts = _factored(matrix, count)
    place = np.where(shares.max(axis=1) > 0, shares.argmax(axis=1), -1)
    stability = _stability(matrix, parts, count)
    rows = []
    for topic in range(count):
        mine = [words[int(i)] for i in np.flatnonzero(place == topic)]
        rest = [words[int(i)] for i in np.flatnonzero(place != topic)]
        table = keyness(text_counts(mine), text_counts(rest)) if mine else pd.DataFrame()
        named = ", ".join(table["word"].head(_TOP)) if len(table) else ""
        rows.append((topic, len(mine), named, stability[topic]))
    table = pd.DataFrame(rows, columns=columns).sort_values(["texts", "topic"],
                                                            ascending=[False, True])  # fmt: skip
    return Topics(table.reset_index(drop=True), place)


def _matrix(words: Sequence[Sequence[str]], known: dict[str, int]) -> Any:
    from scipy.sparse import csr_matrix
    from sklearn.feature_extraction.text import TfidfTransformer

    rows = [row for row, text in enumerate(words) for word in set(text) if word in known]
    columns = [known[word] for text in words for word in set(text) if word in known]
    ones = np.ones(len(rows))
    counts = csr_matrix((ones, (rows, columns)), shape=(len(words), len(known)))
    return TfidfTransformer(sublinear_tf=True).fit_transform(counts)


def _factored(matrix: Any, count: int) -> tuple[Array, Array]:
    import warnings

    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    model = NMF(count, init="nndsvda", random_state=0, max_iter=300, tol=1e-3)
    with warnings.catch_warnings():  # close enough: themes are read, not computed with
        warnings.simplefilter("ignore", ConvergenceWarning)
        shares = model.fit_transform(matrix)
    return shares, model.components_


def _stability(matrix: Any, parts: Array, count: int) -> Array:
    """Refit without every k-th text; how many top words the nearest theme shares, on average."""
    mine = _top(parts)
    found = np.zeros((count, _PARTS))
    for left_out in range(_PARTS):
        kept = np.flatnonzero(np.arange(matrix.shape[0]) % _PARTS != left_out)
        others = _top(_factored(matrix[kept], count)[1])
        for topic, words in enumerate(mine):
            found[topic, left_out] = max(len(words & other) / _TOP for other in others)
    return np.asarray(found.mean(axis=1), dtype=np.float64)


def _top(parts: Array) -> list[set[int]]:
    return [set(np.argsort(-row, kind="stable")[:_TOP].tolist()) for row in parts]
