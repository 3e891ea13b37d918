"""Display formats: frames for readers, with headers and numbers in their language."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.language import Count, Days, Language, Money, Number, Points, Share, say
from salesops_kit.settings import Settings

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
    names: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Return the named columns as readers see them: headers translated, numbers written out.

    `columns` maps a column to its format: one of `FORMATS`, `text` (as it is; missing becomes a
    dash), `named` (looked up in `names`, such as stages), or `words:<area>` (the cell is a key of
    that catalogue), or `mixed` (each row's format stands in the frame's column `unit`). Headers
    come from the catalogue `columns`. `attrs["numeric"]` lists the
    headers of columns that are aligned to the right.

    Raises
    ------
    ParameterError
        When the frame lacks a column or a format does not exist.
    """
    missing = [name for name in columns if name not in frame.columns]
    if missing:
        raise ParameterError(f"frame has no column {missing[0]!r}; it has {list(frame.columns)}")
    shown = {}
    for name, form in columns.items():
        values = frame[name].tolist()
        if form == "named":
            values, form = [(names or {}).get(v, v) for v in values], "text"
        header = say(f"columns.{name}", language)
        if form == "mixed":
            units = frame["unit"].tolist()
            shown[header] = [
                FORMATS[unit](value, currency).written(language)
                for unit, value in zip(units, values, strict=True)
            ]
        else:
            shown[header] = _cells(values, form, language, currency)
    result = pd.DataFrame(shown)
    result.attrs["numeric"] = [
        header
        for header, form in zip(shown, columns.values(), strict=True)
        if form in (*FORMATS, "mixed")
    ]
    return result


def stage_names(settings: Settings, language: Language) -> dict[str, str]:
    """Return how readers of `language` call each stage."""
    return {
        stage.name: stage.display(language)
        for pipeline in settings.all_pipelines.values()
        for stage in pipeline.stages
    }


def readiness_lines(readiness: Any, language: Language) -> list[str]:
    """Return a readiness check (`analyses.readiness.Readiness`) as lines for a terminal."""
    lines = [say("readiness.title_findings", language)]
    for finding in readiness.findings:
        mark = say(f"reporting.severity_{finding.severity}", language)
        lines += [f"  {mark}  {finding.headline[language]}", f"      {finding.action[language]}"]
    lines += ["", say("readiness.title_questions", language)]
    for row in readiness.questions.to_dict("records"):
        answer = say(f"questions.{row['answer']}", language)
        question = say(f"questions.{row['question']}", language)
        why = f" ({row['why'][language]})" if row["why"][language] else ""
        lines.append(f"  {question} {answer}{why}")
    return lines


def _cells(values: Sequence[Any], form: str, language: Language, currency: str) -> list[str]:
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
