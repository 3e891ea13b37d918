"""A CRM's own definition of its pipelines and stages → pipelines of the settings.

HubSpot names a deal's stage by an id that only the pipeline tables explain; Salesforce keeps which
stages are closed and won in OpportunityStage. Where an export holds such a table, no setting is
needed.
"""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from salesops_kit import schema
from salesops_kit.errors import SettingsError
from salesops_kit.settings import Settings, fold_label, settings_from
from salesops_kit.sources.mapping import Dialect, fold_header
from salesops_kit.sources.tabular import Sheet, open_sheets
from salesops_kit.sources.values import TRUE_WORDS

_HEADERS: Mapping[str, tuple[str, ...]] = {
    "id": ("stage_id", "ApiName", "id"),
    "label": ("label", "MasterLabel", "stage name", "name"),
    "pipeline": ("pipeline_id", "pipelineId", "pipeline"),
    "pipeline_label": ("pipeline_label", "pipeline name"),
    "order": ("display_order", "displayOrder", "SortOrder"),
    "won": ("closed_won", "IsWon", "is_won"),
    "closed": ("is_closed", "isClosed", "IsClosed"),
    "probability": ("probability", "DefaultProbability"),
    "active": ("active", "IsActive", "is_active"),
    "deleted": ("_fivetran_deleted", "archived", "is_deleted"),
}
_CLOSED_RANK = {"won": 900, "lost": 910, "invalid": 920}
_DEFAULTS = {
    fold_label(label): stage
    for stage in schema.DEFAULT_STAGES
    for label in (stage.name, stage.en, stage.zh, *stage.labels)
}


@dataclass(frozen=True)
class _Defined:
    """One stage as the CRM defines it."""

    id: str
    label: str
    pipeline: str
    pipeline_label: str
    order: float
    category: schema.StageCategory


def with_defined_pipelines(
    settings: Settings, dialect: Dialect, files: Sequence[Path], scratch: Path
) -> tuple[Settings, set[Path]]:
    """Return the settings with the pipelines an export defines, and the files that define them.

    Pipelines that the company set itself are kept as they are.
    """
    if not dialect.stage_files:
        return settings, set()
    used = {f for f in files if re.search(dialect.stage_files, fold_header(f.stem))}
    if settings.pipelines or not used:
        return settings, used
    stages = [s for file in sorted(used) for sheet in open_sheets(file, file.name, scratch)
              for s in _stages(sheet)]  # fmt: skip
    pipelines: dict[str, object] = {}
    for pipeline in dict.fromkeys(s.pipeline for s in stages):
        own = sorted((s for s in stages if s.pipeline == pipeline), key=lambda s: s.order)
        if built := _pipeline(own):
            pipelines[own[0].pipeline_label or pipeline or "standard"] = built
    if not pipelines:
        return settings, used
    raw = settings.model_dump(mode="json", exclude_defaults=True)
    try:
        return settings_from({**raw, "pipelines": pipelines}), used
    except SettingsError:
        return settings, used


def _stages(sheet: Sheet) -> list[_Defined]:
    places = {
        what: next((i for name in names for i, h in enumerate(sheet.header)
                    if fold_header(h) == fold_header(name)), -1)
        for what, names in _HEADERS.items()
    }  # fmt: skip
    if places["id"] < 0 and places["label"] < 0:
        return []
    found = []
    with sheet.path.open(encoding="utf-8-sig", newline="") as lines:
        rows = csv.reader(lines, delimiter=sheet.delimiter)
        next(rows)
        for cells in rows:
            record = cells[1:] if sheet.numbered else cells
            row = {w: record[i].strip() if 0 <= i < len(record) else "" for w, i in places.items()}
            if row["deleted"].lower() in TRUE_WORDS or not (row["id"] or row["label"]):
                continue
            found.append(
                _Defined(row["id"], row["label"], row["pipeline"], row["pipeline_label"],
                         _number(row["order"]), _category(row))
            )  # fmt: skip
    return found


def _category(row: Mapping[str, str]) -> schema.StageCategory:
    """Won and closed flags decide; else the label's usual meaning; else the chance shown."""
    if row["won"].lower() in TRUE_WORDS:
        return "won"
    closed = row["closed"].lower() in TRUE_WORDS
    known = _DEFAULTS.get(fold_label(row["label"])) or _DEFAULTS.get(fold_label(row["id"]))
    if closed:
        return known.category if known and known.category == "invalid" else "lost"
    if known and not row["closed"]:
        return known.category
    if row["closed"] or row["probability"] == "":
        return "open"
    chance = _number(row["probability"])
    return "won" if chance in (1.0, 100.0) else "lost" if chance == 0 else "open"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _pipeline(stages: Sequence[_Defined]) -> dict[str, object] | None:
    """Return a pipeline as the settings file would hold it; None when it lacks an end."""
    if not {"open", "won", "lost"} <= {s.category for s in stages}:
        return None
    standard = [_DEFAULTS.get(fold_label(s.label)) or _DEFAULTS.get(fold_label(s.id))
                for s in stages]  # fmt: skip
    names = [s.name if s else "" for s in standard]
    fits = [s is not None and names.count(s.name) == 1 and s.category == d.category
            for s, d in zip(standard, stages, strict=True)]  # fmt: skip
    ranks = [s.rank for s, fit in zip(standard, fits, strict=True) if s and fit]
    usual = all(fits) and ranks == sorted(ranks)
    made = []
    for place, (stage, known, fit) in enumerate(zip(stages, standard, fits, strict=True)):
        rank = (
            10 * (place + 1) if stage.category == "open" else _CLOSED_RANK[stage.category] + place
        )
        made.append(
            {
                "name": known.name if known and fit else _slug(stage, place),
                "rank": known.rank if known and usual else rank,
                "category": stage.category,
                "en": stage.label or stage.id,
                "zh": known.zh if known and fit else stage.label or stage.id,
                "labels": [x for x in (stage.id, stage.label) if x],
            }
        )
    first = stages[0]
    labels = [x for x in (first.pipeline, first.pipeline_label) if x]
    return {"labels": labels, "stages": made}


def _slug(stage: _Defined, place: int) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", (stage.label or stage.id).lower()).strip("_")
    return f"stage_{place + 1}_{plain}"[:40].rstrip("_") if plain else f"stage_{place + 1}"
