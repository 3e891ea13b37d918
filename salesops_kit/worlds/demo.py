"""The demo company, Hengchuan Instruments / 衡川仪器.

Its story: from June 2025 the proposals for analyzers in the East are turned down more often, and
solutions for the East take longer. One evening in March the office closed forgotten deals all at
once. A few exported rows are broken, as real ones are: an amount in words, an id ruined by a
spreadsheet program, an impossible date, a repeated row or a subtotal.
"""

from datetime import date
from functools import cache
from pathlib import Path

from salesops_kit.worlds.company import Shift, World
from salesops_kit.worlds.exports import write_exports
from salesops_kit.worlds.simulate import Company, simulate

DEMO = World(
    shifts=(
        Shift(date(2025, 6, 1), "proposal", region="East", line="Analyzers", advance=-1.3),
        Shift(date(2025, 6, 1), "solution", region="East", slower=1.6),
    ),
    bulk_edit_on=date(2025, 3, 31),
)


@cache
def demo_company() -> Company:
    """Return the simulated demo company."""
    return simulate(DEMO)


def write_demo(folder: Path | str, dialect: str) -> None:
    """Write the demo's exports into `folder` as `dialect` ("zoho" or "fxiaoke") gives them."""
    write_exports(demo_company(), Path(folder), dialect, broken=True)
