"""How kind a text is, by rule: own words, scored clause by clause.

Every clause sums its words of praise and complaint; a negation turns the next word round, a
degree makes it more or less. What follows a "but" weighs more than what stands before it, and
what is only wished for counts half. The score is the sum over clauses, damped by their number, so
that a long text is not surer for being long.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from salesops_kit.models.text_clean import language_of, normalised

VALUES = {"very_good": 2.0, "good": 1.0, "bit_good": 0.4, "bad": -1.0, "very_bad": -2.0,
          "bit_bad": -0.4, "neither": 0.0}  # fmt: skip
_DEGREES = {"strong": 1.5, "weak": 0.7}
_TURNED = -0.8  # "not good" is a little less bad than "bad"
_UNBAD = -0.5  # "not bad" is but half good
_BEFORE, _AFTER = 0.5, 1.4  # weight of clauses before and after a "but"
_WISHED = 0.5
_LAST = 1.25  # weight of the last clause: conclusions stand there
_REACH = {"zh": 4, "en": 4}  # characters, words over which a negation reaches
_LONGEST_PHRASE = 5  # words of an English phrase
_CLAUSE = re.compile(r"[,;.!?~…\n]+|[、。；！？，]+|\s-+\s")
_WORD = re.compile(r"[a-z0-9]+(?:['’-][a-z0-9]+)*|[^\w\s]+")


@dataclass(frozen=True)
class Words:
    """The words of one language and what each does: a value, or the name of a role."""

    values: dict[str, float]
    roles: dict[str, str]
    stems: dict[str, float] = field(default_factory=dict)
    lengths: dict[str, tuple[int, ...]] = field(default_factory=dict)


def polarity(text: str) -> float:
    """Return how kind a text is by its words: above 0 praise, below 0 complaint, 0 neither.

    Examples
    --------
    >>> polarity("价格合理，交货准时") > 0 > polarity("东西不错，但是交货太慢，再也不来了")
    True
    >>> polarity("Not helpful at all.") < 0 < polarity("No problems, works as promised.")
    True
    """
    plain = normalised(text)
    language = "zh" if language_of(plain) in ("zh", "other") else "en"
    clauses = [c for c in _CLAUSE.split(plain) if c and not c.isspace()]
    # exclamations and question marks go with the clause they end
    scores = [_clause(clause, language) for clause in clauses]
    weighed = _weighed(scores)
    known = sum(1 for score in weighed if score)
    return sum(weighed) / known**0.5 if known else 0.0


def _weighed(scores: "list[tuple[float, str]]") -> list[float]:
    """Weigh clauses by what joins them."""
    weights = [1.0] * len(scores)
    for place, (_, role) in enumerate(scores):
        if role == "contrast":
            weights[place:] = [_AFTER] * (len(scores) - place)
            weights[:place] = [min(w, _BEFORE) for w in weights[:place]]
        elif role == "concession":
            weights[place] *= _BEFORE
        elif role == "irrealis":
            weights[place] *= _WISHED
    if len(weights) > 1:
        weights[-1] *= _LAST
    return [weight * score for weight, (score, _) in zip(weights, scores, strict=True)]


def _clause(clause: str, language: str) -> tuple[float, str]:
    """Return the sum of a clause and the role of what opens it."""
    total, factor, turned, role, gap = 0.0, 1.0, False, "", 0
    for word, value, what in tokens(clause, language):
        if what == "negation":
            turned, gap = not turned, 0
        elif what in _DEGREES:
            factor *= _DEGREES[what]
        elif what:
            role = role or what
            total *= _BEFORE if what == "contrast" else 1.0
        elif value:
            total += factor * _worth(value, turned=turned)
            factor, turned = 1.0, False
        else:
            gap += len(word) if language == "zh" else 1
            if gap > _REACH[language]:
                turned, factor = False, 1.0
    return total - 0.4 * turned * (language == "zh"), role


def _worth(value: float, *, turned: bool) -> float:
    if not turned:
        return value
    return value * (_TURNED if value > 0 else _UNBAD)


def tokens(clause: str, language: str) -> Iterable[tuple[str, float, str]]:
    """Yield the longest known words of a clause: word, value, role; unknown ones with neither."""
    return _chinese(clause) if language == "zh" else _english(clause)


def _chinese(clause: str) -> Iterable[tuple[str, float, str]]:
    words = lexicon("zh")
    place, end = 0, len(clause)
    while place < end:
        for length in words.lengths.get(clause[place], ()):
            piece = clause[place : place + length]
            if piece in words.values:
                yield piece, words.values[piece], ""
                break
            if piece in words.roles:
                yield piece, 0.0, words.roles[piece]
                break
        else:
            length = 1
            yield clause[place], 0.0, ""
        place += length


def _english(clause: str) -> Iterable[tuple[str, float, str]]:
    words = lexicon("en")
    found = [word.replace("’", "'") for word in _WORD.findall(clause)]
    place, end = 0, len(found)
    while place < end:
        for length in range(min(_LONGEST_PHRASE, end - place), 0, -1):
            piece = "_".join(found[place : place + length])
            value = _english_value(piece)
            if value is not None:
                yield piece, value, ""
                break
            if piece in words.roles:
                yield piece, 0.0, words.roles[piece]
                break
        else:
            length = 1
            yield found[place], 0.0, ""
        place += length


@lru_cache(maxsize=100_000)
def _english_value(piece: str) -> float | None:
    words = lexicon("en")
    if piece in words.values:
        return words.values[piece]
    for end in range(len(piece), 3, -1):
        if piece[:end] in words.stems and "_" not in piece[end:]:
            return words.stems[piece[:end]]
    return None


@cache
def lexicon(language: str) -> Words:
    """Read the words of a language, `zh` or `en`."""
    with (Path(__file__).parent / "lexicon" / f"sentiment_{language}.toml").open("rb") as file:
        entries = {name: text.split() for name, text in tomllib.load(file).items()}
    roles = {word: role for role in ("contrast", "concession", "irrealis", "strong", "weak")
             for word in entries[role]}  # fmt: skip
    roles |= dict.fromkeys(entries["negations"], "negation")
    values: dict[str, float] = {}
    for name in VALUES:  # the later list wins: very_bad over bad, neither over all
        values |= dict.fromkeys(entries[name], VALUES[name])
    stems = {w[:-1]: v for w, v in values.items() if w.endswith("*") and len(w) > 3}
    plain = {w: v for w, v in values.items() if not (w.endswith("*") and len(w) > 3)}
    return Words(plain, {w: r for w, r in roles.items() if w not in plain}, stems,
                 _lengths([*plain, *roles]))  # fmt: skip


def _lengths(words: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """Return per first character the lengths of its words, longest first."""
    found: dict[str, set[int]] = {}
    for word in words:
        found.setdefault(word[0], set()).add(len(word))
    return {first: tuple(sorted(sizes, reverse=True)) for first, sizes in found.items()}


def explained(text: str) -> list[tuple[str, float]]:
    """Return the words of a text that carry a value, as read: for a reader who asks why."""
    plain = normalised(text)
    language = "zh" if language_of(plain) in ("zh", "other") else "en"
    found: list[tuple[str, float]] = []
    for clause in _CLAUSE.split(plain):
        found += [(word.replace("_", " "), value)
                  for word, value, _ in tokens(clause, language) if value]  # fmt: skip
    return found


Any_ = Any
