"""Pipeline forecasts in many companies: what each method said, and what then came."""

from dataclasses import dataclass, fields, replace
from datetime import date

import numpy as np
import pandas as pd

from salesops_kit.analyses.pipeline_forecast import PipelineForecast, analyse_pipeline_forecast
from salesops_kit.analyses.pipeline_record import (
    METHODS,
    Made,
    Record,
    Window,
    over_by,
    past_table,
    record_of,
)
from salesops_kit.models.deal_forecast import labelled
from salesops_kit.models.sum_distribution import Outlook, Shock, booked_draws, common_shock
from salesops_kit.periods import day_number, period
from salesops_kit.workspace import Workspace
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.nulls import sized
from truth.tables import workspace_of

DEALS = 6_600
LAST = date(2025, 10, 4)
WORLD = World(start=date(2022, 6, 1), export_on=date(2025, 10, 5))
# one after the other: calm; noisy; many forgotten deals while it grows; seasonal and very noisy
KINDS = ({"shock": 0.10, "stale": 0.04}, {"shock": 0.20, "stale": 0.08},
         {"shock": 0.15, "stale": 0.15, "growth_per_month": 0.02},
         {"shock": 0.30, "stale": 0.06, "season_odds": 0.15, "season": 0.3})  # fmt: skip
STEP = 28  # days between forecasts
LEADS = (28, 56, 84, 91)  # days ahead; 13 weeks are a quarter
BINS = 20
_FIRST = 365  # days that are learned from before the first forecast
_RANGE = (0.1, 0.9)
_DRAWS = 2_000
_ALONE = Shock(np.array([0.0]), np.array([1.0]))  # deals that have nothing in common
_FUTURE = pd.Timestamp(2025, 6, 15)


@dataclass(frozen=True)
class Measured:
    """Forecasts of one company.

    `rows`: per `days` ahead and origin what each method said, `actual`, and whether it lay
    `inside` the range, and inside that of independent deals (`alone`). `classes`: per `days` and
    class of chance the `deals`, the sum of their chances `stated`, and `came`.
    """

    rows: pd.DataFrame
    classes: pd.DataFrame


def measured(seed: int) -> Measured:
    """Forecast one company at all leads, every four weeks."""
    tables = canonical.tables(simulate(world_of(seed)))
    workspace = workspace_of({name: tables[name] for name in ("deals", "stage_history")}, LAST)
    last = day_number(LAST)
    origins = range(last, day_number(WORLD.start) + 60, -STEP)
    record = record_of(workspace, [Window(origin, origin) for origin in origins])
    parts = [_at(record, [Window(origin, origin + days) for origin in origins])
             for days in LEADS]  # fmt: skip
    return Measured(*(pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True)))


def world_of(seed: int) -> World:
    """Return the company of a seed: calm, noisy, forgetful or seasonal."""
    return sized(replace(WORLD, seed=seed, **KINDS[seed % len(KINDS)]), DEALS)


def _at(record: Record, windows: list[Window]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the forecasts and the classes of chances at one lead."""
    days = windows[0].days
    made = [one for one in record.forecasts(windows, newest=len(windows))
            if not np.isnan(one.actual)]  # fmt: skip
    past = past_table(made)
    ranges = [_inside(one, past) for one in made]
    past = past.assign(
        days=days,
        inside=[pair[0] for pair in ranges],
        alone=[pair[1] for pair in ranges],
    )
    judged = past["origin"] >= record.begins + _FIRST
    chosen = [one for one, kept in zip(made, judged, strict=True) if kept]
    return past[judged], _classes(record, chosen, windows).assign(days=days)


def _inside(one: Made, past: pd.DataFrame) -> tuple[bool, bool]:
    """Tell whether what came lies in the range, and in that of deals drawn on their own."""
    window = one.window
    known = common_shock(over_by(past, window.origin), apart=STEP / window.days)
    return _holds(one.outlook, known, one.actual), _holds(one.outlook, _ALONE, one.actual)


def _holds(outlook: Outlook, shock: Shock, actual: float) -> bool:
    sums = booked_draws(outlook, shock, np.random.default_rng(0), draws=_DRAWS).total
    low, high = np.quantile(sums, _RANGE)
    return bool(low <= actual <= high)


def _classes(record: Record, made: list[Made], windows: list[Window]) -> pd.DataFrame:
    ends = {window.origin: window.end for window in windows}
    known = labelled(pd.concat([one.deals for one in made]), ends=ends, known_day=record.as_of)
    place = np.minimum((known["chance"] * BINS).astype("int64"), BINS - 1)
    table = pd.DataFrame({"place": place, "deals": 1, "stated": known["chance"],
                          "came": known["won"]})  # fmt: skip
    return table.groupby("place").sum().reset_index()


def blind(seed: int) -> bool:
    """Tell whether a forecast stays the same, to the last bit, whatever is changed after it."""
    day, june = date(2025, 6, 14), period("2025-06")
    world = replace(WORLD, seed=seed, start=date(2024, 1, 1), export_on=date(2025, 9, 1),
                    leads_per_month=150.0, shock=0.15, stale=0.06)  # fmt: skip
    made = canonical.tables(simulate(world))
    tables = {name: made[name] for name in ("deals", "stage_history")}
    then, other = (
        analyse_pipeline_forecast(_opened(version, day), period=june)
        for version in (tables, distorted(tables, seed))
    )
    return then.known and equal(then, other)


def _opened(tables: dict[str, pd.DataFrame], day: date) -> Workspace:
    return workspace_of(tables, day)


def equal(one: PipelineForecast, other: PipelineForecast) -> bool:
    """Tell whether two forecasts agree in every number and word."""
    pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)]
    return all(a.equals(b) if isinstance(a, pd.DataFrame) else a == b or a != a for a, b in pairs)


def distorted(tables: dict[str, pd.DataFrame], seed: int = 5) -> dict[str, pd.DataFrame]:
    """Return the same past with another future: later entries shuffled, their values changed.

    Two fifths of the later entries are gone, the others' stages change places; deals stand where
    their last entry leaves them, as an export would show.
    """
    draw = np.random.default_rng(seed)
    history, deals = tables["stage_history"], tables["deals"].copy()
    late = (history["entered_at"] >= _FUTURE).to_numpy()
    touched = deals["deal_id"].isin(history.loc[late, "deal_id"]).to_numpy()
    new = history[late].sample(frac=0.6, random_state=seed)
    order = draw.permutation(len(new))
    for name in ("stage", "stage_rank", "stage_category", "stage_label"):
        new[name] = new[name].to_numpy()[order]
    new["amount"] = new["amount"] * draw.uniform(0.1, 10, len(new))
    new["expected_close_on"] = pd.Timestamp(2026, 1, 1)
    kept = pd.concat([history[~late], new]).sort_values(["deal_id", "seq"], ignore_index=True)
    for name in ("amount", "probability"):
        deals.loc[touched, name] = draw.uniform(0, 1, int(touched.sum()))
    closed_late = (deals["closed_at"] >= _FUTURE).to_numpy()
    deals.loc[closed_late, "closed_at"] = pd.Timestamp(2025, 8, 1)
    deals.loc[closed_late, ["loss_reason", "competitor"]] = "told later"
    moved = touched & deals["deal_id"].isin(new["deal_id"]).to_numpy()
    stood = kept.groupby("deal_id").tail(1).set_index("deal_id").reindex(deals["deal_id"])
    stood = stood.reset_index(drop=True)
    for name, source in (("stage", "stage"), ("stage_rank", "stage_rank"),
                         ("status", "stage_category")):  # fmt: skip
        deals.loc[moved, name] = stood.loc[moved, source]
    deals.loc[moved, "closed_at"] = pd.NaT
    deals.loc[moved & (deals["status"] != "open").to_numpy(), "closed_at"] = pd.Timestamp(
        2025, 8, 2
    )
    return {"deals": deals, "stage_history": kept}


__all__ = ["LEADS", "METHODS", "Measured", "blind", "distorted", "equal", "measured", "world_of"]
