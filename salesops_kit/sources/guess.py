"""Propose how files the kit has never seen map to the canonical model, with a reason per line.

Names are compared with every header any dialect knows, in both languages; values must look like
what the column holds. What is sure is written out, what is doubtful is commented out and asked
about, what is left is named. A person confirms; nothing is guessed silently.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from functools import cache
from pathlib import Path

import duckdb

from salesops_kit import schema
from salesops_kit.errors import DataError
from salesops_kit.settings import Settings
from salesops_kit.sources import values
from salesops_kit.sources.importer import DIALECTS
from salesops_kit.sources.mapping import all_columns, fold_header
from salesops_kit.sources.stages import StageMap
from salesops_kit.sources.tabular import Sheet, discover, open_sheets, relation

SURE, DOUBTFUL = 0.75, 0.5
_ID_ENDS = ("id", "no", "编号", "号码", "单号", "code", "number")
# end like ids, and every row may have another; two customers may share a phone, though
_NO_ID = re.compile(r"phone|mobile|fax|\btel|电话|手机|传真|paid$|valid$")
_SAMPLE = 2_000
_DISTINCT_LABELS = 40
_TABLES = ("deals", "stage_history", "accounts", "contacts", "leads", "activities", "reps",
           "products", "deal_lines", "orders", "payments", "targets", "feedback")  # fmt: skip
# words of files and headers that no dialect uses
_FILE_WORDS: Mapping[str, str] = {
    "deals": "deal opportunit pipeline potential closed_deals 商机 机会",
    "leads": "lead prospect mql enquir 线索",
    "accounts": "account compan customer client seller firm 客户 公司",
    "contacts": "contact person people 联系人",
    "reps": "rep user owner agent team seller_team salespeople sdr 销售人员 人员 员工",
    "products": "product item sku 产品 商品",
    "orders": "order invoice sales transaction superstore retail 订单 超市 销售",
    "payments": "payment receipt 回款 付款",
    "activities": "activit call meeting visit task 活动 拜访 记录",
    "feedback": "feedback survey review tweet ticket comment 反馈 评价 评论",
    "targets": "target quota goal 目标",
    "stage_history": "history stage_change 阶段变更 历史",
}
_MORE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "deals": {
        "deal_id": ("opportunity_id", "opp_id", "deal_no", "商机编号", "机会编号"),
        "owner_name": ("sales_agent", "salesperson", "rep", "sales_rep", "销售", "业务员"),
        "account_name": ("account", "customer", "client", "company", "客户", "公司"),
        "closed_at": ("close_date", "won_date", "closed", "成交时间", "签约日期"),
        "created_at": ("engage_date", "opened", "start_date", "创建日期", "立项日期"),
        "amount_source": ("close_value", "deal_value", "value", "revenue", "金额", "合同金额"),
        "stage_label": ("deal_stage", "opportunity_result", "status", "result", "阶段", "状态"),
        "product": ("product", "supplies_group", "产品"),
        "region": ("region", "territory", "地区", "区域", "大区"),
        "source": ("lead_source", "origin", "route_to_market", "来源", "渠道来源"),
        "segment": ("business_segment", "client_size", "segment", "客户规模"),
    },
    "leads": {
        "lead_id": ("mql_id", "prospect_id", "lead_number", "线索编号"),
        "created_at": ("first_contact_date", "received", "日期"),
        "source": ("origin", "lead_origin", "lead_source", "来源"),
        "channel": ("landing_page_id", "campaign", "活动"),
        "is_converted": ("converted", "是否转化"),
    },
    "accounts": {
        "name": ("account", "customer", "client", "客户名称", "公司名称"),
        "industry": ("sector", "industry", "行业"),
        "country": ("office_location", "country", "国家"),
        "annual_revenue": ("revenue", "annual_revenue"),
        "employees": ("employees", "headcount"),
        "parent_id": ("subsidiary_of", "parent"),
    },
    "reps": {
        "name": ("sales_agent", "agent", "rep", "销售人员", "姓名"),
        "team": ("manager", "team", "sales_team", "团队"),
        "region": ("regional_office", "region", "地区", "区域"),
    },
    "products": {"name": ("product", "产品名称"), "category": ("series", "sub-category", "类别"),
                 "list_price": ("sales_price", "price", "单价")},
    "orders": {
        "order_id": ("order id", "invoiceno", "invoice", "订单 id", "订单id"),
        "ordered_at": ("order date", "invoicedate", "订单日期"),
        "amount": ("sales", "amount", "销售额"),
        "quantity": ("quantity", "qty", "数量"),
        "product": ("product name", "description", "产品名称"),
        "account_id": ("customer id", "customerid", "客户 id", "客户id"),
        "account_name": ("customer name", "客户名称"),
        "delivered_on": ("ship date", "发货日期"),
    },
    "feedback": {"text": ("text", "review", "comment", "评论", "内容"),
                 "answered_at": ("tweet_created", "date", "created"),
                 "score": ("rating", "score", "stars", "评分")},
}  # fmt: skip
# without these a table cannot be what it seems
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "stage_history": ("entered_at",), "activities": ("happened_at",), "payments": ("amount",),
    "targets": ("target",), "deal_lines": ("amount", "quantity"), "reps": ("rep_id", "name"),
    "orders": ("ordered_at", "amount"),
    "deals": ("deal_id", "name", "stage_label", "amount_source"),
}  # fmt: skip
# keys that the import makes up itself, or that other columns stand for
_NUMBERED = ("activity_id", "line_id", "deal_id", "period_start_on")
_FITS: Mapping[str, tuple[str, ...]] = {
    "date": ("datetime",), "datetime": ("datetime",), "money": ("number",), "number": ("number",),
    "integer": ("number",), "share": ("number",), "boolean": ("boolean",),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One proposed column: header, confidence 0-1, and why."""

    column: str
    header: str
    confidence: float
    reason: str
    others: tuple[str, ...] = ()


@dataclass
class FileGuess:
    """What is proposed for one sheet; `table` is "" when it is nothing the kit knows."""

    file: str
    sheet: str
    table: str
    reason: str
    lines: list[Line] = field(default_factory=list)
    constants: list[Line] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Profile:
    """What a column's values look like, over a sample."""

    header: str
    filled: float
    distinct: float
    kinds: Mapping[str, float]

    def fits(self, kind: str) -> float:
        """Share of filled cells that a column of this kind could hold; 1 for text."""
        wanted = _FITS.get(kind)
        return max((self.kinds[k] for k in wanted), default=0.0) if wanted else 1.0


def known_dialect(path: Path) -> tuple[str, str]:
    """Return the dialect whose file and header names fit best, and the evidence; "" for none."""
    best = ("", "", 0.0)
    names = [p.name for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file()]
    headers = {fold_header(h) for sheet in _sheets(path) for h in sheet.header}
    for name, dialect in DIALECTS.items():
        if name == "tables" or not headers:
            continue
        own = {fold_header(a) for t in dialect.columns.values() for c in t.values() for a in c}
        own |= {fold_header(h) for h in dialect.ignored}
        share = len(headers & own) / len(headers)
        if share > best[2]:
            best = (name, f"{len(headers & own)} of {len(headers)} headers are its own", share)
    return (best[0], best[1]) if best[2] >= 0.8 and names else ("", "")


def propose(path: Path, settings: Settings | None = None) -> list[FileGuess]:
    """Propose a mapping for every readable sheet of a folder or file.

    Raises
    ------
    DataError
        When nothing readable is found.
    """
    found = []
    for sheet in _sheets(path):
        db = duckdb.connect()
        profiles = [p for p in _profiles(db, sheet) if p.header]
        guess = _best_table(sheet, profiles)
        if guess.table in ("deals", "stage_history"):
            _add_labels(db, sheet, guess, settings or Settings())
        found.append(guess)
        db.close()
    if not found:
        raise DataError(f"{path} holds no file that can be read as a table")
    return found


def _sheets(path: Path) -> Iterator[Sheet]:
    import tempfile

    files, _ = discover(path)
    root = path if path.is_dir() else path.parent
    with tempfile.TemporaryDirectory() as scratch:
        for file in files:
            try:
                yield from open_sheets(file, file.relative_to(root).as_posix(), Path(scratch))
            except DataError:
                continue


def _profiles(db: duckdb.DuckDBPyConnection, sheet: Sheet) -> list[_Profile]:
    reading = values.Reading(thorough=True, date_order="day_first")
    other = replace(reading, date_order="month_first")
    source = f"(SELECT * FROM {relation(sheet)} LIMIT {_SAMPLE})"
    found = []
    for place, header in enumerate(sheet.header):
        text = f"c{place}"
        there = f"NOT {values.is_missing(text)}"
        moment = (
            f"coalesce({values.moment(text, reading)}, {values.moment(text, other)}) IS NOT NULL "
            f"AND NOT regexp_full_match({text}, '\\d{{1,12}}(\\.\\d+)?')"
        )
        row = db.execute(
            f"SELECT count(*), count(*) FILTER ({there}), count(DISTINCT {text}), "
            f"count(*) FILTER ({there} AND {moment}), "
            f"count(*) FILTER ({there} AND {values.number(text)} IS NOT NULL), "
            f"count(*) FILTER ({there} AND {values.parsed(text, 'boolean', reading)} IS NOT NULL) "
            f"FROM {source}"
        ).fetchone()
        rows, filled, distinct, moments, numbers, flags = row or (0,) * 6
        base = max(filled, 1)
        kinds = {"datetime": moments / base, "number": numbers / base, "boolean": flags / base}
        found.append(_Profile(header, filled / max(rows, 1), distinct / base, kinds))
    return found


@cache
def _vocabulary(table: str) -> dict[str, tuple[str, ...]]:
    """Every header that means a column of the table, folded; the table's own names first."""
    words: dict[str, list[str]] = {name: [] for name in all_columns(table)}
    renamed = {"stage_label": "stage", "amount_source": "amount"}
    for name, known in words.items():
        known += [fold_header(name), fold_header(renamed.get(name, name))]
        known += [fold_header(w) for w in _MORE.get(table, {}).get(name, ())]
        for dialect in DIALECTS.values():
            known += [fold_header(w) for w in dialect.columns.get(table, {}).get(name, ())]
    return {name: tuple(dict.fromkeys(known)) for name, known in words.items()}


def _score(table: str, column: str, profile: _Profile) -> tuple[float, str]:
    """Return how well a header and its values fit a column, and why."""
    header = fold_header(profile.header)
    words = _vocabulary(table)[column]
    named, reason = 0.0, ""
    if header in words:
        named, reason = 0.95 - 0.02 * min(words.index(header), 5), "a known name of it"
    else:
        like = max(words, key=lambda w: SequenceMatcher(None, header, w).ratio(), default="")
        ratio = SequenceMatcher(None, header, like).ratio() if like else 0.0
        parts = set(profile.header.casefold().replace("_", " ").split())
        contained = bool(like) and len(like) > 3 and (like in header or like in parts)
        named = max(ratio * 0.75 if ratio > 0.8 else 0.0, 0.55 if contained else 0.0)
        reason = f"its name is like {like!r}"
    if not named:
        return 0.0, ""
    kind = all_columns(table)[column].type
    fit = profile.fits(kind)
    if kind != "boolean" and profile.kinds["boolean"] > 0.9 and profile.kinds["number"] < 0.9:
        return named * 0.5, f"{reason}, but its values are yes and no"
    if profile.filled and fit < 0.8:
        return named * fit * 0.5, f"{reason}, but only {fit:.0%} of its values are a {kind}"
    seen = {"datetime": "dates", "date": "dates", "money": "amounts"}.get(kind, "")
    return named, f"{reason}; its values are {seen}" if seen and profile.filled else reason


def _best_table(sheet: Sheet, profiles: Sequence[_Profile]) -> FileGuess:
    scored = [
        (table, lines, total)
        for table in _TABLES
        for lines, total in [_assigned(table, profiles)]
        if any(line.column in _NEEDED.get(table, (line.column,)) for line in lines)
    ]
    name = fold_header(f"{Path(sheet.file).stem} {sheet.sheet}")
    ranked = []
    for table, lines, total in scored:
        told = any(fold_header(w) in name for w in _FILE_WORDS.get(table, "").split())
        key = schema.TABLES[table].key[0]
        has_key = any(line.column == key for line in lines)
        share = total / max(len(profiles), 1)
        ranked.append((share + 0.35 * told + 0.1 * has_key, table, lines, told))
    ranked.sort(key=lambda item: -item[0])
    points, table, lines, told = ranked[0] if ranked else (0.0, "", [], False)
    if points < 0.3 or not lines:
        return FileGuess(sheet.file, sheet.sheet, "", "neither its name nor its columns are known",
                         left=[p.header for p in profiles])  # fmt: skip
    reason = f"{len(lines)} of {len(profiles)} columns fit"
    reason += ", and so does its name" if told else ""
    lines = _with_key(table, lines, profiles)
    needed = schema.TABLES[table].key[0]
    if needed not in _NUMBERED and not any(line.column == needed for line in lines):
        reason = f"it looks like {table}, but no column tells its rows apart ({needed})"
        return FileGuess(sheet.file, sheet.sheet, "", reason,
                         left=[p.header for p in profiles])  # fmt: skip
    used = {line.header for line in lines}
    return FileGuess(sheet.file, sheet.sheet, table, reason, lines,
                     left=[p.header for p in profiles if p.header not in used])  # fmt: skip


def _with_key(table: str, lines: list[Line], profiles: Sequence[_Profile]) -> list[Line]:
    """Add the key where no header names it: a column of its own values, else the name."""
    key = schema.TABLES[table].key[0]
    if any(line.column == key for line in lines) or not key.endswith("_id"):
        return lines
    name = next((line for line in lines if line.column == "name"), None)
    used = {line.header for line in lines if line is not name}
    alone = [p for p in profiles if p.header not in used and p.filled > 0.99 and p.distinct > 0.99]
    named = [p for p in alone if fold_header(p.header).endswith(_ID_ENDS)
             and not _NO_ID.search(fold_header(p.header))]  # fmt: skip
    if named:
        reason = "every row has another value, and it is called an id"
        return [Line(key, named[0].header, SURE, reason), *lines]
    if name is None:
        return lines
    return [Line(key, name.header, SURE, "there is no id: the name stands for it"), *lines]


def _assigned(table: str, profiles: Sequence[_Profile]) -> tuple[list[Line], float]:
    """Give each column of the table its best header, each header to one column."""
    every = [
        (points, column, profile.header, reason)
        for column in all_columns(table)
        for profile in profiles
        for points, reason in [_score(table, column, profile)]
        if points >= 0.3
    ]
    every.sort(key=lambda item: -item[0])
    lines: list[Line] = []
    columns, headers = set(), set()
    for points, column, header, reason in every:
        if column in columns or header in headers:
            continue
        columns.add(column)
        headers.add(header)
        rivals = tuple(
            h for p, c, h, _ in every if c == column and h != header and p > points - 0.1
        )
        lines.append(Line(column, header, round(points, 2), reason, rivals[:3]))
    order = list(all_columns(table))
    lines.sort(key=lambda line: order.index(line.column))
    return lines, sum(line.confidence for line in lines)


def _add_labels(
    db: duckdb.DuckDBPyConnection, sheet: Sheet, guess: FileGuess, settings: Settings
) -> None:
    """Name the stage labels nobody knows, and what a deals table lacks."""
    stage = next((line for line in guess.lines if line.column == "stage_label"), None)
    if stage is None:
        if guess.table == "deals":
            reason = "no column tells the stage; right only if every row is a won deal"
            guess.constants.append(Line("stage", "won", DOUBTFUL, reason))
        return
    text = f"c{sheet.header.index(stage.header)}"
    rows = db.execute(
        f"SELECT trim({text}), count(*) FROM {relation(sheet)} WHERE NOT {values.is_missing(text)} "
        f"GROUP BY 1 ORDER BY 2 DESC LIMIT {_DISTINCT_LABELS}"
    ).fetchall()
    stages = StageMap(settings, {})
    guess.labels = [label for label, _ in rows if stages.find("", label) is None]


def written(guesses: Sequence[FileGuess], accepted: Sequence[Line] | None = None) -> str:
    """Return the mapping file: sure lines as they are, doubtful ones commented out.

    `accepted` are doubtful lines that a person confirmed.
    """
    yes = {(line.column, line.header) for line in accepted or ()}
    parts = [
        "# Proposed by `salesops map`; read it, then: salesops import tables PATH --mapping …\n"
    ]
    labels: list[str] = []
    for guess in guesses:
        if not guess.table:
            parts.append(f"# {guess.file}: left out; {guess.reason}\n")
            continue
        parts.append(_entry(guess, yes))
        labels += [label for label in guess.labels if label not in labels]
    if labels:
        unknown = "".join(f'# "{label}" = "STAGE"\n' for label in labels)
        told = (
            "# stages nobody knows; in salesops.toml say which stage each is:\n# [stage_labels]\n"
        )
        parts.append(told + unknown)
    return "\n".join(parts)


def _entry(guess: FileGuess, yes: set[tuple[str, str]]) -> str:
    lines = [f"# {guess.reason}", "[[files]]", f"path = {_quoted(guess.file)}"]
    lines += [f"sheet = {_quoted(guess.sheet)}"] if guess.sheet else []
    lines += [f'table = "{guess.table}"', "[files.columns]"]
    renamed = {"stage_label": "stage", "amount_source": "amount"}
    for line in guess.lines:
        if line.confidence < DOUBTFUL and (line.column, line.header) not in yes:
            continue
        sure = line.confidence >= SURE or (line.column, line.header) in yes
        others = f"; also possible: {', '.join(line.others)}" if line.others else ""
        name = renamed.get(line.column, line.column)
        lines.append(f"{'' if sure else '# '}{name} = {_quoted(line.header)}"
                     f"  # {line.confidence:.2f}: {line.reason}{others}")  # fmt: skip
    if guess.constants:
        lines.append("[files.constants]")
    for line in guess.constants:
        mark = "" if (line.column, line.header) in yes else "# "
        lines.append(f"{mark}{line.column} = {_quoted(line.header)}  # {line.reason}")
    if guess.left:
        lines.append(f"# not mapped: {', '.join(guess.left)}")
    lines += [f"# {note}" for note in guess.notes]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def doubtful(guesses: Sequence[FileGuess]) -> list[tuple[FileGuess, Line]]:
    """Return the lines a person should be asked about."""
    return [
        (guess, line)
        for guess in guesses
        for line in (*guess.lines, *guess.constants)
        if guess.table and DOUBTFUL <= line.confidence < SURE
    ]
