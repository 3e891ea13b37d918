"""Worlds already judged, kept while the code that judges them is the same, and what code it was."""

import pickle
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "truth"  # ignored by git; may be deleted at any time
# neither what draws and publishes nor what only counts changes how a world is judged
_OTHER = ("charts", "reporting", "language", "widgets.py", "cli.py", "tables.py")
_COUNT = ("__init__.py", "__main__.py", "gates.py", "leaks.py", "report.py", "run.py", "store.py")
_SHORT = 12


@dataclass(frozen=True)
class Kept:
    """A function of one world that looks first whether its answer is kept."""

    work: Callable[[Any], Any]
    folder: Path

    @classmethod
    def of(cls, work: Callable[[Any], Any]) -> "Kept":
        return cls(work, FOLDER / fingerprint() / f"{work.__module__}.{work.__name__}")

    def __call__(self, item: Any) -> Any:
        path = self.folder / f"{sha256(repr(item).encode()).hexdigest()[:_SHORT]}.pickle"
        if path.exists():
            return pickle.loads(path.read_bytes())  # our own file
        answer = self.work(item)
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{id(answer)}")
        part.write_bytes(pickle.dumps(answer))
        part.replace(path)
        return answer


@cache
def fingerprint() -> str:
    """Return a hash of all that decides how a world is judged: our code and the locked versions."""
    ours = sorted((ROOT / "salesops_kit").rglob("*.py"))
    ours = [p for p in ours if not set(p.relative_to(ROOT / "salesops_kit").parts) & set(_OTHER)]
    worlds = [p for p in sorted((ROOT / "truth").glob("*.py")) if p.name not in _COUNT]
    total = sha256()
    for path in [*ours, *worlds, ROOT / "requirements.lock"]:
        total.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return total.hexdigest()[:_SHORT]


def forget_others() -> None:
    """Delete worlds that other code judged."""
    for folder in FOLDER.glob("*"):
        if folder.name != fingerprint():
            shutil.rmtree(folder)


def version() -> str:
    """Return the commit that is measured, with its day, and whether files differ from it."""
    try:
        commit = _git("log", "-1", "--format=%h of %cs")
        changed = _git("status", "--porcelain", "--", "salesops_kit", "truth", "requirements.lock")
        return f"{commit}, with changes" if changed else commit
    except (OSError, subprocess.CalledProcessError):
        return f"code {fingerprint()}"


def _git(*words: str) -> str:
    asked = ["git", "-C", str(ROOT), *words]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
