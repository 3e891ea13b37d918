"""Scores on their way back into the CRM: a file in its import template, and what it would change.

Nothing is ever written into a CRM. A person reads the differences, imports the file with the
CRM's own wizard, and can undo it there.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from salesops_kit.cells import formula_safe
from salesops_kit.errors import ParameterError

# how each CRM's import wizard calls the key by which it updates a deal
KEYS = {"zoho": "Record Id", "fxiaoke": "数据ID", "salesforce": "Id", "hubspot": "Record ID"}
_ENCODING = "utf-8-sig"  # all four wizards read it, and Excel shows Chinese right


@dataclass(frozen=True)
class WriteBack:
    """The `rows` of a template, and of them those that differ from what the CRM holds.

    `changes` has `deal_id`, `before`, `after`; `unchanged` counts the others.
    """

    key: str
    field: str
    rows: pd.DataFrame
    changes: pd.DataFrame

    @property
    def unchanged(self) -> int:
        """Deals whose value in the CRM is already this one."""
        return len(self.rows) - len(self.changes)


def write_back(scores: pd.DataFrame, *, source: str, field: str) -> WriteBack:
    """Prepare an update of one field of deals.

    Parameters
    ----------
    scores
        One row per deal: `deal_id`, `before` (what the CRM holds, may be missing) and `after`.
    source
        The CRM the workspace was imported from: a key of `KEYS`.
    field
        Label of the field in the CRM that receives the value; best one of its own, so that what
        reps entered stays.

    Raises
    ------
    ParameterError
        When the CRM is not known, the field is empty, or a deal stands there twice.
    """
    if source not in KEYS:
        raise ParameterError(f"there is no import template for {source!r}; use {', '.join(KEYS)}")
    if not field.strip() or field.strip() == KEYS[source]:
        raise ParameterError(f"field is {field!r}; give the label of the field to fill in the CRM")
    if twice := scores.loc[scores["deal_id"].duplicated(), "deal_id"].tolist():
        raise ParameterError(f"deal {twice[0]!r} stands twice in the scores")
    same = scores["before"].eq(scores["after"]) | (scores["before"].isna() & scores["after"].isna())
    changes = scores.loc[~same, ["deal_id", "before", "after"]].reset_index(drop=True)
    rows = scores[["deal_id", "after"]].reset_index(drop=True)
    return WriteBack(KEYS[source], field.strip(), rows, changes)


def write_template(update: WriteBack, file: Path) -> Path:
    """Write only what changes, in the CRM's template; return the file.

    Raises
    ------
    ParameterError
        When the file exists: a template somebody may be importing is not overwritten.
    """
    if file.exists():
        raise ParameterError(f"{file} exists; choose another name or remove it")
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding=_ENCODING, newline="") as target:
        writer = csv.writer(target)
        writer.writerow([update.key, formula_safe(update.field)])
        for deal, after in zip(update.changes["deal_id"], update.changes["after"], strict=True):
            writer.writerow([formula_safe(str(deal)), after])
    return file
