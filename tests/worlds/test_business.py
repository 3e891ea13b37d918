"""The business around deals: consistent, believable, and moved by its own causes alone."""

import math
import re
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from salesops_kit.worlds import World, business, causes, customers, rivals, simulate, staff
from salesops_kit.worlds.clock import DAY, second
from salesops_kit.worlds.effects import Span, Where
from salesops_kit.worlds.feedback import TYPES
from salesops_kit.worlds.feedback_texts import NAMES, THEMES, write

SINCE = date(2024, 7, 1)
LATE = second(SINCE)
EAST = Where(region="East")
BASE = World(seed=11, start=date(2022, 1, 1), export_on=date(2026, 1, 1), leads_per_month=1200,
             growth_per_month=0.0, accounts=4000, shock=0.0)  # fmt: skip
END = second(BASE.export_on)


@pytest.fixture(scope="module")
def company():
    return simulate(BASE)


@pytest.fixture(scope="module")
def placed(company):
    return business.orders(company)


@pytest.fixture(scope="module")
def heard(company, placed):
    return business.feedback(company, placed)


def planted(company, *planted_causes):
    """The same company with causes that touch nothing but what is around its deals."""
    return replace(company, world=replace(BASE, causes=planted_causes))


def z_of(one: pd.Series, other: pd.Series) -> float:
    """How many standard errors the mean of `one` lies above that of `other`."""
    one, other = one.astype(float), other.astype(float)
    return (one.mean() - other.mean()) / math.sqrt(one.var() / len(one) + other.var() / len(other))


# -- customers ---------------------------------------------------------------------------------


def test_orders_follow_the_account_and_repeat_orders_the_first(company, placed):
    known = company.accounts["created_at"].astype("datetime64[s]").astype("int64").to_numpy()
    first = placed[placed["kind"] == 0].groupby("account")["at"].min()
    later = placed[placed["kind"] != 0]

    assert (placed["at"] >= known[placed["account"]]).all()
    assert (later["at"] > later["account"].map(first)).all()
    assert (later["deal"] == -1).all()
    assert placed["at"].max() < END


def test_nobody_orders_again_after_giving_up(company, placed):
    truth = customers.gave_up(company, placed[placed["kind"] == 0]).set_index("account")
    repeat = placed[placed["kind"] == customers.REPEAT]
    last = repeat.groupby("account")["at"].max()
    gone = truth.loc[truth["gave_up_at"] >= 0, "gave_up_at"]

    assert (last.reindex(gone.index) == gone).all()
    assert 0.1 < len(gone) / len(truth) < 0.6


def test_repeat_orders_come_at_the_customers_own_rate_while_it_is_alive(company, placed):
    truth = customers.gave_up(company, placed[placed["kind"] == 0])
    first = placed[placed["kind"] == 0].groupby("account")["at"].min()
    until = truth["gave_up_at"].where(truth["gave_up_at"] >= 0, END)
    years = (until - truth["account"].map(first)) / DAY / 365
    count = (placed["kind"] == customers.REPEAT).sum()

    # counted up to a stopping time, a Poisson process has as many events as rate x time on average
    expected = (truth["rate"] * years).sum()
    assert abs(count - expected) / math.sqrt(expected) < 5


def test_a_contract_is_renewed_the_day_after_it_ends_or_never(placed):
    terms = placed[placed["kind"] == customers.CONTRACT]
    renewed = terms[terms["renewed"] == 1]
    starts = set(zip(terms["account"], terms["starts_day"], terms["amount"], strict=True))
    due = terms["ends_day"] + 1 < END // DAY

    assert (terms["ends_day"] - terms["starts_day"] == 364).all()
    assert ((terms["renewed"] >= 0) == due).all()
    follow = zip(renewed["account"], renewed["ends_day"] + 1, renewed["amount"], strict=True)
    assert set(follow) <= starts
    assert 0.65 < (terms.loc[due, "renewed"] == 1).mean() < 0.85


def test_a_churn_wave_takes_customers_where_and_when_it_works(company, placed):
    wave = planted(company, causes.churn_wave(Span(SINCE), 4.0, EAST))
    first = placed[placed["kind"] == 0]
    gone = {}
    for name, world in (("quiet", company), ("wave", wave)):
        orders, truth = customers.lives(world, first)
        last = orders["account"].map(truth.set_index("account")["gave_up_at"]) == orders["at"]
        gone[name] = orders.assign(last=last)
    cells = {}
    for name, made in gone.items():
        for east in (True, False):
            for late in (True, False):
                mine = ((made["region"] == 0) == east) & ((made["at"] >= LATE) == late)
                cells[name, east, late] = made.loc[mine, "last"]

    assert z_of(cells["wave", True, True], cells["quiet", True, True]) > 5
    for east, late in ((True, False), (False, True), (False, False)):
        assert cells["wave", east, late].tolist() == cells["quiet", east, late].tolist()


def test_a_churn_wave_leaves_everything_from_deals_as_it_was(company, placed):
    wave = planted(company, causes.churn_wave(Span(SINCE), 4.0))
    now = business.orders(wave)
    columns = ["deal", "at", "amount", "wait", "fault", "rep"]

    assert now.loc[now["kind"] == 0, columns].equals(placed.loc[placed["kind"] == 0, columns])
    assert len(now) < len(placed)
    assert business.activities(wave).equals(business.activities(company))


# -- feedback ----------------------------------------------------------------------------------


def test_nobody_is_heard_before_delivery_or_about_a_contract(placed, heard):
    order = placed.iloc[heard["order"]]

    assert (heard["asked"] >= order["delivered_day"].to_numpy() * DAY).all()
    assert (
        heard.loc[heard["answered"] >= 0, "answered"] >= heard["asked"][heard["answered"] >= 0]
    ).all()
    assert (order["kind"] != customers.CONTRACT).all()
    assert heard[["asked", "answered"]].max().max() < END


def test_scores_lie_on_the_scale_of_their_type(heard):
    for number, (_, low, high, _) in enumerate(TYPES):
        score = heard.loc[heard["type"] == number, "score"].dropna()
        assert score.between(low, high).all()
        assert score.max() == high
        assert score.min() <= low + 2
    assert heard.loc[heard["channel"] == "ticket", "score"].isna().all()


def test_what_happened_is_what_customers_speak_of(placed, heard):
    order = placed.iloc[heard["order"]].reset_index(drop=True)
    late = order["wait"] > customers.LATE_DAYS

    for name, happened in (("delivery", late), ("product", order["fault"] & ~late)):
        theme = heard["theme"] == NAMES.index(name)
        assert theme[happened].mean() == pytest.approx(0.75 + 0.25 / 6, abs=0.06)
        assert z_of(heard["mood"][~happened], heard["mood"][happened]) > 10


def test_the_unhappy_answer_surveys_a_little_less(heard):
    asked = heard[heard["channel"] != "ticket"]
    answers, unhappy = asked["answered"] >= 0, asked["mood"] < 0

    assert 0.02 < answers[~unhappy].mean() - answers[unhappy].mean() < 0.15


def test_an_emerging_theme_shows_in_its_region_from_its_day_on(company, placed, heard):
    talk = planted(company, causes.theme_emerging(Span(SINCE), "service", 0.3, EAST))
    now = business.feedback(talk, placed)
    east = placed["region"].to_numpy() == 0
    service = NAMES.index("service")

    def share(said, inside, late):
        mine = said[(east[said["order"]] == inside) & ((said["asked"] >= LATE + 10 * DAY) == late)]
        return mine["theme"] == service

    assert z_of(share(now, True, True), share(heard, True, True)) > 5
    for inside, late in ((False, True), (False, False)):
        assert abs(z_of(share(now, inside, late), share(heard, inside, late))) < 3
    before = (now["asked"] < LATE).to_numpy()
    assert (
        now[before]
        .drop(columns=["text", "language", "feedback"])
        .equals(
            heard[(heard["asked"] < LATE).to_numpy()].drop(columns=["text", "language", "feedback"])
        )
    )


def test_every_theme_has_twelve_sentences_or_more_in_each_mood_and_language():
    rng = np.random.default_rng(1)
    for theme in range(len(THEMES)):
        for good in (True, False):
            for chinese in (True, False):
                n = 2000
                said = write(rng, np.full(n, theme), np.full(n, good), np.full(n, chinese))
                usual = pd.Series(said).value_counts()
                assert (usual > 40).sum() >= 12
                assert all(bool(re.search("[一-鿿]", text)) == chinese for text in usual.index)


def test_some_texts_name_a_person_and_a_number_to_call():
    n = 5000
    said = pd.Series(write(np.random.default_rng(1), np.zeros(n, int), np.zeros(n, bool),
                           np.arange(n) % 2 == 0))  # fmt: skip

    assert said.str.contains(r"1990000\d{4}").mean() == pytest.approx(0.03, abs=0.01)


# -- staff and market --------------------------------------------------------------------------


def test_a_planted_training_is_on_the_list_of_trainings(company):
    trained = planted(company, causes.training_effect(SINCE, (1, 3)))
    held = staff.trainings(trained)

    assert held.loc[held["held"] == SINCE, "rep"].tolist() == [1, 3]
    assert (
        held[held["held"] != SINCE]
        .drop(columns="training")
        .reset_index(drop=True)
        .equals(staff.trainings(company).drop(columns="training"))
    )


def test_the_visit_rule_is_seen_in_the_activities(company):
    stays, done = staff.visit_rule(company), business.activities(company)
    visits = set(done.loc[done["kind"] == 2, "deal"])
    often = stays.groupby("deal")["kept"].agg(["any", "size"])

    assert set(often.index[often["any"]]) <= visits
    by_rep = stays.groupby("rep")["kept"].mean()
    assert by_rep.max() - by_rep.min() > 0.2


def test_keeping_the_rule_helps_by_what_is_real_and_is_confounded_by_skill(company):
    def odds_ratio(stays):
        closed = stays[stays["went_on"] != 0.5]
        share = closed.groupby("kept")["went_on"].mean()
        return math.log(share[True] / (1 - share[True])) - math.log(
            share[False] / (1 - share[False])
        )

    apart = odds_ratio(staff.visit_rule(company, real=0.4, skilled=0.0))
    both = odds_ratio(staff.visit_rule(company, real=0.4))

    assert apart == pytest.approx(0.4, abs=0.12)
    assert both > apart + 0.05


def test_the_mood_of_a_team_falls_before_a_colleague_leaves(company):
    pulse = staff.culture_pulse(company)
    leavers = company.reps.dropna(subset="leave_on")
    soon = pd.Series(False, index=pulse.index)
    for rep in leavers.itertuples():
        ahead = pd.to_datetime(rep.leave_on) - pd.to_datetime(pulse["surveyed"])
        near = ahead.between(pd.Timedelta(days=1), pd.Timedelta(days=180))
        soon |= (pulse["team"] == rep.region) & near

    assert soon.any()
    assert pulse.loc[~soon, "score"].mean() - pulse.loc[soon, "score"].mean() > 0.15
    assert (pulse["answers"] <= pulse["asked"]).all()


def test_hand_offs_follow_the_order_and_its_delivery(company, placed):
    given = staff.handoffs(company, placed)
    order = placed.iloc[given["order"]].reset_index(drop=True)
    expected = np.where(given["step"] == 0, order["at"] // DAY, order["delivered_day"])
    taken = given[given["accepted"] >= 0]

    assert (given["handed"] == expected).all()
    assert (taken["accepted"] >= taken["handed"]).all()
    slow = (taken["accepted"] - taken["handed"]).groupby(taken["complete"]).mean()
    assert slow[False] > slow[True] + 2


def test_a_dropped_and_a_renamed_stage_are_versions_of_the_process():
    world = replace(BASE, causes=(causes.process_change(SINCE, "needs"),))

    assert staff.process_versions(world).to_dict("list") == {
        "valid_from": [BASE.start, SINCE], "change": [0, 1], "stage": ["", "needs"],
        "version": [1, 2],
    }  # fmt: skip


def test_the_market_begins_at_100_and_a_rival_gets_cheaper_where_it_enters(company):
    entry = planted(company, causes.competitor_entry(Span(SINCE), "Voltra", where=EAST))
    was, now = rivals.market(company), rivals.market(entry)
    index = was[was["metric"] == "index"]
    voltra = (now["metric"] == "price Voltra") & (now["region"] == 0)
    inside = voltra & (now["month"] >= pd.Timestamp(SINCE))

    assert (index.groupby("region")["value"].first() == 100).all()
    ratio = now.loc[inside, "value"] / was.loc[inside, "value"]
    assert ratio.to_numpy() == pytest.approx(0.88, abs=0.001)
    assert now[~inside].equals(was[~inside])


def test_asking_twice_gives_the_same(company, placed, heard):
    assert business.orders(company).equals(placed)
    assert business.feedback(company, placed).equals(heard)
    assert rivals.market(company).equals(rivals.market(company))
    assert staff.culture_pulse(company).equals(staff.culture_pulse(company))
