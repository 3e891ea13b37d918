"""Frames as readers see them: headers, formats, captions, missing values, both languages."""

from datetime import date

import pandas as pd
import pytest

from salesops_kit import schema, tables
from salesops_kit.errors import ParameterError
from salesops_kit.language import say
from salesops_kit.settings import Settings
from salesops_kit.tables import Reader

NAN = float("nan")
READ = {language: Reader(Settings(), language) for language in ("en", "zh")}
PIPELINE = pd.DataFrame(
    {"internal": [1, 2], "stage": ["needs", "mystery"], "deals": [1500, 3],
     "amount": [1_234_567.0, NAN], "without_amount": [0, 1], "weighted": [5e5, NAN],
     "overdue": [2, 0], "median_age": [41.6, NAN]}
)  # fmt: skip


def shown(name, rows, language="en"):
    return READ[language].table(pd.DataFrame(rows), name).to_numpy().tolist()


def test_cells_are_written_out_and_missing_ones_are_dashes():
    assert READ["en"].table(PIPELINE, "funnel.pipeline").to_numpy().tolist() == [
        ["Needs analysis", "1,500", "¥1.23M", "0", "¥500K", "2", "42 days"],
        ["mystery", "3", "–", "1", "–", "0", "–"],
    ]
    assert READ["zh"].table(PIPELINE, "funnel.pipeline").to_numpy().tolist() == [
        ["需求确认", "1,500", "¥123万", "0", "¥50.0万", "2", "42 天"],
        ["mystery", "3", "–", "1", "–", "0", "–"],
    ]


def test_only_declared_columns_are_shown_under_translated_headers():
    names = ["stage", "deals", "amount", "without_amount", "weighted", "overdue", "median_age"]

    for language, read in READ.items():
        table = read.table(PIPELINE, "funnel.pipeline")
        assert list(table.columns) == [say(f"columns.{name}", language) for name in names]


def test_the_frame_itself_stays_as_it_was():
    before = PIPELINE.copy()

    READ["en"].table(PIPELINE, "funnel.pipeline")

    pd.testing.assert_frame_equal(PIPELINE, before)


def test_a_table_knows_its_language_caption_and_which_columns_are_numbers():
    table = READ["zh"].table(PIPELINE, "funnel.pipeline")

    assert table.attrs["language"] == "zh"
    assert table.attrs["caption"] == say("funnel.caption_pipeline", "zh")
    assert table.attrs["instead"] == say("funnel.empty", "zh")
    assert table.attrs["numeric"] == list(table.columns)[1:]


@pytest.mark.parametrize("table", schema.TABLES)
def test_every_table_of_a_workspace_has_a_name_that_chinese_readers_understand(table):
    rows = {"table": [table], "column": ["amount"], "filled": [1], "rows": [1], "share": [1.0]}
    [[name, *_]] = shown("readiness.complete", rows, "zh")

    assert name != table
    assert not name.isascii()


def test_shares_rates_and_points_differ_in_decimals():
    rows = {"table": ["deals"], "column": ["amount"], "filled": [999], "rows": [1000],
            "share": [0.9994]}  # fmt: skip
    assert shown("readiness.complete", rows) == [["deals", "amount", "999", "1,000", "100%"]]

    leads = {"source": ["Web"], "leads": [3], "share": [0.1234], "lower": [0.0], "upper": [1.0]}
    assert shown("funnel.leads", leads) == [["Web", "3", "12.3%", "0.0%", "100.0%"]]


def test_each_row_of_a_mixed_column_has_its_own_format():
    rows = {"factor": ["open_deals", "win_rate"], "before": [120.0, 0.25], "after": [NAN, 0.3],
            "unit": ["count", "share"], "contribution": [-1500.0, 2500.0]}  # fmt: skip

    [first, second] = shown("funnel.velocity", rows)
    assert first[1:] == ["120", "–", "-¥1.50K"]
    assert second[1:] == ["25%", "30%", "¥2.50K"]


def test_text_of_the_data_is_no_key_of_the_catalogue():
    leads = {"source": ["{x} <b>", None], "leads": [1, 1], "share": [1, 1], "lower": [1, 1],
             "upper": [1, 1]}  # fmt: skip

    assert [row[0] for row in shown("funnel.leads", leads)] == ["{x} <b>", "–"]


def test_an_empty_frame_gives_an_empty_table_that_says_so():
    table = READ["en"].table(pd.DataFrame(), "readiness.files")

    assert table.empty
    assert table.attrs["instead"]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", sorted(tables._EXPLAINED))
def test_a_table_that_explains_why_it_is_empty_has_the_words(name, language):
    area, _, short = name.partition(".")

    table = READ[language].table(pd.DataFrame(), name, period="2025-09")
    assert table.attrs["instead"] == say(f"{area}.empty_{short}", language)


def test_an_unknown_table_or_a_lacking_column_is_refused():
    with pytest.raises(ParameterError) as unknown:
        READ["en"].table(PIPELINE, "funnel.nope")
    with pytest.raises(ParameterError) as lacking:
        READ["en"].table(PIPELINE[["stage"]], "funnel.pipeline")

    assert str(unknown.value).startswith("there is no table 'funnel.nope'; there are funnel.")
    assert str(lacking.value) == (
        "table 'funnel.pipeline' needs a column 'deals'; the frame has ['stage']"
    )


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", tables._SPECS)
def test_every_declared_table_has_its_words_in_both_languages(name, language):
    area = name.partition(".")[0]

    for column, form in tables._SPECS[name].items():
        assert say(f"columns.{column}", language)
        plain = form in (*tables._WRITTEN, "text", "day", "stage", "translated")
        assert plain or form.startswith("words:")
    assert say(f"{area}.empty", language)


def test_a_sentence_is_filled_with_written_values():
    row = {"deals": 6071, "open": 900, "as_of": date(2025, 9, 30),
           "until": None}  # fmt: skip
    said = READ["en"].sentence("funnel.covers", row | {"quality": "history_full"})

    assert "6,071" in said
    assert "2025-09-30" in said
    assert "–" in said


def test_a_companys_own_field_keeps_its_name_and_an_unknown_stage_too():
    read = READ["zh"]

    assert read.column("x_channel") == "x_channel"
    assert read.stage("mystery") == "mystery"
    assert read.stage(NAN) == "–"
    assert read.stage("needs") == "需求确认"


def test_a_chart_has_an_alternative_text_and_a_caption():
    texts = READ["en"].figure("funnel.trend")

    assert set(texts) == {"alt", "caption"}
    assert all(len(text) > 10 for text in texts.values())


def test_a_scorecard_without_a_criterion_is_shown_without_it():
    """Too few reps decided anything: there is no comparison by the share won."""
    card = pd.DataFrame({"person": ["Rep"], "attainment": [1.0], "total": [1.0], "rank": [1.0],
                         "rank_span": ["1–1"], "moved_span": ["1–1"]})  # fmt: skip

    shown = Reader(Settings(), "zh").table(card, "reps.scorecard")

    assert len(shown) == 1
    assert say("columns.winning", "zh") not in shown.columns


@pytest.mark.parametrize(("language", "said"), [("en", "No deal was won"), ("zh", "没有赢单")])
def test_where_nothing_was_won_no_cycle_of_wins_is_written(language, said):
    nothing = float("nan")
    row = {"won": 0, "won_median": nothing, "won_lower": nothing, "won_upper": nothing,
           "won_p90": nothing, "closed": 3, "closed_median": 50.0, "open": 2,
           "open_median": 40.0}  # fmt: skip

    told = Reader(Settings(), language).sentence("funnel.cycle", row)

    assert said in told
    assert "–" not in told
    assert said not in Reader(Settings(), language).sentence("funnel.cycle", row | {"won": 1})
