"""Mail through a real server in a process of its own."""

import email
import shutil
import subprocess
from email.policy import default

import pytest
from loopback_servers import free_port, mail_server
from small_period import write_period

from salesops_kit.reporting.delivery import deliver, receivers_from
from salesops_kit.reporting.delivery.deliver import Errand


def errand(period, port, **more):
    raw = {"kind": "email", "to": ["boss@acme.cn"], "sender": "kit@acme.cn", "server": "localhost",
           "port": port, "security": "none", "timeout_s": 5} | more  # fmt: skip
    receiver = receivers_from({"boss": raw}, origin="c")["boss"]
    return Errand(period, "boss", receiver, period.parents[1], project=period / "project")


def received(folder):
    files = sorted(folder.glob("*.eml"))
    return [email.message_from_bytes(f.read_bytes(), policy=default) for f in files]


def test_a_mail_tells_the_period_in_text_and_html_with_the_page_attached(period, tmp_path):
    box = tmp_path / "box"
    with mail_server(box) as port:
        result = deliver(errand(period, port, to=["boss@acme.cn", "li@acme.cn"]))
        assert deliver(errand(period, port, to=["boss@acme.cn", "li@acme.cn"])).state == (
            "already sent")  # fmt: skip
    (mail,) = received(box)
    text = mail.get_body(("plain",)).get_content()
    html = mail.get_body(("html",)).get_content()
    (page,) = mail.iter_attachments()

    assert result.state == "sent"
    assert (box / "0.to").read_text() == "boss@acme.cn,li@acme.cn"
    assert mail["Subject"].startswith("acme · 2025-09: Bookings were ¥1.2M in 2025-09.")
    assert mail["Bcc"] is None
    assert "Bookings: ¥1.20M (¥1.10M to ¥1.30M)" in text
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert page.get_filename() == "acme-2025-09.html"
    assert page.get_content() == (period / "index.html").read_text("utf-8")


def test_a_chinese_mail_arrives_in_chinese(tmp_path):
    period = write_period(tmp_path / "r" / "acme" / "2025-09-zh", language="zh")
    with mail_server(tmp_path / "box") as port:
        deliver(errand(period, port))
    (mail,) = received(tmp_path / "box")

    assert "签约额：" in mail.get_body(("plain",)).get_content().replace(": ", "：")
    assert 'lang="zh-CN"' in mail.get_body(("html",)).get_content()


def test_a_page_over_the_cap_is_left_out_and_the_mail_says_so(period, tmp_path):
    (period / "index.html").write_bytes(b"x" * 200_000)
    with mail_server(tmp_path / "box") as port:
        deliver(errand(period, port, most_mb=0.2))
    (mail,) = received(tmp_path / "box")

    assert list(mail.iter_attachments()) == []
    assert "too large for a mail (0.2 MB)" in mail.get_body(("plain",)).get_content()


def test_a_busy_server_is_asked_again(period, tmp_path):
    pauses = []
    with mail_server(tmp_path / "box", "busy once") as port:
        result = deliver(errand(period, port), pauses.append)

    assert (result.state, result.attempts, pauses) == ("sent", 2, [1.0])
    assert len(received(tmp_path / "box")) == 1


@pytest.mark.parametrize(
    ("mode", "state", "detail"),
    [
        ("refuses", "failed", "the mail server refused every mailbox"),
        (
            "refuses one",
            "uncertain",
            "the mail server took the message, but not for gone@acme.cn",
        ),
        ("drops", "uncertain", "the mail server broke off while it took the message"),
    ],
)
def test_what_a_server_refuses_or_drops_is_told_and_not_repeated(
    mode, state, detail, period, tmp_path
):
    with mail_server(tmp_path / "box", mode) as port:
        result = deliver(errand(period, port, to=["gone@acme.cn", "boss@acme.cn"]))

    assert (result.state, result.attempts, result.detail) == (state, 1, detail)


def test_no_server_is_a_failure(period):
    result = deliver(errand(period, free_port(), attempts=2), lambda _: None)

    assert (result.state, result.attempts) == ("failed", 2)
    assert result.detail == "the mail server cannot be reached (ConnectionRefusedError)"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    file = tmp_path_factory.mktemp("cert") / "server.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
               "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(file),
               "-out", str(file) + ".crt"]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + file.with_name("server.pem.crt").read_text())
    return file


def test_encryption_and_login(period, tmp_path, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", f"{certificate}.crt")
    secure = {"security": "starttls", "user": "kit", "password": "env:KIT_PASSWORD"}
    states = []
    with mail_server(tmp_path / "box", cert=certificate) as port:
        for word in ("wrong", "right"):
            monkeypatch.setenv("KIT_PASSWORD", word)
            result = deliver(errand(period, port, **secure))
            states.append((result.state, result.detail))

    assert states == [("failed", "the mail server refused user or password"), ("sent", "")]


def test_a_server_nobody_vouches_for_gets_nothing(period, tmp_path, certificate, monkeypatch):
    monkeypatch.setenv("KIT_PASSWORD", "right")
    secure = {"security": "starttls", "user": "kit", "password": "env:KIT_PASSWORD"}
    with mail_server(tmp_path / "box", cert=certificate) as port:
        result = deliver(errand(period, port, **secure))

    assert (result.state, result.attempts) == ("failed", 1)
    assert "SSLCertVerificationError" in result.detail
