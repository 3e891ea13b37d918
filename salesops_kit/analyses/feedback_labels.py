"""What people say of texts they have read: kept in the workspace, used when texts are read again.

A label is the mood a person sees in a text. It stands in `labels/feedback.csv` beside the tables,
by the text's id and without the text, and survives every import. Labels of texts that were drawn
at random are an audit: they tell how far the shares of the page are off.
"""

import csv
import hashlib
import io
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from salesops_kit.errors import ParameterError
from salesops_kit.models.intervals import wilson
from salesops_kit.models.sentiment import MOODS
from salesops_kit.models.sentiment_labels import audited_share
from salesops_kit.workspace import Workspace

if TYPE_CHECKING:
    from salesops_kit.analyses.feedback_texts import Texts

FOLDER, FILE = "labels", "feedback.csv"
FEWEST = 30  # texts drawn and read from which on shares are audited
_COLUMNS = ["feedback_id", "mood", "drawn"]
_SHARES = ["mood", "texts", "share", "audited", "audited_share", "lower", "upper"]


def kept_labels(workspace: Workspace) -> pd.DataFrame:
    """Return the labels kept in a workspace: `feedback_id`, `mood`, `drawn` (at random or not).

    Raises
    ------
    ParameterError
        When the file was changed by hand and a row cannot be read.
    """
    file = workspace.path / FOLDER / FILE
    if not file.is_file():
        return pd.DataFrame(columns=_COLUMNS).astype({"drawn": bool})
    try:
        table = pd.read_csv(file, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeError) as error:
        raise ParameterError(f"{file} cannot be read: {error}; delete or mend it") from error
    if missing := [name for name in _COLUMNS if name not in table]:
        raise ParameterError(f"{file} has no column {missing[0]!r}; it has {list(table)}")
    wrong = np.flatnonzero(~table["mood"].isin(MOODS))
    if len(wrong):
        raise ParameterError(
            f"{file}, line {wrong[0] + 2}: mood is {table['mood'].iloc[wrong[0]]!r}; "
            f"use {', '.join(MOODS)}"
        )
    found = table.assign(drawn=table["drawn"].str.lower().isin(["1", "true"]))[_COLUMNS]
    return found.drop_duplicates("feedback_id", keep="last", ignore_index=True)


def keep_labels(workspace: Workspace, moods: Mapping[str, str], *, drawn: bool = False) -> int:
    """Keep what a person said of texts, a later word in place of an earlier; return how many stand.

    Parameters
    ----------
    workspace
        In whose folder they are kept; the file appears whole or not at all.
    moods
        Per `feedback_id` negative, unsure or positive.
    drawn
        Whether the texts were drawn at random (`to_read`); a text once drawn stays so.

    Raises
    ------
    ParameterError
        When a mood is none.
    """
    for name, mood in moods.items():
        if mood not in MOODS:
            raise ParameterError(f"{name!r} is called {mood!r}; use {', '.join(MOODS)}")
    kept = {row["feedback_id"]: (row["mood"], bool(row["drawn"]))
            for row in kept_labels(workspace).to_dict("records")}  # fmt: skip
    for name, mood in moods.items():
        kept[name] = (mood, drawn or kept.get(name, ("", False))[1])
    folder = workspace.path / FOLDER
    folder.mkdir(exist_ok=True)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_COLUMNS, *((name, mood, int(was)) for name, (mood, was) in kept.items())])
    _replaced(folder / FILE, text.getvalue())
    return len(kept)


def to_read(texts: "Texts", count: int) -> pd.DataFrame:
    """Return the next texts of a random sample that nobody has read: `feedback_id`, `text`, `mood`.

    The sample is the same for everybody and every time: texts in the order of their ids' hashes.
    """
    rows = texts.rows[texts.rows["counts"] & texts.rows["said"].isna()]
    order = rows["feedback_id"].map(lambda name: hashlib.sha256(str(name).encode()).hexdigest())
    chosen = rows.loc[order.sort_values().index[:count], ["feedback_id", "text", "mood"]]
    return chosen.reset_index(drop=True)


def mood_shares(texts: "Texts") -> pd.DataFrame:
    """Return the share of every mood as judged, and as an audit corrects it.

    Returns
    -------
    DataFrame
        One row per mood: `texts`, `share` (as judged), `audited` (texts drawn at random and read),
        `audited_share` with `lower` and `upper` (90 %), missing below `FEWEST`.
    """
    rows = texts.rows[texts.rows["counts"]].reset_index(drop=True)
    read = np.flatnonzero((rows["drawn"] & rows["said"].notna()).to_numpy())
    found = []
    for mood in MOODS:
        judged = np.asarray(rows["judged"] == mood, dtype=np.float64)
        said = np.asarray(rows["said"].iloc[read] == mood, dtype=np.float64)
        corrected = (np.nan,) * 3
        if len(read) >= FEWEST:
            corrected = audited_share(judged, read, said)
            corrected = _honest(corrected, said)
        share = float(judged.mean()) if len(rows) else np.nan
        found.append((mood, int((rows["mood"] == mood).sum()), share, len(read), *corrected))
    return pd.DataFrame(found, columns=_SHARES)


def _honest(
    corrected: tuple[float, float, float], said: "np.typing.NDArray[np.float64]"
) -> tuple[float, float, float]:
    """Widen an interval to Wilson's where the sample shows no error at all, which proves little."""
    share, lower, upper = corrected
    if upper - lower > 1e-9:
        return corrected
    low, high = wilson(int(said.sum()), len(said))
    return share, min(low, share), max(high, share)


def _replaced(target: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=".", suffix=".tmp")
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        file.write(text)
    Path(name).replace(target)
