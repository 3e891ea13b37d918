"""Public data sets, imported once as plain tables with a mapping."""

from pathlib import Path

import pytest

from salesops_kit.settings import settings_from
from salesops_kit.sources.importer import import_exports

HERE = Path(__file__).parent
MAVEN = {
    "company": {"currency": "USD", "time_zone": "UTC"},
    "dimensions": ["product", "team"],
    "pipelines": {
        "sales": {
            "stages": [
                {"name": "prospecting", "rank": 10, "category": "open"},
                {"name": "engaging", "rank": 20, "category": "open"},
                {"name": "won", "rank": 90, "category": "won"},
                {"name": "lost", "rank": 91, "category": "lost"},
            ]
        }
    },
}
OLIST = {
    "company": {"currency": "BRL", "time_zone": "America/Sao_Paulo"},
    "dimensions": ["source", "segment", "type"],
}


def _imported(name, folder, settings, tmp_path_factory):
    into = tmp_path_factory.mktemp("real") / name
    mapping = HERE / f"{name}.toml"
    import_exports("tables", folder, into=into, settings=settings_from(settings), mapping=mapping)
    return into


@pytest.fixture(scope="session")
def maven(real_data, tmp_path_factory):
    return _imported("maven", real_data / "maven_crm", MAVEN, tmp_path_factory)


@pytest.fixture(scope="session")
def olist(real_data, tmp_path_factory):
    return _imported("olist", real_data / "olist_funnel", OLIST, tmp_path_factory)
