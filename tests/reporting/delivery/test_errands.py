"""Deliveries of a catalogue, from the command line to a group chat's robot."""

import shutil
import subprocess
import sys

import pytest
from loopback_servers import Robot, listening
from small_reports import NOTEBOOKS

from salesops_kit.errors import SettingsError
from salesops_kit.reporting.catalogue import load_catalogue

CATALOGUE = """
workspace = "acme"
into = "out"
notebook_folder = "notebooks"

[[report]]
name = "monthly"
cadence = "monthly"
notebooks = ["ok"]
receivers = ["chat", "share"]
retries = 0

[receivers.chat]
kind = "feishu"
url = "env:KIT_ROBOT"
link = "https://reports.acme.cn"

[receivers.share]
kind = "folder"
to = "SHARE"
"""


@pytest.fixture
def place(acme, tmp_path):
    shutil.copytree(acme, tmp_path / "acme")
    shutil.copytree(NOTEBOOKS / "ok", tmp_path / "notebooks")
    text = CATALOGUE.replace("SHARE", str(tmp_path / "share"))
    (tmp_path / "catalogue.toml").write_text(text, encoding="utf-8")
    return tmp_path


def salesops(place, *arguments):
    command = [sys.executable, "-c", "from salesops_kit.cli import main; main()", *arguments]
    command += ["--catalogue", str(place / "catalogue.toml")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_run_delivers_what_is_out_and_nothing_twice(place, monkeypatch):
    robot = Robot((404, ""), well=(200, '{"code": 0}'))
    with listening(robot) as url:
        monkeypatch.setenv("KIT_ROBOT", url)
        asked = ["monthly", "--from", "2025-09"]
        shown = salesops(place, "deliver", *asked, "--dry-run")
        first = salesops(place, "run", *asked, "--deliver")
        second = salesops(place, "run", *asked, "--deliver")
        third = salesops(place, "deliver", *asked)

    folder = place / "out" / "acme" / "2025-09"
    assert (shown.returncode, shown.stdout) == (0, "")  # nothing is published yet
    assert first.returncode == 1
    assert first.stdout.endswith(
        f"failed {folder} to chat\nthe robot answered 404\nsent {folder} to share\n"
    )
    assert second.returncode == 0
    assert second.stdout.endswith(f"sent {folder} to chat\nalready sent {folder} to share\n")
    assert third.stdout == f"already sent {folder} to chat\nalready sent {folder} to share\n"
    assert len(robot.posts) == 2
    assert "https://reports.acme.cn/acme/2025-09/index.html" in str(robot.posts[1])
    assert (place / "share" / "acme" / "2025-09" / "index.html").is_file()


def test_a_secret_in_the_catalogue_is_refused_and_not_repeated(place):
    file = place / "catalogue.toml"
    file.write_text(file.read_text("utf-8").replace("env:KIT_ROBOT", "https://x/?key=S3CRET"))
    with pytest.raises(SettingsError, match=r"receivers\.chat\.feishu\.url: must say") as refused:
        load_catalogue(file)

    assert "S3CRET" not in str(refused.value)
