"""One company, exported in every dialect with full history: the same tables come back.

What a dialect cannot carry is named here, column by column; everything else must be equal.
"""

from datetime import date

import duckdb
import pandas as pd
import pytest

from salesops_kit import schema
from salesops_kit.sources.importer import import_exports
from salesops_kit.worlds import World, canonical, causes, simulate
from salesops_kit.worlds.exports import write_exports, zoho_id
from salesops_kit.worlds.hubspot_export import hubspot_id
from salesops_kit.worlds.salesforce_export import salesforce_id

WORLD = World(seed=5, leads_per_month=60, accounts=250, reps=12,
              causes=(causes.bulk_close(date(2025, 3, 31), deals=30),))  # fmt: skip
IDS = {"zoho": zoho_id, "salesforce": salesforce_id, "hubspot": hubspot_id,
       "tables": canonical.identifier}  # fmt: skip
_KINDS = {"deal_id": "deal", "account_id": "account", "owner_id": "rep", "rep_id": "rep",
          "contact_id": "contact", "lead_id": "lead", "activity_id": "activity",
          "order_id": "order", "product_id": "product"}  # fmt: skip
_STAGE_NAMES = {"stage_label", "changed_by"}
# columns of the truth that do not come back, and why
LACKS: dict[str, dict[str, set[str]]] = {
    "zoho": {
        "deals": {"lead_id"},  # only the lead names the deal
        "stage_history": {"owner_id"},  # history names who changed it, not who owned it
        "activities": {"account_id"},  # an activity names its deal
    },
    "salesforce": {
        "deals": {"lead_id", "owner_name"},  # ids only; users name the owners
        "stage_history": {"owner_id"},
        "activities": {"account_id"},
        "leads": {"status"},  # its own words for how far a lead is
        "orders": {"ordered_at"},  # an order has a day, no time
    },
    "hubspot": {
        "deals": {"lead_id", "owner_name", "type"},  # newbusiness instead of New Business
        # a property's history holds one property: the amount at that moment has its own rows
        "stage_history": {"owner_id", "amount", "probability", "expected_close_on"},
        "activities": {"account_id"},
    },
    "tables": {},
}


@pytest.fixture(scope="module")
def company():
    return simulate(WORLD)


@pytest.fixture(scope="module", params=IDS)
def imported(request, company, tmp_path_factory):
    """Return the dialect, and a function that reads an imported table."""
    folder = tmp_path_factory.mktemp(request.param)
    write_exports(company, folder / "exports", request.param)
    result = import_exports(request.param, folder / "exports", into=folder / "workspace")
    assert all(f["rejected"] == 0 for f in result.files)
    assert result.history_quality == "full"

    def table(name: str) -> pd.DataFrame:
        return duckdb.sql(f"FROM '{folder}/workspace/tables/{name}.parquet'").df()

    return request.param, table


def true_table(company, name: str, dialect: str) -> pd.DataFrame:
    """The simulated table in the dialect's own ids."""
    frame = canonical.tables(company)[name].copy()
    for column, kind in _KINDS.items():
        if column in frame:
            known = frame[column].notna()
            numbers = frame.loc[known, column].str[1:].astype(int)
            frame.loc[known, column] = [IDS[dialect](kind, n) for n in numbers]
    return frame


@pytest.mark.parametrize("name", ["deals", "stage_history", "accounts", "contacts", "leads",
                                  "activities", "products", "orders"])  # fmt: skip
def test_every_dialect_gives_the_same_tables_but_for_what_it_cannot_carry(imported, company, name):
    dialect, table = imported
    found, truth = table(name), true_table(company, name, dialect)
    key = list(schema.TABLES[name].key)
    columns = [c for c in truth if c not in LACKS[dialect].get(name, set()) | _STAGE_NAMES]
    found, truth = (x.sort_values(key, ignore_index=True) for x in (found, truth))

    assert len(found) == len(truth)
    for column in columns:
        one, other = found[column], truth[column]
        if pd.api.types.is_datetime64_any_dtype(other):
            one, other = (pd.to_datetime(x).astype("datetime64[us]") for x in (one, other))
        equal = (one == other) | (one.isna() & other.isna())
        wrong = pd.DataFrame({"found": one, "truth": other})[~equal]
        assert wrong.empty, f"{dialect} {name}.{column}: {len(wrong)} differ\n{wrong.head()}"


def test_what_a_dialect_lacks_really_differs(imported, company):
    """Otherwise the lists above would hide more than they must."""
    dialect, table = imported
    for name, columns in LACKS[dialect].items():
        key = list(schema.TABLES[name].key)
        found = table(name).sort_values(key, ignore_index=True)
        truth = true_table(company, name, dialect).sort_values(key, ignore_index=True)
        for column in columns:
            same = (found[column] == truth[column]) | (found[column].isna() & truth[column].isna())
            assert not same.all(), f"{dialect} {name}.{column} is equal after all"
