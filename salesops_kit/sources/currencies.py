"""Amounts in several currencies → reporting currency, by the policy of the settings.

A rate holds from its day until the next one: the rate used is that of the last day on or before
the date asked for. Where there is none the amount is missing and a warning says how many; an
amount in another currency never counts one to one.
"""

from collections.abc import Mapping

import duckdb

from salesops_kit.settings import FILE_NAME, Settings

DATED = ("at_close", "at_create", "monthly")
RATES = "fx"  # made by `prepare`; its columns must not capture names of the query around

_WORDS = {
    "CNY": ("人民币", "人民币元", "元", "圆", "RMB", "CN¥", "CNY¥", "RMB¥"),
    "USD": ("美元", "美金", "US$", "USD$", "U.S.DOLLAR", "USDOLLAR"),
    "EUR": ("欧元", "€", "EURO"),
    "GBP": ("英镑", "£"),
    "HKD": ("港币", "港元", "HK$"),
    "TWD": ("新台币", "台币", "NT$"),
    "JPY": ("日元", "日圆", "円", "JP¥", "YEN"),
    "KRW": ("韩元", "₩"),
    "INR": ("卢比", "₹"),
    "SGD": ("新加坡元", "新币", "S$"),
    "AUD": ("澳元", "A$"),
    "CAD": ("加元", "C$"),
}
_MOST_CELLS = 64  # different cells of a currency column that are worth a look-up
_YEN_OR_YUAN = ("CNY", "JPY")
_DOLLARS = ("USD", "HKD", "TWD", "SGD", "AUD", "CAD", "NZD")


def words(settings: Settings) -> Mapping[str, str]:
    """Return what each word or sign for a currency means to this company.

    ¥ is the company's own yuan or yen, $ its own dollar, else the US dollar. In a company with
    neither, ¥ could be both: it stays unknown until [fx.words] says which.
    """
    base = settings.company.currency
    known = {word: code for code, listed in _WORDS.items() for word in listed}
    known["$"] = base if base in _DOLLARS else "USD"
    if base in _YEN_OR_YUAN:
        known["¥"] = base
    own = {_folded(word): code for word, code in settings.fx.words.items()}
    return known | own


def _folded(word: str) -> str:
    return "".join(word.upper().replace("￥", "¥").replace("＄", "$").split())


def code_of(column: str, settings: Settings) -> str:
    """Return the SQL of the ISO code a cell means, also beside an amount (US$ 1,200).

    What nobody knows stays as written; digits alone mean no currency.
    """
    bare = f"regexp_replace({column}, '([0-9.])[eE]([-+]?[0-9])', '\\1\\2', 'g')"
    sign = f"regexp_replace(translate({bare}, '￥＄', '¥$'), '[\\pN\\pP\\pZ\\s+万亿]', '', 'g')"
    folded = f"upper({sign})"
    cases = "".join(
        f" WHEN '{word.replace(chr(39), chr(39) * 2)}' THEN '{code}'"
        for word, code in words(settings).items()
    )
    return f"CASE {folded} WHEN '' THEN NULL{cases} ELSE {folded} END"


def codes_of(
    db: duckdb.DuckDBPyConnection, column: str, source: str, settings: Settings
) -> dict[str, str | None] | None:
    """Return the code of each different cell of a column; None where there are too many."""
    found = db.execute(
        f"SELECT cell, {code_of('cell', settings)} FROM (SELECT DISTINCT {column} AS cell "
        f"FROM {source} WHERE {column} IS NOT NULL LIMIT {_MOST_CELLS + 1})"
    ).fetchall()
    return dict(found) if len(found) <= _MOST_CELLS else None


def looked_up(column: str, codes: Mapping[str, str | None] | None, settings: Settings) -> str:
    """Return the SQL of the code of a cell whose column holds `codes`; else as `code_of`."""
    if codes is None:
        return code_of(column, settings)
    cases = "".join(
        f" WHEN {_literal(cell)} THEN {_literal(code)}" for cell, code in codes.items() if code
    )
    return f"CASE {column}{cases} END" if cases else "NULL::VARCHAR"


def all_reported(codes: Mapping[str, str | None] | None, settings: Settings) -> bool:
    """Tell whether every amount is in the reporting currency already."""
    home = (None, settings.company.currency)
    return codes is not None and all(code in home for code in codes.values())


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def prepare(db: duckdb.DuckDBPyConnection, settings: Settings, source: str) -> None:
    """Make the table of rates; `source` is the SQL of `fx_rates`, "" where there is none.

    `monthly`: the mean over the calendar days of a month of the rate in force; days before the
    first rate do not count, days after the last have the last.
    """
    db.execute(f"CREATE OR REPLACE TABLE {RATES} (__code VARCHAR, __since DATE, __rate DOUBLE)")
    if not source or settings.fx.policy not in DATED:
        return
    db.execute(
        f"INSERT INTO {RATES} SELECT {code_of('currency', settings)} AS code, rate_on, max(rate) "
        f"FROM {source} WHERE rate > 0 GROUP BY ALL"
    )
    if settings.fx.policy == "monthly":
        db.execute(
            f"""CREATE OR REPLACE TABLE {RATES} AS
            WITH months AS (
                SELECT DISTINCT __code, unnest([date_trunc('month', __since),
                    date_trunc('month', __since) + INTERVAL 1 MONTH])::DATE AS month
                FROM {RATES}
            ), days AS (
                SELECT __code, month, unnest(generate_series(month::TIMESTAMP,
                    month + INTERVAL 1 MONTH - INTERVAL 1 DAY, INTERVAL 1 DAY))::DATE AS day
                FROM months
            )
            SELECT d.__code, d.month AS __since, avg(r.__rate) AS __rate FROM days d
            ASOF JOIN {RATES} r ON r.__code = d.__code AND d.day >= r.__since GROUP BY ALL"""
        )


def reporting_money(amount: str, currency: str, day: str, settings: Settings) -> str:
    """Return the SQL of `amount` in reporting currency on `day`; missing where no rate is known.

    Parameters
    ----------
    amount, currency, day
        SQL expressions; `day` matters to dated policies only. A missing currency is the
        reporting currency.
    """
    return coded_money(amount, code_of(currency, settings), day, settings)


def coded_money(amount: str, code: str, day: str, settings: Settings) -> str:
    """Return the SQL of `amount` in reporting currency, where `code` is the SQL of its ISO code."""
    base = settings.company.currency
    own = f"({code}) IS NULL OR ({code}) = '{base}'"
    if settings.fx.policy in DATED:
        found = (
            f"(SELECT arg_max(__rate, __since) FROM {RATES} "
            f"WHERE __code = ({code}) AND __since <= CAST({day} AS DATE))"
        )
        return f"CASE WHEN {own} THEN {amount} ELSE {amount} * {found} END"
    rates = settings.fx.rates if settings.fx.policy == "constant" else {}
    cases = "".join(f" WHEN '{code}' THEN {amount} * {rate!r}" for code, rate in rates.items())
    other = f"CASE {code}{cases} END" if cases else "NULL"
    return f"CASE WHEN {own} THEN {amount} ELSE {other} END"


def says_currency(settings: Settings) -> bool:
    """Tell whether the company says itself in which currency it reports."""
    return "currency" in settings.company.model_fields_set


def is_only(db: duckdb.DuckDBPyConnection, source: str, code: str, amount: str, name: str) -> bool:
    """Tell whether all amounts of `source` are in the currency `name`; `code`, `amount` are SQL."""
    other = f"{amount} IS NOT NULL AND ({code}) IS DISTINCT FROM '{name}'"
    return not db.execute(f"SELECT 1 FROM {source} WHERE {other} LIMIT 1").fetchall()


def untold(settings: Settings, *, named: bool) -> list[str]:
    """Return the warning that neither amounts nor the company name a currency, if it is so."""
    if named or says_currency(settings):
        return []
    base = settings.company.currency
    return [
        f"no amount names its currency: all are taken as {base}; "
        f'if they are not, write in {FILE_NAME}, [company] currency = "USD"'
    ]


def closing_day(closed: str, is_open: str, today: str) -> str:
    """Return the SQL of the day whose rate a deal takes: its closing, while it is open `today`."""
    return f"CASE WHEN {is_open} THEN {today} ELSE {closed} END"


def missing_rate(
    what: str, count: int, code: str, settings: Settings, *, alone: bool = False
) -> str:
    """Return the warning about amounts without a rate: how many, which currency, the remedy.

    `alone`: no amount is in any other currency, so that a company that has not said which it
    reports in means this one.
    """
    base = settings.company.currency
    remedy = {
        "constant": f"give a rate in {FILE_NAME}, [fx.rates] {code} = …",
        "refuse": f"fx.policy is 'refuse'; choose another in {FILE_NAME}",
    }.get(settings.fx.policy, f"add a {code} rate of that day or before to the table fx_rates")
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        remedy = f"say which currency it is in {FILE_NAME}, [fx.words] {code!r} = 'USD'"
    elif alone and not says_currency(settings):
        remedy = f'no amount is in another: write in {FILE_NAME}, [company] currency = "{code}"'
    held = f"1 {what.removesuffix('s')} in {code} has" if count == 1 else (
        f"{count:,} {what} in {code} have"
    )  # fmt: skip
    return f"{held} no amount in {base}: {remedy}"
