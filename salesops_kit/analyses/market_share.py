"""The market: did we grow with it, what share is ours, and where are we exposed.

The outside figures come from the table `market`: `size` (money per month), else `index`, per
region. Our own are bookings. A share is only told where the market's size is known in money.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.language import LANGUAGES, both
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.grouping import totals
from salesops_kit.models.exceedance import Foreseen, foreseen
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

Array = npt.NDArray[np.float64]

MONTHS = 12
SPANS = (12, 6, 3)  # months that are compared with the same ones a year before: as many as can be
STARTS = 120  # days after its first deal in which a company is only beginning to win
ALL = "all"
DRAWS = 500
_RANGE = (0.05, 0.95)
COLUMNS = {
    "regions": ["region", "place", "bookings", "exposure", "own_growth", "lower", "upper",
                "market_growth", "gap", "market_share", "share_before", "n"],
    "trend": ["month_on", "own_index", "market_index"],
    "gaps": ["month_on", "region", "gap"],
}  # fmt: skip


@dataclass(frozen=True)
class MarketShare:
    """Own bookings beside the market; frames are empty without a table of the market.

    `regions`: the last twelve full months (six or three where the past is short) against the same
    ones a year before, "all" first: `months` how many; `own_growth`
    with its 90 % interval (bootstrap over deals), `market_growth`, `gap` (own less market),
    `market_share` and that before (missing without sizes), `exposure` (share of our bookings).
    `trend`: both as an index, 100 at its begin, over as many rolling months. `gaps`: the gap per
    region and month. `ahead`: the market's growth foreseen for the next month's window.
    """

    window: Period
    regions: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["regions"]))
    trend: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["trend"]))
    gaps: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["gaps"]))
    in_money: bool = False
    months: int = 0
    ahead: Foreseen | None = None

    @property
    def whole(self) -> dict[str, float] | None:
        """Return the row of all regions together."""
        rows = self.regions[self.regions["region"] == ALL]
        return None if rows.empty else dict(rows.iloc[0])


def analyse_market(workspace: Workspace, *, period: Period) -> MarketShare:
    """Compare bookings with the market over the twelve months up to the last month known of it."""
    end = workspace.as_of + timedelta(days=1)
    nothing = MarketShare(_window(end, period, MONTHS))
    if not workspace.has("market"):
        return nothing
    market, in_money = _market(workspace, end)
    if market.empty:
        return nothing
    until = (market.index.max() + pd.DateOffset(months=1)).date()
    deals, begins = _won(workspace)
    own = _monthly(deals, market)
    months = _months(market.index, begins)
    if not months:
        return nothing
    rows = [_row(name, own, market, (deals, months), in_money=in_money)
            for name in [ALL, *[one for one in market.columns if one != ALL]]]  # fmt: skip
    table = pd.DataFrame([row for row in rows if row], columns=COLUMNS["regions"])
    whole = _whole(market, in_money=in_money)
    growth = _rolling(whole, months) / _rolling(whole, months).shift(MONTHS) - 1
    return MarketShare(
        _window(until, period, months), table,
        _trend(own.sum(axis=1), whole, months, begins), _gaps(own, market, months, begins),
        in_money, months, foreseen(growth.to_numpy("float64"), threshold=0.0, worse=-1),
    )  # fmt: skip


def _months(index: "pd.Index[Any]", begins: pd.Timestamp) -> int:
    """Return how many months can be compared with the same ones of a grown-up year before."""
    for months in SPANS:
        if len(index) >= MONTHS + months and index[-MONTHS - months] >= begins:
            return months
    return 0


def _whole(market: pd.DataFrame, *, in_money: bool) -> "pd.Series[float]":
    return market.sum(axis=1) if in_money else market.mean(axis=1)


def _window(until: date, period: Period, months: int) -> Period:
    start = (pd.Timestamp(until) - pd.DateOffset(months=months)).date()
    last = until - timedelta(days=1)
    return Period(f"{start:%Y-%m} – {last:%Y-%m}", start, until, "year", period.calendar)


def _market(workspace: Workspace, end: date) -> tuple[pd.DataFrame, bool]:
    """Return the market per full month (rows) and region (columns), and if it is money."""
    rows = collect(workspace.table("market"), ["month_day", "region"])
    for metric in ("size", "index"):
        part = rows[rows["metric"] == metric]
        if part.empty:
            continue
        month = pd.to_datetime(part["month_on"])
        region = part["region"].where(part["region"].notna() & (part["region"] != ""), ALL)
        table = part.assign(month=month, region=region).pivot_table(
            index="month", columns="region", values="value",
            aggfunc="sum" if metric == "size" else "mean",
        )  # fmt: skip
        full = [stamp + pd.DateOffset(months=1) <= pd.Timestamp(end) for stamp in table.index]
        named = table.drop(columns=ALL) if len(table.columns) > 1 and ALL in table else table
        return named[np.array(full, dtype=bool)].astype("float64"), metric == "size"
    return pd.DataFrame(), False


def _won(workspace: Workspace) -> tuple[pd.DataFrame, pd.Timestamp]:
    """Return won money per month, region and amount, and the month when winning was usual."""
    deals = workspace.table("deals")
    has_region = "region" in deals.collect_schema().names()
    won = deals.filter((nw.col("status") == "won") & ~nw.col("amount").is_null())
    # no day, no month; and pandas 2.3 now and then fails on missing numbers with a unit
    won = won.filter(~nw.col("closed_day").is_null()).with_columns(
        n=nw.lit(1), region=nw.col("region") if has_region else nw.lit(None).cast(nw.String)
    )
    rows = totals(won, by=["closed_day", "region", "amount"], counts=["n"])
    days = pd.to_datetime(rows["closed_day"].astype("int64"), unit="D")
    born = collect(deals.select(nw.col("created_day").min()))["created_day"].iloc[0]
    first = pd.Timestamp(int(born) + STARTS, unit="D") if pd.notna(born) else pd.Timestamp.max
    return rows.assign(month=days.dt.to_period("M").dt.to_timestamp()), first


def _monthly(deals: pd.DataFrame, market: pd.DataFrame) -> pd.DataFrame:
    money = deals.assign(money=deals["amount"] * deals["n"])
    table = money.pivot_table(index="month", columns="region", values="money", aggfunc="sum")
    if list(market.columns) == [ALL]:
        table = money.groupby("month")["money"].sum().to_frame(ALL)
    return table.reindex(index=market.index, columns=market.columns).fillna(0.0)


def _row(
    name: str, own: pd.DataFrame, market: pd.DataFrame, known: tuple[pd.DataFrame, int],
    *, in_money: bool,
) -> tuple[object, ...] | None:  # fmt: skip
    """Compare the last months with those a year before, for one region or all."""
    deals, months = known
    mine = own.sum(axis=1) if name == ALL else own[name]
    theirs = _whole(market, in_money=in_money) if name == ALL else market[name]
    now, then = slice(-months, None), slice(-MONTHS - months, len(market) - MONTHS)
    booked, before = float(mine.iloc[now].sum()), float(mine.iloc[then].sum())
    size, former = float(theirs.iloc[now].sum()), float(theirs.iloc[then].sum())
    if not before > 0 or not former > 0:
        return None
    part = deals if name == ALL else deals[deals["region"] == name]
    low, high, n = _growth_range(part, market.index[now], market.index[then])
    growth = size / former - 1
    place = both("risk.all") if name == ALL else dict.fromkeys(LANGUAGES, name)
    return (name, place, booked, booked / max(float(own.iloc[now].to_numpy().sum()), 1e-9),
            booked / before - 1, low, high, growth, booked / before - 1 - growth,
            booked / size if in_money else np.nan, before / former if in_money else np.nan,
            n)  # fmt: skip


def _growth_range(
    deals: pd.DataFrame, now: "pd.Index[Any]", then: "pd.Index[Any]"
) -> tuple[float, float, int]:
    """Return the interval of own growth had chance dealt other deals (Poisson bootstrap)."""
    rng = np.random.default_rng(0)
    late, early = (deals["month"].isin(months).to_numpy() for months in (now, then))
    amount, n = deals["amount"].to_numpy("float64"), deals["n"].to_numpy("float64")
    drawn = rng.poisson(n, (DRAWS, len(n))) * amount
    before = drawn[:, early].sum(axis=1)
    fine = before > 0
    growth = drawn[:, late].sum(axis=1)[fine] / before[fine] - 1
    if not len(growth):
        return float("nan"), float("nan"), 0
    low, high = np.quantile(growth, _RANGE)
    return float(low), float(high), int(n[late].sum())


def _rolling(values: "pd.Series[float]", months: int) -> "pd.Series[float]":
    return values.rolling(months).sum()


def _trend(
    own: "pd.Series[float]", whole: "pd.Series[float]", months: int, begins: pd.Timestamp
) -> pd.DataFrame:
    grown = own.index >= begins
    mine, theirs = _rolling(own[grown], months), _rolling(whole[grown], months)
    known = mine.notna() & theirs.notna() & (mine > 0)
    if not known.any():
        return pd.DataFrame(columns=COLUMNS["trend"])
    mine, theirs = mine[known], theirs[known]
    return pd.DataFrame({
        "month_on": [stamp.date() for stamp in mine.index],
        "own_index": (100 * mine / mine.iloc[0]).to_numpy(),
        "market_index": (100 * theirs / theirs.iloc[0]).to_numpy(),
    })  # fmt: skip


def _gaps(
    own: pd.DataFrame, market: pd.DataFrame, months: int, begins: pd.Timestamp
) -> pd.DataFrame:
    """Return own growth less the market's, rolling months against those of a year before."""
    grown = own.index >= begins
    found = []
    for name in market.columns:
        mine, theirs = (_rolling(table[name][grown], months) for table in (own, market))
        before = mine.shift(MONTHS)
        gap = mine / before.where(before > 0) - theirs / theirs.shift(MONTHS)
        known = gap.dropna()
        days = [stamp.date() for stamp in known.index]
        found += [(day, name, float(value)) for day, value in zip(days, known, strict=True)]
    return pd.DataFrame(found, columns=COLUMNS["gaps"])
