"""Pages in a real browser: quiet, self-contained, within the width of a phone, readable."""

import re
from pathlib import Path

import pytest
from demo_report import PAGES, demo_reports, report_of
from small_reports import spec_of
from support import write_workspace

from salesops_kit import reporting

pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
SIZES = {"phone": (390, 844), "desktop": (1280, 900)}
# contrast of every text with what stands behind it, as WCAG computes it
CONTRAST = """() => {
  const rgb = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = rgb(getComputedStyle(node).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || !node.getClientRects().length) continue;
    const [a, b] = [light(rgb(getComputedStyle(node).color)), light(behind(node))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push([walk.currentNode.data.trim().slice(0, 40), ratio]);
  }
  return poor;
}"""


@pytest.fixture(scope="module")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


class Visit:
    """One page opened in one window, with what the browser said and asked for."""

    def __init__(self, browser, file: Path, size="desktop", scheme="light"):
        width, height = SIZES[size]
        self.context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme
        )
        self.page = self.context.new_page()
        self.said, self.requests, self.ran = [], [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", self._dialog)
        self.page.goto(file.as_uri())
        self.page.wait_for_load_state("load")

    def _dialog(self, dialog):
        self.ran.append(dialog.message)
        dialog.dismiss()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.context.close()

    def foreign(self):
        return [url for url in self.requests if not url.startswith(("file:", "data:"))]


@pytest.fixture(params=["en", "zh"])
def folder(request):
    return demo_reports()[request.param]


def beyond_its_width(page):
    """Return what lies beyond the edge of a phone once everything is unfolded."""
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    return page.evaluate(
        """() => [...document.querySelectorAll('main *')]
        .filter(n => !n.closest('.scroll table') && n.getBoundingClientRect().right > 391)
        .map(n => n.outerHTML.slice(0, 80))"""
    )


def pictures(page):
    """Return the width of each picture, 0 where it cannot be decoded."""
    return page.evaluate(
        """() => Promise.all([...document.images].map(i => i.decode().then(() => i.naturalWidth,
        () => 0)))"""
    )


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize(("size", "scheme"), [("phone", "dark"), ("desktop", "light")])
def test_a_page_is_quiet_self_contained_within_its_width_and_readable(
    browser, folder, size, scheme, name
):
    with Visit(browser, folder / f"{name}.html", size, scheme) as visit:
        assert visit.said == []
        assert visit.foreign() == []
        width = SIZES[size][0]
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.page.evaluate(CONTRAST) == []
        if size == "phone":
            assert beyond_its_width(visit.page) == []
        else:
            widths = pictures(visit.page)
            assert all(widths)
            assert widths or name in ("00_readiness", "34_recognition", "51_monitor")


def test_links_of_findings_lead_to_their_section(browser, folder):
    """One finding per page is followed; that every link has its section is held by test_pages."""
    with Visit(browser, folder / "index.html", "phone") as visit:
        links = visit.page.locator(".finding .head a")
        places = [link.get_attribute("href") or "" for link in links.all()]
        firsts = {
            place.partition("#")[0]: number for number, place in reversed([*enumerate(places)])
        }
        assert len(firsts) > 3
        for number in firsts.values():
            visit.page.goto((folder / "index.html").as_uri())
            visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
            visit.page.locator(".finding .head a").nth(number).click()
            visit.page.wait_for_url("**/*#*")
            visit.page.wait_for_load_state()
            anchor = visit.page.url.partition("#")[2]
            assert visit.page.locator(f"h2[id='{anchor}']").count() == 1, visit.page.url
        assert visit.foreign() == []


def test_chinese_is_drawn_from_the_font_that_travels_with_the_page(browser):
    with Visit(browser, demo_reports()["zh"] / "index.html") as visit:
        session = visit.context.new_cdp_session(visit.page)
        session.send("DOM.enable")
        session.send("CSS.enable")
        root = session.send("DOM.getDocument")["root"]["nodeId"]
        node = session.send("DOM.querySelector", {"nodeId": root, "selector": "h2"})["nodeId"]
        fonts = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        assert [font["isCustomFont"] for font in fonts] == [True]


def test_it_prints_without_folded_parts_and_navigation(browser, folder):
    with Visit(browser, folder / "10_funnel.html") as visit:
        visit.page.emulate_media(media="print")
        assert visit.page.locator("nav").is_hidden()
        pdf = visit.page.pdf(format="A4")
        assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 2
        assert visit.said == []


def test_a_hostile_page_runs_nothing_and_asks_for_nothing(browser, tmp_path):
    deal = {"deal_id": "d1", "stage": "needs", "status": "open", "created_at": "2025-09-02"}
    workspace = write_workspace(tmp_path / "acme", {"deals": [deal]})
    result = report_of(spec_of(workspace, tmp_path, "hostile"))

    for size in SIZES:
        with Visit(browser, result.path / "10_hostile.html", size) as visit:
            for link in visit.page.locator("main a:visible").all():
                if not (link.get_attribute("href") or "").endswith(".html"):
                    link.click(timeout=2000)
            assert visit.ran == []
            assert visit.said == []
            assert visit.foreign() == []
            assert visit.page.title() == "Fixture hostile"
            assert visit.page.locator("footer").is_visible()
            assert visit.page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


def test_these_checks_notice_a_bad_page(browser, tmp_path):
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<p style='color:#999;width:900px'>pale</p><script>alert(1); console.log('said')</script>"
        "<img src='http://127.0.0.1:9/pixel.png'>"
    )

    with Visit(browser, bad, "phone") as visit:
        assert visit.ran == ["1"]
        assert "said" in visit.said
        assert visit.foreign() == ["http://127.0.0.1:9/pixel.png"]
        assert visit.page.evaluate("document.documentElement.scrollWidth") > 390
        assert [text for text, _ in visit.page.evaluate(CONTRAST)] == ["pale"]


# the width of A4 between its usual margins
PAPER = {"width": 702, "height": 1000}


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_cut_on_paper(browser, folder, name):
    """Paper cannot be scrolled: tables fit its width, pictures its height."""
    with Visit(browser, folder / f"{name}.html") as visit:
        visit.page.set_viewport_size(PAPER)
        visit.page.emulate_media(media="print")
        cut = visit.page.evaluate(
            """() => [...document.querySelectorAll('.scroll, figure')].filter(n =>
            n.scrollWidth > n.clientWidth + 1 ||
            n.matches('figure') && n.getBoundingClientRect().height > 970)
            .map(n => n.textContent.slice(0, 60))"""
        )
        assert cut == []
        heading = "getComputedStyle(document.querySelector('h2')).breakAfter"
        assert visit.page.evaluate(heading) == "avoid"


def test_only_wide_tables_take_room_for_long_names_and_only_on_screens(browser, tmp_path):
    """A table of few columns fits a phone as it is; paper has rules of its own."""
    name = "Longest Name of Any Customer That Has Been Seen So Far"

    def table(columns):
        cells = '<td class="num">1.00</td>' * (columns - 1)
        heads = "".join(f"<th>{number}</th>" for number in range(columns))
        return (f'<div class="scroll"><table><tr>{heads}</tr>'
                f'<tr><td class="long">{name}</td>{cells}</tr></table></div>')  # fmt: skip

    style = (Path(reporting.__file__).parent / "page.css").read_text("utf-8")
    file = tmp_path / "tables.html"
    file.write_text(f"<style>{style}</style><main>{table(4)}{table(14)}</main>", "utf-8")
    with Visit(browser, file, size="phone") as visit:
        widths = """() => [...document.querySelectorAll('.scroll')].map(n =>
            [n.scrollWidth > n.clientWidth, n.querySelector('td').clientWidth])"""
        (few_scrolls, _), (many_scroll, roomy) = visit.page.evaluate(widths)
        visit.page.emulate_media(media="print")
        _, (_, on_paper) = visit.page.evaluate(widths)

    assert (few_scrolls, many_scroll) == (False, True)
    assert roomy >= 160 > on_paper
