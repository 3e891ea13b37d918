"""Anatomy of the notebooks: thin, tagged, in both languages, without outputs."""

import ast
import json
import re
from pathlib import Path

import pytest

from salesops_kit.reporting.parameters import COMMON, known_parameters

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
BANNED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda, ast.For, ast.While,
          ast.Try, ast.With)  # fmt: skip
LONGEST, MOST = 15, 80  # lines of code: a cell, a notebook

pytestmark = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)


def read(path):
    return json.loads(path.read_text("utf-8"))


def source(cell):
    return "".join(cell["source"])


def tags(cell):
    return cell["metadata"].get("tags", [])


def code_cells(path):
    return [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]


def test_it_begins_with_titles_then_parameters_then_setup(path):
    cells = read(path)["cells"]

    assert [tags(cell) for cell in cells[:4]] == [
        ["lang-en"], ["lang-zh"], ["parameters"], ["setup"]
    ]  # fmt: skip
    assert all(re.match(r"# \S", source(cell)) for cell in cells[:2])
    titles = [c for c in cells if c["cell_type"] == "markdown" and re.match(r"# ", source(c))]
    assert len(titles) == 2


def test_parameters_are_annotated_literals_each_with_a_help_comment_without_equals(path):
    [cell] = [c for c in code_cells(path) if "parameters" in tags(c)]

    for line in source(cell).splitlines():
        [node] = ast.parse(line).body
        assert isinstance(node, ast.AnnAssign), line
        ast.literal_eval(node.value)
        comment = line.partition("  # ")[2]
        assert comment, f"no help: {line}"
        assert "=" not in comment, f"papermill cannot read: {line}"


def test_the_common_parameters_come_first_and_papermill_sees_them_all(path):
    from papermill import inspect_notebook

    known = known_parameters(path)
    assert tuple(known[: len(COMMON)]) == COMMON
    assert list(inspect_notebook(str(path))) == known


def test_nothing_is_imported_outside_setup(path):
    for cell in code_cells(path):
        imports = [
            n
            for n in ast.walk(ast.parse(source(cell)))
            if isinstance(n, ast.Import | ast.ImportFrom)
        ]
        assert not imports or "setup" in tags(cell)


def test_no_outputs_counts_or_traces_of_a_run_are_kept(path):
    notebook = read(path)

    assert all(c["outputs"] == [] and c["execution_count"] is None for c in code_cells(path))
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert all(set(cell["metadata"]) <= {"tags"} for cell in notebook["cells"])


def test_any_machine_has_its_kernel(path):
    metadata = read(path)["metadata"]

    assert metadata["kernelspec"] == {
        "display_name": "Python 3", "language": "python", "name": "python3"
    }  # fmt: skip
    assert metadata["language_info"] == {"name": "python"}


def test_every_cell_has_an_id_of_its_own(path):
    notebook = read(path)

    ids = [cell["id"] for cell in notebook["cells"]]
    assert (notebook["nbformat"], notebook["nbformat_minor"]) >= (4, 5)
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) for name in ids)


def test_cells_are_short_and_hold_no_logic(path):
    lines = [len(source(cell).splitlines()) for cell in code_cells(path)]

    assert max(lines) <= LONGEST
    assert sum(lines) <= MOST
    for cell in code_cells(path):
        assert not re.search(r"^\s*[%!]|^\s*get_ipython", source(cell), re.M), source(cell)
        found = [n for n in ast.walk(ast.parse(source(cell))) if isinstance(n, BANNED)]
        assert not found, source(cell)


def test_prose_comes_in_pairs_of_both_languages_with_the_same_section(path):
    prose = [tags(c) for c in read(path)["cells"] if c["cell_type"] == "markdown"]

    for english, chinese in zip(prose[::2], prose[1::2], strict=True):
        assert english[0] == "lang-en"
        assert chinese == ["lang-zh", *english[1:]]


def test_each_language_says_the_same_amount_in_its_own_letters(path):
    cells = read(path)["cells"]

    for cell in cells:
        if cell["cell_type"] == "markdown":
            han = bool(re.search(r"[\u4e00-\u9fff]", source(cell)))
            assert han == ("lang-zh" in tags(cell)), source(cell)
            assert "\ufffd" not in source(cell)
    prose = [source(c) for c in cells if c["cell_type"] == "markdown"]
    for english, chinese in zip(prose[::2], prose[1::2], strict=True):
        assert len(english.split("\n\n")) == len(chinese.split("\n\n"))


def test_every_section_has_one_anchor(path):
    for language in ("lang-en", "lang-zh"):
        anchors = [
            [t for t in tags(c) if t.startswith("section-")]
            for c in read(path)["cells"]
            if language in tags(c) and source(c).startswith("## ")
        ]
        assert all(len(anchor) == 1 for anchor in anchors)
        assert len({anchor[0] for anchor in anchors}) == len(anchors)


def test_no_path_leads_to_one_machine(path):
    assert not re.search(r"""["'\s(](/(home|root|work|tmp|Users)/|[A-Z]:\\\\)""", path.read_text())
