import importlib.util
from pathlib import Path

import pytest

from salesops_kit import schema

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda t: t.name)
def test_key_and_derived_columns_exist_and_no_name_is_used_twice(table):
    names = table.column_names

    assert len(names) == len(set(names))
    assert set(table.key) <= set(names)
    assert {c.derived_from for c in table.columns if c.derived_from} <= set(names)


@pytest.mark.parametrize("table", schema.TABLES.values(), ids=lambda t: t.name)
def test_names_tell_the_type(table):
    suffixes = {"_at": "datetime", "_on": "date", "_day": "day", "_id": "id"}
    wrong = [
        c.name
        for c in table.columns
        for suffix, kind in suffixes.items()
        if c.name.endswith(suffix) and c.type != kind
    ]

    assert wrong == []


def test_stage_ranks_rise_and_closed_stages_come_last():
    ranks = [s.rank for s in schema.DEFAULT_STAGES]
    categories = [s.category for s in schema.DEFAULT_STAGES]

    assert ranks == sorted(set(ranks))
    assert categories == sorted(categories, key=schema.STAGE_CATEGORIES.index)


def test_the_dictionary_of_the_data_is_generated_from_the_code():
    spec = importlib.util.spec_from_file_location("write_model", ROOT / "docs" / "write_model.py")
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)

    assert (ROOT / "data" / "README.md").read_text("utf-8") == writer.model_page(), (
        "run `make docs`"
    )
