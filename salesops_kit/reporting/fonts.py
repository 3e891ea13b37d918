"""Chinese letters for readers whose machine has no Chinese font: only those a report uses."""

import base64
import io
import re
from collections.abc import Iterable

FAMILY = "Kit Sans SC"
_CHINESE = re.compile("[\\u2e80-\\u9fff\\uf900-\\ufaff\\uff00-\\uffef]")
_UNUSED = ("GSUB", "GPOS", "GDEF", "BASE", "vhea", "vmtx", "VORG")


def font_face(pages: Iterable[str]) -> str:
    """Return the CSS of a font with the Chinese letters of the pages; "" when they have none."""
    letters = {letter for page in pages for letter in _CHINESE.findall(page)}
    if not letters:
        return ""
    data = base64.b64encode(_subset(letters)).decode()
    return (
        f'@font-face{{font-family:"{FAMILY}";unicode-range:U+2E80-9FFF,U+F900-FAFF,U+FF00-FFEF;'
        f"src:url(data:font/woff;base64,{data}) format('woff')}}"
    )


def _subset(letters: set[str]) -> bytes:
    import pylopdf_fonts_zh_cn as fonts
    from fontTools import subset
    from fontTools.ttLib import TTFont

    options = subset.Options()
    options.layout_features = []
    options.hinting = False
    options.name_IDs = []
    options.drop_tables += _UNUSED
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(letters)))
    result = io.BytesIO()
    with TTFont(str(fonts.sans_path()), lazy=True, recalcTimestamp=False) as font:
        subsetter.subset(font)
        font.flavor = "woff"
        font.save(result)
    return result.getvalue()
