"""Words in English and Chinese: the catalogue files and the one function that reads them.

Each TOML file beside this module is one area; a key holds both languages side by side:

    [won]
    en = "{count} deals were won."
    zh = "赢单 {count} 笔。"

`say("funnel.won", "zh", count=Count(12))` fills it. Numbers come as values that know how each
language writes them (`Money`, `Share`, `Days`, `Count`, `Day`), so that a sentence and a table
never disagree.
"""

from salesops_kit.language.catalogue import LANGUAGES, Language, both, known_language, say
from salesops_kit.language.values import (
    Count,
    Day,
    Days,
    Money,
    Named,
    Number,
    Points,
    Score,
    ScorePoints,
    Share,
    Value,
    Word,
)

__all__ = [
    "LANGUAGES",
    "Count",
    "Day",
    "Days",
    "Language",
    "Money",
    "Named",
    "Number",
    "Points",
    "Score",
    "ScorePoints",
    "Share",
    "Value",
    "Word",
    "both",
    "known_language",
    "say",
]
