import re
import string
import tomllib
from pathlib import Path

import pytest

import salesops_kit.language as language
from salesops_kit.errors import ParameterError
from salesops_kit.language import Count, Days, Money, Number, Points, Score, Share, Word, both, say

FOLDER = Path(language.__file__).parent
ENTRIES = [
    (path.stem, name, entry)
    for path in sorted(FOLDER.glob("*.toml"))
    for name, entry in tomllib.loads(path.read_text("utf-8")).items()
]


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(
    ("area", "name", "entry"), ENTRIES, ids=lambda x: x if isinstance(x, str) else ""
)
def test_every_text_exists_in_both_languages_with_the_same_values(area, name, entry):
    assert set(entry) == {"en", "zh"}
    assert fields(entry["en"]) == fields(entry["zh"])


@pytest.mark.parametrize(
    ("value", "en", "zh"),
    [
        (Money(0, "CNY"), "¥0", "¥0"),
        (Money(950, "USD"), "$950", "$950"),
        (Money(999_999, "USD"), "$1.00M", "$100万"),
        (Money(99_999_999, "CNY"), "¥100M", "¥1.00亿"),
        (Money(-12_345, "CNY"), "-¥12.3K", "-¥1.23万"),
        (Money(5, "THB"), "THB 5", "THB 5"),
        (Money(None, "CNY"), "–", "–"),
        (Share(float("nan")), "–", "–"),
        (Count(1234567), "1,234,567", "1,234,567"),
        (Points(0.012), "+1.2 pts", "+1.2 个百分点"),
        (Points(-0.0004), "+0.0 pts", "+0.0 个百分点"),
        (Number(-0.04), "0.0", "0.0"),
        (Score(-0.001), "+0", "+0"),
        (Days(1), "1 day", "1 天"),
        (Days(3.26), "3.3 days", "3.3 天"),
    ],
)
def test_numbers_are_written_the_way_each_language_does(value, en, zh):
    assert (value.written("en"), value.written("zh")) == (en, zh)


def test_a_sentence_may_hold_another_one():
    assert say("readiness.cannot_answer", "zh", question=Word("questions.win_rate")) == (
        "现有数据无法回答：我们的赢单率是多少？"
    )


def test_a_value_from_data_is_never_read_as_a_key_or_a_pattern():
    said = say("funnel.group_low_action", "en", group="@funnel.x {share}")

    assert said == "Find out in which stage @funnel.x {share} loses, and talk to its owners."


def test_an_unknown_text_or_a_missing_value_is_refused():
    with pytest.raises(ParameterError, match=r"no text 'readiness\.nothing'"):
        both("readiness.nothing")
    with pytest.raises(ParameterError, match="needs a value 'question'"):
        say("readiness.cannot_answer", "en")


@pytest.mark.parametrize(("n", "said"), [(1, "1 deal has no owner (3%)."),
                                         (2, "2 deals have no owner (3%).")])  # fmt: skip
def test_a_word_goes_with_its_number(n, said):
    assert say("readiness.no_owner", "en", count=Count(n), share=Share(0.03)) == said


# names, not numbers: a rep wins, a period brings
_NAMES = {"since", "name", "period", "history", "theme", "step", "names", "aim", "span", "title",
          "group", "rival", "measure", "place", "region", "stage", "rep", "who",
          "other"}  # fmt: skip
# plural words after a number that chooses none: three words on at most ("too few deals")
_PLURAL = re.compile(
    r"\{(\w+)\}(?: (?!of |in |as |on |the |and |to |by |for |is |at |from |against )[a-z-]+)? ("
    r"deals|reps|months|texts|times|customers|periods|wins|weeks|checks|cases|rows|rules|stays|"
    r"contracts|groups|visits|alarms|colleagues|exits|comparisons|themes|days|tests|quarters|"
    r"companies|things|actions|words|orders|copies|complaints|moments|steps|goals|attainments|"
    r"forecasts|labels|columns|leads|accounts|records|notes|combinations|entries|years|causes)\b"
)


def test_no_english_text_says_one_deals():
    """A number before a plural word is followed by its chooser: `{n} {n:deal|deals}`."""
    found = [
        (area, name, m.group(0)) for area, name, entry in ENTRIES
        for m in _PLURAL.finditer(entry["en"])
        if m.group(1) not in _NAMES and " fewer " not in m.group(0)
    ]  # fmt: skip
    forms = [(name, field, form) for _, name, entry in ENTRIES
             for _, field, form, _ in string.Formatter().parse(entry["en"]) if form]  # fmt: skip

    assert found == []
    assert [one for one in forms if not one[1] or one[2].count("|") != 1] == []


def test_no_space_parts_a_number_of_days_from_the_word_after_it_in_chinese():
    said = say("pipeline_forecast.levers_detail", "zh", days=Days(31))

    assert "在剩余 31 天内无法" in said
