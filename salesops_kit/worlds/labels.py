"""What the CRM calls a stage, at the export and at an earlier time: labels can be renamed."""

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from salesops_kit.worlds.clock import second
from salesops_kit.worlds.effects import Renamed
from salesops_kit.worlds.world import World


class StageLabels:
    """The labels of a dialect in one language, with the renamings of a world."""

    def __init__(
        self, world: World, labels: Mapping[str, str], language: Literal["en", "zh"]
    ) -> None:
        self._first = dict(labels)
        self._renamed = [
            (second(r.span.since), r.stage, r.label.en if language == "en" else r.label.zh)
            for r in sorted(world.effects(Renamed), key=lambda r: r.span.since)
        ]
        self._end = second(world.export_on)

    def at(self, stage: str, moment: float | None = None) -> str:
        """Return the label at a time (seconds); None: at the export."""
        moment = self._end if moment is None else moment
        label = self._first[stage]
        for since, renamed, name in self._renamed:
            if renamed == stage and since <= moment:
                label = name
        return label

    def now(self, stages: pd.Series) -> pd.Series:
        """Return the labels that an export shows: today's, whenever the stage was entered."""
        return stages.map({stage: self.at(stage) for stage in self._first})

    def then(self, stages: pd.Series, moments: np.ndarray) -> pd.Series:
        """Return the labels that a history shows: those of the time."""
        labels = stages.map(self._first)
        for since, renamed, name in self._renamed:
            labels = labels.mask((stages == renamed) & (moments >= since), name)
        return labels
