"""Whether the rules of the sales process were kept: one check per stay in a stage and rule."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.metrics.engine import Frame, Source, lazy, together
from salesops_kit.metrics.grouping import finished, mark, totals, with_rate, within
from salesops_kit.metrics.visits import COLUMNS
from salesops_kit.periods import Period, day_number

KINDS = ("field", "activity", "order", "max_dwell", "approval")
_BY_ACTIVITIES = ("activity", "approval")
_ONWARD = ("advanced", "skipped_to", "won")


@dataclass(frozen=True)
class Rule:
    """One rule of the sales process that the data can check.

    `requires`: the column that must be filled (field), the type of activity that must happen
    during the stay (activity), the stage that must come before, empty for "none is skipped"
    (order), or the role or id of who must approve during the stay, empty for anybody (approval).
    `same_as`: words for that type of activity; for an approval, what its activities are called.
    `stage`, `pipeline`: where it
    applies, empty for everywhere. `first_day`, `last_day`: the days on which it was in force,
    None without end.
    """

    rule_id: str
    kind: str
    stage: str = ""
    pipeline: str = ""
    requires: str = ""
    max_dwell_days: float = 0.0
    first_day: int | None = None
    last_day: int | None = None
    same_as: tuple[str, ...] = ()


def rule_checks(
    visits: Source, activities: Source = None, *, rules: Sequence[Rule], as_of: date
) -> Frame:
    """Return one row per stay in an open stage and rule that applied to it, not yet computed.

    A rule applies to stays of its stage and pipeline that began while it was in force. A stay is
    judged when it has ended; a longest stay once that time is over, whether ended or not, so
    that quick stays are not counted before slow ones; that no stage is skipped, when the deal
    went on.

    Parameters
    ----------
    visits
        Stays in stages (`metrics.visits`), made with the same `as_of`, with the columns that
        rules require and, where rules name one, `pipeline`.
    activities
        What was done on deals (`schema.ACTIVITIES`); only those that name a deal count. For rules
        on approval also `owner_role`, the role of who did it.
    rules
        Rules the data can check.
    as_of
        Last day known.

    Returns
    -------
    LazyFrame
        The columns of visits, `rule_id` and `kept` (1 or 0). Left out: stays ended by a bulk
        edit, which nobody had the chance to lead by the rules.

    Raises
    ------
    ParameterError
        When there is no rule, or one is of a kind, or requires a column, that is not there.
    """
    frames = (lazy(visits), None) if activities is None else together(visits, activities)
    stays, done = frames[0], frames[1]
    columns = stays.collect_schema().names()
    for rule in rules:
        _possible(rule, columns, done)
    if not rules:
        raise ParameterError("no rule is given; give those that the data can check")
    judged = stays.filter((nw.col("stage_category") == "open") & ~nw.col("exit_is_bulk"))
    parts = [
        _judged(judged.filter(*_applies(rule, as_of)), stays, done, rule).select(
            *columns, nw.lit(rule.rule_id).alias("rule_id"), "kept"
        )
        for rule in rules
    ]
    return nw.concat(parts) if len(parts) > 1 else parts[0]


def rule_compliance(checks: Source, *, period: Period, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return the share of applicable rules that were kept (rule_compliance).

    compliance_rate = rules kept / rules that applied, over stays begun in the period and judged.

    Parameters
    ----------
    checks
        One row per stay and rule (`rule_checks`).
    period
        Holds the day of entry into the stage.
    by
        Columns of checks to group by, such as `rule_id`, `stage`, `owner_id` or `deal_id`.

    Returns
    -------
    DataFrame
        One row per group: `checked`, `kept`, `compliance_rate` (0-1), `lower`, `upper` (Wilson,
        90 %). Excluded: nothing; see `rule_checks` for what is not judged.

    Notes
    -----
    A rule that the data cannot check is no rule kept: it does not appear here at all.
    """
    inside = lazy(checks).filter(within("entered_day", period.start_day, period.end_day))
    table = totals(inside.with_columns(checked=nw.lit(1)), by=by, counts=["checked", "kept"])
    table = with_rate(table, "kept", "checked", "compliance_rate")
    return finished(table, "rule_compliance", period.last)


def _possible(rule: Rule, columns: Sequence[str], activities: Frame | None) -> None:
    if rule.kind not in KINDS:
        raise ParameterError(
            f"rule {rule.rule_id!r} is of kind {rule.kind!r}, which no data can check; "
            f"give rules of kind {', '.join(KINDS)}"
        )
    if rule.kind in _BY_ACTIVITIES and activities is None:
        raise ParameterError(f"rule {rule.rule_id!r} needs activities; give that table too")
    needed = [rule.requires] if rule.kind == "field" else []
    needed += ["pipeline"] if rule.pipeline else []
    for name in needed:
        if name not in columns:
            raise ParameterError(
                f"rule {rule.rule_id!r} needs a column {name!r} of visits; "
                "name it among their dimensions"
            )


def _applies(rule: Rule, as_of: date) -> list[nw.Expr]:
    ended = ~nw.col("exited_day").is_null()
    conditions = [ended]
    if rule.kind == "max_dwell":
        conditions = [day_number(as_of) - nw.col("entered_day") > rule.max_dwell_days]
    if rule.kind == "order" and not rule.requires:
        conditions = [nw.col("exit_type").is_in(_ONWARD)]
    if rule.stage:
        conditions.append(nw.col("stage") == rule.stage)
    if rule.pipeline:
        conditions.append(nw.col("pipeline") == rule.pipeline)
    if rule.first_day is not None:
        conditions.append(nw.col("entered_day") >= rule.first_day)
    if rule.last_day is not None:
        conditions.append(nw.col("entered_day") <= rule.last_day)
    return conditions


def _judged(frame: Frame, stays: Frame, activities: Frame | None, rule: Rule) -> Frame:
    """Add `kept`; what cannot be seen to hold does not."""
    if rule.kind in _BY_ACTIVITIES and activities is not None:
        return _with_done(frame, done_by_rule(activities, rule))
    if rule.kind == "field":
        filled = ~nw.col(rule.requires).is_null()
        if frame.collect_schema()[rule.requires] == nw.String:
            filled = filled & (nw.col(rule.requires) != "")
        return frame.with_columns(kept=mark(filled))
    if rule.kind == "max_dwell":
        stay = nw.col("exited_day") - nw.col("entered_day")
        return frame.with_columns(kept=mark(stay <= rule.max_dwell_days))
    if rule.requires:
        return _with_before(frame, stays, rule.requires)
    return frame.with_columns(kept=mark(nw.col("skipped") == 0))


def done_by_rule(activities: Frame, rule: Rule) -> Frame:
    """Return the activities on deals that a rule of kind activity or approval asks for."""
    approval = rule.kind == "approval"
    wanted = rule.same_as if approval else (rule.requires, *rule.same_as)
    right = nw.col("type").str.to_lowercase().is_in([word.lower() for word in wanted])
    done = activities.filter(right & ~nw.col("deal_id").is_null())
    if not approval or not rule.requires:
        return done
    role = nw.col("owner_role").str.to_lowercase() == rule.requires.lower()
    return done.filter(role | (nw.col("owner_id") == rule.requires))


def _with_done(frame: Frame, done: Frame) -> Frame:
    """Kept: one of these activities on the deal between the days of entry and exit."""
    spans = frame.select("deal_id", "seq", "entered_day", "exited_day")
    pairs = spans.join(done.select("deal_id", "happened_day").unique(), on="deal_id", how="inner")
    inside = (nw.col("happened_day") >= nw.col("entered_day")) & (
        nw.col("happened_day") <= nw.col("exited_day")
    )
    seen = pairs.filter(inside).select("deal_id", "seq").unique().with_columns(seen=nw.lit(1))
    joined = frame.join(seen, on=["deal_id", "seq"], how="left")
    return joined.with_columns(kept=mark(nw.col("seen") == 1))


def _with_before(frame: Frame, stays: Frame, stage: str) -> Frame:
    """Kept: the deal was in the required stage before."""
    there = stays.filter(nw.col("stage") == stage)
    first = there.group_by("deal_id").agg(first_seq=nw.col("seq").min())
    joined = frame.join(first, on="deal_id", how="left")
    return joined.with_columns(kept=mark(nw.col("first_seq") < nw.col("seq")))


def fields_to_carry(rules: Sequence[Rule]) -> list[str]:
    """Return the columns of deals that visits must carry for the rules to be checked."""
    fields = [rule.requires for rule in rules if rule.kind == "field"]
    fields += ["pipeline"] if any(rule.pipeline for rule in rules) else []
    return [name for name in dict.fromkeys(fields) if name not in COLUMNS]
