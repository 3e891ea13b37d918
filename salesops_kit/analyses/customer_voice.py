"""What customers at risk said lately, and whether customers who complained stopped more often.

A complaint is what a text says (`analyses.feedback_links`), a poor score what a survey holds. Both
are known before the customer stops. That such customers stop more often is an association: who
orders much also says much, and who is about to leave may say nothing.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.customer_contracts import contract_terms, ended_by, with_signals
from salesops_kit.analyses.customer_risk import CustomerRisk, buying_table, customer_names
from salesops_kit.analyses.feedback_findings import theme_words
from salesops_kit.analyses.feedback_links import LOOKBACK, complaints_by_account
from salesops_kit.analyses.feedback_texts import Texts, read_texts
from salesops_kit.language import LANGUAGES, both
from salesops_kit.metrics.engine import collect
from salesops_kit.models.intervals import share_difference, wilson
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

SPANS = 3  # of half a year, in which customers are followed
DAYS = 720  # of texts that are read: the spans, and the lookback before the first
FEWEST = 20  # customers with and without, below which nothing is said
LISTED = 3  # themes that are named
COLUMNS = {
    "accounts": ["customer", "at_stake", "last_score", "last_answer_on", "complaints", "about",
                 "last_complaint_on", "ends_on", "alive"],
    "stopped": ["signal", "stopping", "n", "stopped", "share", "lower", "upper", "other_n",
                "other_stopped", "other_share", "stop_gap", "stop_gap_low", "stop_gap_high",
                "verdict"],
}  # fmt: skip


@dataclass(frozen=True)
class CustomerVoice:
    """What customers said in the last 180 days beside what they take away if they leave.

    `accounts`: customers with money at risk who complained or whose last score lies in the lower
    half of its scale, most money first: `last_score` as given, `complaints` and what they were
    `about`, day of the next contract end, chance to be `alive` as a buyer. `stopped`: of the
    customers with a `signal` how many stopped (`stopping`: a contract not renewed, or no order
    in half a year after one in the half year before), against those without; 90 % intervals.
    """

    accounts: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["accounts"])
    )
    stopped: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["stopped"]))

    @property
    def complained(self) -> pd.DataFrame:
        """Return the customers with money at risk who complained."""
        return self.accounts[self.accounts["complaints"] > 0]


def read_lately(workspace: Workspace) -> Texts | None:
    """Return the texts that complaints and rivals are read from; None without feedback."""
    if not workspace.has("feedback"):
        return None
    end = workspace.as_of + timedelta(days=1)
    return read_texts(workspace, span=Period("", end - timedelta(days=DAYS), end, "year"))


def customer_voice(workspace: Workspace, customer: CustomerRisk, texts: Texts) -> CustomerVoice:
    """Put what customers said beside what is at risk with them.

    `texts`: of the last `DAYS` days (`read_lately`).
    """
    if not customer.known:
        return CustomerVoice()
    return CustomerVoice(_accounts(workspace, customer, texts), _stopped(workspace, texts))


def _accounts(workspace: Workspace, customer: CustomerRisk, texts: Texts) -> pd.DataFrame:
    said = complaints_by_account(workspace, texts=texts).set_index("account_id")
    scores = _last_scores(workspace)
    risk = customer.accounts[customer.accounts["at_stake"] > 0].set_index("account_id")
    heard = risk.index[risk.index.isin(said.index[said["complaints"] > 0])
                       | risk.index.isin(scores.index[scores["place"] <= 0.5])]  # fmt: skip
    if heard.empty:
        return pd.DataFrame(columns=COLUMNS["accounts"])
    names = customer_names(workspace)
    ends = customer.calendar.groupby("account_id")["ends_on"].min()
    alive = customer.buyers.set_index("account_id")["alive"]
    told, mine = said.reindex(heard), scores.reindex(heard)
    table = pd.DataFrame({
        "account_id": heard,
        "customer": [names.get(one, one) for one in heard],
        "at_stake": risk.loc[heard, "at_stake"].to_numpy("float64"),
        "last_score": mine["last_score"].to_numpy(object),
        "last_answer_on": mine["last_answer_on"].to_numpy(object),
        "complaints": told["complaints"].fillna(0).to_numpy("int64"),
        "about": [_listed(themes) for themes in told["themes"]],
        "last_complaint_on": [_day(day) for day in told["last_complaint_day"]],
        "ends_on": ends.reindex(heard).to_numpy(object),
        "alive": alive.reindex(heard).to_numpy("float64"),
    })  # fmt: skip
    return table.sort_values(["at_stake", "account_id"], ascending=[False, True], ignore_index=True)


def _listed(themes: Any) -> dict[str, str]:
    """Return the themes complained of most, in both languages."""
    names = [theme_words(theme) for theme in themes[:LISTED]] if isinstance(themes, tuple) else []
    joins = both("risk.join")
    return {language: joins[language].join(name[language] for name in names) or "–"
            for language in LANGUAGES}  # fmt: skip


def _day(number: Any) -> Any:
    return None if pd.isna(number) else pd.Timestamp(int(number), unit="D").date()


def _last_scores(workspace: Workspace) -> pd.DataFrame:
    """Return each customer's newest score: as given, its place on its scale, and its day."""
    there = set(workspace.table("feedback").collect_schema().names())
    names = ["account_id", "score", "scale_min", "scale_max", "answered_day", "feedback_id"]
    if not set(names) <= there:
        return pd.DataFrame({"last_score": [], "last_answer_on": [], "place": []})
    given = workspace.table("feedback").filter(
        ~nw.col("account_id").is_null() & ~nw.col("score").is_null()
        & (nw.col("scale_max") > nw.col("scale_min")) & ~nw.col("answered_day").is_null()
    )  # fmt: skip
    rows = collect(given.select(*names), ["answered_day", "feedback_id"])
    last = rows.groupby("account_id").tail(1).set_index("account_id")
    return pd.DataFrame({
        "last_score": [f"{score:g} / {top:g}" for score, top in
                       zip(last["score"], last["scale_max"], strict=True)],
        "last_answer_on": [_day(day) for day in last["answered_day"]],
        "place": (last["score"] - last["scale_min"]) / (last["scale_max"] - last["scale_min"]),
    }, index=last.index)  # fmt: skip


def _stopped(workspace: Workspace, texts: Texts) -> pd.DataFrame:
    """Compare customers with a signal in the 180 days before with those without."""
    complaints = texts.complaints
    days = pd.DataFrame({
        "account_id": texts.rows["account_id"].to_numpy(object)[complaints["text"]],
        "day": texts.rows["day"].to_numpy()[complaints["text"]],
    }).dropna()  # fmt: skip
    found = []
    for stopping, followed in (("contracts", _contracts_followed(workspace)),
                               ("buyers", _buyers_followed(workspace))):  # fmt: skip
        if followed.empty:
            continue
        marked = with_signals(workspace, followed).assign(complained=_within(followed, days))
        for signal in ("complained", "unhappy"):
            row = _compared(signal, stopping, marked[signal] == 1, marked["ended"] == 1)
            found += [row] if row else []
    return pd.DataFrame(found, columns=COLUMNS["stopped"])


def _contracts_followed(workspace: Workspace) -> pd.DataFrame:
    """Return contracts that came to their end in these spans, asked about the days before it."""
    today = workspace.as_of_day
    ended = ended_by(contract_terms(workspace.table("orders")), today)
    ended = ended[ended["ends_day"] >= today - SPANS * LOOKBACK]
    return ended[["account_id", "ended"]].assign(
        first_day=ended["ends_day"] - LOOKBACK, last_day=ended["ends_day"]
    )


def _buyers_followed(workspace: Workspace) -> pd.DataFrame:
    """Return, per half year, who ordered again before it, and whether no order came in it."""
    orders, today = workspace.table("orders"), workspace.as_of_day
    tables = [buying_table(orders, today - back * LOOKBACK) for back in range(SPANS + 1)]
    parts = []
    for after, before in pairwise(tables):
        origin = today - (len(parts) + 1) * LOOKBACK
        known = before[(before["frequency"] > 0) & (before["last_day"] > origin - LOOKBACK)]
        now = known[["account_id"]].merge(after, on="account_id", how="left")["frequency"]
        ended = (now.to_numpy("float64") <= known["frequency"].to_numpy("float64")).astype("int64")
        parts.append(pd.DataFrame({
            "account_id": known["account_id"].to_numpy(object), "ended": ended,
            "first_day": origin - LOOKBACK, "last_day": origin,
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def _within(rows: pd.DataFrame, events: pd.DataFrame) -> Any:
    """Mark the rows whose account has an event between `first_day` and `last_day`."""
    asked = rows[["account_id", "first_day", "last_day"]].assign(row=range(len(rows)))
    joined = asked.merge(events, on="account_id")
    inside = joined["day"].between(joined["first_day"], joined["last_day"])
    hit = np.zeros(len(rows), dtype="int64")
    hit[joined.loc[inside, "row"].to_numpy("int64")] = 1
    return hit


def _compared(
    signal: str, stopping: str, given: "pd.Series[bool]", ended: "pd.Series[bool]"
) -> tuple[Any, ...] | None:
    n, other = int(given.sum()), int((~given).sum())
    hits, rest = int((given & ended).sum()), int((~given & ended).sum())
    if not n or not other:
        return None
    gap, low, high = share_difference(hits, n, rest, other)
    verdict = "few" if min(n, other) < FEWEST else (
        "more_often" if low > 0 else "less_often" if high < 0 else "not_told")  # fmt: skip
    return (signal, stopping, n, hits, hits / n, *wilson(hits, n), other, rest, rest / other, gap,
            low, high, verdict)  # fmt: skip
