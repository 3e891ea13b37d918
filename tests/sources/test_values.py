"""Text → values: examples by hand, and an independent reading in plain Python."""

# ruff: noqa: DTZ001 - times of the workspace carry no zone

import math
import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesops_kit.sources import values
from salesops_kit.sources.values import Reading

SHANGHAI = Reading(zone="Asia/Shanghai", thorough=True)
BATCH = 40  # values a query


@pytest.fixture(scope="module")
def db():
    with duckdb.connect() as connection:
        yield connection


def read(db, texts, expression):
    """Read every text by an SQL expression over the column `t`."""
    rows = db.execute(
        f"SELECT {expression} FROM (SELECT unnest($1) AS t, unnest($2) AS i) ORDER BY i",
        [list(texts), list(range(len(texts)))],
    ).fetchall()
    return [row[0] for row in rows]


def parsed(db, texts, kind, reading=SHANGHAI):
    return read(db, texts, values.parsed("t", kind, reading))


# -- examples by hand ----------------------------------------------------------------------

AMOUNTS = {
    "0": 0, "12": 12, "-12.5": -12.5, "+3": 3, " 12 ": 12, "1e3": 1000, ".5": 0.5, "5.": 5,
    "1,234": 1234, "1,234.56": 1234.56, "-1,234,567.8": -1234567.8, "12,34,567": 1234567,
    "1.234,56": 1234.56, "1.234.567,5": 1234567.5, "12,5": 12.5, "0,75": 0.75,
    "¥1,200": 1200, "￥1,200.50": 1200.5, "$ 5": 5, "€1.234,50": 1234.5, "£9": 9, "₹1,00,000": 1e5,
    "CNY 12": 12, "12 USD": 12, "US$3": 3, "HK$3": 3, "usd 3": 3, "12元": 12, "12人民币": 12,
    "12美元": 12, "1.2万": 12000, "3亿": 3e8, "¥1.5万元": 15000, "-2万": -20000, "1,200万": 1.2e7,
    "（1,200）": -1200, "(1,200.5)": -1200.5, "(5)": -5, "１，２３４．５": 1234.5, "－１２": -12,
    "12 345": 12345, "1.234": 1.234,
    "": None, "-": None, "N/A": None, "null": None, "NaN": None, "inf": None, "Infinity": None,
    "cheap": None, "12x": None, "1,23": 1.23, "1,2,3": None, "--5": None, "1.2.3": None, "万": None,
    "12%": None, "1e999": None,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["money", "number"])
def test_amounts_are_read_in_every_form_people_write(db, kind):
    found = parsed(db, AMOUNTS, kind)
    assert dict(zip(AMOUNTS, found, strict=True)) == AMOUNTS


SHARES = {  # text → among fractions, among percentages
    "0.2": (0.2, 0.002), "20": (None, 0.2), "20%": (0.2, 0.2), "20 %": (0.2, 0.2),
    "２０％": (0.2, 0.2), "100%": (1, 1), "1": (1, 0.01), "0": (0, 0), "0%": (0, 0),
    "12.5%": (0.125, 0.125), "110%": (1.1, 1.1), "-5%": (None, None), "-0.1": (None, None),
    "x%": (None, None), "": (None, None), "-": (None, None),
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 1], ids=["fractions", "percentages"])
def test_shares_are_fractions_whatever_they_are_written_as(db, place):
    reading = Reading(thorough=True, percent=bool(place))
    found = parsed(db, SHARES, "share", reading)
    expected = [pair[place] for pair in SHARES.values()]
    assert found == [None if e is None else pytest.approx(e) for e in expected]


MOMENTS = {
    "2025-09-03": datetime(2025, 9, 3),
    "2025-9-3": datetime(2025, 9, 3),
    "2025/09/03 10:15": datetime(2025, 9, 3, 10, 15),
    "2025/9/3 9:05": datetime(2025, 9, 3, 9, 5),
    "2025-09-03 10:15:20": datetime(2025, 9, 3, 10, 15, 20),
    "2025-09-03T10:15:20": datetime(2025, 9, 3, 10, 15, 20),
    "2025-09-03 10:15:20.5": datetime(2025, 9, 3, 10, 15, 20, 500000),
    "2025-09-03T10:15:20Z": datetime(2025, 9, 3, 18, 15, 20),
    "2025-09-03T10:15:20+08:00": datetime(2025, 9, 3, 10, 15, 20),
    "2025-09-03T10:15:20+0530": datetime(2025, 9, 3, 12, 45, 20),
    "2025-09-03T23:15:20-05:00": datetime(2025, 9, 4, 12, 15, 20),
    "2025-09-03T10:15:20.000+0000": datetime(2025, 9, 3, 18, 15, 20),
    "1756865700": datetime(2025, 9, 3, 10, 15),
    "1756865700000": datetime(2025, 9, 3, 10, 15),
    "1756865700500": datetime(2025, 9, 3, 10, 15, 0, 500000),
    "2025年9月3日": datetime(2025, 9, 3),
    "2025年09月03日 10:15": datetime(2025, 9, 3, 10, 15),
    "2025年9月3日 10时15分": datetime(2025, 9, 3, 10, 15),
    "2025年9月3日 10时15分20秒": datetime(2025, 9, 3, 10, 15, 20),
    "２０２５－０９－０３": datetime(2025, 9, 3),
    "03 Sep, 2025 10:15:20": datetime(2025, 9, 3, 10, 15, 20),
    "3 Sep 2025": datetime(2025, 9, 3),
    "03-Sep-2025": datetime(2025, 9, 3),
    "03-Sep-2025 10:15": datetime(2025, 9, 3, 10, 15),
    "Sep 3, 2025": datetime(2025, 9, 3),
    "September 3, 2025": datetime(2025, 9, 3),
    "Sep 3, 2025 02:15 PM": datetime(2025, 9, 3, 14, 15),
    "2025-09-03 02:15 PM": datetime(2025, 9, 3, 14, 15),
    "2025-09-03 12:15 AM": datetime(2025, 9, 3, 0, 15),
    "20250903": datetime(2025, 9, 3),
    "2025.9.3": datetime(2025, 9, 3),
    "2025.09.03 10:15": datetime(2025, 9, 3, 10, 15),
    "2024-02-29": datetime(2024, 2, 29),
    "2025-02-29": None, "2025-13-01": None, "2025-09-31": None, "2025-09-03 25:00": None,
    "03/04/2025": None, "25/04/2025": None, "1969-12-31": None, "2101-01-01": None,
    "tomorrow": None, "12": None, "": None, "-": None, "2025-09": None, "2025": None,
}  # fmt: skip


def test_times_are_read_in_every_form_systems_and_people_write(db):
    found = parsed(db, MOMENTS, "datetime")
    assert dict(zip(MOMENTS, found, strict=True)) == MOMENTS


def test_dates_are_the_local_day_of_the_time(db):
    found = parsed(db, MOMENTS, "date")
    assert found == [None if m is None else m.date() for m in MOMENTS.values()]


ORDERED = {  # text → day first, month first
    "03/04/2025": (datetime(2025, 4, 3), datetime(2025, 3, 4)),
    "3.4.2025": (datetime(2025, 4, 3), datetime(2025, 3, 4)),
    "03-04-2025": (datetime(2025, 4, 3), datetime(2025, 3, 4)),
    "25/04/2025": (datetime(2025, 4, 25), None),
    "04/25/2025": (None, datetime(2025, 4, 25)),
    "03/04/2025 14:05": (datetime(2025, 4, 3, 14, 5), datetime(2025, 3, 4, 14, 5)),
    "03/04/2025 02:05 PM": (datetime(2025, 4, 3, 14, 5), datetime(2025, 3, 4, 14, 5)),
    "31/02/2025": (None, None),
}  # fmt: skip


@pytest.mark.parametrize("place", [0, 1], ids=["day_first", "month_first"])
def test_day_and_month_are_read_in_the_order_decided(db, place):
    reading = Reading(thorough=True, date_order=("day_first", "month_first")[place])
    assert parsed(db, ORDERED, "datetime", reading) == [pair[place] for pair in ORDERED.values()]


@pytest.mark.parametrize("order", ["unknown", "mixed"])
def test_a_date_of_undecided_order_is_never_guessed(db, order):
    reading = Reading(thorough=True, date_order=order)
    assert parsed(db, ORDERED, "datetime", reading) == [None] * len(ORDERED)


IDS = {
    "554023000001": "554023000001", " 42 ": "42", "zcrm_554023000001": "zcrm_554023000001",
    "007": "007", "123456789012345678": "123456789012345678", "A-1": "A-1", "1.5": "1.5",
    '["1000"]': "1000", '["1000", "1001"]': "1000", "[1000]": "1000", "['1000']": "1000",
    "[]": None, '{"name":"Li","id":"77"}': "77", '{"id": 77}': "77", "{}": None,
    "1.23E+17": None, "1.23e+17": None, "5E+17": None, "1E17": None, "1.5E17": None,
    "64f1e23": "64f1e23", "5f3e1b2c9d8a7e6f5d4c3b2a": "5f3e1b2c9d8a7e6f5d4c3b2a",
    "": None, "-": None, "NULL": None,
}  # fmt: skip


def test_ids_stay_text_and_ruined_ones_are_refused(db):
    assert dict(zip(IDS, parsed(db, IDS, "id"), strict=True)) == IDS


BOOLEANS = {
    "true": True, "TRUE": True, "Yes": True, "1": True, "是": True, "y": True,
    "false": False, "No": False, "0": False, "否": False, "f": False,
    "": None, "maybe": None, "2": None, "-": None,
}  # fmt: skip


@pytest.mark.parametrize("how", ["quick", "parsed"])
def test_booleans_in_both_languages(db, how):
    sql = (
        values.quick("t", "boolean") if how == "quick" else values.parsed("t", "boolean", SHANGHAI)
    )
    assert dict(zip(BOOLEANS, read(db, BOOLEANS, sql), strict=True)) == BOOLEANS


def test_a_word_for_nothing_is_missing_and_zero_is_not(db):
    words = [*values.MISSING_WORDS, "  ", " - ", "0", "none of it", "否"]
    missing = read(db, words, values.is_missing("t"))
    assert missing == [True] * (len(values.MISSING_WORDS) + 2) + [False] * 3


def test_text_keeps_what_it_says_without_the_space_around(db):
    assert parsed(db, [" 上海 ", "-", "a,b", ""], "text") == ["上海", None, "a,b", None]


def test_computed_kinds_are_not_read(db):
    with pytest.raises(ValueError, match="columns of type day are computed, not read"):
        values.parsed("t", "day", SHANGHAI)


# -- an independent reading ----------------------------------------------------------------


WIDE = str.maketrans("0123456789.,-", "０１２３４５６７８９．，－")


def written_amounts():
    """(text, value): a number and one of the ways to write it."""

    def write(cents, form, places):
        value = round(cents / 100, places)
        us = f"{value:,.{places}f}"
        eu = us.translate(str.maketrans(",.", ".,"))
        texts = {
            "plain": (f"{value:.{places}f}", value),
            "us": (us, value),
            "eu": (eu if places == 2 and abs(value) >= 1000 else us, value),
            "yuan": (f"¥{us}", value),
            "code": (f"{us} CNY", value),
            "wide": (us.translate(WIDE), value),
            "brackets": (f"({abs(value):,.{places}f})", -abs(value)),
            "wan": (f"{value:.{places}f}万", value * 1e4),
            "yi": (f"{value:.{places}f}亿", value * 1e8),
        }  # fmt: skip
        return texts[form]

    forms = ("plain", "us", "eu", "yuan", "code", "wide", "brackets", "wan", "yi")
    return st.builds(
        write, st.integers(-(10**12), 10**12), st.sampled_from(forms), st.sampled_from([0, 2])
    )


@settings(max_examples=10)
@given(pairs=st.lists(written_amounts(), min_size=BATCH, max_size=BATCH))
def test_an_amount_is_read_as_it_was_meant(db, pairs):
    found = parsed(db, [text for text, _ in pairs], "money")
    for (text, value), got in zip(pairs, found, strict=True):
        assert got == pytest.approx(value, rel=1e-12, abs=1e-9), text


ZONES = ("Asia/Shanghai", "UTC", "America/New_York", "Asia/Kolkata")

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _write_moment(at, form, shift, zone):
    """Write a UTC time in one of the forms; return the text and the local time it means."""
    local = at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    there = at.replace(tzinfo=None) + timedelta(minutes=shift)
    sign, hours, minutes = "-" if shift < 0 else "+", abs(shift) // 60, abs(shift) % 60
    month = MONTHS
    seconds = int(at.timestamp())
    return {
        "iso": (f"{local:%Y-%m-%d %H:%M:%S}", local),
        "T": (f"{local:%Y-%m-%dT%H:%M:%S}", local),
        "slash": (f"{local.year}/{local.month}/{local.day} {local:%H:%M:%S}", local),
        "Z": (f"{at:%Y-%m-%dT%H:%M:%S}Z", local),
        "offset": (f"{there:%Y-%m-%dT%H:%M:%S}{sign}{hours:02}:{minutes:02}", local),
        "tight": (f"{there:%Y-%m-%d %H:%M:%S}{sign}{hours:02}{minutes:02}", local),
        "s": (str(seconds), local),
        "ms": (f"{seconds}000", local),
        "chinese": (f"{local.year}年{local.month}月{local.day}日 {local:%H:%M:%S}", local),
        "english": (f"{local:%d} {month[local.month - 1]}, {local.year} {local:%H:%M:%S}", local),
    }[form]  # fmt: skip


FORMS = ("iso", "T", "slash", "Z", "offset", "tight", "s", "ms", "chinese", "english")
instants = st.datetimes(
    datetime(2001, 9, 10), datetime(2099, 12, 1), timezones=st.just(UTC)
).map(lambda at: at.replace(microsecond=0))  # fmt: skip


@settings(max_examples=10)
@given(
    moments=st.lists(
        st.tuples(instants, st.sampled_from(FORMS), st.integers(-720, 840)),
        min_size=BATCH, max_size=BATCH,
    ),
    zone=st.sampled_from(ZONES),
)  # fmt: skip
def test_a_time_is_read_as_it_was_meant(db, moments, zone):
    pairs = [_write_moment(at, form, shift, zone) for at, form, shift in moments]
    found = parsed(db, [text for text, _ in pairs], "datetime", Reading(zone, thorough=True))
    assert found == [local for _, local in pairs]


@settings(max_examples=10)
@given(
    days=st.lists(st.dates(date(1970, 1, 1), date(2100, 12, 31)), min_size=BATCH, max_size=BATCH),
    sign=st.sampled_from("/.-"), day_first=st.booleans(), padded=st.booleans(),
)  # fmt: skip
def test_a_date_of_decided_order_is_read_as_it_was_meant(db, days, sign, day_first, padded):
    width = 2 if padded else 1
    texts = []
    for day in days:
        first, second = (day.day, day.month) if day_first else (day.month, day.day)
        texts.append(f"{first:0{width}}{sign}{second:0{width}}{sign}{day.year}")
    order = "day_first" if day_first else "month_first"
    assert parsed(db, texts, "date", Reading(thorough=True, date_order=order)) == days


@settings(max_examples=10)
@given(
    pairs=st.lists(
        st.tuples(st.integers(0, 10000), st.sampled_from(["%", " %", "％", ""])),
        min_size=BATCH, max_size=BATCH,
    )
)  # fmt: skip
def test_a_percentage_is_read_as_a_fraction(db, pairs):
    texts = [f"{number / 100:.2f}{sign}" for number, sign in pairs]
    found = parsed(db, texts, "share", Reading(thorough=True, percent=True))
    assert found == [pytest.approx(number / 10000, abs=1e-12) for number, _ in pairs]


def _ruined(text):
    return re.fullmatch(r"\d(\.\d+)?[eE]\+?\d{1,3}", text) and (
        "." in text or "+" in text or len(text) < 6
    )


id_texts = st.one_of(
    st.text("0123456789abcdefE.+_", min_size=1, max_size=20),
    st.integers(10**15, 10**19).map(str),
    st.integers(10**15, 10**19).map(lambda n: f"{n:.2E}"),
)


@settings(max_examples=10)
@given(texts=st.lists(id_texts, min_size=BATCH, max_size=BATCH))
def test_an_id_is_untouched_or_refused_never_altered(db, texts):
    expected = [None if _ruined(text) else text for text in texts]
    assert parsed(db, texts, "id") == expected
    quick = read(db, texts, values.quick("t", "id"))
    assert all(q in (None, e) for q, e in zip(quick, expected, strict=True))


anything = st.one_of(
    st.text("0123456789.,-+:/ eETZ年月日%()万a\t", max_size=24),
    written_amounts().map(lambda pair: pair[0]),
    st.tuples(instants, st.sampled_from(FORMS), st.integers(-720, 840)).map(
        lambda given: _write_moment(*given, "Asia/Shanghai")[0]
    ),
    st.sampled_from(["nan", "inf", "-inf", "epoch", "infinity", "1_000", "0x10", "2025-09-03 10"]),
)


@pytest.mark.parametrize(
    "kind", ["money", "number", "integer", "share", "date", "datetime", "id", "boolean", "text"]
)
@settings(max_examples=10)
@given(texts=st.lists(anything, min_size=BATCH, max_size=BATCH))
def test_what_the_quick_reading_accepts_the_thorough_one_reads_equally(db, kind, texts):
    quick = values.quick("t", kind)
    trusted = read(db, texts, f"NOT {values.doubtful(f'({quick})', 't', kind)}")
    first, second = read(db, texts, quick), parsed(db, texts, kind)
    for text, sure, a, b in zip(texts, trusted, first, second, strict=True):
        if sure and a is not None and not (kind == "share" and a > 1):
            assert a == b or (kind == "share" and math.isclose(a, b)), text
