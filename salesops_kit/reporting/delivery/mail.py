"""A message as a mail: text and HTML, the page attached."""

import io
import zipfile
from email.message import EmailMessage
from email.policy import SMTP
from html import escape
from pathlib import Path

from salesops_kit.cells import plain
from salesops_kit.language import say
from salesops_kit.reporting.delivery.message import Message
from salesops_kit.reporting.delivery.receivers import Email

_MEGABYTE = 1e6
_EPOCH = (1980, 1, 1, 0, 0, 0)
_WRAP = "overflow-wrap:anywhere"  # in cells a long word widens the mail beyond a phone without it
_LABEL = f"padding:2px 12px 2px 0;min-width:8em;{_WRAP}"


def mail_of(receiver: Email, message: Message, folder: Path) -> bytes:
    """Return the mail, the same bytes for the same run but for its borders.

    `Message-ID` is made of the run and the receiver, so that a mail client shows a message that
    was sent twice once.
    """
    mail = EmailMessage(policy=SMTP)
    subject = plain(f"{message.title}: {message.headline}")
    mail["Subject"] = subject[:200]
    mail["From"] = receiver.sender
    mail["To"] = ", ".join(receiver.to)
    mail["Message-ID"] = f"<{_id(message, receiver)}@{receiver.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    name, content, note = _attachment(receiver, message, folder)
    mail.set_content("\n".join([message.text, *([note] if note else [])]) + "\n")
    mail.add_alternative(_html(message, note), subtype="html")
    if content:
        kind = ("application", "zip") if name.endswith(".zip") else ("text", "html")
        mail.add_attachment(content, maintype=kind[0], subtype=kind[1], filename=name)
    return mail.as_bytes()


def _id(message: Message, receiver: Email) -> str:
    import hashlib

    told = "|".join([message.run, message.title, message.language, *receiver.to])
    return hashlib.sha256(told.encode()).hexdigest()[:32]


def _attachment(receiver: Email, message: Message, folder: Path) -> tuple[str, bytes, str]:
    """Return name and bytes of what is attached, and what to say when it is too large."""
    if receiver.attach == "none":
        return "", b"", ""
    stem = f"{folder.resolve().parent.name}-{folder.resolve().name}"
    name, content = (
        (f"{stem}.html", (folder / "index.html").read_bytes())
        if receiver.attach == "index"
        else (f"{stem}.zip", _zip(folder))
    )
    # a mail's attachment grows by a third
    if len(content) * 4 / 3 <= receiver.most_mb * _MEGABYTE:
        return name, content, ""
    size = f"{len(content) / _MEGABYTE:.1f} MB"
    return "", b"", say("delivery.too_large", message.language, size=size)


def _zip(folder: Path) -> bytes:
    result = io.BytesIO()
    with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            within = file.relative_to(folder)
            if file.is_file() and within.parts[0] != "notebooks":
                info = zipfile.ZipInfo(within.as_posix(), _EPOCH)
                archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)
    return result.getvalue()


def _html(message: Message, note: str) -> str:
    figures = "".join(
        f'<tr><td style="{_LABEL}">{escape(label)}</td>'
        f'<td style="{_WRAP}">{escape(value)}</td></tr>'
        for label, value in message.figures
    )
    findings = "".join(
        f"<li><b>{escape(headline)}</b><br>{escape(action)}</li>"
        for headline, action in message.findings
    )
    language = "zh-CN" if message.language == "zh" else "en"
    link = f'<p><a href="{escape(message.link)}">{escape(message.link)}</a></p>'
    paragraphs = "".join(f"<p>{escape(text)}</p>" for text in (message.more, note) if text)
    warning = f'<p style="color:#b3261e"><b>{escape(message.warning)}</b></p>'
    return (
        f'<!DOCTYPE html><html lang="{language}"><head><meta charset="utf-8">'
        f"<title>{escape(message.title)}</title></head>"
        "<body style=\"font-family:system-ui,'PingFang SC','Microsoft YaHei',sans-serif;"
        'max-width:40em;overflow-wrap:break-word">'
        f"<h2>{escape(message.title)}</h2>{warning if message.warning else ''}"
        f"<p><b>{escape(message.headline)}</b></p><table>{figures}</table>"
        f"<ul>{findings}</ul>{paragraphs}{link if message.link else ''}</body></html>"
    )
