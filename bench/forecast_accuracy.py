"""Forecasts against every method they could have used, on public series.

    python bench/forecast_accuracy.py [SET …]      # m3 aus tourism short shift walmart m4 parts
                                                   # lunar hierarchy; none is all
    python bench/forecast_accuracy.py m3 --no-prophet
    python bench/forecast_accuracy.py m3 --first=150            # of its series

Samples and seeds are fixed: 500 of M3 monthly and 120 of the two other collections drawn with
seed 42; Australian retail from 2000 on; short: 14 to 30 values of 300 of the M3 sample; shift:
the same 300 with a planted step of x0.5-0.7 or x1.4-2 between 6 and 18 months before the origin.
Every method sees the same series. OWA is the mean of sMAPE and MASE against Naive 2.
"""

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from salesops_kit.models.day_shares import STRETCHES, day_shares, lunar_new_years
from salesops_kit.models.series import centre, forecast
from salesops_kit.models.series_candidates import naive_points, points
from salesops_kit.models.series_hierarchy import past_errors, reconciled
from salesops_kit.models.series_panel import Array, Panel
from salesops_kit.models.series_prepare import prepared
from salesops_kit.models.series_prophet import prophet_view
from salesops_kit.models.series_scores import (
    coverage,
    mase,
    msis,
    owa,
    pinball,
    scales,
    smape,
)

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "forecast"
SEED = 42
SHARES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)


@dataclass(frozen=True)
class Case:
    """Series cut at their origin, and what came after."""

    name: str
    panel: Panel
    actual: Array

    @property
    def horizon(self) -> int:
        return self.actual.shape[1]


def drawn(name: str, count: int) -> dict[str, tuple[Array, Array]]:
    """Draw series that come with a test part: per id what was known and what came."""
    rows = pd.read_parquet(DATA / f"{name}.parquet")
    ids = rows["unique_id"].unique()
    chosen = np.random.default_rng(SEED).choice(ids, count, replace=False)
    parts = dict(list(rows.groupby("unique_id", sort=False)))
    return {
        key: tuple(
            parts[key].loc[parts[key]["split"] == split, "y"].to_numpy("float64")
            for split in ("train", "test")
        )
        for key in chosen
    }


def case(name: str, series: dict[str, tuple[Array, Array]], season: int) -> Case:
    known = tuple(before for before, _ in series.values())
    return Case(
        name, Panel(tuple(series), known, season), np.array([b for _, b in series.values()])
    )


def m3() -> Case:
    return case("m3", drawn("m3_monthly", 500), 12)


def tourism() -> Case:
    return case("tourism", drawn("tourism_monthly", 120), 12)


def m4() -> Case:
    return case("m4", drawn("m4_weekly", 120), 52)


def held_out(name: str, horizon: int, season: int, rows: pd.DataFrame) -> Case:
    series = {
        str(key): (
            part["y"].to_numpy("float64")[:-horizon],
            part["y"].to_numpy("float64")[-horizon:],
        )
        for key, part in rows.sort_values("ds").groupby("unique_id", sort=False)
        if len(part) >= 100 - horizon and part["ds"].max() == rows["ds"].max()
    }
    return case(name, series, season)


def aus() -> Case:
    rows = pd.read_parquet(DATA / "aus_retail.parquet")
    return held_out("aus", 12, 12, rows[rows["ds"] >= "2000-01-01"])


def walmart() -> Case:
    return held_out("walmart", 13, 52, pd.read_parquet(DATA / "walmart_weekly.parquet"))


def short() -> Case:
    rng = np.random.default_rng(SEED)
    taken = list(drawn("m3_monthly", 500).items())[:300]
    return case("short", {k: (a[-rng.integers(14, 31) :], b[:12]) for k, (a, b) in taken}, 12)


def shift() -> Case:
    rng = np.random.default_rng(SEED)
    series = {}
    for key, (known, came) in list(drawn("m3_monthly", 500).items())[:300]:
        at = len(known) - rng.integers(6, 19)
        factor = rng.uniform(0.5, 0.7) if rng.random() < 0.5 else rng.uniform(1.4, 2)
        moved = known.copy()
        moved[at:] *= factor
        series[key] = (moved, came * factor)
    return case("shift", series, 12)


def parts() -> Case:
    rows = pd.read_parquet(DATA / "carparts.parquet").dropna()
    whole = rows.groupby("unique_id").filter(lambda part: len(part) == 51)
    ids = np.random.default_rng(SEED).choice(whole["unique_id"].unique(), 500, replace=False)
    chosen = whole[whole["unique_id"].isin(ids)].sort_values("ds")
    wide = {str(k): p["y"].to_numpy("float64") for k, p in chosen.groupby("unique_id")}
    return case("parts", {k: (y[:-6], y[-6:]) for k, y in wide.items()}, 12)


def last_value(panel: Panel, horizon: int) -> Array:
    return np.repeat([[value[-1]] for value in panel.known], horizon, axis=1)


def picked(at: Case, names: list[str]) -> Array:
    """Choose per series the method that missed least at one earlier origin."""
    horizon, panel = at.horizon, prepared(at.panel, at.horizon).panel
    past, came = panel.before(horizon), panel.last(horizon)
    usable = [row for row, value in enumerate(past.known) if len(value) > 6]
    trial = points(past.only(usable), horizon, names)
    miss = np.stack([np.abs(trial[n] - came[usable]).mean(axis=1) for n in names])
    best = np.zeros(len(panel), dtype="int64")
    best[usable] = np.nan_to_num(miss, nan=np.inf).argmin(axis=0)
    now = np.stack(list(points(panel, horizon, names).values()))[best, np.arange(len(panel))]
    return np.where(np.isnan(now), naive_points(at.panel, horizon), now)


def prophet(at: Case) -> tuple[Array, Array, Array]:
    """Forecast with Prophet's defaults, and its own 80 % band."""
    step = {12: "MS", 52: "W"}[at.panel.season]
    tables = []
    for value in at.panel.known:
        days = pd.date_range("2000-01-01", periods=len(value) + at.horizon, freq=step).date
        tables.append(prophet_view(value, list(days), 200).ahead)
    return tuple(np.array([t[name] for t in tables]) for name in ("value", "lower", "upper"))


def told(at: Case, label: str, table: Array, more: str = "") -> float:
    scale = scales(at.panel)
    index = owa(at.actual, table, at.panel)
    print(f"{at.name:9} {label:22} sMAPE {smape(at.actual, table).mean():6.2f}  "
          f"MASE {np.nanmean(mase(at.actual, table, scale)):6.3f}  OWA {index:6.4f} {more}",
          flush=True)  # fmt: skip
    return index


def bands(at: Case, lower: Array, upper: Array) -> str:
    held = [coverage(at.actual, lower[:, :, k], upper[:, :, k]) for k in range(3)]
    score = np.nanmean(msis(at.actual, lower[:, :, 2], upper[:, :, 2], scales(at.panel)))
    return f" held {held[0]:.3f} {held[1]:.3f} {held[2]:.3f}  MSIS95 {score:.2f}"


def quantiles(table: Array, lower: Array, upper: Array) -> Array:
    """Put the bounds of 95, 80 and 50 % and the forecast in order of `SHARES`."""
    sides = [lower[:, :, 2], lower[:, :, 1], lower[:, :, 0], table]
    return np.stack([*sides, upper[:, :, 0], upper[:, :, 1], upper[:, :, 2]], axis=2)


def compared(at: Case, *, with_prophet: bool) -> None:
    """Print the combination, its methods, and what else could have been used."""
    for mode in ("best", "fast"):
        clock = time.process_time()
        found = forecast(at.panel, at.horizon, mode)
        seconds = (time.process_time() - clock) / len(at.panel) * 1000
        loss = pinball(at.actual, quantiles(found.value, found.lower, found.upper), SHARES,
                       scales(at.panel))  # fmt: skip
        told(at, mode, found.value,
             f"{bands(at, found.lower, found.upper)}  SPL {np.nanmean(loss):.3f}  "
             f"{seconds:.0f} CPU s/1000 with bands")  # fmt: skip
        if mode == "best":
            members = found.members
    clock = time.process_time()
    centre(at.panel, at.horizon, "fast")
    seconds = (time.process_time() - clock) / len(at.panel) * 1000
    print(f"{at.name:9} fast, without bands: {seconds:.1f} CPU s/1000")
    for name, table in members.items():
        # a method that cannot be fitted is given what it would be replaced by
        usual = naive_points(at.panel, at.horizon)
        told(at, f"  {name}", np.where(np.isnan(table), usual, table))
    told(at, "  chosen per series", picked(at, list(members)))
    told(at, "  seasonal naive", naive_points(at.panel, at.horizon))
    told(at, "  naive", last_value(at.panel, at.horizon))
    if with_prophet and at.name != "parts":
        table, lower, upper = prophet(at)
        told(at, "  Prophet", table, f" held 80 %: {coverage(at.actual, lower, upper):.3f}")


def first(at: Case, options: tuple[str, ...]) -> Case:
    """Keep only so many series where `--first=N` says so."""
    counts = [int(option.removeprefix("--first=")) for option in options if "--first=" in option]
    if not counts:
        return at
    part = at.panel.only(range(min(counts[0], len(at.panel))))
    return Case(at.name, part, at.actual[: len(part)])


def lunar() -> None:
    """Print errors on China's trade with and without the days of lunar new year."""
    series = {
        name: pd.read_parquet(DATA / f"china_{name}.parquet").sort_values("ds")
        for name in ("imp", "exp")
    }
    days = [day.date() for day in pd.to_datetime(series["imp"]["ds"])]
    days = days[: days.index(date(2013, 12, 1)) + 1]
    starts = [*days, (days[-1] + timedelta(days=31)).replace(day=1)]
    shares = day_shares(lunar_new_years("CN", starts[0], starts[-1]), starts, STRETCHES)
    misses: dict[str, list[Array]] = {"with": [], "without": []}
    for year in range(2004, 2013):
        at = days.index(date(year, 12, 1)) + 1
        values = [part["y"].to_numpy("float64") for part in series.values()]
        known = tuple(value[:at] for value in values)
        came = np.array([value[at : at + 12] for value in values])
        for label, drivers in (("with", shares[: at + 12]), ("without", None)):
            panel = Panel(tuple(series), known, 12, drivers, 12 if drivers is not None else 0)
            misses[label].append(np.abs(came - centre(panel, 12, "best")) / came * 100)
    for label, found in misses.items():
        table = np.array(found)
        print(f"lunar     {label:8} all {table.mean():.2f} %  January to March "
              f"{table[:, :, :3].mean():.2f} %")  # fmt: skip


def hierarchy() -> None:
    """Print MASE by level of Australian tourism, before and after making it add up."""
    rows = pd.read_parquet(DATA / "tourism_hier.parquet")
    keys = ["State", "Region", "Purpose"]
    rows[keys] = rows[keys].apply(lambda column: column.str.strip())
    levels = {"total": [], "state": ["State"], "purpose": ["Purpose"],
              "region": ["State", "Region"], "state x purpose": ["State", "Purpose"],
              "bottom": keys}  # fmt: skip
    leaves = rows[keys].drop_duplicates().sort_values(keys).reset_index(drop=True)
    values, matrix, level = [], [], []
    for name, by in levels.items():
        named = rows.assign(all="all")
        wide = named.pivot_table(index=by or ["all"], columns="ds", values="y", aggfunc="sum")
        for node, series in wide.iterrows():
            key = node if isinstance(node, tuple) else (node,)
            held = (leaves[by] == list(key)).all(axis=1) if by else np.ones(len(leaves))
            values.append(series.to_numpy("float64"))
            matrix.append(np.asarray(held, dtype="float64"))
            level.append(name)
    order = np.array(level)
    horizon, known = 8, tuple(value[:-8] for value in values)
    panel = Panel(tuple(map(str, range(len(values)))), known, 4)
    actual, scale = np.array([value[-8:] for value in values]), scales(panel)
    base = centre(panel, horizon, "best")
    fitted = reconciled(base, np.array(matrix), past_errors(panel))
    apart = np.abs(fitted - np.array(matrix) @ fitted[order == "bottom"]).max() / fitted.max()
    print(f"hierarchy largest gap between a node and its leaves: {apart:.1e} of the total")
    before, after = mase(actual, base, scale), mase(actual, fitted, scale)
    for name in [*levels, "all"]:
        mine = (order == name) | (name == "all")
        was, now = before[mine].mean(), after[mine].mean()
        print(f"hierarchy {name:16} base {was:.3f}  adds up {now:.3f}  ({now / was - 1:+.1%})")


CASES: dict[str, Callable[[], Case]] = {
    one.__name__: one for one in (m3, aus, tourism, short, shift, walmart, m4, parts)
}


def main(*names: str) -> None:
    if not DATA.is_dir():
        print(f"skipped: {DATA} is not there")
        return
    chosen = [name for name in names if not name.startswith("--")]
    for name in chosen or [*CASES, "lunar", "hierarchy"]:
        if name in CASES:
            compared(first(CASES[name](), names), with_prophet="--no-prophet" not in names)
        else:
            {"lunar": lunar, "hierarchy": hierarchy}[name]()


if __name__ == "__main__":
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        main(*sys.argv[1:])
