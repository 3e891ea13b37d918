"""The index: what became of findings and of what was decided, with the evidence at hand."""

import json
import re
from datetime import date

import pytest
from small_reports import spec_of
from support import write_workspace

from salesops_kit.periods import period
from salesops_kit.reporting.runner import run_report
from salesops_kit.reporting.site import Index, index_page

REPS = [{"rep_id": "r1", "name": "Li <b>Na</b>", "valid_from_on": "2020-01-01"}]
DEAL = {"deal_id": "d1", "name": "One", "stage": "needs", "status": "open", "amount": 5.0,
        "created_at": "2025-08-02", "owner_id": "r1"}  # fmt: skip
ACTIONS = [
    {"action_id": "1", "finding_id": "ok:plain", "what": "Call <i>all</i> five", "owner_id": "r1",
     "opened_on": "2025-08-01", "due_on": "2025-08-15"},
    {"action_id": "2", "finding_id": "ok:plain", "what": "Write", "owner_id": "r9",
     "opened_on": "2025-08-01", "due_on": "2025-10-15"},
    {"action_id": "3", "finding_id": "ok:plain", "what": "Visit", "owner_id": "r1",
     "opened_on": "2025-08-01", "due_on": "2025-09-15", "done_on": "2025-09-10", "result": "Won."},
    {"action_id": "4", "finding_id": "else:where", "what": "Not here", "owner_id": "r1"},
    {"action_id": "5", "finding_id": "ok:plain", "what": "Long ago", "owner_id": "r1",
     "done_on": "2025-02-10"},
]  # fmt: skip


@pytest.fixture(scope="module")
def two_periods(tmp_path_factory):
    """August and September, in August with a problem that September no longer has."""
    tables = {"deals": [DEAL], "reps": REPS, "actions": ACTIONS}
    workspace = write_workspace(tmp_path_factory.mktemp("w") / "acme", tables)
    into = tmp_path_factory.mktemp("r")
    first = run_report(spec_of(workspace, into, period="2025-08"))
    file = first.path / "findings.json"
    content = json.loads(file.read_text("utf-8"))
    gone = {**content["findings"][0], "id": "ok:gone", "kind": "gone",
            "headline": {"en": "Nobody <b>called</b>.", "zh": "无人联系。"}}  # fmt: skip
    content["findings"].append(gone)
    file.write_text(json.dumps(content), encoding="utf-8")
    second = run_report(spec_of(workspace, into))
    return first.path, second.path


def test_the_first_report_claims_nothing_about_the_past(two_periods):
    page = (two_periods[0] / "index.html").read_text("utf-8")

    assert "no longer found" not in page
    assert not re.search(r'<p class="facts">(new|since)', page)


def test_the_next_one_says_since_when_and_what_is_over(two_periods):
    page = (two_periods[1] / "index.html").read_text("utf-8")
    content = json.loads((two_periods[1] / "findings.json").read_text("utf-8"))

    assert '<p class="facts">since 2025-08 · n = 5' in page
    assert "<h2>Told in 2025-08, no longer found</h2><ul><li>Nobody &lt;b&gt;called" in page
    assert content["ledger"] == {
        "entries": {"ok:plain": ["persisting", "2025-08"]}, "resolved": ["ok:gone"]
    }  # fmt: skip


def test_what_was_decided_stands_there_with_owner_due_day_and_state(two_periods):
    page = (two_periods[1] / "index.html").read_text("utf-8")
    rows = re.findall(r"<tr>(<td>.*?)</tr>", page)
    cells = [re.findall(r"<td>(.*?)</td>", row) for row in rows]

    assert cells == [
        ["Call &lt;i&gt;all&lt;/i&gt; five", "Li &lt;b&gt;Na&lt;/b&gt;", "2025-08-15", "overdue"],
        ["Write", "r9", "2025-10-15", "open"],
        ["Visit", "Li &lt;b&gt;Na&lt;/b&gt;", "2025-09-15", "done 2025-09-10: Won."],
    ]


def test_a_finding_brings_the_first_chart_of_its_section(two_periods):
    content = json.loads((two_periods[1] / "findings.json").read_text("utf-8"))
    body = (
        '<h2 id="other">A</h2><figure><img src="data:image/png;base64,AA" alt="no"></figure>'
        '<h2 id="waiting">B</h2><p>x</p><figure><img src="data:image/png;base64,BB" alt="yes">'
        '</figure><figure><img src="data:image/png;base64,CC" alt="second"></figure>'
    )
    page = index_page(
        Index("Acme", period("2025-09"), date(2025, 9, 30), "en", content["findings"], [],
              [("10_ok", "Ok")], bodies={"10_ok": body})
    )  # fmt: skip

    assert re.findall(r"<summary>The evidence</summary><figure>(.*?)</figure>", page.body) == [
        '<img src="data:image/png;base64,BB" alt="yes">'
    ]
