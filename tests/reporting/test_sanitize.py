import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesops_kit.reporting.sanitize import clean

DANGEROUS = {
    "script": "<script>alert(1)</script>",
    "svg onload": '<svg onload="alert(1)"><script>alert(1)</script></svg>',
    "onerror": '<img src="x" onerror="alert(1)">',
    "onclick": '<b onclick="alert(1)">kept</b>',
    "javascript": '<a href="javascript:alert(1)">kept</a>',
    "mixed case": '<a href=" jAvAscript:alert(1)">kept</a>',
    "tab inside": '<a href="java\tscript:alert(1)">kept</a>',
    "entity": '<a href="&#106;avascript:alert(1)">kept</a>',
    "vbscript": '<a href="vbscript:x">kept</a>',
    "data page": '<a href="data:text/html,<script>alert(1)</script>">kept</a>',
    "iframe": '<iframe src="https://evil.test"></iframe><iframe srcdoc="<script>">',
    "form": '<form action="https://evil.test"><input name="a"><button>b</button></form>',
    "object": '<object data="x"></object><embed src="x">',
    "style sheet": "<style>*{background:url(//evil.test)}</style>",
    "style attribute": '<p style="background:url(//evil.test)">kept</p>',
    "remote picture": '<img src="https://evil.test/p.png" alt="kept">',
    "remote set": '<img srcset="https://evil.test/p.png 2x" alt="">',
    "relative picture": '<img src="//evil.test/p.png" alt="">',
    "page as picture": '<img src="data:text/html;base64,PHNjcmlwdD4=" alt="">',
    "refresh": '<meta http-equiv="refresh" content="0;url=https://evil.test">',
    "base": '<base href="https://evil.test/"><link rel="stylesheet" href="//evil.test">',
    "mutation": "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "template": "<template><script>alert(1)</script></template><noscript><p title='</noscript>'>",
    "comment": "<!--[if IE]><script>alert(1)</script><![endif]-->",
}
TAGS = {
    "a", "b", "blockquote", "br", "caption", "code", "details", "div", "em", "figcaption", "figure",
    "h1", "h2", "h3", "h4", "hr", "i", "img", "li", "ol", "p", "pre", "section", "small", "span",
    "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {"class", "id", "href", "role", "aria-label", "tabindex", "src", "alt", "colspan",
              "rowspan", "scope", "start"}  # fmt: skip


class Seen(HTMLParser):
    """Every element and attribute a browser would see."""

    def __init__(self, markup):
        super().__init__()
        self.tags, self.attributes = set(), []
        self.feed(markup)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs


def assert_harmless(markup):
    seen = Seen(markup)
    assert seen.tags <= TAGS
    assert {name for name, _ in seen.attributes} <= ATTRIBUTES
    for name, value in seen.attributes:
        if name == "src":
            assert value.startswith(("data:image/png;base64,", "data:image/svg+xml"))
        if name == "href":
            address = re.sub(r"[\s\x00-\x20]", "", value or "").lower()
            assert not re.match(r"(javascript|vbscript|data|file):", address)


@pytest.mark.parametrize("markup", DANGEROUS.values(), ids=DANGEROUS)
def test_nothing_dangerous_survives(markup):
    cleaned = clean(markup)

    assert_harmless(cleaned)
    assert ("kept" in cleaned) == ("kept" in markup)


@given(st.lists(st.sampled_from([*DANGEROUS.values(), "<", ">", '"', "</table>", "a"]), max_size=6))
def test_nothing_dangerous_survives_in_any_company(parts):
    assert_harmless(clean("".join(parts)))


@given(st.text())
def test_any_text_is_made_harmless_and_cleaning_twice_changes_nothing(text):
    cleaned = clean(text)

    assert_harmless(cleaned)
    assert clean(cleaned) == cleaned


KEPT = {
    "table": '<div class="scroll" role="region" aria-label="Files" tabindex="0"><table>'
    "<caption>Files</caption><thead><tr><th scope=\"col\" class=\"num\">n</th></tr></thead>"
    '<tbody><tr><td colspan="2">1</td></tr></tbody></table></div>',
    "figure": '<figure><img src="data:image/png;base64,iVBORw0=" alt="A chart"><figcaption>c'
    "</figcaption></figure>",
    "drawing": '<img src="data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22/%3E" '
    'alt="">',
    "finding": '<div class="finding warning"><p class="head"><b>NOTE</b> '
    '<a href="10_funnel.html#flow">x</a></p></div>',
    "section": '<h2 id="flow">Flow</h2><details><summary>more</summary><p>x</p></details>',
    "mail": '<a href="mailto:sales@example.com">mail</a>',
}  # fmt: skip


@pytest.mark.parametrize("markup", KEPT.values(), ids=KEPT)
def test_what_pages_are_made_of_survives_unchanged(markup):
    assert sorted(Seen(clean(markup)).attributes) == sorted(Seen(markup).attributes)
    assert Seen(clean(markup)).tags == Seen(markup).tags
    assert re.sub("<.*?>", "", clean(markup)) == re.sub("<.*?>", "", markup)


def test_a_stray_end_of_a_table_cannot_end_ours():
    markup = clean("<div><table><tr><td>one</table></table></div></div></main><p>after</p>")

    assert markup.count("<div>") == markup.count("</div>") == 1
    assert "</main>" not in markup
