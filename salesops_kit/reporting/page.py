"""Pages: an executed notebook, or a list of blocks, as one self-contained HTML file.

No script, no request, nothing but text, tables and pictures that travel in the file; a strict
content-security policy holds a page to that.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from salesops_kit.language import Language, say
from salesops_kit.reporting.emit import INSTEAD, MIME, NOTHING, safe
from salesops_kit.reporting.exports import FOLDER, file_name
from salesops_kit.reporting.sanitize import clean

POLICY = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; font-src data:; "
    "base-uri 'none'; form-action 'none'"
)
_HTML_LANGUAGE = {"en": "en", "zh": "zh-CN"}


@dataclass(frozen=True)
class Page:
    """A page's title, body (already sanitized) and headings (anchor, text)."""

    title: str
    body: str
    headings: Sequence[tuple[str, str]] = ()


def notebook_page(notebook: Mapping[str, Any], language: Language, name: str = "") -> Page:
    """Turn an executed notebook into a page: prose of the language, and outputs; no code.

    Tables lead to their files, which lie under the notebook's `name` (`exports.write_tables`).

    A markdown cell tagged `lang-en` or `lang-zh` is for readers of that language only; one tagged
    `section-NAME` gets the anchor NAME.
    """
    parts: list[str] = []
    headings: list[tuple[str, str]] = []
    title, tables = "", 0
    for cell in notebook["cells"]:
        tags = cell.get("metadata", {}).get("tags", [])
        if any(t.startswith("lang-") and t != f"lang-{language}" for t in tags):
            continue
        if cell["cell_type"] == "markdown" and not _is_papermills(tags):
            markup = clean(_markdown(cell["source"]))
            if not title and (first := re.search(r"<h1>(.*?)</h1>", markup, re.S)):
                title = re.sub(r"<.*?>", "", first[1])
            anchor = next((t[8:] for t in tags if t.startswith("section-")), "")
            parts.append(_anchored(markup, anchor, headings))
        elif cell["cell_type"] == "code":
            for output in cell["outputs"]:
                parts += [clean(markup)] if (markup := _output(output)) else []
                if table := _table(output):
                    tables += 1
                    parts.append(_file_link(name, tables, table, language))
    return Page(title, _told_apart(said_once("\n".join(parts))), headings)


def html_page(
    page: Page, language: Language, *, footer: str, home: str = "", fonts: str = ""
) -> str:
    """Return the whole HTML file; `fonts` is CSS that brings letters along."""
    contents = ""
    if len(page.headings) > 2:
        items = "".join(f'<li><a href="#{safe(a)}">{t}</a></li>' for a, t in page.headings)
        name = safe(say("reporting.contents", language))
        contents = f"<nav><details><summary>{name}</summary><ol>{items}</ol></details></nav>"
    back = f'<p class="sub"><a href="{home}">{safe(say("reporting.back", language))}</a></p>'
    body = page.body.replace("</h1>", f"</h1>{contents}", 1)
    return (
        f'<!DOCTYPE html>\n<html lang="{_HTML_LANGUAGE[language]}">\n<head>\n'
        f'<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="color-scheme" content="light dark">\n<title>{page.title}</title>\n'
        f"<style>{fonts}{_style()}</style>\n</head>\n<body>\n<main>\n{back if home else ''}"
        f"{body}\n{f'<footer>{footer}</footer>' if footer else ''}\n</main>\n</body>\n</html>\n"
    )


@cache
def _style() -> str:
    return (Path(__file__).parent / "page.css").read_text("utf-8").replace("\n", "")


def _is_papermills(tags: Sequence[str]) -> bool:
    return any(tag.startswith("papermill-error") for tag in tags)


def _markdown(source: str) -> str:
    from nbconvert.filters import markdown2html_mistune

    markup: str = markdown2html_mistune(source)
    # headings come with a pilcrow link and an id of their own
    markup = re.sub(r'<a class="anchor-link".*?</a>', "", markup, flags=re.S)
    return re.sub(r"<(h[1-6]) id=.*?>", r"<\1>", markup)


def _anchored(markup: str, anchor: str, headings: list[tuple[str, str]]) -> str:
    found = re.search(r"<h2>(.*?)</h2>", markup, re.S)
    if found is None:
        return markup
    anchor = anchor or f"s{len(headings) + 1}"
    headings.append((anchor, re.sub(r"<.*?>", "", found[1])))
    return markup.replace("<h2>", f'<h2 id="{safe(anchor)}">', 1)


def _output(output: Mapping[str, Any]) -> str:
    """Return what readers see of an output: HTML or pictures; no logs, no tracebacks."""
    if output["output_type"] not in ("display_data", "execute_result"):
        return ""
    data = output["data"]
    if "text/html" in data:
        return "".join(data["text/html"])
    for kind in ("image/svg+xml", "image/png"):
        if kind in data:
            return _picture(kind, data[kind], output)
    if "text/markdown" in data:
        return _markdown("".join(data["text/markdown"]))
    ours = any(kind.startswith("application/vnd.salesops") for kind in data)
    return "" if ours else f"<pre>{safe(''.join(data.get('text/plain', '')))}</pre>"


def said_once(body: str) -> str:
    """Say once per section why a table is missing, and nothing else where nothing was looked at.

    That nothing stands out is true of what the section shows only.

    >>> said_once('<h2>A</h2><p class="nothing">Fine.</p><p class="instead">No data.</p>')
    '<h2>A</h2><p class="instead">No data.</p>'
    """
    return "".join(_section_said_once(part) for part in re.split(r"(?=<h2)", body))


def _section_said_once(section: str) -> str:
    missing = f'<p class="{INSTEAD}">'
    if missing in section and not re.search(r"<table|<figure", section):
        section = re.sub(rf'<p class="{NOTHING}">.*?</p>\n?', "", section, flags=re.S)
    seen: set[str] = set()

    def first(found: re.Match[str]) -> str:
        again = found[0] in seen
        seen.add(found[0])
        return "" if again else found[0]

    return re.sub(rf"{missing}.*?</p>", first, section, flags=re.S)


def _told_apart(body: str) -> str:
    """Give tables with the same caption labels of their own, as screen readers need.

    >>> _told_apart('<div role="region" aria-label="A"></div><div role="region" aria-label="A">')
    '<div role="region" aria-label="A"></div><div role="region" aria-label="A (2)">'
    """
    seen: Counter[str] = Counter()

    def numbered(found: re.Match[str]) -> str:
        seen[found[1]] += 1
        times = f" ({seen[found[1]]})" if seen[found[1]] > 1 else ""
        return f'role="region" aria-label="{found[1]}{times}"'

    return re.sub(r'role="region" aria-label="([^"]*)"', numbered, body)


def _table(output: Mapping[str, Any]) -> Mapping[str, Any] | None:
    bundle = output.get("data", {}).get(MIME, {})
    return bundle["items"][0] if bundle.get("kind") == "table" else None


def _file_link(name: str, number: int, table: Mapping[str, Any], language: Language) -> str:
    if not name:
        return ""
    file = f"{FOLDER}/{name}/{file_name(number, table['name'])}"
    label = safe(say("reporting.table_file", language, caption=table["caption"]))
    return f'<p class="file"><a href="{safe(file)}" aria-label="{label}">CSV</a></p>'


def _picture(kind: str, content: Any, output: Mapping[str, Any]) -> str:
    import base64

    text = "".join(content)
    encoded = base64.b64encode(text.encode()).decode() if kind == "image/svg+xml" else text
    alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
    encoded = re.sub(r"\s", "", encoded)
    return f'<figure><img src="data:{kind};base64,{encoded}" alt="{safe(alt)}"></figure>'
