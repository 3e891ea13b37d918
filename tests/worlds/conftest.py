"""The demo's exports, imported once."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from salesops_kit.sources.importer import ImportResult, import_exports

DATA = Path(__file__).resolve().parents[2] / "data"


@dataclass(frozen=True)
class Imported:
    """An imported workspace: what the import said, its tables and its rejects."""

    result: ImportResult
    table: Callable[[str], pd.DataFrame]
    rejects: list[dict[str, str]]


def imported(dialect: str, into: Path) -> Imported:
    result = import_exports(dialect, DATA / f"demo_{dialect}", into=into)
    rejects = []
    for file in sorted((into / "rejects").glob("*.csv")):
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rejects += list(csv.DictReader(lines))

    def table(name: str) -> pd.DataFrame:
        return duckdb.sql(f"SELECT * FROM read_parquet('{into}/tables/{name}.parquet')").df()

    return Imported(result, table, rejects)


@pytest.fixture(scope="session")
def zoho(tmp_path_factory):
    """Return the demo as imported from its Zoho exports."""
    return imported("zoho", tmp_path_factory.mktemp("zoho") / "workspace")


@pytest.fixture(scope="session")
def fxiaoke(tmp_path_factory):
    """Return the demo as imported from its Fxiaoke exports."""
    return imported("fxiaoke", tmp_path_factory.mktemp("fxiaoke") / "workspace")
