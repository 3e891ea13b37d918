"""What an analysis worked out, kept for the next one that asks exactly the same.

A report in a second language, a notebook whose prose was changed and a run that goes on after a
failure ask what was answered before. Only kernels of a report recall: whoever calls an analysis
from Python or Jupyter computes. An answer counts only when everything it depends on is as it was:
the kit's files and all installed packages (the runner's digest of both), the analysis and its
arguments, settings, import record, as-of day and scope, the tables as they lie there, and what is
kept beside them. Two scopes never share an answer, though both may see the same.

A forced run works everything out, but each thing once: it takes only answers that it gave itself.
Who asks what another kernel is working out at the moment waits for that answer.

Answers are pickles, which could run anything: they are written and read only in a folder that
belongs to us and that nobody else may enter, and each carries a digest. Whatever is not as it
should be is worked out anew.
"""

import fcntl
import hashlib
import json
import os
import pickle
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from salesops_kit.periods import Period
from salesops_kit.store import ParquetStore
from salesops_kit.workspace import Workspace

VARIABLE = "SALESOPS_RECALL"  # "DIGEST:RUN:FOLDER", set by the runner; RUN of a forced run only
LARGEST, MOST = 50_000_000, 300_000_000  # bytes of an answer, of all of a workspace
_DIGEST = hashlib.sha256().digest_size
_LOCK = ".lock"  # beside the answers
_PLAIN = (str, int, float, bool, type(None), Period)
_Rest = ParamSpec("_Rest")
_Answer = TypeVar("_Answer")


def recalled(
    analyse: Callable[Concatenate[Workspace, _Rest], _Answer],
) -> Callable[Concatenate[Workspace, _Rest], _Answer]:
    """Let an analysis be answered by what an equal call in a report worked out before."""

    @wraps(analyse)
    def answered(workspace: Workspace, /, *args: _Rest.args, **given: _Rest.kwargs) -> _Answer:
        question = _question(f"{analyse.__module__}.{analyse.__qualname__}", workspace, args, given)
        folder = _folder() if question else None
        if folder is None:
            return analyse(workspace, *args, **given)
        file = folder / hashlib.sha256(question).hexdigest()
        with _asked_once(file):
            known = _read(file)
            if known is not None:
                return cast(_Answer, pickle.loads(known))
            answer = analyse(workspace, *args, **given)
            again = _question(
                f"{analyse.__module__}.{analyse.__qualname__}", workspace, args, given
            )
            if again == question:  # nothing was changed underneath
                _keep(file, answer)
        return answer

    return answered


def _question(
    name: str, workspace: Workspace, args: tuple[object, ...], given: dict[str, object]
) -> bytes:
    """Return all that an answer depends on; b"" when that cannot be told, or nobody recalls."""
    code, _, _ = _told()
    told = [args, tuple(given[key] for key in sorted(given))]
    if not code or not isinstance(workspace.store, ParquetStore) or not _is_plain(told):
        return b""
    content = [
        code, name, _said(told), sorted(given),
        workspace.name, workspace.as_of.isoformat(), str(workspace.scope),
        workspace.settings.model_dump_json(), workspace.import_record,
        str(workspace.store.folder), _lying_in(workspace.store.folder),
        _lying_in(workspace.path / "labels"),
        # what a report of the same day writes there is not read by its analyses
        [entry for entry in _lying_in(workspace.path / "forecasts")
         if str(entry[0]) < workspace.as_of.isoformat()],
    ]  # fmt: skip
    return json.dumps(content, sort_keys=True).encode()


def _told() -> tuple[str, str, str]:
    """Return what the runner told: digest of all code, forced run, folder."""
    code, _, rest = os.environ.get(VARIABLE, "").partition(":")
    run, _, folder = rest.partition(":")
    return code, run, folder


def _is_plain(value: object) -> bool:
    """Tell whether two values that are written alike are equal."""
    within = isinstance(value, list | tuple) and all(map(_is_plain, value))
    return within or isinstance(value, _PLAIN)


def _said(value: object) -> str:
    """Return a plain value in writing, lists and tuples alike."""
    return f"({', '.join(map(_said, value))})" if isinstance(value, list | tuple) else repr(value)


def _lying_in(folder: Path) -> list[list[str | int]]:
    """Return names and states of the files of a folder: a changed file has another state."""
    found: list[list[str | int]] = []
    with suppress(FileNotFoundError):
        for file in sorted(folder.iterdir()):
            state = file.stat()
            found.append([file.name, state.st_ino, state.st_size, state.st_mtime_ns])
    return found


def _folder() -> Path | None:
    """Return the folder of answers; None unless it is a real folder, ours, and closed to others."""
    folder = Path(_told()[2])
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        state = folder.lstat()
    except OSError:
        return None
    closed = stat.S_ISDIR(state.st_mode) and not state.st_mode & 0o077
    return folder if closed and state.st_uid == os.geteuid() else None


@contextmanager
def _asked_once(file: Path) -> Iterator[None]:
    """Wait while another process works out the same answer; the system ends a dead one's turn.

    One byte of one file stands for each question. Analyses ask others but never themselves, so
    that nobody waits in a circle.
    """
    handle, place = _lock_file(file.parent), int(file.name[:15], 16)
    if handle is not None:
        fcntl.lockf(handle, fcntl.LOCK_EX, 1, place)
    try:
        yield
    finally:
        if handle is not None:
            fcntl.lockf(handle, fcntl.LOCK_UN, 1, place)


@cache
def _lock_file(folder: Path) -> int | None:
    """Open the file of locks for good: closing it would give back every lock of this process."""
    try:
        return os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:
        return None  # then two may work out the same


def _mark() -> bytes:
    """Return what tells answers of this forced run from all others."""
    run = _told()[1]
    return hashlib.sha256(run.encode()).digest() if run else b""


def _read(file: Path) -> bytes | None:
    """Return a kept answer, None when it is not here, not ours, not whole or not of this run."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW)
        with os.fdopen(handle, "rb") as content:
            ours = os.fstat(handle).st_uid == os.geteuid()
            data = content.read() if ours else b""
        os.utime(file)  # the last asked for is the last to go
    except OSError:
        return None
    whole = hashlib.sha256(data[_DIGEST:]).digest() == data[:_DIGEST]
    made_by, answer = data[_DIGEST : 2 * _DIGEST], data[2 * _DIGEST :]
    return answer if whole and answer and made_by.startswith(_mark()) else None


def _keep(file: Path, answer: Any) -> None:
    """Keep an answer: whole or not at all; one that cannot be kept is worked out again."""
    try:
        data = (_mark() or bytes(_DIGEST)) + pickle.dumps(answer)
    except Exception:  # whatever an object that cannot travel says
        return
    if len(data) > LARGEST:
        return
    with suppress(OSError):
        # a temporary file is its owner's alone
        with tempfile.NamedTemporaryFile(dir=file.parent, delete=False) as aside:
            aside.write(hashlib.sha256(data).digest() + data)
        Path(aside.name).replace(file)
        _prune(file.parent)


def _prune(folder: Path) -> None:
    """Remove what was not asked for longest until the rest is no more than `MOST` bytes."""
    files = [(entry.stat().st_mtime_ns, entry.stat().st_size, entry.path)
             for entry in os.scandir(folder) if entry.name != _LOCK]  # fmt: skip
    left = sum(size for _, size, _ in files)
    for _, size, path in sorted(files):
        if left <= MOST:
            break
        with suppress(FileNotFoundError):
            Path(path).unlink()
        left -= size
