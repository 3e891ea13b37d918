"""One rep's sheet for the talk with the manager: facts beside peers, help needed, what was agreed.

Everything shown is the rep's own, but for figures pooled over at least five peers. Peers are read
to pool them and never handed on: no name, no record, no single figure of anybody else.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd

from salesops_kit.analyses.recall import recalled
from salesops_kit.analyses.rep_quota import quotas, year_to_date
from salesops_kit.analyses.rep_scorecard import Criterion, criteria
from salesops_kit.analyses.rep_skills import skills
from salesops_kit.analyses.rep_sources import RepSource
from salesops_kit.analyses.reps import win_comparison
from salesops_kit.errors import ParameterError
from salesops_kit.findings import Finding
from salesops_kit.language import Named, Share, Word, both
from salesops_kit.periods import EPOCH, Period
from salesops_kit.workspace import Workspace

FEWEST_PEERS = 5  # below, a pooled figure would tell of persons
SHOWN, LINES = 3, 4  # strengths or gaps; empty lines for new actions
DEALS, ACTIONS = 5, 4
MEMORY = 200  # days: an action agreed longer ago and done is history
_INTERVAL = 3.29  # standard deviations that a 90 % interval is wide
_SHOWN_AS = {"winning": "same_deals", "attainment": "attainment_year",
             "contacts": "contacts_pace", "response": "prompt_leads"}  # fmt: skip
_OF_MEANS = ("deal_size", "satisfaction", "attitude")  # whose facts are plain means
_WORTH = 0.15  # standard deviations between reps: less is no strength and no gap
COLUMNS = {
    "facts": ["fact", "mine", "lower", "upper", "peers", "n", "unit"],
    "profile": ["where", "standing", "mine", "peers", "unit", "surety"],
    "deals": ["deal", "stage", "amount", "age_days", "quiet_days", "help"],
    "actions": ["agreed", "opened_on", "due_on", "done_on", "result"],
}


@dataclass(frozen=True)
class Sheet:
    """One rep's sheet.

    `facts`: `fact` (a column's word), `mine`, its bounds, `peers` (pooled; missing below five),
    `n` own cases, `unit`. `profile`: up to three strengths and three gaps: `standing`, `where` (in
    both languages), `mine`, `peers`, `surety` (sure, counted, or hint: may be chance). `deals`: own
    open deals that need help most, and why. `actions`: what was agreed and what became of it.
    """

    person: str = ""
    team: str = ""
    period: str = ""
    window: str = ""
    peers: int = 0
    facts: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["facts"]))
    profile: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["profile"]))
    deals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["deals"]))
    actions: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["actions"]))
    findings: list[Finding] = field(default_factory=list)

    @property
    def title(self) -> str:
        """Return the text of the sheet's first line: whom it is about, or that nobody is meant."""
        return "one_to_one.for_whom" if self.person else "one_to_one.for_nobody"

    @property
    def heading(self) -> dict[str, str | int]:
        """Return what the first line says."""
        return {"person": self.person, "team": self.team or "–", "period": self.period,
                "window": self.window, "peers": self.peers}  # fmt: skip

    @property
    def lines(self) -> pd.DataFrame:
        """Return empty lines for what is agreed now."""
        return pd.DataFrame({"agreed": [""] * LINES, "due": "", "signed": ""})


@dataclass(frozen=True)
class Pool:
    """Everybody measured once, for the sheets of many; never handed to a reader."""

    source: RepSource
    known: Sequence[Criterion]
    skills: pd.DataFrame


def pool_of(workspace: Workspace, *, period: Period) -> Pool:
    """Measure everybody, whatever the scope, to pool peers' figures."""
    source = RepSource(workspace.with_peers(), period)
    return Pool(source, _measured(source), skills(source))


@recalled
def one_to_one(
    workspace: Workspace, *, period: Period, rep: str = "", pool: Pool | None = None
) -> Sheet:
    """Return the sheet of the rep in scope, or of one rep of the team in scope.

    Parameters
    ----------
    workspace
        Opened under the scope of a rep, or of a team or region by who leads it. Of one open to
        everybody nothing is shown.
    period
        Whose quota is looked at; other figures are of the months up to its end.
    rep
        Id or name of the rep; needed under the scope of a team or region.
    pool
        Everybody's figures, if already measured.

    Raises
    ------
    ParameterError
        When the scope holds no such rep.
    """
    if not workspace.scope.dimension:
        return Sheet(period=period.label)
    own = RepSource(workspace, period)
    wanted = rep or (workspace.scope.value if workspace.scope.dimension == "rep" else "")
    row = _chosen(own, wanted, workspace)
    pool = pool or pool_of(workspace, period=period)
    facts = _facts(pool, row["rep"], period)
    sheet = Sheet(
        person=row["name"] or row["rep"], team=row["team"] or "", period=period.label,
        window=own.window.label, peers=max(len(pool.source.members) - 1, 0),
        facts=facts, profile=_profile(pool, row["rep"], facts),
        deals=_deals(workspace, row["rep"]), actions=_actions(workspace, row["rep"]),
    )  # fmt: skip
    return Sheet(**{**sheet.__dict__, "findings": _findings(sheet)})


def _chosen(own: RepSource, wanted: str, workspace: Workspace) -> Mapping[str, Any]:
    members = own.members
    found = members[(members["rep"] == wanted) | (members["name"] == wanted)]
    if len(found) != 1:
        names = ", ".join(sorted(members["name"].fillna(members["rep"]))) or "nobody"
        raise ParameterError(
            f"rep is {wanted!r}, who is not the one rep meant in scope {workspace.scope}; "
            f"it holds {names}"
        )
    return {str(name): value for name, value in found.iloc[0].where(found.iloc[0].notna(),
            None).items()}  # fmt: skip


# -- facts beside peers -------------------------------------------------------------------------


def _measured(source: RepSource) -> list[Criterion]:
    """Measure everybody on every criterion, once."""
    if len(source.decided["rep"].unique()) < FEWEST_PEERS:
        return []
    return criteria(source, win_comparison(source))


def _facts(pool: Pool, rep: str, period: Period) -> pd.DataFrame:
    source = pool.source
    rows = [
        _quota_fact(quotas(source, period), rep, "attainment"),
        _quota_fact(quotas(source, year_to_date(period)), rep, "attainment_year"),
        *[_criterion(c, rep) for c in pool.known if c.name != "attainment"],
    ]
    return pd.DataFrame([row for row in rows if row is not None], columns=COLUMNS["facts"])


def _fact(
    name: str, unit: str, mine: float, peers: float, n: int | None, **bounds: float
) -> dict[str, Any]:
    nothing = {"lower": np.nan, "upper": np.nan}
    return {"fact": name, "mine": mine, "peers": peers, "n": n, "unit": unit} | nothing | bounds


def _quota_fact(table: pd.DataFrame, rep: str, name: str) -> dict[str, Any] | None:
    mine, others = table[table["rep"] == rep], table[table["rep"] != rep]
    others = others[others["prorated"] > 0]
    if mine.empty or not mine["prorated"].iloc[0] > 0:
        return None
    pooled = others["bookings"].sum() / others["prorated"].sum() if _many(others) else np.nan
    return _fact(name, "share", float(mine["attainment"].iloc[0]), pooled, None)


def _criterion(found: Criterion, rep: str) -> dict[str, Any] | None:
    mine = found.table[found.table["rep"] == rep]
    others = found.table[(found.table["rep"] != rep) & (found.table["n"] > 0)]
    if mine.empty or not mine["n"].iloc[0]:
        return None
    pooled = float(others["value"].mean()) if _many(others) else np.nan
    value, n = float(mine["value"].iloc[0]), int(mine["n"].iloc[0])
    if found.name == "deal_size":
        return _fact(found.name, "money", float(np.exp(value)), float(np.exp(pooled)), n)
    bounds = {side: float(mine[side].iloc[0]) for side in ("lower", "upper") if side in mine}
    unit = "share" if found.name in ("satisfaction", "attitude") else found.unit
    name = _SHOWN_AS.get(found.name, found.name)
    return _fact(name, unit, value, pooled, n, **bounds)


def _many(others: pd.DataFrame) -> bool:
    return others["rep"].nunique() >= FEWEST_PEERS


# -- strengths and gaps -------------------------------------------------------------------------


def _profile(pool: Pool, rep: str, facts: pd.DataFrame) -> pd.DataFrame:
    """Return where the rep stands out most, each way, in stages and criteria, and how surely."""
    found = pd.DataFrame([*_of_stages(pool, rep), *_of_criteria(pool, rep, facts)],
                         columns=["z", *COLUMNS["profile"]])  # fmt: skip
    best = found[found["z"] > _WORTH].sort_values("z", ascending=False).head(SHOWN)
    worst = found[found["z"] < -_WORTH].sort_values("z").head(SHOWN)
    return pd.concat([best, worst], ignore_index=True)[COLUMNS["profile"]]


def _of_stages(pool: Pool, rep: str) -> list[tuple[Any, ...]]:
    source, table = pool.source, pool.skills
    rows: list[tuple[Any, ...]] = []
    for stage in _pooled_stages(table):
        part = table[table["stage"] == stage]
        mine = part[(part["rep"] == rep) & (part["n"] > 0)]
        if mine.empty:
            continue
        row = mine.iloc[0]
        noise = (part["upper"] - part["lower"]) / _INTERVAL
        effects = part["effect"].to_numpy("float64")
        apart = float(np.sqrt(effects.var() + (noise.to_numpy("float64") ** 2).mean())) or 1.0
        name = source.workspace.settings.stage(stage)
        words = {w: name.display(w) if name else stage for w in ("en", "zh")}
        kind = "strength" if row["effect"] > 0 else "gap"
        surety = "sure" if row["verdict"] == kind else "hint"
        rows.append((row["effect"] / apart, words, kind, row["adjusted"], row["usual"], "share",
                     surety))  # fmt: skip
    return rows


def _of_criteria(pool: Pool, rep: str, facts: pd.DataFrame) -> list[tuple[Any, ...]]:
    rules, rows = pool.source.workspace.settings.evaluation, []
    shown = {row["fact"]: row for row in facts.to_dict("records")}
    for criterion in pool.known:
        name = _SHOWN_AS.get(criterion.name, criterion.name)
        fact = shown.get(name)
        if fact is None or fact["peers"] != fact["peers"]:
            continue
        draws = criterion.standard(pd.Index([rep]))[0]
        z = float(draws.mean())
        chance = float((draws > 0).mean() if z > 0 else (draws < 0).mean())
        surety = "counted" if draws.std() < 1e-9 else "sure" if chance > rules.sure else "hint"
        rows.append((z, both(f"columns.{name}"), "strength" if z > 0 else "gap",
                     _adjusted(criterion, rep, fact), fact["peers"], fact["unit"],
                     surety))  # fmt: skip
    return rows


def _adjusted(criterion: Criterion, rep: str, fact: Mapping[Hashable, Any]) -> float:
    """Return the own figure on equal deals or questions: that by which the rep stands out."""
    if criterion.name not in _OF_MEANS:
        return float(fact["mine"])
    own = (criterion.table["rep"] == rep).to_numpy()
    ahead = float(criterion.draws[own].mean() - criterion.draws[~own].mean())
    peers = float(fact["peers"])
    return peers * float(np.exp(ahead)) if criterion.name == "deal_size" else peers + ahead


def _pooled_stages(table: pd.DataFrame) -> list[str]:
    reps = table.groupby("stage")["rep"].nunique()
    return [str(stage) for stage, n in reps.items() if n > FEWEST_PEERS]


# -- own deals and actions ----------------------------------------------------------------------


def _deals(workspace: Workspace, rep: str) -> pd.DataFrame:
    """Return the rep's open deals that need help: past their date or quiet, largest first."""
    today, quiet = workspace.as_of_day, workspace.settings.thresholds.quiet_deal_days
    frame = workspace.table("deals").filter(
        (nw.col("owner_id") == rep) & (nw.col("status") == "open")
    )
    names = ("deal_id", "name", "stage", "amount", "created_day", "expected_close_day")
    rows = frame.select(*names).collect(backend="pandas").to_native()
    entered = _last_days(workspace, "stage_history", "entered_day")
    touched = _last_days(workspace, "activities", "happened_day")
    since = rows["deal_id"].map(entered).fillna(rows["created_day"])
    contact = rows["deal_id"].map(touched)
    rows = rows.assign(age_days=today - since, quiet_days=today - contact,
                       deal=rows["name"].fillna(rows["deal_id"]))  # fmt: skip
    overdue = (rows["expected_close_day"] < today).fillna(value=False).astype(bool)
    silent = (rows["quiet_days"].fillna(today - rows["created_day"]) > quiet) & bool(touched)
    rows = rows.assign(help=np.select(
        [overdue & silent, overdue, silent], ["overdue_quiet", "overdue", "quiet"], "none"
    ))  # fmt: skip
    rows = rows[rows["help"] != "none"].sort_values("amount", ascending=False, na_position="last")
    table: pd.DataFrame = rows[COLUMNS["deals"]].head(DEALS).reset_index(drop=True)
    return table


def _last_days(workspace: Workspace, table: str, day: str) -> dict[str, float]:
    if not workspace.has(table):
        return {}
    last = workspace.table(table).group_by("deal_id").agg(last=nw.col(day).max())
    rows = last.collect(backend="pandas").to_native().dropna()
    return dict(zip(rows["deal_id"], rows["last"].astype(float), strict=True))


def _actions(workspace: Workspace, rep: str) -> pd.DataFrame:
    if not workspace.has("actions"):
        return pd.DataFrame(columns=COLUMNS["actions"])
    frame = workspace.table("actions").filter(nw.col("owner_id") == rep)
    rows = frame.collect(backend="pandas").to_native()
    recent = rows["opened_day"] > workspace.as_of_day - MEMORY
    rows = rows[recent | (rows["done_day"].isna() & rows["due_day"].notna())].sort_values(
        "opened_day", ascending=False
    )
    rows = rows.head(ACTIONS).reset_index(drop=True)
    days = {
        name: [None if pd.isna(day) else EPOCH + timedelta(days=int(day)) for day in rows[column]]
        for name, column in (("opened_on", "opened_day"), ("due_on", "due_day"),
                             ("done_on", "done_day"))
    }  # fmt: skip
    table: pd.DataFrame = rows.rename(columns={"what": "agreed"}).assign(
        **{name: pd.Series(column, dtype=object) for name, column in days.items()}
    )
    return table[COLUMNS["actions"]]


def _findings(sheet: Sheet) -> list[Finding]:
    facts = sheet.facts.set_index("fact")["mine"]
    year = facts.get("attainment_year", np.nan)
    sure = sheet.profile[sheet.profile["surety"] == "sure"]
    values: dict[str, Any] = {
        "person": sheet.person, "period": sheet.period,
        "share": Share(facts.get("attainment", np.nan)), "year": Share(year),
        "stages": _listed([row["where"] for row in sure.to_dict("records")]),
        "open": len(sheet.deals), "late": int(sheet.actions["done_on"].isna().sum()),
    }  # fmt: skip
    return [Finding(
        analysis="one_to_one", kind="sheet", severity="note",
        headline=both("one_to_one.sheet", **values),
        detail=both("one_to_one.sheet_detail", **values),
        action=both("one_to_one.sheet_action", **values), definition="attainment",
        section="facts", where={"rep": sheet.person},
    )]  # fmt: skip


def _listed(words: Sequence[Mapping[str, str]]) -> Named | Word:
    if not words:
        return Word("one_to_one.nowhere")
    return Named(", ".join(w["en"] for w in words), "、".join(w["zh"] for w in words))
