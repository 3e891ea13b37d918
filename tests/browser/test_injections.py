"""Hostile text in every field of a workspace: rendered and opened in Chromium, it stays text."""

import csv
import json
import os
from concurrent.futures import Future
from dataclasses import replace
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import duckdb
import pytest
from attacked import COMPANY, HARMLESS, attacked_workspace, squeezed, watched
from demo_report import demo_workspace, report_of
from injections import PAYLOADS
from support import write_workspace

from salesops_kit.cells import plain
from salesops_kit.findings import Finding, KeyFigure
from salesops_kit.language import LANGUAGES
from salesops_kit.reporting.archive import write_archive
from salesops_kit.reporting.delivery import receivers_from
from salesops_kit.reporting.delivery.mail import mail_of
from salesops_kit.reporting.delivery.message import message_of
from salesops_kit.reporting.job import ReportSpec
from salesops_kit.reporting.page import Page
from salesops_kit.reporting.run_one import RunResult
from salesops_kit.reporting.runner import run_report

pytestmark = pytest.mark.browser

# all notebooks and ten sheets with KIT_INJECT_ALL=1; these show every kind of table, card and label
EVERYTHING = bool(os.environ.get("KIT_INJECT_ALL"))
NOTEBOOKS = () if EVERYTHING else ("readiness", "reps", "feedback")
SHEETS = 10 if EVERYTHING else 1
RECEIVER = receivers_from(
    {"boss": {"kind": "email", "to": ["b@acme.cn"], "sender": "kit@acme.cn", "server": "localhost",
              "link": "https://reports.example/kit"}},
    origin="c",
)["boss"]  # fmt: skip
FIXTURES = Path(__file__).parents[1] / "reporting" / "notebooks"
DEAL = {"deal_id": "d1", "stage": "needs", "status": "open", "created_at": "2025-09-02",
        "team": "<svg onload=window.pwned=1>"}  # fmt: skip


@pytest.fixture(scope="module")
def window(chromium):
    with watched(chromium) as opened:
        yield opened


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    return attacked_workspace(demo_workspace(), tmp_path_factory.mktemp("attacked"))


@pytest.fixture(scope="module")
def attacked(workspace) -> dict[str, Path]:
    """The published report of the company in both languages."""
    return {language: _published(workspace, language=language, notebooks=NOTEBOOKS)
            for language in LANGUAGES}  # fmt: skip


@pytest.fixture(scope="module")
def sheets(workspace) -> list[Path]:
    """One-to-one sheets under the scope of reps whose ids are payloads, in both languages."""
    reps = duckdb.sql(
        f"SELECT DISTINCT rep_id FROM '{workspace}/tables/reps.parquet' "
        f"WHERE rep_id LIKE '%<%' ORDER BY length(rep_id) DESC, rep_id LIMIT {SHEETS}"
    ).fetchall()
    return [
        _published(workspace, language=language, scope=f"rep={rep}", notebooks=("one_to_one",))
        for (rep,) in reps
        for language in LANGUAGES
    ]


def _published(workspace: Path, **more) -> Path:
    spec = ReportSpec(workspace, "2025-09", into=workspace.parent / "reports", **more)
    result = report_of(spec)
    assert result.errors == []
    return result.path


def _stays_harmless(window, files) -> str:
    """Open pages, see that nothing of them is anybody's but the kit's, return their text."""
    shown = ""
    for file in files:
        state, text = window.state(file)
        assert state == HARMLESS, file.relative_to(file.parents[2])
        shown += text
    assert window.left == []
    assert window.said == []
    return shown


def _missing(shown: str) -> list[str]:
    return [payload for payload in PAYLOADS if squeezed(payload) not in shown]


def test_there_are_payloads_enough_and_of_every_kind():
    assert len(PAYLOADS) == len(set(PAYLOADS)) >= 150


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_script_runs_no_request_leaves_and_the_layout_holds(attacked, window, language):
    shown = _stays_harmless(window, sorted(attacked[language].glob("*.html")))

    assert squeezed(COMPANY) in shown
    assert sum(squeezed(payload) in shown for payload in PAYLOADS if "<" in payload) >= 20


def test_a_sheet_for_one_rep_holds_too_and_shows_whom_it_is_about(sheets, window):
    for sheet in sheets:
        scope = json.loads((sheet / "manifest.json").read_text("utf-8"))["parameters"]["scope"]
        shown = _stays_harmless(window, sorted(sheet.glob("*.html")))

        assert squeezed(scope) in shown
    assert len(sheets) == 2 * SHEETS


def test_the_archive_of_these_reports_holds_too(attacked, sheets, window):
    place = attacked["en"].parent
    shown = _stays_harmless(window, [place / "index.html", place / "index-zh.html"])

    assert shown.count(squeezed(COMPANY)) >= 2


def test_no_file_beside_the_pages_holds_a_formula(attacked):
    files = sorted(f for folder in attacked.values() for f in folder.glob("tables/**/*.csv"))
    rows = [
        row
        for file in files
        for row in csv.reader(file.read_text("utf-8-sig").splitlines(keepends=True))
    ]
    cells = [cell for row in rows for cell in row]

    assert len(files) > 20
    assert any("'=" in cell for cell in cells)
    assert [c for c in cells if c[:1] in "=@\t\r" and c] == []


class Answers:
    """Workers that hand back what a test wants to be published."""

    def __init__(self, result: RunResult):
        self._result = result

    def submit(self, *_) -> Future:
        done: Future = Future()
        done.set_result(self._result)
        return done

    def close(self) -> None:
        """Nothing runs."""


def _found(payload: str, number: int) -> dict:
    words = dict.fromkeys(LANGUAGES, f"{payload} {number}")
    finding = Finding("ok", f"k{number}", "warning", words, words, words, payload, payload,
                      where={"team": payload}, n=5, certainty=0.9)  # fmt: skip
    return finding.as_json()


def _figure(payload: str, number: int) -> dict:
    return KeyFigure(f"f{number}", {"en": payload, "zh": payload}, 2.0, "money", payload, 1.0, 3.0,
                     n=5, previous=1.0, target=3.0, currency=payload).as_json()  # fmt: skip


GOOD = RunResult(
    "10_ok", "ok", 1.0, page=Page("&lt;b&gt;ok", "<h1>ok</h1>"), notebook="{}",
    emitted=[("findings", [_found(p, n) for n, p in enumerate(PAYLOADS)]),
             ("key_figures", [_figure(p, n) for n, p in enumerate(PAYLOADS)])],
)  # fmt: skip
BAD = RunResult("10_ok", "failed", 1.0, " ".join(PAYLOADS), traceback="\n".join(PAYLOADS))


@pytest.fixture
def hostile(tmp_path) -> Path:
    """A small company whose name, folder, team and actions are payloads."""
    actions = [
        {"action_id": f"a{n}", "finding_id": _found(payload, n)["id"], "what": payload,
         "owner_id": payload, "opened_on": "2025-09-02", "due_on": "2025-09-20",
         "done_on": "2025-09-10", "result": payload}
        for n, payload in enumerate(PAYLOADS[:12])
    ]  # fmt: skip
    return write_workspace(
        tmp_path / "<img src=x onerror=alert(1)>",
        {"deals": [DEAL], "actions": actions},
        settings=f"[company]\nname = {json.dumps(COMPANY)}\n",
    )


def _run(workspace: Path, result: RunResult, language: str, **more) -> Path:
    """Run a report of one notebook that ends like this; return its folder for leaders."""
    spec = ReportSpec(workspace, "2025-09", language=language, folder=FIXTURES / "ok", retries=0,
                      into=workspace.parent / "reports", **more)  # fmt: skip
    told = run_report(spec, lambda _: None, Answers(result))
    assert told.status == ("published" if result.status == "ok" else "failed")
    return told.path if result.status == "ok" else told.path.parents[1] / told.path.name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_payload_is_text_on_the_index_and_where_a_run_failed(hostile, window, language):
    never = _run(hostile, BAD, language, scope=f"team={DEAL['team']}")
    folder = _run(hostile, GOOD, language)
    good = _stays_harmless(window, [folder / "index.html"])
    assert folder == _run(hostile, BAD, language, force=True)
    stale = _stays_harmless(window, [folder / "index.html"])
    failed = _stays_harmless(window, [folder.parent / ".failed" / folder.name / "index.html"])
    nothing = _stays_harmless(window, [never / "index.html"])

    assert [_missing(text) for text in (good, stale, failed)] == [[], [], []]
    assert all(squeezed(COMPANY) in text for text in (good, stale, nothing))
    assert len(stale) > len(good)  # it says that it is out of date


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_mail_shows_is_text_without_any_policy_to_help(hostile, window, tmp_path, language):
    folder = _run(hostile, GOOD, language)
    message = message_of(folder, "https://reports.example/kit", hostile.parent / "reports")
    everything = [(plain(payload), plain(payload)) for payload in PAYLOADS]
    for number, told in enumerate((message, replace(message, findings=everything))):
        file = tmp_path / f"mail{number}.html"
        file.write_text(_html_of(mail_of(RECEIVER, told, folder)), encoding="utf-8")
        state, shown = window.state(file)

        # a mail has styles of its own, no <main> and no <h1>; all else is as on a page
        assert len(state["styles"]) == 3, state["styles"]
        assert set(state["body"]) == {"H2", "P", "TABLE", "UL"}
        own = {"styles": [], "body": [], "titles": 0}
        assert {**state, **own, "hrefs": state["hrefs"][1:]} == {**HARMLESS, **own}
        assert state["hrefs"][0] == message.link
        assert squeezed(COMPANY) in shown
    assert _missing(shown) == []
    assert window.left == []
    assert window.said == []


def _html_of(mail: bytes) -> str:
    return message_from_bytes(mail, policy=default).get_body(("html",)).get_content()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_payload_is_text_in_the_archive_as_the_name_of_a_scope(hostile, window, language):
    folder = _run(hostile, GOOD, language)
    content = json.loads((folder / "findings.json").read_text("utf-8"))
    short = json.dumps({**content, "key_figures": content["key_figures"][:3]})
    told = json.loads((folder / "manifest.json").read_text("utf-8"))
    for number, payload in enumerate(PAYLOADS):
        who = "team" if number % 4 == 0 else "rep"
        for label in ("2025-08", "2025-09")[: 2 if number % 24 == 0 else 1]:
            place = folder.parent / f"r{number}-{label}-{language}"
            place.mkdir()
            asked = {
                **told["parameters"],
                "period": label,
                "as_of": "",
                "scope": f"{who}={payload}",
            }
            (place / "manifest.json").write_text(json.dumps({**told, "parameters": asked}))
            (place / "findings.json").write_text(short)
    shown = _stays_harmless(window, write_archive(hostile.parent / "reports", hostile))

    assert _missing(shown) == []
    assert squeezed(COMPANY) in shown
