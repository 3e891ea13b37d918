"""Deals around the ends of pay periods, by what the plan then paid for one more."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit.analyses.incentive_plans import PlanBook
from salesops_kit.analyses.rep_quota import daily_sales
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.models.pay import PayPlan, marginal, shape
from salesops_kit.models.timing import Shift, alarms, bunched, moved
from salesops_kit.periods import Cadence, Period, day_number

AROUND: dict[Cadence, int] = {"month": 5, "quarter": 10, "year": 15}  # days, before and after
REACH = 0.25  # of a quota: so far below a step it can still be reached
_WIDTH = 0.1  # of a bin around a cliff, in attainment
COLUMNS = ["test", "at", "n", "seen", "expected", "excess", "lower", "upper", "p", "verdict"]


def timing(source: RepSource, book: PlanBook, past: pd.DataFrame, spans: list[Period]) -> (
    pd.DataFrame
):  # fmt: skip
    """Return the tests whether deals moved across the ends of pay periods.

    Parameters
    ----------
    past
        The ledger of these spans (`incentive_plans.ledger`).

    Returns
    -------
    DataFrame
        One row per test: `test` (pull_forward, held_back, bunching), `at` (attainment of a cliff),
        `n`, `seen`, `expected`, `excess`, `lower`, `upper`, `p`, `verdict` (shift, none, few). All
        together the tests alarm in 5 % of companies where nothing moves.
    """
    rows = around_ends(source, book, past, spans)
    shifts = [
        moved(rows[rows["state"] != "dead"].assign(near=rows["state"] == "near"), "near",
              "pull_forward", more_before=True),
        moved(rows[rows["state"] != "near"].assign(dead=rows["state"] == "dead"), "dead",
              "held_back", more_before=False),
        *_cliffs(book, past),
    ]  # fmt: skip
    speaks = alarms(shifts)
    table = [
        (s.kind, s.at, s.n, s.seen, s.expected, s.excess, s.lower, s.upper, s.p,
         "few" if np.isnan(s.p) else "shift" if alarm else "none")
        for s, alarm in zip(shifts, speaks, strict=True)
    ]  # fmt: skip
    return pd.DataFrame(table, columns=COLUMNS)


def around_ends(
    source: RepSource, book: PlanBook, past: pd.DataFrame, spans: list[Period]
) -> pd.DataFrame:
    """Return wins just before and just after the end of each span, and what one more would pay.

    Returns
    -------
    DataFrame
        `rep`, `end` (label), `before`, `after` (wins), `state` on the day the last days begin: near
        (a step that pays more is in reach), dead (nothing more can be earned: above the cap, or too
        far below the first step), else open.
    """
    as_of = day_number(source.workspace.as_of)
    columns = ["rep", "end", "before", "after", "state"]
    if past.empty:
        return pd.DataFrame(columns=columns)
    sales = daily_sales(source)
    parts = []
    for span in spans:
        width = AROUND[span.cadence]
        known = past[(past["period"] == span.label) & past["payout"].notna()]
        if span.end_day + width > as_of + 1 or known.empty:
            continue
        first, end = span.end_day - width, span.end_day
        parts.append(known[["rep", "role", "quota"]].assign(
            end=span.label,
            before=_sum(sales, known, "won", first, end),
            after=_sum(sales, known, "won", end, end + width),
            booked=_sum(sales, known, "bookings", span.start_day, first), start=span.start_day,
        ))  # fmt: skip
    if not parts:
        return pd.DataFrame(columns=columns)
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.assign(reached=rows["booked"] / rows["quota"], state="open")
    states = rows["state"].to_numpy(dtype=object)
    for _, part in rows.groupby(["role", "start"], dropna=False):
        role, start = part["role"].iloc[0], int(part["start"].iloc[0])
        dated = book.of(role, start)
        if dated is not None:
            states[part.index.to_numpy()] = _states(dated.plan, part)
    return rows.assign(state=states)[columns]


def _sum(sales: pd.DataFrame, who: pd.DataFrame, column: str, first: int, end: int) -> (
    "pd.Series[float]"
):  # fmt: skip
    inside = sales[(sales["closed_day"] >= first) & (sales["closed_day"] < end)]
    return who["rep"].map(inside.groupby("rep")[column].sum()).fillna(0.0)


def _states(plan: PayPlan, rows: pd.DataFrame) -> npt.NDArray[np.str_]:
    at, quota = rows["reached"].to_numpy("float64"), rows["quota"].to_numpy("float64")
    points = shape(plan, float(np.median(quota)))
    better = points[points["kind"].isin(["start", "cliff", "faster"])]["attainment"].to_numpy()
    ahead = better[None, :] - at[:, None]
    near = ((ahead > 0) & (ahead <= REACH)).any(axis=1)
    dead = (marginal(plan, at, quota) == 0) & (marginal(plan, at + REACH, quota) == 0)
    return np.where(near, "near", np.where(dead, "dead", "open"))


def _cliffs(book: PlanBook, past: pd.DataFrame) -> list[Shift]:
    """Test each cliff of the plans in force for attainments that gather just above it."""
    known = past[past["payout"].notna()]
    places = set()
    for plan in book.plans:
        if plan.plan.name in set(known["plan"]):
            points = shape(plan.plan, float(known["quota"].median()))
            places |= set(points.loc[points["kind"] == "cliff", "attainment"])
    reached = known["attainment"].to_numpy("float64")
    return [bunched(reached, float(at), _WIDTH) for at in sorted(places)]
