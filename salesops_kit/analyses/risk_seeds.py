"""Risks the kit enters itself: each an indicator, a threshold, a chance and what it costs.

An entry says: until the end of the next period the indicator will lie beyond its threshold. That
is a forecast, which the period after can be asked about. The chance comes from what the indicator
is: drawn renewals, the classifier of deals, the former values of a share, the spread of a growth.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from salesops_kit.analyses.deal_reasons import REASONS
from salesops_kit.analyses.internal_risk import BELOW
from salesops_kit.analyses.market_share import ALL
from salesops_kit.findings import Words
from salesops_kit.language import Money, Named, Share, both
from salesops_kit.models.exceedance import Foreseen, foreseen
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.risk import Risk

KINDS = ("market", "competition", "customer", "internal")
DEALS = 3  # single deals that are entered
WORTH_SAYING = 0.10  # chance below which an entry is not made, unless it is beyond already
# ways a risk can be answered that fit its kind, unless its owner chooses another
_RESPONSES = {"market_gap": "reduce", "market_falls": "share", "top_customer": "reduce"}
_WIDE = 1.645  # standard deviations that half a 90 % interval is wide
NO_MONEY = (float("nan"),) * 3


@dataclass(frozen=True)
class Seed:
    """One entry: until the next period's end `indicator` will lie beyond `threshold`.

    `value`: of the indicator now; `expected`, `low`, `high`: of it then (80 % range); `money`: what
    it costs if it happens, 10, 50 and 90 % of the outcomes. `worse`: 1 beyond is above, -1 below.
    """

    kind: str
    indicator: str
    where: str
    value: float
    threshold: float
    worse: int
    probability: float
    expected: tuple[float, float, float]
    money: tuple[float, ...]
    statement: Words
    step: Words
    n: int

    @property
    def risk_id(self) -> str:
        """Stable name: what is watched, and where."""
        return f"{self.indicator}:{self.where}" if self.where else self.indicator

    @property
    def response(self) -> str:
        """How such a risk is usually answered."""
        return _RESPONSES.get(self.indicator, "reduce")

    @property
    def beyond(self) -> bool:
        """Tell whether the indicator is beyond its threshold already."""
        return bool(self.worse * (self.value - self.threshold) > 0)


def seeds(risk: "Risk", settings: Settings) -> list[Seed]:
    """Return what is worth entering, of everything the analyses measured."""
    found = [
        *_market(risk, settings), *_rivals(risk, settings), *_contracts(risk, settings),
        *_deals(risk), *_shares(risk, settings), *_internal(risk),
    ]  # fmt: skip
    said = [one for one in found if one.probability >= WORTH_SAYING or one.beyond]
    return sorted(said, key=lambda one: (-_loss(one), one.risk_id))


def _loss(seed: Seed) -> float:
    middle = seed.money[1]
    return seed.probability * (middle if middle == middle else 0.0)


def _words(name: str, values: Mapping[str, Any]) -> tuple[Words, Words]:
    return both(f"risk.says_{name}", **values), both(f"risk.step_{name}", **values)


def _market(risk: "Risk", settings: Settings) -> Iterator[Seed]:
    """Regions that may grow slower than their market, and a market that may shrink."""
    market, limit = risk.market, settings.risk.limit("market_gap")
    replaced = min(max(risk.months_ahead, 1), max(market.months, 1))
    for row in market.regions.to_dict("records"):
        if row["region"] == ALL and len(market.regions) > 1:
            continue
        spread = (row["upper"] - row["lower"]) / (2 * _WIDE) * np.sqrt(
            2 * replaced / max(market.months, 1))  # fmt: skip
        if not spread > 0:
            continue
        gap = float(row["gap"])
        ends = norm.ppf([0.1, 0.9], gap, spread)
        # bookings of one period that lie between growing so and growing with the market
        base = row["bookings"] / max(market.months, 1) * risk.months_ahead / (1 + row["own_growth"])
        money = sorted(max(-float(value), -limit) * base for value in (ends[1], gap, ends[0]))
        values = {"region": risk.place(row["region"]), "gap": Share(abs(limit)),
                  "period": risk.ahead}  # fmt: skip
        yield Seed("market", "market_gap", str(row["region"]), gap, limit, -1,
                   float(norm.cdf(limit, gap, spread)), (gap, float(ends[0]), float(ends[1])),
                   tuple(money), *_words("market_gap", values), int(row["n"]))  # fmt: skip
    if market.ahead is not None and market.whole is not None:
        now, ahead = float(market.whole["market_growth"]), market.ahead
        per_period = market.whole["bookings"] / max(market.months, 1) * risk.months_ahead
        cost = [max(-value, 0.0) * per_period for value in (ahead.high, ahead.value, ahead.low)]
        yield Seed("market", "market_falls", "", now, 0.0, -1, ahead.chance, _ends(ahead),
                   (cost[0], cost[1], cost[2]), *_words("market_falls", {"period": risk.ahead}),
                   int(market.whole["n"]))  # fmt: skip


def _ends(ahead: Foreseen) -> tuple[float, float, float]:
    return ahead.value, ahead.low, ahead.high


def _rivals(risk: "Risk", settings: Settings) -> Iterator[Seed]:
    """Rivals to whom more of the closed deals may be lost than the limit."""
    limit = settings.risk.limit("lost_to_rival")
    for row in risk.competition.rivals.to_dict("records"):
        own = risk.competition.series
        own = own[own["rival"] == row["rival"]]
        ahead = foreseen(own["lost_share"].to_numpy("float64"), threshold=limit)
        if ahead is None:
            continue
        # of what is lost beyond the usual, the usual share of deals would have been won
        usual = max(float(own["lost_share"].iloc[:-1].mean()), 1e-9)
        lost = float(row["lost_amount"]) / 12 * risk.months_ahead * risk.win_rate
        part = [lost * share / usual for share in _excess(ahead, limit, usual, 1)]
        values = {"rival": str(row["rival"]), "limit": Share(limit), "period": risk.ahead}
        yield Seed("competition", "lost_to_rival", str(row["rival"]),
                   float(own["lost_share"].iloc[-1]), limit, 1, ahead.chance, _ends(ahead),
                   (part[0], part[1], part[2]), *_words("lost_to_rival", values),
                   int(row["named"]))  # fmt: skip


def _contracts(risk: "Risk", settings: Settings) -> Iterator[Seed]:
    customer = risk.customer
    if not customer.drawn or customer.losses.empty:
        return
    row, drawn = customer.losses.iloc[0], np.array(customer.drawn)
    due = float(row["due_amount"])
    if not due > 0:
        return
    limit = settings.risk.limit("contracts_lost")
    low, middle, high = (float(x) for x in np.quantile(drawn, [0.1, 0.5, 0.9]))
    bad = drawn[drawn / due > limit]
    cost = np.quantile(bad, [0.1, 0.5, 0.9]) if len(bad) else np.full(3, limit * due)
    values = {"limit": Share(limit), "due": Money(due, risk.currency), "period": risk.ahead}
    yield Seed("customer", "contracts_lost", "", middle / due, limit, 1,
               float((drawn / due > limit).mean()), (middle / due, low / due, high / due),
               (float(cost[0]), float(cost[1]), float(cost[2])), *_words("contracts_lost", values),
               int(row["contracts"]))  # fmt: skip


def _deals(risk: "Risk") -> Iterator[Seed]:
    """Enter the deals on which the forecast counts most: not won by the end of the period.

    What it costs is what the forecast counts on: chance × worth. The rest was never expected.
    """
    shown = risk.deals.scored
    if shown.empty:
        return
    counted = (shown["chance"] * shown["worth"]).sort_values(ascending=False, kind="stable")
    for place, money in counted.head(DEALS).items():
        row = shown.loc[place]  # type: ignore[call-overload]
        missed = 1 - float(row["chance"])
        values: dict[str, Any] = {
            "deal": str(row["deal"]), "worth": Money(row["worth"], risk.currency),
            "period": risk.ahead,
            "reasons": Named(row["reasons"]["en"], row["reasons"]["zh"]),
        }  # fmt: skip
        # the indicator is 1 when the deal is not won by then; it is open now
        yield Seed("customer", "deal_missed", str(row["deal_id"]), 0.0, 0.5, 1, missed,
                   (missed, 0.0, 1.0), (float(money),) * 3, both("risk.says_deal_missed", **values),
                   both(_step_of(row), **values), 1)  # fmt: skip


def _step_of(deal: "pd.Series[Any]") -> str:
    unusual = any(deal[name] for name in REASONS)
    return "risk.step_deal_missed" if unusual else "risk.step_deal_missed_plain"


def _shares(risk: "Risk", settings: Settings) -> Iterator[Seed]:
    """Enter a customer or a rep that may come to hold more of the bookings than the limit."""
    found = risk.concentration
    for dimension, name, kind in (("customer", "top_customer", "customer"),
                                  ("rep", "top_rep", "internal")):  # fmt: skip
        row, limit = found.of(dimension), settings.risk.limit(name)
        past = found.trend[found.trend["dimension"] == dimension]["top1"].to_numpy("float64")
        ahead = foreseen(past, threshold=limit)
        if row is None or ahead is None:
            continue
        money = float(row["top1"]) * found.usual / 12 * risk.months_ahead
        values = {"who": str(row["largest"]), "limit": Share(limit), "share": Share(row["top1"]),
                  "period": risk.ahead}  # fmt: skip
        yield Seed(kind, name, "", float(row["top1"]), limit, 1, ahead.chance, _ends(ahead),
                   (money / 2, money, money), *_words(name, values), int(row["n"]))  # fmt: skip


def _internal(risk: "Risk") -> Iterator[Seed]:
    house = risk.internal
    for row in house.measures.to_dict("records"):
        name, limit = str(row["measure"]), float(row["limit"])
        worse = -1 if name in BELOW else 1
        past = house.series.loc[house.series["measure"] == name, "value"].to_numpy("float64")
        ahead = foreseen(past, threshold=limit, worse=worse) or _by_count(row, worse)
        if ahead is None or row["verdict"] == "few":
            continue
        values = {"limit": Share(limit), "value": Share(row["value"], 1), "period": risk.ahead,
                  "who": str(row["detail"])}  # fmt: skip
        yield Seed("internal", name, "", float(row["value"]), limit, worse, ahead.chance,
                   _ends(ahead), _cost(risk, name, ahead, row), *_words(name, values),
                   int(row["n"]))  # fmt: skip


def _by_count(row: Mapping[Any, Any], worse: int) -> Foreseen | None:
    """Foresee a share that is known once only: as it is, as sure as its number of cases."""
    low, high = row["lower"], row["upper"]
    if pd.isna(low) or not high > low:
        return None
    spread = (high - low) / (2 * _WIDE) * np.sqrt(2)  # its own error, and the next one's
    ends = norm.ppf([0.1, 0.9], row["value"], spread)
    far = worse * (row["value"] - row["limit"]) / spread
    return Foreseen(float(row["value"]), float(ends[0]), float(ends[1]), float(norm.cdf(far)))


def _excess(ahead: Foreseen, limit: float, usual: float, worse: int) -> tuple[float, float, float]:
    """Return how far beyond the usual a share will be, if it is beyond its limit."""
    near, far = (ahead.low, ahead.high) if worse > 0 else (ahead.high, ahead.low)
    ends = [worse * value if worse * value > worse * limit else worse * limit
            for value in (near, ahead.value, far)]  # fmt: skip
    low, middle, high = (max(end - worse * usual, 0.0) for end in ends)
    return low, middle, high


def _cost(risk: "Risk", name: str, ahead: Foreseen, row: Mapping[Any, Any]) -> tuple[float, ...]:
    """Return what a measure beyond its limit costs in a period more than usual, if that is told.

    Deals forgotten: that part of the money expected of open deals. Prices given away and people
    gone: that part of the bookings.
    """
    usual = row["value"] if pd.isna(row["usual_value"]) else row["usual_value"]
    excess = _excess(ahead, float(row["limit"]), float(usual), 1)
    scored = risk.deals.scored
    booked = risk.concentration.usual / 12 * risk.months_ahead
    if name in ("overdue", "stalled") and len(scored):
        booked = float((scored["chance"] * scored["worth"]).sum())
    elif name not in ("erosion", "attrition") or not booked > 0:
        return NO_MONEY
    return tuple(share * booked for share in excess)
