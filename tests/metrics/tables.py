"""Random small tables for metric tests, and the ways a user may hand them over."""

import duckdb
import numpy as np
import pandas as pd

STAGES = (
    ("prospecting", 10, "open"), ("qualification", 20, "open"), ("needs", 30, "open"),
    ("proposal", 60, "open"), ("contract", 70, "open"), ("won", 90, "won"),
    ("lost", 91, "lost"), ("invalid", 92, "invalid"),
)  # fmt: skip
FIRST_DAY = 20_000  # 2024-10-04


def as_frame(rows, **types):
    """A frame of dicts whose integers survive missing values and whose missing texts are None."""
    frame = pd.DataFrame(rows)
    return frame.astype({name: kind for name, kind in types.items() if name in frame})


HISTORY_TYPES = {
    "deal_id": object, "seq": "int64", "stage": object, "stage_rank": "int64",
    "stage_category": object, "entered_day": "Int64", "entered_s": "Int64",
    "amount": "float64", "owner_id": object, "changed_by": object,
}  # fmt: skip


def history_frame(entries):
    return as_frame(entries, **HISTORY_TYPES)


def entry(deal_id, seq, stage, entered_s, **more):
    """One row of stage_history; `entered_s` may be missing."""
    name, rank, category = next(s for s in STAGES if s[0] == stage)
    day = None if entered_s is None else entered_s // 86_400
    given = {"amount": None, "owner_id": None, "changed_by": None} | more
    return given | {
        "deal_id": deal_id,
        "seq": seq,
        "stage": name,
        "stage_rank": rank,
        "stage_category": category,
        "entered_day": day,
        "entered_s": entered_s,
    }


def random_histories(seed, deals=30):
    """Histories with every nastiness: repeats, ties, wrong order, no time, midnight, bulk edits."""
    draw = np.random.default_rng(seed)
    entries = []
    for number in range(deals):
        at = FIRST_DAY * 86_400 + int(draw.integers(0, 40)) * 3_600
        order = draw.permutation(8) if draw.random() < 0.1 else np.arange(8)
        for step in range(int(draw.integers(1, 8))):
            at += int(draw.choice([0, 1, 45, 59, 60, 61, 3_600, 86_400, 400_000]))
            when = at - at % 86_400 if draw.random() < 0.1 else at
            entries.append(
                entry(
                    f"D{number}", int(order[step]) + 1, STAGES[int(draw.integers(0, 8))][0],
                    None if draw.random() < 0.05 else when,
                    amount=None if draw.random() < 0.3 else float(draw.integers(1, 9)),
                    owner_id=draw.choice(["R1", "R2", None]),
                    changed_by=draw.choice(["U1", "U2", None]),
                )
            )  # fmt: skip
    known = [
        {"deal_id": f"D{number}", "amount": None if draw.random() < 0.3 else 100.0,
         "owner_id": draw.choice(["R8", "R9", None]), "region": draw.choice(["E", "W", None]),
         "pipeline": draw.choice(["new", "renewal"])}
        for number in range(deals) if draw.random() < 0.9
    ]  # fmt: skip
    return entries, known


def random_deals(seed, deals=300):
    """Deals as a workspace gives them, gaps and nonsense included."""
    draw = np.random.default_rng(seed)
    status = draw.choice(["open", "won", "lost", "invalid"], deals, p=[0.3, 0.3, 0.3, 0.1])
    created = FIRST_DAY + draw.integers(0, 300, deals)
    closed = created + draw.integers(-5, 200, deals)
    frame = pd.DataFrame(
        {
            "deal_id": [f"D{n}" for n in range(deals)],
            "status": status,
            "stage": np.where(status == "open", draw.choice(["needs", "proposal"], deals), status),
            "amount": draw.integers(1, 1_000, deals).astype("float64"),
            "probability": draw.choice([0.1, 0.5, np.nan], deals),
            "created_day": pd.array(created, dtype="Int64"),
            "closed_day": pd.array(closed, dtype="Int64"),
            "expected_close_day": pd.array(created + draw.integers(0, 200, deals), dtype="Int64"),
            "region": draw.choice(["East", "West", None], deals),
            "owner_id": draw.choice(["R1", "R2", "R3"], deals),
            "is_deleted": draw.random(deals) < 0.03,
        }
    )
    frame["stage_rank"] = pd.array(
        frame["stage"].map({name: rank for name, rank, _ in STAGES}), dtype="Int64"
    )
    frame.loc[draw.random(deals) < 0.1, "amount"] = np.nan
    frame.loc[frame["status"].eq("open") | (draw.random(deals) < 0.05), "closed_day"] = pd.NA
    frame.loc[draw.random(deals) < 0.03, "created_day"] = pd.NA
    return frame


def random_leads(seed, leads=200):
    draw = np.random.default_rng(seed)
    created = FIRST_DAY + draw.integers(0, 300, leads)
    frame = pd.DataFrame(
        {
            "lead_id": [f"L{n}" for n in range(leads)],
            "created_day": pd.array(created, dtype="Int64"),
            "assigned_day": pd.array(created + draw.integers(0, 60, leads), dtype="Int64"),
            "converted_day": pd.array(created + draw.integers(-3, 90, leads), dtype="Int64"),
            "is_converted": draw.random(leads) < 0.5,
            "source": draw.choice(["web", "fair", None], leads),
        }
    )
    answered = frame["assigned_day"].fillna(frame["created_day"]) + draw.integers(-1, 6, leads)
    frame["first_response_day"] = answered.mask(draw.random(leads) < 0.2)
    frame.loc[~frame["is_converted"] | (draw.random(leads) < 0.1), "converted_day"] = pd.NA
    frame.loc[draw.random(leads) < 0.1, ["assigned_day", "created_day"]] = pd.NA
    return frame


def random_activities(seed, activities=400):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "activity_id": [f"T{n}" for n in range(activities)],
            "type": draw.choice(["call", "meeting", "visit", "email", "task", None], activities),
            "happened_day": pd.array(FIRST_DAY + draw.integers(0, 300, activities), dtype="Int64"),
            "owner_id": draw.choice(["R1", "R2", None], activities),
        }
    )
    frame.loc[draw.random(activities) < 0.05, "happened_day"] = pd.NA
    return frame


def random_lines(seed, deals=300):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "line_id": [f"N{n}" for n in range(2 * deals)],
            "deal_id": [f"D{n}" for n in draw.integers(0, deals, 2 * deals)],
            "quantity": draw.integers(1, 20, 2 * deals).astype("float64"),
        }
    )
    frame.loc[draw.random(len(frame)) < 0.3, "quantity"] = np.nan
    return frame


def as_rows(frame):
    """Rows as dicts, every kind of missing as None."""
    plain = frame.astype(object)
    return plain.where(frame.notna(), None).to_dict("records")


def parquet(frame, folder, name):
    path = folder / f"{name}.parquet"
    duckdb.sql("SELECT * FROM frame").write_parquet(str(path))
    return path


def random_feedback(seed, answers=300):
    draw = np.random.default_rng(seed)
    kind = draw.choice(["NPS", "NPS", "CSAT", "CES", "text"], answers)
    low = np.where(kind == "NPS", 0.0, 1.0)
    high = np.select([kind == "NPS", kind == "CSAT"], [10.0, draw.choice([2.0, 5.0], answers)], 7.0)
    asked = FIRST_DAY + draw.integers(0, 300, answers)
    frame = pd.DataFrame(
        {
            "feedback_id": [f"F{n}" for n in range(answers)],
            "account_id": [f"A{n}" for n in draw.integers(0, 60, answers)],
            "type": kind,
            "score": np.floor(low + draw.random(answers) * (high - low + 1.2)),
            "scale_min": low,
            "scale_max": np.where(draw.random(answers) < 0.05, np.nan, high),
            "asked_day": pd.array(asked, dtype="Int64"),
            "answered_day": pd.array(asked + draw.integers(0, 20, answers), dtype="Int64"),
            "channel": draw.choice(["survey", "call_back", None], answers),
        }
    )
    frame.loc[draw.random(answers) < 0.1, "account_id"] = None
    frame.loc[kind == "text", ["score", "asked_day"]] = pd.NA
    frame.loc[draw.random(answers) < 0.3, ["score", "answered_day"]] = pd.NA
    return frame
