"""What the gates measured, as lines for a terminal and as docs/accuracy.md.

The page is its own store: a run writes the blocks of its groups anew and leaves the others, each
with the version of the code, the seeds and the share of the worlds it was measured on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile

from truth.gates import CONFIDENCE, Comparison, Figure, Gate, MeanGate, Outcome

SEEDS = ("release", "development")  # in the order shown
_SAID = {"release": "Held-out seeds", "development": "Development seeds"}
Blocks = dict[tuple[str, str], str]  # (group, seeds) -> text
_BLOCK = re.compile(r"<!-- ([\w-]+) (\w+) -->\n(.*?)<!-- end -->\n", re.DOTALL)
_VERDICT = re.compile(r"^\| (.+?) \|.*\| (PASS|FAIL) \|$", re.MULTILINE)

_HEAD = f"""# How accurate the statements are

Written by `python -m truth` (development seeds) and `python -m truth --release` (held-out seeds,
never looked at while methods are built); change it only by running them. A run of some groups
(`python -m truth leaks reps`) leaves the other sections as they were: every table says on which
version of the code and on how many worlds it was measured.

Every figure comes from simulated companies, where the truth is known. Simulated data are clean:
read the figures as the best that can be expected, not as a promise about a real CRM. Intervals
are exact binomial (Clopper–Pearson), {CONFIDENCE:.0%}; those of errors draw the companies
anew, those of means are normal. A gate fails when its figure leaves the target, and the command
then fails too; without a target a figure is information.
"""
_TABLE = f"""
| gate | target | measured | {CONFIDENCE:.0%} interval | worlds | |
|---|---|---|---|---|---|
"""
_LIMITS = """
## What is not shown here

- The company's reps and customers stay the same while everything else is drawn anew. The
  intervals speak of this company, not of another one with other reps.
- Open deals are open for no reason that tells how they will end, except that one in
  twenty-five is forgotten. Where reps leave lost deals open, rates are too high and stays too long.
- Deals are independent of each other beyond what the simulator gives them: a common rep, and in
  the world with noise a common month.
"""


@dataclass(frozen=True)
class Stamp:
    """On what a block was measured."""

    seeds: str
    version: str
    share: float = 1.0

    @property
    def sentence(self) -> str:
        worlds = "all worlds" if self.share == 1 else f"{self.share:.0%} of the worlds"
        return f"{_SAID[self.seeds]}, {worlds}; commit {self.version}."


def lines(outcome: Outcome) -> list[str]:
    """Return one line per gate and per comparison."""
    found = []
    for gate in outcome.gates:
        low, high = gate.interval
        found.append(
            f"{gate.verdict:4}  {gate.measured:6.3f}  [{low:.3f}, {high:.3f}]  "
            f"n={gate.worlds:<4} {gate.target:19} {gate.name}"
        )
    for table in outcome.comparisons:
        found.append(f"      {table.name}: truth {_number(table, table.truth)}")
        found += [f"      {_number(table, value):>8}  error {_error(table, value)}  {way}"
                  for way, value in table.rows]  # fmt: skip
    return found


def block(outcome: Outcome, stamp: Stamp) -> str:
    """Return what was measured of one group; equal outcomes give equal text."""
    gates = "".join(_row(gate) for gate in outcome.gates)
    beside = "".join(f"\n{_beside(table)}" for table in outcome.comparisons)
    notes = "".join(f"- **{name}.** {text}\n" for name, text in meanings(outcome).items())
    return f"{stamp.sentence}\n{_TABLE}{gates}{beside}\n{notes}"


def blocks_of(page: str) -> Blocks:
    """Return the blocks of a page written before."""
    return {(group, seeds): text for group, seeds, text in _BLOCK.findall(page)}


def page(blocks: Blocks, titles: Mapping[str, str]) -> str:
    """Return docs/accuracy.md; `titles` of all groups, in their order."""
    parts = [_HEAD, _verdicts(blocks, titles)]
    for group, title in titles.items():
        parts.append(f"\n## {title}\n\n`python -m truth {group}`\n")
        parts += [f"\n<!-- {group} {seeds} -->\n{blocks[group, seeds]}<!-- end -->\n"
                  for seeds in SEEDS if (group, seeds) in blocks]  # fmt: skip
    return "".join([*parts, _LIMITS])


def meanings(outcome: Outcome) -> dict[str, str]:
    """Return each explanation once, under what the names of its gates have in common."""
    names: dict[str, list[str]] = {}
    for gate in outcome.gates:
        names.setdefault(gate.meaning, []).append(gate.name)
    return {_common(own): text for text, own in names.items() if text}


def _common(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    words = [name.split() for name in names]
    shared = takewhile(lambda same: len(set(same)) == 1, zip(*words, strict=False))
    return " ".join(word for word, *_ in shared).rstrip(":,(") or names[0]


def _verdicts(blocks: Blocks, titles: Mapping[str, str]) -> str:
    """Say first what was kept, what was not, and what was not measured."""
    found = []
    for seeds in SEEDS:
        mine = [(name, verdict) for (_, own), text in blocks.items() if own == seeds
                for name, verdict in _VERDICT.findall(text)]  # fmt: skip
        missed = [name for name, verdict in mine if verdict == "FAIL"]
        absent = [title for group, title in titles.items() if (group, seeds) not in blocks]
        if not mine:
            found.append(f"- {_SAID[seeds]}: not run.\n")
            continue
        found.append(f"- {_SAID[seeds]}: {len(mine) - len(missed)} of {len(mine)} gates pass.\n")
        found += [f"  - missed: {name}\n" for name in missed]
        found += [f"  - not measured: {title}\n" for title in absent]
    return "\n" + "".join(found)


def _row(gate: Gate | Figure | MeanGate) -> str:
    low, high = gate.interval
    return (
        f"| {gate.name} | {gate.target} | {gate.measured:.3f} | {low:.3f} – {high:.3f} "
        f"| {gate.worlds} | {gate.verdict} |\n"
    )


def _beside(table: Comparison) -> str:
    rows = "".join(f"| {way} | {_number(table, value)} | {_error(table, value)} |\n"
                   for way, value in table.rows)  # fmt: skip
    return (
        f"| {table.name} | says | error |\n|---|---|---|\n"
        f"| truth | {_number(table, table.truth)} | |\n{rows}"
    )


def _number(table: Comparison, value: float) -> str:
    return f"{value:.3f}" if table.unit == "share" else f"{value:.1f} {table.unit}"


def _error(table: Comparison, value: float) -> str:
    wrong = value - table.truth
    return f"{wrong:+.3f}" if table.unit == "share" else f"{wrong:+.1f} {table.unit}"
