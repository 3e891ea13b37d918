"""The gates of reading texts: new issues, copies, languages, themes, privacy, complaints."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from salesops_kit.models.keyness import Watch, changed, text_counts
from salesops_kit.models.text_clean import FEWEST, copies, language_of, normalised
from salesops_kit.models.themes import words_of
from salesops_kit.models.topics import topics_of
from truth.complaint_worlds import TIED, claimed, tie_found
from truth.gates import Gate
from truth.private_texts import recall_and_touched
from truth.text_worlds import THEMES, edited, is_planted, write

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
WEEK, BASE_WEEKS, PASTED = 500, 8, 25
PLANTED, SHOWN = 0.02, 0.03
MUTUAL = 0.60  # normalised mutual information that ten planted themes must reach
NEAR_FOUND, LANGUAGE_RIGHT = 0.95, 0.99
HIDDEN, TOUCHED = 0.97, 0.01


@dataclass(frozen=True)
class TextSizes:
    """How many worlds each gate sees."""

    calm: int = 100
    planted: int = 64
    pasted: int = 40
    topics: int = 10
    copies: int = 10
    private: int = 10
    untied: int = 200
    tied: int = 50


@dataclass(frozen=True)
class Alerts:
    """Words called new in a week: how many false ones, whether a planted one, whether it leads.

    Of a pasted week `false` counts those alone that the paste brings.
    """

    false: int
    found: bool
    leads: bool


def text_gates(spread: Spread, first: int, sizes: TextSizes) -> list[Gate]:
    """Measure reading texts."""
    seen = {
        name: spread(work, range(first + begin, first + begin + n))
        for name, begin, work, n in (
            ("calm", 140_000, calm_week, sizes.calm),
            ("planted", 141_000, planted_week, sizes.planted),
            ("shown", 142_000, shown_week, sizes.planted),
            ("pasted", 143_000, pasted_week, sizes.pasted),
            ("topics", 144_000, mutual_information, sizes.topics),
            ("copies", 145_000, copies_and_languages, sizes.copies),
            ("private", 146_000, recall_and_touched, sizes.private),
            ("untied", 147_000, claimed, sizes.untied),
            ("tied", 148_000, tie_found, sizes.tied),
        )
    }
    return [gate for gate in gates(seen) if gate.worlds]


def gates(seen: dict[str, list[Any]]) -> list[Gate]:
    """Judge what was seen, one list per question."""
    calm, planted, shown = seen["calm"], seen["planted"], seen["shown"]
    pasted, rest, near = seen["pasted"], seen["topics"], seen["copies"]
    weeks = f"{WEEK} texts in the week, {BASE_WEEKS} weeks before it"
    return [
        Gate("words that come up: false ones per calm week",
             f"Words called new where nothing is ({weeks}); all words of a week together are "
             "tested at 5 %.", sum(a.false for a in calm), len(calm), highest=0.25),
        Gate(f"… a new issue in {PLANTED:.0%} of texts is found in its first week",
             "An issue whose words nobody used before.", sum(a.found for a in planted),
             len(planted), lowest=7 / 8),
        Gate(f"… and at {SHOWN:.0%} its word comes first", "The surest word is one of the issue's.",
             sum(a.leads for a in shown), len(shown), lowest=0.9),
        Gate(f"… one text pasted {PASTED} times raises at most one",
             "Copies are counted once before words are. Words that the same week without the paste "
             "calls new are chance, not the paste, and are left to the first gate.",
             sum(a.false <= 1 for a in pasted), len(pasted), lowest=1.0),
        Gate("free themes: mutual information at least 0.60",
             "Ten planted themes, 1,500 texts; normalised mutual information of themes found.",
             sum(value >= MUTUAL for value in rest), len(rest), lowest=0.9),
        Gate("copies with 5 % of characters changed are found", "At least 95 % of them.",
             sum(found >= NEAR_FOUND for found, _ in near), len(near), lowest=1.0),
        Gate("language of short texts", "At least 99 % right on texts of at most 12 characters.",
             sum(right >= LANGUAGE_RIGHT for _, right in near), len(near), lowest=1.0),
        Gate("personal data are hidden", "At least 97 % of 300 drawn items per world: names with "
             "titles, phones, e-mails, identity and bank numbers, WeChat ids, addresses.",
             sum(found >= HIDDEN for found, _ in seen["private"]), len(seen["private"]),
             lowest=1.0),
        Gate("… and clean texts left alone", "At most 1 % of 300 clean texts are touched.",
             sum(hit <= TOUCHED for _, hit in seen["private"]), len(seen["private"]), lowest=1.0),
        Gate("lost deals, products and reps beside complaints: named where nothing is",
             "240 customers of unequal luck with one to four deals each; outcomes and sources are "
             "two families at 5 % each.", sum(seen["untied"]), len(seen["untied"]), highest=0.1),
        Gate(f"… and found where odds to lose are {TIED:.0f} times those of others",
             "About 36 customers complain of price; the rest, of other things or of nothing.",
             sum(seen["tied"]), len(seen["tied"]), lowest=0.9),
    ]  # fmt: skip


def calm_week(seed: int) -> Alerts:
    """A week like all before."""
    return _watched(seed, 0.0)


def planted_week(seed: int) -> Alerts:
    """A week with a new issue in a fiftieth of texts."""
    return _watched(seed, PLANTED)


def shown_week(seed: int) -> Alerts:
    """A week with a new issue in three of a hundred texts."""
    return _watched(seed, SHOWN)


def pasted_week(seed: int) -> Alerts:
    """A calm week into which somebody pasted one text many times, changed a little.

    A calm week has words of its own that chance calls new; what the paste brings are those that
    the very same week without it does not have.
    """
    without = set(_called_new(*_weeks(seed, 0.0)))
    brought = set(_called_new(*_weeks(seed, 0.0, pasted=PASTED))) - without
    return Alerts(len(brought), found=False, leads=False)


def _watched(seed: int, planted: float) -> Alerts:
    real = [is_planted(word) for word in _called_new(*_weeks(seed, planted))]
    return Alerts(real.count(False), any(real), bool(real and real[0]))


def _weeks(seed: int, planted: float, pasted: int = 0) -> tuple[list[str], list[str]]:
    """Return the texts of the weeks before and those of the week."""
    rng = np.random.default_rng(seed)
    before = write(rng, WEEK * BASE_WEEKS).texts
    now = write(rng, WEEK, planted).texts
    spam = "turbine vortex manifold 涡轮增压器 排气歧管 overheats at dawn no. 7"
    return before, now + [edited(rng, spam, 0.03) for _ in range(pasted)]


def _called_new(before: list[str], now: list[str]) -> list[str]:
    """Return the words that come up, surest first."""
    then_words, now_words = ([words_of(t) for t in texts] for texts in (before, _once(now)))
    table = changed(Watch(text_counts(now_words), text_counts(then_words), len(now_words),
                          len(then_words)))  # fmt: skip
    rising = table["alarm"].astype(bool) & table["rises"].astype(bool)
    return table.loc[rising, "word"].tolist()


def _once(texts: list[str]) -> list[str]:
    plain = [normalised(text) for text in texts]
    origin = copies(plain)
    return [text for place, text in enumerate(plain) if origin[place] == place]


def mutual_information(seed: int) -> float:
    """Compare free themes with the planted ones; texts of no theme are one more class."""
    from sklearn.metrics import normalized_mutual_info_score

    said = write(np.random.default_rng(seed), 1_500)
    found = topics_of([words_of(text) for text in said.texts], 2 * len(THEMES))
    return float(normalized_mutual_info_score(said.theme, found.place))


def copies_and_languages(seed: int) -> tuple[float, float]:
    """Return the share of changed copies that are found, and of short texts read right."""
    rng = np.random.default_rng(seed)
    texts = list(dict.fromkeys(write(rng, 400).texts))
    long = [t for t in texts if len(t) >= 2 * FEWEST]
    origin = copies([normalised(t) for t in [*long, *(edited(rng, t) for t in long)]])
    found = float((origin[len(long) :] == origin[: len(long)]).mean())
    short = [(t[:12], "zh" if any("\u4e00" <= c <= "\u9fff" for c in t[:12]) else "en")
             for t in texts]  # fmt: skip
    right = float(np.mean([language_of(t) == language for t, language in short]))
    return found, right
