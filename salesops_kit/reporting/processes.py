"""Local processes that run notebooks: one per run, forked where that is possible, else started."""

import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from salesops_kit.errors import ParameterError
from salesops_kit.reporting import forkserver
from salesops_kit.reporting.run_one import ONE_THREAD, RunResult, RunSpec

KERNELS = ("auto", "fork", "spawn")
_GRACE_S = 30  # beyond its time limit a run that does not end by itself is killed
_START_S = 120
# glibc gives the memory of every larger array back to the system, which clears it for the next one
_KEPT_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(128 << 20)}
_HEAD = 8  # bytes that tell the length of a result


class Processes:
    """Runs specs in processes of their own; `run` may be called from several threads.

    `kernels`: fork (from a server that has imported `preload`), spawn (started anew), or auto:
    fork where it works.
    """

    def __init__(self, kernels: str = "auto", preload: Sequence[str] = ()):
        if kernels not in KERNELS:
            listed = ", ".join(map(repr, KERNELS))
            raise ParameterError(f"kernels is {kernels!r}; it must be one of {listed}")
        self._preload = tuple(preload)
        self._forks = kernels != "spawn" and forkserver.available()
        self._server: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._lock = threading.Lock()
        self._scratch = tempfile.TemporaryDirectory(prefix="so", ignore_cleanup_errors=True)
        self._count = 0

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the server and with it whatever still runs."""
        with self._lock:
            if self._line is not None:
                self._line.close()
            if self._server is not None:
                self._server.wait()
            self._line = self._server = None
        self._scratch.cleanup()

    def run(self, spec: RunSpec) -> RunResult:
        """Run one notebook in a process of its own and return how it went."""
        started = time.perf_counter()
        request = self._written(spec)
        reading, writing = os.pipe()
        try:
            child = self._fork(request, writing) if self._forks else 0
            process = None if child else _started(request, writing)
        finally:
            os.close(writing)
        try:
            with _killed_at_the_end(child, process):
                data = _read_result(reading, spec.timeout_s + _GRACE_S)
        finally:
            os.close(reading)
            request.unlink(missing_ok=True)
        return _result(data, spec, time.perf_counter() - started)

    def _written(self, spec: RunSpec) -> Path:
        with self._lock:
            self._count += 1
            request = Path(self._scratch.name) / str(self._count)
        request.write_bytes(pickle.dumps(spec))
        return request

    def _fork(self, request: Path, writing: int) -> int:
        """Return the forked child's process id, 0 where the server cannot be had."""
        with self._lock:
            try:
                line = self._line or self._serve()
                socket.send_fds(line, [str(request).encode()], [writing])
                return int(line.recv(64) or b"0")
            except OSError:
                self._forks = False
                return 0

    def _serve(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, "-m", "salesops_kit.reporting.forkserver", str(theirs.fileno())]
        with theirs:
            self._server = subprocess.Popen(
                [*command, *self._preload],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,
            )
        ours.settimeout(_START_S)
        if ours.recv(64) != b"ready":
            ours.close()
            raise OSError("the server of kernels did not start")
        self._line = ours
        return ours


def _environment() -> dict[str, str]:
    """Return our own environment with one thread each, and compiled modules kept."""
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**_KEPT_MEMORY, **kept, **ONE_THREAD}


def _started(request: Path, writing: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "salesops_kit.reporting.worker", str(request), str(writing)]
    return subprocess.Popen(
        command,
        pass_fds=[writing],
        stdin=subprocess.DEVNULL,
        env=_environment(),
        start_new_session=True,
    )


@contextmanager
def _killed_at_the_end(child: int, process: "subprocess.Popen[bytes] | None") -> Iterator[None]:
    """Make sure that a run's processes are gone when its result is here, or never will be."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid if process else child, signal.SIGKILL)
        if process:
            process.wait()


def _read_result(pipe: int, patience: float) -> bytes:
    """Return the bytes of a result; b"" when its process died, b"late" when time was up."""
    deadline, data, wanted = time.monotonic() + patience, bytearray(), _HEAD
    while len(data) < wanted:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([pipe], [], [], left)[0]:
            return b"late"
        part = os.read(pipe, 1 << 20)
        if not part:
            return b""
        data += part
        if len(data) >= _HEAD:
            wanted = _HEAD + int.from_bytes(data[:_HEAD], "big")
    return bytes(data[_HEAD:])


def _result(data: bytes, spec: RunSpec, seconds: float) -> RunResult:
    if data == b"late":
        error = f"it ran longer than {spec.timeout_s:.0f} s and did not react"
        return RunResult(spec.name, "timeout", seconds, error, notebook=spec.source)
    if not data:
        error = "the process that ran it died (out of memory?)"
        return RunResult(spec.name, "dead", seconds, error, notebook=spec.source)
    result: RunResult = pickle.loads(data)
    return replace(result, seconds=seconds)
