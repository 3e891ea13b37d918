"""Publish every rep's own pages, and look in their bytes for anybody else.

    python bench/scope_leak.py [--workspace workspaces/demo] [--period 2025-09] [--every 1]
                               [--start 0] [--language en] [notebook …]

For every rep (or every n-th) the report is published under `rep=…`; all files of the folder (HTML,
JSON, notebooks) are searched for every other rep's name and id, and for the ids, names and amounts
of deals that others own. Amounts are searched as digits and as 1,234,567, from five digits on, if
the rep has no such amount. Prints what was found; fails when anything was.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import pandas as pd

from salesops_kit.reporting.job import NOTEBOOKS, ReportSpec
from salesops_kit.reporting.runner import run_report
from salesops_kit.reporting.workers import LocalWorkers, imports_of
from salesops_kit.workspace import open_period

_SHORTEST = 10_000


def main(arguments: "list[str] | None" = None) -> int:
    """Publish and search; return how many reps' files hold something of others."""
    asked = _parser().parse_args(arguments)
    opened, _ = open_period(asked.workspace, asked.period)
    reps = _rows(opened, "reps")[["rep_id", "name"]].drop_duplicates("rep_id")
    deals = _rows(opened, "deals")[["deal_id", "name", "owner_id", "amount"]]
    chosen = reps["rep_id"].tolist()[asked.start :: asked.every]
    notebooks = tuple(asked.notebooks) or ("reps", "one_to_one", "incentives")
    workers = LocalWorkers(1, preload=imports_of(sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))))
    leaks = files = size = 0
    try:
        for rep in chosen:
            with tempfile.TemporaryDirectory() as folder:
                spec = ReportSpec(Path(asked.workspace), asked.period, scope=f"rep={rep}",
                                  notebooks=notebooks, language=asked.language,
                                  into=Path(folder))  # fmt: skip
                found = [
                    p.read_bytes()
                    for p in sorted(run_report(spec, workers=workers).path.rglob("*"))
                    if p.is_file()
                ]
            files, size = files + len(found), size + sum(map(len, found))
            held = searched(b"\n".join(found).decode("utf-8", "replace"), rep, reps, deals)
            if held:
                leaks += 1
                print(f"{rep}: {held[:10]}", flush=True)
    finally:
        workers.close()
    print(f"{len(chosen)} reps, {files} files, {size / 1e6:.1f} MB, notebooks "
          f"{', '.join(notebooks)}: {leaks} with anything of another rep")  # fmt: skip
    return leaks


def searched(text: str, rep: str, reps: pd.DataFrame, deals: pd.DataFrame) -> list[str]:
    """Return what of others stands in a text."""
    own = deals["owner_id"] == rep
    name = reps.loc[reps["rep_id"] == rep, "name"].iloc[0]
    others = reps[(reps["rep_id"] != rep) & (reps["name"] != name)]
    words = [*others["rep_id"], *others["name"].dropna(), *deals.loc[~own, "deal_id"]]
    mine = set(deals.loc[own, "name"].dropna()) | {name}
    words += [n for n in deals.loc[~own, "name"].dropna().unique() if n not in mine]
    amounts = set(deals.loc[~own, "amount"].dropna()) - set(deals.loc[own, "amount"].dropna())
    told = set(re.findall(r"(?<![\w.#%-])\d[\d,]*(?![\w%])", text))
    money = [form for value in amounts if value >= _SHORTEST
             for form in (f"{value:.0f}", f"{value:,.0f}") if form in told]  # fmt: skip
    return [word for word in words if word and word in text] + money


def _rows(opened: object, table: str) -> pd.DataFrame:
    frame: pd.DataFrame = opened.table(table).collect(backend="pandas").to_native()  # type: ignore[attr-defined]
    return frame


def _parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog="python bench/scope_leak.py")
    words.add_argument("notebooks", nargs="*")
    words.add_argument("--workspace", default="workspaces/demo")
    words.add_argument("--period", default="2025-09")
    words.add_argument("--language", default="en")
    words.add_argument("--every", type=int, default=1)
    words.add_argument("--start", type=int, default=0)
    return words


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
