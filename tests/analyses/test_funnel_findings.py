"""What the funnel page advises, from figures made by hand."""

from types import SimpleNamespace

import pandas as pd
import pytest

from salesops_kit.analyses.funnel import CohortChange
from salesops_kit.analyses.funnel_findings import _velocity, _winning_changed
from salesops_kit.models.survival import Interval
from salesops_kit.settings import settings_from

SETTINGS = settings_from({})
FACTORS = ["open_deals", "win_rate", "average_deal_size", "cycle_days"]


def velocity(*contributions):
    """One period against the one before; the logarithms are as large as the contributions."""
    split = pd.DataFrame({"factor": FACTORS, "contribution": contributions})
    change = split["contribution"].sum()
    split = split.assign(log_change=split["contribution"] / 1000, velocity_before=1000.0,
                         velocity_after=1000.0 + change, single="")  # fmt: skip
    (found,) = _velocity(SimpleNamespace(velocity=split), SETTINGS)
    return found


def test_a_factor_that_gained_is_not_the_one_to_work_on():
    found = velocity(-300.0, 500.0, -20.0, -100.0)

    assert found.detail["en"].endswith("comes from the win rate.")
    assert found.action["en"] == "Look first at the number of open deals: it took ¥300 a day."
    assert found.action["zh"] == "请先看进行中的商机数：每天减少 ¥300。"


def test_where_every_factor_gained_there_is_nothing_to_look_at():
    assert velocity(10.0, 500.0, 0.0, 100.0).action["en"] == "No factor took anything: keep on."


FALLEN = CohortChange(
    "2025-04", "2025-06", Interval(0.19, 0.12, 0.28), 62, Interval(0.32, 0.28, 0.36), 237, 0.03
)


@pytest.mark.parametrize(
    ("exits", "leaks", "severity", "alone"),
    [(379, [], "note", True), (379, ["a leak"], "warning", False), (120, [], "warning", False)],
)
def test_a_fall_of_young_deals_does_not_deny_that_the_funnel_is_healthy(
    exits, leaks, severity, alone
):
    """The scan of everything holds one error rate; this look alone is wrong once in twenty."""
    scanned = SimpleNamespace(exits=exits, leaks=leaks)
    funnel = SimpleNamespace(change=FALLEN, diagnosis=scanned, horizon=90)
    (found,) = _winning_changed(funnel, SETTINGS)

    assert found.severity == severity
    assert ("once in twenty such looks" in found.detail["en"]) is alone
    assert ("二十次比较" in found.detail["zh"]) is alone
