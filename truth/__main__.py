"""Run the statistical gates, print them and write docs/accuracy.md.

python -m truth            on the development seeds
python -m truth --release  on the held-out seeds; for a release only
"""

import sys
from pathlib import Path

from truth.report import lines, page
from truth.run import run

PAGE = Path(__file__).resolve().parent.parent / "docs" / "accuracy.md"


def main(arguments: list[str]) -> int:
    if set(arguments) - {"--release"}:
        print(__doc__, file=sys.stderr)
        return 2
    seeds = "release" if arguments else "development"
    outcome = run(seeds)
    print("\n".join(lines(outcome)))
    PAGE.write_text(page(outcome, seeds), encoding="utf-8")
    for gate in outcome.failed:
        print(f"error: gate failed: {gate.name}; see docs/accuracy.md", file=sys.stderr)
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
