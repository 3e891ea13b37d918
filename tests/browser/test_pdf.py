"""Pages on paper: printed by the real chromium, and out together with the pages or not at all."""

import re
import shutil
from dataclasses import replace

import pytest
from demo_report import report_of
from small_reports import NOTEBOOKS, spec_of
from support import write_workspace

from salesops_kit.errors import ParameterError, ReportError
from salesops_kit.reporting import pdf

DEAL = {"deal_id": "d1", "stage": "needs", "status": "open", "amount": 5.0,
        "created_at": "2025-09-02"}  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    return write_workspace(tmp_path_factory.mktemp("p") / "acme", {"deals": [DEAL]})


@pytest.mark.browser
def test_pages_are_printed_beside_pages_that_stay_as_they_are(chromium, workspace, tmp_path):
    bare = report_of(spec_of(workspace, tmp_path))
    pages = {file.name: file.read_bytes() for file in bare.path.glob("*.html")}
    told = (bare.path / "manifest.json").read_bytes()

    printed = report_of(spec_of(workspace, tmp_path, pdf=True))

    assert printed.status == "unchanged"
    assert {f"{file.stem}.html" for file in (printed.path / "pdf").iterdir()} == set(pages)
    for file in (printed.path / "pdf").iterdir():
        content = file.read_bytes()
        assert content.startswith(b"%PDF-")
        assert re.search(rb"/Type\s*/Page\b", content)
        assert b"file:" not in content
    assert {file.name: file.read_bytes() for file in printed.path.glob("*.html")} == pages
    assert (printed.path / "manifest.json").read_bytes() == told

    report_of(replace(spec_of(workspace, tmp_path), folder=NOTEBOOKS / "failing"))

    assert not (printed.path / "pdf").exists()  # paper could not say that it is out of date


def test_without_chromium_nothing_runs(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(ParameterError, match="apt-get install chromium"):
        report_of(spec_of(workspace, tmp_path, pdf=True))

    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_printed_is_not_published(workspace, tmp_path, monkeypatch):
    monkeypatch.setattr(pdf, "browser", lambda: "false")
    with pytest.raises(ReportError, match="chromium failed"):
        report_of(spec_of(workspace, tmp_path, pdf=True))

    assert not (tmp_path / "acme" / "2025-09").exists()


def test_on_paper_a_name_ends_no_style_and_no_link_leads_to_a_file():
    page = '<style>p{}</style><a href="index.html">back</a> <a href="#s1">on</a>'
    shown = pdf.for_paper(page, '"</style><script>')

    assert shown.count("</style>") == 1
    assert "<script>" not in shown
    assert '<a>back</a> <a href="#s1">on</a>' in shown
