"""Texts as exports leave them: cleaned, their language told, copies found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesops_kit.models import text_clean
from salesops_kit.models.text_clean import LONGEST, cleaned, copies, language_of, normalised

MOJIBAKE = "交货太慢，质量不好".encode().decode("latin-1")


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("pay\u202etxt.exe", "paytxt.exe"), ("a\u200bb\ufeffc", "abc"), ("x\x00y\x1bz", "xyz"),
        (None, ""), (12.5, ""), ("\u200b\u200d", ""), (MOJIBAKE, "交货太慢，质量不好"),
        ("café naïve", "café naïve"), ("  a \n b\t", "a b"), ("bad\ud800half", "badhalf"),
    ],
)  # fmt: skip
def test_what_cannot_be_seen_goes_and_misread_bytes_are_repaired(raw, seen):
    assert cleaned(raw) == seen


def test_a_megabyte_in_one_field_is_cut_and_costs_little():
    assert len(cleaned("好" * 2**20)) == LONGEST
    assert len(normalised("ﷺ" * 2**20)) <= LONGEST  # one sign that becomes eighteen


# without Latin letters with accents: what misread bytes are taken for is another text
UNBROKEN = st.text(st.characters(exclude_categories=["Cs"], min_codepoint=0x2123) | st.characters(
    max_codepoint=0x7F), max_size=200)  # fmt: skip


@given(UNBROKEN)
def test_cleaning_again_changes_nothing(text):
    assert cleaned(cleaned(text)) == cleaned(text)
    assert normalised(normalised(text)) == normalised(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [("好", "zh"), ("ok", "en"), ("客户用 Windows 系统", "zh"), ("ありがとうございます", "other"),
     ("감사합니다", "other"), ("Спасибо большое", "other"), ("12345 !!", ""), ("😡😡", ""),
     ("貨發得快", "zh"), ("thanks 谢", "en"), ("http://example.com/abcdefgh 不好", "zh")],
)  # fmt: skip
def test_the_language_is_told_by_the_script(text, language):
    assert language_of(text) == language


def test_traditional_and_simplified_characters_compare_equal():
    assert normalised("發貨延遲，電話沒人接") == "发货延迟,电话没人接"
    assert normalised("著名的乾隆") == "著名的干隆"  # a price of reading character by character


def test_every_pair_of_characters_is_one_traditional_and_one_simplified():
    table = text_clean._simplified()

    assert len(table) > 500
    assert all(chr(old) != new and len(new) == 1 for old, new in table.items())


def test_copies_lead_to_the_first_and_short_texts_are_nobodys_copy():
    texts = [
        "交期拖了三个星期，项目全乱了",
        "很好",
        "很好",
        "交期拖了三个星期,项目全乱了!!",
        "价格合理，服务周到",
    ]

    assert copies(texts).tolist() == [0, 1, 2, 0, 4]
    assert copies([]).tolist() == []


def test_a_text_with_one_character_in_twenty_changed_is_found_again():
    rng = np.random.default_rng(3)
    letters = np.array(list("交货质量价格服务产品合同发票安装培训快慢好坏新旧高低大小"))
    texts = ["".join(rng.choice(letters, rng.integers(15, 80))) for _ in range(300)]
    changed = []
    for text in texts:
        signs = list(text)
        for place in rng.integers(0, len(signs), max(1, len(signs) // 20)):
            signs[place] = "变"
        changed.append("".join(signs))

    origin = copies([*texts, *changed])
    assert (origin[300:] == origin[:300]).mean() >= 0.95
    assert (origin[:300] == np.arange(300)).mean() >= 0.99
