"""One notebook run: Papermill, a kernel of its own, sockets in a private folder.

Success is told by what happened here, never by the notebook's metadata: after a dead kernel or a
time-out Papermill leaves every cell marked as completed.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# nbformat pulls in a grammar compiler (0.9 s) that no notebook schema uses
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class NotebookRun:
    """How a run ended: status ok, failed, dead, timeout; seconds; the executed notebook."""

    name: str
    status: str
    seconds: float
    notebook: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def execute(
    notebook: Path, output: Path, parameters: Mapping[str, Any], *, timeout_s: float
) -> NotebookRun:
    """Run a notebook with parameters and keep the executed one, also when it failed."""
    import papermill
    from jupyter_client.kernelspec import NoSuchKernel
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError
    from traitlets.config import Config

    started = time.perf_counter()
    status, error, executed = "ok", "", {}
    with tempfile.TemporaryDirectory(prefix="so") as sockets:
        # unique per run: two kernels with one prefix talk to each other
        transport = Config({"KernelManager": {"transport": "ipc", "ip": f"{sockets}/k"}})
        try:
            executed = papermill.execute_notebook(
                str(notebook).replace("{", "{{").replace("}", "}}"),
                str(output).replace("{", "{{").replace("}", "}}"),
                parameters=dict(parameters),
                kernel_name="python3",
                progress_bar=False,
                store_widget_state=False,
                autosave_cell_every=0,
                execution_timeout=int(timeout_s),
                interrupt_on_timeout=True,
                start_timeout=60,
                shutdown_kernel="immediate",
                config=transport,
            )
        except PapermillExecutionError as failure:
            late = failure.ename == "KeyboardInterrupt"
            status = "timeout" if late else "failed"
            error = (
                f"a cell ran longer than {timeout_s:.0f} s"
                if late
                else f"cell {failure.exec_count}: {failure.ename}: {failure.evalue}"
            )
        except CellTimeoutError:
            status, error = "timeout", f"a cell ran longer than {timeout_s:.0f} s"
        except DeadKernelError:
            status, error = "dead", "the kernel died (out of memory?)"
        except (NoSuchKernel, RuntimeError) as failure:
            status, error = "failed", str(failure)
    if status == "ok" and (skipped := _unfinished(executed)):
        status, error = "failed", f"the notebook stopped before cell {skipped}"
    seconds = time.perf_counter() - started
    return NotebookRun(notebook.stem, status, seconds, dict(executed), error)


@contextmanager
def kernel_environment() -> Iterator[None]:
    """Set what kernels inherit: one thread each, and compiled modules kept for the next start."""
    before = dict(os.environ)
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def close_loop() -> None:
    """Close the event loop that a run leaves in its thread, or its sockets stay open."""
    from jupyter_core.utils import ensure_event_loop

    ensure_event_loop().close()


def _unfinished(executed: Mapping[str, Any]) -> int:
    """Return the number of the first code cell that never ran (sys.exit), 0 when all did."""
    for number, cell in enumerate(executed.get("cells", []), start=1):
        if cell["cell_type"] == "code" and cell["source"].strip() and not cell["execution_count"]:
            return number
    return 0
