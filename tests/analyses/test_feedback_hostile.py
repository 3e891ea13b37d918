"""Hostile texts among honest ones: nothing breaks or waits, and the others stay as they were."""

import time
from datetime import date

import numpy as np
import pandas as pd
import pytest

from salesops_kit.analyses.feedback import analyse_feedback
from salesops_kit.analyses.feedback_links import complaints_by_account
from salesops_kit.analyses.feedback_texts import read_texts
from salesops_kit.models.sentiment import FEWEST, fit_sentiment
from salesops_kit.models.text_clean import LONGEST, copies
from salesops_kit.models.text_privacy import masked
from salesops_kit.models.themes import mentions, themes_of
from salesops_kit.periods import Period, period
from salesops_kit.tables import Reader
from truth.tables import workspace_of

Q3 = period("2025-Q3")
YEAR = Period("", date(2024, 10, 1), date(2025, 10, 1), "year")
MEGABYTE = 2**20
# nothing in them can be read: they are no texts, or of no language
MUTE = {
    "zero width": "\u200b\u200d\ufeff" * 9, "directions": "\u202e\u202d\u2066\u2069",
    "nul": "\x00\x07\x1b\x7f", "emoji": "😡" * 99 + "👍🏽", "marks": "?!…—。，" * 50,
    "spaces": " \u3000\t\n" * 40, "empty": "", "variation selectors": "\ufe0f\U000e0001" * 9,
}  # fmt: skip
LOUD = {
    "script": "<script>alert('x')</script> 交货太慢 <img src=x onerror=alert(1)>",
    "formula": "=cmd|' /C calc'!A0", "override": "\u202eevil\u202c 交货太慢",
    "braces": "{theme} %s {0} {{}} ${x}", "zero width inside": "交\u200b货\u200d太\ufeff慢",
    "mojibake": "交货太慢，质量不好".encode().decode("latin-1"),
    "gb as latin": "交货太慢，质量不好".encode("gb18030").decode("latin-1"),
    "nul inside": "late\x00 delivery", "megabyte": "好" * MEGABYTE, "long word": "a" * MEGABYTE,
    "many clauses": "慢，" * (MEGABYTE // 3), "digits": "1" * MEGABYTE,
    "addresses": "a@b." * (MEGABYTE // 4), "at signs": "@" * MEGABYTE, "marks of zalgo":
    "d\u0336\u0321" * 5_000, "one sign as eighteen": "ﷺ" * MEGABYTE, "combining": "\u0301" * 9_999,
}  # fmt: skip
PARTS = ("交货太慢了，催了好几次", "价格合理，服务周到", "报价太贵", "Lanqi 更便宜",
         "late delivery", "great service", "屏幕坏了，很失望", "培训清楚，讲师耐心")  # fmt: skip
KEPT = ["praise", "judged", "mood", "counts", "fresh", "language", "text", "private"]


def honest(count):
    """So many texts, each a pair of clauses and a number of its own."""
    rng = np.random.default_rng(5)
    picks = rng.integers(0, len(PARTS), (count, 2))
    return [f"{PARTS[a]}。{PARTS[b]}，单号{i}" for i, (a, b) in enumerate(picks)]


def table(texts, prefix, account=""):
    days = [date(2025, 7 + i % 3, 1 + i % 28) for i in range(len(texts))]
    return pd.DataFrame({
        "feedback_id": [f"{prefix}{i:04}" for i in range(len(texts))], "text": texts,
        "account_id": [f"{account or prefix}{i % 40}" for i in range(len(texts))],
        "answered_at": [f"{day} 10:00:00" for day in days], "channel": "survey",
    })  # fmt: skip


DEALS = pd.DataFrame({
    "deal_id": ["d1", "d2"], "account_id": ["h1", "h2"], "stage": ["needs", "lost"],
    "status": ["open", "lost"], "amount": [500.0, 70.0], "competitor": [None, "Lanqi"],
    "created_at": ["2025-06-01"] * 2, "closed_at": [None, "2025-07-01"],
})  # fmt: skip
ORDERS = pd.DataFrame({"order_id": ["o1", "o2"], "account_id": ["h1", "x"], "amount": [40.0, 60.0],
                       "ordered_at": ["2025-05-01"] * 2})  # fmt: skip


def company(*tables):
    frames = {"deals": DEALS, "orders": ORDERS, "feedback": pd.concat(tables)}
    return workspace_of(frames, date(2025, 9, 30))


def read(*tables):
    return read_texts(company(*tables), span=YEAR)


def of_honest(texts):
    """Rows and mentions of honest texts, positions replaced by ids."""
    rows = texts.rows[texts.rows["feedback_id"].str.startswith("h")]
    names = texts.rows["feedback_id"].to_numpy()[texts.mentions["text"].to_numpy("int64")]
    found = texts.mentions.assign(text=names)
    found = found[found["text"].str.startswith("h")]
    return (rows.set_index("feedback_id")[KEPT].sort_index(),
            found.sort_values(["text", "theme"], ignore_index=True))  # fmt: skip


def same(left, right):
    for one, other in zip(left, right, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


@pytest.fixture(scope="module")
def few():
    """Too few texts to learn from: what one says depends on no other."""
    return of_honest(read(table(honest(FEWEST - 5), "h")))


@pytest.mark.parametrize("kind", [*MUTE, *LOUD])
def test_one_hostile_text_leaves_every_other_one_as_it_was_to_the_bit(few, kind):
    text = (MUTE | LOUD)[kind]
    found = read(table(honest(FEWEST - 5), "h"), table([text, text], "z"))

    same(of_honest(found), few)
    told = found.rows[found.rows["feedback_id"].str.startswith("z")]
    assert told.empty or told["text"].str.len().max() <= 2 * LONGEST  # marks for what is hidden
    assert told.empty or kind not in MUTE or set(told["language"]) <= {""}


def test_what_cannot_be_read_teaches_nothing_where_the_companys_own_words_are_learnt():
    texts = honest(FEWEST + 60)
    alone, among = read(table(texts, "h")), read(table(texts, "h"), table([*MUTE.values()], "z"))

    assert fit_sentiment(texts).learnt["zh"] is not None
    same(of_honest(alone), of_honest(among))


def test_the_whole_page_is_the_same_beside_what_cannot_be_read():
    alone, among = (
        analyse_feedback(company(table(honest(90), "h"), *more), period=Q3)
        for more in ((), (table([MUTE["nul"], MUTE["zero width"], MUTE["empty"]], "z"),))
    )
    for name in ("scores", "trend", "themes", "words", "telling", "segments", "quotes", "rivals",
                 "moods", "actions", "links"):  # fmt: skip
        pd.testing.assert_frame_equal(getattr(alone, name), getattr(among, name), check_exact=True)
    pd.testing.assert_frame_equal(alone.coverage.groups, among.coverage.groups)
    assert [f.as_json() for f in alone.findings] == [f.as_json() for f in among.findings]


def test_all_of_them_at_once_take_seconds_and_keep_their_accounts_apart():
    begun = time.process_time()
    found = complaints_by_account(
        company(table(honest(30), "h"), table([*LOUD.values(), *MUTE.values()], "z"))
    ).set_index("account_id")
    alone = complaints_by_account(company(table(honest(30), "h"))).set_index("account_id")

    assert time.process_time() - begun < 20
    pd.testing.assert_frame_equal(found[found.index.str.startswith("h")], alone)


@pytest.mark.parametrize(
    "text", ["bad\ud800half 交货太慢", "\udfff" * 50, "\ud83d", "a\udc00" * 9_000]
)
def test_half_a_sign_breaks_no_step(text):
    """Lone surrogates cannot be stored in a table, but a caller may hand them in."""
    texts = [text, "交货太慢"]
    judge = fit_sentiment(texts)

    assert np.isfinite(judge.scores(texts)).all()
    assert judge.scores(texts)[1] == judge.scores(texts[1:])[0]
    assert copies(texts).tolist() == [0, 1]
    found = mentions(texts, themes_of(), judge.scores)
    assert set(found.loc[found["text"] == 1, "theme"]) == {"delivery"}
    masked(text, ()).encode("utf-8")


SHORT = ("好", "不错", "ok", "很好", "bad", "fine", "一般", "thanks a lot", "可以", "good")


def test_of_very_short_texts_no_table_says_that_there_is_no_feedback():
    """What cannot be told of one to three words is another thing than that nobody spoke."""
    rows = table([SHORT[n % len(SHORT)] for n in range(300)], "S")
    deals = pd.DataFrame({"deal_id": ["D1"], "status": ["open"], "stage": ["needs"]})
    workspace = workspace_of({"feedback": rows, "deals": deals}, date(2025, 9, 30))
    found = analyse_feedback(workspace, period=Q3)

    assert found.counted > 250
    for language in ("en", "zh"):
        read = Reader(workspace.settings, language)
        span = {"period": "2025-Q3"}
        shown = [read.table(getattr(found, name), f"feedback.{spec}", **span) for name, spec in (
            ("words", "words"), ("segments", "segments"), ("telling", "telling"),
            ("themes", "table"), ("quotes", "quotes"), ("rivals", "rivals"), ("links", "links"),
            ("actions", "actions"),
        )]  # fmt: skip
        empty = [one.attrs["instead"] for one in shown if one.empty]

        assert len(empty) >= 4
        assert len(set(empty)) == len(empty)  # each for its own reason
        for said in empty:
            assert "no feedback" not in said
            assert "没有反馈" not in said
