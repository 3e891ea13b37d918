"""Words that set texts apart, come up and fade; themes in clauses."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from salesops_kit.errors import ParameterError
from salesops_kit.models.intervals import share_difference
from salesops_kit.models.keyness import Watch, adjusted, changed, keyness, text_counts
from salesops_kit.models.sentiment import fit_sentiment
from salesops_kit.models.themes import mentions, themes_of, words_of


def test_a_word_counts_once_per_text():
    assert text_counts([["a", "a", "b"], ["a"]]).to_dict() == {"a": 2, "b": 1}


def test_the_most_telling_word_is_frequent_here_and_rare_there():
    here = pd.Series({"late": 30, "the": 100, "once": 1, "and": 90})
    there = pd.Series({"late": 5, "the": 100, "fine": 40, "and": 90})

    table = keyness(here, there)
    assert table["word"].iloc[0] == "late"
    assert table["word"].iloc[-1] == "fine"
    assert abs(table.set_index("word").loc["the", "z"]) < 1.64


def test_the_chance_of_a_count_is_that_of_gamma_and_poisson():
    """A Gamma(k + 1/2) rate per exposure, then Poisson: by simulation."""
    rng = np.random.default_rng(0)
    draws = rng.poisson(rng.gamma(40.5, 1 / 8.0, 400_000))

    table = changed(Watch(pd.Series({"w": 12}), pd.Series({"w": 40}), 500, 4_000))
    assert table["p"].iloc[0] == pytest.approx((draws >= 12).mean(), rel=0.05)


def test_adjusted_p_is_that_of_scipy():
    p = np.array([0.001, 0.2, 0.03, 0.04, 0.8])

    np.testing.assert_allclose(adjusted(p), stats.false_discovery_control(p))


def test_what_fades_is_found_and_nothing_is_judged_without_texts():
    table = changed(Watch(pd.Series({"x": 1}), pd.Series({"x": 200}), 500, 4_000))
    assert table[["rises", "alarm"]].to_numpy().tolist() == [[False, True]]

    assert changed(Watch(pd.Series({"x": 9}), pd.Series(dtype=float), 9, 0)).empty
    with pytest.raises(ParameterError):
        changed(Watch(pd.Series({"x": 9}), pd.Series(dtype=float), -1, 0))


def test_a_text_can_be_kind_of_one_theme_and_unkind_of_another():
    judge = fit_sentiment([]).scores
    texts = [
        "价格合理，但是交货太慢了",
        "The price is fair but delivery was late",
        "nothing of that",
    ]

    table = mentions(texts, themes_of(), judge)
    signs = {(row.text, row.theme): row.score > 0 for row in table.itertuples()}
    assert signs[0, "price"] > signs[0, "delivery"]
    assert signs[1, "price"] > signs[1, "delivery"]
    assert 2 not in set(table["text"])


def test_own_themes_and_words_join_those_of_the_kit():
    themes = themes_of({"cold_chain": ["冷链", "Cold Chain"], "price": ["报销"]})

    table = mentions(["冷链断了", "cold chain, sir", "无法报销"], themes, fit_sentiment([]).scores)
    assert sorted(set(zip(table["text"], table["theme"], strict=True))) == [
        (0, "cold_chain"), (1, "cold_chain"), (2, "price"),
    ]  # fmt: skip


def test_words_are_segmented_and_filling_words_left_out():
    assert words_of("我们的传感器漂移了") == ["传感器", "漂移"]
    assert words_of("the sensor drifts, again") == ["sensor", "drifts"]


def test_the_interval_of_a_difference_is_newcombes():
    """Newcombe 1998, Table II, (a): 56/70 against 48/80, at 95 %; here at 90 %."""
    gap, low, high = share_difference(9, 10, 3, 10)

    assert gap == pytest.approx(0.6)
    assert 0.2 < low < gap < high < 0.85
    assert np.isnan(share_difference(1, 2, 0, 0)).all()
