"""The company's exports as Fxiaoke gives them: Chinese labels, XLSX and GB18030 CSV.

There is no stage history; instead the deals were exported once a month, as a workbook of those
open or closed in the last 90 days, and today as a whole.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from salesops_kit.worlds import business
from salesops_kit.worlds import company as c
from salesops_kit.worlds.clock import DAY
from salesops_kit.worlds.exports import (
    day,
    hex_id,
    money,
    records,
    stamp,
    write_csv,
    write_xlsx,
)
from salesops_kit.worlds.kit_tables import Names, contract_cells, write_kit_tables
from salesops_kit.worlds.labels import StageLabels
from salesops_kit.worlds.people import left_at
from salesops_kit.worlds.simulate import Company

LABELS = {
    "qualification": "商机确认",
    "needs": "需求分析",
    "solution": "方案演示",
    "proposal": "报价",
    "negotiation": "商务谈判",
    "contract": "合同签订",
    "won": "赢单",
    "lost": "输单",
    "invalid": "无效",
}
STATUS = {"won": "赢单", "lost": "输单", "invalid": "无效"}
MINUTE = "%Y-%m-%d %H:%M"
ENCODING = "gb18030"
LEFT = "(已停用)"
DEAL_HEADER = ["数据ID", "商机名称（必填）", "客户名称（必填）", "商机金额", "预计成交日期",
               "销售流程", "商机阶段", "阶段状态", "阶段变更时间", "赢率", "产品", "线索来源",
               "商机类型", "输单原因", "竞争对手", "负责人（必填）", "负责人主属部门", "创建时间",
               "生命状态"]  # fmt: skip
SHORT = ["数据ID", "商机金额", "预计成交日期", "商机阶段", "阶段状态", "阶段变更时间", "赢率",
         "负责人", "创建时间"]  # fmt: skip


def write(company: Company, folder: Path, *, broken: bool) -> None:
    """Write every file of the export."""
    writer = _Writer(company, folder, broken=broken)
    writer.people()
    writer.snapshots()
    writer.deals()
    writer.around()


class _Writer:
    def __init__(self, company: Company, folder: Path, *, broken: bool) -> None:
        self.company, self.folder, self.broken = company, folder, broken
        self.tag = f"{company.world.export_on:%Y%m%d}"
        reps = company.reps
        self.labels = StageLabels(company.world, LABELS, "zh")
        self.rep_name = [f"{r.name_zh}{LEFT}" if r.leave_on else r.name_zh for r in records(reps)]
        self.plain_name = reps["name_zh"].tolist()
        self.account_name = company.accounts["name_zh"].tolist()
        self.team = [f"{r.zh}团队" for r in c.REGIONS]

    def _name(self, what: str, tag: str = "") -> str:
        return f"{what}对象导出结果_{tag or self.tag}"

    def _csv(self, what: str, header: list[str], rows: list[list[object]]) -> None:
        write_csv(self.folder / f"{self._name(what)}.csv", header, rows, ENCODING)

    def _xlsx(self, what: str, header: list[str], rows: list[list[object]], tag: str = "") -> None:
        write_xlsx(self.folder / f"{self._name(what, tag)}.xlsx", f"{what}数据", header, rows)

    def people(self) -> None:
        self._xlsx(
            "客户",
            ["数据ID", "客户名称（必填）", "行业", "客户级别", "区域", "城市", "员工人数",
             "创建时间"],
            [[hex_id("account", a.account), a.name_zh, c.INDUSTRIES[a.industry].zh,
              c.SEGMENTS[a.segment].zh, c.REGIONS[a.region].zh, a.city_zh, a.employees,
              f"{a.created_at:%Y-%m-%d %H:%M}"] for a in records(self.company.accounts)],
        )  # fmt: skip
        self._csv(
            "联系人",
            ["数据ID", "姓名（必填）", "客户名称（必填）", "职务", "邮件", "创建时间"],
            [[hex_id("contact", p.contact), p.name_zh, self.account_name[p.account], p.title_zh,
              p.email, f"{p.created_at:%Y-%m-%d %H:%M}"]
             for p in records(self.company.contacts)],
        )  # fmt: skip
        self._xlsx(
            "人员",
            ["人员ID", "姓名", "主属部门", "职位", "入职日期", "状态"],
            [[hex_id("rep", r.rep), self.rep_name[r.rep], self.team[r.region], "销售",
              f"{r.hire_on}", "停用" if r.leave_on else "启用"]
             for r in records(self.company.reps)],
        )  # fmt: skip
        self._xlsx(
            "产品",
            ["数据ID", "产品名称（必填）", "产品线", "标准价格"],
            [[hex_id("product", i), p[0].zh, p[1].zh, f"{p[2]:,.2f}"]
             for i, p in enumerate(c.PRODUCTS)],
        )  # fmt: skip
        self._csv(
            "销售线索",
            ["数据ID", "公司", "来源", "区域", "负责人", "状态", "创建时间", "分配时间",
             "首次跟进时间", "转换时间", "转换商机ID"],
            [self._lead(x) for x in records(self.company.leads)],
        )  # fmt: skip

    def _lead(self, lead: Any) -> list[object]:
        status = "已转换" if lead.converts else "跟进中" if lead.answered >= 0 else "未处理"
        return [
            hex_id("lead", lead.lead), self.account_name[lead.account],
            c.SOURCES[lead.source].zh, c.REGIONS[lead.region].zh, self.rep_name[lead.rep], status,
            stamp(lead.created, MINUTE), stamp(lead.assigned, MINUTE), stamp(lead.answered, MINUTE),
            stamp(lead.converted, MINUTE) if lead.converts else "",
            hex_id("deal", lead.deal) if lead.converts else "",
        ]  # fmt: skip

    def deals(self) -> None:
        rows = [self._deal(d) for d in records(self.company.deals)]
        if self.broken:
            rows[40] = [*rows[40][:3], "待定", *rows[40][4:]]
            rows[900] = ["5.70E+17", *rows[900][1:]]
            rows[1700] = [*rows[1700][:4], "2025-13-45", *rows[1700][5:]]
            total = money(self.company.deals["amount"].sum(), "{:,.2f}")
            rows.append(["合计", "", "", total, *[""] * (len(DEAL_HEADER) - 4)])
        self._csv("商机2.0", DEAL_HEADER, rows)

    def _deal(self, deal: Any) -> list[object]:
        product = c.PRODUCTS[deal.product][0].zh
        return [
            hex_id("deal", deal.deal), f"{self.account_name[deal.account]}-{product}",
            self.account_name[deal.account], money(deal.amount, "{:,.2f}"),
            day(deal.expected_day), "标准销售流程", self.labels.at(deal.stage),
            STATUS.get(deal.stage, "进行中"), stamp(deal.stage_at, MINUTE),
            f"{deal.probability * 100:.0f}%", product, c.SOURCES[deal.source].zh,
            "老客户" if deal.existing else "新客户",
            c.LOSS_REASONS[deal.reason].zh if deal.reason >= 0 else "",
            c.COMPETITORS[deal.rival].zh if deal.rival >= 0 else "",
            self.rep_name[deal.rep], self.team[deal.region], stamp(deal.created, MINUTE), "正常",
        ]  # fmt: skip

    def snapshots(self) -> None:
        """Write the deals as they stood in the night before each first of a month."""
        world = self.company.world
        for first in pd.date_range(world.start, world.export_on, freq="MS")[1:]:
            self._xlsx(
                "商机2.0",
                SHORT,
                [self._state(s, first) for s in records(self._standing(int(first.timestamp())))],
                tag=f"{first - pd.Timedelta(days=1):%Y%m%d}",
            )

    def _standing(self, moment: int) -> pd.DataFrame:
        """Return the last entry of every deal open at `moment` or closed in the 90 days before."""
        history = self.company.history
        state = history[history["entered"] < moment].groupby("deal").tail(1)
        closed = state["stage"].isin(STATUS)
        state = state[~closed | (state["entered"] > moment - 90 * DAY)]
        deals = self.company.deals.iloc[state["deal"].to_numpy()]
        gone = left_at(self.company.reps)[deals["first_rep"].to_numpy()] < moment
        is_open = ~state["stage"].isin(STATUS).to_numpy()
        owner = np.where(gone & is_open, deals["rep"], state["rep"])
        return state.assign(created=deals["created"].to_numpy(), owner=owner)

    def _state(self, state: Any, first: pd.Timestamp) -> list[object]:
        left = self.company.reps["leave_on"][state.owner]
        mark = LEFT if left is not None and left < first.date() else ""
        return [
            hex_id("deal", state.deal), money(state.amount, "{:,.2f}"), day(state.expected_day),
            self.labels.at(state.stage, first.timestamp() - 1),
            STATUS.get(state.stage, "进行中"), stamp(state.entered, MINUTE),
            f"{state.probability * 100:.0f}%", self.plain_name[state.owner] + mark,
            stamp(state.created, MINUTE),
        ]  # fmt: skip

    def around(self) -> None:
        done = business.activities(self.company)
        self._csv(
            "销售记录",
            ["数据ID", "销售记录类型", "商机ID", "客户名称", "创建人", "记录时间"],
            [[hex_id("activity", a.activity), business.KINDS[a.kind].zh, hex_id("deal", a.deal),
              self.account_name[a.account], self.rep_name[a.rep], stamp(a.at, MINUTE)]
             for a in records(done)],
        )  # fmt: skip
        placed = business.orders(self.company)
        self._xlsx(
            "销售订单",
            ["数据ID", "销售订单编号（必填）", "客户名称（必填）", "商机ID", "负责人", "下单日期",
             "销售订单金额", "数量", "产品名称", "订单状态", "交货日期", "订单类型", "合同开始日期",
             "合同结束日期", "是否续约"],
            [[hex_id("order", o.order), f"SO-{o.order + 10001}", self.account_name[o.account],
              hex_id("deal", o.deal) if o.deal >= 0 else "", self.rep_name[o.rep],
              stamp(o.at, "%Y-%m-%d"),
              money(o.amount, "{:,.2f}"), o.units, c.PRODUCTS[o.product][0].zh,
              "已发货" if o.delivered else "已下单",
              day(o.delivered_day) if o.delivered else "", *contract_cells(o, zh=True)]
             for o in records(placed)],
        )  # fmt: skip
        names = Names(hex_id, self.plain_name, self.team, [r.zh for r in c.REGIONS], "销售",
                      zh=True)  # fmt: skip
        write_kit_tables(self.company, self.folder, placed, names)
