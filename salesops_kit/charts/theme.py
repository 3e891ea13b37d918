"""How charts look: one palette safe for colour-blind readers, and a font that knows Chinese."""

from functools import cache
from typing import Any

import matplotlib as mpl
from matplotlib import font_manager

# Okabe & Ito (2008), darkened where text stands on the colour
MAIN = "#0072B2"
GOOD = "#007E5F"
BAD = "#C44E00"
PALE = "#A9CDE4"
MUTED = "#9AA3AB"
INK = "#2F3B45"

_STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "axes.edgecolor": "#C5CBD1",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E9EC",
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.bottom": False,
    "ytick.left": False,
    "font.size": 10.5,
    "axes.labelsize": 10,
    "axes.unicode_minus": False,
    # paths, not text: inside an <img> no font of the page can load
    "svg.fonttype": "path",
    "svg.hashsalt": "salesops_kit",
}


def use_theme() -> None:
    """Set matplotlib's defaults for every chart that follows."""
    mpl.use("agg")
    mpl.rcParams.update(_STYLE)  # type: ignore[arg-type]  # the stub lists every key by name
    mpl.rcParams["font.family"] = [_font()]


@cache
def _font() -> str:
    """Register the packaged Noto Sans SC: one font for Latin and Chinese."""
    import pylopdf_fonts_zh_cn as fonts

    path = str(fonts.sans_path())
    font_manager.fontManager.addfont(path)
    return font_manager.FontProperties(fname=path).get_name()
