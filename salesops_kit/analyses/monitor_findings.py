"""What rings, in words: one finding per cause."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from salesops_kit.findings import Finding, Severity, in_order
from salesops_kit.language import (
    Count,
    Day,
    Days,
    Language,
    Money,
    Named,
    Number,
    Share,
    Value,
    Word,
    both,
)
from salesops_kit.settings import Settings

if TYPE_CHECKING:
    from salesops_kit.analyses.monitor import Monitor

UNITS = {"bookings": "money", "volume": "number", "win_rate": "share1", "cycle": "days",
         "new_deals": "number", "leads": "number", "lead_response": "share1",
         "satisfaction": "share1", "complaints": "share1"}  # fmt: skip
DEFINITIONS = {"bookings": "bookings", "volume": "decided_deals", "win_rate": "decided_deals",
               "cycle": "sales_cycle", "new_deals": "stage_entries", "leads": "leads_created",
               "lead_response": "lead_response", "satisfaction": "survey_scores",
               "complaints": "survey_scores"}  # fmt: skip
SURE = 0.9  # of an alarm; the rate of false ones is stated beside it
Translated = dict[Language, str]


def place_words(dimension: str, group: str) -> Translated:
    """Return how readers call the company or a group of it."""
    return both("monitor.company") if dimension == "company" else {"en": group, "zh": group}


def series_value(series: str, value: float, currency: str) -> Value:
    """Return a series' value as readers write it."""
    unit = UNITS[series]
    if unit == "money":
        return Money(value, currency)
    if unit == "days":
        return Days(value)
    return Share(value, 1) if unit == "share1" else Number(value)


def monitor_findings(monitor: "Monitor", settings: Settings) -> list[Finding]:
    """Return one finding per cause that is not muted, and what was watched."""
    loud = monitor.alerts[~monitor.alerts["muted"].astype(bool)]
    found = [_alert(monitor, row, settings) for row in loud.to_dict("records")]
    return in_order([*found, _watched(monitor, len(loud))])


def _alert(monitor: "Monitor", row: Mapping[Any, Any], settings: Settings) -> Finding:
    currency, kind = settings.company.currency, str(row["alert"])
    where = place_words(row["dimension"], str(row["group"]))
    values: dict[str, Any] = {
        "series": Word(f"monitor.series_{row['series']}"), "place": Named(where["en"], where["zh"]),
        "since": Day(row["since"]), "week": monitor.week.label, "n": Count(row["cases"]),
        "now": series_value(row["series"], row["now"], currency),
        "before": series_value(row["series"], row["before"], currency),
        "also": _also(row["also"]), "budget": Number(monitor.budget),
        "owner": str(row["owner"]) or Word("monitor.nobody"), "watched": Count(monitor.watched),
    }  # fmt: skip
    severity: Severity = "warning"
    return Finding(
        analysis="monitor", kind=kind, severity=severity,
        headline=both(f"monitor.{kind}", **values), detail=both(f"monitor.{kind}_detail", **values),
        action=both("monitor.alert_action", **values), definition=DEFINITIONS[row["series"]],
        section="alerts", n=int(row["cases"]), since=f"{row['since']:%Y-%m-%d}", certainty=SURE,
        where={"series": str(row["series"])}
        | ({str(row["dimension"]): str(row["group"])} if row["group"] else {}),
    )  # fmt: skip


def _also(also: list[tuple[str, str]]) -> Value:
    """Return the other series and groups of the same cause."""
    if not also:
        return Word("monitor.nothing_else")
    names = dict.fromkeys(also)
    said = {
        language: ", ".join(
            f"{Word(f'monitor.series_{series}').written(language)}"
            + (f" ({group})" if group else "")
            for series, group in names
        )
        for language in ("en", "zh")
    }
    return Named(said["en"], said["zh"].replace(", ", "、"))


def _watched(monitor: "Monitor", loud: int) -> Finding:
    kind = "short" if not monitor.watched else "quiet" if not loud else "watched"
    muted = int(monitor.alerts["muted"].astype(bool).sum())
    values: dict[str, Any] = {
        "watched": Count(monitor.watched), "budget": Number(monitor.budget),
        "week": monitor.week.label, "reference": Count(monitor.reference), "muted": Count(muted),
        "loud": Count(loud), "judged": Count(monitor.judged), "begun": Count(monitor.begun),
    }  # fmt: skip
    return Finding(
        analysis="monitor", kind=kind, severity="good" if kind == "quiet" else "note",
        headline=both(f"monitor.{kind}", **values), detail=both(f"monitor.{kind}_detail", **values),
        action=both(f"monitor.{kind}_action", **values), definition="decided_deals",
        section="watched", n=monitor.watched,
    )  # fmt: skip


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Add units and names for tables."""
    names: Any = [place_words(d, str(g)) for d, g in zip(
        table.get("dimension", pd.Series("company", table.index)),
        table.get("group", pd.Series("", table.index)), strict=True)]  # fmt: skip
    series = table["series"].astype(str)
    return table.assign(unit=series.map(UNITS), measure="series_" + series, place=names)
