"""The same past with another future: a report made on a day must not change by a single bit.

What was known when is said here once more, apart from the workspace that is tested: a table or a
column that the workspace forgets to date shows as a report that changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.analyses.bridge import analyse_bridge
from salesops_kit.analyses.feedback import analyse_feedback
from salesops_kit.analyses.forecast import analyse_forecast
from salesops_kit.analyses.funnel import analyse_funnel
from salesops_kit.analyses.pipeline_forecast import analyse_pipeline_forecast
from salesops_kit.analyses.process import analyse_process
from salesops_kit.analyses.reps import analyse_reps
from salesops_kit.analyses.risk import analyse_risk
from salesops_kit.periods import period
from salesops_kit.workspace import Workspace
from truth.pipelines import distorted
from truth.risks import company_tables
from truth.tables import workspace_of

DAY, JUNE = date(2025, 6, 14), period("2025-06")  # the day after which `distorted` tells otherwise
REPORTS: Mapping[str, Callable[..., Any]] = {
    "bookings": analyse_bridge, "feedback": analyse_feedback, "forecast": analyse_forecast,
    "funnel": analyse_funnel, "pipeline": analyse_pipeline_forecast, "process": analyse_process,
    "reps": analyse_reps, "risk": analyse_risk,
}  # fmt: skip
# when a row came to be known; rows of a later day are another future
RECORDED = {
    "leads": "created_at", "activities": "happened_at", "orders": "ordered_at",
    "accounts": "created_at", "contacts": "created_at", "payments": "paid_on",
    "feedback": "asked_at", "handoffs": "handed_on", "market": "month_on", "actions": "opened_on",
    "reviews": "reviewed_on", "trainings": "held_on", "culture_pulse": "surveyed_on",
    "risks": "opened_on",
}  # fmt: skip
# what a row tells only from a day of its own on
FILLED = {
    ("leads", "converted_at"): ("is_converted", "account_id", "contact_id", "deal_id"),
    ("leads", "assigned_at"): (), ("leads", "first_response_at"): (),
    ("deals", "last_activity_at"): (), ("accounts", "last_activity_at"): (),
    ("orders", "delivered_on"): (), ("orders", "ends_on"): ("is_renewed",),
    ("feedback", "answered_at"): ("score", "text"), ("handoffs", "accepted_on"): (),
    ("actions", "done_on"): ("result",), ("reps", "leave_on"): (),
}  # fmt: skip
# days agreed beforehand, which the future does not change
_AGREED = frozenset({"ends_on", "starts_on", "due_on"})
_KEYS = ("_id", "metric", "segment", "region", "kind", "type")


def reports_blind(seed: int, names: tuple[str, ...] = tuple(REPORTS)) -> bool:
    """Tell whether all reports stay the same whatever is changed after their day."""
    tables = company_tables(seed)
    return not changed_reports(tables, seed, names)


def changed_reports(
    tables: dict[str, pd.DataFrame], seed: int, names: tuple[str, ...] = tuple(REPORTS)
) -> list[str]:
    """Return the reports of which anything changes with the future."""
    other = another_future(tables, seed)

    def made(name: str, given: dict[str, pd.DataFrame]) -> Any:
        return REPORTS[name](_opened(given), period=JUNE)

    return [name for name in names if not same(made(name, tables), made(name, other))]


def _opened(tables: dict[str, pd.DataFrame]) -> Workspace:
    return workspace_of(tables, DAY)


def another_future(tables: dict[str, pd.DataFrame], seed: int) -> dict[str, pd.DataFrame]:
    """Return tables equal up to the day, and shuffled, thinned and rescaled after it."""
    draw = np.random.default_rng(seed)
    found = {name: table.reset_index(drop=True) for name, table in tables.items()}
    if {"deals", "stage_history"} <= set(found):
        past = {name: found[name] for name in ("deals", "stage_history")}
        found |= _stopped(past, distorted(past, seed))
    for (name, moment), columns in FILLED.items():
        if name in found and moment in found[name]:
            found[name] = _filled_otherwise(found[name], moment, columns, draw)
    for name, moment in RECORDED.items():
        if name in found and moment in found[name]:
            found[name] = _recorded_otherwise(found[name], moment, draw)
    return found


def _stopped(
    past: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]
) -> dict[str, pd.DataFrame]:
    """Let deals of which nothing later is told stand where they stood, as an export would show.

    An amount edited without a date could not be told from one that always was.
    """
    end = pd.Timestamp(DAY) + pd.Timedelta("1D")
    told, kept = past["stage_history"], other["stage_history"]
    touched = set(told.loc[told["entered_at"] >= end, "deal_id"])
    touched -= set(kept.loc[kept["entered_at"] >= end, "deal_id"])
    deals = other["deals"].copy()
    stopped = deals["deal_id"].isin(touched).to_numpy()
    stood = kept.groupby("deal_id").tail(1).set_index("deal_id")
    stood = stood.reindex(deals["deal_id"]).reset_index(drop=True)
    for name, source in (("stage", "stage"), ("stage_rank", "stage_rank"),
                         ("status", "stage_category"), ("amount", "amount"),
                         ("probability", "probability"),
                         ("expected_close_on", "expected_close_on")):  # fmt: skip
        deals.loc[stopped, name] = stood.loc[stopped, source]
    closed = stood["entered_at"].where(stood["stage_category"] != "open")
    deals.loc[stopped, "closed_at"] = closed[stopped]
    # a reason and a rival are written down when a deal is closed
    deals.loc[stopped & closed.isna().to_numpy(), ["loss_reason", "competitor"]] = None
    return {"deals": deals, "stage_history": kept}


def _later(table: pd.DataFrame, moment: str) -> np.ndarray:
    return np.flatnonzero((pd.to_datetime(table[moment]) >= pd.Timestamp(DAY) + pd.Timedelta("1D"))
                          .to_numpy())  # fmt: skip


def _filled_otherwise(
    table: pd.DataFrame, moment: str, columns: tuple[str, ...], draw: np.random.Generator
) -> pd.DataFrame:
    """Let what was filled in later be filled in by others, later still or not at all."""
    places = _later(table, moment)
    order = draw.permutation(len(places))
    never = draw.random(len(places)) < 0.3
    never &= moment not in _AGREED
    mixed = table.copy()
    for name in (*columns, *(() if moment in _AGREED else (moment,))):
        if name in table:
            values = table[name].to_numpy(dtype=object)[places][order]
            values[never] = False if name.startswith("is_") else None
            column = table[name].astype(object).to_numpy().copy()
            column[places] = values
            mixed[name] = pd.Series(column, table.index).infer_objects()
    return mixed


def _recorded_otherwise(
    table: pd.DataFrame, moment: str, draw: np.random.Generator
) -> pd.DataFrame:
    """Drop two fifths of the later rows; shuffle and rescale what the others say."""
    places = _later(table, moment)
    gone = places[draw.random(len(places)) < 0.4]
    kept = np.setdiff1d(places, gone)
    mixed = table.copy()
    for name in table.columns:
        if name == moment or name.endswith(_KEYS) or name in _AGREED:
            continue
        values = table[name].to_numpy(dtype=object)[kept][draw.permutation(len(kept))]
        if pd.api.types.is_float_dtype(table[name]):
            values = values.astype("float64") * draw.uniform(0.1, 10, len(kept))
        column = table[name].astype(object).to_numpy().copy()
        column[kept] = values
        mixed[name] = pd.Series(column, table.index).infer_objects().astype(table[name].dtype)
    return mixed.drop(index=gone).reset_index(drop=True)


def same(one: Any, other: Any) -> bool:
    """Tell whether two results agree in every number and word."""
    if isinstance(one, pd.DataFrame | pd.Series):
        return bool(one.equals(other))
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other, equal_nan=one.dtype.kind == "f"))
    if isinstance(one, Workspace):
        return True
    if is_dataclass(one) and not isinstance(one, type):
        return type(one) is type(other) and all(
            same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
        )
    if isinstance(one, Mapping):
        return set(one) == set(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, partial | FunctionType | MethodType):
        return type(one) is type(other) and same(_called(one), _called(other))
    return _plain(one, other)


def _called(one: Any) -> tuple[Any, ...]:
    """Return what a function is made of: its name and what it holds."""
    if isinstance(one, partial):
        return _called(one.func), one.args, one.keywords
    return one.__qualname__, getattr(one, "__self__", None)


def _plain(one: Any, other: Any) -> bool:
    """Compare what has no parts of its own."""
    if hasattr(one, "predict_proba"):
        return True  # a fitted model is compared by what it says
    equal = one == other or (one != one and other != other)
    return bool(equal)
