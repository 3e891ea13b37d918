"""Funnel: where deals enter, move, wait, are won and lost; and what that means in money.

Describes and compares; it does not claim causes. Every rate has its n and interval, and open
deals are censored, never counted as failures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from math import hypot
from statistics import NormalDist
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.diagnosis import Diagnosis, Leak, diagnose
from salesops_kit.analyses.diagnosis_findings import diagnosis_findings, leak_table, verdict
from salesops_kit.analyses.funnel_findings import funnel_findings, funnel_key_figures
from salesops_kit.analyses.funnel_stages import carried, stages_of
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.stage_paths import StagePaths, stage_paths
from salesops_kit.analyses.target_scale import odd_note
from salesops_kit.analyses.velocity_split import outweighing_sale, velocity_split
from salesops_kit.findings import Finding, KeyFigure, Words, in_order
from salesops_kit.language import Day, Language
from salesops_kit.metrics.bookings import average_deal_size, bookings
from salesops_kit.metrics.cycle import sales_cycle
from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.grouping import z_value
from salesops_kit.metrics.leads import lead_conversion_counts
from salesops_kit.metrics.pipeline import pipeline_by_stage
from salesops_kit.metrics.targets import planned_each
from salesops_kit.metrics.visits import lives
from salesops_kit.metrics.wins import (
    cohort_exits,
    win_rate,
    win_rate_broad,
    win_rate_by_amount,
    win_rate_created,
    win_rate_stale_adjusted,
)
from salesops_kit.models.survival import (
    MISSING,
    Interval,
    aalen_johansen,
    share_within,
)
from salesops_kit.periods import Period, periods_until
from salesops_kit.workspace import Workspace

TREND = 13  # periods shown, so that the same one of last year is among them
WINDOW_MONTHS = 12  # stages are judged over a year of visits: single months hold too few
RECENT_MONTHS = 3  # groups are compared over a quarter
COHORTS = 18
_NUMBER = "x_period_number"


@dataclass(frozen=True)
class CohortChange:
    """Share won within the horizon: the youngest cohorts that can tell, against earlier ones.

    `first` and `last`: months of the young cohorts; `p`: two-sided chance of such a difference
    without any change; missing where too few cohorts can tell.
    """

    first: str
    last: str
    recent: Interval
    recent_n: int
    before: Interval
    before_n: int
    p: float


NO_CHANGE = CohortChange("", "", MISSING, 0, MISSING, 0, float("nan"))


@dataclass(frozen=True)
class Funnel:
    """What the funnel did in a period; frames are empty where the data cannot tell.

    `trend`: per period bookings, target, won, win_rate … oldest first. `variants`: one row per
    win-rate variant. `groups`: win rate per dimension over `recent`. `cohorts`: share won within
    `horizon` days per month of creation; `change`: whether it moved. `entries`, `flow`,
    `reached`, `dwell`: per stage. `coverage`: number of deals known and open, as-of and export
    day, quality of the history.
    `pipeline`: open deals per stage on the as-of day. `velocity`: factors of this and the
    previous period. `leads`: per source, share converted within 30 days. `diagnosis`: what got
    worse, from creation to close where no stays in stages are known, None where no losses are
    known either; `leaks`: the same for a table. `paths`: ways through the stages and open deals,
    see `stage_paths`. `target_note`: that the target is probably in another unit, if it is.
    `single`: name and amount of the deal that outweighs all others won in the period, if one does.
    """

    period: Period
    window: Period
    recent: Period
    horizon: int
    trend: pd.DataFrame
    variants: pd.DataFrame
    groups: dict[str, pd.DataFrame]
    company_rate: float
    cohorts: pd.DataFrame
    change: CohortChange
    entries: pd.DataFrame
    flow: pd.DataFrame
    reached: pd.DataFrame
    dwell: pd.DataFrame
    history: pd.DataFrame
    coverage: dict[str, Any]
    pipeline: pd.DataFrame
    cycle: pd.DataFrame
    velocity: pd.DataFrame
    leads: pd.DataFrame
    diagnosis: Diagnosis | None = None
    leaks: pd.DataFrame = field(default_factory=pd.DataFrame)
    paths: StagePaths = field(default_factory=StagePaths)
    target_note: Words | None = None
    single: tuple[str, float] | None = None
    findings: list[Finding] = field(default_factory=list)
    key_figures: list[KeyFigure] = field(default_factory=list)

    @property
    def has_bookings(self) -> bool:
        """Tell whether any period has an amount won."""
        return bool(self.trend["bookings"].fillna(0).abs().sum())

    @property
    def verdict(self) -> dict[Language, str]:
        """Whether the funnel is healthy, in one sentence."""
        return verdict(self.diagnosis)

    @property
    def shown_leaks(self) -> list[tuple[Leak, str, dict[str, str]]]:
        """Every named leak with its stage and its group in both languages, for a chart."""
        if self.diagnosis is None:
            return []
        named = zip(self.leaks["stage"], self.leaks["where"], strict=True)
        return [(leak, *names) for leak, names in zip(self.diagnosis.named, named, strict=True)]

    @property
    def recent_days(self) -> dict[str, Day]:
        """First and last day of `recent`, for captions."""
        return {"first": Day(self.recent.start), "last": Day(self.recent.last)}


@recalled
def analyse_funnel(workspace: Workspace, *, period: Period) -> Funnel:
    """Describe the funnel of a period as known on the workspace's as-of day."""
    deals = workspace.table("deals")
    window = trailing(period, WINDOW_MONTHS)
    recent = trailing(period, RECENT_MONTHS)
    horizon = _horizon(workspace, deals, window)
    losses = _knows_losses(deals)
    cohorts, change = pd.DataFrame(), NO_CHANGE
    if losses:
        cohorts, change = _cohorts(workspace, deals, period, horizon)
    stages, stays = stages_of(workspace, deals, period, window)
    diagnosis = None
    if losses or stays is not None:
        watched = _lives(workspace, deals) if stays is None else stays
        diagnosis = diagnose(workspace, watched, period=period)
    names = _rep_names(workspace)
    paths = StagePaths()
    if stays is not None:
        paths = stage_paths(workspace, stays, period=period, window=window, names=names)
    trend = _trend(workspace, deals, period)
    parts = Funnel(
        period=period,
        window=window,
        recent=recent,
        horizon=horizon,
        trend=trend,
        variants=_variants(workspace, deals, recent, horizon) if losses else pd.DataFrame(),
        groups=_groups(workspace, deals, recent) if losses else {},
        company_rate=float(
            win_rate(deals, period=recent, as_of=workspace.as_of)["win_rate"].iloc[0]
        ),
        cohorts=cohorts,
        change=change,
        coverage=_coverage(workspace, deals),
        pipeline=pipeline_by_stage(deals, as_of=workspace.as_of),
        cycle=sales_cycle(deals, period=recent, as_of=workspace.as_of),
        velocity=velocity_split(workspace, deals, recent),
        leads=_leads(workspace, recent),
        entries=stages["entries"],
        flow=stages["flow"],
        reached=stages["reached"],
        dwell=stages["dwell"],
        history=stages["history"],
        diagnosis=diagnosis,
        paths=paths,
        target_note=odd_note(workspace, trend["target"].iloc[-1], period.days),
        single=outweighing_sale(
            deals, period, total=float(trend["bookings"].iloc[-1]), n=int(trend["priced"].iloc[-1])
        ),
        leaks=leak_table(diagnosis, names) if diagnosis else pd.DataFrame(),
    )
    found = funnel_findings(parts, workspace.settings, workspace.data_until)
    if diagnosis:
        found = in_order([*found, *diagnosis_findings(diagnosis, workspace.settings, names)])
    figures = funnel_key_figures(parts, workspace.settings)
    return replace(parts, findings=found, key_figures=figures)


def trailing(period: Period, months: int) -> Period:
    """Return the months that end with `period`; at least the period itself."""
    start = (pd.Timestamp(period.end) - pd.DateOffset(months=months)).date()
    start = min(start, period.start)
    last = period.end - timedelta(days=1)
    return Period(f"{start:%Y-%m} – {last:%Y-%m}", start, period.end, "month", period.calendar)


def _knows_losses(deals: Frame) -> bool:
    """Tell whether lost deals are in the data at all; some exports hold only those won."""
    lost = deals.filter(nw.col("status") == "lost").select(nw.col("deal_id").count())
    return bool(lost.collect(backend="pandas").to_native().iloc[0, 0])


def _coverage(workspace: Workspace, deals: Frame) -> dict[str, Any]:
    is_open = (nw.col("status") == "open").cast(nw.Int64)
    marked = deals.select(deals=nw.lit(1), open=is_open)
    row = marked.select(nw.all().sum()).collect(backend="pandas").to_native().iloc[0]
    return {
        "deals": int(row["deals"]),
        "open": int(row["open"]),
        "as_of": workspace.as_of,
        "until": workspace.data_until,
        "quality": f"history_{workspace.history_quality}",
    }


def _horizon(workspace: Workspace, deals: Frame, window: Period) -> int:
    """Days within which nearly all wins happen, in whole months: P90 of the won cycle."""
    cycle = sales_cycle(deals, period=window, as_of=workspace.as_of)["won_p90"].iloc[0]
    return 90 if np.isnan(cycle) else int(min(max(np.ceil(cycle / 30) * 30, 30), 720))


def _trend(workspace: Workspace, deals: Frame, period: Period) -> pd.DataFrame:
    periods = periods_until(period, TREND)
    span = _span(periods)
    closed, known = _numbered(deals, "closed_day", periods), workspace.as_of
    sold = bookings(closed, period=span, as_of=known, by=[_NUMBER])
    rate = win_rate(closed, period=span, as_of=known, by=[_NUMBER])
    size = average_deal_size(closed, period=span, as_of=known, by=[_NUMBER])
    cycle = sales_cycle(closed, period=span, as_of=known, by=[_NUMBER])
    renamed = (
        sold[[_NUMBER, "bookings", "won"]],
        rate[[_NUMBER, "closed", "win_rate", "lower", "upper"]].rename(
            columns={"lower": "win_rate_lower", "upper": "win_rate_upper"}
        ),
        size[[_NUMBER, "average_deal_size", "with_amount", "lower", "upper"]].rename(
            columns={"with_amount": "priced", "lower": "size_lower", "upper": "size_upper"}
        ),
        cycle[[_NUMBER, "won_median", "won_lower", "won_upper"]].rename(
            columns={"won_median": "cycle_median", "won_lower": "cycle_lower",
                     "won_upper": "cycle_upper"}
        ),
    )  # fmt: skip
    table = pd.DataFrame({_NUMBER: range(1, TREND + 1), "period": [p.label for p in periods]})
    for part in renamed:
        table = table.merge(part, on=_NUMBER, how="left")
    table["target"] = _targets(workspace, periods)
    if (
        table["closed"].sum() == table["won"].sum()
    ):  # no loss is known: a rate would be empty praise
        table[["win_rate", "win_rate_lower", "win_rate_upper"]] = float("nan")
    nothing_sold = {"won": 0, "closed": 0, "priced": 0}
    table["bookings"] = table["bookings"].mask(table["won"].isna(), 0.0)
    return table.fillna(nothing_sold).drop(columns=_NUMBER)


def _numbered(deals: Frame, day: str, periods: Sequence[Period]) -> Frame:
    """Add the number, from 1, of the period that holds a day; one query then serves them all."""
    begun = [(nw.col(day) >= one.start_day).cast(nw.Int64) for one in periods]
    return deals.with_columns(nw.sum_horizontal(*begun).alias(_NUMBER))


def _span(periods: Sequence[Period]) -> Period:
    first, last = periods[0], periods[-1]
    return Period("", first.start, last.end, last.cadence, last.calendar)


def _targets(workspace: Workspace, periods: Sequence[Period]) -> list[float]:
    """Return the bookings targets of the scope; missing where none covers a period."""
    if not workspace.has("targets"):
        return [float("nan")] * len(periods)
    level, name = workspace.scope.dimension or "company", workspace.scope.value
    plans = planned_each(workspace.table("targets"), periods=periods, level=level)
    mine = (plan[plan["level_id"] == name] if name else plan for plan in plans)
    return [float(plan["target"].sum(min_count=1)) for plan in mine]


def _variants(workspace: Workspace, deals: Frame, period: Period, horizon: int) -> pd.DataFrame:
    """Every named win rate side by side, since each answers another question."""
    known = workspace.as_of
    rows: list[tuple[str, float, float, float, float]] = []
    for name, metric, n in (
        ("wr_close_n", win_rate, "closed"),
        ("wr_close_v", win_rate_by_amount, "closed"),
        ("wr_broad", win_rate_broad, "closed"),
        ("wr_stale_adj", win_rate_stale_adjusted, "closed"),
        ("wr_created_naive", win_rate_created, "created"),
    ):
        row = metric(deals, period=period, as_of=known).iloc[0]
        base = row[n] if n in row else row["closed"]
        rate = row["win_rate"]
        if name == "wr_close_v" and rate == 1 and rows[0][1] < 1:
            rate = float("nan")  # deals were lost, but no lost one has an amount
        rows.append((name, rate, row["lower"], row["upper"], base))
    before = _months_before(period, horizon)
    counts = cohort_exits(deals, period=before, as_of=known)
    curve = aalen_johansen(counts, event="won", competing=("lost", "invalid"), waiting="still_open")
    cohort = share_within(curve, horizon)
    total = int(counts[["won", "lost", "invalid", "still_open"]].to_numpy().sum())
    rows.append(("wr_cohort_h", cohort.value, cohort.lower, cohort.upper, total))
    return pd.DataFrame(rows, columns=["variant", "win_rate", "lower", "upper", "n"])


def _months_before(period: Period, days: int) -> Period:
    """Return a span as long as the period, so early that its deals could reach `days`."""
    shift = timedelta(days=days)
    start, end = period.start - shift, period.end - shift
    return Period(f"{start} – {end - timedelta(days=1)}", start, end, "month", period.calendar)


def _dimensions(workspace: Workspace, deals: Frame) -> Sequence[str]:
    """Diagnosed dimensions that tell deals apart: filled, and neither one value nor hundreds."""
    there = set(deals.collect_schema().names())
    found = []
    for name in workspace.settings.dimensions:
        if name in there:
            values = deals.select(name).unique().collect(backend="pandas").to_native()[name]
            if 2 <= values.dropna().nunique() <= 30:
                found.append(name)
    return found


def _groups(workspace: Workspace, deals: Frame, period: Period) -> dict[str, pd.DataFrame]:
    """Win rates per dimension; one that splits the deals as an earlier one does is left out."""
    seen: dict[tuple[Any, ...], str] = {}
    groups = {d: _group(workspace, deals, period, d) for d in _dimensions(workspace, deals)}
    for dimension, rates in groups.items():
        counts = rates[["won", "lost", "open"]].itertuples(index=False, name=None)
        seen.setdefault(tuple(sorted(counts)), dimension)
    return {dimension: groups[dimension] for dimension in seen.values()}


def _group(workspace: Workspace, deals: Frame, period: Period, dimension: str) -> pd.DataFrame:
    rates = win_rate(deals, period=period, as_of=workspace.as_of, by=[dimension])
    sold = bookings(deals, period=period, as_of=workspace.as_of, by=[dimension])
    table = rates.merge(sold[[dimension, "bookings"]], on=dimension, how="left")
    return table.rename(columns={dimension: "group"}).assign(
        group=lambda t: t["group"].fillna("–"), bookings=lambda t: t["bookings"].fillna(0.0)
    )


def _cohorts(
    workspace: Workspace, deals: Frame, period: Period, horizon: int
) -> tuple[pd.DataFrame, CohortChange]:
    month = trailing(period, 1) if period.cadence == "week" else period
    months = periods_until(month, COHORTS if month.cadence == "month" else TREND)
    born = _numbered(deals, "created_day", months)
    counts = cohort_exits(born, period=_span(months), as_of=workspace.as_of, by=[_NUMBER])
    rows = []
    for number, one in enumerate(months, start=1):
        part = counts[counts[_NUMBER] == number]
        curve = aalen_johansen(
            part, event="won", competing=("lost", "invalid"), waiting="still_open"
        )
        won = share_within(curve, horizon)
        age = (workspace.as_of - one.last).days
        created = int(part[["won", "lost", "invalid", "still_open"]].to_numpy().sum())
        rows.append((one.label, created, won.value, won.lower, won.upper, age >= horizon))
    columns = ["period", "created", "won_share", "lower", "upper", "mature"]
    table = pd.DataFrame(rows, columns=columns).astype({"mature": bool})
    return table, _cohort_change(table, counts, horizon)


def _cohort_change(table: pd.DataFrame, counts: pd.DataFrame, horizon: int) -> CohortChange:
    """Compare the last mature cohorts with the mature ones before them.

    Deals begun at the same time are compared at the same age: the rate of deals *closed* in a
    month would move with the number of deals begun before it.
    """
    mature = [number for number, known in enumerate(table["mature"], start=1) if known]
    recent, before = mature[-RECENT_MONTHS:], mature[:-RECENT_MONTHS]
    if not before:
        return NO_CHANGE
    shares, sizes = [], []
    for numbers in (recent, before):
        part = counts[counts[_NUMBER].isin(numbers)]
        curve = aalen_johansen(
            part, event="won", competing=("lost", "invalid"), waiting="still_open"
        )
        shares.append(share_within(curve, horizon))
        sizes.append(int(table.loc[[n - 1 for n in numbers], "created"].sum()))
    errors = [(share.upper - share.lower) / (2 * z_value()) for share in shares]
    distance = abs(shares[0].value - shares[1].value) / hypot(*errors)
    p = 2 * (1 - NormalDist().cdf(distance)) if distance == distance else float("nan")
    first, last = table["period"].iloc[recent[0] - 1], table["period"].iloc[recent[-1] - 1]
    return CohortChange(first, last, shares[0], sizes[0], shares[1], sizes[1], p)


def _lives(workspace: Workspace, deals: Frame) -> Frame:
    """Return deals from creation to close: all that can be diagnosed without stays in stages."""
    dimensions = [*carried(workspace, deals), "owner_id"]
    there = set(deals.collect_schema().names())
    named = [name for name in dimensions if name in there]
    return workspace.keep("_lives", lives(deals, as_of=workspace.as_of, dimensions=named))


def _rep_names(workspace: Workspace) -> dict[str, str]:
    if not workspace.has("reps"):
        return {}
    reps = workspace.table("reps").select("rep_id", "name").unique().collect(backend="pandas")
    table = reps.to_native().dropna()
    return dict(zip(table["rep_id"], table["name"], strict=True))


def _leads(workspace: Workspace, recent: Period) -> pd.DataFrame:
    """Share of leads that became deals within 30 days, per source."""
    columns = ["source", "leads", "share", "lower", "upper"]
    if not workspace.has("leads"):
        return pd.DataFrame(columns=columns)
    counts = lead_conversion_counts(
        workspace.table("leads"), period=recent, as_of=workspace.as_of, by=["source"]
    )
    rows = []
    for source, part in counts.groupby("source", dropna=False, sort=True):
        curve = aalen_johansen(part, event="converted", waiting="waiting")
        within = share_within(curve, 30)
        n = int(part[["converted", "waiting"]].to_numpy().sum())
        rows.append((source if isinstance(source, str) else "–", n, *within))
    return pd.DataFrame(rows, columns=columns)
