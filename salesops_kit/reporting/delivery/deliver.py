"""Deliver a published period to a receiver: once per run, with a record of what became of it."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from salesops_kit.errors import ReportError
from salesops_kit.reporting.delivery.channels import (
    UncertainError,
    UndeliveredError,
    copy_to,
    send_mail,
    send_to_robot,
)
from salesops_kit.reporting.delivery.mail import mail_of
from salesops_kit.reporting.delivery.message import Message, message_of
from salesops_kit.reporting.delivery.receivers import Email, Folder, Webhook, secret

RECORD = ".deliveries.jsonl"
State = Literal["sent", "failed", "uncertain", "already sent", "dry run"]
_FIRST_PAUSE_S = 1.0


@dataclass(frozen=True)
class Delivery:
    """What became of a delivery, and what would be sent (`preview`) in a dry run."""

    receiver: str
    state: State
    attempts: int
    detail: str = ""
    preview: str = ""

    @property
    def is_good(self) -> bool:
        """Whether the receiver has the message, as far as anybody can know."""
        return self.state in ("sent", "already sent", "dry run")


@dataclass(frozen=True)
class Errand:
    """What to deliver: the published `folder`, to `receiver` called `name`.

    `root` is the folder reports are published into, `project` where secrets must not lie.
    `again` sends even what was sent or may have been.
    """

    folder: Path
    name: str
    receiver: Email | Webhook | Folder
    root: Path
    project: Path
    dry_run: bool = False
    again: bool = False


def deliver(errand: Errand, pause: Callable[[float], None] = time.sleep) -> Delivery:
    """Deliver a published period to one receiver.

    A message goes out once per run and receiver: `.deliveries.jsonl` in `root` is
    written before and after. What surely did not arrive is tried again, first at once with
    growing pauses, then at the next call. What may have arrived is not: the state is
    `uncertain`, and a person decides (`again`).

    Raises
    ------
    SettingsError
        When a secret is missing.
    ReportError
        When the folder is no published period.
    """
    message = message_of(errand.folder, errand.receiver.link, errand.root)
    if errand.dry_run:
        return Delivery(errand.name, "dry run", 0, preview=_preview(errand, message))
    send = _sender(errand, message)
    record = errand.root / RECORD
    key = [message.run, _place(errand), errand.name]
    with _locked(record):
        before = "" if errand.again else _state(record, key)
        if before == "sent":
            return Delivery(errand.name, "already sent", 0)
        if before in ("begun", "uncertain"):
            detail = "an earlier attempt was cut off and may have arrived"
            return Delivery(errand.name, "uncertain", 0, detail)
        _write(record, key, "begun")
        result = _attempted(errand, send, pause)
        _write(record, key, result.state, result.detail)
    return result


def _place(errand: Errand) -> str:
    return errand.folder.resolve().relative_to(errand.root.resolve()).as_posix()


def _sender(errand: Errand, message: Message) -> Callable[[], None]:
    receiver = errand.receiver
    if isinstance(receiver, Folder):
        return lambda: copy_to(receiver, errand.folder, errand.root)
    if isinstance(receiver, Email):
        password = _secret(errand, receiver.password, "password")
        mail = mail_of(receiver, message, errand.folder)
        return lambda: send_mail(receiver, mail, password)
    url, sign = _secret(errand, receiver.url, "url"), _secret(errand, receiver.sign, "sign")
    return lambda: send_to_robot(receiver, message, url, sign)


def _secret(errand: Errand, name: str | None, key: str) -> str:
    if name is None:
        return ""
    return secret(name, key=f"receivers.{errand.name}.{key}", project=errand.project)


def _attempted(
    errand: Errand, send: Callable[[], None], pause: Callable[[float], None]
) -> Delivery:
    for attempt in range(1, errand.receiver.attempts + 1):
        try:
            send()
        except UncertainError as error:
            return Delivery(errand.name, "uncertain", attempt, str(error))
        except UndeliveredError as error:
            if not error.again or attempt == errand.receiver.attempts:
                return Delivery(errand.name, "failed", attempt, str(error))
            pause(_FIRST_PAUSE_S * 2 ** (attempt - 1))
        else:
            return Delivery(errand.name, "sent", attempt)
    raise ReportError("a receiver needs at least one attempt")


def _preview(errand: Errand, message: Message) -> str:
    if isinstance(errand.receiver, Folder):
        return f"{errand.folder} → {errand.receiver.to}"
    return message.text


@contextmanager
def _locked(record: Path) -> Iterator[None]:
    with record.with_name(f"{record.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _state(record: Path, key: list[str]) -> str:
    state = ""
    if record.is_file():
        for line in record.read_text("utf-8").splitlines():
            try:
                entry: dict[str, Any] = json.loads(line)
            except ValueError:
                continue  # a line cut off by a power failure
            if entry.get("key") == key:
                state = str(entry["state"])
    return state


def _write(record: Path, key: list[str], state: str, detail: str = "") -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"key": key, "state": state, "at": now, **({"detail": detail} if detail else {})}
    torn = record.is_file() and record.stat().st_size and not record.read_bytes().endswith(b"\n")
    with record.open("a", encoding="utf-8") as file:
        file.write(("\n" if torn else "") + json.dumps(entry, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
