"""What trainings, conferences and exhibitions change in how often those who took part win.

Who took part is compared with colleagues who had not (yet), each with their own past, on deals
adjusted for their kind. The months in which participants were chosen count on neither side: the
plain comparison before and after stands beside, as a warning.
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.analyses.training_findings import event_title, training_findings
from salesops_kit.findings import Finding
from salesops_kit.language import Language
from salesops_kit.metrics.engine import collect
from salesops_kit.models.events import (
    FEWEST,
    LEVEL,
    NEVER,
    EventStudy,
    Panel,
    Schedule,
    Windows,
    compared_change,
    event_study,
    plain_change,
)
from salesops_kit.models.keyness import adjusted
from salesops_kit.models.within import design_of, logistic, within_logit
from salesops_kit.periods import Period, from_day_number
from salesops_kit.workspace import Workspace

MONTHS = 48  # looked back at most
LEAST_AFTER = 3  # months after an event from which on it is judged
ONE_TEAM = 0.8  # share of participants from one team beyond which the team cannot be told apart
METHODS = ("fair", "with_selection", "before_after")
COLUMNS = {
    "events": ["training_id", "kind", "topic", "held_on", "took_part", "counted", "event_state"],
    "effects": ["kind", "topic", "took_part", "controls", "decided", "past_rate", "effect",
                "lower", "upper", "p", "q", "detectable", "trend_p", "departure", "extra_wins",
                "money", "one_team", "verdict"],
    "methods": ["kind", "topic", "way", "effect", "lower", "upper"],
    "study": ["kind", "topic", "first", "last", "effect", "lower", "upper", "left_out"],
}  # fmt: skip


@dataclass(frozen=True)
class Training:
    """What events did to the win rate of those who took part.

    `events`: one row per event and what became of it (`event_state`: state_counted, state_early,
    state_no_past, state_nobody). `effects`: per kind and topic the effect in win rate (0-1) with
    its 95 % interval, the smallest effect that would have been seen, and the verdict (helped, hurt,
    unclear, trend, few). `methods`: the same by every way of reckoning. `study`: the effect by
    months before and after.
    """

    period: Period
    windows: Windows
    events: pd.DataFrame
    effects: pd.DataFrame
    methods: pd.DataFrame
    study: pd.DataFrame
    findings: list[Finding] = field(default_factory=list)

    @property
    def drawn(self) -> list[tuple[dict[Language, str], pd.DataFrame]]:
        """Return per kind and topic that could be compared its name and its study."""
        parts = self.study.groupby(["kind", "topic"], sort=False)
        return [
            (event_title(*part[["kind", "topic"]].iloc[0]), part.reset_index(drop=True))
            for _, part in parts
        ]


@recalled
def analyse_training(workspace: Workspace, *, period: Period) -> Training:
    """Measure every kind and topic of event held up to the end of the period.

    Parameters
    ----------
    workspace
        Of deals and trainings; with reps as far as there are any. Under a scope the whole company
        is measured all the same: the result holds sums over many, and nobody's name.
    period
        The months up to its end are looked at, four years back at most.
    """
    everybody = workspace.with_peers()
    around = workspace.settings.events
    windows = Windows(around.months_before, around.selection_months, around.months_after)
    events = _events(everybody)
    blank = [pd.DataFrame(columns=COLUMNS[name]) for name in COLUMNS]
    result = Training(period, windows, blank[0], blank[1], blank[2], blank[3])
    if len(events):
        result = _measured(result, events, _source(everybody, period))
    return replace(result, findings=training_findings(result, workspace.settings))


def _events(workspace: Workspace) -> pd.DataFrame:
    if not workspace.has("trainings"):
        return pd.DataFrame()
    rows = collect(workspace.table("trainings"), ["training_id", "rep_id"])
    known = rows.dropna(subset=["rep_id", "held_day"])
    return known.assign(kind=known["kind"].fillna("training"), topic=known["topic"].fillna(""))


def _source(workspace: Workspace, period: Period) -> RepSource:
    """Read reps and deals over as many months as an event may need."""
    rules = workspace.settings.evaluation.model_copy(update={"months": MONTHS})
    settings = workspace.settings.model_copy(update={"evaluation": rules})
    return RepSource(replace(workspace, settings=settings), period)


@dataclass(frozen=True)
class _Data:
    """Reps × months of adjusted wins, and who took part in which month."""

    panel: Panel
    reps: pd.DataFrame
    events: pd.DataFrame  # of reps with deals: `place` (row of the panel), `month`
    price: float  # mean amount of a deal won
    rate: np.ndarray[Any, Any]  # reps × months, won

    def schedule(self, kind: str, topic: str) -> Schedule:
        """Return each rep's first event of a kind and topic; all others keep a rep from control."""
        mine = (self.events["kind"] == kind) & (self.events["topic"] == topic)
        first = np.full(len(self.reps), NEVER, dtype="int64")
        starts = self.events[mine].groupby("place")["month"].min()
        first[starts.index.to_numpy("int64")] = starts.to_numpy("int64")
        other = np.zeros(self.panel.n.shape, dtype=bool)
        length = len(self.panel.n[0])
        rest = self.events[~mine & self.events["month"].between(0, length - 1)]
        other[rest["place"].to_numpy("int64"), rest["month"].to_numpy("int64")] = True
        return Schedule(first, other)


def _measured(result: Training, events: pd.DataFrame, source: RepSource) -> Training:
    data = _data(events, source)
    if data is None:
        return replace(result, events=_became(result, events, None))
    rows: list[tuple[Any, ...]] = []
    methods, study = [], []
    kinds = events[["kind", "topic"]].drop_duplicates().sort_values(["kind", "topic"])
    for kind, topic in zip(kinds["kind"], kinds["topic"], strict=True):
        schedule = _old_enough(data.schedule(kind, topic), data, result.windows)
        if (schedule.first == NEVER).all():
            continue
        found = event_study(data.panel, schedule, result.windows)
        rows.append((kind, topic, *_effect_row(data, schedule, result.windows, found)))
        if found.bins:
            methods += [(kind, topic, *row)
                        for row in _ways(data.panel, schedule, result.windows, found)]  # fmt: skip
            skipped = -result.windows.skip
            study += [(kind, topic, *one, skipped <= one[0] < 0) for one in found.bins]
    effects = pd.DataFrame(
        rows, columns=[c for c in COLUMNS["effects"] if c not in ("q", "verdict")]
    )
    return replace(
        result, events=_became(result, events, data), effects=_named(_judged(effects)),
        methods=_named(pd.DataFrame(methods, columns=COLUMNS["methods"])),
        study=pd.DataFrame(study, columns=COLUMNS["study"]),
    )  # fmt: skip


def _old_enough(schedule: Schedule, data: _Data, windows: Windows) -> Schedule:
    """Return the schedule in which events that are too young or too old to judge never compare.

    Who took part in one stays away from the controls, by the mask of other events.
    """
    length = data.panel.n.shape[1]
    judged = _judgeable(schedule.first, length, windows)
    away = (schedule.first != NEVER) & ~judged
    other = np.zeros(data.panel.n.shape, dtype=bool) if schedule.other is None else schedule.other
    inside = away & (schedule.first < length)
    other[inside, np.clip(schedule.first[inside], 0, None)] = True
    return Schedule(np.where(judged, schedule.first, NEVER), other)


def _judgeable(first: Any, length: int, windows: Windows) -> Any:
    enough_past = first - windows.skip >= LEAST_AFTER
    return enough_past & (first + min(LEAST_AFTER, windows.after) <= length - 1)


def _data(events: pd.DataFrame, source: RepSource) -> _Data | None:
    rows = source.decided
    rows = rows[rows["decided"] > 0]
    if rows["rep"].nunique() < 2 * FEWEST:
        return None
    strata = [*source.strata, *(["tenure"] if len(rows["tenure"].unique()) > 1 else [])]
    hits, n = rows["won"].to_numpy("float64"), rows["decided"].to_numpy("float64")
    offset = within_logit(design_of(rows, strata, n="decided"), hits).offset
    # where nothing or everything was won no level gives just that: half a deal short of it
    won = float(np.clip(hits.sum(), 0.5, max(n.sum() - 0.5, 0.5)))
    level = brentq(lambda x: float((n * logistic(x + offset)).sum()) - won, -60, 60)
    reps = source.members[source.members["rep"].isin(rows["rep"])].reset_index(drop=True)
    place = rows["rep"].map(dict(zip(reps["rep"], reps.index, strict=True))).to_numpy("int64")
    month = rows["month"].to_numpy("int64")
    begun = int(month.min())
    shape = (len(reps), len(source.months) - begun)

    def spread(values: Any) -> Any:
        grid = np.zeros(shape)
        np.add.at(grid, (place, month - begun), values)
        return grid

    starts = np.array([m.start_day for m in source.months[begun:]])
    known = events.merge(reps[["rep"]].reset_index(names="place"), left_on="rep_id", right_on="rep")
    known["month"] = np.searchsorted(starts, known["held_day"].to_numpy("int64"), side="right") - 1
    priced = rows["priced"].sum()
    price = float(rows["bookings"].sum() / priced) if priced else float("nan")
    panel = Panel(spread(hits - n * logistic(level + offset)), spread(n))
    return _Data(panel, reps, known, price, spread(hits))


def _effect_row(
    data: _Data, schedule: Schedule, windows: Windows, found: EventStudy
) -> tuple[Any, ...]:
    effect = found.effect
    steps = np.arange(data.panel.n.shape[1])
    away = steps[None, :] - schedule.first[:, None]
    base = (away >= windows.base[0]) & (away <= windows.base[1])
    after = (away >= windows.counted[0]) & (away <= windows.counted[1])
    before_n, decided = (data.panel.n * base).sum(), float((data.panel.n * after).sum())
    rate = float((data.rate * base).sum() / before_n) if before_n else float("nan")
    extra = effect.value * decided
    return (
        effect.treated, effect.controls, int(decided), rate, effect.value, effect.lower,
        effect.upper, effect.p, effect.detectable, found.trend_p, found.departure, extra,
        extra * data.price, _one_team(data, schedule),
    )  # fmt: skip


def _one_team(data: _Data, schedule: Schedule) -> bool:
    """Tell whether nearly all participants are of one team, so that it may be the team."""
    teams = data.reps["team"]
    took = teams[schedule.first != NEVER].dropna()
    if took.empty or len(teams.dropna().unique()) < 2:
        return False
    return float(took.value_counts(normalize=True).iloc[0]) > ONE_TEAM


def _ways(
    panel: Panel, schedule: Schedule, windows: Windows, found: EventStudy
) -> list[tuple[str, float, float, float]]:
    """Return the effect as others reckon it: from the months just before to those just after."""
    quarter = Windows(before=max(windows.skip, 1), skip=0, after=windows.after)
    ways = (
        found.effect[:3],
        compared_change(panel, schedule, quarter),
        plain_change(panel, schedule, quarter.base, quarter.counted),
    )
    return [(name, *way) for name, way in zip(METHODS, ways, strict=True)]


def _judged(effects: pd.DataFrame) -> pd.DataFrame:
    """Add the error rate over all kinds and topics together, and the verdict."""
    p = effects["p"].to_numpy("float64")
    q = np.full(len(p), np.nan)
    q[np.isfinite(p)] = adjusted(p[np.isfinite(p)])
    sure = q <= LEVEL
    # what was apart before and may go on must be large enough to make up the effect
    apart = (effects["trend_p"] <= LEVEL) & (effects["departure"] >= effects["effect"].abs() / 2)
    verdict = np.where(np.isnan(p), "few", np.where(
        ~sure, "unclear", np.where(
            apart, "trend", np.where(effects["effect"] > 0, "helped", "hurt"),
        )))  # fmt: skip
    judged = effects.assign(q=q, verdict=verdict)[COLUMNS["effects"]]
    return judged.assign(judged="verdict_" + judged["verdict"].astype(str))


def _became(result: Training, events: pd.DataFrame, data: _Data | None) -> pd.DataFrame:
    """Return one row per event: how many took part, how many could be counted, why not more."""
    rows = []
    for (name, kind, topic), part in events.groupby(["training_id", "kind", "topic"], sort=True):
        held = int(part["held_day"].min())
        counted, state = 0, "state_nobody"
        if data is not None:
            mine = data.events[data.events["training_id"] == name]
            counted = len(mine)
            state = (
                "state_nobody" if mine.empty else _state(int(mine["month"].iloc[0]), result, data)
            )
        rows.append((name, kind, topic, from_day_number(held), len(part), counted, state))
    table = pd.DataFrame(rows, columns=COLUMNS["events"])
    return _named(table.sort_values("held_on", ignore_index=True))


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Add the names readers know, in both languages."""
    names: Any = [event_title(*name) for name in zip(table["kind"], table["topic"], strict=True)]
    return table.assign(event=names)


def _state(month: int, result: Training, data: _Data) -> str:
    length, windows = data.panel.n.shape[1], result.windows
    if month - windows.skip < LEAST_AFTER:
        return "state_no_past"
    return "state_counted" if _judgeable(month, length, windows) else "state_early"
