"""Processes that run notebooks: forked and started ones are alike and know no secrets."""

import ast
import importlib.util
import json
import stat
import time
from dataclasses import replace
from pathlib import Path

import pytest
from demo_report import shared_workers
from small_reports import NOTEBOOKS

from salesops_kit.errors import ParameterError
from salesops_kit.reporting import forkserver, workers
from salesops_kit.reporting.processes import Processes
from salesops_kit.reporting.run_one import RunResult, RunSpec, kernel_variables

KIT = Path(forkserver.__file__).parents[1]
LOOKS = """
import json, os, stat
import matplotlib
from pathlib import Path
from salesops_kit.reporting import emit
here = Path.cwd()
emit.show_text(json.dumps({
    "backend": matplotlib.get_backend(),
    "environment": sorted(set(os.environ) - {"PARENT", "JPY_PARENT_PID"}),
    "threads": os.environ["OMP_NUM_THREADS"],
    "mode": stat.S_IMODE(here.stat().st_mode),
    "leader": os.getsid(0) == os.getpid(),
}))
"""


def spec(source, **more):
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Look"},
        {"cell_type": "code", "id": "b", "metadata": {"tags": ["parameters"]},
         "source": "seed: int = 0", "outputs": [], "execution_count": None},
        {"cell_type": "code", "id": "c", "metadata": {}, "source": source, "outputs": [],
         "execution_count": None},
    ]  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4,
                "nbformat_minor": 5}  # fmt: skip
    return RunSpec("10_look", json.dumps(notebook), {"seed": 1}, "en", 60, **more)


def texts(result):
    cell = json.loads(result.notebook)["cells"][-1]
    return ["".join(out["data"]["text/plain"]) for out in cell["outputs"] if "data" in out]


@pytest.fixture(scope="module")
def spawned():
    with Processes("spawn") as processes:
        yield processes


def forked(asked):
    return shared_workers().submit(asked).result()


def test_a_forked_kernel_is_what_a_started_one_is(spawned, monkeypatch):
    monkeypatch.setenv("CRM_PASSWORD", "x")
    monkeypatch.setenv("CRM_URL", "postgresql://user:pass@host/crm")

    with Processes("fork") as fresh:
        runs = [fresh.run(spec(LOOKS)), spawned.run(spec(LOOKS))]
    seen = [json.loads(texts(run)[0]) for run in runs]

    for one in seen:
        assert one["mode"] & 0o777 == 0o700
        assert one["threads"] == "1"
        assert one["leader"]
        assert "CRM_PASSWORD" not in one["environment"]
        assert "CRM_URL" not in one["environment"]
    assert seen[0] == seen[1]
    assert "inline" in seen[0]["backend"]


def test_both_give_the_same_page_also_of_a_figure_shown_by_itself(spawned):
    draws = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()"

    one, other = forked(spec(draws)), spawned.run(spec(draws))

    assert one.status == other.status == "ok"
    assert "data:image/png" in one.page.body
    assert one.page == other.page


def test_kernels_forked_from_one_server_draw_different_random_numbers():
    draws = "import numpy\nfrom salesops_kit.reporting import emit\nemit.show_text(str(numpy.random.rand()))"  # noqa: E501

    assert texts(forked(spec(draws))) != texts(forked(spec(draws)))


@pytest.mark.parametrize("name", ["SMTP_PASSWORD", "API_KEY", "SLACK_WEBHOOK_URL", "GITHUB_TOKEN"])
def test_what_looks_like_a_secret_is_kept_from_kernels(tmp_path, monkeypatch, name):
    monkeypatch.setenv(name, "x")
    monkeypatch.setenv("MONKEY", "kept")

    seen = kernel_variables(tmp_path)
    assert name not in seen
    assert seen["MONKEY"] == "kept"


def test_another_way_of_starting_kernels_is_refused():
    with pytest.raises(ParameterError) as refused:
        Processes("thread")

    assert str(refused.value) == "kernels is 'thread'; it must be one of 'auto', 'fork', 'spawn'"


def test_when_the_server_is_lost_kernels_are_started_anew():
    with Processes("fork") as processes:
        assert processes.run(spec("1")).status == "ok"
        processes._server.kill()
        processes._server.wait()
        assert processes.run(spec("1")).status == "ok"


def test_closing_ends_what_still_runs(tmp_path):
    mark = tmp_path / "pid"
    sleeps = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    crew = workers.LocalWorkers(1)
    future = crew.submit(spec(sleeps))
    patience = time.monotonic() + 60
    while not (mark.exists() and mark.read_text()) and time.monotonic() < patience:
        time.sleep(0.02)
    crew.close()

    assert future.result().status == "dead"
    kernel = Path("/proc", mark.read_text())
    patience = time.monotonic() + 20
    while kernel.exists() and time.monotonic() < patience:
        time.sleep(0.05)
    assert not kernel.exists()


def test_only_what_may_pass_is_tried_again(monkeypatch):
    pauses = []
    monkeypatch.setattr(workers.time, "sleep", pauses.append)
    answers = iter(["dead", "timeout", "memory", "ok"])

    def run(asked):
        return RunResult(asked.name, next(answers), 0.0)

    last = workers.tried(run, spec("1"), 5)
    assert (last.status, last.attempts, pauses) == ("ok", 4, [1.0, 2.0, 4.0])
    failed = workers.tried(lambda s: RunResult(s.name, "failed", 0.0), spec("1"), 5)
    assert (failed.status, failed.attempts) == ("failed", 1)


def test_imports_of_setup_cells_are_what_a_server_imports():
    found = workers.imports_of([NOTEBOOKS.parents[2] / "notebooks" / "10_funnel.ipynb"])

    assert "salesops_kit.analyses.funnel" in found
    assert "salesops_kit.charts" in found


def test_what_a_server_imports_beforehand_is_all_that_functions_import_when_called():
    parts = ("analyses", "charts", "metrics", "models")
    files = [
        *(file for part in parts for file in KIT.glob(f"{part}/*.py")),
        KIT / "reporting" / "emit.py",
    ]
    called = {
        ".".join(("salesops_kit", *file.relative_to(KIT).with_suffix("").parts)): late
        for file in files
        if (late := imported_by_functions(file))
    }
    declared = {name: set(late) for name, late in forkserver.LATE.items()}
    drawing = declared.pop("matplotlib")

    assert called["salesops_kit.models.sentiment"] >= {"sklearn.linear_model"}
    assert {name: late - drawing for name, late in called.items() if late - drawing} == declared


def imported_by_functions(file):
    """Return the modules that functions of a file import, but for those of one notebook alone."""
    functions = [n for n in ast.walk(ast.parse(file.read_text("utf-8")))
                 if isinstance(n, ast.FunctionDef)]  # fmt: skip
    nodes = [node for function in functions for node in ast.walk(function)]
    names = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module for n in nodes if isinstance(n, ast.ImportFrom)}
    return {n for n in names if n not in ("PIL", "warnings") and not n.startswith(forkserver.ALONE)}


def test_every_module_imported_beforehand_exists():
    late = {name for names in forkserver.LATE.values() for name in names}
    wanted = {*forkserver._STARTING, *forkserver._QUERYING, *late}

    assert not [name for name in sorted(wanted) if importlib.util.find_spec(name) is None]


def test_published_folders_are_for_owner_and_group_only(published):
    folders = [published.path, published.path / "notebooks", published.path.parent]

    assert {stat.S_IMODE(f.stat().st_mode) & 0o027 for f in folders} == {0}


def test_a_limit_of_memory_is_kept(spawned):
    grabs = replace(spec("x = bytearray(3 << 30)"), memory_mb=1024)

    for result in (forked(grabs), spawned.run(grabs)):
        assert (result.status, result.error) == ("memory", "cell 3: MemoryError: ")
