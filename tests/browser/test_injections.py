"""Hostile text in every field of a workspace: rendered and opened in Chromium, it stays text."""

import csv
import json
import os
import shutil
from pathlib import Path

import duckdb
import pytest
from demo_report import demo_workspace, report_of
from injections import PAYLOADS

from salesops_kit.reporting.job import ReportSpec

pytestmark = pytest.mark.browser

# all of them with KIT_INJECT_ALL=1; these show every kind of table, card and chart label
NOTEBOOKS = () if os.environ.get("KIT_INJECT_ALL") else ("readiness", "reps", "feedback")
FIELDS = {
    "accounts": ("name", "industry", "region", "city"),
    "actions": ("what", "result"),
    "activities": ("subject",),
    "contacts": ("name", "title"),
    "culture_pulse": ("team", "question"),
    "deals": ("name", "owner_name", "team", "source", "region", "industry", "product",
              "loss_reason", "competitor"),
    "feedback": ("text",),
    "leads": ("company", "source", "region", "owner_name"),
    "market": ("region",),
    "orders": ("number", "product"),
    "products": ("name", "category"),
    "reps": ("name", "team", "region"),
    "sop_rules": ("meaning",),
    "stage_history": ("changed_by",),
    "trainings": ("topic",),
}  # fmt: skip
STATE = """() => ({
  pwned: window.pwned === undefined ? null : window.pwned,
  body: [...document.body.children].map(n => n.tagName),
  titles: document.querySelectorAll('h1').length,
  foreign: [...document.querySelectorAll('script,iframe,object,embed,form,input,svg,link,base,' +
    'button,video,audio,style:not(head style),meta:not(head meta)')].map(n => n.outerHTML),
  handlers: [...document.querySelectorAll('*')].filter(n =>
    [...n.attributes].some(a => a.name.startsWith('on') || a.name === 'style')).length,
  hrefs: [...document.querySelectorAll('a')].map(n => n.getAttribute('href'))
    .filter(h => !/^(#|tables\\/|\\.\\.\\/index|([\\w.-]+\\/)?[\\w.-]+\\.html)/.test(h)),
  width: document.documentElement.scrollWidth,
  text: document.body.innerText,
})"""


@pytest.fixture(scope="module")
def attacked(tmp_path_factory) -> Path:
    """The demo with a payload in place of every text, and its published report."""
    top = tmp_path_factory.mktemp("attacked")
    shutil.copytree(demo_workspace(), top / "<b>demo", symlinks=False)
    workspace = top / "<b>demo"
    texts = duckdb.connect()
    texts.execute("CREATE TABLE payloads (n INTEGER, payload VARCHAR)")
    texts.executemany("INSERT INTO payloads VALUES (?, ?)", list(enumerate(PAYLOADS)))
    for table, columns in FIELDS.items():
        _attack(texts, workspace / "tables" / f"{table}.parquet", columns)
    record = json.loads((workspace / "import.json").read_text("utf-8"))
    record["settings"]["company"]["name"] = "Acme</title><script>window.pwned=1</script>"
    _replace(workspace / "import.json", json.dumps(record))
    result = report_of(ReportSpec(workspace, "2025-09", notebooks=NOTEBOOKS, into=top / "reports"))
    assert result.errors == []
    return result.path


def _attack(texts, file: Path, columns) -> None:
    """Put a payload in the place of each text, the same for the same text."""
    known = {row[0] for row in texts.sql(f"DESCRIBE SELECT * FROM '{file}'").fetchall()}
    changed = ", ".join(
        f"(SELECT payload FROM payloads WHERE n = hash({c}) % {len(PAYLOADS)}) || ' ' || "
        f"left(md5({c}), 4) AS {c}"
        for c in columns
        if c in known
    )
    fresh = file.with_suffix(".new")
    texts.execute(
        f"COPY (SELECT * REPLACE ({changed}) FROM '{file}') TO '{fresh}' (FORMAT parquet)"
    )
    fresh.replace(file)


def _replace(file: Path, text: str) -> None:
    file.unlink()
    file.write_text(text, encoding="utf-8")


def test_there_are_payloads_enough_and_of_every_kind():
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 150


def test_no_script_runs_no_request_leaves_and_the_layout_holds(attacked, chromium):
    from playwright.sync_api import sync_playwright

    shown = ""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("dialog", lambda dialog: said.append(dialog.message) or dialog.dismiss())
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        for file in [*sorted(attacked.glob("*.html")), attacked.parent / "index.html"]:
            page.goto(file.as_uri())
            page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            state = page.evaluate(STATE)
            shown += state.pop("text")
            assert state == {"pwned": None, "body": ["MAIN"], "titles": 1, "foreign": [],
                             "handlers": 0, "hrefs": [], "width": 390}, file.name  # fmt: skip
        browser.close()

    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
    assert sum(payload in shown for payload in PAYLOADS if "<" in payload) >= 20


def test_no_file_beside_the_pages_holds_a_formula(attacked):
    files = sorted(attacked.glob("tables/**/*.csv"))
    rows = [
        row
        for file in files
        for row in csv.reader(file.read_text("utf-8-sig").splitlines(keepends=True))
    ]
    cells = [cell for row in rows for cell in row]

    assert len(files) > 10
    assert any("'=" in cell for cell in cells)
    assert [c for c in cells if c[:1] in "=@\t\r" and c] == []
