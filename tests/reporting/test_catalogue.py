"""The catalogue: what it may say, when things are due, which reports that makes."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import write_workspace

from salesops_kit.errors import ParameterError, SettingsError
from salesops_kit.reporting.catalogue import load_catalogue

ROOT = Path(__file__).resolve().parents[2]
REPS = [
    {"rep_id": "r1", "team": "East"},
    {"rep_id": "r2", "team": "West", "valid_to_on": "2025-06-30"},
    {"rep_id": "r2", "team": "East", "valid_from_on": "2025-07-01"},
    {"rep_id": "r3", "team": "North", "leave_on": "2025-08-31"},
    {"rep_id": "r4", "team": "South", "valid_from_on": "2025-10-01"},
    {"rep_id": "r5", "team": "华东"},
]
DEAL = {"deal_id": "d1", "stage": "needs", "status": "open", "created_at": "2025-01-02"}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("c")
    write_workspace(folder / "acme", {"deals": [DEAL], "reps": REPS})
    return folder


def loaded(place, *entries, head='workspace = "acme"', tail=""):
    path = place / "catalogue.toml"
    body = "\n".join(f"[[report]]\n{entry}" for entry in entries)
    path.write_text(f"{head}\n{body}\n{tail}", encoding="utf-8")
    return load_catalogue(path)


MONTHLY = 'name = "monthly"\ncadence = "monthly"'
WRONG = {
    "unknown key": (
        f'{MONTHLY}\nnotebook = ["funnel"]',
        "report.0.notebook is not known; did you mean 'notebooks'?",
    ),
    "cadence": (
        'name = "m"\ncadence = "hourly"',
        "report.0.cadence is 'hourly': input should be 'daily', 'weekly', 'monthly' or 'quarterly'",
    ),
    "missing": ('cadence = "monthly"', "report.0.name is missing"),
    "name": (
        'name = "../x"\ncadence = "monthly"',
        "report.0.name is '../x': is no name; use small letters, digits, - and _, at most 40",
    ),
    "folder": (
        f'{MONTHLY}\nfolder = "a/b"',
        "report.0.folder is 'a/b': is no name; use small letters, digits, - and _, at most 40",
    ),
    "scope": (
        f'{MONTHLY}\nscopes = ["everyone"]',
        "report.0.scopes.0 is 'everyone': is no scope; write 'company', 'each team', 'each rep', "
        "or one like 'team=East'",
    ),
    "language": (
        f'{MONTHLY}\nlanguages = ["fr"]',
        "report.0.languages.0 is 'fr': input should be 'en' or 'zh'",
    ),
    "notebook": (
        f'{MONTHLY}\nnotebooks = ["nope"]',
        "report.0 (monthly).notebooks: there is no notebook 'nope'; there are readiness, ",
    ),
    "receiver": (
        f'{MONTHLY}\nreceivers = ["boss"]',
        "report.0 (monthly).receivers is 'boss': there is no such receiver; there are none",
    ),
    "time": (
        f'{MONTHLY}\ndue_at = "6 am"',
        "report.0.due_at is '6 am': is no time of day; write it like '06:00'",
    ),
    "since": (
        f'{MONTHLY}\nsince = "2025-Q1"',
        "report.0 (monthly).since is '2025-Q1': it is no period of a monthly report",
    ),
    "same place": (
        f'{MONTHLY}\n[[report]]\nname = "other"\ncadence = "monthly"',
        "report.folder of 'other' is '': 'monthly' is monthly too and is written there; "
        "give one of them another folder",
    ),
    "same name": (
        f'{MONTHLY}\n[[report]]\n{MONTHLY}\nfolder = "x"',
        "report.name is 'monthly' twice; every report needs a name of its own",
    ),
}


@pytest.mark.parametrize(("entry", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named_with_file_key_value_and_remedy(place, entry, message):
    with pytest.raises(SettingsError) as refused:
        loaded(place, entry)

    assert str(refused.value).startswith(f"{place}/catalogue.toml is not valid:\n  - {message}")


def test_all_that_is_wrong_is_told_at_once(place):
    with pytest.raises(SettingsError) as refused:
        loaded(place, 'name = "A"\ncadence = "x"\nscopes = [""]')

    assert str(refused.value).count("\n  - ") == 3


def test_a_catalogue_that_is_not_there_or_no_toml_is_refused(place):
    with pytest.raises(SettingsError, match="does not exist; write one as docs"):
        load_catalogue(place / "none.toml")
    with pytest.raises(SettingsError, match="is not TOML in UTF-8"):
        loaded(place, "name = ")


def test_the_catalogue_of_the_kit_is_right():
    catalogue = load_catalogue(ROOT / "reports" / "catalogue.toml")

    assert [entry.name for entry in catalogue.entries][:2] == ["monthly", "teams"]


def test_the_example_of_the_reliability_page_is_right(place):
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)[1].replace("../workspaces/", "")

    path = place / "example.toml"
    path.write_text(example, encoding="utf-8")
    [entry] = load_catalogue(path).entries
    assert set(type(entry).model_fields) - entry.model_fields_set == {"parameters"}


DUE = [
    # now, in Shanghai; cadence; last due; next due, and when
    ("2025-10-01T05:59", "monthly", "2025-08", "2025-09", "2025-10-01T06:00+08:00"),
    ("2025-10-01T06:00", "monthly", "2025-09", "2025-10", "2025-11-01T06:00+08:00"),
    ("2025-01-01T06:00", "monthly", "2024-12", "2025-01", "2025-02-01T06:00+08:00"),
    ("2025-10-06T05:59", "weekly", "2025-W39", "2025-W40", "2025-10-06T06:00+08:00"),
    ("2025-10-06T06:00", "weekly", "2025-W40", "2025-W41", "2025-10-13T06:00+08:00"),
    ("2025-09-30T23:00", "quarterly", "2025-Q2", "2025-Q3", "2025-10-01T06:00+08:00"),
    ("2025-10-01T06:00", "daily", "2025-09-30", "2025-10-01", "2025-10-02T06:00+08:00"),
]


@pytest.mark.parametrize(("now", "cadence", "last", "following", "when"), DUE)
def test_a_report_is_due_the_morning_after_its_period(place, now, cadence, last, following, when):
    catalogue = loaded(place, f'name = "x"\ncadence = "{cadence}"')
    moment = datetime.fromisoformat(now).replace(tzinfo=catalogue.settings.zone)

    [entry] = catalogue.entries
    due = catalogue.next_due(entry, moment)
    assert catalogue.last_due(entry, moment).label == last
    assert (due.label, due.due.isoformat(timespec="minutes")) == (following, when)


def test_a_daily_report_is_the_month_so_far(place):
    catalogue = loaded(place, 'name = "x"\ncadence = "daily"')
    [entry] = catalogue.entries

    [task] = catalogue.tasks(entry, catalogue.occasions(entry, "2025-09-14", "2025-09-14")[0])
    assert (task.spec.period, task.spec.as_of, task.spec.name) == (
        "2025-09", "2025-09-14", "2025-09-14"
    )  # fmt: skip


@given(
    st.datetimes(*(datetime.fromisoformat(f"{year}-01-01") for year in (2020, 2030))),
    st.sampled_from(["daily", "weekly", "monthly", "quarterly"]),
    st.integers(0, 40),
)
def test_what_is_due_next_follows_what_was_due_last(place_of_law, moment, cadence, days):
    catalogue = loaded(place_of_law, f'name = "x"\ncadence = "{cadence}"\ndue_days = {days}')
    [entry] = catalogue.entries
    now = moment.replace(tzinfo=UTC)

    last, following = catalogue.last_due(entry, now), catalogue.next_due(entry, now)
    assert last.due <= now < following.due
    labels = [o.label for o in catalogue.occasions(entry, last.label, following.label)]
    assert labels == [last.label, following.label]


@pytest.fixture(scope="module")
def place_of_law(place):
    return place


def test_scopes_are_the_teams_and_reps_of_the_day(place):
    catalogue = loaded(place, f'{MONTHLY}\nscopes = ["company", "each team", "each rep", "team=X"]')
    [entry] = catalogue.entries

    def on(day):
        return catalogue.scopes(entry, datetime.fromisoformat(day).date())

    assert on("2025-09-30") == [
        "",
        "team=East",
        "team=华东",
        "rep=r1",
        "rep=r2",
        "rep=r5",
        "team=X",
    ]
    assert on("2025-06-30")[1:4] == ["team=East", "team=North", "team=West"]


def test_every_scope_and_language_is_a_report_of_its_own(place):
    catalogue = loaded(
        place,
        f'{MONTHLY}\nfolder = "t"\nscopes = ["each team"]\nlanguages = ["zh", "en"]',
    )
    [entry] = catalogue.entries

    made = [
        (task.spec.name, task.spec.scope, task.spec.language)
        for occasion in catalogue.occasions(entry, "2025-08", "2025-09")
        for task in catalogue.tasks(entry, occasion)
    ]
    assert made == [
        (f"t-{label}", f"team={team}", language)
        for label, teams in (("2025-08", ["East", "North", "华东"]), ("2025-09", ["East", "华东"]))
        for team in teams
        for language in ("zh", "en")
    ]


RANGES = {
    "other cadence": (("2025-Q1", "2025-Q2"), "'2025-Q1' is a quarter, but 'monthly' is monthly"),
    "backwards": (("2025-03", "2025-01"),
                  "'2025-01' lies before '2025-03'; give the earlier one first"),
    "nothing": (("x", "x"), "period is 'x', which is not a period; "
                "write it like '2025-09', '2025-Q3', '2025-W36' or '2025'"),
}  # fmt: skip


@pytest.mark.parametrize(("labels", "message"), RANGES.values(), ids=RANGES)
def test_a_range_that_is_none_is_refused(place, labels, message):
    catalogue = loaded(place, MONTHLY)

    with pytest.raises(ParameterError) as refused:
        catalogue.occasions(catalogue.entries[0], *labels)

    assert str(refused.value) == message


def test_a_report_that_is_not_in_the_catalogue_is_refused(place):
    with pytest.raises(ParameterError, match="has no report 'x'; it has 'monthly'"):
        loaded(place, MONTHLY).entry("x")
