"""Group chats: bodies as the services define them, once per run, against a real HTTP server."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from loopback_servers import Robot, free_port, listening

from salesops_kit.reporting.delivery import deliver, receivers_from
from salesops_kit.reporting.delivery.channels import robot_body
from salesops_kit.reporting.delivery.deliver import RECORD, Errand
from salesops_kit.reporting.delivery.message import message_of

LINK = "https://reports.acme.cn/sales/"


@pytest.fixture
def pauses():
    return []


def errand(period, url, monkeypatch, kind="wecom", **more):
    monkeypatch.setenv("KIT_ROBOT", url)
    raw = {"kind": kind, "url": "env:KIT_ROBOT", "link": LINK, "timeout_s": 0.5} | more
    receiver = receivers_from({"chat": raw}, origin="c")["chat"]
    return Errand(period, "chat", receiver, period.parents[1], project=period / "project")


def test_a_message_arrives_once_per_run(period, monkeypatch, pauses):
    robot = Robot()
    with listening(robot) as url:
        job = errand(period, url, monkeypatch)
        states = [deliver(job, pauses.append).state for _ in range(3)]
        manifest = json.loads((period / "manifest.json").read_text("utf-8"))
        (period / "manifest.json").write_text(json.dumps(manifest | {"run_id": "run-2"}))
        states.append(deliver(job, pauses.append).state)

    assert states == ["sent", "already sent", "already sent", "sent"]
    assert len(robot.posts) == 2
    assert pauses == []


def test_what_surely_did_not_arrive_is_tried_again(period, monkeypatch, pauses):
    robot = Robot((503, "busy"), (200, '{"errcode": 45009, "errmsg": "too often"}'))
    with listening(robot) as url:
        result = deliver(errand(period, url, monkeypatch), pauses.append)

    assert (result.state, result.attempts, pauses) == ("sent", 3, [1.0, 2.0])
    assert len(robot.posts) == 3


@pytest.mark.parametrize(
    ("answer", "state", "detail"),
    [
        ((404, ""), "failed", "the robot answered 404"),
        ((302, ""), "failed", "the robot answered 302"),
        (
            (200, '{"errcode": 310000, "errmsg": "sign not\\nmatch"}'),
            "failed",
            "the robot refused with code 310000 sign not match",
        ),
        ((200, "<html>"), "uncertain", "the robot's answer cannot be understood"),
        ("hang", "uncertain", "the robot did not answer in time"),
        ("drop", "uncertain", "the robot broke off while it took the message"),
    ],
)
def test_what_is_final_or_unknown_is_not_repeated(
    answer, state, detail, period, monkeypatch, pauses
):
    robot = Robot(answer)
    with listening(robot) as url:
        result = deliver(errand(period, url, monkeypatch), pauses.append)

    assert (result.state, result.detail, result.attempts) == (state, detail, 1)
    assert len(robot.posts) == 1
    assert not result.is_good


def test_a_failure_is_tried_at_the_next_call_and_an_unknown_only_when_asked(period, monkeypatch):
    robot = Robot((404, ""), "drop")
    with listening(robot) as url:
        job = errand(period, url, monkeypatch)
        states = [deliver(job).state for _ in range(3)]
        states.append(deliver(replace(job, again=True)).state)

    assert states == ["failed", "uncertain", "uncertain", "sent"]
    assert len(robot.posts) == 3


def test_a_call_cut_off_while_sending_counts_as_unknown(period, monkeypatch):
    """As after kill -9: the record says begun, and nothing else."""
    key = ["run-1", "acme/2025-09", "chat"]
    line = json.dumps({"key": key, "state": "begun", "at": ""})
    (period.parents[1] / RECORD).write_text(line + "\n" + '{"key": ["torn')
    with listening(Robot()) as url:
        job = errand(period, url, monkeypatch)
        first, second = deliver(job), deliver(replace(job, again=True))

    assert (first.state, second.state) == ("uncertain", "sent")
    assert deliver(job).state == "already sent"


def test_nobody_at_home_is_a_failure_without_the_address(period, monkeypatch, pauses):
    url = f"http://127.0.0.1:{free_port()}/hook?key=SECRET-KEY"
    result = deliver(errand(period, url, monkeypatch), pauses.append)

    assert (result.state, result.attempts) == ("failed", 3)
    assert result.detail == "the robot cannot be reached"


def test_no_file_holds_the_robots_address(period, monkeypatch):
    with listening(Robot((500, ""), (500, ""), (500, ""))) as url:
        deliver(errand(period, url, monkeypatch), lambda _: None)
    written = [p.read_text("utf-8") for p in period.parents[1].rglob("*") if p.is_file()]

    assert len(written) > 4
    assert not any("SECRET-KEY" in text for text in written)


def test_a_robot_off_this_machine_must_speak_https(period, monkeypatch):
    result = deliver(errand(period, "http://robot.example/x", monkeypatch))

    assert (result.state, result.detail) == (
        "failed",
        "the robot's address must begin with https://",
    )


def test_a_dry_run_sends_nothing_and_shows_what_it_would(period, monkeypatch):
    robot = Robot()
    with listening(robot) as url:
        job = replace(errand(period, url, monkeypatch), dry_run=True)
        result = deliver(job)

    assert robot.posts == []
    assert result.preview == message_of(period, LINK).text
    assert not (period.parents[1] / RECORD).exists()


# -- bodies -----------------------------------------------------------------------------------
def test_a_message_holds_headline_figures_findings_and_the_way_to_the_page(period):
    assert message_of(period, LINK).text.split("\n") == [
        "acme · 2025-09",
        "",
        "Bookings were ¥1.2M in 2025-09. Deal <script>x()</script> @all [click](http://evil) "
        "Bcc: evil@example.com gnp",
        "Bookings: ¥1.20M (¥1.10M to ¥1.30M); +20% on the period before; 80% of target",
        *(f"• Thing {n} happened. → Call them" for n in range(5)),
        "1 more",
        "https://reports.acme.cn/sales/acme/2025-09/index.html",
    ]


def test_wecom_gets_text_of_at_most_2048_bytes_that_ends_with_the_link(period):
    message = replace(message_of(period, LINK), headline="赢单率下降。" * 300)
    body, query = robot_body("wecom", message, "", 0)
    text = body["text"]["content"]

    assert (body["msgtype"], query) == ("text", "")
    assert len(text.encode()) <= 2048
    assert text.endswith(f"…\n{message.link}")


def test_dingtalk_signs_in_the_address(period):
    body, query = robot_body("dingtalk", message_of(period), "SEC1", 1_700_000_000)
    given = parse_qs(query.removeprefix("&"))
    expected = hmac.new(b"SEC1", b"1700000000000\nSEC1", hashlib.sha256).digest()

    assert body["msgtype"] == "text"
    assert given == {"timestamp": ["1700000000000"], "sign": [base64.b64encode(expected).decode()]}


def test_feishu_signs_in_the_body_and_gets_texts_not_markup(period):
    body, query = robot_body("feishu", message_of(period, LINK), "SEC1", 1_700_000_000)
    post = body["content"]["post"]["en_us"]
    expected = hmac.new(b"1700000000\nSEC1", b"", hashlib.sha256).digest()

    assert query == ""
    assert (body["timestamp"], body["sign"]) == ("1700000000", base64.b64encode(expected).decode())
    assert {part["tag"] for line in post["content"] for part in line} == {"text", "a"}
    assert post["content"][-1][0]["href"].startswith(LINK)


def test_slack_gets_plain_text_and_a_notice_without_mentions(period):
    message = replace(message_of(period), title="<!channel> & co")
    body, _ = robot_body("slack", message, "", 0)

    assert body["text"] == "&lt;!channel&gt; &amp; co"
    assert [b["text"]["type"] for b in body["blocks"]] == ["plain_text", "plain_text"]


def test_slack_answers_with_a_word(period, monkeypatch):
    with listening(Robot(well=(200, "ok"))) as url:
        assert deliver(errand(period, url, monkeypatch, kind="slack")).state == "sent"
