"""Display formats: frames for readers, with headers and numbers in their language."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.language import Count, Days, Language, Money, Number, Points, Share, say

FORMATS: dict[str, Callable[[Any, str], Any]] = {
    "count": lambda value, _: Count(value),
    "days": lambda value, _: Days(value),
    "money": Money,
    "number": lambda value, _: Number(value),
    "points": lambda value, _: Points(value),
    "share": lambda value, _: Share(value),
    "share1": lambda value, _: Share(value, 1),
}


def display_frame(
    frame: pd.DataFrame,
    columns: Mapping[str, str],
    *,
    language: Language,
    currency: str = "",
) -> pd.DataFrame:
    """Return the named columns as readers see them: headers translated, numbers written out.

    `columns` maps a column to its format: one of `FORMATS`, `text` (as it is; missing becomes a
    dash), or `words:<area>` (the cell is a key of that catalogue). Headers come from the
    catalogue `columns`.

    Raises
    ------
    ParameterError
        When the frame lacks a column or a format does not exist.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ParameterError(f"frame has no column {missing[0]!r}; it has {list(frame.columns)}")
    shown = {
        say(f"columns.{name}", language): _cells(
            frame[name].tolist(), form, language=language, currency=currency
        )
        for name, form in columns.items()
    }
    return pd.DataFrame(shown)


def is_number_format(form: str) -> bool:
    """Tell whether a column of this format is aligned to the right."""
    return form in FORMATS


def _cells(values: Sequence[Any], form: str, *, language: Language, currency: str) -> list[str]:
    if form == "text":
        return ["–" if value is None or value != value else str(value) for value in values]
    if form.startswith("words:"):
        area = form.removeprefix("words:")
        return [say(f"{area}.{value}", language) for value in values]
    if form not in FORMATS:
        raise ParameterError(f"format is {form!r}; it must be text, words:<area> or "
                             f"one of {', '.join(FORMATS)}")  # fmt: skip
    make = FORMATS[form]
    return [make(value, currency).written(language) for value in values]
