"""What happens around deals: activities, orders, payments, targets, feedback."""

from datetime import date

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.feedback_texts import THEMES
from salesops_kit.worlds.simulate import DAY, Company

KINDS = (
    c.Named("call", "电话", 0.5),
    c.Named("meeting", "会议", 0.3),
    c.Named("visit", "拜访", 0.2),
)


def activities(company: Company) -> pd.DataFrame:
    """Calls, meetings and visits while a deal waits in a stage."""
    rng = company.world.stream("activities")
    end = int(pd.Timestamp(company.world.export_on).timestamp())
    history = company.history
    leaving = history.groupby("deal")["entered"].shift(-1).fillna(end).to_numpy(dtype="int64")
    stay = leaving - history["entered"].to_numpy()
    is_open = history["stage"].isin([s.name for s in c.STAGES]).to_numpy()
    counts = np.where(is_open, rng.poisson(np.minimum(0.35 + stay / DAY / 22, 1.6)), 0)
    rows = np.repeat(np.arange(len(history)), counts)
    when = history["entered"].to_numpy()[rows] + np.round(rng.random(len(rows)) * stay[rows])
    deals = company.deals.set_index("deal").loc[history["deal"].to_numpy()[rows]]
    frame = pd.DataFrame(
        {"deal": history["deal"].to_numpy()[rows], "account": deals["account"].to_numpy(),
         "rep": deals["rep"].to_numpy(), "kind": c.pick(rng, KINDS, len(rows)),
         "at": np.minimum(when, end - 1).astype("int64"),
         "minutes": 3 + rng.poisson(14, len(rows))}
    ).sort_values(["at", "deal"], ignore_index=True)  # fmt: skip
    frame.insert(0, "activity", np.arange(len(frame)))
    return frame


def orders(company: Company) -> pd.DataFrame:
    """One order per won deal, some days after it was won; large firms take longer to deliver."""
    rng = company.world.stream("orders")
    end = int(pd.Timestamp(company.world.export_on).timestamp())
    won = company.deals[company.deals["stage"] == "won"].reset_index(drop=True)
    at = won["stage_at"].to_numpy() + np.round(rng.exponential(4 * DAY, len(won))).astype("int64")
    wait = 20 + rng.poisson(12, len(won)) + np.where(rng.random(len(won)) < 0.15, 25, 0)
    frame = pd.DataFrame(
        {"deal": won["deal"], "account": won["account"], "rep": won["rep"],
         "product": won["product"], "units": won["units"], "at": at,
         "amount": won["amount"].fillna(won["size"]), "wait": wait}
    )[at < end].reset_index(drop=True)  # fmt: skip
    frame.insert(0, "order", np.arange(len(frame)))
    frame["delivered_day"] = frame["at"] // DAY + frame["wait"]
    return frame


def payments(company: Company, placed: pd.DataFrame) -> pd.DataFrame:
    """30 % with the order, the rest after delivery, if the customer has paid by the export."""
    rng = company.world.stream("payments")
    end = int(pd.Timestamp(company.world.export_on).timestamp()) // DAY
    first = placed.assign(day=placed["at"] // DAY + rng.integers(1, 10, len(placed)), part=0.3)
    rest = placed.assign(day=placed["delivered_day"] + rng.poisson(32, len(placed)), part=0.7)
    paid = pd.concat([first, rest])
    paid = paid[paid["day"] < end].sort_values(["day", "order", "part"], ignore_index=True)
    return pd.DataFrame(
        {"payment": np.arange(len(paid)), "order": paid["order"], "account": paid["account"],
         "day": paid["day"], "amount": np.round(paid["amount"] * paid["part"], 2)}
    )  # fmt: skip


def targets(company: Company) -> pd.DataFrame:
    """Monthly bookings targets for company, teams and reps: last year's level plus growth."""
    world = company.world
    months = pd.period_range(world.start, world.export_on, freq="M")
    share = np.array([r.weight for r in c.REGIONS])
    crew = company.reps.groupby("region").size()
    rows = []
    for number, month in enumerate(months):
        season = 1 + 0.10 * np.cos(2 * np.pi * (month.month - 6) / 12)
        total = round(7.2e6 * 1.012**number * season, -4)
        span = {"start": month.start_time.date(), "end": month.end_time.date()}
        rows.append({**span, "level": "company", "who": -1, "target": total})
        for region, weight in enumerate(share):
            part = round(total * weight, -3)
            rows.append({**span, "level": "team", "who": region, "target": part})
        for rep in company.reps.itertuples():
            there = rep.hire_on <= span["end"] and (rep.leave_on is None
                                                    or rep.leave_on > span["start"])  # fmt: skip
            if there:
                part = round(total * share[rep.region] / crew[rep.region], -3)
                rows.append({**span, "level": "rep", "who": rep.rep, "target": part})
    return pd.DataFrame(rows)


def feedback(company: Company, placed: pd.DataFrame) -> pd.DataFrame:
    """Surveys and call-backs after delivery; what customers say follows what happened to them."""
    rng = company.world.stream("feedback")
    end = int(pd.Timestamp(company.world.export_on).timestamp())
    asked = placed[placed["delivered_day"] * DAY + 10 * DAY < end].reset_index(drop=True)
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
         "text": np.where(answered, text, None), "language": np.where(in_chinese, "zh", "en"),
         "asked": sent, "answered": np.where(answered, sent + rng.integers(600, 3 * DAY, n), -1)}
    ).sort_values(["asked", "order"], ignore_index=True)  # fmt: skip
    frame.insert(0, "feedback", np.arange(n))
    return frame


def stage_goals() -> pd.DataFrame:
    """What the company wants of each stage."""
    return pd.DataFrame(
        {"stage": [s.name for s in c.STAGES],
         "conversion": [0.70, 0.72, 0.72, 0.70, 0.76, 0.90],
         "max_dwell_days": [14, 21, 28, 28, 21, 14],
         "valid_from_on": date(2023, 1, 1)}
    )  # fmt: skip
