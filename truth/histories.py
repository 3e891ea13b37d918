"""Gate 1: visits are the simulated histories, no more and no less."""

from collections import Counter
from dataclasses import replace
from datetime import date

import pandas as pd

from salesops_kit.metrics.visits import VisitRules, visits
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.causes import Cause, bulk_close
from salesops_kit.worlds.clock import DAY, second
from salesops_kit.worlds.company import STAGES, WON
from salesops_kit.worlds.effects import Shift, Span, Where
from salesops_kit.worlds.simulate import Company
from truth.tables import workspace_of

MIDDLE, END = date(2024, 12, 31), date(2025, 9, 30)
_SHIFT = Shift(Span(date(2024, 9, 1)), Where("South"), "proposal", odds=-0.8, slower=1.5)
WORLD = World(
    export_on=date(2025, 10, 1),
    leads_per_month=150,
    shock=0.3,
    causes=(
        Cause("quality_drop", -0.8, (_SHIFT,)),
        bulk_close(date(2025, 3, 14)),
    ),
)
BULK = 25
_PLACE = {plan.name: i for i, plan in enumerate(STAGES)}
COLUMNS = ["deal_id", "seq", "visit_no", "stage", "entered_s", "exited_s", "exit_type",
           "next_stage", "skipped", "is_bulk"]  # fmt: skip


def visits_equal(seed: int) -> bool:
    """Tell whether the kit's visits are the truth, on a day in the middle and at the end."""
    company = simulate(replace(WORLD, seed=seed))
    return all(found_visits(company, day) == true_visits(company, day) for day in (MIDDLE, END))


def found_visits(company: Company, as_of: date) -> list[tuple[object, ...]]:
    """Return the kit's visits, ordered by deal and time."""
    tables = {"deals": canonical.deals(company), "stage_history": canonical.stage_history(company)}
    workspace = workspace_of(tables, as_of)
    rules = VisitRules(open_ranks=canonical.OPEN_RANKS, bulk_edit_deals=BULK)
    stays = visits(
        workspace.table("stage_history"), workspace.table("deals"), as_of=as_of, rules=rules
    )
    table = stays.select(*COLUMNS).sort("deal_id", "seq").collect(backend="pandas").to_native()
    plain = table.astype(object).where(table.notna(), None)
    return list(plain.itertuples(index=False, name=None))


def true_visits(company: Company, as_of: date) -> list[tuple[object, ...]]:
    """Walk through the simulated moves one by one; shares no code with the kit's visits."""
    past = company.history[company.history["entered"] < second(as_of) + DAY]
    office = past[past["by_office"]]["entered"] // 60
    in_minute = Counter(office)
    found = []
    for deal, part in past.groupby("deal"):
        found += _stays(f"D{deal}", part, in_minute)
    return sorted(found, key=lambda stay: (stay[0], stay[1]))


def _stays(deal: str, moves: pd.DataFrame, office: Counter[int]) -> list[tuple[object, ...]]:
    stages, times = moves["stage"].tolist(), moves["entered"].tolist()
    seen: Counter[str] = Counter()
    found = []
    for i, (stage, entered, by_office) in enumerate(
        zip(stages, times, moves["by_office"], strict=True)
    ):
        seen[stage] += 1
        last = i + 1 == len(stages)
        following, left = (None, None) if last else (stages[i + 1], times[i + 1])
        exit_type, skipped = _exit(stage, following)
        found.append((deal, i + 1, seen[stage], stage, entered, left, exit_type, following,
                      skipped, bool(by_office) and office[entered // 60] >= BULK))  # fmt: skip
    return found


def _exit(stage: str, following: str | None) -> tuple[str, int]:
    """Return how a stay ended, and how many stages were passed over."""
    if following is None:
        return "open", 0
    if stage not in _PLACE:
        return ("back" if following in _PLACE else following), 0
    ahead = _PLACE.get(following, len(STAGES)) - _PLACE[stage]
    if following not in _PLACE:
        return following, ahead - 1 if following == WON else 0
    if ahead <= 0:
        return "back", 0
    return ("advanced", 0) if ahead == 1 else ("skipped_to", ahead - 1)
