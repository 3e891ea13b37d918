"""Small companies whose reps are known: deals, roster and quotas as frames."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from salesops_kit.settings import settings_from
from truth.tables import workspace_of

AS_OF = date(2025, 9, 30)
FIRST = date(2024, 10, 1)


def expit(x):
    return 1 / (1 + np.exp(-x))


def decided(seed, skills, *, deals=150, ease=(-2.0, 0.0), share=None):
    """Deals of reps with these skills; `share`: of each rep's deals that are from the easy source.

    Names are R00, R01 …; every deal closed in the year before AS_OF.
    """
    draw = np.random.default_rng(seed)
    rep = np.repeat(np.arange(len(skills)), deals)
    easy = draw.random(len(rep)) < (np.full(len(skills), 0.5) if share is None else share)[rep]
    won = draw.random(len(rep)) < expit(
        np.asarray(skills)[rep] + np.asarray(ease)[easy.astype(int)]
    )
    closed = pd.Timestamp(FIRST) + pd.to_timedelta(draw.integers(0, 365, len(rep)), unit="D")
    status = np.where(won, "won", np.where(draw.random(len(rep)) < 0.1, "invalid", "lost"))
    return pd.DataFrame({
        "deal_id": [f"D{i}" for i in range(len(rep))], "owner_id": [f"R{r:02}" for r in rep],
        "status": status, "stage": status, "source": np.where(easy, "referral", "cold"),
        "created_at": closed - timedelta(days=30), "closed_at": closed,
        "amount": np.round(np.exp(draw.normal(10, 0.3, len(rep)))), "is_deleted": False,
    })  # fmt: skip


def people(number, **of):
    rows = [{"rep_id": f"R{i:02}", "name": f"Rep {i:02}", "team": "East" if i % 2 else "West",
             "role": "Sales", "hire_on": date(2020, 1, 1)} for i in range(number)]  # fmt: skip
    for name, more in of.items():
        rows[int(name[1:])] |= more
    return pd.DataFrame(rows)


def monthly(number, target=100_000.0, months=range(1, 10)):
    return pd.DataFrame([
        {"period_start_on": date(2025, m, 1), "level": "rep", "level_id": f"R{i:02}",
         "period_end_on": date(2025, m + 1, 1) - timedelta(days=1), "metric": "bookings",
         "target": target}
        for m in months for i in range(number)
    ])  # fmt: skip


def company(settings=None, *, as_of=AS_OF, **tables):
    opened = workspace_of(tables, as_of)
    opened.settings = settings_from(settings or {})
    return opened
