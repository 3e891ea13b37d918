"""What is worth saying about the reps, and what is not to be said."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesops_kit.analyses.target_scale import odd_times, scale_words, usual_per_day
from salesops_kit.findings import Estimate, Finding, Severity
from salesops_kit.language import Count, Money, Named, Number, Share, Word, both
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.reps import Reps

MOST_NAMED = 6
EASY, HARD = 0.7, 1.4  # quota over potential against everybody's from which on it is unequal
SLANTED = 0.4  # rank correlation from which on deals follow skill
_LUCK = 0.1  # chance of a false word about it
_FEWEST_DEALS = 10
_GOOD, _LOW = 1.0, 0.8
_MANY_SHARE = 0.1  # of the reps whose raw rate misleads: then it is worth a warning


def rep_findings(reps: "Reps", settings: Settings) -> list[Finding]:
    """Return the findings in the order of the story: quotas, who stands out, what misleads."""
    found = _attainment(reps, settings)
    if len(reps.performance):
        found += [*_told_apart(reps, settings), *_flips(reps), *_quotas(reps)]
        found += [*_gaps(reps, settings), *_assignment(reps), *_order(reps)]
    else:
        found += [_finding("no_comparison", "note", {}, section="performance")]
    return found


def _finding(kind: str, severity: Severity, values: Mapping[str, Any], **more: Any) -> Finding:
    words = more.pop("words", kind)
    return Finding(
        analysis="reps", kind=kind, severity=severity,
        headline=both(f"reps.{words}", **values), detail=both(f"reps.{words}_detail", **values),
        action=both(f"reps.{more.pop('action', words)}_action", **values),
        definition=more.pop("definition", "decided_deals"), **more,
    )  # fmt: skip


def listed(names: Sequence[str], most: int = MOST_NAMED) -> Named:
    """Return names as a list in both languages; of many the first ones and how many more."""
    shown, more = list(names[:most]), len(names) - most
    en, zh = ", ".join(shown), "、".join(shown)
    if more > 0:
        return Named(f"{en} and {more} more", f"{zh} 等 {len(names)} 人")
    return Named(en, zh) if shown else Named("nobody", "无")


def _attainment(reps: "Reps", settings: Settings) -> list[Finding]:
    currency = settings.company.currency
    if reps.company.empty or not reps.company["quota"].iloc[0]:
        return [_finding("no_quota", "note", {"period": reps.period.label}, section="attainment",
                         definition="attainment")]  # fmt: skip
    row = reps.company.iloc[0]
    usual = usual_per_day(reps.source.workspace) * reps.period.days
    times = odd_times(float(row["quota"]), usual)
    if times is not None:  # nobody is praised or blamed by quotas in another unit
        said = {"period": reps.period.label, "how": scale_words(times),
                "quota": Money(row["quota"], currency)}  # fmt: skip
        return [_finding("odd_quota", "warning", said, section="attainment", n=int(row["reps"]),
                         definition="attainment")]  # fmt: skip
    share, pace = float(row["attainment"]), _pace(reps)
    severity: Severity = "good" if share >= pace * _GOOD else (
        "warning" if share < pace * _LOW else "note"
    )  # fmt: skip
    year = reps.company[reps.company["span"] == "span_year"].iloc[0]
    values = {
        "period": reps.period.label, "share": Share(share), "reps": Count(row["reps"]),
        "at_100": Count(row["at_100"]), "at_80": Count(row["at_80"]),
        "median": Share(row["median_rep"]), "bookings": Money(row["bookings"], currency),
        "quota": Money(row["quota"], currency), "year": Share(year["attainment"]),
        "year_at": Count(year["at_100"]), "year_reps": Count(year["reps"]),
        "pace": Word("reps.pace_over") if pace >= 1 else _so_far(pace),
    }  # fmt: skip
    return [_finding("attainment", severity, values, section="attainment", n=int(row["reps"]),
                     definition="attainment", effect=Estimate(share, unit="share"))]  # fmt: skip


def _pace(reps: "Reps") -> float:
    """Share of the period that has passed, weighted by quotas."""
    table = reps.attainment.dropna(subset=["expected_now"])
    weight = table["prorated"].sum()
    return float((table["expected_now"] * table["prorated"]).sum() / weight) if weight else 1.0


def _so_far(pace: float) -> Named:
    words = both("reps.pace_so_far", share=Share(pace))
    return Named(words["en"], words["zh"])


def _told_apart(reps: "Reps", settings: Settings) -> list[Finding]:
    rules, table = settings.evaluation, reps.performance
    ahead, behind, few = reps.of("ahead"), reps.of("behind"), reps.of("few")
    values = {
        "reps": Count(len(table)), "ahead": listed(ahead), "behind": listed(behind),
        "ahead_n": Count(len(ahead)), "behind_n": Count(len(behind)), "few_n": Count(len(few)),
        "named": Count(len(ahead) + len(behind)), "open_n": Count(len(reps.of("open"))),
        "pairs": Share(reps.told_apart), "sure": Share(rules.sure), "fewest": Count(rules.fewest),
        "window": reps.window.label, "strata": _strata(reps), "fixed": _fixed(reps),
    }  # fmt: skip
    named = bool(ahead or behind)
    certainty = _certainty(table)
    words, cases = "told_apart" if named else "not_told_apart", int(table["n"].sum())
    return [_finding("told_apart", "note", values, section="performance", n=cases, words=words,
                     certainty=certainty)]  # fmt: skip


def _certainty(table: pd.DataFrame) -> float:
    """Mean chance that a rep who is named belongs to the quarter named."""
    ahead, behind = (table["verdict"] == word for word in ("ahead", "behind"))
    sure = pd.concat([table.loc[ahead, "p_top"], table.loc[behind, "p_bottom"]])
    return round(float(sure.mean()), 3) if len(sure) else 1.0


def _strata(reps: "Reps") -> Named:
    names = [Word(f"columns.{name}") for name in reps.source.adjusted_for]
    return _words(names)


def _fixed(reps: "Reps") -> Named | Word:
    names = [Word(f"columns.{name}") for name in reps.source.fixed]
    if not names:
        return Word("reps.fixed_none")
    words = both("reps.fixed", names=_words(names))
    return Named(words["en"], words["zh"])


def _words(words: Sequence[Word]) -> Named:
    if not words:
        return Named("nothing", "无")
    return Named(
        ", ".join(w.written("en") for w in words), "、".join(w.written("zh") for w in words)
    )


def _flips(reps: "Reps") -> list[Finding]:
    table = reps.flips
    if table.empty:
        return []
    low, high = table[table["raw_above"]], table[~table["raw_above"]]
    values = {
        "n": Count(len(table)), "reps": Count(len(reps.performance)),
        "better": listed(high["person"].tolist()),
        "worse": listed(low["person"].tolist()), "strata": _strata(reps),
    }  # fmt: skip
    many = len(table) >= _MANY_SHARE * len(reps.performance)
    severity: Severity = "warning" if many else "note"
    return [_finding("flips", severity, values, section="performance", n=int(table["n"].sum()))]


def _quotas(reps: "Reps") -> list[Finding]:
    """Name quotas far from what the deals received would bring others."""
    table = reps.potential
    table = table[(table["received"] >= _FEWEST_DEALS) & table["demand"].notna()]
    sure = table[table["demand_clear"]]
    easy, hard = sure[sure["demand"] < EASY], sure[sure["demand"] > HARD]
    if not len(easy) and not len(hard):
        return []
    values = {
        "n": Count(len(easy) + len(hard)), "reps": Count(len(table)), "window": reps.window.label,
        "easy": _asked(easy.sort_values("demand"), reps.named),
        "hard": _asked(hard.sort_values("demand", ascending=False), reps.named),
        "low": Share(EASY), "high": Share(HARD),
    }  # fmt: skip
    return [_finding("unequal_quotas", "warning", values, section="potential", n=len(table),
                     definition="attainment")]  # fmt: skip


def _asked(table: pd.DataFrame, names: Mapping[str, str]) -> Named:
    """List reps with what their quota asks, and its interval."""
    said = []
    for row in table.to_dict("records"):
        low, high = Share(row["demand_lower"]), Share(row["demand_upper"])
        share = Share(row["demand"])
        said.append(both("reps.asked", name=names[row["rep"]], share=share, low=low, high=high))
    en, zh = (listed([one[language] for one in said]) for language in ("en", "zh"))
    return Named(en.en, zh.zh)


def _assignment(reps: "Reps") -> list[Finding]:
    found = reps.assignment
    if not abs(found.rho) >= SLANTED or found.luck >= _LUCK:
        return []
    way = "assignment_best" if found.rho > 0 else "assignment_worst"
    return [_finding("assignment", "note", {"rho": Number(found.rho, 2)}, words=way,
                     section="performance", n=len(reps.performance))]  # fmt: skip


def _gaps(reps: "Reps", settings: Settings) -> list[Finding]:
    table = reps.gaps
    found = table[table["verdict"] == "gap"]
    everybody = Count(reps.skills["rep"].nunique())
    if reps.skills.empty or not len(found):
        return []
    said = []
    for row in found.head(MOST_NAMED).to_dict("records"):
        known = settings.stage(row["stage"])
        stage = Named(*(known.display(w) if known else row["stage"] for w in ("en", "zh")))
        words = both("reps.one_gap", name=row["person"], stage=stage, share=Share(row["adjusted"]),
                     usual=Share(row["usual"]), topic=Word(f"reps.{row['topic']}"))  # fmt: skip
        said.append(Named(words["en"], words["zh"]))
    lines = Named(" ".join(s.en for s in said), "".join(s.zh for s in said))
    values = {
        "n": Count(len(found)), "reps": Count(found["rep"].nunique()), "all": everybody,
        "lines": lines,
        "judged": Count((reps.skills["verdict"] != "few").sum()),
    }  # fmt: skip
    return [_finding("gaps", "note", values, section="skills", n=int(found["n"].sum()))]


def _order(reps: "Reps") -> list[Finding]:
    """Say how far the order of the scorecard can be trusted."""
    card = reps.scorecard
    if card.empty:
        return []
    width = (card["rank_high"] - card["rank_low"] + 1).median()
    moved = (card["moved_high"] - card["moved_low"] + 1).median()
    values = {
        "reps": Count(len(card)), "width": Count(width), "moved": Count(moved),
        "criteria": _words([Word(f"columns.{name}") for name in reps.criteria["criterion"]]),
    }  # fmt: skip
    return [_finding("order", "note", values, section="scorecard", n=len(card))]
