"""What the diagnosis has to say: one finding per leak, and plain words when there is none."""

from collections.abc import Mapping

import pandas as pd

from salesops_kit.analyses.diagnosis import FEWEST_EXITS, Diagnosis, Leak
from salesops_kit.analyses.funnel_findings import dimension_name, stage_name
from salesops_kit.findings import Estimate, Finding, Severity
from salesops_kit.language import Count, Days, Money, Named, Number, Share, Word, both
from salesops_kit.models.rootcause import Slice
from salesops_kit.schema import LIFE
from salesops_kit.settings import Settings

SURE = 0.8  # certainty from which a leak is critical


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


def leak_table(diagnosis: Diagnosis, names: Mapping[str, str]) -> pd.DataFrame:
    """Return one row per named leak for a table: words in both languages, numbers as they are."""
    return pd.DataFrame(
        [
            {
                "what": leak.kind,
                "stage": leak.cause.stage,
                "where": _in_both(where_name(leak.cause.slice, names)),
                "since": leak.since.label,
                "before": leak.rate_before,
                "after": leak.rate_after,
                "n": leak.exits_after,
                "certainty": leak.certainty,
                "unit": "share1" if leak.kind == "quality" else "number",
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
        **(_quality(leak, currency) if leak.kind == "quality" else _speed(leak)),
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
            since=leak.since.label, n=leak.exits_after, certainty=round(1 - leak.cause.p, 3),
        )
        for kind, leak in first.items()
    ]  # fmt: skip


def _quality(leak: Leak, currency: str) -> dict[str, object]:
    money = Money(leak.money.value, currency) if leak.money else "–"
    return {
        "before": Share(leak.rate_before),
        "after": Share(leak.rate_after),
        "missing": Count(leak.missing.value),
        "missing_low": Count(leak.missing.lower),
        "missing_high": Count(leak.missing.upper),
        "money": money,
    }


def _speed(leak: Leak) -> dict[str, object]:
    return {
        "before": Number(leak.rate_before),
        "after": Number(leak.rate_after),
        "delay": Days(leak.missing.value),
        "delay_low": Days(leak.missing.lower),
        "delay_high": Days(leak.missing.upper),
    }


def _runner_up(
    runner: tuple[str, Slice, float] | None, settings: Settings, names: Mapping[str, str]
) -> Named | Word:
    if runner is None:
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
