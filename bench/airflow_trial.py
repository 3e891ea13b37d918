"""Run docs/schedule/airflow_salesops.py once with Airflow's own scheduler and LocalExecutor.

    python -m bench.airflow_trial /tmp/airflow [--keep]

The environment is made when absent (some 300 MB, through pip). In a new folder: a workspace of one
deal, one small notebook, SQLite; scheduler, DAG processor and API server on loopback. The DAG is
triggered for one morning through the API, and must end well with the report published and
nothing left running. Ends with 0 when it did; the logs are shown when not. Not part of `make
test`: it takes minutes.
"""

import argparse
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
Found = TypeVar("Found")
DAG, MORNING, PERIOD = "salesops_reports", "2025-10-02T06:00:00+08:00", "2025-09"
RUNS = f"/api/v2/dags/{DAG}/dagRuns"
STARTS_S, RUNS_S, STOPS_S = 240, 900, 90  # bounds of patience, for a busy machine
CATALOGUE = """workspace = "acme"
into = "reports"
notebook_folder = "notebooks"
[[report]]
name = "monthly"
cadence = "monthly"
"""


def prepare(home: Path) -> None:
    """Lay out a kit's folder as the example expects it, with data for one report."""
    for name in ("exports", "dags", ".venv/bin"):
        (home / name).mkdir(parents=True)
    (home / "exports" / "deals.csv").write_text(
        "deal_id,stage,created_at\n1,Won,2025-09-02\n", "utf-8"
    )
    shutil.copytree(ROOT / "tests" / "reporting" / "notebooks" / "ok", home / "notebooks")
    shutil.copy(ROOT / "docs" / "schedule" / "airflow_salesops.py", home / "dags")
    (home / "catalogue.toml").write_text(CATALOGUE, "utf-8")
    kit = home / ".venv" / "bin" / "salesops"
    kit.symlink_to(ROOT / ".venv" / "bin" / "salesops")
    # the catalogue is read while the reports are listed, beside the first import
    subprocess.run(
        [kit, "import", "tables", "exports", "--into", "acme"], cwd=home, check=True,
        stdout=subprocess.DEVNULL, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def settings(home: Path, port: int, password: str) -> dict[str, str]:
    """Return the environment of Airflow's processes: all in `home`, on loopback, small."""
    (home / "passwords.json").write_text(json.dumps({"admin": password}), "utf-8")
    airflow = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "2",
        "CORE__DAGS_FOLDER": str(home / "dags"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__WORKERS": "1",
        "WORKERS__EXECUTION_API_TIMEOUT": "60",  # its first answer is slow on a busy machine
        "API__SECRET_KEY": secrets.token_hex(16),
        "API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
    }
    return {
        **os.environ,
        **{f"AIRFLOW__{name}": value for name, value in airflow.items()},
        "AIRFLOW_HOME": str(home / "airflow"),
        "SALESOPS_HOME": str(home),
        "SALESOPS_CATALOGUE": "catalogue.toml",
        "SALESOPS_IMPORT": "tables exports --into acme",
        "PYTHONPATH": str(ROOT),
        "no_proxy": "127.0.0.1",
    }


class Api:
    """Airflow's public API, as the administrator of the trial."""

    def __init__(self, port: int, password: str) -> None:
        self.top, self.token = f"http://127.0.0.1:{port}", ""
        self.password = password

    def ask(self, path: str, body: object = None, *, method: str = "") -> dict[str, Any]:
        """Return the answer to a request; HTTPError and URLError pass."""
        request = urllib.request.Request(
            self.top + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"},
            method=method or ("GET" if body is None else "POST"),
        )
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def healthy(self) -> bool:
        """Tell whether server, scheduler and DAG processor report themselves well."""
        told = self.ask("/api/v2/monitor/health")
        return all(told[part]["status"] == "healthy" for part in ("scheduler", "dag_processor"))

    def enter(self) -> None:
        """Log in."""
        who = {"username": "admin", "password": self.password}
        self.token = self.ask("/auth/token", who)["access_token"]

    def trigger(self) -> None:
        """Let the schedule begin, and ask for a run for one morning beside it."""
        wait("the DAG", lambda: self.ask(f"/api/v2/dags/{DAG}"), STARTS_S)
        self.ask(f"/api/v2/dags/{DAG}", {"is_paused": False}, method="PATCH")
        self.ask(RUNS, {"dag_run_id": "trial", "logical_date": MORNING})

    def runs(self) -> list[dict[str, Any]]:
        """Return the runs of the DAG."""
        found: list[dict[str, Any]] = self.ask(RUNS)["dag_runs"]
        return found

    def ended(self) -> bool:
        """Tell whether all runs have ended."""
        return all(run["state"] in ("success", "failed") for run in self.runs())

    def told(self) -> Iterator[str]:
        """Yield a line for each run: its state, and its tasks in the order they started."""
        for run in self.runs():
            found = self.ask(f"{RUNS}/{run['dag_run_id']}/taskInstances")["task_instances"]
            tasks = [
                f"{task['task_id']} {task['state']} in try {task['try_number']}"
                for task in sorted(found, key=lambda task: task["start_date"] or "~")
            ]
            seconds = f"{run['duration'] or 0:.0f} s"
            what = f"{run['run_type']} run for {run['logical_date']}: {run['state']} in {seconds}"
            yield f"{what}; {', '.join(tasks)}"


def wait(what: str, found: Callable[[], Found | None], seconds: float) -> Found:
    """Ask every two seconds until there is an answer; a server that is not up yet has none."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if answer := found():
                return answer
        except urllib.error.HTTPError as error:
            if error.code not in (404, 503):
                raise
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            pass
        time.sleep(2)
    raise SystemExit(f"waited {seconds:.0f} s in vain for {what}")


@contextmanager
def services(airflow: Path, home: Path, environment: Mapping[str, str]) -> Iterator[None]:
    """Run scheduler, DAG processor and API server; stop them and all that they started."""
    commands = (["api-server"], ["scheduler", "--skip-serve-logs"], ["dag-processor"])
    started = []
    try:
        for command in commands:
            with (home / f"{command[0]}.log").open("wb") as log:
                started.append(subprocess.Popen(
                    [airflow, *command], env=environment, cwd=home, stdout=log,
                    stderr=subprocess.STDOUT, start_new_session=True,
                ))  # fmt: skip
        yield
    finally:
        for process in reversed(started):  # the server last: tasks report to it
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOPS_S)
        for left in _alive(home, {process.pid for process in started}):
            print(f"ended by force: {left}", file=sys.stderr)
            os.kill(left, signal.SIGKILL)


def _alive(home: Path, sessions: set[int]) -> list[int]:
    """Return the processes of our sessions, and those with this folder in their environment.

    Either alone may miss some: a task can open a session of its own, and a process of Airflow that
    gives itself a longer name writes that over its environment.
    """
    wanted, found = f"AIRFLOW_HOME={home}/airflow".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, session = (process / "stat").read_text().rpartition(")")[2].split()[:4]
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # it ended meanwhile, or is another user's
        if state != "Z" and (int(session) in sessions or wanted in environment):
            found.append(int(process.name))
    return found


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def installed(venv: Path) -> Path:
    """Return the airflow command of an environment; make that when absent."""
    if not (venv / "bin" / "airflow").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([venv / "bin" / "pip", "install", "--quiet", "apache-airflow"], check=True)
    return venv / "bin" / "airflow"


def trial(airflow: Path, home: Path) -> bool:
    """Run the DAG once, print what was seen, and tell whether the report is out."""
    prepare(home)
    port, password = free_port(), secrets.token_hex(16)
    environment, api = settings(home, port, password), Api(port, password)
    subprocess.run([airflow, "db", "migrate"], env=environment, check=True, capture_output=True)
    version = subprocess.check_output([airflow, "version"], env=environment, text=True).strip()
    with services(airflow, home, environment):
        wait("a healthy Airflow", api.healthy, STARTS_S)
        print(f"Airflow {version}, {executor(home)}, SQLite: healthy", flush=True)
        api.enter()
        api.trigger()
        try:
            wait("the end of the DAG's runs", api.ended, RUNS_S)
        finally:
            print(*api.told(), sep="\n", flush=True)
        well = all(run["state"] == "success" for run in api.runs())
    print(f"report of {PERIOD}: {(status := published(home))}")
    return well and status == "published"


def executor(home: Path) -> str:
    """Return the executor that the scheduler told in its log to have loaded."""
    found = re.search(r"Loaded executor: :?(\w+)", (home / "scheduler.log").read_text("utf-8"))
    return found.group(1) if found else "unknown executor"


def published(home: Path) -> str:
    """Return the status of the report as its manifest tells it."""
    manifest = home / "reports" / "acme" / PERIOD / "manifest.json"
    return str(json.loads(manifest.read_text("utf-8"))["status"]) if manifest.exists() else "absent"


def main() -> None:
    """Read the arguments, try, and clear up."""
    asked = argparse.ArgumentParser(description="Run the Airflow example once.")
    asked.add_argument("venv", type=Path, help="environment with Airflow; made when absent")
    asked.add_argument("--keep", action="store_true", help="keep the folder of the trial")
    given = asked.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that services are stopped
    airflow = installed(given.venv.absolute())
    home = Path(tempfile.mkdtemp(prefix="airflow-trial-"))
    well = False
    try:
        well = trial(airflow, home)
    finally:
        if not well:
            for log in sorted(home.glob("*.log")):
                print(f"--- {log.name}", *log.read_text("utf-8", "replace").splitlines()[-40:],
                      sep="\n", file=sys.stderr)  # fmt: skip
        if given.keep:
            print(f"kept: {home}")
        else:
            shutil.rmtree(home)
    sys.exit(not well)


if __name__ == "__main__":
    main()
