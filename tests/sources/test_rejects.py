"""Every kind of broken row is set aside with its place, its reason and its remedy."""

import csv
import json
from dataclasses import dataclass

import pytest

GOOD_ID, OTHER_ID = "554023000001", "554023000009"


@dataclass(frozen=True)
class Form:
    """How one system heads and fills a file of deals."""

    source: str
    file: str
    header: str
    row: str
    titles: dict[str, str]
    label: str

    def line(self, deal_id=GOOD_ID, amount="1200.5", created="2025-03-01 09:30:00", stage=None):
        stage = self.label if stage is None else stage
        return self.row.format(id=deal_id, amount=amount, created=created, stage=stage)


ZOHO = Form(
    "zoho", "Deals_2025_06_30.csv",
    "Record Id,Deal Name,Amount,Created Time,Stage",
    "{id},Räder,{amount},{created},{stage}",
    {"deal_id": "Record Id", "amount": "Amount", "created": "Created Time", "stage": "Stage"},
    "Needs Analysis",
)  # fmt: skip
FXIAOKE = Form(
    "fxiaoke", "商机2.0_20250630.csv",
    "数据ID,商机名称（必填）,商机金额,创建时间,商机阶段",
    "{id},齿轮,{amount},{created},{stage}",
    {"deal_id": "数据ID", "amount": "商机金额", "created": "创建时间", "stage": "商机阶段"},
    "需求确认",
)  # fmt: skip
FORMS = [
    pytest.param(form, encoding, id=f"{form.source}-{encoding}")
    for form in (ZOHO, FXIAOKE)
    for encoding in ("utf-8", "utf-8-sig", "gb18030")
]
RUINED = "the id was ruined by a spreadsheet program (scientific notation)"
AS_TEXT = "export again and open the file with this column as text"
NO_AMOUNT = ("this is not an amount", "write digits, such as 12345.67 or 1.2万")
NO_TIME = (
    "this is not a time, or day and month cannot be told apart",
    "write it like 2025-09-03 10:15:00",
)
MISSING = ("the value is missing", "fill it in the CRM and export again")

# what is changed in row 3 → column, value, reason and remedy of its reject
VALUES = {
    "an amount in words": ({"amount": "cheap"}, "amount", "cheap", *NO_AMOUNT),
    "an endless amount": ({"amount": "inf"}, "amount", "inf", *NO_AMOUNT),
    "a ruined id": ({"deal_id": "1.23E+17"}, "deal_id", "1.23E+17", RUINED, AS_TEXT),
    "a ruined short id": ({"deal_id": "5E+17"}, "deal_id", "5E+17", RUINED, AS_TEXT),
    "an impossible date": ({"created": "2025-02-30"}, "created", "2025-02-30", *NO_TIME),
    "a thirteenth month": (
        {"created": "2025-13-01 10:00:00"}, "created", "2025-13-01 10:00:00", *NO_TIME),
    "a year before time": ({"created": "0001-01-01"}, "created", "0001-01-01", *NO_TIME),
    "a year far ahead": (
        {"created": "2925-01-01 00:00:00"}, "created", "2925-01-01 00:00:00", *NO_TIME),
    "a date of unclear order": ({"created": "03/04/2025"}, "created", "03/04/2025", *NO_TIME),
    "no id": ({"deal_id": ""}, "deal_id", "", *MISSING),
    "a word for nothing as id": ({"deal_id": "N/A"}, "deal_id", "N/A", *MISSING),
    "no stage": ({"stage": ""}, "stage", "", *MISSING),
    "an unknown stage": (
        {"stage": "Zzz"}, "stage", "Zzz", "stage 'Zzz' is not mapped",
        'add to salesops.toml under [stage_labels]: "Zzz" = "STAGE"'),
    "a repeated id": (
        {"deal_id": GOOD_ID}, "deal_id", GOOD_ID, "the same record stands in row 2",
        "remove the repetition"),
    "a subtotal": (
        {"deal_id": "小计"}, None, "", "a subtotal row, not a record", "export without subtotals"),
    "a total": (
        {"deal_id": "合计", "stage": "", "created": ""}, None, "",
        "a subtotal row, not a record", "export without subtotals"),
}  # fmt: skip
MEND = "mend separators and quotation marks"
SHAPES = {
    "a short row": ("554023000002,x", "", "the row has 2 cells, the header 5"),
    "a long row": ("554023000002,x,1,2025-03-01,S,more,yet", "",
                   "the row has 7 cells, the header 5"),
    "an unclosed quote": ('554023000002,"x,1,2025-03-01,S', "",
                          "the row has 1 cells, the header 5"),
}  # fmt: skip


def _lines(form, broken):
    return [form.header, form.line(GOOD_ID), broken, form.line(OTHER_ID, amount="7")]


def _check_whole(imported, form, rejected=1):
    """The good rows are as written, and no row is lost."""
    assert imported.by_id("deals", "amount") == {GOOD_ID: 1200.5, OTHER_ID: 7.0}
    entry = imported.file(form.file)
    assert (entry["rows_read"], entry["accepted"], entry["rejected"]) == (2 + rejected, 2, rejected)


@pytest.mark.parametrize("form", [ZOHO, FXIAOKE], ids=lambda form: form.source)
@pytest.mark.parametrize("kind", VALUES)
def test_a_row_with_a_broken_value_is_set_aside_with_reason_and_remedy(run, form, kind):
    changes, column, value, reason, remedy = VALUES[kind]
    given = {"deal_id": "554023000002", **changes}
    text = "\r\n".join(_lines(form, form.line(**given))) + "\r\n"
    imported = run(form.source, {form.file: text})
    (reject,) = imported.rejects()
    record = json.loads(reject.pop("record"))
    assert reject == {
        "file": form.file, "row": "3", "column": form.titles.get(column, ""), "value": value,
        "reason": reason, "remedy": remedy,
    }  # fmt: skip
    assert list(record) == form.header.split(",")
    assert record[form.titles["deal_id"]] == given["deal_id"]
    _check_whole(imported, form)


@pytest.mark.parametrize("form", [ZOHO, FXIAOKE], ids=lambda form: form.source)
@pytest.mark.parametrize("kind", SHAPES)
def test_a_row_without_a_readable_shape_costs_only_itself(run, form, kind):
    broken, value, reason = SHAPES[kind]
    text = "\n".join(_lines(form, broken)) + "\n"
    imported = run(form.source, {form.file: text})
    (reject,) = imported.rejects()
    assert (reject["file"], reject["row"], reject["column"], reject["value"]) == (
        form.file, "3", "", value,
    )  # fmt: skip
    assert (reject["reason"], reject["remedy"]) == (reason, MEND)
    _check_whole(imported, form)


@pytest.mark.parametrize(("form", "encoding"), FORMS)
def test_every_kind_of_broken_row_is_listed_in_order_in_every_encoding(run, form, encoding):
    lines = [form.header, form.line(GOOD_ID)]
    for changes, *_ in VALUES.values():
        lines.append(form.line(**{"deal_id": "554023000002", **changes}))
    lines += [broken for broken, _, _ in SHAPES.values()]
    lines.append(form.line(OTHER_ID, amount="7"))
    imported = run(form.source, {form.file: "\n".join(lines).encode(encoding)})
    rejects = imported.rejects()
    expected = [
        (form.titles.get(column, ""), value, reason, remedy)
        for _, column, value, reason, remedy in VALUES.values()
    ] + [("", value, reason, MEND) for _, value, reason in SHAPES.values()]
    assert [int(r["row"]) for r in rejects] == list(range(3, 3 + len(expected)))
    assert [(r["column"], r["value"], r["reason"], r["remedy"]) for r in rejects] == expected
    assert imported.file(form.file)["encoding"] == encoding
    _check_whole(imported, form, rejected=len(rejects))


def test_row_numbers_count_every_line_a_spreadsheet_shows(run):
    text = "\n".join(
        [ZOHO.header, '554023000001,"two\nlines",1,2025-03-01,Qualification', "",
         ZOHO.line(OTHER_ID, amount="cheap")]
    )  # fmt: skip
    imported = run("zoho", {ZOHO.file: text})
    # a line break inside a cell is one row; the empty line is one, too
    assert [r["row"] for r in imported.rejects()] == ["4"]


def test_a_row_with_several_faults_names_them_all(run):
    broken = ZOHO.line("554023000002", amount="cheap", created="yesterday")
    imported = run("zoho", {ZOHO.file: "\n".join(_lines(ZOHO, broken))})
    (reject,) = imported.rejects()
    assert {reject["column"], reject["value"]} <= {"Amount", "cheap", "Created Time", "yesterday"}
    assert "also wrong: " in reject["reason"]
    assert all(title in reject["column"] + reject["reason"] for title in ("Amount", "Created Time"))


def test_a_value_that_a_spreadsheet_would_run_is_made_harmless(run):
    broken = ZOHO.line("554023000002", amount="=HYPERLINK(A1)")
    imported = run("zoho", {ZOHO.file: "\n".join(_lines(ZOHO, broken))})
    (reject,) = imported.rejects()
    assert reject["value"] == "'=HYPERLINK(A1)"


def test_history_rows_are_checked_like_deals(run):
    history = [
        "Deal Id,Stage,Modified Time",
        f"{GOOD_ID},Qualification,2025-03-01 09:30:00",
        f"{GOOD_ID},Qualification,2025-03-01 09:30:00",
        f"{GOOD_ID},Zzz,2025-03-02 09:30:00",
        ",Qualification,2025-03-02 09:30:00",
        "1.23E+17,Qualification,2025-03-02 09:30:00",
        f"{GOOD_ID},Needs Analysis,",
    ]
    imported = run(
        "zoho",
        {ZOHO.file: f"{ZOHO.header}\n{ZOHO.line()}\n", "Stage_History.csv": "\n".join(history)},
    )
    assert [(r["row"], r["column"], r["reason"]) for r in imported.rejects()] == [
        ("3", "Deal Id", "the same record stands in row 2"),
        ("4", "Stage", "stage 'Zzz' is not mapped"),
        ("5", "Deal Id", MISSING[0]),
        ("6", "Deal Id", RUINED),
        ("7", "Modified Time", MISSING[0]),
    ]
    entry = imported.file("Stage_History.csv")
    assert (entry["rows_read"], entry["accepted"], entry["rejected"]) == (6, 1, 5)
    assert imported.record["unmapped_stages"] == {"Zzz": 1}


def test_the_rejects_file_opens_in_a_spreadsheet_with_chinese_intact(run):
    text = "\n".join(_lines(FXIAOKE, FXIAOKE.line("554023000002", stage="考察期")))
    imported = run("fxiaoke", {FXIAOKE.file: text})
    (file,) = (imported.workspace / "rejects").glob("*.csv")
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    with file.open(encoding="utf-8-sig", newline="") as lines:
        assert next(csv.reader(lines)) == [
            "file", "row", "column", "value", "reason", "remedy", "record",
        ]  # fmt: skip
    assert imported.rejects()[0]["value"] == "考察期"


def test_rows_of_a_file_that_several_threads_read_keep_their_numbers(run):
    """A file of ten megabytes is read in pieces at once; who is refused must still be found."""
    wide = "x" * 120
    rows = [f"D{n:06d},{wide},{'Nobody knows' if n % 1000 == 7 else 'Won'}" for n in range(80_000)]
    imported = run("tables", {"deals.csv": "\n".join(["deal_id,name,stage", *rows]) + "\n"})
    refused = [(int(r["row"]), json.loads(r["record"])["deal_id"]) for r in imported.rejects()]

    assert refused == [(n + 2, f"D{n:06d}") for n in range(7, 80_000, 1000)]
    assert {row["value"] for row in imported.rejects()} == {"Nobody knows"}


def test_an_id_that_stands_twice_with_other_values_is_not_called_the_same_record(run):
    text = f"{ZOHO.header}\n{ZOHO.line()}\n{ZOHO.line(amount='999')}\n"
    (reject,) = run("zoho", {ZOHO.file: text}).rejects()

    assert (reject["row"], reject["value"]) == ("3", GOOD_ID)
    assert reject["reason"] == "row 2 has the same Record Id, but another Amount"
    assert reject["remedy"] == "the first row counts; remove the wrong one"


def test_what_a_report_prints_below_its_table_is_no_broken_record(run):
    foot = (
        "Grand Totals (1 records)",
        "",
        '"Copyright (c) salesforce.com, inc."',
        "导出人：王芳,,,,",
    )
    imported = run("zoho", {ZOHO.file: "\n".join((ZOHO.header, ZOHO.line(), *foot))})
    total, remark = "a subtotal row, not a record", "a remark beside the table, not a record"

    assert [(r["row"], r["reason"]) for r in imported.rejects()] == [
        ("3", total), ("5", remark), ("6", remark),
    ]  # fmt: skip
