"""Kernels that start fast: forked from one process that has imported what notebooks need (Linux).

A server process imports the notebooks' modules once. For every run it forks a child, and the child
forks its kernel before it opens a socket, so that the kernel starts with everything imported and
nothing shared. Each dies with its parent, also when that is killed: nothing is left behind.

    runner ──socket── server ──fork── run_one ──fork── kernel
"""

import dis
import gc
import importlib
import io
import json
import os
import pickle
import signal
import socket
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, suppress
from pathlib import Path
from types import CodeType
from typing import Any, NoReturn

_LARGEST = 8192  # bytes of a request; the spec itself lies in a file
_CALLED = tuple(f"salesops_kit.{part}" for part in ("charts", "models", "reporting.emit"))
# for one notebook alone; statsforecast reserves a gigabyte, which every limit of memory counts
_ALONE = ("statsforecast", "mlforecast", "lightgbm", "prophet", "fugue")
# imported by whoever saves the first chart
_DRAWING = ("matplotlib.backends.backend_svg", "matplotlib.backends.backend_agg",
            "PIL.PngImagePlugin")  # fmt: skip
_IMPORT = dis.opmap["IMPORT_NAME"]
_INLINE = "module://matplotlib_inline.backend_inline"  # what ipykernel gives a kernel


def available() -> bool:
    """Tell whether kernels can be forked here: Linux only."""
    return sys.platform == "linux"


def main() -> None:
    """Serve: `python -m salesops_kit.reporting.forkserver FD MODULE…`."""
    line = socket.socket(fileno=int(sys.argv[1]))
    os.environ.setdefault("MPLBACKEND", _INLINE)
    _preload(sys.argv[2:])
    signal.signal(signal.SIGCHLD, _reap)
    gc.collect()
    gc.freeze()  # memory shared with children stays shared
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

    always = ("papermill", "ipykernel.kernelapp", "ipykernel.ipkernel", "nbconvert.filters")
    _import((*always, *modules))
    _import(_imported_late())
    if "matplotlib" in sys.modules:
        _import(_DRAWING)


def _import(modules: Iterable[str]) -> None:
    for name in modules:
        # what a library has to say on being imported is not for the reader of a terminal
        with suppress(Exception), redirect_stderr(io.StringIO()):
            importlib.import_module(name)


def _imported_late() -> list[str]:
    """Return what functions of the kit's loaded modules import when they are called.

    Every kernel that calls them would import it anew.
    """
    found: dict[str, None] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith(_CALLED):
            for part in vars(module).values():
                code = getattr(part, "__code__", None)
                if code is not None and getattr(part, "__module__", "") == name:
                    found |= dict.fromkeys(_imports_of(code))
    return [name for name in found if not name.startswith(_ALONE)]


def _imports_of(code: CodeType) -> list[str]:
    steps = dis.get_instructions(code) if _IMPORT in code.co_code[::2] else ()
    return [step.argval for step in steps if step.opname == "IMPORT_NAME"]


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
