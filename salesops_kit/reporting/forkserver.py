"""Kernels that start fast: forked from one process that has imported what notebooks need (Linux).

A server process imports the notebooks' modules once. For every run it forks a child, and the child
forks its kernel before it opens a socket, so that the kernel starts with everything imported and
nothing shared. Each dies with its parent, also when that is killed: nothing is left behind.

    runner ──socket── server ──fork── run_one ──fork── kernel
"""

import gc
import importlib
import io
import json
import os
import pickle
import signal
import socket
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stderr, suppress
from pathlib import Path
from typing import Any, NoReturn

_LARGEST = 8192  # bytes of a request; the spec itself lies in a file
# imported by a kernel and by who runs it while they start
_STARTING = (
    "papermill", "nbconvert.filters", "tornado.platform.asyncio", "ipykernel.kernelapp",
    "ipykernel.ipkernel", "ipykernel.debugger", "IPython.core.completerlib",
    "IPython.extensions.storemagic", "sqlite3",
)  # fmt: skip
# imported by narwhals and pandas at the first query
_QUERYING = (
    "narwhals._duckdb.dataframe", "narwhals._duckdb.group_by", "narwhals._interchange.dataframe",
    "narwhals._pandas_like.dataframe", "pandas.core.methods.to_dict", "pandas.io.formats.string",
)  # fmt: skip
# what functions of the kit import when they are called: every kernel would import it anew.
# A test tells what is missing here
LATE: Mapping[str, Sequence[str]] = {
    "salesops_kit.analyses.feedback": ["salesops_kit.models.keyness"],
    "salesops_kit.charts.theme": ["pylopdf_fonts_zh_cn"],
    "salesops_kit.models.day_shares": ["holidays"],
    "salesops_kit.models.deal_forecast": [
        "sklearn.linear_model", "sklearn.metrics", "sklearn.pipeline", "sklearn.preprocessing",
    ],
    "salesops_kit.models.keyness": ["scipy.stats"],
    "salesops_kit.models.ngrams": ["scipy.sparse", "sklearn.preprocessing"],
    "salesops_kit.models.ranking": ["scipy.stats"],
    "salesops_kit.models.sentiment": ["sklearn.linear_model"],
    "salesops_kit.models.sentiment_labels": [
        "scipy.optimize", "scipy.sparse", "sklearn.linear_model",
    ],
    "salesops_kit.models.themes": ["rjieba"],
    "salesops_kit.models.topics": ["scipy.sparse"],
    "salesops_kit.reporting.emit": ["base64", "urllib.parse"],
    # of PIL all that it looks through before it saves a picture
    "matplotlib": [
        "matplotlib.pyplot", "matplotlib.backends.backend_agg", "matplotlib.backends.backend_svg",
        "PIL.BmpImagePlugin", "PIL.GifImagePlugin", "PIL.JpegImagePlugin", "PIL.PngImagePlugin",
        "PIL.PpmImagePlugin",
    ],
}  # fmt: skip
# for one notebook alone; statsforecast reserves a gigabyte, which every limit of memory counts
ALONE = (
    "fugue", "lightgbm", "mlforecast", "prophet", "sklearn.decomposition", "sklearn.exceptions",
    "sklearn.feature_extraction", "statsforecast", "statsmodels",
)  # fmt: skip
_INLINE = "module://matplotlib_inline.backend_inline"  # what ipykernel gives a kernel


def available() -> bool:
    """Tell whether kernels can be forked here: Linux only."""
    return sys.platform == "linux"


def main() -> None:
    """Serve: `python -m salesops_kit.reporting.forkserver FD MODULE…`."""
    line = socket.socket(fileno=int(sys.argv[1]))
    os.environ.setdefault("MPLBACKEND", _INLINE)
    gc.disable()  # what is imported stays
    _preload(sys.argv[2:])
    signal.signal(signal.SIGCHLD, _reap)
    gc.collect()
    gc.freeze()  # memory shared with children stays shared
    gc.enable()
    gc.set_threshold(20_000, 20, 20)  # a kernel lives for seconds: it seldom has to look for waste
    line.send(b"ready")
    while True:
        request, handles, *_ = socket.recv_fds(line, _LARGEST, 1)
        if not request:
            os._exit(0)  # the runner is gone
        child = os.fork()
        if child == 0:
            line.close()
            os.set_inheritable(handles[0], False)  # noqa: FBT003 - as it is declared
            _run(Path(request.decode()), handles[0])
        os.close(handles[0])
        line.send(str(child).encode())


def _reap(*_: object) -> None:
    """Take note of children that ended; their seconds count as ours."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _preload(modules: list[str]) -> None:
    """Import modules; one that cannot be imported is for its notebook to complain about."""
    from salesops_kit.reporting import run_one  # noqa: F401 - hides a slow import first

    _import((*_STARTING, *modules))
    if "narwhals" in sys.modules:
        _import(_QUERYING)
    for module, late in LATE.items():
        if module in sys.modules:
            _import(late)
    _begin_papermill()


def _begin_papermill() -> None:
    """Do what every run would do anew: compile the schema of notebooks, look for kernels."""
    import nbformat
    from jupyter_client.provisioning import KernelProvisionerFactory

    nbformat.validate(nbformat.v4.new_notebook())
    KernelProvisionerFactory.instance()


def _import(modules: Iterable[str]) -> None:
    for name in modules:
        # what a library has to say on being imported is not for the reader of a terminal
        with suppress(Exception), redirect_stderr(io.StringIO()):
            importlib.import_module(name)


def _run(request: Path, result: int) -> NoReturn:
    """Run one spec in this forked child and write its pickled result."""
    from salesops_kit.reporting.run_one import run_one
    from salesops_kit.reporting.worker import answer, die_with_parent, limit_memory

    try:
        os.setsid()
        die_with_parent()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        spec = pickle.loads(request.read_bytes())
        limit_memory(spec.memory_mb)
        answer(result, run_one(spec, _forked_kernel))
    finally:
        os._exit(1)


def _forked_kernel(private: Path) -> None:
    """Fork the kernel, which waits until told its sockets, and let jupyter_client find it."""
    from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

    process = _Forked(private)

    class Forked(LocalProvisioner):  # type: ignore[misc]
        async def launch_kernel(self, cmd: list[str], **_: Any) -> Any:
            process.begin(cmd)
            self.process = process
            self.pid = self.pgid = process.pid
            return self.connection_info

    class Entry:
        @staticmethod
        def load() -> type:
            return Forked

    factory = KernelProvisionerFactory.instance()
    factory.provisioners["forked"] = Entry
    factory.default_provisioner_name = "forked"


class _Forked:
    """The kernel's process, as `subprocess.Popen` would show it."""

    stdin = stdout = stderr = None

    def __init__(self, private: Path):
        ours, theirs = os.pipe()[::-1]
        self.returncode: int | None = None
        self._pipe = ours
        self.pid = os.fork()
        if self.pid == 0:
            os.close(ours)
            _become_kernel(theirs, private)
        os.close(theirs)

    def begin(self, command: list[str]) -> None:
        os.write(self._pipe, json.dumps(command).encode())
        os.close(self._pipe)

    def poll(self) -> int | None:
        return self._reaped(os.WNOHANG)

    def wait(self) -> int | None:
        return self._reaped(0)

    def _reaped(self, options: int) -> int | None:
        if self.returncode is None:
            with suppress(ChildProcessError):
                pid, status = os.waitpid(self.pid, options)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)


def _become_kernel(pipe: int, private: Path) -> NoReturn:
    """Wait for the command, then be the kernel as if started anew."""
    from salesops_kit.reporting.worker import die_with_parent

    try:
        os.setsid()
        parent = os.getppid()
        die_with_parent()
        with os.fdopen(pipe, encoding="utf-8") as message:
            command = message.read()
        if not command:
            os._exit(0)
        _as_if_started(private)
        arguments = json.loads(command)
        # a kernel without a known parent prints how to connect to it
        known = f"--IPKernelApp.parent_handle={parent}"
        _start_kernel([*arguments[arguments.index("-m") + 2 :], known])
    finally:
        os._exit(1)


def _as_if_started(private: Path) -> None:
    from salesops_kit.reporting.run_one import kernel_variables

    log = os.open(private / "kernel.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nowhere, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    variables = kernel_variables(private)
    os.environ.clear()
    os.environ.update({**variables, "MPLBACKEND": _INLINE})
    os.chdir(private)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # the forked generator is a copy of the server's


def _start_kernel(arguments: list[str]) -> None:
    from ipykernel.kernelapp import IPKernelApp

    sys.argv = ["ipykernel_launcher", *arguments]
    sys.path[:] = [place for place in sys.path if place]
    app = IPKernelApp.instance()
    app.initialize(arguments)
    app.start()


if __name__ == "__main__":
    main()
