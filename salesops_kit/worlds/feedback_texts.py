"""What customers say, in both languages, by theme and mood."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Theme:
    """A topic with three sentences per language and mood."""

    name: str
    good_en: tuple[str, ...]
    bad_en: tuple[str, ...]
    good_zh: tuple[str, ...]
    bad_zh: tuple[str, ...]

    def say(self, *, good: bool, chinese: bool, number: int) -> str:
        """Return one sentence of the theme."""
        if chinese:
            return (self.good_zh if good else self.bad_zh)[number]
        return (self.good_en if good else self.bad_en)[number]


THEMES = (
    Theme(
        "delivery",
        ("Delivered on the promised day.", "Fast delivery, well packed.",
         "Arrived earlier than said."),
        ("Delivery came three weeks late.", "We waited far too long for the instrument.",
         "Nobody told us that the delivery would slip."),
        ("交货很准时，包装也好。", "发货速度快，比约定还早。", "物流顺利，按时到货。"),
        ("交货晚了三个星期，耽误了我们的项目。", "等货等得太久，催了好几次。",
         "延期发货也没有人提前通知。"),
    ),
    Theme(
        "price",
        ("Fair price for the quality.", "Good value.", "The offer fitted our budget."),
        ("Too expensive compared with other suppliers.", "The final price was above the quote.",
         "Spare parts are overpriced."),
        ("性价比高，价格合理。", "价格在预算之内，很满意。", "报价清楚，没有额外费用。"),
        ("价格比别家贵不少。", "最后的价格比报价高。", "配件太贵了。"),
    ),
    Theme(
        "service",
        ("Service answered within the hour.", "The engineer explained everything.",
         "Great support after the sale."),
        ("Service hotline rings and rings.", "The engineer had to come three times.",
         "No answer to our ticket for a week."),
        ("售后响应很快，工程师很专业。", "客服态度好，问题当天解决。", "安装调试讲解得很清楚。"),
        ("售后电话一直打不通。", "工程师来了三次才修好。", "报修一周没有人处理。"),
    ),
    Theme(
        "product",
        ("The instrument is accurate and stable.", "Easy to use.", "Works as promised."),
        ("The sensor drifts after a month.", "The software crashes often.", "Hard to operate."),
        ("仪器精度高，数据稳定。", "操作简单，很好上手。", "质量可靠，符合预期。"),
        ("用了一个月数据就漂移。", "软件经常死机。", "操作太复杂，不好用。"),
    ),
    Theme(
        "salesperson",
        ("Our contact knows our needs.", "Honest advice, no pressure.", "Always reachable."),
        ("After the order nobody called back.", "Promises were not kept.",
         "Our contact changed twice."),
        ("销售人员专业，很懂我们的需求。", "沟通顺畅，回复及时。", "顾问讲得实在，不夸大。"),
        ("签完合同就找不到销售了。", "销售承诺的没有兑现。", "对接人换了两次，每次都要重新讲。"),
    ),
)  # fmt: skip
