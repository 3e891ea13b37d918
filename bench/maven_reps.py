"""How many of a real company's sales agents can honestly be told apart by the deals they won.

    python bench/maven_reps.py

The Maven CRM set (8,800 opportunities, 35 agents in the roster), beside the checkout; without it
nothing is measured. Strata: product, the account's sector and its size (quarters by employees).
Twelve months to the end of 2017.
"""

import tempfile
from pathlib import Path

import pandas as pd

from salesops_kit.analyses.reps import Reps, analyse_reps
from salesops_kit.settings import settings_from
from salesops_kit.sources.importer import import_exports
from salesops_kit.workspace import open_period

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "maven_crm"
SETTINGS = {
    "company": {"currency": "USD", "time_zone": "UTC"},
    "dimensions": ["product", "team"],
    "evaluation": {"strata": ["product", "industry", "segment"]},
    "pipelines": {"sales": {"stages": [
        {"name": "prospecting", "rank": 10, "category": "open"},
        {"name": "engaging", "rank": 20, "category": "open"},
        {"name": "won", "rank": 90, "category": "won"},
        {"name": "lost", "rank": 91, "category": "lost"},
    ]}},
}  # fmt: skip


def main() -> None:
    """Print every agent with interval, and how many are told apart."""
    if not DATA.is_dir():
        print(f"{DATA} is absent, passed over")
        return
    with tempfile.TemporaryDirectory() as made:
        reps = evaluated(DATA, Path(made))
    table = reps.performance
    shown = table[["person", "n", "rate", "adjusted", "adjusted_lower", "adjusted_upper", "p_top",
                   "p_bottom", "size_level", "size_lower", "size_upper", "verdict"]]  # fmt: skip
    print(shown.round(3).to_string(index=False))
    large = (table["size_lower"] > 1) | (table["size_upper"] < 1)
    ahead, behind, few = (len(reps.of(word)) for word in ("ahead", "behind", "few"))
    print(f"{len(table)} agents with {table['n'].sum():,} decided deals; adjusted for "
          f"{', '.join(reps.source.adjusted_for)}; spread between agents {reps.sigma:.3f} in "
          f"log-odds; named ahead: {ahead}, behind: {behind}, too few: {few}; "
          f"pairs told apart: {reps.told_apart:.1%}; raw rate misleads: "
          f"{len(reps.flips)}; deal sizes surely unlike all's: {int(large.sum())}")  # fmt: skip


def evaluated(folder: Path, into: Path) -> Reps:
    """Import the set with the accounts' sizes and evaluate its agents."""
    exports = into / "exports"
    exports.mkdir()
    deals, accounts, products, teams = (
        pd.read_csv(folder / f"{name}.csv", dtype=str)
        for name in ("sales_pipeline", "accounts", "products", "sales_teams")
    )
    employees = pd.to_numeric(accounts["employees"])
    size = pd.qcut(employees, 4, labels=["small", "medium", "large", "largest"]).astype(str)
    sizes = dict(zip(accounts["account"], size, strict=True))
    deals = deals.assign(size=deals["account"].map(sizes))
    for name, table in (("sales_pipeline", deals), ("accounts", accounts),
                        ("products", products), ("sales_teams", teams)):  # fmt: skip
        table.to_csv(exports / f"{name}.csv", index=False)
    mapping = (ROOT / "tests" / "real" / "maven.toml").read_text("utf-8")
    mapping = mapping.replace('product = "product"', 'product = "product"\nsegment = "size"', 1)
    (into / "maven.toml").write_text(mapping, encoding="utf-8")
    import_exports("tables", exports, into=into / "maven", settings=settings_from(SETTINGS),
                   mapping=into / "maven.toml")  # fmt: skip
    opened, year = open_period(into / "maven", "2017-12")
    return analyse_reps(opened, period=year)


if __name__ == "__main__":
    main()
