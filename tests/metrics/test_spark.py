"""Every metric on a Spark cluster: equal to the plain loop, and to DuckDB to the last type."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from metrics.cases import AS_OF, CASES, DEALS, IDS, LINES, QUARTER
from metrics.checks import check, check_volume, given
from metrics.tables import as_frame, as_rows, history_frame, random_histories
from metrics.test_compliance import RULES
from metrics.visit_oracle import visits_of

from salesops_kit.metrics.compliance import rule_checks, rule_compliance
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.targets import attainment
from salesops_kit.metrics.visits import VisitRules, visit_counts, visits
from salesops_kit.models.series_parts import forecast_frame
from salesops_kit.periods import EPOCH, Period, day_number

pytestmark = pytest.mark.spark


def test_the_work_is_done_by_another_process_reached_over_tcp(spark):
    context = spark.sparkContext
    spark.range(8).repartition(2).count()  # a first piece of work waits until someone can do it

    executors = context._jsc.sc().getExecutorMemoryStatus().size() - 1  # less the driver

    assert context.master.startswith("spark://127.0.0.1:")
    assert executors == 1


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_metric_equals_the_plain_loop_on_spark(case, spark, tmp_path):
    on_spark = check(case, given("spark", case[2], tmp_path, spark), case[3])

    here = case[0](case[2], **case[5], by=case[3])
    assert as_rows(on_spark) == [
        {name: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
         for name, value in row.items()}
        for row in as_rows(here)
    ]  # fmt: skip
    assert on_spark.dtypes.to_dict() == here.dtypes.to_dict()
    assert on_spark.attrs == here.attrs


def test_units_equal_the_plain_loop_on_spark(spark, tmp_path):
    check_volume((given("spark", DEALS, tmp_path, spark), LINES))


@pytest.mark.parametrize("seed", [11, 12])
def test_visits_on_spark_equal_the_obvious_implementation(spark, tmp_path, seed):
    entries, deals = random_histories(seed, deals=400)
    history = given("spark", history_frame(entries), tmp_path, spark)
    known = as_frame(deals, amount="float64")
    ranks = {"new": (10, 20, 30, 60, 70), "renewal": (10, 60)}
    rules = VisitRules(ranks, bulk_edit_deals=3)
    dimensions = ("region", "owner_id")

    found = visits(history, known, as_of=AS_OF, dimensions=dimensions, rules=rules)
    counts = visit_counts(history, known, as_of=AS_OF, rules=rules)

    expected = visits_of(entries, deals, as_of_day=day_number(AS_OF), dimensions=dimensions,
                         open_ranks=ranks, bulk=3)  # fmt: skip
    key = ["deal_id", "seq"]
    assert as_rows(collect(found, key)) == sorted(expected, key=lambda v: (v["deal_id"], v["seq"]))
    here = visit_counts(history_frame(entries), known, as_of=AS_OF, rules=rules)
    assert as_rows(counts) == as_rows(here)


def test_attainment_on_spark_is_the_same(spark, tmp_path):
    months = pd.DataFrame({
        "period_start_day": [day_number(date(2025, month, 1)) for month in (1, 2, 3)],
        "period_end_day": [day_number(date(2025, *last)) for last in ((1, 31), (2, 28), (3, 31))],
    })  # fmt: skip
    targets = months.assign(level="company", level_id=None, metric="bookings", target=1000.0,
                            version=None)  # fmt: skip
    deals = given("spark", DEALS, tmp_path, spark)

    there, here = (attainment(d, targets, period=QUARTER) for d in (deals, DEALS))

    assert there.equals(here)


def test_rules_are_checked_on_spark_as_here(spark, tmp_path):
    entries, deals = random_histories(11, deals=80)
    history, known = history_frame(entries), as_frame(deals, amount="float64")
    done = pd.DataFrame({"deal_id": [f"D{n % 80}" for n in range(300)],
                         "type": ["Visit", "call", "note"] * 100,
                         "happened_day": [20_000 + n % 30 for n in range(300)]})  # fmt: skip
    key = ["rule_id", "deal_id", "seq"]
    there, here = (
        rule_checks(
            visits(table, known, as_of=AS_OF, dimensions=("region", "pipeline")),
            done, rules=RULES, as_of=AS_OF,
        )
        for table in (given("spark", history, tmp_path, spark), history)
    )  # fmt: skip

    assert as_rows(collect(there, key)) == as_rows(collect(here, key))
    period = Period("", EPOCH, AS_OF, "month")
    rates = [rule_compliance(checks, period=period, by=["rule_id"]) for checks in (there, here)]
    pd.testing.assert_frame_equal(*rates)


def test_series_are_forecast_on_the_cluster_as_here(spark):
    rng = np.random.default_rng(3)
    step = np.arange(30)
    season = 20 * np.sin(2 * np.pi * step / 12)
    rows = pd.concat(
        [pd.DataFrame({"series": f"s{number}", "step": step,
                       "value": 100 + season + rng.normal(0, 4, len(step))})
         for number in range(5)]
    )  # fmt: skip
    rows = rows[(rows["series"] != "s4") | (rows["step"] < 20)]  # one has ended

    there, here = (
        (found if isinstance(found, pd.DataFrame) else found.toPandas())
        .sort_values(["series", "ahead"]).reset_index(drop=True)
        for found in (forecast_frame(table, 3, season=12, part=3)
                      for table in (spark.createDataFrame(rows), rows))
    )  # fmt: skip

    assert there["series"].tolist() == ["s0"] * 3 + ["s1"] * 3 + ["s2"] * 3 + ["s3"] * 3 + ["s4"]
    assert there["problem"].dropna().tolist() == ["ended"]
    numbers = ["value", "low80", "high80", "low95", "high95"]
    pd.testing.assert_frame_equal(there[numbers], here[numbers].astype("float64"), rtol=1e-5)
