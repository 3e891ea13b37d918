"""A workspace's versions on disk: written beside, switched in one rename, the previous one kept."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from salesops_kit.errors import DataError

LINKS = ("tables", "rejects", "import.json")
_KEPT = 2


@contextmanager
def locked(workspace: Path) -> Iterator[None]:
    """Hold the workspace against a second import.

    Raises
    ------
    DataError
        When another import is under way.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    with (workspace / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DataError(
                f"another import into {workspace} is under way; wait until it ends"
            ) from error
        yield


def new_version(workspace: Path) -> Path:
    """Return a fresh folder for the next version; leftovers of interrupted imports are removed."""
    versions = workspace / "versions"
    versions.mkdir(exist_ok=True)
    for left in versions.glob(".new-*"):
        shutil.rmtree(left)
    fresh = versions / ".new-version"
    for part in ("tables", "rejects", "scratch"):
        (fresh / part).mkdir(parents=True)
    return fresh


def current(workspace: Path) -> Path | None:
    """Return the folder of the current version, if there is one."""
    link = workspace / "current"
    return link.resolve() if link.is_dir() else None


def switch(workspace: Path, fresh: Path, record: dict[str, Any]) -> Path:
    """Make `fresh` the current version; a crash leaves the old or the new one whole."""
    shutil.rmtree(fresh / "scratch")
    text = json.dumps(record, ensure_ascii=False, indent=1, sort_keys=True)
    (fresh / "import.json").write_text(text + "\n", encoding="utf-8")
    for file in sorted(fresh.rglob("*")):
        _flush(file)
    target = workspace / "versions" / _next_name(workspace)
    fresh.rename(target)
    _flush(target.parent)
    _replace_link(workspace / "current", Path("versions") / target.name)
    for name in LINKS:
        if not (workspace / name).is_symlink():
            _replace_link(workspace / name, Path("current") / name)
    _flush(workspace)
    for old in sorted(p for p in target.parent.iterdir() if p.name[0] != ".")[:-_KEPT]:
        shutil.rmtree(old)
    return target


def _next_name(workspace: Path) -> str:
    taken = [int(p.name) for p in (workspace / "versions").iterdir() if p.name.isdigit()]
    return f"{max(taken, default=0) + 1:06d}"


def _replace_link(link: Path, target: Path) -> None:
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
