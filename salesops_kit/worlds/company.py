"""What an invented company is: its market, products, people and how it sells.

Names exist in English and Chinese, since the same company exports from a Zoho in English and a
Fxiaoke in Chinese. Every name is invented.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Named:
    """A word in both languages, and its weight among its peers."""

    en: str
    zh: str
    weight: float = 1.0


@dataclass(frozen=True)
class StagePlan:
    """How deals behave in a stage: chance to advance, typical stay in days, chance shown."""

    name: str
    advance: float
    days: float
    probability: float


REGIONS = (
    Named("East", "华东", 0.30),
    Named("South", "华南", 0.24),
    Named("North", "华北", 0.20),
    Named("Central", "华中", 0.14),
    Named("West", "西部", 0.12),
)
SOURCES = (
    Named("Web", "官网", 0.34),
    Named("Trade Show", "展会", 0.22),
    Named("Referral", "转介绍", 0.18),
    Named("Outbound", "电话开发", 0.26),
)
INDUSTRIES = (
    Named("Pharma", "医药", 0.24),
    Named("Food", "食品", 0.18),
    Named("Chemicals", "化工", 0.22),
    Named("Electronics", "电子", 0.20),
    Named("Environment", "环保", 0.16),
)
SEGMENTS = (
    Named("Small", "小型", 0.5),
    Named("Medium", "中型", 0.35),
    Named("Large", "大型", 0.15),
)
# (product, line, typical price in CNY)
PRODUCTS = (
    (Named("Spectrometer S2", "光谱仪 S2", 0.20), Named("Analyzers", "分析仪器"), 180_000.0),
    (Named("Chromatograph C5", "色谱仪 C5", 0.15), Named("Analyzers", "分析仪器"), 260_000.0),
    (Named("Balance B1", "天平 B1", 0.22), Named("Laboratory", "实验室设备"), 38_000.0),
    (Named("Incubator N3", "培养箱 N3", 0.15), Named("Laboratory", "实验室设备"), 62_000.0),
    (Named("Flow Sensor F7", "流量传感器 F7", 0.16), Named("Process", "过程仪表"), 85_000.0),
    (Named("Gas Detector G4", "气体检测仪 G4", 0.12), Named("Process", "过程仪表"), 110_000.0),
)
LOSS_REASONS = (
    Named("Price", "价格", 0.34),
    Named("Competitor", "竞争对手", 0.24),
    Named("No budget", "无预算", 0.20),
    Named("Delivery time", "交期", 0.12),
    Named("No decision", "未决策", 0.10),
)
COMPETITORS = (
    Named("Lanqi", "蓝启", 0.5),
    Named("Voltra", "沃创", 0.3),
    Named("Keming", "科鸣", 0.2),
)
STAGES = (
    StagePlan("qualification", 0.76, 9, 0.10),
    StagePlan("needs", 0.77, 13, 0.20),
    StagePlan("solution", 0.76, 17, 0.40),
    StagePlan("proposal", 0.75, 15, 0.60),
    StagePlan("negotiation", 0.80, 14, 0.75),
    StagePlan("contract", 0.92, 8, 0.90),
)
WON, LOST, VOID = "won", "lost", "invalid"
SURNAMES = (("Wang", "王"), ("Li", "李"), ("Zhang", "张"), ("Liu", "刘"), ("Chen", "陈"),
            ("Yang", "杨"), ("Zhao", "赵"), ("Huang", "黄"), ("Zhou", "周"), ("Wu", "吴"),
            ("Xu", "徐"), ("Sun", "孙"), ("Hu", "胡"), ("Zhu", "朱"), ("Gao", "高"),
            ("Lin", "林"))  # fmt: skip
GIVEN = (("Wei", "伟"), ("Min", "敏"), ("Jing", "静"), ("Lei", "磊"), ("Na", "娜"), ("Tao", "涛"),
         ("Xin", "欣"), ("Hao", "浩"), ("Yan", "燕"), ("Peng", "鹏"))  # fmt: skip
FIRM_FIRST = (("Hong", "宏"), ("Rui", "瑞"), ("Xin", "鑫"), ("Jia", "佳"), ("Tai", "泰"),
              ("Yuan", "源"), ("Sheng", "盛"), ("An", "安"), ("Kai", "凯"), ("Bo", "博"),
              ("Heng", "恒"), ("Fu", "福"), ("Hua", "华"), ("Jin", "金"), ("Dong", "东"),
              ("Mei", "美"), ("Guang", "广"), ("Qi", "启"), ("Zhong", "众"),
              ("Yi", "益"))  # fmt: skip
FIRM_SECOND = (("da", "达"), ("feng", "丰"), ("tong", "通"), ("long", "隆"), ("chang", "昌"),
               ("ming", "明"), ("li", "利"), ("kang", "康"), ("hui", "辉"), ("sen", "森"),
               ("rong", "荣"), ("yang", "洋"))  # fmt: skip
FIRM_KIND = (("Pharma", "制药"), ("Foods", "食品"), ("Chemical", "化工"), ("Electronics", "电子"),
             ("Environmental", "环保"))  # fmt: skip
CITIES = {
    "East": (("Shanghai", "上海市"), ("Hangzhou", "杭州市"), ("Nanjing", "南京市")),
    "South": (("Guangzhou", "广州市"), ("Shenzhen", "深圳市")),
    "North": (("Beijing", "北京市"), ("Tianjin", "天津市")),
    "Central": (("Wuhan", "武汉市"), ("Changsha", "长沙市")),
    "West": (("Chengdu", "成都市"), ("Xi'an", "西安市")),
}


def pick(rng: np.random.Generator, among: tuple[Named, ...], size: int) -> np.ndarray:
    """Draw positions in `among` by weight."""
    weights = np.array([item.weight for item in among])
    return rng.choice(len(among), size=size, p=weights / weights.sum())
