"""Metrics on 1 million deals: the kit against hand-written SQL and plain pandas.

    python bench/metrics_speed.py [deals]

One metric of each shape, grouped by region, read from the same Parquet files. The ways run in
turn, each the minimum of five rounds, and must give the same numbers. CPU seconds are compared,
since wall time depends on what else the machine does. pandas reads only the columns it needs.
"""

import sys
import time
from collections.abc import Callable
from datetime import date
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd

from salesops_kit.metrics.bookings import bookings
from salesops_kit.metrics.cycle import sales_cycle
from salesops_kit.metrics.funnel import dwell_counts, stage_flow, transitions
from salesops_kit.metrics.leads import lead_conversion
from salesops_kit.metrics.pipeline import pipeline_by_stage
from salesops_kit.metrics.velocity import sales_velocity
from salesops_kit.metrics.wins import cohort_exits, win_rate, win_rate_by_amount
from salesops_kit.periods import day_number, period

ROUNDS = 5
QUARTER, AS_OF = period("2025-Q1"), date(2025, 4, 20)
START, END, TODAY = QUARTER.start_day, QUARTER.end_day, day_number(AS_OF)
BY = ("region",)
Frames = dict[str, pd.DataFrame]

DEALS = f"""
SELECT 'D' || i AS deal_id, ['East', 'West', 'North', 'South', NULL][1 + i % 5] AS region,
    ['open', 'won', 'lost', 'lost', 'invalid'][1 + (hash(i, 1) % 5)::INT] AS status,
    s AS stage_rank, 'stage ' || s AS stage,
    CASE WHEN hash(i, 3) % 20 > 0 THEN (hash(i, 4) % 1000000) / 4 END AS amount,
    (hash(i, 5) % 11) / 10 AS probability, c AS created_day,
    CASE WHEN status <> 'open' AND hash(i, 6) % 50 > 0 THEN c + (hash(i, 7) % 180)::INT END
        AS closed_day,
    c + (hash(i, 8) % 200)::INT AS expected_close_day, hash(i, 9) % 100 = 0 AS is_deleted
FROM (SELECT i, {TODAY} - (hash(i, 10) % 1000)::INT AS c, 10 * (1 + hash(i, 11) % 7)::INT AS s
      FROM range({{deals}}) t(i))
"""
LEADS = f"""
SELECT 'L' || i AS lead_id, ['East', 'West', 'North', 'South', NULL][1 + i % 5] AS region,
    c AS created_day, hash(i, 1) % 3 = 0 AS is_converted,
    CASE WHEN hash(i, 1) % 3 = 0 THEN c + (hash(i, 2) % 90)::INT END AS converted_day,
    c + 1 AS assigned_day
FROM (SELECT i, {TODAY} - (hash(i, 3) % 1000)::INT AS c FROM range({{deals}}) t(i))
"""
VISITS = f"""
SELECT 'D' || i // 4 AS deal_id, ['East', 'West', 'North', 'South', NULL][1 + i % 5] AS region,
    1 + i % 4 AS seq, 'stage ' || s AS stage, s AS stage_rank,
    CASE WHEN s < 80 THEN 'open' ELSE 'won' END AS stage_category, d AS entered_day,
    ['open', 'advanced', 'advanced', 'back', 'won', 'lost', 'skipped_to'][1 + x] AS exit_type,
    CASE WHEN x > 0 THEN d + (hash(i, 4) % 60)::INT END AS exited_day,
    CASE WHEN x > 0 THEN 'stage ' || s + 10 END AS next_stage,
    CASE WHEN x > 0 THEN s + 10 END AS next_rank, (x = 6)::INT AS skipped,
    hash(i, 5) % 40 = 0 AS is_passing
FROM (SELECT i, 10 * (1 + hash(i, 1) % 8)::INT AS s, (hash(i, 2) % 7)::INT AS x,
             {TODAY} - (hash(i, 3) % 1000)::INT AS d FROM range(4 * {{deals}}) t(i))
"""

KNOWN = f"""known AS (
    SELECT *, status = 'open' OR coalesce(closed_day > {TODAY}, false) AS is_open,
        status <> 'open' AND coalesce(closed_day <= {TODAY}, false) AS ended,
        coalesce(closed_day BETWEEN {START} AND {END - 1}, false) AS inside
    FROM deals WHERE is_deleted IS NOT TRUE AND (created_day IS NULL OR created_day <= {TODAY})
)"""
OLD = """old AS (
    SELECT quantile_cont(closed_day - created_day, 0.9) AS days FROM known
    WHERE ended AND closed_day >= created_day
)"""
OPENED = f"""count(*) FILTER (is_open) AS open,
    count(*) FILTER (is_open AND {TODAY} - created_day > old.days) AS old_open,
    count(*) FILTER (ended AND inside AND status = 'invalid') AS invalid,
    count(*) FILTER (status <> 'open' AND closed_day IS NULL) AS undated"""


class Case(NamedTuple):
    """One metric: the table it reads, the kit's call, SQL, pandas, and the columns compared."""

    table: str
    kit: Callable[[str], pd.DataFrame]
    sql: str
    pandas: Callable[[pd.DataFrame], pd.DataFrame]
    needed: str
    compared: str


def main(deals: int = 1_000_000) -> None:
    """Write the tables, run every metric in the three ways in turn, print times and ratios."""
    with TemporaryDirectory() as folder:
        for name, sql in (("deals", DEALS), ("leads", LEADS), ("visits", VISITS)):
            duckdb.execute(f"COPY ({sql.format(deals=deals)}) TO '{folder}/{name}.parquet'")
        print(f"{'metric':20} {'kit':>8} {'sql':>8} {'pandas':>8}  kit/sql  pandas/kit  (CPU s)")
        sums = np.zeros(3)
        for name, case in CASES.items():
            seconds = _raced(case, f"{folder}/{case.table}.parquet")
            sums += seconds
            _show(name, seconds)
        _show("together", sums)


def _show(name: str, seconds: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> None:
    kit, sql, plain = seconds
    print(f"{name:20} {kit:8.3f} {sql:8.3f} {plain:8.3f} {kit / sql:8.2f} {plain / kit:11.2f}")


def _raced(case: Case, path: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    ways = (
        lambda: case.kit(path),
        lambda: duckdb.sql(f"WITH {case.table} AS (FROM '{path}'), {case.sql}").df(),
        lambda: case.pandas(pd.read_parquet(path, columns=case.needed.split())),
    )
    best, found = np.full(3, np.inf), [pd.DataFrame()] * 3
    for _ in range(ROUNDS):
        for place, way in enumerate(ways):
            start = time.process_time()
            found[place] = way()
            best[place] = min(best[place], time.process_time() - start)
    for other in found[1:]:
        _assert_same(found[0], other, case.compared.split())
    return best


def _assert_same(left: pd.DataFrame, right: pd.DataFrame, compared: list[str]) -> None:
    words = [name for name in compared if left[name].dtype == object]
    left, right = (
        frame[compared].astype(dict.fromkeys(words, str)).replace("None", "nan")
        .sort_values(compared, ignore_index=True) for frame in (left, right)
    )  # fmt: skip
    pd.testing.assert_frame_equal(left, right, check_dtype=False, rtol=1e-9)


def _living(deals: pd.DataFrame) -> pd.DataFrame:
    deals = deals[~deals["is_deleted"] & ~(deals["created_day"] > TODAY)]
    return deals.assign(
        is_open=deals["status"].eq("open") | (deals["closed_day"] > TODAY),
        ended=deals["status"].ne("open") & (deals["closed_day"] <= TODAY),
        inside=deals["closed_day"].between(START, END - 1),
        undated=deals["status"].ne("open") & deals["closed_day"].isna(),
    )


def _outcomes(deals: pd.DataFrame) -> pd.DataFrame:
    known = _living(deals)
    days = (known["closed_day"] - known["created_day"])[known["ended"]]
    old = days[days >= 0].quantile(0.9)
    ended = known["ended"] & known["inside"]
    return known.assign(
        **{name: ended & known["status"].eq(name) for name in ("won", "lost", "invalid")},
        open=known["is_open"],
        old_open=known["is_open"] & (TODAY - known["created_day"] > old),
    )


def _grouped(frame: pd.DataFrame, columns: list[str], *more: str) -> pd.DataFrame:
    keys = [*BY, *more]
    return frame.groupby(keys, dropna=False)[columns].sum().reset_index()


def _win_rate(deals: pd.DataFrame) -> pd.DataFrame:
    names = ["won", "lost", "open", "old_open", "invalid", "undated"]
    found = _grouped(_outcomes(deals), names)
    closed = found["won"] + found["lost"]
    return found.assign(closed=closed, win_rate=found["won"] / closed)


def _win_rate_by_amount(deals: pd.DataFrame) -> pd.DataFrame:
    known = _outcomes(deals)
    decided = known["won"] | known["lost"]
    closed = known["amount"].where(decided)
    won = closed.where(known["won"])
    known = known.assign(closed_amount=closed, won_amount=won, closed_squares=closed**2,
                         won_squares=won**2, unpriced=decided & closed.isna())  # fmt: skip
    names = ["won_amount", "closed_amount", "closed_squares", "won_squares", "open", "old_open",
             "invalid", "undated", "unpriced"]  # fmt: skip
    found = _grouped(known, names)
    return found.assign(win_rate=found["won_amount"] / found["closed_amount"])


def _bookings(deals: pd.DataFrame) -> pd.DataFrame:
    won = deals[~deals["is_deleted"] & deals["status"].eq("won")]
    undated = won["closed_day"].isna().sum()
    sold = won[won["closed_day"].between(START, END - 1)]
    sold = sold.assign(won=1, bookings=sold["amount"], with_amount=sold["amount"].notna())
    found = _grouped(sold, ["won", "with_amount", "bookings"])
    return found.assign(undated=undated)


def _velocity(deals: pd.DataFrame) -> pd.DataFrame:
    known = _living(deals)
    ended, days = known["ended"] & known["inside"], known["closed_day"] - known["created_day"]
    won, timed = ended & known["status"].eq("won"), ended & (days >= 0)
    known = known.assign(open_deals=known["is_open"], won=won, closed=ended, timed=timed,
                         with_amount=won & known["amount"].notna(),
                         won_amount=known["amount"].where(won), days=days.where(timed))  # fmt: skip
    found = _grouped(known, ["open_deals", "won", "closed", "timed", "with_amount", "won_amount",
                             "days", "undated"])  # fmt: skip
    size, cycle = found["won_amount"] / found["with_amount"], found["days"] / found["timed"]
    rate = found["won"] / found["closed"]
    return found.assign(sales_velocity=found["open_deals"] * rate * size / cycle)


def _pipeline(deals: pd.DataFrame) -> pd.DataFrame:
    known = _living(deals)
    known = known[known["is_open"]]
    still = known["status"].eq("open")
    overdue = known["expected_close_day"] < TODAY
    known = known.assign(stage=known["stage"].where(still), deals=1,
                         weighted=known["amount"] * known["probability"], overdue=overdue,
                         overdue_amount=known["amount"].where(overdue),
                         age=TODAY - known["created_day"])  # fmt: skip
    names = ["deals", "amount", "weighted", "overdue", "overdue_amount"]
    ages = known.groupby([*BY, "stage"], dropna=False)["age"].median()
    return _grouped(known, names, "stage").assign(median_age=ages.to_numpy())


def _cohort(deals: pd.DataFrame) -> pd.DataFrame:
    known = _living(deals)
    known = known[known["created_day"].between(START, END - 1)]
    last = known["closed_day"].where(~known["is_open"], TODAY)
    known = known.assign(age_days=last - known["created_day"], still_open=known["is_open"],
                         **{name: known["ended"] & known["status"].eq(name)
                            for name in ("won", "lost", "invalid")})  # fmt: skip
    aged = known[known["age_days"] >= 0]
    return _grouped(aged, ["won", "lost", "invalid", "still_open"], "age_days")


def _cycle(deals: pd.DataFrame) -> pd.DataFrame:
    known = _living(deals)
    ended = known["ended"] & known["inside"]
    days = (known["closed_day"] - known["created_day"]).where(ended)
    days = days.where(days >= 0)
    known = known.assign(won=days.where(known["status"].eq("won")), closed=days,
                         open=(TODAY - known["created_day"]).where(known["is_open"]))  # fmt: skip
    grouped = known.groupby(list(BY), dropna=False)
    spans = {"won_median": ("won", 0.5), "won_p90": ("won", 0.9), "closed_median": ("closed", 0.5),
             "closed_p90": ("closed", 0.9), "open_median": ("open", 0.5),
             "open_p90": ("open", 0.9)}  # fmt: skip
    found = {name: grouped[column].quantile(q) for name, (column, q) in spans.items()}
    return pd.DataFrame(found).assign(closed_mean=grouped["closed"].mean()).reset_index()


def _conversion(leads: pd.DataFrame) -> pd.DataFrame:
    born = leads[leads["created_day"].between(START, END - 1)]
    undated = born["converted_day"].isna() & born["is_converted"]
    born = born.assign(leads=1, converted=(born["converted_day"] <= TODAY) | undated)
    return _grouped(born, ["leads", "converted"])


def _open_visits(visits: pd.DataFrame) -> pd.DataFrame:
    inside = visits["entered_day"].between(START, END - 1)
    return visits[inside & visits["stage_category"].eq("open")]


def _flow(visits: pd.DataFrame) -> pd.DataFrame:
    began = _open_visits(visits)
    names = ["advanced", "skipped_to", "back", "won", "lost", "open"]
    ends = {name: began["exit_type"].eq(name) for name in names}
    return _grouped(began.assign(entered=1, **ends), ["entered", *names, "skipped"], "stage")


def _moves(visits: pd.DataFrame) -> pd.DataFrame:
    gone = visits[visits["exited_day"].between(START, END - 1)]
    keys = [*BY, "stage", "next_stage", "exit_type"]
    found = gone.groupby(keys, dropna=False)["deal_id"].agg(["size", "nunique"]).reset_index()
    return found.rename(columns={"size": "moves", "nunique": "deals"})


def _dwell(visits: pd.DataFrame) -> pd.DataFrame:
    began = _open_visits(visits)
    stayed = began[~began["is_passing"]]
    ended = stayed["exit_type"].ne("open")
    onward = stayed["exit_type"].isin(["advanced", "skipped_to", "won"])
    stayed = stayed.assign(
        age_days=stayed["exited_day"].fillna(TODAY) - stayed["entered_day"], ended=ended,
        still_open=~ended, onward=onward, back=stayed["exit_type"].eq("back"),
        lost=stayed["exit_type"].eq("lost"),
    )  # fmt: skip
    return _grouped(stayed, ["onward", "back", "lost", "ended", "still_open"], "stage", "age_days")


WHEN = {"period": QUARTER, "as_of": AS_OF, "by": BY}
OUTCOME = "region status created_day closed_day is_deleted"
VISITED = "region stage stage_category entered_day exit_type exited_day"
CASES = {
    "win_rate": Case(
        "deals", lambda path: win_rate(path, **WHEN),
        f"""{KNOWN}, {OLD} SELECT region, {OPENED},
        count(*) FILTER (ended AND inside AND status = 'won') AS won,
        count(*) FILTER (ended AND inside AND status = 'lost') AS lost,
        won + lost AS closed, won / closed AS win_rate FROM known, old GROUP BY region""",
        _win_rate, OUTCOME, "region won lost open old_open closed win_rate",
    ),
    "win_rate_by_amount": Case(
        "deals", lambda path: win_rate_by_amount(path, **WHEN),
        f"""{KNOWN}, {OLD} SELECT region, {OPENED},
        count(*) FILTER (ended AND inside AND status IN ('won', 'lost') AND amount IS NULL) AS n,
        sum(amount) FILTER (ended AND inside AND status = 'won') AS won_amount,
        sum(amount) FILTER (ended AND inside AND status IN ('won', 'lost')) AS closed_amount,
        sum(amount * amount) FILTER (ended AND inside AND status = 'won') AS won_squares,
        sum(amount * amount) FILTER (ended AND inside AND status IN ('won', 'lost')) AS squares,
        won_amount / closed_amount AS win_rate FROM known, old GROUP BY region""",
        _win_rate_by_amount, f"{OUTCOME} amount",
        "region won_amount closed_amount win_rate open old_open",
    ),
    "bookings": Case(
        "deals", lambda path: bookings(path, **WHEN),
        f"""won AS (SELECT *, coalesce(closed_day BETWEEN {START} AND {END - 1}, false) AS inside
        FROM deals WHERE status = 'won' AND is_deleted IS NOT TRUE)
        SELECT region, count(*) FILTER (inside) AS won, sum(amount) FILTER (inside) AS bookings,
        count(amount) FILTER (inside) AS with_amount,
        count(*) FILTER (closed_day IS NULL) AS undated FROM won GROUP BY region""",
        _bookings, "region status closed_day amount is_deleted", "region won with_amount bookings",
    ),
    "sales_velocity": Case(
        "deals", lambda path: sales_velocity(path, **WHEN),
        f"""{KNOWN} SELECT region, count(*) FILTER (is_open) AS open_deals,
        count(*) FILTER (ended AND inside) AS closed,
        count(*) FILTER (ended AND inside AND status = 'won') AS won,
        count(amount) FILTER (ended AND inside AND status = 'won') AS with_amount,
        count(*) FILTER (ended AND inside AND closed_day >= created_day) AS timed,
        sum(closed_day - created_day) FILTER (ended AND inside AND closed_day >= created_day) AS d,
        sum(amount) FILTER (ended AND inside AND status = 'won') AS won_amount,
        count(*) FILTER (status <> 'open' AND closed_day IS NULL) AS undated,
        open_deals * (won / closed) * (won_amount / with_amount) / (d / timed) AS sales_velocity
        FROM known GROUP BY region""",
        _velocity, f"{OUTCOME} amount", "region open_deals won closed timed sales_velocity",
    ),
    "pipeline_by_stage": Case(
        "deals", lambda path: pipeline_by_stage(path, as_of=AS_OF, by=BY),
        f"""{KNOWN} SELECT region, CASE WHEN status = 'open' THEN k.stage END AS stage,
        min(CASE WHEN status = 'open' THEN stage_rank END) AS stage_rank, count(*) AS deals,
        sum(amount) AS amount, count(*) - count(amount) AS without_amount,
        sum(amount * probability) AS weighted, count(amount * probability) AS weighted_deals,
        count(*) FILTER (expected_close_day < {TODAY}) AS overdue,
        sum(amount) FILTER (expected_close_day < {TODAY}) AS overdue_amount,
        median({TODAY} - created_day) AS median_age FROM known k WHERE is_open GROUP BY 1, 2""",
        _pipeline, f"{OUTCOME} amount probability stage expected_close_day",
        "region stage deals amount weighted overdue overdue_amount median_age",
    ),
    "cohort_exits": Case(
        "deals", lambda path: cohort_exits(path, **WHEN),
        f"""{KNOWN} SELECT region,
        CASE WHEN is_open THEN {TODAY} ELSE closed_day END - created_day AS age_days,
        count(*) FILTER (ended AND status = 'won') AS won,
        count(*) FILTER (ended AND status = 'lost') AS lost,
        count(*) FILTER (ended AND status = 'invalid') AS invalid,
        count(*) FILTER (is_open) AS still_open FROM known
        WHERE created_day BETWEEN {START} AND {END - 1} AND age_days >= 0 GROUP BY 1, 2""",
        _cohort, OUTCOME, "region age_days won lost invalid still_open",
    ),
    "sales_cycle": Case(
        "deals", lambda path: sales_cycle(path, **WHEN),
        f"""{KNOWN}, timed AS (SELECT region, {TODAY} - created_day AS age, is_open,
        closed_day - created_day AS days, ended AND inside AND closed_day >= created_day AS sound,
        sound AND status = 'won' AS won, status <> 'open' AND closed_day IS NULL AS undated
        FROM known) SELECT region,
        quantile_cont(days, [0.5, 0.9]) FILTER (won) AS w,
        quantile_cont(days, [0.5, 0.9]) FILTER (sound) AS c,
        quantile_cont(age, [0.5, 0.9]) FILTER (is_open) AS o,
        w[1] AS won_median, w[2] AS won_p90, c[1] AS closed_median, c[2] AS closed_p90,
        o[1] AS open_median, o[2] AS open_p90, avg(days) FILTER (sound) AS closed_mean,
        count(*) FILTER (undated) AS undated FROM timed GROUP BY region""",
        _cycle, OUTCOME,
        "region won_median won_p90 closed_median closed_p90 open_median open_p90 closed_mean",
    ),
    "lead_conversion": Case(
        "leads", lambda path: lead_conversion(path, **WHEN),
        f"""born AS (FROM leads WHERE created_day BETWEEN {START} AND {END - 1})
        SELECT region, count(*) AS leads, count(*) FILTER (converted_day <= {TODAY}
        OR converted_day IS NULL AND is_converted) AS converted FROM born GROUP BY region""",
        _conversion, "region created_day converted_day is_converted", "region leads converted",
    ),
    "stage_flow": Case(
        "visits", lambda path: stage_flow(path, period=QUARTER, by=BY),
        f"""began AS (FROM visits WHERE stage_category = 'open'
        AND entered_day BETWEEN {START} AND {END - 1})
        SELECT region, stage, stage_rank, count(*) AS entered, sum(skipped) AS skipped,
        count(*) FILTER (exit_type = 'advanced') AS advanced,
        count(*) FILTER (exit_type = 'skipped_to') AS skipped_to,
        count(*) FILTER (exit_type = 'back') AS back, count(*) FILTER (exit_type = 'won') AS won,
        count(*) FILTER (exit_type = 'lost') AS lost, count(*) FILTER (exit_type = 'open') AS open
        FROM began GROUP BY region, stage, stage_rank""",
        _flow, f"{VISITED} skipped",
        "region stage entered skipped advanced skipped_to back won lost open",
    ),
    "transitions": Case(
        "visits", lambda path: transitions(path, period=QUARTER, by=BY),
        f"""gone AS (FROM visits WHERE exited_day BETWEEN {START} AND {END - 1})
        SELECT region, stage, stage_rank, next_stage, next_rank, exit_type, count(*) AS moves,
        count(DISTINCT deal_id) AS deals FROM gone GROUP BY ALL""",
        _moves, f"{VISITED} deal_id next_stage", "region stage next_stage exit_type moves deals",
    ),
    "dwell_counts": Case(
        "visits", lambda path: dwell_counts(path, **WHEN),
        f"""began AS (FROM visits WHERE stage_category = 'open' AND NOT is_passing
        AND entered_day BETWEEN {START} AND {END - 1})
        SELECT region, stage, stage_rank,
        coalesce(exited_day, {TODAY}) - entered_day AS age_days,
        count(*) FILTER (exit_type IN ('advanced', 'skipped_to', 'won')) AS onward,
        count(*) FILTER (exit_type = 'back') AS back, count(*) FILTER (exit_type = 'lost') AS lost,
        count(*) FILTER (exit_type <> 'open') AS ended,
        count(*) FILTER (exit_type = 'open') AS still_open FROM began GROUP BY ALL""",
        _dwell, f"{VISITED} is_passing",
        "region stage age_days onward back lost ended still_open",
    ),
}  # fmt: skip

if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
