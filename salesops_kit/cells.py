"""Text that is safe to open in a spreadsheet program."""

import re


def formula_safe(text: str) -> str:
    """Return the text so that a spreadsheet program does not take it for a formula.

    >>> formula_safe("=HYPERLINK(1)"), formula_safe("-5")
    ("'=HYPERLINK(1)", '-5')
    """
    harmless = re.fullmatch(r"[-+]?[\d.,]+%?", text)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not harmless else text
