"""The texts of customers, ready to be counted: masked, judged, their themes and copies told."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd

from salesops_kit import schema
from salesops_kit.analyses.feedback_labels import FEWEST, kept_labels
from salesops_kit.errors import ParameterError
from salesops_kit.metrics.engine import Frame, collect, conformed, lazy
from salesops_kit.metrics.grouping import within
from salesops_kit.models.sentiment import Array, Sentiment, fit_sentiment, moods
from salesops_kit.models.sentiment_labels import Proof, Taught, calibrated, taught
from salesops_kit.models.text_clean import copies, language_of, normalised
from salesops_kit.models.text_privacy import masked, personal
from salesops_kit.models.themes import mentions, themes_of
from salesops_kit.periods import Period
from salesops_kit.workspace import Workspace

CLEAR_COMPLAINT = 0.0  # log-odds below which a mention is a complaint
Marks = npt.NDArray[np.bool_]
BLOCK = 31  # days within which copies of a text count once
_MOST_NAMES = 2_000  # of people in the tables, hidden wherever they stand
_COLUMNS = ("feedback_id", "account_id", "deal_id", "order_id", "channel", "type", "score",
            "scale_min", "scale_max", "text", "answered_day", "action_id")  # fmt: skip


@dataclass(frozen=True)
class Texts:
    """Texts of a span of days and how they were read.

    `rows`: one per text: the columns of feedback without the text as it came, `text` masked,
    `language`, `praise` (probability), `judged` (its mood by rule and model), `said` (by a person
    who read it, if anybody has), `drawn` (at random), `mood` (as said, else as judged), `day`,
    `counts` (False for a text its author, or an
    unknown author, sent before), `fresh` (False for any text sent before, by whomever), `private`
    (it held personal data).
    `mentions`: one per text counted and theme: `text` (position in rows), `theme`, `score`,
    `complaint`. `proof`: whether the company's own scores helped to judge, None where there were
    too few, and `learnt` whether they are used. `plain`: the masked texts, normalised.
    """

    rows: pd.DataFrame
    mentions: pd.DataFrame
    proof: Proof | None = None
    learnt: bool = False
    plain: tuple[str, ...] = field(default=(), repr=False)

    @property
    def copied(self) -> int:
        """Texts that are copies of another one and do not count."""
        return int((~self.rows["counts"]).sum())

    @property
    def private(self) -> int:
        """Texts that held personal data."""
        return int(self.rows["private"].sum())

    @property
    def complaints(self) -> pd.DataFrame:
        """Return one row per complaint that counts: `text` (position in rows), `theme`."""
        return self.mentions.loc[self.mentions["complaint"].astype(bool), ["text", "theme"]]

    def within(self, span: Period) -> "Texts":
        """Return the texts of a span of days alone, as they were judged among all."""
        inside = self.rows["day"].between(span.start_day, span.end_day - 1).to_numpy()
        place = np.cumsum(inside) - 1
        old = self.mentions["text"].to_numpy("int64")
        kept = self.mentions.loc[inside[old]].assign(text=place[old[inside[old]]])
        plain = tuple(text for text, there in zip(self.plain, inside, strict=True) if there)
        return Texts(
            self.rows.loc[inside].reset_index(drop=True), kept.reset_index(drop=True),
            self.proof, self.learnt, plain,
        )  # fmt: skip


def read_texts(workspace: Workspace, *, span: Period) -> Texts:
    """Read, mask and judge the texts answered in a span of days.

    Nothing that is returned holds a text as it came: personal data are masked first.
    """
    rows = _rows(workspace, span)
    names = _known_names(workspace)
    raw = rows["text"].tolist()
    plain = [normalised(text) for text in raw]
    judge = fit_sentiment(raw)
    rows = rows.merge(kept_labels(workspace).rename(columns={"mood": "said"}), how="left",
                      on="feedback_id")  # fmt: skip
    praise, proof, learnt = _praise(judge, rows, raw)
    hidden = [masked(text, names) for text in raw]
    rows = rows.assign(
        text=hidden, language=[language_of(text) for text in plain], praise=praise,
        judged=moods(praise), mood=rows["said"].fillna(pd.Series(moods(praise), dtype=object)),
        drawn=rows["drawn"].eq(True), day=rows["answered_day"],  # noqa: FBT003
        private=[bool(personal(*pair)) for pair in zip(raw, hidden, strict=True)],
        **_first_sent(plain, rows),
    ).drop(columns="answered_day")  # fmt: skip
    themes = themes_of(workspace.settings.feedback.themes)
    found = mentions(plain, themes, judge.evidence)
    found = found.loc[rows["counts"].to_numpy()[found["text"].to_numpy("int64")]]
    found = _complaints(found, rows["said"]).reset_index(drop=True)
    plain_masked = tuple(normalised(text) for text in hidden)
    return Texts(rows, found, proof, learnt, plain_masked)


def _complaints(found: pd.DataFrame, said: pd.Series) -> pd.DataFrame:
    """Mark mentions that complain; where a person read the text, what that person said counts."""
    person = said.to_numpy(object)[found["text"].to_numpy("int64")]
    refuted = np.isin(person.astype(str), ["positive", "unsure"])
    judged = (found["score"] < CLEAR_COMPLAINT).to_numpy() & ~refuted
    some = pd.Series(judged).groupby(found["text"].to_numpy()).transform("any").to_numpy("bool")
    return found.assign(complaint=judged | ((person.astype(str) == "negative") & ~some))


def feedback_of(workspace: Workspace) -> Frame:
    """Return the feedback table, an empty one where the export holds none."""
    if workspace.has("feedback"):
        return workspace.table("feedback")
    nobody = lazy(pd.DataFrame({"feedback_id": pd.Series(dtype=object)}))
    return conformed(nobody, schema.FEEDBACK, schema.FEEDBACK.column_names)


def _rows(workspace: Workspace, span: Period) -> pd.DataFrame:
    frame = feedback_of(workspace)
    there = set(frame.collect_schema().names())
    wanted = [nw.col(c) if c in there else nw.lit(None).alias(c) for c in _COLUMNS]
    inside = within("answered_day", span.start_day, span.end_day) & ~nw.col("text").is_null()
    rows = collect(frame.filter(inside).select(*wanted), ["answered_day", "feedback_id"])
    told = [bool(normalised(text)) for text in rows["text"]]
    return rows.loc[np.array(told, dtype=bool)].reset_index(drop=True)


def _known_names(workspace: Workspace) -> list[str]:
    """Return names of reps and contacts that stand in the tables, if they are not too many."""
    found: list[str] = []
    for table in ("reps", "contacts"):
        if workspace.has(table):
            frame = workspace.table(table)
            if "name" in frame.collect_schema().names():
                names = frame.select("name").unique().collect(backend="pandas").to_native()["name"]
                found += [str(name) for name in names.dropna() if len(str(name)) > 1]
    return sorted(set(found)) if len(found) <= _MOST_NAMES else []


def _praise(
    judge: Sentiment, rows: pd.DataFrame, raw: Sequence[str]
) -> tuple[Array, Proof | None, bool]:
    """Return how surely each text is praise, whether marks prove to help, and are learnt from.

    Marks are what people said of texts, else the scores beside them. Where people's word is not
    learnt from, what they said of texts drawn at random still puts probabilities right.
    """
    if not len(raw):
        return np.empty(0), None, False
    said = rows["said"].astype(str).to_numpy()
    marks = np.select([said == "negative", said == "positive"], [0, 1], -1)
    teacher, proof = _taught(judge, raw, marks)
    if teacher is not None and proof is not None and proof.helps:
        return teacher.praise(raw), proof, True
    if proof is None:
        low, high = rows["scale_min"].to_numpy("float64"), rows["scale_max"].to_numpy("float64")
        place = (rows["score"].to_numpy("float64") - low) / np.where(high > low, high - low, np.nan)
        marks = np.select([place >= 0.75, place <= 0.6], [1, 0], -1)
        teacher, proof = _taught(judge, raw, marks)
        if teacher is not None and proof is not None and proof.separates:
            return _put_right(teacher.praise(raw), rows), proof, True
    return _put_right(judge.probabilities(raw), rows), proof, False


def _put_right(praise: Array, rows: pd.DataFrame) -> Array:
    """Calibrate by the texts that were drawn at random and read, where there are enough."""
    read = np.flatnonzero((rows["drawn"].eq(True) & rows["said"].notna()).to_numpy())  # noqa: FBT003
    if len(read) < FEWEST:
        return praise
    worth = {"negative": 0.0, "unsure": 0.5, "positive": 1.0}
    labels = np.array([worth[mood] for mood in rows["said"].iloc[read]], dtype=np.float64)
    return calibrated(praise, read, labels)


def _taught(
    judge: Sentiment, raw: Sequence[str], marks: npt.NDArray[np.int64]
) -> tuple[Taught | None, Proof | None]:
    known = np.flatnonzero(marks >= 0)
    try:
        return taught(judge, [raw[int(i)] for i in known], marks[known].tolist())
    except ParameterError:  # too few
        return None, None


def _first_sent(plain: Sequence[str], rows: pd.DataFrame) -> dict[str, Marks]:
    """Mark texts that nobody sent in the `BLOCK` days before, and that their author did not.

    Customers that are known may say the same; what comes from nobody known counts once.
    """
    latest: dict[object, int] = {}
    found: dict[str, list[bool]] = {"counts": [], "fresh": []}
    origins = copies(plain)
    accounts, days = rows["account_id"].tolist(), rows["answered_day"].tolist()
    for origin, account, day in zip(origins.tolist(), accounts, days, strict=True):
        for name, key in (("counts", (origin, account)), ("fresh", origin)):
            first = day - latest.get(key, -BLOCK * 1_000) > BLOCK
            found[name].append(first)
            if first:
                latest[key] = day
    return {name: np.array(marks, dtype=bool) for name, marks in found.items()}
