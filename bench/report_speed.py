"""The demo's report against the same notebooks with the same imports and no work.

    python bench/report_speed.py [--rounds 3] [--only NAME,…] [--scopes 200]

Every run is a process of its own, as a person or a scheduler starts it; runs alternate, each the
minimum of the rounds. Wall and CPU seconds (with those of the kernels) are printed; wall time
depends on what else the machine does. There are two floors: kernels started anew, as everybody
else starts them ("spawned"), and forked ones, as this kit does. "programs" are the command lines
`papermill` and `jupyter nbconvert`, one notebook after the other. `--scopes` runs the
one-to-one sheets of so many (rep, month) pairs with one and with two workers instead; on a busy
machine two workers get twice the share of one, so only their CPU seconds say something there.
"""

import argparse
import ast
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from salesops_kit.reporting import batch
from salesops_kit.reporting.catalogue import load_catalogue
from salesops_kit.reporting.runner import NOTEBOOKS
from salesops_kit.sources.importer import import_exports

PERIOD = "2025-09"
ROOT = Path(__file__).resolve().parent.parent
RUN = """
import sys
from pathlib import Path
from salesops_kit.reporting.runner import ReportSpec, run_report
workspace, folder, into = map(Path, sys.argv[1:4])
result = run_report(ReportSpec(workspace, "2025-09", language="en", into=into, folder=folder,
                               force=True, kernels=sys.argv[4]))
sys.exit("; ".join(result.errors) or 0)
"""
CATALOGUE = """
workspace = "demo"
into = "sheets"

[[report]]
name = "sheets"
cadence = "monthly"
notebooks = ["one_to_one"]
scopes = ["each rep"]
"""
Seconds = tuple[float, float]


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--only", default="")
    asked.add_argument("--scopes", type=int, default=0)
    given = asked.parse_args()
    with TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        workspace = scratch / "demo"
        import_exports("zoho", ROOT / "data" / "demo_zoho", into=workspace)
        floor = _write_floor(scratch / "floor")
        ways: dict[str, Callable[[], None]] = {
            "report": lambda: _report(workspace, NOTEBOOKS, scratch / "reports"),
            "report spawned": lambda: _report(workspace, NOTEBOOKS, scratch / "anew", "spawn"),
            "floor": lambda: _report(workspace, floor, scratch / "idle"),
            "floor spawned": lambda: _report(workspace, floor, scratch / "idle", "spawn"),
            "programs": lambda: _by_programs(workspace, scratch),
        }
        if given.scopes:
            _scopes(scratch, given.scopes)
            return
        chosen = {n: w for n, w in ways.items() if not given.only or n in given.only.split(",")}
        for name, (wall, cpu) in _measured(chosen, given.rounds).items():
            print(f"{name:36} {wall:6.2f} s wall {cpu:6.2f} s CPU", flush=True)


def _measured(ways: dict[str, Callable[[], None]], rounds: int) -> dict[str, Seconds]:
    times: dict[str, list[Seconds]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            wall, cpu = time.perf_counter(), _cpu_of_children()
            way()
            times[name].append((time.perf_counter() - wall, _cpu_of_children() - cpu))
    return {
        name: (min(wall for wall, _ in runs), min(cpu for _, cpu in runs))
        for name, runs in times.items()
    }


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _report(workspace: Path, folder: Path, into: Path, kernels: str = "auto") -> None:
    _run([sys.executable, "-c", RUN, str(workspace), str(folder), str(into), kernels])


def _scopes(scratch: Path, count: int) -> None:
    """Run sheets of reps over months until there are `count`, with one and with two workers."""
    (scratch / "catalogue.toml").write_text(CATALOGUE)
    catalogue = load_catalogue(scratch / "catalogue.toml")
    tasks = batch.range_tasks(catalogue, "sheets", "2025-01", "2025-09")[-count:]
    took = {}
    for jobs in (1, 2):
        again = batch.forced(tasks, datetime.now(UTC), force=True)
        started, used = time.perf_counter(), _cpu_of_children()
        result = batch.run_tasks(again, jobs=jobs, tell=lambda _: None)
        took[jobs], cpu = time.perf_counter() - started, _cpu_of_children() - used
        said = f"{took[jobs]:.1f} s wall {cpu:.1f} s CPU of kernels {result.counts()}"
        print(f"{len(tasks)} sheets, {jobs} workers: {said}", flush=True)
    print(f"two workers against one: {took[1] / took[2]:.2f} times as fast")


def _by_programs(workspace: Path, scratch: Path) -> None:
    for notebook in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        executed = scratch / notebook.name
        program = [sys.executable, "-m"]
        _run([*program, "papermill", str(notebook), str(executed), "--no-progress-bar",
              "-p", "workspace", str(workspace), "-r", "period", PERIOD])  # fmt: skip
        _run([*program, "nbconvert", "--to", "html", "--no-input", str(executed)])


def _run(command: list[str]) -> None:
    single = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    single.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, env=single, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{command[:4]} failed: {done.stderr[-2000:]}")


def _write_floor(folder: Path) -> Path:
    """Write every notebook with its prose, parameters and imports, and nothing else."""
    folder.mkdir()
    for notebook in NOTEBOOKS.glob("[0-9]*.ipynb"):
        content = json.loads(notebook.read_text("utf-8"))
        content["cells"] = [cell for cell in content["cells"] if _is_kept(cell)]
        for cell in content["cells"]:
            if "setup" in cell["metadata"].get("tags", []):
                cell["source"] = _imports("".join(cell["source"]))
        (folder / notebook.name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def _is_kept(cell: dict[str, object]) -> bool:
    metadata = cell["metadata"]
    tags = metadata.get("tags", []) if isinstance(metadata, dict) else []
    return cell["cell_type"] == "markdown" or bool({"parameters", "setup"} & set(tags))


def _imports(source: str) -> str:
    kept = [n for n in ast.parse(source).body if isinstance(n, ast.Import | ast.ImportFrom)]
    return "\n".join(ast.unparse(node) for node in kept)


if __name__ == "__main__":
    main()
