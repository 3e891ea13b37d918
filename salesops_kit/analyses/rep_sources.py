"""The tables behind the evaluation of reps: who sells, which deals count, and in which strata."""

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.reps import decided_deals
from salesops_kit.metrics.roster import credited, roster
from salesops_kit.periods import Period, period_containing, periods_until
from salesops_kit.workspace import Workspace

MOST_LEVELS = 40
TENURES = (0, 91, 183)  # first days of the classes of tenure: reps ramp up over half a year
_VARYING = 0.5  # of the reps must have had more than one level of a stratum


@dataclass(frozen=True)
class RepSource:
    """A workspace read for the evaluation of its reps over some months up to a period's end."""

    workspace: Workspace
    period: Period
    reach: int = 0  # months to look back; 0 takes those of the settings
    kept: dict[tuple[str, date, date], pd.DataFrame] = field(default_factory=dict, repr=False)

    @cached_property
    def months(self) -> list[Period]:
        """Months whose decided deals count, oldest first."""
        last = period_containing(self.period.last, "month", self.period.calendar)
        return periods_until(last, self.reach or self.workspace.settings.evaluation.months)

    @cached_property
    def window(self) -> Period:
        """All these months as one span."""
        first, last = self.months[0], self.months[-1]
        return Period(f"{first.label} – {last.label}", first.start, last.end, "month")

    @cached_property
    def deals(self) -> Frame:
        """Deals under the name of who is credited, with the month in which they closed."""
        workspace = self.workspace
        history = workspace.table("stage_history") if workspace.has("stage_history") else None
        credit = workspace.settings.evaluation.credit
        frame = credited(workspace.table("deals"), history, credit=credit)
        firsts = [month.start_day for month in self.months]
        begun = [(nw.col("closed_day") >= first).cast(nw.Int64).fill_null(0) for first in firsts]
        frame = frame.with_columns(month=nw.sum_horizontal(*begun) - 1)
        return workspace.keep(f"_credited_{len(self.months)}_{self.period.end_day}", frame)

    @cached_property
    def spans(self) -> pd.DataFrame:
        """Who sells and worked in the window, one row per rep and span (`metrics.roster`)."""
        workspace = self.workspace
        if not workspace.has("reps"):
            return self._owners()
        reps, roles = workspace.table("reps"), workspace.settings.evaluation.roles
        table = roster(reps, period=self.window, as_of=workspace.as_of, roles=roles)
        if roles:
            return table
        selling = set(self._ever("deals", "owner_id")) | set(self._with_quota())
        return table[table["rep_id"].isin(selling)].reset_index(drop=True)

    @cached_property
    def everyone(self) -> pd.DataFrame:
        """Spans of all in the roster since the fiscal year or the window began, sellers or not."""
        workspace, window = self.workspace, self.window
        if not workspace.has("reps"):
            return self._owners()
        year = period_containing(self.period.start, "year", self.period.calendar)
        last = max(self.period.end, window.end, year.end)  # quotas of the year reach beyond today
        span = Period("", min(year.start, window.start), last, "month")
        return roster(workspace.table("reps"), period=span, as_of=workspace.as_of)

    @cached_property
    def targets(self) -> pd.DataFrame:
        """Targets of reps."""
        rows = self.workspace.table("targets").filter(nw.col("level") == "rep")
        frame: pd.DataFrame = rows.collect(backend="pandas").to_native()
        return frame

    @cached_property
    def members(self) -> pd.DataFrame:
        """Who sells, one row each, as in the last span: `rep`, `person`, `team`, `region`, days."""
        last = self.spans.sort_values(["rep_id", "last_day"]).groupby("rep_id").tail(1)
        days = self.spans.groupby("rep_id")["active_days"].sum()
        last = last.assign(active_days=last["rep_id"].map(days).astype("int64"))
        named = last["name"].where(last["name"].notna(), last["rep_id"])
        twice = named.duplicated(keep=False)
        named = named.where(~twice, named + " (" + last["rep_id"] + ")")
        return last.rename(columns={"rep_id": "rep"}).assign(person=named).reset_index(drop=True)

    @property
    def names(self) -> dict[str, str]:
        """Return the name of each rep."""
        return dict(zip(self.members["rep"], self.members["person"], strict=True))

    @cached_property
    def strata(self) -> tuple[str, ...]:
        """Columns of deals that vary within reps, so that their effect can be told from reps."""
        wanted = self.workspace.settings.evaluation.strata
        return tuple(name for name in wanted if self._varies(name))

    @cached_property
    def fixed(self) -> tuple[str, ...]:
        """Dimensions that hardly vary within reps: their effect is part of the rep's level."""
        there = set(self.deals.collect_schema().names())
        known = [d for d in self.workspace.settings.dimensions if d in there]
        return tuple(name for name in known if not self._varies(name) and self._levels(name) > 1)

    @cached_property
    def decided(self) -> pd.DataFrame:
        """Deals decided per rep, month and stratum, with `tenure` and `quarter` as strata too."""
        by = ["owner_id", "month", *self.strata]
        table = decided_deals(
            self.deals, period=self.window, as_of=self.workspace.as_of, by=by
        ).rename(columns={"owner_id": "rep"})  # fmt: skip
        table = table[table["rep"].isin(self.members["rep"])].reset_index(drop=True)
        quarters = [f"{m.start:%Y}-{(m.start.month + 2) // 3}" for m in self.months]
        table["quarter"] = [quarters[int(month)] for month in table["month"]]
        return table.assign(tenure=self._tenure(table))

    @property
    def adjusted_for(self) -> list[str]:
        """Return every stratum that is adjusted for."""
        more = [n for n in ("quarter", "tenure") if len(self.decided[n].unique()) > 1]
        return [*self.strata, *more]

    def _tenure(self, table: pd.DataFrame) -> "pd.Series[str]":
        """Class of days since hiring at the end of the month; 2 where nobody knows."""
        hired = dict(zip(self.members["rep"], self.members["hire_day"], strict=True))
        ends = np.array([m.end_day for m in self.months])[table["month"].astype(int)]
        begun = pd.to_numeric(table["rep"].map(hired)).to_numpy("float64", na_value=-np.inf)
        days = ends - begun
        return pd.Series(np.searchsorted(TENURES, days, side="right") - 1, table.index).astype(str)

    def _levels(self, name: str) -> int:
        values = self.deals.select(name).unique().collect(backend="pandas").to_native()[name]
        return int(values.dropna().nunique())

    def _varies(self, name: str) -> bool:
        if name not in self.deals.collect_schema().names() or self._levels(name) > MOST_LEVELS:
            return False
        start, end = self.window.start_day, self.window.end_day
        inside = self.deals.filter((nw.col("closed_day") >= start) & (nw.col("closed_day") < end))
        pairs = inside.select("owner_id", name).unique().collect(backend="pandas").to_native()
        kinds = pairs.dropna().groupby("owner_id")[name].nunique()
        return bool(len(kinds)) and float((kinds > 1).mean()) >= _VARYING

    def _ever(self, table: str, column: str) -> list[str]:
        frame = self.workspace.table(table).select(column).unique().collect(backend="pandas")
        return [str(value) for value in frame.to_native()[column].dropna()]

    def _with_quota(self) -> list[str]:
        if not self.workspace.has("targets"):
            return []
        return [str(value) for value in self.targets["level_id"].dropna().unique()]

    def _owners(self) -> pd.DataFrame:
        """Without a table of reps: who owns deals, there for the whole window."""
        known = self.workspace.table("deals").select("owner_id", "owner_name").unique()
        rows = known.collect(backend="pandas").to_native().dropna(subset=["owner_id"])
        rows = rows.sort_values(["owner_id", "owner_name"]).drop_duplicates("owner_id")
        window = self.window
        blank = dict.fromkeys(("team", "role", "region", "territory", "segment", "manager_id"))
        table: pd.DataFrame = rows.rename(columns={"owner_id": "rep_id", "owner_name": "name"})
        table = table.assign(
            **blank, hire_day=np.nan, leave_day=np.nan, first_day=window.start_day,
            last_day=window.end_day - 1, active_days=window.days,
        )  # fmt: skip
        return table.reset_index(drop=True)
