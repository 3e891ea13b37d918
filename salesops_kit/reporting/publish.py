"""Publishing: a period's folder appears whole or not at all."""

import ctypes
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from salesops_kit.errors import ReportError

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


@contextmanager
def period_lock(target: Path) -> Iterator[None]:
    """Hold a period against a second run.

    Raises
    ------
    ReportError
        When another run of the period is under way.
    """
    _private(target.parent)
    with (target.parent / f".{target.name}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ReportError(
                f"another run of {target.name} is under way; wait until it ends"
            ) from error
        yield


def staging(target: Path) -> Path:
    """Return an empty folder beside the target; leftovers of interrupted runs are removed."""
    folder = target.parent / f".{target.name}.new"
    if folder.exists():
        shutil.rmtree(folder)
    _private(folder / "notebooks")
    return folder


def remove(folder: Path) -> None:
    """Remove a folder that is no longer needed, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def _private(folder: Path) -> None:
    """Make a folder and what leads to it, for its owner and group alone."""
    missing = [folder, *folder.parents]
    for place in reversed([p for p in missing if not p.exists()]):
        place.mkdir(mode=0o750, exist_ok=True)


def swap_in(fresh: Path, target: Path) -> None:
    """Put `fresh` in the target's place: a reader sees the old folder or the new one, whole."""
    for path in sorted(fresh.rglob("*")):
        _flush(path)
    if not target.exists():
        fresh.rename(target)
    elif _exchange(fresh, target):
        shutil.rmtree(fresh)
    else:
        old = target.parent / f".{target.name}.old"
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
        fresh.rename(target)
        shutil.rmtree(old)
    _flush(target.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two folders in one step (Linux); False where the system cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    result = libc.renameat2(
        _AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE
    )
    if result == 0:
        return True
    if ctypes.get_errno() in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(ctypes.get_errno(), f"cannot exchange {first} and {second}")


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
