"""Shared fixtures: where real data lies, and switches for what a machine may lack."""

import os
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# nbformat pulls in a grammar compiler (0.9 s) that no notebook schema uses
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

# the same examples on every machine and every run
settings.register_profile("kit", derandomize=True, deadline=None, database=None)
settings.load_profile("kit")

# notebooks that tests run on purpose are no tests themselves
collect_ignore_glob = ["*.ipynb"]

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"


# modules that take longest, those that need the demo's report before all
LONGEST = (
    "browser/test_in_chromium.py", "reporting/test_pages.py", "browser/test_accessibility.py",
    "browser/test_injections.py", "metrics/test_spark.py", "analyses/test_bridge.py",
    "analyses/test_funnel.py", "sources/test_hostile.py", "analyses/test_forecast.py",
    "models/test_series.py", "analyses/test_diagnosis.py", "analyses/test_goals.py",
)  # fmt: skip


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of public data sets; the test is skipped, visibly, where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("public data sets are not beside this checkout (../shared/data)")
    return REAL_DATA


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of Debian's chromium; the test is skipped, visibly, where it is absent."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    return found


class NotebookRuns:
    """The kit's notebooks as tests (nbval): last, and recalling what the demo's report worked out.

    That a recalled answer is what would be worked out is held by tests of their own.
    """

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item):
        """Let the kernel, which starts here, know the answers of the demo's report."""
        from demo_report import answers

        from salesops_kit.reporting.run_one import RECALL

        if item.path.suffix != ".ipynb":
            return (yield)
        os.environ[RECALL] = answers()
        try:
            return (yield)
        finally:
            del os.environ[RECALL]

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        """Put long modules first and notebooks last, so that no process waits for the other."""
        items.sort(key=lambda item: _turn(item.path))


def _turn(path: Path) -> int:
    if path.suffix == ".ipynb":
        return len(LONGEST) + 1
    name = path.as_posix().rpartition("/tests/")[2]
    return LONGEST.index(name) if name in LONGEST else len(LONGEST)


def pytest_configure(config):
    """Give test processes that run side by side one name for what they share."""
    if not hasattr(config, "workerinput"):
        os.environ.setdefault("KIT_TEST_RUN", str(os.getpid()))
    config.pluginmanager.register(NotebookRuns())


def pytest_sessionfinish(session):
    """Remove what they shared, once all have ended."""
    if not hasattr(session.config, "workerinput"):
        from demo_report import clear_up

        clear_up()
