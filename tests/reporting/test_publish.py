import subprocess
import sys

import pytest

from salesops_kit.errors import ReportError
from salesops_kit.reporting import publish

KILLED_AT = """
import os, signal, sys
from pathlib import Path
from salesops_kit.reporting import publish
fresh, target, moment = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
seen = 0
def watch(event, args):
    global seen
    if event.partition(".")[0] in ("os", "shutil", "open", "ctypes"):
        seen += 1
        if seen == moment:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
publish.swap_in(fresh, target)
"""


def period(folder, word):
    (folder / "notebooks").mkdir(parents=True)
    for name in ("index.html", "manifest.json", "notebooks/10.ipynb"):
        (folder / name).write_text(word)
    return folder


def words_in(folder):
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.read_text() for path in files]


@pytest.mark.parametrize("there_before", [True, False])
def test_killed_at_any_system_call_a_reader_sees_one_whole_period(tmp_path, there_before):
    moment, code = 0, -9
    while code == -9:
        moment += 1
        place = tmp_path / str(moment)
        target = place / "2025-09"
        fresh = period(place / ".2025-09.new", "new")
        if there_before:
            period(target, "old")
        run = [sys.executable, "-S", "-c", KILLED_AT, str(fresh), str(target), str(moment)]
        code = subprocess.run(run, check=False, env={"PYTHONPATH": ":".join(sys.path)}).returncode

        allowed = (["new"] * 3, ["old"] * 3 if there_before else [])
        assert words_in(target) in allowed, f"killed at call {moment}"
        with publish.period_lock(target):
            assert not any(path.is_file() for path in publish.staging(target).rglob("*"))

    assert code == 0
    assert moment > 5
    assert words_in(target) == ["new"] * 3


def test_where_folders_cannot_be_exchanged_they_are_renamed(tmp_path, monkeypatch):
    fresh, target = period(tmp_path / ".p.new", "new"), period(tmp_path / "p", "old")
    monkeypatch.setattr(publish, "_exchange", lambda *_: False)

    publish.swap_in(fresh, target)

    assert words_in(target) == ["new"] * 3
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


def test_a_held_period_is_refused_and_free_again_afterwards(tmp_path):
    target = tmp_path / "acme" / "2025-09"

    with publish.period_lock(target):
        with pytest.raises(ReportError, match=r"^another run of 2025-09 is under way; wait until"):
            publish.period_lock(target).__enter__()
        with publish.period_lock(target.with_name("2025-10")):
            pass

    with publish.period_lock(target):
        pass
