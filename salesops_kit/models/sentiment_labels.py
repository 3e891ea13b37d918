"""A company's own scores put to use: as labels, where that is proven to help, and as an audit.

Fifty scores are an audit: they tell how far probabilities and shares are off. Two hundred and more
teach. What they teach is used only where it judges texts it has not seen better than before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from salesops_kit.errors import ParameterError
from salesops_kit.models.polarity import praise_and_complaint
from salesops_kit.models.sentiment import (
    Array,
    Sentiment,
    Small,
    counted,
    logistic,
    rarity_of,
    weighed,
)
from salesops_kit.models.text_clean import normalised

FEWEST = 50  # scored texts from which on learning from them is tried
FEWEST_OF_CLASS = 8
CONFIDENCE = 0.9
_FOLDS, _STRENGTH, _CLIP, _WEIGHT = 5, 4.0, 2.5, 0.5

Labels = npt.NDArray[Any]
Matrix = Any


@dataclass(frozen=True)
class Proof:
    """What cross-validation says: macro-F1 without and with the scores, and whether to use them.

    `gain` with its standard error over resamples of the texts; used when the gain is above
    two of them.
    """

    n: int
    before: float
    after: float
    gain: float
    error: float

    @property
    def helps(self) -> bool:
        """Tell whether the scores are used."""
        return self.gain > 2 * self.error


@dataclass(frozen=True)
class Taught:
    """A judge that has learnt from scores.

    `classes`: the labels, sorted; `weights`: one column per class, the last rows for what the judge
    said before, in units of `spread`, and for how much praise and complaint there is.
    """

    base: Sentiment
    classes: Labels
    rarity: Small
    weights: Small
    offsets: Array
    spread: float

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return per text the probability of every class, columns as `classes`."""
        features = _features(texts, self.rarity, self.base.scores(texts) / self.spread)
        return _shares(features @ self.weights.astype(np.float64) + self.offsets)


def taught(base: Sentiment, texts: Sequence[str], labels: Sequence[Any]) -> tuple[Taught, Proof]:
    """Learn from scored texts, and prove on folds whether it helps.

    Parameters
    ----------
    base
        What judges without labels.
    texts, labels
        Scored texts; labels are two or three classes, sorted from bad to good: 0 and 1, or
        negative, neutral, positive as 0, 1, 2.

    Raises
    ------
    ParameterError
        When there are fewer than `FEWEST` texts, or `FEWEST_OF_CLASS` of a class.
    """
    given = np.asarray(labels)
    classes, sizes = np.unique(given, return_counts=True)
    if len(given) < FEWEST or len(classes) not in (2, 3) or sizes.min() < FEWEST_OF_CLASS:
        raise ParameterError(
            f"{len(given)} scored texts of {len(classes)} classes; "
            f"learning needs {FEWEST}, of two or three classes with {FEWEST_OF_CLASS} each"
        )
    scores = base.scores(texts)
    spread = float(np.std(scores)) or 1.0
    rarity = _rarity(base, texts)
    features = _features(texts, rarity, scores / spread)
    fold = np.arange(len(given)) % _FOLDS
    judged = np.empty(len(given), dtype=given.dtype)
    for one in range(_FOLDS):
        weights, offsets = _fitted(features[fold != one], given[fold != one], classes)
        held = _shares(features[fold == one] @ weights + offsets)
        judged[fold == one] = classes[held.argmax(axis=1)]
    proof = _proof(given, _unlearnt(scores, classes), judged)
    weights, offsets = _fitted(features, given, classes)
    return Taught(base, classes, rarity, weights.astype(np.float32), offsets, spread), proof


def calibrated(scores: Array, labels: Labels) -> tuple[float, float]:
    """Return slope and intercept that make log-odds right on audited texts (Platt 1999).

    Parameters
    ----------
    scores
        Log-odds of praise of the audited texts.
    labels
        1 where they are praise, else 0.
    """
    from sklearn.linear_model import LogisticRegression

    if len(set(labels.tolist())) < 2:
        return 1.0, 0.0
    # the penalty of one observation keeps a handful of texts from shouting
    model = LogisticRegression(C=1.0).fit(scores[:, None], labels)
    return float(model.coef_[0, 0]), float(model.intercept_[0])


def audited_share(
    probabilities: Array, audited: npt.NDArray[np.int64], labels: Labels
) -> tuple[float, float, float]:
    """Return the share of praise among all texts, with interval, from a random audited sample.

    share = mean(p) over all + mean(label - p) over the sample (difference estimator; Angelopoulos
    et al. 2023 call it prediction-powered): right on average however wrong the model is, and
    narrower than the sample alone where the model is good.

    Parameters
    ----------
    probabilities
        Of praise, for all texts.
    audited, labels
        Positions of the texts that somebody read, and 1 where they are praise.

    Examples
    --------
    >>> p = np.array([0.9, 0.8, 0.2, 0.1] * 25)
    >>> share, lower, upper = audited_share(p, np.arange(40), np.array([1, 1, 0, 0] * 10))
    >>> round(share, 2), round(upper - lower, 2)
    (0.5, 0.06)
    """
    n, everything = len(audited), len(probabilities)
    if n < 2:
        return float("nan"), float("nan"), float("nan")
    off = labels - probabilities[audited]
    share = float(probabilities.mean() + off.mean())
    variance = float(off.var(ddof=1)) / n * (1 - n / everything)
    half = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * variance**0.5
    return min(max(share, 0.0), 1.0), max(0.0, share - half), min(1.0, share + half)


def calibration_error(probabilities: Array, labels: Labels, bins: int = 10) -> float:
    """Return how far stated probabilities are off, in classes of equal width, weighed by size."""
    place = np.minimum((probabilities * bins).astype(int), bins - 1)
    off = np.bincount(place, weights=probabilities - labels, minlength=bins)
    return float(np.abs(off).sum() / len(probabilities))


def macro_f1(labels: Labels, judged: Labels) -> float:
    """Return the mean over classes of the harmonic mean of precision and recall."""
    classes = np.unique(labels)
    found = []
    for one in classes:
        hits = float(((labels == one) & (judged == one)).sum())
        found.append(2 * hits / float((labels == one).sum() + (judged == one).sum()))
    return float(np.mean(found))


def _rarity(base: Sentiment, texts: Sequence[str]) -> Small:
    """Return the rarity of n-grams in the language that most was learnt of, else in these texts."""
    known = [part for part in base.learnt.values() if part is not None]
    if known:
        return max(known, key=lambda part: part.texts).rarity
    return rarity_of(counted([normalised(text) for text in texts]))


def _features(texts: Sequence[str], rarity: Small, known: Array) -> Matrix:
    """Return n-grams beside what the judge said, how surely, and what words it stands on."""
    from scipy.sparse import csr_matrix, hstack

    plain = [normalised(text) for text in texts]
    said = np.array([praise_and_complaint(text) for text in plain]).reshape(-1, 2)
    asks = np.array(["?" in text for text in plain]) * 1.0
    calls = np.array(["!" in text for text in plain]) * 1.0
    silent = (said.sum(axis=1) == 0) * 1.0
    dense = np.column_stack([2 * known, np.abs(known), said, silent, asks, calls])
    dense = _WEIGHT * np.clip(dense, -2 * _CLIP, 2 * _CLIP)
    return hstack([weighed(counted(plain), rarity), csr_matrix(dense)], format="csr")


def _fitted(features: Matrix, labels: Labels, classes: Labels) -> tuple[Array, Array]:
    """Return weights and offsets, one column per class.

    Of three classes the middle one is rare and would be said to be none, so that there every class
    weighs the same.
    """
    from sklearn.linear_model import LogisticRegression

    balance = "balanced" if len(classes) == 3 else None
    occurring = np.unique(features.indices)
    model = LogisticRegression(C=_STRENGTH, max_iter=300, class_weight=balance)
    model.fit(features[:, occurring], labels)
    weights, offsets = np.zeros((features.shape[1], len(model.coef_))), model.intercept_
    weights[occurring] = model.coef_.T
    if len(classes) == 2:
        weights = np.hstack([-weights / 2, weights / 2])
        offsets = np.r_[-offsets / 2, offsets / 2]
    return weights, offsets


def _shares(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Array = raised / raised.sum(axis=1, keepdims=True)
    return found


def _unlearnt(scores: Array, classes: Labels) -> Labels:
    """Return what the judge said before: of three classes, unsure is the middle one."""
    if len(classes) == 2:
        return np.asarray(classes[(scores > 0).astype(int)])
    away = logistic(scores) - 0.5
    return np.asarray(classes[np.where(np.abs(away) < 0.2, 1, np.where(away > 0, 2, 0))])


def _proof(labels: Labels, before: Labels, after: Labels) -> Proof:
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(200):
        drawn = rng.integers(0, len(labels), len(labels))
        if len(np.unique(labels[drawn])) == len(np.unique(labels)):
            gains.append(macro_f1(labels[drawn], after[drawn])
                         - macro_f1(labels[drawn], before[drawn]))  # fmt: skip
    old, new = macro_f1(labels, before), macro_f1(labels, after)
    return Proof(len(labels), old, new, new - old, float(np.std(gains)))
