"""Reps over time: how long new ones take, whose share won changed, what became of the best.

All three questions have luck as their usual answer, and say so.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.findings import Estimate, Finding, Severity
from salesops_kit.language import Count, Days, Share, both
from salesops_kit.models import ramp
from salesops_kit.models.survival import MISSING, Interval
from salesops_kit.models.trajectories import (
    LEAST_AFTER,
    LEAST_BEFORE,
    LEVEL,
    Changes,
    find_changes,
    panel_of,
    returns,
)
from salesops_kit.periods import Period, day_number
from salesops_kit.workspace import Workspace

REACH, TREND, YEAR = 36, 24, 12  # months: of hires, of changes, of a year
HORIZONS = (183, 274, 365, 548)  # days since hiring: 6, 9, 12 and 18 months
FEWEST_HIRES = 5  # below, a curve is a story about persons
FEWEST_REPS = 3


@dataclass(frozen=True)
class Trajectories:
    """Reps over time.

    `hires`: per rep hired in the months looked at `rep`, `person`, `age_days`, `end` (ramped, left,
    waiting); `curve`: `ramp.ramp_curve`; `ramped`: `ramp.ramped_within` at fixed days; `median`:
    days. `changes`: `models.trajectories.Changes.table` with `person` and `since` as a month;
    `noise`: sd of a rep's month beyond luck. `returns`: `models.trajectories.returns`.
    """

    period: Period
    span: str = ""
    hires: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["rep", "end"]))
    curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    ramped: pd.DataFrame = field(default_factory=pd.DataFrame)
    median: Interval = MISSING
    changes: pd.DataFrame = field(default_factory=pd.DataFrame)
    noise: float = float("nan")
    returns: pd.DataFrame = field(default_factory=pd.DataFrame)
    findings: list[Finding] = field(default_factory=list)

    @property
    def named(self) -> pd.DataFrame:
        """Return whose share won changed by more than luck, for a table."""
        return self.changes if self.changes.empty else self.changes[self.changes["named"]]

    @property
    def alarms(self) -> list[Finding]:
        """Return what somebody should act on; that nothing changed is said in its section."""
        return [finding for finding in self.findings if finding.severity != "note"]


@recalled
def rep_trajectories(workspace: Workspace, *, period: Period) -> Trajectories:
    """Follow the reps of a workspace over time.

    Parameters
    ----------
    workspace
        Of deals; hires are followed where the roster has days of hiring.
    period
        Up to the last whole month at its end: hires of 36 months, changes of 24.
    """
    source = RepSource(workspace, period, reach=REACH)
    known = sum(month.end_day <= day_number(workspace.as_of) + 1 for month in source.months)
    decided = source.decided[source.decided["month"] < known]
    blank = Trajectories(period)
    if decided.empty:
        return _told(blank)
    first = int(decided["month"].min())
    changes, noise = _changes(source, decided, max(first, known - TREND), known)
    hires = _hires(source, decided, first, known)
    curve = ramp.ramp_curve(hires) if len(hires) >= FEWEST_HIRES else pd.DataFrame()
    return _told(Trajectories(
        period, f"{source.months[first].label} – {source.months[known - 1].label}", hires, curve,
        _ramped(curve),
        ramp.median_ramp(curve), changes, noise,
        _returned(source, decided, known) if known - first >= TREND else pd.DataFrame(),
    ))  # fmt: skip


def _hires(source: RepSource, decided: pd.DataFrame, first: int, known: int) -> pd.DataFrame:
    """Return what became of everybody hired since the first month with deals."""
    months, members = source.months[first:known], source.members
    days = {name: pd.to_numeric(members[name]).to_numpy("float64", na_value=np.nan)
            for name in ("hire_day", "leave_day")}  # fmt: skip
    sold = decided.pivot_table(index="rep", columns="month", values="bookings", aggfunc="sum")
    sold = sold.reindex(index=members["rep"], columns=range(first, known)).fillna(0.0)
    edges = np.array([m.start_day for m in months] + [months[-1].end_day], dtype="int64")
    staff = ramp.Staff(sold.to_numpy("float64"), days["hire_day"], days["leave_day"], edges)
    ends = ramp.ramp_ends(staff)
    who = members.iloc[ends["row"]].reset_index(drop=True)
    return ends.assign(rep=who["rep"], person=who["person"])


def _ramped(curve: pd.DataFrame) -> pd.DataFrame:
    """Read the curve as far as it reaches."""
    if curve.empty:
        return curve
    return ramp.ramped_within(curve, HORIZONS).dropna(subset=["ramped"]).reset_index(drop=True)


def _changes(
    source: RepSource, decided: pd.DataFrame, first: int, known: int
) -> tuple[pd.DataFrame, float]:
    """Look for changes of those who are still there."""
    rows = decided[decided["month"] >= first].rename(columns={"decided": "n", "won": "hits"})
    rows = rows.assign(month=rows["month"].astype("int64") - first)
    if known - first < LEAST_BEFORE + LEAST_AFTER or rows["rep"].nunique() < FEWEST_REPS:
        return pd.DataFrame(), float("nan")
    strata = [name for name in source.adjusted_for if name != "quarter"]
    panel = panel_of(rows, strata, known - first)
    found: Changes = find_changes(panel, fewest=source.workspace.settings.evaluation.fewest)
    here = source.members.loc[source.members["leave_day"].isna(), "rep"]
    table = found.table[found.table["rep"].isin(here)].reset_index(drop=True)
    labels = [source.months[first + month].label for month in table["since"]]
    return table.assign(since=labels, person=table["rep"].map(source.names)), found.noise


def _returned(source: RepSource, decided: pd.DataFrame, known: int) -> pd.DataFrame:
    age = (known - 1 - decided["month"].astype("int64")) // YEAR
    sums = {year: decided[age == year].groupby("rep")[["decided", "won"]].sum() for year in (0, 1)}
    then = sums[1].rename(columns={"decided": "n", "won": "hits"})
    now = sums[0].rename(columns={"decided": "n_now", "won": "hits_now"})
    both_years = then.join(now, how="inner").reset_index()
    return returns(both_years, fewest=source.workspace.settings.evaluation.fewest)


# -- in words -----------------------------------------------------------------------------------


def _told(result: Trajectories) -> Trajectories:
    found = [*_ramp_told(result), *_changes_told(result), *_returns_told(result)]
    result.findings.extend(found)
    return result


def _finding(kind: str, section: str, values: Mapping[str, Any], **more: Any) -> Finding:
    severity: Severity = more.pop("severity", "note")
    return Finding(
        analysis="trajectories", kind=kind, severity=severity, section=section,
        headline=both(f"trajectories.{kind}", **values),
        detail=both(f"trajectories.{kind}_detail", **values),
        action=both(f"trajectories.{kind}_action", **values),
        definition=more.pop("definition", "decided_deals"), **more,
    )  # fmt: skip


def _ramp_told(result: Trajectories) -> list[Finding]:
    ends = result.hires["end"].value_counts()
    values = {
        "n": Count(len(result.hires)), "fewest": Count(FEWEST_HIRES), "span": result.span,
        **{name: Count(ends.get(name, 0)) for name in ramp.ENDS}, "share": Share(ramp.SHARE),
        "median": Days(result.median.value), "lower": Days(result.median.lower),
        "upper": Days(result.median.upper),
    }  # fmt: skip
    if result.curve.empty:
        return [_finding("no_ramp", "ramp", values, definition="bookings", n=len(result.hires))]
    kind = "ramp" if np.isfinite(result.median.value) else "ramp_open"
    return [_finding(kind, "ramp", values, definition="bookings", n=len(result.hires))]


def _changes_told(result: Trajectories) -> list[Finding]:
    table, named = result.changes, result.named
    values = {"reps": Count(len(table)), "level": Share(LEVEL), "before": Count(LEAST_BEFORE),
              "after": Count(LEAST_AFTER)}  # fmt: skip
    if table.empty:
        return [_finding("no_trend", "changes", values)]
    if named.empty:
        values["nearest"] = Share(float(table["p"].min()))
        return [_finding("no_change", "changes", values, n=len(table))]
    found = []
    for row in named.to_dict("records"):
        fell = row["change"] < 0
        more = {
            "name": row["person"], "since": row["since"], "n": Count(row["n_after"]),
            "now": Share(row["won_after"]), "usual": Share(row["won_expected"]),
            "then": Share(row["won_before"]),
        }  # fmt: skip
        found.append(_finding(
            "fell" if fell else "rose", "changes", values | more, n=int(row["n_after"]),
            severity="warning" if fell else "good", where={"rep": row["rep"]},
            since=row["since"], certainty=round(1 - float(row["p"]), 3),
            effect=Estimate(row["change"], row["lower"], row["upper"], "log_odds"),
        ))  # fmt: skip
    return found


def _returns_told(result: Trajectories) -> list[Finding]:
    if result.returns.empty:
        return [_finding("no_returns", "returns", {})]
    top, bottom = result.returns.to_dict("records")
    inside = all(one["lower"] <= one["won_now"] <= one["upper"] for one in (top, bottom))
    values = {
        "n": Count(top["reps"]),
        "top_then": Share(top["won_then"]), "top_now": Share(top["won_now"]),
        "top_luck": Share(top["expected"]), "bottom_then": Share(bottom["won_then"]),
        "bottom_now": Share(bottom["won_now"]), "bottom_luck": Share(bottom["expected"]),
        "usual": Share(top["usual"]),
    }  # fmt: skip
    kind = "as_luck" if inside else "not_as_luck"
    return [_finding(kind, "returns", values, n=2 * int(top["reps"]))]
