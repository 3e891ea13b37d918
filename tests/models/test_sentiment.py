"""Praise and complaint: by words, learnt without labels, and from scores where proven."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from salesops_kit.errors import ParameterError
from salesops_kit.models.ngrams import counted, rarity_of, weighed
from salesops_kit.models.polarity import explained, lexicon, polarity
from salesops_kit.models.sentiment import (
    FEWEST,
    MOODS,
    Sentiment,
    _anchored,
    _students,
    fit_sentiment,
    folds_of,
    logistic,
    moods,
    usual_of,
)
from salesops_kit.models.sentiment_labels import (
    audited_share,
    best_cut,
    calibrated,
    calibration_error,
    macro_f1,
    taught,
)

GOOD = ["交货准时", "服务周到", "价格实惠", "质量可靠", "反应快", "安装顺利", "态度好", "很满意"]
BAD = ["交货太慢", "没人处理", "太贵了", "经常死机", "总是推诿", "包装破损", "态度差", "很失望"]
HOSTILE = ["", "😡" * 50, "\u202e\u200b", "<script>alert(1)</script>", "好" * 100_000, "\x00",
           "?!…",
           "ä½ å¥½", "𝕳𝖊𝖑𝖑𝖔", "a\ud800b", "不" * 5_000]  # fmt: skip


def written(n, seed=0):
    """Texts of two clauses of a kind, with a word the lists do not know: 磐 is good, 砻 bad."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n)
    texts = []
    for label in labels:
        words = GOOD if label else BAD
        known = "，".join(rng.choice(words, 2))
        texts.append(f"{known}，型号{rng.integers(10, 99)}很{'磐' if label else '砻'}。")
    return texts, labels


@pytest.mark.parametrize(
    ("better", "worse"),
    [("质量不错", "质量不好"), ("一点也不贵", "太贵了"), ("没有问题", "有问题"),
     ("虽然贵，但是质量好", "质量好，但是太贵了"), ("非常满意", "有点失望"),
     ("不满意", "非常不满意，垃圾"),
     ("not bad", "not good"), ("no problems at all", "a problem"),
     ("works as promised", "stopped working"),
     ("貨很準時", "貨到得太遲"), ("唯一的不足是房间小", "房间小，没有优点"),
     ("没有吃早餐", "没有优点"), ("度假很舒服", "假货很难受"),
     ("overall great, only complaint is the noise", "noise, no sleep"),
     ("总体不错，隔音差了点", "隔音差，总体很差")],
)  # fmt: skip
def test_negation_degree_and_contrast_are_read(better, worse):
    assert polarity(better) > polarity(worse)


def test_longer_words_win_over_those_inside_them():
    assert polarity("等了好几天") <= 0
    assert [word for word, _ in explained("不错，好几个负责人")] == ["不错"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_word_is_both_praise_and_role_and_values_are_bounded(language):
    words = lexicon(language)

    assert len(words.entries) > 800
    assert all(abs(value) <= 2 and not (value and role) for value, role in words.entries.values())


def test_words_the_lists_do_not_know_are_learnt_without_labels():
    texts, _ = written(600)
    judge = fit_sentiment(texts)

    low, high = judge.scores(["型号33很砻", "型号33很磐"])
    assert low < 0 < high
    assert fit_sentiment(texts[: FEWEST - 1]).learnt["zh"] is None


def test_few_texts_teach_a_little_and_more_texts_more():
    texts, _ = written(2_000)
    sample = ["型号33很砻", "型号33很磐"]

    learnt = [fit_sentiment(texts[:n]) for n in (60, 2_000)]
    few, many = (judge.evidence(sample) for judge in learnt)
    assert few[0] < few[1]
    assert many[1] - many[0] > 2 * (few[1] - few[0])
    assert learnt[0].learnt["zh"].words > learnt[1].learnt["zh"].words  # the less words count


def test_thirty_texts_that_share_no_characters_teach_nothing():
    alone = [f"{GOOD[i % 8] if i % 2 else BAD[i % 8]}" + "".join(map(chr, range(0x5000 + 40 * i,
             0x5000 + 40 * i + 30))) for i in range(FEWEST)]  # fmt: skip
    judge = fit_sentiment(alone)

    assert np.isfinite(judge.scores(alone)).all()
    odd = ["".join(map(chr, range(0x5000 + 40 * i, 0x5000 + 40 * i + 30))) for i in range(FEWEST)]
    assert fit_sentiment(odd).learnt["zh"] is None


def test_a_student_that_contradicts_the_words_is_not_listened_to():
    words = np.linspace(-2, 2, 50)

    assert _anchored(-words, words) == (0.0, 0.0)
    assert _anchored(words / 2, words)[0] == pytest.approx(2.0, abs=0.1)


def test_no_text_is_surer_than_mistakes_allow():
    texts, _ = written(600)

    for judge in (fit_sentiment([]), fit_sentiment(texts)):
        high = judge.evidence(["非常满意，" * 40, "垃圾，骗子公司，" * 40])
        assert (np.abs(high) <= 5).all()
        assert (np.abs(high) > 4).all()
        assert judge.evidence(["很满意"]) < high[0]


@pytest.mark.parametrize("share", [0.15, 0.5, 0.9])
def test_how_common_praise_is_is_told_from_what_texts_say(share):
    rng = np.random.default_rng(6)
    praise = rng.random(4_000) < share
    evidence = rng.normal(np.where(praise, 2.0, -2.0), 2.0)  # log-odds that are right if even

    assert logistic(usual_of(evidence)) == pytest.approx(share, abs=0.03)
    right = logistic(evidence + usual_of(evidence))
    assert calibration_error(right, praise) < 0.03


def test_few_texts_that_all_say_the_same_do_not_run_away():
    assert logistic(usual_of(np.full(30, 1.0))) < 0.75
    assert usual_of(np.empty(0)) == 0


def test_a_company_that_is_mostly_praised_is_judged_so_but_its_clauses_are_not():
    texts, labels = written(1_500)
    praised = [t for t, label in zip(texts, labels, strict=True) if label or hash_of(t) % 5 == 0]
    judge = fit_sentiment(praised)

    unclear = ["型号33今天到货"]
    assert judge.scores(unclear) - judge.evidence(unclear) > 0.3
    assert judge.learnt["zh"].usual > 0.3
    assert fit_sentiment(texts).learnt["zh"].usual == pytest.approx(0, abs=0.2)


def hash_of(text):
    return sum(map(ord, text))


def test_no_text_is_judged_by_a_student_that_has_seen_it():
    texts, labels = written(400)
    fold, target = folds_of(texts), 2.0 * labels - 1.0
    matrix = counted(texts)
    features = weighed(matrix, rarity_of(matrix))[:, np.unique(matrix.indices)]
    turned = np.where(np.arange(400) == 7, -target, target)

    before, after = (_students(features, t, fold)[0] for t in (target, turned))
    assert set(fold) == set(range(5))
    changed = np.abs(before - after).max(axis=0) > 0
    assert changed.tolist() == [one != fold[7] for one in range(5)]


def test_learning_is_the_same_every_time_and_survives_the_disk(tmp_path):
    texts, _ = written(400)
    judge = fit_sentiment(texts)
    judge.write(tmp_path)
    again = Sentiment.read(tmp_path)

    np.testing.assert_array_equal(judge.scores(texts), fit_sentiment(texts).scores(texts))
    np.testing.assert_array_equal(judge.scores(texts), again.scores(texts))
    card = json.loads((tmp_path / "sentiment.json").read_text("utf-8"))
    assert card["texts"] == {"zh": len(set(texts)), "en": 0}
    with pytest.raises(ParameterError, match="holds no sentiment model"):
        Sentiment.read(tmp_path / "nowhere")
    np.savez(tmp_path / "sentiment.npz", zh_weights=np.zeros(3))
    with pytest.raises(ParameterError, match="another version, it has no 'zh_rarity'; learn it"):
        Sentiment.read(tmp_path)


def test_scores_are_used_only_where_folds_prove_that_they_help():
    texts, labels = written(300)
    judge = fit_sentiment([])
    odd = [text.split("，")[-1] for text in texts]  # only the word the lists do not know

    teacher, proof = taught(judge, odd, labels.tolist())
    drawn = np.random.default_rng(9).integers(0, 2, len(texts))
    _, useless = taught(judge, texts, drawn.tolist())
    assert proof.helps
    assert (teacher.judged(odd) == labels).mean() > 0.95
    assert useless.before < 0.6  # scores that mean nothing
    assert useless.after < 0.6
    with pytest.raises(ParameterError, match="learning needs 50"):
        taught(judge, texts[:30], labels[:30].tolist())


def test_few_scores_set_the_cut_point_and_keep_what_was_known():
    texts, labels = written(500)
    judge = fit_sentiment(texts)
    hard = [
        f"{text}，但是有点贵" if label else text for text, label in zip(texts, labels, strict=True)
    ]
    teacher, proof = taught(judge, hard[:60], labels[:60].tolist())

    assert macro_f1(labels[60:], teacher.judged(hard[60:])) > 0.95
    assert proof.after >= proof.before


def test_scores_of_customers_who_praise_with_seven_of_ten_seldom_move_the_cut_point():
    proofs = []
    for seed in range(12):
        texts, labels = written(200, seed)
        kind = np.random.default_rng(4 + seed).random(200) < 0.8  # a good score whatever is said
        proofs.append(taught(fit_sentiment([]), texts, np.where(kind, 1, labels).tolist())[1])

    # the loss falls every time, since good scores are many; that proves nothing about the texts
    assert all(proof.gain > 2 * proof.error for proof in proofs)
    assert sum(proof.separates for proof in proofs) <= 3


@given(st.lists(st.floats(0.01, 0.99), min_size=2, max_size=40))
def test_the_best_cut_is_the_best_of_all(probabilities):
    p = np.array(probabilities)

    def expected(cut):
        above = p > cut
        hits, others = p[above].sum(), (1 - p)[~above].sum()
        return hits / (above.sum() + p.sum()) + others / ((~above).sum() + (1 - p).sum())

    tried = [
        (one + two) / 2 for one, two in zip(sorted(p), sorted(p)[1:], strict=False) if two > one
    ]
    assert expected(best_cut(p)) >= max([expected(cut) for cut in tried], default=0) - 1e-9


def test_three_classes_are_learnt_too():
    texts, labels = written(300)
    plain = [f"请问型号{i}的说明书在哪里" for i in range(100)]

    teacher, _ = taught(fit_sentiment([]), [*texts, *plain], [*(labels * 2), *[1] * 100])
    shares = teacher.probabilities([texts[0], "请问型号777的说明书在哪里"])
    assert shares.shape == (2, 3)
    assert shares[1].argmax() == 1
    np.testing.assert_allclose(shares.sum(axis=1), 1)


@pytest.mark.parametrize("count", [60, 400])
def test_hostile_texts_change_nothing_and_break_nothing(count):
    texts, _ = written(count)
    judge = fit_sentiment(texts)
    disturbed = fit_sentiment([*texts, *HOSTILE])

    assert np.isfinite(disturbed.scores(HOSTILE)).all()
    assert np.array_equal(judge.scores(texts) > 0, disturbed.scores(texts) > 0)
    assert judge.scores([]).shape == (0,)


@given(st.text(max_size=120))
def test_any_text_has_a_finite_polarity(text):
    assert np.isfinite(polarity(text))


def test_moods_leave_what_is_uncertain_unsure():
    assert moods(np.array([0.1, 0.45, 0.9])).tolist() == list(MOODS)


def test_an_audit_makes_probabilities_and_shares_right():
    rng = np.random.default_rng(1)
    scores = rng.normal(-0.5, 2.0, 4_000)
    truth = rng.random(4_000) < logistic(1.5 * scores + 2.0)  # the cut point is off
    raw, read = logistic(scores), np.arange(200)
    right = calibrated(raw, read, truth[read] * 1.0)

    assert calibration_error(right, truth) < 0.05 < calibration_error(raw, truth)
    share, low, high = audited_share(raw, read, truth[read] * 1)
    assert low < truth.mean() < high
    assert abs(raw.mean() - truth.mean()) > high - share


def test_an_audit_of_thirty_does_little_harm_to_probabilities_that_were_right():
    off = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        scores = rng.normal(0.5, 2.0, 4_000)
        truth = rng.random(4_000) < logistic(scores)
        right = calibrated(logistic(scores), np.arange(30), truth[:30] * 1.0)
        off.append(calibration_error(right, truth))

    assert np.mean(off) < 0.05


def test_an_audit_never_turns_the_order_of_texts_round():
    praise = np.linspace(0.05, 0.95, 200)
    against = calibrated(praise, np.arange(200), (praise < 0.5) * 1.0)

    assert (np.diff(against) >= 0).all()


def test_macro_f1_is_that_of_scikit_learn():
    rng = np.random.default_rng(2)
    labels, judged = rng.integers(0, 3, 200), rng.integers(0, 3, 200)

    assert macro_f1(labels, judged) == pytest.approx(f1_score(labels, judged, average="macro"))
