"""The company's exports as HubSpot's API gives them: internal names, ids, property history."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from salesops_kit.worlds import business
from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY
from salesops_kit.worlds.exports import money, records, stamp, write_csv
from salesops_kit.worlds.kit_tables import Names, contract_cells, write_kit_tables
from salesops_kit.worlds.labels import StageLabels
from salesops_kit.worlds.simulate import Company

LABELS = {
    "qualification": "Qualification",
    "needs": "Needs Analysis",
    "solution": "Solution",
    "proposal": "Proposal",
    "negotiation": "Negotiation",
    "contract": "Contract Sent",
    "won": "Closed Won",
    "lost": "Closed Lost",
    "invalid": "Invalid",
}
# ids as a portal with a pipeline of its own has them: numbers that mean nothing
STAGE_IDS = {name: str(103_771_000 + 13 * i) for i, name in enumerate(LABELS)}
PIPELINE = "74112233"
ISO = "%Y-%m-%dT%H:%M:%S+08:00"
_FIRST_IDS = {"rep": 61_000_000, "account": 8_100_000_000, "contact": 9_300_000, "deal": 5_400_000,
              "lead": 330_000_000, "activity": 77_000_000_000, "product": 1_900, "order": 4_200_000,
              "payment": 1, "feedback": 50_000}  # fmt: skip


def hubspot_id(kind: str, number: int) -> str:
    """Return an object id: numbers of very different length."""
    return str(_FIRST_IDS[kind] + 7 * number)


def write(company: Company, folder: Path, *, broken: bool) -> None:
    """Write every file of the export."""
    writer = _Writer(company, folder, broken=broken)
    writer.definitions()
    writer.people()
    writer.deals()
    writer.history()
    writer.around()


class _Writer:
    def __init__(self, company: Company, folder: Path, *, broken: bool) -> None:
        self.company, self.folder, self.broken = company, folder, broken
        self.labels = StageLabels(company.world, LABELS, "en")
        self.account_name = company.accounts["name_en"].tolist()

    def _csv(self, name: str, header: list[str], rows: list[list[object]]) -> None:
        tag = f"{self.company.world.export_on:%Y-%m-%d}"
        write_csv(self.folder / f"{name}-{tag}.csv", header, rows, "utf-8")

    def definitions(self) -> None:
        """Write what explains the stage ids."""
        ends = {"won": ("true", "true", "1.0"), "lost": ("false", "true", "0.0"),
                "invalid": ("false", "true", "0.0")}  # fmt: skip
        chance = {s.name: f"{s.probability}" for s in c.STAGES}
        write_csv(
            self.folder / "deal_pipeline_stages.csv",
            ["stage_id", "label", "pipeline_id", "pipeline_label", "display_order", "closed_won",
             "is_closed", "probability"],
            [[STAGE_IDS[name], self.labels.at(name), PIPELINE, "Standard", place,
              *ends.get(name, ("false", "false", chance.get(name, "")))]
             for place, name in enumerate(LABELS)],
            "utf-8",
        )  # fmt: skip

    def people(self) -> None:
        hid = hubspot_id
        self._csv(
            "companies",
            ["hs_object_id", "name", "industry", "segment", "region", "city", "numberofemployees",
             "createdate"],
            [[hid("account", a.account), a.name_en, c.INDUSTRIES[a.industry].en,
              c.SEGMENTS[a.segment].en, c.REGIONS[a.region].en, a.city_en, a.employees,
              a.created_at.strftime(ISO)] for a in records(self.company.accounts)],
        )  # fmt: skip
        self._csv(
            "contacts",
            ["hs_object_id", "firstname", "lastname", "associatedcompanyid", "jobtitle", "email",
             "createdate"],
            [[hid("contact", p.contact), *p.name_en.split(" ", 1), hid("account", p.account),
              p.title_en, p.email, p.created_at.strftime(ISO)]
             for p in records(self.company.contacts)],
        )  # fmt: skip
        self._csv(
            "owners",
            ["owner_id", "first_name", "last_name", "email"],
            [[hid("rep", r.rep), *r.name_en.split(" ", 1), f"rep{r.rep}@example.com"]
             for r in records(self.company.reps)],
        )  # fmt: skip
        self._csv(
            "products",
            ["hs_object_id", "name", "hs_product_type", "price"],
            [[hid("product", i), p[0].en, p[1].en, money(p[2])] for i, p in enumerate(c.PRODUCTS)],
        )
        self._csv(
            "leads",
            ["hs_object_id", "company", "hs_lead_source", "region", "hs_lead_status",
             "hubspot_owner_id", "createdate", "hubspot_owner_assigneddate",
             "hs_first_outreach_date", "hs_date_converted", "hs_lead_is_converted", "deal_id"],
            [self._lead(x) for x in records(self.company.leads)],
        )  # fmt: skip

    def _lead(self, lead: Any) -> list[object]:
        status = "Converted" if lead.converts else "Contacted" if lead.answered >= 0 else "New"
        return [
            hubspot_id("lead", lead.lead), self.account_name[lead.account],
            c.SOURCES[lead.source].en, c.REGIONS[lead.region].en, status,
            hubspot_id("rep", lead.rep), stamp(lead.created, ISO), stamp(lead.assigned, ISO),
            stamp(lead.answered, ISO), stamp(lead.converted, ISO) if lead.converts else "",
            "true" if lead.converts else "false",
            hubspot_id("deal", lead.deal) if lead.converts else "",
        ]  # fmt: skip

    def deals(self) -> None:
        header = ["hs_object_id", "dealname", "pipeline", "dealstage", "amount",
                  "deal_currency_code", "hubspot_owner_id", "associatedcompanyid", "createdate",
                  "closedate", "hs_v2_date_entered_current_stage", "hs_deal_stage_probability",
                  "hs_analytics_source", "dealtype", "region", "product", "closed_lost_reason",
                  "competitor", "hs_is_closed_won", "hs_is_closed"]  # fmt: skip
        rows = [self._deal(d) for d in records(self.company.deals)]
        if self.broken:
            rows[40] = [*rows[40][:4], "to be agreed", *rows[40][5:]]
            rows.append(rows[25])
        self._csv("hubspot-crm-exports-all-deals", header, rows)

    def _deal(self, deal: Any) -> list[object]:
        product = c.PRODUCTS[deal.product][0].en
        is_open = deal.stage in {s.name for s in c.STAGES}
        return [
            hubspot_id("deal", deal.deal), f"{self.account_name[deal.account]} - {product}",
            PIPELINE, STAGE_IDS[deal.stage], money(deal.amount), "CNY",
            hubspot_id("rep", deal.rep), hubspot_id("account", deal.account),
            stamp(deal.created, ISO), stamp(deal.expected_day * DAY, ISO),
            stamp(deal.stage_at, ISO), f"{deal.probability:.2f}", c.SOURCES[deal.source].en,
            "existingbusiness" if deal.existing else "newbusiness", c.REGIONS[deal.region].en,
            product, c.LOSS_REASONS[deal.reason].en if deal.reason >= 0 else "",
            c.COMPETITORS[deal.rival].en if deal.rival >= 0 else "",
            "true" if deal.stage == "won" else "false", "false" if is_open else "true",
        ]  # fmt: skip

    def history(self) -> None:
        """Write the property history of the stage; other properties change in it too."""
        rows: list[list[object]] = []
        for h in records(self.company.history):
            deal, at = hubspot_id("deal", h.deal), stamp(h.entered, ISO)
            who = "Office Admin" if h.by_office else hubspot_id("rep", h.rep)
            rows.append([deal, "dealstage", STAGE_IDS[h.stage], at, "CRM_UI", who])
            if h.amount == h.amount:
                rows.append([deal, "amount", money(h.amount, "{:.0f}"), at, "CRM_UI", who])
        self._csv(
            "deal_property_history",
            ["deal_id", "property_name", "value", "timestamp", "source", "updatedByUserId"],
            rows,
        )

    def around(self) -> None:
        done = business.activities(self.company)
        files = (("calls", "hs_call_title"), ("meetings", "hs_meeting_title"),
                 ("meetings-visits", "hs_meeting_title"))  # fmt: skip
        for number, (name, title) in enumerate(files):
            kind = business.KINDS[number].en
            self._csv(
                name,
                ["hs_object_id", title, "deal_id", "hubspot_owner_id", "hs_timestamp",
                 "hs_engagement_type"],
                [[hubspot_id("activity", a.activity), kind.title(), hubspot_id("deal", a.deal),
                  hubspot_id("rep", a.rep), stamp(a.at, ISO), kind]
                 for a in records(done[done["kind"] == number])],
            )  # fmt: skip
        placed = business.orders(self.company)
        self._csv(
            "orders",
            ["hs_object_id", "hs_order_name", "associatedcompanyid", "deal_id",
             "hubspot_owner_id", "hs_external_created_date", "hs_total_price", "quantity",
             "product", "hs_order_status", "hs_shipped_date", "order_kind", "contract_start",
             "contract_end", "contract_renewed"],
            [[hubspot_id("order", o.order), f"SO-{o.order + 10001}",
              hubspot_id("account", o.account), _deal_id(hubspot_id, o.deal),
              hubspot_id("rep", o.rep), stamp(o.at, ISO), money(o.amount), o.units,
              c.PRODUCTS[o.product][0].en, "Delivered" if o.delivered else "Created",
              stamp(o.delivered_day * DAY, "%Y-%m-%d") if o.delivered else "",
              *contract_cells(o, zh=False)]
             for o in records(placed)],
        )  # fmt: skip
        regions = [r.en for r in c.REGIONS]
        names = Names(hubspot_id, self.company.reps["name_en"].tolist(),
                      [f"{r} Team" for r in regions], regions, "Sales Rep")  # fmt: skip
        write_kit_tables(self.company, self.folder, placed, names)


def _deal_id(ids: Callable[[str, int], str], deal: int) -> str:
    return ids("deal", deal) if deal >= 0 else ""
