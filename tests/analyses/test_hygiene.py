"""Records that are hard to use: each rule on hand-made records, and the work list of owners."""

import csv

import pandas as pd
import pytest
from python_calamine import CalamineWorkbook
from support import write_workspace

from salesops_kit.analyses import defects
from salesops_kit.analyses import work_list as listing
from salesops_kit.analyses.defects import defect_checks
from salesops_kit.analyses.hygiene import canonical_value
from salesops_kit.analyses.work_list import work_list
from salesops_kit.reporting import work_list as writing
from salesops_kit.reporting.work_list import write_work_list
from salesops_kit.workspace import open_workspace

DEAL = {"deal_id": "d1", "name": "Alpha", "stage": "needs", "status": "open", "owner_id": "r1",
        "created_at": "2025-09-01", "amount": 5.0, "expected_close_on": "2025-12-01"}  # fmt: skip


def flagged(tmp_path, tables, settings=""):
    """Return the ids that each check flags."""
    folder = write_workspace(tmp_path / "w", {"deals": [DEAL], **tables}, settings=settings)
    checks = defect_checks(open_workspace(folder))
    found = {c.name: c.records()[c.key].tolist() for c in checks}
    return {name: ids for name, ids in found.items() if ids}


def contact(contact_id, email, **more):
    return {"contact_id": contact_id, "email": email, "country": "China", "lifecycle": "lead",
            "owner_id": "r1", **more}  # fmt: skip


REAL = ["ana.li@acme.com", "o'neil@acme.co.uk", "x@sub.acme.museum", "li+crm@acme.cn",
        "a_b@acme.io", "wang@acme.xn--fiqs8s", "a@acme.travel", "a@acme.cam", "b@acme.info",
        "josé@acme.es", "a&b@acme.com", "li@公司.cn", "王@例子.中国"]  # fmt: skip
IMPOSSIBLE = ["ana.li@acme.cim", "ana@acme.nte", "ana@acme.ii", "ana@acme", "ana acme.com",
              "@acme.com", "ana@@acme.com", "ana@acme..com", "ana..li@acme.com", ".ana@acme.com",
              "ana.@acme.com", "ana@acme,com", "ana@acme.com;li@acme.com", "<ana@acme.com>", "n/a",
              "ana@acme.comm", "ana@acme.ogr", "ana@acme.con"]  # fmt: skip


def test_impossible_addresses_are_flagged_and_real_ones_are_not(tmp_path):
    rows = [contact(email, email) for email in [*REAL, *IMPOSSIBLE]]

    assert flagged(tmp_path, {"contacts": rows})["contact_email_invalid"] == sorted(IMPOSSIBLE)


def test_the_oldest_of_equal_addresses_is_left_alone(tmp_path):
    rows = [contact("9", "Li@acme.com"), contact("10", "li@acme.com"), contact("11", "LI@acme.com")]
    found = flagged(tmp_path, {"contacts": rows})

    assert found["contact_email_double"] == ["10", "11"]
    assert found["contact_email_untidy"] == ["9"]


def test_functions_are_told_from_persons(tmp_path):
    rows = [contact("1", "info@acme.com"), contact("2", "infanta@acme.com"),
            contact("3", "sales2@acme.com"), contact("4", "careers@acme.com"),
            contact("5", "sales.cn@acme.com"), contact("6", "sales.li@acme.com")]  # fmt: skip

    assert flagged(tmp_path, {"contacts": rows})["contact_email_role"] == ["1", "3", "4", "5"]


def test_a_column_that_hardly_anybody_fills_is_not_asked_for(tmp_path):
    rows = [contact(str(i), f"p{i}@acme.com", lifecycle=None if i else "lead") for i in range(9)]

    assert "contact_no_lifecycle" not in flagged(tmp_path, {"contacts": rows})


def test_rarer_spellings_of_a_country_are_flagged_in_any_language(tmp_path):
    spelt = ["United States"] * 3 + ["USA", "u.s.", "美国", "France", "Франция"]
    rows = [contact(str(i), f"p{i}@acme.com", country=c) for i, c in enumerate(spelt)]

    assert flagged(tmp_path, {"contacts": rows})["contacts_country_spelling"] == ["3", "4", "5"]


@pytest.mark.parametrize("slip", ["Germny", "Gemrany", "Germanyy", "Garmany"])
def test_a_mistyped_country_is_flagged_where_the_right_one_is_frequent(tmp_path, slip):
    countries = ["Germany"] * 5 + [slip, "Gambia", "Zambia", "Ireland", "Iceland"]
    rows = [contact(str(i), f"p{i}@acme.com", country=c) for i, c in enumerate(countries)]

    assert flagged(tmp_path, {"contacts": rows})["contacts_country_spelling"] == ["5"]


def test_real_countries_of_like_names_are_no_slips_of_each_other(tmp_path):
    countries = ["Zambia"] * 9 + ["Gambia"] + ["Ireland"] * 9 + ["Iceland"]
    rows = [contact(str(i), f"p{i}@acme.com", country=c) for i, c in enumerate(countries)]

    assert "contacts_country_spelling" not in flagged(tmp_path, {"contacts": rows})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("U.K.", "United Kingdom", True), ("UAE", "United Arab Emirates", True),
     ("中国大陆", "PRC", True), ("IE", "Ireland", True), ("Österreich", "奥地利", True),
     ("Côte d’Ivoire", "Cote d'Ivoire", True), ("Korea, South", "KOR", True),
     ("Niger", "Nigeria", False), ("", "China", False)],
)  # fmt: skip
def test_names_of_countries_are_folded(one, other, same):
    assert (canonical_value("country", one) == canonical_value("country", other)) is same


def test_companies_are_doubled_by_domain_and_varied_by_legal_form(tmp_path):
    accounts = [
        {"account_id": "1", "name": "Acme Ltd", "domain": "acme.com"},
        {"account_id": "2", "name": "ACME, Inc.", "domain": "acme-hq.com"},
        {"account_id": "3", "name": "Something else", "domain": "https://www.acme.com/de"},
        {"account_id": "4", "name": "宏达制药有限公司", "domain": "hd.cn"},
        {"account_id": "5", "name": "宏达制药股份有限公司", "domain": "hongda.cn"},
        {"account_id": "6", "name": "宏达食品有限公司", "domain": "hdfood.cn"},
    ]
    found = flagged(tmp_path, {"accounts": accounts})

    assert found["account_domain_double"] == ["3"]
    assert found["account_name_variant"] == ["2", "5"]


def test_names_are_compared_where_a_domain_is_missing(tmp_path):
    accounts = [
        {"account_id": "1", "name": "Acme Ltd", "domain": "acme.com"},
        {"account_id": "2", "name": "ACME, Inc."},
        {"account_id": "3", "name": "宏达制药有限公司"},
        {"account_id": "4", "name": "宏达制药股份有限公司"},
    ]

    assert flagged(tmp_path, {"accounts": accounts})["account_name_variant"] == ["2", "4"]


@pytest.mark.parametrize(("hour", "found"), [("00:00:00", False), ("18:12:01", True)])
def test_changes_known_by_the_day_alone_are_no_bulk_edit(tmp_path, hour, found):
    history = [
        {"deal_id": f"d{i}", "seq": 1, "stage": "needs", "stage_rank": 10,
         "stage_category": "open", "entered_at": f"2025-09-10 {hour}", "changed_by": "office"}
        for i in range(30)
    ]  # fmt: skip

    assert ("bulk_edit" in flagged(tmp_path, {"stage_history": history})) is found


def test_only_the_rare_exceptions_of_an_owner_are_misrouted(tmp_path):
    usual = [("anna", "France")] * 30 + [("ben", "Japan")] * 30 + [("carl", "France")] * 3
    odd = [("anna", "Japan")] * 2
    rows = [
        contact(str(i), f"p{i}@acme.com", owner_id=owner, country=country)
        for i, (owner, country) in enumerate(usual + odd)
    ]

    # carl has too few records to be known anywhere
    assert flagged(tmp_path, {"contacts": rows})["contacts_country_routing"] == ["63", "64"]


def test_quiet_records_depend_on_the_limits_of_the_settings(tmp_path):
    tables = {
        "deals": [DEAL | {"last_activity_at": "2025-09-30"},
                  DEAL | {"deal_id": "d2", "last_activity_at": "2025-08-01"}],
        "contacts": [contact("1", "a@acme.com", last_activity_at="2025-08-01")],
    }  # fmt: skip

    assert flagged(tmp_path, tables)["deal_quiet"] == ["d2"]
    strict = "[thresholds]\nquiet_contact_days = 10\nquiet_deal_days = 90\n"
    found = flagged(tmp_path / "strict", tables, strict)
    assert (found["contact_quiet"], "deal_quiet" in found) == (["1"], False)


# -- work list ---------------------------------------------------------------------------------


@pytest.fixture
def workspace(tmp_path):
    tables = {
        "deals": [DEAL | {"amount": None}, DEAL | {"deal_id": "d2", "owner_id": None},
                  DEAL | {"deal_id": "d3", "name": "=HYPERLINK(1)", "amount": None}],
        "reps": [{"rep_id": "r1", "name": "王伟", "team": "East"}],
    }  # fmt: skip
    return open_workspace(write_workspace(tmp_path / "w", tables))


def test_the_work_list_says_who_has_to_mend_what(workspace):
    rows = work_list(workspace, "zh")

    amounts = rows[rows["defect"] == "进行中无金额"]
    assert amounts[["owner", "table", "id", "name"]].to_numpy().tolist() == [
        ["王伟", "商机", "d1", "Alpha"], ["王伟", "商机", "d3", "=HYPERLINK(1)"]
    ]  # fmt: skip
    assert rows.loc[rows["id"] == "d2", "owner"].tolist() == ["未分配"]


def test_the_work_list_is_written_per_owner_and_as_a_workbook_without_formulas(workspace, tmp_path):
    book = write_work_list(work_list(workspace, "en"), tmp_path / "out", "en")

    with (tmp_path / "out/work_list/王伟.csv").open(encoding="utf-8-sig") as file:
        names = [row["name"] for row in csv.DictReader(file)]
    assert "'=HYPERLINK(1)" in names
    cells = CalamineWorkbook.from_path(str(book)).get_sheet_by_index(0).to_python()
    assert cells[0] == ["owner", "weight", "records of", "record id", "name", "what is wrong",
                        "what to do"]  # fmt: skip
    assert ["王伟", "d3", "=HYPERLINK(1)"] in [[r[0], r[3], r[4]] for r in cells]


def row(owner, record, name=""):
    return {"owner": owner, "severity": "note", "table": "deals", "id": record, "name": name,
            "defect": "no owner", "action": "mend"}  # fmt: skip


def sheets(book):
    opened = CalamineWorkbook.from_path(str(book))
    return [opened.get_sheet_by_index(n).to_python() for n in range(len(opened.sheet_names))]


def test_owners_of_like_names_have_a_file_each(tmp_path):
    rows = pd.DataFrame([row("A B", "1"), row("A/B", "2"), row("a b", "3"), row("../..", "4")])
    write_work_list(rows, tmp_path, "en")

    files = {p.name: p.read_text("utf-8-sig").count("\n") for p in tmp_path.glob("work_list/*")}
    assert files == {"A_B.csv": 2, "A_B_2.csv": 2, "a_b_3.csv": 2, "_.csv": 2}


def test_a_name_too_long_for_a_cell_is_cut_and_the_rest_of_its_row_kept(tmp_path):
    book = write_work_list(pd.DataFrame([row("A", "1", "x" * 40_000)]), tmp_path, "en")

    cells = sheets(book)[0][1]
    assert (len(cells[4]), cells[5:]) == (32_767, ["no owner", "mend"])


def test_a_long_list_has_its_gravest_rows_in_the_workbook_and_all_in_the_files(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(writing, "MOST_ROWS", 2)
    given = [row("A", str(n)) for n in range(5)]
    given[3]["severity"] = "critical"
    book = write_work_list(pd.DataFrame(given), tmp_path, "en")

    (cells,) = sheets(book)
    assert [r[3] for r in cells[1:3]] == ["0", "3"]
    assert cells[3][0] == "3 more rows stand in the CSV files per owner"
    assert (tmp_path / "work_list" / "A.csv").read_text("utf-8-sig").count("\n") == 6


def test_records_beyond_the_longest_list_are_counted(tmp_path, monkeypatch):
    deals = [DEAL | {"deal_id": f"d{n}", "owner_id": None, "owner_name": None} for n in range(5)]
    opened = open_workspace(write_workspace(tmp_path / "w", {"deals": deals}))
    monkeypatch.setattr(listing, "MOST_LISTED", 2)
    monkeypatch.setattr(defects.Check.records, "__defaults__", (2,))

    rows = work_list(opened, "en")

    told = rows[rows["id"] == "–"]
    assert told["action"].str.startswith("3 more records of this kind").any()


def test_a_list_without_any_reps_names_owners_as_exported(tmp_path):
    deals = [DEAL | {"amount": None, "owner_id": None, "owner_name": "Li"}]
    rows = work_list(open_workspace(write_workspace(tmp_path / "w", {"deals": deals})), "en")

    assert set(rows["owner"]) == {"Li"}


def test_a_workspace_without_defects_gives_an_empty_list(tmp_path):
    sound = open_workspace(write_workspace(tmp_path / "w", {"deals": [DEAL]}))
    book = write_work_list(work_list(sound, "en"), tmp_path / "out", "en")

    assert len(CalamineWorkbook.from_path(str(book)).get_sheet_by_index(0).to_python()) == 1
