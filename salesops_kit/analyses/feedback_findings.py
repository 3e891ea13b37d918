"""What is worth saying about what customers say."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesops_kit.findings import Estimate, Finding, KeyFigure, Severity, in_order
from salesops_kit.language import (
    Count,
    Days,
    Language,
    Money,
    Named,
    Points,
    Score,
    ScorePoints,
    Share,
    Value,
    Word,
    both,
)
from salesops_kit.models.themes import shipped_names
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.feedback import Feedback

MANY_UNHEARD = 0.4  # of the customers who ordered
CHANNELS = ("survey", "call_back", "ticket", "social", "interview")
_WORDS_NAMED = 4
_CHANGE = ("score_change", "change_lower", "change_upper")
Translated = dict[Language, str]


def feedback_findings(feedback: "Feedback", settings: Settings) -> list[Finding]:
    """Return the findings in order of severity and money."""
    return in_order([
        *_scores(feedback), *_costly(feedback, settings), *_changes(feedback), *_words(feedback),
        *_actions(feedback), *_closure(feedback), *_unheard(feedback, settings), *_rivals(feedback),
        *_reading(feedback), *_nothing(feedback),
    ])  # fmt: skip


def feedback_key_figures(feedback: "Feedback") -> list[KeyFigure]:
    """Return the figures of the index page."""
    if feedback.scores.empty:
        return []
    row = feedback.scores.iloc[int(feedback.scores["votes"].to_numpy().argmax())]
    size = 100 if row["survey"] == "NPS" else 1
    known = {name: None if pd.isna(row[name]) else float(row[name]) * size
             for name in ("survey_score", "lower", "upper", "previous_score")}  # fmt: skip
    trend = tuple(None if pd.isna(v) else float(v) * size for v in feedback.trend["survey_score"])
    return [
        KeyFigure(
            name="survey_score", label=both("feedback.figure_score", survey=str(row["survey"])),
            value=known["survey_score"], unit="score" if size == 100 else "share",
            definition="survey_scores", lower=known["lower"], upper=known["upper"],
            n=int(row["votes"]), previous=known["previous_score"], trend=trend,
        )
    ]  # fmt: skip


def first_words(feedback: "Feedback") -> Translated:
    """Return what a reader of one sentence must know: satisfaction now, and what got better."""
    said = {"en": "", "zh": ""}
    rows = feedback.scores.sort_values("votes", ascending=False).to_dict("records")
    scores = [both("feedback.short_score", **_score_values(row)) for row in rows]
    fell = feedback.actions[feedback.actions["result"] == "fell"]
    better = [theme_words(theme) for theme in fell["theme"].unique()]
    key = "better" if better else "not_better" if len(feedback.actions) else "no_action"
    for language, joint in (("en", ", "), ("zh", "、")):
        themes = joint.join(names[language] for names in better)  # type: ignore[index]
        last = both(f"feedback.short_{key}", themes=Named(themes, themes))
        said[language] = " · ".join(one[language] for one in [*scores, last])  # type: ignore[index]
    return said  # type: ignore[return-value]


def theme_name(theme: str) -> Value:
    """Return how readers call a theme; a company's own keeps its name."""
    return Word(f"feedback.theme_{theme}") if theme in shipped_names() else Named(theme, theme)


def theme_words(theme: str) -> Translated:
    """Return a theme's name in both languages, for a table."""
    name = theme_name(theme)
    return {"en": name.written("en"), "zh": name.written("zh")}


def channel_words(channel: object) -> Translated:
    """Return a channel's name in both languages; one that is not known keeps its name."""
    if channel in CHANNELS:
        return {**both(f"feedback.{channel}")}
    name = str(channel) if isinstance(channel, str) else "–"
    return {"en": name, "zh": name}


def _finding(kind: str, severity: Severity, values: Mapping[str, Any], **more: Any) -> Finding:
    words = more.pop("words", kind)
    return Finding(
        analysis="feedback", kind=kind, severity=severity,
        headline=both(f"feedback.{words}", **values),
        detail=both(f"feedback.{words}_detail", **values),
        action=both(f"feedback.{words}_action", **values),
        definition=more.pop("definition", "survey_scores"),
        **more,
    )  # fmt: skip


def _scores(feedback: "Feedback") -> list[Finding]:
    """One finding per kind of survey; a change is named when the months of a year show one."""
    found = []
    for row in feedback.scores.to_dict("records"):
        values = _score_values(row) | {
            "period": feedback.recent.label, "scale": row["scale"],
        }  # fmt: skip
        severity: Severity = {"fell": "warning", "rose": "good"}.get(row["way"], "note")  # type: ignore[assignment]
        low, high = row["change_lower"], row["change_upper"]
        found.append(_finding(
            f"score_{row['survey'].lower()}_{row['scale'].replace('–', '_')}", severity, values,
            words="score", section="scores", n=int(row["votes"]),
            effect=_estimate(row["score_change"], low, high, unit="share"),
        ))  # fmt: skip
    return found


def _score_values(row: Mapping[Any, Any]) -> dict[str, Any]:
    """Return a score in words; what too few answers leave open is not mentioned at all."""
    written, moves = (Score, ScorePoints) if row["survey"] == "NPS" else (Share, Points)
    bounds = {"lower": written(row["lower"]), "upper": written(row["upper"])}
    change: dict[str, Any] = {
        "previous": written(row["previous_score"]), "change": moves(row["score_change"]),
        "change_lower": moves(row["change_lower"]), "change_upper": moves(row["change_upper"]),
    }  # fmt: skip
    known, moved, sure = (not pd.isna(row[name])
                          for name in ("lower", "score_change", "change_lower"))  # fmt: skip
    way = "few" if row["way"] == "same" and not sure else row["way"]
    parts = {
        "interval": "score_interval" if known else "",
        "moved": "score_moved" if moved else "",
        "before": "score_before_sure" if sure else "score_before" if moved else "",
        "range": "short_range" if known and moved else "",
        "way": f"score_{way}",
    }
    said = {part: _part_of(key, since=row["since"], **bounds, **change)
            for part, key in parts.items()}  # fmt: skip
    return {"survey": row["survey"], "score": written(row["survey_score"]),
            "n": Count(row["votes"]), **said}  # fmt: skip


def _part_of(key: str, **values: Any) -> Named:
    words = both(f"feedback.{key}", **values) if key else {"en": "", "zh": ""}
    return Named(words["en"], words["zh"])


def _estimate(*numbers: float, unit: str) -> Estimate:
    """Return value, lower and upper bound with missing ones as None."""
    known = [None if pd.isna(x) else float(x) for x in numbers]
    return Estimate(known[0], known[1], known[2], unit)


def _costly(feedback: "Feedback", settings: Settings) -> list[Finding]:
    currency, found = settings.company.currency, []
    for row in feedback.costly.to_dict("records"):
        money = float(row["money"])
        values = {
            "theme": theme_name(row["theme"]), "n": Count(row["complaints"]),
            "share": Share(row["share"]), "lower": Share(row["lower"]),
            "upper": Share(row["upper"]), "accounts": Count(row["accounts"]),
            "money": Money(money, currency), "open": Money(row["open_amount"], currency),
            "ordered": Money(row["ordered"], currency), "period": feedback.recent.label,
            "words": _telling(feedback, row["theme"]),
        }  # fmt: skip
        found.append(_finding(
            "complaint", "warning", values, where={"theme": row["theme"]}, section="complaints",
            n=int(row["complaints"]), money=Estimate(money, unit=currency),
            effect=_estimate(row["share"], row["lower"], row["upper"], unit="share"),
            definition="feedback",
        ))  # fmt: skip
    return found


def _telling(feedback: "Feedback", theme: str) -> Named | Word:
    row = feedback.telling[feedback.telling["theme"] == theme]
    said = str(row["telling_words"].iloc[0]) if len(row) else ""
    return Named(said, said.replace(", ", "、")) if said else Word("feedback.none")


def _changes(feedback: "Feedback") -> list[Finding]:
    """Name complaints that came up or faded, tested together."""
    found = []
    for row in feedback.themes[feedback.themes["alarm"].astype(bool)].to_dict("records"):
        rises = row["score_change"] > 0
        values = {
            "theme": theme_name(row["theme"]), "share": Share(row["share"], 1),
            "before": Share(row["share_before"], 1), "n": Count(row["complaints"]),
            "lower": Points(row["change_lower"]), "upper": Points(row["change_upper"]),
            "period": feedback.recent.label,
        }  # fmt: skip
        found.append(_finding(
            "emerging" if rises else "fading", "warning" if rises else "good", values,
            where={"theme": row["theme"]}, section="changes", n=int(row["complaints"]),
            effect=_estimate(*(float(row[name]) for name in _CHANGE), unit="share"),
            definition="feedback", certainty=0.95,
        ))  # fmt: skip
    return found


def _words(feedback: "Feedback") -> list[Finding]:
    rising = feedback.words[feedback.words["rises"].astype(bool)]
    if rising.empty:
        return []
    first = rising.head(_WORDS_NAMED)
    names = ", ".join(first["word"])
    values = {"words": Named(names, names.replace(", ", "、")), "period": feedback.recent.label,
              "n": Count(len(rising))}  # fmt: skip
    return [_finding("words", "note", values, section="changes", n=int(first["texts"].max()),
                     definition="feedback", certainty=0.95)]  # fmt: skip


def _actions(feedback: "Feedback") -> list[Finding]:
    found = []
    for row in feedback.actions.to_dict("records"):
        if row["result"] not in ("fell", "rose", "unclear", "late"):
            continue
        severity: Severity = {"fell": "good", "unclear": "note"}.get(row["result"], "warning")  # type: ignore[assignment]
        values = {
            "what": str(row["what"] or "–"), "theme": theme_name(row["theme"]),
            "before": Share(row["share_before"], 1), "after": Share(row["share_after"], 1),
            "lower": Points(row["change_lower"]), "upper": Points(row["change_upper"]),
            "n": Count(row["texts_after"]),
        }  # fmt: skip
        kind = f"action_{row['result']}"
        found.append(_finding(
            kind, severity, values, where={"theme": row["theme"], "what": str(row["what"])[:40]},
            section="actions", n=int(row["texts_after"]) or None, definition="feedback",
        ))  # fmt: skip
    return found


def _closure(feedback: "Feedback") -> list[Finding]:
    closure = feedback.closure
    if not closure["actionable"]:
        return []
    values = {
        "n": Count(closure["actionable"]), "answered": Count(closure["answered"]),
        "closed": Count(closure["closed"]), "share": Share(closure["share"]),
        "lower": Share(closure["lower"]), "upper": Share(closure["upper"]),
        "median": Days(closure["median_days"]), "period": feedback.recent.label,
    }  # fmt: skip
    kind = "closure" if closure["actions"] else "no_actions"
    return [_finding(kind, "note", values, section="actions", n=closure["actionable"],
                     definition="feedback")]  # fmt: skip


def _unheard(feedback: "Feedback", settings: Settings) -> list[Finding]:
    table, currency = feedback.coverage.groups, settings.company.currency
    if table.empty or not table["customers"].iloc[0]:
        return []
    every = table.iloc[0]
    groups = table.loc[table["quiet"], ["group", "heard_share"]].itertuples(index=False)
    quiet = ", ".join(f"{group} {Share(share).written('en')}" for group, share in groups)
    values = {
        "customers": Count(every["customers"]), "heard": Count(every["heard"]),
        "silent": Count(every["customers"] - every["heard"]),
        "share": Share(1 - every["heard_share"]),
        "never_asked": Count(every["never_asked"]), "asked": Count(every["never_answered"]),
        "money": Money(every["silent_money"], currency),
        "money_share": Share(every["silent_share"]),
        "groups": Named(quiet, quiet) if quiet else Word("feedback.none"),
    }  # fmt: skip
    many = every["customers"] >= settings.thresholds.min_n
    many = many and 1 - every["heard_share"] > MANY_UNHEARD
    severity: Severity = "warning" if many else "note"
    return [_finding("unheard", severity, values, section="coverage", n=int(every["customers"]),
                     money=Estimate(float(every["silent_money"]), unit=currency),
                     definition="response_rate")]  # fmt: skip


def _rivals(feedback: "Feedback") -> list[Finding]:
    table = feedback.rivals[feedback.rivals["texts"] > 0]
    if table.empty:
        return []
    first = table.iloc[0]
    listed = ", ".join(f"{r} {n}" for r, n in table[["rival", "texts"]].itertuples(index=False))
    values = {"rival": str(first["rival"]), "n": Count(first["texts"]),
              "bad": Count(first["unkind_texts"]), "all": Named(listed, listed),
              "period": feedback.recent.label}  # fmt: skip
    return [_finding("rivals", "note", values, section="rivals", n=int(table["texts"].sum()),
                     definition="feedback")]  # fmt: skip


def _reading(feedback: "Feedback") -> list[Finding]:
    """Say how texts were read: what was hidden, what is copied, how sure the mood is."""
    rows = feedback.texts.rows
    if rows.empty:
        return []
    proof = feedback.texts.proof
    unsure = float((rows["mood"] == "unsure").mean())
    how = "none" if proof is None else "helps" if feedback.texts.learnt else "no_help"
    values = {
        "n": Count(len(rows)), "private": Count(feedback.texts.private),
        "copies": Count(feedback.texts.copied), "unsure": Share(unsure),
        "how": Word(f"feedback.scores_{how}"),
    }  # fmt: skip
    return [_finding("reading", "note", values, section="reading", n=len(rows),
                     definition="feedback")]  # fmt: skip


def _nothing(feedback: "Feedback") -> list[Finding]:
    if len(feedback.texts.rows) or len(feedback.scores):
        return []
    values = {"period": feedback.recent.label}
    return [_finding("nothing", "note", values, section="scores", definition="feedback")]
