"""What happens around deals: activities, orders, payments, targets, feedback."""

from datetime import date

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, in_office, second, working_day
from salesops_kit.worlds.feedback_texts import THEMES
from salesops_kit.worlds.simulate import Company

# bookings planned for June of the first year at the usual number of leads, in CNY
TARGET = 12.2e6
KINDS = (
    c.Named("call", "电话", 0.5),
    c.Named("meeting", "会议", 0.3),
    c.Named("visit", "拜访", 0.2),
)


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
    when = in_office(entered[rows] + np.round(rng.random(len(rows)) * stay[rows]).astype("int64"))
    deal = history["deal"].to_numpy()[rows]
    frame = pd.DataFrame(
        {"deal": deal, "account": company.deals["account"].to_numpy()[deal],
         "rep": history["rep"].to_numpy()[rows], "kind": c.pick(rng, KINDS, len(rows)),
         "at": np.clip(when, entered[rows], leaving[rows] - 1)}
    ).sort_values(["at", "deal", "kind"], ignore_index=True)  # fmt: skip
    frame.insert(0, "activity", np.arange(len(frame)))
    return frame


def orders(company: Company) -> pd.DataFrame:
    """Draw one order per won deal, some days later; a few are delivered late."""
    rng = company.world.stream("orders")
    end = second(company.world.export_on)
    won = company.deals[company.deals["stage"] == "won"].reset_index(drop=True)
    closed = won["stage_at"].to_numpy()
    after = np.round(rng.exponential(4 * DAY, len(won))).astype("int64")
    at = np.maximum(in_office(closed + after), closed)
    wait = 20 + rng.poisson(12, len(won)) + np.where(rng.random(len(won)) < 0.15, 25, 0)
    every = pd.DataFrame(
        {"deal": won["deal"], "account": won["account"], "rep": won["rep"],
         "product": won["product"], "units": won["units"], "at": at,
         "amount": won["amount"].fillna(won["size"]), "wait": wait}
    )  # fmt: skip
    frame: pd.DataFrame = every.loc[at < end].reset_index(drop=True)
    frame.insert(0, "order", np.arange(len(frame)))
    frame["delivered_day"] = working_day((frame["at"] + frame["wait"] * DAY).to_numpy()) // DAY
    frame["delivered"] = frame["delivered_day"] < end // DAY
    return frame


def payments(company: Company, placed: pd.DataFrame) -> pd.DataFrame:
    """Draw 30 % with the order, the rest after delivery, if the customer has paid by the export."""
    rng = company.world.stream("payments")
    end = second(company.world.export_on) // DAY
    first = placed.assign(day=placed["at"] // DAY + rng.integers(1, 10, len(placed)), part=0.3)
    rest = placed.assign(day=placed["delivered_day"] + rng.poisson(32, len(placed)), part=0.7)
    paid = pd.concat([first, rest])
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


def feedback(company: Company, placed: pd.DataFrame) -> pd.DataFrame:
    """Draw surveys and call-backs after delivery; customers say what happened to them."""
    rng = company.world.stream("feedback")
    end = second(company.world.export_on)
    # the last call and its answer come at most twelve days after delivery
    asked = placed[placed["delivered_day"] * DAY + 12 * DAY < end].reset_index(drop=True)
    n = len(asked)
    answered = rng.random(n) < 0.62
    late = asked["wait"].to_numpy() > 42
    mood = rng.normal(0.9, 0.8, n) - 1.5 * late
    theme = np.where(late & (rng.random(n) < 0.75), 0, 1 + rng.integers(0, len(THEMES) - 1, n))
    score = np.clip(np.round(7.6 + 1.6 * mood), 0, 10)
    channel = np.where(rng.random(n) < 0.6, "survey", "call_back")
    good = score >= 8
    pick_text = rng.integers(0, 3, n)
    in_chinese = rng.random(n) < 0.7
    text = [
        THEMES[t].say(good=bool(g), chinese=bool(z), number=int(k))
        for t, g, z, k in zip(theme, good, in_chinese, pick_text, strict=True)
    ]
    sent = asked["delivered_day"].to_numpy() * DAY + 9 * 3600 + rng.integers(1, 7, n) * DAY
    frame = pd.DataFrame(
        {"account": asked["account"], "deal": asked["deal"], "order": asked["order"],
         "channel": channel, "score": np.where(answered, score, np.nan),
         "text": [said if ok else "" for said, ok in zip(text, answered, strict=True)],
         "language": np.where(in_chinese, "zh", "en"),
         "asked": sent,
         "answered": np.where(answered, sent + rng.integers(600, 3 * DAY, n), -1)}
    ).sort_values(["asked", "order"], ignore_index=True)  # fmt: skip
    frame.insert(0, "feedback", np.arange(n))
    return frame


def stage_goals() -> pd.DataFrame:
    """Return what the company wants of each stage."""
    return pd.DataFrame(
        {"stage": [s.name for s in c.STAGES],
         "conversion": [0.75, 0.76, 0.75, 0.74, 0.79, 0.92],
         "max_dwell_days": [14, 21, 28, 28, 21, 14],
         "valid_from_on": date(2023, 1, 1)}
    )  # fmt: skip
