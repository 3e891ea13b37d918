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

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = ROOT.parent / "shared" / "data"


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


def pytest_configure(config):
    """Give test processes that run side by side one name for what they share."""
    if not hasattr(config, "workerinput"):
        os.environ.setdefault("KIT_TEST_RUN", str(os.getpid()))


def pytest_sessionfinish(session):
    """Remove what they shared, once all have ended."""
    if not hasattr(session.config, "workerinput"):
        from demo_report import clear_up

        clear_up()
