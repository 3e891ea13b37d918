"""What is worth saying about risks, each with what to do."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from salesops_kit.analyses.internal_risk import BELOW
from salesops_kit.findings import Estimate, Finding, KeyFigure, Severity, in_order
from salesops_kit.language import (
    LANGUAGES,
    Count,
    Day,
    Money,
    Named,
    Number,
    Points,
    Share,
    Word,
    both,
)

if TYPE_CHECKING:
    from salesops_kit.analyses.risk import Risk

ANALYSIS = "risk"
HEAVY = 0.05  # of a period's bookings, from which on the expected loss is a warning
ASLEEP = 0.5  # chance below which a buyer has most likely stopped
SURE_MISS = 0.5  # chance of being late, from which on a due deal most likely is
FEW_GROUPS = 3.0  # effective groups below which hardly anything is spread
EVENLY = 0.8  # of the groups there are, from which on they are about of one size
_MORE = 1.02  # times the whole, from which on single risks add up to more than it
_TODAY = 3  # entries that are gone through at once
FEWEST_WON = 10  # deals won in a year; of fewer the largest customer is always large
FEWEST_JUDGED = 10  # former entries from which on their chances are judged


def risk_findings(risk: "Risk") -> list[Finding]:
    """Return the findings: the sum first, then by severity and money."""
    rest = [
        *_deals(risk), *_renewals(risk), *_silent(risk), *_voices(risk), *_concentration(risk),
        *_people(risk), *_rivals(risk), *_reasons(risk), *_market(risk), *_house(risk),
        *_leavers(risk), *_record(risk), *_alarms(risk),
    ]  # fmt: skip
    return [*_total(risk), *in_order(rest)]


def risk_key_figures(risk: "Risk") -> list[KeyFigure]:
    """Return what risks cost on average, and what customers may take away in a year."""
    if not risk.register["loss"].notna().any():  # none is entered, or none has a cost
        return []
    return [
        KeyFigure(
            "risk_loss", both("risk.key_loss"), risk.loss, "money", "risk_register",
            upper=risk.worst, n=len(risk.register), currency=risk.currency, good_direction=-1,
        )
    ]  # fmt: skip


def _finding(kind: str, severity: Severity, values: Mapping[str, Any], **more: Any) -> Finding:
    action = more.pop("action", kind)
    return Finding(
        analysis=ANALYSIS, kind=kind, severity=severity,
        headline=both(f"risk.{more.pop('words', kind)}", **values),
        detail=both(f"risk.{more.pop('detail', kind)}_detail", **values),
        action=both(f"risk.{action}_action", **values),
        definition=more.pop("definition", "risk_register"),
        **more,
    )  # fmt: skip


def _total(risk: "Risk") -> list[Finding]:
    table = risk.register
    if table.empty:
        return [_finding("nothing", "note", {"period": risk.ahead}, section="register")]
    first = table.iloc[0]
    unowned = int(table["owner"].isna().sum())
    values = {
        "n": Count(len(table)), "period": risk.ahead, "loss": Money(risk.loss, risk.currency),
        "worst": Money(risk.worst, risk.currency), "share": Share(_part(risk.loss, risk.there)),
        "there": Money(risk.there, risk.currency),
        "first": Named(first["statement"]["en"], first["statement"]["zh"]),
        "chance": Share(first["probability"]), "unowned": Count(unowned),
        **_overlap(risk),
    }  # fmt: skip
    severity: Severity = "warning" if risk.loss > HEAVY * risk.usual else "note"
    headline = "total" if risk.loss > 0 else "total_no_money"
    action = "total_unowned" if unowned else "total"
    if len(table) <= _TODAY:
        action += "_few"
    return [_finding("total", severity, values, section="register", n=len(table), words=headline,
                     detail=headline, action=action,
                     effect=Estimate(risk.loss, 0.0, risk.worst, risk.currency),
                     money=Estimate(risk.loss, 0.0, risk.worst, risk.currency))]  # fmt: skip


def _overlap(risk: "Risk") -> dict[str, Named]:
    """Say how much single risks add up to, and what only hangs on one customer or rep."""
    alone = float(risk.register["loss"].sum())
    several = risk.register["loss"].count() > 1
    said = {
        "overlap": (several and alone > _MORE * risk.loss, Money(alone, risk.currency)),
        "hangs": (risk.hangs > 0, Money(risk.hangs, risk.currency)),
    }
    nothing = dict.fromkeys(LANGUAGES, "")
    words = {name: both(f"risk.total_{name}", money=money) if needed else nothing
             for name, (needed, money) in said.items()}  # fmt: skip
    return {name: Named(one["en"], one["zh"]) for name, one in words.items()}


def _part(value: float, whole: float) -> float:
    return value / whole if whole > 0 else float("nan")


def _deals(risk: "Risk") -> list[Finding]:
    """Deals that are due and most likely late; those most likely dead."""
    if not risk.deals.known:
        return []
    found, due = [], risk.deals.due
    late = due[(due["chance"] < SURE_MISS) & (due["dead"] == 0)]
    if len(late):
        first = late.iloc[0]
        missing = float((late["worth"] * (1 - late["chance"])).sum())
        values = {
            "n": Count(len(late)), "due": Count(len(due)),
            "worth": Money(late["worth"].sum(), risk.currency),
            "last": Day(risk.next_period.last), "deal": str(first["deal"]),
            "chance": Share(first["chance"]), "first": Money(first["worth"], risk.currency),
            "why": _because(first["reasons"]), "error": Share(risk.deals.calibration_error, 1),
        }  # fmt: skip
        found.append(_finding("late_deals", "warning", values, section="deals", n=len(late),
                              definition="deal_snapshots",
                              money=Estimate(missing, unit=risk.currency)))  # fmt: skip
    dead = risk.deals.scored[risk.deals.scored["dead"] == 1]
    if len(dead):
        values = {"n": Count(len(dead)), "worth": Money(dead["amount"].sum(), risk.currency)}
        found.append(_finding("dead_deals", "note", values, section="deals", n=len(dead),
                              definition="deal_snapshots"))  # fmt: skip
    return found


def _because(reasons: Mapping[str, str]) -> Named:
    """Return the reasons of a deal as the end of a sentence; nothing where it is like any other."""
    en, zh = reasons["en"], reasons["zh"]
    return (
        Named("", "")
        if en == Word("risk.reason_none").written("en")
        else Named(f": {en}", f"；{zh}")
    )


def _renewals(risk: "Risk") -> list[Finding]:
    rows = risk.customer.losses
    if rows.empty:
        return []
    near, year = rows.iloc[0], rows.iloc[1]
    values = {
        "n": Count(near["contracts"]), "due": Money(near["due_amount"], risk.currency),
        "period": risk.ahead, "middle": Money(near["middle"], risk.currency),
        "low": Money(near["low"], risk.currency), "high": Money(near["high"], risk.currency),
        "year_n": Count(year["contracts"]), "year_due": Money(year["due_amount"], risk.currency),
        "year_lost": Money(year["middle"], risk.currency),
        "share": Share(_part(year["middle"], year["due_amount"])),
    }  # fmt: skip
    heavy = year["middle"] > risk.limits["contracts_lost"] * year["due_amount"]
    return [_finding("renewals", "warning" if heavy else "note", values,
                     section="customers", n=int(year["contracts"]), definition="customer_risk",
                     money=Estimate(float(year["middle"]), float(year["low"]),
                                    float(year["high"]), risk.currency))]  # fmt: skip


def _silent(risk: "Risk") -> list[Finding]:
    buyers = risk.customer.buyers
    if buyers.empty or risk.customer.buying is None:
        return []
    asleep = buyers[buyers["alive"] < ASLEEP]
    lost = float(buyers["at_stake"].sum())
    first = buyers.iloc[0]
    values = {
        "n": Count(len(asleep)), "of": Count(len(buyers)), "lost": Money(lost, risk.currency),
        "customer": str(first["customer"]), "alive": Share(first["alive"]),
        "last": Day(first["last_order_on"]),
    }  # fmt: skip
    return [_finding("silent", "warning" if len(asleep) else "note", values, section="customers",
                     n=len(buyers), definition="customer_risk",
                     money=Estimate(lost, unit=risk.currency))]  # fmt: skip


def _voices(risk: "Risk") -> list[Finding]:
    """Say who of the customers at risk complained, and whether such customers stopped."""
    stopped, complained = risk.voice.stopped, risk.voice.complained
    if complained.empty:
        return []
    rows = stopped[(stopped["signal"] == "complained") & (stopped["stopping"] == "silent_buyer")]
    verdict = "few"
    told: dict[str, Any] = {}
    if len(rows) and rows["verdict"].iloc[0] != "few":
        row = rows.iloc[0]
        verdict = str(row["verdict"])
        told = {"share": Share(row["share"]), "count": Count(row["n"]),
                "other": Share(row["other_share"]), "others": Count(row["other_n"])}  # fmt: skip
    first, money = complained.iloc[0], float(complained["at_stake"].sum())
    said = both(f"risk.voices_{verdict}", **told)
    values = {
        "n": Count(len(complained)), "money": Money(money, risk.currency),
        "told": Named(said["en"], said["zh"]), "customer": str(first["customer"]),
        "about": Named(first["about"]["en"], first["about"]["zh"]),
    }  # fmt: skip
    return [_finding("voices", "warning" if verdict == "more_often" else "note", values,
                     section="customers", n=len(complained), definition="customer_risk",
                     money=Estimate(money, unit=risk.currency))]  # fmt: skip


def _concentration(risk: "Risk") -> list[Finding]:
    """Say how large the largest customer is, and which dimensions are hardly spread."""
    found = risk.concentration
    row = found.of("customer")
    if row is None or row["n"] < FEWEST_WON:
        return []
    stress = found.stress[found.stress["dimension"] == "customer"]
    narrow = found.spread[found.spread["effective"] < FEW_GROUPS]
    slanted = narrow["effective"] < EVENLY * narrow["groups"]  # few, but even, is no concentration
    narrow = narrow[slanted | (narrow["groups"] == 1)]
    names = [both(f"risk.of_{name}") for name in narrow["dimension"]]
    listed = {"en": ", ".join(n["en"] for n in names), "zh": "、".join(n["zh"] for n in names)}
    five = float(stress["share"].max()) if len(stress) else float("nan")
    values = {
        "who": str(row["largest"]), "share": Share(row["top1"], 1),
        "effective": Number(row["effective"], 0), "five": Share(five),
        "narrow": Named(listed["en"], listed["zh"]) if names else Word("risk.none_of_them"),
    }  # fmt: skip
    heavy = row["top1"] > risk.limits["top_customer"]
    return [_finding("concentration", "warning" if heavy else "note", values,
                     section="concentration", n=int(row["n"]), definition="bookings",
                     effect=Estimate(float(row["top1"]), unit="share"),
                     money=Estimate(row["top1"] * found.money, unit=risk.currency))]  # fmt: skip


def _people(risk: "Risk") -> list[Finding]:
    people, won = risk.concentration.people, risk.concentration.of("rep")
    if people.empty or won is None or won["n"] < FEWEST_WON:
        return []
    first = people.sort_values(["sole_amount", "rep"], ascending=[False, True]).iloc[0]
    if not first["sole_customers"]:
        return []  # every customer buys from several
    values = {
        "rep": str(first["rep"]), "share": Share(first["share"]),
        "customers": Count(first["sole_customers"]),
        "sole": Money(first["sole_amount"], risk.currency),
        "open": Money(first["open_amount"], risk.currency),
    }  # fmt: skip
    severity: Severity = "warning" if first["share"] > risk.limits["top_rep"] else "note"
    return [_finding("key_person", severity, values, section="concentration",
                     n=int(first["customers"]), definition="bookings",
                     money=Estimate(float(first["sole_amount"]), unit=risk.currency))]  # fmt: skip


def _rivals(risk: "Risk") -> list[Finding]:
    found = []
    seen = risk.competition
    for row in seen.rivals.to_dict("records"):
        if row["rival_state"] == "steady":
            continue
        values = {
            "rival": str(row["rival"]), "now": Share(row["lost_share"], 1),
            "before": Share(row["lost_before"], 1), "n": Count(row["named"]),
            "lost": Money(row["lost_amount"], risk.currency),
        }  # fmt: skip
        found.append(_finding(f"rival_{row['rival_state']}", "warning", values, section="rivals",
                              n=int(row["named"]), where={"competitor": str(row["rival"])},
                              definition="wr_close_n", certainty=0.95,
                              money=Estimate(row["lost_amount"], unit=risk.currency)))  # fmt: skip
    if len(seen.rivals) and seen.rivals["lost"].iloc[0] > 0:
        first = seen.rivals.iloc[0]
        values = {
            "rival": str(first["rival"]), "lost": Money(first["lost_amount"], risk.currency),
            "n": Count(first["lost"]), "share": Share(first["lost_share"], 1),
            "rate": Share(first["win_rate"]), "low": Share(first["lower"]),
            "high": Share(first["upper"]), "named_won": Share(seen.named_won),
            "named_lost": Share(seen.named_lost),
        }  # fmt: skip
        both_known = seen.named_won == seen.named_won
        found.append(_finding("rivals", "note", values, section="rivals", n=int(first["named"]),
                              detail="rivals" if both_known else "rivals_unwon",
                              definition="wr_close_n"))  # fmt: skip
    return found


def _reasons(risk: "Risk") -> list[Finding]:
    reasons = risk.competition.reasons
    if reasons.empty:
        return []
    first = reasons.iloc[0]
    values = {
        "reason": str(first["reason"]), "share": Share(first["share"]),
        "low": Share(first["at_least"]), "high": Share(first["at_most"]),
        "unknown": Share(risk.competition.unknown_share), "n": Count(reasons["n"].sum()),
    }  # fmt: skip
    detail = "reasons" if risk.competition.unknown_share > 0 else "reasons_all"
    return [_finding("reasons", "note", values, section="rivals", n=int(reasons["n"].sum()),
                     detail=detail, definition="wr_close_n")]  # fmt: skip


def _market(risk: "Risk") -> list[Finding]:
    whole = risk.market.whole
    if whole is None:
        return []
    behind = whole["upper"] < whole["market_growth"]
    ahead = whole["lower"] > whole["market_growth"]
    weakest = risk.market.regions.sort_values("gap").iloc[0]
    values = {
        "months": Count(risk.market.months), "own": Share(whole["own_growth"]),
        "low": Share(whole["lower"]), "high": Share(whole["upper"]),
        "market": Share(whole["market_growth"]), "gap": Points(whole["gap"]),
        "share": Share(whole["market_share"], 1), "before": Share(whole["share_before"], 1),
        "region": risk.place(weakest["region"]), "region_gap": Points(weakest["gap"]),
        "region_share": Share(weakest["exposure"]),
    }  # fmt: skip
    kind = "behind_market" if behind else "ahead_of_market" if ahead else "with_market"
    # of one region the weakest is the whole
    more = {"detail": "market_whole", "action": f"{kind}_whole"} if len(
        risk.market.regions) < 2 else {}  # fmt: skip
    severity: Severity = "warning" if behind else "good" if ahead else "note"
    return [_finding(kind, severity, values, section="market", n=int(whole["n"]),
                     definition="bookings", certainty=0.95 if behind or ahead else 1.0,
                     effect=Estimate(float(whole["gap"]), unit="share"), **more)]  # fmt: skip


def _house(risk: "Risk") -> list[Finding]:
    """One finding per measure of the company itself that is beyond its limit or its own past."""
    found = []
    for row in risk.internal.measures.to_dict("records"):
        if row["verdict"] not in ("beyond", "worse"):
            continue
        values = {
            "measure": Word(f"risk.{row['measure']}"), "value": Share(row["value"]),
            "limit": Share(row["limit"]), "usual": Share(row["usual_value"]), "n": Count(row["n"]),
            "who": f" {row['detail']}" if row["detail"] else "",
            "step": Word(f"risk.do_{row['measure']}"),
        }  # fmt: skip
        kind = "house_beyond" if row["verdict"] == "beyond" else "house_worse"
        low = kind == "house_beyond" and row["measure"] in BELOW
        unknown = kind == "house_beyond" and row["usual_value"] != row["usual_value"]
        found.append(_finding(kind, "warning", values, section="house", n=int(row["n"]),
                              where={"measure": str(row["measure"])}, action="house",
                              words="house_below" if low else kind,
                              detail="house_first" if unknown else kind,
                              effect=Estimate(row["value"], row["lower"], row["upper"], "share"),
                              definition="risk_house"))  # fmt: skip
    return found


def _leavers(risk: "Risk") -> list[Finding]:
    deals, money = risk.internal.leavers
    if not deals:
        return []
    values = {"n": Count(deals), "money": Money(money, risk.currency)}
    lost = Estimate(money, unit=risk.currency)
    return [_finding("leavers", "warning", values, section="house", n=deals,
                     definition="risk_house", money=lost)]  # fmt: skip


def _record(risk: "Risk") -> list[Finding]:
    """Say how good former entries were, once enough of them can be judged."""
    rows = risk.scores[risk.scores["risk_kind"] == "all"] if len(risk.scores) else risk.scores
    if rows.empty:
        return []
    row = rows.iloc[0]
    helped = int((risk.past["outcome"] == "helped").sum())
    values = {
        "n": Count(row["entries"]), "came": Count(row["came_true"]),
        "stated": Number(row["stated"]),
        "brier": Number(row["brier"], 3), "usual": Number(row["usual_brier"], 3),
        "helped": Count(helped),
    }  # fmt: skip
    worse = row["entries"] >= FEWEST_JUDGED and row["brier"] > row["usual_brier"]
    return [_finding("looked_back", "warning" if worse else "note", values, section="past",
                     n=int(row["entries"]))]  # fmt: skip


def _alarms(risk: "Risk") -> list[Finding]:
    if not risk.deals.alarms:
        return []
    listed = {language: ", ".join(_column(name, language) for name in risk.deals.alarms)
              for language in ("en", "zh")}  # fmt: skip
    values = {"columns": Named(listed["en"], listed["zh"])}
    return [_finding("leak", "warning", values, section="trust", n=len(risk.deals.alarms),
                     definition="deal_snapshots")]  # fmt: skip


def _column(name: str, language: str) -> str:
    return name if name.startswith("x_") else Word(f"columns.{name}").written(language)
