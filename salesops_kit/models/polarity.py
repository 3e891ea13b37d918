"""How kind a text is, by rule: own words, scored clause by clause.

Every clause sums its words of praise and complaint; a negation turns the next word round, a
degree makes it more or less. What follows a "but" weighs more than what stands before it, and
what is only wished for counts half; conclusions weigh most. A clause counts only so much, however
many words it piles up, and a complaint a little less than praise: what is named as the only fault
of something is more often praise. The score is the sum over clauses, damped by their number, so
that a long text is not surer for being long.
"""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from salesops_kit.models.text_clean import normalised, spoken_in

VALUES = {"very_good": 2.0, "good": 1.0, "bit_good": 0.4, "bad": -1.0, "very_bad": -2.0,
          "bit_bad": -0.4, "neither": 0.0}  # fmt: skip
_DEGREES = {"strong": 1.5, "weak": 0.7}
_TURNED = -0.8  # "not good" is a little less bad than "bad"
_UNBAD = -0.5  # "not bad" is but half good
_BEFORE, _AFTER = 0.8, 1.2  # weight of clauses before and after a "but"
_SAID_BEFORE = 0.5  # of what stands before it in the same clause
_MOST, _LEAST = 2.0, -1.5  # that one clause can count
_CONCEDED = 0.5
_WISHED, _CONCLUDED = 0.5, 1.5
_DENIED = 0.4
_TURNS = ("negation", "turn")
_FIRST, _LAST = 1.25, 1.1  # weight of the first and the last clause: conclusions stand there
_REACH = {"zh": 4, "en": 4}  # characters, words over which a negation or a degree reaches
_CLAUSE = re.compile(r"[,;.!?~…\n]+|[、。；！？，]+|\s-+\s")
_WORD = re.compile(r"[a-z0-9]+(?:['’-][a-z0-9]+)*|[^\w\s]+")


@dataclass(frozen=True)
class Words:
    """The words of one language: each with its value and role, and the beginnings of words."""

    entries: dict[str, tuple[float, str]]
    stems: dict[str, float]
    lengths: dict[str, tuple[int, ...]]


def polarity(text: str) -> float:
    """Return how kind a text is by its words: above 0 praise, below 0 complaint, 0 neither.

    Examples
    --------
    >>> polarity("价格合理，交货准时") > 0 > polarity("东西不错，但是交货太慢，再也不来了")
    True
    >>> polarity("Not helpful at all.") < 0 < polarity("No problems, works as promised.")
    True
    """
    return polarity_of(normalised(text))


def praise_and_complaint(plain: str) -> tuple[float, float]:
    """Return the sum of all words of praise and of all words of complaint in a normalised text."""
    language = spoken_in(plain)
    values = [value for clause in _CLAUSE.split(plain) if clause
              for _, _, value, _ in known_words(clause, language)]  # fmt: skip
    return sum(v for v in values if v > 0), -sum(v for v in values if v < 0)


def polarity_of(plain: str, language: str = "") -> float:
    """Return the `polarity` of a text that is `normalised` already, by the words of a language."""
    language = language or spoken_in(plain)
    scores = [_clause(clause, language) for clause in _CLAUSE.split(plain) if clause]
    weighed = _weighed(scores)
    known = len(weighed) - weighed.count(0.0)
    return sum(weighed) / known**0.5 if known else 0.0


def _weighed(scores: "list[tuple[float, str]]") -> list[float]:
    """Weigh clauses by what joins them."""
    weights = [1.0] * len(scores)
    for place, (_, role) in enumerate(scores):
        if role == "contrast":
            weights[place:] = [_AFTER] * (len(scores) - place)
            weights[:place] = [min(w, _BEFORE) for w in weights[:place]]
        elif role == "concession":
            weights[place] *= _CONCEDED
        elif role == "irrealis":
            weights[place] *= _WISHED
        elif role == "summary":
            weights[place] *= _CONCLUDED
    if len(weights) > 1:
        weights[0] *= _FIRST
        weights[-1] *= _LAST
    counted = [min(max(score, _LEAST), _MOST) for score, _ in scores]
    return [weight * score for weight, score in zip(weights, counted, strict=True)]


def _clause(clause: str, language: str) -> tuple[float, str]:
    """Return the sum of a clause and the role of what opens it."""
    total, factor, role, last, reach = 0.0, 1.0, "", 0, _REACH[language]
    turned = denied = False
    for place, end, value, what in known_words(clause, language):
        if place - last > reach:
            turned, factor = False, 1.0
        last = end
        if what in _TURNS:
            turned, denied = not turned, what == "negation"
        elif what in _DEGREES:
            factor *= _DEGREES[what]
        elif what:
            role = role or what
            total *= _SAID_BEFORE if what == "contrast" else 1.0
        elif value:
            total += factor * _worth(value, turned=turned)
            factor, turned = 1.0, False
    # a denial of something unknown is more often a complaint than not: "没有发票"
    return total - _DENIED * (turned and denied and language == "zh"), role


def _worth(value: float, *, turned: bool) -> float:
    if not turned:
        return value
    return value * (_TURNED if value > 0 else _UNBAD)


Known = tuple[int, int, float, str]  # where a word begins and ends, its value, its role


def known_words(clause: str, language: str) -> list[Known]:
    """Return the longest known words of a clause; places count characters (zh) or words (en)."""
    return _chinese(clause) if language == "zh" else _english(clause)


def _chinese(clause: str) -> list[Known]:
    words = lexicon("zh")
    entries, lengths = words.entries, words.lengths
    found: list[Known] = []
    place, end = 0, len(clause)
    while place < end:
        for length in lengths.get(clause[place], ()):
            entry = entries.get(clause[place : place + length])
            if entry:
                found.append((place, place + length, *entry))
                place += length
                break
        else:
            place += 1
    return found


def _english(clause: str) -> list[Known]:
    words = lexicon("en")
    entries, lengths = words.entries, words.lengths
    spoken = _WORD.findall(clause)
    found: list[Known] = []
    place, end = 0, len(spoken)
    while place < end:
        word = spoken[place]
        for length in lengths.get(word, ()):
            entry = entries.get("_".join(spoken[place : place + length]))
            if entry:
                break
        else:
            length, entry = 1, _by_stem(word)
        if entry:
            found.append((place, place + length, *entry))
        place += length
    return found


@lru_cache(maxsize=100_000)
def _by_stem(word: str) -> tuple[float, str] | None:
    stems = lexicon("en").stems
    for end in range(len(word), 2, -1):
        if word[:end] in stems:
            return stems[word[:end]], ""
    return None


@cache
def lexicon(language: str) -> Words:
    """Read the words of a language, `zh` or `en`."""
    with (Path(__file__).parent / "lexicon" / f"sentiment_{language}.toml").open("rb") as file:
        lists = {name: text.split() for name, text in tomllib.load(file).items()}
    entries: dict[str, tuple[float, str]] = {}
    for role in ("irrealis", "summary", "weak", "strong", "concession", "contrast", "negations"):
        entries |= dict.fromkeys(lists[role], (0.0, role.removesuffix("s")))
    roles = dict(entries)
    for name, value in VALUES.items():  # the later list wins: very_bad over bad, neither over all
        entries |= dict.fromkeys(lists[name], (value, ""))
    # what is both neither and a negation turns the next word and says nothing by itself: "没有"
    silent = {"negation": "turn"}
    entries |= {word: (0.0, silent.get(role, role)) for word, (_, role) in roles.items()
                if word in lists["neither"]}  # fmt: skip
    stems = {word[:-1]: entries[word][0] for word in entries if word[-1] == "*" and len(word) > 3}
    plain = {word: entry for word, entry in entries.items() if word[-1] != "*" or len(word) < 4}
    return Words(plain, stems, _lengths(plain, language))


def _lengths(words: Iterable[str], language: str) -> dict[str, tuple[int, ...]]:
    """Return per first character (zh) or word (en) how long the entries are, longest first."""
    found: dict[str, set[int]] = {}
    for word in words:
        parts = word if language == "zh" else word.split("_")
        found.setdefault(parts[0], set()).add(len(parts))
    return {first: tuple(sorted(sizes, reverse=True)) for first, sizes in found.items()}


def explained(text: str) -> list[tuple[str, float]]:
    """Return the words of a text that carry a value, and it: for a reader who asks why."""
    plain = normalised(text)
    language = spoken_in(plain)
    found = []
    for clause in _CLAUSE.split(plain):
        spoken = clause if language == "zh" else _WORD.findall(clause)
        joint = "" if language == "zh" else " "
        found += [(joint.join(spoken[place:end]), value)
                  for place, end, value, _ in known_words(clause, language) if value]  # fmt: skip
    return found
