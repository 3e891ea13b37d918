"""The same runs on a real Dask scheduler with two workers, one of them killed in the middle."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from small_reports import NOTEBOOKS

from salesops_kit.errors import ReportError
from salesops_kit.reporting import batch
from salesops_kit.reporting.catalogue import load_catalogue
from salesops_kit.reporting.cluster import cluster_workers

distributed = pytest.importorskip("distributed", reason="dask.distributed is not installed")

CATALOGUE = """
workspace = "acme"
into = "out"
notebook_folder = "notebooks"

[[report]]
name = "monthly"
cadence = "monthly"
retries = 0
"""


@contextlib.contextmanager
def started(program, *arguments):
    command = [sys.executable, "-m", f"distributed.cli.dask_{program}", *arguments]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for(condition, what):
    patience = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < patience, what
        time.sleep(0.05)


@pytest.fixture
def place(acme, tmp_path):
    shutil.copytree(acme, tmp_path / "acme")
    (tmp_path / "acme" / "gate").touch()
    shutil.copytree(NOTEBOOKS / "gated", tmp_path / "notebooks")
    (tmp_path / "catalogue.toml").write_text(CATALOGUE, encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_reports_survive_a_worker_that_is_killed_in_the_middle(place):
    file = place / "scheduler.json"
    usual = ["--no-dashboard", "--scheduler-file", str(file)]
    mine = [*usual, "--nthreads", "1", "--no-nanny", "--local-directory", str(place)]
    catalogue = load_catalogue(place / "catalogue.toml")
    tasks = batch.range_tasks(catalogue, "monthly", "2025-08", "2025-09")
    with (
        started("scheduler", *usual, "--host", "127.0.0.1", "--port", "0"),
        started("worker", *mine) as first,
        started("worker", *mine),
    ):
        wait_for(file.exists, "the scheduler did not start")
        address = json.loads(file.read_text())["address"]
        with (
            cluster_workers(address) as workers,
            contextlib.closing(distributed.Client(address, set_as_default=False)) as client,
        ):
            wait_for(lambda: len(client.scheduler_info()["workers"]) == 2, "two workers")

            def kill_one_when_both_are_busy():
                wait_for(lambda: all(client.processing().values()), "both are busy")
                wait_for(lambda: len(list((place / "acme").glob("began*"))) == 2, "both run")
                first.kill()
                (place / "acme" / "gate").unlink()

            killer = threading.Thread(target=kill_one_when_both_are_busy)
            killer.start()
            result = batch.run_tasks(tasks, workers, tell=lambda _: None)
            killer.join()
            left = client.scheduler_info()["workers"]

    assert result.counts() == {"published": 2}
    assert len(left) == 1
    for done in result.reports:
        assert json.loads((done.result.path / "manifest.json").read_text())["status"] == "published"
        assert (done.result.path / "10_gated.html").is_file()


def test_a_scheduler_that_is_not_there_is_told():
    with (
        pytest.raises(ReportError, match="there is no Dask scheduler at"),
        cluster_workers("tcp://127.0.0.1:1"),
    ):
        pass
