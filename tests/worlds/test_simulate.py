"""The simulated company: reproducible, consistent in itself, believable, its causes visible."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from salesops_kit.errors import ParameterError
from salesops_kit.worlds import business
from salesops_kit.worlds import company as c
from salesops_kit.worlds.causes import Cause, slowdown
from salesops_kit.worlds.clock import DAY, is_weekend, second
from salesops_kit.worlds.demo import DEMO, demo_company
from salesops_kit.worlds.effects import BulkClose, Shift, Span, Where
from salesops_kit.worlds.people import left_at
from salesops_kit.worlds.simulate import Company, simulate
from salesops_kit.worlds.world import World

FRAMES = ("reps", "accounts", "contacts", "leads", "deals", "history")
OPEN = [s.name for s in c.STAGES]
SMALL = World(seed=1, start=date(2024, 1, 1), export_on=date(2025, 1, 1), leads_per_month=150,
              reps=20, accounts=200)  # fmt: skip
SHIFT = Shift(Span(date(2024, 7, 1)), Where(region="East", line="Analyzers"), "proposal", odds=-1.5)
CAUSE = Cause("quality_drop", 0.5, (SHIFT,))
LARGE = replace(SMALL, seed=6, leads_per_month=4000, accounts=2000, shock=0.0)


@pytest.fixture(scope="module")
def small():
    return simulate(SMALL)


@pytest.fixture(scope="module")
def null():
    return simulate(LARGE)


@pytest.fixture(scope="module")
def shifted():
    return simulate(replace(LARGE, causes=(CAUSE,)))


def same(one: Company, other: Company) -> bool:
    return all(getattr(one, name).equals(getattr(other, name)) for name in FRAMES)


def in_slice(company: Company) -> pd.Series:
    """Deals of the planted slice: analyzers (products 0 and 1) in the East (region 0)."""
    return (company.deals["region"] == 0) & company.deals["product"].isin([0, 1])


def advanced(company: Company, deals: pd.Series, stage: str, late: bool) -> tuple[int, int]:
    """Of the visits of a stage that ended before or after the shift: how many advanced, of all."""
    history = company.history
    left = history.groupby("deal")["entered"].shift(-1)
    then = history.groupby("deal")["stage"].shift(-1)
    mine = (history["stage"] == stage) & left.notna() & deals.to_numpy()[history["deal"]]
    mine &= (left >= second(SHIFT.span.since)) == late
    later = [*OPEN[OPEN.index(stage) + 1 :], "won"]
    return int(then[mine].isin(later).sum()), int(mine.sum())


def drop_z(company: Company, deals: pd.Series, stage: str) -> float:
    """How many standard errors the advance share is lower after the shift than before."""
    (k0, n0), (k1, n1) = (advanced(company, deals, stage, late) for late in (False, True))
    share = (k0 + k1) / (n0 + n1)
    return (k0 / n0 - k1 / n1) / np.sqrt(share * (1 - share) * (1 / n0 + 1 / n1))


# -- reproducible ------------------------------------------------------------------------------


def test_equal_settings_give_equal_worlds(small):
    assert same(small, simulate(replace(SMALL)))


def test_different_seeds_give_different_worlds(small):
    other = simulate(replace(SMALL, seed=2))

    assert not small.leads["created"].equals(other.leads["created"])
    assert not small.reps["skill"].equals(other.reps["skill"])


def test_drawing_from_one_stream_does_not_shift_another():
    alone = SMALL.stream("leads").random(5)
    SMALL.stream("weather").random(1000)

    assert SMALL.stream("leads").random(5).tolist() == alone.tolist()
    assert SMALL.stream("weather").random(5).tolist() != alone.tolist()


def test_what_happens_around_deals_does_not_depend_on_the_order_of_asking(small):
    placed = business.orders(small)
    business.activities(small)
    business.feedback(small, placed)

    assert business.orders(small).equals(placed)
    assert business.payments(small, placed).equals(business.payments(small, placed))


def test_asking_around_leaves_the_company_as_it_was(small):
    before = {name: getattr(small, name).copy() for name in FRAMES}
    placed = business.orders(small)
    for ask in (business.activities, business.targets):
        ask(small)
    business.payments(small, placed)
    business.feedback(small, placed)

    assert all(getattr(small, name).equals(frame) for name, frame in before.items())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reps": 9}, "reps is 9; give at least 10, two per region"),
        ({"accounts": 0}, "accounts is 0; give at least 1"),
        ({"export_on": date(2024, 1, 1)},
         "export_on is 2024-01-01; give a day after start, 2024-01-01"),
    ],
)  # fmt: skip
def test_a_world_that_cannot_be_is_refused(change, message):
    with pytest.raises(ParameterError) as error:
        replace(SMALL, **change)

    assert str(error.value) == message


@pytest.mark.parametrize("seed", range(5))
def test_the_smallest_company_has_somebody_for_every_deal(seed):
    tiny = simulate(World(seed=seed, reps=10, accounts=3, leads_per_month=30))
    hired = np.array([second(d) for d in tiny.reps["hire_on"]])

    assert (tiny.deals["created"] >= hired[tiny.deals["rep"]]).all()
    assert (tiny.reps["region"].to_numpy()[tiny.deals["rep"]] == tiny.deals["region"]).all()


@pytest.mark.parametrize("last", [date(2024, 1, 2), date(2024, 2, 10), date(2024, 12, 31)])
def test_a_short_world_knows_nothing_of_later_hires_and_leavers(last):
    short = simulate(World(seed=1, start=date(2024, 1, 1), export_on=last))

    assert (short.reps["hire_on"] < last).all()
    assert all(day is None or day < last for day in short.reps["leave_on"])
    assert (short.accounts["created_at"] < pd.Timestamp(last)).all()


def test_a_company_without_leads_has_no_deals():
    empty = simulate(replace(SMALL, leads_per_month=0.0))

    assert (len(empty.leads), len(empty.deals), len(empty.history)) == (0, 0, 0)


# -- consistent in itself ----------------------------------------------------------------------


@pytest.fixture(scope="module", params=["demo", "small"])
def any_company(request, small):
    return demo_company() if request.param == "demo" else small


def test_positions_are_the_index_of_every_frame(any_company):
    for name in ("reps", "accounts", "contacts", "leads", "deals"):
        frame = getattr(any_company, name)
        assert frame[name.removesuffix("s")].tolist() == list(range(len(frame))), name


def test_every_converted_lead_is_a_deal_and_every_deal_was_a_lead(any_company):
    leads, deals = any_company.leads, any_company.deals
    born = leads[leads["converts"]]

    assert born["deal"].tolist() == deals["deal"].tolist()
    assert born["lead"].tolist() == deals["lead"].tolist()
    assert born["converted"].tolist() == deals["created"].tolist()
    assert born["account"].tolist() == deals["account"].tolist()
    assert (leads.loc[~leads["converts"], "deal"] == -1).all()


def test_everything_around_deals_refers_to_records_that_exist(any_company):
    deals, placed = any_company.deals, business.orders(any_company)
    done, paid = business.activities(any_company), business.payments(any_company, placed)
    heard = business.feedback(any_company, placed)

    assert set(any_company.history["deal"]) == set(deals["deal"])
    assert set(any_company.contacts["account"]) <= set(any_company.accounts["account"])
    for frame in (done, placed, heard):
        of_deals = frame[frame["deal"] >= 0]
        own = deals.iloc[of_deals["deal"].to_numpy()]
        assert of_deals["account"].tolist() == own["account"].tolist()
    of_deals = placed.loc[placed["deal"] >= 0, "deal"]
    assert (deals.iloc[of_deals]["stage"] == "won").all()
    assert of_deals.is_unique
    for frame in (paid, heard):
        own = placed.iloc[frame["order"].to_numpy()]
        assert frame["account"].tolist() == own["account"].tolist()


def test_nobody_pays_more_than_the_order(any_company):
    placed = business.orders(any_company).set_index("order")
    paid = business.payments(any_company, placed.reset_index()).groupby("order")["amount"].sum()

    assert (paid <= placed["amount"].loc[paid.index] + 0.01).all()


def test_times_of_a_lead_are_in_order(any_company):
    leads = any_company.leads
    given, heard = leads["assigned"] >= 0, leads["answered"] >= 0
    known = any_company.accounts["created_at"].to_numpy()[leads["account"]]

    assert (leads["assigned"] >= leads["created"])[given].all()
    assert (leads["answered"] >= leads["assigned"])[given & heard].all()
    assert (leads["converted"] > leads["answered"])[leads["converts"]].all()
    assert heard[leads["converts"]].all()
    assert (known <= pd.to_datetime(leads["created"], unit="s")).all()


def test_stage_entries_of_a_deal_are_at_least_a_minute_apart(any_company):
    history = any_company.history.sort_values(["deal", "entered"], kind="stable")

    assert history.index.tolist() == list(range(len(history)))
    assert (history.groupby("deal")["entered"].diff().dropna() >= 60).all()


def test_a_history_begins_with_the_deal_and_ends_where_it_stands(any_company):
    deals = any_company.deals.set_index("deal")
    first = any_company.history.groupby("deal").head(1).set_index("deal")
    last = any_company.history.groupby("deal").tail(1).set_index("deal")

    assert (first["stage"] == "qualification").all()
    assert (first["entered"] == deals["created"]).all()
    pd.testing.assert_frame_equal(
        last[["stage", "entered", "amount", "probability", "expected_day"]],
        deals[["stage", "stage_at", "amount", "probability", "expected_day"]].rename(
            columns={"stage_at": "entered"}
        ),
    )


def test_only_lost_deals_come_back_and_only_to_needs(any_company):
    history = any_company.history
    then = history.groupby("deal")["stage"].shift(-1)
    closed = ~history["stage"].isin(OPEN) & then.notna()

    assert set(history.loc[closed, "stage"]) <= {"lost"}
    assert set(then[closed]) <= {"needs"}


def test_nothing_happens_after_the_export(any_company):
    end = second(any_company.world.export_on)
    placed = business.orders(any_company)
    heard = business.feedback(any_company, placed)

    assert any_company.history["entered"].max() < end
    assert any_company.leads[["created", "assigned", "answered"]].max().max() < end
    assert any_company.leads.loc[any_company.leads["converts"], "converted"].max() < end
    assert business.activities(any_company)["at"].max() < end
    assert placed["at"].max() < end
    assert placed.loc[placed["delivered"], "delivered_day"].max() < end // DAY
    assert business.payments(any_company, placed)["day"].max() < end // DAY
    assert heard[["asked", "answered"]].max().max() < end
    assert any_company.accounts["created_at"].max() < pd.Timestamp(any_company.world.export_on)


def test_activities_fall_into_the_stage_visit_of_an_open_deal(any_company):
    end = second(any_company.world.export_on)
    history = any_company.history.sort_values("entered")
    done = business.activities(any_company)
    seen = pd.merge_asof(done, history[["deal", "entered", "stage", "rep"]], left_on="at",
                         right_on="entered", by="deal")  # fmt: skip

    assert seen["stage"].isin(OPEN).all()
    assert (seen["rep_x"] == seen["rep_y"]).all()
    assert done["at"].max() < end


def test_nobody_owns_anything_before_the_first_or_after_the_last_day(any_company):
    hired = np.array([second(d) for d in any_company.reps["hire_on"]])
    left, end = left_at(any_company.reps), second(any_company.world.export_on)
    leads, deals, history = any_company.leads, any_company.deals, any_company.history

    for frame, when in ((leads, "created"), (history, "entered")):
        assert (frame[when] >= hired[frame["rep"]]).all()
        assert (frame[when] < left[frame["rep"]]).all()
    is_open = deals["stage"].isin(OPEN)
    assert (left[deals.loc[is_open, "rep"]] >= end).all()
    last = history.groupby("deal")["rep"].last()
    assert (last == deals["rep"])[~is_open.to_numpy()].all()


def test_owners_are_of_the_region_of_the_deal(any_company):
    home = any_company.reps["region"].to_numpy()

    assert (home[any_company.deals["rep"]] == any_company.deals["region"]).all()
    assert (home[any_company.deals["first_rep"]] == any_company.deals["region"]).all()
    assert (home[any_company.leads["rep"]] == any_company.leads["region"]).all()


def test_no_two_reps_and_no_two_accounts_share_a_name(any_company):
    for frame in (any_company.reps, any_company.accounts):
        assert frame["name_en"].is_unique
        assert frame["name_zh"].is_unique


def test_five_hundred_reps_still_have_names_of_their_own():
    reps = simulate(replace(SMALL, reps=500, leads_per_month=10)).reps

    assert reps["name_zh"].is_unique
    assert reps["name_en"].is_unique


# -- believable --------------------------------------------------------------------------------


def test_about_a_quarter_of_the_closed_deals_is_won():
    stages = demo_company().deals["stage"].value_counts()

    assert 0.22 < stages["won"] / (stages["won"] + stages["lost"]) < 0.28


def test_quarters_of_the_demo_reach_most_of_the_plan_or_a_little_more():
    company = demo_company()
    won = company.deals[company.deals["stage"] == "won"]
    month = pd.to_datetime(won["stage_at"], unit="s").dt.to_period("Q")
    plan = business.targets(company)
    plan = plan[plan["level"] == "company"]
    quarter = pd.PeriodIndex(pd.to_datetime(plan["start"]), freq="Q")
    reached = won["amount"].groupby(month).sum() / plan["target"].groupby(quarter).sum()
    reached = reached["2024Q1":"2025Q3"]

    assert len(reached) == 7
    assert reached.between(0.75, 1.2).all()
    assert 0.9 < reached.mean() < 1.05


def test_plans_of_teams_and_reps_add_up_to_the_companys():
    plan = business.targets(demo_company())
    total = plan[plan["level"] == "company"].set_index("start")["target"]

    assert (plan["target"] > 0).all()
    for level, slack in (("team", 5_000), ("rep", 25_000)):
        parts = plan[plan["level"] == level].groupby("start")["target"].sum()
        assert (parts - total).abs().max() <= slack


def test_only_reps_who_are_there_have_a_plan():
    company = demo_company()
    plan = business.targets(company)
    plan = plan[plan["level"] == "rep"].merge(company.reps, left_on="who", right_on="rep")

    assert (plan["hire_on"] <= plan["end"]).all()
    gone = plan[plan["leave_on"].notna()]
    assert (gone["leave_on"] > gone["start"]).all()
    assert gone["who"].nunique() == 3


def test_some_open_deals_are_forgotten_ones():
    company = demo_company()
    deals, end = company.deals, second(company.world.export_on)
    won = deals[deals["stage"] == "won"]
    still = deals[deals["stage"].isin(OPEN)]
    usual = (won["stage_at"] - won["created"]).quantile(0.99)

    assert 0.05 < ((end - still["created"]) > usual).mean() < 0.35


def test_the_bulk_edit_closes_sixty_deals_within_a_minute():
    edited = demo_company().history.query("by_office")

    assert len(edited) == 60
    assert set(edited["stage"]) == {"lost"}
    assert edited["entered"].max() - edited["entered"].min() < 60
    assert set(pd.to_datetime(edited["entered"], unit="s").dt.date) == {
        DEMO.effects(BulkClose)[0].span.since
    }


@pytest.mark.parametrize("what", ["leads", "history", "activities"])
def test_little_happens_on_weekends_and_nothing_at_night(what):
    company = demo_company()
    when = {"leads": company.leads["created"], "history": company.history["entered"],
            "activities": business.activities(company)["at"]}[what].to_numpy()  # fmt: skip

    assert 0 < is_weekend(when // DAY).mean() < 0.05
    assert ((when % DAY >= 8 * 3600) & (when % DAY < 20 * 3600)).mean() > 0.99


def test_lunar_new_year_months_have_fewer_leads():
    created = pd.to_datetime(demo_company().leads["created"], unit="s").dt.to_period("M")
    leads = created.value_counts()

    for holiday, neighbours in (("2024-02", ("2024-01", "2024-03")),
                                ("2025-01", ("2024-12", "2025-03"))):  # fmt: skip
        usual = np.mean([leads[m] for m in neighbours])
        assert leads[holiday] < 0.9 * usual


def test_late_deliveries_make_worse_scores():
    company = demo_company()
    placed = business.orders(company)
    heard = business.feedback(company, placed).dropna(subset="score")
    late = placed["wait"].to_numpy()[heard["order"]] > 42

    assert heard["score"][~late].mean() - heard["score"][late].mean() > 1
    assert (heard["score"].between(0, 10)).all()


# -- causes ------------------------------------------------------------------------------------


def test_a_planted_shift_changes_no_deal_outside_its_slice(null, shifted):
    outside = ~in_slice(null).to_numpy()

    for name, key in (("history", "deal"), ("deals", "deal")):
        one, other = getattr(null, name), getattr(shifted, name)
        one, other = (f[outside[f[key]]].reset_index(drop=True) for f in (one, other))
        pd.testing.assert_frame_equal(one, other)


def test_a_planted_shift_changes_nothing_before_its_day(null, shifted):
    one, other = (
        w.history[w.history["entered"] < second(SHIFT.span.since)].reset_index(drop=True)
        for w in (null, shifted)
    )

    pd.testing.assert_frame_equal(one, other)


def test_a_planted_shift_lowers_the_advance_share_by_what_was_planted(shifted):
    (k0, n0), (k1, n1) = (advanced(shifted, in_slice(shifted), "proposal", x) for x in (0, 1))
    before, after = k0 / n0, k1 / n1
    change = np.log(after / (1 - after)) - np.log(before / (1 - before))

    assert drop_z(shifted, in_slice(shifted), "proposal") > 6
    assert change == pytest.approx(-1.5, abs=0.5)


def test_other_stages_and_other_slices_keep_their_advance_share(shifted):
    inside = in_slice(shifted)
    elsewhere = [
        drop_z(shifted, (shifted.deals["region"] == region) & (shifted.deals["product"] == p),
               "proposal")
        for region in range(5) for p in range(6) if not (region == 0 and p in (0, 1))
    ]  # fmt: skip
    stages = [drop_z(shifted, inside, stage) for stage in OPEN if stage != "proposal"]

    assert len(elsewhere) == 28
    assert max(np.abs(elsewhere + stages)) < 3.5


def test_null_worlds_have_only_chance_differences():
    drops = []
    for seed in range(1, 7):
        world = simulate(replace(LARGE, seed=seed))
        region, product = world.deals["region"], world.deals["product"]
        drops += [drop_z(world, (region == r) & (product == p), "proposal")
                  for r in range(5) for p in range(6)]  # fmt: skip
        assert abs(drop_z(world, in_slice(world), "proposal")) < 3

    # 180 standard scores: their spread is 1 within three standard errors, a few exceed 1.96
    assert np.std(drops) == pytest.approx(1, abs=3 / np.sqrt(2 * 180))
    assert abs(np.mean(drops)) < 3 / np.sqrt(180)
    assert np.mean(np.abs(drops) > 1.96) < 0.10


def test_a_slowdown_lengthens_the_stay_of_its_slice_only(null):
    slower = slowdown(Span(date(2024, 3, 1)), "solution", 2.0, Where(region="West"))
    slow = simulate(replace(LARGE, causes=(slower,)))
    west = (null.deals["region"] == 4).to_numpy()

    def stay(company):
        history = company.history
        days = (history.groupby("deal")["entered"].shift(-1) - history["entered"]) / DAY
        mine = (history["stage"] == "solution") & west[history["deal"]]
        mine &= history["entered"].between(second(slower.span.since), second(date(2024, 8, 1)))
        return days[mine].median()

    assert stay(slow) / stay(null) == pytest.approx(2.0, abs=0.25)
    outside = [w.history[~west[w.history["deal"]]].reset_index(drop=True) for w in (null, slow)]
    pd.testing.assert_frame_equal(*outside)


def test_month_noise_of_a_region_moves_nobody_when_it_is_zero(null):
    east = simulate(replace(LARGE, shock=0.4))

    assert not east.history.equals(null.history)
    assert east.leads.equals(null.leads)
