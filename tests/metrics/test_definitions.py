"""docs/metrics.md and the code say the same."""

import re
import tomllib
from datetime import date
from importlib import import_module
from pathlib import Path

import pandas as pd
import pytest
from metrics.cases import CASES, DEALS, IDS, LINES, QUARTER, STAYS, TODAY
from metrics.tables import history_frame, random_histories
from metrics.test_roster import REPS, SCORES

import salesops_kit
from salesops_kit.language import say
from salesops_kit.metrics.bookings import volume
from salesops_kit.metrics.compliance import rule_compliance
from salesops_kit.metrics.deal_snapshots import deal_snapshots
from salesops_kit.metrics.pay import credited_sales
from salesops_kit.metrics.reps import customer_scores
from salesops_kit.metrics.roster import roster
from salesops_kit.metrics.targets import attainment
from salesops_kit.metrics.visits import visit_counts
from salesops_kit.metrics.wins import WIN_RATE_VARIANTS

KIT = Path(salesops_kit.__file__).parent
PAGE = (KIT.parent / "docs" / "metrics.md").read_text("utf-8")
FIELDS = ["Function", "Formula", "Dated by", "Unit", "Interval", "Excluded", "Trap", "Source"]
TARGETS = pd.DataFrame(
    [{"period_start_day": QUARTER.start_day, "period_end_day": QUARTER.end_day - 1,
      "level": "company", "target": 1.0}]
)  # fmt: skip


def entries():
    found = {}
    for section in re.split(r"^### ", PAGE, flags=re.MULTILINE)[1:]:
        name, rest = section.split("\n", 1)
        rows = re.findall(r"^\| ([A-Z][a-z ]+) \| (.+) \|$", rest, flags=re.MULTILINE)
        found[name.strip()] = dict(rows) | {"name": rest.strip().split("\n")[0]}
    return found


ENTRIES = entries()


def results():
    found = {
        case[0].__name__: case[0](case[2], **case[5]) for case in CASES
    }  # fmt: skip
    history = history_frame(random_histories(1)[0])
    found["visit_counts"] = visit_counts(history, as_of=date(2025, 1, 1))
    found["volume"] = volume(DEALS, LINES, period=QUARTER, as_of=TODAY)
    found["deal_snapshots"] = deal_snapshots(history, DEALS, origins=[date(2025, 1, 1)])
    checks = STAYS.assign(rule_id="S1", kept=1)
    found["rule_compliance"] = rule_compliance(checks, period=QUARTER)
    found["attainment"] = attainment(DEALS, TARGETS, period=QUARTER, as_of=TODAY)
    found["credited_sales"] = credited_sales(DEALS, period=QUARTER)
    found["roster"] = roster(REPS, period=QUARTER)
    found["customer_scores"] = customer_scores(SCORES, DEALS, period=QUARTER)
    return found


@pytest.fixture(scope="module")
def tables():
    return results()


@pytest.mark.parametrize("name", ENTRIES)
def test_an_entry_has_every_field_and_a_name_in_both_languages(name):
    entry = ENTRIES[name]

    assert [field for field in FIELDS if not entry.get(field, "").strip()] == []
    assert entry["name"] == f"{say(f'metrics.{name}', 'en')} · {say(f'metrics.{name}', 'zh')}"


@pytest.mark.parametrize("name", ENTRIES)
def test_the_functions_an_entry_names_exist(name):
    paths = re.findall(r"[a-z_]+(?:\.[a-z_]+)+", ENTRIES[name]["Function"])

    assert paths
    for path in paths:
        full = path if path.startswith(("models.", "analyses.")) else f"metrics.{path}"
        module, _, function = f"salesops_kit.{full}".rpartition(".")
        if not (KIT / Path(*full.split("."))).with_suffix(".py").is_file():
            assert callable(getattr(import_module(module), function))


def test_every_metric_has_an_entry_and_every_entry_a_metric_or_an_analysis(tables):
    of_analyses = {n for n, entry in ENTRIES.items() if entry["Function"].startswith("analyses.")}

    assert {table.attrs["definition"] for table in tables.values()} == set(ENTRIES) - of_analyses


def test_every_definition_that_a_finding_names_is_on_the_page():
    """`feedback` is the section on what customers say."""
    code = "\n".join(p.read_text("utf-8") for p in sorted((KIT / "analyses").glob("*.py")))
    named = set(re.findall(r'definition"?(?:=|: |", )"(\w+)"', code))

    assert {"customer_risk", "risk_register", "risk_house", "bookings"} <= named
    assert named - {"feedback"} <= set(ENTRIES)


@pytest.mark.parametrize(
    "metric",
    [
        *IDS,
        "volume",
        "attainment",
        "rule_compliance",
        "roster",
        "customer_scores",
        "credited_sales",
    ],
)
def test_an_entry_lists_exactly_the_rows_its_metric_excludes(metric, tables):
    table = tables[metric]
    entry = ENTRIES[table.attrs["definition"]]

    assert set(re.findall(r"`(\w+)`", entry["Excluded"])) == set(table.attrs["excluded"])
    assert f".{metric}" in entry["Function"]


@pytest.mark.parametrize("name", WIN_RATE_VARIANTS)
def test_a_win_rate_variant_reads_the_same_in_code_and_page(name):
    entry, variant = ENTRIES[name], WIN_RATE_VARIANTS[name]

    assert (entry["Formula"], entry["Dated by"], entry["Trap"]) == (
        variant.formula, variant.date_basis, variant.bias,
    )  # fmt: skip


def test_the_catalogue_names_nothing_else():
    names = tomllib.loads((KIT / "language" / "metrics.toml").read_text("utf-8"))

    assert list(names) == list(ENTRIES)
