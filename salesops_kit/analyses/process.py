"""Process: whether goals of stages are met, rules kept, and whether the process itself changed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from salesops_kit.analyses.goals import COLUMNS as GOAL_COLUMNS
from salesops_kit.analyses.goals import stage_goals, with_rep_team
from salesops_kit.analyses.process_findings import process_findings, where_compared
from salesops_kit.analyses.process_versions import COLUMNS as VERSION_COLUMNS
from salesops_kit.analyses.process_versions import process_changes, process_versions
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.sop import Sop, analyse_sop
from salesops_kit.findings import Finding
from salesops_kit.language import Days, Share, both
from salesops_kit.metrics.visits import VisitRules, visits
from salesops_kit.periods import Period
from salesops_kit.settings import Settings
from salesops_kit.workspace import Workspace

WINDOW_MONTHS = 12
_LISTED = ("missed", "reached")


@dataclass(frozen=True)
class Process:
    """What became of goals and rules in the year up to a period's end.

    `goals`: every comparison, see `goals.stage_goals`; `sop`: see `sop.analyse_sop`; `versions`:
    see `process_versions.process_versions`. All are empty where stays in stages are not known.
    """

    window: Period
    goals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(GOAL_COLUMNS)))
    sop: Sop = field(default_factory=Sop)
    versions: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(VERSION_COLUMNS))
    )
    names: Mapping[str, str] = field(default_factory=dict)
    settings: Settings = field(default_factory=Settings)
    findings: list[Finding] = field(default_factory=list)

    @property
    def company_goals(self) -> pd.DataFrame:
        """Return one row per stage and goal of the whole company, for a table."""
        rows = self._compared(self.goals[self.goals["level"] == "company"])
        return rows[rows["verdict"] != "none"] if len(rows) else rows

    @property
    def conversion_goals(self) -> pd.DataFrame:
        """Return the stages of the whole company that have a goal for conversion, for a chart."""
        company = self.goals[self.goals["level"] == "company"]
        return company[company["conversion_verdict"] != "none"].reset_index(drop=True)

    @property
    def group_goals(self) -> pd.DataFrame:
        """Return the teams and owners that clearly miss or reach a goal, for a table."""
        rows = self._compared(self.goals[self.goals["level"] != "company"])
        return rows[rows["verdict"].isin(_LISTED)] if len(rows) else rows

    @property
    def far_reps(self) -> pd.DataFrame:
        """Return the reps who clearly keep the rules less, or more, than others, for a table."""
        reps = self.sop.reps
        if reps.empty:
            return reps
        far = reps[reps["verdict"].isin(["below", "above"])]
        return far.assign(group=[self.names.get(owner, owner) for owner in far["owner_id"]])

    @property
    def winning(self) -> pd.DataFrame:
        """Return whether keeping the rules goes with getting further, for a table."""
        table = self.sop.winning
        said = [self._comparison(row) for row in table.to_dict("records")]
        return table.assign(comparison=pd.Series(said, index=table.index, dtype=object))

    def rule_name(self, rule_id: str) -> str:
        """Return a rule in words, as a part of a sentence."""
        rules = self.sop.rules
        meaning = rules.loc[rules["rule_id"] == rule_id, "meaning"].iloc[0]
        return str(meaning).rstrip(".。 ") if isinstance(meaning, str) else rule_id

    def _comparison(self, row: Mapping[Any, Any]) -> dict[Any, str]:
        stage = where_compared(row["stage"], self.settings)
        if row["outcome"] == "won":
            return dict(both("sop.is_won", stage=stage, days=Days(row["days"])))
        return dict(both("sop.goes_on", rule=self.rule_name(row["rule_id"]), stage=stage))

    def _compared(self, goals: pd.DataFrame) -> pd.DataFrame:
        """Put goals of conversion and of days below each other, in words."""
        parts = []
        for row in goals.to_dict("records"):
            group = self.names.get(row["group"], row["group"])
            shared = {"level": row["level"], "group": group, "stage": row["stage"], "n": row["n"]}
            parts.append(shared | {
                "wanted": both("goals.wants_conversion", goal=Share(row["conversion_goal"])),
                "actual": row["onward_share"], "lower": row["onward_lower"],
                "upper": row["onward_upper"], "verdict": row["conversion_verdict"],
            })  # fmt: skip
            parts.append(shared | {
                "wanted": both("goals.wants_days", share=Share(self.settings.thresholds.late_share),
                               days=Days(row["days_goal"])),
                "actual": row["over_share"], "lower": row["over_lower"],
                "upper": row["over_upper"], "verdict": row["days_verdict"],
            })  # fmt: skip
        return pd.DataFrame(parts)


@recalled
def analyse_process(workspace: Workspace, *, period: Period) -> Process:
    """Judge goals, rules and versions of the process over the year up to the period's end."""
    window = _year_until(period)
    empty = Process(window, settings=workspace.settings)
    if not workspace.knows_stays:
        return empty
    pipelines = workspace.settings.all_pipelines
    ranks = {name: [s.rank for s in p.open_stages] for name, p in pipelines.items()}
    rules = VisitRules(
        open_ranks=ranks if len(ranks) > 1 else (),
        bulk_edit_deals=workspace.settings.thresholds.bulk_edit_deals,
    )
    stays = visits(
        workspace.table("stage_history"), workspace.table("deals"), as_of=workspace.as_of,
        dimensions=["pipeline", "team", "owner_id"], rules=rules,
    )  # fmt: skip
    reps = workspace.table("reps") if workspace.has("reps") else None
    stays = workspace.keep("_process", with_rep_team(workspace.keep("_stays", stays), reps))
    changes = process_changes(workspace, stays, window=window)
    found = replace(
        empty,
        goals=stage_goals(workspace, stays, window=window),
        sop=analyse_sop(workspace, window=window, ranks=rules),
        versions=process_versions(workspace, stays, changes, window=window),
        names=_rep_names(workspace),
    )
    return replace(found, findings=process_findings(found, workspace.settings))


def _year_until(period: Period) -> Period:
    start = (pd.Timestamp(period.end) - pd.DateOffset(months=WINDOW_MONTHS)).date()
    start = min(start, period.start)
    return Period(f"{start:%Y-%m} – {period.last:%Y-%m}", start, period.end, "month",
                  period.calendar)  # fmt: skip


def _rep_names(workspace: Workspace) -> dict[str, str]:
    if not workspace.has("reps"):
        return {}
    reps = workspace.table("reps").select("rep_id", "name").unique().collect(backend="pandas")
    table = reps.to_native().dropna()
    return dict(zip(table["rep_id"], table["name"], strict=True))
