"""Every cause of the catalogue: seen where it was planted, and nowhere else."""

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from salesops_kit.errors import DataError, ParameterError
from salesops_kit.worlds import World, canonical, causes, simulate
from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY, second
from salesops_kit.worlds.effects import Span, Where
from salesops_kit.worlds.nulls import NULLS, null_world, sized
from salesops_kit.worlds.sealed import seal, unseal
from salesops_kit.worlds.signal import strength

SINCE = date(2024, 7, 1)
SPAN = Span(SINCE)
EAST = Where(region="East")
BASE = replace(
    sized(World(seed=11, start=date(2024, 1, 1), export_on=date(2025, 1, 1), growth_per_month=0.0,
                shock=0.0, season=0.0), 20_000),
    accounts=2000,
)  # fmt: skip
LATE = second(SINCE)


@pytest.fixture(scope="module")
def quiet():
    return simulate(BASE)


def odds(share: float) -> float:
    return math.log(share / (1 - share))


def with_cause(cause):
    return simulate(replace(BASE, causes=(cause,)))


def difference(one: pd.Series, other: pd.Series) -> float:
    """How many standard errors the mean of `one` lies above that of `other`."""
    return (one.mean() - other.mean()) / math.sqrt(one.var() / len(one) + other.var() / len(other))


def advanced(company, deals: np.ndarray, stage: str, *, late: bool) -> pd.Series:
    """1 for each exit of a stage that advanced, 0 for the others."""
    history = company.history
    then = history.groupby("deal")["stage"].shift(-1)
    left = history.groupby("deal")["entered"].shift(-1)
    order = [s.name for s in c.STAGES]
    mine = (history["stage"] == stage) & then.notna() & deals[history["deal"].to_numpy()]
    mine &= (left >= LATE) == late
    later = {*order[order.index(stage) + 1 :], "won"}
    return then[mine].isin(later).astype(float)


def in_region(company, region: int) -> np.ndarray:
    return (company.deals["region"] == region).to_numpy()


def test_a_quality_drop_lowers_the_advance_rate_by_its_size_there_and_then(quiet):
    company = with_cause(causes.quality_drop(SPAN, "proposal", 0.3, EAST))
    east, south = in_region(company, 0), in_region(company, 1)
    was, is_now = (
        advanced(x, in_region(x, 0), "proposal", late=True).mean() for x in (quiet, company)
    )

    cause_odds = math.log(0.525 / 0.475) - math.log(0.75 / 0.25)  # 30 % off the usual 75 %
    assert odds(is_now) - odds(was) == pytest.approx(cause_odds, abs=0.12)
    for x in (quiet, company):
        assert advanced(x, east, "proposal", late=False).mean() == pytest.approx(0.78, abs=0.05)
    assert abs(difference(*(advanced(company, south, "proposal", late=x) for x in (0, 1)))) < 3
    assert abs(difference(*(advanced(company, east, "solution", late=x) for x in (0, 1)))) < 3


def test_a_ramp_grows_and_an_end_ends():
    days = np.array([second(date(2024, 6, 30)), LATE, LATE + 30 * DAY, LATE + 60 * DAY])

    assert Span(SINCE, ramp_days=60).strength(days).tolist() == [0, 0, 0.5, 1]
    assert Span(SINCE, until=date(2024, 7, 31)).strength(days).tolist() == [0, 1, 0, 0]


def test_a_volume_loss_takes_its_share_of_the_leads_of_its_slice(quiet):
    company = with_cause(causes.volume_loss(SPAN, 0.3, EAST))
    count = {
        (who, late): ((x.leads["region"] == region) & ((x.leads["created"] >= LATE) == late)).sum()
        for who, x, region in (("east", company, 0), ("quiet", quiet, 0), ("south", company, 1))
        for late in (False, True)
    }

    assert count["east", True] / count["quiet", True] == pytest.approx(0.7, abs=0.03)
    assert count["east", False] == count["quiet", False]
    assert (
        count["south", True]
        == ((quiet.leads["region"] == 1) & (quiet.leads["created"] >= LATE)).sum()
    )


def test_a_flow_above_one_brings_more_leads(quiet):
    company = with_cause(causes.volume_loss(SPAN, -0.5, EAST))
    east = [((x.leads["region"] == 0) & (x.leads["created"] >= LATE)).sum() for x in
            (company, quiet)]  # fmt: skip

    assert east[0] / east[1] == pytest.approx(1.5, abs=0.06)


def test_a_mix_shift_moves_its_share_and_leaves_the_number_of_leads(quiet):
    company = with_cause(causes.mix_shift(SPAN, "Outbound", 0.4, EAST))
    late = company.leads["created"] >= LATE
    east = company.leads["region"] == 0
    share = company.leads.loc[late & east, "source"].eq(3).mean()
    usual = c.SOURCES[3].weight

    assert len(company.leads) == len(quiet.leads)
    assert share == pytest.approx(usual + (1 - usual) * 0.4, abs=0.03)
    assert company.leads.loc[late & ~east, "source"].eq(3).mean() == pytest.approx(usual, abs=0.02)


def test_a_shift_of_regions_moves_leads_to_accounts_of_that_region():
    company = with_cause(causes.mix_shift(SPAN, "West", 0.35, dimension="region"))
    home = company.accounts["region"].to_numpy()[company.leads["account"]]

    assert (home == company.leads["region"]).all()
    late = company.leads["created"] >= LATE
    assert company.leads.loc[late, "region"].eq(4).mean() > 0.35


def test_size_erosion_makes_new_deals_smaller(quiet):
    company = with_cause(causes.size_erosion(SPAN, 0.25, EAST))
    late = (company.deals["created"] >= LATE) & in_region(company, 0)
    ratio = company.deals["size"] / quiet.deals["size"]

    assert ratio[late].median() == pytest.approx(0.75, abs=0.01)
    assert (ratio[~late] == 1).all()


def test_a_rep_who_leaves_gets_no_more_leads_and_hands_over():
    company = with_cause(causes.rep_leaves(SINCE, 12))
    assert company.leads.loc[company.leads["created"] >= LATE, "rep"].ne(12).all()
    mine = company.deals["first_rep"] == 12
    still_open = company.deals["stage"].isin([s.name for s in c.STAGES])
    assert (company.deals.loc[mine & still_open, "rep"] != 12).all()


def test_reps_who_join_have_no_deal_before():
    company = with_cause(causes.reps_ramping(SINCE, (5, 10)))
    theirs = company.deals["first_rep"].isin([5, 10])

    assert theirs.sum() > 50
    assert (company.deals.loc[theirs, "created"] >= LATE).all()


def test_assignment_bias_gives_referrals_to_skilled_reps():
    company = with_cause(causes.assignment_bias(SPAN, 1.0))
    skill = company.reps["skill"].to_numpy()[company.leads["rep"]]
    late = company.leads["created"] >= LATE
    gap = {
        when: difference(
            pd.Series(skill[mask & (company.leads["source"] == 2)]),
            pd.Series(skill[mask & (company.leads["source"] == 3)]),
        )
        for when, mask in (("late", late), ("early", ~late))
    }

    assert gap["late"] > 10
    assert abs(gap["early"]) < 3


def test_a_competitor_is_named_where_deals_are_lost_and_wins_them_late():
    company = with_cause(causes.competitor_entry(SPAN, "Keming", 0.3, EAST))
    lost = company.deals[company.deals["stage"] == "lost"]
    after = lost[(lost["stage_at"] >= LATE) & (lost["region"] == 0)]
    elsewhere = lost[(lost["stage_at"] >= LATE) & (lost["region"] != 0)]
    rates = [advanced(company, in_region(company, 0), "negotiation", late=x) for x in (0, 1)]

    assert (after["rival"] == 2).mean() > 0.45
    assert (elsewhere["rival"] == 2).mean() < 0.12
    assert difference(*rates) > 4


def test_trained_reps_win_more_and_others_do_not():
    trained = tuple(range(0, 40, 3))
    company = with_cause(causes.training_effect(SINCE, trained, 0.5))
    mine = company.deals["first_rep"].isin(trained).to_numpy()
    gain = [
        difference(*(advanced(company, who, "solution", late=x) for x in (1, 0)))
        for who in (mine, ~mine)
    ]

    assert gain[0] > 3
    assert abs(gain[1]) < 3


def test_a_promotion_pulls_wins_forward_and_leaves_a_hole(quiet):
    company = with_cause(causes.promotion(date(2024, 8, 1), date(2024, 9, 1), share=0.6))

    def won(x, first, last):
        at = x.deals.loc[x.deals["stage"] == "won", "stage_at"]
        return ((at >= second(first)) & (at < second(last))).sum()

    peak, hole = (date(2024, 8, 1), date(2024, 9, 1)), (date(2024, 9, 1), date(2024, 10, 1))
    assert won(company, *peak) > 1.15 * won(quiet, *peak)
    assert won(company, *hole) < 0.85 * won(quiet, *hole)


def test_a_dropped_stage_is_entered_no_more_and_as_many_deals_are_won(quiet):
    company = with_cause(causes.process_change(SINCE, "needs"))
    entered = company.history.loc[company.history["stage"] == "needs", "entered"]
    cohort = [
        x.deals[(x.deals["created"] >= LATE) & (x.deals["created"] < LATE + 60 * DAY)]
        for x in (company, quiet)
    ]

    assert (entered < LATE).all()
    won = [(part["stage"] == "won").astype(float) for part in cohort]
    assert won[0].mean() == pytest.approx(won[1].mean(), abs=0.05)


def test_a_renamed_stage_shows_the_new_label_everywhere_but_in_old_history():
    company = with_cause(causes.label_rename(SINCE, "proposal", "Quote Sent", "已报价"))
    history, deals = canonical.stage_history(company), canonical.deals(company)
    mine = history[history["stage"] == "proposal"]
    old = mine["entered_at"] < pd.Timestamp(SINCE)

    assert set(mine.loc[old, "stage_label"]) == {"Proposal and quote"}
    assert set(mine.loc[~old, "stage_label"]) == {"Quote Sent"}
    assert set(deals.loc[deals["stage"] == "proposal", "stage_label"]) == {"Quote Sent"}


def test_a_bulk_close_closes_only_old_open_deals_at_once():
    company = with_cause(causes.bulk_close(SINCE, deals=300, older_days=60))
    closed = company.history[company.history["by_office"]]

    assert 100 < len(closed) <= 300
    assert set(closed["stage"]) == {"lost"}
    assert closed["entered"].max() - closed["entered"].min() < 60


# -- strength ----------------------------------------------------------------------------------


def test_strength_is_that_of_the_z_test_an_oracle_would_make():
    """Over many worlds, the two-sample z of the right slice and month is about z*."""
    cause = causes.quality_drop(SPAN, "proposal", 0.2, EAST)
    found, expected = [], []
    for seed in range(12):
        company = simulate(replace(sized(BASE, 5_000), seed=seed, skill=0.0, causes=(cause,)))
        east = in_region(company, 0)
        found.append(difference(*(advanced(company, east, "proposal", late=x) for x in (0, 1))))
        expected.append(strength(company, cause))

    assert np.mean(found) == pytest.approx(np.mean(expected), abs=3 / math.sqrt(12))


def test_strength_grows_with_the_root_of_the_number_of_deals():
    cause = causes.slowdown(SPAN, "solution", 1.5, EAST)
    small, large = (
        strength(simulate(replace(sized(BASE, n), causes=(cause,))), cause) for n in (4000, 16000)
    )

    assert large / small == pytest.approx(2, rel=0.1)


@pytest.mark.parametrize(
    "cause",
    [causes.bulk_close(SINCE), causes.process_change(SINCE), causes.rep_leaves(SINCE, 3)],
    ids=lambda x: x.kind,
)
def test_artefacts_and_leavers_have_no_strength(quiet, cause):
    assert strength(quiet, cause) is None


# -- null worlds -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NULLS)
def test_null_worlds_hold_no_cause_but_artefacts_and_shifts_of_mix(name):
    world = null_world(name, sized(replace(BASE, shock=0.2), 1500))
    company = simulate(world)

    assert len(company.deals) > 1000
    assert all(x.artefact or x.kind == "mix_shift" for x in world.causes)
    assert (world.shock > 0) == name.startswith("noise")


def test_an_unknown_null_world_is_refused():
    with pytest.raises(ParameterError, match="null world is 'x'; it must be one of pure, mix"):
        null_world("x", BASE)


@pytest.mark.parametrize("deals", [1500, 6000, 25_000])
def test_a_sized_world_has_about_so_many_deals(deals):
    assert len(simulate(sized(BASE, deals)).deals) == pytest.approx(deals, rel=0.15)


# -- sealed truth ------------------------------------------------------------------------------


def test_the_sealed_truth_says_what_was_planted_and_is_not_readable_by_accident(quiet, tmp_path):
    cause = causes.quality_drop(Span(SINCE, ramp_days=30), "proposal", 0.3, EAST)
    company = with_cause(cause)
    path = seal(company, tmp_path)

    assert b"quality" not in path.read_bytes()
    (told,) = unseal(path)["causes"]
    assert told.pop("z_star") == pytest.approx(strength(company, cause))
    assert told == {"kind": "quality_drop", "size": 0.3, "artefact": False, "stage": "proposal",
                    "where": {"region": "East"}, "since": "2024-07-01", "until": "",
                    "ramp_days": 30}  # fmt: skip


def test_a_broken_seal_is_refused(tmp_path):
    path = tmp_path / "truth.sealed"
    path.write_text("hello", encoding="utf-8")

    with pytest.raises(DataError, match="is not a sealed truth, or was cut off"):
        unseal(path)


# -- wrong input -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Where(region="Mars"), "region is 'Mars'; it must be one of East, South"),
        (lambda: causes.quality_drop(SPAN, "dating"), "stage is 'dating'; it must be one of"),
        (lambda: causes.quality_drop(SPAN, "contract", 1.2), "drop is 1.2; of a chance of 92%"),
        (lambda: causes.mix_shift(SPAN, "Mail"), "to is 'Mail'; it must be one of Web"),
        (lambda: causes.mix_shift(SPAN, "East", dimension="city"), "dimension is 'city'; a mix"),
        (lambda: causes.competitor_entry(SPAN, "Acme"), "rival is 'Acme'; it must be one of"),
        (lambda: causes.process_change(SINCE, "contract"), "stage is 'contract'; it must be one"),
    ],
)
def test_a_cause_that_cannot_be_is_refused_with_the_choices(make, message):
    with pytest.raises(ParameterError) as error:
        make()

    assert str(error.value).startswith(message)
