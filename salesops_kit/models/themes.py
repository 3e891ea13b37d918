"""What a text speaks of: themes as lists of words, judged where they are mentioned.

A theme is a name with words in both languages. Chinese is matched on segmented words first, so
that a word inside another one does not count, then on the characters where a word is longer than
what the segmenter knows; English on words and their beginnings. A text can speak of several
themes, and kindly of one and not of the other: each is judged by the clauses that mention it.
"""

import itertools
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.models.text_clean import language_of, normalised

_LONGEST = 6  # characters of a Chinese word
_CLAUSE = re.compile(r"[,;.!?~…\n。；！？，]+|\s-+\s|但是|但|不过|可是| but | however ")
_WORD = re.compile(r"[a-z0-9]+(?:['’-][a-z0-9]+)*|[\u3400-\u9fff]+")


@dataclass(frozen=True)
class Theme:
    """A name, the words that stand for it and the beginnings of words."""

    name: str
    words: frozenset[str]
    stems: tuple[str, ...] = ()


def themes_of(own: Mapping[str, Sequence[str]] | None = None) -> list[Theme]:
    """Return the kit's themes and a company's own; words of an own theme join one of that name.

    Examples
    --------
    >>> [theme.name for theme in themes_of({"cold_chain": ["冷链", "cold chain"]})][-1]
    'cold_chain'
    """
    lists = {name: list(words) for name, words in _shipped().items()}
    for name, words in (own or {}).items():
        lists.setdefault(name, []).extend(normalised(word).replace(" ", "_") for word in words)
    return [
        Theme(name, frozenset(w for w in words if w[-1] != "*"),
              tuple(w[:-1] for w in words if w[-1] == "*"))
        for name, words in lists.items()
    ]  # fmt: skip


def mentions(
    texts: Sequence[str],
    themes: Sequence[Theme],
    judge: Callable[[Sequence[str]], npt.NDArray[np.float64]],
) -> pd.DataFrame:
    """Return which themes every text speaks of and how kindly.

    Parameters
    ----------
    texts
        As they are, or masked.
    themes
        Of `themes_of`.
    judge
        Log-odds of praise of texts, such as `Sentiment.evidence`.

    Returns
    -------
    DataFrame
        One row per text and theme mentioned: `text` (position), `theme`, `score`: log-odds of
        praise of the clauses that mention it, helped by the whole text where they say little.
    """
    rows = []
    said: list[str] = []
    for place, text in enumerate(texts):
        for clause in clauses(text):
            spoken = _segmented(clause)
            names = [theme.name for theme in themes if _speaks(spoken, theme)]
            rows += [(place, name, len(said)) for name in names]
            if names:
                said.append(clause)
    table = pd.DataFrame(rows, columns=["text", "theme", "clause"])
    if table.empty:
        return pd.DataFrame({"text": pd.Series(dtype="int64"), "theme": pd.Series(dtype=object),
                             "score": pd.Series(dtype="float64")})  # fmt: skip
    table["score"] = judge(said)[table["clause"].to_numpy()]
    summed = table.groupby(["text", "theme"], as_index=False)["score"].sum()
    whole = judge([texts[place] for place in summed["text"]])
    found: pd.DataFrame = summed.assign(score=summed["score"] + 0.5 * whole)
    return found


def clauses(text: str) -> list[str]:
    """Return the clauses of a text, normalised."""
    return [c.strip() for c in _CLAUSE.split(normalised(text)) if c and not c.isspace()]


def words_of(text: str) -> list[str]:
    """Return the words of a text that can name something: segmented, without filling words."""
    filling = _filling()
    return [
        word for word in _plain_words(normalised(text))
        if word not in filling and len(word) > 1 and not word.isdigit()
    ]  # fmt: skip


def _speaks(spoken: frozenset[str], theme: Theme) -> bool:
    if not theme.words.isdisjoint(spoken):
        return True
    return bool(theme.stems) and any(word.startswith(theme.stems) for word in spoken)


@cache
def _filling() -> frozenset[str]:
    with (Path(__file__).parent / "lexicon" / "stopwords.toml").open("rb") as file:
        return frozenset(tomllib.load(file)["words"].split())


@cache
def _segmenter() -> Callable[[str], list[str]]:
    import rjieba

    cut: Callable[[str], list[str]] = rjieba.cut
    return cut


def _plain_words(plain: str) -> list[str]:
    if plain.isascii() or language_of(plain) == "en":
        return _WORD.findall(plain)
    return [word for word in _segmenter()(plain) if _WORD.fullmatch(word)]


def _segmented(clause: str) -> frozenset[str]:
    """Return all that begins where a word begins: the segmenter may join or part a theme's word."""
    words = _plain_words(clause)
    if clause.isascii():
        pairs = ["_".join(words[i : i + n]) for n in (2, 3) for i in range(len(words) - n + 1)]
        return frozenset((*words, *pairs))
    line = "".join(words)
    begins = [0, *itertools.accumulate(map(len, words[:-1]))]
    return frozenset((*words, *(line[b : b + n] for b in begins for n in range(1, _LONGEST + 1))))


def shipped_names() -> frozenset[str]:
    """Return the names of the themes that come with the kit."""
    return frozenset(_shipped())


@cache
def _shipped() -> dict[str, tuple[str, ...]]:
    with (Path(__file__).parent / "lexicon" / "themes.toml").open("rb") as file:
        raw = tomllib.load(file)
    return {name: (*lists["zh"].split(), *lists["en"].split()) for name, lists in raw.items()}
