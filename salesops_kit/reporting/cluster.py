"""The same runs on the workers of a Dask cluster that is already there.

Workers need the kit of the same version, and the workspace under the same path. A worker that
dies takes its runs with it; the scheduler gives them to another one.
"""

from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from salesops_kit.errors import ParameterError, ReportError
from salesops_kit.reporting.job import kit_fingerprint
from salesops_kit.reporting.processes import Processes
from salesops_kit.reporting.run_one import RunResult, RunSpec
from salesops_kit.reporting.workers import Workers, tried

_CONNECT_S = 5


class ClusterWorkers:
    """Runs specs on a cluster; `retries` also counts workers lost while they ran a spec."""

    def __init__(self, address: str):
        try:
            from distributed import Client
        except ImportError as error:
            raise ParameterError(
                "--cluster needs dask.distributed; install it with: pip install salesops_kit[dask]"
            ) from error
        try:
            self._client = Client(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ReportError(f"there is no Dask scheduler at {address!r}: {error}") from error
        self._check_kits()

    def submit(self, spec: RunSpec, retries: int = 0) -> "Future[RunResult]":
        """Run a spec on some worker."""
        # only our own files are known to be the same there, not the packages
        spec = replace(spec, recall="")
        remote = self._client.submit(run_isolated, spec, retries, pure=False, retries=retries)
        future: Future[RunResult] = Future()
        remote.add_done_callback(lambda done: future.set_result(_result(done, spec)))
        return future

    def close(self) -> None:
        """Let go of the cluster; it stays as it was."""
        self._client.close()

    def _check_kits(self) -> None:
        """Refuse workers with another kit: they would publish other figures."""
        ours = (version("salesops_kit"), kit_fingerprint())
        for worker, theirs in self._client.run(_kit_here).items():
            if tuple(theirs) != ours:
                self.close()
                raise ReportError(
                    f"worker {worker} has salesops_kit {theirs[0]} and not the same files as here "
                    f"({ours[0]}); install the same kit on both"
                )


def run_isolated(spec: RunSpec, retries: int) -> RunResult:
    """Run a spec in a process of its own on the machine this is called on."""
    with Processes("spawn") as processes:
        return tried(processes.run, spec, retries)


@contextmanager
def cluster_workers(address: str) -> Iterator[Workers | None]:
    """Give the workers of the cluster at an address; None where no address is given.

    Raises
    ------
    ParameterError
        When dask.distributed is not installed.
    ReportError
        When no scheduler answers, or a worker has another kit.
    """
    if not address:
        yield None
        return
    workers = ClusterWorkers(address)
    try:
        yield workers
    finally:
        workers.close()


def _kit_here() -> tuple[str, str]:
    return version("salesops_kit"), kit_fingerprint()


def _result(done: Any, spec: RunSpec) -> RunResult:
    if done.status == "finished":
        result: RunResult = done.result()
        return result
    error = done.exception() if done.status == "error" else done.status
    return RunResult(spec.name, "dead", 0.0, f"lost on the cluster: {error}", notebook=spec.source)
