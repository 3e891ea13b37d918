"""The gates of the pipeline forecast count what they say, and can fail."""

import pandas as pd
import pytest

from truth import pipeline
from truth.pipelines import LEADS, Measured, blind, measured


def company(error=0.1, inside=True, combined=0.05, came=50):
    """Four forecasts per lead, all off by the same share; others twice and ten times as far."""
    rows = pd.DataFrame(
        [{"days": days, "origin": n, "pipeline": 100 * (1 + error), "stage_rates": 120.0,
          "crm_chance": 200.0, "naive": 130.0, "series": 115.0, "combined": 100 * (1 + combined),
          "actual": 100.0, "variance": 25.0, "inside": inside or n > 1, "alone": n > 1}
         for days in LEADS for n in range(4)]
    )  # fmt: skip
    classes = pd.DataFrame(
        [{"days": days, "place": 10, "deals": 100, "stated": 50.0, "came": came} for days in LEADS]
    )
    return Measured(rows, classes)


def named(figures, part):
    [figure] = [f for f in figures if part in f.name]
    return figure


def test_errors_are_shares_of_what_came_and_ratios_of_the_usual_error():
    figures = pipeline.error_figures([company(0.1), company(0.2)])

    assert named(figures, "91 days ahead: WAPE").measured == pytest.approx(0.15)
    assert named(figures, "91 days ahead: WAPE").interval == pytest.approx((0.1, 0.2))
    ratio = named(figures, "over that of the win rate per stage")
    assert (ratio.measured, ratio.verdict) == (pytest.approx(0.75), "FAIL")
    assert named(figures, "chance in the CRM").verdict == "–"


def test_a_forecast_that_is_too_far_off_fails():
    [first, *_] = pipeline.error_figures([company(0.17)])

    assert (first.verdict, first.target) == ("FAIL", "≤ 0.16")


@pytest.mark.parametrize(
    ("held", "verdict"), [([True] * 4, "FAIL"), ([True] * 2 + [False], "PASS")]
)
def test_a_range_may_neither_be_too_narrow_nor_too_wide(held, verdict):
    ours, alone = pipeline.range_gates([company(inside=one) for one in held])

    assert ours.verdict == verdict
    assert (alone.measured, alone.verdict) == (0.5, "–")


@pytest.mark.parametrize(("came", "verdict"), [(51, "PASS"), (53, "FAIL")])
def test_chances_may_be_off_by_two_hundredths(came, verdict):
    figures = pipeline.chance_figures([company(came=came)])

    assert [f.verdict for f in figures] == [verdict] * len(LEADS)


def test_the_combination_is_compared_with_the_better_part():
    figures = pipeline.combined_figures([company(error=0.1, combined=0.05)])

    assert [f.measured for f in figures[::2]] == [pytest.approx(0.5)] * 3
    assert [f.measured for f in figures[1::2]] == [pytest.approx(0.399, abs=1e-3)] * 3
    assert {f.verdict for f in figures[::2]} == {"PASS"}
    worse = pipeline.combined_figures([company(error=0.1, combined=0.11)])
    assert [f.verdict for f in worse] == ["FAIL", "–"] * 3


def test_one_company_that_knows_the_future_is_one_too_many():
    assert pipeline.blind_gates([True, True])[0].verdict == "PASS"
    assert pipeline.blind_gates([True, False])[0].verdict == "FAIL"


def test_all_gates_run_and_none_without_companies():
    def canned(work, items):
        return [True if work is blind else company() for _ in items]

    sizes = pipeline.PipelineSizes(2, 1)

    assert all(gate.worlds for gate in pipeline.pipeline_gates(canned, 10_000, sizes))
    assert pipeline.pipeline_gates(canned, 10_000, pipeline.PipelineSizes(0, 0)) == []


def test_one_company_measured_is_close_and_the_same_every_time(monkeypatch):
    monkeypatch.setattr("truth.pipelines.LEADS", (91,))
    monkeypatch.setattr("truth.pipelines.STEP", 91)

    once, again = measured(10_001), measured(10_001)

    pd.testing.assert_frame_equal(once.rows, again.rows)
    assert pipeline.wape(once.rows, "pipeline") < 0.75 * pipeline.wape(once.rows, "stage_rates")
    assert once.rows["inside"].mean() > 0.5
