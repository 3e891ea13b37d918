"""Run the statistical gates.

python -m truth            on the development seeds; prints, writes nothing
python -m truth --release  on the held-out seeds; also writes docs/accuracy.md
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
    release = bool(arguments)
    outcome = run("release" if release else "development")
    print("\n".join(lines(outcome)))
    if release:
        PAGE.write_text(page(outcome), encoding="utf-8")
    for gate in outcome.failed:
        print(f"error: gate failed: {gate.name}; see docs/accuracy.md", file=sys.stderr)
    return 1 if outcome.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
