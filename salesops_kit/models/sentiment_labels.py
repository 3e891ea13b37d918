"""A company's own scores put to use: as labels, where that is proven to help, and as an audit.

Thirty texts, drawn at random and read, are an audit: they put probabilities and shares right. Two
hundred and more teach words. They are added to what is known without them, never instead of it; how
much is learnt is chosen on texts held out, and used only where it judges those better than before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from salesops_kit.errors import ParameterError
from salesops_kit.models.ngrams import Matrix, Small, counted, rarity_of, weighed
from salesops_kit.models.polarity import praise_and_complaint
from salesops_kit.models.sentiment import Array, Sentiment, logistic
from salesops_kit.models.text_clean import normalised

FEWEST = 50  # scored texts from which on learning from them is tried
FEWEST_OF_CLASS = 8
CONFIDENCE = 0.9
_FOLDS, _CLIP, _WEIGHT = 5, 2.5, 0.5
# how freely words may be learnt; 0: the cut point and the slope alone
_LEARNT = (0.0, 1.0, 4.0, 16.0)
_DENSE = 7  # features beside n-grams; the last is what was known
_FREE = 3.0  # of what was known before, which is hardly held back
_SURE = 2.0  # standard errors that a gain must have
_SHIFT, _SLOPE = 0.8, 0.3  # by which log-odds are usually off: all of them, and per unit

Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Proof:
    """What texts held out say: whether the scores help, and how much.

    `before`, `after`: macro-F1 without and with the scores; `gain`: by which the logarithmic loss
    falls, with its standard `error`; `classes_gain` and `classes_error`: the same of macro-F1, over
    resamples. Scores are used when either gain is above two of its errors and macro-F1 is not
    lower.
    """

    n: int
    before: float
    after: float
    gain: float
    error: float
    classes_gain: float
    classes_error: float

    @property
    def helps(self) -> bool:
        """Tell whether the scores are used."""
        clear = self.gain > _SURE * self.error or self.classes_gain > _SURE * self.classes_error
        return clear and self.after >= self.before

    @property
    def separates(self) -> bool:
        """Tell whether the scores tell classes apart better, not only cut them elsewhere.

        Scores that stand beside texts are those of a customer, who may praise with 7 of 10: their
        share of good ones is not that of praise, and a fall of the loss alone proves nothing.
        """
        return self.classes_gain > _SURE * self.classes_error


@dataclass(frozen=True)
class Taught:
    """A judge that has learnt from scores.

    `classes`: the labels, sorted; `weights`: one column per class, the last rows for what the judge
    said before, in units of `spread`, and for how much praise and complaint there is; `cut`: of two
    classes, the probability from which on a text is of the second.
    """

    base: Sentiment
    classes: Labels
    rarity: Small
    weights: Small
    offsets: Array
    spread: float
    cut: float = 0.5

    def probabilities(self, texts: Sequence[str]) -> Array:
        """Return per text the probability of every class, columns as `classes`."""
        features = _features(texts, self.rarity, self.base.scores(texts) / self.spread)
        return _shares(features @ self.weights.astype(np.float64) + self.offsets)

    def praise(self, texts: Sequence[str]) -> Array:
        """Return of two classes how surely a text is of the second, 0.5 at the cut."""
        share = np.clip(self.probabilities(texts)[:, 1], 1e-6, 1 - 1e-6)
        odds = share / (1 - share) * (1 - self.cut) / self.cut
        return np.asarray(odds / (1 + odds), dtype=np.float64)

    def judged(self, texts: Sequence[str]) -> Labels:
        """Return per text its class: of two, cut where both are told apart best."""
        return _classes(self.probabilities(texts), self.classes, self.cut)


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

    Notes
    -----
    What was known is a feature that is hardly held back, so that few scores set the cut point and
    the slope, and many teach words; how freely is chosen by the logarithmic loss held out.
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
    place = np.searchsorted(classes, given)
    tried = {freely: _held_out(features, place, freely) for freely in _LEARNT}
    best = min(tried, key=lambda freely: float(_loss(tried[freely], place).mean()))
    cut = best_cut(tried[best][:, 1]) if len(classes) == 2 else 0.5
    proof = _proof(place, scores, tried[best], cut)
    weights, offsets = _fitted(features, place, best)
    learnt = Taught(base, classes, rarity, weights.astype(np.float32), offsets, spread, cut)
    return learnt, proof


def best_cut(probabilities: Array) -> float:
    """Return the probability at which two classes are cut for the highest expected macro-F1.

    Where one class is rare, a cut at one half hides it: F1 is highest at half its own value
    (Lipton, Elkan & Naryanaswamy 2014). Right as far as the probabilities are.

    Examples
    --------
    >>> rare = np.array([0.05] * 80 + [0.4] * 20)
    >>> best_cut(rare) < 0.4
    True
    """
    order = np.sort(probabilities)
    n, second = len(order), float(order.sum())
    rest = np.arange(n - 1, 0, -1)  # texts above each possible cut
    hits = second - np.cumsum(order)[:-1]
    others = np.cumsum(1 - order)[:-1]
    macro = hits / (rest + second) + others / (2 * n - rest - second)
    macro = np.where(order[1:] > order[:-1], macro, -1.0)  # equal ones cannot be parted
    if not (macro > 0).any():
        return 0.5
    place = int(macro.argmax())
    return float((order[place] + order[place + 1]) / 2)


def calibrated(
    probabilities: Array, audited: npt.NDArray[np.int64], labels: npt.NDArray[np.float64]
) -> Array:
    """Return probabilities of praise put right on texts that were drawn at random and read.

    log-odds = intercept + slope * log-odds (Platt 1999), the likeliest ones, drawn towards 0 and 1
    with standard deviations of 0.8 and 0.3, so that thirty texts do not shout. Whom the judge
    found kinder than whom stays; only the cut point and the certainty move.

    Parameters
    ----------
    probabilities
        Of praise, for all texts.
    audited, labels
        Positions of the texts that somebody read; 1 where they are praise, 0 where complaint, 0.5
        where neither.

    Examples
    --------
    >>> p = np.array([0.9, 0.7, 0.3, 0.1] * 25)  # of those said to be 0.3 all are praise
    >>> calibrated(p, np.arange(40), np.array([1, 1, 1, 0] * 10))[:4].round(2).tolist()
    [0.99, 0.93, 0.62, 0.23]
    """
    from scipy.optimize import minimize

    share = np.clip(probabilities, 1e-6, 1 - 1e-6)
    odds = np.log(share / (1 - share))
    mine = odds[audited]

    def surprise(line: Array) -> float:
        said = line[0] + line[1] * mine
        loss = np.logaddexp(0, said) - labels * said
        return float(loss.sum() + (line[0] / _SHIFT) ** 2 / 2 + ((line[1] - 1) / _SLOPE) ** 2 / 2)

    line = minimize(surprise, np.array([0.0, 1.0]), method="BFGS").x
    return logistic(line[0] + max(float(line[1]), 0.0) * odds)


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
    dense = np.column_stack([np.abs(known), said, silent, asks, calls])
    dense = _WEIGHT * np.clip(dense, -2 * _CLIP, 2 * _CLIP)
    dense = np.column_stack([dense, np.clip(known, -_CLIP, _CLIP)])
    return hstack([weighed(counted(plain), rarity), csr_matrix(dense)], format="csr")


def _fitted(features: Matrix, place: Labels, freely: float) -> tuple[Array, Array]:
    """Return weights and offsets, one column per class.

    Of three classes the middle one is rare and would be said to be none, so that there every class
    weighs the same.
    """
    from sklearn.linear_model import LogisticRegression

    size = features.shape[1]
    count = int(place.max()) + 1
    few = _DENSE if count == 3 else 1  # three classes need to know what words there are
    columns = _repeated(features) if freely else np.arange(size - few, size)
    chosen = features[:, columns]
    scale = np.where(columns == size - 1, _FREE, 1.0)
    model = LogisticRegression(C=freely or 1.0, max_iter=100, tol=1e-3,
                               class_weight="balanced" if count == 3 else None)  # fmt: skip
    model.fit(chosen.multiply(scale).tocsr(), place)
    weights, offsets = np.zeros((size, len(model.coef_))), model.intercept_
    weights[columns] = (model.coef_ * scale).T
    if count == 2:
        weights = np.hstack([-weights / 2, weights / 2])
        offsets = np.r_[-offsets / 2, offsets / 2]
    return weights, offsets


def _repeated(features: Matrix) -> npt.NDArray[np.int64]:
    """Return the columns that more than one text has; of the others nothing can be learnt."""
    seen = np.bincount(features.indices, minlength=features.shape[1])
    seen[-_DENSE:] = 2
    return np.flatnonzero(seen > 1)


def _held_out(features: Matrix, place: Labels, freely: float) -> Array:
    """Return the probabilities of every class by folds that have not seen the text."""
    fold = np.empty(len(place), dtype=np.int64)
    for one in np.unique(place):  # every class in every fold
        fold[place == one] = np.arange((place == one).sum()) % _FOLDS
    found = np.zeros((len(place), int(place.max()) + 1))
    for one in range(_FOLDS):
        weights, offsets = _fitted(features[fold != one], place[fold != one], freely)
        found[fold == one] = _shares(features[fold == one] @ weights + offsets)
    return found


def _shares(scores: Array) -> Array:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    found: Array = raised / raised.sum(axis=1, keepdims=True)
    return found


def _loss(shares: Array, place: Labels) -> Array:
    """Return the logarithmic loss of every text."""
    found: Array = -np.log(np.maximum(shares[np.arange(len(place)), place], 1e-6))
    return found


def _classes(shares: Array, classes: Labels, cut: float) -> Labels:
    if len(classes) == 2:
        return np.asarray(classes[(shares[:, 1] > cut).astype(int)])
    return np.asarray(classes[shares.argmax(axis=1)])


def _unlearnt(scores: Array, count: int) -> Array:
    """Return what the judge said before: of three classes, unsure is the middle one."""
    praise = logistic(scores)
    if count == 2:
        return np.column_stack([1 - praise, praise])
    middle = np.clip(1.1 - 2 * np.abs(praise - 0.5), 0.02, None)
    return np.column_stack([1 - praise, middle, praise]) / (1 + middle)[:, None]


def _proof(place: Labels, scores: Array, after: Array, cut: float) -> Proof:
    before, ids = _unlearnt(scores, after.shape[1]), np.arange(after.shape[1])
    old, new = _classes(before, ids, 0.5), _classes(after, ids, cut)
    rng, gains = np.random.default_rng(0), []
    for _ in range(200):
        drawn = rng.integers(0, len(place), len(place))
        if len(np.unique(place[drawn])) == len(ids):
            gains.append(macro_f1(place[drawn], new[drawn]) - macro_f1(place[drawn], old[drawn]))
    less = _loss(before, place) - _loss(after, place)
    was, is_now = macro_f1(place, old), macro_f1(place, new)
    return Proof(len(place), was, is_now, float(less.mean()), float(less.std()) / len(place) ** 0.5,
                 is_now - was, float(np.std(gains)))  # fmt: skip
