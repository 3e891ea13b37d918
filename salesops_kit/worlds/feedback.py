"""What customers say: surveys, call-backs and tickets about what really happened to them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, second
from salesops_kit.worlds.customers import CONTRACT, LATE_DAYS
from salesops_kit.worlds.effects import Blamed, Effect, Sizes, Talk
from salesops_kit.worlds.feedback_texts import NAMES, write
from salesops_kit.worlds.simulate import Company

# (type, lowest and highest answer, weight)
TYPES = (("NPS", 0, 10, 0.6), ("CSAT", 1, 5, 0.25), ("CES", 1, 7, 0.15))
_TEXT = len(TYPES)
_LOW, _HIGH = np.array([*(t[1] for t in TYPES), 0]), np.array([*(t[2] for t in TYPES), 10])
CHANNELS = ("survey", "call_back", "ticket")
_GOOD = 0.25  # mood from which the words are kind


def feedback(company: Company, placed: pd.DataFrame) -> pd.DataFrame:
    """Draw surveys and call-backs after each delivery, and tickets of those in trouble.

    `theme` and `mood` are the truth: what the text speaks of, and how content the customer is.
    Unhappy customers answer surveys a little less often; who does not answer leaves no text.
    """
    end = second(company.world.export_on)
    # the last call and its answer come at most twelve days after delivery
    heard = placed[(placed["delivered_day"] * DAY + 12 * DAY < end) & (placed["kind"] != CONTRACT)]
    felt = _felt(company, heard.reset_index(drop=True))
    said = pd.concat([_asked(company, felt), _tickets(company, felt)], ignore_index=True)
    said = said.sort_values(["asked", "order"], ignore_index=True)
    rng = company.world.stream("feedback texts")
    said["chinese"] = rng.random(len(said)) < 0.7
    text = write(rng, said["theme"].to_numpy(), said["mood"].to_numpy() >= _GOOD,
                 said["chinese"].to_numpy())  # fmt: skip
    answered = said["answered"] >= 0
    said["text"] = np.where(answered, text, "")
    said["language"] = np.where(said["chinese"], "zh", "en")
    said.insert(0, "feedback", np.arange(len(said)))
    return said.drop(columns="chinese")


def _felt(company: Company, heard: pd.DataFrame) -> pd.DataFrame:
    """Add mood and theme: what went wrong weighs on the mood and is what most speak of."""
    rng, n = company.world.stream("feedback"), len(heard)
    mood, theme = rng.normal(0.9, 0.8, n), rng.integers(0, len(NAMES), n)
    # of what happened, the last in this list is what a customer speaks of
    for name, happened, weight in _troubles(company, heard):
        mood = mood - weight * happened
        speaks = happened & (rng.random(n) < 0.75)
        theme = np.where(speaks, NAMES.index(name), theme)
    for number, talk in enumerate(company.world.effects(Talk)):
        luck = company.world.stream(f"talk {number}").random(n)
        hit = luck < talk.share * _strength(company, heard, talk)
        mood = np.where(hit, mood + talk.mood, mood)
        theme = np.where(hit, NAMES.index(talk.theme), theme)
    return heard.assign(mood=np.round(mood, 6), theme=theme)


def _troubles(company: Company, heard: pd.DataFrame) -> list[tuple[str, np.ndarray, float]]:
    """Return what a customer may complain about: theme, whether it happened, its weight."""
    world, deals = company.world, company.deals
    own = heard["deal"].to_numpy()
    changed = np.zeros(len(heard), dtype=bool)
    if len(deals):
        moved = (deals["first_rep"] != deals["rep"]).to_numpy()
        changed = (own >= 0) & moved[np.maximum(own, 0)]
    dearer = [e for e in world.effects(Sizes) if e.factor > 1]
    rivals = [e for e in world.effects(Blamed) if e.rival]
    return [
        ("price", _under(company, heard, dearer, 0.35, "dearer"), 0.8),
        ("competitor", _under(company, heard, rivals, 0.25, "rivals"), 0.5),
        ("salesperson", changed, 0.6),
        ("product", heard["fault"].to_numpy(dtype=bool), 1.4),
        ("delivery", (heard["wait"] > LATE_DAYS).to_numpy(), 1.5),
    ]


def _under(
    company: Company, heard: pd.DataFrame, effects: Sequence[Effect], share: float, stream: str
) -> np.ndarray:
    """Mark a share of the orders placed under any of these effects."""
    luck = company.world.stream(f"feedback {stream}").random(len(heard))
    hit = np.zeros(len(heard), dtype=bool)
    for effect in effects:
        hit |= luck < share * _strength(company, heard, effect)
    return hit


def _strength(company: Company, heard: pd.DataFrame, effect: Effect) -> np.ndarray:
    when = heard["delivered_day"].to_numpy() * DAY
    touched = effect.where.touches(heard, company.accounts)
    return np.asarray(effect.span.strength(when) * touched)


def _asked(company: Company, felt: pd.DataFrame) -> pd.DataFrame:
    """Ask everybody once after delivery, by survey or call, on one of three scales."""
    rng, n = company.world.stream("feedback asked"), len(felt)
    mood = felt["mood"].to_numpy()
    kind = c.pick(rng, tuple(c.Named(t[0], t[0], t[3]) for t in TYPES), n)
    answers = rng.random(n) < np.clip(0.58 + 0.05 * mood, 0.3, 0.8)
    share = np.clip((7.6 + 1.6 * mood) / 10, 0, 1)
    low, high = _LOW[kind], _HIGH[kind]
    sent = felt["delivered_day"].to_numpy() * DAY + 9 * 3600 + rng.integers(1, 7, n) * DAY
    return _rows(felt).assign(
        channel=np.where(rng.random(n) < 0.6, CHANNELS[0], CHANNELS[1]), type=kind,
        score=np.where(answers, np.round(low + share * (high - low)), np.nan),
        asked=sent, answered=np.where(answers, sent + rng.integers(600, 3 * DAY, n), -1),
    )  # fmt: skip


def _tickets(company: Company, felt: pd.DataFrame) -> pd.DataFrame:
    """Let some of the unhappy write by themselves, without a score."""
    rng, n = company.world.stream("tickets"), len(felt)
    writes = rng.random(n) < np.where(felt["mood"] < -0.3, 0.35, 0.01)
    at = felt["delivered_day"].to_numpy() * DAY + 9 * 3600 + rng.integers(600, 9 * DAY, n)
    return (
        _rows(felt)
        .assign(channel=CHANNELS[2], type=_TEXT, score=np.nan, asked=at, answered=at)[writes]
        .reset_index(drop=True)
    )


def _rows(felt: pd.DataFrame) -> pd.DataFrame:
    return felt[["account", "deal", "order", "theme", "mood"]]
