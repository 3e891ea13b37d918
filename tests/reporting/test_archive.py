"""The archive: every report and its state, figures over the periods, scopes, languages."""

import json
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from small_period import HOSTILE, write_period
from support import write_workspace

from salesops_kit.reporting.archive import _write_whole, write_archive

# writes the archive and is killed in the middle of its page
KILLED = """
import os, signal, sys
from pathlib import Path
from salesops_kit.reporting import archive

def half(file, text, encoding):
    file.write_bytes(text.encode(encoding)[:9])
    os.kill(os.getpid(), signal.SIGKILL)

Path.write_text = half
archive.write_archive(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def place_period(into, label, *, status="published", language="en", scope="", value=1.0, series=""):
    name = "-".join(x for x in (series, label, language if language != "en" else "",
                                scope.replace("=", "_")) if x)  # fmt: skip
    folder = write_period(into / "acme" / name, language=language)
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    manifest["status"] = status
    manifest["parameters"] |= {"period": label, "as_of": "", "scope": scope}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    content = json.loads((folder / "findings.json").read_text("utf-8"))
    content["key_figures"][0]["value"] = value
    (folder / "findings.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    top = tmp_path_factory.mktemp("archive")
    workspace = write_workspace(top / "acme", {"deals": []})
    into = top / "reports"
    for month, value in enumerate((1e6, 2e6, 3e6), start=7):
        place_period(into, f"2025-{month:02d}", value=value)
    place_period(into, "2024-12", status="stale", value=5e5)
    place_period(into, "2025-10", status="failed", value=9e9)
    place_period(into, "2025-09", language="zh")
    place_period(into, "2025-Q3")
    place_period(into, "2025-09", scope="team=East", series="teams")
    place_period(into, "2025-09", scope="rep=r1")
    (into / "acme" / "notes").mkdir()
    (into / "acme" / "broken").mkdir()
    (into / "acme" / "broken" / "manifest.json").write_text("{")
    return write_archive(into, workspace)


@pytest.fixture
def page(archive):
    return archive[0].read_text("utf-8")


def rows_of(page, caption):
    table = re.search(rf"<caption>{caption}</caption>.*?</table>", page, re.S)[0]
    lines = re.findall(r"<tr>(.*?)</tr>", table, re.S)[1:]
    return [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line, re.S) for line in lines]


def test_a_calendar_marks_every_report_with_its_state(page):
    this_year, last_year = rows_of(page, "Months")

    assert [this_year[0], last_year[0]] == ["2025", "2024"]
    assert [re.sub("<.*?>", "", c) for c in this_year[1:]] == [*"······●●●✕··"]
    assert [re.sub("<.*?>", "", c) for c in last_year[1:]] == [*"···········◐"]
    assert '<a href="2025-09/index.html" aria-label="2025-09: published">' in this_year[9]


def test_figures_run_over_the_periods_without_failed_ones(page):
    [[label, line, *values]] = rows_of(page, "Key figures over the periods")

    assert label == "Bookings"
    assert values == ["¥500K", "¥1.00M", "¥2.00M", "¥3.00M"]
    assert line.startswith('<img alt="" src="data:image/svg+xml;base64,')


def test_scopes_and_languages_are_apart(archive, page):
    assert [file.name for file in archive] == ["index.html", "index-zh.html"]
    assert "<details><summary>team=East</summary>" in page
    assert '<a href="teams-2025-09-team_East/index.html"' in page
    assert "Reports of single reps (1)" in page
    assert 'href="2025-09-zh/index.html"' not in page
    assert 'href="2025-09-zh/index.html"' in archive[1].read_text("utf-8")


def test_the_newest_good_report_comes_first_and_hostile_names_stay_text(page):
    assert '<p class="lead"><a href="2025-09/index.html">2025-09</a>: Bookings were' in page
    assert HOSTILE not in page
    assert "<script" not in page


def test_it_is_the_same_again_and_leaves_nothing_beside(archive, tmp_path):
    before = [file.read_bytes() for file in archive]
    folder = archive[0].parent
    write_archive(folder.parent, folder.parents[1] / "acme")

    assert [file.read_bytes() for file in archive] == before
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == [".archive.lock"]


def test_a_disk_that_takes_no_more_leaves_nothing_beside(tmp_path, monkeypatch):
    def full(file, text, encoding):
        file.write_bytes(text.encode(encoding)[:2])
        raise OSError(28, "No space left on device")

    (tmp_path / "index.html").write_bytes(b"old")
    monkeypatch.setattr(type(tmp_path), "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        _write_whole(tmp_path / "index.html", "new")

    assert [(f.name, f.read_bytes()) for f in tmp_path.iterdir()] == [("index.html", b"old")]


def test_what_a_killed_writer_left_is_removed_by_the_next_one(tmp_path):
    workspace = write_workspace(tmp_path / "acme", {"deals": []})
    place_period(tmp_path / "reports", "2025-09")
    folder = tmp_path / "reports" / "acme"
    killed = subprocess.run([sys.executable, "-c", KILLED, str(folder.parent), str(workspace)])
    left = sorted(p.name for p in folder.iterdir())
    (folder / ".index-zh.html.4711").write_text("half")  # as such files were called before
    write_archive(folder.parent, workspace)

    assert killed.returncode == -signal.SIGKILL
    assert left == [".archive.lock", ".index.html.new", "2025-09"]
    assert sorted(p.name for p in folder.iterdir()) == [".archive.lock", "2025-09", "index.html"]


def test_a_live_writer_is_waited_for_and_its_page_left_alone(tmp_path, monkeypatch):
    workspace = write_workspace(tmp_path / "acme", {"deals": []})
    place_period(tmp_path / "reports", "2025-08")
    folder, write = tmp_path / "reports" / "acme", Path.write_text
    half_way, go_on = threading.Event(), threading.Event()

    def slowly(file, text, encoding):
        write(file, text[:9], encoding=encoding)
        half_way.set()
        assert go_on.wait(30)
        return write(file, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", slowly)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(write_archive, folder.parent, workspace)
        assert half_way.wait(30)
        monkeypatch.undo()
        place_period(tmp_path / "reports", "2025-09")
        second = threads.submit(write_archive, folder.parent, workspace)
        with pytest.raises(TimeoutError):
            second.result(timeout=0.3)
        assert (folder / ".index.html.new").stat().st_size == 9
        go_on.set()
        assert first.result(30) == second.result(30)

    assert 'aria-label="2025-09: published"' in (folder / "index.html").read_text("utf-8")
    assert not (folder / ".index.html.new").exists()
