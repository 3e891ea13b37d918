"""The examples for cron, systemd and Airflow say what the command line understands."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import typer

from salesops_kit.cli import app

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "schedule"
COMMANDS = typer.main.get_command(app).commands


def understood(arguments):
    """Parse the arguments as the command line would, without running anything."""
    name, *rest = arguments
    COMMANDS[name].make_context(name, rest)


def commands_in(text):
    for found in re.findall(r"bin/salesops ([a-z]+[^;&|>\n]*)", text):
        yield shlex.split(found.split(" >")[0].rstrip("}0123456789 "))


@pytest.mark.parametrize("name", ["salesops.cron", "salesops.service"])
def test_the_command_of_an_example_is_understood(name):
    found = list(commands_in((FOLDER / name).read_text("utf-8")))

    assert [arguments[0] for arguments in found][-1] == "run"
    for arguments in found:
        understood(arguments)


def test_the_line_for_cron_is_one_line_of_six_fields_with_escaped_percents():
    lines = (FOLDER / "salesops.cron").read_text("utf-8").splitlines()
    [job] = [line for line in lines if line and line[0] in "0123456789*"]

    fields = job.split(None, 5)
    assert all(re.fullmatch(r"[\d*/,-]+", field) for field in fields[:5])
    assert not re.search(r"(?<!\\)%", job)
    shell = fields[5].replace("\\%", "%")
    assert subprocess.run(["bash", "-n", "-c", shell], check=False).returncode == 0


def test_the_cron_line_says_nothing_when_all_is_well_and_shows_the_log_when_not(tmp_path):
    [job] = re.findall(r"^0 6 \S+ \S+ \S+ +(.*)$", (FOLDER / "salesops.cron").read_text(), re.M)
    (tmp_path / "logs").mkdir()
    kit = tmp_path / ".venv" / "bin" / "salesops"
    kit.parent.mkdir(parents=True)
    for code in (0, 1):
        kit.write_text(f'#!/bin/sh\n[ "$1" = import ] && exit 0\necho oh no >&2; exit {code}\n')
        kit.chmod(0o755)
        done = subprocess.run(
            ["bash", "-c", job.replace("\\%", "%")], text=True, capture_output=True, check=False,
            env={"HOME_OF_KIT": str(tmp_path), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        said = "" if code == 0 else "salesops ended with 1\noh no\n"
        assert (done.stdout, done.stderr) == ("", said)


def test_systemd_takes_the_units(tmp_path):
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    service = (FOLDER / "salesops.service").read_text("utf-8")
    service = re.sub(r"^ExecStart=\S+", "ExecStart=/bin/true", service, flags=re.MULTILINE)
    (tmp_path / "salesops.service").write_text(service)
    shutil.copy(FOLDER / "salesops.timer", tmp_path)

    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, tmp_path.iterdir())],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    calendar = ["systemd-analyze", "calendar", "*-*-* 06:00:00 Asia/Shanghai"]

    assert "salesops" not in done.stderr, done.stderr
    assert subprocess.run(calendar, capture_output=True, check=False).returncode == 0


def test_what_the_airflow_example_calls_is_understood():
    tree = ast.parse((FOLDER / "airflow_salesops.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    ours = [node for node in calls if getattr(node.func, "id", "") == "salesops"]

    written_out = [c for c in ours if not any(isinstance(a, ast.Starred) for a in c.args)]
    assert len(written_out) == 2
    for call in written_out:
        understood([a.value if isinstance(a, ast.Constant) else "2025-10-01" for a in call.args])


IMPORTED = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1], bundle_path=None)
print("DAGS " + json.dumps({
    "errors": bag.import_errors,
    "dags": {dag.dag_id: {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks}
             for dag in bag.dags.values()},
}))
"""


def test_the_airflow_example_is_imported_by_real_airflow(tmp_path):
    venv = os.environ.get("KIT_AIRFLOW")
    if not venv:
        pytest.skip("KIT_AIRFLOW names no environment with Airflow (see bench/airflow_trial.py)")
    (tmp_path / "dags").mkdir()
    shutil.copy(FOLDER / "airflow_salesops.py", tmp_path / "dags")

    done = subprocess.run(
        [f"{venv}/bin/python", "-c", IMPORTED, tmp_path / "dags"], env={
            "PATH": "/usr/bin:/bin", "AIRFLOW_HOME": str(tmp_path / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        }, text=True, capture_output=True, check=False,
    )  # fmt: skip
    told = [line[5:] for line in done.stdout.splitlines() if line.startswith("DAGS ")]

    assert [json.loads(line) for line in told] == [{
        "errors": {},
        "dags": {"salesops_reports": {
            "import_exports": [], "names": ["import_exports"], "make": ["names"],
        }},
    }], done.stderr  # fmt: skip
