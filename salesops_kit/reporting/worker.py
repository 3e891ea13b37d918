"""A process that runs one notebook: what forked children and started ones have in common.

`python -m salesops_kit.reporting.worker SPEC FD` runs the pickled spec and writes the result to
the file descriptor: the way that works everywhere.
"""

import ctypes
import os
import pickle
import signal
import sys
from pathlib import Path

from salesops_kit.reporting.run_one import RunResult, kernel_variables, run_one

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Run one spec and answer."""
    die_with_parent()
    request, result = Path(sys.argv[1]), int(sys.argv[2])
    spec = pickle.loads(request.read_bytes())
    limit_memory(spec.memory_mb)
    answer(result, run_one(spec, _as_kernels_see_it))


def answer(handle: int, result: RunResult) -> None:
    """Write length and result; a reader that meets the end too early knows that we died."""
    data = pickle.dumps(result)
    with os.fdopen(handle, "wb") as pipe:
        pipe.write(len(data).to_bytes(8, "big") + data)


def die_with_parent() -> None:
    """Let the system end this process when the one that started it ends, even killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(1)


def limit_memory(megabytes: int) -> None:
    """Bound the data of this process and of the kernel it starts; 0 is no bound."""
    if megabytes:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))


def _as_kernels_see_it(private: Path) -> None:
    """Let the kernel inherit what it may see; this process serves nothing else."""
    variables = kernel_variables(private)
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(private)


if __name__ == "__main__":
    main()
