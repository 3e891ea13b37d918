"""Measures of the company itself, each per period: value and number of cases."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.recent_stays import recent_stays
from salesops_kit.analyses.rep_quota import attained, quotas
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.analyses.sop import kept_rules
from salesops_kit.metrics.compliance import rule_compliance
from salesops_kit.metrics.deal_snapshots import deal_snapshots
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.grouping import totals
from salesops_kit.metrics.visits import VisitRules
from salesops_kit.periods import Period, day_number
from salesops_kit.workspace import Workspace

Values = dict[str, tuple[float, int]]
LATE_DAYS = 7  # from which on a hand-off was accepted late
MOST_DEALS = 5_000  # of a former day
YEAR = 365
UNUSED = 0.7  # of open deals lack a column that the company does not use


def open_deal_series(workspace: Workspace, spans: Sequence[Period]) -> dict[str, Values]:
    """Return the shares of open deals overdue, stalled or with gaps, at the end of each period."""
    if not workspace.has("stage_history"):
        return {}
    deals = workspace.table("deals")
    there = set(deals.collect_schema().names())
    ends = {_end(span, workspace): span.label for span in spans}
    kept = [name for name in ("account_id",) if name in there]
    rows = deal_snapshots(
        workspace.table("stage_history"), deals, origins=list(ends), dimensions=kept,
        most=MOST_DEALS,
    )  # fmt: skip
    usual = rows["stage"].map(recent_stays(workspace).usual_days).astype("float64")
    due, age = rows["due_in"].astype("float64"), rows["age_days"].astype("float64")
    blank = {"amount": ~(rows["amount"].astype("float64") > 0), "due_in": due.isna(),
             "owner_id": rows["owner_id"].isna(),
             **{name: rows[name].isna() for name in kept}}  # fmt: skip
    # what hardly anybody fills in is not used, not forgotten
    used = [hit for hit in blank.values() if len(hit) and hit.mean() < UNUSED]
    nothing = pd.Series(data=False, index=rows.index)
    marks = pd.DataFrame({
        "label": rows["origin"].map({day_number(day): name for day, name in ends.items()}),
        "weight": rows["weight"], "overdue": due < 0, "stalled": age > usual,
        "gaps": pd.concat([nothing, *used], axis=1).any(axis=1),
    })  # fmt: skip
    return {name: _shares(marks, name) for name in ("overdue", "stalled", "gaps")}


def _shares(marks: pd.DataFrame, name: str) -> Values:
    """Return the weighted share of marked rows per label, and their number."""
    hit = marks.assign(hit=marks[name].astype("float64") * marks["weight"])
    table = hit.groupby("label")[["hit", "weight"]].sum()
    return {str(label): (float(hits / n), round(float(n)))
            for label, hits, n in table.itertuples() if n > 0}  # fmt: skip


def _end(span: Period, workspace: Workspace) -> date:
    return min(span.last, workspace.as_of)


def compliance_series(workspace: Workspace, spans: Sequence[Period]) -> dict[str, Values]:
    """Return the share of rules broken, of those checked on stays begun in each period."""
    pipelines = workspace.settings.all_pipelines
    ranks = {name: [s.rank for s in p.open_stages] for name, p in pipelines.items()}
    bulk = workspace.settings.thresholds.bulk_edit_deals
    rules = VisitRules(open_ranks=ranks if len(ranks) > 1 else (), bulk_edit_deals=bulk)
    checks = kept_rules(workspace, rules)
    if checks is None:
        return {}
    found: Values = {}
    for span in spans:
        table = rule_compliance(checks, period=span)
        n = int(table["checked"].sum())
        if n:
            found[span.label] = (1 - float(table["kept"].sum()) / n, n)
    return {"broken_rules": found}


def handoff_series(workspace: Workspace, spans: Sequence[Period]) -> dict[str, Values]:
    """Return the shares of hand-offs accepted late, and with papers missing, per period.

    A hand-off younger than a week and not accepted yet is judged later; one older is late.
    """
    if not workspace.has("handoffs"):
        return {}
    rows = collect(workspace.table("handoffs"), ["handed_day", "handoff_id"])
    handed = rows["handed_day"].astype("float64")
    took = rows["accepted_day"].astype("float64") - handed
    waiting = took.isna() & (workspace.as_of_day - handed <= LATE_DAYS)
    late = (took > LATE_DAYS) | (took.isna() & ~waiting)
    poor = rows["is_complete"].map({True: False, False: True}).astype(object)
    found: dict[str, Values] = {"late_handoffs": {}, "poor_handoffs": {}}
    for span in spans:
        inside = handed.between(span.start_day, span.end_day - 1)
        for name, hit, known in (("late_handoffs", late, ~waiting),
                                 ("poor_handoffs", poor.eq(True), poor.notna())):  # noqa: FBT003  # fmt: skip
            n = int((inside & known).sum())
            if n:
                found[name][span.label] = (float((hit & inside & known).sum() / n), n)
    return {name: values for name, values in found.items() if values}


def erosion_series(workspace: Workspace, spans: Sequence[Period]) -> dict[str, Values]:
    """Return the part of the first amount that was given away by the day of the win, per period.

    Line discounts where deals have lines; else the first amount of the dated history against the
    amount won, money over money.
    """
    given = _line_discounts(workspace)
    if given is None:
        given = _amounts_given(workspace)
    if given is None or given.empty:
        return {}
    found: Values = {}
    for span in spans:
        part = given[given["closed_day"].between(span.start_day, span.end_day - 1)]
        if len(part) and part["first"].sum() > 0:
            found[span.label] = (1 - float(part["won"].sum() / part["first"].sum()), len(part))
    return {"erosion": found}


def _line_discounts(workspace: Workspace) -> pd.DataFrame | None:
    if not workspace.has("deal_lines"):
        return None
    lines = workspace.table("deal_lines")
    if not {"list_price", "unit_price", "quantity"} <= set(lines.collect_schema().names()):
        return None
    won = workspace.table("deals").filter(nw.col("status") == "won").select("deal_id", "closed_day")
    priced = lines.filter((nw.col("list_price") > 0) & (nw.col("unit_price") > 0))
    money = priced.with_columns(
        first=nw.col("list_price") * nw.col("quantity"),
        won=nw.col("unit_price") * nw.col("quantity"),
    )
    table = totals(money.join(won, on="deal_id", how="inner"), by=["deal_id", "closed_day"],
                   counts=[], sums=["first", "won"])  # fmt: skip
    return table if len(table) else None


def _amounts_given(workspace: Workspace) -> pd.DataFrame | None:
    if not workspace.has("stage_history"):
        return None
    history = workspace.table("stage_history").filter(
        (nw.col("amount") > 0) & (nw.col("stage_category") == "open")
    )
    begun = history.group_by("deal_id").agg(nw.col("seq").min())
    first = history.join(begun, on=["deal_id", "seq"], how="inner").select(
        "deal_id", nw.col("amount").alias("first")
    )
    won = workspace.table("deals").filter((nw.col("status") == "won") & (nw.col("amount") > 0))
    joined = won.select("deal_id", "closed_day", nw.col("amount").alias("won")).join(
        first, on="deal_id", how="inner"
    )
    return collect(joined, ["deal_id"])


def attrition(workspace: Workspace, spans: Sequence[Period]) -> dict[str, Values]:
    """Return the share of reps who left in the year before the end of each period.

    Of the people there at the beginning of that year or hired in it.
    """
    if not workspace.has("reps"):
        return {}
    people = _people(workspace)
    found: Values = {}
    for span in spans:
        end = min(span.end_day, workspace.as_of_day + 1)
        there = (people["hire_day"] < end) & (people["leave_day"] >= end - YEAR)
        if n := int(there.sum()):
            found[span.label] = (float((there & (people["leave_day"] < end)).sum() / n), n)
    return {"attrition": found} if found else {}


def _people(workspace: Workspace) -> pd.DataFrame:
    """Return when each rep began and left; a day far ahead for those who are there."""
    reps = workspace.table("reps")
    there = set(reps.collect_schema().names())
    wanted = [name for name in ("hire_day", "leave_day") if name in there]
    rows = collect(reps.select("rep_id", *wanted), ["rep_id"])
    for name in ("hire_day", "leave_day"):
        rows = rows.assign(**{name: rows[name].astype("float64") if name in rows else np.nan})
    table = rows.groupby("rep_id").agg({"hire_day": "min", "leave_day": "max"})
    return table.fillna({"hire_day": -np.inf, "leave_day": np.inf})


def leavers_money(workspace: Workspace) -> tuple[int, float]:
    """Return how many open deals, and how much money, still belong to reps who have left."""
    if not workspace.has("reps"):
        return 0, 0.0
    people = _people(workspace)
    gone = people.index[people["leave_day"] <= workspace.as_of_day].tolist()
    opened = workspace.table("deals").filter(nw.col("status") == "open")
    rows = collect(opened.select("owner_id", "amount"))
    theirs = rows[rows["owner_id"].isin(gone)]
    return len(theirs), float(theirs["amount"].fillna(0).sum())


def quota_reached(workspace: Workspace, span: Period) -> tuple[float, int] | None:
    """Return the share of reps at 80 % of their quota or more over the last twelve months."""
    if not workspace.has("targets"):
        return None
    source = RepSource(workspace, span)
    table = attained(quotas(source, source.window), "")
    if table.empty or not table["reps"].iloc[0]:
        return None
    return float(table["at_80"].iloc[0] / table["reps"].iloc[0]), int(table["reps"].iloc[0])


def approvers(workspace: Workspace) -> tuple[str, float, int]:
    """Return who records most of the wins that the owner does not record, the share, and how many.

    A company where one other person books most wins stops when that person is away.
    """
    nobody = ("", float("nan"), 0)
    if not workspace.has("stage_history"):
        return nobody
    history, deals = workspace.table("stage_history"), workspace.table("deals")
    names = {"changed_by"} <= set(history.collect_schema().names())
    if not names or "owner_name" not in deals.collect_schema().names():
        return nobody
    start = workspace.as_of_day - YEAR
    won = history.filter((nw.col("stage_category") == "won") & (nw.col("entered_day") > start))
    rows = collect(
        won.select("deal_id", "changed_by").join(
            deals.select("deal_id", "owner_id", "owner_name"), on="deal_id", how="inner"
        )
    )
    known = rows.dropna(subset=["changed_by", "owner_name"])
    own = (known["changed_by"] == known["owner_name"]) | (known["changed_by"] == known["owner_id"])
    others: Any = known[~own]
    if others.empty or len(others) < 0.1 * len(known):
        return nobody  # owners changed since, or record their wins themselves
    counts = others["changed_by"].value_counts().sort_index(kind="stable")
    counts = counts.sort_values(ascending=False, kind="stable")
    return str(counts.index[0]), float(counts.iloc[0] / len(others)), len(others)
