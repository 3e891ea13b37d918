"""Scores for the CRM: only what changes, in its template, never over an existing file."""

import pandas as pd
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.reporting.write_back import KEYS, write_back, write_template


@pytest.fixture
def scores():
    return pd.DataFrame({"deal_id": ["d1", "d2", "=d3", "d4"], "before": [20.0, 50.0, None, None],
                         "after": [20.0, 40.0, 10.0, None]})  # fmt: skip


def test_only_what_differs_is_written(scores, tmp_path):
    update = write_back(scores, source="zoho", field="Win chance (%)")
    file = write_template(update, tmp_path / "new" / "deals.csv")

    assert (len(update.rows), len(update.changes), update.unchanged) == (4, 2, 2)
    assert file.read_text("utf-8-sig") == ("Record Id,Win chance (%)\nd2,40.0\n'=d3,10.0\n")


@pytest.mark.parametrize("source", KEYS)
def test_each_crm_finds_its_key(source, scores, tmp_path):
    update = write_back(scores, source=source, field="赢率")
    head = write_template(update, tmp_path / "t.csv").read_text("utf-8-sig").split("\n")[0]

    assert head == f"{KEYS[source]},赢率"


def test_a_file_is_never_overwritten(scores, tmp_path):
    update = write_back(scores, source="hubspot", field="x")
    (tmp_path / "t.csv").write_text("mine")
    with pytest.raises(ParameterError, match=r"t\.csv exists; choose another name or remove it"):
        write_template(update, tmp_path / "t.csv")

    assert (tmp_path / "t.csv").read_text() == "mine"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source": "tables"}, "there is no import template for 'tables'; use zoho, fxiaoke"),
        ({"field": " "}, "field is ' '; give the label of the field to fill in the CRM"),
        ({"field": "Record Id"}, "field is 'Record Id'; give the label"),
    ],
)
def test_what_cannot_be_is_refused(change, message, scores):
    with pytest.raises(ParameterError, match=message):
        write_back(scores, **{"source": "zoho", "field": "x"} | change)


def test_a_deal_that_stands_twice_is_refused(scores):
    twice = pd.concat([scores, scores.head(1)])
    with pytest.raises(ParameterError, match="deal 'd1' stands twice in the scores"):
        write_back(twice, source="zoho", field="x")
