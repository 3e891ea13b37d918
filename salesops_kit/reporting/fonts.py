"""Chinese letters for readers whose machine has no Chinese font: only those a page uses."""

import base64
import io
import re
from collections.abc import Mapping
from pathlib import Path

FAMILY = "Kit Sans SC"
_CHINESE = re.compile("[\\u2e80-\\u9fff\\uf900-\\ufaff\\uff00-\\uffef]")
_UNUSED = ("GSUB", "GPOS", "GDEF", "BASE", "vhea", "vmtx", "VORG")


def font_faces(pages: Mapping[str, str]) -> dict[str, str]:
    """Return per page the CSS of a font with its Chinese letters; "" when it has none."""
    letters = {name: set(_CHINESE.findall(text)) for name, text in pages.items()}
    together = set().union(*letters.values())
    if not together:
        return dict.fromkeys(pages, "")
    # the whole font is large: what all pages need is cut out of it once
    common = _subset(_whole_font(), together, hinting=False, desubroutinize=True)
    return {name: _face(common, chosen) if chosen else "" for name, chosen in letters.items()}


def _face(font: bytes, letters: set[str]) -> str:
    data = base64.b64encode(_subset(io.BytesIO(font), letters, flavor="woff")).decode()
    return (
        f'@font-face{{font-family:"{FAMILY}";unicode-range:U+2E80-9FFF,U+F900-FAFF,U+FF00-FFEF;'
        f"src:url(data:font/woff;base64,{data}) format('woff')}}"
    )


def _whole_font() -> Path:
    import pylopdf_fonts_zh_cn as fonts

    return Path(fonts.sans_path())


def _subset(
    source: Path | io.BytesIO, letters: set[str], flavor: str | None = None, **changed: bool
) -> bytes:
    """Return a font with some letters only; `changed` are further options of the subsetter."""
    from fontTools import subset
    from fontTools.ttLib import TTFont

    options = subset.Options(layout_features=[], name_IDs=[], **changed)
    options.drop_tables += _UNUSED
    subsetter = subset.Subsetter(options)
    subsetter.populate(text="".join(sorted(letters)))
    result = io.BytesIO()
    # bounds of the whole font do no harm, and to find closer ones takes longer than all the rest
    with TTFont(source, lazy=True, recalcTimestamp=False, recalcBBoxes=False) as font:
        subsetter.subset(font)
        font.flavor = flavor
        font.save(result)
    return result.getvalue()
