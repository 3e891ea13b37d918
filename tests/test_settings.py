import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesops_kit import schema
from salesops_kit.errors import SettingsError
from salesops_kit.settings import Settings, fold_label, load_settings, settings_from

PIPELINE = {
    "stages": [
        {"name": "talk", "rank": 1, "category": "open", "zh": "沟通", "labels": ["Talking"]},
        {"name": "won", "rank": 9, "category": "won"},
        {"name": "lost", "rank": 10, "category": "lost"},
    ]
}


def test_without_a_file_standard_labels_of_the_vendors_are_known():
    stages = Settings().all_pipelines["default"].by_label

    assert stages[fold_label("Closed Won")].category == "won"
    assert stages[fold_label("赢单")].name == "won"
    assert stages[fold_label("Negotiation / Review")].name == "negotiation"


def test_a_label_never_names_two_stages():
    labels = [
        fold_label(label)
        for stage in schema.DEFAULT_STAGES
        for label in {fold_label(x) for x in (stage.name, stage.en, stage.zh, *stage.labels)}
    ]

    assert len(labels) == len(set(labels))


@given(st.text())
def test_folding_a_label_twice_changes_nothing(label):
    assert fold_label(fold_label(label)) == fold_label(label)


def test_own_pipelines_replace_the_default_one():
    settings = settings_from({"pipelines": {"direct": PIPELINE}})

    assert list(settings.all_pipelines) == ["direct"]
    assert settings.stage("talk").display("zh") == "沟通"
    assert settings.stage("negotiation") is None


def test_all_problems_are_named_by_key_at_once():
    with pytest.raises(SettingsError) as error:
        settings_from(
            {"company": {"currency": "rmb", "lang": "zh"}, "fiscal": {"year_start_month": 13}}
        )

    assert str(error.value) == (
        "salesops.toml is not valid:\n"
        "  - company.currency is 'rmb': string should match pattern '^[A-Z]{3}$'\n"
        "  - company.lang is not a setting\n"
        "  - fiscal.year_start_month is 13: input should be less than or equal to 12"
    )


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"company": {"time_zone": "Bejing"}}, "write it like 'Asia/Shanghai'"),
        ({"stage_labels": {"谈判中": "talks"}}, "'谈判中' leads to 'talks', which is not a stage"),
        ({"fields": {"deals": {"Area": "area"}}}, "deals has no column 'area' for field 'Area'"),
        ({"fields": {"deal": {}}}, "there is no table 'deal'"),
        ({"dimensions": ["colour"]}, "'colour' is not a text column of deals"),
        ({"pipelines": {"p": {"stages": PIPELINE["stages"][:2]}}}, "one lost stage"),
    ],
)
def test_wrong_values_say_what_is_allowed(raw, words):
    with pytest.raises(SettingsError) as error:
        settings_from(raw)

    assert words in str(error.value)


def test_own_fields_start_with_x():
    settings = settings_from({"fields": {"deals": {"Area": "x_area"}}, "dimensions": ["x_area"]})

    assert settings.dimensions == ("x_area",)


def test_a_missing_or_broken_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        load_settings(tmp_path / "salesops.toml")
    (tmp_path / "salesops.toml").write_text("[company", encoding="utf-8")
    with pytest.raises(SettingsError, match="is not TOML in UTF-8"):
        load_settings(tmp_path / "salesops.toml")
