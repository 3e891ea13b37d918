"""What customers say, what it may cost, what changed and whether anybody acted on it.

Scores come from `metrics.feedback`, never mixed over kinds and scales. Texts are masked before
anything else (`feedback_texts`). A complaint is a text that speaks unkindly of a theme; the money
beside it belongs to the customers who said it: an association, not what the complaint will cost.
"""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.feedback_coverage import Coverage, coverage_of, customer_groups
from salesops_kit.analyses.feedback_findings import (
    channel_words,
    feedback_findings,
    feedback_key_figures,
    first_words,
    theme_words,
)
from salesops_kit.analyses.feedback_labels import mood_shares
from salesops_kit.analyses.feedback_link_findings import link_findings, link_table, link_words
from salesops_kit.analyses.feedback_links import LOOKBACK, links
from salesops_kit.analyses.feedback_loop import action_results, handled
from salesops_kit.analyses.feedback_outcomes import (
    YEAR,
    complaint_sources,
    outcome_cases,
    rep_names,
)
from salesops_kit.analyses.feedback_rivals import rivals_named
from salesops_kit.analyses.feedback_scores import scores_of
from salesops_kit.analyses.feedback_texts import Texts, feedback_of, read_texts
from salesops_kit.analyses.recall import recalled
from salesops_kit.findings import Finding, KeyFigure, in_order
from salesops_kit.language import Language
from salesops_kit.metrics.feedback import response_rate
from salesops_kit.metrics.grouping import totals, within
from salesops_kit.models.intervals import share_difference, wilson
from salesops_kit.models.keyness import Watch, changed, keyness, text_counts
from salesops_kit.models.themes import words_of
from salesops_kit.periods import Period, from_day_number, period_containing
from salesops_kit.workspace import Workspace

SHORT = 80  # days below which a period is too short to judge by: then its last quarter of a year is
BEFORE = 3  # spans of that length before it, against which themes are compared
QUOTES = 5
COSTLY = 3
FEWEST_COMPLAINTS = 5
_NAMED = ("themes", "telling", "segments", "quotes", "actions", "responses")
COLUMNS = {
    "themes": ["theme", "texts", "complaints", "share", "lower", "upper", "share_before",
               "score_change",
               "change_lower", "change_upper", "alarm", "accounts", "open_amount", "ordered",
               "money"],
    "words": ["word", "texts", "share", "share_before", "ratio", "q", "rises"],
    "quotes": ["quote", "theme", "mood", "channel", "answered_on"],
    "segments": ["dimension", "group", "theme", "texts", "complaints", "share", "share_before",
                 "q"],
}  # fmt: skip


@dataclass(frozen=True)
class Feedback:
    """What customers said until the end of a period.

    `recent`, `earlier`: the days judged by, and those compared with. `scores`: per kind of survey
    and scale. `trend`: the kind with most votes, per month. `responses`: per channel. `themes`: per
    theme its texts, complaints among all texts, how that changed, and the money of the customers
    who complained. `words`: that come up or fade. `telling`: per theme the words of its complaints.
    `quotes`, `coverage`, `rivals`, `segments`, `moods` (shares as judged and
    as audited), `actions` (what became of complaints), `closure`. `links`: outcomes, products and
    reps beside complaints, named for readers, and `link_words` the sentence about them.
    """

    period: Period
    recent: Period
    earlier: Period
    texts: Texts
    scores: pd.DataFrame
    trend: pd.DataFrame
    responses: pd.DataFrame
    themes: pd.DataFrame
    words: pd.DataFrame
    telling: pd.DataFrame
    segments: pd.DataFrame
    quotes: pd.DataFrame
    coverage: Coverage
    rivals: pd.DataFrame
    moods: pd.DataFrame
    actions: pd.DataFrame
    closure: dict[str, Any]
    links: pd.DataFrame
    link_words: dict[Language, str]
    findings: list[Finding] = field(default_factory=list)
    key_figures: list[KeyFigure] = field(default_factory=list)

    @property
    def costly(self) -> pd.DataFrame:
        """Return the complaints whose customers hold most money."""
        enough = self.themes[self.themes["complaints"] >= FEWEST_COMPLAINTS]
        return enough.sort_values(["money", "theme"], ascending=[False, True]).head(COSTLY)

    @property
    def first_words(self) -> dict[Language, str]:
        """Return satisfaction now and what got better, in one sentence per language."""
        return first_words(self)

    @property
    def counted(self) -> int:
        """Texts of the recent days that count."""
        return int(_inside(self.texts.rows, self.recent).sum())


@recalled
def analyse_feedback(workspace: Workspace, *, period: Period) -> Feedback:
    """Tell what customers say, by the last quarter of a year when the period is shorter."""
    recent, settings = _recent(period), workspace.settings
    earlier = Period("", _back(recent, BEFORE), recent.start, "year", period.calendar)
    texts = read_texts(workspace, span=_read(recent, earlier))
    texts, longer = texts.within(Period("", earlier.start, recent.end, "year")), texts
    feedback = feedback_of(workspace)
    scores = scores_of(feedback, recent, _same_length_before(recent), period)
    worth = _worth(workspace, recent)
    themes = _themes(texts, (recent, earlier), worth)
    beside, names = _beside(workspace, longer, recent, worth), (settings, rep_names(workspace))
    found = Feedback(
        period=period, recent=recent, earlier=earlier, texts=texts, scores=scores.now,
        trend=scores.trend,
        responses=response_rate(feedback, period=recent, by=["channel"]),
        themes=themes,
        words=_words(texts, recent, earlier),
        telling=_telling(texts),
        segments=_segments(workspace, texts, recent, earlier),
        quotes=_quotes(texts, recent, themes),
        coverage=coverage_of(workspace, recent, names[1]),
        rivals=rivals_named(workspace, texts, recent),
        moods=mood_shares(texts),
        actions=action_results(workspace, texts),
        closure=handled(workspace, texts, recent),
        links=link_table(beside, *names), link_words=link_words(beside, *names),
    )  # fmt: skip
    named: dict[str, Any] = {name: _named(getattr(found, name)) for name in _NAMED}
    return replace(
        found,
        **named,
        findings=in_order([*feedback_findings(found, settings), *link_findings(beside, *names)]),
        key_figures=feedback_key_figures(found),
    )


def _read(recent: Period, earlier: Period) -> Period:
    """Return the days to read: those compared, and what was said before a year of outcomes."""
    first = recent.end - timedelta(days=YEAR + LOOKBACK)
    return Period("", min(earlier.start, first), recent.end, "year")


def _beside(
    workspace: Workspace, texts: Texts, recent: Period, worth: pd.DataFrame
) -> pd.DataFrame:
    """Return what stands beside complaints, and the open deals of who complained lately."""
    table = links(
        texts, outcome_cases(workspace, end_day=recent.end_day),
        complaint_sources(workspace, texts), fewest=workspace.settings.thresholds.min_n,
    )  # fmt: skip
    bad = texts.complaints
    who = texts.rows[["account_id", "day"]].iloc[bad["text"]].assign(theme=bad["theme"].to_numpy())
    late = who[who["day"] >= recent.end_day - LOOKBACK].drop_duplicates(["account_id", "theme"])
    amount = late["account_id"].map(worth["open_amount"]).fillna(0.0).groupby(late["theme"]).sum()
    return table.assign(open_amount=table["theme"].map(amount).fillna(0.0))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Add the names readers know: of themes and channels, in both languages."""
    if "theme" in table:
        names: Any = [theme_words(theme) for theme in table["theme"]]
        table = table.assign(theme_name=names)
    if "channel" in table:
        spoken: Any = [channel_words(name) for name in table["channel"]]
        table = table.assign(heard_by=spoken)
    return table


def _recent(period: Period) -> Period:
    if period.days >= SHORT:
        return period
    last = period_containing(period.last, "month", period.calendar)
    first = last.previous(2)
    label = f"{first.label} – {last.label}"
    return Period(label, first.start, period.end, "quarter", period.calendar)


def _back(recent: Period, spans: int) -> Any:
    months = spans * max(1, round(recent.days / 30.4))
    return (pd.Timestamp(recent.start) - pd.DateOffset(months=months)).date()


def _same_length_before(recent: Period) -> Period:
    return Period("", _back(recent, 1), recent.start, recent.cadence, recent.calendar)


def _worth(workspace: Workspace, recent: Period) -> pd.DataFrame:
    """Per account the amount of its open deals and what it ordered in the year to the end."""
    still = workspace.table("deals").filter(nw.col("status") == "open")
    found = totals(still, by=["account_id"], counts=[], sums=["amount"])
    found = found.rename(columns={"amount": "open_amount"}).assign(ordered=0.0)
    if workspace.has("orders"):
        year = within("ordered_day", recent.end_day - 365, recent.end_day)
        orders = workspace.table("orders").filter(year)
        bought = totals(orders, by=["account_id"], counts=[], sums=["amount"])
        bought = bought.rename(columns={"amount": "ordered"})
        found = found.drop(columns="ordered").merge(bought, on="account_id", how="outer")
    known: pd.DataFrame = found.dropna(subset=["account_id"]).set_index("account_id")
    return known.fillna(0.0)


def _inside(rows: pd.DataFrame, span: Period) -> pd.Series:
    return rows["counts"] & (rows["day"] >= span.start_day) & (rows["day"] < span.end_day)


def _mentions_in(texts: Texts, span: Period) -> pd.DataFrame:
    inside = _inside(texts.rows, span).to_numpy()
    found: pd.DataFrame = texts.mentions.loc[inside[texts.mentions["text"].to_numpy("int64")]]
    return found


def _themes(texts: Texts, spans: tuple[Period, Period], worth: pd.DataFrame) -> pd.DataFrame:
    """Per theme: complaints among all texts, how that changed, and who complained."""
    (n, now), (n_then, then) = (
        (int(_inside(texts.rows, span).sum()), _mentions_in(texts, span)) for span in spans
    )
    bad, bad_then = now[now["complaint"]], then[then["complaint"]]
    counts, counts_then = bad["theme"].value_counts(), bad_then["theme"].value_counts()
    alarms = changed(Watch(counts, counts_then, n, n_then)).set_index("word")["alarm"]
    rows = []
    for theme, mentioned in now["theme"].value_counts().sort_index().items():
        hits, hits_then = int(counts.get(theme, 0)), int(counts_then.get(theme, 0))
        places = bad.loc[bad["theme"] == theme, "text"]
        accounts = texts.rows.loc[places, "account_id"].dropna().unique()
        money = worth.reindex(accounts).fillna(0.0).sum()
        rows.append((
            theme, mentioned, hits, hits / n, *wilson(hits, n),
            hits_then / n_then if n_then else np.nan, *share_difference(hits, n, hits_then, n_then),
            bool(alarms.get(theme, False)), len(accounts), float(money["open_amount"]),
            float(money["ordered"]), float(money.sum()),
        ))  # fmt: skip
    table = pd.DataFrame(rows, columns=COLUMNS["themes"])
    order = ["complaints", "texts", "theme"]
    return table.sort_values(order, ascending=[False, False, True], ignore_index=True)


def _counted_words(texts: Texts, keep: pd.Series) -> tuple[pd.Series, int]:
    """Count texts per word; an account counts a word once."""
    chosen = np.flatnonzero(keep.to_numpy())
    accounts = texts.rows["account_id"].tolist()
    said: dict[object, set[str]] = {}
    for place in chosen:
        author = accounts[place] or f"text {place}"
        said.setdefault(author, set()).update(words_of(texts.plain[place]))
    return text_counts([sorted(words) for words in said.values()]), len(said)


def _words(texts: Texts, recent: Period, earlier: Period) -> pd.DataFrame:
    """Words that come up or fade: of texts that copy nothing, each customer once."""
    fresh = texts.rows["fresh"]
    now, n = _counted_words(texts, _inside(texts.rows, recent) & fresh)
    then, n_then = _counted_words(texts, _inside(texts.rows, earlier) & fresh)
    found = changed(Watch(now, then, n, n_then))
    found = found[found["alarm"].astype(bool)].rename(columns={"now": "texts"})
    return found.reset_index(drop=True)[COLUMNS["words"]]


def _telling(texts: Texts, most: int = 8) -> pd.DataFrame:
    """Per theme the words that set its complaints apart from all other texts."""
    bad = texts.mentions[texts.mentions["complaint"]]
    spoken = [words_of(plain) for plain in texts.plain]
    total = text_counts([spoken[i] for i in np.flatnonzero(texts.rows["counts"])])
    rows = []
    for theme, part in bad.groupby("theme", sort=True):
        mine = text_counts([spoken[place] for place in part["text"]])
        table = keyness(mine, total.sub(mine, fill_value=0))
        rows.append((theme, len(part), ", ".join(table.loc[table["z"] > 1.64, "word"].head(most))))
    return pd.DataFrame(rows, columns=["theme", "complaints", "telling_words"])


def _segments(workspace: Workspace, texts: Texts, recent: Period, earlier: Period) -> pd.DataFrame:
    """Complaint themes that come up within a group of customers, all groups tested together."""
    accounts = customer_groups(workspace)
    rows = texts.rows.merge(accounts, on="account_id", how="left")
    spans = [_inside(texts.rows, span).to_numpy() for span in (recent, earlier)]
    bad = texts.mentions[texts.mentions["complaint"]]
    place = bad["text"].to_numpy("int64")
    found = []
    for name in accounts.columns.drop("account_id"):
        for group in rows[name].dropna().unique():
            mine = (rows[name] == group).to_numpy()
            counts = [bad.loc[(mine & span)[place], "theme"].value_counts() for span in spans]
            sizes = [int((mine & span).sum()) for span in spans]
            table = changed(Watch(counts[0], counts[1], *sizes), false_alarms=1.0)
            found.append(table.assign(dimension=name, group=group, texts=sizes[0]))
    every = pd.concat([t for t in found if len(t)]) if any(len(t) for t in found) else None
    if every is None:
        return pd.DataFrame(columns=COLUMNS["segments"])
    from salesops_kit.models.keyness import FALSE_ALARMS, adjusted

    every["q"] = adjusted(every["p"].to_numpy("float64"))
    shown = every[(every["q"] <= FALSE_ALARMS) & every["rises"]]
    shown = shown.rename(columns={"word": "theme", "now": "complaints"})
    return shown.sort_values("q", ignore_index=True)[COLUMNS["segments"]]


def _quotes(texts: Texts, recent: Period, themes: pd.DataFrame) -> pd.DataFrame:
    """Real texts: one per frequent complaint, then one of praise; the most typical of each.

    Typical is the text that shares most words with the others of its kind and is not long.
    """
    now = _mentions_in(texts, recent)
    wanted = [(theme, True) for theme in themes.loc[themes["complaints"] > 0, "theme"]]
    praised = now.loc[~now["complaint"], "theme"].value_counts()
    wanted = [*wanted[: QUOTES - 1], *[(theme, False) for theme in praised.index[:QUOTES]]]
    rows: list[tuple[Any, ...]] = []
    used: set[int] = set()
    for theme, bad in wanted:
        part = now[(now["theme"] == theme) & (now["complaint"] == bad)]
        place = _typical(texts, [p for p in part["text"] if p not in used])
        if place is not None and len(rows) < QUOTES:
            used.add(place)
            row = texts.rows.loc[place]
            mood = "negative" if bad else "positive"
            day = from_day_number(int(texts.rows["day"].iloc[place]))
            rows.append((str(row["text"])[:300], theme, mood, row["channel"], day))
    return pd.DataFrame(rows, columns=COLUMNS["quotes"])


def _typical(texts: Texts, places: list[int]) -> int | None:
    if not places:
        return None
    spoken = {place: set(words_of(texts.plain[place])) for place in places}
    common = text_counts([sorted(words) for words in spoken.values()])
    weight = {
        place: sum(common[word] for word in words) / (len(words) + 2)
        for place, words in spoken.items()
    }
    return max(places, key=lambda place: (weight[place], -place))
