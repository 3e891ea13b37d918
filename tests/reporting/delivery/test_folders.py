"""Copies: into a folder, whole, and into a bucket, the index last."""

import fsspec
import pytest

from salesops_kit.errors import ReportError
from salesops_kit.reporting.delivery import deliver, receivers_from
from salesops_kit.reporting.delivery.deliver import Errand


def errand(period, to):
    receiver = receivers_from({"share": {"kind": "folder", "to": str(to)}}, origin="c")["share"]
    return Errand(period, "share", receiver, period.parents[1], project=period / "project")


def test_a_folder_receives_the_whole_period_in_place_of_the_old_one(period, tmp_path):
    share = tmp_path / "share"
    (share / "acme" / "2025-09").mkdir(parents=True)
    (share / "acme" / "2025-09" / "gone.html").touch()
    assert deliver(errand(period, share)).state == "sent"

    copied = {p.relative_to(share).as_posix() for p in share.rglob("*") if p.is_file()}
    assert copied == {f"acme/2025-09/{n}" for n in ("10_funnel.html", "index.html",
                                                    "findings.json", "manifest.json")}  # fmt: skip


def test_a_bucket_receives_the_index_last(period):
    system = fsspec.filesystem("memory")
    result = deliver(errand(period, "memory://bucket/sales"))
    files = sorted(system.find("/bucket/sales"), key=lambda name: system.created(name))

    assert result.state == "sent"
    assert len(files) == 4
    assert files[-1] == "/bucket/sales/acme/2025-09/index.html"


def test_a_place_that_cannot_be_written_is_a_failure(period, tmp_path):
    (tmp_path / "file").touch()
    result = deliver(errand(period, tmp_path / "file"))

    assert result.state == "failed"
    assert "took no copy (Not a directory)" in result.detail


def test_a_failed_or_half_period_is_never_delivered(period):
    (period / "manifest.json").write_text('{"status": "failed"}')
    with pytest.raises(ReportError, match="was not published; only whole reports are delivered"):
        deliver(errand(period, "x"))
    (period / "manifest.json").unlink()
    with pytest.raises(ReportError, match=r"manifest\.json cannot be read"):
        deliver(errand(period, "x"))
