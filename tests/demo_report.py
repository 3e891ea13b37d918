"""The demo, imported once per test run, its report in both languages, and who runs notebooks.

Test processes that run side by side share one folder; who comes first makes it.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

from salesops_kit.reporting.job import NOTEBOOKS, ReportSpec, prepared
from salesops_kit.reporting.runner import ReportResult, run_report
from salesops_kit.reporting.workers import LocalWorkers, imports_of
from salesops_kit.sources.importer import import_exports

# the pages of a report about everybody: its index, and one per notebook that is not for one rep
PAGES = ("index", *sorted(n.stem for n in NOTEBOOKS.glob("[0-9]*.ipynb")
                          if not n.stem.endswith("one_to_one")))  # fmt: skip
ROOT = Path(__file__).resolve().parent.parent
DATA, MADE = ROOT / "data", ROOT / "workspaces" / "demo"


@cache
def shared_workers() -> LocalWorkers:
    """Return the processes that run this test process's notebooks, two at a time."""
    notebooks = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))
    workers = LocalWorkers(2, preload=imports_of(notebooks))
    atexit.register(workers.close)
    return workers


def report_of(spec: ReportSpec) -> ReportResult:
    """Run a report with the shared processes."""
    return run_report(spec, workers=shared_workers())


def shared_folder() -> Path:
    """Return the folder of this test run; it is removed at its end (see conftest.py)."""
    run = os.environ.get("KIT_TEST_RUN", str(os.getpid()))
    folder = Path(tempfile.gettempdir()) / f"kit-{os.getuid()}-{run}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@cache
def demo_workspace() -> Path:
    """Return the demo, imported: by `make`, when nothing it is made of changed since, or here."""
    folder = shared_folder() / "workspace"
    with (shared_folder() / "import.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "demo").exists():
            fresh = Path(tempfile.mkdtemp(dir=shared_folder())) / "demo"
            if _is_fresh(MADE):
                _link_to(MADE, fresh)
            else:
                import_exports("zoho", DATA / "demo_zoho", into=fresh)
            folder.mkdir(exist_ok=True)
            fresh.rename(folder / "demo")
    return folder / "demo"


def _is_fresh(workspace: Path) -> bool:
    """Tell whether a workspace is younger than what it is made of, as the Makefile does."""
    if not (workspace / "current").is_symlink():
        return False
    kit = ROOT / "salesops_kit"
    sources = [*(DATA / "demo_zoho").iterdir(), *(kit / "sources").glob("*.py"), kit / "schema.py"]
    newest = max(file.stat().st_mtime for file in sources)
    return (workspace / "current").lstat().st_mtime >= newest


def _link_to(made: Path, fresh: Path) -> None:
    """Make a workspace of the same version, with no forecasts or labels of its own yet."""
    fresh.mkdir()
    (fresh / "current").symlink_to((made / "current").resolve())
    for name in ("tables", "rejects", "import.json"):
        (fresh / name).symlink_to(f"current/{name}")
    shutil.copyfile(made / "salesops.toml", fresh / "salesops.toml")


def answers() -> str:
    """Return the code and place of what the demo's report worked out, as its kernels are told."""
    return prepared(ReportSpec(demo_workspace(), "2025-09")).recall


@cache
def demo_reports() -> dict[str, Path]:
    """Return the published folder per language."""
    workspace = demo_workspace()
    reports = {}
    with (shared_folder() / "report.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for language in ("en", "zh"):
            result = report_of(
                ReportSpec(workspace, "2025-09", language=language, into=shared_folder() / "out")
            )
            assert result.errors == []
            reports[language] = result.path
    return reports


def clear_up() -> None:
    """Remove the folder of this test run."""
    shutil.rmtree(shared_folder(), ignore_errors=True)
