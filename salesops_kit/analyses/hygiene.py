"""Records of customers and contacts that are hard to use: incomplete, doubled, misspelt, misrouted.

Every rule is general and says what it compares with; nothing is corrected. A record is only the
double of an older one: the oldest of a group is left alone.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import narwhals.stable.v2 as nw

from salesops_kit.analyses.spellings import (
    COUNTRY_ALIASES,
    email_pattern,
    folded,
    mistyped_country,
    typing_errors,
)
from salesops_kit.findings import Severity
from salesops_kit.workspace import Workspace

Frame = nw.LazyFrame[Any]
Condition = tuple[str, str, Frame, nw.Expr, Severity]

# columns without which a record is of little use; (table, column) → name of the defect
_MISSING = {
    ("accounts", "domain"): "account_no_domain",
    ("accounts", "industry"): "account_no_industry",
    ("accounts", "owner_id"): "account_no_owner",
    ("contacts", "email"): "contact_no_email",
    ("contacts", "country"): "contact_no_country",
    ("contacts", "lifecycle"): "contact_no_lifecycle",
    ("contacts", "owner_id"): "contact_no_owner",
    ("leads", "source"): "lead_no_source",
    ("leads", "owner_id"): "lead_no_owner",
}
_SPELT = (("contacts", "country"), ("accounts", "country"), ("accounts", "industry"),
          ("leads", "source"), ("deals", "source"), ("deals", "region"))  # fmt: skip
_ROUTED = (("contacts", "country"), ("accounts", "country"), ("leads", "region"),
           ("deals", "region"))  # fmt: skip
RECORD_KINDS = frozenset(
    [*_MISSING.values(), "contact_email_invalid", "contact_email_untidy", "contact_email_role",
     "contact_email_double", "account_domain_double", "account_name_variant", "contact_quiet",
     "deal_quiet", "lost_without_amount", "no_expected_close"]
    + [f"{table}_{column}_spelling" for table, column in _SPELT]
    + [f"{table}_{column}_routing" for table, column in _ROUTED]
)  # fmt: skip
_TWIN_DAYS = 30
_MOSTLY_FILLED = 0.3  # a column that hardly anybody fills is not used, not forgotten
_ROLE_WORDS = """
info information sales sale support admin administrator office contact contactus hello service
services customerservice customercare care help helpdesk mail email team marketing hr it jobs
careers career recruiting recruitment talent billing accounts accounting accountspayable finance
invoice invoices payments payroll noreply no-reply donotreply do-not-reply postmaster webmaster
hostmaster root abuse security privacy legal compliance press media news newsletter enquiries
enquiry inquiry inquiries purchasing procurement orders order booking bookings reservations
reception frontdesk general feedback partners partnerships events operations ops export import
logistics shipping warehouse kontakt vertrieb einkauf buchhaltung ventas compras contacto contato
kefu xiaoshou caigou caiwu renshi shichang shouhou bangongshi xingzheng zhaopin
"""
_BRANCHES = "cn|hk|us|uk|eu|de|fr|jp|sg|au|apac|emea"
_COMPANY_WORDS = (r"\b(inc|incorporated|llc|ltd|limited|co|corp|corporation|company|gmbh|ag|sa|"
                  r"sarl|plc|pty|bv|group|holdings?)\b\.?|（.*?）|\(.*?\)|股份有限公司|有限责任公司|"
                  r"有限公司|集团|公司")  # fmt: skip
# routing: an owner is at home where he has a good part of his own or of everybody's records
_RARE_FOR_OWNER, _RARE_IN_PLACE = 0.10, 0.20
_FEWEST_OF_OWNER, _FEWEST_IN_PLACE = 15, 5


def record_conditions(workspace: Workspace, last_day: int) -> list[Condition]:
    """Return every check as (name, table, rows that can have it, condition, severity)."""
    found: list[Condition] = []
    for table in ("accounts", "contacts", "leads", "deals"):
        if workspace.has(table):
            frame = workspace.raw(table)
            have = frozenset(frame.collect_schema().names())
            found += [
                *_missing(table, frame, have),
                *_spelling(table, frame, have),
                *_routing(table, frame, have),
            ]
    found += [*_emails(workspace), *_doubles(workspace), *_quiet(workspace, last_day)]
    return found


def _missing(table: str, frame: Frame, have: frozenset[str]) -> Iterator[Condition]:
    for (of, column), name in _MISSING.items():
        if (
            of == table
            and column in have
            and _share(frame, ~nw.col(column).is_null()) >= (_MOSTLY_FILLED)
        ):
            yield name, table, frame, nw.col(column).is_null(), "note"


def _share(frame: Frame, condition: nw.Expr) -> float:
    marked = frame.select(hit=condition.cast(nw.Float64).fill_null(0.0))
    value = marked.select(nw.col("hit").mean()).collect(backend="pandas").to_native().iloc[0, 0]
    return 0.0 if value is None or value != value else float(value)


def _values(frame: Frame, *columns: str) -> list[tuple[Any, ...]]:
    """Return the distinct values with their number, most frequent first."""
    known = frame.filter(~nw.any_horizontal(*(nw.col(c).is_null() for c in columns),
                                            ignore_nulls=True))  # fmt: skip
    counts = known.with_columns(rows=nw.lit(1)).group_by(*columns).agg(nw.col("rows").sum())
    table = counts.collect(backend="pandas").to_native()
    table = table.sort_values(["rows", *columns], ascending=[False, *[True] * len(columns)])
    return list(table[[*columns, "rows"]].itertuples(index=False, name=None))


def canonical_value(column: str, value: str) -> str:
    """Fold a spelling, as `folded` does; known names of one country become one."""
    plain = folded(value)
    return COUNTRY_ALIASES.get(plain, plain) if column == "country" else plain


def _spelling(table: str, frame: Frame, have: frozenset[str]) -> Iterator[Condition]:
    """Find values that are a rarer spelling of a more frequent one."""
    for of, column in _SPELT:
        if of != table or column not in have:
            continue
        odd = _odd_spellings(column, _values(frame, column)[:2000])
        wrong = nw.col(column).is_in(odd) if odd else _never(column)
        known = frame.filter(~nw.col(column).is_null())
        yield f"{table}_{column}_spelling", table, known, wrong, "note"


def _odd_spellings(column: str, values: Sequence[tuple[Any, ...]]) -> list[str]:
    """Return the values that a more frequent one, earlier in the list, spells otherwise."""
    usual: dict[str, str] = {}
    rows_of: dict[str, int] = {}
    odd = []
    for value, rows in values:
        word = canonical_value(column, str(value))
        slip = column == "country" and mistyped_country(word, rows, rows_of)
        if slip or usual.setdefault(word, value) != value:
            odd.append(value)
        else:
            rows_of[word] = rows
    return odd


def _routing(table: str, frame: Frame, have: frozenset[str]) -> Iterator[Condition]:
    """Find records of a place where their owner hardly works and others do."""
    for of, column in _ROUTED:
        owner = next((c for c in ("owner_id", "owner_name") if c in have), "")
        if of != table or column not in have or not owner:
            continue
        counts = [(o, v, canonical_value(column, str(v)), n) for o, v, n in
                  _values(frame, owner, column)]  # fmt: skip
        strange = _strangers(counts)
        key = nw.concat_str([nw.col(owner), nw.col(column)], separator="\x1f")
        wrong = key.is_in([f"{o}\x1f{v}" for o, v in strange]) if strange else _never(column)
        known = frame.filter(~nw.col(column).is_null() & ~nw.col(owner).is_null())
        yield f"{table}_{column}_routing", table, known, wrong, "note"


def _never(column: str) -> nw.Expr:
    return nw.col(column).is_null() & ~nw.col(column).is_null()


def _strangers(counts: Sequence[tuple[str, str, str, int]]) -> list[tuple[str, str]]:
    """Pairs of owner and place that are rare for the owner and in the place alike."""
    owners: dict[str, int] = {}
    places: dict[str, int] = {}
    pairs: dict[tuple[str, str], int] = {}
    for owner, _, place, rows in counts:
        owners[owner] = owners.get(owner, 0) + rows
        places[place] = places.get(place, 0) + rows
        pairs[owner, place] = pairs.get((owner, place), 0) + rows
    return [
        (owner, value)
        for owner, value, place, _ in counts
        if owners[owner] >= _FEWEST_OF_OWNER
        and places[place] >= _FEWEST_IN_PLACE
        and pairs[owner, place] < _RARE_FOR_OWNER * owners[owner]
        and pairs[owner, place] < _RARE_IN_PLACE * places[place]
    ]


def _emails(workspace: Workspace) -> Iterator[Condition]:
    if not workspace.has("contacts"):
        return
    frame = workspace.raw("contacts")
    if "email" not in frame.collect_schema().names():
        return
    known = frame.filter(~nw.col("email").is_null()).with_columns(
        folded=nw.col("email").str.strip_chars().str.to_lowercase()
    )
    plain = nw.col("folded")
    broken = ~plain.str.contains(email_pattern()) | plain.str.contains(typing_errors())
    yield "contact_email_invalid", "contacts", known, broken, "warning"
    role = plain.str.contains(f"^({'|'.join(_ROLE_WORDS.split())})([._-]({_BRANCHES}))?[0-9]*@")
    yield "contact_email_role", "contacts", known, role, "note"
    doubled = numbered(known, "contact_id", "folded")
    again = nw.col("number") > 1
    yield "contact_email_double", "contacts", doubled, again, "warning"
    # a double is merged, not tidied
    yield "contact_email_untidy", "contacts", doubled, ~again & (nw.col("email") != plain), "note"


def numbered(frame: Frame, key: str, *same: str) -> Frame:
    """Give records that are alike a number, 1 for the oldest; shorter ids are older."""
    ordered = frame.with_columns(id_length=nw.col(key).str.len_chars(), one=nw.lit(1))
    number = nw.col("one").cum_sum().over(*same, order_by=["id_length", key])
    return ordered.with_columns(number=number)


def twins(deals: Frame) -> tuple[Frame, nw.Expr]:
    """Return the deals that can be doubles, and the condition that one is.

    A double has name, account and amount of an older deal and was created within thirty days of
    it: a renewal a year later is none.
    """
    keys = ("name", "account_id", "amount")
    known = nw.all_horizontal(*(~nw.col(k).is_null() for k in keys), ignore_nulls=False)
    counted = numbered(deals.filter(known), "deal_id", *keys)
    since = (nw.col("created_day") - nw.col("created_day").min().over(*keys)).alias("since_first")
    near = nw.col("since_first").is_null() | (nw.col("since_first") <= _TWIN_DAYS)
    return counted.with_columns(since), (nw.col("number") > 1) & near


def _doubles(workspace: Workspace) -> Iterator[Condition]:
    """Find accounts of a domain that an older one has, or of its name in another legal form."""
    if not workspace.has("accounts"):
        return
    frame = workspace.raw("accounts")
    if not {"name", "domain"} <= set(frame.collect_schema().names()):
        return
    plain = frame.with_columns(
        folded_domain=nw.col("domain").str.to_lowercase().str.replace_all(
            r"^(https?://)?(www\.)?|/.*$", ""),
        folded_name=nw.col("name").str.to_lowercase()
        .str.replace_all(_COMPANY_WORDS, "").str.replace_all(r"[\s,.&'\-]+", ""),
    )  # fmt: skip
    same = plain.filter(~nw.col("folded_domain").is_null())
    doubled = numbered(same, "account_id", "folded_domain")
    yield "account_domain_double", "accounts", doubled, nw.col("number") > 1, "warning"
    known = doubled.filter(nw.col("number") > 1).select("account_id").with_columns(known=nw.lit(1))
    first = plain.join(known, on="account_id", how="left").filter(nw.col("known").is_null())
    named = first.filter(nw.col("folded_name").str.len_chars() > 2)
    variants = numbered(named, "account_id", "folded_name")
    yield "account_name_variant", "accounts", variants, nw.col("number") > 1, "note"


def _quiet(workspace: Workspace, last_day: int) -> Iterator[Condition]:
    """Find open deals and contacts that nobody has been in touch with for long."""
    limits = workspace.settings.thresholds
    for table, days, name in (
        ("contacts", limits.quiet_contact_days, "contact_quiet"),
        ("deals", limits.quiet_deal_days, "deal_quiet"),
    ):
        if not workspace.has(table):
            continue
        frame = workspace.raw(table)
        if "last_activity_day" not in frame.collect_schema().names():
            continue
        known = frame.filter(~nw.col("last_activity_day").is_null())
        if table == "deals":
            known = known.filter(nw.col("status") == "open")
        yield name, table, known, last_day - nw.col("last_activity_day") > days, "note"
