"""Run statistical gates, print them and write their sections of docs/accuracy.md.

python -m truth                      all groups on the development seeds
python -m truth leaks reps           these groups; the other sections of the page stay
python -m truth leaks --share 0.25   on a quarter of the worlds, which the page then says
python -m truth --release [GROUP …]  on the held-out seeds; for a release only

A run that was broken off goes on where it stood: worlds already judged are kept under build/truth
while the code is the same.
"""

import argparse
import sys
from pathlib import Path

from truth.report import Stamp, block, blocks_of, lines, page
from truth.run import GROUPS, WORKERS, run
from truth.store import forget_others, version

PAGE = Path(__file__).resolve().parent.parent / "docs" / "accuracy.md"


def main(arguments: list[str]) -> int:
    asked = _parser().parse_args(arguments)
    seeds = "release" if asked.release else "development"
    forget_others()
    failed = []
    for name in asked.groups or GROUPS:
        stamp = Stamp(seeds, version(), asked.share)
        outcome = run(name, seeds, asked.share, asked.workers)
        print("\n".join(lines(outcome)), flush=True)
        _write(name, seeds, block(outcome, stamp))
        failed += outcome.failed
    for gate in failed:
        print(f"error: gate failed: {gate.name}; see docs/accuracy.md", file=sys.stderr)
    return 1 if failed else 0


def _write(name: str, seeds: str, text: str) -> None:
    """Put one block into the page as it is now, so that a long run loses nothing."""
    before = blocks_of(PAGE.read_text("utf-8")) if PAGE.exists() else {}
    titles = {group: GROUPS[group].title for group in GROUPS}
    PAGE.write_text(page(before | {(name, seeds): text}, titles), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(
        prog="python -m truth", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    words.add_argument("groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}",
                       type=_group)  # fmt: skip
    words.add_argument("--share", type=_share, default=1.0, help="of the worlds, above 0 to 1")
    words.add_argument("--workers", type=int, default=WORKERS, help=f"processes ({WORKERS})")
    words.add_argument("--release", action="store_true", help="the held-out seeds")
    return words


def _group(name: str) -> str:
    if name not in GROUPS:
        raise argparse.ArgumentTypeError(f"{name!r} is not a group; use {', '.join(GROUPS)}")
    return name


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share; write it like 0.25")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
