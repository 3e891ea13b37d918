"""What a text speaks of: themes as lists of words, judged where they are mentioned.

A theme is a name with words in both languages. Chinese is matched on segmented words first, so
that a word inside another one does not count, then on the characters where a word is longer than
what the segmenter knows; English on words and their beginnings. A text can speak of several
themes, and kindly of one and not of the other: each is judged by the clauses that mention it.
"""

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

_CLAUSE = re.compile(r"[,;.!?~…\n。；！？，]+|\s-+\s|但是|但|不过|可是| but | however ")
_WORD = re.compile(r"[a-z0-9]+(?:['’-][a-z0-9]+)*|[\u3400-\u9fff]+")
_NOTHING = frozenset(
    "的 了 是 我 你 他 她 它 们 我们 你们 他们 在 也 都 就 还 和 与 及 或 很 太 又 再 才 有 没 没有 不 这 那 这个 那个 什么 怎么 一个 一下 一些 "
    "一直 可以 因为 所以 但是 但 不过 而且 如果 就是 还是 已经 自己 时候 现在 今天 昨天 起来 出来 下来 上去 过来 觉得 感觉 真的 非常 比较 "
    "有点 一点 两个 三次 每次 以后 以前 之后 然后 这样 那样 这么 那么 只是 只有 只能 不能 不会 不是 不要 请 把 被 让 给 对 从 到 到了 着 过 吧 吗 呢 啊 哦 "
    "the a an and or but of to in on at for with from by is are was were be been being it its this that these those i you he she we they me us "
    "our your my his her their them as so not no do does did have has had will would can could should just very too also than then there here "
    "what when which who how all any some more most one two up out if about into over after before again only even still".split()
)


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
        Log-odds of praise of texts, such as `Sentiment.scores`.

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
            found = [theme.name for theme in themes if _speaks(spoken, theme)]
            rows += [(place, name, len(said)) for name in found]
            if found:
                said.append(clause)
    table = pd.DataFrame(rows, columns=["text", "theme", "clause"])
    if table.empty:
        return pd.DataFrame({"text": pd.Series(dtype="int64"), "theme": pd.Series(dtype=object),
                             "score": pd.Series(dtype="float64")})  # fmt: skip
    table["score"] = judge(said)[table["clause"].to_numpy()]
    summed = table.groupby(["text", "theme"], as_index=False)["score"].sum()
    whole = judge([texts[place] for place in summed["text"]])
    return summed.assign(score=summed["score"] + 0.5 * whole)


def clauses(text: str) -> list[str]:
    """Return the clauses of a text, normalised."""
    return [c.strip() for c in _CLAUSE.split(normalised(text)) if c and not c.isspace()]


def words_of(text: str) -> list[str]:
    """Return the words of a text that can name something: segmented, without filling words."""
    found = [
        word for word in _plain_words(normalised(text))
        if word not in _NOTHING and (len(word) > 1) and not word.isdigit()
    ]  # fmt: skip
    return found


def _speaks(spoken: frozenset[str], theme: Theme) -> bool:
    if not theme.words.isdisjoint(spoken):
        return True
    return bool(theme.stems) and any(word.startswith(theme.stems) for word in spoken)


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
    """Return words, and neighbours joined: what a theme's word may be cut into."""
    words = _plain_words(clause)
    joint = "" if not clause.isascii() else "_"
    pairs = [joint.join(words[i : i + n]) for n in (2, 3) for i in range(len(words) - n + 1)]
    return frozenset((*words, *pairs))


def shipped_names() -> frozenset[str]:
    """Return the names of the themes that come with the kit."""
    return frozenset(_shipped())


@cache
def _shipped() -> dict[str, tuple[str, ...]]:
    with (Path(__file__).parent / "lexicon" / "themes.toml").open("rb") as file:
        raw = tomllib.load(file)
    return {name: (*lists["zh"].split(), *lists["en"].split()) for name, lists in raw.items()}
