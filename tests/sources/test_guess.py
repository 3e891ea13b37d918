"""Proposed mappings against answers written by hand; what is sure must be right."""

import tomllib

import pytest

from salesops_kit.errors import DataError
from salesops_kit.settings import settings_from
from salesops_kit.sources import guess
from salesops_kit.sources.guess import SURE, doubtful, known_dialect, propose, written
from salesops_kit.sources.importer import import_exports

DEALS = (
    "Opp No,Client,Sales Rep,Deal Stage,Value,Opened,Closed,Colour\n"
    '7001,Acme,Ann,Qualification,"1,200",2025-09-01,,red\n'
    "7002,Bolt,Ben,Closed Won,900,2025-08-01,2025-09-20,blue\n"
)
CHINESE = (
    "商机编号,客户,业务员,阶段,合同金额,立项日期\n"
    "1,甲,王伟,商务谈判,1200,2025年9月1日\n2,乙,李敏,赢单,900,2025年8月1日\n"
)


def files(tmp_path, **contents):
    for name, text in contents.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return tmp_path


def mapped(found):
    return {line.column: line.header for line in found.lines if line.confidence >= SURE}


def test_headers_nobody_has_seen_are_mapped_by_name_and_value(tmp_path):
    (found,) = propose(files(tmp_path, pipeline=DEALS))

    assert found.table == "deals"
    assert mapped(found) == {
        "deal_id": "Opp No", "account_name": "Client", "owner_name": "Sales Rep",
        "stage_label": "Deal Stage", "amount_source": "Value", "created_at": "Opened",
        "closed_at": "Closed",
    }  # fmt: skip
    assert found.left == ["Colour"]


def test_chinese_headers_are_mapped_too(tmp_path):
    (found,) = propose(files(tmp_path, 商机清单=CHINESE))

    assert mapped(found) == {
        "deal_id": "商机编号", "account_name": "客户", "owner_name": "业务员",
        "stage_label": "阶段", "amount_source": "合同金额", "created_at": "立项日期",
    }  # fmt: skip


def test_the_proposal_is_a_mapping_file_that_the_import_reads(tmp_path):
    folder = files(tmp_path, pipeline=DEALS)
    (folder / "mapping.toml").write_text(written(propose(folder)), encoding="utf-8")
    result = import_exports("tables", folder, into=tmp_path / "workspace")

    assert result.files[0]["accepted"] == 2
    assert result.unknown_columns == ["pipeline.csv: Colour"]


def test_a_column_whose_values_do_not_fit_is_not_sure(tmp_path):
    text = DEALS.replace('"1,200"', "much").replace(",900,", ",more,")
    (found,) = propose(files(tmp_path, pipeline=text))

    assert "amount_source" not in mapped(found)


def test_doubtful_lines_are_comments_until_somebody_confirms_them(tmp_path):
    text = "order id,sales region name,sales\n1,East,5\n2,West,6\n"
    guesses = propose(files(tmp_path, orders=text))
    asked = doubtful(guesses)
    plain = tomllib.loads(written(guesses))["files"][0]["columns"]
    taken = tomllib.loads(written(guesses, [line for _, line in asked]))["files"][0]["columns"]

    assert set(taken) - set(plain) == {line.column for _, line in asked}


def test_stage_labels_nobody_knows_are_listed_for_the_settings(tmp_path):
    text = DEALS.replace("Qualification", "First coffee")
    (found,) = propose(files(tmp_path, pipeline=text))

    assert found.labels == ["First coffee"]
    assert '# "First coffee" = "STAGE"' in written([found])


def test_a_file_that_is_nothing_of_ours_is_left_out_with_the_reason(tmp_path):
    (found,) = propose(files(tmp_path, weather="day,rain\n2025-09-01,3\n"))

    assert (found.table, found.left) == ("", ["day", "rain"])
    assert "# weather.csv: left out" in written([found])


def test_names_with_quotes_survive_the_mapping_file(tmp_path):
    text = DEALS.replace("Client", '"the ""client"""')
    assert tomllib.loads(written(propose(files(tmp_path, pipeline=text))))


def test_an_export_of_a_known_system_is_recognised(tmp_path):
    text = "Record Id,Deal Name,Stage,Amount,Closing Date,Created Time\n1,A,Qualification,1,,\n"

    assert known_dialect(files(tmp_path, Deals=text))[0] == "zoho"


# -- public data, right answers by hand ----------------------------------------------------------
RIGHT = {
    "maven_crm": {
        "accounts.csv": {"account_id": "account", "name": "account", "industry": "sector",
                         "country": "office_location", "annual_revenue": "revenue",
                         "employees": "employees", "parent_id": "subsidiary_of"},
        "products.csv": {"product_id": "product", "name": "product", "category": "series",
                         "list_price": "sales_price"},
        "sales_pipeline.csv": {"deal_id": "opportunity_id", "owner_name": "sales_agent",
                               "product": "product", "account_name": "account",
                               "stage_label": "deal_stage", "created_at": "engage_date",
                               "closed_at": "close_date", "amount_source": "close_value"},
        "sales_teams.csv": {"rep_id": "sales_agent", "name": "sales_agent", "team": "manager",
                            "region": "regional_office"},
    },
    "olist_funnel": {
        "olist_closed_deals_dataset.csv": {"deal_id": "mql_id", "closed_at": "won_date",
                                           "segment": "business_segment", "type": "lead_type",
                                           "owner_id": "sr_id", "account_id": "seller_id"},
        "olist_marketing_qualified_leads_dataset.csv": {
            "lead_id": "mql_id", "created_at": "first_contact_date", "source": "origin",
            "channel": "landing_page_id"},
    },
    "superstore_en": {
        "Sample-Superstore.csv": {"order_id": "Order ID", "ordered_at": "Order Date",
                                  "delivered_on": "Ship Date", "account_id": "Customer ID",
                                  "account_name": "Customer Name", "product": "Product Name",
                                  "amount": "Sales", "quantity": "Quantity"},
    },
    "superstore_zh": {
        "示例-超市.xls订单": {"order_id": "订单 ID", "ordered_at": "订单日期",
                          "delivered_on": "发货日期", "account_id": "客户 ID",
                          "account_name": "客户名称", "product": "产品名称", "amount": "销售额",
                          "quantity": "数量"},
    },
    "xeducation_leads": {
        "Leads.csv": {"lead_id": "Prospect ID", "source": "Lead Source",
                      "is_converted": "Converted"},
    },
}  # fmt: skip


@pytest.mark.realdata
def test_what_is_sure_is_right_on_public_data(real_data):
    """Precision of sure lines and recall of all, over five data sets of very different shape."""
    right = sure = wanted = 0
    for folder, answers in RIGHT.items():
        for found in propose(real_data / folder):
            truth = answers.get(f"{found.file}{found.sheet}")
            if truth is None:
                continue
            got = mapped(found)
            right += sum(truth.get(column) == header for column, header in got.items())
            sure += len(got)
            wanted += len(truth)

    assert right / sure >= 0.95, f"{right} of {sure} sure lines are right"
    assert right / wanted >= 0.8, f"{right} of {wanted} columns are found"


@pytest.mark.realdata
def test_the_proposal_for_a_public_crm_imports_all_its_deals(real_data, tmp_path):
    settings = settings_from({"stage_labels": {"Engaging": "needs"},
                              "company": {"currency": "USD"}})  # fmt: skip
    mapping = tmp_path / "mapping.toml"
    guesses = [g for g in propose(real_data / "maven_crm") if g.table]
    mapping.write_text(written(guesses), encoding="utf-8")
    result = import_exports("tables", real_data / "maven_crm", into=tmp_path / "w",
                            settings=settings, mapping=mapping)  # fmt: skip

    assert result.tables["deals"]["rows"] == 8800
    assert guess.known_dialect(real_data / "maven_crm") == ("", "")


def test_a_file_whose_rows_nothing_tells_apart_is_left_out(tmp_path):
    (words,) = propose(files(tmp_path, dictionary="Table,Field,Description\ndeals,amount,Worth\n"))

    assert (words.table, words.left) == ("", ["Table", "Field", "Description"])


def test_a_list_of_returned_orders_is_no_list_of_orders(tmp_path):
    (found,) = propose(files(tmp_path, 订单退货="订单 ID,退回\nA1,是\nA2,是\n"))

    assert found.table == ""


def test_a_number_of_its_own_is_the_id_and_not_the_name(tmp_path):
    text = "Opportunity Number,Opportunity Result,Region\n7001,Won,East\n7002,Lost,West\n"
    (found,) = propose(files(tmp_path, opportunities=text))
    (key,) = (line for line in found.lines if line.column == "deal_id")

    assert key.header == "Opportunity Number"
    assert key.reason == "every row has another value, and it is called an id"


def test_a_mapping_that_leaves_out_what_deals_need_is_refused_with_the_remedy(tmp_path):
    folder = files(tmp_path, closed_deals="mql_id,won_date\nabc,2018-02-01\n")
    entry = '[[files]]\npath = "closed_deals.csv"\ntable = "deals"\n'
    columns = '[files.columns]\ndeal_id = "mql_id"\nclosed_at = "won_date"\n'
    (folder / "mapping.toml").write_text(entry + columns, encoding="utf-8")
    with pytest.raises(DataError) as refused:
        import_exports("tables", folder, into=tmp_path / "workspace")

    assert (
        "closed_deals.csv (deals needs stage: name the header in "
        "the mapping under [files.columns], or give every row the same under [files.constants])"
    ) in str(refused.value)


@pytest.mark.parametrize("title", ["Phone number", "手机号码"])
def test_a_telephone_number_is_no_id(tmp_path, title):
    """Every customer of a sample has another, and two of a group may still share one."""
    text = f"Account,{title},Industry\n" + "".join(
        f"Firm {n},138001300{n},Tech\n" for n in range(10, 40)
    )
    (found,) = propose(files(tmp_path, accounts=text))
    (key,) = (line for line in found.lines if line.column == "account_id")

    assert key.header == "Account"
