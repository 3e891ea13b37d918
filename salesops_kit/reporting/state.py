"""The run's own record: manifest.json, and finished notebooks kept until the period is out."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from salesops_kit.reporting.job import PACKAGES, Job
from salesops_kit.reporting.page import Page
from salesops_kit.reporting.run_one import RunResult

SCHEMA_VERSION = 2
PUBLISHED, STALE, FAILED = "published", "stale", "failed"


def manifest(
    job: Job, runs: Sequence[RunResult], folder: Path, status: str = PUBLISHED
) -> dict[str, Any]:
    """Return the state of the run; nothing else tells how it went."""
    return {
        "schema_version": SCHEMA_VERSION,
        "status": status,
        "run_id": job.run_id,
        "finished_at": job.now.isoformat(timespec="seconds"),
        "parameters": {**job.parameters(), "workspace": job.spec.workspace.resolve().name},
        "inputs": {"fingerprint": job.record.get("fingerprint", ""),
                   "extracted_at": job.record.get("extracted_at", ""),
                   "data": job.data_fingerprint},
        "versions": {name: version(name) for name in PACKAGES},
        "notebooks": {
            run.name: {"status": run.status, "seconds": round(run.seconds, 3), "error": run.error,
                       "attempts": run.attempts, "cells": run.cells, "run_id": job.ids[run.name],
                       "html_sha256": sha256(folder / f"{run.name}.html")}
            for run in runs
        },
        "index_sha256": sha256(folder / "index.html"),
    }  # fmt: skip


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a published folder's manifest, {} when there is none that can be read."""
    try:
        content = json.loads((folder / "manifest.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def is_current(job: Job) -> bool:
    """Tell whether the published folder is what a run would publish again, and whole."""
    told = read_manifest(job.target)
    if told.get("status") != PUBLISHED or told.get("run_id") != job.run_id:
        return False
    pages = {name: entry["html_sha256"] for name, entry in told["notebooks"].items()}
    pages["index"] = told["index_sha256"]
    return all(sha256(job.target / f"{name}.html") == digest for name, digest in pages.items())


def sha256(file: Path) -> str:
    """Return the digest of a file, "" when it is not there."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def write_json(file: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that a person can read too."""
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    file.write_text(f"{text}\n", encoding="utf-8")


class Finished:
    """Results of notebooks that went well, kept on disk until their period is published.

    A run that was killed, or in which another notebook failed, goes on from here: a result counts
    only for the run id it was made for.
    """

    def __init__(self, job: Job):
        self._ids = job.ids
        self._folder = job.target.parent / f".{job.target.name}.done"

    def load(self, name: str) -> RunResult | None:
        """Return the result of a notebook with the same inputs, if one is here whole."""
        try:
            content = json.loads(self._file(name).read_text("utf-8"))
            page = Page(**content.pop("page"))
            emitted = [(kind, items) for kind, items in content.pop("emitted")]
            return RunResult(**content, page=page, emitted=emitted)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def keep(self, result: RunResult) -> None:
        """Keep a result that is ok; written aside first, so that it is whole or not there."""
        if result.status != "ok":
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self._folder / f"{result.name}.new"
        with aside.open("w", encoding="utf-8") as file:
            json.dump(asdict(result), file, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        aside.rename(self._file(result.name))

    def forget(self) -> None:
        """Remove what was kept: the period is published."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.{self._ids[name][:32]}.json"
