"""Fixture notebooks, and how to run a report of one."""

from pathlib import Path

from demo_report import report_of

from salesops_kit.reporting.runner import ReportResult, ReportSpec

NOTEBOOKS = Path(__file__).parent / "reporting" / "notebooks"


def spec_of(workspace: Path, into: Path, fixture: str = "ok", **more) -> ReportSpec:
    usual = {"period": "2025-09", "folder": NOTEBOOKS / fixture, "retries": 0}
    return ReportSpec(workspace, into=into, **usual | more)


def small_report(workspace: Path, into: Path, fixture: str = "ok", **more) -> ReportResult:
    return report_of(spec_of(workspace, into, fixture, **more))
