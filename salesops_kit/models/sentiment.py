"""How kind texts are, without a label: own words teach a linear model the company's language.

The words of `polarity` judge what they know. A linear model of character n-grams learns from the
clearly judged rows of the company itself, never from its own rows (cross-fitted), and so picks up
what the words do not know: "三次才修好", product names, slang. Its scale is anchored to the words',
so that rounds cannot drift; the sum of both is the score. The company's own scores, where there
are some, correct it (`sentiment_labels`). Nothing is shipped trained, nothing is random, and what
is written to disk is numbers, no code.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from salesops_kit.errors import ParameterError
from salesops_kit.models.polarity import polarity_of
from salesops_kit.models.text_clean import language_of, normalised

FEWEST = 200  # texts of a language from which on a company's own language is learnt
MOST = 4_000  # texts that are learnt from; more change little
LANGUAGES = ("zh", "en")
MOODS = ("negative", "unsure", "positive")
UNSURE = 0.2  # around an even chance, within which a text is called unsure

_BITS, _LENGTHS, _SEEN = 18, (1, 3), 1_500
_WORDS = 2.0  # log-odds per point of the words
_STUDENT, _HALF = 4.0, 400  # most that the student weighs; clear rows of a side for half of it
_HEAT = 1.8  # by which the sum overstates what it knows
_TAUGHT, _STRENGTH, _ROUNDS, _FOLDS, _CLEAR = 1.5, 4.0, 2, 3, 0.2
_CHUNK = 5_000
_ALONE = 1.1  # log-odds per point of the words where nothing was learnt

Array = npt.NDArray[np.float64]
Small = npt.NDArray[np.float32]
Matrix = Any  # scipy.sparse.csr_matrix, which has no type of its own


@dataclass(frozen=True)
class Learnt:
    """What was learnt of one language.

    `rarity` and `weights`: per hashed n-gram; `offset`, `slope`, `anchor`: from the sum to the log-
    odds of the words, the less the fewer clear texts of the rarer side there were; `texts`: how
    many were learnt from.
    """

    rarity: Small
    weights: Small
    offset: float
    slope: float
    anchor: float
    texts: int

    def scores(self, matrix: Matrix) -> Array:
        """Return the student's part of the score, from counts of n-grams."""
        raw = weighed(matrix, self.rarity) @ self.weights.astype(np.float64) + self.offset
        return np.asarray(self.anchor + self.slope * raw, dtype=np.float64)


@dataclass(frozen=True)
class Sentiment:
    """A judge of texts: per language what was learnt, or None where words alone judge."""

    learnt: dict[str, Learnt | None]

    def scores(self, texts: Sequence[str]) -> Array:
        """Return log-odds that a text is praise, above 0, or complaint, below 0.

        Any number of texts in bounded memory: a few thousand are looked at at once.
        """
        parts = [self._chunk(chunk) for chunk in _chunks(texts)]
        return np.concatenate([np.empty(0), *parts])

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return the probability that a text is praise, 0-1."""
        return logistic(self.scores(texts))

    def _chunk(self, texts: Sequence[str]) -> Array:
        plain = [normalised(text) for text in texts]
        words = np.array([polarity_of(text) for text in plain])
        spoken = np.array([_spoken(text) for text in plain])
        found = _ALONE * words
        for language, learnt in self.learnt.items():
            mine = np.flatnonzero(spoken == language)
            if learnt is not None and len(mine):
                part = learnt.scores(counted([plain[i] for i in mine]))
                found[mine] = (_WORDS * words[mine] + part) / _HEAT
        return found

    def card(self) -> dict[str, Any]:
        """Return what a reader of a stored model must know."""
        texts = {name: part.texts if part else 0 for name, part in self.learnt.items()}
        return {
            "what": "log-odds of praise against complaint in Chinese and English texts",
            "learnt_from": "the company's own unlabelled texts; no public corpus",
            "texts": texts,
            "format": 1,
        }

    def write(self, folder: Path) -> None:
        """Write numbers (`sentiment.npz`) and model card (`sentiment.json`) into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        arrays: dict[str, Any] = {}
        for language, part in self.learnt.items():
            if part is not None:
                arrays |= {f"{language}_{name}": value for name, value in asdict(part).items()}
        np.savez_compressed(folder / "sentiment.npz", **arrays)
        text = json.dumps(self.card(), indent=2, ensure_ascii=False)
        (folder / "sentiment.json").write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Sentiment":
        """Read what `write` wrote; numbers only, nothing in the file can run.

        Raises
        ------
        ParameterError
            When the folder holds no such model.
        """
        try:
            with np.load(folder / "sentiment.npz", allow_pickle=False) as file:
                arrays = dict(file)
        except (OSError, ValueError) as error:
            raise ParameterError(f"{folder} holds no sentiment model: {error}") from error
        return cls({language: _read(arrays, language) for language in LANGUAGES})


def fit_sentiment(texts: Sequence[str]) -> Sentiment:
    """Learn how a company's customers praise and complain, from texts without labels.

    Parameters
    ----------
    texts
        As they are; each language learns from its own, of which there must be `FEWEST`. Of more
        than `MOST` every k-th is taken.

    Notes
    -----
    Scores are log-odds against the words' own judgement, divided by a constant set on development
    texts; probabilities are roughly right without labels and are made right with some
    (`sentiment_labels.calibrated`).

    Examples
    --------
    >>> judge = fit_sentiment([])
    >>> judge.scores(["交货准时，服务好", "Too late and rude"]).round(1).tolist()
    [1.8, -1.6]
    """
    plain = list(dict.fromkeys(normalised(text) for text in texts))
    spoken = np.array([_spoken(text) for text in plain])
    learnt: dict[str, Learnt | None] = {}
    for language in LANGUAGES:
        mine = [plain[i] for i in np.flatnonzero(spoken == language)]
        learnt[language] = _learn(mine) if len(mine) >= FEWEST else None
    return Sentiment(learnt)


def moods(probabilities: Array, unsure: float = UNSURE) -> npt.NDArray[np.str_]:
    """Return negative, unsure or positive for probabilities of praise."""
    away = probabilities - 0.5
    return np.array(MOODS)[np.where(np.abs(away) < unsure, 1, np.where(away > 0, 2, 0))]


def logistic(scores: Array) -> Array:
    """Return the probability that log-odds stand for."""
    found: Array = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
    return found


def counted(plain: Sequence[str]) -> Matrix:
    """Return which hashed character n-grams every normalised text holds."""
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer = HashingVectorizer(analyzer="char", ngram_range=_LENGTHS, n_features=1 << _BITS,
                                   alternate_sign=False, norm=None, binary=True)  # fmt: skip
    return vectorizer.transform([text[:_SEEN] for text in plain])


def rarity_of(matrix: Matrix) -> Small:
    """Return per n-gram the logarithm of how rare it is (smoothed inverse document frequency)."""
    seen = np.asarray(matrix.sum(axis=0)).ravel()
    rare = np.log((1 + matrix.shape[0]) / (1 + seen)) + 1
    return np.asarray(rare, dtype=np.float32)


def weighed(matrix: Matrix, rarity: Small) -> Matrix:
    """Return the n-grams weighed by rarity, every text of length 1."""
    from sklearn.preprocessing import normalize

    scaled = matrix.copy()
    scaled.data = rarity[matrix.indices].astype(np.float64)
    return normalize(scaled, copy=False)


def _learn(plain: Sequence[str]) -> Learnt | None:
    """Teach a student in rounds; None where the words see but one side."""
    step = -(-len(plain) // MOST)
    chosen = plain[::step]
    words = _TAUGHT * np.array([polarity_of(text) for text in chosen])
    matrix = counted(chosen)
    rarity = rarity_of(matrix)
    # only n-grams that occur are fitted: the same weights, in a tenth of the time
    occurring = np.unique(matrix.indices)
    features = weighed(matrix, rarity)[:, occurring]
    target, found = words, None
    for _ in range(_ROUNDS):
        if not _both_sides(target):
            return None
        slope, anchor = _anchored(_cross_fitted(features, target), words)
        weights, offset = _student(features, target)
        every = np.zeros(1 << _BITS, dtype=np.float32)
        every[occurring] = weights
        weight = _weight(words)
        found = Learnt(rarity, every, offset, weight * slope, weight * anchor, len(chosen))
        target = words + _STUDENT * (anchor + slope * _cross_fitted(features, target))
    return found


def _weight(words: Array) -> float:
    """Return how much a student may say: little where one side was hardly seen."""
    clear = words[np.abs(np.tanh(words / 2)) > _CLEAR]
    fewer = min(int((clear > 0).sum()), int((clear < 0).sum()))
    return _STUDENT * fewer / (fewer + _HALF)


def _both_sides(target: Array) -> bool:
    clear = np.abs(np.tanh(target / 2)) > _CLEAR
    fold = np.arange(len(target)) % _FOLDS
    return all(len(set((target[clear & (fold != one)] > 0).tolist())) == 2 for one in range(_FOLDS))


def _student(features: Matrix, target: Array) -> tuple[Array, float]:
    """Fit a balanced logistic regression to the clear rows, each as heavy as it is clear."""
    from sklearn.linear_model import LogisticRegression

    weight = np.abs(np.tanh(target / 2))
    clear = np.flatnonzero(weight > _CLEAR)
    model = LogisticRegression(C=_STRENGTH, max_iter=60, tol=1e-3, class_weight="balanced")
    model.fit(features[clear], target[clear] > 0, sample_weight=weight[clear])
    return model.coef_[0], float(model.intercept_[0])


def _cross_fitted(features: Matrix, target: Array) -> Array:
    """Judge every row by a student that has not seen it."""
    fold = np.arange(len(target)) % _FOLDS
    found = np.zeros(len(target))
    for one in range(_FOLDS):
        rest, mine = np.flatnonzero(fold != one), np.flatnonzero(fold == one)
        weights, offset = _student(features[rest], target[rest])
        found[mine] = features[mine] @ weights + offset
    return found


def _anchored(student: Array, words: Array) -> tuple[float, float]:
    """Return slope and intercept that turn the student's score into the words' log-odds."""
    from sklearn.linear_model import LogisticRegression

    good = logistic(words)
    model = LogisticRegression(C=1e3)
    ends = np.repeat([1, 0], len(words))
    model.fit(np.r_[student, student][:, None], ends, sample_weight=np.r_[good, 1 - good])
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def _spoken(plain: str) -> str:
    return "zh" if not plain.isascii() and language_of(plain) in ("zh", "other") else "en"


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK))


def _read(arrays: dict[str, Any], language: str) -> Learnt | None:
    if f"{language}_weights" not in arrays:
        return None
    values = {name: arrays[f"{language}_{name}"] for name in Learnt.__dataclass_fields__}
    numbers = {name: float(values[name]) for name in ("offset", "slope", "anchor")}
    return Learnt(values["rarity"], values["weights"], **numbers, texts=int(values["texts"]))
