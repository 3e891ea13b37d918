"""What a notebook shows: charts, tables and text, escaped at the source."""

import base64
import io
import re
from urllib.parse import unquote

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from salesops_kit.charts.theme import use_theme
from salesops_kit.errors import ReportError
from salesops_kit.reporting import emit


@pytest.fixture
def canvas():
    use_theme()
    figure, axes = plt.subplots()
    yield figure, axes
    plt.close(figure)


def picture(bundle):
    return re.search(r'<img src="(.*?)" alt="(.*?)">', bundle["text/html"]).groups()


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_a_chart_without_alternative_text_is_refused(canvas, alt):
    with pytest.raises(ReportError) as refused:
        emit.show_figure(canvas[0], alt=alt)

    assert str(refused.value) == "a chart needs an alternative text that says what it shows"


def test_a_chart_is_shown_as_shapes_with_alternative_text_and_caption_and_closed(canvas, shown):
    canvas[1].bar([0, 1], [2, 3])
    emit.show_figure(canvas[0], alt='"><script>', caption="a < b")

    source, alt = picture(shown[0])
    assert unquote(source).startswith("data:image/svg+xml,<svg")
    assert unquote(source).rstrip().endswith("</svg>")
    assert alt == "&quot;&gt;&lt;script&gt;"
    assert "<figcaption>a &lt; b</figcaption>" in shown[0]["text/html"]
    assert not plt.fignum_exists(canvas[0].number)


@pytest.mark.parametrize(("points", "kind"), [(100, "svg+xml"), (1500, "png"), (1501, "png")])
def test_a_chart_is_pixels_where_shapes_would_be_larger(canvas, shown, points, kind):
    canvas[1].scatter(np.arange(points), np.arange(points))
    emit.show_figure(canvas[0], alt="dots")

    assert picture(shown[0])[0].startswith(f"data:image/{kind}")


def test_bars_and_lines_count_as_marks_too(canvas, shown):
    canvas[1].bar([0, 1], [2, 3])
    canvas[1].plot(np.arange(1499), np.arange(1499))
    emit.show_figure(canvas[0], alt="dots")

    assert picture(shown[0])[0].startswith("data:image/png")


def test_a_picture_of_pixels_is_sharp_and_has_few_colours(canvas, shown):
    canvas[1].plot(np.arange(2000), np.sin(np.arange(2000)))
    emit.show_figure(canvas[0], alt="dots")

    data = base64.b64decode(picture(shown[0])[0].partition(",")[2])
    image = Image.open(io.BytesIO(data))
    assert image.size == (1280, 960)
    assert (image.mode, len(image.getcolors())) == ("P", pytest.approx(33, abs=31))


def test_drawing_twice_gives_the_same_bytes(shown):
    use_theme()
    for _ in range(2):
        figure, axes = plt.subplots()
        axes.plot([1, 2], [3, 4], label="销售额")
        axes.legend()
        emit.show_figure(figure, alt="line")

    assert shown[0] == shown[1]
    assert "date" not in unquote(picture(shown[0])[0]).lower().partition("<g")[0]


def test_rounding_moves_nothing_by_more_than_a_hundredth_of_a_point(canvas):
    canvas[1].plot(np.linspace(0, 1, 50), np.linspace(0, 1, 50) ** 2)
    buffer = io.BytesIO()
    canvas[0].savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    whole = re.findall(r'd="(M.*?)"', buffer.getvalue().decode(), re.S)
    small = re.findall(r'd="(M.*?)"', unquote(emit._svg(canvas[0])), re.S)

    for before, after in zip(whole, small, strict=True):
        exact, rounded = (
            np.array(re.findall(r"-?[\d.]+", path), dtype=float) for path in (before, after)
        )
        np.testing.assert_allclose(rounded, exact, atol=0.01)


def table(frame, **attrs):
    frame.attrs.update({"caption": "Files", "language": "en"} | attrs)
    return frame


def test_a_table_has_caption_scroll_box_and_numbers_to_the_right(shown):
    emit.show_table(table(pd.DataFrame({"file": ["a.csv"], "rows": ["1,200"]}), numeric=["rows"]))

    assert shown[0]["text/html"] == (
        '<div class="scroll" role="region" aria-label="Files" tabindex="0"><table>'
        "<caption>Files</caption><thead><tr>"
        '<th scope="col">file</th><th scope="col" class="num">rows</th></tr></thead>'
        '<tbody><tr><td>a.csv</td><td class="num">1,200</td></tr></tbody></table></div>'
    )


def test_headers_cells_and_captions_are_escaped(shown):
    frame = table(pd.DataFrame({"<th>": ["</table><b>\x00\u202ex"]}), caption='"<c>')
    emit.show_table(frame)

    markup = shown[0]["text/html"]
    assert '<th scope="col">&lt;th&gt;</th>' in markup
    assert "<td>&lt;/table&gt;&lt;b&gt;x</td>" in markup
    assert 'aria-label="&quot;&lt;c&gt;"' in markup


def test_a_long_table_is_cut_and_says_by_how_many_rows(shown):
    emit.show_table(table(pd.DataFrame({"n": [str(i) for i in range(62)]})))

    assert shown[0]["text/html"].count("<td>") == 60
    assert shown[0]["text/html"].endswith("<p>and 2 more rows</p>")


def test_an_empty_table_is_a_sentence_instead(shown):
    emit.show_table(table(pd.DataFrame({"n": []}), instead="Nothing <here>."))

    assert shown == [
        {
            "text/html": '<p class="instead">Nothing &lt;here&gt;.</p>',
            "text/plain": "Nothing <here>.",
        }
    ]


@pytest.mark.parametrize(
    ("text", "safe"),
    [("a & b", "a &amp; b"), ("'\"", "&#x27;&quot;"), ("tab\tline\n", "tab\tline\n"),
     ("\x1b[31m", "[31m"), ("\ufeffBOM", "BOM"), ("家👩‍👩‍👧", "家👩‍👩‍👧"), (None, "None")],
)  # fmt: skip
def test_text_is_escaped_and_rid_of_control_characters(text, safe):
    assert emit.safe(text) == safe
