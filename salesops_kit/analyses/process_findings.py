"""What is worth saying about goals, rules and versions of the process."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from salesops_kit.analyses.funnel_findings import stage_name
from salesops_kit.findings import Estimate, Finding, Severity, in_order
from salesops_kit.language import Count, Day, Days, Named, Points, Share, Word, both
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.process import Process

Row = Mapping[Any, Any]


def process_findings(process: "Process", settings: Settings) -> list[Finding]:
    """Return the findings in order of severity."""
    return in_order(
        [
            *_goals(process, settings),
            *_kept(process),
            *_unchecked(process),
            *_reps(process),
            *_winning(process, settings),
            *_versions(process, settings),
        ]
    )


def _finding(
    area: str, kind: str, severity: Severity, values: Mapping[str, Any], **more: Any
) -> Finding:
    detail = more.pop("detail", kind)
    return Finding(
        analysis="process", kind=kind, severity=severity,
        headline=both(f"{area}.{more.pop('headline', kind)}", **values),
        detail=both(f"{area}.{detail}_detail", **values),
        action=both(f"{area}.{detail}_action", **values),
        **more,
    )  # fmt: skip


def _goals(process: "Process", settings: Settings) -> list[Finding]:
    """Name what the company misses; of teams, what the company as a whole does not miss."""
    goals = process.goals
    company = goals[goals["level"] == "company"].to_dict("records")
    found = []
    for what in ("conversion", "days"):
        missed = [row for row in company if row[f"{what}_verdict"] == "missed"]
        found += [_missed(what, row, settings) for row in missed]
        known = {row["stage"] for row in missed}
        teams = goals[(goals["level"] == "team") & (goals[f"{what}_verdict"] == "missed")]
        own = teams[~teams["stage"].isin(known)].to_dict("records")
        found += [_team_missed(what, row, settings) for row in own]
    verdicts = [row[f"{what}_verdict"] for row in company for what in ("conversion", "days")]
    judged = [verdict for verdict in verdicts if verdict in ("missed", "reached", "open")]
    if judged and not found:
        values = {"reached": Count(judged.count("reached")), "judged": Count(len(judged))}
        reached: Severity = "good" if judged.count("reached") else "note"
        found.append(_finding("goals", "none_missed", reached, values, definition="stage_dwell",
                              section="goals"))  # fmt: skip
    return found


def _values(what: str, row: Row, settings: Settings) -> dict[str, Any]:
    names = ("onward_share", "onward_lower", "onward_upper")
    goal: Share | Days = Share(row["conversion_goal"])
    wanted = _said("goals.wants_conversion", goal=goal)
    if what == "days":
        names = ("over_share", "over_lower", "over_upper")
        goal = Days(row["days_goal"])
        wanted = _said("goals.wants_days", share=Share(settings.thresholds.late_share), days=goal)
    actual, lower, upper = (Share(row[name]) for name in names)
    return {
        "stage": stage_name(settings, row["stage"]), "actual": actual, "lower": lower,
        "upper": upper, "goal": goal, "n": Count(row["n"]),
        "share": Share(settings.thresholds.late_share), "waiting": Count(row["waiting"]),
        "wanted": wanted, "group": row["group"],
    }  # fmt: skip


def _said(key: str, **values: Any) -> Named:
    """Return a sentence of the catalogue as a value of another one."""
    words = both(key, **values)
    return Named(words["en"], words["zh"])


def _effect(what: str, row: Row) -> Estimate:
    stem = "onward" if what == "conversion" else "over"
    return Estimate(row[f"{stem}_share"], row[f"{stem}_lower"], row[f"{stem}_upper"], "share")


def _missed(what: str, row: Row, settings: Settings) -> Finding:
    return _finding(
        "goals", f"{what}_missed", "warning", _values(what, row, settings),
        definition="stage_dwell", section="goals", where={"stage": row["stage"]}, n=int(row["n"]),
        effect=_effect(what, row),
    )  # fmt: skip


def _team_missed(what: str, row: Row, settings: Settings) -> Finding:
    return _finding(
        "goals", f"team_{what}_missed", "note", _values(what, row, settings),
        headline="team_missed", detail="team_missed", definition="stage_dwell", section="goals",
        where={"team": row["group"], "stage": row["stage"]}, n=int(row["n"]),
        effect=_effect(what, row),
    )  # fmt: skip


def _kept(process: "Process") -> list[Finding]:
    rules = process.sop.rules
    known = rules[rules["checked"] > 0]
    if known.empty:
        return []
    least = known.iloc[int(known["compliance_rate"].to_numpy("float64").argmin())]
    checked, kept = int(known["checked"].sum()), int(known["kept"].sum())
    values = {"rate": Share(kept / checked), "rule": process.rule_name(least["rule_id"]),
              "least": Share(least["compliance_rate"]), "checked": Count(checked),
              "rules": Count(len(known))}  # fmt: skip
    return [_finding("sop", "kept", "note", values, definition="rule_compliance", section="rules",
                     n=checked, effect=Estimate(kept / checked, unit="share"))]  # fmt: skip


def _unchecked(process: "Process") -> list[Finding]:
    rules = process.sop.rules
    lost = rules[~rules["state"].isin(["checked", "late"])]
    if lost.empty:
        return []
    names = [process.rule_name(name) for name in lost["rule_id"]]
    values = {"n": Count(len(lost)), "rules": Count(len(rules)),
              "names": Named("; ".join(names), "；".join(names))}  # fmt: skip
    return [_finding("sop", "unchecked", "note", values, definition="rule_compliance",
                     section="rules")]  # fmt: skip


def _reps(process: "Process") -> list[Finding]:
    far = process.far_reps
    if far.empty:
        return []
    reps = Count(len(process.sop.reps))
    return [
        _finding(
            "sop", "rep_below", "note",
            {"name": row["group"], "rate": Share(row["compliance_rate"]), "reps": reps,
             "expected": Share(row["expected_rate"]), "checked": Count(row["checked"])},
            definition="rule_compliance", section="rules", where={"owner_id": row["owner_id"]},
            n=int(row["checked"]), effect=Estimate(row["compliance_rate"], unit="share"),
        )
        for row in far[far["verdict"] == "below"].to_dict("records")
    ]  # fmt: skip


def _winning(process: "Process", settings: Settings) -> list[Finding]:
    table = process.sop.winning
    held = table[table["verdict"].isin(["association", "same_rep"])]
    found = []
    for row in held.to_dict("records"):
        values = {
            "rule": process.rule_name(row["rule_id"]) if row["rule_id"] else "",
            "stage": where_compared(row["stage"], settings),
            "kept": Share(row["kept_share"]), "broken": Share(row["broken_share"]),
            "days": Days(row["days"]), "difference": Points(row["difference"]),
            "lower": Points(row["lower"]), "upper": Points(row["upper"]),
            "same_rep": Points(row["same_rep"]), "n": Count(row["kept_n"] + row["broken_n"]),
        }  # fmt: skip
        way = "together" if row["difference"] > 0 else "apart"
        found.append(
            _finding(
                "sop", f"rule_{row['verdict']}", "note", values, detail=row["verdict"],
                headline=f"{way}_won" if row["outcome"] == "won" else way,
                definition="rule_compliance", section="winning",
                where={"rule": row["rule_id"] or "all"}, n=int(row["kept_n"] + row["broken_n"]),
                effect=Estimate(row["difference"], row["lower"], row["upper"], "share"),
                certainty=round(1 - row["p"], 3),
            )
        )  # fmt: skip
    return found


def where_compared(stage: str | None, settings: Settings) -> Named | Word:
    """Return the stage of a comparison as readers call it; None is every stage."""
    return stage_name(settings, stage) if isinstance(stage, str) else Word("sop.every_stage")


def _versions(process: "Process", settings: Settings) -> list[Finding]:
    """Tell each change once, with the touched stage that moved most."""
    table = process.versions
    keys = ["changed_on", "change", "changed_stage", "detail"]
    found = []
    for _, part in table.groupby(keys, dropna=False, sort=True):
        before, after = part.iloc[::2], part.iloc[1::2]
        moved = (after["onward_share"].to_numpy() - before["onward_share"].to_numpy()).astype(float)
        if pd.isna(moved).all():
            continue
        place = int(np.nanargmax(np.abs(moved)))
        found.append(_version(before.iloc[place], after.iloc[place], settings))
    return found


def _version(before: Any, after: Any, settings: Settings) -> Finding:
    stage = before["changed_stage"]
    named = stage_name(settings, stage) if isinstance(stage, str) else Word("versions.all_stages")
    values = {
        "day": Day(before["changed_on"]), "change": Word(f"versions.{before['change']}"),
        "stage": named, "touched": stage_name(settings, before["stage"]),
        "before": Share(before["onward_share"]), "before_n": Count(before["n"]),
        "after": Share(after["onward_share"]), "after_n": Count(after["n"]),
        "verdict": Word("versions.no_chance" if before["differs"] else "versions.is_chance"),
    }  # fmt: skip
    where = {"change": before["change"]} | ({"stage": stage} if isinstance(stage, str) else {})
    where |= {"rule": before["detail"]} if before["change"].startswith("rule") else {}
    return _finding(
        "versions", "changed", "note", values, definition="stage_dwell", section="versions",
        where=where, since=f"{before['changed_on']:%Y-%m}", n=int(before["n"] + after["n"]),
    )  # fmt: skip
