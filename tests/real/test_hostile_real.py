"""Public files that spreadsheet programs and exports have damaged, as they lie."""

import csv
import shutil

import duckdb
import pytest

from salesops_kit.sources.importer import import_exports
from salesops_kit.sources.tabular import open_sheets

pytestmark = pytest.mark.realdata
OLIST = """
[[files]]
path = "olist_closed_deals_excel_mangled.csv"
table = "deals"
[files.columns]
deal_id = "mql_id"
owner_id = "sr_id"
closed_at = "won_date"
[files.constants]
stage = "won"
"""
TWEETS = """
[[files]]
path = "Tweets.csv"
table = "feedback"
[files.columns]
feedback_id = "tweet_id"
text = "text"
answered_at = "tweet_created"
"""
DEALS = "deal_id,name,stage_label,created_at\n1,A,Qualification,2025-09-01\n"


def test_dates_that_a_spreadsheet_program_rewrote_are_the_same_days(real_data, tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    shutil.copy(real_data / "olist_funnel" / "olist_closed_deals_excel_mangled.csv", folder)
    (folder / "mapping.toml").write_text(OLIST)
    result = import_exports("tables", folder, into=tmp_path / "workspace")
    original = real_data / "olist_funnel" / "olist_closed_deals_dataset.csv"
    different = duckdb.sql(
        "SELECT count(*) FROM read_csv(?, all_varchar=true) o "
        f"JOIN '{tmp_path}/workspace/tables/deals.parquet' d ON d.deal_id = o.mql_id "
        "WHERE date_trunc('minute', o.won_date::TIMESTAMP) <> d.closed_at",
        params=[str(original)],
    ).fetchall()

    assert (result.files[0]["rows_read"], result.files[0]["rejected"]) == (842, 0)
    assert different == [(0,)]


def test_ids_ruined_to_scientific_notation_are_all_refused(real_data, tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    shutil.copy(real_data / "en_twitter_airline" / "Tweets.csv", folder)
    (folder / "deals.csv").write_text(DEALS)
    (folder / "mapping.toml").write_text(TWEETS)
    result = import_exports("tables", folder, into=tmp_path / "workspace")
    (entry,) = (f for f in result.files if f["file"] == "Tweets.csv")

    assert (entry["rows_read"], entry["accepted"]) == (14_640, 0)
    with (tmp_path / "workspace/rejects/Tweets.csv.csv").open(encoding="utf-8-sig") as lines:
        rejects = list(csv.DictReader(lines))
    assert len(rejects) == 14_640
    assert {r["reason"].split("(")[0].strip() for r in rejects} == {
        "the id was ruined by a spreadsheet program"
    }
    assert rejects[0]["value"] == "5.70306E+17"


def test_an_old_workbook_is_read_with_all_its_sheets(real_data, tmp_path):
    path = real_data / "superstore_zh" / "示例-超市.xls"
    sheets = {s.sheet: s for s in open_sheets(path, path.name, tmp_path)}

    assert list(sheets) == ["订单", "退货", "销售人员"]
    with sheets["订单"].path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert sum(float(row["销售额"]) for row in rows) == pytest.approx(16_117_548, abs=1)
    assert rows[0]["订单日期"] == "2017-04-27"
