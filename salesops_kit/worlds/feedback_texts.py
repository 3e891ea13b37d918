"""What customers say, in both languages, by theme and mood.

A text is one of six sentences of its theme, language and mood, and one of four endings: 24 ways
to say it. Some texts carry a typing error, an emoji, traditional characters, or a name and a
phone number (invented ones) that must be masked before anybody reads them.
"""

from dataclasses import dataclass

import numpy as np

from salesops_kit.worlds import company as c


@dataclass(frozen=True)
class Theme:
    """A topic with six sentences per language and mood."""

    name: str
    good_en: tuple[str, ...]
    bad_en: tuple[str, ...]
    good_zh: tuple[str, ...]
    bad_zh: tuple[str, ...]


THEMES = (
    Theme(
        "delivery",
        ("Delivered on the promised day.", "Fast delivery, well packed.",
         "Arrived earlier than said.", "Shipping was smooth and on time.",
         "The date in the contract was kept.", "We could track the shipment all the way."),
        ("Delivery came three weeks late.", "We waited far too long for the instrument.",
         "Nobody told us that the delivery would slip.", "The delivery date moved twice.",
         "The crate arrived damaged and late.", "Late shipment held up our whole project."),
        ("交货很准时，包装也好。", "发货速度快，比约定还早。", "物流顺利，按时到货。",
         "合同约定的交期一天没拖。", "货到得很及时，没有影响我们开工。",
         "发货前后都有通知，物流清楚。"),
        ("交货晚了三个星期，耽误了我们的项目。", "等货等得太久，催了好几次。",
         "延期发货也没有人提前通知。", "交期一改再改，项目进度全乱了。",
         "货到的时候箱子都破了，还晚到。",
         "说好月底到货，拖到下个月才发。"),
    ),
    Theme(
        "price",
        ("Fair price for the quality.", "Good value.", "The offer fitted our budget.",
         "The quote was clear, no hidden cost.", "The price beats what others asked.",
         "Worth the money."),
        ("Too expensive compared with other suppliers.", "The final price was above the quote.",
         "Spare parts are overpriced.", "The price went up again this year.",
         "Our budget no longer covers your price list.", "Hard to explain this price to our boss."),
        ("性价比高，价格合理。", "价格在预算之内，很满意。", "报价清楚，没有额外费用。",
         "同样的配置价格比别家实在。", "这个价位能买到这个质量，值。", "价格给得很有诚意。"),
        ("价格比别家贵不少。", "最后的价格比报价高。", "配件太贵了。", "今年又涨价，预算都不够了。",
         "涨价也不提前打招呼，很被动。", "价格偏高，跟领导不好交代。"),
    ),
    Theme(
        "service",
        ("Service answered within the hour.", "The engineer explained everything.",
         "Great support after the sale.", "Installation and training went well.",
         "The hotline solved it at once.", "Service visits are punctual."),
        ("Service hotline rings and rings.", "The engineer had to come three times.",
         "No answer to our ticket for a week.", "After-sales support is slow.",
         "The service engineer did not know the model.", "Every repair needs five phone calls."),
        ("售后响应很快，工程师很专业。", "客服态度好，问题当天解决。", "安装调试讲解得很清楚。",
         "报修当天就派人上门了。", "售后培训做得细，大家都会用。", "工程师技术过硬，服务周到。"),
        ("售后电话一直打不通。", "工程师来了三次才修好。", "报修一周没有人处理。",
         "售后推来推去，没人负责。", "上门的工程师不熟悉这个型号。", "客服回复慢，每次都要催。"),
    ),
    Theme(
        "product",
        ("The instrument is accurate and stable.", "Easy to use.", "Works as promised.",
         "Readings are steady after months.", "Solid build, good software.",
         "The product meets our specification."),
        ("The sensor drifts after a month.", "The software crashes often.", "Hard to operate.",
         "The display failed in the first week.", "Readings are not repeatable.",
         "The pump leaks and had to be replaced."),
        ("仪器精度高，数据稳定。", "操作简单，很好上手。", "质量可靠，符合预期。",
         "用了几个月，读数一直很稳。", "做工扎实，软件也好用。",
         "各项指标都达到了技术协议的要求。"),
        ("用了一个月数据就漂移。", "软件经常死机。", "操作太复杂，不好用。",
         "第一周显示屏就坏了。", "重复性差，测两次结果不一样。", "泵漏液，刚用就要换件。"),
    ),
    Theme(
        "salesperson",
        ("Our contact knows our needs.", "Honest advice, no pressure.", "Always reachable.",
         "The sales rep kept every promise.", "Quick answers from our sales contact.",
         "The rep prepared the visit very well."),
        ("After the order nobody called back.", "Promises were not kept.",
         "Our contact changed twice.", "The new sales rep knows nothing about us.",
         "The rep promised features that do not exist.", "We had to chase our sales contact."),
        ("销售人员专业，很懂我们的需求。", "沟通顺畅，回复及时。", "顾问讲得实在，不夸大。",
         "业务员跟进很用心，答应的都做到了。", "销售经理随叫随到，配合得好。",
         "方案讲得透，选型建议中肯。"),
        ("签完合同就找不到销售了。", "销售承诺的没有兑现。", "对接人换了两次，每次都要重新讲。",
         "新来的业务员对我们的情况一无所知。", "销售把功能说得太满，实际没有。",
         "发消息给销售，两三天才回。"),
    ),
    Theme(
        "competitor",
        ("Better than what Lanqi showed us.", "We compared with Voltra and stay with you.",
         "Keming could not match this offer.", "We came over from Lanqi and do not regret it.",
         "Of three suppliers you were the most thorough.", "Voltra's demo was weaker than yours."),
        ("Lanqi offers the same for less.", "Voltra delivers in half the time.",
         "Next time we will also ask Keming.", "Voltra now visits us every month.",
         "Other suppliers already have this feature.", "Lanqi gives two years of warranty."),
        ("比蓝启的方案更合适。", "跟沃创对比过，还是选你们。", "科鸣给不出这样的条件。",
         "从蓝启换过来的，没有后悔。", "三家比下来，你们最认真。", "沃创的演示不如你们。"),
        ("同样的东西，蓝启便宜得多。", "沃创的交期只要一半。", "下次也会找科鸣报个价。",
         "沃创的人现在每个月都来拜访。", "这个功能别家早就有了。", "蓝启质保两年，你们只有一年。"),
    ),
)  # fmt: skip
NAMES = tuple(theme.name for theme in THEMES)
_ENDINGS = {
    "good_en": ("", " Thank you!", " We will order again.", " Keep it up."),
    "bad_en": ("", " Please look into it.", " We expected more.", " Not happy at all."),
    "good_zh": ("", "谢谢！", "下次还会合作。", "继续保持。"),
    "bad_zh": ("", "请尽快处理。", "希望改进。", "体验不太好。"),
}
_TRADITIONAL = str.maketrans(
    "货发时约单个们这说电话处应响实际题销员业务价报贵",
    "貨發時約單個們這說電話處應響實際題銷員業務價報貴",
)
_EMOJI = {"good_en": " 👍", "good_zh": "👍", "bad_en": " 😡", "bad_zh": "😡"}
_SHARE = 0.03  # of the texts, for each of the four oddities
_MOODS = ("bad_en", "good_en", "bad_zh", "good_zh")


def _all_texts() -> np.ndarray:
    """Return every text by theme, mood and language, and number."""
    table = [
        [[said + end for said in getattr(theme, mood) for end in _ENDINGS[mood]] for mood in _MOODS]
        for theme in THEMES
    ]
    return np.array(table, dtype=object)


_TEXTS = _all_texts()


def write(
    rng: np.random.Generator, theme: np.ndarray, good: np.ndarray, chinese: np.ndarray
) -> np.ndarray:
    """Return one text per theme (its position), mood and language."""
    n = len(theme)
    mood = good.astype(int) + 2 * chinese.astype(int)
    text = _TEXTS[theme, mood, rng.integers(0, _TEXTS.shape[2], n)]
    odd = rng.random(n)
    place = rng.integers(0, 10_000, n)
    changes = ((_mistyped, 0.0), (_with_emoji, 0.03), (_traditional, 0.06), (_named, 0.09))
    for change, since in changes:
        for i in np.flatnonzero((odd >= since) & (odd < since + _SHARE)):
            text[i] = change(text[i], _MOODS[mood[i]], int(place[i]))
    return np.asarray(text)


def _mistyped(text: str, _: str, place: int) -> str:
    """Swap two neighbouring characters, as fast fingers do."""
    at = 1 + place % max(len(text) - 3, 1)
    return text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :]


def _with_emoji(text: str, mood: str, place: int) -> str:
    return text + _EMOJI[mood] * (1 + place % 2)


def _traditional(text: str, _mood: str, _place: int) -> str:
    """Write Chinese in traditional characters."""
    return text.translate(_TRADITIONAL)


def _named(text: str, mood: str, place: int) -> str:
    """Leave an invented name and number to call back."""
    surname = c.SURNAMES[place % len(c.SURNAMES)]
    phone = f"1990000{place:04d}"
    if mood.endswith("zh"):
        return f"{text}请联系{surname[1]}经理，电话{phone}。"
    return f"{text} Please call Mr. {surname[0]}, {phone}."
