"""What the gates measured, as lines for a terminal and as docs/accuracy.md."""

from truth.gates import CONFIDENCE, Comparison, Figure, Gate, MeanGate, Outcome

_HEAD = """# How accurate the statements are

Written by `make truth` (development seeds) or `python -m truth --release` (held-out seeds, run
only for a release, never looked at while methods are built). Change this file only by running
one of them. These are the figures of the **{seeds}** seeds.

Every figure comes from simulated companies, where the truth is known. Simulated data are clean:
read the figures as the best that can be expected, not as a promise about a real CRM. Intervals
are exact binomial (Clopper–Pearson), {confidence:.0%}; those of errors draw the companies
anew, those of means are normal. A gate fails when its figure leaves the target, and the command
then fails too.

## Gates

| gate | target | measured | {confidence:.0%} interval | worlds | |
|---|---|---|---|---|---|
"""
_MEANING = "\n## What each gate means\n\n"
_BESIDE = """
## Beside the usual ways to measure

Means over all worlds; the error is what remains when chance is averaged out.

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


def page(outcome: Outcome, seeds: str) -> str:
    """Return docs/accuracy.md; equal outcomes give equal pages."""
    gates = "".join(_row(gate) for gate in outcome.gates)
    meanings = "".join(f"- **{gate.name}.** {gate.meaning}\n" for gate in outcome.gates)
    beside = "\n".join(_table(table) for table in outcome.comparisons)
    head = _HEAD.format(confidence=CONFIDENCE, seeds=seeds)
    return "".join([head, gates, _MEANING, meanings, _BESIDE, beside, _LIMITS])


def _row(gate: Gate | Figure | MeanGate) -> str:
    low, high = gate.interval
    return (
        f"| {gate.name} | {gate.target} | {gate.measured:.3f} | {low:.3f} – {high:.3f} "
        f"| {gate.worlds} | {gate.verdict} |\n"
    )


def _table(table: Comparison) -> str:
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
