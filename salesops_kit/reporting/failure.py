"""When a run fails: the good period stays, marked as stale; leaders and analysts are told apart.

Leaders see when the page is from and that the newer run failed, or, where there never was a good
one, that there is no report yet; neither shows a traceback. Analysts find every error with its
traceback and the executed notebooks under `.failed/<period>/`.
"""

import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from salesops_kit.errors import ReportError
from salesops_kit.language import Day, say
from salesops_kit.reporting import publish, state
from salesops_kit.reporting.emit import safe
from salesops_kit.reporting.job import Job
from salesops_kit.reporting.page import Page
from salesops_kit.reporting.pdf import FOLDER
from salesops_kit.reporting.period_pages import write_html, write_notebooks
from salesops_kit.reporting.run_one import RunResult
from salesops_kit.reporting.sanitize import clean

_BANNER = re.compile(r'<div class="finding critical" id="stale">.*?</div>\n', re.S)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def keep_failed(job: Job, runs: Sequence[RunResult]) -> list[str]:
    """Keep a failed run for analysts and mark what leaders see; return one line per failure."""
    _for_analysts(job, runs)
    failed = [run for run in runs if run.status != "ok"]
    errors = [
        f"{run.name} {run.status}: {run.error}; see {job.failed_folder / 'index.html'}"
        for run in failed
    ]
    try:
        _for_leaders(job, runs)
    except (OSError, ReportError) as error:
        errors.append(f"the published page could not be marked: {error}")
    return errors


def _for_analysts(job: Job, runs: Sequence[RunResult]) -> None:
    fresh = publish.staging(job.failed_folder)
    write_notebooks(fresh, runs)
    parts = [f"<h1>{_said(job, 'failed_title')}</h1><p>{_said(job, 'failed_analysts')}</p>"]
    for run in runs:
        if run.status != "ok":
            told = safe(_COLOURS.sub("", run.traceback))
            parts.append(f"<h2>{safe(run.name)}: {safe(run.status)}</h2><p>{safe(run.error)}</p>")
            parts.append(f"<pre>{told}</pre>" if told else "")
    write_html(job, fresh, {"index": Page(_said(job, "failed_title"), clean("".join(parts)))})
    state.write_json(fresh / "manifest.json", state.manifest(job, runs, fresh, state.FAILED))
    publish.swap_in(fresh, job.failed_folder)


def _for_leaders(job: Job, runs: Sequence[RunResult]) -> None:
    told = state.read_manifest(job.target)
    fresh = publish.staging(job.target)
    if told.get("status") in (state.PUBLISHED, state.STALE):
        shutil.copytree(job.target, fresh, dirs_exist_ok=True)
        publish.remove(fresh / FOLDER)  # paper cannot say that it is out of date
        _mark_stale(job, fresh, told)
    else:
        text = f"<h1>{_title(job)}</h1><p>{_said(job, 'failed_leaders')}</p>"
        write_html(job, fresh, {"index": Page(_title(job), clean(text))})
        told = state.manifest(job, runs, fresh, state.FAILED)
    failure = {
        "at": job.now.isoformat(timespec="seconds"),
        "run_id": job.run_id,
        "notebooks": {run.name: {"status": run.status, "error": run.error}
                      for run in runs if run.status != "ok"},
    }  # fmt: skip
    state.write_json(fresh / "manifest.json", {**told, "failure": failure})
    publish.swap_in(fresh, job.target)


def _mark_stale(job: Job, folder: Path, told: dict[str, Any]) -> None:
    """Put the banner on every page, and into the manifest that they are stale, and since when."""
    told["status"] = state.STALE
    told.setdefault("stale_since", job.now.isoformat(timespec="seconds"))
    made, since = (Day(datetime.fromisoformat(told[k])) for k in ("finished_at", "stale_since"))
    text = safe(say("reporting.stale", job.language, since=since, made=made))
    banner = f'<div class="finding critical" id="stale"><p class="head">{text}</p></div>\n'
    for file in folder.glob("*.html"):
        page = _BANNER.sub("", file.read_text("utf-8"))
        file.write_text(page.replace("<main>\n", f"<main>\n{banner}", 1), encoding="utf-8")
    for name, entry in told["notebooks"].items():
        entry["html_sha256"] = state.sha256(folder / f"{name}.html")
    told["index_sha256"] = state.sha256(folder / "index.html")


def _title(job: Job) -> str:
    return f"{safe(job.company)} · {safe(job.period.label)}"


def _said(job: Job, key: str) -> str:
    return safe(say(f"reporting.{key}", job.language, period=job.period.label))
