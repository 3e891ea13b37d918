"""Numbers that know how English and Chinese readers write them.

English counts in thousands (K, M, B), Chinese in ten-thousands (万, 亿). A missing value is
written as a dash, never as zero.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, TypeGuard

MISSING = "–"
_SIGNS = {"CNY": "¥", "RMB": "¥", "USD": "$", "EUR": "€", "GBP": "£", "JPY": "JP¥", "INR": "₹"}
_EN_STEPS = ((1e9, "B"), (1e6, "M"), (1e3, "K"))
_ZH_STEPS = ((1e8, "亿"), (1e4, "万"))


class Value:
    """Base of the values below; `written(language)` is their only use."""

    def written(self, language: str) -> str:
        """Return the value as readers of `language` write it."""
        raise NotImplementedError


def _is_number(number: float | None) -> TypeGuard[float]:
    return number is not None and math.isfinite(number)


@dataclass(frozen=True)
class Named(Value):
    """A name that is not in the catalogue, such as a company's stage, in both languages."""

    en: str
    zh: str

    def written(self, language: str) -> str:
        """Return the name in the language."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Word(Value):
    """Another entry of the catalogue, `area.name`, put into a sentence."""

    key: str

    def written(self, language: str) -> str:
        """Return the entry in the language."""
        from salesops_kit.language.catalogue import known_language, say

        return say(self.key, known_language(language))


@dataclass(frozen=True)
class Count(Value):
    """A whole number of things.

    >>> Count(12345).written("en")
    '12,345'
    """

    number: float | int | None

    def written(self, language: str) -> str:  # noqa: ARG002 - both languages group by thousands
        """Return it with thousands separators."""
        return MISSING if not _is_number(self.number) else f"{self.number:,.0f}"


@dataclass(frozen=True)
class Number(Value):
    """A number with a fixed count of decimals."""

    number: float | int | None
    decimals: int = 1

    def written(self, language: str) -> str:  # noqa: ARG002 - the same in both languages
        """Return it with thousands separators and decimals."""
        if not _is_number(self.number):
            return MISSING
        return f"{round(self.number, self.decimals) + 0.0:,.{self.decimals}f}"  # no minus before 0


@dataclass(frozen=True)
class Money(Value):
    """An amount in a currency, shortened to three digits.

    >>> Money(1234567, "CNY").written("zh")
    '¥123万'
    >>> Money(1234567, "CNY").written("en")
    '¥1.23M'
    """

    number: float | int | None
    currency: str = ""

    def written(self, language: str) -> str:
        """Return it shortened the language's way."""
        if not _is_number(self.number):
            return MISSING
        sign = _SIGNS.get(self.currency, f"{self.currency} " if self.currency else "")
        return f"{'-' if self.number < 0 else ''}{sign}{_short(abs(self.number), language)}"


@dataclass(frozen=True)
class Share(Value):
    """A fraction 0-1, written as a percentage.

    >>> Share(0.234).written("en")
    '23%'
    """

    number: float | None
    decimals: int = 0

    def written(self, language: str) -> str:  # noqa: ARG002 - the same in both languages
        """Return it as a percentage."""
        if not _is_number(self.number):
            return MISSING
        percent = round(self.number * 100, self.decimals) + 0.0  # no minus before a zero
        return f"{percent:.{self.decimals}f}%"


@dataclass(frozen=True)
class Points(Value):
    """A difference of two fractions, in percentage points, with its sign.

    >>> Points(-0.053).written("en")
    '-5.3 pts'
    """

    number: float | None
    unit: ClassVar[Mapping[str, str]] = {"en": " pts", "zh": " 个百分点"}

    def written(self, language: str) -> str:
        """Return it in points."""
        if not _is_number(self.number):
            return MISSING
        return f"{round(self.number * 100, 1) + 0.0:+.1f}{self.unit[language]}"


@dataclass(frozen=True)
class ScorePoints(Points):
    """A difference of two net scores, in points of the score, which are no percentages.

    >>> ScorePoints(0.12).written("zh")
    '+12.0 分'
    """

    unit: ClassVar[Mapping[str, str]] = {"en": " pts", "zh": " 分"}


@dataclass(frozen=True)
class Score(Value):
    """A net score between -1 and 1, written as surveys do: in hundredths, with its sign.

    >>> Score(0.314).written("en")
    '+31'
    """

    number: float | None

    def written(self, language: str) -> str:  # noqa: ARG002 - the same in both languages
        """Return it in hundredths."""
        return MISSING if not _is_number(self.number) else f"{round(self.number * 100) + 0:+.0f}"


@dataclass(frozen=True)
class Days(Value):
    """A duration in days.

    >>> Days(41.6).written("en"), Days(41.6).written("zh")
    ('42 days', '42 天')
    """

    number: float | None

    def written(self, language: str) -> str:
        """Return it with its unit; below ten days with one decimal."""
        if not _is_number(self.number):
            return MISSING
        digits = f"{self.number:.1f}" if abs(self.number) < 10 else f"{self.number:,.0f}"
        digits = digits.removesuffix(".0")
        if language == "zh":
            return f"{digits} 天"
        return f"{digits} day" if digits == "1" else f"{digits} days"


@dataclass(frozen=True)
class Day(Value):
    """A calendar day.

    >>> Day(date(2025, 9, 3)).written("zh")
    '2025年9月3日'
    """

    day: date | None

    def written(self, language: str) -> str:
        """Return it as 2025-09-03 or 2025年9月3日."""
        if self.day is None:
            return MISSING
        if language == "zh":
            return f"{self.day.year}年{self.day.month}月{self.day.day}日"
        return f"{self.day:%Y-%m-%d}"


def _short(number: float, language: str) -> str:
    for size, unit in _ZH_STEPS if language == "zh" else _EN_STEPS:
        # 999,999 is 1.00M, not 1000K: compare after rounding to three digits
        if float(f"{number:.3g}") >= size:
            return f"{_three_digits(number / size)}{unit}"
    whole = number >= 100 or number == int(number) or number < 0.005  # a cent is the least
    return f"{number:,.0f}" if whole else f"{number:,.2f}"


def _three_digits(number: float) -> str:
    decimals = 2 if number < 9.995 else 1 if number < 99.95 else 0
    return f"{number:,.{decimals}f}"
