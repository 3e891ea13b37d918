"""Where a table begins: titles and merged group names above the header are no rows of it."""

from collections.abc import Sequence
from statistics import median

LOOK = 40  # records looked at


def header_place(records: Sequence[Sequence[str]]) -> int:
    """Return the position of the header among the first records; -1 when there is none.

    The first record that fills at least half as many cells as the records below it usually do;
    titles, print dates and names of groups of columns fill fewer.
    """
    filled = [sum(bool(cell.strip()) for cell in record) for record in records[:LOOK]]
    for place, cells in enumerate(filled):
        if not cells:
            continue
        below = [n for n in filled[place + 1 :] if n]
        if place + 1 < len(filled) and below and cells < median(below) / 2:
            continue
        return place
    return next((i for i, cells in enumerate(filled) if cells), -1)
