"""The demo, imported once per test process, and its report in both languages."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path

from salesops_kit.reporting.runner import ReportSpec, run_report
from salesops_kit.sources.importer import import_exports

DATA = Path(__file__).resolve().parent.parent / "data"


@cache
def demo_workspace() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="kit"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    import_exports("zoho", DATA / "demo_zoho", into=folder / "demo")
    return folder / "demo"


@cache
def demo_reports() -> dict[str, Path]:
    """Return the published folder per language."""
    workspace = demo_workspace()
    reports = {}
    for language in ("en", "zh"):
        result = run_report(
            ReportSpec(workspace, "2025-09", language=language, into=workspace.parent / "reports")
        )
        assert result.errors == []
        reports[language] = result.path
    return reports
