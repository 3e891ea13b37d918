"""How kind texts are, without a label: own words teach a linear model the company's language.

The words of `polarity` judge what they know. Linear models of character n-grams learn from the
clearly judged rows of the company itself, each from rows that it does not judge, and so pick up
what the words do not know: "三次才修好", product names, slang. Their scale is anchored to the
words', so that rounds cannot drift; the sum of both weighs what a text says, as if praise and
complaint were equally common. How common they are in the company is told from all its texts and
added. The company's own scores, where there are some, correct it (`sentiment_labels`). Nothing is
shipped trained, nothing is random, and what is written to disk is numbers, no code.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from salesops_kit.errors import ParameterError
from salesops_kit.models.ngrams import BITS, Matrix, Small, counted, rarity_of, weighed
from salesops_kit.models.polarity import polarity_of
from salesops_kit.models.text_clean import normalised, spoken_in

FEWEST = 30  # texts of a language from which on a company's own language is learnt
MOST = 4_000  # texts that are learnt from; more change little
LANGUAGES = ("zh", "en")
MOODS = ("negative", "unsure", "positive")
UNSURE = 0.2  # around an even chance, within which a text is called unsure

_WORDS, _ALONE = 1.1, 2.0  # log-odds per point of the words, beside a student and without one
_TAUGHT = 1.5  # the same for a student that learns from them, who is told apart by many texts
_STUDENT, _HALF = 2.2, 100  # most that the student weighs; clear rows of a side for half of it
_USUAL_HALF = 200  # clear rows of a side for which the share of praise is half believed
_SUREST = 5.0  # log-odds that no text passes: some are marked by mistake, or mean the opposite
_STRENGTH, _ROUNDS, _FOLDS, _CLEAR = 2.0, 2, 5, 0.2
_AGAIN = 4.0  # what the first student weighs beside the words when it teaches the second
_HELD = 3  # texts that must hold an n-gram for it to be learnt
_EVEN = 100  # texts, half of them praise, that stand beside a company's when shares are told
_STEPS, _STILL = 200, 1e-5  # of the search for that share, and when it ends
_CHUNK = 4_096

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Learnt:
    """What was learnt of one language.

    There are `_FOLDS` students, and none has seen the texts it judges: a text belongs to a fold by
    its letters, and its student learnt from the others. `rarity`: per hashed n-gram; `weights`: per
    n-gram and student; `offsets`: per student, in log-odds; `words`: log-odds per point of the
    words, fewer the more the students know; `usual`: log-odds of praise in the company, to be added
    where whole texts are judged; `texts`: how many were learnt from.
    """

    rarity: Small
    weights: Small
    offsets: Array
    words: float
    usual: float
    texts: int

    def evidence(self, plain: Sequence[str], words: Array) -> Array:
        """Return what normalised texts say, by the students and by the polarity of their words."""
        every = weighed(counted(plain), self.rarity) @ self.weights + self.offsets
        heard = every[np.arange(len(plain)), folds_of(plain)]
        return _bounded(self.words * words + np.asarray(heard, dtype=np.float64))


@dataclass(frozen=True)
class Sentiment:
    """A judge of texts: per language what was learnt, or None where words alone judge."""

    learnt: dict[str, Learnt | None]

    def scores(self, texts: Sequence[str]) -> Array:
        """Return log-odds that a text is praise, above 0, or complaint, below 0.

        Any number of texts in bounded memory: a few thousand are looked at at once.
        """
        parts = [said + usual for said, usual in map(self._chunk, _chunks(texts))]
        return np.concatenate([np.empty(0), *parts])

    def evidence(self, texts: Sequence[str]) -> Array:
        """Return what texts say by themselves: log-odds were praise as common as complaint.

        For parts of texts: what is usual of texts is not so of every clause.
        """
        return np.concatenate(
            [np.empty(0), *(said for said, _ in map(self._chunk, _chunks(texts)))]
        )

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return the probability that a text is praise, 0-1."""
        return logistic(self.scores(texts))

    def _chunk(self, texts: Sequence[str]) -> tuple[Array, Array]:
        """Return what texts say, and what is usual where they come from."""
        plain = [normalised(text) for text in texts]
        spoken = np.array([spoken_in(text) for text in plain])
        words = np.array(list(map(polarity_of, plain, spoken.tolist())))
        said, usual = _bounded(_ALONE * words), np.zeros(len(texts))
        for language, learnt in self.learnt.items():
            mine = np.flatnonzero(spoken == language)
            if learnt is not None and len(mine):
                said[mine] = learnt.evidence([plain[i] for i in mine], words[mine])
                usual[mine] = learnt.usual
        return said, usual

    def card(self) -> dict[str, Any]:
        """Return what a reader of a stored model must know."""
        texts = {name: part.texts if part else 0 for name, part in self.learnt.items()}
        return {
            "what": "log-odds of praise against complaint in Chinese and English texts",
            "learnt_from": "the company's own unlabelled texts; no public corpus",
            "texts": texts,
            "format": 3,
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
            return cls({language: _read(arrays, language) for language in LANGUAGES})
        except KeyError as error:
            raise ParameterError(
                f"{folder}/sentiment.npz is of another version, it has no {error}; learn it anew"
            ) from error
        except (OSError, ValueError) as error:
            raise ParameterError(f"{folder} holds no sentiment model: {error}") from error


def fit_sentiment(texts: Sequence[str]) -> Sentiment:
    """Learn how a company's customers praise and complain, from texts without labels.

    Parameters
    ----------
    texts
        As they are; each language learns from its own, of which there must be `FEWEST`. Of more
        than `MOST` every k-th is taken.

    Notes
    -----
    Probabilities are roughly right without labels and are made right with some
    (`sentiment_labels.calibrated`). How common praise is, is told from the scores themselves, as
    Saerens, Latinne and Decaestecker (2002, Neural Computation 14) correct a classifier where
    classes are more or less common than where it was taught; the words know no such share.

    Examples
    --------
    >>> judge = fit_sentiment([])
    >>> judge.scores(["交货准时，服务好", "Too late and rude"]).round(1).tolist()
    [2.9, -2.7]
    """
    plain = list(dict.fromkeys(normalised(text) for text in texts))
    spoken = np.array([spoken_in(text) for text in plain])
    learnt: dict[str, Learnt | None] = {}
    for language in LANGUAGES:
        mine = [plain[i] for i in np.flatnonzero(spoken == language)]
        learnt[language] = _learn(mine, language) if len(mine) >= FEWEST else None
    return Sentiment(learnt)


def moods(probabilities: Array, unsure: float = UNSURE) -> npt.NDArray[np.str_]:
    """Return negative, unsure or positive for probabilities of praise."""
    away = probabilities - 0.5
    return np.array(MOODS)[np.where(np.abs(away) < unsure, 1, np.where(away > 0, 2, 0))]


def logistic(scores: Array) -> Array:
    """Return the probability that log-odds stand for."""
    found: Array = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
    return found


def _learn(plain: list[str], language: str) -> Learnt | None:
    """Teach students in rounds, who speak together; None where the words see but one side."""
    chosen = plain[:: -(-len(plain) // MOST)]
    words = np.array([polarity_of(text, language) for text in chosen])
    matrix = counted(chosen)
    rarity = rarity_of(matrix, _HELD)
    held = np.flatnonzero(rarity)
    features = weighed(matrix, rarity)[:, held]
    fold, taught = folds_of(chosen), _TAUGHT * words
    weights, offsets, target = np.zeros((len(held), _FOLDS)), np.zeros(_FOLDS), taught
    for _ in range(_ROUNDS):
        if not (len(held) and _both_sides(target, fold)):
            return None
        students, biases = _students(features, target, fold)
        unseen = (features @ students + biases)[np.arange(len(fold)), fold]
        slope, anchor = _anchored(unseen, taught)
        weights += slope * students / _ROUNDS
        offsets += (anchor + slope * biases) / _ROUNDS
        target = taught + _AGAIN * (anchor + slope * unseen)
    fewer = _fewer(taught)
    believed = fewer / (fewer + _HALF)
    every = np.zeros((1 << BITS, _FOLDS), dtype=np.float32)
    every[held] = _STUDENT * believed * weights
    learnt = Learnt(
        rarity, every, _STUDENT * believed * offsets,
        words=_ALONE - (_ALONE - _WORDS) * believed, usual=0.0, texts=len(chosen),
    )  # fmt: skip
    usual = usual_of(learnt.evidence(chosen, words))
    return replace(learnt, usual=usual * fewer**2 / (fewer**2 + _USUAL_HALF**2))


def usual_of(evidence: Array) -> float:
    """Return the log-odds of praise among texts, told from what each of them says by itself.

    The share of praise that makes the texts likeliest (EM), beside `_EVEN` texts of which half are
    praise, so that few texts do not run away.
    """
    share, odds = 0.5, 0.0
    for _ in range(_STEPS):
        before = share
        share = (logistic(evidence + odds).sum() + _EVEN / 2) / (len(evidence) + _EVEN)
        odds = float(np.log(share / (1 - share)))
        if abs(share - before) < _STILL:
            break
    return odds


def _bounded(evidence: Array) -> Array:
    """Return log-odds that come near `_SUREST` but never pass it."""
    return np.asarray(_SUREST * np.tanh(evidence / _SUREST), dtype=np.float64)


def folds_of(plain: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the fold of every normalised text: the same wherever it stands."""
    sums = [crc32(text.encode("utf-8", "surrogatepass")) for text in plain]
    return np.array(sums, dtype=np.int64) % _FOLDS


def _clear(target: Array) -> npt.NDArray[np.bool_]:
    return np.abs(np.tanh(target / 2)) > _CLEAR


def _fewer(target: Array) -> int:
    """Return of how many texts the rarer side is clear."""
    clear = target[_clear(target)]
    return min(int((clear > 0).sum()), int((clear < 0).sum()))


def _both_sides(target: Array, fold: npt.NDArray[np.int64]) -> bool:
    return all(_fewer(target[fold != one]) > 0 for one in range(_FOLDS))


def _students(
    features: Matrix, target: Array, fold: npt.NDArray[np.int64]
) -> tuple[Array, npt.NDArray[np.float64]]:
    """Teach one student per fold, from the texts of the others; weights and offset of each.

    A balanced logistic regression of the clear texts, each as heavy as it is clear.
    """
    from sklearn.linear_model import LogisticRegression

    weight, clear = np.abs(np.tanh(target / 2)), _clear(target)
    weights, offsets = np.zeros((features.shape[1], _FOLDS)), np.zeros(_FOLDS)
    for one in range(_FOLDS):
        mine = np.flatnonzero(clear & (fold != one))
        model = LogisticRegression(C=_STRENGTH, max_iter=60, tol=1e-3, class_weight="balanced")
        model.fit(features[mine], target[mine] > 0, sample_weight=weight[mine])
        weights[:, one], offsets[one] = model.coef_[0], model.intercept_[0]
    return weights, offsets


def _anchored(student: Array, words: Array) -> tuple[float, float]:
    """Return slope and intercept that turn the student's score into the words' log-odds.

    A student that contradicts the words where it has not learnt from them is not listened to.
    """
    from sklearn.linear_model import LogisticRegression

    good = logistic(words)
    model = LogisticRegression(C=1e3)
    ends = np.repeat([1, 0], len(words))
    model.fit(np.r_[student, student][:, None], ends, sample_weight=np.r_[good, 1 - good])
    slope = float(model.coef_[0, 0])
    return (slope, float(model.intercept_[0])) if slope > 0 else (0.0, 0.0)


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK))


def _read(arrays: dict[str, Any], language: str) -> Learnt | None:
    if f"{language}_weights" not in arrays:
        return None
    values = {name: arrays[f"{language}_{name}"] for name in Learnt.__dataclass_fields__}
    words, usual = float(values.pop("words")), float(values.pop("usual"))
    return Learnt(**values | {"words": words, "usual": usual, "texts": int(values["texts"])})
