"""From a complaint to an action to fewer complaints: what was decided, done, and did it help.

An action answers a theme when its `finding_id` ends with `theme=NAME`, as findings of the feedback
page do. Its effect is the share of complaints about the theme in the days before it was opened
against the days since it was done: a comparison before and after, not a proof.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.analyses.feedback_outcomes import rep_names
from salesops_kit.analyses.feedback_texts import Texts
from salesops_kit.metrics.engine import collect
from salesops_kit.models.intervals import share_difference, wilson
from salesops_kit.models.survival import AGE, kaplan_meier, staying_quantile
from salesops_kit.periods import Period, day_number
from salesops_kit.workspace import Workspace

WINDOW = 180  # days before an action was opened, and at most since it was done
FEWEST = 10  # texts on either side below which nothing is said
_COLUMNS = ["what", "theme", "owner_name", "opened_on", "due_on", "done_on", "share_before",
            "share_after", "change", "change_lower", "change_upper", "texts_after",
            "result"]  # fmt: skip


def action_results(workspace: Workspace, texts: Texts) -> pd.DataFrame:
    """Return every action on a complaint, when it is due and done, and what came of it.

    `result`: open, late, too_early (few texts since), fell, rose or unclear.
    """
    actions, names = _actions(workspace), rep_names(workspace)
    rows = []
    for action in actions.to_dict("records"):
        before, after = _shares(texts, action, workspace)
        change = share_difference(*after, *before)
        rows.append((
            action["what"], action["theme"],
            names.get(action["owner_id"], action["owner_id"]), _day(action["opened_day"]),
            _day(action["due_day"]), _day(action["done_day"]), _ratio(*before), _ratio(*after),
            *change, after[1], _result(action, change, (before[1], after[1]), workspace),
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=_COLUMNS)


def handled(workspace: Workspace, texts: Texts, recent: Period) -> dict[str, Any]:
    """Return how many complaints of the recent days led to an action that is done.

    `actionable`: texts that complain; `answered`: linked with an action; `closed`: with one that is
    done; `share` of closed with `lower`, `upper`; `median_days`, `days_lower`, `days_upper`: from
    opening to done, actions still open censored.
    """
    rows = texts.rows
    inside = rows["counts"] & (rows["day"] >= recent.start_day) & (rows["day"] < recent.end_day)
    bad = rows[inside & (rows["mood"] == "negative")]
    actions = _every_action(workspace)
    done = set(actions.loc[actions["done_day"].notna(), "action_id"])
    closed = int(bad["action_id"].isin(done).sum())
    lower, upper = wilson(closed, len(bad))
    return {
        "actionable": len(bad), "answered": int(bad["action_id"].notna().sum()),
        "closed": closed, "share": _ratio(closed, len(bad)), "lower": lower, "upper": upper,
        "actions": len(actions), **_time_to_close(actions, workspace),
    }  # fmt: skip


def _every_action(workspace: Workspace) -> pd.DataFrame:
    names = ("action_id", "finding_id", "what", "owner_id", "opened_day", "due_day", "done_day")
    if not workspace.has("actions"):
        return pd.DataFrame({name: pd.Series(dtype=object) for name in names})
    return collect(workspace.table("actions").select(*names), ["opened_day", "action_id"])


def _actions(workspace: Workspace) -> pd.DataFrame:
    """Return the actions on feedback, with their theme."""
    actions = _every_action(workspace)
    theme = actions["finding_id"].astype("string").str.extract(r"^feedback:.*theme=(\w+)")[0]
    return actions.assign(theme=theme).dropna(subset=["theme"])


def _shares(
    texts: Texts, action: Mapping[Any, Any], workspace: Workspace
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return complaints and texts before the action was opened and since it was done."""
    opened, done = action["opened_day"], action["done_day"]
    last = day_number(workspace.as_of) + 1
    before = _count(texts, action["theme"], opened - WINDOW, opened) if _known(opened) else (0, 0)
    since = done + 1 if _known(done) else last
    after = _count(texts, action["theme"], since, min(since + WINDOW, last))
    return before, after


def _count(texts: Texts, theme: str, start: float, end: float) -> tuple[int, int]:
    rows = texts.rows
    inside = (rows["counts"] & (rows["day"] >= start) & (rows["day"] < end)).to_numpy()
    bad = texts.mentions[texts.mentions["complaint"] & (texts.mentions["theme"] == theme)]
    return int(inside[bad["text"].to_numpy("int64")].sum()), int(inside.sum())


def _result(
    action: Mapping[Any, Any],
    change: tuple[float, float, float],
    texts: tuple[int, int],
    workspace: Workspace,
) -> str:
    if not _known(action["done_day"]):
        due = action["due_day"]
        return "late" if _known(due) and due < day_number(workspace.as_of) else "open"
    if min(texts) < FEWEST:
        return "too_early"
    return "fell" if change[2] < 0 else "rose" if change[1] > 0 else "unclear"


def _time_to_close(actions: pd.DataFrame, workspace: Workspace) -> dict[str, float]:
    known = actions.dropna(subset=["opened_day"])
    end = known["done_day"].astype("float64").fillna(day_number(workspace.as_of))
    counts = pd.DataFrame({
        AGE: (end - known["opened_day"].astype("float64")).clip(lower=0).astype("int64"),
        "ended": known["done_day"].notna().astype("int64"),
        "waiting": known["done_day"].isna().astype("int64"),
    })  # fmt: skip
    if counts.empty:
        return dict.fromkeys(("median_days", "days_lower", "days_upper"), float("nan"))
    curve = kaplan_meier(counts, ended="ended", waiting="waiting")
    median = staying_quantile(curve, 0.5)
    return {"median_days": median.value, "days_lower": median.lower, "days_upper": median.upper}


def _known(day: object) -> bool:
    return day is not None and day is not pd.NA and day == day


def _day(day: Any) -> Any:
    return pd.Timestamp(int(day), unit="D").date() if _known(day) else None


def _ratio(hits: float, n: float) -> float:
    return hits / n if n else float(np.nan)
