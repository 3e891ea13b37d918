"""The demo company, Hengchuan Instruments / 衡川仪器.

Its story: from June 2025 the proposals for analyzers in the East are turned down more often, and
solutions for the East take longer. One evening in March the office closed forgotten deals all at
once. A few exported rows are broken, as real ones are: an amount in words, an id ruined by a
spreadsheet program, an impossible date, a repeated row or a subtotal.
"""

from datetime import date
from functools import cache
from pathlib import Path

from salesops_kit.worlds import effects as e
from salesops_kit.worlds.causes import Cause, bulk_close, slowdown
from salesops_kit.worlds.effects import Span, Where
from salesops_kit.worlds.exports import write_exports
from salesops_kit.worlds.simulate import Company, simulate
from salesops_kit.worlds.world import World

_JUNE = Span(date(2025, 6, 1))
_ANALYZERS = Where(region="East", line="Analyzers")
DEMO = World(
    causes=(
        Cause("quality_drop", 0.4, (e.Shift(_JUNE, _ANALYZERS, "proposal", odds=-1.3),)),
        slowdown(_JUNE, "solution", 1.6, Where(region="East")),
        bulk_close(date(2025, 3, 31)),
    )
)


@cache
def demo_company() -> Company:
    """Return the simulated demo company."""
    return simulate(DEMO)


def write_demo(folder: Path | str, dialect: str) -> None:
    """Write the demo's exports into `folder` as `dialect` ("zoho" or "fxiaoke") gives them."""
    write_exports(demo_company(), Path(folder), dialect, broken=True)
