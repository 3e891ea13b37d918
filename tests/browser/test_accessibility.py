"""Every page of the demo's report is without a violation of axe-core's rules."""

from pathlib import Path

import pytest
from demo_report import demo_reports

pytestmark = pytest.mark.browser

# contrast takes five sixths of the time; test_in_chromium.py holds it, in both schemes
AXE = """axe.run(document,
  {resultTypes: ['violations'], rules: {'color-contrast': {enabled: false}}})"""


@pytest.fixture
def window(request, chromium):
    import axe_playwright_python
    from playwright.sync_api import sync_playwright

    source = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text("utf-8")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        context = browser.new_context(
            bypass_csp=True, color_scheme=request.param, viewport={"width": 390, "height": 844}
        )
        page = context.new_page()

        def violations(file: Path) -> list[str]:
            page.goto(file.as_uri())
            page.evaluate(source)
            found = page.evaluate(AXE)["violations"]
            return [f"{file.name} {v['id']}: {v['nodes'][0]['html'][:120]}" for v in found]

        yield violations
        browser.close()


@pytest.mark.parametrize(
    ("window", "language"), [("light", "en"), ("dark", "zh")], indirect=["window"]
)
def test_no_page_violates_a_rule_of_accessibility(window, language):
    folder = demo_reports()[language]
    files = [*sorted(folder.glob("*.html")), folder.parent / "index.html"]

    assert [told for file in files for told in window(file)] == []
