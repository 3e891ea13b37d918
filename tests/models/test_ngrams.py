"""Runs of characters as features: the same as a plain loop finds, whatever the text."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from salesops_kit.models import ngrams
from salesops_kit.models.ngrams import counted, rarity_of, weighed


def runs(text):
    return {text[i : i + n] for n in (1, 2, 3) for i in range(len(text) - n + 1)}


@given(st.lists(st.text(max_size=12), max_size=6))
def test_every_text_holds_its_runs_once(texts):
    matrix = counted(texts)

    assert matrix.shape == (len(texts), 1 << ngrams.BITS)
    for row, text in zip(matrix, texts, strict=True):
        alone = counted([text])
        np.testing.assert_array_equal(row.indices, alone.indices)
        # two runs may share a hash, which is rare
        assert len(runs(text)) - 1 <= row.nnz <= len(runs(text))
        assert (row.data == 1).all()


def test_equal_runs_have_equal_columns_and_no_run_crosses_texts(monkeypatch):
    one, two = counted(["abc", "xabcx"])

    assert set(one.indices) <= set(two.indices)
    assert counted(["ab", "c"]).nnz == 3 + 1
    texts = ["abc", "", "货很准时", "xabcx", "a\ud800b"]
    whole = counted(texts)
    assert whole.indptr.tolist() == [0, 6, 6, 15, 26, 32]
    monkeypatch.setattr(ngrams, "_BLOCK", 2)  # blocks change nothing
    assert (counted(texts) != whole).nnz == 0


def test_runs_that_few_texts_hold_weigh_nothing():
    matrix = counted(["ab", "ac", "ad"])
    rarity = rarity_of(matrix, 2)

    assert np.count_nonzero(rarity) == 1  # "a" alone
    np.testing.assert_allclose(weighed(matrix, rarity).sum(axis=1), 1)
    assert weighed(counted(["xyz"]), rarity).nnz == 0
