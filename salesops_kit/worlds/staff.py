"""What a company knows of its own people: trainings, pay, rules, mood, hand-offs, process."""

from datetime import date, timedelta

import numpy as np
import pandas as pd

from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, second, working_day
from salesops_kit.worlds.customers import CONTRACT
from salesops_kit.worlds.effects import Renamed, StageDropped
from salesops_kit.worlds.simulate import Company
from salesops_kit.worlds.world import World

TOPICS = (
    c.Named("Product knowledge", "产品知识"),
    c.Named("Negotiation", "谈判技巧"),
    c.Named("Market and industry", "市场与行业"),
)
QUESTIONS = (
    c.Named("I would recommend working here.", "我愿意推荐朋友来这里工作。", 3.9),
    c.Named("My targets are fair.", "我的业绩目标合理。", 3.5),
    c.Named("My manager helps me to get better.", "主管能帮助我进步。", 4.0),
)
DEPARTMENTS = (c.Named("sales", "销售部"), c.Named("delivery", "交付部"),
               c.Named("service", "售后部"))  # fmt: skip
CHANGES = (
    c.Named("first version", "首版"),
    c.Named("stage dropped", "取消阶段"),
    c.Named("stage renamed", "阶段更名"),
)
_BEFORE_LEAVING = 180  # days in which a team's mood suffers before a colleague leaves


def trainings(company: Company) -> pd.DataFrame:
    """Return who was trained when: trainings that worked, and ordinary ones that did not."""
    world = company.world
    planted = [
        (cause.span.since, 1, rep)
        for cause in world.causes
        if cause.kind == "training_effect"
        for rep in cause.where.reps
    ]
    ordinary = [row for number, day in enumerate(_quarters(world)[1::2])
                for row in _ordinary(company, number, day + timedelta(days=40))]  # fmt: skip
    frame = pd.DataFrame([*planted, *ordinary], columns=["held", "topic", "rep"])
    frame = frame.sort_values(["held", "topic", "rep"], ignore_index=True)
    number = frame.groupby(["held", "topic"], sort=True).ngroup()
    return frame.assign(training=number)


def _ordinary(company: Company, number: int, day: date) -> list[tuple[date, int, int]]:
    """Return one training for about a sixth of those who are there."""
    there = _there(company.reps, day)
    if day >= company.world.export_on or not len(there):
        return []
    rng = company.world.stream(f"training {number}")
    chosen = rng.choice(there, size=max(len(there) // 6, 1), replace=False)
    return [(day, number % len(TOPICS), int(rep)) for rep in sorted(chosen)]


def _there(reps: pd.DataFrame, day: date) -> np.ndarray:
    """Return the reps who work there on a day."""
    left = np.array([d is None or d > day for d in reps["leave_on"]])
    hired = np.array([d <= day for d in reps["hire_on"]])
    return np.asarray(reps["rep"].to_numpy()[left & hired])


def _quarters(world: World) -> list[date]:
    """Return the first days of the quarters that begin within the world."""
    days = pd.date_range(world.start, world.export_on, freq="QS", inclusive="left")
    return [day.date() for day in days]


def comp_plans(world: World) -> pd.DataFrame:
    """Return the pay plan of each calendar year: more for all above target, and a cap.

    The plan of the year to come is a draft of another kind: it begins lower and gentler
    (`comp_tiers`), follows the team in part, and is capped by month.
    """
    years = range(world.start.year, world.export_on.year + 1)
    coming = world.export_on.year + 1
    rows = [(f"P{year}", 0.5, 0.02, 1.5, 400_000.0, None, date(year, 1, 1), date(year, 12, 31))
            for year in years]  # fmt: skip
    draft = (f"P{coming}", None, 0.02, None, 40_000.0, 0.1, date(coming, 1, 1),
             date(coming, 12, 31))  # fmt: skip
    return pd.DataFrame(
        [*rows, draft],
        columns=["plan", "threshold", "rate", "accelerator", "cap", "team_share", "valid_from",
                 "valid_to"],
    )  # fmt: skip


def comp_tiers(world: World) -> pd.DataFrame:
    """Return the steps of the plan of the year to come: decelerated, plain, accelerated."""
    plan = f"P{world.export_on.year + 1}"
    return pd.DataFrame(
        [(plan, 0.3, 0.6), (plan, 0.8, 1.0), (plan, 1.0, 1.6), (plan, 2.0, 1.0)],
        columns=["plan", "start", "multiplier"],
    )


def spifs(world: World) -> pd.DataFrame:
    """Return a bonus for a product in the last full quarter: 0.5 % of bookings and 500 a deal."""
    end = _quarters(world)[-1]
    begin = _quarters(world)[-2] if len(_quarters(world)) > 1 else world.start
    return pd.DataFrame(
        [("B1", 0, 0.005, 500.0, begin, end - timedelta(days=1))],
        columns=["spif", "product", "rate", "per_deal", "start", "end"],
    )


def sop_rules() -> pd.DataFrame:
    """Return the rules of the sales process, one of each kind."""
    return pd.DataFrame(
        [
            ("S1", "proposal", "field", "amount", None,
             "An offer has an amount.", "报价阶段必须填写金额。"),
            ("S2", "solution", "activity", "visit", None,
             "No solution without a visit.", "方案阶段必须上门拜访。"),
            ("S3", "", "order", "", None, "No stage is skipped.", "不得跳过阶段。"),
            ("S4", "negotiation", "max_dwell", "", 28.0,
             "No negotiation takes more than four weeks.", "谈判不超过四周。"),
            ("S5", "contract", "approval", "manager", None,
             "The manager approves every contract.", "合同须经主管审批。"),
        ],
        columns=["rule", "stage", "kind", "requires", "max_dwell", "en", "zh"],
    )  # fmt: skip


def visit_rule(company: Company, *, real: float = 0.4, skilled: float = 0.8) -> pd.DataFrame:
    """Return the truth about rule S2: for each stay in solution, whether the rep went there.

    Keeping the rule goes with winning for two reasons: reps with more skill keep it more often
    (`skilled`, log-odds per 0.3 of skill: confounding), and visited deals advance at log-odds
    higher by `real` (drawn from the outcome, which gives the same joint distribution). Open stays
    have no outcome and are drawn between the two.
    """
    rng = company.world.stream("visit rule")
    history, reps = company.history, company.reps
    after = history.groupby("deal")["stage"].shift(-1)
    usual = rng.normal(0, 0.5, len(reps)) + skilled * reps["skill"].to_numpy() / 0.3
    luck = rng.random(len(history))
    went_on = np.where(after.isna(), 0.5, (after != "lost") & (after != "invalid")).astype(float)
    logit = 0.7 + usual[history["rep"]] + real * (went_on - 0.5)
    kept = luck < np.round(1 / (1 + np.exp(-logit)), 6)
    stays = pd.DataFrame({"entry": np.arange(len(history)), "deal": history["deal"],
                          "rep": history["rep"], "kept": kept, "went_on": went_on})  # fmt: skip
    return stays[(history["stage"] == "solution").to_numpy()].reset_index(drop=True)


def culture_pulse(company: Company) -> pd.DataFrame:
    """Ask every team each quarter; its mood falls in the half year before a colleague leaves."""
    world = company.world
    rng = world.stream("culture")
    rows = []
    for day in _quarters(world):
        there = _there(company.reps, day)
        home = company.reps["region"].to_numpy()
        for team in range(len(c.REGIONS)):
            asked = int((home[there] == team).sum())
            sorrow = _leaving_soon(company, team, day) / max(asked, 1)
            for number, question in enumerate(QUESTIONS):
                answers = int(rng.binomial(asked, 0.8))
                noise = float(rng.normal(0, 0.5)) / max(answers, 1) ** 0.5
                score = round(min(max(question.weight - 3.0 * sorrow + noise, 1), 5), 2)
                rows.append((day, team, number, score if answers else np.nan, answers, asked))
    return pd.DataFrame(rows, columns=["surveyed", "team", "question", "score", "answers", "asked"])


def _leaving_soon(company: Company, team: int, day: date) -> int:
    until = day + timedelta(days=_BEFORE_LEAVING)
    reps = company.reps
    leave = reps.loc[(reps["region"] == team) & reps["leave_on"].notna(), "leave_on"]
    return sum(day < left <= until for left in leave)


def handoffs(company: Company, placed: pd.DataFrame) -> pd.DataFrame:
    """Hand each order from sales to delivery, and once delivered to service.

    Papers are missing in an eighth of the cases; those take about three times as long.
    """
    rng = company.world.stream("handoffs")
    end = second(company.world.export_on) // DAY
    goods = placed[placed["kind"] != CONTRACT]
    steps = [
        goods.assign(step=0, handed=goods["at"] // DAY),
        goods.assign(step=1, handed=goods["delivered_day"])[goods["delivered"]],
    ]
    parts = []
    for table in steps:
        n = len(table)
        complete = rng.random(n) >= 0.125
        days = rng.poisson(np.where(complete, 2, 6), n)
        got = working_day((table["handed"].to_numpy() + days) * DAY) // DAY
        parts.append(table.assign(complete=complete, accepted=np.where(got < end, got, -1)))
    frame = pd.concat(parts).sort_values(["handed", "order", "step"], ignore_index=True)
    frame.insert(0, "handoff", np.arange(len(frame)))
    return frame[["handoff", "order", "deal", "step", "handed", "accepted", "complete"]]


def process_versions(world: World) -> pd.DataFrame:
    """Return what the company itself wrote down about changes of its process."""
    rows: list[tuple[date, int, str]] = [(world.start, 0, "")]
    rows += [(e.span.since, 1, e.stage) for e in world.effects(StageDropped)]
    rows += [(e.span.since, 2, e.stage) for e in world.effects(Renamed)]
    frame = pd.DataFrame(sorted(rows), columns=["valid_from", "change", "stage"])
    return frame.assign(version=np.arange(1, len(frame) + 1))
