"""Sample rows of real systems, as public loaders publish them: what is read and what is refused."""

import pytest

from salesops_kit.errors import DataError
from salesops_kit.sources.importer import import_exports

pytestmark = pytest.mark.realdata


def test_salesforce_rows_in_the_names_of_a_warehouse_are_read(real_data, tmp_path):
    result = import_exports(
        "salesforce", real_data / "crm_formats" / "salesforce", into=tmp_path / "w"
    )
    counts = {f["file"].removeprefix("sf_").removesuffix("_data.csv"):
              (f["table"], f["accepted"], f["rejected"]) for f in result.files}  # fmt: skip

    assert counts == {
        "account": ("accounts", 10, 0), "contact": ("contacts", 4, 0),
        "event": ("activities", 10, 0), "task": ("activities", 10, 0), "lead": ("leads", 1, 0),
        "opportunity": ("deals", 9, 1), "opportunity_line_item": ("deal_lines", 10, 0),
        "order": ("orders", 10, 0), "product_2": ("products", 2, 0), "user": ("reps", 10, 0),
    }  # fmt: skip
    # one open deal stands in a stage whose name was scrambled before publishing
    assert list(result.unmapped_stages.values()) == [1]


def test_hubspot_rows_without_readable_stages_are_refused_by_name(real_data, tmp_path):
    """The published stage ids are scrambled, and the deals have none: no deal can be used."""
    with pytest.raises(DataError) as refused:
        import_exports("hubspot", real_data / "crm_formats" / "hubspot", into=tmp_path / "w")
    said = str(refused.value)

    assert said.startswith("no deal could be used")
    for line in (
        "company_data.csv: 24 rows read into accounts, 24 accepted, 0 rejected",
        "contact_data.csv: 22 rows read into contacts, 22 accepted, 0 rejected",
        "deal_data.csv: 44 rows read into deals, 0 accepted, 44 rejected",
        "engagement_meeting_data.csv: 100 rows read into activities, 100 accepted, 0 rejected",
        "owner_data.csv: 100 rows read into reps, 100 accepted, 0 rejected",
        "deal_stage_data.csv: 14 rows read into stage_history, 0 accepted, 14 rejected",
    ):
        assert line in said
