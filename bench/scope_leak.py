"""Publish every rep's own pages, and look in their bytes for anybody else.

    python bench/scope_leak.py [--workspace workspaces/demo] [--period 2025-09] [--every 1]
                               [--start 0] [--language en] [notebook …]

For every rep (or every n-th) the report is published under `rep=…`; all files of the folder (HTML,
JSON, notebooks) are searched for every other rep's name and id, and for the ids, names and amounts
of deals that others own. Amounts are searched as digits and as 1,234,567, from five digits on,
unless the rep has such an amount, quota or sum of bookings. Prints what was found, and fails when
anything was; the search itself is first tried on a text that holds another rep's.
"""

import argparse
import re
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from salesops_kit.analyses.rep_quota import quotas, year_to_date
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.periods import Period
from salesops_kit.reporting.job import NOTEBOOKS, ReportSpec
from salesops_kit.reporting.runner import run_report
from salesops_kit.reporting.workers import LocalWorkers, imports_of
from salesops_kit.workspace import Scope, Workspace, open_period

_SHORTEST = 10_000


def main(arguments: "list[str] | None" = None) -> int:
    """Publish and search; return how many reps' files hold something of others."""
    asked = _parser().parse_args(arguments)
    opened, period = open_period(asked.workspace, asked.period)
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
            text = b"\n".join(found).decode("utf-8", "replace")
            _tried(rep, reps, deals)
            held = searched(text, rep, reps, deals, own_figures(opened, rep, period))
            if held:
                leaks += 1
                print(f"{rep}: {held[:10]}", flush=True)
    finally:
        workers.close()
    print(f"{len(chosen)} reps, {files} files, {size / 1e6:.1f} MB, notebooks "
          f"{', '.join(notebooks)}: {leaks} with anything of another rep")  # fmt: skip
    return leaks


def searched(
    text: str, rep: str, reps: pd.DataFrame, deals: pd.DataFrame, figures: set[float]
) -> list[str]:
    """Return what of others stands in a text; `figures` are amounts of the rep's own."""
    own = deals["owner_id"] == rep
    name = reps.loc[reps["rep_id"] == rep, "name"].iloc[0]
    others = reps[(reps["rep_id"] != rep) & (reps["name"] != name)]
    words = [*others["rep_id"], *others["name"].dropna(), *deals.loc[~own, "deal_id"]]
    mine = set(deals.loc[own, "name"].dropna()) | {name}
    words += [n for n in deals.loc[~own, "name"].dropna().unique() if n not in mine]
    amounts = set(deals.loc[~own, "amount"].dropna()) - figures
    told = set(re.findall(r"(?<![\w.#%-])\d[\d,]*(?![\w%])", text))
    money = [form for value in amounts if value >= _SHORTEST
             for form in (f"{value:.0f}", f"{value:,.0f}") if form in told]  # fmt: skip
    return [word for word in words if word and word in text and _whole(word, text)] + money


def _tried(rep: str, reps: pd.DataFrame, deals: pd.DataFrame) -> None:
    other = deals[(deals["owner_id"] != rep) & (deals["amount"] >= _SHORTEST)].iloc[0]
    name = reps.loc[reps["rep_id"] == other["owner_id"], "name"].iloc[0]
    text = f"of {name}: {other['deal_id']}, {other['amount']:,.0f}"
    found = searched(text, rep, reps, deals[deals["owner_id"] != rep], set())
    if not {name, other["deal_id"], f"{other['amount']:,.0f}"} <= {*found}:
        raise SystemExit(f"the search does not find what it should: {found}")


def _whole(word: str, text: str) -> bool:
    """Tell whether a word stands by itself: Yan Li is not in Yan Lin."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def own_figures(opened: Workspace, rep: str, period: Period) -> set[float]:
    """Return amounts of a rep's own: of deals, quotas, and of bookings in spans of a report."""
    scoped = replace(opened, scope=Scope("rep", rep), _ready={})
    deals, targets = _rows(scoped, "deals"), _rows(scoped, "targets")
    source = RepSource(scoped, period)
    spans = [period, year_to_date(period), source.window, *source.months]
    sums = pd.concat([quotas(source, span) for span in spans])
    found = pd.concat([deals["amount"], targets["target"], sums["bookings"], sums["prorated"]])
    return set(found.dropna().round(2))


def _rows(opened: Workspace, table: str) -> pd.DataFrame:
    frame: pd.DataFrame = opened.table(table).collect(backend="pandas").to_native()
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
