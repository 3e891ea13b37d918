"""What the diagnosis has to say: one finding per leak, and plain words when there is none."""

from collections.abc import Mapping

import pandas as pd

from salesops_kit.analyses.diagnosis import FEWEST_EXITS, Diagnosis, Leak
from salesops_kit.analyses.funnel_findings import dimension_name, stage_name
from salesops_kit.findings import Estimate, Finding, Severity, Words
from salesops_kit.language import Count, Days, Money, Named, Share, Word, both
from salesops_kit.models.slices import Slice
from salesops_kit.schema import LIFE
from salesops_kit.settings import Settings

SURE = 0.8  # certainty from which a leak is critical
_UNLIKELY = 0.01  # chance below which another place is not worth a word


def diagnosis_findings(
    diagnosis: Diagnosis, settings: Settings, names: Mapping[str, str]
) -> list[Finding]:
    """Return the findings; `names` are those of reps by id."""
    found = [_leak(leak, settings, names) for leak in diagnosis.named]
    found += _unclear(diagnosis, settings, names)
    found += _process(diagnosis, settings)
    if found and diagnosis.leaks:
        return found
    values = {
        "n": Count(diagnosis.exits),
        "months": Count(len(diagnosis.months)),
        "needed": Count(FEWEST_EXITS),
        "dimensions": _listed([dimension_name(d) for d in diagnosis.dimensions]),
    }
    kind: tuple[str, Severity] = ("unchanged", "good")
    if diagnosis.exits < FEWEST_EXITS:
        kind = ("too_few", "note")
    words = f"life_{kind[0]}" if diagnosis.whole else kind[0]
    return [*found, _finding(*kind, values, words=words, n=diagnosis.exits)]


def verdict(diagnosis: Diagnosis | None) -> Words:
    """Return in one sentence whether the funnel is healthy; what is wrong follows as findings."""
    if diagnosis is None or diagnosis.exits < FEWEST_EXITS:
        return both("diagnosis.verdict_unknown")
    if not diagnosis.leaks:
        return both("diagnosis.verdict_healthy", months=Count(len(diagnosis.months)))
    named = diagnosis.named
    if not named:
        return both("diagnosis.verdict_unclear")
    kind = "one" if len(named) == 1 else "several"
    since = min(leak.since.start for leak in named)
    return both(f"diagnosis.verdict_{kind}", n=Count(len(named)), since=f"{since:%Y-%m}")


def leak_table(diagnosis: Diagnosis, names: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per named leak for a table: words in both languages, numbers as they are."""
    return pd.DataFrame(
        [
            {
                "what": leak.kind,
                "stage": leak.cause.stage,
                "where": _in_both(where_name(leak.cause.slice, names)),
                "since": leak.since.label,
                "before": leak.stay_before if leak.kind == "speed" else leak.rate_before,
                "after": leak.stay if leak.kind == "speed" else leak.rate_after,
                "n": leak.exits_after,
                "certainty": leak.certainty,
                "unit": "share1" if leak.kind == "quality" else "days",
                "money": leak.money.value if leak.money else float("nan"),
            }
            for leak in diagnosis.named
        ],
        columns=["what", "stage", "where", "since", "before", "after", "n", "certainty", "unit",
                 "money"],
    )  # fmt: skip


def where_name(part: Slice, names: Mapping[str, str]) -> Named | Word:
    """Return how readers call a slice."""
    if not part.where:
        return Word("diagnosis.everywhere")
    words = [names.get(value, value) if d == "owner_id" else value for d, value in part.where]
    return Named(" × ".join(words), "×".join(words))


def _in_both(name: Named | Word) -> dict[str, str]:
    return {"en": name.written("en"), "zh": name.written("zh")}


def _listed(names: list[Word | str]) -> Named:
    words = {
        language: [n if isinstance(n, str) else n.written(language) for n in names]
        for language in ("en", "zh")
    }
    return Named(", ".join(words["en"]), "、".join(words["zh"]))


def _leak(leak: Leak, settings: Settings, names: Mapping[str, str]) -> Finding:
    cause, currency = leak.cause, settings.company.currency
    runner = cause.runners_up[0] if cause.runners_up else None
    values = {
        "stage": stage_name(settings, cause.stage),
        "where": where_name(cause.slice, names),
        "since": leak.since.label,
        "earliest": leak.earliest.label,
        "latest": leak.latest.label,
        "n": Count(leak.exits_after),
        "certainty": Share(leak.certainty),
        "runner_up": _runner_up(runner, settings, names),
        "worth": _worth(leak, currency),
        **(_quality(leak) if leak.kind == "quality" else _speed(leak)),
    }
    severity: Severity = "critical" if leak.certainty >= SURE else "warning"
    words = f"life_{leak.kind}" if cause.stage == LIFE else leak.kind
    return _finding(
        leak.kind, severity, values, words=words,
        headline=words if cause.slice.where else f"{words}_all",
        where={"stage": cause.stage, **dict(cause.slice.where)}, since=leak.since.label,
        effect=Estimate(cause.change, cause.lower, cause.upper,
                        "log-odds" if leak.kind == "quality" else "log-rate"),
        money=_negative(leak.money), n=leak.exits_after, certainty=leak.certainty,
    )  # fmt: skip


def _unclear(diagnosis: Diagnosis, settings: Settings, names: Mapping[str, str]) -> list[Finding]:
    """Say that something got worse where no place is rather right than wrong, once per kind."""
    first = {leak.kind: leak for leak in reversed(diagnosis.leaks) if not leak.is_clear}
    return [
        _finding(
            f"unclear_{kind}", "warning",
            {
                "since": leak.since.label, "earliest": leak.earliest.label,
                "latest": leak.latest.label,
                "stage": stage_name(settings, leak.cause.stage),
                "where": where_name(leak.cause.slice, names),
                "certainty": Share(leak.certainty),
                "runner_up": _runner_up(next(iter(leak.cause.runners_up), None), settings, names),
            },
            since=leak.since.label, n=leak.exits_after, certainty=round(leak.cause.changed, 3),
        )
        for kind, leak in first.items()
    ]  # fmt: skip


def _worth(leak: Leak, currency: str) -> Named:
    """Return what the leak costs as a part of a sentence; nothing where no amount is known."""
    if leak.money is None:
        return Named("", "")
    money, low, high = (
        Money(x, currency) for x in (leak.money.value, leak.money.lower, leak.money.upper)
    )
    said = both(f"diagnosis.worth_{leak.kind}", money=money, low=low, high=high)
    return Named(said["en"], said["zh"])


def _quality(leak: Leak) -> dict[str, object]:
    return {
        "before": Share(leak.rate_before),
        "after": Share(leak.rate_after),
        "missing": Count(leak.missing.value),
        "missing_low": Count(leak.missing.lower),
        "missing_high": Count(leak.missing.upper),
    }


def _speed(leak: Leak) -> dict[str, object]:
    return {
        "before": Days(leak.stay_before),
        "after": Days(leak.stay),
        "delay": Days(leak.missing.value),
        "delay_low": Days(leak.missing.lower),
        "delay_high": Days(leak.missing.upper),
    }


def _runner_up(
    runner: tuple[str, Slice, float] | None, settings: Settings, names: Mapping[str, str]
) -> Named | Word:
    if runner is None or runner[2] < _UNLIKELY:
        return Word("diagnosis.nothing_else")
    stage, where = stage_name(settings, runner[0]), _in_both(where_name(runner[1], names))
    return Named(
        f"{stage.written('en')}, {where['en']} ({runner[2]:.0%})",
        f"{stage.written('zh')}，{where['zh']}（{runner[2]:.0%}）",
    )


def _process(diagnosis: Diagnosis, settings: Settings) -> list[Finding]:
    """Say which stages came or went, since the levels beside them jump."""
    first = diagnosis.breaks.groupby("stage", sort=False)["month"].max()
    return [
        _finding(
            "process_changed", "note",
            {"stage": stage_name(settings, str(stage)),
             "month": diagnosis.months[int(month)].label},
            where={"stage": str(stage)}, since=diagnosis.months[int(month)].label,
        )
        for stage, month in first.items()
    ]  # fmt: skip


def _negative(money: Estimate | None) -> Estimate | None:
    """Money that was lost, as a negative amount: bounds change places."""
    if money is None or money.value is None:
        return None
    low, high = money.upper, money.lower
    return Estimate(-money.value, None if low is None else -low, None if high is None else -high,
                    money.unit)  # fmt: skip


def _finding(
    kind: str, severity: Severity, values: Mapping[str, object], **more: object
) -> Finding:
    words = str(more.pop("words", kind))
    headline = str(more.pop("headline", words))
    return Finding(
        analysis="funnel",
        kind=f"leak_{kind}" if kind.endswith(("quality", "speed")) else kind,
        severity=severity,
        headline=both(f"diagnosis.{headline}", **values),  # type: ignore[arg-type]
        detail=both(f"diagnosis.{words}_detail", **values),  # type: ignore[arg-type]
        action=both(f"diagnosis.{words}_action", **values),  # type: ignore[arg-type]
        definition="stage_risk" if kind.endswith("speed") else "stage_exits",
        section="leaks",
        **more,  # type: ignore[arg-type]
    )
