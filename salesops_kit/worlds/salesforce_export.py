"""The company's exports as Salesforce's Data Loader gives them: API names, ids of 18 characters."""

from pathlib import Path
from typing import Any

from salesops_kit.worlds import business
from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, HOUR
from salesops_kit.worlds.exports import day, money, records, stamp, write_csv
from salesops_kit.worlds.kit_tables import Names, contract_cells, write_kit_tables
from salesops_kit.worlds.labels import StageLabels
from salesops_kit.worlds.simulate import Company

LABELS = {
    "qualification": "Qualification",
    "needs": "Needs Analysis",
    "solution": "Value Proposition",
    "proposal": "Proposal/Price Quote",
    "negotiation": "Negotiation/Review",
    "contract": "Contract Sent",
    "won": "Closed Won",
    "lost": "Closed Lost",
    "invalid": "Invalid",
}
# Data Loader writes times in UTC; the company sits eight hours ahead
_UTC = "%Y-%m-%dT%H:%M:%S.000Z"
_AHEAD = 8 * HOUR
_PREFIX = {"rep": "005", "account": "001", "contact": "003", "lead": "00Q", "deal": "006",
           "activity": "00T", "product": "01t", "order": "801", "payment": "a0P",
           "feedback": "500"}  # fmt: skip
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def salesforce_id(kind: str, number: int, *, short: bool = False) -> str:
    """Return an id: prefix of the object, base-62 number, and its three check characters."""
    rest, number = "", 56_800_235_584 + 977 * number
    while number:
        number, digit = divmod(number, 62)
        rest = _DIGITS[digit] + rest
    bare = _PREFIX[kind] + rest.rjust(12, "0")
    if short:
        return bare
    checks = ""
    for part in (bare[:5], bare[5:10], bare[10:]):
        capitals = sum(1 << i for i, letter in enumerate(part) if "A" <= letter <= "Z")
        checks += "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[capitals]
    return bare + checks


def write(company: Company, folder: Path, *, broken: bool) -> None:
    """Write every file of the export."""
    writer = _Writer(company, folder, broken=broken)
    writer.people()
    writer.deals()
    writer.history()
    writer.around()


def _utc(seconds: float) -> str:
    return stamp(seconds - _AHEAD, _UTC) if seconds >= 0 else ""


class _Writer:
    def __init__(self, company: Company, folder: Path, *, broken: bool) -> None:
        self.company, self.folder, self.broken = company, folder, broken
        self.labels = StageLabels(company.world, LABELS, "en")
        self.account_name = company.accounts["name_en"].tolist()

    def _csv(self, name: str, header: list[str], rows: list[list[object]]) -> None:
        tag = f"{self.company.world.export_on:%Y%m%d}"
        write_csv(self.folder / f"{name}_{tag}.csv", header, rows, "utf-8")

    def people(self) -> None:
        sid = salesforce_id
        self._csv(
            "Account",
            ["Id", "Name", "Industry", "Segment__c", "Region__c", "BillingCity",
             "NumberOfEmployees", "CreatedDate"],
            [[sid("account", a.account), a.name_en, c.INDUSTRIES[a.industry].en,
              c.SEGMENTS[a.segment].en, c.REGIONS[a.region].en, a.city_en, a.employees,
              _utc(a.created_at.timestamp())] for a in records(self.company.accounts)],
        )  # fmt: skip
        self._csv(
            "Contact",
            ["Id", "AccountId", "Name", "Title", "Email", "CreatedDate"],
            [[sid("contact", p.contact), sid("account", p.account), p.name_en, p.title_en,
              p.email, _utc(p.created_at.timestamp())] for p in records(self.company.contacts)],
        )  # fmt: skip
        self._csv(
            "User",
            ["Id", "Name", "Email", "Title", "IsActive"],
            [[sid("rep", r.rep), r.name_en, f"rep{r.rep}@example.com", "Sales Rep",
              "false" if r.leave_on else "true"] for r in records(self.company.reps)],
        )  # fmt: skip
        self._csv(
            "Product2",
            ["Id", "Name", "Family", "UnitPrice", "IsActive"],
            [[sid("product", i), p[0].en, p[1].en, money(p[2]), "true"]
             for i, p in enumerate(c.PRODUCTS)],
        )  # fmt: skip
        self._csv(
            "Lead",
            ["Id", "Company", "LeadSource", "Region__c", "Status", "OwnerId", "CreatedDate",
             "AssignedDate__c", "FirstResponse__c", "ConvertedDate", "IsConverted",
             "ConvertedOpportunityId"],
            [self._lead(x) for x in records(self.company.leads)],
        )  # fmt: skip

    def _lead(self, lead: Any) -> list[object]:
        status = "Qualified" if lead.converts else "Working" if lead.answered >= 0 else "Open"
        return [
            salesforce_id("lead", lead.lead), self.account_name[lead.account],
            c.SOURCES[lead.source].en, c.REGIONS[lead.region].en, status,
            salesforce_id("rep", lead.rep), _utc(lead.created), _utc(lead.assigned),
            _utc(lead.answered), _utc(lead.converted) if lead.converts else "",
            "true" if lead.converts else "false",
            salesforce_id("deal", lead.deal) if lead.converts else "",
        ]  # fmt: skip

    def deals(self) -> None:
        header = ["Id", "Name", "AccountId", "StageName", "Amount", "CurrencyIsoCode",
                  "Probability", "CloseDate", "Type", "LeadSource", "OwnerId", "CreatedDate",
                  "LastStageChangeDate", "IsClosed", "IsWon", "IsDeleted", "Region__c",
                  "Product__c", "Loss_Reason__c", "Competitor__c", "RecordType.Name"]  # fmt: skip
        rows = [self._deal(d) for d in records(self.company.deals)]
        if self.broken:
            rows[40] = [*rows[40][:4], "to be agreed", *rows[40][5:]]
            rows.append([salesforce_id("deal", 25, short=True), *rows[25][1:]])
        self._csv("Opportunity", header, rows)

    def _deal(self, deal: Any) -> list[object]:
        product = c.PRODUCTS[deal.product][0].en
        is_open = deal.stage in {s.name for s in c.STAGES}
        return [
            salesforce_id("deal", deal.deal), f"{self.account_name[deal.account]} - {product}",
            salesforce_id("account", deal.account), self.labels.at(deal.stage), money(deal.amount),
            "CNY", f"{deal.probability * 100:.0f}", day(deal.expected_day),
            "Existing Business" if deal.existing else "New Business", c.SOURCES[deal.source].en,
            salesforce_id("rep", deal.rep), _utc(deal.created), _utc(deal.stage_at),
            "false" if is_open else "true", "true" if deal.stage == "won" else "false", "false",
            c.REGIONS[deal.region].en, product,
            c.LOSS_REASONS[deal.reason].en if deal.reason >= 0 else "",
            c.COMPETITORS[deal.rival].en if deal.rival >= 0 else "", "Standard",
        ]  # fmt: skip

    def history(self) -> None:
        """Write a row per change: also where the amount changed and the stage did not."""
        rows: list[list[object]] = []
        for number, h in enumerate(records(self.company.history)):
            who = "Office Admin" if h.by_office else salesforce_id("rep", h.rep)
            row: list[object] = [salesforce_id("deal", h.deal), self.labels.at(h.stage, h.entered),
                   money(h.amount, "{:.0f}"), f"{h.probability * 100:.0f}", day(h.expected_day),
                   _utc(h.entered), who]  # fmt: skip
            rows.append(row)
            if number % 7 == 0:  # a change of the close date a minute later repeats the stage
                later = day(h.expected_day + 7)
                rows.append([*row[:4], later, _utc(h.entered + 1), who])
        self._csv(
            "OpportunityHistory",
            ["OpportunityId", "StageName", "Amount", "Probability", "CloseDate", "CreatedDate",
             "CreatedById"],
            rows,
        )  # fmt: skip

    def around(self) -> None:
        done = business.activities(self.company)
        sid = salesforce_id
        self._csv(
            "Task",
            ["Id", "TaskSubtype", "WhatId", "OwnerId", "CompletedDateTime", "Status"],
            [[sid("activity", a.activity), business.KINDS[a.kind].en, sid("deal", a.deal),
              sid("rep", a.rep), _utc(a.at), "Completed"] for a in records(done)],
        )  # fmt: skip
        placed = business.orders(self.company)
        self._csv(
            "Order",
            ["Id", "OrderNumber", "AccountId", "OpportunityId", "OwnerId", "EffectiveDate",
             "TotalAmount", "Quantity__c", "Product__c", "Status", "DeliveredDate__c",
             "Kind__c", "ContractStart__c", "EndDate", "Renewed__c"],
            [[sid("order", o.order), f"SO-{o.order + 10001}", sid("account", o.account),
              sid("deal", o.deal) if o.deal >= 0 else "", sid("rep", o.rep),
              stamp(o.at // DAY * DAY, "%Y-%m-%d"), money(o.amount), o.units,
              c.PRODUCTS[o.product][0].en, "Delivered" if o.delivered else "Created",
              day(o.delivered_day) if o.delivered else "", *contract_cells(o, zh=False)]
             for o in records(placed)],
        )  # fmt: skip
        regions = [r.en for r in c.REGIONS]
        names = Names(sid, self.company.reps["name_en"].tolist(), [f"{r} Team" for r in regions],
                      regions, "Sales Rep")  # fmt: skip
        write_kit_tables(self.company, self.folder, placed, names)
