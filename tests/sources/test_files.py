"""Workbooks, encodings, separators, and files that are not what their name says."""

# ruff: noqa: DTZ001 - times of the workspace carry no zone

import io
from datetime import date, datetime

import pytest
import xlsxwriter

from salesops_kit.errors import DataError
from salesops_kit.sources.importer import import_exports

HEADER = "Record Id,Deal Name,Amount,Created Time,Stage"
ROW = "554023000001,Räder,12.5,2025-03-01 09:30:00,Qualification"
TEXT = f"{HEADER}\n{ROW}\n"
FIGURES = [("554023000001", "Räder", 12.5, datetime(2025, 3, 1, 9, 30), "qualification")]
COLUMNS = "deal_id, name, amount, created_at, stage"


def workbook(sheets):
    """Return an .xlsx whose sheets hold rows of cells, from the row and column given."""
    data = io.BytesIO()
    with xlsxwriter.Workbook(data, {"default_date_format": "yyyy-mm-dd hh:mm:ss"}) as book:
        for title, (first, rows) in sheets.items():
            sheet = book.add_worksheet(title)
            for number, cells in enumerate(rows, start=first):
                for place, cell in enumerate(cells):
                    if cell is not None:
                        sheet.write(number, place, cell)
    return data.getvalue()


DEAL_TITLES = ["数据ID", "商机名称（必填）", "商机金额", "创建时间", "商机阶段", "赢率"]


def test_a_workbook_is_read_with_its_types_and_its_own_row_numbers(run):
    rows = [
        DEAL_TITLES,
        ["f00001", "甲", 1200.5, datetime(2025, 3, 1, 9, 30), "商机确认", 0.2],
        [1.23456789012345678e17, "乙", 1, datetime(2025, 3, 1), "商机确认", 0.2],
        [],
        ["f00003", "丙", "十万", datetime(2025, 3, 2), "商机确认", None],
        ["小计", None, 1201.5],
        ["f00004", "丁", "1.2万", "2025/3/3 8:00", "需求确认", "30%"],
        [700000000005, "戊", 0, date(2025, 3, 4), "赢单", 1],
        ["合计", None, 13201.5],
    ]
    # two empty rows above the header
    imported = run("fxiaoke", {"商机2.0_20250630.xlsx": workbook({"Sheet1": (2, rows)})})
    assert imported.rows("deals", "deal_id, amount, created_at, stage, probability") == [
        ("700000000005", 0.0, datetime(2025, 3, 4), "won", 1.0),
        ("f00001", 1200.5, datetime(2025, 3, 1, 9, 30), "qualification", 0.2),
        ("f00004", 12000.0, datetime(2025, 3, 3, 8), "needs", 0.3),
    ]
    assert [(r["row"], r["column"], r["reason"].split(" (")[0]) for r in imported.rejects()] == [
        ("5", "数据ID", "the id was ruined by a spreadsheet program"),
        ("7", "商机金额", "this is not an amount"),
        ("8", "", "a subtotal row, not a record"),
        ("11", "", "a subtotal row, not a record"),
    ]
    entry = imported.file("商机2.0_20250630.xlsx")
    assert (entry["format"], entry["rows_read"], entry["accepted"]) == ("xlsx", 7, 3)


def test_two_sheets_of_a_workbook_are_two_tables(run):
    deals = [DEAL_TITLES[:5], ["f00001", "甲", 5, datetime(2025, 3, 1), "商机确认"]]
    accounts = [["数据ID", "客户名称", "行业"], ["a00001", "大厂", "制造"]]
    book = workbook({"商机": (0, deals), "客户": (0, accounts), "空": (0, [])})
    imported = run("fxiaoke", {"导出.xlsx": book})
    assert {f["file"]: f["table"] for f in imported.record["files"]} == {
        "导出.xlsx[商机]": "deals", "导出.xlsx[客户]": "accounts",
    }  # fmt: skip
    assert imported.rows("accounts", "account_id, name, industry") == [("a00001", "大厂", "制造")]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le-bom"]
)
def test_every_encoding_gives_the_same_table(run, encoding):
    text = TEXT.replace("Räder", "齿轮")
    data = (
        b"\xff\xfe" + text.encode("utf-16-le")
        if encoding.endswith("bom")
        else text.encode(encoding)
    )
    imported = run("zoho", {"Deals.csv": data})
    assert imported.rows("deals", COLUMNS) == [(FIGURES[0][0], "齿轮", *FIGURES[0][2:])]


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends_do_not_matter(run, sign, end):
    text = TEXT.replace(",", sign).replace("\n", end)
    imported = run("zoho", {"Deals.csv": text})
    assert imported.rows("deals", COLUMNS) == FIGURES


def test_empty_lines_above_the_header_only_move_the_row_numbers(run):
    again = ROW.replace("Qualification", "Needs Analysis")
    imported = run("zoho", {"Deals.csv": f"\n \n{HEADER}\n{ROW}\n{again}\n"})
    assert imported.rows("deals", COLUMNS) == FIGURES
    assert [(r["row"], r["reason"]) for r in imported.rejects()] == [
        ("5", "row 4 has the same Record Id, but another Stage")
    ]


def test_nul_bytes_and_quoted_line_breaks_are_survived(run):
    text = TEXT.replace("Räder", '"Rä\0der"') + (
        '554023000002,"two\nlines, ""quoted""",1,2025-03-01,Qualification\n'
    )
    imported = run("zoho", {"Deals.csv": text})
    assert imported.rows("deals", "deal_id, name") == [
        ("554023000001", "Räder"),
        ("554023000002", 'two\nlines, "quoted"'),
    ]


ODD = {
    "empty.csv": (b"", "empty.csv is empty; export it again"),
    "blank.csv": (b"\n \n", "blank.csv is empty; export it again"),
    "~$Deals.xlsx": (b"x", "lock file of an open workbook"),
    ".hidden.csv": (TEXT.encode(), "hidden file"),
    ".git/Deals.csv": (TEXT.encode(), "hidden file"),
    "Accounts.xls": (
        b"<html><table></table></html>",
        "Accounts.xls is a web page under another name; open it and save it as .xlsx or .csv",
    ),
    "notes.pdf": (b"%PDF", "neither CSV nor a workbook"),
    "Contacts.csv": (
        b"Record Id,Full Name\n1,\xb5\xff\xff\n",
        "Contacts.csv is neither UTF-8 nor GB18030 text throughout; "
        "export it again as UTF-8, or save it so in an editor",
    ),
    "weather.csv": (b"day,rain\n1,2\n", "its name and columns are those of no table"),
}  # fmt: skip


def test_files_that_cannot_be_used_are_listed_with_the_reason(run, tmp_path):
    outside = tmp_path / "Secret.csv"
    outside.write_text(TEXT)
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports" / "Orders.csv").symlink_to(outside)
    files = {name: content for name, (content, _) in ODD.items()}
    imported = run("zoho", {**files, "Deals.csv": TEXT})
    skipped = {s["file"]: s["reason"] for s in imported.record["skipped_files"]}
    expected = {name: reason for name, (_, reason) in ODD.items()}
    assert skipped == {**expected, "Orders.csv": "link that leads out of the folder"}
    assert imported.rows("deals", COLUMNS) == FIGURES


def test_a_broken_workbook_is_listed_not_raised(run):
    whole = workbook({"A": (0, [["Record Id"], ["1"]])})
    imported = run("zoho", {"Deals.csv": TEXT, "Accounts.xlsx": whole[: len(whole) // 2]})
    (skipped,) = imported.record["skipped_files"]
    assert skipped["file"] == "Accounts.xlsx"
    assert skipped["reason"].startswith("Accounts.xlsx cannot be read as a workbook (")


def test_a_header_without_rows_is_an_empty_table(run):
    imported = run("zoho", {"Deals.csv": TEXT, "Accounts.csv": "Record Id,Account Name\n"})
    entry = imported.file("Accounts.csv")
    assert (entry["table"], entry["rows_read"]) == ("accounts", 0)
    assert imported.rows("accounts") == []


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"weather.csv": "day,rain\n1,2\n"},
         "exports holds no table of deals; found: "
         "weather.csv (its name and columns are those of no table); "
         "every page is about deals (opportunities): export them too"),
        ({"Accounts.csv": "Record Id,Account Name\n100001,Firm\n"},
         "exports holds no table of deals; found: accounts; "
         "every page is about deals (opportunities): export them too"),
        ({"Deals.csv": HEADER + "\n"}, "no deal could be used"),
        ({"Deals.csv": HEADER + "\n1.23E+17,x,1,2025-03-01,Qualification\n"},
         "no deal could be used"),
    ],
    ids=["nothing of ours", "accounts only", "header only", "all rejected"],
)  # fmt: skip
def test_an_import_without_deals_is_refused_naming_what_was_found(write, tmp_path, files, message):
    with pytest.raises(DataError) as refused:
        import_exports("zoho", write(files), into=tmp_path / "workspace")
    assert message in str(refused.value)
    assert not (tmp_path / "workspace" / "current").exists()


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match="does not exist; give the folder or file of the export"):
        import_exports("zoho", tmp_path / "nowhere", into=tmp_path / "workspace")


def test_a_single_file_can_be_imported(write, tmp_path):
    folder = write({"Deals.csv": TEXT, "Accounts.csv": "Record Id,Account Name\n1,F\n"})
    result = import_exports("zoho", folder / "Deals.csv", into=tmp_path / "workspace")
    assert [entry["file"] for entry in result.files] == ["Deals.csv"]
