"""What became of findings: by eye, and laws that hold for any two periods."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesops_kit.reporting.ledger import Entry, ledger


def finding(key, severity="warning", money=None, certainty=1.0, effect=None):
    def estimate(value):
        return None if value is None else {"value": value}

    return {"id": key, "analysis": key.split(":")[0], "severity": severity, "certainty": certainty,
            "money": estimate(money), "effect": estimate(effect)}  # fmt: skip


def before(*findings, entries=None):
    return {"period": "2025-08", "findings": list(findings), "ledger": {"entries": entries or {}}}


def test_each_status_by_eye():
    former = before(
        finding("a:same", money=100.0), finding("a:grown", money=100.0),
        finding("a:shrunk", money=100.0), finding("a:gone"), finding("a:gone_note", "note"),
        finding("a:graver", "warning"), finding("a:success", "good", money=100.0),
        entries={"a:same": ["persisting", "2025-05"]},
    )  # fmt: skip
    now = [finding("a:same", money=105.0), finding("a:grown", money=120.0),
           finding("a:shrunk", money=100.0, certainty=0.5), finding("a:graver", "critical"),
           finding("a:success", "good", money=150.0), finding("a:fresh")]  # fmt: skip
    found = ledger(now, former, "2025-09")

    assert found.entries == {
        "a:same": Entry("persisting", "2025-05"),
        "a:grown": Entry("worse", "2025-08"),
        "a:shrunk": Entry("better", "2025-08"),
        "a:graver": Entry("worse", "2025-08"),
        "a:success": Entry("better", "2025-08"),
        "a:fresh": Entry("new", "2025-09"),
    }
    assert [f["id"] for f in found.resolved] == ["a:gone"]


def test_without_a_former_report_nothing_is_new_or_over():
    found = ledger([finding("a:x")], None, "2025-09")

    assert (found.entries, found.resolved) == ({}, ())


def test_what_the_former_report_did_not_look_at_is_not_judged():
    found = ledger([finding("b:x"), finding("a:y")], before(finding("c:z")), "2025-09", ["a"])

    assert found.entries == {"a:y": Entry("new", "2025-09")}
    assert found.resolved == []


KEYS = st.sampled_from([f"a:{n}" for n in range(6)])
FINDINGS = st.lists(
    st.builds(
        finding,
        KEYS,
        st.sampled_from(["critical", "warning", "note", "good"]),
        st.none() | st.floats(-1e9, 1e9),
    ),
    unique_by=lambda f: f["id"],
)


@given(FINDINGS, FINDINGS)
def test_every_finding_has_one_entry_and_no_problem_vanishes(former, now):
    found = ledger(now, before(*former), "2025-09")
    gone = {f["id"] for f in found.resolved}
    problems = {f["id"] for f in former if f["severity"] in ("critical", "warning")}

    assert set(found.entries) == {f["id"] for f in now}
    assert gone == problems - {f["id"] for f in now}


@given(FINDINGS)
def test_the_same_again_persists_since_its_first_period(findings):
    first = ledger(findings, before(*findings), "2025-09")
    again = {"period": "2025-09", "findings": findings, "ledger": first.as_json()}
    second = ledger(findings, again, "2025-10")

    assert {e.status for e in second.entries.values()} <= {"persisting"}
    assert {e.since for e in second.entries.values()} <= {"2025-08"}


@pytest.mark.parametrize("money", [0.0, None])
def test_no_weight_no_direction(money):
    found = ledger([finding("a:x", money=5.0)], before(finding("a:x", money=money)), "2025-09")

    assert found.entries["a:x"].status == "persisting"
