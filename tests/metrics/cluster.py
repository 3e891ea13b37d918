"""A Spark cluster on this machine: master and worker as processes that talk over TCP."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_HOST = "127.0.0.1"
_PATIENCE = 120
# short lives: compiling every method to the last would take longer than it saves
QUICK_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
_MASTER = r"Starting Spark master at (spark://\S+)"
_WORKER = r"Successfully registered with master (\S+)"


@contextmanager
def cluster(folder: Path) -> Iterator[str]:
    """Start master and worker, give the master's address, and end both."""
    running = []
    try:
        running.append(_started(folder, "master", "master.Master"))
        address = _said(running[0], folder / "master.log", _MASTER)
        running.append(_started(folder, "worker", "worker.Worker", "--cores", "1", "--memory",
                                "1g", "--work-dir", str(folder / "work"), address))  # fmt: skip
        _said(running[1], folder / "worker.log", _WORKER)
        yield address
    finally:
        for process in reversed(running):
            _end(process)


def _started(folder: Path, name: str, part: str, *more: str) -> subprocess.Popen[bytes]:
    import pyspark

    home = Path(pyspark.__file__).parent
    command = [home / "bin" / "spark-class", f"org.apache.spark.deploy.{part}",
               "--host", _HOST, "--port", "0", "--webui-port", "0", *more]  # fmt: skip
    settings = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": _HOST, "SPARK_DAEMON_MEMORY": "256m",
                "SPARK_DAEMON_JAVA_OPTS": QUICK_JVM, "PYSPARK_PYTHON": sys.executable}  # fmt: skip
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            command, env=os.environ | settings, stdout=log, stderr=subprocess.STDOUT
        )


def _said(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    """Wait until a process has written what is looked for."""
    last = time.monotonic() + _PATIENCE
    while time.monotonic() < last and process.poll() is None:
        if found := re.search(pattern, log.read_text("utf-8", errors="replace")):
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"{log.name} never said {pattern!r}: {log.read_text('utf-8')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(10)
        return
    process.kill()
    process.wait()
