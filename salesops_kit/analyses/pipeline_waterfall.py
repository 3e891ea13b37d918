"""Pipeline waterfall: what entered, changed and left the open pipeline between two days.

start + new + moved in + reopened + reassigned + increased - decreased - moved out - won - lost
- invalid - deleted = end, in deals and in money, per deal and therefore exactly. Two views: all
open deals, and those due by the end of the period, which a later close date leaves (pushed).
"""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import narwhals.stable.v2 as nw
import pandas as pd

from salesops_kit.analyses.pipeline_states import Known, Past, States
from salesops_kit.analyses.pipeline_waterfall_findings import waterfall_findings
from salesops_kit.analyses.recall import recalled
from salesops_kit.errors import DataError
from salesops_kit.findings import Finding
from salesops_kit.metrics.engine import Frame
from salesops_kit.metrics.grouping import day_counts, day_quantiles, mark, totals, with_rate
from salesops_kit.periods import Period, day_number, periods_until
from salesops_kit.workspace import Workspace

ENTRIES = ("new", "moved_in", "reopened", "reassigned")
EXITS = ("moved_out", "won", "lost", "invalid", "deleted")
STEPS = ("start", *ENTRIES, "increased", "decreased", *EXITS, "end")
VIEWS = ("due", "all")
SHOWN = 6  # periods whose push rates are compared
MOST_PUSHES = 3  # from which on deals are counted together
_CENT = 0.01
_STEP_COLUMNS = ["view", "step", "deals", "amount", "touched"]
_PUSH_COLUMNS = ["period", "group", "deals", "amount", "won", "lost", "pushed", "pushed_amount",
                 "late", "late_amount", "deleted", "push_rate", "lower", "upper", "slip_rate",
                 "push_days"]  # fmt: skip


@dataclass(frozen=True)
class PipelineWaterfall:
    """How the open pipeline got from `first` to `last`, both days at their end.

    `steps`: `view`, `step`, `deals` and `amount` with their signs (start and end are levels),
    `touched` deals whose amount
    changed (missing for other steps). `pushes`: deals due in the period (`due`) and overdue at
    its start (`overdue`): what became of them. `trend`: the same of the deals due, per period.
    `repeated`: open deals by how often their date moved to a later month. `unmoved`: deals open
    on both days without a change of stage between them.
    """

    period: Period
    first: date
    last: date
    known: Known
    steps: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_STEP_COLUMNS))
    pushes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_PUSH_COLUMNS))
    trend: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=_PUSH_COLUMNS))
    repeated: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["pushes", "deals", "amount"])
    )
    unmoved: int = 0
    open_both: int = 0
    findings: list[Finding] = field(default_factory=list)

    def view(self, name: str) -> pd.DataFrame:
        """Return the steps of one view, without those that nothing happened in."""
        rows = self.steps[self.steps["view"] == name]
        still = (rows["deals"] != 0) | (rows["amount"] != 0) | rows["step"].isin(["start", "end"])
        return rows[still].reset_index(drop=True)

    def path(self, name: str) -> pd.DataFrame:
        """Return one view for a chart: `step`, `value`, `kind` (level or change)."""
        rows = self.view(name)
        levels = rows["step"].isin(["start", "end"])
        return pd.DataFrame(
            {"step": rows["step"], "value": rows["amount"],
             "kind": levels.map({True: "level", False: "change"}),
             "lower": float("nan"), "upper": float("nan")}
        )  # fmt: skip

    @property
    def told(self) -> pd.DataFrame:
        """Return how well each kind of change is known, for a table."""
        whats = ("closings", "amounts", "dates", "owners", "deletions")
        return pd.DataFrame({"told_of": whats, "told": [self.known.told(what) for what in whats]})

    def value(self, view: str, step: str, column: str = "amount") -> float:
        """Return one cell of `steps`."""
        rows = self.steps[(self.steps["view"] == view) & (self.steps["step"] == step)]
        return float(rows[column].iloc[0])


@recalled
def analyse_pipeline_waterfall(workspace: Workspace, *, period: Period) -> PipelineWaterfall:
    """Follow the open pipeline from the eve of a period to its end, or to the as-of day.

    Raises
    ------
    DataError
        When the steps do not add up to the end, since a deal has a status that is none.
    """
    eve = period.start - timedelta(days=1)
    last = min(workspace.as_of, period.last)
    begins = _first_day(workspace)
    if last <= eve or day_number(eve) < begins:
        return PipelineWaterfall(period, eve, last, Known())
    past = Past(workspace)
    states = past.between(eve, last)
    marked = {view: _marked(states, period, view) for view in VIEWS}
    both, unmoved = _unmoved(workspace, marked["all"], states)
    found = PipelineWaterfall(
        period=period,
        first=states.first,
        last=states.last,
        known=states.known,
        steps=pd.concat([_steps(marked[view], view) for view in VIEWS], ignore_index=True),
        repeated=_repeated(states, workspace),
        open_both=both,
        unmoved=unmoved,
    )
    if states.known.dates:  # without former dates nothing would seem pushed
        pushes, trend = _pushes(states, period), _trend(past, period, begins)
        found = replace(found, pushes=pushes, trend=trend)
    return replace(found, findings=waterfall_findings(found, workspace.settings))


def _first_day(workspace: Workspace) -> float:
    """Return the day number of the first deal known; never where none has a day."""
    days = workspace.table("deals").select(nw.col("created_day").min())
    value = days.collect(backend="pandas").to_native().iloc[0, 0]
    return float("inf") if pd.isna(value) else float(value)


def _marked(states: States, period: Period, view: str) -> Frame:
    """Mark what each deal did between the two days, 1 or 0 per step, and its amounts."""
    due = [
        mark(nw.col(f"due_{t}") < period.end_day) if view == "due" else nw.lit(1) for t in (0, 1)
    ]
    frame = states.frame.with_columns(
        due_0=due[0], due_1=due[1],
        open_0=mark(nw.col("status_0") == "open"), open_1=mark(nw.col("status_1") == "open"),
        a_0=nw.col("amount_0").fill_null(0.0), a_1=nw.col("amount_1").fill_null(0.0),
    )  # fmt: skip
    in_0 = (nw.col("open_0") == 1) & (nw.col("due_0") == 1) & (nw.col("mine_0") == 1)
    in_1 = (nw.col("open_1") == 1) & (nw.col("due_1") == 1)
    gone = nw.col("status_1").is_null()
    inside = (nw.col("closed_day") > states.first_day) & (nw.col("closed_day") <= states.last_day)
    # who went from open to closed did so in between, whatever day the CRM writes down for it
    shut = (nw.col("open_1") == 0) & ~gone & ((nw.col("open_0") == 1) | inside)
    frame = frame.with_columns(start=mark(in_0), end=mark(in_1), shut=mark(shut), gone=mark(gone))
    enters = (nw.col("start") == 0) & ((nw.col("end") == 1) | (nw.col("shut") == 1))
    unseen = nw.col("status_0").is_null()
    was_open = nw.col("open_0") == 1
    leaves = (nw.col("start") == 1) | enters
    closes = {s: mark(leaves & (nw.col("shut") == 1) & (nw.col("status_1") == s))
              for s in ("won", "lost", "invalid")}  # fmt: skip
    return frame.with_columns(
        new=mark(enters & unseen),
        moved_in=mark(enters & was_open & (nw.col("due_0") == 0)),
        reassigned=mark(enters & was_open & (nw.col("due_0") == 1)),
        reopened=mark(enters & ~unseen & ~was_open),
        moved_out=mark((nw.col("start") == 1) & (nw.col("open_1") == 1) & (nw.col("due_1") == 0)),
        deleted=mark((nw.col("start") == 1) & (nw.col("gone") == 1)),
        **closes,
    )


def _steps(marked: Frame, view: str) -> pd.DataFrame:
    """Sum the steps in deals and money, and assert that they add up."""
    # what comes in as it was counts at its old amount, what is new at the one it has now
    old = {name: nw.col(name) * nw.col("a_0") for name in ("start", "moved_in", "reassigned",
                                                           "deleted")}  # fmt: skip
    now = {name: nw.col(name) * nw.col("a_1") for name in ("new", "reopened", "moved_out", "won",
                                                           "lost", "invalid", "end")}  # fmt: skip
    grown = nw.col("a_1") - nw.col("a_0")
    stays = (nw.col("start") + nw.col("moved_in") + nw.col("reassigned") > 0) & (
        nw.col("gone") == 0
    )
    changes = {"increased": stays & (grown > 0), "decreased": stays & (grown < 0)}
    money = old | now | {name: nw.when(when).then(grown) for name, when in changes.items()}
    frame = marked.with_columns(
        **{f"m_{name}": value for name, value in money.items()},
        **{name: mark(when) for name, when in changes.items()},
    )
    sums = totals(frame, by=(), counts=STEPS, sums=[f"m_{name}" for name in STEPS]).iloc[0]
    signs = {name: -1 if name in EXITS else 1 for name in STEPS}
    resized = ("increased", "decreased")
    table = pd.DataFrame(
        {
            "view": view,
            "step": STEPS,
            "deals": [0 if s in resized else signs[s] * int(sums[s]) for s in STEPS],
            "amount": [signs[s] * float(sums[f"m_{s}"]) for s in STEPS],
            "touched": [float(sums[s]) if s in resized else float("nan") for s in STEPS],
        }
    )
    _assert_sums(table)
    return table


def _assert_sums(table: pd.DataFrame) -> None:
    way, end = table.iloc[:-1], table.iloc[-1]
    deals, amount = way["deals"].sum() - end["deals"], way["amount"].sum() - end["amount"]
    if deals or abs(amount) > _CENT + 1e-9 * way["amount"].abs().sum():
        raise DataError(
            f"the pipeline's steps miss its end by {deals} deals and {amount:.2f}: a deal's status "
            "is none of open, won, lost and invalid; name its stage in salesops.toml and import "
            "again"
        )


def _pushes(states: States, period: Period) -> pd.DataFrame:
    """Say what became of the deals due in the period and of those overdue at its start."""
    before = nw.col("due_0") < period.start_day
    due = (nw.col("status_0") == "open") & (nw.col("due_0") < period.end_day)
    frame = states.frame.filter(due & (nw.col("mine_0") == 1))
    still = nw.col("status_1") == "open"
    later = still & (nw.col("due_1") >= period.end_day)
    frame = frame.with_columns(
        group=nw.when(before).then(nw.lit("overdue")).otherwise(nw.lit("due")),
        deals=nw.lit(1), amount=nw.col("amount_0"),
        won=mark(nw.col("status_1") == "won"),
        lost=mark(nw.col("status_1").is_in(["lost", "invalid"])),
        pushed=mark(later), deleted=mark(nw.col("status_1").is_null()),
        days=nw.when(later).then(nw.col("due_1") - nw.col("due_0")), open_1=mark(still),
    ).with_columns(late=nw.col("open_1") - nw.col("pushed"))  # fmt: skip
    frame = frame.with_columns(
        **{f"{name}_amount": nw.when(nw.col(name) == 1).then(nw.col("amount"))
           for name in ("pushed", "late")}
    )  # fmt: skip
    counts = ["deals", "won", "lost", "pushed", "late", "deleted"]
    sums = ["amount", "pushed_amount", "late_amount"]
    table = totals(frame, by=["group"], counts=counts, sums=sums)
    table = with_rate(table, "pushed", "deals", "push_rate")
    spans = day_quantiles(day_counts(frame, by=["group"], days="days"), by=["group"], days="days",
                          quantiles={"push_days": 0.5})[["group", "push_days"]]  # fmt: skip
    table = table.merge(spans, on="group", how="left").assign(
        period=period.label, slip_rate=(table["pushed"] + table["late"]) / table["deals"]
    )
    return table[_PUSH_COLUMNS]


def _trend(past: Past, period: Period, begins: float) -> pd.DataFrame:
    """Push rates of the last periods, the one asked about last."""
    parts = []
    for one in periods_until(period, SHOWN):
        eve, last = one.start - timedelta(days=1), min(past.workspace.as_of, one.last)
        if last > eve and day_number(eve) >= begins:
            pushes = _pushes(past.between(eve, last), one)
            parts.append(pushes[pushes["group"] == "due"])
    columns = pd.DataFrame(columns=_PUSH_COLUMNS)
    return pd.concat(parts, ignore_index=True) if parts else columns


def _repeated(states: States, workspace: Workspace) -> pd.DataFrame:
    """Count the open deals by how often their close date moved to a later month."""
    if not states.known.dates or not workspace.has("stage_history"):
        return pd.DataFrame(columns=["pushes", "deals", "amount"])
    on, day = nw.col("expected_close_on"), nw.col("entered_day")
    history = workspace.table("stage_history").filter(day <= states.last_day)
    dated = history.filter(~on.is_null()).with_columns(month=on.dt.year() * 12 + on.dt.month())
    before = nw.col("month").shift(1).over("deal_id", order_by="seq")
    moves = dated.with_columns(later=mark(nw.col("month") > before))
    each = moves.group_by("deal_id").agg(pushes=nw.col("later").sum())
    is_open = states.frame.filter(nw.col("status_1") == "open").join(each, on="deal_id", how="left")
    count = nw.col("pushes").fill_null(0)
    most = nw.when(count > MOST_PUSHES).then(nw.lit(MOST_PUSHES)).otherwise(count)
    table = is_open.with_columns(pushes=most.cast(nw.Int64), deals=nw.lit(1),
                                 amount=nw.col("amount_1"))  # fmt: skip
    return totals(table, by=["pushes"], counts=["deals"], sums=["amount"])


def _unmoved(workspace: Workspace, marked: Frame, states: States) -> tuple[int, int]:
    """Count the deals open on both days, and those of them whose stage did not change."""
    both = marked.filter((nw.col("start") == 1) & (nw.col("end") == 1)).select("deal_id")
    frame = both.with_columns(n=nw.lit(1))
    whole = int(totals(frame, by=(), counts=["n"])["n"].iloc[0])
    if not workspace.has("stage_history"):
        return whole, whole
    day = nw.col("entered_day")
    inside = (day > states.first_day) & (day <= states.last_day)
    moved = workspace.table("stage_history").filter(inside).select("deal_id").unique()
    rest = frame.join(moved, on="deal_id", how="anti")
    return whole, int(totals(rest, by=(), counts=["n"])["n"].iloc[0])
