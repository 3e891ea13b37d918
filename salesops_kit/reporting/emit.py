"""What a notebook shows: findings, key figures, charts and tables.

Everything is escaped here, at the source, and carries what reporting needs as a mime type of our
own, so that nothing is ever parsed out of HTML.
"""

import html
import io
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from IPython.display import display

from salesops_kit.cells import plain, without_controls
from salesops_kit.errors import ReportError
from salesops_kit.findings import SCHEMA_VERSION, Finding, KeyFigure
from salesops_kit.language import Language, Share, say
from salesops_kit.reporting.exports import MOST_ROWS, exact

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

MIME = "application/vnd.salesops+json"
MAX_MARKS = 1500  # beyond that a picture of pixels is smaller than one of shapes
MAX_SVG = 40_000  # bytes; beyond, letters drawn as shapes mostly, pixels are smaller too
LONG = 40  # bytes: as many Latin letters, or 13 Chinese ones
MAX_ROWS = 60
NOTHING, INSTEAD = "nothing", "instead"  # marks of sentences in place of a finding, of a table
MOST_CARDS = 12  # findings shown one by one; beyond, notes stand in the tables below
_KEPT = " =/:;,.()-_!*+@?$[]|~^"  # what a data address may hold unencoded
_SIGN = re.compile(r"([+-])(?=[¥$€£])")


def safe(text: object) -> str:
    """Return text for HTML: escaped, without control and direction characters.

    A sign stays on the line of its amount.
    """
    shown = _SIGN.sub("\\1\u2060", without_controls(str(text)))
    return html.escape(shown, quote=True)


def show_findings(findings: Sequence[Finding], language: Language) -> None:
    """Show findings as cards, and hand them to the report; of many, notes are only counted."""
    weighty = [f for f in findings if f.severity != "note"]
    shown = weighty if len(findings) > MOST_CARDS and weighty else findings
    cards = "".join(finding_card(f.as_json(), language) for f in shown)
    if len(shown) < len(findings):
        more = say("reporting.more_notes", language, count=len(findings) - len(shown))
        cards += f"<p>{safe(more)}</p>"
    body = cards or f"<p>{safe(say('reporting.no_findings', language))}</p>"
    _emit("findings", [f.as_json() for f in findings], f'<div class="findings">{body}</div>')


def hand_over(findings: Sequence[Finding]) -> None:
    """Hand findings to the report without showing them on the page."""
    _emit("findings", [f.as_json() for f in findings], "")


def emit_key_figures(figures: Sequence[KeyFigure]) -> None:
    """Hand key figures to the report's index page."""
    _emit("key_figures", [f.as_json() for f in figures], "")


def finding_card(
    finding: dict[str, Any], language: Language, link: str = "", *, standing: str = "",
    evidence: str = "",
) -> str:  # fmt: skip
    """Return one finding as HTML.

    `link` leads to its evidence, `evidence` is a chart of it (HTML), `standing` says how it stood
    in the period before.
    """
    severity = finding["severity"]
    mark = safe(say(f"reporting.severity_{severity}", language))
    facts = [standing] if standing else []
    if finding["n"] is not None:
        facts.append(f"n = {finding['n']:,}")
    if finding["certainty"] < 1:
        certainty = Share(finding["certainty"]).written(language)
        facts.append(say("reporting.certainty", language, share=certainty))
    facts.append(say("reporting.definition", language, name=finding["definition"]))
    headline = safe(finding["headline"][language])
    if link:
        headline = f'<a href="{html.escape(link, quote=True)}">{headline}</a>'
    return (
        f'<div class="finding {safe(severity)}"><p class="head"><b>{mark}</b> {headline}</p>'
        f"<p>{safe(finding['detail'][language])}</p>"
        f'<p class="act">{safe(finding["action"][language])}</p>'
        f'<p class="facts">{safe(" · ".join(facts))}</p>{evidence}</div>'
    )


def show_conclusion(findings: Sequence[Finding], section: str, language: Language) -> None:
    """Show in words what was found in one section, or that nothing stands out."""
    said = [
        f"{f.headline[language]} {f.detail[language]}" for f in findings if f.section == section
    ]
    for text in said:
        show_text(text)
    if not said:
        _show_marked(say("reporting.nothing_stands_out", language), NOTHING)


def show_text(text: str) -> None:
    """Show one sentence computed from the data."""
    display({"text/html": f"<p>{safe(text)}</p>", "text/plain": text}, raw=True)


def _show_marked(text: str, mark: str) -> None:
    """Show a sentence that says why nothing is shown; a page says each once (`page.said_once`)."""
    display({"text/html": f'<p class="{mark}">{safe(text)}</p>', "text/plain": text}, raw=True)


def show_sheet_head(text: str) -> None:
    """Show the first line of a page that is printed on one sheet of paper."""
    display({"text/html": f'<p class="sheet">{safe(text)}</p>', "text/plain": text}, raw=True)


def show_figure(figure: "Figure", *, alt: str, caption: str = "") -> None:
    """Show a chart with its alternative text and caption, and close it.

    Raises
    ------
    ReportError
        When `alt` is empty: who cannot see the chart must be told what it says.
    """
    import matplotlib.pyplot as plt

    if not alt.strip():
        raise ReportError("a chart needs an alternative text that says what it shows")
    source = "" if _marks(figure) > MAX_MARKS else _svg(figure)
    if not source or len(source) > MAX_SVG:
        source = min(filter(None, (source, _png(figure))), key=len)
    plt.close(figure)
    text = f"<figcaption>{safe(caption)}</figcaption>" if caption else ""
    markup = f'<figure><img src="{source}" alt="{safe(alt)}">{text}</figure>'
    display({"text/html": markup, "text/plain": alt}, raw=True)


def show_figures(figures: "Iterable[tuple[Figure, dict[str, str]]]") -> None:
    """Show several charts, each with its texts as for `show_figure`."""
    for figure, texts in figures:
        show_figure(figure, **texts)


def show_table(frame: "pd.DataFrame") -> None:
    """Show a table made by `tables.Reader.table`, or what it says instead when it is empty."""
    if frame.empty:
        _show_marked(frame.attrs.get("instead", ""), INSTEAD)
        return
    caption, right = frame.attrs.get("caption", ""), set(frame.attrs.get("numeric", ()))
    language: Language = frame.attrs.get("language", "en")
    heads = "".join(
        f'<th scope="col"{_right(name in right)}>{safe(name)}</th>' for name in frame.columns
    )
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{_right(name in right) or _long(cell)}>{safe(cell)}</td>"
            for name, cell in zip(frame.columns, row, strict=True)
        )
        + "</tr>"
        for row in frame.head(MAX_ROWS).itertuples(index=False, name=None)
    )
    more = len(frame) - MAX_ROWS
    note = f"<p>{safe(say('reporting.more_rows', language, count=more))}</p>" if more > 0 else ""
    markup = (
        f'<div class="scroll" role="region" aria-label="{safe(caption)}" tabindex="0"><table>'
        f"<caption>{safe(caption)}</caption><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody>"
        f"</table></div>{note}"
    )
    plain_text = frame.head(MAX_ROWS).to_string(index=False)
    display({MIME: _exact(frame), "text/html": markup, "text/plain": plain_text}, raw=True)


def _exact(frame: "pd.DataFrame") -> dict[str, Any]:
    """Return a table as the report writes it into files: exact, with all its rows."""
    known = frame.attrs.get("exact", {})
    columns = [
        [exact(cell) for cell in (known.get(name) or frame[name])[:MOST_ROWS]] for name in frame
    ]
    item = {
        "name": frame.attrs.get("name", "table"),
        "caption": plain(frame.attrs.get("caption", "")),
        "columns": [plain(str(name)) for name in frame],
        "rows": [list(row) for row in zip(*columns, strict=True)],
    }
    return {"schema_version": SCHEMA_VERSION, "kind": "table", "items": [item]}


def _right(numeric: bool) -> str:  # noqa: FBT001 - a private one-liner
    return ' class="num"' if numeric else ""


def _long(cell: object) -> str:
    """Mark a sentence: as the last of a row it must not be squeezed to a word a line."""
    return ' class="long"' if len(str(cell).encode()) > LONG else ""


def _emit(kind: str, items: list[dict[str, Any]], markup: str) -> None:
    bundle: dict[str, Any] = {
        MIME: {"schema_version": SCHEMA_VERSION, "kind": kind, "items": items},
        "text/plain": f"{len(items)} {kind}",
    }
    if markup:
        bundle["text/html"] = markup
    display(bundle, raw=True)


def _marks(figure: "Figure") -> int:
    shapes = sum(len(axes.patches) for axes in figure.axes)
    points = [line.get_xydata() for axes in figure.axes for line in axes.lines]
    points += [group.get_offsets() for axes in figure.axes for group in axes.collections]
    return shapes + sum(int(np.asarray(part).shape[0]) for part in points)


def _svg(figure: "Figure") -> str:
    """Return the chart as shapes; percent-encoded, a quarter smaller than base64."""
    from urllib.parse import quote

    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.StringIO()
    # savefig would draw twice, once only to lay the chart out, which the drawing does anyway
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]  # without declaration and doctype
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"([1-9]\d*\.\d\d)\d+", r"\1", text)  # hundredths of a point are enough
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"\s+", " ", re.sub(r">\s+<", "><", text))
    return f"data:image/svg+xml,{quote(text, safe=_KEPT)}"


def _png(figure: "Figure") -> str:
    """Return the chart as pixels in 64 colours."""
    import base64

    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    figure.set_dpi(200)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()  # pixels as they are: nothing to decode again
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba()))
    small = drawn.convert("RGB").quantize(64)
    result = io.BytesIO()
    small.save(result, format="png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(result.getvalue()).decode()}"
