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
from salesops_kit.worlds.company import Named
from salesops_kit.worlds.effects import Span, Where
from salesops_kit.worlds.exports import write_exports
from salesops_kit.worlds.simulate import Company, simulate
from salesops_kit.worlds.world import Answer, World

_JUNE = Span(date(2025, 6, 1))
_ANSWERS = (
    Answer("feedback:complaint:theme=delivery",
           Named("Keep parts of the five most sold devices in stock.",
                 "五款畅销设备的配件备足库存。"),
           4, date(2025, 3, 10), date(2025, 6, 30), date(2025, 6, 12),
           Named("In stock since June.", "六月起已备库存。")),
    Answer("feedback:complaint:theme=product",
           Named("Let service test each device before it leaves.",
                 "每台设备出厂前由服务部门试机。"),
           7, date(2025, 7, 14), date(2025, 9, 15)),
    Answer("funnel:leak_speed:region={region},stage=solution",
           Named("A second technician for demos in the East.", "为华东方案演示增派一名技术人员。"),
           0, date(2025, 9, 8), date(2025, 10, 31)),
)  # fmt: skip
_ANALYZERS = Where(region="East", line="Analyzers")
DEMO = World(
    causes=(
        Cause("quality_drop", 0.4, (e.Shift(_JUNE, _ANALYZERS, "proposal", odds=-1.3),)),
        slowdown(_JUNE, "solution", 1.6, Where(region="East")),
        bulk_close(date(2025, 3, 31)),
    ),
    answers=_ANSWERS,
)


@cache
def demo_company() -> Company:
    """Return the simulated demo company."""
    return simulate(DEMO)


def write_demo(folder: Path | str, dialect: str) -> None:
    """Write the demo's exports into `folder` as `dialect` ("zoho" or "fxiaoke") gives them."""
    write_exports(demo_company(), Path(folder), dialect, broken=True)
