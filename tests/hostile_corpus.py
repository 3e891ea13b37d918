"""Broken files of every kind, made by code, each with what must come of it.

A case is one file (or a few) beside a sound export of one deal. `accepted`: the ids that must be
read from it; `rejected`: part of the reason of each row set aside, in order; `skipped`: part of the
reason why the file is passed over; `values`: a column of deals by id; `error`: part of the error
when the import as a whole is refused.
"""

import datetime as dt
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import xlsxwriter

HEAD = "Record Id,Deal Name,Stage,Amount,Created Time,Closing Date\n"
SOUND = HEAD + "sound1,Sound,Qualification,10,2025-09-01 10:00:00,2025-12-01\n"
ROW = "{},{},Qualification,{},2025-09-01 10:00:00,2025-12-01\n"
UNIX_OLD = 36526  # 1 January 2000 as a serial number of the 1900 system


@dataclass(frozen=True)
class Case:
    """One broken export and what must come of it."""

    name: str
    files: Mapping[str, bytes | Callable[[Path], None]]
    accepted: Sequence[str] = ()
    rejected: Sequence[str] = ()
    skipped: str = ""
    values: tuple[str, Mapping[str, object]] = ("amount", {})
    error: str = ""
    source: str = "zoho"
    notes: str = field(default="", compare=False)


def rows(*ids: str, amount: str = "5", name: str = "N") -> str:
    return "".join(ROW.format(i, name, amount) for i in ids)


def csv(text: str, encoding: str = "utf-8", name: str = "Deals_x.csv") -> dict[str, bytes]:
    return {name: text.encode(encoding)}


def book(fill: Callable[[xlsxwriter.Workbook], None], **options: object) -> bytes:
    memory = io.BytesIO()
    made = xlsxwriter.Workbook(memory, {"in_memory": True, **options})
    fill(made)
    made.close()
    return memory.getvalue()


def sheet(*lines: Sequence[object], **options: object) -> bytes:
    """Return a workbook of one sheet with these lines."""

    def fill(made: xlsxwriter.Workbook) -> None:
        page = made.add_worksheet("Deals")
        day = made.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for number, line in enumerate(lines):
            for place, cell in enumerate(line):
                if isinstance(cell, dt.datetime | dt.date):
                    page.write_datetime(number, place, cell, day)
                elif cell is not None:
                    page.write(number, place, cell)

    return book(fill, strings_to_urls=False, **options)


XHEAD = ["Record Id", "Deal Name", "Stage", "Amount", "Created Time", "Closing Date"]
CREATED = dt.datetime(2025, 9, 1, 10)
CLOSING = dt.date(2025, 12, 1)


def line(number: object, amount: object = 5) -> list[object]:
    return [number, "N", "Qualification", amount, CREATED, CLOSING]


def zipped(**members: bytes) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return memory.getvalue()


def bomb(path: Path) -> None:
    """Write a workbook whose one sheet unpacks to 150 MB of zeros."""
    good = sheet(XHEAD, line("b1"))
    memory = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(good)) as inside,
        zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out,
    ):
        for name in inside.namelist():
            if name == "xl/worksheets/sheet1.xml":
                with out.open(name, "w") as member:
                    chunk = b"0" * (1 << 20)
                    for _ in range(150):
                        member.write(chunk)
            else:
                out.writestr(name, inside.read(name))
    path.write_bytes(memory.getvalue())


def two_sheets() -> bytes:
    def fill(made: xlsxwriter.Workbook) -> None:
        hidden, shown = made.add_worksheet("old"), made.add_worksheet("new")
        hidden.hide()
        shown.activate()
        shown.set_first_sheet()
        for page, number in ((hidden, "h1"), (shown, "n1")):
            page.write_row(0, 0, XHEAD)
            page.write_row(1, 0, [number, "N", "Qualification", 5, "2025-09-01", "2025-12-01"])

    return book(fill)


def merged_header() -> bytes:
    def fill(made: xlsxwriter.Workbook) -> None:
        page = made.add_worksheet("Deals")
        page.merge_range(0, 0, 0, 5, "Deals of September")
        page.write_row(1, 0, XHEAD)
        page.write_row(2, 0, ["m1", "N", "Qualification", 5, "2025-09-01", "2025-12-01"])

    return book(fill)


def formula_errors() -> bytes:
    def fill(made: xlsxwriter.Workbook) -> None:
        page = made.add_worksheet("Deals")
        page.write_row(0, 0, XHEAD)
        for number, wrong in enumerate(("#REF!", "#DIV/0!", "#N/A"), start=1):
            page.write_row(number, 0, [f"f{number}", "N", "Qualification"])
            page.write_formula(number, 3, "=A1/0", None, wrong)
            page.write_row(number, 4, ["2025-09-01", "2025-12-01"])

    return book(fill)


def link_out(path: Path) -> None:
    outside = path.parent.parent / "outside.csv"
    outside.write_text(HEAD + rows("out1"), encoding="utf-8")
    path.symlink_to(outside)


def link_loop(path: Path) -> None:
    path.symlink_to(path.parent, target_is_directory=True)


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nowhere.csv")


def pipe(path: Path) -> None:
    import os

    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


XLS_BIFF = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 2000  # the frame of an old or locked file
AMOUNTS = {
    "¥1,234.50": 1234.5, "1.234,50 €": 1234.5, "１２３４": 1234.0, "1.2万": 12000.0,
    "3亿": 3e8, "(500)": -500.0, "-5": -5.0, "US$ 7": 7.0, "1 000": 1000.0, "5e3": 5000.0,
    "12,50": 12.5, "人民币100元": 100.0, "+8": 8.0,
}  # fmt: skip
BAD_AMOUNTS = ("abc", "1e400", "inf", "12..5", "5,00,0", "0x10", "١٢٣", "$", "1.2.3", "--5")
DATES = {
    "2025年9月3日": "2025-09-03", "2025/9/3": "2025-09-03", "20250903": "2025-09-03",
    "2025.09.03": "2025-09-03", "3-Sep-2025": "2025-09-03", "Sep 3, 2025": "2025-09-03",
    "1756857600000": "2025-09-03", "1756857600": "2025-09-03", "45903": "2025-09-03",
    "2025-09-03T08:00:00Z": "2025-09-03", "２０２５-０９-０３": "2025-09-03",
    "2025年9月3日 下午3:05": "2025-09-03", "2025-09-03 24:00": None,
}  # fmt: skip
BAD_DATES = ("2025-02-29", "2025-13-01", "0001-01-01", "9999-12-31", "31.02.2025", "yesterday",
             "03/04/2025", "12/25/99", "2025-00-10")  # fmt: skip
PLACEHOLDERS = ("-None-", "--None--", "Select", "请选择", "--请选择--", "N/A", "null", "-", "#N/A")


def _numbers() -> list[Case]:
    good = HEAD + "".join(ROW.format(f"a{i}", "N", f'"{t}"') for i, t in enumerate(AMOUNTS))
    bad = HEAD + "".join(ROW.format(f"a{i}", "N", f'"{t}"') for i, t in enumerate(BAD_AMOUNTS))
    return [
        Case("amounts in every writing", csv(good), [f"a{i}" for i in range(len(AMOUNTS))],
             values=("amount_source", {f"a{i}": v for i, v in enumerate(AMOUNTS.values())})),
        Case("amounts that are none", csv(bad), rejected=["this is not an amount"] *
             len(BAD_AMOUNTS)),
        Case("placeholders of pick lists are missing values",
             csv(HEAD + "".join(ROW.format(f"p{i}", "N", t) for i, t in enumerate(PLACEHOLDERS))),
             [f"p{i}" for i in range(len(PLACEHOLDERS))],
             values=("amount", {f"p{i}": None for i in range(len(PLACEHOLDERS))})),
    ]  # fmt: skip


def _dates() -> list[Case]:
    form = "{},N,Qualification,5,2025-09-01,{}\n"
    good = {k: v for k, v in DATES.items() if v}
    cases = [
        Case(f"date {text}", csv(HEAD + form.format("d1", f'"{text}"')), ["d1"],
             values=("expected_close_on", {"d1": day}))
        for text, day in good.items()
    ]  # fmt: skip
    cases += [
        Case(f"date {text} is refused", csv(HEAD + form.format("d1", text)),
             rejected=["this is not a date"])
        for text in BAD_DATES
    ]  # fmt: skip
    two = form.format("d1", "03/04/2025") + form.format("d2", "25/04/2025")
    cases.append(
        Case(
            "one day above 12 tells the order of all",
            csv(HEAD + two),
            ["d1", "d2"],
            values=("expected_close_on", {"d1": "2025-04-03", "d2": "2025-04-25"}),
        )
    )
    both = form.format("d1", "25/04/2025") + form.format("d2", "04/25/2025")
    cases.append(
        Case(
            "dates of both orders are all refused",
            csv(HEAD + both),
            rejected=["this is not a date"] * 2,
        )
    )
    return cases  # fmt: skip


def _encodings() -> list[Case]:
    chinese = HEAD + rows("c1", name="宏达制药")
    mixed = (HEAD + rows("x1", name="宏达")).encode() + rows("x2", name="制药").encode("gb18030")
    return [
        Case("GB18030", csv(chinese, "gb18030"), ["c1"], values=("name", {"c1": "宏达制药"})),
        Case("UTF-16 with mark", csv(chinese, "utf-16"), ["c1"], values=("name", {"c1": "宏达制药"})),
        Case("UTF-16 without mark", csv(chinese, "utf-16-le"), ["c1"],
             values=("name", {"c1": "宏达制药"})),
        Case("UTF-8 with two marks", {"Deals_x.csv": b"\xef\xbb\xbf\xef\xbb\xbf" + chinese.encode()},
             ["c1"]),
        Case("lines in two encodings", {"Deals_x.csv": mixed}, ["x1", "x2"],
             values=("name", {"x1": "宏达", "x2": "制药"})),
        Case("a line in no encoding", {"Deals_x.csv": (HEAD + rows("x1", name="宏达")).encode()
             + b"x2,\xff\xfe\x80,Qualification,5,,\n" + rows("x3").encode()}, ["x1", "x3"],
             ["cannot be read as text"]),
        Case("random bytes", {"Deals_x.csv": bytes(range(128, 256)) * 40}, skipped="Deals_x.csv"),
        Case("a picture under the name of a CSV", {"Deals_x.csv": b"\x89PNG\r\n\x1a\n" + b"\0" * 99},
             skipped="Deals_x.csv"),
        Case("NUL bytes inside", csv(HEAD + rows("n1", name="a\0b")), ["n1"],
             values=("name", {"n1": "ab"})),
        Case("only NUL bytes", {"Deals_x.csv": b"\0" * 5000}, skipped="Deals_x.csv"),
    ]  # fmt: skip


def _shapes() -> list[Case]:
    long = "x" * 10_000_000
    wide = ",".join(f"column{i}" for i in range(20_000))
    return [
        Case("ragged rows", csv(HEAD + rows("r1") + "r2,N\n" + rows("r3") + "r4,N,Q,1,2,3,4,5\n"),
             ["r1", "r3"], ["the row has 2 cells", "the row has 8 cells"]),
        Case("a quote that never closes", csv(HEAD + rows("q1") + 'q2,"N,Qualification\n'
             + rows("q3")), ["q1", "q3"], ["the row has"]),
        Case("a quote that never closes in the last line", csv(HEAD + rows("q1") + 'q2,"N'),
             ["q1"], ["the row has"]),
        Case("stray quotes", csv(HEAD + rows("s1", name='12" pipe')), ["s1"]),
        Case("line breaks inside a cell", csv(HEAD + rows("l1", name='"two\nlines"')), ["l1"],
             values=("name", {"l1": "two\nlines"})),
        Case("old Mac line ends", csv((HEAD + rows("m1", "m2")).replace("\n", "\r")), ["m1", "m2"]),
        Case("mixed line ends", csv(HEAD + rows("m1").replace("\n", "\r\n") + rows("m2")),
             ["m1", "m2"]),
        Case("semicolons", csv((HEAD + rows("k1")).replace(",", ";")), ["k1"]),
        Case("tabs", csv((HEAD + rows("k1")).replace(",", "\t")), ["k1"]),
        Case("bars", csv((HEAD + rows("k1")).replace(",", "|")), ["k1"]),
        Case("a line that names the separator", csv("sep=;\n" + (HEAD + rows("k1")).replace(
             ",", ";")), ["k1"]),
        Case("blank lines before and between", csv("\n\n" + HEAD + "\n" + rows("b1") + ",,,,,\n"
             + rows("b2")), ["b1", "b2"]),
        Case("a title above the header", csv("Deals of September,,,,,\nprinted 2025-10-05\n"
             + HEAD + rows("t1")), ["t1"]),
        Case("notes below the table", csv(HEAD + rows("t1") + "Confidential\n"), ["t1"],
             ["the row has 1 cells"]),
        Case("subtotals", csv(HEAD + rows("t1") + "小计,,,5,,\n合计,,,5,,\nTotal:,,,10,,\n"), ["t1"],
             ["a subtotal row"] * 3),
        Case("a header twice", csv(HEAD + rows("h1") + HEAD + rows("h2")), ["h1", "h2"],
             ["the header again"]),
        Case("two columns of one name", csv(HEAD.replace("Closing Date", "Amount") + rows("h1")),
             ["h1"], values=("amount", {"h1": 5.0})),
        Case("a column without a name", csv(HEAD.strip() + ",\n" + rows("h1").strip() + ",x\n"),
             ["h1"]),
        Case("marks of required fields", csv(HEAD.replace("Stage", "* Stage (required)")
             + rows("h1")), ["h1"]),
        Case("full-width header", csv(HEAD.replace("Amount", "Ａｍｏｕｎｔ") + rows("h1")), ["h1"],
             values=("amount", {"h1": 5.0})),
        Case("a line break in a header", csv(HEAD.replace("Closing Date", '"Closing\nDate"')
             + rows("h1")), ["h1"]),
        Case("ten million characters in a cell", csv(HEAD + rows("w1", name=long) + rows("w2")),
             ["w1", "w2"]),
        Case("twenty thousand columns", csv(wide + "\n" + ",".join(["1"] * 20_000) + "\n"),
             skipped="Deals_x.csv"),
        Case("header only", csv(HEAD)),
        Case("empty file", {"Deals_x.csv": b""}, skipped="is empty"),
        Case("spaces only", {"Deals_x.csv": b" \n \n"}, skipped="is empty"),
        Case("no header", csv(rows("z1", "z2")), skipped="no column tells deal_id and stage"),
    ]  # fmt: skip


def _ids() -> list[Case]:
    big = 5187644000012345678
    return [
        Case("ids in scientific notation", csv(HEAD + rows("5.70E+17", "i2", "5.7e+17")), ["i2"],
             ["ruined by a spreadsheet"] * 2),
        Case("ids with leading zeros", csv(HEAD + rows("00017", "17")), ["00017", "17"]),
        Case("ids after an apostrophe", csv(HEAD + rows("'00017")), ["00017"]),
        Case("ids of nineteen digits", csv(HEAD + rows(str(big), str(big + 1))),
             [str(big), str(big + 1)]),
        Case("ids that a workbook keeps as numbers", {"Deals_x.xlsx": sheet(XHEAD, line(float(big)),
             line(1234567))}, ["1234567"], ["ruined by a spreadsheet"]),
        Case("the same id twice", csv(HEAD + rows("i1", "i1")), ["i1"], ["the same record stands"]),
        Case("no id", csv(HEAD + rows("", "i1")), ["i1"], ["the value is missing"]),
    ]  # fmt: skip


def _workbooks() -> list[Case]:
    good = sheet(XHEAD, line("w1"))
    html = "<html><table><tr>" + "".join(f"<td>{h}</td>" for h in XHEAD) + "</tr></table></html>"
    return [
        Case("a workbook", {"Deals_x.xlsx": good}, ["w1"],
             values=("expected_close_on", {"w1": "2025-12-01"})),
        Case("the 1904 date system", {"Deals_x.xlsx": sheet(XHEAD, line("w1"), date_1904=True)},
             ["w1"], values=("expected_close_on", {"w1": "2025-12-01"})),
        Case("a title row merged over the header", {"Deals_x.xlsx": merged_header()}, ["m1"]),
        Case("hidden and shown sheets", {"Deals_x.xlsx": two_sheets()}, ["h1", "n1"]),
        Case("errors of formulas", {"Deals_x.xlsx": formula_errors()}, ["f1", "f2", "f3"],
             values=("amount", {"f1": None, "f2": None, "f3": None})),
        Case("half a workbook", {"Deals_x.xlsx": good[: len(good) // 2]}, skipped="cannot be read"),
        Case("a workbook with a password, or very old", {"Deals_x.xlsx": XLS_BIFF},
             skipped="cannot be read"),
        Case("a zip that is no workbook", {"Deals_x.xlsx": zipped(a_dot_txt=b"hello")},
             skipped="cannot be read"),
        Case("a zip bomb", {"Deals_x.xlsx": bomb}, skipped="unpacks to"),
        Case("a CSV named .xlsx", {"Deals_x.xlsx": (HEAD + rows("w1")).encode()}, ["w1"]),
        Case("a workbook named .csv", {"Deals_x.csv": good}, ["w1"]),
        Case("a page named .xls", {"Deals_x.xls": html.encode()}, skipped="web page"),
        Case("an empty workbook", {"Deals_x.xlsx": sheet()}, skipped="Deals_x.xlsx"),
        Case("a workbook of empty rows", {"Deals_x.xlsx": sheet([], [None], XHEAD, line("w1"), [],
             line("w2"))}, ["w1", "w2"]),
        Case("scripts and formulas in names", {"Deals_x.xlsx": sheet(XHEAD, [
             "w1", "<script>alert(1)</script>", "Qualification", 5, CREATED, CLOSING])}, ["w1"],
             values=("name", {"w1": "<script>alert(1)</script>"})),
    ]  # fmt: skip


def _files() -> list[Case]:
    deals = (HEAD + rows("w1")).encode()
    return [
        Case("a lock file", {"~$Deals_x.xlsx": b"\x05user"}, skipped="lock file"),
        Case("hidden files", {".DS_Store": b"\0\0\0\1Bud1", "Thumbs.db": b"x"}, skipped="hidden"),
        Case("a link out of the folder", {"Deals_x.csv": link_out}, skipped="leads out"),
        Case("a link to nowhere", {"Deals_x.csv": dangling}, skipped="leads nowhere"),
        Case("a link that turns in a circle", {"loop": link_loop}, skipped=""),
        Case("a pipe", {"Deals_x.csv": pipe}, skipped="no regular file"),
        Case("a folder named as a file", {"Deals_x.csv": folder}, skipped=""),
        Case("names that are hard to quote", {"Deals_it's \"x\" 😀.csv": deals}, ["w1"]),
        Case("an archive", {"export.zip": zipped(Deals_x_dot_csv=deals)}, skipped="unpack it"),
        Case("another program's file", {"notes.docx": b"PK\3\4"}, skipped="neither CSV nor"),
        Case("formula injection", csv(HEAD + rows("=cmd|' /C calc'!A0", "w1", amount="x")),
             rejected=["this is not an amount"] * 2),
    ]  # fmt: skip


def _headers() -> list[Case]:
    head = "数据ID,商机名称（必填）,商机阶段,{},创建时间\n"
    row = "c1,甲,商务谈判,1.5,2025-09-01\n"
    return [
        Case("amounts in tens of thousands", csv(head.format("商机金额（万元）") + row, name="商机.csv"),
             ["c1"], values=("amount", {"c1": 15000.0}), source="fxiaoke"),
        Case("a unit after the header", csv(head.format("商机金额（元）") + row, name="商机.csv"),
             ["c1"], values=("amount", {"c1": 1.5}), source="fxiaoke"),
    ]  # fmt: skip


CASES = [*_numbers(), *_dates(), *_encodings(), *_shapes(), *_ids(), *_workbooks(), *_files(),
         *_headers()]  # fmt: skip
