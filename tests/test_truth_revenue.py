"""The gates of revenue at risk count what they say, and can fail."""

import pytest

from truth import revenue
from truth.revenue import Held, RevenueSizes


def test_planted_shocks_are_held_by_the_common_shock_and_not_by_independent_deals():
    found = [revenue.quarter_held(151_000 + n) for n in range(40)]
    ours, alone, _ = revenue.quarter_gates(found)

    assert ours.measured >= 0.75
    assert alone.hits < ours.hits
    assert alone.verdict == "–"


@pytest.mark.parametrize(("held", "verdict"), [(9, "PASS"), (8, "FAIL"), (10, "FAIL")])
def test_a_range_may_neither_be_too_narrow_nor_too_wide(held, verdict):
    gates = revenue.company_gates([[Held(10, held, 7)] * 3, [Held(10, held, 7)]])

    assert [gate.verdict for gate in gates] == [verdict, "–"] * 3
    assert [gate.worlds for gate in gates] == [20, 20, 10, 10, 10, 10]


def test_all_gates_run_and_none_without_companies():
    def canned(work, items):
        if work is revenue.company_held:
            return [[Held(10, 9, 7)] * 3 for _ in items]
        return [(True, False, True) for _ in items]

    assert len(revenue.revenue_gates(canned, 10_000, RevenueSizes(2, 1))) == 9
    assert revenue.revenue_gates(canned, 10_000, RevenueSizes(0, 0)) == []
