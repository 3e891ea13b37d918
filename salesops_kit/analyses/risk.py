"""What may break the target: the market, rivals, customers, and the company itself.

Each kind of risk is an analysis of its own; here they come together in one register, ordered by
what they cost on average, with what became of the entries made before.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from salesops_kit.analyses.competition import Competition, analyse_competition
from salesops_kit.analyses.concentration import Concentration, analyse_concentration
from salesops_kit.analyses.customer_risk import CustomerRisk, analyse_customer_risk
from salesops_kit.analyses.customer_voice import CustomerVoice, customer_voice, read_lately
from salesops_kit.analyses.deal_risk import DealRisk, analyse_deal_risk
from salesops_kit.analyses.internal_risk import InternalRisk, analyse_internal
from salesops_kit.analyses.market_share import ALL, MarketShare, analyse_market
from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.risk_findings import risk_findings, risk_key_figures
from salesops_kit.analyses.risk_record import changed_since, kept_risks, looked_back, scores
from salesops_kit.analyses.risk_register import COLUMNS, HANGS, heat, loss_range, register
from salesops_kit.analyses.risk_seeds import seeds
from salesops_kit.findings import Finding, KeyFigure
from salesops_kit.language import Named, Word
from salesops_kit.metrics.wins import win_rate
from salesops_kit.periods import Period
from salesops_kit.settings import RISK_LIMITS
from salesops_kit.workspace import Workspace

MONTH = 30.44
_EMPTY = pd.DataFrame(columns=COLUMNS)


@dataclass(frozen=True)
class Risk:
    """All risks of the next period, as known on the as-of day.

    `limits`: from where on a share is a risk. `register`: the entries (see
    `risk_register.COLUMNS`), with what changed since the last one (`since_last`); `grid`: how many
    per class of chance and money. `loss`, `worst`: what all of them cost on average, and in one of
    twenty outcomes. `past`: entries whose time has come, and what came;
    `scores`: how good their chances were. `changed_on`: day of the last register.
    """

    period: Period
    next_period: Period
    currency: str
    win_rate: float
    deals: DealRisk
    customer: CustomerRisk
    voice: CustomerVoice
    concentration: Concentration
    competition: Competition
    market: MarketShare
    internal: InternalRisk
    limits: dict[str, float] = field(default_factory=lambda: dict(RISK_LIMITS))
    register: pd.DataFrame = field(default_factory=lambda: _EMPTY.copy())
    grid: pd.DataFrame = field(default_factory=pd.DataFrame)
    loss: float = 0.0
    worst: float = 0.0
    past: pd.DataFrame = field(default_factory=pd.DataFrame)
    scores: pd.DataFrame = field(default_factory=pd.DataFrame)
    changed_on: str = ""
    findings: list[Finding] = field(default_factory=list)
    key_figures: list[KeyFigure] = field(default_factory=list)

    @property
    def ahead(self) -> str:
        """Label of the period that the register speaks of."""
        return self.next_period.label

    @property
    def months_ahead(self) -> int:
        """Months of that period, at least one."""
        return max(1, round(self.next_period.days / MONTH))

    @property
    def usual(self) -> float:
        """Bookings of a usual period of that length, from the last twelve months."""
        return self.concentration.usual / 12 * self.next_period.days / MONTH

    @property
    def coming(self) -> float:
        """Bookings that risks of that period can cost: the usual ones, or what open deals hold."""
        scored = self.deals.scored
        held = float((scored["chance"] * scored["worth"]).sum()) if len(scored) else 0.0
        return max(self.usual, held)

    @property
    def there(self) -> float:
        """All money that the entries can cost: what is coming, due, and named by the company."""
        own = self.register[self.register["by"] != "kit"]
        named = own[["money", "money_high"]].astype("float64").max(axis=1).sum() if len(own) else 0
        return self.coming + self.customer.due_ahead + float(named)

    @property
    def hangs(self) -> float:
        """Money that hangs on the largest customer or rep, whichever more; 0 where entered none."""
        rows = self.register[
            self.register["indicator"].isin(HANGS) & (self.register["by"] == "kit")
        ]
        return float(rows["money"].astype("float64").max()) if len(rows) else 0.0

    @staticmethod
    def place(region: Any) -> Named | Word:
        """Return how a region of the market is called."""
        return Word("risk.all") if region == ALL else Named(str(region), str(region))


@recalled
def analyse_risk(workspace: Workspace, *, period: Period) -> Risk:
    """Find, measure and enter the risks of the period that follows the as-of day."""
    ahead = period
    while ahead.last <= workspace.as_of:
        ahead = ahead.next()
    concentration = analyse_concentration(workspace, period=period)
    customer, texts = analyse_customer_risk(workspace, period=period), read_lately(workspace)
    rates = win_rate(workspace.table("deals"), period=concentration.window, as_of=workspace.as_of)
    found = Risk(
        period, ahead, workspace.settings.company.currency,
        float(rates["win_rate"].fillna(0.0).iloc[0]),
        deals=analyse_deal_risk(workspace, period=period),
        customer=customer,
        voice=customer_voice(workspace, customer, texts) if texts else CustomerVoice(),
        concentration=concentration,
        competition=analyse_competition(workspace, period=period, texts=texts),
        market=analyse_market(workspace, period=period),
        internal=analyse_internal(workspace, period=period),
        limits=RISK_LIMITS | workspace.settings.risk.limits,
    )  # fmt: skip
    table = register(workspace, seeds(found, workspace.settings), booked=found.usual)
    kept = kept_risks(workspace, ahead.cadence)
    changed_on, change = changed_since(table, kept)
    past = looked_back(workspace, kept, measured(found))
    loss, worst = loss_range(table, coming=found.coming, due=found.customer.due_ahead)
    shown = table.assign(since_last=change, risk_kind=table["kind"], answered_by=table["response"])
    found = replace(
        found, register=shown, grid=heat(table), loss=loss, worst=worst, past=past,
        scores=scores(past), changed_on=changed_on,
    )  # fmt: skip
    return replace(
        found,
        findings=risk_findings(found),
        key_figures=risk_key_figures(found),
    )


def measured(risk: Risk) -> dict[tuple[str, str, str], float]:
    """Return every indicator's value per period, by which former entries are judged."""
    found: dict[tuple[str, str, str], float] = {}
    for label, name, value, _ in risk.internal.series.itertuples(index=False):
        found[str(name), "", str(label)] = float(value)
    for label, rival, value, _ in risk.competition.series.itertuples(index=False):
        found["lost_to_rival", str(rival), str(label)] = float(value)
    for label, due, lost in risk.customer.past.itertuples(index=False):
        found["contracts_lost", "", str(label)] = float(lost / due)
    for row in risk.concentration.trend.to_dict("records"):
        name = {"customer": "top_customer", "rep": "top_rep"}.get(str(row["dimension"]))
        if name:
            found[name, "", str(row["period"])] = float(row["top1"])
    now = risk.period.label
    for row in risk.market.regions.to_dict("records"):
        found["market_gap", str(row["region"]), now] = float(row["gap"])
    if risk.market.whole is not None:
        found["market_falls", "", now] = float(risk.market.whole["market_growth"])
    return found
