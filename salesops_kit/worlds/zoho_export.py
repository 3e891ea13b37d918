"""The company's exports as Zoho CRM gives them: UTF-8 CSV with English labels, ids with zcrm_."""

from pathlib import Path
from typing import Any

from salesops_kit.worlds import business
from salesops_kit.worlds import company as c
from salesops_kit.worlds.exports import day, money, records, stamp, write_csv
from salesops_kit.worlds.exports import zoho_id as zid
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
ENCODING = "utf-8-sig"


def write(company: Company, folder: Path, *, broken: bool) -> None:
    """Write every file of the export."""
    writer = _Writer(company, folder, broken=broken)
    writer.people()
    writer.deals()
    writer.history()
    writer.around()
    writer.kit_tables()


class _Writer:
    def __init__(self, company: Company, folder: Path, *, broken: bool) -> None:
        self.company, self.folder, self.broken = company, folder, broken
        self.tag = f"{company.world.export_on:%Y_%m_%d}"
        self.rep_name = company.reps["name_en"].tolist()
        self.labels = StageLabels(company.world, LABELS, "en")
        self.account_name = company.accounts["name_en"].tolist()

    def _csv(self, name: str, header: list[str], rows: list[list[object]]) -> None:
        write_csv(self.folder / f"{name}_{self.tag}.csv", header, rows, ENCODING)

    def people(self) -> None:
        accounts = self.company.accounts
        self._csv(
            "Accounts",
            ["Record Id", "Account Name", "Industry", "Rating", "Region", "Billing City",
             "Employees", "Created Time"],
            [[zid("account", a.account), a.name_en, c.INDUSTRIES[a.industry].en,
              c.SEGMENTS[a.segment].en, c.REGIONS[a.region].en, a.city_en, a.employees,
              f"{a.created_at:%Y-%m-%d %H:%M:%S}"] for a in records(accounts)],
        )  # fmt: skip
        self._csv(
            "Contacts",
            ["Record Id", "Full Name", "Account Name.id", "Account Name", "Title", "Email",
             "Created Time"],
            [[zid("contact", p.contact), p.name_en, zid("account", p.account),
              self.account_name[p.account], p.title_en, p.email,
              f"{p.created_at:%Y-%m-%d %H:%M:%S}"] for p in records(self.company.contacts)],
        )  # fmt: skip
        self._csv(
            "Users",
            ["User Id", "Full Name", "Email", "Role", "Active"],
            [[zid("rep", r.rep), r.name_en, f"rep{r.rep}@example.com", "Sales Rep",
              "false" if r.leave_on else "true"] for r in records(self.company.reps)],
        )  # fmt: skip
        self._csv(
            "Products",
            ["Record Id", "Product Name", "Product Category", "Unit Price", "Product Active"],
            [[zid("product", i), p[0].en, p[1].en, money(p[2]), "true"]
             for i, p in enumerate(c.PRODUCTS)],
        )  # fmt: skip
        self._csv(
            "Leads",
            ["Record Id", "Lead Owner.id", "Lead Owner", "Company", "Lead Source", "Region",
             "Lead Status", "Created Time", "Assigned Time", "First Response Time",
             "Converted Time", "Is Converted", "Converted Deal.id"],
            [self._lead(x) for x in records(self.company.leads)],
        )  # fmt: skip

    def _lead(self, lead: Any) -> list[object]:
        status = "Converted" if lead.converts else "Contacted" if lead.answered >= 0 else "New"
        return [
            zid("lead", lead.lead), zid("rep", lead.rep), self.rep_name[lead.rep],
            self.account_name[lead.account], c.SOURCES[lead.source].en,
            c.REGIONS[lead.region].en, status, stamp(lead.created), stamp(lead.assigned),
            stamp(lead.answered), stamp(lead.converted) if lead.converts else "",
            "true" if lead.converts else "false",
            zid("deal", lead.deal) if lead.converts else "",
        ]  # fmt: skip

    def deals(self) -> None:
        header = ["Record Id", "Deal Owner.id", "Deal Owner", "Deal Name", "Account Name.id",
                  "Account Name", "Amount", "Currency", "Stage", "Pipeline", "Closing Date",
                  "Created Time", "Stage Modified Time", "Lead Source", "Type", "Product",
                  "Probability (%)", "Reason For Loss", "Competitor"]  # fmt: skip
        rows = [self._deal(d) for d in records(self.company.deals)]
        if self.broken:
            rows[40] = [*rows[40][:6], "to be agreed", *rows[40][7:]]
            rows[900] = ["5.70E+17", *rows[900][1:]]
            rows[1700] = [*rows[1700][:10], "2025-13-45", *rows[1700][11:]]
            rows.append(rows[25])
        self._csv("Deals", header, rows)

    def _deal(self, deal: Any) -> list[object]:
        product = c.PRODUCTS[deal.product][0].en
        name = self.account_name[deal.account]
        return [
            zid("deal", deal.deal), zid("rep", deal.rep), self.rep_name[deal.rep],
            f"{name} - {product}", zid("account", deal.account), name, money(deal.amount), "CNY",
            self.labels.at(deal.stage), "Standard", day(deal.expected_day), stamp(deal.created),
            stamp(deal.stage_at), c.SOURCES[deal.source].en,
            "Existing Business" if deal.existing else "New Business", product,
            f"{deal.probability * 100:.0f}",
            c.LOSS_REASONS[deal.reason].en if deal.reason >= 0 else "",
            c.COMPETITORS[deal.rival].en if deal.rival >= 0 else "",
        ]  # fmt: skip

    def history(self) -> None:
        header = ["Deal Id", "Stage", "Modified Time", "Amount", "Probability (%)",
                  "Closing Date", "Modified By"]  # fmt: skip
        self._csv(
            "Stage_History",
            header,
            [[zid("deal", h.deal), self.labels.at(h.stage, h.entered), stamp(h.entered),
              money(h.amount, "{:.0f}"),
              f"{h.probability * 100:.0f}", day(h.expected_day),
              "Office Admin" if h.by_office else self.rep_name[h.rep]]
             for h in records(self.company.history)],
        )  # fmt: skip

    def around(self) -> None:
        done = business.activities(self.company)
        files = (("Calls", "Call Owner.id", "Call Start Time"), ("Meetings", "Host.id", "From"),
                 ("Meetings_visits", "Host.id", "From"))  # fmt: skip
        for number, (name, owner, moment) in enumerate(files):
            kind = business.KINDS[number].en
            self._csv(
                name,
                ["Record Id", "Subject", "Related To.id", owner, moment, "Activity Type"],
                [[zid("activity", a.activity), kind.title(), zid("deal", a.deal),
                  zid("rep", a.rep), stamp(a.at), kind]
                 for a in records(done[done["kind"] == number])],
            )  # fmt: skip
        self.placed = business.orders(self.company)
        self._csv(
            "Sales_Orders",
            ["Record Id", "SO Number", "Account Name.id", "Deal Name.id", "Sales Order Owner.id",
             "Order Date", "Grand Total", "Quantity", "Product", "Status", "Delivery Date",
             "Order Kind", "Contract Start", "Contract End", "Renewed"],
            [[zid("order", o.order), f"SO-{o.order + 10001}", zid("account", o.account),
              zid("deal", o.deal) if o.deal >= 0 else "", zid("rep", o.rep), stamp(o.at),
              money(o.amount), o.units,
              c.PRODUCTS[o.product][0].en, "Delivered" if o.delivered else "Created",
              day(o.delivered_day) if o.delivered else "", *contract_cells(o, zh=False)]
             for o in records(self.placed)],
        )  # fmt: skip

    def kit_tables(self) -> None:
        """Tables no CRM exports: from personnel, planning and customer care."""
        write_kit_tables(
            self.company,
            self.folder,
            self.placed,
            Names(zid, self.rep_name, [f"{r.en} Team" for r in c.REGIONS],
                  [r.en for r in c.REGIONS], "Sales Rep"),
        )  # fmt: skip
