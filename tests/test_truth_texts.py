"""The gates of reading texts count what they say, can fail, and keep on a few worlds."""

import numpy as np

from truth import private_texts, texts
from truth.text_worlds import edited, is_planted, write

CALM, FALSE = texts.Alerts(0, found=False, leads=False), texts.Alerts(2, found=False, leads=False)
FOUND = texts.Alerts(0, found=True, leads=True)
SEEN = {"calm": [CALM, FALSE], "planted": [FOUND, CALM], "shown": [FOUND], "pasted": [CALM, FALSE],
        "topics": [0.7, 0.3], "copies": [(0.96, 1.0), (0.9, 0.98)],
        "private": [(0.98, 0.0), (0.9, 0.02)], "untied": [False, True],
        "tied": [True, False]}  # fmt: skip


def test_every_gate_counts_hits_and_fails_when_it_should():
    found = {gate.name: (gate.hits, gate.worlds, gate.verdict) for gate in texts.gates(SEEN)}

    assert list(found.values()) == [
        (2, 2, "FAIL"), (1, 2, "FAIL"), (1, 1, "PASS"), (1, 2, "FAIL"), (1, 2, "FAIL"),
        (1, 2, "FAIL"), (1, 2, "FAIL"), (1, 2, "FAIL"), (1, 2, "FAIL"),
        (1, 2, "FAIL"), (1, 2, "FAIL"),
    ]  # fmt: skip


def test_a_planted_issue_is_spoken_of_in_one_language_and_known_by_its_words():
    said = write(np.random.default_rng(1), 800, planted=0.5)
    about = [text for text, new in zip(said.texts, said.planted, strict=True) if new]

    named = ["密封垫" in text or "gasket" in text for text in about]
    assert all(named)
    assert len({"密封垫" in text for text in about}) == 1
    assert is_planted("gasket")
    assert not is_planted("invoice")
    assert edited(np.random.default_rng(0), "abcdefghij") != "abcdefghij"


def test_chance_words_of_a_week_are_not_laid_on_the_paste_but_its_own_are(monkeypatch):
    week = 153_031  # a calm week in which chance calls two words new

    assert texts._watched(week, 0.0).false == 2
    assert texts.pasted_week(week).false == 0
    monkeypatch.setattr(texts, "_once", lambda now: now)  # copies count as often as they come
    assert texts.pasted_week(week).false > 1


def test_a_few_worlds_are_read_right():
    assert texts.planted_week(10_001).found
    assert texts.pasted_week(10_002).false <= 1
    found, right = texts.copies_and_languages(10_003)
    assert found >= 0.95
    assert right >= 0.99


def test_drawn_personal_data_are_hidden_and_clean_texts_left_alone():
    hidden, touched = private_texts.recall_and_touched(10_004, 100)

    assert hidden >= 0.97
    assert touched <= 0.01
