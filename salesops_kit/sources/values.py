"""Text → money, share, date, datetime, id, boolean: as SQL expressions over a text column.

Every expression gives NULL for a missing value and for a value that cannot be read; the loader
tells them apart by `is_missing`. Clean values take a cheap cast; only what the cast refuses goes
through the slower forms, so that a clean file of millions of rows stays fast.
"""

from dataclasses import dataclass
from typing import Literal

from salesops_kit import schema

# What systems and people write for "nothing here". Compared after trimming.
MISSING_WORDS = ("", "-", "--", "—", "N/A", "n/a", "#N/A", "NULL", "null", "NaN", "nan",
                 "-None-", "--None--", "Select", "请选择", "--请选择--", "-请选择-")  # fmt: skip
TRUE_WORDS = ("true", "1", "yes", "y", "t", "是", "真", "已")
FALSE_WORDS = ("false", "0", "no", "n", "f", "否", "假", "未")
# Years outside are typing errors or other calendars' epochs, not sales.
FIRST_YEAR, LAST_YEAR = 1970, 2100

DateOrder = Literal["unknown", "day_first", "month_first", "mixed"]

_WIDE = "０１２３４５６７８９．，－＋％（）￥：／　"
_NARROW = "0123456789.,-+%()¥:/ "
_CURRENCY = r"(CNY|RMB|USD|EUR|GBP|HKD|JPY|INR|US\$|HK\$|[¥$€£₹]|人民币|美元|元|圆)"
_TEXT_DATES = (
    "%d %b, %Y %H:%M:%S",
    "%d %b %Y %H:%M:%S",
    "%d %b, %Y",
    "%d %b %Y",
    "%d-%b-%Y %H:%M:%S",
    "%d-%b-%Y %H:%M",
    "%d-%b-%Y",
    "%b %d, %Y %I:%M %p",
    "%b %d, %Y %I:%M:%S %p",
    "%b %d, %Y %H:%M:%S",
    "%b %d, %Y",
    "%B %d, %Y",
    "%Y-%m-%d %I:%M %p",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y%m%d",
    "%Y.%m.%d",
    "%Y.%m.%d %H:%M:%S",
    "%Y.%m.%d %H:%M",
)
_ISO = r"^\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)?$"
_NUMERIC_DATE = r"^\d{1,2}[/.-]\d{1,2}[/.-]\d{4}( .*)?$"


@dataclass(frozen=True)
class Reading:
    """What a file's column needs to be read: the zone, and decisions made over the whole column.

    `date_order` decides 03/04/2025, `percent` says that bare numbers of a share column are
    percentages (20 for 0.2). `thorough` reads every form a person writes; without it only the
    forms a database writes, at the cost of one cast. `long_ids` completes ids of 15 characters.
    """

    zone: str = "UTC"
    date_order: DateOrder = "unknown"
    percent: bool = False
    thorough: bool = False
    long_ids: bool = False


def is_missing(text: str) -> str:
    """Return the SQL condition that the cell is empty or holds a word for nothing."""
    return f"({text} IS NULL OR {_is_word(f'trim({text})')})"


def _is_word(text: str) -> str:
    # not IN: the engine makes a join of a long one, which is slower and forgets the rows' order
    words = ", ".join(f"'{word}'" for word in MISSING_WORDS)
    return f"list_contains([{words}], {text})"


def quick(text: str, kind: schema.ColumnType) -> str:
    """Return SQL that reads only plain forms; anything else gives NULL and asks for more."""
    if kind == "text":
        return f"CASE WHEN {_is_word(text)} THEN NULL ELSE trim({text}) END"
    if kind == "id":
        plain = " AND ".join(
            f"NOT contains({text}, '{sign}')" for sign in ("+", ".", "[", "{", ";", "''")
        )
        return f"CASE WHEN strlen({text}) >= 6 AND {plain} THEN trim({text}) END"
    if kind in ("money", "number", "share"):
        return f"TRY_CAST({text} AS DOUBLE)"
    if kind == "integer":
        # a cast alone would read 0x10 as sixteen
        return f"CASE WHEN regexp_full_match({text}, '-?\\d+') THEN TRY_CAST({text} AS BIGINT) END"
    if kind == "boolean":
        return _boolean(text)
    if kind == "date":
        return f"CASE WHEN strlen({text}) = 10 THEN TRY_CAST({text} AS DATE) END"
    # exactly these lengths cannot carry an offset, and one cast reads them
    local = f"strlen({text}) IN (10, 16) OR (strlen({text}) = 19 AND {text}[17] = ':')"
    return f"CASE WHEN {local} THEN TRY_CAST({text} AS TIMESTAMP) END"


def doubtful(value: str, text: str, kind: schema.ColumnType) -> str:
    """Return the SQL condition that the quick reading `value` of `text` is not to be trusted."""
    absent = f"({value} IS NULL AND {text} <> '')"
    if kind in ("money", "number"):
        return f"({absent} OR NOT isfinite({value}))"
    if kind == "share":
        return f"({absent} OR NOT {value} BETWEEN 0 AND 100)"
    if kind == "date":
        return f"({absent} OR NOT {value} BETWEEN DATE '1970-01-01' AND DATE '2100-12-31')"
    if kind == "datetime":
        last = "TIMESTAMP '2100-12-31 23:59:59'"
        return f"({absent} OR NOT {value} BETWEEN TIMESTAMP '1970-01-01' AND {last})"
    return absent


def parsed(text: str, kind: schema.ColumnType, reading: Reading) -> str:
    """Return SQL that reads `text` as a column of type `kind`, in every form people write."""
    if kind in ("id", "text"):
        return _text(text) if kind == "text" else _id(text)
    if kind == "boolean":
        return _boolean(text)
    if kind in ("money", "number"):
        return number(text)
    if kind == "integer":
        return f"TRY_CAST({number(text)} AS BIGINT)"
    if kind == "share":
        return _share(text, percent=reading.percent)
    if kind == "datetime":
        return moment(text, reading)
    if kind == "date":
        return f"CAST({moment(text, reading)} AS DATE)"
    raise ValueError(f"columns of type {kind} are computed, not read")


def problem(kind: schema.ColumnType) -> tuple[str, str]:
    """Return reason and remedy for a value that could not be read as `kind`."""
    return {
        "id": (
            "the id was ruined by a spreadsheet program (scientific notation)",
            "export again and open the file with this column as text",
        ),
        "money": ("this is not an amount", "write digits, such as 12345.67 or 1.2万"),
        "number": ("this is not a number", "write digits"),
        "integer": ("this is not a whole number", "write digits"),
        "share": ("this is not a percentage", "write 20, 20% or 0.2"),
        "boolean": ("this is neither yes nor no", "write true, false, 是 or 否"),
        "date": (
            "this is not a date, or day and month cannot be told apart",
            "write it like 2025-09-03",
        ),
        "datetime": (
            "this is not a time, or day and month cannot be told apart",
            "write it like 2025-09-03 10:15:00",
        ),
    }[kind]


def number(text: str) -> str:
    """Digits with thousands separators, currency, 万/亿, full width, brackets for negatives."""
    narrow = f"translate({text}, '{_WIDE}', '{_NARROW}')"
    bare = f"regexp_replace(regexp_replace({narrow}, '{_CURRENCY}', '', 'gi'), '\\s', '', 'g')"
    signed = f"regexp_replace({bare}, '^\\((.*)\\)$', '-\\1')"
    scale = f"CASE right({signed}, 1) WHEN '万' THEN 1e4 WHEN '亿' THEN 1e8 ELSE 1 END"
    digits = f"regexp_replace({signed}, '[万亿]$', '')"
    grouped = r"^[-+]?\d{1,3}(,\d{2,3})*,\d{3}(\.\d+)?$"
    comma = r"^[-+]?(\d{1,3}(\.\d{3})+,\d+|\d+,\d{1,2})$"
    plain = (
        f"CASE WHEN regexp_full_match({digits}, '{grouped}') THEN replace({digits}, ',', '') "
        f"WHEN regexp_full_match({digits}, '{comma}') "
        f"THEN replace(replace({digits}, '.', ''), ',', '.') "
        f"ELSE {digits} END"
    )
    scaled = f"{scale} * TRY_CAST({plain} AS DOUBLE)"
    value = f"COALESCE(TRY_CAST({text} AS DOUBLE), {scaled})"
    return f"CASE WHEN isfinite({value}) THEN {value} END"


def moment(text: str, reading: Reading) -> str:
    """ISO, offsets, epochs, Chinese and English dates → timestamp in the reading's zone."""
    return _in_range(_any_moment(text, reading))


def has_unordered_date(text: str) -> str:
    """Return the SQL condition that the cell is a date such as 03/04/2025, of unclear order."""
    return f"regexp_full_match(trim({text}), '{_NUMERIC_DATE}')"


def date_parts(text: str) -> tuple[str, str]:
    """Return the SQL of the first and second number of such a date."""
    return (
        f"TRY_CAST(regexp_extract(trim({text}), '^(\\d{{1,2}})', 1) AS INTEGER)",
        f"TRY_CAST(regexp_extract(trim({text}), '^\\d{{1,2}}[/.-](\\d{{1,2}})', 1) AS INTEGER)",
    )


def _any_moment(text: str, reading: Reading) -> str:
    narrow = f"trim(translate({text}, '{_WIDE}', '{_NARROW}'))"
    chinese = (
        f"regexp_replace(regexp_replace(regexp_replace({narrow}, "
        f"'(\\d{{4}})年(\\d{{1,2}})月(\\d{{1,2}})日?', '\\1-\\2-\\3'), "
        f"'[时点]', ':'), '(\\d)分(\\d{{1,2}})秒?|分$', '\\1:\\2')"
    )
    halves = (
        f"regexp_replace(regexp_replace({chinese}, '(上午|早上|凌晨)\\s*(\\d.*)$', '\\2 AM'), "
        "'(下午|晚上|中午)\\s*(\\d.*)$', '\\2 PM')"
    )
    tidy = f"regexp_replace({halves}, ':$', ':00')"
    offset = r"(?i)[T ]\d{1,2}:\d{2}.*(Z|[+-]\d{2}:?\d{2}|[+-]\d{2})$"
    shift = (
        f"regexp_replace(regexp_replace({tidy}, '([+-]\\d{{2}})(\\d{{2}})$', '\\1:\\2'), "
        "'\\.(\\d{1,6})\\d*', '.\\1')"
    )
    formats = ", ".join(f"'{form}'" for form in _TEXT_DATES)
    return (
        f"CASE WHEN regexp_full_match({narrow}, '\\d{{13}}') "
        f"THEN timezone('{reading.zone}', to_timestamp(TRY_CAST({narrow} AS BIGINT) / 1000)) "
        f"WHEN regexp_full_match({narrow}, '\\d{{10}}') "
        f"THEN timezone('{reading.zone}', to_timestamp(TRY_CAST({narrow} AS BIGINT))) "
        # the serial number a spreadsheet program keeps for a day: days since 30 December 1899
        f"WHEN regexp_full_match({narrow}, '[3-6]\\d{{4}}(\\.\\d+)?') "
        f"THEN TIMESTAMP '1899-12-30' + to_seconds(round(TRY_CAST({narrow} AS DOUBLE) * 86400)) "
        f"WHEN regexp_matches({tidy}, '{offset}') "
        f"THEN timezone('{reading.zone}', TRY_CAST({shift} AS TIMESTAMPTZ)) "
        f"WHEN {has_unordered_date(narrow)} THEN {_ordered(narrow, reading.date_order)} "
        f"WHEN regexp_matches({tidy}, '{_ISO}') THEN TRY_CAST({tidy} AS TIMESTAMP) "
        f"ELSE TRY_STRPTIME({tidy}, [{formats}]) END"
    )


def _ordered(text: str, order: DateOrder) -> str:
    if order not in ("day_first", "month_first"):
        return "NULL"
    first, second = ("%d", "%m") if order == "day_first" else ("%m", "%d")
    same = f"regexp_replace({text}, '^(\\d+)[.-](\\d+)[.-]', '\\1/\\2/')"
    times = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
    formats = ", ".join(f"'{first}/{second}/%Y{time}'" for time in times)
    return f"TRY_STRPTIME({same}, [{formats}])"


def _in_range(value: str) -> str:
    return f"CASE WHEN year({value}) BETWEEN {FIRST_YEAR} AND {LAST_YEAR} THEN {value} END"


def _text(text: str) -> str:
    return f"CASE WHEN NOT {is_missing(text)} THEN trim({text}) END"


def _id(text: str) -> str:
    """Return the SQL of an identifier; of a list (["1000"], 1000;1001) or an object, its first."""
    # a long hexadecimal id may hold an e among digits: it has no point, no sign, and is longer
    ruined = (
        f"regexp_full_match(trim({text}), '\\d(\\.\\d+)?[eE]\\+?\\d{{1,3}}') "
        f"AND (contains({text}, '.') OR contains({text}, '+') OR length({text}) < 6)"
    )
    listed = (
        f"CASE WHEN starts_with({text}, '[') "
        f"THEN nullif(regexp_extract({text}, '^\\[\\s*[\"'']?([^\"'',\\]]+)', 1), '') "
        f"WHEN starts_with({text}, '{{') "
        f"THEN nullif(regexp_extract({text}, '\"id\"\\s*:\\s*\"?([^\",}}]+)', 1), '') "
        f"ELSE trim(split_part(ltrim({text}, ' '''), ';', 1)) END"
    )
    plain = f"CASE WHEN {ruined} THEN NULL ELSE {listed} END"
    return f"CASE WHEN {is_missing(text)} THEN NULL ELSE {plain} END"


def completed(text: str) -> str:
    """Return the SQL that adds the three check characters to a Salesforce id of 15 characters.

    Each says which of five characters are capitals (bits from the first): A-Z, 0-5.
    """
    checks = []
    for first in (1, 6, 11):
        bits = " + ".join(
            f"CASE WHEN ascii(substr({text}, {first + i}, 1)) BETWEEN 65 AND 90 "
            f"THEN {1 << i} ELSE 0 END"
            for i in range(5)
        )
        checks.append(f"substr('ABCDEFGHIJKLMNOPQRSTUVWXYZ012345', 1 + {bits}, 1)")
    is_short = f"regexp_full_match({text}, '[0-9A-Za-z]{{15}}')"
    return f"CASE WHEN {is_short} THEN concat({text}, {', '.join(checks)}) ELSE {text} END"


def _boolean(text: str) -> str:
    folded = f"lower(trim({text}))"
    true, false = (", ".join(f"'{w}'" for w in words) for words in (TRUE_WORDS, FALSE_WORDS))
    return f"CASE WHEN {folded} IN ({true}) THEN true WHEN {folded} IN ({false}) THEN false END"


def _share(text: str, *, percent: bool) -> str:
    narrow = f"trim(translate({text}, '{_WIDE}', '{_NARROW}'))"
    bare = f"TRY_CAST({narrow} AS DOUBLE)"
    scaled = f"{bare} / 100" if percent else bare
    value = (
        f"CASE WHEN {narrow} LIKE '%\\%' ESCAPE '\\' "
        f"THEN TRY_CAST(rtrim({narrow}, '% ') AS DOUBLE) / 100 ELSE {scaled} END"
    )
    marked = f"{narrow} LIKE '%\\%' ESCAPE '\\'"
    # a bare number above 1 says that the column holds percentages: the loader reads it again
    limit = 10 if percent else f"CASE WHEN {marked} THEN 10 ELSE 1 END"
    return f"CASE WHEN {value} BETWEEN 0 AND {limit} THEN {value} END"
