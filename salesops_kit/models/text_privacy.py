"""Personal data hidden before anybody reads a text: names, numbers, addresses, in both languages.

Rules, not a model: each says what it hides, and a rule that can be checked (the check digit of an
identity or bank card number) is. What stands alone without a title is no name for them; such names
are hidden where they are known, from the tables of contacts and reps.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from salesops_kit.models.text_clean import cleaned, language_of

KINDS = {
    "email": ("[e-mail]", "[邮箱]"),
    "wechat": ("[account]", "[账号]"),
    "id": ("[id number]", "[证件号]"),
    "bank": ("[bank card]", "[银行卡]"),
    "phone": ("[phone]", "[电话]"),
    "plate": ("[plate]", "[车牌]"),
    "address": ("[address]", "[地址]"),
    "name": ("[name]", "[姓名]"),
}
_LISTS = tomllib.loads(
    (Path(__file__).parent / "lexicon" / "privacy.toml").read_text(encoding="utf-8")
)
_FAMILY = "".join(_LISTS["family"].split())
_NOT_NAMES = frozenset(_LISTS["not_names"].split())
_DOUBLE = "欧阳|司马|上官|诸葛|东方|皇甫|尉迟|公孙|慕容|令狐|司徒|夏侯|端木|长孙|宇文"
_TITLES = (
    "先生|女士|小姐|太太|经理|总监|主管|主任|老师|师傅|工程师|董事长|董事|博士|教授|医生|大夫|律师|同志|院长|所长|处长|"
    "科长|部长|店长|老板|厂长|校长|会计|秘书|助理|顾问|阿姨|大姐|大哥|队长|组长"
)
# a name of one character before 工 and 总 is told only where neither is part of a longer word
_SHORT = re.compile(
    rf"(?:(?<![\u4e00-\u9fff])|(?<=[请找叫是让跟和与给的位系问到谢]))(?![施员手应全何农时])[{_FAMILY}]"
    r"(?=(?:工|总)(?:[，。！？,.!?;；、\s]|$|说|来|的电话|和|与|去|给|帮|答应|亲自|联系))"
)
_GIVEN = (
    "[^\\W\\x00-\\u3fff的和了在与上下一是部门不没有里要总就都也很店房家到叫说让给请对这那个我你他她们人员包台面前后去来着过得"
    "地为被把将会可能因所以但及或从至于向时候间副公司务院校班主任售客老女男位名次每想想买卖开关工小装直像谢]"
)


@dataclass(frozen=True)
class Rule:
    """A pattern and what it hides; `group` is the part that is replaced."""

    kind: str
    pattern: re.Pattern[str]
    group: int = 0


_EDGE = r"(?<![0-9０-９A-Za-z])"
_RULES = (
    Rule(
        "email",
        re.compile(
            r"[A-Za-z0-9][\w.+\-]{0,63}\s?[@＠]\s?[A-Za-z0-9\-]{1,63}(?:\.[A-Za-z0-9\-]{1,63}){1,4}",
            re.ASCII,
        ),
    ),
    Rule(
        "wechat",
        re.compile(
            r"(?:微信|薇信|威信|扣扣|钉钉|(?<![A-Za-z])(?:[Vv][Xx]|[Ww]e[Cc]hat|[Ww][Xx]|QQ|qq))"
            r"\s?(?:号码?|ID|id|is|是|为|同|加|[:：]|\s){1,3}\s?([A-Za-z0-9](?=[A-Za-z_\-]{0,18}\d)[A-Za-z0-9_\-]{4,19})",
            re.ASCII,
        ),
        1,
    ),
    Rule(
        "id",
        re.compile(
            rf"{_EDGE}[1-9]\d{{5}}(?:18|19|20)\d{{2}}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{{3}}[\dXx](?![0-9A-Za-z])",
            re.ASCII,
        ),
    ),
    Rule("id", re.compile(r"(?<!\d)(?!000|666)[0-8]\d{2}-\d{2}-\d{4}(?!\d)", re.ASCII)),
    Rule(
        "id",
        re.compile(
            r"(?:passport|护照|身份证|证件|港澳通行证|social security|SSN|ID card|identity card)"
            r"(?:\s*(?:no\.?|number|号码?|编号|is|是|为))*\s*[:：#]?\s*([A-Za-z]{0,2}\d{6,18}[Xx]?)",
            re.ASCII | re.IGNORECASE,
        ),
        1,
    ),
    Rule("bank", re.compile(r"(?<![\dA-Za-z])(?:\d{4}[ \-]?){3}\d{1,7}(?!\d)", re.ASCII)),
    Rule(
        "bank",
        re.compile(
            r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){3,7}(?:\s?[A-Z0-9]{1,3})?(?![A-Za-z0-9])",
            re.ASCII,
        ),
    ),
    Rule(
        "bank",
        re.compile(
            r"(?:account|acct|账号|帐号|账户|卡号|对公户)"
            r"(?:\s*(?:no\.?|number|号码?|is|是|为))*\s*[:：#]?\s*(\d[\d \-]{6,22}\d)",
            re.ASCII | re.IGNORECASE,
        ),
        1,
    ),
    Rule(
        "phone",
        re.compile(r"(?<![\dA-Za-z])(?:\+?86[ \-]?)?1[3-9]\d(?:[ \-]?\d{4}){2}(?!\d)", re.ASCII),
    ),
    Rule(
        "phone",
        re.compile(
            r"(?<![\dA-Za-z])(?:\(0\d{2,3}\)|0\d{2,3})[ \-]?\d{7,8}(?:[ \-转]{1,2}\d{1,5})?(?!\d)",
            re.ASCII,
        ),
    ),
    Rule("phone", re.compile(r"(?<![\dA-Za-z])[48]00[ \-]?\d{3,4}[ \-]?\d{3,4}(?!\d)", re.ASCII)),
    Rule(
        "phone",
        re.compile(
            r"(?<![\w.])\+\d{1,3}[ \-.]?(?:\(\d{1,4}\)[ \-.]?)?\d{1,4}"
            r"(?:[ \-.]?\d{2,4}){2,4}(?!\d)",
            re.ASCII,
        ),
    ),
    Rule(
        "phone",
        re.compile(
            r"(?<![\w.])(?:1[ \-.])?\(?[2-9]\d{2}\)?[ \-.]\d{3}[ \-.]\d{4}"
            r"(?:\s?(?:x|ext\.?)\s?\d{1,5})?(?!\d)",
            re.ASCII,
        ),
    ),
    Rule(
        "phone",
        re.compile(
            r"(?:电话|手机|座机|致电|拨打|联系方式|热线|"
            r"\btel\b|\bphone\b|\bmobile\b|\bcell\b|\bfax\b|\bcall(?: me)?(?: (?:at|on))?)"
            r"(?:\s*(?:no\.?|number|号码?|is|是|为))*\s*[:：]?\s*(\+?\d[\d \-().]{5,18}\d)",
            re.ASCII | re.IGNORECASE,
        ),
        1,
    ),
    Rule(
        "plate",
        re.compile(
            "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][·\\s]?[A-HJ-NP-Z0-9]{5,6}(?![A-Za-z0-9])"
        ),
    ),
    Rule(
        "address",
        re.compile(
            "(?:[\u4e00-\u9fff]{2,7}(?:省|自治区))?(?:[\u4e00-\u9fff]{2,6}市)?(?:[\u4e00-\u9fff]{1,6}[区县])?"
            "[\u4e00-\u9fff]{1,8}(?:路|街|大道|巷|弄|胡同|道)\\s?\\d{1,5}(?:号院?|弄)(?:\\s?\\d{1,4}(?:号楼?|栋|幢|座|单元|室|楼))*"
            "(?:\\s?[A-Za-z\u4e00-\u9fff]{0,8}?(?:大厦|广场|小区|花园|公寓|中心))?(?:\\s?[A-Za-z]?\\d{1,4}(?:号楼?|栋|幢|座|单元|层|室|楼|房))*"
        ),
    ),
    Rule(
        "address",
        re.compile(
            "(?:[\u4e00-\u9fff]{2,6}(?:小区|花园|公寓|家园|苑|新村|大厦))\\s?\\d{1,4}(?:号楼?|栋|幢|座|单元)(?:\\s?\\d{1,4}(?:单元|层|室|号|楼|房))*"
        ),
    ),
    Rule(
        "address",
        re.compile(
            r"(?<![\w.])\d{1,5}[A-Za-z]?\s(?:(?:North|South|East|West|N\.?|S\.?|E\.?|W\.?)\s)?(?:[A-Z][A-Za-z'\-]+\s){1,3}"
            r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Way|Square|Sq|Place|Pl|Terrace|Parkway|Highway)\b\.?"
            r"(?:,?\s(?:Apt|Apartment|Suite|Unit|Floor|Fl|Room|#)\.?\s?\w{1,6})?",
            re.ASCII,
        ),
    ),
)
_CHINESE_NAME = re.compile(
    rf"(?:(?:{_DOUBLE}){_GIVEN}{{0,2}}|[老小]?(?<!谢)[{_FAMILY}]{_GIVEN}{{0,2}}?)(?=(?:{_TITLES}))"
)
_NAMED = re.compile(
    rf"(?:我叫|名叫|姓名[:：是]?\s?|联系人[:：是]?\s?|收件人[:：是]?\s?|名字[叫是])((?:{_DOUBLE}|[{_FAMILY}])[\u4e00-\u9fff]{{1,2}})(?![\u4e00-\u9fff])"
)
_ENGLISH_NAME = re.compile(
    r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sir|Madam|Engineer|Captain)\b\.?\s+((?:[A-Z][a-zA-Z'’\-]+)(?:\s+[A-Z][a-zA-Z'’\-]+){0,2})"
)
_INTRODUCED = re.compile(
    r"\b(?:[Mm]y name is|[Nn]ame is|[Cc]ontact person(?: is)?:?|"
    r"[Aa]sk for|[Ss]igned,?|[Rr]egards,?|[Ss]poke (?:to|with)|[Aa]ttn\.?:?)\s+"
    r"([A-Z][a-zA-Z'’\-]+(?:\s+[A-Z][a-zA-Z'’\-]+){0,2})"
)


def masked(text: object, names: Sequence[str] = ()) -> str:
    """Return a cleaned text with personal data replaced by what it was, such as `[phone]`.

    Hidden are e-mail addresses, WeChat and QQ accounts, identity and passport numbers, bank cards
    and accounts, telephone numbers, licence plates, postal addresses down to the house, and names
    after or before a title, after "my name is" and the like, or given in `names`.

    Parameters
    ----------
    text
        Anything; missing gives "".
    names
        Names known from tables, hidden wherever they stand.

    Examples
    --------
    >>> masked("请联系王建国经理，电话13800138000。")
    '请联系[姓名]经理，电话[电话]。'
    >>> masked("Please call Mr. Smith, +1 415 555 0132 or a.smith@example.com")
    'Please call Mr. [name], [phone] or [e-mail]'
    """
    plain = cleaned(text)
    chinese = language_of(plain) == "zh"
    for rule in _RULES:
        if rule.group or any(sign in plain for sign in "@＠0123456789０１２３４５６７８９"):
            plain = rule.pattern.sub(partial(_hidden, rule=rule, chinese=chinese), plain)
    return _without_names(plain, names, chinese=chinese)


def personal(text: object, hidden: str) -> list[str]:
    """Return the kinds of personal data that were hidden in a text, in its order.

    `hidden`: the text as `masked` returns it.
    """
    plain = cleaned(text)
    return [kind for kind, words in KINDS.items()
            if any(hidden.count(word) > plain.count(word) for word in words)]  # fmt: skip


def _hidden(match: re.Match[str], *, rule: Rule, chinese: bool) -> str:
    whole, part = match.group(0), match.group(rule.group)
    if rule.kind == "bank" and not rule.group and not _is_card(part):
        return whole
    before = whole[: match.start(rule.group) - match.start()]
    after = whole[match.end(rule.group) - match.start() :]
    return f"{before}{KINDS[rule.kind][chinese]}{after}"


def _is_card(text: str) -> bool:
    """Tell whether a number can be a bank card or account: the check digit of Luhn, or an IBAN."""
    if text[:2].isalpha():
        return True
    digits = [int(d) for d in text if d.isdigit()]
    if not 15 <= len(digits) <= 19:
        return False
    doubled = [d * 2 - 9 * (d > 4) if i % 2 else d for i, d in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 or len(digits) in (16, 19)


def _without_names(plain: str, names: Iterable[str], *, chinese: bool) -> str:
    word = KINDS["name"][chinese]
    there = [name for name in names if len(name) > 1 and name in plain]
    for name in sorted(there, key=len, reverse=True):
        if name in plain:
            edge = r"\b" if name.isascii() else ""
            plain = re.sub(f"{edge}{re.escape(name)}{edge}", word, plain)
    plain = _SHORT.sub(word, _CHINESE_NAME.sub(lambda m: _named(m, word), plain))
    for pattern in (_NAMED, _ENGLISH_NAME, _INTRODUCED):
        plain = pattern.sub(lambda m: m.group(0).replace(m.group(1), word), plain)
    return plain


def _named(match: re.Match[str], word: str) -> str:
    return match.group(0) if match.group(0) in _NOT_NAMES else word
