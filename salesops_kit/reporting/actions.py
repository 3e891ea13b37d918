"""What was decided on findings: the actions that belong to a report, and how they stand."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from salesops_kit.workspace import Workspace


@dataclass(frozen=True)
class Action:
    """An action on a finding; `state` is open, overdue or done."""

    finding_id: str
    what: str
    owner: str
    due: date | None
    done: date | None
    state: str
    result: str


def actions_on(workspace: Workspace, finding_ids: Collection[str], since: date) -> list[Action]:
    """Return the actions on these findings that are open on the as-of day or done since a day.

    Overdue ones come first, then open ones by their due day, then done ones.
    """
    if not workspace.has("actions"):
        return []
    columns = ("finding_id", "what", "owner_id", "opened_on", "due_on", "done_on", "result")
    rows = workspace.table("actions").select(*columns).to_native().fetchall()
    names = _names(workspace)
    found = [_action(row, names, workspace.as_of) for row in rows if row[0] in finding_ids]
    shown = [a for a in found if a.done is None or a.done >= since]
    order = {"overdue": 0, "open": 1, "done": 2}
    return sorted(shown, key=lambda a: (order[a.state], a.due or date.max, a.what, a.finding_id))


def _action(row: tuple[Any, ...], names: dict[str, str], as_of: date) -> Action:
    finding, what, owner, _, due, done, result = row
    done = done if done and done <= as_of else None
    state = "done" if done else "overdue" if due and due < as_of else "open"
    owner = names.get(owner, owner or "")
    return Action(finding, what or "", owner, due, done, state, (result or "") if done else "")


def _names(workspace: Workspace) -> dict[str, str]:
    if not workspace.has("reps"):
        return {}
    rows = workspace.table("reps").select("rep_id", "name").to_native().fetchall()
    return {rep: name for rep, name in rows if name}
