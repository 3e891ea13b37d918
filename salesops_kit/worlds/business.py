"""What happens around deals: activities, orders, payments, targets."""

from datetime import date

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds import customers
from salesops_kit.worlds.clock import DAY, in_office, second, working_day
from salesops_kit.worlds.feedback import feedback
from salesops_kit.worlds.simulate import Company
from salesops_kit.worlds.staff import visit_rule

# bookings planned for June of the first year at the usual number of leads, in CNY
TARGET = 12.2e6
__all__ = ["activities", "feedback", "orders", "payments", "stage_goals", "targets"]
KINDS = (
    c.Named("call", "电话", 0.5),
    c.Named("meeting", "会议", 0.3),
    c.Named("visit", "拜访", 0.2),
)
_CALL, _VISIT = 0, 2


def activities(company: Company) -> pd.DataFrame:
    """Draw calls, meetings and visits while a deal waits in a stage."""
    rng = company.world.stream("activities")
    end = second(company.world.export_on)
    history = company.history
    entered = history["entered"].to_numpy()
    leaving = history.groupby("deal")["entered"].shift(-1).fillna(end).to_numpy(dtype="int64")
    stay = leaving - entered
    is_open = history["stage"].isin([s.name for s in c.STAGES]).to_numpy()
    mean = np.round(np.minimum(0.35 + stay / DAY / 22, 1.6), 6)
    counts = np.where(is_open, rng.poisson(mean), 0)
    rows = np.repeat(np.arange(len(history)), counts)
    kind = c.pick(rng, KINDS, len(rows))
    when = in_office(entered[rows] + np.round(rng.random(len(rows)) * stay[rows]).astype("int64"))
    rows, kind, when = _visited(company, rows, kind, when)
    deal = history["deal"].to_numpy()[rows]
    frame = pd.DataFrame(
        {"deal": deal, "account": company.deals["account"].to_numpy()[deal],
         "rep": history["rep"].to_numpy()[rows], "kind": kind,
         "at": np.clip(when, entered[rows], leaving[rows] - 1)}
    ).sort_values(["at", "deal", "kind"], ignore_index=True)  # fmt: skip
    frame.insert(0, "activity", np.arange(len(frame)))
    return frame


def _visited(
    company: Company, rows: np.ndarray, kind: np.ndarray, when: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Let reps visit in the solution stage where they keep that rule, and call where they do not.

    `rows` are the entries into stages that the activities belong to.
    """
    stays = visit_rule(company)
    broken = stays.loc[~stays["kept"], "entry"]
    kind = np.where((kind == _VISIT) & np.isin(rows, broken), _CALL, kind)
    kept = stays.loc[stays["kept"], "entry"].to_numpy()
    more = kept[~np.isin(kept, rows[kind == _VISIT])]
    entered = company.history["entered"].to_numpy()[more]
    return (np.append(rows, more), np.append(kind, np.full(len(more), _VISIT)),
            np.append(when, in_office(entered + DAY)))  # fmt: skip


def orders(company: Company) -> pd.DataFrame:
    """Return orders from won deals, then what customers ordered later, and service contracts.

    A few are delivered late or have a fault; `deal` is -1 where there was none.
    """
    first = _from_deals(company)
    frame = pd.concat([first, customers.after_first(company, first)], ignore_index=True)
    gaps = {"deal": -1, "starts_day": -1, "ends_day": -1, "renewed": -1}
    frame = frame.reindex(columns=[*first.columns, "starts_day", "ends_day", "renewed"])
    frame = frame.fillna(gaps).astype(dict.fromkeys([*gaps, "order"], "int64") | {"fault": bool},
                                      errors="ignore")  # fmt: skip
    frame["order"] = np.arange(len(frame))
    end = second(company.world.export_on) // DAY
    frame["delivered_day"] = working_day((frame["at"] + frame["wait"] * DAY).to_numpy()) // DAY
    frame["delivered"] = frame["delivered_day"] < end
    return frame


def _from_deals(company: Company) -> pd.DataFrame:
    """Draw one order per won deal, some days later; a few are delivered late."""
    rng = company.world.stream("orders")
    end = second(company.world.export_on)
    won = company.deals[company.deals["stage"] == "won"].reset_index(drop=True)
    closed = won["stage_at"].to_numpy()
    after = np.round(rng.exponential(4 * DAY, len(won))).astype("int64")
    at = np.maximum(in_office(closed + after), closed)
    wait = 20 + rng.poisson(12, len(won)) + np.where(rng.random(len(won)) < 0.15, 25, 0)
    fault = customers.faulty(company.world, won["product"].to_numpy())
    every = pd.DataFrame(
        {"order": 0, "deal": won["deal"], "account": won["account"], "rep": won["rep"],
         "product": won["product"], "units": won["units"], "at": at,
         "amount": won["amount"].fillna(won["size"]), "wait": wait, "fault": fault,
         "region": won["region"], "kind": customers.FROM_DEAL}
    )  # fmt: skip
    placed: pd.DataFrame = every.loc[at < end].reset_index(drop=True)
    return placed


def payments(company: Company, placed: pd.DataFrame) -> pd.DataFrame:
    """Draw 30 % with the order, the rest after delivery, if the customer has paid by the export."""
    end = second(company.world.export_on) // DAY
    parts = []
    for name, chosen in (
        ("payments", placed["deal"] >= 0),
        ("repeat payments", placed["deal"] < 0),
    ):
        rng, some = company.world.stream(name), placed[chosen]
        first = some["at"] // DAY + rng.integers(1, 10, len(some))
        rest = some["delivered_day"] + rng.poisson(32, len(some))
        parts += [some.assign(day=first, part=0.3), some.assign(day=rest, part=0.7)]
    paid = pd.concat(parts)
    paid["day"] = working_day(paid["day"].to_numpy() * DAY) // DAY
    paid = paid[paid["day"] < end].sort_values(["day", "order", "part"], ignore_index=True)
    return pd.DataFrame(
        {"payment": np.arange(len(paid)), "order": paid["order"], "account": paid["account"],
         "day": paid["day"], "amount": np.round(paid["amount"] * paid["part"], 2)}
    )  # fmt: skip


def targets(company: Company) -> pd.DataFrame:
    """Plan monthly bookings of company, teams and reps, to the end of the export's year.

    Plans start three months after the company did: before that nothing can have been won.
    A team's plan is shared evenly among the reps who are there.
    """
    world = company.world
    last = date(world.export_on.year, 12, 31)
    rows: list[dict[str, object]] = []
    for number, month in enumerate(pd.period_range(world.start, last, freq="M")[3:]):
        season = 1 + 0.10 * np.cos(2 * np.pi * (month.month - 6) / 12)
        level = TARGET * world.leads_per_month / 420 * (1 + world.growth_per_month) ** number
        total = round(float(level * season), -4)
        begin, end = month.start_time.date(), month.end_time.date()
        span = {"start": begin, "end": end}
        rows.append({**span, "level": "company", "who": -1, "target": total})
        for region, name in enumerate(c.REGIONS):
            part = round(total * name.weight, -3)
            rows.append({**span, "level": "team", "who": region, "target": part})
            crew = _present(company.reps, region, begin, end)
            rows += [{**span, "level": "rep", "who": rep, "target": round(part / len(crew), -3)}
                     for rep in crew]  # fmt: skip
    return pd.DataFrame(rows)


def _present(reps: pd.DataFrame, region: int, begin: date, end: date) -> list[int]:
    """Return the reps of a region who work there at some time between two days."""
    return [
        number
        for number, home, hired, left in zip(
            reps["rep"], reps["region"], reps["hire_on"], reps["leave_on"], strict=True
        )
        if home == region and hired <= end and (left is None or left > begin)
    ]


def stage_goals() -> pd.DataFrame:
    """Return what the company wants of each stage."""
    return pd.DataFrame(
        {"stage": [s.name for s in c.STAGES],
         "conversion": [0.75, 0.76, 0.75, 0.74, 0.79, 0.92],
         "max_dwell_days": [14, 21, 28, 28, 21, 14],
         "valid_from_on": date(2023, 1, 1)}
    )  # fmt: skip
