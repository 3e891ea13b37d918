"""A workspace with a payload in place of every text, and a browser that tells what one did.

Texts are those of the schema: all but the few words that the kit itself reads. Ids are attacked
too, since a rep's id is a scope's name; the same text becomes the same payload everywhere, so that
keys still meet.
"""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
from injections import PAYLOADS

from salesops_kit import schema
from salesops_kit.cells import without_controls

# words with a meaning to the kit: a payload there would be no text, but another stage or kind
READ = {
    "source_system", "stage", "status", "currency", "kind", "level", "metric", "language",
    "requires", "direction", "forecast_category", "finding_id",
}  # fmt: skip
READ_IN = {("activities", "type"), ("feedback", "type"), ("feedback", "channel")}
COMPANY = "Acme</title><script>window.pwned=1</script>"
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
PHONE = {"width": 390, "height": 844}
# what a page is, seen from outside: nothing of it may be anybody's but the kit's
STATE = """() => ({
  pwned: window.pwned === undefined ? null : window.pwned,
  body: [...new Set([...document.body.children].map(n => n.tagName))],
  titles: document.querySelectorAll('h1').length,
  foreign: [...document.querySelectorAll('script,iframe,object,embed,form,input,svg,link,base,' +
    'button,video,audio,style:not(head style),meta:not(head meta)')].map(n => n.outerHTML),
  handlers: [...document.querySelectorAll('*')].filter(n =>
    [...n.attributes].some(a => a.name.startsWith('on'))).map(n => n.outerHTML),
  styles: [...new Set([...document.querySelectorAll('[style]')].map(n => n.getAttribute('style')))],
  hrefs: [...document.querySelectorAll('a')].map(n => n.getAttribute('href'))
    .filter(h => !/^(#|(tables|\\.\\.)\\/|([^\\/:?#]+\\/)?[^\\/:?#]+\\.html(#|$))/.test(h)),
  width: document.documentElement.scrollWidth,
  text: document.title + ' ' + document.body.innerText,
})"""
HARMLESS = {"pwned": None, "body": ["MAIN"], "titles": 1, "foreign": [], "handlers": [],
            "styles": [], "hrefs": [], "width": PHONE["width"]}  # fmt: skip


def attacked_workspace(demo: Path, top: Path) -> Path:
    """Return a copy of the demo with a payload in place of every text, name and id."""
    workspace = top / "<b>demo"
    shutil.copytree(demo, workspace, symlinks=False, ignore=shutil.ignore_patterns("current"))
    texts = duckdb.connect()
    texts.execute("CREATE TABLE payloads (n INTEGER, payload VARCHAR)")
    texts.executemany("INSERT INTO payloads VALUES (?, ?)", list(enumerate(PAYLOADS)))
    for table in schema.TABLES.values():
        file = workspace / "tables" / f"{table.name}.parquet"
        if file.is_file():
            _attack(texts, file, texts_of(table))
    settings = workspace / "salesops.toml"
    told = settings.read_text("utf-8")
    named = re.sub(r"(?m)^name = .*$", lambda _: f"name = {json.dumps(COMPANY)}", told)
    assert named != told, "the demo's company has a name of its own"
    settings.write_text(named, encoding="utf-8")
    return workspace


def texts_of(table: schema.Table) -> list[str]:
    """Return the columns of a table in which anybody may write anything."""
    return [
        column.name
        for column in table.columns
        if column.type in ("text", "id")
        and not column.allowed
        and column.name not in READ
        and (table.name, column.name) not in READ_IN
    ]


def _attack(texts: duckdb.DuckDBPyConnection, file: Path, columns: list[str]) -> None:
    """Put a payload in the place of each text, the same for the same text."""
    known = {row[0] for row in texts.sql(f"DESCRIBE SELECT * FROM '{file}'").fetchall()}
    changed = ", ".join(
        f"(SELECT payload FROM payloads WHERE n = hash({c}) % {len(PAYLOADS)}) || ' ' || "
        f"left(md5({c}), 8) AS {c}"
        for c in columns
        if c in known
    )
    if not changed:
        return
    fresh = file.with_suffix(".new")
    texts.execute(
        f"COPY (SELECT * REPLACE ({changed}) FROM '{file}') TO '{fresh}' (FORMAT parquet)"
    )
    fresh.replace(file)


def squeezed(text: str) -> str:
    """Return what is seen of a text, wherever a page breaks its lines."""
    return "".join(without_controls(text).split())


class Watched:
    """A browser at a phone's width, with what its pages said and asked for."""

    def __init__(self, page: Any):
        self._page = page
        self.asked: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("dialog", lambda dialog: self.said.append(dialog.message) or dialog.dismiss())
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))

    def state(self, file: Path) -> tuple[dict[str, Any], str]:
        """Open a page with all that is folded away; return what it is, and its text."""
        self._page.goto(file.as_uri())
        self._page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        state = self._page.evaluate(STATE)
        return state, squeezed(state.pop("text"))

    @property
    def left(self) -> list[str]:
        """Requests that were more than opening the files."""
        return [url for url in self.asked if not url.startswith(("file:", "data:"))]


@contextmanager
def watched(chromium: str) -> Iterator[Watched]:
    """Open the browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield Watched(browser.new_page(viewport=PHONE))
        browser.close()
