"""What a run tells while it runs: bars and the time left on a terminal, else one JSON a line."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TextIO


@dataclass(frozen=True)
class Step:
    """One notebook of one report ended, or was not needed (`kept` from an interrupted run)."""

    report: str
    notebook: str
    status: str
    seconds: float
    done: int
    total: int


Tell = Callable[[Step], None]


@contextmanager
def telling(total: int, stream: TextIO | None = None) -> Iterator[Tell]:
    """Give a function that tells each step on the stream (stderr if not given)."""
    out = stream or sys.stderr
    if out.isatty():
        with _bars(total, out) as tell:
            yield tell
    else:
        yield lambda step: _line(step, out)


def _line(step: Step, out: TextIO) -> None:
    told = {**asdict(step), "seconds": round(step.seconds, 2)}
    out.write(json.dumps(told, ensure_ascii=False) + "\n")
    out.flush()


@contextmanager
def _bars(total: int, out: TextIO) -> Iterator[Tell]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=Console(file=out)) as progress:
        task = progress.add_task("starting", total=total)

        def tell(step: Step) -> None:
            progress.update(task, advance=1, description=escape(f"{step.report} {step.notebook}"))
            if step.status not in ("ok", "kept"):
                progress.console.print(
                    escape(f"{step.report} {step.notebook}: {step.status}"), highlight=False
                )

        yield tell
