"""One notebook run: `run_one(spec) → result`, the same on this machine and on a cluster.

Spec and result travel between processes and machines. Papermill runs the notebook in a kernel of
its own, sockets in a private folder. Success is told by what happened here, never by the
notebook's metadata: after a dead kernel or a time-out Papermill leaves every cell as completed.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from salesops_kit.language import known_language
from salesops_kit.reporting.emit import MIME
from salesops_kit.reporting.page import Page, notebook_page

# nbformat pulls in a grammar compiler (0.9 s) that no notebook schema uses
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)
RECALL = "SALESOPS_RECALL"  # read by kernels
PASSING = ("dead", "timeout", "memory")  # may be over when tried again; an error in a cell is not
_MOST_TEXT = 200_000  # letters of printed text kept per cell
_MEMORY_ERRORS = ("MemoryError", "_ArrayMemoryError", "OutOfMemoryException")
_SECRET_NAME = re.compile(r"secret|token|passw|webhook|credential|(api|private|access)_?key", re.I)
_SECRET_VALUE = re.compile(r"://[^/@\s]*:[^/@\s]*@")


@dataclass(frozen=True)
class RunSpec:
    """One notebook and its parameters; `source` is the notebook's text, so no folder is shared.

    `timeout_s` is for the whole notebook; `memory_mb` bounds the kernel's data, 0 is no bound;
    `recall` is what analyses may answer from (`Job.recall`), "" lets them work out all.
    """

    name: str
    source: str
    parameters: Mapping[str, Any]
    language: str
    timeout_s: float
    memory_mb: int = 0
    recall: str = ""


@dataclass(frozen=True)
class RunResult:
    """How it ended: status ok, failed, timeout, memory or dead; pages only of what is ok.

    `error` is one line without paths; `traceback` is for analysts; `cells` are seconds per code
    cell; `emitted` is what the notebook handed to the report, as (kind, items).
    """

    name: str
    status: str
    seconds: float
    error: str = ""
    traceback: str = ""
    notebook: str = ""
    page: Page | None = None
    emitted: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    cells: list[float] = field(default_factory=list)
    attempts: int = 1


def run_one(spec: RunSpec, prepare: Callable[[Path], None] | None = None) -> RunResult:
    """Run a notebook and render its page; whatever happens is told by the result.

    `prepare` is called with the private folder of the run before the kernel starts.
    """
    started = time.perf_counter()
    os.environ.pop(RECALL, None)
    if spec.recall:
        os.environ[RECALL] = spec.recall  # of this process, which runs nothing else
    with tempfile.TemporaryDirectory(prefix="so", ignore_cleanup_errors=True) as private:
        folder = Path(private)
        if prepare is not None:
            prepare(folder)
        status, error, traceback = _executed(spec, folder)
        notebook = _read(folder / "out.ipynb", spec.source)
        log = _tail(folder / "kernel.log")
    if status == "ok" and (skipped := _unfinished(notebook)):
        status, error = "failed", f"the notebook stopped before cell {skipped}"
    page, cells = None, _tidied(notebook)
    if status == "ok":
        status, error, page = _rendered(notebook, spec)
    return RunResult(
        spec.name, status, time.perf_counter() - started, error,
        traceback=traceback or ("" if status == "ok" else log),
        notebook=_written(notebook),
        page=page, emitted=_emitted(notebook) if page else [], cells=cells,
    )  # fmt: skip


def kernel_variables(private: Path) -> dict[str, str]:
    """Return the environment of a kernel: one thread, no secrets, no start-up files of a person.

    Variables that look like secrets (by name, or an address with a password) are left out: what a
    notebook cannot see it cannot print.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not _SECRET_NAME.search(name) and not _SECRET_VALUE.search(value)
    }
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, **ONE_THREAD, "IPYTHONDIR": str(private / "ipython")}


def _executed(spec: RunSpec, folder: Path) -> tuple[str, str, str]:
    """Return status, error and traceback of Papermill's run in `folder`."""
    import papermill
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    (folder / "in.ipynb").write_text(spec.source, encoding="utf-8")
    deadline = time.monotonic() + spec.timeout_s
    # unique per run: two kernels with one prefix talk to each other
    sockets = {"transport": "ipc", "ip": f"{folder}/k", "connection_file": f"{folder}/kernel.json"}
    late = f"it ran longer than {spec.timeout_s:.0f} s"
    try:
        papermill.execute_notebook(
            str(folder / "in.ipynb"),
            str(folder / "out.ipynb"),
            parameters=dict(spec.parameters),
            kernel_name="python3",
            progress_bar=False,
            store_widget_state=False,
            autosave_cell_every=0,
            request_save_on_cell_execute=False,
            timeout_func=lambda _: max(int(deadline - time.monotonic() + 0.5), 1),
            interrupt_on_timeout=True,
            iopub_timeout=max(int(spec.timeout_s), 1),  # much output takes long to be read
            start_timeout=60,
            shutdown_kernel="immediate",
            config=Config({"KernelManager": sockets}),
        )
    except PapermillExecutionError as failure:
        if failure.ename == "KeyboardInterrupt" or time.monotonic() >= deadline:
            return "timeout", late, ""
        told = "\n".join(failure.traceback)
        status = "memory" if failure.ename in _MEMORY_ERRORS else "failed"
        return status, f"cell {failure.exec_count}: {failure.ename}: {failure.evalue}", told
    except CellTimeoutError:
        return "timeout", late, ""
    except DeadKernelError:
        return "dead", "the kernel died (out of memory?)", ""
    except MemoryError:
        return "memory", "out of memory while the outputs were read", ""
    except RuntimeError as failure:  # a kernel that cannot be started or does not answer
        return "dead", f"the kernel did not start: {failure}", ""
    return "ok", "", ""


def _rendered(notebook: Mapping[str, Any], spec: RunSpec) -> tuple[str, str, Page | None]:
    try:
        return "ok", "", notebook_page(notebook, known_language(spec.language), spec.name)
    except Exception as failure:  # an output no page can be made of is the notebook's failure
        return "failed", f"no page can be made: {type(failure).__name__}: {failure}", None


def _read(file: Path, otherwise: str) -> dict[str, Any]:
    import nbformat

    text = file.read_text("utf-8") if file.is_file() else otherwise
    notebook: dict[str, Any] = nbformat.reads(text, as_version=4)
    return notebook


def _written(notebook: Mapping[str, Any]) -> str:
    import nbformat

    return f"{nbformat.writes(notebook)}\n"


def _tail(log: Path) -> str:
    return log.read_text("utf-8", errors="replace")[-4000:] if log.is_file() else ""


def _unfinished(executed: Mapping[str, Any]) -> int:
    """Return the number of the first code cell that never ran (sys.exit), 0 when all did."""
    for number, cell in enumerate(executed["cells"], start=1):
        if cell["cell_type"] == "code" and cell["source"].strip() and not cell["execution_count"]:
            return number
    return 0


def _tidied(notebook: dict[str, Any]) -> list[float]:
    """Take out what differs between equal runs, cut endless text; return seconds per code cell."""
    notebook["metadata"].pop("papermill", None)
    seconds = []
    for cell in notebook["cells"]:
        told = cell["metadata"].pop("papermill", {})
        cell["metadata"].pop("execution", None)
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["id"] = "injected-parameters"  # Papermill draws it
        if cell["cell_type"] == "code":
            seconds.append(round(told.get("duration") or 0.0, 3))
            for output in cell["outputs"]:
                _cut(output)
    return seconds


def _cut(output: dict[str, Any]) -> None:
    text = output.get("text", "")
    if len(text) > _MOST_TEXT:
        cut = len(text) - _MOST_TEXT
        output["text"] = f"{text[:_MOST_TEXT]}\n[{cut:,} letters cut]\n"


def _emitted(notebook: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    bundles = [
        output["data"][MIME]
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
        for output in cell["outputs"]
        if MIME in output.get("data", {})
    ]
    return [(bundle["kind"], bundle["items"]) for bundle in bundles]
