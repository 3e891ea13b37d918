"""Risks: each kind on rows to check by hand, and the register on a simulated company."""

import json
import shutil
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from types import SimpleNamespace

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
import pytest
from support import canonical_frame, write_workspace

from salesops_kit.analyses.competition import analyse_competition
from salesops_kit.analyses.concentration import analyse_concentration
from salesops_kit.analyses.customer_contracts import contract_terms, ended_by
from salesops_kit.analyses.customer_risk import analyse_customer_risk, buying_table
from salesops_kit.analyses.deal_reasons import REASONS
from salesops_kit.analyses.deal_risk import analyse_deal_risk
from salesops_kit.analyses.internal_risk import analyse_internal
from salesops_kit.analyses.market_share import analyse_market
from salesops_kit.analyses.risk import analyse_risk
from salesops_kit.analyses.risk_findings import _people, risk_findings, risk_key_figures
from salesops_kit.analyses.risk_record import keep_risks, kept_risks, looked_back, scores
from salesops_kit.analyses.risk_register import loss_range, register
from salesops_kit.analyses.risk_seeds import Seed, seeds
from salesops_kit.metrics.engine import lazy
from salesops_kit.periods import day_number, period
from salesops_kit.settings import Settings
from salesops_kit.workspace import open_workspace
from salesops_kit.worlds import World, canonical, simulate
from salesops_kit.worlds.company import REGIONS
from salesops_kit.worlds.rivals import market
from truth.tables import workspace_of

TODAY = date(2025, 5, 31)
MAY = period("2025-05")
WORLD = World(seed=52, start=date(2023, 10, 1), export_on=date(2025, 8, 1), leads_per_month=120,
              shock=0.1, stale=0.06)  # fmt: skip


@cache
def tables():
    made = simulate(WORLD)
    names = [region.en for region in REGIONS]
    outside = market(made)
    table = pd.DataFrame({
        "month_on": outside["month"], "region": [names[i] for i in outside["region"]],
        "segment": "", "metric": outside["metric"], "value": outside["value"],
    })  # fmt: skip
    return canonical.tables(made) | {"market": table}


@pytest.fixture(scope="module")
def workspace():
    return workspace_of(tables(), TODAY)


@pytest.fixture(scope="module")
def risk(workspace):
    return analyse_risk(workspace, period=MAY)


# -- deals --------------------------------------------------------------------------------------


def test_open_deals_are_those_open_on_the_day_most_money_at_stake_first(risk, workspace):
    scored = risk.deals.scored
    opened = workspace.table("deals").filter(nw.col("status") == "open")

    assert set(scored["deal_id"]) == set(
        opened.select("deal_id").collect(backend="pandas").to_native()["deal_id"]
    )
    assert scored["at_stake"].is_monotonic_decreasing
    due = scored["due_in"].le(risk.deals.days).fillna(value=False)
    assert scored["slip"].notna().tolist() == due.tolist()
    live = scored[due & (scored["dead"] == 0)]
    assert live["at_stake"].to_numpy() == pytest.approx(live["worth"] * (1 - live["chance"]))
    assert (scored["chance"] <= scored["closes"]).all()


def test_chances_of_former_days_came_as_often_as_they_said(risk):
    assert risk.deals.calibration_error < 0.05
    assert risk.deals.slips_error < 0.1
    table = risk.deals.scores.set_index("method")["brier"]
    assert table["own"] < table["crm_chance"]
    assert risk.deals.alarms == ()


def test_every_reason_is_what_its_rule_says(risk):
    scored = risk.deals.scored
    number = {name: scored[name].astype(float) for name in ("due_in", "age_days", "amount")}

    assert set(REASONS) <= set(scored.columns)
    assert (scored["overdue"] == (number["due_in"] < 0)).all()
    assert (scored["stalled"] == (number["age_days"] > scored["usual_days"])).all()
    assert (scored["pushed"] == (scored["pushes"].astype(float) >= 2)).all()
    assert (scored["quiet"] == (scored["quiet_days"] > 30)).all()
    assert (
        scored.loc[scored["overdue"] == 1, "reasons"]
        .map(lambda said: "close date passed" in said["en"] and "预计成交日期已过" in said["zh"])
        .all()
    )
    assert scored["overdue"].any()
    assert scored["stalled"].any()


def test_a_column_filled_in_at_closing_raises_the_alarm():
    """A field that only lost deals carry cannot help: it is left out, and said."""
    given = {"stage_history": tables()["stage_history"]}
    deals = tables()["deals"].copy()
    deals["industry"] = deals["status"].map({"won": "A", "lost": "B", "invalid": "B", "open": "C"})
    given["deals"] = deals

    found = analyse_deal_risk(workspace_of(given, TODAY), period=MAY)

    assert "industry" in found.alarms


def test_without_history_nothing_is_said():
    deals = {"deals": tables()["deals"]}

    assert not analyse_deal_risk(workspace_of(deals, TODAY), period=MAY).known


# -- customers ----------------------------------------------------------------------------------


def orders(*rows):
    names = ("order_id", "account_id", "ordered_at", "amount", "deal_id", "starts_on", "ends_on",
             "is_renewed")  # fmt: skip
    return canonical_frame("orders", [dict(zip(names, row, strict=False)) for row in rows])


def test_customers_are_counted_by_their_days_after_the_first_order():
    made = [
        (f"O{a}{i}", f"A{a:02d}", f"2025-0{1 + i}-10", 100.0, "D" if i == 0 else None)
        for a in range(35) for i in range(3)
    ]  # fmt: skip
    made += [("X1", "A00", "2025-02-10", 50.0, None), ("X2", "A99", "2025-01-31", 70.0, "D9"),
             ("X3", "A00", "2025-06-01", 50.0, None)]  # fmt: skip

    day = day_number(date(2025, 4, 10))
    table = buying_table(lazy(orders(*made)), day).set_index("account_id")

    first = table.loc["A00"]
    assert (first["frequency"], first["recency"], first["age"]) == (2, 59, 90)
    assert first["spent"] == 250.0  # two orders on one day are one, later ones are unknown
    assert (table.loc["A99", "frequency"], table.loc["A99", "age"]) == (0, 69)


def test_contracts_are_chains_of_terms_and_silence_after_the_end_means_not_renewed():
    made = [
        ("1", "A", "2023-01-01", 10.0, None, "2023-01-01", "2023-12-31", True),
        ("2", "A", "2024-01-15", 10.0, None, "2024-01-15", "2025-01-14", None),
        ("3", "B", "2023-01-01", 10.0, None, "2023-01-01", "2023-12-31", False),
        ("4", "B", "2024-06-01", 10.0, None, "2024-06-01", "2025-05-31", None),
        ("5", "C", "2024-03-01", 10.0, None, "2024-03-01", "2025-02-28", None),
    ]

    terms = contract_terms(lazy(orders(*made)))
    ended = ended_by(terms, day_number(date(2025, 4, 1))).set_index("order_id")["ended"]

    assert dict(zip(terms["order_id"], terms["term"], strict=True)) == {
        "1": 1, "2": 2, "3": 1, "4": 1, "5": 1,
    }  # fmt: skip
    # 2 ended in January and nothing followed; 5 ended in February and may still be renewed
    assert ended.to_dict() == {"1": 0, "2": 1, "3": 1}


def test_whether_a_contract_is_renewed_is_unknown_until_it_has_ended(tmp_path):
    rows = [{"order_id": "1", "account_id": "A", "ordered_at": "2024-06-01", "amount": 1.0,
             "starts_on": "2024-06-01", "ends_on": "2025-05-31", "is_renewed": True}]  # fmt: skip
    deals = [{"deal_id": "D", "stage": "won", "status": "won", "created_at": "2024-01-01"}]
    folder = write_workspace(tmp_path / "w", {"deals": deals, "orders": rows})

    def renewed(day):
        table = open_workspace(folder, as_of=day).table("orders").collect(backend="pandas")
        return table.to_native()[["is_renewed", "ends_day"]].iloc[0].tolist()

    assert renewed(date(2025, 5, 31))[0] is None or pd.isna(renewed(date(2025, 5, 31))[0])
    assert renewed(date(2025, 6, 1))[0] == True  # noqa: E712 - numpy's own truth
    assert renewed(date(2025, 5, 1))[1] == day_number(date(2025, 5, 31))


def test_the_forecast_of_half_a_year_ago_is_near_what_came(risk):
    checks = risk.customer.checks.set_index("measure")

    assert abs(checks.loc["orders", "off"]) < 0.25
    assert risk.customer.buyers["at_stake"].is_monotonic_decreasing
    assert risk.customer.buyers["alive"].between(0, 1).all()
    losses = risk.customer.losses.set_index("within")
    calendar = risk.customer.calendar
    assert losses.loc["year", "due_amount"] == pytest.approx(calendar["amount"].sum())
    assert losses.loc["year", "middle"] == pytest.approx(calendar["at_stake"].sum(), rel=0.15)
    assert calendar["ends_day"].between(day_number(TODAY), day_number(TODAY) + 364).all()


# -- concentration, rivals, market --------------------------------------------------------------


def won(deal, account, amount, **more):
    return {"deal_id": deal, "account_id": account, "amount": amount, "stage": "won",
            "status": "won", "created_at": "2025-01-01",
            "closed_at": "2025-03-01"} | more  # fmt: skip


def test_subsidiaries_count_as_their_parent_and_what_is_lost_adds_up(tmp_path):
    accounts = [{"account_id": "P", "name": "Parent"}, {"account_id": "Q", "name": "Other"},
                {"account_id": "S", "name": "Sub", "parent_id": "P"}]  # fmt: skip
    deals = [won("1", "P", 30.0, owner_id="R1"), won("2", "S", 30.0, owner_id="R1"),
             won("3", "Q", 40.0, owner_id="R2")]  # fmt: skip
    folder = write_workspace(tmp_path / "w", {"deals": deals, "accounts": accounts})

    found = analyse_concentration(open_workspace(folder, as_of=TODAY), period=MAY)

    assert found.of("customer")["largest"] == "Parent"
    assert found.of("customer")["top1"] == pytest.approx(0.6)
    assert found.of("customer")["effective"] == pytest.approx(1 / (0.36 + 0.16))
    stress = found.stress[found.stress["dimension"] == "customer"]
    assert stress[["lost_groups", "lost_amount"]].to_numpy().tolist() == [[1, 60.0]]
    first = found.people.set_index("rep").loc["R1"]
    assert (first["sole_customers"], first["sole_amount"], first["share"]) == (1, 60.0, 0.6)


def test_of_a_scope_without_deals_nothing_is_said(tmp_path):
    tables = {"deals": [won("1", "P", 30.0)], "accounts": [{"account_id": "P", "name": "Parent"}],
              "reps": [{"rep_id": "R9", "name": "New"}]}  # fmt: skip
    folder = write_workspace(tmp_path / "w", tables)

    found = analyse_concentration(open_workspace(folder, as_of=TODAY, scope="rep=R9"), period=MAY)

    assert found.people.empty
    assert not found.spread["largest"].notna().any()


def rival_deals():
    """Old is lost to all along; New turns up in the last half year; half give no reason."""
    start, rows = date(2024, 1, 1), []
    for n in range(510):
        day = start + timedelta(days=n)
        lost = n % 3 > 0
        name = "Old" if n % 12 == 1 else "New" if n > 400 and n % 6 == 2 else None
        rows.append({
            "deal_id": str(n), "stage": "lost" if lost else "won",
            "status": "lost" if lost else "won", "amount": 10.0, "created_at": str(start),
            "closed_at": str(day), "competitor": name if lost else None,
            "loss_reason": "Price" if lost and n % 2 else None,
        })  # fmt: skip
    return rows


def test_a_new_rival_is_told_from_an_old_one_and_silence_about_reasons_is_bounded(tmp_path):
    folder = write_workspace(tmp_path / "w", {"deals": rival_deals()})

    found = analyse_competition(open_workspace(folder, as_of=date(2025, 5, 24)), period=MAY)

    assert found.rivals.set_index("rival")["rival_state"].to_dict() == {
        "Old": "steady", "New": "new",
    }  # fmt: skip
    [price] = found.reasons.to_dict("records")
    assert (price["share"], price["at_most"]) == (1.0, 1.0)
    assert price["at_least"] == pytest.approx(1 - found.unknown_share)
    assert 0.4 < found.unknown_share < 0.6
    assert found.named_won == 0.0
    assert found.quarters["win_rate"].between(0, 1).all()


def test_a_new_rival_is_said_in_words(tmp_path, risk):
    folder = write_workspace(tmp_path / "w", {"deals": rival_deals()})
    seen = analyse_competition(open_workspace(folder, as_of=date(2025, 5, 24)), period=MAY)

    [said] = [f for f in risk_findings(replace(risk, competition=seen)) if f.kind == "rival_new"]

    assert said.headline["en"].startswith("New is new")
    assert said.where == {"competitor": "New"}


def test_market_share_is_bookings_over_size_and_growth_is_against_the_year_before(tmp_path):
    months = pd.date_range("2023-01-01", "2025-05-01", freq="MS")
    deals = [won(f"{i}", "A", 2.0 if stamp.year == 2025 else 1.0, region="East",
                 created_at="2022-01-01", closed_at=str((stamp + timedelta(days=3)).date()))
             for i, stamp in enumerate(months)]  # fmt: skip
    # won on no known day: of no month
    deals.append(won("x", "A", 9.0, region="East", created_at="2022-01-01", closed_at=None))
    sizes = [{"month_on": str(stamp.date()), "region": "East", "segment": "", "metric": "size",
              "value": 20.0 if stamp.year == 2025 else 10.0} for stamp in months]  # fmt: skip
    folder = write_workspace(tmp_path / "w", {"deals": deals, "market": sizes})

    found = analyse_market(open_workspace(folder, as_of=TODAY), period=MAY)

    assert found.months == 12
    whole = found.whole
    assert whole["market_share"] == pytest.approx(0.1)
    assert whole["own_growth"] == pytest.approx(17 / 12 - 1)
    assert whole["gap"] == pytest.approx(0.0)


# -- register -----------------------------------------------------------------------------------


def test_entries_have_chances_money_and_words_in_both_languages(risk):
    table = risk.register

    assert set(table["kind"]) <= {"market", "competition", "customer", "internal"}
    assert {"customer", "internal", "market"} <= set(table["kind"])
    assert table["probability"].between(0, 1).all()
    known = table[table["money"].notna()]
    assert (known["money_low"] <= known["money"] + 1e-9).all()
    assert (known["money"] <= known["money_high"] + 1e-9).all()
    counted = known[known["loss"].notna()]
    assert set(known.loc[known["loss"].isna(), "indicator"]) <= {"top_customer", "top_rep"}
    sure = counted[counted["money_high"] <= counted["money"]]
    assert sure["loss"].to_numpy() == pytest.approx(sure["probability"] * sure["money"])
    assert (counted["loss"] >= counted["probability"] * counted["money"] - 1e-9).all()
    assert risk.grid["entries"].sum() == (table["money_class"] > 0).sum()
    assert 0 < risk.loss < risk.worst
    assert table["risk_id"].is_unique
    for finding in risk.findings:
        assert finding.headline["en"]
        assert finding.headline["zh"]


def entries(*rows):
    names = ("indicator", "probability", "money", "by")
    table = pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows])
    return table.assign(money_high=table["money"], loss=table["probability"] * table["money"])


def test_risks_that_hit_the_same_money_cost_it_once():
    late = entries(("overdue", 1.0, 60.0, "kit"), ("stalled", 1.0, 80.0, "kit"))
    deals = entries(*[("deal_missed", 1.0, 30.0, "kit")] * 2)
    beside = entries(("market_falls", 1.0, 50.0, "kit"), ("market_gap", 1.0, 20.0, "kit"),
                     ("market_gap", 1.0, 10.0, "kit"))  # fmt: skip

    def cost(*tables, **there):
        return loss_range(pd.concat(tables), **{"coming": 100.0, "due": 10.0} | there)[0]

    assert cost(late) == pytest.approx(80)  # the same deals are overdue and stalled
    assert cost(deals) == pytest.approx(60)  # two deals are two
    assert cost(beside) == pytest.approx(50)  # regions are parts of the market
    assert cost(late, beside) == pytest.approx(80 + 0.5 * 20)  # the market takes half of the rest
    assert cost(deals, late, beside, coming=50.0) == pytest.approx(50)  # all there is, no more
    assert cost(entries(("contracts_lost", 1.0, 30.0, "kit")), late) == pytest.approx(90)
    assert cost(entries(("fire", 0.5, 400.0, "company"))) == pytest.approx(200, rel=0.05)


@pytest.mark.parametrize("chance", [0.1, 0.37, 0.9])
def test_one_entry_costs_together_what_it_costs_alone(risk, chance):
    """Draws miss a chance of a tenth by some percent: that is no overlap."""
    alone = entries(("deal_missed", chance, 30.0, "kit"))
    own = entries(("fire", chance, 30.0, "company"), ("flood", chance, 20.0, "company"))

    assert loss_range(alone, coming=1e4, due=0.0)[0] == pytest.approx(30 * chance)
    assert loss_range(own, coming=1e4, due=0.0)[0] == pytest.approx(50 * chance)
    capped = loss_range(alone, coming=20.0, due=0.0)[0]  # more than there is to lose
    one = replace(risk, register=risk.register.head(1).assign(loss=30 * chance), loss=capped)
    [said] = [f for f in risk_findings(one) if f.kind == "total"]
    assert capped == pytest.approx(20 * chance)
    assert "overlap" not in said.detail["en"]


def test_few_but_even_groups_are_not_called_hardly_spread(risk):
    def narrow(*shares):
        effective = 1 / sum(share**2 for share in shares)
        customers = {"dimension": "customer", "n": 90, "groups": 40, "effective": 30.0,
                     "top1": 0.05, "largest": "c1"}  # fmt: skip
        channels = {"dimension": "channel", "n": 90, "groups": len(shares),
                    "effective": effective, "top1": max(shares), "largest": "web"}  # fmt: skip
        found = replace(risk.concentration, spread=pd.DataFrame([customers, channels]))
        [said] = [f for f in risk_findings(replace(risk, concentration=found))
                  if f.kind == "concentration"]  # fmt: skip
        return said.detail["en"]

    assert narrow(0.34, 0.33, 0.33).endswith("Hardly spread: none.")
    assert narrow(0.5, 0.5).endswith("Hardly spread: none.")
    assert narrow(0.8, 0.1, 0.1).endswith("Hardly spread: channels.")
    assert narrow(1.0).endswith("Hardly spread: channels.")


def test_what_hangs_on_one_is_not_counted_as_lost():
    """A company whose rep brings nearly all is sure to be beyond the limit, not to lose the rep."""
    said = {"en": "s", "zh": "s"}
    rep = Seed("internal", "top_rep", "", 0.9, 0.2, 1, 1.0, (0.9, 0.8, 1.0), (5e5, 1e6, 1e6),
               said, said, 40)  # fmt: skip
    table = register(workspace_of({"deals": tables()["deals"].head(1)}, TODAY), [rep], booked=1e6)

    assert table["money"].iloc[0] > 0
    assert loss_range(table, coming=1e6, due=0.0) == (0.0, 0.0)


def test_the_total_is_never_more_than_there_is_and_says_that_risks_overlap(risk):
    crowded = replace(risk, register=pd.concat([risk.register] * 9, ignore_index=True))
    loss, worst = loss_range(crowded.register, coming=risk.coming, due=risk.customer.due_ahead)
    [said] = [f for f in risk_findings(replace(crowded, loss=loss, worst=worst))
              if f.kind == "total"]  # fmt: skip

    assert crowded.register["loss"].sum() > crowded.there
    assert loss < worst <= crowded.there
    assert "all money counted once" in said.headline["en"]
    assert "Single risks overlap" in said.detail["en"]
    assert "各项风险相互重叠" in said.detail["zh"]


def test_the_mean_cost_of_an_entry_is_that_of_its_draws(risk):
    """A range from 100 to 200 (nine of ten) costs more on average than its middle."""
    given = {"deals": tables()["deals"].head(1), "risks": canonical_frame("risks", [
        company_entry(risk_id="own", statement="s", probability=0.5, impact=100.0,
                      impact_low=100.0, impact_high=200.0)])}  # fmt: skip
    [own] = register(workspace_of(given, TODAY), [], booked=1e6).to_dict("records")
    drawn = 100 * np.exp(np.log(2) / 1.2816 * np.random.default_rng(1).standard_normal(200_000))

    assert risk.loss <= risk.register["loss"].sum()
    assert own["loss"] == pytest.approx(0.5 * drawn.mean(), rel=0.01)


def company_entry(**more):
    return {"risk_id": "market_gap:East", "kind": "market", "owner_id": "R7", "status": "open",
            "response": "share", "opened_on": "2025-05-01"} | more  # fmt: skip


def test_the_company_answers_entries_and_adds_its_own(risk):
    given = {"deals": tables()["deals"].head(1)}
    given["risks"] = canonical_frame("risks", [
        company_entry(risk_id="late_handoffs", statement="never measured", probability=0.3,
                      impact=1e6, impact_low=5e5, impact_high=2e6, kind="internal"),
        company_entry(risk_id="stalled", kind="internal"),
        company_entry(risk_id="gone", statement="solved", status="closed"),
    ])  # fmt: skip
    given["actions"] = canonical_frame("actions", [
        {"action_id": "1", "finding_id": "stalled", "what": "talk", "opened_on": "2025-05-02",
         "done_on": "2025-05-20"},
        {"action_id": "2", "finding_id": "stalled", "what": "close", "opened_on": "2025-05-02"},
    ])  # fmt: skip

    found = seeds(risk, Settings())
    table = register(workspace_of(given, TODAY), found, booked=1e6).set_index("risk_id")

    assert "gone" not in table.index
    own = table.loc["late_handoffs"]
    assert (own["by"], own["owner"], own["probability"]) == ("company", "R7", 0.3)
    answered = table.loc["stalled"]
    assert (answered["by"], answered["owner"], answered["response"]) == ("kit", "R7", "share")
    assert (answered["steps"], answered["steps_open"]) == (2, 1)


@pytest.fixture
def folder(tmp_path):
    return write_workspace(
        tmp_path / "w", {"deals": [won("1", "A", 1.0)]}, extracted_at="2025-05-31T00:00:00"
    )


def test_a_register_is_kept_once_and_never_again(folder, risk):
    opened = open_workspace(folder, as_of=TODAY)

    assert keep_risks(opened, risk)
    [file] = (folder / "forecasts").glob("*-risks.json")
    text = file.read_text("utf-8")
    assert not keep_risks(opened, risk)
    assert file.read_text("utf-8") == text
    assert json.loads(text)["until"] == "2025-06-30"


def test_a_report_on_the_past_is_not_kept(tmp_path, risk):
    path = write_workspace(
        tmp_path / "w", {"deals": [won("1", "A", 1.0)]}, extracted_at="2025-08-01T00:00:00"
    )

    assert not keep_risks(open_workspace(path, as_of=TODAY), risk)


def test_entries_are_judged_by_what_the_indicator_is_when_their_time_has_come(folder, risk):
    keep_risks(open_workspace(folder, as_of=TODAY), risk)
    later = open_workspace(folder, as_of=date(2025, 6, 30))
    kept = kept_risks(later, "month")
    row = kept[kept["indicator"] == "stalled"].iloc[0]
    better, worse = row["low"] - 0.05, max(row["high"], row["threshold"]) + 0.05

    good, bad = (looked_back(later, kept, {("stalled", "", "2025-06"): value}).set_index("risk_id")
                 .loc["stalled"] for value in (better, worse))  # fmt: skip

    assert (good["outcome"], bad["outcome"]) == ("better", "worse")
    assert (good["came_true"], bad["came_true"]) == (0, 1)
    # deals that were to be won and are not even in the data were missed
    missed = looked_back(later, kept, {})
    assert set(missed["came_true"]) == {1}
    table = scores(missed).set_index("risk_kind").loc["all"]
    assert table["brier"] == pytest.approx(((missed["probability"] - 1) ** 2).mean())


def test_nothing_is_judged_before_its_time(folder, risk):
    keep_risks(open_workspace(folder, as_of=TODAY), risk)
    early = open_workspace(folder, as_of=date(2025, 6, 15))
    kept = kept_risks(early, "month")

    assert len(kept) == len(risk.register)
    assert looked_back(early, kept, {("stalled", "", "2025-06"): 0.9}).empty


def test_a_company_with_deals_alone_gets_a_page_without_error(folder):
    found = analyse_risk(open_workspace(folder, as_of=TODAY), period=MAY)

    assert found.findings[0].kind in ("nothing", "total")
    assert analyse_internal(open_workspace(folder, as_of=TODAY), period=MAY).measures.empty
    assert not analyse_customer_risk(open_workspace(folder, as_of=TODAY), period=MAY).known


def handed_over(month, late, n=40):
    """Hand-offs of a month, so many of them accepted after twelve days."""
    day = date(2025, month, 1)
    return [{"handoff_id": f"{month}-{i}", "handed_on": str(day), "is_complete": True,
             "accepted_on": str(day + timedelta(days=12 if i < late else 2))}
            for i in range(n)]  # fmt: skip


def month_end(path, before, late, *, answered):
    """A workspace at the end of a month of 2025, with the registers kept in the one before."""
    month = len(late)
    tables = {
        "deals": [won("1", "A", 1.0)],
        "handoffs": [row for m, n in enumerate(late, 1) for row in handed_over(m, n)],
    }
    if answered:
        tables["risks"] = [
            company_entry(
                risk_id="late_handoffs", kind="internal", response="reduce", statement="–"
            )
        ]
        tables["actions"] = [{"action_id": "1", "finding_id": "late_handoffs", "what": "a deputy",
                              "opened_on": "2025-08-31", "done_on": "2025-09-10"}]  # fmt: skip
    span = period(f"2025-{month:02d}")
    folder = write_workspace(path, tables, extracted_at=f"{span.last}T12:00:00")
    if before is not None:
        shutil.copytree(before / "forecasts", folder / "forecasts")
    opened = open_workspace(folder, as_of=span.last)
    found = analyse_risk(opened, period=span)
    keep_risks(opened, found)
    return folder, found


def test_over_three_months_an_answered_risk_falls_and_the_page_says_so(tmp_path):
    """Half of the hand-offs are late until August; the step is done in September."""
    usual = [20, 22, 19, 21, 20, 22, 19, 21]

    first, august = month_end(tmp_path / "8", None, usual, answered=False)
    second, september = month_end(tmp_path / "9", first, [*usual, 4], answered=True)
    _, october = month_end(tmp_path / "10", second, [*usual, 4, 3], answered=True)

    entry = august.register.set_index("risk_id").loc["late_handoffs"]
    assert entry["probability"] > 0.9
    assert pd.isna(entry["owner"])
    assert august.past.empty
    answered = september.register.set_index("risk_id").loc["late_handoffs"]
    assert (answered["owner"], answered["steps"], answered["steps_open"]) == ("R7", 1, 0)
    judged = september.past.set_index("risk_id").loc["late_handoffs"]
    assert (judged["outcome"], judged["came_true"], judged["steps_done"]) == ("helped", 0, 1)
    assert judged["now"] == pytest.approx(0.1)
    assert october.past["outcome"].tolist().count("helped") >= 1
    assert len(october.past) == len(september.past) + 1
    [said] = [one for one in october.findings if one.kind == "looked_back"]
    assert "with steps taken, 1 turned out better than foreseen" in said.detail["en"].lower()
    assert "采取措施后有 1 项好于预期" in said.detail["zh"]


def test_a_rival_to_whom_nothing_was_lost_is_no_finding(tmp_path):
    """Named in won deals alone: most is lost to nobody."""
    deals = [won(str(n), "P", 10.0, competitor="Old") for n in range(12)]
    folder = write_workspace(tmp_path / "w", {"deals": deals})
    found = analyse_risk(open_workspace(folder, as_of=TODAY), period=MAY)

    assert found.competition.rivals["lost"].tolist() == [0]
    assert "rivals" not in {finding.kind for finding in found.findings}


def test_a_usual_year_is_not_that_of_one_huge_deal(tmp_path):
    deals = [won(str(n), f"c{n}", 10.0) for n in range(11)] + [won("x", "big", 50_000.0)]
    folder = write_workspace(tmp_path / "w", {"deals": deals})
    found = analyse_concentration(open_workspace(folder, as_of=TODAY), period=MAY)

    assert found.money == 50_110.0
    assert found.usual == 140.0


def of_kind(found, kind):
    return [f for f in risk_findings(found) if f.kind == kind]


def test_of_one_region_nobody_is_told_to_look_at_all_regions_first(risk):
    [usual] = [f for f in risk_findings(risk) if f.section == "market"]
    one = replace(risk.market, regions=risk.market.regions.head(1))
    [whole] = [f for f in risk_findings(replace(risk, market=one)) if f.section == "market"]

    assert "Weakest" in usual.detail["en"]
    assert "Weakest" not in whole.detail["en"]
    assert "最弱" not in whole.detail["zh"]
    assert "all regions" not in whole.action["en"]


def test_a_share_that_should_be_high_lies_below_its_limit_not_beyond(risk):
    row = risk.internal.measures.iloc[:1].assign(
        measure="quota_reached", value=0.08, limit=0.5, verdict="beyond", n=12, detail=""
    )
    found = replace(risk, internal=replace(risk.internal, measures=row))

    [said] = of_kind(found, "house_beyond")
    assert said.headline["en"].startswith("Below its limit")
    assert said.headline["zh"].startswith("低于限值")


def test_of_few_wins_no_customer_or_rep_is_called_too_large(risk):
    few = risk.concentration.spread.assign(n=4)
    found = replace(risk, concentration=replace(risk.concentration, spread=few))

    assert of_kind(risk, "concentration")
    assert not of_kind(found, "concentration")
    assert not of_kind(found, "key_person")


def test_a_register_of_one_entry_without_money_names_it_and_no_first_three(risk):
    one = risk.register.head(1).assign(owner=None, money=np.nan, loss=np.nan)
    [said] = of_kind(replace(risk, register=one, loss=0.0), "total")

    assert "cost no money" in said.headline["en"]
    assert said.detail["en"].startswith("Most likely")
    assert said.detail["zh"].startswith("可能性最大")
    assert "first three" not in said.action["en"]
    assert "前三项" not in said.action["zh"]


@pytest.mark.parametrize(("alone", "said"), [(0, 0), (1, 1)])
def test_nothing_hangs_on_one_person_where_no_customer_buys_from_one_alone(alone, said):
    people = pd.DataFrame([{"rep": "Ann", "bookings": 5.0, "share": 0.5, "sole_customers": alone,
                            "sole_amount": 5.0 * alone, "open_amount": 0.0,
                            "customers": 9}])  # fmt: skip
    found = SimpleNamespace(people=people, of=lambda _: {"n": 99})
    risk = SimpleNamespace(concentration=found, currency="CNY", limits={"top_rep": 0.2})

    assert len(_people(risk)) == said


@pytest.mark.parametrize(("loss", "shown"), [(5e4, ["risk_loss"]), (float("nan"), [])])
def test_risks_without_a_cost_are_no_loss_of_nothing(loss, shown):
    """That much hangs on one person is entered without money: no figure of ¥0 tells of it."""
    risk = SimpleNamespace(register=pd.DataFrame({"loss": [loss]}), loss=loss, worst=9e4,
                           currency="CNY")  # fmt: skip

    assert [figure.name for figure in risk_key_figures(risk)] == shown
