"""Many reports in one go: what is due, ranges, failures beside good ones, and the command line."""

import io
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from demo_report import shared_workers
from small_reports import NOTEBOOKS

from salesops_kit.errors import ParameterError
from salesops_kit.reporting import batch
from salesops_kit.reporting.catalogue import load_catalogue
from salesops_kit.reporting.progress import Step, telling

ENTRIES = """
workspace = "acme"
into = "out"
notebook_folder = "notebooks"

[[report]]
name = "monthly"
cadence = "monthly"
notebooks = ["ok"]
retries = 0
since = "2025-08"
"""


@pytest.fixture
def place(acme, tmp_path):
    shutil.copytree(acme, tmp_path / "acme")
    (tmp_path / "notebooks").mkdir()
    use(tmp_path, "ok")
    (tmp_path / "catalogue.toml").write_text(ENTRIES, encoding="utf-8")
    return tmp_path


def use(place, fixture):
    shutil.copy(NOTEBOOKS / fixture / f"10_{fixture}.ipynb", place / "notebooks" / "10_ok.ipynb")


def run(place, tasks):
    return batch.run_tasks(tasks, shared_workers(), tell=lambda _: None)


def at(catalogue, text):
    return datetime.fromisoformat(text).replace(tzinfo=catalogue.settings.zone)


def labels(tasks):
    return [task.occasion.label for task in tasks]


def test_what_is_due_is_made_once_and_what_was_missed_is_caught_up(place):
    catalogue = load_catalogue(place / "catalogue.toml")
    now = at(catalogue, "2025-10-02T06:00")

    tasks = batch.due_tasks(catalogue, now)
    first = run(place, tasks)
    again = run(place, batch.due_tasks(catalogue, now))

    assert labels(tasks) == ["2025-08", "2025-09"]
    assert first.counts() == {"published": 2}
    assert again.counts() == {"unchanged": 1}
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert batch.due_tasks(catalogue, at(catalogue, "2025-08-15T06:00")) == batch.range_tasks(
        catalogue, "monthly", "2025-07", "2025-07"
    )


def test_new_data_makes_the_last_one_anew_and_a_clock_set_back_does_no_harm(place):
    catalogue = load_catalogue(place / "catalogue.toml")
    run(place, batch.due_tasks(catalogue, at(catalogue, "2025-10-02T06:00")))
    os.utime(place / "acme" / "tables" / "deals.parquet")

    anew = run(place, batch.due_tasks(catalogue, at(catalogue, "2025-10-03T06:00")))
    back = run(place, batch.due_tasks(catalogue, at(catalogue, "2025-10-02T01:00")))

    assert [(d.label, d.result.status) for d in anew.reports] == [("2025-09", "published")]
    assert [(d.label, d.result.status) for d in back.reports] == [("2025-09", "unchanged")]


def test_only_missing_and_failed_ones_are_filled_in(place):
    catalogue = load_catalogue(place / "catalogue.toml")
    run(place, batch.range_tasks(catalogue, "monthly", "2025-02", "2025-03"))
    use(place, "failing")
    failed = run(place, batch.range_tasks(catalogue, "monthly", "2025-03", "2025-04"))
    use(place, "ok")

    def chosen(*only):
        return labels(batch.range_tasks(catalogue, "monthly", "2025-01", "2025-04", only))

    assert failed.exit_code == 1
    assert [d.result.errors[0].split(";")[0] for d in failed.reports] == [
        "10_ok failed: cell 4: ValueError: no <deals> here"
    ] * 2
    assert chosen("missing") == ["2025-01"]
    assert chosen("failed") == ["2025-03", "2025-04"]
    assert chosen("missing", "failed") == ["2025-01", "2025-03", "2025-04"]
    assert chosen() == ["2025-01", "2025-02", "2025-03", "2025-04"]
    assert batch.overview(catalogue, at(catalogue, "2025-05-02T06:00"))[0]["states"] == {
        "failed": 1
    }
    with pytest.raises(ParameterError, match="only is 'bad'; it must be"):
        chosen("bad")


def salesops(place, *arguments):
    command = [sys.executable, "-c", "from salesops_kit.cli import main; main()", *arguments]
    catalogue = ["--catalogue", str(place / "catalogue.toml")]
    return subprocess.run([*command, *catalogue], capture_output=True, text=True, check=False)


def test_the_command_line_lists_and_runs_what_is_due(place):
    now = ["--now", "2025-09-02T06:00"]
    listed = salesops(place, "list", *now)
    done = salesops(place, "run", "--due", *now)
    told = json.loads(salesops(place, "list", *now, "--json").stdout)

    assert listed.stdout.splitlines() == [
        "monthly (monthly): ok",
        "  for company in en to nobody",
        "  last 2025-08: 1 missing; next 2025-09 due 2025-10-01T06:00+08:00",
    ]
    index = place / "out" / "acme" / "2025-08" / "index.html"
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"published {index}\n1 published\n"
    [step] = [json.loads(line) for line in done.stderr.splitlines()]
    assert {**step, "seconds": 0} == {
        "report": "2025-08", "notebook": "10_ok", "status": "ok", "seconds": 0, "done": 1,
        "total": 1,
    }  # fmt: skip
    assert told["reports"][0]["states"] == {"published": 1}
    manifest = json.loads((index.parent / "manifest.json").read_text("utf-8"))
    assert manifest["finished_at"] == "2025-09-02T06:00:00+08:00"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run"], 2, "give --due, or a report and --from"),
        (["run", "monthly", "--from", "2025-01", "--due"], 2, "give --due, or a report"),
        (["run", "none", "--from", "2025-01"], 2, "has no report 'none'; it has 'monthly'"),
        (["run", "--due", "--now", "today"], 2, "now is 'today'; write it like"),
        (["run", "--due", "--now", "2025-09-02", "--kernels", "x"], 2, "kernels is 'x'"),
    ],
)
def test_wrong_usage_is_told_in_one_line(place, arguments, code, words):
    done = salesops(place, *arguments)

    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_terminal_sees_a_bar_and_failures_a_program_one_json_a_line():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    steps = [Step("2025-09", "10_a", "ok", 1.0, 1, 2), Step("2025-09", "20_b", "dead", 2.0, 2, 2)]
    shown, lines = Terminal(), io.StringIO()
    for stream in (shown, lines):
        with telling(2, stream) as tell:
            for step in steps:
                tell(step)

    assert "2025-09 20_b: dead" in shown.getvalue()
    assert "2/2" in shown.getvalue()
    assert [json.loads(line)["status"] for line in lines.getvalue().splitlines()] == ["ok", "dead"]


def test_a_refused_report_leaves_the_others_alone(place):
    catalogue = load_catalogue(place / "catalogue.toml")
    good, bad = batch.range_tasks(catalogue, "monthly", "2025-01", "2025-02")
    bad = replace(bad, spec=replace(bad.spec, workspace=Path("/nowhere")))
    result = run(place, [bad, good])
    alone = run(place, [bad])

    assert [d.result.status for d in result.reports] == ["refused", "published"]
    assert "/nowhere is not a workspace" in result.reports[0].result.errors[0]
    assert (result.exit_code, alone.exit_code) == (3, 3)
