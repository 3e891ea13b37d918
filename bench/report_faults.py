"""Faults: runs killed at random moments, full and read-only disks, hangs, memory, broken data.

    python -m bench.report_faults [--kills 200] [--seed 1] [--only kills|others]

Every fault is done to a real `salesops run` of a catalogue with two small notebooks, in a process
of its own. After each one the published folder must be one whole period, old or new: every page is
the one that its manifest has the digest of, and all are of one round. Exit code and manifest must
tell what happened, nothing may run on, and the next run must heal. What is not so ends the bench.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from salesops_kit.reporting import state
from salesops_kit.sources.importer import import_exports

ROOT = Path(__file__).resolve().parent.parent
MARK = "SALESOPS_FAULT_RUN"  # in the environment of all that a run starts
RUN = [sys.executable, "-c", "from salesops_kit.cli import main; main()", "run", "faults"]
CATALOGUE = """
workspace = "acme"
into = "disk/out"
notebook_folder = "notebooks"

[[report]]
name = "faults"
cadence = "monthly"
timeout_s = {timeout}
memory_mb = {memory}
retries = 0
"""
PARAMETERS = (
    'workspace: str = ""\nperiod: str = ""\nas_of: str = ""\nlanguage: str = ""\nscope: str = ""'
)
READS = """
from salesops_kit.reporting import emit
from salesops_kit.workspace import open_period
opened, _ = open_period(workspace, period, as_of=as_of, scope=scope)
emit.show_text(f"round {round} with {len(opened.table('deals').to_native().fetchall())} deals")
"""
FAULTS = {
    "hangs": ("while True: pass", "timeout"),
    "hangs outside Python": ("import re; re.match('(a+)+$', 'a' * 60 + 'b')", "timeout"),
    "eats memory": ("x = [bytearray(1 << 20) for _ in range(10 ** 6)]", "memory"),
    "eats memory at once": ("import numpy; numpy.ones(1 << 33)", "memory"),
    "kills itself": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "dead"),
    "stops the kernel": ("import os; os._exit(0)", "dead"),
    "raises": ("1 / 0", "failed"),
    "ends early": ("import sys; sys.exit(0)", "failed"),
}


def notebook(source: str, *more: str) -> str:
    """Return a notebook of a title, parameters and code cells, as text."""
    cells: list[dict[str, object]] = [
        {"cell_type": "markdown", "id": "t", "metadata": {}, "source": "# Faults"}
    ]
    for number, code in enumerate((PARAMETERS, source, *more)):
        tags = {"tags": ["parameters"]} if number == 0 else {}
        cells.append({"cell_type": "code", "id": f"c{number}", "metadata": tags, "source": code,
                      "outputs": [], "execution_count": None})  # fmt: skip
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps(
        {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    )


@dataclass
class Place:
    """A catalogue, its workspace and notebooks; `round` marks what a run publishes."""

    folder: Path
    round: int = 0
    good: int = 0
    clean_s: float = 0.0  # the last clean run, from which limits follow: machines may be busy
    lengths: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        exports = self.folder / "exports"
        exports.mkdir(parents=True)
        rows = "\n".join(f"{n},Won,2025-09-02" for n in range(200))
        (exports / "deals.csv").write_text(f"deal_id,stage,created_at\n{rows}\n")
        import_exports("tables", exports, into=self.folder / "acme")
        (self.folder / "notebooks").mkdir()
        (self.folder / "disk").mkdir()
        self.limits()

    def limits(self, memory: int = 4096, *, short: bool = False) -> None:
        """Bound notebooks: `short` is still a whole clean run, so that only a hang exceeds it."""
        timeout = max(6, self.clean_s) if short else max(60, 20 * self.clean_s)
        text = CATALOGUE.format(timeout=round(timeout, 1), memory=memory)
        (self.folder / "catalogue.toml").write_text(text)

    @property
    def target(self) -> Path:
        return self.folder / "disk" / "out" / "acme" / "2025-09"

    def next_round(self, extra: str = "") -> None:
        """Change the notebooks, so that a run has something to do."""
        self.round += 1
        for name in ("10_first", "20_second"):
            source = f"round = {self.round}\n{READS}"
            more = [extra, "1 + 1"] if extra and name == "20_second" else []
            (self.folder / "notebooks" / f"{name}.ipynb").write_text(notebook(source, *more))

    def start(self, *more: str) -> "subprocess.Popen[str]":
        single = {**os.environ, "OMP_NUM_THREADS": "1", MARK: str(self.folder)}
        single.pop("PYTHONDONTWRITEBYTECODE", None)
        return subprocess.Popen(
            [*RUN, "--from", "2025-09", "--catalogue", str(self.folder / "catalogue.toml"), *more],
            env=single, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def run(self, *more: str) -> tuple[int, str]:
        """Run to the end and return exit code and what was said on stderr."""
        started = time.monotonic()
        with self.start(*more) as process:
            _, said = process.communicate()
        self.lengths.append(time.monotonic() - started)
        return process.returncode, said

    def seen(self) -> tuple[str, int]:
        """Return status and round of what is published; refuse what is not one whole period."""
        told = state.read_manifest(self.target)
        _must(bool(told), "there is a manifest")
        pages = {name: entry["html_sha256"] for name, entry in told["notebooks"].items()}
        pages["index"] = told["index_sha256"]
        if told["status"] == state.FAILED:
            pages = {"index": told["index_sha256"]}
        found = {file.stem for file in self.target.glob("*.html")}
        _must(found == set(pages), f"pages are {sorted(found)}, not {sorted(pages)}")
        for name, digest in pages.items():
            _must(state.sha256(self.target / f"{name}.html") == digest, f"{name} is of one run")
        rounds = {self._round_of(name) for name in pages if name != "index"}
        _must(len(rounds) <= 1, f"pages are of the rounds {rounds}")
        return told["status"], rounds.pop() if rounds else 0

    def _round_of(self, name: str) -> int:
        text = (self.target / f"{name}.html").read_text("utf-8")
        return int(text.split("<p>round ")[1].split(" ")[0])

    def heals(self) -> None:
        """Let a plain run publish this round."""
        started = time.monotonic()
        code, said = self.run()
        self.clean_s = time.monotonic() - started
        _must(code == 0, f"the next run heals, not {code}: {said[-1500:]}")
        _must(self.seen() == (state.PUBLISHED, self.round), f"round {self.round}: {self.seen()}")
        beside = {p.name for p in self.target.parent.iterdir()} - {".failed"}
        whole = {"2025-09", ".2025-09.lock", "index.html", ".archive.lock"}  # page of the archive
        _must(beside == whole, f"nothing else is left: {sorted(beside)}")
        self.good = self.round


def kills(place: Place, count: int, seed: int) -> dict[str, int]:
    """Kill runs at random moments; return how many kills hit what."""
    draw = random.Random(seed)
    place.next_round()
    place.heals()
    hits = {"old": 0, "new": 0, "ended before": 0}
    for number in range(1, count + 1):
        place.next_round()
        length = sorted(place.lengths)[len(place.lengths) // 2]
        with place.start() as process:
            try:
                process.communicate(timeout=draw.uniform(0, 1.1 * length))
                hits["ended before"] += 1
            except subprocess.TimeoutExpired:
                process.kill()
        status, seen = place.seen()
        _must(status == state.PUBLISHED, f"a kill leaves it published, not {status}")
        _must(seen in (place.good, place.round), f"seen {seen}, not {place.good}, {place.round}")
        _all_gone(place)
        if process.returncode:
            hits["new" if seen == place.round else "old"] += 1
        place.good = seen
        if number % 10 == 0:
            place.heals()
            print(f"{number} kills: {hits}", flush=True)
    place.next_round()
    place.heals()
    return hits


def notebooks_that_fail(place: Place) -> Iterator[str]:
    """Let notebooks fail in every way; the old pages stay, marked, and the next run heals."""
    place.next_round()
    place.heals()
    for name, (code, status) in FAULTS.items():
        place.limits(1024, short=status == "timeout")
        place.next_round(code)
        exit_code, _ = place.run()
        told = state.read_manifest(place.target)
        _must(exit_code == 1, f"{name}: exit code {exit_code}")
        _must(place.seen() == (state.STALE, place.good), f"{name}: {place.seen()}")
        failed = told["failure"]["notebooks"]
        _must({n: f["status"] for n, f in failed.items()} == {"20_second": status},
              f"{name}: {failed}")  # fmt: skip
        _all_gone(place)
        place.limits()
        place.next_round()
        place.heals()
        yield f"{name}: {status}, stale, healed"


def prints_much(place: Place, megabytes: int = 100) -> str:
    """Let a notebook print very much: it is published, and what is kept of it is small."""
    place.next_round(f"for _ in range({megabytes}): print('x' * 999_999)")
    place.heals()
    size = (place.target / "notebooks" / "20_second.ipynb").stat().st_size
    _must(size < 1_000_000, f"the executed notebook has {size:,} bytes")
    return f"prints {megabytes} MB: published, {size / 1e3:.0f} kB kept"


def broken_data(place: Place) -> str:
    """Break a Parquet file: stale; put it back: healed."""
    place.next_round()
    place.heals()
    [file] = (place.folder / "acme" / "tables").glob("deals.parquet")
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + b"\0" * 400 + whole[len(whole) // 2 + 400 :])
    place.next_round()
    code, _ = place.run()
    _must((code, place.seen()) == (1, (state.STALE, place.good)), f"{code} {place.seen()}")
    file.write_bytes(whole)
    place.heals()
    return "corrupted Parquet: failed, stale, healed"


def two_at_once(place: Place) -> str:
    """Start two runs at once: one publishes, the other says so or finds nothing to do."""
    place.next_round()
    with place.start() as first, place.start() as second:
        said = [process.communicate()[1] for process in (first, second)]
    codes = sorted((first.returncode, second.returncode))
    _must(codes in ([0, 0], [0, 1]), f"exit codes {codes}")
    _must(codes == [0, 0] or "is under way" in "".join(said), "".join(said)[-1500:])
    _must(place.seen() == (state.PUBLISHED, place.round), str(place.seen()))
    place.good = place.round
    return f"two runs at once: one published, exit codes {codes}"


def clock_jumps(place: Place) -> str:
    """Run in the past and in the far future, with files from tomorrow: nothing is confused."""
    place.next_round()
    place.heals()
    for now in ("1999-01-01T00:00", "2099-01-01T00:00"):
        code, _ = place.run("--now", now)
        _must((code, place.seen()) == (0, (state.PUBLISHED, place.good)), f"{now}: {code}")
        place.next_round()
        code, _ = place.run("--now", now)
        _must((code, place.seen()) == (0, (state.PUBLISHED, place.round)), f"{now}: {code}")
        place.good = place.round
        tomorrow = time.time() + 86_400
        for path in (place.target, *place.target.rglob("*")):
            os.utime(path, (tomorrow, tomorrow))
    place.next_round()
    place.heals()
    return "clock in 1999 and 2099, files from tomorrow: published, healed"


def full_disk(place: Place) -> str:
    """Fill the disk of the reports, then make room."""
    with _small_disk(place.folder / "disk"):
        place.next_round()
        place.heals()
        ballast = place.folder / "disk" / "ballast"
        with ballast.open("wb", buffering=0) as file:
            _until_full(file.write)
        place.next_round()
        code, said = place.run()
        _must(code == 1 and "No space left" in said, f"{code}: {said[-1500:]}")
        _must(place.seen()[1] == place.good, str(place.seen()))
        ballast.unlink()
        place.heals()
    return "full disk: failed, old period whole, healed"


def read_only(place: Place) -> str:
    """Make the target read-only, then writable."""
    with _small_disk(place.folder / "disk"):
        place.next_round()
        place.heals()
        _mount("remount,ro", place.folder / "disk")
        place.next_round()
        code, said = place.run()
        _must(code == 1 and "Read-only" in said, f"{code}: {said[-1500:]}")
        _must(place.seen() == (state.PUBLISHED, place.good), str(place.seen()))
        _mount("remount,rw", place.folder / "disk")
        place.heals()
    return "read-only target: failed, old period whole, healed"


@contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    shutil.rmtree(folder)
    folder.mkdir()
    _mount("size=2m", folder)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _mount(options: str, folder: Path) -> None:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    subprocess.run(command, check=True, capture_output=True)


def may_mount() -> bool:
    """Tell whether small disks can be mounted here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            _mount("size=64k", Path(folder))
        except (OSError, subprocess.CalledProcessError):
            return False
        subprocess.run(["umount", folder], check=True)
    return True


def _until_full(write: Callable[[bytes], object]) -> None:
    try:
        while True:
            write(b"\0" * 4096)
    except OSError:
        return


def _all_gone(place: Place) -> None:
    """Wait until nothing that a run started is alive."""
    patience = time.monotonic() + max(20, 3 * place.clean_s)
    while left := _alive(place.folder):
        _must(time.monotonic() < patience, f"still running: {left}")
        time.sleep(0.1)


def _alive(folder: Path) -> list[int]:
    wanted, found = f"{MARK}={folder}".encode(), []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def _must(true: bool, what: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not true:
        raise SystemExit(f"FAULT: {what}")


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--kills", type=int, default=200)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", choices=["kills", "others"])
    given = asked.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder) / "place")
        if given.only != "kills":
            _others(place)
        if given.only != "others":
            hits = kills(place, given.kills, given.seed)
            told = ", ".join(f"{name} {count}" for name, count in hits.items())
            print(f"{given.kills} kills -9, seed {given.seed}: always one whole period ({told})")


def _others(place: Place) -> None:
    for line in notebooks_that_fail(place):
        print(line, flush=True)
    for fault in (prints_much, broken_data, two_at_once, clock_jumps):
        print(fault(place), flush=True)
    for fault in (full_disk, read_only):
        print(fault(place) if may_mount() else f"{fault.__name__}: skipped, may not mount")


if __name__ == "__main__":
    main()
