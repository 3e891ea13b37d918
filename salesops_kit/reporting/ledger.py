"""The ledger of findings: what is new, what persists and since when, what got worse, what is over.

A finding keeps its id from period to period (what kind, where); its weight is the money at stake
times certainty, or the size of the effect where no money is known.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from salesops_kit.findings import SEVERITIES

CHANGED = 0.1  # of the weight, from which on something counts as worse or better
_PROBLEMS = SEVERITIES[:2]


@dataclass(frozen=True)
class Entry:
    """Where a finding stands: status new, persisting, worse or better, and its first period."""

    status: str
    since: str


@dataclass(frozen=True)
class Ledger:
    """Entries by the finding's id, empty without a former report; `resolved`: problems now gone.

    `before` is the label of the former period.
    """

    entries: Mapping[str, Entry] = field(default_factory=dict)
    resolved: Sequence[Mapping[str, Any]] = ()
    before: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return the ledger as findings.json holds it."""
        return {
            "entries": {key: [e.status, e.since] for key, e in sorted(self.entries.items())},
            "resolved": [finding["id"] for finding in self.resolved],
        }


def ledger(
    findings: Sequence[Mapping[str, Any]],
    before: Mapping[str, Any] | None,
    period: str,
    analyses: Sequence[str] | None = None,
) -> Ledger:
    """Compare findings with those of the period before.

    Parameters
    ----------
    findings
        Of this period, as findings.json holds them.
    before
        The findings.json of the period before, None when there is none: nothing is then new.
    period
        Label of this period.
    analyses
        Notebooks both periods have, without their numbers; findings of other analyses are not
        judged. None: all.
    """
    if before is None:
        return Ledger()
    then = {str(f["id"]): f for f in before["findings"]}
    known = before.get("ledger", {}).get("entries", {})
    judged = [f for f in findings if analyses is None or f["analysis"] in analyses]
    entries = {}
    for finding in judged:
        key = str(finding["id"])
        if key in then:
            since = known[key][1] if key in known else str(before["period"])
            entries[key] = Entry(_compared(finding, then[key]), since)
        else:
            entries[key] = Entry("new", period)
    now = {str(f["id"]) for f in findings}
    resolved = [
        f
        for key, f in then.items()
        if key not in now
        and f["severity"] in _PROBLEMS
        and (analyses is None or f["analysis"] in analyses)
    ]
    return Ledger(entries, resolved, str(before["period"]))


def _compared(now: Mapping[str, Any], then: Mapping[str, Any]) -> str:
    """Return worse, better or persisting; more of something good is better."""
    sign = -1 if now["severity"] == "good" else 1
    ranks = SEVERITIES.index(then["severity"]) - SEVERITIES.index(now["severity"])
    if ranks:
        return "worse" if ranks > 0 else "better"
    weights = _weight(then), _weight(now)
    if None in weights or not weights[0]:
        return "persisting"
    change = sign * (weights[1] / weights[0] - 1)  # type: ignore[operator]
    return "worse" if change > CHANGED else "better" if change < -CHANGED else "persisting"


def _weight(finding: Mapping[str, Any]) -> float | None:
    for name in ("money", "effect"):
        estimate = finding.get(name)
        if estimate and estimate["value"] is not None:
            return abs(float(estimate["value"])) * float(finding["certainty"])
    return None
