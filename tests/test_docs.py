import re
import tomllib
from pathlib import Path

import pytest

from salesops_kit.settings import settings_from

ROOT = Path(__file__).resolve().parent.parent
PAGES = ["README.md", "README.zh.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/metrics.md",
         "docs/reliability.md", "docs/security.md", "reports/README.md"]  # fmt: skip


def test_the_example_of_the_settings_page_is_valid():
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1]

    settings = settings_from(tomllib.loads(example))

    assert settings.stage("talk").max_dwell_days == 14


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page):
    file = ROOT / page
    links = re.findall(r"\]\((?!http)([^)#]+)", file.read_text("utf-8"))

    assert [link for link in links if not (file.parent / link).exists()] == []


def test_readme_names_every_notebook():
    readme = (ROOT / "README.md").read_text("utf-8")
    names = [p.stem for p in (ROOT / "notebooks").glob("*.ipynb")]

    assert [name for name in names if f"`{name}`" not in readme] == []


def test_the_architecture_page_shows_the_rule_the_tests_hold():
    from test_architecture import MAY_IMPORT

    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| ([\w, ]+?) \| (.*?) \|$", page, re.MULTILINE))
    written = {part: rule for parts, rule in rows.items() for part in parts.split(", ")}

    missing = {p for p in MAY_IMPORT if p != "__init__" and p not in written}
    wrong = {
        part: layer
        for part, allowed in MAY_IMPORT.items()
        for layer in allowed - {"language"}
        if part in written and layer not in written[part]
    }
    assert (missing, wrong) == (set(), {})
