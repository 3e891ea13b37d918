"""Tables no CRM exports: from personnel, planning, customer care and the world outside."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from salesops_kit.worlds import business, customers, rivals, staff, talks
from salesops_kit.worlds import company as c
from salesops_kit.worlds.exports import day, money, records, stamp, write_csv
from salesops_kit.worlds.feedback import CHANNELS, TYPES
from salesops_kit.worlds.simulate import Company


@dataclass(frozen=True)
class Names:
    """How a dialect names ids, reps, teams and regions in the tables beside the CRM's."""

    ids: Callable[[str, int], str]
    reps: list[str]
    teams: list[str]
    regions: list[str]
    role: str
    zh: bool = False

    def word(self, named: c.Named) -> str:
        """Return a word in the company's language."""
        return named.zh if self.zh else named.en

    def deal(self, number: int) -> str:
        """Return the id of a deal; empty where there was none."""
        return self.ids("deal", number) if number >= 0 else ""


Table = tuple[list[str], Iterable[list[object]]]


def write_kit_tables(company: Company, folder: Path, placed: pd.DataFrame, names: Names) -> None:
    """Write every table beside the CRM's as `<table>.csv`, in the words of the company."""
    tables: dict[str, Table] = {
        "reps": _reps(company, names),
        "targets": _targets(company, names),
        "payments": _payments(company, placed, names),
        "feedback": _feedback(company, placed, names),
        "stage_goals": _stage_goals(),
        "trainings": _trainings(company, names),
        "comp_plans": _comp_plans(company, names),
        "comp_tiers": _comp_tiers(company),
        "spifs": _spifs(company, names),
        "sop_rules": _sop_rules(names),
        "culture_pulse": _culture_pulse(company, names),
        "handoffs": _handoffs(company, placed, names),
        "process_versions": _process_versions(company, names),
        "market": _market(company, names),
        "reviews": _reviews(company, names),
        "actions": _actions(company, names),
    }
    for name, (header, rows) in tables.items():
        write_csv(folder / f"{name}.csv", header, rows, "utf-8")


def contract_cells(order: Any, *, zh: bool) -> list[object]:
    """Return an order's kind, and the first day, last day and renewal of a contract."""
    kind = customers.KINDS[order.kind]
    answer = ("否", "是", "") if zh else ("false", "true", "")
    return [kind.zh if zh else kind.en, day(order.starts_day), day(order.ends_day),
            answer[order.renewed]]  # fmt: skip


def _reps(company: Company, names: Names) -> Table:
    return (
        ["rep_id", "name", "team", "role", "region", "hire_on", "leave_on", "valid_from_on"],
        [[names.ids("rep", r.rep), names.reps[r.rep], names.teams[r.region], names.role,
          names.regions[r.region], r.hire_on, r.leave_on or "", r.hire_on]
         for r in records(company.reps)],
    )  # fmt: skip


def _targets(company: Company, names: Names) -> Table:
    who: dict[str, Callable[[int], str]] = {
        "company": lambda _: "",
        "team": lambda i: names.teams[i],
        "rep": lambda i: names.ids("rep", i),
    }
    return (
        ["period_start_on", "period_end_on", "level", "level_id", "metric", "target"],
        [[t.start, t.end, t.level, who[t.level](t.who), "bookings", f"{t.target:.0f}"]
         for t in records(business.targets(company))],
    )  # fmt: skip


def _payments(company: Company, placed: pd.DataFrame, names: Names) -> Table:
    ids = names.ids
    return (
        ["payment_id", "order_id", "account_id", "paid_on", "amount", "kind"],
        [[ids("payment", p.payment), ids("order", p.order), ids("account", p.account),
          day(p.day), money(p.amount), "payment"]
         for p in records(business.payments(company, placed))],
    )  # fmt: skip


def _feedback(company: Company, placed: pd.DataFrame, names: Names) -> Table:
    kinds = [*TYPES, ("text", "", "", 0)]
    return (
        ["feedback_id", "account_id", "deal_id", "order_id", "channel", "type", "score",
         "scale_min", "scale_max", "text", "language", "asked_at", "answered_at"],
        [[names.ids("feedback", f.feedback), names.ids("account", f.account), names.deal(f.deal),
          names.ids("order", f.order), f.channel, *_scored(f.score, kinds[f.type]), f.text,
          f.language, "" if f.channel == CHANNELS[2] else stamp(f.asked), stamp(f.answered)]
         for f in records(business.feedback(company, placed))],
    )  # fmt: skip


def _scored(score: float, kind: tuple[Any, ...]) -> list[object]:
    """Return type, score and scale; nothing where nobody answered."""
    return [kind[0], money(score, "{:.0f}"), kind[1], kind[2]]


def _stage_goals() -> Table:
    goals = business.stage_goals()
    return list(goals.columns), records(goals)


def _trainings(company: Company, names: Names) -> Table:
    return (
        ["training_id", "rep_id", "topic", "held_on"],
        [[f"T{t.training + 1}", names.ids("rep", t.rep), names.word(staff.TOPICS[t.topic]), t.held]
         for t in records(staff.trainings(company))],
    )  # fmt: skip


def _comp_plans(company: Company, names: Names) -> Table:
    return (
        ["plan_id", "role", "threshold", "rate", "accelerator", "cap", "team_share",
         "valid_from_on", "valid_to_on"],
        [[p.plan, names.role, _given(p.threshold), p.rate, _given(p.accelerator), money(p.cap),
          _given(p.team_share), p.valid_from, p.valid_to]
         for p in records(staff.comp_plans(company.world))],
    )  # fmt: skip


def _given(value: float) -> object:
    return "" if value != value else value


def _comp_tiers(company: Company) -> Table:
    return (
        ["plan_id", "from_attainment", "multiplier"],
        [[t.plan, t.start, t.multiplier] for t in records(staff.comp_tiers(company.world))],
    )


def _spifs(company: Company, names: Names) -> Table:
    return (
        ["spif_id", "role", "product", "rate", "per_deal", "start_on", "end_on"],
        [[s.spif, names.role, names.word(c.PRODUCTS[s.product][0]), s.rate, money(s.per_deal),
          s.start, s.end] for s in records(staff.spifs(company.world))],
    )  # fmt: skip


def _sop_rules(names: Names) -> Table:
    return (
        ["rule_id", "stage", "kind", "requires", "max_dwell_days", "meaning"],
        [[r.rule, r.stage, r.kind, r.requires, money(r.max_dwell, "{:.0f}"),
          r.zh if names.zh else r.en] for r in records(staff.sop_rules())],
    )  # fmt: skip


def _culture_pulse(company: Company, names: Names) -> Table:
    return (
        ["surveyed_on", "team", "question", "score", "answers", "asked"],
        [[p.surveyed, names.teams[p.team], names.word(staff.QUESTIONS[p.question]),
          money(p.score), p.answers, p.asked] for p in records(staff.culture_pulse(company))],
    )  # fmt: skip


def _handoffs(company: Company, placed: pd.DataFrame, names: Names) -> Table:
    words = [names.word(d) for d in staff.DEPARTMENTS]
    return (
        ["handoff_id", "order_id", "deal_id", "from_department", "to_department", "handed_on",
         "accepted_on", "is_complete"],
        [[f"H{h.handoff + 1}", names.ids("order", h.order), names.deal(h.deal), words[h.step],
          words[h.step + 1], day(h.handed), day(h.accepted), "true" if h.complete else "false"]
         for h in records(staff.handoffs(company, placed))],
    )  # fmt: skip


def _process_versions(company: Company, names: Names) -> Table:
    return (
        ["version", "valid_from_on", "change", "stage"],
        [[v.version, v.valid_from, names.word(staff.CHANGES[v.change]), v.stage]
         for v in records(staff.process_versions(company.world))],
    )  # fmt: skip


def _market(company: Company, names: Names) -> Table:
    table = rivals.market(company)
    shown = {f"price {r.en}": f"price {names.word(r)}" for r in c.COMPETITORS}
    return (
        ["month_on", "region", "metric", "value"],
        [[f"{m.month:%Y-%m-%d}", names.regions[m.region], shown.get(m.metric, m.metric), m.value]
         for m in records(table)],
    )  # fmt: skip


def _reviews(company: Company, names: Names) -> Table:
    return (
        ["rep_id", "reviewed_on", "criterion", "score", "scale_min", "scale_max"],
        [[names.ids("rep", r.rep), r.reviewed, names.word(talks.CRITERIA[r.criterion]), r.score,
          1, 5] for r in records(talks.reviews(company))],
    )  # fmt: skip


def _actions(company: Company, names: Names) -> Table:
    agreed = [
        [f"N{a.action + 1}", "", names.word(talks.AGREED[a.what]), names.ids("rep", a.rep),
         a.opened, a.due, a.done or "", names.word(talks.RESULTS[a.result]) if a.done else ""]
        for a in records(talks.actions(company))
    ]  # fmt: skip
    decided = [
        [f"M{number}", answer.finding.format(region=names.regions[0]), names.word(answer.what),
         names.ids("rep", answer.rep), answer.opened, answer.due, answer.done or "",
         names.word(answer.result)]
        for number, answer in enumerate(company.world.answers, 1)
    ]  # fmt: skip
    columns = ["action_id", "finding_id", "what", "owner_id", "opened_on", "due_on", "done_on",
               "result"]  # fmt: skip
    return columns, [*agreed, *decided]
