"""Invented feedback in both languages: ten themes of many sentences, and an issue nobody knows."""

from dataclasses import dataclass

import numpy as np

# per theme: things and what can be said of them; a text is one to three such clauses
_ZH = {
    "delivery": (
        "货车 包裹 快递单 发运 运单 仓库 到港 装箱",
        "晚了 拖了 丢了 催了三次 提前到了 准点 破损 没动静",
    ),
    "price": (
        "报价单 折扣 年费 单价 运费 预付款 涨幅 预算表",
        "太高 翻倍 合理 超支 便宜 降了 不透明 可以谈",
    ),
    "service": (
        "热线 维修员 工单 备件 保修期 回访 上门时间 值班",
        "没人接 很快 拖延 专业 推诿 耐心 过期 满意",
    ),
    "product": (
        "传感器 屏幕 电源 外壳 滤芯 按键 固件 校准",
        "漂移 闪烁 稳定 松动 耐用 失灵 精准 报警",
    ),
    "training": (
        "讲师 课件 教程 考试 实操 学员 课程表 认证",
        "清楚 太快 枯燥 实用 太难 生动 缺少 改期",
    ),
    "billing": (
        "发票 税号 对账单 退款 账期 抬头 收据 尾款",
        "开错 没收到 及时 重复 弄混 核对好了 拖欠 作废",
    ),
    "contract": (
        "条款 盖章 附件 签署 法务 违约金 续约 审批",
        "卡住 改了又改 顺利 不公平 清晰 漏了 加快 失效",
    ),
    "software": (
        "登录 界面 报表 导出 接口 权限 升级包 数据库",
        "崩溃 卡顿 顺手 报错 好看 丢失 兼容 变慢",
    ),
    "site": (
        "停车场 展厅 前台 会议室 样品间 电梯 食堂 门禁",
        "拥挤 干净 难找 舒适 吵闹 宽敞 坏了 方便",
    ),
    "advice": (
        "顾问 方案书 选型表 演示 调研 提案 对比表 试用",
        "中肯 敷衍 详细 含糊 对路 夸大 及时 冗长",
    ),
}
_EN = {
    "delivery": (
        "truck parcel pallet shipment tracking warehouse crate courier",
        "late lost early damaged delayed punctual missing stuck",
    ),
    "price": (
        "discount surcharge tariff rebate pricelist freight deposit markup",
        "steep fair doubled opaque lower negotiable excessive modest",
    ),
    "service": (
        "hotline technician ticket spares warranty callback visit dispatcher",
        "silent quick sloppy patient rude expired helpful slow",
    ),
    "product": (
        "sensor screen battery casing filter keypad firmware gauge",
        "drifts flickers sturdy loose durable dead precise beeps",
    ),
    "training": (
        "trainer slides tutorial exam workshop trainee syllabus certificate",
        "clear rushed dull useful hard lively absent postponed",
    ),
    "billing": (
        "invoice taxcode statement refund receipt ledger remittance balance",
        "wrong unpaid prompt duplicate confused settled overdue void",
    ),
    "contract": (
        "clause stamp annex signature lawyer penalty renewal approval",
        "blocked rewritten smooth unfair readable omitted faster void",
    ),
    "software": (
        "login dashboard report export interface permission upgrade database",
        "crashes lags handy errors pretty vanished compatible slower",
    ),
    "site": (
        "parking showroom reception meetingroom lobby elevator canteen gate",
        "crowded tidy hidden cosy loud spacious broken convenient",
    ),
    "advice": (
        "consultant proposal selection demo survey pitch comparison trial",
        "sound careless detailed vague fitting exaggerated timely lengthy",
    ),
}  # fmt: skip
_ZH_NEW = ("密封垫", "渗出液", "卡扣断", "漏胶")
_EN_NEW = ("gasket", "seepage", "latch", "resin")
THEMES = tuple(_ZH)
_LINKS = {
    "zh": (
        "的",
        "又",
        "确实",
        "一直",
        "最近",
        "这次",
    ),
    "en": (
        "was",
        "is",
        "really",
        "again",
    ),
}


@dataclass(frozen=True)
class Said:
    """Texts, the theme of each, and which of them hold the planted issue."""

    texts: list[str]
    theme: np.ndarray
    planted: np.ndarray


def write(rng: np.random.Generator, count: int, planted: float = 0.0) -> Said:
    """Write texts of random themes; a share of them about an issue nobody knew before.

    The issue has a name, which every text about it holds, and is spoken of in one language.
    """
    theme = rng.integers(0, len(THEMES), count)
    new = rng.random(count) < planted
    chinese = np.where(new, rng.random() < 0.6, rng.random(count) < 0.6)
    texts = [_text(rng, THEMES[theme[i]], bool(chinese[i]), bool(new[i])) for i in range(count)]
    return Said(texts, theme, new)


def _text(rng: np.random.Generator, theme: str, chinese: bool, new: bool) -> str:  # noqa: FBT001
    bank, language = (_ZH, "zh") if chinese else (_EN, "en")
    things, sayings = (part.split() for part in bank[theme])
    clauses = []
    for _ in range(rng.integers(1, 4)):
        link = rng.choice(_LINKS[language])
        joint = "" if chinese else " "
        clauses.append(joint.join((rng.choice(things), link, rng.choice(sayings))))
    if new:
        named, *others = _ZH_NEW if chinese else _EN_NEW
        clauses.append(("" if chinese else " ").join((named, rng.choice(others))))
    number = rng.integers(100, 9_999)  # what makes real texts differ: a number, a date
    return ("，" if chinese else ", ").join([*clauses, f"no. {number}"])


def is_planted(word: str) -> bool:
    """Tell whether a word, as segmented, belongs to the planted issue."""
    known = "".join(_ZH_NEW)
    return word in _EN_NEW or any(word in new or new in word for new in _ZH_NEW) or (
        len(word) > 1 and word in known
    )  # fmt: skip


def edited(rng: np.random.Generator, text: str, share: float = 0.05) -> str:
    """Change, add or drop this share of the characters, at least one."""
    signs = list(text)
    for _ in range(max(1, round(share * len(signs)))):
        place = int(rng.integers(0, len(signs)))
        what = rng.integers(0, 3)
        if what == 0:
            signs[place] = rng.choice(list("的了在是abcxyz"))
        elif what == 1:
            signs.insert(place, rng.choice(list("的了在是abcxyz")))
        elif len(signs) > 1:
            del signs[place]
    return "".join(signs)
