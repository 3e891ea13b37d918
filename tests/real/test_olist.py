"""Olist's funnel (8,000 leads, 842 won deals, no losses): every figure against plain SQL."""

import duckdb
import pytest
from demo_report import report_of

from salesops_kit.analyses.funnel import analyse_funnel
from salesops_kit.analyses.readiness import analyse_readiness
from salesops_kit.metrics.leads import lead_conversion, leads_created
from salesops_kit.periods import Period
from salesops_kit.reporting.runner import ReportSpec
from salesops_kit.workspace import open_period, open_workspace

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def funnel(olist):
    opened, month = open_period(olist, "2018-05")
    return analyse_funnel(opened, period=month)


@pytest.fixture(scope="module")
def sql(real_data):
    folder = real_data / "olist_funnel"
    connection = duckdb.connect()
    connection.execute(
        f"CREATE TABLE leads AS SELECT mql_id, first_contact_date::DATE AS came, origin "
        f"FROM '{folder}/olist_marketing_qualified_leads_dataset.csv'"
    )
    connection.execute(
        "CREATE TABLE won AS SELECT mql_id, won_date::TIMESTAMP::DATE AS won, business_segment "
        f"FROM '{folder}/olist_closed_deals_dataset.csv'"
    )
    return connection


def test_one_lead_in_ten_became_a_deal(olist):
    opened = open_workspace(olist)
    whole = Period(
        "all", opened.as_of.replace(2017, 1, 1), opened.as_of.replace(2019, 1, 1), "year"
    )
    table = lead_conversion(opened.table("leads"), period=whole, as_of=opened.as_of)

    assert table[["leads", "converted"]].to_numpy().tolist() == [[8000, 842]]
    assert table["conversion_rate"].iloc[0] == pytest.approx(0.10525)


def test_leads_and_conversion_by_origin_equal_sql(olist, sql):
    opened, month = open_period(olist, "2018-05")
    expected = sql.execute(
        "SELECT origin, count(*), count(won) FROM leads LEFT JOIN "
        "(SELECT * FROM won WHERE won <= DATE '2018-05-31') USING (mql_id) "
        "WHERE came >= DATE '2018-05-01' AND came < DATE '2018-06-01' "
        "GROUP BY 1 ORDER BY 1 NULLS LAST"
    ).fetchall()

    leads = opened.table("leads")
    created = leads_created(leads, period=month, by=["source"])
    told = lead_conversion(leads, period=month, as_of=opened.as_of, by=["source"])
    columns = told[["source", "leads", "converted"]].astype(object)
    assert [tuple(row) for row in columns.to_numpy()] == expected
    assert created["leads"].sum() == sum(n for _, n, _ in expected)


def test_deals_won_and_their_cycle_equal_sql(funnel, sql):
    won, median = sql.execute(
        "SELECT count(*), quantile_cont(won - came, 0.5) FROM won JOIN leads USING (mql_id) "
        "WHERE won >= DATE '2018-05-01' AND won < DATE '2018-06-01'"
    ).fetchone()

    now = funnel.trend.iloc[-1]
    assert (now["won"], now["cycle_median"]) == (won, median)


def test_without_lost_deals_nothing_is_diagnosed(funnel):
    assert funnel.diagnosis is None
    assert not any(f.kind.startswith("leak_") for f in funnel.findings)


def test_without_lost_deals_no_win_rate_is_told(olist, funnel):
    opened, _ = open_period(olist, "2018-05")
    questions = analyse_readiness(opened).questions.set_index("question")

    assert questions.loc["win_rate", "answer"] == "no"
    assert questions.loc["win_rate", "why"]["en"] == "the export holds no lost deal"
    assert funnel.trend["win_rate"].isna().all()
    assert funnel.groups == {}
    assert funnel.variants.empty


def test_the_deal_won_before_its_contact_is_kept_and_flagged(olist, sql):
    early = sql.execute("SELECT count(*) FROM won JOIN leads USING (mql_id) WHERE won < came")

    defects = analyse_readiness(open_workspace(olist)).defects.set_index("defect")
    assert defects.loc["closed_before_created", "count"] == early.fetchone()[0] == 1


def test_a_report_in_chinese_is_published(olist, tmp_path):
    spec = ReportSpec(workspace=olist, period="2018-05", language="zh", into=tmp_path)

    result = report_of(spec)

    assert result.path == tmp_path / "olist" / "2018-05-zh"
    assert "导出数据中没有输单商机" in (result.path / "00_readiness.html").read_text("utf-8")
