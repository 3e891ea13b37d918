"""Who may import whom, and habits a machine can see."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
KIT = ROOT / "salesops_kit"
TABLE_PARTS = {"schema", "settings", "periods", "errors"}
MAY_IMPORT = {
    "__init__": set(),
    "errors": set(),
    "cells": set(),
    "schema": set(),
    "language": {"errors"},
    "periods": {"errors"},
    "settings": {"schema", "periods", "errors"},
    "sources": TABLE_PARTS | {"cells"},
    "store": {"schema", "errors"},
    "workspace": TABLE_PARTS | {"store"},
    "metrics": {"schema", "periods", "errors"},
    "models": {"errors"},
    "findings": {"language", "periods", "errors"},
    "analyses": TABLE_PARTS | {"store", "workspace", "metrics", "models", "findings", "language"},
    "charts": {"language", "schema", "settings", "errors"},
    "tables": {"language", "schema", "settings", "errors"},
    "worlds": TABLE_PARTS,
    "widgets": {"analyses", "charts", "language", "models", "reporting", "tables", "workspace"},
    "reporting": {"cells", "settings", "periods", "findings", "language", "workspace", "errors"},
}
# within metrics, only these may be used by their sisters
SHARED_METRICS = {"visits", "grouping", "engine"}


def modules():
    return sorted(p for p in KIT.rglob("*.py") if p.name != "cli.py")


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            yield from ([f"{node.module}.{a.name}" for a in node.names]
                        if node.module in ("salesops_kit", "salesops_kit.metrics")
                        else [node.module])  # fmt: skip


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(KIT)))
def test_a_module_imports_only_what_its_layer_may(path):
    part = path.relative_to(KIT).parts[0].removesuffix(".py")
    used = {name.split(".")[1] for name in imported(path) if name.startswith("salesops_kit.")}

    assert used - {part} <= MAY_IMPORT[part]


@pytest.mark.parametrize("path", sorted((KIT / "metrics").glob("*.py")), ids=lambda p: p.stem)
def test_metrics_do_not_build_on_each_other(path):
    sisters = {n.split(".")[2] for n in imported(path) if n.startswith("salesops_kit.metrics.")}

    assert sisters - {path.stem} <= SHARED_METRICS


def test_only_reporting_and_sources_may_look_at_the_clock():
    clocks = ("datetime.now", "date.today", "time.time", "Timestamp.now", "utcnow", "perf_counter")
    found = [
        f"{path.relative_to(KIT)}: {clock}"
        for path in modules()
        for clock in clocks
        if clock in path.read_text("utf-8") and path.relative_to(KIT).parts[0] != "reporting"
    ]

    assert found == []


def test_importing_the_package_loads_nothing_heavy():
    code = "import salesops_kit.findings, salesops_kit.periods, sys; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    heavy = {"pandas", "matplotlib", "seaborn", "prophet", "sklearn", "duckdb", "scipy"}
    assert heavy & set(loaded.stdout.split()) == set()


def test_nothing_outside_the_simulator_can_read_the_sealed_truth():
    """Neither by importing the simulator (held above) nor by naming the file or its reader."""
    kit = [p for p in modules() if "worlds" not in p.parts]
    notebooks = [p for p in (ROOT / "notebooks").glob("*.ipynb") if "worlds" not in p.stem]

    for path in [*kit, *notebooks]:
        text = path.read_text("utf-8")
        assert "truth.sealed" not in text, path
        assert "unseal" not in text, path
