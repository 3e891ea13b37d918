"""What the comparison of trained and untrained reps says, in words."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesops_kit.findings import Estimate, Finding, Severity, in_order
from salesops_kit.language import Count, Language, Money, Named, Number, Points, Share, Word, both
from salesops_kit.schema import EVENT_KINDS
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.training import Training

_SEVERITY: dict[str, Severity] = {
    "helped": "good", "hurt": "warning", "trend": "warning", "unclear": "note", "few": "note",
}  # fmt: skip
SURE = {"helped": 0.95, "hurt": 0.95}


def event_words(kind: str, topic: str) -> dict[Language, str]:
    """Return how readers call events of a kind and topic, in both languages."""
    if kind not in EVENT_KINDS:
        name = f"{kind} {topic}".strip()
        return {"en": name, "zh": name}
    if not topic:
        return both(f"training.kind_{kind}")
    return both(f"training.named_{kind}", topic=topic)


def event_title(kind: str, topic: str) -> dict[Language, str]:
    """Return the same for the head of a table's row or of a chart."""
    known = kind in EVENT_KINDS and topic
    return both(f"training.title_{kind}", topic=topic) if known else event_words(kind, topic)


def training_findings(training: "Training", settings: Settings) -> list[Finding]:
    """Return the findings in order of severity and money."""
    found = [_effect(training, row, settings) for row in training.effects.to_dict("records")]
    return in_order([*found, *_misleading(training), *_early(training), *_nothing(training)])


def _finding(kind: str, severity: Severity, values: Mapping[str, Any], **more: Any) -> Finding:
    return Finding(
        analysis="training", kind=kind, severity=severity,
        headline=both(f"training.{kind}", **values),
        detail=both(f"training.{kind}_detail", **values),
        action=both(f"training.{kind}_action", **values),
        definition="decided_deals", **more,
    )  # fmt: skip


def _effect(training: "Training", row: Mapping[Any, Any], settings: Settings) -> Finding:
    currency = settings.company.currency
    verdict = str(row["verdict"])
    naive = _way(training, row, "before_after")
    values = {
        "event": _named(event_words(row["kind"], row["topic"])),
        "n": Count(row["took_part"]), "controls": Count(row["controls"]),
        "decided": Count(row["decided"]), "rate": Share(row["past_rate"], 1),
        "effect": Points(row["effect"]), "lower": Points(row["lower"]),
        "upper": Points(row["upper"]), "detectable": Points(row["detectable"]),
        "wins": Number(row["extra_wins"]), "money": Money(row["money"], currency),
        "naive": Points(naive), "skip": Count(training.windows.skip),
        "after": Count(training.windows.after),
        "team": Word("training.one_team" if row["one_team"] else "training.many_teams"),
    }  # fmt: skip
    counted = verdict != "few"
    return _finding(
        verdict, _SEVERITY[verdict], values, section="effects", n=int(row["took_part"]),
        where={"event": _id(row)}, certainty=SURE.get(verdict, 1.0),
        effect=_estimate(row, ("effect", "lower", "upper"), "share") if counted else None,
        money=Estimate(float(row["money"]), unit=currency)
        if verdict in SURE and pd.notna(row["money"]) else None,
    )  # fmt: skip


def _id(row: Mapping[Any, Any]) -> str:
    return f"{row['kind']} {row['topic']}".strip()


def _named(words: Mapping[Language, str]) -> Named:
    return Named(words["en"], words["zh"])


def _estimate(row: Mapping[Any, Any], names: tuple[str, str, str], unit: str) -> Estimate:
    known = [None if pd.isna(row[name]) else float(row[name]) for name in names]
    return Estimate(known[0], known[1], known[2], unit)


def _way(training: "Training", row: Mapping[Any, Any], way: str) -> float:
    table = training.methods
    mine = table[(table["kind"] == row["kind"]) & (table["topic"] == row["topic"])
                 & (table["way"] == way)]  # fmt: skip
    return float(mine["effect"].iloc[0]) if len(mine) else float("nan")


def _misleading(training: "Training") -> list[Finding]:
    """Name the events whose plain comparison before and after would claim what cannot be shown."""
    plain = training.methods[training.methods["way"] == "before_after"]
    plain = plain[(plain["lower"] > 0) | (plain["upper"] < 0)]
    unshown = training.effects[~training.effects["verdict"].isin(list(SURE))]
    both_of = plain.merge(unshown[["kind", "topic"]], on=["kind", "topic"])
    if both_of.empty:
        return []
    words = [event_words(k, t) for k, t in zip(both_of["kind"], both_of["topic"], strict=True)]
    values = {
        "n": Count(len(both_of)), "of": Count(len(training.effects)),
        "events": Named(", ".join(w["en"] for w in words), "、".join(w["zh"] for w in words)),
    }  # fmt: skip
    return [_finding("misleading", "note", values, section="methods", n=len(both_of))]


def _early(training: "Training") -> list[Finding]:
    early = training.events[training.events["event_state"] == "state_early"]
    if early.empty:
        return []
    names = early[["kind", "topic"]].drop_duplicates().itertuples(index=False)
    words = [event_words(kind, topic) for kind, topic in names]
    values = {
        "n": Count(len(early)),
        "events": Named(", ".join(w["en"] for w in words), "、".join(w["zh"] for w in words)),
    }  # fmt: skip
    return [_finding("early", "note", values, section="events", n=int(early["took_part"].sum()))]


def _nothing(training: "Training") -> list[Finding]:
    if len(training.events):
        return []
    return [_finding("nothing", "note", {}, section="effects")]
