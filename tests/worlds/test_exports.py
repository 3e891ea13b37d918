"""Exports are the same bytes every time, and the committed demo is what the simulator gives."""

import hashlib
import re
import zipfile
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.worlds.demo import write_demo
from salesops_kit.worlds.exports import DIALECTS, day, hex_id, money, stamp, write_exports, zoho_id
from salesops_kit.worlds.simulate import simulate
from salesops_kit.worlds.world import World

DATA = Path(__file__).resolve().parents[2] / "data"
TINY = World(seed=3, start=date(2025, 1, 1), export_on=date(2025, 4, 10), leads_per_month=40,
             reps=10, accounts=20)  # fmt: skip


def sums(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


def contents(folder: Path) -> dict[str, object]:
    """Sums of files; of workbooks the sums of their parts, since zlib's output is not specified."""
    found: dict[str, object] = dict(sums(folder))
    for path in folder.glob("*.xlsx"):
        with zipfile.ZipFile(path) as book:
            found[path.name] = {
                n: hashlib.sha256(book.read(n)).hexdigest() for n in book.namelist()
            }
    return found


@pytest.fixture(scope="module", params=DIALECTS)
def generated(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / request.param
    write_demo(folder, request.param)
    return request.param, folder


def test_two_generations_are_byte_identical(generated, tmp_path):
    dialect, folder = generated
    write_demo(tmp_path / "again", dialect)

    assert sums(tmp_path / "again") == sums(folder)


@pytest.mark.parametrize("dialect", ["zoho", "fxiaoke"])
def test_the_committed_demo_is_a_fresh_generation(dialect, tmp_path):
    folder = tmp_path / dialect
    write_demo(folder, dialect)
    committed = contents(DATA / f"demo_{dialect}")
    committed.pop("salesops.toml", None)  # the company's settings are written by hand
    assert committed == contents(folder)


def test_exports_of_another_seed_differ(tmp_path):
    for number, world in enumerate((TINY, replace(TINY, seed=4))):
        write_exports(simulate(world), tmp_path / str(number), "zoho")
    one, other = sums(tmp_path / "0"), sums(tmp_path / "1")

    assert one.keys() == other.keys()
    for part in ("Accounts", "Calls", "Contacts", "Deals", "Leads", "Stage_History"):
        name = f"{part}_2025_04_10.csv"
        assert one[name] != other[name], name
    assert one["Products_2025_04_10.csv"] == other["Products_2025_04_10.csv"]


def test_writing_again_replaces_old_exports_and_leaves_other_files(tmp_path):
    kept = ["own.csv", "notes.xlsx", "salesops.toml"]
    old = ["Deals_2024_01_01.csv", "商机2.0对象导出结果_20240131.xlsx"]
    for name in kept + old:
        (tmp_path / name).write_text("mine", encoding="utf-8")
    write_exports(simulate(TINY), tmp_path, "zoho")
    names = {p.name for p in tmp_path.iterdir()}

    assert set(kept) <= names
    assert not set(old) & names
    assert all((tmp_path / name).read_text("utf-8") == "mine" for name in kept)


def test_an_unknown_dialect_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ParameterError) as error:
        write_exports(simulate(TINY), tmp_path / "out", "sugar")

    assert str(error.value) == f"dialect is 'sugar'; it must be one of {', '.join(DIALECTS)}"
    assert not (tmp_path / "out").exists()


def test_the_clean_export_has_no_broken_rows(tmp_path):
    company = simulate(TINY)
    write_exports(company, tmp_path / "zoho", "zoho")
    write_exports(company, tmp_path / "fxiaoke", "fxiaoke")
    rows = (tmp_path / "zoho" / "Deals_2025_04_10.csv").read_text("utf-8-sig").splitlines()
    chinese = (tmp_path / "fxiaoke" / "商机2.0对象导出结果_20250410.csv").read_text("gb18030")

    assert len(rows) == len(company.deals) + 1
    assert "5.70E+17" not in "".join(rows) + chinese
    assert "合计" not in chinese


def test_files_speak_as_their_system_does():
    deals = (DATA / "demo_fxiaoke" / "商机2.0对象导出结果_20251005.csv").read_bytes()
    history = (DATA / "demo_zoho" / "Stage_History_2025_10_05.csv").read_bytes()

    assert deals.decode("gb18030").startswith("数据ID,商机名称（必填）,")
    assert history.startswith("\ufeffDeal Id,Stage,".encode())
    assert b"\r\n" in deals
    assert b"\r\n" in history


def test_fxiaoke_marks_only_those_who_left():
    text = (DATA / "demo_fxiaoke" / "商机2.0对象导出结果_20251005.csv").read_bytes()
    marked = set(re.findall(r",([^,]+)\(已停用\),", text.decode("gb18030")))

    assert marked == {"刘敏", "孙涛", "高浩"}


def test_values_are_written_as_the_systems_write_them():
    assert stamp(0) == "1970-01-01 00:00:00"
    assert stamp(86_399, "%Y-%m-%d %H:%M") == "1970-01-01 23:59"
    assert (stamp(-1), stamp(float("nan"))) == ("", "")
    assert (day(1), day(-1), day(float("nan"))) == ("1970-01-02", "", "")
    assert (money(1234.5), money(1234.5, "{:,.2f}"), money(float("nan"))) == (
        "1234.50", "1,234.50", "",
    )  # fmt: skip


def test_ids_are_those_of_the_systems_and_never_repeat():
    kinds = ("rep", "account", "contact", "lead", "deal", "activity", "product", "order",
             "payment", "feedback")  # fmt: skip
    zoho = [zoho_id(kind, n) for kind in kinds for n in (0, 1, 1_000_000)]
    fxiaoke = [hex_id(kind, n) for kind in kinds for n in (0, 1, 1_000_000)]

    assert len(set(zoho)) == len(set(fxiaoke)) == 30
    assert all(re.fullmatch(r"zcrm_\d{19}", text) for text in zoho)
    assert all(re.fullmatch(r"[0-9a-f]{24}", text) for text in fxiaoke)
