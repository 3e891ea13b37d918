"""Maven CRM: the change of bookings and the pipeline's steps against plain SQL."""

import duckdb
import pytest

from salesops_kit.analyses.bridge import analyse_bridge
from salesops_kit.analyses.pipeline_waterfall import analyse_pipeline_waterfall
from salesops_kit.workspace import open_period

pytestmark = pytest.mark.realdata
START, END = "2017-10-01", "2018-01-01"


@pytest.fixture(scope="module")
def quarter(maven):
    return open_period(maven, "2017-Q4")


@pytest.fixture(scope="module")
def bridge(quarter):
    return analyse_bridge(quarter[0], period=quarter[1])


@pytest.fixture(scope="module")
def sql(real_data):
    connection = duckdb.connect()
    path = real_data / "maven_crm" / "sales_pipeline.csv"
    connection.execute(f"CREATE TABLE deals AS SELECT * FROM '{path}'")
    return connection


def levels(sql, start, end, limit):
    """Opportunities, share resolved, win rate and size of a quarter."""
    return sql.execute(
        f"""WITH seen AS (
            SELECT *, coalesce(close_date >= DATE '{start}' AND close_date < DATE '{end}', false)
                AS resolved,
                engage_date >= DATE '{start}' - {limit} AND engage_date < DATE '{end}'
                AND coalesce(close_date >= DATE '{end}', true) AS living
            FROM deals)
        SELECT count(*), avg(resolved::INT), avg((deal_stage = 'Won')::INT) FILTER (resolved),
            avg(close_value) FILTER (resolved AND deal_stage = 'Won')
        FROM seen WHERE resolved OR living"""
    ).fetchone()


def test_the_levels_of_both_quarters_equal_sql(bridge, sql):
    age = "close_date - engage_date"
    [limit] = sql.execute(f"SELECT ceil(quantile_cont({age}, 0.95)) FROM deals").fetchone()
    factors = bridge.comparisons["previous"].factors.set_index("factor")
    factors = factors.drop("mix")

    assert bridge.limit == limit
    assert factors["before"].tolist() == pytest.approx(
        levels(sql, "2017-07-01", START, bridge.limit)
    )
    assert factors["after"].tolist() == pytest.approx(levels(sql, START, END, bridge.limit))


def test_the_parts_add_up_to_the_change_that_sql_gives(bridge, sql):
    sums = dict(
        sql.execute(
            "SELECT quarter(close_date), sum(close_value) FROM deals "
            "WHERE deal_stage = 'Won' AND year(close_date) = 2017 GROUP BY 1"
        ).fetchall()
    )
    for row in bridge.dimensions.to_dict("records"):
        parts = sum(row[f] for f in ("volume", "mix", "speed", "win_rate", "size"))
        assert parts == pytest.approx(sums[4] - sums[3])
    assert bridge.dimensions["dimension"].tolist() == ["product", "team"]


def test_the_steps_of_the_pipeline_equal_sql(quarter, sql):
    found = analyse_pipeline_waterfall(quarter[0], period=quarter[1])
    start, new, won, lost, end = sql.execute(
        f"""SELECT
            count(*) FILTER (coalesce(engage_date < DATE '{START}', true)
                AND coalesce(close_date >= DATE '{START}', true)),
            count(*) FILTER (engage_date >= DATE '{START}'),
            count(*) FILTER (deal_stage = 'Won' AND close_date >= DATE '{START}'),
            count(*) FILTER (deal_stage = 'Lost' AND close_date >= DATE '{START}'),
            count(*) FILTER (close_date IS NULL) FROM deals"""
    ).fetchone()

    rows = found.steps[found.steps["view"] == "all"].set_index("step")["deals"]
    assert rows[["start", "new", "won", "lost", "end"]].tolist() == [start, new, -won, -lost, end]
    # neither history nor expected close: nothing can be said of what was due or pushed
    assert found.pushes.empty
    assert {f.kind for f in found.findings} == {"whole", "unseen"}
