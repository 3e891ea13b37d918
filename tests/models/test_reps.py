"""Comparing reps: against closed forms, numerical integration, statsmodels, and known truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.stats import spearmanr

from salesops_kit.errors import ParameterError
from salesops_kit.models.ranking import ranked, told_apart
from salesops_kit.models.rep_means import compare_means
from salesops_kit.models.reps import compare_reps
from salesops_kit.models.within import design_of, within_linear, within_logit


def expit(x):
    return 1 / (1 + np.exp(-x))


def made(seed, reps=40, strata=6, sigma=0.4, tilt=0.0):
    """Counts by rep and stratum; with `tilt` below 0 better reps get harder strata."""
    draw = np.random.default_rng(seed)
    skill, ease = draw.normal(0, sigma, reps), np.linspace(-2, 0.2, strata)
    weight = np.exp(tilt * skill[:, None] / sigma * (ease - ease.mean()))
    weight *= draw.gamma(4, 0.25, (reps, strata))
    n = np.array([draw.multinomial(draw.integers(20, 200), w / w.sum()) for w in weight])
    hits = draw.binomial(n, expit(skill[:, None] + ease))
    rep, stratum = np.nonzero(n)
    counts = pd.DataFrame({"rep": [f"R{r:02}" for r in rep], "source": [f"s{k}" for k in stratum],
                           "n": n[rep, stratum], "hits": hits[rep, stratum]})  # fmt: skip
    return counts, skill - skill.mean(), ease


# -- strata, within reps ------------------------------------------------------------------------


def test_a_stratum_is_the_conditional_log_odds_ratio_where_there_is_a_closed_form():
    # one rep, two strata: within the rep the log-odds ratio is that of the table
    counts = pd.DataFrame({"rep": "A", "source": ["x", "y"], "n": [9e5, 9e5], "hits": [6e5, 3e5]})
    design = design_of(counts, ["source"])

    effects = within_logit(design, counts["hits"].to_numpy()).effects

    assert effects[0] - effects[1] == pytest.approx(np.log(4), abs=1e-4)


def test_strata_equal_the_conditional_likelihood_of_statsmodels():
    from statsmodels.discrete.conditional_models import ConditionalLogit

    counts, _, _ = made(1, reps=8, strata=3)
    counts = counts.assign(n=counts["n"].clip(upper=12), hits=counts["hits"].clip(upper=5))
    rows = counts.loc[counts.index.repeat(counts["n"])].reset_index(drop=True)
    first = counts["hits"].loc[counts.index.repeat(counts["n"])].to_numpy()
    place = counts.index.repeat(counts["n"])
    number = pd.Series(place).groupby(place).cumcount().to_numpy()
    dummies = pd.get_dummies(rows["source"], dtype=float).iloc[:, 1:]
    oracle = ConditionalLogit((number < first).astype(float), dummies, groups=rows["rep"]).fit()

    effects = within_logit(design_of(counts, ["source"]), counts["hits"].to_numpy()).effects

    assert effects[1:] - effects[0] == pytest.approx(oracle.params.to_numpy(), abs=0.03)


def test_strata_do_not_take_the_reps_skill_for_their_ease():
    errors = {"within": [], "pooled": []}
    for seed in range(6):
        counts, _, ease = made(10 + seed, reps=200, tilt=-1.0)
        hits = counts["hits"].to_numpy("float64")
        within = within_logit(design_of(counts, ["source"]), hits).effects
        pooled = within_logit(design_of(counts.assign(rep="all"), ["source"]), hits).effects
        for name, found in (("within", within), ("pooled", pooled)):
            errors[name].append(found[-1] - found[0] - (ease[-1] - ease[0]))

    assert abs(np.mean(errors["within"])) < 0.06
    assert np.mean(errors["pooled"]) < -0.2


def test_a_linear_fit_within_reps_equals_least_squares_with_a_dummy_per_rep():
    draw = np.random.default_rng(3)
    rep, stratum = draw.integers(0, 15, 2_000), draw.integers(0, 4, 2_000)
    value = draw.normal(0, 0.5, 15)[rep] + 0.3 * stratum + draw.normal(0, 0.8, 2_000)
    rows = pd.DataFrame({"rep": rep.astype(str), "s": stratum.astype(str), "n": 1})
    dummies = pd.concat([pd.get_dummies(rows["rep"]), pd.get_dummies(rows["s"]).iloc[:, 1:]],
                        axis=1).to_numpy("float64")  # fmt: skip
    oracle, left, rank, _ = np.linalg.lstsq(dummies, value, rcond=None)

    found, variance = within_linear(design_of(rows, ["s"]), value, value**2)

    assert found.effects[1:] - found.effects[0] == pytest.approx(oracle[15:], abs=2e-3)
    assert variance == pytest.approx(left[0] / (2_000 - rank), rel=1e-5)


# -- levels -------------------------------------------------------------------------------------


def by_integration(n, hits):
    """Posterior mean and sd of every level (against the mean of all), by plain integration.

    No strata. sigma and mu on fine grids, levels by quadrature.
    """
    sigmas = np.linspace(0.01, 2.5, 60)
    middle = np.log(hits.sum() / (n.sum() - hits.sum()))
    mus = middle + np.linspace(-1.2, 1.2, 41)
    points = middle + np.linspace(-5, 5, 801)
    likelihood = np.exp(hits[:, None] * points - n[:, None] * np.log1p(np.exp(points))
                        - (hits * middle - n * np.log1p(np.exp(middle)))[:, None])  # fmt: skip
    weight, first = np.zeros((60, 41)), np.zeros((60, 41, len(n)))
    for i, sigma in enumerate(sigmas):
        for j, mu in enumerate(mus):
            prior = np.exp(-0.5 * ((points - mu) / sigma) ** 2)
            prior /= prior.sum()
            mass = likelihood @ prior
            weight[i, j] = np.exp(np.log(mass).sum() - 0.5 * sigma**2)
            first[i, j] = (likelihood * points) @ prior / mass
    weight /= weight.sum()
    mean = (weight[..., None] * first).sum(axis=(0, 1))
    return mean - mean.mean(), float((weight.sum(axis=1) * sigmas).sum())


def test_levels_equal_numerical_integration():
    n = np.array([12.0, 30, 60, 25, 90, 8, 40, 40])
    hits = np.array([3.0, 15, 20, 4, 40, 8, 9, 14])
    counts = pd.DataFrame({"rep": list("ABCDEFGH"), "n": n, "hits": hits})
    mean, sigma = by_integration(n, hits)

    found = compare_reps(counts, strata=[], draws=40_000)

    assert found.table["effect"].to_numpy() == pytest.approx(mean, abs=0.02)
    assert found.sigma == pytest.approx(sigma, abs=0.02)


def test_a_level_is_drawn_towards_the_others_as_far_as_its_cases_leave_it_open():
    counts, _, _ = made(5)
    few = pd.DataFrame({"rep": ["few", "many"], "source": "s3", "n": [4, 4_000],
                        "hits": [4, 3_000]})  # fmt: skip
    table = compare_reps(pd.concat([counts, few]), strata=["source"]).table.set_index("rep")

    assert table.loc["few", "rate"] == 1.0
    assert 0 < table.loc["few", "effect"] < table.loc["many", "effect"]
    widths = table["upper"] - table["lower"]
    assert widths["few"] > 3 * widths["many"]


def test_levels_agree_with_statsmodels_mixed_model():
    from statsmodels.genmod.bayes_mixed_glm import BinomialBayesMixedGLM

    counts, _, _ = made(7, reps=30, strata=3)
    place = counts.index.repeat(counts["n"])
    rows = counts.loc[place].reset_index(drop=True)
    number = pd.Series(place).groupby(place).cumcount().to_numpy()
    rows["y"] = (number < rows["hits"]).astype(int)
    model = BinomialBayesMixedGLM.from_formula("y ~ source", {"rep": "0 + C(rep)"}, rows)
    oracle = model.fit_vb()
    levels = oracle.vc_mean - oracle.vc_mean.mean()

    found = compare_reps(counts, strata=["source"]).table

    assert np.corrcoef(found["effect"], levels)[0, 1] > 0.985
    assert (found["sd"] / oracle.vc_sd).median() == pytest.approx(1, abs=0.15)


def test_adjusted_levels_find_skill_where_raw_rates_are_turned_around():
    raw, adjusted, covered = [], [], []
    for seed in range(8):
        counts, skill, _ = made(20 + seed, reps=60, tilt=-0.6)
        table = compare_reps(counts, strata=["source"]).table
        raw.append(spearmanr(table["rate"], skill)[0])
        adjusted.append(spearmanr(table["effect"], skill)[0])
        covered.append(((table["lower"] < skill) & (skill < table["upper"])).mean())

    assert np.mean(raw) < 0.35
    assert np.mean(adjusted) > 0.75
    assert 0.84 < np.mean(covered) < 0.96


def test_without_any_difference_nobody_is_said_to_be_ahead():
    draw = np.random.default_rng(8)
    n = draw.integers(20, 120, 50)
    counts = pd.DataFrame({"rep": [f"R{i:02}" for i in range(50)], "n": n,
                           "hits": draw.binomial(n, 0.3)})  # fmt: skip

    found = compare_reps(counts, strata=[])

    assert (found.table["p_top"] < 0.8).all()
    assert found.sigma < 0.2
    assert found.told_apart < 0.01


def test_the_adjusted_rate_is_that_of_everybodys_mix():
    counts, _, _ = made(9)
    found = compare_reps(counts, strata=["source"])
    table = found.table

    assert table["adjusted"].mean() == pytest.approx(counts["hits"].sum() / counts["n"].sum(),
                                                     abs=0.02)  # fmt: skip
    assert (table["adjusted_lower"] < table["adjusted"]).all()
    # a rep's expected hits are those of an average rep with the same deals
    assert table["expected"].sum() == pytest.approx(table["hits"].sum(), rel=0.03)


def test_an_additive_fit_finds_each_factor():
    draw = np.random.default_rng(11)
    rows = pd.DataFrame(
        {
            "rep": draw.integers(0, 30, 20_000).astype(str),
            "a": draw.integers(0, 2, 20_000),
            "b": draw.integers(0, 3, 20_000),
        }
    )
    chance = expit(-1 + 0.8 * rows["a"] - 0.5 * rows["b"])
    rows = rows.assign(n=1, hits=draw.binomial(1, chance))

    strata = compare_reps(rows, strata=["a", "b"]).strata.set_index(["factor", "level"])["effect"]

    assert strata["a", "1"] - strata["a", "0"] == pytest.approx(0.8, abs=0.1)
    assert strata["b", "2"] - strata["b", "0"] == pytest.approx(-1.0, abs=0.12)


def test_equal_seeds_give_equal_draws_and_the_input_stays():
    counts, _, _ = made(12)
    before = counts.copy()

    first, second = (compare_reps(counts, strata=["source"], seed=3) for _ in range(2))

    pd.testing.assert_frame_equal(first.table, second.table)
    pd.testing.assert_frame_equal(counts, before)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (pd.DataFrame({"rep": ["A"], "n": [3], "hits": [1]}), "at least two reps"),
        (pd.DataFrame({"rep": ["A", "B"], "n": [3, 3], "hits": [4, 1]}), "hits must lie"),
        (pd.DataFrame({"rep": ["A", None], "n": [3, 3], "hits": [1, 1]}), "a rep in every row"),
    ],
)
def test_what_cannot_be_compared_is_refused(counts, message):
    with pytest.raises(ParameterError, match=message):
        compare_reps(counts, strata=[])


# -- means --------------------------------------------------------------------------------------


def test_means_equal_the_closed_form_for_a_balanced_design():
    """Equal numbers of cases: levels are the deviations times a common factor of shrinkage."""
    draw = np.random.default_rng(13)
    number, cases, tau, spread = 80, 25, 0.5, 1.0
    truth = draw.normal(0, tau, number)
    value = truth[:, None] + draw.normal(0, spread, (number, cases))
    sums = pd.DataFrame(
        {
            "rep": [f"R{i:02}" for i in range(number)],
            "n": cases,
            "total": value.sum(axis=1),
            "squares": (value**2).sum(axis=1),
        }
    )
    within = value.var(axis=1, ddof=1).mean()
    means = value.mean(axis=1) - value.mean()
    # the marginal likelihood of tau, integrated as the model says
    v = within / cases
    scale = value.mean(axis=1).std()

    def density(t):
        total = v + t * t
        logs = -0.5 * (number - 1) * np.log(total) - 0.5 * (means**2).sum() / total
        return np.exp(logs - 0.5 * (t / (2 * scale)) ** 2 + 60)

    whole = quad(density, 0.02, 2)[0]
    kept = quad(lambda t: density(t) * t * t / (t * t + v), 0.02, 2)[0] / whole

    found = compare_means(sums, strata=[], draws=20_000)

    assert found.table["effect"].to_numpy() == pytest.approx(kept * means, abs=0.01)
    assert found.spread**2 == pytest.approx(within, rel=1e-9)


def test_means_are_adjusted_for_what_was_sold():
    draw = np.random.default_rng(14)
    rep = np.repeat(np.arange(20), 60)
    dear = draw.random(1_200) < np.where(rep < 10, 0.8, 0.2)
    value = 11 + 1.0 * dear + draw.normal(0, 0.3, 1_200)
    rows = pd.DataFrame({"rep": [f"R{i:02}" for i in rep], "product": dear.astype(str), "n": 1,
                         "total": value, "squares": value**2})  # fmt: skip
    sums = rows.groupby(["rep", "product"], as_index=False).sum()

    table = compare_means(sums, strata=["product"]).table

    assert table["mean"].iloc[:10].mean() - table["mean"].iloc[10:].mean() > 0.5
    assert table["effect"].abs().max() < 0.1


# -- ranks --------------------------------------------------------------------------------------


def test_chances_and_ranks_are_counted_draw_by_draw():
    rest = [[x] * 4 for x in (-2.0, -3, -4, -5, -6)]
    draws = np.array([[4.0, 0, 4, 0], [3, 3, 3, 3], [-1, 5, -1, 5], *rest])
    table = ranked(draws)

    assert table["p_top"].tolist() == [0.5, 1.0, 0.5, 0, 0, 0, 0, 0]
    assert table["p_bottom"].tolist() == [0, 0, 0, 0, 0, 0, 1, 1]
    assert table["expected_rank"].tolist()[:3] == [2.0, 2.0, 2.0]
    assert table["p_top"].sum() == table["p_bottom"].sum() == 2


def test_a_quarter_of_few_is_nothing():
    table = ranked(np.random.default_rng(0).normal(size=(7, 50)))

    assert table["p_top"].isna().all()
    assert table["expected_rank"].notna().all()


def test_pairs_are_told_apart_at_the_chance_asked_for():
    draw = np.random.default_rng(1).normal(size=(2, 50_000))
    # where the one is above the other with just 95 %
    edge = brentq(lambda gap: np.mean(draw[0] + gap > draw[1]) - 0.95, 1, 4)

    assert told_apart(np.array([draw[0] + edge + 0.1, draw[1]])) == 1.0
    assert told_apart(np.array([draw[0] + edge - 0.1, draw[1]])) == 0.0
    assert np.isnan(told_apart(draw[:1]))
