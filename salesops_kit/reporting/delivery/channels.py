"""The ways out: mail, robots of group chats, folders. Each call delivers once or raises.

`UndeliveredError` means that surely nothing arrived; `UncertainError` that it may have. No error
text holds an address of a robot or a password.
"""

import base64
import contextlib
import hashlib
import hmac
import shutil
import smtplib
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from salesops_kit.cells import plain
from salesops_kit.errors import ReportError
from salesops_kit.reporting.delivery.message import Message, shortened
from salesops_kit.reporting.delivery.receivers import Email, Folder, Webhook

# what the services accept, in bytes of UTF-8 (Slack: characters)
_WECOM, _DINGTALK, _FEISHU, _SLACK_HEAD, _SLACK_PART = 2048, 16_000, 20_000, 150, 2900
_REFUSED_FOR_NOW = {408, 425, 429, 500, 502, 503, 504}
_OK = 200
_FOR_GOOD = 500  # a mail server's answers from here on are final


class UndeliveredError(ReportError):
    """Nothing arrived; `again` tells whether another attempt may help."""

    def __init__(self, text: str, *, again: bool) -> None:
        super().__init__(text)
        self.again = again


class UncertainError(ReportError):
    """The connection broke after sending: the message may have arrived."""


def send_mail(receiver: Email, mail: bytes, password: str) -> None:
    """Send a mail to all its mailboxes; it counts as sent when the server took it for each."""
    try:
        server = _opened(receiver, password)
    except smtplib.SMTPException as error:
        raise _refusal(error) from error
    except OSError as error:
        raise UndeliveredError(f"the mail server cannot be reached ({type(error).__name__})",
                               again=not isinstance(error, ssl.SSLError)) from error  # fmt: skip
    with contextlib.closing(server):
        try:
            refused = server.sendmail(receiver.sender, list(receiver.to), mail)
        except (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused) as error:
            raise _refusal(error) from error
        except (smtplib.SMTPException, OSError) as error:
            raise UncertainError("the mail server broke off while it took the message") from error
        with contextlib.suppress(smtplib.SMTPException, OSError):
            server.quit()  # the server has the mail, whatever it says to good-bye
    if refused:
        raise UncertainError(f"the mail server took the message, but not for {', '.join(refused)}")


def _opened(receiver: Email, password: str) -> smtplib.SMTP:
    context = ssl.create_default_context()
    place = (receiver.server, receiver.port)
    server: smtplib.SMTP = (
        smtplib.SMTP_SSL(*place, timeout=receiver.timeout_s, context=context)
        if receiver.security == "tls"
        else smtplib.SMTP(*place, timeout=receiver.timeout_s)
    )
    try:
        if receiver.security == "starttls":
            server.starttls(context=context)
        if receiver.user:
            server.login(receiver.user, password)
    except BaseException:
        server.close()
        raise
    return server


def _refusal(error: smtplib.SMTPException) -> UndeliveredError:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return UndeliveredError("the mail server refused user or password", again=False)
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return UndeliveredError("the mail server offers no such encryption or login", again=False)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        for_now = all(code < _FOR_GOOD for code in codes)
        return UndeliveredError("the mail server refused every mailbox", again=for_now)
    if isinstance(error, smtplib.SMTPResponseException):
        code = error.smtp_code
        return UndeliveredError(f"the mail server answered {code}", again=code < _FOR_GOOD)
    return UndeliveredError("the mail server broke off", again=True)


def send_to_robot(receiver: Webhook, message: Message, url: str, sign: str) -> None:
    """Post a message to a group chat's robot."""
    body, query = robot_body(receiver.kind, message, sign, int(time.time()))
    _post(receiver, url + query, body)


def robot_body(kind: str, message: Message, sign: str, now_s: int) -> tuple[dict[str, Any], str]:
    r"""Return the body a robot expects and what its address needs; texts only, never markup.

    Signatures as the services define them: DingTalk HMAC-SHA256 of "milliseconds\nkey" in the
    address, Feishu HMAC-SHA256 with "seconds\nkey" as the key over nothing, in the body.
    """
    makers: dict[str, Callable[[Message, str, int], tuple[dict[str, Any], str]]] = {
        "wecom": _wecom,
        "dingtalk": _dingtalk,
        "feishu": _feishu,
        "slack": _slack,
    }
    return makers[kind](message, sign, now_s)


def _wecom(message: Message, sign: str, now_s: int) -> tuple[dict[str, Any], str]:  # noqa: ARG001
    return {"msgtype": "text", "text": {"content": _whole(message, _WECOM)}}, ""


def _dingtalk(message: Message, sign: str, now_s: int) -> tuple[dict[str, Any], str]:
    body = {"msgtype": "text", "text": {"content": _whole(message, _DINGTALK)}}
    if not sign:
        return body, ""
    moment = str(now_s * 1000)
    digest = hmac.new(sign.encode(), f"{moment}\n{sign}".encode(), hashlib.sha256).digest()
    return body, f"&timestamp={moment}&sign={quote(base64.b64encode(digest), safe='')}"


def _feishu(message: Message, sign: str, now_s: int) -> tuple[dict[str, Any], str]:
    lines = [line for line in message.lines if line != message.link]
    content: list[list[dict[str, str]]] = [
        [{"tag": "text", "text": line}]
        for line in shortened("\n".join(lines), _FEISHU - 4000).split("\n")
    ]
    if message.link:
        content.append([{"tag": "a", "text": message.link, "href": message.link}])
    post = {"title": message.title, "content": content}
    language = "zh_cn" if message.language == "zh" else "en_us"
    body: dict[str, Any] = {"msg_type": "post", "content": {"post": {language: post}}}
    if sign:
        key = f"{now_s}\n{sign}".encode()
        digest = hmac.new(key, b"", hashlib.sha256).digest()
        body |= {"timestamp": str(now_s), "sign": base64.b64encode(digest).decode()}
    return body, ""


def _slack(message: Message, sign: str, now_s: int) -> tuple[dict[str, Any], str]:  # noqa: ARG001
    def words(text: str) -> dict[str, Any]:
        return {"type": "plain_text", "text": text, "emoji": False}

    told = "\n".join(message.lines)
    blocks = [{"type": "header", "text": words(message.title[:_SLACK_HEAD])},
              {"type": "section", "text": words(told[:_SLACK_PART])}]  # fmt: skip
    # the notification's own text may hold markup: its three signs are written as entities
    notice = message.title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return {"text": notice, "blocks": blocks}, ""


def _whole(message: Message, most: int) -> str:
    """Keep the link when the text must be cut."""
    tail = f"\n{message.link}" if message.link else ""
    text = message.text.removesuffix(tail)
    return shortened(text, most - len(tail.encode())) + tail


def _post(receiver: Webhook, url: str, body: dict[str, Any]) -> None:
    import requests

    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        raise UndeliveredError("the robot's address must begin with https://", again=False)
    try:
        answer = requests.post(
            url,
            json=body,
            timeout=(receiver.timeout_s, receiver.timeout_s),
            allow_redirects=False,
        )
    except (requests.ConnectTimeout, requests.exceptions.ProxyError) as error:
        raise UndeliveredError("the robot cannot be reached", again=True) from _quiet(error)
    except requests.exceptions.SSLError as error:
        raise UndeliveredError("the robot's certificate is not valid", again=False) from _quiet(
            error
        )
    except requests.ConnectionError as error:
        if _refused(error):
            raise UndeliveredError("the robot cannot be reached", again=True) from _quiet(error)
        raise UncertainError("the robot broke off while it took the message") from _quiet(error)
    except requests.Timeout as error:
        raise UncertainError("the robot did not answer in time") from _quiet(error)
    except requests.RequestException as error:
        raise UndeliveredError("the robot's address is not valid", again=False) from _quiet(error)
    _judge(receiver.kind, answer)


def _judge(kind: str, answer: Any) -> None:
    if answer.status_code != _OK:
        raise UndeliveredError(f"the robot answered {answer.status_code}",
                          again=answer.status_code in _REFUSED_FOR_NOW)  # fmt: skip
    if kind == "slack":
        return
    try:
        content = answer.json()
        code = next(content[k] for k in ("errcode", "code", "StatusCode") if k in content)
    except (ValueError, StopIteration, TypeError) as error:
        raise UncertainError("the robot's answer cannot be understood") from _quiet(error)
    if code != 0:
        said = plain(str(content.get("errmsg") or content.get("msg") or ""))[:120]
        # too many messages a minute: WeCom 45009, DingTalk 130101 and 410100, Feishu 9499, 11232
        busy = code in (45009, 130101, 410100, 9499, 11232)
        raise UndeliveredError(f"the robot refused with code {code} {said}".rstrip(), again=busy)


def _quiet(error: Exception) -> Exception:
    """Name an error without its text, which holds the robot's address."""
    return RuntimeError(type(error).__name__)


def _refused(error: Exception) -> bool:
    from urllib3.exceptions import NewConnectionError

    reason: Any = error.args[0] if error.args else None
    return isinstance(getattr(reason, "reason", reason), NewConnectionError)


def copy_to(receiver: Folder, folder: Path, root: Path) -> None:
    """Copy a published period to a folder or a bucket.

    A local folder switches whole. A bucket knows no switch: everything else goes first, then
    the index, so that a reader of the index finds all it leads to.
    """
    place = receiver.to.rstrip("/")
    name = folder.resolve().relative_to(root.resolve()).as_posix()
    if "://" not in place:
        _copy_locally(folder, Path(place) / name)
        return
    import fsspec

    try:
        system, root = fsspec.core.url_to_fs(place)
        files = sorted(
            (p for p in folder.rglob("*") if p.is_file()), key=lambda p: p.name == "index.html"
        )
        for file in files:
            target = f"{root}/{name}/{file.relative_to(folder).as_posix()}"
            system.makedirs(target.rpartition("/")[0], exist_ok=True)
            system.put_file(str(file), target)
    except ImportError as error:
        raise UndeliveredError(
            f"the driver of {place} is not installed: {error}", again=False
        ) from error
    except Exception as error:
        raise UndeliveredError(
            f"{place} took no copy ({type(error).__name__})", again=True
        ) from error


def _copy_locally(folder: Path, target: Path) -> None:
    from salesops_kit.reporting.publish import swap_in

    fresh = target.parent / f".{target.name}.new"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(folder, fresh)
        swap_in(fresh, target)
    except OSError as error:
        raise UndeliveredError(
            f"{target.parent} took no copy ({error.strerror})", again=False
        ) from error
