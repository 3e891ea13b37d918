"""What every published page must be: self-contained, described, anchored, small."""

import json
import re
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from demo_report import PAGES, demo_reports, demo_workspace, report_of

from salesops_kit.reporting.emit import MIME, show_findings, show_text
from salesops_kit.reporting.job import RECALLED, ReportSpec
from salesops_kit.reporting.page import POLICY, Page, html_page, notebook_page

LARGEST = 500_000  # bytes of a page, with the Chinese letters it brings along
# to a section, another page of the period, a table's file, or all periods
LINK = r"([\w.-]+\.html)?(#[\w-]+)?|tables/\w+/[\w.-]+\.csv|\.\./index(-\w\w)?\.html"
VOID = {"meta", "img", "br", "hr"}


class Document(HTMLParser):
    """Elements in order, with text by element; complains about what is not closed in order."""

    def __init__(self, markup):
        super().__init__()
        self.elements, self.texts, self.open, self.crossed = [], [], [], []
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()
        else:
            self.crossed.append(tag)

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def text(self, tag):
        return "".join(text for inside, text in self.texts if inside == tag)


@pytest.fixture(params=PAGES)
def page(request, demo):
    return (demo / f"{request.param}.html").read_text("utf-8")


def test_every_notebook_has_its_page(demo):
    assert {file.stem for file in demo.glob("*.html")} == set(PAGES)


def test_nothing_is_loaded_from_anywhere(page):
    document = Document(page)

    for tag, attributes in document.elements:
        assert not {"srcset", "style", "action", "data", "poster"} & set(attributes)
        assert not [name for name in attributes if name.startswith("on")]
        if "src" in attributes:
            assert tag == "img"
            assert attributes["src"].startswith("data:image/")
        if "href" in attributes:
            assert re.fullmatch(LINK, attributes["href"])
    assert not {"script", "link", "iframe", "object", "form", "base"} & {
        tag for tag, _ in document.elements
    }
    style = document.text("style")
    assert "@import" not in style
    assert all(url.startswith("data:font/") for url in re.findall(r"url\((.*?)\)", style))


def test_pictures_load_nothing_and_run_nothing(page):
    for picture in Document(page).all("img"):
        if picture["src"].startswith("data:image/svg+xml,"):
            drawing = unquote(picture["src"])
            assert not re.search(r"<script|\son\w+=|<foreignObject|<image", drawing)
            assert not re.search(r'href="(?!#)', drawing)


def test_a_strict_policy_stands_first(page):
    first, second = Document(page).all("meta")[:2]

    assert first == {"charset": "utf-8"}
    assert second == {"http-equiv": "Content-Security-Policy", "content": POLICY}
    assert "script" not in POLICY
    assert POLICY.startswith("default-src 'none'")


def test_language_title_one_heading_and_viewport_are_given(page, demo):
    document = Document(page)

    assert document.all("html") == [{"lang": "zh-CN" if demo.name.endswith("zh") else "en"}]
    assert len(document.all("h1")) == 1
    assert document.text("title") == document.text("h1") != ""
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in document.all(
        "meta"
    )


def test_elements_are_closed_in_order_and_ids_are_unique(page):
    document = Document(page)

    assert (document.crossed, document.open) == ([], [])
    ids = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)


def test_every_chart_has_an_alternative_text_and_a_caption(page):
    document = Document(page)

    assert all("alt" in picture for picture in document.all("img"))
    figures = re.findall(r"<figure>(.*?)</figure>", page, re.S)
    for figure in figures:
        [picture] = Document(figure).all("img")
        assert len(picture["alt"]) >= 10
        assert len(re.search("<figcaption>(.*?)</figcaption>", figure)[1]) > 10
    assert page.count("<figure") == len(figures)


def test_tables_have_captions_headers_and_a_reachable_scroll_box(page):
    for table in re.findall(r"<table>.*?</table>", page, re.S):
        document = Document(table)
        assert document.text("caption")
        assert document.all("th")
        assert all(head.get("scope") == "col" for head in document.all("th"))
    for box in Document(page).all("div"):
        if box.get("class") == "scroll":
            assert (box["role"], box["tabindex"]) == ("region", "0")
            assert box["aria-label"]


def test_a_page_is_small(page):
    assert len(page.encode()) < LARGEST


def test_what_was_recalled_for_the_second_language_gives_the_bytes_of_what_is_worked_out(tmp_path):
    recalled = demo_reports()["zh"]
    anew = report_of(
        ReportSpec(demo_workspace(), "2025-09", language="zh", into=tmp_path, force=True,
                   notebooks=("recognition", "monitor"))
    ).path  # fmt: skip

    assert len(list((demo_workspace() / RECALLED).iterdir())) > 12
    for name in ("34_recognition.html", "51_monitor.html", "notebooks/51_monitor.ipynb"):
        assert (anew / name).read_bytes() == (recalled / name).read_bytes()


def test_links_within_the_report_lead_somewhere(demo):
    targets = {
        file.name: {
            attributes["id"]
            for _, attributes in Document(file.read_text("utf-8")).elements
            if "id" in attributes
        }
        for file in demo.glob("*.html")
    }
    for file in demo.glob("*.html"):
        for link in Document(file.read_text("utf-8")).all("a"):
            name, _, anchor = link["href"].partition("#")
            if "/" in name:
                assert (demo / name).is_file(), name
                continue
            assert (name or file.name) in targets
            assert not anchor or anchor in targets[name or file.name], link["href"]


def test_every_finding_has_its_section_and_both_languages(demo):
    findings = json.loads((demo / "findings.json").read_text("utf-8"))["findings"]

    assert findings
    assert len({finding["id"] for finding in findings}) == len(findings)
    for finding in findings:
        [page] = demo.glob(f"[0-9][0-9]_{finding['analysis']}.html")
        assert f'id="{finding["section"]}"' in page.read_text("utf-8"), finding["id"]
        for part in ("headline", "detail", "action"):
            assert set(finding[part]) == {"en", "zh"}
            quotes = finding["analysis"] == "feedback" and part == "detail"  # customers' own words
            assert quotes or not re.search("[\u4e00-\u9fff]", finding[part]["en"])
            assert re.search("[\u4e00-\u9fff]", finding[part]["zh"])


def test_prose_and_labels_are_in_the_readers_language(page, demo):
    chinese = demo.name.endswith("zh")
    prose = Document(page)
    words = prose.text("h2") + prose.text("figcaption") + prose.text("caption") + prose.text("th")

    assert bool(re.search("[\u4e00-\u9fff]", words)) == chinese
    if chinese:
        named = re.sub("“.*?”", "", prose.text("h2") + prose.text("figcaption"))  # by the company
        assert not re.search(r"[a-z]{3,} [a-z]{3,}", named)


def test_no_placeholder_missing_value_or_template_is_left(page):
    text = " ".join(text for inside, text in Document(page).texts if inside != "style")

    assert not re.search(r"\bnan\b|\bNaN\b|\bNone\b|\bNaT\b|\binf\b|<NA>|\{\w+\}|�", text)


def test_the_key_figures_are_the_same_in_both_languages():
    english, chinese = (
        json.loads((folder / "findings.json").read_text("utf-8"))
        for folder in demo_reports().values()
    )

    assert english == chinese


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_next_period_has_one_forecast_on_all_pages(language):
    """Page 21 names it; the pages forecast and risks, which name it too, must say the same."""
    file = demo_reports()[language] / "findings.json"
    found = {f["id"]: f for f in json.loads(file.read_text("utf-8"))["findings"]}
    first = {f["analysis"]: f for f in reversed(found.values())}
    said = re.findall(r"[¥￥][\d.,]+[A-Z万亿]*", first["pipeline_forecast"]["headline"][language])
    value, low, high = said[:3]
    outlook = next(f for f in found.values() if f["kind"] == "risk")

    assert f"{value} (80 %: {low} to {high})" in first["forecast"]["detail"]["en"] or (
        f"{value}（80% 区间 {low} 至 {high}）" in first["forecast"]["detail"]["zh"]
    )
    assert value in outlook["detail"][language]


def test_no_path_of_this_machine_is_in_what_readers_get(demo):
    for file in [*demo.glob("*.html"), demo / "findings.json", demo / "manifest.json"]:
        assert "/tmp/" not in file.read_text("utf-8"), file.name
        assert "/site-packages/" not in file.read_text("utf-8")


# -- hostile outputs -------------------------------------------------------------------------


def test_a_hostile_notebook_gives_a_harmless_page(hostile):
    document = Document(hostile)

    assert (document.crossed, document.open) == ([], [])
    forbidden = {"script", "iframe", "form", "link", "base", "object", "svg"}
    assert not forbidden & {tag for tag, _ in document.elements}
    assert len(document.all("style")) == len(document.all("main")) == 1
    assert "evil.test" not in hostile
    for _, attributes in document.elements:
        assert not [name for name in attributes if name.startswith("on")]
        assert not re.match(r"\s*java\s*script:", attributes.get("href", ""), re.I)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e]", hostile)


def test_what_was_harmless_beside_it_is_still_shown(hostile):
    for word in ("script", "onerror", "link", "p", "after"):
        assert f"kept {word}" in hostile
    assert "<footer>" in hostile.partition("kept after")[2]


def test_text_and_cells_are_escaped_not_dropped(hostile):
    assert "&lt;script&gt;alert(9)&lt;/script&gt;" in hostile
    assert "&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;&lt;script&gt;alert(10)&lt;/script&gt;" in hostile
    assert "&lt;script&gt;alert(13)&lt;/script&gt;" in hostile
    assert "alert(12)" not in hostile  # what was printed is a log, not a report


# -- pieces ----------------------------------------------------------------------------------


def cell(source, kind="markdown", tags=(), outputs=()):
    return {"cell_type": kind, "source": source, "metadata": {"tags": list(tags)},
            "outputs": list(outputs)}  # fmt: skip


def test_a_page_holds_the_prose_of_one_language_only():
    cells = [cell("# One", tags=["lang-en"]), cell("# 一", tags=["lang-zh"]), cell("both")]

    page = notebook_page({"cells": cells}, "zh")
    assert page.title == "一"
    assert page.body.split() == ["<h1>一</h1>", "<p>both</p>"]


def test_errors_and_logs_are_not_for_readers():
    outputs = [
        {"output_type": "error", "ename": "E", "evalue": "secret", "traceback": ["secret"]},
        {"output_type": "stream", "name": "stderr", "text": "secret"},
    ]
    error = cell("secret", tags=["papermill-error-cell-tag"])

    page = notebook_page({"cells": [error, cell("x", "code", outputs=outputs)]}, "en")

    assert "secret" not in page.body


def test_contents_are_listed_from_three_sections_on():
    headings = [("a", "A"), ("b", "B"), ("c", "C")]

    assert "<nav>" not in html_page(Page("t", "<h1>t</h1>", headings[:2]), "en", footer="")
    listed = html_page(Page("t", "<h1>t</h1>", headings), "en", footer="")
    assert re.findall(r'<li><a href="#(\w)">(\w)</a>', listed) == headings


def test_an_empty_list_of_findings_says_so(shown):
    show_findings([], "zh")

    assert shown[0]["text/html"] == '<div class="findings"><p>没有需要报告的事项。</p></div>'
    assert shown[0][MIME] == {"schema_version": 1, "kind": "findings", "items": []}


def test_text_is_shown_escaped(shown):
    show_text("a < b")

    assert shown == [{"text/html": "<p>a &lt; b</p>", "text/plain": "a < b"}]
