"""Rules of the sales process: kept or not, by rule, stage and rep, and if it goes with winning.

Whether keeping a rule goes with winning is an association within segments: who keeps rules may
also sell better. The same comparison within reps tells the two apart as far as data can.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import NormalDist
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.sop_winning import COLUMNS as WINNING_COLUMNS
from salesops_kit.analyses.sop_winning import goes_with_winning
from salesops_kit.metrics.compliance import (
    KINDS,
    Rule,
    done_by_rule,
    fields_to_carry,
    rule_checks,
    rule_compliance,
)
from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.grouping import mark, totals, within
from salesops_kit.metrics.visits import VisitRules, visits
from salesops_kit.periods import Period
from salesops_kit.settings import Thresholds
from salesops_kit.workspace import Workspace

ALARM = 0.05  # family-wise chance to name a rep who keeps rules as others do
RULE_COLUMNS = ("rule_id", "meaning", "stage", "kind", "state", "checked", "kept",
                "compliance_rate", "lower", "upper")  # fmt: skip
# words for one type of activity in the systems read
_TYPES = (
    ("visit", "拜访", "外勤", "上门拜访", "客户拜访"),
    ("call", "电话", "通话", "电话沟通"),
    ("meeting", "event", "会议", "会谈"),
    ("email", "e-mail", "邮件", "电子邮件"),
    ("task", "任务"),
    ("note", "备注"),
    ("approval", "approve", "approved", "审批", "批准", "审核"),
)
_STATE = ["checked", "kept", "compliance_rate", "lower", "upper"]
_CHECKS = "_rule_checks"


@dataclass(frozen=True)
class Sop:
    """How the rules were kept in a window.

    `rules`: one row per rule, with `state`: checked, late (a field: only today's value is known)
    or why it cannot be checked. `stages`: per stage. `reps`: per owner with `expected` (rules kept
    had everybody's share been kept of the same rules) and `verdict` (below, above, as_others,
    few). `winning`: see `sop_winning.goes_with_winning`.
    """

    rules: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(RULE_COLUMNS)))
    stages: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["stage", *_STATE]))
    reps: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["owner_id", *_STATE]))
    winning: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(WINNING_COLUMNS))
    )


def analyse_sop(workspace: Workspace, *, window: Period, ranks: VisitRules) -> Sop:
    """Check every rule that the data can check, over stays begun in the window.

    Parameters
    ----------
    window
        Holds the day of entry into the stage.
    ranks
        The ranks a deal should pass, and what a bulk edit is.
    """
    if not workspace.has("sop_rules"):
        return Sop()
    table = _rule_table(workspace)
    status = {row["rule_id"]: _status(row, workspace) for row in table}
    rules = [_rule(row) for row in table if status[row["rule_id"]] in ("checked", "late")]
    if not rules:
        return Sop(_with_status(table, status, None))
    checks = _checks(workspace, rules, ranks)
    per_rule = rule_compliance(checks, period=window, by=["rule_id"])
    if per_rule.empty:  # no stay to which a rule applied has ended yet
        return Sop(_with_status(table, status, None))
    per_stage = rule_compliance(checks, period=window, by=["stage", "stage_rank"])
    per_rep = rule_compliance(checks, period=window, by=["owner_id", "rule_id"])
    return Sop(
        _with_status(table, status, per_rule),
        per_stage.sort_values("stage_rank", ignore_index=True),
        _reps(per_rep, per_rule, _spread(checks, per_rule, window), workspace.settings.thresholds),
        goes_with_winning(workspace, checks, rules),
    )


def kept_rules(workspace: Workspace, ranks: VisitRules) -> Frame | None:
    """Return every check of a rule that the data can check (`metrics.compliance.rule_checks`).

    None where there are no rules, or none can be checked.
    """
    if not workspace.has("sop_rules") or not workspace.knows_stays:
        return None
    table = _rule_table(workspace)
    known = [row for row in table if _status(row, workspace) in ("checked", "late")]
    return _checks(workspace, [_rule(row) for row in known], ranks) if known else None


def _rule_table(workspace: Workspace) -> list[dict[str, Any]]:
    table = workspace.table("sop_rules").collect(backend="pandas").to_native()
    table = table.astype(object).where(table.notna(), None).sort_values("rule_id")
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _rule(row: Mapping[str, Any]) -> Rule:
    def day(name: str) -> int | None:
        return None if row[name] is None else int(row[name])

    return Rule(
        row["rule_id"], row["kind"], row["stage"] or "", row["pipeline"] or "",
        row["requires"] or "", float(row["max_dwell_days"] or 0.0), day("valid_from_day"),
        day("valid_to_day"),
        _words("approval" if row["kind"] == "approval" else row["requires"] or ""),
    )  # fmt: skip


def _status(row: Mapping[str, Any], workspace: Workspace) -> str:
    """Tell whether the data can check a rule, and if not, why: never is it taken for kept."""
    kind, requires = row["kind"], row["requires"] or ""
    if kind == "approval":
        return _approval_status(workspace, _rule(row))
    if kind not in KINDS:
        return "unknown_kind"
    if kind == "activity":
        return _activity_status(workspace, requires)
    if kind == "field":
        return _field_status(workspace, requires)
    if kind == "max_dwell" and not row["max_dwell_days"]:
        return "no_days"
    return "checked"


def _activity_status(workspace: Workspace, kind: str) -> str:
    if not workspace.has("activities"):
        return "no_activities"
    done = workspace.table("activities").filter(~nw.col("deal_id").is_null())
    right = done.filter(nw.col("type").str.to_lowercase().is_in(list(_words(kind))))
    return "checked" if _any(right.select("deal_id")) else "type_unseen"


def _approval_status(workspace: Workspace, rule: Rule) -> str:
    """Tell whether approvals are known, and any by whom the rule asks for."""
    if not workspace.has("activities"):
        return "no_approvals"
    done = _with_role(workspace)
    if not _any(done_by_rule(done, replace(rule, requires=""))):
        return "no_approvals"
    return "checked" if _any(done_by_rule(done, rule)) else "no_approver"


def _with_role(workspace: Workspace) -> Frame:
    """Return activities with `owner_role`, the role its owner had on that day."""
    done = workspace.table("activities").filter(~nw.col("deal_id").is_null())
    if not workspace.has("reps"):
        return done.with_columns(owner_role=nw.lit(""))
    reps = workspace.table("reps").select(
        nw.col("rep_id").alias("owner_id"), nw.col("role").alias("owner_role"),
        "valid_from_day", "valid_to_day",
    )  # fmt: skip
    day = nw.col("happened_day")
    known = done.join(reps, on="owner_id", how="left")
    begun = nw.col("valid_from_day").is_null() | (nw.col("valid_from_day") <= day)
    ended = ~nw.col("valid_to_day").is_null() & (nw.col("valid_to_day") < day)
    then = nw.when(begun & ~ended).then(nw.col("owner_role"))
    return known.with_columns(owner_role=then).drop("valid_from_day", "valid_to_day")


def _words(kind: str) -> tuple[str, ...]:
    """Return every word for a type of activity, in lower case."""
    folded = kind.lower()
    return next((words for words in _TYPES if folded in words), (folded,))


def _field_status(workspace: Workspace, name: str) -> str:
    deals = workspace.table("deals")
    if name not in deals.collect_schema().names():
        return "no_field"
    return "late" if _any(deals.filter(~nw.col(name).is_null()).select(name)) else "field_empty"


def _any(frame: Frame) -> bool:
    return len(frame.head(1).collect(backend="pandas")) > 0


def _checks(workspace: Workspace, rules: Sequence[Rule], ranks: VisitRules) -> Frame:
    deals = workspace.table("deals")
    there = set(deals.collect_schema().names())
    carried = [name for name in workspace.settings.dimensions if name in there]
    dimensions = dict.fromkeys((*carried, "owner_id", *fields_to_carry(rules)))
    stays = workspace.keep(
        "_ruled",
        visits(workspace.table("stage_history"), deals, as_of=workspace.as_of,
               dimensions=list(dimensions), rules=ranks),
    )  # fmt: skip
    done = workspace.table("activities") if workspace.has("activities") else None
    if done is not None and any(rule.kind == "approval" for rule in rules):
        done = _with_role(workspace)
    return workspace.keep(_CHECKS, rule_checks(stays, done, rules=rules, as_of=workspace.as_of))


def _with_status(
    table: Sequence[Mapping[str, Any]], status: Mapping[str, str], found: pd.DataFrame | None
) -> pd.DataFrame:
    rows = pd.DataFrame(list(table)).assign(state=[status[row["rule_id"]] for row in table])
    if found is None:
        found = pd.DataFrame({"rule_id": pd.Series(dtype=object)}
                             | {name: pd.Series(dtype="float64") for name in _STATE})  # fmt: skip
    rows = rows.merge(found, on="rule_id", how="left").fillna({"checked": 0, "kept": 0})
    return rows.astype({"checked": "int64", "kept": "int64"})[list(RULE_COLUMNS)]


def _reps(
    per_rep: pd.DataFrame, per_rule: pd.DataFrame, spread: pd.DataFrame, thresholds: Thresholds
) -> pd.DataFrame:
    """Compare each rep with what the others keep of the very same rules."""
    everybody = per_rule.set_index("rule_id")[["checked", "kept"]]
    known = per_rep[per_rep["owner_id"].notna()]
    every = everybody.loc[known["rule_id"]].to_numpy("float64")
    rest = every - known[["checked", "kept"]].to_numpy("float64")
    share = np.divide(rest[:, 1], rest[:, 0], out=np.full(len(rest), np.nan), where=rest[:, 0] > 0)
    known = known.assign(expected=known["checked"] * share)
    reps = known.groupby("owner_id", as_index=False)[["checked", "kept", "expected"]].sum()
    reps = reps.merge(spread, on="owner_id", how="left")
    judged = (reps["checked"] >= thresholds.min_n) & (reps["squares"] > 0)
    far = NormalDist().inv_cdf(1 - ALARM / max(int(judged.sum()), 1) / 2)
    gap = reps["kept"] - reps["expected"]
    distance = np.where(judged, gap / np.sqrt(reps["squares"].where(judged, 1.0)), 0.0)
    verdict = np.select([~judged, distance < -far, distance > far], ["few", "below", "above"],
                        "as_others")  # fmt: skip
    reps = reps.assign(
        compliance_rate=reps["kept"] / reps["checked"],
        expected_rate=reps["expected"] / reps["checked"],
        gap=gap,
        verdict=verdict,
    )
    return reps.sort_values("gap", ignore_index=True).drop(columns="squares")


def _spread(checks: Frame, per_rule: pd.DataFrame, window: Period) -> pd.DataFrame:
    """Return per owner the squared excess of each deal: checks of one deal go together."""
    rates = per_rule.set_index("rule_id")["compliance_rate"]
    usual = [mark(nw.col("rule_id") == name) * float(rate) for name, rate in rates.items()]
    inside = within("entered_day", window.start_day, window.end_day)
    known = checks.filter(inside & ~nw.col("owner_id").is_null())
    excess = known.with_columns(excess=nw.col("kept") - nw.sum_horizontal(*usual))
    deals = excess.group_by("owner_id", "deal_id").agg(nw.col("excess").sum())
    squared = deals.with_columns(deals=nw.lit(1), squares=nw.col("excess") * nw.col("excess"))
    return totals(squared, by=["owner_id"], counts=["deals"], sums=["squares"])
