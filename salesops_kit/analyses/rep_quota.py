"""Quotas: how far each rep got, what the quota asks of the territory, and where the pace leads."""

from collections.abc import Sequence
from datetime import timedelta
from statistics import NormalDist

import numpy as np
import pandas as pd

from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.grouping import z_value
from salesops_kit.metrics.pay import credited_sales
from salesops_kit.metrics.roster import credited
from salesops_kit.metrics.targets import planned_each
from salesops_kit.metrics.wins import win_rate_created
from salesops_kit.models.potential import peer_potential, potential_spread
from salesops_kit.models.single_amounts import believed
from salesops_kit.periods import EPOCH, Cadence, Period, day_number, period_containing

MONTH_DAYS = 30.44
_FALSE = 0.1  # chance that any quota is called unequal by chance
COLUMNS = ("rep", "person", "team", "region", "active_days", "quota", "prorated", "bookings",
           "attainment", "expected_now")  # fmt: skip
_NUMBERS = ("active_days", "quota", "prorated", "bookings", "expected_now")


def quotas(source: RepSource, span: Period) -> pd.DataFrame:
    """Return what each rep was to book in a span, and booked.

    Returns
    -------
    DataFrame
        One row per rep who worked or had a quota in the span, leavers included: `quota` as
        planned, `prorated` (of the days the rep was there and ramped up), `bookings` (with splits),
        `attainment` (bookings / prorated; missing without one), `expected_now` (share of the
        prorated quota whose days have passed), `team`, `region`, `active_days`.
    """
    key = ("quotas", span.start, span.end)
    if key not in source.kept:
        source.kept[key] = _quotas(source, span)
    return source.kept[key]


def _quotas(source: RepSource, span: Period) -> pd.DataFrame:
    plans = _plans(source, span)
    sold = _booked(source, span)
    there = _days(source, span)
    table = plans.merge(sold, on="rep", how="outer").merge(there, on="rep", how="outer")
    table = table.merge(source.members[["rep", "person", "team", "region"]], on="rep", how="inner")
    known = table["quota"].notna() | table["active_days"].notna()
    table = table[known].fillna({"bookings": 0.0}).reset_index(drop=True)
    # without any plan these columns would be objects, and spans of both kinds would not stack
    table = table.astype(dict.fromkeys(_NUMBERS, "float64"))
    table["attainment"] = table["bookings"] / table["prorated"].where(table["prorated"] > 0)
    return table[list(COLUMNS)].sort_values("rep", ignore_index=True)


def potential(source: RepSource) -> pd.DataFrame:
    """Return what peers would have booked of the deals each rep received in the window.

    Returns
    -------
    DataFrame
        `rep`, `received` (deals begun in the window), `bookings`, `potential`, `productivity`
        (see `models.potential.peer_potential`), `quota` of the window as planned, and `demand`:
        quota / potential against that of all reps together; below 1 the quota is easy to reach.
        `demand_lower`, `demand_upper`: 90 % interval by other deals of the same kinds;
        `demand_clear`: surely not 1, one error in ten for all reps together.
    """
    window, strata = source.window, list(source.strata)
    by = ["owner_id", *strata]
    begun = win_rate_created(
        source.deals, period=window, as_of=source.workspace.as_of, by=by
    ).rename(columns={"created": "received"})[[*by, "received"]]  # fmt: skip
    decided = source.decided.rename(columns={"rep": "owner_id"})
    # one deal a thousand times the usual size would make a giant of every other rep's territory
    each = (decided["bookings"] / decided["priced"].where(decided["priced"] > 0)).fillna(0.0)
    usual = believed(each.to_numpy("float64"), np.ones(len(each))) * decided["priced"]
    sums = {"bookings": "sum", "usual": "sum", "priced": "sum"}
    sold = decided.assign(usual=usual).groupby(by, dropna=False, as_index=False).agg(sums)
    nothing = {"received": 0, "bookings": 0.0, "usual": 0.0, "priced": 0}
    rows = begun.merge(sold, on=by, how="outer").fillna(nothing)
    rows = rows[rows["owner_id"].isin(source.members["rep"])].rename(columns={"owner_id": "rep"})
    booked = rows.groupby("rep")["bookings"].sum()
    rows = rows.assign(bookings=rows["usual"], won=rows["priced"])
    table = peer_potential(rows, strata)
    table = table.assign(bookings=table["rep"].map(booked),
                         spread=table["rep"].map(potential_spread(rows, strata)))  # fmt: skip
    table["productivity"] = table["bookings"] / table["potential"].where(table["potential"] > 0)
    plan = quotas(source, window)[["rep", "prorated"]].rename(columns={"prorated": "quota"})
    return _demanding(table.merge(plan, on="rep", how="left"))


def _demanding(table: pd.DataFrame) -> pd.DataFrame:
    """Add how much each quota asks, with its interval, and which surely ask less or more."""
    asked = table["quota"] / table["potential"].where(table["potential"] > 0)
    both = table[["quota", "potential"]].notna().all(axis=1)
    usual = table.loc[both, "quota"].sum() / max(table.loc[both, "potential"].sum(), 1e-12)
    demand = asked / usual if usual else asked * np.nan
    reach = np.exp(z_value() * table["spread"])
    # one error in ten for all reps together, on both sides
    sure = NormalDist().inv_cdf(1 - _FALSE / 2 / max(int(both.sum()), 1)) * table["spread"]
    clear = np.log(demand.where(demand > 0)).abs() > sure
    return table.assign(demand=demand, demand_lower=demand / reach, demand_upper=demand * reach,
                        demand_clear=clear & demand.notna())  # fmt: skip


def attained(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return attainment per group (a column, or "" for all): sums, and how reps spread in it.

    Leavers' quotas and bookings stay in the sums. `reps` have a quota; `median_rep`, `at_80` and
    `at_100` tell of them.
    """
    judged = table.assign(group=table[column] if column else "all")
    rows = []
    for group, part in judged.groupby("group", sort=True):
        with_quota = part[part["prorated"] > 0]
        share = with_quota["attainment"]
        rows.append({
            "group": group, "reps": len(with_quota), "quota": part["prorated"].sum(),
            "bookings": part["bookings"].sum(),
            "attainment": part["bookings"].sum() / part["prorated"].sum()
            if part["prorated"].sum() else np.nan,
            "median_rep": share.median(), "at_80": int((share >= 0.8).sum()),
            "at_100": int((share >= 1).sum()),
        })  # fmt: skip
    names = ["group", "reps", "quota", "bookings", "attainment", "median_rep", "at_80", "at_100"]
    return pd.DataFrame(rows, columns=names)


def _plans(source: RepSource, span: Period) -> pd.DataFrame:
    """Sum quotas as planned and prorated over the months of a span, else its quarters or itself."""
    columns = ["rep", "quota", "prorated", "expected_now"]
    if not source.workspace.has("targets"):
        return pd.DataFrame(columns=columns).astype({"quota": float, "prorated": float})
    for parts in (_parts(span, "month"), _parts(span, "quarter"), [span]):
        rows = pd.concat(_each_plan(source, parts), ignore_index=True)
        if rows["quota"].notna().any():
            summed = rows.groupby("rep", as_index=False)[["quota", "prorated", "passed"]].sum()
            passed = summed["passed"] / summed["prorated"].where(summed["prorated"] > 0)
            return summed.assign(expected_now=passed)[columns]
    return pd.DataFrame(columns=columns).astype({"quota": float, "prorated": float})


def read_quotas(source: RepSource, spans: Sequence[Period]) -> None:
    """Read the plans of the months of several spans in one pass, for `quotas` of each."""
    if source.workspace.has("targets"):
        _each_plan(source, [month for span in spans for month in _parts(span, "month")])


def _each_plan(source: RepSource, parts: Sequence[Period]) -> list[pd.DataFrame]:
    """Return the quotas of parts of a span: as planned, prorated, and what has passed of them."""
    keys = [("plan", part.start, part.end) for part in parts]
    once = dict(zip(keys, parts, strict=True))
    new = [part for key, part in once.items() if key not in source.kept]
    plans = planned_each(source.targets, periods=new, level="rep")
    for part, plan in zip(new, plans, strict=True):
        source.kept["plan", part.start, part.end] = _prorated(source, part, plan)
    return [source.kept[key] for key in keys]


def _prorated(source: RepSource, part: Period, plan: pd.DataFrame) -> pd.DataFrame:
    workspace = source.workspace
    plan.attrs = {}  # pandas copies them, deeply, with every part that is taken
    plan = plan.rename(columns={"level_id": "rep", "target": "quota"})[["rep", "quota"]]
    there = _spans(source, part)
    days = there.groupby("rep_id")["active_days"].sum()
    hired = there.groupby("rep_id")["hire_day"].max()
    share = plan["rep"].map(days).fillna(0) / part.days
    counts = ramped(source, pd.to_numeric(plan["rep"].map(hired)), part)
    prorated = plan["quota"] * share * counts
    passed = np.clip((day_number(workspace.as_of) + 1 - part.start_day) / part.days, 0, 1)
    return plan.assign(prorated=prorated, passed=prorated * passed)


def ramped(source: RepSource, hired: "pd.Series[float]", part: Period) -> "pd.Series[float]":
    """Share of the quota that counts in the month since hiring; 1 beyond the ramp."""
    ramp = source.workspace.settings.evaluation.quota_ramp
    months = ((part.start_day - hired) / MONTH_DAYS).clip(lower=0).fillna(len(ramp)).astype(int)
    return months.map(lambda month: ramp[month] if month < len(ramp) else 1.0).astype(float)


def _parts(span: Period, cadence: Cadence) -> list[Period]:
    """Return the months or quarters that a span consists of; none where they do not fit."""
    parts = []
    day = span.start
    while day < span.end:
        part = period_containing(day, cadence, span.calendar)
        parts.append(part)
        day = part.end
    fits = parts[0].start == span.start and parts[-1].end == span.end
    return parts if fits else [span]


def _spans(source: RepSource, part: Period) -> pd.DataFrame:
    """Return who was there in a part of the roster's time, with the days."""
    spans = source.everyone
    first = spans["first_day"].clip(lower=part.start_day)
    last = spans["last_day"].clip(upper=part.end_day - 1)
    spans = spans.assign(active_days=last - first + 1)
    return spans[spans["active_days"] > 0]


def _days(source: RepSource, span: Period) -> pd.DataFrame:
    days = _spans(source, span).groupby("rep_id")["active_days"].sum()
    return days.rename_axis("rep").reset_index()


def _booked(source: RepSource, span: Period) -> pd.DataFrame:
    """Sum what each rep booked, shared deals by their share."""
    sold = daily_sales(source)
    inside = sold[(sold["closed_day"] >= span.start_day) & (sold["closed_day"] < span.end_day)]
    return inside.groupby("rep", as_index=False)[["bookings"]].sum()


def daily_sales(source: RepSource) -> pd.DataFrame:
    """Return `rep`, `closed_day`, `won`, `bookings` of every day up to the as-of day."""
    key = ("daily", EPOCH, source.workspace.as_of)
    if key not in source.kept:
        as_of = source.workspace.as_of
        always = Period("", EPOCH, as_of + timedelta(days=1), "month")
        table = credited_sales(shared_deals(source), period=always, as_of=as_of,
                               by=["owner_id", "closed_day"])  # fmt: skip
        source.kept[key] = table.rename(columns={"owner_id": "rep"})
    return source.kept[key]


def deal_sales(source: RepSource, span: Period) -> pd.DataFrame:
    """Return `rep`, `deal_id`, `bookings` of every deal won in a span, by the shares of each."""
    table = credited_sales(shared_deals(source), period=span, as_of=source.workspace.as_of,
                           by=["owner_id", "deal_id"])  # fmt: skip
    table = table.rename(columns={"owner_id": "rep"})
    return table.fillna({"bookings": 0.0})[["rep", "deal_id", "bookings"]]


def shared_deals(source: RepSource) -> Frame:
    """Return deals under who is credited, with the shares of each."""
    workspace = source.workspace
    splits = workspace.table("deal_splits") if workspace.has("deal_splits") else None
    return credited(source.deals, None, splits)


def year_to_date(period: Period) -> Period:
    """Return the fiscal year up to the period's end."""
    year = period_containing(period.start, "year", period.calendar)
    return Period(f"{year.label} – {period.label}", year.start, period.end, "year", period.calendar)
