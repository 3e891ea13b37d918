"""A tiny workspace, fixture notebooks, and the real report of the demo, made once."""

from pathlib import Path

import pytest
from demo_report import demo_reports, report_of
from small_reports import spec_of
from support import write_workspace

from salesops_kit.reporting import emit
from salesops_kit.reporting.runner import ReportResult

DEAL = {"deal_id": "d1", "name": "<b>One</b>", "stage": "needs", "status": "open", "amount": 5.0,
        "created_at": "2025-09-02", "owner_id": "r1"}  # fmt: skip


@pytest.fixture(scope="session")
def acme(tmp_path_factory) -> Path:
    """A workspace with one deal and teams of strange names, in English."""
    teams = ("华东/../1", "A B", "A_B", "A/B")
    reps = [{"rep_id": f"r{n}", "team": team} for n, team in enumerate(teams, 1)]
    return write_workspace(tmp_path_factory.mktemp("w") / "acme", {"deals": [DEAL], "reps": reps})


@pytest.fixture(scope="session")
def published(acme, tmp_path_factory) -> ReportResult:
    """The `ok` notebook, published once; tests only read it."""
    return report_of(spec_of(acme, tmp_path_factory.mktemp("r")))


@pytest.fixture(scope="session")
def hostile(acme, tmp_path_factory) -> str:
    """The page of a notebook that shows everything dangerous we could think of."""
    result = report_of(spec_of(acme, tmp_path_factory.mktemp("h"), "hostile"))
    assert result.errors == []
    return (result.path / "10_hostile.html").read_text("utf-8")


@pytest.fixture(scope="session", params=["en", "zh"])
def demo(request) -> Path:
    """The published folder of the demo's real report, in English and in Chinese."""
    return demo_reports()[request.param]


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    """What is displayed, in order, as mime bundles."""
    bundles: list[dict] = []
    monkeypatch.setattr(emit, "display", lambda bundle, **_: bundles.append(bundle))
    return bundles
