"""Rows that could not be used, written so that a person can mend them in a spreadsheet."""

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path

from salesops_kit.cells import formula_safe
from salesops_kit.sources.tabular import RejectedRow, Sheet

COLUMNS = ("file", "row", "column", "value", "reason", "remedy", "record")


def write_rejects(folder: Path, sheet: Sheet, rejects: Sequence[RejectedRow]) -> None:
    """Write one CSV per sheet with file, row number, column, value, reason, remedy and record.

    A sheet of the same name, read for another table or imported earlier, keeps its own file.
    """
    if not rejects:
        return
    name = re.sub(r"[^\w.-]+", "_", sheet.label, flags=re.UNICODE)
    target = folder / f"{name}.csv"
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{name}-{number}.csv"
    with target.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for reject in rejects:
            record = dict(zip(sheet.header, reject.record, strict=False))
            cells = (sheet.label, reject.row, reject.column, reject.value, reject.reason,
                     reject.remedy, json.dumps(record, ensure_ascii=False))  # fmt: skip
            writer.writerow([formula_safe(str(cell)) for cell in cells])
