"""A simulated company as canonical tables: what a perfect import of its CRM would hold."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from salesops_kit import schema
from salesops_kit.worlds import business, customers
from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY
from salesops_kit.worlds.kit_tables import Names, write_kit_tables
from salesops_kit.worlds.labels import StageLabels
from salesops_kit.worlds.simulate import Company

STAGES: Mapping[str, schema.Stage] = {stage.name: stage for stage in schema.DEFAULT_STAGES}
OPEN_RANKS = tuple(STAGES[plan.name].rank for plan in c.STAGES)
_LABELS = {stage.name: stage.en for stage in schema.DEFAULT_STAGES}
# what an import works out itself from labels and times
_COMPUTED = ["stage", "stage_rank", "stage_category", "seq"]
_OFFICE = "Office Admin"
_IDS = {"rep": "R", "account": "A", "contact": "C", "lead": "L", "deal": "D", "activity": "T",
        "product": "P", "order": "O", "payment": "Y", "feedback": "F"}  # fmt: skip


def tables(company: Company) -> dict[str, pd.DataFrame]:
    """Return every canonical table of the CRM, in the names and units of `schema`, in English.

    Columns that the importer derives (day numbers, seconds) are left to it.
    """
    placed = business.orders(company)
    return {
        "deals": deals(company),
        "stage_history": stage_history(company),
        "accounts": accounts(company),
        "contacts": contacts(company),
        "leads": leads(company),
        "activities": activities(company),
        "products": products(),
        "orders": orders(placed),
    }


def write(company: Company, folder: Path, *, broken: bool = False) -> None:  # noqa: ARG001
    """Write the canonical tables as CSV, and what no CRM exports beside them."""
    db = duckdb.connect()
    for name, frame in tables(company).items():
        db.register("given", frame.drop(columns=_COMPUTED, errors="ignore"))
        db.execute(f"COPY given TO '{folder / name}.csv' (HEADER, DELIMITER ',')")
        db.unregister("given")
    regions = [r.en for r in c.REGIONS]
    names = Names(identifier, company.reps["name_en"].tolist(), [f"{r} Team" for r in regions],
                  regions, "Sales Rep")  # fmt: skip
    write_kit_tables(company, folder, business.orders(company), names)


def identifier(kind: str, number: int) -> str:
    """Return the canonical id of one record, such as D17."""
    return f"{_IDS[kind]}{number}"


def deals(company: Company) -> pd.DataFrame:
    """Return the deals as they stand when the world ends."""
    made, bought = company.deals, company.accounts
    stage = made["stage"]
    status = stage.map({name: s.category for name, s in STAGES.items()})
    account = made["account"].to_numpy()
    firms = bought["name_en"].to_numpy(dtype=object)[account]
    product = _words(made["product"], tuple(p[0] for p in c.PRODUCTS))
    labels = StageLabels(company.world, _LABELS, "en")
    return pd.DataFrame(
        {
            "deal_id": _ids("deal", made["deal"]),
            "name": pd.Series(firms) + " - " + pd.Series(product),
            "account_id": _ids("account", made["account"]),
            "lead_id": _ids("lead", made["lead"]),
            "owner_id": _ids("rep", made["rep"]),
            "owner_name": company.reps["name_en"].to_numpy(dtype=object)[made["rep"]],
            "team": _words(made["region"], c.REGIONS) + " Team",
            "pipeline": "Standard",
            "stage": stage,
            "stage_label": labels.now(stage),
            "stage_rank": stage.map({name: s.rank for name, s in STAGES.items()}),
            "status": status,
            "amount": made["amount"],
            "probability": made["probability"],
            "created_at": _moment(made["created"]),
            "closed_at": _moment(made["stage_at"].where(status != "open")),
            "expected_close_on": _day(made["expected_day"]),
            "stage_changed_at": _moment(made["stage_at"]),
            "type": np.where(made["existing"], "Existing Business", "New Business"),
            "source": _words(made["source"], c.SOURCES),
            "region": _words(made["region"], c.REGIONS),
            "industry": _words(bought["industry"].iloc[account], c.INDUSTRIES),
            "segment": _words(bought["segment"].iloc[account], c.SEGMENTS),
            "product": product,
            "loss_reason": _words(made["reason"], c.LOSS_REASONS),
            "competitor": _words(made["rival"], c.COMPETITORS),
            "is_deleted": False,
        }
    )


def stage_history(company: Company) -> pd.DataFrame:
    """Return every entry of a deal into a stage."""
    moves = company.history
    stage = moves["stage"]
    names = company.reps["name_en"].to_numpy(dtype=object)[moves["rep"]]
    labels = StageLabels(company.world, _LABELS, "en")
    return pd.DataFrame(
        {
            "deal_id": _ids("deal", moves["deal"]),
            "seq": moves.groupby("deal").cumcount() + 1,
            "stage": stage,
            "stage_label": labels.then(stage, moves["entered"].to_numpy()),
            "stage_rank": stage.map({name: s.rank for name, s in STAGES.items()}),
            "stage_category": stage.map({name: s.category for name, s in STAGES.items()}),
            "entered_at": _moment(moves["entered"]),
            "amount": moves["amount"],
            "probability": moves["probability"],
            "expected_close_on": _day(moves["expected_day"]),
            "owner_id": _ids("rep", moves["rep"]),
            "changed_by": np.where(moves["by_office"], _OFFICE, names),
        }
    )


def accounts(company: Company) -> pd.DataFrame:
    """Return the customers and prospects."""
    known = company.accounts
    return pd.DataFrame(
        {
            "account_id": _ids("account", known["account"]),
            "name": known["name_en"],
            "industry": _words(known["industry"], c.INDUSTRIES),
            "segment": _words(known["segment"], c.SEGMENTS),
            "region": _words(known["region"], c.REGIONS),
            "city": known["city_en"],
            "employees": known["employees"],
            "created_at": known["created_at"],
        }
    )


def contacts(company: Company) -> pd.DataFrame:
    """Return the people at the customers."""
    people = company.contacts
    return pd.DataFrame(
        {
            "contact_id": _ids("contact", people["contact"]),
            "account_id": _ids("account", people["account"]),
            "name": people["name_en"],
            "title": people["title_en"],
            "email": people["email"],
            "created_at": people["created_at"],
        }
    )


def leads(company: Company) -> pd.DataFrame:
    """Return the leads."""
    came = company.leads
    converts = came["converts"].to_numpy()
    answered = came["answered"].to_numpy() >= 0
    return pd.DataFrame(
        {
            "lead_id": _ids("lead", came["lead"]),
            "company": company.accounts["name_en"].to_numpy(dtype=object)[came["account"]],
            "status": np.where(converts, "Converted", np.where(answered, "Contacted", "New")),
            "source": _words(came["source"], c.SOURCES),
            "region": _words(came["region"], c.REGIONS),
            "owner_id": _ids("rep", came["rep"]),
            "created_at": _moment(came["created"]),
            "assigned_at": _moment(came["assigned"]),
            "first_response_at": _moment(came["answered"]),
            "converted_at": _moment(came["converted"].where(converts)),
            "is_converted": converts,
            "deal_id": _ids("deal", came["deal"]),
        }
    )


def activities(company: Company) -> pd.DataFrame:
    """Return calls, meetings and visits."""
    done = business.activities(company)
    return pd.DataFrame(
        {
            "activity_id": _ids("activity", done["activity"]),
            "type": _words(done["kind"], business.KINDS),
            "deal_id": _ids("deal", done["deal"]),
            "account_id": _ids("account", done["account"]),
            "owner_id": _ids("rep", done["rep"]),
            "happened_at": _moment(done["at"]),
        }
    )


def products() -> pd.DataFrame:
    """Return the products sold."""
    return pd.DataFrame(
        {
            "product_id": [identifier("product", i) for i in range(len(c.PRODUCTS))],
            "name": [p[0].en for p in c.PRODUCTS],
            "category": [p[1].en for p in c.PRODUCTS],
            "list_price": [p[2] for p in c.PRODUCTS],
            "is_active": True,
        }
    )


def orders(placed: pd.DataFrame) -> pd.DataFrame:
    """Return the orders placed."""
    return pd.DataFrame(
        {
            "order_id": _ids("order", placed["order"]),
            "number": "SO-" + (placed["order"] + 10001).astype(str),
            "account_id": _ids("account", placed["account"]),
            "deal_id": _ids("deal", placed["deal"]),
            "owner_id": _ids("rep", placed["rep"]),
            "ordered_at": _moment(placed["at"]),
            "amount": placed["amount"],
            "quantity": placed["units"],
            "product": _words(placed["product"], tuple(p[0] for p in c.PRODUCTS)),
            "status": np.where(placed["delivered"], "Delivered", "Created"),
            "delivered_on": _day(placed["delivered_day"].where(placed["delivered"])),
            "kind": _words(placed["kind"], customers.KINDS),
            "starts_on": _day(placed["starts_day"]),
            "ends_on": _day(placed["ends_day"]),
            "is_renewed": placed["renewed"].map({0: False, 1: True}),
        }
    )


def _ids(kind: str, numbers: pd.Series) -> pd.Series:
    """Ids by number; missing below 0."""
    return (_IDS[kind] + numbers.astype(str)).where(numbers >= 0)


def _moment(seconds: pd.Series) -> pd.Series:
    """Return times by second; missing below 0."""
    known = seconds >= 0
    # by way of whole numbers: pandas may trip over what lies behind a missing float
    times = seconds.where(known, 0).astype("int64").astype("datetime64[s]")
    return times.where(known)


def _day(numbers: pd.Series) -> pd.Series:
    return _moment(numbers * DAY)


def _words(positions: pd.Series, among: Sequence[c.Named]) -> np.ndarray:
    """Names by position; missing at -1."""
    names = np.array([*(word.en for word in among), None], dtype=object)
    return np.asarray(names[positions.to_numpy()])
