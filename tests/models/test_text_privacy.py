"""Personal data are hidden, and hardly anything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from private_corpus import CLEAN, PRIVATE

from salesops_kit.models.text_clean import cleaned
from salesops_kit.models.text_privacy import masked, personal


def test_at_least_97_of_100_personal_items_are_hidden():
    items = [(text, item) for text, left in PRIVATE for item in left]

    missed = [(text, item) for text, item in items if item in masked(text)]
    assert len(missed) <= 0.03 * len(items), missed


def test_clean_texts_stay_as_they_are():
    assert [text for text in CLEAN if masked(text) != text] == []


@pytest.mark.parametrize(
    ("text", "kinds"),
    [("请联系王建国经理，电话13800138000。", ["phone", "name"]), ("交货晚了", []), (None, [])],
)
def test_the_kinds_that_were_hidden_are_named(text, kinds):
    assert personal(text, masked(text)) == kinds


def test_names_known_from_tables_are_hidden_wherever_they_stand():
    assert masked("我找过林小满，她没回", ["林小满"]) == "我找过[姓名]，她没回"
    assert masked("Ann told Annette", ["Ann"]) == "[name] told Annette"


@given(st.text(max_size=300))
def test_hiding_twice_is_hiding_once(text):
    once = masked(text)

    assert masked(once) == once
    assert cleaned(once) == once
