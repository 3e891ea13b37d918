"""Four ways to count how deals pass a stage, and every step that leads from one to the next."""

from collections.abc import Sequence

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.metrics.engine import Frame, Source, lazy
from salesops_kit.metrics.grouping import finished, mark, totals
from salesops_kit.periods import Period

_STAGE = ("stage", "stage_rank")
_WON = 1_000_000  # a rank beyond every open stage
_ONWARD = ("advanced", "skipped_to", "won")
COUNTS = ("entries", "again", "again_reopened", "first_entries", "begun_earlier", "entered_later",
          "visited", "off_skipped", "off_back", "off_reopened", "strict", "stands_now",
          "entries_onward", "entries_open", "first_onward", "first_open", "strict_onward",
          "strict_open")  # fmt: skip


def stage_modes(visits: Source, *, period: Period, by: Sequence[str] = ()) -> pd.DataFrame:
    """Count how deals pass each open stage in four modes, and what lies between them (stage_modes).

    Every entry: visits begun in the period. First entry: those that are the deal's first of the
    stage. Reached or passed: deals whose first visit of any stage began in the period and that got
    so far. Strict path: those of them that came step by step, without skip, step back or
    re-opening. For each stage, exactly:

    entries - again - again_reopened = first_entries;
    first_entries - begun_earlier + entered_later = visited; visited + passed_over = reached;
    visited - off_skipped - off_back - off_reopened = strict.

    Parameters
    ----------
    visits
        Stays in stages (`metrics.visits`).
    period
        Holds the day of entry (every and first entry), or of the deal's first visit.
    by
        Columns of visits to group by; a deal's cohort is that of its first visit.

    Returns
    -------
    DataFrame
        One row per group and open stage, by rank, with the counts above and
        `entries_onward` (left forward), `first_onward` (the deal ever got beyond),
        `reached_onward` (got beyond), `strict_onward` (left to the very next stage, or won);
        `…_open`: not yet so, but may still be; `stands_now`: deals begun in the period whose last
        known stage it is, which is not how many entered it. Excluded: nothing.

    Notes
    -----
    `again` counts returns of a deal by moving about, `again_reopened` those after it was closed.
    Off the strict path by what happened first: begun later or passed over stages, stepped back,
    or was closed and re-opened.
    """
    paths = _paths(lazy(visits), period, by)
    is_open = nw.col("stage_category") == "open"
    start_rank = paths.filter(is_open & nw.col("born")).select(nw.col("stage_rank").min())
    lowest = start_rank.collect(backend="pandas").to_native()["stage_rank"].iloc[0]
    marked = _marked(_judged(paths, 0 if pd.isna(lowest) else int(lowest))).filter(
        nw.col("stage_category") == "open"
    )
    keys = [*by, *_STAGE]
    table = totals(marked, by=keys, counts=list(COUNTS))
    return finished(_with_reached(table, paths, by), "stage_modes", period.last)


def _paths(visits: Frame, period: Period, by: Sequence[str]) -> Frame:
    """Visits with what became of their deal: when it began, how far it got, where it left the path.

    The group is that of the deal's first visit.
    """
    first, is_open = nw.col("seq") == 1, nw.col("stage_category") == "open"
    won = nw.col("stage_category") == "won"
    frame = visits.with_columns(
        began=nw.when(first).then(nw.col("entered_day")),
        began_rank=nw.when(first & is_open).then(nw.col("stage_rank")),
        reach=nw.when(won).then(nw.lit(_WON)).when(is_open).then(nw.col("stage_rank")),
        stops=nw.when(nw.col("exit_type") != "advanced").then(nw.col("seq")),
        closes=nw.when(~is_open).then(nw.col("seq")),
        waits=mark(is_open & (nw.col("exit_type") == "open")),
        **{f"first_{name}": nw.when(first).then(nw.col(name)) for name in by},
    )
    frame = frame.with_columns(
        began=nw.col("began").min().over("deal_id"),
        began_rank=nw.col("began_rank").min().over("deal_id"),
        furthest=nw.col("reach").max().over("deal_id"),
        stops=nw.col("stops").min().over("deal_id"),
        closes=nw.col("closes").min().over("deal_id"),
        waits=nw.col("waits").max().over("deal_id"),
        **{name: nw.col(f"first_{name}").max().over("deal_id") for name in by},
    )
    begun = nw.col("began") >= period.start_day
    entered = nw.col("entered_day") >= period.start_day
    return frame.with_columns(
        born=begun & (nw.col("began") < period.end_day),
        inside=entered & (nw.col("entered_day") < period.end_day),
        later=nw.col("entered_day") >= period.end_day,
        first_time=nw.col("visit_no") == 1,
        stop_kind=nw.when(nw.col("seq") == nw.col("stops")).then(nw.col("exit_type")),
    )


def _judged(paths: Frame, lowest: int) -> Frame:
    """Tell which visits lie on the strict path, and what led the others off it."""
    started = nw.col("began_rank") == lowest
    return paths.with_columns(
        stop_kind=nw.col("stop_kind").max().over("deal_id"),
        started=mark(started) == 1,
    ).with_columns(
        on_path=mark(nw.col("started") & (nw.col("stops").is_null()
                                          | (nw.col("seq") <= nw.col("stops")))) == 1,
        stepped_back=mark(nw.col("started") & (nw.col("stop_kind") == "back")) == 1,
        reopened=mark(nw.col("started")
                      & nw.col("stop_kind").is_in(["lost", "invalid", "won"])) == 1,
    )  # fmt: skip


def _marked(judged: Frame) -> Frame:
    inside, first, born = nw.col("inside"), nw.col("first_time"), nw.col("born")
    repeated = inside & ~first
    after_close = mark(nw.col("closes") < nw.col("seq")) == 1
    cohort = born & first
    beyond = nw.col("furthest") > nw.col("stage_rank")
    onward = nw.col("exit_type").is_in(_ONWARD)
    strict = cohort & nw.col("on_path")
    off = cohort & ~nw.col("on_path")
    forward = (nw.col("exit_type") == "advanced") | (
        (nw.col("exit_type") == "won") & (nw.col("skipped") == 0)
    )
    waiting = nw.col("exit_type") == "open"
    may = nw.col("waits") == 1
    return judged.with_columns(
        entries=mark(inside),
        again=mark(repeated & ~after_close),
        again_reopened=mark(repeated & after_close),
        first_entries=mark(inside & first),
        begun_earlier=mark(inside & first & ~born),
        entered_later=mark(cohort & nw.col("later")),
        visited=mark(cohort),
        strict=mark(strict),
        off_back=mark(off & nw.col("stepped_back")),
        off_reopened=mark(off & ~nw.col("stepped_back") & nw.col("reopened")),
        off_skipped=mark(off & ~nw.col("stepped_back") & ~nw.col("reopened")),
        stands_now=mark(born & waiting),
        entries_onward=mark(inside & onward),
        entries_open=mark(inside & waiting),
        first_onward=mark(inside & first & beyond),
        first_open=mark(inside & first & ~beyond & may),
        strict_onward=mark(strict & forward),
        strict_open=mark(strict & waiting),
    )


def _with_reached(table: pd.DataFrame, paths: Frame, by: Sequence[str]) -> pd.DataFrame:
    """Add the deals that got so far, those that got beyond, and those that passed it over."""
    cohort = paths.filter((nw.col("seq") == 1) & nw.col("born")).with_columns(deals=nw.lit(1))
    furthest = totals(cohort, by=[*by, "furthest", "waits"], counts=["deals"])
    rows = []
    for values in table[[*by, "stage_rank"]].itertuples(index=False, name=None):
        mine = furthest
        for name, value in zip(by, values, strict=False):
            mine = mine[mine[name].isna() if pd.isna(value) else mine[name] == value]
        rank = values[-1]
        at = mine["furthest"] == rank
        rows.append((
            int(mine.loc[mine["furthest"] >= rank, "deals"].sum()),
            int(mine.loc[mine["furthest"] > rank, "deals"].sum()),
            int(mine.loc[at & (mine["waits"] == 1), "deals"].sum()),
        ))  # fmt: skip
    reached = pd.DataFrame(rows, columns=["reached", "reached_onward", "reached_open"])
    full = pd.concat([table.reset_index(drop=True), reached.astype("int64")], axis=1)
    full = full.assign(passed_over=full["reached"] - full["visited"])
    order = [*by, "stage_rank", "stage"]
    return full.sort_values(order, na_position="last", kind="stable", ignore_index=True)
