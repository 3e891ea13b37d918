"""Fixture notebooks, and how to ask for a report of one."""

from pathlib import Path

from salesops_kit.reporting.runner import ReportSpec

NOTEBOOKS = Path(__file__).parent / "reporting" / "notebooks"


def spec_of(workspace: Path, into: Path, fixture: str = "ok", **more) -> ReportSpec:
    usual = {"period": "2025-09", "folder": NOTEBOOKS / fixture}
    return ReportSpec(workspace, into=into, **usual | more)
