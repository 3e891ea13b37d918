"""Text from anywhere that is safe to show elsewhere: in cells, pages and messages."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069\ufeff]")


def without_controls(text: str) -> str:
    """Return the text without characters that steer a terminal or turn the direction of writing."""
    return _CONTROL.sub("", text)


def plain(text: str) -> str:
    r"""Return the text on one line, without control and direction characters.

    >>> plain("Acme\r\n\u202eLtd")
    'Acme Ltd'
    """
    return re.sub(r"\s+", " ", without_controls(text)).strip()


def formula_safe(text: str) -> str:
    """Return the text so that a spreadsheet program does not take it for a formula.

    >>> formula_safe("=HYPERLINK(1)"), formula_safe("-5")
    ("'=HYPERLINK(1)", '-5')
    """
    harmless = re.fullmatch(r"[-+]?[\d.,]+%?", text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not harmless else text
