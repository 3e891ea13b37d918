"""What customers at risk said lately, and whether customers who complained stopped more often.

A complaint is what a text says (`analyses.feedback_links`), a poor score what a survey holds. Both
are known before the customer stops. That such customers stop more often is an association: who
is about to leave may say nothing.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit import schema
from salesops_kit.analyses.customer_contracts import UNHAPPY
from salesops_kit.analyses.customer_risk import CustomerRisk, customer_names
from salesops_kit.analyses.feedback_findings import theme_words
from salesops_kit.analyses.feedback_links import LOOKBACK, complaints_by_account
from salesops_kit.analyses.feedback_outcomes import outcome_cases
from salesops_kit.analyses.feedback_texts import Texts, feedback_of, read_texts
from salesops_kit.language import LANGUAGES, both
from salesops_kit.metrics.engine import collect, conformed
from salesops_kit.models.clustered import Beside, beside
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

DAYS = 550  # of texts that are read: a year of outcomes, and the lookback before it
# outcomes (`feedback_outcomes`) that lose a customer, and how they are called here
STOPPING = {"not_renewed": "not_renewed", "silent": "silent_buyer"}
FEWEST = 20  # customers with and without, below which nothing is said
LISTED = 3  # themes that are named
COLUMNS = {
    "accounts": ["customer", "at_stake", "last_score", "last_answer_on", "complaints", "about",
                 "last_complaint_on", "ends_on", "alive"],
    "stopped": ["signal", "stopping", "n", "stopped", "share", "other_n", "other_share",
                "stop_gap", "stop_gap_low", "stop_gap_high", "verdict"],
}  # fmt: skip


@dataclass(frozen=True)
class CustomerVoice:
    """What customers said in the last 180 days beside what they take away if they leave.

    `accounts`: customers with money at risk who complained or whose last score lies in the lower
    half of its scale, most money first: `last_score` as given, `complaints` and what they were
    `about`, day of the next contract end, chance to be `alive` as a buyer. `stopped`: of the
    customers who spoke before it, how many with a `signal` stopped (`stopping`: a contract not
    renewed, or no order for half a year), against those without in the same strata (of buying,
    of time, of one or several texts), with the 90 % interval of the difference.
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
    scores = _scores(workspace)
    return CustomerVoice(
        _accounts(workspace, customer, texts, scores), _stopped(workspace, texts, scores)
    )


def _accounts(
    workspace: Workspace, customer: CustomerRisk, texts: Texts, scores: pd.DataFrame
) -> pd.DataFrame:
    said = complaints_by_account(workspace, texts=texts).set_index("account_id")
    last = scores.groupby("account_id").tail(1).set_index("account_id")
    risk = customer.accounts[customer.accounts["at_stake"] > 0].set_index("account_id")
    heard = risk.index[risk.index.isin(said.index[said["complaints"] > 0])
                       | risk.index.isin(last.index[last["place"] <= UNHAPPY])]  # fmt: skip
    if heard.empty:
        return pd.DataFrame(columns=COLUMNS["accounts"])
    names = customer_names(workspace)
    ends = customer.calendar.groupby("account_id")["ends_on"].min()
    alive = customer.buyers.set_index("account_id")["alive"]
    told, mine = said.reindex(heard), last.reindex(heard)
    table = pd.DataFrame({
        "account_id": heard,
        "customer": [names.get(one, one) for one in heard],
        "at_stake": risk.loc[heard, "at_stake"].to_numpy("float64"),
        "last_score": [f"{score:g} / {top:g}" if score == score else None for score, top in
                       zip(mine["score"], mine["scale_max"], strict=True)],
        "last_answer_on": [_day(day) for day in mine["day"]],
        "complaints": told["complaints"].fillna(0).to_numpy("int64"),
        "about": [_listed(themes) for themes in told["themes"]],
        "last_complaint_on": [_day(day) for day in told["last_complaint_day"]],
        "ends_on": [None if pd.isna(day) else day for day in ends.reindex(heard)],
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


def _scores(workspace: Workspace) -> pd.DataFrame:
    """Return every score that was given, with its place on its scale (0 worst, 1 best)."""
    names = ("account_id", "score", "scale_min", "scale_max", "answered_day", "feedback_id")
    given = conformed(feedback_of(workspace), schema.FEEDBACK, names).filter(
        ~nw.col("account_id").is_null() & ~nw.col("score").is_null()
        & (nw.col("scale_max") > nw.col("scale_min")) & ~nw.col("answered_day").is_null()
    )  # fmt: skip
    rows = collect(given, ["answered_day", "feedback_id"])
    place = (rows["score"] - rows["scale_min"]) / (rows["scale_max"] - rows["scale_min"])
    return rows.rename(columns={"answered_day": "day"}).assign(place=place)


def _stopped(workspace: Workspace, texts: Texts, scores: pd.DataFrame) -> pd.DataFrame:
    """Compare customers who spoke in the 180 days before: with a signal, and without."""
    cases = outcome_cases(workspace, end_day=workspace.as_of_day + 1)
    cases = cases[cases["outcome"].isin(STOPPING)].reset_index(drop=True)
    rows = texts.rows
    written = pd.DataFrame({
        "account_id": rows["account_id"], "day": rows["day"],
        "bad": np.isin(np.arange(len(rows)), texts.complaints["text"].to_numpy("int64")),
    })[rows["counts"].astype(bool)]  # fmt: skip
    given = scores[["account_id", "day"]].assign(bad=scores["place"] <= UNHAPPY)
    found = []
    for signal, events in (("complained", written), ("unhappy", given)):
        heard, bad = _before(cases, events)
        spoke = cases[heard > 0].assign(several=heard[heard > 0] > 1, bad=bad[heard > 0])
        for stopping, part in spoke.groupby("outcome"):
            stratum = pd.factorize(part["stratum"] + part["several"].astype(str))[0]
            compared = beside(
                part["bad"].to_numpy("bool"), part["hit"].to_numpy() == 1, stratum,
                pd.factorize(part["account_id"])[0],
            )  # fmt: skip
            found += [_row(signal, STOPPING[str(stopping)], compared)] if compared else []
    return pd.DataFrame(found, columns=COLUMNS["stopped"])


def _before(cases: pd.DataFrame, events: pd.DataFrame) -> tuple[Any, Any]:
    """Return per case how many events stand in the days before it, and whether any is bad."""
    pairs = cases[["account_id", "day"]].assign(case=range(len(cases)))
    events = events.dropna(subset="account_id").rename(columns={"day": "said_day"})
    pairs = pairs.merge(events, on="account_id")
    gap = pairs["day"].astype("int64") - pairs["said_day"].astype("int64")
    near = pairs[(gap > 0) & (gap <= LOOKBACK)]
    place = near["case"].to_numpy("int64")
    bad = np.bincount(place[near["bad"].to_numpy("bool")], minlength=len(cases))
    return np.bincount(place, minlength=len(cases)), bad > 0


def _row(signal: str, stopping: str, found: Beside) -> tuple[Any, ...]:
    few = min(found.customers, found.other_customers) < FEWEST
    verdict = "few" if few else "more_often" if found.difference_lower > 0 else (
        "less_often" if found.difference_upper < 0 else "not_told")  # fmt: skip
    return (signal, stopping, found.n, found.hits, found.hits / found.n, found.other_n,
            found.usual, found.difference, found.difference_lower, found.difference_upper,
            verdict)  # fmt: skip
