"""Invented feedback that holds personal data of every kind, in both languages, and how to count.

Names, numbers and addresses are drawn, so that no rule can know them; check digits are right.
"""

import numpy as np

from salesops_kit.models.text_privacy import masked, personal
from truth.text_worlds import write

_FAMILY = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董潘袁蔡蒋余"
_GIVEN = "伟芳娜敏静丽强磊洋艳勇军杰娟涛超霞平刚桂英华文建国志明晓雪梅"
_FIRST = [
    "James",
    "Mary",
    "Robert",
    "Linda",
    "Michael",
    "Susan",
    "David",
    "Karen",
    "Thomas",
    "Nancy",
    "Daniel",
    "Laura",
    "Anna",
    "Pavel",
]
_LAST = [
    "Miller",
    "Garcia",
    "Novak",
    "Schmidt",
    "Rossi",
    "Tanaka",
    "Kowalski",
    "Andersen",
    "Murphy",
    "Bennett",
    "Fischer",
]
_TITLES = ["先生", "女士", "经理", "总监", "主任", "老师", "师傅", "工程师"]
_CITIES = ("北京市朝阳区", "上海市浦东新区", "广州市天河区", "深圳市南山区", "杭州市西湖区")
_STREETS = ("建设路", "人民大道", "科技园南路", "中山北路", "学院街")
_ROADS = ["Baker", "Oak", "Maple", "Washington", "Hillside"]
_FRAMES = {
    "zh": {
        "name": ("请联系{}，他知道情况", "上次是{}来修的，态度很好", "{}答应周五给答复"),
        "phone": ("电话{}，请尽快回电", "我的手机是{}", "打{}一直没人接"),
        "email": ("发票请发到{}", "邮箱{}收不到报价单"),
        "id": ("身份证号{}登记错了", "证件{}已经提供过"),
        "bank": ("退款打到{}", "卡号{}，请核对到账"),
        "wechat": ("加我微信：{}细聊", "微信号{}随时联系"),
        "address": ("货送到{}就行", "地址是{}，别再送错"),
    },
    "en": {
        "name": ("Please ask {} about it.", "{} never called back.", "We spoke to {} last week."),
        "phone": ("Call me at {} please.", "My number is {}, nobody rang.", "Phone: {}"),
        "email": ("Send the invoice to {}.", "Write to {} instead."),
        "id": ("My SSN {} was on the form.",),
        "bank": ("The card {} was charged twice.", "Refund to account number: {} please"),
        "wechat": ("my WeChat id: {}",),
        "address": ("Ship it to {} next time.", "We are at {}."),
    },
}


def private_text(rng: np.random.Generator) -> tuple[str, str]:
    """Return a text and the personal item that must not be left in it."""
    language = str(rng.choice(["zh", "en"]))
    kind = str(rng.choice(list(_FRAMES[language])))
    item = _item(rng, kind, language)
    frame = str(rng.choice(_FRAMES[language][kind]))
    before = f"{rng.choice(['Mr.', 'Ms', 'Dr.'])} " if (kind, language) == ("name", "en") else ""
    after = str(rng.choice(_TITLES)) if (kind, language) == ("name", "zh") else ""
    said = write(rng, 1).texts[0]
    joint = "，" if language == "zh" else ". "
    return f"{said}{joint}{frame.format(before + item + after)}", item


def recall_and_touched(seed: int, count: int = 300) -> tuple[float, float]:
    """Return the share of items of which not half is left, and of clean texts that are touched."""
    rng = np.random.default_rng(seed)
    drawn = [private_text(rng) for _ in range(count)]
    hidden = [item[-max(2, len(item) // 2) :] not in masked(text) for text, item in drawn]
    clean = write(rng, count).texts
    return float(np.mean(hidden)), float(
        np.mean([bool(personal(text, masked(text))) for text in clean])
    )


def _item(rng: np.random.Generator, kind: str, language: str) -> str:
    digits = "".join(str(d) for d in rng.integers(0, 10, 24))
    return (_chinese if language == "zh" else _english)(rng, digits)[kind]


def _chinese(rng: np.random.Generator, digits: str) -> dict[str, str]:
    given = "".join(rng.choice(list(_GIVEN), rng.integers(1, 3)))
    mobile, land = f"1{rng.integers(3, 10)}{digits[:9]}", f"0{rng.integers(21, 30)}-8{digits[:7]}"
    born = f"{rng.integers(1955, 2005)}{rng.integers(1, 13):02d}{rng.integers(1, 29):02d}"
    place = f"{rng.choice(_CITIES)}{rng.choice(_STREETS)}{rng.integers(1, 300)}号"
    return _either(rng, digits) | {
        "name": rng.choice(list(_FAMILY)) + given,
        "phone": str(rng.choice([mobile, land])),
        "id": _checked_id(f"110105{born}{digits[:3]}"),
        "address": f"{place}{rng.integers(1, 30)}楼{rng.integers(101, 2900)}室",
    }


def _english(rng: np.random.Generator, digits: str) -> dict[str, str]:
    road = f"{rng.choice(_ROADS)} {rng.choice(['Street', 'Avenue', 'Road'])}"
    return _either(rng, digits) | {
        "name": f"{rng.choice(_FIRST)} {rng.choice(_LAST)}",
        "phone": f"+1 {rng.integers(212, 989)} {rng.integers(200, 999)} {digits[:4]}",
        "id": f"5{digits[:2]}-{digits[2:4]}-{digits[4:8]}",
        "address": f"{rng.integers(1, 300)} {road}",
    }


def _either(rng: np.random.Generator, digits: str) -> dict[str, str]:
    first = rng.choice(_FIRST).lower()
    return {"email": f"{first}{digits[:3]}@mail{digits[3]}.example.com",
            "wechat": f"{first}_{digits[:4]}", "bank": _luhn(f"6222{digits[:14]}")}  # fmt: skip


def _checked_id(first: str) -> str:
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(d) * w for d, w in zip(first, weights, strict=True))
    return first + "10X98765432"[total % 11]


def _luhn(first: str) -> str:
    doubled = [int(d) * 2 if place % 2 == 0 else int(d) for place, d in enumerate(reversed(first))]
    total = sum(d - 9 if d > 9 else d for d in doubled)
    return first + str(-total % 10)
