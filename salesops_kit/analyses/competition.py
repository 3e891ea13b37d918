"""Rivals: how often deals are lost to each, who is new, what they ask, and why deals are lost.

Reps name a rival mostly when they lost to it, so a win rate of deals with a named rival is biased
by who bothers to write. Beside it stands the share of all closed deals that were lost to the
rival, which needs no name on won deals, and how often a name is given at all.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from scipy.stats import beta, hypergeom

from salesops_kit.analyses.feedback_rivals import rival_names, rivals_by_quarter
from salesops_kit.analyses.feedback_texts import Texts, feedback_of
from salesops_kit.metrics.engine import collect
from salesops_kit.metrics.grouping import mark
from salesops_kit.models.text_clean import normalised
from salesops_kit.models.themes import mentions, themes_of
from salesops_kit.periods import Period, period_containing, periods_until
from salesops_kit.workspace import Workspace

QUARTERS = 6
PERIODS = 13
FEWEST = 3  # namings from which on a rival that was never named before is new
ALARM = 0.05  # family-wise chance to say that a rival gains where none does
STRENGTH = 10.0  # deals that pull a quarter's rate towards the rival's usual one
YEAR = 365
_OWN_PRICE, _RIVAL_PRICE = "price", "price "
# what a loss reason is called in texts (`models.themes`)
_REASON_WORDS = {
    "price": ("price", "价格", "报价"),
    "delivery": ("delivery", "交付", "交货", "货期"),
}
_NEVER = 0.02  # a usual win rate of 0 or 1 would leave no interval
COLUMNS = {
    "rivals": ["rival", "named", "won", "lost", "win_rate", "lower", "upper", "lost_share",
               "lost_before", "lost_amount", "rival_state"],
    "quarters": ["quarter", "rival", "closed", "named", "won", "lost", "win_rate", "lower",
                 "upper", "lost_share"],
    "series": ["period", "rival", "lost_share", "n"],
    "prices": ["rival", "region", "price_gap", "gap_before", "month_on"],
    "reasons": ["reason", "n", "share", "at_least", "at_most", "amount"],
    "heard": ["quarter", "rival", "closed", "listed_share", "texts", "text_share", "lower",
              "upper"],
    "texts": ["topic", "deals", "in_picklist", "in_texts", "in_both"],
}  # fmt: skip


@dataclass(frozen=True)
class Competition:
    """What is known of rivals; frames are empty where deals name none.

    `rivals`: deals of the last four quarters: `named`, `won`, `lost`, `win_rate` (shrunk, 90 %
    interval), `lost_share` of all closed deals, `lost_before` in the quarters before,
    `rival_state`: new, gaining, steady. `quarters`: the same per quarter; `series`: the lost share
    per period. `prices`: the rival's price less ours, as a share of ours. `reasons`: why deals
    were lost, with bounds for what nobody wrote down. `texts`: what picklist and texts of the same
    lost deals say; `heard`: per quarter the share of closed deals that name a rival
    (`listed_share`) beside that of all customers' texts that do (`text_share`, 90 % interval).
    `named_won`, `named_lost`: share of won and of lost deals that name a rival.
    """

    window: Period
    rivals: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["rivals"]))
    quarters: pd.DataFrame = field(
        default_factory=partial(pd.DataFrame, columns=COLUMNS["quarters"])
    )
    series: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["series"]))
    prices: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["prices"]))
    reasons: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["reasons"]))
    texts: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["texts"]))
    heard: pd.DataFrame = field(default_factory=partial(pd.DataFrame, columns=COLUMNS["heard"]))
    named_won: float = float("nan")
    named_lost: float = float("nan")
    unknown_share: float = float("nan")


def analyse_competition(
    workspace: Workspace, *, period: Period, texts: Texts | None = None
) -> Competition:
    """Judge rivals by the four quarters up to the as-of day, against those before.

    `texts`: of these quarters and the two before (`read_texts`); None: what texts name is not told.
    """
    last = period_containing(workspace.as_of, "quarter", period.calendar)
    spans = periods_until(last, QUARTERS)
    window = Period("", spans[-4].start, workspace.as_of + timedelta(days=1), "year")
    periods = periods_until(period, PERIODS)
    rows = _closed(workspace, min(spans[0].start_day, periods[0].start_day))
    recent = rows[rows["closed_day"] >= window.start_day]
    if rows["competitor"].isna().all():
        return Competition(window, reasons=_reasons(recent), prices=_prices(workspace),
                           unknown_share=_unknown(recent))  # fmt: skip
    named, quarters = recent["competitor"].notna(), _quarters(rows, spans)
    return Competition(
        window, _rivals(rows[rows["closed_day"] >= spans[0].start_day], window),
        quarters, _lost_shares(rows, periods), _prices(workspace), _reasons(recent),
        _texts(workspace, recent), _heard(workspace, quarters, texts),
        float(named[recent["is_won"] == 1].mean()), float(named[recent["is_lost"] == 1].mean()),
        _unknown(recent),
    )  # fmt: skip


def _closed(workspace: Workspace, first_day: int) -> pd.DataFrame:
    deals = workspace.table("deals")
    there = set(deals.collect_schema().names())
    wanted = {name: nw.col(name) if name in there else nw.lit(None).cast(nw.String)
              for name in ("competitor", "loss_reason", "region")}  # fmt: skip
    closed = deals.filter(
        nw.col("status").is_in(["won", "lost"]) & (nw.col("closed_day") >= first_day)
    )
    return collect(
        closed.with_columns(
            is_won=mark(nw.col("status") == "won"), is_lost=mark(nw.col("status") == "lost")
        ).select("deal_id", "closed_day", "amount", "is_won", "is_lost", **wanted),
        ["deal_id"],
    )


def _shrunk(won: float, n: float, usual: float) -> tuple[float, float, float]:
    """Return a win rate drawn towards the usual one by ten deals, with its 90 % interval."""
    # where all were won or lost so far, the next one may still end otherwise
    usual = min(max(usual, _NEVER), 1 - _NEVER)
    a, b = won + STRENGTH * usual, n - won + STRENGTH * (1 - usual)
    low, high = beta.ppf([0.05, 0.95], a, b) if min(a, b) > 0 else (0.0, 1.0)
    return float(a / (a + b)), float(low), float(high)


def _rivals(rows: pd.DataFrame, window: Period) -> pd.DataFrame:
    """Return each rival's last four quarters, and whether it is new or gaining.

    Gaining is judged by the share of closed deals lost to it in the last two quarters against the
    quarters before, an exact test, Bonferroni over rivals.
    """
    recent, middle = rows[rows["closed_day"] >= window.start_day], window.end_day - 182
    usual = float(recent.loc[recent["competitor"].notna(), "is_won"].mean())
    late = rows["closed_day"] >= middle
    names = sorted(rows["competitor"].dropna().unique())
    found = []
    for rival in names:
        mine = rows["competitor"] == rival
        own = recent[recent["competitor"] == rival]
        won, lost = int(own["is_won"].sum()), int(own["is_lost"].sum())
        hits, n = int((mine & late & (rows["is_lost"] == 1)).sum()), int(late.sum())
        before = int((mine & ~late & (rows["is_lost"] == 1)).sum())
        others = int((~late).sum())
        state = "steady"
        if not (mine & ~late).any() and int((mine & late).sum()) >= FEWEST and others:
            state = "new"
        elif others and _more(hits, n, before, others) < ALARM / len(names):
            state = "gaining"
        found.append((rival, won + lost, won, lost, *_shrunk(won, won + lost, usual),
                      hits / n if n else np.nan, before / others if others else np.nan,
                      float(own.loc[own["is_lost"] == 1, "amount"].sum()), state))  # fmt: skip
    table = pd.DataFrame(found, columns=COLUMNS["rivals"])
    return table.sort_values(["lost_amount", "rival"], ascending=[False, True], ignore_index=True)


def _more(hits: int, n: int, before: int, others: int) -> float:
    """Return the chance of so many hits in n, had both parts the same share (Fisher, one-sided)."""
    return float(hypergeom.sf(hits - 1, n + others, hits + before, n))


def _quarters(rows: pd.DataFrame, spans: list[Period]) -> pd.DataFrame:
    found = []
    for rival in sorted(rows["competitor"].dropna().unique()):
        own = rows[rows["competitor"] == rival]
        usual = float(own["is_won"].mean())
        for span in spans:
            inside = rows["closed_day"].between(span.start_day, span.end_day - 1)
            part = own[inside.reindex(own.index)]
            won, lost, closed = int(part["is_won"].sum()), int(part["is_lost"].sum()), inside.sum()
            found.append((span.label, rival, int(closed), won + lost, won, lost,
                          *_shrunk(won, won + lost, usual),
                          lost / closed if closed else np.nan))  # fmt: skip
    return pd.DataFrame(found, columns=COLUMNS["quarters"])


def _lost_shares(rows: pd.DataFrame, periods: list[Period]) -> pd.DataFrame:
    """Return the share of each period's closed deals that was lost to each rival."""
    found = []
    for span in periods:
        part = rows[rows["closed_day"].between(span.start_day, span.end_day - 1)]
        lost = part.loc[part["is_lost"] == 1, "competitor"].value_counts()
        for rival in sorted(rows["competitor"].dropna().unique()) if len(part) else []:
            found.append((span.label, rival, float(lost.get(rival, 0)) / len(part), len(part)))
    return pd.DataFrame(found, columns=COLUMNS["series"])


def _unknown(recent: pd.DataFrame) -> float:
    lost = recent[recent["is_lost"] == 1]
    return float(lost["loss_reason"].isna().mean()) if len(lost) else float("nan")


def _reasons(recent: pd.DataFrame) -> pd.DataFrame:
    """Return why deals were lost: of those with a reason, and the bounds if the rest were asked."""
    lost = recent[recent["is_lost"] == 1]
    told = lost[lost["loss_reason"].notna()]
    if told.empty:
        return pd.DataFrame(columns=COLUMNS["reasons"])
    silent = len(lost) - len(told)
    table = told.groupby("loss_reason")["amount"].agg(["size", "sum"]).reset_index()
    table.columns = pd.Index(["reason", "n", "amount"])
    table = table.assign(
        share=table["n"] / len(told), at_least=table["n"] / len(lost),
        at_most=(table["n"] + silent) / len(lost),
    )  # fmt: skip
    return table.sort_values(["n", "reason"], ascending=[False, True], ignore_index=True)


def _prices(workspace: Workspace) -> pd.DataFrame:
    """Return what rivals ask less what we ask, per region, in the last month and a year before."""
    nothing = pd.DataFrame(columns=COLUMNS["prices"])
    if not workspace.has("market"):
        return nothing
    market = collect(workspace.table("market"), ["month_day", "region"])
    own = market[market["metric"] == _OWN_PRICE].set_index(["region", "month_day"])["value"]
    asked = market[market["metric"].str.startswith(_RIVAL_PRICE)]
    if own.empty or asked.empty:
        return nothing
    ours = own[~own.index.duplicated()].reindex(pd.MultiIndex.from_frame(
        asked[["region", "month_day"]])).to_numpy("float64")  # fmt: skip
    asked = asked.assign(
        rival=asked["metric"].str.removeprefix(_RIVAL_PRICE), price_gap=asked["value"] / ours - 1
    ).dropna(subset="price_gap")
    found = []
    for (rival, region), part in asked.groupby(["rival", "region"], dropna=False):
        newest = part.iloc[-1]
        past = part[part["month_day"] <= newest["month_day"] - 365]
        before = float(past["price_gap"].iloc[-1]) if len(past) else np.nan
        found.append((rival, region, float(newest["price_gap"]), before, newest["month_on"]))
    return pd.DataFrame(found, columns=COLUMNS["prices"])


def _texts(workspace: Workspace, recent: pd.DataFrame) -> pd.DataFrame:
    """Compare picklist and texts of the same lost deals: who and what is named where."""
    nothing = pd.DataFrame(columns=COLUMNS["texts"])
    feedback = feedback_of(workspace)
    there = set(feedback.collect_schema().names())
    if not {"deal_id", "text"} <= there:
        return nothing
    told = feedback.filter(~nw.col("deal_id").is_null() & ~nw.col("text").is_null())
    rows = collect(told.select("deal_id", "text"), ["deal_id"])
    lost = recent[recent["is_lost"] == 1].set_index("deal_id")
    rows = rows[rows["deal_id"].isin(lost.index)]
    if rows.empty:
        return nothing
    plain = rows["text"].map(normalised).groupby(rows["deal_id"]).agg(" ".join)
    known = lost.loc[plain.index]
    found = []
    for rival, spellings in rival_names(workspace).items():
        said = plain.map(lambda text, s=spellings: any(one.lower() in text for one in s))
        found.append(_pair(rival, known["competitor"].eq(rival), said))
    heard = mentions(plain.tolist(), themes_of(workspace.settings.feedback.themes),
                     lambda texts: np.zeros(len(texts)))  # fmt: skip
    for theme, words in _REASON_WORDS.items():
        places = heard.loc[heard["theme"] == theme, "text"].to_numpy("int64")
        said = pd.Series(np.isin(np.arange(len(plain)), places), plain.index)
        reason = known["loss_reason"].fillna("").str.lower()
        found.append(_pair(theme, reason.map(lambda one, w=words: any(x in one for x in w)), said))
    table = pd.DataFrame(found, columns=COLUMNS["texts"])
    return table[(table["in_picklist"] > 0) | (table["in_texts"] > 0)].reset_index(drop=True)


def _heard(workspace: Workspace, quarters: pd.DataFrame, texts: Texts | None) -> pd.DataFrame:
    """Put what texts name per quarter beside what the picklist does."""
    if texts is None:
        return pd.DataFrame(columns=COLUMNS["heard"])
    end = workspace.as_of + timedelta(days=1)
    known = Period("", end - timedelta(days=1), end, "week", workspace.settings.calendar)
    said = rivals_by_quarter(workspace, period=known, texts=texts)
    listed = quarters.assign(listed_share=quarters["named"] / quarters["closed"].where(
        quarters["closed"] > 0))[["quarter", "rival", "closed", "listed_share"]]  # fmt: skip
    said = said.rename(columns={"share": "text_share"})
    table = listed.merge(said, on=["quarter", "rival"], how="inner")
    return table.sort_values(["rival", "quarter"], ignore_index=True)[COLUMNS["heard"]]


def _pair(topic: str, listed: "pd.Series[Any]", said: "pd.Series[Any]") -> tuple[Any, ...]:
    listed, said = listed.astype(bool), said.astype(bool)
    return topic, len(said), int(listed.sum()), int(said.sum()), int((listed & said).sum())
