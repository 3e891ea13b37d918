"""Promotion and recognition: thresholds known beforehand, what lasted, and who surely improved.

Thresholds are counted; whether meeting them is more than luck is a second question, and both
answers stand side by side. Nobody is listed as weak.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.rep_findings import EASY, listed
from salesops_kit.analyses.rep_quota import MONTH_DAYS, potential, quotas, read_quotas
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.analyses.reps import judged, win_comparison
from salesops_kit.analyses.target_scale import odd_quotas
from salesops_kit.errors import ParameterError
from salesops_kit.findings import Finding, Severity
from salesops_kit.language import Count, Share, both
from salesops_kit.models.sustained import Lasting, lasting
from salesops_kit.periods import Period, day_number, period_containing, periods_until
from salesops_kit.settings import Recognition, Settings
from salesops_kit.workspace import Workspace

_FEWEST = 3
_SHOWN_AS = {"standing": "met", "tenure": "tenure_months", "asked": "quarters_asked",
             "reached": "quarters_reached", "level": "lasting_level"}  # fmt: skip
STANDING = ("sustained", "counted", "short", "new")


@dataclass(frozen=True)
class Sheet:
    """The sheet of promotion and recognition.

    `table`: per rep now there `person`, `team`, `tenure` (months), `asked` (quarters with a quota),
    `reached` (of them), `attainment` (of these quarters together), `level` with bounds (monthly
    attainment, shrunk), `p_level` (chance that the level reaches the threshold), `verdict` (on
    equal deals, as in `reps.judged`), `demand` (quota against the territory's potential; below 1
    easy), `standing`: sustained (all thresholds, and surely more than luck), counted (all
    thresholds; luck cannot be ruled out), short (a threshold missed), new (too short to tell).
    `improved`: per rep `rise` with bounds, `p_rise`, `p_most`, `named`.
    """

    period: Period
    span: str = ""
    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    improved: pd.DataFrame = field(default_factory=pd.DataFrame)
    findings: list[Finding] = field(default_factory=list)

    def of(self, *standings: str) -> list[str]:
        """Return the names of reps of a standing, highest level first."""
        rows = self.table[self.table["standing"].isin(standings)]
        return rows.sort_values("level", ascending=False)["person"].tolist()

    @property
    def shown(self) -> pd.DataFrame:
        """Return who meets all thresholds, for a table; the rest is a number, not a list."""
        if self.table.empty:
            return self.table
        rows = self.table[self.table["standing"].isin(["sustained", "counted"])]
        rows = rows.sort_values(["standing", "level"], ascending=False, ignore_index=True)
        return rows.rename(columns=_SHOWN_AS)

    @property
    def risen(self) -> pd.DataFrame:
        """Return who surely improved most, for a table."""
        return self.improved if self.improved.empty else self.improved[self.improved["named"]]


@recalled
def recognition(workspace: Workspace, *, period: Period) -> Sheet:
    """Return who meets the thresholds of promotion, how surely, and who improved.

    Parameters
    ----------
    workspace
        With quotas of reps, open to everybody or to a team.
    period
        Quarters up to the last whole one at its end count, and twelve months.
    """
    settings, blank = workspace.settings, Sheet(period)
    source = RepSource(workspace, period)
    if not workspace.has("targets") or source.targets.empty:
        return _told(blank, settings, "no_quota")
    if (odd := odd_quotas(workspace)) is not None:  # by such quotas all or none would be praised
        return replace(blank, findings=[_finding("odd_quota", "warning", odd, section="short")])
    quarters = _quarters(source, settings.recognition)
    read_quotas(source, source.months)
    months = [(number, quotas(source, month)) for number, month in enumerate(source.months)]
    values = pd.concat([
        rows[["rep", "attainment"]].assign(month=number).rename(columns={"attainment": "value"})
        for number, rows in months
    ])  # fmt: skip
    here = source.members[source.members["leave_day"].isna()]
    values = values[values["rep"].isin(here["rep"])]
    try:
        found = lasting(values)
    except ParameterError:
        return _told(blank, settings, "too_few")
    table = _table(source, here, quarters, found)
    result = replace(
        blank, table=table, improved=_improved(source, found),
        span=f"{quarters[0].label} – {quarters[-1].label}",
    )  # fmt: skip
    return _told(result, settings, "")


def _quarters(source: RepSource, rules: Recognition) -> list[Period]:
    """Return the last whole quarters, oldest first."""
    period = source.period
    last = period_containing(period.last, "quarter", period.calendar)
    whole = last if last.end <= period.end else last.previous()
    return periods_until(whole, rules.quarters)


def _table(
    source: RepSource, here: pd.DataFrame, quarters: Sequence[Period], found: Lasting
) -> pd.DataFrame:
    settings = source.workspace.settings
    rules, today = settings.recognition, day_number(source.workspace.as_of)
    counted = pd.concat([quotas(source, quarter) for quarter in quarters])
    counted = counted[counted["prorated"] > 0]
    reached = counted["attainment"] >= rules.attainment
    sums = counted.assign(asked=1, reached=reached.astype(int)).groupby("rep")[
        ["asked", "reached", "bookings", "prorated"]
    ].sum()  # fmt: skip
    tenure = (today - pd.to_numeric(here["hire_day"])) / MONTH_DAYS
    table = here[["rep", "person", "team"]].assign(tenure=tenure.astype("float64"))
    table = table.merge(sums, left_on="rep", right_index=True, how="left")
    table = table.fillna({"asked": 0, "reached": 0}).astype({"asked": int, "reached": int})
    table["attainment"] = table["bookings"] / table["prorated"].where(table["prorated"] > 0)
    chance = (found.levels >= rules.attainment).mean(axis=1)
    levels = found.table[["rep", "level", "level_lower", "level_upper"]].assign(p_level=chance)
    table = table.merge(levels, on="rep", how="left").merge(_verdicts(source), on="rep", how="left")
    table = table.merge(potential(source)[["rep", "demand", "demand_clear"]], on="rep", how="left")
    table = table.assign(verdict=table["verdict"].fillna("few"))
    return table.assign(standing=_standing(table, rules, settings.evaluation.sure))


def _standing(table: pd.DataFrame, rules: Recognition, sure: float) -> list[str]:
    # without a day of hiring nobody can say that it was too late
    new = (table["tenure"] < rules.tenure_months) | (table["asked"] < rules.reached)
    short = (table["reached"] < rules.reached) | (table["verdict"] == "behind")
    certain = table["p_level"] > sure
    standing: list[str] = np.select(
        [new, short, certain], ["new", "short", "sustained"], "counted"
    ).tolist()
    return standing


def _verdicts(source: RepSource) -> pd.DataFrame:
    if source.decided["rep"].nunique() < _FEWEST:
        return pd.DataFrame(columns=["rep", "verdict"])
    found = judged(win_comparison(source), source.workspace.settings.evaluation)
    return found[["rep", "verdict"]]


def _improved(source: RepSource, found: Lasting) -> pd.DataFrame:
    sure = source.workspace.settings.evaluation.sure
    named = (found.table["p_most"] > sure) & (found.table["p_rise"] > sure)
    table = found.table.assign(named=named, person=found.table["rep"].map(source.names))
    return table.sort_values("rise", ascending=False, ignore_index=True)


# -- in words -----------------------------------------------------------------------------------


def _told(result: Sheet, settings: Settings, why: str) -> Sheet:
    if why:
        return replace(result, findings=[_finding(why, "note", {}, section="short")])
    return replace(result, findings=[*_met(result, settings), _risen(result, settings)])


def _finding(kind: str, severity: Severity, values: dict[str, Any], **more: Any) -> Finding:
    return Finding(
        analysis="recognition", kind=kind, severity=severity, definition="attainment",
        headline=both(f"recognition.{kind}", **values),
        detail=both(f"recognition.{kind}_detail", **values),
        action=both(f"recognition.{kind}_action", **values), **more,
    )  # fmt: skip


def _met(result: Sheet, settings: Settings) -> list[Finding]:
    table, rules = result.table, settings.recognition
    sure, counted = result.of("sustained"), result.of("counted")
    easy = table[
        table["standing"].isin(["sustained", "counted"])
        & (table["demand"] < EASY)
        & table["demand_clear"].eq(True)  # noqa: FBT003
    ]
    values = {
        "reps": Count(len(table)), "sure_n": Count(len(sure)), "sure_names": listed(sure),
        "counted_n": Count(len(counted)), "counted_names": listed(counted), "span": result.span,
        "reached": Count(rules.reached), "quarters": Count(rules.quarters),
        "attainment": Share(rules.attainment), "tenure": Count(rules.tenure_months),
        "new": Count((table["standing"] == "new").sum()), "easy_n": Count(len(easy)),
        "easy": listed(easy["person"].tolist()), "sure": Share(settings.evaluation.sure),
    }  # fmt: skip
    kind: tuple[str, Severity] = ("met", "good") if sure else ("met_nobody", "note")
    chance = table.loc[table["standing"] == "sustained", "p_level"]
    certainty = round(float(chance.mean()), 3) if len(chance) else 1.0
    found = [_finding(*kind, values, section="met", n=len(table), certainty=certainty)]
    if len(easy):
        found.append(_finding("easy", "warning", values, section="met", n=len(easy)))
    return found


def _risen(result: Sheet, settings: Settings) -> Finding:
    named = result.risen
    values = {
        "names": listed(named["person"].tolist()), "n": Count(len(named)),
        "reps": Count(len(result.improved)), "sure": Share(settings.evaluation.sure),
    }  # fmt: skip
    if named.empty:
        return _finding("risen_nobody", "note", values, section="risen", n=len(result.improved))
    certainty = round(float(named["p_most"].mean()), 3)
    return _finding("risen", "good", values, section="risen", n=len(result.improved),
                    certainty=certainty)  # fmt: skip
