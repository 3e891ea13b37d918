"""Whether keeping the rules goes with getting further: an association, within segments and reps."""

from collections.abc import Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.metrics.compliance import Rule
from salesops_kit.metrics.engine import Frame, collect
from salesops_kit.metrics.grouping import mark, totals
from salesops_kit.models.stratified import Compared, mantel_haenszel
from salesops_kit.workspace import Workspace

ALARM = 0.05  # family-wise chance to see an association where there is none
WON_WITHIN = 0.9  # deals are followed until so many of the winners have won
LANDMARKS_DAYS = 730
# first day of each class of stays: fine, since longer stays leave more time to keep a rule
_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 17, 20, 24, 28, 33, 39, 46, 54, 63, 75, 90)
_SEGMENTS = ("region", "product")
_FAIR = ("activity", "max_dwell")
_ONWARD = ("advanced", "skipped_to", "won")
COLUMNS = ("rule_id", "stage", "outcome", "days", "kept_n", "kept_share", "broken_n",
           "broken_share", "difference", "lower", "upper", "p", "same_rep", "same_rep_lower",
           "same_rep_upper", "same_rep_p", "verdict")  # fmt: skip


def goes_with_winning(workspace: Workspace, checks: Frame, rules: Sequence[Rule]) -> pd.DataFrame:
    """Compare deals that kept the rules with deals that did not.

    For each rule on an activity (`outcome` onward): the share of first stays that went on, among
    those ended, compared within region, product and length of stay; longer stays leave more time
    to keep a rule, so that only stays of one length are compared. For all rules together
    (`outcome` won; `rule_id` empty): deals that got beyond the first half of the stages, every
    rule kept until then or not, and the share won within `days` after, compared within region,
    product and number of rules that applied. Left out are rules on fields, known as of today only,
    when winners have filled them in, and rules on order: who skips a stage never had to survive it.

    Returns
    -------
    DataFrame
        `kept_n`, `kept_share`, `broken_n`, `broken_share` (as counted); `difference` of the
        shares within segments with its 90 % interval and `p`; `same_rep` the same within reps
        (and length of stay, or number of rules); `verdict`: association, same_rep (it holds
        within reps too), none, or few.
    """
    activity = [rule for rule in rules if rule.kind == "activity"]
    judged = [rule.rule_id for rule in rules if rule.kind in _FAIR]
    there = checks.collect_schema().names()
    segments = [name for name in _SEGMENTS if name in there]
    rows = [_onward(checks, rule, segments) for rule in activity]
    rows += _won(workspace, checks.filter(nw.col("rule_id").is_in(judged)), segments)
    table = pd.DataFrame([row for row in rows if row], columns=list(COLUMNS[:-1]))
    few = table[["kept_n", "broken_n"]].min(axis=1) < workspace.settings.thresholds.min_n
    return table.assign(verdict=_verdicts(table, few))


def _onward(checks: Frame, rule: Rule, segments: Sequence[str]) -> dict[str, Any]:
    """Of first stays that went on or were lost: who kept the rule, within stays of one length."""
    stay = nw.col("exited_day") - nw.col("entered_day")
    mine = checks.filter(
        (nw.col("rule_id") == rule.rule_id)
        & (nw.col("visit_no") == 1)
        & nw.col("exit_type").is_in([*_ONWARD, "lost", "invalid"])
    ).with_columns(
        cases=nw.lit(1),
        hits=mark(nw.col("exit_type").is_in(_ONWARD)),
        length=nw.sum_horizontal(*[(stay >= first).cast(nw.Int64) for first in _LENGTHS]),
    )
    keys = ["stage", "length", *segments, "owner_id", "kept"]
    counts = totals(mine, by=keys, counts=["hits", "cases"])
    named = {"rule_id": rule.rule_id, "stage": rule.stage or None, "outcome": "onward"}
    return named | _compared(counts, ["stage", "length"], segments)


def _won(workspace: Workspace, checks: Frame, segments: Sequence[str]) -> list[dict[str, Any]]:
    """Of deals that got beyond the first stages: all rules kept until then, and won in time."""
    history = workspace.table("stage_history")
    opened = history.filter(nw.col("stage_category") == "open")
    stages = collect(opened.select("stage", "stage_rank").unique(), ["stage_rank", "stage"])
    if len(stages) < 2:
        return []
    half = stages.iloc[len(stages) // 2]
    cohort = _cohort(checks, _reached(history, int(half["stage_rank"])), half, segments)
    days = _until_won(cohort)
    if days is None:
        return []
    last, day = workspace.as_of_day - days, nw.col("landmark_day")
    cohort = cohort.filter((day <= last) & (day > last - LANDMARKS_DAYS))
    cohort = cohort.with_columns(hits=mark(nw.col("won_day") - day <= days))
    keys = ["applied", *segments, "owner_id", "kept"]
    counts = totals(cohort, by=keys, counts=["hits", "cases"])
    named = {"rule_id": "", "stage": str(half["stage"]), "outcome": "won", "days": days}
    return [named | _compared(counts, ["applied"], segments)]


def _cohort(
    checks: Frame, reached: Frame, half: "pd.Series[Any]", segments: Sequence[str]
) -> Frame:
    """Return the deals that got so far, their owner, and whether they kept every rule till then."""
    known = nw.col("exited_day") <= nw.col("landmark_day")
    before = nw.col("stage_rank") < int(half["stage_rank"])
    early = checks.join(reached, on="deal_id", how="inner").filter(known & before)
    score = early.group_by("deal_id").agg(
        rules_kept=nw.col("kept").sum(), applied=nw.col("rule_id").len(), last=nw.col("seq").max()
    )
    owners = early.select("deal_id", "seq", *segments, "owner_id").unique()
    score = score.join(
        owners, left_on=["deal_id", "last"], right_on=["deal_id", "seq"], how="inner"
    )
    return score.join(reached, on="deal_id", how="inner").with_columns(
        cases=nw.lit(1), kept=mark(nw.col("rules_kept") == nw.col("applied"))
    )


def _reached(history: Frame, landmark: int) -> Frame:
    """Return per deal the first day in an open stage of the rank or beyond, and the day won."""
    is_open = nw.col("stage_category") == "open"
    marked = history.with_columns(
        far_day=nw.when(is_open & (nw.col("stage_rank") >= landmark)).then(nw.col("entered_day")),
        win_day=nw.when(nw.col("stage_category") == "won").then(nw.col("entered_day")),
    )
    deals = marked.group_by("deal_id").agg(
        landmark_day=nw.col("far_day").min(), won_day=nw.col("win_day").min()
    )
    return deals.filter(~nw.col("landmark_day").is_null())


def _until_won(cohort: Frame) -> int | None:
    """Days from the landmark within which most of the winners have won, in whole months."""
    won = cohort.with_columns(wait=nw.col("won_day") - nw.col("landmark_day"))
    counts = totals(won.filter(nw.col("wait") >= 0), by=["wait"], counts=["cases"])
    if counts.empty:
        return None
    below = counts["cases"].cumsum() / counts["cases"].sum()
    days = int(counts.loc[below >= WON_WITHIN, "wait"].iloc[0])
    return max(30 * -(-days // 30), 30)


def _compared(
    counts: pd.DataFrame, strata: Sequence[str], segments: Sequence[str]
) -> dict[str, Any]:
    """Compare within segments; then within reps, who mostly work in one segment."""
    kept, broken = (
        counts.loc[counts["kept"] == value, ["hits", "cases"]].sum() for value in (1, 0)
    )
    within = _within(counts, [*strata, *segments])
    same = _within(counts, [*strata, "owner_id"])
    return {
        "kept_n": int(kept["cases"]), "kept_share": _ratio(kept["hits"], kept["cases"]),
        "broken_n": int(broken["cases"]), "broken_share": _ratio(broken["hits"], broken["cases"]),
        "difference": within.difference, "lower": within.lower, "upper": within.upper,
        "p": within.p, "same_rep": same.difference, "same_rep_lower": same.lower,
        "same_rep_upper": same.upper, "same_rep_p": same.p,
    }  # fmt: skip


def _within(counts: pd.DataFrame, strata: Sequence[str]) -> Compared:
    keys = [counts[name].where(counts[name].notna(), "–") for name in strata]
    code = counts.groupby(keys, sort=False).ngroup().to_numpy()
    size = int(code.max()) + 1 if len(code) else 0
    kept = (counts["kept"] == 1).to_numpy()
    columns = {}
    for prefix, part in (("", kept), ("other_", ~kept)):
        for name, column in (("hits", "hits"), ("n", "cases")):
            values = counts[column].to_numpy("float64")[part]
            columns[prefix + name] = np.bincount(code[part], values, size)
    return mantel_haenszel(pd.DataFrame(columns))


def _verdicts(table: pd.DataFrame, few: "pd.Series[bool]") -> list[str]:
    """Judge with one error rate for all (Bonferroni); within reps only what holds at all."""
    level = ALARM / max(len(table), 1)
    return [
        "few" if small
        else "none" if not row["p"] < level
        else "same_rep" if row["same_rep_p"] < ALARM and row["same_rep"] * row["difference"] > 0
        else "association"
        for row, small in zip(table.to_dict("records"), few, strict=True)
    ]  # fmt: skip


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else float("nan")
