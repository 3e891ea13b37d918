"""A tenant's stage labels → canonical stages, by the company's pipelines."""

from collections.abc import Mapping
from dataclasses import dataclass

from salesops_kit import schema
from salesops_kit.settings import Pipeline, Settings, StageSettings, fold_label

_WORDS: dict[str, schema.StageCategory] = {c: c for c in schema.STAGE_CATEGORIES}


@dataclass(frozen=True)
class MappedStage:
    """Where a label leads: pipeline name, stage, rank and category."""

    pipeline: str
    stage: str
    rank: int
    category: schema.StageCategory


class StageMap:
    """Finds the stage of (pipeline label, stage label, status word); None when nobody knows it."""

    def __init__(self, settings: Settings, status_words: Mapping[str, str]) -> None:
        self._pipelines = settings.all_pipelines
        self._own = bool(settings.pipelines)
        self._labels = {fold_label(k): v for k, v in settings.stage_labels.items()}
        words = {**_WORDS, **status_words}
        self._status = {fold_label(word): category for word, category in words.items()}

    def find(self, pipeline: str, label: str, status: str = "") -> MappedStage | None:
        """Return the stage; a status that says won, lost or invalid wins over an open label."""
        order = self._order(pipeline)
        shown = order[0][0] if self._own or not pipeline else pipeline
        found = self._by_label(order, label)
        closed = self._status.get(fold_label(status), "open") if status else "open"
        if closed != "open" and (found is None or found[1].category == "open"):
            found = self._by_category(order, closed)
        if found is None:
            return None
        name, stage = found
        return MappedStage(name if self._own else shown, stage.name, stage.rank, stage.category)

    def _order(self, label: str) -> list[tuple[str, Pipeline]]:
        """Pipelines with the one the label names first."""
        folded = fold_label(label)
        named = [
            (name, p)
            for name, p in self._pipelines.items()
            if folded and folded in {fold_label(x) for x in (name, *p.labels)}
        ]
        return named + [item for item in self._pipelines.items() if item not in named]

    def _by_label(
        self, order: list[tuple[str, Pipeline]], label: str
    ) -> tuple[str, StageSettings] | None:
        folded = fold_label(label)
        wanted = self._labels.get(folded, "")
        for name, pipeline in order:
            stage = pipeline.by_label.get(fold_label(wanted) if wanted else folded)
            if stage is not None:
                return name, stage
        return None

    @staticmethod
    def _by_category(
        order: list[tuple[str, Pipeline]], category: str
    ) -> tuple[str, StageSettings] | None:
        for name, pipeline in order:
            for stage in pipeline.stages:
                if stage.category == category:
                    return name, stage
        return None


def remedy(labels: list[str]) -> str:
    """Return the lines to paste into salesops.toml for labels nobody knows."""
    lines = ", ".join(f'"{label}" = "STAGE"' for label in labels)
    return f"add to salesops.toml under [stage_labels]: {lines}"
