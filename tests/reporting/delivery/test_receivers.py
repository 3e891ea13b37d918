"""Receivers are checked, and secrets are only ever named."""

import pytest

from salesops_kit.errors import SettingsError
from salesops_kit.reporting.delivery.receivers import receivers_from, secret

MAIL = {"kind": "email", "to": ["boss@acme.cn"], "sender": "kit@acme.cn", "server": "smtp.acme.cn",
        "password": "env:SMTP_PASSWORD"}  # fmt: skip


def test_all_problems_are_told_at_once_and_no_secret_is_repeated():
    raw = {"chat": {"kind": "wecom", "url": "https://robot/send?key=VERY-SECRET"},
           "boss": MAIL | {"to": ["no mailbox"], "prot": 25}}  # fmt: skip
    with pytest.raises(SettingsError) as refused:
        receivers_from(raw, origin="catalogue.toml")

    assert str(refused.value) == (
        "catalogue.toml is not valid:\n"
        "  - receivers.chat.wecom.url: must say where the secret stands: 'env:NAME' or "
        "'file:/absolute/path'; never the secret itself\n"
        "  - receivers.boss.email.to.0: is not an e-mail address\n"
        "  - receivers.boss.email.prot: Extra inputs are not permitted"
    )


@pytest.mark.parametrize("address", ["a@b\r\nBcc: c@d.cn", "a@", "@b.cn", "a@b.cn, c@d.cn", ""])
def test_a_mailbox_cannot_smuggle_headers_or_further_mailboxes(address):
    with pytest.raises(SettingsError, match="is not an e-mail address"):
        receivers_from({"boss": MAIL | {"to": [address]}}, origin="c")


def test_a_secret_comes_from_the_environment_or_a_file_outside(tmp_path, monkeypatch):
    monkeypatch.setenv("KIT_URL", " https://robot \n")
    (tmp_path / "secret").write_text("s3cret\n")
    project = tmp_path / "project"

    assert secret("env:KIT_URL", key="k", project=project) == "https://robot"
    assert secret(f"file:{tmp_path}/secret", key="k", project=project) == "s3cret"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("env:KIT_NONE", "receivers.x.url is read from the variable KIT_NONE, which is not set"),
        ("file:{}/project/secret", "lies inside .*; keep secrets elsewhere"),
        ("file:{}/none", "cannot be read \\(No such file or directory\\)"),
        ("file:{}/empty", "is empty"),
    ],
)
def test_a_missing_secret_says_what_to_do(name, message, tmp_path):
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "secret").write_text("x")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SettingsError, match=message):
        secret(name.format(tmp_path), key="receivers.x.url", project=tmp_path / "project")
