"""Who runs notebooks: processes on this machine, or the workers of a Dask cluster."""

import ast
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from salesops_kit.reporting.processes import Processes
from salesops_kit.reporting.run_one import PASSING, RunResult, RunSpec

_FIRST_PAUSE_S = 1.0


class Workers(Protocol):
    """Runs specs; every future gives a result, whatever happened to the run."""

    def submit(self, spec: RunSpec, retries: int = 0) -> "Future[RunResult]":
        """Run a spec when there is room."""
        ...

    def close(self) -> None:
        """End what still runs."""
        ...


class LocalWorkers:
    """Processes of this machine, at most `jobs` at a time."""

    def __init__(self, jobs: int = 2, kernels: str = "auto", preload: Sequence[str] = ()):
        self._processes = Processes(kernels, preload)
        self._threads = ThreadPoolExecutor(max_workers=max(jobs, 1))

    def submit(self, spec: RunSpec, retries: int = 0) -> "Future[RunResult]":
        """Run a spec when there is room."""
        return self._threads.submit(tried, self._processes.run, spec, retries)

    def close(self) -> None:
        """End what still runs."""
        self._processes.close()
        self._threads.shutdown(cancel_futures=True)


def tried(run: Callable[[RunSpec], RunResult], spec: RunSpec, retries: int) -> RunResult:
    """Run a spec; again, after a growing pause, when what stopped it may be over."""
    for attempt in range(retries + 1):
        result = run(spec)
        if result.status not in PASSING or attempt == retries:
            break
        time.sleep(_FIRST_PAUSE_S * 2**attempt)
    return replace(result, attempts=attempt + 1)


def imports_of(notebooks: Sequence[Path]) -> list[str]:
    """Return the modules that the setup cells of notebooks import: worth importing only once."""
    modules: dict[str, None] = {}
    for notebook in notebooks:
        for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
            if "setup" in cell.get("metadata", {}).get("tags", []):
                modules |= dict.fromkeys(_imported("".join(cell["source"])))
    return list(modules)


def _imported(source: str) -> list[str]:
    try:
        nodes: list[Any] = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return []  # the notebook itself will say so
    found = [a.name for n in nodes if isinstance(n, ast.Import) for a in n.names]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [node.module, *(f"{node.module}.{a.name}" for a in node.names)]
    return found
