"""Try to break an import: kill it at random moments, and feed it mutated files.

    python -m truth.breakage kill [TIMES]      default 50
    python -m truth.breakage fuzz [MINUTES]    default 10

Ends with 1 when a workspace was left broken, or when anything but a clear refusal came out.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from salesops_kit.errors import SalesopsError
from salesops_kit.sources.importer import import_exports

HEAD = "Record Id,Deal Name,Stage,Amount,Created Time,Closing Date\n"
_STARTS = (
    "from salesops_kit.sources.importer import import_exports as go; go('zoho', {!r}, into={!r})"
)


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in ("kill", "fuzz"):
        print(__doc__, file=sys.stderr)
        return 2
    number = float(arguments[1]) if len(arguments) > 1 else {"kill": 50, "fuzz": 10}[arguments[0]]
    return killed(int(number)) if arguments[0] == "kill" else fuzzed(number)


def killed(times: int) -> int:
    """Kill an import −9 at random moments; each time the workspace must hold one whole state."""
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as root:
        exports, workspace = Path(root) / "exports", Path(root) / "workspace"
        exports.mkdir()
        _write(exports, 3, "first")
        import_exports("zoho", exports, into=workspace)
        started = time.perf_counter()
        _write(exports, 40_000, "second")
        _run(exports, Path(root) / "other").wait()
        length = time.perf_counter() - started
        states = {"first": 0, "second": 0}
        for _ in range(times):
            process = _run(exports, workspace)
            time.sleep(rng.uniform(0.0, length * 1.05))
            process.send_signal(signal.SIGKILL)
            process.wait()
            states[_state(workspace)] += 1
            shutil.rmtree(workspace)
            _write(exports, 3, "first")
            import_exports("zoho", exports, into=workspace)
            _write(exports, 40_000, "second")
    print(f"killed {times} times: the old workspace whole {states['first']} times, the new one "
          f"{states['second']} times, never anything else")  # fmt: skip
    return 0


def _write(exports: Path, deals: int, tag: str) -> None:
    lines = "".join(f"{tag}{i},{tag},Qualification,5,2025-09-01 10:00:00,2025-12-01\n"
                    for i in range(deals))  # fmt: skip
    (exports / "Deals.csv").write_text(HEAD + lines, encoding="utf-8")


def _run(exports: Path, workspace: Path) -> "subprocess.Popen[bytes]":
    code = _STARTS.format(str(exports), str(workspace))
    return subprocess.Popen([sys.executable, "-c", code], env=dict(os.environ))


def _state(workspace: Path) -> str:
    """Read the whole workspace; raise where it holds a mixture."""
    table = f"'{workspace}/tables/deals.parquet'"
    rows = duckdb.sql(f"SELECT name, count(*) FROM {table} GROUP BY 1").fetchall()
    ((name, count),) = rows
    assert count == {"first": 3, "second": 40_000}[name], rows
    assert (workspace / "import.json").is_file()
    return str(name)


def fuzzed(minutes: float) -> int:
    """Mutate the broken files of the tests and random bytes, and import them."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
    from hostile_corpus import CASES, SOUND

    seeds = [c for case in CASES for c in case.files.values() if isinstance(c, bytes)]
    seeds = [seed for seed in seeds if len(seed) < 200_000]
    rng, end, tried, refused = random.Random(int(time.time())), time.time() + 60 * minutes, 0, 0
    while time.time() < end:
        content = _mutated(rng, rng.choice(seeds), rng.choice(seeds))
        with tempfile.TemporaryDirectory() as root:
            exports = Path(root) / "exports"
            exports.mkdir()
            (exports / "Deals.csv").write_text(SOUND, encoding="utf-8")
            suffix = rng.choice((".csv", ".xlsx", ".xls", ".tsv", ".ods"))
            (exports / f"Deals_x{suffix}").write_bytes(content)
            tried += 1
            try:
                result = import_exports("zoho", exports, into=Path(root) / "workspace")
                for entry in result.files:
                    assert entry["rows_read"] == entry["accepted"] + entry["rejected"]
            except SalesopsError:
                refused += 1
            except BaseException:
                kept = Path(tempfile.gettempdir()) / f"broke_the_import{suffix}"
                kept.write_bytes(content)
                print(f"error: {kept} broke the import after {tried:,} files", file=sys.stderr)
                raise
    print(
        f"{tried:,} files in {minutes:g} minutes: {refused:,} refused, no other error, no row lost"
    )
    return 0


def _mutated(rng: random.Random, one: bytes, other: bytes) -> bytes:
    data = bytearray(one)
    for _ in range(rng.randint(1, 12)):
        place = rng.randint(0, len(data))
        kind = rng.randint(0, 4)
        if kind == 0 and data:
            data[min(place, len(data) - 1)] = rng.randint(0, 255)
        elif kind == 1:
            data[place:place] = bytes(rng.randint(0, 255) for _ in range(rng.randint(1, 8)))
        elif kind == 2:
            del data[place : place + rng.randint(1, 40)]
        elif kind == 3:
            data[place:place] = rng.choice(
                (b'"', b"\n", b",", b"\r\n", b"\0", b"\xef\xbb\xbf", b"=1")
            )
        elif other:
            start = rng.randint(0, len(other) - 1)
            data[place:place] = other[start : start + rng.randint(1, 200)]
    return bytes(data)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
