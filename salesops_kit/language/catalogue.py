"""Look up a sentence by key and fill its values in one language or both."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from salesops_kit.errors import ParameterError
from salesops_kit.language.values import Days, Value

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


def say(key: str, language: Language, **values: "Value | str | int") -> str:
    """Return the sentence `area.name` in `language` with its values filled in.

    A value is a `Value`, written the language's way, or plain text, which stays as it is. After
    a number `{n:deal|deals}` writes the word that goes with it: the first for 1, else the second.

    Raises
    ------
    ParameterError
        When language or key do not exist, or a value the sentence needs is not given.
    """
    known_language(language)
    area, _, name = key.partition(".")
    entry = _area(area).get(name)
    if entry is None:
        raise ParameterError(f"there is no text {key!r} in the catalogue")
    filled = {field: _written(value, language) for field, value in values.items()}
    template = entry[language]
    if language == "zh":  # no space between the unit of a duration and the word that follows
        for field in (name for name, value in values.items() if isinstance(value, Days)):
            template = re.sub(rf"(\{{{field}\}}) (?=[\u4e00-\u9fff])", r"\1", template)
    try:
        return template.format(**filled)
    except KeyError as error:
        raise ParameterError(f"text {key!r} needs a value {error.args[0]!r}") from error


def known_language(language: str) -> Language:
    """Return the language; ParameterError when there is none of that name."""
    for known in LANGUAGES:
        if language == known:
            return known
    raise ParameterError(f"language is {language!r}; it must be one of 'en', 'zh'")


def both(key: str, **values: "Value | str | int") -> dict[Language, str]:
    """Return the sentence in both languages: `{"en": …, "zh": …}`."""
    return {language: say(key, language, **values) for language in LANGUAGES}


@cache
def _area(area: str) -> dict[str, dict[str, str]]:
    path = Path(__file__).parent / f"{area}.toml"
    if not area.isidentifier() or not path.is_file():
        raise ParameterError(f"there is no catalogue {area!r}")
    with path.open("rb") as file:
        return tomllib.load(file)


def _written(value: "Value | str | int", language: Language) -> "_Filled":
    return _Filled(value.written(language) if isinstance(value, Value) else str(value))


class _Filled(str):
    """A value as written; the format `one|many` gives the word that goes with it as a number."""

    __slots__ = ()

    def __format__(self, form: str) -> str:
        one, bar, many = form.partition("|")
        if not bar:
            return super().__format__(form)
        return one if self == "1" else many
