"""Who receives reports and how; secrets are named here and stand elsewhere."""

import os
from collections.abc import Mapping
from email.headerregistry import Address
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from salesops_kit.errors import SettingsError

_MOST_MB = 25.0


def _secret_name(text: str) -> str:
    """Accept `env:NAME` and `file:/absolute/path`; a secret itself is refused, and not repeated."""
    kind, _, name = text.partition(":")
    if kind == "env" and name.isidentifier():
        return text
    if kind == "file" and Path(name).is_absolute():
        return text
    raise ValueError(
        "must say where the secret stands: 'env:NAME' or 'file:/absolute/path'; "
        "never the secret itself"
    )


def _mailbox(text: str) -> str:
    try:
        address = Address(addr_spec=text)
    except Exception as error:
        raise ValueError("is not an e-mail address") from error
    if not address.username or not address.domain:
        raise ValueError("is not an e-mail address")
    return text


def _somebody(mailboxes: tuple[str, ...]) -> tuple[str, ...]:
    if not mailboxes:
        raise ValueError("needs at least one mailbox")
    return mailboxes


Secret = Annotated[str, AfterValidator(_secret_name)]
Mailbox = Annotated[str, AfterValidator(_mailbox)]


class _Receiver(BaseModel):
    """What all receivers have: `link`, the address under which reports/ can be opened, if any."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    link: Annotated[str, Field(pattern=r"^(https?://[^\s\"<>]+)?$")] = ""
    timeout_s: Annotated[float, Field(gt=0, le=300)] = 20
    attempts: Annotated[int, Field(ge=1, le=10)] = 3


class Email(_Receiver):
    """A mail server and the mailboxes a report goes to.

    `attach`: the first page, all pages in one ZIP, or nothing; more than `most_mb` is left out
    and the message says so. `security`: encryption from the start, after STARTTLS, or none (only
    for a server on this machine).
    """

    kind: Literal["email"]
    to: Annotated[tuple[Mailbox, ...], AfterValidator(_somebody)]
    sender: Mailbox
    server: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+$")]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: Secret | None = None
    attach: Literal["index", "all", "none"] = "index"
    most_mb: Annotated[float, Field(gt=0, le=_MOST_MB)] = 10


class Webhook(_Receiver):
    """A group chat's robot. Its address is a secret; `sign` is the key of a signing robot."""

    kind: Literal["wecom", "dingtalk", "feishu", "slack"]
    url: Secret
    sign: Secret | None = None


class Folder(_Receiver):
    """A place that receives a copy: a folder, or with fsspec's drivers `s3://bucket/prefix`."""

    kind: Literal["folder"]
    to: Annotated[str, Field(min_length=1)]


Receiver = Annotated[Email | Webhook | Folder, Field(discriminator="kind")]
_ADAPTER: TypeAdapter[dict[str, Email | Webhook | Folder]] = TypeAdapter(
    dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]*$")], Receiver]
)


def receivers_from(raw: Mapping[str, Any], *, origin: str) -> dict[str, Email | Webhook | Folder]:
    """Check receivers given by name, as `[receivers.NAME]` of `origin` holds them.

    Raises
    ------
    SettingsError
        When a key is unknown or a value wrong; all problems at once, without values that may be
        secrets.
    """
    try:
        return _ADAPTER.validate_python(dict(raw))
    except ValidationError as error:
        lines = []
        for item in error.errors(include_input=False):
            key = ".".join(str(part) for part in ("receivers", *item["loc"]))
            lines.append(f"  - {key}: {item['msg'].removeprefix('Value error, ')}")
        raise SettingsError(f"{origin} is not valid:\n" + "\n".join(lines)) from error


def secret(name: str, *, key: str, project: Path) -> str:
    """Return the secret that `env:NAME` or `file:PATH` names.

    Raises
    ------
    SettingsError
        When it is not set, empty, or its file lies inside the project, where it would be
        committed or published.
    """
    kind, _, place = name.partition(":")
    if kind == "env":
        value = os.environ.get(place, "").strip()
        if not value:
            raise SettingsError(f"{key} is read from the variable {place}, which is not set")
        return value
    file = Path(place).resolve()
    if file.is_relative_to(project.resolve()):
        raise SettingsError(f"{key}: {file} lies inside {project}; keep secrets elsewhere")
    try:
        value = file.read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{key}: {file} cannot be read ({error.strerror})") from error
    if not value:
        raise SettingsError(f"{key}: {file} is empty")
    return value
