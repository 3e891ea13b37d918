"""Every defect with its records: what each owner has to mend."""

import pandas as pd

from salesops_kit.analyses.defects import MOST_LISTED, Check, defect_checks
from salesops_kit.language import Count, Language, say
from salesops_kit.workspace import Workspace

COLUMNS = ("owner", "severity", "table", "id", "name", "defect", "action")


def work_list(workspace: Workspace, language: Language) -> pd.DataFrame:
    """Return one row per record and defect, in words, ordered by owner and weight.

    Returns
    -------
    DataFrame
        `owner` (name, else id; "nobody" where there is none), `severity`, `table`, `id`, `name`,
        `defect`, `action`. At most 200,000 records of each kind; a row of its own says how many
        more there are.
    """
    names = _names(workspace)
    parts = []
    for check in defect_checks(workspace):
        records = check.records()
        if records.empty:
            continue
        parts.append(
            pd.DataFrame(
                {
                    "owner": _owners(records, names, say("readiness.list_nobody", language)),
                    "severity": check.severity,
                    "table": say(f"readiness_tables.{check.table}", language),
                    "id": records[check.key],
                    "name": records.get("name", ""),
                    "defect": say(f"defects.{check.name}", language),
                    "action": say(f"readiness.{check.name}_action", language),
                }
            )
        )
        if len(records) == MOST_LISTED:
            parts.append(_left_out(check, language))
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    every = pd.concat(parts, ignore_index=True).fillna({"name": ""})
    weight = every["severity"].map({"critical": 0, "warning": 1, "note": 2, "good": 3})
    order = every.assign(_weight=weight).sort_values(["owner", "_weight", "defect", "id"])
    return order.drop(columns="_weight").drop_duplicates().reset_index(drop=True)


def _left_out(check: Check, language: Language) -> pd.DataFrame:
    """Return a row that says how many records of a kind the list does not hold; none: no row."""
    more = check.counted()["count"] - MOST_LISTED
    if more <= 0:
        return pd.DataFrame(columns=list(COLUMNS))
    row = {
        "owner": say("readiness.list_nobody", language),
        "severity": check.severity,
        "table": say(f"readiness_tables.{check.table}", language),
        "id": "–",
        "name": "",
        "defect": say(f"defects.{check.name}", language),
        "action": say("readiness.list_more", language, n=Count(more)),
    }
    return pd.DataFrame([row])


def _names(workspace: Workspace) -> dict[str, str]:
    if not workspace.has("reps"):
        return {}
    reps = workspace.raw("reps").select("rep_id", "name").unique().collect(backend="pandas")
    table = reps.to_native().dropna()
    return dict(zip(table["rep_id"], table["name"], strict=True))


def _owners(records: pd.DataFrame, names: dict[str, str], nobody: str) -> pd.Series:
    """Return the name of each record's owner, else the name exported, else the id."""
    nothing = pd.Series(None, records.index, dtype="string")
    ids = records.get("owner_id", nothing).astype("string")
    exported = records.get("owner_name", nothing).astype("string")
    known = ids.map(names).astype("string")
    return known.fillna(exported).fillna(ids).fillna(nobody).astype(str)
